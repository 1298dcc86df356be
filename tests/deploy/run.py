#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What deploy/ holds, as far as it can be tried without a machine of its own: scripts, the unit, the container's parts,
the task definition, and nginx and HAProxy in front of a real server. The package is run_deb.py's.
"""
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import boto3
import botocore.session
import botocore.validate
import yaml
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from cases import Skip, contains, equal, pattern, true
from deploy_cases import DEPLOY, case, main, run, text_of, version
from pail import ACCESS_KEY, ROOT, SECRET_KEY, TEST_DIR, Pail, certificates, default_binary, free_port

MIB = 1024 * 1024
EXPOSURE = 1.5  # of systemd-analyze security: 0 is nothing at all, 10 everything


def needs(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Skip(f"no {name} on this machine")
    return found


def folder():
    os.makedirs(TEST_DIR, exist_ok=True)
    return tempfile.mkdtemp(prefix="deploy-", dir=TEST_DIR)


# ---- files ----

@case
def shell_scripts_are_sound():
    shellcheck = needs("shellcheck")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.split("\n")
    scripts = []
    for name in listed:
        path = os.path.join(ROOT, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                if re.match(rb"#!\S*(/|env )(sh|bash)\s", f.readline()):
                    scripts.append(name)
    true({"deploy/deps.sh", "deploy/debian/postinst", "deploy/docker/entrypoint"} <= set(scripts), "they are found")
    run(shellcheck, *scripts)


@case
def the_unit_is_sound_and_shut():
    systemd = needs("systemd-analyze")
    place = folder()
    unit = text_of("deploy", "systemd", "pail.service").replace("/usr/bin/pail", default_binary())
    for name, text in (("pail.service", unit), ("pail.socket", text_of("deploy", "systemd", "pail.socket"))):
        with open(os.path.join(place, name), "w") as f:
            f.write(text)
    done = run(systemd, "verify", "--man=no", os.path.join(place, "pail.service"), os.path.join(place, "pail.socket"))
    equal(done.stdout + done.stderr, "", "systemd-analyze verify")
    said = run(systemd, "security", "--offline=yes", os.path.join(place, "pail.service")).stdout
    figure = float(re.search(r"exposure level for pail.service: ([\d.]+)", said).group(1))
    print(f"#   exposure {figure}")
    true(figure <= EXPOSURE, f"an exposure of {figure}")


def calls_of(systemd, name):
    """The system calls of one of systemd's sets."""
    found = set()
    for line in run(systemd, "syscall-filter", name).stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= calls_of(systemd, word) if word.startswith("@") else {word}
    return found


def calls_of_the_unit(systemd):
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", text_of("deploy", "systemd", "pail.service"), re.M):
        words = line.lstrip("~").split()
        calls = set().union(*(calls_of(systemd, w) if w.startswith("@") else {w} for w in words))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


@case
def the_unit_allows_what_the_server_itself_allows():
    source = re.search(r"allowed\[\] = \{(.*?)\};", text_of("server", "sandbox.c"), re.S).group(1)
    only_unit = set(re.findall(r'"(\w+)"', source)) - calls_of_the_unit(needs("systemd-analyze"))
    equal(sorted(only_unit), [], "calls that only the unit forbids")


