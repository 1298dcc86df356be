# SPDX-License-Identifier: Apache-2.0
"""Tags, locks and the small settings of buckets: documents and headers as no client would send them."""
import datetime
import re

from wire import Group, checksum, encode, md5

settings = Group("set")

# What a request for each of them looks like, and a document that is right.
OBJECT = {"tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
          "retention": "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{day}</RetainUntilDate></Retention>",
          "legal-hold": "<LegalHold><Status>OFF</Status></LegalHold>"}
BUCKET = {"tagging": OBJECT["tagging"],
          "object-lock": "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                         "</ObjectLockConfiguration>",
          "accelerate": "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>",
          "requestPayment": "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"}
NO_DIGEST = ("accelerate", "requestPayment")  # for all others S3 wants one; `s3cmd payer` sends none
BUSY = "/lock-wire/k"


def day(days=1, text="%Y-%m-%dT%H:%M:%SZ"):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime(text)


def documents():
    for query, body in OBJECT.items():
        yield BUSY, query, body.format(day=day())
    for query, body in BUCKET.items():
        yield "/lock-wire", query, body


def lockable(t):
    """The bucket with object lock, and an object in it; made once."""
    reply = t.put("/lock-wire", headers=[("x-amz-bucket-object-lock-enabled", "true")])
    t.expect("create", reply, "200 / 409 BucketAlreadyOwnedByYou")
    t.expect("object", t.put(BUSY, b"x", headers=[("Content-MD5", md5(b"x"))]), "200")


def send(t, path, query, body, digest=True, **more):
    body = body.encode() if isinstance(body, str) else body
    headers = [("Content-MD5", md5(body))] if digest is True else digest or []
    return t.ask(t.signed("PUT", path, f"{query}=", body=body, headers=headers, **more))


def state(t):
    """What GET answers for each setting: refused requests must leave it as it is."""
    return [re.sub(rb"<(RequestId|HostId)>[^<]*", b"", t.get(path, f"{query}=").body) for path, query, _ in documents()]


