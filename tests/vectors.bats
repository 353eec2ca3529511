#!/usr/bin/env bats
# See LICENSE.
# What layers come to: each vector of vectors.py pulled, whole trees compared.

load helper

vectors() {
	skip_unless_root
	# few descriptors, and a directory that hands down its group
	ulimit -n 256
	mkdir "$T/v"
	chgrp 8 "$T/v"
	chmod 2775 "$T/v"
	run "$BATS_TEST_DIRNAME/vectors.py" "$T/v"
	[ "$status" = 0 ] || {
		printf '%s\n' "$output" | grep -A12 '^not ok' >&2
		[ -n "$output" ] && false
	}
}

@test "layer vectors" {
	vectors
}

@test "layer vectors, where names resolve without openat2" {
	PATH=${CHR_WALK_BIN:=$TOP/build/release-walk/bin}:$PATH
	[ -x "$CHR_WALK_BIN/chr-pull" ] || cannot "needs make walk"
	grep -q -- -DSYS_WALK "$CHR_WALK_BIN/../flags"
	vectors
}
