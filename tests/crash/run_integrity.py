#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check, scrubber, backup, restore, recovery: planted faults are found and named, and what was saved comes back.

    tests/crash/run_integrity.py [word]      only cases whose name contains the word

Each case has a data folder of its own; they run a few at once, as they wait more than they work.
"""
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import s3client  # noqa: E402
from cases import report, true, wait_for  # noqa: E402
from pail import TEST_DIR, Pail, default_binary  # noqa: E402
from workload import blob_files  # noqa: E402

AT_ONCE = 4
BUCKET = "integrity"
BLOCK = 64 * 1024
BIG = 300_000
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def body_of(key, size, turn=0):
    return random.Random(f"{key}-{turn}-{size}").randbytes(size)


def enable_versioning(client):
    reply = client.request("PUT", BUCKET, query=["versioning"], body=VERSIONING,
                           headers={"content-md5": s3client.content_md5(VERSIONING)})
    true(reply.ok, f"versioning: {reply}")


class World:
    """A data folder and the server that may run on it."""

    def __init__(self, name, args=()):
        os.makedirs(TEST_DIR, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"integrity-{name}-", dir=TEST_DIR)
        self.data = self.path("data")
        os.mkdir(self.data)
        self.name, self.args, self.pail, self.logs = name, list(args), None, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, data=None, args=()):
        self.pail = Pail(self.name, data=data or self.data, args=["--access-log", "off", *self.args, *args])
        try:
            self.pail.start()
        finally:
            self.logs.append(self.pail.log_path)
        return self.client()

    def client(self):
        return s3client.Client(self.pail.host, self.pail.port, self.pail.access_key, self.pail.secret_key)

    def stop(self):
        self.pail.stop()

    def run(self, *args, code=0):
        done = subprocess.run([default_binary(), *args], capture_output=True, text=True, timeout=120)
        true(code is None or done.returncode == code,
             f"pail {' '.join(args)}: {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done

    def check(self, *args, data=None, code=0):
        """The findings, and the result as the last one."""
        done = self.run("check", data or self.data, "--json", *args, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def clean(self, data=None, *args):
        result = self.check(*args, data=data)[-1]
        for kind in ("index", "rule", "object", "blob", "orphan", "spare", "marked"):
            true(result[kind] == 0, f"{kind}: {result}")
        return result

    def put(self, client, key, size, turn=0, headers=None):
        """Answers the paths of the blobs that came with it."""
        before = set(blob_files(self.data))
        reply = client.put(BUCKET, key, body_of(key, size, turn), headers)
        true(reply.ok, f"PUT {key}: {reply}")
        return sorted(set(blob_files(self.data)) - before)

    def close(self):
        if self.pail:
            self.pail.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        for log in self.logs:
            if log and os.path.exists(log):
                os.unlink(log)


def flip(path, offset, bit=1):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ bit]))


def found(findings, kind, **fields):
    return [f for f in findings if f.get("finding") == kind and all(f.get(k) == v for k, v in fields.items())]


def get_safely(client, key, headers=None):
    """The body of a reply that came whole; None: an error or a broken transfer."""
    try:
        reply = client.get(BUCKET, key, headers)
    except (http.client.HTTPException, OSError):
        return None
    return reply.body if reply.ok else None


def everything(world, client, turn=0):
    """Something of each kind; answers key -> body."""
    bodies = {}
    for key, size in [("empty", 0), ("small", 900), ("edge", 16384), ("big", BIG), ("dir/a", 20000), ("dir/b", 70000),
                      ("x" * 600, 30000), ("y" * 900, 10)]:
        world.put(client, key, size, turn)
        bodies[key] = body_of(key, size, turn)
    upload = client.create_upload(BUCKET, "parts").value("UploadId")
    parts = [body_of("part", 5 << 20), body_of("part-2", 100_000)]
    etags = [(n + 1, client.upload_part(BUCKET, "parts", upload, n + 1, p).etag) for n, p in enumerate(parts)]
    true(client.complete_upload(BUCKET, "parts", upload, etags).ok, "complete")
    bodies["parts"] = b"".join(parts)
    for target, source in [("copy-big", "big"), ("copy-parts", "parts"), ("copy-small", "small")]:
        true(client.copy(BUCKET, target, BUCKET, source).ok, f"copy {source}")
        bodies[target] = bodies[source]
    return bodies


def same(client, bodies):
    for key, body in bodies.items():
        reply = client.get(BUCKET, key)
        true(reply.ok and reply.body == body, f"{key[:40]} is not as it was: {reply.status} {reply.code}")


# ---- check ----

def ldb_10_check_is_clean(world):
    """LDB-10: check is clean after everything that a store holds, changes nothing, and runs beside the server"""
    client = world.start()
    client.create_bucket(BUCKET)
    bodies = everything(world, client)
    enable_versioning(client)
    for turn in range(3):
        world.put(client, "versioned", 50_000, turn)
    client.delete(BUCKET, "versioned")
    client.delete(BUCKET, "dir/b")
    world.put(client, "dir/b", 70000)
    open_upload = client.create_upload(BUCKET, "open").value("UploadId")
    client.upload_part(BUCKET, "open", open_upload, 1, body_of("open", 100_000))
    online = world.clean()
    true(online["markers"] == 2 and online["uploads"] == 1 and online["parts"] == 1, str(online))
    world.stop()
    before = {p: os.stat(p).st_mtime_ns for p in blob_files(world.data)}
    index = os.path.join(world.data, "index", "data.mdb")
    content = open(index, "rb").read()
    result = world.clean()
    true(result["versions"] >= 4 and result["blobs"] == result["blobs"] and result["read_bytes"] > 5 << 20, str(result))
    true(world.clean(None, "--fast")["read_bytes"] == 0, "--fast reads no data")
    true(content == open(index, "rb").read(), "the index was changed by a check")
    true(before == {p: os.stat(p).st_mtime_ns for p in blob_files(world.data)}, "a blob was changed by a check")
    text = world.run("check", world.data).stdout
    true("No damage was found" in text and len(text.splitlines()) < 25, text)
    client = world.start()
    same(client, bodies)


def check_during_load(world):
    """check beside a busy server finds nothing that is merely under way"""
    client = world.start()
    client.create_bucket(BUCKET)
    client.create_bucket("other-bucket")
    end = threading.Event()

    def load(number):
        mine, rng = world.client(), random.Random(number)
        while not end.is_set():
            key = f"k{rng.randrange(60)}"
            what = rng.random()
            if what < 0.3:
                mine.delete(BUCKET, key)
            elif what < 0.4:
                mine.copy("other-bucket", key, BUCKET, key)
            elif what < 0.45:
                upload = mine.create_upload(BUCKET, key).value("UploadId")
                etag = mine.upload_part(BUCKET, key, upload, 1, rng.randbytes(40_000)).etag
                if rng.random() < 0.5:
                    mine.abort_upload(BUCKET, key, upload)
                else:
                    mine.complete_upload(BUCKET, key, upload, [(1, etag)])
            else:
                mine.put(BUCKET, key, rng.randbytes(rng.choice([100, 17_000, 90_000])))

    threads = [threading.Thread(target=load, args=(n,), daemon=True) for n in range(3)]
    for t in threads:
        t.start()
    until = time.monotonic() + 16  # past the rest of garbage, so that the collector works, too
    checks = 0
    while time.monotonic() < until or checks < 6:
        world.clean()
        checks += 1
    end.set()
    for t in threads:
        t.join()
    world.stop()
    world.clean()


def rot_01_a_flipped_bit(world):
    """ROT-01: a flipped bit in a blob: the object is named, no wrong byte is delivered, the rest can be read"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    blob, = world.put(client, "victim", BIG)
    world.put(client, "bystander", BIG)
    true(client.copy(BUCKET, "copy", BUCKET, "victim").ok, "copy")
    body = body_of("victim", BIG)
    world.stop()
    flip(blob, 4096 + 2 * BLOCK + 77)
    findings = world.check(code=1)
    named = {f["key"] for f in found(findings, "object")}
    true(named == {"victim", "copy"}, f"named: {named}")
    true(len(found(findings, "blob", blob=os.path.basename(blob))) == 1, str(findings))
    world.clean(None, "--fast")
    client = world.start()
    true(get_safely(client, "victim") in (None, body), "wrong bytes under a 200")
    true(get_safely(client, "victim") is None, "a bad block was delivered")
    true(get_safely(client, "copy") is None, "a bad block was delivered by a copy")
    true(get_safely(client, "victim", {"range": "bytes=0-999"}) == body[:1000], "a good range cannot be read")
    bad = {"range": f"bytes={2 * BLOCK}-{2 * BLOCK + 100}"}
    true(get_safely(client, "victim", bad) is None, "a bad range was delivered")
    true(client.head(BUCKET, "victim").ok, "HEAD")
    true(client.copy(BUCKET, "late-copy", BUCKET, "victim").ok or True, "a copy by reference, or an error")
    true(get_safely(client, "late-copy") is None, "a copy made it good")  # ROT-06
    true(get_safely(client, "bystander") == body_of("bystander", BIG), "another object suffers")
    world.stop()


