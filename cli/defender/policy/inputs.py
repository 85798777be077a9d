"""What a user may hand over as a policy: a file of one of three kinds, or a TW_POLICY string, told
apart by content.

It reads files and standard input, and decides nothing about what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from defender.errors import PolicyError, UsageError
from defender.policy.codec import VARIABLE, Decoded, decode, decode_content, encode
from defender.policy.file import LARGEST, decoded, parse, read_bytes
from defender.policy.matching import match
from defender.policy.model import Identity, Policy

STDIN = "-"
Given = Policy | Decoded


def read_any(argument: str, stdin: Callable[[int], bytes]) -> Given:
    """A policy from a path, from `-` or from a TW_POLICY string; PolicyError if it is invalid."""
    if argument == STDIN:
        return interpret(read_stdin(stdin), "standard input")
    if is_file(argument):
        return interpret(read_bytes(Path(argument)), argument)
    if argument.endswith((".toml", ".json", ".env", ".txt")):
        raise PolicyError("there is no such file", path=argument)
    return decode(bare(argument))


def read_string(argument: str, stdin: Callable[[int], bytes]) -> str:
    """A TW_POLICY string given as an argument or on standard input, without the variable's name."""
    if argument != STDIN:
        return bare(argument)
    return bare(decoded(read_stdin(stdin), "standard input"))


def read_stdin(stdin: Callable[[int], bytes]) -> bytes:
    """All of standard input, at most `LARGEST` bytes."""
    data = stdin(LARGEST + 1)
    if len(data) > LARGEST:
        raise PolicyError(f"the policy is larger than {LARGEST} bytes", path="standard input")
    return data


def is_file(argument: str) -> bool:
    """Whether an argument names a file; strings that can't be paths do not."""
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):
        return False


def bare(string: str) -> str:
    """A string without white space around it and without `TW_POLICY=` or quotes, as .env files have."""
    return string.strip().removeprefix(f"{VARIABLE}=").strip("\"'")


def interpret(data: bytes, path: str) -> Given:
    """A policy by its content: a TW_POLICY string or document, the original's JSON, or TOML."""
    text = decoded(data, path).strip()
    if text.startswith("{") and '"v"' in text and '"rules"' not in text:
        return decode_content(data)
    if text.startswith(("{", '["', "[{", "[\n")):
        from defender.policy.importing import import_policy

        return import_policy(data, path).policy
    if "=" in text.rstrip("=").removeprefix(f"{VARIABLE}=") or "\n" in text or not text:
        return parse(data, path).checked()
    return decode(bare(text))


def alike(before: Given, after: Given) -> tuple[Given, Given]:
    """Two inputs made comparable: beside a string, a policy is what it gives for the string's function."""
    if isinstance(before, Policy) and isinstance(after, Decoded):
        return as_string(before, after), after
    if isinstance(before, Decoded) and isinstance(after, Policy):
        return before, as_string(after, before)
    return before, after


def as_string(policy: Policy, beside: Decoded) -> Decoded:
    """What `policy` would give for the function of another string."""
    if beside.identity is None:
        raise UsageError(
            "a string that points to a file in a package can't be compared with a policy",
            hint="compare with the file that it points to",
        )
    identity: Identity = replace(beside.identity, region=beside.identity.region or "any")
    return decode(encode(identity, match(policy, identity).rule, beside.console))
