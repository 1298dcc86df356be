# SPDX-License-Identifier: Apache-2.0
"""The web console's listener (CON): what it serves, and what it never lets a browser do.

Cases about the page itself are left out where the server was built without Node.js.
"""
import glob
import gzip
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from wire import Group, Raw, default_binary, encode

console = Group("console", ["--region", "us-east-1"])
front = Group("console-proxy", ["--trusted-proxy", "127.0.0.1", "--browser-redirect-url", "https://pail.test/deep/console/",
                                "--server-url", "https://s3.pail.test"])

CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
       "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; "
       "base-uri 'self'; form-action 'self'")
API_CSP = "sandbox; default-src 'none'"
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
SIGN_IN = b"Action=AssumeRole&Version=2011-06-15&DurationSeconds=3600"
HTML = b"<html><script>alert(document.domain)</script></html>"


def on_console(t):
    """A bench that speaks to the console's port of the same server."""
    class Port:
        """The server, by its other door."""
        host, port = t.pail.host, t.pail.console_port
        access_key, secret_key = t.pail.access_key, t.pail.secret_key
    if not Port.port:
        t.note("console", "the server names no address of it")
    return t.of(Port)


def page(t, path="/", headers=(), method="GET"):
    return t.ask(t.plain(method, path, headers))


def built(t):
    """The page's own bench; skips where there is no page."""
    c = on_console(t)
    if page(c).status == 404:
        t.skip("built without Node.js")
    return c


def asset_of(c):
    """The page's first script."""
    return "/" + re.search(rb'src="\./(assets/[^"]+\.js)"', page(c).body).group(1).decode()


def api(c, method, path, query="", body=b"", headers=(), **options):
    """Signed without /api, sent with it."""
    return c.ask(c.signed(method, path, query, headers, body,
                          target="/api" + path + ("?" + query if query else ""), **options))


def sign_in(c, secret=None, headers=(), key=None):
    return api(c, "POST", "/", body=SIGN_IN, headers=[*FORM, *headers], service="sts", secret=secret, key=key)


def check_page_headers(t, label, reply):
    for name, value in (("content-security-policy", CSP), ("x-content-type-options", "nosniff"),
                        ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
                        ("cross-origin-opener-policy", "same-origin"),
                        ("cross-origin-resource-policy", "same-origin")):
        t.same(f"{label}, {name}", reply.all(name), [value])
    check_no_leaks(t, label, reply)


def check_api_headers(t, label, reply):
    for name, value in (("content-security-policy", API_CSP), ("x-content-type-options", "nosniff"),
                        ("cross-origin-resource-policy", "same-origin")):
        t.same(f"{label}, {name}", reply.all(name), [value])
    check_no_leaks(t, label, reply)


def check_no_leaks(t, label, reply):
    t.same(f"{label}, cookies and CORS", [n for n, _ in reply.lines if n.lower() == "set-cookie" or
                                          n.lower().startswith("access-control-")], [])


@console.case
def CON_01_the_page_and_its_headers(t):
    c = built(t)
    for path in ("/", "/index.html", "/buckets/aaa", "/deep/down/here", "/?code=1&state=2"):
        reply = c.expect(path, page(c, path), "200")
        check_page_headers(t, path, reply)
        t.same(f"{path}, type", reply.headers["content-type"], "text/html; charset=utf-8")
        t.same(f"{path}, cache", reply.headers["cache-control"], "no-cache")
        t.same(f"{path}, bases", re.findall(rb"<base [^>]*>", reply.body), [b'<base href="/">'])
        t.true(f"{path}: no inline script or style",
               not re.search(rb"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", reply.body))
        again = page(c, path, [("If-None-Match", reply.headers["etag"])])
        t.same(f"{path}, unchanged", (again.status, again.body), (304, b""))
        check_page_headers(t, f"{path}, unchanged", again)
        head = page(c, path, method="HEAD")
        t.same(f"HEAD {path}", (head.status, head.body, head.headers["content-length"]), (200, b"", str(len(reply.body))))
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        reply = page(c, "/", method=method)
        t.true(f"{method}: refused", reply.status in (405, 501), str(reply.status))
        check_page_headers(t, method, reply)


