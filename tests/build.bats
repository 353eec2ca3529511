#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# The build and the rules of the source tree.

load helper

# tree MAKE [all]: a copy of the sources and, with all, of what is built of them,
# so that the checkout's own build is left alone.
tree() {
	skip_if_sanitized
	need "$1"
	mkdir -p tree/build tree/bin tree/tests/unit tree/tests/fuzz
	(cd "$TOP" && cp -Rp Makefile src man "$T/tree")
	[ -z "${2-}" ] || {
		cp -Rp "$TOP/build/release" tree/build
		rm tree/build/release/test_*
		cp -p "$TOP"/bin/chr* tree/bin
	}
	cd tree || return
}

# A compiler that makes files and nothing of them: for what make does, where the
# real one was asked before.
no_compiler() {
	cat >"$T/no-cc" <<-'EOT'
		#!/bin/sh
		while [ "$1" != -o ]; do shift; done
		: >"$2"
	EOT
	chmod +x "$T/no-cc"
}

# Objects and programs that are newer than the mark.
rebuilt() {
	find build bin -newer mark \( -name '*.o' -o -path 'bin/chr*' \) |
		sort
}

# What is there is older than the file mark, and that older than what comes: by
# seconds, since old bmakes know times by the second.
mark() {
	local now

	now=$(date +%s)
	find . -exec touch -h -d "@$((now - 20))" {} +
	touch -d "@$((now - 10))" mark
}

# is_lazy MAKE OPTION...: it does what is needed, and nothing else.
is_lazy() {
	local make=$1 object want

	shift
	# Quiet, and the second time nothing is done.
	run_ok "$make" "$@"
	[ -z "$output" ]
	mark
	run_ok "$make" "$@"
	[ -z "$output" ]
	[ -z "$(rebuilt)" ]

	# A header: what includes it, nothing else.
	touch src/lib/passwd.h
	run_ok "$make" "$@"
	want=$(grep -l 'lib/passwd\.h' build/release/*.d | sed 's/d$/o/' | sort)
	[ "$(rebuilt | grep '\.o$')" = "$want" ]
	[ -n "$want" ]

	# Other flags, by config.mk: everything is compiled again.
	mark
	no_compiler
	printf '%s\n' 'CFLAGS = -O0 -DMINE' "CC = $T/no-cc" >config.mk
	run_ok "$make"
	grep -q -- -DMINE build/release/flags
	for object in build/release/*.o bin/chr-*; do
		[ "$object" -nt mark ] || fail "$object is old"
	done

	run_ok "$make" clean
	[ ! -e build ]
	[ -z "$(ls bin)" ]
}

# What the other has built is up to date for each.
@test "GNU make: quiet, lazy, exact" {
	tree make all
	is_lazy make
}

@test "bmake: quiet, lazy, exact" {
	tree bmake all
	is_lazy bmake
}

@test "programs with faults are beside the others" {
	tree make
	no_compiler
	run_ok make FAULTS=1 CC="$T/no-cc"
	grep -q -- -DFAULTS build/faults/flags
	[ -e build/faults/bin/chr-pull ]
	[ -z "$(ls bin)" ]
}

@test "what POSIX has is enough to build, and to pull" {
	skip_unless_root
	tree make
	run_ok make SYS=posix CFLAGS=-O0
	mkimage -n a/b:1 img.tar 'dir etc;file etc/name 644 x;link l etc'
	PATH=$PWD/bin:$PATH
	chr-pull -q ./img.tar >/dev/null
	root=$(chr-mkroot -x a/b:1)
	[ "$(cat "$root/l/name")" = x ]
	run_ok chr-rm "$root"
}

libraries() {
	readelf -d "$CHR_BIN/$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		grep -v '^ld-linux'
}

@test "the tools that root runs on roots need libc alone" {
	local p

	skip_if_sanitized
	need readelf
	for p in chr-exec chr-rm chr-mkroot chr-ls; do
		[ "$(libraries "$p")" = libc.so.6 ] || fail "$p: $(libraries "$p")"
	done
}

# bats test_tags=quick
@test "each third-party library is included by one file" {
	local pair

	cd "$TOP/src"
	for pair in curl/:http jansson.h:json archive.h:inflate openssl/:digest; do
		[[ $(grep -rl --include='*.[ch]' "include <${pair%:*}" . |
		    wc -l) -le 1 ]] || fail "$pair"
	done
}

# bats test_tags=quick
@test "operating systems are named in src/sys alone" {
	cd "$TOP/src"
	run ! grep -rnE '__linux__|__(Free|Open|Net)BSD__|__APPLE__' \
	    ./*.c lib
	run ! grep -rnE 'include <(linux|sys/(mount|xattr|prctl|syscall))' \
	    ./*.c lib
}

# bats test_tags=quick
@test "src/lib never ends the program" {
	cd "$TOP/src/lib"
	run ! grep -nwE '(exit|err|errx)\(' ./*.c
}

# bats test_tags=quick
@test "no function has more than 100 lines" {
	cd "$TOP/src"
	run -0 awk '/^\{/ { start = FNR }
	    /^\}/ { if (start && FNR - start > 100)
	        print FILENAME ":" start; start = 0 }' ./*.c lib/*.c sys/*.c
	[ -z "$output" ]
}

# bats test_tags=quick
@test "every source, script and test names the licence" {
	cd "$TOP"
	run_ok awk 'FNR == 1 { seen[FILENAME] = 0 }
	    FNR <= 2 && /See LICENSE/ { seen[FILENAME] = 1 }
	    END { for (f in seen) if (!seen[f]) print f }' \
	    src/*.[ch] src/chrun.sh src/*/*.[ch] tests/*.ba* tests/*/*.c man/*
	[ -z "$output" ]
}
