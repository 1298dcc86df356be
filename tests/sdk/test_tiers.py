#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Storage classes as tiers, archived objects and their restoration, through boto3 and the aws CLI."""
import json
import os
import subprocess
import time

import boto3

from aws import fails, setup
from cases import case, contains, equal, main, pattern, true, wait_for
from pail import Pail, default_binary

MIB = 1024 * 1024
BULK_SECONDS = 2  # that such a restore takes (server/api/restore.c)


def made_bucket(t, s3=None):
    name = t.bucket_name()
    (s3 or t.s3).create_bucket(Bucket=name)
    return name


def archived(t, bucket, key, data=b"x" * 100, storage_class="GLACIER"):
    t.s3.put_object(Bucket=bucket, Key=key, Body=data, StorageClass=storage_class)


def restore(t, bucket, key, days=1, tier=None, **more):
    request = {"Days": days} if days else {}
    if tier:
        request["GlacierJobParameters"] = {"Tier": tier}
    return t.s3.restore_object(Bucket=bucket, Key=key, RestoreRequest=request, **more)


def wait_restored(t, bucket, key):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        state = t.s3.head_object(Bucket=bucket, Key=key).get("Restore", "")
        if 'ongoing-request="false"' in state:
            return state
        equal(state, 'ongoing-request="true"')
        time.sleep(0.05)
    raise AssertionError("the copy did not come")


@case
def archived_objects_are_read_only_after_a_restore(t):
    bucket = made_bucket(t)
    for storage_class in ("GLACIER", "DEEP_ARCHIVE"):
        key = storage_class.lower()
        archived(t, bucket, key, b"cold", storage_class)
        answer = fails("InvalidObjectState", 403, t.s3.get_object, Bucket=bucket, Key=key)
        equal(answer["StorageClass"], storage_class)
        fails("InvalidObjectState", 403, t.s3.copy_object, Bucket=bucket, Key="copy",
              CopySource={"Bucket": bucket, "Key": key})
        head = t.s3.head_object(Bucket=bucket, Key=key)
        equal((head["StorageClass"], "Restore" in head), (storage_class, False))
        equal(restore(t, bucket, key)["ResponseMetadata"]["HTTPStatusCode"], 202)
        state = wait_restored(t, bucket, key)
        contains(state, 'expiry-date="')
        contains(state, '00:00:00 GMT"')
        equal(t.s3.get_object(Bucket=bucket, Key=key)["Body"].read(), b"cold")
        equal(t.s3.head_object(Bucket=bucket, Key=key)["StorageClass"], storage_class)
        t.s3.copy_object(Bucket=bucket, Key=key + "-copy", CopySource={"Bucket": bucket, "Key": key})
        equal(t.s3.get_object(Bucket=bucket, Key=key + "-copy")["Body"].read(), b"cold")


@case
def a_restore_again_moves_its_end(t):
    bucket = made_bucket(t)
    archived(t, bucket, "k")
    restore(t, bucket, "k", days=1, tier="Expedited")
    first = wait_restored(t, bucket, "k")
    equal(restore(t, bucket, "k", days=9)["ResponseMetadata"]["HTTPStatusCode"], 200)
    second = t.s3.head_object(Bucket=bucket, Key="k")["Restore"]
    true(second != first and 'ongoing-request="false"' in second, second)


@case
def a_running_restore_is_only_made_faster(t):
    bucket = made_bucket(t)
    for key in map(str, range(20)):
        archived(t, bucket, key)
        start = time.monotonic()
        restore(t, bucket, key, tier="Bulk")
        try:
            fails("RestoreAlreadyInProgress", 409, restore, t=t, bucket=bucket, key=key, tier="Bulk")
            equal(restore(t, bucket, key, days=None, tier="Expedited")["ResponseMetadata"]["HTTPStatusCode"], 202)
            break
        except AssertionError:
            if time.monotonic() - start < BULK_SECONDS:
                raise  # else it may have been through already
    wait_restored(t, bucket, key)


