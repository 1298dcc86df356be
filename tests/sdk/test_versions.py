#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Versioning through boto3 and the aws CLI: states of a bucket, null versions, markers, lists, copies, conditions.

What is expected is what Amazon S3 answers.
"""
import itertools
import json
import ssl
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from aws import api, setup
from cases import case, contains, equal, main, pattern, true

MIB = 1024 * 1024
UNKNOWN = "0123456789abcdefghijklmnopqrstuv"  # as long as a version id, but none that was ever given


def switch(t, bucket, status):
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def made_bucket(t, status="Enabled"):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    if status:
        switch(t, name, status)
    return name


def fails(code, status, function, **kwargs):
    """The call must be refused with this code and status; returns the whole answer."""
    name = getattr(function, "__name__", str(function))
    try:
        function(**kwargs)
    except ClientError as error:
        answer = error.response
        equal((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), f"error of {name}")
        return answer
    raise AssertionError(f"{name} was expected to fail with {code}")


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def put(t, bucket, key, data):
    """The version id, None where there is none to tell."""
    return t.s3.put_object(Bucket=bucket, Key=key, Body=data).get("VersionId")


def body(t, bucket, key, **more):
    return t.s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def rows(answer):
    """Versions and markers of a page in one list: (key, id, is latest, is marker)."""
    found = [(v["Key"], v["VersionId"], v["IsLatest"], False) for v in answer.get("Versions", [])]
    return found + [(m["Key"], m["VersionId"], m["IsLatest"], True) for m in answer.get("DeleteMarkers", [])]


def listed(t, bucket, **more):
    return rows(t.s3.list_object_versions(Bucket=bucket, **more))


def latest(t, bucket, key):
    found = [(i, m) for k, i, is_latest, m in listed(t, bucket, Prefix=key) if is_latest and k == key]
    equal(len(found), 1, f"latest versions of {key}")
    return found[0]


# --- the state of a bucket ---------------------------------------------------------------


@case
def states_of_a_bucket(t):
    bucket = made_bucket(t, None)
    true("Status" not in t.s3.get_bucket_versioning(Bucket=bucket), "a new bucket says nothing")
    for status in ("Enabled", "Enabled", "Suspended", "Enabled", "Suspended", "Suspended"):
        switch(t, bucket, status)
        answer = t.s3.get_bucket_versioning(Bucket=bucket)
        equal((answer["Status"], answer.get("MFADelete")), (status, None), "state")
    straight = made_bucket(t, "Suspended")
    equal(t.s3.get_bucket_versioning(Bucket=straight)["Status"], "Suspended", "suspended from the start")
    fails("NoSuchBucket", 404, t.s3.get_bucket_versioning, Bucket="no-such-bucket-here")


@case
def states_that_are_refused(t):
    bucket = made_bucket(t)

    def change(**configuration):
        return t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration)
    change(Status="Enabled", MFADelete="Disabled")
    error = fails("NotImplemented", 501, lambda **_: change(Status="Enabled", MFADelete="Enabled"))
    contains(str(error["Error"]), "MFA delete is not supported", "what it says")
    fails("IllegalVersioningConfigurationException", 400, lambda **_: change())
    fails("IllegalVersioningConfigurationException", 400, lambda **_: change(MFADelete="Disabled"))
    for status in ("enabled", "Disabled", "", "Off"):
        fails("MalformedXML", 400, lambda **_: change(Status=status))
    equal(t.s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled", "the state afterwards")


@case
def versioning_off_shows_no_versions(t):
    bucket = made_bucket(t, None)
    answer = t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    true("VersionId" not in answer, "PUT names no version")
    got = t.s3.get_object(Bucket=bucket, Key="k")
    true("VersionId" not in got, "GET names no version")
    equal(body(t, bucket, "k", VersionId="null"), b"x", "the null version")
    equal(listed(t, bucket), [("k", "null", True, False)], "list")
    for call in (t.s3.get_object, t.s3.head_object, t.s3.delete_object):
        fails("400" if call == t.s3.head_object else "InvalidArgument", 400, call, Bucket=bucket, Key="k",
              VersionId=UNKNOWN)
    gone = t.s3.delete_object(Bucket=bucket, Key="k")
    true("VersionId" not in gone and "DeleteMarker" not in gone, "DELETE makes no marker")
    put(t, bucket, "k", b"y")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    equal(listed(t, bucket), [], "list afterwards")


# --- versions and markers ----------------------------------------------------------------


@case
def every_put_is_a_version(t):
    bucket = made_bucket(t)
    ids = [put(t, bucket, "k", b"%d" % i * (i + 1)) for i in range(5)]
    equal(len(set(ids)), 5, "different ids")
    true(all(len(i) == 32 and urllib.parse.quote(i, safe="._-") == i for i in ids), f"ids that fit a URL: {ids}")
    equal([body(t, bucket, "k", VersionId=i) for i in ids], [b"%d" % i * (i + 1) for i in range(5)], "bytes")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["VersionId"], ids[-1], "GET without an id")
    equal(t.s3.head_object(Bucket=bucket, Key="k")["VersionId"], ids[-1], "HEAD without an id")
    old = t.s3.head_object(Bucket=bucket, Key="k", VersionId=ids[1])
    equal((old["VersionId"], old["ContentLength"]), (ids[1], 2), "HEAD of an old one")
    found = t.s3.list_object_versions(Bucket=bucket)["Versions"]
    equal([v["VersionId"] for v in found], ids[::-1], "newest first")
    equal([v["IsLatest"] for v in found], [True] + 4 * [False], "IsLatest")
    equal([v["Size"] for v in found], [5, 4, 3, 2, 1], "sizes")
    true(all(v["StorageClass"] == "STANDARD" and v["Owner"]["ID"] and v["ETag"] for v in found), "what a row tells")
    equal([o["Size"] for o in t.s3.list_objects_v2(Bucket=bucket)["Contents"]], [5], "ListObjects knows one")
    attributes = t.s3.get_object_attributes(Bucket=bucket, Key="k", VersionId=ids[2],
                                            ObjectAttributes=["ObjectSize", "ETag"])
    equal((attributes["ObjectSize"], attributes["VersionId"]), (3, ids[2]), "attributes of an old one")
    equal(t.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])["ObjectSize"], 5,
          "attributes without an id")


@case
def deletes_make_markers(t):
    bucket = made_bucket(t)
    one = put(t, bucket, "k", b"one")
    two = put(t, bucket, "k", b"two")
    gone = t.s3.delete_object(Bucket=bucket, Key="k")
    marker = gone["VersionId"]
    true(gone["DeleteMarker"] and marker not in (one, two), "a marker was made")
    equal(t.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 0, "ListObjects")
    error = fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="k")
    equal(error["Error"]["Key"], "k", "Key")
    for answer in (error, fails("404", 404, t.s3.head_object, Bucket=bucket, Key="k"),
                   fails("NoSuchKey", 404, t.s3.get_object_attributes, Bucket=bucket, Key="k", ObjectAttributes=["ETag"])):
        equal((headers(answer).get("x-amz-delete-marker"), headers(answer).get("x-amz-version-id")), ("true", marker),
              "headers of a reply to a marker")
    equal((body(t, bucket, "k", VersionId=one), body(t, bucket, "k", VersionId=two)), (b"one", b"two"), "old versions")
    again = t.s3.delete_object(Bucket=bucket, Key="k")
    true(again["DeleteMarker"] and again["VersionId"] != marker, "another marker on top")
    never = t.s3.delete_object(Bucket=bucket, Key="never-there")
    true(never["DeleteMarker"] and never["VersionId"], "a marker for a key that never was")
    equal(latest(t, bucket, "never-there"), (never["VersionId"], True), "it is the latest")
    markers = t.s3.list_object_versions(Bucket=bucket, Prefix="k")["DeleteMarkers"]
    equal([m["VersionId"] for m in markers], [again["VersionId"], marker], "newest first")
    true(all(m["Owner"]["ID"] and m["LastModified"] for m in markers), "what a row tells")


@case
def a_marker_named_by_its_id(t):
    bucket = made_bucket(t)
    put(t, bucket, "k", b"x")
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for code, call, more in (("MethodNotAllowed", t.s3.get_object, {}), ("405", t.s3.head_object, {}),
                             ("MethodNotAllowed", t.s3.get_object_attributes, {"ObjectAttributes": ["ETag"]})):
        answer = fails(code, 405, call, Bucket=bucket, Key="k", VersionId=marker, **more)
        told = headers(answer)
        equal((told.get("x-amz-delete-marker"), told.get("x-amz-version-id"), told.get("allow")),
              ("true", marker, "DELETE"), "headers")
        true(told.get("last-modified", "").endswith("GMT"), "Last-Modified")
    error = fails("MethodNotAllowed", 405, t.s3.get_object, Bucket=bucket, Key="k", VersionId=marker)["Error"]
    equal((error["Method"], error["ResourceType"]), ("GET", "DeleteMarker"), "elements")


@case
def deleting_a_marker_restores(t):
    bucket = made_bucket(t)
    one = put(t, bucket, "k", b"one")
    first = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    second = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    answer = t.s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    equal((answer["DeleteMarker"], answer["VersionId"]), (True, second), "reply")
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="k")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=first)
    equal(body(t, bucket, "k"), b"one", "the object is back")
    equal(listed(t, bucket), [("k", one, True, False)], "what is left")
    # A marker below others goes without a change to what is newest.
    below = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    top = put(t, bucket, "k", b"top")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=below)
    equal((body(t, bucket, "k"), latest(t, bucket, "k")), (b"top", (top, False)), "the newest stays")


@case
def removing_the_newest_promotes_the_next(t):
    bucket = made_bucket(t)
    ids = [put(t, bucket, "k", b"%d" % i) for i in range(4)]
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=ids[1])  # one in the middle
    for at in (3, 2):
        answer = t.s3.delete_object(Bucket=bucket, Key="k", VersionId=ids[at])
        true("DeleteMarker" not in answer and answer["VersionId"] == ids[at], "reply")
        below = 2 if at == 3 else 0
        equal((body(t, bucket, "k"), latest(t, bucket, "k")), (b"%d" % below, (ids[below], False)), "the next one")
        equal(t.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"], 1, "ListObjects")
    error = fails("NoSuchVersion", 404, t.s3.get_object, Bucket=bucket, Key="k", VersionId=ids[3])["Error"]
    equal((error["Key"], error["VersionId"]), ("k", ids[3]), "elements of NoSuchVersion")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=ids[0])
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="k")
    equal(listed(t, bucket), [], "nothing is left")
    # A marker may become the newest again, too.
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    top = put(t, bucket, "k", b"x")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=top)
    equal(latest(t, bucket, "k"), (marker, True), "a marker is the newest")
    fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="k")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    t.s3.delete_bucket(Bucket=bucket)


@case
def ids_that_do_not_exist(t):
    bucket = made_bucket(t)
    mine, other = put(t, bucket, "k", b"x"), put(t, bucket, "other", b"y")
    for given, what in ((other, ("NoSuchVersion", 404)), ("null", ("NoSuchVersion", 404)),
                        ("x", ("InvalidArgument", 400)), ("x" * 1025, ("InvalidArgument", 400)),
                        ("NULL", ("InvalidArgument", 400)), ("ü/..", ("InvalidArgument", 400))):
        answer = fails(*what, t.s3.get_object, Bucket=bucket, Key="k", VersionId=given)
        if what[1] == 400:
            equal((answer["Error"]["ArgumentName"], answer["Error"]["Message"]),
                  ("versionId", "Invalid version id specified"), f"elements for {given}")
        fails(str(what[1]), what[1], t.s3.head_object, Bucket=bucket, Key="k", VersionId=given)
    equal(t.s3.delete_object(Bucket=bucket, Key="k", VersionId=other)["ResponseMetadata"]["HTTPStatusCode"], 204,
          "DELETE of one that is not there")
    fails("InvalidArgument", 400, t.s3.delete_object, Bucket=bucket, Key="k", VersionId="x")
    equal((body(t, bucket, "k", VersionId=mine), body(t, bucket, "other")), (b"x", b"y"), "all is as it was")
    fails("NoSuchVersion", 404, t.s3.get_object, Bucket=bucket, Key="missing", VersionId=mine)


# --- null versions -----------------------------------------------------------------------


@case
def objects_from_before_versioning(t):
    bucket = made_bucket(t, None)
    put(t, bucket, "k", b"before")
    switch(t, bucket, "Enabled")
    got = t.s3.get_object(Bucket=bucket, Key="k")
    equal((got["VersionId"], got["Body"].read()), ("null", b"before"), "GET")
    equal(t.s3.head_object(Bucket=bucket, Key="k", VersionId="null")["VersionId"], "null", "HEAD by id")
    after = put(t, bucket, "k", b"after")
    equal([(i, n) for _, i, n, _ in listed(t, bucket)], [(after, True), ("null", False)], "list")
    equal((body(t, bucket, "k"), body(t, bucket, "k", VersionId="null")), (b"after", b"before"), "both are there")
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    equal(body(t, bucket, "k", VersionId="null"), b"before", "under a marker")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId=after)
    equal((body(t, bucket, "k"), latest(t, bucket, "k")), (b"before", ("null", False)), "the null version is newest")
    answer = t.s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    equal((answer["VersionId"], answer.get("DeleteMarker")), ("null", None), "DELETE of it")
    equal(listed(t, bucket), [], "nothing is left")


@case
def overwriting_while_suspended(t):
    bucket = made_bucket(t)
    kept = [put(t, bucket, "k", b"kept %d" % i) for i in range(2)]
    switch(t, bucket, "Suspended")
    equal(put(t, bucket, "k", b"null 1"), None, "PUT names no version")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["VersionId"], "null", "GET does")
    put(t, bucket, "k", b"null 2")
    equal([(i, n) for _, i, n, _ in listed(t, bucket)], [("null", True), (kept[1], False), (kept[0], False)], "list")
    equal(body(t, bucket, "k", VersionId="null"), b"null 2", "the null version was replaced")
    switch(t, bucket, "Enabled")
    top = put(t, bucket, "k", b"top")
    equal([i for _, i, _, _ in listed(t, bucket)], [top, "null", kept[1], kept[0]], "a version above the null one")
    switch(t, bucket, "Suspended")
    put(t, bucket, "k", b"null 3")  # replaces the null version below, and becomes the newest
    equal([i for _, i, _, _ in listed(t, bucket)], ["null", top, kept[1], kept[0]], "the null version moved up")
    equal((body(t, bucket, "k"), body(t, bucket, "k", VersionId=top)), (b"null 3", b"top"), "bytes")
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    equal(latest(t, bucket, "k"), (top, False), "the next one is promoted")


@case
def deleting_while_suspended(t):
    bucket = made_bucket(t)
    kept = put(t, bucket, "k", b"kept")
    switch(t, bucket, "Suspended")
    put(t, bucket, "k", b"null")
    answer = t.s3.delete_object(Bucket=bucket, Key="k")
    equal((answer["DeleteMarker"], answer["VersionId"]), (True, "null"), "a null marker")
    equal(sorted(listed(t, bucket)), sorted([("k", "null", True, True), ("k", kept, False, False)]),
          "it took the null version's place")
    error = fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key="k")
    equal((headers(error)["x-amz-delete-marker"], headers(error)["x-amz-version-id"]), ("true", "null"), "headers")
    fails("MethodNotAllowed", 405, t.s3.get_object, Bucket=bucket, Key="k", VersionId="null")
    t.s3.delete_object(Bucket=bucket, Key="k")
    equal(len(listed(t, bucket)), 2, "another delete makes no second null marker")
    put(t, bucket, "k", b"again")
    equal(body(t, bucket, "k"), b"again", "a null version in the marker's place")
    equal(sorted(listed(t, bucket)), sorted([("k", "null", True, False), ("k", kept, False, False)]), "list")
    t.s3.delete_object(Bucket=bucket, Key="k")
    answer = t.s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    equal((answer["DeleteMarker"], answer["VersionId"]), (True, "null"), "the marker removed by its id")
    equal(body(t, bucket, "k"), b"kept", "what was below is back")
    # A key with no null version: the marker comes on top, nothing goes.
    t.s3.delete_object(Bucket=bucket, Key="k")
    equal(body(t, bucket, "k", VersionId=kept), b"kept", "the version stays")
    # Enabled again, the null marker is one version among others.
    switch(t, bucket, "Enabled")
    top = put(t, bucket, "k", b"top")
    real = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    found = t.s3.list_object_versions(Bucket=bucket)
    equal([v["VersionId"] for v in found["Versions"]], [top, kept], "versions")
    equal([m["VersionId"] for m in found["DeleteMarkers"]], [real, "null"], "markers")


@case
def null_versions_in_every_order(t):
    """All short sequences of put, delete, enable and suspend with a put in them, against S3's rules."""
    words = [w for w in itertools.product("peds", repeat=4) if "p" in w]
    groups = {}  # a bucket for all words that change its state at the same steps
    for number, word in enumerate(words):
        shape = tuple({"s": "S", "e": "E"}.get(c, ".") for c in word)
        groups.setdefault(shape, []).append((number, word))
    for shape, group in sorted(groups.items()):
        check_group(t, made_bucket(t, None), shape, group)


