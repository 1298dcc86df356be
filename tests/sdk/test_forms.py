#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Browsers' ways in: boto3's presigned forms, sent as a browser sends them, and CORS through boto3 and the aws CLI.

What is expected is what Amazon S3 answers.
"""
import base64
import hashlib
import io
import json
import ssl
import urllib.error
import urllib.request

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

import aws
from aws import made_bucket
from cases import case, contains, equal, main, pattern, true

VERSIONS = ("s3v4", "s3")


def setup(t):
    aws.setup(t)
    t.http = urllib3.PoolManager(ca_certs=t.pail.ca)


def send(t, form, file, filename="photo.jpg", **fields):
    """A form as urllib3 (and so the requests library) makes it."""
    return t.http.request("POST", form["url"], fields={**form["fields"], **fields, "file": (filename, file)},
                          redirect=False)


def presigned(t, version, *args, **more):
    return t.session.client("s3", config=Config(signature_version=version)).generate_presigned_post(*args, **more)


@case
def presigned_forms_end_to_end(t):
    bucket = made_bucket(t)
    for version in VERSIONS:
        form = presigned(t, version, bucket, "up/${filename}",
                         Fields={"acl": "private", "Content-Type": "image/jpeg", "x-amz-meta-from": "a form"},
                         Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "image/"],
                                     {"x-amz-meta-from": "a form"}, ["content-length-range", 0, 10 << 20]])
        for size in (0, 10, 18000, 100000, 6 << 20):
            data = pattern(size, size)
            answer = send(t, form, data)
            equal((answer.status, answer.data), (204, b""), f"{version}, {size} bytes")
            equal(answer.headers["ETag"], f'"{hashlib.md5(data).hexdigest()}"', "ETag")
            equal(answer.headers["Location"], f"{t.s3.meta.endpoint_url}/{bucket}/up/photo.jpg", "Location")
            got = t.s3.get_object(Bucket=bucket, Key="up/photo.jpg")
            true(got["Body"].read() == data, "the bytes")
            equal((got["ContentType"], got["Metadata"]), ("image/jpeg", {"from": "a form"}), "what was said about it")
        equal(send(t, form, pattern((10 << 20) + 1)).status, 400, "too large")


@case
def a_form_by_the_standard_library(t):
    bucket, boundary = made_bucket(t), "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    form = presigned(t, "s3v4", bucket, "k")
    body = io.BytesIO()
    for name, value in form["fields"].items():
        body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a b.txt"\r\n'
               f'Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}\r\nContent-Disposition: form-data; '
               f'name="submit"\r\n\r\nUpload\r\n--{boundary}--\r\n'.encode())
    request = urllib.request.Request(form["url"], body.getvalue(), {
        "Content-Type": f"multipart/form-data; boundary={boundary}", "Origin": "https://www.example.com"})
    context = ssl.create_default_context(cafile=t.pail.ca) if t.pail.ca else None
    with urllib.request.urlopen(request, context=context) as answer:
        equal(answer.status, 204, "status")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"hello", "the bytes")


@case
def what_happens_afterwards(t):
    bucket = made_bucket(t, versions=True)
    form = presigned(t, "s3v4", bucket, "k", Fields={"success_action_status": "201"},
                     Conditions=[{"success_action_status": "201"}])
    answer = send(t, form, b"1")
    equal(answer.status, 201, "status")
    contains(answer.data.decode(), f"<Bucket>{bucket}</Bucket><Key>k</Key>", "the document")
    equal(t.s3.head_object(Bucket=bucket, Key="k")["VersionId"], answer.headers["x-amz-version-id"], "version")
    url = "https://www.example.com/done?a=b"
    form = presigned(t, "s3", bucket, "k", Fields={"success_action_redirect": url},
                     Conditions=[{"success_action_redirect": url}])
    answer = send(t, form, b"2")
    etag = hashlib.md5(b"2").hexdigest()
    equal((answer.status, answer.headers["Location"]),
          (303, f"{url}&bucket={bucket}&key=k&etag=%22{etag}%22"), "redirect")
    equal(len(t.s3.list_object_versions(Bucket=bucket)["Versions"]), 2, "versions")


@case
def what_a_policy_forbids(t):
    bucket, other = made_bucket(t), made_bucket(t)
    for version in VERSIONS:
        form = presigned(t, version, bucket, "mine/${filename}")
        refused = [("an extra field", send(t, form, b"x", acl="public-read"), 403),
                   ("metadata", send(t, form, b"x", **{"x-amz-meta-a": "b"}), 403),
                   ("another key", send(t, {**form, "fields": {**form["fields"], "key": "yours/x"}}, b"x"), 403),
                   ("another bucket", send(t, {**form, "url": form["url"].replace(bucket, other)}, b"x"), 403),
                   ("another policy", send(t, {**form, "fields": {**form["fields"], "policy": "e30="}}, b"x"), 403),
                   ("expired", send(t, presigned(t, version, bucket, "k", ExpiresIn=-1), b"x"), 403)]
        for label, answer, status in refused:
            equal(answer.status, status, f"{version}: {label}: {answer.data[:200]}")
    equal(t.s3.list_objects_v2(Bucket=bucket)["KeyCount"] + t.s3.list_objects_v2(Bucket=other)["KeyCount"], 0, "keys")


@case
def PST_15_a_user_posts_what_the_user_may_do(t):
    """Each field that sets something needs the right for it; the form's signer is who asks."""
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    iam, name = t.session.client("iam"), f"poster-{t.scheme}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def may(*statements):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": list(statements)}))

    def post(version="s3v4", path="in/k", **fields):
        user = boto3.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
                            config=Config(signature_version=version))
        digest = {"Content-MD5": base64.b64encode(hashlib.md5(b"x").digest()).decode()}
        fields = {**digest, **{n.replace("_", "-"): v for n, v in fields.items()}}
        return send(t, user.generate_presigned_post(bucket, path, Fields=fields,
                                                    Conditions=[{n: v} for n, v in fields.items()]), b"x").status
    put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    equal(post(), 403, "no right")
    may(put)
    for version in VERSIONS:
        equal(post(version), 204, "an object")
        equal(post(version, path="out/k"), 403, "another key")
        equal(post(version, x_amz_meta_a="b"), 204, "metadata")
        equal(post(version, tagging="<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"), 403, "tags")
        equal(post(version, x_amz_object_lock_legal_hold="OFF"), 403, "legal hold")
        equal(post(version, x_amz_object_lock_mode="GOVERNANCE", x_amz_object_lock_retain_until_date="2099-01-01T00:00:00Z"),
              403, "retention")
    may({**put, "Action": ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectLegalHold"]})
    equal(post(tagging="<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
               x_amz_object_lock_legal_hold="OFF"), 204, "with the rights for it")
    may(put, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"s3:signatureversion": "AWS"}}})
    equal((post("s3v4"), post("s3")), (204, 403), "a version of signatures that is denied")
    may(put, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"s3:authType": "POST"}}})
    equal((post("s3v4"), post("s3")), (403, 403), "forms are denied")


