# SPDX-License-Identifier: Apache-2.0
"""Versions (VER) and what conditions make of them (CND): headers, documents and ids as no client would send them."""
import base64
import calendar
import hashlib
import os
import re
import threading
import time
from urllib.parse import unquote_to_bytes

from wire import KEEP, Group, checksum, encode, md5
from wire_objects import PART, in_parallel

ver = Group("ver")

UNKNOWN = "0123456789abcdefghijklmnopqrstuv"  # as long as a version id, but none that was ever given
BAD_ID = "400 InvalidArgument"


def versioned(t, bucket, status="Enabled"):
    """A fresh bucket in that state; its path."""
    t.expect(f"create {bucket}", t.put(f"/{bucket}"), "200")
    return switched(t, f"/{bucket}", status)


def switched(t, path, status):
    t.expect(f"{path} {status}", put_state(t, path, f"<Status>{status}</Status>"), "200")
    return path


def put_state(t, path, inside, root="VersioningConfiguration", **options):
    body = f"<{root}>{inside}</{root}>".encode()
    return t.ask(t.signed("PUT", path, "versioning=", body=body, headers=[("Content-MD5", md5(body))], **options))


def put(t, path, body):
    """x-amz-version-id, None where it is not told."""
    reply = t.put(path, body)
    t.expect(f"PUT {path}", reply, "200")
    return reply.headers.get("x-amz-version-id")


def told(reply):
    """What a reply says about versions: id, delete marker."""
    return reply.headers.get("x-amz-version-id"), reply.headers.get("x-amz-delete-marker")


def rows(reply):
    """Versions and markers in the document's order: (key, id, is latest, is marker)."""
    found = re.findall(r"<(Version|DeleteMarker)><Key>(.*?)</Key><VersionId>(.*?)</VersionId><IsLatest>(.*?)</IsLatest>",
                       reply.body.decode(), re.S)
    return [(key, version, latest == "true", kind == "DeleteMarker") for kind, key, version, latest in found]


def listed(t, bucket, query=""):
    reply = t.get(bucket, "versions=" + ("&" + query if query else ""))
    t.expect(f"versions of {bucket}", reply, "200")
    return rows(reply)


def ids(t, bucket, key=None):
    return [i for k, i, _, _ in listed(t, bucket) if key in (None, k)]


def delete_many(t, bucket, entries, quiet=False, headers=()):
    """entries: the insides of <Object>."""
    body = ("<Delete>" + ("<Quiet>true</Quiet>" if quiet else "") +
            "".join(f"<Object>{e}</Object>" for e in entries) + "</Delete>").encode()
    return t.post(bucket, "delete=", body, headers)


def entry(key, version=None):
    return f"<Key>{key}</Key>" + (f"<VersionId>{version}</VersionId>" if version is not None else "")


# ---- the state of a bucket -------------------------------------------------------------------------------------------


