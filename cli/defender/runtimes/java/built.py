"""Built packages: no class of theirs is changed, the agent's redirecting class stands in front of the handler.

The handler setting names that class, `TW_HANDLER` the function's own handler; until both are set, the function runs as
before.
"""

from __future__ import annotations

import posixpath

from defender.archive import Archive
from defender.errors import RewriteRefused
from defender.plan import Plan, Setting
from defender.runtimes.java.classpath import ENDING, Classpath
from defender.runtimes.java.handlers import Target, refuse_unfit
from defender.runtimes.model import Function

REDIRECTING = "com.twistlock.serverless.ProtectedHandler"
VARIABLE = "TW_HANDLER"
_AGENT = "com/twistlock/"


def redirect(archive: Archive, function: Function, wanted: Target) -> Plan:
    """The settings that put the agent in front of a handler.

    Raises DetectionError where Lambda could not call it, RewriteRefused where the package has another agent.
    """
    classpath = Classpath(archive, function.task_root)
    refuse_unfit(classpath, function.handler, wanted)
    _refuse_other_agent(classpath)
    return Plan(settings=(redirecting(function),))


def redirecting(function: Function) -> Setting:
    """The agent's class as a function's handler, its own in the class's variable."""
    return Setting(function.handler, function.task_root, REDIRECTING, {VARIABLE: function.handler})


def lacking(archive: Archive, function: Function) -> str | None:
    """What a package lacks for its function to run inside the agent, once its settings are made; None when nothing."""
    if function.handler != REDIRECTING:
        return f"the handler is {function.handler}, not {REDIRECTING}"
    classpath = Classpath(archive, function.task_root)
    agent = REDIRECTING.replace(".", "/")
    if classpath.place(agent) != posixpath.join(function.task_root, agent + ENDING):
        return f"the package has no class {REDIRECTING}"
    if function.file not in archive.members:
        return f"{function.file}: the function's own handler is missing"
    return None


def _refuse_other_agent(classpath: Classpath) -> None:
    """The task root comes first, so a jar can't hide our classes; it would only be confusing to have two."""
    for path, jar in classpath.jars.items():
        if any(name.startswith(_AGENT) for name in jar.members):
            raise RewriteRefused(
                "a jar of the package holds another agent's classes",
                path=path,
                hint="take the dependency com.twistlock.serverless out, and build again",
            )
