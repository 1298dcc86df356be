#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The handbook in docs/ agrees with the program, and its links lead somewhere.

    docs.py             checks, as the suite `docs` does; PAIL_BINARY names the program (build/release/pail)
    docs.py --write     makes docs/settings.md and docs/operations.md anew

Settings come from `pail server --help`, operations from server/ops.c and the tables beside it, and so do the two pages,
word for word. Pages may name only commands, flags and variables that exist; each block of shell that
tests/sdk/test_handbook.py does not run says why.
"""
import glob
import html
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("PAIL_BUILD", os.path.join(ROOT, "build")))
BINARY = os.environ.get("PAIL_BINARY", os.path.join(BUILD, "release", "pail"))
# Variables that are read elsewhere than in the settings table.
OTHER_VARIABLES = {"PAIL_CONFIG_FILE", "PAIL_DIR", "PAIL_MASTER_KEY", "PAIL_ENDPOINT", "PAIL_CIPHER_LIBRARY"}
MADE = "<!-- Made by tests/check/docs.py --write. Do not edit. -->\n"

# What a table of operations cannot say. Each name has to be an operation that works.
NOTES = {
    "PutBucketAccelerateConfiguration": "kept and shown; it changes nothing",
    "PutBucketRequestPayment": "kept and shown; nobody is billed",
    "PutBucketAcl": "for buckets whose ownership allows access lists; new ones have none, as on AWS",
    "PutObjectAcl": "for buckets whose ownership allows access lists; new ones have none, as on AWS",
    "PutBucketEncryption": "AES256 and aws:kms, with keys of `pail key`",
    "RestoreObject": "the object becomes readable for that many days; no bytes move",
    "CopyObject": "moves no bytes within a server",
    "PostObject": "uploads by forms of browsers",
    "OptionsBucket": "CORS preflight, for objects, too",
}
EXTRA = {"BUCKET": ["OptionsBucket"], "OBJECT": ["PostObject"]}  # no model has them
# Why they are not there.
KINDS = {"OLD": None,  # another row has the same request, with its newer name
         "DIRECTORY": "directory buckets", "LAMBDA": "Object Lambda"}
FAMILIES = [("Metadata", "metadata tables"), ("Analytics", "analytics, inventory, request metrics"),
            ("Inventory", "analytics, inventory, request metrics"), ("MetricsConf", "analytics, inventory, request metrics"),
            ("IntelligentTiering", "intelligent tiering"), ("Replication", "replication"), ("Website", "static websites"),
            ("Annotation", "annotations"), ("Notification", "event notifications"), ("Logging", "server access logs (use the "
             "audit log)"), ("Abac", "access by tags of buckets as a setting"), ("Select", "S3 Select"),
            ("Torrent", "BitTorrent"), ("UpdateObjectEncryption", "exchanging the key of an object in place")]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def help_of(*command):
    return subprocess.run([BINARY, *command, "--help"], check=True, capture_output=True, text=True).stdout


# ---- what is made ----

def settings():
    """(flag or None, value, variables, default, live, help) of each."""
    rows = re.findall(r"^  (--[\w-]+|\(environment\)) (\S+) +(.+)\n {3,}((?:PAIL|MINIO)_.*)$", help_of("server"), re.M)
    for flag, value, words, rest in rows:
        live = rest.endswith(" *")
        names, _, default = (rest[:-2] if live else rest).partition("; default ")
        yield (None if flag.startswith("(") else flag), value, names.split(", "), default, live, words


def cell(text):
    return text.replace("|", "\\|")


def in_cell(text):
    """Words for people: placeholders such as <x> and tables' own character stay visible."""
    return cell(html.escape(text, quote=False))


def settings_page():
    out = [MADE, "# All settings\n",
           "[Configure](configure.md) says where they are written and which of them counts when several do.\n",
           "Those marked **live** may be changed while the server runs: in the settings file, followed by SIGHUP, in the web console, or by",
           "`mc admin config set ALIAS pail NAME=VALUE` (the flag's name with `_` for `-`). The others wait for a restart.\n",
           "| flag | variables | default | what it does |", "|---|---|---|---|"]
    for flag, value, names, default, live, words in settings():
        left = f"`{flag} {value}`" if flag else f"none; a variable alone, {value}"
        variables = " ".join(f"`{name}`" for name in names)
        default = f"`{default}`" if default else ""
        default = default.replace(",", ", ") if len(default) > 30 else default
        out.append(f"| {cell(left)} | {variables} | {cell(default)} | {in_cell(words)}{'; **live**' if live else ''} |")
    return "\n".join(out) + "\n"


