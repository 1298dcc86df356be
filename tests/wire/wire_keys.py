# SPDX-License-Identifier: Apache-2.0
"""Names: keys, buckets, hosts, lists (KEY)."""
import os
import re
import shutil
import unicodedata
import urllib.parse
import xml.etree.ElementTree as ElementTree

from wire import KEEP, Group, encode

key = Group("key")
domain = Group("domain", ["--domain", "s3.test", "--domain", "eu.s3.test"])

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def path_of(name, bucket="aaa"):
    return f"/{bucket}/{encode(name, '-_.~/')}"


def listed(t, query, bucket="aaa", label="list"):
    """(keys, common prefixes) of a ListObjectsV2, from XML that must be well-formed."""
    reply = t.expect(label, t.get(f"/{bucket}", f"list-type=2&{query}"), "200")
    root = parsed(reply)
    return ([e.findtext(f"{NS}Key") for e in root.iter(f"{NS}Contents")],
            [e.findtext(f"{NS}Prefix") for e in root.iter(f"{NS}CommonPrefixes")])


def parsed(reply):
    """XML 1.0 has no way to say U+0001 to U+001F; S3 writes references to them all the same, which parsers refuse."""
    return ElementTree.fromstring(re.sub(rb"&#x(?:[0-9a-f]|1[0-9a-f]|7f|fff[ef]);", b"?", reply.body))


def clear(t, prefix):
    for name in listed(t, f"prefix={encode(prefix)}&encoding-type=url")[0]:
        t.delete("/aaa/" + encode(urllib.parse.unquote_to_bytes(name.replace("+", " ")), "-_.~/"))


@key.case
def KEY_04_dots_are_no_way_up(t):
    t.put("/aaa/private.txt", b"private")
    for path in ("/aaa/public/../private.txt", "/aaa/public/%2e%2e/private.txt", "/aaa/public/..%2fprivate.txt",
                 "/aaa/./private.txt",
                 "/aaa//private.txt", "/bbb/../aaa/private.txt", "/aaa/public/../../bbb/keep"):
        t.expect(f"GET {path}", t.get(path), "404 NoSuchKey")
        t.expect(f"PUT {path}", t.put(path, path.encode()), "200")
        t.same(f"GET {path} afterwards", t.get(path).body, path.encode() if "%" not in path else t.get(path).body)
        t.expect(f"DELETE {path}", t.delete(path), "204")
    t.same("private.txt", t.get("/aaa/private.txt").body, b"private")


@key.case
def KEY_05_long_keys(t):
    two = "é" * 512
    for label, name in (("one segment", "k" * 1024), ("two-byte characters", two),
                        ("segments", "/".join(["seg"] * 256) + "x"), ("slashes", "/" * 1024)):
        t.same(f"{label} has 1,024 bytes", len(name.encode()), 1024)
        body = label.encode()
        t.expect(f"PUT {label}", t.put(path_of(name), body), "200")
        t.same(f"GET {label}", t.get(path_of(name)).body, body)
        t.same(f"list {label}", listed(t, f"prefix={encode(name)}")[0], [name])
        reply = t.put(path_of(name + "x"), b"x")
        t.expect(f"{label} and one more", reply, "400 KeyTooLongError")
        t.same(f"{label}, the limit", reply.value("MaxSizeAllowed"), "1024")
        t.expect(f"GET of {label} and one more", t.get(path_of(name + "x")), "400 KeyTooLongError")
        t.expect(f"copy to {label} and one more",
                 t.put(path_of(name + "x"), headers=[("x-amz-copy-source", "/bbb/keep")]), "400 KeyTooLongError")
        t.expect(f"upload of {label} and one more", t.ask(t.signed("POST", path_of(name + "x"), "uploads=")),
                 "400 KeyTooLongError")
        t.expect(f"DELETE {label}", t.delete(path_of(name)), "204")
    common = "p" * 1000
    names = [common + c for c in ("", "a", "b", "/", "é", "z" * 24)]
    for name in names:
        t.put(path_of(name), name.encode())
    t.same("1,000 bytes in common, in order", listed(t, f"prefix={common}")[0], sorted(names, key=str.encode))
    for name in names:
        t.same(f"...{name[1000:]}", t.get(path_of(name)).body, name.encode())
        t.delete(path_of(name))


