#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The MinIO client, mc, as `go install github.com/minio/mc@...` gives it."""
import json
import os
import shutil
import ssl
import urllib.request

import clients
from cases import case, contains, equal, main, pattern, true

MIB = 1024 * 1024


def setup(t):
    config = t.folder()
    if t.pail.ca:
        os.makedirs(f"{config}/certs/CAs")
        shutil.copy(t.pail.ca, f"{config}/certs/CAs/pail.crt")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MC_", "AWS_"))}
    env["HOME"] = config
    t.mc = lambda *words, **more: t.command(clients.path("mc", "mc"), "--config-dir", config, "--no-color", "--json", *words,
                                            env=env, **more)
    t.mc("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def made_bucket(t):
    name = t.bucket_name()
    t.mc("mb", f"pail/{name}")
    return name


def tree(folder, count=20):
    for n in range(count):
        path = f"{folder}/d{n % 3}/file {n}.bin"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(pattern(500 * n, n))
        # mc diff compares times too, and S3's have whole seconds.
        os.utime(path, (1700000000, 1700000000))


@case
def alias_with_a_wrong_secret(t):
    done = t.mc("alias", "set", "wrong", t.pail.endpoint, t.pail.access_key, "wrong-secret", ok=False)
    true(done.returncode != 0, "the alias is refused")
    contains(done.stdout + done.stderr, "signature", "what mc says")


@case
def mb_ls_rb(t):
    bucket = made_bucket(t)
    true(f"{bucket}/" in [entry["key"] for entry in lines(t.mc("ls", "pail"))], "ls")
    t.mc("rb", f"pail/{bucket}")
    true(f"{bucket}/" not in [entry["key"] for entry in lines(t.mc("ls", "pail"))], "gone")
    true(t.mc("ls", f"pail/{bucket}", ok=False).returncode != 0, "a missing bucket is an error")


@case
def cp_cat_stat_rm(t):
    bucket, folder = made_bucket(t), t.folder()
    with open(f"{folder}/f", "wb") as f:
        f.write(b"text of mc\n")
    t.mc("cp", "--attr", "colour=blue", f"{folder}/f", f"pail/{bucket}/dir/a b+ü.txt")
    equal(t.mc("cat", f"pail/{bucket}/dir/a b+ü.txt").stdout, "text of mc\n", "cat")
    stat = lines(t.mc("stat", f"pail/{bucket}/dir/a b+ü.txt"))[0]
    equal((stat["size"], stat["metadata"]["X-Amz-Meta-Colour"]), (11, "blue"), "stat")
    t.mc("cp", f"pail/{bucket}/dir/a b+ü.txt", f"pail/{bucket}/copy")
    t.mc("cp", f"pail/{bucket}/copy", f"{folder}/down")
    with open(f"{folder}/down", "rb") as f:
        equal(f.read(), b"text of mc\n", "file")
    listed = [(e["key"], e["size"]) for e in lines(t.mc("ls", "--recursive", f"pail/{bucket}"))]
    equal(sorted(listed), [("copy", 11), ("dir/a b+ü.txt", 11)], "ls --recursive")
    t.mc("pipe", f"pail/{bucket}/piped", stdin="from a pipe")
    equal(t.mc("cat", f"pail/{bucket}/piped").stdout, "from a pipe", "pipe")
    t.mc("mv", f"pail/{bucket}/piped", f"pail/{bucket}/moved")
    equal(t.mc("head", "-n", "1", f"pail/{bucket}/moved").stdout.strip(), "from a pipe", "mv")
    t.mc("rm", f"pail/{bucket}/copy")
    true(t.mc("stat", f"pail/{bucket}/copy", ok=False).returncode != 0, "removed")
    t.mc("rm", "--recursive", "--force", f"pail/{bucket}")
    equal(lines(t.mc("ls", "--recursive", f"pail/{bucket}")), [], "nothing left")


@case
def mirror_and_diff(t):
    bucket, folder = made_bucket(t), t.folder()
    tree(f"{folder}/one")
    t.mc("mirror", f"{folder}/one", f"pail/{bucket}/tree")
    equal(lines(t.mc("diff", f"{folder}/one", f"pail/{bucket}/tree")), [], "no difference")
    os.remove(f"{folder}/one/d0/file 3.bin")
    differences = lines(t.mc("diff", f"{folder}/one", f"pail/{bucket}/tree"))
    equal(len(differences), 1, "one difference")
    t.mc("mirror", "--overwrite", "--remove", f"{folder}/one", f"pail/{bucket}/tree")
    equal(lines(t.mc("diff", f"{folder}/one", f"pail/{bucket}/tree")), [], "no difference again")
    t.mc("mirror", f"pail/{bucket}/tree", f"{folder}/two")
    done = t.command("diff", "-r", f"{folder}/one", f"{folder}/two", ok=False)
    equal((done.returncode, done.stdout), (0, ""), "diff -r")
    usage = lines(t.mc("du", f"pail/{bucket}"))[-1]
    equal(usage["objects"], 19, "du")
    equal(len(lines(t.mc("find", f"pail/{bucket}", "--name", "file 1*.bin"))), 11, "find")


@case
def a_large_file_in_parts(t):
    bucket, folder = made_bucket(t), t.folder()
    with open(f"{folder}/big", "wb") as f:
        f.write(pattern(100 * MIB + 3))
    t.mc("cp", f"{folder}/big", f"pail/{bucket}/big")
    true("-" in lines(t.mc("stat", f"pail/{bucket}/big"))[0]["etag"], "several parts")
    t.mc("cp", f"pail/{bucket}/big", f"{folder}/down")
    equal(t.command("cmp", f"{folder}/big", f"{folder}/down").returncode, 0, "cmp")


@case
def tags_retention_and_legal_hold(t):
    bucket, folder = t.bucket_name(), t.folder()
    t.mc("mb", "--with-lock", f"pail/{bucket}")
    with open(f"{folder}/f", "wb") as f:
        f.write(b"keep me")
    here = f"pail/{bucket}/f"
    t.mc("tag", "set", f"pail/{bucket}", "team=one")
    equal(lines(t.mc("tag", "list", f"pail/{bucket}"))[0]["tagset"], {"team": "one"}, "bucket tags")
    t.mc("cp", "--tags", "a=b&c=d", f"{folder}/f", here)
    equal(lines(t.mc("tag", "list", here))[0]["tagset"], {"a": "b", "c": "d"}, "tags")
    t.mc("retention", "set", "--default", "GOVERNANCE", "30d", f"pail/{bucket}")
    contains(t.mc("retention", "info", "--default", f"pail/{bucket}").stdout, "GOVERNANCE", "default")
    t.mc("cp", f"{folder}/f", here)
    contains(t.mc("retention", "info", here).stdout, "GOVERNANCE", "retention")
    t.mc("legalhold", "set", here)
    contains(t.mc("legalhold", "info", here).stdout, '"ON"', "hold")
    true(t.mc("rm", "--versions", "--force", "--bypass", here, ok=False).returncode != 0, "a hold knows no bypass")
    t.mc("legalhold", "clear", here)
    true(t.mc("rm", "--versions", "--force", here, ok=False).returncode != 0, "retained")
    equal(t.mc("cat", here).stdout, "keep me", "the object is there")
    t.mc("rm", "--versions", "--force", "--bypass", here)
    equal(lines(t.mc("ls", "--versions", f"pail/{bucket}")), [], "bypassed")


@case
def encryption(t):
    bucket, folder = made_bucket(t), t.folder()
    with open(f"{folder}/f", "wb") as f:
        f.write(pattern(20 * MIB))  # in parts
    t.mc("encrypt", "set", "sse-s3", f"pail/{bucket}")
    contains(t.mc("encrypt", "info", f"pail/{bucket}").stdout, "AES256", "sse-s3")
    t.mc("encrypt", "set", "sse-kms", "aws-s3", f"pail/{bucket}")
    contains(t.mc("encrypt", "info", f"pail/{bucket}").stdout, "aws-s3", "sse-kms")
    t.mc("encrypt", "clear", f"pail/{bucket}")
    customer = ["--enc-c", f"pail/{bucket}=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"]
    ways = [["--enc-s3", f"pail/{bucket}"], ["--enc-kms", f"pail/{bucket}=aws-s3"]] + [customer] * t.pail.tls
    for n, flags in enumerate(ways):
        read = flags if flags is customer else []
        t.mc("cp", *flags, f"{folder}/f", f"pail/{bucket}/{n}")
        t.mc("cp", *read, f"pail/{bucket}/{n}", f"{folder}/back")
        equal(t.command("cmp", f"{folder}/f", f"{folder}/back", ok=False).stdout, "", "the bytes")
        if flags is customer:
            true(t.mc("cat", f"pail/{bucket}/{n}", ok=False).returncode != 0, "not without the key")


@case
def share(t):
    bucket = made_bucket(t)
    t.mc("pipe", f"pail/{bucket}/k", stdin="shared")
    url = lines(t.mc("share", "download", "--expire", "1h", f"pail/{bucket}/k"))[0]["share"]
    equal(fetch(t, url), b"shared", "the shared link")


def fetch(t, url):
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
    with urllib.request.urlopen(url, context=context, timeout=30) as answer:
        return answer.read()


if __name__ == "__main__":
    main("sdk-mc", setup)
