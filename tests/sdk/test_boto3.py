#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""boto3, as `pip install boto3` gives it: every operation and the errors that programs look at.

The suite runs twice, the second time as `pip install boto3[crt]` has it: that one signs
and computes checksums in C, and can CRC32C and CRC64NVME. Nothing is configured but endpoint and credentials (through AWS's environment variables).
What is expected is what Amazon S3 answers.
"""
import base64
import datetime
import hashlib
import io
import os
import socket
import threading
import time
import urllib.error
import urllib.request
import ssl
import zlib
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore
import botocore.auth
import botocore.compat
import botocore.handlers
from boto3.s3.transfer import TransferConfig
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from cases import case, contains, equal, main, pattern, true

MIB = 1024 * 1024
CRT_ONLY = set() if botocore.compat.HAS_CRT else {"CRC32C", "CRC64NVME"}  # what this boto3 cannot compute
UTC = datetime.timezone.utc


def setup(t):
    os.environ.update({k: v for k, v in t.pail.aws_environment().items() if k.startswith("AWS_")})
    for name in ("AWS_CA_BUNDLE",):
        if not t.pail.ca:
            os.environ.pop(name, None)
    t.session = boto3.session.Session()
    resolve_names_below_localhost()
    t.s3 = t.session.client("s3")
    t.bucket = lambda: made_bucket(t)


def resolve_names_below_localhost():
    """bucket.localhost is this machine; not every resolver knows."""
    real = socket.getaddrinfo

    def lookup(host, *args, **kwargs):
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *args, **kwargs)
    socket.getaddrinfo = lookup


def made_bucket(t):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    return name


def fails(code, status, function, *args, **kwargs):
    """The call must be refused with this code and status; returns the error's fields."""
    try:
        function(*args, **kwargs)
    except ClientError as error:
        equal((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]),
              (code, status), f"error of {getattr(function, '__name__', function)}")
        return error.response["Error"]
    raise AssertionError(f"{getattr(function, '__name__', function)} was expected to fail with {code}")


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def body(t, bucket, key, **more):
    return t.s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def md5(data):
    return hashlib.md5(data).hexdigest()


def b64(data):
    return base64.b64encode(data).decode()


def raw_request(t, url, method="GET", data=None, headers=None):
    """Without boto3: what a browser does with a presigned URL. Returns status, headers, body."""
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


# --- buckets ---------------------------------------------------------------------------

@case
def create_head_locate_and_delete_a_bucket(t):
    name = t.bucket_name()
    made = t.s3.create_bucket(Bucket=name)
    equal(made["Location"], f"/{name}", "Location")
    head = t.s3.head_bucket(Bucket=name)
    equal(status(head), 200, "status")
    equal(headers(head)["x-amz-bucket-region"], "us-east-1", "x-amz-bucket-region")
    equal(t.s3.get_bucket_location(Bucket=name)["LocationConstraint"], None, "location of us-east-1")
    equal(status(t.s3.delete_bucket(Bucket=name)), 204, "status")
    fails("404", 404, t.s3.head_bucket, Bucket=name)
    equal(fails("NoSuchBucket", 404, t.s3.delete_bucket, Bucket=name)["BucketName"], name, "BucketName")


@case
def create_an_own_bucket_again(t):
    # us-east-1 answers 200 here, every other region BucketAlreadyOwnedByYou.
    name = t.bucket()
    t.s3.put_object(Bucket=name, Key="kept", Body=b"x")
    try:
        t.s3.create_bucket(Bucket=name)
    except ClientError as error:
        equal((error.response["Error"]["Code"], status(error.response)), ("BucketAlreadyOwnedByYou", 409), "error")
    equal(body(t, name, "kept"), b"x", "the object in it")


@case
def bucket_names_follow_the_rules(t):
    client = t.session.client("s3")
    # The client would refuse them itself; the server must too.
    client.meta.events.unregister("before-parameter-build.s3", botocore.handlers.validate_bucket_name)
    for name in ("Upper-Case", "under_score", "a" * 64, "ab", "two..dots", "-dash-first", "dash-last-", "192.168.5.4",
                 "xn--reserved", "alias-s3alias", "lock--ol-s3"):
        fails("InvalidBucketName", 400, client.create_bucket, Bucket=name)
    for name in ("abc", "a" * 63, f"with.dots.{t.scheme}", f"0-digits-{t.scheme}-9"):
        client.create_bucket(Bucket=name)
        client.delete_bucket(Bucket=name)


@case
def list_buckets_in_pages(t):
    prefix = t.bucket_name()
    names = [f"{prefix}-{n}" for n in range(5)]
    for name in reversed(names):
        t.s3.create_bucket(Bucket=name)
    answer = t.s3.list_buckets()
    all_names = [b["Name"] for b in answer["Buckets"]]
    equal(all_names, sorted(all_names), "order")
    true(set(names) <= set(all_names), "every new bucket is listed")
    true(answer["Owner"]["ID"], "an owner is named")
    true(all(abs((b["CreationDate"] - datetime.datetime.now(UTC)).total_seconds()) < 600
             for b in answer["Buckets"] if b["Name"] in names), "creation dates are about now")
    seen, token = [], None
    while True:
        page = t.s3.list_buckets(Prefix=prefix, MaxBuckets=2, **({"ContinuationToken": token} if token else {}))
        equal(page["Prefix"], prefix, "Prefix")
        true(len(page["Buckets"]) <= 2, "a page has at most two")
        seen += [b["Name"] for b in page["Buckets"]]
        token = page.get("ContinuationToken")
        if not token:
            break
    equal(seen, names, "all pages")


@case
def a_bucket_with_objects_is_not_deleted(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    error = fails("BucketNotEmpty", 409, t.s3.delete_bucket, Bucket=bucket)
    equal(error["BucketName"], bucket, "BucketName")
    t.s3.delete_object(Bucket=bucket, Key="k")
    t.s3.delete_bucket(Bucket=bucket)


@case
def operations_on_a_missing_bucket(t):
    bucket = t.bucket_name()
    fails("NoSuchBucket", 404, t.s3.get_object, Bucket=bucket, Key="k")
    fails("NoSuchBucket", 404, t.s3.put_object, Bucket=bucket, Key="k", Body=b"x")
    fails("NoSuchBucket", 404, t.s3.delete_object, Bucket=bucket, Key="k")
    fails("NoSuchBucket", 404, t.s3.list_objects, Bucket=bucket)
    fails("NoSuchBucket", 404, t.s3.list_objects_v2, Bucket=bucket)
    fails("NoSuchBucket", 404, t.s3.list_multipart_uploads, Bucket=bucket)
    fails("NoSuchBucket", 404, t.s3.create_multipart_upload, Bucket=bucket, Key="k")
    fails("NoSuchBucket", 404, t.s3.get_bucket_location, Bucket=bucket)
    fails("NoSuchBucket", 404, t.s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")


# --- one object --------------------------------------------------------------------------

@case
def put_get_head_delete(t):
    bucket = t.bucket()
    data = pattern(3 * MIB + 17)
    put = t.s3.put_object(Bucket=bucket, Key="a/b c.bin", Body=data)
    equal(put["ETag"], f'"{md5(data)}"', "ETag")
    got = t.s3.get_object(Bucket=bucket, Key="a/b c.bin")
    true(got["Body"].read() == data, "what was put is got")
    for answer in (got, t.s3.head_object(Bucket=bucket, Key="a/b c.bin")):
        equal(answer["ContentLength"], len(data), "ContentLength")
        equal(answer["ETag"], put["ETag"], "ETag")
        equal(answer["ContentType"], "binary/octet-stream", "ContentType")
        equal(answer["AcceptRanges"], "bytes", "AcceptRanges")
        equal(answer["Metadata"], {}, "Metadata")
        true("StorageClass" not in answer, "STANDARD is not named")
        true(abs((answer["LastModified"] - datetime.datetime.now(UTC)).total_seconds()) < 600, "LastModified is now")
        true(headers(answer)["x-amz-request-id"] and headers(answer)["x-amz-id-2"], "request ids")
    equal(status(t.s3.delete_object(Bucket=bucket, Key="a/b c.bin")), 204, "status")
    error = fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="a/b c.bin")
    equal(error["Key"], "a/b c.bin", "Key")
    equal(error["Message"], "The specified key does not exist.", "Message")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="a/b c.bin")
    equal(status(t.s3.delete_object(Bucket=bucket, Key="a/b c.bin")), 204, "deleting nothing")


