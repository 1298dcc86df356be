#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pail import` and `pail export`: Pail to Pail, folders in and out, versions, hostile names, servers that throttle or
break off, kills at random points; what was requested is counted by both servers' audit logs.

Two servers, so all cases run once, over http; one of them speaks https to a third.
"""
import collections
import hashlib
import http.client
import http.server
import json
import os
import random
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from cases import TEST_DIR, case, contains, equal, pattern, run_cases, true
from faultproxy import Fault, FaultProxy
from pail import ROOT, Pail

MIB = 1 << 20
LATE_SECONDS = 1.0  # that a run waits for requests of one that was killed (admin/transfer/late.c)
KEYS = ["plain", "a/b/c", "a//b", "../up", "./x", "/lead", "trail/", "sp ace", " lead", "plus+", "p%41", "q?&=#;:@$,",
        "ümläut/日本", "quote'\"<>&", "new\nline", "tab\t", "del\x7f", "x" * 900, "~t", "b\\s", "*[!]{}|^`"]


# ---- helpers ----

def client_of(server):
    return boto3.client("s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key,
                        aws_secret_access_key=server.secret_key, region_name="us-east-1", verify=server.ca,
                        config=Config(retries={"max_attempts": 0}, max_pool_connections=16))


def setup(t):
    t.to = client_of(t.pail)
    t.source = Pail("transfer-source", env={"PAIL_AUDIT_FILE": os.path.join(TEST_DIR, f"audit-from-{os.getpid()}")})
    t.source.start()
    t.at = client_of(t.source)
    t.state = t.folder()


def environment(t, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_", "MC_")) or "SAN" in k}
    clean.update(PAIL_ENDPOINT=t.pail.endpoint, PAIL_ROOT_USER=t.pail.access_key, XDG_STATE_HOME=t.state,
                 PAIL_ROOT_PASSWORD=t.pail.secret_key, AWS_ACCESS_KEY_ID=t.source.access_key, HOME=t.state,
                 AWS_SECRET_ACCESS_KEY=t.source.secret_key, AWS_ENDPOINT_URL=t.source.endpoint)
    clean.update(more)
    return {k: v for k, v in clean.items() if v is not None}


def pail(t, *words, code=0, seconds=120, **env):
    """Its report, with the problems it named as "problems"."""
    done = subprocess.run([t.pail.binary, *words, "--json"], env=environment(t, **env), capture_output=True, text=True,
                          timeout=seconds)
    equal(done.returncode, code, f"status of pail {words}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if code == 2:
        return done.stderr
    return dict(lines[-1], problems=lines[:-1])


def bucket(t, client=None, versions=False, lock=False):
    name = t.bucket_name()
    client = client or t.at
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    if versions:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def contents(client, name):
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for row in page.get("Contents", []):
            found[row["Key"]] = client.get_object(Bucket=name, Key=row["Key"])["Body"].read()
    return found


def fill(client, name, count, size=100, prefix="k"):
    made = {}
    for i in range(count):
        made[f"{prefix}/{i:05}"] = pattern(size + i, i)
    with concurrent(8) as pool:
        list(pool.map(lambda row: client.put_object(Bucket=name, Key=row[0], Body=row[1]), made.items()))
    return made


def concurrent(n):
    from concurrent.futures import ThreadPoolExecutor
    return ThreadPoolExecutor(n)


def put_parts(client, name, key, parts, **more):
    upload = client.create_multipart_upload(Bucket=name, Key=key, **more)["UploadId"]
    done = [{"PartNumber": i, "ETag": client.upload_part(Bucket=name, Key=key, UploadId=upload, PartNumber=i,
                                                        Body=body)["ETag"]} for i, body in enumerate(parts, 1)]
    client.complete_multipart_upload(Bucket=name, Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def read_text(path):
    with open(path) as f:
        return f.read()


def audit(server, *apis):
    """What the server's audit log says was done well: (api, key) -> how often."""
    mark = f"mark-{time.monotonic_ns()}"  # a thread of its own writes the lines, in their order: this is the last
    try:
        client_of(server).head_object(Bucket="audit-mark", Key=mark)
    except ClientError:
        pass
    until(lambda: mark in read_text(server.env["PAIL_AUDIT_FILE"]), "the audit log")
    counted = collections.Counter()
    with open(server.env["PAIL_AUDIT_FILE"]) as f:
        for line in f:
            row = json.loads(line)["api"]
            if row["name"] in apis and row["statusCode"] // 100 == 2:
                counted[row["name"], row.get("bucket"), row.get("object")] += 1
    return counted


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        true(time.monotonic() < end, f"in time: {what}")
        time.sleep(0.02)


def parts_arrived(client, name):
    return sum(len(client.list_parts(Bucket=name, Key=u["Key"], UploadId=u["UploadId"]).get("Parts", []))
               for u in client.list_multipart_uploads(Bucket=name).get("Uploads", []))


def begin(t, *words, **env):
    return subprocess.Popen([t.pail.binary, *words], env=environment(t, **env), stderr=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, text=True)


def begin_and_kill(t, condition, what, *words, **env):
    """SIGKILL as soon as the condition holds."""
    process = begin(t, *words, **env)
    until(condition, what)
    process.kill()
    process.communicate()


def kinds(report):
    return sorted(p["type"] for p in report["problems"])


class Throttled:
    """A server before the server, which refuses some requests with SlowDown, or spoils replies. `ask` may change what
    is passed on, `answer` what comes back: each gets the request and may change headers (a list) in place; ask returns
    the body (None: status 400, or a status), answer the bytes."""

    def __init__(self, server, refuse=0.3, retry_after=None, seed=5, spoil=False, ask=None, answer=None):
        outer, self.refused, self.times = self, 0, collections.defaultdict(list)
        chance, lock = random.Random(seed), threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with lock:
                    bad = chance.random() < refuse
                    outer.refused += bad
                    outer.times[self.path].append(time.monotonic())
                if bad:
                    text = b"<Error><Code>SlowDown</Code><Message>Less, please.</Message></Error>"
                    self.send_response(503)
                    if retry_after:
                        self.send_header("Retry-After", str(retry_after))
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    return self.wfile.write(text) if self.command != "HEAD" else None
                sent = list(self.headers.items())
                if ask:
                    body = ask(self, sent, body)
                if body is None or isinstance(body, int):
                    self.send_response(body or 400)
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                status, got, data = self.forward(self.command, self.path, sent, body)
                if spoil and self.command == "GET" and "?list" not in self.path and data:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                if answer:
                    data = answer(self, got, data)
                self.send_response_only(status)
                for name, value in got:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def forward(self, command, path, sent, body):
                far = http.client.HTTPConnection(server.host, server.port, timeout=30)
                far.putrequest(command, path, skip_host=True, skip_accept_encoding=True)
                for name, value in sent:
                    far.putheader(name, value)
                far.endheaders(body)
                reply = far.getresponse()
                data = reply.read()
                far.close()
                return reply.status, reply.getheaders(), data

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):  # who is killed hangs up
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- Pail to Pail ----

