#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Power cuts: nothing that was acknowledged is lost, nothing is torn, the server starts by itself.

A server runs under load while every change of its data folder and every reply is recorded
(iotrap.c). From the record we build the states that a power cut may leave at many moments
(replay.py), start the server on each, and compare it with what had been acknowledged then.

    tests/crash/run_powercut.py [word]

PAIL_CRASH_STATES: states tried in each case (110); PAIL_CRASH_SEED: to repeat a run;
PAIL_CRASH_KEEP: leave a bad state behind.
"""
import json
import os
import queue
import random
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
import replay  # noqa: E402
import s3client  # noqa: E402
from cases import report  # noqa: E402
from pail import Pail, ServerError, TEST_DIR  # noqa: E402
from rig import COMPRESS  # noqa: E402
from workload import Model, Wrong, blob_files, check_clean, content, run_workers, wait_for_blobs  # noqa: E402

STATES = int(os.environ.get("PAIL_CRASH_STATES", "110"))
SEED = os.environ.get("PAIL_CRASH_SEED", str(int(time.time())))
CHECKERS, WAITERS = 2, 8  # servers at once; those that wait for the collector cost little
_REQUEST_ID = re.compile(rb"^x-amz-request-id:\s*(\S+)", re.I | re.M)
NEVER = float("inf")
KEY = "pail-s3"  # by default it seals the keys of all objects


class Recording:
    """One server under load, its record, and what it promised."""

    def __init__(self, folder, rng):
        self.random, self.folder = rng, folder
        self.data, self.log = os.path.join(folder, "data"), os.path.join(folder, "record")
        os.makedirs(self.data)
        self.root_inode = os.stat(self.data).st_ino
        self.model = Model()
        trap = iotrap.Trap(folder, self.data)
        self.pail = Pail("powercut", data=self.data, env=trap.environment(self.log), args=["--access-log", "off", *COMPRESS])

    def make(self):
        """Two lives of a server: the first ends by kill -9, the second recovers and ends as it should."""
        for life in range(2):
            self.pail.start()
            client = s3client.Client(self.pail.host, self.pail.port, self.pail.access_key, self.pail.secret_key)
            if life == 0:
                self._make_bucket(client)
            else:
                self.model.check(client)
            run_workers(self.model, self.pail, 4, self.random.random(), self._until(life, client), keys=6,
                        large=300_000, big_parts=life == 1)
            if life == 1:
                self.model.check(client)
                self._really_compresses(client)
                self.pail.stop()
            os.unlink(self.pail.log_path)
        self.records = iotrap.read_log(self.log, self.data)
        self.sent = self._reply_positions()
        return self

    def _make_bucket(self, client):
        reply = client.create_bucket(self.model.bucket)
        if not reply.ok:
            raise Wrong(f"CreateBucket: {reply!r}")
        self.model.buckets[self.model.bucket].current = True
        self.model.promise(reply, (("bucket", self.model.bucket), True))

    def _until(self, life, client):
        def wait(workers, done):
            deadline = time.monotonic() + 20
            while sum(w.done for w in workers) < done and time.monotonic() < deadline:
                if any(w.error for w in workers):
                    return
                time.sleep(0.005)

        def until(workers):
            wait(workers, 50)
            self._rotate(client)  # what sealed all of it so far is sealed anew in the background
            wait(workers, 140)
            if life == 0:
                self.pail.kill()
        return until

    def _rotate(self, client):
        reply = client.request("POST", "pail", f"v1/keys/{KEY}/rotate")
        if not reply.ok:
            raise Wrong(f"rotation: {reply!r}")
        self.model.promise(reply, (("version", KEY), json.loads(reply.body)["current"]))

    def _really_compresses(self, client):
        before = set(blob_files(self.data))
        for reply in (client.create_bucket("other"), client.put("other", "compressed", content(3, 300_000))):
            if not reply.ok:
                raise Wrong(f"{reply!r}")
        made = set(blob_files(self.data)) - before
        if len(made) != 1 or os.stat(made.pop()).st_size > 100_000:
            raise Wrong("nothing was compressed")

    def _reply_positions(self):
        """Request id to the place in the record where the last byte of its reply began to be sent."""
        ends, now = {}, {}
        for position, r in enumerate(self.records):
            if r.op != iotrap.R_SEND:
                continue
            for identity in _REQUEST_ID.findall(r.data):
                now[r.file] = identity.decode()
            if r.file in now:
                ends[now[r.file]] = position
        return ends

    def promised(self, reply):
        return NEVER if reply is None else self.sent[reply]

    def allowed(self, fact, position):
        """Values that the fact may have when the power goes at that place: the last promised one, and what may
        have been under way."""
        history = self.model.history[fact]
        last = -1
        for i, (_, reply) in enumerate(history):
            if self.promised(reply) < position:
                last = i
        values = [history[last][0] if last >= 0 else None]
        for value, reply in history[last + 1:]:
            values.append(value)
            if reply is not None:
                break
        return values


class Check:
    """Compares one state with what was promised at the moment of the cut."""

    def __init__(self, recording, position, state):
        self.recording, self.position, self.state = recording, position, state
        self.model = recording.model
        self.seen = {}

    def run(self, orphans=False):
        pail = Pail("powercut-state", data=self.state, args=["--access-log", "off"])
        try:
            pail.start()
            client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, timeout=30)
            self.buckets(client)
            self.versions(client)
            if self.seen[("bucket", self.model.bucket)]:
                self.keys(client)
                self.uploads(client)
                self.links()
                if orphans:
                    wait_for_blobs(self.state, self.blobs() + len(client.list_page("other").values("Key")))
                check_clean(self.state, left_overs=not orphans)
                self.still_writes(client)
        except BaseException:
            print(f"# the state's server said: {pail.log(1500)}" if pail.log_path else "#")
            raise
        finally:
            pail.kill()
            if pail.log_path and os.path.exists(pail.log_path):
                os.unlink(pail.log_path)

    def facts(self, kind):
        return [fact for fact in self.model.history if fact[0] == kind]

    def allow(self, fact, value, shown):
        allowed = self.recording.allowed(fact, self.position)
        if value not in allowed:
            raise Wrong(f"{fact}: found {shown}, allowed {allowed}")
        self.seen[fact] = value

    def buckets(self, client):
        reply = client.list_buckets()
        if reply.status != 200:
            raise Wrong(f"ListBuckets: {reply!r}")
        names = reply.values("Name")
        for fact in self.facts("bucket"):
            self.allow(fact, True if fact[1] in names else None, names)

    def versions(self, client):
        """Of the key that seals the keys of all objects."""
        reply = client.request("GET", "pail", f"v1/keys/{KEY}")
        current = json.loads(reply.body)["current"] if reply.ok else None
        for fact in self.facts("version"):
            if current not in [value or 1 for value in self.recording.allowed(fact, self.position)]:
                raise Wrong(f"version {current} of {KEY}, {self.recording.allowed(fact, self.position)} are allowed")

    def keys(self, client):
        listed = client.list_all(self.model.bucket)
        for fact in self.facts("key"):
            reply = client.get(self.model.bucket, fact[1])
            allowed = self.recording.allowed(fact, self.position)
            fits = [v for v in allowed if (v.holds(reply) if v else reply.status == 404)]
            if not fits:
                raise Wrong(f"{fact}: {reply.status}, {len(reply.body)} bytes, ETag {reply.etag}, allowed {allowed}")
            self.seen[fact] = fits[0]
            if listed.pop(fact[1], None) != (fits[0].etag if fits[0] else None):
                raise Wrong(f"{fact}: the listing and the object differ")
        if listed:
            raise Wrong(f"keys that nobody wrote: {sorted(listed)[:5]}")

    def uploads(self, client):
        listed = {identity: key for key, identity in client.list_uploads(self.model.bucket)}
        for fact in self.facts("upload"):
            self.allow(fact, listed.get(fact[1]), listed.get(fact[1]))
        strange = set(listed) - {fact[1] for fact in self.facts("upload")}
        if strange:
            raise Wrong(f"uploads that nobody created: {strange}")
        found = {identity: client.list_parts(self.model.bucket, key, identity) for identity, key in listed.items()}
        for fact in self.facts("part"):
            if fact[1] not in listed:
                continue
            part = found[fact[1]].get(fact[2])
            fits = [v for v in self.recording.allowed(fact, self.position)
                    if (part == (v.etag, v.size) if v else part is None)]
            if not fits:
                raise Wrong(f"{fact}: found {part}")
            self.seen[fact] = fits[0]

    def links(self):
        for fact, value, other, expected in self.model.links:
            if self.seen.get(fact) is value and value is not None and self.seen.get(other) != expected:
                raise Wrong(f"{fact} was completed, but {other} is still there")

    def blobs(self):
        found = set()
        for fact, value in self.seen.items():
            if fact[0] in ("key", "part") and value is not None:
                found |= value.blobs
        return len(found)

    def still_writes(self, client):
        for size in (100, 50_000):
            body = content(size, size)
            stored = client.put(self.model.bucket, "after", body).ok
            if not stored or client.get(self.model.bucket, "after").body != body:
                raise Wrong(f"an object of {size} bytes cannot be written")


class Trial:
    """Tries many states of one recording, on a few servers at a time."""

    def __init__(self, recording):
        self.recording, self.queue, self.failures, self.tried = recording, queue.Queue(1), [], 0
        self.lock = threading.Lock()

    def run(self, cuts, orphans=False):
        """`cuts`: place in the record to the kinds of cut to be tried there."""
        threads = [threading.Thread(target=self._checker, args=(orphans,), daemon=True)
                   for _ in range(WAITERS if orphans else CHECKERS)]
        for thread in threads:
            thread.start()
        disk = replay.Disk(self.recording.root_inode)
        for position in range(len(self.recording.records) + 1):
            for cut in cuts.get(position, ()):
                if self.failures:
                    break
                state = tempfile.mkdtemp(prefix="state-", dir=self.recording.folder)
                disk.write_state(cut, state)
                self.queue.put((position, cut, state))
            if position < len(self.recording.records):
                disk.feed(self.recording.records[position])
        for _ in threads:
            self.queue.put(None)
        for thread in threads:
            thread.join()
        if self.failures:
            raise Wrong(self.failures[0])
        return disk

    def _checker(self, orphans):
        while (job := self.queue.get()) is not None:
            position, cut, state = job
            pristine = shutil.copytree(state, state + "-pristine") if os.environ.get("PAIL_CRASH_KEEP") else None
            try:
                Check(self.recording, position, state).run(orphans)
            except Exception as error:
                self._failed(position, cut, error, pristine)
                pristine = None
            with self.lock:
                self.tried += 1
            shutil.rmtree(state, ignore_errors=True)
            if pristine:
                shutil.rmtree(pristine, ignore_errors=True)

    def _failed(self, position, cut, error, pristine):
        records = self.recording.records
        near = "\n".join(f"  {i}: {records[i]!r}" for i in range(max(0, position - 12), min(position, len(records))))
        kind = traceback.format_exc(limit=-2) if not isinstance(error, (Wrong, ServerError)) else str(error)
        with self.lock:
            self.failures.append(f"power cut at {position} of {len(records)}, {cut.name}: {kind}\n"
                                 f"the record until then:\n{near}\nstate: {pristine or 'not kept (PAIL_CRASH_KEEP)'}")


# --- cases --------------------------------------------------------------------------------

def some(rng, places, count):
    places = sorted(places)
    return places if len(places) <= count else sorted(rng.sample(places, count))


def acknowledged(recording):
    """Places right after a reply that promised something."""
    return sorted({recording.sent[reply] + 1 for history in recording.model.history.values()
                   for _, reply in history if reply is not None})


def nothing_missed(recording):
    """the record is complete: replayed, it makes the folder that the server left"""
    disk = replay.Disk(recording.root_inode)
    for r in recording.records:
        disk.feed(r)
    state = os.path.join(recording.folder, "replayed")
    disk.write_state(replay.Keep(), state)
    real, made = files_of(recording.data), files_of(state)
    differ = [name for name in sorted(set(real) | set(made)) if real.get(name) != made.get(name)]
    shutil.rmtree(state)
    if differ:
        raise Wrong(f"calls that the record missed changed {differ[:5]}")


def files_of(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            if name != "lock.mdb":  # written through memory; it means nothing after a start
                with open(os.path.join(where, name), "rb") as f:
                    found[os.path.relpath(os.path.join(where, name), folder)] = f.read()
    return found


def before_the_first_reply(recording, rng):
    """DUR-05: power cut while the data folder is being made"""
    end = acknowledged(recording)[0]
    return {p: [replay.Drop(), replay.Torn(rng), replay.Hollow()] for p in some(rng, range(end), STATES // 3)}


def first_replies(recording, rng):
    """DUR-05: power cut right after the first writes, into folders that are new"""
    return {p: [replay.Drop(), replay.Torn(rng)] for p in acknowledged(recording)[:STATES // 3]}


def after_replies(recording, rng):
    """DUR-06: power cut right after a reply, all unsynced dropped"""
    return {p: [replay.Drop()] for p in some(rng, acknowledged(recording), STATES)}


def between_steps(recording, rng):
    """DUR-04: power cut between any two steps, unsynced parts dropped, torn, reordered"""
    places = some(rng, range(len(recording.records) + 1), STATES)
    return {p: [rng.choice((replay.Torn(rng), replay.Torn(rng), replay.Drop(), replay.Hollow(), replay.Keep()))]
            for p in places}


def around_syncs(recording, rng):
    """DUR-04: power cut inside a sync or a synchronous write"""
    places = [i + 1 for i, r in enumerate(recording.records) if r.op in (iotrap.R_SYNC_BEGIN, iotrap.R_DSYNC_BEGIN)]
    return {p: [rng.choice((replay.Torn(rng), replay.Torn(rng), replay.Hollow()))] for p in some(rng, places, STATES)}


def left_overs(recording, rng):
    """DUR-01: files that a power cut left without an owner go away"""
    places = some(rng, range(len(recording.records) // 4, len(recording.records) + 1), max(8, STATES // 14))
    return {p: [rng.choice((replay.Torn(rng), replay.Keep()))] for p in places}


def published_untouched(recording):
    """DUR-07: no byte of a published blob is ever written again"""
    disk = replay.Disk(recording.root_inode)
    for r in recording.records:
        disk.feed(r)
    if disk.faults:
        raise Wrong("\n".join(disk.faults[:5]))


def run(case, recording, words):
    if words and not any(w in case.__name__ or w in case.__doc__ for w in words):
        return True
    start = time.monotonic()
    try:
        if case in (published_untouched, nothing_missed):
            case(recording)
            report(True, case.__doc__)
            return True
        trial = Trial(recording)
        trial.run(case(recording, random.Random(f"{SEED}-{case.__name__}")), orphans=case is left_overs)
        report(True, f"{case.__doc__} ({trial.tried} states, {time.monotonic() - start:.1f} s)")
        return True
    except Exception as error:
        text = str(error) if isinstance(error, Wrong) else traceback.format_exc(limit=-5)
        report(False, case.__doc__, f"PAIL_CRASH_SEED={SEED}\n{text}")
        return False


def main():
    os.makedirs(TEST_DIR, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="powercut-", dir=TEST_DIR)
    try:
        recording = Recording(folder, random.Random(SEED))
        try:
            recording.make()
        except Exception:
            report(False, "a recording is made", traceback.format_exc(limit=-5))
            sys.exit(1)
        print(f"# {len(recording.records)} calls and {recording.model.acknowledged} promises recorded", flush=True)
        cases = [nothing_missed, before_the_first_reply, first_replies, after_replies, between_steps, around_syncs,
                 left_overs, published_untouched]
        good = [run(case, recording, sys.argv[1:]) for case in cases]
    finally:
        if not os.environ.get("PAIL_CRASH_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
