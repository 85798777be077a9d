"""Bundlers that IaC has build a function: what they make of the source lacks every file that no `import` names.

The agent's native library is such a file. Bundlers that a project runs by itself are the Node.js runtime's business.
"""

from __future__ import annotations

from defender.edits.yaml import Node
from defender.errors import RewriteRefused
from defender.iac.lookup import get, items
from defender.iac.model import DeclaredFunction
from defender.iac.serverless import Service
from defender.iac.variables import Place

# They copy what `package.patterns` names beside the bundle (serverless-esbuild: copyExtras in src/index.ts).
_COPYING = frozenset({"serverless-esbuild"})
_OTHERS = frozenset(
    {
        "serverless-webpack",
        "serverless-bundle",
        "serverless-rollup-plugin",
        "serverless-plugin-parcel",
        "serverless-plugin-optimize",
        "serverless-plugin-ncc",
        "serverless-esbuild-layers",
        "@haftahave/serverless-ncc",
        "serverless-vite-plugin",
    }
)


def is_bundled(service: Service) -> bool:
    """Whether a bundler makes the service's packages.

    Raises RewriteRefused for a bundler that can't be told to take the agent along.
    """
    plugins = service.variables.child(service.root, "plugins")
    modules = service.variables.child(plugins, "modules") or plugins
    names = set() if modules is None else {_text(service, modules, node) for node in items(modules.node)}
    if names & _OTHERS:
        raise RewriteRefused(
            f"{min(names & _OTHERS)} builds the functions, and leaves the agent's native library out",
            path=service.path,
            line=None if modules is None else modules.node.line,
            hint="embed the packages that `serverless package` made",
        )
    build = service.variables.child(service.root, "build")
    return bool(names & _COPYING) or (
        build is not None and get(build.node, "esbuild", service.path) is not None
    )


def _text(service: Service, holder: Place, node: Node) -> str:
    return service.variables.text(Place(node, holder.document)).text or ""


def refuse_esbuild(function: DeclaredFunction) -> None:
    """Raise RewriteRefused for a function that SAM has esbuild build: nothing but the bundle is packaged."""
    if function.build_method == "esbuild":
        raise RewriteRefused(
            f"{function.logical_id} is built by esbuild, which leaves the agent's native library out",
            path=function.source,
            line=function.line,
            hint=f"run `sam build`, then embed .aws-sam/build/{function.logical_id}",
        )
