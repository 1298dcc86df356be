# SPDX-License-Identifier: Apache-2.0
"""Runs each fuzzer of a folder for some seconds and reports one TAP case for each.

    python3 tests/lib/fuzz.py build/fuzz 4

Seeds: tests/fuzz/corpus/<name>/. What a run discovers is kept in build/fuzz/corpus/<name>/,
so longer and later runs go on where earlier ones stopped. An input that crashes stays
in build/fuzz/crash-<name>-*.
"""
import glob
import os
import re
import subprocess
import sys

from cases import report
from pail import ROOT


def fuzz(program, folder, seconds):
    name = os.path.basename(program)[len("fuzz_"):]
    corpus = os.path.join(folder, "corpus", name)
    os.makedirs(corpus, exist_ok=True)
    seeds = [p for p in (os.path.join(ROOT, "tests", "fuzz", kind, name) for kind in ("corpus", "seeds"))
             if os.path.isdir(p)]
    words = [f"-dict={p}" for p in [os.path.join(ROOT, "tests", "fuzz", f"{name}.dict")] if os.path.exists(p)]
    command = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=1",
               "-print_final_stats=1", f"-artifact_prefix={folder}/crash-{name}-", *words, corpus, *seeds]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + 120)
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    if done.returncode != 0:
        report(False, f"fuzz {name}", done.stderr[-6000:])
    elif not runs or int(runs.group(1)) < 100:
        report(False, f"fuzz {name}", "fewer than 100 inputs were tried\n" + done.stderr[-2000:])
    else:
        report(True, f"fuzz {name} ({runs.group(1)} inputs in {seconds} s)")
    return done.returncode == 0


def main():
    folder, seconds = sys.argv[1], int(sys.argv[2])
    # A fuzzer that no longer has a source is a left-over of another branch.
    wanted = [os.path.splitext(os.path.basename(p))[0]
              for p in sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c")))]
    good = True
    for name in wanted:
        program = os.path.join(folder, name)
        if os.path.exists(program):
            good = fuzz(program, folder, seconds) and good
        else:
            report(False, f"fuzz {name[len('fuzz_'):]}", "it was not built")
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
