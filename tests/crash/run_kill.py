#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 under mixed load: what was acknowledged is there, what was not is wholly there or not at all.

    tests/crash/run_kill.py [word]      only cases whose name contains the word

PAIL_CRASH_ROUNDS: rounds of each kind (20); PAIL_CRASH_SEED: to repeat a run (printed when a case fails).
"""
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
import s3client  # noqa: E402
from cases import report  # noqa: E402
from pail import Pail, ServerError, TEST_DIR  # noqa: E402
from workload import NOTHING, Model, Wrong, run_workers, wait_for_blobs  # noqa: E402

ROUNDS = int(os.environ.get("PAIL_CRASH_ROUNDS", "20"))
SEED = os.environ.get("PAIL_CRASH_SEED", str(int(time.time())))
WORKERS = 6


class Rig:
    """One data folder, one model, servers that come and go."""

    def __init__(self, name):
        self.random = random.Random(f"{SEED}-{name}")
        os.makedirs(TEST_DIR, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"kill-{name}-", dir=TEST_DIR)
        self.data = os.path.join(self.folder, "data")
        self.trap = iotrap.Trap(self.folder, self.data)
        self.pail = Pail(f"kill-{name}", data=self.data, env=self.trap.environment(), args=["--access-log", "off"])
        self.model = Model()
        self.logs = []

    def start(self):
        self.pail.start()
        self.logs.append(self.pail.log_path)
        self.client = s3client.Client(self.pail.host, self.pail.port, self.pail.access_key, self.pail.secret_key)

    def begin(self):
        self.start()
        if not self.client.create_bucket(self.model.bucket).ok:
            raise Wrong("CreateBucket failed")
        self.model.buckets[self.model.bucket].current = True

    def load(self, until, workers=WORKERS, **more):
        return run_workers(self.model, self.pail, workers, self.random.random(), until, **more)

    def check(self):
        self.model.check(self.client)

    def settle(self):
        """Everything that is referred to has its file, and there is no other."""
        wait_for_blobs(self.data, self.model.blobs())

    def empty(self):
        """Deletes all; then nothing may be left."""
        for name, key in self.model.keys.items():
            self.client.delete(self.model.bucket, name)
            key.current, key.pending = None, NOTHING
        for name, upload in list(self.model.uploads.items()):
            self.client.abort_upload(self.model.bucket, upload.key, name)
            self.model.end_upload(name)
        self.settle()

    def close(self):
        self.pail.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        for log in self.logs:
            if os.path.exists(log):
                os.unlink(log)


def wait_until_dead(rig, seconds):
    """True when the server died by itself in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if rig.pail.process.poll() is not None:
            return True
        time.sleep(0.002)
    return False


def at_random_moments(rig):
    """DUR-01 DUR-02 DUR-03: kill -9 at random moments"""
    rig.begin()
    for _ in range(ROUNDS):
        delay = rig.random.uniform(0.02, 0.9)

        def until(_workers, delay=delay):
            time.sleep(delay)
            rig.pail.kill()

        rig.load(until)
        rig.start()
        rig.check()
    rig.settle()
    rig.empty()


def at_a_call(rig):
    """DUR-01 DUR-02 DUR-03: kill -9 in the n-th call that changes the data folder"""
    rig.begin()
    for _ in range(ROUNDS):
        rig.trap.set(0, iotrap.CHANGES, iotrap.KILL, skip=rig.random.choice([rig.random.randrange(30),
                                                                              rig.random.randrange(1500)]))

        def until(_workers):
            wait_until_dead(rig, 2)
            rig.pail.kill()

        rig.load(until)
        rig.trap.clear()
        rig.start()
        rig.check()
    rig.settle()
    rig.empty()


def inside_recovery(rig):
    """DUR-08: kill -9 inside start-up and recovery, nested three deep"""
    rig.begin()
    for _ in range(max(2, ROUNDS // 2)):

        def until(_workers):
            time.sleep(rig.random.uniform(0.1, 0.5))
            rig.pail.kill()

        rig.load(until)
        for _ in range(3):
            rig.trap.set(0, iotrap.CHANGES, iotrap.KILL, skip=rig.random.randrange(12))
            try:
                rig.start()
                wait_until_dead(rig, 0.3)  # the collector works after the start
            except ServerError:
                pass  # it died before it was ready
            rig.pail.kill()
        rig.trap.clear()
        rig.start()
        rig.check()
    rig.settle()
    rig.empty()


def by_sigterm(rig):
    """DUR-11: SIGTERM under load"""
    rig.begin()
    for _ in range(3):
        failure = []

        def until(_workers):
            time.sleep(rig.random.uniform(0.2, 0.6))
            try:
                rig.pail.stop()
            except ServerError as error:
                failure.append(error)

        rig.load(until)
        if failure:
            raise failure[0]
        rig.start()
        rig.check()
    rig.settle()


def run(case, words):
    name = case.__name__.replace("_", "-")
    if words and not any(w in name or w in case.__doc__ for w in words):
        return True
    rig, start = Rig(name), time.monotonic()
    try:
        case(rig)
        report(True, f"{case.__doc__} ({rig.model.acknowledged} acknowledged, {time.monotonic() - start:.1f} s)")
        return True
    except Exception:
        log = rig.pail.log(2000) if rig.pail.log_path else ""
        report(False, case.__doc__, f"PAIL_CRASH_SEED={SEED}\n{traceback.format_exc(limit=-5)}\n{log}")
        if os.environ.get("PAIL_CRASH_KEEP"):
            rig.pail.kill()
            print(f"# kept: {rig.folder}")
            rig.folder, rig.logs = "", []
        return False
    finally:
        rig.close()


def main():
    threading.excepthook = lambda a: print(f"# {a.exc_value}")
    cases = [at_random_moments, at_a_call, inside_recovery, by_sigterm]
    with ThreadPoolExecutor(len(cases)) as pool:  # at once, as they wait more than they work
        good = list(pool.map(lambda case: run(case, sys.argv[1:]), cases))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
