# SPDX-License-Identifier: Apache-2.0
"""Makes up operations: few buckets, few keys with nasty names, and a liking for what exists."""
import calendar

from s3_model import BAD, ENABLED, LOST, NEVER, NULL, PART_MIN, SUSPENDED, Version

INLINE_MAX = 16 << 10  # of our server: larger bodies are files
LONG = "L" * 600
KEYS = [
    "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/c/d", "a//b", "/", "//", "/a", "a-", "a0", "ab", "b", "b/a", "b/b",
    "a b", "a+b", "a%2Fb", "a&amp;<x>'\"", "tab\tkey", "line\nkey", "return\rkey", ".", "..", "../a", "a/../b", "a/./b",
    "null", "?versionId=null", "a?b=c#d", "~", "*", "\\", "\u00e4", "a\u0308", "\u65e5\u672c/\u8a9e", "\ufffd", "\U0001f600",
    "\U0001f600/x", "\u00e9" * 512, LONG, LONG + "/", LONG + "/x", LONG + "/x" * 212, "L" * 1024, "L" * 1023 + "M",
    "L" * 511, "L" * 512, "L" * 510 + "/" + "x" * 10,
]
CONTROL_KEYS = ["a\x01", "a\x01\x02", "a/\x7f", "\x01", "\x1f/x"]
TOO_LONG = "x" * 1025
DELIMITERS = ["", "", "", "/", "/", "/", "/", "//", "a", "b/", "L", "\u00e9", "/x", "."]
TAG_SETS = [[], [("a", "1")], [("a", "2"), ("b", "")], [("\u00e4 k", "v/=+-@:. _")],
            [(f"t{i}", "x" * 256) for i in range(10)]]
STORAGE = [None, None, None, None, "STANDARD", "STANDARD_IA", "ONEZONE_IA", "REDUCED_REDUNDANCY"]
TYPES = [None, None, "text/plain", "application/x-thing; a=\"b\""]
DATES = [calendar.timegm((year, 1, 1, 0, 0, 0)) for year in (2060, 2061, 2062, 2063)]


