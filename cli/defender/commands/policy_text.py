"""How the `policy` subcommands show what they found: lines for people, data for `--json`.

It makes text and data only; `policy` prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from defender.policy.codec import Decoded, document
from defender.policy.explain import Explained, Explanation, explain_rule
from defender.policy.judge import Judgement
from defender.policy.model import Identity
from defender.policy.problems import Problem, Severity


def identity_words(identity: Identity) -> str:
    """Who is asked about, in one line."""
    function = f"function {identity.function}" if identity.function else "any function"
    region = f"region {identity.region}" if identity.region else "any region"
    account = f", account {identity.account}" if identity.account else ""
    return f"{function} in {region} ({identity.provider}{account})"


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The rules, what became of each, and what the one that applies does."""
    yield identity_words(explanation.match.identity)
    for step in explanation.steps:
        mark, verb = (">", "applies: ") if step.applies else (" ", "")
        yield f"{mark} {step.number}. {step.rule}: {verb}{step.reason}"
    rule = explanation.match.rule
    if rule is None:
        yield f"Nothing is enforced: {explanation.match.why}."
        return
    yield f"Rule {rule.name}:"
    yield from section_lines(explanation.sections)


def section_lines(sections: Sequence[Explained]) -> Iterator[str]:
    """What a rule does, section by section."""
    if not sections:
        yield "  no section is switched on: nothing is enforced"
    for section in sections:
        yield f"  {section.name}: {section.effect}"
        yield from (f"    {sentence}" for sentence in section.sentences)
        yield f"    {section.consequence}"


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """The same as data."""
    rule = explanation.match.rule
    return {
        "identity": asdict(explanation.match.identity),
        "rule": rule.name if rule else None,
        "why": explanation.match.why,
        "rules": [asdict(step) for step in explanation.steps],
        "sections": [asdict(section) for section in explanation.sections],
    }


def judgement_data(judgement: Judgement, verdict: str) -> dict[str, Any]:
    """A verdict on one program as data."""
    return {"verdict": verdict, "attack": judgement.attack, "reason": judgement.reason}


def decoded_lines(decoded: Decoded, size: int) -> Iterator[str]:
    """A TW_POLICY string for people."""
    if decoded.packaged is not None:
        yield f"the policy lies in the package: twistlock/{decoded.packaged.file}"
        yield f"SHA-256 of that file: {decoded.packaged.sha256}"
        return
    if decoded.identity is not None:
        yield f"for {identity_words(decoded.identity)}"
    if decoded.console is not None:
        yield f"console: {decoded.console}"
    if decoded.rule is None:
        yield "no rule: enforcement is switched off"
    else:
        yield f"Rule {decoded.rule.name}:"
        yield from section_lines(explain_rule(decoded.rule))
    yield f"{size} bytes"


def decoded_data(decoded: Decoded) -> dict[str, Any]:
    """A TW_POLICY string as the document that it holds, in canonical form."""
    if decoded.packaged is not None:
        return {"v": 1, **asdict(decoded.packaged)}
    return document(decoded.identity or Identity(), decoded.rule, decoded.console)


def problem_data(problem: Problem) -> dict[str, Any]:
    """One finding of `check` as data."""
    return {
        "severity": str(problem.severity),
        "message": problem.message,
        "line": problem.line,
        "column": problem.column,
        "hint": problem.hint,
    }


def counted(problems: Iterable[Problem]) -> str:
    """`2 errors, 1 warning`, or `no problems`."""
    found = [problem.severity for problem in problems]
    words = []
    for severity in Severity:
        number = found.count(severity)
        if number:
            words.append(f"{number} {severity}{'s' if number > 1 else ''}")
    return ", ".join(words) or "no problems"
