#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Server-side encryption through boto3 and by hand: every way to ask for it, to read it, to copy it and to get it wrong.

What is expected is what Amazon S3 answers. All cases run over http and https; customers' keys over http are
allowed by a setting, whose absence is a case of its own.
"""
import base64
import contextlib
import hashlib
import itertools
import json
import os

import boto3
import botocore
import urllib3
from botocore.config import Config

import aws
import s3client
from aws import api, setup
from cases import case, contains, equal, main, pattern, true
from pail import Pail

KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("one", "two")}
KMS = "arn:aws:kms:us-east-1:000000000000:key/"
DEFAULT_KEY = KMS + "aws-s3"
CONTEXT = base64.b64encode(b'{"team": "blue"}').decode()
SSE = "x-amz-server-side-encryption"
MIB = 1 << 20
NEEDS = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to " \
        "retrieve the object."
NOT_APPLICABLE = "The encryption parameters are not applicable to this object."
WRONG = "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."


def customer(name):
    return dict(SSECustomerAlgorithm="AES256", SSECustomerKey=KEYS[name])


def by_text(bring):
    """The same for operations where the SDK does not complete it."""
    if "SSECustomerKey" not in bring:
        return bring
    key = bring["SSECustomerKey"]
    return dict(SSECustomerAlgorithm="AES256", SSECustomerKey=base64.b64encode(key).decode(),
                SSECustomerKeyMD5=base64.b64encode(hashlib.md5(key).digest()).decode())


def from_customer(name):
    return dict(CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=KEYS[name])


def md5_of_key(name):
    return base64.b64encode(hashlib.md5(KEYS[name]).digest()).decode()


def headers_of(name, source=False):
    """The three headers of a customer's key, for requests by hand."""
    prefix = "x-amz-copy-source-server-side-encryption" if source else SSE
    return {f"{prefix}-customer-algorithm": "AES256",
            f"{prefix}-customer-key": base64.b64encode(KEYS[name]).decode(),
            f"{prefix}-customer-key-md5": md5_of_key(name)}


class Way:
    """One way to keep an object: how it is asked for, what readers bring, and what replies say."""

    def __init__(self, name, ask=None, bring=None, source=None, says=None, opaque=False):
        self.name, self.ask, self.bring, self.source = name, ask or {}, bring or {}, source or {}
        self.says, self.opaque = says or {}, opaque


def kms_way(name, **more):
    says = dict(ServerSideEncryption=more["ServerSideEncryption"], SSEKMSKeyId=DEFAULT_KEY)
    if more.get("BucketKeyEnabled"):
        says["BucketKeyEnabled"] = True
    return Way(name, more, says=says, opaque=True)


def customer_way(name):
    return Way(f"C-{name}", customer(name), customer(name), from_customer(name),
               dict(SSECustomerAlgorithm="AES256", SSECustomerKeyMD5=md5_of_key(name)), opaque=True)


UNSAID = Way("unsaid", says=dict(ServerSideEncryption="AES256"))
NONE = Way("none")
S3 = Way("S3", dict(ServerSideEncryption="AES256"), says=dict(ServerSideEncryption="AES256"))
KMS_WAY = kms_way("KMS", ServerSideEncryption="aws:kms")
FULL_KMS = kms_way("KMS with all", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/aws/s3", BucketKeyEnabled=True,
                   SSEKMSEncryptionContext=CONTEXT)
DSSE = kms_way("DSSE", ServerSideEncryption="aws:kms:dsse")
ONE, TWO = customer_way("one"), customer_way("two")
WAYS = (UNSAID, S3, KMS_WAY, FULL_KMS, DSSE, ONE, TWO)
TOLD = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "SSECustomerAlgorithm", "SSECustomerKeyMD5")


def told(answer):
    return {name: answer[name] for name in TOLD if name in answer}


def check_told(answer, way, what):
    equal(told(answer), way.says, f"{way.name}: what {what} says of the encryption")


def bucket(t, s3=None, versions=False):
    name = t.bucket_name()
    s3 = s3 or t.s3
    s3.create_bucket(Bucket=name)
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def fails(code, status, function, message=None, **kwargs):
    """The same with a part of the message."""
    fields = aws.fails(code, status, function, **kwargs)
    contains(fields.get("Message", ""), message or "", "message")
    return fields


def check_etag(etag, data, way, what):
    plain = hashlib.md5(data).hexdigest()
    equal(etag.strip('"') != plain, way.opaque, f"{way.name}: {what}: is the ETag something else than the MD5")


def check_object(s3, name, key, data, way, **more):
    """Everything that can be read of it says the same."""
    got = s3.get_object(Bucket=name, Key=key, **way.bring, **more)
    true(got["Body"].read() == data, f"{way.name}: the bytes of {key}")
    check_told(got, way, "GET")
    head = s3.head_object(Bucket=name, Key=key, **way.bring, **more)
    check_told(head, way, "HEAD")
    equal((head["ETag"], head["ContentLength"]), (got["ETag"], len(data)), f"{way.name}: HEAD")
    for first, last in ((0, 0), (len(data) // 3, len(data) // 2), (max(0, len(data) - 5), len(data))):
        if first >= len(data):
            continue
        part = s3.get_object(Bucket=name, Key=key, Range=f"bytes={first}-{last}", **way.bring, **more)
        true(part["Body"].read() == data[first:last + 1], f"{way.name}: bytes {first} to {last} of {key}")
        check_told(part, way, "a range")
    return got


def clear_text(folder, *pieces):
    """The files in which the beginnings of these pieces lie as they are."""
    found = []
    for where, _, files in os.walk(folder):
        for file in files:
            try:
                with open(os.path.join(where, file), "rb") as f:
                    content = f.read()
            except FileNotFoundError:  # a temporary file that has got its name meanwhile
                continue
            found += [os.path.join(where, file) for piece in pieces if piece[:64] in content]
    return found


# ---- what is asked for

@case
def every_way_and_size(t):
    name, pieces = bucket(t), []
    for way in WAYS:
        for size in (0, 1, 4096, 16384, 16385, 65536, 65537, 300_001, MIB + 7):
            data, key = pattern(size, size + len(way.name)), f"{way.name}/{size}"
            made = t.s3.put_object(Bucket=name, Key=key, Body=data, ContentType="text/plain", **way.ask)
            check_told(made, way, "PUT")
            check_etag(made["ETag"], data, way, "PUT")
            equal(made.get("SSEKMSEncryptionContext"), way.ask.get("SSEKMSEncryptionContext"), "the context")
            equal(check_object(t.s3, name, key, data, way)["ETag"], made["ETag"], "ETag")
            about = t.s3.get_object_attributes(Bucket=name, Key=key, ObjectAttributes=["ETag", "ObjectSize", "Checksum"],
                                               **by_text(way.bring))
            equal((about["ETag"], about["ObjectSize"]), (made["ETag"].strip('"'), size), "attributes")
            if size >= 64:
                pieces.append(data)
    if not t.pail.external:
        equal(clear_text(t.pail.data, *pieces), [], "clear text on the disk")
    equal(t.s3.list_objects_v2(Bucket=name)["KeyCount"], len(WAYS) * 9, "keys")


@case
def overwritten_and_restarted(t):
    name = bucket(t, versions=True)
    kept = []
    for i, way in enumerate(WAYS):
        data = pattern(20_000 * (i % 2) + 100, i)
        made = t.s3.put_object(Bucket=name, Key="k", Body=data, **way.ask)
        kept.append((made["VersionId"], data, way))
    if not t.pail.external:
        t.pail.stop()
        t.pail.start()
        setup(t)
    for version, data, way in kept:
        check_object(t.s3, name, "k", data, way, VersionId=version)
    t.s3.delete_object(Bucket=name, Key="k", VersionId=kept[-1][0])
    check_object(t.s3, name, "k", kept[-2][1], kept[-2][2])


@case
def multipart_uploads(t):
    name = bucket(t)
    data = pattern(5 * MIB + 70_000)
    for way in WAYS:
        made = t.s3.create_multipart_upload(Bucket=name, Key=way.name, **way.ask)
        check_told(made, way, "CreateMultipartUpload")
        ids = dict(Bucket=name, Key=way.name, UploadId=made["UploadId"])
        parts = []
        for number, (first, last) in enumerate(((0, 5 * MIB), (5 * MIB, len(data))), 1):
            part = t.s3.upload_part(**ids, PartNumber=number, Body=data[first:last], **way.bring)
            check_told(part, way, "UploadPart")
            check_etag(part["ETag"], data[first:last], way, "UploadPart")
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        equal(len(t.s3.list_parts(**ids)["Parts"]), 2, "parts, without a key")
        equal(len(t.s3.list_parts(**ids, **by_text(way.bring))["Parts"]), 2, "parts")
        done = t.s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})
        equal(told(done), {} if "SSECustomerAlgorithm" in way.says else way.says, f"{way.name}: complete")
        check_object(t.s3, name, way.name, data, way)
        second = t.s3.get_object(Bucket=name, Key=way.name, PartNumber=2, **way.bring)
        true(second["Body"].read() == data[5 * MIB:], f"{way.name}: the second part")


