# SPDX-License-Identifier: Apache-2.0
"""XML that clients send (XML), with the three documents that this server reads: Delete, CompleteMultipartUpload,
CreateBucketConfiguration."""
import socket
import threading
import time

from wire import UNSIGNED_TRAILER, Group, checksum, complete_xml, delete_xml, md5

xml = Group("xml").plain_too()

ELEMENTS = {"delete": ("Delete", "<Object><Key>{}</Key></Object>"),
            "complete": ("CompleteMultipartUpload", "<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>"),
            "create": ("CreateBucketConfiguration", "<LocationConstraint>{}</LocationConstraint>")}


class Documents:
    """Sends a document to each operation that takes one."""

    def __init__(self, t):
        self.t = t
        self.upload, self.parts = t.multipart("/aaa/xmlup", [(1, b"part")])

    def request(self, which, body, **options):
        if which == "delete":
            return self.t.signed("POST", "/aaa", "delete=", body=body, headers=[("Content-MD5", md5(body))], **options)
        if which == "complete":
            return self.t.signed("POST", "/aaa/xmlup", f"uploadId={self.upload}", body=body, **options)
        return self.t.signed("PUT", "/xml-bucket", body=body, **options)

    def send(self, which, body):
        return self.t.ask(self.request(which, body.encode() if isinstance(body, str) else body))

    def refused(self, label, make, what="400 MalformedXML", seconds=1.0):
        """make(root, row): the document for an operation whose root element and row are these."""
        for which, (root, row) in ELEMENTS.items():
            start = self.t.cpu()
            self.t.expect(f"{which}: {label}", self.send(which, make(root, row)), what)
            spent = self.t.cpu() - start
            self.t.true(f"{which}: {label}, quickly", spent < seconds, f"{spent:.2f} s")
        self.untouched(label)

    def untouched(self, label):
        t = self.t
        t.expect(f"{label}: no bucket", t.ask(t.signed("HEAD", "/xml-bucket")), "404")
        t.absent(f"{label}: no object", "/aaa/xmlup")
        t.expect(f"{label}: the upload is usable", t.get("/aaa/xmlup", f"uploadId={self.upload}"), "200")


def doctype(inside, name="x"):
    return f'<?xml version="1.0"?><!DOCTYPE {name} [{inside}]>'


@xml.case
def XML_01_billion_laughs(t):
    d = Documents(t)
    laughs = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{i} "{f"&l{i-1};" * 10}">' for i in range(1, 10))
    before = t.memory()
    d.refused("billion laughs", lambda root, row: doctype(laughs, root) + f"<{root}>{row.format('&l9;')}</{root}>")
    quadratic = f'<!ENTITY a "{"x" * 50000}">'
    d.refused("quadratic", lambda root, row: doctype(quadratic, root) + f"<{root}>{row.format('&a;' * 10000)}</{root}>",
              "400 MalformedXML / 400 MaxMessageLengthExceeded")
    d.refused("an empty DOCTYPE", lambda root, row: f"<!DOCTYPE {root}><{root}>{row.format('x')}</{root}>")
    d.refused("an attribute's default", lambda root, row: doctype(f'<!ATTLIST {root} a CDATA "b">', root) +
              f"<{root}>{row.format('x')}</{root}>")
    for entity in ("&lol;", "&nbsp;", "&#xD800;", "&#0;", "&#x110000;", "&", "&amp"):
        d.refused(entity, lambda root, row: f"<{root}>{row.format(entity)}</{root}>")
    t.gained("memory", before, 10 << 20)


