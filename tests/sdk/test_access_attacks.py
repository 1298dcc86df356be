#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on access control by people who have some right and want more; cases are named after the rows of the list of
hostile cases that they cover.

Requests are made by hand where an SDK would not send them.
"""
import time

import boto3
import botocore
from botocore.client import Config
from botocore.exceptions import ClientError

import accounts
from aws import setup
from cases import case, contains, equal, main, true
from people import Caller, Somebody, allow, answer, document, fails, in_bucket
from s3client import content_md5

OPEN = dict(BlockPublicAcls=False, IgnorePublicAcls=False, BlockPublicPolicy=False, RestrictPublicBuckets=False)


def bucket(t, *keys, public=False, **more):
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name, **more)
    if public:
        t.s3.delete_public_access_block(Bucket=name)
    for key in keys:
        t.s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


# ---- keys and URLs that end ------------------------------------------------------------------------------------------


@case
def SIG_22_keys_end_on_open_connections(t):
    name = bucket(t, "k")
    who = Somebody(t, allow("s3:GetObject"))
    for _ in range(5):
        equal(answer(who.caller.get(name, "k")), "200", "an active key")
        who.status("Inactive")
        equal(answer(who.caller.get(name, "k")), "InvalidAccessKeyId", "an inactive key")
        who.status("Active")
        equal(answer(who.caller.get(name, "k")), "200", "active again")
        who.may()
        equal(answer(who.caller.get(name, "k")), "AccessDenied", "without a policy")
        who.may(allow("s3:GetObject"))
    who.iam.delete_access_key(UserName=who.name, AccessKeyId=who.key["AccessKeyId"])
    equal(answer(who.caller.get(name, "k")), "InvalidAccessKeyId", "a deleted key")


@case
def PRE_11_urls_die_with_their_key(t):
    name = bucket(t, "k")
    who = Somebody(t, allow("s3:GetObject"))
    url = who.caller.signer.presign("GET", who.caller.authority, f"/{name}/k")

    def ask():
        return answer(who.caller.send("GET", url))

    equal(ask(), "200", "a good URL")
    who.may(allow("s3:GetObject", f"arn:aws:s3:::{name}/other"))
    equal(ask(), "AccessDenied", "the creator's policy is narrower")
    who.may(allow("s3:GetObject"))
    equal(ask(), "200", "and wide again")
    who.status("Inactive")
    equal(ask(), "InvalidAccessKeyId", "the key sleeps")
    who.status("Active")
    equal(ask(), "200", "and wakes")
    who.iam.delete_access_key(UserName=who.name, AccessKeyId=who.key["AccessKeyId"])
    equal(ask(), "InvalidAccessKeyId", "the key is gone")


# ---- escalation ------------------------------------------------------------------------------------------------------


@case
def IAM_01_nobody_makes_keys_beyond_own_rights(t):
    who, other = Somebody(t), Somebody(t, allow("*"))
    iam = who.client("iam")
    fails("AccessDenied", iam.create_access_key)
    fails("AccessDenied", iam.create_access_key, UserName=who.name)
    who.may(allow("iam:CreateAccessKey", who.arn))
    fails("AccessDenied", iam.create_access_key, UserName=other.name)
    made = iam.create_access_key()["AccessKey"]
    equal(made["UserName"], who.name, "whose key it is")
    child = Caller(t, made["AccessKeyId"], made["SecretAccessKey"])
    equal(answer(child.list_buckets()), "AccessDenied", "it may no more than its user")
    who.may(allow("iam:CreateAccessKey"), allow("iam:CreateAccessKey", other.arn, effect="Deny"))
    fails("AccessDenied", iam.create_access_key, UserName=other.name)


@case
def IAM_02_nobody_changes_own_rights(t):
    who = Somebody(t, allow("s3:GetObject"))
    iam = who.client("iam")
    everything = document(allow("*"))
    managed = "arn:aws:iam::aws:policy/AdministratorAccess"
    for function, more in ((iam.put_user_policy, dict(UserName=who.name, PolicyName="p", PolicyDocument=everything)),
                           (iam.attach_user_policy, dict(UserName=who.name, PolicyArn=managed)),
                           (iam.delete_user_permissions_boundary, dict(UserName=who.name)),
                           (iam.create_user, dict(UserName=who.name)),
                           (iam.update_user, dict(UserName=who.name, NewUserName="root")),
                           (iam.update_access_key, dict(AccessKeyId=who.key["AccessKeyId"], Status="Active")),
                           (iam.create_policy, dict(PolicyName="x", PolicyDocument=everything)),
                           (iam.create_group, dict(GroupName="x")),
                           (iam.add_user_to_group, dict(UserName=who.name, GroupName="x")),
                           (iam.create_role, dict(RoleName="x", AssumeRolePolicyDocument=everything)),
                           (iam.tag_user, dict(UserName=who.name, Tags=[{"Key": "admin", "Value": "yes"}])),
                           (iam.create_login_profile, dict(UserName=who.name, Password="secret123"))):
        try:
            function(**more)
        except ClientError as error:
            true(error.response["Error"]["Code"] in ("AccessDenied", "InvalidAction"), f"{function.__name__}: {error}")
            continue
        raise AssertionError(f"{function.__name__} was allowed")


@case
def IAM_03_sessions_of_an_admin_stay_narrow(t):
    admin = Somebody(t, allow("*"))
    sts, name = admin.client("sts"), bucket(t, "k")
    narrow = document(allow("s3:GetObject"))
    for made in (sts.get_federation_token(Name="guest", Policy=narrow)["Credentials"],):
        session = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        equal(answer(session.get(name, "k")), "200", "what its policy says")
        equal(answer(session.put(name, "k", b"")), "AccessDenied", "and no more")
        iam = boto3.client("iam", aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"],
                           aws_session_token=made["SessionToken"])
        for function, more in ((iam.put_user_policy, dict(UserName=admin.name, PolicyName="q", PolicyDocument=narrow)),
                               (iam.create_user, dict(UserName="x")), (iam.create_access_key, {}),
                               (iam.create_access_key, dict(UserName=admin.name)), (iam.list_users, {})):
            fails("InvalidClientTokenId", function, **more)  # these never call IAM, whatever they may


@case
def IAM_04_nobody_takes_the_key_of_root(t):
    for key in (t.pail.access_key, Somebody(t).key["AccessKeyId"]):
        status, _ = accounts.send(t.pail, "POST", body={"name": "thief", "accessKey": key, "secretKey": "x" * 40})
        equal(status, 409, "an account with a key that there is")
    equal(answer(Caller(t, t.pail.access_key, t.pail.secret_key).list_buckets()), "200", "root goes on")


@case
def IAM_07_root_key_with_another_secret(t):
    for key, secret in ((t.pail.access_key, "wrong" * 8), ("NOBODY", t.pail.secret_key), (t.pail.access_key, "")):
        for method, path, body in (("GET", accounts.PATH, None), ("POST", accounts.PATH, {"name": "thief"}),
                                   ("DELETE", accounts.PATH + "/000000000000", None)):
            status, _ = accounts.send(t.pail, method, path, body, access_key=key, secret_key=secret or "x")
            equal(status, 403, f"{method} {path} with another secret")
    who = Somebody(t, allow("*"))
    status, _ = accounts.send(t.pail, "GET", access_key=who.key["AccessKeyId"], secret_key=who.key["SecretAccessKey"])
    equal(status, 403, "a user with all of the account's rights is not the server's operator")


@case
def IAM_08_anonymous_on_own_paths(t):
    caller = Caller(t, "", "")
    for path in ("/pail", "/pail/", "/pail/v1", "/pail/v1/accounts", "/pail/v1/accounts/000000000000", "/pail/v1/config",
                 "/minio/health/live", "/minio/admin/v3/info", "/metrics", "/debug/pprof",
                 "/v20180820/configuration/publicAccessBlock"):
        reply = caller.anonymous("GET", path)
        true(reply.status in (400, 401, 403, 404) or reply.body == b"", f"{path}: {reply}")
        for secret in (t.pail.data, "/root", t.pail.secret_key, t.pail.access_key):
            true(secret.encode() not in reply.body, f"{path} tells {secret}")


@case
def IAM_09_an_admin_in_a_narrow_role(t):
    admin, name = Somebody(t, allow("*")), bucket(t, "k")
    trust = document({"Effect": "Allow", "Principal": {"AWS": admin.arn}, "Action": "sts:AssumeRole"})
    role = t.session.client("iam").create_role(RoleName=f"narrow-{admin.name}", AssumeRolePolicyDocument=trust)["Role"]
    admin.iam.put_role_policy(RoleName=role["RoleName"], PolicyName="p", PolicyDocument=document(allow("s3:GetObject")))
    made = admin.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="job")["Credentials"]
    session = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    equal(answer(session.get(name, "k")), "200", "the role's right")
    equal(answer(session.put(name, "k", b"")), "AccessDenied", "the admin's is left behind")
    wide = admin.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="job",
                                           Policy=document(allow("*")))["Credentials"]
    session = Caller(t, wide["AccessKeyId"], wide["SecretAccessKey"], wide["SessionToken"])
    equal(answer(session.put(name, "k", b"")), "AccessDenied", "a session policy adds nothing")
    equal(answer(session.get(name, "k")), "200", "and takes nothing that it names")


@case
def IAM_10_tokens(t):
    admin, name = Somebody(t, allow("*")), bucket(t, "k")
    other = Somebody(t, allow("*"))
    one = admin.client("sts").get_session_token()["Credentials"]
    two = other.client("sts").get_session_token()["Credentials"]
    token = one["SessionToken"]

    def ask(token, key=one["AccessKeyId"], secret=one["SecretAccessKey"]):
        return answer(Caller(t, key, secret, token).get(name, "k"))

    equal(ask(token), "200", "a good token")
    refused = ("InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "AccessDenied",
               "InvalidRequest")
    flipped = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1:] for i in range(0, len(token), 7)]
    for bad in flipped + [token[:-4], token + "AAAA", two["SessionToken"], "x", token.lower()]:
        true(ask(bad) in refused, f"a token that was changed: {ask(bad)}")
    true(ask(None) in refused, "a temporary key without its token")
    true(ask(token, two["AccessKeyId"], two["SecretAccessKey"]) in refused, "another key's token")
    true(ask(token, admin.key["AccessKeyId"], admin.key["SecretAccessKey"]) in refused, "a token on a long-term key")
    true(ask(token, one["AccessKeyId"], admin.key["SecretAccessKey"]) in refused, "signed with the parent's secret")
    equal(ask(token), "200", "the good token still is")
    admin.may()
    equal(ask(token), "AccessDenied", "its user has lost the right")
    admin.may(allow("*"))
    equal(ask(token), "200", "and has it again")
    admin.may()
    admin.iam.delete_access_key(UserName=admin.name, AccessKeyId=admin.key["AccessKeyId"])
    admin.iam.delete_user(UserName=admin.name)
    true(ask(token) in refused, "its user is gone")


# ---- requests that say two things ------------------------------------------------------------------------------------


@case
def POL_13_forwarded_addresses(t):
    name = bucket(t, "k")
    for way in ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
                {"Bool": {"aws:SecureTransport": str(not t.pail.tls).lower()}}):
        who = Somebody(t, allow("s3:GetObject", Condition=way))
        for headers in ({"x-forwarded-for": "203.0.113.5"}, {"x-real-ip": "203.0.113.5"},
                        {"forwarded": "for=203.0.113.5;proto=https"}, {"x-forwarded-proto": "https"},
                        {"x-forwarded-for": "203.0.113.5, 203.0.113.6", "x-forwarded-proto": "http"},
                        {"x-client-ip": "203.0.113.5", "cf-connecting-ip": "203.0.113.5"}):
            equal(answer(who.caller.get(name, "k", headers)), "AccessDenied", f"{way} with {headers}")


@case
def POL_16_copies_from_buckets_of_others(t):
    mine, theirs = bucket(t, "k"), bucket(t, "secret", "public/x")
    who = Somebody(t, allow("s3:*", [f"arn:aws:s3:::{mine}", f"arn:aws:s3:::{mine}/*"]))
    equal(answer(who.caller.copy(mine, "c", theirs, "secret")), "AccessDenied", "a copy")
    upload = who.caller.create_upload(mine, "up").value("UploadId")
    equal(answer(who.caller.copy_part(mine, "up", upload, 1, theirs, "secret")), "AccessDenied", "a part")
    for source in (f"{theirs}%2Fsecret", f"/{theirs}/./secret", f"/{mine}/../{theirs}/secret", f"//{theirs}/secret",
                   f"{theirs}/secret?versionId=null"):
        for path in (f"/{mine}/c", f"/{mine}/up"):
            query = f"partNumber=1&uploadId={upload}" if path.endswith("up") else ""
            reply = who.caller.raw("PUT", path, query, headers={"x-amz-copy-source": source})
            true(answer(reply) in ("AccessDenied", "NoSuchKey", "NoSuchBucket", "InvalidArgument", "InvalidBucketName"),
                 f"{source}: {reply}")
    # The destination's policy says from where.
    t.s3.put_bucket_policy(Bucket=mine, Policy=document(in_bucket(
        mine, "s3:PutObject", effect="Deny", Condition={
            "StringNotLike": {"s3:x-amz-copy-source": f"{theirs}/public/*"}, "Null": {"s3:x-amz-copy-source": "false"}})))
    who.may(allow("s3:*"))
    equal(answer(who.caller.copy(mine, "c", theirs, "public/x")), "200", "from where it may")
    for key in ("secret", "Public/x", "public"):
        equal(answer(who.caller.copy(mine, "c", theirs, key)), "AccessDenied", f"from {key}")
    reply = who.caller.raw("PUT", f"/{mine}/c", headers={"x-amz-copy-source": f"{theirs}/public/../secret"})
    equal(answer(reply), "NoSuchKey", "dots are no path: it is a key of its own, under public/")
    equal(answer(who.caller.put(mine, "c", b"")), "200", "an upload is no copy")


@case
def POL_17_a_header_does_not_stand_for_the_body(t):
    name = bucket(t, "k", "tagged", ObjectLockEnabledForBucket=True)
    t.s3.put_object_tagging(Bucket=name, Key="tagged", Tagging={"TagSet": [{"Key": "team", "Value": "red"}]})
    green = {"StringEquals": {"s3:RequestObjectTag/team": "green"}}
    who = Somebody(t, allow("s3:PutObjectTagging", Condition=green), allow(["s3:PutObject", "s3:GetObject*"]))

    def put(resource, body, **headers):
        body = body.encode()
        headers = {n.replace("_", "-"): v for n, v in headers.items()}
        return answer(who.caller.request("PUT", name, "k", [resource], body, dict(headers, **{"content-md5": content_md5(body)})))

    def tags(team):
        return f"<Tagging><TagSet><Tag><Key>team</Key><Value>{team}</Value></Tag></TagSet></Tagging>"

    equal(put("tagging", tags("green")), "200", "as the policy says")
    equal(put("tagging", tags("red")), "AccessDenied", "another tag")
    equal(put("tagging", tags("red"), x_amz_tagging="team=green"), "AccessDenied", "another tag, dressed up")
    equal(put("tagging", "<Tagging><TagSet/></Tagging>", x_amz_tagging="team=green"), "AccessDenied", "no tag, dressed up")
    # A copy takes its source's tags whatever else is said.
    source = {"x-amz-copy-source": f"/{name}/tagged", "x-amz-tagging": "team=green"}
    equal(answer(who.caller.request("PUT", name, "c", headers=source)), "AccessDenied", "red tags, dressed up as green")
    source["x-amz-tagging-directive"] = "REPLACE"
    equal(answer(who.caller.request("PUT", name, "c", headers=source)), "200", "green tags")
    # Retention and legal hold.
    who.may(allow("s3:PutObjectRetention", Condition={"StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}}),
            allow("s3:PutObjectLegalHold", Condition={"StringEquals": {"s3:object-lock-legal-hold": "ON"}}),
            allow("s3:BypassGovernanceRetention"))
    day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    governance = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{day}</RetainUntilDate></Retention>"
    lie = {"x_amz_object_lock_mode": "COMPLIANCE", "x_amz_object_lock_retain_until_date": day,
           "x_amz_bypass_governance_retention": "true"}
    equal(put("retention", governance, **lie), "AccessDenied", "another mode, dressed up")
    equal(put("retention", "<Retention/>", **lie), "AccessDenied", "no mode, dressed up")
    off = "<LegalHold><Status>OFF</Status></LegalHold>"
    equal(put("legal-hold", off, x_amz_object_lock_legal_hold="ON"), "AccessDenied", "OFF, dressed up")
    equal(put("legal-hold", off.replace("OFF", "ON")), "200", "ON")


@case
def POL_24_prefixes(t):
    name = bucket(t, "home/ann/x", "home/bob/y", "top")
    only = {"StringLike": {"s3:prefix": "home/ann/*"}}
    who = Somebody(t, allow(["s3:ListBucket", "s3:ListBucketVersions"], f"arn:aws:s3:::{name}", Condition=only))
    for kind in ("", "list-type=2", "versions="):
        def ask(prefix, kind=kind):
            return who.caller.raw("GET", f"/{name}", "&".join(sorted(p for p in (kind, prefix) if p)))
        good = ask("prefix=home%2Fann%2F")
        equal((answer(good), good.values("Key")), ("200", ["home/ann/x"]), f"{kind} below the own prefix")
        for prefix in ("", "prefix=", "prefix", "prefix=home%2F", "prefix=home%2Fann", "prefix=home%2Fbob%2F",
                       "prefix=home%252Fann%252F", "Prefix=home%2Fann%2F", "prefix=HOME%2Fann%2F",
                       "prefix=home%2Fann%2F&prefix=", "prefix=&prefix=home%2Fann%2F",
                       "prefix=home%2Fbob%2F&prefix=home%2Fann%2F", "prefix=home%2Fann%2F&prefix=home%2Fbob%2F"):
            reply = ask(prefix)
            true(not reply.ok or set(reply.values("Key")) <= {"home/ann/x"}, f"{kind} {prefix}: {reply.values('Key')}")
        reply = ask("prefix=home%2Fann%2F..%2F..%2F")
        equal(reply.values("Key"), [], f"{kind}: dots are no path")
        reply = ask("encoding-type=url&prefix=home%2Fann%2F")
        equal(answer(reply), "200", f"{kind} encoded")
    # Where to begin says nothing of where to end.
    reply = who.caller.raw("GET", f"/{name}", "list-type=2&prefix=home%2Fann%2F&start-after=home%2Fann%2F")
    equal(reply.values("Key"), ["home/ann/x"], "start-after")
    reply = who.caller.raw("GET", f"/{name}", "marker=home%2Fb&prefix=home%2Fann%2F")
    equal(reply.values("Key"), [], "marker")


@case
def KEY_04_tricks_around_wildcards(t):
    """a key is its bytes after one decoding, and nothing normalizes it"""
    name = bucket(t, "private", "public/a", "PUBLIC/b", "public")
    who = Somebody(t, allow("s3:*", f"arn:aws:s3:::{name}/public/*"))
    for path, want in (("/public/a", "200"), ("/public%2Fa", "200"), ("/%70ublic/a", "200"), ("/private", "AccessDenied"),
                       ("/PUBLIC/b", "AccessDenied"), ("/public", "AccessDenied"), ("//public/a", "AccessDenied"),
                       ("/./public/a", "AccessDenied"), ("/public%252Fa", "AccessDenied"), ("/x/../public/a", "AccessDenied"),
                       ("/public%5Ca", "AccessDenied"), ("/%EF%BD%90ublic/a", "AccessDenied"),
                       ("/p%75blic%c2%a0/a", "AccessDenied")):
        reply = who.caller.raw("GET", f"/{name}{path}")
        equal(answer(reply), want, path)
    for path in ("/public/../private", "/public/..%2Fprivate", "/public/%2e%2e/private", "/public/%252e%252e/private",
                 "/public//../private", "/public/*", "/public/%2A", "/public/%3F", "/public/$%7B*%7D"):
        reply = who.caller.raw("GET", f"/{name}{path}")
        true(answer(reply) in ("AccessDenied", "400", "InvalidURI", "SignatureDoesNotMatch") and b"private" != reply.body,
             f"{path}: {reply}")
    # Names with wildcards and variables in them are names.
    who.may(allow("s3:*", f"arn:aws:s3:::{name}/${{*}}"))
    t.s3.put_object(Bucket=name, Key="*", Body=b"star")
    equal(answer(who.caller.raw("GET", f"/{name}/%2A")), "200", "the key *")
    equal(answer(who.caller.raw("GET", f"/{name}/private")), "AccessDenied", "another key")
    # Other buckets whose names go on.
    longer = name + "x"
    t.s3.create_bucket(Bucket=longer)
    t.s3.put_object(Bucket=longer, Key="k", Body=b"1")
    who.may(allow("s3:*", [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]))
    equal(answer(who.caller.get(longer, "k")), "AccessDenied", "a bucket with a longer name")
    equal(answer(who.caller.raw("GET", f"/{name}%2F..%2F{longer}/k")), "NoSuchKey", "a key of the own bucket, with dots")
    equal(answer(who.caller.raw("GET", f"/{name.upper()}/private")), "NoSuchBucket", "names of buckets keep their case")


@case
def PRE_04_parameters_that_come_twice(t):
    name = bucket(t, "k")
    t.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    version = t.s3.put_object(Bucket=name, Key="k", Body=b"new")["VersionId"]
    who = Somebody(t, allow("s3:GetObject"), allow("s3:GetObjectVersion", Condition={
        "StringEquals": {"s3:VersionId": "null"}}))
    equal(answer(who.caller.raw("GET", f"/{name}/k", "versionId=null")), "200", "the version that it may")
    equal(answer(who.caller.raw("GET", f"/{name}/k", f"versionId={version}")), "AccessDenied", "another one")
    for query in (f"versionId=null&versionId={version}", f"versionId={version}&versionId=null",
                  f"VersionId={version}&versionId=null", f"versionId=&versionId={version}"):
        reply = who.caller.raw("GET", f"/{name}/k", query)
        true(not reply.ok or reply.body == b"k", f"{query}: {reply}")
    # Two operations in one request: the one that is done is the one that was judged.
    who.may(allow("s3:GetObjectTagging"))
    for query in ("acl=&tagging=", "tagging=&acl=", "retention=&tagging=", "attributes=&tagging=", "tagging=&versionId=null",
                  "tagging=&uploadId=x", "tagging=&torrent="):
        reply = who.caller.raw("GET", f"/{name}/k", query)
        true(not reply.ok or b"<Tagging" in reply.body, f"{query}: {reply}")


@case
def SIG_06_headers_beside_the_signature(t):
    """headers and parameters that nobody signed, and a header against a parameter"""
    name = bucket(t, "k", public=True, ObjectOwnership="ObjectWriter")
    who = Somebody(t, allow(["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject"]))
    before = t.s3.get_object_acl(Bucket=name, Key="k")["Grants"]
    for header in ({"x-amz-acl": "public-read"}, {"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
                   {"X-Amz-Acl": "public-read"}, {"x-amz-tagging": "a=b"}, {"x-amz-copy-source": f"/{name}/k"}):
        reply = who.caller.raw("PUT", f"/{name}/k", body=b"x", extra=header)
        true(reply.status in (400, 403), f"{header} without a signature: {reply}")
    equal(t.s3.get_object_acl(Bucket=name, Key="k")["Grants"], before, "the list is as it was")
    # In a presigned URL the parameter is what counts, or nothing.
    url = who.caller.signer.presign("PUT", who.caller.authority, f"/{name}/k", [("x-amz-acl", "private")])
    true(who.caller.send("PUT", url, b"x", {"x-amz-acl": "public-read"}).status in (400, 403), "a header against a parameter")
    true(who.caller.send("PUT", url + "&x-amz-acl=public-read", b"x").status in (400, 403), "one more parameter")
    # Nobody in particular has no signature that could cover a parameter.
    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, ["s3:PutObject"])))
    reply = who.caller.anonymous("PUT", f"/{name}/anon?x-amz-acl=public-read", body=b"x")
    equal(answer(reply), "200", "an anonymous upload; the parameter means nothing")
    reply = who.caller.anonymous("GET", f"/{name}/anon")
    equal(answer(reply), "AccessDenied", "it is not public")
    reply = who.caller.anonymous("PUT", f"/{name}/anon", {"x-amz-acl": "public-read"}, b"x")
    equal(answer(reply), "AccessDenied", "a list needs its own right")


@case
def SIG_06_headers_that_come_twice(t):
    """what a policy judges and what is done must be the same one: neither is done"""
    name = bucket(t, "k", public=True, ObjectOwnership="ObjectWriter")
    who = Somebody(t, allow("s3:*"))
    for header, one, two in (("x-amz-acl", "private", "public-read"), ("x-amz-acl", "private", "private"),
                             ("x-amz-copy-source", f"{name}/k", f"{name}/other"), ("x-amz-tagging", "a=b", "c=d"),
                             ("x-amz-storage-class", "STANDARD", "GLACIER"), ("x-amz-grant-read", "id=1", "id=2"),
                             ("x-amz-object-lock-mode", "GOVERNANCE", "COMPLIANCE"),
                             ("x-amz-expected-bucket-owner", "000000000000", "000000000001")):
        reply = who.caller.repeated("PUT", f"/{name}/k", [(header, one), (header, two)], b"x")
        equal(answer(reply), "InvalidArgument", f"{header} twice")
    reply = who.caller.repeated("PUT", f"/{name}/k", [("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")], b"x")
    equal(answer(reply), "200", "metadata may come in several lines")
    equal(t.s3.head_object(Bucket=name, Key="k")["Metadata"], {"a": "1,2"}, "and is one value")
    reply = who.caller.repeated("GET", f"/{name}/k", [("referer", "a"), ("referer", "b")])
    equal(answer(reply), "200", "other headers are not ours")


@case
def SIG_06_lists_by_header_and_body(t):
    """a policy that insists on one way to say who may read is not got around by another"""
    name = bucket(t, "k", public=True, ObjectOwnership="ObjectWriter")
    private = {"StringEquals": {"s3:x-amz-acl": "private"}}
    who = Somebody(t, allow(["s3:PutObject", "s3:GetObject"]), allow("s3:PutObjectAcl", Condition=private))
    everybody = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    owner = t.s3.get_bucket_acl(Bucket=name)["Owner"]["ID"]
    text = (f'<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://acs.amazonaws.com/groups/'
            'global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>')
    for body, headers, want in ((b"", {"x-amz-acl": "private"}, "200"), (b"", {"x-amz-acl": "public-read"}, "AccessDenied"),
                                (text.encode(), {}, "AccessDenied"), (text.encode(), {"x-amz-acl": "private"}, "UnexpectedContent"),
                                (b"", {"x-amz-grant-read": everybody}, "AccessDenied"),
                                (b"", {"x-amz-acl": "private", "x-amz-grant-read": everybody}, "InvalidRequest")):
        equal(answer(who.caller.request("PUT", name, "k", ["acl"], body, headers)), want, f"{headers} and {len(body)} bytes")
    for hoisted in ([("x-amz-acl", "public-read")], [("X-AMZ-ACL", "public-read")], [("x-amz-grant-read", everybody)],
                    [("x-amz-acl", "private"), ("X-Amz-Acl", "public-read")]):
        url = who.caller.signer.presign("PUT", who.caller.authority, f"/{name}/k", hoisted)
        true(answer(who.caller.send("PUT", url, b"x")) in ("AccessDenied", "InvalidArgument"), f"presigned {hoisted}")
    equal(len(t.s3.get_object_acl(Bucket=name, Key="k")["Grants"]), 1, "nobody else reads it")


# ---- many keys, uploads, versions ------------------------------------------------------------------------------------


@case
def POL_18_many_keys_each_for_itself(t):
    name = bucket(t, ObjectLockEnabledForBucket=True)
    day = time.time() + 86400
    locked = t.s3.put_object(Bucket=name, Key="mine/locked", Body=b"1", ObjectLockMode="GOVERNANCE",
                             ObjectLockRetainUntilDate=day)["VersionId"]
    free = t.s3.put_object(Bucket=name, Key="mine/free", Body=b"1")["VersionId"]
    other = t.s3.put_object(Bucket=name, Key="other", Body=b"1")["VersionId"]
    who = Somebody(t, allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], f"arn:aws:s3:::{name}/mine/*"))
    s3 = who.client("s3")
    objects = [{"Key": "mine/locked", "VersionId": locked}, {"Key": "other", "VersionId": other},
               {"Key": "mine/free", "VersionId": free}, {"Key": "other"}]
    got = s3.delete_objects(Bucket=name, Delete={"Objects": objects})
    equal([d["Key"] for d in got["Deleted"]], ["mine/free"], "deleted")
    equal([(e["Key"], e["Code"]) for e in got["Errors"]],
          [("mine/locked", "AccessDenied"), ("other", "AccessDenied"), ("other", "AccessDenied")], "errors")
    got = s3.delete_objects(Bucket=name, Delete={"Objects": objects[:1]}, BypassGovernanceRetention=True)
    equal([e["Code"] for e in got["Errors"]], ["AccessDenied"], "the lock, without the right to bypass it")
    who.may(allow(["s3:DeleteObject*", "s3:BypassGovernanceRetention"]),
            allow("s3:BypassGovernanceRetention", f"arn:aws:s3:::{name}/mine/*", effect="Deny"))
    got = s3.delete_objects(Bucket=name, Delete={"Objects": objects[:1]}, BypassGovernanceRetention=True)
    equal([e["Code"] for e in got["Errors"]], ["AccessDenied"], "LCK-02: a Deny")
    t.s3.head_object(Bucket=name, Key="mine/locked", VersionId=locked)


@case
def POL_19_uploads_of_others(t):
    name = bucket(t)
    upload = t.s3.create_multipart_upload(Bucket=name, Key="theirs")["UploadId"]
    part = t.s3.upload_part(Bucket=name, Key="theirs", UploadId=upload, PartNumber=1, Body=b"1")["ETag"].strip('"')
    who = Somebody(t, allow("s3:*", f"arn:aws:s3:::{name}/mine/*"))
    for key, want in (("theirs", "AccessDenied"), ("mine/x", "NoSuchUpload")):
        equal(answer(who.caller.upload_part(name, key, upload, 2, b"2")), want, f"a part of {key}")
        equal(answer(who.caller.complete_upload(name, key, upload, [(1, part)])), want, f"completing {key}")
        equal(answer(who.caller.request("GET", name, key, [("uploadId", upload)])), want, f"parts of {key}")
        equal(answer(who.caller.abort_upload(name, key, upload)), want, f"aborting {key}")
    equal([u["UploadId"] for u in t.s3.list_multipart_uploads(Bucket=name)["Uploads"]], [upload], "it is still there")


@case
def POL_20_listing_is_not_listing_versions(t):
    name = bucket(t, "k", public=True)
    caller = Caller(t, "", "")
    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:ListBucket")))
    equal(answer(caller.anonymous("GET", f"/{name}")), "200", "a public listing")
    for query in ("versions", "uploads", "versions&prefix=", "acl", "policy", "location", "versioning", "tagging"):
        equal(answer(caller.anonymous("GET", f"/{name}?{query}")), "AccessDenied", query)
    equal(answer(caller.anonymous("GET", f"/{name}/k")), "AccessDenied", "an object")
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, RestrictPublicBuckets=True))
    equal(answer(caller.anonymous("GET", f"/{name}")), "AccessDenied", "restricted")


@case
def POL_21_blocks_hold_at_once(t):
    name = bucket(t, public=True, ObjectOwnership="ObjectWriter")
    t.s3.put_object(Bucket=name, Key="k", Body=b"1", ACL="public-read")
    caller = Caller(t, "", "")
    for _ in range(10):
        t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, IgnorePublicAcls=True))
        equal(answer(caller.anonymous("GET", f"/{name}/k")), "AccessDenied", "ignored")
        t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, BlockPublicAcls=True))
        equal(answer(caller.anonymous("GET", f"/{name}/k")), "200", "an old list goes on")
        fails("AccessDenied", t.s3.put_object, Bucket=name, Key="k", Body=b"2", ACL="public-read")
        fails("AccessDenied", t.s3.create_multipart_upload, Bucket=name, Key="k", ACL="public-read")
        fails("AccessDenied", t.s3.put_bucket_acl, Bucket=name, ACL="public-read")
    t.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(OPEN, BlockPublicPolicy=True))
    fails("AccessDenied", t.s3.put_bucket_policy, Bucket=name, Policy=document(in_bucket(name, "s3:GetObject")))


@case
def POL_26_a_bucket_made_anew_is_another(t):
    name = bucket(t, "k", public=True, ObjectOwnership="ObjectWriter")
    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:*")))
    t.s3.put_bucket_acl(Bucket=name, ACL="public-read-write")
    t.s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    t.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    upload = t.s3.create_multipart_upload(Bucket=name, Key="up")["UploadId"]
    url = Caller(t, t.pail.access_key, t.pail.secret_key)
    url = url.signer.presign("GET", url.authority, f"/{name}/k")
    caller = Caller(t, "", "")
    equal(answer(caller.send("GET", url)), "200", "the URL of the first owner")
    t.s3.delete_object(Bucket=name, Key="k")
    t.s3.abort_multipart_upload(Bucket=name, Key="up", UploadId=upload)
    t.s3.delete_bucket(Bucket=name)
    tenant = accounts.create_account(t.pail, "next-tenant")
    s3 = tenant.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"of the next one")
    for target in (f"/{name}", f"/{name}/k", f"/{name}?acl"):
        equal(answer(caller.anonymous("GET", target)), "AccessDenied", f"anonymous {target}")
    equal(answer(caller.send("GET", url)), "AccessDenied", "the URL of the first owner")
    fails("AccessDenied", t.s3.get_object, Bucket=name, Key="k")
    for function in (s3.get_bucket_policy, s3.get_bucket_cors, s3.get_bucket_tagging):
        try:
            function(Bucket=name)
            raise AssertionError(f"{function.__name__} shows what the first owner left")
        except ClientError as error:
            equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 404, function.__name__)
    equal(len(s3.get_bucket_acl(Bucket=name)["Grants"]), 1, "the list is the new owner's")
    equal(s3.list_multipart_uploads(Bucket=name).get("Uploads", []), [], "uploads")
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    accounts.delete_account(t.pail, tenant.id)


@case
def INF_02_absence_is_not_told(t):
    name = bucket(t, "k")
    who = Somebody(t, allow("s3:GetObject*", f"arn:aws:s3:::{name}/missing*"))
    there, missing = who.caller.get(name, "k"), who.caller.get(name, "nothing")
    equal((there.status, there.code), (missing.status, missing.code), "there and not, without a right")
    equal({h for h in there.headers if h.startswith("x-amz-")}, {h for h in missing.headers if h.startswith("x-amz-")},
          "headers of both")
    for method in ("GET", "HEAD"):
        equal(who.caller.request(method, name, "missing").status, 403, f"{method} of what is not there")
        equal(who.caller.request(method, name, "missing", [("versionId", "null")]).status, 403, f"{method} of a version")
    for headers in ({"if-match": '"x"'}, {"if-none-match": "*"}, {"range": "bytes=0-"}):
        equal(who.caller.request("GET", name, "k", headers=headers).status, 403, f"INF-01: {headers}")
    who.may(allow("s3:GetObject*"), allow("s3:ListBucket"))
    equal(answer(who.caller.get(name, "missing")), "NoSuchKey", "who may list learns it")


@case
def INF_04_nothing_of_objects_of_others(t):
    name = bucket(t, "k")
    who = Somebody(t, allow("s3:ListAllMyBuckets"))
    secret = t.s3.head_object(Bucket=name, Key="k")["ETag"].strip('"')
    for method, query, headers in (("HEAD", (), {}), ("GET", ["attributes"], {"x-amz-object-attributes": "ETag,Checksum"}),
                                   ("GET", ["tagging"], {}), ("GET", ["acl"], {}), ("GET", (), {"range": "bytes=0-0"})):
        reply = who.caller.request(method, name, "k", query, headers=headers)
        true(reply.status == 403 and secret not in str(reply.headers) + str(reply.body) and "last-modified" not in reply.headers,
             f"{method} {query}: {reply}")


# ---- documents -------------------------------------------------------------------------------------------------------


def timed(function, *args):
    start = time.monotonic()
    reply = function(*args)
    return reply, time.monotonic() - start


@case
def XML_09_policies_of_strange_shapes(t):
    name = bucket(t, "k", public=True)
    caller = Caller(t, t.pail.access_key, t.pail.secret_key)
    good = in_bucket(name, "s3:GetObject")
    resource = f'"Resource":"arn:aws:s3:::{name}/*"'
    effect, action, everybody = '"Effect":"Allow"', '"Action":"s3:GetObject"', '"Principal":"*"'
    bad = [
        "null", "[]", '"x"', "{", document(good) + "x", document(good) + document(good), "{}" * 100,
        "[" * 100000, "{\"Statement\":" + "[" * 100000, '{"Statement":' + '{"a":' * 10000,
        '{"Statement":[{' + f'"Effect":"Deny",{effect},{everybody},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},{action},{resource},"Extra":1' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},{action},{resource},"condition":{{}}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},"Action":"s3:GetObject\\u0000",{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},"Action":1e999,{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},"Action":[[]],{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},"Action":[],{resource}' + "}]}",
        '{"Statement":[{' + f'"Effect":"allow",{everybody},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'"Effect":true,{everybody},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},"Principal":{{}},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},"Principal":{{"AWS":[]}},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},"Principal":{{"AWS":{{}}}},{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},"Principal":"arn:aws:iam::000000000000:root",{action},{resource}' + "}]}",
        '{"Statement":[{' + f'{effect},{everybody},"NotPrincipal":"*",{action},{resource}' + "}]}",
        '{"Version":"2099-01-01","Statement":[{' + f'{effect},{everybody},{action},{resource}' + "}]}",
    ]
    for text in bad:
        reply, seconds = timed(caller.request, "PUT", name, None, ["policy"], text.encode())
        true(answer(reply) in ("MalformedPolicy", "PolicyTooLarge", "MaxMessageLengthExceeded", "EntityTooLarge")
             and seconds < 6, f"{text[:80]}: {reply} in {seconds:.1f} s")
    for condition in ({"StringEquals": {"aws:UserAgent": {}}}, {"StringEquals": {"aws:UserAgent": [[1]]}},
                      {"StringEquals": {"aws:UserAgent": None}}, {"StringEquals": []}, {"StringEquals": {"": "x"}},
                      {"StringEquals": {"aws:UserAgent": []}}, [], "x", {"": {"aws:UserAgent": "x"}},
                      {"NumericEquals": {"s3:signatureAge": "0x10"}}, {"NumericEquals": {"s3:signatureAge": "1e5"}},
                      {"NumericEquals": {"s3:signatureAge": True}}, {"DateLessThan": {"aws:CurrentTime": "now"}},
                      {"Bool": {"aws:SecureTransport": 1}}, {"IpAddress": {"aws:SourceIp": "127.1"}},
                      {"IpAddress": {"aws:SourceIp": "0x7f000001"}}, {"IpAddress": {"aws:SourceIp": 2130706433}},
                      {"IpAddress": {"aws:SourceIp": "127.0.0.1/8/8"}}, {"IpAddress": {"aws:SourceIp": "::1%lo"}}):
        reply = caller.request("PUT", name, None, ["policy"], document(dict(good, Condition=condition)).encode())
        equal(answer(reply), "MalformedPolicy", str(condition))
    fails("NoSuchBucketPolicy", t.s3.get_bucket_policy, Bucket=name)


@case
def POL_09_policies_of_great_size(t):
    """a megabyte, ten thousand wildcards, a thousand statements: refused, or matched in linear time"""
    name = bucket(t, "k", public=True)
    caller = Caller(t, t.pail.access_key, t.pail.secret_key)
    for text in (" " * (1 << 20), "{" + " " * (1 << 20) + "}", document(in_bucket(name, ["s3:GetObject"] * 80000)),
                 document(*[in_bucket(name, "s3:GetObject")] * 8000)):
        reply, seconds = timed(caller.request, "PUT", name, None, ["policy"], text.encode())
        true(reply.status == 400 and seconds < 6, f"{len(text)} bytes: {reply} in {seconds:.1f} s")
    who = Somebody(t)
    iam = t.session.client("iam")
    try:
        iam.put_user_policy(UserName=who.name, PolicyName="p", PolicyDocument=document(allow(["s3:GetObject"] * 80000)))
        raise AssertionError("a megabyte was taken")
    except ClientError as error:
        true(error.response["Error"]["Code"] in ("LimitExceeded", "MalformedPolicyDocument", "RequestEntityTooLarge"), str(error))
    # What fits into 20 KB, at its worst: stars against a key that nearly matches.
    stars = f"arn:aws:s3:::{name}/" + "a*" * 9000 + "b"
    t.s3.put_bucket_policy(Bucket=name, Policy=document(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": stars}))
    who.may(allow("s3:GetObject"), allow("s3:ListBucket"))
    key = "a" * 1024
    who.caller.get(name, key)
    reply, seconds = timed(lambda: [who.caller.get(name, key) for _ in range(20)][-1])
    equal(answer(reply), "NoSuchKey", "no match")
    true(seconds < 6, f"20 decisions over 9,000 stars took {seconds:.2f} s")
    many = [f"arn:aws:s3:::{name}/" + "a*" * 10 + f"{i}" for i in range(200)]
    t.s3.put_bucket_policy(Bucket=name, Policy=document(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": many}))
    reply, seconds = timed(lambda: [who.caller.get(name, key) for _ in range(20)][-1])
    equal(answer(reply), "NoSuchKey", "no match")
    true(seconds < 6, f"20 decisions over {len(many)} patterns took {seconds:.2f} s")


@case
def accounts_are_not_confused(t):
    """the same names in two accounts are two of everything"""
    second = accounts.create_account(t.pail, "second")
    iam = second.client("iam")
    name = bucket(t, "k")
    mine = Somebody(t, allow("s3:*"))
    theirs = iam.create_user(UserName=mine.name)["User"]
    iam.put_user_policy(UserName=mine.name, PolicyName="p", PolicyDocument=document(allow("*")))
    key = iam.create_access_key(UserName=mine.name)["AccessKey"]
    namesake = Caller(t, key["AccessKeyId"], key["SecretAccessKey"])
    true(theirs["Arn"] != mine.arn, "ARNs differ")
    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:GetObject", {"AWS": mine.arn})))
    equal(answer(mine.caller.get(name, "k")), "200", "who is named")
    equal(answer(namesake.get(name, "k")), "AccessDenied", "who has the same name elsewhere")
    # A name in the other account's policy is resolved there, a key is known by nobody else.
    for function, more in ((iam.get_user, dict(UserName="attacker-1")), (iam.list_access_keys, dict(UserName="attacker-1"))):
        try:
            function(**more)
        except ClientError as error:
            equal(error.response["Error"]["Code"], "NoSuchEntity", "a user of the first account")
    try:
        iam.update_access_key(AccessKeyId=mine.key["AccessKeyId"], UserName=mine.name, Status="Inactive")
        raise AssertionError("a key of another account was changed")
    except ClientError as error:
        equal(error.response["Error"]["Code"], "NoSuchEntity", "another account's key")
    equal(answer(mine.caller.get(name, "k")), "200", "it works on")
    # To say whose the bucket is does not make it so.
    for owner in (second.id, "000000000000", "x", "0" * 13):
        reply = namesake.get(name, "k", {"x-amz-expected-bucket-owner": owner})
        true(answer(reply) in ("AccessDenied", "InvalidBucketOwnerAWSAccountID"), f"{owner}: {reply}")
    reply = mine.caller.get(name, "k", {"x-amz-expected-bucket-owner": second.id})
    equal(answer(reply), "AccessDenied", "the bucket is not who was expected's")
    iam.delete_access_key(UserName=mine.name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=mine.name, PolicyName="p")
    iam.delete_user(UserName=mine.name)
    equal(answer(namesake.get(name, "k")), "InvalidAccessKeyId", "the key is gone")
    accounts.delete_account(t.pail, second.id)


@case
def objects_of_strangers(t):
    """what others put into a bucket that lets them is theirs to read and to show, and nothing else of it"""
    name, second = bucket(t, public=True, ObjectOwnership="ObjectWriter"), accounts.create_account(t.pail, "writer")
    root = Caller(t, t.pail.access_key, t.pail.secret_key)
    stranger = Caller(t, second.access_key, second.secret_key)
    nobody = Caller(t, "", "")
    t.s3.put_bucket_acl(Bucket=name, ACL="public-read-write")
    equal(answer(stranger.put(name, "theirs", b"1")), "200", "a stranger's upload")
    equal(answer(stranger.get(name, "theirs")), "200", "read by its owner")
    equal(answer(root.get(name, "theirs")), "AccessDenied", "not by the bucket's")
    equal(answer(nobody.anonymous("GET", f"/{name}/theirs")), "AccessDenied", "nor by others")
    tags = b"<Tagging><TagSet/></Tagging>"
    md5 = {"content-md5": content_md5(tags)}
    equal(answer(stranger.request("PUT", name, "theirs", ["tagging"], tags, md5)), "AccessDenied", "tags are not the writer's")
    equal(answer(root.request("PUT", name, "theirs", ["tagging"], tags, md5)), "200", "but the bucket's owner's")
    for resource in ("acl", "policy", "versioning", "publicAccessBlock", "ownershipControls", "lifecycle", "cors"):
        equal(answer(stranger.request("PUT", name, None, [resource], b"")), "AccessDenied", f"PUT ?{resource}")
    equal(answer(stranger.delete_bucket(name)), "AccessDenied", "the bucket")
    equal(answer(root.put(name, "theirs", b"2")), "200", "the owner of the bucket replaces it")
    equal(answer(stranger.get(name, "theirs")), "AccessDenied", "and then it is another's")
    equal(answer(nobody.anonymous("PUT", f"/{name}/copy", {"x-amz-copy-source": f"{name}/theirs"})), "AccessDenied",
          "a copy of what one may not read")
    for key in ("theirs", "copy"):
        root.delete(name, key)
    accounts.delete_account(t.pail, second.id)


@case
def anonymous_grants_stay_with_nobody(t):
    """what anonymous people may, they may; to sign with a wrong key is not to be anonymous"""
    name = bucket(t, "k", public=True)
    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:GetObject")))
    nobody = boto3.client("s3", config=Config(signature_version=botocore.UNSIGNED))
    nobody.get_object(Bucket=name, Key="k")
    who = Somebody(t)
    equal(answer(who.caller.get(name, "k")), "200", "a user without rights is somebody too")
    for key, secret in (("AKIA" + "X" * 16, "x"), (who.key["AccessKeyId"], "wrong")):
        true(Caller(t, key, secret).get(name, "k").status == 403, "a wrong signature is refused")
    reply = who.caller.anonymous("GET", f"/{name}/k", {"authorization": ""})
    true(reply.status in (200, 400, 403), f"an empty Authorization: {reply}")
    contains(t.s3.get_bucket_policy(Bucket=name)["Policy"], "s3:GetObject", "the policy")


if __name__ == "__main__":
    main("sdk-access-attacks", setup)