@case
def the_unit_allows_what_a_start_calls():
    """Before the server gives up system calls itself, and after; nor does it map memory to write and execute."""
    systemd, strace, place = needs("systemd-analyze"), needs("strace"), folder()
    port = free_port()
    env = {"PATH": "/usr/bin:/bin", "PAIL_ROOT_USER": ACCESS_KEY, "PAIL_ROOT_PASSWORD": SECRET_KEY}
    server = subprocess.Popen([strace, "-D", "-f", "-qq", "-o", f"{place}/calls", default_binary(), "server", f"{place}/data",
                               "--address", f"127.0.0.1:{port}", "--console-address", "127.0.0.1:0"], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, 60)
        s3 = client(f"http://127.0.0.1:{port}")
        s3.create_bucket(Bucket="traced")
        s3.put_object(Bucket="traced", Key="key", Body=pattern(2 * MIB))
        equal(len(s3.get_object(Bucket="traced", Key="key")["Body"].read()), 2 * MIB, "bytes")
    finally:
        server.terminate()
        server.wait(60)
    text = ""
    for _ in range(100):  # strace writes its last lines after the server's end
        with open(f"{place}/calls", errors="replace") as f:
            text = f.read()
        if "exit_group(" in text:
            break
        time.sleep(0.1)
    called = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", text, re.M))
    true("epoll_wait" in called or "epoll_pwait2" in called or "epoll_pwait" in called, f"calls are seen: {sorted(called)}")
    equal(sorted(called - calls_of_the_unit(systemd)), [], "calls that the unit forbids")
    equal(re.findall(r"mmap\(.*PROT_WRITE\|PROT_EXEC.*|mprotect\(.*PROT_EXEC.*", text), [], "memory to write and execute")


@case
def the_settings_file_is_one():
    """Every name in it is a setting, and the server starts with all of them."""
    text = text_of("deploy", "pail.env")
    known = run(default_binary(), "server", "--help").stdout
    for name in re.findall(r"^#?(PAIL_\w+)=", text, re.M):
        contains(known, name, "pail server --help")
    place = folder()
    path = os.path.join(place, "pail.env")
    with open(path, "w") as f:
        f.write(text.replace("@USER@", ACCESS_KEY).replace("@PASSWORD@", SECRET_KEY))
    with Pail("deploy-env", env={"PAIL_CONFIG_FILE": path, "PAIL_ROOT_USER": None, "PAIL_ROOT_PASSWORD": None}) as pail:
        equal(len(client(pail.endpoint).list_buckets()["Buckets"]), 0, "buckets")


@case
def versions_and_packages_agree():
    chart = yaml.safe_load(text_of("deploy", "helm", "pail", "Chart.yaml"))
    equal((chart["version"], chart["appVersion"]), (version(), version()), "the chart")
    build = set(run("deploy/deps.sh", "--list", "build").stdout.split())
    docker = text_of("deploy", "docker", "Dockerfile")
    first = docker.split("\nFROM ")[1]
    true(build <= set(first.replace("\\", " ").split()), f"the Dockerfile lacks {build - set(first.split())}")
    control = re.search(r"^Build-Depends:(.*?)^\S", text_of("deploy", "debian", "control"), re.S | re.M).group(1)
    true(build - {"gcc", "libc6-dev"} <= set(re.findall(r"[\w.+-]+", control)), "Build-Depends has them all")


@case
def the_handbook_is_installed_with_what_it_leads_to():
    """And nothing of the secrets that compose.yaml asks for beside it."""
    secrets = os.path.join(DEPLOY, "docker", "secrets")
    mine = not os.path.exists(secrets)
    try:
        if mine:
            os.mkdir(secrets)
            with open(os.path.join(secrets, "master_key"), "w") as f:
                f.write("0" * 64)
        known = set(run("make", "--no-print-directory", "-s", "--eval", "what:; @echo $(HANDBOOK)", "what").stdout.split())
        tracked = run("git", "status", "--short", "--untracked-files=all", "deploy/docker").stdout
    finally:
        if mine:
            shutil.rmtree(secrets)
    equal([path for path in known if "secrets" in path], [], "secrets that would be installed")
    true("secrets" not in tracked, f"git leaves them alone: {tracked}")
    contains(text_of("deploy", "docker", "Dockerfile.dockerignore"), "deploy/docker/secrets", "what docker is not given")
    pages = [path for path in known if path.endswith(".md")]
    true(len(pages) > 10, f"the pages are there: {pages}")
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(page)):
            to = os.path.normpath(os.path.join(os.path.dirname(page), target))
            found = to in known or to == "README.md" or to.startswith("server/") or any(path.startswith(f"{to}/") for path in known)
            true(re.match(r"[a-z]+:", target) or found, f"{page} leads to {to}, which is not installed")


