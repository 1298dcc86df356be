# SPDX-License-Identifier: Apache-2.0
"""A small S3 client on the standard library: SigV4 and one method an operation.

It hides nothing, which is what crash tests and measurements need: no retries, no
redirects, one request a call, and an exception of the socket's own when the reply did
not arrive whole. One Client belongs to one thread; it keeps its connection alive.

    client = Client("127.0.0.1", 9000, access_key, secret_key)
    reply = client.put("bucket", "key", b"bytes")       # Reply: status, headers, body
"""
import datetime
import hashlib
import hmac
import http.client
import re
import time
import urllib.parse
from xml.sax.saxutils import escape, unescape

UNSIGNED = "UNSIGNED-PAYLOAD"
SAFE = "-_.~"
IDLE_SECONDS = 15  # a connection that rested for longer is not used again
clock_shift = 0  # seconds: set by tests whose server runs under another time


def quote(text, safe=SAFE):
    return urllib.parse.quote(text, safe=safe)


def stamp_now():
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=clock_shift)
    return now.strftime("%Y%m%dT%H%M%SZ")


class Signer:
    """AWS Signature Version 4 for one principal in one region."""

    def __init__(self, access_key, secret_key, region="us-east-1", service="s3"):
        self.access_key, self.secret_key, self.region, self.service = access_key, secret_key, region, service
        self._day, self._day_key = None, None

    def signing_key(self, day):
        if day != self._day:
            key = ("AWS4" + self.secret_key).encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._day, self._day_key = day, key
        return self._day_key

    def _signature(self, stamp, scope, canonical):
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        return hmac.new(self.signing_key(stamp[:8]), text.encode(), hashlib.sha256).hexdigest()

    def headers(self, method, path, query, headers, payload_hash):
        """`headers` (lower-case names, host among them) with those that SigV4 adds."""
        stamp = stamp_now()
        signed = dict(headers, **{"x-amz-date": stamp, "x-amz-content-sha256": payload_hash})
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        signature = self._signature(stamp, scope, "\n".join((method, path, query, lines, names, payload_hash)))
        signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                   f"SignedHeaders={names}, Signature={signature}")
        return signed

    def presign(self, method, host, path, query=(), expires=86400, stamp=None, headers=None):
        """Path and query of a presigned URL; `path` is encoded already, `query` is pairs of text.

        `headers` (lower-case names) must then be sent with the request, as they are signed too.
        """
        signed = dict(headers or {}, host=host)
        names = ";".join(sorted(signed))
        stamp = stamp or stamp_now()
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        pairs = list(query) + [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                               ("X-Amz-Credential", f"{self.access_key}/{scope}"), ("X-Amz-Date", stamp),
                               ("X-Amz-Expires", str(expires)), ("X-Amz-SignedHeaders", names)]
        text = encode_query(pairs)
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join((method, path, text, lines, names, UNSIGNED))
        return f"{path}?{text}&X-Amz-Signature={self._signature(stamp, scope, canonical)}"


def encode_query(pairs):
    return "&".join(f"{k}={v}" for k, v in sorted((quote(k), quote(v)) for k, v in pairs))


