#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# Images that come as files and streams.

load helper

# The tree of the image that a pinned name stands for.
tree() {
	printf '%s/images/%s/root\n' "$CHR_STORE" "${1##*sha256:}"
}

# Pulls; the product is one pinned name, left in $pinned.
pull() {
	run_ok chr-pull "$@"
	[[ $output =~ ^[a-z0-9./:_-]+@sha256:[0-9a-f]{64}$ ]] || fail "$output"
	pinned=$output
}

small='dir etc; file etc/name 644 small\n; link sh /bin/sh'

# bats test_tags=quick
@test "docker save before version 25" {
	mkimage -n red/is:7 img.tar "$small" 'file second'
	pull ./img.tar
	[ "${pinned%@*}" = docker.io/red/is ]
	[ "$(cat "$(tree "$pinned")/etc/name")" = small ]
	[ -f "$(tree "$pinned")/second" ]
	[ "$(readlink "$CHR_STORE/names/docker.io/red/is:7")" = \
	    ../../../images/"${pinned##*:}" ]
	[ -L "$CHR_STORE/names/docker.io/red/is@${pinned##*@}" ]
}

@test "the same archive has the same digest each time" {
	mkimage -n a/b img.tar "$small"
	pull ./img.tar
	first=$pinned
	CHR_STORE=$T/other pull ./img.tar
	[ "$pinned" = "$first" ]
}

@test "OCI layout: a directory, a tar, standard input" {
	digest=$(mkimage -f oci -n reg.example/a/b:1 layout "$small")
	mkimage -f ocitar -n reg.example/a/b:1 layout.tar "$small"
	for source in ./layout "$T/layout" ./layout.tar; do
		rm -rf "$CHR_STORE"
		pull "$source"
		[ "$pinned" = "reg.example/a/b@$digest" ]
	done
	rm -rf "$CHR_STORE"
	run_ok chr-pull - <layout.tar
	[ "$output" = "reg.example/a/b@$digest" ]
	rm -rf "$CHR_STORE"
	cat layout.tar | (run_ok chr-pull - && [ "$output" = "reg.example/a/b@$digest" ])
}

@test "a tree: docker export" {
	mkimage -f rootfs tree.tar "$small"
	pull -t web ./tree.tar
	[ "${pinned%@*}" = docker.io/library/web ]
	[ "$(cat "$(tree "$pinned")/etc/name")" = small ]
	run_ok chr-pull -t web - <tree.tar
	[ "$output" = "$pinned" ]
	cat tree.tar | (rm -rf "$CHR_STORE"; run_ok chr-pull -t web - &&
	    [ "$output" = "$pinned" ])
}

@test "a tree that owns a manifest.json and an index.json" {
	mkimage -f rootfs tree.tar 'file manifest.json 644 [{"a":1}]; file index.json 644 {}'
	pull -t web ./tree.tar
	[ "$(cat "$(tree "$pinned")/manifest.json")" = '[{"a":1}]' ]
}

@test "archives compressed with gzip, zstd, xz, bzip2" {
	need zstd xz bzip2
	mkimage -n a/b img.tar "$small"
	pull ./img.tar
	first=$pinned
	for c in gzip zstd xz bzip2; do
		$c -c <img.tar >img.$c
		rm -rf "$CHR_STORE"
		pull ./img.$c
		[ "$pinned" = "$first" ]
		rm -rf "$CHR_STORE"
		run_ok chr-pull - <img.$c
		[ "$output" = "$first" ]
	done
	mkimage -f rootfs tree.tar "$small"
	for c in gzip zstd xz bzip2; do
		$c -c <tree.tar >tree.$c
		pull -t web ./tree.$c
		[ "$(cat "$(tree "$pinned")/etc/name")" = small ]
	done
}

@test "an image without a name wants -t" {
	mkimage -n '' img.tar "$small"
	run_err 2 "chr-pull: ./img.tar: the image has no name: give it one with -t" \
	    chr-pull ./img.tar
	pull -t ghcr.io/x/y:1 ./img.tar
	[ "${pinned%@*}" = ghcr.io/x/y ]
	mkimage -f oci -n 1.0 layout "$small"
	run_err 2 "chr-pull: ./layout: the image has no name: give it one with -t" \
	    chr-pull ./layout
}

