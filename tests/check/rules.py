#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that no compiler knows: `make check-rules`.

Who may include what, which functions are banned, how secrets are compared, a licence
line and an opening comment in every file. Each rule is a row or a function below;
a line that must break a banned-function rule says why in a comment `/* rules: ... */`.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Where a library may be named. Everywhere else its header is refused.
HOMES = [
    (r"<lmdb\.h>", r"storage/(index_lmdb|lmdb_\w+|longkey)\.[ch]|include/index_lmdb\.h|tests/.*", "LMDB"),
    (r"<zstd\.h>", r"storage/frames\.c|tests/.*", "libzstd"),
    (r"<rados/", r"storage/\w*_rados\.[ch]", "librados"),
    (r"<seccomp\.h", r"server/sandbox\.c", "libseccomp"),
    (r"<curl/", r"server/http_client\.c", "libcurl"),
    (r"<argon2", r"server/admin_api/sealed\.c", "libargon2"),
    (r"<jansson", r"server/(iam|api|auth|admin_api)/.*|server/\w*\.[ch]|admin/.*|storage/keyring\w*\.[ch]|tests/.*", "jansson"),
    (r"<libxml/", r"server/xml/.*|server/serve\.c|tests/.*", "libxml2"),
    (r"<event2/|<event\.h>", r"server/(loop|listener|conn\w*|tls|outbound|serve)\.[ch]|tests/.*", "libevent"),
]
# What a folder must never include, as patterns of the text between the quotes or brackets.
DIRECTIONS = [
    ("include/", r"server/|storage/|admin/|event2/|libxml/|lmdb\.h|openssl/ssl", "include/ holds only contracts"),
    ("storage/base/", r"server/|admin/|storage/(?!base/)|event2/|libxml/|lmdb\.h|http", "storage/base/ is the lowest layer"),
    ("storage/", r"server/|admin/|event2/|libxml/|openssl/ssl|curl/|http\.h|s3_error", "storage/ knows no protocol"),
    ("server/", r"storage/|admin/|lmdb\.h|rados/", "server/ never sees how things are stored"),
    ("admin/", r"storage/|server/|lmdb\.h|rados/", "admin/ uses public headers only"),
]
DIRECTION_EXCEPTIONS = {"server/backends.c"}  # the one file that wires concrete backends

BANNED = {
    "strcpy": "bytes with lengths", "strcat": "struct buf", "strncpy": "bytes with lengths", "strncat": "struct buf",
    "sprintf": "snprintf or struct buf", "vsprintf": "vsnprintf", "gets": "read", "strtok": "bytes_cut",
    "strtok_r": "bytes_cut", "atoi": "a parser that tells errors", "atol": "a parser that tells errors",
    "atoll": "a parser that tells errors", "atof": "a parser that tells errors", "alloca": "an arena",
    "system": "nothing", "popen": "nothing", "tmpnam": "O_TMPFILE", "mktemp": "O_TMPFILE", "asctime": "strftime",
    "ctime": "strftime", "localtime": "localtime_r", "gmtime": "gmtime_r", "rand": "base/rand.h", "srand": "base/rand.h",
    "random": "base/rand.h", "syncfs": "fsync", "setjmp": "an error code", "longjmp": "an error code",
}
SECRET = r"secret|signature|password|hmac|digest_hex|mac\b|seed_sig"
COMPARE = r"\b(?:memcmp|strcmp|strncmp|strcasecmp|bytes_eq|bytes_equal|bytes_cmp)\s*\("

failures = []


def fail(path, line, text):
    failures.append(f"{path}:{line}: {text}")