@key.case
def KEY_06_nul(t):
    for path in ("/aaa/a%00b", "/aaa/%00", "/aaa%00/a", "/aaa/a%00", "/%00"):
        for method in ("GET", "PUT", "DELETE"):
            t.expect(f"{method} {path}", t.ask(t.signed(method, path)), "400")
    for query in ("prefix=a%00b", "a%00=b", "list-type=2%00", "delimiter=%00", "start-after=%00",
                  "continuation-token=%00"):
        t.expect(query, t.get("/aaa", query), "400")
    t.expect("copy source", t.put("/aaa/key06", headers=[("x-amz-copy-source", "/bbb/keep%00")]), "400 InvalidArgument")
    t.expect("metadata, presigned", t.ask(t.plain("PUT", t.presigned("PUT", "/aaa/key06", "x-amz-meta-a=b%00c"))),
             "400")
    t.absent("none of them", "/aaa/key06")
    t.absent("nothing cut at the NUL", "/aaa/a")


@key.case
def KEY_07_not_utf8(t):
    for raw in ("%ff%fe", "%c0%af", "%ed%a0%80", "%f4%90%80%80", "%e2%82", "%80", "a%c1%81", "%f8%88%80%80%80"):
        t.expect(f"PUT {raw}", t.put(f"/aaa/{raw}", b"x"), "400")
        t.expect(f"prefix {raw}", t.get("/aaa", f"list-type=2&prefix={raw}"), "400")
        t.expect(f"copy from {raw}", t.put("/aaa/key07", headers=[("x-amz-copy-source", f"/bbb/{raw}")]),
                 "400 InvalidArgument")
    for raw in ("%", "%4", "%zz", "a%", "%%41"):
        t.expect(f"escape {raw}", t.ask(t.signed("GET", "/aaa/x", target=f"/aaa/{raw}")), "400")


@key.case
def KEY_08_control_and_markup_characters(t):
    names = [f"key08/{chr(c)}x" for c in range(1, 32)] + [f"key08/{c}"
                                                          for c in ("\x7f", "￾", "￿", "<", "&", '"', "'", ">", "&amp;",
                                                                    "]]>",
                                                                                 "<!--", "\u2028", "\U0001F600", "%41",
                                                                    "a b", "a+b", "\\", "\u0085")]
    for name in names:
        t.expect(f"PUT {name!r}", t.put(path_of(name), name.encode()), "200")
        t.same(f"GET {name!r}", t.get(path_of(name)).body, name.encode())
    plain = listed(t, "prefix=key08/")[0]
    t.same("as many without encoding", len(plain), len(names))
    for query in ("", "&delimiter=/", "&fetch-owner=true", "&start-after=key08%2f%01"):
        listed(t, "prefix=key08/" + query, label=f"list{query}")
    found = listed(t, "prefix=key08%2F&encoding-type=url")[0]
    decoded = [urllib.parse.unquote_plus(f) for f in found]
    t.same("with encoding-type=url every name comes back", decoded, sorted(names, key=str.encode))
    v1 = t.get("/aaa", "prefix=key08%2F&encoding-type=url&delimiter=%01")
    parsed(v1)
    missing = t.get(path_of("key08/\x01<none>&"))
    t.expect("an error that names one", missing, "404 NoSuchKey")
    parsed(missing)
    clear(t, "key08/")


@key.case
def KEY_09_objects_and_folders_of_one_name(t):
    names = ["key09/a", "key09/a/", "key09/a/b", "key09/a/b/"]
    for gone in [None, *names]:
        for name in names:
            t.put(path_of(name), name.encode())
        if gone:
            t.expect(f"DELETE {gone}", t.delete(path_of(gone)), "204")
        left = [n for n in names if n != gone]
        t.same(f"without {gone}", listed(t, "prefix=key09/")[0], left)
        for name in left:
            t.same(f"without {gone}, {name}", t.get(path_of(name)).body, name.encode())
        keys, prefixes = listed(t, "prefix=key09/&delimiter=/")
        t.same(f"without {gone}, with a delimiter", (keys, prefixes),
               ([n for n in left if n == "key09/a"], ["key09/a/"]))
        keys, prefixes = listed(t, "prefix=key09/a/&delimiter=/")
        t.same(f"without {gone}, below a/", (keys, prefixes),
               ([n for n in left if n in ("key09/a/", "key09/a/b")], ["key09/a/b/"] if "key09/a/b/" in left else []))
    clear(t, "key09/")


