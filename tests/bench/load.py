# SPDX-License-Identifier: Apache-2.0
"""What the measurements are made with: wrk for load, nginx for the raw limit, counters of /proc."""
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

import s3client

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


_running = set()


def stop_all():
    """Nothing outlives the measurement, however it ends."""
    for process in list(_running):
        process.kill()
        process.wait()


class Result:
    """One run of wrk."""

    def __init__(self, line):
        self.requests, micros, self.bytes, self.failures, self.p50, self.p99, self.mean = map(int, line.split()[1:])
        self.seconds = micros / 1e6
        self.rate = self.requests / self.seconds
        self.bytes_rate = self.bytes / self.seconds


class LoadError(Exception):
    """wrk could not run, or the server answered anything but success."""


def check(condition, what):
    if not condition:
        raise LoadError(what)


def start_wrk(where, mode, method, targets, connections, seconds, body=0, header=None, threads=2):
    """A running wrk; finish_wrk() waits for it. `where`: host:port; `targets`: the file of targets."""
    threads = min(threads, connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "120s", "--latency",
               "-s", os.path.join(HERE, "load.lua"), f"http://{where}", "--", mode, method, targets, str(body)]
    process = subprocess.Popen(command + list(header or ()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    _running.add(process)
    return process


def finish_wrk(process):
    output, _ = process.communicate()
    _running.discard(process)
    found = re.search(r"^RESULT .*$", output, re.M)
    if not found:
        raise LoadError(f"wrk ended without a result:\n{output}")
    result = Result(found.group(0))
    if result.failures:
        raise LoadError(f"{result.failures} of {result.requests} requests failed:\n{output}")
    return result


def wrk(*args, **more):
    return finish_wrk(start_wrk(*args, **more))


def wrk_once(where, method, base, threads, connections, body):
    """Every target of the files `base`.0, `base`.1, ... once. wrk itself would go on until its time is over."""
    process = start_wrk(where, "once", method, base, connections, 36000, body, threads=threads)
    while process.poll() is None and any(os.path.exists(f"{base}.{n}") for n in range(threads)):
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return finish_wrk(process)


class Presigner:
    """Presigned targets by the hundred thousand: what is the same in all of them is computed once."""

    def __init__(self, pail, access_key=None, secret_key=None):
        """By the server's root, unless another key is given."""
        self.host = f"{pail.host}:{pail.port}"
        self.signer = s3client.Signer(access_key or pail.access_key, secret_key or pail.secret_key, pail.region)
        self.stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    def one(self, method, path, query=(), headers=None):
        return self.signer.presign(method, self.host, path, query, stamp=self.stamp, headers=headers)

    def many(self, method, bucket, keys):
        """Targets of keys that need no percent-encoding and no further query."""
        sample = self.one(method, f"/{bucket}/x")
        query = sample[sample.index("?") + 1:sample.index("&X-Amz-Signature")]
        scope = f"{self.stamp[:8]}/{self.signer.region}/s3/aws4_request"
        before = f"AWS4-HMAC-SHA256\n{self.stamp}\n{scope}\n".encode()
        after = f"\n{query}\nhost:{self.host}\n\nhost\n{s3client.UNSIGNED}".encode()
        key = self.signer.signing_key(self.stamp[:8])
        for name in keys:
            path = f"/{bucket}/{name}"
            digest = hashlib.sha256(f"{method}\n{path}".encode() + after).hexdigest()
            yield f"{path}?{query}&X-Amz-Signature={hmac.digest(key, before + digest.encode(), 'sha256').hex()}"


class Iam:
    """Calls of IAM's query API by a server's root: iam("CreateUser", UserName="ann")."""

    def __init__(self, pail):
        self.client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key)
        self.client.signer.service = "iam"

    def __call__(self, action, **parameters):
        body = urllib.parse.urlencode(dict(parameters, Action=action, Version="2010-05-08")).encode()
        reply = self.client.request("POST", body=body, headers={"content-type": "application/x-www-form-urlencoded"})
        if not reply.ok:
            raise LoadError(f"{action}: {reply!r}")
        return reply

    def user(self, name, documents):
        """A new user to whom these policies are attached; access key and secret."""
        self("CreateUser", UserName=name)
        for number, statements in enumerate(documents):
            text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
            arn = self("CreatePolicy", PolicyName=f"{name}-{number}", PolicyDocument=text).value("Arn")
            self("AttachUserPolicy", UserName=name, PolicyArn=arn)
        key = self("CreateAccessKey", UserName=name)
        return key.value("AccessKeyId"), key.value("SecretAccessKey")


def write_lines(path, lines):
    with open(path, "w") as f:
        for line in lines:
            f.write(line)
            f.write("\n")
    return path


class Nginx:
    """nginx on a free port of this machine: two workers, sendfile, no log, PUT by its WebDAV module."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.files = os.path.join(self.folder, "files")
        os.makedirs(self.files, exist_ok=True)
        os.makedirs(os.path.join(self.folder, "put"), exist_ok=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.where = f"127.0.0.1:{self.port}"
        config = os.path.join(self.folder, "nginx.conf")
        with open(config, "w") as f:
            f.write(self._config())
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([binary, "-p", self.folder, "-c", config, "-g", "daemon off;"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait()

    def _config(self):
        user = "user root;" if os.geteuid() == 0 else ""
        temp = "".join(f"{name}_temp_path {self.folder}/temp-{name};\n"
                       for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""{user} worker_processes 2; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000000; client_max_body_size 1g;
    {temp}
    server {{
        listen {self.where} reuseport; root {self.files};
        location /put/ {{ root {self.folder}; dav_methods PUT; create_full_put_path on; }}
    }}
}}
"""

    def _wait(self):
        for _ in range(500):
            if self.process.poll() is not None:
                raise LoadError(f"nginx did not start: {self.process.stderr.read().decode()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise LoadError("nginx does not listen")

    def workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def stop(self):
        self.process.terminate()
        self.process.wait()


# --- counters -----------------------------------------------------------------------------

def cpu_seconds(pids):
    """Processor time of these processes: user, system."""
    user = system = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        user, system = user + int(fields[11]) / TICK, system + int(fields[12]) / TICK
    return user, system


def memory(pid):
    """Bytes of memory that are not pages of files: RssAnon + RssShmem."""
    with open(f"/proc/{pid}/status") as f:
        text = f.read()
    return sum(int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1)) for name in ("RssAnon", "RssShmem")) * 1024