RULES = [{"ID": "app", "AllowedHeaders": ["*"], "AllowedMethods": ["GET", "PUT", "POST"],
          "AllowedOrigins": ["https://app.example.com", "https://*.test"], "ExposeHeaders": ["ETag"],
          "MaxAgeSeconds": 600},
         {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}]


@case
def cors_configurations(t):
    bucket = made_bucket(t)

    def missing():
        try:
            t.s3.get_bucket_cors(Bucket=bucket)
        except ClientError as error:
            return error.response["Error"]["Code"]
    equal(missing(), "NoSuchCORSConfiguration", "a new bucket")
    t.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    equal(t.s3.get_bucket_cors(Bucket=bucket)["CORSRules"], RULES, "rules")
    t.s3.delete_bucket_cors(Bucket=bucket)
    equal(missing(), "NoSuchCORSConfiguration", "deleted")
    t.aws("s3api", "put-bucket-cors", "--bucket", bucket, "--cors-configuration", json.dumps({"CORSRules": RULES}))
    equal(json.loads(t.aws("s3api", "get-bucket-cors", "--bucket", bucket).stdout)["CORSRules"], RULES, "through the CLI")
    t.aws("s3api", "delete-bucket-cors", "--bucket", bucket)


@case
def a_browser_puts_an_object(t):
    """Preflight and then the request itself, with a presigned URL, as the SDK for JavaScript does in a browser."""
    bucket = made_bucket(t)
    t.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    origin = {"Origin": "https://app.example.com"}
    for version in VERSIONS:
        url = t.session.client("s3", config=Config(signature_version=version)).generate_presigned_url(
            "put_object", {"Bucket": bucket, "Key": "k", "ContentType": "text/plain"})
        answer = t.http.request("OPTIONS", url, headers={
            **origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"})
        equal((answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Access-Control-Allow-Headers"]),
              (200, "https://app.example.com", "content-type"), "preflight")
        answer = t.http.request("PUT", url, body=b"x", headers={**origin, "Content-Type": "text/plain"})
        equal((answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Access-Control-Expose-Headers"]),
              (200, "https://app.example.com", "ETag"), "PUT")
    answer = send(t, presigned(t, "s3v4", bucket, "form"), b"x")
    true(answer.status == 204 and "Access-Control-Allow-Origin" not in answer.headers, "no origin, no answer")


if __name__ == "__main__":
    main("sdk-forms", setup)
