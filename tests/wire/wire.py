# SPDX-License-Identifier: Apache-2.0
"""The workbench of the wire suite: bytes on sockets, signatures that can be got wrong on purpose, and what must hold
after every case.

A module makes a Group (one server with its settings) and marks its cases; a case is named after the row of the case
list that it covers, `SIG_01_wrong_secret`, and is given the Bench:

    sig = Group("sig")

    @sig.case
    def SIG_01_wrong_secret(t):
        t.expect("PUT", t.ask(t.signed("PUT", "/aaa/k", body=b"x", secret="wrong")), "403 SignatureDoesNotMatch")

expect() notes what is wrong and goes on, so that a table of inputs shows all of its failures at once. What it expects
is "STATUS Code", alternatives divided by " / ", or "closed" for a connection that ends without a reply.

After every case: same process, a good request on a new connection succeeds. After every group: the bucket of somebody
else is as it was, the log holds no secret, no signature and no query, descriptors and memory are back.
"""
import base64
import datetime
import glob
import hashlib
import hmac
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time
import traceback
import urllib.parse
import zlib
from xml.sax.saxutils import escape

import s3client
from cases import Skip, report, short
from pail import (ACCESS_KEY, BUILD, SECRET_KEY, TEST_DIR, Pail, ServerError, certificates,  # noqa: F401
                  default_binary)

CASE_SECONDS = 60
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = SIGNED_CHUNKS + "-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KEEP = bytes(range(256)) * 40  # the object in bucket bbb that must never change
SANITIZED_ROOM = 512 << 20     # a sanitizer's allocator and stacks keep what the server has given back
PLAIN_ROOM = 32 << 20      # spare body buffers, and what malloc keeps

groups = []


def release_binary():
    """The ordinary build where there is one: measurements of memory and time mean little in a sanitized one."""
    path = os.path.join(BUILD, "release", "pail")
    return path if os.path.exists(path) else None


# ---- sockets ---------------------------------------------------------------------------------------------------------


class Reply(s3client.Reply):
    """A reply as it came, with its lines in order."""

    def __init__(self, status, lines, body, version, interim):
        super().__init__(status, {}, body)
        self.lines, self.version, self.interim = lines, version, interim
        for name, value in lines:
            self.headers.setdefault(name.lower(), value)

    def all(self, name):
        return [v for n, v in self.lines if n.lower() == name]

    @property
    def message(self):
        return self.value("Message")


class Raw:
    """A connection that sends what it is told and reads replies strictly."""

    def __init__(self, host, port, tls=None, name=None, timeout=15, receive_buffer=None, source=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name or host)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection by RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        """All of it, or as much as a server that has heard enough takes."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass
        return self

    def more(self, size=65536):
        """What comes next; b"" at the end, however it ends."""
        try:
            return self.sock.recv(size)
        except (ConnectionResetError, ssl.SSLError):
            return b""

    def _head(self):
        while b"\r\n\r\n" not in self.data:
            got = self.more()
            if not got:
                if self.data:
                    raise AssertionError(f"the connection ended inside a head: {short(self.data)}")
                return None
            self.data += got
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.([01]) (\d{3}) ([^\r\n]*)", lines[0])
        if not match:
            raise AssertionError(f"no status line: {short(lines[0])}")
        pairs = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[!-9;-~]+", name):
                raise AssertionError(f"no header line: {short(line)}")
            pairs.append((name, value.strip()))
        return int(match.group(2)), pairs, f"1.{match.group(1)}"

    def reply(self, method="GET"):
        """The next final reply, or None when the connection ended."""
        interim = []
        while True:
            head = self._head()
            if head is None:
                return None
            status, pairs, version = head
            if status >= 200:
                break
            interim.append(status)
        reply = Reply(status, pairs, b"", version, interim)
        lengths = reply.all("content-length")
        bare = status in (204, 304)
        if len(lengths) != (0 if bare else 1):
            raise AssertionError(f"{status} with Content-Length {lengths}")
        want = 0 if bare or method == "HEAD" else int(lengths[0])
        body = bytearray(self.data)
        while len(body) < want:
            got = self.more(1 << 20)
            if not got:
                raise AssertionError(f"the connection ended {want - len(body)} bytes before the body's end")
            body += got
        reply.body, self.data = bytes(body[:want]), bytes(body[want:])
        return reply

    def replies(self, n, method="GET"):
        return [self.reply(method) for _ in range(n)]

    def closed(self, seconds=15):
        """True when the server ends the connection and has nothing more to say."""
        self.sock.settimeout(seconds)
        try:
            return self.data == b"" and self.more() == b""
        except TimeoutError:
            return False


# ---- signatures ------------------------------------------------------------------------------------------------------


def encode(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


def canonical_query(query, without=()):
    pairs = []
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        name, value = (encode(urllib.parse.unquote_to_bytes(x.replace("+", " "))) for x in (name, value))
        if name not in without:
            pairs.append((name, value))
    return "&".join(f"{n}={v}" for n, v in sorted(pairs))


def stamp_of(offset=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=offset)).strftime("%Y%m%dT%H%M%SZ")


def _crc(body, polynomial, bits):
    """A reflected CRC, inverted at both ends, as all of S3's are."""
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (polynomial if i & 1 else 0)
        table.append(i)
    value = (1 << bits) - 1
    for byte in body:
        value = value >> 8 ^ table[(value ^ byte) & 255]
    return value ^ ((1 << bits) - 1)


