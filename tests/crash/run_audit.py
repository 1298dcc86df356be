#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The audit log: every request has its line, none has a secret; a webhook that is away loses nothing.

    tests/crash/run_audit.py [word]      only cases whose name contains the word
"""
import errno
import http.server
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import iotrap  # noqa: E402
import s3client  # noqa: E402
from cases import equal, run_alone, true, wait_for  # noqa: E402
from pail import SECRET_KEY, Pail, TEST_DIR  # noqa: E402

BUCKET = "audited"


def client_of(pail, **more):
    return s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, **more)


def lines_of(*paths):
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found += [json.loads(line) for line in f]
    return found


def folder():
    os.makedirs(TEST_DIR, exist_ok=True)
    return tempfile.mkdtemp(prefix="audit-", dir=TEST_DIR)


def queued(data):
    """What lies in the queue of the webhook in the data folder."""
    queue, text = os.path.join(data, "audit"), b""
    for name in os.listdir(queue):
        try:
            with open(os.path.join(queue, name), "rb") as f:
                text += f.read()
        except FileNotFoundError:  # sent meanwhile
            pass
    return text


def is_queued(data, words):
    return words.encode() in queued(data)


def every_request():
    """Who, what, decision, result, bytes; denied and broken ones too; no secrets"""
    path = os.path.join(folder(), "audit.jsonl")

    def written(n):
        """Another connection may be another thread's, so its lines come in no order."""
        wait_for(lambda: open(path, "rb").read().count(b"\n") == n, f"{n} lines")

    with Pail("audit-lines", args=["--audit-file", path]) as pail:
        client = client_of(pail)
        client.create_bucket(BUCKET)
        client.put(BUCKET, 'odd "key"\u00e9\n', b"x" * 1000, headers={"user-agent": "audit-test"})
        client.get(BUCKET, "missing")
        written(3)
        nobody = s3client.Client(pail.host, pail.port, pail.access_key, "wrong" * 8)
        nobody.get(BUCKET, "k")
        written(4)
        signer = s3client.Signer(pail.access_key, pail.secret_key)
        target = signer.presign("GET", f"{pail.host}:{pail.port}", f"/{BUCKET}/missing",
                                query=[("response-content-type", "a/b")])
        client.send("GET", target, headers={})
        client.send("GET", f"/{BUCKET}/private", headers={})
        client.send("POST", "/nonsense?x=%ff", headers={"x-amz-security-token": "very-secret-token"})
        written(7)
        client.send("GET", "/minio/health/live", headers={})
        client.send("GET", "/minio/admin/v3/nothing", headers={})
    found = lines_of(path)
    equal([(line["api"]["name"], line["api"]["statusCode"]) for line in found],
          [("CreateBucket", 200), ("PutObject", 200), ("GetObject", 404), ("GetObject", 403), ("GetObject", 404),
           ("GetObject", 403), ("", 400), ("HealthLive", 200), ("", 426)], "lines")
    equal([(line["requestPath"], line["api"].get("bucket"), line["api"].get("object")) for line in found[7:]],
          [("/minio/health/live", None, None), ("/minio/admin/v3/nothing", None, None)], "the server's own paths are no objects")
    put = found[1]
    equal((put["api"]["bucket"], put["api"]["object"], put["api"]["rx"]), (BUCKET, 'odd "key"\u00e9\n', 1000), "a PUT")
    equal((put["accessKey"], put["decision"], put["decidedBy"], put["remotehost"].split(":")[0], put["userAgent"]),
          (pail.access_key, "allowed", "root", "127.0.0.1", "audit-test"), "who and why")
    true(put["api"]["timeToResponseInNS"].isdigit() and put["time"].endswith("Z") and put["requestID"], "times")
    equal(found[3]["error"], "SignatureDoesNotMatch", "a wrong signature")
    equal((found[5]["error"], found[5]["decision"]), ("AccessDenied", "denied"), "nobody signed")
    equal(found[4]["requestQuery"]["response-content-type"], "a/b", "a parameter")
    with open(path) as f:
        text = f.read()
    signature = urllib.parse.parse_qs(target.split("?")[1])["X-Amz-Signature"][0]
    for secret in (SECRET_KEY, "wrongwrong", signature, "very-secret-token"):
        true(secret not in text, f"a secret stands in the log: {secret[:8]}")


