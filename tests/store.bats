#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# The store: what it refuses, what it survives.

load helper

small='dir etc; file etc/name 644 small\n'

# Every image is whole, every name leads to one, nothing is half-made.
store_is_right() {
	python3 - "$CHR_STORE" <<-'EOT'
		import hashlib, json, os, sys
		os.chdir(sys.argv[1])
		for name in os.listdir("blobs/sha256"):
		    if name[0] != ".":
		        with open("blobs/sha256/" + name, "rb") as f:
		            got = hashlib.sha256(f.read()).hexdigest()
		        assert got == name, f"bad blob {name}"
		for where, dirs, files in os.walk("names"):
		    for name in dirs + files:
		        name = os.path.join(where, name)
		        if os.path.islink(name):
		            with open(name + "/root/etc/name") as f:
		                assert f.read() == "small\n", f"{name} is not whole"
		with open("index.json") as f:
		    json.load(f)
	EOT
}

@test "its directories are its owner's alone" {
	mkimage -n a/b:1 img.tar "$small"
	run_like 0 "" chr-pull ./img.tar
	[ "$(stat -c %a "$CHR_STORE")" = 700 ]
	[ "$(cat "$CHR_STORE/oci-layout")" = '{"imageLayoutVersion": "1.0.0"}' ]
	chmod 755 "$CHR_STORE"
	run_err 1 "chr-pull: $CHR_STORE: the store is open to others: mode 755, not 700" \
	    chr-pull ./img.tar
	run_err 1 "chr-mkroot: $CHR_STORE: the store is open to others: mode 755, not 700" \
	    chr-mkroot a/b:1
	skip_unless_root
	chmod 700 "$CHR_STORE"
	chown 12 "$CHR_STORE"
	run_err 1 "chr-pull: $CHR_STORE: the store belongs to user 12, not to 0" \
	    chr-pull ./img.tar
}

