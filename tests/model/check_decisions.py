#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Works out the rows of tests/unit/server/iam/decisions.txt naively: a second evaluator of AWS's policy language, written
from the documents for plainness alone, that shares nothing with server/iam but that file.

    check_decisions.py [FILE]

A row that says what this does not say is reported; one of the three (row, server, this) is wrong then.
"""
import base64
import binascii
import datetime
import decimal
import ipaddress
import json
import pathlib
import re
import sys

ROWS = pathlib.Path(__file__).resolve().parents[1] / "unit" / "server" / "iam" / "decisions.txt"
ACCOUNT, OTHER = "111122223333", "444455556666"
ME = {
    "anonymous": {},
    "root": {"account": ACCOUNT},
    "user": {"account": ACCOUNT, "self": {f"arn:aws:iam::{ACCOUNT}:user/team/ann", "AIDA00000000000000001"}},
    "role": {"account": ACCOUNT, "self": {f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/job-1"},
             "issuer": {f"arn:aws:iam::{ACCOUNT}:role/svc/reader", "AROA00000000000000001"}},
    "federated": {"account": ACCOUNT, "self": {f"arn:aws:sts::{ACCOUNT}:federated-user/guest"},
                  "issuer": {f"arn:aws:iam::{ACCOUNT}:user/team/ann"}},
    "service": {"self": {"logging.s3.amazonaws.com"}},
}
CANONICAL = "a" * 64


def listed(value):
    return value if isinstance(value, list) else [value]


# ---- patterns --------------------------------------------------------------------------------------------------------


def glob(pattern, text):
    """pattern: a list of characters, the wildcards as ('*',) and ('?',)."""
    if not pattern:
        return not text
    if pattern[0] == ("*",):
        return any(glob(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in (("?",), text[0]) and glob(pattern[1:], text[1:])


def spelt(text, facts=None, wildcards=True):
    """The pattern that a text of a policy means; None: a variable without a value. facts None: no variables."""
    found, rest = [], text
    while rest:
        variable = re.match(r"\$\{([^}]*)\}", rest) if facts is not None else None
        if variable:
            rest = rest[variable.end():]
            name, _, default = variable.group(1).partition(",")
            if name in ("*", "?", "$"):
                value = name
            else:
                value = facts.get(name, [None])[0]
                if value is None and default:
                    value = default.strip().strip("'")
            if value is None:
                return None
            found += list(value)
        else:
            found.append((rest[0],) if wildcards and rest[0] in "*?" else rest[0])
            rest = rest[1:]
    return found


def arn_parts(text):
    """Divided at colons, but not at those inside a variable."""
    parts = re.findall(r"((?:\$\{[^}]*\}|[^:])*)(?::|$)", text)[:5]
    at = sum(len(p) + 1 for p in parts)
    return parts + [text[at:]] if len(parts) == 5 and 0 < at <= len(text) and text[at - 1] == ":" else None


def arn_matches(pattern, text, facts):
    """Part by part; None: a variable in the pattern has no value."""
    if pattern == "*":
        return True
    wanted, parts = arn_parts(pattern), arn_parts(text)
    if not wanted or not parts:
        return False
    bound = [spelt(part, facts) for part in wanted]
    if None in bound:
        return None
    return all(glob(p, t) for p, t in zip(bound, parts))


# ---- conditions ------------------------------------------------------------------------------------------------------


class Facts:
    """Condition keys of a request; names in any case, but the tags of objects as they are."""

    def __init__(self, text):
        self.values = {}
        for fact in text.split(";") if text else []:
            name, equals, values = fact.partition("=")
            self.values[self.name(name)] = values.split("|") if equals else []

    @staticmethod
    def name(name):
        family, slash, tag = name.partition("/")
        keeps = family.lower() in ("s3:existingobjecttag", "s3:requestobjecttag")
        return family.lower() + slash + (tag if keeps else tag.lower())

    def get(self, name, default=None):
        return self.values.get(self.name(name)) or default


def number(text):
    if not re.fullmatch(r"[+-]?\d+(\.\d*)?", text):
        raise ValueError(text)
    return decimal.Decimal(text)


def date(text):
    if re.fullmatch(r"\d{9,}", text):
        return datetime.datetime.fromtimestamp(int(text), datetime.timezone.utc)
    parsed = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)


def boolean(text):
    return {"true": True, "false": False}[text.lower()]


def address(text):
    net = ipaddress.ip_network(text, strict=False)
    if net.version == 6 and net.network_address.ipv4_mapped:
        return ipaddress.ip_network(f"{net.network_address.ipv4_mapped}/{max(0, net.prefixlen - 96)}", strict=False)
    return net


def inside(net, one):
    return net.version == one.version and one.subnet_of(net)


def compared(read, compare):
    """A test of a request's value that is to be read in some way; what cannot be read matches nothing."""
    def test(wanted, text, _facts):
        try:
            return compare(read(text), read(wanted))
        except (ValueError, KeyError, binascii.Error):
            return False
    test.read = read
    return test