@test "-t is for one image, and has no digest" {
	mkimage -n '' one.tar "$small"
	mkimage -n '' two.tar 'file other'
	python3 - <<-'EOT'
		import io, json, tarfile
		new, both = tarfile.open("img.tar", "w"), []
		for name in "one.tar", "two.tar":
		    old = tarfile.open(name)
		    for m in old:
		        data = old.extractfile(m).read() if m.isfile() else b""
		        if m.name == "manifest.json":
		            both += json.loads(data)
		        else:
		            new.addfile(m, io.BytesIO(data))
		data = json.dumps(both).encode()
		m = tarfile.TarInfo("manifest.json"); m.size = len(data)
		new.addfile(m, io.BytesIO(data)); new.close()
	EOT
	run_err 2 "chr-pull: ./img.tar: 2 images without names: -t names only one" \
	    chr-pull -t x ./img.tar
	[ "$output" = "" ]
	run_err 2 "chr-pull: ./img.tar: 2 images without names: -t names only one" \
	    chr-pull -n -t x ./img.tar
	[ -z "$(ls -A "$CHR_STORE/images" "$CHR_STORE/names" | grep -v :)" ]
	digest=sha256:$(printf %064d 0)
	run_err 2 "chr-pull: -t x/y@$digest: a name that is given has no digest" \
	    chr-pull -t "x/y@$digest" ./one.tar
}

# join_layouts: the images of the layout `second' come into `layout'.
join_layouts() {
	cp -R second/blobs layout/
	python3 - <<-'EOT'
		import json
		a = json.load(open("layout/index.json"))
		a["manifests"] += json.load(open("second/index.json"))["manifests"]
		json.dump(a, open("layout/index.json", "w"))
	EOT
}

@test "several images in one archive" {
	mkimage -f oci -n a/one:1 layout "$small"
	one=$(cat layout/index.json)
	mkimage -f oci -n a/two:2 second 'file other'
	join_layouts
	run_ok chr-pull ./layout
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} == docker.io/a/one@sha256:* ]]
	[[ ${lines[1]} == docker.io/a/two@sha256:* ]]
	run_ok chr-mkroot -x a/two:2
	[ -f "$output/other" ]
	chr-rm "$output"
}

@test "several images of a layout that have tags alone" {
	mkimage -f oci -n v1 layout "$small"
	mkimage -f oci -n v2 second 'file other'
	join_layouts
	run_err 6 "chr-pull: ./layout: 2 images without names: cannot tell which; tags: v1, v2" \
	    chr-pull -t x ./layout
}

@test "an index that names platforms whose blobs are absent" {
	mkimage -f oci -n a/b:1 layout "$small"
	python3 - <<-'EOT'
		import hashlib, json
		top = json.load(open("layout/index.json"))
		here = dict(top["manifests"][0])
		here.pop("annotations", None)
		here["platform"] = {"os": "linux", "architecture": "386"}
		gone = dict(here, digest="sha256:" + "0" * 64,
		    platform={"os": "linux", "architecture": "amd64"})
		body = json.dumps({"schemaVersion": 2, "mediaType":
		    "application/vnd.oci.image.index.v1+json",
		    "manifests": [gone, here]}).encode()
		digest = hashlib.sha256(body).hexdigest()
		open("layout/blobs/sha256/" + digest, "wb").write(body)
		top["manifests"][0].update(digest="sha256:" + digest,
		    size=len(body),
		    mediaType="application/vnd.oci.image.index.v1+json")
		top["manifests"][0].pop("platform", None)
		json.dump(top, open("layout/index.json", "w"))
	EOT
	run --separate-stderr chr-pull -p linux/amd64 ./layout
	[ "$status" = 0 ]
	run_err 3 "chr-pull: docker.io/a/b:1: no image for platform linux/s390x; there is: linux/386" \
	    chr-pull -p linux/s390x ./layout
}

@test "-n resolves and stores nothing" {
	digest=$(mkimage -f oci -n a/b:1 layout "$small")
	run_ok chr-pull -n ./layout
	[ "$output" = "docker.io/a/b@$digest" ]
	[ ! -e "$CHR_STORE" ]
}

