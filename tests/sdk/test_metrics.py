#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Health, metrics and the state of the storage, as probes, Prometheus, Grafana and administrators see them.

Pages of metrics are held to promtool, replies in JSON to docs/openapi.yaml, and every query of the dashboard is
evaluated by a real Prometheus that scrapes this server under load.
"""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import jsonschema
import yaml
from botocore.exceptions import ClientError

import clients
from accounts import client_of, create_account, send
from aws import setup
from bearer import bearer, encoded
from cases import ROOT, case, contains, equal, main, pattern, true, wait_for
from pail import free_port

PAGES_V2 = ["cluster", "node", "bucket", "resource"]
PAGES_V3 = ["api/requests", "system/drive", "system/memory", "system/cpu", "system/process", "system/network/internode",
            "cluster/health", "cluster/usage/objects", "cluster/usage/buckets", "cluster/iam", "cluster/config"]
# What MinIO's public dashboards (cluster, bucket, node) draw of one server, in their present and older names.
DRAWN_OF_CLUSTER = """minio_cluster_capacity_raw_total_bytes minio_cluster_capacity_raw_free_bytes
minio_cluster_capacity_usable_total_bytes minio_cluster_capacity_usable_free_bytes minio_cluster_usage_total_bytes
minio_cluster_usage_object_total minio_cluster_usage_version_total minio_cluster_usage_deletemarker_total
minio_cluster_bucket_total minio_cluster_nodes_online_total minio_cluster_nodes_offline_total minio_cluster_drive_total
minio_cluster_drive_online_total minio_cluster_drive_offline_total minio_cluster_disk_online_total
minio_cluster_disk_offline_total minio_cluster_health_status minio_cluster_write_quorum
minio_cluster_objects_size_distribution minio_cluster_ilm_transitioned_bytes minio_cluster_ilm_transitioned_objects
minio_usage_last_activity_nano_seconds minio_heal_time_last_activity_nano_seconds minio_heal_objects_total
minio_heal_objects_heal_total minio_heal_objects_errors_total minio_audit_total_messages minio_audit_failed_messages
minio_software_version_info""".split()
DRAWN_OF_NODE = """minio_s3_requests_total minio_s3_requests_errors_total minio_s3_requests_4xx_errors_total
minio_s3_requests_5xx_errors_total minio_s3_requests_canceled_total minio_s3_requests_inflight_total
minio_s3_requests_waiting_total minio_s3_requests_incoming_total minio_s3_requests_rejected_auth_total
minio_s3_requests_rejected_header_total minio_s3_requests_rejected_invalid_total
minio_s3_requests_rejected_timestamp_total minio_s3_traffic_received_bytes minio_s3_traffic_sent_bytes
minio_s3_time_ttfb_seconds_distribution minio_s3_requests_ttfb_seconds_distribution
minio_inter_node_traffic_received_bytes minio_inter_node_traffic_sent_bytes minio_node_process_cpu_total_seconds
minio_node_process_resident_memory_bytes minio_node_process_virtual_memory_bytes minio_node_process_starttime_seconds
minio_node_process_uptime_seconds minio_node_file_descriptor_open_total minio_node_file_descriptor_limit_total
minio_node_io_rchar_bytes minio_node_io_wchar_bytes minio_node_io_read_bytes minio_node_io_write_bytes
minio_node_syscall_read_total minio_node_syscall_write_total minio_node_drive_used_bytes minio_node_drive_free_bytes
minio_node_drive_total_bytes minio_node_drive_free_inodes minio_node_drive_total minio_node_drive_online_total
minio_node_drive_offline_total minio_node_disk_used_bytes minio_node_disk_free_bytes minio_node_disk_total_bytes
minio_node_disk_free_inodes minio_software_version_info""".split()
DRAWN_OF_BUCKETS = """minio_bucket_usage_total_bytes minio_bucket_usage_object_total minio_bucket_usage_version_total
minio_bucket_usage_deletemarker_total minio_bucket_quota_total_bytes minio_bucket_objects_size_distribution
minio_bucket_traffic_received_bytes minio_bucket_traffic_sent_bytes minio_bucket_requests_total
minio_bucket_requests_4xx_errors_total""".split()
DRAWN = sorted(set(DRAWN_OF_CLUSTER + DRAWN_OF_NODE))
LOAD_CLIENTS = 4  # while Prometheus scrapes
CONTENT_TYPE = "text/plain; version=0.0.4"


def connection_to(pail):
    if not pail.tls:
        return http.client.HTTPConnection(pail.host, pail.port, timeout=30)
    return http.client.HTTPSConnection(pail.host, pail.port, context=ssl.create_default_context(cafile=pail.ca), timeout=30)


def get(t, path, method="GET", token=None):
    """Status, headers and body of a request that nobody signs."""
    with contextlib.closing(connection_to(t.pail)) as connection:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def root_token(t):
    return bearer(t.pail.access_key, t.pail.secret_key)


def user(t, *actions):
    """A user of the first account with a right to these actions; answers its keys."""
    iam = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "iam")
    t.users = getattr(t, "users", 0) + 1
    name = f"watcher-{t.users}"
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="watch", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def schema(name):
    with open(os.path.join(ROOT, "docs", "openapi.yaml")) as f:
        document = yaml.safe_load(f)
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def described(reply, name):
    jsonschema.Draft202012Validator(schema(name), format_checker=jsonschema.FormatChecker()).validate(reply)
    return reply


def bucket_state(t, name):
    status, reply = send(t.pail, "GET", f"/pail/v1/buckets/{name}")
    equal(status, 200, "status")
    return described(reply, "BucketWithTraffic")


def sample(page, name, **labels):
    """The sum of a metric's rows that have these labels."""
    rows = [r for r in re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)$", page, re.M)
            if all(f'{k}="{v}"' in r[0] for k, v in labels.items())]
    true(rows, f"{name} with {labels} is on the page")
    return sum(float(r[1]) for r in rows)


