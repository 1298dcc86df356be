#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 under mixed load: what was acknowledged is there, what was not is wholly there or not at all.

    tests/crash/run_kill.py [word]      only cases whose name contains the word

PAIL_CRASH_ROUNDS: rounds of each kind (20); PAIL_CRASH_SEED: to repeat a run (printed when a case fails).
"""
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
from cases import report  # noqa: E402
from pail import ServerError  # noqa: E402
from rig import COMPRESS, SEED, Rig  # noqa: E402

ROUNDS = int(os.environ.get("PAIL_CRASH_ROUNDS", "20"))


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
    rig, start = Rig(f"kill-{name}", COMPRESS), time.monotonic()
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
