# SPDX-License-Identifier: Apache-2.0
"""Uploads from browsers' forms (PST) and requests across origins (CRS): bodies, policies and headers as no browser
would send them."""
import base64
import datetime
import hashlib
import hmac
import json
import os

from wire import Group, checksum, md5

post = Group("post")
crs = Group("crs")
by_host = Group("form-host", ["--domain", "s3.test"])
heavy = Group("form-memory", lonely=True, release=True)

MALFORMED = "400 MalformedPOSTRequest"
DENIED = "403 AccessDenied"
BAD_POLICY = "400 InvalidPolicyDocument"


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def iso(seconds=600):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(*conditions, expiration=None):
    return json.dumps({"expiration": expiration or iso(), "conditions": list(conditions)})


def sign4(t, text, key=None, secret=None):
    """The five fields of a signature of version 4 over this policy."""
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = [stamp[:8], t.region, "s3", "aws4_request"]
    derived = ("AWS4" + (secret or t.secret_key)).encode()
    for word in scope:
        derived = hmac.new(derived, word.encode(), hashlib.sha256).digest()
    encoded = b64(text)
    return [("policy", encoded), ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", "/".join([key or t.access_key, *scope])), ("x-amz-date", stamp),
            ("x-amz-signature", hmac.new(derived, encoded.encode(), hashlib.sha256).hexdigest())]


def sign2(t, text):
    encoded = b64(text)
    return [("AWSAccessKeyId", t.access_key), ("policy", encoded),
            ("signature", b64(hmac.new(t.secret_key.encode(), encoded.encode(), hashlib.sha1).digest()))]


OF_SIGNATURE = ("x-amz-algorithm", "x-amz-credential", "x-amz-date")


def covering(fields, *more, signature=True, **options):
    """A policy that allows exactly these fields."""
    named = [[("starts-with" if n == "file-prefix" else "eq"), f"${n}", v] for n, v in fields
             if not n.lower().startswith("x-ignore-")]
    return policy(*named, *([["starts-with", f"${n}", ""] for n in OF_SIGNATURE] if signature else []), *more, **options)


def part(name, value, extra=""):
    value = value if isinstance(value, bytes) else value.encode()
    return f'Content-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + value


def body_of(fields, file=b"data", filename="f.txt", boundary="xx", after=(), end=None):
    parts = [part(n, v) for n, v in fields]
    if file is not None:
        kind = "\r\nContent-Type: text/plain"
        parts.append(part("file", file, (f'; filename="{filename}"' if filename is not None else "") + kind))
    parts += [p if isinstance(p, bytes) else part(*p) for p in after]
    mark = f"--{boundary}\r\n".encode()
    return b"".join(mark + p + b"\r\n" for p in parts) + (f"--{boundary}--\r\n".encode() if end is None else end)


def form(t, fields, bucket="aaa", boundary="xx", kind=None, body=None, headers=(), length=..., target=None, **options):
    """The bytes of a request with this form."""
    kind = kind or f"multipart/form-data; boundary={boundary}"
    body = body_of(fields, boundary=boundary, **options) if body is None else body
    return t.plain("POST", target or f"/{bucket}", headers=[("Content-Type", kind), *headers], body=body, length=length)


def allowed(t, fields, *more, sign=sign4, **options):
    """The form with a policy that allows it."""
    signature = sign(t, covering(fields, *more, signature=sign is sign4))
    return form(t, [*fields, *signature], **options)


def good(t, key, **options):
    return allowed(t, [("key", key)], **options)


def stored(t, label, path, body):
    reply = t.expect(label, t.get(path), "200")
    t.true(f"{label}: the bytes", reply.body == body, f"{len(reply.body)} bytes")
    return reply


@post.case
def a_form_is_an_upload(t):
    for sign in (sign4, sign2):
        for size in (0, 5, 16 << 10, 17 << 10, 300 << 10, 3 << 20):
            data = os.urandom(size)
            key = f"post/{sign.__name__}-{size}"
            reply = t.expect(key, t.ask(allowed(t, [("key", key)], sign=sign, file=data)), "204")
            t.same(f"{key}: ETag", reply.headers.get("etag"), f'"{hashlib.md5(data).hexdigest()}"')
            t.same(f"{key}: Location", reply.headers.get("location"), f"http://{t.host}/aaa/{key}")
            stored(t, key, f"/aaa/{key}", data)