@case
def health_paths(t):
    for first in ("minio", "pail"):
        for path, want in (("live", 200), ("ready", 200), ("cluster", 200), ("cluster/read", 200),
                           ("cluster?maintenance=true", 412), ("cluster?maintenance=false", 200)):
            for method in ("GET", "HEAD"):
                status, headers, body = get(t, f"/{first}/health/{path}", method)
                equal((status, body), (want, ""), f"{method} {first} {path}")
                true("set-cookie" not in headers and t.pail.data not in str(headers), "nothing is told")
        equal(get(t, f"/{first}/health/live", "POST")[0], 405, "POST")
    equal(get(t, "/minio/health/nothing")[0], 404, "another path")


@case
def metrics_need_a_bearer_token_with_the_right(t):
    path = "/minio/v2/metrics/cluster"
    access, secret = t.pail.access_key, t.pail.secret_key
    other = create_account(t.pail, f"metrics-{t.scheme}", f"metrics-{t.scheme}@example.com")
    good = bearer(access, secret)
    refused = {
        "none": None,
        "another secret": bearer(access, secret + "x"),
        "no secret": bearer(access, ""),
        "an unknown key, no secret": bearer("NOSUCHKEY00000000000", ""),
        "expired": bearer(access, secret, seconds=-5),
        "no expiry": bearer(access, secret, exp="soon"),
        "another issuer": bearer(access, secret, iss="somebody"),
        "another algorithm": bearer(access, secret, algorithm="HS256"),
        "no algorithm": bearer(access, secret, algorithm="none"),
        "cut": good[:-4],
        "no signature": good.rsplit(".", 1)[0] + ".",
        "changed claims": ".".join([good.split(".")[0], encoded({"exp": 1 << 40, "sub": access, "iss": "prometheus"}),
                                    good.split(".")[2]]),
        "no token": "x",
        "many dots": "....",
        "long": "a" * 8000,
        "a user without the right": bearer(*user(t)),
        "a user with another right": bearer(*user(t, "admin:ServerInfo", "s3:*")),
        "another account's root": bearer(other.access_key, other.secret_key),
    }
    for why, token in refused.items():
        status, headers, body = get(t, path, token=token)
        equal(status, 403, why)
        contains(body, '"code":"AccessDenied"', why)
    for token in (good, bearer(*user(t, "admin:Prometheus")), bearer(*user(t, "admin:*"))):
        equal(get(t, path, token=token)[0], 200, "with the right")


@case
def a_bearer_token_is_good_for_metrics_alone(t):
    for path in ("/", "/pail/v1/status", "/pail/v1/accounts"):
        true(get(t, path, token=root_token(t))[0] in (400, 403), path)


def missing(t, bucket):
    try:
        t.s3.get_object(Bucket=bucket, Key="none")
    except ClientError as error:
        equal(error.response["Error"]["Code"], "NoSuchKey", "code")
        return
    raise AssertionError("it is not there")


