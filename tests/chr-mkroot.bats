#!/usr/bin/env bats
# See LICENSE.

load helper

setup() {
	helper_setup
	skip_unless_root
}

# Everything of a tree that can be compared, but for directory sizes.
listing() {
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%p %y %m %U %G %T@\n' \) -o \
	    -printf '%p %y %m %U %G %s %T@ %n %l\n' | LC_ALL=C sort)
}

image_root() {
	printf '%s/images/%s/root\n' "$CHR_STORE" "${box##*sha256:}"
}

# bats test_tags=quick
@test "prints the path of a fresh root: 0755 in 0700" {
	pulled
	run_ok chr-mkroot box
	[[ $output == "$CHR_STORE"/roots/box.??????/root ]]
	[ "$(stat -c %a "$output")" = 755 ]
	[ "$(stat -c %a "${output%/root}")" = 700 ]
	[ "$(tr '\0' '\n' <"${output%/root}/image" | head -n 1)" = "$box" ]
	first=$output
	run_ok chr-mkroot "$box"
	[ "$output" != "$first" ]
	hex=${box##*sha256:}
	run_ok chr-mkroot "${hex:0:12}"
	[[ $output == */box.??????/root ]]
	run_ok chr-mkroot "sha256:$hex"
}

@test "-x is exactly the image" {
	pulled -c '{"Env":["A=1"]}'
	root=$(image_root)
	mknod "$root/node" b 7 99
	mkfifo -m 640 "$root/fifo"
	ln "$root/bin/busybox" "$root/hard"
	ln -s ../../../etc "$root/out"
	touch -h -d '2001-02-03 04:05:06.789012345' "$root/out"
	printf x >"$root/suid"; chown 12:34 "$root/suid"; chmod 6751 "$root/suid"
	mkdir -m 1777 "$root/sticky"; mkdir -m 000 "$root/none"
	truncate -s 30M "$root/holes"; printf end >>"$root/holes"
	: >"$root/with
newline"
	touch -d '1960-01-01' "$root/old" "$root/sticky"
	run_ok chr-mkroot -x box
	diff <(listing "$root") <(listing "$output")
	[ "$(stat -c %h "$output/hard")" -gt 1 ]
	[ "$output/hard" -ef "$output/bin/busybox" ]
	[ "$(stat -c %b "$output/holes")" -lt 1000 ]
	cmp "$root/holes" "$output/holes"
	[ "$(tr '\0' '\n' <"${output%/root}/env")" = A=1 ]
}

# make_deep DIRECTORY LEVELS: each with siblings and with a file of two names, of
# which the second is where no path of one piece leads.
make_deep() {
	python3 - "$1" "$2" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1])
		os.mkdir("deep")
		os.chdir("deep")
		for i in range(int(sys.argv[2])):
		    for name in ("a", "d" * 9, "a/b"):
		        os.mkdir(name, 0o701)
		    with open("file", "w") as out:
		        out.write(str(i))
		    os.link("file", "a/b/link")
		    os.chmod("a", 0o2750)
		    os.utime("a", (1, 2))
		    os.chdir("d" * 9)
	EOT
}

# What find(1) says of such a tree, descending by steps.
deep_listing() {
	python3 - "$1" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1] + "/deep")
		more = True
		while more:
		    more = False
		    for where, dirs, files in os.walk("."):
		        for name in dirs + files:
		            path = os.path.join(where, name)
		            st = os.lstat(path)
		            print(path, oct(st.st_mode), st.st_uid, st.st_gid,
		                  st.st_mtime_ns, st.st_nlink,
		                  open(path).read() if name in files else "")
		        dirs[:] = [d for d in dirs if d[0] != "d"]
		    if os.path.isdir("d" * 9):
		        os.chdir("d" * 9)
		        more = True
	EOT
}

@test "a deep tree with few descriptors" {
	pulled
	root=$(image_root)
	for limit in $(size 64 '64 1024'); do
		make_deep "$root" $((limit + 300))
		deep_listing "$root" >want
		[ "$(wc -l <want)" -gt $((5 * limit)) ]
		run_ok sh -c "ulimit -n $limit; exec chr-mkroot -x box"
		deep_listing "$output" | cmp want -
		chr-rm "$output"
		rm -r "$root/deep"
	done
	chr-rm box
}

@test "extended attributes and capabilities are copied" {
	need setfattr getfattr
	pulled
	root=$(image_root)
	setfattr -n user.colour -v blue "$root/bin/busybox" 2>/dev/null ||
		setfattr -n trusted.colour -v blue "$root/bin/busybox"
	setfattr -n trusted.dir -v yes "$root/etc"
	setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 "$root/bin/busybox"
	ln -s x "$root/link"; setfattr -h -n trusted.link -v yes "$root/link"
	run_ok chr-mkroot -x box
	diff <(cd "$root" && getfattr -hdm - -e hex bin/busybox etc link) \
	    <(cd "$output" && getfattr -hdm - -e hex bin/busybox etc link)
}

