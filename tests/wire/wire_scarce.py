# SPDX-License-Identifier: Apache-2.0
"""Memory, threads, maps and random bytes run out, and clocks jump (IOE-07, IOE-10, IOE-11, DUR-12).

Out of memory ends the process: no request is worth the risk of going on with half of what it needed. So a request may
end without a reply; what is stored is the old or the new, and what was promised holds after the next start.
"""
import hashlib
import os
import random
import re
import signal
import subprocess
import threading

from envtrap import EnvTrap
from wire import (ACCESS_KEY, KEEP, SECRET_KEY, Group, complete_xml, default_binary, delete_xml, md5, release_binary,
                  stamp_of)

scarce = Group("scarce", plain=False)

TRIES = 24  # of the allocations of one request that fail


def ordinary(t):
    """A sanitizer has allocators and clocks of its own."""
    binary = release_binary()
    if not binary:
        t.skip("no ordinary build")
    return binary


class Trapped:
    """A server under the trap, started again when it ended."""

    def __init__(self, t):
        self.t, self.trap = t, EnvTrap(t.folder)
        self.pail = t.server(binary=ordinary(t), env=self.trap.environment())
        self.control = self.trap.control

    def __enter__(self):
        self.pail.start()
        self.bench = self.t.of(self.pail)
        return self

    def __exit__(self, *what):
        self.calm()
        self.pail.__exit__(*what)

    def calm(self):
        for name, _ in self.control._fields_:
            setattr(self.control, name, 0)

    def survive(self, label, ends=False):
        """Sees to it that there is a server. True when it had ended, which it may by abort alone, and said why."""
        self.calm()
        if self.pail.process is not None:
            try:
                code = self.pail.process.wait(20 if ends or self.bench_is_deaf() or self.says_why() else 0)
            except subprocess.TimeoutExpired:
                return False
        log = self.pail.log()
        self.t.same(f"{label}: how it ended", code, -signal.SIGABRT)
        self.t.true(f"{label}: it says why", self.says_why(), log[-300:])
        self.pail.process = None
        self.pail.start()
        self.bench = self.t.of(self.pail)
        return True

    def says_why(self):
        """Whether the server has said what it ends for."""
        log = self.pail.whole_log()
        return "out of memory" in log or "this must be true" in log

    def bench_is_deaf(self):
        return asked(self.bench, self.bench.signed("GET", "/", "max-buckets=1")) is None


def blobs(s):
    """Files of objects. Those that nothing refers to go by themselves, after a rest of ten seconds."""
    return sum(len(name) == 32 for _, _, files in os.walk(os.path.join(s.pail.data, "blobs")) for name in files)


def asked(bench, data):
    """The reply, or None where the connection ended first."""
    try:
        return bench.ask(data)
    except (AssertionError, OSError):
        return None


