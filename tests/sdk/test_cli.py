#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line: every example of --help and every `pail` line of README is run against a real server; `pail admin`
does what it says; completion works in bash, zsh and fish; manual pages are clean.

Examples are taken from the program itself, so a new command is run here without being named. Folders and addresses
in them stand for others: STANDS_FOR.
"""
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config

from cases import TEST_DIR, case, contains, equal, run_cases, true
from pail import ROOT, Pail, certificates

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::team/*"}]}
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"
SECONDS = 90


# ---- a place for examples ----

class Place:
    """A folder with all that examples speak of, an environment, and a second server."""

    def __init__(self, t):
        self.t, self.folder = t, t.folder()
        self.binary, self.keys = t.pail.binary, 0
        self.other = Pail("cli-other")
        self.other.start()
        for name in ("bin", "srv", "etc/pail", "etc/bash_completion.d", "etc/fish/completions", "backup", "photos/b",
                     "usr/local/share/zsh/site-functions", ".aws"):
            os.makedirs(os.path.join(self.folder, name))
        os.symlink(os.path.abspath(self.binary), os.path.join(self.folder, "bin", "pail"))
        shutil.copytree(certificates(), os.path.join(self.folder, "etc/pail/certs"))
        shutil.copy(os.path.join(certificates(), "ca.crt"), self.folder)
        for name, text in (("photos/a.jpg", "a"), ("photos/b/c.jpg", "c"), ("bill.pdf", "bill"), ("policy.json", json.dumps(POLICY)),
                           (".aws/credentials", f"[work]\naws_access_key_id={self.other.access_key}\n"
                                                f"aws_secret_access_key={self.other.secret_key}\n")):
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_", "MC_")) or "SAN" in k}
        clean.update(PAIL_ENDPOINT=self.t.pail.endpoint, PAIL_ROOT_USER=self.t.pail.access_key, HOME=self.folder,
                     PAIL_ROOT_PASSWORD=self.t.pail.secret_key, AWS_ENDPOINT_URL=self.other.endpoint,
                     AWS_ACCESS_KEY_ID=self.other.access_key, AWS_SECRET_ACCESS_KEY=self.other.secret_key,
                     AWS_DEFAULT_REGION="us-east-1", PAIL_CONSOLE_ADDRESS="127.0.0.1:0", LC_ALL="C.UTF-8",
                     PATH=":".join([os.path.join(self.folder, "bin"), os.path.dirname(sys.executable), clean["PATH"]]))
        clean.update(more)
        return clean

    def run(self, *words, code=0, **env):
        """`pail words`: the finished process."""
        done = subprocess.run([self.binary, *words], env=self.environment(**env), capture_output=True, text=True,
                              timeout=SECONDS, cwd=self.folder)
        true(code is None or done.returncode == code,
             f"pail {' '.join(words)} ended with {done.returncode}: {done.stdout[-1500:]} {done.stderr[-1500:]}")
        return done

    def json(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more).stdout)

    def path(self, *names):
        return os.path.join(self.folder, *names)


def client_of(server):
    return boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                        aws_secret_access_key=server.secret_key, region_name="us-east-1",
                        config=Config(retries={"max_attempts": 0}))


def setup(t):
    t.place = Place(t)
    t.s3 = client_of(t.pail)


# ---- examples ----

def commands(place):
    """What `pail --help` lists."""
    return re.findall(r"^  pail (\w+) ", place.run("--help").stdout, re.M)


def admin_commands(place):
    text = place.run("admin", "--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    return [[w for w in line[:33].split() if w.islower()] for line in text.splitlines()]


def examples_of(text):
    part = text.split("Examples:\n", 1)
    return [line.strip() for line in part[1].split("\n\n")[0].splitlines()] if len(part) == 2 else []


def readme_examples():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        lines = re.findall(r"^    ((?:[A-Z_]+=\S+ )*pail .*)$", f.read(), re.M)
    return [re.sub(r"\s+#.*", "", line) for line in lines]


def stand_in(place, line):
    """The same line, for folders and servers of the test."""
    line = re.sub(r"(?<![\w.:/])/(srv|etc|backup|usr/local)\b", lambda m: place.path(m.group(1)), line)
    line = re.sub(r"--endpoint https?://(127.0.0.1|s3.example.com):?\d*",
                  f"--endpoint {place.t.pail.endpoint}", line) if not re.search(r"pail (import|export)", line) else \
        re.sub(r"--endpoint https?://\S+", f"--endpoint {place.other.endpoint}", line)
    return line.replace("--address :9000", "--address 127.0.0.1:0").replace("PASSWORD=...", "PASSWORD=long-secret")


def reset_people(place, line):
    """Everybody and everything that examples name is there, but for what this one makes."""
    quiet = functools.partial(place.run, code=None)
    made = [("alice", "users create alice", ["users delete alice --force"]),
            ("bob", "users create bob", ["users delete bob --force"]),
            ("team-data", "policies create team-data policy.json",
             ["policies detach team-data --group team", "policies delete team-data"]),
            (" team", "groups create team",
             ["users delete bob --force", "policies detach team-data --group team", "groups delete team"]),
            (" photos", "buckets create photos", ["buckets delete photos"]),
            ("old-photos", "buckets create old-photos", [])]
    named = [row for row in made if row[0] in line or (row[0] == "alice" and EXAMPLE_KEY in line)]
    for words in [w for row in named for w in row[2]]:
        quiet("admin", *words.split())
    for words in [row[1] for row in named] + (["users create bob"] if " bob" in line else []):
        if not line.startswith("pail admin " + words):
            quiet("admin", *words.split())
    if "groups remove" in line:
        place.run("admin", "groups", "add", "team", "bob")
    if "detach" in line:
        place.run("admin", "policies", "attach", "readonly", "--user", "bob")
    if EXAMPLE_KEY in line:
        line = line.replace(EXAMPLE_KEY, place.json("admin", "keys", "create", "alice")["AccessKeyId"])
    return line


def reset_others(place, line):
    quiet = functools.partial(place.run, code=None)
    if "pail account" in line:
        quiet("account", "delete", "team-a")
        if "delete" in line:
            place.run("account", "create", "team-a")
    if "invoices" in line:  # a key that has sealed something cannot be deleted for an hour
        place.keys += 1
        line = line.replace("invoices", f"invoices-{place.keys}")
        if "create" not in line:
            place.run("key", "create", f"invoices-{place.keys}")
    if "/srv/pail" in line or "/backup/pail" in line:
        reset_folder(place, line)
    if "pail import" in line or "pail export" in line:
        reset_transfer(place)
    if "aws s3" in line:
        line = (f"AWS_ENDPOINT_URL={place.t.pail.endpoint} AWS_ACCESS_KEY_ID={place.t.pail.access_key} "
                f"AWS_SECRET_ACCESS_KEY={place.t.pail.secret_key} {line}")
        with contextlib.suppress(place.t.s3.exceptions.BucketAlreadyOwnedByYou):
            place.t.s3.create_bucket(Bucket="bills")
    return line


def reset_folder(place, line):
    """A data folder without a server, with an object; a backup of it."""
    for name in ("srv/pail", "srv/pail-2", "backup/pail", "etc/pail/pail.key"):
        shutil.rmtree(place.path(name), ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place.path(name))
    with Pail("cli-folder", data=place.path("srv/pail")) as server:
        s3 = client_of(server)
        s3.create_bucket(Bucket="photos")
        s3.put_object(Bucket="photos", Key="a", Body=b"a" * 100000)
    if "restore" in line or line.startswith("pail check /backup"):
        place.run("backup", place.path("srv/pail"), place.path("backup/pail"))
    if "recover" in line:
        for name in os.listdir(place.path("srv/pail")):
            if name.startswith("index"):
                shutil.rmtree(place.path("srv/pail", name), ignore_errors=True)


def reset_transfer(place):
    other = client_of(place.other)
    for client, names in ((other, ("media", "my-data", "media-copy")),
                          (place.t.s3, ("media", "data", "pictures", "backup"))):
        for name in names:
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=name)
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for name in ("media", "my-data"):
        other.put_object(Bucket=name, Key="x", Body=b"x")
    for key in ("2026/a.jpg", "2026/b/c.jpg"):
        place.t.s3.put_object(Bucket="pictures", Key=key, Body=b"p")
    place.t.s3.put_object(Bucket="media", Key="y", Body=b"y")


def serves(place, line):
    """A server starts, says where it is, and ends well when it is told to."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(["bash", "-c", "exec " + line if line.startswith("pail") else "export " + re.sub(
            r" (pail )", r"; exec \1", line, count=1)], env=place.environment(PAIL_ADDRESS="127.0.0.1:0"),
            stdout=log, stderr=log, cwd=place.folder)
        for _ in range(400):
            log.seek(0)
            text = log.read().decode()
            if "S3 endpoint:" in text or server.poll() is not None:
                break
            time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        equal(server.wait(30), 0, f"{line}: {text[-1500:]}")
        contains(text, "S3 endpoint:")