@case
def restores_that_make_no_sense(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="warm", Body=b"x")
    fails("InvalidObjectState", 403, restore, t=t, bucket=bucket, key="warm")
    fails("NoSuchKey", 404, restore, t=t, bucket=bucket, key="gone")
    archived(t, bucket, "k")
    fails("MalformedXML", 400, restore, t=t, bucket=bucket, key="k", days=0)
    fails("MalformedXML", 400, t.s3.restore_object, Bucket=bucket, Key="k", RestoreRequest={"Days": -1})
    archived(t, bucket, "deep", storage_class="DEEP_ARCHIVE")
    fails("InvalidArgument", 400, restore, t=t, bucket=bucket, key="deep", tier="Expedited")
    fails("NotImplemented", 501, t.s3.restore_object, Bucket=bucket, Key="k",
          RestoreRequest={"Type": "SELECT", "Tier": "Standard"})


@case
def versions_are_restored_one_by_one(t):
    bucket = made_bucket(t)
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = t.s3.put_object(Bucket=bucket, Key="k", Body=b"old", StorageClass="GLACIER")["VersionId"]
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"new", StorageClass="GLACIER")
    restore(t, bucket, "k", VersionId=old, tier="Expedited")
    until = time.monotonic() + 20
    while "false" not in t.s3.head_object(Bucket=bucket, Key="k", VersionId=old).get("Restore", ""):
        true(time.monotonic() < until, "the copy did not come")
        time.sleep(0.05)
    equal(t.s3.get_object(Bucket=bucket, Key="k", VersionId=old)["Body"].read(), b"old")
    fails("InvalidObjectState", 403, t.s3.get_object, Bucket=bucket, Key="k")


@case
def lists_show_the_state_when_asked(t):
    bucket = made_bucket(t)
    archived(t, bucket, "cold")
    archived(t, bucket, "warming")
    start = time.monotonic()
    restore(t, bucket, "warming", tier="Bulk")
    ask = {"Bucket": bucket, "OptionalObjectAttributes": ["RestoreStatus"]}
    for rows in (t.s3.list_objects_v2(**ask)["Contents"], t.s3.list_objects(**ask)["Contents"],
                 t.s3.list_object_versions(**ask)["Versions"]):
        equal([r["Key"] for r in rows], ["cold", "warming"])
        equal("RestoreStatus" in rows[0], False)
        going_on = rows[1]["RestoreStatus"]["IsRestoreInProgress"]
        true(going_on or time.monotonic() - start >= BULK_SECONDS, "it goes on")
    wait_restored(t, bucket, "warming")
    status = t.s3.list_objects_v2(**ask)["Contents"][1]["RestoreStatus"]
    equal(status["IsRestoreInProgress"], False)
    true(status["RestoreExpiryDate"].timestamp() > time.time(), "an end in the future")
    equal("RestoreStatus" in t.s3.list_objects_v2(Bucket=bucket)["Contents"][1], False)


@case
def aws_cli_restores(t):
    bucket = made_bucket(t)
    archived(t, bucket, "k", b"cold")
    t.aws("s3api", "restore-object", "--bucket", bucket, "--key", "k", "--restore-request",
          "Days=2,GlacierJobParameters={Tier=Expedited}")
    wait_restored(t, bucket, "k")
    target = os.path.join(t.folder(), "out")
    t.aws("s3", "cp", f"s3://{bucket}/k", target)
    equal(open(target, "rb").read(), b"cold")
    head = json.loads(t.aws("s3api", "head-object", "--bucket", bucket, "--key", "k").stdout)
    equal(head["StorageClass"], "GLACIER")


# ---- folders of their own ----

def big_files(folder):
    return sum(os.path.getsize(os.path.join(at, name)) > 100_000 for at, _, names in os.walk(folder) for name in names if "/blobs/" in at)


def client_of(server):
    return boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                        aws_secret_access_key=server.secret_key, region_name="us-east-1",
                        verify=server.ca if server.tls else None)