def string(wildcards, fold):
    def test(wanted, text, facts):
        pattern = spelt(wanted.lower() if fold and facts is None else wanted, facts, wildcards)
        if pattern is None:
            return False
        if fold:
            return "".join(pattern).lower() == text.lower()
        return glob(pattern, text)
    return test


def arn_like(wanted, text, facts):
    return bool(arn_matches(wanted, text, facts))


def binary(wanted, text, _facts):
    return base64.b64decode(wanted, validate=True) == text.encode()


ORDERS = {"Equals": lambda a, b: a == b, "LessThan": lambda a, b: a < b, "LessThanEquals": lambda a, b: a <= b,
          "GreaterThan": lambda a, b: a > b, "GreaterThanEquals": lambda a, b: a >= b}
TESTS = {"StringEquals": string(False, False), "StringEqualsIgnoreCase": string(False, True),
         "StringLike": string(True, False), "Bool": compared(boolean, ORDERS["Equals"]), "BinaryEquals": binary,
         "IpAddress": compared(address, lambda one, net: inside(net, one)), "ArnEquals": arn_like, "ArnLike": arn_like,
         **{f"Numeric{name}": compared(number, order) for name, order in ORDERS.items()},
         **{f"Date{name}": compared(date, order) for name, order in ORDERS.items()}}
NEGATED = {"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
           "StringNotLike": "StringLike", "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals",
           "NotIpAddress": "IpAddress", "ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike"}


def taken_apart(operator):
    """(quantifier, name, IfExists)"""
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    return quantifier, name[:-len("IfExists")] if if_exists else name, if_exists


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value)


def test_holds(operator, key, wanted, facts, variables):
    quantifier, name, if_exists = taken_apart(operator)
    wanted, values = [text_of(w) for w in listed(wanted)], facts.get(key)
    if name == "Null":
        return any(boolean(w) == (values is None) for w in wanted)
    negated, test = name in NEGATED, TESTS[NEGATED.get(name, name)]
    if values is None:
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    passing = [any(test(w, v, facts if variables else None) for w in wanted) != negated for v in values]
    return all(passing) if quantifier == "ForAllValues" else any(passing)


def conditions_hold(condition, facts, variables):
    return all(test_holds(operator, key, wanted, facts, variables)
               for operator, keys in condition.items() for key, wanted in keys.items())


def is_refused(condition):
    """Of the reasons to refuse a document those that concern conditions."""
    for operator, keys in condition.items():
        quantifier, name, if_exists = taken_apart(operator)
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or (name == "Null" and if_exists):
            return True
        test = TESTS.get(NEGATED.get(name, name))
        if not test and name != "Null":
            return True
        for values in keys.values():
            for value in map(text_of, listed(values)):
                try:
                    read = boolean if name == "Null" else getattr(test, "read", None)
                    if read:
                        read(value)
                    elif name == "BinaryEquals":
                        base64.b64decode(value, validate=True)
                    elif re.search(r"\$\{[^}]*$", value):
                        return True
                except (ValueError, KeyError, binascii.Error):
                    return True
    return False


# ---- statements ------------------------------------------------------------------------------------------------------


def is_account(who, me):
    return "account" in me and (who in (me["account"], f"arn:aws:iam::{me['account']}:root") or who == CANONICAL)


