#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a page of administrators asks of the server, beside S3: who, may I, charts, settings, logs, requests, work.

All replies are held to docs/openapi.yaml.
"""
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request

import jsonschema
import yaml

from accounts import client_of, create_account, delete_account
from aws import setup
from cases import ROOT, case, contains, equal, main, true, wait_for
from oidc import Issuer
from pail import Pail
from s3client import Signer

STEPS = {"1h": (10, 360), "6h": (60, 360), "24h": (60, 1440), "7d": (900, 672)}
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

with open(os.path.join(ROOT, "docs", "openapi.yaml")) as document:
    OPENAPI = yaml.safe_load(document)


class Caller:
    """Somebody with a key, perhaps a session's."""

    def __init__(self, t, access_key=None, secret_key=None, token=None):
        self.t, self.token = t, token
        self.signer = Signer(access_key or t.pail.access_key, secret_key or t.pail.secret_key, t.pail.region)

    def signed(self, method, path, query, data, headers):
        """A connection, and the headers of a request."""
        pail = self.t.pail
        connection = http.client.HTTPSConnection(pail.host, pail.port, timeout=30, context=ssl.create_default_context(
            cafile=pail.ca)) if pail.tls else http.client.HTTPConnection(pail.host, pail.port, timeout=30)
        headers["host"] = f"{pail.host}:{pail.port}"
        if self.token:
            headers["x-amz-security-token"] = self.token
        return connection, self.signer.headers(method, path, query, headers, hashlib.sha256(data).hexdigest())

    def send(self, method, path, query="", body=None, **headers):
        query = "&".join(sorted(query.split("&")))
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        connection, signed = self.signed(method, path, query, data, headers)
        try:
            connection.request(method, path + ("?" + query if query else ""), data, signed)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def all_at_once(self, n, method, path, body):
        """The replies to n requests of which the server has the last bytes at nearly the same time."""
        connections = []
        try:
            for _ in range(n):
                connection, signed = self.signed(method, path, "", body, {})
                connections.append(connection)
                connection.request(method, path, body[:-1], dict(signed, **{"content-length": str(len(body))}))
            for connection in connections:
                connection.send(body[-1:])
            answers = [c.getresponse() for c in connections]
            return [(a.status, json.loads(a.read())) for a in answers]
        finally:
            for connection in connections:
                connection.close()

    def ask(self, method, path, query="", body=None, status=200):
        """The reply, held to the document."""
        got, reply = self.send(method, path, query, body)
        equal(got, status, f"{method} {path}: {str(reply)[:300]}")
        described(method, path, got, reply)
        return reply

    def can(self, *checks):
        return self.ask("POST", "/pail/v1/can", body={"checks": [{"action": a, "resource": r} for a, r in checks]})["allowed"]


def described(method, path, status, reply):
    want = path.split("/")
    for template, entry in OPENAPI["paths"].items():
        parts = template.split("/")
        if len(parts) == len(want) and all(p == w or p[:1] == "{" for p, w in zip(parts, want)):
            answer = entry[method.lower()]["responses"][str(status)]
            if "$ref" in answer:
                answer = OPENAPI["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
            schema = dict(answer["content"]["application/json"]["schema"], components=OPENAPI["components"])
            jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(reply)
            return
    raise AssertionError(f"docs/openapi.yaml has no {path}")


def user(t, *statements, groups=()):
    """A user of the first account with these statements; answers (name, access key, secret)."""
    iam = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "iam")
    t.users = getattr(t, "users", 0) + 1
    name = f"page-{t.users}"
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, key["AccessKeyId"], key["SecretAccessKey"]


def allow(actions, resources="*", effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def minio_session(t, key, secret):
    """What the console's page does: AssumeRole without a role."""
    body = b"Action=AssumeRole&Version=2011-06-15&DurationSeconds=3600"
    pail = t.pail
    signer = Signer(key, secret, pail.region, "sts")
    headers = {"host": f"{pail.host}:{pail.port}", "content-type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPSConnection(pail.host, pail.port, timeout=30, context=ssl.create_default_context(
        cafile=pail.ca)) if pail.tls else http.client.HTTPConnection(pail.host, pail.port, timeout=30)
    connection.request("POST", "/", body, signer.headers("POST", "/", "", headers, hashlib.sha256(body).hexdigest()))
    text = connection.getresponse().read().decode()
    connection.close()
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    return {n: re.search(f"<{n}>([^<]+)</{n}>", text).group(1) for n in names}


def own_server(t, **more):
    """Another server for a case that restarts it; as a context."""
    if t.pail.external:
        t.skip("another's server")
    return Pail("console-own", tls=t.pail.tls, **more)


def on(pail):
    """What Caller wants of a case, for another server."""
    return Caller(type("Run", (), {"pail": pail})())


def bucket(t, *keys):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    for key in keys:
        t.s3.put_object(Bucket=name, Key=key, Body=b"body")
    return name


