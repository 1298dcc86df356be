#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""minio-py as `pip install minio` gives it."""
import datetime
import io
import os

import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE, GOVERNANCE, REPLACE, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.sse import SseCustomerKey, SseKMS, SseS3
from minio.sseconfig import Rule, SSEConfig

from cases import case, equal, main, pattern, true

MIB = 1024 * 1024


def setup(t):
    if t.pail.ca:
        os.environ["SSL_CERT_FILE"] = t.pail.ca
    t.s3 = client(t, t.pail.secret_key)
    t.bucket = lambda: made_bucket(t)


def client(t, secret):
    return Minio(endpoint=f"{t.pail.host}:{t.pail.port}", access_key=t.pail.access_key, secret_key=secret, secure=t.pail.tls)


def made_bucket(t):
    name = t.bucket_name()
    t.s3.make_bucket(bucket_name=name)
    return name


def fails(code, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except S3Error as error:
        equal(error.code, code, "code")
        return
    raise AssertionError(f"expected {code}")


def body(t, bucket, key, **more):
    answer = t.s3.get_object(bucket_name=bucket, object_name=key, **more)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


@case
def buckets(t):
    bucket = t.bucket()
    true(t.s3.bucket_exists(bucket_name=bucket), "it exists")
    true(bucket in [b.name for b in t.s3.list_buckets()], "it is listed")
    t.s3.remove_bucket(bucket_name=bucket)
    true(not t.s3.bucket_exists(bucket_name=bucket), "it is gone")
    fails("NoSuchBucket", t.s3.remove_bucket, bucket_name=bucket)


@case
def put_get_stat_remove(t):
    bucket = t.bucket()
    data = pattern(200000)
    t.s3.put_object(bucket_name=bucket, object_name="dir/ä b+c", data=io.BytesIO(data), length=len(data),
                    content_type="text/x-minio", metadata={"One": "1"})
    true(body(t, bucket, "dir/ä b+c") == data, "bytes")
    equal(body(t, bucket, "dir/ä b+c", offset=100, length=50), data[100:150], "a range")
    stat = t.s3.stat_object(bucket_name=bucket, object_name="dir/ä b+c")
    equal((stat.size, stat.content_type, stat.metadata["x-amz-meta-one"]), (200000, "text/x-minio", "1"), "stat")
    t.s3.remove_object(bucket_name=bucket, object_name="dir/ä b+c")
    fails("NoSuchKey", t.s3.stat_object, bucket_name=bucket, object_name="dir/ä b+c")
    t.s3.put_object(bucket_name=bucket, object_name="empty", data=io.BytesIO(b""), length=0)
    equal(body(t, bucket, "empty"), b"", "empty")


@case
def files_in_parts(t):
    bucket, folder = t.bucket(), t.folder()
    data = pattern(33 * MIB + 1)
    with open(f"{folder}/up", "wb") as f:
        f.write(data)
    t.s3.fput_object(bucket_name=bucket, object_name="big", file_path=f"{folder}/up", part_size=5 * MIB, num_parallel_uploads=4)
    true(t.s3.stat_object(bucket_name=bucket, object_name="big").etag.endswith("-7"), "seven parts")
    t.s3.fget_object(bucket_name=bucket, object_name="big", file_path=f"{folder}/down")
    with open(f"{folder}/down", "rb") as f:
        true(f.read() == data, "bytes")


@case
def a_stream_of_unknown_length(t):
    bucket = t.bucket()
    data = pattern(12 * MIB)
    t.s3.put_object(bucket_name=bucket, object_name="stream", data=io.BytesIO(data), length=-1, part_size=5 * MIB)
    true(body(t, bucket, "stream") == data, "bytes")


@case
def lists_and_many_deletions(t):
    bucket = t.bucket()
    keys = ["a b", "dir/1", "dir/2", "x+y", "z&<>", "ü"]
    for key in keys:
        t.s3.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"1"), length=1)
    equal([o.object_name for o in t.s3.list_objects(bucket_name=bucket, recursive=True)], keys, "recursive")
    equal([o.object_name for o in t.s3.list_objects(bucket_name=bucket)], ["a b", "x+y", "z&<>", "ü", "dir/"], "one level")
    equal([o.object_name for o in t.s3.list_objects(bucket_name=bucket, prefix="dir/")], ["dir/1", "dir/2"], "prefix")
    errors = list(t.s3.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(k) for k in keys]))
    equal(errors, [], "errors")
    equal(list(t.s3.list_objects(bucket_name=bucket, recursive=True)), [], "left")


@case
def copy_and_compose(t):
    bucket = t.bucket()
    one, two = pattern(5 * MIB, 1), pattern(1000, 2)
    for key, data in (("one", one), ("two", two)):
        t.s3.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(data), length=len(data))
    t.s3.copy_object(bucket_name=bucket, object_name="copy", source=CopySource(bucket_name=bucket, object_name="two"))
    equal(body(t, bucket, "copy"), two, "copy")
    t.s3.compose_object(bucket_name=bucket, object_name="both", sources=[
        ComposeSource(bucket_name=bucket, object_name="one"), ComposeSource(bucket_name=bucket, object_name="two")])
    true(body(t, bucket, "both") == one + two, "composed from parts that are copied")


