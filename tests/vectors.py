#!/usr/bin/env python3
# See LICENSE.
"""vectors.py DIRECTORY [NAME...] - layer vectors, whole trees compared

Each vector is layers and the tree that has to come of them, or the reason why
they are refused.  TAP on standard output.
"""
import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position,wildcard-import,unused-wildcard-import
from layers import *  # noqa: E402,F403

VECTORS = []


def want(text="", **more):
    """brief() as a tree; `d/!' is a directory that no entry listed."""
    found, groups = {b"": {"type": "dir", "mode": 0o755}}, {}
    for word in text.split():
        if "=>" in word:
            name, target = word.split("=>")
            it = found[raw(target)]
            groups.setdefault(target, [raw(target)]).append(raw(name))
        elif "->" in word:
            name, target = word.split("->")
            it = {"type": "link", "mode": 0o777, "target": raw(target)}
        elif word.rstrip("!").endswith("/"):
            name = word.rstrip("/!")
            it = {"type": "dir", "mode": 0o755,
                  "mtime": 0 if word.endswith("!") else TIME * NS}
        else:
            name, _, data = word.partition("=")
            it = {"type": "file", "mode": 0o644, "data": raw(data),
                  "size": len(data)}
        found[raw(name)] = it
    for group in groups.values():
        for name in group:
            found[name]["links"] = sorted(group)
    for name, change in more.get("change", {}).items():
        found.setdefault(name, {}).update(change)
    for name, it in found.items():
        if it["type"] != "dir":
            it.setdefault("links", [name])
            it.setdefault("nlink", len(it["links"]))
        for key, value in (("uid", 0), ("gid", 0), ("xattrs", {}),
                           ("mtime", TIME * NS)):
            it.setdefault(key, value)
    if more.get("root_mtime") is None:
        del found[b""]["mtime"]
    else:
        found[b""]["mtime"] = more["root_mtime"]
    return found


def layer(x):
    if isinstance(x, str):
        return brief(x) + END
    return x


def vector(name, layers, tree_text=None, refused=None, status=6, env=None,
           **more):
    """refused: what the message ends with, after the layer's digest."""
    expected = None if refused is not None else want(tree_text or "", **more)
    VECTORS.append((name, [layer(x) for x in layers], expected, refused,
                    status, env or {}))


def refuse(name, layers, reason, **kw):
    """A reason None is any."""
    vector(name, layers, refused=reason or "", **kw)


def one_file(name, data, **it):
    """A tree of one file f, or the like."""
    return {raw(name): {"type": "file", "mode": 0o644, "data": raw(data),
                        "size": len(raw(data)), **it}}


def differences(got, expected):
    out = []
    for name in sorted(set(got) | set(expected)):
        if name not in got:
            out.append(f"{name}: missing")
        elif name not in expected:
            out.append(f"{name}: not expected: {got[name]}")
        else:
            out += [f"{name}: {key} is {got[name].get(key)!r}, expected {v!r}"
                    for key, v in expected[name].items()
                    if got[name].get(key) != v]
    return out


def verdict(place, vec):
    _, layers, expected, refused, status, env = vec
    got_status, message, got = place.pull(layers, **env)
    if refused is None:
        if got_status != 0 or message:
            return [f"status {got_status}: {message}"]
        return differences(got, expected)
    if got_status == status and (not refused or message.endswith(": " + refused + "\n")) and \
            message.startswith("chr-pull: docker.io/library/v:latest: layer "
                               "sha256:") and message.count("\n") == 1:
        return []
    return [f"status {got_status}: {message}", f"expected {status}: {refused}"]


# --- whiteouts ---

V1 = [".baz=0 bar/ bar/bax bar/bay/ baz foo/ foo/.abc foo/.bcd/ foo/.bcd/a "
      "foo/cde/ foo/cde/def foo/cde/efg foo/fgh foobar",
      ".bay .wh.baz foo/ foo/.bce foo/.wh..wh..opq foo/cde/ foo/cde/efg",
      ".bay .wh..baz .wh.foobar foo/ foo/.abc foo/.wh.cde bar/",
      ".abc .wh..wh..opq foobar"]
vector("V1a", V1[:1], V1[0])
vector("V1b", V1[:2], ".bay .baz=0 bar/ bar/bax bar/bay/ foo/ foo/.bce "
       "foo/cde/ foo/cde/efg foobar")
vector("V1c", V1[:3], ".bay bar/ bar/bax bar/bay/ foo/ foo/.abc foo/.bce")
vector("V1d", V1, ".abc foobar")
vector("V2", ["a/ a/b/ a/b/c/ a/b/c/bar",
              "a/ a/.wh..wh..opq a/b/ a/b/c/ a/b/c/foo"],
       "a/ a/b/ a/b/c/ a/b/c/foo")
vector("V3", ["a/ a/b/ a/b/c/ a/b/c/bar",
              "a/ a/b/ a/b/c/ a/b/c/foo a/.wh..wh..opq"],
       "a/ a/b/ a/b/c/ a/b/c/foo")