@case
def pages_are_what_prometheus_reads(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 2000)
    t.s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    missing(t, bucket)
    cold = t.bucket_name()
    t.s3.create_bucket(Bucket=cold)
    before = get(t, "/minio/v2/metrics/cluster", token=root_token(t))[2]
    t.s3.put_object(Bucket=cold, Key="k", Body=b"x" * 300, StorageClass="STANDARD_IA")
    after = get(t, "/minio/v2/metrics/cluster", token=root_token(t))[2]
    for name, by in (("minio_cluster_ilm_transitioned_objects", 1), ("minio_cluster_ilm_transitioned_bytes", 300)):
        equal(sample(after, name, tier="STANDARD_IA") - sample(before, name, tier="STANDARD_IA"), by, name)
    paths = [f"/minio/v2/metrics/{p}" for p in PAGES_V2] + [f"/minio/metrics/v3/{p}" for p in PAGES_V3] + \
        [f"/minio/metrics/v3/bucket/api/{bucket}", "/minio/metrics/v3", "/minio/metrics/v3/system",
         "/minio/prometheus/metrics", "/pail/v1/metrics"]
    for path in paths:
        status, headers, page = get(t, path, token=root_token(t))
        equal(status, 200, path)
        contains(headers["content-type"], CONTENT_TYPE, path)
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
        true(done.returncode in (0, 3), f"{path}: {done.stderr}")  # 3: MinIO's names are not as it would name them
        true(t.pail.secret_key not in page, f"{path} tells no secret")
    for path in ("/minio/v2/metrics/other", "/minio/metrics/v3/other", "/minio/metrics/v3/bucket/api/no-such-bucket"):
        equal(get(t, path, token=root_token(t))[0], 404, path)
    page = get(t, "/minio/v2/metrics/cluster", token=root_token(t))[2]
    for name in DRAWN:
        sample(page, name)
    node = get(t, "/minio/v2/metrics/node", token=root_token(t))[2]
    for name in DRAWN_OF_NODE:
        sample(node, name)
    true(sample(page, "minio_s3_requests_total", api="putobject") >= 1, "uploads by MinIO's name")
    page = get(t, "/minio/v2/metrics/bucket", token=root_token(t))[2]
    for name in DRAWN_OF_BUCKETS:
        contains(page, f"# TYPE {name} ", "the page of buckets")
        if "quota" not in name:
            sample(page, name, bucket=bucket)
    equal(sample(page, "minio_bucket_requests_4xx_errors_total", bucket=bucket, api="getobject"), 1, "errors")
    equal(sample(page, "pail_metrics_buckets_left_out"), 0, "all are told")
    equal(sample(page, "minio_bucket_usage_object_total", bucket=bucket), 1, "objects")
    equal(sample(page, "minio_bucket_usage_total_bytes", bucket=bucket), 2000, "bytes")
    equal(sample(page, "minio_bucket_objects_size_distribution", bucket=bucket, range="BETWEEN_1024_B_AND_64_KB"), 1, "size")
    equal(sample(page, "minio_bucket_requests_total", bucket=bucket, api="getobject"), 2, "downloads")


