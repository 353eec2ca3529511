#!/usr/bin/env bats
# See LICENSE.
# chrun: the other programs strung together.

load helper

# said: what chrun says of a run: the words and the path of a root.
said() {
	[[ $stderr == "Running $1 in $CHR_STORE/roots/box."??????/root ]] ||
		fail "$stderr"
}

# on SHELL: chrun is read by that shell.
on() {
	mkdir -p "$T/on"
	printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$1" "$CHR_BIN/chrun" \
	    >"$T/on/chrun"
	chmod +x "$T/on/chrun"
	PATH=$T/on:$PATH
}

usage="usage: chrun pull image ...
       chrun run [-AEkpqrv] [-b src:dst[:ro]] [-e name[=value]]
                 [-m method] [-u user[:group]] [-w dir]
                 image [command [arg ...]]"

# bats test_tags=user
@test "usage" {
	run_err 125 "$usage" chrun
	run_err 125 "$usage" chrun run
	run_err 125 "$usage" chrun pull
	run_err 125 "$usage" chrun frobnicate redis
	run_err 125 "chrun: invalid option -- 'Z'" chrun run -Z box
	run_err 125 "chrun: option requires an argument -- 'u'" chrun run -u
	no_roots
}

# bats test_tags=user
@test "says which program is missing, before anything is done" {
	mkdir part
	ln -s "$CHR_BIN/chr-pull" "$CHR_BIN/chr-mkroot" part
	PATH=$T/part:/usr/bin:/bin \
	    run_err 125 "chrun: chr-exec: not found in PATH" \
	    "$CHR_BIN/chrun" run box
}

@test "pull: what it says, and nothing on standard output" {
	skip_unless_root
	need busybox
	mkimage -f oci layout busybox >digest
	run_err 0 "Pulling image ./layout
export image $(cut -c 8-19 digest)" chrun pull ./layout
	[ -z "$output" ]
}

@test "what is said of an operand has no password and no control byte" {
	run_err 125 "Pulling image host/x
chr-pull: host/x: a reference holds no user or password" \
	    chrun pull user:hidden@host/x
	run_err 125 "chr-mkroot: host/x: a reference holds no user or password" \
	    chrun run user:hidden@host/x
	run_err 125 "Pulling image a?b
chr-pull: a\\033b: bad repository name" chrun pull $'a\eb'
	digest=sha256:$(printf %064d 0)
	run_like 125 "Pulling image 127.0.0.1:1/x@$digest
chr-pull: *" chrun pull "127.0.0.1:1/x@$digest"
}

@test "pull: all are tried, 125 when one fails" {
	skip_unless_root
	need busybox
	mkimage one.tar 'file one'
	run_like 125 "Pulling image ./none
chr-pull: *
Pulling image ./one.tar
export image ????????????" chrun pull ./none ./one.tar
	[ -n "$(chr-ls)" ]
}

# bats test_tags=quick
@test "run: a command, its output, its status; the root is gone" {
	skip_unless_root
	need busybox
	local shell

	pulled
	for shell in dash bash 'busybox sh'; do
		on "$shell"
		run --separate-stderr chrun run box sh -c 'echo out; exit 42'
		[ "$status" = 42 ]
		[ "$output" = out ]
		said 'sh -c echo out; exit 42'
		no_roots
	done
}

@test "run: without a command, the image's own" {
	skip_unless_root
	need busybox
	pulled -c '{"Entrypoint":["/bin/echo","entry"],"Cmd":["cmd"]}'
	run --separate-stderr chrun run box
	[ "$output" = "entry cmd" ]
	said "the image's command"
	run_ok chrun run -q -A box a 'b  c'
	[ "$output" = "entry a b  c" ]
	no_roots
}