@case
def session_tells_who(t):
    root = Caller(t).ask("GET", "/pail/v1/session")
    equal((root["kind"], root["account"], root["temporary"], root["expires"], root["name"]),
          ("root", "000000000000", False, None, "root"))
    name, key, secret = user(t, allow("s3:*"))
    me = Caller(t, key, secret).ask("GET", "/pail/v1/session")
    equal((me["kind"], me["name"], me["access_key"], me["arn"]),
          ("user", name, key, f"arn:aws:iam::000000000000:user/{name}"))
    made = minio_session(t, key, secret)
    me = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]).ask("GET", "/pail/v1/session")
    equal((me["kind"], me["name"], me["temporary"]), ("user", name, True), "a session of MinIO's kind")
    equal(me["expires"][:19], made["Expiration"][:19], "its end")
    sts = client_of(t.pail, key, secret, "sts")
    iam = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"AWS": f"arn:aws:iam::000000000000:user/{name}"}}]}
    role = iam.create_role(RoleName=f"role-of-{name}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    made = sts.assume_role(RoleArn=role, RoleSessionName="work")["Credentials"]
    me = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]).ask("GET", "/pail/v1/session")
    equal((me["kind"], me["name"]), ("role", f"role-of-{name}"))
    other = create_account(t.pail, f"page-{t.scheme}", f"page-{t.scheme}@example.com")
    me = Caller(t, other.access_key, other.secret_key).ask("GET", "/pail/v1/session")
    equal((me["kind"], me["account"], me["account_name"]), ("root", other.id, other.name), "another account")
    equal(Caller(t, "NOBODY00000000000000", "x").send("GET", "/pail/v1/session")[0], 403, "nobody")
    delete_account(t.pail, other.name)


@case
def can_agrees_with_what_happens(t):
    b = bucket(t, "photos/a.jpg", "private/b.txt")
    arn = f"arn:aws:s3:::{b}"
    _, key, secret = user(t, allow("s3:ListAllMyBuckets"), allow(["s3:GetObject", "s3:PutObject"], f"{arn}/photos/*"),
                          allow("s3:GetObject", f"{arn}/private/*", "Deny"), allow("admin:ServerInfo"),
                          allow("iam:ListUsers"))
    me = Caller(t, key, secret)
    s3 = client_of(t.pail, key, secret, "s3")
    checks = [("s3:GetObject", f"{arn}/photos/a.jpg", True), ("s3:PutObject", f"{arn}/photos/new", True),
              ("s3:GetObject", f"{arn}/private/b.txt", False), ("s3:GetObject", f"{arn}/other", False),
              ("s3:DeleteObject", f"{arn}/photos/a.jpg", False), ("s3:ListBucket", arn, False),
              ("s3:ListAllMyBuckets", "*", True), ("s3:CreateBucket", "arn:aws:s3:::new-one", False),
              ("admin:ServerInfo", "*", True), ("admin:ConfigUpdate", "*", False), ("iam:ListUsers", "*", True),
              ("iam:CreateUser", "arn:aws:iam::000000000000:user/x", False), ("pail:CreateAccount", "*", False),
              ("s3:NoSuchAction", arn, False), ("x:y", "nonsense", False), ("s3:GetObject", "", False),
              ("s3:GetObject", "arn:aws:s3:::no-such-bucket/x", False)]
    equal(me.can(*[c[:2] for c in checks]), [c[2] for c in checks])

    def happens(call, **more):
        try:
            call(Bucket=b, **more)
            return True
        except Exception as refused:
            equal(refused.response["ResponseMetadata"]["HTTPStatusCode"], 403, "refused as expected")
            return False
    equal([happens(s3.get_object, Key="photos/a.jpg"), happens(s3.put_object, Key="photos/new", Body=b""),
           happens(s3.get_object, Key="private/b.txt"), happens(s3.delete_object, Key="photos/a.jpg"),
           happens(s3.list_objects_v2)], [True, True, False, False, False], "what happens")
    every = [(a, r) for a, r, _ in checks if not a.startswith("x:") and r.startswith(arn)]
    equal(Caller(t).can(*every), [True] * (len(every) - 1) + [True], "root")


