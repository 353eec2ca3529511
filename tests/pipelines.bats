#!/usr/bin/env bats
# See LICENSE.
# The pipelines of chr(7), to the letter.

load helper

setup() {
	helper_setup
	skip_unless_root
	need skopeo
	start_registry
	mkimage -f oci -n redis:latest -c '{"Cmd": ["echo", "the image itself"]}' \
	    layout busybox >/dev/null
	skopeo copy -q --insecure-policy --dest-tls-verify=false \
	    oci:layout:redis:latest "docker://$registry/library/redis:latest"
	export CHR_MIRRORS="docker.io http://$registry"
}

pinned='docker.io/library/redis@sha256:*'

@test "chr-pull redis" {
	run_ok chr-pull redis
	# shellcheck disable=SC2053
	[[ $output == $pinned ]]
	run_ok chr-mkroot redis
	chr-rm "$output"
}

@test "chr-mkroot redis | xargs -o chr-exec" {
	chr-pull redis >/dev/null
	run_ok sh -c 'setsid sh -c "chr-mkroot redis | tee root | xargs chr-exec"'
	[ "$output" = "the image itself" ]
	run_ok chr-rm "$(cat root)"
	run --separate-stderr on_tty sh -c 'chr-mkroot redis | tee root | xargs -o chr-exec'
	[[ $output == *"the image itself"* ]]
	chr-rm "$(cat root)"
}

@test 'root=$(chr-mkroot redis); chr-exec "$root" sh; chr-rm "$root"' {
	chr-pull redis >/dev/null
	run_ok sh -c 'root=$(chr-mkroot redis); echo "echo in; exit 3" | chr-exec "$root" sh; echo $?; chr-rm "$root"'
	[ "$output" = "in
3" ]
	no_roots
}

@test "chr-pull redis | xargs chr-mkroot | xargs -o chr-exec -r" {
	run --separate-stderr on_tty sh -c \
	    'chr-pull -q redis | xargs chr-mkroot | xargs -o chr-exec -r'
	[[ $output == *"the image itself"* ]]
	no_roots
}

@test "chrun pull redis; chrun run redis COMMAND" {
	run_like 0 "Pulling image redis
export image ????????????" chrun pull redis
	run_like 0 "Running /bin/echo hello in $CHR_STORE/roots/redis.??????/root" \
	    chrun run redis /bin/echo hello
	[ "$output" = hello ]
	no_roots
}

@test "what other programs give: setpriv, prlimit, timeout, nice, unshare, setsid" {
	chr-pull -q redis >/dev/null
	root=$(chr-mkroot redis)
	run_ok prlimit --nofile=77 chr-exec "$root" sh -c 'ulimit -n'
	[ "$output" = 77 ]
	run -124 timeout 1 chr-exec "$root" sleep 600
	# on top of the niceness that the tests themselves may have
	run_ok nice -n 1 chr-exec -p "$root" cut -d " " -f 19 /proc/self/stat
	[ "$output" = "$(nice -n 1 nice)" ]
	run_ok unshare --net --uts sh -c 'hostname inside; exec chr-exec "$1" hostname' sh "$root"
	[ "$output" = inside ]
	run_ok unshare --pid --fork chr-exec "$root" sh -c 'echo $$'
	[ "$output" = 1 ]
	run_ok setsid -w chr-exec "$root" echo session
	[ "$output" = session ]
	run_ok setpriv --bounding-set=-sys_boot chr-exec "$root" echo less
	[ "$output" = less ]
	chr-rm "$root"
}
