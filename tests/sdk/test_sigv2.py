#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that sign with version 2: boto3 with signature_version="s3", in headers and in presigned URLs.

What is expected is what Amazon S3 answered as long as it took these signatures. s3cmd's own suite runs with them too.
"""
import os
import urllib.parse

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from cases import case, contains, equal, main, pattern, true

TAGS = [{"Key": "a", "Value": "b c"}]


def setup(t):
    os.environ.update({k: v for k, v in t.pail.aws_environment().items() if k.startswith("AWS_")})
    if not t.pail.ca:
        os.environ.pop("AWS_CA_BUNDLE", None)
    t.s3 = boto3.session.Session().client("s3", config=Config(signature_version="s3"))
    t.signed = []
    t.s3.meta.events.register("before-send.s3.*", lambda request, **_: t.signed.append(request))
    t.http = urllib3.PoolManager(ca_certs=t.pail.ca)


def made_bucket(t):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    return name


def presigned(t, method, operation, body=None, headers=None, **params):
    return t.http.request(method, t.s3.generate_presigned_url(operation, params), body=body, headers=headers or {})


@case
def the_client_signs_with_version_2(t):
    t.s3.list_buckets()
    text = t.signed[-1].headers["Authorization"]
    contains(text if isinstance(text, str) else text.decode(), f"AWS {t.pail.access_key}:", "Authorization")
    contains(t.s3.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}), "Signature=", "URL")


@case
def objects(t):
    bucket = made_bucket(t)
    for key, size in (("k", 0), ("a b/ü+%&?=#", 100), ("//x/../y", 300000)):
        data = pattern(size)
        t.s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/x", Metadata={"one": "1", "two": " 2 "})
        got = t.s3.get_object(Bucket=bucket, Key=key, ResponseContentType="text/y; a=b", ResponseExpires=0)
        true(got["Body"].read() == data and got["ContentType"] == "text/y; a=b", key)
        equal(t.s3.head_object(Bucket=bucket, Key=key)["Metadata"], {"one": "1", "two": "2"}, key)
        t.s3.copy_object(Bucket=bucket, Key=key + "2", CopySource={"Bucket": bucket, "Key": key})
    equal(t.s3.list_objects_v2(Bucket=bucket, Prefix="a b/")["KeyCount"], 2, "keys")
    keys = [{"Key": o["Key"]} for o in t.s3.list_objects(Bucket=bucket)["Contents"]]
    equal(len(t.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]), 6, "deleted")
    t.s3.delete_bucket(Bucket=bucket)


@case
def sub_resources(t):
    bucket = made_bucket(t)
    t.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    equal(t.s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled", "versioning")
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    t.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    equal(t.s3.get_bucket_cors(Bucket=bucket)["CORSRules"], rules, "cors")
    t.s3.delete_bucket_cors(Bucket=bucket)
    t.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    equal(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], TAGS, "tagging")
    t.s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
    t.s3.get_bucket_location(Bucket=bucket)
    t.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
        {"ID": "r", "Status": "Disabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}]})
    t.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    t.s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    first = t.s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    t.s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=first, Tagging={"TagSet": TAGS})
    equal(t.s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=first)["TagSet"], TAGS, "tags of a version")
    equal(t.s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read(), b"1", "a version")
    equal(len(t.s3.list_object_versions(Bucket=bucket)["Versions"]), 2, "versions")
    t.s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag"])
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = t.s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    equal(len(t.s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)["Parts"]), 1, "parts")
    equal(len(t.s3.list_multipart_uploads(Bucket=bucket)["Uploads"]), 1, "uploads")
    t.s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload,
                                   MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})


@case
def presigned_urls(t):
    bucket = made_bucket(t)
    here = {"Bucket": bucket, "Key": "a b/ü"}
    equal(presigned(t, "PUT", "put_object", b"x", {"Content-Type": "text/plain"}, ContentType="text/plain", **here).status,
          200, "PUT")
    equal(presigned(t, "PUT", "put_object", b"x", {"Content-Type": "text/html"}, ContentType="text/plain", **here).status,
          403, "another Content-Type")
    answer = presigned(t, "GET", "get_object", ResponseContentDisposition='attachment; filename="a b"', **here)
    equal((answer.status, answer.data, answer.headers["Content-Disposition"]), (200, b"x", 'attachment; filename="a b"'), "GET")
    equal(presigned(t, "GET", "list_objects_v2", Bucket=bucket, Prefix="a").status, 200, "list")
    equal(presigned(t, "GET", "get_object_tagging", **here).status, 200, "tagging")
    equal(presigned(t, "PUT", "get_object", **here).status, 403, "another method")
    url = t.s3.generate_presigned_url("get_object", here)
    equal(t.http.request("GET", url + "&versionId=null").status, 403, "one sub-resource more")
    equal(t.http.request("GET", url.replace("Signature=", "Signature=A")).status, 403, "another signature")


@case
def an_empty_value_may_be_signed_either_way(t):
    """`?tagging=`: some clients sign it as `tagging`, botocore as it is sent."""
    from botocore.auth import HmacV1Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    bucket = made_bucket(t)
    t.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    signer = HmacV1Auth(Credentials(t.pail.access_key, t.pail.secret_key))
    for signed in ("tagging", "tagging="):
        for sent in ("tagging", "tagging="):
            request = AWSRequest("GET", f"{t.s3.meta.endpoint_url}/{bucket}?{signed}", auth_path=f"/{bucket}")
            signer.add_auth(request)
            url = urllib.parse.urlsplit(request.url)._replace(query=sent).geturl()
            equal(t.http.request("GET", url, headers=dict(request.headers)).status, 200, f"{signed} sent as {sent}")


@case
def wrong_signatures(t):
    bucket = made_bucket(t)
    liar = boto3.client("s3", aws_access_key_id=t.pail.access_key, aws_secret_access_key="x" * 40,
                        config=Config(signature_version="s3"))
    for call in (lambda: liar.put_object(Bucket=bucket, Key="k", Body=b"x"), lambda: liar.list_objects(Bucket=bucket)):
        try:
            call()
            true(False, "it was taken")
        except ClientError as error:
            equal(error.response["Error"]["Code"], "SignatureDoesNotMatch", "code")


if __name__ == "__main__":
    main("sdk-sigv2", setup)
