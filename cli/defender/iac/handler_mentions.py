"""Programs that deploy functions (CDK, Pulumi, Terraform) and name a handler that became another: for people to change.

Nothing of them is run, so what a name is there for is not known.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from defender.archive.model import Kind
from defender.iac.model import Readable
from defender.plan import Setting

_PROGRAMS = (
    ".ts",
    ".js",
    ".mjs",
    ".py",
    ".java",
    ".kt",
    ".cs",
    ".go",
    ".tf",
    ".tf.json",
    ".hcl",
    ".toml",
    ".sh",
)
_ASIDE = frozenset(
    {"twistlock", "node_modules", "cdk.out", "target", "build", "bin", "obj", ".venv", "test", "tests"}
)
_LARGEST = 1 << 20


def mentions(archive: Readable, settings: Iterable[Setting]) -> Iterator[str]:
    """A line for each place where a program names the handler of a setting that is still to be made."""
    pending = {one.handler: one for one in settings if not one.made_in}
    quoted = {
        quote + name.encode() + quote: one for name, one in pending.items() for quote in (b'"', b"'", b"`")
    }
    for path, member in archive.members.items() if quoted else ():
        folders = posixpath.dirname(path).split("/")
        if member.kind is not Kind.FILE or not path.endswith(_PROGRAMS) or member.size > _LARGEST:
            continue
        if _ASIDE & set(folders):
            continue
        data = archive.read(path)
        for text, setting in quoted.items():
            at = data.find(text)
            if at >= 0:
                line = data.count(b"\n", 0, at) + 1
                yield f"{path}:{line} names {setting.handler}: where that is the handler setting, write {setting.after}"
