#!/usr/bin/env bats
# See LICENSE.
# What a caller leaves to the programs: closed descriptors, signals, limits, a
# filter of system calls.

load helper

setup() {
	skip_unless_root
	helper_setup
	pulled
	mkimage -n other img.tar "file etc/name 644 small"
}

teardown() {
	[ "$(id -u)" != 0 ] || helper_teardown
}

@test "closed descriptors: what is printed is lost, and that is a failure" {
	local how root shells=(dash "bash --posix" "busybox sh") want

	while read -r how; do
		want=0
		[[ $how != *' >&-'* && $how != '>&-'* ]] || want=1
		run sh -c "chr-ls $how"
		[ "$status" = "$want" ] || fail "chr-ls $how: $status"
		run sh -c "chr-pull -v ./img.tar $how"
		[ "$status" = "$want" ] || fail "chr-pull $how: $status"
		run sh -c "chr-mkroot -v box $how"
		[ "$status" = "$want" ] || fail "chr-mkroot $how: $status"
		[ "$want" = 1 ] || {
			root=$(ls -d "$CHR_STORE"/roots/*/root)
			run sh -c "chr-exec -r '$root' true $how"
			[ "$status" = 0 ] || fail "chr-exec $how: $status"
		}
		no_roots
		run sh -c "chr-rm -v other $how"
		[ "$status" = 0 ] || fail "chr-rm $how: $status"
		shells=("${shells[@]:1}" "${shells[0]}")
		run sh -c "${shells[0]} $CHR_BIN/chrun run box true $how"
		[ "$status" = 0 ] || fail "${shells[0]} chrun $how: $status"
	done <<-'EOT'
		<&- 2>&-
		>&-
		2>&-
		<&- >&- 2>&-
	EOT
	run_err 1 "chr-pull: standard output: Bad file descriptor" \
	    sh -c 'chr-pull ./img.tar >&-'
	run_err 1 "chr-pull: standard input: Bad file descriptor" sh -c 'chr-pull - <&-'
}

# takes COMMAND...: runs it with 0 to 2 closed; what opens them, once they are on
# /dev/null, is in $output.
takes() {
	strace -f -y -e trace=%desc,execve -o trace \
	    sh -c 'exec "$@" <&- >&- 2>&-' x "$@" || :
	awk '/execve\(/ { on = 0 }
	    /= 2<\/dev\/null/ { on = seen = 1 }
	    on && /= [012]</ && !/= [012]<\/dev\/null/ { print }
	    END { if (!seen) print "not opened" }' trace
}

@test "closed descriptors: nothing else is opened in their place" {
	local root

	need strace
	root=$(chr-mkroot box)
	for command in "chr-ls -rv" "chr-pull -v ./img.tar" "chr-mkroot box" \
	    "chr-exec -r $root true" "chr-rm -gv other"; do
		run takes $command
		[ -z "$output" ] || fail "$command: $output"
	done
}

@test "a file that becomes too large is an error" {
	local root

	root=$(chr-mkroot box)
	limited() { (ulimit -f "$1" && shift && exec "$@"); }
	mkimage -n large -c '{"Cmd": ["a"]}' large.tar busybox
	run_like 1 "chr-pull: *: bin/busybox: File too large" \
	    limited 100 chr-pull ./large.tar
	run_like 1 "chr-pull: *: File too large" limited 100 \
	    sh -c 'chr-pull -t large - <large.tar'
	run_like 3 "chr-mkroot: large: not in the store" chr-mkroot large
	run_like 1 "chr-mkroot: $CHR_STORE/roots/*/root: bin/*: File too large" \
	    limited 100 chr-mkroot box
	[ "$(ls -A "$CHR_STORE/roots")/root" = "${root#"$CHR_STORE"/roots/}" ]
	run_err 0 "" limited 0 chr-rm "$root"
	printf '%01024d' 0 >out
	run_err 1 "chr-ls: standard output: File too large" \
	    limited 1 sh -c 'chr-ls >>out'
	chr-pull -q ./img.tar >/dev/null
	run_ok bash -c '(ulimit -f 0; chr-rm other 2>&1; echo "status $?") | cat'
	[ "$output" = "chr-rm: $CHR_STORE/index.json: File too large
status 1" ]
	# the command is asked as its caller was
	root=$(chr-mkroot box)
	for how in "" -r; do
		run sh -c "ulimit -f 0; chr-exec $how '$root' \
		    sh -c 'ulimit -c 0; echo x >/file'"
		[ "$status" = 153 ] || fail "chr-exec $how: $status"
	done
}

# careless COMMAND...: below a caller that ignores SIGCHLD and blocks it, and
# all else that can be blocked.
careless() {
	python3 -c 'import os, signal, sys
for sig in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(sig, signal.SIG_DFL)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "SIGCHLD ignored, signals blocked: children are waited for" {
	local root shell want

	need python3
	run_ok careless chr-pull ./img.tar
	run_ok careless chr-mkroot box
	root=$output
	run_ok careless grep '^Sig[BI]' /proc/self/status
	want=$output
	run_ok careless chr-exec -p "$root" grep '^Sig[BI]' /proc/self/status
	[ "$output" = "$want" ]
	run_ok careless chr-exec -rp "$root" grep '^Sig[BI]' /proc/self/status
	[ "$output" = "$want" ]
	root=$(chr-mkroot box)
	run_err 3 "" careless chr-exec -r "$root" sh -c '(sleep 600 &); exit 3'
	run_ok careless chr-rm other
	for shell in dash "bash --posix" "busybox sh"; do
		run_err 3 "" careless $shell "$CHR_BIN/chrun" run -q box \
		    sh -c 'exit 3'
	done
	no_roots
}

@test "a credential helper has the signals of the caller" {
	local how

	mkimage -f oci -n 1 layout "file a 644 a" >/dev/null
	fake_registry layout \
	    '{"on":"* /v2/*","auth":null,"challenge":"Basic realm=\"r\""}'
	mkdir -p bin "$HOME/.docker"
	printf '%s\n' '#!/bin/sh' 'sed -n s/^SigIgn:./0x/p /proc/$$/status >"$HOME/ignored"' \
	    'echo "{\"Username\":\"u\",\"Secret\":\"p\"}"' \
	    >bin/docker-credential-test
	chmod +x bin/docker-credential-test
	echo '{"credsStore":"test"}' >"$HOME/.docker/config.json"
	PATH=$T/bin:$PATH
	for how in PIPE CHLD XFSZ; do
		sh -c "trap '' $how; chr-pull -n $host/a/b" >/dev/null
		echo "$how $(($(cat "$HOME/ignored") & 0x1011000))"
	done >got
	[ "$(cat got)" = "PIPE 4096
CHLD 0
XFSZ $((1 << 24))" ]
}

# Filters made before a call was known answer EPERM, if they are old themselves.
@test "system calls that are missing or filtered" {
	local error newer

	newer=faccessat2,openat2,statx,close_range,fsopen,fsconfig,fsmount
	newer+=,move_mount,open_tree,mount_setattr
	newer+=,pidfd_open,pidfd_send_signal,renameat2,copy_file_range,clone3
	mkdir src
	echo bound >src/file
	cat >job <<-'EOT'
		set -e
		CHR_STORE=$PWD/new chr-pull ./img.tar >made
		chr-pull -V -t again ./img.tar >made
		for method in copy overlay; do
			root=$(chr-mkroot -m "$method" box)
			chr-ls -rv | cut -f 2,3
			chr-exec -p -b src:/var/src:ro -w /made "$root" sh -c '
			    cat /var/src/file
			    ! touch /var/src/new 2>/dev/null
			    [ -c /dev/null ] && [ -d /proc/1 ]
			    echo "$PWD"'
			: >"$root/file"
			chr-exec -u 5 "$root" /file || echo "status $?"
			chr-rm "$root"
		done
		chrun run -q -p box sh -c '(sleep 600 &); exit 4' ||
			echo "status $?"
		echo "$CHR_STORE"/roots/*
		chr-rm again
		chr-rm -g
	EOT
	run --separate-stderr sh job
	want="$status $output $stderr"
	shows 'status 4'
	for error in ENOSYS EPERM; do
		rm -r new
		run --separate-stderr "$FIXTURES/without" -e "$error" "$newer" \
		    sh job
		[ "$status $output $stderr" = "$want" ] ||
			fail "$error: $status $output $stderr, not $want"
	done
}
