#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package in a system of its own: installed, upgraded, removed, purged; and the steps of the Dockerfile.

Needs root, debootstrap and `make deb`. A bare Debian 12 is made once, in build/deb-root, and copied for each run, or
taken from PAIL_DEBOOTSTRAP_ROOT. No service manager runs in a chroot, so that `pail server` is started as the unit
would start it: same user, same settings, same master key.
"""
import glob
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cases import equal, report, true  # noqa: E402
from pail import BUILD, ROOT  # noqa: E402
import s3client  # noqa: E402

BASE = os.environ.get("PAIL_DEBOOTSTRAP_ROOT") or os.path.join(BUILD, "deb-root")
OLD = os.environ.get("PAIL_TEST_OLD_DEB")  # an earlier package: the installation that is upgraded
PORT = 29000 + os.getpid() % 1000
CONSOLE = PORT + 1000


def run(*command, ok=True, env=None, timeout=600):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    if ok and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with code {done.returncode}:\n"
                             f"{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


class Box:
    """A copy of the bare system, with /proc, gone at the end."""

    def __init__(self, name="deb"):
        self.root = os.path.join(BUILD, f"{name}-box-{os.getpid()}")
        self.server = None

    def __enter__(self):
        if not os.path.exists(os.path.join(BASE, "etc", "os-release")):
            run("debootstrap", "--variant=minbase", "bookworm", BASE)
        run("cp", "-a", "--reflink=auto", BASE, self.root)
        shutil.copy("/etc/resolv.conf", os.path.join(self.root, "etc"))
        run("mount", "-t", "proc", "proc", self.path("proc"))
        return self

    def __exit__(self, *_):
        self.stop()
        run("umount", self.path("proc"), ok=False)
        if not os.path.ismount(self.path("proc")):
            shutil.rmtree(self.root, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def folder(self, *parts):
        os.makedirs(self.path(*parts), exist_ok=True)
        return self.path(*parts)

    def sh(self, script, ok=True):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return run("chroot", self.root, "sh", "-c", script, ok=ok, env=env).stdout

    def apt(self, words):
        return self.sh(f"apt-get -y -q -o Dpkg::Use-Pty=0 --no-install-recommends {words} 2>&1")

    def settings(self):
        with open(self.path("etc/pail/pail.env")) as f:
            return dict(line.strip().split("=", 1) for line in f if re.match(r"[A-Z]", line))

    def start(self):
        """As the unit does: the credential is a file for the service's user alone."""
        self.sh("install -d -o pail -m 0500 /run/pail-credentials && "
                "install -o pail -m 0400 /etc/pail/master.key /run/pail-credentials/pail-master-key")
        log = open(self.path("tmp/server.log"), "wb")
        self.server = subprocess.Popen(
            ["chroot", "--userspec=pail:pail", self.root, "/usr/bin/env", "PAIL_CONFIG_FILE=/etc/pail/pail.env",
             "CREDENTIALS_DIRECTORY=/run/pail-credentials", "/usr/bin/pail", "server", "/var/lib/pail",
             "--address", f"127.0.0.1:{PORT}", "--console-address", f"127.0.0.1:{CONSOLE}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, close_fds=True)
        log.close()
        made = self.settings()
        for _ in range(200):
            try:
                client = s3client.Client("127.0.0.1", PORT, made["PAIL_ROOT_USER"], made["PAIL_ROOT_PASSWORD"])
                client.list_buckets()
                return client
            except OSError:
                time.sleep(0.1)
        with open(self.path("tmp/server.log")) as f:
            raise AssertionError("the server does not answer:\n" + f.read()[-3000:])

    def stop(self):
        if self.server:
            self.server.terminate()
            code, self.server = self.server.wait(60), None
            equal(code, 0, "the server's exit code")


def mode_of(path):
    st = os.stat(path)
    return f"{st.st_mode & 0o7777:04o} {st.st_uid}:{st.st_gid}"


def installs(box):
    box.sh("mkdir -p /debs")
    for deb in glob.glob(os.path.join(BUILD, "deb", "pail_*.deb")):
        shutil.copy(deb, box.path("debs", "pail.deb"))
    shutil.copy(OLD or box.path("debs", "pail.deb"), box.path("debs", "first.deb"))
    box.apt("update")
    said = box.apt("install /debs/first.deb")
    true("master key was made" in said, f"the key is spoken of:\n{said[-800:]}")
    uid, gid = box.sh("id -u pail; id -g pail").split()
    equal(mode_of(box.path("etc/pail/pail.env")), f"0640 0:{gid}", "pail.env")
    equal(mode_of(box.path("etc/pail/master.key")), "0600 0:0", "master.key")
    equal(mode_of(box.path("var/lib/pail")), f"0700 {uid}:{gid}", "/var/lib/pail")
    true(os.path.islink(box.path("etc/systemd/system/multi-user.target.wants/pail.service")), "the unit is enabled")
    made = box.settings()
    true(re.fullmatch(r"admin-[0-9a-f]{8}", made["PAIL_ROOT_USER"]), "a user of its own")
    true(re.fullmatch(r"[0-9a-f]{40}", made["PAIL_ROOT_PASSWORD"]), "a random password")


def serves_as_its_unit_would(box):
    client = box.start()
    equal(client.create_bucket("kept").status, 200, "the bucket")
    equal(client.put("kept", "object", b"bytes" * 1000).status, 200, "the object")
    equal(client.put("kept", "large", b"bytes" * 100000).status, 200, "a large object")
    box.stop()
    true(not os.path.exists(box.path("var/lib/pail/pail.key")), "no key lies beside the data")


def state(box):
    with open(box.path("etc/pail/pail.env"), "rb") as a, open(box.path("etc/pail/master.key"), "rb") as b:
        return a.read(), b.read()


def reads_after(box):
    client = box.start()
    equal(client.get("kept", "object").body, b"bytes" * 1000, "the object")
    equal(client.get("kept", "large").body, b"bytes" * 100000, "the large object")
    box.stop()


def upgrades_and_keeps_everything(box):
    with open(box.path("etc/pail/pail.env"), "a") as f:
        f.write("PAIL_REGION=eu-test-1\n")
    with open(box.path("etc/pail/pail.env")) as f:
        text = f.read()
    with open(box.path("etc/pail/pail.env"), "w") as f:
        f.write(text.replace("PAIL_REGION=eu-test-1\n", "# mine\n"))
    before = state(box)
    if OLD:
        box.apt("install /debs/pail.deb")
        equal(state(box), before, "settings and key")
        reads_after(box)
    # The same package with a later number: taken apart and packed again.
    box.sh("cd /debs && dpkg-deb -R pail.deb tree && sed -i 's/^Version: .*/&+later1/' tree/DEBIAN/control && "
           "dpkg-deb -b --root-owner-group tree later.deb >/dev/null")
    box.apt("install /debs/later.deb")
    true(box.sh("dpkg-query -W -f '${Version}' pail").endswith("+later1"), "the later one is installed")
    equal(state(box), before, "settings and key")
    reads_after(box)


def serves_its_pages(box):
    box.start()
    connection = http.client.HTTPConnection("127.0.0.1", CONSOLE, timeout=20)
    connection.request("GET", "/")
    reply = connection.getresponse()
    equal((reply.status, reply.getheader("Content-Type")), (200, "text/html; charset=utf-8"), "the console")
    true(b"assets/" in reply.read(), "its page is the real one")
    box.stop()
    true(os.path.exists(box.path("usr/share/doc/pail/docs/install.md")), "the handbook is there")
    true(os.path.exists(box.path("usr/share/man/man1/pail.1.gz")), "its manual page is there")


def commands_of_root_do_no_harm(box):
    """Files that they make in the folder belong to the service."""
    box.sh("rm /var/lib/pail/index/lock.mdb; pail check /var/lib/pail && pail backup /var/lib/pail /var/lib/pail-copy")
    equal(box.sh("find /var/lib/pail /var/lib/pail-copy ! -user pail"), "", "files of others")
    box.sh("rm -r /var/lib/pail-copy")
    reads_after(box)


def removed_and_installed_again(box):
    before = state(box)
    box.apt("remove pail")
    true(not os.path.exists(box.path("usr/bin/pail")), "the program is gone")
    equal(state(box), before, "settings and key")
    box.apt("install /debs/later.deb")
    equal(state(box), before, "settings and key after that")
    reads_after(box)


def purge_keeps_objects_and_their_key(box):
    before = state(box)
    box.apt("purge pail")
    true(not os.path.exists(box.path("etc/pail/pail.env")), "the settings are gone")
    with open(box.path("etc/pail/master.key"), "rb") as f:
        equal(f.read(), before[1], "the key")
    box.apt("install /debs/later.deb")
    with open(box.path("etc/pail/master.key"), "rb") as f:
        equal(f.read(), before[1], "the key after a new installation")
    reads_after(box)


def purge_without_objects_leaves_nothing(box):
    box.sh("rm -rf /var/lib/pail/* /var/lib/pail/.[!.]*")
    box.apt("purge pail")
    for path in ("etc/pail", "var/lib/pail", "usr/share/pail", "usr/share/doc/pail", "usr/bin/pail",
                 "etc/systemd/system/multi-user.target.wants/pail.service"):
        true(not os.path.lexists(box.path(path)), f"/{path} is gone")
    true("pail" not in box.sh("getent passwd pail", ok=False), "the user is gone")


def dockerfile_steps(box):
    """What the Dockerfile's RUN, COPY and USER do, in two stages, each a system of its own; then its health check."""
    with open(os.path.join(ROOT, "deploy", "docker", "Dockerfile")) as f:
        lines = re.sub(r"\\\n", " ", f.read()).splitlines()
    stages = []
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stages.append([])
        elif word in ("RUN", "COPY"):
            stages[-1].append((word, rest))
    equal(len(stages), 2, "stages")
    health = next(json.loads(line.partition(" CMD ")[2]) for line in lines if line.startswith("HEALTHCHECK "))
    with Box("build") as build:
        for word, rest in stages[0]:
            if word == "COPY":
                equal(rest, ". .", "what the build is given")
                done = run("sh", "-c", "cd \"$1\" && git ls-files -z --cached --others --exclude-standard | "
                           "xargs -0 sh -c 'for f; do [ ! -f \"$f\" ] || printf \"%s\\0\" \"$f\"; done' sh | "
                           "tar -c --null -T - | tar -x -C \"$2\"", "sh", ROOT, build.folder("src"))
                equal(done.returncode, 0, "copying")
            else:
                build.sh(f"mkdir -p /src && cd /src && {rest}")
        box_run(build, stages[1], health)


def box_run(build, steps, health):
    with Box("image") as image:
        for word, rest in steps:
            if word == "RUN":
                image.sh(rest)
            elif rest.startswith("--from=build"):
                _, source, target = rest.split()
                shutil.copy(build.path(source.lstrip("/")), image.path(target.lstrip("/")))
            else:
                *sources, target = rest.split()
                os.makedirs(image.path(target.lstrip("/")), exist_ok=True)
                for source in sources:
                    shutil.copy(os.path.join(ROOT, source), image.path(target.lstrip("/")))
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PAIL_ROOT_USER": "admin", "PAIL_ROOT_PASSWORD": "a-long-secret",
               "PAIL_ADDRESS": f"127.0.0.1:{PORT}", "PAIL_CONSOLE_ADDRESS": "127.0.0.1:0"}
        user = ["chroot", "--userspec=10001:10001", image.root]
        image.server = subprocess.Popen([*user, "/usr/lib/pail/entrypoint", "server", "/data"], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for attempt in range(100):
            checked = run(*user, *health, env=env, ok=False)
            if checked.returncode == 0:
                break
            time.sleep(0.1)
        equal(checked.returncode, 0, f"the health check, {checked.stdout}{checked.stderr}")
        image.stop()
        equal(os.stat(image.path("data", "pail.key")).st_uid, 10001, "who owns the data")
        run(*user, "/usr/lib/pail/entrypoint", "backup", "/data", "/backup/first", env=env)


def deps_start_no_service(box):
    """deploy/deps.sh installs with a policy that forbids starts, and takes it away, whatever happens."""
    shutil.copy(os.path.join(ROOT, "deploy", "deps.sh"), box.path("tmp", "deps.sh"))
    policy = box.path("usr/sbin/policy-rc.d")
    fake = "#!/bin/sh\nsh /usr/sbin/policy-rc.d; echo \"$1 $?\" >> /tmp/asked; exit $(cat /tmp/code)\n"
    os.makedirs(box.path("tmp/fake"), exist_ok=True)
    with open(box.path("tmp/fake/apt-get"), "w") as f:
        f.write(fake)
    os.chmod(box.path("tmp/fake/apt-get"), 0o755)
    for code in (0, 7):
        box.sh(f"echo {code} > /tmp/code; PATH=/tmp/fake:$PATH sh /tmp/deps.sh test", ok=code == 0)
        true(not os.path.exists(policy), "the policy is gone")
    with open(box.path("tmp/asked")) as f:
        equal(f.read().split("\n")[:2], ["update 101", "install 101"], "policies")
    with open(policy, "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    box.sh("echo 0 > /tmp/code; PATH=/tmp/fake:$PATH sh /tmp/deps.sh test")
    with open(policy) as f:
        equal(f.read(), "#!/bin/sh\nexit 0\n", "an administrator's own policy")
    os.remove(policy)


def main():
    cases = [deps_start_no_service, installs, serves_as_its_unit_would, upgrades_and_keeps_everything, serves_its_pages,
             commands_of_root_do_no_harm, removed_and_installed_again, purge_keeps_objects_and_their_key, purge_without_objects_leaves_nothing, dockerfile_steps]
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        report(True, "deb", skip="only root can make a system of its own, with debootstrap")
        return 0
    if not glob.glob(os.path.join(BUILD, "deb", "pail_*.deb")):
        report(False, "deb", f"no package in {os.path.relpath(BUILD, ROOT)}/deb; `make deb` builds it")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves no mount behind
    good, words = True, sys.argv[1:]
    with Box() as box:
        for case in [c for c in cases if not words or any(w in c.__name__ for w in words)]:
            start = time.monotonic()
            try:
                case(box)
                report(True, f"{case.__name__} ({time.monotonic() - start:.1f} s)")
            except Exception:
                report(False, case.__name__, traceback.format_exc(limit=-3))
                good = False
                break  # the next one builds upon it
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
