#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys: `pail key` with a server and without, rotation, where the master key comes from, what is left without it,
and Vault as a key service.

Most cases need servers of their own, with other settings, so all run once, over http.
"""
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aws import setup
from cases import case, contains, equal, run_cases, true, wait_for
from pail import Pail, ServerError
from s3client import Signer
from vault import Vault

MIB = 1 << 20


# ---- helpers ----

def client_of(server, service="s3", keys=None):
    key, secret = keys or (server.access_key, server.secret_key)
    return boto3.client(service, endpoint_url=server.endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
                        region_name="us-east-1", config=Config(retries={"max_attempts": 0}))


def pail(server, *words, code=0, **env):
    """`pail key words`: its JSON with --json, else what it printed; what it complained about when code is not 0."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_")) or "SAN" in k}
    clean.update(PAIL_ROOT_USER=server.access_key, PAIL_ROOT_PASSWORD=server.secret_key)
    if server.process:
        clean["PAIL_ENDPOINT"] = server.endpoint
    clean.update(env)
    done = subprocess.run([server.binary, "key", *words], env=clean, capture_output=True, text=True, timeout=60)
    equal(done.returncode, code, f"status of pail key {words}: {done.stdout} {done.stderr}")
    if code and "status" not in words:
        return done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout


def rows(server, *more):
    return {k["name"]: k for k in pail(server, "list", "--json", *more)["keys"]}


def wait_until_moved(server, name):
    for _ in range(1500):
        row = rows(server)[name]
        if not row["resealing"]:
            return row
        time.sleep(0.02)
    raise AssertionError(f"still sealing anew: {row}")


def put(s3, bucket, key, body, kms=None):
    more = dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=kms) if kms else dict(ServerSideEncryption="AES256")
    s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def get(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def refused(function, **kwargs):
    """(status, code) of a request that has to fail."""
    try:
        function(**kwargs)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError(f"{function.__name__} was expected to fail: {kwargs}")


@contextlib.contextmanager
def server_on(t, data=None, args=(), env=None):
    """A server of the case's own; its data stays until the suite ends. Nothing is encrypted that does not ask for it."""
    args = ["--default-encryption", "none", *args]
    data = data or os.path.join(t.folder(), "data")
    with Pail("keys", data=data, args=args, env=env) as server:
        yield server


def key_file(server):
    return os.path.join(server.data, "pail.key")


# ---- pail key ----

def every_verb(server, *where):
    names = set(rows(server, *where))
    true({"pail-s3", "aws-s3"} <= names, f"the default keys: {names}")
    row = pail(server, "create", "mine", "--json", *where)
    equal((row["name"], row["current"], row["disabled"], row["available"]), ("mine", 1, False, True), "a new key")
    contains(pail(server, "create", "mine", *where, code=1), "exists already")
    for bad in ("a/b", ".x", "x y", "n" * 129):
        contains(pail(server, "create", bad, *where, code=1), "letters")
    equal(pail(server, "rotate", "mine", "--json", *where)["current"], 2, "rotated")
    contains(pail(server, "rotate", "nobody", *where, code=1), "no such key")
    contains(pail(server, "delete", "mine", *where, code=1), "disable it first")
    true(pail(server, "disable", "mine", "--json", *where)["disabled"], "disabled")
    contains(pail(server, "rotate", "mine", *where, code=1), "disabled")
    true(not pail(server, "enable", "mine", "--json", *where)["disabled"], "enabled")
    pail(server, "disable", "mine", *where)
    contains(pail(server, "list", *where), "disabled")
    contains(pail(server, "delete", "mine", *where), "gone")
    contains(pail(server, "delete", "mine", *where, code=1), "no such key")
    equal(set(rows(server, *where)), names, "as before")
    contains(pail(server, "status", *where), "whoever has that has the key too")


@case
def every_verb_online(t):
    every_verb(t.pail)


@case
def every_verb_offline(t):
    with server_on(t) as server:
        contains(pail(server, "list", "--data", server.data, code=1), "--endpoint")
        server.stop()
        every_verb(server, "--data", server.data)
    contains(pail(server, "list", "--data", t.folder(), code=1), "no data folder")


@case
def called_wrongly(t):
    for words in ([], ["frobnicate"], ["create"], ["list", "x"], ["rotate", "a", "b"], ["list", "--frob"],
                  ["list", "--data"], ["move", "x"], ["list", "--data", "x", "--endpoint", "http://x"],
                  ["list", "--vault-key", "x"]):
        contains(pail(t.pail, *words, code=2), "pail key --help")
    contains(pail(t.pail, "--help"), "Usage: pail key")


@case
def for_the_first_root_alone(t):
    iam = client_of(t.pail, "iam")
    iam.create_user(UserName="keys")
    iam.put_user_policy(UserName="keys", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}))
    made = iam.create_access_key(UserName="keys")["AccessKey"]
    for words in (["list"], ["create", "x"], ["delete", "pail-s3"]):
        contains(pail(t.pail, *words, code=1, PAIL_ROOT_USER=made["AccessKeyId"],
                      PAIL_ROOT_PASSWORD=made["SecretAccessKey"]), "AccessDenied")


