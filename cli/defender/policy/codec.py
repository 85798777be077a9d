"""TW_POLICY: one rule and the identity it was chosen for, as the string that a function gets in its
environment.

Same rule and identity, same bytes. Our own format: no compatibility with the original's string is
claimed. Sizes are measured here; what to do about them is for the commands to decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from defender.errors import PolicyError
from defender.policy import wire
from defender.policy.matching import ANY_REGION, lowered
from defender.policy.model import PROVIDERS, SECTIONS, Identity, Kind, Provider, Rule
from defender.policy.problems import Place, dotted
from defender.policy.reading import WIRE, Repeated, read_table, read_text

VERSION = 1
VARIABLE = "TW_POLICY"
WARN_BYTES = 3000
# Lambda's limit for all variables of a function together, as one compact JSON object: its own
# error message ("exceeded the 4KB limit. String measured: {...}") shows what it measures.
LIMIT_BYTES = 4096
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RULE_TYPES = {field.name: field.metadata["table"] for field in fields(Rule)}


@dataclass(frozen=True, slots=True)
class Packaged:
    """Where a policy lies that is too long for the environment: a file below `twistlock/`."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a TW_POLICY string says; with `packaged` the rule lies in a file."""

    identity: Identity | None
    console: str | None
    rule: Rule | None
    packaged: Packaged | None

    @property
    def disabled(self) -> bool:
        """Whether the string is complete and switches enforcement off."""
        return self.packaged is None and (self.rule is None or not self.rule.sections())


def encode(identity: Identity, rule: Rule | None, console: str | None = None) -> str:
    """The TW_POLICY string; PolicyError if the rule takes more than 64 KiB."""
    return wire.wrap(document(identity, rule, console))


def disabled(identity: Identity) -> str:
    """The kill switch: a valid TW_POLICY string that switches enforcement off."""
    return encode(identity, None)


def content(identity: Identity, rule: Rule | None, console: str | None = None) -> bytes:
    """The file that a packaged TW_POLICY points to, or a baked policy: the document itself."""
    return wire.compact(document(identity, rule, console))


def packaged(file: str, sha256: str) -> str:
    """The packaged form; `file` is relative to `twistlock/`. PolicyError for a path that leaves it."""
    found = _packaged({"v": VERSION, "file": file, "sha256": sha256})
    return wire.wrap({"v": VERSION, "file": found.file, "sha256": found.sha256})


def document(identity: Identity, rule: Rule | None, console: str | None) -> dict[str, Any]:
    """The document in its fixed key order; a rule without sections stays a rule."""
    region = identity.region
    if region is not None and lowered(region) == ANY_REGION:
        region = None
    return {
        "v": VERSION,
        "id": {"function": identity.function, "region": region, "provider": identity.provider},
        "console": console,
        "runtime": None if rule is None else rule_document(rule),
    }


def rule_document(rule: Rule) -> dict[str, Any]:
    """One rule as TW_POLICY has it: name and enabled sections, what is empty or false left out."""
    sections = {name: _table(section) for name, section in rule.sections().items()}
    return {"name": rule.name, **sections}


