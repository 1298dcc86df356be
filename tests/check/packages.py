#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console's packages: no known vulnerability in any of them, by `npm audit`.

Where npm is missing, or the registry does not answer such questions (some mirrors don't), it says so and ends with 0:
then nothing was looked at.
"""
import json
import os
import shutil
import subprocess
import sys

WEB = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "admin", "web")


def main():
    if not shutil.which("npm"):
        print("npm audit: skipped, npm is not installed")
        return 0
    done = subprocess.run(["npm", "audit", "--json", "--package-lock-only"], cwd=WEB, capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if "vulnerabilities" not in answer:
        reason = answer.get("message") or answer.get("error", {}).get("summary") or done.stderr.strip()[-200:]
        print(f"npm audit: skipped, the registry gave no answer: {reason}")
        return 0
    for name, found in sorted(answer["vulnerabilities"].items()):
        print(f"{name} {found.get('range', '')}: {found.get('severity')}")
    print(f"npm audit: {len(answer['vulnerabilities'])} packages with known vulnerabilities")
    return 1 if answer["vulnerabilities"] else 0


if __name__ == "__main__":
    sys.exit(main())
