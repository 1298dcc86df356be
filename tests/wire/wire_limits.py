# SPDX-License-Identifier: Apache-2.0
"""Clients that crawl, stall, flood or never end (HTP-07, DOS, NET): what they cost, and that others notice nothing."""
import os
import random
import re
import select
import socket
import ssl
import statistics
import threading
import time

from wire import (KEEP, SIGNED_CHUNKS, UNSIGNED, UNSIGNED_TRAILER, Group, Raw, certificates, default_binary, delete_xml,
                  encode, md5, release_binary)
from wire_objects import in_parallel

# The times are long enough for a client that a busy machine lets wait for a second or two.
slow = Group("slow", ["--header-timeout", "3", "--idle-timeout", "4", "--min-body-rate", "20000",
                      "--min-body-rate-grace", "2"]).plain_too()
limits = Group("limits", ["--max-header-bytes", "8192", "--max-headers", "20", "--max-uri-bytes", "2048",
                          "--max-connections", "24", "--max-connections-per-address", "16"])
flood = Group("flood", ["--workers", "2", "--max-queued-jobs", "8"]).plain_too()
documents = Group("documents", ["--document-memory", "32"])
patience = Group("patience", ["--document-memory", "32", "--document-timeout", "6"])
starved = Group("starved", plain=False)
idle = Group("idle", ["--max-connections-per-address", "20000"], lonely=True, release=True)

BIG = 32 << 20


def latencies(t, n):
    """Seconds that n GETs take, each, on one connection."""
    spent = []
    with t.open() as c:
        for _ in range(n):
            start = time.perf_counter()
            reply = c.send(t.signed("GET", "/bbb/keep")).reply()
            spent.append(time.perf_counter() - start)
            if reply is None or reply.status != 200:
                t.note("others", f"{reply!r}")
                break
            time.sleep(0.005)
    return spent


def crawl(conns, seconds, step, each):
    """Every `step` seconds each(i, conn) does its bit for connections that still live. Returns (ended, alive)."""
    alive, ended = dict(conns if isinstance(conns, dict) else enumerate(conns)), {}
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        for i, c in list(alive.items()):
            try:
                each(i, c)
            except OSError:  # it has ended; what it said before that is still there
                while got := c.more():
                    c.data += got
                ended[i] = c.data
                del alive[i]
        poll = select.poll()
        numbers = {c.sock.fileno(): i for i, c in alive.items()}
        for number in numbers:
            poll.register(number, select.POLLIN)
        until = time.monotonic() + step
        while numbers and time.monotonic() < until:
            for number, _ in poll.poll(max(1, (until - time.monotonic()) * 1000)):
                i = numbers[number]
                c = alive[i]
                got = c.more()
                c.data += got
                if not got:
                    poll.unregister(number)
                    del numbers[number], alive[i]
                    ended[i] = c.data
    return ended, alive


def one_byte(data, start):
    """Sends the next byte of `data` every time."""
    at = {}

    def each(i, c):
        n = at.get(i, start)
        c.sock.send(data[n:n + 1])
        at[i] = n + 1
    return each


# ---- slow clients ----------------------------------------------------------------------------------------------------


@slow.case
def HTP_07_heads_byte_by_byte(t):
    """Scaled: 300 connections."""
    usual = latencies(t, 60)
    before = t.memory()
    conns = [t.open() for _ in range(300)]
    data = t.signed("GET", "/bbb/keep")
    meanwhile = []
    watcher = threading.Thread(target=lambda: meanwhile.extend(latencies(t, 60)))
    watcher.start()
    drip = one_byte(data, 0)
    early, alive = crawl(conns, 0.6, 0.25, drip)
    t.gained("they cost little", before, 300 * 16 * 1024)
    ended, alive = crawl(alive, 20, 0.25, drip)
    ended.update(early)
    watcher.join()
    t.same("connections that outlive the header timeout", len(alive), 0)
    t.true("each is told", all(b"RequestTimeout" in e or b" 408 " in e for e in ended.values()),
           f"{sorted(ended.values())[:1]}")
    typical, then = statistics.median(usual), statistics.median(meanwhile)
    t.true("others notice nothing", then < 2 * typical + 0.1,
           f"median {typical * 1e3:.2f} ms before, {then * 1e3:.2f} ms meanwhile")


