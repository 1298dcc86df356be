# SPDX-License-Identifier: Apache-2.0
"""Mixed load with a memory: what the server acknowledged, and what it may or may not have done.

A Worker is a thread with keys of its own, so that the order of changes to a key is known.
Before a change is sent, the key's `pending` says what it would become; an acknowledgement
makes that the `current` value, a broken connection leaves both possible. check() compares
a server with the model and settles what was open. Nothing here retries.
"""
import hashlib
import http.client
import json
import os
import random
import re
import subprocess
import threading
import time

import s3client
from pail import default_binary

DIRECT_MIN = 8 << 20  # bytes; larger ones are written past the page cache
INLINE_MAX = 16 << 10  # bytes; larger objects and parts are files of their own
PART_MIN = 5 << 20
NOTHING = object()  # no change is under way
BROKEN = (OSError, http.client.HTTPException)
_BLOB_NAME = re.compile(r"^[0-9a-f]{32}$")


class Wrong(AssertionError):
    """The server did what it must not."""


def content(seed, size):
    """Bytes of their own for each seed; those of every third can be compressed."""
    source = random.Random(seed)
    if seed % 3:
        return source.randbytes(size)
    return (source.randbytes(200) * (size // 200 + 1))[:size]


class Value:
    """What an object holds, without its bytes."""
    _serial = iter(range(1 << 62))

    def __init__(self, body, etag=None, blobs=None):
        self.size, self.sha = len(body), hashlib.sha256(body).digest()
        self.md5 = hashlib.md5(body).digest()
        self.etag = etag or self.md5.hex()
        # One token for each file that the server should keep for it.
        self.blobs = blobs if blobs is not None else (
            frozenset([next(Value._serial)]) if self.size > INLINE_MAX else frozenset())

    @classmethod
    def of_parts(cls, values, bodies):
        digest = hashlib.md5(b"".join(v.md5 for v in values)).hexdigest()
        return cls(b"".join(bodies), f"{digest}-{len(values)}", frozenset().union(*(v.blobs for v in values)))

    def holds(self, reply):
        return reply.status == 200 and reply.etag == self.etag and hashlib.sha256(reply.body).digest() == self.sha

    def __repr__(self):
        return f"{self.size} bytes {self.etag}"


class Key:
    def __init__(self):
        self.current, self.pending = None, NOTHING
        self.deleting = False  # of buckets only

    def allowed(self):
        return [self.current] if self.pending is NOTHING else [self.current, self.pending]


class Upload:
    def __init__(self, key):
        self.key, self.parts, self.pending = key, {}, {}  # number: (Value, seed)
        self.ending = False  # a completion or an abortion is under way


class Model:
    """All that the server promised. Each part of it is changed by one thread only."""

    def __init__(self, bucket="crash"):
        self.bucket = bucket
        self.keys, self.uploads, self.creating, self.buckets = {}, {}, [], {bucket: Key()}
        self.gone_uploads = set()
        self.acknowledged = 0
        self.history = {}  # fact: [(value, request id of the reply that promised it)], in the order of the changes
        self.links = []    # (fact, value, other fact, its value): they became true together
        self.lock = threading.Lock()

    def promise(self, reply, *facts):
        """The reply promised these: pairs of a fact, such as ("key", name), and its value from now on."""
        with self.lock:
            self.acknowledged += 1
        for fact, value in facts:
            self.history.setdefault(fact, []).append((value, reply.request_id))

    def may_become(self, fact, value):
        """A change whose reply never came: before and after are right until the next promise."""
        self.history.setdefault(fact, []).append((value, None))

    def blobs(self):
        """How many files the server should keep; only meaningful when nothing is pending."""
        found = set()
        for key in self.keys.values():
            found |= key.current.blobs if key.current else frozenset()
        for upload in self.uploads.values():
            for value, _ in upload.parts.values():
                found |= value.blobs
        return len(found)

    def check(self, client):
        """Compares everything; raises Wrong; settles what was pending by what is found."""
        self._check_buckets(client)
        if self.buckets[self.bucket].current is None:
            return
        listed = client.list_all(self.bucket)
        if list(listed) != sorted(listed, key=lambda k: k.encode()):
            raise Wrong("the listing is out of order")
        strange = set(listed) - set(self.keys)
        if strange:
            raise Wrong(f"keys that nobody wrote: {sorted(strange)[:5]}")
        became = {name: self._check_key(client, name, key, listed) for name, key in self.keys.items()}
        self._check_uploads(client, became)
        for name, key in self.keys.items():
            if key.pending is not NOTHING:
                self.may_become(("key", name), key.pending)
            key.current, key.pending = became[name], NOTHING

    def _check_key(self, client, name, key, listed):
        reply = client.get(self.bucket, name)
        for value in key.allowed():
            if value is None and reply.status == 404 and name not in listed:
                return None
            if value is not None and value.holds(reply) and listed.get(name) == value.etag:
                return value
        shown = f"status {reply.status}, {len(reply.body)} bytes, ETag {reply.etag}, listed {listed.get(name)}"
        raise Wrong(f"{name}: {shown}; allowed: {key.allowed()}")

    def _check_buckets(self, client):
        reply = client.list_buckets()
        if reply.status != 200:
            raise Wrong(f"ListBuckets: {reply!r}")
        listed = set(reply.values("Name"))
        for name, bucket in self.buckets.items():
            allowed = bucket.allowed() + ([None] if bucket.deleting else [])
            if (name in listed) not in [bool(v) for v in allowed]:
                raise Wrong(f"bucket {name}: {'is' if name in listed else 'is not'} there")
            if bucket.pending is not NOTHING:
                self.may_become(("bucket", name), bucket.pending)
            # A deletion that a kill interrupted may be finished by the server at any time later.
            bucket.deleting = name in listed and (bucket.deleting or bucket.pending is None)
            bucket.current, bucket.pending = (True if name in listed else None), NOTHING

    def _check_uploads(self, client, became):
        listed = dict((upload, key) for key, upload in client.list_uploads(self.bucket))
        back = self.gone_uploads & set(listed)
        if back:
            raise Wrong(f"uploads that were completed or aborted are back: {back}")
        for name, upload in list(self.uploads.items()):
            if upload.ending:
                self.may_become(("upload", name), None)
            for number, (value, _) in upload.pending.items():
                self.may_become(("part", name, number), value)
            if name not in listed:
                if not upload.ending:
                    raise Wrong(f"upload {name} of {upload.key} is gone")
                self.end_upload(name)
                continue
            key = self.keys[upload.key]
            if upload.ending and key.pending not in (NOTHING, None) and became[upload.key] is key.pending:
                raise Wrong(f"upload {name} was completed and is open still")
            upload.ending = False
            self._check_parts(client, name, upload)
        for name in set(listed) - set(self.uploads):
            if listed[name] not in self.creating:
                raise Wrong(f"upload {name} of {listed[name]}: nobody created it")
            self.may_become(("upload", name), listed[name])
            reply = client.abort_upload(self.bucket, listed[name], name)
            if not reply.ok:
                raise Wrong(f"AbortMultipartUpload: {reply!r}")
            self.promise(reply, (("upload", name), None))
        self.creating.clear()

    def _check_parts(self, client, name, upload):
        found = client.list_parts(self.bucket, upload.key, name)
        for number in set(found) | set(upload.parts) | set(upload.pending):
            allowed = [p for p in (upload.parts.get(number), upload.pending.get(number)) if p]
            fits = [p for p in allowed if number in found and found[number] == (p[0].etag, p[0].size)]
            if fits:
                upload.parts[number] = fits[0]
            elif number in found or number in upload.parts:
                raise Wrong(f"part {number} of upload {name}: found {found.get(number)}, allowed {allowed}")
        upload.pending.clear()

    def end_upload(self, name):
        self.gone_uploads.add(name)
        self.uploads.pop(name, None)


class Worker(threading.Thread):
    """One connection, changing keys of its own until it is stopped or the connection breaks."""

    def __init__(self, model, pail, number, seed, keys=10, large=1 << 20, big_parts=True, max_operations=None):
        super().__init__(daemon=True, name=f"worker {number}")
        self.model, self.random = model, random.Random(seed)
        self.client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, timeout=60)
        self.prefix, self.names = f"w{number}/", [f"w{number}/key-{i:02}" for i in range(keys)]
        self.own_bucket = f"{model.bucket}-own-{number}"
        model.buckets.setdefault(self.own_bucket, Key())
        for name in self.names:
            model.keys.setdefault(name, Key())
        self.large, self.big_parts, self.left = large, big_parts, max_operations
        self.stopped, self.error, self.broken = threading.Event(), None, None
        self.done = 0

    def run(self):
        operations = [(self.put_small, 6), (self.put_large, 2), (self.delete, 2), (self.delete_many, 1),
                      (self.copy, 3), (self.multipart, 2), (self.read, 4), (self.list, 1), (self.toggle_bucket, 1)]
        choices, weights = zip(*operations)
        try:
            while not self.stopped.is_set() and self.left != 0:
                self.random.choices(choices, weights)[0]()
                self.done += 1
                if self.left:
                    self.left -= 1
        except BROKEN as error:
            self.broken = error
        except Exception as error:  # reported by whoever joins
            self.error = error
        finally:
            self.client.close()

    # --- what a change does to the model
    def change(self, name, value, send, good=None):
        """Sends one change of one key; the reply is an acknowledgement, or the change is pending for ever."""
        key = self.model.keys[name]
        key.pending = value
        reply = send()
        if not (good(reply) if good else reply.ok):
            raise Wrong(f"{name}: {reply!r}")
        key.current, key.pending = value, NOTHING
        self.model.promise(reply, (("key", name), value))
        return reply

    def any_name(self):
        return self.random.choice(self.names)

    def body(self, low, high):
        return content(self.random.getrandbits(60), self.random.randint(low, high))

    # --- operations
    def put(self, body):
        name, value = self.any_name(), Value(body)
        reply = self.change(name, value, lambda: self.client.put(self.model.bucket, name, body))
        if reply.etag != value.etag:
            raise Wrong(f"{name}: ETag {reply.etag} instead of {value.etag}")
        if reply.headers.get("x-amz-server-side-encryption") != "AES256":
            raise Wrong(f"{name}: was not encrypted: {reply.headers}")

    def put_small(self):
        self.put(self.body(0, 6000) if self.random.random() < 0.8 else self.body(0, INLINE_MAX))

    def put_large(self):
        if self.big_parts and self.random.random() < 0.05:
            return self.put(self.body(DIRECT_MIN, DIRECT_MIN + 1_000_000))
        self.put(self.body(INLINE_MAX + 1, 100_000) if self.random.random() < 0.7
                 else self.body(INLINE_MAX + 1, self.large))

    def delete(self):
        name = self.any_name()
        self.change(name, None, lambda: self.client.delete(self.model.bucket, name))

    def delete_many(self):
        names = self.random.sample(self.names, 3)
        for name in names:
            self.model.keys[name].pending = None
        reply = self.client.delete_many(self.model.bucket, names)
        if not reply.ok or b"<Error>" in reply.body:
            raise Wrong(f"DeleteObjects: {reply!r}")
        for name in names:
            self.model.keys[name].current, self.model.keys[name].pending = None, NOTHING
        self.model.promise(reply, *((("key", name), None) for name in names))

    def copy(self):
        sources = [n for n in self.names if self.model.keys[n].current]
        if not sources:
            return self.put_small()
        source = self.random.choice(sources)
        name = self.random.choice([n for n in self.names if n != source])
        self.change(name, self.model.keys[source].current,
                    lambda: self.client.copy(self.model.bucket, name, self.model.bucket, source), s3client.completed)

    def multipart(self):
        model, name = self.model, self.any_name()
        model.creating.append(name)
        reply = self.client.create_upload(model.bucket, name)
        identity = reply.value("UploadId")
        if not reply.ok or not identity:
            raise Wrong(f"CreateMultipartUpload: {reply!r}")
        upload = model.uploads[identity] = Upload(name)
        model.creating.remove(name)
        model.promise(reply, (("upload", identity), name))
        bodies = [self.body(1, 60_000)]
        if self.big_parts and self.random.random() < 0.25:
            bodies.insert(0, self.body(PART_MIN, PART_MIN + 1000))
        for number, body in enumerate(bodies, 1):
            self.part(identity, upload, number, body)
        if self.random.random() < 0.2:  # the last part once more, with other bytes
            bodies[-1] = self.body(1, 60_000)
            self.part(identity, upload, len(bodies), bodies[-1])
        self.finish(identity, upload, name, bodies)

    def part(self, identity, upload, number, body):
        value = (Value(body), number)
        upload.pending[number] = value
        reply = self.client.upload_part(self.model.bucket, upload.key, identity, number, body)
        if not reply.ok or reply.etag != value[0].etag:
            raise Wrong(f"UploadPart: {reply!r}")
        upload.parts[number] = value
        del upload.pending[number]
        self.model.promise(reply, (("part", identity, number), value[0]))

    def finish(self, identity, upload, name, bodies):
        choice = self.random.random()
        if choice < 0.6:
            values = [upload.parts[n][0] for n in sorted(upload.parts)]
            parts = [(n, upload.parts[n][0].etag) for n in sorted(upload.parts)]
            upload.ending = True
            value = Value.of_parts(values, bodies)
            self.model.links.append((("key", name), value, ("upload", identity), None))
            reply = self.change(name, value, lambda: self.client.complete_upload(self.model.bucket, name, identity,
                                                                                 parts), s3client.completed)
            self.model.history[("upload", identity)].append((None, reply.request_id))
            self.model.end_upload(identity)
        elif choice < 0.85:
            upload.ending = True
            reply = self.client.abort_upload(self.model.bucket, name, identity)
            if not reply.ok:
                raise Wrong(f"AbortMultipartUpload: {reply!r}")
            self.model.end_upload(identity)
            self.model.promise(reply, (("upload", identity), None))

    def read(self):
        name = self.any_name()
        value, reply = self.model.keys[name].current, self.client.get(self.model.bucket, name)
        if not (reply.status == 404 if value is None else value.holds(reply)):
            raise Wrong(f"{name}: read {reply.status}, {len(reply.body)} bytes, expected {value}")

    def list(self):
        found = self.client.list_all(self.model.bucket, self.prefix)
        expected = {n: self.model.keys[n].current.etag for n in self.names if self.model.keys[n].current}
        if found != expected:
            raise Wrong(f"listed {found}, expected {expected}")

    def toggle_bucket(self):
        bucket = self.model.buckets[self.own_bucket]
        wanted = None if bucket.current else True
        bucket.pending = wanted
        reply = (self.client.create_bucket if wanted else self.client.delete_bucket)(self.own_bucket)
        if not reply.ok and not (bucket.deleting and not wanted and reply.code == "NoSuchBucket"):
            raise Wrong(f"bucket {self.own_bucket}: {reply!r}")
        bucket.deleting = False
        bucket.current, bucket.pending = wanted, NOTHING
        self.model.promise(reply, (("bucket", self.own_bucket), wanted))


def run_workers(model, pail, count, seed, until, **more):
    """Load until `until(workers)` returns; joins all, and raises what one of them found wrong."""
    workers = [Worker(model, pail, n, f"{seed}-{n}", **more) for n in range(count)]
    run_threads(workers, lambda: until(workers))
    return workers


def run_threads(workers, until):
    """The same for workers of any kind."""
    for worker in workers:
        worker.start()
    try:
        until()
    finally:
        for worker in workers:
            worker.stopped.set()
        for worker in workers:
            worker.join(90)
    for worker in workers:
        if worker.is_alive():
            raise Wrong(f"{worker.name} still waits for a reply")
        if worker.error:
            raise worker.error


def blob_files(data):
    """Paths of all published blobs."""
    return [os.path.join(where, name) for where, _, names in os.walk(os.path.join(data, "blobs"))
            for name in names if _BLOB_NAME.match(name)]


def check_clean(data, args=(), left_overs=False):
    """`pail check` finds nothing, beside the server or without one."""
    done = subprocess.run([default_binary(), "check", data, "--json", *args], capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = ("index", "rule", "object", "blob") + (() if left_overs else ("orphan", "spare"))
    if done.returncode != 0 or any(lines[-1][kind] for kind in kinds):
        raise Wrong(f"pail check: {done.returncode} {done.stdout[:2000]} {done.stderr}")


def wait_for_blobs(data, expected, seconds=45):
    """What is referred to must stay, left-overs must go by themselves; garbage rests for ten seconds first."""
    deadline = time.monotonic() + seconds
    while True:
        count = len(blob_files(data))
        if count == expected:
            return
        if time.monotonic() > deadline:
            raise Wrong(f"{count} blob files after {seconds} s, {expected} are referred to")
        time.sleep(0.05)