def check_group(t, bucket, shape, group):
    """Words that change the state at the same steps, each on a key of its own."""
    models, state = {f"{number:03}": [] for number, _ in group}, "Never"
    for at, change in enumerate(shape):
        if change != ".":
            state = {"E": "Enabled", "S": "Suspended"}[change]
            switch(t, bucket, state)
            continue
        for number, word in group:
            key = f"{number:03}"
            models[key] = applied(t, bucket, key, word[at] == "d", state, models[key], at)
    found = {key: [] for key in models}
    answer = t.s3.list_object_versions(Bucket=bucket)
    for v in answer.get("Versions", []) + answer.get("DeleteMarkers", []):
        found[v["Key"]].append((v["VersionId"], "Size" not in v, v["IsLatest"]))
    for key, model in models.items():
        expected = [(i, m, n == 0) for n, (i, m, _) in enumerate(model)]
        equal(sorted(found[key]), sorted(expected), f"versions of {key} after {shape}")
        for i, marker, data in model:
            if not marker:
                equal(body(t, bucket, key, VersionId=i), data, f"bytes of {key} {i} after {shape}")
        if model and not model[0][1]:
            equal(body(t, bucket, key), model[0][2], f"the newest of {key}")
        else:
            fails("NoSuchKey", 404, t.s3.get_object, Bucket=bucket, Key=key)


