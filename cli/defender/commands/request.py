"""From options to the library's terms: which functions are meant, and which policy they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from defender import policy as policies
from defender.errors import UsageError
from defender.policy import Effect
from defender.protection import Choice
from defender.runtimes.model import Request


def request(given: Mapping[str, Any]) -> Request:
    """The options of `choose`; raises UsageError for names that contradict each other."""
    names: dict[str | None, str] = {}
    for text in given["names"]:
        handler, equals, name = text.rpartition("=")
        key = handler if equals else None
        if names.setdefault(key, name) != name or not name:
            raise UsageError(f"--function {text}: this handler has a name already, or the name is empty")
    return Request(
        runtime=given["runtime"],
        handlers=tuple(given["handlers"]),
        names=names,
        region=given["region"],
        provider=given["provider"],
        account=given["account"],
    )


def choice(given: Mapping[str, Any], inputs: Sequence[Path]) -> Choice:
    """The policy: --policy, else defender.toml in the working directory, else the built-in rule.

    Raises UsageError for contradictions, and for a defender.toml that is found inside of an input: whoever
    wrote the function would choose the policy for it.
    """
    file: Path | None = given["policy_file"]
    if given["tw_policy"] is not None:
        if file or given["effect"] or given["baked_policy"]:
            raise UsageError("--tw-policy is a finished policy: no --policy, --effect or --baked-policy")
        return Choice(policies.default_policy(), "--tw-policy", tw_policy=given["tw_policy"])
    named, file = file, policies.find(file, Path())
    if named is None and file is not None:
        for source in inputs:
            if source.resolve() in file.resolve().parents:
                raise UsageError(
                    f"{file} lies inside of the input {source}, whose author must not choose the policy unasked",
                    hint=f"--policy {file} says that it is meant",
                )
    policy = policies.load(file) if file else policies.default_policy()
    return Choice(
        policy,
        str(file) if file else "built-in policy",
        effect=Effect(given["effect"]) if given["effect"] else None,
        baked=given["baked_policy"],
    )