@post.case
def everything_that_a_form_can_say(t):
    fields = [("key", "post/all"), ("Content-Type", "image/x"), ("Cache-Control", "no-store"), ("Expires", "soon"),
              ("Content-Disposition", "inline"), ("x-amz-meta-Colour", " blue "), ("x-amz-storage-class", "STANDARD_IA"),
              ("acl", "private"), ("tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>c+d=e</Value></Tag>"
                                              "</TagSet></Tagging>"),
              ("x-amz-checksum-sha256", checksum("sha256", b"data")), ("x-ignore-me", "1"), ("X-Ignore-Me", "2"),
              ("success_action_status", "201")]
    reply = t.expect("POST", t.ask(allowed(t, fields)), "201")
    t.true("its document", all(x in reply.body for x in (b"<PostResponse>", b"<Bucket>aaa</Bucket>",
                                                         b"<Key>post/all</Key>")), reply.body)
    reply = stored(t, "GET", "/aaa/post/all", b"data")
    want = {"content-type": "image/x", "cache-control": "no-store", "expires": "soon", "content-disposition": "inline",
            "x-amz-meta-colour": "blue", "x-amz-storage-class": "STANDARD_IA", "x-amz-tagging-count": "1"}
    t.same("headers", {n: reply.headers.get(n) for n in want}, want)
    reply = t.get("/aaa/post/all", "tagging=")
    t.true("tags", b"<Key>a b</Key><Value>c+d=e</Value>" in reply.body, reply.body)
    # the request's own headers say nothing about the object
    t.expect("headers", t.ask(good(t, "post/hd", headers=[("x-amz-meta-a", "b"), ("Cache-Control", "x")])), "204")
    reply = t.get("/aaa/post/hd")
    t.true("none of them is kept", "x-amz-meta-a" not in reply.headers and "cache-control" not in reply.headers)
    t.same("no Content-Type field", reply.headers.get("content-type"), "binary/octet-stream")


@post.case
def digests_are_checked(t):
    for label, fields, what in (
            ("Content-MD5", [("Content-MD5", md5(b"else"))], "400 BadDigest"),
            ("no digest", [("Content-MD5", "x")], "400 InvalidDigest"),
            ("checksum", [("x-amz-checksum-crc32", checksum("crc32", b"else"))], "400 BadDigest"),
            ("no checksum", [("x-amz-checksum-crc32", "x")], "400 InvalidRequest"),
            ("class", [("x-amz-storage-class", "x")], "400 InvalidStorageClass"),
            ("tags", [("tagging", "<Tagging><TagSet>")], "400 MalformedXML"),
            ("no tags", [("tagging", "a=b")], "400 MalformedXML"),
            ("line", [("x-amz-meta-a", "b\r\nX: y")], "400 InvalidArgument"),
            ("metadata", [("x-amz-meta-a", "b" * 3000)], "400 MetadataTooLarge"),
            ("lock", [("x-amz-object-lock-legal-hold", "ON")], "400 InvalidRequest")):
        t.refused(label, allowed(t, [("key", "post/digest"), *fields]), what, "/aaa/post/digest")


@post.case
def locks_come_with_a_digest(t):
    t.expect("create", t.put("/post-locks", headers=[("x-amz-bucket-object-lock-enabled", "true")]), "200")
    fields = [("key", "k"), ("x-amz-object-lock-mode", "GOVERNANCE"),
              ("x-amz-object-lock-retain-until-date", iso(3600)), ("x-amz-object-lock-legal-hold", "OFF")]
    t.refused("no digest", allowed(t, fields, bucket="post-locks"), "400 InvalidRequest", "/post-locks/k")
    t.expect("with one", t.ask(allowed(t, [*fields, ("Content-MD5", md5(b"data"))], bucket="post-locks")), "204")
    reply = stored(t, "GET", "/post-locks/k", b"data")
    t.same("its mode", reply.headers.get("x-amz-object-lock-mode"), "GOVERNANCE")


@post.case
def versions_are_told(t):
    t.expect("create", t.put("/post-versions"), "200")
    doc = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    t.expect("enable", t.ask(t.signed("PUT", "/post-versions", "versioning=", body=doc,
                                      headers=[("Content-MD5", md5(doc))])), "200")
    ids = [t.ask(good(t, "k", bucket="post-versions", file=b)).headers.get("x-amz-version-id") for b in (b"1", b"2")]
    t.true("two ids", all(ids) and ids[0] != ids[1], ids)
    t.same("the first", t.get("/post-versions/k", f"versionId={ids[0]}").body, b"1")