def read_text(path):
    with open(path) as f:
        return f.read()


def traces(place, line):
    """Requests go on until it has seen enough; one that watches for ever is ended."""
    told = place.path("traced")
    with open(told, "w") as out:
        traced = subprocess.Popen(["bash", "-c", "exec " + line], env=place.environment(), stdout=out,
                                  stderr=subprocess.PIPE, text=True, cwd=place.folder)
    until = time.monotonic() + (1.5 if "--threshold" in line else 20)
    while traced.poll() is None and time.monotonic() < until:
        with contextlib.suppress(Exception):
            place.t.s3.head_bucket(Bucket="nobody-has-this")
        if "--count" not in line and "HeadBucket" in read_text(told):
            break
    if "--count" not in line:
        equal(traced.poll(), None, f"{line} goes on")
        traced.send_signal(signal.SIGTERM)
    wrong = traced.communicate(timeout=20)[1]
    equal(traced.returncode, 0 if "--count" in line else -signal.SIGTERM, f"{line}: {wrong}")
    if "--threshold" not in line:
        contains(read_text(told), "HeadBucket")


def has_log(place):
    return "NoSuchBucket" not in place.run("admin", "logs", code=None).stderr


def run_example(place, line):
    if " logs" in line and not has_log(place):
        return
    line = reset_people(place, line) if "pail admin" in line else reset_others(place, line)
    line = stand_in(place, line)
    if re.search(r"pail server", line):
        return serves(place, line)
    if "admin trace" in line:
        return traces(place, line)
    env = place.environment(PAIL_ADDRESS=f"127.0.0.1:{place.t.pail.port}")  # for --local
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True, timeout=SECONDS, cwd=place.folder)
    differs = "--compare" in line and done.returncode == 1
    true(done.returncode == 0 or differs,
         f"{line} ended with {done.returncode}: {done.stdout[-1500:]} {done.stderr[-1500:]}")
    if "--json" in line:
        true([json.loads(x) for x in ([done.stdout] if "admin" in line else done.stdout.splitlines())], "JSON")