@case
def everything_of_an_object(t):
    name, dest = bucket(t), t.bucket_name()
    t.at.put_object(Bucket=name, Key="full", Body=b"bytes", ContentType="text/x-test; charset=utf-8", CacheControl="no-cache",
                    ContentDisposition='attachment; filename="a b.txt"', ContentEncoding="identity", ContentLanguage="de",
                    Expires="Thu, 01 Dec 2033 16:00:00 GMT", Metadata={"one": "1", "two": "two  words", "empty": ""},
                    Tagging="a=b&c%20d=e%2Ff%2B", WebsiteRedirectLocation="/elsewhere")
    t.at.put_object(Bucket=name, Key="bare", Body=b"")
    t.at.put_object(Bucket=name, Key="timed", Body=b"x", Metadata={"mtime": "1700000000.5"})
    made = pail(t, "import", f"s3://{name}", dest, "--create")
    equal((made["copied"], made["complete"], kinds(made)), (3, True, []), "the report")
    there, here = t.at.get_object(Bucket=name, Key="full"), t.to.get_object(Bucket=dest, Key="full")
    for field in ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage",
                  "ExpiresString", "ETag", "ContentLength", "WebsiteRedirectLocation"):
        equal(here.get(field), there.get(field), field)
    notes = here["Metadata"]
    equal(notes.pop("pail-source-etag"), there["ETag"].strip('"'), "the note of the ETag")
    equal(float(notes.pop("mtime")), there["LastModified"].timestamp(), "the note of the time")
    equal(notes, there["Metadata"], "metadata")
    equal(sorted(map(str, t.to.get_object_tagging(Bucket=dest, Key="full")["TagSet"])),
          sorted(map(str, t.at.get_object_tagging(Bucket=name, Key="full")["TagSet"])), "tags")
    equal(t.to.head_object(Bucket=dest, Key="timed")["Metadata"]["mtime"], "1700000000.5", "a time noted before")
    again = pail(t, "import", f"s3://{name}", dest)
    equal((again["copied"], again["same"]), (0, 3), "a second run")


@case
def keys_of_all_kinds(t):
    name, dest = bucket(t), bucket(t, t.to)
    for i, key in enumerate(KEYS):
        t.at.put_object(Bucket=name, Key=key, Body=pattern(50, i))
    equal(pail(t, "import", f"s3://{name}", dest)["copied"], len(KEYS), "copied")
    equal(contents(t.to, dest), contents(t.at, name), "contents")
    equal(pail(t, "import", f"s3://{name}", dest)["requests"] < 8, True, "only listings the second time")
    equal(pail(t, "import", f"s3://{name}", dest, "--compare")["same"], len(KEYS), "compared")


@case
def a_prefix_becomes_another(t):
    name, dest = bucket(t), bucket(t, t.to)
    for key in ("in/a", "in/b/c", "inner", "other"):
        t.at.put_object(Bucket=name, Key=key, Body=key.encode())
    equal(pail(t, "import", f"s3://{name}/in", f"{dest}/out")["copied"], 2, "copied")
    equal(contents(t.to, dest), {"out/a": b"in/a", "out/b/c": b"in/b/c"}, "contents")
    equal(pail(t, "export", f"{dest}/out/", f"s3://{name}/back")["copied"], 2, "copied back")
    equal(t.at.get_object(Bucket=name, Key="back/b/c")["Body"].read(), b"in/b/c", "the way back")


@case
def large_objects(t):
    name, dest = bucket(t), bucket(t, t.to)
    parts = [pattern(6 * MIB, 1), pattern(6 * MIB, 2), pattern(100, 3)]
    put_parts(t.at, name, "parts", parts, ContentType="a/b", Metadata={"m": "v"}, Tagging="t=1")
    put_parts(t.at, name, "one-part", [b"small"])
    put_parts(t.at, name, "uneven", [pattern(6 * MIB, 4), pattern(5 * MIB, 5), pattern(6 * MIB - 5, 6)])
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(40 * MIB, 7))
    t.at.put_object(Bucket=name, Key="sealed", Body=pattern(20 * MIB, 8), ServerSideEncryption="aws:kms",
                    ChecksumAlgorithm="CRC32")  # no MD5 to hold on to
    made = pail(t, "import", f"s3://{name}", dest)
    equal((made["copied"], made["failed"]), (5, 0), "copied")
    for key in ("parts", "one-part", "uneven", "whole", "sealed"):
        there, here = t.at.get_object(Bucket=name, Key=key), t.to.get_object(Bucket=dest, Key=key)
        equal(hashlib.sha256(here["Body"].read()).digest(), hashlib.sha256(there["Body"].read()).digest(), key)
        if key in ("parts", "one-part"):
            equal(here["ETag"], there["ETag"], "the ETag of the same parts")
    equal(t.to.head_object(Bucket=dest, Key="parts")["ContentType"], "a/b", "the type")
    equal(t.to.get_object_tagging(Bucket=dest, Key="parts")["TagSet"], [{"Key": "t", "Value": "1"}], "tags")
    again = pail(t, "import", f"s3://{name}", dest)
    equal((again["copied"], again["same"]), (0, 5), "a second run")
    folder = t.folder()
    equal(pail(t, "export", dest, folder)["copied"], 5, "exported")
    with open(os.path.join(folder, "whole"), "rb") as f:
        true(f.read() == pattern(40 * MIB, 7), "the exported bytes")
    equal(pail(t, "export", dest, folder, "--compare")["same"], 5, "files compared by their bytes")
    equal(pail(t, "import", folder, f"{dest}/files")["copied"], 5, "imported again")
    equal(pail(t, "import", folder, f"{dest}/files", "--compare")["same"], 5, "compared by parts")


@case
def versions_in_their_order(t):
    name, dest = bucket(t, versions=True), bucket(t, t.to, versions=True)
    for i in range(3):
        t.at.put_object(Bucket=name, Key="v", Body=b"%d" % i)
    t.at.delete_object(Bucket=name, Key="v")
    t.at.delete_object(Bucket=name, Key="v")
    t.at.put_object(Bucket=name, Key="v", Body=b"same")
    t.at.put_object(Bucket=name, Key="v", Body=b"same")
    t.at.put_object(Bucket=name, Key="gone", Body=b"x")
    t.at.delete_object(Bucket=name, Key="gone")
    put_parts(t.at, name, "big", [pattern(5 * MIB, 1), b"end"])
    put_parts(t.at, name, "big", [pattern(5 * MIB, 2), b"end"])

    def history(client, where):
        rows = []
        for page in client.get_paginator("list_object_versions").paginate(Bucket=where):
            rows += [(r["Key"], r["LastModified"], r["IsLatest"], r.get("ETag")) for r in
                     page.get("Versions", []) + page.get("DeleteMarkers", [])]
        by_key = collections.defaultdict(list)
        for page in client.get_paginator("list_object_versions").paginate(Bucket=where):
            for kind in ("Versions", "DeleteMarkers"):
                for r in page.get(kind, []):
                    by_key[r["Key"], kind].append((r.get("ETag"), r["IsLatest"]))
        return by_key

    made = pail(t, "import", f"s3://{name}", dest, "--versions")
    equal((made["copied"], made["delete_markers"], made["failed"]), (8, 3, 0), "the report")
    equal(history(t.to, dest), history(t.at, name), "the histories")
    again = pail(t, "import", f"s3://{name}", dest, "--versions")
    equal((again["copied"], again["delete_markers"], again["same"]), (0, 0, 11), "a second run")
    t.at.put_object(Bucket=name, Key="v", Body=b"newer")
    equal(pail(t, "import", f"s3://{name}", dest, "--versions", "--compare", code=1)["differs"], 1, "compared")
    equal(pail(t, "import", f"s3://{name}", dest, "--versions")["copied"], 1, "only what is new")
    t.to.put_object(Bucket=dest, Key="v", Body=b"foreign")
    t.at.put_object(Bucket=name, Key="v", Body=b"newest")
    refused = pail(t, "import", f"s3://{name}", dest, "--versions", code=1)
    contains(refused["problems"][0]["text"], "versions of it that the source has not")
    contains(pail(t, "import", f"s3://{name}", bucket(t, t.to), "--versions", code=1)["problems"][0]["text"],
             "keeps no versions")


