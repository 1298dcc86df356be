#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""POL-05: every row of the operation table (server/ops.c) and of its table of extras is tried by nobody in particular, by
a user without rights, with exactly the rights that it needs on exactly its resource, with each of them missing, with a
Deny on each of them, with all rights on another resource, and by a user of another account.

The tables themselves say what there is. CALLS says for each row how it is called so that it succeeds, VALUES what each
header of the extras may hold: a row without one fails the suite, so a new operation cannot be forgotten.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import re

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import urllib3

from accounts import create_account, delete_account
from aws import setup
from cases import ROOT, case, main

ANSWERED_ELSEWHERE = {"Query": "test_iam.py", "QueryByGet": "test_iam.py"}  # the form names the action
OPEN = ("<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>false"
        "</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false"
        "</RestrictPublicBuckets></PublicAccessBlockConfiguration>")
SHA256_OF_X = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
DAY = datetime.timedelta(days=1)


def until(days):
    return (datetime.datetime.now(datetime.timezone.utc) + days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def retention(days):
    return f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until(days)}</RetainUntilDate></Retention>"


# ---- the tables ------------------------------------------------------------------------------------------------------


def source_text():
    with open(os.path.join(ROOT, "server", "ops.c"), encoding="utf-8") as f:
        return f.read()


def rows():
    text = source_text()
    table = text[text.index("static const struct s3_op ops[]"):text.index("\n};\n")]
    for row in re.findall(r"\{(\.name = .*?)\}", table, re.S):
        fields = dict(re.findall(r"\.(\w+) = (\"[^\"]*\"|[^,}]*)", row))
        yield {k: v.strip().strip('"') for k, v in fields.items()}


def extras():
    text = source_text()
    table = text[text.index("static const struct op_extra extras[]"):]
    table = table[:table.index("};\n")]
    for line in re.findall(r"\{(OP_\w+, .*?)\},\n", table, re.S):
        values = [v.strip() for v in line.replace("\n", " ").split(",")]
        flag, header, only, unless, action, version_action = (None if v == "NULL" else v.strip('"') for v in values)
        yield {"flag": flag, "header": header, "only": only, "unless": unless, "action": action,
               "version_action": version_action}


# ---- how rows are called ---------------------------------------------------------------------------------------------


class Call:
    """One request that succeeds for who may do it. needs: pairs of action and resource beyond the row's own action."""

    def __init__(self, query="", body="", headers=None, bucket=None, key=None, path=None, form=None, needs=(),
                 instead=None, ok=()):
        self.query, self.body, self.headers = query, body, dict(headers or {})
        self.bucket, self.key, self.path, self.form = bucket, key, path, form
        self.needs, self.instead, self.ok = list(needs), instead, ok


def arn(bucket, key=None):
    return f"arn:aws:s3:::{bucket}" + ("" if key is None else f"/{key}")


def from_source(w):
    return Call(headers={"x-amz-copy-source": f"/{w.bucket}/k"}, needs=[("s3:GetObject", arn(w.bucket, "k"))],
                key="copy")


def part_of_source(w):
    return Call(query=f"partNumber=1&uploadId={w.upload()}", headers={"x-amz-copy-source": f"/{w.bucket}/k"}, key="up",
                needs=[("s3:GetObject", arn(w.bucket, "k"))])


