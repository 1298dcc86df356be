#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""s3cmd as Debian packages it; with PAIL_TEST_SIGNATURE=2 it signs with version 2."""
import hashlib
import os

from cases import case, contains, equal, main, pattern, true

MIB = 1024 * 1024
SIGNATURE_2 = os.environ.get("PAIL_TEST_SIGNATURE") == "2"


def setup(t):
    folder = t.folder()
    host = f"{t.pail.host}:{t.pail.port}"
    with open(f"{folder}/s3cfg", "w") as f:
        f.write(f"[default]\naccess_key = {t.pail.access_key}\nsecret_key = {t.pail.secret_key}\nhost_base = {host}\n"
                f"host_bucket = {host}\nuse_https = {t.pail.tls}\nca_certs_file = {t.pail.ca or ''}\n"
                f"signature_v2 = {SIGNATURE_2}\n")
    t.s3cmd = lambda *words, **more: t.command("s3cmd", "-c", f"{folder}/s3cfg", "--no-progress", *words,
                                               env=dict(os.environ, LC_ALL="C.UTF-8"), **more)


def made_bucket(t):
    name = t.bucket_name()
    t.s3cmd("mb", f"s3://{name}")
    return name


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


@case
def signs_as_it_is_told(t):
    said = t.s3cmd("--debug", "ls").stderr
    true(("AWS4-HMAC-SHA256" in said) != SIGNATURE_2, "the version of the signature")


@case
def mb_ls_rb(t):
    bucket = made_bucket(t)
    contains(t.s3cmd("ls").stdout, f"s3://{bucket}", "ls")
    contains(t.s3cmd("info", f"s3://{bucket}", ok=False).stdout, "us-east-1", "info")
    t.s3cmd("rb", f"s3://{bucket}")
    true(f"s3://{bucket}" not in t.s3cmd("ls").stdout, "gone")
    done = t.s3cmd("ls", f"s3://{bucket}", ok=False)
    true(done.returncode != 0 and "NoSuchBucket" in done.stderr, done.stderr)


@case
def put_get_info_del(t):
    bucket, folder = made_bucket(t), t.folder()
    file = write(f"{folder}/a b+ü.txt", b"hello from s3cmd\n")
    t.s3cmd("put", "--add-header", "x-amz-meta-colour: blue", file, f"s3://{bucket}/dir/")
    contains(t.s3cmd("ls", "-r", f"s3://{bucket}").stdout, f"s3://{bucket}/dir/a b+ü.txt", "ls -r")
    done = t.s3cmd("info", f"s3://{bucket}/dir/a b+ü.txt", ok=False).stdout
    contains(done, hashlib.md5(b"hello from s3cmd\n").hexdigest(), "info")
    contains(done, "blue", "info")
    t.s3cmd("get", f"s3://{bucket}/dir/a b+ü.txt", f"{folder}/down")
    with open(f"{folder}/down", "rb") as f:
        equal(f.read(), b"hello from s3cmd\n", "file")
    t.s3cmd("cp", f"s3://{bucket}/dir/a b+ü.txt", f"s3://{bucket}/copy")
    t.s3cmd("mv", f"s3://{bucket}/copy", f"s3://{bucket}/moved")
    t.s3cmd("del", f"s3://{bucket}/dir/a b+ü.txt")
    equal([line.split()[-1] for line in t.s3cmd("ls", "-r", f"s3://{bucket}").stdout.splitlines()], [f"s3://{bucket}/moved"], "left")
    t.s3cmd("del", "--recursive", "--force", f"s3://{bucket}")
    t.s3cmd("rb", f"s3://{bucket}")


@case
def sync_both_ways(t):
    bucket, folder = made_bucket(t), t.folder()
    for n in range(15):
        write(f"{folder}/one/d{n % 3}/f {n}", pattern(n * 999, n))
    t.s3cmd("sync", f"{folder}/one/", f"s3://{bucket}/tree/")
    t.s3cmd("sync", f"s3://{bucket}/tree/", f"{folder}/two/")
    equal(t.command("diff", "-r", f"{folder}/one", f"{folder}/two", ok=False).stdout, "", "diff -r")
    os.remove(f"{folder}/one/d0/f 3")
    t.s3cmd("sync", "--delete-removed", f"{folder}/one/", f"s3://{bucket}/tree/")
    true(f"s3://{bucket}/tree/d0/f 3\n" not in t.s3cmd("ls", "-r", f"s3://{bucket}").stdout, "removed")
    contains(t.s3cmd("du", f"s3://{bucket}").stdout, "14 objects", "du")


@case
def multipart(t):
    bucket, folder = made_bucket(t), t.folder()
    file = write(f"{folder}/big", pattern(40 * MIB + 5))  # parts of 15 MiB by default
    t.s3cmd("put", file, f"s3://{bucket}/big")
    t.s3cmd("get", f"s3://{bucket}/big", f"{folder}/down")
    equal(t.command("cmp", file, f"{folder}/down", ok=False).returncode, 0, "cmp")
    equal(t.s3cmd("multipart", f"s3://{bucket}").stdout.count("\n"), 2, "no upload is left")


@case
def payer(t):
    bucket = made_bucket(t)
    for words, payer in (((), "BucketOwner"), (("--requester-pays",), "Requester")):
        t.s3cmd("payer", *words, f"s3://{bucket}")
        contains(t.s3cmd("info", f"s3://{bucket}").stdout, payer, "info")


@case
def lifecycle(t):
    """`expire` writes the new spelling; setlifecycle here the old one, with the transitions in use the most."""
    bucket, folder = made_bucket(t), t.folder()
    t.s3cmd("expire", f"s3://{bucket}", "--expiry-days=5", "--expiry-prefix=tmp/")
    contains("".join(t.s3cmd("getlifecycle", f"s3://{bucket}").stdout.split()), "<Filter><Prefix>tmp/</Prefix></Filter>")
    rule = ("<Rule><ID>x</ID><Prefix>logs/</Prefix><Status>Enabled</Status>"
            "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
            "<Transition><Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>"
            "<Expiration><Days>365</Days></Expiration></Rule>")
    file = write(f"{folder}/rules", f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode())
    t.s3cmd("setlifecycle", file, f"s3://{bucket}")
    contains("".join(t.s3cmd("getlifecycle", f"s3://{bucket}").stdout.split()), rule)
    t.s3cmd("dellifecycle", f"s3://{bucket}")
    contains(t.s3cmd("getlifecycle", f"s3://{bucket}", ok=False).stderr, "NoSuchLifecycleConfiguration")


@case
def wrong_secret(t):
    bucket, folder = made_bucket(t), t.folder()
    write(f"{folder}/f", b"x")
    done = t.s3cmd("--secret_key=wrong", "put", f"{folder}/f", f"s3://{bucket}/f", ok=False)
    true(done.returncode != 0 and "SignatureDoesNotMatch" in done.stderr, done.stderr)
    equal(t.s3cmd("ls", f"s3://{bucket}").stdout, "", "nothing was stored")


if __name__ == "__main__":
    main("sdk-s3cmd", setup)
