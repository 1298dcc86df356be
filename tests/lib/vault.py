# SPDX-License-Identifier: Apache-2.0
"""A stand-in for HashiCorp Vault that speaks the part of the transit engine's HTTP API that Pail uses.

    with Vault() as vault:
        vault.arguments(token_file)     the settings of `pail server`
        vault.away() / vault.back()     nobody listens on its port any more / again
        vault.requests                  (path, status) of what was asked

Its sealed texts are tickets to a table, so what it answers is what was sealed, and only under the same key.
"""
import base64
import http.server
import json
import os
import threading


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class Vault:
    def __init__(self, token="s.root-token", key="pail", mount="transit", namespace=None):
        self.token, self.key, self.mount, self.namespace = token, key, mount, namespace
        self.sealed = {}
        self.requests = []
        self.port = 0
        self.server = None
        self.broken = None  # a body to answer instead

    def __enter__(self):
        self.back()
        return self

    def __exit__(self, *_):
        self.away()

    def back(self):
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = vault.answer(self.path, self.headers, body)
                vault.requests.append((self.path, status))
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def away(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, path, headers, body):
        if headers.get("X-Vault-Request") != "true":
            return 412, {"errors": ["no X-Vault-Request header"]}
        if headers.get("X-Vault-Token") != self.token or headers.get("X-Vault-Namespace") != self.namespace:
            return 403, {"errors": ["permission denied"]}
        if self.broken is not None:
            return 200, self.broken
        try:
            asked = json.loads(body)
        except ValueError:
            return 400, {"errors": ["error parsing JSON"]}
        if path == f"/v1/{self.mount}/encrypt/{self.key}":
            base64.b64decode(asked["plaintext"], validate=True)
            text = "vault:v1:" + base64.b64encode(os.urandom(44)).decode()
            self.sealed[text] = asked["plaintext"]
            return 200, {"data": {"ciphertext": text, "key_version": 1}}
        if path == f"/v1/{self.mount}/decrypt/{self.key}":
            if asked.get("ciphertext") not in self.sealed:
                return 400, {"errors": ["invalid ciphertext: unable to decrypt"]}
            return 200, {"data": {"plaintext": self.sealed[asked["ciphertext"]]}}
        return 404, {"errors": []}

    def arguments(self, token_file):
        more = ["--vault-namespace", self.namespace] if self.namespace else []
        return ["--vault-address", f"http://127.0.0.1:{self.port}/", "--vault-key", self.key, "--vault-token-file",
                token_file, "--vault-mount", self.mount, *more]
