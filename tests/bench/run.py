#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the server beside a raw limit of the same machine, taken in the same minutes.

    make bench                          all rows; some ten minutes
    make bench ARGS="--quick"           small and short: shows that it works, proves no figure
    make bench ARGS="--row get-4k"      one row (--list names them)
    make bench ARGS="--data /mnt/disk"  where the data goes; the disk is part of what is measured

Each row takes rounds of the server and of the limit in turn, since load from elsewhere
comes and goes: the figures are medians, the ratio is the median of each round's. Load
comes from wrk with presigned URLs; server and load share the machine's cores. Bodies are
spot-checked: a fast wrong answer is a failure.
Ends with 0 when every row was measured, whether its target was met or not; with
--strict only when all were.
"""
import argparse
import collections
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))

ROWS = {}
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def row(name):
    """Marks a measurement; it answers one Figure or several."""
    def add(function):
        ROWS[name] = function
        return function
    return add


class Figure:
    """One line of the table. `ok` is None where there is nothing to compare with."""

    def __init__(self, work, pail, limit="", ratio="", target="", ok=None, note=""):
        self.work, self.pail, self.limit, self.ratio, self.target, self.ok = work, pail, limit, ratio, target, ok
        self.note = note

    @property
    def verdict(self):
        return {True: "ok", False: "short", None: ""}[self.ok]


# What is compared with servers that do neither. Rows of their own say what encryption costs.
PLAIN = ["--access-log", "off", "--default-encryption", "none"]


class Bench:
    """The settings, the running server, the running nginx, and what rows share."""

    def __init__(self, options):
        self.quick, self.build = options.quick, os.path.abspath(options.build)
        self.rounds = options.rounds or (1 if self.quick else 7)
        self.seconds = 1 if self.quick else 2
        self.many = options.keys or (20_000 if self.quick else 1_000_000)
        self.few = 2_000 if self.quick else 10_000
        self.versions = 5_000 if self.quick else 100_000
        self.markers = 50_000 if self.quick else 1_000_000
        self.users = 2_000 if self.quick else 100_000
        self.objects = options.objects or (100_000 if self.quick else 10_000_000)
        self.buckets = options.buckets or (2_500 if self.quick else 10_000)
        self.large = 8 * MIB if self.quick else 64 * MIB
        self.huge = 64 * MIB if self.quick else GIB
        self.folder = os.path.abspath(options.data)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.pail = self.nginx = None
        self.fresh = None  # a second server, beside the one that holds much
        self.loaded = False
        self.random = random.Random(1)

    # --- the server
    def start_pail(self, data="data", *more):
        folder = os.path.join(self.folder, data)
        self.pail = Pail("bench", data=folder, args=[*PLAIN, *more])
        self.pail.start()
        self.access_key, self.secret_key = self.pail.access_key, self.pail.secret_key
        self.presigner = load.Presigner(self.pail)
        self.client = s3client.Client(self.pail.host, self.pail.port, self.pail.access_key, self.pail.secret_key)
        self.where = f"{self.pail.host}:{self.pail.port}"
        return self.pail

    def stop_pail(self):
        if self.pail:
            self.client.close()
            self.pail.stop()
            self.pail = None

    def recover(self):
        """After a row that failed: the next one finds a server, whatever became of this one."""
        if self.pail:
            self.pail.kill()
            self.pail = None

    def ready(self):
        """The server and nginx, for rows that need both."""
        if not self.pail:
            self.start_pail()
        if not self.nginx:
            self.nginx = load.Nginx(os.path.join(self.folder, "nginx"))

    def close(self, keep=False):
        load.stop_all()
        if self.nginx:
            self.nginx.stop()
        for pail in (self.pail, self.fresh):
            if pail:
                pail.kill()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- small tools
    def program(self, name):
        """One of the programs beside this one, as `make bench` builds them."""
        return os.path.join(self.build, "release", f"bench_{name}")

    def bucket(self, name):
        reply = self.client.create_bucket(name)
        check(reply.ok or reply.code == "BucketAlreadyOwnedByYou", f"CreateBucket: {reply!r}")
        return name

    def lines(self, name, lines):
        return load.write_lines(os.path.join(self.folder, name), lines)

    def in_turn(self, **sides):
        """Runs every side once a round, in changing order. Name to its list of results."""
        results = {name: [] for name in sides}
        for number in range(self.rounds):
            names = list(sides)[number % 2::1] + list(sides)[:number % 2]
            for name in names:
                results[name].append(sides[name]())
        return results

    def cpu_of(self, pids, run):
        """What `run` answers, with the processor time it cost these processes added."""
        before = load.cpu_seconds(pids)
        result = run()
        after = load.cpu_seconds(pids)
        result.user, result.system = after[0] - before[0], after[1] - before[1]
        return result


def median(results, what):
    return statistics.median(getattr(r, what) for r in results)


def ratio_of(results, limits, what="rate", scale=1.0):
    """Median over the rounds: what was measured a second ago is a better measure than what was a minute ago."""
    return statistics.median(scale * getattr(r, what) / (getattr(l, what) if hasattr(l, what) else l)
                             for r, l in zip(results, limits))


def cpu_note(results):
    """Processor time a request: where a slow row spends it."""
    requests = sum(r.requests for r in results) or 1
    user, system = (sum(getattr(r, k) for r in results) / requests for k in ("user", "system"))
    unit, scale = ("us", 1e6) if user + system < 0.01 else ("ms", 1e3)
    return f"{user * scale:.3g} {unit} user + {system * scale:.3g} {unit} system"


def with_load_cost(run):
    """What `run` answers, with the processor time of the children that ended meanwhile: of the load, not the server."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result.load = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def load_note(results):
    """A load that costs one side more than the other would be measured with it."""
    return f"{1e6 * sum(r.load for r in results) / (sum(r.requests for r in results) or 1):.3g} us"


def rate_text(value):
    return f"{value:,.0f}/s"


def bytes_text(value):
    return f"{value / MIB:,.0f} MiB/s"


# --- reading ------------------------------------------------------------------------------