vector("V3b", ["a/ a/z", "a/x/y a/.wh..wh..opq"], "a/ a/x/! a/x/y")
vector("V4", ["x=1", "x=2 .wh.x"], "x=2")
vector("V5", ["x=1", ".wh.x x=2"], "x=2")
vector("V6", ["d/ d/a", ".wh.d d/ d/b"], "d/ d/b")
vector("V7", ["d/ d/a", "d/ d/b .wh.d"], "d/ d/b")
vector("V8", ["d/ d/a", ".wh.nope nodir/.wh.x d/a/.wh.y"], "d/ d/a")
for n, bad in enumerate((".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..",
                         "d/.wh...")):
    refuse(f"V9.{n}", ["d/ d/a", bad], bad + ": a whiteout of no name")
vector("V10", ["a", ".wh..wh.plnk/ .wh..wh.plnk/12.34 .wh..wh.aufs "
               "d/.wh..wh.x d/.wh..wh.orph/y"], "a")
vector("V11a", ["x=1 y=1", hardlink(".wh.x", ".wh.y") + END], "y=1")
vector("V11b", ["x=1", entry(".wh.x", b"3") + END], "")
vector("V11c", ["x=1", ".wh.x=12345 z=1"], "z=1")
vector("V11d", ["x=1", ".wh.x/"], "")
vector("V11e", ["x=1", ".wh.x->a"], "")
vector("V36", ["a", ".wh.a", "a"], "a")
vector("V46", ["a", "n/ n/.wh..wh..opq n/x"], "a n/ n/x")
vector("V47", ["r/ r/k s->r", "s/.wh..wh..opq s/n"], "r/ r/n s->r")
vector("V49", ["p/ p/q/ p/q/old", "p/q/new .wh.p"], "p/ p/q/ p/q/new")
vector("V50", ["b", "a .wh.a"], "a b")
vector("whiteout first layer", [".wh.x x .wh..wh..opq d/.wh.y"], "x")
vector("whiteout through a link", ["r/ r/k r/l s->r", "s/.wh.k"],
       "r/ r/l s->r")
vector("whiteout of a link", ["r/ r/k s->r", ".wh.s"], "r/ r/k")
vector("opaque twice", ["d/ d/a", "d/b d/.wh..wh..opq d/c d/.wh..wh..opq"],
       "d/ d/b d/c")
vector("opaque below and above", ["d/ d/e/ d/e/a d/f",
                                  "d/e/b d/e/.wh..wh..opq d/.wh..wh..opq"],
       "d/ d/e/ d/e/b")
vector("opaque in the root keeps a link's target",
       ["r/ r/k s->r", "s/n .wh..wh..opq"], "r/ r/n")
vector("whiteout of a tree", ["d/ d/e/ d/e/f d/l->/ g", ".wh.d"], "g")
vector("whiteout, then a link there", ["d/ d/a t/", ".wh.d d->t d/b"],
       "t/ t/b d->t")
vector("hardlink is its own", ["a=1 b=2", "b=>a .wh.b"], "a=1 b=>a")
refuse("below a whiteout", ["x/", ".wh.x/y"], ".wh.x/y: below a whiteout")
MANY = "".join(f"d/{i}/x " for i in range(1500))
vector("opaque, many kept directories", ["d/ d/old/ d/old/y d/7/ d/7/y",
                                         MANY + "d/.wh..wh..opq"],
       "d/ d/7/ " + "".join(f"d/{i}/{'' if i == 7 else '!'} d/{i}/x "
                            for i in range(1500)))
DEEP = "/".join(["k"] * 1200)
vector("opaque, deep", [f"{DEEP}/old", f"{DEEP}/new k/.wh..wh..opq"],
       " ".join("k/" * i + "!" for i in range(1, 1201)) + f" {DEEP}/new")

# --- one kind over another ---

vector("V12", ["d/ d/a", "d=file"], "d=file")
vector("V13", ["d=file", "d/ d/a"], "d/ d/a")
vector("V14", ["d=file", "d/a"], "d/! d/a")
vector("V15", ["t/ t/k d->t", "d/ d/a"], "t/ t/k d/ d/a")
vector("V16", ["t/ t/k d->t", "d/a"], "t/ t/k t/a d->t")
vector("V17", ["usr/ usr/lib/ lib->usr/lib",
               "lib/x86_64/ lib/x86_64/libc.so"],
       "usr/ usr/lib/ lib->usr/lib usr/lib/x86_64/ usr/lib/x86_64/libc.so")
V18 = ["usr/ usr/lib/ lib->/usr/lib", "lib/x86_64/ lib/x86_64/libc.so"]
vector("V18", V18, "usr/ usr/lib/ lib->/usr/lib usr/lib/x86_64/ "
       "usr/lib/x86_64/libc.so")
vector("V18b", V18 + ["lib/x86_64/.wh.libc.so"],
       "usr/ usr/lib/ lib->/usr/lib usr/lib/x86_64/")
V19 = [file("f", "1", mode=0o600) + END, "f->g", "f=3"]
vector("V19a", V19[:2], "f->g")
vector("V19b", V19, "f=3")
vector("V35", ["f=1 f=2"], "f=2")
vector("link over a directory", ["d/ d/a", "d->x"], "d->x")
vector("fifo over a directory", ["d/ d/a", entry("d", b"6") + END],
       "", change={b"d": {"type": "fifo", "mode": 0o644}})