@slow.case
def HTP_07_bodies_byte_by_byte(t):
    path = "/aaa/htp07"
    kinds = {"small": t.signed("PUT", path, body=b"x" * 1000), "large": t.signed("PUT", path, body=b"x" * 1_000_000),
             "unsigned": t.signed("PUT", path, body=b"x" * 100_000, payload=UNSIGNED),
             "aws-chunked": t.chunked(path, KEEP * 10),
             "chunked": t.signed("PUT", path, payload=UNSIGNED, length=None,
                                 extra=[("Transfer-Encoding", "chunked")]) + b"ffff\r\n" + b"x" * 65535,
             "document": t.signed("POST", "/aaa", "delete=", body=delete_xml(["k"] * 100),
                                  headers=[("Content-MD5", md5(delete_xml(["k"] * 100)))])}
    names = list(kinds) * 15
    conns = [t.open().send(kinds[n][:kinds[n].index(b"\r\n\r\n") + 4]) for n in names]
    at = {}

    def each(i, c):
        data = kinds[names[i]]
        n = at.get(i, data.index(b"\r\n\r\n") + 4)
        c.sock.send(data[n:n + 1])
        at[i] = n + 1
    ended, alive = crawl(conns, 20, 0.3, each)
    t.same("transfers that outlive the minimum rate", [names[i] for i in alive], [])
    t.same("each is told", {names[i] for i, e in ended.items() if b"RequestTimeout" not in e and b" 408 " not in e},
           set())
    t.absent("none is stored", path)


@slow.case
def CHK_10_a_terabyte_announced_then_silence(t):
    before = t.memory()
    conns = []
    for size in (5 << 30, 1 << 20):
        for mode in (SIGNED_CHUNKS, UNSIGNED_TRAILER):
            head = t.chunked("/aaa/chk10", b"", mode, decoded=size, length=size + 1000, edit=lambda p: [])
            line = b"10000000000" if size == 1 << 20 else b"%x" % size
            conns += [t.open().send(head + line + (b";chunk-signature=" + b"0" * 64 if mode == SIGNED_CHUNKS
                                                   else b"") + b"\r\n") for _ in range(25)]
    time.sleep(0.3)
    t.gained("nothing is set aside for them", before, 100 * 32 * 1024)
    ended, alive = crawl(conns, 20, 0.5, lambda i, c: None)
    t.same("silent connections that live on", len(alive), 0)
    t.absent("none is stored", "/aaa/chk10")


@slow.case
def HTP_07_slow_readers(t):
    t.put("/aaa/htp07big", bytes(BIG))
    before = t.memory()
    conns = [t.open(receive_buffer=4096).send(t.signed("GET", "/aaa/htp07big")) for _ in range(40)]
    time.sleep(0.5)
    t.gained("each costs a few buffers", before, 40 * 320 * 1024)
    deadline = time.monotonic() + 20
    alive = set(range(len(conns)))
    while alive and time.monotonic() < deadline:
        for i in list(alive):
            conns[i].sock.settimeout(0.5)
            try:
                if not conns[i].sock.recv(1):
                    alive.discard(i)
            except TimeoutError:
                pass
            except OSError:
                alive.discard(i)
        if t.descriptors() <= t.start_descriptors + 6:
            break
        time.sleep(0.5)
    t.true("they are let go", t.wait(lambda: t.descriptors() <= t.start_descriptors + 6),
           f"{t.start_descriptors} descriptors at the start, {t.descriptors()} now")
    for c in conns:
        c.close()


