#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several accounts on one server: `pail account` with a server and without, owners in every listing, and what one
account may do with another's buckets, objects, keys and roles.

What is expected is what Amazon S3, IAM and STS answer.
"""
import concurrent.futures
import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request

import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
from botocore.client import Config
from botocore.exceptions import ClientError

import accounts
from accounts import client_of, create_account, delete_account, list_accounts, send
from aws import setup
from cases import ROOT, case, contains, equal, main, true
from pail import Pail, ServerError

FIRST = "000000000000"
OPEN = dict(BlockPublicAcls=False, IgnorePublicAcls=False, BlockPublicPolicy=False, RestrictPublicBuckets=False)


def fails(code, function, **kwargs):
    try:
        function(**kwargs)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, f"error of {function.__name__}")
        return error.response
    raise AssertionError(f"{function.__name__} was expected to fail with {code}: {kwargs}")


def account(t, **more):
    t.accounts = getattr(t, "accounts", 0) + 1
    return create_account(t.pail, f"team-{t.accounts}", f"team-{t.accounts}@example.com", **more)


def bucket(t, s3=None, ownership=None):
    name = t.bucket_name()
    (s3 or t.s3).create_bucket(Bucket=name, **({"ObjectOwnership": ownership} if ownership else {}))
    return name


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(name, *actions, principal="*", effect="Allow", **more):
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"], **more}


def user(t, owner, name, *actions):
    """A user of an account with rights on everything; its S3 client, its ARN and its keys."""
    iam = owner.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(
            {"Effect": "Allow", "Action": list(actions), "Resource": "*"}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = key["AccessKeyId"], key["SecretAccessKey"]
    return client_of(t.pail, *keys, "s3"), arn, keys


def pail(t, *words, code=0, stdin=None, **env):
    """`pail account words` with root's keys; its answer, or what it says on standard error."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_")) or "SAN" in k}
    clean.update(PAIL_ROOT_USER=t.pail.access_key, PAIL_ROOT_PASSWORD=t.pail.secret_key, PAIL_ENDPOINT=t.pail.endpoint)
    clean.update(env)
    clean = {k: v for k, v in clean.items() if v is not None}
    more = ["--ca-file", t.pail.ca] if t.pail.ca and code != 2 and "--data" not in words and "--help" not in words else []
    done = subprocess.run([t.pail.binary, "account", *words, *more], env=clean, capture_output=True, text=True,
                          input=stdin, timeout=60)
    equal(done.returncode, code, f"status of pail account {words}: {done.stderr}")
    if code == 0:
        equal(done.stderr, "", "standard error")
        return done.stdout if "--help" in words else json.loads(done.stdout)
    equal((done.stdout, done.stderr.count("\n")), ("", 1), f"one line of {done.stderr!r}")
    return done.stderr


# ---- the command ----

@case
def command_online(t):
    """create, list and delete with a running server; ids and the secret key are shown, the latter once"""
    made = pail(t, "create", "cmd-a", "--email", "Cmd-A@example.com")
    true(re.fullmatch(r"\d{12}", made["id"]), "an id of 12 digits")
    true(re.fullmatch(r"[0-9a-f]{64}", made["canonicalId"]), "a canonical id of 64 hex digits")
    equal((made["name"], made["email"]), ("cmd-a", "Cmd-A@example.com"), "name and address")
    true(re.fullmatch(r"AKIA[A-Z2-7]{16}", made["accessKey"]) and len(made["secretKey"]) == 40, "keys")
    listed = pail(t, "list")["accounts"]
    equal(listed[0]["id"], FIRST, "the first account")
    equal([a for a in listed if a["name"] == "cmd-a"], [{k: v for k, v in made.items() if k != "secretKey"}], "listed")
    who = client_of(t.pail, made["accessKey"], made["secretKey"], "sts").get_caller_identity()
    equal(who["Arn"], f"arn:aws:iam::{made['id']}:root", "its root")
    chosen = pail(t, "create", "cmd-b", "--access-key=my.own-key", "--secret-key", "-", stdin="my-secret-key\n")
    equal((chosen["accessKey"], chosen["secretKey"], chosen["email"]), ("my.own-key", "my-secret-key", None), "chosen")
    equal(client_of(t.pail, "my.own-key", "my-secret-key", "s3").list_buckets()["Buckets"], [], "used")
    equal(pail(t, "delete", "CMD-B"), {"id": chosen["id"], "name": "cmd-b"}, "deleted by name")
    pail(t, "delete", made["id"])
    equal([a["name"] for a in pail(t, "list")["accounts"] if a["name"].startswith("cmd-")], [], "both are gone")
    again = pail(t, "create", "cmd-a", "--email", "cmd-a@example.com")
    true(again["id"] != made["id"] and again["canonicalId"] != made["canonicalId"], "the name is free, ids are new")
    pail(t, "delete", "cmd-a")


