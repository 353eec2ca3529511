#!/usr/bin/env bats
# See LICENSE.

load helper

setup() {
	helper_setup
	skip_unless_root
}

not_ours() {
	run_err 2 "chr-rm: $1: not a root made by chr-mkroot: $2" chr-rm "$1"
	run_err 2 "chr-rm: $1: not a root made by chr-mkroot: $2" chr-rm -f "$1"
}

# bats test_tags=quick
@test "removes a root, and all of it" {
	pulled
	root=$(chr-mkroot box)
	mkdir -m 000 "$root/none"
	ln -s /etc "$root/out"
	run_ok chr-rm "$root"
	[ -z "$output" ]
	no_roots
	[ -d /etc ]
	run_err 3 "chr-rm: $root: No such file or directory" chr-rm "$root"
	run_ok chr-rm -f "$root"
}

@test "several operands: all are tried, the first failure counts" {
	pulled
	one=$(chr-mkroot box)
	two=$(chr-mkroot box)
	run_err 3 "chr-rm: /none/root: No such file or directory
chr-rm: nope: not in the store" chr-rm "$one" /none/root nope "$two"
	no_roots
}

@test "refuses what chr-mkroot did not make" {
	pulled
	mkdir -p dir plain/root
	: >dir/keep; : >plain/root/keep
	not_ours "$T/dir" "its name is not root"
	not_ours "$T/plain/root" "the mode of the directory around it is not 700"
	chmod 700 plain
	not_ours "$T/plain/root" "there is no lock beside it"
	: >plain/lock
	not_ours "$T/plain/root" "no image is named beside it"
	not_ours /usr "its name is not root"
	not_ours "$CHR_STORE" "its name is not root"
	root=$(chr-mkroot box)
	ln -s "$root" root
	not_ours "$T/root" "the mode of the directory around it is not 700"
	ln -s "${root%/root}" base
	not_ours "$T/base/root" "the directory around it is a link"
	chown 12 "${root%/root}"
	not_ours "$root" "the directory around it is another user's"
	chown 0 "${root%/root}"
	run_err 2 "chr-rm: empty operand" chr-rm ""
	run_err 2 "chr-rm: .: a root is named by its absolute path" chr-rm .
	run_err 2 "chr-rm: ../x/root: a root is named by its absolute path" chr-rm ../x/root
	cd "$root"
	run_err 1 "chr-rm: $root: in use: the current directory is in it" chr-rm "$root"
	run_err 2 "chr-rm: /: not a root made by chr-mkroot: its name is not root" chr-rm -f /
	cd "$T"
	[ -f dir/keep ] && [ -f plain/root/keep ] && [ -f "$root/bin/busybox" ]
	chr-rm "$root"
}

@test "usage" {
	usage='usage: chr-rm [-fgqv] [-a hours] [root | image ...]'
	run_err 2 "$usage" chr-rm
	run_err 2 "$usage" chr-rm -a 3 box
	run_err 2 "chr-rm: -a x: not a number of hours" chr-rm -g -a x
	run_ok chr-rm -f
}

@test "a root in use" {
	pulled
	root=$(chr-mkroot box)
	chr-exec "$root" sleep 600 3>&- 4>&- &
	pid=$!
	wait_for test -e "/proc/$pid/root/bin/busybox"
	wait_for sh -c '[ "$(readlink /proc/'$pid'/root)" != / ]'
	run_err 1 "chr-rm: $root: in use by process $pid" chr-rm "$root"
	run_err 1 "chr-rm: $root: in use by process $pid" chr-rm -f "$root"
	run_ok chr-rm -g -a 0
	[ -d "$root" ]
	kill $pid
	wait $pid || :
	(cd "$root" && exec sleep 600) 3>&- 4>&- &
	pid=$!
	wait_for sh -c '[ "$(readlink /proc/'$pid'/cwd)" = "'$root'" ]'
	run_err 1 "chr-rm: $root: in use by process $pid" chr-rm "$root"
	kill $pid
	wait $pid || :
	exec 9<"${root%/root}/lock"
	flock -s 9
	# this shell, and what has descriptor 9 from it
	run_like 1 "chr-rm: $root: in use: its lock is held by process*$$*" \
	    chr-rm "$root"
	exec 9<&-
	run_ok chr-rm "$root"
}