def rot_01_each_page(world):
    """ROT-01: a bit in each 4 KiB of a blob's file, header and tables included"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    blob, = world.put(client, "victim", 150_000)
    body = body_of("victim", 150_000)
    world.stop()
    size = os.path.getsize(blob)
    places = [20, 60] + list(range(4096 + 5, size, 4096)) + [size - 10, size - 100]
    client = world.start()
    for place in places:
        flip(blob, place)
        true(get_safely(client, "victim") in (None, body), f"wrong bytes with byte {place}")
        flip(blob, place)
    true(get_safely(client, "victim") == body, "it is as it was")
    world.stop()
    for place in (20, 60, 4096 + 5, size - 10, size - 70):
        flip(blob, place)
        true(found(world.check(code=1), "object", key="victim"), f"byte {place} is not found")
        flip(blob, place)
    world.clean()


def rot_02_files(world):
    """ROT-02: blobs cut, extended, emptied, swapped, removed: each is found and named"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    blobs = {}
    for key in ("cut", "longer", "empty", "zeros", "swap-1", "swap-2", "gone", "good"):
        blobs[key], = world.put(client, key, 100_000)
    world.stop()
    size = os.path.getsize(blobs["cut"])
    os.truncate(blobs["cut"], size - 1000)
    with open(blobs["longer"], "ab") as f:
        f.write(b"more")
    os.truncate(blobs["empty"], 0)
    with open(blobs["zeros"], "r+b") as f:
        f.write(bytes(size))
    os.rename(blobs["swap-1"], blobs["good"] + ".x")
    os.rename(blobs["swap-2"], blobs["swap-1"])
    os.rename(blobs["good"] + ".x", blobs["swap-2"])
    os.unlink(blobs["gone"])
    for args in ([], ["--fast"]):
        findings = world.check(*args, code=1)
        named = {f["key"] for f in found(findings, "object")}
        true(named == set(blobs) - {"good"}, f"named: {named}")
        missing, = found(findings, "object", key="gone")
        true("missing" in missing["what"], str(missing))
    client = world.start()
    for key in blobs:
        true(get_safely(client, key) in ((body_of(key, 100_000),) if key == "good" else (None,)), key)
    world.stop()