def applied(t, bucket, key, delete, state, model, at):
    """Does a step and says what must be there now: (id, is marker, bytes), newest first."""
    data = b"%d" % at
    if delete:
        made = t.s3.delete_object(Bucket=bucket, Key=key).get("VersionId")
        equal(made is None, state == "Never", "a DELETE names its marker")
    else:
        made = put(t, bucket, key, data)
        equal(made is None, state != "Enabled", "a PUT names its version")
    if state != "Enabled":
        model = [m for m in model if m[0] != "null"]
        made = "null"
    return model if delete and state == "Never" else [(made, delete, data), *model]


# --- many deletes at once ----------------------------------------------------------------


@case
def many_deletes_at_once(t):
    bucket = made_bucket(t)
    one, two = put(t, bucket, "a", b"1"), put(t, bucket, "a", b"2")
    below = put(t, bucket, "b", b"b")
    marker = t.s3.delete_object(Bucket=bucket, Key="b")["VersionId"]
    foreign = put(t, bucket, "c", b"c")
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "a", "VersionId": one}, {"Key": "b", "VersionId": marker}, {"Key": "c"}, {"Key": "never"},
        {"Key": "a", "VersionId": foreign}, {"Key": "a", "VersionId": UNKNOWN}]})
    deleted = {(d["Key"], d.get("VersionId")): d for d in answer["Deleted"]}
    equal(sorted(deleted, key=str), sorted([("a", one), ("b", marker), ("c", None), ("never", None)], key=str), "Deleted")
    true("DeleteMarker" not in deleted["a", one], "a version is no marker")
    equal((deleted["b", marker]["DeleteMarker"], deleted["b", marker]["DeleteMarkerVersionId"]), (True, marker),
          "a marker removed")
    for key in ("c", "never"):
        true(deleted[key, None]["DeleteMarker"], f"a marker was made for {key}")
        equal(latest(t, bucket, key), (deleted[key, None]["DeleteMarkerVersionId"], True), f"the marker of {key}")
    equal(sorted((e["Code"], e["Key"], e["VersionId"]) for e in answer["Errors"]),
          sorted([("NoSuchVersion", "a", foreign), ("NoSuchVersion", "a", UNKNOWN)]), "Errors")
    equal((body(t, bucket, "a"), body(t, bucket, "b")), (b"2", b"b"), "what is left")
    equal((latest(t, bucket, "a"), latest(t, bucket, "b")), ((two, False), (below, False)), "the newest")
    quiet = t.s3.delete_objects(Bucket=bucket, Delete={"Quiet": True, "Objects": [
        {"Key": "a", "VersionId": two}, {"Key": "a", "VersionId": UNKNOWN}]})
    true("Deleted" not in quiet and len(quiet["Errors"]) == 1, "quiet tells errors only")


