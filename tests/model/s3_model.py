# SPDX-License-Identifier: Apache-2.0
"""Amazon S3 in memory, as its documentation and its replies describe it; knows nothing of our server.

Model.apply(number, operation) changes the state and answers what S3 would answer: a dict of what is to be compared.
Where the answer cannot be known beforehand, a leaf is a small object that judges what came (Fresh, Same, OneOf, Near).
Operations are dicts that name versions and uploads by the number of the operation that made them, so that a history
stays meaningful when operations are taken out of it.
"""
import hashlib
import random
import re
import time

NEVER, ENABLED, SUSPENDED = "", "Enabled", "Suspended"
NULL, BAD, LOST = "null", "bad", "lost"  # versions that are named otherwise than by who made them
KEY_MAX, PART_MIN, PAGE_MAX = 1024, 5 << 20, 1000
BAD_VERSION = "not~a~version~id"
DEFAULT_TYPE = "binary/octet-stream"
DAY = 86400


# --- leaves of an expected answer ---------------------------------------------------------

class Any:
    """Whatever comes is right."""

    def judge(self, _actual):
        return True

    def __repr__(self):
        return "anything"


ANY = Any()


class OneOf:
    """Amazon's own documents disagree, or do not say."""

    def __init__(self, *values):
        self.values = values

    def judge(self, actual):
        return any(differ(v, actual) is None for v in self.values)

    def __repr__(self):
        return " or ".join(map(repr, self.values))


class Fresh:
    """A new version id: unlike all others, and from now on this version's."""

    def __init__(self, version, seen):
        self.version, self.seen = version, seen

    def judge(self, actual):
        if self.version.id is not None:  # this answer named it before
            return actual == self.version.id
        if not isinstance(actual, str) or not re.fullmatch(r"[\w.~-]{1,1024}", actual) or actual == NULL:
            return False
        if actual in self.seen:
            return False
        self.seen.add(actual)
        self.version.id = actual
        return True

    def __repr__(self):
        return "a new version id"


class Same:
    """Anything when it is seen first, and the same ever after."""

    def __init__(self, holder, name):
        self.holder, self.name = holder, name

    def judge(self, actual):
        known = getattr(self.holder, self.name)
        if known is None:
            setattr(self.holder, self.name, actual)
            return actual is not None
        return known == actual

    def __repr__(self):
        return f"{self.name} {getattr(self.holder, self.name)!r}, as before"


class Near:
    """A number, give or take."""

    def __init__(self, value, by):
        self.value, self.by = value, by

    def judge(self, actual):
        return isinstance(actual, (int, float)) and abs(actual - self.value) <= self.by

    def __repr__(self):
        return f"{self.value} +- {self.by}"


def differ(expected, actual, where=""):
    """What is wrong with `actual`, or None."""
    if hasattr(expected, "judge"):
        return None if expected.judge(actual) else f"{where}: expected {expected!r}, got {actual!r}"
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            wrong = differ(value, actual.get(name), f"{where}.{name}" if where else name)
            if wrong:
                return wrong
        return None
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        for i, value in enumerate(expected):
            if i >= len(actual):
                return f"{where}[{i}]: expected {short(value)}, but nothing is there"
            wrong = differ(value, actual[i], f"{where}[{i}]")
            if wrong:
                return wrong
        return f"{where}[{len(expected)}]: {short(actual[len(expected)])} should not be there" \
            if len(actual) > len(expected) else None
    return None if expected == actual else f"{where}: expected {short(expected)}, got {short(actual)}"


def short(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(text)} characters)"


# --- state --------------------------------------------------------------------------------

def content(seed, size):
    return random.Random(seed).randbytes(size)


def md5(data):
    return hashlib.md5(data)