def checksum(name, body):
    """The value of x-amz-checksum-<name>."""
    raw = {"crc32": lambda: zlib.crc32(body).to_bytes(4, "big"),
           "crc32c": lambda: _crc(body, 0x82f63b78, 32).to_bytes(4, "big"),
           "crc64nvme": lambda: _crc(body, 0x9a6c9329ac4bc9b5, 64).to_bytes(8, "big"),
           "sha1": lambda: hashlib.sha1(body).digest(), "sha256": lambda: hashlib.sha256(body).digest(),
           "sha512": lambda: hashlib.sha512(body).digest(), "md5": lambda: hashlib.md5(body).digest()}[name]()
    return base64.b64encode(raw).decode()


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


class Signing:
    """SigV4 with a knob for everything that can be wrong. Signatures made are remembered: none may show in the log."""

    def __init__(self, access_key, secret_key, host, region="us-east-1"):
        self.access_key, self.secret_key, self.host, self.region = access_key, secret_key, host, region
        self.made = set()

    def _key(self, secret, scope):
        key = ("AWS4" + secret).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def _sign(self, key, text):
        signature = hmac.new(key, text.encode("latin-1"), hashlib.sha256).hexdigest()
        self.made.add(signature)
        return signature

    @staticmethod
    def _canonical(method, path, query, pairs, names, payload):
        values = {}
        for name, value in pairs:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
        lines = "".join(f"{n}:{','.join(values.get(n, ['']))}\n" for n in names.split(";"))
        path = encode(urllib.parse.unquote_to_bytes(path), "-_.~/") if path else "/"
        return "\n".join((method, path, query, lines, names, payload))

    def signed(self, method, path, query="", headers=(), body=b"", payload=..., secret=None, key=None,
               region=None, service="s3", terminator="aws4_request", offset=0, scope_date=None, names=None,
               extra=(), drop=(), host=None, sent_host=None, length=..., signature=None, edit=None, authorization=...,
               version="HTTP/1.1", head_only=False, target=None, stamp=None):
        """The bytes of a header-signed request.

        payload: x-amz-content-sha256 (... is the body's hash, None: left out); names: SignedHeaders; extra: headers
        added and drop: headers taken away after signing; edit: changes the Authorization value; length: Content-Length.
        """
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        stamp = stamp or stamp_of(offset)
        region = self.region if region is None else region
        scope = "/".join(((stamp[:8] if scope_date is None else scope_date), region, service, terminator))
        payload = hashlib.sha256(body).hexdigest() if payload is ... else payload
        pairs = [("Host", host or self.host), *headers, ("x-amz-date", stamp)]
        if payload is not None:
            pairs.append(("x-amz-content-sha256", payload))
        if names is None:
            names = ";".join(sorted({n.lower() for n, _ in pairs}))
        canonical = self._canonical(method, path, canonical_query(query), pairs, names, payload or EMPTY_SHA256)
        signing_key = self._key(self.secret_key if secret is None else secret, scope)
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode("latin-1")).hexdigest()))
        made = self._sign(signing_key, text)
        signature = made if signature is None else signature
        self.seed = (stamp, scope, signing_key, signature)
        value = (f"AWS4-HMAC-SHA256 Credential={self.access_key if key is None else key}/{scope}, "
                 f"SignedHeaders={names}, Signature={signature}")
        value = edit(value) if edit else value
        value = value if authorization is ... else authorization
        if value is not None:
            pairs.append(("Authorization", value))
        if sent_host is not None:
            pairs[0] = ("Host", sent_host)
        pairs = [p for p in pairs if p[0].lower() not in drop] + list(extra)
        if length is ...:
            length = len(body) if body or method in ("PUT", "POST") else None
        if length is not None:
            pairs.append(("Content-Length", str(length)))
        target = target or path + ("?" + query if query else "")
        head = f"{method} {target} {version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
        return head.encode("latin-1") + (b"" if head_only else body)

    def presigned(self, method, path, query="", headers=(), expires=600, offset=0, key=None, secret=None,
                  region=None, service="s3", names=None, payload=UNSIGNED, drop=(), more="", token=None):
        """Path and query of a presigned request; `more` is added after signing, `drop` names parameters left out."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        stamp = stamp_of(offset)
        scope = f"{stamp[:8]}/{self.region if region is None else region}/{service}/aws4_request"
        pairs = [("Host", self.host), *headers]
        names = names or ";".join(sorted({n.lower() for n, _ in pairs}))
        params = [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", f"{key or self.access_key}/{scope}"),
                  ("X-Amz-Date", stamp), ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", names)]
        if token is not None:
            params.append(("X-Amz-Security-Token", token))
        full = "&".join([query] * bool(query) + [f"{n}={encode(v)}" for n, v in params if n not in drop])
        canonical = self._canonical(method, path, canonical_query(full), pairs, names, payload)
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode("latin-1")).hexdigest()))
        signature = self._sign(self._key(secret or self.secret_key, scope), text)
        if "X-Amz-Signature" not in drop:
            full += f"&X-Amz-Signature={signature}"
        return f"{path}?{full}{more}"

    def plain(self, method, target, headers=(), body=b"", host=None, length=..., version="HTTP/1.1"):
        """A request as it stands: presigned or anonymous."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        pairs = [("Host", self.host if host is None else host), *headers]
        if length is ...:
            length = len(body) if body or method in ("PUT", "POST") else None
        if length is not None:
            pairs.append(("Content-Length", str(length)))
        return (f"{method} {target} {version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n").encode(
            "latin-1") + body

    def chunked(self, path, body, mode=SIGNED_CHUNKS, size=65536, trailers=(), announce=..., decoded=..., headers=(),
                edit=None, length=..., query="", outer=False, **options):
        """An aws-chunked upload.

        edit(pieces) may change what goes over the wire: the pieces are the chunks, the final chunk's line, then with
        trailers one line each and the trailers' signature, and the last empty line.
        """
        names = [n for n, _ in trailers] if announce is ... else announce
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        decoded = len(body) if decoded is ... else decoded
        if decoded is not None:
            headers.append(("x-amz-decoded-content-length", str(decoded)))
        if names:
            headers.append(("x-amz-trailer", ",".join(names)))
        # The framing's length is no part of the signature, so the head is signed first, then the chunks from its seed.
        self.signed("PUT", path, query, headers, payload=mode, head_only=True, length=0, **options)
        stamp, scope, key, previous = self.seed
        pieces, signs = [], mode != UNSIGNED_TRAILER
        for at in [*range(0, len(body), size), None]:
            data = b"" if at is None else body[at:at + size]
            if signs:
                previous = self._sign(key, "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous, EMPTY_SHA256,
                                                      hashlib.sha256(data).hexdigest())))
            line = f"{len(data):x}" + (f";chunk-signature={previous}" if signs else "") + "\r\n"
            pieces.append(line.encode() + (data + b"\r\n" if at is not None else b""))
        pieces += [f"{n}:{v}\r\n".encode("latin-1") for n, v in trailers]
        if mode == SIGNED_TRAILER:
            text = "".join(f"{n}:{v}\n" for n, v in trailers)
            made = self._sign(key, "\n".join(("AWS4-HMAC-SHA256-TRAILER", stamp, scope, previous,
                                              hashlib.sha256(text.encode("latin-1")).hexdigest())))
            pieces.append(f"x-amz-trailer-signature:{made}\r\n".encode())
        pieces.append(b"\r\n")
        if edit:
            pieces = edit(pieces) or pieces
        wire = b"".join(pieces)
        extra = list(options.pop("extra", ()))
        if outer:
            extra.append(("Transfer-Encoding", "chunked"))
            wire = b"".join(b"%x\r\n%s\r\n" % (len(wire[i:i + 5000]), wire[i:i + 5000])
                            for i in range(0, len(wire), 5000)) + b"0\r\n\r\n"
        head = self.signed("PUT", path, query, headers, payload=mode, head_only=True, extra=extra, stamp=stamp,
                           length=None if outer else (len(wire) if length is ... else length), **options)
        return head + wire


