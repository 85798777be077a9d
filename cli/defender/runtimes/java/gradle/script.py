"""One Groovy build script: its statements, the calls with a closure among them, and whether its end is ever reached.

Gradle's blocks add up, so what defender inserts goes to the end of the file, and nothing of what stands before it
has to be understood. It is only searched for what would keep the end from being reached, or rename what is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from defender.edits.source import UTF8_BOM, refuse_lone_carriage_returns
from defender.errors import RewriteRefused
from defender.runtimes.java.gradle.tokens import BY_HAND, Token, partners, tokens

_BRANCHES = frozenset({"if", "for", "while", "switch", "catch", "synchronized", "try"})
_BRANCHING = frozenset({"else", "try", "finally", "do"})
_LEAVING = "return"
# A statement goes on behind these, or in front of these.
_OPEN_ENDS = frozenset("+-*/%=,.:&|^<>?!~@\\([{") | {
    "->",
    "&&",
    "||",
    "==",
    "!=",
    "<=",
    ">=",
    "=~",
    "==~",
    "?.",
    "?:",
}
_OPEN_ENDS |= {
    "*.",
    ".&",
    "..",
    "<=>",
    "+=",
    "-=",
    "*=",
    "/=",
    "%=",
    "&=",
    "|=",
    "^=",
    "::",
    "**",
    "===",
    "!==",
}
_CONTINUING = frozenset(
    {".", "?.", "*.", ".&", "?", ":", "?:", "&&", "||", "==", "!=", "<", ">", "<=", ">=", "="}
)
_OPEN_WORDS = frozenset(
    {
        "return",
        "new",
        "else",
        "do",
        "try",
        "throw",
        "in",
        "instanceof",
        "as",
        "assert",
        "case",
        "def",
        "final",
    }
    | {
        "import",
        "package",
        "static",
        "extends",
        "implements",
        "class",
        "interface",
        "enum",
        "trait",
        "throws",
    }
    | {"public", "protected", "private", "abstract", "var", "finally", "synchronized", "default"}
)
_DECLARING = frozenset(
    {"def", "final", "var", "void", "static", "class", "interface", "enum", "trait", "import", "as"}
)


@dataclass(frozen=True, slots=True)
class Call:
    """A statement that is a call: its name, the tokens of its arguments, and its closure's inside as token indices."""

    name: str
    index: int
    arguments: tuple[Token, ...]
    inside: tuple[int, int] | None

    @property
    def texts(self) -> tuple[str | None, ...]:
        """What the strings among the arguments say; None for one that is computed."""
        return tuple(one.value for one in self.arguments if one.kind == "string")

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments' words."""
        return tuple(one.text for one in self.arguments if one.kind == "word")


