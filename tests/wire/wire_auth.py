# SPDX-License-Identifier: Apache-2.0
"""Who sent this: SigV4 in headers (SIG), presigned URLs (PRE), regions, default credentials."""
import base64
import hashlib
import hmac
import random
import re
import socket
import statistics
import time
import urllib.parse

from wire import (EMPTY_SHA256, SIGNED_CHUNKS, SIGNED_TRAILER, UNSIGNED, UNSIGNED_TRAILER, Group, ServerError,
                  complete_xml, delete_xml, md5, stamp_of)

sig = Group("sig")
pre = Group("pre")
region = Group("region", ["--region", "eu-west-1"], region="eu-west-1")
credentials = Group("credentials", plain=False)

FORGED = "5f" * 32
MALFORMED = "400 AuthorizationHeaderMalformed"


# ---- SIG -------------------------------------------------------------------------------------------------------------


@sig.case
def SIG_01_wrong_secret(t):
    reply = t.put("/aaa/sig01", b"x", secret="wrong-secret-of-some-length")
    t.expect("PUT", reply, "403 SignatureDoesNotMatch")
    for name in ("AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes", "CanonicalRequest",
                 "CanonicalRequestBytes"):
        t.true(f"the error has {name}", reply.values(name))
    t.true("the string to sign is AWS's", reply.value("StringToSign").startswith("AWS4-HMAC-SHA256\n"))
    t.true("the canonical request is AWS's", reply.value("CanonicalRequest").startswith("PUT\n/aaa/sig01\n\n"))
    t.absent("PUT", "/aaa/sig01")


@sig.case
def SIG_02_unsigned_trailer_forged(t):
    forged = t.chunked("/aaa/sig02", b"x" * 100, UNSIGNED_TRAILER, trailers=[("x-amz-checksum-crc32", "AAAAAA==")],
                       signature=FORGED)
    t.refused("forged signature", forged, "403 SignatureDoesNotMatch", "/aaa/sig02")


@sig.case
def SIG_03_credential_in_query_only(t):
    stamp = stamp_of()
    for payload in (UNSIGNED_TRAILER, UNSIGNED, SIGNED_CHUNKS):
        target = f"/aaa/sig03?X-Amz-Credential={t.access_key}/{stamp[:8]}/us-east-1/s3/aws4_request"
        data = t.plain("PUT", target, [("x-amz-content-sha256", payload), ("x-amz-date", stamp),
                                       ("x-amz-decoded-content-length", "1")], b"1\r\nx\r\n0\r\n\r\n")
        t.refused(payload, data, "400 AuthorizationQueryParametersError / 403", "/aaa/sig03")


@sig.case
def SIG_04_snowball_forged(t):
    data = t.chunked("/aaa/sig04.tar", b"\0" * 10240, UNSIGNED_TRAILER, signature=FORGED,
                     trailers=[("x-amz-checksum-crc32", "AAAAAA==")],
                     headers=[("x-amz-meta-snowball-auto-extract", "true")])
    t.refused("forged signature", data, "403 SignatureDoesNotMatch", "/aaa/sig04.tar")


@sig.case
def SIG_05_every_mechanism_forged_on_every_write(t):
    upload, parts = t.multipart("/aaa/sig05up", [(1, b"part one")])
    source = [("x-amz-copy-source", "/bbb/keep")]
    writes = [("PUT", "/aaa/sig05", "", [], b"x"), ("PUT", "/aaa/sig05", "", source, b""),
              ("PUT", "/aaa/sig05up", f"partNumber=1&uploadId={upload}", [], b"evil"),
              ("PUT", "/aaa/sig05up", f"partNumber=1&uploadId={upload}", source, b""),
              ("POST", "/aaa/sig05", "uploads=", [], b""),
              ("POST", "/aaa/sig05up", f"uploadId={upload}", [], complete_xml(parts)),
              ("DELETE", "/aaa/sig05up", f"uploadId={upload}", [], b""),
              ("DELETE", "/bbb/keep", "", [], b""),
              ("POST", "/bbb", "delete=", [("Content-MD5", md5(delete_xml(["keep"])))], delete_xml(["keep"])),
              ("PUT", "/sig05-bucket", "", [], b""), ("DELETE", "/bbb", "", [], b"")]
    forged = {
        "signed hash": lambda m, p, q, h, b: t.signed(m, p, q, h, b, signature=FORGED),
        "unsigned": lambda m, p, q, h, b: t.signed(m, p, q, h, b, payload=UNSIGNED, signature=FORGED),
        "wrong secret": lambda m, p, q, h, b: t.signed(m, p, q, h, b, secret="another secret key"),
        "presigned": lambda m, p, q, h, b: t.plain(
            m, re.sub("Signature=.*", f"Signature={FORGED}", t.presigned(m, p, q, h)), h, b),
    }
    for mode in (SIGNED_CHUNKS, SIGNED_TRAILER, UNSIGNED_TRAILER):
        forged[mode] = lambda m, p, q, h, b, mode=mode: t.signed(
            m, p, q, [*h, ("x-amz-decoded-content-length", str(len(b)))], b, payload=mode, signature=FORGED)
    for name, make in forged.items():
        for method, path, query, headers, body in writes:
            t.expect(f"{name}, {method} {path}?{query[:10]}", t.ask(make(method, path, query, headers, body)),
                     "403 SignatureDoesNotMatch")
    t.absent("PutObject, CopyObject", "/aaa/sig05")
    t.expect("the upload is as it was", t.complete("/aaa/sig05up", upload, parts), "200")
    t.same("its part too", t.get("/aaa/sig05up").body, b"part one")
    t.expect("no bucket", t.ask(t.signed("HEAD", "/sig05-bucket")), "404")