@case
def sizes_around_every_border(t):
    bucket = t.bucket()
    for size in (0, 1, 2, 255, 256, 4095, 4096, 4097, 16383, 16384, 16385, 32768, 65535, 65536, 65537, 131072, 262143,
                 262145, MIB - 1, MIB, MIB + 1, 5 * MIB + 3):
        data = pattern(size, size)
        equal(t.s3.put_object(Bucket=bucket, Key=f"{size}", Body=data)["ETag"], f'"{md5(data)}"', f"ETag of {size}")
        true(body(t, bucket, f"{size}") == data, f"{size} bytes come back")


@case
def an_overwrite_replaces_everything(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=pattern(200000), Metadata={"a": "1"}, ContentType="text/plain",
                    CacheControl="no-cache")
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"short")
    got = t.s3.get_object(Bucket=bucket, Key="k")
    equal((got["Body"].read(), got["Metadata"], got["ContentType"]), (b"short", {}, "binary/octet-stream"), "object")
    true("CacheControl" not in got, "the old header is gone")


@case
def system_headers_and_metadata_are_kept(t):
    bucket = t.bucket()
    expires = datetime.datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    given = dict(CacheControl="max-age=60, public", ContentDisposition='attachment; filename="a b.txt"',
                 ContentEncoding="gzip", ContentLanguage="de-DE", ContentType="text/x-pail; charset=utf-8",
                 WebsiteRedirectLocation="/elsewhere", StorageClass="STANDARD_IA",
                 Metadata={"plain": "value", "with-dash": "a, b;c=d", "under_score": "x y  z", "empty": ""})
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"data", Expires=expires, **given)
    for answer in (t.s3.get_object(Bucket=bucket, Key="k"), t.s3.head_object(Bucket=bucket, Key="k")):
        for name, value in given.items():
            equal(answer[name], value, name)
        equal(answer["ExpiresString"], "Tue, 06 May 2031 07:08:09 GMT", "Expires")
    equal(t.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"], "STANDARD_IA", "class in a list")


@case
def user_metadata_has_a_limit(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"k": "v" * 2047})
    equal(t.s3.head_object(Bucket=bucket, Key="k")["Metadata"], {"k": "v" * 2047}, "2 KiB of metadata")
    fails("MetadataTooLarge", 400, t.s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"k": "v" * 2048})


@case
def storage_classes_are_checked(t):
    bucket = t.bucket()
    for name in ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"):
        t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass=name)
        equal(t.s3.head_object(Bucket=bucket, Key="k").get("StorageClass", "STANDARD"), name, "class")
    fails("InvalidStorageClass", 400, t.s3.put_object, Bucket=bucket, Key="k", Body=b"x", StorageClass="COSY")


@case
def keys_are_bytes(t):
    bucket = t.bucket()
    keys = ["a//b", "a/../b", "a/./b", "/leading", "trailing/", "//", "%2F", "a%20b", "a+b", "a b", "a&b=c?d#e", "ä/ö/ü",
            "e\u0301", "\u00e9", "日本語", "emoji \U0001f600", "quote'\"<>", "back\\slash", "semi;colon:at@", "~tilde*(!)",
            "x" * 1024, "ü" * 512, ".", "..", "%", "%zz", "tab\there", "new\nline"]
    client = t.session.client("s3")
    for n, key in enumerate(keys):
        client.put_object(Bucket=bucket, Key=key, Body=str(n).encode())
    for n, key in enumerate(keys):
        equal(body(t, bucket, key), str(n).encode(), f"object {key!r}")
    listed = [o["Key"] for o in t.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    equal(listed, sorted(keys, key=str.encode), "the list, in the order of bytes")
    gone = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys if ord(min(k)) >= 32]})
    equal(len(gone["Deleted"]), len(keys) - 2, "deleted in one request")


@case
def keys_have_at_most_1024_bytes(t):
    bucket = t.bucket()
    for key in ("x" * 1025, "ü" * 513):
        error = fails("KeyTooLongError", 400, t.s3.put_object, Bucket=bucket, Key=key, Body=b"x")
        equal(error["MaxSizeAllowed"], "1024", "MaxSizeAllowed")


@case
def long_keys_that_share_their_beginning(t):
    bucket = t.bucket()
    keys = sorted("p" * 1000 + f"{n:04}" for n in range(50)) + ["p" * n for n in (400, 510, 511, 512, 999, 1000)]
    for key in keys:
        t.s3.put_object(Bucket=bucket, Key=key, Body=key[-8:].encode())
    keys.sort()
    equal([o["Key"] for o in t.s3.list_objects_v2(Bucket=bucket)["Contents"]], keys, "list")
    for key in keys:
        equal(body(t, bucket, key), key[-8:].encode(), "object")


@case
def response_overrides(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = t.s3.get_object(Bucket=bucket, Key="k", ResponseContentType="image/png", ResponseContentLanguage="fr",
                          ResponseCacheControl="no-store", ResponseContentEncoding="br",
                          ResponseContentDisposition="inline; filename=\"ü.txt\"".encode().decode("ascii", "ignore"),
                          ResponseExpires=datetime.datetime(2030, 1, 2, tzinfo=UTC))
    equal((got["ContentType"], got["ContentLanguage"], got["CacheControl"], got["ContentEncoding"],
           got["ContentDisposition"], got["ExpiresString"]),
          ("image/png", "fr", "no-store", "br", 'inline; filename=".txt"', "Wed, 02 Jan 2030 00:00:00 GMT"), "overrides")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["ContentType"], "text/plain", "stored type")


@case
def content_md5_is_verified(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=b64(hashlib.md5(b"data").digest()))
    fails("BadDigest", 400, t.s3.put_object, Bucket=bucket, Key="bad", Body=b"data",
          ContentMD5=b64(hashlib.md5(b"other").digest()))
    fails("InvalidDigest", 400, t.s3.put_object, Bucket=bucket, Key="bad", Body=b"data", ContentMD5="nonsense")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="bad")


