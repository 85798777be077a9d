"""The parsed files of an archive, each parsed once.

Which files are worth parsing is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from defender.edits.yaml import Document, parse
from defender.iac.folders import Tree
from defender.iac.generator import blanked, is_generator_template
from defender.iac.json_document import parse_json
from defender.iac.model import Readable
from defender.iac.search import MAX_BYTES
from defender.iac.serverless import Service

_INCLUDABLE = (".yml", ".yaml", ".json")


class Documents:
    """Parses members of an archive on demand with one of the two functions below."""

    def __init__(self, archive: Readable, tree: Tree, parse: Callable[[bytes, str], Document]) -> None:
        self._archive = archive
        self._tree = tree
        self._parse = parse
        self._parsed: dict[str, Document] = {}

    def parsed(self, path: str) -> Document:
        """The document of a member; raises DetectionError with the line."""
        if path not in self._parsed:
            self._parsed[path] = self._parse(self._archive.read(path), path)
        return self._parsed[path]

    def included(self, path: str) -> Document | None:
        """A file that another one names; None where it is missing, too large, or a program.

        Raises DetectionError with the line where it is malformed.
        """
        if not self._tree.has_file(path) or not path.lower().endswith(_INCLUDABLE):
            return None
        return self.parsed(path) if self._archive.members[path].size <= MAX_BYTES else None


def parse_document(data: bytes, path: str) -> Document:
    """A YAML or JSON file's tree; a generator's placeholders count as values that are not known.

    Raises DetectionError with the line.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and not data.lstrip().startswith(b"{{"):
        return parse_json(data, path)
    text = data.decode("utf-8-sig", "replace")
    if is_generator_template(text):
        return parse(data, path, text=blanked(text))
    return parse(data, path)


def parse_for_edit(data: bytes, path: str) -> Document:
    """Like `parse_document`, but every node has its offsets, in JSON as well.

    Raises DetectionError with the line.
    """
    text = data.decode("utf-8-sig", "replace")
    return parse(data, path, text=blanked(text) if is_generator_template(text) else None)


def open_service(archive: Readable, path: str) -> Service:
    """A service whose documents can be edited, with the files that it includes.

    Raises DetectionError with the line when its own file can't be read.
    """
    tree = Tree(archive.members)
    documents = Documents(archive, tree, parse_for_edit)
    return Service(documents.parsed(path), tree, documents.included)
