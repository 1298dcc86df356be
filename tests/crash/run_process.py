#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of the process: hand-over under load, reload, service manager.

    tests/crash/run_process.py [word]      only cases whose name contains the word
"""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lib"), HERE]

import preload  # noqa: E402
import s3client  # noqa: E402
from cases import equal, run_alone, true, wait_for  # noqa: E402
from pail import Pail, TEST_DIR  # noqa: E402

BUCKET = "process"
CLIENTS = 8
BODY = os.urandom(30_000)


class Load(threading.Thread):
    """One client on a kept connection: PUTs, and GETs of what it put, each of which must succeed."""

    def __init__(self, pail, number):
        super().__init__(daemon=True)
        self.client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key)
        self.key, self.stop = f"client-{number}", threading.Event()
        self.done, self.failure = 0, None

    def still_open(self):
        """Takes another connection where the server has closed this one between two requests, as pools of SDKs do."""
        kept = self.client._connection
        if kept and kept.sock and select.select([kept.sock], [], [], 0)[0]:
            self.client.close()
        return self.client

    def run(self):
        while not self.stop.is_set():
            try:
                equal(self.still_open().put(BUCKET, self.key, BODY).status, 200, "PUT")
                equal(self.still_open().get(BUCKET, self.key).body, BODY, "GET")
                self.done += 2
            except Exception:
                self.failure = traceback.format_exc()
                return


def successor(pail, old):
    """The process that follows `old`, once that one is gone."""
    def found():
        done = subprocess.run(["pgrep", "-P", str(old)], capture_output=True, text=True)
        return [int(pid) for pid in done.stdout.split()]
    return found


def hand_over(pail):
    """SIGUSR2; the process that serves afterwards."""
    old = pail.process.pid
    os.kill(old, signal.SIGUSR2)
    new = wait_for(successor(pail, old))[0]
    equal(pail.process.wait(30), 0, "the old process's exit status")
    return new


def handing_over_under_load():
    """An upgrade under load: no request fails, nothing is lost"""
    pail = Pail("process-load")
    new = None
    with pail:
        s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key).create_bucket(BUCKET)
        clients = [Load(pail, n) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        try:
            new = hand_over(pail)
            before = sum(c.done for c in clients)
            time.sleep(1)
            wait_for(lambda: sum(c.done for c in clients) > before or any(c.failure for c in clients), "requests of the new process")
        finally:
            for client in clients:
                client.stop.set()
            for client in clients:
                client.join()
        failures = [c.failure for c in clients if c.failure]
        true(not failures, f"{len(failures)} of {CLIENTS} clients failed: {(failures or [''])[0]}")
        done = sum(c.done for c in clients)
        true(done > before, "the new process served nothing")
        end(new)
        pail.process = None
    return f"{done} requests, {before} before the new process served"


def end(pid):
    """An orphan: its end can only be watched."""
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split(")")[1][:3],
             "the end of the old process", 40)


def a_broken_successor():
    """The new program does not start: the old process goes on"""
    folder = tempfile.mkdtemp(prefix="process-", dir=TEST_DIR)
    config = os.path.join(folder, "settings")
    with open(config, "w") as f:
        f.write("PAIL_LOG_LEVEL=info\n")
    pail = Pail("process-broken", env={"PAIL_CONFIG_FILE": config})
    with pail:
        with open(config, "w") as f:
            f.write("PAIL_LOG_LEVEL=loud\n")
        os.kill(pail.process.pid, signal.SIGUSR2)
        wait_for(lambda: "this process goes on" in pail.whole_log())
        true("--log-level must be" in pail.whole_log(), "the new process did not say why")
        equal(s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key).list_buckets().status, 200)


def settings_on_hangup():
    """SIGHUP: settings that may change do, others wait, a mistake changes nothing"""
    folder = tempfile.mkdtemp(prefix="process-", dir=TEST_DIR)
    config = os.path.join(folder, "settings")

    def write(text):
        with open(config, "w") as f:
            f.write(text)
        os.kill(pail.process.pid, signal.SIGHUP)

    with open(config, "w") as f:
        f.write("# a comment\nexport PAIL_ACCESS_LOG='off'\n\n")
    pail = Pail("process-reload", env={"PAIL_CONFIG_FILE": config})
    with pail:
        client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key)
        client.get("unseen", "k")
        client.get("another", "k")  # read when the one before is over, with its line
        write('PAIL_ACCESS_LOG="on"\nPAIL_WORKERS=5\n')
        wait_for(lambda: "wait for a restart: --workers" in pail.whole_log())
        client.list_buckets()
        wait_for(lambda: pail.whole_log().count(" ListBuckets ") == 1, "its access log line")
        true("/unseen/k" not in pail.whole_log(), "a line while there was to be none")
        write("PAIL_ACCESS_LOG=perhaps\n")
        wait_for(lambda: "stay as they were" in pail.whole_log())
        client.list_buckets()
        wait_for(lambda: pail.whole_log().count(" ListBuckets ") == 2)


class Manager:
    """What systemd is for a service: a notification socket and a socket that is open already."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="process-")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(os.path.join(self.folder, "notify"))
        self.socket.settimeout(20)
        self.path = self.socket.getsockname()

    def until(self, word):
        while True:
            text = self.socket.recv(4096).decode()
            if word in text:
                return text


