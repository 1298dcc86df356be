#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""restic as Debian packages it: a repository in a bucket, backups, a check of every byte, a restore."""
import json
import os

from cases import case, equal, main, pattern, true

MIB = 1024 * 1024


def setup(t):
    t.home = t.folder()

    def restic(bucket, *words, **more):
        env = dict(t.pail.aws_environment(), RESTIC_PASSWORD="test", RESTIC_CACHE_DIR=f"{t.home}/cache",
                   RESTIC_REPOSITORY=f"s3:{t.pail.endpoint}/{bucket}/repo")
        certificate = ["--cacert", t.pail.ca] if t.pail.ca else []
        return t.command("restic", *certificate, *words, env=env, **more)
    t.restic = restic


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


@case
def backup_check_restore_forget(t):
    bucket, folder = t.bucket_name(), t.folder()
    for n in range(60):
        write(f"{folder}/one/d{n % 7}/file {n}", pattern(n * 9999, n))
    write(f"{folder}/one/big", pattern(40 * MIB))
    t.restic(bucket, "init")  # makes the bucket, too
    t.restic(bucket, "backup", f"{folder}/one")
    t.restic(bucket, "check", "--read-data")
    os.remove(f"{folder}/one/d3/file 3")
    write(f"{folder}/one/new", b"second backup")
    t.restic(bucket, "backup", f"{folder}/one")
    snapshots = json.loads(t.restic(bucket, "snapshots", "--json").stdout)
    equal(len(snapshots), 2, "snapshots")
    t.restic(bucket, "restore", "latest", "--target", f"{folder}/back")
    equal(t.command("diff", "-r", f"{folder}/one", f"{folder}/back{folder}/one", ok=False).stdout, "", "diff -r")
    t.restic(bucket, "forget", "--keep-last", "1", "--prune")
    equal(len(json.loads(t.restic(bucket, "snapshots", "--json").stdout)), 1, "snapshots left")
    t.restic(bucket, "check", "--read-data")


@case
def several_backups_at_once(t):
    bucket, folder = t.bucket_name(), t.folder()
    t.restic(bucket, "init")
    from concurrent.futures import ThreadPoolExecutor
    for n in range(4):
        write(f"{folder}/{n}/data", pattern(3 * MIB, n))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: t.restic(bucket, "backup", f"{folder}/{n}"), range(4)))
    equal(len(json.loads(t.restic(bucket, "snapshots", "--json").stdout)), 4, "snapshots")
    t.restic(bucket, "check", "--read-data")
    true(t.restic(bucket, "list", "locks").stdout.strip() == "", "no lock is left")


@case
def a_wrong_password_or_secret(t):
    bucket = t.bucket_name()
    t.restic(bucket, "init")
    env = dict(t.pail.aws_environment(), RESTIC_PASSWORD="test", AWS_SECRET_ACCESS_KEY="wrong",
               RESTIC_REPOSITORY=f"s3:{t.pail.endpoint}/{bucket}/repo", RESTIC_CACHE_DIR=f"{t.home}/cache")
    certificate = ["--cacert", t.pail.ca] if t.pail.ca else []
    done = t.command("restic", *certificate, "snapshots", env=env, ok=False, timeout=60)
    true(done.returncode != 0, "the secret is refused")


if __name__ == "__main__":
    main("sdk-restic", setup)
