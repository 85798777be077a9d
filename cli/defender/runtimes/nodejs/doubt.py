"""Whether a module's text shows that it exports a name, where its exports are given to code that may do anything.

The agent wraps what is there when the module is complete, and what comes later. Whether anything is, only running it
would tell: what is said here is for the report, and no more than that.
"""

from __future__ import annotations

import re

from defender.plan import Plan
from defender.runtimes.nodejs.modules import Module

# `.x =`, `["x"] =`, `x:` and `x` in braces, a method, a string.
_FORMS = (
    r"(?:\.{0}|\[\s*['\"]{0}['\"]\s*\])\s*=(?![=>])",
    r"[{{,]\s*(?:async\s+|\*\s*|get\s+)?['\"]?{0}['\"]?\s*[:(]",
    r"[{{,]\s*{0}\s*[,}}]",
    r"['\"]{0}['\"]",
)


def shows(data: bytes, key: str) -> bool:
    """Whether a property of this name is written anywhere in the text."""
    name = re.escape(key)
    return any(re.search(form.format(name).encode(), data) for form in _FORMS)


def warning(data: bytes, module: Module) -> Plan:
    """A plan with nothing but a warning, where the text shows no such export; an empty one where it does."""
    if shows(data, module.keys[0]):
        return Plan()
    return Plan(
        warnings=(
            f"{module.path}: nothing in its text shows that it exports {module.keys[0]!r}: "
            "if it does not, the function fails as it did before",
        )
    )