# ---- rotation ----

def files_of(server):
    found = {}
    for folder, _, names in os.walk(os.path.join(server.data, "blobs")):
        for name in names:
            path = os.path.join(folder, name)
            found[path] = os.stat(path).st_mtime_ns, os.stat(path).st_ino
    return found


@case
def rotation_moves_envelopes_and_no_data(t):
    with server_on(t) as server:
        s3, bucket = client_of(server), "rotation"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        pail(server, "create", "mine")
        big = os.urandom(3 * MIB)
        for i in range(40):
            put(s3, bucket, f"small-{i % 30}", b"%d" % i, "mine")
        put(s3, bucket, "big", big, "mine")
        put(s3, bucket, "other", b"other")
        upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ServerSideEncryption="aws:kms",
                                            SSEKMSKeyId="mine")["UploadId"]
        one = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=big * 2)
        before = files_of(server)
        pail(server, "rotate", "mine")
        row = wait_until_moved(server, "mine")
        equal((row["current"], row["resealed"]), (2, 42), "40 versions, the big one and the upload")
        equal(rows(server)["pail-s3"]["current"], 1, "another key")
        equal(files_of(server), before, "the blobs")
        two = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=2, Body=b"end")
        s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [
            {"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["ETag"]}]})
        server.restart()
        s3 = client_of(server)
        equal(get(s3, bucket, "parts"), big * 2 + b"end", "an upload across the rotation")
        equal(get(s3, bucket, "big"), big, "big")
        versions = s3.list_object_versions(Bucket=bucket, Prefix="small-")["Versions"]
        equal(len(versions), 40, "versions")
        for v in versions:
            s3.get_object(Bucket=bucket, Key=v["Key"], VersionId=v["VersionId"])["Body"].read()


@case
def a_key_in_use_is_not_deleted(t):
    with server_on(t) as server:
        s3, bucket = client_of(server), "uses"
        s3.create_bucket(Bucket=bucket)
        pail(server, "create", "mine")
        put(s3, bucket, "a", b"a", "mine")
        pail(server, "disable", "mine")
        equal(refused(s3.get_object, Bucket=bucket, Key="a"), (400, "KMS.DisabledException"), "a read")
        equal(refused(s3.put_object, Bucket=bucket, Key="b", Body=b"b", ServerSideEncryption="aws:kms",
                      SSEKMSKeyId="mine"), (400, "KMS.DisabledException"), "a write")
        contains(pail(server, "delete", "mine", code=1), "within the last hour")
        server.restart()
        s3 = client_of(server)
        contains(pail(server, "delete", "mine", code=1), "1 objects")
        s3.delete_object(Bucket=bucket, Key="a")
        pail(server, "delete", "mine")
        equal(refused(s3.put_object, Bucket=bucket, Key="b", Body=b"b", ServerSideEncryption="aws:kms",
                      SSEKMSKeyId="mine"), (400, "KMS.NotFoundException"), "a write")
        for name in ("pail-s3", "aws-s3"):
            pail(server, "disable", name)
            contains(pail(server, "delete", name, code=1), "have to be there")


# ---- the master key ----

def with_secrets(t):
    """A folder with an object in clear text, an encrypted one, and a user; ended. Folder and the user's keys."""
    with server_on(t) as server:
        s3, iam = client_of(server), client_of(server, "iam")
        s3.create_bucket(Bucket="both")
        s3.put_object(Bucket="both", Key="plain", Body=b"plain")
        put(s3, "both", "sealed", b"sealed")
        iam.create_user(UserName="ann")
        iam.put_user_policy(UserName="ann", PolicyName="all", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}))
        made = iam.create_access_key(UserName="ann")["AccessKey"]
        data = server.data
    return data, (made["AccessKeyId"], made["SecretAccessKey"])