@test "skopeo and umoci read the store; what they write is a source" {
	need skopeo umoci
	digest=$(mkimage -f oci -n reg.example/a/b:1 layout "$small")
	pull ./layout
	skopeo copy -q --insecure-policy \
	    "oci:$CHR_STORE:reg.example/a/b:1" oci:copy:c/d:2
	umoci unpack --image "$CHR_STORE:reg.example/a/b:1" bundle
	[ "$(cat bundle/rootfs/etc/name)" = small ]
	pull ./copy
	[ "$pinned" = "docker.io/c/d@$digest" ]
	umoci new --image copy:e/f:3
	run_ok chr-pull ./copy
	[[ $output == *docker.io/e/f@sha256:* ]]
	skopeo copy -q --insecure-policy oci:copy:c/d:2 \
	    docker-archive:saved.tar:g/h:4
	pull ./saved.tar
	[ "${pinned%@*}" = docker.io/g/h ]
}

@test "bad files" {
	run_err 1 "chr-pull: ./none: No such file or directory" chr-pull ./none
	: >empty
	run_err 6 "chr-pull: ./empty: empty" chr-pull ./empty
	run_err 6 "chr-pull: standard input: empty" chr-pull - </dev/null
	mkdir dir
	run_err 6 "chr-pull: ./dir: not an OCI layout" chr-pull ./dir
	head -c 5000 /dev/urandom >noise
	run_like 6 "chr-pull: ./noise: *" chr-pull -t x ./noise
	[ -z "$(ls "$CHR_STORE/images")" ]
}

@test "limits that are no numbers" {
	mkimage -n a/b:1 img.tar "$small"
	for n in 1K 1e1 0 -1 +1 ' 1' 0x10 18446744073709551616; do
		CHR_MAX_BYTES=$n run_err 2 \
		    "chr-pull: CHR_MAX_BYTES: $n: not a number of bytes" \
		    chr-pull ./img.tar
		CHR_MAX_ENTRIES=$n run_err 2 \
		    "chr-pull: CHR_MAX_ENTRIES: $n: not a number of entries" \
		    chr-pull -n ./img.tar
	done
	[ ! -e "$CHR_STORE" ]
	CHR_MAX_BYTES='' CHR_MAX_ENTRIES=18446744073709551615 pull ./img.tar
}

@test "a stream is kept up to the limit" {
	mkimage -n a/b:1 img.tar "$small"
	size=$(stat -c %s img.tar)
	export CHR_MAX_BYTES=$((size - 1))
	run_err 6 "chr-pull: standard input: over the limit of $CHR_MAX_BYTES bytes" \
	    chr-pull - < <(cat img.tar)
	mkfifo fifo
	cat img.tar >fifo 2>/dev/null 3>&- &
	run_err 6 "chr-pull: ./fifo: over the limit of $CHR_MAX_BYTES bytes" \
	    chr-pull ./fifo
	wait "$!" || :
	# where the limit is not minded, that of the shell ends it
	run_err 6 "chr-pull: /dev/zero: over the limit of $CHR_MAX_BYTES bytes" \
	    bash -c 'ulimit -f 10000; exec chr-pull /dev/zero'
	[ -z "$(ls -A "$CHR_STORE/blobs/sha256")" ]
	CHR_MAX_BYTES=$size
	run_ok chr-pull - < <(cat img.tar)
}

@test "a layout with a damaged blob is refused" {
	digest=$(mkimage -f oci -n a/b:1 layout "$small")
	layer=$(ls -S layout/blobs/sha256 | while read -r f; do
		[ "$(head -c 2 "layout/blobs/sha256/$f" | od -An -tx1)" != ' 1f 8b' ] || echo "$f"
	done)
	printf 'x' | dd of="layout/blobs/sha256/$layer" bs=1 seek=20 conv=notrunc status=none
	run_like 6 "chr-pull: sha256:$layer: content has the digest sha256:*" \
	    chr-pull ./layout
	[ -z "$(ls -A "$CHR_STORE/images")" ]
	[ -z "$(ls "$CHR_STORE/names")" ]
}

@test "a truncated archive is refused" {
	mkimage -n a/b:1 img.tar busybox
	head -c 300000 img.tar >half.tar
	run_like 6 "chr-pull: *" chr-pull ./half.tar
	run_like 6 "chr-pull: *" chr-pull - <half.tar
	[ -z "$(ls -A "$CHR_STORE/images")" ]
}

@test "a fall-back to another architecture is warned about" {
	mkimage -p linux/386 -n a/b:1 img.tar "$small"
	run_err 0 "chr-pull: docker.io/a/b:1: warning: the image is for linux/386, not linux/amd64" \
	    chr-pull -p linux/amd64 ./img.tar
	mkimage -p linux/arm/v6 -n a/c:1 arm.tar "$small"
	run_err 0 "" chr-pull -p linux/arm/v7 ./arm.tar
}

