#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the Debian package from the tree as git knows it, uncommitted changes too; `make deb` calls it.
#
#   deploy/deb.sh OUT [JOBS]      OUT/pail_VERSION_ARCH.deb, its .changes and .buildinfo
#
# The packaging is in deploy/debian; dpkg-buildpackage wants it as debian/ of a folder of its own. The version is that
# of include/version.h; a commit that is not tagged as that version adds its date to it, so that a package built after
# `git pull` replaces the one before. PAIL_DEB_REVISION stands in that place when it is set (for tests). Who builds a package for others is
# its maintainer: DEBFULLNAME and DEBEMAIL, as for Debian's own tools; without them it says that nobody is.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
jobs=${2:-$(nproc)}
version=$(sed -n 's/^#define PAIL_VERSION "\(.*\)"$/\1/p' include/version.h)
revision=
if ! git describe --tags --exact-match --match "v$version" >/dev/null 2>&1; then
    revision=$(TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M%S --format='+git%cd.%h' 2>/dev/null) || revision=
fi
version=$version${PAIL_DEB_REVISION-$revision}
date=$(git log -1 --format=%cD 2>/dev/null || date -R)

rm -rf "$out"/pail-* "$out"/pail_* "$out"/pail-dbgsym_*
source=$out/pail-$version
mkdir "$source"
# Files that were removed and not yet committed are listed, too.
# shellcheck disable=SC2016 # the inner shell expands them
git ls-files -z --cached --others --exclude-standard -- . ':!deploy/debian' |
    xargs -0 sh -c 'for f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done' sh |
    tar -c --null -T - | tar -x -C "$source"
cp -R deploy/debian "$source/debian"
if [ -n "${DEBEMAIL:-}" ]; then
    export PAIL_MAINTAINER="${DEBFULLNAME:-Pail} <$DEBEMAIL>"
    awk '/^Maintainer: / { print "Maintainer: " ENVIRON["PAIL_MAINTAINER"]; next } { print }' deploy/debian/control \
        > "$source/debian/control"
fi
cat > "$source/debian/changelog" <<EOF
pail ($version) unstable; urgency=medium

  * Built from its own tree.

 -- $(sed -n 's/^Maintainer: //p' "$source/debian/control")  $date
EOF
cd "$source"
unset MAKEFLAGS MFLAGS MAKELEVEL # what `make deb` was called with is not meant for this build
DEB_BUILD_OPTIONS="parallel=$jobs ${DEB_BUILD_OPTIONS:-}" dpkg-buildpackage --build=binary --no-sign
cd "$out"
rm -rf "$source"
ls "$out"/pail_*.deb