@case
def can_below_a_pattern(t):
    """Allowed on some plain name under it."""
    b = bucket(t)
    arn = f"arn:aws:s3:::{b}"
    name, key, secret = user(t, allow("s3:PutObject", [f"{arn}/up/*.txt", f"{arn}/home/${{aws:username}}/*"]),
                             allow("s3:GetObject", f"{arn}/*"), allow("s3:GetObject", f"{arn}/secret/*", "Deny"),
                             allow("s3:DeleteObject", "*"), allow("s3:DeleteObject", f"{arn}/*", "Deny"),
                             allow("s3:PutObjectTagging", "arn:aws:s3:::another/*"))
    me = Caller(t, key, secret)
    checks = [("s3:PutObject", f"{arn}/*", True),         # on up/x.txt
              ("s3:PutObject", f"{arn}/up/*", True), ("s3:PutObject", f"{arn}/down/*", False),
              ("s3:PutObject", f"{arn}/home/{name}/*", True), ("s3:PutObject", f"{arn}/home/else/*", False),
              ("s3:PutObject", "arn:aws:s3:::*", True), ("s3:PutObject", "arn:aws:s3:::other/*", False),
              ("s3:GetObject", f"{arn}/*", True), ("s3:GetObject", f"{arn}/secret/*", False),
              ("s3:DeleteObject", f"{arn}/*", False), ("s3:DeleteObject", "arn:aws:s3:::else/*", True),
              ("s3:PutObjectTagging", "*", True), ("s3:PutObjectTagging", f"{arn}/*", False),
              ("s3:GetObject", f"{arn}/secre?/x", True)]
    equal(me.can(*[c[:2] for c in checks]), [c[2] for c in checks])
    t.s3.put_bucket_policy(Bucket=b, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::000000000000:user/{name}"}, "Action": "s3:DeleteObjectTagging",
         "Resource": f"{arn}/given/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}]}))
    equal(me.can(("s3:DeleteObjectTagging", f"{arn}/*"), ("s3:DeleteObjectTagging", f"{arn}/given/x"),
                 ("s3:GetObject", f"{arn}/*")), [True, True, False], "with a bucket policy")
    equal(Caller(t).can(("s3:GetObject", f"{arn}/x"), ("s3:PutBucketPolicy", arn)), [False, True], "root, with a deny")


@case
def can_has_limits(t):
    me = Caller(t)
    equal(len(me.can(*[("s3:GetObject", "arn:aws:s3:::" + "b" * 60 + "/" + "*?" * 400)] * 200)), 200)
    for body in ({"checks": [{"action": "s3:GetObject", "resource": "*"}] * 201}, {"checks": {}}, {}, [], {"checks": [{}]},
                 {"checks": [{"action": "GetObject", "resource": "*"}]}, {"checks": [1]}, b"{", b"\xff\xfe", b""):
        me.ask("POST", "/pail/v1/can", body=body, status=400)
    other = create_account(t.pail, f"can-{t.scheme}", f"can-{t.scheme}@example.com")
    they = Caller(t, other.access_key, other.secret_key)
    b = bucket(t)
    equal(they.can(("s3:GetObject", f"arn:aws:s3:::{b}/x"), ("s3:CreateBucket", "arn:aws:s3:::free-name"),
                   ("admin:ServerInfo", "*"), ("iam:CreateUser", "*"), ("pail:ListAccounts", "*")),
          [False, True, False, True, False], "another account's root")
    delete_account(t.pail, other.name)


@case
def rights_of_each(t):
    none = Caller(t, *user(t, allow("s3:*"))[1:])
    rows = [("GET", "history", "admin:ServerInfo"), ("GET", "work", "admin:ServerInfo"),
            ("GET", "logs", "admin:ConsoleLog"), ("GET", "audit", "admin:ServerTrace"),
            ("GET", "settings", "admin:ConfigUpdate"), ("DELETE", "settings/access_log", "admin:ConfigUpdate")]
    for method, path, right in rows:
        none.ask(method, f"/pail/v1/{path}", status=403)
        Caller(t, *user(t, allow(right))[1:]).ask(method, f"/pail/v1/{path}")
    other = create_account(t.pail, f"rights-{t.scheme}", f"rights-{t.scheme}@example.com")
    for method, path, _ in rows:
        Caller(t, other.access_key, other.secret_key).ask(method, f"/pail/v1/{path}", status=403)
    delete_account(t.pail, other.name)


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@case
def access_keys_that_end(t):
    root, path = Caller(t), "/pail/v1/access-keys"
    name, _, _ = user(t, allow(["s3:ListAllMyBuckets"]))
    end = moment(3600)
    made = root.ask("POST", path, body={"user": name, "name": "ci", "description": "a <b>", "expires": end})
    equal((made["user"], made["name"], made["description"], made["active"], made["expired"], made["expires"][:19]),
          (name, "ci", "a <b>", True, False, end[:19]))
    place, holder = f"{path}/{made['id']}", Caller(t, made["id"], made["secret"])
    equal(holder.send("GET", "/pail/v1/session")[0], 200, "it works")
    shown = root.ask("GET", path, f"user={name}")["keys"]
    equal(len(shown), 2, "IAM's key and this one")
    true(all("secret" not in k for k in shown), "no secret is shown again")
    true(made["id"] in [k["id"] for k in root.ask("GET", path)["keys"]], "among all")
    other = next(k["id"] for k in shown if k["id"] != made["id"])
    equal(root.ask("PUT", f"{path}/{other}", body={"expires": end})["expires"][:19], end[:19], "a key of IAM's can end, too")
    for what in ({"expires": moment(-60)}, {"expires": "soon"}, {"expires": 12}, {"active": "yes"}, {"name": "n" * 33}):
        root.ask("PUT", place, body=what, status=400)
        if "active" not in what:
            root.ask("POST", path, body={"user": name, **what}, status=400)
    for when, why in ((moment(-60), "The expiration is past"), ("soon", "must be a date of ISO 8601")):
        contains(root.ask("PUT", place, body={"expires": when}, status=400)["message"], why)
    got = root.ask("PUT", place, body={"expires": None, "description": "", "active": False})
    equal((got["expires"], got["description"], got["name"], got["active"]), (None, "", "ci", False))
    equal(holder.send("GET", "/pail/v1/session")[0], 403, "it is off")
    root.ask("PUT", place, body={"active": True, "expires": moment(60)})
    equal(holder.send("GET", "/pail/v1/session")[0], 200, "on again")
    root.ask("PUT", place, body={"expires": moment(5)})
    wait_for(lambda: holder.send("GET", "/pail/v1/session")[0] == 403, "its end")
    true(next(k for k in root.ask("GET", path)["keys"] if k["id"] == made["id"])["expired"], "and is shown so")
    root.ask("PUT", place, body={"expires": moment(60)})
    equal(holder.send("GET", "/pail/v1/session")[0], 200, "it lives on")
    root.ask("PUT", f"{path}/AKIANOSUCHKEY", body={}, status=404)
    root.ask("POST", path, body={"user": "no-such-user"}, status=404)
    root.ask("GET", path, "user=no-such-user", status=404)


@case
def access_keys_are_whose(t):
    path = "/pail/v1/access-keys"
    name, key, secret = user(t)
    me = Caller(t, key, secret)
    mine = me.ask("POST", path, body={"expires": moment(60)})
    equal(mine["user"], name, "for oneself without a policy")
    me.ask("PUT", f"{path}/{mine['id']}", body={"name": "mine"})
    equal(len(me.ask("GET", path, f"user={name}")["keys"]), 2, "one's own")
    them, their, _ = user(t)
    for method, at, body in (("POST", path, {"user": them}), ("PUT", f"{path}/{their}", {"active": False}),
                             ("GET", path, None), ("POST", path, {"user": t.pail.access_key})):
        me.ask(method, at, body=body, status=403)
    me.ask("GET", path, f"user={them}", status=403)
    me.ask("GET", path, "user=", status=403)
    made = minio_session(t, key, secret)
    session = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    session.ask("POST", path, body={}, status=403)  # what is temporary would make itself lasting
    bounded = Caller(t).ask("POST", path, body={"user": name, "policy": {"Version": "2012-10-17", "Statement": [allow("s3:*")]}})
    true(bounded["bounded"], "a policy of its own")
    Caller(t, bounded["id"], bounded["secret"]).ask("POST", path, body={}, status=403)
    for policy in ({"Version": "2012-10-17", "Statement": []}, {"Version": "2012-10-17", "Statements": [allow("s3:*")]},
                   {"Version": "2012-10-17"}, {"statement": [allow("s3:*")]}, {"Statement": "s3:*"}, [], 5, "x"):
        Caller(t).ask("POST", path, body={"user": name, "policy": policy}, status=400)  # not a key with all rights
    for policy in (None, {}, {"ID": "", "Version": "", "Statement": None}):
        true(not Caller(t).ask("POST", path, body={"user": name, "policy": policy})["bounded"], f"nothing is said: {policy}")
    maker = Caller(t, *user(t, allow(["admin:CreateServiceAccount", "admin:ListServiceAccounts"]))[1:])
    equal(maker.ask("POST", path, body={"user": them})["user"], them, "with the right to")
    maker.ask("PUT", f"{path}/{their}", body={"active": False}, status=403)
    maker.ask("POST", path, body={"user": t.pail.access_key}, status=403)  # the root's is the root's
    root = Caller(t).ask("POST", path, body={"expires": moment(60)})
    equal(root["user"], "", "the root's own")
    maker.ask("PUT", f"{path}/{root['id']}", body={"active": True}, status=403)
    Caller(t).ask("PUT", f"{path}/{root['id']}", body={"active": False})
    session = minio_session(t, t.pail.access_key, t.pail.secret_key)
    session = Caller(t, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    equal(session.ask("POST", path, body={"user": them, "expires": moment(60)})["user"], them, "as the console does it")
    none = Caller(t, *user(t, allow("admin:*"), allow("admin:CreateServiceAccount", effect="Deny"))[1:])
    none.ask("POST", path, body={}, status=403)
    other = create_account(t.pail, f"keys-{t.scheme}", f"keys-{t.scheme}@example.com")
    they = Caller(t, other.access_key, other.secret_key)
    they.ask("GET", path, status=403)
    they.ask("POST", path, body={"user": them}, status=403)
    delete_account(t.pail, other.name)


@case
def history_of_each_range(t):
    me = Caller(t)
    for text, (step, n) in STEPS.items():
        h = me.ask("GET", "/pail/v1/history", f"range={text}")
        equal(h["step_seconds"], step, text)
        equal({len(s) for s in h["series"].values()}, {n}, f"{text}: numbers in each")
    me.ask("GET", "/pail/v1/history", "range=2h", status=400)
    equal(me.ask("GET", "/pail/v1/history")["step_seconds"], 10, "without a range")
    b = bucket(t)
    body = os.urandom(100_000)
    for i in range(20):
        t.s3.put_object(Bucket=b, Key=f"k{i}", Body=body)

    def counted():
        s = me.ask("GET", "/pail/v1/history", "range=1h")["series"]
        return sum(x or 0 for x in s["requests"]) >= 21 and sum(x or 0 for x in s["bytes_in"]) >= 2_000_000 and s
    deadline = time.monotonic() + 25
    while not (series := counted()) and time.monotonic() < deadline:
        time.sleep(0.5)
    true(series, "what was done is counted within a step")
    last = [i for i, x in enumerate(series["requests"]) if x is not None][-1]
    true(series["disk_total"][last] >= series["disk_free"][last] > 0 and series["memory"][last] > 1 << 20, "gauges")
    true(any(x and 0 < x < 60_000 for x in series["latency_p99_ms"]), "latencies")
    numbers = [x for s in series.values() for x in s if isinstance(x, float)]
    true(numbers and all(float(f"{x:.4g}") == x for x in numbers), "fractions have four digits")
    true(len(json.dumps(series)) < 40_000, "an hour is a small reply")
    true(series["requests"][0] is None, "before the start there is nothing")


@case
def history_outlives_a_restart(t):
    def total(pail):
        return sum(x or 0 for x in on(pail).ask("GET", "/pail/v1/history", "range=1h")["series"]["requests"])

    with own_server(t) as pail:
        path = os.path.join(pail.data, "pail.history")
        for _ in range(3):
            client_of(pail, pail.access_key, pail.secret_key, "s3").list_buckets()
        pail.stop()
        true(100 < os.stat(path).st_size < 1 << 20, "it is written at the end")
        pail.start()
        deadline = time.monotonic() + 30  # it is shown when its time is over
        while total(pail) < 3 and time.monotonic() < deadline:
            time.sleep(0.3)
        equal(total(pail), 3, "a step that was not over is kept")
        pail.stop()
        with open(path, "r+b") as f:
            f.seek(30)
            f.write(b"\xff\xff\xff\xff")
        pail.start()
        equal(total(pail), 0, "a damaged file is left out")
        pail.says("is damaged; the charts begin anew")
        for content in (b"", b"pail history 1\n", b"\0" * (2 << 20)):
            pail.stop()
            with open(path, "wb") as f:
                f.write(content)
            pail.start()
            pail.says("is damaged; the charts begin anew")
        pail.kill()
        equal(os.stat(path).st_size, 2 << 20, "a file is replaced only by a whole one")
        pail.start()
        pail.stop()
        true(100 < os.stat(path).st_size < 1 << 20, "which comes at the end")


@case
def settings_are_shown_and_changed(t):
    me = Caller(t)
    before = {s["name"]: s for s in me.ask("GET", "/pail/v1/settings")}
    equal(before["address"]["source"], "flag")
    equal((before["access_log"]["source"], before["access_log"]["changeable"]), ("default", True))
    equal(before["region"]["changeable"], False)
    whole = json.dumps(before)
    true(t.pail.secret_key not in whole and "root_password" not in whole and "PASSWORD" not in whole, "no secrets")
    now = me.ask("PUT", "/pail/v1/settings/idle_timeout", body={"value": 77})
    equal((now["value"], now["source"]), ("77", "admin"))
    shown = {s["name"]: s["value"] for s in me.ask("GET", "/pail/v1/settings")}
    equal(shown["idle_timeout"], "77", "afterwards")
    for name, value, status in (("idle_timeout", "many", 400), ("idle_timeout", 0, 400), ("region", "x", 400),
                                ("address", ":1", 400), ("no_such", "1", 404), ("root_password", "longer-than-8", 404)):
        me.ask("PUT", f"/pail/v1/settings/{name}", body={"value": value}, status=status)
    for body in ({}, {"value": None}, {"value": [1]}, {"value": "a\0b"}, [], b"{"):
        me.ask("PUT", "/pail/v1/settings/idle_timeout", body=body, status=400)
    equal(me.ask("DELETE", "/pail/v1/settings/idle_timeout")["source"], "default")


@case
def settings_outlive_a_restart(t):
    with own_server(t) as pail:
        on(pail).ask("PUT", "/pail/v1/settings/idle_timeout", body={"value": "78"})
        pail.stop()
        pail.start()
        equal({s["name"]: s["value"] for s in on(pail).ask("GET", "/pail/v1/settings")}["idle_timeout"], "78")


@case
def settings_that_something_else_wins(t):
    with own_server(t, env={"PAIL_ACCESS_LOG": "on", "PAIL_AUDIT_WEBHOOK": "http://me:hush@127.0.0.1:9/x?token=hush"},
                    args=["--log-level", "debug"]) as pail:
        me = on(pail)
        shown = {s["name"]: s for s in me.ask("GET", "/pail/v1/settings")}
        equal((shown["access_log"]["source"], shown["access_log"]["changeable"]), ("environment", False))
        equal((shown["log_level"]["source"], shown["log_level"]["value"]), ("flag", "debug"))
        equal(shown["audit_webhook"]["value"], "http://***@127.0.0.1:9/x?***")
        me.ask("PUT", "/pail/v1/settings/access_log", body={"value": "off"}, status=400)


@case
def logs_of_the_last_time(t):
    me = Caller(t)
    me.ask("PUT", "/pail/v1/settings/idle_timeout", body={"value": 66})
    me.ask("DELETE", "/pail/v1/settings/idle_timeout")

    def told():
        found = me.ask("GET", "/pail/v1/logs", "limit=50")["lines"]
        return found if any("settings were read again" in line["message"] for line in found) else None

    got = wait_for(told, "what was done")
    ids = [line["id"] for line in got]
    equal(ids, sorted(ids, reverse=True), "the newest first")
    page = me.ask("GET", "/pail/v1/logs", "limit=1")
    rest = me.ask("GET", "/pail/v1/logs", f"before={page['next']}&limit=1")
    true(rest["lines"][0]["id"] < page["lines"][0]["id"], "the next page")
    true(all(x["level"] in ("error", "warn") for x in me.ask("GET", "/pail/v1/logs", "level=warn")["lines"]), "of a level")
    for query in ("limit=0", "limit=1001", "limit=x", "level=loud", "before=x"):
        me.ask("GET", "/pail/v1/logs", query, status=400)


@case
def audit_of_the_last_requests(t):
    me = Caller(t)
    b = bucket(t, "a key/with ümlaut")
    name, key, secret = user(t)
    they = client_of(t.pail, key, secret, "s3")
    try:
        they.get_object(Bucket=b, Key="a key/with ümlaut")
        raise AssertionError("allowed")
    except they.exceptions.ClientError:
        pass
    url = t.s3.generate_presigned_url("get_object", {"Bucket": b, "Key": "a key/with ümlaut"})
    true("Signature" in url, "presigned")
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
    equal(urllib.request.urlopen(url, context=context).read(), b"body")
    # A request is there when its reply has gone, in the order of those moments.
    got = wait_for(lambda: len(seen := me.ask("GET", "/pail/v1/audit", f"bucket={b}")["entries"]) >= 4 and seen, "the requests")
    equal(sorted(e["api"] for e in got), ["CreateBucket", "GetObject", "GetObject", "PutObject"])
    denied = next(e for e in got if e["status"] != 200)
    equal((denied["status"], denied["error"], denied["access_key"], denied["object"]),
          (403, "AccessDenied", key, "a key/with ümlaut"))
    contains(denied["user"], f"user/{name}")
    true(url.rsplit("Signature=", 1)[1] not in json.dumps(got) and secret not in json.dumps(got), "no signatures")
    equal(len(me.ask("GET", "/pail/v1/audit", f"bucket={b}&limit=2")["entries"]), 2)
    equal({e["api"] for e in me.ask("GET", "/pail/v1/audit", f"api=putobject&bucket={b}")["entries"]}, {"PutObject"})
    equal({e["status"] for e in me.ask("GET", "/pail/v1/audit", f"bucket={b}&status=4xx")["entries"]}, {403})
    equal({e["status"] for e in me.ask("GET", "/pail/v1/audit", f"bucket={b}&status=errors")["entries"]}, {403})
    equal({e["status"] for e in me.ask("GET", "/pail/v1/audit", f"bucket={b}&status=200")["entries"]}, {200})
    equal({e["access_key"] for e in me.ask("GET", "/pail/v1/audit", f"user={key}")["entries"]}, {key})
    equal({e["access_key"] for e in me.ask("GET", "/pail/v1/audit", f"user={name}")["entries"]}, {key})


@case
def audit_is_bounded(t):
    me = Caller(t)
    b = bucket(t)

    def load():
        s3 = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "s3")
        for i in range(400):
            s3.head_bucket(Bucket=b)
    threads = [threading.Thread(target=load) for _ in range(4)]
    for one in threads:
        one.start()
    for _ in range(10):
        entries = me.ask("GET", "/pail/v1/audit", f"limit=1000&bucket={b}")["entries"]
        true(len(entries) <= 1000, "no more than asked for")
    for one in threads:
        one.join()
    times = [e["time"] for e in me.ask("GET", "/pail/v1/audit", "limit=1000")["entries"]]
    equal((len(times), times), (1000, sorted(times, reverse=True)), "the newest first, of all loops")


@case
def work_behind(t):
    work = Caller(t).ask("GET", "/pail/v1/work")
    true(work["disk"]["total"] > work["disk"]["free"] > 0 and work["workers"]["threads"] >= 2 and work["loops"], "numbers")


def by_console(t, path, method="GET", headers=None):
    """Status, headers and body from the console's own listener, unsigned."""
    pail = t.pail
    connection = http.client.HTTPSConnection(pail.host, pail.console_port, timeout=30, context=ssl.create_default_context(
        cafile=pail.ca)) if pail.tls else http.client.HTTPConnection(pail.host, pail.console_port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@case
def signing_in_through_a_provider(t):
    if t.pail.external:
        t.skip("the provider listens on this machine's loopback")
    iam = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "iam")
    with Issuer(t.folder()) as idp:
        idp.replies["discovery"] = lambda: (200, {}, json.dumps(
            {"issuer": idp.url, "jwks_uri": idp.url + "/keys", "authorization_endpoint": idp.url + "/go?a=1"}).encode())
        arn = iam.create_open_id_connect_provider(Url=idp.url, ClientIDList=["app-1", "app-2"])["OpenIDConnectProviderArn"]
        idp_id = arn.split("/", 1)[1]
        ask = f"/api/pail/v1/oidc/{urllib.parse.quote(idp_id, safe='')}?response_type=id_token&state=s%26t&nonce=n&client_id=evil&evil=1" \
              "&redirect_uri=https%3A%2F%2Fpail.test%2F"
        equal(by_console(t, ask)[0], 404, "not offered without a role")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
                                                         "Principal": {"Federated": arn}}]}
        role = iam.create_role(RoleName=f"people-{t.scheme}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[
            {"Key": "pail:console-role", "Value": role}, {"Key": "pail:console-name", "Value": "Our people"},
            {"Key": "pail:console-client", "Value": "app-2"}])
        status, _, body = by_console(t, "/console.json")
        if status == 200:  # otherwise the page was not built
            equal(json.loads(body)["providers"], [{"id": idp_id, "name": "Our people", "url": idp.url, "clientId": "app-2", "roleArn": role}])
        status, headers, _ = by_console(t, ask, headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"})
        equal((status, headers["Location"]),
              (303, f"{idp.url}/go?a=1&response_type=id_token&response_mode=fragment&redirect_uri=https%3A%2F%2Fpail.test%2F&state=s%26t&nonce=n"
                    "&client_id=app-2"))
        equal(by_console(t, ask, headers={"Sec-Fetch-Site": "cross-site"})[0], 403, "from elsewhere")
        equal([by_console(t, "/api/pail/v1/oidc/" + n)[0] for n in ("nobody", "Our%20people")], [404, 404], "not by a name")
        equal(Caller(t).send("GET", "/pail/v1/oidc/" + idp_id)[0], 404, "by S3's listener")
        token = idp.token(aud="app-2")
        form = urllib.parse.urlencode({"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role,
                                       "RoleSessionName": "console", "WebIdentityToken": token}).encode()
        pail = t.pail
        context = ssl.create_default_context(cafile=pail.ca) if pail.tls else None
        scheme = "https" if pail.tls else "http"
        reply = urllib.request.urlopen(f"{scheme}://{pail.host}:{pail.console_port}/api/", form, context=context).read().decode()
        made = {n: re.search(f"<{n}>([^<]+)</{n}>", reply).group(1) for n in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        me = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]).ask("GET", "/pail/v1/session")
        equal((me["kind"], me["name"]), ("role", f"people-{t.scheme}"))
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with Issuer(t.folder(), path="/silent") as idp:
        arn = iam.create_open_id_connect_provider(Url=idp.url, ClientIDList=["app-1"], Tags=[
            {"Key": "pail:console-role", "Value": role}])["OpenIDConnectProviderArn"]
        equal(by_console(t, "/api/pail/v1/oidc/" + urllib.parse.quote(arn.split("/", 1)[1], safe=""))[0], 503,
              "a provider that does not say where")
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def rules(*each):
    return f"<LifecycleConfiguration {NS}>{''.join(f'<Rule>{r}</Rule>' for r in each)}</LifecycleConfiguration>".encode()