def tracked():
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    return [p for p in done.stdout.splitlines() if os.path.isfile(os.path.join(ROOT, p))]


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def without_comments_and_strings(text):
    """The code alone, with every line where it was."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def check_licence(path, text):
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n", 5)[:5]):
        fail(path, 1, "the first lines lack 'SPDX-License-Identifier: Apache-2.0'")


def check_opening_comment(path, text):
    """A .c file opens with its idea: a comment right after the licence, before any code."""
    head = text.split("#include", 1)[0]
    words = re.sub(r"SPDX-License-Identifier: Apache-2\.0|[^A-Za-z ]", " ", head).split()
    if len(words) < 6:
        fail(path, 1, "no opening comment that says what the file is for")


def check_includes(path, text):
    # Folders are tried from the longest name, so that storage/base/ wins over storage/.
    rule = next((r for r in DIRECTIONS if path.startswith(r[0])), None)
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        spelled = match.group(1) + match.group(2)
        for header, home, library in HOMES:
            if re.match(header.rstrip(">"), spelled) and not re.fullmatch(home, path):
                fail(path, number, f"{library} has its own homes; {path} is none of them")
        own = rule and match.group(2).startswith(rule[0])
        if rule and path not in DIRECTION_EXCEPTIONS and not own and re.match(rule[1], match.group(2)):
            fail(path, number, f"includes {match.group(2)}: {rule[2]}")


def check_banned(path, text, code):
    lines = text.splitlines()
    for number, line in enumerate(code.splitlines(), 1):
        for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
            if name in BANNED and "rules:" not in lines[number - 1]:
                fail(path, number, f"{name}() is banned here; use {BANNED[name]}")


def check_secrets(path, text, code):
    lines = text.splitlines()
    for number, line in enumerate(code.splitlines(), 1):
        found = re.search(COMPARE + r"(.*)", line)
        if found and re.search(SECRET, found.group(1), re.I) and "rules:" not in lines[number - 1]:
            fail(path, number, "a secret is compared in constant time: CRYPTO_memcmp")


def check_words(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not path.endswith("rules.py"):
            fail(path, number, "finish it or leave it out")


# A function or object that other files can see: at the left edge, not static, with a body or a value.
DEFINED = re.compile(r"^(?!static\b|typedef\b|extern\b|struct \w+ \{|union \w+ \{|enum \w+ \{|return\b)[A-Za-z_][\w \t*]*?\b(\w+)"
                     r"(?:\((?:[^;{}]*)\)\n\{|(?:\[[^\]\n]*\])*(?: =|;))", re.M)
BODY = re.compile(r"^(?:static |const )*(?:struct|union) (\w+) \{", re.M)


def check_names(codes):
    """
    No name that several files share has two meanings. The linker takes one of two functions of a library without a word
    when nothing else of the other's file is needed; and a debugger, like a reader, takes one struct for the other.
    """
    functions, bodies = {}, {}
    for path, code in codes.items():
        if path.endswith(".c"):
            for match in DEFINED.finditer(code):
                functions.setdefault(match.group(1), []).append((path, code.count("\n", 0, match.start()) + 1))
            continue
        for match in BODY.finditer(code):
            bodies.setdefault(match.group(1), []).append((path, code.count("\n", 0, match.start()) + 1))
    if len(functions) < 500 or len(bodies) < 100:
        fail("tests/check/rules.py", 1, "check_names finds hardly anything")
    for name, places in [*functions.items(), *bodies.items()]:
        for path, line in places[1:]:
            if path != places[0][0]:  # within a file it is the other side of an #if
                fail(path, line, f"{name} is defined in {places[0][0]}, too")


def check_promises(path="docs/promises.md"):
    """Each test that the page names exists: `crash/run_kill.py at_a_call`, `lib/envtrap.c`."""
    named = 0
    for number, line in enumerate(text_of(path).splitlines(), 1):
        for file, name in re.findall(r"`((?:crash|lib|sdk|unit|wire)/[\w/]+\.(?:py|c))(?: (\w+))?`", line):
            named += 1
            if not os.path.isfile(os.path.join(ROOT, "tests", file)):
                fail(path, number, f"there is no tests/{file}")
            elif name and not re.search(rf"^ *def {name}\(|^Test\(\w+, {name}\b", text_of(f"tests/{file}"), re.M):
                fail(path, number, f"tests/{file} has no {name}")
    if not named:
        fail(path, 1, "it names no test")


def check_headers_alone(headers):
    """A public header compiles without anything before it."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    flags = subprocess.run(["pkg-config", "--cflags", "libxml-2.0", "libevent", "openssl"], capture_output=True, text=True)
    for path in headers:
        done = subprocess.run([compiler, "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Iinclude", "-I.", "-x", "c",
                               *flags.stdout.split(), path], cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            fail(path, 1, "does not compile on its own:\n    " + done.stderr.strip().replace("\n", "\n    ")[:800])


def main():
    files = tracked()
    sources = [p for p in files if re.match(r"(include|server|storage|admin|tests)/.*\.[ch]$", p)]
    licensed = [p for p in files if re.search(r"\.(c|h|def|py|sh|mjs|js|go|java)$|^Makefile$|^tests/run$|^\.ci/run$", p)]
    for path in licensed:
        check_licence(path, text_of(path))
    codes = {}
    for path in sources:
        text = text_of(path)
        code = without_comments_and_strings(text)
        if not path.startswith("tests/"):
            codes[path] = code
        if path.endswith(".c"):
            check_opening_comment(path, text)
        check_includes(path, text)
        check_words(path, text)
        if not path.startswith("tests/"):
            check_banned(path, text, code)
            check_secrets(path, text, code)
    check_names(codes)
    check_promises()
    check_headers_alone([p for p in sources if p.endswith(".h") and not p.startswith("tests/")])
    for text in failures:
        print(text, file=sys.stderr)
    if not failures:
        print(f"rules: {len(licensed)} files, {len(sources)} sources, nothing to complain about")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
