# SPDX-License-Identifier: Apache-2.0
"""Many at once: exactly one wins, nothing is lost, nothing is torn (CND, CON)."""
import hashlib
import random
import re
import threading
import time
import xml.etree.ElementTree as ElementTree

from wire import KEEP, Group, complete_xml
from wire_objects import PART, in_parallel

race = Group("race")


def volley(t, requests):
    """Sends each request but for its last byte, then all last bytes at once; the replies in order."""
    conns = [t.open() for _ in requests]
    for c, data in zip(conns, requests):
        c.send(data[:-1])
    time.sleep(0.05)
    for c, data in zip(conns, requests):
        c.send(data[-1:])
    replies = [c.reply() for c in conns]
    for c in conns:
        c.close()
    return replies


@race.case
def CND_01_one_writer_wins(t):
    for clients, size in ((32, 100), (64, 100), (32, 60_000), (32, 10)):
        for nth in range(3):
            path = f"/aaa/cnd01/{clients}-{size}-{nth}"
            bodies = [b"%04d" % i * (size // 4 + 1) for i in range(clients)]
            replies = volley(t, [t.signed("PUT", path, body=body, headers=[("If-None-Match", "*")]) for body in bodies])
            won = [i for i, r in enumerate(replies) if r.status == 200]
            t.same(f"{clients} writers of {size} bytes: winners", len(won), 1)
            t.same(f"{clients} writers of {size} bytes: others",
                   {r.code for r in replies if r.status != 200} - {"PreconditionFailed", "ConditionalRequestConflict"},
                   set())
            if won:
                t.true("the winner's bytes", t.get(path).body == bodies[won[0]])


@race.case
def CND_01_one_upload_wins(t):
    for nth in range(3):
        path = f"/aaa/cnd01mpu/{nth}"
        uploads = [t.multipart(path, [(1, b"%02d" % i * 30_000)]) for i in range(8)]
        requests = [t.signed("POST", path, f"uploadId={u}", [("If-None-Match", "*")], complete_xml(p)) for u,
                    p in uploads]
        requests += [t.signed("PUT", path, body=b"put %d" % i, headers=[("If-None-Match", "*")]) for i in range(8)]
        replies = volley(t, requests)
        won = [i for i, r in enumerate(replies) if r.status == 200 and b"<Error>" not in r.body]
        t.same("winners among uploads and puts", len(won), 1)
        body = t.get(path).body
        t.true("the winner's bytes",
               won and body == (b"%02d" % won[0] * 30_000 if won[0] < 8 else b"put %d" % (won[0] - 8)))


@race.case
def CND_02_compare_and_swap_counter(t):
    """Scaled: 12 clients, 20 increments each."""
    t.put("/aaa/cnd02", b"0")
    tries = [0] * 12

    def client(i):
        done = 0
        with t.open() as c:
            while done < 20:
                seen = c.send(t.signed("GET", "/aaa/cnd02")).reply()
                reply = c.send(t.signed("PUT", "/aaa/cnd02", body=b"%d" % (int(seen.body) + 1),
                                        headers=[("If-Match", seen.headers["etag"])])).reply()
                tries[i] += 1
                done += reply.status == 200
                if reply.status not in (200, 409, 412):
                    return t.note("a client", f"{reply!r}")
    in_parallel(12, client)
    t.same("the counter", t.get("/aaa/cnd02").body, b"240")


@race.case
def unconditional_writers_all_succeed(t):
    for size in (100, 60_000):
        bodies = [b"%03d," % i * (size // 4) for i in range(64)]
        replies = volley(t, [t.signed("PUT", "/aaa/uncond", body=body) for body in bodies])
        t.same(f"64 writers of {size} bytes", [r.status for r in replies], [200] * 64)
        last = t.get("/aaa/uncond")
        t.true(f"{size}: one of them, whole", last.body in bodies and last.etag == hashlib.md5(last.body).hexdigest())
        t.same(f"{size}: listed once", t.get("/aaa", "list-type=2&prefix=uncond").values("ETag"), [f'"{last.etag}"'])
    requests = [t.signed("PUT", "/aaa/mixed", body=b"x") if i % 2 else t.signed("DELETE", "/aaa/mixed")
                for i in range(64)]
    for i, r in enumerate(volley(t, [r + b"" for r in requests])):
        t.same(f"put and delete, {i}", r.status, 200 if i % 2 else 204)


@race.case
def complete_against_abort(t):
    won = {"complete": 0, "abort": 0}
    for nth in range(16):
        path = f"/aaa/abort/{nth}"
        upload, parts = t.multipart(path, [(1, PART), (2, b"tail")] if nth < 2 else [(1, b"x" * (20_000 + nth))])
        complete = t.signed("POST", path, f"uploadId={upload}", body=complete_xml(parts))
        abort = t.signed("DELETE", path, f"uploadId={upload}")
        first, second = volley(t, [complete, abort] if nth % 2 else [abort, complete])
        done, gone = (first, second) if nth % 2 else (second, first)
        head = t.ask(t.signed("HEAD", path))
        if done.status == 200 and b"<Error>" not in done.body:
            won["complete"] += 1
            t.true(f"{nth}: completed, so it is there", head.status == 200 and t.get(path).status == 200, f"{head!r}")
            t.true(f"{nth}: abort", gone.status in (204, 404), f"{gone!r}")
        else:
            won["abort"] += 1
            t.same(f"{nth}: complete", done.code, "NoSuchUpload")
            t.same(f"{nth}: abort", gone.status, 204)
            t.same(f"{nth}: nothing is there", head.status, 404)
        t.expect(f"{nth}: the upload is gone", t.get(path, f"uploadId={upload}"), "404 NoSuchUpload")
    t.same("uploads left", t.get("/aaa", "uploads=&prefix=abort/").values("UploadId"), [])


@race.case
def CON_07_lists_during_writes(t):
    """Keys present throughout appear exactly once, in order; others at most once, and never torn."""
    steady = [f"con07/{i:03}/steady" for i in range(60)]
    for name in steady:
        t.client.put("aaa", name, b"steady")
    stop = threading.Event()

    def write(i):
        rng = random.Random(i)
        with t.open() as c:
            while not stop.is_set():
                path = f"/aaa/con07/{rng.randrange(60):03}/{rng.choice(['a', 'steadx', 'steadz', 'z'])}{i}"
                body = b"%d" % rng.randrange(10) * rng.choice([10, 5000, 30_000])
                c.send(t.signed("PUT", path, body=body) if rng.random() < 0.6 else t.signed("DELETE", path)).reply()
    writers = [threading.Thread(target=write, args=(i,)) for i in range(6)]
    for writer in writers:
        writer.start()
    try:
        until, rounds = time.monotonic() + 3, 0
        with t.open() as c:
            while (time.monotonic() < until or rounds < 3) and not t.wrong:
                size, names, sizes, token = random.choice([1000, 50, 7]), [], [], ""
                while True:
                    page = c.send(t.signed("GET", "/aaa", f"list-type=2&prefix=con07/&max-keys={size}" + token)).reply()
                    root = ElementTree.fromstring(page.body)
                    ns = "{http://s3.amazonaws.com/doc/2006-03-01/}"
                    rows = [(e.findtext(ns + "Key"), e.findtext(ns + "ETag"), e.findtext(ns + "Size"))
                            for e in root.iter(ns + "Contents")]
                    t.true("a page has what it says", len(rows) == int(page.value("KeyCount")) <= size)
                    names += [r[0] for r in rows]
                    sizes += [r for r in rows if r[2] not in ("6", "10", "5000", "30000") or len(r[1]) != 34]
                    if page.value("IsTruncated") != "true":
                        break
                    token = "&continuation-token=" + page.value("NextContinuationToken")
                t.true("in order, none twice", all(a < b for a, b in zip(names, names[1:])))
                t.same("keys that were there all the time", [n for n in names if n.endswith("/steady")], steady)
                t.same("torn rows", sizes, [])
                groups = c.send(t.signed("GET", "/aaa", "list-type=2&prefix=con07/&delimiter=/")).reply()
                prefixes = re.findall(rb"<CommonPrefixes><Prefix>([^<]*)", groups.body)
                t.same("groups", prefixes, [f"con07/{i:03}/".encode() for i in range(60)])
                rounds += 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()


@race.case
def CON_02_lists_show_what_was_answered(t):
    def client(i):
        with t.open() as one, t.open() as two:
            for n in range(25):
                path = f"con02/{i}/{n}"
                one.send(t.signed("PUT", f"/aaa/{path}", body=b"x")).reply()
                page = two.send(t.signed("GET", "/aaa", f"list-type=2&prefix={path}")).reply()
                t.same("after PUT", page.values("Key"), [path])
                t.same("GET after PUT", two.send(t.signed("GET", f"/aaa/{path}")).reply().status, 200)
                one.send(t.signed("DELETE", f"/aaa/{path}")).reply()
                page = two.send(t.signed("GET", "/aaa", f"list-type=2&prefix={path}")).reply()
                t.same("after DELETE", page.values("Key"), [])
                t.same("GET after DELETE", two.send(t.signed("GET", f"/aaa/{path}")).reply().status, 404)
    in_parallel(6, client)


@race.case
def CON_05_readers_keep_what_they_read(t):
    body = KEEP * 1200  # 12 MiB: more than sockets hold
    t.put("/con05")
    for how in ("overwritten", "deleted", "bucket removed"):
        t.expect(f"{how}: PUT", t.put("/con05/k", body), "200")
        with t.open(receive_buffer=65536) as c:
            c.send(t.signed("GET", "/con05/k"))
            while len(c.data) < 100_000:
                c.data += c.more()
            if how == "overwritten":
                t.expect(how, t.put("/con05/k", b"new" * 100_000), "200")
            else:
                t.expect(how, t.delete("/con05/k"), "204")
            if how == "bucket removed":
                t.expect(how, t.delete("/con05"), "204")
                t.expect(how, t.get("/con05/k"), "404 NoSuchBucket")
            for i in range(20):  # what the collector might reuse
                t.put(f"/aaa/con05/{i}", b"z" * 100_000)
            time.sleep(0.2)
            reply = c.reply()
            t.true(f"{how}: the old bytes to the end", reply.status == 200 and reply.body == body)


@race.case
def CON_06_bucket_removed_under_writers(t):
    for nth in range(20):
        bucket = f"con06-{nth}"
        t.put(f"/{bucket}")
        large = nth % 4 == 0
        requests = [t.signed("DELETE", f"/{bucket}"),
                    t.signed("PUT", f"/{bucket}/k", body=b"x" * (60_000 if large else 10)),
                    t.signed("POST", f"/{bucket}/up", "uploads=", length=0)]
        random.Random(nth).shuffle(requests)
        kinds = [r.split(b" ")[0] for r in requests]
        replies = dict(zip(kinds, volley(t, requests)))
        gone, put, create = replies[b"DELETE"], replies[b"PUT"], replies[b"POST"]
        t.true(f"{nth}: PUT", put.status == 200 or put.code in ("NoSuchBucket", "OperationAborted"), f"{put!r}")
        t.true(f"{nth}: upload", create.status == 200 or create.code in ("NoSuchBucket", "OperationAborted"),
               f"{create!r}")
        t.true(f"{nth}: DELETE", gone.status == 204 or gone.code in ("BucketNotEmpty", "OperationAborted"), f"{gone!r}")
        t.true(f"{nth}: not both", not (gone.status == 204 and put.status == 200), f"{gone!r} {put!r}")
        if gone.status == 204:
            t.expect(f"{nth}: gone", t.ask(t.signed("HEAD", f"/{bucket}")), "404")
            if create.status == 200:
                t.expect(f"{nth}: its upload too", t.put_part(f"/{bucket}/up", create.value("UploadId"), 1, b"x"),
                         "404")
            t.expect(f"{nth}: again", t.put(f"/{bucket}"), "200")
            t.same(f"{nth}: nothing is left over", t.get(f"/{bucket}", "list-type=2").values("Key"), [])
            t.same(f"{nth}: no upload either", t.get(f"/{bucket}", "uploads=").values("UploadId"), [])
            t.expect(f"{nth}: and goes again", t.delete(f"/{bucket}"), "204")
        elif put.status == 200:
            t.expect(f"{nth}: the object is there", t.get(f"/{bucket}/k"), "200")


@race.case
def CON_08_complete_copy_delete_at_once(t):
    """Scaled: 60 times, as registries do it."""
    def client(i):
        with t.open() as c:
            for n in range(10):
                path = f"/aaa/con08/{i}/{n}"
                upload = c.send(t.signed("POST", path, "uploads=", length=0)).reply().value("UploadId")
                body = b"%d" % n * 25_000
                etag = c.send(t.signed("PUT", path, f"partNumber=1&uploadId={upload}", body=body)).reply().etag
                steps = [t.signed("POST", path, f"uploadId={upload}", body=complete_xml([(1, etag)])),
                         t.signed("PUT", path + ".copy", headers=[("x-amz-copy-source", path)]),
                         t.signed("DELETE", path), t.signed("GET", path + ".copy")]
                statuses = [c.send(s).reply() for s in steps]
                t.same("complete, copy, delete, read", [r.status for r in statuses], [200, 200, 204, 200])
                t.true("the bytes", statuses[-1].body == body)
    in_parallel(6, client)
