# SPDX-License-Identifier: Apache-2.0
"""The Python SDK and the aws CLI of a suite, both in their default configuration.

setup() is what a suite gives to cases.main: afterwards t.s3 is a boto3 client, t.session
its session, and t.aws("s3", "ls") runs the aws CLI.
"""
import json
import os

import boto3
from botocore.exceptions import ClientError

import clients
from cases import equal

AWS = clients.path("python", "bin", "aws")


def setup(t):
    env = t.pail.aws_environment()
    os.environ.update({k: v for k, v in env.items() if k.startswith("AWS_")})
    if not t.pail.ca:
        os.environ.pop("AWS_CA_BUNDLE", None)
    t.session = boto3.session.Session()
    t.s3 = t.session.client("s3")
    env.update(AWS_PAGER="", AWS_CLI_HISTORY_FILE="/dev/null", HOME=t.folder())
    t.aws = lambda *words, **more: t.command(AWS, *words, env=env, **more)


def api(t, operation, *words, **more):
    """`aws s3api operation words`, its answer as JSON."""
    done = t.aws("s3api", operation, *words, "--output", "json", **more)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def made_bucket(t, versions=False, **more):
    """A bucket of this case's own; `versions`: it keeps them."""
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name, **more)
    if versions:
        t.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def fails(code, status, function, message=None, **kwargs):
    """The call must be refused with this code and status; returns the error's fields."""
    name = getattr(function, "__name__", "the call")
    try:
        function(**kwargs)
    except ClientError as error:
        fields = error.response["Error"]
        equal((fields["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]), (code, status),
              f"error of {name}: {fields.get('Message')}")
        if message:
            equal(fields.get("Message"), message, f"message of {name}")
        return fields
    raise AssertionError(f"{name} was expected to fail with {code}: {kwargs}")
