#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the health paths say while the server cannot serve: 503, as long as that is so and no longer.

    tests/crash/run_health.py [word]    only cases whose title contains the word
"""
import errno
import json
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
import s3client  # noqa: E402
from bearer import bearer  # noqa: E402
from cases import Skip, equal, report, titled, true, wait_for  # noqa: E402
from rig import Rig, SmallDisk  # noqa: E402

BLOBS, INDEX = "/blobs", "/index/"
BUCKET, KEY = "bucket-whose-name-is-nobodys-business", "key-whose-name-is-nobodys-business"
FIRST = ("minio", "pail")
PATHS = ("live", "ready", "cluster", "cluster/read")
WELL = {"live": 200, "ready": 200, "cluster": 200, "cluster/read": 200}
NO_WRITES = {"live": 200, "ready": 503, "cluster": 503, "cluster/read": 200}
NOTHING = {"live": 200, "ready": 503, "cluster": 503, "cluster/read": 503}
HEADERS = {"server", "date", "content-length", "cache-control", "retry-after", "connection", "x-amz-request-id", "x-amz-id-2",
           "x-content-type-options", "x-minio-server-status", "x-minio-write-quorum", "x-minio-read-quorum"}
FRESH_SECONDS = 1.0  # how long the server believes what it found
SETTLE_SECONDS = 15

_cases, case = titled()


class Health:
    """A server under iotrap, and what it says of itself."""

    def __init__(self, name, data=None):
        self.rig = Rig(f"health-{name}", data=data)
        self.trap = self.rig.trap
        self.start()
        true(self.client.create_bucket(BUCKET).ok and self.client.put(BUCKET, KEY, b"x" * 100).ok, "the server works")

    def start(self):
        self.rig.start()
        self.client = self.rig.client

    @property
    def pail(self):
        return self.rig.pail

    def ask(self, path, first="minio", method="GET", query="", timeout=20):
        """Status of one answer, which tells nothing else."""
        client = s3client.Client(self.pail.host, self.pail.port, "", "", timeout=timeout)
        try:
            reply = client.send(method, f"/{first}/health/{path}{query}", b"", {})
        finally:
            client.close()
        equal(reply.body, b"", f"the body of {path}")
        said = {name.lower(): value for name, value in reply.headers.items()}
        true(set(said) <= HEADERS, f"headers of {path}: {sorted(said)}")
        for word in (self.pail.data, os.path.basename(self.pail.data), self.pail.access_key, self.pail.secret_key, BUCKET,
                     KEY, "ENOSPC", "No space", "Input/output"):
            true(not any(word in value for value in said.values()), f"{path} tells {word}")
        if reply.status == 503:
            true(int(said["retry-after"]) > 0, "when to come again")
            equal(said["x-minio-server-status"], "offline", "MinIO's word for it")
        return reply.status

    def all(self):
        return {path: self.ask(path) for path in PATHS}

    def becomes(self, want, seconds=SETTLE_SECONDS):
        """Within so long; from then on under both names, and by both methods."""
        deadline = time.monotonic() + seconds
        while (found := self.all()) != want:
            true(time.monotonic() < deadline, f"health is {found}, not {want}, after {seconds} s")
            time.sleep(0.1)
        for first in FIRST:
            for method in ("GET", "HEAD"):
                equal({path: self.ask(path, first, method) for path in PATHS}, want, f"{method} /{first}/health/")

    def told(self):
        """What the pages for administrators say: whether it takes reads and writes, and MinIO's health metric."""
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        headers = self.client.signer.headers("GET", "/pail/v1/status", "", {"host": self.client.authority}, empty)
        reply = self.client.send("GET", "/pail/v1/status", b"", headers)
        true(reply.ok, f"the state: {reply!r}")
        state = json.loads(reply.body)
        token = bearer(self.pail.access_key, self.pail.secret_key)
        page = self.client.send("GET", "/minio/v2/metrics/cluster", b"",
                                {"Host": self.client.authority, "Authorization": f"Bearer {token}"})
        line = next(line for line in page.body.decode().splitlines() if line.startswith("minio_cluster_health_status"))
        return state["reads"], state["writes"], int(line.split()[-1])

    def works(self):
        true(self.client.put(BUCKET, KEY, b"y" * 300_000).ok, "a write")
        equal(self.client.get(BUCKET, KEY).body, b"y" * 300_000, "what was written")


def log_says(h, *words):
    for word in words:
        h.pail.says(word)


@case("a disk that is full, and has room again", disk="size=64m")
def full_disk(h):
    equal((h.all(), h.told()), (WELL, (True, True, 1)), "before")
    filler = os.path.join(os.path.dirname(h.pail.data), "filler")
    with open(filler, "wb") as f:
        try:
            while True:
                f.write(b"\0" * (1 << 20))
                f.flush()
        except OSError as error:
            equal(error.errno, errno.ENOSPC, "the disk is full")
    h.becomes(NO_WRITES)
    equal(h.told(), (True, False, 0), "while it is full")
    equal(h.client.get(BUCKET, KEY).status, 200, "a read")
    equal(h.client.put(BUCKET, "other", b"z" * 300_000).status, 507, "a write")
    os.unlink(filler)
    h.becomes(WELL)
    equal(h.told(), (True, True, 1), "with room")
    h.works()
    log_says(h, "the disk does not take a write", "the disk takes writes again")