def small_object_rots(world):
    """a record of the index rots: the key is named, reads of it fail, all else goes on"""
    client = world.start(args=["--scrub-rate", "0", "--snapshot-interval", "0"])
    client.create_bucket(BUCKET)
    world.put(client, "small-victim", 900)
    for i in range(20):
        world.put(client, f"neighbour-{i}", 500)
    world.stop()
    index = os.path.join(world.data, "index", "data.mdb")
    content = open(index, "rb").read()
    places = [m.start() for m in re.finditer(re.escape(b"osmall-victim\0"), content)]
    true(places, "the record was not found")
    for place in places:
        flip(index, place + 300)
    findings = world.check(code=1)
    true(found(findings, "index", key="small-victim"), str(findings))
    client = world.start()
    true(get_safely(client, "small-victim") is None, "a damaged record was delivered")
    true(client.get(BUCKET, "small-victim").status == 500, "a 500 was expected")
    true(get_safely(client, "neighbour-7") == body_of("neighbour-7", 500), "a neighbour suffers")
    world.stop()


def broken_index(world):
    """LDB-04 LDB-06: an index cut short, overwritten, without headers: said, without a crash"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    for i in range(300):
        client.put(BUCKET, f"key-{i:04}", body_of(str(i), 700))
    world.stop()
    index = os.path.join(world.data, "index", "data.mdb")
    whole = open(index, "rb").read()
    used = world.check()[-1]["pages"] * 4096

    def broken(content, text):
        with open(index, "wb") as f:
            f.write(content)
        findings = world.check(code=1)
        true(findings[-1]["result"] == "damaged" and found(findings, "index"), f"{text}: {findings[-1]}")

    broken(whole[:used // 2], "cut short")
    broken(b"", "empty")
    broken(bytes(8192) + whole[8192:], "no headers")
    broken(bytes(4096) + whole[4096:], "one header")
    rng = random.Random(1)
    for turn in range(12):
        page = rng.randrange(2, used // 4096)
        rubbish = rng.choice([bytes(4096), rng.randbytes(4096), whole[8192:12288]])
        content = whole[:page * 4096] + rubbish + whole[(page + 1) * 4096:]
        with open(index, "wb") as f:
            f.write(content)
        done = world.run("check", world.data, "--json", code=None)
        true(done.returncode in (0, 1), f"page {page}: {done.returncode} {done.stderr}")  # 0: a free page
        true('"crash"' not in done.stdout, f"page {page}: it crashed")
    with open(index, "wb") as f:
        f.write(whole)
    world.clean()
    true(world.run("check", world.path("nothing"), code=2).stderr, "a line of error")


def ops_04_orphans(world):
    """OPS-04 OPS-06: an older index under newer blobs: orphans and foreign names are told, and moved, never removed"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    world.put(client, "old", BIG)
    world.stop()
    shutil.copytree(os.path.join(world.data, "index"), world.path("index"))
    client = world.start(args=["--scrub-rate", "0"])
    orphan, = world.put(client, "new", BIG)
    world.stop()
    client = world.start(args=["--scrub-rate", "0"])
    latest, = world.put(client, "newer", BIG)  # the mark passes what the run before left
    deadline = time.monotonic() + 10
    world.stop()
    client = world.start(args=["--scrub-rate", "0"])
    world.put(client, "newest", BIG)
    while time.monotonic() < deadline and not os.path.exists(os.path.join(world.data, "blobs", "unsettled")):
        time.sleep(0.05)
    world.stop()
    shutil.rmtree(os.path.join(world.data, "index"))
    shutil.copytree(world.path("index"), os.path.join(world.data, "index"))
    os.mkdir(os.path.join(world.data, "blobs", "lost+found"))
    foreign = os.path.join(os.path.dirname(orphan), "notes.txt~")
    with open(foreign, "w") as f:
        f.write("mine")
    findings = world.check()
    blobs = {f["blob"] for f in found(findings, "orphan")}
    true(os.path.basename(orphan) in blobs, f"orphans: {blobs}")
    true({f["path"].rsplit("/")[-1] for f in found(findings, "foreign")} == {"lost+found", "notes.txt~"}, str(findings))
    done = world.run("check", world.data, "--repair")
    true(f"move the blob {os.path.basename(orphan)}" in done.stdout, done.stdout)
    true(os.path.getsize(os.path.join(world.data, "found", os.path.basename(orphan))) > BIG, "it was not kept")
    true(os.path.exists(foreign) and not os.path.exists(orphan), "moved, and nothing else")
    true(world.check()[-1]["orphan"] == 0, "no orphan is left")
    client = world.start()
    same(client, {"old": body_of("old", BIG)})
    world.stop()
    world.run("check", world.data, "--repair")  # nothing to do
    world.start()
    world.run("check", world.data, "--repair", code=2)  # a server has it
    world.stop()