def run_all(place, lines):
    problems = []
    for line in lines:
        try:
            run_example(place, line)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            problems.append(str(error))
    true(not problems, "\n".join(problems))


@case
def examples_of_all_commands(t):
    for name in commands(t.place):
        if name == "admin":
            continue
        found = examples_of(t.place.run(name, "--help").stdout)
        true(found, f"pail {name} --help has no examples")
        run_all(t.place, found)


@case
def examples_of_admin(t):
    for words in admin_commands(t.place):
        found = examples_of(t.place.run("admin", *words, "--help").stdout)
        true(found, f"pail admin {words} has no examples")
        run_all(t.place, found)


@case
def examples_of_readme(t):
    found = readme_examples()
    true(len(found) >= 8, f"README's lines: {found}")
    run_all(t.place, found)


# ---- pail admin ----

@case
def users_keys_policies_groups(t):
    p = t.place
    key = p.json("admin", "users", "create", "carol", "--key", "--policy", "readonly")
    shown = p.json("admin", "users", "show", "carol")
    equal((shown["AccessKeys"], shown["Policies"], shown["Groups"]), ([key["AccessKeyId"]], ["readonly"], []), "carol")
    true(key["SecretAccessKey"] not in p.run("admin", "users", "show", "carol", "--json").stdout +
         p.run("admin", "keys", "list", "carol", "--json").stdout, "secrets are shown once")
    hers = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    flags = ["--access-key", key["AccessKeyId"], "--secret-key", key["SecretAccessKey"]]
    contains(p.run("admin", "users", "list", *flags, code=1).stderr, "AccessDenied")
    contains(p.run("admin", "users", "list", *flags, code=1).stderr, "policy that allows it")
    own = dict(hers, PAIL_ROOT_USER="", PAIL_ROOT_PASSWORD="")
    contains(p.run("admin", "users", "list", code=1, **own).stderr, "AccessDenied")
    p.run("admin", "keys", "disable", key["AccessKeyId"])
    equal(p.json("admin", "keys", "list", "carol")[0]["Status"], "Inactive", "disabled")
    contains(p.run("admin", "users", "list", code=1, **own).stderr, "access key")
    p.run("admin", "keys", "enable", key["AccessKeyId"])
    equal(p.json("admin", "keys", "list", "carol")[0]["Status"], "Active", "enabled")
    p.run("admin", "groups", "create", "quartet")
    p.run("admin", "groups", "add", "quartet", "carol")
    p.run("admin", "policies", "attach", "readwrite", "--group", "quartet")
    group = p.json("admin", "groups", "show", "quartet")
    equal((group["Members"], group["Policies"]), (["carol"], ["readwrite"]), "group")
    contains(p.run("admin", "users", "delete", "carol", code=1).stderr, "take away first")
    p.run("admin", "users", "delete", "carol", "--force")
    equal(p.json("admin", "groups", "show", "quartet")["Members"], [], "she left")
    p.run("admin", "policies", "detach", "readwrite", "--group", "quartet")
    p.run("admin", "groups", "delete", "quartet")