@sig.case
def SIG_06_unsigned_amz_headers(t):
    for name, value in (("x-amz-acl", "public-read"), ("x-amz-tagging", "a=b"),
                        ("x-amz-object-lock-mode", "COMPLIANCE"),
                        ("x-amz-copy-source", "/bbb/keep"), ("x-amz-grant-read", "id=x"),
                        ("X-Amz-Storage-Class", "GLACIER"),
                        ("x-amz-website-redirect-location", "/evil"), ("x-amz-meta-evil", "1"),
                        ("x-amz-server-side-encryption", "AES256"),
                        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                        ("x-amz-checksum-crc32", "AAAAAA=="),
                        ("x-amz-security-token", "x")):
        data = t.signed("PUT", "/aaa/sig06", body=b"x", extra=[(name, value)])
        reply = t.expect(name, t.ask(data), "403 AccessDenied")
        t.same(f"{name}, HeadersNotSigned", reply.value("HeadersNotSigned"), name.lower())
    t.absent("none of them", "/aaa/sig06")


@sig.case
def SIG_07_host_not_signed_or_changed(t):
    t.refused("host not signed", t.signed("PUT", "/aaa/sig07", body=b"x", names="x-amz-content-sha256;x-amz-date"),
              "403 / " + MALFORMED, "/aaa/sig07")
    t.refused("another Host", t.signed("PUT", "/aaa/sig07", body=b"x", sent_host="evil.example:9000"),
              "403 SignatureDoesNotMatch", "/aaa/sig07")


@sig.case
def SIG_08_signed_headers_list(t):
    tail = "x-amz-content-sha256;x-amz-date"
    for names in (f"host;;{tail}", f";host;{tail}", f"host;{tail};", f"host;host;{tail}", f"Host;{tail}",
                  f"{tail};host",
                  f"host;x-absent;{tail}", f"host;x-amz-absent;{tail}", "", "host,x-amz-content-sha256,x-amz-date",
                  f"host;x\x01;{tail}", ";".join(["host"] + [f"h{i:04}" for i in range(500)]) + ";" + tail):
        t.refused(names[:40], t.signed("PUT", "/aaa/sig08", body=b"x", names=names),
                  f"{MALFORMED} / 403 / 431 / 400 BadRequest", "/aaa/sig08")


@sig.case
def SIG_10_white_space_in_values(t):
    for value, kept in (("  a  b  ", "a  b"), ("\ta\tb\t", "a\tb"), ("a   \t  b ", "a   \t  b"), (" \t ", "")):
        headers = [("x-amz-meta-w", value), ("Content-Type", f" text/plain;{value}")]
        t.expect(repr(value), t.put("/aaa/sig10", b"x", headers=headers), "200")
        t.same(f"{value!r} comes back trimmed", t.get("/aaa/sig10").headers.get("x-amz-meta-w", ""), kept)


@sig.case
def SIG_11_clock_skew(t):
    for offset in (-16 * 60, 16 * 60, -23 * 3600, 365 * 86400, -365 * 86400):
        reply = t.ask(t.signed("PUT", "/aaa/sig11", body=b"x", offset=offset))
        t.expect(f"{offset} s", reply, "403 RequestTimeTooSkewed")
        t.same(f"{offset} s, allowed", reply.value("MaxAllowedSkewMilliseconds"), "900000")
        t.true(f"{offset} s, times", reply.value("RequestTime") and reply.value("ServerTime"))
    t.absent("none of them", "/aaa/sig11")
    for offset in (-14 * 60, 14 * 60):
        t.expect(f"{offset} s", t.get("/bbb/keep", offset=offset), "200")
    for date in ("", "yesterday", "20260101", "20261301T000000Z", "2026-01-01T00:00:00Z", "9" * 200):
        data = re.sub(rb"x-amz-date: \w+", b"x-amz-date: " + date.encode(), t.signed("GET", "/bbb/keep"))
        t.expect(f"x-amz-date {date!r}", t.ask(data), f"403 / {MALFORMED}")
    t.expect("no date at all", t.get("/bbb/keep", drop=["x-amz-date"], names="host;x-amz-content-sha256"),
             "403 AccessDenied")