# ---- scrubber ----

def scrubber_marks(world):
    """the scrubber finds a damaged blob, marks it, and takes the mark away when it is good again"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    blob, = world.put(client, "victim", BIG)
    for i in range(30):
        world.put(client, f"other-{i}", 50_000)
    world.stop()
    name = os.path.basename(blob)
    flip(blob, 4096 + 100)
    client = world.start(args=["--scrub-rate", "1000"])
    world.pail.says("all blobs were read", 20)
    log = world.pail.whole_log()
    true(f"the blob {name} is damaged" in log and f"written for {BUCKET}/victim" in log, log)
    mark, = found(world.check(code=1), "marked")
    true(mark["blob"] == name, str(mark))
    true(os.path.exists(blob), "it was removed")
    world.stop()
    flip(blob, 4096 + 100)
    true(len(found(world.check(), "marked")) == 1, "the mark stays until it is looked at again")
    client = world.start(args=["--scrub-rate", "1000", "--scrub-interval", "0"])
    world.pail.says("is good again", 20)
    same(client, {"victim": body_of("victim", BIG)})
    world.clean()
    world.stop()


def read_marks(world):
    """ROT-01: a read that meets a damaged block: logged, marked, and the object stays, without a scrubber"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    blob, = world.put(client, "victim", BIG)
    world.put(client, "unread", BIG)
    flip(blob, 4096 + 100)
    true(get_safely(client, "victim") is None, "a bad block was delivered")
    name = os.path.basename(blob)
    world.pail.says(f"the blob {name} is damaged", 20)
    wait_for(lambda: found(world.check(code=1), "marked", blob=name), "the mark")
    time.sleep(2.5)
    true(world.pail.whole_log().count("is damaged") == 1, "told more than once")
    true(os.path.exists(blob), "it was removed")
    world.stop()


