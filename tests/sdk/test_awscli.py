#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The aws CLI as `pip install awscli` gives it: aws s3 as people type it, and aws s3api for every operation."""
import filecmp
import hashlib
import json
import os
import ssl
import time
import urllib.error
import urllib.request

import clients
from cases import case, contains, equal, main, pattern, true

AWS = clients.path("python", "bin", "aws")
MIB = 1024 * 1024


def setup(t):
    env = t.pail.aws_environment()
    env.update(AWS_PAGER="", AWS_CLI_HISTORY_FILE="/dev/null", HOME=t.folder())
    t.aws = lambda *words, **more: t.command(AWS, *words, env=env, **more)
    t.api = lambda operation, *words, **more: parsed(t.aws("s3api", operation, *words, "--output", "json", **more))


def parsed(done):
    return json.loads(done.stdout) if done.stdout.strip() else {}


def made_bucket(t):
    name = t.bucket_name()
    t.aws("s3", "mb", f"s3://{name}")
    return name


def refused(t, code, *words):
    """The command must fail and name this error."""
    done = t.aws(*words, ok=False)
    true(done.returncode not in (0, None), f"{words} was expected to fail")
    contains(done.stderr, code, f"what {words[0]} {words[1]} says")


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def same_trees(one, two):
    def tree(root):
        return {os.path.relpath(os.path.join(d, f), root): read(os.path.join(d, f))
                for d, _, files in os.walk(root) for f in files}
    left, right = tree(one), tree(two)
    equal(sorted(left), sorted(right), "files")
    true(left == right, "contents")


