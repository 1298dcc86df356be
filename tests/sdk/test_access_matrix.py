#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of the operation table (server/ops.c) is tried by a user without rights, with exactly its actions, with a
Deny on each of them, with other rights, and by nobody in particular.

The table itself says what there is, so a new operation is tried as soon as it has a row. Requests are as bare as can
be: what counts is AccessDenied or anything else, which comes before the syntax of a request is looked at.
"""
import base64
import hashlib
import json
import os
import re

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import urllib3

from aws import setup
from cases import ROOT, case, main

BODIES = {
    "PutObjectTagging": "<Tagging><TagSet/></Tagging>",
    "DeleteObjects": "<Delete><Object><Key>k</Key></Object></Delete>",
}
# What the row's flags ask for beside its action, always.
ALSO = {"OP_READS_ABOUT": ("s3:GetObject",)}
HEADERS = {"x-amz-copy-source": "/{bucket}/k"}
SOURCE = {"x-amz-copy-source": ("s3:GetObject",)}


def rows():
    with open(os.path.join(ROOT, "server", "ops.c"), encoding="utf-8") as f:
        text = f.read()
    table = text[text.index("static const struct s3_op ops[]"):text.index("\n};\n")]
    for row in re.findall(r"\{(\.name = .*?)\}", table, re.S):
        fields = dict(re.findall(r"\.(\w+) = (\"[^\"]*\"|[^,}]*)", row))
        yield {k: v.strip().strip('"') for k, v in fields.items()}


class Tries:
    def __init__(self, t):
        self.t = t
        self.http = urllib3.PoolManager(ca_certs=t.pail.ca) if t.pail.ca else urllib3.PoolManager()
        self.endpoint = t.s3.meta.endpoint_url
        self.bucket = t.bucket_name()
        self.iam = t.session.client("iam")
        self.iam.create_user(UserName="matrix")
        key = self.iam.create_access_key(UserName="matrix")["AccessKey"]
        self.user = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def fresh(self):
        """The bucket with one object in it, whatever was done to it."""
        s3 = self.t.s3
        try:
            s3.create_bucket(Bucket=self.bucket)
        except s3.exceptions.BucketAlreadyOwnedByYou:
            pass
        s3.put_object(Bucket=self.bucket, Key="k", Body=b"x")

    def policy(self, *statements):
        if statements:
            self.iam.put_user_policy(UserName="matrix", PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": effect, "Action": actions, "Resource": "*"} for effect, actions in statements]}))
        else:
            try:
                self.iam.delete_user_policy(UserName="matrix", PolicyName="p")
            except self.iam.exceptions.NoSuchEntityException:
                pass

    def send(self, row, credentials):
        """The error's code, or its absence."""
        level = row["level"]
        path = {"ON_SERVICE": "/", "ON_BUCKET": f"/{self.bucket}", "ON_OBJECT": f"/{self.bucket}/k",
                "ON_CONTROL": "/v20180820/configuration/publicAccessBlock"}[level]
        if row["name"] == "CreateBucket":
            path += "-new"
        query = "&".join(f"{q}={row.get('value', '1') if q == row.get('query') else '1'}"
                         for q in (row.get("query"), row.get("query2")) if q)
        headers = {}
        if "header" in row:
            headers[row["header"]] = HEADERS[row["header"]].format(bucket=self.bucket)
        if level == "ON_CONTROL":
            headers["x-amz-account-id"] = "000000000000"
        method = row["method"].removeprefix("HTTP_")
        body = BODIES.get(row["name"], "").encode()
        url = self.endpoint + path + ("?" + query if query else "")
        request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
        if body:
            request.headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        if credentials:
            botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        answer = self.http.request(method, url, body=body, headers=dict(request.headers.items()))
        text = answer.data.decode(errors="replace")
        if method == "HEAD":
            return "AccessDenied" if answer.status == 403 else str(answer.status)
        found = re.search("<Code>(.*?)</Code>", text)
        return found.group(1) if found else str(answer.status)


def actions_of(row):
    found = [row["action"]]
    for flag, more in ALSO.items():
        if flag in row.get("flags", ""):
            found += more
    return found + list(SOURCE.get(row.get("header"), ()))


@case
def every_operation(t):
    """each row of the table"""
    tries = Tries(t)
    wrong, seen = [], 0
    for row in rows():
        flags = row.get("flags", "")
        if any(flag in flags for flag in ("OP_PUBLIC", "OP_QUERY", "OP_FORM")):  # decided elsewhere, tested there
            continue
        seen += 1
        name, actions = row["name"], actions_of(row)

        def check(who, credentials, denied):
            tries.fresh()
            code = tries.send(row, credentials)
            if (code == "AccessDenied") != denied:
                wrong.append(f"{name} {who}: {code}")

        tries.policy()
        check("by nobody", None, True)
        check("without rights", tries.user, True)
        for action in actions:
            tries.policy(("Deny", action), ("Allow", "*"))
            check(f"with a Deny on {action}", tries.user, True)
            if len(actions) > 1:
                tries.policy(("Allow", [a for a in actions if a != action]))
                check(f"without {action}", tries.user, True)
        tries.policy(("Allow", actions))
        check("with its own actions", tries.user, False)
        tries.policy(("Allow", "iam:*"))
        check("with other rights", tries.user, True)
    if seen < 50:
        wrong.append(f"only {seen} rows were found")
    if wrong:
        raise AssertionError("\n".join(wrong))


if __name__ == "__main__":
    main("sdk-access-matrix", setup)
