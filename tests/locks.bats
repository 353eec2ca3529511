#!/usr/bin/env bats
# See LICENSE.
# Locks: flock(2) that fails, and who has what is wanted.

load helper

setup() {
	helper_setup
	skip_unless_root
}

# without_locks: runs the lines of standard input where flock(2) fails; what each
# says, and its status.
without_locks() {
	"$FIXTURES/without" -e ENOLCK flock bash -c '
	while read -r line; do
		$line 2>&1
		echo "$?"
	done'
}

@test "locks that fail are not taken for held ones" {
	mkimage -n a/b:1 new.tar 'file new'
	pulled
	root=$(chr-mkroot box)
	no="No locks available"
	run_ok without_locks <<-EOT
		chr-rm $root
		chr-rm box
		chr-exec $root true
		chr-exec -r $root true
		chr-mkroot box
		chr-pull -t other $box
		chr-ls -r
	EOT
	# but for the age, which is another a second later
	[ "$(sed 's/\t[0-9]*$//' <<<"$output")" = "chr-rm: $root: lock: $no
1
chr-rm: box: lock: $no
1
chr-exec: $root: lock: $no
125
chr-exec: $root: lock: $no
125
chr-mkroot: box: lock: $no
1
chr-pull: $CHR_STORE/images/${box##*:}: lock: $no
1
chr-ls: $root: lock: $no
$(chr-ls -r | sed 's/idle/used/; s/\t[0-9]*$//')
1" ] || fail "$output"
	mv "${root%/root}" "$CHR_STORE/roots/.chr-box.abcdef"
	run_ok without_locks <<-EOT
		chr-pull ./new.tar
		chr-rm -g
	EOT
	half=$(echo "$CHR_STORE"/images/.?*)
	[ "$output" = "chr-pull: $half: $no
1
chr-rm: $CHR_STORE/roots/.chr-box.abcdef: lock: $no
chr-rm: $half: lock: $no
1" ] || fail "$output"
	run_ok chr-rm -g
	no_roots
}

@test "blobs are not removed where locks fail" {
	need_faults
	pulled
	part=$CHR_STORE/blobs/sha256/.$(printf "%064d" 2).part
	: >"$part"
	FAULT=gc_part:1:EIO run_err 1 "chr-rm: $part: Input/output error" \
	    chr-rm -g
	[ -e "$part" ]
	run_ok chr-rm -g
	[ ! -e "$part" ]
}

# NFS wants a file open for writing.
@test "what is locked exclusively is open for writing" {
	skip_if_sanitized
	need cc
	cat >nfs.c <<-'EOT'
		#include <sys/file.h>
		#include <sys/stat.h>
		#include <sys/syscall.h>
		#include <errno.h>
		#include <fcntl.h>
		#include <unistd.h>
		int flock(int fd, int how)
		{
			struct stat st;
			if ((how & LOCK_EX) && fstat(fd, &st) == 0 &&
			    S_ISREG(st.st_mode) &&
			    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
				errno = EBADF;
				return -1;
			}
			return (int)syscall(SYS_flock, fd, how);
		}
	EOT
	cc -shared -fPIC -o nfs.so nfs.c
	pulled
	export LD_PRELOAD=$T/nfs.so
	root=$(chr-mkroot box)
	run_ok chr-rm "$root"
	root=$(chr-mkroot box)
	run_ok chr-ls -r
	[ "$(cut -f 3 <<<"$output")" = idle ]
	run_ok chr-exec -r "$root" true
	no_roots
	: >"$CHR_STORE/blobs/sha256/.$(printf "%064d" 2).part"
	: >"$CHR_STORE/blobs/sha256/.spool.1.0"
	run_ok chr-rm -g
	[ -z "$(ls -A "$CHR_STORE/blobs/sha256" | grep '^\.')" ]
	: >"$CHR_STORE/blobs/sha256/.spool.1.0"
	mkimage -n a/b:1 new.tar 'file new'
	run_ok sh -c 'cat new.tar | chr-pull -'
	[ -z "$(ls -A "$CHR_STORE/blobs/sha256" | grep '^\.')" ]
}

@test "a fifo in the place of a lock hangs nothing" {
	pulled
	root=$(chr-mkroot box)
	rm "${root%/root}/lock"
	mkfifo "${root%/root}/lock"
	run_err 2 "chr-rm: $root: not a root made by chr-mkroot: there is no lock\
 beside it" chr-rm "$root"
	run_err 125 "chr-exec: $root: not made by chr-mkroot: there is no lock\
 beside it" chr-exec -r "$root" true
	run_ok chr-rm -g -a 0
	mv "${root%/root}" "$CHR_STORE/roots/.chr-box.abcdef"
	run_err 1 "chr-rm: $CHR_STORE/roots/.chr-box.abcdef: lock: not a regular\
 file" chr-rm -g
	rm "$CHR_STORE/roots/.chr-box.abcdef/lock"
	: >"$CHR_STORE/roots/.chr-box.abcdef/lock"
	run_ok chr-rm -g
	no_roots
}
