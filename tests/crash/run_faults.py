#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""System calls that fail below the server: a clear error, nothing lost, the server lives.

    tests/crash/run_faults.py [word]    only cases whose title contains the word

The calls fail by iotrap.c, which is told what to do through a mapped file while the server
runs; full disks are real (tmpfs) where this machine lets us mount one.
"""
import errno
import os
import signal
import socket
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
import s3client  # noqa: E402
from cases import Skip, report, titled  # noqa: E402
from rig import Rig, SmallDisk  # noqa: E402
from workload import BROKEN, Wrong, content, wait_for_blobs  # noqa: E402

BUCKET = "faults"
LARGE = 200_000
DIRECT = 9 << 20  # bytes; from 8 MiB on they are written past the page cache
BLOBS, INDEX = "/blobs", "/index/"
MANY_CALLS = 80  # more than any single request makes
_cases, case = titled()


class Faults:
    """A server under iotrap and what its keys should hold."""

    def __init__(self, name, args=(), data=None):
        self.rig = Rig(f"faults-{name}", args, data)
        self.trap, self.keys, self.serial = self.rig.trap, {}, 0
        self.prepare()
        self.rig.start()
        self.must(self.client.create_bucket(BUCKET))
        self.put("small", self.body(1000))
        self.put("large", self.body(LARGE))

    def prepare(self):
        """Before the server starts."""

    @property
    def client(self):
        return self.rig.client

    def other_client(self, timeout=60):
        pail = self.rig.pail
        return s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, timeout=timeout)

    def body(self, size):
        self.serial += 1
        return content(self.serial, size)

    @staticmethod
    def must(reply):
        if not reply.ok:
            raise Wrong(f"refused: {reply!r}")
        return reply

    def put(self, key, body):
        self.must(self.client.put(BUCKET, key, body))
        self.keys[key] = body

    def check(self, either=None):
        """Every key holds what it should; those in `either` (key to another value) may hold that instead."""
        either = either or {}
        listed = self.client.list_all(BUCKET)
        for key in set(self.keys) | set(either):
            reply = self.client.get(BUCKET, key)
            found = reply.body if reply.status == 200 else None
            if reply.status not in (200, 404):
                raise Wrong(f"{key}: {reply!r}")
            if (found is None) != (key not in listed):
                raise Wrong(f"{key}: read {reply.status}, but listed: {key in listed}")
            if found != self.keys.get(key):
                if key not in either or found != either[key]:
                    raise Wrong(f"{key}: {len(found or b'')} bytes, neither the old nor the new value")
                self.keys[key] = found
        strange = set(listed) - set(self.keys)
        if strange:
            raise Wrong(f"keys that nobody wrote: {strange}")

    def failed(self, reply, statuses=(500, 503, 507)):
        """The reply is an error that a client understands."""
        if reply.status not in statuses or not reply.code:
            raise Wrong(f"expected a clear error of {statuses}, got {reply!r}")

    def alive(self):
        if self.rig.pail.process.poll() is not None:
            raise Wrong(f"the server died, code {self.rig.pail.process.returncode}")

    def works(self):
        """Small and large writes succeed."""
        for key, size in (("small", 900), ("large", LARGE)):
            self.put(key, self.body(size))
        self.check()

    def recovered(self):
        """Writes work again, if need be after a restart; says whether it was needed."""
        self.alive()
        try:
            self.works()
            return False
        except Wrong:
            self.rig.restart()
            self.check()
            self.works()
            return True

    def settle(self, restart=False):
        """No blob stays that nobody refers to. A folder whose sync failed is not believed again before a restart."""
        if restart:
            self.rig.restart()
        wait_for_blobs(self.rig.data, sum(len(body or b"") > 16384 for body in self.keys.values()))

    def close(self):
        self.rig.close()


def attempt(send):
    """The reply, or None when the connection broke."""
    try:
        return send()
    except BROKEN:
        return None


# --- a blob's own calls -------------------------------------------------------------------

@case("IOE-01: a failing fsync of a blob or of its folder")
def blob_sync(f):
    for calls in (iotrap.SYNC, iotrap.DIRSYNC):
        f.trap.fail(calls, errno.EIO, times=1, path=BLOBS)
        f.failed(f.client.put(BUCKET, "large", f.body(LARGE)))
        if f.trap.hits() != 1:
            raise Wrong("the fault was not met")
        f.trap.clear()
        f.check()  # the old value
        f.works()  # at once, without a restart
    f.settle(restart=True)


@case("IOE-01 IOE-05: each call on a blob fails once")
def blob_calls(f):
    calls = iotrap.CREATE | iotrap.WRITE | iotrap.LINK | iotrap.ALLOCATE | iotrap.SYNC | iotrap.DIRSYNC
    for error in (errno.EIO, errno.EACCES, errno.EROFS, errno.EXDEV, errno.EMLINK, errno.ESTALE, errno.EDQUOT):
        for skip in range(MANY_CALLS):
            f.trap.fail(calls, error, skip=skip, times=1, path=BLOBS)
            body = f.body(LARGE)
            reply = f.client.put(BUCKET, "large", body)
            hit = f.trap.hits()
            f.trap.clear()
            if reply.ok:  # it found another way
                f.keys["large"] = body
            else:
                f.failed(reply)
            f.check()
            if not hit:
                break
    f.works()
    f.settle(restart=True)


@case("IOE-04: short writes and interrupted calls on blobs")
def short_writes(f):
    f.trap.set(0, iotrap.WRITE, iotrap.SHORT, 1000, path=BLOBS)
    f.put("large", f.body(LARGE))
    f.check()
    f.trap.fail(iotrap.WRITE | iotrap.SYNC | iotrap.DIRSYNC | iotrap.CREATE, errno.EINTR, times=3, path=BLOBS)
    f.put("large", f.body(LARGE))
    if f.trap.hits() != 3:
        raise Wrong("the fault was not met")
    f.trap.clear()
    f.check()


@case("IOE-04: short reads and short sends")
def short_reads(f):
    f.trap.set(0, iotrap.READ, iotrap.SHORT, 777, path=BLOBS)
    f.check()
    f.trap.clear()
    f.trap.set(0, iotrap.SEND, iotrap.SHORT, 100)
    f.check()
    f.trap.fail(iotrap.SEND, errno.EAGAIN, skip=1, times=3)
    f.check()
    f.trap.clear()
    f.check()


@case("IOE-03: a read that fails is never answered with other bytes")
def failing_reads(f):
    body = f.body(3_000_000)
    f.put("larger", body)
    broken = 0
    for skip in (0, 1, 2, 3, 5, 8, 11):
        f.trap.fail(iotrap.READ, errno.EIO, skip=skip, path=BLOBS)
        reply = attempt(lambda: f.client.get(BUCKET, "larger"))
        hits = f.trap.hits()
        f.trap.clear()
        if reply is None:
            broken += 1
        elif reply.status == 200:
            if hits or reply.body != body:
                raise Wrong(f"after {skip} reads: a clean end with {len(reply.body)} bytes")
        else:
            f.failed(reply)
            broken += 1
    if not broken:
        raise Wrong("no read was made to fail")
    f.alive()
    f.check()


@case("IOE-08: a failing close of a blob")
def failing_close(f):
    for _ in range(5):
        f.trap.fail(iotrap.CLOSE, errno.EIO, times=1, path=BLOBS)
        body = f.body(LARGE)
        reply = f.client.put(BUCKET, "large", body)
        f.trap.clear()
        if reply.ok:
            f.keys["large"] = body
        else:
            f.failed(reply)
        f.check()
    f.works()


# --- the index ----------------------------------------------------------------------------

# One commit is to meet the fault, so nobody else makes any.
@case("IOE-02: EIO in the index's commit: its pages, its sync, its meta page", args=["--scrub-rate", "0", "--snapshot-interval", "0"])
def index_commit(f):
    for calls in (iotrap.WRITE, iotrap.SYNC, iotrap.DSYNC_WRITE):
        for size in (1000, LARGE):
            f.trap.fail(calls, errno.EIO, times=1, path=INDEX)
            key, body = ("small" if size == 1000 else "large"), f.body(size)
            reply = f.client.put(BUCKET, key, body)
            if not f.trap.hits():
                raise Wrong("the fault was not met")
            f.trap.clear()
            f.failed(reply)
            # Whether a header page that failed is the one to read from, nobody knows until the restart.
            unsure = calls == iotrap.DSYNC_WRITE
            for read in (f.client.get(BUCKET, "small"), f.client.head(BUCKET, "large"), f.client.list_page(BUCKET)):
                if read.status != 200 and not (unsure and read.status == 503):
                    raise Wrong(f"reads stopped: {read!r}")
            probe = f.client.put(BUCKET, "probe", b"probe")  # either works or says clearly that it does not
            if probe.ok:
                f.keys["probe"] = b"probe"
            else:
                f.failed(probe)
            # A page that could not be synced may be on the disk or not: only a new start decides.
            f.rig.restart()
            f.check({key: body})
            f.works()
    f.settle()


@case("IOE-02: the index's disk fails for a while")
def index_outage(f):
    f.trap.fail(iotrap.WRITE | iotrap.SYNC | iotrap.DSYNC_WRITE, errno.EIO, path=INDEX)
    either = {}
    for key, size in (("small", 800), ("large", LARGE), ("new", 10)):
        either[key] = f.body(size)
        f.failed(f.client.put(BUCKET, key, either[key]))
    f.failed(f.client.delete(BUCKET, "small"))
    for key in ("small", "large"):
        if f.client.get(BUCKET, key).body not in (f.keys[key], either[key]):
            raise Wrong("a read of other bytes")
    f.trap.clear()
    f.alive()
    f.rig.restart()
    f.keys.setdefault("new", None)
    f.check(either)
    f.works()


# --- every call of every operation --------------------------------------------------------

def do_put(f, key, body):
    return lambda: f.client.put(BUCKET, key, body), {key: body}


def multipart(f, key, number_of_parts=2):
    """A whole upload; answers the first reply that is not a success, or the last one."""
    bodies = [f.body(5 << 20), f.body(30_000)][2 - number_of_parts:]

    def send():
        reply = f.client.create_upload(BUCKET, key)
        if not reply.ok:
            return reply
        upload, parts = reply.value("UploadId"), []
        for number, body in enumerate(bodies, 1):
            reply = f.client.upload_part(BUCKET, key, upload, number, body)
            if not reply.ok:
                return reply
            parts.append((number, reply.etag))
        return f.client.complete_upload(BUCKET, key, upload, parts)

    return send, {key: b"".join(bodies)}


def operations(f):
    """Name to a function that answers a call and what it changes."""
    return {
        "PUT small": lambda: do_put(f, "small", f.body(500)),
        "PUT large": lambda: do_put(f, "large", f.body(LARGE)),
        "DELETE": lambda: (lambda: f.client.delete(BUCKET, "large"), {"large": None}),
        "PUT past the page cache": lambda: do_put(f, "direct", f.body(DIRECT)),
        "COPY": lambda: (lambda: f.client.copy(BUCKET, "copy", BUCKET, "large"), {"copy": f.keys["large"]}),
        "DELETE many": lambda: (lambda: f.client.delete_many(BUCKET, ["small", "copy"]), {"small": None, "copy": None}),
        "multipart": lambda: multipart(f, "multi", 1),
    }


def succeeded(reply):
    return reply.ok and b"<Error>" not in reply.body


def every_call(f, calls, error, restart_allowed):
    """Fails the n-th of these calls, for every n and every operation. Answers faults and restarts."""
    faults = restarts = 0
    for name, make in operations(f).items():
        for skip in range(MANY_CALLS):
            f.keys.setdefault("copy", None)
            f.keys.setdefault("multi", None)
            for key, size in (("small", 700), ("large", LARGE)):
                if f.keys.get(key) is None:
                    f.put(key, f.body(size))
            send, changes = make()
            f.trap.fail(calls, error, skip=skip, times=1)
            reply = attempt(send)
            hit = f.trap.hits()
            f.trap.clear()
            try:
                after_fault(f, reply, changes)
                if f.recovered():
                    restarts += 1
                    if not restart_allowed:
                        raise Wrong("writes did not work again without a restart")
            except Wrong as wrong:
                raise Wrong(f"{name}, call {skip}, {os.strerror(error)}: {wrong}") from None
            faults += hit
            if not hit:
                break
        else:
            raise Wrong(f"{name}: more than {MANY_CALLS} calls")
    return faults, restarts


def after_fault(f, reply, changes):
    f.alive()
    if reply is not None and succeeded(reply):
        f.keys.update(changes)
        f.check()
        return
    if reply is None:
        raise Wrong("the connection broke instead of an answer")
    if not (reply.status == 200 and b"<Error>" in reply.body):
        f.failed(reply)
    if f.client.list_page(BUCKET).status == 503:  # the outcome is open until the restart
        f.rig.restart()
    f.check(changes)


@case("IOE-01 IOE-02: EIO in the n-th call of every operation")
def every_call_eio(f):
    return "%d faults, %d restarts" % every_call(f, iotrap.CHANGES, errno.EIO, True)


@case("CAP-01: ENOSPC in the n-th call of every operation")
def every_call_enospc(f):
    grows = iotrap.CREATE | iotrap.WRITE | iotrap.LINK | iotrap.MKDIR | iotrap.ALLOCATE
    return "%d faults, %d restarts" % every_call(f, grows, errno.ENOSPC, False)


@case("DUR-10: a completion that fails late is an error, and no object is there")
def late_completion(f):
    for error in (errno.EIO, errno.ENOSPC):
        upload = f.client.create_upload(BUCKET, "late").value("UploadId")
        body = f.body(50_000)
        etag = f.client.upload_part(BUCKET, "late", upload, 1, body).etag
        f.trap.fail(iotrap.WRITE, error, path=INDEX)
        reply = f.client.complete_upload(BUCKET, "late", upload, [(1, etag)])
        f.trap.clear()
        if s3client.completed(reply) or not reply.code:
            raise Wrong(f"the completion answered {reply!r}")
        if f.client.get(BUCKET, "late").status != 404:
            raise Wrong("the object is there")
        f.rig.restart()
        again = f.client.complete_upload(BUCKET, "late", upload, [(1, etag)])
        if not s3client.completed(again) or f.client.get(BUCKET, "late").body != body:
            raise Wrong(f"the upload cannot be completed afterwards: {again!r}")
        f.must(f.client.delete(BUCKET, "late"))


# --- descriptors, waiting -----------------------------------------------------------------

@case("IOE-06: no descriptors left for blobs")
def no_descriptors(f):
    for error in (errno.EMFILE, errno.ENFILE):
        f.trap.fail(iotrap.CREATE, error, path=BLOBS)
        f.failed(f.client.put(BUCKET, "large", f.body(LARGE)), (503,))
        f.trap.clear()
        f.trap.fail(iotrap.OPEN, error, path=BLOBS)
        reply = attempt(lambda: f.client.get(BUCKET, "large"))
        f.trap.clear()
        if reply is not None and reply.ok and reply.body != f.keys["large"]:
            raise Wrong("a read of other bytes")
        if reply is not None and not reply.ok:
            f.failed(reply, (503,))
    f.works()


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case("IOE-06: accept fails for want of descriptors: no busy loop, and it recovers")
def no_accept(f):
    f.trap.fail(iotrap.ACCEPT, errno.EMFILE)
    waiting = [socket.create_connection((f.rig.pail.host, f.rig.pail.port), 5) for _ in range(4)]
    before = cpu(f.rig.pail.pid)
    time.sleep(1.5)
    used = cpu(f.rig.pail.pid) - before
    f.check()  # connections that are there already are served
    f.trap.clear()
    if used > 0.5:
        raise Wrong(f"{used:.2f} s of processor time in 1.5 s of waiting")
    client = f.other_client(timeout=10)
    if client.get(BUCKET, "small").body != f.keys["small"]:
        raise Wrong("a new connection is not served")
    for connection in waiting:
        connection.close()


@case("IOE-09: while a sync hangs, reads go on")
def slow_sync(f):
    f.trap.set(0, iotrap.SYNC, iotrap.DELAY, 6000, times=1, path=INDEX)
    body, other = f.body(600), f.other_client()
    replies = []
    writer = threading.Thread(target=lambda: replies.append(other.put(BUCKET, "small", body)))
    start = time.monotonic()
    writer.start()
    time.sleep(0.2)
    slowest = 0.0
    while writer.is_alive() and time.monotonic() - start < 5:
        began = time.monotonic()
        for key in ("small", "large"):
            if f.client.get(BUCKET, key).status != 200:
                raise Wrong("a read failed")
        f.client.list_all(BUCKET)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    writer.join(20)
    f.trap.clear()
    if slowest > 3:
        raise Wrong(f"reads took {slowest:.2f} s")
    if not replies or not replies[0].ok or time.monotonic() - start < 5:
        raise Wrong(f"the write answered {replies} after {time.monotonic() - start:.1f} s")
    f.keys["small"] = body
    f.check()


@case("IOE-12: the disk becomes read-only")
def read_only(f):
    f.trap.fail(iotrap.CHANGES, errno.EROFS)
    for key, size in (("small", 10), ("large", LARGE), ("new", 10)):
        f.failed(f.client.put(BUCKET, key, f.body(size)))
    f.failed(f.client.delete(BUCKET, "small"))
    f.check()
    f.trap.clear()
    f.recovered()


# --- capacity -----------------------------------------------------------------------------

def fill(f, prefix, size):
    """PUTs until one is refused as it should be; answers how many there were."""
    for number in range(100_000):
        body = f.body(size)
        reply = f.client.put(BUCKET, f"{prefix}-{number:05}", body)
        if not reply.ok:
            f.failed(reply, (507,))
            return number
        f.keys[f"{prefix}-{number:05}"] = body
    raise Wrong("the disk never became full")


def works_now(f):
    for key, size in (("small", 900), ("large", LARGE), ("large", 3_000_000)):
        body = f.body(size)
        reply = f.client.put(BUCKET, key, body)
        if not reply.ok:
            f.failed(reply, (507,))
            return False
        f.keys[key] = body
    f.check()
    return True


def full_disk(f):
    upload = f.client.create_upload(BUCKET, "upload").value("UploadId")
    f.must(f.client.upload_part(BUCKET, "upload", upload, 1, f.body(LARGE)))
    large, middle, small = fill(f, "l", 1_000_000), fill(f, "m", 60_000), fill(f, "s", 4000)
    for _ in range(5):
        f.failed(f.client.put(BUCKET, "large", f.body(LARGE)), (507,))
    f.check()  # GET, LIST
    if f.client.head(BUCKET, "small").status != 200:
        raise Wrong("HEAD")
    f.must(f.client.abort_upload(BUCKET, "upload", upload))
    for key in sorted(f.keys, reverse=True):
        if key not in ("small", "large"):
            f.must(f.client.delete(BUCKET, key))
            del f.keys[key]
    f.check()
    deadline = time.monotonic() + 45
    while not works_now(f):
        if time.monotonic() > deadline:
            raise Wrong("deleting made no room")
        time.sleep(0.5)
    return f"{large} large, {middle} middle, {small} small objects fitted"


@case("CAP-01 CAP-02: a full disk: GET, HEAD, LIST, DELETE, AbortMultipartUpload work, then PUT again", disk="size=96m")
def disk_full(f):
    return full_disk(f)


@case("CAP-03: no inodes left", disk="size=64m,nr_inodes=60")
def no_inodes(f):
    count = fill(f, "large", LARGE)
    f.put("small", f.body(100))  # needs no file
    f.check()
    for number in range(count):
        f.must(f.client.delete(BUCKET, f"large-{number:05}"))
        del f.keys[f"large-{number:05}"]
    f.check()
    f.settle()
    f.works()


@case("CAP-04: an index larger than its map", args=["--index-map-mib", "1"])
def map_growth(f):
    for number in range(600):
        f.put(f"key-{number:04}", f.body(10_000))
    f.check()
    f.rig.restart()
    f.check()


# --- running ------------------------------------------------------------------------------

def run(title, function, more, kind=Faults):
    start, disk, faults, log = time.monotonic(), None, None, ""
    try:
        if "disk" in more:
            disk = SmallDisk(more["disk"])
        faults = kind(function.__name__, more.get("args", ()), disk.data if disk else None)
        note = function(faults)
        faults.alive()
        faults.rig.pail.stop()
        report(True, f"{title} ({note + ', ' if note else ''}{time.monotonic() - start:.1f} s)")
        return True
    except Skip as why:
        report(True, title, skip=str(why))
        return True
    except Exception:
        if faults and faults.rig.pail.log_path:
            log = faults.rig.pail.log(2500)
        report(False, title, f"{traceback.format_exc(limit=-6)}\n{log}")
        return False
    finally:
        if faults:
            faults.close()
        if disk:
            disk.close()


def run_all(cases, one):
    """The exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    words = sys.argv[1:]
    chosen = [c for c in cases if not words or any(w in c[0] or w in c[1].__name__ for w in words)]
    with ThreadPoolExecutor(3) as pool:  # some only wait for the collector, or for a rule's time
        good = list(pool.map(lambda c: one(*c), chosen))
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(run_all(_cases, run))
