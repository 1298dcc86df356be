# SPDX-License-Identifier: Apache-2.0
"""Where one request ends and the next begins (HTP), over a plain connection."""
import os
import random
import socket
import threading

from wire import KEEP, UNSIGNED, UNSIGNED_TRAILER, Group, checksum, complete_xml, delete_xml, md5, short

htp = Group("htp").plain_too()

GOOD = "200"


def smuggle(t, label, data, what, path="/aaa/evil"):
    """`data` must get one refusal and the end of the connection; a request behind it must never be answered."""
    with t.open() as c:
        c.send(data + t.signed("PUT", path, body=b"smuggled"))
        t.expect(label, c.reply(), what, closes=True)
        t.true(f"{label}: the connection ends", c.closed(), short(c.data))
    t.absent(label, path)


def framed(t, extra, body=b"hello", method="PUT", path="/aaa/htp", **options):
    """A signed request whose body framing is given by `extra` alone."""
    return t.signed(method, path, payload=UNSIGNED, extra=extra, length=None, **options) + body


@htp.case
def HTP_01_content_length_and_transfer_encoding(t):
    chunked = b"5\r\nhello\r\n0\r\n\r\n"
    for length in ("5", "15", "0"):
        for pair in ([("Content-Length", length), ("Transfer-Encoding", "chunked")],
                     [("Transfer-Encoding", "chunked"), ("Content-Length", length)]):
            smuggle(t, f"{pair}", framed(t, pair, chunked), "400")
            smuggle(t, f"GET {pair}", framed(t, pair, chunked, "GET", "/bbb/keep"), "400")
    t.absent("none of them", "/aaa/htp")


@htp.case
def HTP_02_content_length(t):
    for lines in (["5", "5"], ["5", "6"], ["5, 5"], ["5,6"], ["+5"], ["0x5"], [" 5 5"], ["5 5"], ["1" * 20], ["-1"],
                  ["-0"], [""],
                  ["5."], ["5e0"], ["5;"], ["\x0b5"], ["5\x00"], ["00000000000000000005"], ["18446744073709551621"],
                  ["٥".encode().decode("latin-1")]):
        smuggle(t, f"{lines}", framed(t, [("Content-Length", v) for v in lines]), "400")
    smuggle(t, "Content-Length : 5", framed(t, [("Content-Length ", "5")]), "400")
    t.absent("none of them", "/aaa/htp")


@htp.case
def HTP_03_transfer_encoding(t):
    body = b"5\r\nhello\r\n0\r\n\r\n"
    for value in ("xchunked", "chunked, chunked", "gzip, chunked", "chunked;q=1", "chunked, identity", "identity", "",
                  "chunked,", ",chunked",
                  "chun\tked", "\"chunked\"", "chunked\x0b", "gzip", "Chunked chunked"):
        smuggle(t, repr(value), framed(t, [("Transfer-Encoding", value)], body), "400 / 501")
    smuggle(t, "twice", framed(t, [("Transfer-Encoding", "chunked")] * 2, body), "400 / 501")
    smuggle(t, "space before the colon", framed(t, [("Transfer-Encoding ", "chunked")], body), "400")
    smuggle(t, "tab before the colon", framed(t, [("Transfer-Encoding\t", "chunked")], body), "400")
    smuggle(t, "in HTTP/1.0", framed(t, [("Transfer-Encoding", "chunked")], body, version="HTTP/1.0"), "400 / 501")
    t.absent("none of them", "/aaa/htp")
    for value in ("chunked", "Chunked", "  CHUNKED  "):
        t.expect(value, t.ask(framed(t, [("Transfer-Encoding", value)], body)), GOOD)
        t.same(value, t.get("/aaa/htp").body, b"hello")


