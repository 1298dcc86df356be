#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mc's commands for administrators, as they are: `mc admin ...`, `mc quota`, `mc ready`, `mc ping`; minio-py's MinioAdmin;
and the wire below them."""
import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import io
import json
import os
import re
import shutil
import ssl
import subprocess
import time
import zipfile

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException

import clients
import pail as pail_module
from cases import case, contains, equal, main, true

KIB, MIB = 1024, 1024 * 1024
READ_ONLY = {"Version": "2012-10-17",
             "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}]}


def over_http(function):
    """What TLS cannot change is looked at once: each of mc's encrypted calls costs both sides a tenth of a second."""
    def run(t):
        return None if t.pail.tls else function(t)
    run.__name__ = function.__name__
    return run


def setup(t):
    folder = t.folder()
    if t.pail.ca:
        os.makedirs(f"{folder}/certs/CAs")
        shutil.copy(t.pail.ca, f"{folder}/certs/CAs/pail.crt")
        os.environ["SSL_CERT_FILE"] = t.pail.ca
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MC_", "AWS_"))}
    env["HOME"] = folder
    t.mc_command = [clients.path("mc", "mc"), "--config-dir", folder, "--no-color", "--json"]
    t.mc_env = env
    t.mc = lambda *words, **more: t.command(*t.mc_command, *words, env=env, **more)
    t.mc("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)
    t.s3 = s3(t, t.pail.access_key, t.pail.secret_key)
    t.files = folder


def s3(t, key, secret):
    return boto3.client("s3", endpoint_url=t.pail.endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
                        region_name="us-east-1", verify=t.pail.ca,
                        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20, s3={"addressing_style": "path"}))


def lines(done):
    return documents(done.stdout)


def documents(text):
    """JSON values, one after another; what is not whole at the end is left out."""
    text, found, decoder = text.strip(), [], json.JSONDecoder()
    while text:
        try:
            value, end = decoder.raw_decode(text)
        except ValueError:
            break
        found.append(value)
        text = text[end:].strip()
    return found


def admin(t, *words, **more):
    return lines(t.mc("admin", *words, **more))


def refused(t, *words):
    done = t.mc(*words, ok=False)
    true(done.returncode != 0, f"{' '.join(words)} is refused")
    return done.stdout + done.stderr


def fails(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, "code")
        return
    raise AssertionError(f"expected {code}")


def name(t, what):
    return f"{what}-{t.scheme}"


def user(t, what, *policies):
    made = name(t, what)
    admin(t, "user", "add", "pail", made, "secret-of-" + made)
    for policy in policies:
        admin(t, "policy", "attach", "pail", policy, "--user", made)
    t.mc("alias", "set", made, t.pail.endpoint, made, "secret-of-" + made)
    return made


def policy_file(t, policy):
    path = f"{t.files}/policy.json"
    with open(path, "w") as f:
        json.dump(policy, f)
    return path


# ---- the server ----

@case
def info_ready_ping(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 5000)
    info = admin(t, "info", "pail")[0]["info"]
    equal((info["mode"], len(info["servers"]), info["servers"][0]["state"]), ("online", 1, "online"), "info")
    true(info["buckets"]["count"] >= 1 and info["objects"]["count"] >= 1 and info["usage"]["size"] >= 5000, "counts")
    drive = info["servers"][0]["drives"][0]
    equal((drive["state"], drive["totalspace"] >= drive["availspace"] > 0), ("ok", True), "drive")
    t.mc("ready", "pail")
    t.mc("ping", "pail", "--count", "1")


@case
@over_http
def prometheus_command(t):
    contains(t.mc("admin", "prometheus", "generate", "pail").stdout, "bearer", "the settings for a scrape")


@case
@over_http
def what_makes_no_sense_says_so(t):
    contains(refused(t, "admin", "rebalance", "status", "pail"), "no pools", "rebalance")
    contains(refused(t, "admin", "decommission", "status", "pail"), "no pools", "decommission")
    contains(refused(t, "admin", "replicate", "info", "pail"), "no replication", "replicate")
    contains(refused(t, "admin", "update", "pail", "--yes"), "by its package", "update")
    for method, path, status in (("POST", "profile", 501), ("GET", "inspect-data", 501), ("POST", "force-unlock", 501),
                                 ("GET", "temporary-account-info", 501), ("POST", "speedtest", 501), ("GET", "healthinfo", 501),
                                 ("PUT", "set-remote-target", 501), ("GET", "bandwidth", 426), ("POST", "telemetry", 426)):
        found, answer = signed(t, method, f"/minio/admin/v3/{path}")
        equal((found, len(answer["Message"]) > 20), (status, True), path)
    equal(signed(t, "GET", "/minio/kms/v1/metrics")[0], 501, "metrics of keys")


# ---- users, groups, policies ----

@case
@over_http
def users(t):
    who = user(t, "una", "readwrite")
    mine = s3(t, who, "secret-of-" + who)
    bucket = t.bucket_name()
    mine.create_bucket(Bucket=bucket)
    info = admin(t, "user", "info", "pail", who)[0]
    equal((info["userStatus"], info["policyName"]), ("enabled", "readwrite"), "info")
    true(who in [row["accessKey"] for row in admin(t, "user", "list", "pail")], "listed")
    admin(t, "user", "disable", "pail", who)
    fails("InvalidAccessKeyId", mine.list_buckets)
    equal(admin(t, "user", "info", "pail", who)[0]["userStatus"], "disabled", "disabled")
    admin(t, "user", "enable", "pail", who)
    mine.head_bucket(Bucket=bucket)
    admin(t, "user", "add", "pail", who, "another-secret")
    fails("SignatureDoesNotMatch", mine.list_buckets)
    s3(t, who, "another-secret").head_bucket(Bucket=bucket)
    admin(t, "user", "remove", "pail", who)
    fails("InvalidAccessKeyId", s3(t, who, "another-secret").list_buckets)
    contains(refused(t, "admin", "user", "info", "pail", who), "does not exist", "gone")
    refused(t, "admin", "user", "add", "pail", t.pail.access_key, "whatever-secret")
    refused(t, "admin", "user", "add", "pail", "someone", "short")
    refused(t, "admin", "user", "add", "pail", "a/b c", "long-enough")


@case
@over_http
def the_same_users_as_iam(t):
    iam = boto3.client("iam", endpoint_url=t.pail.endpoint, aws_access_key_id=t.pail.access_key,
                       aws_secret_access_key=t.pail.secret_key, region_name="us-east-1", verify=t.pail.ca)
    who = user(t, "ida", "readonly")
    equal(iam.get_user(UserName=who)["User"]["UserName"], who, "IAM sees mc's user")
    equal([p["PolicyName"] for p in iam.list_attached_user_policies(UserName=who)["AttachedPolicies"]], ["readonly"], "policy")
    equal([k["AccessKeyId"] for k in iam.list_access_keys(UserName=who)["AccessKeyMetadata"]], [who], "key")
    iam.create_user(UserName="by-iam-" + t.scheme)
    true("by-iam-" + t.scheme in [row["accessKey"] for row in admin(t, "user", "list", "pail")], "mc sees IAM's user")
    admin(t, "user", "remove", "pail", "by-iam-" + t.scheme)
    before = iam.get_account_summary()["SummaryMap"]["Users"]
    admin(t, "user", "remove", "pail", who)
    equal(iam.get_account_summary()["SummaryMap"]["Users"], before - 1, "counted")
    used = [p for p in iam.list_policies(Scope="AWS")["Policies"] if p["PolicyName"] == "readonly"][0]
    equal(used["AttachmentCount"], 0, "its policy is detached")