@sig.case
def SIG_12_scope(t):
    for what, options in (("date", {"scope_date": "20200101"}), ("no date", {"scope_date": ""}),
                          ("date word", {"scope_date": "yesterda"}), ("service sts", {"service": "sts"}),
                          ("service iam", {"service": "iam"}), ("terminator", {"terminator": "aws5_request"}),
                          ("no terminator", {"terminator": ""}), ("long region", {"region": "r" * 300}),
                          ("slash in region", {"region": "a/b"})):
        t.refused(what, t.signed("PUT", "/aaa/sig12", body=b"x", **options), f"{MALFORMED} / 403", "/aaa/sig12")
    for name in ("us-east-1", "eu-central-1", "moon-1", ""):
        t.expect(f"any region: {name!r}", t.get("/bbb/keep", region=name), "200")


@sig.case
def SIG_13_two_mechanisms(t):
    target = t.presigned("GET", "/bbb/keep")
    path, query = target.split("?")
    t.expect("header and query", t.get(path, query), "400 InvalidArgument")
    t.expect("header and a bare X-Amz-Signature", t.get("/bbb/keep", "X-Amz-Signature=" + FORGED),
             "400 InvalidArgument / 403")
    t.expect("good header, forged query", t.get("/bbb/keep", query[:-64] + FORGED), "400 InvalidArgument")
    good = t.signed("GET", "/bbb/keep")
    line = re.search(rb"Authorization: [^\r]+\r\n", good).group()
    for label, twice in (("twice the same", line + line),
                         ("good, forged", line + line[:-66] + FORGED.encode() + b"\r\n"),
                         ("forged, good", line[:-66] + FORGED.encode() + b"\r\n" + line)):
        t.expect(label, t.ask(good.replace(line, twice)), "400 InvalidArgument / 400 InvalidRequest / 400 BadRequest")