@ver.case
def state_documents(t):
    t.put("/ver-state")
    empty = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'
    got = t.get("/ver-state", "versioning=")
    t.same("never set", got.body.decode().split("\n", 1)[1], empty)
    t.same("never set: type", got.headers.get("content-type"), "application/xml")
    for inside, what in (("<Status>Enabled</Status>", "200"), ("<Status> Enabled </Status>", "200"),
                         ("<MfaDelete>Disabled</MfaDelete><Status>Enabled</Status>", "200"),
                         ("<Unknown>1</Unknown><Status>Enabled</Status>", "200"),
                         ("", "400 IllegalVersioningConfigurationException"),
                         ("<MfaDelete>Disabled</MfaDelete>", "400 IllegalVersioningConfigurationException"),
                         ("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", "501 NotImplemented"),
                         ("<Status>enabled</Status>", "400 MalformedXML"), ("<Status/>", "400 MalformedXML"),
                         ("<Status>Disabled</Status>", "400 MalformedXML"),
                         ("<Status>Enabled</Status><Status>Suspended</Status>", "400 MalformedXML"),
                         ("<Status>Enabled<x/></Status>", "400 MalformedXML"),
                         ("<Status>Suspended</Status><MfaDelete>maybe</MfaDelete>", "400 MalformedXML"),
                         ("<Status>Suspended</Status", "400 MalformedXML")):
        t.expect(inside or "nothing", put_state(t, "/ver-state", inside), what)
    t.expect("another root", put_state(t, "/ver-state", "<Status>Suspended</Status>", "Versioning"), "400 MalformedXML")
    t.same("only what was right", t.get("/ver-state", "versioning=").values("Status"), ["Enabled"])
    body = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
    t.expect("without a digest", t.ask(t.signed("PUT", "/ver-state", "versioning=", body=body)), "400 InvalidRequest")
    t.expect("another digest", t.ask(t.signed("PUT", "/ver-state", "versioning=", body=body,
                                              headers=[("Content-MD5", md5(b"x"))])), "400 BadDigest")
    t.expect("a checksum instead", t.ask(t.signed("PUT", "/ver-state", "versioning=", body=body,
                                                  headers=[("x-amz-checksum-crc32", checksum("crc32", body))])), "200")
    t.expect("no body", t.ask(t.signed("PUT", "/ver-state", "versioning=", headers=[("Content-MD5", md5(b""))])),
             "400 MissingRequestBodyError / 400 MalformedXML")
    t.expect("no bucket", put_state(t, "/ver-none", "<Status>Enabled</Status>"), "404 NoSuchBucket")
    t.expect("a stranger asks", t.ask(t.plain("GET", "/ver-state?versioning")), "403 AccessDenied")
    t.expect("a stranger lists", t.ask(t.plain("GET", "/ver-state?versions")), "403 AccessDenied")
    t.same("suspended", t.get("/ver-state", "versioning=").values("Status"), ["Suspended"])


@ver.case
def state_counts_from_the_reply_on(t):
    """CON-11: what was set holds for the next request, whichever connection it comes on."""
    bucket = versioned(t, "ver-flip")
    for nth in range(6):
        status = ("Suspended", "Enabled")[nth % 2]
        switched(t, bucket, status)
        replies = in_parallel(8, lambda i: t.put(f"{bucket}/k{i}", b"%d" % nth))
        t.same(f"{nth}: ids told", {r.headers.get("x-amz-version-id") is None for r in replies}, {status == "Suspended"})


# ---- ids ------------------------------------------------------------------------------------------------------------


@ver.case
def ids_that_nobody_gave(t):
    bucket = versioned(t, "ver-ids")
    mine = put(t, f"{bucket}/k", b"x")
    t.true("an id fits a URL", re.fullmatch(r"[A-Za-z0-9._-]{32}", mine), mine)
    plain = "/aaa/veridplain"
    put(t, plain, b"y")
    for label, text in (("empty", ""), ("short", "x"), ("long", "x" * 1025), ("upper case", "NULL"),
                        ("with a space", "null%20"), ("with NUL", mine[:-1] + "%00"), ("traversal", "..%2F..%2Fetc"),
                        ("a character more", mine + "A"), ("one less", mine[:-1]), ("no base64", "!" * 32),
                        ("two of them", mine + "," + mine), ("umlauts", "%C3%BC" * 16), ("no UTF-8", "%FF" * 32)):
        for method, path in (("GET", "k"), ("HEAD", "k"), ("DELETE", "k"), ("GET", "none")):
            reply = t.ask(t.signed(method, f"{bucket}/{path}", f"versionId={text}"))
            t.expect(f"{label}: {method} {path}", reply, "400" if method == "HEAD" else BAD_ID + " / 400 InvalidURI")
        reply = t.put(f"{bucket}/copy", headers=[("x-amz-copy-source", f"{bucket}/k?versionId={text}")])
        t.expect(f"{label}: copy", reply, "400 InvalidArgument")
    reply = t.get(f"{bucket}/k", "versionId=x")
    t.same("elements", (reply.value("ArgumentName"), reply.value("ArgumentValue"), reply.message),
           ("versionId", "x", "Invalid version id specified"))
    t.expect("without a value", t.ask(t.signed("GET", f"{bucket}/k", "versionId")), BAD_ID)
    t.same("without a value: says", t.ask(t.signed("DELETE", f"{bucket}/k", "versionId")).message,
           "Version id cannot be the empty string")
    t.expect("twice", t.get(f"{bucket}/k", f"versionId={mine}&versionId=null"), "400")
    for method in ("GET", "DELETE"):
        t.expect(f"unversioned bucket: {method}", t.ask(t.signed(method, plain, f"versionId={mine}")), BAD_ID)
    t.expect("unversioned bucket: null", t.get(plain, "versionId=null"), "200")
    for query, name in (("", "PUT"), ("uploads=&", "POST")):
        t.expect(f"{name} takes none", t.ask(t.signed(name, f"{bucket}/k", f"{query}versionId={mine}", body=b"")), BAD_ID)
    t.same("nothing happened", ids(t, bucket), [mine])