@case
@over_http
def policies(t):
    policy, who = name(t, "mine"), user(t, "paul")
    mine = s3(t, who, "secret-of-" + who)
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    fails("AccessDenied", mine.list_objects_v2, Bucket=bucket)
    admin(t, "policy", "create", "pail", policy, policy_file(t, READ_ONLY))
    true(policy in [row["policy"] for row in admin(t, "policy", "list", "pail")], "listed")
    equal(admin(t, "policy", "info", "pail", policy)[0]["policyInfo"]["Policy"]["Statement"][0]["Effect"], "Allow", "info")
    admin(t, "policy", "attach", "pail", policy, "--user", who)
    mine.list_objects_v2(Bucket=bucket)
    fails("AccessDenied", mine.put_object, Bucket=bucket, Key="k", Body=b"")
    admin(t, "policy", "attach", "pail", policy, "--user", who)  # mc takes "already in effect" for success
    found = admin(t, "policy", "entities", "pail", "--policy", policy)[0]["result"]["policyMappings"]
    equal([(m["policy"], m["users"]) for m in found], [(policy, [who])], "entities")
    refused(t, "admin", "policy", "remove", "pail", policy)
    wider = json.loads(json.dumps(READ_ONLY))
    wider["Statement"][0]["Action"].append("s3:PutObject")
    for _ in range(7):  # more often than a policy has versions
        admin(t, "policy", "create", "pail", policy, policy_file(t, wider))
    mine.put_object(Bucket=bucket, Key="k", Body=b"")
    admin(t, "policy", "detach", "pail", policy, "--user", who)
    fails("AccessDenied", mine.list_objects_v2, Bucket=bucket)
    admin(t, "policy", "remove", "pail", policy)
    refused(t, "admin", "policy", "info", "pail", policy)
    refused(t, "admin", "policy", "remove", "pail", "readwrite")
    refused(t, "admin", "policy", "attach", "pail", "no-such-policy", "--user", who)


@case
@over_http
def groups(t):
    who, group = user(t, "gina"), name(t, "team")
    mine = s3(t, who, "secret-of-" + who)
    admin(t, "group", "add", "pail", group, who)
    admin(t, "policy", "attach", "pail", "readwrite", "--group", group)
    bucket = t.bucket_name()
    mine.create_bucket(Bucket=bucket)
    info = admin(t, "group", "info", "pail", group)[0]
    equal((info["members"], info["groupPolicy"], info["groupStatus"]), ([who], "readwrite", "enabled"), "info")
    true(group in admin(t, "group", "list", "pail")[0]["groups"], "listed")
    admin(t, "group", "disable", "pail", group)
    fails("AccessDenied", mine.list_objects_v2, Bucket=bucket)
    admin(t, "group", "enable", "pail", group)
    mine.list_objects_v2(Bucket=bucket)
    contains(refused(t, "admin", "group", "remove", "pail", group), "not empty", "with members")
    admin(t, "group", "remove", "pail", group, who)
    fails("AccessDenied", mine.list_objects_v2, Bucket=bucket)
    admin(t, "group", "remove", "pail", group)
    refused(t, "admin", "group", "info", "pail", group)
    refused(t, "admin", "group", "add", "pail", group, "nobody-at-all")


@case
@over_http
def rights_of_administrators(t):
    chief, watcher, nobody = user(t, "chief", "consoleAdmin"), user(t, "watcher", "diagnostics"), user(t, "plain", "readwrite")
    admin(t, "info", chief)
    admin(t, "user", "add", chief, name(t, "made-by-chief"), "long-enough")
    admin(t, "info", watcher)
    contains(refused(t, "admin", "user", "add", watcher, name(t, "made-by-watcher"), "long-enough"), "not authorized", "diagnostics")
    equal(signed(t, "GET", "/minio/admin/v3/info", key=watcher, secret="secret-of-" + watcher)[0], 200, "diagnostics")
    equal(signed(t, "GET", "/minio/admin/v3/info", key=nobody, secret="secret-of-" + nobody)[0], 403, "readwrite")
    equal(signed(t, "GET", "/minio/admin/v3/accountinfo", key=nobody, secret="secret-of-" + nobody)[1]["AccountName"], nobody, "oneself")
    refused(t, "admin", "user", "list", nobody)
    refused(t, "admin", "config", "set", nobody, "pail", "log_level=debug")
    refused(t, "admin", "user", "add", "pail-wrong", "x", "y")


# ---- access keys ----

@case
@over_http
def access_keys(t):
    who = user(t, "kim", "readwrite")
    made = admin(t, "accesskey", "create", "pail", who, "--name", "robot", "--description", "for tests", "--policy",
                 policy_file(t, READ_ONLY))[0]
    key, secret = made["accessKey"], made["secretKey"]
    bound, bucket = s3(t, key, secret), t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    bound.list_objects_v2(Bucket=bucket)
    fails("AccessDenied", bound.put_object, Bucket=bucket, Key="k", Body=b"")
    info = admin(t, "accesskey", "info", "pail", key)[0]
    equal((info["name"], info["description"], info["parentUser"]), ("robot", "for tests", who), "info")
    listed = admin(t, "accesskey", "list", "pail", who)[0]
    equal([k["accessKey"] for k in listed["svcaccs"]], [key], "listed")
    admin(t, "accesskey", "edit", "pail", key, "--secret-key", "another-long-secret", "--name", "renamed")
    fails("SignatureDoesNotMatch", bound.list_objects_v2, Bucket=bucket)
    bound = s3(t, key, "another-long-secret")
    bound.list_objects_v2(Bucket=bucket)
    admin(t, "accesskey", "disable", "pail", key)
    fails("InvalidAccessKeyId", bound.list_objects_v2, Bucket=bucket)
    admin(t, "accesskey", "enable", "pail", key)
    bound.list_objects_v2(Bucket=bucket)
    admin(t, "user", "disable", "pail", who)
    fails("InvalidAccessKeyId", bound.list_objects_v2, Bucket=bucket)
    admin(t, "user", "enable", "pail", who)
    admin(t, "accesskey", "remove", "pail", key)
    fails("InvalidAccessKeyId", bound.list_objects_v2, Bucket=bucket)
    ending = admin(t, "user", "svcacct", "add", "pail", who, "--access-key", name(t, "ending"), "--secret-key", "long-enough")[0]
    s3(t, ending["accessKey"], ending["secretKey"]).put_object(Bucket=bucket, Key="k", Body=b"")
    refused(t, "admin", "user", "svcacct", "add", "pail", who, "--access-key", name(t, "ending"), "--secret-key", "long-enough")
    admin(t, "user", "remove", "pail", who)
    fails("InvalidAccessKeyId", s3(t, ending["accessKey"], ending["secretKey"]).list_buckets)