@slow.case
def HTP_07_a_fast_beginning_buys_no_right_to_crawl(t):
    """A mebibyte at once, then 1 KB/s: on average that would be fast enough for almost a minute."""
    data = t.signed("PUT", "/aaa/htp07fast", body=bytes(4 << 20))
    with t.open() as c:
        c.send(data[:1 << 20])
        at, begin = 1 << 20, time.monotonic()
        while time.monotonic() - begin < 40 and not select.select([c.sock], [], [], 0.3)[0]:
            c.send(data[at:at + 300])
            at += 300
        spent = time.monotonic() - begin
        t.expect("it ends", c.reply(), "400 RequestTimeout")
        t.true("soon", spent < 30, f"{spent:.1f} s")
    t.absent("nothing is stored", "/aaa/htp07fast")


@slow.case
def HTP_07_a_pipeline_whose_replies_nobody_takes(t):
    conns = []
    for size in range(0, 3000, 50):  # so that some stop where a reply ends, with the next request in the buffer
        t.put(f"/aaa/htp07{size}", bytes(size))
        conns.append(t.open(receive_buffer=4096))
        conns[-1].sock.setblocking(False)
        try:
            conns[-1].sock.send(t.signed("GET", f"/aaa/htp07{size}") * 1000)
        except BlockingIOError:
            pass
    t.true("they are let go", t.wait(lambda: t.descriptors() <= t.start_descriptors + 6, 20),
           f"{t.start_descriptors} descriptors at the start, {t.descriptors()} now")
    t.expect("others are served", t.get("/bbb/keep"), "200")
    for c in conns:
        c.close()


@slow.case
def HTP_07_fast_enough_is_left_alone(t):
    body = os.urandom(210_000)
    data = t.signed("PUT", "/aaa/htp07ok", body=body)
    with t.open() as c:
        begin, sent = time.monotonic(), 0
        while sent < len(data):  # by the clock and with a lead, so that a busy machine makes up for what it slept too long
            due = 50_000 + int((time.monotonic() - begin) * 33_000)
            c.send(data[sent:due])
            sent = due
            time.sleep(0.12)
        t.expect("33 KB/s", c.reply(), "200")
    with t.open() as c:
        for _ in range(3):  # the idle timeout is for the time between requests
            time.sleep(1.5)
            t.expect("a request now and then", c.send(t.signed("GET", "/bbb/keep")).reply(), "200")
        t.true("then idle: the connection ends", c.closed())
    with t.open() as c:
        t.true("never a byte: the connection ends", c.closed())
    with t.open() as c:
        head = t.signed("PUT", "/aaa/htp07ok", body=body, extra=[("Expect", "100-continue")], head_only=True)
        t.expect("100 and then nothing", c.send(head).reply(), "400 RequestTimeout")


# ---- limits as settings ----------------------------------------------------------------------------------------------


@limits.case
def HTP_06_limits_are_settings(t):
    pad = lambda n: [("X-Pad", "p" * n)]  # noqa: E731
    t.expect("7 KB of headers", t.get("/bbb/keep", extra=pad(7000)), "200")
    t.expect("9 KB of headers", t.get("/bbb/keep", extra=pad(9000)), "431 / 400", closes=True)
    t.expect("15 headers", t.get("/bbb/keep", extra=[(f"X-{i}", "1") for i in range(14)]), "200")
    t.expect("25 headers", t.get("/bbb/keep", extra=[(f"X-{i}", "1") for i in range(25)]), "431 / 400", closes=True)
    t.expect("1,900 bytes of target", t.get("/bbb/keep", "x=" + "y" * 1880), "200")
    t.expect("2,200 bytes of target", t.get("/bbb/keep", "x=" + "y" * 2200), "414", closes=True)


@limits.case
def connections_per_address_and_in_all(t):
    t.true("none at the start", t.wait(lambda: not t.connections()))
    with t.open() as c:
        t.expect("one", c.send(t.signed("GET", "/bbb/keep")).reply(), "200")

    def opened(address):
        return socket.create_connection((t.pail.host, t.pail.port), 15, source_address=(address, 0))

    def serves(sock):
        try:
            sock.sendall(t.signed("GET", "/bbb/keep"))
            return sock.recv(15) == b"HTTP/1.1 200 OK"
        except OSError:
            return False
    t.true("it is over", t.wait(lambda: not t.connections()))
    time.sleep(0.1)  # it is counted for a moment more
    mine = [opened("127.0.0.1") for _ in range(18)]
    t.same("from one address", sum(map(serves, mine)), 16)
    others = [opened("127.0.0.2") for _ in range(10)]
    t.same("from another, up to the server's limit", sum(map(serves, others)), 8)
    for sock in mine + others:
        sock.close()
    t.true("and then again", t.wait(lambda: serves(opened("127.0.0.1"))))