@console.case
def CON_02_assets_are_compressed_and_kept(t):
    c = built(t)
    path = asset_of(c)
    zipped = page(c, path, [("Accept-Encoding", "br, gzip;q=0.8")])
    plain = page(c, path)
    t.same("compressed", (zipped.status, zipped.all("content-encoding")), (200, ["gzip"]))
    t.same("as it is", (plain.status, plain.all("content-encoding")), (200, []))
    t.same("the same text", gzip.decompress(zipped.body) == plain.body, True)
    t.true("different tags", zipped.headers["etag"] != plain.headers["etag"])
    for label, reply in (("compressed", zipped), ("plain", plain)):
        check_page_headers(t, label, reply)
        t.same(f"{label}, cache", reply.headers["cache-control"], "public, max-age=31536000, immutable")
        t.same(f"{label}, type", reply.headers["content-type"], "text/javascript; charset=utf-8")
        t.same(f"{label}, vary", reply.headers["vary"], "Accept-Encoding")
    for label, value, want in (("refused", "gzip;q=0", []), ("refused in detail", "gzip;q=0.000", []), ("other", "br", []),
                               ("identity", "identity", []), ("empty", "", []), ("any", "*", ["gzip"]),
                               ("upper case", "GZIP", ["gzip"]), ("a little", "gzip;q=0.5", ["gzip"]),
                               ("a longer name", "gzipped", [])):
        t.same(f"Accept-Encoding {label}", page(c, path, [("Accept-Encoding", value)]).all("content-encoding"), want)
    same = page(c, path, [("If-None-Match", zipped.headers["etag"]), ("Accept-Encoding", "gzip")])
    t.same("unchanged", same.status, 304)
    t.same("another form", page(c, path, [("If-None-Match", zipped.headers["etag"])]).status, 200)
    head = page(c, path, [("Accept-Encoding", "gzip")], "HEAD")
    t.same("HEAD", (head.status, head.body, head.headers["content-length"]), (200, b"", str(len(zipped.body))))


@console.case
def CON_03_paths_lead_nowhere_else(t):
    c = on_console(t)
    there = page(c).status == 200
    for path in ("/assets/", "/assets/nothing", "/assets/nothing.js", "/nothing.js", "/a/photo.jpg", "/favicon.ico",
                 "/../etc/passwd", "/..", "/./index.html", "/assets/../index.html", "/%2e%2e/etc/passwd", "/%2E%2e/x",
                 "/assets/..%2findex.html", "/index.html%00.js", "/.env"):
        reply = page(c, path)
        t.true(f"{path}: nothing there", reply.status in (404, 400), f"{reply.status} {reply.body[:60]}")
        t.true(f"{path}: nothing told", b"root:" not in reply.body and b"<html" not in reply.body)
        check_no_leaks(t, path, reply)
    if there:
        shown = page(c, "/buckets/aaa/photo.jpg", [("Sec-Fetch-Mode", "navigate")])
        t.same("a browser that goes to a name with a dot", shown.status, 200)
        t.same("but not below assets", page(c, "/assets/x.js", [("Sec-Fetch-Mode", "navigate")]).status, 404)
    for path in ("/apix", "/api%2fx", "/API/"):
        t.true(f"{path} is no API", page(c, path).headers["content-security-policy"] == CSP)


@console.case
def CON_04_what_the_page_is_told(t):
    c = built(t)
    reply = page(c, "/console.json")
    check_page_headers(t, "console.json", reply)
    t.same("type", reply.headers["content-type"], "application/json")
    told = json.loads(reply.body)
    t.same("content", {k: v for k, v in told.items() if k != "version"},
           {"endpoint": None, "port": t.pail.port, "region": "us-east-1", "prefix": "/", "providers": []})
    t.true("a version", re.fullmatch(r"\d+\.\d+\.\d+\S*", told["version"]))


