# SPDX-License-Identifier: Apache-2.0
"""Multipart uploads (MPU), ranges (RNG), conditions (CND), and what replies tell (INF, RSP)."""
import hashlib
import os
import re
import threading

from wire import KEEP, Group, checksum, complete_xml, encode

mpu = Group("mpu").plain_too()
read = Group("read")

PART = KEEP * 512  # exactly 5 MiB
NO_UPLOAD = "404 NoSuchUpload"


# ---- MPU -------------------------------------------------------------------------------------------------------------


@mpu.case
def MPU_01_lists_of_parts(t):
    upload, parts = t.multipart("/aaa/mpu01", [(1, PART), (2, PART), (3, b"end")])
    one, two, three = parts
    for label, given, what in (("out of order", [two, one, three], "400 InvalidPartOrder"),
                               ("the same twice", [one, one, two], "400 InvalidPartOrder"),
                               ("a missing part", [one, two, (4, three[1])], "400 InvalidPart"),
                               ("another ETag", [one, (2, one[1][::-1]), three], "400 InvalidPart"),
                               ("an ETag that is none", [one, (2, "x" * 100), three], "400 InvalidPart"),
                               ("an empty ETag", [(1, "")], "400 InvalidPart / 400 MalformedXML"),
                               ("no parts", [], "400 MalformedXML / 400 InvalidRequest"),
                               ("too small before the last", [three, (4, "0" * 32)], "400 InvalidPart"),
                               ("10,001 parts", [(i, "0" * 32) for i in range(1, 10002)], "400")):
        reply = t.complete("/aaa/mpu01", upload, given)
        t.expect(label, reply, what)
        if reply.code == "InvalidPart":
            t.true(f"{label}: which", reply.value("PartNumber") and reply.value("UploadId") == upload)
        t.absent(label, "/aaa/mpu01")
    t.same("the upload is as it was", t.get("/aaa/mpu01", f"uploadId={upload}").values("PartNumber"), ["1", "2", "3"])
    t.expect("in order", t.complete("/aaa/mpu01", upload, parts), "200")
    digest = hashlib.md5(b"".join(bytes.fromhex(e) for _, e in parts)).hexdigest()
    t.same("ETag", t.ask(t.signed("HEAD", "/aaa/mpu01")).etag, f"{digest}-3")
    small, tiny = t.multipart("/aaa/mpu01s", [(1, b"small"), (2, b"end")])
    reply = t.complete("/aaa/mpu01s", small, tiny)
    t.expect("a small part before the last", reply, "400 EntityTooSmall")
    t.same("which", (reply.value("PartNumber"), reply.value("ProposedSize"), reply.value("MinSizeAllowed")),
           ("1", "5", "5242880"))
    t.expect("unquoted ETag, subset of the parts",
             t.ask(t.signed("POST", "/aaa/mpu01s", f"uploadId={small}",
                            body=complete_xml(tiny[1:]).replace(b'"', b""))), "200")
    t.same("only the part that was named", t.get("/aaa/mpu01s").body, b"end")


@mpu.case
def MPU_03_completed_twice(t):
    upload, parts = t.multipart("/aaa/mpu03", [(1, b"once")])
    for nth in range(3):
        reply = t.complete("/aaa/mpu03", upload, parts)
        t.expect(f"serially, {nth}", reply, "200")
        t.true(f"serially, {nth}: the same", parts and reply.value("ETag").strip('"').endswith("-1"))
    t.expect("gone from the lists", t.get("/aaa/mpu03", f"uploadId={upload}"), NO_UPLOAD)
    t.same("the bytes", t.get("/aaa/mpu03").body, b"once")
    for size in (b"x" * 50_000, PART + b"tail"):
        upload, parts = t.multipart("/aaa/mpu03p", [(1, size)])
        replies = in_parallel(16, lambda i: t.complete("/aaa/mpu03p", upload, parts))
        bad = [r for r in replies
               if not (r and (r.status == 200 and b"<Error>" not in r.body or r.code == "NoSuchUpload"))]
        t.same("16 at once, each 200 or NoSuchUpload", bad, [])
        t.same("at once: one ETag", len({r.value("ETag") for r in replies if r and r.status == 200}), 1)
        t.true("the bytes", t.get("/aaa/mpu03p").body == size)


