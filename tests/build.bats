#!/usr/bin/env bats
# See LICENSE.
# The build and the rules of the source tree.

load helper

# A copy of what is built, so that the checkout's own build is left alone.
tree() {
	skip_if_sanitized
	need "$1"
	mkdir "$T/tree"
	cp -R "$TOP/Makefile" "$TOP/src" "$TOP/man" "$T/tree"
	mkdir -p "$T/tree/bin" "$T/tree/tests/unit" "$T/tree/tests/fuzz"
	cd "$T/tree" || return
}

# Objects and programs that are newer than the mark.
rebuilt() {
	find build bin -newer mark \( -name '*.o' -o -path 'bin/chr*' \) |
		sort
}

# Old bmakes know times by the second.
mark() {
	sleep 1.1
	touch mark
	sleep 1.1
}

builds_well() {
	local make=$1 object

	# Quiet, and the second time nothing is done.
	run_ok "$make" CFLAGS=-O0
	[ -z "$output" ]
	mark
	run_ok "$make" CFLAGS=-O0
	[ -z "$output" ]
	[ -z "$(rebuilt)" ]

	# A header: what includes it, nothing else.
	touch src/lib/passwd.h
	run_ok "$make" CFLAGS=-O0
	want=$(grep -l 'lib/passwd\.h' build/release/*.d | sed 's/d$/o/' | sort)
	[ "$(rebuilt | grep '\.o$')" = "$want" ]
	[ -n "$want" ]

	# Other flags, by config.mk: everything is compiled again.
	mark
	echo 'CFLAGS = -O0 -DMINE' >config.mk
	run_ok "$make"
	grep -q -- -DMINE build/release/flags
	for object in build/release/*.o; do
		[ "$object" -nt mark ] || fail "$object is old"
	done

	run_ok "$make" clean
	[ ! -e build ]
	[ -z "$(ls bin)" ]
}

@test "GNU make: quiet, lazy, exact" {
	tree make
	builds_well make
}

@test "bmake: quiet, lazy, exact" {
	tree bmake
	builds_well bmake
}

@test "programs with faults are beside the others" {
	tree make
	run_ok make FAULTS=1 CFLAGS=-O0
	grep -q -- -DFAULTS build/faults/flags
	[ -x build/faults/bin/chr-pull ]
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

@test "each third-party library is included by one file" {
	local pair

	cd "$TOP/src"
	for pair in curl/:http jansson.h:json archive.h:inflate openssl/:digest; do
		[[ $(grep -rl --include='*.[ch]' "include <${pair%:*}" . |
		    wc -l) -le 1 ]] || fail "$pair"
	done
}

@test "operating systems are named in src/sys alone" {
	cd "$TOP/src"
	run ! grep -rnE '__linux__|__(Free|Open|Net)BSD__|__APPLE__' \
	    ./*.c lib
	run ! grep -rnE 'include <(linux|sys/(mount|xattr|prctl|syscall))' \
	    ./*.c lib
}

@test "src/lib never ends the program" {
	cd "$TOP/src/lib"
	run ! grep -nwE '(exit|err|errx)\(' ./*.c
}

@test "no function has more than 100 lines" {
	cd "$TOP/src"
	run -0 awk '/^\{/ { start = FNR }
	    /^\}/ { if (start && FNR - start > 100)
	        print FILENAME ":" start; start = 0 }' ./*.c lib/*.c sys/*.c
	[ -z "$output" ]
}

@test "every source, script and test names the licence" {
	local f

	cd "$TOP"
	for f in src/*.[ch] src/chrun.sh src/*/*.[ch] tests/*.ba* \
	    tests/*/*.c man/*; do
		head -n 2 "$f" | grep -q 'See LICENSE' || fail "$f"
	done
}