@htp.case
def HTP_04_chunked_coding(t):
    good = b"5\r\nhello\r\n0\r\n\r\n"
    long_trailer = b"".join(b"x-t%d: %s\r\n" % (i, b"v" * 500) for i in range(40))
    for label, body in (("bare LF after the size", b"5\nhello\r\n0\r\n\r\n"),
                        ("LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
                        ("long extension", b"5;" + b"x" * 300 + b"\r\nhello\r\n0\r\n\r\n"),
                        ("no CR LF after data", b"5\r\nhello0\r\n\r\n"),
                        ("LF after data", b"5\r\nhello\n0\r\n\r\n"),
                        ("long trailers", b"0\r\n" + long_trailer + b"\r\n"),
                        ("bad size", b"5x\r\nhello\r\n0\r\n\r\n"), ("no size", b"\r\nhello\r\n0\r\n\r\n"),
                        ("negative", b"-5\r\nhello\r\n0\r\n\r\n"),
                        ("0x", b"0x5\r\nhello\r\n0\r\n\r\n"), ("space before", b" 5\r\nhello\r\n0\r\n\r\n"),
                        ("17 digits", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
                        ("beyond 2^63", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
                        ("trailer without colon", b"5\r\nhello\r\n0\r\nx\r\n\r\n"),
                        ("bare LF after the last chunk", b"5\r\nhello\r\n0\n\n"),
                        ("trailer with LF", b"5\r\nhello\r\n0\r\na: b\n\r\n"),
                        ("trailer folded", b"5\r\nhello\r\n0\r\na: b\r\n c\r\n\r\n"),
                        ("CR alone", b"5\rhello\r\n0\r\n\r\n")):
        smuggle(t, label, framed(t, [("Transfer-Encoding", "chunked")], body), "400")
        big = b"186a0\r\n" + b"z" * 100_000 + b"\r\n" + body
        smuggle(t, f"{label}, after 100,000 bytes", framed(t, [("Transfer-Encoding", "chunked")], big), "400")
    t.absent("none of them", "/aaa/htp4")
    for label, body in (("plain", good), ("extension", b"5;a=b\r\nhello\r\n0;c\r\n\r\n"),
                        ("trailer", b"5\r\nhello\r\n0\r\na: b\r\n\r\n"),
                        ("capitals", b"5\r\nhello\r\n000\r\n\r\n"),
                        ("many", b"1\r\nh\r\n" + b"2\r\nel\r\n" + b"0002\r\nlo\r\n0\r\n\r\n")):
        with t.open() as c:
            c.send(framed(t, [("Transfer-Encoding", "chunked")], body) + t.signed("GET", "/aaa/htp"))
            t.expect(label, c.reply(), GOOD, closes=False)
            t.same(f"{label}, the next request", c.reply().body, b"hello")


@htp.case
def HTP_05_header_lines(t):
    request = t.signed("PUT", "/aaa/htp5", body=b"x")
    first, rest = request.split(b"\r\n", 1)
    for line in (b"X-A: b\r\n folded", b"X-A: b\r\n\tfolded", b" X-A: b", b"X A: b", b"X\tA: b", b"X-A\0: b",
                 b"X-A: b\0c", b"X-A: b\rc", b"X-A\r: b",
                 b"no colon at all", b": no name", b"X-A : b", b"X-(A): b", b"X-\xc3\xa9: b", b"X-A: b\x01",
                 b"X-A: b\x7f", b"X-A: b\nX-B: c", b"\x0bX-A: b"):
        smuggle(t, repr(line), first + b"\r\n" + line + b"\r\n" + rest, "400")
    smuggle(t, "bare LF throughout", request.replace(b"\r\n", b"\n"), "400")
    smuggle(t, "bare LF after the request line", request.replace(b"\r\n", b"\n", 1), "400")
    smuggle(t, "bare LF at the end", request.replace(b"\r\n\r\n", b"\r\n\n"), "400")
    t.absent("none of them", "/aaa/htp5")


@htp.case
def HTP_06_sizes(t):
    smuggle(t, "request line of 64 KiB", b"GET /bbb/" + b"k" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "414")
    smuggle(t, "query of 64 KiB", b"GET /bbb/keep?" + b"k" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "414")
    smuggle(t, "headers of 64 KiB", t.signed("GET", "/bbb/keep", extra=[("X-A", "a" * 65536)]), "431 / 400")
    smuggle(t, "headers of 64 KiB in lines", t.signed("GET", "/bbb/keep", extra=[("X-A", "a" * 1000)] * 64),
            "431 / 400")
    smuggle(t, "1000 headers", t.signed("GET", "/bbb/keep", extra=[(f"X-{i}", "a") for i in range(1000)]), "431 / 400")
    t.expect("100 headers", t.get("/bbb/keep", extra=[(f"X-{i}", "a") for i in range(100)]), GOOD)
    for n, what in ((2048, "200"), (2049, "400 MetadataTooLarge")):
        reply = t.put("/aaa/htp6", b"x", headers=[("x-amz-meta-" + "n" * 48, "v" * (n - 48))])
        t.expect(f"metadata of {n}", reply, what)
    t.same("the limit", reply.value("MaxSizeAllowed"), "2048")
    t.expect("in many headers", t.put("/aaa/htp6", b"x",
                                      headers=[(f"x-amz-meta-{i:03}", "v" * 18) for i in range(98)]),
             "400 MetadataTooLarge")


@htp.case
def HTP_08_pipelining(t):
    for i in range(100):
        t.client.put("aaa", f"htp8/{i}", b"%d" % i * 50)
    with t.open() as c:
        c.send(b"".join(t.signed("GET", f"/aaa/htp8/{i}") for i in range(100)))
        got = [c.reply().body for _ in range(100)]
    t.same("100 GETs in order", got, [b"%d" % i * 50 for i in range(100)])
    with t.open() as c:  # more than a connection gets done before others have their turn
        sender = threading.Thread(target=c.send, args=(t.signed("GET", "/aaa/htp8/7") * 2000,))
        sender.start()
        t.same("2000 GETs", {c.reply().body for _ in range(2000)}, {b"7" * 50})
        sender.join()
    with t.open() as c:
        mixed = []
        for i in range(20):
            mixed += [t.signed("PUT", f"/aaa/htp8p/{i}", body=b"x" * (i * 3000)), t.signed("GET", f"/aaa/htp8p/{i}"),
                      t.signed("GET", f"/aaa/none/{i}")]
        sender = threading.Thread(target=c.send, args=(b"".join(mixed),))
        sender.start()
        for i in range(20):
            t.expect(f"PUT {i}", c.reply(), "200")
            t.same(f"GET {i}", c.reply().body, b"x" * (i * 3000))
            t.expect(f"none {i}", c.reply(), "404 NoSuchKey", closes=False)
        sender.join()


@htp.case
def HTP_08_body_of_a_refused_request_is_no_request(t):
    inner = t.signed("PUT", "/aaa/evil", body=b"smuggled")
    body = inner * (1 + (1 << 20) // len(inner))
    for label, data in (("wrong secret", t.signed("PUT", "/aaa/htp8", body=body, secret="wrong secret")),
                        ("no such bucket", t.signed("PUT", "/no-such-bucket/k", body=body)),
                        ("no row", t.signed("PUT", "/aaa/k", "torrent=", body=body)),
                        ("wrong method", t.signed("PATCH", "/aaa/k", body=body, length=len(body))),
                        ("GET with a body", t.signed("GET", "/bbb/nothing", body=body)),
                        ("GET with a body in chunks",
                         framed(t, [("Transfer-Encoding", "chunked")], b"%x\r\n%s\r\n" % (len(body), body),
                                                             "GET", "/bbb/keep")),
                        ("too large", t.signed("POST", "/aaa", "delete=", body=body * 3)),
                        ("bad condition", t.signed("PUT", "/aaa/k", body=body, headers=[("If-None-Match", "x")]))):
        smuggle(t, label, data, "400 / 403 / 404 / 405 / 501")


@htp.case
def HTP_08_pipelined_behind_chunked_bodies(t):
    """What comes after a chunked body is the next request, byte for byte, however it was buffered."""
    t.client.put("aaa", "htp8c", b"x")
    for pad in (0, 5_000, 17_000, 31_800, 32_000):
        for size in (10, 1_000, 15_000, 40_000):
            data = t.signed("GET", "/bbb/nothing", extra=[("X-Pad", "p" * pad)])  # makes the input buffer grow
            chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"c" * size)
            data += framed(t, [("Transfer-Encoding", "chunked")], chunk, path="/aaa/htp8chunked")
            data += b"".join(t.signed("GET", f"/aaa/htp8/{i}") for i in range(80))
            with t.open() as c:
                c.send(data)
                t.expect(f"{pad} {size}, before", c.reply(), "404")
                t.expect(f"{pad} {size}, chunked", c.reply(), "200")
                got = []
                for _ in range(80):
                    reply = c.reply()
                    got.append(reply.body[:1] if reply else None)
                    if reply is None or reply.status != 200:
                        break
                t.same(f"{pad} {size}, 80 GETs in order", got, [b"%d" % i for i in range(80) for i in [int(str(i)[0])]])


@htp.case
def HTP_09_expectations(t):
    body = b"x" * 100_000
    expect = [("Expect", "100-continue")]
    for label, data, what in (("wrong secret", t.signed("PUT", "/aaa/htp9", body=body, extra=expect, secret="wrong",
                                                        head_only=True), "403"),
                              ("anonymous", t.plain("PUT", "/aaa/htp9", expect, length=100_000), "403"),
                              ("no bucket",
                               t.signed("PUT", "/no-such-bucket/k", body=body, extra=expect, head_only=True), "404"),
                              ("too large", t.signed("PUT", "/aaa/htp9", extra=expect, length=5 * 1024**3 + 1),
                               "400 EntityTooLarge"),
                              ("bad storage class",
                               t.signed("PUT", "/aaa/htp9", headers=[("x-amz-storage-class", "X")], extra=expect,
                                        length=5, head_only=True), "400 InvalidStorageClass"),
                              ("bad MD5", t.signed("PUT", "/aaa/htp9", headers=[("Content-MD5", "x")], extra=expect,
                                                   length=5, head_only=True), "400 InvalidDigest"),
                              ("no upload", t.signed("PUT", "/aaa/htp9", "partNumber=1&uploadId=x", extra=expect,
                                                     length=5, head_only=True), "404 NoSuchUpload")):
        reply = t.expect(label, t.ask(data), what, closes=True)
        t.same(f"{label}: no 100", reply.interim, [])
    for value in ("foo", "100-continue, foo", "200-ok"):
        t.expect(value, t.ask(t.signed("PUT", "/aaa/htp9", body=b"x", extra=[("Expect", value)])), "417")
    t.absent("none of them", "/aaa/htp9")
    for size in (5, 100_000):
        with t.open() as c:
            data = t.signed("PUT", "/aaa/htp9", body=b"y" * size, extra=expect)
            c.send(data[:-size])
            while b"\r\n\r\n" not in c.data:
                c.data += c.more()
            t.true(f"{size}: 100 before the body", c.data.startswith(b"HTTP/1.1 100 "), repr(c.data))
            c.send(b"y" * size)
            reply = c.reply()
            t.expect(f"{size}: then 200", reply, "200", closes=False)
            t.same(f"{size}: one 100", reply.interim, [100])
    # An empty body: the aws CLI takes the reply to its next request for the rest of this one if no 100 comes.
    with t.open() as c:
        c.send(t.signed("PUT", "/aaa/htp9", body=b"", extra=expect))
        reply = t.expect("nothing to send", c.reply(), "200", closes=False)
        t.same("nothing to send: one 100", reply.interim, [100])
    reply = t.expect("nothing to send, refused", t.ask(t.signed("PUT", "/aaa/htp9", body=b"", extra=expect, secret="wrong")),
                     "403", closes=True)
    t.same("nothing to send, refused: no 100", reply.interim, [])
    with t.open() as c:
        c.send(t.signed("GET", "/bbb/keep", extra=expect))
        t.same("no body at all", t.expect("no body at all", c.reply(), "200", closes=False).interim, [])


@htp.case
def HTP_10_other_protocols(t):
    for label, data, what in (("HTTP/0.9", b"GET /bbb/keep\r\n\r\n", "400 / 505 / closed"),
                              ("HTTP/3.7", b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", "505 / 400"),
                              ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505 / 400"),
                              ("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", "505 / 400"),
                              ("h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 / 400"),
                              ("http/1.1", b"GET / http/1.1\r\nHost: x\r\n\r\n", "400 / 505"),
                              ("two spaces", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("tab", b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("space at the end", b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "400 / 505"),
                              ("space in the target", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("no target", b"GET HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("relative target", b"GET bbb/keep HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("NUL", b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
                              ("raw UTF-8", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", "400 / 403 / 404"),
                              ("fragment", b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n", "400 / 403 / 404")):
        with t.open() as c:
            t.expect(label, c.send(data).reply(), what)
    client_hello = bytes.fromhex("16030100c8010000c40303") + b"\0" * 190
    for label, data in (("TLS hello", client_hello), ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
                        ("1 MiB of noise", random.Random(1).randbytes(1 << 20)),
                        ("1 MiB of zeros", b"\0" * (1 << 20)), ("1 MiB of letters", b"A" * (1 << 20)),
                        ("1 MiB of line ends", b"\r\n" * (1 << 19))):
        with t.open() as c:
            reply = c.send(data).reply()
            t.true(label, reply is None or reply.status in (400, 414, 505), f"{reply!r}")
            t.true(f"{label}: the connection ends", c.closed())


@htp.case
def HTP_11_methods(t):
    t.put("/aaa/htp11", b"here")
    for method in ("put", "TRACE", "PUTX", "PATCH", "LINK", "DELETE2", "get", "X" * 16):
        data = t.signed(method, "/aaa/htp11", body=b"")
        t.expect(method, t.ask(data), "405 MethodNotAllowed / 501")
    t.expect("CONNECT", t.ask(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"), "405 / 501 / 400")
    t.expect("a long method", t.ask(t.signed("X" * 100, "/aaa/htp11")), "400 / 405 / 501")
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        t.expect(name, t.get("/aaa/htp11", extra=[(name, "DELETE")]), "200")
    t.expect("_method", t.get("/aaa/htp11", "_method=DELETE"), "200")
    t.same("the object is there", t.get("/aaa/htp11").body, b"here")
    reply = t.ask(t.signed("PATCH", "/aaa/htp11"))
    t.same("what was asked", (reply.value("Method"), reply.value("ResourceType")), ("PATCH", "OBJECT"))


@htp.case
def HTP_12_response_splitting(t):
    t.put("/aaa/htp12", b"x")
    evil = "a%0d%0aSet-Cookie:x=1"
    for name in ("disposition", "type", "language", "encoding"):
        reply = t.get("/aaa/htp12", f"response-content-{name}={evil}")
        t.expect(f"response-content-{name}", reply, "400 / 200")
        t.true(f"response-content-{name}: no header", "set-cookie" not in reply.headers)
    for name in ("response-cache-control", "response-expires"):
        for value in (evil, "a%0aSet-Cookie:x=1", "a%0d", "a%7f", "a%1f"):
            reply = t.get("/aaa/htp12", f"{name}={value}")
            t.true(f"{name}={value}", "set-cookie" not in reply.headers and reply.status in (200, 400), f"{reply!r}")
    for query in (f"x-amz-meta-a={evil}", "x-amz-meta-a%0d%0aSet-Cookie%3a%20x%3d1%0d%0ab=1",
                  "x-amz-meta-a%0aSet-Cookie%3ab=1", "x-amz-meta-a%3a%20b=1",
                  "x-amz-meta-a%20b=1", f"x-amz-website-redirect-location=/{evil}",
                  f"x-amz-storage-class=STANDARD{evil}", "x-amz-meta-%C3%A9=1"):
        reply = t.ask(t.plain("PUT", t.presigned("PUT", "/aaa/htp12b", query), body=b"x"))
        t.expect(f"hoisted {query[:40]}", reply, "400 / 200")
        if reply.status == 200:
            back = t.get("/aaa/htp12b")
            bad = [n for n,
                   _ in back.lines if n.lower() == "set-cookie" or not all(c.isalnum() or c in "-_." for c in n)]
            t.same(f"hoisted {query[:40]}: headers", bad, [])
    reply = t.get("/no%0d%0aSet-Cookie:x=1/k")
    t.true("in a bucket's name", reply.status in (400, 404) and "set-cookie" not in reply.headers, f"{reply!r}")


@htp.case
def HTP_13_lengths(t):
    t.refused("neither length nor coding", t.signed("PUT", "/aaa/htp13", length=None), "411 MissingContentLength",
              "/aaa/htp13")
    reply = t.ask(t.signed("PUT", "/aaa/htp13", length=5 * 1024**3 + 1, payload=UNSIGNED))
    t.expect("5 GiB and a byte", reply, "400 EntityTooLarge", closes=True)
    t.same("the limit", reply.value("MaxSizeAllowed"), str(5 * 1024**3))
    t.expect("2^63 - 1", t.ask(t.signed("PUT", "/aaa/htp13", length=2**63 - 1, payload=UNSIGNED)), "400 EntityTooLarge")
    t.expect("2^63", t.ask(t.signed("PUT", "/aaa/htp13", length=2**63, payload=UNSIGNED)), "400")
    upload, _ = t.multipart("/aaa/htp13")
    t.expect("a part of 5 GiB and a byte",
             t.ask(t.signed("PUT", "/aaa/htp13", f"partNumber=1&uploadId={upload}", length=5 * 1024**3 + 1,
                                                        payload=UNSIGNED)), "400 EntityTooLarge")
    t.absent("none of them", "/aaa/htp13")


@htp.case
def HTP_14_resets_anywhere(t):
    before = t.descriptors()
    rng = random.Random(14)
    requests = [t.signed("PUT", "/aaa/htp14", body=b"x" * 50_000), t.signed("GET", "/bbb/keep"),
                t.chunked("/aaa/htp14", KEEP),
                t.signed("GET", "/aaa", "list-type=2"), t.signed("PUT", "/aaa/htp14", body=b"x" * 500),
                b"\x16\x03\x01\0\0"]
    for _ in range(1500):
        data = rng.choice(requests)
        c = t.open()
        c.send(data[:rng.randrange(len(data) + 1)])
        if rng.random() < 0.3:
            c.sock.settimeout(0.001)
            try:
                c.more()
            except TimeoutError:
                pass
        c.reset() if rng.random() < 0.8 else c.close()
    t.true("descriptors are back", t.wait(lambda: t.descriptors() <= before + 2),
           f"{before} before, {t.descriptors()} now")
    t.true("none is in CLOSE_WAIT", t.wait(lambda: "08" not in t.connections()))


@htp.case
def HTP_15_replies_without_body(t):
    etag = t.put("/aaa/htp15", b"hello").etag
    with t.open() as c:
        for _ in range(3):
            for label, data, status in (("HEAD", t.signed("HEAD", "/aaa/htp15"), 200),
                                        ("HEAD 404", t.signed("HEAD", "/aaa/none"), 404),
                                        ("HEAD 403", t.signed("HEAD", "/aaa/htp15", secret="wrong"), 403),
                                        ("HEAD 404 bucket", t.signed("HEAD", "/no-such-bucket"), 404),
                                        ("HEAD 412", t.signed("HEAD", "/aaa/htp15", headers=[("If-Match", "x")]), 412),
                                        ("HEAD 416", t.signed("HEAD", "/aaa/htp15", headers=[("Range", "bytes=9-")]),
                                         416),
                                        ("HEAD 400", t.signed("HEAD", "/aaa/htp15", "partNumber=0"), 400),
                                        ("304", t.signed("GET", "/aaa/htp15", headers=[("If-None-Match", etag)]), 304),
                                        ("HEAD 304", t.signed("HEAD", "/aaa/htp15", headers=[("If-None-Match", etag)]),
                                         304),
                                        ("204", t.signed("DELETE", "/aaa/none"), 204),
                                        ("200 of nothing", t.signed("PUT", "/aaa/empty", body=b""), 200),
                                        ("GET of nothing", t.signed("GET", "/aaa/empty"), 200),
                                        ("GET", t.signed("GET", "/aaa/htp15"), 200)):
                method = data.split(b" ")[0].decode()
                reply = c.send(data).reply(method)
                if not t.true(f"{label} on the same connection", reply and reply.status == status,
                              f"{reply!r} {short(c.data)}"):
                    return
                t.same(f"{label}: no bytes behind it", c.data, b"")
    head = t.ask(t.signed("HEAD", "/aaa/htp15"))
    t.same("HEAD tells the length", head.headers.get("content-length"), "5")


@htp.case
def keep_alive_after_errors(t):
    """Errors that leave the connection in step do not end it."""
    with t.open() as c:
        for _ in range(5):
            for label, data, what in (("404", t.signed("GET", "/aaa/none"), "404 NoSuchKey"),
                                      ("403", t.signed("GET", "/bbb/keep", secret="wrong"), "403"),
                                      ("405", t.signed("PATCH", "/bbb/keep"), "405"),
                                      ("501", t.signed("GET", "/aaa", "website="), "501"),
                                      ("400", t.signed("GET", "/aaa", "max-keys=x"), "400"),
                                      ("bad digest", t.signed("PUT", "/aaa/k", body=b"x", headers=[
                                          ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")]), "400 BadDigest"),
                                      ("bad XML", t.signed("POST", "/aaa", "delete=", body=b"<x",
                                                           headers=[("Content-MD5", "a7wWCrW5ST8D1GRTKrvyzQ==")]),
                                       "400"),
                                      ("200", t.signed("GET", "/bbb/keep"), "200")):
                t.expect(label, c.send(data).reply(), what, closes=False)


@htp.case
def persistence_as_asked(t):
    for version, header, stays in (("1.1", None, True), ("1.1", "close", False), ("1.1", "keep-alive", True),
                                   ("1.1", "Close, x", False), ("1.0", None, False),
                                   ("1.0", "keep-alive", True), ("1.0", "close", False)):
        extra = [("Connection", header)] if header else []
        with t.open() as c:
            reply = c.send(t.signed("GET", "/bbb/keep", extra=extra, version=f"HTTP/{version}")).reply()
            t.expect(f"{version} {header}", reply, "200", closes=not stays)
            if stays:
                t.expect(f"{version} {header}, again", c.send(t.signed("GET", "/bbb/keep")).reply(), "200")
            else:
                t.true(f"{version} {header}: ends", c.closed())


@htp.case
def heads_that_arrive_byte_by_byte(t):
    data = t.signed("PUT", "/aaa/slowhead", body=b"hello")
    with t.open() as c:
        for i in range(len(data)):
            c.send(data[i:i + 1])
        t.expect("PUT", c.reply(), "200")
    with t.open() as c:
        chunked = t.chunked("/aaa/slowhead", KEEP[:300])
        for i in range(len(chunked)):
            c.send(chunked[i:i + 1])
        t.expect("aws-chunked", c.reply(), "200")
    t.same("bytes", t.get("/aaa/slowhead").body, KEEP[:300])
    with t.open() as c:
        t.expect("empty lines before a request", c.send(b"\r\n\r\n" + t.signed("GET", "/bbb/keep")).reply(), "200")


@htp.case
def hosts(t):
    """The signature is checked after the form, so what is wrong with the form is seen without one."""
    for host in ("a b", "a/b", "a@b", "user:pw@a", "a:b", "a:99999", "[::1", "::1", "a,b", "a..b", "%41", "a\"b", ""):
        t.expect(repr(host), t.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()), "400")
    for lines in ("", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n"):
        t.expect(repr(lines), t.ask(f"GET / HTTP/1.1\r\n{lines}\r\n".encode()), "400")
    for host in ("a", "A.B", "a.", "127.0.0.1:9000", "[::1]", "[::1]:80", "a_b"):
        t.expect(repr(host), t.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()), "403 AccessDenied")
    t.expect("absolute form", t.ask(t.signed("GET", "/bbb/keep", target=f"http://{t.host}/bbb/keep")), "200")
    t.expect("absolute form with user info", t.ask(t.signed("GET", "/bbb/keep", target=f"http://u@{t.host}/bbb/keep")),
             "400")
    t.expect("absolute form of another host", t.ask(t.signed("GET", "/bbb/keep", target="http://other/bbb/keep")),
             "403 / 400")


@htp.case
def bodies_that_nobody_needs(t):
    """They are read and forgotten, and the next request begins behind them."""
    for method, path, what in (("GET", "/bbb/keep", "200"), ("HEAD", "/bbb/keep", "200"),
                               ("DELETE", "/aaa/none", "204"), ("GET", "/aaa/none", "404"),
                               ("GET", "/", "200"), ("POST", "/aaa/up?uploads=", "200")):
        path, _, query = path.partition("?")
        for size in (1, 5_000, 60_000):
            body = t.signed("PUT", "/aaa/evil", body=b"smuggled")[:size] * (1 + size // 400)
            for label, data in (("length", t.signed(method, path, query, body=body)),
                                ("chunked", framed(t, [("Transfer-Encoding", "chunked")],
                                                   b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), method, path,
                                                   query=query))):
                with t.open() as c:
                    c.send(data + t.signed("GET", "/bbb/keep"))
                    reply = c.reply(method)
                    t.expect(f"{method} {path} {size} {label}", reply, what)
                    if reply.headers.get("connection") != "close":
                        t.same(f"{method} {path} {size} {label}: the next", c.reply().body, KEEP)
    t.absent("none of it was a request", "/aaa/evil")


@htp.case
def documents_and_parts_in_chunked_coding(t):
    t.put("/aaa/tedoc", b"x")
    body = delete_xml(["tedoc"])
    wire = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                    for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    data = t.signed("POST", "/aaa", "delete=", [("Content-MD5", md5(body))], payload=UNSIGNED, length=None,
                    extra=[("Transfer-Encoding", "chunked")]) + wire
    t.expect("DeleteObjects", t.ask(data), "200")
    t.absent("DeleteObjects", "/aaa/tedoc")
    upload, _ = t.multipart("/aaa/tepart")
    part = t.ask(framed(t, [("Transfer-Encoding", "chunked")], b"186a0\r\n" + b"p" * 100_000 + b"\r\n0\r\n\r\n",
                        path="/aaa/tepart", query=f"partNumber=1&uploadId={upload}"))
    t.expect("UploadPart", part, "200")
    t.expect("complete", t.complete("/aaa/tepart", upload, [(1, part.etag)]), "200")
    t.same("bytes", t.get("/aaa/tepart").body, b"p" * 100_000)
    t.expect("nothing at all", t.ask(framed(t, [("Transfer-Encoding", "chunked")], b"0\r\n\r\n", path="/aaa/tenone")),
             "200")
    t.same("nothing at all", t.get("/aaa/tenone").body, b"")


@htp.case
def clients_that_half_close(t):
    for data, what in ((t.signed("GET", "/bbb/keep"), "200"),
                       (t.signed("PUT", "/aaa/half", body=b"x" * 100_000), "200"),
                       (t.signed("PUT", "/aaa/half", body=b"x"), "200"),
                       (t.signed("GET", "/aaa", "list-type=2"), "200")):
        with t.open() as c:
            c.send(data)
            c.sock.shutdown(socket.SHUT_WR)
            t.expect(f"{data[:20]!r}", c.reply(), what)
            t.true(f"{data[:20]!r}: ends", c.closed())
    with t.open() as c:
        c.send(t.signed("PUT", "/aaa/halfbody", body=b"x" * 100_000)[:-1])
        c.sock.shutdown(socket.SHUT_WR)
        reply = c.reply()
        t.true("a body cut short", reply is None or reply.status == 400, f"{reply!r}")
    t.absent("a body cut short", "/aaa/halfbody")


@htp.case
def nothing_after_the_last_request(t):
    with t.open() as c:
        c.send(t.signed("GET", "/bbb/keep", extra=[("Connection", "close")]) +
               t.signed("PUT", "/aaa/afterclose", body=b"x"))
        t.expect("the last", c.reply(), "200", closes=True)
        t.true("no second reply", c.closed())
    t.absent("nothing done", "/aaa/afterclose")


@htp.case
def requests_sent_without_reading_replies(t):
    """One reply at a time: what the client does not read is not made."""
    before = t.memory()
    with t.open(receive_buffer=65536) as c:
        data = b"".join(t.signed("GET", "/bbb/keep") for _ in range(50)) * 40
        sender = threading.Thread(target=c.send, args=(data,))
        sender.start()
        t.wait(lambda: False, 0.5)
        t.gained("memory", before, 2 << 20)
        got = [c.reply() for _ in range(2000)]
        sender.join()
    t.true("all 2,000 in the end", all(r and r.body == KEEP for r in got))


@htp.case
def CRS_03_OPTIONS(t):
    for path, headers in (("/aaa/k", []), ("*", []), ("/aaa/k", [("Origin", "http://evil.example")]),
                          ("/", [("Origin", "null"), ("Access-Control-Request-Method", "PUT")]),
                          ("/aaa", [("Origin", "o" * 10_240)]),
                          ("/aaa/k", [("Origin", "http://*.*"), ("Access-Control-Request-Method", "X")])):
        reply = t.ask(t.plain("OPTIONS", path, headers))
        t.true(f"{path} {headers}"[:60], reply.status in (400, 403, 405, 501), f"{reply!r}")
        t.true(f"{path}: allows nothing", not any(n.lower().startswith("access-control") for n, _ in reply.lines))
    reply = t.get("/bbb/keep", extra=[("Origin", "http://evil.example")])
    t.true("CRS-01: no CORS headers", not any(n.lower().startswith("access-control") for n, _ in reply.lines))


@htp.case
def noise(t):
    """Requests with random faults: every byte may be hit, the process lives, nobody else notices."""
    rng = random.Random(int(os.environ.get("PAIL_TEST_SEED", "20")))

    def mutate(data, times):
        data = bytearray(data)
        for _ in range(times):
            at, how = rng.randrange(len(data) + 1), rng.randrange(6)
            if how == 0 and data:
                data[at % len(data)] = rng.randrange(256)
            elif how == 1:
                data[at:at] = rng.choice([b"\r\n", b"\0", b"%00", b"=", b"&", b";", b"<", b"]]>", b"\xff", b"0" * 20,
                                          b"-1", b" ", b"\n", b":", b","])
            elif how == 2:
                del data[at:at + rng.randrange(1, 40)]
            elif how == 3:
                data[at:at] = data[at:at + rng.randrange(1, 200)]
            elif how == 4 and data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            else:
                at2 = rng.randrange(len(data) + 1)
                data[at:at + 8], data[at2:at2 + 8] = data[at2:at2 + 8], data[at:at + 8]
        return bytes(data)
    upload, parts = t.multipart("/aaa/noise", [(1, b"x")])
    bodies = [("POST", "/aaa", "delete=", [("x-amz-checksum-crc32", "AAAAAA==")], delete_xml(["noise/1", "noise/2"]),
               UNSIGNED),
              ("POST", "/aaa/noise", f"uploadId={upload}", [], complete_xml(parts * 3), UNSIGNED),
              ("PUT", "/noise-bucket", "", [],
               b"<CreateBucketConfiguration><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>",
               UNSIGNED)]
    framings = [t.chunked("/aaa/noise", KEEP[:3000], UNSIGNED_TRAILER, size=1000,
                          trailers=[("x-amz-checksum-crc32", checksum("crc32", KEEP[:3000]))]),
                t.chunked("/aaa/noise", KEEP[:9000], size=8192),
                framed(t, [("Transfer-Encoding", "chunked")], b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\na: b\r\n\r\n")]
    wholes = [t.signed("GET", "/aaa", "list-type=2&prefix=a%20b&delimiter=/"),
              t.plain("GET", t.presigned("GET", "/bbb/keep")), t.signed("PUT", "/aaa/noise", body=b"x" * 50),
              t.signed("PUT", "/aaa/noise", headers=[("x-amz-copy-source", "/bbb/keep?versionId=null")]), *framings]
    for nth in range(1200):
        kind = nth % 4
        if kind == 0:
            method, path, query, headers, body, payload = rng.choice(bodies)
            data = t.signed(method, path, query, headers, mutate(body, rng.randrange(1, 6)), payload=payload)
        elif kind == 1:
            head, body = rng.choice(framings).split(b"\r\n\r\n", 1)
            data = head + b"\r\n\r\n" + mutate(body, rng.randrange(1, 4))
        elif kind == 2:
            data = rng.choice(wholes)
            keep = data.index(b"?") + 1 if b"X-Amz-Signature" in data else 0  # a query without its mark would be a path
            data = data[:keep] + mutate(data[keep:], rng.randrange(1, 4))
        else:  # well signed, strange in the target
            path = "/aaa/" + "".join(rng.choice("ab/%2F.~+ ") for _ in range(8)).replace("% ", "%20")
            query = mutate(b"list-type=2&max-keys=3&versionId=null", 2)
            query = "".join(chr(b) if 33 <= b < 127 and chr(b) not in "#%" else f"%{b:02x}" for b in query)
            path = "".join(c if c != "%" else "%25" for c in path).replace(" ", "%20")
            data = t.signed(rng.choice(["GET", "PUT", "DELETE", "POST", "HEAD"]), path, query)
        with t.open(timeout=2) as c:
            c.send(data)
            try:
                c.sock.shutdown(socket.SHUT_WR)
                while c.more():
                    pass
            except OSError:
                pass
        if nth % 100 == 99 and t.get("/bbb/keep").body != KEEP:
            return t.note(f"after {nth}", "a good request failed")
    t.delete("/noise-bucket")