def read_row(b, title, size, count, connections, target, by_bytes):
    b.ready()
    bucket, bodies = b.bucket(f"read-{size}"), {}
    folder = os.path.join(b.nginx.files, str(size))
    os.makedirs(folder, exist_ok=True)
    for i in range(count):
        body = random.Random(i).randbytes(size)
        reply = b.client.put(bucket, f"{i:06}", body)
        check(reply.ok, f"PUT: {reply!r}")
        with open(os.path.join(folder, f"{i:06}"), "wb") as f:
            f.write(body)
        bodies[f"{i:06}"] = hashlib.sha256(body).digest()
    for name in b.random.sample(sorted(bodies), min(20, count)):
        reply = b.client.send("GET", b.presigner.one("GET", f"/{bucket}/{name}"))
        check(reply.status == 200 and hashlib.sha256(reply.body).digest() == bodies[name], f"GET {name}: {reply!r}")
    ours = b.lines("read-pail", b.presigner.many("GET", bucket, bodies))
    theirs = b.lines("read-nginx", (f"/{size}/{name}" for name in bodies))
    results = b.in_turn(
        nginx=lambda: b.cpu_of(b.nginx.workers(), lambda: load.wrk(b.nginx.where, "cycle", "GET", theirs, connections,
                                                                   b.seconds)),
        pail=lambda: b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, "cycle", "GET", ours, connections, b.seconds)))
    what, text = ("bytes_rate", bytes_text) if by_bytes else ("rate", rate_text)
    pail, nginx = median(results["pail"], what), median(results["nginx"], what)
    ratio = ratio_of(results["pail"], results["nginx"], what)
    return Figure(title, text(pail), f"{text(nginx)} nginx", f"{ratio:.2f}", f">= {target}", ratio >= target,
                  f"a request costs the server {cpu_note(results['pail'])}, nginx {cpu_note(results['nginx'])}")


@row("get-4k")
def get_4k(b):
    return read_row(b, "GET 4 KiB, 64 connections", 4 * KIB, 1000, 64, 0.7, False)


@row("get-1m")
def get_1m(b):
    return read_row(b, "GET 1 MiB, 64 connections", MIB, 64, 64, 0.9, True)


@row("get-64m")
def get_64m(b):
    return read_row(b, f"GET {b.large // MIB} MiB, 8 connections", b.large, 4, 8, 0.9, True)


# --- writing ------------------------------------------------------------------------------

@row("put-4k")
def put_4k(b):
    b.ready()
    bucket, count, serial = b.bucket("write-4k"), 20_000 if b.quick else 100_000, [0]
    written = []

    def put(where, targets, connections):
        return load.wrk(where, "cycle", "PUT", targets, connections, b.seconds, 4096)

    def run(side, connections):
        serial[0] += 1
        keys = (f"{serial[0]}-{i:06}" for i in range(count))
        if side == "nginx":
            os.makedirs(os.path.join(b.nginx.folder, "put", str(serial[0])))
            targets = b.lines("write-nginx", (f"/put/{serial[0]}/{key}" for key in keys))
            pids, where = b.nginx.workers(), b.nginx.where
            return with_load_cost(lambda: b.cpu_of(pids, lambda: put(where, targets, connections)))
        written.append(f"{serial[0]}-000003")
        targets = b.lines("write-pail", b.presigner.many("PUT", bucket, keys))
        return with_load_cost(lambda: b.cpu_of([b.pail.pid], lambda: put(b.where, targets, connections)))

    results = b.in_turn(nginx=lambda: run("nginx", 64), pail=lambda: run("pail", 64), single=lambda: run("pail", 1))
    for key in written:
        body = b.client.get(bucket, key).body  # its end is a number: load.lua says why
        check(body[:-8] == b"0123456789abcdef" * 255 + b"01234567" and body[-8:].isdigit(),
              f"{key} is not what was written")
    sync = load.sync_latency(b.folder)
    pail, nginx, single = (median(results[side], "rate") for side in ("pail", "nginx", "single"))
    to_nginx, to_single = (ratio_of(results["pail"], results[side]) for side in ("nginx", "single"))
    return [
        Figure("PUT 4 KiB, 64 connections, durable", rate_text(pail), f"{rate_text(nginx)} nginx, not synced",
               f"{to_nginx:.2f}", ">= 1.0", to_nginx >= 1.0,
               f"a request costs the server {cpu_note(results['pail'])}, nginx {cpu_note(results['nginx'])}, "
               f"the load {load_note(results['pail'])} or {load_note(results['nginx'])}"),
        Figure("  the same against one PUT at a time", rate_text(pail), f"{rate_text(single)} one connection",
               f"{to_single:.2f}", ">= 5", to_single >= 5,
               f"one PUT takes {1e6 / single:.0f} us, an fdatasync of 4 KiB {sync * 1e6:.0f} us"),
    ]


@row("put-64m")
def put_64m(b):
    b.ready()
    bucket = b.bucket("write-64m")
    targets = b.lines("write-large", b.presigner.many("PUT", bucket, ["a", "b"]))
    sides = b.in_turn(
        md5=lambda: load.md5_rate(2, 1),
        disk=lambda: load.synced_write_rate(b.folder, b.large),
        pail=lambda: b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, "fixed", "PUT", targets, 2, 2 * b.seconds,
                                                             b.large)))
    body = b"0123456789abcdef" * (b.large // 16)
    check(b.client.get(bucket, "a").body == body, "the body read back is not the one written")
    check(b.client.head(bucket, "b").etag == hashlib.md5(body).hexdigest(), "the ETag is not the MD5")
    pail = median(sides["pail"], "rate") * b.large
    md5, disk = statistics.median(sides["md5"]), statistics.median(sides["disk"])
    ratio = ratio_of(sides["pail"], map(min, sides["md5"], sides["disk"]), scale=b.large)
    return Figure(f"PUT {b.large // MIB} MiB, 2 connections", bytes_text(pail),
                  f"{bytes_text(md5)} MD5 on 2 cores; {bytes_text(disk)} synced writes", f"{ratio:.2f}",
                  ">= 0.7", ratio >= 0.7, f"a request costs the server {cpu_note(sides['pail'])}")


# --- listing ------------------------------------------------------------------------------

def many_key(i):
    """Ten prefixes; the same shape in the large and the small bucket."""
    return f"p{i % 10}/{i // 10:08}"


def key_at(position, count):
    """The key at that place of the order, of `count` keys."""
    return many_key(position // (count // 10) + position % (count // 10) * 10)


def load_keys(b, bucket, count):
    """`count` keys by wrk: each of its threads has a file of targets of its own."""
    b.bucket(bucket)
    base = os.path.join(b.folder, "load")
    for part in range(2):
        b.lines(f"load.{part}", b.presigner.many("PUT", bucket, (many_key(i) for i in range(part, count, 2))))
    start = time.monotonic()
    load.wrk_once(b.where, "PUT", base, 2, 64, 64)
    return count / (time.monotonic() - start)


def load_many(b):
    b.ready()
    if not b.loaded:
        print(f"# loading {b.many:,} keys ...", flush=True)
        rate = load_keys(b, "many", b.many)
        load_keys(b, "few", b.few)
        print(f"# {rate:,.0f} keys/s", flush=True)
        b.loaded = True
        for bucket, count in (("many", b.many), ("few", b.few)):
            found = b.client.list_all(bucket)
            check(len(found) == count, f"bucket {bucket} lists {len(found)} keys, {count} were written")
            check(list(found) == sorted(found), f"bucket {bucket} lists out of order")


def page_targets(b, bucket, count):
    """Pages of 1,000 keys that start anywhere but in the last thousand."""
    for position in b.random.sample(range(count - 1001), 200):
        after = key_at(position, count)
        yield b.presigner.one("GET", f"/{bucket}", [("list-type", "2"), ("max-keys", "1000"), ("start-after", after)])


@row("list")
def list_pages(b):
    load_many(b)
    connections = 8
    large = b.lines("list-large", page_targets(b, "many", b.many))
    small = b.lines("list-small", page_targets(b, "few", b.few))
    page = b.client.list_page("many", after=key_at(500, b.many))
    check(page.values("Key") == [key_at(i, b.many) for i in range(501, 1501)], "a page holds other keys than it should")
    os.makedirs(b.nginx.files, exist_ok=True)
    with open(os.path.join(b.nginx.files, "page"), "wb") as f:
        f.write(page.body)
    raw = b.lines("list-nginx", ["/page"])
    results = b.in_turn(
        large=lambda: b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, "cycle", "GET", large, connections, b.seconds)),
        small=lambda: load.wrk(b.where, "cycle", "GET", small, connections, b.seconds),
        nginx=lambda: load.wrk(b.nginx.where, "cycle", "GET", raw, connections, b.seconds))
    to_nginx, to_small = (ratio_of(results["large"], results[k]) for k in ("nginx", "small"))
    large, small, nginx = (median(results[k], "rate") for k in ("large", "small", "nginx"))
    return [
        Figure(f"ListObjectsV2, 1,000 keys a page, {b.many:,} keys", f"{large:,.0f} pages/s",
               f"{nginx:,.0f}/s nginx, a file of {len(page.body) // KIB} KiB", f"{to_nginx:.2f}",
               ">= 1,000 pages/s", large >= 1000, f"a page costs the server {cpu_note(results['large'])}"),
        Figure(f"  against {b.few:,} keys", f"{large:,.0f} pages/s", f"{small:,.0f} pages/s", f"{to_small:.2f}",
               ">= 0.8", to_small >= 0.8),
    ]


