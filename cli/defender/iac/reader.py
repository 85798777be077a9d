"""Reads all candidate files of one archive: the part of the search that needs parsers.

Kept apart so that a package without infrastructure-as-code does not pay for importing them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from defender.edits.yaml import Document
from defender.errors import DefenderError, DetectionError
from defender.iac.cloudformation import template_functions
from defender.iac.documents import Documents, parse_document
from defender.iac.folders import Tree, resolve_path
from defender.iac.generator import is_generator_template
from defender.iac.intrinsics import Parameters
from defender.iac.lookup import get
from defender.iac.model import DeclaredFunction, Readable
from defender.iac.samconfig import SamConfig, read_samconfig
from defender.iac.search import (
    MAX_BYTES,
    Candidates,
    has_functions,
    is_clearly_service,
    is_clearly_template,
)
from defender.iac.serverless import Service

_MAX_PARSED = 8 << 20
_DEFAULT_TEMPLATES = ("template.yaml", "template.yml", "template.json")


class Reader:
    """Collects from all candidate files of one archive."""

    def __init__(self, archive: Readable, found: Candidates) -> None:
        self.archive = archive
        self.found = found
        self.tree = Tree(archive.members)
        self.documents = Documents(archive, self.tree, parse_document)
        self.functions: list[DeclaredFunction] = []
        self.warnings: list[str] = []
        self.files: list[str] = []
        self.services: list[str] = []
        self.elsewhere: list[str] = []
        self.errors: list[DefenderError] = []
        self.left_out = found.left_out
        self.parsed = 0

    def read_all(self) -> None:
        """Fill the lists; errors in files that are clearly ours to read are collected."""
        configs = self._configs()
        for path in self.found.templates:
            self._try(self._template(path, configs))
        for path in self.found.services:
            self._try(self._service(path))
        for path in self.found.programs:
            self.warnings.append(
                f"{path} belongs to a program, which is not run: its functions are not known"
            )
        if self.left_out:
            self.warnings.append(f"{self.left_out} further YAML and JSON files were not looked into")

    def _try(self, found: Iterator[DeclaredFunction]) -> None:
        try:
            self.functions += list(found)
        except DetectionError as error:
            self.errors.append(error)

    def _data(self, path: str) -> bytes | None:
        """The file's bytes, unless it is larger than any template may be."""
        return self.archive.read(path) if self.archive.members[path].size <= MAX_BYTES else None

    def _may_parse(self, data: bytes) -> bool:
        """Whether the budget allows one more file: a parser in Python takes seconds for a megabyte."""
        self.parsed += len(data)
        if self.parsed > _MAX_PARSED:
            self.left_out += 1
        return self.parsed <= _MAX_PARSED

    def _configs(self) -> dict[str, SamConfig]:
        """samconfig.toml files by the template that each is about."""
        found: dict[str, SamConfig] = {}
        for path in self.found.configs:
            data = self._data(path)
            if data is None:
                continue
            try:
                config = read_samconfig(data, path)
            except DetectionError as error:
                self.errors.append(error)
                continue
            self.files.append(path)
            for name in self._templates_of(config):
                found.setdefault(name, config)
        return found

    def _templates_of(self, config: SamConfig) -> Iterator[str]:
        folder = posixpath.dirname(config.path)
        named = None if config.template is None else resolve_path(folder, config.template)
        if named is not None and self.tree.has_file(named):
            yield named
        else:
            yield from (posixpath.join(folder, name) for name in _DEFAULT_TEMPLATES)

    def _template(self, path: str, configs: Mapping[str, SamConfig]) -> Iterator[DeclaredFunction]:
        data = self._data(path)
        if data is None or not has_functions(data) or not self._may_parse(data):
            return
        document = self._document(path, is_clearly_template(data))
        if document is None:
            return
        config = configs.get(path, SamConfig(""))
        parameters = Parameters(
            path,
            get(document.root, "Parameters", path),
            config.overrides,
            config.path or "samconfig.toml",
            config.region,
        )
        self.files.append(path)
        yield from template_functions(document, self.tree, parameters)

    def _service(self, path: str) -> Iterator[DeclaredFunction]:
        data = self._data(path)
        if data is None or not is_clearly_service(data) or not self._may_parse(data):
            return
        document = self._document(path, is_clearly_service(data))
        if document is None:
            return
        self.files.append(path)
        service = Service(document, self.tree, self.documents.included)
        if service.provider_name != "aws":
            self.warnings.append(f"{path} is for {service.provider_name}: its functions are not read")
            self.elsewhere.append(path)
            return
        self.services.append(path)
        yield from service.functions()

    def _document(self, path: str, is_clear: bool) -> Document | None:
        """The parsed file; None for what is not clearly ours to understand."""
        try:
            return self.documents.parsed(path)
        except DetectionError as error:
            if is_generator_template(self.archive.read(path).decode("utf-8", "replace")):
                self.warnings.append(f"{path} is a project generator's template and was not read")
                return None
            if not is_clear:
                return None
            raise DetectionError(
                error.message,
                path=path,
                line=error.line,
                column=error.column,
                hint="mend the file, or name the function with --handler FILE.FUNCTION",
            ) from error
