#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/server/auth/vectors.txt: random requests signed by botocore, an implementation that is not ours.

    python3 tests/unit/server/auth/make_vectors.py [count] [seed] > tests/unit/server/auth/vectors.txt
    python3 tests/unit/server/auth/make_vectors.py 60 2 v2 > tests/unit/server/auth/vectors_v2.txt

Each request is a block of lines, ended by an empty one:
    > METHOD raw-target        as botocore puts it on the wire
    s secret                   of the access key in the signature
    t token                    for temporary keys
    h name:value               one header as sent, percent-encoded but for printable ASCII
"""
import datetime
import random
import sys
from email.utils import formatdate
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest, prepare_request_dict
from botocore.credentials import Credentials
from botocore.utils import percent_encode

NOW = datetime.datetime(2024, 2, 29, 23, 59, 30)
REGIONS = ["us-east-1", "eu-central-1", "", "garage", "ap-southeast-2"]
METHODS = ["GET", "PUT", "HEAD", "DELETE", "POST"]
KEY_CHARS = list("abcXYZ019-_.~/!$&'()*+,;=:@ %\"<>[]{}|\\^`#?\té\u00fc\u65e5\U0001f600")
SUBRESOURCES = ["acl", "tagging", "uploads", "versions", "lifecycle"]
NAMES = ["prefix", "delimiter", "marker", "versionId", "max-keys", "response-content-disposition", "x-id", "a-b", "a", "A_"]


def freeze():
    """botocore asks for the time in different ways in different versions."""

    class Fixed(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return NOW

        @classmethod
        def now(cls, tz=None):
            return NOW.replace(tzinfo=tz)

    class Module:
        def __getattr__(self, name):
            return Fixed if name == "datetime" else getattr(datetime, name)

    botocore.auth.datetime = Module()
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW
    seconds = NOW.replace(tzinfo=datetime.timezone.utc).timestamp()
    botocore.auth.formatdate = lambda usegmt: formatdate(seconds, usegmt=usegmt)
    botocore.auth.time = type("Clock", (), {"time": staticmethod(lambda: seconds)})


def text(rng, chars, low, high):
    return "".join(rng.choice(chars) for _ in range(rng.randint(low, high)))


def random_request(rng, version):
    path = "/" + text(rng, list("abc019-."), 3, 12)
    if rng.random() < 0.8:
        path += "/" + text(rng, KEY_CHARS, 1, 40)
    query = {}
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        query[rng.choice(NAMES)] = text(rng, KEY_CHARS, 0, 12)
    subresource = rng.choice(SUBRESOURCES) if rng.random() < 0.3 else None
    if subresource and version == 4:
        query[subresource] = ""
    headers = {}
    for _ in range(rng.choice([0, 1, 3])):
        headers["x-amz-meta-" + text(rng, list("abcXYZ-"), 1, 8)] = text(rng, list("abc  \t=;,:/é"), 0, 20)
    if rng.random() < 0.3:
        headers["Content-Type"] = "application/x-thing; a=\"b  c\""
    if rng.random() < 0.2:
        headers["x-amz-acl"] = "private"
    if rng.random() < 0.2:
        headers["Range"] = "bytes=0-9"
    host = rng.choice(["http://127.0.0.1:9000", "http://localhost", "https://b.example.com", "https://h.example:8443",
                       "http://[::1]:9000"])
    url_path = percent_encode(path, safe="/~")
    if subresource and version == 2:
        url_path += "?" + subresource  # with a bare name, as in the model; version 2 signs no `=` then
    request = {"method": rng.choice(METHODS), "url_path": url_path, "query_string": query,
               "headers": headers, "body": text(rng, list("xyz"), 0, 5).encode(), "context": {}}
    prepare_request_dict(request, endpoint_url=host)
    aws = AWSRequest(method=request["method"], url=request["url"], headers=request["headers"], data=request["body"])
    aws.context.update({"client_config": None, "payload_signing_enabled": rng.random() < 0.6})
    return aws


def sign(rng, aws, version):
    temporary = rng.random() < 0.3
    access = ("ASIA" if temporary else "AKIA") + text(rng, list("ABCDEFGH234567"), 16, 16)
    secret = text(rng, list("abcdefgXYZ0123456789/+"), 40, 40)
    token = text(rng, list("abcXYZ019/+="), 30, 60) if temporary else None
    keys = Credentials(access, secret, token)
    region = rng.choice(REGIONS)
    if version == 2:
        presign = rng.random() < 0.5
        aws.data = b"" if presign else aws.data
        signer = botocore.auth.HmacV1QueryAuth(keys, rng.randint(1, 10**6)) if presign else botocore.auth.HmacV1Auth(keys)
        signer.add_auth(aws)
        if presign:
            for name in [n for n in aws.headers if n.lower().startswith("x-amz-") or n == "Date"]:
                del aws.headers[name]  # they moved into the query
        return secret, token
    if rng.random() < 0.5:
        aws.data = b""  # a presigned body would be hoisted into the query
        botocore.auth.S3SigV4QueryAuth(keys, "s3", region, expires=rng.randint(1, 604800)).add_auth(aws)
    else:
        botocore.auth.S3SigV4Auth(keys, "s3", region).add_auth(aws)
    return secret, token


def wire(value):
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8")
    return quote(raw, safe="!\"#$&'()*+,/:;<=>?@[\\]^_`{|}~")


def emit(out, aws, secret, token):
    prepared = aws.prepare()
    scheme, rest = prepared.url.split("://", 1)
    host, slash, target = rest.partition("/")
    out.write("> %s /%s\ns %s\n" % (prepared.method, target, secret))
    if token:
        out.write("t %s\n" % token)
    names = {name.lower() for name in prepared.headers.keys()}
    if "host" not in names:
        default = (scheme == "http" and host.endswith(":80")) or (scheme == "https" and host.endswith(":443"))
        out.write("h Host:%s\n" % (host.rsplit(":", 1)[0] if default else host))
    for name, value in prepared.headers.items():
        out.write("h %s:%s\n" % (name, wire(value)))
    out.write("\n")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    version = 2 if sys.argv[3:] == ["v2"] else 4
    freeze()
    sys.stdout.write("# Made by make_vectors.py with botocore %s; the clock stood at %sZ.\n\n"
                     % (botocore.__version__, NOW.isoformat()))
    for _ in range(count):
        aws = random_request(rng, version)
        secret, token = sign(rng, aws, version)
        emit(sys.stdout, aws, secret, token)


main()