@case
def command_refusals(t):
    """what cannot be done is said in one line, with status 1"""
    a = account(t)
    for words, text in ((("create", a.name), "name"), (("create", a.name.upper()), "name"),
                        (("create", "x", "--email", a.email.upper()), "e-mail"),
                        (("create", "x", "--access-key", a.access_key, "--secret-key", "12345678"), "access key"),
                        (("create", "x", "--access-key", t.pail.access_key, "--secret-key", "12345678"), "access key"),
                        (("create", "x", "--access-key", "minioadmin", "--secret-key", "12345678"), "access key")):
        contains(pail(t, *words, code=1), f"the {text}", str(words))
        contains(pail(t, *words, code=1), "taken already (AccountAlreadyExists)", str(words))
    for words in (("create", "a b"), ("create", ""), ("create", ".a"), ("create", "a/b"), ("create", "x" * 65),
                  ("create", "123456789012"), ("create", "é"), ("create", "x", "--email", "nobody"),
                  ("create", "x", "--email", "a@b@c"), ("create", "x", "--access-key", "ab", "--secret-key", "12345678"),
                  ("create", "x", "--access-key", "a/b", "--secret-key", "12345678"),
                  ("create", "x", "--access-key", "abc", "--secret-key", "short"),
                  ("create", "x", "--access-key", "ASIA" + "A" * 16, "--secret-key", "12345678")):
        contains(pail(t, *words, code=1), "(InvalidArgument)", str(words))
    contains(pail(t, "delete", "nobody", code=1), "NoSuchAccount")
    contains(pail(t, "delete", "../..", code=1), "no account")
    contains(pail(t, "delete", FIRST, code=1), "the first account cannot be deleted")
    contains(pail(t, "delete", "root", code=1), "the first account cannot be deleted")
    contains(pail(t, "list", code=1, PAIL_ROOT_PASSWORD="wrong-password"), "SignatureDoesNotMatch")
    contains(pail(t, "list", code=1, PAIL_ROOT_USER=a.access_key, PAIL_ROOT_PASSWORD=a.secret_key), "AccessDenied")
    contains(pail(t, "list", code=1, PAIL_ROOT_PASSWORD=None), "PAIL_ROOT_USER is set and PAIL_ROOT_PASSWORD is not")
    contains(pail(t, "list", "--endpoint", "http://127.0.0.1:1", code=1), "no answer")
    contains(pail(t, "list", code=1, PAIL_ROOT_USER=None, PAIL_ROOT_PASSWORD=None), "InvalidAccessKeyId")
    for names in (("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")):
        keys = dict(zip(names, (t.pail.access_key, t.pail.secret_key)))
        true(pail(t, "list", PAIL_ROOT_USER=None, PAIL_ROOT_PASSWORD=None, **keys)["accounts"], names[0])
    s = client_of(t.pail, t.pail.access_key, t.pail.secret_key, "sts").get_session_token()["Credentials"]
    true(pail(t, "list", PAIL_ROOT_USER=None, PAIL_ROOT_PASSWORD=None, AWS_ACCESS_KEY_ID=s["AccessKeyId"],
              AWS_SECRET_ACCESS_KEY=s["SecretAccessKey"], AWS_SESSION_TOKEN=s["SessionToken"])["accounts"], "a session")
    delete_account(t.pail, a.id)


@case
def command_usage(t):
    """wrong calls have status 2, and help shows examples"""
    for words in ((), ("make",), ("create",), ("delete",), ("list", "x"), ("create", "a", "b"), ("create", "--email"),
                  ("create", "a", "--email="), ("create", "a", "--nonsense"), ("list", "--email", "a@b"),
                  ("create", "a", "--access-key", "abc"), ("list", "--data", "x", "--endpoint", "y"),
                  ("list", "--tier", "GLACIER=x"), ("create", "a", "--access-key", "abc", "--secret-key", "-")):
        contains(pail(t, *words, code=2, stdin=""), "pail account --help", str(words))
    text = pail(t, "--help")
    for word in ("Examples:", "pail account create team-a", "--data DIR", "--ca-file", "PAIL_ENDPOINT", "minioadmin"):
        contains(text, word, "help")


@case
def command_offline(t):
    """the same in a data folder, which no server may hold"""
    if t.pail.external:
        t.skip("the data folder is elsewhere")
    own = Pail("accounts-offline", tls=False, data=t.folder())
    own.start()
    try:
        contains(pail(t, "list", "--data", own.data, code=1), "leave --data away and give --endpoint")
        online = create_account(own, "online")
        online.client("s3").create_bucket(Bucket="kept")
        own.stop()
        made = pail(t, "create", "offline", "--email", "off@example.com", "--data", own.data, PAIL_ROOT_USER=None,
                    PAIL_ROOT_PASSWORD=None)
        equal([(a["name"], a["accessKey"]) for a in pail(t, "list", "--data", own.data, PAIL_ROOT_USER=None,
                                                         PAIL_ROOT_PASSWORD=None)["accounts"] if a["id"] == FIRST],
              [("root", None)], "the first account's keys are settings that are not known here")
        contains(pail(t, "create", "ONLINE", "--data", own.data, code=1), "taken already")
        contains(pail(t, "delete", "online", "--data", own.data, code=1), "buckets (kept)")
        contains(pail(t, "delete", "nobody", "--data", own.data, code=1), "no account")
        contains(pail(t, "create", "sealed", "--data", own.data, "--master-key-file", t.pail.binary, code=1), "no master key")
        own.start()
        names = [a["name"] for a in list_accounts(own)]
        equal(sorted(names), ["offline", "online", "root"], "the server knows them")
        s3 = client_of(own, made["accessKey"], made["secretKey"], "s3")
        equal(s3.list_buckets()["Owner"], {"ID": made["canonicalId"], "DisplayName": "offline"}, "its owner")
        own.stop()
        equal(pail(t, "delete", "offline", "--data", own.data)["id"], made["id"], "deleted")
        own.start()
        fails("InvalidAccessKeyId", client_of(own, made["accessKey"], made["secretKey"], "s3").list_buckets)
        own.stop()
        own.access_key = online.access_key  # a key is one account's
        try:
            own.start()
            raise AssertionError("a server started whose root has another account's key")
        except ServerError as error:
            contains(str(error), "access key is taken already, in account " + online.id)
    finally:
        own.kill()
    contains(pail(t, "list", "--data", t.folder(), code=1), "no data folder")
    contains(pail(t, "list", "--data", "/dev/null", code=1), "no data folder")