@case
def ranges(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for asked, want, content_range in (("bytes=0-8", b"012345678", "bytes 0-8/10"), ("bytes=1-", b"123456789", "bytes 1-9/10"),
                                       ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=-15", b"0123456789", "bytes 0-9/10"),
                                       ("bytes=0-100", b"0123456789", "bytes 0-9/10"), ("bytes=9-9", b"9", "bytes 9-9/10")):
        got = t.s3.get_object(Bucket=bucket, Key="k", Range=asked)
        equal((status(got), got["Body"].read(), got["ContentRange"], got["ContentLength"]),
              (206, want, content_range, len(want)), asked)
        head = t.s3.head_object(Bucket=bucket, Key="k", Range=asked)
        equal((status(head), head["ContentLength"]), (206, len(want)), f"HEAD {asked}")
    for asked in ("bytes=1-0", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "nonsense"):
        got = t.s3.get_object(Bucket=bucket, Key="k", Range=asked)
        equal((status(got), got["Body"].read(), got.get("ContentRange")), (200, b"0123456789", None), asked)
    for asked in ("bytes=10-", "bytes=100-200", "bytes=-0"):
        error = fails("InvalidRange", 416, t.s3.get_object, Bucket=bucket, Key="k", Range=asked)
        equal((error["RangeRequested"], error["ActualObjectSize"]), (asked, "10"), asked)


@case
def ranges_of_a_large_object(t):
    bucket = t.bucket()
    data = pattern(9 * MIB + 5)
    t.s3.put_object(Bucket=bucket, Key="k", Body=data)
    for first, last in ((0, 0), (65535, 65536), (MIB - 1, 3 * MIB), (131071, 131072), (9 * MIB, 9 * MIB + 4), (4095, 8 * MIB)):
        got = body(t, bucket, "k", Range=f"bytes={first}-{last}")
        true(got == data[first:last + 1], f"bytes {first}-{last}")


@case
def conditions_on_reads(t):
    bucket = t.bucket()
    etag = t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = t.s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = modified - datetime.timedelta(hours=1), modified
    o = dict(Bucket=bucket, Key="k")
    for good in (dict(IfMatch=etag), dict(IfMatch=etag.strip('"')), dict(IfMatch="*"), dict(IfNoneMatch='"other"'),
                 dict(IfModifiedSince=before), dict(IfUnmodifiedSince=after),
                 dict(IfMatch=etag, IfUnmodifiedSince=before), dict(IfNoneMatch='"other"', IfModifiedSince=after)):
        equal(t.s3.get_object(**o, **good)["Body"].read(), b"x", f"{good}")
        t.s3.head_object(**o, **good)
    for bad, name in ((dict(IfMatch='"other"'), "If-Match"), (dict(IfUnmodifiedSince=before), "If-Unmodified-Since")):
        error = fails("PreconditionFailed", 412, t.s3.get_object, **o, **bad)
        equal(error["Condition"], name, "Condition")
        fails("412", 412, t.s3.head_object, **o, **bad)
    for same in (dict(IfNoneMatch=etag), dict(IfModifiedSince=after), dict(IfNoneMatch=etag, IfModifiedSince=before)):
        fails("304", 304, t.s3.get_object, **o, **same)
        fails("304", 304, t.s3.head_object, **o, **same)
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="missing", IfMatch=etag)


@case
def conditional_writes(t):
    bucket = t.bucket()
    etag = t.s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    error = fails("PreconditionFailed", 412, t.s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    equal(error["Condition"], "If-None-Match", "Condition")
    second = t.s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)["ETag"]
    error = fails("PreconditionFailed", 412, t.s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    equal(error["Condition"], "If-Match", "Condition")
    fails("NoSuchKey", 404, t.s3.put_object, Bucket=bucket, Key="missing", Body=b"3", IfMatch=etag)
    fails("NotImplemented", 501, t.s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfNoneMatch=etag)
    equal(body(t, bucket, "k"), b"2", "the object")
    fails("PreconditionFailed", 412, t.s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag)
    t.s3.delete_object(Bucket=bucket, Key="k", IfMatch=second)
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")


@case
def of_32_writers_exactly_one_creates(t):
    bucket = t.bucket()
    client = t.session.client("s3", config=Config(max_pool_connections=32))
    start = threading.Barrier(32)

    def write(n):
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key="k", Body=f"writer {n}".encode(), IfNoneMatch="*")
            return n
        except ClientError as error:
            true(error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), str(error))
            return None

    with ThreadPoolExecutor(32) as pool:
        winners = [n for n in pool.map(write, range(32)) if n is not None]
    equal(len(winners), 1, "number of winners")
    equal(body(t, bucket, "k"), f"writer {winners[0]}".encode(), "the winner's object")


@case
def a_chain_of_compare_and_swap_loses_no_step(t):
    bucket = t.bucket()
    client = t.session.client("s3", config=Config(max_pool_connections=8))
    client.put_object(Bucket=bucket, Key="counter", Body=b"0")

    def add(_):
        for _ in range(200):
            got = client.get_object(Bucket=bucket, Key="counter")
            value = int(got["Body"].read())
            try:
                client.put_object(Bucket=bucket, Key="counter", Body=str(value + 1).encode(), IfMatch=got["ETag"])
                return 1
            except ClientError as error:
                true(error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), str(error))
        return 0

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(add, range(40)))
    equal(added, 40, "successful steps")
    equal(body(t, bucket, "counter"), b"40", "counter")


# --- checksums ---------------------------------------------------------------------------

@case
def the_default_upload_carries_a_crc32_trailer(t):
    bucket = t.bucket()
    data = pattern(300000)
    seen = {}
    client = t.session.client("s3")
    client.meta.events.register("before-send.s3.PutObject", lambda request, **_: seen.update({k.lower(): v for k, v in request.headers.items()}))
    put = client.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(data))
    equal(put["ChecksumCRC32"], b64(zlib.crc32(data).to_bytes(4, "big")), "ChecksumCRC32 of the answer")
    equal(put["ChecksumType"], "FULL_OBJECT", "ChecksumType")
    if t.scheme == "https":
        equal(seen["x-amz-content-sha256"], b"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "payload mode that the client chose")
    head = t.s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    equal((head["ChecksumCRC32"], head["ChecksumType"]), (put["ChecksumCRC32"], "FULL_OBJECT"), "stored checksum")
    true("ContentEncoding" not in head, "aws-chunked is not stored")
    true("ChecksumCRC32" not in t.s3.head_object(Bucket=bucket, Key="k"), "no checksum unless asked for")


@case
def an_upload_without_checksum_gets_crc64nvme(t):
    bucket = t.bucket()
    client = t.session.client("s3", config=Config(request_checksum_calculation="when_required"))
    put = client.put_object(Bucket=bucket, Key="k", Body=b"123456789")
    equal(put.get("ChecksumCRC64NVME"), "rosUhgp5mIg=", "CRC64NVME of 123456789")
    equal(put.get("ChecksumType"), "FULL_OBJECT", "ChecksumType")


EXPECTED = {  # of b"123456789"
    "CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg=",
    "SHA1": b64(hashlib.sha1(b"123456789").digest()), "SHA256": b64(hashlib.sha256(b"123456789").digest()),
}
NEWER = {"SHA512": b64(hashlib.sha512(b"123456789").digest()), "MD5": b64(hashlib.md5(b"123456789").digest()),
         "XXHASH64": b64(0x8cb841db40e6ae83.to_bytes(8, "big"))}


@case
def checksums_in_headers(t):
    bucket = t.bucket()
    for name, value in {**EXPECTED, **NEWER}.items():
        put = t.s3.put_object(Bucket=bucket, Key=name, Body=b"123456789", **{f"Checksum{name}": value})
        equal(put[f"Checksum{name}"], value, f"{name} of the answer")
        got = t.s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        equal(got[f"Checksum{name}"], value, f"stored {name}")
        equal(got["Body"].read(), b"123456789", "body")
        wrong = b64(bytes(len(base64.b64decode(value))))
        fails("BadDigest", 400, t.s3.put_object, Bucket=bucket, Key="bad", Body=b"123456789", **{f"Checksum{name}": wrong})
        fails("InvalidRequest", 400, t.s3.put_object, Bucket=bucket, Key="bad", Body=b"123456789",
              **{f"Checksum{name}": "AAA="})
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="bad")


@case
def checksums_that_the_client_computes(t):
    bucket = t.bucket()
    for name in set(EXPECTED) - CRT_ONLY:
        for source in (b"123456789", io.BytesIO(b"123456789")):
            put = t.s3.put_object(Bucket=bucket, Key=name, Body=source, ChecksumAlgorithm=name)
            equal(put[f"Checksum{name}"], EXPECTED[name], name)
        equal(t.s3.list_objects_v2(Bucket=bucket, Prefix=name)["Contents"][0]["ChecksumAlgorithm"], [name], "in a list")


@case
def two_checksums_are_refused(t):
    bucket = t.bucket()
    fails("InvalidRequest", 400, t.s3.put_object, Bucket=bucket, Key="k", Body=b"123456789",
          ChecksumCRC32=EXPECTED["CRC32"], ChecksumSHA1=EXPECTED["SHA1"])


