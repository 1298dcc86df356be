# SPDX-License-Identifier: Apache-2.0
"""Runs a client program written in another language against the server, over http and https.

The program finds the server in AWS's own environment variables (AWS_ENDPOINT_URL, ...),
prints TAP, and ends with 0 when all its cases passed. It may write to PAIL_TEST_FOLDER.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import cases
from pail import Pail, ServerError, TEST_DIR


def main(suite, command, environment=None, seconds=400):
    """command: the program and its arguments, or a function of the server that answers them;
    environment(pail): what it needs besides AWS's variables."""
    external = os.environ.get("PAIL_TEST_ENDPOINT", "")
    good = True
    for tls in [external.startswith("https")] if external else [False, True]:
        good = _run(suite, command, environment, tls, seconds) and good
    sys.exit(0 if good else 1)


def _run(suite, command, environment, tls, seconds):
    scheme = "https" if tls else "http"
    pail = Pail(suite, tls=tls)
    os.makedirs(TEST_DIR, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=f"files-{suite}-", dir=TEST_DIR)
    good = False
    try:
        pail.start()
        env = pail.aws_environment()
        env["PAIL_TEST_FOLDER"] = folder
        env.update(environment(pail) if environment else {})
        words = command(pail) if callable(command) else command
        good = _relay(words + sys.argv[1:], env, scheme, seconds)
        pail.stop()
    except ServerError as error:
        cases.report(False, f"{scheme}: the server starts and stops cleanly", str(error))
        good = False
    finally:
        pail.remove_data()
        shutil.rmtree(folder, ignore_errors=True)
    return good


def _relay(command, env, scheme, seconds):
    """Passes the program's TAP on, each name with the scheme before it."""
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    timer = subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill {process.pid} 2>/dev/null"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    seen = failed = 0
    try:
        for line in process.stdout:
            for word in ("ok - ", "not ok - "):
                if line.startswith(word):
                    line = f"{word}{scheme}: {line[len(word):]}"
                    seen += 1
                    failed += word == "not ok - "
            print(line, end="", flush=True)
        code = process.wait()
    finally:
        os.killpg(timer.pid, 9)
        timer.wait()
    if code != 0 and not failed:
        cases.report(False, f"{scheme}: the program ends", f"code {code}")
    if code == 0 and not seen:
        cases.report(False, f"{scheme}: the program reports its cases", "it printed none")
    return code == 0 and not failed and seen > 0