def scrubber_resumes(world):
    """the scrubber keeps its pace and goes on where it was after kill -9"""
    client = world.start(args=["--scrub-rate", "1"])
    client.create_bucket(BUCKET)
    for i in range(8):
        world.put(client, f"k{i}", 1 << 20)
    time.sleep(1)
    world.stop()
    began = time.monotonic()
    client = world.start(args=["--scrub-rate", "1"])  # 8 MiB would take 8 s
    time.sleep(5)
    faster = "all blobs were read" in world.pail.whole_log()
    true(not faster or time.monotonic() - began > 8, "it is faster than it was told to be")
    world.stop()
    client = world.start(args=["--scrub-rate", "1000"])
    world.pail.says("all blobs were read", 20)
    line = re.search(r"all blobs were read: (\d+), (\d+) MiB, 0 of them", world.pail.whole_log())
    true(line and 8 <= int(line.group(1)) <= 10, world.pail.whole_log())  # those at which it stopped are read again
    same(client, {"k3": body_of("k3", 1 << 20)})
    world.stop()


# ---- backup ----

def ops_03_backup_under_load(world):
    """OPS-03: backups under load, each verified; restored: every object is one that was written, none is missing"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    end = threading.Event()
    acked, begun = {}, {}

    def load(number):
        mine, rng, turn = world.client(), random.Random(number), 0
        while not end.is_set():
            key, turn = f"w{number}-{rng.randrange(12)}", turn + 1
            begun[key] = turn
            mine.put(BUCKET, key, f"{key} {turn} ".encode() + rng.randbytes(rng.choice([50, 20_000, 120_000])))
            acked[key] = turn

    threads = [threading.Thread(target=load, args=(n,), daemon=True) for n in range(3)]
    for t in threads:
        t.start()
    dest = world.path("backup")
    time.sleep(11)  # from now on the collector removes what was overwritten
    for _ in range(5):
        before = dict(acked)
        world.run("backup", world.data, dest)
        after = dict(begun)
        world.clean(dest)
        time.sleep(0.4)
    end.set()
    for t in threads:
        t.join()
    world.stop()
    out = world.run("restore", dest, world.path("restored")).stdout
    true("no damage" in out, out)
    world.run("restore", dest, world.path("restored"), code=1)  # not into what is there
    client = world.start(data=world.path("restored"))
    for key, turn in before.items():
        reply = client.get(BUCKET, key)
        name, written, _ = reply.body.split(b" ", 2)
        true(reply.ok and name.decode() == key, f"{key}: {reply}")
        true(turn <= int(written) <= after[key], f"{key}: turn {written}, not {turn} to {after[key]}")
    world.put(client, "after-the-restore", BIG)
    world.stop()
    world.clean(world.path("restored"))


def backup_again(world):
    """a second backup adds what is new alone; what is no longer needed goes; other data is refused"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    bodies = everything(world, client)
    for i in range(40):
        world.put(client, f"k{i}", 40_000)
    dest = world.path("backup")
    first = world.run("backup", world.data, dest, "--copy", "--verify").stdout
    true("IS INCLUDED" in first and "Verified" in first, first)
    world.put(client, "late", BIG)
    client.delete(BUCKET, "k3")
    second = world.run("backup", world.data, dest, "--copy").stdout
    true("New: 0 linked, 1 copied" in second, second)
    true(not set(os.stat(p).st_ino for p in blob_files(dest)) & set(os.stat(p).st_ino for p in blob_files(world.data)),
         "--copy shares files")
    wait_for(lambda: world.check()[-1]["waiting"] == 0, "the garbage to go", 30)
    third = world.run("backup", world.data, dest, "--without-key").stdout
    true("No longer needed: 1" in third and "NOT included" in third, third)
    true(not os.path.exists(os.path.join(dest, "pail.key")), "the key is in it")
    world.clean(dest)
    other = world.path("other")
    os.mkdir(other)
    world.stop()
    client = world.start(data=other)
    client.create_bucket(BUCKET)
    world.stop()
    world.run("backup", other, dest, code=1)
    done = subprocess.run([default_binary(), "server", dest, "--address", "127.0.0.1:0"], capture_output=True, text=True,
                          timeout=30)
    true(done.returncode == 1, "a backup was served as data")
    restored = world.path("restored")
    out = world.run("restore", dest, restored).stdout
    true("no master key" in out, out)
    shutil.copy(os.path.join(world.data, "pail.key"), restored)
    client = world.start(data=restored)
    same(client, bodies)
    world.stop()