vector("a file where the parent's link led", ["f s->f", "s/x"],
       "f/! f/x s->f")
vector("the same directory by two names",
       ["usr/ usr/lib/ lib->usr/lib lib/a usr/lib/b lib/c usr/lib/d"],
       "usr/ usr/lib/ lib->usr/lib " + "".join(
           f"usr/lib/{x} " for x in "abcd"))
vector("a link into the replaced directory",
       ["y/ y/z/ x->y/z/..", "x/z=f"], "y/ y/z=f x->y/z/..")

# --- hardlinks ---

vector("V20", ["t2=123", "t1=>t2 t3=>t2", "t1=456"], "t1=456 t2=123 t3=>t2")
vector("V21", ["a=1 b=>a", ".wh.a"], "b=1")
vector("V22", ["a=1", "b=>a"], "a=1 b=>a")
vector("V23a", ["a=1", "b=>/a"], "a=1 b=>a")
vector("V23b", ["a=1", "b=>./a"], "a=1 b=>a")
vector("V24", ["a=1", "b=>a .wh.a"], "b=1")
NO_TARGET = "its hardlink target is not there"
refuse("V24b", ["a=1", ".wh.a b=>a"], "b: " + NO_TARGET)
vector("V25", ["t=1 s->t h=>s"], "t=1 s->t h=>s",
       change={b"h": {}})
refuse("V26", ["h=>t t=1"], "h: " + NO_TARGET)
vector("V27", ["a=1 b=2", "a=3 b=>a"], "a=3 b=>a")
vector("V28", ["a=1 a=>a a=>./a"], "a=1")
refuse("V29", ["d/ h=>d"], "h: a hardlink to a directory")
refuse("V29b", ["d/ h=>/"], "h: a hardlink to a directory")
vector("V30", [brief("a=1") + hardlink("b", "a", size=5) + pad(b"hello") +
               brief("c=2") + END], "a=1 b=>a c=2")
vector("V30, long", [brief("a=1") + hardlink("b", "a", size=1500) +
                     pad(b"x" * 1500) + brief("c=2") + END], "a=1 b=>a c=2")
vector("V30, a size and no data", [brief("a=1") + hardlink(
    "b", "a", size=5) + brief("c=2") + END], "a=1 b=>a c=2")
vector("V30, last", [brief("a=1") + hardlink("b", "a", size=5) + END],
       "a=1 b=>a")
refuse("V30, zeros and then more", [brief("a=1") + hardlink(
    "b", "a", size=5) + bytes(512) + brief("c=2") + END],
       "an entry after a hardlink with data")
vector("hardlink keeps the target's attributes",
       [file("a", "1", mode=0o600, uid=5) + hardlink(
           "b", "a", mode=0o777, uid=9, mtime=5) + END], "a=1 b=>a",
       change={b"a": {"mode": 0o600, "uid": 5}})
vector("hardlink through a link", ["d/ d/a=1 l->/d", "b=>l/a"],
       "d/ d/a=1 l->/d b=>d/a")
vector("hardlink over a directory", ["a=1 d/ d/x", "d=>a"], "a=1 d=>a")
refuse("hardlink into what it replaces", ["d/ d/a", "d=>d/a"], "d: " +
       NO_TARGET)

# --- escapes ---

for n, bad in enumerate(("../v", "/../v", "a/../../v", "..", "a/../..")):
    refuse(f"V31a.{n}", [bad], bad + ": leads out of the root")
vector("V31b", ["/v"], "v")
vector("V31c", ["loop->../v loop/f"], "loop->../v v/! v/f")
vector("V31d", ["loop->/v loop/f"], "loop->/v v/! v/f")
vector("V31e", ["loop->../../../outside/canary loop/f"],
       "loop->../../../outside/canary outside/! outside/canary/! "
       "outside/canary/f")
refuse("V31f", ["h=>../v"], "h: " + NO_TARGET)
vector("V31g", ["v=1 h=>../v"], "v=1 h=>v")
vector("V31h", ["a->/ a/etc/x"], "a->/ etc/! etc/x")
vector("V31i", ["v/ v/f loop->../v", "loop/.wh.f"], "v/ loop->../v")
vector("V31j", [symlink("l", "/outside/canary", mode=0o6777, uid=7, ext=[
    ("SCHILY.xattr.trusted.t", "v")]) + END], "l->/outside/canary",
       change={b"l": {"uid": 7, "xattrs": {"trusted.t": b"v"}}})
vector("V31k", ["o->/proc/self/root o/x"],
       "o->/proc/self/root proc/! proc/self/! proc/self/root/! "
       "proc/self/root/x")
refuse("V32a", [symlink(".", "/tmp") + END], ".: the root is not a directory")
refuse("V32b", [symlink("/.", "/tmp") + END],
       "/.: the root is not a directory")
refuse("V32c", [file("./", "x") + END], "./: a directory with data")
refuse("V32d", [file("/", "") + file(".", "") + END],
       ".: the root is not a directory")
vector("V33", [directory("./", mode=0o700, uid=5, gid=5) + brief("a") + END],
       "a")
refuse("V34", ["a->b b->a a/x"],
       "a/x: Too many levels of symbolic links")