@console.case
def CON_05_the_api_is_signed_without_its_prefix(t):
    c = on_console(t)
    t.expect("list of buckets", api(c, "GET", "/"), "200")
    t.expect("the same without a slash", c.ask(c.signed("GET", "/", target="/api")), "200")
    reply = t.expect("put", api(c, "PUT", "/aaa/by-console.txt", body=b"by console"), "200")
    check_api_headers(t, "put", reply)
    t.same("what S3 has", t.get("/aaa/by-console.txt").body, b"by console")
    t.expect("signed with it", c.ask(c.signed("GET", "/api/")), "403 SignatureDoesNotMatch")
    t.expect("signed for another host", c.ask(c.signed("GET", "/", target="/api/", host=f"{t.pail.host}:{t.pail.port}",
                                                       sent_host=c.host)), "403 SignatureDoesNotMatch")
    t.expect("S3's listener has no /api", t.ask(t.signed("GET", "/api/aaa/by-console.txt")), "404 NoSuchBucket")
    for label, data in (("nobody", c.plain("GET", "/api/")), ("nobody, an object", c.plain("GET", "/api/aaa/keep")),
                        ("nobody, health", c.plain("GET", "/api/pail/health/live")),
                        ("nobody, preflight", c.plain("OPTIONS", "/api/aaa/x", [("Origin", f"http://{c.host}"),
                                                                               ("Access-Control-Request-Method", "PUT")])),
                        ("nobody, a form", c.plain("POST", "/api/aaa", [("Content-Type", "multipart/form-data; boundary=x")],
                                                   b"--x\r\n\r\n--x--"))):
        reply = c.ask(data)
        t.same(f"{label}: refused", reply.status, 403)
        check_api_headers(t, label, reply)
    status = api(c, "GET", "/pail/v1/session")
    t.same("own paths", (status.status, json.loads(status.body)["kind"]), (200, "root"))
    check_api_headers(t, "own paths", status)
    reply = t.expect("missing", api(c, "GET", "/aaa/nothing"), "404 NoSuchKey")
    check_api_headers(t, "missing", reply)
    t.same("nothing is kept", reply.headers["cache-control"], "no-store")


