#!/usr/bin/env bats
# See LICENSE.
# The pages say what the programs do.

load helper

page() {
	echo "$TOP/man/$1.1"
}

# words: standard input with each run of blanks as one.
words() {
	tr -s ' \n\t' ' ' | sed 's/^ //; s/ $//; s/ | /|/g'
}

synopsis() {
	mandoc -Tascii "$(page "$1")" | sed 's/.\x08//g' |
		sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | sed '1d;$d' | words
}

# bats test_tags=user
@test "usage is the page's synopsis" {
	local p

	need mandoc
	for p in chr-pull chr-mkroot chr-exec chr-rm chr-ls chrun; do
		run --separate-stderr "$p" -/
		[ "$(sed -n '/^usage: /,$p' <<<"$stderr" | words)" = \
		    "usage: $(synopsis "$p")" ] || [ "$p" = chrun ] ||
			fail "$p: $stderr; $(synopsis "$p")"
	done
	run --separate-stderr chrun
	[ "$(sed 's/^usage: //' <<<"$stderr" | words)" = "$(synopsis chrun)" ]
}

# bats test_tags=user
@test "each option that a program takes is described in its page" {
	local p letters i

	for p in chr-pull chr-mkroot chr-exec chr-rm chr-ls; do
		letters=$(sed -n \
		    's/.*getopt(argc, argv, "+\([^"]*\)").*/\1/p' \
		    "$TOP/src/$p.c" | tr -d :)
		[ -n "$letters" ]
		for ((i = 0; i < ${#letters}; i++)); do
			grep -q "^\.It Fl ${letters:i:1}\b" "$(page "$p")" ||
				fail "$p -${letters:i:1}"
		done
		run ! grep "^\.It Fl [^$letters]\b" "$(page "$p")"
	done
}

# bats test_tags=user
@test "each page has its sections, and no reference leads nowhere" {
	local p section name

	for p in chr-pull chr-mkroot chr-exec chr-rm chr-ls chrun; do
		for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' \
		    EXAMPLES 'SEE ALSO'; do
			grep -qx ".Sh $section" "$(page "$p")" ||
				fail "$p: $section"
		done
	done
	while read -r name section; do
		[ -e "$TOP/man/$name.$section" ] || fail "$name($section)"
	done < <(sed -n 's/^\.Xr \(chr[^ ]*\) \([157]\).*/\1 \2/p' \
	    "$TOP"/man/*.[157])
	grep -q '^\.Xr chroot' "$TOP/man/chr.7"
}

# Nothing is fetched here: chr-pull of redis pulls an image that is at hand, in
# which every name that the examples use is a command that says it was run.
offline() {
	local p

	for p in /bin/redis-server /usr/local/bin/redis-server /bin/app \
	    /bin/batch /bin/test.sh; do
		printf 'file %s 755 #!/bin/sh\\necho ran %s\\n\n' "${p#/}" "$p"
	done >commands
	mkimage -n redis -c '{"Cmd": ["redis-server"]}' redis.tar \
	    'busybox;dir usr/local;dir usr/local/bin' "$(cat commands)"
	mkdir here
	cat >here/chr-pull <<-EOT
		#!/bin/sh
		exec "$CHR_BIN/chr-pull" -q "$T/redis.tar"
	EOT
	chmod +x here/chr-pull
	PATH=$T/here:$PATH
	chr-pull redis >/dev/null
}

# The lines of chr(7)'s EXAMPLES, as a shell reads them.
examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh EXIT/p' "$TOP/man/chr.7" |
		sed -n 's/^\.Dl //p' | sed 's/\\(dq/"/g; s/\\&//g'
}

gone() {
	[ ! -e "$root" ]
}

@test "chr(7): each example is run" {
	local example n=0

	skip_unless_root
	skip_if_sanitized
	need busybox script unshare setpriv prlimit ip
	offline
	while read -r example <&4; do
		[[ $example != systemd-run* || -d /run/systemd/system ]] ||
			continue
		[[ $example != "ip netns"* ]] ||
			example="unshare -m sh -c 'mount -t tmpfs none /run &&
			    ip netns add lab && $example'"
		root=$(chr-mkroot redis)
		export root
		run on_tty -w '# ' -s 'exit\n' -- sh -c "$example
		    status=\$?; wait; exit \$status"
		[ "$status" = 0 ] || fail "$example: $status: $output"
		case $example in
		*setsid*) wait_for gone && grep -q 'ran /bin/app' log ;;
		*chr-exec* | *chrun\ run*)
			[[ $output == *"ran /"* || $example == *\ sh* ]] ||
				fail "$example: $output"
			;;
		esac
		[[ $example != *-r\ * ]] || [[ $example == *xargs* ]] ||
			wait_for gone
		chr-rm -f "$root"
		n=$((n + 1))
	done 4< <(examples)
	[ "$n" -ge 12 ]
}

# step TITLE: the commands of that subsection.
step() {
	sed -n "/^\.Ss $1/,/^\.Ed/p" "$TOP/man/chr.7" | sed '1,2d;$d'
}

@test "chr(7): chrun pull and chrun run, step by step" {
	local id

	skip_unless_root
	need busybox
	offline
	id=$(chr-pull redis)
	id=${id##*:}
	step 'chrun pull, step' >pull.sh
	run_ok sh pull.sh
	[ "$output" = "export image ${id:0:12}" ]
	step 'chrun run, step' >run.sh
	run_ok sh run.sh
	[ "$output" = "ran /bin/redis-server" ] ||
		[ "$output" = "ran /usr/local/bin/redis-server" ]
	no_roots
	chr-rm redis
	run --separate-stderr sh run.sh
	[ "$status" = 0 ]
	[[ $stderr == "chr-mkroot: redis: not in the store" ]]
	no_roots
}