@case
@over_http
def keys_end(t):
    who = user(t, "eve", "readwrite")
    made = admin(t, "accesskey", "create", "pail", who, "--expiry-duration", "8s")[0]
    mine, bucket = s3(t, made["accessKey"], made["secretKey"]), t.bucket_name()
    mine.create_bucket(Bucket=bucket)
    time.sleep(8.5)
    fails("InvalidAccessKeyId", mine.list_objects_v2, Bucket=bucket)


@case
@over_http
def keys_of_oneself_and_no_way_out_of_bounds(t):
    who, other = user(t, "sam", "readwrite"), user(t, "tom", "readwrite")
    mine = admin(t, "accesskey", "create", who)[0]
    s3(t, mine["accessKey"], mine["secretKey"]).create_bucket(Bucket=t.bucket_name())
    equal([k["accessKey"] for k in admin(t, "accesskey", "list", who, "--self")[0]["svcaccs"]], [mine["accessKey"]], "one's own")
    refused(t, "admin", "accesskey", "create", who, other)
    refused(t, "admin", "accesskey", "list", who, other)
    refused(t, "admin", "accesskey", "list", who, "--all")
    refused(t, "admin", "accesskey", "create", who, t.pail.access_key)
    bound = admin(t, "accesskey", "create", who, "--policy", policy_file(t, READ_ONLY))[0]
    t.mc("alias", "set", "bound", t.pail.endpoint, bound["accessKey"], bound["secretKey"])
    refused(t, "admin", "accesskey", "create", "bound")
    refused(t, "admin", "accesskey", "edit", "bound", bound["accessKey"], "--policy",
            policy_file(t, {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}))
    sts = boto3.client("sts", endpoint_url=t.pail.endpoint, aws_access_key_id=bound["accessKey"],
                       aws_secret_access_key=bound["secretKey"], region_name="us-east-1", verify=t.pail.ca)
    fails("AccessDenied", sts.get_session_token)
    chief = user(t, "chief2", "consoleAdmin")
    refused(t, "admin", "accesskey", "create", chief, t.pail.access_key)
    made = admin(t, "accesskey", "create", "pail", "--name", "of-root")[0]
    refused(t, "admin", "accesskey", "edit", chief, made["accessKey"], "--secret-key", "stolen-secret")
    refused(t, "admin", "accesskey", "remove", chief, made["accessKey"])
    admin(t, "accesskey", "remove", "pail", made["accessKey"])


# ---- settings ----