class Reply:
    """What the server answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def code(self):
        """The Code of an error document, or an empty text."""
        found = re.search(rb"<Error>.*?<Code>([^<]*)</Code>", self.body, re.S) if self.body[:1] == b"<" else None
        found = found or (re.search(rb"<Code>([^<]*)</Code>", self.body) if self.status >= 300 else None)
        return found.group(1).decode() if found else ""

    @property
    def request_id(self):
        return self.headers.get("x-amz-request-id", "")

    @property
    def etag(self):
        return self.headers.get("etag", "").strip('"')

    def values(self, tag):
        """The texts of all elements of that name."""
        found = re.findall(rf"<{tag}>([^<]*)</{tag}>".encode(), self.body)
        return [unescape(v.decode(), {"&quot;": '"', "&apos;": "'", "&#34;": '"', "&#39;": "'"}) for v in found]

    def value(self, tag):
        return (self.values(tag) or [""])[0]

    def __repr__(self):
        return f"<{self.status} {self.code or self.body[:80]!r}>"


class Client:
    """One connection. Every method sends one request and returns its Reply, or raises what the socket raised."""

    def __init__(self, host, port, access_key, secret_key, region="us-east-1", timeout=60):
        self.host, self.port, self.timeout = host, port, timeout
        self.authority = f"{host}:{port}"
        self.signer = Signer(access_key, secret_key, region)
        self._connection, self._used = None, 0.0

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def request(self, method, bucket="", key=None, query=(), body=b"", headers=None):
        path = "/" + quote(bucket) if bucket else "/"
        if key is not None:
            path += "/" + quote(key, SAFE + "/")
        query = encode_query([q if isinstance(q, tuple) else (q, "") for q in query])
        wanted = {name.lower(): value for name, value in (headers or {}).items()}
        wanted["host"] = self.authority
        signed = self.signer.headers(method, path, query, wanted, hashlib.sha256(body).hexdigest())
        return self.send(method, path + ("?" + query if query else ""), body, signed)

    def send(self, method, target, body=b"", headers=None):
        """A request whose target is complete, a presigned one for example."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()  # the server may have closed it by now
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            self._connection.request(method, target, body or None, headers or {})
            answer = self._connection.getresponse()
            reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
            self._used = time.monotonic()
            if answer.will_close:
                self.close()
            return reply
        except BaseException:
            self.close()
            raise

    # --- buckets
    def create_bucket(self, bucket):
        return self.request("PUT", bucket)

    def delete_bucket(self, bucket):
        return self.request("DELETE", bucket)

    def list_buckets(self):
        return self.request("GET")

    # --- objects
    def put(self, bucket, key, body, headers=None):
        return self.request("PUT", bucket, key, body=body, headers=headers)

    def get(self, bucket, key, headers=None):
        return self.request("GET", bucket, key, headers=headers)

    def head(self, bucket, key):
        return self.request("HEAD", bucket, key)

    def delete(self, bucket, key):
        return self.request("DELETE", bucket, key)

    def delete_many(self, bucket, keys):
        body = ("<Delete>" + "".join(f"<Object><Key>{escape(k)}</Key></Object>" for k in keys) + "</Delete>").encode()
        return self.request("POST", bucket, query=["delete"], body=body, headers={"content-md5": content_md5(body)})

    def copy(self, bucket, key, from_bucket, from_key):
        source = {"x-amz-copy-source": quote(f"/{from_bucket}/{from_key}", SAFE + "/")}
        return self.request("PUT", bucket, key, headers=source)

    def list_page(self, bucket, prefix="", after="", delimiter="", max_keys=1000):
        query = [("list-type", "2"), ("max-keys", str(max_keys)), ("prefix", prefix)]
        query += [("start-after", after)] if after else []
        query += [("delimiter", delimiter)] if delimiter else []
        return self.request("GET", bucket, query=query)

    def list_all(self, bucket, prefix=""):
        """Key to ETag of everything, by pages."""
        found, after = {}, ""
        while True:
            page = self.list_page(bucket, prefix, after)
            if page.status != 200:
                raise AssertionError(f"ListObjectsV2: {page!r}")
            keys = page.values("Key")
            found.update(zip(keys, (e.strip('"') for e in page.values("ETag"))))
            if page.value("IsTruncated") != "true":
                return found
            after = keys[-1]

    # --- multipart uploads
    def create_upload(self, bucket, key):
        return self.request("POST", bucket, key, query=["uploads"])

    def upload_part(self, bucket, key, upload, number, body):
        return self.request("PUT", bucket, key, query=[("partNumber", str(number)), ("uploadId", upload)], body=body)

    def copy_part(self, bucket, key, upload, number, from_bucket, from_key):
        source = {"x-amz-copy-source": quote(f"/{from_bucket}/{from_key}", SAFE + "/")}
        return self.request("PUT", bucket, key, query=[("partNumber", str(number)), ("uploadId", upload)],
                            headers=source)

    def complete_upload(self, bucket, key, upload, parts):
        """`parts`: number and ETag of each. A 200 may still carry an error: see completed()."""
        body = "<CompleteMultipartUpload>" + "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{e}&quot;</ETag></Part>" for n, e in parts)
        return self.request("POST", bucket, key, query=[("uploadId", upload)],
                            body=(body + "</CompleteMultipartUpload>").encode())

    def abort_upload(self, bucket, key, upload):
        return self.request("DELETE", bucket, key, query=[("uploadId", upload)])

    def list_uploads(self, bucket):
        """(key, upload id) of all that are open."""
        found, query = [], ["uploads"]
        while True:
            page = self.request("GET", bucket, query=query)
            if page.status != 200:
                raise AssertionError(f"ListMultipartUploads: {page!r}")
            uploads = re.findall(rb"<Upload>.*?</Upload>", page.body, re.S)
            for upload in (Reply(200, {}, u) for u in uploads):
                found.append((upload.value("Key"), upload.value("UploadId")))
            if page.value("IsTruncated") != "true":
                return found
            query = ["uploads", ("key-marker", page.value("NextKeyMarker")),
                     ("upload-id-marker", page.value("NextUploadIdMarker"))]

    def list_parts(self, bucket, key, upload):
        """Part number to (ETag, size); None when there is no such upload."""
        found, marker = {}, "0"
        while True:
            page = self.request("GET", bucket, key, query=[("uploadId", upload), ("part-number-marker", marker)])
            if page.status == 404:
                return None
            if page.status != 200:
                raise AssertionError(f"ListParts: {page!r}")
            for part in (Reply(200, {}, p) for p in re.findall(rb"<Part>.*?</Part>", page.body, re.S)):
                found[int(part.value("PartNumber"))] = (part.value("ETag").strip('"'), int(part.value("Size")))
            if page.value("IsTruncated") != "true":
                return found
            marker = page.value("NextPartNumberMarker")


def completed(reply):
    """True when a CompleteMultipartUpload or CopyObject succeeded: 200 and no error in the document."""
    return reply.status == 200 and b"<Error>" not in reply.body and b"<ETag>" in reply.body


def content_md5(body):
    import base64
    return base64.b64encode(hashlib.md5(body).digest()).decode()
