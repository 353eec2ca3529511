#!/usr/bin/env bats
# See LICENSE.

load helper

setup() {
	helper_setup
	skip_unless_root
}

@test "-g leaves directories alone that chr-mkroot did not make" {
	mkdir -m 700 "$T/mine" "$T/mine/.ssh"
	echo key >"$T/mine/.ssh/id"
	CHR_ROOTS=$T/mine run_ok chr-rm -g
	[ -e "$T/mine/.ssh/id" ]
}

@test "an image's device or fifo is never written to" {
	mkimage "$T/i.tar" 'dir etc;fifo etc/.hosts.new;fifo etc/.resolv.conf.new' >/dev/null
	chr-pull -q -t i "$T/i.tar" && rm "$T/i.tar"
	run_ok timeout 300 chr-mkroot i
	[ ! -e /etc/hosts ] || [ -f "$output/etc/hosts" ]
	chr-rm "$output"
}

@test "chr-exec starts while chr-rm -g looks on" {
	local i p root times

	times=$(size 30 100)
	pulled
	root=$(chr-mkroot box)
	(for ((i = 0; i < 2 * times; i++)); do chr-rm -g; done) &
	p=$!
	for ((i = 0; i < times; i++)); do chr-exec "$root" true; done
	wait $p
	chr-rm "$root"
}

@test "two chr-rm of one root both end well" {
	local i p root
	pulled
	for ((i = 0; i < $(size 10 30); i++)); do
		root=$(chr-mkroot box)
		chr-rm -f "$root" & p=$!
		chr-rm -f "$root"
		wait $p
	done
}

@test "an image that was named meanwhile stays" {
	local p

	need_faults
	pulled
	mkimage "$T/box.tar" busybox >/dev/null
	rm "$CHR_STORE"/names/docker.io/library/box*
	# it knows of no name, and has not locked the image yet
	FAULT=gc_lock:1:STOP chr-rm -g 3>&- &
	p=$!
	wait_for stopped "$p"
	chr-pull -q -t box "$T/box.tar"
	kill -CONT "$p"
	wait "$p"
	chr-mkroot box | xargs chr-rm
}

@test "removing one image keeps what an interrupted pull has fetched" {
	mkimage -n a "$T/a.tar" 'file a 644 a' >/dev/null
	chr-pull -q -t a "$T/a.tar"
	printf 0123456789 >"$CHR_STORE/blobs/sha256/.$(printf 0%.0s {1..64}).part"
	chr-rm a
	[ -e "$CHR_STORE/blobs/sha256/.$(printf 0%.0s {1..64}).part" ]
}

@test "an image stays below overlays, whatever the store is called" {
	local root
	export CHR_STORE="$T/s:t,u"
	pulled
	root=$(chr-mkroot -m overlay box)
	run chr-rm box
	chr-rm "$root"
	[ "$status" = 1 ]
}

@test "somebody else's overlay in place of the own one is refused" {
	local hidden root
	pulled
	root=$(chr-mkroot -m overlay box)
	umount "$root"
	mkdir "$T/l" "$T/u" "$T/w"
	mount -t overlay -o "lowerdir=$T/l,upperdir=$T/u,workdir=$T/w" none "$root"
	run chr-rm "$root"
	umount "$root" || :
	[ "$status" = 1 ]
	chr-rm "$root"
	# the own one, as it was mounted by path once
	root=$(chr-mkroot -m overlay box)
	umount "$root"
	hidden=$CHR_STORE/roots/.chr-$(basename "${root%/root}")
	mv "${root%/root}" "$hidden"
	rm -r "$hidden/work/work" # it was volatile
	mount -t overlay -o "lowerdir=$T/l,upperdir=$hidden/upper,workdir=$hidden/work" \
	    overlay "$hidden/root"
	mv "$hidden" "${root%/root}"
	run_ok chr-rm "$root"
}

@test "a directory's default ACL does not get into the root" {
	local root
	pulled
	mkdir "$T/acl"
	"$FIXTURES/default_acl" "$T/acl"
	root=$(chr-mkroot -x -d "$T/acl" box)
	run python3 -c 'import os, sys
print(*os.listxattr(sys.argv[1]), sep="")' "$root/etc"
	chr-rm "$root"
	[ -z "$output" ]
}

@test "-g leaves temporary directories of others alone" {
	local empty other

	mkdir "$T/mine"
	empty=$(mktemp -d "$T/mine/.org.chromium.XXXXXX")
	other=$(mktemp -d "$T/mine/.box.XXXXXX")
	echo x >"$other/user"
	: >"$other/lock"
	CHR_ROOTS=$T/mine run_ok chr-rm -g -a 0
	[ -d "$empty" ] && [ -e "$other/user" ] && [ -e "$other/lock" ]
}

@test "what is no store is left alone" {
	local d

	mkdir -p "$T/home2/images/2023"
	chmod 700 "$T/home2"
	echo photo >"$T/home2/images/2023/pic.jpg"
	mkdir -m 700 "$T/other"
	mkimage -f oci "$T/other/layout" 'file a' >/dev/null
	chmod 700 "$T/other/layout"
	for d in home2 other/layout; do
		find "$T/$d" | sort >before
		for p in "chr-rm -g" chr-ls "chr-mkroot box" "chr-pull -t x $T/box.tar"; do
			CHR_STORE=$T/$d run_err 1 "${p%% *}: $T/$d: not a store, and not empty" $p
		done
		find "$T/$d" | sort | cmp - before
	done
	# one that was begun is gone on with
	mkdir -m 700 "$T/begun"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$T/begun/oci-layout"
	mkdir "$T/begun/blobs"
	CHR_STORE=$T/begun run_err 3 "chr-mkroot: box: not in the store" chr-mkroot box
	CHR_STORE=$T/begun
	pulled
	run_ok chr-rm box
}

