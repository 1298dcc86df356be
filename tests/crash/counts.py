# SPDX-License-Identifier: Apache-2.0
"""What the server says that a bucket holds, against a count by listing."""
import json
import re
import time

from s3client import Reply
from workload import Wrong

TRIES = 50  # rules may be at work between two looks
SETTLE_SECONDS = 40
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def told(client, bucket):
    reply = client.send("GET", f"/pail/v1/buckets/{bucket}", b"", client.signer.headers(
        "GET", f"/pail/v1/buckets/{bucket}", "", {"host": client.authority}, EMPTY))
    if reply.status != 200:
        raise Wrong(f"the state of {bucket}: {reply!r}")
    use = json.loads(reply.body)["usage"]
    use["classes"] = sum(c["objects"] for c in use["classes"]), sum(c["bytes"] for c in use["classes"])
    use["sizes"] = [s["objects"] for s in use["sizes"]]
    use["below"] = [s["belowBytes"] for s in json.loads(reply.body)["usage"]["sizes"]]
    return use


def _versions(client, bucket):
    query = ["versions"]
    while True:
        page = client.request("GET", bucket, query=query)
        if page.status != 200:
            raise Wrong(f"ListObjectVersions: {page!r}")
        for kind, text in re.findall(rb"<(Version|DeleteMarker)>(.*?)</\1>", page.body, re.S):
            row = Reply(200, {}, text)
            yield kind == b"DeleteMarker", row.value("IsLatest") == "true", int(row.value("Size") or 0)
        if page.value("IsTruncated") != "true":
            return
        query = ["versions", ("key-marker", page.value("NextKeyMarker")),
                 ("version-id-marker", page.value("NextVersionIdMarker"))]


def listed(client, bucket, below):
    use = dict.fromkeys(("bytes", "objects", "objectBytes", "noncurrentVersions", "noncurrentVersionBytes",
                         "deleteMarkers", "uploads", "parts", "partBytes"), 0)
    use["sizes"] = [0] * len(below)
    for marker, latest, size in _versions(client, bucket):
        if marker:
            use["deleteMarkers"] += 1
            continue
        use["objects" if latest else "noncurrentVersions"] += 1
        use["objectBytes" if latest else "noncurrentVersionBytes"] += size
        if latest:
            use["sizes"][next(i for i, b in enumerate(below) if b is None or size < b)] += 1
    for key, upload in client.list_uploads(bucket):
        parts = client.list_parts(bucket, key, upload) or {}
        use["uploads"] += 1
        use["parts"] += len(parts)
        use["partBytes"] += sum(size for _, size in parts.values())
    use["classes"] = (use["objects"] + use["noncurrentVersions"], use["objectBytes"] + use["noncurrentVersionBytes"])
    use["bytes"] = use["objectBytes"] + use["noncurrentVersionBytes"] + use["partBytes"]
    use["below"] = below
    return use


def _without_parts(use):
    return dict(use, bytes=use["bytes"] - use["partBytes"], parts=None, partBytes=None)


def check_counts(client, bucket):
    """
    Equal, at a moment at which nothing changed. No client may be at work. Parts of aborted uploads count until the
    collector takes them, though no listing has them: see check_settled_counts.
    """
    for _ in range(TRIES):
        before = told(client, bucket)
        found = listed(client, bucket, before["below"])
        if found["parts"] > before["parts"] or found["partBytes"] > before["partBytes"]:
            raise Wrong(f"more parts are listed than told of: {found}, {before}")
        if _without_parts(found) == _without_parts(before):
            return
        if told(client, bucket) == before:
            wrong = {k: (before[k], found[k]) for k in found if before[k] != found[k]}
            raise Wrong(f"counts of {bucket}, told and listed: {wrong}")
        time.sleep(0.1)
    raise Wrong(f"{bucket} does not come to rest")


def check_settled_counts(client, bucket):
    """Equal in everything, once the collector has done its work."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        before = told(client, bucket)
        found = listed(client, bucket, before["below"])
        if found == before:
            return
        if time.monotonic() > deadline:
            wrong = {k: (before[k], found[k]) for k in found if before[k] != found[k]}
            raise Wrong(f"counts of {bucket} after {SETTLE_SECONDS} s, told and listed: {wrong}")
        time.sleep(0.5)