@case
def a_class_lies_in_its_folder_and_moves_there(t):
    if t.pail.tls:
        t.skip("nothing here depends on TLS")
    cold, data = t.folder(), t.folder()
    body = pattern(3 * MIB)
    args = ["--tier", f"GLACIER={cold}/glacier", "--lifecycle-day", "1"]
    with Pail("tiers", data=data, args=args) as server:
        s3 = client_of(server)
        s3.create_bucket(Bucket="tiers")
        s3.put_object(Bucket="tiers", Key="direct", Body=body, StorageClass="GLACIER")
        equal((big_files(cold), big_files(data)), (1, 0))
        s3.put_object(Bucket="tiers", Key="logs/a", Body=body)
        s3.put_object(Bucket="tiers", Key="keep", Body=body)
        equal((big_files(cold), big_files(data)), (1, 2))
        before = s3.head_object(Bucket="tiers", Key="logs/a")
        s3.put_bucket_lifecycle_configuration(Bucket="tiers", LifecycleConfiguration={"Rules": [
            {"ID": "cold", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
             "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}]})
        wait_for(lambda: s3.head_object(Bucket="tiers", Key="logs/a").get("StorageClass") == "GLACIER", "the rule", 30)
        wait_for(lambda: (big_files(cold), big_files(data)) == (2, 1), "the bytes to follow", 30)
        after = s3.head_object(Bucket="tiers", Key="logs/a")
        equal((after["ETag"], after["LastModified"]), (before["ETag"], before["LastModified"]))
        fails("InvalidObjectState", 403, s3.get_object, Bucket="tiers", Key="logs/a")
        server.kill()
        server.start()
        s3 = client_of(server)
        s3.delete_bucket_lifecycle(Bucket="tiers")
        s3.restore_object(Bucket="tiers", Key="logs/a", RestoreRequest={"Days": 60})
        wait_for(lambda: "false" in s3.head_object(Bucket="tiers", Key="logs/a").get("Restore", ""), "the copy", 30)
        equal(s3.get_object(Bucket="tiers", Key="logs/a")["Body"].read(), body)
        s3.copy_object(Bucket="tiers", Key="warm", CopySource={"Bucket": "tiers", "Key": "logs/a"},
                       StorageClass="STANDARD")
        equal(s3.get_object(Bucket="tiers", Key="warm")["Body"].read(), body)
        wait_for(lambda: (big_files(cold), big_files(data)) == (2, 2), "the copy to lie with its class", 30)


@case
def a_restored_copy_expires(t):
    if t.pail.tls:
        t.skip("nothing here depends on TLS")
    with Pail("tiers-expiry", args=["--lifecycle-day", "1"]) as server:
        s3 = client_of(server)
        s3.create_bucket(Bucket="tiers")
        s3.put_object(Bucket="tiers", Key="k", Body=b"cold", StorageClass="GLACIER")
        s3.restore_object(Bucket="tiers", Key="k", RestoreRequest={"Days": 8,
                                                                  "GlacierJobParameters": {"Tier": "Expedited"}})
        wait_for(lambda: "false" in s3.head_object(Bucket="tiers", Key="k").get("Restore", ""), "the copy", 7)
        equal(s3.get_object(Bucket="tiers", Key="k")["Body"].read(), b"cold")
        wait_for(lambda: "Restore" not in s3.head_object(Bucket="tiers", Key="k"), "the end of the copy", 30)
        fails("InvalidObjectState", 403, s3.get_object, Bucket="tiers", Key="k")


def start_fails(data, *args):
    done = subprocess.run([default_binary(), "server", data, "--address", "127.0.0.1:0", "--console-address",
                           "127.0.0.1:0", *args], capture_output=True, text=True, timeout=20)
    true(done.returncode != 0, "the start was refused")
    equal(len(done.stderr.strip().splitlines()), 1, f"lines of {done.stderr!r}")
    return done.stderr


@case
def wrong_tier_folders_stop_the_start(t):
    if t.pail.tls:
        t.skip("nothing here depends on TLS")
    cold, data, other = t.folder(), t.folder(), t.folder()
    with Pail("tiers-start", data=data, args=["--tier", f"GLACIER={cold}/g"]):
        pass
    contains(start_fails(data), "give --tier GLACIER=DIR again")
    contains(start_fails(data, "--tier", f"GLACIER={other}/empty"), "mounted")
    contains(start_fails(f"{other}/data", "--tier", f"GLACIER={cold}/g"), "is a tier of other data")
    contains(start_fails(data, "--tier", f"GLACIER={cold}/g", "--tier", f"GLACIER={cold}/h"), "twice")
    contains(start_fails(data, "--tier", "STANDARD=/tmp/x"), "no storage class")
    contains(start_fails(data, "--tier", "GLACIER"), "CLASS=DIR")
    with Pail("tiers-start", data=data, env={"PAIL_TIER": f"GLACIER={cold}/g"}):
        pass


if __name__ == "__main__":
    main("sdk-tiers", setup)
