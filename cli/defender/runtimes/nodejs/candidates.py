"""Node.js functions that look like handlers, for packages that say nowhere which one it is."""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.runtimes.model import Candidate

# An export of one of the usual names.
_LOOKS_LIKE_HANDLER = re.compile(
    rb"^(?:(?:module\.)?exports\.(\w*[hH]andler)[ \t]*=(?!=)"
    rb"|export[ \t]+(?:const|let|var)[ \t]+(\w*[hH]andler)\b"
    rb"|export[ \t]+(?:async[ \t]+)?function[ \t]+(\w*[hH]andler)\b)",
    re.M,
)
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_FOREIGN = frozenset(
    {"test", "tests", "__tests__", "node_modules", ".aws-sam", "twistlock", "coverage", "docs"}
)
_DEEPEST = 3
_LARGEST = 1 << 20
_MOST = 400


def candidates(archive: Archive) -> tuple[Candidate, ...]:
    """Exports in the user's files that are named like handlers; installed packages and tests don't count."""
    found: dict[str, Candidate] = {}
    paths = [
        name
        for name, member in archive.members.items()
        if name.endswith(_ENDINGS)
        and not name.endswith((".d.ts", ".test.js", ".spec.js", ".test.ts", ".spec.ts", ".config.js"))
        and member.kind is Kind.FILE
        and member.size <= _LARGEST
        and len(name.split("/")) <= _DEEPEST
        and not _FOREIGN & set(name.split("/"))
    ]
    for path in paths[:_MOST]:
        for match in _LOOKS_LIKE_HANDLER.finditer(archive.read(path)):
            export = next(filter(None, match.groups())).decode()
            handler = f"{posixpath.splitext(path)[0]}.{export}"
            found.setdefault(handler, Candidate(handler, f"{path} exports {export}"))
    return tuple(found.values())
