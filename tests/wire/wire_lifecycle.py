# SPDX-License-Identifier: Apache-2.0
"""Lifecycle configurations (LFC): every combination that S3 refuses, both spellings, and the headers that rules cause.
What the rules do to objects is tests/sdk/test_lifecycle.py's."""
import datetime
import re
import time

from wire import Group, md5

lfc = Group("lfc")

MALFORMED = "400 MalformedXML"
ARGUMENT = "400 InvalidArgument"
REQUEST = "400 InvalidRequest"
EXPIRE = "<Expiration><Days>1</Days></Expiration>"
ABORT = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
MARKER = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
TAG = "<Tag><Key>{}</Key><Value>v</Value></Tag>"
MINIMUM = "x-amz-transition-default-minimum-object-size"


def rule(inside=EXPIRE, scope="<Filter/>", identity="", status="Enabled"):
    identity = f"<ID>{identity}</ID>" if identity else ""
    return f"<Rule>{identity}{scope}<Status>{status}</Status>{inside}</Rule>"


def scope(inside):
    return f"<Filter>{inside}</Filter>"


def both(inside):
    return scope(f"<And>{inside}</And>")


def move(days, to, word="Transition", unit="Days"):
    return f"<{word}><{unit}>{days}</{unit}><StorageClass>{to}</StorageClass></{word}>"


def older_move(days, to, more=""):
    return (f"<NoncurrentVersionTransition>{more}<NoncurrentDays>{days}</NoncurrentDays>"
            f"<StorageClass>{to}</StorageClass></NoncurrentVersionTransition>")


def expire(days):
    return f"<Expiration><Days>{days}</Days></Expiration>"


def expire_at(date):
    return f"<Expiration><Date>{date}</Date></Expiration>"


def older(inside):
    return f"<NoncurrentVersionExpiration>{inside}</NoncurrentVersionExpiration>"


def document(rules, namespace=' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'):
    return f"<LifecycleConfiguration{namespace}>{rules}</LifecycleConfiguration>".encode()


def configure(t, rules, path="/aaa", headers=(), digest=True, **options):
    body = rules if isinstance(rules, bytes) else document(rules)
    headers = list(headers) + ([("Content-MD5", md5(body))] if digest else [])
    return t.ask(t.signed("PUT", path, "lifecycle=", body=body, headers=headers, **options))


def shown(t, path="/aaa"):
    return t.get(path, "lifecycle=")