@case
def object_attributes(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"123456789", ChecksumAlgorithm="SHA256")
    got = t.s3.get_object_attributes(Bucket=bucket, Key="k",
                                     ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"])
    equal((got["ETag"], got["ObjectSize"], got["StorageClass"]), (md5(b"123456789"), 9, "STANDARD"), "attributes")
    equal(got["Checksum"]["ChecksumSHA256"], EXPECTED["SHA256"], "checksum")
    true("ObjectParts" not in got, "an object of one piece has no parts")
    true("LastModified" in got, "LastModified")
    few = t.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    true("ETag" not in few and few["ObjectSize"] == 9, "only what was asked")
    fails("NoSuchKey", 404, t.s3.get_object_attributes, Bucket=bucket, Key="no", ObjectAttributes=["ETag"])


# --- delete many ---------------------------------------------------------------------------

@case
def delete_objects(t):
    bucket = t.bucket()
    keys = [f"k{n:04}" for n in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: t.s3.put_object(Bucket=bucket, Key=k, Body=b""), keys[:100]))
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys]})
    equal(sorted(d["Key"] for d in answer["Deleted"]), keys, "Deleted (missing keys count)")
    equal(t.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0, "left")
    quiet = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "x"}], "Quiet": True})
    true("Deleted" not in quiet and "Errors" not in quiet, "quiet says nothing")
    fails("MalformedXML", 400, t.s3.delete_objects, Bucket=bucket,
          Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]})
    etag = t.s3.put_object(Bucket=bucket, Key="guarded", Body=b"x")["ETag"]
    mixed = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "guarded", "ETag": '"other"'}, {"Key": "y"}]})
    equal([e["Code"] for e in mixed["Errors"]], ["PreconditionFailed"], "Errors")
    equal([d["Key"] for d in mixed["Deleted"]], ["y"], "Deleted")
    t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "guarded", "ETag": etag}]})
    equal(t.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0, "left")


# --- copies ---------------------------------------------------------------------------------

@case
def copies_within_and_across_buckets(t):
    one, two = t.bucket(), t.bucket()
    data = pattern(700000)
    put = t.s3.put_object(Bucket=one, Key="src key+ü", Body=data, Metadata={"m": "1"}, ContentType="text/plain",
                          CacheControl="private")
    for bucket in (one, two):
        copied = t.s3.copy_object(Bucket=bucket, Key="dst", CopySource={"Bucket": one, "Key": "src key+ü"})
        equal(copied["CopyObjectResult"]["ETag"], put["ETag"], "ETag")
        got = t.s3.get_object(Bucket=bucket, Key="dst")
        true(got["Body"].read() == data, "bytes")
        equal((got["Metadata"], got["ContentType"], got["CacheControl"]), ({"m": "1"}, "text/plain", "private"), "metadata")
    t.s3.delete_object(Bucket=one, Key="src key+ü")
    t.s3.delete_object(Bucket=one, Key="dst")
    t.s3.delete_bucket(Bucket=one)
    true(body(t, two, "dst") == data, "the copy outlives its source and the source's bucket")


@case
def copy_directives(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="src", Body=b"x", Metadata={"m": "1"}, ContentType="text/plain",
                    StorageClass="STANDARD_IA", WebsiteRedirectLocation="/there")
    source = f"{bucket}/src"
    t.s3.copy_object(Bucket=bucket, Key="dst", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "2"})
    got = t.s3.head_object(Bucket=bucket, Key="dst")
    equal((got["Metadata"], got["ContentType"]), ({"n": "2"}, "binary/octet-stream"), "replaced")
    true("StorageClass" not in got and "WebsiteRedirectLocation" not in got, "class and redirect are not copied")
    t.s3.copy_object(Bucket=bucket, Key="dst", CopySource=source, Metadata={"ignored": "x"})
    equal(t.s3.head_object(Bucket=bucket, Key="dst")["Metadata"], {"m": "1"}, "COPY ignores the request's metadata")
    error = fails("InvalidRequest", 400, t.s3.copy_object, Bucket=bucket, Key="src", CopySource=source)
    contains(error["Message"], "This copy request is illegal", "Message")
    t.s3.copy_object(Bucket=bucket, Key="src", CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "y"})
    equal(t.s3.head_object(Bucket=bucket, Key="src")["Metadata"], {"new": "y"}, "onto itself")
    equal(body(t, bucket, "src"), b"x", "the bytes stay")
    t.s3.copy_object(Bucket=bucket, Key="src", CopySource=source, StorageClass="GLACIER_IR")
    equal(t.s3.head_object(Bucket=bucket, Key="src")["StorageClass"], "GLACIER_IR", "class")


@case
def copy_conditions_and_errors(t):
    bucket = t.bucket()
    etag = t.s3.put_object(Bucket=bucket, Key="src", Body=b"x")["ETag"]
    modified = t.s3.head_object(Bucket=bucket, Key="src")["LastModified"]
    hour = datetime.timedelta(hours=1)
    o = dict(Bucket=bucket, Key="dst", CopySource={"Bucket": bucket, "Key": "src"})
    for good in (dict(CopySourceIfMatch=etag), dict(CopySourceIfNoneMatch='"no"'),
                 dict(CopySourceIfUnmodifiedSince=modified), dict(CopySourceIfModifiedSince=modified - hour)):
        t.s3.copy_object(**o, **good)
    for bad, name in ((dict(CopySourceIfMatch='"no"'), "If-Match"), (dict(CopySourceIfNoneMatch=etag), "If-None-Match"),
                      (dict(CopySourceIfUnmodifiedSince=modified - hour), "If-Unmodified-Since"),
                      (dict(CopySourceIfModifiedSince=modified), "If-Modified-Since")):
        error = fails("PreconditionFailed", 412, t.s3.copy_object, **o, **bad)
        equal(error["Condition"], f"x-amz-copy-source-{name}", "Condition")
    fails("NoSuchKey", 404, t.s3.copy_object, Bucket=bucket, Key="d", CopySource=f"{bucket}/missing")
    fails("NoSuchBucket", 404, t.s3.copy_object, Bucket=bucket, Key="d", CopySource=f"{t.bucket_name()}/k")
    fails("NoSuchBucket", 404, t.s3.copy_object, Bucket=t.bucket_name(), Key="d", CopySource=f"{bucket}/src")


@case
def copy_with_another_checksum(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="src", Body=b"123456789", ChecksumAlgorithm="CRC32")
    copied = t.s3.copy_object(Bucket=bucket, Key="dst", CopySource=f"{bucket}/src", ChecksumAlgorithm="SHA256")
    equal(copied["CopyObjectResult"]["ChecksumSHA256"], EXPECTED["SHA256"], "checksum")
    kept = t.s3.copy_object(Bucket=bucket, Key="dst2", CopySource=f"{bucket}/src")
    equal(kept["CopyObjectResult"]["ChecksumCRC32"], EXPECTED["CRC32"], "checksum")
    equal(t.s3.head_object(Bucket=bucket, Key="dst", ChecksumMode="ENABLED")["ChecksumSHA256"], EXPECTED["SHA256"], "HEAD")


# --- multipart ---------------------------------------------------------------------------------

def upload_parts(t, bucket, key, parts, **more):
    """Creates an upload and sends the parts, given as {number: bytes}. Returns the id and the list to complete with."""
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    done = []
    for number, data in parts.items():
        etag = t.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)["ETag"]
        equal(etag, f'"{md5(data)}"', f"ETag of part {number}")
        done.append({"PartNumber": number, "ETag": etag})
    return upload, sorted(done, key=lambda p: p["PartNumber"])


def etag_of_parts(parts):
    return f'"{md5(b"".join(hashlib.md5(p).digest() for p in parts))}-{len(parts)}"'


