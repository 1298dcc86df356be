#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a real MinIO to Pail, by docs/move.md to the letter; then everything that moved is compared.

It runs where PAIL_TEST_MINIO names a MinIO server's program, which is no part of `make test`: building that takes longer
than the rest. With Go 1.24 or newer:

    GOBIN=$PWD go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
    PAIL_TEST_MINIO=$PWD/minio make test SUITES=minio-move
"""
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import test_handbook
from cases import TEST_DIR, equal, pattern, report, true

MINIO = os.environ.get("PAIL_TEST_MINIO")
USER, SECRET = "minio-root", "minio-root-secret"
MIB = 1 << 20
KEYS = ["plain", "a/b/c", "sp ace", "plus+", "p%41", "ümläut/日本", "quote'\"<>&", "x" * 200, "empty"]
TEAM = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::plain"]},
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::plain/*"]}]}
PUBLIC = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::public/*"]}]}


class MinIO:
    """A server with one folder, on loopback."""

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix="minio-", dir=TEST_DIR)
        with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
            self.address, console = (f"127.0.0.1:{s.getsockname()[1]}" for s in (a, b))
        self.endpoint = f"http://{self.address}"
        env = dict(os.environ, MINIO_ROOT_USER=USER, MINIO_ROOT_PASSWORD=SECRET, HOME=self.place, MINIO_UPDATE="off",
                   MINIO_KMS_SECRET_KEY="key:" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
        with open(f"{self.place}/log", "wb") as log:
            self.process = subprocess.Popen([MINIO, "server", f"{self.place}/data", "--address", self.address,
                                             "--console-address", console], env=env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        try:
            self.s3 = client(self.endpoint, USER, SECRET)
            self.wait()
            self.mc("alias", "set", "it", self.endpoint, USER, SECRET)
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        for _ in range(300):
            try:
                return self.s3.list_buckets()
            except Exception:
                time.sleep(0.1)
        with open(f"{self.place}/log", errors="replace") as f:
            raise AssertionError("MinIO does not answer:\n" + f.read()[-2000:])

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.place, ignore_errors=True)

    def mc(self, *words):
        done = subprocess.run([test_handbook.MC, "--config-dir", f"{self.place}/mc", "--json", *words], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        equal(done.returncode, 0, f"mc {words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def file(self, name, content):
        with open(f"{self.place}/{name}", "w") as f:
            json.dump(content, f)
        return f"{self.place}/{name}"


def client(endpoint, access, secret):
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                        region_name="us-east-1", config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))


# ---- what is there ----

def fill_plain(s3):
    s3.create_bucket(Bucket="plain")
    for i, key in enumerate(KEYS):
        s3.put_object(Bucket="plain", Key=key, Body=b"" if key == "empty" else pattern(1000 * i + 1, i),
                      ContentType="text/x-odd", Metadata={"color": f"c{i}"}, CacheControl="max-age=60",
                      ContentLanguage="de", ContentDisposition='attachment; filename="a.txt"', Tagging=f"n={i}&kind=a%20b")
    s3.put_object(Bucket="plain", Key="large", Body=pattern(20 * MIB), Metadata={"of": "one piece"})
    upload = s3.create_multipart_upload(Bucket="plain", Key="parts", ContentType="video/mp4", Metadata={"made": "in parts"})
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="plain", Key="parts", UploadId=upload["UploadId"], PartNumber=n,
                                                      Body=pattern(size, n))["ETag"]}
             for n, size in ((1, 5 * MIB), (2, 7 * MIB), (4, 12345))]
    s3.complete_multipart_upload(Bucket="plain", Key="parts", UploadId=upload["UploadId"], MultipartUpload={"Parts": parts})
    s3.put_bucket_tagging(Bucket="plain", Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    s3.put_object(Bucket="plain", Key="sealed", Body=pattern(MIB, 9), ServerSideEncryption="AES256")


def fill_versions(s3):
    s3.create_bucket(Bucket="versions")
    s3.put_object(Bucket="versions", Key="before", Body=b"null version")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    for i in range(3):
        s3.put_object(Bucket="versions", Key="three", Body=b"v%d" % i, Metadata={"v": str(i)}, Tagging=f"v={i}")
    s3.put_object(Bucket="versions", Key="gone", Body=b"hidden")
    s3.delete_object(Bucket="versions", Key="gone")
    s3.delete_object(Bucket="versions", Key="three")
    s3.put_object(Bucket="versions", Key="three", Body=b"again")
    s3.put_bucket_lifecycle_configuration(Bucket="versions", LifecycleConfiguration={"Rules": [
        {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 30}}]})


def fill_others(s3):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    s3.put_object(Bucket="locked", Key="kept", Body=b"k", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    s3.put_object(Bucket="locked", Key="held", Body=b"h", ObjectLockLegalHoldStatus="ON")
    s3.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}}})
    s3.create_bucket(Bucket="public")
    s3.put_object(Bucket="public", Key="page", Body=b"for all")
    s3.create_bucket(Bucket="suspended")
    s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": "Enabled"})
    for i in range(2):
        s3.put_object(Bucket="suspended", Key="key", Body=b"%d" % i)
    s3.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket="suspended", Key="key", Body=b"null version")
    s3.create_bucket(Bucket="nothing.in-it")


def fill_people(minio):
    mc = minio.mc
    mc("admin", "policy", "create", "it", "team", minio.file("team.json", TEAM))
    mc("admin", "user", "add", "it", "alice", "alice-secret-1")
    mc("admin", "user", "add", "it", "bob", "bob-secret-12")
    mc("admin", "user", "add", "it", "carol", "carol-secret-1")
    mc("admin", "policy", "attach", "it", "team", "--user", "alice")
    mc("admin", "group", "add", "it", "staff", "bob")
    mc("admin", "policy", "attach", "it", "readwrite", "--group", "staff")
    mc("admin", "user", "disable", "it", "carol")
    mc("admin", "user", "svcacct", "add", "it", "alice", "--access-key", "ALICEAPP1", "--secret-key", "alice-app-secret")
    mc("quota", "set", "it/plain", "--size", "1GiB")


# ---- what came ----

def settings(call, *drop):
    """What a call says of a setting, or the code of its error."""
    try:
        return {k: v for k, v in call().items() if k not in ("ResponseMetadata", *drop)}
    except ClientError as error:
        return error.response["Error"]["Code"]


def object_of(s3, bucket, key, version):
    reply = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    tags = s3.get_object_tagging(Bucket=bucket, Key=key, VersionId=version)["TagSet"]
    names = ("ContentType", "Metadata", "CacheControl", "ContentLanguage", "ContentDisposition", "ObjectLockMode",
             "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus")
    kept = {name: reply.get(name) for name in names}
    for note in ("mtime", "pail-source-etag"):  # what the import adds: nobody can set a date or an ETag
        kept["Metadata"].pop(note, None)
    return dict(kept, tags=sorted((t["Key"], t["Value"]) for t in tags), body=hashlib.sha256(reply["Body"].read()).hexdigest())


def versions_of(s3, bucket):
    """Each key's versions in the order of the list, newest first; a marker is None."""
    found, texts = {}, []
    keep = lambda response_dict, **_: texts.append(response_dict["body"].decode())  # noqa: E731
    s3.meta.events.register("before-parse.s3.ListObjectVersions", keep)
    page = s3.list_object_versions(Bucket=bucket)
    s3.meta.events.unregister("before-parse.s3.ListObjectVersions", keep)
    true(not page["IsTruncated"], "one page is enough")
    for kind, entry in re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>", texts[-1], re.S):
        version = re.search(r"<VersionId>(.*?)<", entry).group(1)
        key = urllib.parse.unquote_plus(re.search(r"<Key>(.*?)<", entry, re.S).group(1))  # boto3 asks for them so
        found.setdefault(key, []).append(None if kind == "DeleteMarker" else object_of(s3, bucket, key, version))
    return found


