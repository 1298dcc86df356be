#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Identities and temporary credentials through boto3's iam and sts clients and the aws CLI.

What is expected is what AWS answers. What S3 allows to whom is another suite's matter; here every right is tried on
IAM's own actions.
"""
import atexit
import base64
import json
import os
import shutil
import time

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import iam_model
from aws import setup as setup_aws
from cases import case, contains, equal, main, true
from oidc import Keys, b64

ACCOUNT = "000000000000"
JWKS = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"pail-jwks-{os.getpid()}")
ISSUER = "https://idp.example.org/realms/one"
counter = [0]
atexit.register(shutil.rmtree, JWKS, ignore_errors=True)


def setup(t):
    setup_aws(t)
    iam_model.watch(t.session)
    t.iam, t.sts = t.session.client("iam"), t.session.client("sts")


def name(prefix):
    counter[0] += 1
    return f"{prefix}-{os.getpid()}-{counter[0]}"


def allow(*actions, resource="*", effect="Allow", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Action": list(actions), "Resource": resource, **more}]})


def trust(principal, action="sts:AssumeRole", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": action, **more}]})


def fails(code, status, function, *args, text=None, **kwargs):
    try:
        function(*args, **kwargs)
    except ClientError as error:
        fields = error.response["Error"]
        equal((fields["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), fields["Message"])
        if text:
            contains(fields["Message"], text, "message")
        return fields
    raise AssertionError(f"a call was expected to fail with {code}")


def client(t, service, key, secret=None, token=None):
    if isinstance(key, dict):
        key, secret, token = key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken")
    return t.session.client(service, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)


def made_user(t, policy=None, **more):
    user = name("user")
    t.iam.create_user(UserName=user, **more)
    if policy:
        t.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy)
    return user, t.iam.create_access_key(UserName=user)["AccessKey"]


# --- users ---------------------------------------------------------------------------------

@case
def root_asks_who_it_is(t):
    who = t.sts.get_caller_identity()
    equal((who["Account"], who["UserId"], who["Arn"]), (ACCOUNT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"), "root")
    equal(t.iam.get_user()["User"]["Arn"], f"arn:aws:iam::{ACCOUNT}:root", "GetUser")


@case
def users_live_and_die(t):
    user = name("Ann")
    made = t.iam.create_user(UserName=user, Path="/dept/a/", Tags=[{"Key": "Team", "Value": "blue"}])["User"]
    equal(made["Arn"], f"arn:aws:iam::{ACCOUNT}:user/dept/a/{user}", "arn")
    true(made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21, "id")
    equal(t.iam.get_user(UserName=user.upper())["User"]["UserName"], user, "names in any case")
    fails("EntityAlreadyExists", 409, t.iam.create_user, UserName=user.lower(), text="already exists")
    fails("NoSuchEntity", 404, t.iam.get_user, UserName="nobody", text="The user with name nobody cannot be found.")
    fails("ValidationError", 400, t.iam.create_user, UserName="a b")
    fails("ValidationError", 400, t.iam.create_user, UserName=name("x"), Path="no-slash")
    listed = t.iam.list_users(PathPrefix="/dept/")["Users"]
    true(user in [u["UserName"] for u in listed] and "Tags" not in listed[0], "listed by path, without tags")
    t.iam.tag_user(UserName=user, Tags=[{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}])
    equal(t.iam.list_user_tags(UserName=user)["Tags"], [{"Key": "team", "Value": "red"}, {"Key": "x", "Value": ""}],
          "keys of tags in any case")
    t.iam.untag_user(UserName=user, TagKeys=["TEAM"])
    equal(t.iam.get_user(UserName=user)["User"]["Tags"], [{"Key": "x", "Value": ""}], "tags")
    new = name("Bea")
    t.iam.update_user(UserName=user, NewUserName=new, NewPath="/other/")
    equal(t.iam.get_user(UserName=new)["User"]["Path"], "/other/", "path")
    fails("NoSuchEntity", 404, t.iam.get_user, UserName=user)
    t.iam.delete_user(UserName=new)
    fails("NoSuchEntity", 404, t.iam.delete_user, UserName=new)


@case
def lists_come_in_pages(t):
    users = sorted(name("page") for _ in range(7))
    for user in users:
        t.iam.create_user(UserName=user, Path="/paged/")
    pages = list(t.iam.get_paginator("list_users").paginate(
        PathPrefix="/paged/", PaginationConfig={"PageSize": 3}))
    equal([len(p["Users"]) for p in pages], [3, 3, 1], "pages")
    equal([u["UserName"] for p in pages for u in p["Users"]], users, "all, in order")
    fails("ValidationError", 400, t.iam.list_users, Marker="!")
    for user in users:
        t.iam.delete_user(UserName=user)


@case
def access_keys(t):
    user, key = made_user(t, allow("iam:GetUser"))
    true(key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20 and len(key["SecretAccessKey"]) == 40,
         "shape")
    own = client(t, "iam", key)
    equal(own.get_user()["User"]["UserName"], user, "its own key")
    for _ in range(50):  # written down behind the request
        used = t.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        if "LastUsedDate" in used["AccessKeyLastUsed"]:
            break
        time.sleep(0.1)
    equal((used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]), (user, "iam"), "last used")
    second = t.iam.create_access_key(UserName=user)["AccessKey"]
    fails("LimitExceeded", 409, t.iam.create_access_key, UserName=user,
          text="Cannot exceed quota for AccessKeysPerUser: 2")
    listed = t.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    equal([k["AccessKeyId"] for k in listed], [key["AccessKeyId"], second["AccessKeyId"]], "listed")
    true("SecretAccessKey" not in listed[0], "shown once")
    t.iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    fails("InvalidClientTokenId", 403, own.get_user)
    t.iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
    own.get_user()
    fails("SignatureDoesNotMatch", 403, client(t, "iam", key["AccessKeyId"], "x" * 40).get_user)
    fails("DeleteConflict", 409, t.iam.delete_user, UserName=user, text="must delete access keys first")
    t.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    fails("InvalidClientTokenId", 403, own.get_user)
    fails("NoSuchEntity", 404, t.iam.delete_access_key, UserName=user, AccessKeyId=key["AccessKeyId"])


@case
def keys_of_root(t):
    key = t.iam.create_access_key()["AccessKey"]
    equal(client(t, "sts", key).get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:root", "root by another key")
    t.iam.delete_access_key(AccessKeyId=key["AccessKeyId"])


@case
def a_renamed_user_keeps_keys_and_groups(t):
    user, key = made_user(t)
    group, new = name("group"), name("user")
    t.iam.create_group(GroupName=group)
    t.iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=allow("iam:GetUser"))
    t.iam.add_user_to_group(GroupName=group, UserName=user)
    t.iam.update_user(UserName=user, NewUserName=new)
    equal(client(t, "iam", key).get_user()["User"]["UserName"], new, "by its old key")
    other = name("group")
    t.iam.update_group(GroupName=group, NewGroupName=other)
    equal([u["UserName"] for u in t.iam.get_group(GroupName=other)["Users"]], [new], "members")
    equal(client(t, "iam", key).get_user()["User"]["UserName"], new, "rights of the renamed group")
    equal([g["GroupName"] for g in t.iam.list_groups_for_user(UserName=new)["Groups"]], [other], "its groups")


# --- rights ------------------------------------------------------------------------------------

@case
def a_change_holds_at_once(t):
    user, key = made_user(t)
    own = client(t, "iam", key)
    for _ in range(5):
        fails("AccessDenied", 403, own.list_users, text="no identity-based policy allows the iam:ListUsers action")
        t.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("iam:ListUsers"))
        own.list_users(MaxItems=1)
        t.iam.delete_user_policy(UserName=user, PolicyName="p")
    t.iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    own.list_users(MaxItems=1)
    t.iam.detach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    fails("AccessDenied", 403, own.list_users)


@case
def rights_by_resource_group_and_boundary(t):
    user, key = made_user(t, allow("iam:*", resource=f"arn:aws:iam::{ACCOUNT}:user/team/*"))
    own, inside = client(t, "iam", key), name("inside")
    own.create_user(UserName=inside, Path="/team/")
    fails("AccessDenied", 403, own.create_user, UserName=name("outside"), Path="/other/")
    own.delete_user(UserName=inside)
    group = name("group")
    t.iam.create_group(GroupName=group)
    t.iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=allow("iam:ListGroups", "iam:ListRoles"))
    fails("AccessDenied", 403, own.list_groups)
    t.iam.add_user_to_group(GroupName=group, UserName=user)
    own.list_groups(MaxItems=1)
    boundary = t.iam.create_policy(PolicyName=name("bound"), PolicyDocument=allow("iam:ListRoles"))["Policy"]["Arn"]
    t.iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=boundary)
    own.list_roles(MaxItems=1)
    fails("AccessDenied", 403, own.list_groups, text="permissions boundary")
    fails("DeleteConflict", 409, t.iam.delete_policy, PolicyArn=boundary)
    equal(t.iam.get_user(UserName=user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], boundary, "shown")
    t.iam.delete_user_permissions_boundary(UserName=user)
    own.list_groups(MaxItems=1)
    t.iam.remove_user_from_group(GroupName=group, UserName=user)
    fails("AccessDenied", 403, own.list_groups)
    t.iam.delete_policy(PolicyArn=boundary)


@case
def variables_and_tags_in_rights(t):
    user, key = made_user(t, allow("iam:GetUser", resource=f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"))
    own = client(t, "iam", key)
    own.get_user()
    other, _ = made_user(t, Tags=[{"Key": "team", "Value": "blue"}])
    fails("AccessDenied", 403, own.get_user, UserName=other)
    t.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=allow("iam:GetUser", Condition={
        "StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}}))
    fails("AccessDenied", 403, own.get_user, UserName=other)
    t.iam.tag_user(UserName=user, Tags=[{"Key": "team", "Value": "blue"}])
    own.get_user(UserName=other)


# --- policies --------------------------------------------------------------------------------------

@case
def managed_policies_and_versions(t):
    policy = name("policy")
    made = t.iam.create_policy(PolicyName=policy, Path="/p/", Description="what it is for",
                               PolicyDocument=allow("s3:GetObject"))["Policy"]
    arn = made["Arn"]
    equal((arn, made["DefaultVersionId"], made["AttachmentCount"]),
          (f"arn:aws:iam::{ACCOUNT}:policy/p/{policy}", "v1", 0), "made")
    fails("EntityAlreadyExists", 409, t.iam.create_policy, PolicyName=policy, PolicyDocument=allow("s3:*"))
    for n in range(2, 6):
        version = t.iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow(f"s3:Get{n}"), SetAsDefault=n == 4)
        equal(version["PolicyVersion"]["VersionId"], f"v{n}", "number")
    fails("LimitExceeded", 409, t.iam.create_policy_version, PolicyArn=arn, PolicyDocument=allow("s3:*"))
    equal(t.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v4", "default")
    document = t.iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]["Document"]
    equal(document["Statement"][0]["Action"], ["s3:Get3"], "text")
    fails("DeleteConflict", 409, t.iam.delete_policy_version, PolicyArn=arn, VersionId="v4")
    fails("DeleteConflict", 409, t.iam.delete_policy, PolicyArn=arn)
    t.iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    for version in t.iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            t.iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    user, _ = made_user(t)
    t.iam.attach_user_policy(UserName=user, PolicyArn=arn)
    equal(t.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1, "count")
    equal([u["UserName"] for u in t.iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"]], [user], "holders")
    equal(t.iam.list_attached_user_policies(UserName=user)["AttachedPolicies"],
          [{"PolicyName": policy, "PolicyArn": arn}], "attached")
    fails("DeleteConflict", 409, t.iam.delete_policy, PolicyArn=arn)
    t.iam.detach_user_policy(UserName=user, PolicyArn=arn)
    fails("NoSuchEntity", 404, t.iam.detach_user_policy, UserName=user, PolicyArn=arn)
    t.iam.delete_policy(PolicyArn=arn)
    fails("NoSuchEntity", 404, t.iam.get_policy, PolicyArn=arn)
    fails("NoSuchEntity", 404, t.iam.attach_user_policy, UserName=user, PolicyArn=arn, text="not attachable")


@case
def built_in_policies(t):
    names = {p["PolicyName"] for p in t.iam.list_policies(Scope="AWS")["Policies"]}
    true({"AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "IAMFullAccess", "IAMReadOnlyAccess",
          "readwrite", "readonly", "writeonly", "diagnostics", "consoleAdmin"} <= names, "names")
    arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    document = t.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    true("s3:*" in document["Statement"][0]["Action"], "document")
    fails("AccessDenied", 403, t.iam.delete_policy, PolicyArn=arn)
    true(not any(p["Arn"].startswith("arn:aws:iam::aws") for p in t.iam.list_policies(Scope="Local")["Policies"]),
         "local ones alone")


@case
def bad_documents(t):
    user, _ = made_user(t)
    for text in ["{", "[]", "{}", allow("GetObject"), allow("s3:*", effect="Permit"), allow("s3:*", Principal="*")]:
        fails("MalformedPolicyDocument", 400, t.iam.put_user_policy, UserName=user, PolicyName="p",
              PolicyDocument=text)
        fails("MalformedPolicyDocument", 400, t.iam.create_policy, PolicyName=name("p"), PolicyDocument=text)
    long = allow(*[f"s3:Get{n:04}" for n in range(170)])
    fails("LimitExceeded", 409, t.iam.put_user_policy, UserName=user, PolicyName="p", PolicyDocument=long,
          text="Maximum policy size of 2048 bytes exceeded for user")
    half = allow(*[f"s3:Get{n:04}" for n in range(80)])
    t.iam.put_user_policy(UserName=user, PolicyName="a", PolicyDocument=half)
    t.iam.put_user_policy(UserName=user, PolicyName="a", PolicyDocument=half)
    fails("LimitExceeded", 409, t.iam.put_user_policy, UserName=user, PolicyName="b", PolicyDocument=half)
    equal(t.iam.list_user_policies(UserName=user)["PolicyNames"], ["a"], "names")
    equal(t.iam.get_user_policy(UserName=user, PolicyName="a")["PolicyDocument"], json.loads(half), "text")
    fails("NoSuchEntity", 404, t.iam.get_user_policy, UserName=user, PolicyName="b")


@case
def simulators(t):
    user, _ = made_user(t, json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"},
        {"Effect": "Deny", "Action": "s3:GetObjectAcl", "Resource": "*"}]}))
    arn = t.iam.get_user(UserName=user)["User"]["Arn"]
    results = t.iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject", "s3:GetObjectAcl", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::b/k"])["EvaluationResults"]
    equal([r["EvalDecision"] for r in results], ["allowed", "explicitDeny", "implicitDeny"], "decisions")
    results = t.iam.simulate_custom_policy(
        PolicyInputList=[allow("s3:ListBucket", Condition={"StringLike": {"s3:prefix": "home/*"}})],
        ActionNames=["s3:ListBucket"],
        ContextEntries=[{"ContextKeyName": "s3:prefix", "ContextKeyValues": ["home/x"], "ContextKeyType": "string"}])
    equal(results["EvaluationResults"][0]["EvalDecision"], "allowed", "with a key")
    fails("NoSuchEntity", 404, t.iam.simulate_principal_policy,
          PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/none", ActionNames=["s3:GetObject"])


@case
def simulators_tell_why(t):
    user, _ = made_user(t)
    group, policy = name("group"), name("policy")
    text = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {"Effect": "Allow", "Action": "s3:List*", "Resource": "*"},\n' \
           '    {"Effect": "Allow", "Action": ["s3:Get*", "s3:GetObjct"], "Resource": "arn:aws:s3:::b/${aws:username}/*",\n' \
           '     "Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SorceIp": "x"}}}]}'
    managed = t.iam.create_policy(PolicyName=policy, PolicyDocument=text)["Policy"]["Arn"]
    t.iam.create_group(GroupName=group)
    t.iam.attach_group_policy(GroupName=group, PolicyArn=managed)
    t.iam.add_user_to_group(GroupName=group, UserName=user)
    arn, key = f"arn:aws:iam::{ACCOUNT}:user/{user}", f"arn:aws:s3:::b/{user}/k"

    def ask(source=arn, **more):
        return t.iam.simulate_principal_policy(PolicySourceArn=source, **{
            "ActionNames": ["s3:GetObject"], "ResourceArns": [key], **more})["EvaluationResults"]
    result = ask()[0]
    equal((result["EvalDecision"], sorted(result["MissingContextValues"])),
          ("implicitDeny", ["aws:SecureTransport", "aws:SorceIp"]), "missing keys")
    equal(result["ResourceSpecificResults"][0]["EvalResourceDecision"], "implicitDeny", "by resource")
    equal(sorted(result["EvalDecisionDetails"]), [f"Unknown action s3:GetObjct in {policy}",
                                                  f"Unknown condition key aws:SorceIp in {policy}"], "pointed out")
    context = [{"ContextKeyName": "aws:securetransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"},
               {"ContextKeyName": "aws:SorceIp", "ContextKeyValues": ["x"], "ContextKeyType": "string"}]
    result = ask(ContextEntries=context)[0]
    equal((result["EvalDecision"], result["MissingContextValues"]), ("allowed", []), "with them")
    matched = result["MatchedStatements"]
    equal([(m["SourcePolicyId"], m["SourcePolicyType"], m["StartPosition"], m["EndPosition"]) for m in matched],
          [(policy, "user-managed", {"Line": 5, "Column": 5}, {"Line": 6, "Column": text.splitlines()[5].index("]}") + 1})], "the statement")
    unknown = ask(ActionNames=["s3:GetObjct", "s3:ListBucket"], ResourceArns=["*"])
    true("Unknown action s3:GetObjct in ActionNames" in unknown[0]["EvalDecisionDetails"], "of the request")
    equal((unknown[1]["EvalDecision"], unknown[1]["MissingContextValues"]), ("allowed", []), "keys of other statements")
    for exclusion in ({"PolicyArn": managed}, {"PolicyType": "user-managed"}):
        equal(ask(ContextEntries=context, PolicyExclusionList=[exclusion])[0]["EvalDecision"], "implicitDeny", "left out")
    equal(ask(ContextEntries=context, source=f"arn:aws:iam::{ACCOUNT}:group/{group}", ResourceArns=["arn:aws:s3:::b"],
              ActionNames=["s3:ListBucket"])[0]["EvalDecision"], "allowed", "a group")

    # boundaries: its own, and one that stands in for it
    bound = t.iam.create_policy(PolicyName=name("bound"), PolicyDocument=allow("s3:Put*"))["Policy"]["Arn"]
    t.iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=bound)
    result = ask(ContextEntries=context)[0]
    equal((result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]),
          ("implicitDeny", {"AllowedByPermissionsBoundary": False}), "boundary")
    result = ask(ContextEntries=context, PermissionsBoundaryPolicyInputList=[allow("s3:*")])[0]
    equal((result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]),
          ("allowed", {"AllowedByPermissionsBoundary": True}), "another boundary")
    equal(ask(ContextEntries=context, PolicyExclusionList=[{"PolicyType": "permission-boundary"}])[0]["EvalDecision"],
          "allowed", "without")

    # policies of the resource, and other accounts
    def custom(**more):
        return t.iam.simulate_custom_policy(**{
            "PolicyInputList": [allow("s3:PutObject")], "ActionNames": ["s3:GetObject"], "ResourceArns": [key],
            **more})["EvaluationResults"][0]
    theirs = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]})
    result = custom(ResourcePolicy=theirs, CallerArn=arn)
    equal((result["EvalDecision"], [m["SourcePolicyType"] for m in result["MatchedStatements"]]),
          ("allowed", ["resource"]), "by the resource")
    result = custom(ResourcePolicy=theirs, CallerArn=arn, ResourceOwner="arn:aws:iam::111122223333:root")
    equal((result["EvalDecision"], result["EvalDecisionDetails"]),
          ("implicitDeny", {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}), "across accounts: both")
    result = custom(ResourcePolicy=theirs, CallerArn=arn, ResourceOwner="111122223333", PolicyInputList=[allow("s3:*")])
    equal(result["EvalDecision"], "allowed", "both")
    denied = custom(PolicyInputList=[allow("s3:*"), allow("s3:Get*", effect="Deny"), allow("s3:Put*", effect="Deny")])
    equal((denied["EvalDecision"], [m["SourcePolicyId"] for m in denied["MatchedStatements"]]),
          ("explicitDeny", ["PolicyInputList.2"]), "denies alone")
    fails("InvalidInput", 400, custom, ResourcePolicy=theirs, text="CallerArn")
    fails("InvalidInput", 400, custom, ResourcePolicy=theirs, CallerArn=arn.replace("user/", "role/"))
    fails("InvalidInput", 400, custom, ResourcePolicy=theirs.replace("::b/", "::c/"), CallerArn=arn)
    fails("InvalidInput", 400, custom, PolicyInputList=["{"])
    fails("InvalidInput", 400, custom, ResourceArns=["b/k"])
    fails("InvalidInput", 400, custom, ResourceOwner="somebody")
    for kind, value in (("numeric", "x"), ("boolean", "1"), ("ip", "1.2.3"), ("date", "soon"), ("binary", "???")):
        fails("InvalidInput", 400, custom, ContextEntries=[
            {"ContextKeyName": "s3:anything", "ContextKeyValues": [value], "ContextKeyType": kind}])
    fails("InvalidInput", 400, custom, ContextEntries=[
        {"ContextKeyName": "s3:anything", "ContextKeyValues": ["a", "b"], "ContextKeyType": "string"}])
    pages = list(t.iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[allow("s3:Get*")], ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[f"arn:aws:s3:::b/{n}" for n in range(5)], PaginationConfig={"PageSize": 4}))
    equal([[r["EvalDecision"][0] for r in p["EvaluationResults"]] for p in pages], [list("aaaa"), list("aiii"), list("ii")],
          "in pages")
    long = allow(*["s3:GetObject"] * 4000)
    equal(custom(PolicyInputList=[long])["EvalDecision"], "allowed", "a form of more than 16 KiB")


@case
def simulating_somebody_is_a_right(t):
    user, key = made_user(t)
    other, _ = made_user(t)
    arn = f"arn:aws:iam::{ACCOUNT}:user/"
    t.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow(
        "iam:SimulatePrincipalPolicy", resource=arn + other))
    own = client(t, "iam", key)
    own.simulate_principal_policy(PolicySourceArn=arn + other, ActionNames=["s3:GetObject"])
    fails("AccessDenied", 403, own.simulate_principal_policy, PolicySourceArn=arn + user, ActionNames=["s3:GetObject"])
    fails("AccessDenied", 403, own.simulate_custom_policy, PolicyInputList=[allow("s3:*")], ActionNames=["s3:GetObject"])


@case
def long_documents(t):
    """Percent-encoded they are three times as long as they may be."""
    role = name("role")
    t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    text = allow(*[f's3:G{"?" * 20}{n:04}' for n in range(317)])
    true(9900 < len(text.replace(" ", "")) <= 10240, f"length {len(text)}")
    t.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=text)
    equal(t.iam.get_role_policy(RoleName=role, PolicyName="p")["PolicyDocument"], json.loads(text), "text")
    t.iam.delete_role_policy(RoleName=role, PolicyName="p")
    t.iam.delete_role(RoleName=role)


@case
def account_summary(t):
    before = t.iam.get_account_summary()["SummaryMap"]
    user, _ = made_user(t)
    after = t.iam.get_account_summary()["SummaryMap"]
    equal(after["Users"] - before["Users"], 1, "users")
    equal((after["UsersQuota"], after["AccessKeysPerUserQuota"]), (5000, 2), "quotas")


# --- STS ------------------------------------------------------------------------------------------------

@case
def roles_are_assumed(t):
    user, key = made_user(t)
    user_arn = t.iam.get_user(UserName=user)["User"]["Arn"]
    role = name("role")
    made = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": user_arn}), Path="/r/",
                             Description="d", Tags=[{"Key": "k", "Value": "of-role"}])["Role"]
    t.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=allow("iam:ListUsers", "iam:ListRoles"))
    sts = client(t, "sts", key)
    given = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="work")
    equal(given["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/work", "arn")
    equal(given["AssumedRoleUser"]["AssumedRoleId"], made["RoleId"] + ":work", "id")
    own = client(t, "iam", given["Credentials"])
    own.list_users(MaxItems=1)
    fails("AccessDenied", 403, own.list_groups, text="assumed-role")
    equal(client(t, "sts", given["Credentials"]).get_caller_identity()["UserId"], made["RoleId"] + ":work", "who")
    less = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="less", Policy=allow("iam:ListRoles"))
    true(less["PackedPolicySize"] >= 0, "packed size")
    fails("AccessDenied", 403, client(t, "iam", less["Credentials"]).list_users, text="session policy")
    client(t, "iam", less["Credentials"]).list_roles(MaxItems=1)
    fails("AccessDenied", 403, t.sts.assume_role, RoleArn=made["Arn"], RoleSessionName="root")
    stranger = client(t, "sts", made_user(t, allow("sts:*"))[1])
    fails("AccessDenied", 403, stranger.assume_role, RoleArn=made["Arn"], RoleSessionName="work",
          text="is not authorized to perform: sts:AssumeRole on resource: " + made["Arn"])
    fails("AccessDenied", 403, stranger.assume_role, RoleArn=made["Arn"] + "x", RoleSessionName="work")
    fails("ValidationError", 400, sts.assume_role, RoleArn="arn:aws:s3:::nothing-here", RoleSessionName="work")
    fails("ValidationError", 400, sts.assume_role, RoleArn=made["Arn"], RoleSessionName="work", DurationSeconds=7200)
    t.iam.update_role(RoleName=role, MaxSessionDuration=7200)
    listed = [r for page in t.iam.get_paginator("list_roles").paginate() for r in page["Roles"] if r["RoleName"] == role]
    equal([r["MaxSessionDuration"] for r in listed], [7200], "the list tells it, too")
    sts.assume_role(RoleArn=made["Arn"], RoleSessionName="work", DurationSeconds=7200)
    document = t.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    equal(document["Statement"][0]["Principal"]["AWS"], user_arn, "shown as it was written")
    t.iam.delete_role_policy(RoleName=role, PolicyName="p")
    fails("AccessDenied", 403, own.list_users)
    t.iam.delete_role(RoleName=role)
    fails("InvalidClientTokenId", 403, own.list_users)


@case
def trust_by_account_id_and_conditions(t):
    user, key = made_user(t)
    role = name("role")
    arn = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(
        {"AWS": ACCOUNT}, Condition={"StringEquals": {"sts:ExternalId": "secret-1"}}))["Role"]["Arn"]
    sts = client(t, "sts", key)
    fails("AccessDenied", 403, sts.assume_role, RoleArn=arn, RoleSessionName="s1", ExternalId="secret-1")
    t.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("sts:AssumeRole", resource=arn))
    sts.assume_role(RoleArn=arn, RoleSessionName="s1", ExternalId="secret-1")
    fails("AccessDenied", 403, sts.assume_role, RoleArn=arn, RoleSessionName="s1")
    fails("AccessDenied", 403, sts.assume_role, RoleArn=arn, RoleSessionName="s1", ExternalId="other")


@case
def a_user_made_anew_is_another(t):
    user, key = made_user(t)
    role = name("role")
    arn = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{user}"}))["Role"]["Arn"]
    client(t, "sts", key).assume_role(RoleArn=arn, RoleSessionName="s1")
    t.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    t.iam.delete_user(UserName=user)
    t.iam.create_user(UserName=user)
    key = t.iam.create_access_key(UserName=user)["AccessKey"]
    fails("AccessDenied", 403, client(t, "sts", key).assume_role, RoleArn=arn, RoleSessionName="s1")
    shown = t.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    true(shown.startswith("AIDA"), "the one that is gone shows as its id")
    fails("MalformedPolicyDocument", 400, t.iam.create_role, RoleName=name("role"), AssumeRolePolicyDocument=trust(
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody-here"}))


@case
def session_tags(t):
    user, key = made_user(t)
    arn = t.iam.get_user(UserName=user)["User"]["Arn"]
    role = name("role")
    made = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": arn}))["Role"]["Arn"]
    t.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=allow("iam:ListUsers", Condition={
        "StringEquals": {"aws:PrincipalTag/team": "blue"}}))
    sts, tags = client(t, "sts", key), [{"Key": "Team", "Value": "blue"}]
    fails("AccessDenied", 403, sts.assume_role, RoleArn=made, RoleSessionName="s1", Tags=tags, text="sts:TagSession")
    t.iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust(
        {"AWS": arn}, action=["sts:AssumeRole", "sts:TagSession"]))
    given = sts.assume_role(RoleArn=made, RoleSessionName="s1", Tags=tags, TransitiveTagKeys=["Team"])
    client(t, "iam", given["Credentials"]).list_users(MaxItems=1)
    plain = sts.assume_role(RoleArn=made, RoleSessionName="s1")
    fails("AccessDenied", 403, client(t, "iam", plain["Credentials"]).list_users)
    fails("InvalidParameterValue", 400, sts.assume_role, RoleArn=made, RoleSessionName="s1", Tags=tags + [
        {"Key": "team", "Value": "red"}])
    fails("InvalidParameterValue", 400, sts.assume_role, RoleArn=made, RoleSessionName="s1", Tags=tags,
          TransitiveTagKeys=["other"])


@case
def session_tokens_of_users(t):
    user, key = made_user(t, allow("s3:*", "sts:*", "iam:*"))
    sts = client(t, "sts", key)
    given = sts.get_session_token()["Credentials"]
    true(given["AccessKeyId"].startswith("ASIA"), "temporary")
    own = client(t, "sts", given)
    equal(own.get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:user/{user}", "stays the user")
    fails("AccessDenied", 403, own.get_session_token, text="session credentials")
    fails("InvalidClientTokenId", 403, client(t, "iam", given).list_users)
    other = sts.get_session_token()["Credentials"]
    fails("InvalidClientTokenId", 403, client(t, "sts", {**given, "SessionToken": other["SessionToken"]}
                                              ).get_caller_identity)
    end = "QQ" if given["SessionToken"].endswith("AA") else "AA"
    fails("InvalidClientTokenId", 403, client(t, "sts", {**given, "SessionToken": given["SessionToken"][:-2] + end}
                                              ).get_caller_identity)
    fails("InvalidClientTokenId", 403, client(t, "sts", given["AccessKeyId"], given["SecretAccessKey"]
                                              ).get_caller_identity)
    t.iam.delete_user_policy(UserName=user, PolicyName="own")
    t.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    own.get_caller_identity()
    t.iam.delete_user(UserName=user)
    fails("InvalidClientTokenId", 403, own.get_caller_identity)
    root = t.sts.get_session_token(DurationSeconds=7200)["Credentials"]
    true(root["Expiration"].timestamp() - time.time() < 3700, "root's are short")
    equal(client(t, "sts", root).get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:root", "root")


@case
def federated_users_and_minio_keys(t):
    user, key = made_user(t)
    sts = client(t, "sts", key)
    fails("AccessDenied", 403, sts.get_federation_token, Name="bob")
    t.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("sts:GetFederationToken", "s3:*"))
    given = sts.get_federation_token(Name="bob", Policy=allow("s3:GetObject"))
    equal(given["FederatedUser"], {"FederatedUserId": f"{ACCOUNT}:bob",
                                   "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/bob"}, "federated")
    own = client(t, "sts", given["Credentials"])
    equal(own.get_caller_identity()["Arn"], f"arn:aws:sts::{ACCOUNT}:federated-user/bob", "who")
    fails("AccessDenied", 403, own.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/any", RoleSessionName="s1")
    fails("MalformedPolicyDocument", 400, sts.get_federation_token, Name="bob", Policy="{")
    minio = t.session.client("sts", aws_access_key_id=key["AccessKeyId"], config=Config(parameter_validation=False),
                             aws_secret_access_key=key["SecretAccessKey"])
    given = minio.assume_role(DurationSeconds=900)["Credentials"]
    equal(client(t, "sts", given).get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:user/{user}", "the user's own")


# --- ways up that must be none ------------------------------------------------------------------------

def made_role(t, principal, policy=None, action="sts:AssumeRole", **more):
    role = name("role")
    arn = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(principal, action=action),
                            **more)["Role"]["Arn"]
    if policy:
        t.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy)
    return role, arn


def arn_of(user):
    return f"arn:aws:iam::{ACCOUNT}:user/{user}"


ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@case
def session_policies_only_take_away(t):
    """IAM-09"""
    user, key = made_user(t, allow("iam:ListUsers", "sts:GetFederationToken"))
    role, arn = made_role(t, {"AWS": arn_of(user)}, allow("iam:ListUsers"))
    sts = client(t, "sts", key)
    for more in ({"Policy": allow("*")}, {"PolicyArns": [{"arn": ADMIN}]},
                 {"Policy": allow("*"), "PolicyArns": [{"arn": ADMIN}]}):
        own = client(t, "iam", sts.assume_role(RoleArn=arn, RoleSessionName="s1", **more)["Credentials"])
        own.list_users(MaxItems=1)
        fails("AccessDenied", 403, own.list_groups)
        fails("AccessDenied", 403, own.put_role_policy, RoleName=role, PolicyName="up", PolicyDocument=allow("*"))
        fails("AccessDenied", 403, own.create_access_key, UserName=user)
    # Those that are passed are joined, and then all that the role has counts.
    both = sts.assume_role(RoleArn=arn, RoleSessionName="s1", Policy=allow("iam:ListRoles"),
                           PolicyArns=[{"arn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}])["Credentials"]
    client(t, "iam", both).list_users(MaxItems=1)
    fails("AccessDenied", 403, client(t, "iam", both).list_roles)
    # One that is gone limits on.
    policy = t.iam.create_policy(PolicyName=name("p"), PolicyDocument=allow("iam:ListUsers"))["Policy"]["Arn"]
    own = client(t, "iam", sts.assume_role(RoleArn=arn, RoleSessionName="s1", PolicyArns=[{"arn": policy}])["Credentials"])
    own.list_users(MaxItems=1)
    t.iam.delete_policy(PolicyArn=policy)
    fails("AccessDenied", 403, own.list_users)


@case
def federated_sessions_go_no_further(t):
    user, key = made_user(t, allow("s3:*", "iam:*", "sts:*"))
    role, arn = made_role(t, {"AWS": ACCOUNT}, allow("*"))
    sts = client(t, "sts", key)
    for more in ({}, {"Policy": allow("*")}, {"PolicyArns": [{"arn": ADMIN}]}):
        given = sts.get_federation_token(Name="fed", **more)["Credentials"]
        own = client(t, "sts", given)
        fails("AccessDenied", 403, own.assume_role, RoleArn=arn, RoleSessionName="s1")
        fails("AccessDenied", 403, own.get_session_token)
        fails("AccessDenied", 403, own.get_federation_token, Name="fed2")
        fails("InvalidClientTokenId", 403, client(t, "iam", given).create_user, UserName=name("up"))
        s3 = client(t, "s3", given)
        if more:
            s3.list_buckets()
        else:
            fails("AccessDenied", 403, s3.list_buckets)
    t.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=allow("sts:*"))
    fails("AccessDenied", 403, s3.list_buckets)  # what its user may no longer do
    root = t.sts.get_federation_token(Name="fed", Policy=allow("s3:ListAllMyBuckets"))["Credentials"]
    client(t, "s3", root).list_buckets()
    fails("AccessDenied", 403, client(t, "s3", root).create_bucket, Bucket=t.bucket_name())
    fails("AccessDenied", 403, client(t, "s3", t.sts.get_federation_token(Name="fed")["Credentials"]).list_buckets)


@case
def chains_of_roles_are_short(t):
    user, key = made_user(t)
    first, first_arn = made_role(t, {"AWS": arn_of(user)}, allow("sts:AssumeRole"), MaxSessionDuration=43200)
    second, second_arn = made_role(t, {"AWS": first_arn}, allow("iam:ListUsers"), MaxSessionDuration=43200)
    sts = client(t, "sts", key)
    sts.assume_role(RoleArn=first_arn, RoleSessionName="s1", DurationSeconds=43200)
    fails("AccessDenied", 403, sts.assume_role, RoleArn=second_arn, RoleSessionName="s1")
    chain = client(t, "sts", sts.assume_role(RoleArn=first_arn, RoleSessionName="s1")["Credentials"])
    fails("ValidationError", 400, chain.assume_role, RoleArn=second_arn, RoleSessionName="s2", DurationSeconds=3601,
          text="1 hour session limit")
    given = chain.assume_role(RoleArn=second_arn, RoleSessionName="s2", DurationSeconds=3600)["Credentials"]
    client(t, "iam", given).list_users(MaxItems=1)
    fails("AccessDenied", 403, client(t, "sts", given).assume_role, RoleArn=first_arn, RoleSessionName="s3")
    fails("AccessDenied", 403, client(t, "sts", given).get_session_token)
    fails("AccessDenied", 403, client(t, "sts", given).get_federation_token, Name="fed")
    # What a session policy took away does not come back by the next role.
    less = client(t, "sts", sts.assume_role(RoleArn=first_arn, RoleSessionName="s1",
                                            Policy=allow("iam:ListUsers"))["Credentials"])
    fails("AccessDenied", 403, less.assume_role, RoleArn=second_arn, RoleSessionName="s2")
    # The second role's people are gone with the first role: it is another one that has the name now.
    t.iam.delete_role_policy(RoleName=first, PolicyName="p")
    t.iam.delete_role(RoleName=first)
    fails("InvalidClientTokenId", 403, chain.get_caller_identity)
    t.iam.create_role(RoleName=first, AssumeRolePolicyDocument=trust({"AWS": arn_of(user)}))
    t.iam.put_role_policy(RoleName=first, PolicyName="p", PolicyDocument=allow("sts:*"))
    fails("InvalidClientTokenId", 403, chain.get_caller_identity)
    again = client(t, "sts", sts.assume_role(RoleArn=first_arn, RoleSessionName="s1")["Credentials"])
    fails("AccessDenied", 403, again.assume_role, RoleArn=second_arn, RoleSessionName="s2")


@case
def source_identity_and_tags_stay(t):
    user, key = made_user(t)
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    _, first = made_role(t, {"AWS": arn_of(user)}, allow("sts:*"), action=actions)
    _, second = made_role(t, {"AWS": first}, action=actions)
    chain = client(t, "sts", client(t, "sts", key).assume_role(
        RoleArn=first, RoleSessionName="s1", SourceIdentity="ann", Tags=[{"Key": "team", "Value": "blue"}],
        TransitiveTagKeys=["team"])["Credentials"])
    fails("AccessDenied", 403, chain.assume_role, RoleArn=second, RoleSessionName="s2", SourceIdentity="bob")
    fails("InvalidParameterValue", 400, chain.assume_role, RoleArn=second, RoleSessionName="s2",
          Tags=[{"Key": "TEAM", "Value": "red"}])
    equal(chain.assume_role(RoleArn=second, RoleSessionName="s2")["SourceIdentity"], "ann", "goes on")


@case
def boundaries_hold_for_administrators(t):
    """IAM-02, IAM-03"""
    bound = t.iam.create_policy(PolicyName=name("bound"), PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:GetUser", "sts:*"],
             "Resource": "*"}]}))["Policy"]["Arn"]
    user, key = made_user(t, allow("*"), PermissionsBoundary=bound)
    own = client(t, "iam", key)
    own.put_user_policy(UserName=user, PolicyName="up", PolicyDocument=allow("*"))
    own.attach_user_policy(UserName=user, PolicyArn=ADMIN)
    own.get_user()
    for attempt, more in ((own.list_users, {}), (own.delete_user_permissions_boundary, {"UserName": user}),
                          (own.put_user_permissions_boundary, {"UserName": user, "PermissionsBoundary": ADMIN}),
                          (own.create_policy_version, {"PolicyArn": bound, "PolicyDocument": allow("*"),
                                                       "SetAsDefault": True}),
                          (own.create_access_key, {"UserName": user}), (own.create_user, {"UserName": name("up")}),
                          (own.update_access_key, {"UserName": user, "AccessKeyId": key["AccessKeyId"],
                                                   "Status": "Inactive"})):
        fails("AccessDenied", 403, attempt, **more, text="permissions boundary")
    fails("AccessDenied", 403, client(t, "s3", key).list_buckets)
    fed = client(t, "sts", key).get_federation_token(Name="fed", Policy=allow("*"))["Credentials"]
    fails("AccessDenied", 403, client(t, "s3", fed).list_buckets)
    t.iam.detach_user_policy(UserName=user, PolicyArn=ADMIN)


@case
def tokens_go_with_their_keys(t):
    """IAM-10"""
    user, key = made_user(t, allow("*"))
    other, other_key = made_user(t)
    mine = client(t, "sts", key).get_session_token()["Credentials"]
    theirs = client(t, "sts", other_key).get_session_token()["Credentials"]
    root = t.sts.get_session_token()["Credentials"]
    fails("InvalidClientTokenId", 403, client(t, "iam", root).list_users)
    mixed = [{**theirs, "SessionToken": mine["SessionToken"]}, {**theirs, "SessionToken": root["SessionToken"]},
             {**mine, "SecretAccessKey": theirs["SecretAccessKey"]},
             {**theirs, "SecretAccessKey": mine["SecretAccessKey"], "SessionToken": mine["SessionToken"]},
             {**other_key, "SessionToken": mine["SessionToken"]}, {**mine, "SessionToken": "x"},
             {**mine, "SessionToken": mine["SessionToken"] + "A"}, {**mine, "SessionToken": mine["SessionToken"][:-1]},
             {**mine, "AccessKeyId": mine["AccessKeyId"].lower()}, {**mine, "SessionToken": "PAIL1"}]
    token = mine["SessionToken"]
    for at in (5, 6, 40, len(token) // 2, len(token) - 2):
        mixed.append({**mine, "SessionToken": token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]})
    for credentials in mixed:
        for service, call in (("sts", "get_caller_identity"), ("s3", "list_buckets")):
            try:
                getattr(client(t, service, credentials), call)()
            except ClientError as error:
                true(error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403), "refused")
                true(error.response["Error"]["Code"] in ("InvalidClientTokenId", "InvalidToken", "InvalidAccessKeyId",
                                                         "SignatureDoesNotMatch"), error.response["Error"]["Code"])
            else:
                raise AssertionError(f"{service} took {credentials['AccessKeyId']} with another's token or secret")


@case
def sessions_die_with_their_user(t):
    user, key = made_user(t, allow("s3:*", "sts:*"))
    sts = client(t, "sts", key)
    given = [sts.get_session_token()["Credentials"], sts.get_federation_token(Name="fed", Policy=allow("s3:*"))["Credentials"]]
    plain = t.session.client("sts", aws_access_key_id=key["AccessKeyId"], config=Config(parameter_validation=False),
                             aws_secret_access_key=key["SecretAccessKey"])
    given.append(plain.assume_role(DurationSeconds=900)["Credentials"])
    for credentials in given:
        client(t, "s3", credentials).list_buckets()
        fails("AccessDenied", 403, t.session.client(
            "sts", config=Config(parameter_validation=False), aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"], aws_session_token=credentials["SessionToken"]).assume_role)
    t.iam.put_user_policy(UserName=user, PolicyName="no", PolicyDocument=allow("s3:*", effect="Deny"))
    for credentials in given:
        fails("AccessDenied", 403, client(t, "s3", credentials).list_buckets)
    t.iam.delete_user_policy(UserName=user, PolicyName="no")
    t.iam.delete_user_policy(UserName=user, PolicyName="own")
    t.iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    t.iam.delete_user(UserName=user)
    for round in range(2):
        for credentials in given:
            fails("InvalidClientTokenId", 403, client(t, "sts", credentials).get_caller_identity)
            try:
                client(t, "s3", credentials).list_buckets()
            except ClientError as error:
                true(error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403), "refused by S3")
            else:
                raise AssertionError("S3 takes a dead user's session")
        if round == 0:  # another of the same name and rights
            t.iam.create_user(UserName=user)
            t.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=allow("s3:*", "sts:*"))


@case
def sessions_that_were_revoked(t):
    """As the console does it: a Deny on tokens that are older than now."""
    user, key = made_user(t)
    role, arn = made_role(t, {"AWS": arn_of(user)}, allow("iam:ListUsers"))
    own = client(t, "iam", client(t, "sts", key).assume_role(RoleArn=arn, RoleSessionName="s1")["Credentials"])
    own.list_users(MaxItems=1)
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    t.iam.put_role_policy(RoleName=role, PolicyName="AWSRevokeOlderSessions", PolicyDocument=allow(
        "*", effect="Deny", Condition={"DateLessThan": {"aws:TokenIssueTime": later}}))
    fails("AccessDenied", 403, own.list_users, text="explicit deny")


# --- web identities ------------------------------------------------------------------------------------

@case
def web_identities(t):
    if t.pail.external:
        t.skip("the server has no folder of ours for keys")
    provider = Keys(t.folder())
    os.makedirs(JWKS, exist_ok=True)
    with open(os.path.join(JWKS, ISSUER[8:].replace("/", "_") + ".json"), "w") as f:
        json.dump({"keys": provider.public}, f)
    try:
        arn = t.iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["app-1", "app-2"],
                                                    ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    except ClientError:
        arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER[8:]}"
    fails("EntityAlreadyExists", 409, t.iam.create_open_id_connect_provider, Url=ISSUER)
    equal(t.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"], ["app-1", "app-2"], "ids")
    role = name("role")
    role_arn = t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(
        {"Federated": arn}, action="sts:AssumeRoleWithWebIdentity",
        Condition={"StringEquals": {ISSUER[8:] + ":aud": "app-1"}, "StringLike": {ISSUER[8:] + ":sub": "user-*"}}),
        )["Role"]["Arn"]
    t.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=allow("iam:ListUsers"))
    sts = t.session.client("sts", config=Config(signature_version=UNSIGNED))

    def token(alg="RS256", **more):
        return provider.token(alg, **{"iss": ISSUER, **more})

    def assume(text):
        return sts.assume_role_with_web_identity(RoleArn=role_arn, RoleSessionName="web", WebIdentityToken=text)
    for alg in ("RS256", "ES256"):
        given = assume(token(alg))
        equal((given["SubjectFromWebIdentityToken"], given["Audience"], given["Provider"]), ("user-1", "app-1", arn), alg)
        client(t, "iam", given["Credentials"]).list_users(MaxItems=1)
    fails("AccessDenied", 403, assume, token(aud="app-2"))
    fails("AccessDenied", 403, assume, token(sub="admin"))
    fails("InvalidIdentityToken", 400, assume, token(aud="app-3"), text="audience")
    fails("InvalidIdentityToken", 400, assume, token(alg="none"))
    fails("InvalidIdentityToken", 400, assume, token(alg="HS256", key=provider.files["RS256"]))
    fails("InvalidIdentityToken", 400, assume, token(kid="../../etc/passwd"))
    fails("InvalidIdentityToken", 400, assume, token(kid="e1"))
    fails("InvalidIdentityToken", 400, assume, token(iss="https://evil.example.org"))
    fails("InvalidIdentityToken", 400, assume, token(exp=None))
    fails("InvalidIdentityToken", 400, assume, "a.b.c")
    fails("ExpiredTokenException", 400, assume, token(exp=int(time.time()) - 1))
    good = token()
    head, body, signature = good.split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["sub"] = "user-2"
    fails("InvalidIdentityToken", 400, assume, ".".join([head, b64(json.dumps(changed).encode()), signature]))
    t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    fails("InvalidIdentityToken", 400, assume, good)


# --- the protocol -------------------------------------------------------------------------------------

@case
def unsigned_and_unknown(t):
    nobody = t.session.client("iam", config=Config(signature_version=UNSIGNED))
    fails("MissingAuthenticationToken", 403, nobody.list_users)
    fails("InvalidAction", 400, t.iam.list_virtual_mfa_devices, text="Could not find operation")
    fails("InvalidClientTokenId", 403, client(t, "iam", "AKIA0000000000000000", "x" * 40).list_users)
    s3 = t.session.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.list_buckets()


@case
def the_cli_speaks_it(t):
    user = name("cli")
    made = json.loads(t.aws("iam", "create-user", "--user-name", user, "--output", "json").stdout)
    equal(made["User"]["UserName"], user, "made")
    t.aws("iam", "attach-user-policy", "--user-name", user, "--policy-arn",
          "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    listed = json.loads(t.aws("iam", "list-attached-user-policies", "--user-name", user, "--output", "json").stdout)
    equal(listed["AttachedPolicies"][0]["PolicyName"], "AmazonS3ReadOnlyAccess", "attached")
    who = json.loads(t.aws("sts", "get-caller-identity", "--output", "json").stdout)
    equal(who["Account"], ACCOUNT, "account")


if __name__ == "__main__":
    main("sdk-iam", setup, args=["--jwks-dir", JWKS])