def check_all_there(server, ann):
    equal(get(client_of(server), "both", "sealed"), b"sealed", "the encrypted object")
    equal(get(client_of(server, keys=ann), "both", "plain"), b"plain", "a user's read")
    contains(pail(server, "status"), "0 of them not available")


def make_service_key(server, user):
    body, path = json.dumps({"user": user}).encode(), "/pail/v1/access-keys"
    signer = Signer(server.access_key, server.secret_key, server.region)
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection.request("POST", path, body, signer.headers(
        "POST", path, "", {"host": f"{server.host}:{server.port}"}, hashlib.sha256(body).hexdigest()))
    status = connection.getresponse().status
    connection.close()
    return status


def check_without(t, data, ann, said, args=(), env=None):
    """The server starts; what was sealed is unavailable, the rest is not, and nothing is made anew."""
    present = os.path.exists(os.path.join(data, "pail.key"))
    with server_on(t, data, args, env) as server:
        s3 = client_of(server)
        server.says(said)
        server.says("NOT available")
        equal(get(s3, "both", "plain"), b"plain", "clear text")
        s3.put_object(Bucket="both", Key="new", Body=b"new")
        status, _ = refused(s3.get_object, Bucket="both", Key="sealed")
        true(status in (500, 503), f"an encrypted object: {status}")
        status, _ = refused(s3.put_object, Bucket="both", Key="x", Body=b"x", ServerSideEncryption="AES256")
        true(status in (500, 503), f"to be encrypted: {status}")
        equal(refused(client_of(server, keys=ann).get_object, Bucket="both", Key="plain")[0], 503, "a user")
        equal(refused(client_of(server, "iam").create_access_key, UserName="ann")[0], 503, "a new key")
        equal(make_service_key(server, "ann"), 503, "a new key that may end")
        contains(pail(server, "create", "k", code=1), "k: ")
        contains(pail(server, "status", code=1), "NOT available")
        equal(os.path.exists(os.path.join(data, "pail.key")), present, "no key was made")


@case
def without_the_master_key_the_rest_goes_on(t):
    data, ann = with_secrets(t)
    path = os.path.join(data, "pail.key")
    with open(path) as f:
        text = f.read()

    def write(content, mode=0o600):
        if os.path.exists(path):
            os.unlink(path)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(content)
        os.chmod(path, mode)

    os.unlink(path)
    check_without(t, data, ann, "the master key is missing")
    write("0" * 64 + "\n")
    check_without(t, data, ann, "another master key")
    write(text[:40])
    check_without(t, data, ann, "64 hex digits")
    write("")
    check_without(t, data, ann, "64 hex digits")
    write(text + text)
    check_without(t, data, ann, "64 hex digits")
    write(text, 0o644)
    check_without(t, data, ann, "chmod 600")
    write(text, 0o660)
    check_without(t, data, ann, "mode 0660")
    os.unlink(path)
    os.mkdir(path)
    check_without(t, data, ann, "64 hex digits")
    os.rmdir(path)
    check_without(t, data, ann, "64 hex digits", env={"PAIL_MASTER_KEY": text[:63]})
    check_without(t, data, ann, "missing", args=["--master-key-file", "/nowhere/at/all"])
    write(text, 0o440)
    with server_on(t, data) as server:
        check_all_there(server, ann)