@case
def all_buckets_with_their_settings(t):
    source, dest = Pail("transfer-all"), Pail("transfer-all-to")
    with source, dest:
        at, to = client_of(source), client_of(dest)
        at.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        at.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})
        at.put_object(Bucket="locked", Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")
        at.create_bucket(Bucket="rules")
        at.put_bucket_tagging(Bucket="rules", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        at.put_bucket_lifecycle_configuration(Bucket="rules", LifecycleConfiguration={"Rules": [
            {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 9}}]})
        at.put_bucket_cors(Bucket="rules", CORSConfiguration={"CORSRules": [
            {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"]}]})
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                                                          "Resource": "arn:aws:s3:::rules/*"}]}
        at.put_object(Bucket="rules", Key="k", Body=b"x")
        at.put_bucket_policy(Bucket="rules", Policy=json.dumps(policy))
        env = dict(AWS_ACCESS_KEY_ID=source.access_key, AWS_SECRET_ACCESS_KEY=source.secret_key,
                   AWS_ENDPOINT_URL=source.endpoint, PAIL_ENDPOINT=dest.endpoint)
        for _ in range(2):
            contains(pail(t, "import", "s3://", "s3://", "--all-buckets", "--journal", f"{t.folder()}/j", code=2, **env),
                     "each of --all-buckets has its own")
            made = pail(t, "import", "s3://", "s3://", "--all-buckets", **env)
        equal((made["copied"], made["same"]), (0, 2), "the second run")
        equal(to.get_bucket_versioning(Bucket="locked")["Status"], "Enabled", "versioning")
        equal(to.get_object_lock_configuration(Bucket="locked")["ObjectLockConfiguration"]["Rule"]["DefaultRetention"],
              {"Mode": "GOVERNANCE", "Days": 1}, "the default lock")
        equal(to.get_object_legal_hold(Bucket="locked", Key="held")["LegalHold"]["Status"], "ON", "the legal hold")
        equal(to.get_bucket_tagging(Bucket="rules")["TagSet"], [{"Key": "a", "Value": "b"}], "tags")
        equal(to.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"][0]["Expiration"], {"Days": 9}, "lifecycle")
        equal(to.get_bucket_cors(Bucket="rules")["CORSRules"][0]["AllowedMethods"], ["GET"], "CORS")
        equal(json.loads(to.get_bucket_policy(Bucket="rules")["Policy"])["Statement"][0]["Effect"], "Deny", "the policy")
        folder = os.path.join(t.folder(), "all")
        pail(t, "export", "s3://", folder, "--all-buckets", **env)
        equal(sorted(os.listdir(folder)), ["locked", "rules"], "folders")


@case
def encryption_on_the_way(t):
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="k", Body=b"x")
    pail(t, "import", f"s3://{name}", dest, "--sse", "aws:kms")
    equal(t.to.head_object(Bucket=dest, Key="k")["ServerSideEncryption"], "aws:kms", "encryption")
    equal(pail(t, "import", f"s3://{name}", dest)["same"], 1, "known again")


@case
def what_is_there_is_left_alone(t):
    name, dest = bucket(t), bucket(t, t.to)
    made = fill(t.at, name, 30)
    t.to.put_object(Bucket=dest, Key="k/00003", Body=b"differs")
    t.to.put_object(Bucket=dest, Key="k/00004", Body=made["k/00004"])
    t.to.put_object(Bucket=dest, Key="own", Body=b"own")
    found = pail(t, "import", f"s3://{name}", dest, "--compare", code=1)
    equal((found["same"], found["differs"], found["extra"]), (1, 29, 1), "compared")
    would = pail(t, "import", f"s3://{name}", dest, "--dry-run")
    equal(kinds(would), ["would-copy"] * 29, "a dry run")
    equal(len(contents(t.to, dest)), 3, "nothing is written by either")
    pail(t, "import", f"s3://{name}", dest)
    equal(contents(t.to, dest), dict(made, own=b"own"), "after the import")


# ---- folders ----

@case
def folders_in_and_out(t):
    folder, dest, out = t.folder(), bucket(t, t.to), t.folder()
    files = {"a.txt": b"a", "a/b.txt": b"ab", "a.b/c.PNG": b"png", "empty": b"", "sp ace/ü": b"u", "-dash": b"-",
             "deep/" * 20 + "x": b"deep"}
    for path, body in files.items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)) or folder, exist_ok=True)
        with open(os.path.join(folder, path), "wb") as f:
            f.write(body)
        os.utime(os.path.join(folder, path), ns=(1, 1_600_000_000_123_456_789))
    with open(os.fsencode(folder) + b"/raw\xff", "wb") as f:
        f.write(b"raw")
    os.symlink("/etc/passwd", os.path.join(folder, "out-link"))
    os.symlink("a.txt", os.path.join(folder, "in-link"))
    os.symlink(".", os.path.join(folder, "loop"))
    os.mkfifo(os.path.join(folder, "pipe"))
    made = pail(t, "import", folder, dest, code=1)
    stored = contents(t.to, dest)
    stored.pop("raw\udcff", None), [stored.pop(k) for k in list(stored) if k.startswith("raw")]
    equal(stored, files, "the objects")
    equal(sorted(p["key"] for p in made["problems"] if p["type"] == "skipped"), ["in-link", "loop", "out-link", "pipe"],
          "left out")
    head = t.to.head_object(Bucket=dest, Key="a.b/c.PNG")
    equal((head["ContentType"], head["Metadata"]["mtime"]), ("image/png", "1600000000.123456789"), "type and time")
    again = pail(t, "import", folder, dest, "--follow-symlinks", code=1)
    equal(sorted(p.get("key", "") for p in again["problems"] if p["type"] == "skipped"), ["loop/", "out-link", "pipe"],
          "links that are followed")
    equal(t.to.get_object(Bucket=dest, Key="in-link")["Body"].read(), b"a", "a link inside")
    pail(t, "export", dest, out)
    for path, body in files.items():
        with open(os.path.join(out, path), "rb") as f:
            equal(f.read(), body, path)
        equal(os.stat(os.path.join(out, path)).st_mtime_ns, 1_600_000_000_123_456_789, "the time kept")
    true(not [n for _, _, names in os.walk(out) for n in names if n.startswith(".pail-")], "no temporary file stays")
    with open(os.path.join(out, "a.txt"), "wb") as f:
        f.write(b"b")
    equal(pail(t, "export", dest, out, "--compare", code=1)["differs"], 1, "another content of the same size")
    equal(pail(t, "export", dest, out)["copied"], 1, "written anew")


