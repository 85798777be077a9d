"""Which policy each function gets, in which form, and what may be said of it. Pure: no package is read.

How TW_POLICY is written belongs to `policy`; how a handler is wrapped to the runtimes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from defender import policy as policies
from defender.bundle import Bundle
from defender.errors import PolicyError, UsageError
from defender.manifest import FOLDER, sha256
from defender.plan import AddFile, Setting
from defender.policy import Effect, Identity, Policy, Rule
from defender.runtimes.model import Function, Request

BAKED = "policy.json"
OnFailure = Literal["open", "closed"]


class Status(StrEnum):
    """What a report says of a function; the meanings are those of DESIGN, chapter 1."""

    PROTECTED = "protected"
    PENDING = "pending"
    NOT_ENFORCED = "not-enforced"


@dataclass(frozen=True)
class Choice:
    """What the user chose: the policy or a ready string, and how it travels."""

    policy: Policy
    source: str
    effect: Effect | None = None
    tw_policy: str | None = None
    baked: bool = False


@dataclass(frozen=True)
class Protection:
    """One function's policy: the environment to set, the files to add, and how far it is enforced."""

    function: Function
    status: Status
    environment: Mapping[str, str]
    rule: Rule | None
    files: tuple[AddFile, ...] = ()
    warnings: tuple[str, ...] = ()
    setting: Setting | None = None

    @property
    def handler_after(self) -> str:
        """The function's handler setting as it has to be."""
        return self.function.handler if self.setting is None else self.setting.after


def protect(
    functions: Iterable[Function],
    request: Request,
    choice: Choice,
    bundle: Bundle,
    settings: Iterable[Setting] = (),
) -> list[Protection]:
    """The policy of each function, which is pending while one of the `settings` is its own and still to be made.

    Raises PolicyError when no rule can be chosen, a given string is invalid, or two functions that
    share a task root need two baked policies; UsageError when a customer's bundle comes without string.
    """
    to_make = {(one.task_root, one.handler): one for one in settings}
    made = []
    for function in functions:
        setting = to_make.get((function.task_root, function.handler))
        more = {} if setting is None else setting.environment
        with_setting = replace(function, environment={**function.environment, **more})
        protection = _protect_one(with_setting, request, choice, bundle)
        made.append(protection if setting is None else _with(protection, setting))
    baked: dict[str, bytes] = {}
    for file in (file for one in made for file in one.files):
        if baked.setdefault(file.path, file.data) != file.data:
            raise PolicyError(
                "functions in one package need different policies, and only one can be baked in",
                path=file.path,
                hint="leave out --baked-policy, or embed them one by one with --handler",
            )
    return made


def _with(protection: Protection, setting: Setting) -> Protection:
    """Until a setting is made, the function's own handler runs without the agent."""
    is_pending = protection.status is Status.PROTECTED and not setting.made_in
    return replace(
        protection,
        status=Status.PENDING if is_pending else protection.status,
        environment={**protection.environment, **setting.environment},
        setting=setting,
    )


def _protect_one(function: Function, request: Request, choice: Choice, bundle: Bundle) -> Protection:
    if choice.tw_policy is not None:
        return _given(function, choice.tw_policy, bundle)
    if not bundle.is_ours:
        raise UsageError(
            "a customer's bundle needs the TW_POLICY string that its console makes",
            hint="pass it with --tw-policy",
        )
    identity = Identity(
        function=function.name,
        region=request.region or function.region,
        provider="azure" if request.provider == "azure" else "aws",
        account=request.account,
    )
    found = policies.match(choice.policy, identity)
    rule = found.rule
    if rule is not None and choice.effect is not None:
        rule = policies.with_effect(rule, choice.effect)
    warnings = []
    if rule is None:
        warnings.append(
            f"no rule matches function {function.label} in region {identity.region or 'Any'} "
            f"({choice.source}: {found.why}): nothing will be enforced"
        )
    environment, files, notes = _carried(function, identity, rule, choice.baked)
    return Protection(function, _status(rule), environment, rule, files, tuple(warnings) + tuple(notes))


def _given(function: Function, string: str, bundle: Bundle) -> Protection:
    """A string made elsewhere; with our own bundle it has to be one that our core understands."""
    environment = {policies.VARIABLE: string}
    if not bundle.is_ours:
        return Protection(function, Status.PROTECTED, environment, None)
    decoded = policies.decode(string)
    if decoded.packaged is not None:
        raise PolicyError("--tw-policy points to a file in a package, which only embed can put there")
    warnings: tuple[str, ...] = ()
    named = decoded.identity.function if decoded.identity else None
    if named and function.name and named.lower() != function.name.lower():
        warnings = (f"--tw-policy was made for function {named!r}, not for {function.name!r}",)
    return Protection(function, _status(decoded.rule), environment, decoded.rule, (), warnings)


def _status(rule: Rule | None) -> Status:
    """Protected only if a section can stop something."""
    return Status.PROTECTED if rule is not None and rule.stops() else Status.NOT_ENFORCED


def _carried(
    function: Function, identity: Identity, rule: Rule | None, baked: bool
) -> tuple[dict[str, str], tuple[AddFile, ...], list[str]]:
    """How the policy reaches the function: in the environment, or in the package when it is too long."""
    folder = posixpath.join(function.task_root, FOLDER)
    content = policies.content(identity, rule)
    if baked:
        file = AddFile(posixpath.join(folder, BAKED), content, "policy.bake", "asked for")
        return {}, (file,), []
    string = policies.encode(identity, rule)
    others = {name: value or "" for name, value in function.environment.items()}
    if policies.fits(string, others):
        long = len(string) > policies.WARN_BYTES
        note = f"{function.label}: TW_POLICY takes {len(string)} of the {policies.LIMIT_BYTES} bytes of environment"
        return {policies.VARIABLE: string}, (), [note] if long else []
    digest = sha256(content)
    name = f"policy-{digest[:12]}.json"
    why = "the policy is too long for the environment"
    file = AddFile(posixpath.join(folder, name), content, "policy.package", why)
    note = f"{function.label}: {why}, so it lies in the package and TW_POLICY names it"
    return {policies.VARIABLE: policies.packaged(name, digest)}, (file,), [note]