@row("list-root")
def list_root(b):
    load_many(b)
    target = b.presigner.one("GET", "/many", [("list-type", "2"), ("delimiter", "/")])
    prefixes = b.client.send("GET", target).values("Prefix")
    check([p for p in prefixes if p] == [f"p{i}/" for i in range(10)], f"common prefixes: {prefixes}")
    targets = b.lines("list-root", [target])
    results = b.in_turn(pail=lambda: load.wrk(b.where, "cycle", "GET", targets, 1, b.seconds))["pail"]
    p99 = statistics.median(r.p99 for r in results)
    return Figure(f"root listing with delimiter, {b.many:,} keys, 10 prefixes",
                  f"{statistics.median(r.p50 for r in results) / 1000:.2f} ms median, {p99 / 1000:.2f} ms p99", "", "",
                  "< 5 ms", p99 < 5000)


# --- versions -----------------------------------------------------------------------------

def versioned_bucket(b, name):
    b.bucket(name)
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    reply = b.client.request("PUT", name, None, ["versioning"], body, {"content-md5": s3client.content_md5(body)})
    check(reply.ok, f"PutBucketVersioning: {reply!r}")
    return name


def add_versions(b, bucket, count):
    """`count` versions of one key, by 64 connections."""
    base = os.path.join(b.folder, "add")
    for part in range(2):
        b.lines(f"add.{part}", b.presigner.many("PUT", bucket, ("key" for _ in range(part, count, 2))))
    start = time.monotonic()
    load.wrk_once(b.where, "PUT", base, 2, 64, 64)
    return count / (time.monotonic() - start)


def version_page(b, bucket, after=None):
    query = ["versions"] + ([("key-marker", "key"), ("version-id-marker", after)] if after else [])
    reply = b.client.request("GET", bucket, None, query)
    check(reply.status == 200, f"ListObjectVersions: {reply!r}")
    return reply


def count_versions(b, bucket):
    """Pages through all of them; answers their ids."""
    found, page = [], version_page(b, bucket)
    while True:
        found += page.values("VersionId")
        if page.value("IsTruncated") != "true":
            check(len(set(found)) == len(found), "a version is listed twice")
            return found
        page = version_page(b, bucket, page.value("NextVersionIdMarker"))


