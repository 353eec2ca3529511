#!/bin/sh
# See LICENSE.
# chrun pull image ... - pull images
# chrun run [options] image [command [arg ...]] - run a command in a fresh root
#
# Each variable is chrun_*: what is set here and came from the environment goes
# on to the command (-E, -e name) with the new value.

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

# Without control bytes: what is said has operands in it.
say() {
	case $1 in
	*[[:cntrl:]]*) set -- "$(printf %s "$1" | tr '[:cntrl:]' '?')" ;;
	esac
	[ -n "$chrun_quiet" ] || printf '%s\n' "$1" >&2
}

pull() {
	chrun_failed=
	for chrun_image; do
		# no user and password, which chr-pull refuses
		chrun_name=${chrun_image%@sha*:*}
		chrun_id=${chrun_image#"$chrun_name"}
		say "Pulling image ${chrun_name##*@}$chrun_id"
		chrun_pinned=$(chr-pull $chrun_quiet -- "$chrun_image") || {
			chrun_failed=1
			continue
		}
		chrun_id=${chrun_pinned##*:}
		say "export image ${chrun_id%"${chrun_id#????????????}"}"
	done
	[ -z "$chrun_failed" ] || exit 125
}

# Sets chrun_root.  Status 3 is said by nobody: the image is not in the store.
mkroot() {
	chrun_root=$(
		exec 3>&1
		chrun_said=$(chr-mkroot $chrun_quiet -m "$chrun_method" \
			-- "$1" 2>&1 >&3 3>&-)
		chrun_rc=$?
		[ -z "$chrun_said" ] || [ $chrun_rc = 3 ] ||
			printf '%s\n' "$chrun_said" >&2
		exit $chrun_rc
	)
}

# The options that are chr-exec's go on to it, in chrun_options; their arguments
# are in variables, so that no byte of them is read as shell.
run() {
	chrun_method=auto chrun_options='' chrun_n=0
	while getopts :AEb:e:km:pqru:vw: chrun_option; do
		case $chrun_option in
		m) chrun_method=$OPTARG ;;
		q) chrun_quiet=-q ;;
		[beuw])
			chrun_n=$((chrun_n + 1))
			eval "chrun_arg$chrun_n=\$OPTARG"
			chrun_options="$chrun_options -$chrun_option \"\$chrun_arg$chrun_n\""
			;;
		:) fail "option requires an argument -- '$OPTARG'" ;;
		\?) fail "invalid option -- '$OPTARG'" ;;
		*) chrun_options="$chrun_options -$chrun_option" ;;
		esac
	done
	shift $((OPTIND - 1))
	[ $# -gt 0 ] || usage

	# On some shells a signal does not run the trap of EXIT.
	chrun_root='' chrun_rc=0
	trap 'chrun_rc=$?; [ -z "$chrun_root" ] || chr-rm -- "$chrun_root"
		exit $chrun_rc' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkroot "$1" || {
		[ $? = 3 ] || exit 125
		pull "$1"
		mkroot "$1" || exit 125
	}
	shift
	say "Running ${*:-"the image's command"} in $chrun_root"
	# From the last trap to chr-exec a signal leaves the root to chr-rm -g.
	# Where others may rename, the mark may be their link: none is followed.
	set -C
	printf '' >"${chrun_root%/root}/remove" || exit 125
	trap - HUP INT TERM
	eval "exec chr-exec -r $chrun_options -- \"\$chrun_root\" \"\$@\""
}

# What is opened later must not take their numbers; the command has them so.
command true 3>&2 || exec 2<>/dev/null
command true <&0 2>/dev/null || exec 0<>/dev/null
command true 3>&1 2>/dev/null || exec 1<>/dev/null
for chrun_program in chr-pull chr-mkroot chr-exec chr-rm; do
	command -v "$chrun_program" >/dev/null ||
		fail "$chrun_program: not found in PATH"
done
chrun_quiet=
case $#:${1-} in
1:* | 0:*) usage ;;
*:pull | *:run) "$@" ;;
*) usage ;;
esac