@case
def many_versions_of_one_key_at_once(t):
    bucket = made_bucket(t)
    ids = [put(t, bucket, "k", b"%d" % i) for i in range(6)]
    doomed = [{"Key": "k", "VersionId": i} for i in ids[1:]] + [{"Key": "k", "VersionId": ids[5]}]  # one named twice
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed})
    equal({d["VersionId"] for d in answer["Deleted"]}, set(ids[1:]), "Deleted")
    equal((body(t, bucket, "k"), listed(t, bucket)), (b"0", [("k", ids[0], True, False)]), "what is left")
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "k"},
                                                                    {"Key": "k", "VersionId": ids[0]}]})
    equal((len(answer["Deleted"]), answer.get("Errors")), (3, None), "markers and a version together")
    equal(len(listed(t, bucket)), 2, "two markers")
    resource = t.session.resource("s3").Bucket(bucket)
    resource.object_versions.delete()  # how programs empty a bucket
    equal(listed(t, bucket), [], "empty")
    t.s3.delete_bucket(Bucket=bucket)


@case
def a_bucket_with_versions_is_not_empty(t):
    bucket = made_bucket(t)
    version = put(t, bucket, "k", b"x")
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for gone in (version, marker, None):
        if gone:
            error = fails("BucketNotEmpty", 409, t.s3.delete_bucket, Bucket=bucket)["Error"]
            equal((error["Message"], error["BucketName"]),
                  ("The bucket you tried to delete is not empty. You must delete all versions in the bucket.", bucket),
                  "what it says")
            t.s3.delete_object(Bucket=bucket, Key="k", VersionId=gone)
    t.s3.delete_bucket(Bucket=bucket)


