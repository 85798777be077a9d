"""samconfig.toml: the template that it names, the region, and values of parameters.

Only the environment `default` is read, since SAM uses no other one unasked; command `deploy` goes
before `build` and `global`.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from defender.errors import DetectionError

_COMMANDS = ("deploy", "build", "package", "global")
_LINE = re.compile(r"\(at line (\d+)")
_OLD_FORM = re.compile(r"ParameterKey=([^,\s]{1,255}),ParameterValue=(\"(?:[^\"\\]|\\.)*\"|\S*)")
_PAIR = re.compile(r"(?<![A-Za-z0-9])([A-Za-z0-9]{1,255})=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S*)")


@dataclass(frozen=True, slots=True)
class SamConfig:
    """What a samconfig.toml says; empty where it is silent."""

    path: str
    template: str | None = None
    region: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


def read_samconfig(data: bytes, path: str) -> SamConfig:
    """The file's settings for the environment `default`.

    Raises DetectionError with the line when it is no TOML.
    """
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DetectionError("the file is not UTF-8", path=path) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found else None
        raise DetectionError(f"invalid TOML: {error}", path=path, line=line) from error
    tables = _parameter_tables(document)
    overrides = _first(tables, "parameter_overrides")
    return SamConfig(
        path,
        _text(_first(tables, "template_file")) or _text(_first(tables, "template")),
        _text(_first(tables, "region")),
        _overrides(overrides),
    )


def _parameter_tables(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    environment = document.get("default")
    if not isinstance(environment, Mapping):
        return []
    commands = [environment.get(command) for command in _COMMANDS]
    tables = [command.get("parameters") for command in commands if isinstance(command, Mapping)]
    return [table for table in tables if isinstance(table, Mapping)]


def _first(tables: list[Mapping[str, Any]], key: str) -> Any:
    return next((table[key] for table in tables if key in table), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _overrides(value: Any) -> dict[str, str]:
    """`Key=Value` pairs from one string, a list of strings, or a table; also in CloudFormation's old form."""
    if isinstance(value, Mapping):
        return {str(key): str(text) for key, text in value.items() if isinstance(text, str | int)}
    parts = value if isinstance(value, list) else [value]
    found: dict[str, str] = {}
    for part in parts:
        if isinstance(part, str):
            pattern = _OLD_FORM if "ParameterKey=" in part else _PAIR
            found |= {pair[1]: _unquoted(pair[2]) for pair in pattern.finditer(part)}
    return found


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