def bucket_of(s3, name):
    policy = settings(lambda: s3.get_bucket_policy(Bucket=name))
    return {"versioning": settings(lambda: s3.get_bucket_versioning(Bucket=name), "MFADelete"),
            "tags": settings(lambda: s3.get_bucket_tagging(Bucket=name)),
            "policy": json.loads(policy["Policy"])["Statement"] if isinstance(policy, dict) else policy,
            "lifecycle": settings(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name)),
            "lock": settings(lambda: s3.get_object_lock_configuration(Bucket=name))}


def simple(value):
    """Without what the two say differently of the same: order, one or many."""
    if isinstance(value, dict):
        return {k: simple(v) for k, v in value.items() if k != "TransitionDefaultMinimumObjectSize"}
    if isinstance(value, list):
        return simple(value[0]) if len(value) == 1 else sorted(map(simple, value), key=json.dumps)
    return value


def answer(call):
    try:
        call()
        return "yes"
    except ClientError as error:
        return error.response["Error"]["Code"]


def people_may(endpoint):
    """What each of them is answered, old server and new."""
    said = {}
    for access, secret in (("alice", "alice-secret-1"), ("ALICEAPP1", "alice-app-secret"), ("bob", "bob-secret-12"),
                           ("carol", "carol-secret-1")):
        s3 = client(endpoint, access, secret)
        said[access, secret] = (answer(lambda: s3.get_object(Bucket="plain", Key="plain")),
                                answer(lambda: s3.list_objects_v2(Bucket="versions")),
                                answer(lambda: s3.put_object(Bucket="plain", Key="new", Body=b"")))
    return said