@ver.case
def ids_of_others(t):
    bucket, other = versioned(t, "ver-mine"), versioned(t, "ver-other")
    mine = put(t, f"{bucket}/k", b"x")
    for label, path, version in (("another key's", f"{bucket}/none", mine), ("another bucket's", f"{other}/k", mine),
                                 ("nobody's", f"{bucket}/k", UNKNOWN), ("null", f"{bucket}/k", "null")):
        for method in ("GET", "HEAD"):
            t.expect(f"{label}: {method}", t.ask(t.signed(method, path, f"versionId={version}")),
                     "404" if method == "HEAD" else "404 NoSuchVersion / 400 InvalidArgument")
        reply = t.delete(path, f"versionId={version}")
        if reply.status == 204:
            t.same(f"{label}: DELETE names it", told(reply), (version, None))
        else:
            t.expect(f"{label}: DELETE", reply, BAD_ID)
    reply = t.get(f"{bucket}/none", f"versionId={mine}")
    t.same("elements", (reply.value("Key"), reply.value("VersionId")), ("none", mine))
    # Every character counts: an id with one changed is another one, or none.
    for at in range(len(mine)):
        changed = mine[:at] + ("B" if mine[at] != "B" else "C") + mine[at + 1:]
        reply = t.get(f"{bucket}/k", f"versionId={changed}")
        t.true(f"character {at}", reply.code in ("NoSuchVersion", "InvalidArgument"), f"{reply!r}")
    t.same("all is there", (t.get(f"{bucket}/k").body, ids(t, bucket), listed(t, other)), (b"x", [mine], []))


# ---- what replies tell ----------------------------------------------------------------------------------------------


@ver.case
def VER_02_suspended(t):
    bucket = versioned(t, "ver-02")
    key = f"{bucket}/k"
    kept = put(t, key, b"kept")
    switched(t, bucket, "Suspended")
    for body in (b"one", b"two"):
        t.same("PUT names no version", put(t, key, body), None)
        t.same("the null version is replaced", ids(t, bucket), ["null", kept])
        t.same("GET names it", told(t.get(key)), ("null", None))
    t.same("DELETE", told(t.delete(key)), ("null", "true"))
    t.same("only the null version went", listed(t, bucket), [("k", "null", True, True), ("k", kept, False, False)])
    t.same("DELETE again", told(t.delete(key)), ("null", "true"))
    put(t, key, b"three")
    t.same("PUT on a null marker", listed(t, bucket), [("k", "null", True, False), ("k", kept, False, False)])
    t.same("the kept one", t.get(key, f"versionId={kept}").body, b"kept")
    t.same("DELETE by id", told(t.delete(key, "versionId=null")), ("null", None))
    t.same("the next one", (t.get(key).body, told(t.get(key))), (b"kept", (kept, None)))
    for one in (entry("k"), entry("k", "null")):
        reply = delete_many(t, bucket, [one])
        t.same(f"many: {one}", (reply.values("DeleteMarker"), reply.values("DeleteMarkerVersionId")), (["true"], ["null"]))
    t.same("many: what is left", listed(t, bucket), [("k", kept, True, False)])
    upload, parts = t.multipart(key, [(1, b"part")])
    reply = t.complete(key, upload, parts)
    t.same("Complete names no version", told(reply), (None, None))
    t.same("Complete made the null version", ids(t, bucket), ["null", kept])


