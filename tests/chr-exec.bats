#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# shellcheck disable=SC2016
load helper

# What chr-mkroot would make, once for all.
setup_file() {
	local a base=$BATS_FILE_TMPDIR/box.abcdef root

	[ "$(id -u)" = 0 ] && command -v busybox >/dev/null || return 0
	umask 022
	root=$base/root
	mkdir -m 700 "$base"
	: >"$base/lock"
	: >"$base/idle"
	printf 'box@sha256:00\0' >"$base/image"
	mkdir -m 755 "$root"
	mkdir "$root"/{bin,dev,etc,proc,root,sys,var}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for a in cat df env false grep id kill ls mount pwd readlink sh sleep \
	    stat touch true umount wc; do
		ln "$root/bin/busybox" "$root/bin/$a"
	done
	printf '%s\n' root:x:0:0:root:/root:/bin/sh \
	    web:x:1000:1001::/home/web:/bin/sh 1234:x:5:5::/:/bin/sh \
	    >"$root/etc/passwd"
	printf '%s\n' root:x:0: webs:x:1001: more:x:2000:a,web \
	    >"$root/etc/group"
	mknod -m 666 "$root/dev/null" c 1 3
}

setup() {
	skip_unless_root
	helper_setup
	need busybox
	base=$T/box.abcdef
	root=$base/root
	cp -a "$BATS_FILE_TMPDIR/box.abcdef" "$T"
}

teardown() {
	[ "$(id -u)" != 0 ] || helper_teardown
}

# config NAME STRING...: a configuration file of the image.
config() {
	local name=$1

	shift
	printf '%s\0' "$@" >"$base/$name"
}

# is OUTPUT: standard output was exactly this.
is() {
	[ "$output" = "$1" ] || {
		printf 'expected %s\ngot      %s\n' "$1" "$output" >&2
		return 1
	}
}

default_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
usage='usage: chr-exec [-AEkprv] [-b src:dst[:ro]] [-e name[=value]]
                [-u user[:group]] [-w dir] root [command [arg ...]]'

# --- operands and statuses ---

@test "usage" {
	run_err 125 "$usage" chr-exec
	run_err 125 "chr-exec: empty root operand
$usage" chr-exec ""
	run_err 125 "chr-exec: -k needs -r
$usage" chr-exec -k "$root" true
	for u in "" :; do
		run_err 125 "chr-exec: -u: empty user
$usage" chr-exec -u "$u" "$root" true
	done
	run_err 125 "chr-exec: -w: empty directory
$usage" chr-exec -w "" "$root" true
	run_like 125 "*invalid option -- 'x'"$'\n'"usage: chr-exec *" \
	    chr-exec -x "$root"
	run_err 125 "chr-exec: -e =x: expected name[=value]
$usage" chr-exec -e =x "$root" true
	run_err 125 "chr-exec: -e : expected name[=value]
$usage" chr-exec -e "" "$root" true
	for b in / a a: :a a:b a:/b:rw a:/b:ro:x; do
		run_err 125 "chr-exec: -b $b: expected src:dst[:ro],\
 dst from /
$usage" chr-exec -b "$b" "$root" true
	done
	is ""
}

@test "options end at the root" {
	run_ok chr-exec "$root" sh -c 'echo $1' x -p
	is -p
	run_ok chr-exec -- "$root" ls -d /bin
	is /bin
}

# bats test_tags=quick
@test "the command's status" {
	run_ok chr-exec "$root" true
	run_err 1 "" chr-exec "$root" false
	run_err 255 "" chr-exec "$root" sh -c 'exit 255'
	run_err 137 "" chr-exec "$root" sh -c 'kill -9 $$'
}

@test "a root that is not there, a file, another user's" {
	run_err 125 "chr-exec: $T/no: No such file or directory" \
	    chr-exec "$T/no" true
	: >f
	run_err 125 "chr-exec: f: Not a directory" chr-exec f true
	mkdir d
	chown 1000 d
	run_err 125 "chr-exec: d: belongs to uid 1000" chr-exec d true
}

@test "any directory is a root, its command is not optional" {
	cp -a "$root" plain
	run_ok chr-exec plain sh -c 'echo $HOME; ls -d /[b-e]*'
	is "/root
/bin
/dev
/etc"
	run_err 125 "chr-exec: plain: no command" chr-exec plain
	run_err 125 "chr-exec: plain: not made by chr-mkroot: its name is not\
 root" chr-exec -r plain true
	[ -d plain/bin ]
	chmod 777 plain
	run_err 0 "chr-exec: plain: warning: all may write to it" \
	    chr-exec plain true
}

@test "not root" {
	cp -a "$root" plain
	run_err 125 "chr-exec: plain: not root: chroot(2) is not permitted" \
	    as_user chr-exec plain true
}

@test "entrypoint and cmd" {
	run_err 125 "chr-exec: $root: no command" chr-exec "$root"
	config cmd sh -c 'echo cmd'
	run_ok chr-exec "$root"
	is cmd
	config entrypoint sh -c 'echo "$0" "$@"' entry
	config cmd a "b  c"
	run_ok chr-exec "$root"
	is "entry a b  c"
	run_ok chr-exec -A "$root"
	is "entry a b  c"
	run_ok chr-exec -A "$root" x "" z
	is "entry x  z"
	run_ok chr-exec "$root" sh -c 'echo only'
	is only
	: >"$base/cmd"
	run_ok chr-exec "$root"
	is entry
	: >"$base/entrypoint"
	run_err 125 "chr-exec: $root: no command" chr-exec "$root"
	run_ok chr-exec -A "$root" sh -c 'echo all'
	is all
}

@test "a configuration that cannot be read" {
	config cmd true
	mkfifo "$base/env"
	run_err 125 "chr-exec: $root: image's env: not a regular file" \
	    chr-exec "$root"
	rm "$base/env"
	head -c 5000000 /dev/zero >"$base/cmd"
	run_err 125 "chr-exec: $root: image's cmd: File too large" \
	    chr-exec "$root"
}

@test "no fork: the same process" {
	run_ok sh -c 'echo $$; exec chr-exec "$0" sh -c "echo \$\$"' "$root"
	[ "${lines[0]}" = "${lines[1]}" ]
}

# --- order ---

@test "chdir, chroot, chdir, setgroups, setgid, setuid, execve" {
	need strace
	run_ok strace -o trace chr-exec -u web "$root" true
	run awk -F'(' '/ = 0$/ && $1 ~ /^(fchdir|chroot|chdir|setgroups|setgid|setuid|prctl|execve)$/ {
		if (n++ > 0 && n < 11) print $1 }' trace
	is "fchdir
