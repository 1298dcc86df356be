#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes on sockets against the real server: hostile, broken, slow and many.

    tests/wire/run.py                 all groups
    tests/wire/run.py sig htp         these groups
    tests/wire/run.py SIG-08 slow     only the cases whose line contains one of the words
    tests/wire/run.py --list

Prints one line a case (TAP) and ends with `N passed, N failed, N skipped`. Each group runs in a process of its own, two
at a time; those that measure come last, alone. The server is $PAIL_BINARY, an instrumented build in `make test`.
"""
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
# Freed memory may wait for a while, so that its use is found out, but not until it looks like a leak.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "allocator_may_return_null=1") + ":quarantine_size_mb=16"

import wire  # noqa: E402

MODULES = ("auth", "chunks", "keys", "framing", "documents", "objects", "versions", "settings", "lifecycle", "post",
           "limits", "process", "proxy", "race", "network", "scarce", "console")
for module in MODULES:
    __import__(f"wire_{module}")

TOGETHER = 2
GROUP_SECONDS = 170
_print_lock = threading.Lock()


def run_child(group, words):
    """A group in a process of its own; its lines appear together when it is through."""
    child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--group", group.name, *words],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace", start_new_session=True)
    timer = threading.Timer(GROUP_SECONDS, lambda: os.killpg(child.pid, signal.SIGKILL))
    timer.start()
    text = child.communicate()[0]
    timer.cancel()
    found = re.search(r"^# (\d+) passed, (\d+) failed, (\d+) skipped$", text, re.M)
    with _print_lock:
        sys.stdout.write(text)
        if not found:
            print(f"not ok - {group.name}: the group ends (code {child.returncode})")
        sys.stdout.flush()
    return tuple(int(n) for n in found.groups()) if found else (0, 1, 0)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    words = sys.argv[1:]
    if words[:1] == ["--list"]:
        for group in wire.groups:
            print("\n".join(f"{group.name}: {wire.title_of(f)}" for f in group.cases))
        return 0
    if words[:1] == ["--group"]:
        group = next(g for g in wire.groups if g.name == words[1])
        tally = wire.run_group(group, words[2:])
        print(f"# {tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped", flush=True)
        return 1 if tally.failed else 0

    names = {g.name for g in wire.groups}
    groups = [g for g in wire.groups if g.name in words] or wire.groups
    words = [w for w in words if w not in names]
    if words:
        groups = [g for g in groups if any(w.lower() in wire.title_of(f).lower() for f in g.cases for w in words)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        results = list(pool.map(lambda g: run_child(g, words), [g for g in groups if not g.lonely]))
    results += [run_child(g, words) for g in groups if g.lonely]
    passed, failed, skipped = (sum(r[i] for r in results) for i in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