@key.case
def KEY_10_case_and_normalisation(t):
    names = ["key10/Key", "key10/key", "key10/KEY", "key10/" + unicodedata.normalize("NFC", "é"),
             "key10/" + unicodedata.normalize("NFD", "é"),
             "key10/ss", "key10/\u00df", "key10/K", "key10/\u212a"]
    for name in names:
        t.put(path_of(name), name.encode())
    for name in names:
        t.same(repr(name), t.get(path_of(name)).body, name.encode())
    t.same("all listed", sorted(listed(t, "prefix=key10/")[0]), sorted(names))
    clear(t, "key10/")


@key.case
def KEY_11_names_that_file_systems_dislike(t):
    names = [".", "..", "a//b", "//", "/", "a ", "a.", " a", "CON", "-rf", ".sys/config", "../../pail.format",
             "index/data.mdb", "blobs/x", "~", "*", "?",
             "a\\b", "lost+found", "aux.txt", ".git/config", "x" * 300, "/etc/passwd", "a/./b", "a/../b", "\t", "a\nb"]
    before = set(os.listdir(t.pail.data))
    for name in names:
        for size in (10, 100_000):
            body = (name.encode() + b"|") * size
            t.expect(f"PUT {name!r}", t.put(path_of(name), body), "200")
            t.true(f"GET {name!r}", t.get(path_of(name)).body == body)
    t.same("all listed", sorted(urllib.parse.unquote_plus(n) for n in listed(t, "encoding-type=url")[0]
                                if urllib.parse.unquote_plus(n) in names), sorted(names))
    t.same("no new names in the data folder", set(os.listdir(t.pail.data)), before)
    for name in names:
        t.expect(f"DELETE {name!r}", t.delete(path_of(name)), "204")


@key.case
def KEY_12_bucket_names(t):
    for name in ("..", ".", ".sys", "127.0.0.1", "A_", "Abc", "ab", "a" * 64, "a..b", "xn--a", "%2e%2e", "a_b", "-ab",
                 "ab-", ".ab", "ab.", "a b", "a%20b",
                 "é", "abc-s3alias", "abc--ol-s3", "sthree-x", "1.2.3.4", "a%0ab", "a\\b", "999.999.999.999"):
        t.expect(name, t.put(f"/{encode(name, '-_.~%')}"), "400 InvalidBucketName / 400 InvalidURI")
        t.expect(f"object in {name}", t.put(f"/{encode(name, '-_.~%')}/k", b"x"), "404 NoSuchBucket / 400")
    for name in ("abc", "a" * 63, "a.b", "a-b", "a--b", "0ab", "1.2.3", "a.-b", "index", "blobs", "pail.format"):
        t.expect(name, t.put(f"/{name}"), "200")
        t.expect(f"{name} again", t.put(f"/{name}"), "409 BucketAlreadyOwnedByYou / 200")
        t.expect(f"{name} goes", t.delete(f"/{name}"), "204")


@key.case
def KEY_13_escaped_slash_after_the_bucket(t):
    t.put("/aaa/key13", b"thirteen")
    for target in ("/aaa%2Fkey13", "/aaa%2fkey13", "%2Faaa%2Fkey13"):
        if target.startswith("/"):
            t.same(target, t.get(target).body, b"thirteen")
            t.same(f"{target} presigned", t.ask(t.plain("GET", t.presigned("GET", target))).body, b"thirteen")
        else:
            t.expect(target, t.get(target), "400")
    t.expect("PUT", t.put("/aaa%2Fkey13b", b"x"), "200")
    t.same("it is the key", t.get("/aaa/key13b").body, b"x")
    t.expect("copy source", t.put("/aaa/key13c", headers=[("x-amz-copy-source", "aaa%2Fkey13")]), "200")
    t.same("copied", t.get("/aaa/key13c").body, b"thirteen")