# --- copies and uploads ------------------------------------------------------------------


@case
def copies_of_versions(t):
    bucket, plain = made_bucket(t), made_bucket(t, None)
    one, two = put(t, bucket, "k", b"one"), put(t, bucket, "k", b"two")

    def copy(to, key, **source):
        return t.s3.copy_object(Bucket=to, Key=key, CopySource={"Bucket": bucket, "Key": "k", **source})
    answer = copy(bucket, "copy", VersionId=one)
    equal((answer["CopySourceVersionId"], body(t, bucket, "copy")), (one, b"one"), "an old version")
    equal(answer["VersionId"], latest(t, bucket, "copy")[0], "the new one's id")
    equal(copy(bucket, "copy")["CopySourceVersionId"], two, "the newest is named, too")
    answer = copy(plain, "copy", VersionId=one)
    true("VersionId" not in answer and answer["CopySourceVersionId"] == one, "into a bucket without versions")
    answer = t.s3.copy_object(Bucket=bucket, Key="back", CopySource={"Bucket": plain, "Key": "copy"})
    true("CopySourceVersionId" not in answer and answer["VersionId"], "out of one")
    answer = t.s3.copy_object(Bucket=bucket, Key="back", CopySource={"Bucket": plain, "Key": "copy", "VersionId": "null"})
    true("CopySourceVersionId" not in answer, "out of one by `null`")
    # Onto itself: brings an old version back.
    answer = copy(bucket, "k", VersionId=one)
    true(answer["VersionId"] not in (one, two), "a third version")
    equal((body(t, bucket, "k"), len(listed(t, bucket, Prefix="k"))), (b"one", 3), "restored")
    fails("InvalidRequest", 400, t.s3.copy_object, Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"})
    switch(t, bucket, "Suspended")
    answer = copy(bucket, "k", VersionId=two)
    true("VersionId" not in answer and answer["CopySourceVersionId"] == two, "suspended: a null version")
    equal((body(t, bucket, "k"), latest(t, bucket, "k")), (b"two", ("null", False)), "it is the newest")


@case
def copies_of_what_is_not_there(t):
    bucket = made_bucket(t)
    put(t, bucket, "k", b"x")
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    other = put(t, bucket, "other", b"y")

    def source(**more):
        return {"Bucket": bucket, "Key": "to", "CopySource": {"Bucket": bucket, "Key": "k", **more}}
    equal(fails("NoSuchKey", 404, t.s3.copy_object, **source())["Error"]["Key"], "k", "a marker is newest")
    error = fails("InvalidRequest", 400, t.s3.copy_object, **source(VersionId=marker))["Error"]
    equal(error["Message"], "The source of a copy request may not specifically refer to a delete marker by version id.",
          "a marker by its id")
    error = fails("NoSuchVersion", 404, t.s3.copy_object, **source(VersionId=other))["Error"]
    equal((error["Key"], error["VersionId"]), ("k", other), "elements of NoSuchVersion")
    fails("InvalidArgument", 400, t.s3.copy_object, **source(VersionId="x"))
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="to")


