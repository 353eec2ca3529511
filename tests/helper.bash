# See LICENSE.
# What every test has: `load helper' in the first lines of a .bats file.
#
# T is the test's own directory, emptied after it.  TMPDIR, HOME and CHR_STORE
# lie below it; the programs come from CHR_BIN (bin/ of the checkout).  After
# each test helper_teardown asserts that nothing was left: in TMPDIR, half-made
# in the store, in the mount table, among the processes.  A file with a setup
# or teardown of its own calls helper_setup or helper_teardown in it.
#
# Tests tagged `user' (# bats test_tags=user) run as an ordinary user, too.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

TOP=$(cd "$BATS_TEST_DIRNAME/.." && pwd -P)
FIXTURES=$TOP/tests/fixtures
: "${CHR_BIN:=$TOP/bin}"

setup() {
	helper_setup
}

teardown() {
	helper_teardown
}

helper_setup() {
	local leaks v

	for v in ${!CHR_@} ${!XDG_@} ${!DOCKER_@} ${!MAKE@} MFLAGS \
	    FAULT FAULT_LOG SSL_CERT_FILE \
	    SSL_CERT_DIR CURL_CA_BUNDLE REGISTRY_AUTH_FILE \
	    http_proxy https_proxy ftp_proxy all_proxy no_proxy \
	    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY; do
		case $v in
		CHR_BIN | CHR_FAULTS_BIN | CHR_VARIANT) ;;
		*) unset "$v" ;;
		esac
	done
	T=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
	mkdir -m 755 "$T/tmp" "$T/home"
	export TMPDIR=$T/tmp HOME=$T/home CHR_STORE=$T/store LC_ALL=C TZ=UTC
	export PATH="$CHR_BIN:$PATH"
	# what ends inside a root has no /proc, without which the leak sanitizer
	# may wait for ever
	leaks=1
	case ${BATS_TEST_FILENAME##*/} in
	chr-exec.bats | chrun.bats | man.bats | pipelines.bats | redis.bats | \
	    roots.bats) leaks=0 ;;
	esac
	export ASAN_OPTIONS=log_path=$T/sanitizer:exitcode=99:detect_leaks=$leaks
	export UBSAN_OPTIONS=log_path=$T/sanitizer:print_stacktrace=1
	umask 022
	cd "$T" || return
	server_pids=
	leftovers_expected=
}

helper_teardown() {
	local left=

	cd / || return
	end_servers
	helper_processes
	helper_mounts
	helper_reports
	helper_files
	[ -z "$left" ] || {
		printf 'left behind:\n%s' "$left" >&2
		return 1
	}
}

# Each of these adds to left what it finds, and puts it right.

helper_processes() {
	local where

	while read -r where; do
		left+="process ${where#/proc/}"$'\n'
		where=${where#/proc/}
		kill -9 "${where%%/*}" 2>/dev/null || :
	done < <(find /proc -maxdepth 2 -path '/proc/[0-9]*/root' \
	    -lname "$T/*" -printf '%p in %l\n' 2>/dev/null)
}

helper_mounts() {
	local m

	while read -r m; do
		left+="mount $m"$'\n'
		umount -l "$m"
	done < <(awk -v t="$T/" 'index($5, t) == 1 { print $5 }' \
	    /proc/self/mountinfo | sort -r)
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
	run $want --separate-stderr "$@"
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

# wait_for COMMAND...: until it succeeds, 30 seconds at most.
wait_for() {
	local i

	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.05
	done
	fail "waited in vain for: $*"
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

# mkimage ...: see fixtures/mkimage.
mkimage() {
	"$FIXTURES/mkimage" "$@"
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

# no_roots: the store has no root, whole or half-made.
no_roots() {
	[ -z "$(ls -A "$CHR_STORE/roots" 2>/dev/null)" ] || {
		ls -lA "$CHR_STORE/roots" >&2
		return 1
	}
}