@case
def multipart_out_of_order_with_gaps(t):
    bucket = t.bucket()
    parts = {7: pattern(100, 7), 2: pattern(5 * MIB, 2), 5: pattern(5 * MIB + 1, 5)}
    upload, listed = upload_parts(t, bucket, "k", parts, Metadata={"m": "x"}, ContentType="video/pail",
                                  StorageClass="ONEZONE_IA")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")
    done = t.s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": listed})
    whole = parts[2] + parts[5] + parts[7]
    etag = etag_of_parts([parts[2], parts[5], parts[7]])
    equal((done["ETag"], done["Bucket"], done["Key"]), (etag, bucket, "k"), "answer")
    contains(done["Location"], f"{bucket}/k", "Location")
    got = t.s3.get_object(Bucket=bucket, Key="k")
    true(got["Body"].read() == whole, "the parts in their order")
    equal((got["ETag"], got["Metadata"], got["ContentType"], got["StorageClass"]),
          (etag, {"m": "x"}, "video/pail", "ONEZONE_IA"), "object")
    again = t.s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": listed})
    equal(again["ETag"], etag, "completing twice answers the same")
    for number, (part, offset) in enumerate(((parts[2], 0), (parts[5], len(parts[2])), (parts[7], len(parts[2]) + len(parts[5]))), 1):
        got = t.s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        true(got["Body"].read() == part, f"partNumber={number}")
        equal((status(got), got["PartsCount"], got["ContentRange"]),
              (206, 3, f"bytes {offset}-{offset + len(part) - 1}/{len(whole)}"), f"partNumber={number}")
        equal(t.s3.head_object(Bucket=bucket, Key="k", PartNumber=number)["PartsCount"], 3, "PartsCount of HEAD")
    fails("InvalidPartNumber", 416, t.s3.get_object, Bucket=bucket, Key="k", PartNumber=4)
    true(body(t, bucket, "k", Range=f"bytes={5 * MIB - 10}-{10 * MIB + 10}") == whole[5 * MIB - 10:10 * MIB + 11],
         "a range over all parts")


@case
def multipart_errors(t):
    bucket = t.bucket()
    upload, listed = upload_parts(t, bucket, "k", {1: b"small", 2: b"last"})
    o = dict(Bucket=bucket, Key="k", UploadId=upload)
    complete = t.s3.complete_multipart_upload
    error = fails("EntityTooSmall", 400, complete, **o, MultipartUpload={"Parts": listed})
    equal((error["ProposedSize"], error["MinSizeAllowed"], error["PartNumber"]), ("5", str(5 * MIB), "1"), "extras")
    fails("InvalidPartOrder", 400, complete, **o, MultipartUpload={"Parts": listed[::-1]})
    fails("InvalidPart", 400, complete, **o, MultipartUpload={"Parts": [{"PartNumber": 2, "ETag": listed[0]["ETag"]}]})
    fails("InvalidPart", 400, complete, **o, MultipartUpload={"Parts": [{"PartNumber": 9, "ETag": listed[0]["ETag"]}]})
    true(t.s3.complete_multipart_upload.__name__ and fails_with_400(complete, o), "an empty list is refused")
    fails("NoSuchUpload", 404, complete, Bucket=bucket, Key="k", UploadId="nonsense", MultipartUpload={"Parts": listed})
    fails("NoSuchUpload", 404, complete, Bucket=bucket, Key="other", UploadId=upload, MultipartUpload={"Parts": listed})
    for number in (0, 10001):
        fails("InvalidArgument", 400, t.s3.upload_part, **o, PartNumber=number, Body=b"x")
    fails("NoSuchUpload", 404, t.s3.upload_part, Bucket=bucket, Key="k", UploadId="nonsense", PartNumber=1, Body=b"x")
    equal(status(t.s3.abort_multipart_upload(**o)), 204, "abort")
    fails("NoSuchUpload", 404, t.s3.abort_multipart_upload, **o)
    fails("NoSuchUpload", 404, t.s3.list_parts, **o)
    fails("NoSuchUpload", 404, complete, **o, MultipartUpload={"Parts": listed})
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")


def fails_with_400(complete, o):
    """MalformedXML or InvalidRequest, depending on how the client spells nothing."""
    try:
        complete(**o, MultipartUpload={"Parts": []})
    except ClientError as error:
        return status(error.response) == 400 and error.response["Error"]["Code"] in ("MalformedXML", "InvalidRequest")
    return False


