#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the unit tests of a build made with COVERAGE=1 and prints the share of executed lines, file by file.

The annotated sources (*.gcov) are left in <build>/gcov/.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    build = os.path.abspath(sys.argv[1])
    for path in glob.glob(f"{build}/**/*.gcda", recursive=True):
        os.remove(path)
    # One job: the counters of processes that write the same file at once would be merged anyway.
    subprocess.run([f"{build}/unit", "--quiet"], cwd=ROOT)
    out = os.path.join(build, "gcov")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    notes = [p for p in glob.glob(f"{build}/**/*.gcno", recursive=True) if "/tests/" not in os.path.relpath(p, build)]
    done = subprocess.run(["gcov", "--preserve-paths", "--source-prefix", ROOT, *notes], cwd=out, capture_output=True, text=True)
    rows = re.findall(r"File '((?:storage|server|admin)/[^']+\.c)'\nLines executed:([\d.]+)% of (\d+)", done.stdout)
    total = executed = 0
    for path, percent, lines in sorted(set(rows)):
        print(f"{float(percent):6.1f} %  of {int(lines):5} lines  {path}")
        total += int(lines)
        executed += round(float(percent) * int(lines) / 100)
    if not total:
        print("no line was counted; was the build made with COVERAGE=1?", file=sys.stderr)
        return 1
    print(f"{100 * executed / total:6.1f} %  of {total:5} lines in all; annotated sources in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
