"""A declared handler setting turned into the user's own handler, or into the reason why it can't be."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from defender.errors import DefenderError, DetectionError, RewriteRefused
from defender.iac.folders import Tree
from defender.iac.lookup import Value
from defender.iac.wrappers import resolve_handler


@dataclass(frozen=True, slots=True)
class Setting:
    """The handler that a file gives to the function `owner`, and where it does."""

    owner: str
    value: Value
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The user's own handler; the product that wraps it; or the error to report where it is needed."""

    handler: str | None = None
    wrapped_by: str | None = None
    trouble: DefenderError | None = None


def settle(setting: Setting, environment: Mapping[str, str | None], root: str | None, tree: Tree) -> Settled:
    """Look through other products' wrappers; `root` is the function's task root as far as known."""
    text = setting.value.text
    if text is None:
        return Settled(trouble=_unknown(setting))
    own_file = posixpath.join(root or "", text.rpartition(".")[0] + ".py")
    try:
        resolved = resolve_handler(
            text,
            environment,
            path=setting.path,
            line=setting.line,
            in_package=tree.has_file(own_file),
        )
    except RewriteRefused as error:
        return Settled(trouble=error)
    return Settled(resolved.handler, resolved.wrapped_by)


def _unknown(setting: Setting) -> DefenderError | None:
    """The error for a handler that is given but not to be read; a missing one is no error of the file's."""
    if setting.value.reason is None:
        return None
    return DetectionError(
        f"the handler of {setting.owner} can't be read from the file: {setting.value.reason}",
        path=setting.path,
        line=setting.line,
        hint="name it with --handler FILE.FUNCTION",
    )


def evidence(setting: Setting, runtime: Value, code: str) -> str:
    """One line that says where a function is declared and what each statement rests on."""
    parts = [f"{setting.owner} in {setting.path}:{setting.line}"]
    for name, value in (("handler", setting.value), ("runtime", runtime)):
        if value.text is not None:
            assumed = f" (by {', '.join(value.assumed)})" if value.assumed else ""
            parts.append(f"{name} {value.text}{assumed}")
    return ", ".join([*parts, code])
