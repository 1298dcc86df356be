#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithWebIdentity with keys that the server fetches from a stand-in identity provider on this machine, and
the console's way there and back."""
import http.client
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import test_iam
from aws import setup as setup_aws
from cases import contains, equal, run_cases, true
from oidc import Issuer, Keys, b64
from test_console_api import Caller, by_console
from test_iam import ACCOUNT, allow, client, fails, name, trust

ADDRESS, VERIFIER = "https://pail.test/console/", "v-._~" + "V" * 60

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
        true(time.monotonic() - begin < 10, "nobody waits for a provider that has failed")
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


def way_of(t, w, **params):
    """Where the console leads to: the parameters that go along."""
    way = offer(t, w)
    given = {"redirect_uri": ADDRESS, "state": "s&t", "nonce": "n", "code_challenge": "c" * 43, "client_id": "evil", **params}
    status, headers, _ = by_console(t, way + "?" + urllib.parse.urlencode({k: v for k, v in given.items() if v}))
    equal(status, 303)
    place, _, query = headers["Location"].partition("?")
    equal(place, w.idp.url + "/go")
    return dict(urllib.parse.parse_qsl(query, strict_parsing=True))


@case
def codes_where_a_provider_has_them(t):
    """The flow is the provider's, by its discovery document, or by a tag."""
    implicit = {"response_type": "id_token", "response_mode": "fragment", "redirect_uri": ADDRESS, "state": "s&t",
                "nonce": "n", "client_id": "app-1"}
    code = {k: v for k, v in implicit.items() if k != "response_mode"}
    code.update({"response_type": "code", "code_challenge": "c" * 43, "code_challenge_method": "S256"})
    in_fragment = {**code, "response_mode": "fragment"}
    cases_of = [({}, code, code), ({"response_modes_supported": ["query", "fragment"]}, in_fragment, in_fragment),
                ({"response_types_supported": ["id_token", "code id_token"]}, implicit, code),
                ({"response_types_supported": "code"}, implicit, code),
                ({"code_challenge_methods_supported": ["plain"]}, implicit, code),
                ({"code_challenge_methods_supported": None}, implicit, code),
                ({"token_endpoint": None}, implicit, implicit),
                ({"token_endpoint": "http://192.0.2.1/token"}, implicit, implicit),
                ({"token_endpoint": "file:///etc/passwd"}, implicit, implicit)]
    for says, alone, told in cases_of:
        with World(t) as w:
            w.idp.speak_code(**says)
            equal(way_of(t, w), alone, str(says))
            equal(way_of(t, w, code_challenge=""), implicit, "a page that sends no challenge")
            offer(t, w, flow="code")
            equal(way_of(t, w), told, f"{says}, told to use codes")
            offer(t, w, flow="id_token")
            equal(way_of(t, w), implicit, "told to use none")
            t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=w.arn)


def exchange(t, sent, address="127.0.0.1", path="/api/pail/v1/oidc-token", **headers):
    """Status, reply and headers. Failures count by address, so cases have some of their own."""
    connection = http.client.HTTPConnection(t.pail.host, t.pail.console_port, timeout=30, source_address=(address, 0))
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


def sent_for(w, **more):
    """What the page sends for a new code."""
    given = {"provider": w.arn.split("/", 1)[1], "code": w.idp.code("app-1", ADDRESS, VERIFIER), "code_verifier": VERIFIER,
             "redirect_uri": ADDRESS, **more}
    return {k: v for k, v in given.items() if v is not None}


