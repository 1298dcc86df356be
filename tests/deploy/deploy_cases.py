# SPDX-License-Identifier: Apache-2.0
"""What the suites of deploy/ share: cases that need no server of their own, and the files that they look at."""
import os
import re
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cases import Skip, report  # noqa: E402
from pail import ROOT  # noqa: E402

DEPLOY = os.path.join(ROOT, "deploy")
_cases = []


def case(function):
    _cases.append(function)
    return function


def text_of(*parts):
    with open(os.path.join(ROOT, *parts)) as f:
        return f.read()


def version():
    return re.search(r'PAIL_VERSION "(.*)"', text_of("include", "version.h")).group(1)


def run(*command, ok=True, stdin=None, env=None, cwd=ROOT, timeout=120):
    """A program's whole output; its failure is the case's, unless ok=False."""
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True, env=env, cwd=cwd,
                          timeout=timeout)
    if ok and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))[:300]} ended with code {done.returncode}:\n"
                             f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def main():
    words, good = sys.argv[1:], True
    for function in _cases:
        if words and not any(w in function.__name__ for w in words):
            continue
        start = time.monotonic()
        try:
            function()
            report(True, f"{function.__name__} ({time.monotonic() - start:.2f} s)")
        except Skip as why:
            report(True, function.__name__, skip=str(why))
        except Exception:
            report(False, function.__name__, traceback.format_exc(limit=-3))
            good = False
    sys.exit(0 if good else 1)
