#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 in a versioned bucket, while lifecycle rules and the garbage collector work.

    tests/crash/run_versions.py [word]      only cases whose name contains the word

Four prefixes with keys of their own: `plain/` (no rule: what is acknowledged is there, exactly), `aged/` (noncurrent
versions go after a day, and so do markers that hide nothing), `gone/` (objects expire after a day, which puts a marker
on top) and `moved/` (versions move to a class with a folder of its own). A day is a second
long. PAIL_CRASH_ROUNDS, PAIL_CRASH_SEED: as for run_kill.py.
"""
import hashlib
import os
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
import s3client  # noqa: E402
from cases import report  # noqa: E402
from counts import check_counts  # noqa: E402
from pail import TEST_DIR  # noqa: E402
from rig import SEED, Rig  # noqa: E402
from workload import BROKEN, INLINE_MAX, Wrong, blob_files, check_clean, content, run_threads  # noqa: E402

ROUNDS = max(3, int(os.environ.get("PAIL_CRASH_ROUNDS", "20")) // 2)
WORKERS, KEYS, VERSIONS_MAX = 4, 3, 12
BUCKET, PREFIXES = "versions", ("plain", "aged", "gone", "moved")
ROW = re.compile(rb"<(Version|DeleteMarker)>(.*?)</\1>", re.S)
RULES = b"""<LifecycleConfiguration>
<Rule><ID>aged</ID><Status>Enabled</Status><Filter><Prefix>aged/</Prefix></Filter>
<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>
<Rule><ID>gone</ID><Status>Enabled</Status><Filter><Prefix>gone/</Prefix></Filter>
<Expiration><Days>1</Days></Expiration></Rule>
<Rule><ID>moved</ID><Status>Enabled</Status>
<Filter><And><Prefix>moved/</Prefix><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></And></Filter>
<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>
<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER_IR</StorageClass>
</NoncurrentVersionTransition></Rule>
</LifecycleConfiguration>"""


class Version:
    """An acknowledged version, or one whose reply never came: then it has no id yet."""

    def __init__(self, identity, body):
        self.id, self.marker = identity, body is None
        self.size = len(body) if body is not None else 0
        self.etag = hashlib.md5(body).hexdigest() if body is not None else ""
        self.may_be_gone = False  # a removal was sent, and no reply came
        self.covered = False      # something has been on top of it since it was seen as the newest one

    def __repr__(self):
        return f"{self.id} {'marker' if self.marker else self.etag}"


class Row:
    """A row of ListObjectVersions."""

    def __init__(self, name, body):
        reply = s3client.Reply(200, {}, body)
        self.marker, self.key, self.id = name == b"DeleteMarker", reply.value("Key"), reply.value("VersionId")
        self.latest, self.etag = reply.value("IsLatest") == "true", reply.value("ETag").strip('"')
        self.size, self.storage = int(reply.value("Size") or 0), reply.value("StorageClass")

    def __repr__(self):
        return f"{self.id} {'marker' if self.marker else self.etag}"


class Memory:
    """What was promised: key to versions, newest first; each key is changed by one worker only."""

    def __init__(self):
        self.keys, self.removed, self.pending, self.acknowledged = {}, set(), {}, 0
        self.lock = threading.Lock()

    def check(self, client):
        listed, rows = {}, list_versions(client)
        for row in rows:
            listed.setdefault(row.key, []).append(row)
        back = {r.id for r in rows} & self.removed
        if back:
            raise Wrong(f"removed versions are back: {sorted(back)[:3]}")
        strange = set(listed) - set(self.keys)
        if strange:
            raise Wrong(f"keys that nobody wrote: {sorted(strange)[:3]}")
        for key in self.keys:
            found = listed.get(key, [])
            if [r.latest for r in found] != [True] + [False] * (len(found) - 1) and found:
                raise Wrong(f"{key}: IsLatest is wrong: {[r.latest for r in found]}")
            self.check_key(key, found)
        self.pending.clear()
        return rows

    def check_key(self, key, found):
        """Matches the rows with what is known, newest first, and takes over what was open."""
        known, rows = self.keys[key], list(found)
        new = self.pending.get(key)
        wrong = Wrong(f"{key}: listed {rows}, expected {known}, open: {new}")
        on_top = []
        while rows and rows[0].id not in {v.id for v in known}:
            row = rows.pop(0)
            if new and (row.marker, row.etag) == (new.marker, new.etag):
                new = None
            elif not (row.marker and self.of_rule(key, row.id)):
                raise wrong
            on_top.append(self.taken_over(row))
        kept = []
        for i, version in enumerate(known):
            self.skip_of_rule(key, rows, kept)
            if rows and rows[0].id == version.id:
                row = rows.pop(0)
                if (row.marker, row.etag) != (version.marker, version.etag):
                    raise wrong
                version.may_be_gone, version.covered = False, not row.latest
                kept.append(version)
                continue
            version.covered = version.covered or i > 0 or bool(on_top)
            if not version.may_be_gone and not self.may_go(key, version, alone=not rows):
                raise wrong
            self.removed.add(version.id)
        self.skip_of_rule(key, rows, kept)
        if rows:
            raise wrong
        known[:] = on_top + kept

    @staticmethod
    def may_go(key, version, alone):
        """By a rule: noncurrent versions, and markers that hid nothing, perhaps just before something came on top."""
        aged = key.startswith("aged/")
        return (aged and version.covered) or (version.marker and alone and (aged or key.startswith("gone/")))

    def skip_of_rule(self, key, rows, kept):
        while rows and rows[0].marker and self.of_rule(key, rows[0].id):
            kept.append(self.taken_over(rows.pop(0)))

    def of_rule(self, key, identity):
        """A marker that nobody asked for: the rule puts them, above what is there at that moment."""
        return key.startswith("gone/") and identity not in {v.id for v in self.keys[key]}

    @staticmethod
    def taken_over(row):
        version = Version(row.id, None if row.marker else b"")
        version.etag, version.size = row.etag, row.size
        return version


def list_versions(client):
    rows, query = [], []
    while True:
        page = client.request("GET", BUCKET, None, ["versions", *query])
        if page.status != 200:
            raise Wrong(f"ListObjectVersions: {page!r}")
        rows += [Row(name, body) for name, body in ROW.findall(page.body)]
        if page.value("IsTruncated") != "true":
            return rows
        query = [("key-marker", page.value("NextKeyMarker")), ("version-id-marker", page.value("NextVersionIdMarker"))]


class Worker(threading.Thread):
    """One connection and keys of its own; ends when it is told to, or with its connection."""

    def __init__(self, memory, pail, number, seed):
        super().__init__(daemon=True, name=f"worker {number}")
        self.memory, self.random = memory, random.Random(seed)
        self.client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, timeout=60)
        self.names = [f"{prefix}/w{number}-{i}" for prefix in PREFIXES for i in range(KEYS)]
        for name in self.names:
            memory.keys.setdefault(name, [])
        self.stopped, self.error = threading.Event(), None

    def run(self):
        try:
            while not self.stopped.is_set():
                name = self.random.choice(self.names)
                operations = [self.put, self.mark, self.remove, self.remove_many, self.read]
                self.random.choices(operations, [6, 2, 3, 1, 4])[0](name)
        except BROKEN:
            pass
        except Exception as error:
            self.error = error
        finally:
            self.client.close()

    def promised(self):
        with self.memory.lock:
            self.memory.acknowledged += 1

    def add(self, name, body, send):
        versions = self.memory.keys[name]
        if len(versions) > VERSIONS_MAX:
            return self.remove_many(name)
        self.memory.pending[name] = version = Version(None, body)
        reply = send()
        version.id = reply.headers.get("x-amz-version-id")
        if not reply.ok or not version.id:
            raise Wrong(f"{name}: {reply!r} {version.id}")
        for older in versions:
            older.covered = True
        versions.insert(0, version)
        del self.memory.pending[name]
        return self.promised()

    def put(self, name):
        size = self.random.choice([10, 1000, INLINE_MAX + 1, 50_000])
        body = content(self.random.getrandbits(60), size)
        self.add(name, body, lambda: self.client.put(BUCKET, name, body))

    def mark(self, name):
        self.add(name, None, lambda: self.client.delete(BUCKET, name))

    def remove(self, name):
        versions = self.memory.keys[name]
        if not versions:
            return
        version = self.random.choice(versions[:3] if self.random.random() < 0.6 else versions)
        version.may_be_gone = True
        reply = self.client.request("DELETE", BUCKET, name, [("versionId", version.id)])
        if reply.status != 204:
            raise Wrong(f"{name}: removing {version}: {reply!r}")
        newest = version is versions[0]
        self.forget(name, [version])
        if newest and versions:
            self.look(name, versions[0])

    def look(self, name, version):
        """What came up when the one above it went away is current again, and no more a rule's, if it is there still."""
        reply = self.client.head(BUCKET, name)
        if reply.status == 200 and reply.headers.get("x-amz-version-id") == version.id:
            version.covered = False

    def forget(self, name, gone):
        for version in gone:
            self.memory.keys[name].remove(version)
            self.memory.removed.add(version.id)
        self.promised()

    def remove_many(self, name):
        versions = self.memory.keys[name]
        some = self.random.sample(versions, len(versions) // 2)
        if not some:
            return
        for version in some:
            version.may_be_gone = True
        body = "".join(f"<Object><Key>{name}</Key><VersionId>{v.id}</VersionId></Object>" for v in some)
        body = f"<Delete>{body}</Delete>".encode()
        reply = self.client.request("POST", BUCKET, None, ["delete"], body, {"content-md5": s3client.content_md5(body)})
        codes = set(reply.values("Code"))
        # A rule may have been faster.
        if not reply.ok or codes - ({"NoSuchVersion"} if name.startswith(("aged/", "gone/")) else set()):
            raise Wrong(f"{name}: DeleteObjects: {reply!r}")
        self.forget(name, some)

    def read(self, name):
        versions = self.memory.keys[name]
        if not versions or not name.startswith("plain/"):
            return
        version = self.random.choice(versions)
        reply = self.client.request("GET", BUCKET, name, [("versionId", version.id)])
        if version.marker and reply.status == 405:
            return
        if reply.status != 200 or reply.etag != version.etag or hashlib.md5(reply.body).hexdigest() != version.etag:
            raise Wrong(f"{name}: reading {version}: {reply!r}")


class Run:
    """A Rig whose bucket has versions and rules."""

    def __init__(self, name):
        self.tier = tempfile.mkdtemp(prefix=f"{name}-tier-", dir=TEST_DIR)
        self.rig = Rig(name, args=["--lifecycle-day", "1", "--tier", f"GLACIER_IR={self.tier}"])
        self.memory = Memory()
        self.random = self.rig.random

    def begin(self):
        self.rig.start()
        client = self.rig.client
        setup = [client.create_bucket(BUCKET)]
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        for query, document in (("versioning", body), ("lifecycle", RULES)):
            setup.append(client.request("PUT", BUCKET, None, [query], document,
                                        {"content-md5": s3client.content_md5(document)}))
        if not all(reply.ok for reply in setup):
            raise Wrong(f"set-up: {setup}")

    def load(self, until):
        workers = [Worker(self.memory, self.rig.pail, n, self.random.random()) for n in range(WORKERS)]
        run_threads(workers, until)

    def restart_and_check(self):
        self.rig.client.close()
        self.rig.start()
        self.memory.check(self.rig.client)
        check_counts(self.rig.client, BUCKET)

    def wait_for_rules(self, seconds=30):
        """Rules do their work after all; then nothing is left to them."""
        deadline = time.monotonic() + seconds
        while True:
            rows = self.memory.check(self.rig.client)
            left = [r for r in rows if r.key.startswith("aged/") and (not r.latest or r.marker)]
            left += [r for r in rows if r.key.startswith("gone/") and r.latest and not r.marker]
            left += [r for r in rows if r.key.startswith("moved/") and not r.marker and r.storage != "GLACIER_IR"]
            if not left:
                return
            if time.monotonic() > deadline:
                raise Wrong(f"after {seconds} s rules left {left[0].key} {left[0]!r} and {len(left) - 1} others")
            time.sleep(0.2)

    def referred(self):
        """How many files there should be: in the data folder, in the tier's."""
        large = [name for name, versions in self.memory.keys.items() for v in versions if v.size > INLINE_MAX]
        moved = sum(name.startswith("moved/") for name in large)
        return len(large) - moved, moved

    def wait_for_blobs(self, seconds=45):
        """What is referred to keeps its file, and no other file stays."""
        deadline, expected = time.monotonic() + seconds, self.referred()
        while True:
            found = len(blob_files(self.rig.data)), len(blob_files(self.tier))
            if found == expected:
                return
            if found[0] < expected[0] or found[1] < expected[1] or time.monotonic() > deadline:
                raise Wrong(f"{found} files in the data folder and the tier, {expected} are referred to")
            time.sleep(0.1)

    def settle(self):
        self.wait_for_rules()
        self.wait_for_blobs()
        for name, versions in self.memory.keys.items():
            for version in [v for v in versions if not v.marker]:
                reply = self.rig.client.request("GET", BUCKET, name, [("versionId", version.id)])
                if reply.status != 200 or hashlib.md5(reply.body).hexdigest() != version.etag:
                    raise Wrong(f"{name}: reading {version}: {reply!r}")
        check_clean(self.rig.data, ["--tier", f"GLACIER_IR={self.tier}"])


def wait_until_dead(run, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and run.rig.pail.process.poll() is None:
        time.sleep(0.002)


def at_random_moments(run):
    """DUR-03 DUR-09: kill -9 at random moments, with versions, lifecycle and garbage collection"""
    run.begin()
    for _ in range(ROUNDS):
        def until():
            time.sleep(run.random.uniform(0.1, 1.5))
            run.rig.pail.kill()
        run.load(until)
        run.restart_and_check()
    run.settle()


def at_a_call(run):
    """DUR-03 DUR-09: kill -9 in the n-th call that changes the data folder, with versions and rules"""
    run.begin()
    for _ in range(ROUNDS):
        run.rig.trap.set(0, iotrap.CHANGES, iotrap.KILL,
                         skip=run.random.choice([run.random.randrange(30), run.random.randrange(3000)]))

        def until():
            wait_until_dead(run, 2)
            run.rig.pail.kill()
        run.load(until)
        run.rig.trap.clear()
        run.restart_and_check()
    run.settle()


def in_rules(run):
    """DUR-09: kill -9 while nobody but the rules and the collector changes anything"""
    run.begin()
    for _ in range(max(3, ROUNDS // 2)):
        run.load(lambda: time.sleep(0.4))
        run.rig.trap.set(0, iotrap.CHANGES, iotrap.KILL, skip=run.random.randrange(40))
        wait_until_dead(run, 2.5)
        run.rig.pail.kill()
        run.rig.trap.clear()
        run.restart_and_check()
    run.settle()


def run_case(case, words):
    name = case.__name__.replace("_", "-")
    if words and not any(w in name or w in case.__doc__ for w in words):
        return True
    run, start = Run(f"versions-{name}"), time.monotonic()
    try:
        case(run)
        report(True, f"{case.__doc__} ({run.memory.acknowledged} acknowledged, {time.monotonic() - start:.1f} s)")
        return True
    except Exception:
        log = run.rig.pail.log(2000) if run.rig.pail.log_path else ""
        report(False, case.__doc__, f"PAIL_CRASH_SEED={SEED}\n{traceback.format_exc(limit=-5)}\n{log}")
        if os.environ.get("PAIL_CRASH_KEEP"):
            run.rig.pail.kill()
            print(f"# kept: {run.rig.folder}")
            run.rig.folder, run.rig.logs = "", []
        return False
    finally:
        run.rig.close()
        if run.rig.folder:
            shutil.rmtree(run.tier, ignore_errors=True)


def main():
    from concurrent.futures import ThreadPoolExecutor
    threading.excepthook = lambda a: print(f"# {a.exc_value}")
    cases = [at_random_moments, at_a_call, in_rules]
    iotrap.library()  # made before they start, since all need it
    with ThreadPoolExecutor(len(cases)) as pool:  # at once, as they wait more than they work
        good = list(pool.map(lambda case: run_case(case, sys.argv[1:]), cases))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