@test "an archive that ends after any of its blocks" {
	local n size step

	mkimage -n a/b:1 img.tar "$small" 'dir d;hard d/h etc/name'
	size=$(stat -c %s img.tar)
	step=$(size 3 1)
	for ((n = 0; n < size; n += 512 * step)); do
		head -c "$n" img.tar >cut.tar
		run --separate-stderr chr-pull -q ./cut.tar
		# all that is missing may be zeros after the end
		[ "$status" = 0 ] && cmp -s img.tar <(cat cut.tar /dev/zero |
		    head -c "$size") && break
		[ "$status" = 6 ] || fail "$n: status $status: $stderr"
		[[ $stderr == "chr-pull: ./cut.tar: "* ]] || fail "$n: $stderr"
		[ -z "$(ls -A "$CHR_STORE/images")" ] || fail "$n: an image"
	done
	[ "$n" -gt 4096 ]
}

@test "manifest.json that points nowhere or outside" {
	python3 - <<-'EOT'
		import io, json, tarfile
		for name, layers in (("gone", ["x/layer.tar"]),
		    ("out", ["../../etc/passwd"]), ("abs", ["/etc/passwd"])):
		    t = tarfile.open(name + ".tar", "w")
		    def add(path, data):
		        i = tarfile.TarInfo(path); i.size = len(data)
		        t.addfile(i, io.BytesIO(data))
		    add("c.json", b"{}")
		    add("manifest.json", json.dumps([{"Config": "c.json",
		        "RepoTags": ["a/b:1"], "Layers": layers}]).encode())
		    t.close()
	EOT
	run_err 6 "chr-pull: ./gone.tar: manifest.json: x/layer.tar: not in the archive" \
	    chr-pull ./gone.tar
	run_err 6 "chr-pull: ./out.tar: manifest.json: ../../etc/passwd: not in the archive" \
	    chr-pull ./out.tar
	run_err 6 "chr-pull: ./abs.tar: manifest.json: /etc/passwd: not in the archive" \
	    chr-pull ./abs.tar
}

@test "layers of docker save that are links to other members" {
	python3 - <<-'EOT'
		import hashlib, io, json, tarfile
		b = io.BytesIO(); l = tarfile.open(fileobj=b, mode="w")
		i = tarfile.TarInfo("f"); i.size = 2
		l.addfile(i, io.BytesIO(b"x\n")); l.close()
		layer = b.getvalue(); d = "sha256:" + hashlib.sha256(layer).hexdigest()
		config = json.dumps({"os": "linux", "architecture": "amd64",
		    "rootfs": {"type": "layers", "diff_ids": [d, d]}}).encode()
		t = tarfile.open("img.tar", "w")
		def add(path, data):
		    i = tarfile.TarInfo(path); i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		add("one/layer.tar", layer)
		i = tarfile.TarInfo("two/layer.tar"); i.type = tarfile.SYMTYPE
		i.linkname = "../one/layer.tar"; t.addfile(i)
		add("c.json", config)
		add("manifest.json", json.dumps([{"Config": "c.json",
		    "RepoTags": ["a/b:1"],
		    "Layers": ["one/layer.tar", "two/layer.tar"]}]).encode())
		t.close()
	EOT
	run --separate-stderr chr-pull ./img.tar
	[ "$status" = 0 ]
	[ "$(cat "$CHR_STORE/images/"*/root/f)" = x ]
}

# archive PYTHON: img.tar of what it adds: add(path, data) a file, entry(path,
# type, link) anything, image(layer paths, tags, pad) manifest.json and c.json for
# the layer in `layer', whose digest is `d'.
archive() {
	python3 - "$1" <<-'EOT'
		import hashlib, io, json, sys, tarfile
		b = io.BytesIO(); l = tarfile.open(fileobj=b, mode="w")
		i = tarfile.TarInfo("f"); i.size = 2
		l.addfile(i, io.BytesIO(b"x\n")); l.close()
		layer = b.getvalue(); d = "sha256:" + hashlib.sha256(layer).hexdigest()
		t = tarfile.open("img.tar", "w", format=tarfile.PAX_FORMAT)
		def add(path, data=b""):
		    i = tarfile.TarInfo(path); i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		def entry(path, kind, link=""):
		    i = tarfile.TarInfo(path); i.type = kind; i.linkname = link
		    t.addfile(i)
		def image(layers, tags=["a/b:1"], pad=0):
		    add("c.json", json.dumps({"os": "linux", "architecture": "amd64",
		        "rootfs": {"type": "layers",
		        "diff_ids": [d] * len(layers)}}).encode())
		    add("manifest.json", b" " * pad + json.dumps([{"Config":
		        "c.json", "RepoTags": tags, "Layers": layers}]).encode())
		exec(sys.argv[1])
		t.close()
	EOT
}

