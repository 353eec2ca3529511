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

# bats test_tags=quick
@test "images: name, digest, platform, size, age" {
	mkimage -p linux/arm64 -n a/b:1 img.tar 'file f 644 12345'
	chr-pull -q -p linux/arm64 ./img.tar >/dev/null
	run_ok chr-ls
	IFS=$'\t' read -r name digest platform size age <<<"$output"
	[ "$name" = docker.io/a/b:1 ]
	[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
	[ "$platform" = linux/arm64 ]
	[ "$size" = 5 ]
	[ "$age" -le "$SECONDS" ]
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
	[ "$age" -le "$SECONDS" ]
	chr-exec "$root" sleep 600 3>&- 4>&- &
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

sizes() {
	[ "$(chr-ls -r | cut -f 5)" = "$(du -sB1 "${1%/root}" | cut -f 1)" ]
}

@test "a root's size is what du says: links once, all levels, few descriptors" {
	pulled
	root=$(chr-mkroot box)
	sizes "$root"
	[ "$(chr-ls -r | cut -f 5)" -lt 10000000 ]
	python3 - "$root" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1])
		for i in range(500):
		    os.mkdir("d")
		    with open("f", "w") as out:
		        out.write("x" * 9000)
		    os.link("f", "d/g")
		    os.chdir("d")
	EOT
	sizes "$root"
	run_ok sh -c 'ulimit -n 32; exec chr-ls -r'
	mkdir "$root/mnt"
	mount -t tmpfs chr-test "$root/mnt"
	head -c 1000000 /dev/zero >"$root/mnt/f"
	run_ok chr-ls -r
	umount "$root/mnt"
	[ "$(cut -f 5 <<<"$output")" -le "$(du -sB1 "${root%/root}" | cut -f 1)" ]
	chr-rm "$root"
}

@test "a size that cannot be had: said once, status 1, the others are listed" {
	need_faults
	pulled
	one=$(chr-mkroot box)
	two=$(chr-mkroot box)
	FAULT=du_open:2:EIO run_like 1 \
	    "chr-ls: $CHR_STORE/roots/box.??????/root: size: Input/output error" \
	    chr-ls -r
	[ "${#lines[@]}" = 2 ]
	[ "$(cut -f 1 <<<"$output")" = "$(printf '%s\n' "$one" "$two" | sort)" ]
}

@test "a root that vanishes meanwhile is left out" {
	local pid

	need_faults
	pulled
	root=$(chr-mkroot box)
	FAULT=du_open:2:STOP chr-ls -r >out 2>err 3>&- 4>&- &
	pid=$!
	wait_for stopped "$pid"
	chr-rm "$root"
	kill -CONT "$pid"
	wait "$pid"
	[ ! -s out ] && [ ! -s err ]
}

# straight TEXT: each column of each line begins where its header does.
straight() {
	python3 - "$1" <<-'EOT'
		import re, sys
		lines = sys.argv[1].replace("\r", "").splitlines()
		starts = [m.start() for m in re.finditer(r"\S+", lines[0])]
		for line in lines:
		    assert starts == [m.start() for m in re.finditer(r"\S+", line)], line
	EOT
}

@test "roots: -v shows what may not be on disk" {
	mkimage i.tar 'file a' >/dev/null
	chr-pull -q -t i ./i.tar && rm i.tar
	root=$(chr-mkroot i)
	chr-ls -r >plain
	boot=${root%/root}/boot
	for want in "this $(cat /proc/sys/kernel/random/boot_id)" 'earlier x' earlier -; do
		[ "$want" = - ] && rm "$boot" ||
			printf '%s' "${want#* }" >"$boot"
		run_ok chr-ls -rv
		[ "$(cut -f 7 <<<"$output")" = "${want% *}" ]
		cut -f 1-4 <<<"$output" | cmp - <(cut -f 1-4 plain)
	done
	run_ok on_tty -- chr-ls -rv
	[[ ${lines[0]} =~ \ AGE\ +BOOT$'\r'?$ ]]
	chr-rm "$root"
}

@test "on a terminal: a header, columns below it, digests cut" {
	mkimage -n registry.example/a/rather/long-name:1 long.tar 'file f'
	mkimage -n b/c:1 short.tar 'file g'
	chr-pull -q ./long.tar ./short.tar >/dev/null
	root=$(chr-mkroot b/c:1)
	run_ok on_tty -- chr-ls -v
	straight "$output"
	[ "${#lines[@]}" = 5 ]
	[[ ${lines[0]} =~ ^NAME\ +DIGEST\ +PLATFORM\ +SIZE\ +AGE ]]
	[[ $output =~ docker.io/b/c@sha256:[0-9a-f]{12}\ +sha256:[0-9a-f]{12}\  ]]
	[[ ! $output =~ [0-9a-f]{13} ]]
	run_ok on_tty -- chr-ls -r
	straight "$output"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} =~ ^ROOT\ +IMAGE\ +STATE\ +PIDS\ +SIZE\ +AGE ]]
	[[ ${lines[1]} =~ ^"$root  docker.io/b/c@sha256:"[0-9a-f]{12}\ \ idle\  ]]
}

@test "an image's text reaches neither a terminal nor a pipe raw" {
	# os, architecture and variant are whatever the configuration says
	mkimage -f oci -n a/b -p $'lin\e[31mux/am\a\rd/v\u009b8' img 'file f' >/dev/null
	run_like 0 "chr-pull: docker.io/a/b:latest: warning: the image is for lin\\\\033\[31mux/am\\\\007\\\\015d/v\\\\302\\\\2338, not *" \
	    chr-pull -q ./img
	run_ok chr-ls
	[ "$(cut -f 3 <<<"$output")" = 'lin\033[31mux/am\007\015d/v\302\2338' ]
	run_ok on_tty -- chr-ls
	shows ' lin\033[31mux/am\007\015d/v\302\2338 '
}

@test "a path that would break the line, made by hand, is shown escaped" {
	pulled
	mkdir plain
	root=$(chr-mkroot -d plain box)
	mv plain a$'\t'b$'\n'c
	CHR_ROOTS=$T/a$'\t'b$'\n'c run_ok chr-ls -r
	[ "${#lines[@]}" = 1 ]
	[ "$(cut -f 1 <<<"$output")" = "$T/a\\011b\\012c${root#"$T/plain"}" ]
	CHR_ROOTS=$T/a$'\t'b$'\n'c run_ok on_tty -- chr-ls -r
	[[ ${lines[1]} == "$T/a\\011b\\012c${root#"$T/plain"}  "* ]]
}

@test "standard output that fails" {
	pulled
	run_err 1 "chr-ls: standard output: No space left on device" \
	    sh -c 'chr-ls >/dev/full'
}
