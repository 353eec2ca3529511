#!/usr/bin/env bats
# See LICENSE.
# make install and uninstall, contrib/install-deps, the demo.

load helper

# A copy with what is built, so that nothing changes under other tests.
tree() {
	mkdir -p "$T/tree/build"
	(cd "$TOP" && cp -Rp Makefile src man bin "$T/tree")
	[ ! -d "$TOP/build/release" ] ||
		cp -Rp "$TOP/build/release" "$T/tree/build"
	cd "$T/tree" || return
}

# Everything below a directory, with modes.
listed() {
	(cd "$1" && find . ! -type d -printf '%m %P\n' | sort -k 2)
}

want="755 bin/chr-exec
755 bin/chr-ls
755 bin/chr-mkroot
755 bin/chr-pull
755 bin/chr-rm
755 bin/chrun
644 share/man/man1/chr-exec.1
644 share/man/man1/chr-ls.1
644 share/man/man1/chr-mkroot.1
644 share/man/man1/chr-pull.1
644 share/man/man1/chr-rm.1
644 share/man/man1/chrun.1
644 share/man/man5/chr-store.5
644 share/man/man7/chr.7"

@test "install puts everything below DESTDIR and PREFIX, uninstall takes it" {
	local make

	tree
	for make in make bmake; do
		need "$make"
		run_ok "$make" install DESTDIR="$T/d" PREFIX=/opt/x
		[ "$(listed "$T/d/opt/x")" = "$want" ]
		[ "$(ls "$T/d")" = opt ]
		echo other >"$T/d/opt/x/bin/other"
		run_ok "$make" uninstall DESTDIR="$T/d" PREFIX=/opt/x
		[ "$(listed "$T/d/opt/x")" = "644 bin/other" ]
		rm -r "$T/d"
	done
}

@test "installed programs run from where they are" {
	tree
	run_ok make install PREFIX="$T/prefix"
	run -0 env PATH="$T/prefix/bin:/usr/bin:/bin" chr-ls
}

@test "install-deps: a wrong option" {
	run_err 2 "Illegal option -Z
usage: install-deps [-t]" dash "$TOP/contrib/install-deps" -Z
	run_err 2 "usage: install-deps [-t]" "$TOP/contrib/install-deps" extra
}

# A machine of another distribution: its package manager only says what it is
# asked for.
@test "install-deps asks each package manager for libraries and a compiler" {
	local tool p

	for tool in apt-get dnf apk pacman brew; do
		mkdir "$T/$tool"
		for p in id sh sed grep head; do
			ln -s "$(command -v "$p")" "$T/$tool/$p"
		done
		printf '#!/bin/sh\necho "%s $*" >>"%s/asked"\n' "$tool" "$T" \
		    >"$T/$tool/$tool"
		printf '#!/bin/sh\nexec "$@"\n' >"$T/$tool/sudo"
		ln -s "$(command -v env)" "$T/$tool/env"
		chmod +x "$T/$tool/$tool" "$T/$tool/sudo"
		rm -f asked
		env PATH="$T/$tool" "$T/$tool/sh" "$TOP/contrib/install-deps" \
		    2>/dev/null
		grep -q libarchive asked
		grep -q jansson asked
		grep -q "^$tool " asked
		run ! grep -q shellcheck asked
	done
}

@test "install-deps without any package manager" {
	mkdir none
	ln -s "$(command -v id)" none/id
	run --separate-stderr env PATH="$T/none" /bin/sh \
	    "$TOP/contrib/install-deps"
	[ "$status" = 1 ]
	[[ $stderr == "install-deps: no apt-get"* ]]
}

@test "the demo runs, and leaves nothing" {
	skip_unless_root
	need cc sha256sum
	run -0 --separate-stderr "$TOP/contrib/demo"
	[[ $output == *docker.io/library/* ]]
	mkdir relative
	TMPDIR=relative run -0 --separate-stderr "$TOP/contrib/demo"
	[[ $output == *docker.io/library/* ]]
	[ -z "$(ls -A relative)" ]
}

@test "the demo without root and sudo says so" {
	mkdir "$T/few"
	for p in dirname id sh; do
		ln -s "$(command -v "$p")" "$T/few/$p"
	done
	[ "$(id -u)" != 0 ] || {
		rm "$T/few/id"
		printf '#!/bin/sh\necho 1000\n' >"$T/few/id"
		chmod +x "$T/few/id"
	}
	run --separate-stderr env PATH="$T/few" "$T/few/sh" "$TOP/contrib/demo"
	[ "$status" = 1 ]
	[[ $stderr == "demo: not root"*root ]]
}
