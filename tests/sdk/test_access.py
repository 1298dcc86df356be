#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what: bucket policies, access lists, ownership, blocks of public access, and users with just one right.

What is expected is what Amazon S3 answers.
"""
import json

import boto3
import botocore
from botocore.client import Config
from botocore.exceptions import ClientError

from aws import api, setup
from cases import case, contains, equal, main, true

OPEN = dict(BlockPublicAcls=False, IgnorePublicAcls=False, BlockPublicPolicy=False, RestrictPublicBuckets=False)
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def fails(code, function, **kwargs):
    try:
        function(**kwargs)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, f"error of {function.__name__}")
        return error.response["Error"]
    raise AssertionError(f"{function.__name__} was expected to fail with {code}: {kwargs}")


def bucket(t, public=True, ownership=None):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name, **({"ObjectOwnership": ownership} if ownership else {}))
    if public:
        t.s3.delete_public_access_block(Bucket=name)
    return name


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(name, *actions, principal="*", effect="Allow", **more):
    return {"Effect": effect, "Principal": principal, "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"], **more}


def anonymous(t):
    return t.session.client("s3", config=Config(signature_version=botocore.UNSIGNED))


def user(t, statements, name=None):
    """A new user with an inline policy; its S3 client."""
    iam = t.session.client("iam")
    t.users = getattr(t, "users", 0) + 1
    name = name or f"user-{t.users}"
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]), name


@case
def public_policy(t):
    """a policy opens a bucket to everybody, and its Deny wins"""
    name, nobody = bucket(t), anonymous(t)
    t.s3.put_object(Bucket=name, Key="k", Body=b"hello")
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
    fails("NoSuchBucketPolicy", t.s3.get_bucket_policy, Bucket=name)
    fails("NoSuchBucketPolicy", t.s3.get_bucket_policy_status, Bucket=name)
    text = document(allow(name, "s3:GetObject"))
    t.s3.put_bucket_policy(Bucket=name, Policy=text)
    equal(t.s3.get_bucket_policy(Bucket=name)["Policy"], text, "the policy")
    true(t.s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"], "it is public")
    equal(nobody.get_object(Bucket=name, Key="k")["Body"].read(), b"hello", "read by anybody")
    fails("AccessDenied", nobody.put_object, Bucket=name, Key="k", Body=b"")
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="missing")  # who may not list does not learn
    t.s3.put_bucket_policy(Bucket=name, Policy=document(allow(name, "s3:GetObject", "s3:ListBucket")))
    fails("NoSuchKey", nobody.get_object, Bucket=name, Key="missing")
    t.s3.put_bucket_policy(Bucket=name, Policy=document(allow(name, "s3:*", effect="Deny")))
    fails("AccessDenied", t.s3.get_object, Bucket=name, Key="k")
    true(t.s3.get_bucket_policy(Bucket=name)["Policy"], "the owner's root is never locked out")
    t.s3.delete_bucket_policy(Bucket=name)
    t.s3.delete_bucket_policy(Bucket=name)
    equal(t.s3.get_object(Bucket=name, Key="k")["Body"].read(), b"hello", "read by root")


@case
def bad_policies(t):
    """policies are refused by name of what is wrong with them"""
    name = bucket(t)
    for text, message in (("", ""), ("[]", "first byte"), ("{}", "Statement"),
                          (document(allow(name, "s3:NoSuchThing")), "invalid action"),
                          (document(allow("another", "s3:GetObject")), "invalid resource"),
                          (document(allow(name, "s3:GetObject", Condition={"StringEquals": {"s3:nope": "x"}})),
                           "condition key"),
                          (document(allow(name, "s3:GetObject", principal={"AWS": "arn:aws:iam::000000000000:user/no"})),
                           "Invalid principal")):
        if text:
            contains(fails("MalformedPolicy", t.s3.put_bucket_policy, Bucket=name, Policy=text)["Message"], message, text)
        fails("NoSuchBucketPolicy", t.s3.get_bucket_policy, Bucket=name)


@case
def conditions(t):
    """conditions see the address, the agent, the prefix and the tags"""
    name, nobody = bucket(t), anonymous(t)
    t.s3.put_object(Bucket=name, Key="k", Body=b"1", Tagging="team=blue")
    t.s3.put_object(Bucket=name, Key="l", Body=b"1", Tagging="team=red")

    def only(action, condition):
        t.s3.put_bucket_policy(Bucket=name, Policy=document(allow(name, action, Condition=condition)))

    only("s3:GetObject", {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}})
    nobody.get_object(Bucket=name, Key="k")
    only("s3:GetObject", {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
    spoof = anonymous(t)
    spoof.meta.events.register("before-send.s3", lambda request, **_: request.headers.__setitem__(
        "X-Forwarded-For", "192.0.2.1"))
    fails("AccessDenied", spoof.get_object, Bucket=name, Key="k")
    only("s3:GetObject", {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}})
    nobody.get_object(Bucket=name, Key="k")
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="l")
    only("s3:ListBucket", {"StringLike": {"s3:prefix": "a/*"}, "NumericLessThanEquals": {"s3:max-keys": "10"}})
    nobody.list_objects_v2(Bucket=name, Prefix="a/b", MaxKeys=10)
    fails("AccessDenied", nobody.list_objects_v2, Bucket=name, Prefix="b/", MaxKeys=10)
    fails("AccessDenied", nobody.list_objects_v2, Bucket=name, Prefix="a/b")
    only("s3:PutObjectTagging", {"StringEquals": {"s3:RequestObjectTag/team": "green"}})  # known from the body only
    nobody.put_object_tagging(Bucket=name, Key="k", Tagging={"TagSet": [{"Key": "team", "Value": "green"}]})
    fails("AccessDenied", nobody.put_object_tagging, Bucket=name, Key="k",
          Tagging={"TagSet": [{"Key": "team", "Value": "blue"}]})
    only("s3:PutObject", {"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}})
    nobody.put_object(Bucket=name, Key="new", StorageClass="STANDARD_IA")
    fails("AccessDenied", nobody.put_object, Bucket=name, Key="new")


@case
def blocks(t):
    """public access is blocked by default, and as the four switches say"""
    name, nobody = bucket(t, public=False, ownership="ObjectWriter"), anonymous(t)
    t.s3.put_object(Bucket=name, Key="k", Body=b"1")
    block = t.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    equal(set(block.values()), {True}, "a new bucket's switches")
    policy = document(allow(name, "s3:GetObject"))
    fails("AccessDenied", t.s3.put_bucket_policy, Bucket=name, Policy=policy)
    fails("AccessDenied", t.s3.put_object_acl, Bucket=name, Key="k", ACL="public-read")
    fails("AccessDenied", t.s3.put_object, Bucket=name, Key="k", ACL="public-read")
    t.s3.delete_public_access_block(Bucket=name)
    t.s3.delete_public_access_block(Bucket=name)
    fails("NoSuchPublicAccessBlockConfiguration", t.s3.get_public_access_block, Bucket=name)
    t.s3.put_object_acl(Bucket=name, Key="k", ACL="public-read")
    nobody.get_object(Bucket=name, Key="k")
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, IgnorePublicAcls=True))
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
    equal(len(t.s3.get_object_acl(Bucket=name, Key="k")["Grants"]), 1, "grants that count")
    t.s3.put_bucket_policy(Bucket=name, Policy=policy)
    nobody.get_object(Bucket=name, Key="k")
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, RestrictPublicBuckets=True))
    t.s3.put_object_acl(Bucket=name, Key="k", ACL="private")
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=OPEN)
    nobody.get_object(Bucket=name, Key="k")


@case
def account(t):
    """the account's own switches"""
    number = t.session.client("sts").get_caller_identity()["Account"]
    control = t.session.client("s3control")

    def plain_host(request, **_):  # an address has no sub-domains
        request.url = request.url.replace(f"//{number}.", "//").replace("//123456789012.", "//")

    control.meta.events.register("before-sign.s3-control", plain_host)
    name, nobody = bucket(t), anonymous(t)
    t.s3.put_object(Bucket=name, Key="k")
    t.s3.put_bucket_policy(Bucket=name, Policy=document(allow(name, "s3:GetObject")))
    fails("NoSuchPublicAccessBlockConfiguration", control.get_public_access_block, AccountId=number)
    control.put_public_access_block(AccountId=number,
                                    PublicAccessBlockConfiguration=dict(OPEN, RestrictPublicBuckets=True))
    try:
        fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
        found = control.get_public_access_block(AccountId=number)["PublicAccessBlockConfiguration"]
        equal(found, dict(OPEN, RestrictPublicBuckets=True), "the switches")
        fails("AccessDenied", control.get_public_access_block, AccountId="123456789012")
    finally:
        control.delete_public_access_block(AccountId=number)
    nobody.get_object(Bucket=name, Key="k")