@case
def policies_have_versions(t):
    p = t.place
    for n in range(4):
        with open(p.path("p.json"), "w") as f:
            json.dump(dict(POLICY, Id=f"v{n}"), f)
        p.run("admin", "policies", "create", "versioned", "p.json")
        equal(json.loads(p.run("admin", "policies", "show", "versioned").stdout)["Id"], f"v{n}", "newest")
    with open(p.path("p.json"), "w") as f:
        f.write('{"Version":\n nonsense')
    contains(p.run("admin", "policies", "create", "versioned", "p.json", code=1).stderr, "p.json is no JSON: line 2")
    contains(p.run("admin", "policies", "create", "versioned", "absent.json", code=1).stderr, "cannot be read")
    p.run("admin", "policies", "delete", "versioned")
    contains(p.run("admin", "policies", "show", "versioned", code=1).stderr, "there is no policy")


@case
def many_pages(t):
    p, iam = t.place, boto3.client("iam", endpoint_url=t.pail.endpoint, aws_access_key_id=t.pail.access_key,
                                   aws_secret_access_key=t.pail.secret_key, region_name="us-east-1")
    for n in range(130):
        iam.create_user(UserName=f"page-{n:03}")
    names = [u["UserName"] for u in p.json("admin", "users", "list") if u["UserName"].startswith("page-")]
    equal(names, [f"page-{n:03}" for n in range(130)], "all pages")
    for n in range(130):
        iam.delete_user(UserName=f"page-{n:03}")


@case
def buckets_and_quotas(t):
    p = t.place
    p.run("admin", "buckets", "create", "kept", "--versions")
    p.run("admin", "buckets", "create", "locked", "--object-lock")
    rows = {b["name"]: b for b in p.json("admin", "buckets", "list")}
    equal((rows["kept"]["versioning"], rows["locked"]["objectLock"]), ("enabled", True), "as asked for")
    p.run("admin", "quota", "set", "kept", "5MiB")
    equal(p.json("admin", "quota", "show", "kept")["quotaBytes"], 5 << 20, "quota")
    contains(p.run("admin", "buckets", "list").stdout, "5.0 MiB")
    for bad in ("5 apples", "0", "-1", "99999999999P"):
        contains(p.run("admin", "quota", "set", "kept", bad, code=2).stderr, "pail admin quota set")
    p.run("admin", "quota", "clear", "kept")
    equal(p.json("admin", "quota", "show", "kept")["quotaBytes"], None, "none")
    t.s3.put_object(Bucket="kept", Key="k", Body=b"1")
    contains(p.run("admin", "buckets", "delete", "kept", code=1).stderr, "delete its objects first")
    equal(p.json("admin", "buckets", "show", "kept")["usage"]["objects"], 1, "objects")
    contains(p.run("admin", "buckets", "show", "a/../b", code=2).stderr, "no name of a bucket")
    equal([b["name"] for b in p.json("admin", "buckets", "list", "--prefix", "loc")], ["locked"], "prefix")


