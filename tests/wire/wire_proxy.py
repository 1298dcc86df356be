# SPDX-License-Identifier: Apache-2.0
"""Behind a proxy (HTP-16): it and the server must agree on how many requests there were, whatever was sent."""
import os
import re
import shutil
import socket
import subprocess

import wire_framing
from pail import free_port
from wire import KEEP, Group, Raw

proxy = Group("proxy", plain=False)

NGINX = """
daemon off; master_process off; pid {0}/nginx.pid; error_log {0}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format plain '$upstream_addr|$upstream_status|$status|$request';
    access_log {0}/access.log plain;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
    client_max_body_size 0; ignore_invalid_headers off; underscores_in_headers on; large_client_header_buffers 4 128k;
    upstream pail {{ server 127.0.0.1:{1}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{2};
        location / {{
            proxy_pass http://pail; proxy_http_version 1.1;
            proxy_set_header Host $http_host; proxy_set_header Connection "";
            proxy_request_buffering {3}; proxy_next_upstream off; proxy_read_timeout 10s; proxy_ignore_client_abort on;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    log stdout format raw local0
    log-format "|%s|%Tr|%HM %HU"
frontend f
    bind 127.0.0.1:{2}
    default_backend b
backend b
    server s 127.0.0.1:{1}
"""


def installed(kind):
    return shutil.which(kind, path=os.environ.get("PATH", "") + ":/usr/sbin")


class Proxy:
    """A proxy in front of a server, with a count of the requests that it passed on."""

    def __init__(self, t, kind, upstream, buffering="off"):
        self.folder = os.path.join(t.folder, f"{kind}-{buffering}")
        os.makedirs(self.folder)
        self.port, self.kind = free_port(), kind
        config = os.path.join(self.folder, "config")
        with open(config, "w") as f:
            f.write((NGINX if kind == "nginx" else HAPROXY).format(self.folder, upstream, self.port, buffering))
        program = installed(kind)
        command = [program, "-c", config, "-p", self.folder] if kind == "nginx" else [program, "-f", config]
        with open(os.path.join(self.folder, "error.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not t.wait(self._answers, 10):
            raise AssertionError(f"{kind} does not start: {open(os.path.join(self.folder, 'error.log')).read()[-500:]}")

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def passed_on(self):
        """Requests (answered by the server, begun with it), all of them and those for the smuggler's key."""
        if self.kind == "nginx":
            with open(os.path.join(self.folder, "access.log"), errors="replace") as f:
                lines = [line.split("|", 3) for line in f]
            begun = [x[3] for x in lines if x[0] != "-"]
            answered = [x[3] for x in lines if x[1] != "-"]
        else:
            with open(os.path.join(self.folder, "error.log"), errors="replace") as f:
                lines = [line for line in f if line.startswith("|")]
            begun = [x for x in lines if "|<NOSRV>|" not in x]
            answered = [x for x in begun if "|-1|" not in x]
        return len(answered), len(begun), *(sum(1 for x in kind if "/aaa/evil" in x) for kind in (answered, begun))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def recorded(t):
    """Every stream of bytes that the framing cases send to be refused."""
    found, original = [], wire_framing.smuggle

    def record(t, label, data, what, path="/aaa/evil"):
        found.append((label, data + t.signed("PUT", path, body=b"smuggled")))
    wire_framing.smuggle = record
    try:
        for case in (wire_framing.HTP_01_content_length_and_transfer_encoding, wire_framing.HTP_02_content_length,
                     wire_framing.HTP_03_transfer_encoding,
                     wire_framing.HTP_04_chunked_coding, wire_framing.HTP_05_header_lines,
                     wire_framing.HTP_08_body_of_a_refused_request_is_no_request):
            case(t)
    finally:
        wire_framing.smuggle = original
    return found


def agree(t, kind, buffering="off"):
    if not installed(kind):
        t.skip(f"{kind} is not installed")
    with t.server() as running:
        b = t.of(running)
        for path, body in (("/aaa", b""), ("/bbb", b""), ("/bbb/keep", KEEP)):
            t.expect("set-up", b.put(path, body), "200")
        streams = recorded(b)
        streams += [("100 GETs", b"".join(b.signed("GET", "/bbb/keep") for _ in range(100))),
                    ("HEADs, 304s, 204s and GETs",
                     b"".join(b.signed("HEAD", "/bbb/keep") +
                              b.signed("GET", "/bbb/keep", headers=[("If-None-Match", "*")]) +
                                                          b.signed("DELETE", "/aaa/none") +
                              b.signed("GET", "/bbb/keep") for _ in range(10))),
                    ("PUTs and GETs", b"".join(b.signed("PUT", f"/aaa/{i}", body=b"x" * i * 1000) +
                                               b.signed("GET", f"/aaa/{i}") for i in range(20))),
                    ("HEAD errors",
                     b"".join(b.signed("HEAD", "/aaa/none") + b.signed("GET", "/bbb/keep") for _ in range(10)))]
        running.stop()  # what was asked until now is in the log of before
        running.start()
        b = t.of(running)
        proxy = Proxy(t, kind, running.port, buffering)

        def seen():
            log = b.log()
            return len(re.findall(r"INFO access ", log)), len(re.findall(r"INFO access .* PUT /aaa/evil ", log))

        def agreed():
            answered, begun, evil_answered, evil_begun = proxy.passed_on()
            mine, evil = seen()
            return answered <= mine <= begun and evil_answered <= evil <= evil_begun
        try:
            for label, data in streams:
                with Raw("127.0.0.1", proxy.port, timeout=1) as c:
                    c.send(data)
                    try:
                        if data.endswith(b"smuggled"):
                            c.sock.shutdown(socket.SHUT_WR)
                        while c.more():
                            pass
                    except OSError:
                        pass
                if not t.wait(agreed, 10, 0.005):
                    t.note(label,
                           f"{kind} passed on {proxy.passed_on()}, the server saw {seen()} (answered, begun, smuggled)")
                    break
            t.true("something was passed on", proxy.passed_on()[0] > 100, f"{proxy.passed_on()}")
            with Raw("127.0.0.1", proxy.port) as c:
                reply = c.send(b.signed("GET", "/bbb/keep")).reply()
                t.true("and it serves on", reply.status == 200 and reply.body == KEEP)
        finally:
            proxy.stop()


@proxy.case
def HTP_16_nginx(t):
    agree(t, "nginx")


@proxy.case
def HTP_16_nginx_that_buffers_requests(t):
    agree(t, "nginx", "on")


@proxy.case
def HTP_16_haproxy(t):
    agree(t, "haproxy")