@xml.case
def XML_02_external_entities(t):
    d = Documents(t)
    touched = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        threading.Thread(target=lambda: touched.append(trap.accept()), daemon=True).start()
        there = f"http://127.0.0.1:{port}/x.dtd"
        for label, kind, inside, text in (
                ("file", "", '[<!ENTITY e SYSTEM "file:///etc/passwd">]', "&e;"),
                ("http", "", f'[<!ENTITY e SYSTEM "{there}">]', "&e;"),
                ("parameter entity", "", f'[<!ENTITY % p SYSTEM "{there}"> %p;]', "x"),
                ("external DTD", f'SYSTEM "{there}"', "", "x"), ("public DTD", f'PUBLIC "x" "{there}"', "", "x")):
            def make(root, row):
                return f"<!DOCTYPE {root} {kind} {inside}><{root}>{row.format(text)}</{root}>"
            for which, (root, row) in ELEMENTS.items():
                reply = d.send(which, make(root, row))
                t.expect(f"{which}: {label}", reply, "400 MalformedXML")
                t.true(f"{which}: {label}, nothing of the file", b"root:" not in reply.body)
        for which, (root, row) in ELEMENTS.items():
            include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{there}" parse="text"/>'
            reply = d.send(which, f"<{root}>{row.format(include)}</{root}>")
            t.true(f"{which}: XInclude", reply.status in (200, 400) and b"root:" not in reply.body, f"{reply!r}")
            instruction = f'<?xml-stylesheet href="http://127.0.0.1:{port}/"?>'
            d.send(which, f"{instruction}<{root}>{row.format('nothing')}</{root}>")
        t.delete("/xml-bucket")
        time.sleep(0.1)
        t.same("connections made by the server", len(touched), 0)


@xml.case
def XML_03_one_long_entity_often(t):
    d = Documents(t)
    entity = f'<!ENTITY e "{"x" * 100_000}">'
    d.refused("100 KiB, 1000 times",
              lambda root, row: doctype(entity, root) + f"<{root}>{row.format('&e;' * 1000)}</{root}>",
              "400 MalformedXML / 400 MaxMessageLengthExceeded")


@xml.case
def XML_04_depth_width_length(t):
    d = Documents(t)
    both = "400 MalformedXML / 400 MaxMessageLengthExceeded"
    for label, make in (("100,000 nested",
                         lambda root, row: f"<{root}>" + "<a>" * 100_000 + "</a>" * 100_000 + f"</{root}>"),
                        ("1,000 nested", lambda root, row: f"<{root}>" + "<a>" * 1000 + "</a>" * 1000 + f"</{root}>"),
                        ("100,000 attributes", lambda root, row: f"<{root} " +
                         " ".join(f'a{i}="x"' for i in range(100_000)) + f">{row.format('x')}</{root}>"),
                        ("10 MiB of text", lambda root, row: f"<{root}>{row.format('x' * (10 << 20))}</{root}>"),
                        ("a name of 1 MiB", lambda root, row: f"<{root}><{'n' * (1 << 20)}/></{root}>"),
                        ("a comment of 10 MiB", lambda root, row: f"<{root}><!--{'c' * (10 << 20)}--></{root}>"),
                        ("unclosed", lambda root, row: f"<{root}>" + "<a>" * 50_000)):
        d.refused(label, make, both, seconds=3)


@xml.case
def XML_05_encodings(t):
    d = Documents(t)
    for label, encode in (("UTF-16", lambda s: s.encode("utf-16")),
                          ("UTF-16 without mark", lambda s: s.encode("utf-16-le")),
                          ("UTF-32", lambda s: s.encode("utf-32")),
                          ("UTF-7 declared", lambda s: b'<?xml version="1.0" encoding="UTF-7"?>' + s.encode()),
                          ("latin-1 declared", lambda s: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + s.encode()),
                          ("EBCDIC declared", lambda s: b'<?xml version="1.0" encoding="IBM037"?>' + s.encode()),
                          ("unknown declared", lambda s: b'<?xml version="1.0" encoding="x-none"?>' + s.encode()),
                          ("bad UTF-8", lambda s: s.encode().replace(b"KEY", b"\xff\xfe")),
                          ("overlong", lambda s: s.encode().replace(b"KEY", b"\xc0\xaf")),
                          ("surrogate", lambda s: s.encode().replace(b"KEY", b"\xed\xa0\x80")),
                          ("NUL", lambda s: s.encode().replace(b"KEY", b"a\0b")),
                          ("NUL in front", lambda s: b"\0" + s.encode()),
                          ("control character", lambda s: s.encode().replace(b"KEY", b"\x01")),
                          ("XML 1.1", lambda s: b'<?xml version="1.1"?>' + s.encode())):
        reply = d.send("delete", encode("<Delete><Object><Key>KEY</Key></Object></Delete>"))
        t.true(label, reply.status == 400 and reply.code == "MalformedXML" or reply.status == 200
               and reply.values("Key") == ["KEY"], f"{reply!r}")
    for label, body in (("a byte order mark", b"\xef\xbb\xbf" + delete_xml(["none"])),
                        ("UTF-8 declared", b'<?xml version="1.0" encoding="utf-8"?>' + delete_xml(["none"])),
                        ("standalone", b'<?xml version="1.0" standalone="yes"?>\n' + delete_xml(["none"])),
                        ("white space", b"<Delete >\n <Object>\n<Key>none</Key> </Object>\n</Delete>\n")):
        t.expect(label, d.send("delete", body), "200")


