# SPDX-License-Identifier: Apache-2.0
"""aws-chunked uploads (CHK): every signature, every length, every trailer."""
import hashlib
import re

from wire import (KEEP, SIGNED_CHUNKS, SIGNED_TRAILER, UNSIGNED, UNSIGNED_TRAILER, Group, checksum)

chk = Group("chk").plain_too()

MODES = (SIGNED_CHUNKS, SIGNED_TRAILER, UNSIGNED_TRAILER)
SMALL, LARGE = KEEP[:1000], KEEP * 40  # inline, and through a worker
ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5")
INCOMPLETE = "400 IncompleteBody"


def trailer(body, name="crc32"):
    return [(f"x-amz-checksum-{name}", checksum(name, body))]


def upload(t, path, body, mode, **options):
    if mode != SIGNED_CHUNKS:
        options.setdefault("trailers", trailer(body))
    return t.chunked(path, body, mode, **options)


def bodies():
    return (("small", SMALL), ("large", LARGE))


@chk.case
def chunked_uploads_work(t):
    for mode in MODES:
        for label, body in (*bodies(), ("empty", b"")):
            for size in (8192, 65536, 1 << 20):
                t.expect(f"{mode} {label} {size}", t.ask(upload(t, "/aaa/chk", body, mode, size=size)), "200")
                t.same(f"{mode} {label} {size}", t.get("/aaa/chk").body, body)
            t.expect(f"{mode} {label} in chunked coding", t.ask(upload(t, "/aaa/chk2", body, mode, outer=True)), "200")
            t.same(f"{mode} {label} in chunked coding", t.get("/aaa/chk2").body, body)


@chk.case
def line_ends_that_clients_leave_out(t):
    """Some SDKs end trailers by LF alone, or leave the last CR LF out."""
    for mode in (SIGNED_TRAILER, UNSIGNED_TRAILER):
        for label, edit in (("no last CR LF", lambda p: p[:-1]),
                            ("LF after trailers",
                             lambda p: p[:2] + [x.replace(b"\r\n", b"\n") for x in p[2:-1]] + p[-1:])):
            t.expect(f"{mode}, {label}", t.ask(upload(t, "/aaa/chkends", SMALL, mode, edit=edit)), "200")
            t.same(f"{mode}, {label}", t.get("/aaa/chkends").body, SMALL)


def forge(piece):
    return re.sub(rb"(signature[=:])[0-9a-f]{64}", lambda m: m.group(1) + b"5f" * 32, piece)


def at(i, change):
    def edit(pieces):
        pieces[i] = change(pieces[i])
        return pieces
    return edit


def without(*positions):
    return lambda pieces: [p for i, p in enumerate(pieces) if i - len(pieces) not in positions and i not in positions]


@chk.case
def CHK_02_chunk_signatures(t):
    for label, body in bodies():
        final = -2
        for what, edit, code in (
                ("final signature wrong", at(final, forge), "403 SignatureDoesNotMatch"),
                ("final signature absent", at(final, lambda p: b"0\r\n"), INCOMPLETE + " / 403"),
                ("final chunk absent", without(-1, -2), INCOMPLETE),
                ("first signature wrong", at(0, forge), "403 SignatureDoesNotMatch"),
                ("first signature absent", at(0, lambda p: re.sub(rb";chunk-signature=[0-9a-f]+", b"", p)),
                 INCOMPLETE + " / 403"),
                ("signature cut", at(0, lambda p: p.replace(b"chunk-signature=", b"chunk-signature=0", 1)),
                 INCOMPLETE + " / 403"),
                ("data changed", at(0, lambda p: p[:-3] + bytes([p[-3] ^ 1]) + p[-2:]), "403 SignatureDoesNotMatch"),
                ("bytes after the end", lambda p: p + [b"0\r\n\r\n"], INCOMPLETE)):
            t.refused(f"{label}: {what}", t.chunked("/aaa/chk02", body, size=65536, edit=edit), code, "/aaa/chk02")
    swap = lambda p: [p[1], p[0], *p[2:]]  # noqa: E731
    t.refused("chunks swapped", t.chunked("/aaa/chk02", LARGE, edit=swap), "403 SignatureDoesNotMatch", "/aaa/chk02")
    t.refused("a chunk twice", t.chunked("/aaa/chk02", LARGE + LARGE[:65536], decoded=len(LARGE) + 65536,
                                         edit=lambda p: [p[0], *p[:-3], *p[-2:]]), "403 SignatureDoesNotMatch",
              "/aaa/chk02")


@chk.case
def CHK_03_decoded_length(t):
    for mode in MODES:
        for label, body in bodies():
            for decoded, code in ((len(body) - 1, INCOMPLETE), (len(body) + 1, INCOMPLETE), (0, INCOMPLETE),
                                  (-1, "400"), (2**63, "400"), (2**64, "400"), ("1e3", "400"), ("", "400 / 411"),
                                  (f"{len(body)},{len(body)}", "400"), (None, "411 MissingContentLength")):
                t.refused(f"{mode} {label}: {decoded}", upload(t, "/aaa/chk03", body, mode, decoded=decoded), code,
                          "/aaa/chk03")
    t.refused("more than a part may have", t.chunked("/aaa/chk03", SMALL, decoded=5 * 1024**3 + 1),
              "400 EntityTooLarge", "/aaa/chk03")