def model():
    """name -> (kind, level) of every operation of S3's model."""
    rows = [row.split(", ") for row in re.findall(r"^S3_MODEL_OP\((.*)\)$", read("server/ops_model.def"), re.M)]
    return {row[0]: (row[-1], row[2]) for row in rows}


def handled():
    return re.findall(r'\{\.name = "(\w+)",(?:(?!\.name)[^}])*?\.handle = (?!NULL)', read("server/ops.c"))


def why_not(name, kind):
    if kind in KINDS:
        return KINDS[kind]
    found = next((words for part, words in FAMILIES if part in name), None)
    if not found:
        raise SystemExit(f"docs.py: say in FAMILIES what {name} belongs to")
    return found


def query_actions(service):
    names = set()
    for path in glob.glob(os.path.join(ROOT, "server", "iam", "*.c")):
        names.update(re.findall(r'\{"([A-Z]\w+)", QUERY_' + service + r"\b", read(path)))
    return sorted(names)


def wrapped(names, width=140):
    """A list of names, in lines."""
    names, lines = list(names), [""]
    for i, name in enumerate(names):
        word = name + ("," if i + 1 < len(names) else ".")
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


def operations_page():
    known, here = model(), set(handled())
    for name in NOTES:
        if name not in here:
            raise SystemExit(f"docs.py: NOTES speaks of {name}, which does not work")
    lacking = {}
    for name, (kind, _) in known.items():
        if name not in here and kind != "OLD":
            lacking.setdefault(why_not(name, kind), []).append(name)
    works = [name for name in known if name in here]
    total = sum(kind != "OLD" for kind, _ in known.values())
    out = [MADE, "# What works\n",
           f"Of S3's {total} operations {len(works)} work and {total - len(works)} answer `NotImplemented`: nothing that asks for one of those is",
           "accepted and then goes without. Made from the tables in [server/ops.c](../server/ops.c) and",
           "[server/ops_model.def](../server/ops_model.def), which tests compare with Amazon's own model of S3.\n"]
    for level, title in (("SERVICE", "Of the server"), ("BUCKET", "Of buckets"), ("OBJECT", "Of objects")):
        names = [n for n in works if known[n][1] == level]
        names += [n for n in EXTRA.get(level, ()) if n in here]
        out += [f"## {title}\n", wrapped(names), ""]
        notes = [f"* {n}: {NOTES[n]}." for n in names if n in NOTES]
        out += notes + [""] * bool(notes)
    out += ["## What S3 has and Pail lacks\n", "| subject | operations |", "|---|---|"]
    out += [f"| {words} | {', '.join(names)} |" for words, names in sorted(lacking.items())]
    control = sorted(name for name in here - set(known) if "AccountPublicAccessBlock" in name)
    out += ["", "## S3 Control\n", wrapped(control), "", "## IAM\n", wrapped(query_actions("IAM")), "",
            "## STS\n", wrapped(query_actions("STS")), "", "## MinIO's admin API, as `mc admin` speaks it\n"]
    rows = re.findall(r'^    [A-Z]+\((?:\w+, )?"([^"]+)", "Admin\w+", "\w+"(?:, \w+)?,\s+(\w+)\)', read("server/admin_api/routes.c"), re.M)
    there = {what for what, does in rows if does not in ("admin_not_here", "admin_list_nothing")}
    out += [wrapped(f"`{what}`" for what in sorted(there)), "",
            "These answer that Pail has no such thing, or with an empty list:\n",
            wrapped(f"`{what}`" for what in sorted({what for what, _ in rows} - there)), "",
            "Pail's own paths below `/pail/v1` are in [openapi.yaml](openapi.yaml)."]
    return "\n".join(out) + "\n"


PAGES = {"docs/settings.md": settings_page, "docs/operations.md": operations_page}


# ---- what is checked ----

def pages():
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"], cwd=ROOT,
                          check=True, capture_output=True, text=True)
    return sorted(path for path in done.stdout.splitlines() if os.path.isfile(os.path.join(ROOT, path)))