chroot
chdir
fchdir
setgroups
setgid
setuid
prctl
execve"
	# the program itself may lie below some /root/ or /etc/
	run awk '/^chroot/ { exit } /"[.\/]*(etc|root|dev)\/|box.abcdef\/root\// &&
	    !/ld.so|^execve/ { print }' trace
	is ""
	run grep -E 'nsswitch|libnss|/run/nscd' trace
	is ""
}

@test "nothing of the root's is loaded" {
	need strace
	run_ok strace -o trace chr-exec -u web "$root" true
	run awk -F'"' '/^chroot/ { in_root = 1 } /^execve/ && / = 0$/ { if (in_root) exit }
	    in_root && /^open/ && $2 != "/" && !seen[$2]++ { print $2 }' trace
	is "/etc/passwd
/etc/group"
}

@test "a root by another path is the same root" {
	local p

	config user web
	config cmd id -u
	ln -s "$root" "$T/link"
	cd "$root"
	for p in . "$root/" ../root "$T/link" "$base/./root/../root"; do
		run_ok chr-exec "$p"
		is 1000
	done
	cd "$base"
	run_ok chr-exec root
	is 1000
	[ ! -e idle ]
}

# --- descriptors ---

@test "a directory on 0, 1 or 2 is refused" {
	m="is a directory, which would lead out of the root"
	run_err 125 "chr-exec: descriptor 0: $m" chr-exec "$root" true </tmp
	run_err 125 "chr-exec: descriptor 1: $m" \
	    sh -c 'exec chr-exec "$0" true 3</ 1>&3' "$root"
	run_err 125 "" sh -c 'exec chr-exec "$0" true 3</ 2>&3' "$root"
}

@test "other directories are closed, all else passes" {
	echo data >file
	run_ok chr-exec -p "$root" sh -c 'read x <&7; echo $x
	    for f in 5 6 9; do [ -e /proc/self/fd/$f ] && echo $f; done
	    :' 5</ 6</tmp 7<file 9<"$base" 200</
	is data
	run_ok bash -c 'ulimit -S -n 64; exec 29</; ulimit -S -n 16
	    exec chr-exec -p "$0" sh -c "ls /proc/self/fd"' "$root"
	run ! grep -x 29 <<<"$output"
}

@test "the root's own descriptor does not leak" {
	run_ok sh -c 'for f in 3 4 5 6 7 8 9; do eval "exec $f<&-"; done
	    exec chr-exec -p "$0" sh -c "for f in /proc/\$\$/fd/*; do
	    [ ! -d \$f ] || echo \$f; done; ls -l /proc/\$\$/fd/200"' "$root"
	[[ ${lines[0]} == *"$base/lock"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "without /proc the descriptors are still closed" {
	run_like 1 "*sh: 9: Bad file descriptor" unshare -m sh -c '
	    umount -l /proc && exec chr-exec "$0" sh -c ": <&9"' "$root" 9</
	# one that was opened before the limit was set
	unshare -m bash -c 'exec 900</; ulimit -n 64; umount -l /proc
	    exec chr-exec "$0" sleep 600' "$root" 3>&- &
	wait_for grep -q sleep "/proc/$!/comm"
	ls "/proc/$!/fd" >fds
	kill "$!"
	run ! grep -x 900 fds
}

@test "closed 0, 1 and 2 are opened" {
	# not by its name: that is another in a chroot
	run_ok sh -c 'exec chr-exec -p "$0" sh -c "
	    stat -L -c %t:%T /proc/self/fd/0" <&-' "$root"
	is 1:3
	run_ok sh -c 'exec chr-exec "$0" sh -c "echo x; echo y >&2" >&- 2>&-' \
	    "$root"
	is ""
	run_ok sh -c 'exec chr-exec -p "$0" sh -c \
	    "x=\$(stat -L -c %t:%T /proc/\$\$/fd/1); echo \$x >&3" >&- 3>out' \
	    "$root"
	[ "$(cat out)" = 1:3 ]
}

# --- environment ---

@test "the environment is the image's" {
	run_ok env -i SECRET=1 TERM=vt100 "PATH=$PATH" HOME=/host \
	    "$CHR_BIN/chr-exec" "$root" /bin/env -u PWD -u SHLVL
	is "PATH=$default_path
TERM=vt100
HOME=/root"
	config env PATH=/bin A=1 B=2 A=3 novalue =x "C=a=b c" TERM=dumb HOME=
	run_ok env -i TERM=vt100 "PATH=$PATH" chr-exec "$root" env
	is "PATH=/bin
B=2
A=3
C=a=b c
TERM=dumb
HOME=/root"
	config env HOME=/other
	run_ok chr-exec -u web "$root" sh -c 'echo $HOME'
	is /other
}

@test "-e and -E" {
	config env A=image B=image
	run_ok env A=caller X=caller HOME=/host chr-exec -e B=opt -e X \
	    -e NONE -e E= "$root" sh -c 'echo $A $B $X ${NONE-no} ${E-unset} $HOME'
	is "image opt caller no /root"
	run_ok env A=caller X=caller HOME=/host "F=a
b" chr-exec -E "$root" sh -c 'echo $A $X $HOME "$F"'
	is "image caller /host a
b"
	run_ok env -u B chr-exec -e B "$root" sh -c 'echo ${B-unset}'
	is unset
	run_ok chr-exec -e B=1 -e B=2 "$root" sh -c 'echo $B'
	is 2
	run_ok env HOME= chr-exec -E "$root" sh -c 'echo $HOME'
	is /root
}

# --- users ---

@test "users of the root's own passwd and group" {
	while read -r spec want; do
		run_ok chr-exec -u "$spec" "$root" id
		is "$want"
	done <<-'EOT'
		0 uid=0(root) gid=0(root) groups=0(root)
		web uid=1000(web) gid=1001(webs) groups=1001(webs),2000(more)
		1000 uid=1000(web) gid=1001(webs) groups=1001(webs),2000(more)
		1000:webs uid=1000(web) gid=1001(webs) groups=1001(webs)
		web:0 uid=1000(web) gid=0(root) groups=0(root)
		1234 uid=1234 gid=0(root) groups=0(root)
		:more uid=0(root) gid=2000(more) groups=2000(more)
	EOT
	config user web
	run_ok chr-exec "$root" sh -c 'echo $(id -u) $HOME'
	is "1000 /home/web"
	for u in +5 -1 nobody; do
		run_err 125 "chr-exec: user $u: not in the root's /etc/passwd" \
		    chr-exec -u "$u" "$root" true
	done
	run_err 125 "chr-exec: user 4294967295: no such number" \
	    chr-exec -u 4294967295 "$root" true
	run_err 125 "chr-exec: group adm: not in the root's /etc/group" \
	    chr-exec -u 0:adm "$root" true
	run_err 125 "chr-exec: user a:b:c: expected user[:group]" \
	    chr-exec -u a:b:c "$root" true
}

@test "root's supplementary groups do not stay" {
	run_ok setpriv --groups 4,24 chr-exec -u 1234:7 "$root" id -G
	is 7
	run_ok setpriv --groups 4,24 chr-exec "$root" id -G
	is 0
}

@test "privilege does not come back" {
	run_ok chr-exec -p -u web "$root" grep NoNewPrivs /proc/self/status
	is "NoNewPrivs:	1"
	run_ok chr-exec -p "$root" grep NoNewPrivs /proc/self/status
	is "NoNewPrivs:	0"
	need strace
	run_err 125 "chr-exec: setuid 1000: could be undone" strace -o trace \
	    -e inject=setuid:retval=0:when=2 chr-exec -u web "$root" true
	run_err 125 "chr-exec: setuid 1000: did not take effect" strace \
	    -o trace -e inject=setuid:retval=0 chr-exec -u web "$root" true
}

@test "a hostile passwd" {
	for bad in fifo zero big; do
		rm "$root/etc/passwd"
		why="not a regular file"
		case $bad in
		fifo) mkfifo "$root/etc/passwd" ;;
		zero) mknod "$root/etc/passwd" c 1 5 ;;
		big)
			truncate -s 11M "$root/etc/passwd"
			why="File too large"
			;;
		esac
		run_err 125 "chr-exec: /etc/passwd: $why" \
		    timeout 300 chr-exec -u web "$root" true
		run_err 0 "chr-exec: /etc/passwd: $why" \
		    timeout 300 chr-exec -u 1000 "$root" sh -c 'echo ok'
		is ok
	done
	rm "$root/etc/passwd"
	run_ok chr-exec -u 1000:7 "$root" sh -c 'id -G; echo $HOME'
	is "7
/"
	run_err 125 "chr-exec: user root: not in the root's /etc/passwd" \
	    chr-exec -u root "$root" true
}