class Version:
    """One version of a key, or a delete marker."""

    def __init__(self, key, serial, body=b"", etag=None, marker=False):
        self.key, self.serial, self.body, self.marker = key, serial, body, marker
        self.etag = etag
        self.id, self.mtime, self.bucket = None, None, None
        self.meta, self.type, self.tags, self.storage = {}, DEFAULT_TYPE, [], "STANDARD"
        self.mode, self.until, self.until_error, self.hold = None, None, 0, None

    def describe(self, **of):
        self.meta, self.type = dict(of.get("meta") or {}), of.get("type") or DEFAULT_TYPE
        self.tags, self.storage = list(of.get("tags") or []), of.get("storage") or "STANDARD"
        return self

    @property
    def shown_etag(self):
        return self.etag or Same(self, "etag")

    def shown_id(self, seen):
        """A marker that a quiet DeleteObjects made has an id that nobody was told yet."""
        return self.id or Fresh(self, seen)

    @property
    def shown_until(self):
        return Near(self.until, self.until_error) if self.until_error else self.until

    def protected(self, bypass):
        if self.hold == "ON":
            return True
        if not self.mode or self.until < time.time():
            return False
        return self.mode == "COMPLIANCE" or not bypass


class Upload:
    def __init__(self, number, bucket, key, of):
        self.number, self.bucket, self.key, self.of = number, bucket, key, of
        self.id, self.parts, self.open, self.result = None, {}, True, None


class Bucket:
    def __init__(self, lock):
        self.state, self.lock, self.default = ENABLED if lock else NEVER, lock, None
        self.keys, self.uploads = {}, []

    def current(self, key):
        """The newest version, unless it is a marker."""
        versions = self.keys.get(key)
        return versions[0] if versions and not versions[0].marker else None

    def remove(self, version):
        versions = self.keys[version.key]
        versions.remove(version)
        if not versions:
            del self.keys[version.key]


def error(status, code, **more):
    return dict(status=status, code=code, **more)


NO_BUCKET = error(404, "NoSuchBucket")
NO_LOCK = error(400, "InvalidRequest")
DENIED = error(403, "AccessDenied")
NO_UPLOAD = error(404, "NoSuchUpload")
ON_MARKER = error(405, "MethodNotAllowed")


class Failed(Exception):
    """Carries the answer of an operation that fails."""

    def __init__(self, answer):
        super().__init__(answer)
        self.answer = answer


