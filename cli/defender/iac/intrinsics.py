"""CloudFormation's intrinsic functions, as far as a file alone can settle them.

`Ref` of a parameter takes the parameter's default, or what samconfig.toml gives; `Sub` without
variables is literal. FindInMap, If, ImportValue and the rest are never evaluated: they depend on
the deployment.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field

from defender.edits.yaml import Node, Scalar
from defender.iac.lookup import BLANK, Value, entries, get

_MAX_LENGTH = 2_000
_VARIABLE = re.compile(r"\$\{([^!][^}]*)\}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What `Ref` can resolve to: a template's Parameters and the values that samconfig.toml gives them."""

    path: str
    declared: Node | None = None
    overrides: MappingType[str, str] = field(default_factory=dict)
    overrides_from: str = "samconfig.toml"
    region: str | None = None

    def value(self, name: str) -> Value:
        """The value that a reference to `name` has, with what it rests on."""
        if name in self.overrides:
            return Value(self.overrides[name], (f"{name} as in {self.overrides_from}",))
        if name == "AWS::Region" and self.region is not None:
            return Value(self.region, (f"region as in {self.overrides_from}",))
        default = get(get(self.declared, name, self.path), "Default", self.path)
        if isinstance(default, Scalar) and not default.tag and BLANK not in default.text:
            return Value(default.text, (f"the default of parameter {name}",))
        return Value(reason=f"{name} has no default in the file")


def resolve(node: Node | None, parameters: Parameters) -> Value:
    """The text of a template's value, or the reason why it can't be told."""
    if node is None:
        return Value()
    name, argument = _function_of(node)
    if isinstance(argument, Scalar):
        if BLANK in argument.text:
            return Value(reason="it is a project generator's placeholder")
        if name == "":
            return Value(argument.text)
        if name == "Ref":
            return parameters.value(argument.text)
        if name == "Sub" and len(argument.text) <= _MAX_LENGTH:
            return _substituted(argument.text, parameters)
    return Value(reason=f"it is computed at deployment ({name})" if name else "it is no text")


def _function_of(node: Node) -> tuple[str, Node]:
    """The intrinsic function's name without `Fn::`, in its short or long form, and its argument."""
    if node.tag:
        return node.tag.removeprefix("!"), node
    if not isinstance(node, Scalar):
        found = list(entries(node))
        if len(found) == 1 and (found[0][0].text == "Ref" or found[0][0].text.startswith("Fn::")):
            return found[0][0].text.removeprefix("Fn::"), found[0][1]
    return "", node


def _substituted(text: str, parameters: Parameters) -> Value:
    """`Sub` on a string: parameters are put in; a resource's attribute can't be known."""
    assumed: list[str] = []
    parts = []
    position = 0
    for found in _VARIABLE.finditer(text):
        value = parameters.value(found[1].strip())
        if value.text is None:
            return Value(reason=f"it depends on ${{{found[1]}}}")
        assumed += value.assumed
        parts += [text[position : found.start()], value.text]
        position = found.end()
    parts.append(text[position:])
    return Value("".join(parts).replace("${!", "${"), tuple(dict.fromkeys(assumed)))