@ver.case
def VER_03_markers(t):
    bucket = versioned(t, "ver-03")
    key = f"{bucket}/k"
    version = put(t, key, b"x")
    deleted = t.delete(key)
    marker = deleted.headers["x-amz-version-id"]
    t.same("DELETE", (deleted.status, told(deleted)), (204, (marker, "true")))
    current = t.get(key)
    t.expect("GET", current, "404 NoSuchKey")
    t.same("GET: tells", (told(current), current.value("Key"), current.headers.get("allow")), ((marker, "true"), "k", None))
    for header in ("If-Match", "If-None-Match", "If-Modified-Since", "Range", "If-Unmodified-Since"):
        t.expect(f"GET with {header}", t.get(key, headers=[(header, "x")]), "404 NoSuchKey")
    with t.open() as c:  # on one connection, so that a body where none belongs would show
        for nth, (query, status) in enumerate((("", 404), (f"versionId={marker}", 405), (f"versionId={version}", 200))):
            head = c.send(t.signed("HEAD", key, query)).reply("HEAD")
            t.same(f"HEAD {nth}", (head.status, head.body), (status, b""))
            t.same(f"HEAD {nth}: tells", told(head), (version, None) if status == 200 else (marker, "true"))
    named = t.get(key, f"versionId={marker}")
    t.expect("GET by id", named, "405 MethodNotAllowed")
    t.same("GET by id: headers", (told(named), named.headers.get("allow")), ((marker, "true"), "DELETE"))
    t.true("GET by id: Last-Modified", re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT",
                                                    named.headers.get("last-modified", "")), f"{named.lines}")
    t.same("GET by id: elements", (named.value("Method"), named.value("ResourceType")), ("GET", "DeleteMarker"))
    for query in ("attributes=", "tagging=", "retention=", "legal-hold="):
        reply = t.ask(t.signed("GET", key, f"{query}&versionId={marker}", [("x-amz-object-attributes", "ETag")]))
        t.expect(f"GET {query} by id", reply, "405 MethodNotAllowed / 400 InvalidRequest")
    reply = t.put(f"{bucket}/to", headers=[("x-amz-copy-source", f"{key}?versionId={marker}")])
    t.expect("copy by id", reply, "400 InvalidRequest")
    t.expect("copy", t.put(f"{bucket}/to", headers=[("x-amz-copy-source", key)]), "404 NoSuchKey")
    t.expect("GET of a range by id", t.get(key, f"versionId={marker}", headers=[("Range", "bytes=0-")]),
             "405 MethodNotAllowed")
    removed = t.delete(key, f"versionId={marker}")
    t.same("removed", (removed.status, told(removed)), (204, (marker, "true")))
    t.same("removed again", told(t.delete(key, f"versionId={marker}")), (marker, None))
    t.same("restored", (t.get(key).body, told(t.get(key))), (b"x", (version, None)))


@ver.case
def CND_04_conditions_and_markers(t):
    bucket = versioned(t, "ver-cnd")
    key = f"{bucket}/k"
    first = t.put(key, b"one")
    etag = first.headers["etag"]
    t.delete(key)
    t.expect("If-Match on a marker", t.put(key, b"no", headers=[("If-Match", etag)]), "404 NoSuchKey")
    t.expect("DELETE If-Match on a marker", t.delete(key, headers=[("If-Match", etag)]), "404 NoSuchKey / 412")
    t.expect("If-None-Match on a marker", t.put(key, b"two", headers=[("If-None-Match", "*")]), "200")
    t.expect("If-Match of an old version", t.put(key, b"no", headers=[("If-Match", etag)]), "412 PreconditionFailed")
    switched(t, bucket, "Suspended")
    null = t.put(key, b"null")
    t.expect("If-None-Match on a null version", t.put(key, b"no", headers=[("If-None-Match", "*")]), "412")
    t.expect("DELETE If-Match of the null version", t.delete(key, headers=[("If-Match", null.headers["etag"])]), "204")
    t.expect("If-None-Match on a null marker", t.put(key, b"three", headers=[("If-None-Match", "*")]), "200")
    reply = t.delete(key, "versionId=null", headers=[("If-Match", etag)])
    t.expect("DELETE by id with another ETag", reply, "412 PreconditionFailed")
    t.same("Condition", reply.value("Condition"), "If-Match")
    for header in ("x-amz-if-match-size", "x-amz-if-match-last-modified-time"):
        t.expect(header, t.delete(key, "versionId=null", headers=[(header, "5")]), "501 NotImplemented")
    t.same("it is there", t.get(key).body, b"three")
    t.expect("DELETE by id with its ETag", t.delete(key, "versionId=null",
                                                    headers=[("If-Match", t.get(key).headers["etag"])]), "204")
    t.same("the one below", t.get(key).body, b"two")