class Model:
    """All buckets, and everything that was ever made."""

    def __init__(self, lost_id):
        self.buckets, self.made, self.uploads, self.seen = {}, {}, {}, {lost_id}
        self.lost_id, self.serial = lost_id, 0

    def apply(self, number, op):
        self.number = number
        try:
            answer = getattr(self, "do_" + op["op"])(op)
        except Failed as failed:
            answer = failed.answer
        if op["op"] == "head":
            answer = {k: v for k, v in answer.items() if k != "code"}
        return answer

    def current_etag(self, op):
        """For If-Match; of what is there before the operation."""
        bucket = self.buckets.get(op.get("b"))
        current = bucket.current(op["k"]) if bucket and "k" in op else None
        return current.etag if current else None

    # --- names
    def text(self, ref):
        """The version id that a reference stands for."""
        if ref is None or ref == NULL:
            return ref
        if ref == BAD:
            return BAD_VERSION
        version = self.made.get(tuple(ref)) if ref != LOST else None
        return version.id if version and version.id else self.lost_id

    def reference(self, version):
        """How an operation names it."""
        return next(ref for ref, made in self.made.items() if made is version)

    def upload_text(self, ref):
        upload = self.uploads.get(ref)
        return upload.id if upload and upload.id else "bm8tc3VjaC11cGxvYWQ"

    # --- looking things up
    def bucket(self, name):
        if name not in self.buckets:
            raise Failed(NO_BUCKET)
        return self.buckets[name]

    def place(self, op):
        """The bucket, with the key known to be a possible one."""
        if len(op["k"].encode()) > KEY_MAX:
            raise Failed(error(400, "KeyTooLongError") if op["b"] in self.buckets else dict(status=OneOf(400, 404)))
        bucket = self.bucket(op["b"])
        return bucket

    def version(self, bucket, key, ref):
        """The version meant, markers included."""
        versions, text = bucket.keys.get(key, []), self.text(ref)
        if ref is None:
            if not versions:
                raise Failed(error(404, "NoSuchKey", marker=None, version=None))
            return versions[0]
        if ref == BAD or (bucket.state == NEVER and text != NULL):
            raise Failed(error(400, "InvalidArgument"))
        for version in versions:
            if version.id == text:
                return version
        raise Failed(error(404, "NoSuchVersion" if bucket.state != NEVER else OneOf("NoSuchVersion", "NoSuchKey"),
                           marker=None))

    def readable(self, bucket, key, ref):
        """The version meant, which must be no marker."""
        version = self.version(bucket, key, ref)
        if version.marker and ref is None:
            raise Failed(error(404, "NoSuchKey", marker="true", version=version.shown_id(self.seen)))
        if version.marker:
            raise Failed(error(405, "MethodNotAllowed", marker="true"))
        return version

    def shown_id(self, bucket, version, ref):
        if bucket.state == NEVER:
            return OneOf(None, NULL) if ref else None
        return version.shown_id(self.seen)

    # --- adding a version
    def add(self, bucket, version, item=0):
        """Makes it the newest; answers what x-amz-version-id should say."""
        self.serial += 1
        version.serial, version.bucket = self.serial, bucket
        versions = bucket.keys.setdefault(version.key, [])
        if bucket.state == ENABLED:
            shown = Fresh(version, self.seen)
        else:
            version.id, shown = NULL, None
            versions[:] = [v for v in versions if v.id != NULL]
        versions.insert(0, version)
        self.made[(self.number, item)] = version
        return shown

    @staticmethod
    def protect(bucket, version, of):
        """Lock headers of a write, and the bucket's default."""
        version.hold = of.get("hold")
        if of.get("mode"):
            version.mode, version.until = of["mode"], of["until"]
        elif bucket.default:
            mode, days = bucket.default
            version.mode, version.until, version.until_error = mode, time.time() + days * DAY, 2 * DAY

    def condition(self, bucket, op):
        current = bucket.current(op["k"])
        if op.get("if") == "none" and current:
            raise Failed(error(412, "PreconditionFailed"))
        if op.get("if") in ("match", "other"):
            if not current:
                raise Failed(error(404, "NoSuchKey"))
            if op["if"] == "other":
                raise Failed(error(412, "PreconditionFailed"))

    # --- buckets
    def do_create_bucket(self, op):
        if op["b"] in self.buckets:
            return dict(status=OneOf(200, 409))
        self.buckets[op["b"]] = Bucket(op.get("lock", False))
        return dict(status=200)

    def do_delete_bucket(self, op):
        bucket = self.bucket(op["b"])
        if bucket.keys:
            return error(409, "BucketNotEmpty")
        for upload in bucket.uploads:
            upload.open = False
        for upload in self.uploads.values():
            if upload.bucket is bucket:
                upload.result = None
        del self.buckets[op["b"]]
        return dict(status=204)

    def do_set_versioning(self, op):
        bucket = self.bucket(op["b"])
        if op["status"] is None:
            return error(400, "IllegalVersioningConfigurationException")
        if op["status"] not in (ENABLED, SUSPENDED):
            return error(400, "MalformedXML")
        if op["status"] == SUSPENDED and bucket.lock:
            return error(409, "InvalidBucketState")
        bucket.state = op["status"]
        return dict(status=200)

    def do_get_versioning(self, op):
        return dict(status=200, state=self.bucket(op["b"]).state)

    def do_set_lock(self, op):
        bucket = self.bucket(op["b"])
        if bucket.state != ENABLED:
            return error(409, "InvalidBucketState")
        bucket.lock, bucket.default = True, tuple(op["default"]) if op["default"] else None
        return dict(status=200)

    def do_get_lock(self, op):
        bucket = self.bucket(op["b"])
        if not bucket.lock:
            return error(404, "ObjectLockConfigurationNotFoundError")
        mode, days = bucket.default or (None, None)
        return dict(status=200, lock="Enabled", mode=mode, days=days)

    def do_restart(self, _op):
        return dict(status=200)

    # --- objects
    def do_put(self, op):
        bucket = self.place(op)
        if (op.get("mode") or op.get("hold")) and not bucket.lock:
            raise Failed(NO_LOCK)
        self.condition(bucket, op)
        body = content(op["seed"], op["size"])
        version = Version(op["k"], 0, body, md5(body).hexdigest()).describe(**op)
        shown = self.add(bucket, version)
        self.protect(bucket, version, op)
        return dict(status=200, etag=version.etag, version=shown)

    def do_get(self, op):
        bucket = self.place(op)
        version = self.readable(bucket, op["k"], op["v"])
        head = op["op"] == "head"
        count = str(len(version.tags)) if version.tags else None
        answer = dict(status=200, code=None, etag=version.shown_etag, size=str(len(version.body)), marker=None,
                      version=self.shown_id(bucket, version, op["v"]), meta=version.meta, type=version.type,
                      storage=None if version.storage == "STANDARD" else version.storage,
                      tag_count=OneOf(None, count) if head else count, mode=version.mode, until=version.shown_until,
                      hold=version.hold, modified=Same(version, "mtime"))
        if not head:
            answer["body"] = version.body
        return answer

    do_head = do_get

    def do_attributes(self, op):
        bucket = self.place(op)
        version = self.readable(bucket, op["k"], op["v"])
        return dict(status=200, etag=version.shown_etag, size=str(len(version.body)), storage=version.storage,
                    version=self.shown_id(bucket, version, op["v"]), modified=Same(version, "mtime"))

    def do_delete(self, op):
        bucket = self.place(op)
        if op.get("bypass") and not bucket.lock:
            return error(400, "InvalidArgument")
        if op.get("if"):
            self.condition(bucket, op)
        if op["v"] is None:
            version = self.make_marker(bucket, op["k"], 0)
            if not version:
                return dict(status=204, marker=None, version=None)
            return dict(status=204, marker="true", version=version)
        version = self.found_for_delete(bucket, op["k"], op["v"])
        if not version:
            return dict(status=204)
        if version.protected(op.get("bypass")):
            return DENIED
        bucket.remove(version)
        return dict(status=204, marker="true" if version.marker else None,
                    version=version.id if bucket.state != NEVER else OneOf(None, NULL))

    def found_for_delete(self, bucket, key, ref):
        try:
            return self.version(bucket, key, ref)
        except Failed as failed:
            if failed.answer["status"] == 400:
                raise
            return None

    def make_marker(self, bucket, key, item):
        """What DELETE without a version does; answers the marker's id as it is to be shown, if one was made."""
        if bucket.state == NEVER:
            bucket.keys.pop(key, None)
            return None
        return self.add(bucket, Version(key, 0, marker=True), item) or NULL

    def do_delete_many(self, op):
        bucket = self.bucket(op["b"])
        if op.get("bypass") and not bucket.lock:
            return error(400, "InvalidArgument")
        rows, errors = [], []
        named = [(key, self.text(ref)) for key, ref in op["items"] if ref is not None]
        for item, (key, ref) in enumerate(op["items"]):
            text = self.text(ref)
            if ref is None:
                made = self.make_marker(bucket, key, item)
                rows.append(dict(key=key, version=None, marker="true" if made else None, made=made))
                continue
            try:
                version = self.version(bucket, key, ref)
            except Failed as failed:
                if bucket.state == NEVER and text == NULL:
                    rows.append(dict(key=key, version=NULL, marker=None, made=None))
                    continue
                code = "NoSuchVersion"
                if failed.answer["status"] == 400 or bucket.state == NEVER:
                    code = OneOf("NoSuchVersion", "InvalidArgument")
                errors.append(dict(key=key, version=text, code=code))
                continue
            if version.protected(op.get("bypass")):
                errors.append(dict(key=key, version=text, code="AccessDenied"))
                continue
            bucket.remove(version)
            rows.append(dict(key=key, version=text, marker="true" if version.marker else None,
                             made=text if version.marker else None))
        if len(set(named)) < len(named):
            return dict(status=200)  # the same version twice: who answers first is nobody's promise
        return dict(status=200, deleted=[] if op.get("quiet") else rows, errors=errors)

    # --- what hangs on a version
    def tagged(self, op, write):
        """The version whose tags are meant."""
        bucket = self.place(op)
        version = self.version(bucket, op["k"], op["v"])
        if version.marker:
            raise Failed(ON_MARKER if write or op["v"] else error(404, "NoSuchKey"))
        return version, self.shown_id(bucket, version, op["v"])

    def do_get_tags(self, op):
        version, shown = self.tagged(op, False)
        return dict(status=200, tags=version.tags, version=shown)

    def do_set_tags(self, op):
        version, shown = self.tagged(op, True)
        version.tags = list(op["tags"])
        return dict(status=200, version=shown)

    def do_delete_tags(self, op):
        bucket = self.place(op)
        current = bucket.keys.get(op["k"])
        if op["v"] is None and current and current[0].marker:
            return dict(status=OneOf(404, 405))
        version, shown = self.tagged(op, True)
        version.tags = []
        return dict(status=204, version=shown)

    def locked(self, op):
        bucket = self.place(op)
        if not bucket.lock:
            raise Failed(NO_LOCK)
        version = self.version(bucket, op["k"], op["v"])
        if version.marker:
            raise Failed(ON_MARKER if op["v"] else dict(status=OneOf(404, 405)))
        return version

    def do_get_retention(self, op):
        version = self.locked(op)
        if not version.mode:
            return error(404, "NoSuchObjectLockConfiguration")
        return dict(status=200, mode=version.mode, until=version.shown_until)

    def do_set_retention(self, op):
        version = self.locked(op)
        mode, until = op["mode"], op["until"]
        if version.mode:
            weaker = not mode or until < version.until or (version.mode == "COMPLIANCE" and mode != "COMPLIANCE")
            if weaker and (version.mode == "COMPLIANCE" or not op.get("bypass")):
                # GOVERNANCE that stays as it is, or grows, is open to all; so is the way to COMPLIANCE.
                raise Failed(DENIED)
        version.mode, version.until, version.until_error = mode, until, 0
        return dict(status=200)

    def do_get_hold(self, op):
        version = self.locked(op)
        if not version.hold:
            return error(404, "NoSuchObjectLockConfiguration")
        return dict(status=200, hold=version.hold)

    def do_set_hold(self, op):
        self.locked(op).hold = op["hold"]
        return dict(status=200)

    # --- copies
    def source(self, op):
        """The source of a copy, and what x-amz-copy-source-version-id should say."""
        bucket = self.bucket(op["sb"])
        version = self.version(bucket, op["sk"], op["sv"])
        if version.marker:
            raise Failed(error(400, "InvalidRequest") if op["sv"] else error(404, "NoSuchKey"))
        return version, version.id if bucket.state != NEVER else None

    def do_copy(self, op):
        bucket = self.place(op)
        source, source_id = self.source(op)
        if op.get("hold") and not bucket.lock:
            raise Failed(NO_LOCK)
        itself = (op["b"], op["k"]) == (op["sb"], op["sk"])
        if itself and op["sv"] is None and not op.get("replace") and not op.get("storage"):
            return error(400, "InvalidRequest")
        # One MD5 over all bytes at Amazon; a copy by reference may keep that of the parts.
        etag = None if source.etag is None or "-" in source.etag else source.etag
        made = Version(op["k"], 0, source.body, etag)
        of = op if op.get("replace") else dict(meta=source.meta, type=source.type)
        made.describe(meta=of.get("meta"), type=of.get("type"), storage=op.get("storage"),
                      tags=op["tags"] if op.get("replace_tags") else source.tags)
        state = bucket.state
        shown = self.add(bucket, made)
        self.protect(bucket, made, op)
        return dict(status=200, etag=made.shown_etag, version=OneOf(None, NULL) if state == SUSPENDED else shown,
                    source_version=source_id)

    # --- multipart uploads
    def do_create_upload(self, op):
        bucket = self.place(op)
        if (op.get("mode") or op.get("hold")) and not bucket.lock:
            raise Failed(NO_LOCK)
        upload = self.uploads[self.number] = Upload(self.number, bucket, op["k"], op)
        bucket.uploads.append(upload)
        return dict(status=200, upload=Same(upload, "id"))

    def upload(self, op):
        bucket, upload = self.place(op), self.uploads.get(op["u"])
        if not upload or not upload.open or upload.key != op["k"] or upload.bucket is not bucket:
            raise Failed(NO_UPLOAD)
        return upload

    def do_part(self, op):
        upload, body = self.upload(op), content(op["seed"], op["size"])
        upload.parts[op["n"]] = body
        return dict(status=200, etag=md5(body).hexdigest())

    def do_copy_part(self, op):
        bad = []
        try:
            upload = self.upload(op)
        except Failed as failed:
            bad.append(failed.answer)
        try:
            source, shown = self.source(op)
        except Failed as failed:
            bad.append(failed.answer)
        else:
            if op.get("range") and op["range"][1] >= len(source.body):
                bad.append(error(400, OneOf("InvalidArgument", "InvalidRequest")))
        if bad:
            raise Failed(bad[0] if len(bad) == 1 else dict(status=OneOf(*(b["status"] for b in bad))))
        first, last = op.get("range") or (0, len(source.body) - 1)
        body = source.body[first:last + 1]
        upload.parts[op["n"]] = body
        return dict(status=200, etag=md5(body).hexdigest(), source_version=shown)

    def do_list_parts(self, op):
        upload = self.upload(op)
        parts = [(n, md5(b).hexdigest(), len(b)) for n, b in sorted(upload.parts.items()) if n > op["after"]]
        page = parts[:op["max"]]
        return dict(status=200, parts=page, truncated=len(parts) > len(page) > 0,
                    next=page[-1][0] if len(parts) > len(page) > 0 else ANY)

    def do_complete(self, op):
        bucket, upload = self.place(op), self.uploads.get(op["u"])
        if upload and upload.result and upload.bucket is bucket and upload.key == op["k"]:
            return upload.result if op["parts"] == upload.completed_with else dict(status=ANY)
        numbers = [n for n, _ in op["parts"]]
        ordered = all(a < b for a, b in zip(numbers, numbers[1:]))
        try:
            upload = self.upload(op)
        except Failed:
            if ordered:
                raise
            return dict(status=OneOf(400, 404))  # wrong twice
        codes = []
        if not ordered:
            raise Failed(error(400, "InvalidPartOrder"))
        if any(not right or n not in upload.parts for n, right in op["parts"]):
            codes.append("InvalidPart")
        if any(len(upload.parts.get(n, b"")) < PART_MIN for n in numbers[:-1]):
            codes.append("EntityTooSmall")
        if codes:
            raise Failed(error(400, OneOf(*codes)))
        bodies = [upload.parts[n] for n in numbers]
        etag = f"{md5(b''.join(md5(b).digest() for b in bodies)).hexdigest()}-{len(bodies)}"
        version = Version(op["k"], 0, b"".join(bodies), etag).describe(**upload.of)
        shown, state = self.add(bucket, version), bucket.state
        self.protect(bucket, version, upload.of)
        upload.open, upload.completed_with = False, op["parts"]
        upload.bucket.uploads.remove(upload)
        upload.result = dict(status=200, etag=etag, code=None)
        return dict(status=200, etag=etag, version=OneOf(None, NULL) if state == SUSPENDED else shown)

    def do_abort(self, op):
        bucket, upload = self.place(op), self.uploads.get(op["u"])
        if upload and upload.result and upload.bucket is bucket and upload.key == op["k"]:
            return dict(status=OneOf(204, 404))
        upload = self.upload(op)
        upload.open = False
        upload.bucket.uploads.remove(upload)
        return dict(status=204)

    # --- lists
    def pages(self, op, rows, show, marker, later, after_page):
        """All pages that a client gets who follows the markers; only one when the operation says so."""
        if op["max"] is not None and (not str(op["max"]).isdigit()):
            return error(400, "InvalidArgument")
        limit = PAGE_MAX if op["max"] is None else min(int(op["max"]), PAGE_MAX)
        prefix, delimiter = op["prefix"].encode(), op["delimiter"].encode()
        pages = []
        while True:
            found, truncated = take(rows, prefix, delimiter, marker, later, limit)
            page = dict(status=200, rows=[show(row) for kind, _, row in found if kind == "row"],
                        prefixes=[name.decode() for kind, name, _ in found if kind == "prefix"],
                        truncated=truncated, prefix=op["prefix"], delimiter=op["delimiter"] or None, max=str(limit),
                        encoding="url" if op["url"] else None)
            page.update(after_page(page, found, truncated, not pages))
            pages.append(page)
            if not truncated or not op["chain"]:
                return dict(status=200, pages=pages)
            kind, marker, last = found[-1]
            later = self.later_than(last) if kind == "row" else None

    @staticmethod
    def later_than(last):
        """Which rows with the marker's key come after it: older versions, younger uploads, and never an object."""
        if isinstance(last, Version):
            return lambda row: row.serial < last.serial
        return lambda row: row.number > last.number

    @staticmethod
    def shown_object(version):
        return dict(key=version.key, etag=version.shown_etag, size=len(version.body), storage=version.storage,
                    modified=Same(version, "mtime"))

    def live(self, bucket):
        return [v for v in (bucket.current(k) for k in sorted(bucket.keys, key=str.encode)) if v]

    def do_list(self, op):
        def after_page(_page, found, truncated, first):
            last = found[-1][1].decode() if found else None
            return dict(marker=op["marker"] if first else ANY, owners=True,
                        next=last if truncated and op["delimiter"] else None)
        return self.pages(op, self.live(self.bucket(op["b"])), self.shown_object, op["marker"].encode(), None,
                          after_page)

    def do_list2(self, op):
        def after_page(page, _found, truncated, first):
            return dict(start=(op["marker"] or None) if first else None, token=truncated,
                        count=len(page["rows"]) + len(page["prefixes"]),
                        owners=op["owner"] if page["rows"] else ANY)
        if op.get("bad_token"):
            self.bucket(op["b"])
            return error(400, "InvalidArgument")
        return self.pages(op, self.live(self.bucket(op["b"])), self.shown_object, op["marker"].encode(), None,
                          after_page)

    def do_list_versions(self, op):
        bucket = self.bucket(op["b"])
        rows = [v for k in sorted(bucket.keys, key=str.encode) for v in bucket.keys[k]]
        marker, later = op["marker"], None
        if op["version_marker"] is not None:
            if op["version_marker"] == BAD or not marker:
                return error(400, "InvalidArgument")
            text = self.text(op["version_marker"])
            known = [v for v in self.made.values() if v.key == marker and v.id == text and
                     (text != NULL or v in bucket.keys.get(marker, []))]
            if not known or known[-1].bucket is not bucket:
                return dict(status=OneOf(200, 400))  # a version that the key never had, or a null that is gone
            later = self.later_than(known[-1])

        def show(v):
            row = dict(key=v.key, id=v.shown_id(self.seen), latest=bucket.keys[v.key][0] is v, marker=v.marker,
                       modified=Same(v, "mtime"))
            if not v.marker:
                row.update(etag=v.shown_etag, size=len(v.body), storage=v.storage)
            return row

        def after_page(_page, found, truncated, first):
            kind, name, last = found[-1] if truncated else (None, None, None)
            return dict(marker=op["marker"] if first else ANY,
                        version_marker=self.text(op["version_marker"]) or "" if first else ANY,
                        next=name.decode() if truncated else None,
                        next_version=last.shown_id(self.seen) if kind == "row" else None, owners=True)
        return self.pages(op, rows, show, marker.encode(), later, after_page)

    def do_list_uploads(self, op):
        bucket = self.bucket(op["b"])
        rows = sorted(bucket.uploads, key=lambda u: (u.key.encode(), u.number))
        marker, later = op["marker"], None
        if op["upload_marker"] is not None and marker:
            upload = self.uploads.get(op["upload_marker"])
            if not upload or not upload.open or upload.bucket is not bucket or upload.key != marker:
                return dict(status=OneOf(200, 400))
            later = self.later_than(upload)

        def show(u):
            return dict(key=u.key, id=u.id, storage=u.of.get("storage") or "STANDARD")

        def after_page(_page, found, truncated, first):
            kind, name, last = found[-1] if truncated else (None, None, None)
            return dict(marker=op["marker"] if first else ANY, next=name.decode() if truncated else ANY,
                        next_upload=last.id if kind == "row" else ANY)
        return self.pages(op, rows, show, marker.encode(), later, after_page)


def row_key(row):
    return row.key.encode()


def take(rows, prefix, delimiter, marker, later, limit):
    """One page of `rows`, which are in order: [("row", key, row) or ("prefix", name, None)], and whether more follow."""
    def group(key):
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        return key[:at + len(delimiter)] if at >= 0 else None

    skipped = group(marker) if marker.startswith(prefix) else None
    found = []
    for row in rows:
        key = row_key(row)
        if not key.startswith(prefix):
            continue
        name = group(key)
        if name is not None and (name == skipped or key <= marker):
            continue
        if name is None and (key < marker or (key == marker and marker and not (later and later(row)))):
            continue
        if name is not None and found and found[-1][:2] == ("prefix", name):
            continue
        if len(found) == limit:
            return found, limit > 0
        found.append(("prefix", name, None) if name is not None else ("row", key, row))
    return found, False
