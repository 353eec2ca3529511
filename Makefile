# chr: the whole build.  Works with GNU make (4 or later) and bmake.
# Objects go to build/VARIANT, programs of the release variant to bin/.
#
# make help prints the lines that begin with #:.
#: make [target] [VARIABLE=value ...]
#:
#:   all          the programs, in bin/: the default
#:   install      to $(DESTDIR)$(PREFIX), which is /usr/local; uninstall
#:   clean        removes what was built
#:   demo         packs a program as an image, pulls it, runs it, off line
#:   dist         the sources as build/chr-VERSION.tar.gz
#:
#:   check-quick  unit tests, a short case of each program, lint of what changed;
#:                takes under two minutes; for use while you work
#:   check        all tests, as root also those for an ordinary user; takes about
#:                ten minutes on two processors
#:   check-asan   the same with address and undefined behaviour sanitizers
#:   check-long   both at full size, then the fuzzers for longer: for a release
#:   lint         what compilers and linters say; any word is a failure
#:   lint-deep    what the analyzers of clang and gcc say; takes some minutes
#:   fuzz         each fuzz target for FUZZ_SECONDS (8)
#:   bench        what the work costs beside other programs, as ratios, and what
#:                images that mean harm cost; as root
#:
#:   make check TESTS=tests/chr-rm.bats          one file of tests
#:   make check CASE='a root in use'             one case, by its name or a part
#:   make -j2 check                              builds with two processors
#:
#: For a name with a $ or a quote in it, put CASE='...' before make.
#: config.mk holds your own settings: CC, CFLAGS, LDFLAGS, PREFIX.
.POSIX:
.SUFFIXES:
.SUFFIXES: .c .o

VERSION = 0.1
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
DESTDIR =

CC = cc
CFLAGS = -O2 -g
CPPFLAGS =
LDFLAGS =
# linux or posix: which src/sys/sys-$(SYS)*.c is compiled
SYS != case `uname -s` in Linux) echo linux ;; *) echo posix ;; esac
PKG_CONFIG = pkg-config
FUZZ_SECONDS = 8
FUZZ_JOBS = 2
# what check runs; everything without
TESTS =
# 1: programs that fail where they are told to (src/lib/fault.h)
FAULTS =

# The top directory, as seen from where make runs: build/VARIANT, or itself.
S = .
-include $(S)/config.mk

VARIANT_ = release
VARIANT_1 = faults
VARIANT = $(VARIANT_$(FAULTS))
# where programs go, seen from build/VARIANT
BIN_ = ../../bin
BIN_1 = bin
BIN = $(BIN_$(FAULTS))
DEFS_1 = -DFAULTS

STD = -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
HARDEN = -fstack-protector-strong -fPIE
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef -Wpointer-arith
SAN = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

PROGS = chr-pull chr-mkroot chr-exec chr-rm chr-ls
MAN1 = chr-pull.1 chr-mkroot.1 chr-exec.1 chr-rm.1 chr-ls.1 chrun.1
MAN5 = chr-store.5
MAN7 = chr.7

LIB_linux = sys-linux-boot.o sys-linux-confine.o sys-linux-exec.o \
	sys-linux-family.o sys-linux-lock.o sys-linux-mount.o \
	sys-linux-overlay.o sys-linux-proc.o sys-linux-term.o \
	sys-linux-tree.o sys-linux.o
LIB_posix = sys-posix-tree.o sys-posix.o
LIB = addr.o ahead.o apply.o auth.o blob.o boot.o certs.o challenge.o \
	clone.o command.o config.o decoder.o digest.o du.o endpoint.o \
	enter.o environ.o explain.o fault.o fdio.o fetch.o furnish.o gc.o \
	gunzip.o helper.o http.o httpreply.o image.o imageconfig.o \
	imagefile.o inflate.o json.o launch.o layer.o leftovers.o links.o listing.o \
	lock.o manifest.o members.o mirrors.o mkroot.o mounts.o msg.o \
	names.o newdir.o own.o pace.o passwd.o path.o pax.o place.o \
	platform.o progress.o proxy.o prune.o pull.o ref.o registry.o \
	reply.o rmtree.o root.o shown.o space.o start.o store.o supervise.o \
	sys-walk.o tar.o token.o trust.o unpack.o wire.o worker.o \
	$(LIB_$(SYS))

