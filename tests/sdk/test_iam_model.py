#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""IAM and STS as AWS's own model of them has it: every operation that is served, with each parameter missing, too
long, too short, of other characters; and every reply by its shape."""
import re
import sys
import time

from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

import iam_model
from aws import setup as setup_aws
from cases import equal, run_cases, true
from oidc import Issuer
from test_iam import ACCOUNT, allow, client, made_user, name, trust

cases = []

# What the product promises.
SERVED = {"iam": """
    CreateUser GetUser ListUsers UpdateUser DeleteUser CreateGroup GetGroup ListGroups UpdateGroup DeleteGroup
    CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription DeleteRole UpdateAssumeRolePolicy
    CreatePolicy GetPolicy ListPolicies DeletePolicy CreatePolicyVersion GetPolicyVersion ListPolicyVersions
    DeletePolicyVersion SetDefaultPolicyVersion ListEntitiesForPolicy
    CreateAccessKey ListAccessKeys UpdateAccessKey DeleteAccessKey GetAccessKeyLastUsed
    AttachUserPolicy AttachGroupPolicy AttachRolePolicy DetachUserPolicy DetachGroupPolicy DetachRolePolicy
    ListAttachedUserPolicies ListAttachedGroupPolicies ListAttachedRolePolicies
    PutUserPolicy PutGroupPolicy PutRolePolicy GetUserPolicy GetGroupPolicy GetRolePolicy ListUserPolicies
    ListGroupPolicies ListRolePolicies DeleteUserPolicy DeleteGroupPolicy DeleteRolePolicy
    PutUserPermissionsBoundary PutRolePermissionsBoundary DeleteUserPermissionsBoundary DeleteRolePermissionsBoundary
    AddUserToGroup RemoveUserFromGroup ListGroupsForUser
    TagUser UntagUser ListUserTags TagRole UntagRole ListRoleTags TagPolicy UntagPolicy ListPolicyTags
    CreateOpenIDConnectProvider GetOpenIDConnectProvider ListOpenIDConnectProviders DeleteOpenIDConnectProvider
    AddClientIDToOpenIDConnectProvider RemoveClientIDFromOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint
    TagOpenIDConnectProvider UntagOpenIDConnectProvider ListOpenIDConnectProviderTags
    GetAccountSummary SimulatePrincipalPolicy SimulateCustomPolicy""".split(),
          "sts": """GetCallerIdentity GetSessionToken AssumeRole AssumeRoleWithWebIdentity
    GetFederationToken""".split()}

ARN = f"arn:aws:iam::{ACCOUNT}:"
GOOD = {  # a value for each parameter that some operation requires
    "UserName": "nobody", "GroupName": "none", "RoleName": "none", "PolicyName": "none", "PolicyArn": ARN + "policy/none",
    "PolicyDocument": allow("s3:GetObject"), "AssumeRolePolicyDocument": trust({"AWS": ACCOUNT}), "VersionId": "v1",
    "AccessKeyId": "AKIA0000000000000000", "Status": "Active", "PermissionsBoundary": ARN + "policy/none",
    "Url": "https://idp.example.com/model", "OpenIDConnectProviderArn": ARN + "oidc-provider/none", "ClientID": "c",
    "ThumbprintList": ["a" * 40], "Tags": [{"Key": "k", "Value": "v"}], "TagKeys": ["k"], "Description": "d",
    "PolicySourceArn": ARN + "user/nobody", "ActionNames": ["s3:GetObject"], "PolicyInputList": [allow("s3:GetObject")],
    "RoleArn": ARN + "role/none", "RoleSessionName": "name", "WebIdentityToken": "a.b.c", "Name": "name",
}
# Parts of the model that are not served, and refused by another code.
NOT_SERVED = ("OrderedOrganizationPolicyInputList",)


def case(function):
    cases.append(function)
    return function


def setup(t):
    setup_aws(t)
    iam_model.watch(t.session)
    t.iam, t.sts = t.session.client("iam"), t.session.client("sts")
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    user = name("model")
    t.iam.create_user(UserName=user)
    t.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("iam:*", "sts:*"))
    key = t.iam.create_access_key(UserName=user)["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    t.raw = {s: t.session.client(s, config=config, **keys) for s in ("iam", "sts")}


def call(t, service, operation, params):
    """None, or the error's (status, code, message)."""
    try:
        getattr(t.raw[service], xform_name(operation))(**params)
    except ClientError as error:
        fields = error.response["Error"]
        return error.response["ResponseMetadata"]["HTTPStatusCode"], fields["Code"], fields["Message"]
    return None