@case
def config(t):
    contains(t.mc("admin", "config", "get", "pail", "pail").stdout, "idle_timeout", "the settings")
    admin(t, "config", "set", "pail", "pail", "idle_timeout=77", "drain_timeout=33")
    text = t.mc("admin", "config", "get", "pail", "pail").stdout
    contains(text, "77", "set")
    t.pail.stop()
    t.pail.start()
    t.mc("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)
    t.s3 = s3(t, t.pail.access_key, t.pail.secret_key)
    contains(t.mc("admin", "config", "get", "pail", "pail").stdout, "77", "kept over a restart")
    refused(t, "admin", "config", "set", "pail", "pail", "idle_timeout=no-number")
    refused(t, "admin", "config", "set", "pail", "pail", "no_such_setting=1")
    refused(t, "admin", "config", "set", "pail", "notify_kafka", "brokers=x")
    admin(t, "config", "reset", "pail", "pail", "idle_timeout")
    text = t.mc("admin", "config", "get", "pail", "pail").stdout
    true("77" not in text and "33" in text, "one is reset")
    admin(t, "config", "reset", "pail", "pail")
    true("33" not in t.mc("admin", "config", "get", "pail", "pail").stdout, "all are")
    contains(t.mc("admin", "config", "get", "pail", "site").stdout, "region", "site")
    exported = base64.b64decode(lines(t.mc("admin", "config", "export", "pail"))[0]["value"]).decode()
    contains(exported, "idle_timeout=60", "export")
    t.mc("admin", "config", "import", "pail", stdin=exported.replace("idle_timeout=60", "idle_timeout=61"))
    contains(t.mc("admin", "config", "get", "pail", "pail").stdout, "61", "import")
    admin(t, "config", "reset", "pail", "pail")


@case
@over_http
def config_history(t):
    t.mc("admin", "config", "history", "pail", "--clear")
    for value in ("81", "82"):
        admin(t, "config", "set", "pail", "pail", f"idle_timeout={value}")
    entries = admin(t, "config", "history", "pail")[0]["entries"]
    equal([e["targets"] for e in entries], ["pail idle_timeout=81", "pail idle_timeout=82"], "entries")
    admin(t, "config", "restore", "pail", entries[0]["restoreId"])
    contains(t.mc("admin", "config", "get", "pail", "pail").stdout, "81", "as it was")
    admin(t, "config", "reset", "pail", "pail")
    equal(admin(t, "config", "history", "pail")[0]["entries"][-1]["targets"], "pail", "a reset is an entry, too")
    equal(len(admin(t, "config", "history", "pail", "--count", "2")[0]["entries"]), 2, "the last ones")
    refused(t, "admin", "config", "restore", "pail", "no-such-entry")
    refused(t, "admin", "config", "restore", "pail", "../server")
    t.mc("admin", "config", "history", "pail", "--clear")
    equal(admin(t, "config", "history", "pail")[0]["entries"], [], "cleared")


# ---- keys of encryption ----

@case
@over_http
def keys_of_encryption(t):
    key = name(t, "mc-key")
    admin(t, "kms", "key", "create", "pail", key)
    status = admin(t, "kms", "key", "status", "pail", key)[0]
    equal(status["keyId"], key, "status")
    true(not status.get("encryptionError") and not status.get("decryptionError"), f"{status}")
    true(key in json.dumps(admin(t, "kms", "key", "list", "pail")), "listed")
    contains(refused(t, "admin", "kms", "key", "create", "pail", key), "already", "twice")
    contains(refused(t, "admin", "kms", "key", "status", "pail", "no-such-key"), "no key", "none")
    refused(t, "admin", "kms", "key", "create", "pail", "a key/with spaces")
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    equal(signed(t, "GET", "/minio/kms/v1/status")[1]["default-key-id"], "aws-s3", "the service")
    equal([k["name"] for k in signed(t, "GET", "/minio/kms/v1/key/list", f"pattern={key}")[1]], [key], "by name")
    plain = user(t, "kms-plain", "readwrite")
    refused(t, "admin", "kms", "key", "create", plain, name(t, "mc-key-of-plain"))
    refused(t, "admin", "kms", "key", "list", plain)


# ---- archives ----

def archive(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for member, text in members.items():
            z.writestr(member, text if isinstance(text, (str, bytes)) else json.dumps(text))
    return out.getvalue()


@case
def iam_export_and_import(t):
    who, group, policy, path = user(t, "ivy"), name(t, "ivy-team"), name(t, "ivy-policy"), f"{t.files}/iam.zip"
    admin(t, "policy", "create", "pail", policy, policy_file(t, READ_ONLY))
    admin(t, "policy", "attach", "pail", policy, "--user", who)
    admin(t, "group", "add", "pail", group, who)
    admin(t, "policy", "attach", "pail", "readwrite", "--group", group)
    made = admin(t, "accesskey", "create", "pail", who, "--name", "ivy-robot", "--policy", policy_file(t, READ_ONLY))[0]
    of_root = admin(t, "accesskey", "create", "pail", "--name", "root-robot")[0]
    t.mc("admin", "cluster", "iam", "export", "pail", "--output", path)
    with zipfile.ZipFile(path) as z:
        files = {n: json.loads(z.read(n)) for n in z.namelist()}
    equal(files["iam-assets/users.json"][who], {"secretKey": "secret-of-" + who, "status": "enabled"}, "MinIO's format")
    equal(files["iam-assets/svcaccts.json"][made["accessKey"]]["parent"], who, "parent")
    true(t.pail.secret_key not in json.dumps(files), "not the root's secret")

    server = pail_module.Pail("mc-admin-import", tls=t.pail.tls)
    with server:
        t.mc("alias", "set", "fresh", server.endpoint, server.access_key, server.secret_key)
        equal(lines(t.mc("admin", "cluster", "iam", "import", "fresh", path))[0]["failed"], {}, "nothing failed")
        fresh = lambda key, secret: boto3.client(  # noqa: E731
            "s3", endpoint_url=server.endpoint, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
            verify=server.ca)
        bucket = t.bucket_name()
        fresh(who, "secret-of-" + who).create_bucket(Bucket=bucket)  # by the group's policy
        bound = fresh(made["accessKey"], made["secretKey"])
        bound.list_objects_v2(Bucket=bucket)
        fails("AccessDenied", bound.put_object, Bucket=bucket, Key="k", Body=b"")
        fresh(of_root["accessKey"], of_root["secretKey"]).list_buckets()
        equal(admin(t, "group", "info", "fresh", group)[0]["members"], [who], "members")
        again = lines(t.mc("admin", "cluster", "iam", "import", "fresh", path))[0]  # it may be sent again
        true(again["failed"] == {} and who in again["added"]["users"], f"{again}")
        equal(len(admin(t, "accesskey", "list", "fresh", who)[0]["svcaccs"]), 1, "no doubles")

    # Who lacks the right gets and gives nothing.
    chief, plain = user(t, "ivy-chief", "consoleAdmin"), user(t, "ivy-plain", "diagnostics")
    t.mc("admin", "cluster", "iam", "export", chief, "--output", f"{t.files}/chief.zip")
    refused(t, "admin", "cluster", "iam", "export", plain, "--output", f"{t.files}/plain.zip")
    refused(t, "admin", "cluster", "iam", "import", plain, path)


@case
@over_http
def hostile_iam_archives(t):
    put = lambda body, call="import-iam-v2": signed(t, "PUT", f"/minio/admin/v3/{call}", "", body)  # noqa: E731
    users = "iam-assets/users.json"
    good = archive({users: {"hostile-user": {"secretKey": "long-enough", "status": "enabled"}}})
    bombs = [archive({users: b" " * (17 << 20)}), archive({users: b"[" * (15 << 20)})]
    for body in (b"", b"PK", os.urandom(1000), good[:-30], good[: len(good) // 2], archive({users: "[]"}), archive({users: "{"}),
                 archive({users: '{"a":{},"a":{}}'}), archive({"iam-assets/policies.json": "null"}), *bombs):
        status, answer = put(body)
        equal((status, answer["Code"]), (400, "XMinioAdminBadArchive"), f"{len(body)} bytes")
    equal(put(b"\0" * ((8 << 20) + 1))[0], 400, "too large")
    # Members of other names are left alone, wherever they point.
    status, answer = put(archive({"../../etc/passwd": "x", "/tmp/x": "y", "iam-assets/": "", "other.json": "{"}))
    equal((status, answer["added"]), (200, {}), "unknown members")
    deep = '{"Version":"2012-10-17","Statement":' + "[" * 100000
    status, answer = put(archive({"iam-assets/svcaccts.json": {"deep": {"parent": t.pail.access_key, "secretKey": "long-enough",
                                                                        "sessionPolicy": deep}}}))
    equal((status, len(answer["failed"]["serviceAccounts"])), (200, 1), "a text that is deep JSON")
    bad = {users: {"x": {"secretKey": "short"}, "a/b c": {"secretKey": "long-enough"}, "no-object": 7,
                   t.pail.access_key: {"secretKey": "not-my-secret"}, "good-one": {"secretKey": "long-enough", "status": "enabled"}},
           "iam-assets/groups.json": {"../up": {"members": []}, "of-nobody": {"members": ["nobody-at-all"]}},
           "iam-assets/policies.json": {"odd": {"Statement": "x"}, "readwrite": READ_ONLY},
           "iam-assets/svcaccts.json": {"good-one": {"parent": "nobody-at-all", "secretKey": "long-enough"},
                                        t.pail.access_key: {"parent": "good-one", "secretKey": "long-enough"},
                                        "fine-key": {"parent": "good-one", "secretKey": "long-enough", "sessionPolicy": None}},
           "iam-assets/user_mappings.json": {"good-one": {"policy": "no-such-policy"}, "nobody-at-all": {"policy": "readwrite"}}}
    status, answer = put(archive(bad))
    equal(status, 200, "some are refused")
    equal((answer["added"], answer["skipped"]), ({"users": ["good-one"], "serviceAccounts": ["fine-key"]}, {"policies": ["readwrite"]}), "taken")
    equal({k: len(v) for k, v in answer["failed"].items()},
          {"users": 4, "groups": 2, "policies": 1, "serviceAccounts": 2, "userPolicies": 2}, "refused")
    status, answer = put(archive(bad), "import-iam")
    equal((status, "refused" in answer["Message"]), (400, True), "the older call says so")
    t.s3.list_buckets()  # the root's key is still the root's
    admin(t, "user", "remove", "pail", "good-one")


@case
def bucket_export_and_import(t):
    bucket, locked, path = t.bucket_name(), t.bucket_name(), f"{t.files}/buckets.zip"
    t.mc("mb", f"pail/{bucket}")
    t.mc("mb", "--with-lock", f"pail/{locked}")
    t.s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}})
    t.mc("version", "enable", f"pail/{bucket}")
    t.mc("tag", "set", f"pail/{bucket}", "team=a b")
    t.mc("quota", "set", f"pail/{bucket}", "--size", "1GiB")
    t.mc("ilm", "rule", "add", f"pail/{bucket}", "--expire-days", "3")
    t.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    t.s3.delete_public_access_block(Bucket=bucket)
    t.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/public/*"]}]}))
    t.mc("admin", "cluster", "bucket", "export", "pail", cwd=t.files)
    os.replace(f"{t.files}/pail-bucket-metadata.zip", path)
    with zipfile.ZipFile(path) as z:
        contains(z.read(f"{bucket}/lifecycle.xml").decode(), "Expiration", "MinIO's names")

    server = pail_module.Pail("mc-admin-buckets", tls=t.pail.tls)
    with server:
        t.mc("alias", "set", "fresh", server.endpoint, server.access_key, server.secret_key)
        report = lines(t.mc("admin", "cluster", "bucket", "import", "fresh", path))[0]
        for kind in ("versioning", "tagging", "quota", "lifecycle", "policy", "cors", "sse"):
            equal(report[bucket][kind], {"isSet": True}, kind)
        equal(report[locked]["olock"], {"isSet": True}, "lock")
        there = boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                             aws_secret_access_key=server.secret_key, region_name="us-east-1", verify=server.ca)
        for call in ("get_bucket_policy", "get_bucket_lifecycle_configuration", "get_bucket_tagging", "get_bucket_versioning",
                     "get_bucket_cors", "get_bucket_encryption", "get_bucket_ownership_controls"):
            one, two = getattr(t.s3, call)(Bucket=bucket), getattr(there, call)(Bucket=bucket)
            one.pop("ResponseMetadata"), two.pop("ResponseMetadata")
            equal(two, one, call)
        equal(there.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"],
              {"Mode": "GOVERNANCE", "Days": 3}, "default retention")
        equal(lines(t.mc("quota", "info", f"fresh/{bucket}"))[0]["quota"], 1 << 30, "quota")

    put = lambda body: signed(t, "PUT", "/minio/admin/v3/import-bucket-metadata", "", body)  # noqa: E731
    status, answer = put(archive({f"{bucket}/lifecycle.xml": "<nonsense/>", f"{bucket}/tagging.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
                                  "UPPER/quota.json": "{}", "minio/quota.json": "{}", "../quota.json": "{}", f"{bucket}/quota.json": "7"}))
    equal(status, 200, "each for itself")
    row = answer["buckets"][bucket]
    true(all(row[k]["error"] and not row[k]["isSet"] for k in ("lifecycle", "tagging", "quota")), f"{row}")
    true(all(answer["buckets"][b]["error"] for b in ("UPPER", "minio", "..")), f"{answer}")
    contains(json.dumps(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]), "a b", "what was there stays")
    equal(put(b"no archive")[0], 400, "no archive")
    plain = user(t, "bea", "readwrite")
    refused(t, "admin", "cluster", "bucket", "export", plain)
    refused(t, "admin", "cluster", "bucket", "import", plain, path)


@case
@over_http
def an_import_of_buckets_gives_no_rights(t):
    """Who may import puts what he may put anyway, and nothing else."""
    bucket, missing = t.bucket_name(), t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    rights = name(t, "only-import")
    admin(t, "policy", "create", "pail", rights, policy_file(t, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["admin:ImportBucketMetadata", "s3:PutBucketTagging"], "Resource": "arn:aws:s3:::*"}]}))
    who = user(t, "importer", rights)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::000000000000:user/{who}"]},
                                                      "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    status, answer = signed(t, "PUT", "/minio/admin/v3/import-bucket-metadata", "",
                            archive({f"{bucket}/policy.json": policy, f"{bucket}/tagging.xml": tags, f"{missing}/tagging.xml": tags}),
                            key=who, secret="secret-of-" + who)
    equal(status, 200, "each for itself")
    contains(answer["buckets"][bucket]["policy"]["error"], "s3:PutBucketPolicy", "the right that it lacks")
    equal(answer["buckets"][bucket]["tagging"], {"isSet": True}, "the right that it has")
    contains(answer["buckets"][missing]["error"], "s3:CreateBucket", "a bucket that is missing")
    names = [b["Name"] for b in t.s3.list_buckets()["Buckets"]]
    true(missing not in names, "it was not made")
    refused(t, "cp", f"{who}/{bucket}/x", f"{t.files}/x")


# ---- heal, freeze ----

def blob_files(t):
    for folder, _, files in os.walk(f"{t.pail.data}/blobs"):
        for file in files:
            yield os.path.join(folder, file)


@case
@over_http
def heal_says_what_is_damaged(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    before = set(blob_files(t))
    t.s3.put_object(Bucket=bucket, Key="sick/one", Body=os.urandom(MIB))
    sick = set(blob_files(t)) - before
    t.s3.put_object(Bucket=bucket, Key="well/two", Body=os.urandom(MIB))
    t.s3.put_object(Bucket=bucket, Key="well/small", Body=b"inline")
    contains(json.dumps(admin(t, "heal", "pail")), "sets", "the state")
    found = admin(t, "heal", "--recursive", f"pail/{bucket}")
    equal({f["name"]: f["after"]["color"] for f in found if f["type"] == "object"},
          {f"{bucket}/{k}": "green" for k in ("sick/one", "well/two", "well/small")}, "all are well")
    (file,) = sick
    with open(file, "r+b") as f:
        f.seek(300000)
        byte = f.read(1)
        f.seek(300000)
        f.write(bytes([byte[0] ^ 1]))
    found = admin(t, "heal", "--recursive", f"pail/{bucket}")
    equal({f["name"]: f["after"]["color"] for f in found if f["type"] == "object"},
          {f"{bucket}/sick/one": "red", f"{bucket}/well/two": "green", f"{bucket}/well/small": "green"}, "one is damaged")
    equal([f["objects_scanned"] for f in found if f["type"] == "summary"], [3], "summary")
    found = admin(t, "heal", f"pail/{bucket}/well/")
    equal(sorted(f["name"] for f in found if f["type"] == "object"), [f"{bucket}/well/small", f"{bucket}/well/two"], "a prefix")
    contains(refused(t, "admin", "heal", "--recursive", "pail/no-such-bucket"), "does not exist", "no bucket")
    status, start = signed(t, "POST", f"/minio/admin/v3/heal/{bucket}", "forceStart=true", b'{"recursive":true}')
    equal((status, len(start["clientToken"])), (200, 36), "begun")
    equal(signed(t, "POST", f"/minio/admin/v3/heal/{bucket}", "clientToken=wrong")[0], 404, "a wrong token")
    equal(signed(t, "POST", "/minio/admin/v3/heal/", "forceStop=true")[0], 200, "stopped")
    equal(signed(t, "POST", "/minio/admin/v3/heal/", "forceStop=true")[0], 404, "nothing runs")
    equal(signed(t, "POST", f"/minio/admin/v3/heal/{bucket}", "", b"[1]")[0], 400, "no options")
    refused(t, "admin", "heal", "--recursive", f"{user(t, 'hal', 'readwrite')}/{bucket}")
    t.s3.delete_object(Bucket=bucket, Key="sick/one")


@case
@over_http
def freeze(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    watcher = user(t, "fred", "diagnostics")
    refused(t, "admin", "service", "freeze", watcher)
    admin(t, "service", "freeze", "pail")
    try:
        fails("ServiceUnavailable", t.s3.list_objects_v2, Bucket=bucket)
        fails("ServiceUnavailable", t.s3.put_object, Bucket=bucket, Key="k", Body=b"x" * 100000)
        admin(t, "info", "pail")
        equal(ask(t, "GET", "/minio/health/live")[0], 200, "probes go on")
    finally:
        admin(t, "service", "unfreeze", "pail")
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100000)


# ---- streams of logs and samples ----

@case
def logs(t):
    stream = subprocess.Popen([*t.mc_command, "admin", "logs", "--last", "5", "pail"], env=t.mc_env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    os.set_blocking(stream.stdout.fileno(), False)
    text, deadline = "", time.monotonic() + 20

    def came():  # as a whole document: "until it is unfrozen", of the line before, is not it
        return any("an administrator unfroze" in f.get("message", "") for f in documents(text))

    try:
        while time.monotonic() < deadline and not came():
            time.sleep(0.5)
            signed(t, "POST", "/minio/admin/v3/service", "action=freeze&type=2")
            signed(t, "POST", "/minio/admin/v3/service", "action=unfreeze&type=2")
            text += (stream.stdout.read() or b"").decode()
    finally:
        stream.terminate()
        stream.wait()
    found = documents(text)
    true(came(), f"a live line among {text[:600]}")
    true(all(f["deploymentid"] == deployment(t) for f in found), "deployment id")
    true(t.pail.secret_key not in text, "no secrets")
    equal(signed(t, "GET", "/minio/admin/v3/log", "limit=-1")[0], 400, "a bad limit")
    equal(signed(t, "GET", "/minio/admin/v3/log", "node=elsewhere")[0], 400, "another node")


def deployment(t):
    return admin(t, "info", "pail")[0]["info"]["deploymentID"]


@case
@over_http
def deployment_id(t):
    first = deployment(t)
    true(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first), first)
    t.pail.stop()
    t.pail.start()
    t.mc("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)
    t.s3 = s3(t, t.pail.access_key, t.pail.secret_key)
    equal(deployment(t), first, "the same after a restart")


@case
def samples(t):
    found = lines(t.mc("admin", "scanner", "status", "pail", "-n", "1"))
    true(found and "scanner" in found[0]["aggregated"], f"{found}")
    began = time.monotonic()
    status, text = signed(t, "GET", "/minio/admin/v3/metrics", "by-disk=true&by-host=true&interval=1s&n=2&types=0")
    rows = documents(text.decode())
    equal((status, [r["final"] for r in rows]), (200, [False, True]), "as many as were asked for")
    true(0.9 < time.monotonic() - began < 10, "an interval apart")
    all_kinds = rows[1]["aggregated"]
    equal(sorted(all_kinds), ["cpu", "disk", "mem", "net", "os", "scanner"], "kinds")
    true(all_kinds["mem"]["memInfo"]["total"] > 0 and all_kinds["cpu"]["cpuCount"] > 0, "of the machine")
    true(all_kinds["cpu"]["timesStat"]["user"] > 0 and len(rows[1]["by_disk"]) == 1 and len(rows[1]["by_host"]) == 1, "by disk and host")
    for query in ("types=x", "n=-1", "interval=soon"):
        equal(signed(t, "GET", "/minio/admin/v3/metrics", query)[0], 400, query)


# ---- what people type ----

# What is run, with `pail` as the alias; and what must be in its output ("" for anything; "!" before it: it is refused, and
# says so). {b}: a bucket, {u}: a user, {f}: a file of {d}, a folder.
COMMANDS = """
alias list pail | "pail"
ready pail |
ping pail --count 1 |
mb pail/{b} | success
ls pail | {b}
stat pail/{b} | {b}
cp {f} pail/{b}/one | success
cp {f} pail/{b}/dir/two | success
put {f} pail/{b}/three | success
get pail/{b}/three {d}/got | success
cat pail/{b}/one | hello
head --lines 1 pail/{b}/one | hello
ls --recursive pail/{b} | dir/two
tree --files pail/{b} |
find pail/{b} --name two | two
du pail/{b} | size
stat pail/{b}/one | etag
diff {d} pail/{b} | one
mirror {d} pail/{b}/mirrored | success
mv pail/{b}/three pail/{b}/four | success
cp pail/{b}/one pail/{b}/copied | success
share download pail/{b}/one | X-Amz-Signature
share upload pail/{b}/shared | x-amz-signature
tag set pail/{b}/one a=b | success
tag list pail/{b}/one | "a"
tag remove pail/{b}/one | success
tag set pail/{b} c=d | success
tag list pail/{b} | "c"
version enable pail/{b} | success
version info pail/{b} | Enabled
cp {f} pail/{b}/one | success
ls --versions pail/{b} | one
undo pail/{b}/one --force | success
version suspend pail/{b} | success
ilm rule add pail/{b} --expire-days 30 | success
ilm rule ls pail/{b} | 30
ilm rule export pail/{b} | Expiration
ilm tier ls pail |
encrypt set sse-s3 pail/{b} | success
encrypt info pail/{b} | AES256
encrypt clear pail/{b} | success
anonymous get pail/{b} | private
quota set pail/{b} --size 1GiB | 1073741824
quota info pail/{b} | 1073741824
quota clear pail/{b} | success
cors get pail/{b} | not found
admin info pail | online
admin user add pail {u} long-enough | success
admin user list pail | {u}
admin user info pail {u} | enabled
admin user disable pail {u} | success
admin user enable pail {u} | success
admin policy list pail | readwrite
admin policy info pail readwrite | s3:*
admin policy attach pail readwrite --user {u} | readwrite
admin policy entities pail --user {u} | readwrite
admin policy detach pail readwrite --user {u} | readwrite
admin group add pail {u}-team {u} | success
admin group info pail {u}-team | {u}
admin group list pail | {u}-team
admin group disable pail {u}-team | success
admin group remove pail {u}-team {u} | success
admin group remove pail {u}-team | success
admin accesskey create pail {u} --name tool | accessKey
admin accesskey list pail {u} | tool
admin user svcacct list pail {u} | accessKey
admin config get pail pail | idle_timeout
admin config set pail pail idle_timeout=90 | success
admin config history pail | idle_timeout=90
admin config reset pail pail | success
admin config export pail | value
admin heal pail | sets
admin heal --recursive pail/{b} | summary
admin scanner status pail -n 1 | scanner
admin kms key status pail | aws-s3
admin kms key list pail | pail-s3
admin prometheus generate pail | bearer
admin prometheus metrics pail cluster |
admin cluster iam export pail --output {d}/iam.zip | 
admin cluster iam import pail {d}/iam.zip | added
admin service freeze pail | success
admin service unfreeze pail | success
admin rebalance status pail | !no pools
admin replicate info pail | !no replication
admin user remove pail {u} | success
idp openid ls pail |
idp ldap ls pail |
rm --recursive --versions --force pail/{b} | success
rb pail/{b} | success
"""


@case
@over_http
def what_people_type(t):
    bucket, folder = t.bucket_name(), t.folder()
    with open(f"{folder}/hello.txt", "w") as f:
        f.write("hello there\n")
    values = {"{b}": bucket, "{u}": name(t, "typist"), "{f}": f"{folder}/hello.txt", "{d}": folder}
    wrong, n = [], 0
    for row in COMMANDS.strip().splitlines():
        command, _, want = row.partition(" |")
        for key, value in values.items():
            command, want = command.replace(key, value), want.replace(key, value)
        want, n = want.strip(), n + 1
        done = t.mc(*command.split(), ok=False, cwd=folder)
        output, good = done.stdout + done.stderr, done.returncode == 0
        if good == want.startswith("!") or want.lstrip("!") not in output:
            wrong.append(f"mc {command}: code {done.returncode}, {want!r} is wanted, {output[-400:]}")
    true(not wrong, f"{len(wrong)} of {n} commands:\n" + "\n".join(wrong))


# ---- quotas ----

@case
def quota_commands(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.mc("quota", "set", f"pail/{bucket}", "--size", "1MiB")
    equal(lines(t.mc("quota", "info", f"pail/{bucket}"))[0]["quota"], MIB, "info")
    t.s3.put_object(Bucket=bucket, Key="fits", Body=b"x" * MIB)
    fails("XMinioAdminBucketQuotaExceeded", t.s3.put_object, Bucket=bucket, Key="more", Body=b"x")
    t.s3.put_object(Bucket=bucket, Key="fits", Body=b"y" * MIB)  # replaces
    t.mc("quota", "clear", f"pail/{bucket}")
    t.s3.put_object(Bucket=bucket, Key="more", Body=b"x")
    refused(t, "quota", "set", "pail/no-such-bucket", "--size", "1MiB")


def in_parallel(jobs):
    """How many of them the quota let through; anything else that goes wrong raises."""
    def one(job):
        try:
            job()
            return 1
        except ClientError as error:
            equal(error.response["Error"]["Code"], "XMinioAdminBucketQuotaExceeded", "code")
            return 0
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        return sum(pool.map(one, jobs))


@case
@over_http
def quotas_are_exact(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.mc("quota", "set", f"pail/{bucket}", "--size", "1000KiB")
    body = b"x" * (40 * KIB)
    equal(in_parallel([lambda i=i: t.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=body) for i in range(60)]), 25, "uploads")
    equal(len(t.s3.list_objects_v2(Bucket=bucket)["Contents"]), 25, "objects")
    for key in [row["Key"] for row in t.s3.list_objects_v2(Bucket=bucket)["Contents"]][:15]:
        t.s3.delete_object(Bucket=bucket, Key=key)
    kept = t.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
    source = {"Bucket": bucket, "Key": kept}
    copied = in_parallel([lambda i=i: t.s3.copy_object(Bucket=bucket, Key=f"copy{i}", CopySource=source) for i in range(40)])
    equal(copied, 15, "copies")


@case
@over_http
def quotas_count_parts(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.mc("quota", "set", f"pail/{bucket}", "--size", "11MiB")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    part = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    sent = in_parallel([lambda i=i: t.s3.upload_part(**part, PartNumber=i + 1, Body=b"p" * (5 * MIB)) for i in range(4)])
    equal(sent, 2, "parts")
    parts = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in t.s3.list_parts(**part)["Parts"]]
    t.s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    fails("XMinioAdminBucketQuotaExceeded", t.s3.put_object, Bucket=bucket, Key="more", Body=b"x" * (MIB + 1))
    t.s3.put_object(Bucket=bucket, Key="rest", Body=b"x" * MIB)


# ---- streams, restart ----

@case
def trace(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    stream = subprocess.Popen([*t.mc_command, "admin", "trace", "pail"], env=t.mc_env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    try:
        text, deadline = "", time.monotonic() + 20
        os.set_blocking(stream.stdout.fileno(), False)
        while time.monotonic() < deadline and not {"s3.PutObject", "s3.GetObject"} <= {f.get("api") for f in documents(text)}:
            t.s3.put_object(Bucket=bucket, Key="traced", Body=b"12345")
            t.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "traced"})
            t.s3.get_object(Bucket=bucket, Key="traced")["Body"].read()
            time.sleep(0.3)
            text += (stream.stdout.read() or b"").decode()
    finally:
        stream.terminate()
        stream.wait()
    puts = [f for f in documents(text) if f.get("api") == "s3.PutObject"]
    true(puts and puts[0]["statusCode"] == 200, f"a PutObject among {text[:600]}")
    contains(text, f"/{bucket}/traced", "its path")
    true(t.pail.secret_key not in text and "Signature" not in text, "no secrets")


@case
def a_stream_ends_with_the_server(t):
    stream = subprocess.Popen([*t.mc_command, "admin", "trace", "pail"], env=t.mc_env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        equal(signed(t, "POST", "/minio/admin/v3/heal/", "forceStart=true", b'{"recursive":true}')[0], 200, "a heal that nobody watches")
        began = time.monotonic()
        t.pail.stop()
        true(time.monotonic() - began < 8, "nobody waits for the stream, nor for the heal")
    finally:
        stream.terminate()
        stream.wait()
    t.pail.start()
    t.mc("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)
    t.s3 = s3(t, t.pail.access_key, t.pail.secret_key)


@case
def restart_and_stop(t):
    server = pail_module.Pail("mc-admin-restart", tls=t.pail.tls)
    with server:
        t.mc("alias", "set", "second", server.endpoint, server.access_key, server.secret_key)
        first = server.process
        t.mc("admin", "service", "restart", "second")
        equal(first.wait(20), 0, "the first process ends")
        deadline = time.monotonic() + 20
        while t.mc("admin", "info", "second", ok=False).returncode != 0:
            true(time.monotonic() < deadline, "the new process serves")
        t.mc("admin", "service", "stop", "second")
        while True:
            try:
                server.connect(1).close()
            except OSError:
                break
            true(time.monotonic() < deadline, "it has stopped")
            time.sleep(0.1)
        server.process = None


# ---- minio-py ----

@case
def minio_py(t):
    http_client = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
    adm = MinioAdmin(endpoint=f"{t.pail.host}:{t.pail.port}", secure=t.pail.tls, http_client=http_client,
                     credentials=StaticProvider(t.pail.access_key, t.pail.secret_key))
    text = lambda answer: answer if isinstance(answer, str) else json.dumps(answer)  # noqa: E731
    who, policy, group, bucket = name(t, "py"), name(t, "py-policy"), name(t, "py-group"), t.bucket_name()
    contains(text(adm.info()), "online", "info")
    adm.user_add(access_key=who, secret_key="secret-of-py")
    contains(text(adm.user_list()), who, "user_list")
    adm.policy_add(policy_name=policy, policy=READ_ONLY)
    contains(text(adm.policy_list()), policy, "policy_list")
    adm.attach_policy(policies=[policy], user=who)
    contains(text(adm.get_policy_entities(users=[who], groups=[], policies=[])), policy, "entities")
    adm.group_add(group_name=group, members=[who])
    contains(text(adm.group_info(group_name=group)), who, "group_info")
    made = json.loads(text(adm.add_service_account(access_key="py-key-" + t.scheme, secret_key="py-secret-1")))
    contains(text(adm.list_service_account(user=t.pail.access_key)), made["credentials"]["accessKey"], "listed")
    adm.delete_service_account(access_key=made["credentials"]["accessKey"])
    t.s3.create_bucket(Bucket=bucket)
    adm.bucket_quota_set(bucket=bucket, size=12345)
    contains(text(adm.bucket_quota_get(bucket=bucket)), "12345", "quota")
    contains(text(adm.config_get(key="pail")), "idle_timeout", "config")
    adm.config_set(key="pail", config={"idle_timeout": "73"})
    entry = json.loads(text(adm.config_history()))[-1]
    equal(entry["data"], "pail idle_timeout=73", "config_history")
    adm.config_reset(key="pail")
    adm.config_restore(entry["restoreId"])
    contains(text(adm.config_get(key="pail")), "idle_timeout=73", "config_restore")
    adm.config_reset(key="pail")
    equal(json.loads(text(adm.top_locks())), [], "top_locks")
    adm.kms_key_create("py-key-" + t.scheme)
    equal(json.loads(text(adm.kms_key_status("py-key-" + t.scheme))), {"key-id": "py-key-" + t.scheme}, "kms_key_status")
    equal(json.loads(text(adm.kms_key_status()))["key-id"], "aws-s3", "the default key")
    adm.policy_set(policy, user=who)
    contains(text(adm.user_info(access_key=who)), policy, "policy_set")
    adm.group_disable(group_name=group)
    adm.group_enable(group_name=group)
    contains(text(adm.group_list()), group, "group_list")
    for call in (adm.update, lambda: adm.profile_start(()), adm.get_site_replication_info):
        try:
            call()
        except MinioAdminException as error:
            contains(str(error), "NotImplemented", "an honest error")
        else:
            raise AssertionError("it should not be there")
    contains(text(adm.get_data_usage_info()), bucket, "usage")
    contains(text(adm.account_info()), bucket, "account")
    adm.user_disable(access_key=who)
    adm.detach_policy(policies=[policy], user=who)
    adm.user_remove(access_key=who)
    adm.group_remove(group_name=group)
    adm.policy_remove(policy_name=policy)


# ---- the wire ----

def signed(t, method, path, query="", body=b"", secret=None, region="", key=None):
    """A request signed with version 4 for this region; its answer's status, headers and JSON."""
    now = time.gmtime()
    date, stamp = time.strftime("%Y%m%d", now), time.strftime("%Y%m%dT%H%M%SZ", now)
    digest, host = hashlib.sha256(body).hexdigest(), f"{t.pail.host}:{t.pail.port}"
    canonical = "\n".join([method, path, query, f"host:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{stamp}\n",
                           "host;x-amz-content-sha256;x-amz-date", digest])
    scope = f"{date}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    step = ("AWS4" + (secret or t.pail.secret_key)).encode()
    for word in (date, region, "s3", "aws4_request"):
        step = hmac.new(step, word.encode(), hashlib.sha256).digest()
    signature = hmac.new(step, to_sign.encode(), hashlib.sha256).hexdigest()
    headers = {"x-amz-content-sha256": digest, "x-amz-date": stamp,
               "Authorization": f"AWS4-HMAC-SHA256 Credential={key or t.pail.access_key}/{scope}, "
                                f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"}
    return ask(t, method, path + ("?" + query if query else ""), body, headers)


def ask(t, method, target, body=b"", headers=None):
    kind = http.client.HTTPSConnection if t.pail.tls else http.client.HTTPConnection
    more = {"context": ssl.create_default_context(cafile=t.pail.ca)} if t.pail.tls else {}
    connection = kind(t.pail.host, t.pail.port, timeout=30, **more)
    try:
        connection.request(method, target, body or None, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text
    finally:
        connection.close()


@case
def versions_regions_and_errors(t):
    for version in ("v1", "v2", "v4", "v5"):
        status, answer = ask(t, "GET", f"/minio/admin/{version}/info")
        equal((status, answer["Code"]), (426, "XMinioAdminVersionMismatch"), version)
    status, answer = signed(t, "PUT", "/minio/admin/v4/set-bucket-quota", "bucket=b", b"x" * 100000)
    equal((status, answer["Code"]), (426, "XMinioAdminVersionMismatch"), "with a body")
    equal(signed(t, "GET", "/minio/admin/v3/info")[0], 200, "the empty region")
    equal(signed(t, "GET", "/minio/admin/v3/info", region="eu-north-7")[0], 200, "any region")
    status, answer = ask(t, "GET", "/minio/admin/v3/info")
    equal((status, answer["Code"], sorted(answer)), (403, "AccessDenied", ["Code", "HostId", "Message", "RequestId", "Resource"]), "nobody")
    status, answer = signed(t, "GET", "/minio/admin/v3/info", secret="wrong-secret")
    equal((status, answer["Code"]), (403, "SignatureDoesNotMatch"), "a wrong secret")
    equal(signed(t, "POST", "/minio/admin/v3/info")[0], 405, "another method")
    equal(signed(t, "GET", "/minio/admin/v3/top/locks"), (200, []), "nothing holds locks")
    status, answer = signed(t, "POST", "/minio/admin/v3/force-unlock")
    equal((status, answer["Code"]), (501, "NotImplemented"), "an honest error")
    status, answer = signed(t, "GET", "/minio/admin/v3/get-bucket-quota", "bucket=no-such-bucket")
    equal((status, answer["Code"]), (404, "NoSuchBucket"), "no bucket")


@case
@over_http
def bodies_that_are_not_sealed(t):
    path, query = "/minio/admin/v3/add-user", "accessKey=somebody"
    for body in (b"", b'{"secretKey":"long-enough"}', b"\0" * 57, os.urandom(300), b"\0" * 32 + b"\x07" + os.urandom(60)):
        status, answer = signed(t, "PUT", path, query, body)
        true(status in (400, 411), f"{len(body)} bytes: {status} {answer}")
    status, answer = signed(t, "PUT", path, query, b"\0" * (262272 + 40000))
    equal(status, 400, "too large")
    for body in (b"[]", b"{", b'{"a":1,"a":2}', b"null", b"[" * 250000, b'{"a":' * 50000):
        equal(signed(t, "PUT", "/minio/admin/v3/update-group-members", "", body)[0], 400, "no object")
    # A signature must cover the body.
    status, _ = ask(t, "PUT", f"{path}?{query}", os.urandom(100), {"Authorization": "AWS4-HMAC-SHA256 Credential=a//s3/aws4_request"})
    true(status in (400, 403), "malformed")


@case
@over_http
def derivations_are_bounded(t):
    """More encrypted requests than may wait: some are turned away, all are answered, and the server serves on."""
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda _: signed(t, "GET", "/minio/admin/v3/list-users")[0], range(30)))
    true(set(found) <= {200, 503}, f"answers {set(found)}")
    true(found.count(200) >= 10, f"{found.count(200)} of 30 were served")
    t.mc("admin", "user", "list", "pail")


# ---- the published vectors ----

def vectors():
    """(secret, body) of madmin-go's own test, as its module has it."""
    done = subprocess.run(["go", "mod", "download", "-json", "github.com/minio/madmin-go/v3@v3.0.96"], capture_output=True, text=True,
                          check=True)
    with open(os.path.join(json.loads(done.stdout)["Dir"], "encrypt_test.go")) as f:
        table = f.read().split("decryptDataTests = ", 1)[1].split("\n}{", 1)[1].split("\n}\n", 1)[0]
    for row in re.findall(r"\{Password: (.*?), Data: (.*?)\},", table, re.S):
        yield row[0][1:-1].encode(), "".join(re.findall(r'"([0-9a-f]*)"', row[1]))


@case
@over_http
def published_vectors(t):
    tool = next((p for p in (os.path.join(pail_module.BUILD, b, "open_sealed") for b in ("asan", "tsan", "release")) if os.path.exists(p)),
                None) or os.path.join(os.path.dirname(t.pail.binary), "open_sealed")
    if not os.path.exists(tool):
        t.skip("open_sealed is not built: make model-bins")
    found = list(vectors())
    true(len(found) >= 4, f"{len(found)} vectors")
    text = "".join(f"{secret.hex()} {body}\n" for secret, body in found)
    opened = t.command(tool, stdin=text).stdout.splitlines()
    equal([len(o) // 2 for o in opened], [0, 256, 32, 256], "lengths")
    true(all(set(o) <= {"0"} for o in opened), "the plaintexts are zeros")
    wrong = "".join(f"{(secret + b'x').hex()} {body}\n" for secret, body in found)
    equal(t.command(tool, stdin=wrong).stdout.split(), ["refused"] * len(found), "with another secret")


if __name__ == "__main__":
    main("sdk-mc-admin", setup)