@test "-n of a stream needs no store" {
	mkimage -n a/b img.tar "$small"
	pull ./img.tar
	first=$pinned
	rm -rf "$CHR_STORE"
	run_ok bash -c 'cat img.tar | chr-pull -n -'
	[ "$output" = "$first" ]
	mkimage -f rootfs tree.tar "$small"
	run_ok bash -c 'cat tree.tar | chr-pull -n -t web -'
	run_ok chr-pull -n - <img.tar
	[ ! -e "$CHR_STORE" ]
	TMPDIR=$T/gone run_like 1 "chr-pull: $T/gone/chr-pull.*: No such file or directory" \
	    bash -c 'cat img.tar | chr-pull -n -'
}

@test "many members, too many, too long names" {
	skip_if_sanitized
	archive '
for i in range(10003): add("blobs/sha256/%064d" % i)
add("one/layer.tar", layer)
image(["one/layer.tar"])'
	run_ok chr-pull -n ./img.tar
	archive '
for i in range(500): add("blobs/" + "x" * 100000)
add("one/layer.tar", layer)
image(["one/layer.tar"])'
	gzip -1 img.tar
	run_ok "$FIXTURES/peak" peak chr-pull -n ./img.tar.gz
	[ "$(cat peak)" -lt 32768 ]
	archive '
for i in range(2200): add("blobs/" + "x" * 4000)
image([])'
	run_err 6 "chr-pull: ./img.tar: more members than image archives have: over 8 MiB of memory" \
	    chr-pull ./img.tar
}

# bounded COMMAND...: in at most ten seconds of processor for each process and
# 32 MB of memory for all together; status and messages are the command's.
bounded() {
	prlimit --cpu=10 "$FIXTURES/peak" peak "$@"
}

in_memory() {
	[ "$(cat peak)" -lt 32768 ] || fail "$(cat peak) KiB of memory"
}

@test "layers that are found through many links among many members" {
	skip_if_sanitized
	archive '
for i in range(9900): add("blobs/%d" % i)
add("l0.json", layer)
for i in range(7): entry("l%d.json" % (i + 1), tarfile.SYMTYPE, "l%d.json" % i)
image(["l7.json"] * 60000)'
	gzip -1 img.tar
	run_err 6 "chr-pull: ./img.tar.gz: manifest.json: 60000 layers, at most 1024" \
	    bounded chr-pull -n ./img.tar.gz
	in_memory
	archive '
for i in range(9900): add("blobs/%d" % i)
add("l0.json", layer)
for i in range(7): entry("l%d.json" % (i + 1), tarfile.SYMTYPE, "l%d.json" % i)
add("c.json")
add("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["a/b:%d" % i],
    "Layers": ["l7.json"] * 1024} for i in range(16)]).encode())'
	run_ok bounded chr-pull -n ./img.tar
	[ "${#lines[@]}" = 16 ]
	in_memory
}

