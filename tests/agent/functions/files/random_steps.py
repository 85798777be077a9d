"""Many calls in a random order on a small tree: what each answers, and what the tree is in the end."""

import os
import random
import shutil
import stat

from native import HERE, call
from ways import ways

_NAMES = ["a", "b", "c", "link", "loop", "n" * 255, "new\nline", "ü"]
_FLAGS = [
    "O_CREAT",
    "O_EXCL",
    "O_TRUNC",
    "O_APPEND",
    "O_NOFOLLOW",
    "O_DIRECTORY",
    "O_NONBLOCK",
    "O_CLOEXEC",
    "O_PATH",
]
_STEPS = 250


class _Walk:
    """Draws paths and makes the calls; the working directory moves within the tree."""

    def __init__(self, root, seed):
        self.root = root
        self.draw = random.Random(seed)

    def path(self):
        """One that leads nowhere out of the tree, whatever links there are by now."""
        while True:
            path = self._any()
            if (os.path.realpath(path) + "/").startswith(self.root + "/"):
                return path

    def _any(self):
        """Some path to something in the tree or to nothing, written in one of the ways that paths are.

        Nothing may lead out of the tree: parts ".." stand behind real folders alone, and in no link.
        """
        draw = self.draw
        parts = [draw.choice([*_NAMES[:5], *_NAMES, ".", ""]) for _ in range(draw.randint(1, 3))]
        path = "/".join(parts).lstrip("/") or "."
        path += draw.choice(["", "", "", "/", "//", "/."])
        below = [folder for folder, _, _ in os.walk(self.root) if folder != self.root]
        up = f"{draw.choice(sorted(below))}/../" if below else ""
        return draw.choice([f"{self.root}/{path}", f"{self.root}/./{path}", path, up + path])

    def flags(self):
        draw = self.draw
        chosen = draw.sample(_FLAGS, draw.randint(0, 3))
        flags = draw.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
        for name in chosen:
            flags |= getattr(os, name)
        return flags | os.O_NONBLOCK

    def open(self):
        opened = os.open(self.path(), self.flags(), 0o640)
        try:
            status = os.fstat(opened)
            return [stat.filemode(status.st_mode), status.st_nlink, self._use(opened)]
        finally:
            os.close(opened)

    def _use(self, opened):
        try:
            return os.write(opened, b"text") if self.draw.random() < 0.5 else os.read(opened, 20).decode()
        except OSError as error:
            return -error.errno

    def open_at(self):
        folder = os.open(self.root, os.O_PATH)
        try:
            return os.close(os.open(self.path(), self.flags(), dir_fd=folder))
        finally:
            os.close(folder)

    def link(self):
        return os.link(self.path(), self.path(), follow_symlinks=self.draw.random() < 0.5)

    def symlink(self):
        return os.symlink(self.draw.choice([*_NAMES[:5], "a/b", self.root + "/a", "."]), self.path())

    def exchange(self):
        return call("renameat2", HERE, self.path(), HERE, self.path(), self.draw.choice([0, 1, 2, 3]))

    def chdir(self):
        """Into a folder of the tree, or back."""
        os.chdir(self.draw.choice([self.root, self.path()]))

    def one(self):
        simple = {
            "mkdir": lambda: os.mkdir(self.path(), self.draw.choice([0o700, 0o755])),
            "rmdir": lambda: os.rmdir(self.path()),
            "unlink": lambda: os.unlink(self.path()),
            "rename": lambda: os.rename(self.path(), self.path()),
            "truncate": lambda: os.truncate(self.path(), self.draw.randint(0, 9)),
            "chmod": lambda: os.chmod(self.path(), self.draw.choice([0o600, 0o644, 0o755])),
            "listdir": lambda: sorted(os.listdir(self.path())),
            "mkfifo": lambda: os.mkfifo(self.path()),
            "remove": lambda: call("remove", self.path()),
        }
        moving = {
            name: getattr(self, name) for name in ("open", "open_at", "link", "symlink", "exchange", "chdir")
        }
        chosen = {**simple, **moving}
        name = self.draw.choice([*chosen, "open", "open", "mkdir", "symlink"])
        try:
            return name, chosen[name]()
        except OSError as error:
            return name, -error.errno


def _tree(root):
    """Names, kinds, contents and numbers of links of all that is there."""
    found = []
    for folder, folders, files in sorted(os.walk(root)):
        for name in sorted(folders + files):
            status = os.lstat(f"{folder}/{name}")
            held = None
            if stat.S_ISLNK(status.st_mode):
                held = os.readlink(f"{folder}/{name}")
            elif stat.S_ISREG(status.st_mode):
                with open(f"{folder}/{name}", encoding="utf-8") as file:
                    held = file.read()
            found.append([folder, name, stat.filemode(status.st_mode), status.st_nlink, held])
    return found


def _many(seed):
    def attack(at):
        root, before = at.open + "/tree", os.getcwd()
        os.makedirs(root + "/a/b")
        walk = _Walk(root, seed)
        os.chdir(root)
        try:
            answers = [walk.one() for _ in range(_STEPS)]
        finally:
            os.chdir(before)
        tree = _tree(root)
        shutil.rmtree(root)
        return [answers, tree]

    return attack


@ways("random")
def _random():
    return {str(seed): _many(seed) for seed in range(40)}