@test "a link of the root's leads nowhere but into the root" {
	mkdir "$root$T" -p
	echo 'web:x:77:77::/in:/bin/sh' >"$root$T/passwd"
	echo 'web:x:88:88::/out:/bin/sh' >"$T/passwd"
	ln -sf "$T/passwd" "$root/etc/passwd"
	run_ok chr-exec -u web "$root" id -u
	is 77
	ln -sf /no/such "$root/etc/passwd"
	run_ok chr-exec -u 5 "$root" id -u
	is 5
}

# --- working directory ---

@test "working directory" {
	run_ok chr-exec "$root" pwd
	is /
	config workdir /data/sub
	config user web
	run_ok chr-exec "$root" sh -c 'pwd; stat -c %u:%g:%a /data /data/sub'
	is "/data/sub
1000:1001:755
1000:1001:755"
	run_ok chr-exec -w etc "$root" pwd
	is /etc
	run_ok chr-exec -w /var/x "$root" sh -c 'pwd
	    stat -c %u:%a /var /var/x'
	is "/var/x
0:755
1000:755"
	umask 077
	run_ok chr-exec -w /u "$root" stat -c %a /u
	is 755
	mkdir -m 700 "$root/secret"
	run_ok chr-exec -w /secret "$root" sh -c 'echo in'
	is in
}

@test "a working directory that cannot be" {
	run_err 125 "chr-exec: working directory /etc/passwd: Not a directory" \
	    chr-exec -w /etc/passwd "$root" true
	ln -s /no/such "$root/dangling"
	run_err 125 "chr-exec: working directory /dangling: No such file or directory" \
	    chr-exec -w /dangling "$root" true
	for fd in 5 6 7 8 9; do
		run_like 125 "chr-exec: working directory /proc/self/fd/$fd: @(No such file or directory|Too many levels of symbolic links)" \
		    chr-exec -p -w "/proc/self/fd/$fd" "$root" true 7<"$T"
	done
	ln -s ../../../../.. "$root/up"
	run_ok chr-exec -w /up/etc "$root" pwd
	is /etc
	run_ok chr-exec -w ../../.. "$root" pwd
	is /
}

@test "a working directory that only the user can enter" {
	need strace
	mkdir "$root/home"
	run_ok strace -o trace -P /home -e inject=openat2:error=EACCES:when=1 \
	    chr-exec -u web -w /home "$root" pwd
	is /home
	run_like 125 "chr-exec: working directory /home: Permission denied" \
	    strace -o trace -P /home -e inject=openat2:error=EACCES \
	    chr-exec -u web -w /home "$root" pwd
	run_like 125 "chr-exec: working directory /home: Permission denied" \
	    strace -o trace -P /home -e inject=openat2:error=EACCES \
	    chr-exec -w /home "$root" pwd
}