@case
def status_and_health(t):
    p = t.place
    contains(p.run("admin", "status").stdout, "reads: yes, writes: yes")
    equal(p.json("admin", "status")["reads"], True, "reads")
    equal(p.json("admin", "health")["healthy"], True, "healthy")
    equal(p.run("admin", "health", PAIL_ROOT_USER="", PAIL_ROOT_PASSWORD="").returncode, 0, "without keys")
    nowhere = ["--endpoint", "http://127.0.0.1:1"]
    contains(p.run("admin", "health", *nowhere, code=1).stderr, "no answer")
    equal(json.loads(p.run("admin", "health", "--json", *nowhere, code=1).stdout)["healthy"], False, "unhealthy")
    contains(p.run("admin", "status", *nowhere, code=1).stderr, "is the server running?")


@case
def over_https(t):
    with Pail("cli-tls", tls=True) as server:
        where = ["--endpoint", server.endpoint, "--access-key", server.access_key, "--secret-key", server.secret_key]
        contains(t.place.run("admin", "status", *where, code=1).stderr, "certificate")
        contains(t.place.run("admin", "status", *where, "--ca-file", server.ca).stdout, "reads: yes")


@case
def traces_as_json(t):
    p = t.place
    traced = subprocess.Popen([p.binary, "admin", "trace", "--json", "--count", "3"], env=p.environment(), text=True,
                              stdout=subprocess.PIPE, cwd=p.folder)
    while traced.poll() is None:
        with contextlib.suppress(Exception):
            t.s3.head_bucket(Bucket="nobody-has-this")
    rows = [json.loads(line) for line in traced.communicate()[0].splitlines()]
    equal([r["http"]["response"]["statuscode"] for r in rows], [404] * 3, "three requests")


@case
def called_wrongly(t):
    for words in ([], ["frob"], ["users"], ["users", "frob"], ["users", "show"], ["users", "show", "a", "b"],
                  ["users", "list", "--frob"], ["users", "list", "--endpoint"], ["users", "list", "--json=1"],
                  ["users", "list", "--access-key", "x"], ["policies", "attach", "readonly"], ["users", "show", ""],
                  ["users", "list", "--endpoint", "ftp://x"], ["trace", "--count", "0"], ["logs", "--limit", "x"],
                  ["health", "--timeout", "x"], ["users", "create", "x", "--key=1"]):
        done = t.place.run("admin", *words, code=2)
        true(done.stderr.count("\n") == 1 and "--help` tells more" in done.stderr, f"one line: {done.stderr}")
    for words in (["completion"], ["completion", "tcsh"], ["completion", "bash", "zsh"], ["nonsense"]):
        contains(t.place.run(*words, code=2).stderr, "--help")
    for words in ([], ["users"], ["users", "create"]):
        contains(t.place.run("admin", *words, "--help").stdout, "Usage: pail admin")


@case
def control_characters_stay_away(t):
    """A server's answer never writes to the terminal what the terminal obeys."""
    name = "evil\x1b]0;x\x07.txt"
    with contextlib.suppress(Exception):
        t.s3.create_bucket(Bucket="evil")
    traced = subprocess.Popen([t.place.binary, "admin", "trace", "--count", "2"], env=t.place.environment(),
                              stdout=subprocess.PIPE, cwd=t.place.folder)
    while traced.poll() is None:
        t.s3.put_object(Bucket="evil", Key=name, Body=b"")
    true(b"\x1b" not in traced.communicate()[0], "no escape sequence")


# ---- completion ----

BASH = r"""
source "$1"; shift
complete -p pail >/dev/null
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_pail
printf '%s\n' "${COMPREPLY[@]}"
"""
CASES = [  # words typed; what is offered; what is not
    (["pail", ""], ["server", "admin", "key", "completion", "version"], ["man"]),
    (["pail", "admin", ""], ["users", "status", "trace"], ["list"]),
    (["pail", "admin", "users", ""], ["list", "create", "delete"], ["attach"]),
    (["pail", "admin", "users", "create", "--"], ["--key", "--policy", "--endpoint", "--json", "--help"], ["--force"]),
    (["pail", "admin", "users", "--json", "cr"], ["create"], ["delete"]),
    (["pail", "key", "ro"], ["rotate"], ["create"]),
    (["pail", "key", "list", "--"], ["--data", "--endpoint"], ["--vault-"]),
    (["pail", "account", ""], ["create", "list", "delete"], []),
    (["pail", "completion", ""], ["bash", "zsh", "fish"], []),
    (["pail", "server", "--sc"], ["--scrub-rate", "--scrub-interval"], ["--region"]),
    (["pail", "import", "--"], ["--dry-run", "--versions", "--endpoint", "--session-token"], []),
]