def every_text():
    """Texts of every length, with something to escape at every place"""
    path = os.path.join(folder(), "audit.jsonl")
    odd = ['"', "\\", "\n", "\x7f", "\x01", "\u00e9", "\u4e00", "!"]
    keys = ["abcdefghijklmnopqrstuvwxyz"[:n] for n in range(1, 27)]
    keys += [keys[-1][:at] + odd[(n + at) % len(odd)] + keys[-1][at + 1:n] for n in range(1, 20) for at in range(n)]
    agents = ["", "a", "1234567", "12345678", "123456789", "tab\tquote\"", "x" * 700]
    with Pail("audit-texts", args=["--audit-file", path]) as pail:
        client = client_of(pail)
        client.create_bucket(BUCKET)
        for key in keys:
            equal(client.get(BUCKET, key).status, 404, "GET")
        for agent in agents:
            client.get(BUCKET, "agent", headers={"user-agent": agent})
    found = lines_of(path)[1:]
    equal([line["api"]["object"] for line in found[:len(keys)]], keys, "keys")
    equal([line["userAgent"] for line in found[len(keys):]], [agent[:512] for agent in agents], "agents")


def rotation():
    """The file is rotated by size, and only so many are kept"""
    path = os.path.join(folder(), "audit.jsonl")
    with Pail("audit-rotation", args=["--audit-file", path, "--audit-file-max-mib", "1", "--audit-file-keep", "2"]) as pail:
        client = client_of(pail)
        client.create_bucket(BUCKET)
        long = "k" * 900
        for _ in range(3800):
            client.get(BUCKET, long)
        wait_for(lambda: os.path.exists(path + ".2"))
    true(not os.path.exists(path + ".3"), "more were kept than asked for")
    kept = lines_of(path + ".2", path + ".1", path)
    true(all(line["api"]["name"] == "GetObject" for line in kept[1:]), "lines are torn")
    true(len(kept) > 800, f"two files of a MiB hold no more than {len(kept)} lines of 2 KiB")