@settings.case
def every_document_is_taken_and_given_back(t):
    lockable(t)
    for path, query, body in documents():
        t.expect(f"PUT {query}", send(t, path, query, body), "200 / 204")
        reply = t.expect(f"GET {query}", t.get(path, f"{query}="), "200")
        t.true(f"GET {query}: a document of S3's", b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' in reply.body)
        namespace = re.sub(r"^<(\w+)>", r'<\1 xmlns="http://s3.amazonaws.com/doc/2006-03-01/">', body)
        t.expect(f"PUT {query} with the namespace", send(t, path, query, namespace), "200 / 204")
        t.expect(f"PUT {query} with another", send(t, path, query, namespace.replace("2006", "2007")),
                 "400 MalformedXML")
    for path in ("/lock-wire", BUSY):
        reply = t.ask(t.signed("DELETE", path, "tagging="))
        t.expect("DELETE tagging", reply, "204")


@settings.case
def a_digest_is_required_and_compared(t):
    lockable(t)
    before = state(t)
    for path, query, body in documents():
        raw = body.encode()
        missing = "200" if query in NO_DIGEST else "400 InvalidRequest"
        t.expect(f"{query} without", send(t, path, query, body, digest=[]), missing)
        t.expect(f"{query}, another MD5", send(t, path, query, body, digest=[("Content-MD5", md5(b"other"))]),
                 "400 BadDigest")
        t.expect(f"{query}, no MD5", send(t, path, query, body, digest=[("Content-MD5", "x")]), "400 InvalidDigest")
        t.expect(f"{query}, another CRC", send(t, path, query, body,
                                               digest=[("x-amz-checksum-crc32", checksum("crc32", b"other"))]),
                 "400 BadDigest")
        if query in NO_DIGEST:
            continue
        t.same(f"{query}: nothing changed", state(t), before)
        t.expect(f"{query} with a CRC", send(t, path, query, body,
                                             digest=[("x-amz-checksum-crc32", checksum("crc32", raw))]), "200 / 204")
        before = state(t)


@settings.case
def XML_01_billion_laughs_here_too(t):
    lockable(t)
    before, held = state(t), t.memory()
    laughs = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{i} "{f"&l{i-1};" * 10}">' for i in range(1, 10))
    for path, query, body in documents():
        root = re.match(r"<(\w+)>", body).group(1)
        bomb = f'<?xml version="1.0"?><!DOCTYPE {root} [{laughs}]>' + re.sub(r">[^<>]+<", ">&l9;<", body)
        t.expect(query, send(t, path, query, bomb), "400 MalformedXML")
    t.same("nothing changed", state(t), before)
    t.gained("memory", held, 10 << 20)


@settings.case
def XML_07_tags_that_are_none(t):
    lockable(t)
    def tag(key="a", value="b"):
        return f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"
    def tags(*rows):
        return f"<Tagging><TagSet>{''.join(rows)}</TagSet></Tagging>"
    for path, limit in ((BUSY, 10), ("/lock-wire", 50)):
        t.expect("set-up", send(t, path, "tagging", tags(tag("kept", "1"))), "200 / 204")
        before = state(t)
        many = [tag(f"k{i}") for i in range(limit + 1)]
        for label, body, what in (
                ("no XML", "TagSet", "400 MalformedXML"), ("nothing", "", "400 MalformedXML / 400 MissingRequestBodyError"),
                ("cut off", tags(tag())[:-12], "400 MalformedXML"),
                ("no TagSet", "<Tagging/>", "400 MalformedXML"),
                ("two TagSets", "<Tagging><TagSet/><TagSet/></Tagging>", "400 MalformedXML"),
                ("another root", "<TagSet>" + tag() + "</TagSet>", "400 MalformedXML"),
                ("no Key", tags("<Tag><Value>b</Value></Tag>"), "400 MalformedXML"),
                ("no Value", tags("<Tag><Key>a</Key></Tag>"), "400 MalformedXML"),
                ("an empty tag", tags("<Tag/>"), "400 MalformedXML"),
                ("a Key inside a Key", tags("<Tag><Key><Key>a</Key></Key><Value/></Tag>"), "400 MalformedXML"),
                ("two Keys", tags("<Tag><Key>a</Key><Key>b</Key><Value/></Tag>"), "400 MalformedXML"),
                ("one too many", tags(*many), "400 BadRequest"),
                ("1,001", tags(*[tag(f"k{i}") for i in range(1001)]), "400 MalformedXML"),
                ("twice the same", tags(tag("a", "1"), tag("a", "2")), "400 InvalidTag"),
                ("an empty Key", tags(tag("")), "400 InvalidTag"),
                ("129 characters", tags(tag("k" * 129)), "400 InvalidTag"),
                ("257 characters", tags(tag("a", "v" * 257)), "400 InvalidTag"),
                ("129 of other scripts", tags(tag("日" * 129)), "400 InvalidTag"),
                ("64 KiB", tags(tag("k" * 65000)), "400 MalformedXML"),
                ("reserved", tags(tag("aws:a")), "400 InvalidTag"), ("reserved", tags(tag("Aws:a")), "400 InvalidTag"),
                ("a NUL", tags(tag("a&#0;")), "400 MalformedXML"),
                ("a line end", tags(tag("a&#10;b")), "400 InvalidTag"),
                ("markup", tags(tag("&lt;b&gt;")), "400 InvalidTag")):
            t.expect(f"{path}: {label}", send(t, path, "tagging", body), what)
        t.expect(f"{path}: no UTF-8", send(t, path, "tagging", tags(tag("#")).encode().replace(b"#", b"\xff")),
                 "400 MalformedXML")
        t.same(f"{path}: nothing changed", state(t), before)
        t.expect(f"{path}: the limits", send(t, path, "tagging", tags(*many[2:], tag("日" * 128, "v" * 256))), "200 / 204")
        t.expect(f"{path}: none", send(t, path, "tagging", "<Tagging><TagSet/></Tagging>"), "200 / 204")


@settings.case
def tags_in_headers(t):
    upload = None
    for label, value, what in (
            ("twice the same", "a=1&a=2", "400 InvalidArgument"), ("half an escape", "a=%4", "400 InvalidArgument"),
            ("no UTF-8", "a=%ff", "400 InvalidArgument"), ("a NUL", "a%00=1", "400 InvalidArgument"),
            ("no name", "=1", "400 InvalidArgument"), ("a comma", "a=1,b=2", "400 InvalidArgument"),
            ("an asterisk", "a=%2a", "400 InvalidArgument"), ("eleven", "&".join(f"k{i}" for i in range(11)), "400 BadRequest"),
            ("3,000", "&".join("a" * 3000), "400 BadRequest"), ("129 characters", "k" * 129, "400 InvalidTag"),
            ("257 characters", "a=" + "v" * 257, "400 InvalidTag"), ("reserved", "aws%3Aa=1", "400 InvalidTag")):
        headers = [("x-amz-tagging", value)]
        t.refused(f"PUT: {label}", t.signed("PUT", "/aaa/tagged", body=b"x", headers=headers), what, "/aaa/tagged")
        t.expect(f"create: {label}", t.ask(t.signed("POST", "/aaa/tagged", "uploads=", headers=headers)), what)
        t.expect(f"copy: {label}", t.put("/aaa/tagged", headers=[
            *headers, ("x-amz-copy-source", "/bbb/keep"), ("x-amz-tagging-directive", "REPLACE")]), what)
    t.absent("after all", "/aaa/tagged")
    t.expect("a directive", t.put("/aaa/tagged", headers=[("x-amz-copy-source", "/bbb/keep"),
                                                          ("x-amz-tagging-directive", "replace")]),
             "400 InvalidArgument")
    t.expect("good ones", t.put("/aaa/tagged", b"x", headers=[("x-amz-tagging", "&a=1&&b&%C3%BC=+%2B&")]), "200")
    reply = t.get("/aaa/tagged", "tagging=")
    t.same("tags", re.findall(rb"<Key>(.*?)</Key><Value>(.*?)</Value>", reply.body.replace(b"<Value/>", b"<Value></Value>")),
           [(b"a", b"1"), (b"b", b""), ("ü".encode(), b" +")])
    t.same("count", t.ask(t.signed("HEAD", "/aaa/tagged")).headers.get("x-amz-tagging-count"), "3")
    target = t.presigned("PUT", "/aaa/hoisted", f"X-Amz-Tagging={encode('a=1&b=2')}")
    t.expect("hoisted into a presigned query", t.ask(t.plain("PUT", target, body=b"x")), "200")
    t.same("count", t.get("/aaa/hoisted").headers.get("x-amz-tagging-count"), "2")


@settings.case
def documents_of_locks_are_read_strictly(t):
    """An element that is not understood might have been the one that protects."""
    lockable(t)
    before = state(t)
    until = f"<RetainUntilDate>{day()}</RetainUntilDate>"
    rule = "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>{}</DefaultRetention></Rule>"
    for query, root, inside in (
            ("retention", "Retention", f"<Mode>GOVERNANCE</Mode>{until}<Extra/>"),
            ("retention", "Retention", f"<mode>GOVERNANCE</mode>{until}"),
            ("retention", "Retention", f"<Mode>GOVERNANCE</Mode><Mode>COMPLIANCE</Mode>{until}"),
            ("retention", "Retention", "<Mode>GOVERNANCE</Mode>"), ("retention", "Retention", until),
            ("retention", "Retention", f"<Mode/>{until}"),
            *(("retention", "Retention", f"<Mode>GOVERNANCE</Mode><RetainUntilDate>{d}</RetainUntilDate>")
              for d in ("", "soon", "2030-13-01T00:00:00Z", "2030-02-30", "1893456000", "99999-01-01T00:00:00Z")),
            ("legal-hold", "LegalHold", ""), ("legal-hold", "LegalHold", "<Status>MAYBE</Status>"),
            ("legal-hold", "LegalHold", "<Status>ON</Status><Status>OFF</Status>"),
            ("legal-hold", "LegalHold", "<Status>ON</Status><Until/>")):
        body = f"<{root}>{inside}</{root}>"
        t.expect(body, send(t, BUSY, query, body), "400 MalformedXML")
    for inside in (rule.format("<Mode>GOVERNANCE</Mode><Days>1</Days><Hours>1</Hours>"),
                   rule.format("<Mode>GOVERNANCE</Mode><Days>1e3</Days>"),
                   rule.format("<Mode>GOVERNANCE</Mode><Days>99999999999999999999</Days>"),
                   rule.format("<Mode>GOVERNANCE</Mode><Days>1</Days>").replace("Rule", "Rules"),
                   "<ObjectLockEnabled>enabled</ObjectLockEnabled>", ""):
        body = f"<ObjectLockConfiguration>{inside}</ObjectLockConfiguration>"
        t.expect(body, send(t, "/lock-wire", "object-lock", body), "400 MalformedXML")
    t.same("nothing changed", state(t), before)


@settings.case
def LCK_07_lock_headers(t):
    lockable(t)
    mode, until, hold = (f"x-amz-object-lock-{n}" for n in ("mode", "retain-until-date", "legal-hold"))
    path, digest = "/lock-wire/bad", ("Content-MD5", md5(b"x"))
    for label, headers in (
            ("only a mode", [(mode, "GOVERNANCE")]), ("only a date", [(until, day())]),
            ("an unknown mode", [(mode, "NONE"), (until, day())]), ("small letters", [(mode, "compliance"), (until, day())]),
            *((f"date {d}", [(mode, "GOVERNANCE"), (until, d)]) for d in
              ("soon", "2030-13-01T00:00:00Z", "2030-02-30T00:00:00Z", "1893456000", day(-1), day(36530),
               "99999-01-01T00:00:00Z", "2030-01-01T00:00:00Z2030-01-01T00:00:00Z")),
            ("a hold", [(hold, "YES")])):
        t.refused(label, t.signed("PUT", path, body=b"x", headers=[*headers, digest]), "400 InvalidArgument", path)
        t.expect(f"create, {label}", t.ask(t.signed("POST", path, "uploads=", headers=headers)), "400 InvalidArgument")
    for header in ("x-amz-object-lock-event-hold", "x-amz-object-lock-event-hold-duration-days"):
        t.refused(header, t.signed("PUT", path, body=b"x", headers=[(header, "1"), digest]), "501 NotImplemented", path)
    t.refused("no digest", t.signed("PUT", path, body=b"x", headers=[(hold, "OFF")]), "400 InvalidRequest", path)
    t.refused("a bucket without lock", t.signed("PUT", "/aaa/bad", body=b"x", headers=[(hold, "OFF"), digest]),
              "400 InvalidRequest", "/aaa/bad")
    for value in ("maybe", "1", "truefalse"):
        t.expect(f"a bucket with lock {value}", t.put("/lock-maybe", headers=[("x-amz-bucket-object-lock-enabled", value)]),
                 "400 InvalidArgument")
    t.expect("it was not made", t.ask(t.signed("HEAD", "/lock-maybe")), "404")
    target = t.presigned("PUT", "/lock-wire/hoisted", f"X-Amz-Object-Lock-Mode=GOVERNANCE&X-Amz-Object-Lock-"
                         f"Retain-Until-Date={encode(day())}")
    t.expect("hoisted into a presigned query", t.ask(t.plain("PUT", target, body=b"x", headers=[digest])), "200")
    t.same("mode", t.get("/lock-wire/hoisted").headers.get(mode), "GOVERNANCE")


@settings.case
def LCK_02_what_is_no_bypass(t):
    """The header must say true, in the headers that are signed; anything else leaves the lock as it is."""
    lockable(t)
    headers = [("x-amz-object-lock-mode", "GOVERNANCE"), ("x-amz-object-lock-retain-until-date", day()),
               ("Content-MD5", md5(b"x"))]
    version = t.put("/lock-wire/gov", b"x", headers=headers).headers["x-amz-version-id"]
    name, query = "x-amz-bypass-governance-retention", f"versionId={version}"
    shorter = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{day(0.5)}</RetainUntilDate></Retention>".encode()
    for value in ("false", "1", "yes", "", "true,true", "truetrue"):
        t.expect(f"DELETE, {value!r}", t.delete("/lock-wire/gov", query, headers=[(name, value)]), "403 AccessDenied")
        t.expect(f"retention, {value!r}", t.ask(t.signed("PUT", "/lock-wire/gov", f"retention=&{query}", body=shorter,
                                                         headers=[(name, value), ("Content-MD5", md5(shorter))])),
                 "403 AccessDenied")
    t.expect("not signed", t.delete("/lock-wire/gov", query, extra=[(name, "true")]), "403")
    t.expect("as a parameter", t.delete("/lock-wire/gov", f"{query}&{name}=true"), "403")
    t.expect("nobody", t.ask(t.plain("DELETE", f"/lock-wire/gov?{query}", headers=[(name, "true")])), "403")
    t.expect("still there", t.get("/lock-wire/gov", query), "200")
    t.expect("true", t.delete("/lock-wire/gov", query, headers=[(name, "TRUE")]), "204")


@settings.case
def other_methods_change_nothing(t):
    lockable(t)
    before = state(t)
    for method, path, query in (("DELETE", "/lock-wire", "object-lock"), ("DELETE", BUSY, "retention"),
                                ("DELETE", BUSY, "legal-hold"), ("DELETE", "/lock-wire", "accelerate"),
                                ("DELETE", "/lock-wire", "requestPayment"), ("POST", BUSY, "tagging"),
                                ("POST", BUSY, "retention"), ("PUT", "/lock-wire", "retention"),
                                ("PUT", "/lock-wire", "legal-hold"),
                                ("HEAD", BUSY, "tagging")):
        reply = t.ask(t.signed(method, path, f"{query}=", body=b"x" if method in ("PUT", "POST") else b""))
        t.true(f"{method} {path}?{query}", reply.status in (400, 405, 501), f"{reply.status}")
    t.same("nothing changed", state(t), before)
    t.expect("the object is there", t.get(BUSY), "200")
