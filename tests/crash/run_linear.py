#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Histories of concurrent clients are linearisable for each key, across kill -9 and restarts too.

    tests/crash/run_linear.py [word]      only cases whose name contains the word

Clients put, put on a condition, delete (alone and many at once), get and list a few keys, small and large ones. What they
asked, what they were told and when goes to linear/main.go, which searches for an order that explains it all.
PAIL_LINEAR_SECONDS: of each case (4); PAIL_CRASH_SEED: to repeat a run.
"""
import hashlib
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import clients  # noqa: E402
import s3client  # noqa: E402
from cases import report  # noqa: E402
from rig import SEED, Rig  # noqa: E402

SECONDS = float(os.environ.get("PAIL_LINEAR_SECONDS", "4"))
ROUND = 4  # seconds; each round has keys of its own, because requests without an answer stay open in its history
CLIENTS = 6
KEYS = 4
PADDING = {0: 0, 1: 300, 2: 20_000, 3: 90_000}  # inline and blobs, by number of the key
PAUSE = 0.02  # after a request without an answer: the server is being started


class History:
    """What all clients did, each operation a dictionary as linear/main.go wants it."""

    def __init__(self, number=0):
        self.keys = [f"{number:04}-k{n}" for n in range(KEYS)]
        self.operations, self.values = [], {}  # values: ETag to value
        self.lock = threading.Lock()
        self.last = 0

    def new_value(self):
        with self.lock:
            self.last += 1
            return str(self.last)

    def body(self, key, value):
        made = value.encode() + b"." * PADDING[self.keys.index(key)]
        self.values[hashlib.md5(made).hexdigest()] = value  # before it is sent: a list may see it at once
        return made

    def add(self, client, key, kind, began, answer, value="", was="", seen=""):
        self.operations.append(dict(client=client, key=key, kind=kind, value=value, was=was, answer=answer, seen=seen,
                                    call=began, **{"return": time.monotonic_ns()}))


class Worker(threading.Thread):
    """One client: random operations until it is told to stop."""

    def __init__(self, number, rig, history, stop):
        super().__init__(daemon=True)
        self.number, self.rig, self.history, self.stop = number, rig, history, stop
        self.random = random.Random(f"{SEED}-{number}-{history.keys[0]}")
        self.seen = {}  # key to the value last read: what conditions name
        self.failure = None

    def run(self):
        client = None
        while not self.stop.is_set():
            pail = self.rig.pail
            try:
                if client is None or client.port != pail.port:
                    client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, timeout=20)
                self.one(client)
            except Exception:
                self.failure = traceback.format_exc()
                return

    def send(self, began, keys, kind, call, **more):
        """The reply, or None when it did not come: then nobody knows what happened."""
        try:
            reply = call()
        except (OSError, http.client.HTTPException):
            reply = None
        if reply is None or reply.status >= 500:
            for key in keys:
                self.history.add(self.number, key, kind, began, "unknown", **more)
            time.sleep(PAUSE)
            return None
        return reply

    def one(self, client):
        key = self.random.choice(self.history.keys)
        getattr(self, self.random.choice(["get", "get", "get", "put", "put", "create", "replace", "delete", "list",
                                          "delete_many"]))(client, key, time.monotonic_ns())

    def get(self, client, key, began):
        reply = self.send(began, [key], "get", lambda: client.get(self.rig.model.bucket, key))
        if reply is None:
            return
        seen = reply.body.rstrip(b".").decode() if reply.ok else ""
        if not reply.ok and reply.status != 404:
            raise AssertionError(f"GET: {reply!r}")
        self.seen[key] = seen
        self.history.add(self.number, key, "get", began, "ok", seen=seen)

    def write(self, client, key, began, kind, headers, was=""):
        value = self.history.new_value()
        body = self.history.body(key, value)
        reply = self.send(began, [key], kind, lambda: client.put(self.rig.model.bucket, key, body, headers),
                          value=value, was=was)
        if reply is None:
            return
        failed = {"create": (412,), "replace": (412, 404)}.get(kind, ())
        answer = "ok" if reply.ok else "failed" if reply.status in failed else "none" if reply.status == 409 else None
        if answer is None:
            raise AssertionError(f"{kind}: {reply!r}")
        self.history.add(self.number, key, kind, began, answer, value=value, was=was)

    def put(self, client, key, began):
        self.write(client, key, began, "put", None)

    def create(self, client, key, began):
        self.write(client, key, began, "create", {"if-none-match": "*"})

    def replace(self, client, key, began):
        was = self.seen.get(key)
        if was:
            etag = hashlib.md5(self.history.body(key, was)).hexdigest()
            self.write(client, key, began, "replace", {"if-match": f'"{etag}"'}, was=was)

    def delete(self, client, key, began):
        reply = self.send(began, [key], "delete", lambda: client.delete(self.rig.model.bucket, key))
        if reply is not None:
            if reply.status != 204:
                raise AssertionError(f"DELETE: {reply!r}")
            self.history.add(self.number, key, "delete", began, "ok")

    def delete_many(self, client, _key, began):
        keys = self.random.sample(self.history.keys, 2)
        reply = self.send(began, keys, "delete", lambda: client.delete_many(self.rig.model.bucket, keys))
        if reply is not None:
            if sorted(reply.values("Key")) != sorted(keys) or reply.value("Code"):
                raise AssertionError(f"DeleteObjects: {reply!r}")
            for key in keys:
                self.history.add(self.number, key, "delete", began, "ok")

    def list(self, client, _key, began):
        """A page is as of one moment, so it counts as a read of every key."""
        keys = self.history.keys
        reply = self.send(began, keys, "get", lambda: client.list_page(self.rig.model.bucket, prefix=keys[0][:5]))
        if reply is not None:
            found = dict(zip(reply.values("Key"), (self.history.values[e.strip('"')] for e in reply.values("ETag"))))
            for key in keys:
                self.history.add(self.number, key, "get", began, "ok", seen=found.get(key, ""))


def record(rig, number, disturb):
    """Lets the clients work while disturb(rig) runs. The history."""
    history, stop = History(number), threading.Event()
    workers = [Worker(n, rig, history, stop) for n in range(CLIENTS)]
    for worker in workers:
        worker.start()
    try:
        disturb(rig)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    for worker in workers:
        if worker.failure:
            raise AssertionError(worker.failure)
    return history


def judge(history):
    checker = clients.path("linear", "linear")
    text = "".join(json.dumps(operation) + "\n" for operation in history.operations)
    done = subprocess.run([checker], input=text, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def quiet(_rig):
    time.sleep(ROUND)


def killed(rig):
    until = time.monotonic() + ROUND
    while time.monotonic() < until:
        time.sleep(rig.random.uniform(0.1, 0.6))
        rig.pail.kill()
        rig.start()


def run(title, disturb):
    rig = Rig(f"linear-{disturb.__name__}")
    began = time.monotonic()
    try:
        rig.begin()
        operations = silent = rounds = 0
        while rounds == 0 or time.monotonic() < began + SECONDS:
            history = record(rig, rounds, disturb)
            judge(history)
            operations += len(history.operations)
            silent += sum(o["answer"] == "unknown" for o in history.operations)
            rounds += 1
        report(True, f"{title} ({operations} operations, {silent} without an answer, {rounds} rounds)")
        return True
    except Exception:
        report(False, title, traceback.format_exc() + f"PAIL_CRASH_SEED={SEED}")
        return False
    finally:
        rig.close()


def catches_a_stale_read():
    """The judge itself: a history with a read that came too late is refused, a good one is not."""
    history = History()
    for kind, answer, value, seen in (("put", "ok", "1", ""), ("put", "ok", "2", ""), ("get", "ok", "", "2")):
        history.add(1, history.keys[0], kind, time.monotonic_ns(), answer, value=value, seen=seen)
    judge(history)
    history.add(1, history.keys[0], "get", time.monotonic_ns(), "ok", seen="1")
    try:
        judge(history)
    except AssertionError:
        return
    raise AssertionError("a stale read went unnoticed")


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    good = True
    try:
        catches_a_stale_read()
        report(True, "the judge refuses a stale read")
    except Exception:
        report(False, "the judge refuses a stale read", traceback.format_exc())
        good = False
    for title, disturb in (("CON-01 LIN: histories of concurrent clients are linearisable", quiet),
                           ("CON-01 LIN: and across kill -9", killed)):
        if word in title:
            good = run(title, disturb) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