@ver.case
def bypass_where_nothing_is_locked(t):
    bucket = versioned(t, "ver-bypass")
    version = put(t, f"{bucket}/k", b"x")
    bypass = [("x-amz-bypass-governance-retention", "true")]
    t.expect("DELETE", t.delete(f"{bucket}/k", f"versionId={version}", headers=bypass), "400 InvalidArgument")
    t.expect("DeleteObjects", delete_many(t, bucket, [entry("k", version)], headers=bypass), "400 InvalidArgument")
    t.expect("false", t.delete(f"{bucket}/k", f"versionId={version}",
                               headers=[("x-amz-bypass-governance-retention", "false")]), "204")


# ---- many deletes ---------------------------------------------------------------------------------------------------


@ver.case
def deletes_by_the_thousand(t):
    bucket = versioned(t, "ver-many")
    with t.open() as c:
        made = [c.send(t.signed("PUT", f"{bucket}/k", body=b"%d" % i)).reply().headers["x-amz-version-id"]
                for i in range(1003)]
    t.same("all listed, in two pages", (ids(t, bucket), t.get(bucket, "versions=").value("IsTruncated")),
           (made[:2:-1], "true"))
    reply = delete_many(t, bucket, [entry("k", i) for i in made[:1000]], quiet=True)
    t.expect("a thousand versions", reply, "200")
    t.same("quiet", (reply.values("Deleted"), reply.values("Code")), ([], []))
    t.same("what is left", listed(t, bucket), [("k", i, n == 0, False) for n, i in enumerate(made[:999:-1])])
    t.expect("1001 entries", delete_many(t, bucket, [entry("k", made[-1])] * 1001), "400 MalformedXML")
    reply = delete_many(t, bucket, [entry("k", made[-1])] * 2 + [entry("k", "x"), entry("none", made[-2]), entry("k", ""),
                                                               entry("k", " null ")])
    t.same("errors", sorted(zip(reply.values("Code"), re.findall(r"<Error><Key>(.*?)</Key>", reply.body.decode()))),
           [("NoSuchVersion", "k"), ("NoSuchVersion", "k"), ("NoSuchVersion", "none")])
    t.same("a version, twice; an empty id means none", re.findall(r"<Deleted><Key>(.*?)</Key>", reply.body.decode()),
           ["k"] * 3)
    t.same("it made a marker", [(latest, marker) for _, _, latest, marker in listed(t, bucket)],
           [(True, True), (False, False), (False, False)])
    error = t.delete(bucket)
    t.expect("not empty", error, "409 BucketNotEmpty")
    t.true("not empty: says", "You must delete all versions in the bucket." in error.message, error.message)
    delete_many(t, bucket, [entry("k", i) for i in ids(t, bucket)])
    t.expect("empty", t.delete(bucket), "204")


# ---- lists ----------------------------------------------------------------------------------------------------------