def good(model):
    shape = model.input_shape
    return {n: GOOD[n] for n in (shape.required_members if shape else [])}


def leaves(shape, path=()):
    """(path, shape) of all that is no structure; a list's member has None in its path."""
    if shape.type_name == "structure":
        for n, member in shape.members.items():
            yield from leaves(member, path + (n,))
    elif shape.type_name == "list":
        yield path, shape
        yield from leaves(shape.member, path + (None,))
    else:
        yield path, shape


def placed(params, path, value, shape):
    """The parameters with a value at a place; what stands beside it in a structure is good."""
    result = dict(params)
    if len(path) == 1:
        result[path[0]] = value
        return result
    outer, rest = path[0], path[1:]
    if rest[0] is None:
        inner = shape.members[outer].member
        result[outer] = [value if len(rest) == 1 else placed(_beside(inner), rest[1:], value, inner)]
    else:
        inner = shape.members[outer]
        result[outer] = placed(_beside(inner), rest, value, inner)
    return result


def _beside(shape):
    known = {"Key": "k", "Value": "v", "AttachmentType": "user", "AttachmentName": "n", "PolicyName": "p",
             "ContextKeyName": "aws:username", "ContextKeyValues": ["x"], "ContextKeyType": "string"}
    return {n: known[n] for n in shape.members if n in known and (n in shape.required_members or n.startswith("Context"))}


def python_pattern(pattern):
    for java, python in ((r"\p{L}\p{Z}\p{N}", "\\w \u00a0"), (r"\u10000-\u10FFFF", "")):
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.ASCII if "u0" not in pattern else 0)


def fitting(shape, n):
    """A text of n characters that the pattern takes, or None."""
    pattern = shape.metadata.get("pattern")
    for text in ("a" * n, "/" + "a" * (n - 2) + "/", "0" * n, "v1" + "0" * (n - 2)):
        if len(text) == n and (not pattern or python_pattern(pattern).fullmatch(text)):
            return text
    return None


def bad_values(shape):
    limits = shape.metadata
    low, high = limits.get("min"), limits.get("max")
    if shape.type_name == "integer":
        return [v for v in ([low - 1] if low is not None else []) + ([high + 1] if high is not None else [])]
    if shape.type_name != "string":
        return []
    values = [fitting(shape, low - 1)] if low else []
    values += [fitting(shape, high + 1)] if high and high < 200000 else []
    if getattr(shape, "enum", None):
        values += ["Nonsense", ""]
    if limits.get("pattern"):
        size = max(low or 1, 2)
        for odd in ("\u2603", "!", " ", "/", "\u0001", "\r\n", "\u00a0"):
            text = odd + "a" * (size - 1)
            if not python_pattern(limits["pattern"]).fullmatch(text):
                values.append(text)
    return [v for v in values if v is not None]


def each(t):
    for service, names in SERVED.items():
        models = iam_model.operations(t.session, service)
        for operation in names:
            yield service, operation, models[operation]


@case
def all_are_served(t):
    for service, operation, _model in each(t):
        found = call(t, service, operation, {})
        true(found is None or found[1] != "InvalidAction", f"{operation}: {found}")


@case
def what_is_required(t):
    for service, operation, model in each(t):
        for missing in model.input_shape.required_members if model.input_shape else []:
            params = {k: v for k, v in good(model).items() if k != missing}
            if operation == "AssumeRole" and missing == "RoleArn":
                continue  # a user's own temporary keys, as MinIO gives them
            found = call(t, service, operation, params)
            shown = missing[0].lower() + missing[1:]
            true(found and found[:2] == (400, "ValidationError") and f"Value null at '{shown}'" in found[2],
                 f"{operation} without {missing}: {found}")


