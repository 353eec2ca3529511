#!/bin/sh
# See LICENSE.
# chrun pull image ... - pull images
# chrun run [options] image [command [arg ...]] - run a command in a fresh root

fail() {
	printf 'chrun: %s\n' "$1" >&2
	exit 125
}

usage() {
	cat >&2 <<-'EOT'
	usage: chrun pull image ...
	       chrun run [-AEkpqrv] [-b src:dst[:ro]] [-e name[=value]]
	                 [-m method] [-u user[:group]] [-w dir]
	                 image [command [arg ...]]
	EOT
	exit 125
}

say() {
	[ -n "$quiet" ] || printf '%s\n' "$1" >&2
}

pull() {
	failed=
	for image; do
		say "Pulling image $image"
		pinned=$(chr-pull $quiet -- "$image") || { failed=1; continue; }
		id=${pinned##*:}
		say "export image ${id%"${id#????????????}"}"
	done
	[ -z "$failed" ] || exit 125
}

# Sets root.  Status 3 is said by nobody: the image is not in the store.
mkroot() {
	root=$(
		exec 3>&1
		said=$(chr-mkroot $quiet -m "$method" -- "$1" 2>&1 >&3 3>&-)
		made=$?
		[ -z "$said" ] || [ $made = 3 ] || printf '%s\n' "$said" >&2
		exit $made
	)
}

# The options that are chr-exec's go on to it, in options; their arguments are
# in variables, so that no byte of them is read as shell.
run() {
	method=auto options='' n=0
	while getopts :AEb:e:km:pqru:vw: option; do
		case $option in
		m) method=$OPTARG ;;
		q) quiet=-q ;;
		[beuw])
			n=$((n + 1))
			eval "arg$n=\$OPTARG"
			options="$options -$option \"\$arg$n\""
			;;
		:) fail "option requires an argument -- '$OPTARG'" ;;
		\?) fail "invalid option -- '$OPTARG'" ;;
		*) options="$options -$option" ;;
		esac
	done
	shift $((OPTIND - 1))
	[ $# -gt 0 ] || usage

	# On some shells a signal does not run the trap of EXIT.
	root='' rc=0
	trap 'rc=$?; [ -z "$root" ] || chr-rm -- "$root"; exit $rc' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkroot "$1" || {
		[ $? = 3 ] || exit 125
		pull "$1"
		mkroot "$1" || exit 125
	}
	shift
	say "Running ${*:-"the image's command"} in $root"
	eval "exec chr-exec -r $options -- \"\$root\" \"\$@\""
}

for program in chr-pull chr-mkroot chr-exec chr-rm; do
	command -v "$program" >/dev/null ||
		fail "$program: not found in PATH"
done
quiet=
case $#:${1-} in
1:* | 0:*) usage ;;
*:pull | *:run) "$@" ;;
*) usage ;;
esac
