#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# What layers come to: each vector of vectors.py pulled, whole trees compared.

load helper

# vectors [COMMAND...]: run by it.
vectors() {
	skip_unless_root
	# few descriptors, and a directory that hands down its group and an ACL
	ulimit -n 256
	rm -rf "$T/v"
	mkdir "$T/v"
	chgrp 8 "$T/v"
	chmod 2775 "$T/v"
	"$FIXTURES/default_acl" "$T/v"
	run "$@" "$BATS_TEST_DIRNAME/vectors.py" "$T/v"
	[ "$status" = 0 ] || {
		printf '%s\n' "$output" | grep -A12 '^not ok' >&2
		[ -n "$output" ] && false
	}
}

# Names resolve with openat2(2), with sanitizers without it; make check-long has
# both for both.
@test "layer vectors" {
	local with=1 without=

	[[ ${CHR_VARIANT-} != *asan* ]] || with='' without=1
	[ -z "${CHR_LONG-}${with}" ] || vectors
	[ -z "${CHR_LONG-}${without}" ] || vectors "$FIXTURES/without" openat2
}

# layout PYTHON: img is an image of the layers that this makes.
layout() {
	skip_unless_root
	need python3
	python3 - "$BATS_TEST_DIRNAME" "$1" <<-'EOT'
		import sys
		sys.dont_write_bytecode = True
		sys.path.insert(0, sys.argv[1])
		import lzma
		from layers import *
		write_image("img", eval(sys.argv[2]))
	EOT
}

@test "each kind of attribute that cannot be had is warned about" {
	layout '[b"".join(symlink(f"l{i}", "x", ext=[("SCHILY.xattr.user.a", "1")])
	    for i in range(40)) + symlink("m", "x", ext=[
	    ("SCHILY.xattr.user.b", "1")]) + END]'
	run_err 0 "chr-pull: docker.io/library/v:latest: warning: l0: user.a: Operation not permitted
chr-pull: docker.io/library/v:latest: warning: m: user.b: Operation not permitted" \
	    chr-pull -t v ./img
}

@test "an attribute that there is no room for" {
	skip_if_sanitized
	need strace
	layout '[file("f", "1", ext=[("SCHILY.xattr.user.a", "1")]) + END]'
	full=(strace -f -o /dev/null -e trace=fsetxattr
	    -e inject=fsetxattr:error=ENOSPC chr-pull -t v ./img)
	run_err 0 "chr-pull: docker.io/library/v:latest: warning: f: user.a: No space left on device" \
	    "${full[@]}"
	mkdir small
	mount -t tmpfs -o size=64k,mode=700 chr-test small
	CHR_STORE=$T/small/store
	run_like 1 "chr-pull: docker.io/library/v:latest: layer sha256:*: f: user.a: No space left on device" \
	    "${full[@]}"
	umount small
}

@test "entries behind long chains of links" {
	layout '[(lambda d: (lzma.compress(d, preset=1), digest(d)))(b"".join(
	    [brief("d/ d/a/ d/b/ l0->d")] +
	    [symlink(f"l{i}", "", ext=[("linkpath", "d/../" * 818 + f"l{i - 1}")])
		for i in range(1, 37)] +
	    [symlink(f"m{i}", "l36") for i in range(20)] +
	    [header(f"m{i % 20}/{chr(97 + i % 2)}/{i}") for i in range(16000)]) +
	    END)]'
	[ -z "$(find img -size +100000c)" ]
	run_like 6 "chr-pull: docker.io/library/v:latest: layer sha256:*: m2/a/2: too many links on the way to this and earlier entries" \
	    prlimit --cpu=10 chr-pull -t v ./img
}