@case("a disk that became read-only, and is so no longer")
def read_only(h):
    h.trap.fail(iotrap.CHANGES, errno.EROFS, path=BLOBS)
    h.becomes(NO_WRITES)
    equal(h.told(), (True, False, 0), "while it is read-only")
    h.trap.clear()
    h.becomes(WELL)
    h.works()


@case("a disk whose writes fail, and work again")
def failing_writes(h):
    h.trap.fail(iotrap.WRITE, errno.EIO, path=BLOBS)
    h.becomes(NO_WRITES)
    equal(h.client.get(BUCKET, KEY).status, 200, "a read")
    h.trap.clear()
    h.becomes(WELL)
    h.works()


@case("an index whose commit fails: reads go on, writes come back with a restart")
def failing_commit(h):
    h.trap.fail(iotrap.SYNC, errno.EIO, path=INDEX)
    h.becomes(NO_WRITES)
    equal(h.client.get(BUCKET, KEY).status, 200, "a read")
    h.trap.clear()
    time.sleep(2 * FRESH_SECONDS)
    equal(h.all(), NO_WRITES, "what was not made durable stays unknown")
    h.rig.restart()
    h.client = h.rig.client
    h.becomes(WELL)
    h.works()


@case("an index that cannot be read")
def unusable_index(h):
    h.trap.fail(iotrap.DSYNC_WRITE, errno.EIO, path=INDEX)  # which header page holds, nobody knows
    h.becomes(NOTHING)
    h.trap.clear()
    h.rig.restart()
    h.client = h.rig.client
    h.becomes(WELL)
    h.works()


@case("a disk that hangs: probes get their answer, live at once, and it recovers by itself")
def hanging_disk(h):
    h.trap.set(0, iotrap.SYNC, iotrap.DELAY, 10_000, times=1, path=INDEX)
    time.sleep(FRESH_SECONDS + 0.2)  # what it found before is not believed any more
    start = time.monotonic()
    with ThreadPoolExecutor(50) as pool:  # many that ask must not take all workers
        asked = [pool.submit(h.ask, "ready") for _ in range(50)]
        time.sleep(1)
        slowest = 0
        while time.monotonic() - start < 7:
            began = time.monotonic()
            equal(h.ask("live"), 200, "live")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.05)
        found = [a.result() for a in asked]
    true(slowest < 2.5, f"live took {slowest:.2f} s")  # less than probes that hang wait for, HEALTH_HANGS_MS
    true(found.count(503) >= 49, f"ready answered {found}")  # one waits for what it looks at
    h.becomes(WELL)
    h.works()


def refused(h):
    """Whether nobody new is let in."""
    try:
        h.pail.connect().close()
        return False
    except ConnectionError:
        return True


@case("a server that stops: not ready, alive, and what runs is ended")
def stopping(h):
    probe = s3client.Client(h.pail.host, h.pail.port, "", "")
    equal(probe.send("GET", "/minio/health/ready", b"", {}).status, 200, "before")
    upload = h.pail.connect()
    try:
        head = h.client.signer.headers("PUT", f"/{BUCKET}/slow", "", {"host": h.client.authority}, "UNSIGNED-PAYLOAD")
        head.update({"content-length": "100", "expect": "100-continue"})
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        upload.sendall(f"PUT /{BUCKET}/slow HTTP/1.1\r\n{lines}\r\n".encode())
        true(upload.recv(4096).startswith(b"HTTP/1.1 100 "), "the upload has begun")
        upload.sendall(b"x" * 50)
        pipelined = h.pail.connect()
        pipelined.sendall(b"GET /minio/health/ready HT")  # begun before, ended after
        time.sleep(0.2)
        os.kill(h.pail.process.pid, signal.SIGTERM)
        wait_for(lambda: refused(h), "its ears to close")
        try:
            pipelined.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
            answer = pipelined.recv(4096)
        except ConnectionError:  # it had not been read when the server stopped
            answer = b""
        true(answer.startswith(b"HTTP/1.1 503 ") or answer == b"", f"while it stops: {answer!r}")
        upload.sendall(b"x" * 50)
        true(upload.recv(4096).startswith(b"HTTP/1.1 200 "), "the upload")
    finally:
        upload.close()
        probe.close()
    equal(h.pail.process.wait(20), 0, "exit status")
    h.start()
    equal(h.client.get(BUCKET, "slow").body, b"x" * 100, "what was being written")


def run(title, function, more):
    start, disk, health, log = time.monotonic(), None, None, ""
    try:
        disk = SmallDisk(more["disk"]) if "disk" in more else None
        health = Health(function.__name__, disk.data if disk else None)
        function(health)
        health.pail.stop()
        report(True, f"{title} ({time.monotonic() - start:.1f} s)")
        return True
    except Skip as why:
        report(True, title, skip=str(why))
        return True
    except Exception:
        log = health.pail.log(2500) if health and health.pail.log_path else ""
        report(False, title, f"{traceback.format_exc(limit=-6)}\n{log}")
        return False
    finally:
        if health:
            health.rig.close()
        if disk:
            disk.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.excepthook = lambda a: print(f"# {a.exc_value}")
    words = sys.argv[1:]
    chosen = [c for c in _cases if not words or any(w in c[0] or w in c[1].__name__ for w in words)]
    with ThreadPoolExecutor(3) as pool:  # they wait more than they work
        good = list(pool.map(lambda c: run(*c), chosen))
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()