@case
def each_source_of_the_master_key(t):
    data, ann = with_secrets(t)
    folder = t.folder()
    given = os.path.join(folder, "pail-master-key")
    os.rename(os.path.join(data, "pail.key"), given)
    with open(given) as f:
        text = f.read().strip()
    with server_on(t, data, ["--master-key-file", given]) as server:
        check_all_there(server, ann)
    with server_on(t, data, env={"PAIL_MASTER_KEY_FILE": given}) as server:
        check_all_there(server, ann)
    with server_on(t, data, env={"CREDENTIALS_DIRECTORY": folder}) as server:
        check_all_there(server, ann)
    with server_on(t, data, env={"PAIL_MASTER_KEY": text}) as server:
        check_all_there(server, ann)
        with open(f"/proc/{server.pid}/environ") as f:
            true(text not in f.read(), "the key is still in the environment")
        server.stop()
        contains(pail(server, "status", "--data", data, PAIL_MASTER_KEY=text), "0 of them not available")
    with open(os.path.join(data, "pail.key"), "w") as f:
        f.write("0" * 64)
    with server_on(t, data, ["--master-key-file", given]) as server:
        check_all_there(server, ann)
        server.says("pail.key in the data folder is not in use")


@case
def a_read_only_mount_decides_who_reads(t):
    """Secrets of Kubernetes and Docker have modes that their container cannot change."""
    data, ann = with_secrets(t)
    folder = t.folder()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode != 0:
        t.skip("mounting is not allowed here")
    try:
        given = os.path.join(folder, "key")
        subprocess.run(["cp", os.path.join(data, "pail.key"), given], check=True)
        os.unlink(os.path.join(data, "pail.key"))
        os.chmod(given, 0o444)
        check_without(t, data, ann, "mode 0444", ["--master-key-file", given])
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with server_on(t, data, ["--master-key-file", given]) as server:
            check_all_there(server, ann)
    finally:
        subprocess.run(["umount", folder], check=False)


@case
def a_setting_that_cannot_be_used_stops_the_first_start(t):
    for args, env, said in ((["--master-key-file", "/nowhere/key"], {}, "openssl rand -hex 32"),
                            ([], {"PAIL_MASTER_KEY": "x"}, "64 hex digits"),
                            (["--vault-key", "x"], {}, "belong together"),
                            (["--vault-address", "ftp://x", "--vault-key", "x", "--vault-token-file", "x"], {}, "URL")):
        data = os.path.join(t.folder(), "data")
        try:
            with server_on(t, data, args, env):
                raise AssertionError(f"it started with {args} {env}")
        except ServerError as error:
            contains(str(error), said)
        true(not os.path.exists(os.path.join(data, "pail.key")), "no key was made")


@case
def the_master_key_moves_out(t):
    data, ann = with_secrets(t)
    to = os.path.join(t.folder(), "taken")
    with server_on(t, data) as server:
        contains(pail(server, "move", os.path.join(data, "x"), "--data", data, code=1), "data folder")
        contains(pail(server, "move", "/nowhere/at/all", "--data", data, code=1), "No such file")
        with open(to, "w") as f:
            f.write("something else")
        contains(pail(server, "move", to, "--data", data, code=1), "a file of this name")
        os.unlink(to)
        contains(pail(server, "move", to, "--data", data), f"--master-key-file {to}")
        equal(os.stat(to).st_mode & 0o777, 0o600, "mode")
        true(not os.path.exists(key_file(server)), "it is still in the folder")
        check_all_there(server, ann)
        contains(pail(server, "status"), "no longer there")
        contains(pail(server, "move", to, "--data", data, code=1), "no master key in this folder")
    check_without(t, data, ann, "missing")
    with server_on(t, data, ["--master-key-file", to]) as server:
        check_all_there(server, ann)
        subprocess.run(["cp", "-p", to, key_file(server)], check=True)  # as if it was cut off half-way
        pail(server, "move", to, "--data", data)
        true(not os.path.exists(key_file(server)), "it is still in the folder")


# ---- Vault ----

def token_file(t, token):
    path = os.path.join(t.folder(), "token")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(token + "\n")
    return path