@case
def exports_stay_inside(t):
    name, out = bucket(t, t.to), t.folder()
    victim = t.folder()
    for key in ("../up", "a/../../up", "/abs", "./dot", "a//b", "ok/x", "link/evil", "n" * 300, "p/" * 300 + "x", "file",
                "file/below", "file-link"):
        t.to.put_object(Bucket=name, Key=key, Body=b"x")
    os.symlink(victim, os.path.join(out, "link"))
    os.symlink(os.path.join(victim, "made"), os.path.join(out, "file-link"))
    done = pail(t, "export", name, out, code=1)
    equal(os.listdir(victim), [], "nothing is written outside")
    equal(os.path.exists(os.path.join(os.path.dirname(out), "up")), False, "nothing above")
    true(os.path.islink(os.path.join(out, "link")) and not os.path.islink(os.path.join(out, "file-link")),
         "a link in the way of a folder stays; one in the way of a file is replaced, not followed")
    equal(done["skipped"], 7, "names that no file can have")
    equal(done["failed"], 2, "link/evil, and one of file and file/below")
    equal(os.path.exists(os.path.join(out, "ok/x")), True, "the rest is there")


# ---- servers that misbehave ----

@case
def a_source_that_throttles(t):
    name, dest = bucket(t), bucket(t, t.to)
    made = fill(t.at, name, 60)
    with Throttled(t.source) as slow:
        report = pail(t, "import", f"s3://{name}", dest, AWS_ENDPOINT_URL=slow.endpoint)
        true(slow.refused > 5, "some requests were refused")
        equal((report["copied"], report["retried"]), (60, slow.refused), "tried again as often as refused")
    equal(contents(t.to, dest), made, "contents")
    with Throttled(t.source, refuse=1.0) as slow:
        failed = pail(t, "import", f"s3://{name}", bucket(t, t.to), "--retries", "2", code=1, AWS_ENDPOINT_URL=slow.endpoint)
        contains(failed["problems"][0]["text"], "SlowDown")
        equal(slow.refused, 3, "attempts")


@case
def bytes_that_change_on_the_way(t):
    name, dest, folder = bucket(t), bucket(t, t.to), t.folder()
    t.at.put_object(Bucket=name, Key="small", Body=pattern(5000, 1))
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(20 * MIB, 2))
    put_parts(t.at, name, "parts", [pattern(5 * MIB, 3), b"end"])
    t.at.put_object(Bucket=name, Key="sealed", Body=pattern(20 * MIB, 8), ServerSideEncryption="aws:kms",
                    ChecksumAlgorithm="CRC32")
    with Throttled(t.source, refuse=0, spoil=True) as bad:
        report = pail(t, "import", f"s3://{name}", dest, code=1, AWS_ENDPOINT_URL=bad.endpoint)
        equal((report["copied"], report["failed"]), (0, 4), "none passes")
        for problem in report["problems"]:
            contains(problem["text"], "do not match", problem["key"])
        equal(contents(t.to, dest), {}, "nothing is stored")
        pail(t, "export", f"s3://{name}", folder, code=1, PAIL_ENDPOINT=bad.endpoint, PAIL_ROOT_USER=t.source.access_key,
             PAIL_ROOT_PASSWORD=t.source.secret_key)
        equal(os.listdir(folder), [], "nor written to a folder")
    equal(pail(t, "import", f"s3://{name}", dest)["copied"], 4, "without the fault")


@case
def retry_after_is_kept(t):
    name, dest = bucket(t), bucket(t, t.to)
    fill(t.at, name, 3)
    with Throttled(t.source, refuse=0.5, retry_after=1, seed=11) as slow:
        pail(t, "import", f"s3://{name}", dest, "--workers", "1", AWS_ENDPOINT_URL=slow.endpoint)
        pauses = [b - a for times in slow.times.values() for a, b in zip(times, times[1:])]
        true(pauses and min(pauses) >= 0.95, f"pauses of a second at least: {pauses}")


@case
def a_destination_that_throttles_writes_once(t):
    name, dest = bucket(t), bucket(t, t.to, versions=True)
    fill(t.at, name, 40)
    with Throttled(t.pail, refuse=0.3) as slow:
        equal(pail(t, "import", f"s3://{name}", dest, PAIL_ENDPOINT=slow.endpoint)["copied"], 40, "copied")
    rows = t.to.list_object_versions(Bucket=dest)["Versions"]
    equal(len(rows), 40, "versions")


@case
def connections_that_break(t):
    name, dest = bucket(t), bucket(t, t.to, versions=True)
    made = fill(t.at, name, 40, size=3000)
    with FaultProxy(t.source.host, t.source.port) as bad, FaultProxy(t.pail.host, t.pail.port) as worse:
        bad.down = Fault(cut_at=40000, how="reset")
        worse.down = Fault(cut_at=4000, how="reset")  # answers get lost: what they would say has happened
        report = pail(t, "import", f"s3://{name}", dest, "--workers", "4", "--retries", "30",
                      AWS_ENDPOINT_URL=f"http://127.0.0.1:{bad.port}", PAIL_ENDPOINT=f"http://127.0.0.1:{worse.port}")
        true(report["retried"] > 0, "something was tried again")
    equal(contents(t.to, dest), made, "contents")
    equal(len(t.to.list_object_versions(Bucket=dest)["Versions"]), 40, "every object was written once")


@case
def what_the_source_denies_is_told(t):
    name, dest = bucket(t), bucket(t, t.to)
    fill(t.at, name, 5)
    t.at.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/k/00002"}]}))
    report = pail(t, "import", f"s3://{name}", dest, code=1)
    equal([(p["type"], p["key"]) for p in report["problems"]], [("failed", "k/00002")], "named")
    contains(report["problems"][0]["text"], "AccessDenied")
    equal(report["copied"], 4, "the others")


# ---- kills ----