refuse("V34b", ["a->a", "a/.wh.x"],
       "a/.wh.x: Too many levels of symbolic links")
vector("V48", ["d/", "./d//a ", "d/./b d/x/../c /d/e"],
       "d/ d/a d/b d/c d/e")
vector("dangling, with a missing name in it", ["l->a/../b l/x"],
       "l->a/../b a/! b/! b/x")

# --- archives ---

vector("V37a", [bytes(1024)], "")
vector("V37b", [b""], "")
vector("V37c", [(gzip.compress(bytes(1024), mtime=0), digest(bytes(1024)))])
vector("V37d", [(gzip.compress(b"", mtime=0), digest(b"")), "a"], "a")
vector("no end mark", [brief("a=1")], "a=1")
for at, name in ((9, "middle of a header"), (700, "middle of data"),
                 (1000, "middle of padding")):
    data = brief("a=" + "x" * 300)[:at]
    refuse("V44, cut in the " + name, [data],
           "not a tar archive" if at < 512 else
           "a: the archive is cut short")
# An image of one layer, which ends after each of its blocks: between entries
# that is an archive without end mark.
PARTS = ("d/", "d/" + "n" * 150 + "=x", "a=" + "y" * 1200, "l->a", "h=>a",
         "e")
WHOLE = b"".join(brief(part) for part in PARTS)
ENDS = {len(b"".join(brief(part) for part in PARTS[:n])): PARTS[:n]
        for n in range(len(PARTS) + 1)}
for at in range(0, len(WHOLE) + 1, 512):
    name = f"cut after {at // 512} blocks"
    if at in ENDS:
        vector(name, [WHOLE[:at]], " ".join(ENDS[at]))
    else:
        refuse(name, [WHOLE[:at]], "the archive is cut short")
VARIED = bytes(os.urandom(3000)) + bytes(70000)
BIG = file("a", VARIED) + END
BIG_TREE = {"change": one_file("a", VARIED)}
vector("plain", [BIG], **BIG_TREE)
vector("gzip", [(gzip.compress(BIG), digest(BIG))], **BIG_TREE)
vector("xz", [(lzma.compress(BIG), digest(BIG))], **BIG_TREE)
vector("bzip2", [(bz2.compress(BIG), digest(BIG))], **BIG_TREE)
vector("V43a", [BIG + b"junk after the end mark"], **BIG_TREE)
vector("V43b", [(gzip.compress(BIG[:5]) + gzip.compress(BIG[5:4096]) +
                 gzip.compress(b"") + gzip.compress(BIG[4096:]),
                 digest(BIG))], **BIG_TREE)
refuse("V43c", [(gzip.compress(BIG) + b"junk", digest(BIG))],
       "junk after the compressed data")
for cut in (5, 15, 200, len(gzip.compress(BIG)) - 3):
    refuse(f"V44, gzip cut at {cut}",
           [(gzip.compress(BIG)[:cut], digest(BIG))], None)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


if shutil.which("zstd"):
    SKIP = b"\x5a\x2a\x4d\x18\x04\0\0\0abcd"
    vector("zstd", [(zstd(BIG), digest(BIG))], **BIG_TREE)
    vector("V43d", [(SKIP + zstd(BIG[:100]) + SKIP + zstd(BIG[100:]) + SKIP,
                     digest(BIG))], **BIG_TREE)
    refuse("zstd and junk", [(zstd(BIG) + b"junk", digest(BIG))],
           "Zstd decompression failed: Unknown frame descriptor")
WRONG = brief("a=1") + END
refuse("V44, diffID", [(WRONG, digest(b"x"))],
       f"expected diffID {digest(b'x')}, found {digest(WRONG)}")
refuse("not tar", [b"hello world " * 100], "not a tar archive")
refuse("checksum", [brief("a") + file("b", fields=[(148, b"000001")]) + END],
       "the checksum is wrong (header at byte 512)")
SUM = sum(x - 256 if x > 127 else x for x in file(b"\xff\xff")[:148]) + 256 \
    + sum(file(b"\xff\xff")[156:512])
vector("signed checksum",
       [file(b"\xff\xff", fields=[(148, b"%06o\0 " % SUM)]) + END],
       change=one_file(b"\xff\xff", ""))
refuse("half an end mark", [brief("a") + bytes(512) + brief("b") + END],
       "an entry after half an end mark (header at byte 1024)")

# --- fields ---

vector("V38", [file("a", ext=[("mtime", "1.123456789")]) +
               file("b", ext=[("mtime", "-1.5")]) +
               file("c", ext=[("mtime", "4294967297.25")]) +
               file("d", mtime=-5) + file("e", mtime=1 << 33) +
               directory("t/", ext=[("mtime", "9.000000001")]) +
               symlink("l", "x", ext=[("mtime", "7.5")]) +
               brief("t/x") + END, "t/y"], "t/ t/x t/y l->x", change={
    **one_file("a", "", mtime=1123456789),
    **one_file("b", "", mtime=-1500000000),
    **one_file("c", "", mtime=4294967297250000000),
    **one_file("d", "", mtime=-5 * NS),
    **one_file("e", "", mtime=(1 << 33) * NS),
    b"t": {"mtime": 9000000001}, b"l": {"mtime": 7500000000}})