def dur_09_kill_the_backup(world):
    """DUR-09: kill -9 of a backup at random moments leaves the one before whole"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    rng, dest = random.Random(5), world.path("backup")
    for i in range(60):
        world.put(client, f"k{i}", 30_000)
    world.run("backup", world.data, dest)
    killed = turn = 0
    while turn < 12 or (killed < 4 and turn < 100):
        turn += 1
        for i in range(30):
            client.put(BUCKET, f"k{rng.randrange(60)}", rng.randbytes(25_000))
        process = subprocess.Popen([default_binary(), "backup", world.data, dest, *rng.choice([[], ["--copy"]])],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        killed += process.wait() != 0
        world.clean(dest, "--fast")
    true(killed > 3, "it was faster than we")
    world.run("backup", world.data, dest, "--verify")
    world.clean()
    part = world.path("part")
    process = subprocess.Popen([default_binary(), "backup", world.data, part, "--copy"], stdout=subprocess.DEVNULL)
    time.sleep(0.004)
    process.kill()
    if process.wait() != 0 and not os.path.exists(os.path.join(part, "pail.backup")):
        world.run("restore", part, world.path("restored"), code=1)
        true(not os.path.exists(world.path("restored/pail.format")), "half a backup was restored")
    world.run("backup", world.data, part, "--verify")
    world.stop()


def rot_06_backup_of_damage(world):
    """ROT-06: a damaged object stays damaged in a backup and is named; a missing blob does not stop the rest"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    rotten, = world.put(client, "rotten", BIG)
    missing, = world.put(client, "missing", BIG)
    world.put(client, "good", BIG)
    world.stop()
    flip(rotten, 4096 + 9)
    os.unlink(missing)
    done = world.run("backup", world.data, world.path("backup"), "--copy", "--verify", code=1)
    true("integrity/rotten" in done.stdout and os.path.basename(missing) in done.stderr, done.stdout + done.stderr)
    done = world.run("restore", world.path("backup"), world.path("restored"), code=1)
    true("integrity/rotten" in done.stdout and "integrity/missing" in done.stdout, done.stdout)
    client = world.start(data=world.path("restored"))
    true(get_safely(client, "good") == body_of("good", BIG) and get_safely(client, "rotten") is None, "after restore")
    world.stop()