def naming(statement, me):
    """How a statement of a bucket's policy names the caller: None, account, issuer, self or all."""
    member = statement.get("Principal", statement.get("NotPrincipal"))
    names = ["*"] if member == "*" else [n for value in member.values() for n in listed(value)]
    of_self = {n for n in names if n in me.get("self", ()) or ("self" not in me and is_account(n, me))}
    of_issuer = {n for n in names if n in me.get("issuer", ())}
    of_account = {n for n in names if is_account(n, me)}
    if "NotPrincipal" in statement:
        excepted = "*" in names or (of_self and (of_issuer or "issuer" not in me) and (of_account or "account" not in me))
        return None if excepted else "all"
    return ("all" if "*" in names else "self" if of_self else "issuer" if of_issuer else "account" if of_account
            else None)


def applies(statement, version, action, resource, facts):
    known = facts if version else None
    name = "NotAction" if "NotAction" in statement else "Action"
    if any(glob(spelt(a.lower()), action.lower()) for a in listed(statement[name])) == (name == "NotAction"):
        return False
    name = "NotResource" if "NotResource" in statement else "Resource"
    if not resource and action.lower().startswith("s3:"):
        resource = "arn:aws:s3:::*"
    found = [arn_matches(pattern, resource, known) for pattern in listed(statement[name])]
    if name == "NotResource" and None in found and True not in found and statement["Effect"] == "Allow":
        # What the variable would have been is not known; whatever it could have been is excepted.
        free = [re.sub(r"\$\{[^}]*\}", "*", p) for p in listed(statement[name])]
        found = [arn_matches(pattern, resource, known) for pattern in free]
    if (True in found) == (name == "NotResource"):
        return False
    return conditions_hold(statement.get("Condition", {}), facts, version)


class Asked:
    """What all policies of one kind say: whether one denies, and the closest naming that allows."""

    CLOSE = (None, "account", "issuer", "self", "all")

    def __init__(self, policies, me, action, resource, facts):
        self.denies, self.allows = False, None
        for version, statements in policies:
            for statement in statements:
                how = naming(statement, me) if "Principal" in statement or "NotPrincipal" in statement else "all"
                if not how or not applies(statement, version, action, resource, facts):
                    continue
                if statement["Effect"] == "Deny":
                    self.denies = True
                elif self.CLOSE.index(how) > self.CLOSE.index(self.allows):
                    self.allows = how


# ---- lists -----------------------------------------------------------------------------------------------------------

NEEDS = {"bucket": {"READ": ("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"),
                    "WRITE": ("PutObject", "DeleteObject"), "READ_ACP": ("GetBucketAcl",), "WRITE_ACP": ("PutBucketAcl",)},
         "object": {"READ": ("GetObject", "GetObjectVersion"), "WRITE": (),
                    "READ_ACP": ("GetObjectAcl", "GetObjectVersionAcl"),
                    "WRITE_ACP": ("PutObjectAcl", "PutObjectVersionAcl")}}


def granted(row, me, action):
    """To whom lists give what the action needs: a set of everyone, authenticated, own."""
    found = set()
    for kind in ("bucket", "object"):
        for grant in filter(None, row.get(f"{kind}-acl", "").split("+")):
            who, permission = grant.split(":")
            if row.get("ignore-public") and who in ("everyone", "authenticated"):
                continue
            gives = NEEDS[kind] if permission == "FULL_CONTROL" else {permission: NEEDS[kind][permission]}
            if any(action.removeprefix("s3:") in actions for actions in gives.values()):
                found.add(who)
    return found & ({"everyone", "authenticated", "own"} if "account" in me else {"everyone"})


# ---- decisions -------------------------------------------------------------------------------------------------------

# What the owner of an object decides; all else is the bucket's owner's.
OF_THE_OBJECT = [action for actions in NEEDS["object"].values() for action in actions]


