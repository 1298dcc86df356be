#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the web console (admin/web) and turns it into one C file for the server:
#
#   deploy/web.sh DIR        DIR gets: site/ (the sources with their packages), dist/ (what was
#                            built), gz/ (the same compressed) and files.c (the table of it)
#   deploy/web.sh --state    what would be done, in a word: node, none, off, or a ready folder
#
# Without Node.js, or without network when packages are fetched for the first time, the table is
# empty: such a server says that it has no console. Packages are fetched again only when the lock
# file changes. WEB=off leaves the console out; WEB=FOLDER takes a folder that is built already.
set -eu
LC_ALL=C
export LC_ALL

MIN_NODE=18
source=admin/web

node_is_there() {
    command -v npm >/dev/null && command -v node >/dev/null &&
        [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge $MIN_NODE ]
}

say() { printf '  %-5s %s\n' WEB "$1"; }

missing() {
    echo "        ----------------------------------------------------------------------" >&2
    echo "        No web console: $1." >&2
    echo "        Everything else of the server is built as usual." >&2
    echo "        ----------------------------------------------------------------------" >&2
}

content_type() {
    case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.js | *.mjs) echo 'text/javascript; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.json | *.map) echo application/json ;;
    *.webmanifest) echo application/manifest+json ;;
    *.svg) echo image/svg+xml ;;
    *.png) echo image/png ;;
    *.ico) echo image/x-icon ;;
    *.woff2) echo font/woff2 ;;
    *.wasm) echo application/wasm ;;
    *.txt) echo 'text/plain; charset=utf-8' ;;
    *) echo application/octet-stream ;;
    esac
}

# The sources in a folder of their own, beside their packages: the tree stays as it is.
copy_sources() {
    mkdir -p "$site"
    find "$site" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name .lock -exec rm -rf {} +
    (cd "$source" && tar -cf - --exclude=./node_modules --exclude=./dist .) | tar -C "$site" -xf -
}

packages() {
    cmp -s "$source/package-lock.json" "$site/.lock" && [ -d "$site/node_modules" ] && return 0
    say "packages of the web console (once)"
    rm -f "$site/.lock"
    (cd "$site" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1 --loglevel=error) || return 1
    cp "$source/package-lock.json" "$site/.lock"
}

build() {
    copy_sources
    packages || { missing "its packages could not be fetched; the next make tries again (WEB=off: it does not)"; again=yes; return 0; }
    say "$out/dist"
    rm -rf "$out/dist.new"
    (cd "$site" && NODE_ENV=production node node_modules/vite/bin/vite.js build --logLevel warn --emptyOutDir \
        --outDir "$out/dist.new") || { echo "The web console does not build; WEB=off leaves it out." >&2; exit 1; }
    rm -rf "$out/dist"
    mv "$out/dist.new" "$out/dist"
    dist=$out/dist
}

# One row a file, in the order of the paths, by which they are found.
table() {
    n=0
    rows=
    echo '/* Made by deploy/web.sh. */'
    echo '#include "server/console_files.h"'
    # A path with other characters would need quoting in C, in URLs and here.
    for name in $(cd "$1" && find . -type f | sed 's,^\./,,' | grep -E '^[A-Za-z0-9._/-]+$' | sort); do
        gzip -9 -n -c "$1/$name" >"$out/gz/$n"
        size=$(wc -c <"$1/$name")
        sum=$(sha256sum <"$1/$name" | cut -c1-32)
        printf '__asm__(".section .rodata\\n.balign 8\\nconsole_file_%d:\\n.incbin \\"%s\\"\\n"\n' $n "$out/gz/$n"
        printf '        "console_file_%d_end:\\n.byte 0\\n.previous\\n");\n' $n
        echo "extern const unsigned char console_file_${n}[], console_file_${n}_end[];"
        rows="$rows    {\"$name\", \"$(content_type "$name")\", \"$sum\", console_file_$n, console_file_${n}_end, $((size))},
"
        n=$((n + 1))
    done
    printf 'const struct console_file console_files[] = {\n%s    {0}};\nconst size_t console_n_files = %d;\n' "$rows" $n
}

state() {
    case ${WEB:-auto} in
    auto) if [ ! -f $source/index.html ]; then echo none; elif node_is_there; then echo node; else echo none; fi ;;
    *) echo "$WEB" ;;
    esac
}

if [ "$1" = --state ]; then
    state
    exit 0
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
site=$out/site
dist=
again=
exec 9>"$out/lock"
flock 9
case $(state) in
node) build ;;
none) missing "Node.js $MIN_NODE or newer with npm is not installed (make deps)" ;;
off) say "left out" ;;
*) dist=$WEB ;;
esac
rm -rf "$out/gz"
mkdir -p "$out/gz"
if [ -n "$dist" ]; then
    table "$dist" >"$out/files.c.new"
else
    printf '#include "server/console_files.h"\nconst struct console_file console_files[] = {{0}};\n' >"$out/files.c.new"
    echo 'const size_t console_n_files = 0;' >>"$out/files.c.new"
fi
[ -z "$again" ] || touch -d @0 "$out/files.c.new" # older than all that it is made from
mv "$out/files.c.new" "$out/files.c"