@test "a working directory, passwd and group through links of /proc" {
	mkdir outside
	unshare --pid --mount --fork --mount-proc sh -c '
		root=$1
		chr-exec -p -u web -w "/proc/1/root$2/outside/made" "$root" true
		echo $? >status
		ln -sf /proc/1/root/etc/passwd "$root/etc/passwd"
		chr-exec -p -u daemon "$root" true
		echo $? >>status' sh "$root" "$T" 2>err
	[ -z "$(ls -A outside)" ]
	[ "$(cat status)" = "125
125" ]
	[ "$(cat err)" = "chr-exec: working directory /proc/1/root$T/outside/made: Too many levels of symbolic links
chr-exec: /etc/passwd: Too many levels of symbolic links" ]
}

@test "two commands that make the same directory" {
	local one place

	need_faults
	mkdir src
	# the other makes the first of two while this one is about to, or both
	for place in 1 2; do
		FAULT=place_make:$place:STOP \
		    chr-exec -b src:/n1 -w /n2 "$root" pwd >one 3>&- &
		one=$!
		wait_for stopped "$one"
		run_ok chr-exec -b src:/n1 -w /n2 "$root" pwd
		kill -CONT "$one"
		wait "$one"
		[ "$(cat one)" = /n2 ]
		rmdir "$root/n1" "$root/n2"
	done
}

@test "what -b makes does not depend on the umask" {
	mkdir src
	: >file
	umask 077
	run_ok chr-exec -b src:/new/dir -b file:/new/file -u web "$root" \
	    stat -c %a /new /new/file
	[ "$(stat -c %a "$root/new" "$root/new/dir" "$root/new/file")" = "755
755
644" ]
}

# --- finding the command ---

@test "a command that is not there" {
	run_err 127 "chr-exec: nosuch: not found in $default_path" \
	    chr-exec "$root" nosuch
	run_err 127 "chr-exec: /no/such: No such file or directory" \
	    chr-exec "$root" /no/such
	run_err 127 "chr-exec: /etc/passwd/x: Not a directory" \
	    chr-exec "$root" /etc/passwd/x
	run_err 127 "chr-exec: : not found in $default_path" chr-exec "$root" ""
	run_err 127 "chr-exec: true: not found in /etc:/nowhere" \
	    chr-exec -e PATH=/etc:/nowhere "$root" true
	config env PATH=/nowhere
	run_err 127 "chr-exec: true: not found in /nowhere" \
	    chr-exec "$root" true
	run_ok chr-exec -e PATH=/nowhere:/bin "$root" true
	run_ok chr-exec -w /bin -e PATH=/x: "$root" true
	run_ok chr-exec -w /bin "$root" ./true
}

@test "PATH goes on past what cannot be run" {
	mkdir "$root/a" "$root/a/true"
	run_ok chr-exec -e PATH=/a:/bin "$root" true
	rmdir "$root/a/true"
	: >"$root/a/true"
	run_ok chr-exec -e PATH=/a:/bin "$root" true
	run_err 126 "chr-exec: /a/true: uid 0 may not execute it (mode 0644)" \
	    chr-exec -e PATH=/a:/b "$root" true
	chmod 700 "$root/a"
	run_err 127 "chr-exec: true: not found in /a:/b" \
	    chr-exec -u web -e PATH=/a:/b "$root" true
}

@test "a failed exec is explained" {
	printf '#!/bin/bash\n' >"$root/script"
	printf '#!/bin/sh\r\n' >"$root/dos"
	printf 'echo hi\n' >"$root/text"
	: >"$root/empty"
	printf '\177ELF\002\001\001%09d\002\000\267\000%0100d' 0 0 \
	    >"$root/arm"
	chmod 755 "$root"/{script,dos,text,empty,arm}
	ln -s /no/such "$root/link"
	mkdir -m 700 "$root/private"
	cp "$root/bin/true" "$root/private"
	while IFS='|' read -r status file why; do
		run_err "$status" "chr-exec: $file: $why" \
		    chr-exec -u 1000:0 "$root" "$file"
	done <<-EOT
		127|/script|needs the interpreter /bin/bash, which is not in the root
		127|/dos|its first line ends in CR: a text file with DOS line ends
		126|/text|is neither a program nor a script that begins with #!
		126|/empty|is an empty file
		127|/link|is a link to /no/such, which is not in the root
		126|/etc|is a directory
		126|/dev/null|is not a regular file
		126|/etc/passwd|uid 1000 may not execute it (mode 0644)
		126|/private/true|uid 1000 may not search /private (mode 0700)
	EOT
	[ "$(uname -m)" = x86_64 ] || return 0
	run_err 126 "chr-exec: /arm: is a program for aarch64, this machine is\
 x86_64, and no binfmt_misc handler takes it" chr-exec "$root" /arm
}

@test "a dynamic program without its interpreter" {
	cp "$(command -v cat)" "$root/dyn"
	run_like 127 "chr-exec: /dyn: needs the program interpreter /lib*\
 (glibc), which is not in the root" chr-exec "$root" /dyn
	printf '#!/dyn\n' >"$root/script"
	chmod 755 "$root/script"
	run_like 127 "chr-exec: /script: its interpreter /dyn: needs the\
 program interpreter *" chr-exec "$root" /script
}

@test "file systems mounted noexec and nodev" {
	mkdir m
	mount -t tmpfs -o noexec,nodev,mode=755 none m
	cp -a "$root/." m
	rm m/dev/null
	run_err 126 "chr-exec: /bin/true: is on a file system mounted noexec" \
	    chr-exec m true
	umount m
	mount -t tmpfs -o nodev,mode=755 none m
	cp -a "$root/." m
	run_err 0 "chr-exec: m: warning: mounted nodev: its devices do not\
 work" chr-exec m true
	run_ok chr-exec -p m true
	umount m
}

# --- the lock ---

@test "the command holds the lock, as do its children" {
	run_ok chr-exec "$root" sh -c 'sleep 600 >/dev/null 2>&1 & echo $!'
	sleeper=$output
	[ ! -e "$base/idle" ]
	run flock -n -x "$base/lock" true
	[ "$status" = 1 ]
	kill "$sleeper"
	wait_for flock -n -x "$base/lock" true
}

@test "a lock that is held: by whom" {
	serve log flock -F -x "$base/lock" sleep 600
	wait_for runs "$server" sleep
	held="chr-exec: $root: its lock is held by process $server"
	run_err 125 "$held" chr-exec "$root" true
	run_err 125 "$held" chr-exec -r "$root" true
	[ -d "$root" ]
	# sanitizers have their options from /proc
	skip_if_sanitized
	mkdir proc
	run_err 125 "${held% by*}" unshare -m sh -c 'mount --bind proc /proc
	    exec chr-exec "$0" true' "$root"
}

@test "a root that is being removed" {
	need_faults
	FAULT=root_hold:1:STOP serve log chr-exec "$root" true
	exec=$server
	wait_for stopped "$exec"
	FAULT=rmtree_open:1:STOP serve out chr-rm "$root"
	wait_for stopped "$server"
	kill -CONT "$exec"
	status=0
	wait "$exec" || status=$?
	[ "$status" = 125 ]
	[ "$(cat log)" = "chr-exec: $root: is being removed by process $server" ]
	kill -CONT "$server"
	wait "$server"
	[ ! -e "$base" ] && [ ! -s out ]
}

@test "another chr-exec that is not in the root yet" {
	need_faults
	FAULT=exec_mark:1:STOP serve log chr-exec -r "$root" true
	wait_for stopped "$server"
	run_err 4 "chr-exec: $root: in use: its lock is held by process $server" \
	    chr-exec -r "$root" sh -c 'exit 4'
	kill -CONT "$server"
	wait "$server"
	[ ! -e "$base" ] && [ ! -s log ]
}

# --- mounts ---

# The mounts of this test, as seen from outside; others come and go.
mounts() {
	grep -F " $T/" /proc/self/mountinfo || :
}

@test "-p mounts /proc, /sys and /dev for the command alone" {
	before=$(mounts)
	run_ok chr-exec -p "$root" sh -c '
	    while read -r a b c d at opts rest; do
	    echo "$at ${opts%%,relatime*}"; done </proc/self/mountinfo
	    [ -d /proc/1 ] && [ -d /sys/kernel ] && df / >/dev/null
	    touch /sys/x 2>/dev/null && echo written
	    ls /dev; ls /dev/pts; stat -c "%F %a %t:%T" /dev/null
	    echo x >/dev/null; echo >/dev/full || :' 2>/dev/null || :
	[ "$(mounts)" = "$before" ]
	run --separate-stderr chr-exec -p "$root" sh -c '
	    while read -r a b c d at opts rest; do
	    echo "$at ${opts%%,relatime*}"; done </proc/self/mountinfo
	    ls /dev /dev/pts; stat -c "%F %a %t:%T" /dev/null
	    touch /sys/x 2>/dev/null || echo readonly'
	is "/ rw
/proc rw,nosuid,nodev,noexec
/sys ro,nosuid,nodev,noexec
/dev rw,nosuid,noexec
/dev/pts rw,nosuid,noexec
/dev/shm rw,nosuid,nodev
/dev:
fd
full
null
ptmx
pts
random
shm
stderr
stdin
stdout
tty
urandom
zero

/dev/pts:
ptmx
character special file 666 1:3
readonly"
}

@test "the mounts are gone after kill -9" {
	before=$(mounts)
	serve log chr-exec -p -b /etc:/host "$root" sleep 600
	wait_for runs "$server" sleep
	[ "$(mounts)" = "$before" ]
	grep -q " $root/proc " "/proc/$server/mountinfo" ||
		grep -q " /proc " "/proc/$server/mountinfo"
	kill -9 "$server"
	wait "$server" || :
	[ "$(mounts)" = "$before" ]
	[ -z "$(ls -A "$root/proc")" ]
	[ -z "$(ls -A "$root/host")" ]
}

@test "mount points are links out of the root" {
	mkdir "$T/out"
	rmdir "$root/proc" "$root/sys"
	rm -r "${root:?}/dev"
	mkdir -p "$root$T/out"
	ln -s "$T/out" "$root/dev"
	ln -s ../../../../../../proc2 "$root/proc"
	mkdir "$root/proc2"
	run_ok chr-exec -p "$root" sh -c '[ -c /dev/null ] && [ -d /proc/1 ] &&
	    [ -d /sys/kernel ] && [ -c "$0/out/null" ] && ls -A /' "$T"
	[ -z "$(ls -A "$T/out")" ]
	rm "$root/dev"
	ln -s /no/such "$root/dev"
	run_err 125 "chr-exec: $root/dev: No such file or directory" \
	    chr-exec -p "$root" true
	ln -sfn / "$root/dev"
	run_err 125 "chr-exec: $root/dev: is the root" \
	    chr-exec -p "$root" true
}

@test "-b binds directories and files" {
	mkdir src
	echo text >src/file
	run_ok chr-exec -b src:/new/dir -b "$T/src/file:/etc/new.conf" "$root" \
	    sh -c 'cat /new/dir/file /etc/new.conf; echo w >/new/dir/made'
	is "text
text"
	[ "$(cat src/made)" = w ]
	[ -d "$root/new/dir" ] && [ -f "$root/etc/new.conf" ]
	[ ! -s "$root/etc/new.conf" ]
	run_ok chr-exec -b src:/a -b src/file:/a/made "$root" cat /a/made
	is text
}

@test "-b ro is read-only all the way down" {
	mkdir -p src/sub/deep
	mount -t tmpfs none src/sub
	mkdir src/sub/deep
	mount -t tmpfs none src/sub/deep
	run_ok chr-exec -b src:/b:ro "$root" sh -c '
	    for d in /b /b/sub /b/sub/deep; do
	    touch $d/x 2>/dev/null && echo $d; done; :'
	is ""
	run_ok chr-exec -b src:/b "$root" touch /b/sub/deep/x
	[ -e src/sub/deep/x ]
	umount src/sub/deep src/sub
}

@test "-b refuses" {
	: >file
	run_err 125 "chr-exec: -b nosuch: No such file or directory" \
	    chr-exec -b nosuch:/x "$root" true
	run_err 125 "chr-exec: -b file: $root/etc: is a directory" \
	    chr-exec -b file:/etc "$root" true
	run_err 125 "chr-exec: -b /etc: $root/etc/passwd: Not a directory" \
	    chr-exec -b /etc:/etc/passwd "$root" true
	run_err 125 "chr-exec: -b /etc: $root/../.: is the root" \
	    chr-exec -b /etc:/../. "$root" true
	[ ! -e "$root/x" ]
}

@test "-b follows no link out of the root" {
	mkdir out src
	: >src/mark
	ln -s "$T/out" "$root/abs"
	ln -s ../../../../../../../../../.."$T/out" "$root/rel"
	mkdir -p "$root$T/out"
	run_ok chr-exec -b src:/abs/x -b src:/rel/y "$root" \
	    sh -c 'ls "$0/out/x" "$0/out/y"' "$T"
	[ -z "$(ls -A out)" ]
	rm -r "${root:?}/${T#/}"
	run_err 125 "chr-exec: -b src: $root/abs/x: No such file or directory" \
	    chr-exec -b src:/abs/x "$root" true
	[ -z "$(ls -A out)" ]
}

@test "mounts without the newer system calls" {
	mkdir -p src/sub
	mount -t tmpfs none src/sub
	: >src/file
	for without in fsopen,open_tree "-e EPERM fsopen,open_tree" \
	    "-e EPERM fsconfig,mount_setattr" "-e EPERM fsmount,move_mount"; do
		run_ok "$FIXTURES/without" $without \
		    chr-exec -p -b src:/b:ro -b src/file:/f "$root" sh -c '
		    touch /b/x 2>/dev/null && echo 1
		    touch /b/sub/x 2>/dev/null && echo 2
		    [ -d /proc/1 ] && [ -d /sys/kernel ] &&
		    [ -c /dev/null ] && [ -e /dev/pts/ptmx ] && [ -f /f ] &&
		    echo fine'
		is fine
	done
	umount src/sub
}

@test "devices are bound where mknod is denied" {
	need strace
	run_ok strace -o trace -e trace=mknodat -e inject=mknodat:error=EPERM \
	    chr-exec -p "$root" sh -c 'echo x >/dev/null; [ -c /dev/zero ]'
	grep -q EPERM trace
}

# --- with -r ---

@test "-r removes the root and ends as the command" {
	for code in 0 3 255; do
		cp -a "$base" "$T/one.abcdef"
		run_err "$code" "" chr-exec -r "$T/one.abcdef/root" \
		    sh -c "exit $code"
		[ -z "$(ls -d "$T"/*one* "$T"/.one* 2>/dev/null)" ]
	done
	cp -a "$base" "$T/one.abcdef"
	run_err 127 "chr-exec: nosuch: not found in $default_path" \
	    chr-exec -r "$T/one.abcdef/root" nosuch
	[ ! -e "$T/one.abcdef" ]
	cp -a "$base" "$T/one.abcdef"
	run_err 125 "chr-exec: $T/one.abcdef/root: no command" \
	    chr-exec -r "$T/one.abcdef/root"
	[ ! -e "$T/one.abcdef" ]
}

@test "-r removes the root of a command that is not even tried" {
	local one=$T/one.abcdef/root

	cp -a "$base" "${one%/root}"
	run_err 125 "chr-exec: descriptor 0: is a directory, which would lead\
 out of the root" chr-exec -r "$one" true </tmp
	[ ! -e "${one%/root}" ]
	while IFS='|' read -r opts why; do
		cp -a "$base" "${one%/root}"
		run_err 125 "chr-exec: $why
$usage" chr-exec $opts "$one" true
		[ ! -e "${one%/root}" ]
	done <<-'EOT'
		-b bad -r -e =x -Z|-b bad: expected src:dst[:ro], dst from /
		-r -e =x -b bad|-e =x: expected name[=value]
		-r -u : -e =x|-u: empty user
		-rZY|invalid option -- 'Z'
	EOT
	# what may not be removed, or is to be looked at
	run_err 125 "chr-exec: -b bad: expected src:dst[:ro], dst from /
$usage" chr-exec -b bad "$root" true
	run_err 125 "chr-exec: -b bad: expected src:dst[:ro], dst from /
$usage
chr-exec: $root: kept; to enter it: chr-exec $root sh" \
	    chr-exec -rk -b bad "$root" true
	[ -d "$root" ] && [ ! -e "$base/remove" ]
	serve log chr-exec "$root" sleep 600
	wait_for runs "$server" sleep
	run_err 125 "chr-exec: -b bad: expected src:dst[:ro], dst from /
$usage
chr-exec: $root: in use by process $server" chr-exec -r -b bad "$root" true
	[ -d "$root" ] && [ -e "$base/remove" ]
}

@test "-r removes a root that cannot be marked, or run in" {
	need_faults
	need strace
	cp -a "$base" "$T/one.abcdef"
	FAULT=exec_mark:1:ENOSPC run_err 125 "chr-exec: $T/one.abcdef/root:\
 mark to remove it: No space left on device" \
	    chr-exec -r "$T/one.abcdef/root" true
	[ ! -e "$T/one.abcdef" ]
	cp -a "$base" "$T/one.abcdef"
	run_err 125 "chr-exec: fork: Resource temporarily unavailable" \
	    strace -o trace -e inject=clone,clone3,fork:error=EAGAIN \
	    chr-exec -r "$T/one.abcdef/root" true
	[ ! -e "$T/one.abcdef" ]
}

@test "-r dies of the command's signal, without a core file" {
	for sig in KILL TERM SEGV RTMIN; do
		cp -a "$base" "$T/one.abcdef"
		run python3 - "$T/one.abcdef/root" "$sig" <<-'EOT'
			import resource, signal, subprocess, sys
			h = resource.getrlimit(resource.RLIMIT_CORE)[1]
			resource.setrlimit(resource.RLIMIT_CORE, (h, h))
			sig = getattr(signal, "SIG" + sys.argv[2])
			code = subprocess.run(["chr-exec", "-r", sys.argv[1],
			    "sh", "-c", f"ulimit -c 0; kill -{int(sig)} $$"])
			assert code.returncode == -sig, code
		EOT
		[ "$status" = 0 ]
		[ ! -e "$T/one.abcdef" ]
	done
	[ -z "$(find "$T" -maxdepth 1 -name 'core*')" ]
}

# started ROOT-OPTIONS...: chr-exec -r in the background, until it wrote
# "up"; what the command prints goes to $T/log.
started() {
	serve "$T/log" chr-exec "$@"
	wait_for grep -q up "$T/log"
}

# ended: waits for it; its status is in $code.
ended() {
	code=0
	wait "$server" || code=$?
	server_pids=
}

@test "TERM to the supervisor alone" {
	started -r "$root" sh -c 'trap "echo got; exit 9" TERM; echo up
	    while :; do sleep 0.05; done'
	kill -TERM "$server"
	ended
	[ "$code" = 9 ]
	[ "$(cat log)" = "up
got" ]
	[ ! -e "$base" ]
}

@test "HUP, USR1 and a real-time signal are passed on once" {
	started -r "$root" sh -c 'trap "echo hup" HUP; trap "echo usr" USR1
	    trap "echo rt; exit 0" 37; echo up
	    while :; do sleep 0.05; done'
	while read -r s word; do
		kill -s "$s" "$server"
		wait_for grep -q "$word" log
	done <<-'EOT'
		HUP hup
		USR1 usr
		37 rt
	EOT
	ended
	[ "$code" = 0 ]
	[ "$(cat log)" = "up
hup
usr
rt" ]
}

@test "TERM becomes the image's stop signal" {
	config stopsignal SIGUSR2
	started -r "$root" sh -c 'trap "echo usr2; exit 5" USR2; echo up
	    while :; do sleep 0.05; done'
	kill -TERM "$server"
	ended
	[ "$code" = 5 ]
	[ "$(cat log)" = "up
usr2" ]
}

@test "a stop signal that is none" {
	config stopsignal SIGFOO
	run_err 0 "chr-exec: $root: warning: stop signal SIGFOO: not known,\
 SIGTERM instead" chr-exec -r "$root" true
}

@test "signals as they were before" {
	cp -a "$base" "$T/one.abcdef"
	script='trap "" PIPE CHLD HUP; exec chr-exec "$@" \
	    grep "^Sig[BI]" /proc/self/status'
	run_ok sh -c "$script" x -p "$root"
	want=$output
	run_ok sh -c "$script" x -p -r "$T/one.abcdef/root"
	is "$want"
	[ ! -e "$T/one.abcdef" ]
}

# early SIGNAL: sends it to chr-exec -r in $root, which has begun to use the
# root and has no command yet; waits for it to end.
early() {
	FAULT=exec_mark:1:STOP serve "$T/log" chr-exec -r "$root" sleep 600
	wait_for stopped "$server"
	kill -s "$1" "$server"
	kill -CONT "$server"
	ended
}

@test "a signal while -r starts reaches the command, and the root goes" {
	need_faults
	cp -a "$base" saved
	early TERM
	[ "$code" = 143 ]
	[ ! -e "$base" ]
	cp -a saved "$base"
	early HUP
	[ "$code" = 129 ]
	[ ! -e "$base" ]
}

@test "^C arrives even while -r starts" {
	need_faults
	# it stands still; is typed ^C; goes on when that has reached it
	cat >script <<-'EOT'
		trap : INT
		(
			until pid=$(pgrep -P $$ -x chr-exec) &&
			    grep -q '^State:.T' "/proc/$pid/status"; do
				sleep 0.02
			done
			echo up
			until grep -q '^S[a-z]*Pnd:.*[2367abef]$' \
			    "/proc/$pid/status"; do
				sleep 0.02
			done
			kill -CONT "$pid"
		) &
		FAULT=exec_mark:1:STOP chr-exec -r "$1/root" sleep 600
		echo "code=$?"
	EOT
	run on_tty -w up -s '\x03' -- sh script "$base"
	shows code=130
	[ ! -e "$base" ]
}

# What would come a second time, from the supervisor, would come before the
# signal that it is asked for then.
@test "^C arrives once" {
	run on_tty -w up -s '\x03' -- chr-exec -r "$root" sh -c \
	    'n=0; trap "n=\$((n + 1)); : >/typed" INT
	    trap "echo n=\$n; exit 4" USR1; echo up
	    while [ ! -e /typed ]; do sleep 0.02; done
	    (exec sh -c "kill -USR1 $PPID")
	    while :; do sleep 0.02; done'
	[ "$status" = 4 ]
	shows n=1
	[ ! -e "$base" ]
}

@test "^C ends the command, then the supervisor" {
	run on_tty -w up -s '\x03' -- chr-exec -r "$root" sh -c \
	    'echo up; exec sleep 600'
	[ "$status" = 130 ]
	[ ! -e "$base" ]
}

@test "^Z and fg" {
	run on_tty -w 'READY' -s "chr-exec -r $root sh -c 'echo u''p
 while [ ! -e /end ]; do sleep 0.02; done; echo do''ne'\n" \
	    -w up -s '\x1a' -w Stopped -s '' -w READY \
	    -s ": >$root/end; fg; echo code=\$?\n" \
	    -w "done" -s 'exit\n' -- \
	    env PS1='READY ' bash --norc --noprofile -i
	shows Stopped
	shows code=0
	[ ! -e "$base" ]
}

@test "a command that stops itself" {
	run on_tty -w 'READY' -s "chr-exec -r $root sh -c 'echo u''p;\
 kill -STOP \$\$; echo do''ne'\n" -w Stopped -s 'fg; echo code=$?\n' \
	    -w "done" -s 'exit\n' -- \
	    env PS1='READY ' bash --norc --noprofile -i
	shows code=0
	[ ! -e "$base" ]
}

@test "CONT to the supervisor continues a stopped command" {
	started -r "$root" sh -c 'echo up; kill -STOP $$; echo on'
	child=$(pgrep -P "$server")
	wait_for stopped "$child"
	kill -CONT "$server"
	ended
	[ "$code" = 0 ]
	grep -q on log
}

# in_a_job COMMAND...: as serve with $T/log, in a process group that a shell
# looks after.
in_a_job() {
	set -m
	serve "$T/log" "$@"
	set +m
}

@test "CONT while the stop of the command is being noted" {
	need_faults
	FAULT=supervise_stop:1:STOP in_a_job chr-exec -r "$root" \
	    sh -c 'echo up; while [ ! -e /end ]; do sleep 0.02; done; exit 4'
	wait_for grep -q up log
	kill -TSTP "$server"
	wait_for stopped "$(pgrep -P "$server")"
	wait_for stopped "$server"
	kill -CONT "$server"
	: >"$root/end"
	wait_for has_ended "$server"
	ended
	[ "$code" = 4 ]
	[ ! -e "$base" ]
}

@test "TSTP and CONT in quick succession" {
	local i

	in_a_job chr-exec -r "$root" \
	    sh -c 'echo up; while [ ! -e /end ]; do sleep 0.02; done; exit 4'
	wait_for grep -q up log
	for ((i = 0; i < 100; i++)); do
		kill -TSTP "$server"
		kill -CONT "$server"
	done
	: >"$root/end"
	wait_for sh -c '! [ -e "$0" ]' "$base"
	ended
	[ "$code" = 4 ]
}

@test "CONT to a command that runs" {
	started -r "$root" sh -c 'trap "echo cont" CONT; echo up
	    while [ ! -e /end ]; do sleep 0.02; done'
	kill -CONT "$server"
	wait_for grep -q cont log
	kill -CONT "$server"
	wait_for grep -qz 'cont.*cont' log
	: >"$root/end"
	ended
	[ "$(cat log)" = "up
cont
cont" ]
}

@test "a shell with jobs of its own that stops itself, and fg" {
	run on_tty -w 'READY' -s "chr-exec -rp $root sh\n" \
	    -w '/ # ' -s 'kill -STOP $$\n' -w Stopped -s '' \
	    -w 'READY ' -s 'fg\n' -w 'root sh' -s 'echo in""ner\n' \
	    -w inner -s 'kill -STOP $$\n' -w Stopped -s '' \
	    -w 'READY ' -s 'fg\n' -w 'root sh' -s 'echo a""gain; exit 3\n' \
	    -w 'READY ' -s 'echo code=$?; exit\n' -- \
	    env PS1='READY ' bash --norc --noprofile -i
	shows inner
	shows again
	shows code=3
	[ ! -e "$base" ]
}

@test "what the command leaves behind is ended" {
	started -r "$root" sh -c '(trap "echo term >&2; exit" TERM
	    echo up; : >/up; while :; do sleep 0.05; done) &
	    while [ ! -e /up ]; do sleep 0.02; done; exit 6'
	ended
	[ "$code" = 6 ]
	grep -q term log
	[ ! -e "$base" ]
}

@test "what ignores TERM is killed after two seconds" {
	local start

	start=$(date +%s%N)
	started -r "$root" sh -c '(trap "" TERM; (sleep 900; :) & echo up
	    : >/up; sleep 900; :) &
	    while [ ! -e /up ]; do sleep 0.02; done; exit 6'
	ended
	[ "$code" = 6 ]
	[ "$(cat log)" = up ]
	[ $(($(date +%s%N) - start)) -ge 2000000000 ]
	[ ! -e "$base" ]
}

# leaves USER HOW...: the command leaves this behind (fixtures/fugitive.c); a lock
# that it inherits tells whether all has ended.
leaves() {
	local code=0 one=$T/$1.$BASHPID user=$1

	shift
	cp -a "$base" "$one"
	cp fugitive "$one/root"
	(
		flock -s 9
		exec chr-exec -r -u "$user" "$one/root" /fugitive "$@" \
		    3>&- 4>&-
	) 9>"$one.alive" || code=$?
	[ "$code" = 6 ] && flock -n -x "$one.alive" true && [ ! -e "$one" ]
}

@test "no process is left behind, whatever it does" {
	local i p pids=()

	cc -static -o fugitive "$FIXTURES/fugitive.c" ||
		cannot "needs a static C library"
	leaves root tree unlocked stopped pids mounts outside & pids+=($!)
	leaves web tree unlocked stopped slow & pids+=($!)
	for ((i = 0; i < $(size 1 100); i++)); do
		leaves root chain chain slow
	done
	for p in "${pids[@]}"; do
		wait "$p"
	done
}

@test "what cannot be ended is named, and the root stays" {
	local left

	need_faults
	FAULT=leftovers_end:1:EIO run_like 3 \
	    "chr-exec: $root: cannot end process [0-9]*: the root stays" \
	    chr-exec -r "$root" sh -c 'trap "" TERM
	    sleep 600 >/dev/null 2>&1 3>&- 4>&- & exit 3'
	left=${stderr#*process }
	left=${left%%:*}
	runs "$left" sleep
	[ -d "$root" ] && [ -e "$base/remove" ]
	kill -KILL "$left"
	wait_for has_ended "$left"
	run_ok chr-rm -g "$root"
}

@test "what is left behind in a process namespace with its own /proc" {
	run_err 4 "" unshare --pid --fork --mount-proc chr-exec -rp "$root" \
	    sh -c 'sleep 600 >/dev/null 2>&1 & exit 4'
	[ ! -e "$base" ]
}

@test "children from before the command are left alone" {
	local i

	# one of them in the root, by a chr-exec of its own
	run_like 0 "chr-exec: $root: in use by process [0-9]*" bash -c '
	    sleep 600 >/dev/null 2>&1 3>&- 4>&- & echo $!
	    chr-exec "$0" sleep 600 >/dev/null 2>&1 3>&- 4>&- & echo $!
	    until grep -q sleep "/proc/$!/comm"; do sleep 0.02; done
	    exec chr-exec -r "$0" sh -c "sleep 600 & exit 0"' "$root"
	[ "${#lines[@]}" = 2 ]
	[ "${stderr##* }" = "${lines[1]}" ]
	for i in "${lines[@]}"; do
		runs "$i" sleep
		kill "$i"
		wait_for has_ended "$i"
	done
	run_ok chr-rm "$root"
}

@test "a root that somebody else is in is not removed" {
	serve log chr-exec "$root" sleep 600
	wait_for runs "$server" sleep
	run_err 3 "chr-exec: $root: in use by process $server" \
	    chr-exec -r "$root" sh -c 'exit 3'
	[ -d "$root" ] && [ -f "$base/remove" ]
	kill -0 "$server"
}

@test "two -r of one root that end at once: the last removes it" {
	local one

	serve log chr-exec -r "$root" sh -c 'while [ ! -e /end ]; do
	    sleep 0.02; done; exit 4'
	one=$server
	serve log2 chr-exec -r "$root" sh -c 'while [ ! -e /end ]; do
	    sleep 0.02; done; exit 5'
	wait_for sh -c 'pgrep -P "$0" -x sh && pgrep -P "$1" -x sh' \
	    "$one" "$server" >pids
	kill -STOP "$one" "$server"
	: >"$root/end"
	wait_for sh -c '! pgrep -r S,R,D -P "$0,$1"' "$one" "$server" >pids
	kill -CONT "$one" "$server"
	ended
	[ "$code" = 5 ]
	wait "$one" || code=$?
	[ "$code" = 4 ]
	[ -z "$(cat log log2)" ]
	[ ! -e "$base" ]
}

@test "-k keeps the root of a command that failed" {
	cp -a "$base" "$T/one.abcdef"
	run_ok chr-exec -rk "$T/one.abcdef/root" true
	[ ! -e "$T/one.abcdef" ]
	run_err 7 "chr-exec: $root: kept; to enter it: chr-exec $root sh" \
	    chr-exec -r -k "$root" sh -c 'echo x >/evidence; exit 7'
	[ -f "$root/evidence" ] && [ ! -e "$base/remove" ]
	run_ok chr-exec "$root" sh -c 'cat /evidence'
}

@test "-r where its mark cannot be made: a fifo, a directory" {
	cp -a "$base" "$T/one.abcdef"
	mkfifo "$base/remove"
	run_err 125 "chr-exec: $root: mark to remove it: not a regular file" \
	    chr-exec -r "$root" true
	[ ! -e "$base" ]
	mkdir "$T/one.abcdef/remove"
	run_err 125 "chr-exec: $T/one.abcdef/root: mark to remove it: Is a\
 directory" chr-exec -r "$T/one.abcdef/root" true
	[ ! -e "$T/one.abcdef" ]
}

@test "kill -9 of the supervisor takes the command along" {
	started -r -u web "$root" sh -c 'echo up; exec sleep 600'
	child=$(pgrep -P "$server")
	[ -f "$base/remove" ]
	kill -9 "$server"
	wait_for has_ended "$child"
	wait_for flock -n -x "$base/lock" true
	ended
}

@test "the supervisor stays outside, in the same process group" {
	cd "$root"
	started -r "$root" sh -c 'echo up; exec sleep 600'
	[ "$(readlink "/proc/$server/root")" = / ]
	[ "$(readlink "/proc/$server/cwd")" = / ]
	child=$(pgrep -P "$server")
	[ "$(ps -o pgid= -p "$child")" = "$(ps -o pgid= -p "$server")" ]
	cd "$T"
	kill "$server"
	ended
	[ "$code" = 143 ]
	[ ! -e "$base" ]
}

@test "-r with -p and -b" {
	mkdir src
	: >src/keep
	run_ok chr-exec -r -p -b src:/src "$root" sh -c '[ -f /src/keep ] &&
	    [ -d /proc/1 ] && (sleep 600 &)'
	[ ! -e "$base" ]
	[ -f src/keep ]
}

@test "-v says what runs" {
	run_err 0 "$root: uid 1000, gid 1001, directory /, command true" \
	    chr-exec -v -u web "$root" true
}

@test "a root that was made before the machine restarted" {
	local boot warning

	boot=$(cat /proc/sys/kernel/random/boot_id)
	warning="chr-exec: $root: warning: made before the machine restarted:"
	warning+=" what was not on disk yet is missing"
	for boot in "${boot%?}x" ''; do
		printf '%s' "$boot" >"$base/boot"
		run_err 0 "$warning" chr-exec "$root" true
		run_err 0 "$warning" chr-exec "$root" true
	done
	printf '%s\0' "$(cat /proc/sys/kernel/random/boot_id)" >"$base/boot"
	run_ok chr-exec "$root" true
	echo x >"$base/boot"
	run_err 0 "$warning" chr-exec -r "$root" true
	[ ! -e "$base" ]
}