UNIT = test_addr test_ahead test_auth test_challenge test_config \
	test_explain test_manifest test_msg test_own test_pace test_passwd \
	test_pax test_platform test_proxy test_ref test_shown test_wire
FUZZ = fuzz_archive fuzz_auth fuzz_challenge fuzz_layer fuzz_manifest \
	fuzz_passwd fuzz_pax fuzz_ref fuzz_tar fuzz_wire

PROGRAMS = $(BIN)/chr-pull $(BIN)/chr-mkroot $(BIN)/chr-exec $(BIN)/chr-rm \
	$(BIN)/chr-ls $(BIN)/chrun

all:
	@mkdir -p build/$(VARIANT)
	@cd build/$(VARIANT) && $(MAKE) -s -f ../../Makefile S=../.. \
	    BIN=$(BIN) SYS=$(SYS) WANT='$(PROGRAMS)' inner

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

units: all
	@cd build/$(VARIANT) && $(MAKE) -s -f ../../Makefile S=../.. \
	    BIN=$(BIN) SYS=$(SYS) WANT='$(UNIT)' inner

# The same programs with places to fail, beside those that are tested.
faults:
	@$(MAKE) -s FAULTS=1 VARIANT=$(VARIANT)-faults BIN=bin all

check: units faults
	@UNITS='$(UNIT)' tests/check $(VARIANT) $(BIN) $(TESTS)

check-asan:
	@$(MAKE) -s VARIANT=asan BIN=bin CFLAGS='-O1 -g $(SAN)' check

check-quick: units
	@CHR_TAG=quick UNITS='$(UNIT)' tests/check $(VARIANT) $(BIN)
	@tests/lint -c

check-long:
	@CHR_LONG=1 $(MAKE) -s check
	@CHR_LONG=1 $(MAKE) -s check-asan
	@$(MAKE) -s fuzz FUZZ_SECONDS=60

lint:
	@$(MAKE) -s VARIANT=lint-gcc BIN=bin CC=gcc \
	    CFLAGS='$(CFLAGS) -Werror' units
	@$(MAKE) -s VARIANT=lint-clang BIN=bin CC=clang FAULTS=1 \
	    CFLAGS='-O0 -Werror' units
	@tests/lint

lint-deep:
	@tests/lint-deep -- $(STD) $(INC) $(CURL_CFLAGS) $(ISAL_CFLAGS) \
	    -DVERSION=\"$(VERSION)\" $(CPPFLAGS)

fuzz:
	@mkdir -p build/fuzz
	@cd build/fuzz && $(MAKE) -s -f ../../Makefile S=../.. VARIANT=fuzz \
	    BIN=bin SYS=$(SYS) CC=clang TEST_LIBS=-fsanitize=fuzzer \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link $(SAN)' \
	    WANT='$(FUZZ)' inner
	@tests/fuzz/seeds build/fuzz/seeds
	@printf '%s\n' $(FUZZ) | xargs -n 1 -P $(FUZZ_JOBS) \
	    tests/fuzz/run $(FUZZ_SECONDS)

bench: all
	@PATH=$$PWD/bin:$$PATH tests/bench/clone; rc=$$?; \
	    tests/bench/hostile || rc=$$?; tests/bench/pull && exit $$rc

demo: all
	@contrib/demo

install: all
	@mkdir -p $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 \
	    $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	@cd bin && install -m 755 $(PROGS) chrun $(DESTDIR)$(BINDIR)
	@cd man && install -m 644 $(MAN1) $(DESTDIR)$(MANDIR)/man1
	@cd man && install -m 644 $(MAN5) $(DESTDIR)$(MANDIR)/man5
	@cd man && install -m 644 $(MAN7) $(DESTDIR)$(MANDIR)/man7

uninstall:
	@cd $(DESTDIR)$(BINDIR) && rm -f $(PROGS) chrun
	@cd $(DESTDIR)$(MANDIR)/man1 && rm -f $(MAN1)
	@cd $(DESTDIR)$(MANDIR)/man5 && rm -f $(MAN5)
	@cd $(DESTDIR)$(MANDIR)/man7 && rm -f $(MAN7)