def in_parallel(n, run):
    """run(i) in n threads, begun together; their answers in order, None where one raised."""
    answers, gate = [None] * n, threading.Barrier(n)

    def one(i):
        gate.wait()
        answers[i] = run(i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@mpu.case
def MPU_05_parts_after_the_end(t):
    upload, parts = t.multipart("/aaa/mpu05", [(1, b"x")])
    t.expect("abort", t.delete("/aaa/mpu05", f"uploadId={upload}"), "204")
    t.expect("UploadPart after abort", t.put_part("/aaa/mpu05", upload, 1, b"late"), NO_UPLOAD)
    t.expect("UploadPart of 5 MiB after abort", t.put_part("/aaa/mpu05", upload, 1, PART), NO_UPLOAD)
    t.expect("complete after abort", t.complete("/aaa/mpu05", upload, parts), NO_UPLOAD)
    t.expect("abort after abort", t.delete("/aaa/mpu05", f"uploadId={upload}"), NO_UPLOAD)
    t.expect("ListParts after abort", t.get("/aaa/mpu05", f"uploadId={upload}"), NO_UPLOAD)
    for nth in range(4):  # a part that arrives while the upload completes
        upload, parts = t.multipart("/aaa/mpu05c", [(1, PART)])
        answers = in_parallel(2, lambda i: t.complete("/aaa/mpu05c", upload, parts) if i
                              else t.put_part("/aaa/mpu05c", upload, 1, b"z" * len(PART)))
        t.true(f"{nth}: part 200 or NoSuchUpload", answers[0].status == 200 or answers[0].code == "NoSuchUpload",
               f"{answers[0]!r}")
        if answers[1].status == 200 and b"<Error>" not in answers[1].body:
            t.true(f"{nth}: the bytes are those of the list", t.get("/aaa/mpu05c").body == PART)
        else:
            t.expect(f"{nth}: complete", answers[1], "400 InvalidPart")
            t.delete("/aaa/mpu05c", f"uploadId={upload}")
    # An abort in the middle of a part's body.
    upload, _ = t.multipart("/aaa/mpu05a")
    with t.open() as c:
        data = t.signed("PUT", "/aaa/mpu05a", f"partNumber=1&uploadId={upload}", body=PART)
        c.send(data[:1 << 20])
        t.expect("abort meanwhile", t.delete("/aaa/mpu05a", f"uploadId={upload}"), "204")
        t.expect("the part then", c.send(data[1 << 20:]).reply(), NO_UPLOAD)
    t.same("no upload is left", re.findall(rb"<Key>(mpu05[^<]*)", t.get("/aaa", "uploads=").body), [])


@mpu.case
def MPU_06_the_list_decides(t):
    upload, _ = t.multipart("/aaa/mpu06")
    slow = t.open()
    data = t.signed("PUT", "/aaa/mpu06", f"partNumber=1&uploadId={upload}", body=b"a" * 100_000)
    slow.send(data[:-10])
    second = t.put_part("/aaa/mpu06", upload, 1, b"b" * 100_000)
    first = slow.send(data[-10:]).reply()
    slow.close()
    t.expect("first, finished last", first, "200")
    t.expect("with the ETag that was replaced", t.complete("/aaa/mpu06", upload, [(1, second.etag)]), "400 InvalidPart")
    t.expect("with the one that holds", t.complete("/aaa/mpu06", upload, [(1, first.etag)]), "200")
    t.same("the bytes", t.get("/aaa/mpu06").body, b"a" * 100_000)


@mpu.case
def MPU_07_many_parts(t):
    """Scaled: 600 parts, copied by reference so that they cost no bytes."""
    t.put("/aaa/mpu07src", PART)
    upload, _ = t.multipart("/aaa/mpu07")
    count, width = 600, 8
    etags = {}

    def copy(i):
        with t.open() as c:
            for n in range(1 + i, count + 1, width):
                c.send(t.signed("PUT", "/aaa/mpu07", f"partNumber={n}&uploadId={upload}",
                                [("x-amz-copy-source", "/aaa/mpu07src")]))
                etags[n] = c.reply().value("ETag").strip('"')
    before = t.memory()
    in_parallel(width, copy)
    t.same("all were copied", set(etags.values()), {hashlib.md5(PART).hexdigest()})
    numbers, marker = [], 0
    while True:
        page = t.get("/aaa/mpu07", f"uploadId={upload}&max-parts=97&part-number-marker={marker}")
        numbers += [int(n) for n in page.values("PartNumber")]
        marker = page.value("NextPartNumberMarker")
        if page.value("IsTruncated") != "true":
            break
    t.same("pages of 97", numbers, list(range(1, count + 1)))
    page = t.get("/aaa/mpu07", f"uploadId={upload}&max-parts=1&part-number-marker=300")
    t.same("a page of one", (page.values("PartNumber"), page.value("IsTruncated"), page.value("NextPartNumberMarker")),
           (["301"], "true", "301"))
    t.expect("complete", t.complete("/aaa/mpu07", upload, sorted(etags.items())), "200")
    head = t.ask(t.signed("HEAD", "/aaa/mpu07", "partNumber=600"))
    t.same("parts", (head.status, head.headers.get("x-amz-mp-parts-count"), head.headers.get("content-length")),
           (206, str(count), str(len(PART))))
    tail = t.get("/aaa/mpu07", headers=[("Range", f"bytes={len(PART) * 599 - 5}-{len(PART) * 599 + 4}")])
    t.same("bytes at the seam of the last two", tail.body, PART[-5:] + PART[:5])
    t.gained("memory", before, 8 << 20)
    t.delete("/aaa/mpu07")


@mpu.case
def MPU_08_upload_ids(t):
    upload, parts = t.multipart("/aaa/mpu08", [(1, b"x")])
    other, _ = t.multipart("/bbb/mpu08")
    ids = [upload, other] + [t.multipart("/bbb/mpu08")[0] for _ in range(10)]
    tails = [i[-16:] for i in ids]  # 96 random bits; a time and a counter come before them
    t.true("ids are random and long", all(len(i) >= 22 for i in ids) and all(
        sum(x == y for x, y in zip(a, b)) < 8 for i, a in enumerate(tails) for b in tails[:i]), f"{ids}")
    for label, uid in (("of another bucket", other), ("../x", "../x"), ("empty", ""), ("10 KiB", "A" * 10240),
                       ("cut", upload[:-1]), ("longer", upload + "A"),
                       ("of other case", upload.swapcase()), ("NUL-like", "%2500"), ("a space", "%20"),
                       ("slashes", "%2F%2F")):
        for method, path, query, body in (("PUT", "/aaa/mpu08", f"partNumber=1&uploadId={uid}", b"evil"),
                                          ("POST", "/aaa/mpu08", f"uploadId={uid}", complete_xml(parts)),
                                          ("DELETE", "/aaa/mpu08", f"uploadId={uid}", b""),
                                          ("GET", "/aaa/mpu08", f"uploadId={uid}", b"")):
            t.expect(f"{label}: {method}", t.ask(t.signed(method, path, query, body=body)), NO_UPLOAD)
    for method, query, body in (("PUT", f"partNumber=1&uploadId={upload}", b"evil"),
                                ("POST", f"uploadId={upload}", complete_xml(parts)),
                                ("DELETE", f"uploadId={upload}", b"")):
        t.expect(f"another key: {method}", t.ask(t.signed(method, "/aaa/other", query, body=body)), NO_UPLOAD)
        t.expect(f"another bucket: {method}", t.ask(t.signed(method, "/bbb/mpu08", query, body=body)), NO_UPLOAD)
    t.expect("the upload is as it was", t.complete("/aaa/mpu08", upload, parts), "200")
    t.same("its bytes", t.get("/aaa/mpu08").body, b"x")
    for name, uid in t.client.list_uploads("bbb"):
        t.delete(f"/bbb/{name}", f"uploadId={uid}")


@mpu.case
def customers_keys_in_the_clear_store_nothing(t):
    t.put("/aaa/mpurefsrc", b"x")
    upload, _ = t.multipart("/aaa/mpuref")
    part = f"partNumber=1&uploadId={upload}"
    for name in ("algorithm", "key"):
        header = (f"x-amz-server-side-encryption-customer-{name}", "AES256")
        for label, query, more in (("object", "", []), ("part", part, []), ("create", "uploads=", []),
                                   ("copy", "", [("x-amz-copy-source", "/aaa/mpurefsrc")]),
                                   ("part copy", part, [("x-amz-copy-source", "/aaa/mpurefsrc")])):
            method = "POST" if label == "create" else "PUT"
            t.expect(f"{label} with {header[0]}", t.ask(t.signed(method, "/aaa/mpuref", query, [header, *more])),
                     "400 InvalidRequest")
    t.absent("nothing is stored", "/aaa/mpuref")


@mpu.case
def MPU_09_ranges_of_part_copies(t):
    t.put("/aaa/mpu09src", b"0123456789")
    upload, _ = t.multipart("/aaa/mpu09")

    def copy(value):
        return t.ask(t.signed("PUT", "/aaa/mpu09", f"partNumber=1&uploadId={upload}",
                              [("x-amz-copy-source", "/aaa/mpu09src"), ("x-amz-copy-source-range", value)]))
    for value in ("bytes=0-", "bytes=-5", "0-5", "bytes=5-2", "bytes=0-18446744073709551616",
                  "bytes=18446744073709551616-18446744073709551617", "bytes=a-b", "",
                  "bytes=0-1,3-4", "bytes= 0-1", "octets=0-1", "bytes=0-10", "bytes=10-11", "bytes=0x0-0x5",
                  "bytes=-1--1", "bytes=+1-2"):
        t.expect(repr(value), copy(value), "400 InvalidArgument / 400 InvalidRequest / 416")
    reply = copy("bytes=2-4")
    t.expect("bytes=2-4", reply, "200")
    t.expect("complete", t.complete("/aaa/mpu09", upload, [(1, reply.value("ETag").strip('"'))]), "200")
    t.same("the bytes", t.get("/aaa/mpu09").body, b"234")


@mpu.case
def MPU_10_what_complete_promises(t):
    t.put("/aaa/mpu10", b"old")
    body = b"new content"
    upload, parts = t.multipart("/aaa/mpu10", [(1, body)])
    for header, value, what in (("x-amz-checksum-crc64nvme", checksum("crc64nvme", b"x"), "400 BadDigest"),
                                ("x-amz-mp-object-size", "5", "400 InvalidRequest"),
                                ("x-amz-mp-object-size", "-1", "400"), ("x-amz-mp-object-size", "x", "400"),
                                ("x-amz-mp-object-size", str(2**64), "400"),
                                ("x-amz-checksum-type", "COMPOSITE", "400 InvalidRequest"),
                                ("If-Match", '"0000"', "412"), ("If-None-Match", "*", "412")):
        t.expect(f"{header}: {value}", t.complete("/aaa/mpu10", upload, parts, headers=[(header, value)]), what)
        t.same(f"{header}: the old object", t.get("/aaa/mpu10").body, b"old")
    t.expect("right", t.complete("/aaa/mpu10", upload, parts,
                                 headers=[("x-amz-checksum-crc64nvme", checksum("crc64nvme", body)),
                                          ("x-amz-mp-object-size", str(len(body)))]), "200")
    t.same("the new object", t.get("/aaa/mpu10").body, body)
    created = t.ask(t.signed("POST", "/aaa/mpu10c", "uploads=", [("x-amz-checksum-algorithm", "SHA256")]))
    upload = created.value("UploadId")
    part = t.put_part("/aaa/mpu10c", upload, 1, body, headers=[("x-amz-checksum-sha256", checksum("sha256", body))])
    t.expect("another algorithm for a part", t.put_part("/aaa/mpu10c", upload, 2, body,
                                                        headers=[("x-amz-checksum-crc32", checksum("crc32", body))]),
             "400 InvalidRequest")
    t.expect("without the parts' checksums", t.complete("/aaa/mpu10c", upload, [(1, part.etag)]), "400 InvalidRequest")
    for given, what in ((checksum("sha256", b"x"), "400 InvalidPart"), (checksum("sha256", body), "200")):
        document = complete_xml([(1, part.etag)]).replace(b"</ETag>",
                                                          f"</ETag><ChecksumSHA256>{given}</ChecksumSHA256>".encode())
        t.expect(f"part's checksum {given}",
                 t.ask(t.signed("POST", "/aaa/mpu10c", f"uploadId={upload}", body=document)), what)


@mpu.case
def MPU_11_complete_is_seen_at_once(t):
    for i in range(10):
        path = f"/aaa/mpu11/{i}"
        upload, parts = t.multipart(path, [(1, PART if i == 0 else b"x" * 30_000)])
        with t.open() as c:
            t.expect(f"{i} complete",
                     c.send(t.signed("POST", path, f"uploadId={upload}", body=complete_xml(parts))).reply(), "200")
        t.expect(f"{i} GET", t.get(path), "200")
        t.expect(f"{i} HEAD", t.ask(t.signed("HEAD", path)), "200")
        t.expect(f"{i} copy", t.put(f"/aaa/mpu11copy/{i}", headers=[("x-amz-copy-source", path)]), "200")
        t.true(f"{i} list", f"mpu11/{i}" in t.get("/aaa", "list-type=2&prefix=mpu11/").values("Key"))
        t.expect(f"{i} DELETE", t.delete(path), "204")
        t.expect(f"{i} the copy stays", t.get(f"/aaa/mpu11copy/{i}"), "200")


# ---- RNG -------------------------------------------------------------------------------------------------------------


@read.case
def RNG_01_many_ranges(t):
    body = KEEP * 100
    t.put("/aaa/rng01", body)
    many = ",".join(["0-0"] * 5000)
    for label, value in (("5,000 ranges", f"bytes={many}"), ("overlapping", "bytes=0-,0-,0-,0-"),
                         ("two", "bytes=0-1,5-6"), ("descending", "bytes=9-9,0-0")):
        start = t.cpu()
        reply = t.get("/aaa/rng01", headers=[("Range", value)])
        t.expect(label, reply, "200 / 416")
        t.true(f"{label}: once", reply.status == 416 or reply.body == body)
        t.true(f"{label}: quickly", t.cpu() - start < 1)
    t.expect("10,000 ranges", t.get("/aaa/rng01", headers=[("Range", "bytes=" + ",".join(["0-0"] * 10_000))]),
             "200 / 416 / 431 / 400")


@read.case
def RNG_02_ranges(t):
    t.put("/aaa/rng02", b"0123456789")
    whole, bad = (200, b"0123456789"), (416, None)
    for value, (status, body) in (("bytes=0-8", (206, b"012345678")), ("bytes=1-", (206, b"123456789")),
                                  ("bytes=-2", (206, b"89")), ("bytes=-15", (206, b"0123456789")),
                                  ("bytes=0-100", (206, b"0123456789")), ("bytes=9-9", (206, b"9")),
                                  ("bytes=9-18446744073709551615", (206, b"9")),
                                  ("bytes=5-2", whole), ("bytes=a-b", whole), ("octets=0-1", whole), ("bytes=", whole),
                                  ("bytes=-", whole), ("0-1", whole),
                                  ("bytes=0--1", whole), ("bytes=-1-", whole), ("bytes =0-1", whole), ("", whole),
                                  ("bytes=-0", bad), ("bytes=10-", bad), ("bytes=100-200", bad),
                                  ("bytes=18446744073709551615-", bad)):
        for method in ("GET", "HEAD"):
            reply = t.ask(t.signed(method, "/aaa/rng02", headers=[("Range", value)]))
            if not t.true(f"{method} {value}", reply.status == status, f"{reply!r}"):
                continue
            if status == 416:
                t.same(f"{method} {value}, Content-Range", reply.headers.get("content-range"), "bytes */10")
            else:
                t.same(f"{method} {value}, length", reply.headers.get("content-length"), str(len(body)))
                t.same(f"{method} {value}, Content-Range", "content-range" in reply.headers, status == 206)
            if method == "GET" and body is not None:
                t.same(value, reply.body, body)
    for value in ("bytes=-18446744073709551616", "bytes=18446744073709551616-", "bytes=99999999999999999999999-",
                  "bytes=0-99999999999999999999999"):
        t.true(value, t.get("/aaa/rng02", headers=[("Range", value)]).status in (200, 206, 416))
    t.put("/aaa/rng02empty", b"")
    for value in ("bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"):
        t.true(f"{value} of nothing", t.get("/aaa/rng02empty", headers=[("Range", value)]).status in (200, 416))
    t.expect("0- of nothing", t.get("/aaa/rng02empty", headers=[("Range", "bytes=0-")]), "416 InvalidRange")
    reply = t.get("/aaa/rng02", headers=[("Range", "bytes=100-200")])
    t.same("what was wrong", (reply.code, reply.value("RangeRequested"), reply.value("ActualObjectSize")),
           ("InvalidRange", "bytes=100-200", "10"))
    big = KEEP * 100
    t.put("/aaa/rng02big", big)
    for first, last in ((0, 0), (65535, 65536), (65536, 131071), (262143, 262145), (len(big) - 1, len(big) - 1),
                        (1, len(big) - 2)):
        reply = t.get("/aaa/rng02big", headers=[("Range", f"bytes={first}-{last}")])
        t.true(f"{first}-{last} of a blob", reply.status == 206 and reply.body == big[first:last + 1])


@read.case
def RNG_03_part_numbers(t):
    t.put("/aaa/rng03", b"12345678")
    t.expect("with Range", t.get("/aaa/rng03", "partNumber=1", headers=[("Range", "bytes=0-1")]), "400 InvalidRequest")
    reply = t.get("/aaa/rng03", "partNumber=2")
    t.expect("past the end", reply, "416 InvalidPartNumber")
    t.same("how many", (reply.value("PartNumberRequested"), reply.value("ActualPartCount")), ("2", "1"))
    reply = t.get("/aaa/rng03", "partNumber=1")
    t.same("the one", (reply.status, reply.headers.get("content-range"), "x-amz-mp-parts-count" in reply.headers),
           (206, "bytes 0-7/8", False))


# ---- CND -------------------------------------------------------------------------------------------------------------


@read.case
def CND_03_forms_of_conditions(t):
    etag = t.put("/aaa/cnd03", b"x").etag
    for label, headers, what in (("both", [("If-Match", etag), ("If-None-Match", "*")], "501 NotImplemented"),
                                 ("If-None-Match of an ETag", [("If-None-Match", '"x"')], "501 NotImplemented"),
                                 ("If-Match *", [("If-Match", "*")], "501 NotImplemented"),
                                 ("If-Modified-Since", [("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT")],
                                  "501 NotImplemented"),
                                 ("If-None-Match *", [("If-None-Match", "*")], "412 PreconditionFailed"),
                                 ("another ETag", [("If-Match", '"' + "0" * 32 + '"')], "412 PreconditionFailed"),
                                 ("unquoted", [("If-Match", etag)], "200"),
                                 ("quoted", [("If-Match", f'"{etag}"')], "200")):
        for size in (1, 100_000):
            body = b"x" if size == 1 else b"y" * size
            reply = t.put("/aaa/cnd03", body, headers=headers)
            t.expect(f"{label} {size}", reply, what)
            if reply.status == 412:
                t.same(f"{label}, Condition", reply.value("Condition"), headers[0][0])
            if reply.status == 200:
                t.put("/aaa/cnd03", b"x")
    t.expect("If-Match where nothing is", t.put("/aaa/cnd03none", b"x", headers=[("If-Match", etag)]), "404 NoSuchKey")
    t.expect("If-None-Match where nothing is", t.put("/aaa/cnd03none", b"x", headers=[("If-None-Match", "*")]), "200")
    t.expect("weak, list", t.put("/aaa/cnd03", b"x", headers=[("If-Match", f'W/"{etag}"')]), "412 / 200 / 501 / 400")
    for label, headers, what in (("other", [("If-Match", '"0"')], "412"),
                                 ("right", [("If-Match", f'"{etag}"')], "204"),
                                 ("size", [("x-amz-if-match-size", "1")], "501"),
                                 ("time", [("x-amz-if-match-last-modified-time", "x")], "501")):
        t.put("/aaa/cnd03", b"x")
        t.expect(f"DELETE {label}", t.delete("/aaa/cnd03", headers=headers), what)


@read.case
def conditional_reads(t):
    t.put("/aaa/cndread", b"x")
    head = t.ask(t.signed("HEAD", "/aaa/cndread"))
    etag, modified = head.headers["etag"], head.headers["last-modified"]
    past, future = "Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers, status in (({"If-Match": etag}, 200), ({"If-Match": etag.strip('"')}, 200), ({"If-Match": "*"}, 200),
                            ({"If-Match": f'"a", {etag}'}, 200), ({"If-Match": '"a"'}, 412),
                            ({"If-None-Match": etag}, 304), ({"If-None-Match": "*"}, 304),
                            ({"If-None-Match": '"a"'}, 200), ({"If-None-Match": f'W/{etag}'}, 304),
                            ({"If-Modified-Since": modified}, 304), ({"If-Modified-Since": past}, 200),
                            ({"If-Modified-Since": future}, 200), ({"If-Modified-Since": "soon"}, 200),
                            ({"If-Unmodified-Since": modified}, 200), ({"If-Unmodified-Since": past}, 412),
                            ({"If-Match": etag, "If-Unmodified-Since": past}, 200),
                            ({"If-None-Match": '"a"', "If-Modified-Since": modified}, 200),
                            ({"If-Match": '"a"', "If-None-Match": etag}, 412),
                            ({"If-Range": etag, "Range": "bytes=0-0"}, 206),
                            ({"If-Range": '"a"', "Range": "bytes=0-0"}, 200),
                            ({"If-Range": past, "Range": "bytes=0-0"}, 200)):
        for method in ("GET", "HEAD"):
            reply = t.ask(t.signed(method, "/aaa/cndread", headers=headers))
            t.same(f"{method} {headers}", reply.status, status)
            if status == 304:
                t.true(f"{method} {headers}: validators",
                       reply.headers.get("etag") == etag and reply.headers.get("last-modified") == modified)
    t.expect("a missing object first", t.get("/aaa/none", headers=[("If-Match", "x")]), "404 NoSuchKey")
    for name, value, what in (("if-match", '"a"', "412"), ("if-none-match", etag, "412"),
                              ("if-modified-since", modified, "412"), ("if-unmodified-since", past, "412"),
                              ("if-match", etag, "200")):
        reply = t.put("/aaa/cndcopy",
                      headers=[("x-amz-copy-source", "/aaa/cndread"), (f"x-amz-copy-source-{name}", value)])
        t.expect(f"copy {name}: {value}", reply, what)
    for account, what in (("000000000000", "200"), ("123456789012", "403 AccessDenied"),
                          ("me", "400 InvalidBucketOwnerAWSAccountID")):
        for name in ("expected", "source-expected"):
            reply = t.put("/aaa/cndcopy", headers=[("x-amz-copy-source", "/aaa/cndread"),
                                                   (f"x-amz-{name}-bucket-owner", account)])
            t.expect(f"{name} owner {account}", reply, what)