vector("V38, listed anew", ["t/ t/x", "t/y " and directory(
    "t/", mtime=77) + brief("t/z u/ .wh.u") + END, "t/.wh.x"],
    "t/ t/z u/", change={b"t": {"mtime": 77 * NS}})
vector("V38, root", [directory("./", mtime=5) + brief("a") + END, "b"],
       "a b")
LONG = "/".join(["n" * 50] * 7)
NAMES = (b"latin-\xe9", b"new\nline", b"back\\slash", b"sp ace", b"e\xcc\x81",
         b"\xc3\xa9", b"-x", b"\xff\xfe", b"x" * 255, b"tab\t\x01\x1b[31m")
vector("V39, names", [b"".join(
    file(x[:100], ext=[("path", x)] if len(x) > 100 else ()) for x in NAMES) +
    END], change={k: v for x in NAMES for k, v in one_file(x, "").items()})
vector("V39, names in pax", [b"".join(file("x", ext=[("path", x)])
                                      for x in NAMES) + END],
       change={k: v for x in NAMES for k, v in one_file(x, "").items()})
IMPLIED = " ".join("/".join(["n" * 50] * i) + "/!" for i in range(1, 8))
for how, data in (
        ("pax", file("short", "1", ext=[("path", LONG + "/f")])),
        ("gnu", gnu_long(b"L", LONG + "/f") + file("short", "1",
                                                   magic=b"ustar  \0"))):
    vector("V39, long name, " + how, [data + END], f"{IMPLIED} {LONG}/f=1")
vector("V39, ustar prefix", [file("f" * 100, "1", prefix=b"p" * 155) + END],
       "p" * 155 + "/! " + "p" * 155 + "/" + "f" * 100 + "=1")
vector("V39, gnu has no prefix", [file(
    "f", "1", magic=b"ustar  \0", prefix=b"p") + END], "f=1")
vector("V39, long link, gnu", [gnu_long(b"K", LONG) + symlink(
    "l", "short", magic=b"ustar  \0") + END], "l->" + LONG)
vector("V39, long link, pax", [symlink("l", "short", ext=[
    ("linkpath", LONG)]) + END], "l->" + LONG)
vector("V39, hardlink by linkpath alone", [brief("a=1") + hardlink(
    "h", "", ext=[("linkpath", "a")]) + END], "a=1 h=>a")
vector("V39, pax wins", [file("no", "1234567", uid=1, gid=2, mtime=3, ext=[
    ("uid", "3000000"), ("gid", "3000001"), ("path", "yes"),
    ("mtime", "9")]) + END], change=one_file(
        "yes", "1234567", uid=3000000, gid=3000001, mtime=9 * NS))
vector("V39, pax size wins", [pax([("size", "3")]) + header(
    "a", size=9999) + pad(b"abc") + brief("b") + END], "a=abc b")
vector("V39, base 256", [file("a", uid=3000000, gid=4294967294) + END],
       change=one_file("a", "", uid=3000000, gid=4294967294))
vector("V39, an empty value takes back", [file("a", ext=[
    ("path", "b"), ("path", ""), ("uid", "7"), ("uid", "")]) + END], "a")
refuse("V39, uid 2^32-1", [file("a", uid=4294967295) + END],
       "a: no such user id")
refuse("V39, uid 2^40", [file("a", ext=[("uid", str(1 << 40))]) + END],
       "a: no such user id")
refuse("V39, empty name", [file("") + END], "/: an entry without a name")
refuse("V39, 256 bytes", [file("x", ext=[("path", "n" * 256)]) + END],
       "n" * 256 + ": a name is over 255 bytes")
refuse("V39, path too long", [file("x", ext=[("path", "n/" * 2048 + "n")]) +
                              END], None)
vector("trailing slash", [file("d/") + brief("d/x") + END], "d/ d/x",
       change={b"d": {"mode": 0o644}})
vector("V7", [file("a", "1", magic=bytes(8), kind=b"\0") + entry(
    "d/", b"\0", magic=bytes(8)) + END], "a=1 d/",
    change={b"d": {"mode": 0o644}})
vector("contiguous", [file("a", "1", kind=b"7") + END], "a=1")
vector("star", [file("a", "1", prefix=b"p", fields=[
    (345 + 131, b"00000000001 00000000001 "), (508, b"tar\0")]) + END],
    "p/! p/a=1")
vector("spaces in numbers", [file("a", "1", fields=[
    (100, b"   644 \0"), (124, b"          1 ")]) + END], "a=1")
for what, at, bad in (("mode", 100, b"0000x44"), ("owner", 108, b"00 0001"),
                      ("group", 116, b"9999999"), ("size", 124, b"0000000001x"),
                      ("time", 136, b"1e9")):
    refuse("a bad " + what, [file("a", fields=[(at, bad)]) + END],
           f"a: the {what} is no number (header at byte 0)")
refuse("a negative size", [file("a", fields=[(124, b"\xff" * 12)]) + END],
       "a: the size is no number (header at byte 0)")
