"""All functions that a package's infrastructure-as-code declares.

Only gathers: the formats have their own modules. A file that is clearly IaC and can't be read is an
error; any other file is left alone.
"""

from __future__ import annotations

from defender.archive.model import Kind
from defender.iac.model import Declared, Readable
from defender.iac.search import candidates, likely


def declared_functions(archive: Readable, *, strict: bool = True) -> Declared:
    """Every function that templates and services in the package declare, nearest to its root first.

    With `strict`, raises DetectionError (path and line) for a file that is clearly
    infrastructure-as-code and can't be read; without, such errors are in the result. PackageError
    when a member can't be read.
    """
    members = archive.members
    found = candidates(name for name in likely(members) if members[name].kind is Kind.FILE)
    if found.is_empty:
        return Declared()
    # Most deployment packages hold no candidate, and the parsers cost as much as all the rest.
    from defender.iac.reader import Reader

    reader = Reader(archive, found)
    reader.read_all()
    if strict and reader.errors:
        raise reader.errors[0]
    return Declared(
        tuple(reader.functions),
        tuple(dict.fromkeys(reader.warnings)),
        tuple(reader.files),
        tuple(reader.errors),
        tuple(reader.services),
        tuple(reader.elsewhere),
    )