@case
def parts_with_other_keys(t):
    name = bucket(t)
    begun = t.s3.create_multipart_upload(Bucket=name, Key="k", **customer("one"))
    ids = dict(Bucket=name, Key="k", UploadId=begun["UploadId"])
    part = dict(**ids, PartNumber=1, Body=b"x" * 1000)
    fails("InvalidRequest", 400, t.s3.upload_part, "The multipart upload initiate requested encryption.", **part)
    other = "The provided encryption parameters did not match the ones used originally."
    fails("InvalidRequest", 400, t.s3.upload_part, other, **part, **customer("two"))
    fails("InvalidRequest", 400, t.s3.list_parts, other, **ids, **by_text(customer("two")))
    etag = t.s3.upload_part(**part, **customer("one"))["ETag"]
    whole = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    fails("InvalidRequest", 400, t.s3.complete_multipart_upload, other, **ids, MultipartUpload=whole, **customer("two"))
    t.s3.put_object(Bucket=name, Key="source", Body=b"y" * 1000)
    copy = dict(**ids, PartNumber=2, CopySource=f"{name}/source")
    fails("InvalidRequest", 400, t.s3.upload_part_copy, "The multipart upload initiate", **copy)
    fails("InvalidRequest", 400, t.s3.upload_part_copy, other, **copy, **customer("two"))
    t.s3.complete_multipart_upload(**ids, MultipartUpload=whole, **customer("one"))
    check_object(t.s3, name, "k", b"x" * 1000, ONE)
    plain = t.s3.create_multipart_upload(Bucket=name, Key="p")
    fails("InvalidRequest", 400, t.s3.upload_part, NOT_APPLICABLE, Bucket=name, Key="p", UploadId=plain["UploadId"],
          PartNumber=1, Body=b"", **customer("one"))


# ---- copies

def make_source(s3, name, way, size, multipart, seed):
    data = pattern(size, seed)
    key = f"source-{way.name}-{size}-{multipart}"
    if not multipart:
        s3.put_object(Bucket=name, Key=key, Body=data, ContentType="text/x-test", **way.ask)
    else:
        ids = dict(Bucket=name, Key=key)
        ids["UploadId"] = s3.create_multipart_upload(**ids, ContentType="text/x-test", **way.ask)["UploadId"]
        etag = s3.upload_part(**ids, PartNumber=1, Body=data, **way.bring)["ETag"]
        s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    return key, data


def copy_one(s3, name, source, data, from_way, to_way, target):
    made = s3.copy_object(Bucket=name, Key=target, CopySource=f"{name}/{source}", **from_way.source, **to_way.ask)
    check_told(made, to_way, "CopyObject")
    got = check_object(s3, name, target, data, to_way)
    equal(got["ContentType"], "text/x-test", "metadata")
    equal(got["ETag"], made["CopyObjectResult"]["ETag"], "ETag")
    if to_way.opaque or source.endswith("False"):  # a copy by reference keeps the ETag of its parts
        check_etag(got["ETag"], data, to_way, f"copy of {from_way.name}")


def copy_as_part(s3, name, source, data, from_way, to_way, target):
    ids = dict(Bucket=name, Key=target)
    ids["UploadId"] = s3.create_multipart_upload(**ids, **to_way.ask)["UploadId"]
    parts, last = [], len(data) - 1
    for number, where in enumerate((f"bytes=1-{last}",), 1):
        part = s3.upload_part_copy(**ids, PartNumber=number, CopySource=f"{name}/{source}", CopySourceRange=where,
                                   **from_way.source, **to_way.bring)
        check_told(part, to_way, "UploadPartCopy")
        check_etag(part["CopyPartResult"]["ETag"], data[1:], to_way, "UploadPartCopy")
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": parts})
    check_object(s3, name, target, data[1:], to_way)


def copy_matrix(s3, name, ways):
    sources = [(way, *make_source(s3, name, way, size, multipart, i))
               for i, (way, (size, multipart)) in
               enumerate(itertools.product(ways, ((700, False), (200_003, False), (70_001, True))))]
    for (from_way, source, data), to_way in itertools.product(sources, ways):
        copy_one(s3, name, source, data, from_way, to_way, "copy")
        copy_as_part(s3, name, source, data, from_way, to_way, "copy-of-parts")
        check_object(s3, name, source, data, from_way)  # untouched
    for from_way, source, data in sources:  # another encryption in the same place
        for to_way in ways:
            if to_way.ask:
                copy_one(s3, name, source, data, from_way, to_way, source)
                from_way = to_way


@case
def copies_of_every_kind(t):
    ways = (UNSAID, ONE) if t.pail.tls else (UNSAID, S3, KMS_WAY, ONE, TWO)  # all of them once
    copy_matrix(t.s3, bucket(t), ways)


@contextlib.contextmanager
def another_server(t, name, *args, **more):
    """A server with settings of its own, and a client for it."""
    with Pail(f"encryption-{name}", tls=t.pail.tls, args=["--allow-insecure-ssec", "on", *args], **more) as other:
        yield other, boto3.client("s3", endpoint_url=other.endpoint)