@ver.case
def list_documents(t):
    bucket = versioned(t, "ver-list")
    for key in ("a", "b"):
        put(t, f"{bucket}/{key}", b"1")
        t.delete(f"{bucket}/{key}")
        put(t, f"{bucket}/{key}", b"22")
    reply = t.get(bucket, "versions=&max-keys=4&delimiter=%2F&encoding-type=url")
    text = re.sub(r"<(VersionId|NextVersionIdMarker|LastModified|ID|ETag)>[^<]*", r"<\1>...", reply.body.decode())
    row = ("<{0}><Key>{1}</Key><VersionId>...</VersionId><IsLatest>{2}</IsLatest><LastModified>...</LastModified>{3}"
           "<Owner><ID>...</ID><DisplayName>root</DisplayName></Owner>{4}</{0}>")

    def version(key, size, latest):
        return row.format("Version", key, latest,
                          "<ETag>...</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
                          f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{size}</Size>",
                          "<StorageClass>STANDARD</StorageClass>")
    want = ('<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            "<Name>ver-list</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>"
            "<NextKeyMarker>b</NextKeyMarker><NextVersionIdMarker>...</NextVersionIdMarker><MaxKeys>4</MaxKeys>"
            "<Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>" +
            version("a", 2, "true") + row.format("DeleteMarker", "a", "false", "", "") + version("a", 1, "false") +
            version("b", 2, "true") + "</ListVersionsResult>")
    t.same("a page", text, want)
    t.same("the rest", [(k, m) for k, _, _, m in listed(t, bucket, "key-marker=b&version-id-marker=" +
                                                          reply.value("NextVersionIdMarker"))], [("b", True), ("b", False)])
    for query, name in (("version-id-marker=null", "version-id-marker"),
                        ("key-marker=&version-id-marker=null", "version-id-marker"),
                        ("key-marker=a&version-id-marker=", "version-id-marker"),
                        ("key-marker=a&version-id-marker=x", "version-id-marker"),
                        ("max-keys=-1", "max-keys"), ("max-keys=x", "max-keys"), ("encoding-type=x", "encoding-type")):
        reply = t.get(bucket, "versions=&" + query)
        t.expect(query, reply, "400 InvalidArgument")
        t.same(f"{query}: ArgumentName", reply.value("ArgumentName"), name)
    t.same("a foreign id as marker", [k for k, *_ in listed(t, bucket, f"key-marker=a&version-id-marker={UNKNOWN}")][-1:]
           if t.get(bucket, f"versions=&key-marker=a&version-id-marker={UNKNOWN}").status == 200 else ["b"], ["b"])
    t.same("max-keys 0", rows(t.get(bucket, "versions=&max-keys=0")), [])
    t.same("max-keys above the cap", t.get(bucket, "versions=&max-keys=5000").value("MaxKeys"), "1000")
    for name in ("versions", "list-type=2", ""):
        reply = t.get(bucket, name + "&x=y", headers=[("x-amz-optional-object-attributes", "RestoreStatus")])
        t.expect(f"optional attributes of {name}", reply, "200")
        t.true(f"nothing was restored: {name}", b"RestoreStatus" not in reply.body)
        reply = t.get(bucket, name + "&x=y", headers=[("x-amz-optional-object-attributes", "RestoreStatus,")])
        t.expect(f"a bad attribute of {name}", reply, "400 InvalidArgument")


@ver.case
def list_order_of_neighbouring_keys(t):
    """Keys that begin with one another, with bytes below and above any separator, up to the longest."""
    bucket = versioned(t, "ver-order")
    keys = [b"k", b"k\x01", b"k\x01\x01", b"k ", b"k/", b"k/k", b"k0", b"kk", "k\u00e9".encode(), "k\U0010ffff".encode(),
            b"k\x7f", b"x" * 1023, b"x" * 1024, b"x" * 1000 + b"y", b"k!", b"null", b"kA", b"ka"]
    switched(t, bucket, "Suspended")
    with t.open() as c:
        def write(method, key):
            return told(c.send(t.signed(method, f"{bucket}/{encode(key, '')}", body=b"v" if method == "PUT" else b"")).reply())[0]
        want = {k: [] for k in keys}
        for key in keys[::2]:
            write("PUT", key)
            want[key].insert(0, "null")
        switched(t, bucket, "Enabled")
        for nth in range(3):
            for key in keys:
                want[key].insert(0, write("DELETE" if nth == 1 else "PUT", key))
    flat = [(encode(k), i) for k in sorted(keys) for i in want[k]]

    def flattened(query):
        return [(encode(unquote_to_bytes(k.replace("+", " "))), i) for k, i, _, _ in listed(t, bucket, query)]
    t.same("the whole", flattened("encoding-type=url"), flat)
    for size in (1, 3, 7):
        got, marker = [], ""
        while True:
            page = flattened(f"encoding-type=url&max-keys={size}{marker}")
            got += page
            if len(page) < size or len(got) > len(flat):
                break
            marker = f"&key-marker={page[-1][0]}&version-id-marker={page[-1][1]}"
        t.same(f"pages of {size}", got, flat)
    for key in keys:
        t.same(f"prefix {key[:12]!r}", flattened(f"encoding-type=url&prefix={encode(key)}"),
               [(encode(k), i) for k in sorted(keys) if k.startswith(key) for i in want[k]])
    t.same("current objects", len(t.get(bucket, "list-type=2&encoding-type=url").values("Key")), len(keys))