@case
def scrapes_at_once_do_not_share_memory(t):
    """One scrape has the memory that is kept for it, others their own; clients that leave in the middle give it back."""
    bucket, token = t.bucket_name(), root_token(t)
    t.s3.create_bucket(Bucket=bucket)
    pages = {"/minio/v2/metrics/bucket": "minio_bucket_usage_object_total", "/minio/v2/metrics/node": "minio_s3_requests_total",
             "/minio/metrics/v3/cluster/usage/buckets": "minio_cluster_usage_buckets_objects_count",
             "/pail/v1/metrics": "pail_request_first_byte_seconds"}
    wrong = []

    def whole(page, own):
        named = {line.split("{")[0].split(" ")[0] for line in page.splitlines() if line and line[0] != "#"}
        told = {line.split(" ")[2] for line in page.splitlines() if line.startswith("# TYPE ")}
        strange = [n for n in named if n not in told and re.sub("_(bucket|sum|count)$", "", n) not in told]
        return own in told and not strange and page.endswith("\n") and page.startswith("# HELP ")

    def scrape(path, own):
        for _ in range(20):
            status, _, page = get(t, path, token=token)
            if status != 200 or not whole(page, own):
                wrong.append((path, status, page[:200]))

    def leave():
        for _ in range(40):
            with contextlib.closing(connection_to(t.pail)) as connection:
                connection.request("GET", "/minio/v2/metrics/bucket", headers={"Authorization": f"Bearer {token}"})
                connection.sock.recv(1)
    threads = [threading.Thread(target=scrape, args=p) for p in pages.items() for _ in range(2)]
    threads += [threading.Thread(target=leave) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(wrong, [], "pages that are not whole or not what was asked for")


@case
def counters_count_what_was_done(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)

    def page():
        return get(t, "/pail/v1/metrics", token=root_token(t))[2]

    before = page()
    for i in range(7):
        t.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x" * 100)
    for _ in range(3):
        missing(t, bucket)
    # A request is counted when its reply has gone.
    after = wait_for(lambda: sample(got := page(), "pail_request_errors_total", operation="GetObject", code="NoSuchKey") >= 3
                     and got, "the errors by code")
    name = "pail_request_duration_seconds_count"
    equal(sample(after, name, operation="PutObject") - (sample(before, name, operation="PutObject")
                                                         if 'operation="PutObject"' in before else 0), 7, "uploads")
    equal(sample(after, "pail_requests_in_flight", operation="PutObject"), 0, "in flight")
    true(sample(after, "pail_commit_batches_total") >= sample(before, "pail_commit_batches_total") + 7, "changes")


@case
def public_by_setting(t):
    if t.pail.tls:
        t.skip("once is enough")
    from pail import Pail
    for name in ("PAIL_PROMETHEUS_AUTH_TYPE", "MINIO_PROMETHEUS_AUTH_TYPE"):
        with Pail("metrics-public", env={name: "public"}) as pail:
            with urllib.request.urlopen(f"{pail.endpoint}/minio/v2/metrics/node") as answer:
                contains(answer.read().decode(), "minio_node_process_uptime_seconds", name)


@case
def status_is_described(t):
    status, reply = send(t.pail, "GET", "/pail/v1/status")
    equal(status, 200, "status")
    described(reply, "Status")
    true(reply["reads"] and reply["writes"] and reply["space"]["freeBytes"] > 0, "it works")
    status, reply = send(t.pail, "GET", "/pail/v1/buckets")
    equal(status, 200, "status")
    described(reply, "BucketList")
    status, reply = send(t.pail, "GET", "/pail/v1/buckets/no-such-bucket")
    equal((status, reply["code"]), (404, "NoSuchBucket"), "a bucket that is not there")
    described(reply, "Error")


@case
def status_needs_the_right(t):
    other = create_account(t.pail, f"status-{t.scheme}", f"status-{t.scheme}@example.com")
    rights = {"/pail/v1/status": "admin:ServerInfo", "/pail/v1/buckets": "admin:DataUsageInfo",
              "/pail/v1/buckets/some-bucket": "admin:DataUsageInfo"}
    nobody, stranger = user(t, "s3:*", "pail:*"), (other.access_key, other.secret_key)
    for path, right in rights.items():
        equal(get(t, path)[0], 403, f"{path} for nobody")
        for keys in (nobody, stranger):
            status, reply = send(t.pail, "GET", path, access_key=keys[0], secret_key=keys[1])
            equal(status, 403, path)
            described(reply, "Error")
        keys = user(t, right)
        true(send(t.pail, "GET", path, access_key=keys[0], secret_key=keys[1])[0] in (200, 404), f"{path} with {right}")
        equal(send(t.pail, "POST", path)[0], 405, f"POST {path}")


@case
def a_bucket_tells_what_it_holds_and_does(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket)
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for i in range(4):
        t.s3.put_object(Bucket=bucket, Key=f"k{i}", Body=pattern(1000 * (i + 1)))
    t.s3.put_object(Bucket=bucket, Key="k0", Body=b"again")
    t.s3.delete_object(Bucket=bucket, Key="k1")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    t.s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"p" * 50)
    for key in ("k2", "k3"):
        t.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        t.s3.get_object(Bucket=bucket, Key="none")
    except ClientError:
        pass
    # A request is counted when its reply has gone.
    wait_for(lambda: bucket_state(t, bucket)["traffic"]["downloads"]["failed"], "the last request")
    state = bucket_state(t, bucket)
    use, traffic = state["usage"], state["traffic"]
    equal((use["objects"], use["objectBytes"]), (3, 5 + 3000 + 4000), "objects")
    equal((use["noncurrentVersions"], use["noncurrentVersionBytes"]), (2, 1000 + 2000), "older versions")
    equal((use["deleteMarkers"], use["uploads"], use["parts"], use["partBytes"]), (1, 1, 1, 50), "the rest")
    equal(use["bytes"], 5 + 3000 + 4000 + 3000 + 50, "together")
    equal(state["versioning"], "enabled", "versioning")
    equal((traffic["uploads"]["succeeded"], traffic["uploads"]["failed"]), (6, 0), "uploads")
    equal((traffic["downloads"]["succeeded"], traffic["downloads"]["failed"]), (2, 1), "downloads")
    equal(traffic["errors"], [{"code": "NoSuchKey", "count": 1}], "errors")
    true(traffic["uploads"]["latency"]["p99Seconds"] > 0 and traffic["receivedBytesPerSecond"] > 0, "rates")


