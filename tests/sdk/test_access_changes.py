#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A change of policy, key or user holds for every request that starts after its reply: several people change and use
their rights at the same time, over connections that stay open.
"""
import concurrent.futures
import json
import random
import time

import accounts
from aws import setup
from cases import case, equal, main, true
from people import Caller, Somebody, allow, answer, document, in_bucket

PEOPLE = 6
SECONDS = 3
GET_ALL = document(allow(["s3:GetObject", "s3:PutObject"]))
NOTHING = document(allow("s3:ListAllMyBuckets"))


class Life:
    """One user with a bucket of his own to look at, and all that decides whether he may."""

    def __init__(self, t, number):
        self.t, self.random = t, random.Random(number)
        self.iam, self.s3 = t.session.client("iam"), t.session.client("s3")
        self.bucket = f"life-{t.scheme}-{number}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=b"1")
        self.who = Somebody(t)
        self.name, self.group = self.who.name, f"group-{t.scheme}-{number}"
        self.iam.create_group(GroupName=self.group)
        self.iam.put_group_policy(GroupName=self.group, PolicyName="p", PolicyDocument=GET_ALL)
        self.managed = self.iam.create_policy(PolicyName=self.group, PolicyDocument=GET_ALL)["Policy"]["Arn"]
        self.iam.create_policy_version(PolicyArn=self.managed, PolicyDocument=NOTHING)
        self.boundary = self.iam.create_policy(PolicyName=self.group + "-b", PolicyDocument=NOTHING)["Policy"]["Arn"]
        self.url = self.who.caller.signer.presign("GET", self.who.caller.authority, f"/{self.bucket}/k")
        self.state = dict(inline=False, attached=False, version="v1", member=False, active=True, bounded=False,
                          denied=False, granted=False)

    def inline(self, on):
        self.who.may(*[allow("s3:GetObject")] if on else [])

    def attached(self, on):
        (self.iam.attach_user_policy if on else self.iam.detach_user_policy)(UserName=self.name, PolicyArn=self.managed)

    def version(self, value):
        self.iam.set_default_policy_version(PolicyArn=self.managed, VersionId=value)

    def member(self, on):
        change = self.iam.add_user_to_group if on else self.iam.remove_user_from_group
        change(GroupName=self.group, UserName=self.name)

    def active(self, on):
        self.who.status("Active" if on else "Inactive")

    def bounded(self, on):
        if on:
            self.iam.put_user_permissions_boundary(UserName=self.name, PermissionsBoundary=self.boundary)
        else:
            self.iam.delete_user_permissions_boundary(UserName=self.name)

    def bucket_policy(self):
        statements = []
        if self.state["denied"]:
            statements.append(in_bucket(self.bucket, "s3:GetObject", {"AWS": self.who.arn}, "Deny"))
        if self.state["granted"]:
            statements.append(in_bucket(self.bucket, "s3:GetObject", {"AWS": self.who.arn}))
        if statements:
            self.s3.put_bucket_policy(Bucket=self.bucket, Policy=document(*statements))
        else:
            self.s3.delete_bucket_policy(Bucket=self.bucket)

    def change(self):
        what = self.random.choice(sorted(self.state))
        value = {"v1": "v2", "v2": "v1"}[self.state[what]] if what == "version" else not self.state[what]
        self.state[what] = value
        if what in ("denied", "granted"):
            self.bucket_policy()
        else:
            getattr(self, what)(value)
        return f"{what}={value}"

    def expected(self):
        s = self.state
        if not s["active"]:
            return "InvalidAccessKeyId"
        own = (s["inline"] or (s["attached"] and s["version"] == "v1") or s["member"]) and not s["bounded"]
        return "200" if (own or s["granted"]) and not s["denied"] else "AccessDenied"

    def live(self):
        """Changes and uses; the number of changes."""
        history, until = [], time.monotonic() + SECONDS
        while time.monotonic() < until or len(history) <= 10:
            history.append(self.change())
            for ask in (lambda: self.who.caller.get(self.bucket, "k"), lambda: self.who.caller.send("GET", self.url)):
                got = answer(ask())
                if got != self.expected():
                    raise AssertionError(f"{got}, not {self.expected()} after {history[-6:]}: {self.state}")
        return len(history)


@case
def changes_hold_for_the_next_request(t):
    lives = [Life(t, n) for n in range(PEOPLE)]
    with concurrent.futures.ThreadPoolExecutor(PEOPLE) as pool:
        counts = list(pool.map(Life.live, lives))
    print(f"# changes of each: {counts}")


@case
def a_deny_is_never_late_for_others(t):
    """many connections ask all the time; after the reply to a Deny none of them is let in"""
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    t.s3.put_object(Bucket=name, Key="k", Body=b"1")
    who = Somebody(t, allow("s3:GetObject"))
    closed = [float("inf")]  # since when nobody may get in, and until when
    opened = [0.0]
    stop, wrong, asked = [], [], [0] * 4

    def ask(number):
        caller = Caller(t, who.key["AccessKeyId"], who.key["SecretAccessKey"])
        while not stop:
            start = time.monotonic()
            got = answer(caller.get(name, "k"))
            asked[number] += 1
            since = closed[0]  # read once: the next round sets it before it opens again
            if opened[0] < since < start and got == "200":
                wrong.append("let in after a Deny")
            if got not in ("200", "AccessDenied"):
                wrong.append(got)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(ask, n) for n in range(4)]
        try:
            round_number = 0
            while round_number < 20 or sum(asked) <= 100:
                if round_number % 2:
                    who.may(allow("s3:GetObject"), allow("s3:GetObject", effect="Deny"))
                else:
                    t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:*", {"AWS": who.arn}, "Deny")))
                closed[0] = time.monotonic()
                time.sleep(0.02)
                opened[0] = time.monotonic()
                who.may(allow("s3:GetObject"))
                t.s3.delete_bucket_policy(Bucket=name)
                round_number += 1
        finally:
            stop.append(True)
        for w in work:
            w.result()
    equal(wrong, [], "wrong answers")


@case
def people_come_and_go(t):
    """a deleted user's key and sessions end with him; one of his name is somebody else"""
    name = t.bucket_name()
    t.s3.create_bucket(Bucket=name)
    t.s3.put_object(Bucket=name, Key="k", Body=b"1")
    for _ in range(5):
        who = Somebody(t, allow("*"))
        made = who.client("sts").get_session_token()["Credentials"]
        session = Caller(t, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        t.s3.put_bucket_policy(Bucket=name, Policy=document(in_bucket(name, "s3:GetObject", {"AWS": who.arn})))
        equal(answer(who.caller.get(name, "k")), "200", "a user")
        equal(answer(session.get(name, "k")), "200", "his session")
        who.may()
        who.iam.delete_access_key(UserName=who.name, AccessKeyId=who.key["AccessKeyId"])
        who.iam.delete_user(UserName=who.name)
        true(answer(who.caller.get(name, "k")) == "InvalidAccessKeyId", "his key")
        equal(answer(session.get(name, "k")), "InvalidToken", "his session, afterwards")
        who.iam.create_user(UserName=who.name)
        key = who.iam.create_access_key(UserName=who.name)["AccessKey"]
        namesake = Caller(t, key["AccessKeyId"], key["SecretAccessKey"])
        equal(answer(namesake.get(name, "k")), "AccessDenied", "the policy named the one who is gone")
        equal(answer(session.get(name, "k")), "InvalidToken", "the old session is not the new user's")


@case
def accounts_come_and_go(t):
    for _ in range(3):
        made = accounts.create_account(t.pail, "short-lived")
        caller = Caller(t, made.access_key, made.secret_key)
        equal(answer(caller.list_buckets()), "200", "a new account's root")
        equal(answer(caller.list_buckets()), "200", "again, on the same connection")
        accounts.delete_account(t.pail, made.id)
        equal(answer(caller.list_buckets()), "InvalidAccessKeyId", "the account is gone")


def resident(t):
    with open(f"/proc/{t.pail.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) << 10


@case
def many_policies_take_bounded_memory(t):
    """buckets with policies of 20 KB at their worst: what is kept parsed is bounded"""
    root = Caller(t, t.pail.access_key, t.pail.secret_key)
    who = Somebody(t, allow("s3:GetObject"))
    numbers = list(range(1, 9500))
    before = resident(t)
    for n in range(150):
        name = f"many-{t.scheme}-{n}"
        root.create_bucket(name)
        worst = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{name}",
                 "Condition": {"StringLike": {"aws:UserAgent": ["*"] * 4700}}}
        text = json.dumps({"Version": "2012-10-17", "Statement": worst}, separators=(",", ":")).encode()
        equal(answer(root.request("PUT", name, query=["policy"], body=text)), "204", f"{len(text)} bytes")
        equal(answer(who.caller.get(name, "k")), "AccessDenied", "who may not list does not learn")
    grown = resident(t) - before
    true(grown < 160 << 20, f"{grown >> 20} MiB for {len(numbers)} values in 150 policies")


if __name__ == "__main__":
    main("sdk-access-changes", setup)