@console.case
def CON_06_objects_are_never_active(t):
    c = on_console(t)
    headers = [("Content-Type", "text/html"), ("Cache-Control", "public, max-age=99"),
               ("Content-Disposition", "inline; filename=\"a.html\"")]
    for path, body in (("/aaa/evil.html", HTML), ("/aaa/large.html", HTML * 4000)):
        t.expect(f"put {path}", t.put(path, body, headers=headers), "200")
        presigned = "/api" + c.presigned("GET", path)
        dressed = "/api" + c.presigned("GET", path, "response-content-type=text%2Fhtml&response-content-disposition=inline")
        for label, reply in (("signed", api(c, "GET", path)), ("presigned", page(c, presigned)),
                             ("a range", api(c, "GET", path, headers=[("Range", "bytes=0-9")])),
                             ("dressed up", page(c, dressed)),
                             ("in a tab", page(c, presigned, [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Dest", "document")]))):
            t.true(f"{label}: answered", reply.status in (200, 206), str(reply.status))
            check_api_headers(t, label, reply)
            t.same(f"{label}, disposition", reply.all("content-disposition"), ["attachment"])
            t.same(f"{label}, cache", reply.all("cache-control"), ["no-store"])
        for destination in ("script", "style", "iframe", "frame", "object", "embed", "worker", "sharedworker",
                            "serviceworker", "manifest", "font", "audioworklet"):
            reply = page(c, presigned, [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", destination)])
            t.same(f"as {destination}", reply.status, 403)
            check_api_headers(t, f"as {destination}", reply)
        for destination in ("image", "video", "audio", "track", "empty", "document"):
            reply = page(c, presigned, [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", destination)])
            t.same(f"as {destination}", reply.status, 200)
    for sent, shown in (("text/javascript", "text/plain"), ("application/x-JavaScript; charset=utf-8", "text/plain"),
                        ("Text/CSS", "text/plain"), ("text/ecmascript", "text/plain"), ("text/html", "text/html"),
                        ("image/svg+xml", "image/svg+xml"), ("application/json", "application/json")):
        t.expect(f"put {sent}", t.put("/aaa/evil.js", b"alert(1)", headers=[("Content-Type", sent)]), "200")
        t.same(f"{sent}, where a browser does not say what for", api(c, "GET", "/aaa/evil.js").all("content-type"), [shown])
        t.same(f"{sent}, HEAD", api(c, "HEAD", "/aaa/evil.js").all("content-type"), [sent])
    dressed = page(c, "/api" + c.presigned("GET", "/aaa/evil.js", "response-content-type=text%2Fjavascript"))
    t.same("dressed up as a script", dressed.all("content-type"), ["text/plain"])
    name = "attachment; filename=\"b.html\""
    reply = page(c, "/api" + c.presigned("GET", "/aaa/evil.html", "response-content-disposition=" + encode(name)))
    t.same("a name to save it by", reply.all("content-disposition"), [name])
    reply = page(c, "/api" + c.presigned("GET", "/aaa/evil.html", "response-content-disposition=attachmentX"))
    t.same("what only looks so", reply.all("content-disposition"), ["attachment"])
    head = api(c, "HEAD", "/aaa/evil.html")
    t.same("HEAD shows what is kept", head.all("content-disposition"), ["inline; filename=\"a.html\""])
    t.same("S3's listener sends it as it is", t.get("/aaa/evil.html").all("content-disposition"),
           ["inline; filename=\"a.html\""])


@console.case
def CON_07_other_sites_are_refused(t):
    c = on_console(t)
    for label, headers, status in (
            ("another site", [("Sec-Fetch-Site", "cross-site")], 403),
            ("another port or name of the site", [("Sec-Fetch-Site", "same-site")], 403),
            ("nonsense", [("Sec-Fetch-Site", "x")], 403),
            ("the page", [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "empty")], 200),
            ("typed", [("Sec-Fetch-Site", "none")], 200),
            ("an old browser, another origin", [("Origin", "https://evil.example")], 403),
            ("an old browser, S3's origin", [("Origin", f"http://{t.pail.host}:{t.pail.port}")], 403),
            ("an old browser, no origin", [("Origin", "null")], 403),
            ("an old browser, the page", [("Origin", f"http://{c.host}")], 200)):
        reply = api(c, "GET", "/", headers=headers)
        t.same(label, reply.status, status)
        check_api_headers(t, label, reply)
    reply = sign_in(c, headers=[("Sec-Fetch-Site", "cross-site")])
    t.same("signing in from another site", reply.status, 403)
    check_api_headers(t, "signing in from another site", reply)


@console.case
def CON_08_heads_have_their_limits(t):
    c = on_console(t)
    for label, data, status in (("long headers", c.plain("GET", "/", [("X-Long", "a" * 40000)]), 431),
                                ("a long path", c.plain("GET", "/" + "a" * 20000), 414),
                                ("no request", b"hello\r\n\r\n", 400),
                                ("two lengths", c.plain("POST", "/api/", [("Content-Length", "1"), ("Content-Length", "2")],
                                                        length=None), 400)):
        reply = c.ask(data, "GET")
        t.same(label, reply.status, status)
        check_api_headers(t, label, reply)
    with t.server("--header-timeout", "2", name="console-slow") as pail:
        with Raw(pail.host, pail.console_port) as slow:
            began = time.monotonic()
            reply = slow.send(b"GET / HTTP/1.1\r\nHost: x\r\n").reply()
            t.same("a slow head", (reply.status, reply.code), (400, "RequestTimeout"))
            t.true("in time", time.monotonic() - began < 10)


@console.case
def CON_09_sign_in_gives_what_the_page_needs(t):
    c = on_console(t)
    reply = t.expect("sign in", sign_in(c), "200")
    check_api_headers(t, "sign in", reply)
    key, secret, token = (reply.value(n) for n in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    session = [("x-amz-security-token", token)]
    told = json.loads(api(c, "GET", "/pail/v1/session", headers=session, key=key, secret=secret).body)
    t.same("who", (told["kind"], told["temporary"], told["access_key"]), ("root", True, key))
    t.same("S3", api(c, "GET", "/", headers=session, key=key, secret=secret).status, 200)
    users = b"Action=ListUsers&Version=2010-05-08"
    t.same("IAM, which these credentials have here", api(c, "POST", "/", body=users, headers=[*FORM, *session], key=key,
                                                         secret=secret, service="iam").status, 200)
    t.same("and nowhere else", t.ask(t.signed("POST", "/", headers=[*FORM, *session], body=users, key=key, secret=secret,
                                              service="iam")).status, 403)
    t.same("metrics in MinIO's words", api(c, "GET", "/minio/admin/v3/info", headers=session, key=key,
                                           secret=secret).status, 200)


@console.case
def CON_10_off(t):
    for label, args, env in (("flag", ["--browser", "off"], {}), ("variable", [], {"PAIL_BROWSER": "off"}),
                             ("MinIO's", [], {"MINIO_BROWSER": "off"})):
        with t.server(*args, name="console-off", env=env) as pail:
            t.same(f"{label}: no console", pail.console_port, None)


@console.case
def CON_11_an_address_that_is_taken(t):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with t.server(name="console-taken") as pail:
            pail.stop()
            pail.args += ["--console-address", address]
            try:
                pail.start()
                t.note("an address that was asked for", "the server starts without it")
            except Exception as refused:
                t.true("said why", "in use" in str(refused), str(refused))


@console.case
def CON_14_the_usual_address_is_no_reason_to_stay_away(t):
    taken = socket.socket()

    def have():
        try:
            taken.bind(("127.0.0.1", 9001))
        except OSError:
            return False
        return taken.listen() is None
    t.wait(have)  # or it is somebody else's, who does not go
    folder = os.path.join(t.folder, "usual")
    process = subprocess.Popen([default_binary(), "server", folder, "--address", "127.0.0.1:0"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, env={k: v for k, v in os.environ.items()
                                                                         if not k.startswith(("PAIL_", "MINIO_"))})
    try:
        said = ""
        for line in process.stdout:
            said += line
            if " serves " in line:
                break
        t.true("it says so", "no web console: cannot listen on 127.0.0.1:9001" in said, said)
        t.true("and names none", "Console:" not in said)
    finally:
        process.terminate()
        process.stdout.read()
        t.same("it ends", process.wait(20), 0)
        taken.close()


@console.case
def CON_12_tls(t):
    with t.server(name="console-tls", tls=True) as pail:
        context = ssl.create_default_context(cafile=pail.ca)
        with Raw(pail.host, pail.console_port, tls=context) as c:
            reply = c.send(f"GET /api/ HTTP/1.1\r\nHost: {pail.host}\r\n\r\n".encode()).reply()
            t.same("answered over TLS", reply.status, 403)
            check_api_headers(t, "over TLS", reply)


@console.case
def CON_13_a_hand_over_takes_the_console_along(t):
    with t.server("--drain-timeout", "5", name="console-over") as pail:
        port = pail.console_port
        pail.process.send_signal(signal.SIGUSR2)
        code = pail.process.wait(30)
        pail.process = None
        t.same("the old one", code, 0)

        def said():
            return re.findall(r"Console:\s+https?://\S+:(\d+)/", pail.whole_log())
        t.wait(lambda: len(said()) == 2)
        t.same("the same port twice", said(), [str(port)] * 2)
        pid = listener_at(port)
        try:
            with Raw(pail.host, port) as c:
                t.same("the new one answers", c.send(b"GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n").reply().status, 403)
        finally:
            if pid:
                os.kill(pid, signal.SIGTERM)
                t.wait(lambda: not os.path.exists(f"/proc/{pid}"), 20)


def listener_at(port):
    """The process that listens there."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f]
    inodes = {r[9] for r in rows[1:] if r[1].endswith(f":{port:04X}") and r[3] == "0A"}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:
            continue
        if found and found.group(1) in inodes:
            return int(link.split("/")[2])
    return None


@console.case
def CON_15_sockets_of_the_service_manager(t):
    ours = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    early = [socket.create_connection(s.getsockname()) for s in ours]
    for one in early:
        one.settimeout(20)
        one.sendall(b"GET /api/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    script = 'exec 5<&"$0" 6<&"$1"; exec 3<&5 4<&6 5<&- 6<&-; shift; export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@"'
    numbers = [s.fileno() for s in ours]
    process = subprocess.Popen(["bash", "-c", script, *map(str, numbers), default_binary(), "server",
                                os.path.join(t.folder, "sockets")], pass_fds=numbers, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, "LISTEN_FDNAMES": "console:s3"})
    try:
        console_says, s3_says = (b"".join(iter(lambda c=c: c.recv(65536), b"")) for c in early)
        t.true("the console's", API_CSP.encode() in console_says, str(console_says[:200]))
        t.true("S3's", b"404" in s3_says[:20] and API_CSP.encode() not in s3_says, str(s3_says[:200]))
    finally:
        process.terminate()
        t.same("it ends", process.wait(20), 0)
        for one in (*early, *ours):
            one.close()


# ---- behind a proxy --------------------------------------------------------------------------------------------------


@front.case
def CON_20_a_prefix_may_be_there_or_not(t):
    c = on_console(t)
    for prefix in ("", "/deep/console"):
        t.same(f"API below \"{prefix}\"", c.ask(c.signed("GET", "/", target=f"{prefix}/api/")).status, 200)
        t.same(f"nobody below \"{prefix}\"", page(c, f"{prefix}/api/").status, 403)
    if page(c).status == 404:
        t.skip("built without Node.js")
    for path in ("/", "/deep/console/", "/deep/console", "/deep/console/buckets/x", "/buckets/x"):
        reply = c.expect(path, page(c, path), "200")
        t.same(f"{path}, bases", re.findall(rb"<base [^>]*>", reply.body), [b'<base href="/deep/console/">'])
    told = json.loads(page(c, "/deep/console/console.json").body)
    t.same("told", (told["prefix"], told["endpoint"]), ("/deep/console/", "https://s3.pail.test"))
    script = asset_of(c)
    t.same("assets", [page(c, p + script).status for p in ("", "/deep/console")], [200, 200])


@front.case
def CON_21_guesses_are_counted_by_address(t):
    c = on_console(t)
    one, two, three = ([("X-Forwarded-For", a)] for a in ("192.0.2.1", "192.0.2.2", "2001:db8::1"))
    for i in range(25):
        t.same(f"signing in well, {i}", sign_in(c, headers=two).status, 200)
    for i in range(10):
        t.same(f"guess {i}", sign_in(c, "wrong" + str(i), one).status, 403)
    for label, reply in (("another guess", sign_in(c, "wrong", one)), ("the right secret", sign_in(c, headers=one)),
                         ("another key", sign_in(c, "x", one, key="SOMEBODYELSE00000000"))):
        t.same(f"{label} has to wait", (reply.status, reply.value("Code")), (429, "Throttling"))
        t.true(f"{label}: told how long", 1 <= int(reply.headers["retry-after"]) <= 60)
        check_api_headers(t, label, reply)
    t.same("another address", sign_in(c, headers=two).status, 200)
    t.same("one of IPv6", sign_in(c, "wrong", three).status, 403)
    for i in range(9):
        sign_in(c, "wrong", [("X-Forwarded-For", f"2001:db8::{i + 2}")])
    t.same("its network is one", sign_in(c, headers=three).status, 429)
    for i in range(12):
        reply = sign_in(c, "wrong", [("X-Forwarded-For", "192.0.2.77"), ("x-amz-security-token", "made-up")])
        t.true(f"a token that is none, {i}", reply.status in (400, 403), str(reply.status))
    reply = sign_in(c, headers=[("X-Forwarded-For", "192.0.2.77"), ("x-amz-security-token", "made-up")])
    t.true("with it the right secret is of no use", reply.status in (400, 403) and
           reply.value("Code") != "SignatureDoesNotMatch", f"{reply.status} {reply.value('Code')}")
    t.same("S3's listener counts nothing", t.ask(t.signed("POST", "/", headers=[*FORM, *one], body=SIGN_IN,
                                                          service="sts")).status, 200)
    reply = sign_in(c, headers=two)
    session = [("x-amz-security-token", reply.value("SessionToken")), *one]
    t.same("who has signed in goes on", api(c, "GET", "/", headers=session, key=reply.value("AccessKeyId"),
                                            secret=reply.value("SecretAccessKey")).status, 200)
    t.same("a wrong clock is no guess", [sign_in_late(c).status for _ in range(12)][-1], 403)


@front.case
def CON_23_guesses_by_other_requests_count_too(t):
    c = on_console(t)
    token = ("x-amz-security-token", "")
    ways = (
        ("listing buckets", lambda by, secret: api(c, "GET", "/", headers=by, secret=secret)),
        ("a page's question", lambda by, secret: api(c, "GET", "/pail/v1/session", headers=by, secret=secret)),
        ("signing in with an empty token", lambda by, secret: sign_in(c, secret, [token, *by])),
    )
    for n, (label, guess) in enumerate(ways):
        by = [("X-Forwarded-For", f"203.0.113.{n + 1}")]
        for i in range(12):
            t.true(f"{label}, well, {i}", guess(by, None).status != 429)
        for i in range(10):
            t.true(f"{label}, {i}", guess(by, f"wrong{i}").status in (400, 403))
        for what, reply in ((label, guess(by, None)), (f"{label}, then signing in", sign_in(c, headers=by))):
            t.same(f"{what}: has to wait", reply.status, 429)
            t.true(f"{what}: told how long", 1 <= int(reply.headers["retry-after"]) <= 60)
    session = sign_in(c, headers=[("X-Forwarded-For", "203.0.113.99")])
    t.same("who has signed in goes on", api(c, "GET", "/", headers=[("x-amz-security-token", session.value("SessionToken")),
                                            ("X-Forwarded-For", "203.0.113.1")], key=session.value("AccessKeyId"),
                                            secret=session.value("SecretAccessKey")).status, 200)


def sign_in_late(c):
    return api(c, "POST", "/", body=SIGN_IN, headers=[*FORM, ("X-Forwarded-For", "192.0.2.9")], service="sts", offset=-7200)


@front.case
def CON_22_what_strangers_say_of_themselves_counts_for_nothing(t):
    with t.server(name="console-direct") as pail:
        c = on_console(t.of(pail))
        for i in range(10):
            sign_in(c, "wrong", [("X-Forwarded-For", f"198.51.100.{i}")])
        t.same("the peer has to wait", sign_in(c, headers=[("X-Forwarded-For", "198.51.100.99")]).status, 429)
