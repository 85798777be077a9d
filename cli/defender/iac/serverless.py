"""Functions in a Serverless Framework service: serverless.yml, .yaml or .json with provider aws.

Configurations that are programs (serverless.ts, .js) are never run; plugins are not known here,
save that serverless-python-requirements makes `module` a function's root, and what `has_plugin` is asked for.
https://www.serverless.com/framework/docs/providers/aws/guide/functions
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from defender.edits.yaml import Document, Scalar, Sequence
from defender.errors import DetectionError
from defender.iac.built import built_from
from defender.iac.folders import Tree, resolve_path
from defender.iac.handlers import Setting, Settled, evidence, settle
from defender.iac.lookup import Value, entries, get, is_true, items
from defender.iac.model import DeclaredFunction
from defender.iac.variables import Place, Variables

KIND = "serverless"
# Plugins that bundle Node.js functions.
_BUNDLERS = re.compile(r"esbuild|webpack|bundle|optimize|ncc|rollup|parcel|vite|rspack|swc")
# Such as 3, ^3.38.0, ~2.72, 3.x: no range that goes on.
_BEFORE_4 = re.compile(r"\s*[\^~=v]?\s*[123](?:\.(?:\d+|[x*])){0,2}\s*")


class Service:
    """One service: its functions, and what they inherit.

    `load` gives a parsed file of the input or None.
    """

    def __init__(self, document: Document, tree: Tree, load: Callable[[str], Document | None]) -> None:
        self.path = document.path
        self.folder = posixpath.dirname(document.path)
        self.tree = tree
        self.variables = Variables(document, load)
        self.root = self.variables.root
        self.provider = self._child(self.root, "provider")
        self.package = self._child(self.root, "package")

    def _child(self, place: Place | None, key: str) -> Place | None:
        return self.variables.child(place, key)

    @property
    def provider_name(self) -> str:
        """The cloud; aws where the file does not say."""
        if self.provider is not None and isinstance(self.provider.node, Scalar):
            return self.provider.node.text
        return self.variables.raw_text(self.provider, "name").text or "aws"

    @property
    def individually(self) -> bool:
        """Whether every function gets a package of its own."""
        place = self._child(self.package, "individually")
        return place is not None and is_true(place.node)

    def has_plugin(self, name: str) -> bool:
        """Whether the service loads a plugin of this name, in either of the forms that the list can have."""
        return name in self.plugins

    def is_packaged_alone(self, function: Place) -> bool:
        """Whether a function gets a package of its own, by the service's word or by its own."""
        place = self._child(self._child(function, "package"), "individually")
        return self.individually or (place is not None and is_true(place.node))

    @property
    def version(self) -> str:
        """Which versions of the framework the service asks for; "" where it doesn't say."""
        return self.variables.raw_text(self.root, "frameworkVersion").text or ""

    @property
    def bundles_nothing(self) -> bool:
        """Whether the framework packages files as they are: before version 4, and without a plugin that builds."""
        is_old = _BEFORE_4.fullmatch(self.version) is not None
        return is_old and self.bundler is None and not any("typescript" in name for name in self.plugins)

    @property
    def asks_for_4(self) -> bool:
        """Whether it is version 4, which bundles by itself."""
        return self.version.lstrip("^~>=v ").startswith("4")

    @property
    def plugins(self) -> tuple[str, ...]:
        """The names in the list of plugins; what a variable stands for is not among them."""
        place = self._child(self.root, "plugins")
        listed = self._child(place, "modules") or place
        found = items(listed.node) if listed is not None else ()
        return tuple(one.text for one in found if isinstance(one, Scalar))

    @property
    def typescript_configuration(self) -> Value:
        """The configuration that serverless-plugin-typescript is told to take."""
        options = self._child(self._child(self.root, "custom"), "serverlessPluginTypescript")
        return self.variables.raw_text(options, "tsConfigFileLocation")

    @property
    def bundler(self) -> str | None:
        """What bundles the service's Node.js functions: a plugin, or the framework itself since version 4."""
        for name in self.plugins:
            if _BUNDLERS.search(name):
                return name
        built = self._child(self._child(self.root, "build"), "esbuild")
        if built is not None and isinstance(built.node, Scalar) and not is_true(built.node):
            return None  # `esbuild: false` turns it off in version 4
        return "esbuild" if built is not None or self.asks_for_4 else None

    def functions(self) -> Iterator[DeclaredFunction]:
        """All functions that can be found in the files.

        Raises DetectionError for a key given twice where it matters.
        """
        if self.provider_name != "aws":
            return
        for key, place in self.function_places():
            yield self._function(key, place)

    def function_places(self) -> Iterator[tuple[Scalar, Place]]:
        """Each function's key and definition; `functions` may be a map or a list of maps."""
        whole = self._child(self.root, "functions")
        if whole is None:
            return
        parts: list[Place | None] = [whole]
        if isinstance(whole.node, Sequence):
            parts = [self.variables.place(item, whole.document) for item in whole.node.items]
        seen: set[str] = set()
        for part in parts:
            for key, node in entries(part.node if part is not None else None):
                document = part.document if part is not None else self.variables.document
                place = self.variables.place(node, document)
                if key.text in seen:
                    message = f"two functions are called {key.text}"
                    raise DetectionError(message, path=document.path, line=key.line)
                seen.add(key.text)
                if place is not None and not isinstance(place.node, Scalar):
                    yield key, Place(place.node, place.document)

    def _function(self, key: Scalar, place: Place) -> DeclaredFunction:
        environment = self._environment(self.provider) | self._environment(place)
        is_image = get(place.node, "image", place.document.path) is not None
        root, artifact, code = self._code(place)
        source = place.document.path
        line = key.line if source == self.path or place.node.line == 1 else place.node.line
        setting = Setting(key.text, self.variables.raw_text(place, "handler"), source, line)
        settled = Settled() if is_image else settle(setting, environment, root, self.tree)
        runtime = self._inherited(place, "runtime")
        architecture = self._inherited(place, "architecture").text
        return DeclaredFunction(
            logical_id=key.text,
            source=source,
            line=line,
            kind=KIND,
            evidence=evidence(setting, runtime, code),
            name=self._name(key.text, place),
            handler=settled.handler,
            runtime=runtime.text,
            task_root=None if is_image else root,
            environment=environment,
            architectures=() if architecture is None else (architecture,),
            region=self.variables.raw_text(self.provider, "region").literal,
            is_image=is_image,
            has_layers=self._has_layers(place),
            artifact=artifact,
            build_method=self.bundler if (runtime.text or "nodejs").startswith("nodejs") else None,
            wrapped_by=settled.wrapped_by,
            setting=setting.value.text,
            trouble=settled.trouble,
        )

    def _inherited(self, place: Place, key: str) -> Value:
        own = self.variables.raw_text(place, key)
        if own.text is None and own.reason is None:
            return self.variables.raw_text(self.provider, key)
        return own

    def _name(self, key: str, place: Place) -> str | None:
        """The function's name if all of it is literal; by default service, stage and key are joined."""
        if get(place.node, "name", place.document.path) is not None:
            return self.variables.raw_text(place, "name").literal
        service = self.variables.raw_text(self.root, "service").literal
        if service is None:
            holder = self._child(self.root, "service")
            service = self.variables.raw_text(holder, "name").literal
        stage = self.variables.raw_text(self.provider, "stage").literal
        return None if service is None or stage is None else f"{service}-{stage}-{key}"

    def _environment(self, holder: Place | None) -> dict[str, str | None]:
        block = self._child(holder, "environment")
        found: dict[str, str | None] = {}
        if block is None:
            return found
        for key, value in entries(block.node):
            text = self.variables.text(Place(value, block.document)).literal
            found[key.text] = None if key.text in found else text
        return found

    def _code(self, place: Place) -> tuple[str | None, str | None, str]:
        """The function's task root, its ready-made archive, and the evidence for them."""
        own = self._child(place, "package")
        artifact = self.variables.raw_text(own, "artifact")
        if artifact.text is None and artifact.reason is None:
            artifact = self.variables.raw_text(self.package, "artifact")
        if artifact.reason is not None:
            return None, None, f"package.artifact can't be told: {artifact.reason}"
        if artifact.text is not None:
            return self._artifact(artifact.text)
        module = self.variables.raw_text(place, "module")
        if module.text is None or not self.is_packaged_alone(place):
            return self.folder, None, "the folder of the service"
        root = resolve_path(self.folder, module.text)
        if root is None or not self.tree.has_folder(root):
            return None, None, f"module {module.text} is not in the input"
        handler = self.variables.raw_text(place, "handler").text or ""
        if handler.startswith(f"{module.text.rstrip('/')}/"):
            return self.folder, None, "the folder of the service, from which the handler's path goes"
        return root, None, f"module {module.text}"

    def _artifact(self, text: str) -> tuple[str | None, str | None, str]:
        """The project that makes the archive which is deployed, else that archive itself."""
        path = resolve_path(self.folder, text)
        project = None if path is None else built_from(self.tree, path)
        if project is not None:
            return project, None, f"package.artifact {text}, built from {project or 'the input'}"
        found = path if path is not None and self.tree.has_file(path) else None
        return None, found, f"package.artifact {text}"

    def _has_layers(self, place: Place) -> bool:
        return any(
            layers is not None and bool(items(layers.node))
            for layers in (self._child(place, "layers"), self._child(self.provider, "layers"))
        )