# ---- the endpoint ----

class Unsigned(botocore.auth.S3SigV4Auth):
    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def refusal(t, request):
    """Sends a request as it was signed, which must be denied; why it was."""
    request = request.prepare()
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.ca else None
    try:
        urllib.request.urlopen(urllib.request.Request(request.url, request.body, dict(request.headers.items()),
                                                      method=request.method), context=context)
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
        equal((error.code, answer["code"]), (403, "AccessDenied"), request.url)
        return answer["message"]
    raise AssertionError(f"{request.method} {request.url} was answered")

@case
def endpoint(t):
    """/pail/v1/accounts is for the first account's root, and its JSON is bounded and strict"""
    a = account(t)
    _, arn, keys = user(t, a, "boss", "*")
    first_iam = t.session.client("iam")
    first_iam.create_user(UserName="almost-root")
    first_iam.attach_user_policy(UserName="almost-root", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key = first_iam.create_access_key(UserName="almost-root")["AccessKey"]
    with open(os.path.join(ROOT, "server", "own_ops.c"), encoding="utf-8") as f:
        rows = re.findall(r"\.method = HTTP_(\w+),[^}]*?\.path = \"([^\"]+)\"[^}]*?\.flags = OP_FIRST_ROOT", f.read())
    true(len(rows) >= 4, "rows")
    for method, path in rows:
        path = "/" + path.replace("*", a.id)
        for who in ((a.access_key, a.secret_key), keys, (key["AccessKeyId"], key["SecretAccessKey"])):
            status, answer = send(t.pail, method, path, access_key=who[0], secret_key=who[1])
            equal((status, answer["code"]), (403, "AccessDenied"), f"{method} {path}")
        refusal(t, botocore.awsrequest.AWSRequest(method=method, url=t.pail.endpoint + path))
    for body in (b"", b"{", b"[]", b"null", b'{"name": 1}', b'{"name": "x", "nme": "y"}', b'{"name":"x","name":"y"}',
                 b'{"name": "x\\u0000y"}', b'{"name": "' + b"x" * 1000 + b'"}', b"[" * 10000, b'{"name":"x"} trailing'):
        status, answer = send(t.pail, "POST", body=body)
        equal((status, answer["code"]), (400, "InvalidArgument"), f"{body[:60]}")
        true(answer["message"] and answer["requestId"], "message and request id")
    status, answer = send(t.pail, "POST", body=b'{"name":"' + b"x" * 100000 + b'"}')
    equal((status, answer["code"]), (400, "MaxMessageLengthExceeded"), "a large document")
    equal(send(t.pail, "GET", f"{accounts.PATH}/{a.id}")[1]["name"], a.name, "one by id")
    equal(send(t.pail, "GET", f"{accounts.PATH}/{a.name}")[1]["id"], a.id, "one by name")
    for path in ("/pail/v1/accounts/", "/pail/v1/accounts/a/b", "/pail/v1", "/pail/v1/account", "/pail/V1/accounts"):
        equal(send(t.pail, "GET", path)[0], 404, path)
    for method in ("PUT", "HEAD", "OPTIONS", "PATCH"):
        true(send(t.pail, method)[0] in (405, 403), method)
    url = f"{t.pail.endpoint}{accounts.PATH}"
    for service, signer in (("presigned", botocore.auth.S3SigV4QueryAuth), ("version 2", botocore.auth.HmacV1Auth)):
        request = botocore.awsrequest.AWSRequest(method="GET", url=url)
        key = botocore.credentials.Credentials(t.pail.access_key, t.pail.secret_key)
        (signer(key, "s3", "us-east-1") if service == "presigned" else signer(key)).add_auth(request)
        contains(refusal(t, request), "Signature Version 4", service)
    request = botocore.awsrequest.AWSRequest(method="POST", url=url, data=b'{"name":"unsigned"}',
                                             headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    Unsigned(key, "s3", "us-east-1").add_auth(request)
    contains(refusal(t, request), "headers and body are signed", "a body that is not signed")
    for name in ("pail", "minio"):
        error = fails("InvalidBucketName", t.s3.create_bucket, Bucket=name)["Error"]
        contains(error["Message"], "reserved", name)
        fails("NoSuchBucket", t.s3.get_object, Bucket=name, Key="v1/other")
    a.client("iam").delete_access_key(UserName="boss", AccessKeyId=keys[0])
    fails("DeleteConflict", a.client("iam").delete_user, UserName="boss")
    a.client("iam").delete_user_policy(UserName="boss", PolicyName="p")
    status, answer = send(t.pail, "DELETE", f"{accounts.PATH}/{a.id}")
    equal((status, answer["code"]), (409, "AccountNotEmpty"), "with a user")
    contains(answer["message"], "users (boss)")
    a.client("iam").delete_user(UserName="boss")
    delete_account(t.pail, a.id)


@case
def default_credentials(t):
    """minioadmin works from this machine alone, here too; the command uses it when nothing is set"""
    if t.pail.external:
        t.skip("the server is not ours")
    with Pail("accounts-default", access_key="minioadmin", secret_key="minioadmin",
              env={"PAIL_ROOT_USER": None, "PAIL_ROOT_PASSWORD": None}) as plain:
        where = dict(PAIL_ROOT_USER=None, PAIL_ROOT_PASSWORD=None, PAIL_ENDPOINT=None, AWS_ENDPOINT_URL=plain.endpoint)
        made = pail(t, "create", "by-default", **where)
        equal(pail(t, "list", **where)["accounts"][0]["accessKey"], "minioadmin", "the first account's key")
        for header in ("x-forwarded-for", "via", "forwarded"):
            status, answer = send(plain, "GET", headers={header: "192.0.2.1"})
            equal((status, answer["code"]), (403, "AccessDenied"), header)
            contains(answer["message"], "from this machine alone", header)
        equal(send(plain, "DELETE", f"{accounts.PATH}/{made['id']}")[0], 200, "from here")


@case
def concurrent_names(t):
    """of many that ask for one name or one key at once, one gets it; a deletion meets no new bucket half-way"""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: send(t.pail, "POST", body={
            "name": "same", "accessKey": f"same-key-{i}", "secretKey": "12345678"}), range(8)))
        equal(sorted(s for s, _ in answers), [201] + [409] * 7, "one name")
        answers = list(pool.map(lambda i: send(t.pail, "POST", body={
            "name": f"key-{i}", "accessKey": "the-same-key", "secretKey": "12345678"}), range(8)))
        equal(sorted(s for s, _ in answers), [201] + [409] * 7, "one key")
        for a in list_accounts(t.pail):
            if a["name"] == "same" or a["accessKey"] == "the-same-key":
                delete_account(t.pail, a["id"])
        for i in range(6):
            a = account(t)
            s3, name = a.client("s3", config=Config(retries={"max_attempts": 1})), t.bucket_name()
            making = pool.submit(s3.create_bucket, Bucket=name)
            status, _ = send(t.pail, "DELETE", f"{accounts.PATH}/{a.id}")
            made = making.exception() is None
            equal(made, status == 409, f"bucket made: {made}, deletion: {status}")
            if made:
                s3.delete_bucket(Bucket=name)
                delete_account(t.pail, a.id)
            else:
                fails("404", t.s3.head_bucket, Bucket=name)