CALLS = {
    "ListBuckets": lambda w: Call(),
    "CreateBucket": lambda w: Call(bucket=w.new_name()),
    "HeadBucket": lambda w: Call(),
    "DeleteBucket": lambda w: Call(bucket=w.new_bucket()),
    "GetBucketLocation": lambda w: Call(),
    "ListObjects": lambda w: Call(),
    "ListObjectsV2": lambda w: Call(),
    "ListObjectVersions": lambda w: Call(),
    "PutBucketVersioning": lambda w: Call(
        body="<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    "GetBucketVersioning": lambda w: Call(),
    "ListMultipartUploads": lambda w: Call(),
    "PostObject": lambda w: Call(form={"key": "posted", "x-amz-checksum-sha256": SHA256_OF_X}, key="posted",
                                 path=f"/{w.bucket}"),
    "DeleteObjects": lambda w: Call(body="<Delete><Object><Key>k</Key></Object></Delete>", key="k",
                                    path=f"/{w.bucket}"),
    "PutBucketTagging": lambda w: Call(
        body="<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
    "GetBucketTagging": lambda w: Call(),
    "DeleteBucketTagging": lambda w: Call(),
    "PutBucketCors": lambda w: Call(
        body="<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://example.com"
             "</AllowedOrigin></CORSRule></CORSConfiguration>"),
    "GetBucketCors": lambda w: Call(),
    "DeleteBucketCors": lambda w: Call(),
    "PutBucketEncryption": lambda w: Call(
        body="<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
             "</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"),
    "GetBucketEncryption": lambda w: Call(),
    "DeleteBucketEncryption": lambda w: Call(),
    "OptionsBucket": lambda w: Call(headers={"Origin": "http://example.com", "Access-Control-Request-Method": "GET"}),
    "PutBucketLifecycleConfiguration": lambda w: Call(
        body="<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix>never/</Prefix></Filter>"
             "<Expiration><Days>3650</Days></Expiration></Rule></LifecycleConfiguration>"),
    "GetBucketLifecycleConfiguration": lambda w: Call(),
    "DeleteBucketLifecycle": lambda w: Call(),
    "PutObjectLockConfiguration": lambda w: Call(
        body="<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"),
    "GetObjectLockConfiguration": lambda w: Call(),
    "PutBucketAccelerateConfiguration": lambda w: Call(
        body="<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"),
    "GetBucketAccelerateConfiguration": lambda w: Call(),
    "PutBucketRequestPayment": lambda w: Call(
        body="<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"),
    "GetBucketRequestPayment": lambda w: Call(),
    "PutBucketPolicy": lambda w: Call(body=w.harmless()),
    "GetBucketPolicy": lambda w: Call(),
    "DeleteBucketPolicy": lambda w: Call(),
    "GetBucketPolicyStatus": lambda w: Call(),
    "PutPublicAccessBlock": lambda w: Call(body=OPEN),
    "GetPublicAccessBlock": lambda w: Call(),
    "DeletePublicAccessBlock": lambda w: Call(),
    "PutBucketAcl": lambda w: Call(headers={"x-amz-acl": "private"}),
    "GetBucketAcl": lambda w: Call(),
    "PutBucketOwnershipControls": lambda w: Call(
        body="<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"),
    "GetBucketOwnershipControls": lambda w: Call(),
    "DeleteBucketOwnershipControls": lambda w: Call(),
    "PutAccountPublicAccessBlock": lambda w: Call(body=OPEN),
    "GetAccountPublicAccessBlock": lambda w: Call(),
    "DeleteAccountPublicAccessBlock": lambda w: Call(),
    "PutObjectAcl": lambda w: Call(headers={"x-amz-acl": "private"}),
    "GetObjectAcl": lambda w: Call(),
    "GetObject": lambda w: Call(),
    "HeadObject": lambda w: Call(),
    "GetObjectAttributes": lambda w: Call(headers={"x-amz-object-attributes": "ETag"}),
    "PutObject": lambda w: Call(body="x"),
    "OptionsObject": lambda w: Call(headers={"Origin": "http://example.com", "Access-Control-Request-Method": "GET"}),
    "CopyObject": from_source,
    "DeleteObject": lambda w: Call(),
    "PutObjectTagging": lambda w: Call(body="<Tagging><TagSet/></Tagging>"),
    "GetObjectTagging": lambda w: Call(),
    "DeleteObjectTagging": lambda w: Call(),
    "PutObjectRetention": lambda w: Call(body=retention(2), key=w.locked()),
    "RestoreObject": lambda w: Call(body="<RestoreRequest><Days>1</Days></RestoreRequest>", key=w.archived()),
    "GetObjectRetention": lambda w: Call(key=w.locked()),
    "PutObjectLegalHold": lambda w: Call(body="<LegalHold><Status>OFF</Status></LegalHold>"),
    "GetObjectLegalHold": lambda w: Call(key=w.locked()),
    "CreateMultipartUpload": lambda w: Call(key="up"),
    "UploadPart": lambda w: Call(query=f"partNumber=1&uploadId={w.upload()}", key="up", body="x"),
    "UploadPartCopy": part_of_source,
    "CompleteMultipartUpload": lambda w: w.complete(),
    "AbortMultipartUpload": lambda w: Call(query=f"uploadId={w.upload()}", key="up"),
    "ListParts": lambda w: Call(query=f"uploadId={w.upload()}", key="up"),
}

# Of configurations that have to be there before they can be read or deleted: the row that makes them.
MADE_BY = {"GetBucketLifecycleConfiguration": "PutBucketLifecycleConfiguration",
           "DeleteBucketLifecycle": "PutBucketLifecycleConfiguration",
           "GetBucketCors": "PutBucketCors", "GetBucketTagging": "PutBucketTagging",
           "GetPublicAccessBlock": "PutPublicAccessBlock", "GetBucketPolicy": "PutBucketPolicy",
           "GetBucketPolicyStatus": "PutBucketPolicy", "GetBucketOwnershipControls": "PutBucketOwnershipControls",
           "GetAccountPublicAccessBlock": "PutAccountPublicAccessBlock"}

# What each header of the extras may hold; a form's field, where it has another name or form.
VALUES = {
    "x-amz-acl": lambda w: "bucket-owner-read",  # of a bucket: ignored, but asked for
    "x-amz-grant-read": lambda w: f"id={w.owner}",
    "x-amz-grant-write": lambda w: f"id={w.owner}",
    "x-amz-grant-read-acp": lambda w: f"id={w.owner}",
    "x-amz-grant-write-acp": lambda w: f"id={w.owner}",
    "x-amz-grant-full-control": lambda w: f"id={w.owner}",
    "x-amz-tagging": lambda w: "a=b",
    "x-amz-object-lock-mode": lambda w: "GOVERNANCE",
    "x-amz-object-lock-retain-until-date": lambda w: until(1),
    "x-amz-object-lock-legal-hold": lambda w: "OFF",
    "if-match": lambda w: w.etag(),
    "x-amz-bypass-governance-retention": lambda w: "true",
    "x-amz-object-ownership": lambda w: "ObjectWriter",
    "x-amz-bucket-object-lock-enabled": lambda w: "true",
}
FORM_FIELDS = {"x-amz-acl": ("acl", None),
               "x-amz-tagging": ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
               "if-match": (None, None)}  # a form has none
TOGETHER = {"x-amz-object-lock-mode": "x-amz-object-lock-retain-until-date",
            "x-amz-object-lock-retain-until-date": "x-amz-object-lock-mode",
            "x-amz-acl": "x-amz-object-ownership"}  # of a new bucket: without it lists are refused


# ---- more that handlers come across: each a way to call a row --------------------------------------------------------


def copy_tagged(w):
    return Call(headers={"x-amz-copy-source": f"/{w.bucket}/tagged"}, key="copy",
                needs=[("s3:GetObject", arn(w.bucket, "tagged")), ("s3:GetObjectTagging", arn(w.bucket, "tagged")),
                       ("s3:PutObjectTagging", arn(w.bucket, "copy"))])


def copy_version(w):
    return Call(headers={"x-amz-copy-source": f"/{w.bucket}/k?versionId={w.version('k')}"}, key="copy",
                needs=[("s3:GetObjectVersion", arn(w.bucket, "k"))])


def copy_tagged_version(w):
    return Call(headers={"x-amz-copy-source": f"/{w.bucket}/tagged?versionId={w.version('tagged')}"}, key="copy",
                needs=[("s3:GetObjectVersion", arn(w.bucket, "tagged")),
                       ("s3:GetObjectVersionTagging", arn(w.bucket, "tagged")),
                       ("s3:PutObjectTagging", arn(w.bucket, "copy"))])


def copy_new_tags(w):
    return Call(headers={"x-amz-copy-source": f"/{w.bucket}/tagged", "x-amz-tagging": "c=d",
                         "x-amz-tagging-directive": "REPLACE"}, key="copy",
                needs=[("s3:GetObject", arn(w.bucket, "tagged")), ("s3:PutObjectTagging", arn(w.bucket, "copy"))])


def copy_part_version(w):
    return Call(query=f"partNumber=1&uploadId={w.upload()}", key="up",
                headers={"x-amz-copy-source": f"/{w.bucket}/k?versionId={w.version('k')}"},
                needs=[("s3:GetObjectVersion", arn(w.bucket, "k"))])


def shorten_retention(w):
    return Call(body=retention(1), key=w.locked(5), headers={"x-amz-bypass-governance-retention": "true"},
                needs=[("s3:BypassGovernanceRetention", arn(w.bucket, "locked"))])


def delete_locked(w):
    w.locked(5)
    return Call(query=f"versionId={w.last_version}", key="locked", headers={"x-amz-bypass-governance-retention": "true"},
                instead="s3:DeleteObjectVersion", needs=[("s3:BypassGovernanceRetention", arn(w.bucket, "locked"))])


def delete_many(w, entry, headers=None, **more):
    return Call(body=f"<Delete><Object>{entry}</Object></Delete>", key="k", path=f"/{w.bucket}", headers=headers, **more)


VARIANTS = [
    ("CopyObject", "of a tagged source", copy_tagged),
    ("CopyObject", "of a version", copy_version),
    ("CopyObject", "of a tagged version", copy_tagged_version),
    ("CopyObject", "with tags of its own", copy_new_tags),
    ("UploadPartCopy", "of a version", copy_part_version),
    ("PutObjectRetention", "made shorter", shorten_retention),
    ("DeleteObject", "of a locked version", delete_locked),
    ("DeleteObjects", "of a version", lambda w: delete_many(
        w, f"<Key>k</Key><VersionId>{w.version('k')}</VersionId>", instead="s3:DeleteObjectVersion")),
    ("DeleteObjects", "with bypass", lambda w: delete_many(
        w, f"<Key>k</Key><VersionId>{w.version('k')}</VersionId>", {"x-amz-bypass-governance-retention": "true"},
        instead="s3:DeleteObjectVersion", needs=[("s3:BypassGovernanceRetention", arn(w.bucket, "k"))])),
    ("DeleteObjects", "of an ETag", lambda w: delete_many(
        w, f"<Key>k</Key><ETag>{w.etag()}</ETag>", needs=[("s3:GetObject", arn(w.bucket, "k"))])),
    ("DeleteObjects", "of any ETag", lambda w: delete_many(w, "<Key>k</Key><ETag>*</ETag>")),
    ("DeleteObject", "of any ETag", lambda w: Call(headers={"if-match": "*"})),
    ("GetObject", "of the null version", lambda w: Call(query="versionId=null", key=w.null_version(),
                                                        instead="s3:GetObjectVersion")),
    ("CreateBucket", "with tags", lambda w: w.tagged_bucket()),
]


# ---- the world in which they are called ------------------------------------------------------------------------------


class World:
    def __init__(self, t):
        self.t = t
        self.http = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
        self.endpoint = t.s3.meta.endpoint_url
        self.bucket = t.bucket_name()
        self.names, self.uploaded, self.last_version = 0, None, None
        self.root = botocore.credentials.Credentials(t.pail.access_key, t.pail.secret_key)
        self.iam = t.session.client("iam")
        self.account = t.session.client("sts").get_caller_identity()["Account"]
        self.user = self.new_user(self.iam)
        t.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
        t.s3.delete_public_access_block(Bucket=self.bucket)
        self.owner = t.s3.get_bucket_acl(Bucket=self.bucket)["Owner"]["ID"]
        t.s3.put_object(Bucket=self.bucket, Key="tagged", Body=b"x", Tagging="a=b")
        self.versions = {"tagged": t.s3.head_object(Bucket=self.bucket, Key="tagged")["VersionId"]}

    @staticmethod
    def new_user(iam):
        try:
            iam.create_user(UserName="matrix")
        except iam.exceptions.EntityAlreadyExistsException:
            for old in iam.list_access_keys(UserName="matrix")["AccessKeyMetadata"]:
                iam.delete_access_key(UserName="matrix", AccessKeyId=old["AccessKeyId"])
        key = iam.create_access_key(UserName="matrix")["AccessKey"]
        return botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    # What calls need to be there.

    def new_name(self):
        self.names += 1
        return f"{self.bucket[:40]}-n{self.names}"

    def new_bucket(self):
        name = self.new_name()
        self.t.s3.create_bucket(Bucket=name)
        return name

    def tagged_bucket(self):
        name = self.new_name()
        return Call(bucket=name, needs=[("s3:TagResource", arn(name))],
                    body="<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>"
                         "</CreateBucketConfiguration>")

    def version(self, key):
        if key == "k":
            self.versions[key] = self.t.s3.put_object(Bucket=self.bucket, Key=key, Body=b"x")["VersionId"]
        return self.versions[key]

    def null_version(self):
        if not getattr(self, "old", None):  # a version from before there were versions has the id null
            self.old = self.new_bucket()
            self.t.s3.put_object(Bucket=self.old, Key="k", Body=b"x")
        return "k"

    def etag(self):
        return self.t.s3.head_object(Bucket=self.bucket, Key="k")["ETag"]

    def locked(self, days=1):
        made = self.t.s3.put_object(Bucket=self.bucket, Key="locked", Body=b"x", ObjectLockMode="GOVERNANCE",
                                    ObjectLockRetainUntilDate=until(days), ObjectLockLegalHoldStatus="OFF")
        self.last_version = self.versions["locked"] = made["VersionId"]
        return "locked"

    def archived(self):
        """As cold as ever: what was restored is done again."""
        self.t.s3.put_object(Bucket=self.bucket, Key="cold", Body=b"x", StorageClass="GLACIER")
        return "cold"

    def upload(self, key="up"):
        """Open until somebody ends it."""
        s3, (old_key, old) = self.t.s3, self.uploaded or (None, None)
        if old and old_key == key == "up":
            try:
                s3.list_parts(Bucket=self.bucket, Key=key, UploadId=old)
                return old
            except s3.exceptions.NoSuchUpload:
                pass
        new = s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        self.uploaded = (key, new)
        return new

    def complete(self, key="up", headers=None):
        upload = self.upload(key)
        part = self.t.s3.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
        body = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part["ETag"] +
                "</ETag></Part></CompleteMultipartUpload>")
        return Call(query=f"uploadId={upload}", body=body, key=key, headers=headers)

    def harmless(self):
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:GetBucketLogging", "Resource": arn(self.bucket),
             "Condition": {"StringEquals": {"aws:UserAgent": "never"}}}]})

    def fresh(self, name):
        """As if nobody had tried anything before."""
        self.t.s3.put_object(Bucket=self.bucket, Key="k", Body=b"x")
        maker = MADE_BY.get(name)
        if maker:
            row = next(r for r in rows() if r["name"] == maker)
            code = self.send(row, CALLS[maker](self), self.root)
            if code != "ok":
                raise AssertionError(f"{maker} by root: {code}")
        if name == "GetBucketPolicyStatus" or "OwnershipControls" in name or "PublicAccessBlock" in name:
            self.t.s3.put_bucket_ownership_controls(Bucket=self.bucket, OwnershipControls={
                "Rules": [{"ObjectOwnership": "ObjectWriter"}]})

    # Rights.

    def rights(self, *statements, iam=None):
        """statements: (effect, action or actions, resource)."""
        iam = iam or self.iam
        if statements:
            iam.put_user_policy(UserName="matrix", PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": effect, "Action": action, "Resource": resource}
                    for effect, action, resource in statements]}))
        else:
            try:
                iam.delete_user_policy(UserName="matrix", PolicyName="p")
            except iam.exceptions.NoSuchEntityException:
                pass

    # Requests.

    def send(self, row, call, credentials):
        """`ok`, or the error's code; of several keys the first one's."""
        url, headers = self.address(row, call), dict(call.headers)
        method = row["method"].removeprefix("HTTP_")
        if row["level"] == "ON_CONTROL":
            headers["x-amz-account-id"] = self.account
        if call.form is not None:
            return self.send_form(url, call, credentials)
        body = call.body.encode()
        request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
        if body:
            request.headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        if credentials:
            botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        return self.code(self.http.request(method, url, body=body, headers=dict(request.headers.items())))

    def address(self, row, call):
        bucket = getattr(self, "old") if "versionId=null" in call.query else call.bucket or self.bucket
        path = {"ON_SERVICE": "/", "ON_BUCKET": f"/{bucket}", "ON_OBJECT": f"/{bucket}/{call.key or 'k'}",
                "ON_CONTROL": "/v20180820/configuration/publicAccessBlock"}[row["level"]]
        query = [call.query] if call.query else []
        for name in (row.get("query"), row.get("query2")):
            if name and not re.search(rf"(^|&){name}=", call.query):
                query.append(f"{name}={row['value']}" if name == row.get("query") and "value" in row else name)
        return self.endpoint + (call.path or path) + ("?" + "&".join(query) if query else "")

    @staticmethod
    def code(answer):
        if answer.status < 300 and b"<Error>" not in answer.data:
            return "ok"
        found = re.search("<Code>(.*?)</Code>", answer.data.decode(errors="replace"))
        return found.group(1) if found else {403: "AccessDenied"}.get(answer.status, str(answer.status))

    def send_form(self, url, call, credentials):
        fields = dict(call.form)
        if credentials:
            now = datetime.datetime.now(datetime.timezone.utc)
            stamp = now.strftime("%Y%m%dT%H%M%SZ")
            fields.update({"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": stamp,
                           "x-amz-credential": f"{credentials.access_key}/{stamp[:8]}/us-east-1/s3/aws4_request"})
            policy = {"expiration": (now + DAY).strftime("%Y-%m-%dT%H:%M:%SZ"),
                      "conditions": [{"bucket": self.bucket}] + [{k: v} for k, v in fields.items()]}
            fields["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
            key = ("AWS4" + credentials.secret_key).encode()
            for part in (stamp[:8], "us-east-1", "s3", "aws4_request", fields["policy"]):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            fields["x-amz-signature"] = key.hex()
        return self.code(self.http.request("POST", url, fields={**fields, "file": ("f", b"x")}))


def needs_of(w, row, call):
    """Pairs of action and resource: what the row needs, called like this."""
    resource = {"ON_SERVICE": "*", "ON_CONTROL": "*", "ON_BUCKET": arn(call.bucket or w.bucket),
                "ON_OBJECT": arn(w.bucket, call.key or "k")}[row["level"]]
    if row["name"] in ("PostObject", "DeleteObjects"):
        resource = arn(w.bucket, call.key)
    if "versionId=null" in call.query:
        resource = arn(w.old, call.key)
    versioned = "versionId=" in call.query
    action = call.instead or (row.get("version_action") if versioned else None) or row["action"]
    found = [(action, resource)] + call.needs
    for e in extras():
        if e["flag"] in row.get("flags", "").split(" | ") and sent(e, call):
            found.append(((e["version_action"] if versioned else None) or e["action"], resource))
    return list(dict.fromkeys(found))


def sent(e, call):
    if not e["header"]:
        return True
    field = FORM_FIELDS.get(e["header"], (e["header"], None))[0]
    value = call.headers.get(e["header"]) if call.form is None else call.form.get(field)
    return value is not None and value != e["unless"] and (not e["only"] or value.lower() == e["only"])


def with_header(w, row, make, e):
    """The call with one more header, or form field; None: this row cannot have it."""
    if row["name"] == "CompleteMultipartUpload":
        return w.complete("k", {e["header"]: VALUES[e["header"]](w)})
    call = make(w)
    for header in (e["header"], TOGETHER.get(e["header"])):
        if not header or (header == "x-amz-object-ownership" and row["name"] != "CreateBucket"):
            continue
        value = VALUES[header](w)
        if call.form is None:
            call.headers[header] = value
        else:
            field, other = FORM_FIELDS.get(header, (header, None))
            if not field:
                return None
            call.form[field] = other or value
    if row["name"] in ("PutObject", "CopyObject", "CreateMultipartUpload") and e["header"] == "if-match":
        call.key = "k"  # what the ETag is of
        if row["name"] == "CopyObject":
            call.headers["x-amz-copy-source"] = f"/{w.bucket}/tagged"
            call.headers["x-amz-tagging-directive"] = "REPLACE"
            call.needs = [("s3:GetObject", arn(w.bucket, "tagged"))]
    return call


def ways(w):
    """(title, row, function that makes the call) of everything there is to try."""
    found = list(rows())
    if len(found) < 60 or len(list(extras())) < 20:
        raise AssertionError(f"only {len(found)} rows were found")
    for row in found:
        name = row["name"]
        if name in ANSWERED_ELSEWHERE:
            continue
        if name not in CALLS:
            raise AssertionError(f"CALLS does not say how {name} is called")
        make = CALLS[name]
        yield name, row, make
        if "version_action" in row:
            def versioned(w, make=make):
                call = make(w)
                key = call.key or "k"
                call.query = f"versionId={w.version(key)}"
                return call
            yield f"{name} of a version", row, versioned
        for e in extras():
            flags = row.get("flags", "").split(" | ")
            if not e["header"] or e["flag"] not in flags or "OP_PUBLIC" in flags:
                continue
            if e["header"] not in VALUES:
                raise AssertionError(f"VALUES does not say what {e['header']} may hold")
            if e["header"] == "x-amz-bypass-governance-retention" or with_header(w, row, make, e) is None:
                continue  # among the variants
            yield f"{name} with {e['header']}", row, lambda w, r=row, m=make, x=e: with_header(w, r, m, x)
    for name, title, make in VARIANTS:
        yield f"{name} {title}", next(r for r in found if r["name"] == name), make


class Trial:
    """One way to call a row, by whoever is given; notes what was not as expected."""

    def __init__(self, w, title, row, make, wrong):
        self.w, self.title, self.row, self.make, self.wrong = w, title, row, make, wrong

    def __call__(self, who, credentials, expected, rights=None, iam=None):
        """rights: given the needs, the statements that the user then has."""
        self.w.fresh(self.row["name"])
        call = self.make(self.w)
        if rights is not None:
            self.w.rights(*rights(needs_of(self.w, self.row, call)), iam=iam)
        code = self.w.send(self.row, call, credentials)
        if code != expected:
            self.wrong.append(f"{self.title} {who}: {code}, not {expected}")


def end(wrong):
    if wrong:
        raise AssertionError("\n".join(wrong[:60] + [f"{len(wrong)} in all"]))


def only_these(needs):
    return [("Allow", action, resource) for action, resource in needs]


@case
def POL_05_every_operation(t):
    """by nobody, without rights, with its own, with one of them missing, with a Deny on one, with others"""
    w, wrong = World(t), []
    for title, row, make in ways(w):
        trial = Trial(w, title, row, make, wrong)
        if "OP_PUBLIC" in row.get("flags", ""):
            w.fresh("GetBucketCors")
            trial("by nobody", None, "ok")
            continue
        needs = needs_of(w, row, make(w))
        trial("by nobody", None, "AccessDenied")
        trial("without rights", w.user, "AccessDenied", lambda n: [])
        trial("with its own rights", w.user, "ok", only_these)
        if {action for action, _ in needs} != {"s3:PutObject"}:
            trial("with just s3:PutObject (POL-04)", w.user, "AccessDenied", lambda n: [("Allow", "s3:PutObject", "*")])
        for i, need in enumerate(needs):
            trial(f"with a Deny on {need[0]}", w.user, "AccessDenied",
                  lambda n, i=i: [("Deny", *n[i]), ("Allow", "*", "*")])
            trial(f"without {need[0]}", w.user, "AccessDenied",
                  lambda n, i=i: only_these(n[:i] + n[i + 1:]) + [("Allow", "iam:*", "*")])
            if need[1] != "*":
                trial(f"with {need[0]} on something else", w.user, "AccessDenied",
                      lambda n, i=i: only_these(n[:i] + n[i + 1:]) + [("Allow", "s3:*", n[i][1] + "x"),
                                                                      ("Allow", "s3:*", "arn:aws:s3:::other*")])
    end(wrong)


@case
def hidden_deny(t):
    """a Deny on DeleteObjectVersion also keeps an object of a bucket without versions"""
    w, wrong = World(t), []
    plain = w.new_bucket()
    t.s3.put_object(Bucket=plain, Key="k", Body=b"x")
    deny = [("Allow", "s3:*", "*"), ("Deny", "s3:DeleteObjectVersion", "*")]
    for name in ("DeleteObject", "DeleteObjects"):
        row = next(r for r in rows() if r["name"] == name)
        call = Call(bucket=plain, path=f"/{plain}" + ("/k" if name == "DeleteObject" else ""),
                    body="" if name == "DeleteObject" else "<Delete><Object><Key>k</Key></Object></Delete>")
        w.rights(*deny)
        code = w.send(row, call, w.user)
        if code != "AccessDenied":
            wrong.append(f"{name}: {code}")
    end(wrong)


@case
def PRE_06_urls_of_version_2_stay_what_they_are(t):
    """its signatures cover no parameters but those that they list: every one that selects an operation must be"""
    if t.pail.tls:
        t.skip("the same as over http")
    w, wrong, seen = World(t), [], 0
    for row in rows():
        if row["level"] not in ("ON_BUCKET", "ON_OBJECT") or row.get("query") in (None, "list-type") or \
                row["name"] in ANSWERED_ELSEWHERE:
            continue
        seen += 1
        w.fresh(row["name"])
        call, method = CALLS[row["name"]](w), row["method"].removeprefix("HTTP_")
        plain = w.endpoint + f"/{w.bucket}" + ("/k" if row["level"] == "ON_OBJECT" else "")
        request = botocore.awsrequest.AWSRequest(method=method, url=plain)
        botocore.auth.HmacV1QueryAuth(w.root, expires=60).add_auth(request)
        selected = w.address(row, call).partition("?")[2]
        code = w.code(w.http.request(method, request.url + "&" + selected, body=call.body.encode()))
        if code != "SignatureDoesNotMatch":
            wrong.append(f"{row['name']}: {code}")
    if seen < 30:
        wrong.append(f"only {seen} rows were tried")
    end(wrong)


OF_THE_CALLER = ("ListBuckets", "CreateBucket", "PutAccountPublicAccessBlock", "GetAccountPublicAccessBlock",
                 "DeleteAccountPublicAccessBlock")  # there is nothing of another account to do these to


class Stranger:
    """A user of another account, and what both sides say about it."""

    def __init__(self, t, w):
        self.t, self.w = t, w
        self.account = create_account(t.pail, "matrix-stranger")
        self.iam = self.account.client("iam")
        self.credentials = World.new_user(self.iam)
        self.arn = f"arn:aws:iam::{self.account.id}:user/matrix"
        self.root = botocore.credentials.Credentials(self.account.access_key, self.account.secret_key)

    def of_bucket(self, needs, principal):
        """The owner's policies: on each bucket that the needs name, or none."""
        buckets = {}
        for action, resource in needs:
            buckets.setdefault(resource.removeprefix("arn:aws:s3:::").split("/")[0], []).append((action, resource))
        for bucket, pairs in buckets.items():
            if principal is None:
                self.t.s3.delete_bucket_policy(Bucket=bucket)
                continue
            self.t.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": resource}
                for action, resource in pairs]}))

    def end(self):
        self.w.rights(iam=self.iam)
        for key in self.iam.list_access_keys(UserName="matrix")["AccessKeyMetadata"]:
            self.iam.delete_access_key(UserName="matrix", AccessKeyId=key["AccessKeyId"])
        self.iam.delete_user(UserName="matrix")
        delete_account(self.t.pail, self.account.id)