@case
def uploads_in_parts(t):
    bucket = made_bucket(t)
    old = put(t, bucket, "k", pattern(6 * MIB, 1))
    put(t, bucket, "k", b"newer")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    o = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = t.s3.upload_part_copy(**o, PartNumber=1, CopySource={"Bucket": bucket, "Key": "k", "VersionId": old},
                                 CopySourceRange=f"bytes=0-{5 * MIB - 1}")
    equal(part["CopySourceVersionId"], old, "UploadPartCopy names its source")
    last = t.s3.upload_part(**o, PartNumber=2, Body=b"end")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}, {"PartNumber": 2, "ETag": last["ETag"]}]}
    done = t.s3.complete_multipart_upload(**o, MultipartUpload=parts)
    equal((done["VersionId"], False), latest(t, bucket, "k"), "the version that it made")
    again = t.s3.complete_multipart_upload(**o, MultipartUpload=parts)
    equal(again.get("VersionId"), done["VersionId"], "version of the same completion sent again")
    equal(len(listed(t, bucket)), 3, "three versions")
    want = pattern(6 * MIB, 1)[:5 * MIB] + b"end"
    true(body(t, bucket, "k", VersionId=done["VersionId"]) == want, "bytes")
    put(t, bucket, "k", b"newest")
    got = t.s3.get_object(Bucket=bucket, Key="k", VersionId=done["VersionId"], PartNumber=2)
    equal((got["Body"].read(), got["PartsCount"], got["VersionId"]), (b"end", 2, done["VersionId"]), "a part of an old version")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    switch(t, bucket, "Suspended")  # what counts is the state when it completes
    o["UploadId"] = upload
    etag = t.s3.upload_part(**o, PartNumber=1, Body=b"null")["ETag"]
    done = t.s3.complete_multipart_upload(**o, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    equal((done.get("VersionId"), latest(t, bucket, "k")), (None, ("null", False)), "completed while suspended")


@case
def reads_of_an_old_version(t):
    bucket = made_bucket(t)
    data = pattern(300_000, 3)
    made = t.s3.put_object(Bucket=bucket, Key="k", Body=data, Metadata={"m": "1"}, ContentType="text/x-old",
                           ChecksumAlgorithm="SHA256")
    put(t, bucket, "k", b"new")
    o = {"Bucket": bucket, "Key": "k", "VersionId": made["VersionId"]}
    got = t.s3.get_object(**o, ChecksumMode="ENABLED")
    equal((got["Metadata"], got["ContentType"], got["ETag"]), ({"m": "1"}, "text/x-old", made["ETag"]), "metadata")
    equal((got["ChecksumSHA256"], got["Body"].read() == data), (made["ChecksumSHA256"], True), "checksum and bytes")
    equal(t.s3.get_object(**o, Range="bytes=-10")["Body"].read(), data[-10:], "a range")
    equal(t.s3.get_object(**o, IfMatch=made["ETag"])["VersionId"], made["VersionId"], "If-Match")
    answer = fails("304", 304, t.s3.get_object, **o, IfNoneMatch=made["ETag"])
    equal(headers(answer).get("x-amz-version-id"), made["VersionId"], "a 304 names the version")
    fails("PreconditionFailed", 412, t.s3.get_object, **o, IfMatch='"other"')
    url = t.s3.generate_presigned_url("get_object", Params=o)
    contains(url, "versionId=", "the URL")
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
    with urllib.request.urlopen(url, context=context, timeout=30) as answer:
        true(answer.read() == data, "a presigned URL")


# --- conditions --------------------------------------------------------------------------


@case
def conditions_mean_the_newest_version(t):
    bucket = made_bucket(t)
    one = t.s3.put_object(Bucket=bucket, Key="k", Body=b"one", IfNoneMatch="*")
    fails("PreconditionFailed", 412, t.s3.put_object, Bucket=bucket, Key="k", Body=b"no", IfNoneMatch="*")
    two = t.s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=one["ETag"])
    fails("PreconditionFailed", 412, t.s3.put_object, Bucket=bucket, Key="k", Body=b"no", IfMatch=one["ETag"])
    fails("PreconditionFailed", 412, t.s3.delete_object, Bucket=bucket, Key="k", IfMatch=one["ETag"])
    equal(len(listed(t, bucket)), 2, "two versions")
    marker = t.s3.delete_object(Bucket=bucket, Key="k", IfMatch=two["ETag"])
    true(marker["DeleteMarker"], "a conditional delete makes a marker")
    fails("NoSuchKey", 404, t.s3.put_object, Bucket=bucket, Key="k", Body=b"no", IfMatch=two["ETag"])
    three = t.s3.put_object(Bucket=bucket, Key="k", Body=b"three", IfNoneMatch="*")  # a marker is no object
    answer = t.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": one["ETag"]}]})
    equal([e["Code"] for e in answer["Errors"]], ["PreconditionFailed"], "DeleteObjects")
    # With a version id the condition is still about the newest.
    o = {"Bucket": bucket, "Key": "k", "VersionId": one["VersionId"]}
    fails("PreconditionFailed", 412, t.s3.delete_object, **o, IfMatch=one["ETag"])
    equal(body(t, **{"bucket": bucket, "key": "k", "VersionId": one["VersionId"]}), b"one", "it stays")
    t.s3.delete_object(**o, IfMatch=three["ETag"])
    fails("NoSuchVersion", 404, t.s3.get_object, **o)
    switch(t, bucket, "Suspended")
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"null", IfMatch=three["ETag"])
    fails("PreconditionFailed", 412, t.s3.delete_object, Bucket=bucket, Key="k", VersionId="null", IfMatch=three["ETag"])
    t.s3.delete_object(Bucket=bucket, Key="k", VersionId="null", IfMatch="*")
    equal(body(t, bucket, "k"), b"three", "the null version went")


# --- lists -------------------------------------------------------------------------------


def pages(t, bucket, **more):
    """All pages by hand: rows in the order of the document, common prefixes, and how many entries each page had."""
    found, prefixes, sizes, markers = [], [], [], {}
    while True:
        answer = t.s3.list_object_versions(Bucket=bucket, **more, **markers)
        found += rows(answer)
        prefixes += [p["Prefix"] for p in answer.get("CommonPrefixes", [])]
        sizes.append(len(rows(answer)) + len(answer.get("CommonPrefixes", [])))
        equal("NextKeyMarker" in answer, answer["IsTruncated"], "NextKeyMarker")
        if not answer["IsTruncated"]:
            return found, prefixes, sizes
        markers = {"KeyMarker": answer["NextKeyMarker"]}
        if "NextVersionIdMarker" in answer:
            markers["VersionIdMarker"] = answer["NextVersionIdMarker"]


def filled(t):
    """A bucket with keys of several versions, markers among them."""
    bucket = made_bucket(t)
    for key in ("a", "dir/1", "dir/2", "dir/sub/3", "e+ e", "e/", "z"):
        for i in range(3):
            put(t, bucket, key, b"%d" % i)
            if i == 1:
                t.s3.delete_object(Bucket=bucket, Key=key)
    t.s3.delete_object(Bucket=bucket, Key="z")
    return bucket


