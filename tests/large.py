#!/usr/bin/env python3
# See LICENSE.
"""large.py KIND LAYOUT [SIZE] - a large image as an OCI layout, its name "x"

debian   SIZE files of this machine's packages, or all where it has fewer, gcc,
         perl, python3 and git first, in four layers; the upper take away and replace
busybox  a root of busybox, one layer
layers   127 layers, each with a file of its own and a change to the one before
files    SIZE times 990 files in ten directories; a second layer that makes
         every tenth directory opaque and whites out a file in the others
upper    500 files in each of SIZE directories of the second layer, which ends
         with an opaque marker in each
zeros    SIZE GiB of zeros, compressed
"""
import gzip
import hashlib
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position,wildcard-import,unused-wildcard-import
from layers import *  # noqa: E402,F403

FIRST = ("gcc", "cpp", "g++", "binutils", "perl", "libperl", "python3",
         "libpython3", "git", "libc6", "linux-libc-dev")


def squash(data):
    return gzip.compress(data, 1, mtime=0), digest(data)


def packages():
    names = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\n"],
                           check=True, capture_output=True,
                           text=True).stdout.split()
    return sorted(names, key=lambda n: (not n.startswith(FIRST), n))


def host_paths(size):
    """Directories before what is in them, so many paths that are there."""
    found = {}
    for name in packages():
        listed = subprocess.run(["dpkg-query", "-L", name], check=False,
                                capture_output=True, text=True).stdout
        for path in listed.splitlines():
            if path.startswith("/usr/") and os.path.lexists(path) and \
                    os.path.realpath(os.path.dirname(path)) == \
                    os.path.dirname(path) and "\\" not in path:
                found[path[1:]] = True
        if len(found) >= size:
            break
    paths = sorted(found)
    assert len(paths) >= size // 2, f"only {len(paths)} files"
    return paths[:size]


def tar_of(paths):
    return subprocess.run(
        ["tar", "--format=pax", "--no-recursion", "--verbatim-files-from",
         "-C", "/", "-T", "-", "-c"], input="\n".join(paths).encode(),
        check=True, stdout=subprocess.PIPE).stdout


def debian(size):
    paths = host_paths(size)
    half = len(paths) // 2
    below = [tar_of(paths[:half]), tar_of(["usr"] + paths[half:])]
    plain = [p for p in paths
             if os.path.isfile("/" + p) and not os.path.islink("/" + p)]
    gone = plain[::40]
    marks = b"".join(
        file(os.path.join(os.path.dirname(p), ".wh." + os.path.basename(p)))
        for p in gone if len(p) < 90)
    other = b"".join(file(p, "replaced", mode=0o4755, uid=7)
                     for p in plain[5::40] if len(p) < 100)
    opaque = os.path.dirname(plain[-1])
    return [squash(x) for x in below] + [
        squash(marks + other + END),
        squash(file(opaque + "/.wh..wh..opq") + file(opaque + "/new") + END)]


def busybox(_):
    path = "/tmp/x"
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            break
    with open(path, "rb") as f:
        data = f.read()
    applets = subprocess.run([path, "--list"], check=True, text=True,
                             capture_output=True).stdout.split()
    return [squash(
        brief("bin/ etc/ tmp/ etc/passwd=root:x:0:0::/:/bin/sh") +
        file("bin/busybox", data, mode=0o4755) +
        b"".join(hardlink("bin/" + a, "bin/busybox") for a in applets
                 if a != "busybox") + END)]


def layers(_):
    out = []
    for n in range(127):
        text = f"d/ d/f{n}={n} same={n} "
        if n % 3 == 2:
            text += f"d/.wh.f{n - 1} "
        if n % 10 == 9:
            text += f"e{n}/ e{n}/x h{n}=>d/f{n} "
        out.append(squash(brief(text) + END))
    return out


def files(size):
    below = b"".join(
        directory(f"d{d}/") + b"".join(file(f"d{d}/f{n}", "x")
                                       for n in range(99))
        for d in range(size * 10))
    above = b"".join(
        file(f"d{d}/.wh..wh..opq") + file(f"d{d}/new") if d % 10 == 0 else
        file(f"d{d}/.wh.f{d % 99}") for d in range(size * 10))
    return [squash(below + END), squash(above + END)]


def upper(size):
    above = b"".join(
        directory(f"d{d}/") + file(f"d{d}/f") +
        b"".join(hardlink(f"d{d}/f{n}", f"d{d}/f") for n in range(499))
        for d in range(size))
    marks = b"".join(file(f"d{d}/.wh..wh..opq") for d in range(size))
    last = f"d{size - 1}"
    return [squash(brief(f"d0/ d0/gone {last}/ {last}/gone") + END),
            squash(above + marks + END)]


def zeros(size):
    size, chunk = size << 30, bytes(64 << 20)
    head = header("zeros", size=size)
    whole = hashlib.sha256(head)
    member = gzip.compress(chunk, 1)
    times = size // len(chunk)
    for _ in range(times):
        whole.update(chunk)
    whole.update(END)
    return [(gzip.compress(head) + member * times + gzip.compress(END),
             "sha256:" + whole.hexdigest())]


def main():
    kind, out = sys.argv[1:3]
    size = int(sys.argv[3] or 0)
    write_image(out, {"debian": debian, "busybox": busybox, "layers": layers,
                      "files": files, "upper": upper,
                      "zeros": zeros}[kind](size),
                kind="layer.v1.tar+gzip")
    with open(out + "/index.json", encoding="ascii") as f:
        index = json.load(f)
    index["manifests"][0]["annotations"] = {
        "org.opencontainers.image.ref.name": "x"}
    with open(out + "/index.json", "w", encoding="ascii") as f:
        json.dump(index, f)


main()