@scarce.case
def IOE_07_memory_runs_out(t):
    with Trapped(t) as s:
        b, pick, ends = s.bench, random.Random(7), 0
        b.put("/aaa")
        large, doc = KEEP * 30, delete_xml(["gone", "none"])
        for name in ("small", "large", "gone"):
            b.put(f"/aaa/{name}", KEEP)
        upload, parts = b.multipart("/aaa/whole", [(1, b"1" * (5 << 20)), (2, b"2")])
        operations = {
            "small PUT": (lambda b: b.signed("PUT", "/aaa/small", body=b"new"), "/aaa/small", (KEEP, b"new")),
            "large PUT": (lambda b: b.chunked("/aaa/large", large), "/aaa/large", (KEEP, large)),
            "GET": (lambda b: b.signed("GET", "/aaa/small"), "/aaa/small", (KEEP, b"new")),
            "list": (lambda b: b.signed("GET", "/aaa", "list-type=2&prefix=s"), "/aaa/small", (KEEP, b"new")),
            "delete": (lambda b: b.signed("POST", "/aaa", "delete=", body=doc, headers=[("Content-MD5", md5(doc))]),
                       "/aaa/gone", (KEEP, None)),
            "complete": (lambda b: b.signed("POST", "/aaa/whole", f"uploadId={upload}", body=complete_xml(parts)),
                         "/aaa/whole", (None, b"1" * (5 << 20) + b"2"))}
        for label, (make, path, states) in operations.items():
            before = s.control.allocations
            if label == "complete":
                count = 60  # it can be done once only
            else:
                asked(s.bench, make(s.bench))
                count = s.control.allocations - before
            t.true(f"{label}: allocates", count > 0)
            for n in sorted(pick.sample(range(1, count + 1), min(TRIES, count))):
                if label == "delete":
                    s.bench.put("/aaa/gone", KEEP)
                s.control.fail_allocation = n
                reply = asked(s.bench, make(s.bench))
                ends += s.survive(f"{label}, allocation {n}")
                got = s.bench.get(path)
                now = got.body if got.status == 200 else None
                t.true(f"{label}, allocation {n}: the old or the new", now in states, f"{got!r}")
                t.true(f"{label}, allocation {n}: a promise holds",
                       reply is None or reply.status >= 400 or b"<Error>" in reply.body or label in ("GET", "list")
                       or now == states[1], f"{reply!r}")
                t.true(f"{label}, allocation {n}: a reply is right",
                       label != "GET" or reply is None or reply.status >= 500 or reply.body in states, f"{reply!r}")
        print(f"# memory ran out {ends} times")


@scarce.case
def DUR_12_killed_for_memory_in_uploads(t):
    """Scaled: 20 rounds."""
    pick = random.Random(12)
    with Trapped(t) as s:
        s.bench.put("/aaa")
        model = {}
        for round_ in range(20):
            begun, promised = {}, {}

            def load(i, bench=s.bench, n=round_):
                for k in range(40):
                    key, body = f"{n % 4}-{i}-{k}", bytes([n + 1]) * (2000 if k % 3 else 400_000)
                    begun[key] = body
                    reply = asked(bench, bench.signed("PUT", f"/aaa/{key}", body=body))
                    if reply is None:
                        return
                    if reply.status == 200:
                        promised[key] = body
            threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
            s.control.fail_allocation = pick.randrange(20, 600)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            s.survive(f"round {round_}")
            listed = set()
            for page in range(4):
                reply = s.bench.get("/aaa", f"list-type=2&prefix={page}-")
                t.expect(f"round {round_}: list", reply, "200")
                listed |= {k.decode() for k in re.findall(rb"<Key>([^<]*)</Key>", reply.body)}
            for key in begun:
                got = s.bench.get(f"/aaa/{key}")
                now = got.body if got.status == 200 else None
                allowed = [promised[key]] if key in promised else [model.get(key), begun[key]]
                t.true(f"round {round_}: {key}", now in allowed, f"{got!r}")
                if now is None:
                    model.pop(key, None)
                else:
                    model[key] = now
            t.same(f"round {round_}: the list", listed, set(model))
        wanted = sum(len(body) > 2000 for body in model.values())
        t.true("no debris", t.wait(lambda: blobs(s) == wanted, 30), f"{blobs(s)} files, {wanted} large objects")