def run_and_kill(t, words, after, **env):
    """The status; None: it was ended by the signal before it was done."""
    process = subprocess.Popen([t.pail.binary, *words], env=environment(t, **env), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
    errors = process.communicate(timeout=60)[1]
    true(b"Sanitizer" not in errors, errors.decode(errors="replace"))
    true(process.returncode in (0, -signal.SIGKILL), f"it was done, or ended by the signal: {errors.decode(errors='replace')}")
    return process.returncode


@case
def killed_and_resumed_without_loss_or_repeats(t):
    chance = random.Random(int(os.environ.get("PAIL_SEED", "7")))
    with Pail("transfer-killed", env={"PAIL_AUDIT_FILE": os.path.join(TEST_DIR, f"audit-to-{os.getpid()}")}) as dest:
        name, env = bucket(t), dict(PAIL_ENDPOINT=dest.endpoint)
        made = fill(t.at, name, 600, size=2000)
        for i in range(2):
            put_parts(t.at, name, f"large/{i}", [pattern(5 * MIB, i * 10 + k) for k in range(6)])
        client_of(dest).create_bucket(Bucket="dest")
        words = ["import", f"s3://{name}", "dest", "--workers", "6", "--limit"]
        kills = 0  # the first runs would take half a minute, so that they are killed for sure
        while run_and_kill(t, [*words, "2MiB" if kills < 3 else "40MiB"], chance.uniform(0.03, 0.15) * (1 + kills / 3), **env) != 0:
            kills += 1
            true(kills < 60, "it comes to an end")
        client = client_of(dest)
        for key, body in made.items():
            equal(client.get_object(Bucket="dest", Key=key)["Body"].read(), body, key)
        for i in range(2):
            equal(client.head_object(Bucket="dest", Key=f"large/{i}")["ETag"],
                  t.at.head_object(Bucket=name, Key=f"large/{i}")["ETag"], "a large one's ETag")
        written = audit(dest, "PutObject", "CompleteMultipartUpload", "UploadPart", "PutObjectPart")
        read = audit(t.source, "GetObject")
        equal({k[2]: n for k, n in written.items() if k[0] == "PutObject"}, {k: 1 for k in made}, "writes of each key")
        equal({k[2]: n for k, n in written.items() if k[0] == "CompleteMultipartUpload"},
              {"large/0": 1, "large/1": 1}, "completions")
        sent = sum(n for k, n in written.items() if k[0] in ("UploadPart", "PutObjectPart"))
        true(12 <= sent <= 12 + 6 * kills, f"parts sent: {sent} after {kills} kills")
        again = sum(n for k, n in read.items() if k[1] == name and k[2] in made)
        true(again <= 600 + 6 * kills, f"small objects read: {again} after {kills} kills")
        print(f"# {kills} kills, {sent} parts sent of 12, {again} reads of 600")
        # A kill between the opening of an upload and its line in the journal leaves one behind, which holds nothing.
        left = client.list_multipart_uploads(Bucket="dest").get("Uploads", [])
        true(len(left) <= 2 * kills, f"uploads left: {len(left)}")
        for row in left:
            equal(client.list_parts(Bucket="dest", Key=row["Key"], UploadId=row["UploadId"]).get("Parts", []), [],
                  "parts of an upload that was left")
        equal([f for f in os.listdir(os.path.join(t.state, "pail"))], [], "no journal stays")


@case
def killed_while_versions_are_written(t):
    chance = random.Random(int(os.environ.get("PAIL_SEED", "5")))
    name, dest = bucket(t, versions=True), bucket(t, t.to, versions=True)

    def write(key):
        for i in range(5):
            t.at.put_object(Bucket=name, Key=key, Body=b"same" if i < 3 else b"%d" % i)
        t.at.delete_object(Bucket=name, Key=key)

    with concurrent(8) as pool:
        list(pool.map(write, (f"k/{i:03}" for i in range(150))))
    kills = 0
    while run_and_kill(t, ["import", f"s3://{name}", dest, "--versions", "--workers", "4"],
                       (LATE_SECONDS if kills else 0) + chance.uniform(0.02, 0.08) * (1 + kills / 3)) != 0:
        kills += 1
        true(kills < 60, "it comes to an end")

    def histories(client, where):
        found = collections.defaultdict(list)
        for page in client.get_paginator("list_object_versions").paginate(Bucket=where):
            for row in page.get("Versions", []) + page.get("DeleteMarkers", []):
                found[row["Key"]].append(row.get("ETag", "marker"))
        return found

    equal(histories(t.to, dest), histories(t.at, name), f"the histories after {kills} kills")
    print(f"# {kills} kills")


@case
def progress_on_a_terminal(t):
    import pty
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="k", Body=pattern(6 * MIB, 1))
    ours, theirs = pty.openpty()
    process = subprocess.Popen([t.pail.binary, "import", f"s3://{name}", dest, "--limit", "3MiB"], env=environment(t),
                               stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    out = process.communicate(timeout=30)[0].decode()
    equal(process.returncode, 0, "status")
    contains(shown.decode(), "\r\033[K[")
    contains(shown.decode(), "of 1, ")
    contains(out, "1 written (6.0 MiB), 0 were there already")


@case
def killed_exports_leave_whole_files(t):
    chance = random.Random(3)
    name, out = bucket(t, t.to), t.folder()
    made = fill(t.to, name, 300, size=5000)
    made["large"] = pattern(40 * MIB, 9)
    t.to.put_object(Bucket=name, Key="large", Body=made["large"])
    kills = 0
    while run_and_kill(t, ["export", name, out, "--limit", "60MiB"], chance.uniform(0.1, 0.4) * (1 + kills / 4)) != 0:
        kills += 1
        for where, _, names in os.walk(out):
            for file in names:
                if not file.startswith(".pail-"):
                    path = os.path.join(where, file)
                    with open(path, "rb") as f:
                        true(f.read() == made[os.path.relpath(path, out)], f"{file} is whole")
        true(kills < 60, "it comes to an end")
    left = sorted(os.path.relpath(os.path.join(w, n), out) for w, _, names in os.walk(out) for n in names)
    equal(left, sorted(made), f"files after {kills} kills")


@case
def an_interrupt_ends_it_cleanly(t):
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="large", Body=pattern(60 * MIB, 1))
    process = begin(t, "import", f"s3://{name}", dest, "--limit", "3MiB", "--part-size", "5MiB", "--workers", "1")
    until(lambda: parts_arrived(t.to, dest) >= 1, "a part")
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    equal(process.returncode, 1, f"status: {errors}")
    true("Sanitizer" not in errors, errors)
    true(time.monotonic() - start < 10, "it does not wait for all")
    equal("Contents" in t.to.list_objects_v2(Bucket=dest), False, "no half object")
    equal(pail(t, "import", f"s3://{name}", dest)["copied"], 1, "the next run")


@case
def a_limit_holds(t):
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="k", Body=pattern(8 * MIB, 1))
    begin = time.monotonic()
    pail(t, "import", f"s3://{name}", dest, "--limit", "4MiB/s")
    took = time.monotonic() - begin
    true(1.4 < took < 12, f"8 MiB at 4 MiB/s took {took:.1f} s")


# ---- proof that bytes arrive as they are ----

def without(headers, *prefixes):
    headers[:] = [(n, v) for n, v in headers if not n.lower().startswith(prefixes)]


def old_server(server, **more):
    """One that tells nothing of x-amz-checksum-..., as many do not."""
    return Throttled(server, refuse=0, answer=lambda _, got, data: (without(got, "x-amz-checksum"), data)[1], **more)


def large_ones(t, name):
    t.at.put_object(Bucket=name, Key="small", Body=pattern(5000, 1))
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(20 * MIB, 2))
    put_parts(t.at, name, "parts", [pattern(5 * MIB, 3), pattern(5 * MIB, 4), b"end"])
    return {"small": pattern(5000, 1), "whole": pattern(20 * MIB, 2),
            "parts": pattern(5 * MIB, 3) + pattern(5 * MIB, 4) + b"end"}


