# SPDX-License-Identifier: Apache-2.0
"""People with some right, for the suites about access: users made for a case, and requests by hand as them."""
import hashlib
import http.client
import json
import ssl
import time
from urllib.parse import unquote_to_bytes

import boto3
from botocore.exceptions import ClientError

from cases import equal
from s3client import SAFE, Client, Reply, encode_query, quote


class Caller(Client):
    """One connection, kept alive, over http or https; with a session token where there is one."""

    def __init__(self, t, access_key, secret_key, token=None):
        super().__init__(t.pail.host, t.pail.port, access_key, secret_key, t.pail.region)
        self.tls = ssl.create_default_context(cafile=t.pail.ca) if t.pail.tls else None
        self.token = token

    def request(self, method, bucket="", key=None, query=(), body=b"", headers=None):
        headers = dict(headers or {}, **({"x-amz-security-token": self.token} if self.token else {}))
        return super().request(method, bucket, key, query, body, headers)

    def send(self, method, target, body=b"", headers=None):
        if self._connection is None and self.tls:
            self._connection = http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.tls)
        self._used = time.monotonic()
        return super().send(method, target, body, headers)

    def raw(self, method, path, query="", body=b"", headers=None, extra=None):
        """A path and a query as they are, signed for what they mean; `extra` is sent without a signature."""
        wanted = dict(headers or {}, host=self.authority)
        pairs = [p.partition("=") for p in query.split("&") if p]
        signed = self.signer.headers(method, quote(unquote_to_bytes(path), SAFE + "/"), encode_query(
            [(unquote_to_bytes(n), unquote_to_bytes(v)) for n, _, v in pairs]), wanted, hashlib.sha256(body).hexdigest())
        return self.send(method, path + ("?" + query if query else ""), body, dict(signed, **(extra or {})))

    def repeated(self, method, path, pairs, body=b""):
        """Headers in the order given, some more than once, signed as one line each."""
        joined = {}
        for name, value in pairs:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        signed = self.signer.headers(method, path, "", dict(joined, host=self.authority), hashlib.sha256(body).hexdigest())
        plain = [(n, v) for n, v in signed.items() if n not in joined]
        connection = (http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.tls) if self.tls else
                      http.client.HTTPConnection(self.host, self.port, timeout=60))
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in plain + list(pairs) + [("content-length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return reply

    def anonymous(self, method, target, headers=None, body=b""):
        return self.send(method, target, body, dict(headers or {}, host=self.authority))


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resources="*", effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def in_bucket(name, actions, principal="*", effect="Allow", **more):
    return {"Effect": effect, "Principal": principal, "Action": actions,
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"], **more}


def fails(code, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except ClientError as error:
        equal(error.response["Error"]["Code"], code, f"error of {function.__name__}")
        return error.response
    raise AssertionError(f"{function.__name__} was expected to fail with {code}: {args} {kwargs}")


class Somebody:
    """A new user with an inline policy."""

    def __init__(self, t, *statements, iam=None):
        t.people = getattr(t, "people", 0) + 1
        self.t, self.name = t, f"attacker-{t.people}"
        self.iam = iam or t.session.client("iam")
        self.arn = self.iam.create_user(UserName=self.name)["User"]["Arn"]
        self.key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.may(*statements)
        self.caller = Caller(t, self.key["AccessKeyId"], self.key["SecretAccessKey"])

    def may(self, *statements):
        if statements:
            self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))
        else:
            for policy in self.iam.list_user_policies(UserName=self.name)["PolicyNames"]:
                self.iam.delete_user_policy(UserName=self.name, PolicyName=policy)

    def client(self, service):
        return boto3.client(service, aws_access_key_id=self.key["AccessKeyId"],
                            aws_secret_access_key=self.key["SecretAccessKey"])

    def status(self, status):
        self.iam.update_access_key(UserName=self.name, AccessKeyId=self.key["AccessKeyId"], Status=status)


def answer(reply):
    """`200`, or the error's code."""
    return str(reply.status) if reply.ok and b"<Error>" not in reply.body else reply.code or str(reply.status)