def decide(caller, action, resource, row, facts):
    me, name = ME[caller], action.removeprefix("s3:")
    bucket_owner = OTHER if row.get("other") else ACCOUNT
    owner = bucket_owner
    if row.get("object") and name in OF_THE_OBJECT:
        owner = ACCOUNT if row["object"] == "own" else OTHER
    if caller == "root" and bucket_owner == ACCOUNT and not row["session"] and \
            name in ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"):
        return "allow"
    said = {kind: Asked([] if caller == "root" and kind in ("identity", "group", "boundary") else row[kind],
                        me, action, resource, facts) for kind in ("identity", "group", "boundary", "session", "bucket")}
    if any(s.denies for s in said.values()):
        return "DENY"
    lists, given = granted(row, me, action), said["bucket"].allows
    if owner != bucket_owner or (row.get("restricted") and bucket_owner != me.get("account") and caller != "service" and
                                 any(is_public(statements) for _, statements in row["bucket"])):
        given = None
    if "account" not in me:
        return "allow" if given or "everyone" in lists else "deny"
    in_boundary = caller == "root" or not row["boundary"] or bool(said["boundary"].allows)
    in_session = not row["session"] or bool(said["session"].allows)
    own = (caller == "root" or said["identity"].allows or said["group"].allows) and in_boundary and in_session and \
        (caller != "federated" or row["session"])
    if owner != ACCOUNT:
        return "allow" if own and (given or lists) else "deny"
    directly = given == "all" or (given == "self" and (caller in ("role", "federated") or in_session)) or \
        (given == "issuer" and in_boundary and in_session)
    return "allow" if own or directly or lists & {"everyone", "authenticated"} else "deny"


# ---- public ----------------------------------------------------------------------------------------------------------

FIXED = ("aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:userid",
         "aws:principalorgid", "aws:principalarn", "aws:principalaccount", "s3:dataaccesspointaccount",
         "s3:x-amz-server-side-encryption-aws-kms-key-id")


def restricts(operator, key, values):
    quantifier, name, if_exists = taken_apart(operator)
    if if_exists or quantifier == "ForAllValues" or name in NEGATED:
        return False
    if name == "IpAddress":
        return all(address(v).prefixlen >= (8 if address(v).version == 4 else 32) for v in listed(values))
    wild = "*?" if name in ("StringLike", "ArnLike", "ArnEquals") else ""
    return name in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike") and \
        key.lower() in FIXED and not any("${" in v or any(c in v for c in wild) for v in listed(values))


def is_public(statements):
    for statement in statements:
        member = statement.get("Principal")
        anyone = member == "*" or any(kind == "Federated" or "*" in listed(names) for kind, names in member.items())
        fixed = any(restricts(operator, key, values) for operator, keys in statement.get("Condition", {}).items()
                    for key, values in keys.items())
        if statement["Effect"] == "Allow" and anyone and not fixed:
            return True
    return False


# ---- the file --------------------------------------------------------------------------------------------------------


def options(words, named):
    row = {kind: [] for kind in ("identity", "group", "boundary", "session", "bucket")}
    for word in words:
        name, _, value = word.partition("=")
        row[name] = [named[n] for n in value.split("+")] if name in row else value or True
    return row


def main(path):
    named, condition, rows, wrong = {}, None, 0, 0
    for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word, _, rest = line.partition(" ")
        if not line or word in ("#", "=="):
            continue
        if word in ("policy", "old", "bucket"):
            name, _, statements = rest.partition(" = ")
            named[name] = (word != "old", json.loads(f"[{statements}]"))
            continue
        if word == "when":
            condition = json.loads(rest)
            continue
        rows += 1
        if word in ("yes", "no"):
            found = "yes" if conditions_hold(condition, Facts(rest), True) else "no"
        elif word == "refused":
            found = "refused" if is_refused(json.loads(rest)) else "taken"
        elif word in ("public", "fixed"):
            found = "public" if is_public(json.loads(f"[{rest}]")) else "fixed"
        else:
            question, _, facts = rest.partition(" with ")
            caller, action, resource, *words = question.split(" ")
            resource = resource if resource.startswith("arn:") else "" if resource == "-" else f"arn:aws:s3:::{resource}"
            found = decide(caller, action, resource, options(words, named), Facts(facts))
        if found != word:
            wrong += 1
            print(f"FAIL line {line_number}: {line}: naively {found}")
    print(f"{rows} rows, {wrong} wrong")
    return 1 if wrong or rows < 800 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
