# SPDX-License-Identifier: Apache-2.0
"""Sends the model's operations to a server, one request each, and brings its answers into the model's form."""
import calendar
import re
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from email.utils import parsedate

import s3client
from s3_model import content, md5

PAGES_MAX = 3000
LIST_SAFE = "-_.*/"


class BrokenReply(AssertionError):
    """Not what any S3 would send: no XML, a page chain without an end."""


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def from_iso(text):
    if text is None:
        return None
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", text)
    if not found:
        raise BrokenReply(f"{text!r} is no time")
    return calendar.timegm(time.strptime(found.group(1), "%Y-%m-%dT%H:%M:%S"))


def from_http_date(text):
    return calendar.timegm(parsedate(text)) if text else None


def tag_query(tags):
    return urllib.parse.urlencode([tuple(t) for t in tags], quote_via=urllib.parse.quote)


def tag_document(tags):
    rows = "".join(f"<Tag><Key>{text(k)}</Key><Value>{text(v)}</Value></Tag>" for k, v in tags)
    return f"<Tagging><TagSet>{rows}</TagSet></Tagging>".encode()


def text(value):
    """Text for XML; a carriage return would not survive a parser as itself."""
    return s3client.escape(value, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


class Node:
    """An element, without its namespace."""

    def __init__(self, element):
        self.element = element
        self.name = element.tag.rsplit("}", 1)[-1]

    def all(self, name=None):
        nodes = [Node(e) for e in self.element]
        return [n for n in nodes if n.name == name] if name else nodes

    def text(self, name):
        """Of the first child so called; None when there is none."""
        for node in self.all(name):
            return node.element.text or ""
        return None


def parse(reply):
    try:
        return Node(ElementTree.fromstring(reply.body))
    except ElementTree.ParseError as error:
        raise BrokenReply(f"{error}: {reply.body[:2000]!r}") from None


class Player:
    """`names`: what the buckets of the operations are called on the server."""

    def __init__(self, pail, names):
        self.pail, self.names = pail, names
        self.connect()

    def connect(self):
        p = self.pail
        self.client = s3client.Client(p.host, p.port, p.access_key, p.secret_key, timeout=60)

    def send(self, op, model, etag):
        """The answer to one operation; `etag`: of the current object before it."""
        self.model, self.etag = model, etag
        return getattr(self, "do_" + op["op"])(op)

    # --- parts of requests and replies
    def request(self, method, op, query=(), body=b"", headers=None, digest=False):
        headers = dict(headers or {})
        if digest:
            headers["content-md5"] = s3client.content_md5(body)
        query = list(query)
        if op.get("v") is not None:
            query.append(("versionId", self.model.text(op["v"])))
        return self.client.request(method, self.names(op["b"]), op.get("k"), query, body, headers)

    @staticmethod
    def plain(reply):
        """What every answer has."""
        h = reply.headers
        return dict(status=reply.status, code=reply.code or None, version=h.get("x-amz-version-id"),
                    marker=h.get("x-amz-delete-marker"), etag=reply.etag or None,
                    source_version=h.get("x-amz-copy-source-version-id"))

    def of_write(self, op, tags=True):
        """Headers that describe a new object."""
        h = {f"x-amz-meta-{k}": v for k, v in (op.get("meta") or {}).items()}
        if op.get("type"):
            h["content-type"] = op["type"]
        if op.get("storage"):
            h["x-amz-storage-class"] = op["storage"]
        if tags and op.get("tags"):
            h["x-amz-tagging"] = tag_query(op["tags"])
        if op.get("mode"):
            h.update({"x-amz-object-lock-mode": op["mode"], "x-amz-object-lock-retain-until-date": iso(op["until"])})
        if op.get("hold"):
            h["x-amz-object-lock-legal-hold"] = op["hold"]
        return h

    def condition(self, op):
        wanted = op.get("if")
        if wanted == "none":
            return {"if-none-match": "*"}
        if wanted == "match":
            return {"if-match": f'"{self.etag or "0" * 32}"'}
        return {"if-match": f'"{"f" * 32}"'} if wanted else {}

    @staticmethod
    def bypass(op):
        return {"x-amz-bypass-governance-retention": "true"} if op.get("bypass") else {}

    # --- buckets
    def do_create_bucket(self, op):
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if op.get("lock") else {}
        return self.plain(self.request("PUT", op, headers=headers))

    def do_delete_bucket(self, op):
        return self.plain(self.request("DELETE", op))

    def do_set_versioning(self, op):
        status = f"<Status>{op['status']}</Status>" if op["status"] is not None else ""
        body = f"<VersioningConfiguration>{status}</VersioningConfiguration>".encode()
        return self.plain(self.request("PUT", op, ["versioning"], body, digest=True))

    def do_get_versioning(self, op):
        reply = self.request("GET", op, ["versioning"])
        return dict(self.plain(reply), state=(parse(reply).text("Status") or "") if reply.ok else None)

    def do_set_lock(self, op):
        rule = ""
        if op["default"]:
            mode, days = op["default"]
            rule = f"<Rule><DefaultRetention><Mode>{mode}</Mode><Days>{days}</Days></DefaultRetention></Rule>"
        body = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        return self.plain(self.request("PUT", op, ["object-lock"], body.encode(), digest=True))

    def do_get_lock(self, op):
        reply = self.request("GET", op, ["object-lock"])
        answer = self.plain(reply)
        if reply.ok:
            answer.update(lock=reply.value("ObjectLockEnabled"), mode=reply.value("Mode") or None,
                          days=int(reply.value("Days") or 0) or None)
        return answer

    def do_restart(self, op):
        self.client.close()
        self.pail.kill() if op["kill"] else self.pail.stop()
        self.pail.start()
        self.connect()
        return dict(status=200)

    # --- objects
    def do_put(self, op):
        headers = dict(self.of_write(op), **self.condition(op))
        return self.plain(self.request("PUT", op, body=content(op["seed"], op["size"]), headers=headers, digest=True))

    def read(self, method, op):
        reply = self.request(method, op)
        answer = self.plain(reply)
        if reply.ok:
            h = reply.headers
            answer.update(size=h.get("content-length"), type=h.get("content-type"), body=reply.body,
                          storage=h.get("x-amz-storage-class"), tag_count=h.get("x-amz-tagging-count"),
                          mode=h.get("x-amz-object-lock-mode"), hold=h.get("x-amz-object-lock-legal-hold"),
                          until=from_iso(h.get("x-amz-object-lock-retain-until-date")),
                          meta={k[11:]: v for k, v in h.items() if k.startswith("x-amz-meta-")},
                          modified=from_http_date(h.get("last-modified")))
        return answer

    def do_get(self, op):
        return self.read("GET", op)

    def do_head(self, op):
        return self.read("HEAD", op)

    def do_attributes(self, op):
        reply = self.request("GET", op, ["attributes"],
                             headers={"x-amz-object-attributes": "ETag,ObjectSize,StorageClass"})
        answer = self.plain(reply)
        if reply.ok:
            answer.update(etag=reply.value("ETag"), size=reply.value("ObjectSize"),
                          storage=reply.value("StorageClass"),
                          modified=from_http_date(reply.headers.get("last-modified")))
        return answer

    def do_delete(self, op):
        return self.plain(self.request("DELETE", op, headers=dict(self.bypass(op), **self.condition(op))))

    def do_delete_many(self, op):
        items = []
        for key, ref in op["items"]:
            version = f"<VersionId>{text(self.model.text(ref))}</VersionId>" if ref is not None else ""
            items.append(f"<Object><Key>{text(key)}</Key>{version}</Object>")
        quiet = "<Quiet>true</Quiet>" if op.get("quiet") else ""
        reply = self.request("POST", op, ["delete"], f"<Delete>{quiet}{''.join(items)}</Delete>".encode(),
                             self.bypass(op), digest=True)
        answer = self.plain(reply)
        if reply.ok:
            root = parse(reply)
            answer["deleted"] = [dict(key=n.text("Key"), version=n.text("VersionId"), marker=n.text("DeleteMarker"),
                                      made=n.text("DeleteMarkerVersionId")) for n in root.all("Deleted")]
            answer["errors"] = [dict(key=n.text("Key"), version=n.text("VersionId"), code=n.text("Code"))
                                for n in root.all("Error")]
        return answer

    # --- what hangs on a version
    def do_get_tags(self, op):
        reply = self.request("GET", op, ["tagging"])
        answer = self.plain(reply)
        if reply.ok:
            answer["tags"] = [(n.text("Key"), n.text("Value")) for s in parse(reply).all("TagSet") for n in s.all("Tag")]
        return answer

    def do_set_tags(self, op):
        return self.plain(self.request("PUT", op, ["tagging"], tag_document(op["tags"]), digest=True))

    def do_delete_tags(self, op):
        return self.plain(self.request("DELETE", op, ["tagging"]))

    def do_get_retention(self, op):
        reply = self.request("GET", op, ["retention"])
        answer = self.plain(reply)
        if reply.ok:
            answer.update(mode=reply.value("Mode"), until=from_iso(reply.value("RetainUntilDate")))
        return answer

    def do_set_retention(self, op):
        body = "<Retention/>"
        if op["mode"]:
            body = (f"<Retention><Mode>{op['mode']}</Mode><RetainUntilDate>{iso(op['until'])}</RetainUntilDate>"
                    "</Retention>")
        return self.plain(self.request("PUT", op, ["retention"], body.encode(), self.bypass(op), digest=True))

    def do_get_hold(self, op):
        reply = self.request("GET", op, ["legal-hold"])
        return dict(self.plain(reply), hold=reply.value("Status") if reply.ok else None)

    def do_set_hold(self, op):
        body = f"<LegalHold><Status>{op['hold']}</Status></LegalHold>".encode()
        return self.plain(self.request("PUT", op, ["legal-hold"], body, digest=True))

    # --- copies
    def source(self, op):
        path = s3client.quote(f"{self.names(op['sb'])}/{op['sk']}", s3client.SAFE + "/")
        version = f"?versionId={self.model.text(op['sv'])}" if op["sv"] is not None else ""
        return {"x-amz-copy-source": path + version}

    def do_copy(self, op):
        headers = dict(self.source(op), **self.of_write(op, op.get("replace_tags")))
        if op.get("replace"):
            headers["x-amz-metadata-directive"] = "REPLACE"
        if op.get("replace_tags"):
            headers["x-amz-tagging-directive"] = "REPLACE"
        reply = self.request("PUT", op, headers=headers)
        return dict(self.plain(reply), etag=reply.value("ETag").strip('"') or None)

    # --- multipart uploads
    def do_create_upload(self, op):
        reply = self.request("POST", op, ["uploads"], headers=self.of_write(op))
        return dict(self.plain(reply), upload=reply.value("UploadId") or None)

    def part_query(self, op):
        return [("partNumber", str(op["n"])), ("uploadId", self.model.upload_text(op["u"]))]

    def do_part(self, op):
        return self.plain(self.request("PUT", op, self.part_query(op), content(op["seed"], op["size"]), digest=True))

    def do_copy_part(self, op):
        headers = self.source(op)
        if op.get("range"):
            headers["x-amz-copy-source-range"] = "bytes={}-{}".format(*op["range"])
        reply = self.request("PUT", op, self.part_query(op), headers=headers)
        return dict(self.plain(reply), etag=reply.value("ETag").strip('"') or None)

    def do_list_parts(self, op):
        reply = self.request("GET", op, [("uploadId", self.model.upload_text(op["u"])), ("max-parts", str(op["max"])),
                                         ("part-number-marker", str(op["after"]))])
        answer = self.plain(reply)
        if reply.ok:
            root = parse(reply)
            answer.update(parts=[(int(n.text("PartNumber")), n.text("ETag").strip('"'), int(n.text("Size")))
                                 for n in root.all("Part")],
                          truncated=root.text("IsTruncated") == "true",
                          next=int(root.text("NextPartNumberMarker") or 0))
        return answer

    def do_complete(self, op):
        upload = self.model.uploads.get(op["u"])
        known = upload.parts if upload else {}
        parts = [(n, md5(known[n]).hexdigest() if right and n in known else "e" * 32) for n, right in op["parts"]]
        reply = self.client.complete_upload(self.names(op["b"]), op["k"], self.model.upload_text(op["u"]), parts)
        return dict(self.plain(reply), etag=reply.value("ETag").strip('"') or None)

    def do_abort(self, op):
        return self.plain(self.request("DELETE", op, [("uploadId", self.model.upload_text(op["u"]))]))

    # --- lists
    def pages(self, op, query, show, follow):
        query = dict(query, prefix=op["prefix"])
        if op["delimiter"]:
            query["delimiter"] = op["delimiter"]
        if op["url"]:
            query["encoding-type"] = "url"
        pages = []
        while True:
            reply = self.request("GET", op, list(query.items()))
            if not reply.ok:
                return dict(self.plain(reply), pages=pages)
            root = parse(reply)
            page = self.page(op, root, show)
            pages.append(page)
            if not page["truncated"] or not op["chain"]:
                return dict(status=200, pages=pages)
            if len(pages) > PAGES_MAX:
                raise BrokenReply(f"more than {PAGES_MAX} pages")
            query.update(follow(page, root))
            query = {name: value for name, value in query.items() if value is not None}

    def page(self, op, root, show):
        decoded = self.decoder(op["url"])
        rows = [(n, show(n, decoded)) for n in root.all()]
        owners = [n.all("Owner") != [] for n, row in rows if row]
        delimiter, marker = root.text("Delimiter"), root.text("Marker")
        return dict(status=200, rows=[row for _, row in rows if row],
                    prefixes=[decoded(n.text("Prefix")) for n in root.all("CommonPrefixes")],
                    truncated=root.text("IsTruncated") == "true", prefix=decoded(root.text("Prefix")),
                    delimiter=decoded(delimiter) if delimiter else None, max=root.text("MaxKeys") or
                    root.text("MaxUploads"), encoding=root.text("EncodingType"), owners=all(owners),
                    marker=decoded(root.text("KeyMarker") if marker is None else marker),
                    next=decoded(root.text("NextMarker") or root.text("NextKeyMarker") or None),
                    next_version=root.text("NextVersionIdMarker") or None,
                    next_upload=root.text("NextUploadIdMarker") or None,
                    version_marker=root.text("VersionIdMarker"), start=decoded(root.text("StartAfter")),
                    token=bool(root.text("NextContinuationToken")), count=int(root.text("KeyCount") or 0))

    @staticmethod
    def decoder(url):
        def decoded(value):
            if value is None:
                return None
            plain = urllib.parse.unquote_plus(value, errors="strict")
            again = urllib.parse.quote(plain, safe=LIST_SAFE + " ").replace("~", "%7E").replace(" ", "+")
            if again != value:
                raise BrokenReply(f"{value!r} is not how encoding-type=url spells {plain!r}, {again!r} is")
            return plain
        return decoded if url else lambda value: value

    @staticmethod
    def object_row(n, decoded):
        return dict(key=decoded(n.text("Key")), etag=(n.text("ETag") or "").strip('"'), size=int(n.text("Size") or -1),
                    storage=n.text("StorageClass"), modified=from_iso(n.text("LastModified")))

    def do_list(self, op):
        def show(n, decoded):
            return self.object_row(n, decoded) if n.name == "Contents" else None

        def follow(page, _root):
            return {"marker": page["next"] if page["next"] is not None else page["rows"][-1]["key"]}
        query = {"marker": op["marker"]} if op["marker"] else {}
        return self.pages(op, self.with_max(op, query), show, follow)

    @staticmethod
    def with_max(op, query, name="max-keys"):
        return dict(query, **{name: str(op["max"])}) if op["max"] is not None else query

    def do_list2(self, op):
        def show(n, decoded):
            return self.object_row(n, decoded) if n.name == "Contents" else None

        def follow(_page, root):
            return {"continuation-token": root.text("NextContinuationToken")}
        query = {"list-type": "2"}
        if op["marker"]:
            query["start-after"] = op["marker"]
        if op["owner"]:
            query["fetch-owner"] = "true"
        if op.get("bad_token"):
            query["continuation-token"] = op["bad_token"]
        return self.pages(op, self.with_max(op, query), show, follow)

    def do_list_versions(self, op):
        def show(n, decoded):
            if n.name == "DeleteMarker":
                return dict(key=decoded(n.text("Key")), id=n.text("VersionId"), latest=n.text("IsLatest") == "true",
                            marker=True, modified=from_iso(n.text("LastModified")))
            if n.name == "Version":
                return dict(self.object_row(n, decoded), id=n.text("VersionId"), latest=n.text("IsLatest") == "true",
                            marker=False)
            return None

        def follow(page, root):
            return {"key-marker": page["next"], "version-id-marker": root.text("NextVersionIdMarker")}
        query = {"versions": ""}
        if op["marker"]:
            query["key-marker"] = op["marker"]
        if op["version_marker"] is not None:
            query["version-id-marker"] = self.model.text(op["version_marker"])
        return self.pages(op, self.with_max(op, query), show, follow)

    def do_list_uploads(self, op):
        def show(n, decoded):
            if n.name != "Upload":
                return None
            return dict(key=decoded(n.text("Key")), id=n.text("UploadId"), storage=n.text("StorageClass"))

        def follow(page, root):
            return {"key-marker": page["next"], "upload-id-marker": root.text("NextUploadIdMarker")}
        query = {"uploads": ""}
        if op["marker"]:
            query["key-marker"] = op["marker"]
        if op["upload_marker"] is not None:
            query["upload-id-marker"] = self.model.upload_text(op["upload_marker"])
        return self.pages(op, self.with_max(op, query, "max-uploads"), show, follow)