@row("versions")
def many_versions(b):
    b.ready()
    deep, flat = versioned_bucket(b, "deep"), versioned_bucket(b, "flat")
    print(f"# writing {b.versions:,} versions of one key ...", flush=True)
    rate = add_versions(b, deep, b.versions)
    ids = count_versions(b, deep)
    check(len(ids) >= b.versions, f"{len(ids):,} versions are listed, {b.versions:,} were written")
    print(f"# {rate:,.0f} versions/s", flush=True)
    check(b.client.put(flat, "key", b"0123456789abcdef" * 4).ok, "PUT")
    check(b.client.list_page(deep).values("Key") == ["key"], "the key is not listed once")
    middle = [("versionId", ids[len(ids) // 2])]
    pages = [("versions", ""), ("key-marker", "key"), ("version-id-marker", ids[len(ids) // 2]), ("max-keys", "1")]
    last = b.client.request("HEAD", deep, "key", [("versionId", ids[-1])])
    check(last.status == 200, f"the oldest version: {last!r}")
    only = count_versions(b, flat)
    # Reads first: what overwrites makes the single version many.
    kinds = {
        "GET": (("GET", "deep/key", ()), ("GET", "flat/key", ()), 64),
        "GET of a version in the middle": (("GET", "deep/key", middle), ("GET", "flat/key", [("versionId", only[0])]), 64),
        "ListObjectsV2": (("GET", "deep", [("list-type", "2")]), ("GET", "flat", [("list-type", "2")]), 8),
        "ListObjectVersions, one row from the middle": (("GET", "deep", pages),
                                                        ("GET", "flat", [("versions", ""), ("max-keys", "1")]), 8),
        "PUT": (("PUT", "deep/key", ()), ("PUT", "flat/key", ()), 64),
    }
    figures = []
    for name, (many, one, connections) in kinds.items():
        def run(side):
            method, path, query = side
            target = b.lines("versions", [b.presigner.one(method, f"/{path}", query)])
            return b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, "cycle", method, target, connections, b.seconds, 64))
        results = b.in_turn(many=lambda: run(many), one=lambda: run(one))
        ratio = ratio_of(results["many"], results["one"])
        title = f"{name}, a key with {b.versions:,} versions" if not figures else f"  {name}"
        figures.append(Figure(title, rate_text(median(results["many"], "rate")),
                              f"{rate_text(median(results['one'], 'rate'))} with one version", f"{ratio:.2f}", ">= 0.8",
                              ratio >= 0.8, f"a request costs the server {cpu_note(results['many'])}, "
                              f"with one version {cpu_note(results['one'])}"))
    return figures


def add_markers(b, bucket, count):
    """DeleteObjects makes a marker of each key it names, existing or not."""
    start = time.monotonic()
    for first in range(0, count, 1000):
        reply = b.client.delete_many(bucket, [f"p{i % 10}/{i:08}" for i in range(first, min(count, first + 1000))])
        check(reply.ok and b"<Error>" not in reply.body, f"DeleteObjects: {reply!r}")
    return count / (time.monotonic() - start)


@row("markers")
def many_markers(b):
    b.ready()
    bucket = versioned_bucket(b, "markers")
    live = [f"p{i}/{b.markers * i // 10:08}-live" for i in range(10)]
    print(f"# making {b.markers:,} delete markers ...", flush=True)
    rate = add_markers(b, bucket, b.markers)
    print(f"# {rate:,.0f} markers/s", flush=True)
    for key in live:
        check(b.client.put(bucket, key, b"x").ok, "PUT")
    figures = []
    for title, query, expected in (
            ("ListObjectsV2", [], live), ("  from its middle on", [("start-after", live[4])], live[5:]),
            ("  with delimiter", [("delimiter", "/")], [f"p{i}/" for i in range(10)]),
            ("  below one prefix", [("prefix", "p3/")], live[3:4])):
        target = b.presigner.one("GET", f"/{bucket}", [("list-type", "2")] + query)
        page = b.client.send("GET", target)
        found = [p for p in page.values("Prefix") if p] if "delimiter" in title else page.values("Key")
        check(found == expected, f"{title.strip()} finds {found}")
        targets = b.lines("markers-list", [target])
        results = b.in_turn(pail=lambda: load.wrk(b.where, "cycle", "GET", targets, 1, b.seconds))["pail"]
        p50, p99 = (statistics.median(getattr(r, k) for r in results) / 1000 for k in ("p50", "p99"))
        if not figures:
            title += f", {len(live)} objects among {b.markers:,} delete markers"
        figures.append(Figure(title, f"{p50:.2f} ms median, {p99:.2f} ms p99", "", "", "< 5 ms", p50 < 5))
    return figures


# --- lifecycle ----------------------------------------------------------------------------

def expire_at_once(b, bucket, larger_than=0):
    """A rule whose date has come; the worker looks at the whole bucket as soon as it is there."""
    size = f"<ObjectSizeGreaterThan>{larger_than}</ObjectSizeGreaterThan>"
    body = ("<LifecycleConfiguration><Rule><Filter>" + size + "</Filter><Status>Enabled</Status><Expiration>"
            "<Date>2020-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>").encode()
    reply = b.client.request("PUT", bucket, None, ["lifecycle"], body, {"content-md5": s3client.content_md5(body)})
    check(reply.ok, f"PutBucketLifecycleConfiguration: {reply!r}")


def seconds_to_examine(b):
    """The only object that the rule concerns is the last one: when it has gone, all others have been looked at."""
    check(b.client.put("many", "z/last", b"x" * 1000).ok, "PUT")
    start = time.monotonic()
    expire_at_once(b, "many", 999)
    while b.client.head("many", "z/last").status != 404:
        check(time.monotonic() - start < 300, "the object does not expire")
        time.sleep(0.01)
    seconds = time.monotonic() - start
    check(b.client.request("DELETE", "many", None, ["lifecycle"]).status == 204, "DeleteBucketLifecycle")
    return seconds


def write_while_objects_expire(b):
    """Figure: what clients that write notice of the worker's deletions."""
    count, seconds = (5_000, 1) if b.quick else (100_000, 3)
    load_keys(b, "expire", count)
    b.bucket("expire-beside")
    targets = b.lines("expire-beside", b.presigner.many("PUT", "expire-beside", (f"{i:06}" for i in range(20_000))))

    def run():
        return load.wrk(b.where, "cycle", "PUT", targets, 8, seconds, 4096)
    idle = run()
    expire_at_once(b, "expire")
    busy, going = run(), bool(b.client.list_page("expire").values("Key"))
    while b.client.list_page("expire").values("Key"):
        time.sleep(0.1)
    ratio = busy.p99 / idle.p99
    return Figure(f"  PUT 4 KiB, 8 connections, while {count:,} objects expire", f"{busy.p99 / 1000:.1f} ms p99",
                  f"{idle.p99 / 1000:.1f} ms without", f"{ratio:.2f}", "< 2", ratio < 2 if going else None,
                  "" if going else "they had expired before the measurement ended")


@row("lifecycle")
def lifecycle(b):
    load_many(b)
    seconds = statistics.median(seconds_to_examine(b) for _ in range(1 if b.quick else 3))
    rate = b.many / seconds
    return [
        Figure(f"lifecycle, {b.many:,} objects examined", f"{seconds:.1f} s, {rate_text(rate)}", "", "",
               "1,000,000 in 20 s", rate >= 50_000),
        write_while_objects_expire(b),
    ]


# --- encryption ---------------------------------------------------------------------------

ENCRYPTION = (b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
              b"</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")


def two_buckets(b):
    """One server; a bucket in which everything is encrypted, and one in which nothing is."""
    b.stop_pail()
    b.start_pail("encryption")
    reply = b.client.request("PUT", b.bucket("encrypted"), None, ["encryption"], ENCRYPTION,
                             {"content-md5": s3client.content_md5(ENCRYPTION)})
    check(reply.ok, f"PutBucketEncryption: {reply!r}")
    b.bucket("plain")
    for bucket, says in (("encrypted", "AES256"), ("plain", None)):
        said = b.client.put(bucket, "probe", b"x").headers.get("x-amz-server-side-encryption")
        check(said == says, f"an object in bucket {bucket} says {said}")


def compare(b, title, method, keys, connections, target, body=0, header=None, mode="cycle", by_bytes=True):
    def run(bucket):
        targets = b.lines(f"targets-{bucket}", b.presigner.many(method, bucket, keys))
        return b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, mode, method, targets, connections, b.seconds, body,
                                                       header))
    for bucket in ("encrypted", "plain"):
        run(bucket)  # the page cache has it
    results = b.in_turn(encrypted=lambda: run("encrypted"), plain=lambda: run("plain"))
    size = body if by_bytes and method == "PUT" else 1
    what = "bytes_rate" if by_bytes and method == "GET" else "rate"
    text = bytes_text if by_bytes else rate_text
    encrypted, plain = (size * median(results[side], what) for side in ("encrypted", "plain"))
    ratio = ratio_of(results["encrypted"], results["plain"], what)
    return Figure(title, text(encrypted), f"{text(plain)} unencrypted", f"{ratio:.2f}", f">= {target}", ratio >= target,
                  f"a request costs {cpu_note(results['encrypted'])}, unencrypted {cpu_note(results['plain'])}")


@row("encryption")
def encryption(b):
    two_buckets(b)
    keys, size = [f"{i:06}" for i in range(4)], b.large // MIB
    whole = random.Random(1).randbytes(b.large)
    for bucket in ("encrypted", "plain"):
        for key in keys:
            check(b.client.put(bucket, key, whole).etag == hashlib.md5(whole).hexdigest(), "the ETag is not the MD5")
        check(b.client.get(bucket, keys[0]).body == whole, "the bytes")
    first, last = b.large // 3, b.large // 3 + b.large // 4 - 1
    some = b.client.get("encrypted", keys[0], {"range": f"bytes={first}-{last}"}).body
    check(some == whole[first:last + 1], "the bytes of a range")
    figures = [
        compare(b, f"GET {size} MiB, encrypted, 8 connections", "GET", keys, 8, 0.8),
        compare(b, f"  GET {size // 4} MiB of it", "GET", keys, 8, 0.8, header=("Range", f"bytes={first}-{last}")),
        compare(b, f"  PUT {size} MiB, 2 connections", "PUT", ["a", "b"], 2, 0.8, b.large, mode="fixed"),
    ]
    b.stop_pail()
    return figures


@row("encryption-4k")
def encryption_small(b):
    two_buckets(b)
    keys, body = [f"{i:06}" for i in range(1000)], random.Random(1).randbytes(4 * KIB)
    for bucket in ("encrypted", "plain"):
        for key in keys:
            b.client.put(bucket, key, body)
        check(b.client.get(bucket, keys[0]).body == body, "the bytes")
    figures = [
        compare(b, "GET 4 KiB, encrypted, 64 connections", "GET", keys, 64, 0.8, by_bytes=False),
        compare(b, "  PUT 4 KiB, 64 connections", "PUT", keys, 64, 0.8, 4 * KIB, by_bytes=False),
    ]
    b.stop_pail()
    return figures


# --- copying ------------------------------------------------------------------------------

@row("copy")
def copy_large(b):
    b.stop_pail()  # a store of its own: garbage of other rows would change the space used
    b.start_pail("copy-data")
    bucket, part = b.bucket("copy"), min(b.huge // 2, 64 * MIB)
    body = random.Random(7).randbytes(part)
    upload = b.client.create_upload(bucket, "source").value("UploadId")
    parts = [(n, b.client.upload_part(bucket, "source", upload, n, body).etag) for n in range(1, b.huge // part + 1)]
    reply = b.client.complete_upload(bucket, "source", upload, parts)
    check(s3client.completed(reply), f"CompleteMultipartUpload: {reply!r}")
    source = f"/{bucket}/source"
    header = ("x-amz-copy-source", source)
    copies = b.lines("copy-targets", (b.presigner.one("PUT", f"/{bucket}/copy-{i:03}", headers=dict([header]))
                                      for i in range(200)))
    puts = b.lines("copy-puts", b.presigner.many("PUT", bucket, (f"small-{i:03}" for i in range(200))))
    check(s3client.completed(b.client.copy(bucket, "first", bucket, "source")), "CopyObject")
    before = load.disk_used(b.pail.data)
    results = b.in_turn(
        copy=lambda: load.wrk(b.where, "cycle", "PUT", copies, 1, b.seconds, 0, header),
        put=lambda: load.wrk(b.where, "cycle", "PUT", puts, 1, b.seconds, 4096))
    grown = load.disk_used(b.pail.data) - before
    for offset in (0, b.huge // 2 - 1000, b.huge - 1000):
        piece = b.client.get(bucket, "copy-100", {"range": f"bytes={offset}-{offset + 999}"}).body
        at = offset % part
        check(piece == (body + body)[at:at + 1000], "a copy's bytes are not the source's")
    number = sum(r.requests for r in results["copy"])
    copy, put = median(results["copy"], "mean"), median(results["put"], "mean")
    ratio = ratio_of(results["copy"], results["put"], "mean")
    b.stop_pail()
    return [
        Figure(f"CopyObject of {b.huge // MIB:,} MiB", f"{copy / 1000:.3f} ms", f"{put / 1000:.3f} ms PUT of 4 KiB",
               f"{ratio:.2f}", "<= 3", ratio <= 3),
        Figure(f"  disk space used by {number:,} of them", f"{grown / MIB:,.1f} MiB", "", "", "< 0.1 % of the copies",
               grown < number * b.huge / 1000),
    ]


# --- identities ---------------------------------------------------------------------------

STATEMENTS, POLICIES = 20, 10  # of a user with many rights


@row("decision")
def decision(b):
    """A program of its own calls the server's code without a server."""
    done = subprocess.run([b.program("decide")], capture_output=True, text=True)
    check(done.returncode == 0, f"bench_decide: {done.stderr}")
    kinds = {name: int(ns) / 1000 for name, ns in (line.split("\t") for line in done.stdout.splitlines())}
    worst = max(kinds, key=kinds.get)
    return Figure(f"decision, {POLICIES} policies of {STATEMENTS} statements", f"{kinds[worst]:.1f} us", "", "", "< 20 us",
                  kinds[worst] < 20,
                  "by what the statements differ in: " + ", ".join(f"{name} {us:.1f} us" for name, us in kinds.items()))


def statement(effect, action, resource, **more):
    return dict({"Effect": effect, "Action": action, "Resource": f"arn:aws:s3:::{resource}"}, **more)


def many_statements(bucket, number):
    """One policy of a user with many: most are about other buckets, some forbid a part of this one."""
    crawler = {"Condition": {"StringLike": {"aws:UserAgent": f"*crawler-{number}*"}}}
    found = [statement("Allow", ["s3:GetObject", "s3:PutObject"], f"team-{number}-{i}/*") for i in range(14)]
    found += [statement("Deny", "s3:*", f"{bucket}/*/draft-{number}-{i}-*") for i in range(4)]
    found += [statement("Deny", "s3:*Object", f"{bucket}/*", **crawler), statement("Allow", "s3:*Object", f"{bucket}/*")]
    assert len(found) == STATEMENTS
    return found


def profiled_get(b, title, bucket, key, ordinary=True):
    """Figure: which part of a GET's processor time goes into who is asking and whether he may."""
    groups = {"SigV4": {"step_authenticate", "auth_verify"}, "decision": {"step_authorize", "authorize_request"}}
    targets = b.lines("profile", load.Presigner(b.pail, *key).many("GET", bucket, (f"{i:06}" for i in range(1000))))

    def run():
        return b.cpu_of([b.pail.pid], lambda: load.wrk(b.where, "cycle", "GET", targets, 64, 4 * b.seconds))
    result, shares = load.sampled_shares(b.pail.pid, os.path.join(b.folder, "perf.data"), groups, run)
    if not shares:
        return Figure(title, "not measured", "", "", "< 15 %", None, "perf cannot be used here")
    total = (result.user + result.system) / result.requests * 1e6
    cost = {name: share * result.user / result.requests * 1e6 for name, share in shares.items()}
    share = sum(cost.values()) / total
    return Figure(title, f"{100 * share:.1f} %", f"{total:.1f} us a request", "", "< 15 %" if ordinary else "",
                  share < 0.15 if ordinary else None,
                  ", ".join(f"{name} {us:.2f} us" for name, us in cost.items()))


@row("profile")
def profile(b):
    b.ready()
    plain, ruled = b.bucket("profile"), b.bucket("profile-ruled")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        dict(statement("Deny", "s3:*", f"{ruled}/*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
             Principal="*")]}).encode()
    reply = b.client.request("PUT", ruled, None, ["policy"], policy, {"content-md5": s3client.content_md5(policy)})
    check(reply.ok, f"PutBucketPolicy: {reply!r}")
    for i in range(1000):
        for bucket in (plain, ruled):
            check(b.client.put(bucket, f"{i:06}", random.Random(i).randbytes(4 * KIB)).ok, "PUT")
    iam = load.Iam(b.pail)
    reader = iam.user("reader", [[statement("Allow", ["s3:GetObject", "s3:ListBucket"], f"{plain}*")]])
    many = iam.user("many-rights", (many_statements(ruled, number) for number in range(POLICIES)))
    title = "SigV4 and decision, of a GET of 4 KiB by"
    return [
        profiled_get(b, f"{title} a user with a policy", plain, reader),
        profiled_get(b, "  by root", plain, ()),
        profiled_get(b, f"  by one with {POLICIES} of {STATEMENTS} statements, beside a bucket policy", ruled, many, False),
    ]


def fill_users(b, folder, count, resource):
    """So many users with a key and a policy each, in a folder that no server holds: access key and secret of each."""
    environment = dict(os.environ, PAIL_ROOT_USER=b.access_key, PAIL_ROOT_PASSWORD=b.secret_key)
    done = subprocess.run([b.program("fill_users"), folder, str(count), resource], env=environment,
                          capture_output=True, text=True)
    check(done.returncode == 0, f"bench_fill_users: {done.stderr}")
    return [line.split() for line in done.stdout.splitlines()]


def look_up_figure(b, folder, users):
    """What it costs the server to put somebody together who is not in its memory, without a server."""
    environment = dict(os.environ, PAIL_ROOT_USER=b.access_key, PAIL_ROOT_PASSWORD=b.secret_key)
    done = subprocess.run([b.program("look_up"), folder], env=environment, capture_output=True, text=True,
                          input="".join(f"{user[0]}\n" for user in users))
    check(done.returncode == 0, f"bench_look_up: {done.stderr}")
    us = {name: int(ns) / 1000 for name, ns in (line.split("\t") for line in done.stdout.splitlines())}
    return Figure(f"finding a user with a policy, {len(users):,} in turn", f"{us['cold']:.1f} us", "", "", "<= 12 us",
                  us["cold"] <= 12, f"again, from memory where it still is: {us['again']:.1f} us")


def by_users(pail, users, keys):
    """A target for each key, by one user after the other."""
    for number, user in enumerate(users):
        yield from load.Presigner(pail, *user).many("GET", "many", keys[number::len(users)])


@row("users")
def many_users(b):
    load_many(b)
    data, fresh_data = os.path.basename(b.pail.data), os.path.join(b.folder, "fresh")
    b.stop_pail()
    print(f"# making {b.users:,} users ...", flush=True)
    users, one = fill_users(b, os.path.join(b.folder, data), b.users, "many/*"), fill_users(b, fresh_data, 1, "many/*")
    b.random.shuffle(users)
    found = [look_up_figure(b, os.path.join(b.folder, data), users[:50_000])]
    b.start_pail(data)
    fresh = b.fresh = Pail("bench-fresh", data=fresh_data, args=PLAIN).start()
    client = s3client.Client(fresh.host, fresh.port, fresh.access_key, fresh.secret_key)
    check(client.create_bucket("many").ok, "CreateBucket")
    for i in range(1000):
        check(client.put("many", many_key(i), b"0123456789abcdef" * 4).ok, "PUT")
    keys = [many_key(i) for i in b.random.sample(range(b.many), min(50_000, b.many))]
    lines = {
        "thousand": b.lines("users-thousand", by_users(b.pail, users[:1000], keys)),
        "all": b.lines("users-all", by_users(b.pail, users[:len(keys)], keys)),
        "fresh": b.lines("users-fresh", by_users(fresh, one, [many_key(i % 1000) for i in range(len(keys))])),
    }
    where = {"thousand": b.where, "all": b.where, "fresh": f"{fresh.host}:{fresh.port}"}

    def run(side):
        pid = fresh.pid if side == "fresh" else b.pail.pid
        return b.cpu_of([pid], lambda: load.wrk(where[side], "cycle", "GET", lines[side], 8, b.seconds))
    results = b.in_turn(**{side: lambda side=side: run(side) for side in lines})
    fresh.stop()
    for side, title in (("thousand", f"GET by 1,000 of {b.users:,} users, {b.many:,} objects, 8 connections"),
                        ("all", f"  by {min(len(users), len(keys)):,} of them in turn")):
        p50, p99, base50, base99 = (median(results[s], p) for s in (side, "fresh") for p in ("p50", "p99"))
        ratio = ratio_of(results[side], results["fresh"], "p50")
        found.append(Figure(title, f"{p50:.0f} us median, {p99:.0f} us p99", f"{base50:.0f} us, {base99:.0f} us fresh",
                            f"{ratio:.2f}", "<= 1.2", ratio <= 1.2,
                            f"a request costs the server {cpu_note(results[side])}, "
                            f"fresh {cpu_note(results['fresh'])}"))
    return found


# --- memory, start ------------------------------------------------------------------------

@row("memory")
def memory_rows(b):
    b.stop_pail()
    b.start_pail("memory-data")
    time.sleep(1)
    idle = load.memory(b.pail.pid)
    bucket, connections = b.bucket("memory"), 64
    body = b"0123456789abcdef" * (b.large // 16)
    for name in ("down-1", "down-2"):
        check(b.client.put(bucket, name, body).ok, "PUT")
    del body
    down = b.lines("memory-down", b.presigner.many("GET", bucket, ["down-1", "down-2"]))
    up = b.lines("memory-up", b.presigner.many("PUT", bucket, ["up-1", "up-2"]))
    seconds = 3 if b.quick else 40
    peak = load.MemoryPeak(b.pail.pid)
    running = [load.start_wrk(b.where, "fixed", "PUT", up, connections, seconds, b.large),
               load.start_wrk(b.where, "fixed", "GET", down, connections, seconds)]
    results = [load.finish_wrk(process) for process in running]
    highest = peak.stop()
    time.sleep(2)
    after = load.memory(b.pail.pid)
    check(b.client.head(bucket, "up-1").headers.get("content-length") == str(b.large), "an upload is not whole")
    note = f"{results[0].requests} uploads and {results[1].requests} downloads ended; {after / MIB:.1f} MiB afterwards"
    b.stop_pail()
    return [
        Figure("memory without page cache, idle", f"{idle / MIB:.1f} MiB", "", "", "< 20 MiB", idle < 20 * MIB),
        Figure(f"  64 uploads and 64 downloads of {b.large // MIB} MiB at once", f"{highest / MIB:.1f} MiB", "", "",
               "< 96 MiB", highest < 96 * MIB, note),
    ]


EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
SCRAPED = ["/minio/v2/metrics/cluster", "/minio/v2/metrics/bucket", "/minio/v2/metrics/node", "/pail/v1/metrics"]
BUCKET_PAGE = "/pail/v1/buckets"


def fill_objects(b, data, buckets, objects):
    """A folder with so much in it, made without a server."""
    print(f"# making {objects:,} objects and {buckets:,} buckets ...", flush=True)
    start = time.monotonic()
    done = subprocess.run([b.program("fill_objects"), os.path.join(b.folder, data), str(buckets), str(objects)],
                          capture_output=True, text=True)
    check(done.returncode == 0, f"bench_fill_objects: {done.stderr}")
    print(f"# {objects / (time.monotonic() - start):,.0f} objects/s", flush=True)


class Timed:
    def __init__(self, seconds, length):
        self.seconds, self.length, self.requests = seconds, length, 1


def page_seconds(b, path, count):
    """How long a page takes, each time, with the server's processor time."""
    from bearer import bearer
    token = {"Host": b.where, "Authorization": f"Bearer {bearer(b.access_key, b.secret_key, 36000)}"}

    def once():
        headers = token if path in SCRAPED else b.client.signer.headers("GET", path, "", {"host": b.where}, EMPTY_SHA256)
        start = time.perf_counter()
        reply = b.client.send("GET", path, headers=headers)
        taken = time.perf_counter() - start
        check(reply.ok, f"{path}: {reply!r}")
        return Timed(taken, len(reply.body))
    for _ in range(3):
        once()
    return [b.cpu_of([b.pail.pid], once) for _ in range(count)]


@row("scrape")
def scrape_rows(b):
    """Pages of metrics and of buckets, with many objects and many buckets: --objects and --buckets say how many."""
    b.stop_pail()
    figures = []
    for number, (objects, buckets) in enumerate(((b.objects, 1_000), (100_000, b.buckets))):
        fill_objects(b, f"scrape-{number}", buckets, objects)
        b.start_pail(f"scrape-{number}", "--snapshot-interval", "0")
        for i in range(min(buckets, 1_000)):  # so that there are counters of their requests
            check(b.client.get(f"fill-{i:05}", "only" if i else "sample-0").ok, "GET")
        for path in SCRAPED + [BUCKET_PAGE]:
            taken = page_seconds(b, path, 20 if b.quick else 100)
            middle = median(taken, "seconds")
            what = "page of 1,000 buckets" if path == BUCKET_PAGE else f"scrape {path}"
            title = f"{what}, {objects:,} objects in {buckets:,} buckets"
            # More buckets than that cost what they cost; what must not grow with them is a page's length.
            bound = "< 5 ms" if number == 0 or path in (BUCKET_PAGE, "/minio/v2/metrics/node") else ""
            figures.append(Figure(title if path == SCRAPED[0] else f"  {what}", f"{middle * 1000:.2f} ms", "", "", bound,
                                  middle < 0.005 if bound else None,
                                  f"{taken[0].length:,} bytes, {cpu_note(taken)}, "
                                  f"{1000 * min(t.seconds for t in taken):.2f} ms at best"))
        b.stop_pail()
        shutil.rmtree(os.path.join(b.folder, f"scrape-{number}"))
    return figures


AUDIT, METRICS = ["audit_request"], ["metrics_begin", "metrics_end"]
WATCHING = {"metrics and audit log to a file, together": AUDIT + METRICS, "  audit log alone": AUDIT,
            "  metrics alone": METRICS, "  nothing at all: how exact this is": []}


@row("watch")
def watch_rows(b):
    """What metrics and audit log cost a GET of 4 KiB: switched off and on in the running server."""
    parts = {title: [] for title in WATCHING}
    for number in range(b.rounds):  # a server each time: where its memory lies matters
        b.stop_pail()
        pail = b.start_pail(f"watch-{number}", "--audit-file", os.path.join(b.folder, "audit.jsonl"))
        bucket = b.bucket("watch")
        for i in range(1000):
            check(b.client.put(bucket, f"{i:06}", random.Random(i).randbytes(4 * KIB)).ok, "PUT")
        targets = b.lines("targets", b.presigner.many("GET", bucket, (f"{i:06}" for i in range(1000))))
        b.client.close()
        for title, functions in WATCHING.items():
            seconds = 2 if b.quick else 20 if functions == AUDIT + METRICS else 6
            try:
                parts[title].append(switch.cost(pail.pid, pail.binary, functions, b.where, targets, seconds))
            except PermissionError:
                return Figure(next(iter(WATCHING)), "not measured", "", "", "< 3 %", None, "no process may be traced here")
    b.stop_pail()
    figures = []
    for title, found in parts.items():
        rate, work = zip(*found)
        middle = statistics.mean(rate)
        spread = f"{100 * statistics.stdev(rate) / len(rate) ** 0.5:.1f} either way, " if len(rate) > 1 else ""
        first = not figures
        figures.append(Figure(title + ", GET 4 KiB, 64 connections" if first else title, f"{100 * middle:.1f} % of the rate",
                              "", "", "< 3 %" if first else "", middle < 0.03 if first else None,
                              f"{spread}of the server's processor time {100 * statistics.mean(work):.1f} %; "
                              f"{len(rate)} servers"))
    return figures


def start_seconds(b, data):
    """From exec to the line that names the endpoint."""
    pail = Pail("bench-start", data=os.path.join(b.folder, data))
    command = [pail.binary, "server", pail.data, "--address", "127.0.0.1:0", "--console-address", "127.0.0.1:0"]
    environment = dict(os.environ, PAIL_ROOT_USER=pail.access_key, PAIL_ROOT_PASSWORD=pail.secret_key)
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        for line in process.stdout:
            if b"S3 endpoint:" in line:
                return time.monotonic() - start
        raise load.LoadError("the server ended at start-up")
    finally:
        process.terminate()
        process.communicate()


@row("start")
def start_rows(b):
    load_many(b)
    data = os.path.basename(b.pail.data)
    b.stop_pail()
    figures = []
    for title, folders in ((f"start, {b.many:,} keys", [data] * 5),
                           ("  in an empty folder", [f"empty-{i}" for i in range(5)])):
        taken = statistics.median(start_seconds(b, folder) for folder in folders)
        figures.append(Figure(title, f"{taken * 1000:.0f} ms", "", "", "< 100 ms", taken < 0.1))
    return figures


# --- moving data in -----------------------------------------------------------------------

def run_transfer(b, command, source, dest, at, to):
    """`pail import` or `pail export`: seconds, and processor seconds of the one server, the other and the command.
    The command's own Pail is `dest` of an import and `source` of an export; None: a folder."""
    own = dest if command == "import" else source
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_"))}
    env.update(PAIL_ENDPOINT=own.endpoint, PAIL_ROOT_USER=own.access_key, PAIL_ROOT_PASSWORD=own.secret_key,
               XDG_STATE_HOME=os.path.join(b.folder, "state"))
    if source and source is not own:
        env.update(AWS_ENDPOINT_URL=source.endpoint, AWS_ACCESS_KEY_ID=source.access_key,
                   AWS_SECRET_ACCESS_KEY=source.secret_key)
    servers = [p for p in (source, dest) if p]
    before = [sum(load.cpu_seconds([p.pid])) for p in servers]
    begin, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([b.pail.binary, command, at, to, "--json", *(["--create"] if dest else [])], env=env,
                          capture_output=True, text=True)
    taken, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    check(done.returncode == 0, f"{command}: {done.stdout[-300:]} {done.stderr[-300:]}")
    costs = [sum(load.cpu_seconds([p.pid])) - was for p, was in zip(servers, before)]
    costs.append(after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime)
    return taken, costs


def small_import(b, dest):
    count = 10_000 if b.quick else 100_000
    b.bucket("small")
    b.lines("small.0", b.presigner.many("PUT", "small", (many_key(i) for i in range(0, count, 2))))
    b.lines("small.1", b.presigner.many("PUT", "small", (many_key(i) for i in range(1, count, 2))))
    begin = time.monotonic()
    load.wrk_once(b.where, "PUT", os.path.join(b.folder, "small"), 2, 64, KIB)
    written = count / (time.monotonic() - begin)
    runs = [run_transfer(b, "import", b.pail, dest, "s3://small", f"small-{i}") for i in range(min(b.rounds, 3))]
    taken, costs = sorted(runs)[len(runs) // 2]
    shares = ", ".join(f"{name} {cost / count * 1e6:.0f} us" for name, cost in zip(("source", "destination", "import"), costs))
    return Figure(f"import of {count:,} objects of 1 KiB", f"{count / taken:,.0f}/s", f"{written:,.0f}/s by wrk, PUT alone",
                  "", ">= 5,000/s", count / taken >= 5000, f"an object costs {shares}")


def large_transfers(b, dest):
    """The raw limits are measured between the runs, so that what else happens on the machine meets both."""
    number, size = 4 if b.quick else 16, b.large
    tree, out, body = os.path.join(b.folder, "tree"), os.path.join(b.folder, "out"), os.urandom(b.large)
    b.bucket("large")
    os.makedirs(tree)
    for i in range(number):
        check(b.client.put("large", str(i), body).ok, "PUT of a large object")
        with open(os.path.join(tree, str(i)), "wb") as f:
            f.write(body)
    disks, copies, runs = [], [], collections.defaultdict(list)
    for i in range(min(b.rounds, 3)):
        os.sync()
        disks.append(load.synced_write_rate(b.folder, size))
        copies.append(load.copied_rate(b.folder, 4 * size))
        runs["import of", "from a Pail"].append(run_transfer(b, "import", b.pail, dest, "s3://large", f"large-{i}"))
        runs["import of", "from a folder"].append(run_transfer(b, "import", None, dest, tree, f"tree-{i}"))
        runs["export of", "to a folder"].append(run_transfer(b, "export", b.pail, None, "large", f"{out}-{i}"))
        shutil.rmtree(f"{out}-{i}")
    disk, copy = statistics.median(disks), statistics.median(copies)
    md5, loopback, figures = load.md5_rate(1, 1), load.loopback_rate(32 * size), []
    names = {"from a Pail": ("source", "destination", "import"), "from a folder": ("destination", "import"),
             "to a folder": ("source", "export")}
    for (what, where), found in runs.items():
        taken, costs = sorted(found)[len(found) // 2]
        rate, limit = number * size / taken, disk if where == "from a folder" else min(disk, copy)
        shares = ", ".join(f"{name} {cost * GIB / number / size:.2f}" for name, cost in zip(names[where], costs))
        cores = sum(costs) / taken
        figures.append(Figure(f"{what} {number} objects of {size // MIB} MiB {where}", bytes_text(rate),
                              f"{bytes_text(disk)} synced writes, {bytes_text(copy)} dd from and to the disk",
                              f"{rate / limit:.2f}", ">= 0.5", rate >= limit / 2,
                              f"processor seconds a GiB: {shares}; {cores:.1f} of {os.cpu_count()} cores at work"))
    figures[0].note += f"; loopback {bytes_text(loopback)}, OpenSSL's MD5 on one core {bytes_text(md5)}"
    shutil.rmtree(tree)
    return figures


@row("import")
def import_rows(b):
    """Both servers and the import share this machine's cores; the limit is wrk, which only writes."""
    b.ready()
    dest = b.fresh = Pail("bench-import", data=os.path.join(b.folder, "import"), args=PLAIN)
    dest.start()
    figures = [small_import(b, dest), *large_transfers(b, dest)]
    dest.stop()
    dest.remove_data()
    b.fresh = None
    return figures


# --- the table ----------------------------------------------------------------------------

def table(figures):
    heads = ["work", "pail", "raw limit", "ratio", "target", ""]
    rows = [[f.work, f.pail, f.limit, f.ratio, f.target, f.verdict] for f in figures]
    widths = [max(len(r[i]) for r in rows + [heads]) for i in range(len(heads))]
    for cells in [heads, ["-" * w for w in widths]] + rows:
        print("  ".join(c.ljust(w) for c, w in zip(cells, widths)).rstrip())
    notes = [f for f in figures if f.note]
    if notes:
        print("\nWhere the time goes:")
        for f in notes:
            print(f"  {f.work.strip()}: {f.note}")


def parse():
    parser = argparse.ArgumentParser(description="Measures Pail beside raw limits of this machine.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--data", default=None, help="folder for the data (BUILD/bench); it is emptied")
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this row; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one short round, little data")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--keys", type=int, default=0, help="instead of a million")
    parser.add_argument("--objects", type=int, default=0, help="of row scrape, instead of ten million")
    parser.add_argument("--buckets", type=int, default=0, help="of row scrape, instead of 10,000")
    parser.add_argument("--keep", action="store_true", help="leave the data behind")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a target is missed")
    parser.add_argument("--list", action="store_true", help="name the rows")
    return parser.parse_args()


def main():
    options = parse()
    if options.list:
        print("\n".join(ROWS))
        return 0
    os.environ["PAIL_BUILD"] = os.path.abspath(options.build)
    options.data = options.data or os.path.join(options.build, "bench")
    global Pail, check, load, s3client, switch
    import s3client
    import load
    import switch
    from load import check
    from pail import Pail
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench, figures, broken = Bench(options), [], False
    try:
        for name in options.row or ROWS:
            print(f"# {name}", flush=True)
            try:
                found = ROWS[name](bench)
                figures += found if isinstance(found, list) else [found]
            except Exception as error:  # one row that cannot be measured must not hide the others
                broken = True
                figures.append(Figure(name, "not measured", str(error).splitlines()[0][:60] if str(error) else "", "",
                                      "", False))
                traceback.print_exc()
                bench.recover()
    finally:
        bench.close(options.keep)
    print()
    table(figures)
    short = [f for f in figures if f.ok is False]
    return 1 if broken or (options.strict and short) else 0


if __name__ == "__main__":
    sys.exit(main())