@case
def lists_in_pages(t):
    bucket = filled(t)
    whole, _, _ = pages(t, bucket)
    equal(len(whole), 7 * 4 + 1, "rows")
    equal(sorted(k for k, _, newest, _ in whole if newest), ["a", "dir/1", "dir/2", "dir/sub/3", "e+ e", "e/", "z"],
          "one newest of each key")
    for size in (1, 2, 3, 4, 5, 29, 1000):
        found, _, sizes = pages(t, bucket, MaxKeys=size)
        equal(sorted(found), sorted(whole), f"pages of {size}")
        equal(sizes, [size] * (len(sizes) - 1) + [sizes[-1]], f"full pages of {size}")
        true(sizes[-1] > 0, f"no empty page of {size}")
    iterator = t.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    equal(sorted(r for page in iterator for r in rows(page)), sorted(whole), "boto3's paginator")
    empty = t.s3.list_object_versions(Bucket=bucket, MaxKeys=0)
    equal((empty["IsTruncated"], rows(empty), empty["MaxKeys"]), (False, [], 0), "MaxKeys 0")


@case
def lists_with_prefix_and_delimiter(t):
    bucket = filled(t)
    found, prefixes, _ = pages(t, bucket, Delimiter="/")
    equal((sorted({k for k, *_ in found}), prefixes), (["a", "e+ e", "z"], ["dir/", "e/"]), "one level")
    found, prefixes, _ = pages(t, bucket, Delimiter="/", Prefix="dir/")
    equal((sorted({k for k, *_ in found}), prefixes), (["dir/1", "dir/2"], ["dir/sub/"]), "a folder")
    equal({k for k, *_ in pages(t, bucket, Prefix="dir/")[0]}, {"dir/1", "dir/2", "dir/sub/3"}, "a prefix")
    equal({k for k, *_ in pages(t, bucket, Prefix="e/")[0]}, {"e/"}, "a prefix that is a key")
    for size in (1, 2, 3, 5):
        got, groups, _ = pages(t, bucket, Delimiter="/", MaxKeys=size)
        equal((len(got), groups), (4 + 4 + 5, ["dir/", "e/"]), f"pages of {size}")
    answer = t.s3.list_object_versions(Bucket=bucket, Delimiter="/", KeyMarker="a", MaxKeys=1)
    equal(([p["Prefix"] for p in answer["CommonPrefixes"]], answer["NextKeyMarker"], answer.get("NextVersionIdMarker")),
          (["dir/"], "dir/", None), "a page that ends with a common prefix")
    answer = t.s3.list_object_versions(Bucket=bucket, Prefix="nothing", Delimiter="/")
    equal((rows(answer), answer["Prefix"], answer["Delimiter"], answer["Name"]), ([], "nothing", "/", bucket), "echoes")


@case
def lists_from_a_marker(t):
    bucket = filled(t)
    answer = t.s3.list_object_versions(Bucket=bucket, KeyMarker="dir/1")
    equal(min(k for k, *_ in rows(answer)), "dir/2", "a key marker alone skips all its versions")
    equal((answer["KeyMarker"], answer["VersionIdMarker"]), ("dir/1", ""), "echoes")
    versions = [v["VersionId"] for v in t.s3.list_object_versions(Bucket=bucket, Prefix="dir/1")["Versions"]]
    answer = t.s3.list_object_versions(Bucket=bucket, KeyMarker="dir/1", VersionIdMarker=versions[0])
    equal([v["VersionId"] for v in answer["Versions"] if v["Key"] == "dir/1"], versions[1:], "older versions of that key")
    equal(answer["VersionIdMarker"], versions[0], "echo")
    t.s3.delete_object(Bucket=bucket, Key="dir/1", VersionId=versions[1])
    answer = t.s3.list_object_versions(Bucket=bucket, KeyMarker="dir/1", VersionIdMarker=versions[1])
    equal([v["VersionId"] for v in answer["Versions"] if v["Key"] == "dir/1"], versions[2:], "from one that is gone")
    for more in ({"VersionIdMarker": versions[0]}, {"KeyMarker": "dir/1", "VersionIdMarker": "x"},
                 {"KeyMarker": "dir/1", "VersionIdMarker": ""}):
        error = fails("InvalidArgument", 400, t.s3.list_object_versions, Bucket=bucket, **more)["Error"]
        equal(error["ArgumentName"], "version-id-marker", f"ArgumentName of {more}")
    equal(rows(t.s3.list_object_versions(Bucket=bucket, KeyMarker="zz")), [], "after the last")
    # The null version as a marker.
    switch(t, bucket, "Suspended")
    put(t, bucket, "a", b"null")
    switch(t, bucket, "Enabled")
    top = put(t, bucket, "a", b"top")
    found = [i for k, i, _, _ in listed(t, bucket, Prefix="a") if k == "a"]
    equal(found[:2], [top, "null"], "newest first")
    answer = t.s3.list_object_versions(Bucket=bucket, KeyMarker="a", VersionIdMarker="null", Prefix="a")
    equal([i for _, i, _, _ in rows(answer)], found[2:], "older than the null version")


