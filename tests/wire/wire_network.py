# SPDX-License-Identifier: Apache-2.0
"""Bad networks (NET-04): what arrives is right, or the failure is clean. Between client and server is a proxy that
delays, crumbles, cuts, resets and falls silent."""
import random
import socket
import time

from faultproxy import Fault, FaultProxy
from wire import KEEP, UNSIGNED, Group, Raw, complete_xml, delete_xml, md5

network = Group("network", ["--idle-timeout", "4", "--header-timeout", "4"])

BODY = KEEP * 30  # 300 KiB: streams both ways


def through(t, proxy):
    """A bench whose requests go through the proxy; they are signed for the server's own address."""
    other = t.of(t.pail)
    other.open = lambda **options: proxy.connected(lambda: Raw(proxy.host, proxy.port, **options))
    return other


def broken(run):
    """The reply, or None when the connection ended before it did."""
    try:
        return run()
    except (AssertionError, OSError):
        return None


@network.case
def NET_04_delays(t):
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        proxy.up = proxy.down = Fault(piece=20_000, delay=0.01)
        b = through(t, proxy)
        with b.open() as c:
            for i in range(3):
                t.expect("PUT", c.send(t.signed("PUT", f"/aaa/net04-{i}", body=BODY)).reply(), "200")
                t.same("GET", c.send(t.signed("GET", f"/aaa/net04-{i}")).reply().body == BODY, True)
            t.expect("chunked", c.send(t.chunked("/aaa/net04-c", BODY)).reply(), "200")
            t.true("list", b"net04-2" in c.send(t.signed("GET", "/aaa", "list-type=2")).reply().body)
        upload, parts = b.multipart("/aaa/net04-m", [(1, b"1" * (5 << 20)), (2, b"2")])
        t.expect("complete", b.complete("/aaa/net04-m", upload, parts), "200")
        t.same("object", len(t.get("/aaa/net04-m").body), (5 << 20) + 1)