@case
def presigned(t):
    bucket = t.bucket()
    http = urllib3.PoolManager(ca_certs=t.pail.ca)
    hour = datetime.timedelta(hours=1)
    put = t.s3.presigned_put_object(bucket_name=bucket, object_name="p q", expires=hour)
    equal(http.request("PUT", put, body=b"hello").status, 200, "PUT")
    get = t.s3.presigned_get_object(bucket_name=bucket, object_name="p q", expires=hour)
    equal(http.request("GET", get).data, b"hello", "GET")
    equal(http.request("GET", get.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200")).status, 403, "forged")


def tagged(make, **tags):
    made = make()
    made.update(tags)
    return made


@case
def tags(t):
    bucket = t.bucket()
    of_bucket, of_object = tagged(Tags.new_bucket_tags, team="a b"), tagged(Tags.new_object_tags, project="Größe", empty="")
    here = {"bucket_name": bucket, "object_name": "k"}
    equal(t.s3.get_bucket_tags(bucket_name=bucket), None, "no bucket tags")
    t.s3.set_bucket_tags(bucket_name=bucket, tags=of_bucket)
    equal(dict(t.s3.get_bucket_tags(bucket_name=bucket)), dict(of_bucket), "bucket tags")
    t.s3.delete_bucket_tags(bucket_name=bucket)
    equal(t.s3.get_bucket_tags(bucket_name=bucket), None, "bucket tags after they were deleted")
    t.s3.put_object(**here, data=io.BytesIO(b"x"), length=1, tags=of_object)
    equal(dict(t.s3.get_object_tags(**here)), dict(of_object), "with the object")
    t.s3.copy_object(bucket_name=bucket, object_name="copy", source=CopySource(**here),
                     tags=tagged(Tags.new_object_tags, new="1"), tagging_directive=REPLACE)
    equal(dict(t.s3.get_object_tags(bucket_name=bucket, object_name="copy")), {"new": "1"}, "of a copy")
    t.s3.delete_object_tags(**here)
    equal(t.s3.get_object_tags(**here), None, "deleted")
    t.s3.set_object_tags(**here, tags=of_object)
    equal(dict(t.s3.get_object_tags(**here)), dict(of_object), "set")


@case
def object_lock(t):
    bucket = t.bucket_name()
    t.s3.make_bucket(bucket_name=bucket, object_lock=True)
    equal(t.s3.get_object_lock_config(bucket_name=bucket).mode, None, "no default")
    here = {"bucket_name": bucket, "object_name": "k"}
    t.s3.put_object(**here, data=io.BytesIO(b"x"), length=1)
    true(not t.s3.is_object_legal_hold_enabled(**here), "no hold")
    t.s3.enable_object_legal_hold(**here)
    true(t.s3.is_object_legal_hold_enabled(**here), "a hold")
    version = t.s3.stat_object(**here).version_id
    fails("AccessDenied", t.s3.remove_object, **here, version_id=version)
    t.s3.disable_object_legal_hold(**here)
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=2)
    for mode in (GOVERNANCE, COMPLIANCE):
        t.s3.set_object_retention(**here, config=Retention(mode, until))
        found = t.s3.get_object_retention(**here)
        equal((found.mode, found.retain_until_date), (mode, until), "retention")
        fails("AccessDenied", t.s3.remove_object, **here, version_id=version)
    t.s3.set_object_lock_config(bucket_name=bucket, config=ObjectLockConfig(GOVERNANCE, 3, DAYS))
    found = t.s3.get_object_lock_config(bucket_name=bucket)
    equal((found.mode, found.duration), (GOVERNANCE, 3), "default")
    t.s3.delete_object_lock_config(bucket_name=bucket)
    equal(t.s3.get_object_lock_config(bucket_name=bucket).mode, None, "default taken away")


@case
def encryption(t):
    bucket = t.bucket()
    here = {"bucket_name": bucket, "object_name": "k"}
    data = pattern(6 * MIB)
    t.s3.delete_bucket_encryption(bucket_name=bucket)
    t.s3.set_bucket_encryption(bucket_name=bucket, config=SSEConfig(Rule.new_sse_kms_rule("aws-s3")))
    rule = t.s3.get_bucket_encryption(bucket_name=bucket).rule
    equal((rule.sse_algorithm, rule.kms_master_key_id), ("aws:kms", "aws-s3"), "the bucket's")
    header = "x-amz-server-side-encryption"
    for sse, says in ((None, "aws:kms"), (SseS3(), "AES256"), (SseKMS("aws-s3", {"a": "b"}), "aws:kms")):
        for size in (100, len(data)):
            t.s3.put_object(**here, data=io.BytesIO(data[:size]), length=size, part_size=5 * MIB, sse=sse)
            equal(t.s3.stat_object(**here).metadata[header], says, "stat")
            true(body(t, bucket, "k") == data[:size], "the bytes")
    if not t.pail.tls:  # the client itself sends no key without TLS
        return
    one, two = SseCustomerKey(b"1" * 32), SseCustomerKey(b"2" * 32)
    t.s3.put_object(**here, data=io.BytesIO(data), length=len(data), part_size=5 * MIB, sse=one)
    true(body(t, bucket, "k", ssec=one) == data, "the bytes")
    fails("InvalidRequest", body, t, bucket, "k")
    fails("AccessDenied", body, t, bucket, "k", ssec=two)
    t.s3.copy_object(bucket_name=bucket, object_name="c", source=CopySource(bucket, "k", ssec=one), sse=two)
    true(body(t, bucket, "c", ssec=two) == data, "the copy")


@case
def wrong_credentials(t):
    bucket = t.bucket()
    fails("SignatureDoesNotMatch", client(t, "wrong-secret").list_buckets)
    fails("SignatureDoesNotMatch", client(t, "wrong-secret").put_object, bucket_name=bucket, object_name="k",
          data=io.BytesIO(b"1"), length=1)


if __name__ == "__main__":
    main("sdk-minio-py", setup)