# ---- at the same time -----------------------------------------------------------------------------------------------


def one_latest(t, label, found):
    newest = [row for row in found if row[2]]
    t.true(label, len(newest) == (1 if found else 0), f"{len(newest)} of {len(found)} are the latest")


@ver.case
def VER_01_writers_on_one_key(t):
    bucket = versioned(t, "ver-01")
    made, gate = [[] for _ in range(8)], threading.Barrier(8)

    def work(n):
        with t.open() as c:
            gate.wait()
            for i in range(125):
                method = "DELETE" if (i + n) % 2 else "PUT"
                reply = c.send(t.signed(method, f"{bucket}/k", body=b"%d" % i if method == "PUT" else b"")).reply()
                made[n].append((reply.headers.get("x-amz-version-id"), method == "DELETE"))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        one_latest(t, "while they write", listed(t, bucket, "max-keys=50"))
        written = any(made)  # before the read, which may overtake the first write otherwise
        reply = t.get(f"{bucket}/k")
        t.true("a reader finds an object or a marker", reply.status == 200 or told(reply)[1] == "true" or
               not written, f"{reply!r}")
    whole = listed(t, bucket)
    t.same("all versions once", sorted((i, m) for _, i, _, m in whole), sorted(x for one in made for x in one))
    one_latest(t, "afterwards", whole)
    for one in made:  # a writer's own versions stand in the order of its requests
        mine, order = {i for i, _ in one}, [i for i, _ in one][::-1]
        t.same("newest first", [i for _, i, _, _ in whole if i in mine], order)
    delete_many(t, bucket, [entry("k", i) for _, i, _, m in whole if m], quiet=True)
    left = listed(t, bucket)
    t.same("markers go", (len(left), any(m for *_, m in left)), (500, False))
    one_latest(t, "without markers", left)
    t.same("the newest is what is read", told(t.get(f"{bucket}/k"))[0], left[0][1])