# ---- INF and RSP -----------------------------------------------------------------------------------------------------


@read.case
def INF_01_conditions_tell_strangers_nothing(t):
    head = t.ask(t.signed("HEAD", "/bbb/keep"))
    etag, modified = head.headers["etag"], head.headers["last-modified"]
    for name, value in (("If-Modified-Since", modified), ("If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT"),
                        ("If-Match", etag), ("If-Match", '"x"'), ("If-None-Match", etag),
                        ("Range", "bytes=99999999-"), ("Range", "bytes=0-1"), ("If-None-Match", "*")):
        for method in ("GET", "HEAD"):
            for what, data in (("anonymous", t.plain(method, "/bbb/keep", [(name, value)])),
                               ("forged", t.signed(method, "/bbb/keep", headers=[(name, value)], secret="wrong"))):
                reply = t.ask(data)
                t.same(f"{what} {method} {name}", reply.status, 403)
                shown = {"etag", "last-modified", "x-amz-version-id", "content-range",
                         "accept-ranges"} & set(reply.headers)
                t.same(f"{what} {method} {name}: headers", shown, set())
                t.true(f"{what} {method} {name}: body", what == "forged" or etag.strip('"').encode() not in reply.body)
    there, absent = t.ask(t.plain("GET", "/bbb/keep")), t.ask(t.plain("GET", "/bbb/none"))
    t.same("strangers cannot tell what is there", (there.status, there.code), (absent.status, absent.code))


