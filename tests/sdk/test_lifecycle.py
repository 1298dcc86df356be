#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle rules through boto3 and the aws CLI, on a server whose days take a second: each action in its time, kills
in the middle of it, and rules by which nothing may happen.

Every case waits for what must go; what must stay is looked at then. Over http only: rules know no transport.
"""
import datetime
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.exceptions import ClientError

from aws import made_bucket, setup
from cases import case, contains, equal, pattern, run_cases, true
from pail import Pail

DAY = 1  # seconds
LARGE = pattern(200 * 1024)  # large enough to be moved by default
LATE = 15 * DAY  # generous: a loaded machine, sanitizers


def rules(t, bucket, *given):
    given = [{"Status": "Enabled", "Filter": {"Prefix": ""}, **r} for r in given]
    return t.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": given})


def keys(t, bucket):
    return sorted(o["Key"] for o in t.s3.list_objects_v2(Bucket=bucket).get("Contents", []))


def versions(t, bucket, key):
    """v for a version, m for a marker, newest first."""
    page = t.s3.list_object_versions(Bucket=bucket, Prefix=key)
    rows = [(v["LastModified"], v["IsLatest"], kind) for name, kind in (("Versions", "v"), ("DeleteMarkers", "m"))
            for v in page.get(name, []) if v["Key"] == key]
    return "".join(kind for _, _, kind in sorted(rows, key=lambda r: (r[1], r[0]), reverse=True))


def becomes(what, function, expected, seconds=LATE):
    """Waits until the function answers what is expected."""
    deadline = time.monotonic() + seconds
    while True:
        found = function()
        if found == expected:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: expected {expected!r} within {seconds} s, got {found!r}")
        time.sleep(0.1)


def storage_class(t, bucket, key, **more):
    return t.s3.head_object(Bucket=bucket, Key=key, **more).get("StorageClass", "STANDARD")


@case
def it_is_shown_loudly(t):
    t.pail.says(f"--lifecycle-day {DAY}")
    t.pail.says("EARLY")


@case
def the_rule_in_use_the_most(t):
    """30 days to STANDARD_IA, 90 to GLACIER, gone after 365, for a prefix: by boto3 and the aws CLI, as written."""
    bucket = made_bucket(t)
    rule = {"ID": "archive-logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
            "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
            "Expiration": {"Days": 365}}
    t.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    found = t.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    equal(found["Rules"], [rule])
    equal(found["TransitionDefaultMinimumObjectSize"], "all_storage_classes_128K")
    contains(t.s3.put_object(Bucket=bucket, Key="logs/a", Body=b"x")["Expiration"], 'rule-id="archive-logs"')
    t.aws("s3api", "put-bucket-lifecycle-configuration", "--bucket", bucket, "--lifecycle-configuration",
          json.dumps({"Rules": [rule]}))
    equal(json.loads(t.aws("s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket).stdout)["Rules"], [rule])
    t.aws("s3api", "delete-bucket-lifecycle", "--bucket", bucket)
    done = t.aws("s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket, ok=False)
    contains(done.stderr, "NoSuchLifecycleConfiguration")


@case
def the_old_spelling(t):
    """PutBucketLifecycle: Prefix beside the rule, one transition; old clients send it still."""
    bucket = made_bucket(t)
    rule = {"ID": "old", "Prefix": "tmp/", "Status": "Enabled", "Expiration": {"Days": 1}}
    t.aws("s3api", "put-bucket-lifecycle", "--bucket", bucket, "--lifecycle-configuration", json.dumps({"Rules": [rule]}))
    equal(t.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"], [rule])
    t.s3.put_object(Bucket=bucket, Key="tmp/a", Body=b"x")
    t.s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    becomes("what is left", lambda: keys(t, bucket), ["a"])


@case
def errors_reach_clients(t):
    bucket = made_bucket(t)
    for code, rule in (("MalformedXML", {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}),
                       ("InvalidArgument", {"Expiration": {"Days": 0}}),
                       ("InvalidRequest", {})):
        try:
            rules(t, bucket, rule)
        except ClientError as error:
            equal(error.response["Error"]["Code"], code)
        else:
            raise AssertionError(f"{rule} was accepted")


@case
def objects_expire_by_prefix_tag_and_size(t):
    bucket = made_bucket(t)
    rules(t, bucket,
          {"ID": "prefix", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}},
          {"ID": "tag", "Filter": {"Tag": {"Key": "keep", "Value": "no"}}, "Expiration": {"Days": 1}},
          {"ID": "both", "Filter": {"And": {"Prefix": "big/", "ObjectSizeGreaterThan": 1000}}, "Expiration": {"Days": 1}},
          {"ID": "off", "Status": "Disabled", "Expiration": {"Days": 1}})
    put = lambda key, body=b"x", **more: t.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)  # noqa: E731
    answer = put("tmp/a")
    put("tmp/b", LARGE)
    put("tagged", Tagging="keep=no&x=y")
    put("other-tag", Tagging="keep=yes")
    put("late-tag")
    put("big/large", b"x" * 1001)
    put("big/small", b"x" * 1000)
    put("plain")
    t.s3.put_object_tagging(Bucket=bucket, Key="late-tag", Tagging={"TagSet": [{"Key": "keep", "Value": "no"}]})
    # Real days in the header, whatever a day is here.
    date = re.fullmatch(r'expiry-date="(.*)", rule-id="prefix"', answer["Expiration"]).group(1)
    when = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc)
    away = (when - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    true(86000 < away < 2 * 86400 + 60, f"{date} is {away} s away")
    becomes("what is left", lambda: keys(t, bucket), ["big/small", "other-tag", "plain"])


@case
def nothing_goes_before_its_time(t):
    bucket = made_bucket(t)
    rules(t, bucket, {"Expiration": {"Days": 2}})
    start = time.monotonic()
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    becomes("the bucket", lambda: keys(t, bucket), [])
    spent = time.monotonic() - start
    true(2 * DAY - 0.5 <= spent, f"gone after {spent:.1f} s")


@case
def a_date_in_the_past_is_now(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="old/a", Body=b"x")
    t.s3.put_object(Bucket=bucket, Key="new/a", Body=b"x")
    rules(t, bucket,
          {"Filter": {"Prefix": "old/"}, "Expiration": {"Date": datetime.datetime(2020, 2, 29)}},
          {"Filter": {"Prefix": "new/"}, "Expiration": {"Date": datetime.datetime(2100, 1, 1)}})
    becomes("what is left", lambda: keys(t, bucket), ["new/a"])


@case
def classes_change(t):
    """Nothing but the class: ETag, time and bytes stay; small objects stay where they are."""
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=LARGE, Metadata={"a": "b"})
    t.s3.put_object(Bucket=bucket, Key="small", Body=b"x")
    t.s3.put_object(Bucket=bucket, Key="cold/k", Body=LARGE, StorageClass="DEEP_ARCHIVE")
    before = t.s3.head_object(Bucket=bucket, Key="k")
    rules(t, bucket, {"Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}]})
    becomes("the class", lambda: storage_class(t, bucket, "k"), "GLACIER_IR")
    after = t.s3.head_object(Bucket=bucket, Key="k")
    for name in ("ETag", "LastModified", "ContentLength", "Metadata", "ContentType"):
        equal(after[name], before[name], name)
    equal(t.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), LARGE)
    equal(storage_class(t, bucket, "small"), "STANDARD")
    equal(storage_class(t, bucket, "cold/k"), "DEEP_ARCHIVE")
    listed = {o["Key"]: o["StorageClass"] for o in t.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    equal(listed["k"], "GLACIER_IR")


@case
def classes_change_step_by_step(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    rules(t, bucket, {"Transitions": [{"Days": 4, "StorageClass": "GLACIER_IR"}, {"Days": 8, "StorageClass": "GLACIER"}],
                      "Expiration": {"Days": 12}})  # so far apart that none is missed by looking late
    seen = []
    deadline = time.monotonic() + 12 * DAY + LATE
    while time.monotonic() < deadline and (not seen or seen[-1] != "gone"):
        try:
            now = storage_class(t, bucket, "k")
        except ClientError:
            now = "gone"
        seen += [now] if seen[-1:] != [now] else []
        time.sleep(0.1)
    equal(seen, ["STANDARD", "GLACIER_IR", "GLACIER", "gone"])


@case
def small_objects_move_when_the_rule_says_so(t):
    bucket, varies = made_bucket(t), made_bucket(t)
    for name in (bucket, varies):
        t.s3.put_object(Bucket=name, Key="k", Body=b"x")
    rules(t, bucket, {"Filter": {"ObjectSizeGreaterThan": 0}, "Transitions": [{"Days": 0, "StorageClass": "GLACIER_IR"}]})
    t.s3.put_bucket_lifecycle_configuration(
        Bucket=varies, TransitionDefaultMinimumObjectSize="varies_by_storage_class",
        LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Filter": {},
                                           "Transitions": [{"Days": 0, "StorageClass": "GLACIER"}]}]})
    becomes("by size", lambda: storage_class(t, bucket, "k"), "GLACIER_IR")
    becomes("by default", lambda: storage_class(t, varies, "k"), "GLACIER")


@case
def versioned_buckets_get_markers(t):
    bucket = made_bucket(t, versions=True)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    version = t.s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    rules(t, bucket, {"Expiration": {"Days": 1}})
    becomes("the versions", lambda: versions(t, bucket, "k"), "mvv")
    time.sleep(2 * DAY)
    equal(versions(t, bucket, "k"), "mvv", "no marker upon a marker")
    equal(t.s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read(), b"2")


@case
def suspended_buckets_lose_the_null_version(t):
    bucket = made_bucket(t, versions=True)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    rules(t, bucket, {"Expiration": {"Days": 1}})
    becomes("the versions", lambda: versions(t, bucket, "k"), "mv")
    equal(t.s3.list_object_versions(Bucket=bucket)["DeleteMarkers"][0]["VersionId"], "null")


@case
def older_versions_go_but_for_some(t):
    bucket = made_bucket(t, versions=True)
    rules(t, bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
    made = [t.s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % i)["VersionId"] for i in range(6)]
    t.s3.put_object(Bucket=bucket, Key="single", Body=b"x")
    becomes("the versions", lambda: versions(t, bucket, "k"), "vvv")
    left = [v["VersionId"] for v in t.s3.list_object_versions(Bucket=bucket, Prefix="k")["Versions"]]
    equal(left, made[:2:-1], "the newest ones stay")
    equal(versions(t, bucket, "single"), "v")


@case
def older_versions_change_their_class(t):
    bucket = made_bucket(t, versions=True)
    old = t.s3.put_object(Bucket=bucket, Key="k", Body=LARGE)["VersionId"]
    t.s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    rules(t, bucket, {"NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER_IR"}]})
    becomes("the old version", lambda: storage_class(t, bucket, "k", VersionId=old), "GLACIER_IR")
    equal(storage_class(t, bucket, "k"), "STANDARD")


@case
def markers_that_hide_nothing_go(t):
    bucket = made_bucket(t, versions=True)
    t.s3.delete_object(Bucket=bucket, Key="alone")
    t.s3.put_object(Bucket=bucket, Key="hides", Body=b"x")
    t.s3.delete_object(Bucket=bucket, Key="hides")
    rules(t, bucket, {"Expiration": {"ExpiredObjectDeleteMarker": True}})
    becomes("the lone marker", lambda: versions(t, bucket, "alone"), "")
    equal(versions(t, bucket, "hides"), "mv")


@case
def a_bucket_empties_itself(t):
    """The common clean-up: expire, drop old versions, drop the markers that remain, abort uploads."""
    bucket = made_bucket(t, versions=True)
    for i in range(20):
        t.s3.put_object(Bucket=bucket, Key=f"k{i % 7}", Body=b"x")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    t.s3.upload_part(Bucket=bucket, Key="u", UploadId=upload, PartNumber=1, Body=LARGE)
    rules(t, bucket, {"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                      "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})

    def left():
        page = t.s3.list_object_versions(Bucket=bucket)
        return (len(page.get("Versions", [])), len(page.get("DeleteMarkers", [])),
                len(t.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])))
    becomes("versions, markers, uploads", left, (0, 0, 0), 2 * LATE)
    t.s3.delete_bucket(Bucket=bucket)


@case
def uploads_are_aborted(t):
    bucket = made_bucket(t)
    rules(t, bucket, {"ID": "stale", "Filter": {"Prefix": "up/"},
                      "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    stale = t.s3.create_multipart_upload(Bucket=bucket, Key="up/a")
    kept = t.s3.create_multipart_upload(Bucket=bucket, Key="a")
    equal(stale["AbortRuleId"], "stale")
    true(stale["AbortDate"] > datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=23), "a real day")
    true("AbortDate" not in kept, "no rule for that key")
    becomes("uploads", lambda: [u["Key"] for u in t.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])], ["a"])
    try:
        t.s3.upload_part(Bucket=bucket, Key="up/a", UploadId=stale["UploadId"], PartNumber=1, Body=b"x")
    except ClientError as error:
        equal(error.response["Error"]["Code"], "NoSuchUpload")
    else:
        raise AssertionError("the upload takes parts")


@case
def locked_versions_stay(t):
    """LCK-04, by lifecycle."""
    bucket = made_bucket(t, ObjectLockEnabledForBucket=True)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    put = lambda key, **more: t.s3.put_object(Bucket=bucket, Key=key, Body=b"x", ChecksumAlgorithm="CRC32", **more)  # noqa: E731
    put("locked", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    put("held", ObjectLockLegalHoldStatus="ON")
    put("free")
    rules(t, bucket, {"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    becomes("the free one", lambda: versions(t, bucket, "free"), "", 2 * LATE)
    time.sleep(DAY)
    equal((versions(t, bucket, "locked"), versions(t, bucket, "held")), ("mv", "mv"))
    t.s3.put_object_legal_hold(Bucket=bucket, Key="held", LegalHold={"Status": "OFF"}, ChecksumAlgorithm="CRC32",
                               VersionId=t.s3.list_object_versions(Bucket=bucket, Prefix="held")["Versions"][0]["VersionId"])
    becomes("the one let go", lambda: versions(t, bucket, "held"), "", 2 * LATE)


@case
def what_is_written_again_stays(t):
    """An object that is overwritten all the time never gets old."""
    bucket = made_bucket(t)
    rules(t, bucket, {"Expiration": {"Days": 1}})
    end = time.monotonic() + 3 * DAY
    while time.monotonic() < end:
        start = time.monotonic()
        t.s3.put_object(Bucket=bucket, Key="fresh", Body=b"x")
        found = keys(t, bucket)
        true(found == ["fresh"] or time.monotonic() - start >= DAY, f"what is new is there: {found}")
        time.sleep(0.05)


@case
def a_restart_in_the_middle_of_a_pass(t):
    """kill -9 again and again while thousands of objects go: in the end those of the rule are gone, no others."""
    with Pail("lifecycle-restart", args=["--lifecycle-day", "1"]) as pail:
        def client():
            return boto3.session.Session().client("s3", endpoint_url=pail.endpoint)
        s3 = client()
        s3.create_bucket(Bucket="many")
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda i: s3.put_object(Bucket="many", Key=f"{'gone' if i % 4 else 'kept'}/{i:05}", Body=b"x" * 100),
                              range(2000)):
                pass
        # Large objects between them lie in files, so that their bytes have to go too.
        for i in range(20):
            s3.put_object(Bucket="many", Key=f"gone/large{i:02}", Body=LARGE)
        s3.put_bucket_lifecycle_configuration(Bucket="many", LifecycleConfiguration={"Rules": [
            {"Status": "Enabled", "Filter": {"Prefix": "gone/"}, "Expiration": {"Days": 1}}]})
        for pause in (0.02, 0.05, 0.1, 0.2, 0.4):
            time.sleep(pause)
            pail.restart()
        s3 = client()

        def left():
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket="many")
            return sorted({o["Key"].split("/")[0] for page in pages for o in page.get("Contents", [])})
        becomes("what is left", left, ["kept"], 60)
        count = sum(len(p["Contents"]) for p in s3.get_paginator("list_objects_v2").paginate(Bucket="many"))
        equal(count, 500, "kept objects")


if __name__ == "__main__":
    sys.exit(0 if run_cases("sdk-lifecycle", False, setup, sys.argv[1:], args=["--lifecycle-day", str(DAY)]) else 1)
