"""Functions in SAM and CloudFormation templates: the two resource types, and SAM's Globals.

Nested applications and stacks are other templates, found where they lie; macros and Fn::ForEach are
not run.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from defender.edits.yaml import Document, Mapping, Node, Scalar
from defender.errors import DetectionError
from defender.iac.built import built_from
from defender.iac.folders import Tree, resolve_path
from defender.iac.handlers import Setting, Settled, evidence, settle
from defender.iac.intrinsics import Parameters, resolve
from defender.iac.lookup import BLANK, Value, entries, get, items, literal, walk
from defender.iac.model import DeclaredFunction

SAM = "AWS::Serverless::Function"
LAMBDA = "AWS::Lambda::Function"
_ARCHIVES = (".zip", ".jar", ".war")


@dataclass(frozen=True, slots=True)
class _Code:
    """Where a function's code lies, as far as the template tells."""

    task_root: str | None = None
    artifact: str | None = None
    output: str | None = None
    inline: bool = False
    evidence: str = ""


def template_functions(
    document: Document, tree: Tree, parameters: Parameters
) -> tuple[DeclaredFunction, ...]:
    """All functions of one template.

    Raises DetectionError for a key that is given twice where it matters.
    """
    return tuple(_functions(document, tree, parameters))


def _functions(document: Document, tree: Tree, parameters: Parameters) -> Iterator[DeclaredFunction]:
    path = document.path
    defaults = walk(document.root, path, "Globals", "Function")
    resources = get(document.root, "Resources", path)
    seen: set[str] = set()
    for key, resource in entries(resources):
        kind = literal(get(resource, "Type", path)) if isinstance(resource, Mapping) else None
        if kind not in (SAM, LAMBDA):
            continue
        if key.text in seen:
            message = f"two resources are called {key.text}"
            raise DetectionError(message, path=path, line=key.line)
        seen.add(key.text)
        reader = _Reader(document, tree, parameters, resource, defaults if kind == SAM else None)
        yield reader.function(key, kind)


class _Reader:
    """Reads one resource; `defaults` is SAM's Globals.Function."""

    def __init__(
        self,
        document: Document,
        tree: Tree,
        parameters: Parameters,
        resource: Node,
        defaults: Node | None,
    ) -> None:
        self.path = path = document.path
        self.document = document
        self.tree = tree
        self.parameters = parameters
        self.properties = get(resource, "Properties", path)
        self.metadata = get(resource, "Metadata", path)
        self.defaults = defaults

    def function(self, key: Scalar, kind: str) -> DeclaredFunction:
        """The resource as a function."""
        code = self._sam_code() if kind == SAM else self._lambda_code()
        environment = self._environment()
        is_image = self._value("PackageType").text == "Image" or self._node("ImageUri") is not None
        setting = Setting(key.text, self._value("Handler"), self.path, key.line)
        settled = Settled() if is_image else settle(setting, environment, code.task_root, self.tree)
        runtime = self._value("Runtime")
        return DeclaredFunction(
            logical_id=key.text,
            source=self.path,
            line=key.line,
            kind=kind,
            evidence=evidence(setting, runtime, code.evidence),
            name=self._value("FunctionName").literal,
            handler=settled.handler,
            runtime=runtime.text,
            task_root=None if is_image else code.task_root,
            environment=environment,
            architectures=self._architectures(),
            region=self.parameters.region,
            is_image=is_image,
            is_inline=code.inline,
            has_layers=bool(items(self._node("Layers"))),
            artifact=code.artifact,
            output=code.output,
            build_method=literal(get(self.metadata, "BuildMethod", self.path)),
            wrapped_by=settled.wrapped_by,
            setting=setting.value.text,
            trouble=settled.trouble,
        )

    def _node(self, name: str) -> Node | None:
        own = get(self.properties, name, self.path)
        return own if own is not None else get(self.defaults, name, self.path)

    def _value(self, name: str) -> Value:
        return resolve(self._node(name), self.parameters)

    def _environment(self) -> dict[str, str | None]:
        """The variables, Globals first; None where the value is not literal or given twice."""
        found: dict[str, str | None] = {}
        for source in (self.defaults, self.properties):
            variables = walk(source, self.path, "Environment", "Variables")
            own: dict[str, str | None] = {}
            for key, value in entries(variables):
                text = resolve(value, self.parameters).literal
                own[key.text] = None if key.text in own else text
            found |= own
        return found

    def _architectures(self) -> tuple[str, ...]:
        values = [resolve(item, self.parameters).text for item in items(self._node("Architectures"))]
        return tuple(value for value in values if value is not None)

    def _sam_code(self) -> _Code:
        if self._node("InlineCode") is not None:
            return _Code(inline=True, evidence="inline code")
        node = self._node("CodeUri")
        if node is None:
            return self._asset() or self._folder(Value("."), "no CodeUri")
        return self._generated(node) or self._folder(resolve(node, self.parameters), "CodeUri")

    def _lambda_code(self) -> _Code:
        code = self._node("Code")
        if get(code, "ZipFile", self.path) is not None:
            return _Code(inline=True, evidence="inline code")
        return self._asset() or self._folder(resolve(code, self.parameters), "Code")

    def _asset(self) -> _Code | None:
        """The folder that the CDK and `sam build` name in the metadata of a resource."""
        asset = literal(get(self.metadata, "aws:asset:path", self.path))
        if asset is None or literal(get(self.metadata, "aws:asset:property", self.path)) == "Layer":
            return None
        return self._folder(Value(asset), "aws:asset:path")

    def _generated(self, node: Node) -> _Code | None:
        """The folder whose name is the same project generator's placeholder as a CodeUri."""
        if not isinstance(node, Scalar) or BLANK not in node.text:
            return None
        written = self.document.text[node.start : node.end].strip("'\"")
        wanted = resolve_path(posixpath.dirname(self.path), written)
        found = None if wanted is None else self.tree.folder_of_placeholder(wanted)
        return None if found is None else _Code(task_root=found, evidence=f"CodeUri {written}")

    def _folder(self, value: Value, origin: str) -> _Code:
        if value.text is None:
            return _Code(evidence=f"{origin} can't be told: {value.reason or 'it is missing'}")
        path = resolve_path(posixpath.dirname(self.path), value.text)
        shown = f"{origin} {value.text}"
        if path is None:
            return _Code(evidence=f"{shown} lies outside of the input")
        project = built_from(self.tree, path)
        if project is not None:
            return _Code(
                task_root=project, output=path, evidence=f"{shown}, built from {project or 'the input'}"
            )
        if self.tree.has_file(path) and path.lower().endswith(_ARCHIVES):
            return _Code(artifact=path, evidence=shown)
        if not self.tree.has_folder(path):
            return _Code(evidence=f"{shown} is not in the input")
        assumed = f" (by {', '.join(value.assumed)})" if value.assumed else ""
        return _Code(task_root=path, evidence=shown + assumed)