def preview(t, b, *each, caller=None, status=200):
    reply = (caller or Caller(t)).ask("POST", f"/pail/v1/buckets/{b}/lifecycle-preview", body=rules(*each), status=status)
    return {r["id"]: r for r in reply["rules"]} if status == 200 else reply


@case
def preview_of_lifecycle_rules(t):
    b = bucket(t, "logs/1", "logs/2", "photos/1")
    t.s3.put_object(Bucket=b, Key="photos/large", Body=b"x" * 200_000, Tagging="keep=no")
    old = "<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration><Status>Enabled</Status>"
    later = "<Expiration><Days>30</Days></Expiration><Status>Enabled</Status>"
    got = preview(t, b, f"<ID>all</ID><Filter/>{later}", f"<ID>logs</ID><Filter><Prefix>logs/</Prefix></Filter>{old}",
                  "<ID>off</ID><Filter><Prefix>photos/</Prefix></Filter>" + old.replace("Enabled", "Disabled"),
                  f"<ID>tag</ID><Filter><Tag><Key>keep</Key><Value>no</Value></Tag></Filter>{later}",
                  f"<ID>size</ID><Filter><ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan></Filter>{later}")
    want = {"all": (4, 200_012, 0, 0), "logs": (2, 8, 2, 8), "off": (2, 200_004, 2, 200_004),
            "tag": (1, 200_000, 0, 0), "size": (1, 200_000, 0, 0)}
    equal({k: (r["matches_now"], r["bytes"], r["due_now"], r["due_bytes"]) for k, r in got.items()}, want)
    equal({(r["scanned"], r["complete"]) for r in got.values()}, {(4, True)})
    equal(t.s3.list_objects_v2(Bucket=b)["KeyCount"], 4, "nothing happened")
    try:
        t.s3.get_bucket_lifecycle_configuration(Bucket=b)
        raise AssertionError("it was kept")
    except t.s3.exceptions.ClientError as none:
        equal(none.response["Error"]["Code"], "NoSuchLifecycleConfiguration")