@case
def buckets_come_in_pages(t):
    names = sorted(t.bucket_name() for _ in range(5))
    for name in names:
        t.s3.create_bucket(Bucket=name)
    prefix, got, after = names[0][:20], [], ""
    while after is not None:
        status, reply = send_query(t, "/pail/v1/buckets", {"prefix": prefix, "limit": "2", **({"after": after} if after else {})})
        equal(status, 200, "status")
        described(reply, "BucketList")
        got += [b["name"] for b in reply["buckets"]]
        true(len(reply["buckets"]) <= 2, "limit")
        after = reply["next"]
    equal(got, names, "all of them, once")


def send_query(t, path, query):
    """send() with a query."""
    from people import Caller
    caller = Caller(t, t.pail.access_key, t.pail.secret_key)
    reply = caller.raw("GET", path, "&".join(f"{k}={urllib.parse.quote(v)}" for k, v in query.items()))
    return reply.status, json.loads(reply.body)


# ---- a real Prometheus ----

class Prometheus:
    """Scrapes the server twice a second; `query` asks it."""

    def __init__(self, t):
        self.folder, self.port = t.folder(), free_port()
        tls = {"scheme": "https", "tls_config": {"ca_file": t.pail.ca}} if t.pail.tls else {"scheme": "http"}
        jobs = [{"job_name": path.strip("/").replace("/", "-"), "metrics_path": path, "bearer_token": root_token(t),
                 "static_configs": [{"targets": [f"{t.pail.host}:{t.pail.port}"]}], **tls}
                for path in ("/minio/v2/metrics/cluster", "/minio/v2/metrics/bucket", "/pail/v1/metrics")]
        with open(f"{self.folder}/prometheus.yml", "w") as f:
            yaml.safe_dump({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": jobs}, f)
        with open(f"{self.folder}/log", "w") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        return self.ask("query", query=text)["result"]

    def wait_for(self, text, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.query(text):
                    return
            except OSError:
                pass
            time.sleep(0.2)
        with open(f"{self.folder}/log") as f:
            raise AssertionError(f"{text} has no answer after {seconds} s:\n{f.read()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def dashboard_queries():
    with open(os.path.join(ROOT, "deploy", "grafana", "pail.json")) as f:
        dashboard = json.load(f)
    return [(panel["title"], target["expr"].replace("$server", ".*").replace("$__rate_interval", "5s"))
            for panel in dashboard["panels"] for target in panel.get("targets", ())]


@case
def prometheus_draws_the_dashboard(t):
    if not shutil.which("prometheus"):
        t.skip("prometheus is not installed")
    bucket, stop = t.bucket_name(), threading.Event()
    t.s3.create_bucket(Bucket=bucket)

    def load(number):
        s3 = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "s3")
        for n in range(100000):
            if stop.is_set():
                break
            s3.put_object(Bucket=bucket, Key=f"k{number}-{n % 50}", Body=b"x" * 3000)
            s3.get_object(Bucket=bucket, Key=f"k{number}-{n % 50}")["Body"].read()
            for path in ("/minio/health/live", "/pail/health/live"):
                get(t, path, "HEAD")
                get(t, path)
            try:
                s3.get_object(Bucket=bucket, Key="none")
            except ClientError:
                pass

    workers = [threading.Thread(target=load, args=(number,)) for number in range(LOAD_CLIENTS)]
    for worker in workers:
        worker.start()
    prometheus = Prometheus(t)
    try:
        prometheus.wait_for("rate(minio_s3_requests_total[5s]) > 0 and on() rate(pail_commits_total[5s]) > 0 "
                            "and on() rate(minio_bucket_requests_total[5s]) > 0")
        # A scrape that takes longer than it may leaves a gap, until the next one.
        wait_for(lambda: {target["lastError"] for target in prometheus.ask("targets")["activeTargets"]} == {""}, "scrapes")
        prometheus.wait_for(f"sum(rate(minio_s3_requests_total[5s])) > {LOAD_CLIENTS}", 20)
        for _, text in dashboard_queries():
            prometheus.wait_for(text, 20)
        for name in DRAWN:
            prometheus.wait_for(name, 20)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
        prometheus.stop()


@case
def mc_makes_the_token_and_reads_the_pages(t):
    mc = clients.path("mc", "mc")
    if not os.path.exists(mc):
        t.skip("mc is not built")
    config = t.folder()
    if t.pail.ca:
        os.makedirs(f"{config}/certs/CAs")
        shutil.copy(t.pail.ca, f"{config}/certs/CAs/pail.crt")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MC_", "AWS_"))}
    env["HOME"] = config

    def run(*words):
        return t.command(mc, "--config-dir", config, "--no-color", *words, env=env).stdout

    run("alias", "set", "pail", t.pail.endpoint, t.pail.access_key, t.pail.secret_key)
    made = yaml.safe_load(run("admin", "prometheus", "generate", "pail"))["scrape_configs"][0]
    status, _, page = get(t, made["metrics_path"], token=made["bearer_token"])
    equal(status, 200, made["metrics_path"])
    contains(page, "minio_cluster_health_status", "the page")
    contains(run("admin", "prometheus", "metrics", "pail"), "minio_cluster_health_status", "mc admin prometheus metrics")
    contains(run("--json", "ready", "pail"), '"healthy"', "mc ready")


# ---- the log ----

def said(pail, word):
    return pail.whole_log().count(word)


def wait_until(what, why, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        true(time.monotonic() < deadline, why)
        time.sleep(0.05)


@case
def log_level_while_it_runs(t):
    """By the settings file and SIGHUP, and by `mc admin config set`: lines of requests are of level info."""
    if t.pail.tls:
        t.skip("once is enough")
    from pail import Pail
    folder, mc = t.folder(), clients.path("mc", "mc")
    settings, config = f"{folder}/settings", f"{folder}/mc"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MC_", "AWS_"))}

    def level(text, told=True):
        before = said(pail, "settings were read again")
        with open(settings, "w") as f:
            f.write(f"PAIL_LOG_LEVEL={text}\n" if text else "")
        os.kill(pail.process.pid, signal.SIGHUP)
        if told:
            wait_until(lambda: said(pail, "settings were read again") > before, "it reloads")

    def logged():
        """Whether a request leaves a line, which a thread writes."""
        name = f"asked-{time.monotonic_ns()}"
        try:
            client_of(pail, pail.access_key, pail.secret_key, "s3").list_objects_v2(Bucket=name)
        except ClientError:
            pass
        until = time.monotonic() + 2
        while not said(pail, name) and time.monotonic() < until:
            time.sleep(0.05)
        return said(pail, name) > 0

    def set_by_mc(*words):
        t.command(mc, "--config-dir", config, "--no-color", "admin", "config", *words, env=dict(env, HOME=config))

    with open(settings, "w"):
        pass
    with Pail("metrics-log-level", env={"PAIL_CONFIG_FILE": settings}) as pail:
        wait_until(logged, "a line by default")
        level("error", told=False)
        wait_until(lambda: not logged(), "no line at level error")
        level("info")
        wait_until(logged, "a line at level info")
        if not os.path.exists(mc):
            return
        t.command(mc, "--config-dir", config, "--no-color", "alias", "set", "logs", pail.endpoint, pail.access_key,
                  pail.secret_key, env=dict(env, HOME=config))
        level("")
        set_by_mc("set", "logs", "pail", "log_level=warn")
        equal(logged(), False, "by mc")
        set_by_mc("set", "logs", "pail", "log_level=debug")
        wait_until(logged, "by mc, back")
        set_by_mc("reset", "logs", "pail", "log_level")
        wait_until(logged, "reset")


if __name__ == "__main__":
    main("sdk-metrics", setup)