@read.case
def INF_03_errors_tell_nothing_of_the_machine(t):
    for data in (t.signed("GET", "/aaa/none"), t.signed("GET", "/aaa", "website="), t.signed("GET", "/aaa", "max-keys=x"),
                 t.signed("PUT", "/aaa/k", body=b"x", secret="wrong"),
                 t.signed("POST", "/aaa", "delete=", body=b"<"), b"GET / HTTP/1.1\r\n\r\n",
                 t.signed("PATCH", "/aaa/k"), t.signed("GET", "/" + "k" * 300)):
        reply = t.ask(data)
        text = reply.body.decode() + str(reply.lines)
        for word in (t.pail.data, "/usr/", ".c:", "errno", "lmdb", "libxml", "OpenSSL", "libevent"):
            t.true(f"{data[:20]!r}: no {word}", word not in text, text)
        t.same(f"{data[:20]!r}: Server", reply.headers.get("server"), "Pail")


@read.case
def INF_03_rotten_bytes_are_never_served(t):
    body = KEEP * 33
    t.put("/aaa/inf03", body)
    blobs = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(t.pail.data, "blobs")) for f in files]
    mine = sorted((b for b in blobs if len(body) < os.path.getsize(b) < len(body) + 65536), key=os.path.getmtime)[-1]
    for at in (100_000, 300_000):
        with open(mine, "r+b") as f:
            f.seek(at)
            was = f.read(1)
            f.seek(at)
            f.write(bytes([was[0] ^ 4]))
        for label, data in (("GET", t.signed("GET", "/aaa/inf03")),
                            ("range",
                             t.signed("GET", "/aaa/inf03", headers=[("Range", f"bytes={at - 10}-{at + 10}")]))):
            with t.open() as c:
                c.send(data)
                got = b""
                while piece := c.more():
                    got += piece
            head, _, sent = got.partition(b"\r\n\r\n")
            status = head[9:12]
            start = at - 10 if label == "range" else 0
            t.true(f"{label} at {at}: an error, or cut short of the rotten byte",
                   status == b"500" or len(sent) <= at - start and sent == body[start:start + len(sent)],
                   f"{head[:100]!r} and {len(sent)} bytes")
            for word in (t.pail.data.encode(), b"blobs", b"corrupt"):
                t.true(f"{label} at {at}: no {word}", word not in got.replace(body[:100], b""))
        with open(mine, "r+b") as f:
            f.seek(at)
            f.write(was)
    t.true("the operator is told", t.wait(lambda: "ERROR" in t.log() and "inf03" in t.log()))
    t.true("healed, it is served", t.get("/aaa/inf03").body == body)