@case
def a_part_sent_again_replaces_the_first(t):
    bucket = t.bucket()
    upload, _ = upload_parts(t, bucket, "k", {1: pattern(5 * MIB, 1), 2: b"old"})
    o = dict(Bucket=bucket, Key="k", UploadId=upload)
    first = t.s3.list_parts(**o)["Parts"][0]["ETag"]
    new = t.s3.upload_part(**o, PartNumber=2, Body=b"new one")["ETag"]
    fails("InvalidPart", 400, t.s3.complete_multipart_upload, **o, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": f'"{md5(b"old")}"'}]})
    t.s3.complete_multipart_upload(**o, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": new}]})
    true(body(t, bucket, "k") == pattern(5 * MIB, 1) + b"new one", "the later part counts")


@case
def list_parts_in_pages(t):
    bucket = t.bucket()
    upload, listed = upload_parts(t, bucket, "k", {n: f"part {n}".encode() for n in (1, 3, 4, 10000)})
    o = dict(Bucket=bucket, Key="k", UploadId=upload)
    whole = t.s3.list_parts(**o)
    equal([(p["PartNumber"], p["ETag"], p["Size"]) for p in whole["Parts"]],
          [(p["PartNumber"], p["ETag"], len(f"part {p['PartNumber']}")) for p in listed], "parts")
    equal((whole["IsTruncated"], whole["MaxParts"], whole["StorageClass"], whole["PartNumberMarker"]),
          (False, 1000, "STANDARD", 0), "fields")
    true(whole["Initiator"]["ID"] and whole["Owner"]["ID"], "initiator and owner")
    page = t.s3.list_parts(**o, MaxParts=2)
    equal(([p["PartNumber"] for p in page["Parts"]], page["IsTruncated"], page["NextPartNumberMarker"]), ([1, 3], True, 3), "page 1")
    page = t.s3.list_parts(**o, MaxParts=2, PartNumberMarker=3)
    equal(([p["PartNumber"] for p in page["Parts"]], page["IsTruncated"]), ([4, 10000], False), "page 2")


@case
def list_uploads_in_pages(t):
    bucket = t.bucket()
    ids = {}
    for key in ("a", "b/1", "b/2", "c", "c"):
        ids.setdefault(key, []).append(t.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        time.sleep(0.01)
    everything = [(k, i) for k in sorted(ids) for i in ids[k]]
    whole = t.s3.list_multipart_uploads(Bucket=bucket)
    equal([(u["Key"], u["UploadId"]) for u in whole["Uploads"]], everything, "uploads")
    true(all(u["StorageClass"] == "STANDARD" and u["Initiated"] for u in whole["Uploads"]), "fields")
    seen, markers = [], {}
    while True:
        page = t.s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **markers)
        seen += [(u["Key"], u["UploadId"]) for u in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        markers = dict(KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"])
    equal(seen, everything, "all pages")
    grouped = t.s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    equal(([u["Key"] for u in grouped["Uploads"]], [p["Prefix"] for p in grouped["CommonPrefixes"]]),
          (["a", "c", "c"], ["b/"]), "with delimiter")
    equal([u["Key"] for u in t.s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")["Uploads"]], ["b/1", "b/2"], "prefix")
    for key, upload in everything:
        t.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    true("Uploads" not in t.s3.list_multipart_uploads(Bucket=bucket), "none left")


@case
def multipart_checksums(t):
    bucket = t.bucket()
    parts = [pattern(5 * MIB, 1), pattern(1000, 2)]
    digests = {"CRC32": lambda d: zlib.crc32(d).to_bytes(4, "big"), "SHA1": lambda d: hashlib.sha1(d).digest(),
               "SHA256": lambda d: hashlib.sha256(d).digest()}
    for name, digest in digests.items():
        upload = t.s3.create_multipart_upload(Bucket=bucket, Key=name, ChecksumAlgorithm=name)
        equal((upload["ChecksumAlgorithm"], upload["ChecksumType"]), (name, "COMPOSITE"), "create")
        o = dict(Bucket=bucket, Key=name, UploadId=upload["UploadId"])
        listed = []
        for number, data in enumerate(parts, 1):
            part = t.s3.upload_part(**o, PartNumber=number, Body=data, ChecksumAlgorithm=name)
            equal(part[f"Checksum{name}"], b64(digest(data)), "part")
            listed.append({"PartNumber": number, "ETag": part["ETag"], f"Checksum{name}": part[f"Checksum{name}"]})
        bare = [{k: p[k] for k in ("PartNumber", "ETag")} for p in listed]
        fails("InvalidRequest", 400, t.s3.complete_multipart_upload, **o, MultipartUpload={"Parts": bare})
        done = t.s3.complete_multipart_upload(**o, MultipartUpload={"Parts": listed})
        want = b64(digest(b"".join(digest(p) for p in parts)))
        equal((done[f"Checksum{name}"], done["ChecksumType"]), (f"{want}-2", "COMPOSITE"), "complete")
        head = t.s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
        equal(head[f"Checksum{name}"], f"{want}-2", "HEAD")
        got = t.s3.get_object_attributes(Bucket=bucket, Key=name, ObjectAttributes=["Checksum", "ObjectParts"])
        equal(got["Checksum"][f"Checksum{name}"], want, "attributes")
        equal([p[f"Checksum{name}"] for p in got["ObjectParts"]["Parts"]], [b64(digest(p)) for p in parts], "parts")
        part = t.s3.get_object(Bucket=bucket, Key=name, PartNumber=2, ChecksumMode="ENABLED")
        equal(part[f"Checksum{name}"], b64(digest(parts[1])), "checksum of a part")


@case
def multipart_full_object_checksums(t):
    bucket = t.bucket()
    parts = [pattern(5 * MIB, 1), pattern(5 * MIB + 77, 3), pattern(1000, 2)]
    for name in {"CRC32", "CRC32C", "CRC64NVME"} - CRT_ONLY:
        upload = t.s3.create_multipart_upload(Bucket=bucket, Key=name, ChecksumAlgorithm=name, ChecksumType="FULL_OBJECT")
        equal(upload["ChecksumType"], "FULL_OBJECT", "create")
        o = dict(Bucket=bucket, Key=name, UploadId=upload["UploadId"])
        listed = [{"PartNumber": n, "ETag": t.s3.upload_part(**o, PartNumber=n, Body=d, ChecksumAlgorithm=name)["ETag"]}
                  for n, d in enumerate(parts, 1)]
        fails("BadDigest", 400, t.s3.complete_multipart_upload, **o, MultipartUpload={"Parts": listed},
              **{f"Checksum{name}": b64(bytes(8 if name == "CRC64NVME" else 4))}, ChecksumType="FULL_OBJECT")
        done = t.s3.complete_multipart_upload(**o, MultipartUpload={"Parts": listed}, ChecksumType="FULL_OBJECT")
        whole = t.s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(parts), ChecksumAlgorithm=name)
        equal((done[f"Checksum{name}"], done["ChecksumType"]), (whole[f"Checksum{name}"], "FULL_OBJECT"), "as in one piece")
        if name == "CRC32":
            equal(done["ChecksumCRC32"], b64(zlib.crc32(b"".join(parts)).to_bytes(4, "big")), "as computed here")
        true(t.s3.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")["Body"].read() == b"".join(parts), "bytes")
    for algorithm, kind in (("SHA1", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        fails("InvalidRequest", 400, t.s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm,
              ChecksumType=kind)


@case
def conditional_completion(t):
    bucket = t.bucket()
    upload, listed = upload_parts(t, bucket, "k", {1: b"one"})
    o = dict(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": listed})
    etag = t.s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
    fails("PreconditionFailed", 412, t.s3.complete_multipart_upload, **o, IfNoneMatch="*")
    fails("PreconditionFailed", 412, t.s3.complete_multipart_upload, **o, IfMatch='"other"')
    equal(body(t, bucket, "k"), b"first", "the object stays")
    t.s3.complete_multipart_upload(**o)
    upload, listed = upload_parts(t, bucket, "k2", {1: b"two"})
    t.s3.complete_multipart_upload(Bucket=bucket, Key="k2", UploadId=upload, MultipartUpload={"Parts": listed}, IfNoneMatch="*")
    equal(body(t, bucket, "k2"), b"two", "created")
    etag = t.s3.head_object(Bucket=bucket, Key="k2")["ETag"]
    upload, listed = upload_parts(t, bucket, "k2", {1: b"three"})
    t.s3.complete_multipart_upload(Bucket=bucket, Key="k2", UploadId=upload, MultipartUpload={"Parts": listed}, IfMatch=etag)
    equal(body(t, bucket, "k2"), b"three", "replaced")


@case
def upload_part_copy(t):
    bucket, other = t.bucket(), t.bucket()
    data = pattern(12 * MIB)
    t.s3.put_object(Bucket=other, Key="src", Body=data)
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    o = dict(Bucket=bucket, Key="k", UploadId=upload)
    source = {"Bucket": other, "Key": "src"}
    one = t.s3.upload_part_copy(**o, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=100-{6 * MIB - 1}")
    two = t.s3.upload_part_copy(**o, PartNumber=2, CopySource=source)
    three = t.s3.upload_part(**o, PartNumber=3, Body=b"tail")
    equal(one["CopyPartResult"]["ETag"], f'"{md5(data[100:6 * MIB])}"', "ETag of a copied range")
    equal(two["CopyPartResult"]["ETag"], f'"{md5(data)}"', "ETag of a copied object")
    for bad in ("bytes=0-", "bytes=5-4", "0-5"):
        fails("InvalidArgument", 400, t.s3.upload_part_copy, **o, PartNumber=4, CopySource=source, CopySourceRange=bad)
    fails("InvalidArgument", 400, t.s3.upload_part_copy, **o, PartNumber=4, CopySource=source,
          CopySourceRange=f"bytes=0-{12 * MIB}")
    fails("PreconditionFailed", 412, t.s3.upload_part_copy, **o, PartNumber=4, CopySource=source, CopySourceIfMatch='"no"')
    fails("NoSuchKey", 404, t.s3.upload_part_copy, **o, PartNumber=4, CopySource={"Bucket": other, "Key": "missing"})
    t.s3.complete_multipart_upload(**o, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": one["CopyPartResult"]["ETag"]}, {"PartNumber": 2, "ETag": two["CopyPartResult"]["ETag"]},
        {"PartNumber": 3, "ETag": three["ETag"]}]})
    t.s3.delete_object(Bucket=other, Key="src")
    true(body(t, bucket, "k") == data[100:6 * MIB] + data + b"tail", "bytes, after the source is gone")


@case
def transfer_100_mib_in_parallel_parts(t):
    bucket, folder = t.bucket(), t.folder()
    data = pattern(100 * MIB + 12345)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=8)
    with open(os.path.join(folder, "up"), "wb") as f:
        f.write(data)
    t.s3.upload_file(os.path.join(folder, "up"), bucket, "big", Config=config, ExtraArgs={"Metadata": {"from": "file"}})
    head = t.s3.head_object(Bucket=bucket, Key="big")
    equal((head["ContentLength"], head["ETag"]),
          (len(data), etag_of_parts([data[n:n + 8 * MIB] for n in range(0, len(data), 8 * MIB)])), "object")
    t.s3.download_file(bucket, "big", os.path.join(folder, "down"), Config=config)
    with open(os.path.join(folder, "down"), "rb") as f:
        true(f.read() == data, "what went up comes down")
    t.s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    true(body(t, bucket, "copy") == data, "a managed copy in parts")


transfer_100_mib_in_parallel_parts.seconds = 300


@case
def transfers_of_file_objects(t):
    bucket = t.bucket()
    data = pattern(20 * MIB + 1)
    t.s3.upload_fileobj(io.BytesIO(data), bucket, "k")
    out = io.BytesIO()
    t.s3.download_fileobj(bucket, "k", out)
    true(out.getvalue() == data, "bytes")
    resource = t.session.resource("s3")
    resource.Object(bucket, "r").put(Body=b"resource")
    equal(sorted(o.key for o in resource.Bucket(bucket).objects.all()), ["k", "r"], "resource listing")
    resource.Bucket(bucket).objects.all().delete()
    resource.Bucket(bucket).delete()
    fails("404", 404, t.s3.head_bucket, Bucket=bucket)


# --- lists ---------------------------------------------------------------------------------------

KEYS = ["a", "dir/", "dir/1", "dir/2", "dir/sub/3", "dir0", "e f", "x--y--1", "x--y--2", "zä"]


def listed_bucket(t, keys=KEYS):
    bucket = t.bucket()
    for key in keys:
        t.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def names(page):
    return [o["Key"] for o in page.get("Contents", [])], [p["Prefix"] for p in page.get("CommonPrefixes", [])]


@case
def list_v2(t):
    bucket = listed_bucket(t)
    page = t.s3.list_objects_v2(Bucket=bucket)
    equal(names(page), (KEYS, []), "everything")
    equal((page["Name"], page["KeyCount"], page["MaxKeys"], page["IsTruncated"], page["Prefix"]),
          (bucket, 10, 1000, False, ""), "fields")
    first = page["Contents"][0]
    equal((first["ETag"], first["Size"], first["StorageClass"]), (f'"{md5(b"a")}"', 1, "STANDARD"), "an entry")
    true("Owner" not in first, "no owner unless asked")
    true(t.s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"], "the owner when asked")
    for asked, want in ((dict(Prefix="dir/"), (["dir/", "dir/1", "dir/2", "dir/sub/3"], [])),
                        (dict(Delimiter="/"), (["a", "dir0", "e f", "x--y--1", "x--y--2", "zä"], ["dir/"])),
                        (dict(Prefix="dir/", Delimiter="/"), (["dir/", "dir/1", "dir/2"], ["dir/sub/"])),
                        (dict(Delimiter="--"), (["a", "dir/", "dir/1", "dir/2", "dir/sub/3", "dir0", "e f", "zä"], ["x--"])),
                        (dict(Prefix="x--", Delimiter="--"), ([], ["x--y--"])),
                        (dict(Delimiter="dir/"), (["a", "dir0", "e f", "x--y--1", "x--y--2", "zä"], ["dir/"])),
                        (dict(StartAfter="dir/2"), (["dir/sub/3", "dir0", "e f", "x--y--1", "x--y--2", "zä"], [])),
                        (dict(StartAfter="dir/1", Delimiter="/"), (["dir0", "e f", "x--y--1", "x--y--2", "zä"], ["dir/"])),
                        (dict(Prefix="none"), ([], [])), (dict(Prefix="e f"), (["e f"], []))):
        if asked.get("StartAfter") == "dir/1" and "Delimiter" in asked:
            want = (want[0], [])  # a start inside a group skips the rest of the group
        equal(names(t.s3.list_objects_v2(Bucket=bucket, **asked)), want, f"{asked}")
    empty = t.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    equal((names(empty), empty["IsTruncated"]), (([], []), False), "max-keys 0")
    equal(t.s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)["MaxKeys"], 1000, "the cap")
    fails("InvalidArgument", 400, t.s3.list_objects_v2, Bucket=bucket, ContinuationToken="nonsense")
    fails("InvalidArgument", 400, t.s3.list_objects_v2, Bucket=bucket, MaxKeys=-1)


@case
def list_v2_in_pages_of_every_size(t):
    bucket = listed_bucket(t)
    for delimiter in ("", "/", "--"):
        whole = names(t.s3.list_objects_v2(Bucket=bucket, Delimiter=delimiter))
        for size in (1, 2, 3, 7):
            seen, groups, token = [], [], None
            for _ in range(20):
                page = t.s3.list_objects_v2(Bucket=bucket, Delimiter=delimiter, MaxKeys=size,
                                            **({"ContinuationToken": token} if token else {}))
                keys, prefixes = names(page)
                equal(page["KeyCount"], len(keys) + len(prefixes), "KeyCount")
                true(page["KeyCount"] <= size, "a page is not larger than asked")
                seen, groups = seen + keys, groups + prefixes
                if not page["IsTruncated"]:
                    true("NextContinuationToken" not in page, "no token at the end")
                    break
                equal(page["KeyCount"], size, "a truncated page is full")
                token = page["NextContinuationToken"]
            equal((seen, groups), whole, f"delimiter {delimiter!r}, {size} a page")


@case
def list_v1(t):
    bucket = listed_bucket(t)
    page = t.s3.list_objects(Bucket=bucket)
    equal(names(page), (KEYS, []), "everything")
    equal((page["Marker"], page["IsTruncated"], page["MaxKeys"]), ("", False, 1000), "fields")
    true(page["Contents"][0]["Owner"]["ID"], "version 1 names the owner")
    page = t.s3.list_objects(Bucket=bucket, MaxKeys=3)
    equal((names(page), page["IsTruncated"]), ((["a", "dir/", "dir/1"], []), True), "page 1")
    equal(names(t.s3.list_objects(Bucket=bucket, MaxKeys=3, Marker="dir/1"))[0], ["dir/2", "dir/sub/3", "dir0"], "page 2")
    page = t.s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    equal((names(page), page["NextMarker"]), ((["a"], ["dir/"]), "dir/"), "with delimiter")
    page = t.s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2, Marker=page["NextMarker"])
    equal(names(page), (["dir0", "e f"], []), "after the group")


@case
def list_with_url_encoding(t):
    keys = ["a+b", "a b", "ä/(1)", "x&<>", "100%"]
    bucket = listed_bucket(t, keys)
    # boto3 asks for encoding-type=url by itself and decodes; asked for openly, the encoded form is seen.
    page = t.s3.list_objects_v2(Bucket=bucket, EncodingType="url")
    equal(page["EncodingType"], "url", "EncodingType")
    equal([o["Key"] for o in page["Contents"]], ["100%25", "a+b", "a%2Bb", "x%26%3C%3E", "%C3%A4/%281%29"], "encoded")
    equal(names(t.s3.list_objects_v2(Bucket=bucket)), (sorted(keys, key=str.encode), []), "decoded by boto3")


@case
def list_2500_keys_through_the_paginator(t):
    bucket = t.bucket()
    keys = [f"{n % 10}/{n:05}" for n in range(2500)]
    client = t.session.client("s3", config=Config(max_pool_connections=16))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda k: client.put_object(Bucket=bucket, Key=k, Body=b"x"), keys))
    pages = list(t.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
    equal([p["KeyCount"] for p in pages], [1000, 1000, 500], "pages")
    equal([o["Key"] for p in pages for o in p["Contents"]], sorted(keys), "keys")
    pages = list(t.s3.get_paginator("list_objects").paginate(Bucket=bucket))
    equal([o["Key"] for p in pages for o in p["Contents"]], sorted(keys), "keys of version 1")
    groups = [p["Prefix"] for page in t.s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 3}) for p in page.get("CommonPrefixes", [])]
    equal(groups, [f"{n}/" for n in range(10)], "groups")


@case
def a_list_during_writes_never_repeats_a_key(t):
    bucket = t.bucket()
    client = t.session.client("s3", config=Config(max_pool_connections=16))
    fixed = [f"fixed/{n:04}" for n in range(300)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda k: client.put_object(Bucket=bucket, Key=k, Body=k.encode()), fixed))
    stop = threading.Event()

    def disturb(worker):
        n = 0
        while not stop.is_set():
            key = f"fixed/{n % 300:04}-{worker}"
            client.put_object(Bucket=bucket, Key=key, Body=b"y")
            client.put_object(Bucket=bucket, Key=fixed[(n * 7 + worker) % 300], Body=fixed[(n * 7 + worker) % 300].encode())
            client.delete_object(Bucket=bucket, Key=key)
            n += 1

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(disturb, w) for w in range(4)]
        try:
            for _ in range(10):
                seen = [o for page in client.get_paginator("list_objects_v2").paginate(
                    Bucket=bucket, PaginationConfig={"PageSize": 37}) for o in page.get("Contents", [])]
                keys = [o["Key"] for o in seen]
                equal(keys, sorted(set(keys)), "ascending, without repetition")
                true(set(fixed) <= set(keys), "whatever was there all the time is listed")
                true(all(o["ETag"] == f'"{md5(o["Key"].encode())}"' for o in seen if o["Key"] in set(fixed)), "whole entries")
        finally:
            stop.set()
        for worker in workers:
            worker.result()


# --- presigned URLs and credentials -----------------------------------------------------------------

@case
def presigned_get_and_put(t):
    bucket = t.bucket()
    client = t.session.client("s3", config=Config(signature_version="s3v4"))
    put = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a b/ü", "ContentType": "text/plain"}, 60)
    equal(raw_request(t, put, "PUT", b"presigned", {"Content-Type": "text/plain"})[0], 200, "PUT")
    code, _, text = raw_request(t, put, "PUT", b"presigned", {"Content-Type": "image/png"})
    true(code == 403 and b"SignatureDoesNotMatch" in text, f"another Content-Type: {code}")
    get = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b/ü",
                                                       "ResponseContentType": "text/html"}, 60)
    code, head, text = raw_request(t, get)
    equal((code, text, head["Content-Type"]), (200, b"presigned", "text/html"), "GET")
    code, head, text = raw_request(t, get, headers={"Range": "bytes=3-5"})
    equal((code, text), (206, b"sig"), "GET with a range")
    code, _, text = raw_request(t, get.replace("X-Amz-Signature=", "X-Amz-Signature=0"))
    true(code in (400, 403), f"a changed signature: {code}")
    code, _, text = raw_request(t, get.replace("a%20b", "a%20c"))
    true(code == 403 and b"SignatureDoesNotMatch" in text, f"another key: {code}")
    head_url = client.generate_presigned_url("head_object", {"Bucket": bucket, "Key": "a b/ü"}, 60)
    equal(raw_request(t, head_url, "HEAD")[0], 200, "HEAD")
    equal(raw_request(t, head_url)[0], 403, "another method")
    delete = client.generate_presigned_url("delete_object", {"Bucket": bucket, "Key": "a b/ü"}, 60)
    equal(raw_request(t, delete, "DELETE")[0], 204, "DELETE")


