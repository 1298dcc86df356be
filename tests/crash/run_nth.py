#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The n-th call fails: in every operation, in lifecycle rules, in the rotation of a key, in backup and restore.

    tests/crash/run_nth.py [word]       only cases whose title contains the word

run_faults.py has the n-th change of the data folder in every operation, by EIO and ENOSPC. Here are the other ways
(descriptors, short writes, sends, memory, maps) and the other scenarios. Memory that runs out ends a process, by
design: then it says why, and after the next start nothing that it promised is missing.

PAIL_CRASH_TRIES: how many n of each way are tried, at random (4); 0: every one. PAIL_CRASH_SEED: to repeat a run.
"""
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import envtrap  # noqa: E402
import iotrap  # noqa: E402
import s3client  # noqa: E402
from cases import titled  # noqa: E402
from pail import default_binary  # noqa: E402
from rig import SEED  # noqa: E402
from run_faults import BUCKET, LARGE, Faults, attempt, operations, run, run_all, succeeded  # noqa: E402
from workload import BROKEN, Wrong, check_clean  # noqa: E402

TRIES = int(os.environ.get("PAIL_CRASH_TRIES", "4"))
OPENS = iotrap.OPEN | iotrap.CREATE
WRITES = iotrap.WRITE | iotrap.DSYNC_WRITE
FAR = 1 << 40  # calls; none comes so late
_cases, case = titled()


class Traps:
    """iotrap and envtrap below one process."""

    def __init__(self, folder, root):
        self.io, self.env = iotrap.Trap(folder, root), envtrap.EnvTrap(folder)

    def environment(self):
        io = self.io.environment()
        return {**io, **self.env.environment(), "LD_PRELOAD": f"{io['LD_PRELOAD']}:{envtrap.library()}"}

    def clear(self):
        self.io.clear()
        for name in ("fail_allocation", "fail_thread", "fail_map", "fail_random"):
            setattr(self.env.control, name, 0)


class Calls:
    """One way to fail the n-th call (from 0) of a kind."""
    memory = False

    def __init__(self, label, calls, error=0, action=iotrap.ERROR, path=""):
        self.label, self.calls, self.path = label, calls, path
        self.value, self.action = (error, action)

    def arm(self, traps, n):
        traps.io.set(0, self.calls, self.action, self.value, skip=n, times=1, path=self.path)

    def seen(self, traps):
        return traps.io.seen()

    def hit(self, traps):
        return traps.io.hits() > 0


class Memory:
    """As Calls, for what envtrap counts."""
    memory = True

    def __init__(self, label, counter):
        self.label, self.counter = label, counter

    def arm(self, traps, n):
        setattr(traps.env.control, self.counter, n + 1)

    def seen(self, traps):
        return FAR + 1 - getattr(traps.env.control, self.counter)

    def hit(self, traps):
        return getattr(traps.env.control, self.counter) <= 0


EIO = Calls("EIO in a change", iotrap.CHANGES, errno.EIO)
ENOSPC = Calls("ENOSPC", iotrap.GROWS, errno.ENOSPC)
EMFILE = Calls("EMFILE", OPENS, errno.EMFILE)
SHORT = Calls("a short write", WRITES, 100, iotrap.SHORT)
UNREADABLE = Calls("EIO in a read", iotrap.READ, errno.EIO)
MALLOC = Memory("ENOMEM of malloc", "fail_allocation")
MMAP = Memory("ENOMEM of mmap", "fail_map")


def chosen(count, way, name):
    """The n that are tried of so many."""
    if TRIES == 0 or count <= TRIES:
        return range(count)
    return sorted(random.Random(f"{SEED}-{way.label}-{name}").sample(range(count), TRIES))


# --- the server ---------------------------------------------------------------------------

class Server(Faults):
    """As Faults; it may also run out of memory and maps, whereupon it is started again."""

    def prepare(self):
        self.traps, self.ends, self.restarts = Traps(self.rig.folder, self.root()), 0, 0
        self.trap = self.rig.trap = self.traps.io
        self.rig.pail.env.update(self.traps.environment())

    def root(self):
        return self.rig.data

    def says_why(self):
        """Whether it has said what it ends for."""
        log = self.rig.pail.whole_log()
        return "out of memory" in log or "this must be true" in log

    def ended(self, way, hit, broken=False):
        """True when the last fault ended the process; it is there again then. `broken`: a connection did end."""
        process, begun = self.rig.pail.process, time.monotonic()
        while way.memory and process.poll() is None and time.monotonic() - begun < 20:
            if not broken and not self.says_why() and time.monotonic() - begun > 0.2 * hit:
                break
            time.sleep(0.005)  # an abort writes its reason first
        if process.poll() is None:
            return False
        if not way.memory or process.returncode != -signal.SIGABRT:
            raise Wrong(f"the server died, code {process.returncode}")
        if not self.says_why():
            raise Wrong("the server did not say why it ended")
        self.rig.client.close()
        self.rig.start()
        self.ends += 1
        return True

    def sees(self, way, send):
        """How many calls of the kind the sending takes."""
        way.arm(self.traps, FAR)
        reply = attempt(send)
        count = way.seen(self.traps)
        self.traps.clear()
        return reply, count

    def after(self, way, reply, changes, hit=False):
        """What was promised is there; what was not is wholly there or not at all; and writes work again."""
        ended = self.ended(way, hit, reply is None)
        if reply is None and not ended and (way.memory or way.calls != iotrap.SEND):
            raise Wrong("the connection broke instead of an answer")
        if reply is not None and succeeded(reply):
            self.keys.update(changes)
            changes = None
        elif reply is not None and not (reply.status == 200 and b"<Error>" in reply.body):
            self.failed(reply)
        if self.client.list_page(BUCKET).status == 503:  # the outcome is open until the restart
            self.rig.restart()
            self.restarts += 1
        self.check(changes)
        self.restarts += self.recovered()


def every_way(f, ways, names=None):
    hits = 0
    for name, make in operations(f).items():
        if names and name not in names:
            continue
        for way in ways:
            prepare_keys(f)
            send, changes = make()
            reply, count = f.sees(way, send)
            f.after(way, reply, changes)
            for n in chosen(count, way, name):
                prepare_keys(f)
                send, changes = make()
                way.arm(f.traps, n)
                reply = attempt(send)
                hit = way.hit(f.traps)
                hits += hit
                f.traps.clear()
                try:
                    f.after(way, reply, changes, hit)
                except Wrong as wrong:
                    raise Wrong(f"{name}, {way.label}, call {n}: {wrong}") from None
    if not hits:
        raise Wrong("nothing was made to fail")
    return f"{hits} faults, {f.ends} ends, {f.restarts} restarts"


def prepare_keys(f):
    f.keys.setdefault("copy", None)
    f.keys.setdefault("multi", None)
    for key, size in (("small", 700), ("large", LARGE)):
        if f.keys.get(key) is None:
            f.put(key, f.body(size))


@case("IOE-04 IOE-06: EMFILE, a short write, a failing send as the n-th call of every operation")
def operations_io(f):
    note = every_way(f, [EMFILE, SHORT, Calls("EPIPE of a send", iotrap.SEND, errno.EPIPE)])
    check_clean(f.rig.data, left_overs=True)
    return note


@case("IOE-07: malloc and mmap fail as the n-th call of every operation")
def operations_memory(f):
    note = every_way(f, [MALLOC, MMAP])
    check_clean(f.rig.data, left_overs=True)
    return note


@case("CAP-04 IOE-11: no map can be had while the index grows", args=["--index-map-mib", "1"])
def no_map(f):
    either = {}
    f.traps.env.control.fail_map = 1
    for number in range(300):
        if f.traps.env.control.fail_map <= 0:
            f.traps.env.control.fail_map = 1
        key, body = f"key-{number:04}", f.body(10_000)
        reply = attempt(lambda: f.client.put(BUCKET, key, body))
        if reply is not None and reply.ok:
            f.keys[key] = body
        else:
            either[key] = body
            if reply is not None:
                f.failed(reply)
            else:
                f.traps.clear()
                f.rig.pail.process.wait(20)
                f.ended(MMAP, True)
    f.traps.clear()
    f.rig.restart()
    f.check(either)
    f.works()


# --- lifecycle ----------------------------------------------------------------------------

def rule(name, action):
    return f"<Rule><ID>{name}</ID><Filter><Prefix>{name}/</Prefix></Filter><Status>Enabled</Status>{action}</Rule>"


RULES = ("<LifecycleConfiguration>" + rule("exp", "<Expiration><Days>1</Days></Expiration>")
         + rule("moved", "<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>")
         + "</LifecycleConfiguration>").encode()


class Lifecycle(Server):
    """A day takes a second; objects of a class lie in a folder of their own."""

    def __init__(self, name, args=(), data=None):
        super().__init__(name, ["--lifecycle-day", "1"], data)
        reply = self.client.request("PUT", BUCKET, None, ["lifecycle"], RULES,
                                    {"content-md5": s3client.content_md5(RULES)})
        self.must(reply)
        self.turn = 0

    def prepare(self):
        self.tier = os.path.join(self.rig.folder, "tier")
        os.mkdir(self.tier)
        self.rig.pail.args += ["--tier", f"GLACIER_IR={self.tier}"]
        super().prepare()

    def root(self):
        return self.rig.folder

    def left(self):
        """Objects that rules have still to do with; what is there has its bytes."""
        left = []
        for key, body in self.keys.items():
            reply = self.client.get(BUCKET, key)
            if reply.status == 503:
                raise Wrong("the outcome of a commit is open")
            gone = key.startswith("exp/") and reply.status == 404
            if not gone and (reply.status != 200 or reply.body != body):
                raise AssertionError(f"{key}: {reply!r}")
            there = key.startswith("exp/") and not gone
            stays = key.startswith("moved/") and reply.headers.get("x-amz-storage-class") != "GLACIER_IR"
            left += [key] if there or stays else []
        return left

    def round(self, way, arm):
        """New objects, faults, and after them the rules come to their end."""
        self.turn += 1
        for key in [k for k in self.keys if k.startswith("exp/")]:
            del self.keys[key]
        for kind, count in (("exp", 4), ("moved", 3)):
            for i in range(count):
                self.put(f"{kind}/{self.turn}-{i}", self.body(LARGE if i % 2 or kind == "moved" else 500))
        arm()
        until = time.monotonic() + 3.2  # that long a restless worker has to meet the faults
        while time.monotonic() < until and self.rig.pail.process.poll() is None:
            try:
                if not self.left():
                    break
            except (Wrong, *BROKEN):
                break
            time.sleep(0.1)
        hits = sum(self.traps.io.hits(i) for i in range(iotrap.RULES))
        hits += way.memory and way.hit(self.traps)
        self.traps.clear()
        self.ended(way, hits > 0)
        self.finish()
        return hits

    def finish(self):
        deadline, restarted = time.monotonic() + 20, False
        while True:
            try:
                if not self.left():
                    break
            except Wrong:
                if restarted:
                    raise
            if time.monotonic() > deadline:
                raise Wrong(f"rules left {self.left()}")
            if not restarted and (time.monotonic() > deadline - 16 or not self.client.put(BUCKET, "exp/probe", b"").ok):
                self.rig.restart()
                self.restarts, restarted = self.restarts + 1, True
            time.sleep(0.1)
        self.put("keep", self.body(LARGE))


def many(f, way, rng):
    """Eight faults of a kind at once, for a round of a rule takes a second."""
    def arm():
        for i in range(iotrap.RULES):
            f.traps.io.set(i, way.calls, way.action, way.value, skip=rng.randrange(60), times=1)
    return arm


@case("IOE-01 IOE-02 IOE-06 IOE-07: calls fail while lifecycle rules expire and move objects", kind=Lifecycle)
def lifecycle(f):
    hits, rng = 0, random.Random(f"{SEED}-lifecycle")
    if TRIES:
        for way in (EIO, ENOSPC, EMFILE):
            hits += f.round(way, many(f, way, rng))
        hits += f.round(MALLOC, lambda: MALLOC.arm(f.traps, rng.randrange(1500)))
    else:
        for way in (EIO, ENOSPC, EMFILE, SHORT, UNREADABLE):
            for n in range(120):
                hit = f.round(way, lambda: way.arm(f.traps, n))
                hits += hit
                if not hit:
                    break
        for way in (MALLOC, MMAP):
            for n in range(0, 3000, 17):
                hits += f.round(way, lambda: way.arm(f.traps, n))
    if not hits:
        raise Wrong("nothing was made to fail")
    check_clean(f.rig.data, ["--tier", f"GLACIER_IR={f.tier}"], left_overs=True)
    return f"{hits} faults, {f.ends} ends, {f.restarts} restarts"


@case("CAP-07: a rule removes thousands of objects: others are served meanwhile", kind=Lifecycle)
def many_expire(f):
    count, writers = (2000, 4) if TRIES else (40_000, 8)

    def fill(number):
        client = f.other_client()
        for i in range(number, count, writers):
            f.must(client.put(BUCKET, f"exp/many-{i:06}", b"x" * 300))

    threads = [threading.Thread(target=fill, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    f.put("moved/late", f.body(LARGE))
    slowest, deadline = 0.0, time.monotonic() + 60 + count / 100
    while f.client.list_page(BUCKET, "exp/", max_keys=1).values("Key"):
        began = time.monotonic()
        f.put("probe", f.body(2000))
        if f.client.get(BUCKET, "probe").body != f.keys["probe"]:
            raise Wrong("a read of other bytes")
        slowest = max(slowest, time.monotonic() - began)
        if time.monotonic() > deadline:
            raise Wrong("the rule does not come to its end")
    if slowest > 4:
        raise Wrong(f"a PUT and a GET took {slowest:.2f} s")
    return f"{count} objects, the slowest PUT and GET {slowest * 1000:.0f} ms"


# --- keys ---------------------------------------------------------------------------------

MINE = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "mine"}


class Keys(Server):
    """Objects under a key with a name."""

    def __init__(self, name, args=(), data=None):
        super().__init__(name, args, data)
        self.ask("POST", "v1/keys", b'{"name": "mine"}')
        for i in range(40):
            body = self.body(20_000 if i % 10 == 0 else 300)
            self.must(self.client.put(BUCKET, f"sealed-{i}", body, MINE))
            self.keys[f"sealed-{i}"] = body

    def ask(self, method, path, body=b""):
        reply = self.must(self.client.request(method, "pail", path, body=body))
        return json.loads(reply.body)

    def version(self):
        return self.ask("GET", "v1/keys/mine")

    def rotated(self, reply):
        """Everything can be read; the rotation, if it began, comes to its end."""
        before, began, restarted = self.last, time.monotonic(), False
        self.check()
        now = self.version()
        while now["resealing"]:
            if time.monotonic() > began + 20:
                raise Wrong(f"still at it: {now}")
            if not restarted and time.monotonic() > began + 2:  # what failed is tried again after a minute
                self.rig.restart()
                self.restarts, restarted = self.restarts + 1, True
            time.sleep(0.02)
            now = self.version()
        if now["current"] < before + (reply is not None and reply.ok):
            raise Wrong(f"version {before} became {now['current']}, the answer was {reply!r}")
        self.last = now["current"]

    def rotate(self):
        return self.client.request("POST", "pail", "v1/keys/mine/rotate")


@case("IOE-01 IOE-02 IOE-06 IOE-07: the n-th call of the rotation of a key fails", kind=Keys)
def rotation(f):
    hits, f.last = 0, f.version()["current"]
    for way in (EIO, ENOSPC, EMFILE, SHORT, MALLOC, MMAP):
        way.arm(f.traps, FAR)
        f.must(f.rotate())
        f.rotated(None)
        count = way.seen(f.traps)
        f.traps.clear()
        for n in chosen(count, way, "rotation"):
            way.arm(f.traps, n)
            reply = attempt(f.rotate)
            time.sleep(0.05)  # the rest is done in the background
            hit = way.hit(f.traps)
            hits += hit
            f.traps.clear()
            try:
                after_rotation(f, way, reply, hit)
            except Wrong as wrong:
                raise Wrong(f"{way.label}, call {n}: {wrong}") from None
    check_clean(f.rig.data, left_overs=True)
    return f"{hits} faults, {f.ends} ends, {f.restarts} restarts"


def after_rotation(f, way, reply, hit):
    ended = f.ended(way, hit, reply is None)
    if reply is None and not ended:
        raise Wrong("the connection broke instead of an answer")
    if reply is not None and not reply.ok and reply.status not in (500, 503, 507):
        raise Wrong(f"an answer that is no clear error: {reply!r}")
    f.restarts += f.recovered()
    f.rotated(reply)


@case("IOE-01 IOE-02 IOE-07: the n-th call of `pail key rotate --data` fails", kind=Keys)
def rotation_offline(f):
    f.last = f.version()["current"]
    f.rig.pail.stop()
    command, hits, least = Command(f), 0, f.last
    for way in (EIO, ENOSPC, EMFILE, MALLOC, MMAP):
        for n in command.numbers(way, "key", "rotate", "mine", "--data", f.rig.data):
            done, hit = command.run(way, n, "key", "rotate", "mine", "--data", f.rig.data)
            hits += hit
            least += done.returncode == 0
            check_clean(f.rig.data, ["--fast"], left_overs=True)
    f.rig.start()
    f.last = least
    f.rotated(None)
    return f"{hits} faults"


@case("IOE-07: memory ends while the keyring is written: no version of a key is missing from it", kind=Keys)
def keyring_written(f):
    f.last = f.version()["current"]
    for _ in range(8):
        f.must(f.rotate())
    f.rotated(None)
    f.rig.pail.stop()
    data, kept, command = f.rig.data, f.rig.data + "-kept", Command(f)
    shutil.copytree(data, kept)
    rotate, hits = ("key", "rotate", "mine", "--data", data), 0
    MALLOC.arm(command.traps, FAR)
    command.spawn(*rotate)
    last = MALLOC.seen(command.traps)
    for n in range(last - 280, last, 8):  # the document is written near the end
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        done, hit = command.run(MALLOC, n, *rotate)
        hits += hit
        listed = command.plain("key", "list", "--data", data)
        if "unavailable" in listed.stdout or "does not open" in listed.stdout + listed.stderr:
            raise Wrong(f"call {n} of {last}, code {done.returncode}: {listed.stdout}{listed.stderr}")
    shutil.rmtree(data)
    os.rename(kept, data)
    f.rig.start()
    return f"{hits} faults"


# --- backup and restore -------------------------------------------------------------------

class Command:
    """A command of the program, under traps of its own."""

    def __init__(self, f):
        folder = os.path.join(f.rig.folder, "command")
        os.mkdir(folder)
        self.traps = Traps(folder, f.rig.folder)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PAIL_", "MINIO_"))}
        self.env.update(self.traps.environment())

    def spawn(self, *args):
        return subprocess.run([default_binary(), *args], capture_output=True, text=True, timeout=60, env=self.env)

    def plain(self, *args):
        """Without a fault it works."""
        self.traps.clear()
        done = self.spawn(*args)
        if done.returncode != 0:
            raise Wrong(f"after the faults: {done}")
        return done

    def numbers(self, way, *args):
        """Runs it as it is; then the n that are to fail."""
        way.arm(self.traps, FAR)
        done = self.spawn(*args)
        if done.returncode != 0:
            raise Wrong(f"{' '.join(args)}: {done.returncode} {done.stdout}{done.stderr}")
        count = way.seen(self.traps)
        self.traps.clear()
        return chosen(count, way, args[0])

    def run(self, way, n, *args):
        """What became of it, and whether the fault was met. A failure says why, and no signal ends it but for want of
        memory: abort, or what libcrypto makes of that while it sets itself up."""
        way.arm(self.traps, n)
        done = self.spawn(*args)
        hit = way.hit(self.traps)
        self.traps.clear()
        aborted = way.memory and done.returncode in (-signal.SIGABRT, -signal.SIGSEGV, 127)  # 127: not even loaded
        if done.returncode not in (0, 1) and not aborted:
            raise Wrong(f"{way.label}, call {n}: code {done.returncode} {done.stdout}{done.stderr}")
        if done.returncode not in (0, -signal.SIGSEGV) and not done.stderr.strip() and not done.stdout.strip():
            raise Wrong(f"{way.label}, call {n}: it did not say why")
        return done, hit


def count_objects(folder, way, n):
    """A backup that is whole: how many objects it has."""
    done = subprocess.run([default_binary(), "check", folder, "--json", "--fast"], capture_output=True, text=True,
                          timeout=60)
    result = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    if done.returncode != 0 or any(result[kind] for kind in ("index", "rule", "object", "blob")):
        raise Wrong(f"{way.label}, call {n}: {folder}: {done.returncode} {done.stdout[:1500]}{done.stderr}")
    return result["objects"]


BACKUP_WAYS = (EIO, ENOSPC, EMFILE, SHORT, UNREADABLE, MALLOC, MMAP)


@case("IOE-01 IOE-04 IOE-06 IOE-07: the n-th call of a backup fails: the one before stays, a half one is none")
def backup(f):
    command, dest, hits, turn = Command(f), os.path.join(f.rig.folder, "backup"), 0, 0
    for more in ([], ["--copy"]):
        shutil.rmtree(dest, ignore_errors=True)
        for way in (EIO, SHORT, UNREADABLE) if TRIES and more else BACKUP_WAYS:  # what copying has beyond linking
            for n in command.numbers(way, "backup", f.rig.data, dest, *more):
                before, turn = len(f.keys), turn + 1
                f.put(f"new-{turn}", f.body(LARGE if turn % 3 else 50))
                done, hit = command.run(way, n, "backup", f.rig.data, dest, *more)
                hits += hit
                found = count_objects(dest, way, n)
                if found not in ((len(f.keys),) if done.returncode == 0 else (len(f.keys), before)):
                    raise Wrong(f"{way.label}, call {n}: {found} objects, {before} before, {len(f.keys)} now: {done}")
                if found != len(f.keys):  # so that the next one is one behind at the most
                    command.plain("backup", f.rig.data, dest, *more)
    restored = os.path.join(f.rig.folder, "restored")
    command.plain("backup", f.rig.data, dest, "--verify")
    command.plain("restore", dest, restored)
    check_clean(dest)
    f.rig.pail.kill()
    f.rig.pail.data = restored
    f.rig.start()
    f.check()
    return f"{hits} faults"


def no_backup(command, dest, way, n):
    """A first backup that failed cannot be taken for one."""
    target = dest + "-restored"
    command.traps.clear()
    done = command.spawn("restore", dest, target)
    if done.returncode == 0 or os.path.exists(os.path.join(target, "pail.format")):
        raise Wrong(f"{way.label}, call {n}: half a backup was restored: {done}")
    shutil.rmtree(target, ignore_errors=True)


@case("IOE-01 IOE-04 IOE-06 IOE-07: the n-th call of a first backup fails: it is whole or cannot be restored")
def first_backup(f):
    command, dest, hits = Command(f), os.path.join(f.rig.folder, "backup"), 0
    for way in BACKUP_WAYS:
        numbers = command.numbers(way, "backup", f.rig.data, dest)
        for n in numbers:
            shutil.rmtree(dest, ignore_errors=True)
            done, hit = command.run(way, n, "backup", f.rig.data, dest)
            hits += hit
            if done.returncode == 0 or os.path.exists(os.path.join(dest, "pail.backup")):
                if count_objects(dest, way, n) != len(f.keys):
                    raise Wrong(f"{way.label}, call {n}: not all objects are in it")
            else:
                no_backup(command, dest, way, n)
        command.plain("backup", f.rig.data, dest)  # whatever the last one left
        shutil.rmtree(dest)
    return f"{hits} faults"


@case("IOE-01 IOE-04 IOE-06 IOE-07: the n-th call of a restore fails: it says so, and a half folder is not served")
def restore(f):
    command, hits = Command(f), 0
    dest, target = (os.path.join(f.rig.folder, name) for name in ("backup", "restored"))
    command.plain("backup", f.rig.data, dest)
    for way in BACKUP_WAYS:
        numbers = command.numbers(way, "restore", dest, target)
        for n in numbers:
            shutil.rmtree(target, ignore_errors=True)
            done, hit = command.run(way, n, "restore", dest, target)
            hits += hit
            # Where it failed in the last step, the check, all is there.
            if done.returncode == 0 or os.path.exists(os.path.join(target, "pail.format")):
                if count_objects(target, way, n) != len(f.keys):
                    raise Wrong(f"{way.label}, call {n}: not all objects are in it")
        shutil.rmtree(target, ignore_errors=True)
    if count_objects(dest, EIO, 0) != len(f.keys):
        raise Wrong("the backup is not what it was")
    return f"{hits} faults"


# --- running ------------------------------------------------------------------------------

def run_case(title, function, more):
    kind = more.get("kind", Server)
    return run(title, function, {k: v for k, v in more.items() if k != "kind"}, kind)


if __name__ == "__main__":
    sys.exit(run_all(_cases, run_case))