for kind in b"sDMNVAX8Z\x01\xff":
    k = bytes([kind])
    shown = f"'{chr(kind)}'" if 32 < kind < 127 else f"0x{kind:02x}"
    refuse(f"V41, type {k!r}", [header("a", k) + END],
           f"a: unknown type {shown} of entry")

# --- pax records ---

MALFORMED = "a pax record is malformed (header at byte 512)"
for bad in (b"x", b"5 a=b\n", b"6 a=b", b"7 a=b\n", b"06a=b\n", b"6 a:b\n",
            b"5 =b\n", b"-6 a=b\n", b"99999999999999999999 a=b\n",
            b"6 a=b\n\0", b"7 a\0=b\n", b" 6 a=b\n", b"4 a\n"):
    if bad == b"6 a=b\n":
        continue
    refuse(f"pax record {bad!r}", [pax(bad) + file("f") + END], MALFORMED)
    refuse(f"global pax record {bad!r}",
           [pax(bad, b"g") + file("f") + END], MALFORMED)
BAD_NUMBER = "a pax number is malformed (header at byte 512)"
for key, bad in (("uid", "-1"), ("gid", "x"), ("size", "1.5"),
                 ("mtime", "1e9"), ("mtime", "1.2.3"), ("mtime", "-"),
                 ("mtime", "."), ("size", "9223372036854775808"),
                 ("mtime", " 1"), ("uid", "0x1")):
    refuse(f"pax {key}={bad}", [file("f", ext=[(key, bad)]) + END],
           BAD_NUMBER)
refuse("pax NUL in a path", [file("f", ext=[("path", b"a\0b")]) + END],
       "a NUL in a pax name (header at byte 512)")
refuse("two pax headers", [pax([("uid", "1")]) + file(
    "f", ext=[("gid", "1")]) + END],
    "two pax headers for one entry (header at byte 1024)")
refuse("pax and GNU differ", [gnu_long(b"L", "a") + file(
    "f", ext=[("path", "b")]) + END],
    "two different long names (header at byte 2048)")
refuse("a header for nothing", [pax([("uid", "1")]) + END],
       "the archive is cut short")
vector("global header", [pax([("comment", "x"), ("uid", "9")], b"g") +
                         brief("a") + END], "a")
refuse("global header sizes", [pax([("size", "9")], b"g") + brief("a") + END],
       "a global pax header names or sizes files (header at byte 512)")

# --- attributes and special files ---

CAP = bytes.fromhex("0100000200040000000000000000000000000000")
vector("V40", [file("s", "x", mode=0o4755, uid=1000, gid=1000) +
               file("g", "x", mode=0o2755, uid=1000) +
               file("c", "x", uid=3, ext=[
                   (b"SCHILY.xattr.security.capability", CAP)]) +
               directory("r/", mode=0o555) + brief("r/x") +
               directory("z/", mode=0) + brief("z/x") +
               directory("t/", mode=0o1777) + END],
       "r/ r/x z/ z/x t/", change={
           **one_file("s", "x", mode=0o4755, uid=1000, gid=1000),
           **one_file("g", "x", mode=0o2755, uid=1000),
           **one_file("c", "x", uid=3, xattrs={"security.capability": CAP}),
           b"r": {"mode": 0o555}, b"z": {"mode": 0}, b"t": {"mode": 0o1777}})
vector("set-group-ID parent", [directory("m/", mode=0o2775, gid=8) +
                               brief("m/f m/l->x m/d/ m/i/x h=>m/f") + END,
                               "m/g"],
       "m/ m/f m/l->x m/d/ m/i/! m/i/x h=>m/f m/g",
       change={b"m": {"mode": 0o2775, "gid": 8}})
DEFAULT_ACL = bytes.fromhex(
    "02000000" "01000700ffffffff" "02000700feff0000" "04000500ffffffff"
    "10000700ffffffff" "20000500ffffffff")
HANDING = directory("d/", ext=[
    ("SCHILY.xattr.system.posix_acl_default", DEFAULT_ACL)])
HANDED = {b"d": {"xattrs": {"system.posix_acl_default": DEFAULT_ACL}},
          **one_file("d/s", "", mode=0o4750, uid=7),
          b"d/p": {"type": "fifo", "mode": 0o644}}
vector("default ACL", [HANDING + brief(
    "d/f=1 d/e/ d/e/g d/i/x d/l->f") + file("d/s", mode=0o4750, uid=7) +
    entry("d/p", b"6") + END, "d/later d/e/"],
    "d/ d/f=1 d/e/ d/e/g d/i/! d/i/x d/l->f d/later", change=HANDED)
vector("default ACL and own ACL", [HANDING + file("d/f", ext=[
    ("SCHILY.xattr.system.posix_acl_access", DEFAULT_ACL)]) + END], "d/",
    change={b"d": HANDED[b"d"], **one_file(
        "d/f", "", mode=0o775,
        xattrs={"system.posix_acl_access": DEFAULT_ACL})})