@case
def copies_where_nothing_is_encrypted_by_default(t):
    ways = (NONE, S3, KMS_WAY, ONE, TWO) if t.pail.tls else (NONE, S3)
    with another_server(t, "none", "--default-encryption", "none") as (server, s3):
        name = bucket(t, s3)
        data = pattern(100_000)
        made = s3.put_object(Bucket=name, Key="k", Body=data)
        check_told(made, NONE, "PUT")
        check_object(s3, name, "k", data, NONE)
        equal(len(clear_text(server.data, data)), 1, "kept as it came")
        fails("ServerSideEncryptionConfigurationNotFoundError", 404, s3.get_bucket_encryption, Bucket=name)
        copy_matrix(s3, name, ways)


@case
def copies_of_versions_and_onto_themselves(t):
    name = bucket(t, versions=True)
    data = [pattern(50_000, i) for i in range(2)]
    old = t.s3.put_object(Bucket=name, Key="k", Body=data[0], **customer("one"))["VersionId"]
    t.s3.put_object(Bucket=name, Key="k", Body=data[1])
    source = {"Bucket": name, "Key": "k", "VersionId": old}
    t.s3.copy_object(Bucket=name, Key="k", CopySource=source, **from_customer("one"), ServerSideEncryption="aws:kms")
    check_object(t.s3, name, "k", data[0], KMS_WAY)
    plain = bucket(t)
    t.s3.put_object(Bucket=plain, Key="k", Body=data[0])
    onto = dict(Bucket=plain, Key="k", CopySource=f"{plain}/k")
    fails("InvalidRequest", 400, t.s3.copy_object, "or encryption attributes", **onto)
    t.s3.copy_object(**onto, ServerSideEncryption="AES256")
    t.s3.copy_object(**onto, **customer("one"))
    check_object(t.s3, plain, "k", data[0], ONE)
    t.s3.copy_object(**onto, **from_customer("one"), **customer("two"))
    check_object(t.s3, plain, "k", data[0], TWO)
    t.s3.copy_object(**onto, **from_customer("two"))
    check_object(t.s3, plain, "k", data[0], UNSAID)
    set_default(t, plain, SSEAlgorithm="aws:kms")
    t.s3.copy_object(**onto)
    check_object(t.s3, plain, "k", data[0], KMS_WAY)


@case
def copies_with_wrong_source_keys(t):
    name = bucket(t)
    t.s3.put_object(Bucket=name, Key="c", Body=b"secret" * 1000, **customer("one"))
    t.s3.put_object(Bucket=name, Key="s", Body=b"known" * 1000)
    upload = t.s3.create_multipart_upload(Bucket=name, Key="u")["UploadId"]
    part = dict(Bucket=name, Key="u", UploadId=upload, PartNumber=1)
    for function, more in ((t.s3.copy_object, dict(Bucket=name, Key="t")), (t.s3.upload_part_copy, part)):
        fails("InvalidRequest", 400, function, NEEDS, CopySource=f"{name}/c", **more)
        fails("AccessDenied", 403, function, WRONG, CopySource=f"{name}/c", **more, **from_customer("two"))
        fails("InvalidRequest", 400, function, NOT_APPLICABLE, CopySource=f"{name}/s", **more, **from_customer("one"))
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=name, Key="t")


# ---- what goes wrong

@case
def customers_keys_that_are_wrong_or_missing(t):
    name = bucket(t)
    for size in (0, 100, 100_000):
        at = dict(Bucket=name, Key=f"c{size}")
        t.s3.put_object(**at, Body=pattern(size), **customer("one"))
        attributes = dict(at, ObjectAttributes=["ETag"])
        for function, where in ((t.s3.get_object, at), (t.s3.get_object, dict(at, Range="bytes=0-1")),
                                (t.s3.get_object_attributes, attributes)):
            fails("InvalidRequest", 400, function, NEEDS, **where)
            fails("AccessDenied", 403, function, WRONG, **where, **by_text(customer("two")))
        fails("400", 400, t.s3.head_object, **at)
        fails("403", 403, t.s3.head_object, **at, **customer("two"))
        fails("InvalidRequest", 400, t.s3.get_object, NEEDS, **at, IfNoneMatch='"x"')
        t.s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})  # needs no key
        equal(t.s3.get_object_tagging(**at)["TagSet"], [{"Key": "a", "Value": "b"}], "tags")
    for way in (UNSAID, KMS_WAY):
        at = dict(Bucket=name, Key=way.name)
        t.s3.put_object(**at, Body=b"x", **way.ask)
        fails("InvalidRequest", 400, t.s3.get_object, NOT_APPLICABLE, **at, **customer("one"))
        fails("400", 400, t.s3.head_object, **at, **customer("one"))
        fails("InvalidRequest", 400, t.s3.get_object_attributes, NOT_APPLICABLE, **at, ObjectAttributes=["ETag"],
              **by_text(customer("one")))


def by_hand(t, method, name, key, headers, body=b""):
    """A request whose headers nobody completes."""
    signer = s3client.Signer(t.pail.access_key, t.pail.secret_key)
    path = f"/{name}/{key}"
    host = f"{t.pail.host}:{t.pail.port}"
    signed = signer.headers(method, path, "", {"host": host, **headers}, hashlib.sha256(body).hexdigest())
    pool = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
    answer = pool.request(method, t.pail.endpoint + path, body=body, headers=signed)
    return s3client.Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.data)


MUST = "Requests specifying Server Side Encryption with Customer provided keys must "
LONG = {f"{SSE}-customer-key": base64.b64encode(b"k" * 33).decode()}
SHORT = {f"{SSE}-customer-key": base64.b64encode(b"k" * 31).decode()}
NEEDS_KMS = f"Server Side Encryption with AWS KMS managed key requires HTTP header {SSE} : aws:kms"


def without(headers, *names):
    return {k: v for k, v in headers.items() if not k.endswith(names)}