@case
def what_is_out_of_bounds(t):
    tried, wrong = 0, []
    for service, operation, model in each(t):
        if not model.input_shape:
            continue
        for path, shape in leaves(model.input_shape):
            if path[0] in NOT_SERVED:
                continue
            for value in bad_values(shape):
                found = call(t, service, operation, placed(good(model), path, value, model.input_shape))
                tried += 1
                if not found or found[:2] != (400, "ValidationError"):
                    wrong.append(f"{operation} {'.'.join(p or '[]' for p in path)}={str(value)[:40]!r}... "
                                 f"({len(str(value))}): {found}")
    equal("\n".join(wrong[:8]), "", f"{len(wrong)} of {tried}")
    true(tried > 500, f"tried {tried}")


@case
def lists_that_are_too_long(t):
    for service, operation, model in each(t):
        for path, shape in leaves(model.input_shape) if model.input_shape else []:
            high = shape.metadata.get("max")
            if shape.type_name != "list" or not high or len(path) > 1 or path[0] in NOT_SERVED:
                continue
            item = {"Tags": lambda i: {"Key": f"k{i}", "Value": ""}, "PolicyExclusionList": lambda i: {"PolicyType": "inline"},
                    "ProvidedContexts": lambda i: {"ProviderArn": "a" * 20}}.get(path[0], lambda i: f"k{i}")
            found = call(t, service, operation, {**good(model), path[0]: [item(i) for i in range(high + 1)]})
            true(found and found[:2] == (400, "ValidationError"), f"{operation} {path[0]}: {found}")


@case
def what_is_just_within_bounds(t):
    for service, operation, model in each(t):
        for path, shape in leaves(model.input_shape) if model.input_shape else []:
            limits = shape.metadata
            named = shape.type_name == "string" and "+=,.@-" in (limits.get("pattern") or "")
            if not named or len(path) > 1:
                continue
            for n in (limits.get("min"), limits.get("max")):
                found = call(t, service, operation, placed(good(model), path, fitting(shape, n), model.input_shape))
                true(not found or found[1] != "ValidationError", f"{operation} {path} of {n} characters: {found}")


@case
def characters(t):
    user = name("chars")
    t.iam.create_user(UserName=user, Path="/!~/\"'<>&/")
    equal(t.iam.get_user(UserName=user)["User"]["Path"], "/!~/\"'<>&/", "path")
    tags = [{"Key": "\u00e4\u00f6 _.:/=+-@\u4e2d9", "Value": "\u0416 \u00bd"}, {"Key": "k" * 128, "Value": "\u00e9" * 256}]
    t.iam.tag_user(UserName=user, Tags=tags)
    equal(t.iam.list_user_tags(UserName=user)["Tags"], tags, "tags")
    for key in ("a!", "a\t", "", "x" * 129, "a\u2603", "a,b", "(a)"):
        found = call(t, "iam", "TagUser", {"UserName": user, "Tags": [{"Key": key, "Value": "v"}]})
        equal(found and found[:2], (400, "ValidationError"), repr(key))
    equal(call(t, "iam", "TagUser", {"UserName": user, "Tags": [{"Key": "aws:x", "Value": "v"}]})[1], "InvalidInput", "aws:")
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(48)]
    t.iam.tag_user(UserName=user, Tags=many)
    equal(call(t, "iam", "TagUser", {"UserName": user, "Tags": [{"Key": "one-more", "Value": "v"}]})[:2],
          (409, "LimitExceeded"), "more than 50")
    t.iam.tag_user(UserName=user, Tags=[{"Key": "K1", "Value": "new"}])
    t.iam.delete_user(UserName=user)
    role = name("chars")
    t.iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}), Description="\u00e4 <&>\n\t\u00ff")
    equal(t.iam.get_role(RoleName=role)["Role"]["Description"], "\u00e4 <&>\n\t\u00ff", "description")
    for text in ("\u00a0", "\u0085", "\u20ac", "\u007f"):
        equal(call(t, "iam", "UpdateRole", {"RoleName": role, "Description": text})[:2], (400, "ValidationError"), repr(text))
    t.iam.delete_role(RoleName=role)