@key.case
def KEY_15_list_parameters(t):
    for query in ("max-keys=-1", "max-keys=2147483648", "max-keys=abc", "max-keys=1e3", "max-keys=0x10",
                  "max-keys=%2B1", "max-keys=1%20",
                  "max-keys=99999999999999999999", "continuation-token=", "continuation-token=garbage",
                  "continuation-token=..%2F..", "encoding-type=xml",
                  "continuation-token=" + "A" * 5000):
        t.expect(query[:40], t.get("/aaa", f"list-type=2&{query}"), "400 InvalidArgument")
    for query in ("max-uploads=-1", "max-uploads=x", "encoding-type=x"):
        t.expect(f"uploads&{query}", t.get("/aaa", f"uploads=&{query}"), "400 InvalidArgument")
    t.same("the cap", t.get("/aaa", "list-type=2&max-keys=2147483647").value("MaxKeys"), "1000")
    t.same("none", t.get("/aaa", "list-type=2&max-keys=0").value("IsTruncated"), "false")
    t.put("/aaa/key15", b"x")
    for i in range(3):
        t.put(f"/aaa/key15/{i}", b"x")
    token = t.get("/aaa", "list-type=2&max-keys=1&prefix=key15").value("NextContinuationToken")
    foreign = t.get("/bbb", f"list-type=2&continuation-token={encode(token)}")
    t.true("a token of another bucket shows none of its rows",
           foreign.status in (200, 400) and b"key15" not in foreign.body, f"{foreign!r}")
    for prefix in ("../", "../bbb/", "/bbb", "..%2Fbbb"):
        t.same(f"prefix {prefix}", listed(t, f"prefix={prefix}"), ([], []))
    t.expect("a delimiter of 1 KiB", t.get("/aaa", "list-type=2&delimiter=" + "d" * 1024), "200 / 400 InvalidArgument")
    t.expect("a prefix of 2 KiB", t.get("/aaa", "list-type=2&prefix=" + "p" * 2048), "200 / 400")
    t.expect("a marker of 2 KiB", t.get("/aaa", "marker=" + "m" * 2048), "200 / 400")
    clear(t, "key15")


@key.case
def KEY_17_links_in_the_data_folder(t):
    body = KEEP * 117
    t.put("/aaa/key17", body)
    blobs = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(t.pail.data, "blobs")) for f in files]
    mine = sorted((b for b in blobs if len(body) < os.path.getsize(b) < len(body) + 65536), key=os.path.getmtime)[-1:]
    if not t.true("the object's file is there", mine):
        return
    outside = os.path.join(t.folder, "elsewhere")
    shutil.copy(mine[0], outside)
    os.unlink(mine[0])
    os.symlink(outside, mine[0])
    try:
        with t.open() as c:
            reply = c.send(t.signed("GET", "/aaa/key17")).reply()
            t.true("a symbolic link is not followed", reply is None or reply.status >= 500, f"{reply!r}")
    except AssertionError:
        pass  # the connection was broken off, which is as good
    os.unlink(mine[0])
    os.mkfifo(mine[0])
    try:
        with t.open() as c:
            reply = c.send(t.signed("GET", "/aaa/key17")).reply()
            t.true("a fifo is not waited for", reply is None or reply.status >= 500, f"{reply!r}")
    except AssertionError:
        pass
    os.unlink(mine[0])
    shutil.copy(outside, mine[0])
    t.true("the file again", t.get("/aaa/key17").body == body)
    t.delete("/aaa/key17")


@key.case
def path_style_keys_are_bytes(t):
    for raw, name in (("a+b", "a+b"), ("a%2Bb", "a+b"), ("a%20b", "a b"), ("a%2520b", "a%20b"), ("%C3%A9", "é"),
                      ("trail/", "trail/"), ("a//b", "a//b"),
                      ("a%2F%2Fb", "a//b"), ("?".replace("?", "%3F"), "?"), ("%23", "#"), ("a;b=c", "a;b=c")):
        t.expect(f"PUT {raw}", t.put(f"/aaa/raw/{raw}", raw.encode()), "200")
        t.same(f"{raw} is {name}", t.get(path_of(f"raw/{name}")).body, raw.encode())
    clear(t, "raw/")