@case
def preview_of_versions(t):
    b = bucket(t)
    t.s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(5):
        t.s3.put_object(Bucket=b, Key="k", Body=b"12345")
    for i in range(3):
        t.s3.put_object(Bucket=b, Key=f"gone-{i}", Body=b"1")
        version = t.s3.list_object_versions(Bucket=b, Prefix=f"gone-{i}")["Versions"][0]["VersionId"]
        t.s3.delete_object(Bucket=b, Key=f"gone-{i}")
        if i:
            t.s3.delete_object(Bucket=b, Key=f"gone-{i}", VersionId=version)
    got = preview(t, b, "<ID>markers</ID><Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                        "</Expiration><Status>Enabled</Status>",
                  "<ID>moved</ID><Filter><Prefix>k</Prefix></Filter><Transition><Date>2020-01-01T00:00:00Z</Date>"
                  "<StorageClass>GLACIER</StorageClass></Transition><Status>Enabled</Status>")
    equal({r["scanned"] for r in got.values()}, {9}, "versions and markers")
    equal((got["markers"]["due_now"], got["markers"]["matches_now"]), (2, 6), "markers that hide nothing")
    equal(got["moved"]["matches_now"], 5)


@case
def preview_over_pages(t):
    b = bucket(t)
    t.s3.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})

    def load(part):
        s3 = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "s3")
        for i in range(part, 1100, 4):
            s3.put_object(Bucket=b, Key=f"k{i // 2:05}", Body=b"x")
    threads = [threading.Thread(target=load, args=(p,)) for p in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    got = preview(t, b, "<ID>a</ID><Filter/><Expiration><Days>1</Days></Expiration><Status>Enabled</Status>")["a"]
    equal((got["scanned"], got["matches_now"], got["complete"]), (1100, 1100, True), "each version once")


@case
def preview_leaves_workers_to_others(t):
    b = bucket(t, *(f"k{i}" for i in range(300)))
    tagged = [f"<ID>{i}</ID><Filter><And><Prefix>k</Prefix><Tag><Key>a</Key><Value>{i}</Value></Tag></And></Filter>"
              "<Expiration><Days>1</Days></Expiration><Status>Enabled</Status>" for i in range(1000)]
    got = Caller(t).all_at_once(12, "POST", f"/pail/v1/buckets/{b}/lifecycle-preview", rules(*tagged))
    for status, reply in got:
        described("POST", f"/pail/v1/buckets/{b}/lifecycle-preview", status, reply)
    equal({s for s, _ in got} - {200, 503}, set())
    true(any(s == 200 for s, _ in got), "none was made")
    true(any(r["code"] == "SlowDown" for s, r in got if s == 503), "none was told to wait")
    equal(len(preview(t, b, *tagged)), 1000, "the next one")


@case
def preview_is_refused(t):
    b = bucket(t)
    good = "<ID>a</ID><Filter/><Expiration><Days>1</Days></Expiration><Status>Enabled</Status>"
    Caller(t).ask("POST", f"/pail/v1/buckets/{b}/lifecycle-preview", body=b"<x/>", status=400)
    preview(t, b, "<Filter/><Status>Enabled</Status>", status=400)
    preview(t, "no-such-bucket", good, status=404)
    arn = f"arn:aws:s3:::{b}"
    half = Caller(t, *user(t, allow("s3:GetLifecycleConfiguration", arn))[1:])
    both = Caller(t, *user(t, allow(["s3:GetLifecycleConfiguration", "s3:ListBucket"], arn))[1:])
    preview(t, b, good, caller=half, status=403)
    preview(t, b, good, caller=both)
    preview(t, "no-such-bucket", good, caller=half, status=403)
    other = create_account(t.pail, f"preview-{t.scheme}", f"preview-{t.scheme}@example.com")
    they = Caller(t, other.access_key, other.secret_key)
    preview(t, b, good, caller=they, status=403)
    theirs = other.client("s3")
    name = t.bucket_name()
    theirs.create_bucket(Bucket=name)
    preview(t, name, good, caller=they)
    theirs.delete_bucket(Bucket=name)
    delete_account(t.pail, other.name)


@case
def preview_ends_with_its_client(t):
    """Nobody waits for it: the worker is free again. Seen by a server that goes on answering."""
    b = bucket(t, "a")
    body = rules("<ID>a</ID><Filter/><Expiration><Days>1</Days></Expiration><Status>Enabled</Status>")
    path = f"/pail/v1/buckets/{b}/lifecycle-preview"
    host = f"{t.pail.host}:{t.pail.port}"
    signed = Caller(t).signer.headers("POST", path, "", {"host": host}, hashlib.sha256(body).hexdigest())
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in signed.items()) + \
        f"content-length: {len(body)}\r\n\r\n"
    for _ in range(50):
        s = socket.create_connection((t.pail.host, t.pail.port))
        if t.pail.tls:
            s = ssl.create_default_context(cafile=t.pail.ca).wrap_socket(s, server_hostname=t.pail.host)
        s.sendall(head.encode() + body)
        s.close()
    deadline = time.monotonic() + 10
    while Caller(t).ask("GET", "/pail/v1/work")["workers"]["busy"] > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    true(time.monotonic() < deadline, "workers are free again")


if __name__ == "__main__":
    main("sdk-console-api", setup)