@test "run: option arguments arrive byte for byte, on each shell" {
	skip_unless_root
	need busybox
	local shell value="it's  \$(touch $TMPDIR/x) \"\` \\ *"

	pulled
	mkdir "$T/a b"
	for shell in dash bash 'busybox sh'; do
		on "$shell"
		run_ok chrun run -q -e "A=$value" -eB=1 -b "$T/a b:/tmp" \
		    -w /etc -u nobody -m copy box sh -c \
		    'echo "$A$B"; pwd; id -u' -m
		[ "$output" = "${value}1
/etc
65534" ]
	done
}

@test "run: the image is pulled when it is not there" {
	skip_unless_root
	need busybox
	need docker-registry skopeo
	start_registry
	mkimage -f oci layout busybox >digest
	skopeo copy -q --dest-tls-verify=false oci:layout \
	    "docker://$registry/box:1"
	run_like 0 "Pulling image $registry/box:1
export image $(cut -c 8-19 digest)
Running echo hi in $CHR_STORE/roots/box.??????/root" \
	    chrun run "$registry/box:1" echo hi
	[ "$output" = hi ]
	run_ok chrun run -q "$registry/box:1" echo again
	[ "$output" = again ]
	no_roots
}

@test "run: with -q only the failure speaks" {
	skip_unless_root
	need busybox
	run_like 125 "chr-pull: 127.0.0.1:1/box:latest: *" \
	    chrun run -q 127.0.0.1:1/box true
	[[ $stderr != *$'\n'* ]]
	run_like 125 "chr-mkroot: *Box*" chrun run -q Box true
	[[ $stderr != *$'\n'* ]]
	no_roots
}

@test "run: 126, 127, and death by a signal" {
	skip_unless_root
	need busybox
	pulled
	run --separate-stderr chrun run -q box /etc
	[ "$status" = 126 ]
	run -127 --separate-stderr chrun run -q box no-such-command
	run --separate-stderr chrun run -q box sh -c 'kill -TERM $$'
	[ "$status" = 143 ]
	no_roots
}

@test "run: a signal while the root is made leaves nothing" {
	skip_unless_root
	need busybox
	local shell pid

	pulled
	mkdir slow
	printf '#!/bin/sh\nroot=$(%s "$@") || exit
touch made; until [ -e go ]; do sleep 0.02; done; echo "$root"\n' \
	    "'$CHR_BIN/chr-mkroot'" >slow/chr-mkroot
	chmod +x slow/chr-mkroot
	for shell in dash bash 'busybox sh'; do
		rm -f made go
		PATH=$T/slow:$PATH $shell "$CHR_BIN/chrun" run -q box \
		    true 3>&- &
		pid=$!
		wait_for test -e made
		kill -TERM "$pid"
		: >go
		status=0
		wait "$pid" || status=$?
		[ "$status" = 143 ]
		no_roots
	done
}

@test "run: the root goes when chr-exec refuses to begin" {
	skip_unless_root
	need busybox
	pulled
	run_like 125 "chr-exec: descriptor 0: is a directory*" \
	    chrun run -q box true </tmp
	no_roots
	run_like 125 "chr-exec: -b bad: *" chrun run -q -b bad box true
	no_roots
	run_like 125 "chr-exec: -e =x: *" chrun run -q -e =x box true
	no_roots
}

@test "run: the caller's variables go on as they are" {
	skip_unless_root
	need busybox
	local shell

	pulled
	for shell in dash bash 'busybox sh'; do
		on "$shell"
		method=POST root=/mine n=7 quiet=no rc=9 option=z options=all \
		    image=i program=p id=5 said=s made=m failed=f \
		    run_ok chrun run -q -E -m copy box sh -c 'echo $method $root $n \
		    $quiet $rc $option $options $image $program $id $said \
		    $made $failed'
		[ "$output" = "POST /mine 7 no 9 z all i p 5 s m f" ]
	done
}

@test "run: a signal in the instant before chr-exec leaves a marked root" {
	skip_unless_root
	need busybox
	need_faults
	local shell root

	pulled
	for shell in dash bash 'busybox sh'; do
		FAULT=exec_begin:1:STOP serve log \
		    $shell "$CHR_BIN/chrun" run box sleep 600
		wait_for stopped "$server"
		kill -TERM "$server"
		kill -CONT "$server"
		status=0
		wait "$server" || status=$?
		server_pids=
		[ "$status" = 143 ]
		root=$(echo "$CHR_STORE"/roots/*/root)
		[ -d "$root" ]
		run_ok chr-rm -g
		[ -d "$root" ]
		[ -e "${root%/root}/remove" ]
		aged '2 minutes' "$root" remove idle
		run_ok chr-rm -g
		no_roots
	done
}

@test "run: a signal at any time is not lost, nor is the root" {
	skip_unless_root
	need busybox
	local i mark shell

	pulled
	for shell in dash bash 'busybox sh'; do
		for ((i = 0; i < 13; i++)); do
			$shell "$CHR_BIN/chrun" run -q box sleep 600 3>&- &
			sleep "0.$(printf %03d $((i * 6)))"
			kill -TERM "$!"
			status=0
			wait "$!" || status=$?
			[ "$status" = 143 ] || fail "$shell, run $i: $status"
		done
	done
	for mark in "$CHR_STORE"/roots/*/remove; do
		[ ! -e "$mark" ] || aged '2 minutes' "${mark%/remove}" remove idle
	done
	run_ok chr-rm -g
	no_roots
}

@test "run: TERM to chrun ends the command and removes the root" {
	skip_unless_root
	need busybox
	local pid

	pulled
	chrun run -q box sh -c 'sleep 600 & echo up; wait' >log 3>&- &
	pid=$!
	wait_for grep -q up log
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 143 ]
	no_roots
}

@test "run: the command sees that its terminal got another size" {
	pulled
	run on_tty -w ready -z 100x40 -- chrun run -q box sh -c \
	    'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.1; done'
	[ "$status" = 0 ]
	[[ $output == *"40 100"* ]] || fail "$output"
	no_roots
}

@test "run: many at once" {
	skip_if_sanitized
	local i many pids=

	pulled
	many=$(size 60 200)
	for ((i = 0; i < many; i++)); do
		chrun run -q box sh -c 'test -c /dev/null && exit 7' 2>>err 3>&- &
		pids+=" $!"
	done
	for i in $pids; do
		status=0
		wait "$i" || status=$?
		[ "$status" = 7 ] || fail "$status: $(cat err)"
	done
	no_roots
	chr-mkroot -c "$many" box >roots
	[ "$(sort -u roots | wc -l)" = "$many" ]
	xargs -P 100 -I{} chr-exec -r {} sh -c 'pwd' <roots >out 2>>err
	[ "$(wc -l <out)" = "$many" ]
	[ -z "$(cat err)" ]
	no_roots
}

@test "a link that another user put where the mark goes is not followed" {
	local link why

	skip_unless_root
	mkdir -p fake theirs/box.abcdef/root
	chown -R 65534 theirs
	echo data >precious
	printf '#!/bin/sh\necho "%s"\n' "$T/theirs/box.abcdef/root" >fake/chr-mkroot
	chmod +x fake/chr-mkroot
	why="chr-rm: $T/theirs/box.abcdef/root: not a root made by chr-mkroot: the directory around it is another user's"
	for link in precious nothing; do
		ln -sf "$T/$link" theirs/box.abcdef/remove
		PATH=$T/fake:$PATH run_like 125 "*remove*
$why" chrun run -q box true
		[ "$(<precious)" = data ] && [ ! -e nothing ]
	done
}
