#!/usr/bin/env bats
# See LICENSE.
# What stands between an image's bytes and the machine: chr-pull's processes, as
# the kernel shows them.

load helper

setup() {
	helper_setup
	skip_unless_root
}

# below PID: the processes that it started, and those that they did.
below() {
	local children p

	children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || :
	for p in $children; do
		echo "$p"
		below "$p"
	done
}

# has_decoder PID: below it is a process, stopped, that has one below it.
has_decoder() {
	local p

	for p in $(below "$1"); do
		! stopped "$p" || [ -z "$(below "$p")" ] || return 0
	done
	return 1
}

# halted COMMAND...: chr-pull in the background, $pull, as soon as the process
# that writes the tree, $writer, stands still and a decoder, $decoder, waits for
# it.
halted() {
	local p

	need_faults
	FAULT=apply_write:2:STOP "$@" >out 2>err 3>&- 4>&- &
	pull=$!
	wait_for has_decoder "$pull"
	for p in $(below "$pull"); do
		! stopped "$p" || writer=$p
	done
	# the next layer's may be there, too
	decoder=$(below "$writer" | head -n 1)
	wait_for sleeps "$decoder"
}

# sleeps PID: it waits, for what takes its data.
sleeps() {
	grep -q '^State:.S' "/proc/$1/status" 2>/dev/null
}

# goes_on: what halted has stopped ends as it should.
goes_on() {
	kill -CONT "$writer"
	wait "$pull" || fail "$(cat err)"
}

@test "a password is in no process that handles foreign bytes" {
	local base64 p texts zygote

	skip_if_sanitized
	mkimage -f oci img 'random big 4000000' >digest
	fake_registry img '{"on":"* /v2/*","auth":null,"status":401,"headers":{"WWW-Authenticate":"Basic realm=\"r\""}}'
	base64=$(printf 'someone:s3cr3t-w0rd' | base64)
	mkdir -p "$HOME/.docker"
	echo "{\"auths\":{\"$host\":{\"auth\":\"$base64\"}}}" \
	    >"$HOME/.docker/config.json"
	export http_proxy=http://u:pr0xy-w0rd@127.0.0.1:1 no_proxy=127.0.0.1
	halted chr-pull -q "$host/a/b"
	texts=(s3cr3t-w0rd "$base64" pr0xy-w0rd)
	# that they are found where they are
	run "$FIXTURES/holds" "$pull" "${texts[@]}"
	[ "${#lines[@]}" = 3 ]
	p=$(below "$pull")
	[ "$(wc -w <<<"$p")" -ge 3 ]
	for p in $p; do
		run_ok "$FIXTURES/holds" "$p" "${texts[@]}"
		[ -z "$output" ] || fail "$(cat "/proc/$p/comm") $p: $output"
	done
	goes_on
	[ "$(cat out)" = "$host/a/b@$(cat digest)" ]
}