@read.case
def RSP_01_anonymous_overrides(t):
    for name in ("content-type", "content-disposition", "cache-control", "expires", "content-language",
                 "content-encoding"):
        reply = t.ask(t.plain("GET", f"/bbb/keep?response-{name}=x"))
        t.expect(f"response-{name}", reply, "400 InvalidRequest")
    t.put("/aaa/rsp01", b"x", headers=[("Content-Type", "text/plain"), ("Cache-Control", "no-store")])
    for name, value in (("content-type", "text/html"), ("content-disposition", 'attachment; filename="a.txt"'),
                        ("cache-control", "max-age=1"), ("expires", "never"),
                        ("content-language", "de"), ("content-encoding", "identity")):
        for method in ("GET", "HEAD"):
            reply = t.ask(t.signed(method, "/aaa/rsp01", f"response-{name}={encode(value)}"))
            t.same(f"{method} response-{name}", reply.all(name), [value])
    t.same("errors are not overridden",
           t.get("/aaa/none", "response-content-type=text%2Fhtml").headers.get("content-type"), "application/xml")
    reply = t.get("/bbb/keep", "response-content-type=text%2Fhtml&response-expires=%01")
    t.expect("an override that is none", reply, "400 InvalidArgument")
    t.same("nothing of the others stays", reply.all("content-type"), ["application/xml"])


