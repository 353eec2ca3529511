#!/usr/bin/env python3
# See LICENSE.
"""model.py DIRECTORY [COUNT [SEED]] - random images against a model

The model applies layers to a tree in memory by the rules of chr-store(5),
UNPACKING, and knows nothing of how chr-pull does it.
"""
import os
import random
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from layers import (END, NS, Place, directory, entry, file, hardlink,  # noqa
                    symlink)


class Refused(Exception):
    pass


class Missing(Exception):
    pass


class Node:
    def __init__(self, kind, parent=None, mtime=0, mode=0o755, **more):
        self.kind, self.parent, self.mtime = kind, parent, mtime
        self.mode, self.children = mode, {}
        self.data, self.target = more.get("data"), more.get("target")


def clean(path, clamp):
    parts = []
    for part in path.split("/"):
        if part == "..":
            if not parts and not clamp:
                raise Refused
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts


class Model:
    def __init__(self):
        self.root = Node("dir")
        self.root.parent = self.root
        self.layer = 0
        self.own = self.below = self.pruned = None

    def begin(self):
        self.layer += 1
        self.own, self.below, self.pruned = set(), set(), set()

    def resolve(self, parts, make, what=None):
        """The directory that the names lead to."""
        at, todo, links = self.root, list(parts), 0
        while todo:
            name = todo.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                at = at.parent
                continue
            node = at.children.get(name)
            if node is not None and node.kind == "link":
                links += 1
                if links > 40:
                    raise Refused
                if node.target.startswith("/"):
                    at = self.root
                todo = node.target.split("/") + todo
            elif node is not None and node.kind == "dir":
                at = node
            elif make:
                at.children[name] = at = Node("dir", at)
            else:
                raise Missing
        return at

    def mark(self, node):
        while id(node) not in self.below:
            self.below.add(id(node))
            self.own.add(node)  # keeps it alive: its id is not used again
            node = node.parent

    def is_own(self, d, name):
        return (id(d), name) in self.own

    def remove_lower(self, d, name):
        node = d.children.get(name)
        if node is None:
            return
        if node.kind == "dir" and (
                self.is_own(d, name) or id(node) in self.below):
            self.prune(node)
        elif not self.is_own(d, name):
            del d.children[name]

    def prune(self, d):
        if id(d) not in self.pruned:
            self.pruned.add(id(d))
            self.own.add(d)
            for name in list(d.children):
                self.remove_lower(d, name)

    def whiteout(self, parts):
        name = parts[-1]
        if name in (".wh.", ".wh..", ".wh..."):
            raise Refused
        try:
            d = self.resolve(parts[:-1], False) if self.layer > 1 else None
        except Missing:
            return
        if d is None:
            return
        if name == ".wh..wh..opq":
            self.prune(d)
        else:
            self.remove_lower(d, name[4:])

    def add(self, kind, path, mode, mtime, extra):
        parts = clean(path, False)
        if not parts:
            if kind != "dir":
                raise Refused
            return
        name = parts[-1]
        if name.startswith(".wh."):
            self.whiteout(parts)
            return
        d = self.resolve(parts[:-1], True)
        self.mark(d)
        self.own.add((id(d), name))
        self.put(d, name, kind, mode, mtime, extra)

    def put(self, d, name, kind, mode, mtime, extra):
        old = d.children.get(name)
        if kind == "hard":
            target = clean(extra, True)
            if not target:
                raise Refused
            try:
                node = self.resolve(target[:-1], False).children.get(target[-1])
            except Missing:
                node = None
            if node is None or node.kind == "dir":
                raise Refused
            inside = node
            if old is not None and old.kind == "dir":
                del d.children[name]
                try:
                    inside = self.resolve(
                        target[:-1], False).children.get(target[-1])
                except Missing:
                    inside = None
                if inside is not node:
                    raise Refused
            d.children[name] = node
        elif kind == "dir" and old is not None and old.kind == "dir":
            old.mode, old.mtime = mode, mtime
        else:
            d.children[name] = Node(kind, d, mtime, mode, data=extra,
                                    target=extra)

    def listing(self):
        found, links, todo = {}, {}, [("", self.root)]
        while todo:
            path, node = todo.pop()
            it = found[os.fsencode(path)] = {
                "type": node.kind, "uid": 0, "gid": 0, "xattrs": {}}
            if path:
                it["mtime"] = node.mtime
            if node.kind != "link":
                it["mode"] = node.mode
            if node.kind == "file":
                it["data"] = node.data
            elif node.kind == "link":
                it["target"] = os.fsencode(node.target)
            if node.kind == "dir":
                todo += [(os.path.join(path, name), child)
                         for name, child in node.children.items()]
            else:
                links.setdefault(id(node), []).append(os.fsencode(path))
                it["links"] = links[id(node)]
        for it in found.values():
            if "links" in it:
                it["links"].sort()
                it["nlink"] = len(it["links"])
        return found