def a_public_bucket(minio, machine, s3, env):
    """It stays closed until somebody says that it may be open; the page tells how."""
    minio.s3.put_bucket_policy(Bucket="public", Policy=json.dumps(PUBLIC))
    command = [f"{machine.root}/usr/local/bin/pail", "import", "s3://", "s3://", "--all-buckets", "--versions",
               "--endpoint", minio.endpoint]
    env = dict(env, AWS_ACCESS_KEY_ID=USER, AWS_SECRET_ACCESS_KEY=SECRET)
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    equal(done.returncode, 1, f"what the import says of it: {done.stdout}{done.stderr}")
    true("BlockPublicPolicy" in done.stdout + done.stderr, f"why: {done.stdout}{done.stderr}")
    s3.delete_public_access_block(Bucket="public")
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    equal(done.returncode, 0, f"the import after that: {done.stdout}{done.stderr}")


def compare(minio):
    def after(machine):
        with open(f"{machine.root}/etc/pail/pail.env") as f:
            made = dict(line.strip().split("=", 1) for line in f if "=" in line)
        endpoint = f"http://127.0.0.1:{machine.ports['9000']}"
        s3 = client(endpoint, made["PAIL_ROOT_USER"], made["PAIL_ROOT_PASSWORD"])
        env = dict(machine.environment(), PAIL_ENDPOINT=endpoint, **made)
        a_public_bucket(minio, machine, s3, env)
        names = {b["Name"] for b in minio.s3.list_buckets()["Buckets"]}
        true(names <= {b["Name"] for b in s3.list_buckets()["Buckets"]}, "all buckets came")
        for name in sorted(names):
            equal(simple(bucket_of(s3, name)), simple(bucket_of(minio.s3, name)), f"settings of {name}")
            equal(versions_of(s3, name), versions_of(minio.s3, name), f"versions in {name}")
        equal(people_may(endpoint), people_may(minio.endpoint), "what people may")
        quota = subprocess.run([f"{machine.root}/usr/local/bin/pail", "admin", "quota", "show", "plain", "--json"],
                               env=env, capture_output=True, text=True)
        true(str(1 << 30) in quota.stdout, f"the quota: {quota.stdout}{quota.stderr}")
    return after


def main():
    os.makedirs(TEST_DIR, exist_ok=True)
    if not MINIO:
        report(True, "a_real_minio_moves", skip="PAIL_TEST_MINIO names no MinIO server")
        return 0
    start = time.monotonic()
    with MinIO() as minio:
        for fill in (fill_plain, fill_versions, fill_others):
            fill(minio.s3)
        fill_people(minio)
        before = versions_of(minio.s3, "versions")
        wrong, said = None, ""
        try:
            wrong, said = test_handbook.follow_with("move.md", {"OLD": minio.endpoint, "OLD_KEY": USER, "OLD_SECRET": SECRET},
                                                    compare(minio))
            equal(versions_of(minio.s3, "versions"), before, "the old server afterwards")
        except AssertionError as error:
            wrong = str(error)
    report(not wrong, f"a_real_minio_moves ({time.monotonic() - start:.1f} s)", wrong or (said if "-v" in sys.argv else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
