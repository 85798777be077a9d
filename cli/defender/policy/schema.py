"""The JSON Schema of the policy file, made from the model, for editors that know `#:schema`.

It helps while writing; what is valid is decided by `file`, which sees more (block_all beside
allow, for one).
"""

from __future__ import annotations

import json
from dataclasses import Field, fields
from typing import Any

from defender.policy.model import Effect, Kind, Rule
from defender.policy.values import HIGHEST_PORT

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_ENTRIES: dict[Kind, Schema] = {
    Kind.PATTERNS: {"type": "string", "pattern": "^(?!-?$)"},
    Kind.PROGRAMS: _TEXT,
    Kind.ADDRESSES: {"type": "string", "pattern": "^[0-9A-Fa-f:.]+(?:/[0-9.]+)?$"},
    Kind.PORTS: {
        "oneOf": [
            {"type": "integer", "minimum": 1, "maximum": HIGHEST_PORT},
            {"type": "string", "pattern": "^[0-9]{1,5}-[0-9]{1,5}$"},
        ]
    },
    Kind.NAMES: {"type": "string", "pattern": "^[A-Za-z0-9_.*-]+$"},
    Kind.PATHS: {"type": "string", "pattern": "^/"},
}


def schema() -> Schema:
    """The schema of `defender.toml`."""
    rule = _object(Rule)
    selectors = rule["properties"]["collections"]["items"]["properties"]
    rule["properties"].update(selectors)
    rule["required"] = ["name"]
    rule["not"] = {
        "required": ["collections"],
        "anyOf": [{"required": [selector]} for selector in selectors],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policy of the Serverless Defender",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "rule": {
                "type": "array",
                "description": "Rules, from top to bottom: the first that matches applies.",
                "items": rule,
            }
        },
    }


def rendered() -> str:
    """The schema as the text of a file."""
    return json.dumps(schema(), indent=2) + "\n"


def _object(cls: type[Any]) -> Schema:
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _property(field) for field in fields(cls)},
    }
    if "effect" in found["properties"]:
        found["required"] = ["effect"]
    return found


def _property(field: Field[Any]) -> Schema:
    kind, about = field.metadata["kind"], field.metadata["about"]
    if kind is Kind.TABLE:
        found = _object(field.metadata["table"])
        if field.name == "collections":
            found = {"type": "array", "minItems": 1, "items": found}
    elif kind is Kind.FLAG:
        found = {"type": "boolean", "default": False}
    elif kind is Kind.EFFECT:
        found = {"enum": [str(effect) for effect in Effect]}
    elif kind is Kind.TEXT:
        found = dict(_TEXT) if field.name == "name" else {"type": "string"}
    else:
        found = {"type": "array", "items": _ENTRIES[kind]}
        if kind is Kind.PATTERNS:
            found["minItems"] = 1
    return {"description": about, **found}