@case
def codes_are_exchanged(t):
    with World(t) as w:
        w.idp.speak_code()
        way_of(t, w)
        good = sent_for(w)
        status, reply, headers = exchange(t, good)
        equal((status, list(reply), headers["Cache-Control"]), (200, ["id_token"], "no-store"), "the id token alone")
        equal(w.idp.forms, [{"grant_type": "authorization_code", "code": good["code"], "code_verifier": VERIFIER,
                             "redirect_uri": ADDRESS, "client_id": "app-1"}], "what the provider was sent")
        equal(w.assume(reply["id_token"])["Audience"], "app-1")
        place = "127.0.1.1"
        refused = [(good, "used before", "invalid_grant: The code is unknown or has expired."),
                   (sent_for(w, code_verifier="w" * 43), "a wrong verifier", "invalid_grant: PKCE verification failed"),
                   (sent_for(w, redirect_uri="https://elsewhere.test/"), "another address", "invalid_grant"),
                   (sent_for(w, code=w.idp.code("app-2", ADDRESS, VERIFIER)), "another client's", "invalid_grant"),
                   (sent_for(w, code=w.idp.code("app-1", ADDRESS, VERIFIER, seconds=-1)), "expired", "has expired")]
        for sent, what, text in refused:
            status, reply, _ = exchange(t, sent, place)
            equal((status, reply["code"]), (403, "AccessDenied"), what)
            contains(reply["message"], text, what)
            true("id_token" not in reply, what)
        asked = len(w.idp.forms)
        equal(exchange(t, sent_for(w, provider="nobody"), place)[0], 404, "no such provider")
        bad = [sent_for(w, code=""), sent_for(w, code=None), sent_for(w, code=7), sent_for(w, code="x" * 8193),
               sent_for(w, code_verifier="v" * 42), sent_for(w, code_verifier="v" * 129),
               sent_for(w, code_verifier="v" * 42 + "&"), sent_for(w, redirect_uri=None),
               sent_for(w, redirect_uri="x" * 2049), b"", b"[]", b"{", b'{"a":' * 1500 + b"1" + b"}" * 1500]
        for i, sent in enumerate(bad):
            equal(exchange(t, sent, f"127.0.2.{1 + i // 5}")[0], 400, str(sent)[:80])
        true(exchange(t, b"x" * 20000, place)[0] in (400, 413), "too long")
        equal(exchange(t, sent_for(w), place, **{"Sec-Fetch-Site": "cross-site"})[0], 403, "from elsewhere")
        equal(exchange(t, sent_for(w), place, Origin="https://evil.test")[0], 403, "from elsewhere, of an older browser")
        equal(by_console(t, "/api/pail/v1/oidc-token")[0], 405, "GET")
        request = urllib.request.Request(t.pail.endpoint + "/pail/v1/oidc-token", json.dumps(sent_for(w)).encode())
        try:
            urllib.request.urlopen(request)
            true(False, "by S3's listener")
        except urllib.error.HTTPError as error:
            equal(error.code, 404, "by S3's listener")
        equal(len(w.idp.forms), asked, "the provider is not asked for those")
        t.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=w.arn)
        equal(exchange(t, sent_for(w), "127.0.1.2")[0], 404, "no longer there")


@case
def exchanges_are_counted_like_sign_ins(t):
    with World(t) as w:
        w.idp.speak_code()
        way_of(t, w)
        for _ in range(12):
            equal(exchange(t, sent_for(w), "127.0.3.1")[0], 200, "good ones do not count")
        for _ in range(10):
            equal(exchange(t, sent_for(w, code="guess"), "127.0.3.1")[0], 403)
        asked = len(w.idp.forms)
        # A token beside it makes it no other request.
        for more in ({}, {"x-amz-security-token": "x"}):
            status, _, headers = exchange(t, sent_for(w), "127.0.3.1", **more)
            equal(status, 429)
            true(0 < int(headers["Retry-After"]) <= 60, "when to come again")
        equal(len(w.idp.forms), asked, "the provider is not asked")
        equal(exchange(t, sent_for(w), "127.0.3.2")[0], 200, "others are not held up")