# What is wrong with a rule (or a whole document), and how S3 says so; the last column is part of the message.
REFUSED = [
    ("no rule", "", MALFORMED, ""),
    ("no Filter and no Prefix", rule(scope=""), MALFORMED, ""),
    ("Filter and Prefix", rule(scope="<Filter/><Prefix/>"), MALFORMED, ""),
    ("two Filters", rule(scope="<Filter/><Filter/>"), MALFORMED, ""),
    ("two children without And", rule(scope=scope("<Prefix>a</Prefix>" + TAG.format("k"))), MALFORMED, ""),
    ("And beside Prefix", rule(scope=scope("<Prefix>a</Prefix><And><Prefix>a</Prefix></And>")), MALFORMED, ""),
    ("two tags without And", rule(scope=scope(TAG.format("a") + TAG.format("b"))), MALFORMED, ""),
    ("empty And", rule(scope=both("")), MALFORMED, ""),
    ("no Status", f"<Rule><Filter/>{EXPIRE}</Rule>", MALFORMED, ""),
    ("unknown Status", rule(status="enabled"), MALFORMED, ""),
    ("unknown element in a Filter", rule(scope=scope("<Prefx>a</Prefx>")), MALFORMED, ""),
    ("unknown element in a rule", rule(EXPIRE + "<Expires/>"), MALFORMED, ""),
    ("empty Expiration", rule("<Expiration/>"), MALFORMED, ""),
    ("Days and Date", rule("<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>"), MALFORMED, ""),
    ("delete marker and Days", rule("<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true"
                                    "</ExpiredObjectDeleteMarker></Expiration>"), MALFORMED, ""),
    ("delete marker and Date", rule("<Expiration><Date>2030-01-01T00:00:00Z</Date><ExpiredObjectDeleteMarker>true"
                                    "</ExpiredObjectDeleteMarker></Expiration>"), MALFORMED, ""),
    ("two Expirations", rule(EXPIRE + EXPIRE), MALFORMED, ""),
    ("Days that are no number", rule(expire("many")), MALFORMED, ""),
    ("Days with a fraction", rule(expire("1.5")), MALFORMED, ""),
    ("a date that is none", rule(expire_at("20200101")), MALFORMED, ""),
    ("30 February", rule(expire_at("2028-02-30T00:00:00Z")), MALFORMED, ""),
    ("29 February of a common year", rule(expire_at("2027-02-29T00:00:00Z")), MALFORMED, ""),
    ("empty NoncurrentVersionExpiration", rule(older("")), MALFORMED, ""),
    ("Transition without days", rule("<Transition><StorageClass>GLACIER</StorageClass></Transition>"), MALFORMED, ""),
    ("Transition without class", rule("<Transition><Days>30</Days></Transition>"), MALFORMED, ""),
    ("Transition to STANDARD", rule(move(30, "STANDARD")), MALFORMED, ""),
    ("Transition to nowhere", rule(move(30, "GLACIER_DEEP")), MALFORMED, ""),
    ("Transition with both", rule("<Transition><Days>1</Days><Date>2030-01-01T00:00:00Z</Date>"
                                  "<StorageClass>GLACIER</StorageClass></Transition>"), MALFORMED, ""),
    ("NoncurrentVersionTransition without days", rule("<NoncurrentVersionTransition><StorageClass>GLACIER</StorageClass>"
                                                      "</NoncurrentVersionTransition>"), MALFORMED, ""),
    ("another root", b"<LifecycleConfig><Rule/></LifecycleConfig>", MALFORMED, ""),
    ("cut off", document(rule())[:-5], MALFORMED, ""),
    ("DOCTYPE", b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + document(rule()), MALFORMED, ""),

    ("ID of 256 characters", rule(identity="x" * 256), ARGUMENT, "ID length should not exceed allowed limit of 255"),
    ("the same ID twice", rule(identity="a") + rule(identity="b") + rule(identity="a"), ARGUMENT,
     "Rule ID must be unique. Found same ID for more than one rule"),
    ("Days 0", rule(expire(0)), ARGUMENT, "'Days' for Expiration action must be a positive integer"),
    ("negative Days", rule(expire(-1)), ARGUMENT, "'Days' for Expiration action must be a positive integer"),
    ("more days than fit", rule(expire(2 ** 31)), ARGUMENT, "'Days' for Expiration"),
    ("date not at midnight", rule(expire_at("2030-01-01T12:00:00Z")), ARGUMENT, "'Date' must be at midnight GMT"),
    ("midnight elsewhere", rule(expire_at("2030-01-01T00:00:00+01:00")), ARGUMENT, "'Date' must be at midnight GMT"),
    ("transition not at midnight", rule("<Transition><Date>2030-01-01T00:00:01Z</Date>"
                                        "<StorageClass>GLACIER</StorageClass></Transition>"), ARGUMENT, "midnight"),
    ("negative days of a Transition", rule(move(-1, "GLACIER")), ARGUMENT, "must be nonnegative"),
    ("STANDARD_IA on day 29", rule(move(29, "STANDARD_IA")), ARGUMENT,
     "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"),
    ("ONEZONE_IA on day 0", rule(move(0, "ONEZONE_IA")), ARGUMENT,
     "'Days' in Transition action must be greater than or equal to 30 for storageClass 'ONEZONE_IA'"),
    ("noncurrent STANDARD_IA on day 29", rule(older_move(29, "STANDARD_IA")), ARGUMENT,
     "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30"),
    ("gone when moved", rule(move(30, "GLACIER") + expire(30)), ARGUMENT,
     "'Days' in the Expiration action for filter '(prefix=)' must be greater than 'Days' in the Transition action"),
    ("gone before moved", rule(move(30, "GLACIER") + expire(29)), ARGUMENT, "must be greater than"),
    ("gone before moved, old spelling", rule(move(30, "GLACIER") + expire(29), scope="<Prefix>a/</Prefix>"), ARGUMENT,
     "'Days' in the Expiration action for prefix 'a/' must be greater than"),
    ("gone before moved, dates", rule("<Transition><Date>2030-01-02T00:00:00Z</Date><StorageClass>GLACIER</StorageClass>"
                                      "</Transition>" + expire_at("2030-01-01T00:00:00Z")), ARGUMENT, "must be later than"),
    ("noncurrent gone when moved", rule(older_move(30, "GLACIER") + older("<NoncurrentDays>30</NoncurrentDays>")), ARGUMENT,
     "'NoncurrentDays' in the NoncurrentVersionExpiration action"),
    ("archived 29 days after STANDARD_IA", rule(move(30, "STANDARD_IA") + move(59, "GLACIER")), ARGUMENT,
     "must be 30 days more than"),
    ("archived at once after ONEZONE_IA", rule(move(31, "DEEP_ARCHIVE") + move(30, "ONEZONE_IA")), ARGUMENT,
     "must be 30 days more than"),
    ("the colder class first", rule(move(60, "STANDARD_IA") + move(30, "GLACIER")), ARGUMENT,
     "'Days' in the 'GLACIER' Transition action"),
    ("two classes on one day", rule(move(30, "GLACIER") + move(30, "DEEP_ARCHIVE")), ARGUMENT, "must be greater than"),
    ("NoncurrentDays 0", rule(older("<NoncurrentDays>0</NoncurrentDays>")), ARGUMENT,
     "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"),
    ("NewerNoncurrentVersions alone", rule(older("<NewerNoncurrentVersions>3</NewerNoncurrentVersions>")), ARGUMENT,
     "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer"),
    ("NewerNoncurrentVersions 0", rule(older("<NewerNoncurrentVersions>0</NewerNoncurrentVersions>"
                                             "<NoncurrentDays>1</NoncurrentDays>")), ARGUMENT, "NewerNoncurrentVersions"),
    ("NewerNoncurrentVersions 101", rule(older("<NewerNoncurrentVersions>101</NewerNoncurrentVersions>"
                                               "<NoncurrentDays>1</NoncurrentDays>")), ARGUMENT, "NewerNoncurrentVersions"),
    ("noncurrent move, NewerNoncurrentVersions 101",
     rule(older_move(30, "GLACIER", "<NewerNoncurrentVersions>101</NewerNoncurrentVersions>")), ARGUMENT,
     "NewerNoncurrentVersions"),
    ("DaysAfterInitiation 0", rule(ABORT.replace("7", "0")), ARGUMENT,
     "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer"),

    ("no action", rule(""), REQUEST, "At least one action needs to be specified in a rule"),
    ("1,001 rules", "".join(rule() for _ in range(1001)), REQUEST, "1000 rules"),
    ("Date and Days in a rule", rule(move(30, "GLACIER") + expire_at("2030-01-01T00:00:00Z")), REQUEST,
     "Found mixed 'Date' and 'Days' based Expiration and Transition actions"),
    ("Date and Days in transitions", rule(move(30, "GLACIER") + move("2030-01-01T00:00:00Z", "DEEP_ARCHIVE", unit="Date")),
     REQUEST, "Found mixed 'Date' and 'Days'"),
    ("the same class twice", rule(move(30, "GLACIER") + move(60, "GLACIER")), REQUEST,
     "'StorageClass' must be different for 'Transition' actions in same 'Rule'"),
    ("the same class ten times", rule("".join(move(30 + i, "GLACIER") for i in range(10))), REQUEST, "must be different"),
    ("the same tag key twice", rule(scope=both(TAG.format("k") + TAG.format("k"))), REQUEST,
     "Duplicate Tag Keys are not allowed."),
    ("uploads by tag", rule(ABORT, scope=scope(TAG.format("k"))), REQUEST,
     "AbortIncompleteMultipartUpload cannot be specified with Tags."),
    ("uploads by size", rule(ABORT, scope=scope("<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>")), REQUEST,
     "AbortIncompleteMultipartUpload cannot be specified with Object Size."),
    ("markers by tag", rule(MARKER, scope=both("<Prefix>a</Prefix>" + TAG.format("k"))), REQUEST,
     "ExpiredObjectDeleteMarker cannot be specified with Tags."),
    ("markers by size", rule(MARKER, scope=scope("<ObjectSizeLessThan>9</ObjectSizeLessThan>")), REQUEST,
     "ExpiredObjectDeleteMarker cannot be specified with"),
    ("NewerNoncurrentVersions in the old spelling", rule(older("<NewerNoncurrentVersions>3</NewerNoncurrentVersions>"
     "<NoncurrentDays>1</NoncurrentDays>"), scope="<Prefix/>"), REQUEST, "Filter"),
    ("sizes the wrong way round", rule(scope=both("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                                                  "<ObjectSizeLessThan>4</ObjectSizeLessThan>")), REQUEST,
     "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."),
    ("sizes alike", rule(scope=both("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                                    "<ObjectSizeLessThan>5</ObjectSizeLessThan>")), REQUEST, "ObjectSizeLessThan"),
    ("negative size", rule(scope=scope("<ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan>")), REQUEST, "nonnegative"),
    ("less than nothing", rule(scope=scope("<ObjectSizeLessThan>0</ObjectSizeLessThan>")), REQUEST, "positive"),
    ("a prefix longer than a key", rule(scope=scope(f"<Prefix>{'p' * 1025}</Prefix>")), REQUEST, "1024"),
    ("eleven tags", rule(scope=both("".join(TAG.format(f"k{i}") for i in range(11)))), REQUEST, "10"),

    ("an empty tag key", rule(scope=scope(TAG.format(""))), "400 InvalidTag", ""),
    ("a long tag key", rule(scope=scope(TAG.format("k" * 129))), "400 InvalidTag", ""),
    ("a tag key with a bad character", rule(scope=scope(TAG.format("a*b"))), "400 InvalidTag", ""),
    ("empty body", b"", "400 MissingRequestBodyError / 400 MalformedXML", ""),
]


@lfc.case
def LFC_01_what_is_refused(t):
    t.expect("a good one before", configure(t, rule(identity="before")), "200")
    before = shown(t).body
    for label, rules, what, message in REFUSED:
        reply = t.expect(label, configure(t, rules), what)
        t.true(f"{label}: the message", message in (reply.message or ""), reply.message)
    t.same("what was there before", shown(t).body, before)


@lfc.case
def LFC_02_rules_in_every_form(t):
    """What comes back is what was sent."""
    forms = [
        rule(identity="a", scope="<Prefix>old/</Prefix>"),
        rule(identity="b", scope="<Prefix></Prefix>"),
        rule(identity="c", scope="<Filter/>"),
        rule(identity="d", scope=scope("<Prefix></Prefix>")),
        rule(identity="e", scope=scope("<Prefix>a&amp;b/é</Prefix>")),
        rule(identity="f", scope=scope(TAG.format("k"))),
        rule(identity="g", scope=scope("<Tag><Key>k</Key><Value></Value></Tag>")),
        rule(identity="h", scope=scope("<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>")),
        rule(identity="i", scope=scope("<ObjectSizeLessThan>9000000000000</ObjectSizeLessThan>")),
        rule(identity="j", scope=both("<Prefix></Prefix>" + TAG.format("a") + TAG.format("b"))),
        rule(identity="k", scope=both(TAG.format("a") + "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                                      "<ObjectSizeLessThan>7</ObjectSizeLessThan>")),
        rule(expire_at("2028-02-29T00:00:00.000Z"), identity="l"),
        rule(MARKER, identity="m", status="Disabled"),
        rule(MARKER.replace("true", "false"), identity="n"),
        rule(ABORT, identity="o"),
        rule(older("<NewerNoncurrentVersions>100</NewerNoncurrentVersions><NoncurrentDays>1</NoncurrentDays>"),
             identity="p"),
        rule(move(0, "GLACIER_IR") + move(1, "GLACIER") + move(2, "DEEP_ARCHIVE") + expire(3), identity="q"),
        rule(move(0, "INTELLIGENT_TIERING") + move(30, "ONEZONE_IA"), identity="r"),
        rule(move("2030-01-01T00:00:00.000Z", "GLACIER", unit="Date") + expire_at("2030-01-02T00:00:00.000Z"),
             identity="s"),
        rule(older_move(30, "STANDARD_IA", "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>") +
             older_move(60, "DEEP_ARCHIVE") + older("<NoncurrentDays>61</NoncurrentDays>"), identity="t"),
        # The rule in use the most.
        rule(move(30, "STANDARD_IA") + move(90, "GLACIER") + expire(365), scope=scope("<Prefix>logs/</Prefix>"),
             identity="u"),
        rule(identity="é" * 255),
    ]
    t.expect("PUT", configure(t, "".join(forms)), "200")
    body = shown(t).body.decode()
    for form in forms:
        t.true(f"comes back: {form[:80]}", form in body, body[:3000])
    for form in forms[:3]:
        t.expect("without a namespace", configure(t, document(form, namespace="")), "200")
        t.true("the same", form in shown(t).body.decode())


@lfc.case
def LFC_03_a_thousand_rules_and_ids(t):
    t.expect("1,000 rules", configure(t, "".join(rule(scope=scope(f"<Prefix>{i}/</Prefix>")) for i in range(1000))), "200")
    ids = re.findall(r"<ID>([^<]+)</ID>", shown(t).body.decode())
    t.same("ids were made", (len(ids), len(set(ids))), (1000, 1000))
    t.same("an object beside them", t.put("/aaa/x", b"x").headers.get("x-amz-expiration"), None)
    t.true("an object below the last", "rule-id" in t.put("/aaa/999/x", b"x").headers.get("x-amz-expiration", ""))
    t.expect("an empty ID is none", configure(t, rule().replace("<Rule>", "<Rule><ID></ID>")), "200")
    t.true("it gets one", re.search(r"<ID>[^<]+</ID>", shown(t).body.decode()))


@lfc.case
def LFC_04_no_configuration(t):
    t.expect("bucket", t.put("/lfc-none"), "200")
    reply = t.expect("GET", shown(t, "/lfc-none"), "404 NoSuchLifecycleConfiguration")
    t.same("BucketName", reply.value("BucketName"), "lfc-none")
    t.expect("DELETE of nothing", t.delete("/lfc-none", "lifecycle="), "204")
    t.expect("PUT", configure(t, rule(), "/lfc-none"), "200")
    t.expect("GET", shown(t, "/lfc-none"), "200")
    t.expect("DELETE", t.delete("/lfc-none", "lifecycle="), "204")
    t.expect("GET", shown(t, "/lfc-none"), "404 NoSuchLifecycleConfiguration")
    t.same("no header", t.put("/lfc-none/k", b"x").headers.get("x-amz-expiration"), None)
    for method, what in (("PUT", configure(t, rule(), "/lfc-gone")), ("GET", shown(t, "/lfc-gone")),
                         ("DELETE", t.delete("/lfc-gone", "lifecycle="))):
        t.expect(f"{method} without a bucket", what, "404 NoSuchBucket")


@lfc.case
def LFC_05_a_digest_is_required(t):
    t.expect("none", configure(t, rule(), digest=False), "400 InvalidRequest")
    t.expect("wrong", configure(t, rule(), digest=False, headers=[("Content-MD5", md5(b"x"))]), "400 BadDigest")


@lfc.case
def LFC_06_default_minimum_object_size(t):
    for value in ("all_storage_classes_128K", "varies_by_storage_class"):
        reply = t.expect(value, configure(t, rule(), headers=[(MINIMUM, value)]), "200")
        t.same(f"{value}: PUT", reply.headers.get(MINIMUM), value)
        t.same(f"{value}: GET", shown(t).headers.get(MINIMUM), value)
    t.expect("none", configure(t, rule()), "200")
    t.same("the default", shown(t).headers.get(MINIMUM), "all_storage_classes_128K")
    t.expect("unknown", configure(t, rule(), headers=[(MINIMUM, "none")]), "400 InvalidArgument")


def midnight_after(days):
    """As a header tells it. Not asked in the last half minute of a day, so that what follows is of the same one."""
    left = 86400 - time.time() % 86400
    if left < 30:
        time.sleep(left + 1)
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + datetime.timedelta(days=days + 1)).strftime("%a, %d %b %Y %H:%M:%S GMT")


@lfc.case
def LFC_07_when_an_object_expires(t):
    rules = (rule(expire(30), scope("<Prefix>logs/</Prefix>"), "all logs/é") +
             rule(expire(7), scope(TAG.format("short")), "tagged") +
             rule(expire(1), scope("<ObjectSizeGreaterThan>100</ObjectSizeGreaterThan>"), "large", status="Disabled") +
             rule(MARKER, scope("<Prefix>m/</Prefix>"), "markers"))
    t.expect("PUT", configure(t, rules), "200")
    want = f'expiry-date="{midnight_after(30)}", rule-id="all%20logs%2F%C3%A9"'
    week = f'expiry-date="{midnight_after(7)}", rule-id="tagged"'

    def told(label, reply, value):
        t.expect(label, reply, "200 / 206")
        t.same(f"{label}: x-amz-expiration", reply.headers.get("x-amz-expiration"), value)
    told("PUT", t.put("/aaa/logs/a", b"x"), want)
    told("PUT with tags", t.put("/aaa/logs/t", b"x", headers=[("x-amz-tagging", "short=v")]), week)
    told("PUT with other tags", t.put("/aaa/logs/o", b"x", headers=[("x-amz-tagging", "short=w")]), want)
    told("PUT elsewhere", t.put("/aaa/m/a", b"x" * 200), None)
    for path, value in (("logs/a", want), ("logs/t", week), ("m/a", None)):
        told(f"GET {path}", t.get(f"/aaa/{path}"), value)
        told(f"HEAD {path}", t.ask(t.signed("HEAD", f"/aaa/{path}")), value)
    told("range", t.get("/aaa/logs/a", headers=[("Range", "bytes=0-0")]), want)
    told("by version", t.get("/aaa/logs/a", "versionId=null"), None)
    told("copy", t.put("/aaa/logs/c", headers=[("x-amz-copy-source", "/aaa/m/a")]), want)
    told("copy with its tags", t.put("/aaa/m/c", headers=[("x-amz-copy-source", "/aaa/logs/t")]), week)
    upload, parts = t.multipart("/aaa/logs/u", [(1, b"part")], headers=[("x-amz-tagging", "short=v")])
    told("complete", t.complete("/aaa/logs/u", upload, parts), week)
    t.expect("DELETE", t.delete("/aaa", "lifecycle="), "204")
    told("GET without rules", t.get("/aaa/logs/a"), None)


@lfc.case
def LFC_08_when_an_upload_is_aborted(t):
    t.expect("PUT", configure(t, rule(ABORT, scope("<Prefix>up/</Prefix>"), "stale")), "200")
    for path, date, name in (("up/a", midnight_after(7), "stale"), ("a", None, None)):
        reply = t.ask(t.signed("POST", f"/aaa/{path}", "uploads="))
        upload = reply.value("UploadId")
        for label, r in (("CreateMultipartUpload", reply), ("ListParts", t.get(f"/aaa/{path}", f"uploadId={upload}"))):
            t.expect(f"{label} {path}", r, "200")
            t.same(f"{label} {path}", (r.headers.get("x-amz-abort-date"), r.headers.get("x-amz-abort-rule-id")),
                   (date, name))
        t.expect("abort", t.delete(f"/aaa/{path}", f"uploadId={upload}"), "204")


@lfc.case
def LFC_09_rules_that_begin_at_once_do_no_harm(t):
    """With real days nothing goes before midnight; a date in the past is a date that has come."""
    t.expect("bucket", t.put("/lfc-dates"), "200")
    t.put("/lfc-dates/gone/k", b"x")
    t.put("/lfc-dates/kept/k", b"x")
    rules = (rule(expire_at("2020-01-01T00:00:00Z"), scope("<Prefix>gone/</Prefix>")) +
             rule(expire(1), scope("<Prefix>kept/</Prefix>")) +
             rule(expire_at("2100-01-01T00:00:00Z"), scope("<Prefix>kept/</Prefix>")))
    t.expect("PUT", configure(t, rules, "/lfc-dates"), "200")
    t.true("the date has come", t.wait(lambda: t.get("/lfc-dates/gone/k").status == 404, 20))
    t.expect("kept", t.get("/lfc-dates/kept/k"), "200")