@chk.case
def CHK_05_wrong_trailer_checksum(t):
    for name in ALGORITHMS:
        for label, body in bodies():
            body = body[:70_000]
            for mode in (SIGNED_TRAILER, UNSIGNED_TRAILER):
                t.refused(f"{name} {label} {mode}",
                          t.chunked("/aaa/chk05", body, mode, trailers=trailer(body + b"x", name)),
                          "400 BadDigest", "/aaa/chk05")
            t.expect(f"{name} {label} right", t.ask(t.chunked(f"/aaa/chk05{name}", body, UNSIGNED_TRAILER,
                                                              trailers=trailer(body, name))), "200")
            reply = t.ask(t.signed("HEAD", f"/aaa/chk05{name}", headers=[("x-amz-checksum-mode", "ENABLED")]))
            t.same(f"{name} {label} comes back", reply.headers.get(f"x-amz-checksum-{name}"), checksum(name, body))


@chk.case
def CHK_06_trailers_not_as_announced(t):
    crc = trailer(SMALL)
    other = trailer(SMALL, "sha1")
    bad = "400 MalformedTrailerError / 400 InvalidRequest"
    for mode in (SIGNED_TRAILER, UNSIGNED_TRAILER):
        for what, options in (("announced, absent", {"trailers": [], "announce": ["x-amz-checksum-crc32"]}),
                              ("present, not announced", {"trailers": crc, "announce": []}),
                              ("another than announced", {"trailers": other, "announce": ["x-amz-checksum-crc32"]}),
                              ("twice", {"trailers": crc + crc, "announce": ["x-amz-checksum-crc32"]}),
                              ("announced twice", {"trailers": crc, "announce": ["x-amz-checksum-crc32"] * 2}),
                              ("unknown algorithm", {"trailers": [("x-amz-checksum-crc16", "AAA=")]}),
                              ("no checksum", {"trailers": [("x-amz-meta-late", "1")]}),
                              ("two algorithms", {"trailers": crc + other}),
                              ("no value", {"trailers": [("x-amz-checksum-crc32", "")]}),
                              ("no base64", {"trailers": [("x-amz-checksum-crc32", "!!!!!!==")]}),
                              ("too short", {"trailers": [("x-amz-checksum-crc32", "AAAA")]}),
                              ("one in the header too",
                               {"trailers": crc, "headers": [("x-amz-checksum-sha1", checksum("sha1", SMALL))]}),
                              ("no colon",
                               {"trailers": crc, "edit": lambda p: [x.replace(b"crc32:", b"crc32 ") for x in p]}),
                              ("space before colon",
                               {"trailers": crc, "edit": lambda p: [x.replace(b"crc32:", b"crc32 :") for x in p]})):
            t.refused(f"{mode} {what}", t.chunked("/aaa/chk06", SMALL, mode, **options), f"{bad} / 403", "/aaa/chk06")
    t.refused("trailers where none belong", t.chunked("/aaa/chk06", SMALL, SIGNED_CHUNKS, trailers=crc), "400",
              "/aaa/chk06")


@chk.case
def CHK_07_trailer_signature(t):
    for label, body in bodies():
        for what, edit in (("wrong", at(-2, forge)), ("missing", without(-2)),
                           ("empty", at(-2, lambda p: b"x-amz-trailer-signature:\r\n")),
                           ("checksum changed", at(-3, lambda p: b"x-amz-checksum-crc32:AAAAAA==\r\n")),
                           ("all trailers missing", without(-2, -3))):
            t.refused(f"{label}: {what}", upload(t, "/aaa/chk07", body, SIGNED_TRAILER, edit=edit),
                      "403 SignatureDoesNotMatch / 400 MalformedTrailerError / 400 IncompleteBody", "/aaa/chk07")
        t.expect(f"{label}: name in capitals", t.ask(upload(t, "/aaa/chk07", body, SIGNED_TRAILER, edit=at(
            -2, lambda p: p.replace(b"x-amz-trailer-signature", b"X-Amz-Trailer-Signature")))), "200")
        t.delete("/aaa/chk07")