# ---- cases -----------------------------------------------------------------------------------------------------------


class Group:
    """The cases of one server. `lonely` groups measure, so they run after the others."""

    def __init__(self, name, args=(), lonely=False, release=False, plain=True, region="us-east-1", **pail):
        self.name, self.args, self.lonely, self.release, self.pail = name, list(args), lonely, release, pail
        self.region = region
        self.plain = plain  # False: the cases start their servers themselves
        self.cases = []
        groups.append(self)

    def case(self, function):
        self.cases.append(function)
        return function

    def plain_too(self):
        """The same cases once more on the ordinary build, where memory can be measured (when there is one)."""
        if release_binary():
            again = Group(f"plain-{self.name}", self.args, release=True, **self.pail)
            again.cases = self.cases
        return self


def title_of(function):
    """SIG_01_wrong_secret -> "SIG-01 wrong secret"; names without a row stay words."""
    return re.sub(r"^([A-Z]{3})_(\d+)_", r"\1-\2 ", function.__name__).replace("_", " ")


class Bench(Signing):
    """What a case is given: the server, requests, expectations."""

    def __init__(self, group):
        self.group = group
        self.wrong = []
        os.makedirs(TEST_DIR, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"wire-{group.name}-", dir=TEST_DIR)
        self.pail = None

    def server(self, *args, name=None, **options):
        """Another server, stopped by the case (a context manager)."""
        return Pail(f"wire-{name or self.group.name}", args=["--log-level", "debug", *args], **options)

    def attach(self, pail):
        self.pail = pail
        super().__init__(pail.access_key, pail.secret_key, f"{pail.host}:{pail.port}", self.group.region)
        self.client = s3client.Client(pail.host, pail.port, pail.access_key, pail.secret_key, self.group.region)
        return self

    def of(self, pail):
        """A bench for another server: same tools, same list of what is wrong."""
        other = Bench.__new__(Bench)
        other.group, other.wrong, other.folder = self.group, self.wrong, self.folder
        return other.attach(pail)

    def open(self, **options):
        return Raw(self.pail.host, self.pail.port, **options)

    def ask(self, data, method=None):
        """One request on a connection of its own; its reply, or None when there was none."""
        method = method or data.split(b" ", 1)[0].decode("latin-1")
        with self.open() as c:
            return c.send(data).reply(method)

    def get(self, path, query="", **options):
        return self.ask(self.signed("GET", path, query, **options))

    def put(self, path, body=b"", **options):
        return self.ask(self.signed("PUT", path, body=body, **options))

    def post(self, path, query, body=b"", headers=(), digest=True, **options):
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        headers += [("Content-MD5", md5(body))] if digest else []
        return self.ask(self.signed("POST", path, query, body=body, headers=headers, **options))

    def delete(self, path, query="", **options):
        return self.ask(self.signed("DELETE", path, query, **options))

    # --- expectations
    def note(self, label, text):
        self.wrong.append(f"{label}: {text}")

    def true(self, label, condition, detail=""):
        if not condition:
            self.note(label, f"not so{': ' if detail else ''}{detail}")
        return condition

    def same(self, label, actual, expected):
        if actual != expected:
            self.note(label, f"expected {short(expected)}, got {short(actual)}")

    def expect(self, label, reply, what, closes=None):
        """what: "403 AccessDenied / 400", "closed", ...; closes: whether the reply announces the connection's end."""
        ways = [w.split(" ", 1) for w in what.split(" / ")]
        if reply is None:
            if ["closed"] not in ways:
                self.note(label, f"expected {what}, the connection was closed")
            return None
        if not any(w[0] == str(reply.status) and (len(w) == 1 or w[1] == reply.code) for w in ways):
            self.note(label, f"expected {what}, got {reply.status} {reply.code or short(reply.body, 160)}"
                             f"{': ' + reply.message if reply.message else ''}")
        if not re.fullmatch(r"[0-9A-F]{16}", reply.request_id) or len(reply.headers.get("x-amz-id-2", "")) < 20:
            self.note(label, f"without request ids: {reply.lines}")
        if reply.body.startswith(b"<?xml") and b"<Error>" in reply.body:
            self.same(f"{label}, RequestId of the body", reply.value("RequestId"), reply.request_id)
            self.same(f"{label}, HostId of the body", reply.value("HostId"), reply.headers["x-amz-id-2"])
            self.same(f"{label}, Content-Type", reply.headers.get("content-type"), "application/xml")
        if closes is not None:
            self.same(f"{label}, Connection: close", reply.headers.get("connection", "") == "close", closes)
        return reply

    def refused(self, label, data, what, path=None, **more):
        """A write that must be refused and leave nothing: `path` must not exist afterwards."""
        self.expect(label, self.ask(data), what, **more)
        if path:
            self.absent(label, path)

    def absent(self, label, path):
        reply = self.ask(self.signed("HEAD", path))
        self.true(f"{label}: nothing is stored", reply.status == 404, f"HEAD {path} answers {reply.status}")

    def skip(self, why):
        raise Skip(why)

    # --- the process
    def gained(self, label, before, room):
        """The server may hold `room` bytes more than `before`. Meant for the ordinary build: see Group.plain_too."""
        more = self.memory() - before
        room += 0 if self.group.release else SANITIZED_ROOM
        self.true(label, more <= room, f"{more >> 10} KiB more, {room >> 10} allowed")

    def memory(self):
        """Resident bytes that are not page cache of files."""
        with open(f"/proc/{self.pail.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1)) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pail.pid}/fd"))

    def connections(self):
        """The states, as /proc/net/tcp has them, of the clients' connections that the server has not closed yet."""
        with open("/proc/net/tcp") as f:
            rows = [line.split() for line in f if f":{self.pail.port:04X} " in line[:20]]
        return [r[3] for r in rows if r[3] != "0A" and (r[9] != "0" or r[3] in ("01", "03"))]

    def cpu(self):
        """Seconds of processor time that the server has taken so far."""
        with open(f"/proc/{self.pail.pid}/stat") as f:
            return sum(map(int, f.read().rsplit(") ", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def log(self):
        return self.pail.whole_log()

    def log_lines(self):
        """Those that are written to their end."""
        return self.log().rpartition("\n")[0].splitlines()

    def wait(self, condition, seconds=10, pause=0.05):
        """True as soon as the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
        return True

    def access_line(self, request_id, seconds=10):
        """The access log's line of a request."""
        found = []

        def look():
            found[:] = [x for x in self.log_lines() if request_id in x and " access" in x]
            return found
        self.wait(look, seconds)
        return found[0] if found else ""

    def multipart(self, path, parts=(), **create):
        """Begins an upload and sends parts; the id and [(number, etag)]."""
        upload = self.ask(self.signed("POST", path, "uploads=", **create)).value("UploadId")
        done = [(n, self.put_part(path, upload, n, body).etag) for n, body in parts]
        return upload, done

    def put_part(self, path, upload, number, body, **options):
        return self.ask(self.signed("PUT", path, f"partNumber={number}&uploadId={upload}", body=body, **options))

    def complete(self, path, upload, parts, **options):
        return self.ask(self.signed("POST", path, f"uploadId={upload}", body=complete_xml(parts), **options))

    # --- what must hold
    def light(self):
        """After every case."""
        if self.pail.process is None or self.pail.process.poll() is not None:
            self.note("afterwards", "the server is gone")
            return
        reply = self.get("/bbb/keep")
        if reply is None or reply.status != 200 or reply.body != KEEP:
            self.note("afterwards", f"a good request on a new connection got {reply!r}")

    def prepare(self):
        create = b"" if self.region == "us-east-1" else (
            f"<CreateBucketConfiguration><LocationConstraint>{self.region}</LocationConstraint>"
            "</CreateBucketConfiguration>").encode()
        for path, body in (("/aaa", create), ("/bbb", create), ("/bbb/keep", KEEP)):
            self.expect("set-up", self.put(path, body), "200")
        self.listing = self.get("/bbb", "list-type=2").body
        for _ in range(20):
            self.get("/bbb/keep")
        self.start_memory, self.start_descriptors = self.memory(), self.descriptors()
        if self.wrong:
            raise AssertionError("; ".join(self.wrong))

    def full(self):
        """After every group."""
        self.client.close()
        self.same("bucket bbb", self.get("/bbb", "list-type=2").body, self.listing)
        self.same("bucket bbb's object", self.get("/bbb/keep").body, KEEP)
        settled = self.wait(lambda: self.descriptors() <= self.start_descriptors + 4, 10)
        self.true("descriptors are back", settled, f"{self.start_descriptors} before, {self.descriptors()} now")
        self.gained("memory is back", self.start_memory, PLAIN_ROOM)
        self.clean_log()

    def clean_log(self):
        log = self.log()
        self.true("the log holds no secret key", self.secret_key not in log)
        shown = {s for s in re.findall(r"[0-9a-f]{64}", log)} & self.made
        self.true("the log holds no signature", not shown, short(shown))
        for line in log.splitlines():
            if "X-Amz-Signature" in line or "X-Amz-Credential" in line or "Security-Token" in line:
                self.note("the log holds a query", short(line))


def complete_xml(parts):
    rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>\"{e}\"</ETag></Part>" for n, e in parts)
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()


def delete_xml(keys, quiet=False):
    rows = "".join(f"<Object><Key>{escape(k)}</Key></Object>" for k in keys)
    return f"<Delete>{'<Quiet>true</Quiet>' if quiet else ''}{rows}</Delete>".encode()


# ---- running ---------------------------------------------------------------------------------------------------------


def on_alarm(_number, _frame):
    raise TimeoutError(f"the case took more than {CASE_SECONDS} s")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def case(self, name, run, bench):
        """Runs one case and prints its line."""
        bench.wrong.clear()
        start = time.monotonic()
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(CASE_SECONDS)
        try:
            run()
            signal.alarm(0)
        except Skip as why:
            self.skipped += 1
            report(True, name, skip=str(why))
            return
        except Exception:  # whatever it is, the other cases still run
            bench.wrong.append(traceback.format_exc(limit=-5))
        finally:
            signal.alarm(0)
        process = bench.pail and bench.pail.process
        if bench.wrong and process and process.poll() is not None:
            bench.wrong.append(f"the server is gone, code {process.returncode}:\n{bench.pail.log(4000)}")
        self.passed += not bench.wrong
        self.failed += bool(bench.wrong)
        report(not bench.wrong, f"{name} ({time.monotonic() - start:.2f} s)", "\n".join(bench.wrong))


def run_group(group, words=()):
    tally, bench = Tally(), Bench(group)
    chosen = [f for f in group.cases if not words or any(w.lower() in title_of(f).lower() for w in words)]
    pail = None
    try:
        if group.plain and chosen:
            binary = release_binary() if group.release else None
            pail = Pail(f"wire-{group.name}", args=["--log-level", "debug", *group.args],
                        **{"binary": binary, **group.pail})
            bench.attach(pail.start()).prepare()
        for function in chosen:
            def run(f=function):
                f(bench)
                if pail:
                    bench.light()
            tally.case(f"{group.name}: {title_of(function)}", run, bench)
            if pail and (pail.process is None or pail.process.poll() is not None):
                bench.attach(pail.restart())
        if pail:
            tally.case(f"{group.name}: what must hold after the group", bench.full, bench)
            tally.case(f"{group.name}: the server stops cleanly", pail.stop, bench)
    except Exception:
        tally.failed += 1
        report(False, f"{group.name}: set-up", traceback.format_exc(limit=-5))
    finally:
        if pail:
            pail.remove_data()
        shutil.rmtree(bench.folder, ignore_errors=True)
        if not tally.failed:
            for log in glob.glob(os.path.join(TEST_DIR, f"server-wire-{group.name}-*.log")):
                os.unlink(log)
    sys.stdout.flush()
    return tally