@test "JSON that needs much memory" {
	local value

	skip_if_sanitized
	for value in '{}' '[]' '""' 'null'; do
		archive "
add('one/layer.tar', layer)
v = b'$value,'
add('manifest.json', b'[' + v * ((4 << 20) // len(v) - 1) + b'1]')"
		run_err 6 "chr-pull: ./img.tar: manifest.json: needs more than 12 MiB of memory" \
		    bounded chr-pull -n ./img.tar
		in_memory
	done
	mkimage -f oci -n a/b:1 layout "$small"
	python3 - <<-'EOT'
		import json
		top = json.load(open("layout/index.json"))
		top["manifests"] = [dict(top["manifests"][0], annotations={
		    "org.opencontainers.image.ref.name": "a/b%d:1" % (i % 1000),
		    "org.opencontainers.image.created": "2023-11-14T22:13:20Z"})
		    for i in range(4000)]
		json.dump(top, open("layout/index.json", "w"))
	EOT
	run_ok bounded chr-pull -n ./layout
	[ "${#lines[@]}" = 1000 ]
	in_memory
}

@test "layers and names are counted before anything is done" {
	archive '
add("one/layer.tar", layer)
image(["one/layer.tar"], ["a/b:%d" % i for i in range(1025)])'
	run_err 6 "chr-pull: ./img.tar: 1025 names of one image, at most 1024" \
	    chr-pull ./img.tar
	archive '
add("manifest.json", json.dumps([{"Config": "c", "Layers": [],
    "RepoTags": ["a/b:%d" % i for i in range(2049)]}] * 2).encode())'
	run_err 6 "chr-pull: ./img.tar: manifest.json: 4098 names, at most 4096" \
	    chr-pull ./img.tar
	archive '
add("manifest.json", json.dumps([{"Config": "c", "Layers": ["l"] * 1024,
    "RepoTags": []}] * 17).encode())'
	run_err 6 "chr-pull: ./img.tar: manifest.json: 17408 layers of 17 images, at most 16384" \
	    chr-pull ./img.tar
	mkimage -f oci -n a/b:1 layout "$small"
	python3 - <<-'EOT'
		import json
		top = json.load(open("layout/index.json"))
		one = top["manifests"][0]
		top["manifests"] = [dict(one, annotations={
		    "org.opencontainers.image.ref.name": "a/b:%d" % i})
		    for i in range(4097)]
		json.dump(top, open("layout/index.json", "w"))
	EOT
	run_err 6 "chr-pull: ./layout: more names than archives have: over 4096" \
	    chr-pull ./layout
	[ -z "$(ls -A "$CHR_STORE/names" "$CHR_STORE/images" | grep -v :)" ]
}

@test "an image with many names is read once" {
	skip_if_sanitized
	mkimage -f oci -n a/b:1 layout "$small"
	python3 - <<-'EOT'
		import hashlib, json
		top = json.load(open("layout/index.json"))
		one = top["manifests"][0]
		name = "layout/blobs/sha256/" + one["digest"][7:]
		m = json.load(open(name))
		m["annotations"] = {"a%d" % i: "" for i in range(45000)}
		body = json.dumps(m).encode()
		one["digest"] = "sha256:" + hashlib.sha256(body).hexdigest()
		one["size"] = len(body)
		open("layout/blobs/sha256/" + one["digest"][7:], "wb").write(body)
		top["manifests"] = [dict(one, annotations={
		    "org.opencontainers.image.ref.name": "a/b:%d" % i})
		    for i in range(1000)]
		json.dump(top, open("layout/index.json", "w"))
	EOT
	run_ok bounded chr-pull -q ./layout
	[ "${#lines[@]}" = 1000 ]
	[ "$(ls "$CHR_STORE/names/docker.io/a" | wc -l)" = 1001 ]
}

@test "an archive that changes while it is read" {
	local image='add("one/layer.tar", layer); image(["one/layer.tar"], ["a/b:'
	local pid with

	need_faults
	# other bytes, more of them, less of them
	for with in '2"], 70000)' '1"], 5 << 20)' '1"], 69999)'; do
		archive "$image"'1"], 70000)'
		FAULT=archive_read:2:STOP chr-pull -n ./img.tar \
		    >out 2>err 3>&- &
		pid=$!
		wait_for stopped "$pid"
		archive "$image$with"
		kill -CONT "$pid"
		wait "$pid" && status=0 || status=$?
		[ "$status" = 6 ] || fail "$with: status $status: $(cat out err)"
		[ "$(cat err)" = \
		    "chr-pull: ./img.tar: changed while it was read" ]
	done
}

@test "entries that have a member's name and are none" {
	archive '
entry("one/layer.tar/", tarfile.DIRTYPE)
add("../one/layer.tar", b"other")
add("one/layer.tar", layer)
image(["one/layer.tar"])'
	pull ./img.tar
	[ "$(cat "$(tree "$pinned")/f")" = x ]
}

@test "an OCI tar with a sha512 layer, whole and damaged" {
	local add='
def blob(data, kind, alg="sha256"):
    name = hashlib.new(alg, data).hexdigest()
    add("blobs/%s/%s" % (alg, name), bad if bad and alg == "sha512" else data)
    return {"digest": alg + ":" + name, "size": len(data),
        "mediaType": "application/vnd.oci.image." + kind}
config = blob(json.dumps({"os": "linux", "architecture": "amd64", "rootfs":
    {"type": "layers", "diff_ids": [d, d]}}).encode(), "config.v1+json")
m = blob(json.dumps({"schemaVersion": 2, "config": config, "layers":
    [blob(layer, "layer.v1.tar", "sha512"), blob(layer, "layer.v1.tar")]
    }).encode(), "manifest.v1+json")
m["annotations"] = {"org.opencontainers.image.ref.name": "a/b:1"}
add("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}")
add("index.json", json.dumps({"schemaVersion": 2, "manifests": [m]}).encode())'
	archive "bad = b''$add"
	pull ./img.tar
	[ "$(cat "$(tree "$pinned")/f")" = x ]
	rm -rf "$CHR_STORE"
	archive "bad = layer[:-1] + b'!'$add"
	run_like 6 "chr-pull: sha512:*: content has the digest sha512:*" \
	    chr-pull ./img.tar
}

@test "trees that own what image archives have, too" {
	archive '
add("manifest.json", b" " * (5 << 20))
add("etc/name", b"tree")'
	pull -t web ./img.tar
	[ "$(cat "$(tree "$pinned")/etc/name")" = tree ]
	archive '
add("oci-layout", b"{}")
add("index.json", b"{}")
add("etc/name", b"other")'
	pull -t web ./img.tar
	[ "$(cat "$(tree "$pinned")/etc/name")" = other ]
}

@test "an image archive whose description is damaged is no tree" {
	archive '
add("one/layer.tar", layer)
add("manifest.json", b"[{\"Config\":\"c.js")'
	run_like 6 "chr-pull: ./img.tar: manifest.json: line 1, column *" \
	    chr-pull -t web ./img.tar
	archive '
add("one/layer.tar", layer)
add("manifest.json", b" " * (5 << 20))'
	run_err 6 "chr-pull: ./img.tar: manifest.json: larger than 4 MiB" \
	    chr-pull -t web ./img.tar
	archive '
add("blobs/sha256/" + d[7:], layer)
add("index.json", b"{")'
	run_like 6 "chr-pull: ./img.tar: index.json: line 1, column *" \
	    chr-pull -t web ./img.tar
	archive '
add("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}")
add("index.json", b"{\"schemaVersion\":2,\"manifests\":[]}")'
	run_err 3 "chr-pull: ./img.tar: no image in it" chr-pull -t web ./img.tar
}

@test "an archive with a malformed name" {
	archive '
add("one/layer.tar", layer)
image(["one/layer.tar"], ["UPPER bad/name:1"])'
	run_err 6 "chr-pull: ./img.tar: bad name: UPPER bad/name:1: bad host name" \
	    chr-pull ./img.tar
}

@test "many tags: each once, index.json once" {
	skip_if_sanitized
	need strace
	archive '
add("one/layer.tar", layer)
image(["one/layer.tar"], ["a/b:%d" % (i % 50) for i in range(100)])'
	run --separate-stderr strace -f -o trace -e trace=renameat,renameat2 \
	    chr-pull ./img.tar
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 50 ]
	[ "$(grep -c '"index.json"' trace)" = 1 ]
	[ "$(grep -c ref.name "$CHR_STORE/index.json")" = 51 ]
	[ "$(ls "$CHR_STORE/names/docker.io/a" | wc -l)" = 51 ]
}

@test "an archive that inflates beyond the limit" {
	head -c 8000000 /dev/zero | gzip >zeros.gz
	CHR_MAX_BYTES=1000000 run_err 6 "chr-pull: ./zeros.gz: over the limit of 1000000 bytes" \
	    chr-pull -n -t x ./zeros.gz
	mkimage -n a/b img.tar "$small"
	CHR_MAX_BYTES=1000000 run_ok chr-pull -n ./img.tar
}

@test "foreign bytes are parsed where nothing can be opened" {
	local call

	skip_if_sanitized
	need strace
	mkimage -n a/b:1 img.tar 'random b 400000' 'file c'
	strace -f -o trace chr-pull -q ./img.tar >/dev/null
	run_ok "$FIXTURES/confined" trace
	# the archive, two layers
	[ "${lines[0]}" -ge 3 ]
	for call in "${lines[@]:1}"; do
		case $call in
		read | write | futex | close | exit | exit_group) ;;
		brk | mmap | munmap | mremap | mprotect | madvise) ;;
		rt_sigprocmask | rt_sigreturn | clock_gettime) ;;
		*) fail "$call" ;;
		esac
	done
}