vector("default ACL goes", [HANDING + END, "d/ d/f"], "d/ d/f")
vector("xattrs", [file("a", "1", ext=[
    ("SCHILY.xattr.user.a", b"b\0in=\n"), ("SCHILY.xattr.user.e", ""),
    ("LIBARCHIVE.xattr.user.l%41", "aGkA"),
    ("SCHILY.xattr.user.d", "1"), ("SCHILY.xattr.user.d", "2"),
    ("SCHILY.xattr.security.selinux", "x"),
    ("SCHILY.xattr.trusted.overlay.opaque", "y"),
    ("SCHILY.xattr.user.overlay.opaque", "y")]) + END],
    change=one_file("a", "1", xattrs={
        "user.a": b"b\0in=\n", "user.e": b"", "user.lA": b"hi\0",
        "user.d": b"2"}))
refuse("an xattr over 64 KiB", [file("a", ext=[
    ("SCHILY.xattr.user.a", "x" * 65537)]) + END],
    "a: an extended attribute is over 64 KiB")
vector("V41", [entry("p", b"6", mode=0o600, uid=4) +
               entry("c", b"3", major=1, minor=3, mode=0o666) +
               entry("z", b"3") +
               entry("b", b"4", major=259, minor=70000, gid=6) + END],
       change={
           b"p": {"type": "fifo", "mode": 0o600, "uid": 4},
           b"c": {"type": "char", "mode": 0o666, "device": (1, 3)},
           b"z": {"type": "char", "mode": 0o644, "device": (0, 0)},
           b"b": {"type": "block", "mode": 0o644, "device": (259, 70000),
                  "gid": 6}})
refuse("V41, no such device", [entry("c", b"3", major=1 << 20) + END],
       "c: no such device number")
vector("V45", [directory("d/", uid=4, ext=[("SCHILY.xattr.user.a", "1")]) +
               brief("d/x") + END, directory("d/", mode=0o700, mtime=9) +
               END], "d/ d/x",
       change={b"d": {"mode": 0o700, "mtime": 9 * NS}})
vector("V45, set-group-ID goes", [directory("d/", mode=0o6755, gid=4) + END,
                                  "d/"], "d/")

# --- sparse files ---

HOLE = b"A" * 512 + bytes(1024) + b"B" * 300
SPARSE = one_file("s", HOLE + bytes(5000 - len(HOLE)))
STORED = b"A" * 512 + b"B" * 300


def old_sparse(pairs, size, real, extra=b"", body=STORED, kind=b"S"):
    fields = [(386 + 24 * n, octal(a, 12) + octal(b, 12))
              for n, (a, b) in enumerate(pairs)]
    return header("s", kind, size, magic=b"ustar  \0", fields=fields + [
        (482, b"\1" if extra else b"\0"), (483, octal(real, 12))]
        ) + extra + pad(body)


NEXT = brief("n=1")
NEXT_TREE = {**SPARSE, **one_file("n", "1")}
vector("V42, old GNU", [old_sparse(
    [(0, 512), (1536, 300), (5000, 0)], 812, 5000) + NEXT + END],
    change=NEXT_TREE)
EXTRA = b"".join(octal(a, 12) + octal(b, 12)
                 for a, b in ((1536, 300), (5000, 0))).ljust(512, b"\0")
vector("V42, old GNU, extended", [old_sparse(
    [(0, 128), (128, 128), (256, 128), (384, 128)], 812, 5000, EXTRA) +
    NEXT + END], change=NEXT_TREE)
vector("V42, 0.0", [file("s", STORED, ext=[
    ("GNU.sparse.size", "5000"), ("GNU.sparse.numblocks", "2"),
    ("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "512"),
    ("GNU.sparse.offset", "1536"), ("GNU.sparse.numbytes", "300")]) + NEXT +
    END], change=NEXT_TREE)
vector("V42, 0.1", [file("GNUSparseFile.1/s", STORED, ext=[
    ("GNU.sparse.size", "5000"), ("GNU.sparse.numblocks", "2"),
    ("GNU.sparse.name", "s"), ("GNU.sparse.map", "0,512,1536,300")]) + NEXT +
    END], change=NEXT_TREE)


def sparse10(text, real="5000", stored=STORED, **kw):
    return file("GNUSparseFile.1/s", pad(raw(text)) + stored, ext=[
        ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "s"), ("GNU.sparse.realsize", real)], **kw)


vector("V42, 1.0", [sparse10("3\n0\n512\n1536\n300\n5000\n0\n") + NEXT +
                    END], change=NEXT_TREE)
vector("V42, 1.0, only a hole", [sparse10("0\n", "70000", b"") + NEXT + END],
       change={**one_file("s", bytes(70000)), **one_file("n", "1")})
vector("V42, 1.0, a long map", [sparse10("200\n" + "".join(
    f"{i * 2}\n1\n" for i in range(200)), "400", b"x" * 200) + NEXT + END],
    change={**one_file("s", b"x\0" * 200), **one_file("n", "1")})
NO_FIT = "s: the sparse map does not fit the sizes"
ORDER = "s: the sparse map is out of order"
BROKEN = "s: the sparse map is malformed"
for text, why in (("1\n0\n511\n", NO_FIT), ("1\n4800\n812\n", NO_FIT),
                  ("2\n600\n300\n0\n512\n", ORDER),
                  ("2\n0\n512\n511\n300\n", ORDER),
                  ("x\n", BROKEN), ("\n", BROKEN), ("1\n0\n", BROKEN),
                  ("1\n-1\n812\n", BROKEN),
                  ("1\n0\n9999999999999999999\n", BROKEN)):
    refuse(f"V42, 1.0, {text!r}", [sparse10(text) + END], why)