@network.case
def NET_04_segments_of_one_byte(t):
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        proxy.up = proxy.down = Fault(piece=1)
        b = through(t, proxy)
        body = delete_xml(["net04-0", "net04-none"])
        with b.open() as c:
            t.expect("PUT", c.send(t.signed("PUT", "/aaa/net04-1b", body=KEEP)).reply(), "200")
            t.expect("chunked", c.send(t.chunked("/aaa/net04-1c", KEEP)).reply(), "200")
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(KEEP) // 10, KEEP[i:i + len(KEEP) // 10])
                              for i in range(0, len(KEEP), len(KEEP) // 10)) + b"0\r\n\r\n"
            t.expect("transfer-encoding", c.send(t.signed("PUT", "/aaa/net04-1t", payload=UNSIGNED, length=None,
                                                          extra=[("Transfer-Encoding", "chunked")]) + chunks).reply(),
                     "200")
            t.expect("document", c.send(t.signed("POST", "/aaa", "delete=", body=body,
                                                 headers=[("Content-MD5", md5(body))])).reply(), "200")
            for name in "bct":
                t.same(f"GET {name}", c.send(t.signed("GET", f"/aaa/net04-1{name}")).reply().body, KEEP)
            c.send(b"".join(t.signed("GET", "/bbb/keep", headers=[("Range", f"bytes={i}-{i}")]) for i in range(20)))
            t.same("pipelined, in order", b"".join(r.body for r in c.replies(20)), KEEP[:20])


@network.case
def NET_04_uploads_cut_anywhere(t):
    """A PUT that is cut: not a byte of it shows, unless all of it had come."""
    path, pick = "/aaa/net04-up", random.Random(4)
    t.put(path, KEEP)
    old = KEEP
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        b = through(t, proxy)
        for how in ("reset", "close", "half"):
            for i in range(12):
                new = bytes([65 + i]) * pick.choice((100, 15_000, 300_000))
                data = pick.choice((t.signed("PUT", path, body=new), t.chunked(path, new)))
                head = data.index(b"\r\n\r\n") + 4
                edges = (1, head - 1, head, head + 1, len(data) - 1, len(data))
                at = edges[i] if i < len(edges) else pick.randrange(len(data))
                proxy.up = Fault(cut_at=at, how=how)
                with b.open() as c:
                    reply = broken(lambda: c.send(data).reply())
                if at == len(data):  # it came whole: it is on its way, whoever listens
                    t.wait(lambda: t.get(path).body == new, 5)
                now = t.get(path).body
                label = f"{how} after {at} of {len(data)} bytes"
                if at < len(data):
                    t.true(f"{label}: no success", reply is None or reply.status >= 400, f"{reply!r}")
                    t.true(f"{label}: as it was", now == old)
                else:
                    t.true(f"{label}: it is stored, or nobody was told so", now == new or reply is None and now == old)
                old = now


@network.case
def NET_04_downloads_cut_anywhere(t):
    t.put("/aaa/net04-down", BODY)
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        b = through(t, proxy)
        for how in ("reset", "close", "half", "silence"):
            for at in (1, 100, 1000, 150_000, 300_000):
                proxy.down = Fault(cut_at=at, how=how)
                with b.open(timeout=0.5) as c:
                    reply = broken(lambda: c.send(t.signed("GET", "/aaa/net04-down")).reply())
                    t.true(f"{how} after {at}", reply is None, f"{reply!r}")
        proxy.down = Fault()
        t.true("and whole", b.get("/aaa/net04-down").body == BODY)


@network.case
def NET_04_answers_that_never_arrive(t):
    """The request came through, its reply did not: asking again gives the same end."""
    upload, parts = t.multipart("/aaa/net04-lost", [(1, b"1" * 1000)])
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        b = through(t, proxy)
        proxy.down = Fault(cut_at=0, how="reset")
        body = complete_xml(parts)
        for label, data in (("complete", t.signed("POST", "/aaa/net04-lost", f"uploadId={upload}", body=body)),
                            ("delete", t.signed("DELETE", "/aaa/net04-1b")),
                            ("create", t.signed("PUT", "/net04-bucket"))):
            with b.open() as c:
                t.true(f"{label}: no reply", broken(lambda: c.send(data).reply()) is None)
    t.true("completed", t.wait(lambda: t.get("/aaa/net04-lost").body == b"1" * 1000))
    t.expect("complete, again", t.complete("/aaa/net04-lost", upload, parts), "200 / 404 NoSuchUpload")
    t.same("and it stays", t.get("/aaa/net04-lost").body, b"1" * 1000)
    t.expect("delete, again", t.delete("/aaa/net04-1b"), "204")
    t.expect("create, again", t.put("/net04-bucket"), "200 / 409 BucketAlreadyOwnedByYou")


@network.case
def NET_04_silence(t):
    """Nothing more comes, nothing ends: the idle timeout does, nothing is stored and nothing stays behind."""
    path = "/aaa/net04-hole"
    before = t.descriptors()
    with FaultProxy(t.pail.host, t.pail.port) as proxy:
        b = through(t, proxy)
        data = {n: t.signed("PUT", path, body=b"x" * n) for n in (1000, 300_000)}
        conns, start = [], time.monotonic()
        for n, at in ((1000, 10), (1000, len(data[1000]) - 1), (300_000, 100_000), (300_000, len(data[300_000]) - 1)):
            proxy.up = Fault(cut_at=at, how="silence")
            conns.append(b.open().send(data[n]))
        proxy.up, proxy.down = Fault(), Fault(cut_at=1000, how="silence")
        t.put("/aaa/net04-large", b"y" * (16 << 20))
        conns.append(b.open(receive_buffer=4096).send(t.signed("GET", "/aaa/net04-large")))
        t.true("descriptors are back", t.wait(lambda: t.descriptors() <= before + 3, 20),
               f"{before} before, {t.descriptors()} now")
        t.true("not before its time", time.monotonic() - start > 3.5)
        for c in conns:
            c.close()
    t.absent("nothing is stored", path)


@network.case
def NET_04_half_closed_by_the_client(t):
    """A client that says it has nothing more to say still wants its answer."""
    body = delete_xml(["none"])
    for label, data, want in (("GET", t.signed("GET", "/bbb/keep"), "200"),
                              ("PUT", t.signed("PUT", "/aaa/net04-half", body=BODY), "200"),
                              ("small PUT", t.signed("PUT", "/aaa/net04-half", body=b"x"), "200"),
                              ("document", t.signed("POST", "/aaa", "delete=", body=body,
                                                    headers=[("Content-MD5", md5(body))]), "200"),
                              ("list", t.signed("GET", "/aaa", "list-type=2"), "200"),
                              ("large GET", t.signed("GET", "/aaa/net04-down"), "200")):
        with t.open() as c:
            c.send(data)
            c.sock.shutdown(socket.SHUT_WR)
            t.expect(label, c.reply(), want)
            t.true(f"{label}: then it is over", c.closed())