# ---- virtual-hosted style --------------------------------------------------------------------------------------------


def at_host(t, host, method, path, query="", **options):
    return t.ask(t.signed(method, path, query, host=host, **options))


@domain.case
def KEY_14_one_bucket_for_every_form(t):
    for host in ("bbb.s3.test", "BBB.S3.Test", "bbb.s3.test:9000", "bbb.s3.test.", "bbb.eu.s3.test",
                 f"bbb.s3.test:{t.pail.port}"):
        t.same(f"{host}", at_host(t, host, "GET", "/keep").body, KEEP)
        t.expect(f"{host}, the path is all key", at_host(t, host, "GET", "/bbb/keep"), "404 NoSuchKey")
    for host in ("s3.test", "S3.TEST:80", "eu.s3.test", "localhost", "10.0.0.1", "[::1]:9000", "xs3.test",
                 "other.example", "bbb.s3.test.evil"):
        t.same(f"{host} is path style", at_host(t, host, "GET", "/bbb/keep").body, KEEP)
    t.expect("bbb's domain, aaa's path", at_host(t, "bbb.s3.test", "PUT", "/aaa/k", body=b"x"), "200")
    t.same("lies in bbb", t.get("/bbb/aaa/k").body, b"x")
    t.absent("not in aaa", "/aaa/k")
    t.delete("/bbb/aaa/k")
    t.expect("no such bucket", at_host(t, "zzz.s3.test", "GET", "/k"), "404 NoSuchBucket")
    t.expect("a name with dots", at_host(t, "x.y.s3.test", "GET", "/k"), "404 NoSuchBucket")
    for host in ("u@bbb.s3.test", "bbb..s3.test", ".s3.test", "bbb.s3.test:", "bbb.s3.test:0", "bbb .s3.test",
                 "bbb.s3.test/x", "%62bb.s3.test"):
        t.expect(f"{host!r}", at_host(t, host, "GET", "/keep"), "400")
    t.expect("empty", t.get("/keep", sent_host=""), "400")
    t.expect("two hosts", t.ask(t.signed("GET", "/keep", host="bbb.s3.test", extra=[("Host", "aaa.s3.test")])), "400")
    t.expect("absolute form decides",
             t.ask(t.signed("GET", "/keep", host="bbb.s3.test", target="http://bbb.s3.test/keep")), "200")
    t.expect("absolute form against Host",
             t.ask(t.signed("GET", "/keep", host="bbb.s3.test", target="http://aaa.s3.test/keep")), "400 / 403 / 404")


@domain.case
def virtual_hosted_operations(t):
    host = "vhost.s3.test"
    t.expect("CreateBucket", at_host(t, host, "PUT", "/"), "200")
    t.expect("PutObject", at_host(t, host, "PUT", "/a%2Fb//c", body=b"x"), "200")
    t.same("GetObject", t.get("/vhost/a/b//c").body, b"x")
    t.same("ListObjectsV2", at_host(t, host, "GET", "/", "list-type=2").values("Key"), ["a/b//c"])
    t.expect("HeadBucket", at_host(t, host, "HEAD", "/"), "200")
    t.expect("GetBucketLocation", at_host(t, host, "GET", "/", "location="), "200")
    t.expect("DeleteBucket", at_host(t, host, "DELETE", "/"), "409 BucketNotEmpty")
    t.expect("DeleteObject", at_host(t, host, "DELETE", "/a%2Fb//c"), "204")
    t.expect("DeleteBucket", at_host(t, host, "DELETE", "/"), "204")
    t.true("ListBuckets at the domain itself", b"<Name>bbb</Name>" in at_host(t, "s3.test", "GET", "/").body)
    presigned = t.presigned("GET", "/keep", headers=[])
    t.expect("presigned for another host", t.ask(t.plain("GET", presigned, host="bbb.s3.test")),
             "403 SignatureDoesNotMatch")
