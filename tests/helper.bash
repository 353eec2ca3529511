# See LICENSE.
# What every test has: `load helper' in the first lines of a .bats file.
#
# T is the test's own directory, emptied after it.  TMPDIR, HOME and CHR_STORE
# lie below it; the programs come from CHR_BIN (bin/ of the checkout).  After
# each test helper_teardown asserts that nothing was left: in TMPDIR, half-made
# in the store, in the mount table, among the processes.  A file with a setup
# or teardown of its own calls helper_setup or helper_teardown in it.
#
# Tests tagged `user' (# bats test_tags=user) run as an ordinary user, too; those
# tagged `quick' are what make check-quick runs.

bats_require_minimum_version 1.5.0
# Every test pays for what is done here: the shell starts no process for what it
# can do itself.
cd -P "$BATS_TEST_DIRNAME/.." || exit
TOP=$PWD
cd "$OLDPWD" || exit
FIXTURES=$TOP/tests/fixtures
: "${CHR_BIN:=$TOP/bin}"

setup() {
	helper_setup
}

teardown() {
	helper_teardown
}

# bats traces each command of a test (set -T).  That costs more than most of the
# commands here, so it is off while they run.
helper_setup() {
	set +T
	helper_prepare
	set -T
}

helper_teardown() {
	local left=

	set +T
	helper_tidy
	set -T
	[ -z "$left" ] || {
		printf 'left behind:\n%s' "$left" >&2
		return 1
	}
}

helper_prepare() {
	local leaks v

	for v in ${!CHR_@} ${!XDG_@} ${!DOCKER_@} ${!MAKE@} MFLAGS \
	    FAULT FAULT_LOG SSL_CERT_FILE \
	    SSL_CERT_DIR CURL_CA_BUNDLE REGISTRY_AUTH_FILE \
	    http_proxy https_proxy ftp_proxy all_proxy no_proxy \
	    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY; do
		case $v in
		CHR_BIN | CHR_FAULTS_BIN | CHR_VARIANT | CHR_IMAGES | CHR_LONG) ;;
		*) unset "$v" ;;
		esac
	done
	umask 022
	cd -P "$BATS_TEST_TMPDIR" || return
	T=$PWD
	mkdir tmp home
	export TMPDIR=$T/tmp HOME=$T/home CHR_STORE=$T/store LC_ALL=C TZ=UTC
	export PATH="$CHR_BIN:$PATH"
	# what ends inside a root has no /proc, without which the leak sanitizer
	# may wait for ever
	leaks=1
	case ${BATS_TEST_FILENAME##*/} in
	caller.bats | chr-exec.bats | chrun.bats | man.bats | pipelines.bats | \
	    redis.bats | roots.bats) leaks=0 ;;
	esac
	export ASAN_OPTIONS=log_path=$T/sanitizer:exitcode=99:detect_leaks=$leaks
	export UBSAN_OPTIONS=log_path=$T/sanitizer:print_stacktrace=1
	[ -w "${CHR_IMAGES-}" ] || {
		CHR_IMAGES=$BATS_RUN_TMPDIR/images
		mkdir -p "$CHR_IMAGES"
	}
	server_pids=
	leftovers_expected=
}

helper_tidy() {
	cd / || return
	end_servers
	helper_processes
	helper_mounts
	helper_reports
	helper_files
}

# Each of these adds to left what it finds, and puts it right.

helper_processes() {
	local elsewhere=() p where

	for p in /proc/[0-9]*/root; do
		[ ! -e "$p" ] || [ "$p" -ef / ] || elsewhere+=("$p")
	done
	[ -n "${elsewhere[*]}" ] || return 0
	while read -r where; do
		left+="process ${where#/proc/}"$'\n'
		where=${where#/proc/}
		kill -9 "${where%%/*}" 2>/dev/null || :
	done < <(find "${elsewhere[@]}" -maxdepth 0 -lname "$T/*" \
	    -printf '%p in %l\n' 2>/dev/null)
}

helper_mounts() {
	local i m mounts=()

	while read -r _ _ _ _ m _; do
		[[ $m != "$T/"* ]] || mounts+=("$m")
	done </proc/self/mountinfo
	for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
		left+="mount ${mounts[i]}"$'\n'
		umount -l "${mounts[i]}"
	done
}

helper_reports() {
	local f

	for f in "$T"/sanitizer.*; do
		[ -e "$f" ] || continue
		left+=$(cat "$f")$'\n'
	done
}

helper_files() {
	local f

	shopt -s nullglob dotglob
	for f in "$T"/tmp/*; do
		left+="file $f"$'\n'
	done
	[ -n "$leftovers_expected" ] ||
		for f in "$T"/store/images/.* "$T"/store/roots/.* \
		    "$T"/store/blobs/sha256/.spool.* "$T"/store/.*.?*; do
			case $f in
			*/. | */..) ;;
			*) left+="half-made $f"$'\n' ;;
			esac
		done
	shopt -u nullglob dotglob
}

