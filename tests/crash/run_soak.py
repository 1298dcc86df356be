#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A long mixed load with everything going wrong that does: kills, restarts, a full disk, a clock that jumps.

    tests/crash/run_soak.py

Rounds of load follow each other, each ended by another misfortune; after each one all that was acknowledged is there.
Between them the server works in peace and its memory, files and threads are counted: they must not grow. At the end
`pail check` finds nothing. PAIL_SOAK_SECONDS: how long (10; `make torture` takes an hour); PAIL_CRASH_SEED: to repeat.
"""
import errno
import os
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import preload  # noqa: E402
import s3client  # noqa: E402
from cases import Skip, report  # noqa: E402
from pail import ROOT  # noqa: E402
from rig import COMPRESS, SEED, Rig, SmallDisk  # noqa: E402
from workload import Wrong  # noqa: E402

SECONDS = float(os.environ.get("PAIL_SOAK_SECONDS", "10"))
DISK = "size=2g"
LEAST_FREE = 1 << 20  # bytes that the ballast leaves of a full disk
ROUND = 1.0  # seconds of load
PEACE = 1.5
HOUR, DAY = 3600, 86400
SLACK = 24 << 20  # bytes that memory may grow by, beside a quarter


def clock_library():
    return preload.library(os.path.join(ROOT, "tests", "lib", "clock_shift.c"))


class Soak:
    def __init__(self, rig, clock):
        self.rig, self.clock = rig, clock
        self.preload = rig.pail.env["LD_PRELOAD"]
        self.first = None
        self.rounds = {}

    def load(self, end=None, seconds=ROUND):
        def until(_workers):
            time.sleep(self.rig.random.uniform(0.3, 1.0) * seconds)
            if end:
                end()
        self.rig.load(until)

    # --- misfortunes
    def killed(self):
        self.load(self.rig.pail.kill)
        self.rig.start()

    def stopped(self):
        self.load(self.rig.pail.stop)
        self.rig.start()

    def clock_jumps(self):
        """By hours or days, either way, while the server is down. Never back by an hour or less: for so long it would
        take what it wrote last for fresh garbage, and this disk is small."""
        self.load(self.rig.pail.kill)
        shift = self.rig.random.choice([-5 * DAY, -2 * HOUR, 2 * HOUR, 2 * DAY, 0])
        self.rig.pail.env.update(LD_PRELOAD=f"{self.clock}:{self.preload}", CLOCK_SHIFT_SECONDS=str(shift))
        s3client.clock_shift = shift
        self.rig.start()

    def disk_fills(self):
        """Writes are refused, reads and deletes go on; with room again all works, without a restart."""
        client, bucket = self.rig.client, self.rig.model.bucket
        name, body = "ballast-probe", os.urandom(300_000)
        ballast = os.path.join(os.path.dirname(self.rig.data), "ballast")
        try:
            self.fill_up(ballast, lambda n: client.put(bucket, f"{name}-{n % 8}", body))
            self.reads_go_on()
            for n in range(8):
                if client.delete(bucket, f"{name}-{n}").status != 204:
                    raise Wrong("DELETE on a full disk")
        finally:
            os.unlink(ballast)
        deadline = time.monotonic() + 30
        while not client.put(bucket, name, body).ok:
            if time.monotonic() > deadline:
                raise Wrong("30 s after there was room again a PUT is still refused")
            time.sleep(0.2)
        if client.delete(bucket, name).status != 204:
            raise Wrong("DELETE")

    def fill_up(self, ballast, put):
        """Until a PUT is refused; what the collector gives back meanwhile is taken, too."""
        for n in range(200):
            space = os.statvfs(self.rig.data)
            free = space.f_bavail * space.f_frsize - LEAST_FREE
            if free > 4096:
                self.take_room(ballast, free)
            reply = put(n)
            if reply.status not in (200, 503, 507):
                raise Wrong(f"on a full disk: {reply!r}")
            if not reply.ok:
                return
        raise Wrong("the disk was not full")

    @staticmethod
    def take_room(ballast, size):
        with open(ballast, "ab") as f:
            try:
                os.posix_fallocate(f.fileno(), f.tell(), size)
            except OSError as error:  # the server was faster: then it is full as well
                if error.errno != errno.ENOSPC:
                    raise

    def reads_go_on(self):
        for key, value in list(self.rig.model.keys.items())[:20]:
            reply = self.rig.client.get(self.rig.model.bucket, key)
            if reply.status != (404 if value.current is None else 200):
                raise Wrong(f"{key} on a full disk: {reply!r}")

    # --- peace
    def counts(self):
        pid = self.rig.pail.process.pid
        with open(f"/proc/{pid}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        return (int(status["RssAnon"].split()[0]) * 1024, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]))

    def peace(self):
        """Load without harm in one process, twice: what the first half took must do for the second."""
        self.load(seconds=PEACE)
        memory, files, threads = self.settled()
        self.load(seconds=PEACE)
        deadline, now = time.monotonic() + 10, self.settled()
        while now[0] > memory * 1.25 + SLACK or now[1] > files + 8 or now[2] > threads + 2:
            if time.monotonic() < deadline:
                now = self.settled()
                continue
            raise Wrong(f"it grows: memory {memory} to {now[0]} bytes, files {files} to {now[1]}, "
                        f"threads {threads} to {now[2]}")

    def settled(self):
        time.sleep(0.3)  # connections are closed, buffers given back
        return self.counts()

    def wait_for_room(self):
        """Garbage rests for ten seconds, and then it goes: a quick machine would fill the disk with it meanwhile."""
        deadline = time.monotonic() + 60
        while (space := os.statvfs(self.rig.data)).f_bavail < space.f_blocks / 2:
            if time.monotonic() > deadline:
                raise Wrong("what was deleted does not go")
            time.sleep(0.5)

    def run(self):
        until = time.monotonic() + SECONDS
        ways = [self.killed, self.disk_fills, self.stopped, self.clock_jumps, self.peace]
        while time.monotonic() < until:
            for way in ways:
                self.wait_for_room()
                way()
                self.rig.check()
                self.rounds[way.__name__] = self.rounds.get(way.__name__, 0) + 1
            self.rig.random.shuffle(ways)


def room(rig):
    """Where the room of the disk went, for who looks for the reason of a failure."""
    found = {}
    for where, _, names in os.walk(rig.data):
        part = os.path.relpath(where, rig.data).split(os.sep)[0]
        for name in names:
            count, size = found.get(part, (0, 0))
            found[part] = count + 1, size + os.stat(os.path.join(where, name)).st_blocks * 512
    parts = ", ".join(f"{part}: {n} files, {size >> 20} MiB" for part, (n, size) in sorted(found.items()))
    done = subprocess.run([rig.pail.binary, "check", rig.data, "--json", "--fast"], capture_output=True, text=True)
    return f"{parts}\n{(done.stdout.splitlines() or [done.stderr])[-1]}"


def checked(rig):
    """The whole folder, by the tool that users have for it."""
    rig.pail.stop()
    done = subprocess.run([rig.pail.binary, "check", rig.data], capture_output=True, text=True, timeout=600,
                          env={k: v for k, v in rig.pail.env.items() if not k.startswith(("LD_", "IOTRAP"))})
    if done.returncode != 0:
        raise Wrong(f"pail check ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def main():
    title, disk, rig = "DUR-13 OPS-13 SOAK: mixed load, kills, restarts, full disk, time jumps", None, None
    try:
        disk = SmallDisk(DISK)
        rig = Rig("soak", COMPRESS, disk.data)
        rig.begin()
        soak = Soak(rig, clock_library())
        soak.run()
        s3client.clock_shift = 0
        rig.pail.kill()
        rig.pail.env.update(CLOCK_SHIFT_SECONDS="0")
        rig.start()
        rig.check()
        checked(rig)
        report(True, f"{title} ({', '.join(f'{n} x {name}' for name, n in sorted(soak.rounds.items()))})")
        return 0
    except Skip as why:
        report(True, title, skip=str(why))
        return 0
    except Exception:
        log = rig.pail.log(1500) if rig and rig.pail.log_path else ""
        report(False, title, f"{traceback.format_exc()}PAIL_CRASH_SEED={SEED}\n{room(rig) if rig else ''}\n{log}")
        return 1
    finally:
        if rig:
            rig.close()
        if disk:
            disk.close()


if __name__ == "__main__":
    sys.exit(main())