@case
def lists_of_odd_keys(t):
    bucket = made_bucket(t)
    keys = ["with space", "plus+", "per%20cent", "ümlaut/ß", "control\x01\x1f", "<&>\"'", "a\nb", "long" + "x" * 1000]
    for key in keys:
        put(t, bucket, key, b"1")
        t.s3.delete_object(Bucket=bucket, Key=key)
    found, _, _ = pages(t, bucket, MaxKeys=3)  # boto3 asks for encoding-type=url and decodes
    equal(sorted({k for k, *_ in found}), sorted(keys), "keys")
    equal(len(found), 2 * len(keys), "rows")
    answer = t.s3.list_object_versions(Bucket=bucket, EncodingType="url", Prefix="with ", Delimiter="&")
    equal((answer["EncodingType"], answer["Prefix"], {v["Key"] for v in answer["Versions"]}),
          ("url", "with+", {"with+space"}), "encoded, as it was asked for")
    fails("InvalidArgument", 400, t.s3.list_object_versions, Bucket=bucket, EncodingType="base64")


@case
def optional_attributes(t):
    bucket = made_bucket(t)
    put(t, bucket, "k", b"x")
    for call, name in ((t.s3.list_objects, "Contents"), (t.s3.list_objects_v2, "Contents"),
                       (t.s3.list_object_versions, "Versions")):
        answer = call(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])
        true("RestoreStatus" not in answer[name][0], "nothing was restored")
        fails("InvalidArgument", 400, call, Bucket=bucket, OptionalObjectAttributes=["Colour"])


@case
def writers_at_the_same_time(t):
    bucket = made_bucket(t)

    def work(i):
        if i % 3 == 2:
            return t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
        return put(t, bucket, "k", b"%d" % i)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(work, i) for i in range(90)]
        while not all(f.done() for f in futures):
            found = listed(t, bucket, Prefix="k")
            true(not found or [newest for _, _, newest, _ in found].count(True) == 1, "exactly one is the latest")
        ids = [f.result() for f in futures]
    found, _, _ = pages(t, bucket, MaxKeys=7)
    equal(sorted(i for _, i, _, _ in found), sorted(ids), "every version is listed once")
    newest = latest(t, bucket, "k")
    for i in ids:  # removing versions in any order leaves one newest, until none is left
        t.s3.delete_object(Bucket=bucket, Key="k", VersionId=i)
        left = listed(t, bucket)
        equal([n for _, _, n, _ in left].count(True), 1 if left else 0, "latest ones")
    true(newest[0] in ids and not listed(t, bucket), "all are gone")


# --- the aws CLI -------------------------------------------------------------------------


def refused(t, code, *words):
    done = t.aws(*words, ok=False)
    true(done.returncode not in (0, None), f"{words} was expected to fail")
    contains(done.stderr, code, f"what {words[0]} {words[1]} says")


@case
def cli_versions_and_markers(t):
    bucket, folder = t.bucket_name(), t.folder()
    t.aws("s3", "mb", f"s3://{bucket}")
    b = ("--bucket", bucket)
    o = (*b, "--key", "k")
    equal(api(t, "get-bucket-versioning", *b), {}, "never set")
    api(t, "put-bucket-versioning", *b, "--versioning-configuration", "Status=Enabled")
    equal(api(t, "get-bucket-versioning", *b), {"Status": "Enabled"}, "enabled")
    refused(t, "NotImplemented", "s3api", "put-bucket-versioning", *b, "--versioning-configuration",
            "Status=Enabled,MFADelete=Enabled", "--mfa", "arn:aws:iam::000000000000:mfa/x 123456")
    ids = []
    for text in ("one", "two"):
        with open(f"{folder}/in", "w") as f:
            f.write(text)
        ids.append(api(t, "put-object", *o, "--body", f"{folder}/in")["VersionId"])
    got = api(t, "get-object", *o, "--version-id", ids[0], f"{folder}/out")
    with open(f"{folder}/out") as f:
        equal((got["VersionId"], f.read()), (ids[0], "one"), "get-object")
    equal(api(t, "head-object", *o)["VersionId"], ids[1], "head-object")
    marker = api(t, "delete-object", *o)
    equal(marker["DeleteMarker"], True, "delete-object")
    refused(t, "NoSuchKey", "s3api", "get-object", *o, f"{folder}/out")
    refused(t, "MethodNotAllowed", "s3api", "get-object", *o, "--version-id", marker["VersionId"], f"{folder}/out")
    refused(t, "BucketNotEmpty", "s3", "rb", f"s3://{bucket}")
    whole = api(t, "list-object-versions", *b)
    equal(([v["VersionId"] for v in whole["Versions"]], [m["VersionId"] for m in whole["DeleteMarkers"]]),
          (ids[::-1], [marker["VersionId"]]), "list-object-versions")
    page = api(t, "list-object-versions", *b, "--page-size", "1", "--max-items", "1", "--prefix", "k")
    true(page.get("NextToken"), "there is more than one")
    rest = api(t, "list-object-versions", *b, "--page-size", "1", "--starting-token", page["NextToken"])
    equal(sum(len(p.get(n, [])) for p in (page, rest) for n in ("Versions", "DeleteMarkers")), 3, "both pages")
    copied = api(t, "copy-object", *o, "--copy-source", f"{bucket}/k?versionId={ids[0]}")
    equal((copied["CopySourceVersionId"], t.aws("s3", "cp", f"s3://{bucket}/k", "-").stdout), (ids[0], "one"), "restored")
    api(t, "put-bucket-versioning", *b, "--versioning-configuration", "Status=Suspended")
    equal(api(t, "delete-object", *o), {"DeleteMarker": True, "VersionId": "null"}, "suspended delete")
    everything = api(t, "list-object-versions", *b, "--query",
                     "{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}")
    done = api(t, "delete-objects", *b, "--delete", json.dumps(everything))
    equal((len(done["Deleted"]), done.get("Errors")), (5, None), "delete-objects")
    t.aws("s3", "rb", f"s3://{bucket}")


if __name__ == "__main__":
    main("sdk-versions", setup)