# ---- commands that root starts ----

NOBODY = 65534


def of_root(place):
    """What belongs to root below a folder."""
    found = []
    for folder, names, files in os.walk(place):
        found += [p for p in (os.path.join(folder, n) for n in [".", *names, *files]) if os.lstat(p).st_uid == 0]
    return found


def give_away(place):
    run("chown", "-R", f"{NOBODY}:{NOBODY}", place)


@case
def commands_of_root_leave_nothing_to_root():
    """What root starts works as the owner of the data folder, so the server finds no file that it may not open."""
    if os.geteuid() != 0:
        raise Skip("only root can give files away")
    place = tempfile.mkdtemp(prefix="pail-owner-")  # below a folder that every user may enter
    try:
        os.chmod(place, 0o755)
        data = os.path.join(place, "data")
        with Pail("deploy-owner", data=data) as pail:
            s3 = client(pail.endpoint)
            s3.create_bucket(Bucket="kept")
            for key, body in (("small", b"s"), ("large", pattern(MIB))):
                s3.put_object(Bucket="kept", Key=key, Body=body)
        os.makedirs(f"{place}/mine", mode=0o700)
        commands_of_root(place, data)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def commands_of_root(place, data):
    pail = default_binary()
    give_away(data)
    run("rm", "-f", f"{data}/index/lock.mdb")
    refused = run(pail, "backup", data, f"{place}/mine", ok=False)
    contains(refused.stderr, "mine: Permission denied; started by root, this works as user", "a folder of root's")
    refused = run(pail, "backup", data, f"{place}/no/such", ok=False)
    contains(refused.stderr, "no/such: No such file or directory; started by root", "a folder in none")
    # Root alone may make folders in `place`; the new ones are the data's owner's.
    for words in (("check", data), ("check", data, "--repair"), ("backup", data, f"{place}/backup"),
                  ("backup", data, f"{place}/backup", "--verify"), ("restore", f"{place}/backup", f"{place}/again"),
                  ("key", "create", "invoices", "--data", data), ("account", "list", "--data", data),
                  ("recover", data, "--force"), ("check", f"{place}/backup"), ("check", f"{place}/again")):
        for name in (data, f"{place}/backup", f"{place}/again"):
            run("rm", "-f", f"{name}/index/lock.mdb")
        run(pail, *words)
        for name in (data, f"{place}/backup", f"{place}/again"):
            equal(of_root(name), [], f"what pail {words[0]} left to root")
    # A master key that root alone may read.
    run(pail, "key", "move", f"{place}/mine/master.key", "--data", data)
    equal(os.stat(f"{place}/mine/master.key").st_uid, 0, "whose the master key is")
    run(pail, "key", "list", "--data", data, "--master-key-file", f"{place}/mine/master.key")
    equal(of_root(data), [], "what pail key left to root")
    # Of root's groups nothing is left while it works as the owner; and it has them again after that.
    calls = run("setpriv", "--groups", "0,4", "strace", "-qq", "-e", "trace=setgroups,setresuid", "-e", "signal=none",
                pail, "account", "list", "--data", data).stderr
    uid = os.stat(data).st_uid
    equal(re.findall(r"^set\w+\((.*)\)", calls, re.M), ["0, NULL", f"-1, {uid}, -1", "-1, 0, -1", "2, [0, 4]"], "who it is")
    os.makedirs(f"{place}/third")
    run(pail, "restore", f"{place}/backup", f"{place}/third")
    equal(os.stat(f"{place}/third/index").st_uid, 0, "whose a folder of root's stays")


# ---- containers ----

