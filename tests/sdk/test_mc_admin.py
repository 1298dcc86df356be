#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mc's commands for administrators, as they are: `mc admin ...`, `mc quota`, `mc ready`, `mc ping`; minio-py's MinioAdmin;
and the wire below them."""
import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials import StaticProvider

import clients
import pail as pail_module
from cases import case, contains, equal, main, true

KIB, MIB = 1024, 1024 * 1024
READ_ONLY = {"Version": "2012-10-17",
             "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}]}


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
def prometheus_command(t):
    contains(t.mc("admin", "prometheus", "generate", "pail").stdout, "bearer", "the settings for a scrape")


@case
def what_makes_no_sense_says_so(t):
    contains(refused(t, "admin", "heal", "pail"), "nothing can be healed", "heal")
    contains(refused(t, "admin", "rebalance", "status", "pail"), "no pools", "rebalance")


# ---- users, groups, policies ----

@case
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
def keys_end(t):
    who = user(t, "eve", "readwrite")
    made = admin(t, "accesskey", "create", "pail", who, "--expiry-duration", "4s")[0]
    mine, bucket = s3(t, made["accessKey"], made["secretKey"]), t.bucket_name()
    mine.create_bucket(Bucket=bucket)
    time.sleep(4.5)
    fails("InvalidAccessKeyId", mine.list_objects_v2, Bucket=bucket)


@case
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
        found, deadline = [], time.monotonic() + 20
        os.set_blocking(stream.stdout.fileno(), False)
        text = ""
        while time.monotonic() < deadline and not ("s3.PutObject" in text and "s3.GetObject" in text):
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
        began = time.monotonic()
        t.pail.stop()
        true(time.monotonic() - began < 8, "nobody waits for the stream")
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
    status, answer = signed(t, "GET", "/minio/admin/v3/top/locks")
    equal((status, answer["Code"]), (501, "NotImplemented"), "an honest error")
    status, answer = signed(t, "GET", "/minio/admin/v3/get-bucket-quota", "bucket=no-such-bucket")
    equal((status, answer["Code"]), (404, "NoSuchBucket"), "no bucket")


@case
def bodies_that_are_not_sealed(t):
    path, query = "/minio/admin/v3/add-user", "accessKey=somebody"
    for body in (b"", b'{"secretKey":"long-enough"}', b"\0" * 57, os.urandom(300), b"\0" * 32 + b"\x07" + os.urandom(60)):
        status, answer = signed(t, "PUT", path, query, body)
        true(status in (400, 411), f"{len(body)} bytes: {status} {answer}")
    status, answer = signed(t, "PUT", path, query, b"\0" * (262272 + 40000))
    equal(status, 400, "too large")
    for body in (b"[]", b"{", b'{"a":1,"a":2}', b"null"):
        equal(signed(t, "PUT", "/minio/admin/v3/update-group-members", "", body)[0], 400, "no object")
    # A signature must cover the body.
    status, _ = ask(t, "PUT", f"{path}?{query}", os.urandom(100), {"Authorization": "AWS4-HMAC-SHA256 Credential=a//s3/aws4_request"})
    true(status in (400, 403), "malformed")


@case
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
