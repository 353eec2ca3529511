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

# bats test_tags=user,quick
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

# bats test_tags=user,quick
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

# bats test_tags=user,quick
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

# Nothing is fetched here: chr-pull of a reference pulls an image that is at
# hand, in which every name that the examples use is a command that says it was
# run.
offline() {
	local p

	for p in /bin/redis-server /usr/local/bin/redis-server /bin/redis-cli \
	    /bin/app /bin/batch /bin/test.sh /test.sh /bin/make /bin/check \
	    /job; do
		printf 'file %s 755 #!/bin/sh\\necho ran %s\\n\n' "${p#/}" "$p"
	done >commands
	mkimage -n redis -c '{"Entrypoint": ["redis-server"]}' \
	    redis.tar 'busybox;dir usr/local;dir usr/local/bin' \
	    "$(cat commands)"
	mkdir here
	cat >here/chr-pull <<-EOT
		#!/bin/sh
		options=
		while getopts nqvt: o; do
		    options="\$options -\$o \$OPTARG"
		done
		shift \$((OPTIND - 1))
		case \$1 in
		-) exec "$CHR_BIN/chr-pull" \$options - ;;
		*) exec "$CHR_BIN/chr-pull" -q \$options -t "\$1" "$T/redis.tar" ;;
		esac
	EOT
	printf '#!/bin/sh\ncat "%s"\n' "$T/redis.tar" >here/ssh
	chmod +x here/*
	PATH=$T/here:$PATH
	chr-pull redis >/dev/null
}

# examples PAGE: the examples as a shell reads them, a NUL after each: a line
# of its own, or a whole display.
examples() {
	awk '/^\.Sh/ { on = $2 == "EXAMPLES" }
	    !on { next }
	    sub(/^\.Dl /, "") { printf "%s\n%c", $0, 0 }
	    /^\.Ed/ { printf "%c", 0; display = 0 }
	    display { print }
	    /^\.Bd/ { display = 1 }' "$TOP/man/$1" |
		sed 's/\\(dq/"/g; s/\\&//g; s/\\e/\\/g'
}

gone() {
	[ ! -e "$root" ]
}

# Runs one of them on a terminal, with $root a fresh root and in a mount
# namespace, where there is what it speaks of.
run_example() {
	root=$(chr-mkroot redis)
	export root
	case $1 in while\ read*) set -- "printf '%s\n' a b | $1" ;; esac
	printf '%s\n' "mount -t tmpfs none /srv && mkdir /srv/tree &&
	    echo x >/srv/tree/file && mount -t tmpfs none /run || exit
	    case \$1 in *'ip netns'*) ip netns add lab ;; esac
	    cd work" "$1" 'status=$?; wait; exit $status' >example.sh
	run on_tty -w '# ' -s 'exit\n' -- unshare -m sh example.sh "$1"
	[ "$status" = 0 ] || fail "$1: $status: $output"
	case $1 in
	*"-r \"\$root"* | *"chr-rm \"\$root"*) [[ $1 == root=* ]] || wait_for gone ;;
	esac
	case $1 in
	*setsid*) grep -q 'ran /bin/app' work/log ;;
	*chr-exec* | *chrun\ run*)
		[[ $output == *"ran /"* || $1 == *\ sh* ]] ||
			fail "$1: $output"
		;;
	esac
	chr-rm -f "$root"
}

@test "each example of each page is run" {
	local example n p

	skip_unless_root
	skip_if_sanitized
	need busybox script unshare setpriv prlimit ip
	offline
	mkimage -n reg.example/x x.tar 'file x'
	"$CHR_BIN/chr-pull" -q ./x.tar >/dev/null
	touch -d '40 days ago' "$CHR_STORE"/names/reg.example/x:latest/name
	chr-pull app >/dev/null
	for p in chr.7 chr-pull.1 chr-mkroot.1 chr-exec.1 chr-rm.1 chr-ls.1 \
	    chrun.1; do
		n=0
		rm -rf work
		mkdir work
		echo conf >work/redis.conf
		while read -r -d '' example <&4; do
			[[ $example != systemd-run* ||
			    -d /run/systemd/system ]] || continue
			run_example "$example"
			n=$((n + 1))
		done 4< <(examples "$p")
		[ "$n" -gt 0 ] || fail "$p: no examples"
	done
	run ! chr-mkroot reg.example/x
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