@case
def providers_that_exchange_badly(t):
    def says(status, body, **headers):
        return lambda: (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())
    with World(t) as w, World(t, path="/other") as other:
        w.idp.speak_code()
        way_of(t, w)
        code = sent_for(w)["code"]
        token = w.idp.token()
        replies = [
            (says(400, {"error": "access_denied", "error_description": "Nöt\r\nyou <b>" + "x" * 9000}), 403,
             "access_denied: N??t??you <b>xxx"),
            (says(401, {"error": "invalid_client"}), 403, "refused the sign-in: invalid_client"),
            (says(400, {"error": "invalid_grant", "error_description": f"{code} is spent"}), 403, "refused the sign-in: invalid_grant"),
            (says(400, {"error": {"code": 1}}), 503, "no id token"), (says(500, {"error": "oops"}), 503, "no id token"),
            (says(404, b"<html>"), 503, "no id token"), (says(200, b""), 503, "no id token"),
            (says(200, b'{"id_token":'), 503, "no id token"), (says(200, ["id_token"]), 503, "no id token"),
            (says(200, {"access_token": token}), 503, "no id token"), (says(200, {"id_token": 7}), 503, "no id token"),
            (says(200, {"id_token": "no token"}), 503, "no id token"),
            (says(200, {"id_token": "a.b." + "c" * 40000}), 503, "no id token"),
            (says(201, {"id_token": token}), 503, "no id token"),
            (says(200, {"id_token": token, "pad": "x" * 100000}), 503, "did not answer"),
            (says(200, b'{"a":' * 1500 + b"1" + b"}" * 1500), 503, "no id token"),
            (says(302, b"", Location=other.idp.url + "/token"), 503, "no id token"),
            (says(307, b"", Location=other.idp.url + "/token"), 503, "no id token")]
        for i, (reply, status, text) in enumerate(replies):
            w.idp.replies["token"] = reply
            got, error, _ = exchange(t, sent_for(w, code=code), f"127.0.4.{1 + i // 5}")
            equal((got, len(error["message"]) < 600), (status, True), f"{i}: {error}")
            contains(error["message"], text, str(i))
            true(code not in str(error) and token not in str(error), "nothing comes back")
        equal(other.idp.asked, [], "redirects are not followed")
        w.idp.stop()
        equal(exchange(t, sent_for(w, code=code), "127.0.4.9")[0], 503, "it is away")
        seen = [Caller(t).ask("GET", "/pail/v1/logs", "limit=1000"), Caller(t).ask("GET", "/pail/v1/audit", "limit=1000")]
        text = json.dumps(seen) + t.pail.whole_log()
        contains(text, "ExchangeOidcCode")
        equal([word in text for word in (code, VERIFIER, token, "theirs-alone")], [False] * 4, "in logs")
    with World(t) as w:
        w.idp.discovery["authorization_endpoint"] = w.idp.url + "/go"
        way_of(t, w)
        status, error, _ = exchange(t, sent_for(w), "127.0.4.9")
        equal(status, 503)
        contains(error["message"], "does not say where codes are exchanged")


@case
def a_provider_that_hangs_over_codes(t):
    stop = threading.Event()
    with World(t) as w, World(t, path="/quick") as quick:
        for one in (w, quick):
            one.idp.speak_code()
            way_of(t, one)
        w.idp.replies["token"] = lambda: (stop.wait(20), (200, {}, b"{}"))[1]
        results = []

        def ask(n):
            begin = time.monotonic()
            status, reply, _ = exchange(t, sent_for(w), f"127.0.5.{n}")
            results.append((status, reply["code"], time.monotonic() - begin))
        crowd = [threading.Thread(target=ask, args=(n + 1,)) for n in range(12)]
        for thread in crowd:
            thread.start()
        time.sleep(0.5)
        begin = time.monotonic()
        t.s3.list_buckets()
        quick.assume(quick.idp.token())
        true(time.monotonic() - begin < 3, "the others are not held up")
        for thread in crowd:
            thread.join()
        stop.set()
        equal(sorted((s, c) for s, c, _ in results), [(503, "ServiceUnavailable")] * 4 + [(503, "SlowDown")] * 8, "answers")
        true(max(r[2] for r in results) < 9, "bounded")
        equal(w.idp.count("token"), 4, "so many at a time")
        equal(exchange(t, sent_for(quick), "127.0.5.1")[0], 200, "afterwards there is room")


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
