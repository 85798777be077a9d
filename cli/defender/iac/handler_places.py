"""Where the handler settings of declared functions stand in their files."""

from __future__ import annotations

from defender.edits.yaml import Document, Mapping, Node, Scalar
from defender.edits.yaml_value import replace_value
from defender.iac.documents import Documents, open_service, parse_for_edit
from defender.iac.folders import Tree
from defender.iac.lookup import get, walk
from defender.iac.model import Declared, DeclaredFunction, Readable
from defender.iac.serverless import KIND


class Places:
    """Looks declared functions up in the files of one archive, each parsed once, with offsets."""

    def __init__(self, archive: Readable, declared: Declared) -> None:
        """Nothing is parsed yet."""
        self._archive = archive
        self._services = declared.services
        self._documents = Documents(archive, Tree(archive.members), parse_for_edit)
        self._settings: dict[tuple[str, str], tuple[Document, Node | None]] | None = None

    def of(self, function: DeclaredFunction) -> tuple[Document, Scalar] | None:
        """The literal that gives the function its handler; None where it is none, or can't be replaced."""
        found = self._service(function) if function.kind == KIND else self._template(function)
        if found is None:
            return None
        document, node = found
        is_literal = isinstance(node, Scalar) and node.text == function.setting
        if not isinstance(node, Scalar) or not is_literal or replace_value(document, node, "") is None:
            return None
        return document, node

    def _template(self, function: DeclaredFunction) -> tuple[Document, Node | None]:
        """Its own setting, else that of SAM's Globals."""
        path = function.source
        document = self._documents.parsed(path)
        resource = walk(document.root, path, "Resources", function.logical_id, "Properties")
        own = get(resource, "Handler", path)
        if own is None and function.kind == "AWS::Serverless::Function":
            own = walk(document.root, path, "Globals", "Function", "Handler")
        return document, own

    def _service(self, function: DeclaredFunction) -> tuple[Document, Node | None] | None:
        if self._settings is None:
            self._settings = {}
            for path in self._services:
                for key, place in open_service(self._archive, path).function_places():
                    if isinstance(place.node, Mapping):
                        setting = get(place.node, "handler", place.document.path)
                        self._settings[place.document.path, key.text] = (place.document, setting)
        return self._settings.get((function.source, function.logical_id))