@case
def sources_and_destinations_without_crcs(t):
    name = bucket(t)
    made = large_ones(t, name)
    for at, where in (("AWS_ENDPOINT_URL", t.source), ("PAIL_ENDPOINT", t.pail)):
        dest, seen = bucket(t, t.to), []
        with old_server(where, ask=lambda q, sent, body: (seen.append((q.command, q.path, dict(sent))), body)[1]) as old:
            equal(pail(t, "import", f"s3://{name}", dest, **{at: old.endpoint})["copied"], 3, at)
        equal(contents(t.to, dest), made, f"contents, {at}")
        if where is t.pail:
            sums = [h for command, path, h in seen if command == "PUT" and "partNumber" in path]
            true(sums and all("Content-MD5" in h for h in sums), "parts went with their MD5")
    with old_server(t.source, spoil=True) as bad:
        dest = bucket(t, t.to)
        report = pail(t, "import", f"s3://{name}", dest, code=1, AWS_ENDPOINT_URL=bad.endpoint)
        equal((report["copied"], report["failed"], contents(t.to, dest)), (0, 3, {}), "spoilt ones do not pass")
        out = t.folder()
        pail(t, "export", f"s3://{name}", out, code=1, PAIL_ENDPOINT=bad.endpoint, PAIL_ROOT_USER=t.source.access_key,
             PAIL_ROOT_PASSWORD=t.source.secret_key)
        equal(os.listdir(out), [], "nor into a folder")


@case
def a_destination_that_takes_no_crcs(t):
    """It answers 400 to what it does not know."""
    name, dest = bucket(t), bucket(t, t.to)
    made = large_ones(t, name)
    folder = t.folder()
    with open(os.path.join(folder, "file"), "wb") as f:
        f.write(pattern(3 * MIB, 9))

    def ask(_, headers, body):
        sums = [n for n, _ in headers if n.lower().startswith("x-amz-checksum-") and n.lower() != "x-amz-checksum-mode"]
        return None if sums else body

    with Throttled(t.pail, refuse=0, ask=ask) as old:
        equal(pail(t, "import", f"s3://{name}", dest, PAIL_ENDPOINT=old.endpoint)["copied"], 3, "objects")
        equal(pail(t, "import", folder, dest, PAIL_ENDPOINT=old.endpoint)["copied"], 1, "a file")
    equal(contents(t.to, dest), dict(made, file=pattern(3 * MIB, 9)), "contents")


@case
def bytes_that_change_on_the_way_to_the_destination(t):
    name, dest, folder = bucket(t), bucket(t, t.to), t.folder()
    large_ones(t, name)
    for i, size in enumerate((100, 3 * MIB, 20 * MIB)):
        with open(os.path.join(folder, str(i)), "wb") as f:
            f.write(pattern(size, i))

    def ask(request, _, body):
        return body[:-1] + bytes([body[-1] ^ 1]) if request.command == "PUT" and body else body

    with Throttled(t.pail, refuse=0, ask=ask) as bad:
        for source in (f"s3://{name}", folder):
            report = pail(t, "import", source, dest, "--retries", "1", code=1, PAIL_ENDPOINT=bad.endpoint)
            equal((report["copied"], report["failed"]), (0, 3), f"none of {source}")
    equal(contents(t.to, dest), {}, "nothing is stored")


@case
def another_range_than_was_asked_for(t):
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(40 * MIB, 2))

    def ask(_, headers, body):
        for i, (n, v) in enumerate(headers):
            if n.lower() == "range" and not v.startswith("bytes=0-"):
                headers[i] = (n, f"bytes=0-{int(v.split('-')[1]) - int(v.split('=')[1].split('-')[0])}")
        return body

    with Throttled(t.source, refuse=0, ask=ask, answer=lambda _, got, data: (without(got, "x-amz-checksum"), data)[1]) as bad:
        report = pail(t, "import", f"s3://{name}", dest, code=1, AWS_ENDPOINT_URL=bad.endpoint)
    equal(contents(t.to, dest), {}, "nothing is stored")
    contains(report["problems"][0]["text"], "another part of it")


@case
def resumed_where_only_an_md5_tells(t):
    """What an earlier run has sent is read again, for its share in the MD5 of all, but not sent again."""
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(60 * MIB, 7))
    words = ["import", f"s3://{name}", dest, "--workers", "2", "--part-size", "5MiB"]
    with old_server(t.source) as old:
        env = dict(AWS_ENDPOINT_URL=old.endpoint)
        begin_and_kill(t, lambda: parts_arrived(t.to, dest) >= 2, "parts", *words, "--limit", "8MiB", **env)
        report = pail(t, *words, **env)
    true(report["reused_parts"] > 0, f"parts of the first run: {report['reused_parts']}")
    true(t.to.get_object(Bucket=dest, Key="whole")["Body"].read() == pattern(60 * MIB, 7), "contents")


@case
def a_journal_that_was_cut_short(t):
    """A full disk took half of its last line; what comes after is read all the same."""
    name, dest, journal = bucket(t), bucket(t, t.to), os.path.join(t.folder(), "journal")
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(60 * MIB, 7))
    with open(journal, "w") as f:
        f.write('\n{"begin":"cut sho')
    words = ["import", f"s3://{name}", dest, "--workers", "2", "--part-size", "5MiB", "--journal", journal]
    begin_and_kill(t, lambda: parts_arrived(t.to, dest) >= 2, "parts", *words, "--limit", "8MiB")
    report = pail(t, *words)
    true(report["reused_parts"] > 0, f"parts of the first run: {report['reused_parts']}")
    true(not os.path.exists(journal), "it goes when nothing is open")


# ---- what changes meanwhile ----

@case
def sources_that_change_while_they_are_read(t):
    name, dest, folder = bucket(t), bucket(t, t.to), t.folder()
    t.at.put_object(Bucket=name, Key="whole", Body=pattern(30 * MIB, 1))
    path = os.path.join(folder, "file")
    with open(path, "wb") as f:
        f.write(pattern(30 * MIB, 1))

    def change_object():
        t.at.put_object(Bucket=name, Key="whole", Body=b"new")

    def change_file():
        with open(path, "r+b") as f:
            f.write(pattern(1000, 2))

    for source, change in ((f"s3://{name}", change_object), (folder, change_file)):
        words = ["import", source, dest, "--workers", "1", "--part-size", "5MiB"]
        process = begin(t, *words, "--limit", "5MiB")
        until(lambda: parts_arrived(t.to, dest) >= 1, "a part")
        change()
        errors = process.communicate(timeout=60)[1]
        equal(process.returncode, 1, f"status, {source}: {errors}")
        contains(errors, "it changed" if source == folder else "it was changed meanwhile")
        equal(contents(t.to, dest).get("file" if source == folder else "whole"), None, "no mixture is stored")
        equal(pail(t, *words)["copied"], 1, "the next run")
    equal(contents(t.to, dest), {"whole": b"new", "file": pattern(1000, 2) + pattern(30 * MIB, 1)[1000:]},
          "contents")
    equal(t.to.list_multipart_uploads(Bucket=dest).get("Uploads", []), [], "uploads left")


@case
def a_file_that_appears_meanwhile_is_not_written_over(t):
    name, out = bucket(t, t.to), t.folder()
    t.to.put_object(Bucket=name, Key="large", Body=pattern(20 * MIB, 1))
    process = begin(t, "export", name, out, "--limit", "3MiB")
    until(lambda: os.listdir(out), "a file that is not whole")
    with open(os.path.join(out, "large"), "wb") as f:
        f.write(b"somebody else's")
    refused = pail(t, "export", name, out, code=1)
    contains(refused["problems"][0]["text"], "another run")
    contains(process.communicate(timeout=60)[1], "was not there before")
    with open(os.path.join(out, "large"), "rb") as f:
        equal(f.read(), b"somebody else's", "the file")
    equal(os.listdir(out), ["large"], "nothing is left")


