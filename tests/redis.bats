#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# The main job: a real redis out of a real registry, run and met over the
# network.  On CI this may not be skipped.

load helper

setup_file() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	CACHE=${XDG_CACHE_HOME:-$BATS_TEST_DIRNAME/../build}/fixtures
	export LAYOUT
	LAYOUT=$("$BATS_TEST_DIRNAME/fixtures/redis-image" "$CACHE") || {
		[ "${CI-}" != true ] || return 1
		skip "needs mmdebstrap and Debian's packages"
	}
}

setup() {
	helper_setup
	need skopeo redis-cli
	start_registry
	skopeo copy -q --insecure-policy --dest-tls-verify=false \
	    "oci:$LAYOUT:redis:7" "docker://$registry/library/redis:latest"
	image=$registry/library/redis
}

# A port that was free a moment ago, for a server that takes no 0.
free_port() {
	python3 -c 'import socket; s = socket.socket()
s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# listens LOG: the server says that it does, or that it lost the port.
listens() {
	grep -q -e 'Ready to accept' -e 'Address already in use' "$1"
}

cli() {
	chrun run -q -u nobody "$image" redis-cli -p "$port" "$@"
}

start_redis() {
	while :; do
		port=$(free_port)
		serve "$T/redis.log" chrun run "$image" \
		    redis-server --port "$port" --bind 127.0.0.1 --save ''
		wait_for listens "$T/redis.log"
		! grep -q 'already in use' "$T/redis.log" || continue
		[ "$(cli ping)" = PONG ]
		break
	done
}

@test "pull: the pinned name is the registry's" {
	want=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' \
	    "docker://$image")
	run_ok chr-pull "$image"
	[ "$output" = "$image@$want" ]
	[ "$(chr-pull -n "$image")" = "$image@$want" ]
	[ "$(find "$CHR_STORE/blobs/sha256" -type f | wc -l)" -ge 4 ]
	run_err 3 "chr-pull: $image:none: not found: manifest unknown" \
	    chr-pull "$image:none"
}

@test "chrun pull, as in the article" {
	run --separate-stderr chrun pull "$image"
	[ "$status" = 0 ]
	[ "${stderr_lines[0]}" = "Pulling image $image" ]
	[[ ${stderr_lines[1]} == "export image "* ]]
}

@test "serve; set and get from a second root; TERM; nothing is left" {
	start_redis
	[ "$(cli set greeting hello)" = OK ]
	[ "$(cli get greeting)" = hello ]
	grep -q "^Running redis-server --port $port .* in $CHR_STORE/roots/redis" \
	    redis.log
	[ "$(find "$CHR_STORE/roots" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	status=0
	kill -TERM "$server"
	wait "$server" || status=$?
	[ "$status" = 0 ]
	grep -q 'User requested shutdown' redis.log
	no_roots
}

@test "served on a terminal and ended by ^C: nothing is left" {
	chr-pull -q "$image" >/dev/null
	while :; do
		port=$(free_port)
		run on_tty -w 'Ready to accept connections' -s '\x03' -- \
		    chrun run "$image" \
		    redis-server --port "$port" --bind 127.0.0.1 --save ''
		[[ $output == *'already in use'* ]] || break
	done
	[ "$status" = 0 ]
	[ "$(grep -c 'Received SIGINT' <<<"$output")" = 1 ]
	no_roots
}

@test "redis-cli on a terminal: line editing, history, ^C" {
	start_redis
	# left, backspace, end; up; ^C leaves it.  What is typed before the
	# prompt is the terminal's: ^C would kill.
	run on_tty -w "$port> " -s 'set a 19X\x1b[D\x7f3\x1b[F\x7f\r' \
	    -w OK -s '' -w "$port> " -s 'get a\r' \
	    -w '"13"' -s '' -w "$port> " -s '\x1b[A\r' \
	    -w '"13"' -s '' -w "$port> " -s '\x03' \
	    -- chrun run -q "$image" redis-cli -p "$port"
	[ "$status" = 0 ] || fail "$status: $output"
	[ "$(cli get a)" = 13 ]
	end_server "$server"
	no_roots
}

@test "redis-cli below a shell: ^Z and fg" {
	start_redis
	cat >rc <<-EOT
		PS1='shell: '
		cd "$T"
	EOT
	# while it edits a line, redis-cli takes ^Z for a letter; what was
	# published while it stood still shows that it goes on
	run on_tty -w 'shell: ' \
	    -s "chrun run -q $image redis-cli -p $port subscribe news\\r" \
	    -w '"subscribe"' -s '\x1a' -w Stopped -s '' -w 'shell: ' \
	    -s "redis-cli -p $port publish news ba''ck\\r" \
	    -w '(integer) 1' -s '' -w 'shell: ' -s 'fg\r' -w back -s '\x03' \
	    -w 'shell: ' -s 'exit 0\r' -- bash --rcfile rc -i
	[ "$status" = 0 ] || fail "$status: $output"
	end_server "$server"
	no_roots
}

@test "the image's own command, user and directory" {
	run_ok chr-pull "$image"
	root=$(chr-mkroot "$output")
	run_ok chr-exec "$root" sh -c 'id -un; pwd'
	[ "$output" = "redis
/var/lib/redis" ]
	run_ok chr-exec -A "$root" redis-server --version
	chr-rm "$root"
}

@test "the tree is what umoci unpacks" {
	need umoci
	pinned=$(chr-pull -q "$image")
	umoci --log=error unpack --image "$LAYOUT:redis:7" bundle
	"$FIXTURES/tree" "$CHR_STORE/images/${pinned##*:}/root" >ours
	"$FIXTURES/tree" bundle/rootfs >theirs
	[ "$(wc -l <ours)" -gt 2000 ]
	diff theirs ours
}
