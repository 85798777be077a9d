"""Where templates and bundles lie, in an installed package and in a checkout; the only module that knows.

It hands out text and paths and does not look into them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from defender.errors import DefenderError

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = Path(__file__).parent
_DATA = _PACKAGE / "_data"


def template(family: str, name: str, **values: str) -> str:
    """The text of `templates/<family>/<name>` with its values filled in."""
    return _environment().get_template(f"{family}/{name}").render(values)


def bundle_path(family: str) -> Path:
    """The ZIP that holds our own bundle for a runtime family; raises DefenderError when it was not built."""
    path = _DATA / "bundles" / f"{family}.zip"
    if not path.is_file():
        raise DefenderError(
            f"this installation of defender has no {family} bundle",
            path=path,
            hint="install a wheel, or run `pip install -e .` in the checkout: that compiles the agent",
        )
    return path


def miners() -> str:
    """The text of the core's table of crypto miners."""
    installed = _DATA / "miners.txt"
    checkout = _PACKAGE.parents[1] / "agent" / "core" / "data" / "miners.txt"
    return (installed if installed.is_file() else checkout).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    checkout = _PACKAGE.parents[1] / "templates"
    folder = _DATA / "templates"
    return Environment(
        loader=FileSystemLoader(folder if folder.is_dir() else checkout),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - what is rendered is source code, not HTML
        keep_trailing_newline=True,
    )