# ---- floods ----------------------------------------------------------------------------------------------------------


@flood.case
def DOS_02_more_work_than_workers(t):
    """Beyond the queue's limit requests are told to slow down; nothing else suffers."""
    document = delete_xml([f"flood/{i:04}/" + "k" * 900 for i in range(1000)])
    data = t.signed("POST", "/aaa", "delete=", body=document, headers=[("Content-MD5", md5(document))])
    quick = t.signed("GET", "/aaa", "list-type=2&max-keys=0")
    answers = in_parallel(48, lambda i: [t.ask(quick if i % 2 else data).status for _ in range(4)])
    statuses = [s for a in answers for s in a or [None]]
    t.same("answers", set(statuses) - {200, 503}, set())
    t.true("some were told to slow down", 503 in statuses, f"{statuses}")
    t.expect("afterwards", t.ask(quick), "200")
    with t.open() as c:
        for _ in range(3):
            t.expect("on one connection", c.send(quick).reply(), "200")


@flood.case
def DOS_02_slow_uploads_of_gigabytes(t):
    """Scaled: 300 uploads that announce 5 GiB and send 1 KiB."""
    before = t.memory()
    head = t.signed("PUT", "/aaa/dos02", payload=UNSIGNED, length=5 << 30)
    conns = [t.open().send(head + b"x" * 1024) for _ in range(300)]
    time.sleep(0.3)
    for c in conns:
        c.send(b"x" * 1024)
    time.sleep(0.2)
    t.gained("memory is bounded", before, 300 * 32 * 1024)
    t.expect("others are served", t.put("/aaa/dos02other", KEEP), "200")
    for c in conns:
        c.reset()
    t.true("descriptors are back", t.wait(lambda: t.descriptors() <= t.start_descriptors + 3))
    t.absent("nothing is stored", "/aaa/dos02")


@flood.case
def DOS_05_many_parameters_and_cookies(t):
    for label, data in (("10,000 parameters", t.signed("GET", "/bbb/keep", "&".join(f"p{i}=" for i in range(10_000)))),
                        ("3,000 parameters", t.signed("GET", "/bbb/keep", "&".join(f"p{i}" for i in range(2900)))),
                        ("the same 3,000 times", t.signed("GET", "/bbb/keep", "&".join(["p="] * 4000))),
                        ("ampersands", t.signed("GET", "/bbb/keep", "&" * 15_000)),
                        ("10,000 cookies", t.signed("GET", "/bbb/keep",
                                                    extra=[("Cookie", "; ".join(f"c{i}=1" for i in range(10_000)))])),
                        ("190 cookies",
                         t.signed("GET", "/bbb/keep", extra=[("Cookie", f"c{i}=1") for i in range(180)]))):
        start = t.cpu()
        t.expect(label, t.ask(data), "200 / 400 / 414 / 431")
        t.true(f"{label}: quickly", t.cpu() - start < 0.5, f"{t.cpu() - start:.2f} s")


@flood.case
def DOS_07_large_deletes_do_not_starve_reads(t):
    """Scaled: 12 at once, 1,000 keys of 1,000 bytes each, on two workers."""
    document = delete_xml([f"{i:04}" + "k" * 1000 for i in range(1000)])
    data = t.signed("POST", "/aaa", "delete=", body=document, headers=[("Content-MD5", md5(document))])

    def slowest():
        done, spent = threading.Event(), []

        def read():
            while not done.is_set():
                spent.extend(latencies(t, 5))
        reader = threading.Thread(target=read)
        reader.start()
        answers = in_parallel(8, lambda i: t.ask(data))
        done.set()
        reader.join()
        t.true("deletes", all(a.status in (200, 503) for a in answers), f"{answers}")
        return max(spent)
    worst = min(slowest() for _ in range(3))  # what other programs do meanwhile is not the server's time
    t.true("the slowest GET meanwhile", worst < 1, f"{worst:.3f} s")


