# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists what can be asked for. Everything made lies below build/, one
# folder for each configuration (build/release, build/asan, build/tsan, ...), so that
# switching compiler or sanitizer never mixes objects.

# --- configuration -----------------------------------------------------------------
#   CC=clang                        another compiler
#   SANITIZER=address,undefined     or thread: an instrumented build
#   WERROR=1                        warnings are errors
#   COVERAGE=1                      count executed lines (see `make coverage`)
#   CFLAGS=... LDFLAGS=...          added at the end, so they win
#   PLAIN=1                         unit tests in one process after another, without Criterion's runner
#   IPSEC_MB=no                     encryption with OpenSSL only
#   V=1                             show the commands
#   WEB=off                         no web console; WEB=FOLDER: one that is built already
BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
DATA ?= ./data
ARGS ?=
FUZZ_SECONDS ?= 60
TORTURE_HOURS ?= 1
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

# One core a job, unless the caller said -j himself; makes within this one share its jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

empty :=
space := $(empty) $(empty)
comma := ,
ifeq ($(SANITIZER),)
CONFIG := release
else ifneq ($(findstring address,$(SANITIZER)),)
CONFIG := asan
else ifeq ($(SANITIZER),thread)
CONFIG := tsan
else
CONFIG := $(subst $(comma),-,$(SANITIZER))
endif
ifneq ($(COVERAGE),)
CONFIG := $(CONFIG)-coverage
endif
ifneq ($(CC),gcc)
CONFIG := $(CONFIG)-$(notdir $(firstword $(CC)))
endif
ifneq ($(FUZZER),)
CONFIG := fuzz
endif
ifneq ($(PLAIN),)
CONFIG := $(CONFIG)-plain
endif
ifneq ($(WERROR),)
CONFIG := $(CONFIG)-werror
endif
B := $(BUILD)/$(CONFIG)

# --- flags ---------------------------------------------------------------------------
PKGS := libevent libevent_pthreads libevent_openssl openssl libxml-2.0 zlib libxxhash libisal libzstd jansson libcurl libseccomp libargon2 libzip
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llmdb -lpthread

# Intel's Multi-Buffer Crypto library, where it is installed: encryption is faster with it on processors with AVX-512.
# Without it (always on arm64) OpenSSL does all of it. IPSEC_MB=no leaves it out.
ifeq ($(origin IPSEC_MB),undefined)
IPSEC_MB := $(shell $(CC) $(CFLAGS) -E -include intel-ipsec-mb.h -x c /dev/null >/dev/null 2>&1 && echo yes)
endif
ifeq ($(IPSEC_MB),yes)
PKG_CFLAGS += -DPAIL_IPSEC_MB
PKG_LIBS += -lIPSec_MB
endif

STD := -std=c17 -D_GNU_SOURCE
WARN := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla $(if $(WERROR),-Werror)
OPT := -O2 -g -fno-omit-frame-pointer
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection
LINK_HARDEN := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection
endif
ifeq ($(SANITIZER)$(FUZZER)$(COVERAGE),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
ifneq ($(SANITIZER),)
OPT := -O1 -g -fno-omit-frame-pointer
SAN := -fsanitize=$(SANITIZER) $(if $(findstring undefined,$(SANITIZER)),-fno-sanitize-recover=undefined)
endif
ifneq ($(FUZZER),)
OPT := -O1 -g -fno-omit-frame-pointer
SAN := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
endif
ifneq ($(COVERAGE),)
OPT := -O0 -g
SAN += --coverage
endif

ALL_CFLAGS = $(STD) $(OPT) $(WARN) $(HARDEN) $(SAN) -Iinclude -I. $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LINK_HARDEN) $(SAN) $(LDFLAGS)

