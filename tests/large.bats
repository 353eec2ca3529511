#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# Large images and strange ones, against what umoci makes of them.  Their full
# size is that of make check-long.
#
# Where umoci is wrong is not in these images; vectors.py has that: it knows no
# zstd and trusts the media type, refuses old GNU sparse files, g headers and
# long absolute names, takes set-gid and default ACLs from parents, and fails at
# times beyond 32 bits and hardlinks with a body.

load helper

setup() {
	helper_setup
	skip_unless_root
	skip_if_sanitized
	need umoci dpkg-query
}

# large KIND [SIZE]: the image of tests/large.py, pulled, at $root.
large() {
	"$TOP/tests/large.py" "$1" "$1" "${2-}"
	run_ok "$FIXTURES/peak" peak chr-pull -q -t x "./$1"
	root=$CHR_STORE/images/${output##*:}/root
}

# is_umocis KIND: each entry of the tree is as umoci makes it.
is_umocis() {
	umoci --log=error unpack --image "$1:x" bundle
	"$FIXTURES/tree" "$root" >ours
	"$FIXTURES/tree" bundle/rootfs >theirs
	rm -rf bundle
	cmp ours theirs || diff theirs ours | head -n 20
}

# in_memory KIB: the pull took no more.
in_memory() {
	[ "$(cat peak)" -lt "$1" ] || fail "$(cat peak) KiB of memory"
}

@test "gcc, perl, python3, git and others in four layers" {
	local files

	files=$(size 3000 18000)
	large debian "$files"
	in_memory 32768
	is_umocis debian
	[ "$(wc -l <ours)" -gt $((files * 2 / 5)) ]
	grep -q '^usr/bin/cpp' ours
	# copies are as exact
	run_ok chr-mkroot -x x
	"$FIXTURES/tree" "$output" >copy
	chr-rm "$output"
	cmp ours copy
}

@test "busybox: one file with hundreds of names" {
	large busybox
	is_umocis busybox
}

@test "127 layers" {
	large layers
	is_umocis layers
}

@test "many files, opaque directories and whiteouts" {
	local tens

	# 1,000 files in ten directories, of which 893 are left
	tens=$(size 10 200)
	large files "$tens"
	in_memory 32768
	is_umocis files
	[ "$(wc -l <ours)" = $((893 * tens)) ]
}

@test "many files of a layer that is not the first" {
	local dirs

	dirs=$(size 80 800)
	large upper "$dirs"
	in_memory 32768
	[ "$(find "$root" | wc -l)" = $((501 * dirs + 1)) ]
	[ ! -e "$root/d0/gone" ]
	[ ! -e "$root/d$((dirs - 1))/gone" ]
}

@test "GiB of zeros" {
	local gib

	gib=$(size 1 4)
	large zeros "$gib"
	in_memory 32768
	[ "$(stat -c %s "$root/zeros")" = $((gib << 30)) ]
	[ "$(stat -c %b "$root/zeros")" -lt 1000 ]
}

# umoci would write out all 8 GiB; the file itself is the better measure.
@test "a sparse file of 8 GiB" {
	truncate -s 8G file
	printf x | dd of=file bs=1 seek=5000000000 conv=notrunc status=none
	printf end | dd of=file bs=1 seek=8589934589 conv=notrunc status=none
	local format sparse

	for format in gnu posix:0.0 posix:0.1 posix:1.0; do
		sparse=${format#*:}
		tar --format="${format%:*}" -S \
		    ${sparse:+--sparse-version="${sparse/gnu/1.0}"} \
		    -cf layer.tar file
		mkimage -n x img.tar layer.tar
		run_ok chr-pull -q ./img.tar
		root=$CHR_STORE/images/${output##*:}/root
		[ "$(stat -c %b "$root/file")" -lt 1000 ]
		python3 - file "$root/file" <<-'P'
			import os, sys
			def data(path):
			    f, at, found = os.open(path, os.O_RDONLY), 0, []
			    end = os.fstat(f).st_size
			    while at < end:
			        try:
			            at = os.lseek(f, at, os.SEEK_DATA)
			        except OSError:
			            break
			        to = os.lseek(f, at, os.SEEK_HOLE)
			        block = os.pread(f, to - at, at)
			        found.append((at, block.rstrip(b"\0")))
			        at = to
			    return end, found
			assert data(sys.argv[1]) == data(sys.argv[2])
		P
	done
}