@case
def presigned_urls_in_the_default_configuration(t):
    # Without a word about signatures boto3 signs URLs for us-east-1 with version 2, for younger regions with 4.
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    young = t.session.client("s3", region_name="eu-central-1")
    url = young.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    contains(url, "X-Amz-Signature", "URL for eu-central-1")
    equal(raw_request(t, url)[::2], (200, b"x"), "version 4")
    url = t.s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    code, _, text = raw_request(t, url)
    equal((code, text), (200, b"x"), "default")


@case
def presigned_urls_expire(t):
    bucket = t.bucket()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    client = t.session.client("s3", config=Config(signature_version="s3v4"))
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, 1)
    good = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, 60)
    time.sleep(2.1)
    equal(raw_request(t, good)[0], 200, "one that is good for longer")
    code, _, text = raw_request(t, url)
    true(code == 403 and b"AccessDenied" in text and b"Request has expired" in text, f"later: {code} {text}")
    for seconds in (604801, -1) if CRT_ONLY else (604801,):  # the C signer refuses -1 itself
        url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, seconds)
        code, _, text = raw_request(t, url)
        true(code == 400 and b"AuthorizationQueryParametersError" in text, f"{seconds} s: {code} {text}")


@case
def wrong_credentials(t):
    bucket = t.bucket()
    stranger = boto3.client("s3", aws_access_key_id="AKIAPAILNOBODY000000", aws_secret_access_key="x" * 40)
    fails("InvalidAccessKeyId", 403, stranger.list_objects_v2, Bucket=bucket)
    fails("403", 403, stranger.head_bucket, Bucket=bucket)
    liar = boto3.client("s3", aws_access_key_id=t.pail.access_key, aws_secret_access_key="x" * 40)
    error = fails("SignatureDoesNotMatch", 403, liar.put_object, Bucket=bucket, Key="k", Body=pattern(100000))
    contains(error["StringToSign"], "AWS4-HMAC-SHA256", "StringToSign")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")
    nobody = boto3.client("s3", config=Config(signature_version=botocore.UNSIGNED))
    fails("AccessDenied", 403, nobody.list_objects_v2, Bucket=bucket)
    fails("AccessDenied", 403, nobody.list_buckets)


