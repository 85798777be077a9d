"""Groovy build scripts as tokens: words, strings, numbers, symbols, and which bracket closes which.

Comments and blanks are left out. What can't be told apart without Groovy's own parser is refused: a slash that may
begin a string or divide, a Unicode escape, which Groovy replaces before it reads anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from defender.edits.source import UTF8_BOM
from defender.errors import RewriteRefused

BY_HAND = "build the project and embed the package that is deployed"
_BLANK = re.compile(r"(?:[ \t\f]|\\\r?\n)+")
_WORD = re.compile(r"[^\W\d][\w$]*|\$[\w$]+")
_NUMBER = re.compile(r"\d[\w]*(?:\.\d[\w]*)?")
_SYMBOL = re.compile(
    r"\?\.|\*\.|\.&|\.@|\.\.<|\.\.\.?|->|<=>|===|!==|==~|=~|==|!=|<=|>=|&&|\|\||\+\+|--|\?:|::|[-+*/%&|^]=|\*\*|."
)
_ESCAPE = re.compile(r"\\u+[0-9a-fA-F]{4}")
_DEEPEST = 20
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# Behind these a value is complete: a slash divides.
_COMPLETE = frozenset(")]}")
# Words behind which an expression begins.
_BEGINNING = frozenset({"return", "in", "case", "assert", "throw", "else", "new", "instanceof"})


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `fresh`: first on its line or in its statement; `value`: what a string says, None if computed."""

    kind: str
    text: str
    start: int
    fresh: bool
    value: str | None = None


def tokens(path: str, data: bytes) -> tuple[Token, ...]:
    """The tokens of a script; offsets count characters behind a byte order mark.

    Raises RewriteRefused, with the line, where the text can't be read with certainty.
    """
    try:
        text = data.removeprefix(UTF8_BOM).decode()
    except UnicodeDecodeError as error:
        raise RewriteRefused(f"the build script is no UTF-8: {error}", path=path, hint=BY_HAND) from error
    return tuple(_Lexer(path, text).run())


class _Lexer:
    def __init__(self, path: str, text: str, level: int = 0) -> None:
        self.level = level
        self.path = path
        self.text = text
        self.at = 0
        self.found: list[Token] = []
        self.fresh = True

    def run(self) -> list[Token]:
        escape = _ESCAPE.search(self.text)
        if escape or "\0" in self.text:
            raise self.refused("the script has a Unicode escape or a NUL", escape.start() if escape else 0)
        if self.text.startswith("#!"):
            self.at = self.line_end(0)
        while self.at < len(self.text):
            self.step()
        return self.found

    def step(self) -> None:
        text, at = self.text, self.at
        if match := _BLANK.match(text, at):
            self.at = match.end()
        elif text[at] in "\r\n;":
            self.fresh, self.at = True, at + 1
        elif text.startswith("//", at):
            self.at = self.line_end(at)
        elif text.startswith("/*", at):
            self.at = self.behind("*/", at + 2, "a comment")
        elif text[at] in "'\"" or text.startswith("$/", at) or (text[at] == "/" and self.is_slashy()):
            end, value = self.string(at)
            self.add("string", end, value)
        elif match := _WORD.match(text, at):
            self.add("word", match.end())
        elif match := _NUMBER.match(text, at):
            self.add("number", match.end())
        else:
            match = _SYMBOL.match(text, at)
            self.add("symbol", match.end() if match else at + 1)

    def add(self, kind: str, end: int, value: str | None = None) -> None:
        self.found.append(Token(kind, self.text[self.at : end], self.at, self.fresh, value))
        self.fresh, self.at = False, end

    def is_slashy(self) -> bool:
        """Whether a slash begins a string; refused where only Groovy's parser could tell."""
        if not self.found or self.fresh:
            return True
        last = self.found[-1]
        if last.kind == "word" and last.text not in _BEGINNING:
            is_behind_blank = self.text[self.at - 1] in " \t"
            is_before_blank = self.text[self.at + 1 : self.at + 2] in (" ", "\t", "\n", "\r", "=", "")
            if is_behind_blank and not is_before_blank:
                raise self.refused("a slash that may divide or begin a string", self.at)
            return False
        return not (last.kind in ("string", "number") or last.text in _COMPLETE)

    def string(self, at: int) -> tuple[int, str | None]:
        """Where a string ends, and what it says."""
        for quote in ("'''", '"""', "'", '"', "$/", "/"):
            if self.text.startswith(quote, at):
                break
        closing = "/$" if quote == "$/" else quote
        is_plain, position = True, at + len(quote)
        while not self.text.startswith(closing, position):
            character = self.text[position : position + 1]
            if character == "" or (character in "\r\n" and quote in ("'", '"')):
                raise self.refused("a string that does not end", at)
            if self.is_escape(quote, position):
                is_plain, position = False, position + 2
            elif character == "$" and not quote.startswith("'"):
                is_plain = False
                position = self.interpolated(position)
            else:
                position += 1
        return position + len(closing), self.text[at + len(quote) : position] if is_plain else None

    def is_escape(self, quote: str, at: int) -> bool:
        """Whether a character and the next one are an escape; in the two kinds with slashes few are."""
        if quote == "$/":
            return self.text[at : at + 2] in ("$$", "$/")
        return self.text[at] == "\\" and (quote != "/" or self.text[at + 1 : at + 2] == "/")

    def interpolated(self, at: int) -> int:
        """Where a `${...}` in a string ends, which may hold strings and braces of its own."""
        if not self.text.startswith("${", at):
            return at + 1
        if self.level > _DEEPEST:
            raise self.refused("strings in strings in strings", at)
        inner = _Lexer(self.path, self.text, self.level + 1)
        inner.at, depth = at + 1, 0
        while True:
            if inner.at >= len(self.text):
                raise self.refused("a string that does not end", at)
            before = len(inner.found)
            inner.step()
            for token in inner.found[before:]:
                depth += {"{": 1, "}": -1}.get(token.text, 0) if token.kind == "symbol" else 0
            if inner.found and depth == 0:
                return inner.at

    def behind(self, wanted: str, at: int, what: str) -> int:
        found = self.text.find(wanted, at)
        if found < 0:
            raise self.refused(f"{what} that does not end", at)
        return found + len(wanted)

    def line_end(self, at: int) -> int:
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found

    def refused(self, message: str, at: int) -> RewriteRefused:
        line = self.text.count("\n", 0, at) + 1
        return RewriteRefused(message, path=self.path, line=line, hint=BY_HAND)


def partners(path: str, found: tuple[Token, ...]) -> dict[int, int]:
    """The index of each bracket's partner, both ways; RewriteRefused where one has none."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(found):
        if token.kind != "symbol":
            continue
        if token.text in _CLOSING:
            stack.append(index)
        elif token.text in _CLOSING.values():
            if not stack or _CLOSING[found[stack[-1]].text] != token.text:
                raise RewriteRefused("a bracket closes that none opened", path=path, hint=BY_HAND)
            pairs[index] = stack.pop()
            pairs[pairs[index]] = index
    if stack:
        raise RewriteRefused("a bracket is never closed", path=path, hint=BY_HAND)
    return pairs
