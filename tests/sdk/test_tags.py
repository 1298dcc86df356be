#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tags of objects and buckets, acceleration and payment, through boto3 and the aws CLI.

What is expected is what Amazon S3 answers.
"""
import os
import socket

from botocore.config import Config

from aws import api, fails, made_bucket, setup
from cases import case, contains, equal, main, true

PART = b"p" * (5 << 20)
HEADER_ERROR = ("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
                "name duplicates.")


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def rows(**tags):
    return {"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]}


def numbered(n):
    return rows(**{f"k{i}": str(i) for i in range(n)})


def tags(t, bucket, key="k", **more):
    answer = t.s3.get_object_tagging(Bucket=bucket, Key=key, **more)
    return {row["Key"]: row["Value"] for row in answer["TagSet"]}


# --- objects ---------------------------------------------------------------------------

@case
def put_get_and_delete_tags(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    before = t.s3.head_object(Bucket=bucket, Key="k")
    true("TagCount" not in before, "no count without tags")
    equal(tags(t, bucket), {}, "tags of an object without")
    t.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=rows(a="b", project="Größe 1", empty=""))
    equal(tags(t, bucket), {"a": "b", "project": "Größe 1", "empty": ""}, "tags")
    after = t.s3.head_object(Bucket=bucket, Key="k")
    equal(after["TagCount"], 3, "count of HEAD")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["TagCount"], 3, "count of GET")
    equal(after["LastModified"], before["LastModified"], "LastModified")
    equal(after["ETag"], before["ETag"], "ETag")
    t.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=rows(other="1"))
    equal(tags(t, bucket), {"other": "1"}, "the set is replaced")
    equal(t.s3.delete_object_tagging(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"], 204, "status")
    equal(tags(t, bucket), {}, "tags after DELETE")
    equal(t.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"x", "bytes")
    t.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=rows(a="b"))
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    equal(tags(t, bucket), {}, "an object that is overwritten loses them")
    equal(fails("NoSuchKey", 404, t.s3.get_object_tagging, Bucket=bucket, Key="none")["Key"], f"{bucket}/none", "Key")
    fails("NoSuchKey", 404, t.s3.put_object_tagging, Bucket=bucket, Key="none", Tagging=rows(a="b"))
    fails("NoSuchKey", 404, t.s3.delete_object_tagging, Bucket=bucket, Key="none")
    fails("NoSuchBucket", 404, t.s3.get_object_tagging, Bucket=f"{bucket}-none", Key="k")


@case
def tags_that_come_with_the_bytes(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=d%20e+f%2B&%C3%BC=&lonely")
    equal(tags(t, bucket), {"a": "b", "c": "d e f+", "ü": "", "lonely": ""}, "tags of a put")
    equal(t.s3.head_object(Bucket=bucket, Key="k")["TagCount"], 4, "count")
    t.s3.put_object(Bucket=bucket, Key="big", Body=PART, Tagging="a=b")
    equal(tags(t, bucket, "big"), {"a": "b"}, "tags of a large put")
    upload = t.s3.create_multipart_upload(Bucket=bucket, Key="mp", Tagging="from=create")["UploadId"]
    part = t.s3.upload_part(Bucket=bucket, Key="mp", UploadId=upload, PartNumber=1, Body=b"x")
    t.s3.complete_multipart_upload(Bucket=bucket, Key="mp", UploadId=upload,
                                   MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    equal(tags(t, bucket, "mp"), {"from": "create"}, "tags of a multipart upload")
    for header in ("a=1&a=2", "a=%zz", "a=%FF", "a=b,c=d", "a=<", "=v"):
        for call in (t.s3.put_object, t.s3.create_multipart_upload):
            error = fails("InvalidArgument", 400, call, HEADER_ERROR, Bucket=bucket, Key="bad", Tagging=header)
            equal((error["ArgumentName"], error["ArgumentValue"]), ("x-amz-tagging", header), "argument")
    many = "&".join(f"k{i}=v" for i in range(11))
    fails("BadRequest", 400, t.s3.put_object, "Object tags cannot be greater than 10", Bucket=bucket, Key="bad",
          Tagging=many)
    fails("InvalidTag", 400, t.s3.put_object, Bucket=bucket, Key="bad", Tagging="k" * 129 + "=v")
    fails("InvalidTag", 400, t.s3.put_object, Bucket=bucket, Key="bad", Tagging="aws:k=v")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="bad")


@case
def each_version_has_its_tags(t):
    bucket = made_bucket(t, versions=True)
    one = t.s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="v=1")["VersionId"]
    two = t.s3.put_object(Bucket=bucket, Key="k", Body=b"2", Tagging="v=2")["VersionId"]
    equal(tags(t, bucket), {"v": "2"}, "the newest")
    equal(tags(t, bucket, VersionId=one), {"v": "1"}, "an older one")
    put = t.s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=one, Tagging=rows(v="one"))
    equal(put["VersionId"], one, "version of the put")
    equal(t.s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=one)["VersionId"], one, "version of the get")
    equal((tags(t, bucket), tags(t, bucket, VersionId=one)), ({"v": "2"}, {"v": "one"}), "both")
    equal(t.s3.get_object(Bucket=bucket, Key="k", VersionId=one)["TagCount"], 1, "count")
    equal(t.s3.delete_object_tagging(Bucket=bucket, Key="k", VersionId=two)["VersionId"], two, "version of the delete")
    equal((tags(t, bucket), tags(t, bucket, VersionId=one)), ({}, {"v": "one"}), "both")
    equal([v["VersionId"] for v in t.s3.list_object_versions(Bucket=bucket)["Versions"]], [two, one], "no new version")
    marker = t.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    fails("NoSuchKey", 404, t.s3.get_object_tagging, Bucket=bucket, Key="k")
    fails("MethodNotAllowed", 405, t.s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=rows(a="b"))
    for call, more in ((t.s3.get_object_tagging, {}), (t.s3.put_object_tagging, {"Tagging": rows(a="b")}),
                       (t.s3.delete_object_tagging, {})):
        error = fails("MethodNotAllowed", 405, call, Bucket=bucket, Key="k", VersionId=marker, **more)
        equal(error["ResourceType"], "DeleteMarker", "ResourceType")
    equal(tags(t, bucket, VersionId=one), {"v": "one"}, "below the marker")
    fails("NoSuchVersion", 404, t.s3.get_object_tagging, Bucket=bucket, Key="none", VersionId=one)


@case
def tags_of_copies(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=d", Metadata={"m": "1"})
    source = {"Bucket": bucket, "Key": "k"}
    t.s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    equal(tags(t, bucket, "kept"), {"a": "b", "c": "d"}, "COPY is what happens")
    t.s3.copy_object(Bucket=bucket, Key="kept", CopySource=source, Tagging="x=y")
    equal(tags(t, bucket, "kept"), {"a": "b", "c": "d"}, "without the directive the header means nothing")
    t.s3.copy_object(Bucket=bucket, Key="meta", CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "2"},
                     TaggingDirective="COPY")
    equal(tags(t, bucket, "meta"), {"a": "b", "c": "d"}, "metadata and tags have a directive each")
    equal(t.s3.head_object(Bucket=bucket, Key="meta")["Metadata"], {"m": "2"}, "metadata")
    t.s3.copy_object(Bucket=bucket, Key="new", CopySource=source, TaggingDirective="REPLACE", Tagging="x=y")
    equal(tags(t, bucket, "new"), {"x": "y"}, "REPLACE")
    equal(t.s3.head_object(Bucket=bucket, Key="new")["Metadata"], {"m": "1"}, "metadata")
    t.s3.copy_object(Bucket=bucket, Key="none", CopySource=source, TaggingDirective="REPLACE")
    equal(tags(t, bucket, "none"), {}, "REPLACE by nothing")
    error = fails("InvalidArgument", 400, t.s3.copy_object, "Unknown tagging directive.", Bucket=bucket, Key="bad",
                  CopySource=source, TaggingDirective="MERGE")
    equal(error["ArgumentName"], "x-amz-tagging-directive", "ArgumentName")
    fails("InvalidArgument", 400, t.s3.copy_object, HEADER_ERROR, Bucket=bucket, Key="bad", CopySource=source,
          TaggingDirective="REPLACE", Tagging="a=1&a=2")
    fails("404", 404, t.s3.head_object, Bucket=bucket, Key="bad")
    t.s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "managed")
    equal(tags(t, bucket, "managed"), {"a": "b", "c": "d"}, "a managed copy")


@case
def limits_of_object_tags(t):
    bucket = made_bucket(t)
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="old=1")
    put = lambda body: t.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=body)  # noqa: E731
    put.__name__ = "put_object_tagging"
    bad = lambda code, message, body: fails(code, 400, lambda: put(body), message)  # noqa: E731
    key, value = "The TagKey you have provided is invalid", "The TagValue you have provided is invalid"
    bad("BadRequest", "Object tags cannot be greater than 10", numbered(11))
    error = bad("InvalidTag", "Cannot provide multiple Tags with the same key",
                {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]})
    equal(error["TagKey"], "a", "TagKey")
    bad("InvalidTag", "Your TagKey cannot be prefixed with aws:", rows(**{"aws:x": "v"}))
    bad("InvalidTag", key, rows(**{"k" * 129: "v"}))
    equal(bad("InvalidTag", value, rows(k="v" * 257))["TagValue"], "v" * 257, "TagValue")
    for text in ("a&b", "a<", "a*", "a,b", "a\tb", "€", "😀"):
        bad("InvalidTag", key, rows(**{text: "v"}))
        bad("InvalidTag", value, rows(k=text))
    equal(tags(t, bucket), {"old": "1"}, "nothing changed")
    full = rows(**{"ü" * 127 + str(i): "日" * 256 for i in range(10)})
    put(full)
    equal(t.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"], full["TagSet"], "as many and as long as may be")
    put(rows(a="+-=._:/@ 1", A="case"))
    equal(tags(t, bucket), {"a": "+-=._:/@ 1", "A": "case"}, "characters")
    put({"TagSet": []})
    equal(tags(t, bucket), {}, "an empty set")


# --- buckets ---------------------------------------------------------------------------

@case
def bucket_tags(t):
    bucket = made_bucket(t)
    equal(fails("NoSuchTagSet", 404, t.s3.get_bucket_tagging, Bucket=bucket)["BucketName"], bucket, "BucketName")
    put = t.s3.put_bucket_tagging(Bucket=bucket, Tagging=numbered(50))
    equal(put["ResponseMetadata"]["HTTPStatusCode"], 204, "status")
    equal(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], numbered(50)["TagSet"], "50 tags")
    fails("BadRequest", 400, t.s3.put_bucket_tagging, "Bucket tag count cannot be greater than 50", Bucket=bucket,
          Tagging=numbered(51))
    fails("InvalidTag", 400, t.s3.put_bucket_tagging, "System tags cannot be added/updated by requester",
          Bucket=bucket, Tagging=rows(**{"aws:x": "v"}))
    fails("InvalidTag", 400, t.s3.put_bucket_tagging, "Cannot provide multiple Tags with the same key", Bucket=bucket,
          Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]})
    fails("InvalidTag", 400, t.s3.put_bucket_tagging, Bucket=bucket, Tagging=rows(k="a|b"))
    equal(len(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]), 50, "nothing changed")
    t.s3.put_bucket_tagging(Bucket=bucket, Tagging=rows(**{"a b": "no", "ü": ""}))
    equal(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], rows(**{"a b": "no", "ü": ""})["TagSet"], "replaced")
    for _ in range(2):
        gone = t.s3.delete_bucket_tagging(Bucket=bucket)
        equal(gone["ResponseMetadata"]["HTTPStatusCode"], 204, "status of DELETE")
    fails("NoSuchTagSet", 404, t.s3.get_bucket_tagging, Bucket=bucket)
    t.s3.put_bucket_tagging(Bucket=bucket, Tagging=rows(a="b"))
    t.s3.delete_bucket(Bucket=bucket)
    fails("NoSuchBucket", 404, t.s3.get_bucket_tagging, Bucket=bucket)
    t.s3.create_bucket(Bucket=bucket)
    fails("NoSuchTagSet", 404, t.s3.get_bucket_tagging, Bucket=bucket)


@case
def a_bucket_made_with_tags(t):
    bucket = t.bucket_name()
    t.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"Tags": rows(team="a", cost="1")["TagSet"]})
    equal(t.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], rows(team="a", cost="1")["TagSet"], "tags")
    other = t.bucket_name()
    fails("InvalidTag", 400, t.s3.create_bucket, Bucket=other,
          CreateBucketConfiguration={"Tags": rows(**{"aws:x": "1"})["TagSet"]})
    fails("404", 404, t.s3.head_bucket, Bucket=other)


# --- small settings --------------------------------------------------------------------

@case
def acceleration(t):
    bucket = made_bucket(t)
    true("Status" not in t.s3.get_bucket_accelerate_configuration(Bucket=bucket), "never set")
    for status in ("Enabled", "Suspended", "Enabled"):
        t.s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": status})
        equal(t.s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"], status, "status")
    fails("MalformedXML", 400, t.s3.put_bucket_accelerate_configuration, Bucket=bucket,
          AccelerateConfiguration={"Status": "enabled"})
    fails("MalformedXML", 400, t.s3.put_bucket_accelerate_configuration, Bucket=bucket, AccelerateConfiguration={})
    dotted = t.bucket_name().replace("-", ".")
    t.s3.create_bucket(Bucket=dotted)
    fails("InvalidRequest", 400, t.s3.put_bucket_accelerate_configuration,
          "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names", Bucket=dotted,
          AccelerateConfiguration={"Status": "Enabled"})


@case
def request_payment(t):
    bucket = made_bucket(t)
    equal(t.s3.get_bucket_request_payment(Bucket=bucket)["Payer"], "BucketOwner", "at first")
    for payer in ("Requester", "BucketOwner"):
        t.s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})
        equal(t.s3.get_bucket_request_payment(Bucket=bucket)["Payer"], payer, "payer")
    t.s3.put_object(Bucket=bucket, Key="k", Body=b"x", RequestPayer="requester")
    fails("MalformedXML", 400, t.s3.put_bucket_request_payment, Bucket=bucket,
          RequestPaymentConfiguration={"Payer": "Nobody"})


@case
def accelerated_and_dual_stack_hosts(t):
    if t.pail.external or t.pail.tls:
        t.skip("needs a server started with --domain, and names that no certificate of the tests has")
    from pail import Pail
    real = socket.getaddrinfo

    def lookup(host, *args, **kwargs):
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *args, **kwargs)
    socket.getaddrinfo = lookup
    try:
        with Pail("tags-domain", args=["--domain", "s3.localhost"]) as other:
            for name in ("s3.localhost", "s3-accelerate.localhost", "s3.dualstack.localhost",
                         "s3-accelerate.s3.localhost"):
                for style in ("virtual", "path"):
                    client = t.session.client("s3", endpoint_url=other.endpoint.replace("127.0.0.1", name),
                                              config=Config(s3={"addressing_style": style}))
                    if name == "s3.localhost" and style == "virtual":
                        client.create_bucket(Bucket="hosts")
                    client.put_object(Bucket="hosts", Key=f"{name}/{style}", Body=b"x", Tagging="a=b")
                    equal(client.get_object(Bucket="hosts", Key=f"{name}/{style}")["Body"].read(), b"x", "object")
            keys = [o["Key"] for o in client.list_objects_v2(Bucket="hosts")["Contents"]]
            equal(len(keys), 8, f"one bucket under all names: {keys}")
            equal([b["Name"] for b in client.list_buckets()["Buckets"]], ["hosts"], "buckets")
    finally:
        socket.getaddrinfo = real


# --- the aws CLI -----------------------------------------------------------------------

@case
def aws_cli(t):
    bucket, folder = made_bucket(t), t.folder()
    path = os.path.join(folder, "f")
    with open(path, "wb") as f:
        f.write(b"x")
    here = ["--bucket", bucket, "--key", "k"]
    api(t, "put-object", *here, "--body", path, "--tagging", "a=b&c=d")
    equal(api(t, "get-object-tagging", *here)["TagSet"], rows(a="b", c="d")["TagSet"], "tags")
    api(t, "put-object-tagging", *here, "--tagging", "TagSet=[{Key=x,Value=y}]")
    equal(api(t, "head-object", *here)["TagCount"], 1, "count")
    t.aws("s3", "cp", f"s3://{bucket}/k", f"s3://{bucket}/copy")
    equal(api(t, "get-object-tagging", "--bucket", bucket, "--key", "copy")["TagSet"], rows(x="y")["TagSet"], "copy")
    api(t, "put-bucket-tagging", "--bucket", bucket, "--tagging", "TagSet=[{Key=team,Value=one}]")
    equal(api(t, "get-bucket-tagging", "--bucket", bucket)["TagSet"], rows(team="one")["TagSet"], "bucket tags")
    api(t, "put-bucket-accelerate-configuration", "--bucket", bucket, "--accelerate-configuration", "Status=Enabled")
    equal(api(t, "get-bucket-accelerate-configuration", "--bucket", bucket)["Status"], "Enabled", "acceleration")
    api(t, "put-bucket-request-payment", "--bucket", bucket, "--request-payment-configuration", "Payer=Requester")
    equal(api(t, "get-bucket-request-payment", "--bucket", bucket)["Payer"], "Requester", "payer")
    done = t.aws("s3api", "put-object-tagging", *here, "--tagging", "TagSet=[{Key=a*,Value=y}]", ok=False)
    true(done.returncode != 0, "a bad tag fails")
    contains(done.stderr, "InvalidTag", "what it says")


if __name__ == "__main__":
    main("sdk-tags", setup)