@sig.case
def SIG_14_other_mechanisms(t):
    for value in (f"AWS {t.access_key}:c2lnbmF0dXJl",
                  f"AWS4-ECDSA-P256-SHA256 Credential={t.access_key}/20260101/s3/aws4_request,"
                  " SignedHeaders=host, Signature=00", "Bearer abcdef", "Basic bWluaW9hZG1pbjptaW5pb2FkbWlu", "",
                  "AWS4-HMAC-SHA256",
                  "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA512 Credential=x", "aws4-hmac-sha256 Credential=x",
                  "Digest username=x"):
        t.refused(value[:24], t.signed("PUT", "/aaa/sig14", body=b"x", authorization=value),
                  f"400 InvalidRequest / 400 InvalidArgument / {MALFORMED} / 403", "/aaa/sig14")
    for query in (f"AWSAccessKeyId={t.access_key}&Expires=9999999999&Signature=c2ln", f"AWSAccessKeyId={t.access_key}",
                  "Signature=c2ln", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"):
        t.expect(query[:24], t.ask(t.plain("GET", f"/bbb/keep?{query}")), "400 / 403")


@sig.case
def SIG_15_wrong_payload_hash(t):
    t.put("/aaa/sig15", b"before")
    of_a = hashlib.sha256(b"a").hexdigest()
    for size in (1, 30_000, 2_000_000):
        reply = t.put("/aaa/sig15", b"b" * size, payload=of_a)
        t.expect(f"{size} bytes", reply, "400 XAmzContentSHA256Mismatch")
        t.same("the computed hash", reply.value("S3ComputedContentSHA256"), hashlib.sha256(b"b" * size).hexdigest())
        t.same("the client's hash", reply.value("ClientComputedContentSHA256"), of_a)
    t.expect("nothing where something was promised", t.put("/aaa/sig15", b"", payload=of_a),
             "400 XAmzContentSHA256Mismatch")
    t.expect("a document", t.post("/aaa", "delete=", delete_xml(["sig15"]), payload=of_a),
             "400 XAmzContentSHA256Mismatch")
    t.expect("a request without body", t.delete("/aaa/sig15", payload=of_a), "400 XAmzContentSHA256Mismatch")
    t.same("the object is as it was", t.get("/aaa/sig15").body, b"before")


@sig.case
def SIG_16_payload_hash_header(t):
    for value in (None, "xyz", "STREAMING-FOO", "", "0" * 63, "0" * 65, "g" * 64, EMPTY_SHA256.upper(),
                  "unsigned-payload",
                  "UNSIGNED-PAYLOAD,UNSIGNED-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"):
        t.refused(str(value), t.signed("PUT", "/aaa/sig16", payload=value),
                  "400 InvalidRequest / 400 InvalidArgument / 501 NotImplemented", "/aaa/sig16")


@sig.case
def SIG_18_no_timing_oracle(t):
    """The time until a refusal does not depend on how much of the signature is right."""
    good = t.signed("GET", "/bbb/keep")
    signature = re.search(rb"Signature=([0-9a-f]{64})", good).group(1)
    flip = {i: good.replace(signature,
                            signature[:i] + (b"0" if signature[i:i + 1] != b"0" else b"1") + signature[i + 1:])
            for i in (0, 63)}
    times = {0: [], 63: []}
    with t.open() as c:
        for _ in range(400):
            for i in random.sample((0, 63), 2):
                start = time.perf_counter()
                reply = c.send(flip[i]).reply()
                times[i].append(time.perf_counter() - start)
                if reply.status != 403:
                    return t.note(f"wrong digit {i}", f"{reply.status}")
    first, last = (statistics.median(times[i]) for i in (0, 63))
    t.true("medians agree", 0.8 < first / last < 1.25, f"{first * 1e6:.0f} and {last * 1e6:.0f} us")


@sig.case
def SIG_19_session_tokens(t):
    token = [("x-amz-security-token", "c29tZSBzZXNzaW9u")]
    t.refused("a token with the long-term key", t.signed("PUT", "/aaa/sig19", headers=token, body=b"x"),
              "403 / 400 InvalidToken", "/aaa/sig19")
    t.expect("the same, presigned", t.ask(t.plain("GET", t.presigned("GET", "/bbb/keep", token="c29tZSBzZXNzaW9u"))),
             "403 / 400 InvalidToken")
    t.expect("a temporary key without token", t.get("/bbb/keep", key="ASIAQQQQQQQQQQQQQQQQ"), "403 InvalidAccessKeyId")


@sig.case
def SIG_20_empty_identity(t):
    for secret in ("", "x"):
        t.refused("empty key", t.signed("PUT", "/aaa/sig20", body=b"x", key="", secret=secret), f"403 / {MALFORMED}",
                  "/aaa/sig20")
        t.expect("presigned", t.ask(t.plain("GET", t.presigned("GET", "/bbb/keep").replace(
            f"Credential={t.access_key}", "Credential="))), "403 / 400 AuthorizationQueryParametersError")
    t.expect("right key, no secret", t.get("/bbb/keep", secret=""), "403 SignatureDoesNotMatch")


@sig.case
def SIG_21_strange_access_keys(t):
    for key in ("*)(uid=*", "a" * 10240, "../../etc", "%s%n%n", t.access_key + " ", t.access_key.lower(), "a/b",
                "\x80\xff", "'--"):
        t.expect(repr(key[:20]), t.get("/bbb/keep", key=key), f"403 / {MALFORMED} / 431")
    for key in ("a\0b", "a\rb"):
        t.expect(repr(key), t.get("/bbb/keep", key=key), "400 / closed")
    for key in ("*)(uid=*", "a%00b", "a%0d%0aX:%20y", "a" * 5000):
        target = t.presigned("GET", "/bbb/keep").replace(f"Credential={t.access_key}", f"Credential={key}")
        t.expect(f"presigned {key[:20]!r}", t.ask(t.plain("GET", target)), "403 / 400")
    t.true("not logged raw", not re.search(r"[\x00-\x08\x0b-\x1f\x7f]|a{500}", t.log()))


@sig.case
def SIG_23_replay_is_idempotent(t):
    t.put("/aaa/sig23", b"x")
    request = t.signed("DELETE", "/aaa/sig23")
    for nth in ("first", "replayed"):
        t.expect(nth, t.ask(request), "204")


@sig.case
def SIG_24_path_signing(t):
    """However a client escapes its path, it verifies, and the key is the path decoded once."""
    for sent, key in (("a%20b%2Bc~%C3%A9%252F", b"a b+c~\xc3\xa9%2F"), ("a%20b+c~%c3%a9%252f", b"a b+c~\xc3\xa9%2f"),
                      ("%252e", b"%2e"), ("%2e%2e", b".."), ("a%2fb", b"a/b"), ("%61%62", b"ab"),
                      ("a/../b//c/", b"a/../b//c/"),
                      ("!'()*", b"!'()*"), ("a=b&c", b"a=b&c"), ("%7e~", b"~~")):
        body = sent.encode()
        t.expect(f"PUT {sent}", t.put(f"/aaa/sig24/{sent}", body), "200")
        canonical = urllib.parse.quote(key, safe="-_.~/")
        t.same(f"GET {sent} by its canonical form", t.get(f"/aaa/sig24/{canonical}").body, body)
        t.same(f"GET {sent} presigned", t.ask(t.plain("GET", t.presigned("GET", f"/aaa/sig24/{sent}"))).body, body)
    t.expect("signed as decoded twice", t.ask(t.signed("GET", "/aaa/sig24/%2e", target="/aaa/sig24/%252e")), "403")


@sig.case
def SIG_25_internal_headers(t):
    headers = [("x-pail-principal", "root"), ("x-minio-internal-a", "1"),
               ("x-minio-replication-mtime", "2001-01-01T00:00:00Z"),
               ("x-minio-source-etag", "0" * 32), ("x-seaweedfs-principal", "root"), ("x-rustfs-internal-b", "1"),
               ("x-amz-meta-x-internal-c", "mine")]
    t.expect("PUT", t.put("/aaa/sig25", b"x", headers=headers), "200")
    reply = t.get("/aaa/sig25")
    shown = [n for n, _ in reply.lines if n.lower().startswith(("x-pail", "x-minio", "x-seaweed", "x-rustfs"))]
    t.same("internal headers do not come back", shown, [])
    t.same("the ETag is the body's", reply.etag, "9dd4e461268c8034f5c8564e155c67a6")
    t.same("metadata of the user's is the user's", reply.headers.get("x-amz-meta-x-internal-c"), "mine")
    forged = [("x-pail-principal", "root"), ("x-minio-source-proxy-request", "true"), ("userid", "root")]
    t.expect("they authenticate nobody", t.ask(t.plain("GET", "/bbb/keep", forged)), "403 AccessDenied")


@sig.case
def malformed_authorization_headers(t):
    good = f"AWS4-HMAC-SHA256 Credential={t.access_key}/{stamp_of()[:8]}/us-east-1/s3/aws4_request"
    for value in (good, f"{good}, SignedHeaders=host", f"{good}, Signature={FORGED}",
                  f"{good} SignedHeaders=host Signature=00",
                  f"{good}, SignedHeaders=host;x-amz-date, Signature=",
                  f"{good}, SignedHeaders=host;x-amz-date, Signature=zz",
                  f"{good}, SignedHeaders=host;x-amz-date, Signature={FORGED}, Signature={FORGED}",
                  f"{good}, SignedHeaders=host;x-amz-date, Signature={FORGED.upper()}",
                  f"{good}, SignedHeaders=host;x-amz-date, Signature={FORGED}, X=y", f"{good}," * 100,
                  "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=", "AWS4-HMAC-SHA256 " + "," * 2000,
                  f"AWS4-HMAC-SHA256 Credential={t.access_key}, SignedHeaders=host, Signature={FORGED}"):
        t.expect(value[-50:], t.get("/bbb/keep", authorization=value),
                 f"{MALFORMED} / 403 SignatureDoesNotMatch / 403 AccessDenied")
    t.expect("nobody", t.ask(t.plain("GET", "/bbb/keep")), "403 AccessDenied")
    t.expect("unknown key", t.get("/bbb/keep", key="NOSUCHKEY"), "403 InvalidAccessKeyId")
    compact = lambda v: v.replace(", ", ",")  # noqa: E731
    t.expect("no spaces after the commas", t.get("/bbb/keep", edit=compact), "200")


# ---- PRE -------------------------------------------------------------------------------------------------------------

QUERY_ERROR = "400 AuthorizationQueryParametersError"


def presigned(t, method, path, query="", headers=(), body=b"", sent=(), **options):
    return t.ask(t.plain(method, t.presigned(method, path, query, headers, **options), [*headers, *sent], body))


@pre.case
def PRE_01_expired(t):
    reply = presigned(t, "GET", "/bbb/keep", expires=60, offset=-61)
    t.expect("by a second", reply, "403 AccessDenied")
    t.same("message", reply.message, "Request has expired")
    t.same("X-Amz-Expires", reply.value("X-Amz-Expires"), "60")
    t.true("times", reply.value("Expires") and reply.value("ServerTime"))
    t.expect("not yet", presigned(t, "GET", "/bbb/keep", expires=60, offset=-50), "200")
    t.expect("a week old", presigned(t, "GET", "/bbb/keep", expires=604800, offset=-604700), "200")
    t.expect("from the future", presigned(t, "GET", "/bbb/keep", offset=20 * 60),
             "403 AccessDenied / 403 RequestTimeTooSkewed")


@pre.case
def PRE_02_expires(t):
    for expires in ("0", "-1", "604801", "1000000000", "abc", "", "1e3", "+60", "60 ", "99999999999999999999"):
        t.expect(repr(expires), presigned(t, "GET", "/bbb/keep", expires=expires), QUERY_ERROR)
    t.expect("absent", presigned(t, "GET", "/bbb/keep", drop=["X-Amz-Expires"]), QUERY_ERROR)
    for expires in (60, 604800):
        t.expect(str(expires), presigned(t, "GET", "/bbb/keep", expires=expires), "200")


@pre.case
def PRE_04_repeated_parameters(t):
    t.put("/aaa/pre04", b"x")
    target = t.presigned("GET", "/bbb/keep")
    for more in ("&X-Amz-Signature=" + FORGED, "&X-Amz-Expires=604800", "&X-Amz-Credential=x",
                 "&X-Amz-Date=20200101T000000Z",
                 "&X-Amz-SignedHeaders=host"):
        t.expect(more[:20], t.ask(t.plain("GET", target + more)), "400 / 403")
    for query in ("X-Amz-Expires=60", "X-Amz-Signature=" + FORGED):
        t.expect(f"{query[:20]} signed twice", presigned(t, "GET", "/bbb/keep", query), "400 / 403")
    upload, _ = t.multipart("/aaa/pre04up")
    for method, path, query in (("GET", "/aaa/pre04", "versionId=null&versionId=x"),
                                ("PUT", "/aaa/pre04up", f"partNumber=1&uploadId={upload}&uploadId=x"),
                                ("PUT", "/aaa/pre04up", f"partNumber=1&partNumber=2&uploadId={upload}"),
                                ("DELETE", "/aaa/pre04up", f"uploadId={upload}&uploadId=x"),
                                ("PUT", "/aaa/pre04up", f"partNumber=1&uploadId={upload}&uploadId={upload}")):
        t.expect(f"presigned {query[:40]}", presigned(t, method, path, query), "400")
        t.expect(f"signed {query[:40]}", t.ask(t.signed(method, path, query)), "400")
    t.same("a repeated prefix: the first counts", t.get("/aaa", "list-type=2&prefix=x&prefix=pre04").value("KeyCount"),
           "0")


@pre.case
def PRE_06_other_method(t):
    target = t.presigned("GET", "/bbb/keep")
    for method, body in (("PUT", b"evil"), ("DELETE", b""), ("POST", b"x"), ("HEAD", b"")):
        t.expect(method, t.ask(t.plain(method, target, body=body)), "403 / 405 / 501")
    t.expect("POST of an upload", t.ask(t.plain("POST", target + "&uploads")), "403")


@pre.case
def PRE_06_version_2_urls(t):
    """What boto3 presigns unless told otherwise; it must not become another operation either."""
    def url(method, path, seconds=60, amz="", secret=None):
        expires = int(time.time()) + seconds
        text = f"{method}\n\n\n{expires}\n{amz}{path}"
        mac = hmac.new((secret or t.secret_key).encode(), text.encode(), "sha1").digest()
        return (f"{path}{'&' if '?' in path else '?'}AWSAccessKeyId={t.access_key}&Expires={expires}"
                f"&Signature={urllib.parse.quote(base64.b64encode(mac), safe='')}")

    def ask(method, target, headers=(), body=b""):
        return t.ask(t.plain(method, target, headers, body), method)
    good = url("GET", "/bbb/keep")
    t.expect("GET", ask("GET", good), "200")
    t.expect("as HEAD", ask("HEAD", good), "403")
    t.refused("as PUT", t.plain("PUT", good.replace("/bbb/keep", "/aaa/v2"), (), b"x"), "403 SignatureDoesNotMatch",
              "/aaa/v2")
    t.expect("wrong secret", ask("GET", url("GET", "/bbb/keep", secret="x" * 40)), "403 SignatureDoesNotMatch")
    reply = ask("GET", url("GET", "/bbb/keep", -2))
    t.expect("expired", reply, "403 AccessDenied")
    t.same("message", reply.message, "Request has expired")
    for name in ("AWSAccessKeyId", "Expires", "Signature"):
        part = next(p for p in good.split("?")[1].split("&") if p.startswith(name))
        t.expect(f"without {name}", ask("GET", good.replace(part, "a=b")), "403 AccessDenied")
        t.expect(f"{name} twice", ask("GET", f"{good}&{part}"), "400 InvalidArgument")
    t.expect("and a header", t.get("/bbb/keep", good.split("?")[1]), "400 InvalidArgument")
    target = url("PUT", "/aaa/v2")
    t.refused("a copy source", t.plain("PUT", target, [("x-amz-copy-source", "/bbb/keep")]),
              "403 SignatureDoesNotMatch", "/aaa/v2")
    t.refused("a copy source in the query", t.plain("PUT", target + "&x-amz-copy-source=%2Fbbb%2Fkeep"),
              "403 SignatureDoesNotMatch", "/aaa/v2")
    t.refused("signed chunks", t.plain("PUT", url("PUT", "/aaa/v2", amz=f"x-amz-content-sha256:{SIGNED_CHUNKS}\n"),
                                       [("x-amz-content-sha256", SIGNED_CHUNKS), ("x-amz-decoded-content-length", "1")],
                                       b"1\r\nx\r\n0\r\n\r\n"), "400 InvalidRequest", "/aaa/v2")
    t.expect("PUT", ask("PUT", url("PUT", "/aaa/v2", amz="x-amz-storage-class:STANDARD_IA\n")
                        + "&x-amz-storage-class=STANDARD_IA", body=b"x"), "200")
    reply = t.ask(t.signed("HEAD", "/aaa/v2"), "HEAD")
    t.same("the hoisted header counts", reply.headers.get("x-amz-storage-class"), "STANDARD_IA")


@pre.case
def PRE_07_unsigned_copy_source(t):
    target = t.presigned("PUT", "/aaa/up.bin")
    for name, value in (("x-amz-copy-source", "/bbb/keep"), ("x-amz-meta-a", "b"), ("x-amz-storage-class", "GLACIER")):
        t.refused(name, t.plain("PUT", target, [(name, value)], b""), "403 AccessDenied", "/aaa/up.bin")
    t.refused("in the query", t.plain("PUT", target + "&x-amz-copy-source=%2Fbbb%2Fkeep"), "403 SignatureDoesNotMatch",
              "/aaa/up.bin")


@pre.case
def PRE_08_parameter_and_header_differ(t):
    for name in ("x-amz-meta-a", "x-amz-storage-class", "x-amz-acl"):
        for signed_too in (True, False):
            data = t.plain("PUT",
                           t.presigned("PUT", "/aaa/pre08", f"{name}=STANDARD", [(name, "GLACIER")] * signed_too),
                           [(name, "GLACIER")], b"x")
            t.refused(f"{name}, header signed: {signed_too}", data, "403 / 400 InvalidRequest", "/aaa/pre08")
    t.expect("hoisted alone",
             presigned(t, "PUT", "/aaa/pre08", "x-amz-meta-a=1&x-amz-storage-class=GLACIER_IR", body=b"x"), "200")
    reply = t.get("/aaa/pre08")
    t.same("it counts", (reply.headers.get("x-amz-meta-a"), reply.headers.get("x-amz-storage-class")),
           ("1", "GLACIER_IR"))


@pre.case
def PRE_09_lower_case_or_missing(t):
    target = t.presigned("GET", "/bbb/keep")
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"):
        t.expect(f"lower-case {name}", t.ask(t.plain("GET", target.replace(f"X-Amz-{name}", f"x-amz-{name.lower()}"))),
                 "400 / 403")
        t.expect(f"no {name}",
                 t.ask(t.plain("GET", re.sub(rf"[?&]X-Amz-{name}=[^&]*", "?" if name == "Algorithm" else "", target)
                                             .replace("?&", "?"))), f"{QUERY_ERROR} / 403")
    t.expect("signature cut", t.ask(t.plain("GET", target[:-1])), "400 / 403")
    t.expect("other algorithm", t.ask(t.plain("GET", target.replace("SHA256&", "SHA512&", 1))), "400 / 403")


@pre.case
def PRE_10_signed_length_or_digest(t):
    path = "/aaa/pre10"
    for name, value in (("Content-Length", "5"), ("Content-MD5", md5(b"12345")), ("Content-Type", "text/plain")):
        target = t.presigned("PUT", path, headers=[(name, value)])
        other = {"Content-Length": "9", "Content-MD5": md5(b"123456789"), "Content-Type": "text/html"}[name]
        sent = [] if name == "Content-Length" else [(name, other)]
        t.refused(f"another {name}", t.plain("PUT", target, sent, b"123456789"), "403 SignatureDoesNotMatch", path)
    target = t.presigned("PUT", path, headers=[("Content-MD5", md5(b"12345"))])
    t.refused("signed MD5, other body", t.plain("PUT", target, [("Content-MD5", md5(b"12345"))], b"54321"),
              "400 BadDigest", path)
    t.refused("signed MD5 left out", t.plain("PUT", target, [], b"54321"), "403 / 400", path)
    t.expect("as signed", t.ask(t.plain("PUT", target, [("Content-MD5", md5(b"12345"))], b"12345")), "200")


@pre.case
def PRE_12_nothing_secret_in_log_or_error(t):
    target = t.presigned("GET", "/bbb/keep", expires=60, offset=-100)
    reply = t.ask(t.plain("GET", target))
    t.expect("expired", reply, "403 AccessDenied")
    t.true("no signature in the error page", target[-64:].encode() not in reply.body)
    line = t.access_line(reply.request_id)
    t.true("an access line", "/bbb/keep" in line, line)
    t.true("without the query", "?" not in line and "X-Amz" not in line, line)
    reply = presigned(t, "GET", "/bbb/keep", "response-content-type=text%2Fsecret", token="SESSIONTOKEN123")
    t.true("no token in the log", t.access_line(reply.request_id) and "SESSIONTOKEN123" not in t.log())


@pre.case
def presigned_requests_work(t):
    t.expect("PUT", presigned(t, "PUT", "/aaa/presigned", body=b"hello"), "200")
    t.same("GET", presigned(t, "GET", "/aaa/presigned").body, b"hello")
    reply = presigned(t, "GET", "/aaa/presigned", "response-content-type=text%2Fcss&x-id=GetObject")
    t.same("overrides", reply.headers.get("content-type"), "text/css")
    t.expect("with a payload hash", presigned(t, "PUT", "/aaa/presigned", headers=[
        ("x-amz-content-sha256", hashlib.sha256(b"x").hexdigest())], payload=hashlib.sha256(b"x").hexdigest(),
                                              body=b"x"), "200")
    t.expect("that is wrong", presigned(t, "PUT", "/aaa/presigned", headers=[
        ("x-amz-content-sha256", hashlib.sha256(b"x").hexdigest())], payload=hashlib.sha256(b"x").hexdigest(),
                                        body=b"y"),
        "400 XAmzContentSHA256Mismatch")
    t.expect("DELETE", presigned(t, "DELETE", "/aaa/presigned"), "204")
    t.expect("unknown key", presigned(t, "GET", "/bbb/keep", key="NOSUCHKEY"), "403 InvalidAccessKeyId")


# ---- regions and the default credentials -----------------------------------------------------------------------------


@region.case
def wrong_region_is_named(t):
    for name in ("us-east-1", "", "eu-west-2", "EU-WEST-1"):
        reply = t.get("/bbb/keep", region=name)
        t.expect(f"signed for {name!r}", reply, MALFORMED)
        t.same("the right one", reply.value("Region"), "eu-west-1")
        t.true("in words", "eu-west-1" in reply.message, reply.message)
        t.expect(f"presigned for {name!r}", presigned(t, "GET", "/bbb/keep", region=name), QUERY_ERROR)
    t.expect("right", t.get("/bbb/keep"), "200")
    t.expect("right, presigned", presigned(t, "GET", "/bbb/keep"), "200")


@region.case
def bucket_locations(t):
    create = "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
    t.expect("its own", t.put("/region-own", create.format("eu-west-1").encode()), "200")
    t.same("GetBucketLocation", re.findall(rb">([^<]*)</LocationConstraint>", t.get("/region-own", "location=").body),
           [b"eu-west-1"])
    t.same("HeadBucket", t.ask(t.signed("HEAD", "/region-own")).headers.get("x-amz-bucket-region"), "eu-west-1")
    refused = (("anonymous", t.plain("HEAD", "/region-own"), 403),
               ("a wrong secret", t.signed("HEAD", "/region-own", secret="wrong"), 403),
               ("an unknown key", t.signed("HEAD", "/region-own", key="somebody"), 403),
               ("somebody else's", t.signed("HEAD", "/region-own",
                                            headers=[("x-amz-expected-bucket-owner", "999999999999")]), 403),
               ("another region", t.signed("HEAD", "/region-own", region="us-east-1"), 400))
    for label, data, status in refused:
        reply = t.ask(data)
        t.same(f"HeadBucket, {label}", (reply.status, reply.all("x-amz-bucket-region")), (status, ["eu-west-1"]))
        t.same(f"GET, {label}", t.ask(data.replace(b"HEAD", b"GET", 1)).all("x-amz-bucket-region"), [])
    for label, data in (("no such bucket", t.signed("HEAD", "/region-none")),
                        ("nor for strangers", t.signed("HEAD", "/region-none", secret="wrong"))):
        t.same(label, t.ask(data).all("x-amz-bucket-region"), [])
    for other in ("us-west-2", "us-east-1", "EU"):
        t.expect(other, t.put("/region-other", create.format(other).encode()), "400 IllegalLocationConstraintException")
    t.expect("none", t.put("/region-other"), "400 IllegalLocationConstraintException")


def _own_address():
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("198.51.100.1", 9))
            return s.getsockname()[0]
        except OSError:
            return "127.0.0.1"