class MemoryPeak(threading.Thread):
    """Looks at a process's memory until it is stopped, and keeps the highest value."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.stopped = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.02):
            self.peak = max(self.peak, memory(self.pid))

    def stop(self):
        self.stopped.set()
        self.join()
        return self.peak


def disk_used(folder):
    return sum(os.lstat(os.path.join(where, name)).st_blocks * 512
               for where, _, names in os.walk(folder) for name in names)


def sampled_shares(pid, file, groups, run):
    """What `run` answers, and each group's share of the process's samples in user mode meanwhile: those with a
    function of the group on the stack. None for the shares where perf cannot be used."""
    command = ["perf", "record", "-q", "-e", "cpu-clock:u", "-F", "997", "--call-graph", "dwarf,16384", "-o", file]
    try:
        perf = subprocess.Popen(command + ["-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return run(), None
    _running.add(perf)
    time.sleep(0.5)  # it begins
    result = run()
    ended = perf.poll() is not None
    perf.send_signal(signal.SIGINT)
    perf.wait()
    _running.discard(perf)
    text = subprocess.run(["perf", "script", "-i", file, "--no-inline", "-F", "ip,sym"], capture_output=True,
                          text=True).stdout
    samples = [set(re.findall(r"^\s+[0-9a-f]+ (\S+)", sample, re.M)) for sample in text.split("\n\n")]
    samples = [names for names in samples if names]
    if ended or len(samples) < 100:
        return result, None
    return result, {group: sum(1 for names in samples if names & functions) / len(samples)
                    for group, functions in groups.items()}


# --- raw limits ---------------------------------------------------------------------------

def md5_rate(processes, seconds):
    """Bytes a second that so many processes of `openssl speed md5` reach together."""
    command = ["openssl", "speed", "-seconds", str(seconds), "-bytes", "65536"]
    command += ["-multi", str(processes)] if processes > 1 else []
    output = subprocess.run(command + ["md5"], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"^md5\s+([\d.]+)k", output, re.M).group(1)) * 1000


def synced_write_rate(folder, size, writers=2, files=3):
    """Bytes a second that so many writers reach, each writing files of `size` and syncing every one."""
    piece = os.urandom(MIB)

    def write(number):
        for i in range(files):
            with tempfile.NamedTemporaryFile(dir=folder, prefix=f"rate-{number}-{i}-") as f:
                for _ in range(size // MIB):
                    f.write(piece)
                f.flush()
                os.fdatasync(f.fileno())

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return writers * files * size / (time.monotonic() - start)


def copied_rate(folder, size, copies=2):
    """Bytes a second that so many dd reach, each copying a file of its own past the page cache, from and to one disk."""
    names = [(os.path.join(folder, f"copy-{i}-from"), os.path.join(folder, f"copy-{i}-to")) for i in range(copies)]
    try:
        for source, _ in names:
            subprocess.run(["dd", "if=/dev/urandom", f"of={source}", "bs=4M", f"count={size // MIB // 4}", "conv=fsync",
                            "status=none"], check=True)
        start = time.monotonic()
        running = [subprocess.Popen(["dd", f"if={source}", f"of={to}", "bs=4M", "iflag=direct", "oflag=direct",
                                     "conv=fsync", "status=none"]) for source, to in names]
        if any(process.wait() for process in running):
            raise LoadError("dd")
        return copies * size / (time.monotonic() - start)
    finally:
        for name in [n for pair in names for n in pair]:
            if os.path.exists(name):
                os.remove(name)


def loopback_rate(size):
    """Bytes a second from one process to another on this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        with socket.create_connection(listener.getsockname()) as out:
            piece = bytes(MIB)
            for _ in range(size // MIB):
                out.sendall(piece)
        os._exit(0)
    taker, _ = listener.accept()
    room, start, got = bytearray(MIB), time.monotonic(), 0
    while n := taker.recv_into(room):
        got += n
    taken = time.monotonic() - start
    taker.close()
    listener.close()
    os.waitpid(child, 0)
    return got / taken


def sync_latency(folder, count=200):
    """Median seconds of appending 4 KiB and fdatasync."""
    taken, block = [], os.urandom(4096)
    with tempfile.TemporaryFile(dir=folder) as f:
        for i in range(count):
            start = time.monotonic()
            os.pwrite(f.fileno(), block, i * 4096)
            os.fdatasync(f.fileno())
            taken.append(time.monotonic() - start)
    return statistics.median(taken)