@flood.case
def DOS_04_pages_are_quick(t):
    """Scaled: 2,000 keys under one prefix. The benchmark does it with a million."""
    def write(i):
        with t.open() as c:
            for n in range(i, 2000, 16):
                c.send(t.signed("PUT", f"/aaa/dos04/{n % 3}/{n:05}", body=b"x")).reply()
    in_parallel(16, write)
    spent = 9.0
    for _ in range(5):  # what other programs do meanwhile is not the server's time
        start = time.monotonic()
        page = t.get("/aaa", "list-type=2&delimiter=/&prefix=dos04")
        spent = min(spent, time.monotonic() - start)
    t.same("one group", (re.findall(rb"<CommonPrefixes><Prefix>([^<]*)", page.body), page.value("KeyCount")),
           ([b"dos04/"], "1"))
    t.true("quickly", spent < 0.15, f"{spent * 1e3:.1f} ms")
    names, after = [], ""
    with t.open() as c:
        for _ in range(200):
            page = c.send(t.signed("GET", "/aaa",
                                   f"list-type=2&max-keys=1&prefix=dos04%2F&start-after={encode(after)}")).reply()
            after = page.value("Key")
            names.append(after)
    t.same("pages of one, in order", names, sorted(names))
    t.same("none twice", len(set(names)), 200)


@documents.case
def DOS_04_large_documents_in_slow_hands(t):
    """Pages of 3 MB that nobody takes: they hold what the setting allows, and no more."""
    long = "\1" * 980  # three bytes each in a list

    def write(i):
        with t.open() as c:
            for n in range(i, 600, 16):
                c.send(t.signed("PUT", f"/aaa/dos04doc/{encode(long)}{n:03}", body=b"x")).reply()
    in_parallel(16, write)
    ask = t.signed("GET", "/aaa", "list-type=2&encoding-type=url&prefix=dos04doc%2F")
    t.expect("one page", t.ask(ask), "200")
    readers = [t.open(receive_buffer=4096).send(ask) for _ in range(40)]
    t.true("refused in the end", t.wait(lambda: t.ask(ask).status == 503, 10))
    small = t.signed("GET", "/aaa", "list-type=2&max-keys=2&prefix=dos04doc%2F")
    t.true("small documents are not", t.wait(lambda: t.ask(small).status == 200))  # once the queue has emptied
    for c in readers:
        c.close()
    t.true("free again", t.wait(lambda: t.ask(ask).status == 200, 10))


@patience.case
def DOS_04_large_documents_sent_slowly(t):
    """Clients with good signatures and a good rate fill half of the memory; others have theirs, and time frees it."""
    body = delete_xml([f"{n:01000}" for n in range(1000)])
    whole = t.signed("POST", "/aaa", "delete=", body=body, headers=[("Content-MD5", md5(body))])
    most = len(whole) - 200_000
    start = time.monotonic()
    held = []
    while len(held) < 30:  # those that are refused together make room again: a few at a time
        held += [t.open().send(whole[:most]) for _ in range(3)]
        time.sleep(0.05)
    t.true("refused in the end", t.wait(lambda: t.ask(whole).status == 503, 4))
    at = dict.fromkeys(range(len(held)), most)

    def some(i, c):
        c.sock.send(whole[at[i]:at[i] + 2500])
        at[i] += 2500
    ended, alive = crawl(held, 0.5, 0.25, some)
    t.true("some of these too", any(b"SlowDown" in e for e in ended.values()), f"{len(ended)}")
    with t.open(source="127.0.0.2") as other:
        t.expect("another address", other.send(whole).reply(), "200")
    late, alive = crawl(alive, 20, 0.25, some)
    took = time.monotonic() - start
    t.same("documents that outlive their time", len(alive), 0)
    told = [*ended.values(), *late.values()]
    t.true("each is told", all(b"SlowDown" in e or b"RequestTimeout" in e for e in told), f"{sorted(told)[:1]}")
    t.true("some for their time", any(b"RequestTimeout" in e for e in late.values()))
    t.true("not before it is over", took > 6, f"{took:.1f} s")
    t.expect("free again", t.ask(whole), "200")