@read.case
def RSP_03_markup_in_names(t):
    evil = "<script>alert(1)</script>&\"'"
    path = "/aaa/" + encode(evil)
    for label, reply in (("NoSuchKey", t.get(path)), ("InvalidArgument", t.get(path, "versionId=" + encode(evil))),
                         ("NoSuchBucket", t.get("/" + encode(evil) + "/k")),
                         ("method", t.ask(t.signed("PATCH", path))), ("signature", t.get(path, secret="wrong")),
                         ("max-keys", t.get("/aaa", "max-keys=" + encode(evil)))):
        t.true(f"{label}: an error", reply.status >= 400)
        t.true(f"{label}: escaped", b"<script>" not in reply.body, repr(reply.body))
        t.same(f"{label}: Content-Type", reply.headers.get("content-type"), "application/xml")
        t.same(f"{label}: nosniff", reply.headers.get("x-content-type-options"), "nosniff")
    t.put(path, b"x")
    listing = t.get("/aaa", "list-type=2&prefix=" + encode(evil))
    t.true("list: escaped", b"<script>" not in listing.body)
    t.same("list: the name", listing.values("Key"), [evil])
    t.delete(path)


@read.case
def RSP_04_browsers_are_sent_nowhere_else(t):
    for host in ("evil.example", "evil.example:443", "localhost"):
        for path in ("/", "/aaa", "/aaa/", "/bbb/keep", "//evil.example/x"):
            reply = t.ask(t.plain("GET", path, [("Accept", "text/html"), ("User-Agent", "Mozilla/5.0")], host=host))
            t.true(f"{host} {path}", "evil" not in reply.headers.get("location", "") and not 300 <= reply.status < 400,
                   f"{reply!r}")
            t.true(f"{host} {path}: no cookie", "set-cookie" not in reply.headers)


@read.case
def request_ids_agree(t):
    seen = set()
    for data in (t.signed("GET", "/bbb/keep"), t.signed("GET", "/aaa/none"), t.signed("PUT", "/aaa/ids", body=b"x"),
                 t.signed("HEAD", "/bbb/keep"), t.signed("DELETE", "/aaa/ids"),
                 b"BAD\r\n\r\n", t.signed("GET", "/bbb/keep", headers=[("If-None-Match", "*")])):
        reply = t.ask(data, data[:4].decode().strip())
        t.expect(f"{data[:20]!r}", reply, f"{reply.status}")
        line = t.access_line(reply.request_id)
        t.true(f"{data[:20]!r}: one access line", t.log().count(f" access {reply.request_id}") == 1, line)
        t.true(f"{data[:20]!r}: its status", f" {reply.status} " in line, line)
        seen.add(reply.request_id)
    t.same("ids are unique", len(seen), 7)
