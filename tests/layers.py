# See LICENSE.
"""Layers byte by byte, images of them, and the trees that chr-pull makes."""
import hashlib
import json
import os
import platform
import stat
import subprocess

TIME = 1700000000
NS = 10 ** 9
ARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
END = bytes(1024)


def pad(data):
    return data + bytes(-len(data) % 512)


def octal(value, size):
    if 0 <= value < 8 ** (size - 1):
        return b"%0*o\0" % (size - 1, value)
    return ((256 ** size + value) % 256 ** size | 128 << 8 * (size - 1)
            ).to_bytes(size, "big")


def raw(text):
    return text if isinstance(text, bytes) else text.encode()


def header(name, kind=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=TIME,
           link=b"", major=0, minor=0, magic=b"ustar\x0000", prefix=b"",
           fields=()):
    """fields: (offset, bytes) that replace what the rest says."""
    h = bytearray(512)
    for at, value in ((0, raw(name)), (100, octal(mode, 8)),
                      (108, octal(uid, 8)), (116, octal(gid, 8)),
                      (124, octal(size, 12)), (136, octal(mtime, 12)),
                      (156, kind), (157, raw(link)), (257, magic),
                      (329, octal(major, 8)), (337, octal(minor, 8)),
                      (345, prefix), *fields):
        h[at:at + len(value)] = value
    assert len(h) == 512
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    for at, value in fields:
        if at == 148:
            h[148:148 + len(value)] = value
    return bytes(h)


def records(pairs):
    out = b""
    for key, value in pairs:
        line = b" " + raw(key) + b"=" + raw(value) + b"\n"
        size = len(line)
        while len(str(size)) + len(line) != size:
            size = len(str(size)) + len(line)
        out += str(size).encode() + line
    return out


def pax(pairs, kind=b"x"):
    body = pairs if isinstance(pairs, bytes) else records(pairs)
    return header("pax", kind, len(body)) + pad(body)


def gnu_long(kind, text):
    body = raw(text) + b"\0"
    return header("././@LongLink", kind, len(body),
                  magic=b"ustar  \0") + pad(body)


def file(name, data=b"", ext=(), **kw):
    data = raw(data)
    return (pax(ext) if ext else b"") + header(
        name, size=len(data), **kw) + pad(data)


def entry(name, kind, ext=(), **kw):
    kw.setdefault("mode", {b"5": 0o755, b"2": 0o777}.get(kind, 0o644))
    return (pax(ext) if ext else b"") + header(name, kind, **kw)


def directory(name, **kw):
    return entry(name, b"5", **kw)


def symlink(name, target, **kw):
    return entry(name, b"2", link=target, **kw)


def hardlink(name, target, **kw):
    return entry(name, b"1", link=target, **kw)


def brief(text):
    """`d/ f=x l->t h=>t e' as entries."""
    out = b""
    for word in text.split():
        if "=>" in word:
            out += hardlink(*word.split("=>"))
        elif "->" in word:
            out += symlink(*word.split("->"))
        elif word.endswith("/"):
            out += directory(word)
        else:
            name, _, data = word.partition("=")
            long = [("path", name)] if len(name) > 100 else ()
            out += file(name[:100], data, ext=long)
    return out


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_image(path, layers, kind="layer.v1.tar"):
    """layers: bytes, or (compressed bytes, diffID).  An OCI layout."""
    os.makedirs(path + "/blobs/sha256")

    def blob(what, data):
        name = digest(data)
        with open(path + "/blobs/sha256/" + name[7:], "wb") as f:
            f.write(data)
        return {"mediaType": "application/vnd.oci.image." + what,
                "digest": name, "size": len(data)}

    def dump(value):
        return json.dumps(value).encode()

    layers = [x if isinstance(x, tuple) else (x, digest(x)) for x in layers]
    config = dump({"os": "linux", "architecture":
                   ARCH.get(platform.machine(), platform.machine()),
                   "config": {}, "rootfs": {
                       "type": "layers", "diff_ids": [d for _, d in layers]}})
    manifest = dump({
        "schemaVersion": 2, "config": blob("config.v1+json", config),
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "layers": [blob(kind, data) for data, _ in layers]})
    index = {"schemaVersion": 2,
             "manifests": [blob("manifest.v1+json", manifest)]}
    with open(path + "/oci-layout", "w", encoding="ascii") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(path + "/index.json", "wb") as f:
        f.write(dump(index))


def one(path, name, links):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    it = {"type": {stat.S_IFREG: "file", stat.S_IFDIR: "dir",
                   stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
                   stat.S_IFCHR: "char", stat.S_IFBLK: "block"}[kind],
          "mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid,
          "gid": st.st_gid, "mtime": st.st_mtime_ns, "xattrs": {
              a: os.getxattr(path, a, follow_symlinks=False)
              for a in os.listxattr(path, follow_symlinks=False)}}
    if kind == stat.S_IFREG:
        it["size"] = st.st_size
        with open(path, "rb") as f:
            it["data"] = f.read(1 << 20)
    elif kind == stat.S_IFLNK:
        it["target"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        it["device"] = (os.major(st.st_rdev), os.minor(st.st_rdev))
    if kind != stat.S_IFDIR:
        links.setdefault((st.st_dev, st.st_ino), []).append(name)
        it["links"] = links[st.st_dev, st.st_ino]
        it["nlink"] = st.st_nlink
    return it


def tree(root):
    """{path: attributes} of all below; b"" is the root."""
    root = os.fsencode(root)
    links, found, todo = {}, {}, [b""]
    while todo:
        name = todo.pop()
        it = found[name] = one(os.path.join(root, name), name, links)
        if it["type"] == "dir":
            todo += [os.path.join(name, x)
                     for x in os.listdir(os.path.join(root, name))]
    for it in found.values():
        if "links" in it:
            it["links"].sort()
    return found


class Place:
    """Where images are pulled, each to a store of its own that is left, and
    canaries round it."""

    def __init__(self, top):
        self.top = top
        self.count = 0
        self.env = dict(os.environ, CHR_STORE=top + "/store")
        os.makedirs(top + "/outside")
        with open(top + "/outside/canary", "w", encoding="ascii") as f:
            f.write("alive")
        os.mkdir(top + "/outside/dir", 0o700)
        self.before = tree(top + "/outside")

    def pull(self, layers, **env):
        """Status, standard error, tree or None."""
        self.count += 1
        source = f"{self.top}/{self.count}"
        write_image(source, layers)
        env = {**self.env, "CHR_STORE": source + ".store", **env}
        done = subprocess.run(
            ["chr-pull", "-q", "-t", "v", source], env=env,
            capture_output=True, check=False)
        images = source + ".store/images"
        made = sorted(os.listdir(images)) if os.path.isdir(images) else []
        self.check(source, made, done.returncode)
        got = tree(f"{images}/{made[0]}/root") if made else None
        return done.returncode, done.stderr.decode(errors="replace"), got

    def check(self, source, made, status):
        assert tree(self.top + "/outside") == self.before, "canary changed"
        assert not os.path.lexists("/v"), "/v was made"
        assert len(made) == (status == 0), f"status {status}, images {made}"
        names = set(os.listdir(source + ".store"))
        assert names <= {"blobs", "images", "index.json", "names",
                         "oci-layout", "roots"}, f"in the store: {names}"
        if made:
            names = set(os.listdir(f"{source}.store/images/{made[0]}"))
            assert not names & {"v", "canary", "f", "x"}, f"escaped: {names}"