# walls: what the kernel says of the decoder.
walls() {
	local f status

	status=$(cat "/proc/$decoder/status")
	[[ $status == *$'\nUid:\t65534\t65534\t65534\t65534\n'* ]]
	[[ $status == *$'\nGid:\t65534\t65534\t65534\t65534\n'* ]]
	grep -q '^Groups:[[:blank:]]*$' <<<"$status"
	[[ $status == *$'\nCapEff:\t0000000000000000\n'* ]]
	[[ $(readlink "/proc/$decoder/root") == "$T/tmp/"*" (deleted)" ]]
	[[ $(readlink "/proc/$decoder/cwd") == "$T/tmp/"*" (deleted)" ]]
	[ -z "$(ls -A "/proc/$decoder/root/")" ]
	for f in "/proc/$decoder/fd/"*; do
		case ${f##*/} in
		3) [[ $(readlink "$f") == */blobs/sha256/* ]] ;;
		4) [[ $(readlink "$f") == pipe:* ]] ;;
		# for the sanitizers' reports
		2) [[ ${CHR_VARIANT-} == *asan* ]] ;;
		*) fail "$f: $(readlink "$f")" ;;
		esac
	done
	grep -Eq '^Max open files +0 +0 ' "/proc/$decoder/limits"
	grep -Eq '^Max processes +0 +0 ' "/proc/$decoder/limits"
	grep -Eq '^Max file size +0 +0 ' "/proc/$decoder/limits"
}

@test "a decoder has nothing, is nobody, and is nowhere" {
	pulls_behind_walls() {
		mkimage -f oci img 'random big 4000000' 'file c' >digest
		halted "$@" chr-pull -q -t a/b ./img
		walls
		goes_on
		[ "$(cat out)" = "docker.io/a/b@$(cat digest)" ]
	}

	pulls_behind_walls
	[ ! -s err ]
	# each line of status is the kernel's own word: 2 is a filter
	rm -r "$CHR_STORE"
	pulls_behind_walls "$FIXTURES/without" seccomp
	[ "$(cat err)" = "chr-pull: warning: seccomp is not available: what decodes layers is less confined" ]
	rm -r "$CHR_STORE"
	pulls_behind_walls "$FIXTURES/without" -e EPERM seccomp
	[ "$(wc -l <err)" = 1 ]
}

@test "a wall that cannot be built leaves the others" {
	local missing

	for missing in setgroups setuid setgid,setuid; do
		rm -rf "$CHR_STORE"
		mkimage -f oci img 'random big 4000000' >/dev/null
		TMPDIR=$T/none halted "$FIXTURES/without" -e EPERM \
		    "$missing,seccomp" chr-pull -q -t a/b ./img
		[ "$missing" != setgroups ] ||
			grep -q '^Uid:.65534.65534.65534.65534$' \
			    "/proc/$decoder/status"
		run cat "/proc/$decoder/task/"*/status
		[ "$(grep -c '^CapEff:.0000000000000000$' <<<"$output")" = 2 ]
		[ "$(grep -c '^CapPrm:.0000000000000000$' <<<"$output")" = 2 ]
		[[ $(readlink "/proc/$decoder/root") == *" (deleted)" ]]
		goes_on
	done
}

@test "a decoder that is killed" {
	mkimage -f oci img 'random big 4000000' >/dev/null
	halted chr-pull -q -t a/b ./img
	kill -KILL "$decoder"
	kill -CONT "$writer"
	status=0
	wait "$pull" || status=$?
	[ "$status" = 1 ]
	[[ $(cat err) == "chr-pull: docker.io/a/b:latest: layer sha256:"*": the decoder ended too early" ]]
	run_ok chr-pull -q -t a/b ./img
}

@test "a machine that gives a decoder less than it would like" {
	skip_if_sanitized
	mkimage -f oci img 'random b 400000' 'file c' >digest
	for less in "prlimit --as=400000000" \
	    "$FIXTURES/without -e EPERM clone3" "$FIXTURES/without clone3" \
	    "env TMPDIR=$T/none"; do
		rm -rf "$CHR_STORE"
		# shellcheck disable=SC2086
		run_ok setpriv --bounding-set=-sys_resource $less \
		    chr-pull -t a/b ./img
		[ "$output" = "docker.io/a/b@$(cat digest)" ]
	done
}

# layers N: the operands of mkimage for so many small ones, the 70th large.
layers() {
	local i

	operands=()
	for ((i = 1; i <= $1; i++)); do
		operands+=("file last 644 $i")
		[ "$i" != 70 ] || operands+=('random big 400000')
	done
}

# size_of DIGEST: what a layer of img inflates to.
size_of() {
	gzip -dc "img/blobs/${1/://}" | wc -c
}

@test "small layers share a process" {
	local all digest limit operands

	skip_if_sanitized
	need strace
	layers 140
	digest=$(mkimage -f oci img "${operands[@]}")
	strace -f -o trace -e trace=seccomp chr-pull -q -t a/b ./img
	[ "$(grep -c 'TSYNC, {' trace)" = 2 ]
	[ "$(cat "$CHR_STORE"/images/*/root/last)" = 140 ]
	[ "$(stat -c %s "$CHR_STORE"/images/*/root/big)" = 400000 ]
	# the one that is too much is named
	chr-rm a/b
	mapfile -t all < <(sed 's/.*"layers"//' "img/blobs/${digest/://}" |
	    grep -o 'sha256:[0-9a-f]*')
	limit=$((98 * $(size_of "${all[0]}") + $(size_of "${all[70]}")))
	CHR_MAX_BYTES=$limit run_err 6 \
	    "chr-pull: docker.io/a/b:latest: layer ${all[99]}: over the limit of $limit bytes" \
	    chr-pull -q -t a/b ./img
}

@test "CHR_MAX_BYTES is for all layers of an image together" {
	local blob limit size=0

	mkimage -f oci img 'random b 400000' 'random c 400000' 'random d 1000' \
	    >/dev/null
	for blob in img/blobs/sha256/*; do
		! gzip -t "$blob" 2>/dev/null ||
			size=$((size + $(gzip -dc "$blob" | wc -c)))
	done
	[ "$size" -gt 801000 ]
	for limit in 800000 $((size - 1)); do
		CHR_MAX_BYTES=$limit run_like 6 "chr-pull: docker.io/a/b:1: layer sha256:*: over the limit of $limit bytes" \
		    chr-pull -t a/b:1 ./img
		rm -r "$CHR_STORE"
	done
	CHR_MAX_BYTES=$size run_ok chr-pull -t a/b:1 ./img
}
