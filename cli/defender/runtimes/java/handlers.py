"""What a Java handler string names, in the words of Lambda's Java runtime: `package.Class::method` or `package.Class`.

The public runtime interface client reads it in HandlerInfo: the last `::` parts the two; nested classes are written
with `$`. Without a method the class has to implement one of the two interfaces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from defender.errors import DetectionError
from defender.runtimes.java.classfile import PUBLIC
from defender.runtimes.java.classpath import Classpath

INTERFACES = (
    "com/amazonaws/services/lambda/runtime/RequestHandler",
    "com/amazonaws/services/lambda/runtime/RequestStreamHandler",
)
# Frameworks bring handlers of their own, which belong to no package's own classes.
FRAMEWORKS = (
    "com/amazonaws/",
    "software/amazon/",
    "org/springframework/",
    "io/micronaut/",
    "io/quarkus/",
)
_CLASS = re.compile(r"[^\W\d][\w$]*(?:\.[^\W\d][\w$]*)*")
_METHOD = re.compile(r"[^\W\d][\w$-]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A handler: its class by the name in class files, its method or None."""

    name: str
    method: str | None


def target(handler: str) -> Target | None:
    """The class and the method that a string names; None for a string of another runtime's kind."""
    name, colons, method = handler.rpartition("::") if "::" in handler else (handler, "", "")
    if not _CLASS.fullmatch(name) or (colons and not _METHOD.fullmatch(method)):
        return None
    return Target(name.replace(".", "/"), method or None)


def refuse_unfit(classpath: Classpath, handler: str, wanted: Target) -> None:
    """Raise DetectionError where Lambda could not call such a handler, as far as the package's own classes tell."""
    classes, is_whole = classpath.line(wanted.name)
    if not is_whole or not classes:
        return  # What is missing may lie in a layer.
    if wanted.method is None:
        known = {one.name for one in classes} | {name for one in classes for name in one.interfaces}
        if not known & set(INTERFACES):
            raise DetectionError(
                f"the class of {handler!r} implements neither RequestHandler nor RequestStreamHandler",
                path=classpath.place(wanted.name),
                hint="name its method: package.Class::method",
            )
        return
    named = [one for each in classes for one in each.methods if one.name == wanted.method]
    if not any(one.flags & PUBLIC for one in named):
        raise DetectionError(
            f"the class of {handler!r} has no public method {wanted.method!r}",
            path=classpath.place(wanted.name),
            hint="name another handler with --handler package.Class::method",
        )