class Receiver:
    """A webhook on a port of its own. `taking` False: it answers 503."""

    def __init__(self, port=0):
        self.lines, self.requests, self.taking, self.tokens = [], 0, True, set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests += 1
                receiver.tokens.add(self.headers.get("Authorization"))
                taking = receiver.taking
                if taking:
                    receiver.lines += [json.loads(line) for line in body.splitlines()]
                self.send_response(200 if taking else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def webhook_outage():
    """A webhook that is away, a restart and a kill: every line arrives, in order, none is lost"""
    receiver = Receiver()
    data = os.path.join(folder(), "data")
    port = receiver.port
    args = ["--audit-webhook", f"http://127.0.0.1:{port}/hook", "--audit-webhook-batch", "50"]
    pail = Pail("audit-webhook", data=data, args=args, env={"PAIL_AUDIT_WEBHOOK_TOKEN": "hook-token"})
    sent, client = 0, None

    def start():
        nonlocal client
        pail.start()
        client = client_of(pail)  # one connection, so that there is an order

    def some(n):
        nonlocal sent
        for _ in range(n):
            client.get(BUCKET, f"key-{sent:06}")
            sent += 1

    def arrived():
        keys = [line["api"]["object"] for line in receiver.lines if "object" in line["api"]]
        first = list(dict.fromkeys(keys))  # again is allowed, after a restart
        return first if len(first) >= sent else None

    start()
    try:
        client.create_bucket(BUCKET)
        some(100)
        equal(wait_for(arrived), [f"key-{n:06}" for n in range(sent)], "lines")
        equal(receiver.tokens, {"Bearer hook-token"}, "Authorization")
        receiver.taking = False
        some(100)
        receiver.close()
        away = socket.socket()  # holds the port, and refuses
        away.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        away.bind(("127.0.0.1", port))
        some(100)
        pail.stop()
        start()
        some(100)
        wait_for(lambda: is_queued(data, f"key-{sent - 1:06}"), "the queue")  # what is not written a crash may lose
        pail.kill()
        start()
        old = receiver
        receiver = Receiver(port)
        away.close()
        receiver.lines = old.lines
        some(100)
        equal(wait_for(arrived, "the lines", 60), [f"key-{n:06}" for n in range(sent)], "lines")
        wait_for(lambda: len(queued(data)) < 5 << 20)
        pail.stop()
    finally:
        pail.kill()
        receiver.close()
    return f"{sent} lines, {receiver.requests} requests at the end"


def bounded_queue():
    """A webhook that never comes back: the queue is bounded, requests go on"""
    data = os.path.join(folder(), "data")
    with Pail("audit-bounded", data=data, args=["--audit-webhook", "http://127.0.0.1:1/", "--audit-queue-mib", "1"]) as pail:
        client = client_of(pail)
        client.create_bucket(BUCKET)
        for _ in range(2500):
            equal(client.get(BUCKET, "k" * 900).status, 404, "GET")
        pail.says("its queue is full")
    queue = os.path.join(data, "audit")
    true(sum(os.path.getsize(os.path.join(queue, n)) for n in os.listdir(queue)) <= 1 << 20, "the queue is too large")


def full_disk_under_the_queue():
    """A disk that is full in the middle of a line: lines are lost and counted, no half one is left, the rest arrives"""
    where = folder()
    data = os.path.join(where, "data")
    trap, receiver = iotrap.Trap(where, data), Receiver()
    receiver.taking = False
    args = ["--audit-webhook", f"http://127.0.0.1:{receiver.port}/", "--audit-queue-mib", "1"]
    with Pail("audit-full", data=data, args=args, env=trap.environment()) as pail:
        client = client_of(pail)
        client.create_bucket(BUCKET)
        wait_for(lambda: receiver.requests)

        def ask(name, n):
            for i in range(n):
                equal(client.get(BUCKET, f"{name}-{i}").status, 404, "GET")

        ask("before", 10)
        wait_for(lambda: is_queued(data, "before-9"), "the queue")  # what comes next is another write
        trap.set(0, iotrap.WRITE, iotrap.SHORT, 1000, times=1, path="/audit/0")
        trap.set(1, iotrap.WRITE, iotrap.ERROR, errno.ENOSPC, skip=1, times=1, path="/audit/0")
        ask("lost", 20)
        wait_for(lambda: (trap.hits(0), trap.hits(1)) == (1, 1), "the faults")
        time.sleep(0.5)  # several times AUDIT_FLUSH_MS: the rest of these lines
        trap.clear()
        ask("after", 10)
        receiver.taking = True
        wait_for(lambda: any(line["api"].get("object") == "after-9" for line in list(receiver.lines)), 20)
        pail.says("lines are lost to the webhook's queue: No space left")
    receiver.close()
    names = [line["api"].get("object") for line in receiver.lines]
    equal([n for n in names if n and not n.startswith("lost")],
          [f"before-{i}" for i in range(10)] + [f"after-{i}" for i in range(10)], "lines")
    true(1 <= sum(n is not None and n.startswith("lost") for n in names) < 20, "what was written whole stays")


def a_file_that_cannot_be():
    """A file that cannot be written stops the start, with its name"""
    with tempfile.TemporaryDirectory() as place:
        os.mkfifo(f"{place}/pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{place}/socket")
        for path, why in (("/nonexistent/audit", "No such file"), (f"{place}/pipe", "nobody reads this pipe"),
                          (f"{place}/socket", "No such device")):
            refused(path, why)
        with open(os.open(f"{place}/pipe", os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as reader:
            with Pail("audit-pipe", args=["--audit-file", f"{place}/pipe"]) as pail:
                client_of(pail).create_bucket("piped")
            lines = [json.loads(line) for line in reader]
        true(any(e["api"]["name"] == "CreateBucket" for e in lines), "the reader has the line")


def refused(path, why):
    pail = Pail("audit-nowhere", args=["--audit-file", path])
    try:
        pail.start()
    except Exception as error:
        true(f"--audit-file {path}: {why}" in str(error), str(error))
        return
    pail.kill()
    raise AssertionError("it started")


CASES = [every_request, every_text, rotation, webhook_outage, bounded_queue, full_disk_under_the_queue,
         a_file_that_cannot_be]


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run_alone(CASES, "Audit: {}"))