@dataclass(frozen=True)
class Script:
    """A script's path, its bytes, and what they say; RewriteRefused from `tokens` where they can't be read."""

    path: str
    data: bytes

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens."""
        refuse_lone_carriage_returns(self.path, self.data)
        return tokens(self.path, self.data)

    @cached_property
    def partners(self) -> dict[int, int]:
        """Each bracket's partner."""
        return partners(self.path, self.tokens)

    @cached_property
    def heads(self) -> tuple[tuple[int, ...], ...]:
        """For each token the brackets that are open around it, outermost first."""
        found: list[tuple[int, ...]] = []
        around: tuple[int, ...] = ()
        for index, token in enumerate(self.tokens):
            partner = self.partners.get(index)
            if partner is not None and partner < index:
                around = around[:-1]
            found.append(around)
            if partner is not None and partner > index:
                around = (*around, index)
            del token
        return tuple(found)

    @property
    def words(self) -> frozenset[str]:
        """All words outside of strings."""
        return frozenset(token.text for token in self.tokens if token.kind == "word")

    @property
    def texts(self) -> tuple[str, ...]:
        """What its strings say, in any place, as far as they are not computed."""
        return tuple(token.value for token in self.tokens if token.value is not None)

    def statements(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
        """The statements between two token indices, as token indices themselves."""
        end = len(self.tokens) if end is None else end
        begin = at = start
        while at < end:
            if at > begin and self._begins(at):
                yield begin, at
                begin = at
            partner = self.partners.get(at, at)
            at = max(partner, at) + 1
        if begin < end:
            yield begin, end

    def _begins(self, at: int) -> bool:
        token, last = self.tokens[at], self.tokens[at - 1]
        if not token.fresh or token.text in _CONTINUING:
            return False
        return not (last.kind == "symbol" and last.text in _OPEN_ENDS)

    def calls(self, inside: tuple[int, int] | None = None) -> Iterator[Call]:
        """The statements that begin with a word, read as calls."""
        for start, end in self.statements(*(inside or (0, None))):
            if self.tokens[start].kind == "word":
                yield self._call(start, end)

    def _call(self, start: int, end: int) -> Call:
        last = end - 1
        opening = self.partners.get(last, last)
        is_closure = self.tokens[last].text == "}" and opening > start
        until = opening if is_closure else end
        inside = (opening + 1, last) if is_closure else None
        return Call(self.tokens[start].text, start, self.tokens[start + 1 : until], inside)

    def head(self, brace: int) -> tuple[Token, ...]:
        """The tokens of the statement that a brace belongs to, up to that brace."""
        floor = self.heads[brace][-1] + 1 if self.heads[brace] else 0
        start = brace
        while start > floor and not (self.tokens[start].fresh and self._begins(start)):
            partner = self.partners.get(start - 1, start - 1)
            start = min(partner, start - 1)
        return self.tokens[start:brace]

    def refused(self, message: str, index: int, hint: str = BY_HAND) -> RewriteRefused:
        """An error that points to a token."""
        text = self.data.removeprefix(UTF8_BOM).decode()
        line = text.count("\n", 0, self.tokens[index].start) + 1
        return RewriteRefused(message, path=self.path, line=line, hint=hint)

    def is_branch(self, brace: int) -> bool:
        """Whether a brace may open a part of the script's own flow, and no closure, method or class."""
        token, before = self.tokens[brace], self.tokens[brace - 1]
        around = self.heads[brace]
        is_in_list = bool(around) and self.tokens[around[-1]].text in "(["
        if brace == 0 or token.fresh or before.text in _BRANCHING or (before.text == ":" and not is_in_list):
            return True
        opening = self.partners.get(brace - 1, 0)
        return before.text == ")" and opening > 0 and self.tokens[opening - 1].text in _BRANCHES


def refuse_unreached(script: Script) -> None:
    """Raise RewriteRefused where statements at the end of the script might not be run, or belong to another one."""
    for index, token in enumerate(script.tokens):
        is_leaving = token.kind == "word" and token.text == _LEAVING
        braces = [one for one in script.heads[index] if script.tokens[one].text == "{"]
        if is_leaving and all(script.is_branch(one) for one in braces):
            raise script.refused("the script may end here, before what would be added to its end", index)
    if script.tokens:
        _refuse_open_end(script)


def _refuse_open_end(script: Script) -> None:
    index = len(script.tokens) - 1
    last = script.tokens[index]
    is_open = last.kind == "symbol" and last.text not in ")]}" and last.text not in ("++", "--")
    opening = script.partners.get(index, 0)
    is_condition = last.text == ")" and opening > 0 and script.tokens[opening - 1].text in _BRANCHES
    is_annotation = index > 0 and script.tokens[index - 1].text == "@"
    if is_open or is_condition or is_annotation or last.text in _OPEN_WORDS:
        raise script.refused("the script's last statement is not complete", index)
    if script.data.rstrip(b" \t").endswith(b"\\"):
        raise script.refused("the script's last line goes on behind its end", index)


def refuse_renamed(script: Script, names: frozenset[str]) -> None:
    """Raise RewriteRefused where the script gives a name that will be used a meaning of its own."""
    for index, token in enumerate(script.tokens):
        if token.kind != "word" or token.text not in names:
            continue
        before = script.tokens[index - 1] if index else None
        after = script.tokens[index + 1] if index + 1 < len(script.tokens) else None
        is_assigned = (
            after is not None and after.text == "=" and (before is None or before.text not in (",", "("))
        )
        is_declared = before is not None and before.text in _DECLARING and not token.fresh
        is_typed = (
            before is not None and before.kind == "word" and not token.fresh and before.text[:1].isupper()
        )
        if is_assigned or is_declared or is_typed or _is_imported(script, index):
            raise script.refused(f"the script has a {token.text!r} of its own", index)


def _is_imported(script: Script, index: int) -> bool:
    """Whether a name is one of an import's, from elsewhere than Gradle itself."""
    start = index
    while start > 0 and not script.tokens[start].fresh:
        start -= 1
    words = [token.text for token in script.tokens[start:index] if token.kind == "word"]
    return words[:1] == ["import"] and words[1:3] != ["org", "gradle"]
