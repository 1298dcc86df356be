#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handbook, followed to the letter: the `sh` blocks of each page in docs/, in their order, in one shell.

Every page begins on a machine as docs/install.md leaves it, with the variables of docs/README.md: their blocks are run
first, but for install.md's last ones, which only look whether it works. A block below `<!-- not run: why -->` is left out. So that pages need no other words than a reader does:
  * /srv, /etc, /backup, /var and /usr/local/bin mean folders of the case's own, ports 9000 and 9001 free ones;
  * `sudo` runs what it is given, and `systemctl` starts the program that the unit of install.md names, with its
    settings and credentials, and is content only when that goes well.
A command that fails ends the case: blocks are run with -e and pipefail.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import clients
from cases import TEST_DIR, report
from pail import ROOT, Pail, default_binary, free_port

DOCS = os.path.join(ROOT, "docs")
FOLDERS = r"(?<![\w./$}])/(srv|etc|backup|var|usr/local/bin)\b"
LAST = "## Does it work?"  # of install.md, what other pages begin without
MC = clients.path("mc", "mc")
PAGE_SECONDS = 150

SYSTEMCTL = r'''#!{python}
import os, re, shlex, signal, subprocess, sys, time
root = "{root}"
log = root + "/pail.log"
words = [w for w in sys.argv[1:] if not w.startswith("-") and w != "USR2"]
verb = "start" if "--now" in sys.argv else words[0]

def pids():
    """Servers of this place that are alive; an upgrade changes the number."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open("/proc/" + entry + "/cmdline", "rb").read()
        except OSError:
            continue
        if b"\0server\0" in line and root.encode() in line:  # that of a zombie is empty
            found.add(int(entry))
    return found

def signal_all(number):
    for one in pids():
        os.kill(one, number)

def stop():
    signal_all(signal.SIGTERM)
    while pids():
        time.sleep(0.02)

def start():
    unit = open(root + "/etc/systemd/system/pail.service").read()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PAIL_", "AWS_", "MINIO_"))}
    for name, value in re.findall(r"^Environment=(\w+)=(.*)$", unit, re.M):
        environment[name] = value
    for name in re.findall(r"^LogsDirectory=(.*)$", unit, re.M):
        os.makedirs(root + "/var/log/" + name, exist_ok=True)
    folder = root + "/credentials"
    os.makedirs(folder, exist_ok=True)
    for name, path in re.findall(r"^LoadCredential=([\w-]+):(.*)$", unit, re.M):
        copy = os.open(folder + "/" + name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(copy, open(path, "rb").read())
        environment["CREDENTIALS_DIRECTORY"] = folder
    command = shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.M).group(1))
    said = open(log, "ab")
    begin = said.tell()
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, start_new_session=True)
    time.sleep(0.1)
    while b"S3 endpoint:" not in open(log, "rb").read()[begin:]:
        if not pids():
            sys.exit("pail did not start:\n" + open(log).read()[begin:])
        time.sleep(0.05)

if verb in ("start", "restart"):
    stop() if verb == "restart" else None
    pids() or start()
elif verb == "stop":
    stop()
elif verb == "reload":
    signal_all(signal.SIGHUP)
    time.sleep(0.5)
elif verb == "kill":
    old = pids()
    signal_all(signal.SIGUSR2)
    while not pids() - old or pids() & old:
        time.sleep(0.02)
elif verb in ("status", "is-active"):
    sys.exit(0 if pids() else 3)
elif verb not in ("daemon-reload", "enable"):
    sys.exit("systemctl " + verb + " is not known here")
'''


def blocks(page, last=None):
    """(line, text) of each block of shell that is to be run, before a heading if one is given."""
    with open(os.path.join(DOCS, page), encoding="utf-8") as f:
        lines = f.read().splitlines()
    if last in lines:
        del lines[lines.index(last):]
    found, begin = [], None
    for number, line in enumerate(lines, 1):
        if begin is None and line == "```sh":
            begin = number
        elif begin is not None and line == "```":
            if not lines[begin - 2].startswith("<!-- not run:"):
                found.append((begin, "\n".join(lines[begin:number - 1])))
            begin = None
    return found


