#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writers, deleters and listers on the same few keys of a versioned bucket.

    tests/model/run_concurrent.py [--seconds 60] [--seed N]

What every listing must show, whatever goes on meanwhile: one newest version for each key, at the top; every version
whose write was acknowledged before the listing began; none whose removal was.
"""
import argparse
import hashlib
import os
import random
import re
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import s3client  # noqa: E402
from cases import report  # noqa: E402
from pail import Pail  # noqa: E402

KEYS = ["busy/a", "busy/a/b", "busy/b"]
STILL = ["still/a", "still/b", "still/b/c"]
VERSIONS_MAX = 200  # of a key; then deleters go first, so that one page shows everything
ROW = re.compile(rb"<(Version|DeleteMarker)>(.*?)</\1>", re.S)


def versioning(client, bucket, status):
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
    reply = client.request("PUT", bucket, None, ["versioning"], body, {"content-md5": s3client.content_md5(body)})
    check(reply.ok, f"PutBucketVersioning: {reply!r}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Row:
    def __init__(self, name, body):
        reply = s3client.Reply(200, {}, body)
        self.marker = name == b"DeleteMarker"
        self.key, self.id, self.latest = reply.value("Key"), reply.value("VersionId"), reply.value("IsLatest") == "true"
        self.modified = reply.value("LastModified")

    def __repr__(self):
        return f"{self.key} {self.id}{' marker' if self.marker else ''}{' latest' if self.latest else ''}"


def list_page(client, bucket, prefix, limit=1000, key_marker="", version_marker=""):
    """Rows of a page and where the next one starts, or None."""
    query = ["versions", ("prefix", prefix), ("max-keys", str(limit))]
    query += [("key-marker", key_marker)] if key_marker else []
    query += [("version-id-marker", version_marker)] if version_marker else []
    reply = client.request("GET", bucket, None, query)
    check(reply.status == 200, f"ListObjectVersions: {reply!r}")
    rows = [Row(name, body) for name, body in ROW.findall(reply.body)]
    check(len(rows) <= limit, f"{len(rows)} rows in a page of {limit}")
    more = reply.value("IsTruncated") == "true"
    return rows, (reply.value("NextKeyMarker"), reply.value("NextVersionIdMarker")) if more else None


def list_chain(client, bucket, prefix, limit):
    rows, where = list_page(client, bucket, prefix, limit)
    while where:
        more, where = list_page(client, bucket, prefix, limit, *where)
        rows += more
    return rows


def check_page(rows):
    """One page is one moment: each key has its newest version on top, and no version is there twice."""
    ids = [(r.key, r.id) for r in rows]
    check(len(set(ids)) == len(ids), "a version is listed twice")
    keys = [r.key for r in rows]
    check(keys == sorted(keys), "keys are out of order")
    for before, row in zip([None] + rows, rows):
        first = before is None or before.key != row.key
        check(row.latest == first, f"{row!r} after {before!r}: IsLatest is wrong")
        check(first or before.modified >= row.modified, f"{row!r} after {before!r}: the older one comes first")


class Load:
    """The threads, and what they know of the bucket."""

    def __init__(self, pail, bucket, seed):
        self.pail, self.bucket, self.seed = pail, bucket, seed
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.errors, self.counts = [], {}
        self.there, self.doomed, self.gone = {}, set(), set()  # id: (key, body or None for a marker)
        self.sent_markers = 0

    def client(self):
        p = self.pail
        return s3client.Client(p.host, p.port, p.access_key, p.secret_key)

    def run(self, seconds, *jobs):
        """Runs (function, how many) until the time is over."""
        threads = []
        for job, count in jobs:
            for n in range(count):
                name = f"{job.__name__}-{n}"
                threads.append(threading.Thread(target=self.loop, args=(job, name), name=name, daemon=True))
        for thread in threads:
            thread.start()
        self.stopped.wait(seconds)
        self.stopped.set()
        for thread in threads:
            thread.join(60)
            check(not thread.is_alive(), f"{thread.name} hangs")
        if self.errors:
            raise AssertionError("\n".join(self.errors[:3]))

    def loop(self, job, name):
        client, rng = self.client(), random.Random(f"{self.seed}-{name}")
        try:
            while not self.stopped.is_set():
                job(client, rng)
                with self.lock:
                    self.counts[job.__name__] = self.counts.get(job.__name__, 0) + 1
        except Exception:
            self.errors.append(f"{name}: {traceback.format_exc(limit=-3)}")
            self.stopped.set()
        finally:
            client.close()

    def acknowledged(self, reply, key, body, what):
        version = reply.headers.get("x-amz-version-id")
        check(reply.ok and version, f"{what}: {reply!r} {version}")
        with self.lock:
            check(version not in self.there and version not in self.gone, f"{what}: {version} was given before")
            self.there[version] = key, body

    # --- jobs of a bucket where versioning is Enabled
    def write(self, client, rng):
        if len(self.there) > len(KEYS) * VERSIONS_MAX:
            return time.sleep(0.01)
        key, body = rng.choice(KEYS), rng.randbytes(rng.choice([10, 10, 100, 20_000]))
        self.acknowledged(client.put(self.bucket, key, body), key, body, "PutObject")

    def mark(self, client, rng):
        if len(self.there) > len(KEYS) * VERSIONS_MAX:
            return time.sleep(0.01)
        key = rng.choice(KEYS)
        self.acknowledged(client.delete(self.bucket, key), key, None, "DeleteObject")

    def remove(self, client, rng):
        with self.lock:
            free = [v for v in self.there if v not in self.doomed]
            if len(free) < 20:
                free = []
            # Mostly the newest ones: there the next older one has to take over.
            version = rng.choice(free[-5:] if rng.random() < 0.7 else free) if free else None
            self.doomed.add(version)
        if not version:
            return time.sleep(0.01)
        key, body = self.there[version]
        reply = client.request("DELETE", self.bucket, key, [("versionId", version)])
        check(reply.status == 204, f"DELETE of {version}: {reply!r}")
        check((reply.headers.get("x-amz-delete-marker") == "true") == (body is None), f"DELETE of {version}: marker")
        with self.lock:
            del self.there[version]
            self.gone.add(version)

    def list(self, client, _rng):
        with self.lock:
            before, gone = set(self.there), set(self.gone)
        rows, more = list_page(client, self.bucket, "busy/")
        check(more is None, "the page should hold everything")
        check_page(rows)
        listed = {r.id for r in rows}
        with self.lock:
            missing = before - listed - self.doomed
        check(not missing, f"{len(missing)} versions are not listed, {sorted(missing)[:3]}")
        check(not listed & gone, f"versions that were removed are listed: {sorted(listed & gone)[:3]}")

    def page(self, client, rng):
        """Pages of a few rows, while others write: versions come and go, but none comes twice."""
        rows = list_chain(client, self.bucket, "busy/", rng.choice([7, 50]))
        ids = [r.id for r in rows]
        check(len(set(ids)) == len(ids), "a page chain names a version twice")

    def page_still(self, client, rng):
        rows = list_chain(client, self.bucket, "still/", rng.choice([1, 2, 3, 5]))
        check([(r.key, r.id, r.latest) for r in rows] == self.still, "versions that nobody touches are listed otherwise")

    def read(self, client, rng):
        with self.lock:
            free = [v for v in self.there if v not in self.doomed]
        if not free:
            return
        version = rng.choice(free)
        key, body = self.there.get(version, (None, None))
        if not key or body is None:
            return
        reply = client.request("GET", self.bucket, key, [("versionId", version)])
        with self.lock:
            if version in self.doomed:
                return
        check(reply.status == 200 and hashlib.sha256(reply.body).digest() == hashlib.sha256(body).digest(),
              f"GET of {version}: {reply.status}, {len(reply.body)} of {len(body)} bytes")

    # --- jobs of a bucket whose versioning changes
    def toggle(self, client, rng):
        versioning(client, self.bucket, rng.choice(["Enabled", "Suspended"]))
        time.sleep(rng.uniform(0, 0.05))

    def change(self, client, rng):
        key, choice = rng.choice(KEYS), rng.random()
        what = "PUT" if choice < 0.45 else "DELETE" if choice < 0.6 else "DELETE of a version"
        if choice < 0.45:
            reply = client.put(self.bucket, key, rng.randbytes(rng.choice([10, 20_000])))
        elif choice < 0.6:
            reply = client.delete(self.bucket, key)
        elif choice < 0.7:
            reply = client.request("DELETE", self.bucket, key, [("versionId", "null")])
        else:
            rows, _ = list_page(client, self.bucket, "busy/")
            row = rng.choice(rows) if rows else None
            if not row or (len(rows) < 100 and rng.random() < 0.5):
                return
            reply = client.request("DELETE", self.bucket, row.key, [("versionId", row.id)])
        check(reply.ok, f"{what}, {key}: {reply!r}")

    # --- a job of a bucket whose noncurrent versions expire
    def undelete(self, client, rng):
        """Deletes objects, and takes the markers away when the rule may be at work; what is readable then stays."""
        keys = [f"undelete/{rng.getrandbits(60):x}" for _ in range(20)]
        for key in keys:
            check(client.put(self.bucket, key, b"x").ok, "PutObject")
        markers = client.delete_many(self.bucket, keys).values("DeleteMarkerVersionId")
        check(len(markers) == len(keys), "DeleteObjects: markers")
        time.sleep(rng.uniform(0.8, 2.2))
        for key, marker in zip(keys, markers):
            reply = client.request("DELETE", self.bucket, key, [("versionId", marker)])
            check(reply.status == 204, f"DELETE of {marker}: {reply!r}")
            if client.head(self.bucket, key).status == 200:
                self.there[key] = key, b"x"

    def look(self, client, _rng):
        rows, more = list_page(client, self.bucket, "busy/")
        check_page(rows)
        nulls = [r.key for r in rows if r.id == "null"]
        check(len(set(nulls)) == len(nulls), "a key has two null versions")
        check(more is None or len(rows) == 1000, "a page is short and goes on")


def enabled(pail, seconds, seed):
    """VER-01: puts, deletes and listings at once: one newest version, nothing lost, nothing twice"""
    load = Load(pail, "enabled", seed)
    client = load.client()
    check(client.create_bucket(load.bucket).ok, "CreateBucket")
    versioning(client, load.bucket, "Enabled")
    for key in STILL * 3:
        check(client.put(load.bucket, key, b"x").ok and client.delete(load.bucket, key).ok, "set-up")
    rows, _ = list_page(client, load.bucket, "still/")
    check(len(rows) == len(STILL) * 6, "set-up")
    load.still = [(r.key, r.id, r.latest) for r in rows]
    load.run(seconds, (load.write, 3), (load.mark, 1), (load.remove, 2), (load.list, 2), (load.page, 1),
             (load.page_still, 1), (load.read, 1))
    rows, _ = list_page(client, load.bucket, "busy/")
    check_page(rows)
    listed = {r.id: (r.key, r.marker) for r in rows}
    check(listed == {v: (key, body is None) for v, (key, body) in load.there.items()},
          f"{len(listed)} versions at the end, {len(load.there)} were acknowledged")
    for row in [r for r in rows if r.marker]:
        reply = client.request("DELETE", load.bucket, row.key, [("versionId", row.id)])
        check(reply.status == 204 and reply.headers.get("x-amz-delete-marker") == "true", f"removing a marker: {reply!r}")
    rows, _ = list_page(client, load.bucket, "busy/")
    check(not any(r.marker for r in rows), "a marker was removed and is there")
    check_page(rows)
    return load.counts


def toggled(pail, seconds, seed):
    """CND-04 VER-02: versioning goes on and off under load: one newest version, one null version at most"""
    load = Load(pail, "toggled", seed)
    client = load.client()
    check(client.create_bucket(load.bucket).ok, "CreateBucket")
    for key in KEYS:
        check(client.put(load.bucket, key, b"from before").ok, "set-up")
    load.run(seconds, (load.toggle, 1), (load.change, 5), (load.look, 2))
    load.look(client, None)
    return load.counts


RULE = b"""<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix/></Filter>
<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>
</LifecycleConfiguration>"""


def undeleted(pail, seconds, seed):
    """a rule for noncurrent versions never takes one that has become current meanwhile"""
    load = Load(pail, "undeleted", seed)
    client = load.client()
    check(client.create_bucket(load.bucket).ok, "CreateBucket")
    versioning(client, load.bucket, "Enabled")
    reply = client.request("PUT", load.bucket, None, ["lifecycle"], RULE, {"content-md5": s3client.content_md5(RULE)})
    check(reply.ok, f"PutBucketLifecycleConfiguration: {reply!r}")
    load.run(seconds, (load.undelete, 12))
    time.sleep(3)  # what a pass had collected before would go now
    lost = [key for key in load.there if client.head(load.bucket, key).status != 200]
    check(not lost, f"{len(lost)} of {len(load.there)} objects went after they had become current again")
    return dict(current=len(load.there), **load.counts)


def main():
    parser = argparse.ArgumentParser(description="Concurrent changes of versions.")
    parser.add_argument("--seconds", type=float, default=6, help="for each case")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options, good = parser.parse_args(), True
    with Pail("concurrent", args=["--access-log", "off", "--lifecycle-day", "1"]) as pail:
        for case in (enabled, toggled, undeleted):
            try:
                counts = case(pail, options.seconds, options.seed)
                report(True, f"{case.__doc__} ({', '.join(f'{n} {k}' for k, n in sorted(counts.items()))})")
            except Exception:
                good = False
                report(False, case.__doc__, f"--seed {options.seed}\n{traceback.format_exc(limit=-4)}\n{pail.log(1500)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