def health_check():
    """The Dockerfile's, with this program."""
    command = json.loads(re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", text_of("deploy", "docker", "Dockerfile"), re.M).group(1))
    equal(command[0], "pail", "what is run")
    return [default_binary(), *command[1:]]


@case
def entrypoint_reads_secrets_from_files():
    place = folder()
    for name, text in (("user", ACCESS_KEY + "\n"), ("password", SECRET_KEY)):
        with open(os.path.join(place, name), "w") as f:
            f.write(text)
    os.symlink(default_binary(), os.path.join(place, "pail"))
    port = free_port()
    env = {"PATH": f"{place}:/usr/bin:/bin", "PAIL_ROOT_USER_FILE": f"{place}/user",
           "PAIL_ROOT_PASSWORD_FILE": f"{place}/password", "PAIL_ADDRESS": f"127.0.0.1:{port}",
           "PAIL_CONSOLE_ADDRESS": "127.0.0.1:0"}
    server = subprocess.Popen([f"{DEPLOY}/docker/entrypoint", "server", f"{place}/data"], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        client(f"http://127.0.0.1:{port}").create_bucket(Bucket="there")
        # A container has the user, and the password only as a file.
        run(*health_check(), env={"PATH": "/usr/bin:/bin", "PAIL_ADDRESS": f":{port}", "PAIL_ROOT_USER": ACCESS_KEY})
    finally:
        server.terminate()
        equal(server.wait(30), 0, "the exit code of what was exec'ed")
    env["PAIL_ROOT_USER_FILE"] = "/nowhere"
    contains(run(f"{DEPLOY}/docker/entrypoint", "--version", env=env, ok=False).stderr, "cannot be read")


@case
def the_health_check_tells_life_from_death():
    for tls in (False, True):
        with Pail("deploy-health", tls=tls) as pail:
            for address in (f"127.0.0.1:{pail.port}", f":{pail.port}", f"0.0.0.0:{pail.port}"):
                env = {"PATH": "/usr/bin:/bin", "PAIL_ADDRESS": address, "https_proxy": "http://127.0.0.1:1"}
                if tls:
                    env["PAIL_CERTS_DIR"] = certificates()
                contains(run(*health_check(), env=env).stdout, "is alive")
            run(default_binary(), "admin", "health", "--local", env=env)
            del env["PAIL_ADDRESS"]  # somebody else, or nobody, is there
            env["MINIO_ADDRESS"] = "127.0.0.1:1"
            equal(run(*health_check(), env=env, ok=False).returncode, 1, "another address")
            env["PAIL_ADDRESS"] = f"127.0.0.1:{pail.port}"
        equal(run(*health_check(), env=env, ok=False).returncode, 1, "a server that is gone")


@case
def the_health_check_of_amazon_is_that_of_the_image():
    task = json.loads(text_of("deploy", "ecs", "task-definition.json"))
    equal(task["containerDefinitions"][0]["healthCheck"]["command"], ["CMD", "pail", *health_check()[1:]], "the command")


@case
def dockerfile_copies_what_is_there():
    text = re.sub(r"\\\n", " ", text_of("deploy", "docker", "Dockerfile"))
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    equal({w[0] for w in lines} - known, set(), "unknown instructions")
    for words in lines:
        if words[0] == "COPY" and not words[1].startswith("--from"):
            for source in words[1:-1]:
                true(os.path.exists(os.path.join(ROOT, source)), f"{source} is there")
        if words[0] in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            json.loads(" ".join(words)[" ".join(words).index("["):])
    equal([w[1] for w in lines if w[0] == "USER"], ["10001:10001"], "the user that it runs as")


@case
def task_definition_is_what_amazon_takes():
    task = json.loads(text_of("deploy", "ecs", "task-definition.json"))
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    report = botocore.validate.ParamValidator().validate(task, model.input_shape)
    true(not report.has_errors(), report.generate_report())
    container = task["containerDefinitions"][0]
    equal({m["sourceVolume"] for m in container["mountPoints"]}, {v["name"] for v in task["volumes"]}, "volumes")
    true(container["image"].endswith(":" + version()), "the image's version")
    task["containerDefinitions"][0]["portMapping"] = []
    true(botocore.validate.ParamValidator().validate(task, model.input_shape).has_errors(), "a mistake is found")


# ---- proxies ----

def client(endpoint, ca=None):
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
                        region_name="us-east-1", verify=ca, config=Config(retries={"max_attempts": 0},
                                                                          s3={"addressing_style": "path"}))


def wait_for(port, seconds=20):
    for _ in range(seconds * 20):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


class Echo(http.server.BaseHTTPRequestHandler):
    """Stands in for the console: answers what it was asked."""

    def do_GET(self):
        body = json.dumps({"path": self.path, "host": self.headers["Host"],
                           "for": self.headers.get_all("X-Forwarded-For")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Proxy:
    """The example, with this test's ports and certificates in place of its own, and a server behind it."""

    def __init__(self, kind):
        self.kind, self.place, self.port = kind, folder(), free_port()

    def __enter__(self):
        self.program = needs(self.kind)
        self.ca = os.path.join(certificates(), "ca.crt")
        self.pail = Pail(f"deploy-{self.kind}", args=["--trusted-proxy", "127.0.0.1/32", "--access-log", "on"]).start()
        self.console = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=self.console.serve_forever, daemon=True).start()
        self.process = None
        try:
            command = self.nginx() if self.kind == "nginx" else self.haproxy()
            self.log = open(os.path.join(self.place, "log"), "wb")
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            wait_for(self.port)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.s3 = client(f"https://127.0.0.1:{self.port}", self.ca)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.log.close()
        self.console.shutdown()
        try:
            self.pail.stop()
        finally:
            self.pail.remove_data()
            shutil.rmtree(self.place, ignore_errors=True)

    def example(self, *parts):
        text = text_of("deploy", *parts)
        for old, new in (("127.0.0.1:9000", f"127.0.0.1:{self.pail.port}"),
                         ("127.0.0.1:9001", f"127.0.0.1:{self.console.server_address[1]}")):
            true(old in text, f"the example has {old}")
            text = text.replace(old, new)
        return text

    def write(self, name, text):
        path = os.path.join(self.place, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def nginx(self):
        self.write("pail.conf", self.example("nginx", "pail.conf").replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl")
                   .replace("/etc/pail/certs", certificates()))
        temporary = " ".join(f"{kind}_temp_path {self.place}/{kind};" for kind in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        main_file = self.write("nginx.conf", f"daemon off; pid {self.place}/pid; error_log stderr warn;\n"
                               f"events {{ worker_connections 256; }}\n"
                               f"http {{ access_log off; {temporary} include {self.place}/pail.conf; }}\n")
        run(self.program, "-t", "-c", main_file)
        return [self.program, "-c", main_file]

    def haproxy(self):
        pem = "".join(open(os.path.join(certificates(), n)).read() for n in ("public.crt", "private.key"))
        self.write("pail.pem", pem)
        path = self.write("haproxy.cfg", self.example("haproxy", "haproxy.cfg").replace("bind :443", f"bind 127.0.0.1:{self.port}")
                          .replace("/etc/haproxy/pail.pem", f"{self.place}/pail.pem"))
        done = run(self.program, "-c", "-f", path)
        true("WARNING" not in (done.stdout + done.stderr).upper(), f"no warnings:\n{done.stdout}{done.stderr}")
        return [self.program, "-db", "-f", path]

    def connection(self):
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)


def passes_objects(p):
    """As clients send them: with trailers over https, in parts, and back in ranges."""
    s3, body, place = p.s3, pattern(24 * MIB), p.place
    s3.create_bucket(Bucket="proxied")
    s3.put_object(Bucket="proxied", Key="odd //key+ü%2F~?", Body=b"small", Metadata={"x_under": "1"})
    reply = s3.get_object(Bucket="proxied", Key="odd //key+ü%2F~?")
    equal((reply["Body"].read(), reply["Metadata"]), (b"small", {"x_under": "1"}), "a small object")
    s3.put_object(Bucket="proxied", Key="big", Body=body, ChecksumAlgorithm="SHA256")
    with open(os.path.join(place, "file"), "wb") as f:
        f.write(body)
    s3.upload_file(os.path.join(place, "file"), "proxied", "parts", Config=TransferConfig(multipart_chunksize=5 * MIB))
    for key in ("big", "parts"):
        true(s3.get_object(Bucket="proxied", Key=key)["Body"].read() == body, f"{key} came back")
    part = s3.get_object(Bucket="proxied", Key="big", Range="bytes=1000000-9999999")
    true(part["Body"].read() == body[1000000:10000000], "a range")
    equal(len(s3.list_objects_v2(Bucket="proxied")["Contents"]), 3, "keys")
    s3.put_object(Bucket="proxied", Key="x" * 1024, Body=b"")


def passes_presigned(p):
    body = pattern(3 * MIB, 2)
    connection = p.connection()
    target = urllib.parse.urlsplit(p.s3.generate_presigned_url("put_object", {"Bucket": "proxied", "Key": "presigned"}))
    connection.request("PUT", f"{target.path}?{target.query}", body, {"Expect": "100-continue"})
    reply = connection.getresponse()
    equal((reply.status, reply.read()), (200, b""), "a presigned upload")
    target = urllib.parse.urlsplit(p.s3.generate_presigned_url("get_object", {"Bucket": "proxied", "Key": "presigned"}))
    connection.request("GET", f"{target.path}?{target.query}")
    true(connection.getresponse().read() == body, "a presigned download")
    connection.request("GET", f"{target.path}?{target.query}x")
    reply = connection.getresponse()
    equal(reply.status, 403, "a broken signature")
    reply.read()


def passes_chunks(p):
    """aws-chunked within Transfer-Encoding: chunked, from something that can be read only once."""
    class Once:
        def __init__(self, data):
            self.data, self.at = data, 0

        def read(self, n=-1):
            piece = self.data[self.at:] if n < 0 else self.data[self.at:self.at + n]
            self.at += len(piece)
            return piece

    body = pattern(9 * MIB, 3)
    p.s3.upload_fileobj(Once(body), "proxied", "streamed", Config=TransferConfig(multipart_threshold=5 * MIB, use_threads=False))
    true(p.s3.get_object(Bucket="proxied", Key="streamed")["Body"].read() == body, "a stream")
    answers = []
    target = urllib.parse.urlsplit(p.s3.generate_presigned_url("put_object", {"Bucket": "proxied", "Key": "chunked"}))
    for connection, host in ((p.connection(), f"127.0.0.1:{p.port}"), (http.client.HTTPConnection("127.0.0.1", p.pail.port), f"127.0.0.1:{p.port}")):
        connection.request("PUT", f"{target.path}?{target.query}", iter([b"a" * 70000, b"b" * 5]), {"Host": host}, encode_chunked=True)
        reply = connection.getresponse()
        reply.read()
        answers.append(reply.status)
    equal(answers[0], answers[1], "the proxy's answer and the server's own to a chunked upload")


def tells_the_client(p):
    """The address that the server logs is the client's, whatever the client says of itself."""
    connection = p.connection()
    connection.request("GET", "/pail/app?x=%2F", headers={"Host": "console.example.com", "X-Forwarded-For": "6.6.6.6"})
    said = json.loads(connection.getresponse().read())
    equal(said, {"path": "/pail/app?x=%2F", "host": "console.example.com", "for": ["127.0.0.1"]}, "what the console was asked")


def through(kind):
    with Proxy(kind) as p:
        for step in (passes_objects, passes_presigned, passes_chunks, tells_the_client):
            start = time.monotonic()
            step(p)
            print(f"#   {step.__name__}: {time.monotonic() - start:.2f} s")


@case
def nginx_in_front():
    through("nginx")


@case
def haproxy_in_front():
    through("haproxy")


if __name__ == "__main__":
    main()