class Machine:
    """A place where a page is followed."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="handbook-", dir=TEST_DIR)
        self.ports = {"9000": str(free_port()), "9001": str(free_port())}
        for name in ("srv", "etc/systemd/system", "backup", "var", "usr/local/bin", "home"):
            os.makedirs(os.path.join(self.root, name))
        self.put("pail", link=default_binary())
        self.put("aws", link=clients.path("python", "bin", "aws"))
        self.put("mc", link=MC)
        self.put("sudo", "#!/bin/sh\nwhile [ \"$1\" = -u ]; do shift 2; done\nexec \"$@\"\n")
        for name in ("useradd", "chown"):  # there is no user for a page
            self.put(name, "#!/bin/sh\n")
        self.put("journalctl", f"#!/bin/sh\ncat {self.root}/pail.log\n")
        self.put("systemctl", SYSTEMCTL.replace("{python}", sys.executable).replace("{root}", self.root))

    def put(self, name, text=None, link=None):
        path = os.path.join(self.root, "usr/local/bin", name)
        if link:
            os.symlink(os.path.abspath(link), path)
            return
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)

    def here(self, text):
        text = re.sub(FOLDERS, lambda m: f"{self.root}/{m.group(1)}", text)
        return re.sub(r"(?<=:)(9000|9001)\b", lambda m: self.ports[m.group(1)], text)

    def script(self, page):
        out = ["set -euo pipefail"]
        for name in dict.fromkeys(["install.md", "README.md", page]):
            for line, text in blocks(name, None if page == "install.md" else LAST):
                out += [f"echo '@@ {name}:{line}' >&2", self.here(text)]
        return "\n".join(out) + "\n"

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_", "MC_"))}
        env.update(PATH=f"{self.root}/usr/local/bin:{env['PATH']}", HOME=f"{self.root}/home", AWS_PAGER="",
                   AWS_EC2_METADATA_DISABLED="true", XDG_STATE_HOME=f"{self.root}/home/state", LC_ALL="C.UTF-8")
        return env

    def clean(self):
        subprocess.run([f"{self.root}/usr/local/bin/systemctl", "stop"], timeout=60)
        shutil.rmtree(self.root, ignore_errors=True)


def old_server():
    """Whatever people move from: S3 with a bucket, versions, and mc's admin calls."""
    old = Pail("handbook-old").start()
    aws = [clients.path("python", "bin", "aws")]
    env = old.aws_environment()
    for command in ("s3api create-bucket --bucket old-data",
                    "s3api put-bucket-versioning --bucket old-data --versioning-configuration Status=Enabled",
                    f"s3 cp {DOCS} s3://old-data --recursive --quiet", f"s3 cp {DOCS} s3://old-data --recursive --quiet",
                    # Without versions, and with some from before.
                    "s3api create-bucket --bucket old-plain", f"s3 cp {DOCS} s3://old-plain --recursive --quiet",
                    "s3api create-bucket --bucket old-once",
                    "s3api put-bucket-versioning --bucket old-once --versioning-configuration Status=Enabled",
                    f"s3 cp {DOCS} s3://old-once --recursive --quiet", f"s3 cp {DOCS} s3://old-once --recursive --quiet",
                    "s3api put-bucket-versioning --bucket old-once --versioning-configuration Status=Suspended"):
        subprocess.run(aws + command.split(), env=env, check=True, capture_output=True)
    return old, {"OLD": old.endpoint, "OLD_KEY": old.access_key, "OLD_SECRET": old.secret_key}


def follow(page):
    old, env = old_server() if page == "move.md" else (None, {})
    try:
        return follow_with(page, env)
    finally:
        if old:
            old.stop()
            old.remove_data()


def follow_with(page, env, after=None):
    """What went wrong, or None; and all that was printed. `after(machine)` looks at the place where it went well."""
    machine = Machine()
    try:
        process = subprocess.Popen(["bash", "-c", machine.script(page)], cwd=os.path.join(machine.root, "home"),
                                   env=machine.environment() | env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        try:
            said, _ = process.communicate(timeout=PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            said += f"\nit took more than {PAGE_SECONDS} s"
        if process.returncode == 0:
            if after:
                after(machine)
            return None, said
        return said[-3000:] + f"\nended with code {process.returncode}", said
    finally:
        machine.clean()


def main():
    os.makedirs(TEST_DIR, exist_ok=True)
    words = [w for w in sys.argv[1:] if w != "-v"]
    good = True
    for page in sorted(name for name in os.listdir(DOCS) if name.endswith(".md")):
        if not blocks(page) or words and not any(w in page for w in words):
            continue
        if not os.path.exists(MC) and any(re.search(r"^mc ", text, re.M) for _, text in blocks(page)):
            report(True, f"docs/{page}", skip="mc could not be built here")
            continue
        start = time.monotonic()
        wrong, said = follow(page)
        report(not wrong, f"docs/{page}: {len(blocks(page))} blocks ({time.monotonic() - start:.1f} s)",
               wrong or (said if "-v" in sys.argv else ""))
        good = good and not wrong
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
