# SPDX-License-Identifier: Apache-2.0
"""A suite in Python: functions marked @case, run one after another, reported as TAP.

    @case
    def puts_and_gets(t):           # t: the Run, with t.pail, t.bucket(), t.folder(), t.skip()
        equal(t.client.get(...), b"...")

    if __name__ == "__main__":
        main("sdk-something", setup)            # setup(t) prepares what all cases share

main() runs all cases against a server over http and another over https and prints
one line a case: `ok - https: puts_and_gets` or `not ok - ...` with the reason below
it. Give words on the command line to run only the cases whose name contains one.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import pail as pail_module
from pail import Pail, TEST_DIR, BUILD, ROOT  # noqa: F401 (suites import them from here)

CASE_SECONDS = 180
_cases = []


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


def case(function):
    """Marks a test case; its name is its title."""
    _cases.append(function)
    return function


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what}: expected {short(expected)}, got {short(actual)}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def contains(whole, part, what="text"):
    if part not in whole:
        raise AssertionError(f"{what}: {short(part)} is not in {short(whole, 1500)}")


def wait_for(condition, what="it", seconds=20):
    """Until it answers something that counts as true; returns that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        true(time.monotonic() < deadline, f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return found


def short(value, limit=400):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def report(ok, name, detail="", skip=None):
    """One TAP line; the detail goes below it as comments."""
    line = f"{'ok' if ok else 'not ok'} - {name}"
    if skip is not None:
        line += f" # SKIP {skip}"
    print(line)
    for text in detail.rstrip().splitlines():
        print(f"#   {text}")
    sys.stdout.flush()


def pattern(size, seed=1):
    """Bytes that differ everywhere, so that a block in the wrong place shows."""
    import random
    return random.Random(seed).randbytes(size)


class Run:
    """What a case is given: a server, a place for files, names for buckets."""

    def __init__(self, suite, pail):
        self.suite = suite
        self.pail = pail
        self.scheme = "https" if pail.tls else "http"
        self.case_name = "setup"
        self._made = []
        self._buckets = 0

    def bucket_name(self):
        """A name that no other case uses."""
        self._buckets += 1
        base = re.sub(r"[^a-z0-9]+", "-", self.case_name.lower())[:40].strip("-")
        unique = f"-{os.getpid()}" if self.pail.external else ""
        return f"{base}-{self.scheme}{unique}-{self._buckets}"

    def folder(self):
        """A fresh folder, gone when the suite ends."""
        path = tempfile.mkdtemp(prefix=f"files-{self.suite}-", dir=TEST_DIR)
        self._made.append(path)
        return path

    def skip(self, why):
        raise Skip(why)

    def command(self, *args, env=None, stdin=None, cwd=None, ok=True, timeout=CASE_SECONDS):
        """Runs a program; its failure is the case's failure unless ok=False. Returns the finished process."""
        done = subprocess.run([str(a) for a in args], env=env, input=stdin, cwd=cwd, capture_output=True,
                              timeout=timeout, text=not isinstance(stdin, bytes))
        if ok and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, args))[:300]}\nended with code {done.returncode}\n"
                                 f"{short_output(done.stdout)}\n{short_output(done.stderr)}")
        return done

    def clean(self):
        for path in self._made:
            shutil.rmtree(path, ignore_errors=True)


def short_output(text):
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return text if len(text) < 3000 else text[:1500] + "\n...\n" + text[-1500:]


def _on_alarm(_number, _frame):
    raise TimeoutError(f"the case took more than {CASE_SECONDS} s")


def _run_one(run, function, title):
    start = time.monotonic()
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(getattr(function, "seconds", CASE_SECONDS))
    try:
        function(run)
        signal.alarm(0)
        report(True, f"{title} ({time.monotonic() - start:.2f} s)")
        return True
    except Skip as why:
        report(True, title, skip=str(why))
        return True
    except Exception:  # whatever it is, the other cases still run
        detail = traceback.format_exc(limit=-4)
        if run.pail.process and run.pail.process.poll() is not None:
            detail += f"\nthe server is gone, code {run.pail.process.returncode}:\n{run.pail.log(3000)}"
        report(False, title, detail)
        return False
    finally:
        signal.alarm(0)


def run_cases(suite, tls, setup=None, words=(), functions=None, **server):
    """All cases over one scheme. True when all passed."""
    scheme = "https" if tls else "http"
    good = True
    pail = Pail(suite, tls=tls, **server)
    run = None
    try:
        try:
            pail.start()
            run = Run(suite, pail)
            if setup:
                setup(run)
        except Exception:
            report(False, f"{scheme}: set-up", traceback.format_exc(limit=-4))
            return False
        for function in functions or _cases:
            title = f"{scheme}: {function.__name__}"
            if words and not any(w in title for w in words):
                continue
            run.case_name = function.__name__
            good = _run_one(run, function, title) and good
            if pail.process and pail.process.poll() is not None:
                pail.restart()
        try:
            pail.stop()
        except pail_module.ServerError as error:
            report(False, f"{scheme}: the server stops cleanly", str(error))
            good = False
    finally:
        if run:
            run.clean()
        pail.remove_data()
    return good


def titled():
    """A list of cases and the decorator that adds a function to it, with its title and what else its row says."""
    cases = []

    def case(title, **more):
        def add(function):
            cases.append((title, function, more))
            return function
        return add
    return cases, case


def run_alone(functions, title="{}"):
    """Cases that start their own servers, named by the first lines of what they say about themselves. The exit status."""
    words, good = sys.argv[1:], True
    for function in functions:
        name = title.format(function.__doc__.split("\n")[0])
        if words and not any(w in name for w in words):
            continue
        try:
            note = function()
            report(True, f"{name} ({note})" if note else name)
        except Exception:
            report(False, name, traceback.format_exc())
            good = False
    return 0 if good else 1


def main(suite, setup=None, **server):
    words = sys.argv[1:]
    external = os.environ.get("PAIL_TEST_ENDPOINT", "")
    schemes = [external.startswith("https")] if external else [False, True]
    good = [run_cases(suite, tls, setup, words, **server) for tls in schemes]
    sys.exit(0 if all(good) else 1)