@test "a bind mount of the same file system: refused, the source is whole" {
	pulled
	root=$(chr-mkroot box)
	mkdir source "$root/mnt"
	echo precious >source/file
	mount --bind source "$root/mnt"
	run_like 1 "chr-rm: $root/mnt: * is mounted here: unmount it first" chr-rm -f "$root"
	run_like 1 "chr-rm: $root/mnt: * is mounted here: unmount it first" chr-rm -g -a 0
	[ "$(cat source/file)" = precious ]
	umount "$root/mnt"
	run_ok chr-rm "$root"
	[ "$(cat source/file)" = precious ]
}

@test "a mount that appears in another namespace's view is not entered" {
	pulled
	root=$(chr-mkroot box)
	mkdir source "$root/mnt"
	echo precious >source/file
	unshare -m sh -c "mount --bind source '$root/mnt' && exec sleep 600" 3>&- 4>&- &
	pid=$!
	wait_for grep -q "$root/mnt" "/proc/$pid/mountinfo"
	run_ok chr-rm "$root"
	[ "$(cat source/file)" = precious ]
	kill $pid
	wait $pid || :
}

@test "deep and wide trees with few descriptors" {
	pulled
	root=$(chr-mkroot box)
	python3 - "$root" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1])
		for i in range(1200):
		    os.mkdir("d" * 50)
		    os.chdir("d" * 50)
		    open("f", "w").close()
		os.chdir(sys.argv[1])
		os.mkdir("wide")
		for i in range(3000):
		    os.mkdir("wide/%d" % i)
	EOT
	run_ok sh -c "ulimit -n 64; exec chr-rm '$root'"
	no_roots
}

@test "a deep tree with siblings at each level: few descriptors are open" {
	pulled
	for limit in $(size 64 '64 1024'); do
		root=$(chr-mkroot box)
		python3 - "$root" "$(size 400 1500)" <<-'EOT'
			import os, sys
			os.chdir(sys.argv[1])
			for i in range(int(sys.argv[2])):
			    for name in "abdefg":
			        os.mkdir(name)
			    os.mkdir("a/x")
			    os.chdir("d")
		EOT
		run_ok sh -c "ulimit -n $limit; exec chr-rm '$root'"
		no_roots
	done
}

@test "immutable files are named, the rest goes" {
	need chattr
	pulled
	root=$(chr-mkroot box)
	: >"$root/etc/fixed"
	chattr +i "$root/etc/fixed" 2>/dev/null || cannot "chattr does not work here"
	run_like 1 "chr-rm: $CHR_STORE/roots/.chr-box.??????/root/etc/fixed: immutable or append-only: see chattr(1)*" chr-rm "$root"
	left=$(echo "$CHR_STORE"/roots/.chr-box.*)
	[ ! -e "$left/root/bin" ]
	chattr -i "$left/root/etc/fixed"
	# the name that is known goes on with it
	run_ok chr-rm "$root"
	no_roots
	run_err 3 "chr-rm: $root: No such file or directory" chr-rm "$root"
}

@test "two at once, and a writer in a loop" {
	pulled
	root=$(chr-mkroot box)
	pids=
	for i in 1 2 3 4; do
		chr-rm -f "$root" 2>err.$i 3>&- &
		pids+=" $!"
	done
	for i in $pids; do
		wait "$i" || :
	done
	no_roots
	grep -v "in use: its lock is held" err.? && false
	root=$(chr-mkroot box)
	# outside of it: only its descriptors point there
	(exec 8<"$root"; for i in $(seq 500); do : >/proc/self/fd/8/w$i; done) 2>/dev/null 3>&- &
	pid=$!
	chr-rm "$root" || :
	wait "$pid" || :
	chr-rm -g -a 0
	no_roots
}

@test "an image: names, tree and blobs; other images keep theirs" {
	mkimage -n a/one:1 one.tar 'file shared' 'file one'
	mkimage -n a/two:1 two.tar 'file shared' 'file two'
	chr-pull -q ./one.tar ./two.tar >/dev/null
	blobs=$(ls "$CHR_STORE/blobs/sha256" | wc -l)
	run_ok chr-rm a/one:1
	[ "$(ls "$CHR_STORE/blobs/sha256" | wc -l)" = $((blobs - 3)) ]
	run_err 3 "chr-mkroot: a/one:1: not in the store" chr-mkroot a/one:1
	root=$(chr-mkroot -x a/two:1)
	[ -f "$root/shared" ] && [ -f "$root/two" ]
	run_ok chr-rm a/two:1
	[ -z "$(ls -A "$CHR_STORE/images")" ]
	[ -z "$(ls -A "$CHR_STORE/names")" ]
	[ -z "$(ls -A "$CHR_STORE/blobs/sha256")" ]
	run_err 3 "chr-rm: a/two:1: not in the store" chr-rm a/two:1
	run_ok chr-rm -f a/two:1
	run_ok chr-rm "$root"
}