@chk.case
def CHK_08_chunk_sizes(t):
    before = t.memory()
    for mode in (SIGNED_CHUNKS, UNSIGNED_TRAILER):
        for size in (b"ffffffffffffffff", b"-5", b"0x10", b"10000000000000000", b"00000000000000003e8", b"", b" 3e8",
                     b"3e8 ", b"3g8", b"+3e8",
                     b"7fffffffffffffff", b"100000000"):
            for label, body in bodies():
                edit = at(0, lambda p: size + p[p.index(b";") if mode == SIGNED_CHUNKS else p.index(b"\r\n"):])
                t.refused(f"{mode} {label} {size!r}", upload(t, "/aaa/chk08", body, mode, edit=edit), "400 / 403",
                          "/aaa/chk08")
        for what, edit in (("an extension of 1 MiB",
                            at(0, lambda p: p.replace(b"\r\n", b";x=" + b"a" * (1 << 20) + b"\r\n", 1))),
                           ("LF alone", at(0, lambda p: p.replace(b"\r\n", b"\n", 1))),
                           ("CR alone", at(0, lambda p: p.replace(b"\r\n", b"\r", 1))),
                           ("no end of data", at(0, lambda p: p[:-2])), ("NUL", at(0, lambda p: b"\0" + p))):
            t.refused(f"{mode} {what}", upload(t, "/aaa/chk08", SMALL, mode, edit=edit), "400 / 403", "/aaa/chk08")
    t.gained("memory", before, 8 << 20)


@chk.case
def CHK_09_small_chunks(t):
    for body, size in ((KEEP, 8191), (KEEP, 1), (LARGE, 4096)):
        t.refused(f"{len(body)} in {size}", t.chunked("/aaa/chk09", body[:20000] if size == 1 else body, size=size),
                  "403 InvalidChunkSizeError", "/aaa/chk09")
    t.expect("8192", t.ask(t.chunked("/aaa/chk09", KEEP, size=8192)), "200")
    t.expect("unsigned chunks may be small", t.ask(upload(t, "/aaa/chk09", KEEP, UNSIGNED_TRAILER, size=1000)), "200")


@chk.case
def CHK_11_content_encoding(t):
    for sent, kept in (("aws-chunked", None), ("aws-chunked,gzip", "gzip"), ("gzip, aws-chunked", "gzip"),
                       ("AWS-Chunked", None),
                       ("gzip", "gzip"), ("aws-chunked, aws-chunked", None)):
        t.expect(sent, t.ask(t.chunked("/aaa/chk11", SMALL, headers=[("Content-Encoding", sent)])), "200")
        reply = t.get("/aaa/chk11")
        t.same(f"{sent} is kept as", reply.headers.get("content-encoding"), kept)
        t.same(f"{sent}: the body", reply.body, SMALL)


@chk.case
def CHK_12_header_and_framing_disagree(t):
    framed = b"3e8\r\n" + SMALL + b"\r\n0\r\n\r\n"
    for mode in MODES:
        for body in (SMALL, b"x" * 30_000, b"0\r\n\r\n"):
            t.refused(f"{mode}, plain body",
                      t.signed("PUT", "/aaa/chk12", headers=[("x-amz-decoded-content-length", str(len(body)))],
                                                      body=body, payload=mode), "400 / 403", "/aaa/chk12")
    headers = [("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "1000")]
    for label, payload in (("hash of the content", hashlib.sha256(SMALL).hexdigest()), ("hash of the frame", ...),
                           ("unsigned", UNSIGNED)):
        t.refused(f"framed body, {label}",
                  t.signed("PUT", "/aaa/chk12", headers=headers, body=framed, payload=payload), "400", "/aaa/chk12")
    t.expect("a plain body that only says so",
             t.put("/aaa/chk12", SMALL, headers=[("Content-Encoding", "aws-chunked")]), "200")
    t.same("is stored as it is", t.get("/aaa/chk12").body, SMALL)


@chk.case
def CHK_13_length_and_digest_of_large_uploads(t):
    body = KEEP * 400
    for mode in MODES:
        reply = t.ask(upload(t, "/aaa/chk13", body, mode, trailers=() if mode == SIGNED_CHUNKS else trailer(body)))
        t.expect(mode, reply, "200")
        t.same("ETag", reply.etag, hashlib.md5(body).hexdigest())
        head = t.ask(t.signed("HEAD", "/aaa/chk13"))
        t.same("length", head.headers.get("content-length"), str(len(body)))
    reply = t.get("/aaa/chk13")
    t.same("bytes", hashlib.md5(reply.body).digest(), hashlib.md5(body).digest())


@chk.case
def chunked_parts_of_an_upload(t):
    upload_id, _ = t.multipart("/aaa/chkparts")
    query = f"partNumber=1&uploadId={upload_id}"
    t.expect("forged", t.ask(t.chunked("/aaa/chkparts", LARGE, query=query, edit=at(-2, forge))),
             "403 SignatureDoesNotMatch")
    reply = t.ask(t.chunked("/aaa/chkparts", LARGE, query=query))
    t.expect("good", reply, "200")
    t.expect("complete", t.complete("/aaa/chkparts", upload_id, [(1, reply.etag)]), "200")
    t.same("bytes", t.get("/aaa/chkparts").body, LARGE)


@chk.case
def the_old_object_survives_every_refusal(t):
    t.put("/aaa/chkold", b"old")
    for mode in MODES:
        for label, body in bodies():
            t.expect(f"{mode} {label}", t.ask(upload(t, "/aaa/chkold", body, mode, decoded=len(body) + 1)), INCOMPLETE)
            t.same(f"{mode} {label}", t.get("/aaa/chkold").body, b"old")