@credentials.case
def IAM_12_default_credentials_from_this_machine_alone(t):
    address = _own_address()
    if address.startswith("127."):
        t.skip("this machine has no address but loopback")
    names = {"PAIL_ROOT_USER": None, "PAIL_ROOT_PASSWORD": None}
    with t.server("--address", f"{address}:0", access_key="minioadmin", secret_key="minioadmin", env=names) as pail:
        b = t.of(pail)
        t.true("start-up says so", t.wait(lambda: "PAIL_ROOT_USER" in b.log()))
        for label, reply in (("list", b.get("/")), ("create", b.put("/iam12")), ("no object", b.get("/iam12/x"))):
            t.expect(f"{label} from {address}", reply, "403 AccessDenied / 404 NoSuchBucket")
        t.true("the message names the setting", "PAIL_ROOT_USER" in b.put("/iam12").message)
        t.expect("presigned", presigned(b, "PUT", "/iam12"), "403 AccessDenied")
        t.expect("health of the refusal: unknown keys still are", b.get("/", key="somebody"), "403 InvalidAccessKeyId")


@credentials.case
def IAM_12_default_credentials_through_a_proxy(t):
    with t.server(access_key="minioadmin", secret_key="minioadmin",
                  env={"PAIL_ROOT_USER": None, "PAIL_ROOT_PASSWORD": None}) as pail:
        b = t.of(pail)
        t.expect("from loopback", b.put("/iam12"), "200")
        for name, value in (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "127.0.0.1"),
                            ("Forwarded", "for=127.0.0.1"),
                            ("X-Forwarded-Host", "example.org"), ("X-Forwarded-Proto", "https"),
                            ("X-Real-IP", "127.0.0.1"),
                            ("Via", "1.1 proxy"), ("x-forwarded-FOR", "")):
            reply = b.get("/iam12", "list-type=2", extra=[(name, value)])
            t.expect(f"{name}: {value}", reply, "403 AccessDenied")
            t.true(f"{name}: the message names the setting", "PAIL_ROOT_USER" in reply.message, reply.message)
        t.expect("from loopback still", b.get("/iam12", "list-type=2"), "200")