def tiers(world):
    """data of a storage class in a folder of its own: check, backup, restore, recovery"""
    tier, again = world.path("tier"), world.path("tier-again")
    arg = f"GLACIER_IR={tier}"
    client = world.start(args=["--scrub-rate", "1000", "--tier", arg])
    client.create_bucket(BUCKET)
    bodies = everything(world, client)
    headers = {"x-amz-storage-class": "GLACIER_IR"}
    world.put(client, "cold", BIG, headers=headers)
    bodies["cold"] = body_of("cold", BIG)
    true(len(blob_files(tier)) == 1, "it lies elsewhere")
    world.pail.says("all blobs were read", 20)
    world.run("check", world.data, code=2)
    world.clean(None, "--tier", arg)
    world.run("backup", world.data, world.path("backup"), "--verify", "--tier", arg)
    true(len(blob_files(os.path.join(world.path("backup"), "tiers", "GLACIER_IR"))) == 1, "the tier is in the backup")
    world.stop()
    world.run("restore", world.path("backup"), world.path("restored"), code=1)
    shutil.rmtree(world.path("restored"), ignore_errors=True)
    world.run("restore", world.path("backup"), world.path("restored"), "--tier", f"GLACIER_IR={again}")
    client = world.start(data=world.path("restored"), args=["--tier", f"GLACIER_IR={again}"])
    same(client, bodies)
    world.stop()
    shutil.rmtree(os.path.join(world.data, "index"))
    world.run("recover", world.data, "--tier", arg)
    client = world.start(args=["--tier", arg])
    true(get_safely(client, "cold") == bodies["cold"], "cold after recovery")
    world.stop()


# ---- recovery ----

def ldb_09_recover_with_a_snapshot(world):
    """LDB-09: the index is lost: a snapshot and the blobs bring back all that they can, and the rest is named"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    bodies = everything(world, client)
    world.put(client, "deleted-later", BIG)
    world.put(client, "replaced-later", BIG)
    world.stop()
    shutil.rmtree(os.path.join(world.data, "snapshots"), ignore_errors=True)
    client = world.start(args=["--scrub-rate", "0"])
    snapshots = os.path.join(world.data, "snapshots")
    wait_for(lambda: os.path.isdir(snapshots) and any(n.isdigit() for n in os.listdir(snapshots)), "a snapshot")
    world.put(client, "new-big", BIG)
    world.put(client, "new-small", 100)
    world.put(client, "replaced-later", BIG, turn=1)
    client.delete(BUCKET, "deleted-later")
    upload = client.create_upload(BUCKET, "new-upload").value("UploadId")
    client.upload_part(BUCKET, "new-upload", upload, 1, body_of("p", 5 << 20))
    wait_for(lambda: world.check()[-1]["waiting"] == 0, "the garbage to go", 30)
    world.stop()
    world.run("recover", world.data, code=1)  # there is nothing to recover
    index = os.path.join(world.data, "index", "data.mdb")
    with open(index, "r+b") as f:
        f.write(bytes(8192))
    done = world.run("recover", world.data).stdout
    true("cannot come back" in done and "index.damaged-" in done, done)
    result = world.clean()
    true(result["uploads"] == 1 and result["parts"] == 1, str(result))
    client = world.start()
    bodies.update({"new-big": body_of("new-big", BIG), "replaced-later": body_of("replaced-later", BIG, 1)})
    same(client, bodies)
    true(client.get(BUCKET, "deleted-later").status == 404, "a deleted object came back")
    true(client.get(BUCKET, "new-small").status == 404, "from where?")
    etag = client.list_parts(BUCKET, "new-upload", upload)
    true(b"<PartNumber>1</PartNumber>" in getattr(etag, "body", b"<PartNumber>1</PartNumber>"), "the part")
    world.put(client, "after", BIG)
    world.stop()
    world.clean()


def ldb_09_recover_from_blobs(world):
    """LDB-09: no snapshot either: customers' keys and plain objects come back from what blobs say"""
    client = world.start(args=["--scrub-rate", "0", "--snapshot-interval", "0"])
    client.create_bucket(BUCKET)
    plain = {}
    for i in range(20):
        world.put(client, f"k{i}", 30_000 + i)
        plain[f"k{i}"] = body_of(f"k{i}", 30_000 + i)
    encrypted = client.head(BUCKET, "k1").headers.get("x-amz-server-side-encryption")
    upload = client.create_upload(BUCKET, "parts").value("UploadId")
    etags = [(n, client.upload_part(BUCKET, "parts", upload, n, body_of("part", 5 << 20, n)).etag) for n in (1, 2)]
    client.complete_upload(BUCKET, "parts", upload, etags)
    etag = client.head(BUCKET, "parts").etag
    world.stop()
    shutil.copytree(world.data, world.path("second"))
    shutil.rmtree(os.path.join(world.data, "index"))
    done = world.run("recover", world.data).stdout
    true("20  objects put back" in done and "1  uploads in progress again" in done, done)
    true(("ENCRYPTED" in done) == bool(encrypted), done)
    world.clean()
    if not encrypted:
        client = world.start()
        same(client, plain)
        world.stop()
    second = world.path("second")
    shutil.rmtree(os.path.join(second, "index"))
    world.run("recover", second, "--complete-uploads")
    world.clean(second)
    client = world.start(data=second)
    true(client.head(BUCKET, "parts").etag == etag, "another ETag")
    world.stop()