@case
def vault_seals_the_keys(t):
    with Vault(namespace="team/a", mount="keys/transit") as vault:
        data = os.path.join(t.folder(), "data")
        token = token_file(t, vault.token)
        args = vault.arguments(token)
        with server_on(t, data, args) as server:
            s3 = client_of(server)
            s3.create_bucket(Bucket="vault")
            put(s3, "vault", "a", b"a")
            pail(server, "create", "mine")
            put(s3, "vault", "b", b"b", "mine")
            contains(pail(server, "status"), "sealed by vault")
            asked = len(vault.requests)
            vault.away()
            equal((get(s3, "vault", "a"), get(s3, "vault", "b")), (b"a", b"b"), "in an outage")
            put(s3, "vault", "c", b"c", "mine")
            contains(pail(server, "create", "other", code=1), "other: ")
            equal(len(vault.requests), asked, "requests")
            # A start while it is away: everything else goes on, and it recovers by itself.
            server.restart()
            s3 = client_of(server)
            server.says("asked for again")
            s3.put_object(Bucket="vault", Key="plain", Body=b"plain")
            true(refused(s3.get_object, Bucket="vault", Key="a")[0] in (500, 503), "not there")
            vault.back()
            wait_for(lambda: all(r["available"] for r in rows(server).values()))
            equal((get(s3, "vault", "a"), get(s3, "vault", "c")), (b"a", b"c"), "recovered")
            server.says("available again")
        # The token is read again for each request.
        vault.token = "hvs.another"
        with server_on(t, data, args) as server:
            server.says("permission denied")
            true(vault.token not in server.whole_log() and "s.root-token" not in server.whole_log(), "a token in the log")
            with open(token, "w") as f:
                f.write(vault.token)
            wait_for(lambda: all(r["available"] for r in rows(server).values()))
            equal(get(client_of(server), "vault", "b"), b"b", "with the new token")


@case
def from_the_master_key_to_vault_and_back(t):
    with Vault() as vault:
        data = os.path.join(t.folder(), "data")
        args = vault.arguments(token_file(t, vault.token))
        with server_on(t, data) as server:
            s3 = client_of(server)
            s3.create_bucket(Bucket="both")
            put(s3, "both", "a", b"a")
        with server_on(t, data, args) as server:
            equal(get(client_of(server), "both", "a"), b"a", "sealed by the master key")
            equal(vault.requests, [], "nothing to ask yet")
            pail(server, "rotate", "pail-s3")
            equal(wait_until_moved(server, "pail-s3")["resealed"], 1, "moved")
            put(client_of(server), "both", "b", b"b")
        with server_on(t, data) as server:
            s3 = client_of(server)
            true(refused(s3.get_object, Bucket="both", Key="a")[0] in (500, 503), "sealed by vault alone")
            pail(server, "rotate", "pail-s3")
            put(s3, "both", "c", b"c")
            equal(get(s3, "both", "c"), b"c", "sealed by the master key again")
            true(rows(server)["pail-s3"]["resealing"], "what vault sealed cannot be moved without it")
        with server_on(t, data, args) as server:
            wait_until_moved(server, "pail-s3")
        with server_on(t, data) as server:
            s3 = client_of(server)
            equal([get(s3, "both", k) for k in "abc"], [b"a", b"b", b"c"], "vault is needed no more")


@case
def vault_that_answers_nonsense(t):
    with Vault() as vault:
        data = os.path.join(t.folder(), "data")
        args = vault.arguments(token_file(t, vault.token))
        for nonsense in (b"", b"[]", b"{}", b'{"data": {"ciphertext": 7}}', b'{"data": {"ciphertext": "x\\u0000\\"y"}}',
                         b"x" * (1 << 20)):
            vault.broken = nonsense
            with server_on(t, data, args) as server:
                true(refused(client_of(server).list_objects_v2, Bucket="none")[0] == 404, "the rest goes on")
        vault.broken = None
        with server_on(t, data, args) as server:
            s3 = client_of(server)
            s3.create_bucket(Bucket="later")
            put(s3, "later", "a", b"a")
        vault.broken = b'{"data": {"plaintext": "' + b"QUJD" * 10 + b'"}}'
        with server_on(t, data, args) as server:
            true(refused(client_of(server).get_object, Bucket="later", Key="a")[0] in (500, 503), "another secret")
        vault.broken = None
        with server_on(t, data, args) as server:
            equal(get(client_of(server), "later", "a"), b"a", "nothing was lost")


if __name__ == "__main__":
    sys.exit(0 if run_cases("sdk-keys", False, setup, sys.argv[1:]) else 1)