@case
def the_last_request_of_a_killed_run(t):
    """It comes to pass after the next run has listed, and just before that writes the same."""
    name, dest = bucket(t, versions=True), bucket(t, t.to, versions=True)
    for body in (b"same", b"same", b"other"):
        t.at.put_object(Bucket=name, Key="k", Body=body)
    t.at.delete_object(Bucket=name, Key="k")
    held, killed = [], threading.Event()

    def ask_for(step):
        count = 0

        def ask(request, sent, body):
            nonlocal count
            if request.command not in ("PUT", "DELETE") or "/k" not in request.path or "versionId" in request.path:
                return body
            if step == 1 and any(n.lower() == "if-none-match" for n, _ in sent):
                return 501
            count += 1
            if not killed.is_set() and count == step:
                held.append((request.command, request.path, list(sent), body))
                time.sleep(30)
            if killed.is_set() and held:
                request.forward(*held.pop())
            return body
        return ask

    # The first version, where the destination knows no conditions; the second, which is as the first; the delete marker
    for step in (1, 2, 4):
        held.clear(), killed.clear()
        with Throttled(t.pail, refuse=0, ask=ask_for(step)) as slow:
            words = ["import", f"s3://{name}", dest, "--versions"]
            begin_and_kill(t, lambda: held, "a request is under way", *words, PAIL_ENDPOINT=slow.endpoint)
            killed.set()
            equal(pail(t, *words, PAIL_ENDPOINT=slow.endpoint)["failed"], 0, "the next run")
            equal(held, [], "it came to pass")
        rows = t.to.list_object_versions(Bucket=dest)
        equal([r["Size"] for r in rows["Versions"]], [5, 4, 4], f"versions, step {step}")
        equal(len(rows["DeleteMarkers"]), 1, "delete markers")
        again = pail(t, *words)
        equal((again["copied"], again["delete_markers"], again["same"]), (0, 0, 4), "a further run")
        dest = bucket(t, t.to, versions=True)


@case
def a_killed_run_s_requests_come_first(t):
    """The next run lists when they have had a moment, and takes what it finds then as its own work."""
    name, dest = bucket(t, versions=True), bucket(t, t.to, versions=True)
    for body in (b"first", b"same", b"same"):
        t.at.put_object(Bucket=name, Key="k", Body=body)
    under_way, killed, writes, listings = threading.Event(), threading.Event(), [], []

    def ask(request, sent, body):
        if killed.is_set():
            if request.command == "GET" and "versions" in request.path:
                listings.append(time.monotonic())
        elif request.command == "PUT" and "/k" in request.path:
            writes.append(request.path)
            if len(writes) == 2:
                under_way.set()
                killed.wait(30)
                raise ConnectionResetError
        return body

    with Throttled(t.pail, refuse=0, ask=ask) as slow:
        words = ["import", f"s3://{name}", dest, "--versions"]
        begin_and_kill(t, under_way.is_set, "a request is under way", *words, PAIL_ENDPOINT=slow.endpoint)
        killed.set()
        t.to.put_object(Bucket=dest, Key="k", Body=b"same")  # the request that was under way
        start = time.monotonic()
        report = pail(t, *words, PAIL_ENDPOINT=slow.endpoint)
        equal((report["copied"], report["same"]), (1, 2), "what the next run writes")
        true(listings[0] - start >= 1, f"it lists after a second: {listings[0] - start:.2f} s")
        equal(pail(t, *words, PAIL_ENDPOINT=slow.endpoint)["same"], 3, "a further run")
    equal([r["Size"] for r in t.to.list_object_versions(Bucket=dest)["Versions"]], [4, 4, 5], "versions")


# ---- servers that lie ----

class Liar:
    """Answers what it is told to: path or (method, path) without a query -> (status, headers, body) or a function."""

    def __init__(self, answers):
        outer, self.asked = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                outer.asked.append((self.command, self.path))
                told = answers.get((self.command, path), answers.get(path, (404, {}, b"")))
                status, headers, body = told(query) if callable(told) else told
                self.send_response(status)
                for n, v in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(n, v)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                if "Connection" in headers:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # who is lied to hangs up
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    __enter__, __exit__ = Throttled.__enter__, Throttled.__exit__


