# SPDX-License-Identifier: Apache-2.0
"""Further accounts on a test's server, over /pail/v1/accounts.

    other = create_account(t.pail, "other")        # Account: id, canonical_id, name, email, access_key, secret_key
    s3 = other.client("s3")                        # boto3, as the account's root (where boto3 is installed)
    delete_account(t.pail, other.name)
"""
import hashlib
import http.client
import json
import ssl

from s3client import Signer

PATH = "/pail/v1/accounts"


class Account:
    """What creation answers; the only time that the secret key is told."""

    def __init__(self, pail, made):
        self.pail, self.made = pail, made
        self.id, self.canonical_id, self.name, self.email = (made[k] for k in ("id", "canonicalId", "name", "email"))
        self.access_key, self.secret_key = made["accessKey"], made["secretKey"]
        self.root_arn = f"arn:aws:iam::{self.id}:root"

    def client(self, service, **more):
        return client_of(self.pail, self.access_key, self.secret_key, service, **more)


def client_of(pail, access_key, secret_key, service, token=None, **more):
    """A boto3 client with these credentials."""
    import boto3
    return boto3.client(service, endpoint_url=pail.endpoint, region_name=pail.region, verify=pail.ca or None,
                        aws_access_key_id=access_key, aws_secret_access_key=secret_key, aws_session_token=token, **more)


def send(pail, method, path=PATH, body=None, access_key=None, secret_key=None, headers=None):
    """One signed request to the server's own paths: status and the decoded JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    if pail.tls:
        connection = http.client.HTTPSConnection(pail.host, pail.port, timeout=30,
                                                 context=ssl.create_default_context(cafile=pail.ca))
    else:
        connection = http.client.HTTPConnection(pail.host, pail.port, timeout=30)
    signer = Signer(access_key or pail.access_key, secret_key or pail.secret_key, pail.region)
    signed = signer.headers(method, path, "", dict(headers or {}, host=f"{pail.host}:{pail.port}"),
                            hashlib.sha256(data).hexdigest())
    try:
        connection.request(method, path, data, signed)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in b"{[" and text else text
    finally:
        connection.close()


def create_account(pail, name, email=None, access_key=None, secret_key=None):
    wish = {"name": name}
    wish.update({k: v for k, v in (("email", email), ("accessKey", access_key), ("secretKey", secret_key)) if v})
    status, made = send(pail, "POST", body=wish)
    if status != 201:
        raise AssertionError(f"account {name} was not made: {status} {made}")
    return Account(pail, made)


def list_accounts(pail):
    return send(pail, "GET")[1]["accounts"]


def delete_account(pail, id_or_name):
    status, gone = send(pail, "DELETE", f"{PATH}/{id_or_name}")
    if status != 200:
        raise AssertionError(f"account {id_or_name} was not deleted: {status} {gone}")
