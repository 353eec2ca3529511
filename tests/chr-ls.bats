#!/usr/bin/env bats
# See LICENSE.

load helper

setup() {
	helper_setup
	skip_unless_root
}

@test "nothing there" {
	run_ok chr-ls
	[ -z "$output" ]
	run_ok chr-ls -r
	[ -z "$output" ]
	run_err 2 "usage: chr-ls [-rv]" chr-ls x
}

@test "images: name, digest, platform, size, age" {
	mkimage -p linux/arm64 -n a/b:1 img.tar 'file f 644 12345'
	chr-pull -q -p linux/arm64 ./img.tar >/dev/null
	run_ok chr-ls
	IFS=$'\t' read -r name digest platform size age <<<"$output"
	[ "$name" = docker.io/a/b:1 ]
	[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
	[ "$platform" = linux/arm64 ]
	[ "$size" = 5 ]
	[[ $age =~ ^[0-9]$ ]]
	run_ok chr-ls -v
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[1]} == docker.io/a/b@sha256:* || ${lines[0]} == docker.io/a/b@sha256:* ]]
}

@test "roots: path, image, state, pids, size, age" {
	pulled
	root=$(chr-mkroot box)
	run_ok chr-ls -r
	IFS=$'\t' read -r path image state pids size age <<<"$output"
	[ "$path" = "$root" ]
	[ "$image" = "$box" ]
	[ "$state" = idle ]
	[ "$pids" = - ]
	[ "$size" -gt 1000000 ]
	[[ $age =~ ^[0-9]$ ]]
	chr-exec "$root" sleep 60 3>&- 4>&- &
	pid=$!
	wait_for sh -c '[ "$(readlink /proc/'$pid'/root)" = "'$root'" ]'
	run_ok chr-ls -r
	IFS=$'\t' read -r path image state pids size age <<<"$output"
	[ "$state" = used ]
	[ "$pids" = "$pid" ]
	kill $pid
	wait $pid || :
	mkdir more
	other=$(CHR_ROOTS=$T/more chr-mkroot box)
	CHR_ROOTS=$T/more run_ok chr-ls -r
	[ "${#lines[@]}" = 2 ]
	[[ $output == *"$other"* ]]
}

@test "standard output that fails" {
	pulled
	run_err 1 "chr-ls: standard output: No space left on device" \
	    sh -c 'chr-ls >/dev/full'
}