@scarce.case
def IOE_10_the_clock_jumps(t):
    hour, years = 3600, 10 * 365 * 86400
    with Trapped(t) as s:
        b = s.bench
        b.put("/aaa")
        upload, parts = b.multipart("/aaa/m", [(1, b"1")])
        with b.open() as kept:
            for i, shift in enumerate((0, -hour, years, 0, years, -hour)):
                s.control.wall_shift_ms = shift * 1000
                label = f"{shift} s"
                stamp = stamp_of(shift)
                for n in range(5):  # the later one wins, whatever the clock says
                    body = f"{i} {n}".encode()
                    reply = kept.send(b.signed("PUT", "/aaa/k", body=body, stamp=stamp)).reply()
                    t.expect(f"{label}: PUT", reply, "200")
                    t.same(f"{label}: GET", kept.send(b.signed("GET", "/aaa/k", stamp=stamp)).reply().body, body)
                listed = kept.send(b.signed("GET", "/aaa", "list-type=2", stamp=stamp)).reply()
                t.true(f"{label}: list", md5_hex(body).encode() in listed.body)
                if shift:
                    t.expect(f"{label}: signed by another clock", b.get("/aaa/k"), "403 RequestTimeTooSkewed")
                    link = b.presigned("GET", "/aaa/k", expires=600)
                    t.expect(f"{label}: presigned by another clock", b.ask(b.plain("GET", link)),
                             "403 AccessDenied / 403 RequestTimeTooSkewed")
                link = b.presigned("GET", "/aaa/k", expires=600, offset=shift)
                t.expect(f"{label}: presigned by this one", b.ask(b.plain("GET", link)), "200")
        s.control.wall_shift_ms = -hour * 1000
        t.expect("an upload from the future", b.complete("/aaa/m", upload, parts, stamp=stamp_of(-hour)), "200")
        s.control.wall_shift_ms = years * 1000
        t.expect("large", b.put("/aaa/large", KEEP * 30, stamp=stamp_of(years)), "200")
        s.control.wall_shift_ms = 0
        t.expect("deleted ten years earlier", b.delete("/aaa/large"), "204")
        t.true("its file goes too", t.wait(lambda: blobs(s) == 0, 30), f"{blobs(s)} files")
        s.pail.restart()
        t.expect("and after a restart", t.of(s.pail).get("/aaa/k"), "200")


def md5_hex(body):
    return hashlib.md5(body).hexdigest()


@scarce.case
def IOE_11_no_threads_maps_or_random_bytes_at_start(t):
    binary, trap = ordinary(t), EnvTrap(t.folder)
    environment = {"PATH": os.environ["PATH"], "PAIL_ROOT_USER": ACCESS_KEY, "PAIL_ROOT_PASSWORD": SECRET_KEY,
                   **trap.environment()}
    ended = {}
    for what in ("fail_thread", "fail_map", "fail_random"):
        for n in (1, 2, 3, 5, 8, 36):
            for name, _ in trap.control._fields_:
                setattr(trap.control, name, 0)
            setattr(trap.control, what, n)
            folder = os.path.join(t.folder, f"{what}-{n}")
            process = subprocess.Popen([binary, "server", folder, "--address", "127.0.0.1:0", "--console-address",
                                        "127.0.0.1:0"], env=environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                line = process.stdout.readline() + process.stdout.readline()
                if "S3 endpoint" in line:  # it needed fewer than that
                    t.true(f"{what} {n}: was not asked for", getattr(trap.control, what) > 0)
                    process.terminate()
                out, err = process.communicate(timeout=10)
            finally:
                process.kill()
            if "S3 endpoint" not in line:
                ended[what] = ended.get(what, 0) + 1
                t.true(f"{what} {n}: refused with a word", process.returncode in (1, -signal.SIGABRT) and err.strip(),
                       f"{process.returncode} {err!r}")
    t.true("threads and maps are needed", ended.get("fail_thread") and ended.get("fail_map"), f"{ended}")


@scarce.case
def IOE_11_random_bytes_fail_while_serving(t):
    """No weak ids: the process ends rather than make one."""
    with Trapped(t) as s:
        s.bench.put("/aaa")
        s.bench.put("/aaa/k", KEEP)
        for _ in range(3):
            s.control.fail_random = 1
            for i in range(200):
                if s.control.fail_random <= 0:
                    break
                asked(s.bench, s.bench.signed("POST", f"/aaa/{i}", "uploads="))
            t.true("they were asked for", s.control.fail_random <= 0)
            t.true("it ended", s.survive("random bytes", ends=True))
            t.same("and all is there", s.bench.get("/aaa/k").body, KEEP)