@test "-g: what is stale at once, and what only with age" {
	pulled
	fresh=$(chr-mkroot box)
	old=$(chr-mkroot box)
	aged '25 hours' "$old" idle
	used=$(chr-mkroot box)
	rm "${used%/root}/idle"
	abandoned=$(chr-mkroot box)
	: >"${abandoned%/root}/remove"
	rm "${abandoned%/root}/idle"
	starting=$(chr-mkroot box)
	: >"${starting%/root}/remove"
	failed=$(chr-mkroot box)
	: >"${failed%/root}/remove"
	aged '1 hour' "$failed" remove idle
	half=$(chr-mkroot box)
	mv "${half%/root}" "$CHR_STORE/roots/.chr-$(basename "${half%/root}")"
	mkdir "$CHR_STORE/images/.$(printf 0%.0s {1..64})"
	echo junk >"$CHR_STORE/blobs/sha256/$(printf 1%.0s {1..64})"
	echo junk >"$CHR_STORE/blobs/sha256/.$(printf 2%.0s {1..64}).part"
	run_like 0 "*removing root $old*" chr-rm -gv
	[ -d "$fresh" ] && [ -d "$used" ] && [ -d "$starting" ]
	[ ! -e "$old" ] && [ ! -e "$abandoned" ] && [ ! -e "$failed" ]
	[ -f "${used%/root}/idle" ]
	[ -z "$(ls -A "$CHR_STORE/roots" | grep '^\.')" ]
	[ "$(ls -A "$CHR_STORE/images" | wc -l)" = 1 ]
	[ "$(ls -A "$CHR_STORE/blobs/sha256" | wc -l)" = 3 ]
	run_ok chr-rm -g -a 0
	no_roots
	run_ok chr-mkroot box
}

@test "-g: the clock was set" {
	pulled
	for ago in '25 hours ago' '25 hours'; do
		root=$(chr-mkroot box)
		touch -d "$ago" "${root%/root}/idle"
		run_ok chr-rm -g
		: >"${root%/root}/remove"
		touch -d "$ago" "${root%/root}/remove"
		run_ok chr-rm -g
		rm "${root%/root}"/{remove,idle}
		run_ok chr-rm -g
		touch -d "$ago" "${root%/root}/idle"
		run_ok chr-rm -g
		[ -d "$root" ]
		run_ok chr-rm -g -a 0
		no_roots
	done
}

@test "-g: roots of this run of the machine are on disk then" {
	need_faults
	boot=$(cat /proc/sys/kernel/random/boot_id)
	mkimage i.tar 'file a' >/dev/null
	chr-pull -q -t i ./i.tar && rm i.tar
	mkdir more
	export CHR_ROOTS=$T/more
	root=$(chr-mkroot i)
	mkroots=("$root" "$(chr-mkroot -d "$CHR_STORE/roots" i)" "$(chr-mkroot i)")
	earlier=${mkroots[2]%/root}/boot
	cd "${root%/root}"
	[ "$(stat -c %a boot)" = 644 ]
	printf '%s\0' "$boot" | cmp - boot
	: >"$earlier" # as a power cut leaves it
	run_like 1 "chr-rm: */root: sync: Input/output error" \
	    env FAULT=gc_sync:1:EIO chr-rm -g
	[ -e boot ]
	FAULT_LOG=$T/log run_ok chr-rm -g
	[ "$(grep -c gc_sync "$T/log")" = 1 ]
	[ ! -e boot ] && [ ! -e "${mkroots[1]%/root}/boot" ] && [ -e "$earlier" ]
	run_ok chr-rm -g
	chr-rm "${mkroots[@]}"
	cd /
	# where nothing is known of other hosts
	root=$(FAULT=boot_shared:1:EIO chr-mkroot i)
	[ ! -e "${root%/root}/boot" ]
	chr-rm "$root"
}

