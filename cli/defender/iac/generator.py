"""Project generators' templates (cookiecutter and the like) read as the YAML that they will become.

`{% ... %}` is blanked and `{{ ... }}` becomes a word of the same length, so all offsets stay true.
What such a placeholder stands for is not known: a value that holds one is no literal.
"""

from __future__ import annotations

import re

from defender.iac.lookup import BLANK

_OPENING = re.compile(r"(?<!\$)\{[%#{]")
_CLOSING = {"{%": "%}", "{#": "#}", "{{": "}}"}
_NOT_NEWLINE = re.compile(r"[^\r\n]")


def is_generator_template(text: str) -> bool:
    """Whether the file holds a generator's statements or cookiecutter's variables."""
    return "{%" in text or re.search(r"\{\{\s*cookiecutter\b", text) is not None


def blanked(text: str) -> str:
    """The text with statements as spaces and expressions as placeholders, of the same length."""
    parts = []
    position = 0
    unclosed = set()
    for found in _OPENING.finditer(text):
        opening = found[0]
        if found.start() < position or opening in unclosed:
            continue
        end = text.find(_CLOSING[opening], found.end())
        if end < 0:
            unclosed.add(opening)
            continue
        filler = BLANK if opening == "{{" else " "
        parts += [text[position : found.start()], _NOT_NEWLINE.sub(filler, text[found.start() : end + 2])]
        position = end + 2
    return "".join([*parts, text[position:]])