@test "without -x: devices, links, resolv.conf, hosts" {
	pulled
	run_ok chr-mkroot box
	cd "$output/dev"
	[ "$(stat -c '%n %F %t:%T %a' null zero full random urandom tty)" = \
"null character special file 1:3 666
zero character special file 1:5 666
full character special file 1:7 666
random character special file 1:8 666
urandom character special file 1:9 666
tty character special file 5:0 666" ]
	[ "$(readlink fd stdin stdout stderr)" = \
"/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2" ]
	for f in resolv.conf hosts; do
		[ ! -e /etc/$f ] || cmp /etc/$f ../etc/$f
	done
}

# with_etc COMMAND...: with T/etc for /etc, in its own mount namespace.
with_etc() {
	unshare -m sh -c 'mount --bind "$0" /etc && exec "$@"' "$T/etc" "$@"
}

@test "host's files that cannot be had: a warning, and on without them" {
	pulled
	mkdir etc
	cp /etc/passwd /etc/group etc
	head -c 2000000 /dev/zero | tr '\0' '#' >etc/hosts
	mkdir etc/resolv.conf
	run_err 0 "chr-mkroot: /etc/resolv.conf: warning: not a regular file: not put in" \
	    with_etc chr-mkroot box
	cmp etc/hosts "$output/etc/hosts"
	[ ! -e "$output/etc/resolv.conf" ]
	run_ok with_etc chr-mkroot -q box
	truncate -s 17M etc/hosts
	rmdir etc/resolv.conf
	mknod etc/resolv.conf c 1 3
	run_err 0 "chr-mkroot: /etc/resolv.conf: warning: not a regular file: not put in
chr-mkroot: /etc/hosts: warning: File too large: not put in" \
	    with_etc chr-mkroot box
	[ ! -e "$output/etc/hosts" ]
}

@test "devices that may not be made: a warning, and on without them" {
	need setpriv
	pulled
	nomknod="setpriv --bounding-set=-mknod --inh-caps=-mknod"
	run_like 0 "chr-mkroot: $CHR_STORE/roots/box.??????/root: warning: devices \
cannot be made: Operation not permitted; see chr-exec -p" \
	    $nomknod chr-mkroot box
	[ ! -e "$output/dev/null" ]
	[ "$(readlink "$output/dev/fd")" = /proc/self/fd ]
	[ "$(chr-exec -p "$output" stat -c %F /dev/null)" = "character special file" ]
	run_ok $nomknod chr-mkroot -q box
}

@test "hostile images move nothing outside" {
	mkdir outside
	: >outside/null; : >outside/hosts
	before=$(ls -lA --time-style=full-iso outside)
	mkimage -n a/links:1 links.tar "link dev $T/outside; link etc ../../../../../../../../../../$T/outside"
	mkimage -n a/files:1 files.tar "dir dev; link dev/null $T/outside/null; fifo dev/zero; char dev/tty 1 1; dir etc; link etc/hosts $T/outside/hosts; fifo etc/resolv.conf"
	mkimage -n a/nodirs:1 nodirs.tar "file dev; fifo etc"
	mkimage -n a/loop:1 loop.tar "link dev dev; link etc dev"
	mkimage -n a/deep:1 deep.tar "dir dev; dir dev/null; file dev/null/x; dir etc; dir etc/hosts; file etc/hosts/y"
	for i in links files nodirs loop deep; do
		chr-pull -q ./$i.tar >/dev/null
		run_ok chr-mkroot a/$i:1
		[ "$(stat -c '%F %t:%T' "$output/dev/null")" = "character special file 1:3" ] || [ -L "$output/dev" ]
	done
	[ "$(ls -lA --time-style=full-iso outside)" = "$before" ]
}

@test "a directory that hands its group down" {
	pulled
	root=$(image_root)
	printf x >"$root/suid"; chmod 4755 "$root/suid"
	printf x >"$root/sgid"; chown 0:34 "$root/sgid"; chmod 2755 "$root/sgid"
	mkdir -m 700 "$root/sub"; printf x >"$root/sub/file"
	mkfifo "$root/fifo"
	mkdir there
	chgrp 50 there; chmod 2755 there
	run_ok chr-mkroot -x -d there box
	diff <(listing "$root") <(listing "$output")
	truncate -s 8M disk
	mkfs.ext4 -qF disk
	mount -o loop,grpid disk there 2>/dev/null || cannot "no loop mounts here"
	chgrp 50 there
	run_ok chr-mkroot -x -d there box
	diff <(listing "$root") <(listing "$output") || differs=1
	[ "$(stat -c %u:%g "$output")" = 0:0 ] || differs=1
	umount there
	[ -z "${differs-}" ]
}

@test "the umask does not count" {
	pulled
	root=$(umask 077 && chr-mkroot -x box)
	diff <(listing "$(image_root)") <(listing "$root")
	[ "$(stat -c %a "$root")" = 755 ]
}

@test "-c, -d, CHR_ROOTS" {
	pulled
	mkdir here there
	run_ok chr-mkroot -c 5 box
	[ "${#lines[@]}" = 5 ]
	[ "$(printf '%s\n' "${lines[@]}" | sort -u | wc -l)" = 5 ]
	run_ok chr-mkroot -d here box
	[[ $output == "$T"/here/box.??????/root ]]
	CHR_ROOTS=$T/there run_ok chr-mkroot box
	[[ $output == "$T"/there/box.??????/root ]]
	run_err 1 "chr-mkroot: none: No such file or directory" chr-mkroot -d none box
	# a directory that its server has forgotten: there is no new root yet
	# sanitizers want readlink(2), too, and say so
	run_like 1 "*chr-mkroot: there: Stale file handle" \
	    "$FIXTURES/without" -e ESTALE readlink chr-mkroot -d there box
}

@test "a directory whose path would break the line is refused" {
	pulled
	why="no directory for roots: a tab or newline in its path"
	tab=a$'\t'b line=a$'\n'b
	mkdir "$tab" "$line"
	ln -s "$tab" link
	run_err 2 "chr-mkroot: $T/a\\011b: $why" chr-mkroot -d "$tab" box
	run_err 2 "chr-mkroot: $T/a\\011b: $why" chr-mkroot -d link box
	CHR_ROOTS=$T/$line run_err 2 "chr-mkroot: $T/a\\012b: $why" chr-mkroot box
	cp -R "$CHR_STORE" "$line/store"
	CHR_STORE=$T/$line/store run_err 2 \
	    "chr-mkroot: $T/a\\012b/store/roots: $why" chr-mkroot box
	cd "$line"
	run_err 2 "chr-mkroot: $T/a\\012b: $why" chr-mkroot -d . box
	[ -z "$(ls -A "$T/$tab")" ] && [ "$(ls -A .)" = store ]
}

@test "an overlay" {
	pulled
	run_ok chr-mkroot -m overlay -q box
	root=$output
	[ "$(stat -f -c %T "$root")" = overlayfs ]
	echo new >"$root/etc/new"
	[ ! -e "$(image_root)/etc/new" ]
	[ "$(chr-exec "$root" cat /etc/new)" = new ]
	run_err 1 "chr-rm: box: in use: overlay roots stand on it" chr-rm box
	run_ok chr-rm "$root"
	no_roots
	run_like 0 "$CHR_STORE/roots/box.??????/root: overlay" chr-mkroot -v -m auto box
	chr-rm "$output"
	run_like 0 "$CHR_STORE/roots/box.??????/root: copy" chr-mkroot -v box
}

@test "no overlay where another user may rename above the store" {
	local d why

	mkdir -p theirs/store
	export CHR_STORE=$T/theirs/store
	pulled
	why="overlay: another user may rename in $T/theirs, above the store"
	for d in '65534 755' '0 775' '0 777'; do
		chown "${d% *}" theirs
		chmod "${d#* }" theirs
		run_like 1 "chr-mkroot: $CHR_STORE/roots/box.??????/root: $why" \
		    chr-mkroot -m overlay box
		no_roots
		run_like 0 "*/root: no $why
*/root: copy" chr-mkroot -m auto -v box
		chr-rm "$output"
	done
	chmod 1777 theirs
	chr-mkroot -m overlay box | xargs chr-rm
}

@test "not in the store: status 3, whatever the others" {
	run_err 3 "chr-mkroot: redis: not in the store" chr-mkroot redis
	[ ! -e "$CHR_STORE" ]
	pulled
	run_err 3 "chr-mkroot: redis: not in the store" chr-mkroot redis box
	[[ $output == */root ]]
	run_err 3 "chr-mkroot: 0123456789ab: not in the store" chr-mkroot 0123456789ab
}

@test "usage" {
	usage='usage: chr-mkroot [-qvx] [-c count] [-d dir] [-m method] image ...'
	run_err 2 "$usage" chr-mkroot
	run_err 2 "chr-mkroot: invalid option -- 'y'
$usage" chr-mkroot -y box
	run_err 2 "chr-mkroot: -c 0: not a number from 1 to 100000" chr-mkroot -c 0 box
	run_err 2 "chr-mkroot: -m magic: not copy, overlay or auto" chr-mkroot -m magic box
	run_err 2 "chr-mkroot: empty reference" chr-mkroot ""
}

@test "not root: a clear message" {
	run_err 1 "chr-mkroot: not root: owners and devices cannot be made" \
	    as_user chr-mkroot box
}

@test "a path that cannot be printed is undone" {
	pulled
	run_err 1 "chr-mkroot: standard output: No space left on device" \
	    sh -c 'chr-mkroot box >/dev/full'
	no_roots
	run_err 1 "chr-mkroot: standard output: Bad file descriptor" \
	    sh -c 'chr-mkroot box >&-'
	no_roots
	run_like 1 "chr-mkroot: standard output: No space left on device" \
	    sh -c 'chr-mkroot -m overlay box >/dev/full'
	no_roots
}

@test "no space, no inodes: said before the copy" {
	pulled
	mkdir small
	mount -t tmpfs -o size=500k,mode=700 chr-test small
	run_like 1 "chr-mkroot: small: no space: the image needs * bytes, * are free" \
	    chr-mkroot -d small box
	[ -z "$(ls -A small)" ]
	umount small
	mount -t tmpfs -o nr_inodes=40,mode=700 chr-test small
	run_like 1 "chr-mkroot: small: no space: the image needs * inodes, * are free" \
	    chr-mkroot -d small box
	[ -z "$(ls -A small)" ]
	umount small
}

@test "ended by a signal: nothing is left, and it dies of the signal" {
	pulled
	root=$(image_root)
	for i in 1 2 3 4 5 6; do
		mkdir "$root/d$i"
		for j in $(seq 400); do echo "$i$j" >"$root/d$i/$j"; done
	done
	for s in INT TERM HUP; do
		status=0
		timeout -s $s --preserve-status 0.02 chr-mkroot -c 500 box >out || status=$?
		[ "$status" -gt 128 ]
		xargs -r chr-rm <out
		no_roots
	done
}

# theirs: a directory of user nobody, who has all of a root there: `mine'.
theirs() {
	rm -rf theirs
	mkdir -p theirs/mine/{root,upper,work}
	: >theirs/mine/lock
	printf 'i\0' >theirs/mine/image
	chmod 700 theirs/mine
	chown -R 65534:65534 theirs
}

# swap: nobody gives what is beside `mine' that name, and it the other's.
swap() {
	cd theirs || return
	# shellcheck disable=SC2016
	setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \
	    'mv "$0" new && mv mine "$0" && mv new mine' \
	    "$(ls -A | grep -vx mine)"
	cd ..
}

# swapped_at PLACE: what chr-mkroot made is swapped while it is stopped there.
swapped_at() {
	local maker

	set +T
	FAULT=$1:1:STOP chr-mkroot -m "$method" -qd theirs i >out 2>err 3>&- &
	maker=$!
	wait_for stopped "$maker"
	[ "$1" != newdir_open ] || rm -r theirs/mine/*
	swap
	kill -CONT "$maker"
	! wait "$maker" || fail "$method, $1: $(<out)"
	[ "$(<err)" = "$why" ] && [ ! -s out ] || fail "$method, $1: $(<err)"
	# an empty directory, whose name nobody can know
	[ "$1" != newdir_open ] || rmdir theirs/mine
	[ -z "$(find theirs -user 0)" ] || fail "$method, $1:
$(find theirs -user 0 -ls)"
	theirs
	set -T
}

@test "where another user renames, nothing of the image gets to him" {
	local method place why

	need_faults
	mkimage i.tar 'dir d;file d/su 4755 x;link d/l ../d/su;file e' >/dev/null
	chr-pull -q -t i ./i.tar && rm i.tar
	theirs
	why="chr-mkroot: $T/theirs: the new root was replaced: another user renames here"
	for method in copy overlay; do
		rm -f places
		root=$(FAULT_LOG=$T/places chr-mkroot -m "$method" -qd theirs i)
		chr-rm "$root"
		# all steps once there is something to swap; of writing a file, one
		for place in $(sed '1,/^newdir_make$/d' places | sort -u |
		    grep -v '^newdir_make\|^save_[^w]'); do
			swapped_at "$place"
		done
	done
	root=$(chr-mkroot -qd theirs i)
	swap
	run_err 125 "chr-exec: $root: belongs to uid 65534" chr-exec "$root" d/su
	swap
	run_ok chr-rm "$root"
}