def _table(section: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(section):  # type: ignore[arg-type]
        value = getattr(section, field.name)
        kind = field.metadata["kind"]
        if kind is Kind.TABLE:
            value = _table(value)
        elif kind is Kind.PORTS:
            value = [[first, last] for first, last in value]
        elif kind is not Kind.FLAG:
            value = str(value) if kind is Kind.EFFECT else list(value)
        if value:
            found[field.name] = value
    return found


def decode(string: str) -> Decoded:
    """What a TW_POLICY string says; PolicyError with the reason if it is invalid."""
    return decode_document(wire.unwrap(string))


def decode_content(data: bytes) -> Decoded:
    """What a packaged or baked file says; PolicyError if it is invalid or itself only points on."""
    found = decode_document(wire.parse(data))
    if found.packaged is not None:
        raise PolicyError("a policy file in a package must hold the policy, not point to another")
    return found


def decode_document(raw: Mapping[str, Any]) -> Decoded:
    """What a parsed document says; PolicyError with the place in the document if it is invalid."""
    _once(raw, ())
    version = _needed(raw, "v", ())
    if isinstance(version, bool) or not isinstance(version, int | wire.BigNumber):
        raise _invalid(("v",), "has the wrong type")
    if version != VERSION:
        raise PolicyError(
            "TW_POLICY has an unknown version", hint="this tool is too old for it, or it is damaged"
        )
    if "file" in raw or "sha256" in raw:
        if "runtime" in raw:
            raise PolicyError("TW_POLICY is both packaged and complete")
        return Decoded(None, None, None, _packaged(raw))
    identity = _identity(_needed(raw, "id", ()))
    console = _optional(raw.get("console"), ("console",))
    return Decoded(identity, console, _rule(_needed(raw, "runtime", ())), None)


def _identity(raw: object) -> Identity:
    table = _object(raw, ("id",))
    provider = _needed(table, "provider", ("id",))
    known: dict[str, Provider] = {name: name for name in PROVIDERS}
    if not isinstance(provider, str):
        raise _invalid(("id", "provider"), "has the wrong type")
    if provider not in known:
        raise _invalid(("id", "provider"), f"must be one of {', '.join(known)}, not {provider!r}")
    return Identity(
        function=_optional(table.get("function"), ("id", "function")),
        region=_optional(table.get("region"), ("id", "region")),
        provider=known[provider],
    )


def _rule(raw: object) -> Rule | None:
    if raw is None:
        return None
    table = _object(raw, ("runtime",))
    name = read_text(_needed(table, "name", ("runtime",)), ("runtime", "name"), _report)
    sections = {
        section: read_table(_RULE_TYPES[section], table[section], ("runtime", section), WIRE, _report)
        for section in SECTIONS
        if section in table
    }
    return Rule(name=name, **sections)


def _packaged(raw: Mapping[str, Any]) -> Packaged:
    file, digest = (_needed(raw, key, ()) for key in ("file", "sha256"))
    for key, value in (("file", file), ("sha256", digest)):
        if not isinstance(value, str):
            raise _invalid((key,), "has the wrong type")
    parts = file.split("/")
    if "\\" in file or not file.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise _invalid(("file",), f"{file!r} is no path inside the folder twistlock")
    if not _SHA256.fullmatch(digest):
        raise _invalid(("sha256",), "is no SHA-256 of 64 lower-case hexadecimal digits")
    return Packaged(file, digest)


def _needed(table: Mapping[str, Any], key: str, place: Place) -> Any:
    if key not in table:
        raise _invalid((*place, key), "is missing")
    return table[key]


def _optional(raw: object, place: Place) -> str | None:
    if raw is None or isinstance(raw, str):
        return raw
    raise _invalid(place, "must be a string or null")


def _object(raw: object, place: Place) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _invalid(place, "must be an object")
    _once(raw, place)
    return raw


def _once(table: object, place: Place) -> None:
    if isinstance(table, Repeated):
        raise _invalid((*place, table.key), "is there twice")


def _report(place: Place, message: str, *, hint: str | None = None, on_key: bool = False) -> None:
    del on_key
    raise PolicyError(f"TW_POLICY: {dotted(place)}: {message}", hint=hint)


def _invalid(place: Place, message: str) -> PolicyError:
    return PolicyError(f"TW_POLICY: {dotted(place)} {message}")


def environment_size(variables: Mapping[str, str]) -> int:
    """Bytes that Lambda counts for a function's variables: those of one compact JSON object."""
    return len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode())


def fits(string: str, others: Mapping[str, str] | None = None) -> bool:
    """Whether TW_POLICY and the function's other known variables stay within Lambda's limit."""
    return environment_size({**(others or {}), VARIABLE: string}) <= LIMIT_BYTES