def from_elsewhere(w, stranger, title, row, make, wrong):
    """One way to call a row, with each combination of what the two accounts say."""
    allowed = "MethodNotAllowed" if "OP_OWNER_ONLY" in row.get("flags", "") else "ok"

    def check(who, credentials, expected, own, principal, missing=None):
        w.fresh(row["name"])
        call = make(w)
        needs = needs_of(w, row, call)
        w.rights(*only_these(needs) if own else [], iam=stranger.iam)
        stranger.of_bucket(needs if missing is None else needs[:missing] + needs[missing + 1:], principal)
        if missing is not None and len(needs) == 1:
            stranger.of_bucket(needs, None)
        code = w.send(row, call, credentials)
        if code != expected:
            wrong.append(f"{title} {who}: {code}, not {expected}")

    user, root = stranger.credentials, stranger.root
    needs = needs_of(w, row, make(w))
    check("without a word of anybody", user, "AccessDenied", False, None)
    check("when its account allows", user, "AccessDenied", True, None)
    check("when the owner allows", user, "AccessDenied", False, stranger.arn)
    check("when the owner allows everybody's account", user, "AccessDenied", False, stranger.account.id)
    check("when both allow", user, allowed, True, stranger.arn)
    check("when both allow, the owner the account", user, allowed, True, stranger.account.id)
    check("when the owner allows somebody else", user, "AccessDenied", True, w.account)
    check("as root without a word of the owner", root, "AccessDenied", False, None)
    check("as root when the owner allows", root, allowed, False, stranger.account.id)
    for i, (action, _) in enumerate(needs if len(needs) > 1 else []):
        # The list of what one uploads is one's own business.
        own = action == "s3:PutObjectAcl" and row["name"] != "PutObjectAcl"
        check(f"when the owner allows all but {action}", user, allowed if own else "AccessDenied", True, stranger.arn, i)