dist:
	@git diff --quiet HEAD || { echo 'dist: not committed' >&2; exit 1; }
	@mkdir -p build
	@git archive --prefix=chr-$(VERSION)/ -o build/chr-$(VERSION).tar.gz HEAD
	@cd build && sha256sum chr-$(VERSION).tar.gz

clean:
	@rm -rf build
	@cd bin && rm -f $(PROGS) chrun

# --- below here make runs in build/VARIANT ---

VPATH = $(S)/src:$(S)/src/lib:$(S)/src/sys:$(S)/tests/unit:$(S)/tests/fuzz
INC = -I$(S)/src/lib -I$(S)/src/sys

CURL_CFLAGS != $(PKG_CONFIG) --cflags libcurl 2>/dev/null || :
CURL_LIBS != $(PKG_CONFIG) --libs libcurl 2>/dev/null || echo -lcurl
ARCHIVE_LIBS != $(PKG_CONFIG) --libs libarchive 2>/dev/null || echo -larchive
JSON_LIBS != $(PKG_CONFIG) --libs jansson 2>/dev/null || echo -ljansson
CRYPTO_LIBS != $(PKG_CONFIG) --libs libcrypto 2>/dev/null || echo -lcrypto
PULL_LIBS = $(CURL_LIBS) $(ARCHIVE_LIBS) $(JSON_LIBS) $(CRYPTO_LIBS) \
	$(ISAL_LIBS)
TEST_LIBS = -lcmocka
# ISA-L, where it is, inflates faster than libarchive's zlib
ISAL_CFLAGS != $(PKG_CONFIG) --exists libisal 2>/dev/null && echo -DHAVE_ISAL || :
ISAL_LIBS != $(PKG_CONFIG) --libs libisal 2>/dev/null || :

COMPILE = $(CC) $(STD) $(HARDEN) $(WARN) $(INC) $(CURL_CFLAGS) \
	$(ISAL_CFLAGS) $(DEFS_$(FAULTS)) \
	-DVERSION=\"$(VERSION)\" $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) -pie $(CFLAGS) $(LDFLAGS) -pthread

inner: flags.new
	@mkdir -p $(BIN)
	@$(MAKE) -s -f $(S)/Makefile S=$(S) BIN=$(BIN) SYS=$(SYS) WANT='$(WANT)' wanted

wanted: $(WANT)
	@:

# flags changes only when the commands do: everything depends on it.
flags.new:
	@printf '%s\n' '$(COMPILE)' '$(LINK)' '$(SYS)' >flags.tmp
	@cmp -s flags.tmp flags || cp flags.tmp flags
	@rm -f flags.tmp

.c.o:
	$(COMPILE) -pthread -MMD -MP -c -o $@ $<

libchr.a: $(LIB)
	@rm -f $@
	ar rc $@ $(LIB)

# Who links what: the tools that root runs on roots need libc alone.
$(BIN)/chr-pull: chr-pull.o libchr.a
	$(LINK) -o $@ chr-pull.o libchr.a $(PULL_LIBS)
$(BIN)/chr-mkroot: chr-mkroot.o libchr.a
	$(LINK) -o $@ chr-mkroot.o libchr.a
$(BIN)/chr-exec: chr-exec.o libchr.a
	$(LINK) -o $@ chr-exec.o libchr.a
$(BIN)/chr-rm: chr-rm.o libchr.a
	$(LINK) -o $@ chr-rm.o libchr.a
$(BIN)/chr-ls: chr-ls.o libchr.a
	$(LINK) -o $@ chr-ls.o libchr.a
$(BIN)/chrun: chrun.sh
	cp $(S)/src/chrun.sh $@.tmp
	chmod 755 $@.tmp
	mv $@.tmp $@

# Unit tests and fuzzers: one source each, and the library.
$(UNIT) $(FUZZ): libchr.a flags
.c:
	$(COMPILE) -pthread -MMD -MP -MT $@ -c -o $@.o $<
	$(LINK) -o $@ $@.o libchr.a $(PULL_LIBS) $(TEST_LIBS)

$(LIB) $(PROGS:=.o): flags

-include $(FUZZ:=.d) $(UNIT:=.d) $(LIB:.o=.d) $(PROGS:=.d)

.PHONY: all help units faults check check-quick check-asan check-long \
	lint lint-deep fuzz bench demo install uninstall dist clean inner \
	wanted flags.new