refuse("V42, 0.1, odd", [file("x", STORED, ext=[
    ("GNU.sparse.size", "5000"), ("GNU.sparse.map", "0,512,1536")]) + END],
    "the sparse map is malformed (header at byte 512)")
MIXED = "two kinds of sparse map for one entry"
OFFSET, SIZE, LIST, NO_LIST, MAJOR, MINOR = (
    ("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "812"),
    ("GNU.sparse.map", "0,812"), ("GNU.sparse.map", ""),
    ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"))
for n, (ext, why) in enumerate((
        ([("SCHILY.xattr.user.a", bytes(32)), OFFSET, NO_LIST, SIZE], MIXED),
        ([OFFSET, NO_LIST, SIZE], MIXED), ([OFFSET, LIST, SIZE], MIXED),
        ([NO_LIST, OFFSET, SIZE], MIXED), ([OFFSET, MINOR, SIZE], MIXED),
        ([OFFSET, SIZE, MAJOR], MIXED), ([LIST, MAJOR, MINOR], MIXED),
        ([SIZE], BROKEN[3:]), ([OFFSET, SIZE, SIZE], BROKEN[3:]))):
    refuse(f"V42, mixed {n}", [file("s", "x" * 812, ext=[
        ("GNU.sparse.size", "5000"), *ext]) + END],
        why + " (header at byte 512)")
vector("V42, taken back", [file("s", "x" * 812, ext=[
    ("GNU.sparse.size", "5000"), ("GNU.sparse.name", "t"),
    ("GNU.sparse.name", ""), LIST, NO_LIST, LIST]) + END],
    change=one_file("s", b"x" * 812 + bytes(4188)))
refuse("V42, old, no fit", [old_sparse([(0, 512)], 812, 5000) + END], NO_FIT)
refuse("V42, 2.0", [file("s", ext=[
    ("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"),
    ("GNU.sparse.realsize", "1")]) + END],
    "s: an unknown kind of sparse file")

# --- where a link led is not taken for where it leads now ---

vector("links, replaced", ["a/ b/ l->a l/x/1 l->b l/x/2"],
       "a/ a/x/! a/x/1 b/ b/x/! b/x/2 l->b")
vector("links, target replaced", ["a/ l->a l/x/1 a=1 l/x/2 l/y"],
       "a/! a/x/! a/x/2 a/y l->a")
vector("links, whited out", ["a/ b/ l->a l/x/1", "l/x/2 .wh.l l/x/3",
                             ".wh.a a/x/4 c/ l->a l/x/5"],
       "a/! a/x/! a/x/4 a/x/5 b/ c/ l->a")
vector("links, of one name's beginning", [
    "a/ b/ lib->a libs->b lib/x/1 libs/x/2 lib/x/3 li/x/4 libs/y lib/y"],
    "a/ a/x/! a/x/1 a/x/3 a/y b/ b/x/! b/x/2 b/y li/! li/x/! li/x/4 "
    "lib->a libs->b")
vector("links, one after another", [
    "a/ a/b/ a/b/c/ k->a// a/l->./b/. k/l/c/1 k/l/c/2 a/m->/k/../k/l/ "
    "k/m/c/3 k/2 k/m/c/d/4 k/l/c/5 k/m/6"],
    "a/ a/2 a/b/ a/b/6 a/b/c/ a/b/c/1 a/b/c/2 a/b/c/3 a/b/c/5 a/b/c/d/! "
    "a/b/c/d/4 a/l->./b/. a/m->/k/../k/l/ k->a//")

# --- limits ---

refuse("entries", ["a b c"], "over the limit of 2 entries",
       env={"CHR_MAX_ENTRIES": "2"})
vector("entries, just", ["a b c"], "a b c", env={"CHR_MAX_ENTRIES": "3"})
refuse("entries, implied", ["a/b/c/d/e"], "over the limit of 3 entries",
       env={"CHR_MAX_ENTRIES": "3"})
refuse("bytes", [file("a", bytes(100000)) + END],
       "over the limit of 50000 bytes", env={"CHR_MAX_BYTES": "50000"})
refuse("bytes, of all layers", [file("a", bytes(40000)) + END,
                                file("b", bytes(40000)) + END],
       "over the limit of 50000 bytes", env={"CHR_MAX_BYTES": "50000"})
refuse("bytes after the end mark", [brief("a") + bytes(100000)],
       "over the limit of 50000 bytes", env={"CHR_MAX_BYTES": "50000"})


def main():
    top = os.path.abspath(sys.argv[1])
    chosen = [v for v in VECTORS
              if not sys.argv[2:] or v[0] in sys.argv[2:]]
    place = Place(top)
    failed = 0
    print(f"1..{len(chosen)}")
    for n, vec in enumerate(chosen, 1):
        try:
            problems = verdict(place, vec)
        except AssertionError as e:
            problems = [str(e)]
        failed += bool(problems)
        print(f"{'not ' if problems else ''}ok {n} {vec[0]}")
        for line in problems[:12]:
            print("#   " + line.replace("\n", "\\n")[:400])
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