class Maker:
    """Next operations for a model. `without`: groups of operations that are left out ("lock", "restart", ...)."""

    def __init__(self, random, model, without=(), restarts=0.0):
        self.random, self.model, self.without = random, model, set(without)
        control = random.random() < 0.25
        self.keys = random.sample(KEYS, random.choice([4, 8, 14])) + (CONTROL_KEYS if control else [])
        self.all_url = control
        self.hot = self.keys[:3]
        self.buckets = ["plain", "versioned", "suspended", "mixed"] + ([] if "lock" in self.without else ["locked"])
        if "versions" in self.without:
            self.buckets = ["plain", "other"]
        weights = [
            (self.put, 22), (self.get, 14), (self.head, 4), (self.attributes, 2), (self.delete, 10),
            (self.delete_version, 9), (self.undelete, 3), (self.delete_many, 4), (self.set_versioning, 2.5),
            (self.get_versioning, 0.5), (self.copy, 8), (self.copy_itself, 3), (self.create_upload, 3), (self.part, 4),
            (self.copy_part, 1.5), (self.list_parts, 1), (self.complete, 3), (self.abort, 1), (self.list, 4),
            (self.list2, 4), (self.list_versions, 9), (self.list_uploads, 3), (self.empty_bucket, 0.15),
            (self.delete_bucket, 0.5), (self.create_bucket, 1), (self.strange, 1)]
        if "versions" in self.without:
            unversioned = (self.delete_version, self.undelete, self.set_versioning, self.get_versioning,
                           self.list_versions, self.strange)
            weights = [(choice, weight) for choice, weight in weights if choice not in unversioned]
        if "tags" not in self.without:
            weights += [(self.get_tags, 3), (self.set_tags, 3), (self.delete_tags, 1.5)]
        if "lock" not in self.without:
            weights += [(self.set_retention, 2), (self.get_retention, 1.5), (self.set_hold, 2), (self.get_hold, 1),
                        (self.set_lock, 0.3), (self.get_lock, 0.3)]
        if restarts and "restart" not in self.without:
            weights.append((self.restart, restarts * sum(w for _, w in weights)))
        self.choices, self.weights = zip(*weights)

    def begin(self):
        """What every history starts with."""
        for name in self.buckets:
            yield dict(op="create_bucket", b=name, lock=name == "locked")
            if name in ("versioned", "suspended"):
                yield dict(op="set_versioning", b=name, status=ENABLED)

    def next(self):
        while True:
            op = self.random.choices(self.choices, self.weights)[0]()
            if op:
                return op

    # --- choices
    def maybe(self, chance):
        return self.random.random() < chance

    def bucket(self):
        return self.random.choice(self.buckets)

    def key(self):
        return self.random.choice(self.hot if self.maybe(0.5) else self.keys)

    def there(self, bucket):
        """A key that exists, mostly."""
        state = self.model.buckets.get(bucket)
        if state and state.keys and self.maybe(0.9):
            return self.random.choice(sorted(state.keys))
        return self.key()

    def ref(self, version):
        """How an operation names a version."""
        if version.id == NULL:
            return NULL
        return self.refs.get(version)

    @property
    def refs(self):
        """Version to its reference; kept up to date by looking at what is new only."""
        if not hasattr(self, "_refs"):
            self._refs, self._seen = {}, 0
        if len(self.model.made) != self._seen:
            for ref in list(self.model.made)[self._seen:]:
                self._refs[self.model.made[ref]] = ref
            self._seen = len(self.model.made)
        return self._refs

    def any_version(self, bucket, key, none=0.5):
        """None, a version of that key, or (rarely) one that is not there."""
        choice = self.random.random()
        if choice < none or "versions" in self.without:
            return None
        state = self.model.buckets.get(bucket)
        versions = state.keys.get(key) if state else None
        if versions and choice < 0.95:
            return self.ref(self.random.choice(versions))
        return self.random.choice([NULL, NULL, LOST, BAD, self.some_ref()])

    def some_ref(self):
        return self.random.choice(list(self.model.made)[-200:]) if self.model.made else LOST

    def body(self):
        size = self.random.choice([0, 1, 10, 100, 100, 1000, 1000, INLINE_MAX, INLINE_MAX + 1, 30_000])
        return dict(seed=self.random.getrandbits(32), size=size)

    def description(self, bucket):
        r, op = self.random, {}
        if self.maybe(0.3):
            op["meta"] = {f"m{i}": r.choice(["x", "a b", "1,2", "x" * 200]) for i in range(r.randint(1, 3))}
        op.update(type=r.choice(TYPES), storage=r.choice(STORAGE))
        if self.maybe(0.25) and "tags" not in self.without:
            op["tags"] = r.choice(TAG_SETS)
        return op

    def lock(self, bucket):
        state = self.model.buckets.get(bucket)
        if "lock" in self.without or not state or not self.maybe(0.25 if state.lock else 0.01):
            return {}
        op = {}
        if self.maybe(0.6):
            op.update(mode=self.random.choice(["GOVERNANCE", "GOVERNANCE", "COMPLIANCE"]), until=self.random.choice(DATES))
        if not op or self.maybe(0.3):
            op["hold"] = self.random.choice(["ON", "OFF"])
        return op

    # --- objects
    def put(self):
        b = self.bucket()
        op = dict(op="put", b=b, k=self.key(), **self.body(), **self.description(b), **self.lock(b))
        if self.maybe(0.1) and not (op.get("mode") or op.get("hold")):
            op["if"] = self.random.choice(["none", "match", "other"])
        return op

    def at_version(self, name, none=0.5):
        b = self.bucket()
        k = self.there(b)
        return dict(op=name, b=b, k=k, v=self.any_version(b, k, none))

    def get(self):
        return self.at_version("get")

    def head(self):
        return self.at_version("head")

    def attributes(self):
        return self.at_version("attributes")

    def bypass(self, b):
        state = self.model.buckets.get(b)
        return bool(state and "lock" not in self.without and self.maybe(0.5 if state.lock else 0.01))

    def delete(self):
        b = self.bucket()
        op = dict(op="delete", b=b, k=self.there(b) if self.maybe(0.8) else self.key(), v=None)
        state = self.model.buckets.get(b)
        if state and state.current(op["k"]) and self.maybe(0.1):
            op["if"] = self.random.choice(["match", "other"])
        return op

    def delete_version(self):
        op = self.at_version("delete", 0)
        return dict(op, bypass=True) if self.bypass(op["b"]) else op

    def undelete(self):
        """Takes the marker away that hides an object."""
        b = self.bucket()
        state = self.model.buckets.get(b)
        hidden = [v[0] for k, v in sorted(state.keys.items()) if v[0].marker] if state else []
        if not hidden:
            return None
        marker = self.random.choice(hidden)
        return dict(op="delete", b=b, k=marker.key, v=self.ref(marker))

    def delete_many(self):
        """No order of the items is promised, so none may matter: outside Enabled, a delete replaces the null version."""
        b, items = self.bucket(), []
        state = self.model.buckets.get(b)
        for _ in range(self.random.choice([1, 2, 5, 12])):
            k = self.there(b)
            v = self.any_version(b, k, 0.4)
            mixed = state and state.state != ENABLED and any(key == k and (v is None) != (ref is None)
                                                             for key, ref in items)
            if k not in CONTROL_KEYS and not mixed:
                items.append([k, v])
        if not items:
            return None
        return dict(op="delete_many", b=b, items=items, bypass=self.bypass(b), quiet=self.maybe(0.15))

    def empty_bucket(self):
        b = self.bucket()
        state = self.model.buckets.get(b)
        items = [[k, self.ref(v)] for k, vs in sorted(state.keys.items()) for v in vs if k not in CONTROL_KEYS] \
            if state else []
        return dict(op="delete_many", b=b, items=items[:1000], bypass=state.lock, quiet=False) if items else None

    # --- buckets
    def set_versioning(self):
        b = self.random.choice([x for x in self.buckets if x != "plain"])
        if b == "mixed" and self.maybe(0.7):  # it keeps its null versions for a while
            return None
        status = self.random.choice([ENABLED, SUSPENDED])
        return dict(op="set_versioning", b=b, status=status)

    def get_versioning(self):
        return dict(op="get_versioning", b=self.bucket())

    def set_lock(self):
        b = self.random.choice(["locked", "locked", "plain", "mixed"])
        if b == "mixed" and self.maybe(0.8):  # a lock stays for ever
            return None
        default = self.random.choice([None, ("GOVERNANCE", 1), ("GOVERNANCE", 365), ("COMPLIANCE", 30)])
        return dict(op="set_lock", b=b, default=default)

    def get_lock(self):
        return dict(op="get_lock", b=self.bucket())

    def delete_bucket(self):
        return dict(op="delete_bucket", b=self.bucket())

    def create_bucket(self):
        missing = [b for b in self.buckets if b not in self.model.buckets]
        return dict(op="create_bucket", b=missing[0], lock=missing[0] == "locked") if missing else None

    def restart(self):
        return dict(op="restart", kill=self.maybe(0.5))

    def strange(self):
        """Requests that fail for all of their parts."""
        b, r = self.bucket(), self.random
        return r.choice([
            dict(op="set_versioning", b=b, status=r.choice([None, "enabled", "Disabled", ""])),
            dict(op="get", b="nowhere", k="a", v=None), dict(op="list_versions", b="nowhere", **self.no_page()),
            dict(op="delete_many", b="nowhere", items=[["a", None]]), dict(op="get_versioning", b="nowhere"),
            dict(op="put", b=b, k=TOO_LONG, seed=1, size=10), dict(op="get", b=b, k=TOO_LONG, v=None),
            dict(op="list_versions", b=b, **dict(self.no_page(), max=r.choice(["x", "-1"]))),
            dict(op="list_versions", b=b, **dict(self.no_page(), version_marker=r.choice([NULL, LOST]))),
            dict(op="list_versions", b=b, **dict(self.no_page(), marker="a", version_marker=BAD)),
            dict(op="list2", b=b, owner=False, bad_token=r.choice(["x", "!", "AAAA"]), **self.no_page()),
        ])

    @staticmethod
    def no_page():
        return dict(prefix="", delimiter="", marker="", max=None, url=False, chain=False, version_marker=None)

    # --- what hangs on a version
    def get_tags(self):
        return self.at_version("get_tags")

    def set_tags(self):
        return dict(self.at_version("set_tags"), tags=self.random.choice(TAG_SETS))

    def delete_tags(self):
        return self.at_version("delete_tags")

    def in_lock(self, name, none=0.4):
        """Mostly in the bucket where it can succeed."""
        b = "locked" if self.maybe(0.9) else self.bucket()
        k = self.there(b)
        return dict(op=name, b=b, k=k, v=self.any_version(b, k, none))

    def get_retention(self):
        return self.in_lock("get_retention")

    def set_retention(self):
        mode = self.random.choice(["GOVERNANCE", "GOVERNANCE", "GOVERNANCE", "COMPLIANCE", None])
        return dict(self.in_lock("set_retention"), mode=mode, until=self.random.choice(DATES) if mode else None,
                    bypass=self.maybe(0.4))

    def get_hold(self):
        return self.in_lock("get_hold")

    def set_hold(self):
        return dict(self.in_lock("set_hold"), hold=self.random.choice(["ON", "OFF", "OFF"]))

    # --- copies
    def source(self):
        b = self.bucket()
        k = self.there(b)
        return dict(sb=b, sk=k, sv=self.any_version(b, k, 0.5))

    def new_object(self, b):
        op = self.description(b)
        op["replace"] = self.maybe(0.5)
        op["replace_tags"] = "tags" not in self.without and self.maybe(0.3)
        if not op["replace"]:
            op.pop("meta", None)
            op["type"] = None
        if not op["replace_tags"]:
            op.pop("tags", None)
        op.setdefault("tags", [])
        return op

    def copy(self):
        b, source = self.bucket(), self.source()
        k = self.key()
        if (b, k) == (source["sb"], source["sk"]):
            return None
        return dict(op="copy", b=b, k=k, **source, **self.new_object(b))

    def copy_itself(self):
        b = self.bucket()
        k = self.there(b)
        v = self.any_version(b, k, 0.6) if self.model.buckets.get(b) and self.model.buckets[b].state != NEVER else None
        op = dict(op="copy", b=b, k=k, sb=b, sk=k, sv=v, **self.new_object(b))
        return dict(op, replace_tags=False) if not op["replace"] else op

    # --- multipart uploads
    def some_upload(self):
        """An open upload, mostly; its number, bucket and key."""
        uploads = [u for n, u in sorted(self.model.uploads.items())[-40:]]
        open_ones = [u for u in uploads if u.open]
        if open_ones and self.maybe(0.92):
            uploads = open_ones
        if not uploads:
            return None
        upload = self.random.choice(uploads)
        k = upload.key if self.maybe(0.97) else self.key()
        return dict(b=upload.of["b"], k=k, u=upload.number)

    def create_upload(self):
        if sum(u.open for u in self.model.uploads.values()) > 30:
            return None
        b = self.bucket()
        return dict(op="create_upload", b=b, k=self.key(), **self.description(b), **self.lock(b))

    def part(self):
        upload = self.some_upload()
        if not upload:
            return None
        body = self.body()
        if self.maybe(0.06):
            body["size"] = PART_MIN
        return dict(op="part", **upload, n=self.random.choice([1, 1, 2, 3, 10000]), **body)

    def copy_part(self):
        upload = self.some_upload()
        if not upload:
            return None
        op = dict(op="copy_part", **upload, n=self.random.choice([1, 2, 3]), **self.source())
        return dict(op, range=(0, self.random.choice([0, 9, 99]))) if self.maybe(0.3) else op

    def list_parts(self):
        upload = self.some_upload()
        if upload and upload["k"] in CONTROL_KEYS:  # no XML can name it, and this list has no encoding-type
            return None
        return dict(op="list_parts", **upload, max=self.random.choice([1, 2, 1000]),
                    after=self.random.choice([0, 0, 1, 2, 5])) if upload else None

    def complete(self):
        where = self.some_upload()
        if not where:
            return None
        upload = self.model.uploads[where["u"]]
        if upload.result and self.maybe(0.8):
            return dict(op="complete", **where, parts=upload.completed_with)
        numbers = sorted(upload.parts) or [1]
        if self.maybe(0.6):  # what succeeds
            numbers = [n for n in numbers if len(upload.parts.get(n, b"")) >= PART_MIN][:2] + numbers[-1:]
            numbers = sorted(set(numbers))
        elif len(numbers) > 1 and self.maybe(0.3):
            numbers = numbers[::-1]
        parts = [[n, not self.maybe(0.05)] for n in numbers]
        return dict(op="complete", **where, parts=parts)

    def abort(self):
        upload = self.some_upload()
        return dict(op="abort", **upload) if upload else None

    # --- lists
    def page(self):
        r, name = self.random, self.key()
        prefix = "" if self.maybe(0.55) else name[:r.randint(0, min(len(name), r.choice([1, 2, 600, 1024])))]
        marker = ""
        if self.maybe(0.35):
            name = self.key()
            marker = r.choice([name, name, name[:r.randint(0, len(name))], name + "!", name + "/"])[:1024]
        while len(marker.encode()) > 1024:
            marker = marker[:-1]
        if any(ord(c) < 32 and c not in "\t\n\r" for c in prefix + marker):
            url = True
        else:
            url = self.all_url or self.maybe(0.4)
        limit = r.choice([None, None, 0, 1, 1, 2, 2, 3, 5, 7, 1000, 1001])
        chain = self.maybe(0.6) and limit != 0
        return dict(prefix=prefix, delimiter=r.choice(DELIMITERS), marker=marker, max=limit, url=url, chain=chain)

    def list(self):
        return dict(op="list", b=self.bucket(), **self.page())

    def list2(self):
        return dict(op="list2", b=self.bucket(), owner=self.maybe(0.3), **self.page())

    def list_versions(self):
        b, page, marker = self.bucket(), self.page(), None
        if page["marker"] and self.maybe(0.6):
            page["marker"] = self.there(b)
            marker = self.any_version(b, page["marker"], 0.1)
            if self.maybe(0.3):  # a version that may be gone meanwhile
                gone = [ref for ref, v in list(self.model.made.items())[-300:] if v.key == page["marker"] and v.id != NULL
                        and v.bucket is self.model.buckets.get(b)]
                marker = self.random.choice(gone) if gone else marker
        return dict(op="list_versions", b=b, version_marker=marker, **page)

    def list_uploads(self):
        b, page, marker = self.bucket(), self.page(), None
        if page["marker"]:
            uploads = [u for u in self.model.uploads.values() if u.open and u.of["b"] == b]
            if uploads and self.maybe(0.7):
                upload = self.random.choice(uploads)
                page["marker"], marker = upload.key, upload.number
        return dict(op="list_uploads", b=b, upload_marker=marker, **page)
