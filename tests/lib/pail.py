# SPDX-License-Identifier: Apache-2.0
"""Starts the real server for a test, and stops it again.

    with Pail("wire") as pail:
        requests go to pail.endpoint with pail.access_key and pail.secret_key

The server takes a free port and says so in its log ("S3 endpoint: http://HOST:PORT");
that line is waited for. stop() sends SIGTERM and insists on exit code 0, on a bounded
time and on a log without a sanitizer's report. Names given by the environment:

    PAIL_BUILD           where builds, certificates, data folders and logs go (build)
    PAIL_BINARY          the server to run (build/release/pail)
    PAIL_TEST_ENDPOINT   use this endpoint instead of starting a server; with
                         PAIL_TEST_ACCESS_KEY, PAIL_TEST_SECRET_KEY and, for https, PAIL_TEST_CA
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("PAIL_BUILD", os.path.join(ROOT, "build")))
TEST_DIR = os.path.join(BUILD, "test")
ACCESS_KEY = "PAILTESTROOTUSER0001"
SECRET_KEY = "pail-test+secret/key-0123456789abcdefghij"
START_SECONDS = 20  # generous: sanitized builds on a loaded machine
STOP_SECONDS = 30
_ENDPOINT = re.compile(rb"S3 endpoint:\s+(https?)://(\S+):(\d+)")
_CONSOLE = re.compile(rb"Console:\s+https?://\S+:(\d+)/")
_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer")


class ServerError(Exception):
    """The server did not start, did not stop, or left a report behind."""


def default_binary():
    return os.environ.get("PAIL_BINARY", os.path.join(BUILD, "release", "pail"))


def free_port():
    """A port for a program that cannot take a free one itself: below those that the kernel gives to others meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10240, 28000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def certificates():
    """A throw-away authority and a certificate for this machine's names; made once, in build/."""
    folder = os.path.join(TEST_DIR, "certs")
    with _certificates_lock:
        if not os.path.exists(os.path.join(folder, "private.key")):
            _make_certificates(folder)
    return folder


_certificates_lock = threading.Lock()