@xml.case
def XML_06_one_meaning(t):
    """Whatever the answer is, what is deleted is what the reply says, and no other key."""
    names = ["xml06/a", "xml06/b", "xml06/ab", "xml06/a<b"]

    def put_all():
        for name in names:
            t.client.put("aaa", name, b"x")

    def left():
        page = t.get("/aaa", "list-type=2&prefix=xml06/")
        return [k.replace("&lt;", "<") for k in page.values("Key")]

    k = "xml06/"
    for label, inside in (("two Keys", f"<Object><Key>{k}a</Key><Key>{k}b</Key></Object>"),
                          ("a comment", f"<Object><Key>{k}a<!-- x -->b</Key></Object>"),
                          ("CDATA", f"<Object><Key><![CDATA[{k}a<b]]></Key></Object>"),
                          ("CDATA and text", f"<Object><Key>{k}a<![CDATA[b]]></Key></Object>"),
                          ("an instruction", f"<Object><Key>{k}a<?x y?>b</Key></Object>"),
                          ("an element", f"<Object><Key>{k}a<b/></Key></Object>"),
                          ("&#0;", f"<Object><Key>{k}a&#0;</Key></Object>"),
                          ("two Quiets", f"<Quiet>true</Quiet><Quiet>false</Quiet><Object><Key>{k}a</Key></Object>"),
                          ("Quiet maybe", f"<Quiet>maybe</Quiet><Object><Key>{k}a</Key></Object>"),
                          ("no Key", "<Object></Object>"), ("an empty Key", "<Object><Key></Key></Object>"),
                          ("unknown element", f"<Object><Key>{k}a</Key><Evil>{k}b</Evil></Object>"),
                          ("unknown before", f"<Evil/><Object><Key>{k}a</Key></Object>"),
                          ("Key outside", f"<Key>{k}b</Key><Object><Key>{k}a</Key></Object>"),
                          ("text between", f"text<Object><Key>{k}a</Key></Object>"),
                          ("another namespace", f'<Object xmlns="urn:x"><Key>{k}a</Key></Object>'),
                          ("a prefix", f'<x:Object xmlns:x="urn:x"><x:Key>{k}a</x:Key></x:Object>'),
                          ("lower-case", f"<object><key>{k}a</key></object>"),
                          ("attributes", f'<Object a="b"><Key c="d">{k}a</Key></Object>'),
                          ("the same twice", f"<Object><Key>{k}a</Key></Object><Object><Key>{k}a</Key></Object>"),
                          ("white space in Key", f"<Object><Key> {k}a </Key></Object>")):
        put_all()
        body = f"<Delete>{inside}</Delete>"
        reply = t.post("/aaa", "delete=", body.encode())
        gone = sorted(set(names) - set(left()))
        said = sorted({x for x in reply.values("Key") if x in names}) if reply.status == 200 else []
        t.true(label, reply.status in (200, 400), f"{reply!r}")
        if "Quiet" not in label:
            t.same(f"{label}: what went is what was said", gone, said)
        t.true(f"{label}: at most one", len(gone) <= 1, f"{gone}")
    for label, body in (("wrong root", "<Remove><Object><Key>xml06/a</Key></Object></Remove>"),
                        ("two roots", "<Delete><Object><Key>xml06/a</Key></Object></Delete>" * 2),
                        ("text behind", "<Delete><Object><Key>xml06/a</Key></Object></Delete>x"),
                        ("not closed", "<Delete><Object><Key>xml06/a</Key></Object>"),
                        ("JSON", '{"Delete": {"Objects": [{"Key": "xml06/a"}]}}'), ("nothing", ""),
                        ("white space", "  \n")):
        put_all()
        t.expect(label, t.post("/aaa", "delete=", body.encode()), "400 MalformedXML / 400 MissingRequestBodyError")
        t.same(f"{label}: all are there", sorted(left()), sorted(names))
    for namespace in ("", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'):
        put_all()
        document = f"<Delete{namespace}><Quiet>true</Quiet><Object><Key>xml06/a</Key></Object></Delete>"
        t.expect(f"Delete{namespace}", t.post("/aaa", "delete=", document.encode()), "200")
        t.true(f"Delete{namespace}: gone", "xml06/a" not in left())


@xml.case
def XML_08_bodies_beyond_the_cap(t):
    """Refused at the head when the length is told, at the cap when it is not; never read to the end."""
    sub = ("acl", "policy", "cors", "lifecycle", "website", "versioning", "tagging", "encryption", "replication",
           "logging", "notification",
           "object-lock", "requestPayment", "accelerate", "ownershipControls", "publicAccessBlock", "inventory&id=x",
           "analytics&id=x", "metrics&id=x")
    for name in sub:
        t.expect(f"PUT ?{name}", t.ask(t.signed("PUT", "/aaa", name + ("=" if "&" not in name else ""), length=1 << 30,
                                                head_only=True)), "400 / 501", closes=True)
    for path, query in (("/aaa", "delete="), ("/aaa/k", "uploadId=x"), ("/aaa/k", "uploads="), ("/aaa/k", "restore="),
                        ("/aaa/k", "select=&select-type=2")):
        t.expect(f"POST {path}?{query}", t.ask(t.signed("POST", path, query, length=1 << 30, head_only=True)),
                 "400 / 404 / 501", closes=True)
    for method, path, query in (("PUT", "/xml08-bucket", ""), ("GET", "/bbb/keep", ""), ("DELETE", "/aaa/none", ""),
                                ("HEAD", "/bbb/keep", "")):
        t.expect(f"{method} {path}", t.ask(t.signed(method, path, query, length=1 << 30, head_only=True)), "400",
                 closes=True)
    before = t.memory()
    with t.open() as c:
        c.send(t.signed("POST", "/aaa", "delete=", payload="UNSIGNED-PAYLOAD", length=None,
                        extra=[("Transfer-Encoding", "chunked")]))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(400):
            c.send(chunk)
        t.expect("without a length", c.reply(), "400", closes=True)
    t.gained("memory", before, 10 << 20)


@xml.case
def XML_10_numbers(t):
    upload, _ = t.multipart("/aaa/xml10", [(1, b"x")])
    for number in ("0", "-1", "10001", "2147483648", "18446744073709551616", "18446744073709551617", "1e3", "0x1",
                   "%201", "1%20", "%2B1", "1.0", "", "abc", "٣"):
        query = f"partNumber={number}&uploadId={upload}"
        t.expect(f"PUT partNumber={number}", t.ask(t.signed("PUT", "/aaa/xml10", query, body=b"x",
                                                            target=f"/aaa/xml10?{query}" if number.isascii() else None)
                                                 if number.isascii()
                                                   else t.signed("PUT", "/aaa/xml10",
                                                                 f"partNumber=%D9%A3&uploadId={upload}", body=b"x")),
                 "400 InvalidArgument")
    t.expect("01", t.put_part("/aaa/xml10", upload, "01", b"x"), "200 / 400 InvalidArgument")
    for number in ("0", "-1", "10001", "1e3", "99999999999999999999"):
        t.expect(f"GET partNumber={number}", t.get("/bbb/keep", f"partNumber={number}"), "400 InvalidArgument")
        body = complete_xml([(number, "0" * 32)])
        t.expect(f"complete {number}", t.ask(t.signed("POST", "/aaa/xml10", f"uploadId={upload}", body=body)), "400")
    for query in ("max-parts=-1", "max-parts=x", "part-number-marker=-1", "part-number-marker=x",
                  "part-number-marker=99999999999"):
        t.expect(query, t.get("/aaa/xml10", f"uploadId={upload}&{query}"), "400 InvalidArgument")
    t.same("the parts are as they were", t.get("/aaa/xml10", f"uploadId={upload}").values("Size"), ["1"])


@xml.case
def XML_11_content_md5(t):
    for value in ("", "not base64", "1B2M2Y8AsgTpgAmY7PhC", "1B2M2Y8AsgTpgAmY7PhCfg", "1B2M2Y8AsgTpgAmY7PhCfg==x",
                  "d41d8cd98f00b204e9800998ecf8427e", "====", "1B2M2Y8AsgTpgAmY7PhCfgA="):
        for size in (1, 100_000):
            t.refused(f"{value!r} {size}", t.signed("PUT", "/aaa/xml11", headers=[("Content-MD5", value)],
                                                    body=b"x" * size), "400 InvalidDigest", "/aaa/xml11")
        t.expect(f"DeleteObjects {value!r}", t.post("/aaa", "delete=", delete_xml(["x"]),
                                                    headers=[("Content-MD5", value)], digest=False),
                 "400 InvalidDigest")
    for size in (0, 1, 100_000):
        reply = t.put("/aaa/xml11", b"x" * size, headers=[("Content-MD5", md5(b"other"))])
        t.expect(f"wrong, {size}", reply, "400 BadDigest")
        t.same(f"wrong, {size}: CalculatedDigest", reply.value("CalculatedDigest"), md5(b"x" * size))
        t.expect(f"right, {size}", t.put("/aaa/xml11", b"x" * size, headers=[("Content-MD5", md5(b"x" * size))]), "200")
        t.delete("/aaa/xml11")
    t.expect("two of them",
             t.put("/aaa/xml11", b"x", headers=[("Content-MD5", md5(b"x")), ("Content-MD5", md5(b"y"))]), "400 / 200")
    t.expect("of a document", t.post("/aaa", "delete=", delete_xml(["x"]), headers=[("Content-MD5", md5(b"x"))],
                                     digest=False), "400 BadDigest")


@xml.case
def XML_12_delete_objects(t):
    body = delete_xml(["xml12"])
    t.put("/aaa/xml12", b"x")
    t.expect("no digest", t.post("/aaa", "delete=", body, digest=False), "400 InvalidRequest / 400 MissingContentMD5")
    for n, what in ((0, "400 MalformedXML"), (1001, "400 MalformedXML"), (1000, "200")):
        t.expect(f"{n} keys", t.post("/aaa", "delete=", delete_xml([f"none{i}" for i in range(n)])), what)
    for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"):
        t.expect(f"{name} wrong", t.post("/aaa", "delete=", body,
                                         headers=[(f"x-amz-checksum-{name}", checksum(name, b"x"))], digest=False),
                 "400 BadDigest")
    t.expect("nothing was deleted", t.get("/aaa/xml12"), "200")
    t.expect("a checksum will do", t.post("/aaa", "delete=", body,
                                          headers=[("x-amz-checksum-crc32", checksum("crc32", body))], digest=False),
             "200")
    t.absent("deleted", "/aaa/xml12")
    reply = t.post("/aaa", "delete=", delete_xml(["k" * 1025, "xml12", "a"]))
    t.expect("a key too long among others", reply, "200 / 400 MalformedXML")
    t.expect("as aws-chunked with a trailer", t.ask(_chunked_delete(t)), "200")


def _chunked_delete(t):
    body = delete_xml(["none"])
    data = t.chunked("/aaa", body, UNSIGNED_TRAILER,
                     trailers=[("x-amz-checksum-crc32", checksum("crc32", body))], query="delete=")
    wire_body = data.split(b"\r\n\r\n", 1)[1]
    headers = [("x-amz-decoded-content-length", str(len(body))), ("x-amz-trailer", "x-amz-checksum-crc32")]
    return t.signed("POST", "/aaa", "delete=", headers, payload=UNSIGNED_TRAILER,
                    length=len(wire_body), head_only=True) + wire_body


@xml.case
def create_bucket_documents(t):
    root, region = "CreateBucketConfiguration", "<LocationConstraint>eu-west-1</LocationConstraint>"
    for label, body in (("empty element", f"<{root}/>"), ("a region", f"<{root}>{region}</{root}>")):
        t.expect(label, t.put("/xml-create", body.encode()), "200")
        t.delete("/xml-create")
    for label, body in (("wrong root", "<X/>"), ("unclosed", f"<{root}>"), ("no XML", "location=eu"),
                        ("two constraints", f"<{root}>{region}{region}</{root}>")):
        t.expect(label, t.put("/xml-create", body.encode()), "400 MalformedXML")
    t.expect("none of them", t.ask(t.signed("HEAD", "/xml-create")), "404")