def row(key, size=1, etag="0cc175b9c0f1b6a831c399e269772661"):  # the MD5 of "a"
    return (f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;{etag}&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>")


def page(rows, more="<IsTruncated>false</IsTruncated>"):
    return 200, {}, f"<ListBucketResult>{more}{rows}</ListBucketResult>".encode()


A = (200, {"ETag": '"0cc175b9c0f1b6a831c399e269772661"'}, b"a")


@case
def listings_that_lie(t):
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    good = row("a") + row("b")
    for what, told in {
            "circles": page(good, more),
            "empty pages for ever": page("", more),
            "more without a token": page(good, "<IsTruncated>true</IsTruncated>"),
            "cut off": (200, {}, page(good)[2][:-30]),
            "a row that is refused": page(row("a") + row("<![CDATA[b]]>") + row("c")),
            "an entity of its own": (200, {}, b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + page(row("&e;"))[2]),
            "nothing": (200, {}, b""),
            "another document": (200, {}, b"<html><body>Please sign in</body></html>"),
            "deep": (200, {}, b"<ListBucketResult>" + b"<a>" * 100000 + b"</a>" * 100000 + b"</ListBucketResult>"),
            "huge": page("x" * (9 << 20)),
            "a redirect": (301, {"Location": "http://127.0.0.1:1/"}, b""),
            "ends early": (200, {"Content-Length": "10000", "Connection": "close"}, page(good)[2])}.items():
        with Liar({"/src": told, "/src/a": A, "/src/b": A}) as liar:
            dest = bucket(t, t.to)
            report = pail(t, "import", "s3://src", dest, "--retries", "0", code=1, seconds=30,
                          AWS_ENDPOINT_URL=liar.endpoint)
            true(not report["complete"], what)
            true(report["failed"] >= 1, f"{what}: told")
            true(len(liar.asked) < 12, f"{what}: {len(liar.asked)} requests")
    with Liar({"/src": page(row("&" * (3 << 20)))}) as liar:  # no hour is spent on ampersands
        begin = time.monotonic()
        pail(t, "import", "s3://src", bucket(t, t.to), "--retries", "0", code=1, AWS_ENDPOINT_URL=liar.endpoint)
        true(time.monotonic() - begin < 20, "time")
    with Liar({"/src": page(row("other/a")), "/src/pre/a": A}) as liar:
        refused = pail(t, "import", "s3://src/pre", bucket(t, t.to), "--retries", "0", code=1, AWS_ENDPOINT_URL=liar.endpoint)
        contains(refused["problems"][0]["text"], "not asked for")


@case
def objects_that_lie(t):
    huge = 1 << 62
    told = {
        "a": A,
        "b": (200, {"ETag": '"0cc175b9c0f1b6a831c399e269772661"'}, b"b"),
        "c": (302, {"Location": "/src/a"}, b""),
        "d": (500, {}, b"<Error><Code>InternalError</Code></Error>"),
        "e": (200, {"Content-Length": "100", "Connection": "close", **A[1]}, b"a"),
        "f": (200, {"x-amz-meta-evil": "a\x01b", **A[1]}, b"a"),
        "g": (200, A[1], b"a" * 100000),
        "h": (200, {"Content-Length": str(huge), "Connection": "close", **A[1]}, b""),
        "i": (200, {"x-amz-tagging-count": "1", **A[1]}, b"a"),
    }
    rows = "".join(row(k, huge if k == "h" else 1) for k in told)
    with Liar({"/src": page(rows), **{f"/src/{k}": v for k, v in told.items()}}) as liar:
        dest, out = bucket(t, t.to), t.folder()
        report = pail(t, "import", "s3://src", dest, "--retries", "0", code=1, seconds=60, AWS_ENDPOINT_URL=liar.endpoint)
        equal(contents(t.to, dest), {"a": b"a"}, "only what is true")
        equal(sorted(p["key"] for p in report["problems"]), sorted(set(told) - {"a"}), "the others are named")
        pail(t, "export", "src", out, "--retries", "0", code=1, seconds=60, PAIL_ENDPOINT=liar.endpoint)
        equal(sorted(os.listdir(out)), ["a", "f", "i"], "files: headers and tags do not matter there")


@case
def buckets_whose_names_lead_elsewhere(t):
    names = ["../up", "..", "a/b", "pail/v1/status", "x?policy", "good", "", "nul&#0;", "a%2Fb"]
    listed = "".join(f"<Bucket><Name>{n}</Name></Bucket>" for n in names)
    answers = {"/": (200, {}, f"<ListAllMyBucketsResult><Buckets>{listed}</Buckets></ListAllMyBucketsResult>".encode()),
               "/good": page(row("a")), "/good/a": A}
    answers.update({f"/{n}": page(row("a")) for n in names if n not in ("good", "")})
    outer = t.folder()
    out = os.path.join(outer, "inner")
    with Liar(answers) as liar, Liar({}) as dest:
        report = pail(t, "export", "s3://", out, "--all-buckets", "--retries", "0", code=1, PAIL_ENDPOINT=liar.endpoint)
        equal((os.listdir(outer), os.listdir(out), os.listdir(os.path.join(out, "good"))), (["inner"], ["good"], ["a"]), "folders")
        equal(report["failed"], len(names) - 1, "the others are named")
        pail(t, "import", "s3://", "s3://", "--all-buckets", "--retries", "0", code=1, AWS_ENDPOINT_URL=liar.endpoint,
             PAIL_ENDPOINT=dest.endpoint)
        equal({path.split("?")[0] for _, path in dest.asked}, {"/good"}, "paths asked for at the destination")


@case
def names_that_no_file_can_have(t):
    keys = ["&#0;x", "../x", "/abs", "x" * 5000, "ok", "new&#10;line", "a/./b", "..", "ok/", "&#x110000;"]
    with Liar({"/src": page("".join(row(k) for k in keys)), **{f"/src/{k}": A for k in ("ok", "new%0Aline", "%26%23x110000%3B")}}) as liar:
        outer = t.folder()
        out = os.path.join(outer, "inner")
        pail(t, "export", "src", out, "--retries", "0", code=1, PAIL_ENDPOINT=liar.endpoint)
        equal(os.listdir(outer), ["inner"], "nothing outside")
        equal(sorted(os.listdir(out)), ["&#x110000;", "new\nline", "ok"], "what can be")


# ---- naming places ----

@case
def places_and_keys(t):
    name, dest = bucket(t), bucket(t, t.to)
    t.at.put_object(Bucket=name, Key="k", Body=b"x")
    none = dict(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None, AWS_ENDPOINT_URL=None)
    keys = f"{t.source.access_key}:{t.source.secret_key.replace('+', '%2B').replace('/', '%2F')}"
    host = f"http://{keys}@{t.source.host}:{t.source.port}"
    equal(pail(t, "import", f"far/{name}", dest, "--compare", code=1, MC_HOST_far=host, **none)["differs"], 1, "MC_HOST")
    home = t.folder()
    os.makedirs(os.path.join(home, ".mc"))
    os.makedirs(os.path.join(home, ".aws"))
    with open(os.path.join(home, ".mc", "config.json"), "w") as f:
        json.dump({"version": "10", "aliases": {"mine": {"url": t.source.endpoint, "accessKey": t.source.access_key,
                                                          "secretKey": t.source.secret_key, "api": "S3v4"}}}, f)
    with open(os.path.join(home, ".aws", "credentials"), "w") as f:
        f.write(f"[default]\naws_access_key_id = no\naws_secret_access_key = no\n# more\n[work]\n"
                f"aws_access_key_id={t.source.access_key}\naws_secret_access_key = {t.source.secret_key}\n")
    equal(pail(t, "import", f"mine/{name}", dest, "--dry-run", HOME=home, **none)["planned"], 1, "mc's file")
    words = ["import", f"s3://{name}", dest, "--dry-run", "--endpoint", t.source.endpoint]
    equal(pail(t, *words, "--profile", "work", HOME=home, **none)["planned"], 1, "a profile")
    pail(t, *words, HOME=home, code=1, **none)
    equal(pail(t, *words, "--access-key", t.source.access_key, f"--secret-key={t.source.secret_key}", **none)["planned"], 1,
          "flags")
    for wrong in (["import"], ["import", "x"], ["import", ".", "b", "--versions"], ["import", "s3://b", "b", "--workers", "0"],
                  ["import", "s3://b", "b", "--sse", "rot13"], ["export", "./folder", "x"], ["import", "s3://b", "b", "--nope"],
                  ["import", "s3://b", "b", "--dry-run", "--compare"], ["import", "s3://", "b"], ["export", "b", "c", "d"],
                  ["import", "s3://b", "b", "--endpoint", "host:9000"], ["import", "s3://b", "b", "--part-size", "1KiB"]):
        true(pail(t, *wrong, code=2).startswith("pail: "), f"misuse: {wrong}")
    for command in ("import", "export"):
        done = subprocess.run([t.pail.binary, command, "--help"], capture_output=True, text=True, timeout=20)
        equal(done.returncode, 0, "--help")
        contains(done.stdout, "Examples:")


@case
def over_https(t):
    name = bucket(t)
    t.at.put_object(Bucket=name, Key="k", Body=b"x")
    with Pail("transfer-tls", tls=True) as dest:
        pail(t, "import", f"s3://{name}", "made", "--create", "--to-ca-file", dest.ca, PAIL_ENDPOINT=dest.endpoint)
        equal(client_of(dest).get_object(Bucket="made", Key="k")["Body"].read(), b"x", "the object")
        refused = pail(t, "import", f"s3://{name}", "made", "--retries", "0", code=1, PAIL_ENDPOINT=dest.endpoint)
        contains(refused["problems"][0]["text"], "certificate")


def teardown_source(t):
    t.source.stop()
    t.source.remove_data()


if __name__ == "__main__":
    holder = []

    def prepare(t):
        setup(t)
        holder.append(t)

    good = run_cases("sdk-transfer", False, prepare, sys.argv[1:])
    for run in holder:
        teardown_source(run)
    sys.exit(0 if good else 1)
