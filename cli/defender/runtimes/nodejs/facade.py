"""The facade: an ES module whose handler comes from elsewhere moves aside, and a new one exports all of it.

For re-exports, destructuring and `export *`: their bindings can be neither assigned to nor enclosed. All
other names stay the live bindings that they are.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from defender.archive import Archive, Kind
from defender.edits.source import Source, walk
from defender.errors import RewriteRefused
from defender.plan import AddFile, DropFile, Plan
from defender.resources import template
from defender.runtimes.nodejs import bindings, large
from defender.runtimes.nodejs.modules import Format, Module
from defender.runtimes.nodejs.source import parse, statements, text_of

_RULE = "nodejs.facade"
_SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx")
_LARGEST = 1 << 20
_AGENT = "twistlock"


def original_of(path: str) -> str:
    """Where the module moves: `index.mjs` to `index.original.mjs`."""
    stem, ending = posixpath.splitext(path)
    return f"{stem}.original{ending}"


def build(archive: Archive, modules: Sequence[Module], grammar: str) -> Plan:
    """The plan that puts a facade in the place of a file with these handlers.

    Raises RewriteRefused where moving the file would change what its code means.
    """
    path, data = modules[0].path, archive.read(modules[0].path)
    for module in modules:
        _refuse_nested(module)
    listed = large.exported(data) if large.is_large(data) else frozenset()
    if listed >= {module.keys[0] for module in modules}:
        if large.has_own_address(data):
            raise _moving(path)
        has_default = "default" in listed
    else:
        source = parse(path, data, grammar)
        for module in modules:
            bindings.binding(source, module)
        _refuse_own_address(source)
        has_default = _has_default(source)
    _refuse_cycles(archive, path)
    moved = original_of(path)
    why = "the handler comes from another module: this one exports all of it, the handler wrapped"
    facade = AddFile(path, _text(modules, has_default).encode(), _RULE, why, _mode(archive, path))
    original = AddFile(moved, data, _RULE, f"what was {posixpath.basename(path)}", _mode(archive, path))
    return Plan(added=(facade, original), dropped=(DropFile(path, _RULE, f"it moves to {moved}"),))


def _mode(archive: Archive, path: str) -> int:
    return (archive.members[path].mode or 0o644) & 0o777


def _text(modules: Sequence[Module], has_default: bool) -> str:
    names = list(dict.fromkeys(module.export for module in modules))
    locals_ = {name: f"original{index or ''}" for index, name in enumerate(names)}
    lines = [_export(name, local) for name, local in locals_.items()]
    is_typescript = modules[0].format is Format.TYPESCRIPT
    original = posixpath.basename(original_of(modules[0].path))
    path = f"'./{_imported(original) if is_typescript else original}'"
    if "default" not in names and has_default:
        lines.insert(0, f"export {{ default }} from {path};")
    return template(
        "nodejs",
        "facade.mjs.j2",
        agent=f"* as {_AGENT}" if is_typescript else _AGENT,
        agent_path=f"'{modules[0].agent('index.js')}'",
        imports=", ".join(f"{name} as {local}" for name, local in locals_.items()),
        path=path,
        exports="\n".join(lines),
    )


def _imported(original: str) -> str:
    """A TypeScript file as another imports it."""
    stem, ending = posixpath.splitext(original)
    return stem + {".mts": ".mjs", ".cts": ".cjs"}.get(ending, "")


def _export(name: str, local: str) -> str:
    call = f"{_AGENT}.handler({local})"
    return f"export default {call};" if name == "default" else f"export const {name} = {call};"


def _has_default(source: Source) -> bool:
    for statement in statements(source):
        if statement.type != "export_statement":
            continue
        if any(child.type == "default" for child in statement.children):
            return True
        if any(
            text_of(source, one.child_by_field_name("alias") or one.child_by_field_name("name")) == "default"
            for clause in statement.named_children
            if clause.type == "export_clause"
            for one in clause.named_children
            if one.type == "export_specifier"
        ):
            return True
    return False


def _refuse_nested(module: Module) -> None:
    if len(module.keys) > 1 or module.export == _AGENT:
        raise RewriteRefused(
            f"{module.export!r} comes from another module, and no facade can wrap it",
            path=module.path,
            hint="export the handler itself",
        )


def _refuse_own_address(source: Source) -> None:
    """What asks whether this very file was started would get another answer in a file of another name."""
    if b"import.meta" not in source.data:
        return
    for node in walk(source.root):
        text = text_of(source, node) if node.type == "member_expression" else ""
        compared = node.type == "binary_expression" and b"import.meta" in source.bytes_of(node)
        if compared or text in ("import.meta.filename", "import.meta.main"):
            line, column = source.position(node.start_byte)
            raise _moving(source.path, line, column)


def _moving(path: str, line: int | None = None, column: int | None = None) -> RewriteRefused:
    return RewriteRefused(
        "the module has to move, and its code depends on its own file name",
        path=path,
        line=line,
        column=column,
        hint="export the handler by a function or constant of this file's own",
    )


def _refuse_cycles(archive: Archive, path: str) -> None:
    """A module that imports this one would get the facade while that is being loaded."""
    # Bundlers find the ending by themselves, and a folder's index file by the folder's name.
    stem = re.escape(posixpath.splitext(posixpath.basename(path))[0])
    folder = r"|\.{1,2}/?" if stem == "index" else ""
    wanted = re.compile(rf"""['"](?:\.{{1,2}}/(?:[^'"]*/)?{stem}(?:\.\w+)?{folder})['"]""".encode())
    for other, member in archive.members.items():
        foreign = "node_modules" in other.split("/") or other.startswith(("twistlock/",))
        if foreign or other == path or member.kind is not Kind.FILE or member.size > _LARGEST:
            continue
        if other.endswith(_SOURCES) and wanted.search(archive.read(other)):
            raise RewriteRefused(
                f"the module has to move, and {other} imports it",
                path=path,
                hint="export the handler by a function or constant of this file's own",
            )