def check_offers(offered):
    for words, wanted, unwanted in CASES:
        found = offered(words)
        for word in wanted:
            true(word in found, f"{words}: {word} is not in {found}")
        for word in unwanted:
            true(word not in found, f"{words}: {word} is in {found}")


def script(t, shell, name):
    with open(t.place.path(name), "w") as f:
        f.write(t.place.run("completion", shell).stdout)
    return t.place.path(name)


@case
def completion_in_bash(t):
    path = script(t, "bash", "completion.bash")
    check_offers(lambda words: t.command("bash", "-euc", BASH, "bash", path, *words).stdout.split())
    equal(t.command("bash", "-euc", BASH, "bash", path, "pail", "server", "").stdout.strip(), "", "files are bash's")
    if shutil.which("shellcheck"):
        t.command("shellcheck", "-s", "bash", path)


@case
def completion_in_fish(t):
    if not shutil.which("fish"):
        t.skip("fish is not here")
    path = script(t, "fish", "completion.fish")
    check_offers(lambda words: [line.split("\t")[0] for line in t.command(
        "fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', path, " ".join(words),
        env=t.place.environment()).stdout.splitlines()])


ZSH = r"""
compdef() { : }
_describe() { local list; while [[ $1 == -* ]]; do shift 2; done; (( $# > 1 )) && list=$2 || list=$1
    print -l -- ${${(P)list}%%:*} }
_files() { : }
eval "$(<$1)"; shift
words=("$@"); CURRENT=$#
_pail
"""


@case
def completion_in_zsh(t):
    if not shutil.which("zsh"):
        t.skip("zsh is not here")
    path = script(t, "zsh", "_pail")
    # What zsh's own function would show is printed; it completes by prefix itself.
    check_offers(lambda words: [w for w in t.command("zsh", "-fc", ZSH, "zsh", path, *words).stdout.split()
                                if w.startswith(words[-1])])
    t.command("zsh", "-fc", f"fpath=({t.place.folder} $fpath); autoload -Uz compinit; compinit -u -D; "
              "[[ ${_comps[pail]} == _pail ]]", env=t.place.environment())


# ---- manual pages ----

@case
def manual_pages_are_clean(t):
    folder = t.folder()
    t.place.run("man", folder)
    pages = sorted(os.listdir(folder))
    equal(pages, sorted(["pail.1", *(f"pail-{name}.1" for name in commands(t.place))]), "pages")
    for page in pages:
        path = os.path.join(folder, page)
        if shutil.which("man"):
            done = t.command("man", "--warnings", "-E", "UTF-8", "-l", path, env=t.place.environment(MANPAGER="cat"))
            equal(done.stderr, "", f"warnings in {page}")
        if shutil.which("mandoc"):  # a build has no date of its own
            done = t.command("mandoc", "-T", "lint", "-W", "warning", path, ok=False)
            found = [line for line in done.stdout.splitlines() if "missing date" not in line]
            equal(found, [], f"warnings in {page}")
    with open(os.path.join(folder, "pail-server.1")) as f:
        page = f.read()
    for name in re.findall(r"^  (--[\w-]+)", t.place.run("server", "--help").stdout, re.M):
        contains(page, name.replace("-", "\\-"), "pail-server.1")
    with open(os.path.join(folder, "pail-admin.1")) as f:
        page = f.read()
    for words in admin_commands(t.place):
        contains(page, f".SS \"pail admin {' '.join(words)}\"", "pail-admin.1")


@case
def every_command_has_help(t):
    for name in commands(t.place):
        contains(t.place.run(name, "--help").stdout, f"Usage: pail {name}")
    for words in admin_commands(t.place):
        contains(t.place.run("admin", *words, "--help").stdout, f"Usage: pail admin {' '.join(words)}")


def main():
    os.makedirs(TEST_DIR, exist_ok=True)
    places = []

    def prepare(t):
        setup(t)
        places.append(t.place)

    try:
        return run_cases("cli", False, prepare, sys.argv[1:])
    finally:
        for place in places:
            place.other.stop()
            place.other.remove_data()


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