def _make_certificates(folder):
    os.makedirs(TEST_DIR, exist_ok=True)
    made = tempfile.mkdtemp(prefix="certs-", dir=TEST_DIR)

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=made, check=True, capture_output=True)

    with open(os.path.join(made, "names.ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1\n"
                "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-keyout", "ca.key", "-out", "ca.crt",
            "-subj", "/CN=Pail test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "private.key", "-out", "server.csr",
            "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "3650", "-extfile", "names.ext", "-out", "public.crt")
    try:
        os.rename(made, folder)
    except OSError:  # another suite was faster; its certificates are as good
        shutil.rmtree(made)


class Pail:
    """One server process with a data folder of its own."""

    def __init__(self, name, tls=False, data=None, args=(), env=None, binary=None,
                 access_key=ACCESS_KEY, secret_key=SECRET_KEY):
        self.name = name
        self.tls = tls
        self.args = list(args)
        self.env = dict(env or {})
        self.binary = binary or default_binary()
        self.access_key, self.secret_key = access_key, secret_key
        self.region = "us-east-1"
        self.ca = None
        self.process = None
        self.console_port = None  # of the web console; None: there is none
        self.external = os.environ.get("PAIL_TEST_ENDPOINT")
        os.makedirs(TEST_DIR, exist_ok=True)
        self.own_data = data is None
        self.data = data
        self.log_path = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove_data()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if self.process:
                self.stop() if kind is None else self._end_quietly()
        finally:
            self.remove_data()

    def start(self):
        if self.external:
            return self._use_external()
        if self.data is None:
            self.data = tempfile.mkdtemp(prefix=f"data-{self.name}-", dir=TEST_DIR)
        command = [self.binary, "server", self.data, "--address", "127.0.0.1:0", "--console-address", "127.0.0.1:0"]
        if self.tls:
            certs = certificates()
            self.ca = os.path.join(certs, "ca.crt")
            command += ["--certs-dir", self._server_certificates(certs)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MINIO_", "PAIL_"))}
        environment.update({"PAIL_ROOT_USER": self.access_key, "PAIL_ROOT_PASSWORD": self.secret_key, **self.env})
        environment = {k: v for k, v in environment.items() if v is not None}  # None: not set, rather than empty
        log_fd, self.log_path = tempfile.mkstemp(prefix=f"server-{self.name}-", suffix=".log", dir=TEST_DIR)
        with os.fdopen(log_fd, "wb") as log:
            self.process = subprocess.Popen(command + self.args, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=environment)
        self._wait_until_ready()
        return self

    def _use_external(self):
        self.endpoint = self.external.rstrip("/")
        self.access_key = os.environ.get("PAIL_TEST_ACCESS_KEY", "minioadmin")
        self.secret_key = os.environ.get("PAIL_TEST_SECRET_KEY", "minioadmin")
        self.ca = os.environ.get("PAIL_TEST_CA")
        scheme, rest = self.endpoint.split("://")
        self.tls = scheme == "https"
        self.host, _, port = rest.partition(":")
        self.port = int(port or (443 if self.tls else 80))
        return self

    @staticmethod
    def _server_certificates(certs):
        """The folder that the server reads: only its certificate and key, never the authority's."""
        folder = os.path.join(certs, "server")
        with _certificates_lock:
            if not os.path.exists(os.path.join(folder, "private.key")):
                os.makedirs(folder, exist_ok=True)
                for name in ("public.crt", "private.key"):
                    shutil.copy(os.path.join(certs, name), folder)
        return folder

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with open(self.log_path, "rb") as log:
                text = log.read()
            found = _ENDPOINT.search(text)
            if found:
                console = _CONSOLE.search(text)
                self.console_port = int(console.group(1)) if console else None
                scheme, host, port = (g.decode() for g in found.groups())
                self.host, self.port = host.strip("[]"), int(port)
                self.endpoint = f"{scheme}://{host}:{port}"
                if (scheme == "https") != self.tls:
                    raise ServerError(f"the server announced {self.endpoint}")
                return
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise ServerError(f"the server ended with code {code} at start-up:\n{self.log()}")
            time.sleep(0.01)
        self.kill()
        raise ServerError(f"the server named no endpoint within {START_SECONDS} s:\n{self.log()}")

    @property
    def pid(self):
        return self.process.pid

    def whole_log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def log(self, limit=6000):
        """The end of it, for messages; what is looked for stands in the whole one."""
        return self.whole_log()[-limit:]

    def says(self, words, seconds=10):
        """Waits for words in the log, which a thread of the server's writes when it comes to it."""
        deadline = time.monotonic() + seconds
        while words not in self.whole_log():
            if time.monotonic() > deadline:
                raise AssertionError(f"{words!r} is not in the log within {seconds} s:\n{self.log(1500)}")
            time.sleep(0.02)

    def connect(self, timeout=10):
        """A plain TCP connection to the server."""
        return socket.create_connection((self.host, self.port), timeout)

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; the drain must end in time, with code 0 and nothing to complain about."""
        if self.external or self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerError(f"the server did not stop within {seconds} s of SIGTERM:\n{self.log()}") from None
        self.check_log()
        if code != 0:
            raise ServerError(f"the server stopped with code {code}:\n{self.log()}")

    def check_log(self):
        """Fails when a sanitizer has reported anything."""
        if self.log_path and os.path.exists(self.log_path):
            text = self.whole_log()
            found = _REPORT.search(text)
            if found:
                raise ServerError("a sanitizer reported:\n" + text[max(0, found.start() - 200):found.start() + 4000])

    def kill(self):
        """SIGKILL, as a crash test wants it."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        """Starts again on the same data."""
        self.kill()
        return self.start()

    def _end_quietly(self):
        """A test failed already; do not hide its exception behind ours."""
        try:
            self.stop()
        except ServerError as error:
            print("#", str(error).replace("\n", "\n# "))

    def remove_data(self):
        self.kill()
        if self.own_data and self.data:
            shutil.rmtree(self.data, ignore_errors=True)

    def aws_environment(self):
        """The environment that makes an AWS SDK or the aws CLI talk to this server, and nothing more."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PAIL_", "MINIO_"))}
        environment.update(AWS_ACCESS_KEY_ID=self.access_key, AWS_SECRET_ACCESS_KEY=self.secret_key,
                           AWS_DEFAULT_REGION=self.region, AWS_REGION=self.region, AWS_ENDPOINT_URL=self.endpoint,
                           AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
                           AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        if self.ca:
            environment["AWS_CA_BUNDLE"] = self.ca
        return environment