# --- sources -------------------------------------------------------------------------
MAINS := admin/main.c
SRC := $(filter-out $(MAINS),$(wildcard storage/*.c storage/base/*.c server/*.c server/*/*.c admin/*.c admin/*/*.c))
UNIT_SRC := $(sort $(shell find tests/unit tests/double -name '*.c' 2>/dev/null))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
DOUBLE_SRC := $(wildcard tests/double/*.c)

OBJ := $(SRC:%.c=$(B)/%.o) $(B)/web/files.o
MAIN_OBJ := $(MAINS:%.c=$(B)/%.o)
# Criterion's own runner cannot work under ThreadSanitizer; PLAIN=1 asks for ours elsewhere, for valgrind or gdb.
PLAIN_SRC := $(if $(or $(PLAIN),$(filter thread,$(SANITIZER))),tests/plain/main.c)
UNIT_OBJ := $(UNIT_SRC:%.c=$(B)/%.o) $(PLAIN_SRC:%.c=$(B)/%.o)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/%)
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_BIN := $(BENCH_SRC:tests/bench/%.c=$(B)/bench_%)

# One line a file, unless V=1 asks for the whole command.
ifeq ($(V),)
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

# --- building ------------------------------------------------------------------------
.PHONY: all lib unit-bin fuzz-bins model-bins bench-bins
.DELETE_ON_ERROR:
.SECONDARY:
all: $(B)/pail
lib: $(B)/libpail.a
unit-bin: $(B)/unit
fuzz-bins: $(FUZZ_BIN)
model-bins: $(B)/xml_samples $(B)/open_sealed
bench-bins: $(BENCH_BIN)

$(B)/pail: $(MAIN_OBJ) $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/libpail.a: $(OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The doubles come before the library: what they define replaces the real thing.
$(B)/unit: $(UNIT_OBJ) $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcriterion

$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(DOUBLE_SRC:%.c=$(B)/%.o) $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

# What tests/model/check_documents.py compares with botocore's model.
$(B)/xml_samples: $(B)/tests/model/xml_samples.o $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Opens what MinIO's own module has sealed (tests/sdk/test_mc_admin.py).
$(B)/open_sealed: $(B)/tests/model/open_sealed.o $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/bench_%: $(B)/tests/bench/%.o $(DOUBLE_SRC:%.c=$(B)/%.o) $(B)/libpail.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The flags are kept in a file, so that changing them rebuilds what depends on them.
FLAGS_TEXT = $(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS))
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@
.PHONY: FORCE

$(B)/%.o: %.c $(B)/flags | libraries
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The web console becomes a table of files within the program: see deploy/web.sh.
WEB ?= auto
WEB_SRC := $(shell find admin/web \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)
$(BUILD)/web/state: FORCE
	@mkdir -p $(@D)
	@WEB=$(WEB) deploy/web.sh --state | cmp -s - $@ || WEB=$(WEB) deploy/web.sh --state > $@
$(BUILD)/web/files.c: $(BUILD)/web/state $(WEB_SRC) deploy/web.sh
	$(Q)WEB=$(WEB) deploy/web.sh $(BUILD)/web
$(B)/web/files.o: $(BUILD)/web/files.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

.PHONY: libraries
libraries:
	@pkg-config --exists $(PKGS) || { echo 'Libraries are missing; "make deps" installs them:' >&2; \
	    pkg-config --print-errors --exists $(PKGS); exit 1; }

-include $(B)/tests/model/xml_samples.d $(B)/tests/model/open_sealed.d $(OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(UNIT_OBJ:.o=.d) $(FUZZ_SRC:%.c=$(B)/%.d) \
    $(BENCH_SRC:%.c=$(B)/%.d)

# --- using ---------------------------------------------------------------------------
.PHONY: run deps test install uninstall clean help
run:
	@deploy/deps.sh build
	@$(MAKE) --no-print-directory all
	@exec $(B)/pail server $(DATA) $(ARGS)

deps:
	@deploy/deps.sh build

# The suites run the ordinary build as users do; unit tests and hostile input run the
# instrumented one. With SANITIZER= everything runs the build that it names.
TEST_SANITIZER := $(or $(SANITIZER),address,undefined)
ifeq ($(SANITIZER),)
TEST_SANITIZER := address,undefined
endif
test:
	@deploy/deps.sh build test
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory SANITIZER=$(TEST_SANITIZER) all unit-bin model-bins
	@$(MAKE) --no-print-directory CC=clang FUZZER=1 SANITIZER= fuzz-bins
	@$(PYTHON) tests/run --build $(BUILD) --config $(CONFIG) \
	    --sanitized $(if $(findstring address,$(TEST_SANITIZER)),asan,$(if $(filter thread,$(TEST_SANITIZER)),tsan,$(subst $(comma),-,$(TEST_SANITIZER)))) $(SUITES)

# Manual pages and completion, made by the program itself from what it says with --help; they go where their programs
# look for them.
SHARE = $(DESTDIR)$(PREFIX)/share
.PHONY: man
man: $(B)/man/pail.1
$(B)/man/pail.1: $(B)/pail
	@rm -rf $(B)/man $(B)/completion && mkdir -p $(B)/man $(B)/completion
	$(call say,MAN,$(@D))
	$(Q)for shell in bash zsh fish; do $(B)/pail completion $$shell > $(B)/completion/$$shell || exit 1; done
	$(Q)$(B)/pail man $(B)/man

# The handbook as it is in the tree, with the examples of deploy/ that it leads to.
HANDBOOK := $(wildcard docs/*) deploy/README.md $(shell find deploy/docker deploy/ecs deploy/grafana deploy/haproxy \
    deploy/helm deploy/kubernetes deploy/nginx deploy/systemd -name secrets -prune -o -type f -print)

install: all man
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/doc/pail $(SHARE)/man/man1
	install -m 755 $(B)/pail $(DESTDIR)$(PREFIX)/bin/pail
	install -m 644 $(wildcard LICENSE README.md ARCHITECTURE.md) $(SHARE)/doc/pail/
	set -e; for file in $(HANDBOOK); do install -D -m 644 $$file $(SHARE)/doc/pail/$$file; done
	set -e; for page in $(B)/man/*.1; do gzip -9nc $$page > $(SHARE)/man/man1/$${page##*/}.gz; \
	    chmod 644 $(SHARE)/man/man1/$${page##*/}.gz; done
	install -D -m 644 $(B)/completion/bash $(SHARE)/bash-completion/completions/pail
	install -D -m 644 $(B)/completion/zsh $(SHARE)/zsh/vendor-completions/_pail
	install -D -m 644 $(B)/completion/fish $(SHARE)/fish/vendor_completions.d/pail.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/pail $(SHARE)/bash-completion/completions/pail $(SHARE)/zsh/vendor-completions/_pail \
	    $(SHARE)/fish/vendor_completions.d/pail.fish
	rm -f $(SHARE)/man/man1/pail.1.gz $(SHARE)/man/man1/pail-*.1.gz
	rm -rf $(SHARE)/doc/pail

# The Debian package, and a test that installs, upgrades and purges it in a system of its own (as root).
.PHONY: deb test-deb
deb:
	@deploy/deps.sh build deb
	@deploy/deb.sh $(BUILD)/deb
	@lintian --allow-root --fail-on error,warning $(BUILD)/deb/pail_*.changes

test-deb: deb
	@deploy/deps.sh test-deb
	@PAIL_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/deploy/run_deb.py

clean:
	rm -rf $(BUILD)

# --- caring --------------------------------------------------------------------------
.PHONY: check check-format check-rules check-warnings check-tidy check-cppcheck check-packages format fuzz torture bench coverage
C_FILES = $(shell git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
LINTED = $(SRC) $(MAINS)

check:
	@deploy/deps.sh build test check
	@$(MAKE) --no-print-directory check-format check-rules check-warnings check-tidy check-cppcheck check-packages
	@echo "make check: all is well"

check-format:
	@clang-format --dry-run -Werror $(C_FILES)

check-rules:
	@$(PYTHON) tests/check/rules.py

check-packages:
	@$(PYTHON) tests/check/packages.py

check-warnings:
	@$(MAKE) --no-print-directory -s WERROR=1 SANITIZER= CC=gcc all unit-bin model-bins bench-bins
	@$(MAKE) --no-print-directory -s WERROR=1 SANITIZER= CC=clang all unit-bin model-bins bench-bins

check-tidy: $(LINTED:%.c=$(B)/tidy/%.ok)
# Each file is looked at again only when it or a header changed.
$(B)/tidy/%.ok: %.c .clang-tidy $(wildcard include/*.h include/*/*.h server/*.h server/*/*.h storage/*.h admin/*.h admin/*/*.h)
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- $(STD) -Iinclude -I. $(PKG_CFLAGS) 2>$@.log \
	    || { cat $@.log >&2; exit 1; }
	@touch $@

check-cppcheck:
	@mkdir -p $(BUILD)/cppcheck
	@cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 --suppressions-list=tests/check/cppcheck.txt --cppcheck-build-dir=$(BUILD)/cppcheck \
	    -j$$(nproc) -Iinclude -I. -D_GNU_SOURCE -D__linux__ -D__x86_64__ $(LINTED)

format:
	@clang-format -i $(C_FILES)

fuzz:
	@deploy/deps.sh build test
	@$(MAKE) --no-print-directory CC=clang FUZZER=1 SANITIZER= fuzz-bins
	@$(PYTHON) tests/run --build $(BUILD) --fuzz-seconds $(FUZZ_SECONDS) fuzz

# The crash suites for hours: TORTURE_HOURS each for the soak, the histories and the kills together.
torture:
	@deploy/deps.sh build test
	@$(MAKE) --no-print-directory SANITIZER= all
	@PAIL_CRASH_ROUNDS=$$(($(TORTURE_HOURS) * 500)) PAIL_CRASH_STATES=$$(($(TORTURE_HOURS) * 5000)) \
	  PAIL_CRASH_TRIES=0 PAIL_LINEAR_SECONDS=$$(($(TORTURE_HOURS) * 300)) PAIL_SOAK_SECONDS=$$(($(TORTURE_HOURS) * 3600)) \
	  $(PYTHON) tests/run --build $(BUILD) --seconds $$(($(TORTURE_HOURS) * 10800)) crash

bench:
	@deploy/deps.sh build bench
	@$(MAKE) --no-print-directory SANITIZER= all bench-bins
	@$(PYTHON) tests/bench/run.py --build $(BUILD) $(ARGS)

# Lines executed by the unit tests, one line a file; details by gcov in the folder named at the end.
coverage:
	@deploy/deps.sh build test
	@$(MAKE) --no-print-directory COVERAGE=1 SANITIZER= unit-bin
	@$(PYTHON) tests/check/coverage.py $(BUILD)/release-coverage

help:
	@echo 'make                 build the server (build/release/pail), nothing else'
	@echo 'make run             install what is missing, build, serve ./data  (DATA=dir ARGS="--region eu-west-1")'
	@echo 'make test            install what the tests need, build, run all suites  (SUITES="unit sdk-boto3")'
	@echo 'make man             manual pages and shell completion (build/release/man, build/release/completion)'
	@echo 'make install         PREFIX=/usr/local DESTDIR='
	@echo 'make deb             the Debian package, in build/deb; make test-deb installs, upgrades and purges it'
	@echo 'make check           layout, warnings of gcc and clang, static analysis, the rules of the tree'
	@echo 'make fuzz            all fuzzers, FUZZ_SECONDS=60 each'
	@echo 'make torture         the crash suites for hours (TORTURE_HOURS=1)'
	@echo 'make bench           figures, side by side with raw limits of this machine'
	@echo 'make coverage        lines executed by the unit tests'
	@echo 'make format          lay the sources out'
	@echo 'make deps            install the packages that a build needs'
	@echo 'make clean           remove build/'
	@echo
	@echo 'CC=clang · SANITIZER=address,undefined or thread · WERROR=1 · CFLAGS=... LDFLAGS=...'
	@echo 'SANITIZER=thread make test runs every suite on that build.'