def handbook():
    return [path for path in pages() if path.startswith("docs/")]


def without_code(text):
    """Blocks and `words` of code go, lines stay."""
    text = re.sub(r"^( *)```.*?^\1```$", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.M | re.S)
    text = re.sub(r"^(?: {4,}|\t)\S.*$", "", text, flags=re.M) if "```" not in text else text
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """As forges name headings."""
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?) *$", re.sub(r"^```.*?^```$", "", read(path), flags=re.M | re.S), re.M):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        number = seen[name] = seen.get(name, -1) + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def generated_pages():
    wrong = [path for path, make in PAGES.items()
             if not os.path.exists(os.path.join(ROOT, path)) or read(path) != make()]
    return [f"{path} is not what tests/check/docs.py --write makes" for path in wrong]


def links():
    problems = []
    for path in pages():
        for number, line in enumerate(without_code(read(path)).splitlines(), 1):
            for target in re.findall(r"\]\(<?([^)>\s]+)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                to = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
                if not os.path.exists(os.path.join(ROOT, to)):
                    problems.append(f"{path}:{number}: there is no {to}")
                elif anchor and to.endswith(".md") and anchor not in anchors(to):
                    problems.append(f"{path}:{number}: {to} has no heading #{anchor}")
    return problems


def index_is_complete():
    """docs/README.md leads to every page."""
    text = read("docs/README.md")
    return [f"docs/README.md does not lead to {name}" for name in sorted(os.listdir(os.path.join(ROOT, "docs")))
            if name != "README.md" and f"]({name})" not in text]


def commands():
    return dict.fromkeys(re.findall(r"^  pail ([a-z]+)", help_of(), re.M))


def names_exist():
    """Commands, flags and variables of the handbook and the README."""
    known = commands()
    flags = {"--help", "--version"}
    for command in known:
        flags.update(re.findall(r"--[a-z][a-z-]+", help_of(command)))
    variables = OTHER_VARIABLES | {name for row in settings() for name in row[2]}
    problems = []
    for path in [*handbook(), "README.md"]:
        if path == "docs/promises.md":  # it speaks of the tests' own
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            where = f"{path}:{number}: "
            for command in re.findall(r"(?:`|^ *(?:sudo )?)pail ([a-z]+)\b", line):
                if command not in known:
                    problems.append(f"{where}there is no `pail {command}`")
            for name in re.findall(r"\bPAIL_[A-Z0-9_]+\b", line):
                if name not in variables:
                    problems.append(f"{where}there is no {name}")
            for part in re.findall(r"(?:`|^ *(?:sudo )?)pail [a-z][^`|]*", line) + re.findall(r"`(--[a-z][^`]*)`", line):
                for flag in re.findall(r"(?<!\S)--[a-z][a-z-]+", part.split("#")[0]):
                    if flag not in flags and not re.search(r"\b(aws|mc|curl|make)\b", line):
                        problems.append(f"{where}there is no {flag}")
    return problems


def blocks_are_marked():
    """A block of shell is run, or says why not; no other kind of block holds commands."""
    problems = []
    for path in handbook():
        lines, inside = read(path).splitlines(), False
        for number, line in enumerate(lines, 1):
            if not line.startswith("```"):
                continue
            inside = not inside
            if inside and line[3:] not in ("sh", "text", "json", "ini", "yaml", "python", "xml", "toml"):
                problems.append(f"{path}:{number}: what kind of block is this?")
            if inside and number > 1 and "not run" in lines[number - 2] and \
                    not re.fullmatch(r"<!-- not run: .{8,} -->", lines[number - 2]):
                problems.append(f"{path}:{number}: why is it not run?")
        if inside:
            problems.append(f"{path}: a block has no end")
    return problems


def main():
    if sys.argv[1:] == ["--write"]:
        for path, text in [(path, make()) for path, make in PAGES.items()]:
            with open(os.path.join(ROOT, path), "w", encoding="utf-8") as f:
                f.write(text)
        return 0
    bad = False
    for check in (generated_pages, links, index_is_complete, names_exist, blocks_are_marked):
        problems = check()
        print(f"{'not ok' if problems else 'ok'} - {check.__name__}")
        for problem in problems:
            print(f"#   {problem}")
        bad |= bool(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
