# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an OpenID Connect identity provider: keys, tokens, and a web server that publishes the keys and
exchanges codes for tokens, with PKCE.

    with Issuer(folder) as idp:
        idp.url                         "http://127.0.0.1:PORT/realms/one"
        idp.token("ES256", sub="ann")   a signed token of this issuer
        idp.rotate()                    from now on other keys
        idp.discovery["..."] = ...      more that its discovery document says
        idp.speak_code()                its discovery document offers codes, too
        idp.code(client, address, verifier, sub="ann")    a code, as somebody who has signed in brings it back
        idp.replies["keys"] = ...       something else than the right document: (status, headers, body) or a function
"""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, **more):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, **more).stdout


class Keys:
    """An RSA key and one on P-256, made and used through the openssl program."""

    def __init__(self, folder, number=1):
        self.ids = {"RS256": f"r{number}", "ES256": f"e{number}"}
        self.files = {alg: os.path.join(folder, kid + ".pem") for alg, kid in self.ids.items()}
        rsa, ec = self.files["RS256"], self.files["ES256"]
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", rsa)
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", ec)
        modulus = openssl("rsa", "-in", rsa, "-noout", "-modulus").decode().strip().split("=")[1]
        point = openssl("ec", "-in", ec, "-pubout", "-outform", "DER")[-64:]
        self.public = [
            {"kty": "RSA", "kid": self.ids["RS256"], "use": "sig", "alg": "RS256", "n": b64(bytes.fromhex(modulus)),
             "e": "AQAB"},
            {"kty": "EC", "kid": self.ids["ES256"], "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])}]

    def token(self, alg="RS256", kid=None, key=None, header=None, **claims):
        head = {"alg": alg, "typ": "JWT", "kid": kid or self.ids.get(alg, self.ids["RS256"]), **(header or {})}
        head = {k: v for k, v in head.items() if v is not None}
        body = {"sub": "user-1", "aud": "app-1", "exp": int(time.time()) + 600, **claims}
        body = {k: v for k, v in body.items() if v is not None}
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
        if alg == "none":
            return text + "."
        signature = openssl("dgst", "-sha256", "-sign", key or self.files.get(alg, self.files["RS256"]),
                            input=text.encode())
        return text + "." + b64(raw(signature) if alg == "ES256" else signature)


def raw(der):
    """r and s side by side, of an ECDSA signature in DER."""
    at, parts = 2, []
    for _ in range(2):
        n = der[at + 1]
        parts.append(der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + n
    return b"".join(parts)


class Issuer:
    def __init__(self, folder, path="/realms/one"):
        self.folder, self.path, self.number = folder, path, 0
        self.replies, self.asked, self.discovery = {}, [], {}
        self.codes, self.forms = {}, []  # what codes stand for; what was sent for them
        self.server = None
        self.rotate()
        self.port = 0

    def rotate(self):
        self.number += 1
        self.keys = Keys(self.folder, self.number)

    def token(self, alg="RS256", **more):
        return self.keys.token(alg, **{"iss": self.url, **more})

    def speak_code(self, **more):
        self.discovery.update({
            "authorization_endpoint": self.url + "/go", "token_endpoint": self.url + "/token",
            "response_types_supported": ["id_token", "code"], "code_challenge_methods_supported": ["plain", "S256"],
            **more})

    def code(self, client, address, verifier, seconds=60, **claims):
        challenge = b64(hashlib.sha256(verifier.encode()).digest())
        code = f"code-{len(self.codes)}-{b64(os.urandom(12))}"
        self.codes[code] = (client, address, challenge, time.monotonic() + seconds, self.token(aud=client, **claims))
        return code

    def _exchange(self, form):
        """Status and reply, as RFC 6749 and 7636 have them."""
        self.forms.append(form)
        known = self.codes.pop(form.get("code"), None)
        given = (form.get("client_id"), form.get("redirect_uri"), b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()))
        if form.get("grant_type") != "authorization_code":
            return 400, {"error": "unsupported_grant_type"}
        if known is None or known[3] < time.monotonic():
            return 400, {"error": "invalid_grant", "error_description": "The code is unknown or has expired."}
        if given != known[:3]:
            return 400, {"error": "invalid_grant", "error_description": "PKCE verification failed"}
        return 200, {"access_token": "theirs-alone", "token_type": "Bearer", "refresh_token": "theirs-too",
                     "id_token": known[4]}

    def count(self, what):
        return self.asked.count(what)

    def _reply(self, path, body=None):
        what = {self.path + "/.well-known/openid-configuration": "discovery", self.path + "/keys": "keys",
                self.path + "/token": "token" if body is not None else None}.get(path)
        if what is None:
            return 404, {}, b"nothing here"
        self.asked.append(what)
        other = self.replies.get(what)
        if other is not None:
            return other() if callable(other) else other
        if what == "token":
            status, reply = self._exchange(dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True)))
            return status, {"Content-Type": "application/json"}, json.dumps(reply).encode()
        if what == "keys":
            return 200, {}, json.dumps({"keys": self.keys.public}).encode()
        return 200, {}, json.dumps({"issuer": self.url, "jwks_uri": self.url + "/keys", **self.discovery}).encode()

    def start(self):
        """Listens, on the port of before if there was one."""
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.do_GET(self.rfile.read(int(self.headers["Content-Length"])))

            def do_GET(self, sent=None):
                status, headers, body = issuer._reply(self.path, sent)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the other side had enough

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{self.path}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