def told_to_the_manager():
    """sd_notify: READY, WATCHDOG, RELOADING, STOPPING"""
    manager = Manager()
    pail = Pail("process-notify", env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"})
    with pail:
        ready = manager.until("READY=1")
        true(f"MAINPID={pail.process.pid}" in ready, ready)
        for _ in range(3):
            manager.until("WATCHDOG=1")
        os.kill(pail.process.pid, signal.SIGHUP)
        true(re.search(r"MONOTONIC_USEC=\d+", manager.until("RELOADING=1")), "RELOADING without its time")
        manager.until("READY=1")
        pail.stop()
        manager.until("STOPPING=1")
    manager.socket.close()


def a_socket_from_the_manager():
    """Socket activation: the socket is the manager's, requests wait in it before the start"""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    early = socket.create_connection(("127.0.0.1", port))
    early.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    folder = tempfile.mkdtemp(prefix="process-", dir=TEST_DIR)

    binary = Pail("process-activation").binary
    script = 'exec 3<&"$0"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
    process = subprocess.Popen(["bash", "-c", script, str(listening.fileno()), binary, "server",
                                os.path.join(folder, "data"), "--console-address", "127.0.0.1:0"],
                               pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        early.settimeout(20)
        true(early.recv(4096).startswith(b"HTTP/1.1 403"), "no reply to the request that came before the start")
    finally:
        process.send_signal(signal.SIGTERM)
        equal(process.wait(20), 0, "exit status")
        early.close()
        listening.close()


PROBE = r"""
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <errno.h>

static void tell(FILE *f, const char *name, long rc) { fprintf(f, "%s %s\n", name, rc < 0 ? strerror(errno) : "worked"); }

static void *probe(void *path)
{
    char text[8192];
    for (;;) {
        int fd = open("/proc/self/status", O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = 0;
        if (strstr(text, "Seccomp:\t2"))
            break;
        usleep(10000);
    }
    FILE *f = fopen(path, "w");
    tell(f, "ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
    tell(f, "mount", mount("none", "/", "tmpfs", 0, 0));
    tell(f, "unshare", unshare(CLONE_NEWUSER));
    tell(f, "packet", socket(AF_PACKET, SOCK_RAW, 0));
    tell(f, "bpf", syscall(SYS_bpf, 0, 0, 0));
    tell(f, "keyctl", syscall(SYS_keyctl, 0, 0, 0));
    tell(f, "inet", socket(AF_INET, SOCK_STREAM, 0));
    fputs("end\n", f);
    fclose(f);
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t t;
    sigset_t all, before; /* the server's signals are not this thread's: they would end the process */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (getenv("PROBE_RESULT"))
        pthread_create(&t, 0, probe, getenv("PROBE_RESULT"));
    pthread_sigmask(SIG_SETMASK, &before, 0);
}
"""


def what_is_given_up():
    """The sandbox: what a server does not need fails, for threads that were there before, too"""
    folder = tempfile.mkdtemp(prefix="process-", dir=TEST_DIR)
    source, result = os.path.join(folder, "probe.c"), os.path.join(folder, "result")
    with open(source, "w") as f:
        f.write(PROBE)
    library = preload.library(source, "-lpthread")

    def answers(*args):
        if os.path.exists(result):
            os.unlink(result)
        with Pail("process-sandbox", env={"LD_PRELOAD": library, "PROBE_RESULT": result}, args=args) as pail:
            with open(f"/proc/{pail.process.pid}/status") as f:
                status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
            if args:
                return status, {}
            wait_for(lambda: os.path.exists(result) and open(result).read().endswith("end\n"))
            return status, dict(line.split(" ", 1) for line in open(result).read().splitlines()[:-1])

    status, calls = answers()
    equal((status["Seccomp"].strip(), status["NoNewPrivs"].strip()), ("2", "1"), "Seccomp, NoNewPrivs")
    true(int(status["CapEff"], 16) & ~0b1110 == 0, f"capabilities {status['CapEff']}")
    refused = {name for name, answer in calls.items() if answer == "Operation not permitted"}
    equal(refused, {"ptrace", "mount", "unshare", "packet", "bpf", "keyctl"}, "calls refused")
    equal(calls["inet"], "worked", "a socket")
    equal(answers("--sandbox", "off")[0]["Seccomp"].strip(), "0", "Seccomp without the sandbox")


CASES = [what_is_given_up, handing_over_under_load, a_broken_successor, settings_on_hangup, told_to_the_manager,
         a_socket_from_the_manager]


if __name__ == "__main__":
    sys.exit(run_alone(CASES))