BAD_WRITES = (  # headers, status, code, message, argument
    ({SSE: "DES"}, 400, "InvalidArgument", "The encryption method specified is not supported", SSE),
    ({SSE: ""}, 400, "InvalidArgument", "The encryption method specified is not supported", SSE),
    ({SSE: "aes256"}, 400, "InvalidArgument", "The encryption method specified is not supported", SSE),
    ({f"{SSE}-aws-kms-key-id": "x"}, 400, "InvalidArgument", NEEDS_KMS, SSE),
    ({SSE: "AES256", f"{SSE}-aws-kms-key-id": "x"}, 400, "InvalidArgument", NEEDS_KMS, SSE),
    ({SSE: "AES256", f"{SSE}-context": CONTEXT}, 400, "InvalidArgument", NEEDS_KMS, SSE),
    ({SSE: "aws:kms", f"{SSE}-context": "e30"}, 400, "InvalidArgument", "string-string map", f"{SSE}-context"),
    ({SSE: "aws:kms", f"{SSE}-context": base64.b64encode(b"[]").decode()}, 400, "InvalidArgument", "string-string map",
     f"{SSE}-context"),
    ({SSE: "aws:kms", f"{SSE}-context": base64.b64encode(b'{"a":1}').decode()}, 400, "InvalidArgument",
     "string-string map", f"{SSE}-context"),
    ({SSE: "aws:kms", f"{SSE}-context": base64.b64encode(b'{"a":"' + b"x" * 2100 + b'"}').decode()}, 400,
     "InvalidArgument", "string-string map", f"{SSE}-context"),
    ({SSE: "aws:kms", f"{SSE}-bucket-key-enabled": "yes"}, 400, "InvalidArgument", "must be true or false",
     f"{SSE}-bucket-key-enabled"),
    ({SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "no such key!"}, 400, "KMS.NotFoundException", "Invalid keyId", None),
    ({SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "missing"}, 400, "KMS.NotFoundException",
     f"Key '{KMS}missing' does not exist", None),
    ({SSE: "aws:kms", f"{SSE}-aws-kms-key-id": f"{KMS}missing"}, 400, "KMS.NotFoundException",
     f"Key '{KMS}missing' does not exist", None),
    ({SSE: "AES256", **headers_of("one")}, 400, "InvalidArgument", "is incompatible with the encryption method", SSE),
    (without(headers_of("one"), "algorithm"), 400, "InvalidArgument", MUST + "provide a valid encryption algorithm.",
     SSE),
    (without(headers_of("one"), "-key"), 400, "InvalidArgument", MUST + "provide an appropriate secret key.", SSE),
    (without(headers_of("one"), "-md5"), 400, "InvalidArgument",
     MUST + "provide the client calculated MD5 of the secret key.", SSE),
    ({**headers_of("one"), **LONG}, 400, "InvalidArgument", "The secret key was invalid for the specified algorithm.",
     SSE),
    ({**headers_of("one"), **SHORT}, 400, "InvalidArgument", "The secret key was invalid for the specified algorithm.",
     SSE),
    ({**headers_of("one"), f"{SSE}-customer-key": "no base64"}, 400, "InvalidArgument", "The secret key was invalid",
     SSE),
    ({**headers_of("one"), f"{SSE}-customer-key-md5": md5_of_key("two")}, 400, "InvalidArgument",
     "The calculated MD5 hash of the key did not match the hash that was provided.", SSE),
    ({**headers_of("one"), f"{SSE}-customer-algorithm": "AES128"}, 400, "InvalidEncryptionAlgorithmError", "AES256",
     SSE),
)


@case
def headers_that_are_wrong(t):
    name = bucket(t)
    for headers, status, code, message, argument in BAD_WRITES:
        for method, more, body in (("PUT", {}, b"bytes"), ("PUT", {"x-amz-copy-source": f"/{name}/source"}, b"")):
            answer = by_hand(t, method, name, "k", {**headers, **more}, body)
            if more and answer.code == "NoSuchKey":
                continue  # that was found first
            equal((answer.status, answer.code), (status, code), f"{headers}: {answer.body}")
            contains(answer.value("Message"), message, f"{headers}")
            equal(answer.value("ArgumentName"), argument or "", f"argument of {headers}")
            for secret in (LONG, SHORT, headers_of("one")):
                true(secret[f"{SSE}-customer-key"].encode() not in answer.body, "no key in the reply")
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=name, Key="k")
    if not t.pail.external:
        text = t.pail.whole_log()
        for key in KEYS.values():
            true(base64.b64encode(key).decode() not in text, "no key in the log")


@case
def reads_that_say_how(t):
    """Encryption headers of writes are refused where something is read."""
    name = bucket(t)
    t.s3.put_object(Bucket=name, Key="k", Body=b"x")
    for header, value in ((SSE, "AES256"), (f"{SSE}-aws-kms-key-id", "x"), (f"{SSE}-context", CONTEXT)):
        answer = by_hand(t, "GET", name, "k", {header: value})
        equal((answer.status, answer.code, answer.value("ArgumentName")), (400, "InvalidArgument", header), header)
        contains(answer.value("Message"), f"{header} header is not supported for this operation.")
        answer = by_hand(t, "HEAD", name, "k", {header: value})
        equal((answer.status, answer.body), (400, b""), f"HEAD with {header}")
    upload = t.s3.create_multipart_upload(Bucket=name, Key="u")["UploadId"]
    event = "before-sign.s3.UploadPart"
    add = lambda request, **_: request.headers.add_header(SSE, "AES256")  # noqa: E731
    t.s3.meta.events.register(event, add)
    try:
        fails("InvalidArgument", 400, t.s3.upload_part, "not supported", Bucket=name, Key="u", UploadId=upload,
              PartNumber=1, Body=b"")
    finally:
        t.s3.meta.events.unregister(event, add)


@case
def customers_keys_need_tls(t):
    if t.pail.tls:
        with Pail("encryption-secure", tls=True) as server:
            s3 = boto3.client("s3", endpoint_url=server.endpoint)
            name = bucket(t, s3)
            s3.put_object(Bucket=name, Key="k", Body=b"x", **customer("one"))
            check_object(s3, name, "k", b"x", ONE)
        return
    with Pail("encryption-secure") as server:
        s3 = boto3.client("s3", endpoint_url=server.endpoint)
        name = bucket(t, s3)
        fails("InvalidRequest", 400, s3.put_object, MUST + "be made over a secure connection.", Bucket=name, Key="k",
              Body=b"x", **customer("one"))
        s3.put_object(Bucket=name, Key="k2", Body=b"")
        fails("InvalidRequest", 400, s3.get_object, "secure connection", Bucket=name, Key="k2", **customer("one"))
        fails("InvalidRequest", 400, s3.copy_object, "secure connection", Bucket=name, Key="k", CopySource=f"{name}/k2",
              **from_customer("one"))
    with Pail("encryption-proxy", args=["--trusted-proxy", "127.0.0.1"]) as server:
        s3 = boto3.client("s3", endpoint_url=server.endpoint)
        name = bucket(t, s3)
        add = lambda request, **_: request.headers.update({"X-Forwarded-Proto": "https"})  # noqa: E731
        fails("InvalidRequest", 400, s3.put_object, Bucket=name, Key="k", Body=b"x", **customer("one"))
        s3.meta.events.register("before-send.s3", add)
        s3.put_object(Bucket=name, Key="k", Body=b"x", **customer("one"))
        check_object(s3, name, "k", b"x", ONE)


# ---- what a bucket says

def set_default(t, name, blocked=None, bucket_key=None, **default):
    rule = {"ApplyServerSideEncryptionByDefault": default} if default else {}
    if bucket_key is not None:
        rule["BucketKeyEnabled"] = bucket_key
    if blocked:
        rule["BlockedEncryptionTypes"] = {"EncryptionType": blocked}
    t.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


def get_default(t, name):
    rules = t.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    equal(len(rules), 1, "rules")
    return rules[0]