@case
def every_reply_has_its_shape(t):
    """One round through all operations; the replies are looked at by iam_model."""
    i, user, group, role, policy = t.iam, name("shape"), name("shape"), name("shape"), name("shape")
    tags, doc = [{"Key": "k", "Value": "v"}], allow("s3:GetObject")
    arn = i.create_policy(PolicyName=policy, PolicyDocument=doc, Tags=tags, Description="d")["Policy"]["Arn"]
    i.create_user(UserName=user, Tags=tags, PermissionsBoundary=arn)
    key = i.create_access_key(UserName=user)["AccessKey"]
    i.create_group(GroupName=group)
    role_arn = i.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": f"{ARN}user/{user}"}), Tags=tags,
                             PermissionsBoundary=arn, Description="d")["Role"]["Arn"]
    i.add_user_to_group(GroupName=group, UserName=user)
    for kind, who in (("user", user), ("group", group), ("role", role)):
        one = {kind.capitalize() + "Name": who}
        getattr(i, f"get_{kind}")(**one)
        getattr(i, f"list_{kind}s")(MaxItems=1)
        getattr(i, f"list_{kind}s")()
        getattr(i, f"attach_{kind}_policy")(**one, PolicyArn=arn)
        getattr(i, f"list_attached_{kind}_policies")(**one)
        getattr(i, f"put_{kind}_policy")(**one, PolicyName="p", PolicyDocument=doc)
        getattr(i, f"get_{kind}_policy")(**one, PolicyName="p")
        getattr(i, f"list_{kind}_policies")(**one)
    equal(i.list_attached_user_policies(UserName=user, PathPrefix="/x/")["AttachedPolicies"], [], "by path")
    i.update_user(UserName=user, NewPath="/a/")
    i.update_group(GroupName=group, NewPath="/a/")
    i.update_role(RoleName=role, Description="e", MaxSessionDuration=7200)
    i.update_role_description(RoleName=role, Description="f")
    i.update_assume_role_policy(RoleName=role, PolicyDocument=trust({"AWS": f"{ARN}user/a/{user}"}))
    i.list_groups_for_user(UserName=user)
    for kind, one in (("user", {"UserName": user}), ("role", {"RoleName": role}), ("policy", {"PolicyArn": arn})):
        getattr(i, f"tag_{kind}")(**one, Tags=tags)
        getattr(i, f"tag_{kind}")(**one, Tags=[{"Key": "second", "Value": "w"}])
        pages = list(i.get_paginator(f"list_{kind}_tags").paginate(**one, PaginationConfig={"PageSize": 1}))
        equal([tag["Key"] for page in pages for tag in page["Tags"]], ["k", "second"], f"tags of a {kind} in pages")
        getattr(i, f"untag_{kind}")(**one, TagKeys=["k"])
    for kind, one in (("user", {"UserName": user}), ("role", {"RoleName": role})):
        getattr(i, f"put_{kind}_permissions_boundary")(**one, PermissionsBoundary=arn)
        getattr(i, f"delete_{kind}_permissions_boundary")(**one)
    i.get_policy(PolicyArn=arn)
    i.get_policy(PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    for scope in ("All", "AWS", "Local"):
        i.list_policies(Scope=scope)
    for scope in ("All", "AWS", "Local"):
        whole = [p["Arn"] for p in i.list_policies(Scope=scope)["Policies"]]
        pages = list(i.get_paginator("list_policies").paginate(Scope=scope, PaginationConfig={"PageSize": 3}))
        equal([p["Arn"] for page in pages for p in page["Policies"]], whole, f"pages of {scope}")
        true(all(len(page["Policies"]) <= 3 for page in pages), "sizes of pages")
    i.create_policy_version(PolicyArn=arn, PolicyDocument=doc, SetAsDefault=True)
    i.list_policy_versions(PolicyArn=arn)
    i.get_policy_version(PolicyArn=arn, VersionId="v1")
    i.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    i.delete_policy_version(PolicyArn=arn, VersionId="v2")
    holders = i.list_entities_for_policy(PolicyArn=arn)
    equal([len(holders[k]) for k in ("PolicyUsers", "PolicyGroups", "PolicyRoles")], [1, 1, 1], "holders")
    pages = list(i.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 1}))
    equal(len([h for p in pages for k in ("PolicyUsers", "PolicyGroups", "PolicyRoles") for h in p[k]]), 3, "in pages")
    equal(len(pages), 3, "pages")
    equal(i.list_entities_for_policy(PolicyArn=arn, PathPrefix="/a/")["PolicyRoles"], [], "by path")
    i.list_access_keys(UserName=user)
    i.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
    sts = client(t, "sts", key)
    sts.get_caller_identity()
    i.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow("sts:*"))
    sts.get_session_token()
    big = sts.get_session_token(MinimumSessionTokenSize=4096)["Credentials"]
    true(len(big["SessionToken"]) >= 4096, "a token of the size that was asked for")
    client(t, "sts", big).get_caller_identity()
    sts.get_federation_token(Name="fed", Policy=doc)
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName="s1", Policy=doc)
    client(t, "sts", given["Credentials"]).get_caller_identity()
    i.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    for _ in range(50):  # written down behind the request
        used = i.get_role(RoleName=role)["Role"]["RoleLastUsed"]
        if used:
            break
        time.sleep(0.1)
    true(abs(used["LastUsedDate"].timestamp() - time.time()) < 60 and used["Region"] == "us-east-1", "role's last use")
    true("RoleLastUsed" not in i.list_roles()["Roles"][0], "lists leave it out")
    i.get_account_summary()
    i.simulate_principal_policy(PolicySourceArn=role_arn, ActionNames=["s3:GetObject", "s3:GetObjct"],
                                ResourceArns=["arn:aws:s3:::b/k"])
    i.simulate_custom_policy(PolicyInputList=[doc], ActionNames=["s3:GetObject"])
    with Issuer(t.folder()) as idp:
        provider = i.create_open_id_connect_provider(Url=idp.url, ClientIDList=["app-1"], ThumbprintList=["a" * 40],
                                                     Tags=tags)["OpenIDConnectProviderArn"]
        one = {"OpenIDConnectProviderArn": provider}
        i.get_open_id_connect_provider(**one)
        i.list_open_id_connect_providers()
        i.add_client_id_to_open_id_connect_provider(**one, ClientID="app-2")
        i.remove_client_id_from_open_id_connect_provider(**one, ClientID="app-2")
        i.update_open_id_connect_provider_thumbprint(**one, ThumbprintList=["b" * 40])
        i.tag_open_id_connect_provider(**one, Tags=tags)
        i.list_open_id_connect_provider_tags(**one)
        i.untag_open_id_connect_provider(**one, TagKeys=["k"])
        i.update_assume_role_policy(RoleName=role, PolicyDocument=trust(
            {"Federated": provider}, action="sts:AssumeRoleWithWebIdentity"))
        t.session.client("sts", config=Config(signature_version=UNSIGNED)).assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName="web", WebIdentityToken=idp.token(), Policy=doc)
        i.delete_open_id_connect_provider(**one)
    for kind, who in (("user", user), ("group", group), ("role", role)):
        one = {kind.capitalize() + "Name": who}
        getattr(i, f"detach_{kind}_policy")(**one, PolicyArn=arn)
        getattr(i, f"delete_{kind}_policy")(**one, PolicyName="p")
    i.remove_user_from_group(GroupName=group, UserName=user)
    i.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    i.delete_user(UserName=user)
    i.delete_group(GroupName=group)
    i.delete_role(RoleName=role)
    i.delete_policy(PolicyArn=arn)
    equal(sorted({o for names in SERVED.values() for o in names} - iam_model.seen()), [], "not looked at")


if __name__ == "__main__":
    sys.exit(0 if run_cases("sdk-iam-model", False, setup, sys.argv[1:], cases) else 1)