@ver.case
def VER_01_removing_while_writing(t):
    """Versions are removed by id from both ends while others are made: the newest one is always the newest left."""
    bucket = versioned(t, "ver-01r")
    done = threading.Event()
    made, removed = [], set()

    def write():
        with t.open() as c:
            for i in range(200):
                made.append(c.send(t.signed("PUT", f"{bucket}/k", body=b"%d" % i)).reply().headers["x-amz-version-id"])
        done.set()

    def remove(at):
        with t.open() as c:
            while not done.is_set():
                there = [i for i in list(made) if i not in removed]
                if len(there) > 4:
                    version = there[at]
                    reply = c.send(t.signed("DELETE", f"{bucket}/k", f"versionId={version}")).reply()
                    t.same("removed", (reply.status, told(reply)), (204, (version, None)))
                    removed.add(version)
    threads = [threading.Thread(target=write), threading.Thread(target=remove, args=(0,)),
               threading.Thread(target=remove, args=(-1,))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = [i for i in made if i not in removed][::-1]
    t.same("what is left, newest first", listed(t, bucket), [("k", i, n == 0, False) for n, i in enumerate(left)])
    t.same("the newest", told(t.get(f"{bucket}/k"))[0], left[0])


@ver.case
def readers_of_a_version_that_goes(t):
    bucket = versioned(t, "ver-read")
    version = put(t, f"{bucket}/k", PART)
    with t.open(receive_buffer=64 << 10) as c:
        c.send(t.signed("GET", f"{bucket}/k", f"versionId={version}"))
        c.data = c.more()  # the head, at least
        t.expect("DELETE", t.delete(f"{bucket}/k", f"versionId={version}"), "204")
        reply = c.reply()
        t.true("the reader gets it all", reply.status == 200 and reply.body == PART)
    t.expect("afterwards", t.get(f"{bucket}/k", f"versionId={version}"), "404 NoSuchVersion")


@ver.case
def versions_share_no_bytes(t):
    """Copies of versions, then the versions go: what was copied stays."""
    bucket = versioned(t, "ver-share")
    bodies = [os.urandom(40_000), os.urandom(40_001), b"small", KEEP * 30]
    made = [put(t, f"{bucket}/k", body) for body in bodies]
    for i, version in enumerate(made):
        reply = t.put(f"{bucket}/copy{i}", headers=[("x-amz-copy-source", f"{bucket}/k?versionId={version}")])
        t.same(f"{i}: says from where", reply.headers.get("x-amz-copy-source-version-id"), version)
    reply = t.put(f"{bucket}/k", headers=[("x-amz-copy-source", f"{bucket}/k?versionId={made[0]}")])
    t.expect("onto itself", reply, "200")
    t.true("a new id", told(reply)[0] not in made)
    for version in made:
        t.expect("DELETE", t.delete(f"{bucket}/k", f"versionId={version}"), "204")
    for i, body in enumerate(bodies):
        t.true(f"copy {i}", hashlib.md5(t.get(f"{bucket}/copy{i}").body).digest() == hashlib.md5(body).digest())
    t.true("the restored one", t.get(f"{bucket}/k").body == bodies[0])


@ver.case
def versions_after_a_restart(t):
    with t.server(name="ver-restart") as pail:
        o = t.of(pail)
        bucket = versioned(o, "ver-restart", "Suspended")
        put(o, f"{bucket}/k", b"null")
        switched(o, bucket, "Enabled")
        made = [put(o, f"{bucket}/k", b"%d" % i * 20_000) for i in range(3)]
        o.delete(f"{bucket}/k")
        before = listed(o, bucket)
        o = t.of(pail.restart())
        t.same("state", o.get(bucket, "versioning=").values("Status"), ["Enabled"])
        t.same("list", listed(o, bucket), before)
        t.same("old versions", [o.get(f"{bucket}/k", f"versionId={i}").body for i in made + ["null"]],
               [b"%d" % i * 20_000 for i in range(3)] + [b"null"])
        newest = put(o, f"{bucket}/k", b"newest")
        t.same("a new one is the newest", listed(o, bucket)[0], ("k", newest, True, False))


@ver.case
def a_null_version_goes_by_its_name_only(t):
    """An id that tells where the null version lies would take it away behind the history's back."""
    t.expect("create", t.put("/ver-forged"), "200")
    t.expect("PUT", t.put("/ver-forged/k", b"null"), "200")
    modified = t.get("/ver-forged/k").headers.get("last-modified")
    second = calendar.timegm(time.strptime(modified, "%a, %d %b %Y %H:%M:%S GMT"))
    bucket = switched(t, "/ver-forged", "Enabled")
    put(t, f"{bucket}/k", b"newer")
    forged = [base64.urlsafe_b64encode(((second * 1000 + ms) * 1000).to_bytes(8, "big") + bytes(16)).decode()
              for ms in range(1000)]
    t.same("DELETE all of them", delete_many(t, bucket, [entry("k", i) for i in forged]).status, 200)
    t.same("still there", t.get(f"{bucket}/k", "versionId=null").body, b"null")
    switched(t, bucket, "Suspended")
    t.expect("PUT", t.put(f"{bucket}/k", b"another"), "200")
    t.same("one null version", [i for i in ids(t, bucket, "k") if i == "null"], ["null"])