# ---- identities ----

@case
def root_of_an_account(t):
    """its root is the account: STS, IAM, further keys, users and their names are its own"""
    a, b = account(t), account(t)
    who = a.client("sts").get_caller_identity()
    equal((who["Arn"], who["UserId"], who["Account"]), (a.root_arn, a.id, a.id), "GetCallerIdentity")
    me = a.client("iam").get_user()["User"]
    equal((me["Arn"], me["UserId"]), (a.root_arn, a.id), "GetUser")
    first = t.session.client("iam").get_user()["User"]
    equal(first["Arn"], f"arn:aws:iam::{FIRST}:root", "the first account's")
    _, arn_a, keys_a = user(t, a, "ann")
    _, arn_b, _ = user(t, b, "ann")
    equal((arn_a, arn_b), (f"arn:aws:iam::{a.id}:user/ann", f"arn:aws:iam::{b.id}:user/ann"), "one name in two accounts")
    equal(len(a.client("iam").list_users()["Users"]), 1, "each sees its own")
    equal(client_of(t.pail, *keys_a, "sts").get_caller_identity()["Account"], a.id, "the user's account")
    iam = a.client("iam")
    key = iam.create_access_key()["AccessKey"]
    true("UserName" not in key or not key["UserName"], "a key of root")
    second = client_of(t.pail, key["AccessKeyId"], key["SecretAccessKey"], "iam")
    equal(client_of(t.pail, key["AccessKeyId"], key["SecretAccessKey"], "sts").get_caller_identity()["Arn"], a.root_arn,
          "the second key")
    equal(len(iam.list_access_keys()["AccessKeyMetadata"]), 2, "two keys")
    second.delete_access_key(AccessKeyId=a.access_key)
    fails("InvalidClientTokenId", iam.list_users)
    fails("DeleteConflict", second.delete_access_key, AccessKeyId=key["AccessKeyId"])
    fails("DeleteConflict", second.update_access_key, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    s = client_of(t.pail, b.access_key, b.secret_key, "sts").get_session_token()["Credentials"]
    session = client_of(t.pail, s["AccessKeyId"], s["SecretAccessKey"], "s3", token=s["SessionToken"])
    equal(session.list_buckets()["Owner"]["ID"], b.canonical_id, "a session of root")
    b.client("iam").delete_access_key(UserName="ann", AccessKeyId=b.client("iam").list_access_keys(
        UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"])
    b.client("iam").delete_user(UserName="ann")
    delete_account(t.pail, b.id)
    fails("InvalidToken", session.list_buckets)
    fails("InvalidAccessKeyId", b.client("s3").list_buckets)
    fails("InvalidClientTokenId", b.client("iam").create_user, UserName="late")


@case
def after_a_restart(t):
    """accounts, their keys and the owners of what they made are there again"""
    if t.pail.external:
        t.skip("the server is not ours")
    a = account(t)
    name = bucket(t, a.client("s3"))
    gone = account(t)
    s3 = gone.client("s3")
    shared = bucket(t, ownership="ObjectWriter")
    t.s3.put_bucket_policy(Bucket=shared, Policy=document(allow(shared, "s3:PutObject", principal=gone.id)))
    s3.put_object(Bucket=shared, Key="left", Body=b"x")
    delete_account(t.pail, gone.id)
    t.pail.stop()
    t.pail.start()
    setup(t)
    s3 = client_of(t.pail, a.access_key, a.secret_key, "s3")
    equal([b["Name"] for b in s3.list_buckets()["Buckets"]], [name], "its bucket")
    equal(s3.get_bucket_acl(Bucket=name)["Owner"], {"ID": a.canonical_id, "DisplayName": a.name}, "its name")
    row = t.s3.list_objects(Bucket=shared)["Contents"][0]
    equal(row["Owner"], {"ID": gone.canonical_id, "DisplayName": gone.name}, "of an account that is gone")
    t.s3.delete_object(Bucket=shared, Key="left")


# ---- owners ----

@case
def owners(t):
    """a bucket's owner is its account, in every listing and access list"""
    a = account(t)
    s3, owner = a.client("s3"), {"ID": a.canonical_id, "DisplayName": a.name}
    name = bucket(t, s3)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.put_object(Bucket=name, Key="gone", Body=b"1")
    s3.delete_object(Bucket=name, Key="gone")
    upload = s3.create_multipart_upload(Bucket=name, Key="parts")
    equal(s3.list_buckets()["Owner"], owner, "ListBuckets")
    equal(s3.list_objects(Bucket=name)["Contents"][0]["Owner"], owner, "ListObjects")
    true("Owner" not in s3.list_objects_v2(Bucket=name)["Contents"][0], "ListObjectsV2")
    equal(s3.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"][0]["Owner"], owner, "fetch-owner")
    versions = s3.list_object_versions(Bucket=name)
    equal([v["Owner"] for v in versions["Versions"] + versions["DeleteMarkers"]], [owner] * 3, "ListObjectVersions")
    equal(s3.list_multipart_uploads(Bucket=name)["Uploads"][0]["Owner"], owner, "ListMultipartUploads")
    parts = s3.list_parts(Bucket=name, Key="parts", UploadId=upload["UploadId"])
    equal((parts["Owner"], parts["Initiator"]), (owner, owner), "ListParts")
    for acl in (s3.get_bucket_acl(Bucket=name), s3.get_object_acl(Bucket=name, Key="k")):
        equal(acl["Owner"], owner, "of an access list")
        equal(acl["Grants"], [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}], "grants")
    first = t.s3.list_buckets()
    true(name not in [b["Name"] for b in first["Buckets"]], "others' buckets are not listed")
    equal(first["Owner"]["DisplayName"], "root", "the first account's name")


@case
def bucket_names(t):
    """names are shared: taken by oneself, or by somebody else; each lists its own, in pages"""
    a, b = account(t), account(t)
    name = bucket(t, a.client("s3"))
    fails("BucketAlreadyExists", b.client("s3").create_bucket, Bucket=name)
    fails("BucketAlreadyExists", t.s3.create_bucket, Bucket=name)
    fails("BucketAlreadyOwnedByYou", a.client("s3").create_bucket, Bucket=name)
    fails("403", t.s3.head_bucket, Bucket=name)
    fails("403", b.client("s3").head_bucket, Bucket=name)
    fails("AccessDenied", t.s3.delete_bucket, Bucket=name)
    mine = sorted(bucket(t, b.client("s3")) for _ in range(5))
    seen, token = [], {}
    while True:
        page = b.client("s3").list_buckets(MaxBuckets=2, **token)
        true(len(page["Buckets"]) <= 2, "a page")
        seen += [x["Name"] for x in page["Buckets"]]
        if "ContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["ContinuationToken"]}
    equal(seen, mine, "b's buckets")
    equal(len(b.client("s3").list_buckets(Prefix=mine[0])["Buckets"]), 1, "by prefix")


@case
def expected_owner(t):
    """x-amz-expected-bucket-owner and its like for copies are held against the account's id"""
    a = account(t)
    s3 = a.client("s3")
    name, other = bucket(t, s3), bucket(t, s3)
    s3.put_object(Bucket=name, Key="k", Body=b"1", ExpectedBucketOwner=a.id)
    s3.get_object(Bucket=name, Key="k", ExpectedBucketOwner=a.id)
    s3.list_objects_v2(Bucket=name, ExpectedBucketOwner=a.id)
    for wrong in (FIRST, "111122223333"):
        fails("AccessDenied", s3.get_object, Bucket=name, Key="k", ExpectedBucketOwner=wrong)
        fails("AccessDenied", s3.put_object, Bucket=name, Key="k", ExpectedBucketOwner=wrong)
        fails("AccessDenied", s3.list_objects_v2, Bucket=name, ExpectedBucketOwner=wrong)
        fails("AccessDenied", s3.copy_object, Bucket=other, Key="k", CopySource={"Bucket": name, "Key": "k"},
              ExpectedSourceBucketOwner=wrong)
    fails("InvalidBucketOwnerAWSAccountID", s3.get_object, Bucket=name, Key="k", ExpectedBucketOwner="12345")
    s3.copy_object(Bucket=other, Key="k", CopySource={"Bucket": name, "Key": "k"}, ExpectedSourceBucketOwner=a.id,
                   ExpectedBucketOwner=a.id)


# ---- sharing ----

@case
def grants_to_accounts(t):
    """lists name accounts by canonical id and by e-mail address"""
    a, b = account(t), account(t)
    s3, theirs = a.client("s3"), b.client("s3")
    name = bucket(t, s3, "BucketOwnerPreferred")
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    fails("AccessDenied", theirs.get_object, Bucket=name, Key="k")
    s3.put_object_acl(Bucket=name, Key="k", GrantRead=f'emailAddress="{b.email.upper()}"',
                      GrantFullControl=f'id="{a.canonical_id}"')
    equal(theirs.get_object(Bucket=name, Key="k")["Body"].read(), b"1", "by address")
    grants = s3.get_object_acl(Bucket=name, Key="k")["Grants"]
    contains(grants, {"Grantee": {"ID": b.canonical_id, "DisplayName": b.name, "Type": "CanonicalUser"},
                      "Permission": "READ"}, "the address became an id")
    for function, more in ((s3.put_object_acl, {"Key": "k"}), (s3.put_bucket_acl, {}),
                           (s3.put_object, {"Key": "new"})):
        error = fails("UnresolvableGrantByEmailAddress", function, Bucket=name,
                      GrantRead='emailAddress="nobody@example.com"', **more)
        contains(str(error), "nobody@example.com", "the address")
    s3.put_bucket_acl(Bucket=name, AccessControlPolicy={
        "Owner": {"ID": a.canonical_id},
        "Grants": [{"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": b.email}, "Permission": "WRITE"},
                   {"Grantee": {"Type": "CanonicalUser", "ID": b.canonical_id}, "Permission": "READ"}]})
    equal([k["Key"] for k in theirs.list_objects_v2(Bucket=name)["Contents"]], ["k"], "READ lists")
    theirs.put_object(Bucket=name, Key="of-b", Body=b"2")
    fails("InvalidArgument", s3.put_bucket_acl, Bucket=name, GrantRead=f'id="{"0" * 64}"')
    fails("AccessDenied", theirs.put_bucket_acl, Bucket=name, ACL="private")
    s3.delete_public_access_block(Bucket=name)
    s3.put_object(Bucket=name, Key="all", Body=b"3", ACL="authenticated-read")
    equal(theirs.get_object(Bucket=name, Key="all")["Body"].read(), b"3", "whoever signs")
    fails("AccessDenied", t.session.client("s3", config=Config(signature_version=botocore.UNSIGNED)).get_object,
          Bucket=name, Key="all")
    reader, _, _ = user(t, b, "reader")
    fails("AccessDenied", reader.get_object, Bucket=name, Key="k")  # the account may, and its user needs leave from it
    allowed, _, _ = user(t, b, "allowed", "s3:GetObject")
    allowed.get_object(Bucket=name, Key="k")


@case
def who_owns_objects(t):
    """objects of another account's writing belong to whom the bucket's ownership rule says"""
    a, b = account(t), account(t)
    s3, theirs = a.client("s3"), b.client("s3")
    owner_a, owner_b = ({"ID": x.canonical_id, "DisplayName": x.name} for x in (a, b))

    def shared(rule):
        name = bucket(t, s3, rule)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=name, Policy=document(
            allow(name, "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", "s3:AbortMultipartUpload",
                  "s3:ListMultipartUploadParts", principal=b.root_arn)))
        return name

    def shown(name, key):
        return next(o["Owner"] for o in s3.list_objects(Bucket=name)["Contents"] if o["Key"] == key)

    name = shared("ObjectWriter")
    theirs.put_object(Bucket=name, Key="k", Body=b"1")
    s3.put_object(Bucket=name, Key="mine", Body=b"1")
    equal((shown(name, "k"), shown(name, "mine")), (owner_b, owner_a), "ObjectWriter")
    equal({v["Key"]: v["Owner"]["ID"] for v in s3.list_object_versions(Bucket=name)["Versions"]},
          {"k": b.canonical_id, "mine": a.canonical_id}, "in versions")
    fails("AccessDenied", s3.get_object, Bucket=name, Key="k")  # the writer's, in the owner's bucket
    fails("AccessDenied", s3.get_object_acl, Bucket=name, Key="k")
    equal(theirs.get_object(Bucket=name, Key="k")["Body"].read(), b"1", "its owner reads it")
    theirs.put_object_acl(Bucket=name, Key="k", ACL="bucket-owner-full-control")
    equal(s3.get_object(Bucket=name, Key="k")["Body"].read(), b"1", "with a grant")
    equal(s3.get_object_acl(Bucket=name, Key="k")["Owner"], owner_b, "it stays the writer's")
    theirs.delete_object(Bucket=name, Key="k")
    equal(s3.list_object_versions(Bucket=name)["DeleteMarkers"][0]["Owner"], owner_b, "of a delete marker")
    upload = theirs.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
    equal(s3.list_multipart_uploads(Bucket=name)["Uploads"][0]["Owner"], owner_b, "of an upload")
    part = theirs.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    equal(theirs.list_parts(Bucket=name, Key="parts", UploadId=upload)["Owner"], owner_b, "of its parts")
    theirs.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    equal(shown(name, "parts"), owner_b, "of what was put together")
    s3.delete_object(Bucket=name, Key="parts")  # a bucket's owner may always delete

    name = shared("BucketOwnerPreferred")
    theirs.put_object(Bucket=name, Key="kept", Body=b"1")
    theirs.put_object(Bucket=name, Key="given", Body=b"1", ACL="bucket-owner-full-control")
    equal((shown(name, "kept"), shown(name, "given")), (owner_b, owner_a), "BucketOwnerPreferred")
    s3.get_object(Bucket=name, Key="given")
    fails("AccessDenied", s3.get_object, Bucket=name, Key="kept")

    name = shared("BucketOwnerEnforced")
    theirs.put_object(Bucket=name, Key="k", Body=b"1", ACL="bucket-owner-full-control")
    fails("AccessControlListNotSupported", theirs.put_object, Bucket=name, Key="k", ACL="public-read")
    equal(shown(name, "k"), owner_a, "BucketOwnerEnforced")
    fails("AccessDenied", theirs.get_object, Bucket=name, Key="k")


@case
def across_accounts(t):
    """both accounts must allow: the bucket's policy, and the caller's own"""
    a, b, c = account(t), account(t), account(t)
    s3 = a.client("s3")
    name = bucket(t, s3)
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    none, none_arn, _ = user(t, b, "none")
    full, full_arn, _ = user(t, b, "full", "s3:*")

    def policy(*statements):
        s3.put_bucket_policy(Bucket=name, Policy=document(*statements))

    def reads(client):
        try:
            return client.get_object(Bucket=name, Key="k")["Body"].read() == b"1"
        except ClientError as error:
            equal(error.response["Error"]["Code"], "AccessDenied", "error")
            equal(error.response["Error"]["Message"], "Access Denied", "nothing is told across accounts")
            return False

    def all_reads():
        return [reads(x) for x in (b.client("s3"), none, full, c.client("s3"))]

    equal(all_reads(), [False] * 4, "without a policy")
    policy(allow(name, "s3:GetObject", principal=b.id))
    equal(all_reads(), [True, False, True, False], "the account is named: its root, and who has leave from it")
    policy(allow(name, "s3:GetObject", principal=b.root_arn))
    equal(all_reads(), [True, False, True, False], "by its root")
    policy(allow(name, "s3:GetObject", principal=[none_arn, full_arn]))
    equal(all_reads(), [False, False, True, False], "users are named: their own account must let them too")
    policy({**allow(name, "s3:GetObject"), "Principal": {"CanonicalUser": b.canonical_id}})
    equal(all_reads(), [True, False, True, False], "by canonical id")
    policy(allow(name, "s3:GetObject", principal=b.id), allow(name, "s3:*", principal=full_arn, effect="Deny"))
    equal(all_reads(), [True, False, False, False], "a Deny wins")
    policy(allow(name, "s3:GetObject", principal=[b.id, c.id], Condition={
        "StringEquals": {"aws:PrincipalAccount": c.id, "s3:ResourceAccount": a.id}}))
    equal(all_reads(), [False, False, False, True], "keys of the accounts")
    for principal in ("999999999999", f"arn:aws:iam::{b.id}:user/missing", f"arn:aws:iam::{b.id}:role/missing"):
        error = fails("MalformedPolicy", policy_of(s3, name), Policy=document(
            allow(name, "s3:GetObject", principal=principal)))
        contains(error["Error"]["Message"], "Invalid principal", principal)


def policy_of(s3, name):
    def put_bucket_policy(Policy):
        s3.put_bucket_policy(Bucket=name, Policy=Policy)
    return put_bucket_policy


@case
def policies_are_the_owners(t):
    """policy operations of another account: 405 with the right, 403 without"""
    a, b = account(t), account(t)
    s3, theirs = a.client("s3"), b.client("s3")
    name = bucket(t, s3)
    text = document(allow(name, "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", principal=b.id))
    for code in ("AccessDenied", "MethodNotAllowed"):
        fails(code, theirs.get_bucket_policy, Bucket=name)
        fails(code, theirs.put_bucket_policy, Bucket=name, Policy=text)
        fails(code, theirs.delete_bucket_policy, Bucket=name)
        s3.put_bucket_policy(Bucket=name, Policy=text)
    equal(s3.get_bucket_policy(Bucket=name)["Policy"], text, "it is as it was")


@case
def requester_pays(t):
    """another account says that it pays, and is told that it does"""
    a, b = account(t), account(t)
    s3, theirs = a.client("s3"), b.client("s3")
    name, own = bucket(t, s3), bucket(t, theirs)
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.put_bucket_policy(Bucket=name, Policy=document(allow(name, "s3:*", principal=b.id)))
    true("RequestCharged" not in theirs.get_object(Bucket=name, Key="k"), "nobody pays yet")
    s3.put_bucket_request_payment(Bucket=name, RequestPaymentConfiguration={"Payer": "Requester"})
    pay = {"RequestPayer": "requester"}
    true("RequestCharged" not in s3.get_object(Bucket=name, Key="k"), "the owner pays as before")
    source = {"Bucket": name, "Key": "k"}
    deletion = {"Objects": [{"Key": "nothing"}]}
    for function, more in ((theirs.get_object, {"Key": "k"}), (theirs.head_object, {"Key": "k"}),
                           (theirs.put_object, {"Key": "new", "Body": b"2"}), (theirs.list_objects_v2, {}),
                           (theirs.delete_objects, {"Delete": deletion}), (theirs.delete_object, {"Key": "new"})):
        fails("403" if function.__name__ == "head_object" else "AccessDenied", function, Bucket=name, **more)
        answer = function(Bucket=name, **more, **pay)
        equal(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-request-charged"), "requester",
              function.__name__)
    fails("AccessDenied", theirs.copy_object, Bucket=own, Key="k", CopySource=source)
    equal(theirs.copy_object(Bucket=own, Key="k", CopySource=source, **pay)["RequestCharged"], "requester", "a copy")
    url = theirs.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k", **pay})
    contains(url, "x-amz-request-payer=requester", "a presigned URL")
    fails("AccessDenied", t.session.client("s3", config=Config(signature_version=botocore.UNSIGNED)).get_object,
          Bucket=name, Key="k", **pay)


@case
def roles_across_accounts(t):
    """a role trusts another account's root, user or role; its sessions are of the role's account"""
    a, b = account(t), account(t)
    iam = a.client("iam")
    name = bucket(t, a.client("s3"))
    a.client("s3").put_object(Bucket=name, Key="k", Body=b"1")
    sts_none = client_of(t.pail, *user(t, b, "none")[2], "sts")
    _, full_arn, full_keys = user(t, b, "full", "sts:AssumeRole")
    sts_full = client_of(t.pail, *full_keys, "sts")

    def role(role_name, principal, **more):
        made = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}))["Role"]["Arn"]
        iam.put_role_policy(RoleName=role_name, PolicyName="p", PolicyDocument=document(
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))
        return made

    arn = role("for-b", {"AWS": b.root_arn})
    fails("AccessDenied", sts_none.assume_role, RoleArn=arn, RoleSessionName="s1")
    fails("AccessDenied", b.client("sts").assume_role, RoleArn=arn, RoleSessionName="s1")  # never root
    made = sts_full.assume_role(RoleArn=arn, RoleSessionName="s1")
    equal(made["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{a.id}:assumed-role/for-b/s1", "the session")
    c = made["Credentials"]
    keys = (c["AccessKeyId"], c["SecretAccessKey"])
    equal(client_of(t.pail, *keys, "sts", token=c["SessionToken"]).get_caller_identity()["Account"], a.id, "account")
    s3 = client_of(t.pail, *keys, "s3", token=c["SessionToken"])
    equal(s3.get_object(Bucket=name, Key="k")["Body"].read(), b"1", "it reads")
    equal(s3.list_buckets()["Owner"]["ID"], a.canonical_id, "and lists the role's account's buckets")
    arn = role("for-full", {"AWS": full_arn}, Condition={"StringEquals": {"sts:ExternalId": "42"}})
    fails("AccessDenied", sts_full.assume_role, RoleArn=arn, RoleSessionName="s1")
    sts_full.assume_role(RoleArn=arn, RoleSessionName="s1", ExternalId="42")
    fails("AccessDenied", sts_none.assume_role, RoleArn=arn, RoleSessionName="s1", ExternalId="42")
    equal(iam.get_role(RoleName="for-full")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"],
          {"AWS": full_arn}, "the user is shown by its ARN")
    b.client("iam").delete_access_key(UserName="full", AccessKeyId=full_keys[0])
    b.client("iam").delete_user_policy(UserName="full", PolicyName="p")
    b.client("iam").delete_user(UserName="full")
    _, again_arn, again_keys = user(t, b, "full", "sts:AssumeRole")
    equal(again_arn, full_arn, "the same ARN")
    fails("AccessDenied", client_of(t.pail, *again_keys, "sts").assume_role, RoleArn=arn, RoleSessionName="s1",
          ExternalId="42")  # another user of that name is not the one that was trusted
    other = role("for-nobody", {"AWS": f"arn:aws:iam::{FIRST}:root"})
    fails("AccessDenied", client_of(t.pail, *again_keys, "sts").assume_role, RoleArn=other, RoleSessionName="s1")


@case
def identities_stay_apart(t):
    """one account sees and changes nothing of another's identities"""
    a, b = account(t), account(t)
    iam = b.client("iam")
    _, arn, keys = user(t, a, "ann")
    a.client("iam").create_policy(PolicyName="mine", PolicyDocument=document(
        {"Effect": "Allow", "Action": "*", "Resource": "*"}))
    mine = f"arn:aws:iam::{a.id}:policy/mine"
    fails("NoSuchEntity", iam.get_user, UserName="ann")
    fails("NoSuchEntity", iam.create_access_key, UserName="ann")
    fails("NoSuchEntity", iam.delete_access_key, AccessKeyId=keys[0])
    for function in (iam.get_policy, iam.delete_policy):
        refused(function, PolicyArn=mine)
    iam.create_user(UserName="ben")
    refused(iam.attach_user_policy, UserName="ben", PolicyArn=mine)
    refused(iam.put_user_permissions_boundary, UserName="ben", PermissionsBoundary=mine)
    equal(iam.get_account_summary()["SummaryMap"]["Users"], 1, "its own users count")
    control = b.client("s3control")

    def plain_host(request, **_):  # an address has no sub-domains
        request.url = re.sub(r"//\d{12}\.", "//", request.url)

    control.meta.events.register("before-sign.s3-control", plain_host)
    control.put_public_access_block(AccountId=b.id, PublicAccessBlockConfiguration=OPEN)
    fails("AccessDenied", control.put_public_access_block, AccountId=a.id, PublicAccessBlockConfiguration=OPEN)
    fails("AccessDenied", control.get_public_access_block, AccountId=a.id)


def refused(function, **kwargs):
    """By the server, in whatever words: AWS does not say which."""
    try:
        function(**kwargs)
    except ClientError as error:
        contains(("NoSuchEntity", "AccessDenied", "InvalidInput", "ValidationError"), error.response["Error"]["Code"],
                 function.__name__)
    else:
        raise AssertionError(f"{function.__name__} was not refused: {kwargs}")


if __name__ == "__main__":
    main("sdk-accounts", setup)