@case
def defaults_of_buckets(t):
    name = bucket(t)
    usual = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    equal(get_default(t, name), usual, "without a configuration")
    set_default(t, name, SSEAlgorithm="aws:kms", bucket_key=True)
    equal(get_default(t, name), {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"},
                                 "BucketKeyEnabled": True}, "KMS")
    t.s3.put_object(Bucket=name, Key="k", Body=b"x" * 100)
    with_key = kms_way("KMS", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    check_object(t.s3, name, "k", b"x" * 100, with_key)
    t.s3.put_object(Bucket=name, Key="k", Body=b"x" * 100, BucketKeyEnabled=False)
    check_object(t.s3, name, "k", b"x" * 100, KMS_WAY)
    t.s3.put_object(Bucket=name, Key="s", Body=b"y" * 100, ServerSideEncryption="AES256")
    check_object(t.s3, name, "s", b"y" * 100, S3)
    t.s3.copy_object(Bucket=name, Key="c", CopySource=f"{name}/s")
    check_object(t.s3, name, "c", b"y" * 100, with_key)
    check_told(t.s3.create_multipart_upload(Bucket=name, Key="m"), with_key, "CreateMultipartUpload")
    t.s3.put_object(Bucket=name, Key="o", Body=b"z" * 100, **customer("one"))
    check_object(t.s3, name, "o", b"z" * 100, ONE)
    set_default(t, name, SSEAlgorithm="AES256", bucket_key=True)
    equal(get_default(t, name)["BucketKeyEnabled"], True, "BucketKeyEnabled")
    t.s3.put_object(Bucket=name, Key="k", Body=b"x")
    check_object(t.s3, name, "k", b"x", S3)
    set_default(t, name, SSEAlgorithm="aws:kms:dsse", KMSMasterKeyID="alias/aws/s3")
    check_told(t.s3.put_object(Bucket=name, Key="k", Body=b"x"), DSSE, "PUT")
    set_default(t, name, SSEAlgorithm="aws:kms", KMSMasterKeyID=f"{KMS}gone")
    fails("KMS.NotFoundException", 400, t.s3.put_object, f"Key '{KMS}gone' does not exist", Bucket=name, Key="k",
          Body=b"x")
    for _ in range(2):
        equal(t.s3.delete_bucket_encryption(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 204, "DELETE")
    equal(get_default(t, name), usual, "after DELETE")
    check_told(t.s3.put_object(Bucket=name, Key="k", Body=b"x"), S3, "PUT")
    fails("NoSuchBucket", 404, t.s3.get_bucket_encryption, Bucket=f"{name}-no")


def rule(text):
    return f'<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{text}' \
           "</ServerSideEncryptionConfiguration>"


def by_default(text):
    return rule(f"<Rule><ApplyServerSideEncryptionByDefault>{text}</ApplyServerSideEncryptionByDefault></Rule>")


@case
def configurations_that_are_refused(t):
    name = bucket(t)
    aes = "<SSEAlgorithm>AES256</SSEAlgorithm>"
    one = f"<Rule><ApplyServerSideEncryptionByDefault>{aes}</ApplyServerSideEncryptionByDefault></Rule>"
    blocked = "<Rule><BlockedEncryptionTypes>{}</BlockedEncryptionTypes></Rule>"
    kind = "<EncryptionType>{}</EncryptionType>"
    for body, code in ((rule(""), "MalformedXML"), (rule("<Rule/>"), "MalformedXML"), (rule(one + one), "MalformedXML"),
                       (by_default(""), "MalformedXML"), (by_default("<SSEAlgorithm>DES</SSEAlgorithm>"), "MalformedXML"),
                       (by_default("<SSEAlgorithm>aws:fsx</SSEAlgorithm>"), "MalformedXML"),
                       (by_default(aes + "<KMSMasterKeyID>x</KMSMasterKeyID>"), "InvalidArgument"),
                       (by_default("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>no key!</KMSMasterKeyID>"),
                        "InvalidArgument"),
                       (by_default(aes + "<Misspelt/>"), "MalformedXML"),
                       (rule(blocked.format("")), "MalformedXML"),
                       (rule(blocked.format(kind.format("SSE-S3"))), "MalformedXML"),
                       (rule(blocked.format(kind.format("NONE") + kind.format("SSE-C"))), "MalformedXML"),
                       ("", "MissingRequestBodyError"), ("<x", "MalformedXML"), ("<Other/>", "MalformedXML")):
        answer = put_document(t, name, body.encode())
        equal((answer.status, answer.code), (400, code), body)
    equal(put_document(t, name, rule(one).encode(), digest=False).code, "InvalidRequest", "without a digest")
    equal(put_document(t, name, rule(one).encode(), digest=md5_of_key("one")).code, "BadDigest", "another digest")
    equal(put_document(t, name, rule(one).encode()).status, 200, "a good one")
    equal(get_default(t, name)["ApplyServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"}, "kept")


def put_document(t, name, body, digest=True):
    signer = s3client.Signer(t.pail.access_key, t.pail.secret_key)
    headers = {"host": f"{t.pail.host}:{t.pail.port}"}
    if digest:
        headers["content-md5"] = s3client.content_md5(body) if digest is True else digest
    signed = signer.headers("PUT", f"/{name}", "encryption=", headers, hashlib.sha256(body).hexdigest())
    pool = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
    answer = pool.request("PUT", f"{t.pail.endpoint}/{name}?encryption=", body=body, headers=signed)
    return s3client.Reply(answer.status, dict(answer.headers), answer.data)


@case
def blocked_encryption_types(t):
    name = bucket(t)
    t.s3.put_object(Bucket=name, Key="old", Body=b"x", **customer("one"))
    upload = t.s3.create_multipart_upload(Bucket=name, Key="m", **customer("one"))["UploadId"]
    set_default(t, name, blocked=["SSE-C"])
    equal(get_default(t, name), {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                                 "BucketKeyEnabled": False, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}},
          "the configuration")
    for function, more in ((t.s3.put_object, dict(Body=b"x")), (t.s3.create_multipart_upload, {}),
                           (t.s3.copy_object, dict(CopySource=f"{name}/old", **from_customer("one")))):
        fails("AccessDenied", 403, function, "BlockedEncryptionTypes", Bucket=name, Key="k", **more, **customer("one"))
    check_object(t.s3, name, "old", b"x", ONE)
    t.s3.copy_object(Bucket=name, Key="k", CopySource=f"{name}/old", **from_customer("one"))
    check_object(t.s3, name, "k", b"x", UNSAID)
    t.s3.upload_part(Bucket=name, Key="m", UploadId=upload, PartNumber=1, Body=b"x", **customer("one"))
    t.s3.put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    set_default(t, name, SSEAlgorithm="aws:kms", blocked=["NONE"])
    equal(get_default(t, name)["BlockedEncryptionTypes"], {"EncryptionType": ["NONE"]}, "unblocked")
    t.s3.put_object(Bucket=name, Key="k", Body=b"x", **customer("one"))


# ---- who may

def policy(name, *statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Principal": "*", "Resource": f"arn:aws:s3:::{name}/*", "Action": "s3:PutObject", "Effect": "Deny", **s}
        for s in statements]})


@case
def uploads_without_encryption_denied(t):
    """the two statements that everybody copies; a default does not fill the key"""
    name = bucket(t)
    t.s3.put_bucket_policy(Bucket=name, Policy=policy(
        name, {"Condition": {"StringNotEquals": {f"s3:{SSE}": "AES256"}}},
        {"Condition": {"Null": {f"s3:{SSE}": "true"}}}))
    at = dict(Bucket=name, Key="k")
    fails("AccessDenied", 403, t.s3.put_object, **at, Body=b"x")
    fails("AccessDenied", 403, t.s3.put_object, **at, Body=b"x", ServerSideEncryption="aws:kms")
    fails("AccessDenied", 403, t.s3.put_object, **at, Body=b"x", **customer("one"))
    fails("AccessDenied", 403, t.s3.create_multipart_upload, **at)
    set_default(t, name, SSEAlgorithm="AES256")
    fails("AccessDenied", 403, t.s3.put_object, **at, Body=b"x")
    t.s3.put_object(**at, Body=b"x", ServerSideEncryption="AES256")
    fails("AccessDenied", 403, t.s3.copy_object, Bucket=name, Key="c", CopySource=f"{name}/k")
    t.s3.copy_object(Bucket=name, Key="c", CopySource=f"{name}/k", ServerSideEncryption="AES256")
    path = os.path.join(t.folder(), "large")
    with open(path, "wb") as f:
        f.write(pattern(9 * MIB))
    t.aws("s3", "cp", path, f"s3://{name}/large", ok=False)
    fails("404", 404, t.s3.head_object, Bucket=name, Key="large")
    t.aws("s3", "cp", "--sse", "AES256", path, f"s3://{name}/large")  # its parts do not say it again
    equal(t.s3.head_object(Bucket=name, Key="large")["ContentLength"], 9 * MIB, "size")


@case
def policies_about_customers_keys_and_kms_keys(t):
    name = bucket(t)
    t.s3.put_bucket_policy(Bucket=name, Policy=policy(
        name, {"Condition": {"Null": {f"s3:{SSE}-customer-algorithm": "false"}}}))
    at = dict(Bucket=name, Key="k", Body=b"x")
    fails("AccessDenied", 403, t.s3.put_object, **at, **customer("one"))
    t.s3.put_object(**at)
    t.s3.put_bucket_policy(Bucket=name, Policy=policy(
        name, {"Condition": {"ArnNotEqualsIfExists": {f"s3:{SSE}-aws-kms-key-id": DEFAULT_KEY}}}))
    t.s3.put_object(**at, ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/aws/s3")
    t.s3.put_object(**at, ServerSideEncryption="aws:kms", SSEKMSKeyId=DEFAULT_KEY)
    fails("AccessDenied", 403, t.s3.put_object, **at, ServerSideEncryption="aws:kms", SSEKMSKeyId="another")


@case
def KMS_needs_a_signature_of_version_4(t):
    name = bucket(t)
    t.s3.delete_public_access_block(Bucket=name)
    t.s3.put_bucket_policy(Bucket=name, Policy=policy(name, {
        "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"]}))
    t.s3.put_object(Bucket=name, Key="kms", Body=b"x", ServerSideEncryption="aws:kms")
    t.s3.put_object(Bucket=name, Key="s3", Body=b"x")
    nobody = t.session.client("s3", config=Config(signature_version=botocore.UNSIGNED))
    equal(nobody.get_object(Bucket=name, Key="s3")["Body"].read(), b"x", "read by anybody")
    message = "require AWS Signature Version 4."
    fails("InvalidArgument", 400, nobody.get_object, message, Bucket=name, Key="kms")
    fails("InvalidArgument", 400, nobody.put_object, message, Bucket=name, Key="k", Body=b"", ServerSideEncryption="aws:kms")
    old = t.session.client("s3", config=Config(signature_version="s3"))
    equal(old.get_object(Bucket=name, Key="s3")["Body"].read(), b"x", "version 2")
    fails("InvalidArgument", 400, old.get_object, message, Bucket=name, Key="kms")


# ---- keys with names

def pail_key(t, *words, ok=True):
    env = dict(os.environ, PAIL_ROOT_USER=t.pail.access_key, PAIL_ROOT_PASSWORD=t.pail.secret_key)
    where = ["--endpoint", t.pail.endpoint] + (["--ca-file", t.pail.ca] if t.pail.ca else [])
    return t.command(t.pail.binary, "key", *words, *where, env=env, ok=ok)


def named_way(key, said=None):
    return Way(f"key {key}", dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=said or key), opaque=True,
               says=dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=KMS + key))


@case
def keys_with_names(t):
    name = bucket(t, versions=True)
    pail_key(t, "create", "invoices")
    data = pattern(80_000)
    for i, said in enumerate(("invoices", "alias/invoices", f"{KMS}invoices")):
        way = named_way("invoices", said)
        check_told(t.s3.put_object(Bucket=name, Key=f"k{i}", Body=data, **way.ask), way, "PUT")
        check_object(t.s3, name, f"k{i}", data, way)
    t.s3.put_object(Bucket=name, Key="other", Body=data)
    pail_key(t, "rotate", "invoices")
    t.s3.put_object(Bucket=name, Key="new", Body=data, **way.ask)
    check_object(t.s3, name, "k0", data, way)
    t.s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/k0", **customer("one"))
    check_object(t.s3, name, "copy", data, ONE)
    upload = t.s3.create_multipart_upload(Bucket=name, Key="m", **way.ask)["UploadId"]
    true(pail_key(t, "delete", "invoices", ok=False).returncode != 0, "a key in use stays")
    pail_key(t, "disable", "invoices")
    disabled = f"{KMS}invoices is disabled."
    for key in ("k0", "new"):
        fails("KMS.DisabledException", 400, t.s3.get_object, disabled, Bucket=name, Key=key)
        equal(t.s3.head_object(Bucket=name, Key=key)["ContentLength"], len(data), "HEAD needs no key")
    fails("KMS.DisabledException", 400, t.s3.put_object, disabled, Bucket=name, Key="k", Body=b"x", **way.ask)
    fails("KMS.DisabledException", 400, t.s3.copy_object, disabled, Bucket=name, Key="k", CopySource=f"{name}/k0")
    fails("KMS.DisabledException", 400, t.s3.upload_part, disabled, Bucket=name, Key="m", UploadId=upload, PartNumber=1,
          Body=b"x")
    check_object(t.s3, name, "other", data, UNSAID)
    check_object(t.s3, name, "copy", data, ONE)
    true(pail_key(t, "delete", "invoices", ok=False).returncode != 0, "a key in use stays, disabled or not")
    pail_key(t, "enable", "invoices")
    check_object(t.s3, name, "k1", data, way)


@case
def without_the_master_key(t):
    """what it sealed cannot be read or written, everything else can; and nothing is lost"""
    data, away = t.folder(), os.path.join(t.folder(), "key")
    args = dict(tls=t.pail.tls, data=data, args=["--allow-insecure-ssec", "on", "--default-encryption", "none"])
    once = Config(retries={"total_max_attempts": 1})
    ways = (NONE, S3, KMS_WAY, ONE)
    with Pail("encryption-lost", **args) as server:
        s3 = boto3.client("s3", endpoint_url=server.endpoint)
        name = bucket(t, s3)
        for way in ways:
            s3.put_object(Bucket=name, Key=way.name, Body=pattern(50_000), **way.ask)
    os.rename(os.path.join(data, "pail.key"), away)
    with Pail("encryption-lost", **args) as server:
        s3 = boto3.client("s3", endpoint_url=server.endpoint, config=once)
        for way in (NONE, ONE):
            check_object(s3, name, way.name, pattern(50_000), way)
            s3.put_object(Bucket=name, Key="new", Body=b"x", **way.ask)
        for way in (S3, KMS_WAY):
            fails("ServiceUnavailable", 503, s3.get_object, "lacks its master key", Bucket=name, Key=way.name)
            fails("ServiceUnavailable", 503, s3.put_object, "lacks its master key", Bucket=name, Key="new2", Body=b"x",
                  **way.ask)
            check_told(s3.head_object(Bucket=name, Key=way.name), way, "HEAD")
        equal(os.path.exists(os.path.join(data, "pail.key")), False, "no new key")
    os.rename(away, os.path.join(data, "pail.key"))
    with Pail("encryption-lost", **args) as server:
        s3 = boto3.client("s3", endpoint_url=server.endpoint)
        for way in ways:
            check_object(s3, name, way.name, pattern(50_000), way)


def user(t, name, *statements):
    """A new user's client, and a function that gives it other rights."""
    iam = t.session.client("iam")
    iam.create_user(UserName=name)

    def may(*statements):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}))

    may(*statements)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]), may


@case
def rights_on_keys(t):
    """a named key asks for rights of its own, the default one does not"""
    name = bucket(t)
    pail_key(t, "create", "books")
    way, arn = named_way("books"), f"{KMS}books"
    everything = {"Action": "s3:*", "Resource": "*"}
    make, decrypt = ({"Action": f"kms:{a}", "Resource": arn} for a in ("GenerateDataKey", "Decrypt"))
    s3, may = user(t, f"clerk-{t.scheme}", everything)
    at = dict(Bucket=name, Key="k")

    def refused(action, function, **more):
        fails("AccessDenied", 403, function, f"is not authorized to perform: {action} on resource: {arn}", **more)

    s3.put_object(**at, Body=b"x", ServerSideEncryption="aws:kms")
    equal(s3.get_object(**at)["Body"].read(), b"x", "by the default key")
    refused("kms:GenerateDataKey", s3.put_object, **at, Body=b"x", **way.ask)
    refused("kms:GenerateDataKey", s3.create_multipart_upload, **at, **way.ask)
    refused("kms:GenerateDataKey", s3.copy_object, Bucket=name, Key="c", CopySource=f"{name}/k", **way.ask)
    may(everything, {"Action": "kms:*", "Resource": f"{KMS}other"})
    refused("kms:GenerateDataKey", s3.put_object, **at, Body=b"x", **way.ask)
    may(everything, make)
    s3.put_object(**at, Body=b"hello", **way.ask)
    refused("kms:Decrypt", s3.get_object, **at)
    refused("kms:Decrypt", s3.copy_object, Bucket=name, Key="c", CopySource=f"{name}/k")
    fails("403", 403, s3.head_object, **at, ChecksumMode="ENABLED")
    check_told(s3.head_object(**at), way, "HEAD")
    ids = dict(at, UploadId=s3.create_multipart_upload(**at, **way.ask)["UploadId"])
    refused("kms:Decrypt", s3.upload_part, **ids, PartNumber=1, Body=b"x")
    refused("kms:Decrypt", s3.list_parts, **ids)
    may(everything, decrypt)
    refused("kms:GenerateDataKey", s3.upload_part, **ids, PartNumber=1, Body=b"x")
    may(everything, make, decrypt)
    whole = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(**ids, PartNumber=1, Body=b"part")["ETag"]}]}
    may(everything, make)
    refused("kms:Decrypt", s3.complete_multipart_upload, **ids, MultipartUpload=whole)
    may(everything, decrypt)
    s3.complete_multipart_upload(**ids, MultipartUpload=whole)
    check_object(s3, name, "k", b"part", way)
    s3.copy_object(Bucket=name, Key="c", CopySource=f"{name}/k")
    set_default(t, name, SSEAlgorithm="aws:kms", KMSMasterKeyID="books")
    refused("kms:GenerateDataKey", s3.put_object, **at, Body=b"x")
    may(everything, {"Action": "kms:*", "Resource": "*"}, {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": arn})
    s3.put_object(**at, Body=b"x")
    fails("AccessDenied", 403, s3.get_object, "with an explicit deny", **at)
    check_object(t.s3, name, "k", b"x", way)


# ---- other ways in

@case
def presigned_urls(t):
    name = bucket(t)
    pool = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
    s3 = t.session.client("s3", config=Config(signature_version="s3v4"))
    for way, headers in ((UNSAID, {}), (S3, {SSE: "AES256"}), (KMS_WAY, {SSE: "aws:kms"}),
                         (ONE, headers_of("one"))):
        put = s3.generate_presigned_url("put_object", dict(Bucket=name, Key="k", **way.ask))
        answer = pool.request("PUT", put, body=b"hello", headers=headers)
        equal(answer.status, 200, f"{way.name}: {answer.data}")
        check_object(t.s3, name, "k", b"hello", way)
        get = s3.generate_presigned_url("get_object", dict(Bucket=name, Key="k", **way.bring))
        answer = pool.request("GET", get, headers=headers if way.bring else {})
        equal((answer.status, answer.data), (200, b"hello"), way.name)
    signer = s3client.Signer(t.pail.access_key, t.pail.secret_key)
    host = f"{t.pail.host}:{t.pail.port}"
    for way, headers in ((S3, {SSE: "AES256"}), (KMS_WAY, {SSE: "aws:kms"}), (TWO, headers_of("two"))):  # hoisted
        url = signer.presign("PUT", host, f"/{name}/h", list(headers.items()))
        answer = pool.request("PUT", t.pail.endpoint + url, body=b"hoisted")
        equal(answer.status, 200, f"{way.name}: {answer.data}")
        check_object(t.s3, name, "h", b"hoisted", way)


@case
def forms(t):
    name = bucket(t)
    pool = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()

    s3 = t.session.client("s3", config=Config(signature_version="s3v4"))

    def post(fields, data):
        form = s3.generate_presigned_post(name, "f", Fields=dict(fields), Conditions=[{k: v} for k, v in fields.items()])
        return pool.request("POST", form["url"], fields={**form["fields"], "file": ("a.txt", data)})

    for size in (10, 100_000):
        for way, fields in ((UNSAID, {}), (S3, {SSE: "AES256"}),
                            (FULL_KMS, {SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "alias/aws/s3",
                                        f"{SSE}-bucket-key-enabled": "true"}),
                            (ONE, headers_of("one"))):
            data = pattern(size, size)
            answer = post(fields, data)
            equal(answer.status, 204, f"{way.name}: {answer.data}")
            equal(answer.headers.get(SSE), way.says.get("ServerSideEncryption"), f"{way.name}: the reply")
            equal(answer.headers.get(f"{SSE}-customer-algorithm"), way.says.get("SSECustomerAlgorithm"), "the reply")
            check_object(t.s3, name, "f", data, way)
    answer = post({SSE: "DES"}, b"x")
    equal((answer.status, b"InvalidArgument" in answer.data), (400, True), "another method")
    answer = post({**headers_of("one"), f"{SSE}-customer-key-md5": md5_of_key("two")}, b"x")
    equal((answer.status, b"InvalidArgument" in answer.data), (400, True), "another MD5")


@case
def conditional_writes_and_checksums(t):
    name = bucket(t)
    for way in (S3, KMS_WAY, ONE):
        at = dict(Bucket=name, Key=way.name)
        data = pattern(30_000)
        made = t.s3.put_object(**at, Body=data, ChecksumAlgorithm="SHA256",
                               ContentMD5=base64.b64encode(hashlib.md5(data).digest()).decode(), **way.ask)
        equal(made["ChecksumSHA256"], base64.b64encode(hashlib.sha256(data).digest()).decode(), "of the clear text")
        got = t.s3.get_object(**at, ChecksumMode="ENABLED", **way.bring)
        equal(got["ChecksumSHA256"], made["ChecksumSHA256"], "checksum")
        fails("BadDigest", 400, t.s3.put_object, **at, Body=b"other", **way.ask,
              ContentMD5=base64.b64encode(hashlib.md5(data).digest()).decode())
        fails("PreconditionFailed", 412, t.s3.put_object, **at, Body=b"", IfNoneMatch="*", **way.ask)
        t.s3.put_object(**at, Body=b"new", IfMatch=made["ETag"], **way.ask)
        check_object(t.s3, name, way.name, b"new", way)
        fails("304", 304, t.s3.head_object, **at, IfNoneMatch=t.s3.head_object(**at, **way.bring)["ETag"], **way.bring)


@case
def aws_cli(t):
    name = bucket(t)
    folder = t.folder()
    path, back = os.path.join(folder, "f"), os.path.join(folder, "back")
    data = pattern(9 * MIB)  # in parts
    with open(path, "wb") as f:
        f.write(data)
    key = os.path.join(folder, "key")
    with open(key, "wb") as f:
        f.write(KEYS["one"])
    for way, put, get in ((S3, ["--sse", "AES256"], []), (KMS_WAY, ["--sse", "aws:kms"], []),
                          (ONE, ["--sse-c", "AES256", "--sse-c-key", f"fileb://{key}"],
                           ["--sse-c", "AES256", "--sse-c-key", f"fileb://{key}"])):
        if (way is ONE) != t.pail.tls:  # each program's start takes half a second
            continue
        t.aws("s3", "cp", path, f"s3://{name}/k", *put)
        check_object(t.s3, name, "k", data, way)
        t.aws("s3", "cp", f"s3://{name}/k", back, *get)
        with open(back, "rb") as f:
            true(f.read() == data, f"{way.name}: the bytes")
        os.remove(back)
    if t.pail.tls:
        t.aws("s3", "cp", f"s3://{name}/k", f"s3://{name}/copy", "--sse-c-copy-source", "AES256",
              "--sse-c-copy-source-key", f"fileb://{key}")
        check_object(t.s3, name, "copy", data, UNSAID)
        return
    conf = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]}
    api(t, "put-bucket-encryption", "--bucket", name, "--server-side-encryption-configuration", json.dumps(conf))
    equal(api(t, "get-bucket-encryption", "--bucket", name)["ServerSideEncryptionConfiguration"], conf, "configuration")
    api(t, "delete-bucket-encryption", "--bucket", name)


# ---- compression

def disk_usage(folder):
    return sum(os.path.getsize(os.path.join(where, f)) for where, _, files in os.walk(os.path.join(folder, "blobs"))
               for f in files)


@case
def compressed_objects(t):
    with another_server(t, "compressed", "--compress", "on") as (server, s3):
        name = bucket(t, s3)
        text = b"".join(b"line %d of a log that repeats itself\n" % i for i in range(60_000))
        before = disk_usage(server.data)
        for way in (UNSAID, KMS_WAY, ONE):
            for size in (0, 3000, 70_000, len(text)):
                key = f"{way.name}-{size}.log"
                made = s3.put_object(Bucket=name, Key=key, Body=text[:size], **way.ask)
                check_etag(made["ETag"], text[:size], way, "PUT")
                check_object(s3, name, key, text[:size], way)
        used = disk_usage(server.data) - before
        true(used < 3 * len(text) / 3, f"{used} bytes used for {3 * len(text)}")
        rows = s3.list_objects_v2(Bucket=name)["Contents"]
        equal({r["Size"] for r in rows}, {0, 3000, 70_000, len(text)}, "sizes in the list")
        make_and_measure = lambda key, **more: grown(server, s3, name, key, text, **more)  # noqa: E731
        true(make_and_measure("plain.bin") > len(text), "not a type to compress")
        true(make_and_measure("typed", ContentType="application/json; charset=utf-8") < len(text) / 3, "by its type")
        true(make_and_measure("packed.json", ContentEncoding="gzip") > len(text), "compressed already, it says")
        true(make_and_measure("text.gz", ContentType="text/plain") > len(text), "compressed already, by its name")
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "pail:compress", "Value": "off"}]})
        true(make_and_measure("off.log") > len(text), "the bucket says no")
    with another_server(t, "uncompressed", env={"MINIO_COMPRESSION_EXTENSIONS": ".dat",
                                                "MINIO_COMPRESSION_MIME_TYPES": ""}) as (server, s3):
        name = bucket(t, s3)
        true(grown(server, s3, name, "a.dat", text) > len(text), "off, unless asked for")
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "pail:compress", "Value": "on"}]})
        true(grown(server, s3, name, "b.dat", text) < len(text) / 3, "the bucket says yes")
        true(grown(server, s3, name, "b.log", text) > len(text), "another extension")
        ids = dict(Bucket=name, Key="m.dat")
        ids["UploadId"] = s3.create_multipart_upload(**ids)["UploadId"]
        etag = s3.upload_part(**ids, PartNumber=1, Body=text)["ETag"]
        s3.complete_multipart_upload(**ids, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        check_object(s3, name, "m.dat", text, UNSAID)


def grown(server, s3, name, key, data, **more):
    """By how much the blobs have grown."""
    before = disk_usage(server.data)
    s3.put_object(Bucket=name, Key=key, Body=data, **more)
    true(s3.get_object(Bucket=name, Key=key)["Body"].read() == data, f"the bytes of {key}")
    return disk_usage(server.data) - before


if __name__ == "__main__":
    main("sdk-encryption", setup, args=["--allow-insecure-ssec", "on"])
