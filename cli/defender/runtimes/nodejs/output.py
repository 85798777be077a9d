"""CommonJS that tsc has written from a protected source: the compiler's own statements stand in front of the agent."""

from __future__ import annotations

import json
import re

from defender.runtimes.nodejs.modules import Module
from defender.runtimes.nodejs.source import JAVASCRIPT, is_directive, parse, statements, text_of

# What the compiler puts first: a mark, the names of what is exported, functions of its own.
_PRELUDE = re.compile(
    r"Object\.defineProperty\(exports, ['\"]__esModule['\"], \{ value: true \}\);"
    r"|(?:exports\.\w+ = )+(?:void 0|\w+);"
    r"|var __\w+ = \(this && this\.__\w+\)[\s\S]*"
)


def is_protected(data: bytes, module: Module) -> bool:
    """Whether the agent is loaded before all else, and the last statements wrap the handler.

    Raises RewriteRefused for what is no JavaScript.
    """
    source = parse(module.path, data, JAVASCRIPT)
    texts = [text_of(source, one) for one in statements(source) if not is_directive(one)]
    while texts and _PRELUDE.fullmatch(texts[0]):
        texts.pop(0)
    path = re.escape(module.agent())
    loaded = re.fullmatch(rf"(?:const|var) (\w+) = require\(['\"]{path}['\"]\);", texts[0]) if texts else None
    if loaded is None:
        return False
    while texts and re.fullmatch(rf"{loaded[1]}\.protect\(module, \"[^\"]*\"\);", texts[-1]):
        if texts.pop() == f"{loaded[1]}.protect(module, {json.dumps(module.export)});":
            return True
    return False