def damaged_snapshot(world):
    """a damaged snapshot is passed over for an older one; snapshots are kept in number"""
    client = world.start(args=["--scrub-rate", "0"])
    client.create_bucket(BUCKET)
    snapshots = os.path.join(world.data, "snapshots")
    made = lambda: sorted(n for n in os.listdir(snapshots) if n.isdigit()) if os.path.isdir(snapshots) else []  # noqa: E731
    wait_for(made, "a snapshot")
    world.put(client, "k", BIG)
    world.stop()
    first = made()[-1]
    later = str(int(first) + 1)
    shutil.copytree(os.path.join(snapshots, first), os.path.join(snapshots, later))
    os.truncate(os.path.join(snapshots, later, "data.mdb"), 9000)
    shutil.rmtree(os.path.join(world.data, "index"))
    done = world.run("recover", world.data).stdout
    true(f"the snapshot {later} is damaged" in done, done)
    for i in range(2, 7):
        shutil.copytree(os.path.join(snapshots, first), os.path.join(snapshots, str(int(first) + i - 10**10)))
    client = world.start(args=["--snapshots-kept", "100"])
    same(client, {"k": body_of("k", BIG)})
    world.stop()
    for name in made():
        if int(name) >= int(first):  # the newest is days old then: one is due
            shutil.rmtree(os.path.join(snapshots, name))
    client = world.start(args=["--snapshots-kept", "2"])
    wait_for(lambda: len(made()) == 2 and int(made()[-1]) > int(first), "old snapshots to go")
    world.stop()


def run(case, words):
    name = case.__name__.replace("_", "-")
    if words and not any(w in name or w in case.__doc__ for w in words):
        return True
    world, start = World(name), time.monotonic()
    try:
        case(world)
        report(True, f"{case.__doc__} ({time.monotonic() - start:.1f} s)")
        return True
    except Exception:
        log = world.pail.log(2000) if world.pail and world.pail.log_path else ""
        report(False, case.__doc__, f"{traceback.format_exc(limit=-5)}\n{log}")
        return False
    finally:
        world.close()


def main():
    threading.excepthook = lambda a: print(f"# {a.exc_value}")
    cases = [ops_03_backup_under_load, check_during_load, ldb_09_recover_with_a_snapshot, backup_again,
             ldb_10_check_is_clean, rot_01_a_flipped_bit, rot_01_each_page, rot_02_files, small_object_rots,
             broken_index, ops_04_orphans, scrubber_marks, read_marks, scrubber_resumes, dur_09_kill_the_backup,
             rot_06_backup_of_damage, tiers, ldb_09_recover_from_blobs, damaged_snapshot]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        good = list(pool.map(lambda case: run(case, sys.argv[1:]), cases))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