class Maker:
    """Random layers: few names, so that they meet."""

    def __init__(self, rng):
        self.rng = rng
        self.models = [Model()]

    def path(self, most=4):
        rng = self.rng
        parts = [rng.choice("abc") for _ in range(rng.randint(1, most))]
        if rng.random() < .05:
            parts.insert(rng.randrange(len(parts)),
                         rng.choice((".", "", "..")))
        return "/".join(parts)

    def target(self):
        return self.rng.choice(("", "/", "../", "../../", "./")) + self.path(2)

    def one(self):
        rng = self.rng
        kind = rng.choices(
            ("file", "dir", "link", "hard", "fifo", "wh", "opq"),
            (30, 25, 12, 6, 3, 12, 6))[0]
        path, mtime = self.path(), rng.randrange(1, 2 * 10 ** 9)
        mode = rng.choice((0o644, 0o600, 0o755, 0o2755, 0o4711, 0o1777))
        extra = None
        if kind == "wh" or kind == "opq":
            head, _, tail = path.rpartition("/")
            path = (head + "/" if head else "") + ".wh." + (
                tail if kind == "wh" else ".wh..opq")
            kind = "file"
            extra = b""
        elif kind == "file":
            extra = b"%x" % rng.getrandbits(40)
        elif kind == "link":
            extra = self.target()
        elif kind == "hard":
            extra = self.known() or self.path()
        return kind, path, mode, mtime, extra

    def known(self):
        found = [p for p, it in self.models[0].listing().items()
                 if it["type"] != "dir"]
        return os.fsdecode(self.rng.choice(sorted(found))) if found else None

    def layer(self):
        """Bytes, and whether the model takes them."""
        out, model = b"", self.models[0]
        model.begin()
        for _ in range(self.rng.randint(1, 14)):
            kind, path, mode, mtime, extra = self.one()
            more = {"mode": mode, "mtime": mtime}
            if kind == "file":
                out += file(path, extra, **more)
            elif kind == "dir":
                out += directory(path + "/", **more)
            elif kind == "link":
                out += symlink(path, extra, **more)
            elif kind == "hard":
                out += hardlink(path, extra, **more)
            else:
                out += entry(path, b"6", **more)
            try:
                model.add(kind, path, mode, mtime * NS, extra)
            except Refused:
                return out + END, False
        return out + END, True


def differences(got, expected):
    return [f"{name}: {got.get(name)}, expected {expected.get(name)}"
            for name in sorted(set(got) | set(expected))
            if name not in got or name not in expected or any(
                got[name].get(k) != v for k, v in expected[name].items())]


def one_image(place, seed):
    maker = Maker(random.Random(seed))
    layers, good = [], True
    while good and len(layers) < 4:
        data, good = maker.layer()
        layers.append(data)
    status, message, got = place.pull(layers)
    if not good:
        return [] if status == 6 else [
            f"status {status}, expected to be refused: {message}"]
    if status != 0 or message:
        return [f"status {status}: {message}"]
    return differences(got, maker.models[0].listing())


def main():
    place = Place(os.path.abspath(sys.argv[1]))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    first = int(sys.argv[3]) if len(sys.argv) > 3 else random.getrandbits(32)
    failed = 0
    for seed in range(first, first + count):
        problems = one_image(place, seed)
        if problems:
            failed += 1
            print(f"seed {seed}: (again: model.py DIRECTORY 1 {seed})")
            for line in problems[:5]:
                print("   ", line[:500])
    print(f"seeds {first} to {first + count - 1}: {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