@case
def lists(t):
    """access lists of buckets and objects"""
    name, nobody = bucket(t, ownership="ObjectWriter"), anonymous(t)
    acl = t.s3.get_bucket_acl(Bucket=name)
    me = acl["Owner"]["ID"]
    equal([(g["Grantee"]["ID"], g["Permission"]) for g in acl["Grants"]], [(me, "FULL_CONTROL")], "a new bucket's list")
    t.s3.put_object(Bucket=name, Key="k", Body=b"1")
    fails("AccessDenied", nobody.list_objects_v2, Bucket=name)
    t.s3.put_bucket_acl(Bucket=name, ACL="public-read-write")
    nobody.list_objects_v2(Bucket=name)
    fails("NoSuchKey", nobody.get_object, Bucket=name, Key="missing")
    fails("AccessDenied", nobody.get_object, Bucket=name, Key="k")
    nobody.put_object(Bucket=name, Key="theirs", Body=b"2")
    fails("AccessDenied", t.s3.get_object, Bucket=name, Key="theirs")  # the writer owns it
    t.s3.delete_object(Bucket=name, Key="theirs")
    t.s3.put_object_acl(Bucket=name, Key="k", GrantRead=f'uri="{ALL_USERS}"', GrantFullControl=f"id={me}")
    nobody.get_object(Bucket=name, Key="k")
    grants = t.s3.get_object_acl(Bucket=name, Key="k")["Grants"]
    equal(sorted((g["Grantee"].get("URI", "me"), g["Permission"]) for g in grants),
          [(ALL_USERS, "READ"), ("me", "FULL_CONTROL")], "grants")
    t.s3.put_object_acl(Bucket=name, Key="k", AccessControlPolicy={
        "Owner": {"ID": me}, "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": me}, "Permission": "READ"}]})
    equal([g["Permission"] for g in t.s3.get_object_acl(Bucket=name, Key="k")["Grants"]], ["READ"], "grants")
    fails("InvalidArgument", t.s3.put_object_acl, Bucket=name, Key="k", ACL="nonsense")
    fails("InvalidArgument", t.s3.put_object_acl, Bucket=name, Key="k", GrantRead="id=" + "a" * 64)
    fails("UnresolvableGrantByEmailAddress", t.s3.put_object_acl, Bucket=name, Key="k",
          GrantRead="emailAddress=nobody@example.com")
    fails("MalformedACLError", t.s3.put_bucket_acl, Bucket=name, AccessControlPolicy={"Owner": {"ID": me}, "Grants": [
        {"Grantee": {"Type": "CanonicalUser", "ID": me}, "Permission": "NONE"}]})
    fails("MissingSecurityHeader", t.s3.put_bucket_acl, Bucket=name)
    fails("InvalidRequest", t.s3.put_object, Bucket=name, Key="k", ACL="private", GrantRead=f"id={me}")
    upload = t.s3.create_multipart_upload(Bucket=name, Key="big", ACL="public-read")["UploadId"]
    part = t.s3.upload_part(Bucket=name, Key="big", UploadId=upload, PartNumber=1, Body=b"3")
    t.s3.complete_multipart_upload(Bucket=name, Key="big", UploadId=upload,
                                   MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    nobody.get_object(Bucket=name, Key="big")


@case
def ownership(t):
    """ownership: where the bucket's owner owns everything, lists are refused"""
    name = bucket(t)
    rule = t.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    equal(rule, [{"ObjectOwnership": "BucketOwnerEnforced"}], "a new bucket's rule")
    t.s3.put_object(Bucket=name, Key="k", ACL="bucket-owner-full-control")
    for call, more in ((t.s3.put_object, {"Key": "k"}), (t.s3.put_object_acl, {"Key": "k"}), (t.s3.put_bucket_acl, {})):
        fails("AccessControlListNotSupported", call, Bucket=name, ACL="public-read", **more)

    def put(value):
        t.s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": value}]})

    put("BucketOwnerPreferred")
    t.s3.put_bucket_acl(Bucket=name, ACL="public-read")
    fails("InvalidBucketAclWithObjectOwnership", put, value="BucketOwnerEnforced")
    t.s3.put_bucket_acl(Bucket=name, ACL="private")
    put("BucketOwnerEnforced")
    t.s3.delete_bucket_ownership_controls(Bucket=name)
    fails("OwnershipControlsNotFoundError", t.s3.get_bucket_ownership_controls, Bucket=name)
    fails("MalformedXML", put, value="Nobody")
    fails("InvalidArgument", t.s3.create_bucket, Bucket=t.bucket_name(), ObjectOwnership="Nobody")
    fails("InvalidBucketAclWithObjectOwnership", t.s3.create_bucket, Bucket=t.bucket_name(), ACL="public-read")


@case
def each_key(t):
    """users: one key of a DeleteObjects that is denied does not fail the others"""
    name = bucket(t)
    for key in ("mine/1", "mine/2", "other/3"):
        t.s3.put_object(Bucket=name, Key=key)
    s3, _ = user(t, [{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{name}/mine/*"}])
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": k} for k in ("mine/1", "other/3", "mine/2")]})
    equal(sorted(d["Key"] for d in answer["Deleted"]), ["mine/1", "mine/2"], "deleted")
    equal([(e["Key"], e["Code"]) for e in answer["Errors"]], [("other/3", "AccessDenied")], "errors")
    contains(answer["Errors"][0]["Message"], "is not authorized to perform: s3:DeleteObject", "why")


@case
def extras(t):
    """users: a copy needs its source, tags and lists theirs, versions their own actions"""
    source, name = bucket(t), bucket(t)
    t.s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    version = t.s3.put_object(Bucket=source, Key="k", Body=b"1")["VersionId"]
    t.s3.put_object(Bucket=source, Key="tagged", Body=b"1", Tagging="a=b")
    s3, who = user(t, [])
    iam = t.session.client("iam")

    def may(*pairs):
        iam.put_user_policy(UserName=who, PolicyName="p", PolicyDocument=document(*(
            {"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in pairs)))

    put, read = ("s3:PutObject", f"arn:aws:s3:::{name}/*"), ("s3:GetObject", f"arn:aws:s3:::{source}/*")
    copy = dict(Bucket=name, Key="copy", CopySource={"Bucket": source, "Key": "k"})
    may(put)
    error = fails("AccessDenied", s3.copy_object, **copy)
    contains(error["Message"], f"s3:GetObject on resource: \"arn:aws:s3:::{source}/k\"", "why")
    may(put, read)
    s3.copy_object(**copy)
    fails("AccessDenied", s3.copy_object, Bucket=name, Key="copy", CopySource={"Bucket": source, "Key": "tagged"})
    fails("AccessDenied", s3.copy_object, Bucket=name, Key="copy",
          CopySource={"Bucket": source, "Key": "k", "VersionId": version})
    fails("AccessDenied", s3.put_object, Bucket=name, Key="x", Tagging="a=b")
    fails("AccessDenied", s3.get_object, Bucket=source, Key="k", VersionId=version)
    s3.put_object(Bucket=name, Key="x")
    may(put, read, ("s3:GetObjectVersion", read[1]), ("s3:GetObjectTagging", read[1]), ("s3:PutObjectTagging", put[1]))
    s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": source, "Key": "tagged"})
    s3.get_object(Bucket=source, Key="k", VersionId=version)
    s3.put_object(Bucket=name, Key="x", Tagging="a=b")
    true("TagCount" in s3.get_object(Bucket=source, Key="tagged"), "the count is shown")
    may(read)
    true("TagCount" not in s3.get_object(Bucket=source, Key="tagged"), "the count is not shown")
    fails("AccessDenied", s3.get_object, Bucket=source, Key="missing")


@case
def aws_cli(t):
    """the aws CLI: policy, list and block"""
    name = bucket(t)
    api(t, "put-bucket-policy", "--bucket", name, "--policy", document(allow(name, "s3:GetObject")))
    equal(api(t, "get-bucket-policy-status", "--bucket", name)["PolicyStatus"]["IsPublic"], True, "status")
    api(t, "put-bucket-ownership-controls", "--bucket", name, "--ownership-controls",
        "Rules=[{ObjectOwnership=ObjectWriter}]")
    api(t, "put-bucket-acl", "--bucket", name, "--acl", "public-read")
    equal(len(api(t, "get-bucket-acl", "--bucket", name)["Grants"]), 2, "grants")
    api(t, "put-public-access-block", "--bucket", name, "--public-access-block-configuration",
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true")
    equal(len(api(t, "get-bucket-acl", "--bucket", name)["Grants"]), 1, "grants that count")


if __name__ == "__main__":
    main("sdk-access", setup)