@post.case
def odd_boundaries(t):
    for boundary in ("x", "-", "--", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a" * 70, "'()+_,-./:=?",
                     "---------------------------9051914041544843365972754266"):
        data = f"a\r\n--{boundary[:-1]}\r\n\r\n--\r\r\n-{boundary}\n--{boundary}--".encode() * 300
        t.expect(boundary, t.ask(good(t, "post/odd", boundary=boundary, file=data,
                                      kind=f'multipart/form-data; boundary="{boundary}"')), "204")
        stored(t, boundary, "/aaa/post/odd", data)
    for kind, what in (("multipart/form-data", MALFORMED), ("multipart/form-data; boundary=", MALFORMED),
                       ("multipart/form-data; boundary=" + "a" * 71, MALFORMED),
                       ("multipart/form-data; boundary=a; boundary=b", MALFORMED),
                       ("application/x-www-form-urlencoded", "412 RequestIsNotMultiPartContent"),
                       ("multipart/mixed; boundary=xx", "412 RequestIsNotMultiPartContent")):
        t.refused(kind, good(t, "post/kind", kind=kind), what, "/aaa/post/kind")
    t.expect("no Content-Type", t.ask(t.plain("POST", "/aaa", body=b"x")), "412 RequestIsNotMultiPartContent")
    t.expect("another boundary", t.ask(good(t, "post/kind", kind="multipart/form-data; boundary=yy")), MALFORMED)


@post.case
def PST_10_nothing_twice_and_nothing_behind_the_file(t):
    fields = [("key", "post/a")]
    signed = sign4(t, covering(fields))
    for label, more in (("key", ("key", "post/b")), ("Key", ("Key", "post/b")), ("policy", ("policy", signed[0][1])),
                        ("signature", ("X-Amz-Signature", signed[4][1]))):
        for order in ([*fields, *signed, more], [more, *fields, *signed]):
            t.refused(f"two of {label}", form(t, order), "400 InvalidArgument", "/aaa/post/a")
    again = form(t, [*fields, *signed], after=[part("file", b"other", '; filename="g"')])
    t.refused("two files", again, "400 IncorrectNumberOfFilesInPostRequest", "/aaa/post/a")
    t.refused("no file", form(t, [*fields, *signed], file=None), "400 IncorrectNumberOfFilesInPostRequest",
              "/aaa/post/a")
    late = form(t, [], after=[*fields, *signed])
    t.refused("fields behind the file", late, "400 UserKeyMustBeSpecified / 403", "/aaa/post/a")
    # S3's own example of a form has its button behind the file: what is there does not count
    behind = form(t, [*fields, *signed], after=[("submit", "Upload"), ("key", "post/b"), ("acl", "public-read")])
    t.expect("a button behind the file", t.ask(behind), "204")
    stored(t, "the first key counts", "/aaa/post/a", b"data")
    t.absent("the second key", "/aaa/post/b")
    t.delete("/aaa/post/a")
    t.refused("endless things behind the file", form(t, [*fields, *signed], after=[("x", "y" * 100000)]), MALFORMED,
              "/aaa/post/a")