@test "-g collects halves of overlays, whatever the directory is called" {
	local dir

	need_faults
	pulled
	mkdir "$T/roots"
	ln -s roots "$T/link"
	cd "$T"
	for dir in "$T/link" "$T/roots/" roots; do
		# killed when the overlay is mounted and not yet published
		FAULT=root_publish:1:KILL chr-mkroot -m overlay -d "$dir" box || :
		[ -n "$(ls -A roots)" ]
		CHR_ROOTS=$dir run_ok chr-rm -g
		[ -z "$(ls -A roots)" ]
		helper_mounts
		[ -z "$left" ]
	done
}

@test "-g does not take a root that is published meanwhile" {
	local collector made root

	need_faults
	pulled
	# it is complete and has no name yet ...
	FAULT=root_publish:1:STOP chr-mkroot box >out 3>&- &
	made=$!
	wait_for stopped "$made"
	# ... its collector has seen it and is about to lock it
	FAULT=root_half_lock:1:STOP chr-rm -g 3>&- &
	collector=$!
	wait_for stopped "$collector"
	kill -CONT "$made"
	wait "$made"
	root=$(cat out)
	kill -CONT "$collector"
	wait "$collector"
	[ -e "$root/bin/busybox" ] && [ -e "${root%/root}/user" ]
	run_ok chr-rm "$root"
}

@test "an overlay whose machine was restarted" {
	local root

	pulled
	root=$(chr-mkroot -m overlay box)
	umount "$root"
	run_err 125 "chr-exec: $root: its overlay is not mounted any more" \
	    chr-exec "$root" true
	run_ok chr-rm "$root"
	no_roots
}

@test "an image stays below an overlay of another mount namespace" {
	local holder

	pulled
	mkdir "$T/roots"
	export CHR_ROOTS=$T/roots
	unshare -m sh -c 'chr-mkroot -m overlay box >out; exec sleep 600' 3>&- &
	holder=$!
	wait_for test -s out
	run_err 1 "chr-rm: box: in use: overlay roots stand on it" chr-rm box
	kill "$holder"
	wait "$holder" || :
	run_ok chr-rm "$(cat out)"
	run_ok chr-rm box
}

@test "an overlay root goes while somebody outside has a file of it open" {
	local reader root

	pulled
	root=$(chr-mkroot -m overlay box)
	tail -f "$root/etc/passwd" >seen 3>&- &
	reader=$!
	wait_for test -s seen
	run_ok chr-rm "$root"
	kill "$reader"
	wait "$reader" || :
	no_roots
}

@test "in use: where a path is too long to tell, or another mount's" {
	local root user

	pulled
	root=$(chr-mkroot box)
	cd "$root"
	for i in {1..20}; do
		mkdir "$(printf 'x%.0s' {1..250})"
		cd ./x*
	done
	sleep 600 3>&- &
	user=$!
	cd "$T"
	run_err 1 "chr-rm: $root: in use by process $user" chr-rm "$root"
	kill "$user"
	wait "$user" || :
	mkdir mnt
	unshare -m sh -c "mount --bind '$root' mnt && cd mnt/etc && : >in &&
	    exec sleep 600" 3>&- &
	user=$!
	wait_for test -e "$root/etc/in"
	wait_for runs "$user" sleep
	run_err 1 "chr-rm: $root: in use by process $user" chr-rm "$root"
	kill "$user"
	wait "$user" || :
	run_ok chr-rm "$root"
}

@test "a store whose path has spaces" {
	local method root

	export CHR_STORE="$T/a b/c  d"
	pulled
	for method in copy overlay; do
		root=$(chr-mkroot -m "$method" box)
		run_ok chr-exec "$root" sh -c 'echo in'
		[ "$output" = in ]
		[ "$(chr-ls -r | cut -f 1)" = "$root" ]
		run_ok chr-rm "$root"
	done
	run_ok chrun run -q box true
	no_roots
}

@test "entrypoint and cmd: null, [] and absent are one" {
	local c

	for c in '"Entrypoint": null, "Cmd": ["echo", "x"]' \
	    '"Entrypoint": [], "Cmd": ["echo", "x"]' '"Cmd": ["echo", "x"]' \
	    '"Entrypoint": ["echo"], "Cmd": ["x"]' \
	    '"Entrypoint": ["echo", "x"], "Cmd": null' \
	    '"Entrypoint": ["echo", "x"], "Cmd": []'; do
		pulled -c "{$c}"
		run_ok chrun run -q box
		[ "$output" = x ] || fail "$c: $output"
	done
	for c in '' '"Entrypoint": null, "Cmd": []'; do
		pulled -c "{$c}"
		run_like 125 "chr-exec: *: no command" chrun run -q box
	done
	no_roots
}

@test "an image whose /proc is a link, a fifo, a file" {
	local root

	pulled
	root=$(chr-mkroot box)
	rmdir "$root/proc"
	ln -s /tmp "$root/proc"
	run_ok chr-exec -p "$root" sh -c 'cat /tmp/self/comm'
	[ "$output" = cat ]
	rm "$root/proc"
	mkfifo "$root/proc"
	run_err 125 "chr-exec: $root/proc: Not a directory" \
	    timeout 300 chr-exec -p "$root" true
	rm "$root/proc"
	truncate -s 11M "$root/proc"
	run_err 125 "chr-exec: $root/proc: Not a directory" \
	    chr-exec -p "$root" true
	run_ok chr-rm "$root"
}
