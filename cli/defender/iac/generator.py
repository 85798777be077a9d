"""Project generators' templates (cookiecutter and the like) read as the YAML that they will become.

`{% ... %}` is blanked and `{{ ... }}` becomes a word of the same length, so all offsets stay true.
What such a placeholder stands for is not known: a value that holds one is no literal.
"""

from __future__ import annotations

import re

from defender.iac.lookup import BLANK

_STATEMENT = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_EXPRESSION = re.compile(r"(?<![$'{])\{\{.*?\}\}", re.DOTALL)
_QUOTED_EXPRESSION = re.compile(r"(?<=')\{\{.*?\}\}(?=')", re.DOTALL)
_NOT_NEWLINE = re.compile(r"[^\r\n]")


def is_generator_template(text: str) -> bool:
    """Whether the file holds a generator's statements or cookiecutter's variables."""
    return "{%" in text or re.search(r"\{\{\s*cookiecutter\b", text) is not None


def blanked(text: str) -> str:
    """The text with statements as spaces and expressions as placeholders, of the same length."""
    text = _STATEMENT.sub(lambda found: _NOT_NEWLINE.sub(" ", found[0]), text)
    for pattern in (_EXPRESSION, _QUOTED_EXPRESSION):
        text = pattern.sub(lambda found: _NOT_NEWLINE.sub(BLANK, found[0]), text)
    return text