@test "nothing is written before the owner is known" {
	skip_unless_root
	mkimage -n a/b:1 img.tar "$small"
	mkdir -m 755 empty srv
	chown 12 empty
	CHR_STORE=$T/empty run_err 1 "chr-pull: $T/empty: the store belongs to\
 user 12, not to 0" chr-pull ./img.tar
	ln -s "$T/srv" link
	ln -s link root
	chown -h 12 link
	for s in link link/new root root/new; do
		CHR_STORE=$T/$s run_err 1 "chr-pull: $T/$s: a link of user 12\
 is on the way: no store is made there" chr-pull ./img.tar
	done
	[ "$(stat -c %a empty srv)" = "755
755" ]
	[ -z "$(ls -A empty srv | grep -v :)" ]
	chown -h 0 link
	CHR_STORE=$T/root run_like 0 "" chr-pull ./img.tar
	chown -h 12 link
	CHR_STORE=$T/root run_ok chr-ls
	[ -n "$output" ]
}

@test "a store that was begun with another's files is none" {
	skip_unless_root
	mkimage -n a/b:1 img.tar "$small"
	mkdir -m 777 open
	: >open/oci-layout
	ln -s /var open/images
	CHR_STORE=$T/open run_err 1 "chr-pull: $T/open: not a store, and not\
 empty" chr-pull ./img.tar
	rm open/images
	mkdir open/images
	chown 12 open/images
	CHR_STORE=$T/open run_err 1 "chr-pull: $T/open: not a store, and not\
 empty" chr-pull ./img.tar
	[ "$(stat -c %a open)" = 777 ]
}

@test "a directory with other things in it does not become a store" {
	mkimage -n a/b:1 img.tar "$small"
	mkdir -m 755 full
	: >full/mine
	CHR_STORE=$T/full run_err 1 "chr-pull: $T/full: not a store, and not empty" \
	    chr-pull ./img.tar
	[ "$(ls -A full)" = mine ]
	[ "$(stat -c %a full)" = 755 ]
	CHR_STORE=$T/img.tar run_err 1 "chr-pull: $T/img.tar: Not a directory" \
	    chr-pull ./img.tar
}

@test "a store below a directory with a default ACL" {
	skip_unless_root
	need python3
	mkimage -n a/b:1 img.tar "$small" 'file more/x 640;fifo p 644'
	mkdir acl
	"$FIXTURES/default_acl" acl
	export CHR_STORE=$T/acl/store
	run_like 0 "" chr-pull ./img.tar
	cd "$CHR_STORE"/images/*/root
	run_ok stat -c '%a %n' . etc etc/name more more/x p
	[ "$output" = "755 .
755 etc
644 etc/name
755 more
640 more/x
644 p" ]
	run_ok python3 -c 'import os
for d, _, names in os.walk("."):
    for x in (d, *(d + "/" + n for n in names)):
        print(*os.listxattr(x, follow_symlinks=False), end="")'
	[ -z "$output" ]
}

@test "a store that is a link to nowhere" {
	mkimage -n a/b:1 img.tar "$small"
	ln -s "$T/nowhere" link
	CHR_STORE=$T/link run_err 1 "chr-pull: $T/link: No such file or directory" \
	    chr-pull ./img.tar
	[ ! -e nowhere ]
}

@test "a fifo in the place of a file hangs nothing" {
	mkimage -f oci -n a/b:1 layout "$small"
	blobs=$CHR_STORE/blobs/sha256
	layer=$(cd layout/blobs/sha256 && for f in *; do
		[ "$(head -c 2 "$f" | od -An -tx1)" != ' 1f 8b' ] || echo "$f"
	done)
	run_like 0 "" chr-pull ./layout
	run_ok chr-rm a/b:1
	mkfifo "$blobs/.spool.1.0" "$blobs/$layer"
	run_like 0 "" chr-pull ./layout
	store_is_right
	run_like 0 "" sh -c 'tar -C layout -cf - . | chr-pull -'
	run_ok chr-rm a/b:1
	mkfifo "$blobs/.$layer.part" "$blobs/$(printf %064d 1)"
	run_err 1 "chr-pull: $blobs/.$layer.part: not a regular file" \
	    chr-pull ./layout
	run_ok chr-rm -g
	[ -z "$(ls -A "$blobs")" ]
	rm "layout/blobs/sha256/$layer"
	mkfifo "layout/blobs/sha256/$layer"
	run_err 1 "chr-pull: ./layout: sha256:$layer: not a regular file" \
	    chr-pull ./layout
}

@test "a store that is read-only" {
	skip_unless_root
	mkimage -n a/b:1 img.tar "$small"
	mkimage -n a/c:1 new.tar "$small" 'file more'
	chr-pull -q ./img.tar >/dev/null
	mount --bind "$CHR_STORE" "$CHR_STORE"
	mount -o remount,bind,ro "$CHR_STORE"
	run_like 1 "chr-pull: $CHR_STORE/*: Read-only file system" \
	    chr-pull ./new.tar
	umount "$CHR_STORE"
}

@test "two pulls of one image at once" {
	mkimage -n a/b:1 img.tar "$small" busybox
	pids=
	for i in 1 2 3 4; do
		chr-pull -q ./img.tar >out.$i 2>err.$i 3>&- &
		pids+=" $!"
	done
	for i in $pids; do
		wait "$i"
	done
	cat err.? >&2
	[ "$(cat out.? | sort -u | wc -l)" = 1 ]
	[ -z "$(cat err.?)" ]
	store_is_right
}

@test "a damaged blob is noticed by its size, and by -V" {
	digest=$(mkimage -f oci -n a/b:1 layout "$small")
	chr-pull -q ./layout >/dev/null
	layer=$(cd layout/blobs/sha256 && for f in *; do
		[ "$(head -c 2 "$f" | od -An -tx1)" != ' 1f 8b' ] || echo "$f"
	done)
	blob=$CHR_STORE/blobs/sha256/$layer
	printf x | dd of="$blob" bs=1 seek=12 conv=notrunc status=none
	run_err 0 "chr-pull: sha256:$layer: damaged in the store: fetching it again" \
	    chr-pull -V ./layout
	[ "$(sha256sum <"$blob")" = "$layer  -" ]
	printf more >>"$blob"
	run_ok chr-pull -V ./layout
	[ "$(sha256sum <"$blob")" = "$layer  -" ]
	rm "$blob"
	run_ok chr-pull -V ./layout
	[ "$(sha256sum <"$blob")" = "$layer  -" ]
}

@test "-V makes the manifest whole, too" {
	digest=$(mkimage -f oci -n a/b:1 layout "$small")
	chr-pull -q ./layout >/dev/null
	blob=$CHR_STORE/blobs/sha256/${digest#*:}
	printf x | dd of="$blob" bs=1 seek=1 conv=notrunc status=none
	run_err 0 "chr-pull: $digest: damaged in the store: fetching it again" \
	    chr-pull -V ./layout
	[ "$(sha256sum <"$blob")" = "${digest#*:}  -" ]
	rm "$blob"
	run_ok chr-pull ./layout
	store_is_right
	grep -q "$digest" "$CHR_STORE/index.json"
}

@test "an image that has to be named is not removed meanwhile" {
	need_faults
	mkimage -n a/b:1 img.tar "$small"
	box=$(chr-pull -q ./img.tar)
	FAULT=names_symlink:1:STOP chr-pull "${box/@/:2@}" >out 2>err 3>&- &
	pid=$!
	wait_for stopped "$pid"
	run_err 1 "chr-rm: a/b:1: in use: a chr-mkroot or chr-pull works on it" \
	    chr-rm a/b:1
	kill -CONT "$pid"
	wait "$pid"
	[ "$(cat out)" = "$box" ]
	[ -z "$(cat err)" ]
	store_is_right
}

@test "a stream is kept beside those of others, and instead of killed runs'" {
	mkimage -n a/b:1 img.tar "$small"
	chr-pull -q ./img.tar >/dev/null
	spool=$CHR_STORE/blobs/sha256/.spool
	: >"$spool.1.0"
	run_ok bash -c '
		exec 9>"$1.$$.0"
		flock 9
		exec chr-pull - <"$2"' - "$spool" <(cat img.tar)
	[ ! -e "$spool.1.0" ]
	[ "$(ls "$spool".* | wc -l)" = 1 ]
	run_ok bash -c 'cat img.tar | chr-pull -'
	[ -z "$(ls "$spool".* 2>/dev/null)" ]
}

@test "no space at any size of the store" {
	skip_unless_root
	mkimage -n a/b:1 img.tar "$small" busybox 'random big 400000'
	mkdir small
	for kb in 24 64 200 1200 2000 2600; do
		mount -t tmpfs -o size=${kb}k,mode=700 chr-test small
		run --separate-stderr env CHR_STORE="$T/small" chr-pull ./img.tar
		case $status in
		0) ;;
		1)
			# who fetches and who unpacks meet the end; one says so
			[ "$(grep -c '' <<<"$stderr")" = 1 ] || fail "$kb: $stderr"
			case $stderr in
			"chr-pull: $T/small: no space: the image needs "*" bytes, "*" are free") ;;
			chr-pull:*": No space left on device")
				[ "$kb" != 200 ] || fail "$kb: $stderr"
				;;
			*) fail "$kb: $stderr" ;;
			esac
			[ -z "$(find small/blobs -name '*.part')" ]
			[ -z "$(ls -A small/images 2>/dev/null)" ]
			;;
		*) fail "status $status: $stderr" ;;
		esac
		umount small
	done
}

# --- with fault injection: make check builds it, the release has none ---

@test "every write, rename and sync may fail: the next run completes" {
	need_faults
	mkimage -n a/b:1 img.tar "$small" 'file b'
	FAULT_LOG=$T/log chr-pull -q ./img.tar >/dev/null
	sort log | uniq -c >places
	[ "$(wc -l <places)" -gt 8 ]
	while read -r times place; do
		for nth in $(size '' '1 2') "$times"; do
			[ "$nth" -le "$times" ] || continue
			rm -rf "$CHR_STORE"
			FAULT=$place:$nth:ENOSPC run --separate-stderr \
			    chr-pull -q ./img.tar
			[ "$status" = 1 ] || [ "$status" = 0 ] ||
				fail "$place:$nth: status $status: $stderr"
			if [ "$status" = 1 ]; then
				[[ $stderr == *"No space left on device" ]] ||
					fail "$place:$nth: $stderr"
				[ -z "$(find "$CHR_STORE/images" -mindepth 1 -name '.*' 2>/dev/null)" ] ||
					fail "$place:$nth: half an image is left"
			fi
			unset FAULT
			run_ok chr-pull ./img.tar
			store_is_right
		done
	done <places
}

@test "an image that is finished while blobs are collected keeps its own" {
	local blobs collector pull

	need_faults
	mkimage -n a/b:1 img.tar "$small"
	FAULT=image_rename:1:STOP chr-pull -q ./img.tar >out 3>&- 4>&- &
	pull=$!
	wait_for stopped "$pull"
	blobs=$(ls "$CHR_STORE/blobs/sha256")
	FAULT=gc_mark:1:STOP chr-rm -g 3>&- 4>&- &
	collector=$!
	wait_for stopped "$collector"
	kill -CONT "$pull"
	wait "$pull"
	kill -CONT "$collector"
	wait "$collector"
	[ "$(ls "$CHR_STORE/blobs/sha256")" = "$blobs" ]
}

@test "killed at any place: the next run completes, chr-rm -g tidies up" {
	need_faults
	mkimage -n a/b:1 img.tar "$small" 'file b'
	FAULT_LOG=$T/log chr-pull -q ./img.tar >/dev/null
	sort log | uniq -c >places
	while read -r times place; do
		for nth in $(size '' 1) "$times"; do
			rm -rf "$CHR_STORE"
			FAULT=$place:$nth:KILL run --separate-stderr \
			    chr-pull -q ./img.tar
			[ "$status" != 0 ] || continue
			unset FAULT
			# the unpacking child goes with its parent
			run_ok chr-pull ./img.tar
			store_is_right
			run_ok chr-rm -g
			store_is_right
			[ -z "$(find "$CHR_STORE/images" "$CHR_STORE/blobs" -mindepth 1 -name '.*')" ] ||
				fail "$place:$nth: $(find "$CHR_STORE" -name '.*')"
		done
	done <places
}
