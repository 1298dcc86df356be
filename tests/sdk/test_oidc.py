#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithWebIdentity with keys that the server fetches from a stand-in identity provider on this machine."""
import json
import os
import sys
import threading
import time
import urllib.parse

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import test_iam
from aws import setup as setup_aws
from cases import equal, run_cases, true
from oidc import Issuer, Keys, b64
from test_console_api import by_console
from test_iam import ACCOUNT, allow, client, fails, name, trust

cases = []


def case(function):
    cases.append(function)
    return function


def setup(t):
    if t.pail.external:
        t.skip("the provider listens on this machine's loopback")
    setup_aws(t)
    t.iam, t.sts = t.session.client("iam"), t.session.client("sts")
    t.web = t.session.client("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))


class World:
    """An issuer, its provider in IAM, and a role for its people."""

    def __init__(self, t, clients=("app-1", "app-2"), condition=None, url=None, **more):
        self.t, self.idp = t, Issuer(t.folder(), **more).start()
        self.arn = t.iam.create_open_id_connect_provider(
            Url=url or self.idp.url, ClientIDList=list(clients))["OpenIDConnectProviderArn"]
        document = {"Condition": condition(self.arn.split("/", 1)[1])} if condition else {}
        self.role_name = name("role")
        self.role = t.iam.create_role(RoleName=self.role_name, AssumeRolePolicyDocument=trust(
            {"Federated": self.arn}, action="sts:AssumeRoleWithWebIdentity", **document))["Role"]["Arn"]
        t.iam.put_role_policy(RoleName=self.role_name, PolicyName="p", PolicyDocument=allow("iam:ListUsers"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.idp.stop()

    def assume(self, token):
        return self.t.web.assume_role_with_web_identity(RoleArn=self.role, RoleSessionName="web",
                                                        WebIdentityToken=token)

    def refused(self, token, code="InvalidIdentityToken", text=None):
        return fails(code, 403 if code == "AccessDenied" else 400, self.assume, token, text=text)


@case
def both_algorithms(t):
    with World(t) as w:
        for alg in ("RS256", "ES256"):
            given = w.assume(w.idp.token(alg))
            equal((given["SubjectFromWebIdentityToken"], given["Audience"], given["Provider"]),
                  ("user-1", "app-1", w.arn), alg)
            own = client(t, "iam", given["Credentials"])
            own.list_users(MaxItems=1)
        equal((w.idp.count("discovery"), w.idp.count("keys")), (1, 1), "keys are kept")
        t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=w.arn)
        fails("InvalidClientTokenId", 403, own.list_users)
        t.iam.create_open_id_connect_provider(Url=w.idp.url, ClientIDList=["app-1"])
        fails("InvalidClientTokenId", 403, own.list_users)
        w.assume(w.idp.token())


@case
def keys_change(t):
    with World(t) as w:
        w.assume(w.idp.token())
        old = w.idp.token()
        w.idp.rotate()
        w.assume(w.idp.token())
        equal(w.idp.count("keys"), 2, "an unknown kid has them fetched anew")
        w.refused(old)
        for _ in range(5):
            w.refused(w.idp.token(kid="never-heard-of"), text="Couldn't retrieve verification key")
        equal(w.idp.count("keys"), 2, "but not for everybody who asks")


@case
def a_provider_that_is_away(t):
    with World(t) as w:
        w.assume(w.idp.token())
        w.idp.stop()
        w.assume(w.idp.token("ES256"))
        w.refused(w.idp.token(kid="never-heard-of"))
        w.assume(w.idp.token())
    with World(t) as w:
        w.idp.stop()
        begin = time.monotonic()
        for _ in range(3):
            w.refused(w.idp.token(), "IDPCommunicationError")
        true(time.monotonic() - begin < 4, "nobody waits for a provider that has failed")
        w.idp.start()
        w.refused(w.idp.token(), "IDPCommunicationError")  # for as long as JWKS_RETRY_MS says


@case
def a_provider_that_lies(t):
    huge = b'{"keys":[' + b" " * (300 * 1024) + b"]}"
    asked = []

    def elsewhere(status):
        def reply():
            asked.append(status)
            return status, {"Location": other.url + "/keys"}, b""
        return reply
    with Issuer(t.folder(), path="/other") as other:
        def discovery(**more):
            return lambda w: (200, {}, json.dumps({"issuer": w.idp.url, "jwks_uri": w.idp.url + "/keys", **more}).encode())
        bad = [("discovery", discovery(issuer="https://accounts.example.org")),
               ("discovery", discovery(issuer=other.url)),
               ("discovery", discovery(jwks_uri="http://192.0.2.1/keys")),
               ("discovery", discovery(jwks_uri="file:///etc/passwd")),
               ("discovery", discovery(jwks_uri=7)),
               ("discovery", lambda w: (200, {}, b"{")),
               ("discovery", lambda w: (200, {}, b'{"issuer":"x",' + b" " * 70000 + b"}")),
               ("discovery", lambda w: (404, {}, b"{}")),
               ("discovery", lambda w: elsewhere(302)),
               ("keys", lambda w: elsewhere(301)), ("keys", lambda w: elsewhere(307)),
               ("keys", lambda w: (200, {}, huge)), ("keys", lambda w: (200, {}, b"<html>")),
               ("keys", lambda w: (500, {}, b'{"keys":[]}')), ("keys", lambda w: (200, {}, b"[]"))]
        for what, reply in bad:
            with World(t) as w:
                w.idp.replies[what] = reply(w)
                w.refused(w.idp.token(), "IDPCommunicationError")
                t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=w.arn)
        equal((len(asked), other.asked), (3, []), "redirects are not followed")


@case
def a_provider_that_is_slow(t):
    stop = threading.Event()
    with World(t) as w, World(t) as quick:
        w.idp.replies["discovery"] = lambda: (stop.wait(20), (200, {}, b"{}"))[1]
        results = []

        def ask():
            begin = time.monotonic()
            try:
                w.assume(w.idp.token())
                results.append("let in")
            except ClientError as error:
                results.append((error.response["Error"]["Code"], time.monotonic() - begin))
        crowd = [threading.Thread(target=ask) for _ in range(40)]
        for thread in crowd:
            thread.start()
        time.sleep(0.5)
        begin = time.monotonic()
        quick.assume(quick.idp.token())
        t.s3.list_buckets()
        true(time.monotonic() - begin < 4, "the others are not held up")
        for thread in crowd:
            thread.join()
        stop.set()
        equal({r[0] for r in results}, {"IDPCommunicationError"}, "answers")
        true(max(r[1] for r in results) < 20, "bounded")
        equal(w.idp.count("discovery"), 1, "one asks for all")


@case
def tokens_that_are_not_taken(t):
    """IAM-11"""
    with World(t) as w:
        stranger, now = Keys(t.folder()), int(time.time())
        w.assume(w.idp.token())
        hmac = w.idp.token(alg="HS256", key=w.idp.keys.files["RS256"])
        for token in [w.idp.token(alg="none"), w.idp.token(alg="None"), hmac, w.idp.token(alg="RS512"),
                      w.idp.token(alg="ES384"), w.idp.token(kid="e1"), w.idp.token(kid="../../../etc/passwd"),
                      w.idp.token(header={"kid": 1}), w.idp.token(header={"kid": ""}),
                      w.idp.token(header={"crit": ["exp"]}), w.idp.token(exp=None), w.idp.token(exp="soon"),
                      w.idp.token(sub=None), w.idp.token(nbf=now + 900), w.idp.token(iat=now + 900),
                      w.idp.token(nbf="now"), w.idp.token(iss=w.idp.url + "x"), w.idp.token(iss=None),
                      w.idp.token(iss="https" + w.idp.url[4:]), stranger.token(iss=w.idp.url),
                      stranger.token(iss=w.idp.url, header={"jwk": stranger.public[0]}),
                      stranger.token(iss=w.idp.url, header={"jku": w.idp.url + "/other"})]:
            w.refused(token)
        w.refused(w.idp.token(exp=now - 1), "ExpiredTokenException")
        w.assume(w.idp.token(nbf=now + 200, iat=now + 200))  # their clock may be ahead
        w.assume(w.idp.token(header={"kid": None}))  # one of the keys fits
        head, body, signature = w.idp.token().split(".")
        twice = '{"iss":%s,"sub":"user-1","aud":"app-1","aud":"app-2","exp":%d}' % (json.dumps(w.idp.url), now + 600)
        for text in [".".join([head, b64(twice.encode()), signature]), ".".join([head, body, ""]),
                     ".".join([head, body, signature[:-4]]), body + "." + head + "." + signature, "a.b.c", "...."]:
            w.refused(text)


@case
def audiences(t):
    def condition(url):
        return {"StringEquals": {url + ":aud": "app-1"}}
    with World(t, condition=condition) as w:
        equal(w.assume(w.idp.token(aud=["other", "app-1"]))["Audience"], "app-1", "one of many")
        w.refused(w.idp.token(aud="app-3"), text="audience")
        w.refused(w.idp.token(aud=None), text="audience")
        w.refused(w.idp.token(aud=["app-3", "app-4"]), text="audience")
        w.refused(w.idp.token(aud="app-2"), "AccessDenied")
        # An authorized party takes the audience's place.
        equal(w.assume(w.idp.token(aud="somebody-else", azp="app-1"))["Audience"], "app-1", "azp")
        w.refused(w.idp.token(aud="app-1", azp="app-3"), text="audience")
        w.refused(w.idp.token(aud="app-1", azp="app-2"), "AccessDenied")
        w.refused(w.idp.token(aud="app-1", azp=["app-1"]), text="audience")
        t.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=w.arn, ClientID="app-1")
        w.refused(w.idp.token(), text="audience")
    with World(t, condition=lambda url: {"StringEquals": {url + ":oaud": "api"}}) as w:
        w.assume(w.idp.token(aud="api", azp="app-1"))
        w.refused(w.idp.token(aud="api-2", azp="app-1"), "AccessDenied")