@post.case
def broken_bodies_leave_nothing(t):
    fields = [("key", "post/broken")]
    fields += sign4(t, covering(fields))
    whole = body_of(fields)
    for label, body in (
            ("nothing", b""), ("no last boundary", body_of(fields, end=b"")), ("half a boundary", whole[:-6]),
            ("one dash", body_of(fields, end=b"--xx-\r\n")), ("preamble", b"hello\r\n" + whole),
            ("LF", whole.replace(b"\r\n", b"\n")), ("no name", whole.replace(b'; name="key"', b"")),
            ("two names", whole.replace(b'name="key"', b'name="key"; name="acl"')),
            ("NUL in a field", body_of([("key", b"post/bro\0ken"), *fields[1:]])),
            ("NUL in a head", whole.replace(b'name="key"', b'name="k\0y"')),
            ("no form-data", whole.replace(b"form-data", b"attachment")),
            ("endless head", whole.replace(b"text/plain", b"x" * 9000))):
        t.refused(label, form(t, [], body=body), MALFORMED, "/aaa/post/broken")
    for size in (10, 1 << 20):
        data = good(t, "post/broken", file=b"x" * size)
        for cut in (len(data) - 3, len(data) - 20, len(data) // 2):
            with t.open() as c:
                c.send(data[:cut])
            with t.open() as c:
                c.send(data[:cut]).reset()
    t.absent("clients that stop half-way", "/aaa/post/broken")
    t.true("the list", b"post/broken" not in t.get("/aaa", "list-type=2&prefix=post").body)


@post.case
def limits_of_fields(t):
    long = "400 MaxPostPreDataLengthExceededError"
    t.expect("20 KB and no more", t.ask(allowed(t, [("key", "post/l"), ("x-ignore-a", "x" * 19000)])), "204")
    t.delete("/aaa/post/l")
    t.refused("a field", allowed(t, [("key", "post/l"), ("x-ignore-a", "x" * 21000)]), long, "/aaa/post/l")
    t.refused("a huge field", allowed(t, [("key", "post/l"), ("x-ignore-a", "x" * 3000000)]), long, "/aaa/post/l")
    t.refused("many fields", allowed(t, [("key", "post/l"), *[("x-ignore-a", "")] * 3000]), long, "/aaa/post/l")
    t.refused("all together", allowed(t, [("key", "post/l"), *[("x-ignore-a", "x" * 1000)] * 30]), long, "/aaa/post/l")


@post.case
def PST_02_the_key_is_literal(t):
    key = "user/../../bbb/x"
    signed = sign4(t, policy(["starts-with", "$key", "user/"], *[["starts-with", f"${n}", ""] for n in OF_SIGNATURE]))
    t.expect("POST", t.ask(form(t, [("key", key), *signed])), "204 / 400")
    t.absent("another bucket", "/bbb/x")
    listed = t.get("/aaa", "list-type=2&prefix=user")
    t.true("a literal key", b"<Key>user/../../bbb/x</Key>" in listed.body, listed.body)


@post.case
def PST_03_content_length_range(t):
    def sized(n, low=1, high=10, **options):
        return allowed(t, [("key", "post/range")], ["content-length-range", low, high], file=b"x" * n, **options)
    for n in (1, 10):
        t.expect(f"{n} bytes", t.ask(sized(n)), "204")
        t.delete("/aaa/post/range")
    t.refused("0 bytes", sized(0), "400 EntityTooSmall", "/aaa/post/range")
    reply = t.expect("11 bytes", t.ask(sized(11)), "400 EntityTooLarge")
    t.same("MaxSizeAllowed", reply.value("MaxSizeAllowed"), "10")
    t.refused("1 MiB", sized(1 << 20), "400 EntityTooLarge", "/aaa/post/range")
    t.refused("too small, in a blob", sized(1 << 20, 2 << 20, 3 << 20), "400 EntityTooSmall", "/aaa/post/range")
    # 5 GiB are announced: the answer must come long before
    head = sized(1 << 20, length=5 << 30)
    with t.open() as c:
        t.expect("5 GiB", c.send(head).reply("POST"), "400 EntityTooLarge", closes=True)
    with t.open() as c:
        t.expect("more than any object", c.send(good(t, "post/range", length=6 << 30)).reply("POST"),
                 "400 EntityTooLarge")
    t.absent("refused sizes", "/aaa/post/range")


@post.case
def PST_04_fields_outside_the_policy(t):
    signed = sign4(t, covering([("key", "post/extra")]))
    for name, value in (("acl", "public-read"), ("tagging", "<Tagging/>"), ("x-amz-meta-a", "b"), ("bucket", "aaa"),
                        ("x-amz-object-lock-mode", "GOVERNANCE"), ("x-amz-server-side-encryption", "AES256"),
                        ("Content-Type", "text/html"), ("success_action_redirect", "http://evil.example/"),
                        ("x-amz-storage-class", "GLACIER"), ("submit", "Upload")):
        reply = t.ask(form(t, [("key", "post/extra"), *signed, (name, value)]))
        t.expect(name, reply, DENIED)
        t.same(f"{name}: message", reply and reply.message,
               f"Invalid according to Policy: Extra input fields: {name}")
    t.absent("extra fields", "/aaa/post/extra")


@post.case
def PST_06_the_routed_bucket_counts(t):
    fields = [("key", "post/b")]
    for more in ([], [("bucket", "aaa")]):
        signed = sign4(t, covering(fields, {"bucket": "aaa"}))
        t.refused(f"policy of aaa at bbb {more}", form(t, [*fields, *signed, *more], bucket="bbb"), DENIED, "/bbb/post/b")
    t.expect("its own bucket", t.ask(form(t, [*fields, *sign4(t, covering(fields, {"bucket": "aaa"}))])), "204")


@post.case
def PST_07_strange_buckets(t):
    for target in ("/.pail", "/..", "/aaa%2Fbbb", "/a..b", "/-", "/nobody-made-this"):
        t.expect(target, t.ask(good(t, "k", target=target)), "400 / 403 / 404 / 405")
    t.expect("a key in the path", t.ask(good(t, "k", target="/aaa/k")), "405")
    t.expect("the service", t.ask(good(t, "k", target="/")), "400 / 403 / 405")


@post.case
def PST_09_expiration(t):
    fields = [("key", "post/exp")]
    for label, expiration, what in (("expired", iso(-1), DENIED), ("no date", "tomorrow", BAD_POLICY),
                                    ("no zone", "2100-01-01T00:00:00", BAD_POLICY), ("number", 4102444800, BAD_POLICY)):
        signed = sign4(t, covering(fields, expiration=expiration))
        t.refused(label, form(t, [*fields, *signed]), what, "/aaa/post/exp")
    t.refused("missing", form(t, [*fields, *sign4(t, '{"conditions": []}')]), BAD_POLICY, "/aaa/post/exp")


@post.case
def PST_11_file_names(t):
    def named(filename, key="up/${filename}", **options):
        return t.ask(allowed(t, [("key", key)], filename=filename, **options))
    for filename, path in (("a b.txt", "up/a%20b.txt"), ("../x", "up/x"), ("C:\\\\dir\\y.txt", "up/y.txt"),
                           ('q\\"q', "up/q%22q"), ("é", "up/%C3%A9"), ("${filename}", "up/%24%7Bfilename%7D"),
                           ("a%0D%0Ab", "up/a%250D%250Ab")):
        t.expect(filename, named(filename), "204")
        stored(t, filename, f"/aaa/{path}", b"data")
    t.expect("twice", named("z", "${filename}/${filename}"), "204")
    stored(t, "twice", "/aaa/z/z", b"data")
    for label, filename in (("no name", None), ("empty", ""), ("a folder", "dir/")):
        t.expect(label, named(filename), "204")
        stored(t, label, "/aaa/up/%24%7Bfilename%7D", b"data")
        t.delete("/aaa/up/%24%7Bfilename%7D")
    reply = t.expect("2 KiB", named("n" * 2048), "400 KeyTooLongError")
    t.same("2 KiB: MaxSizeAllowed", reply.value("MaxSizeAllowed"), "1024")
    body = body_of([("key", "${filename}"), *sign4(t, covering([("key", "${filename}")]))])
    for label, raw, what in (("no UTF-8", b"\xff\xfe", "400"), ("CR LF", b"a\r\nb", MALFORMED), ("NUL", b"a\0b", MALFORMED)):
        t.expect(label, t.ask(form(t, [], body=body.replace(b"f.txt", raw))), what)
    t.expect("key of nothing", t.ask(allowed(t, [("key", "")])), "400 InvalidArgument")
    t.expect("no key", t.ask(form(t, sign4(t, covering([])))), "400 UserKeyMustBeSpecified")


@post.case
def PST_12_policies_that_are_none(t):
    for label, text in (("null", "null"), ("list", "[]"), ("nested", "[" * 10000), ("objects", '{"a":' * 3000),
                        ("NUL", "{\0}"), ("escaped NUL", '{"\\u0000": 1}'), ("empty", "{}"), ("text", "hello"),
                        ("twice", '{"conditions": [], "conditions": [], "expiration": "%s"}' % iso())):
        t.refused(label, form(t, [("key", "post/none"), *sign4(t, text)]), BAD_POLICY, "/aaa/post/none")
    nested = form(t, [("key", "post/none"), *sign4(t, "[" * 100000)])
    t.refused("100,000 arrays", nested, "400 MaxPostPreDataLengthExceededError", "/aaa/post/none")
    signed = dict(sign4(t, policy()))
    signed["policy"] = "!" + signed["policy"]
    t.refused("changed", form(t, [("key", "post/none"), *signed.items()]), "403 SignatureDoesNotMatch", "/aaa/post/none")


@post.case
def who_signs(t):
    fields = [("key", "post/who")]
    text = covering(fields)
    t.refused("nobody", form(t, fields), DENIED, "/aaa/post/who")
    t.refused("another secret", form(t, [*fields, *sign4(t, text, secret="wrong")]), "403 SignatureDoesNotMatch",
              "/aaa/post/who")
    t.refused("another key", form(t, [*fields, *sign4(t, text, key="AKIANOBODYATALL")]), "403 InvalidAccessKeyId",
              "/aaa/post/who")
    for name in ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"):
        reply = t.ask(form(t, [*fields, *[f for f in sign4(t, text) if f[0] != name]]))
        t.expect(f"without {name}", reply, "400 InvalidArgument")
        t.same(f"without {name}: ArgumentName", reply.value("ArgumentName"), name)
    t.refused("both", form(t, [*fields, *sign4(t, text), sign2(t, text)[0], sign2(t, text)[2]]), "400 InvalidArgument",
              "/aaa/post/who")
    body = body_of(fields)
    header = t.signed("POST", "/aaa", body=body, headers=[("Content-Type", "multipart/form-data; boundary=xx")])
    t.refused("a signature in the head", header, "400 InvalidArgument", "/aaa/post/who")
    t.refused("another account's bucket", good(t, "post/who", headers=[("x-amz-expected-bucket-owner", "999999999999")]),
              DENIED, "/aaa/post/who")


@post.case
def PST_14_redirects_and_statuses(t):
    def done(*fields):
        return t.ask(allowed(t, [("key", "post/r k"), *fields]))
    etag = f"%22{hashlib.md5(b'data').hexdigest()}%22"
    told = f"bucket=aaa&key=post%2Fr%20k&etag={etag}"
    for url, want in (("http://x.example/done", f"http://x.example/done?{told}"),
                      ("HTTPS://x.example?a=b", f"HTTPS://x.example?a=b&{told}"),
                      ("http://x.example/#top", f"http://x.example/?{told}#top")):
        for name in ("success_action_redirect", "redirect"):
            reply = t.expect(url, done((name, url), ("success_action_status", "201")), "303")
            t.same(url, reply.headers.get("location"), want)
    for url in ("javascript:alert(1)", "http://x.example/\r\nSet-Cookie: a=b", "//x.example/", "x", "http://", "http:///x",
                "data:text/html,x", "http://x.example/ y", "http://x.example/\"><script>", "ftp://x.example/"):
        reply = t.expect(url, done(("success_action_redirect", url)), "204")
        t.true(f"{url!r}: one Location, ours", [v.startswith(f"http://{t.host}/aaa/") for v in reply.all("location")] ==
               [True] and not reply.all("set-cookie"), reply.lines)
    for status, want in (("200", "200"), ("201", "201"), ("204", "204"), ("999", "204"), ("", "204"), ("302", "204")):
        reply = t.expect(f"status {status}", done(("success_action_status", status)), want)
        t.same(f"status {status}: body", bool(reply.body), want == "201")


@post.case
def kept_connections_stay_in_step(t):
    with t.open() as c:
        for i in range(3):
            t.expect(f"form {i}", c.send(good(t, f"post/step{i}", file=b"x" * (i * 15000))).reply("POST"), "204")
            t.expect(f"refused {i}", c.send(form(t, [("key", "post/no")])).reply("POST"), DENIED)
            t.expect(f"GET {i}", c.send(t.signed("GET", f"/aaa/post/step{i}")).reply("GET"), "200")
    chunked = good(t, "post/chunks", length=None, headers=[("Transfer-Encoding", "chunked")])
    head, _, body = chunked.partition(b"\r\n\r\n")
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    t.expect("chunked", t.ask(head + b"\r\n\r\n" + pieces + b"0\r\n\r\n"), "204")
    with t.open() as c:
        waiting = good(t, "post/continue", headers=[("Expect", "100-continue")])
        head, _, body = waiting.partition(b"\r\n\r\n")
        c.send(head + b"\r\n\r\n")
        t.true("100 Continue", c.more().startswith(b"HTTP/1.1 100"))
        t.expect("and then the form", c.send(body).reply("POST"), "204")


@post.case
def framing_inside_of_framing_is_refused(t):
    for mode in ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        headers = [("x-amz-content-sha256", mode), ("x-amz-decoded-content-length", "100")]
        t.refused(mode, good(t, "post/framed", headers=headers), "400 InvalidRequest / 403", "/aaa/post/framed")
    t.refused("a hash of something else", good(t, "post/framed", headers=[("x-amz-content-sha256", "0" * 64)]),
              "400 XAmzContentSHA256Mismatch", "/aaa/post/framed")


@by_host.case
def the_bucket_may_stand_in_the_host(t):
    fields = [("key", "dir/a b")]
    signed = sign4(t, covering(fields, {"bucket": "aaa"}))
    body, kind = body_of([*fields, *signed]), [("Content-Type", "multipart/form-data; boundary=xx")]
    reply = t.expect("POST", t.ask(t.plain("POST", "/", headers=kind, body=body, host="aaa.s3.test:80")), "204")
    t.same("Location", reply.headers.get("location"), "http://aaa.s3.test:80/dir/a%20b")
    stored(t, "the object", "/aaa/dir/a%20b", b"data")
    t.expect("another bucket's host", t.ask(t.plain("POST", "/", headers=kind, body=body, host="bbb.s3.test")), DENIED)
    t.expect("rules", put_rules(t, "aaa", RULES), "200")
    asked = [("Origin", "https://a.good.example"), ("Access-Control-Request-Method", "GET")]
    reply = t.expect("preflight", t.ask(t.plain("OPTIONS", "/k", headers=asked, host="aaa.s3.test")), "200")
    t.same("its origin", answers(reply).get("allow-origin"), "https://a.good.example")
    t.expect("another bucket has no rules", t.ask(t.plain("OPTIONS", "/k", headers=asked, host="bbb.s3.test")), "403")


@heavy.case
def a_form_is_never_held_in_memory(t):
    before = t.memory()
    data = good(t, "big", file=os.urandom(1 << 20) * 192)
    with t.open(timeout=60) as c:
        for at in range(0, len(data), 1 << 20):
            c.send(data[at:at + (1 << 20)])
            if at == 150 << 20:
                t.gained("in the middle", before, 16 << 20)
        t.expect("192 MiB", c.reply("POST"), "204")
    t.gained("afterwards", before, 16 << 20)


# ---- across origins --------------------------------------------------------------------------------------------------

RULES = ("<CORSRule><ID>one</ID><AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader>"
         "<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://*.good.example"
         "</AllowedOrigin><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-version-id</ExposeHeader>"
         "<MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>"
         "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>")
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ALLOWED = ("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
               "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
               "resource's CORS spec.")


def put_rules(t, bucket, rules, digest=True):
    body = f"<CORSConfiguration>{rules}</CORSConfiguration>".encode()
    return t.ask(t.signed("PUT", f"/{bucket}", "cors=", body=body, headers=[("Content-MD5", md5(body))] if digest else []))


def with_rules(t, bucket, rules=RULES):
    t.expect("create", t.put(f"/{bucket}"), "200 / 409 BucketAlreadyOwnedByYou")
    t.expect("rules", put_rules(t, bucket, rules), "200")


def answers(reply):
    return {n[15:].lower(): v for n, v in reply.lines if n.lower().startswith("access-control-")}


def preflight(t, path, origin="https://www.good.example", method="PUT", asked=None, headers=()):
    pairs = [("Origin", origin)] if origin is not None else []
    pairs += [("Access-Control-Request-Method", method)] if method is not None else []
    pairs += [("Access-Control-Request-Headers", asked)] if asked is not None else []
    return t.ask(t.plain("OPTIONS", path, headers=[*pairs, *headers]))


NAMED = {"allow-origin": "https://www.good.example", "allow-credentials": "true", "allow-methods": "GET, PUT",
         "expose-headers": "ETag, x-amz-version-id", "max-age": "3000"}


@crs.case
def preflight_of_what_is_allowed(t):
    with_rules(t, "cors")
    for path in ("/cors", "/cors/", "/cors/a/key", "/cors/k?uploads", "/cors/k?X-Amz-Signature=00&acl"):
        reply = t.expect(path, preflight(t, path), "200")
        t.same(path, (answers(reply), reply.body, reply.headers.get("vary")), (NAMED, b"", VARY))
    reply = t.expect("headers", preflight(t, "/cors/k", asked="X-Amz-Meta-A,content-type"), "200")
    t.same("headers", answers(reply), {**NAMED, "allow-headers": "x-amz-meta-a, content-type"})
    reply = t.expect("anyone", preflight(t, "/cors/k", origin="https://evil.example", method="GET"), "200")
    t.same("anyone", answers(reply), {"allow-origin": "*", "allow-methods": "GET"})
    with t.open() as c:
        for i in range(3):
            ask = t.plain("OPTIONS", "/cors/k", headers=[("Origin", "null"), ("Access-Control-Request-Method", "GET")])
            t.expect(f"kept connection {i}", c.send(ask).reply("OPTIONS"), "200")


@crs.case
def preflight_of_what_is_not(t):
    with_rules(t, "cors")
    forbidden = "403 AccessForbidden"
    for label, options in (("origin", {"origin": "https://evil.example"}), ("its case", {"origin": "HTTPS://www.good.example"}),
                           ("method", {"method": "DELETE"}), ("header", {"asked": "x-amz-a, other"}),
                           ("many headers", {"asked": ",".join(["x-amz-a"] * 300)})):
        reply = t.expect(label, preflight(t, "/cors/k", **options), forbidden)
        t.same(label, (answers(reply), reply.message, reply.value("Method"), reply.value("ResourceType")),
               ({}, NOT_ALLOWED, options.get("method", "PUT"), "OBJECT"))
    for path, message in (("/bbb/k", "CORSResponse: CORS is not enabled for this bucket."),
                          ("/nobody-made-this/k", "CORSResponse: Bucket not found")):
        reply = t.expect(path, preflight(t, path), forbidden)
        t.same(path, (answers(reply), reply.message, reply.value("ResourceType")), ({}, message, "BUCKET"))
    t.same("at a bucket", preflight(t, "/cors", method="HEAD").value("ResourceType"), "BUCKET")
    reply = t.expect("no origin", preflight(t, "/cors/k", origin=None), "400 BadRequest")
    t.same("no origin", reply.message, "Insufficient information. Origin request header needed.")
    reply = t.expect("no method", preflight(t, "/cors/k", method=None), "400 BadRequest")
    t.same("no method", reply.message, "Invalid Access-Control-Request-Method: null")
    t.expect("method PATCH", preflight(t, "/cors/k", method="PATCH"), "400 BadRequest")
    t.expect("two origins", preflight(t, "/cors/k", headers=[("Origin", "x")]), "400 BadRequest")
    t.expect("the service", preflight(t, "/"), "405 / 403 / 400")


@crs.case
def CRS_01_actual_requests(t):
    with_rules(t, "cors")
    t.expect("PUT", t.put("/cors/k", b"x"), "200")
    good_origin, evil = [("Origin", "https://a.good.example")], [("Origin", "https://evil.example")]
    named = {**NAMED, "allow-origin": "https://a.good.example"}
    for label, reply, want in (
            ("GET", t.get("/cors/k", headers=good_origin), named),
            ("PUT", t.put("/cors/k", b"y", headers=good_origin), named),
            ("missing", t.get("/cors/none", headers=good_origin), named),
            ("bad signature", t.get("/cors/k", headers=good_origin, secret="wrong"), named),
            ("nobody", t.ask(t.plain("GET", "/cors/k", headers=good_origin)), named),
            ("304", t.get("/cors/k", headers=[*good_origin, ("If-None-Match", f'"{hashlib.md5(b"y").hexdigest()}"')]),
             named),
            ("206", t.get("/cors/k", headers=[*good_origin, ("Range", "bytes=0-0")]), named),
            ("anyone", t.get("/cors/k", headers=evil), {"allow-origin": "*", "allow-methods": "GET"}),
            ("a method of no rule", t.ask(t.signed("HEAD", "/cors/k", headers=good_origin)), {}),
            ("a method that it says", t.ask(t.signed("HEAD", "/cors/k", headers=[
                *good_origin, ("Access-Control-Request-Method", "PUT")])), named),
            ("not allowed", t.put("/cors/k", b"y", headers=evil), {}),
            ("no rules", t.get("/bbb/keep", headers=good_origin), {}),
            ("no origin", t.get("/cors/k"), {})):
        t.same(label, answers(reply), want)
        t.same(f"{label}: Vary", reply.all("vary"), [VARY] if label not in ("no rules", "no origin") else [])


@crs.case
def changes_hold_at_once(t):
    with_rules(t, "cors-change")
    ask = [("Origin", "https://a.good.example")]
    for i in range(20):
        rule = f"<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://a.good.example</AllowedOrigin>" \
               f"<MaxAgeSeconds>{i}</MaxAgeSeconds></CORSRule>"
        t.expect(f"change {i}", put_rules(t, "cors-change", rule), "200")
        for _ in range(3):
            t.same(f"change {i}", answers(t.get("/cors-change", headers=ask)).get("max-age"), str(i))
    t.expect("delete", t.delete("/cors-change", "cors="), "204")
    t.expect("delete again", t.delete("/cors-change", "cors="), "204")
    t.expect("GET", t.get("/cors-change", "cors="), "404 NoSuchCORSConfiguration")
    t.same("no rules", answers(t.get("/cors-change", headers=ask)), {})
    with_rules(t, "cors-change")
    t.expect("delete the bucket", t.delete("/cors-change"), "204")
    t.expect("another one of this name", t.put("/cors-change"), "200")
    t.same("has no rules", answers(t.get("/cors-change", headers=ask)), {})


@crs.case
def configurations_that_are_refused(t):
    with_rules(t, "cors")
    before = t.get("/cors", "cors=").body

    def rule(inside="", methods="GET", origins="*"):
        return ("<CORSRule>" + "".join(f"<AllowedMethod>{m}</AllowedMethod>" for m in methods.split()) +
                "".join(f"<AllowedOrigin>{o}</AllowedOrigin>" for o in origins.split()) + inside + "</CORSRule>")
    for label, rules, what in (
            ("none", "", "400 MalformedXML"), ("101 rules", rule() * 101, "400 InvalidRequest"),
            ("no method", rule(methods=""), "400 MalformedXML"), ("no origin", rule(origins=""), "400 MalformedXML"),
            ("PATCH", rule(methods="GET PATCH"), "400 InvalidRequest"), ("get", rule(methods="get"), "400 InvalidRequest"),
            ("OPTIONS", rule(methods="OPTIONS"), "400 InvalidRequest"), ("two stars", rule(origins="*a*"), "400 InvalidRequest"),
            ("two stars in a header", rule("<AllowedHeader>*a*</AllowedHeader>"), "400 InvalidRequest"),
            ("exposed star", rule("<ExposeHeader>*</ExposeHeader>"), "400 InvalidRequest"),
            ("exposed line", rule("<ExposeHeader>a&#13;&#10;b: c</ExposeHeader>"), "400"),
            ("age", rule("<MaxAgeSeconds>x</MaxAgeSeconds>"), "400 MalformedXML"),
            ("negative age", rule("<MaxAgeSeconds>-1</MaxAgeSeconds>"), "400 MalformedXML"),
            ("unknown", rule("<AllowedPort>1</AllowedPort>"), "400 MalformedXML"),
            ("huge", rule(f"<ID>{'x' * 100000}</ID>"), "400"), ("long id", rule(f"<ID>{'x' * 256}</ID>"), "400")):
        t.expect(label, put_rules(t, "cors", rules), what)
    reply = put_rules(t, "cors", rule(methods="PATCH"))
    t.same("message", reply.message, "Found unsupported HTTP method in CORS config. Unsupported method is PATCH")
    t.expect("no digest", put_rules(t, "cors", rule(), digest=False), "400 InvalidRequest")
    t.same("as before", t.get("/cors", "cors=").body, before)
    t.expect("100 rules", put_rules(t, "cors", rule() * 100), "200")
