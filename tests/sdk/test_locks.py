#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Object lock through boto3 and the aws CLI: configuration, retention, legal hold, headers, and every way around them.

What is expected is what Amazon S3 answers. A clock that somebody sets back is a preloaded library that shifts the
server's wall clock (tests/lib/clock_shift.c).
"""
import contextlib
import datetime
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import botocore.auth
from botocore.config import Config
from botocore.exceptions import ClientError

import preload
from aws import fails, setup
from cases import ROOT, case, contains, equal, main, true
from pail import Pail

UTC = datetime.timezone.utc
PROTECTED = "Access Denied because object protected by object lock."
NO_LOCK = "Bucket is missing Object Lock Configuration"
DAY = datetime.timedelta(days=1)


def soon(**delta):
    return datetime.datetime.now(UTC).replace(microsecond=0) + datetime.timedelta(**delta)


def locked_bucket(t, default=None):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    if default:
        configure(t, name, default)
    return name


def configure(t, bucket, default=None):
    conf = {"ObjectLockEnabled": "Enabled"}
    if default:
        conf["Rule"] = {"DefaultRetention": default}
    t.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=conf)


def denied(function, **kwargs):
    fails("AccessDenied", 403, function, PROTECTED, **kwargs)


def put(t, bucket, key="k", body=b"x", **more):
    return t.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)["VersionId"]


def retain(t, bucket, until, mode="GOVERNANCE", key="k", **more):
    t.s3.put_object_retention(Bucket=bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}, **more)


def retention(t, bucket, key="k", **more):
    found = t.s3.get_object_retention(Bucket=bucket, Key=key, **more)["Retention"]
    return found["Mode"], found["RetainUntilDate"].astimezone(UTC)


def hold(t, bucket, switch, key="k", **more):
    t.s3.put_object_legal_hold(Bucket=bucket, Key=key, LegalHold={"Status": switch}, **more)


# --- configuration ---------------------------------------------------------------------

@case
def a_bucket_made_with_lock(t):
    bucket = locked_bucket(t)
    equal(t.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"],
          {"ObjectLockEnabled": "Enabled"}, "configuration")
    equal(t.s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled", "versioning comes with it")
    fails("InvalidBucketState", 409, t.s3.put_bucket_versioning, Bucket=bucket,
          VersioningConfiguration={"Status": "Suspended"})
    plain = t.bucket_name()
    t.s3.create_bucket(Bucket=plain, ObjectLockEnabledForBucket=False)
    error = fails("ObjectLockConfigurationNotFoundError", 404, t.s3.get_object_lock_configuration,
                  "Object Lock configuration does not exist for this bucket", Bucket=plain)
    equal(error["BucketName"], plain, "BucketName")
    fails("NoSuchBucket", 404, t.s3.get_object_lock_configuration, Bucket=f"{plain}-none")


@case
def lock_for_an_existing_bucket(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    for status in (None, "Suspended"):
        if status:
            t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        fails("InvalidBucketState", 409, configure,
              "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration", t=t, bucket=bucket)
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for default in ({"Mode": "GOVERNANCE", "Days": 36500}, {"Mode": "COMPLIANCE", "Years": 100},
                    {"Mode": "COMPLIANCE", "Days": 1}):
        configure(t, bucket, default)
        equal(t.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"],
              {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}, "configuration")
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention, Bucket=bucket, Key="before")
    put(t, bucket, "after")
    equal(retention(t, bucket, "after")[0], "COMPLIANCE", "of what came later")
    configure(t, bucket)
    put(t, bucket, "free")
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention, Bucket=bucket, Key="free")


@case
def configurations_that_are_none(t):
    bucket = locked_bucket(t, {"Mode": "GOVERNANCE", "Days": 3})
    call = lambda conf: t.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=conf)  # noqa: E731
    rule = lambda **d: {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": d}}  # noqa: E731
    for conf in (rule(Mode="GOVERNANCE", Days=1, Years=1), rule(Mode="GOVERNANCE"), rule(Days=1),
                 rule(Mode="governance", Days=1), rule(Mode="NONE", Days=1),
                 {"ObjectLockEnabled": "Enabled", "Rule": {}}, {"ObjectLockEnabled": "Disabled"}, {},
                 {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}):
        fails("MalformedXML", 400, call, conf=conf)
    for conf in (rule(Mode="GOVERNANCE", Days=0), rule(Mode="GOVERNANCE", Days=-1), rule(Mode="GOVERNANCE", Years=0),
                 rule(Mode="GOVERNANCE", Days=36501), rule(Mode="COMPLIANCE", Years=101)):
        fails("InvalidRetentionPeriod", 400, call, conf=conf)
    equal(t.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"],
          {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}, "nothing changed")


@case
def the_default_holds_for_all_new_versions(t):
    bucket = locked_bucket(t)
    put(t, bucket, "before")
    configure(t, bucket, {"Mode": "GOVERNANCE", "Days": 2})
    made = {"put": put(t, bucket, "put"), "large": put(t, bucket, "large", b"b" * 100000)}
    made["copy"] = t.s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/before")["VersionId"]
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="mp")["UploadId"]
    part = t.s3.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=1, Body=b"x")
    made["mp"] = t.s3.complete_multipart_upload(
        Bucket=bucket, Key="mp", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})["VersionId"]
    for key, version in made.items():
        mode, until = retention(t, bucket, key)
        equal(mode, "GOVERNANCE", f"mode of {key}")
        true(abs((until - soon(days=2)).total_seconds()) < 60, f"{key} is kept two days, until {until}")
        denied(t.s3.delete_object, Bucket=bucket, Key=key, VersionId=version)
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention, Bucket=bucket, Key="before")
    put(t, bucket, "own", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon(days=1))
    equal(retention(t, bucket, "own")[0], "COMPLIANCE", "what the request names wins")
    put(t, bucket, "held", ObjectLockLegalHoldStatus="ON")
    equal(retention(t, bucket, "held")[0], "GOVERNANCE", "a hold leaves the default in force")


# --- headers of writes -----------------------------------------------------------------

@case
def headers_of_writes(t):
    bucket, until = locked_bucket(t), soon(days=1)
    asked = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"}
    put(t, bucket, "put", **asked)
    t.s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/put", **asked)
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="mp", **asked)["UploadId"]
    part = t.s3.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=1, Body=b"x")
    t.s3.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload,
                                   MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    for key in ("put", "copy", "mp"):
        for answer in (t.s3.head_object(Bucket=bucket, Key=key), t.s3.get_object(Bucket=bucket, Key=key)):
            equal({name: answer.get(name) for name in asked}, asked, f"of {key}")
        equal(retention(t, bucket, key), ("GOVERNANCE", until), f"retention of {key}")
        equal(t.s3.get_object_legal_hold(Bucket=bucket, Key=key)["LegalHold"]["Status"], "ON", f"hold of {key}")
    t.s3.copy_object(Bucket=bucket, Key="free", CopySource=f"{bucket}/put")
    true("ObjectLockMode" not in t.s3.head_object(Bucket=bucket, Key="free"), "a copy does not inherit the lock")
    put(t, bucket, "off", ObjectLockLegalHoldStatus="OFF")
    equal(t.s3.head_object(Bucket=bucket, Key="off")["ObjectLockLegalHoldStatus"], "OFF", "a hold once set is shown")


@case
def LCK_07_bad_headers(t):
    bucket, day = locked_bucket(t), soon(days=1)
    t.s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    writes = ((t.s3.put_object, {"Body": b"x"}), (t.s3.create_multipart_upload, {}),
              (t.s3.copy_object, {"CopySource": f"{bucket}/source"}))
    both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
    mode, date, legal = (f"x-amz-object-lock-{n}" for n in ("mode", "retain-until-date", "legal-hold"))
    for call, more in writes:
        for asked, message, name in (
                ({"ObjectLockMode": "COMPLIANCE"}, both, date), ({"ObjectLockRetainUntilDate": day}, both, mode),
                ({"ObjectLockMode": "compliance", "ObjectLockRetainUntilDate": day}, "Unknown wormMode directive.", mode),
                ({"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": soon(seconds=-5)},
                 "The retain until date must be in the future!", date),
                ({"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": soon(days=36530)}, None, date),
                ({"ObjectLockLegalHoldStatus": "on"}, "Legal Hold must be either of 'ON' or 'OFF'", legal)):
            error = fails("InvalidArgument", 400, call, message, Bucket=bucket, Key="k", **more, **asked)
            equal(error["ArgumentName"], name, "ArgumentName")
    plain = t.bucket_name()
    t.s3.create_bucket(Bucket=plain)
    t.s3.put_object(Bucket=plain, Key="source", Body=b"x")
    for call, more in writes:
        for asked in ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": day},
                      {"ObjectLockLegalHoldStatus": "OFF"}):
            fails("InvalidRequest", 400, call, NO_LOCK, Bucket=plain, Key="k", **more, **asked)
    for name in (bucket, plain):
        fails("404", 404, t.s3.head_object, Bucket=name, Key="k")


@case
def a_digest_is_required(t):
    bucket, day = locked_bucket(t), soon(days=1)
    bare = t.session.client("s3", config=Config(request_checksum_calculation="when_required"))

    def strip(request, **_):
        for name in [n for n in request.headers.keys() if n.lower() == "content-md5" or "checksum" in n.lower()]:
            del request.headers[name]
    bare.meta.events.register_first("before-sign.s3.PutObject", strip)
    message = ("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
               "parameters")
    bare.put_object(Bucket=bucket, Key="free", Body=b"x")
    for asked in ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": day},
                  {"ObjectLockLegalHoldStatus": "ON"}):
        fails("InvalidRequest", 400, bare.put_object, message, Bucket=bucket, Key="k", Body=b"x", **asked)
    configure(t, bucket, {"Mode": "GOVERNANCE", "Days": 1})
    fails("InvalidRequest", 400, bare.put_object, message, Bucket=bucket, Key="k", Body=b"x")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")
    put(t, bucket)


# --- retention and hold ----------------------------------------------------------------

@case
def governance(t):
    bucket = locked_bucket(t)
    one = put(t, bucket)
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention,
          "The specified object does not have a ObjectLock configuration", Bucket=bucket, Key="k")
    day, week = soon(days=1), soon(days=7)
    retain(t, bucket, day)
    equal(retention(t, bucket), ("GOVERNANCE", day), "retention")
    retain(t, bucket, week)
    denied(retain, t=t, bucket=bucket, until=day)
    denied(t.s3.put_object_retention, Bucket=bucket, Key="k", Retention={})
    denied(t.s3.delete_object, Bucket=bucket, Key="k", VersionId=one)
    equal(retention(t, bucket), ("GOVERNANCE", week), "retention")
    retain(t, bucket, day, BypassGovernanceRetention=True)
    equal(retention(t, bucket), ("GOVERNANCE", day), "shortened with the header")
    t.s3.put_object_retention(Bucket=bucket, Key="k", Retention={}, BypassGovernanceRetention=True)
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention, Bucket=bucket, Key="k")
    true("ObjectLockMode" not in t.s3.head_object(Bucket=bucket, Key="k"), "no header")
    retain(t, bucket, week)
    denied(t.s3.delete_object, Bucket=bucket, Key="k", VersionId=one, BypassGovernanceRetention=False)
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=one, BypassGovernanceRetention=True)
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")
    many = [put(t, bucket, f"m{i}", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=day) for i in range(3)]
    asked = {"Objects": [{"Key": f"m{i}", "VersionId": v} for i, v in enumerate(many)]}
    errors = t.s3.delete_objects(Bucket=bucket, Delete=asked)["Errors"]
    equal([(e["Code"], e["Message"]) for e in errors], [("AccessDenied", PROTECTED)] * 3, "errors")
    gone = t.s3.delete_objects(Bucket=bucket, Delete=asked, BypassGovernanceRetention=True)
    equal((len(gone["Deleted"]), gone.get("Errors")), (3, None), "with the header")


@case
def LCK_01_compliance_binds_everybody(t):
    bucket = locked_bucket(t)
    one = put(t, bucket)
    day, week = soon(days=1), soon(days=7)
    retain(t, bucket, week)
    retain(t, bucket, week, "COMPLIANCE")
    for more in ({}, {"BypassGovernanceRetention": True}):
        denied(retain, t=t, bucket=bucket, until=day, mode="COMPLIANCE", **more)
        denied(retain, t=t, bucket=bucket, until=soon(days=30), mode="GOVERNANCE", **more)
        denied(t.s3.put_object_retention, Bucket=bucket, Key="k", Retention={}, **more)
        denied(t.s3.delete_object, Bucket=bucket, Key="k", VersionId=one, **more)
    equal(retention(t, bucket), ("COMPLIANCE", week), "retention")
    longer = soon(days=8)
    retain(t, bucket, longer, "COMPLIANCE")
    equal(retention(t, bucket), ("COMPLIANCE", longer), "extended")


@case
def legal_hold(t):
    bucket = locked_bucket(t)
    one = put(t, bucket)
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_legal_hold, Bucket=bucket, Key="k")
    hold(t, bucket, "ON")
    equal(t.s3.get_object_legal_hold(Bucket=bucket, Key="k", VersionId=one)["LegalHold"]["Status"], "ON", "hold")
    for more in ({}, {"BypassGovernanceRetention": True}):
        denied(t.s3.delete_object, Bucket=bucket, Key="k", VersionId=one, **more)
    two = put(t, bucket, body=b"two")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=two)
    hold(t, bucket, "OFF", VersionId=one)
    equal(t.s3.head_object(Bucket=bucket, Key="k")["ObjectLockLegalHoldStatus"], "OFF", "header")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=one)
    put(t, bucket)
    fails("MalformedXML", 400, hold, t=t, bucket=bucket, switch="on")
    fails("MalformedXML", 400, t.s3.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={})


@case
def what_is_shown_can_be_sent_back(t):
    """Documents show whole seconds: neither the default nor a fraction may make a lock that its own text would shorten."""
    bucket = locked_bucket(t, {"Mode": "COMPLIANCE", "Days": 1})
    put(t, bucket)
    mode, until = retention(t, bucket)
    retain(t, bucket, until, mode)
    equal(retention(t, bucket), (mode, until), "the same")
    equal(t.s3.head_object(Bucket=bucket, Key="k")["ObjectLockRetainUntilDate"].astimezone(UTC), until, "header")


@case
def bad_documents(t):
    bucket, day = locked_bucket(t), soon(days=1)
    put(t, bucket)
    call = lambda r, key="k": t.s3.put_object_retention(Bucket=bucket, Key=key, Retention=r)  # noqa: E731
    for asked in ({"Mode": "GOVERNANCE"}, {"RetainUntilDate": day}, {"Mode": "governance", "RetainUntilDate": day}):
        fails("MalformedXML", 400, call, r=asked)
    for date in (soon(seconds=-1), soon(days=36530)):
        error = fails("InvalidArgument", 400, call, r={"Mode": "GOVERNANCE", "RetainUntilDate": date})
        equal(error["ArgumentName"], "RetainUntilDate", "ArgumentName")
    fails("NoSuchKey", 404, call, r={"Mode": "GOVERNANCE", "RetainUntilDate": day}, key="none")
    fails("NotImplemented", 501, call, r={"EventHold": "ON"})
    fails("NoSuchObjectLockConfiguration", 404, t.s3.get_object_retention, Bucket=bucket, Key="k")


@case
def VER_03_markers_have_no_locks(t):
    bucket, day = locked_bucket(t), soon(days=1)
    one = put(t, bucket)
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for more in ({"VersionId": marker}, {}):
        fails("MethodNotAllowed", 405, retain, t=t, bucket=bucket, until=day, **more)
        fails("MethodNotAllowed", 405, hold, t=t, bucket=bucket, switch="ON", **more)
    fails("MethodNotAllowed", 405, t.s3.get_object_retention, Bucket=bucket, Key="k", VersionId=marker)
    fails("MethodNotAllowed", 405, t.s3.get_object_legal_hold, Bucket=bucket, Key="k", VersionId=marker)
    fails("NoSuchKey", 404, t.s3.get_object_retention, Bucket=bucket, Key="k")
    retain(t, bucket, day, VersionId=one)
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    equal(retention(t, bucket), ("GOVERNANCE", day), "of the version below")
    fails("NoSuchVersion", 404, retain, t=t, bucket=bucket, until=day, VersionId=marker)


@case
def buckets_without_lock(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for call, more in ((t.s3.get_object_retention, {}), (t.s3.get_object_legal_hold, {}),
                       (t.s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                       (t.s3.put_object_retention, {"Retention": {"Mode": "GOVERNANCE",
                                                                  "RetainUntilDate": soon(days=1)}})):
        fails("InvalidRequest", 400, call, NO_LOCK, Bucket=bucket, Key="k", **more)
    error = fails("InvalidArgument", 400, t.s3.delete_object,
                  "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
                  Bucket=bucket, Key="k", BypassGovernanceRetention=True)
    equal(error["ArgumentName"], "x-amz-bypass-governance-retention", "ArgumentName")
    t.s3.head_object(Bucket=bucket, Key="k")


@case
def a_lock_ends(t):
    bucket = locked_bucket(t)
    until = soon(seconds=7)
    one = put(t, bucket, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    denied(t.s3.delete_object, Bucket=bucket, Key="k", VersionId=one)
    time.sleep(max(0.0, (until - datetime.datetime.now(UTC)).total_seconds()) + 0.2)
    equal(retention(t, bucket), ("COMPLIANCE", until), "it stays visible")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=one)
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k")


# --- attacks ---------------------------------------------------------------------------

def attacks(t, bucket, key, version, bypass):
    """Every way that a client has to get rid of a version, or of its lock; `bypass` when the header must not help."""
    s3, here = t.s3, {"Bucket": bucket, "Key": key}
    more = {"BypassGovernanceRetention": True} if bypass else {}
    denied(s3.delete_object, **here, VersionId=version, **more)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": key, "VersionId": version}, {"Key": key, "VersionId": version}, {"Key": key}]}, **more)
    equal([e["Code"] for e in answer["Errors"]], ["AccessDenied"] * 2, "multi-delete")
    s3.delete_object(**here)
    s3.put_object(**here, Body=b"overwritten")
    s3.copy_object(**here, CopySource=f"{bucket}/bait")
    upload = s3.create_multipart_upload(**here)["UploadId"]
    part = s3.upload_part(**here, UploadId=upload, PartNumber=1, Body=b"y")
    s3.complete_multipart_upload(**here, UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.put_object(**here, Body=b"again", IfMatch=s3.head_object(**here)["ETag"])
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)
    fails("InvalidBucketState", 409, s3.put_bucket_versioning, Bucket=bucket,
          VersioningConfiguration={"Status": "Suspended"})
    configure(t, bucket, {"Mode": "GOVERNANCE", "Days": 1})
    configure(t, bucket)
    fails("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=bucket)
    s3.put_object_tagging(**here, VersionId=version, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})


def attack_retention(t, bucket, key, version, mode, until, bypass):
    more = {"BypassGovernanceRetention": True} if bypass else {}
    for later in (soon(seconds=60), until - DAY):
        denied(retain, t=t, bucket=bucket, key=key, until=later, mode=mode, VersionId=version, **more)
    denied(t.s3.put_object_retention, Bucket=bucket, Key=key, VersionId=version, Retention={}, **more)
    if mode == "COMPLIANCE":
        denied(retain, t=t, bucket=bucket, key=key, until=until + DAY, mode="GOVERNANCE", VersionId=version, **more)
    hold(t, bucket, "ON", key, VersionId=version)
    hold(t, bucket, "OFF", key, VersionId=version)
    denied(t.s3.delete_object, Bucket=bucket, Key=key, VersionId=version, **more)


def survives(t, bucket, key, version, body, mode=None, until=None):
    found = t.s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    equal((found["Body"].read(), found["VersionId"]), (body, version), f"bytes of {key}")
    if mode:
        equal(retention(t, bucket, key, VersionId=version), (mode, until), f"retention of {key}")


@case
def LCK_04_locked_versions_survive_every_path(t):
    bucket, until = locked_bucket(t), soon(days=3)
    put(t, bucket, "bait", b"bait")
    for mode, bypass in (("GOVERNANCE", False), ("COMPLIANCE", True)):
        for size in (10, 200000):
            key, body = f"{mode}-{size}", os.urandom(size)
            version = put(t, bucket, key, body, ObjectLockMode=mode, ObjectLockRetainUntilDate=until)
            attacks(t, bucket, key, version, bypass)
            attack_retention(t, bucket, key, version, mode, until, bypass)
            survives(t, bucket, key, version, body, mode, until)
    body = os.urandom(1000)
    version = put(t, bucket, "held", body, ObjectLockLegalHoldStatus="ON")
    attacks(t, bucket, "held", version, True)
    t.s3.put_object_retention(Bucket=bucket, Key="held", VersionId=version, Retention={}, BypassGovernanceRetention=True)
    denied(t.s3.delete_object, Bucket=bucket, Key="held", VersionId=version, BypassGovernanceRetention=True)
    survives(t, bucket, "held", version, body)
    equal(t.s3.get_object_legal_hold(Bucket=bucket, Key="held", VersionId=version)["LegalHold"]["Status"], "ON", "hold")


@case
def LCK_04_null_versions_too(t):
    """An object from before versioning is the null version, which other buckets overwrite."""
    bucket, until = t.bucket_name(), soon(days=3)
    t.s3.create_bucket(Bucket=bucket)
    for key in ("k", "bait"):
        t.s3.put_object(Bucket=bucket, Key=key, Body=b"null " + key.encode())
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    configure(t, bucket)
    retain(t, bucket, until, "COMPLIANCE", VersionId="null")
    attacks(t, bucket, "k", "null", True)
    attack_retention(t, bucket, "k", "null", "COMPLIANCE", until, True)
    survives(t, bucket, "k", "null", b"null k", "COMPLIANCE", until)


@case
def LCK_04_at_the_same_time(t):
    """Locks and deletes race: a version whose lock was acknowledged before a delete began is never lost by it."""
    bucket, until = locked_bucket(t), soon(days=1)

    def lock_one(i):
        try:
            retain(t, bucket, until, "COMPLIANCE", f"r{i}")
            return True
        except ClientError as error:
            equal(error.response["Error"]["Code"], "NoSuchKey", "a lock that lost")
            return False

    def delete_one(i):
        try:
            t.s3.delete_object(Bucket=bucket, Key=f"r{i}", VersionId=made[i], BypassGovernanceRetention=True)
            return True
        except ClientError as error:
            equal(error.response["Error"]["Code"], "AccessDenied", "a delete that lost")
            return False

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: put(t, bucket, f"r{i}"), range(24)))
        locked = [pool.submit(lock_one, i) for i in range(24)]
        deleted = [pool.submit(delete_one, i) for i in range(24)]
        outcome = [(a.result(), b.result()) for a, b in zip(locked, deleted)]
    for i, (was_locked, was_deleted) in enumerate(outcome):
        true(was_locked != was_deleted, f"r{i}: locked {was_locked}, deleted {was_deleted}")
        if was_locked:
            survives(t, bucket, f"r{i}", made[i], b"x", "COMPLIANCE", until)


def shifted(seconds, library):
    return {"LD_PRELOAD": library, "CLOCK_SHIFT_SECONDS": str(seconds),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


@contextlib.contextmanager
def signing_at(shift):
    """Requests are signed with the time that the server believes in."""
    real = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + datetime.timedelta(seconds=shift)
    try:
        yield
    finally:
        botocore.auth.get_current_datetime = real


@case
def LCK_06_the_clock_is_set_back(t):
    """Retention begun under a clock that runs behind must not end when the clock is right again."""
    if t.pail.external or t.pail.tls:
        t.skip("once is enough, with a server of its own")
    folder = t.folder()
    library = preload.library(os.path.join(ROOT, "tests", "lib", "clock_shift.c"))
    data = os.path.join(folder, "data")
    os.mkdir(data)
    year = 365 * 86400
    body = os.urandom(1000)
    for step, shift in enumerate((0, -10 * year, 0)):
        with Pail("locks-clock", data=data, env=shifted(shift, library)) as server, signing_at(shift):
            client = t.session.client("s3", endpoint_url=server.endpoint)
            if step == 0:
                client.create_bucket(Bucket="clock", ObjectLockEnabledForBucket=True)
                client.put_object_lock_configuration(Bucket="clock", ObjectLockConfiguration={
                    "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
                first = client.put_object(Bucket="clock", Key="first", Body=body)["VersionId"]
            if step == 1:
                second = client.put_object(Bucket="clock", Key="second", Body=body)["VersionId"]
                date = datetime.datetime.now(UTC) - datetime.timedelta(days=3000)
                fails("InvalidArgument", 400, client.put_object, "The retain until date must be in the future!",
                      Bucket="clock", Key="third", Body=body, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=date)
            versions = {"first": first} if step == 0 else {"first": first, "second": second}
            for key, version in versions.items():
                denied(client.delete_object, Bucket="clock", Key=key, VersionId=version, BypassGovernanceRetention=True)
                until = client.get_object_retention(Bucket="clock", Key=key)["Retention"]["RetainUntilDate"]
                left = (until.astimezone(UTC) - datetime.datetime.now(UTC)).total_seconds()
                true(86000 < left < 86500, f"{key} is kept a day of real time: {left} s are left, step {step}")
                equal(client.get_object(Bucket="clock", Key=key, VersionId=version)["Body"].read(), body, key)


# --- the aws CLI -----------------------------------------------------------------------

@case
def aws_cli(t):
    bucket, folder = t.bucket_name(), t.folder()
    path = os.path.join(folder, "f")
    with open(path, "wb") as f:
        f.write(b"x")

    def api(operation, *words):
        done = t.aws("s3api", operation, "--bucket", bucket, *words, "--output", "json")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def refused(code, operation, *words):
        done = t.aws("s3api", operation, "--bucket", bucket, *words, ok=False)
        true(done.returncode != 0, f"{operation} was expected to fail")
        contains(done.stderr, code, "what it says")

    api("create-bucket", "--object-lock-enabled-for-bucket")
    api("put-object-lock-configuration", "--object-lock-configuration",
        '{"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}')
    equal(api("get-object-lock-configuration")["ObjectLockConfiguration"]["Rule"]["DefaultRetention"],
          {"Mode": "GOVERNANCE", "Days": 1}, "configuration")
    version = api("put-object", "--key", "k", "--body", path)["VersionId"]
    equal(api("get-object-retention", "--key", "k")["Retention"]["Mode"], "GOVERNANCE", "retention")
    refused("AccessDenied", "delete-object", "--key", "k", "--version-id", version)
    api("put-object-legal-hold", "--key", "k", "--legal-hold", "Status=ON")
    equal(api("get-object-legal-hold", "--key", "k")["LegalHold"]["Status"], "ON", "hold")
    refused("AccessDenied", "delete-object", "--key", "k", "--version-id", version, "--bypass-governance-retention")
    api("put-object-legal-hold", "--key", "k", "--legal-hold", "Status=OFF")
    api("put-object-retention", "--key", "k", "--bypass-governance-retention", "--retention",
        f"Mode=COMPLIANCE,RetainUntilDate={soon(days=2).isoformat()}")
    equal(api("head-object", "--key", "k")["ObjectLockMode"], "COMPLIANCE", "header")
    refused("AccessDenied", "delete-object", "--key", "k", "--version-id", version, "--bypass-governance-retention")


if __name__ == "__main__":
    main("sdk-locks", setup)
