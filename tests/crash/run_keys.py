#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 during the rotation of a key: everything stays readable, and the rotation goes on after the start.

    tests/crash/run_keys.py [word]      only cases whose name contains the word

PAIL_CRASH_ROUNDS: rounds of each kind (8); PAIL_CRASH_SEED: to repeat a run (printed when a case fails).
"""
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
from cases import report  # noqa: E402
from rig import SEED, Rig  # noqa: E402

ROUNDS = int(os.environ.get("PAIL_CRASH_ROUNDS", "8"))
OBJECTS = 600  # more than are moved at once
BUCKET = "keys"
SEALED = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "mine"}


class Wrong(Exception):
    pass


def body_of(number):
    return (b"%d " % number) * (20000 if number % 50 == 0 else 3)


def fill(rig):
    rig.start()
    ask(rig, "POST", "v1/keys", b'{"name": "mine"}')
    if not rig.client.create_bucket(BUCKET).ok:
        raise Wrong("CreateBucket failed")
    for i in range(OBJECTS):
        reply = rig.client.put(BUCKET, f"o{i}", body_of(i), SEALED)
        if not reply.ok:
            raise Wrong(f"PUT failed: {reply}")


def ask(rig, method, path, body=b""):
    reply = rig.client.request(method, "pail", path, body=body)
    if not reply.ok:
        raise Wrong(f"{method} {path}: {reply}")
    return json.loads(reply.body)


def rotate(rig):
    """None when the server died of it."""
    try:
        return ask(rig, "POST", "v1/keys/mine/rotate")["current"]
    except (OSError, EOFError):
        return None
    except Exception as error:  # whatever the client makes of a connection that ends
        if isinstance(error, Wrong) and rig.pail.process.poll() is None:
            raise
        return None


def read_all(rig, step=1):
    for i in range(rig.random.randrange(step), OBJECTS, step):
        reply = rig.client.get(BUCKET, f"o{i}")
        if not reply.ok or reply.body != body_of(i):
            raise Wrong(f"o{i}: {reply}")


def wait_until_done(rig):
    for _ in range(1500):
        key = ask(rig, "GET", "v1/keys/mine")
        if not key["resealing"]:
            return key
        time.sleep(0.02)
    raise Wrong(f"still at it: {key}")


def at_random_moments(rig):
    """kill -9 at random moments of a rotation"""
    fill(rig)
    version = 1
    for _ in range(ROUNDS):
        version = rotate(rig) or version
        time.sleep(rig.random.uniform(0, 0.12))
        rig.restart()
        read_all(rig, 7)
        now = ask(rig, "GET", "v1/keys/mine")["current"]
        if now < version:
            raise Wrong(f"version {version} was answered, {now} is there")
    wait_until_done(rig)
    read_all(rig)


def at_a_call(rig):
    """kill -9 in the n-th call of a rotation that changes the data folder"""
    fill(rig)
    for _ in range(ROUNDS):
        rig.trap.set(0, iotrap.CHANGES, iotrap.KILL, skip=rig.random.randrange(40))
        rotate(rig)
        deadline = time.monotonic() + 0.5
        while rig.pail.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        rig.trap.clear()
        rig.restart()
        read_all(rig, 7)
    wait_until_done(rig)
    read_all(rig)


def main():
    good = True
    for case in (at_random_moments, at_a_call):
        name = case.__name__.replace("_", "-")
        if sys.argv[1:] and not any(w in name for w in sys.argv[1:]):
            continue
        rig, start = Rig(f"keys-{name}"), time.monotonic()
        try:
            case(rig)
            report(True, f"{case.__doc__} ({time.monotonic() - start:.1f} s)")
        except Exception:
            good = False
            log = rig.pail.log(2000) if rig.pail.log_path else ""
            report(False, case.__doc__, f"PAIL_CRASH_SEED={SEED}\n{traceback.format_exc(limit=-5)}\n{log}")
        finally:
            rig.close()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