# For a test that kills on purpose and does not tidy up with chr-rm -g.
expect_leftovers() {
	leftovers_expected=1
}

# fail TEXT: the test has failed, for this reason.
fail() {
	printf '%s\n' "$*" >&2
	return 1
}

# shows TEXT: the output that run has left has this in it.
shows() {
	[[ $output == *"$1"* ]] || fail "not in the output: $1
$output"
}

skip_unless_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# need PROGRAM...: skips without them; on CI that is a failure.  Leaks are not
# looked for below strace, where the leak sanitizer cannot work.
need() {
	local p

	for p; do
		command -v "$p" >/dev/null || cannot "needs $p"
		[ "$p" != strace ] || ASAN_OPTIONS+=:detect_leaks=0
	done
}

# cannot REASON: skips; on CI, where everything can be had, fails.
cannot() {
	[ "${CI-}" != true ] || fail "may not be skipped here: $1"
	skip "$1"
}

# need_faults: the programs that fail where FAULT says (src/lib/fault.h) come
# first in PATH from here on.
need_faults() {
	PATH=${CHR_FAULTS_BIN:=$TOP/build/release-faults/bin}:$PATH
	[ -x "$CHR_FAULTS_BIN/chr-pull" ] || cannot "needs make faults"
}

# size SHORT LONG: prints SHORT, or LONG for make check-long.
size() {
	[ -z "${CHR_LONG-}" ] && echo "$1" || echo "$2"
}

# A test of memory, time or libraries means the program without sanitizers.
skip_if_sanitized() {
	case ${CHR_VARIANT-} in
	*asan*) skip "not with sanitizers" ;;
	esac
}

# run_ok COMMAND...: it succeeds and says nothing on standard error.  Its
# standard output is in $output, by lines in $lines.
run_ok() {
	run_err 0 "" "$@"
}

# run_err STATUS STDERR COMMAND...: exactly this status, exactly this on
# standard error (less the last newline).
run_err() {
	local want_status=$1 want_stderr=$2

	shift 2
	run_quietly "$want_status" "$@"
	[ "$status" = "$want_status" ] && [ "$stderr" = "$want_stderr" ] || {
		{
			printf 'command: %s\n' "$*"
			printf 'status:  %s, expected %s\n' \
			    "$status" "$want_status"
			printf 'stdout:  %s\n' "$output"
			printf 'stderr:  %s\n' "$stderr"
			printf 'expected %s\n' "$want_stderr"
		} >&2
		return 1
	}
}

# bats warns of 127, which it takes for a slip of the test, unless told.
run_quietly() {
	local want=

	[ "$1" != 127 ] || want=-127
	shift
	set +T
	run $want --separate-stderr "$@"
	set -T
}

# run_like STATUS PATTERN COMMAND...: the same, and standard error as a whole
# matches the shell pattern.
run_like() {
	local want_status=$1 pattern=$2

	shift 2
	run_quietly "$want_status" "$@"
	# shellcheck disable=SC2053
	[ "$status" = "$want_status" ] && [[ $stderr == $pattern ]] || {
		{
			printf 'command: %s\n' "$*"
			printf 'status:  %s, expected %s\n' \
			    "$status" "$want_status"
			printf 'stdout:  %s\n' "$output"
			printf 'stderr:  %s\n' "$stderr"
			printf 'pattern  %s\n' "$pattern"
		} >&2
		return 1
	}
}

# as_user COMMAND...: as nobody, without any privilege, whoever runs the test.
# HOME and TMPDIR are then nobody's own.
as_user() {
	local d bin=$CHR_BIN

	if [ "$(id -u)" != 0 ]; then
		"$@"
		return
	fi
	d=$T
	while [ "$d" != / ] && [ "$d" != /tmp ]; do
		chmod go+x "$d"
		d=$(dirname "$d")
		[ "$(stat -c %u "$d")" = 0 ] || break
	done
	if ! setpriv --reuid 65534 --regid 65534 --clear-groups \
	    test -x "$bin/chr-exec"; then
		bin=$T/bin
		[ -d "$bin" ] || cp -R "$CHR_BIN" "$bin"
	fi
	mkdir -p "$T/user/home" "$T/user/tmp"
	chown 65534:65534 "$T/user/home" "$T/user/tmp"
	HOME=$T/user/home TMPDIR=$T/user/tmp PATH=$bin:$PATH setpriv \
	    --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
	    --bounding-set=-all "$@"
}

# wait_for COMMAND...: waits until it succeeds.  No test depends on how long that
# takes; after five minutes it fails.
wait_for() {
	local end=$((SECONDS + 300))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $*"
		sleep 0.02
	done
}