@case
def urls_of_providers(t):
    for url in ["http://idp.example.com", "http://127.0.0.1.example.com", "http://127.evil", "ftp://x.example",
                "https://", "https:///x", "https://a@b.example", "https://b.example?x", "https://b.example#x",
                "https://b.example:0", "https://b.example:port", "http://localhost.example", "https://a b"]:
        fails("ValidationError", 400, t.iam.create_open_id_connect_provider, Url=url)
    arn = t.iam.create_open_id_connect_provider(Url="https://idp.example.com:8443/realms/x/")
    arn = arn["OpenIDConnectProviderArn"]
    equal(arn, f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com:8443/realms/x", "a port, for those who need one")
    equal(t.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Url"], "idp.example.com:8443/realms/x", "url")
    t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def offer(t, w, **tags):
    t.iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=w.arn, Tags=[
        {"Key": f"pail:console-{k}", "Value": v} for k, v in {"role": w.role, **tags}.items()])
    return "/api/pail/v1/oidc/" + urllib.parse.quote(w.arn.split("/", 1)[1], safe="")


@case
def providers_that_share_a_name(t):
    """Names are tags, and tags are anybody's who may set them: each way leads to its own provider all the same."""
    with World(t) as one, World(t, path="/realms/two") as two:
        for w in (one, two):
            w.idp.discovery["authorization_endpoint"] = w.idp.url + "/go"
        # The second has the first's id for a name, too.
        first, second = offer(t, one, name="Staff"), offer(t, two, name="Staff")
        for name_of_two in ("Staff", one.arn.split("/", 1)[1]):
            offer(t, two, name=name_of_two)
            for w, way in ((one, first), (two, second)):
                status, headers, _ = by_console(t, way + "?state=s")
                equal((status, headers["Location"].split("?")[0]), (303, w.idp.url + "/go"), name_of_two)
        equal(by_console(t, "/api/pail/v1/oidc/Staff")[0], 404, "by a name")
        status, _, body = by_console(t, "/console.json")
        if status == 200:  # otherwise the page was not built
            ids = {w.arn.split("/", 1)[1]: w.role for w in (one, two)}
            equal({p["id"]: p["roleArn"] for p in json.loads(body)["providers"]}, ids)
        for w in (one, two):
            t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=w.arn)


@case
def the_cli_takes_the_role(t):
    with World(t) as w:
        path = os.path.join(t.folder(), "token")
        with open(path, "w") as f:
            f.write(w.idp.token())
        env = {k: v for k, v in os.environ.items() if k not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        env.update(AWS_ROLE_ARN=w.role, AWS_WEB_IDENTITY_TOKEN_FILE=path, AWS_ROLE_SESSION_NAME="job", AWS_PAGER="",
                   AWS_ENDPOINT_URL=t.pail.endpoint, HOME=t.folder())
        from aws import AWS
        who = json.loads(t.command(AWS, "sts", "get-caller-identity", "--output", "json", env=env).stdout)
        equal(who["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/{w.role_name}/job", "who")


if __name__ == "__main__":
    test_iam.counter[0] = 1000
    sys.exit(0 if run_cases("sdk-oidc", False, setup, sys.argv[1:], cases) else 1)