@credentials.case
def IAM_12_own_credentials_from_anywhere(t):
    address = _own_address()
    with t.server("--address", f"{address}:0") as pail:
        b = t.of(pail)
        t.expect("set credentials", b.put("/iam12", extra=[("X-Forwarded-For", "203.0.113.9")]), "200")
        t.expect("the default ones", b.get("/", key="minioadmin", secret="minioadmin"), "403 InvalidAccessKeyId")


@credentials.case
def credentials_come_in_pairs(t):
    for env in ({"PAIL_ROOT_PASSWORD": None}, {"PAIL_ROOT_USER": None}):
        reason = _refusal(t, env=env)
        t.true(f"{env}: one clear line", "PAIL_ROOT_USER and PAIL_ROOT_PASSWORD" in reason, reason)
    with t.server(env={"PAIL_ROOT_USER": None, "PAIL_ROOT_PASSWORD": None, "MINIO_ROOT_USER": "miniouser",
                       "MINIO_ROOT_PASSWORD": "miniopassword"}, access_key="miniouser",
                  secret_key="miniopassword") as pail:
        t.expect("MinIO's names", t.of(pail).get("/"), "200")


def _refusal(t, **options):
    try:
        with t.server(**options):
            return "it started"
    except ServerError as error:
        return str(error)