@case
def a_wrong_clock_is_told(t):
    bucket = t.bucket()
    late = datetime.datetime.now(UTC) - datetime.timedelta(minutes=20)
    credentials = t.session.get_credentials().get_frozen_credentials()
    request = AWSRequest("GET", f"{t.pail.endpoint}/{bucket}/k", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    original = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *a, **k: late.replace(tzinfo=None)
    try:
        botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    finally:
        botocore.auth.get_current_datetime = original
    code, _, text = raw_request(t, request.url, headers=dict(request.headers.items()))
    true(code == 403 and b"RequestTimeTooSkewed" in text, f"{code} {text}")


@case
def any_region_is_accepted(t):
    bucket = t.bucket()
    for region in ("eu-central-1", "us-gov-east-1", "garage"):
        client = t.session.client("s3", region_name=region)
        client.put_object(Bucket=bucket, Key=region, Body=b"x")
        equal(client.get_object(Bucket=bucket, Key=region)["Body"].read(), b"x", region)


@case
def what_pail_lacks_is_not_implemented(t):
    bucket = t.bucket()
    fails("NotImplemented", 501, t.s3.put_bucket_analytics_configuration, Bucket=bucket, Id="a", AnalyticsConfiguration={
        "Id": "a", "StorageClassAnalysis": {}})
    fails("NotImplemented", 501, t.s3.get_bucket_inventory_configuration, Bucket=bucket, Id="a")


@case
def virtual_hosted_style(t):
    if t.pail.external:
        t.skip("needs a server started with --domain")
    from pail import Pail
    with Pail("boto3-domain", tls=t.pail.tls, args=["--domain", "localhost"]) as other:
        endpoint = other.endpoint.replace("127.0.0.1", "localhost")
        client = t.session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "virtual"}))
        client.create_bucket(Bucket="virtual")
        seen = {}
        client.meta.events.register("before-send.s3", lambda request, **_: seen.update(url=request.url))
        client.put_object(Bucket="virtual", Key="a/b", Body=b"x")
        contains(seen["url"], "://virtual.localhost", "the request's URL")
        equal(client.get_object(Bucket="virtual", Key="a/b")["Body"].read(), b"x", "object")
        equal([o["Key"] for o in client.list_objects_v2(Bucket="virtual")["Contents"]], ["a/b"], "list")
        path = t.session.client("s3", endpoint_url=other.endpoint, config=Config(s3={"addressing_style": "path"}))
        equal(path.get_object(Bucket="virtual", Key="a/b")["Body"].read(), b"x", "the same by path")


if __name__ == "__main__":
    main("sdk-boto3" if CRT_ONLY else "sdk-boto3-crt", setup)