@case
def POL_05_from_another_account(t):
    """both accounts must allow; the owner's own business is answered MethodNotAllowed"""
    if t.pail.tls:
        t.skip("the same as over http")
    w, wrong = World(t), []
    stranger, seen = Stranger(t, w), 0
    try:
        for title, row, make in ways(w):
            if row["name"] in OF_THE_CALLER or "OP_PUBLIC" in row.get("flags", ""):
                continue
            seen += 1
            from_elsewhere(w, stranger, title, row, make, wrong)
    finally:
        stranger.end()
    if seen < 60:
        wrong.append(f"only {seen} ways were tried")
    end(wrong)


@case
def POL_05_accounts_of_others(t):
    """what belongs to the caller's account is not another one's"""
    w, wrong = World(t), []
    stranger = Stranger(t, w)
    try:
        w.rights(("Allow", "*", "*"), iam=stranger.iam)
        for row in rows():
            if row["level"] != "ON_CONTROL":
                continue
            for credentials in (stranger.credentials, stranger.root):
                code = w.send(row, CALLS[row["name"]](w), credentials)  # names the first account
                if code != "AccessDenied":
                    wrong.append(f"{row['name']}: {code}")
        seen = stranger.account.client("s3").list_buckets()["Buckets"]
        if seen:
            wrong.append(f"a new account lists {seen}")
    finally:
        stranger.end()
    end(wrong)


if __name__ == "__main__":
    main("sdk-access-matrix", setup)