@test "-g after a chr-exec -r that was killed" {
	pulled
	root=$(chr-mkroot box)
	chr-exec -r "$root" sleep 600 3>&- 4>&- &
	pid=$!
	wait_for pgrep -P "$pid" sleep >child
	child=$(cat child)
	kill -9 "$pid"
	wait $pid || :
	wait_for has_ended "$child"
	[ -d "$root" ]
	run_ok chr-rm -g
	no_roots
}

@test "-g with nothing there" {
	run_ok chr-rm -g
	[ ! -e "$CHR_STORE" ]
}

@test "-g leaves a pull in progress alone" {
	pulled
	exec 9<"$CHR_STORE/images/${box##*:}"
	mkdir "$CHR_STORE/images/.$(printf 3%.0s {1..64})"
	printf 'sha256:%064d\0' 4 >"$CHR_STORE/images/.$(printf 3%.0s {1..64})/blobs"
	echo part >"$CHR_STORE/blobs/sha256/$(printf %064d 4)"
	exec 8<"$CHR_STORE/images/.$(printf 3%.0s {1..64})"
	flock 8
	run_ok chr-rm -g
	[ -e "$CHR_STORE/blobs/sha256/$(printf %064d 4)" ]
	exec 8<&- 9<&-
	run_ok chr-rm -g
	[ ! -e "$CHR_STORE/blobs/sha256/$(printf %064d 4)" ]
}

# fails FAULT REASON STATUS MESSAGE COMMAND...: it says so where that fails.
fails() {
	local fault=$1 reason=$2 status=$3 message=$4

	shift 4
	FAULT=$fault run_err "$status" "$message: $reason" "$@"
}

@test "what cannot be examined is no other thing" {
	need_faults
	pulled
	root=$(chr-mkroot box)
	while read -r e reason; do
		fails "root_open:1:$e" "$reason" 1 "chr-rm: $root" chr-rm "$root"
		fails "root_open:1:$e" "$reason" 125 "chr-exec: $root" \
		    chr-exec "$root" true
	done <<-'EOT'
		EMFILE Too many open files
		ENOMEM Cannot allocate memory
		EIO Input/output error
	EOT
	reason="Input/output error"
	fails root_open:1:EIO "$reason" 1 "chr-ls: $root" chr-ls -r
	fails exists:2:EIO "$reason" 1 "chr-ls: $CHR_STORE/blobs" chr-ls
	fails names_read:1:EIO "$reason" 1 "chr-ls: $CHR_STORE/names" chr-ls
	fails names_read:2:EIO "$reason" 1 \
	    "chr-ls: $CHR_STORE/names/docker.io" chr-ls
	while read -r place object; do
		fails "$place" "$reason" 1 "chr-rm: $object" chr-rm -g -a 0
		[ -d "$CHR_STORE/images/${box##*:}/root" ]
		[ -e "$CHR_STORE/blobs/sha256/${box##*:}" ]
		root=$(chr-mkroot box)
	done <<-EOT
		root_open:1:EIO $root
		gc_list:1:EIO $CHR_STORE/roots
		gc_list:2:EIO $CHR_STORE/images
		names_read:1:EIO $CHR_STORE/names
		names_read:2:EIO $CHR_STORE/names/docker.io
		gc_list:3:EIO $CHR_STORE/images
		gc_list:4:EIO $CHR_STORE/blobs/sha256
	EOT
	run_ok chr-rm -g -a 0
}

with_descriptors() {
	prlimit --nofile="$1" "${@:2}" 3>&- 4>&-
}

@test "few descriptors: an error, or all is done" {
	pulled
	root=$(chr-mkroot box)
	for n in {4..30}; do
		run_like 1 "chr-rm: *: Too many open files" \
		    with_descriptors "$n" chr-rm "$root" || break
	done
	[ "$status" = 0 ] && [ -z "$stderr" ]
}

@test "-g without /proc: who uses roots cannot be told" {
	# sanitizers have their options from /proc
	skip_if_sanitized
	pulled
	one=$(chr-mkroot box)
	two=$(chr-mkroot box)
	mkdir proc
	run_err 1 "chr-rm: /proc: not mounted: it cannot be told who uses roots,\
 they stay" unshare -m sh -c 'mount --bind proc /proc; exec chr-rm -g -a 0'
	[ -e "${one%/root}/idle" ] && [ -d "$one" ] && [ -d "$two" ]
	run_ok chr-rm -g -a 0
	no_roots
}