@patience.case
def DOS_04_a_document_at_a_good_rate(t):
    body = delete_xml([f"{n:01000}" for n in range(1000)])
    whole = t.signed("POST", "/aaa", "delete=", body=body, headers=[("Content-MD5", md5(body))])
    with t.open() as c:
        for i in range(0, len(whole), len(whole) // 8):
            c.send(whole[i:i + len(whole) // 8])
            time.sleep(0.2)
        t.expect("within its time", c.reply(), "200")


@patience.case
def DOS_04_a_document_taken_slowly(t):
    long = "\1" * 980
    in_parallel(16, lambda i: [t.put(f"/aaa/dos04slow/{encode(long)}{n:03}", b"x") for n in range(i, 1000, 16)])
    ask = t.signed("GET", "/aaa", "list-type=2&encoding-type=url&prefix=dos04slow%2F")
    c = t.open(receive_buffer=4096).send(ask)
    got, start = 0, time.monotonic()
    while time.monotonic() - start < 25 and (piece := c.more(10_000)):
        got += len(piece)
        time.sleep(0.1)
    took = time.monotonic() - start
    t.true("it is cut", took < 25, f"{got} bytes in {took:.1f} s")
    t.true("not before its time", took > 5.5, f"{got} bytes in {took:.1f} s")
    c.close()


# ---- out of descriptors ----------------------------------------------------------------------------------------------


@starved.case
def DOS_03_few_descriptors(t):
    wrapper = os.path.join(t.folder, "pail-256")
    with open(wrapper, "w") as f:
        f.write(f'#!/bin/sh\nulimit -n 256\nexec {default_binary()} "$@"\n')
    os.chmod(wrapper, 0o755)
    with t.server(binary=wrapper) as pail:
        b = t.of(pail)
        b.expect("set-up", b.put("/aaa"), "200")
        b.expect("set-up", b.put("/aaa/k", KEEP * 100), "200")
        conns, began = [], time.monotonic()
        for _ in range(600):
            try:
                conns.append(Raw(pail.host, pail.port, timeout=3))
            except OSError:
                break
        time.sleep(0.5)
        start = b.cpu()
        time.sleep(1)
        busy = b.cpu() - start
        t.true("no spinning at accept", busy < 0.3, f"{busy:.2f} s of processor time in a second")
        served = 0
        for c in conns[:40]:
            c.sock.settimeout(2)
            try:
                reply = c.send(b.signed("GET", "/aaa/k")).reply()
                served += reply is not None and reply.status == 200
                t.true("200 or 503", reply is None or reply.status in (200, 503), f"{reply!r}")
            except (TimeoutError, AssertionError):
                pass
        for c in conns:
            c.reset()
        t.true("it recovers", t.wait(lambda: (reply := b.get("/aaa/k")) and reply.status == 200))
        t.expect("and writes", b.put("/aaa/k2", KEEP * 100), "200")
        t.true("the log says why", t.wait(lambda: "accept" in b.log()))
        lines = b.log().count("accepting pauses")
        spent = time.monotonic() - began
        t.true("ten times a second at the most", lines < 10 * spent + 10, f"{lines} lines in {spent:.1f} s")


# ---- measured, on the ordinary build ---------------------------------------------------------------------------------


@idle.case
def NET_01_idle_connections(t):
    if not release_binary():
        t.skip("no ordinary build to measure")
    count = 9000
    t.get("/bbb/keep")
    before, conns = t.memory(), []
    request = t.signed("GET", "/bbb/keep")
    for i in range(count):
        c = t.open()
        if i % 10 == 0:  # as a connection that has served a request, or none yet
            c.send(request).reply()
        conns.append(c)
    # The kernel may still hold a few that it told the client about when its queue was full.
    t.true("all are accepted", t.wait(lambda: t.descriptors() >= t.start_descriptors + count * 0.99, 20),
           f"{t.descriptors()}")
    each = (t.memory() - before) / count
    t.true("8 KiB each at most", each <= 8192, f"{each:.0f} bytes")
    spent = sorted(latencies(t, 50))
    t.true("a new request takes less than 5 ms", spent[len(spent) // 2] < 0.005,
           f"{spent[len(spent) // 2] * 1e3:.2f} ms")
    print(f"# {count} idle connections: {each:.0f} bytes each, median GET {spent[len(spent) // 2] * 1e3:.2f} ms")
    for c in conns:
        c.close()
    t.true("descriptors are back", t.wait(lambda: t.descriptors() <= t.start_descriptors + 3, 15))


@idle.case
def NET_01_idle_connections_over_TLS(t):
    if not release_binary():
        t.skip("no ordinary build to measure")
    count = 1000
    with t.server(binary=release_binary(), tls=True) as pail:
        b = t.of(pail)
        context = ssl.create_default_context(cafile=os.path.join(certificates(), "ca.crt"))
        first = [Raw(pail.host, pail.port, tls=context) for _ in range(20)]
        before = b.memory()
        conns = []
        for i in range(count):
            c = Raw(pail.host, pail.port, tls=context)
            if i % 10 == 0:
                c.send(b.signed("GET", "/")).reply()
            conns.append(c)
        time.sleep(0.2)
        each = (b.memory() - before) / count
        t.true("40 KiB each at most", each <= 40 * 1024, f"{each:.0f} bytes")
        print(f"# {count} idle TLS connections: {each:.0f} bytes each")
        for c in conns + first:
            c.close()


@idle.case
def NET_02_stalled_readers(t):
    """Scaled: 300 readers of an object of 64 MiB who read nothing."""
    if not release_binary():
        t.skip("no ordinary build to measure")
    t.put("/aaa/net02", bytes(64 << 20))
    before = t.memory()
    conns = [t.open(receive_buffer=4096).send(t.signed("GET", "/aaa/net02")) for _ in range(300)]
    time.sleep(1)
    each = (t.memory() - before) / len(conns)
    t.true("bounded by the write watermark", each <= 320 * 1024, f"{each:.0f} bytes each")
    print(f"# {len(conns)} stalled readers: {each:.0f} bytes each")
    spent = sorted(latencies(t, 30))
    t.true("others are served", spent[15] < 0.02, f"median {spent[15] * 1e3:.2f} ms")
    conns[0].sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    reply = conns[0].reply()
    t.true("and reading on gets all of it", len(reply.body) == 64 << 20 and not any(reply.body))
    for c in conns:
        c.close()
    t.true("descriptors are back", t.wait(lambda: t.descriptors() <= t.start_descriptors + 3, 10))


@idle.case
def NET_03_aborted_uploads(t):
    """Scaled: 500 uploads given up in the middle; their temporary files go at once."""
    rng = random.Random(3)
    for _ in range(10):
        conns = []
        for _ in range(50):
            body = b"x" * 300_000
            data = t.signed("PUT", "/aaa/net03", body=body) if rng.random() < 0.5 else t.chunked("/aaa/net03", body)
            conns.append(t.open().send(data[:rng.randrange(1000, len(data))]))
        for c in conns:
            c.reset() if rng.random() < 0.5 else c.close()
    t.true("descriptors are back", t.wait(lambda: t.descriptors() <= t.start_descriptors + 2),
           f"{t.start_descriptors} before, {t.descriptors()} now")
    t.absent("nothing is stored", "/aaa/net03")

    def left():
        return [os.path.join(d, f) for d, _, files in os.walk(t.pail.data) for f in files if "tmp" in f]
    t.true("no temporary files", t.wait(lambda: not left()), f"{left()}")