# stopped PID: a signal has stopped it, as FAULT=PLACE:1:STOP does
# (src/lib/fault.h); SIGCONT lets it go on.
stopped() {
	grep -q '^State:.T' "/proc/$1/status"
}

# runs PID NAME: it has become the program NAME.
runs() {
	[ "$(cat "/proc/$1/comm")" = "$2" ]
}

# has_ended PID: whether or not it was waited for.
has_ended() {
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# serve LOG COMMAND...: starts it in the background with its output in LOG;
# $server is its pid, and it is ended with the test.
serve() {
	local log=$1

	shift
	"$@" </dev/null >"$log" 2>&1 3>&- 4>&- &
	server=$!
	server_pids+=" $server"
}

end_server() {
	kill "$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

end_servers() {
	local p

	for p in $server_pids; do
		end_server "$p"
	done
	server_pids=
}

# port_of PID: the TCP port that a process listens on, once it does.
port_of() {
	"$FIXTURES/port_of" "$1"
}

# start_registry [DIRECTORY]: Debian's docker-registry on a port that the
# kernel chose; $registry is 127.0.0.1:PORT.
start_registry() {
	need docker-registry
	mkdir -p "${1-$T/registry}"
	cat >"$T/registry.yml" <<-EOT
		version: 0.1
		log: {level: warn, accesslog: {disabled: true}}
		storage:
		  filesystem: {rootdirectory: "${1-$T/registry}"}
		  delete: {enabled: true}
		http: {addr: "127.0.0.1:0"}
	EOT
	serve "$T/registry.log" docker-registry serve "$T/registry.yml"
	registry=127.0.0.1:$(port_of "$server")
}

# fake_registry [OPTION...] LAYOUT [RULE...]: starts tests/fake-registry; $host
# is its address, $server its pid, $manifest and $layer the digests of what it
# serves, the file `requests' its log.
fake_registry() {
	local options=() OPTIND=1 option

	need python3
	while getopts c:k: option; do
		options+=("-$option" "$OPTARG")
	done
	shift $((OPTIND - 1))
	rm -f "$T/fake.ready"
	mkfifo "$T/fake.ready"
	serve "$T/fake.ready" "$TOP/tests/fake-registry" "${options[@]}" \
	    "$T/requests" "$@"
	read -r host manifest layer <"$T/fake.ready"
	[ "${host%:*}" = 127.0.0.1 ] || fail "fake-registry: $host $manifest $layer"
}

# mkimage ...: see fixtures/mkimage.  An image that no file is needed for is made
# once and kept in CHR_IMAGES.
mkimage() {
	local OPTIND=1 form=docker made operand option options=() out

	while getopts a:c:f:n:p:z: option; do
		options+=("-$option" "$OPTARG")
		[ "$option" != f ] || form=$OPTARG
	done
	shift $((OPTIND - 1))
	out=$1
	shift
	for operand; do
		[ ! -e "$operand" ] || {
			"$FIXTURES/mkimage" "${options[@]}" "$out" "$@"
			return
		}
	done
	made=$(printf '%s\0' "${options[@]}" -- "$@" | sha256sum)
	made=$CHR_IMAGES/${made%% *}
	[ -d "$made" ] || make_image "$made" "${options[@]}" -- "$@" || return
	if [ "$form" = oci ]; then
		mkdir -p "$out"
		cp -R "$made/image/." "$out"
	else
		cp "$made/image" "$out"
	fi
	cat "$made/digest"
}

# make_image DIRECTORY OPTION... -- LAYER...: for mkimage.  Several tests may make
# the same image at once.
make_image() {
	local made=$1 new options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	new=$(mktemp -d "$CHR_IMAGES/.XXXXXX")
	"$FIXTURES/mkimage" "${options[@]}" "$new/image" "$@" >"$new/digest" ||
		return
	mv -T "$new" "$made" 2>/dev/null || rm -r "$new"
}

# on_tty ...: see fixtures/on_tty.
on_tty() {
	"$FIXTURES/on_tty" "$@"
}

# pulled: the image that most tests want, busybox for all commands, in the
# store as `box'; the arguments are options of mkimage.  Sets $box, the pinned
# name.
pulled() {
	mkimage "$@" "$T/box.tar" busybox >/dev/null
	box=$(chr-pull -q -t box "$T/box.tar")
	rm "$T/box.tar"
}

# aged TIME ROOT MARK...: the marks are of an earlier run of the machine, and so
# old.
aged() {
	local ago="$1 ago" base=${2%/root} m

	shift 2
	for m; do
		printf 'another\0001\0' >"$base/$m"
		touch -d "$ago" "$base/$m"
	done
}

# no_roots: the store has no root, whole or half-made.
no_roots() {
	[ -z "$(ls -A "$CHR_STORE/roots" 2>/dev/null)" ] || {
		ls -lA "$CHR_STORE/roots" >&2
		return 1
	}
}
