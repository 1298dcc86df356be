#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that a task needs and that are missing, and says
# which and why before it does. Nothing is asked of the system when all are here.
#
#   deploy/deps.sh build          what `make` and `make run` need
#   deploy/deps.sh build test     also what `make test` needs
#   deploy/deps.sh build check    also what `make check` needs
#   deploy/deps.sh build bench    also what `make bench` needs
#   deploy/deps.sh build deb      also what `make deb` needs, test-deb: its test
#   deploy/deps.sh --list TASK... only names the packages, one a line
#
# Root installs directly, others through sudo. Written for Debian 12; elsewhere
# it names what to look for and stops.
set -eu

# One line a package: the task, the package, what Pail wants it for.
packages() {
    cat <<'TABLE'
build gcc                the C compiler
build libc6-dev          the C library's headers
build pkg-config         finds the libraries below
build libevent-dev       event loops and buffers
build libssl-dev         TLS, hashes and ciphers
build liblmdb-dev        the embedded index
build libxml2-dev        the XML of S3's requests
build zlib1g-dev         CRC32 and compression
build libxxhash-dev      XXHASH checksums
build libisal-dev        fast CRC32C and CRC64
build libzstd-dev        objects compressed on disk
build libjansson-dev     JSON policies
build libseccomp-dev    giving up system calls
build libargon2-dev      keys of the admin API's bodies
build libzip-dev         archives of users and of buckets' settings
build libcurl4-openssl-dev requests to identity providers and key services
build nodejs             the web console, 18 or newer
build npm                its packages
test  libcriterion-dev   unit tests
test  clang              fuzzers and the second compiler
test  libclang-rt-14-dev sanitizer and fuzzer run-time of clang
test  python3            runs the suites
test  python3-venv       a private place for boto3, the aws CLI and minio-py
test  openssl            certificates for the https suites
test  ca-certificates    package registries over https
test  rclone             client suite
test  restic             client suite
test  s3cmd              client suite
test  strace             fault injection below a running server
test  procps             finds the successor of a server
test  curl               requests of the handbook
test  nginx-light        requests through a proxy
test  haproxy            requests through another proxy
test  systemd            looks at the unit
test  shellcheck         looks at the shell scripts
test  zsh                completion in it
test  fish               completion in it
test  man-db             manual pages
test  mandoc             looks at manual pages
test  prometheus         scrapes of metrics, and their text
test  openjdk-17-jdk-headless client suite in Java
test  maven              its libraries
test  chromium           the web console in a browser
check clang              the second compiler
check clang-format       layout
check clang-tidy         static analysis
check cppcheck           static analysis
check python3            the project's own rules
check libcriterion-dev   the tests are compiled too
deb   build-essential    what every package may be built with
deb   dpkg-dev           builds packages
deb   debhelper          builds packages
deb   fakeroot           packages hold files of root
deb   lintian            looks at the package
test-deb debootstrap     a Debian of its own to install the package in
test-deb python3         runs the test
bench python3            runs the measurements
bench openssl            the speed of one core's MD5
bench nginx-light        the raw limit to compare with
bench wrk                the load
bench linux-perf         the profile of a request
TABLE
    if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
        echo "build libipsec-mb-dev    encryption at full speed on processors with AVX-512"
    fi
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] && return 0
    # Another package may stand in for it: nginx for nginx-light, pkgconf for pkg-config.
    case $1 in
    nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] ;;
    nodejs) command -v node >/dev/null ;;
    openjdk-17-jdk-headless) command -v javac >/dev/null ;;
    maven) command -v mvn >/dev/null ;;
    gcc | npm | pkg-config | clang | clang-format | clang-tidy | python3 | openssl) command -v "$1" >/dev/null ;;
    *) return 1 ;;
    esac
}

list_only=no
if [ "${1:-}" = --list ]; then
    list_only=yes
    shift
fi
[ $# -gt 0 ] || set -- build

for task in "$@"; do
    packages | grep -q "^$task " || { echo "deps.sh: no task is called '$task'" >&2; exit 2; }
done
wanted=$(for task in "$@"; do packages | sed -n "s/^$task  *\([^ ]*\).*/\1/p"; done | sort -u)
if [ $list_only = yes ]; then
    echo "$wanted"
    exit 0
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian. Please install the equivalents of these packages by hand:" >&2
    echo "$wanted" | sed 's/^/    /' >&2
    exit 0
fi

missing=
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Pail needs Debian packages that are not installed yet:"
for package in $missing; do
    packages | awk -v p="$package" '$2 == p { sub(/^[^ ]+ +[^ ]+ +/, ""); printf "    %-20s %s\n", p, $0; exit }'
done
sudo=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Neither root nor sudo is at hand. As root, please run:" >&2
        echo "    apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "They are installed with apt-get through sudo, which may ask for your password."
    sudo="sudo"
else
    echo "They are installed with apt-get."
fi

# The tests start their own nginx, HAProxy and Prometheus on ports of their own. A package starts its service when it
# is installed, on :80 or :9090: not with this answer, which is here only as long as apt-get works.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$sudo rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $sudo sh -c "cat > $policy && chmod 755 $policy"
fi

# Hundreds of lines that nobody reads, unless something goes wrong.
quietly() {
    said=$(mktemp)
    status=0
    "$@" > "$said" 2>&1 || status=$?
    [ $status -eq 0 ] || cat "$said" >&2
    rm -f "$said"
    return $status
}
echo "With what they need in turn that may take some minutes."
# shellcheck disable=SC2086 # both are lists of words
{
    quietly $sudo apt-get update -qq
    quietly $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing
}
# Nor at the next start of the machine.
for service in nginx haproxy prometheus; do
    case "$missing " in
    *" $service "* | *" $service-light "*)
        ! command -v systemctl >/dev/null || $sudo systemctl disable --quiet $service || true
        ;;
    esac
done