def fetch(t, url):
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
    try:
        with urllib.request.urlopen(url, context=context, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


# --- aws s3 ------------------------------------------------------------------------------

@case
def mb_ls_rb(t):
    bucket = made_bucket(t)
    contains(t.aws("s3", "ls").stdout, bucket, "ls")
    equal(t.aws("s3", "ls", f"s3://{bucket}").stdout, "", "an empty bucket")
    t.aws("s3", "rb", f"s3://{bucket}")
    true(bucket not in t.aws("s3", "ls").stdout, "the bucket is gone")
    refused(t, "NoSuchBucket", "s3", "ls", f"s3://{bucket}")


@case
def cp_up_down_and_across(t):
    bucket, folder = made_bucket(t), t.folder()
    file = write(f"{folder}/a b+ü.txt", b"hello from the CLI\n")
    t.aws("s3", "cp", file, f"s3://{bucket}/dir/")
    t.aws("s3", "cp", f"s3://{bucket}/dir/a b+ü.txt", f"{folder}/down")
    equal(read(f"{folder}/down"), b"hello from the CLI\n", "file")
    t.aws("s3", "cp", f"s3://{bucket}/dir/a b+ü.txt", f"s3://{bucket}/copy")
    equal(t.aws("s3", "cp", f"s3://{bucket}/copy", "-").stdout, "hello from the CLI\n", "cp to standard output")
    t.aws("s3", "cp", "-", f"s3://{bucket}/stream", stdin="from a pipe")
    equal(t.aws("s3", "cp", f"s3://{bucket}/stream", "-").stdout, "from a pipe", "cp from standard input")
    head = t.api("head-object", "--bucket", bucket, "--key", "dir/a b+ü.txt")
    equal(head["ContentType"], "text/plain", "the guessed type")
    refused(t, "404", "s3", "cp", f"s3://{bucket}/missing", f"{folder}/missing")


@case
def ls_in_all_its_forms(t):
    bucket = made_bucket(t)
    for key in ("a.txt", "dir/b.txt", "dir/sub/c.txt"):
        t.aws("s3", "cp", "-", f"s3://{bucket}/{key}", stdin="12345")
    lines = [line.split() for line in t.aws("s3", "ls", f"s3://{bucket}/").stdout.splitlines()]
    equal([line[-1] for line in lines], ["dir/", "a.txt"], "one level")
    deep = t.aws("s3", "ls", "--recursive", "--summarize", "--human-readable", f"s3://{bucket}").stdout
    for part in ("a.txt", "dir/b.txt", "dir/sub/c.txt", "Total Objects: 3", "Total Size: 15 Bytes", "5 Bytes"):
        contains(deep, part, "ls --recursive")
    equal([line.split()[-1] for line in t.aws("s3", "ls", f"s3://{bucket}/dir/").stdout.splitlines()], ["sub/", "b.txt"], "ls dir/")


@case
def mv_and_rm(t):
    bucket, folder = made_bucket(t), t.folder()
    file = write(f"{folder}/f", b"move me")
    t.aws("s3", "mv", file, f"s3://{bucket}/f")
    true(not os.path.exists(file), "mv removes the file")
    t.aws("s3", "mv", f"s3://{bucket}/f", f"s3://{bucket}/g")
    refused(t, "404", "s3api", "head-object", "--bucket", bucket, "--key", "f")
    t.aws("s3", "mv", f"s3://{bucket}/g", file)
    equal(read(file), b"move me", "file")
    for n in range(12):
        write(f"{folder}/many/{n}", b"")
    t.aws("s3", "cp", "--recursive", f"{folder}/many", f"s3://{bucket}/many")
    t.aws("s3", "rm", f"s3://{bucket}/many/3")
    t.aws("s3", "rm", "--recursive", "--exclude", "1*", f"s3://{bucket}/many")
    left = [o["Key"] for o in t.api("list-objects-v2", "--bucket", bucket)["Contents"]]
    equal(left, ["many/1", "many/10", "many/11"], "what was excluded")
    refused(t, "BucketNotEmpty", "s3", "rb", f"s3://{bucket}")
    t.aws("s3", "rb", "--force", f"s3://{bucket}")
    refused(t, "404", "s3api", "head-bucket", "--bucket", bucket)


@case
def sync_up_and_down(t):
    bucket, folder = made_bucket(t), t.folder()
    one, two = f"{folder}/one", f"{folder}/two"
    for n in range(30):
        # An older time: sync compares it with S3's, which has whole seconds.
        os.utime(write(f"{one}/d{n % 3}/file {n}.bin", pattern(1000 * n, n)), (1700000000, 1700000000))
    began = time.monotonic()
    t.aws("s3", "sync", one, f"s3://{bucket}/tree")
    true(time.monotonic() - began < 30, "no request waited for its time-out of 60 s, as after an empty file without 100 Continue")
    t.aws("s3", "sync", f"s3://{bucket}/tree", two)
    same_trees(one, two)
    equal(t.aws("s3", "sync", one, f"s3://{bucket}/tree").stdout, "", "nothing to do the second time")
    os.remove(f"{one}/d0/file 3.bin")
    write(f"{one}/d1/file 4.bin", b"changed")
    done = t.aws("s3", "sync", "--delete", one, f"s3://{bucket}/tree").stdout
    contains(done, "delete: s3://", "sync --delete")
    contains(done, "file 4.bin", "sync")
    t.aws("s3", "sync", "--delete", "--exact-timestamps", f"s3://{bucket}/tree", two)
    same_trees(one, two)
    t.aws("s3", "sync", f"s3://{bucket}/tree", f"s3://{bucket}/again")
    equal(len(t.api("list-objects-v2", "--bucket", bucket, "--prefix", "again/")["Contents"]), 29, "server-side sync")


@case
def cp_100_mib_in_parts(t):
    bucket, folder = made_bucket(t), t.folder()
    file = write(f"{folder}/big", pattern(100 * MIB + 1))
    t.aws("s3", "cp", "--no-progress", file, f"s3://{bucket}/big")
    head = t.api("head-object", "--bucket", bucket, "--key", "big")
    true(head["ETag"].endswith('-13"') and head["ContentLength"] == 100 * MIB + 1, f"13 parts of 8 MiB: {head}")
    t.aws("s3", "cp", "--no-progress", f"s3://{bucket}/big", f"{folder}/down")
    true(filecmp.cmp(file, f"{folder}/down", shallow=False), "what went up comes down")
    t.aws("s3", "cp", "--no-progress", f"s3://{bucket}/big", f"s3://{bucket}/copy")
    equal(t.api("head-object", "--bucket", bucket, "--key", "copy")["ContentLength"], 100 * MIB + 1, "copy in parts")


@case
def presign(t):
    bucket = made_bucket(t)
    t.aws("s3", "cp", "-", f"s3://{bucket}/k ü", stdin="signed")
    url = t.aws("s3", "presign", f"s3://{bucket}/k ü", "--expires-in", "60", "--region", "eu-central-1").stdout.strip()
    equal(fetch(t, url), (200, b"signed"), "the URL")
    code, text = fetch(t, url[:-1] + ("0" if url[-1] != "0" else "1"))
    true(code == 403 and b"SignatureDoesNotMatch" in text, f"a changed URL: {code}")


@case
def presign_for_us_east_1(t):
    # This CLI signs URLs for the oldest region with version 2 unless it is told otherwise.
    bucket = made_bucket(t)
    t.aws("s3", "cp", "-", f"s3://{bucket}/k", stdin="signed")
    url = t.aws("s3", "presign", f"s3://{bucket}/k").stdout.strip()
    code, text = fetch(t, url)
    equal((code, text), (200, b"signed"), "the URL")


# --- aws s3api -------------------------------------------------------------------------------

@case
def api_buckets(t):
    bucket = t.bucket_name()
    equal(t.api("create-bucket", "--bucket", bucket)["Location"], f"/{bucket}", "Location")
    equal(t.api("head-bucket", "--bucket", bucket)["BucketRegion"], "us-east-1", "head-bucket")
    equal(t.api("get-bucket-location", "--bucket", bucket)["LocationConstraint"], None, "location")
    equal([b["Name"] for b in t.api("list-buckets", "--prefix", bucket)["Buckets"]], [bucket], "list-buckets")
    t.api("delete-bucket", "--bucket", bucket)
    refused(t, "404", "s3api", "head-bucket", "--bucket", bucket)
    t.aws("s3api", "wait", "bucket-not-exists", "--bucket", bucket)


@case
def api_objects(t):
    bucket, folder = made_bucket(t), t.folder()
    o = ("--bucket", bucket, "--key", "dir/k")
    file = write(f"{folder}/in", b"0123456789")
    put = t.api("put-object", *o, "--body", file, "--metadata", "one=1,two=2", "--content-type", "a/b",
                "--cache-control", "no-cache", "--storage-class", "STANDARD_IA")
    equal(put["ETag"], f'"{hashlib.md5(b"0123456789").hexdigest()}"', "ETag")
    got = t.api("get-object", *o, f"{folder}/out")
    equal((got["Metadata"], got["ContentType"], got["CacheControl"], got["StorageClass"], got["ContentLength"]),
          ({"one": "1", "two": "2"}, "a/b", "no-cache", "STANDARD_IA", 10), "get-object")
    equal(read(f"{folder}/out"), b"0123456789", "file")
    part = t.api("get-object", *o, "--range", "bytes=3-5", f"{folder}/out")
    equal((part["ContentRange"], read(f"{folder}/out")), ("bytes 3-5/10", b"345"), "a range")
    head = t.api("head-object", *o, "--checksum-mode", "ENABLED")
    true(any(name.startswith("Checksum") for name in head), f"a checksum is stored: {head}")
    refused(t, "PreconditionFailed", "s3api", "get-object", *o, "--if-match", "nope", f"{folder}/out")
    refused(t, "304", "s3api", "get-object", *o, "--if-none-match", put["ETag"], f"{folder}/out")
    refused(t, "PreconditionFailed", "s3api", "put-object", *o, "--if-none-match", "*")
    attributes = t.api("get-object-attributes", *o, "--object-attributes", "ETag", "ObjectSize", "StorageClass")
    equal((attributes["ETag"], attributes["ObjectSize"], attributes["StorageClass"]),
          (put["ETag"].strip('"'), 10, "STANDARD_IA"), "attributes")
    copied = t.api("copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", f"{bucket}/dir/k")
    equal(copied["CopyObjectResult"]["ETag"], put["ETag"], "copy-object")
    t.api("delete-object", *o)
    refused(t, "NoSuchKey", "s3api", "get-object", *o, f"{folder}/out")
    refused(t, "404", "s3api", "head-object", *o)
    deleted = t.api("delete-objects", "--bucket", bucket, "--delete", "Objects=[{Key=copy},{Key=other}]")
    equal(sorted(d["Key"] for d in deleted["Deleted"]), ["copy", "other"], "delete-objects")
    true("Contents" not in t.api("list-objects-v2", "--bucket", bucket), "nothing left")


@case
def api_lists(t):
    bucket = made_bucket(t)
    for key in ("a", "b/1", "b/2", "c d"):
        t.api("put-object", "--bucket", bucket, "--key", key)
    whole = t.api("list-objects-v2", "--bucket", bucket, "--page-size", "1")
    equal([o["Key"] for o in whole["Contents"]], ["a", "b/1", "b/2", "c d"], "pages of one")
    some = t.api("list-objects-v2", "--bucket", bucket, "--max-items", "2")
    rest = t.api("list-objects-v2", "--bucket", bucket, "--starting-token", some["NextToken"])
    equal([o["Key"] for o in some["Contents"] + rest["Contents"]], ["a", "b/1", "b/2", "c d"], "by token")
    grouped = t.api("list-objects-v2", "--bucket", bucket, "--delimiter", "/", "--fetch-owner")
    equal(([o["Key"] for o in grouped["Contents"]], [p["Prefix"] for p in grouped["CommonPrefixes"]]),
          (["a", "c d"], ["b/"]), "delimiter")
    true(grouped["Contents"][0]["Owner"]["ID"], "owner")
    old = t.api("list-objects", "--bucket", bucket, "--prefix", "b/")
    equal([o["Key"] for o in old["Contents"]], ["b/1", "b/2"], "list-objects")
    after = t.api("list-objects-v2", "--bucket", bucket, "--start-after", "b/1")
    equal([o["Key"] for o in after["Contents"]], ["b/2", "c d"], "start-after")


@case
def api_multipart(t):
    bucket, folder = made_bucket(t), t.folder()
    one, two = pattern(5 * MIB, 1), pattern(77, 2)
    t.api("put-object", "--bucket", bucket, "--key", "source", "--body", write(f"{folder}/one", one))
    o = ("--bucket", bucket, "--key", "parts")
    upload = t.api("create-multipart-upload", *o, "--metadata", "m=1")["UploadId"]
    u = (*o, "--upload-id", upload)
    second = t.api("upload-part", *u, "--part-number", "2", "--body", write(f"{folder}/two", two))
    first = t.api("upload-part-copy", *u, "--part-number", "1", "--copy-source", f"{bucket}/source")
    equal([p["Size"] for p in t.api("list-parts", *u)["Parts"]], [5 * MIB, 77], "list-parts")
    equal([x["UploadId"] for x in t.api("list-multipart-uploads", "--bucket", bucket)["Uploads"]], [upload], "uploads")
    named = {"Parts": [{"PartNumber": 1, "ETag": first["CopyPartResult"]["ETag"]}, {"PartNumber": 2, "ETag": second["ETag"]}]}
    done = t.api("complete-multipart-upload", *u, "--multipart-upload", json.dumps(named))
    true(done["ETag"].endswith('-2"'), "ETag")
    t.api("get-object", *o, f"{folder}/out")
    true(read(f"{folder}/out") == one + two, "bytes")
    got = t.api("get-object", *o, "--part-number", "2", f"{folder}/out")
    equal((got["PartsCount"], read(f"{folder}/out")), (2, two), "part 2")
    upload = t.api("create-multipart-upload", *o)["UploadId"]
    t.api("abort-multipart-upload", *o, "--upload-id", upload)
    refused(t, "NoSuchUpload", "s3api", "list-parts", *o, "--upload-id", upload)


@case
def wrong_secret(t):
    done = t.command(AWS, "s3", "ls", env=dict(t.pail.aws_environment(), AWS_SECRET_ACCESS_KEY="wrong"), ok=False)
    true(done.returncode != 0, "the command fails")
    contains(done.stderr, "SignatureDoesNotMatch", "what it says")


if __name__ == "__main__":
    main("sdk-awscli", setup)
