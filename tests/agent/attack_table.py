"""The table of attempts in docs/attacks.md, made of the tests' rows so that it can't drift from them.

    python tests/agent/attack_table.py

writes it anew; a test compares. Which result a list of rows stands for is said here, beside the test that shows it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "attacks.md"
STOPPED = "stopped, one audit"
RACED = "stopped each time, audits counted"
RACED_HELD = "stopped each time; what is denied is audited"
SILENT = "stopped, nobody is left to write an audit"
LOCKED = "stopped by the kernel, no audit"
GOES = "**not stopped**"
HELPER = "stopped, the audit names the JVM's helper"
NATIVE = "native code, or `ctypes`"
STATIC = "an allowed program, and a file of machine code"
TAMPERED = f"{NATIVE}; put back when the next invocation begins, with an audit"
# Which programs the rows are of, by heading.
PYTHON, NODE, RUBY, JAVA = "Python", "Node.js", "Ruby", "Java"
CLIENTS = {
    PYTHON: "under `awslambdaric`",
    NODE: "14 and 24 under `aws-lambda-ric`",
    RUBY: "under the documented runtime loop",
    JAVA: "under the runtime interface client",
}
TIMES = "it changes a time, no content"
AUDITED = "stopped, with audits"
ADDON = "native code, as an addon"
FIDDLE = "native code, or `fiddle`"
CHILD = "an allowed program; a library of the attacker's, or write access to the function's folder"


@dataclass(frozen=True)
class Table:
    """A list of rows in a test file, with what its test shows of all of them."""

    section: str
    file: str
    names: str
    locked: str = STOPPED
    unlocked: str = STOPPED
    takes: str = ""
    runtime: str = PYTHON


TABLES = (
    Table("Processes", "test_processes.py", "WAYS"),
    Table("Processes", "test_processes.py", "AROUND", LOCKED, GOES, NATIVE),
    Table("Network", "network/test_network.py", "ROWS"),
    Table("Network", "network/test_network.py", "RACES", RACED, RACED),
    Table("Network", "network/test_network.py", "RINGS"),
    Table("Network", "network/test_network.py", "AROUND", GOES, GOES, NATIVE),
    Table("Names", "network/test_names.py", "ROWS"),
    Table("Names", "network/test_names.py", "AROUND", GOES, GOES, NATIVE),
    Table("Files", "files/test_by_python.py", "ROWS"),
    Table("Files", "files/test_by_name.py", "ROWS"),
    Table("Files", "files/test_by_c.py", "ROWS"),
    Table("Files", "files/test_races.py", "READS", RACED, RACED),
    Table("Files", "files/test_races.py", "CHANGES", RACED, RACED),
    Table("Files", "files/test_races.py", "HELD", RACED_HELD, RACED_HELD),
    Table("Files", "files/test_around.py", "REFUSED_CALLS"),
    Table("Files", "files/test_around.py", "AROUND", GOES, GOES, NATIVE),
    Table("Files", "files/test_around.py", "WITHIN", GOES, GOES, NATIVE),
    Table("The agent itself", "test_agent_itself.py", "ROWS"),
    Table("The agent itself", "test_agent_itself.py", "SILENT", SILENT, SILENT),
    Table("The agent itself", "test_agent_itself.py", "CHILD_ROWS"),
    Table("The agent itself", "test_agent_itself.py", "AROUND", LOCKED, GOES, TAMPERED),
    Table("The agent itself", "test_agent_itself.py", "AROUND_FOR_GOOD", LOCKED, GOES, NATIVE),
    Table(
        "The agent itself", "test_agent_itself.py", "CHILD_SILENT", "stopped, no audit", "stopped, no audit"
    ),
    Table("The agent itself", "test_agent_itself.py", "CHILD_AROUND", GOES, GOES, CHILD),
    Table("Processes", "nodejs/test_node_processes.py", "WAYS", runtime=NODE),
    Table("Processes", "nodejs/test_node_processes.py", "AROUND", LOCKED, GOES, ADDON, NODE),
    Table("Network", "network/test_node_network.py", "WAYS", AUDITED, AUDITED, runtime=NODE),
    Table("Network", "network/test_node_network.py", "AROUND", GOES, GOES, ADDON, NODE),
    Table("Names", "network/test_node_network.py", "NAMES", AUDITED, AUDITED, runtime=NODE),
    Table("Files", "files/test_node_files.py", "WAYS", AUDITED, AUDITED, runtime=NODE),
    Table("Files", "files/test_node_files.py", "AROUND", GOES, GOES, ADDON, NODE),
    Table("The agent itself", "nodejs/test_node_processes.py", "TAMPERING", runtime=NODE),
    Table("Processes", "ruby/test_ruby_attacks.py", "PROCESSES", runtime=RUBY),
    Table("Processes", "ruby/test_ruby_attacks.py", "AROUND", LOCKED, GOES, FIDDLE, RUBY),
    Table("Network and names", "network/test_ruby_network.py", "REACHING", runtime=RUBY),
    Table("Files", "ruby/test_ruby_files.py", "FILES", runtime=RUBY),
    Table("Files", "ruby/test_ruby_files.py", "AROUND", GOES, GOES, TIMES, RUBY),
    Table("The agent itself", "ruby/test_ruby_attacks.py", "SHIM", runtime=RUBY),
    Table("The agent itself", "ruby/test_ruby_attacks.py", "MEMORY", runtime=RUBY),
    Table("Processes", "java/rows.py", "PROCESSES", runtime=JAVA),
    Table("Processes", "java/rows.py", "BY_HELPER", HELPER, HELPER, runtime=JAVA),
    Table("Network and names", "java/rows.py", "NETWORK", runtime=JAVA),
    Table("Files", "java/rows.py", "FILES", runtime=JAVA),
)
HEAD = """\
# Attempts, and what became of them

Made of the tests' rows by `tests/agent/attack_table.py`; a test compares. Each attempt is one of a function under its
runtime's client, and judged by its effect: a program that ran, a packet that arrived outside, a secret that was
read, memory that changed. Unprotected it has its effect, or its row could not fail. What stands here is what happens
with `prevent`; with `alert` the attempt goes on as if unprotected, with the audit, and with `block` the environment
ends. The names are those of the ways in `tests/agent/functions`; [security.md](security.md) says what it means.
"""


def _load(file: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"rows_{Path(file).stem}", HERE / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Where dataclasses look for their module.
    spec.loader.exec_module(module)
    return module


def _groups(rows: Iterable[Any]) -> Iterator[tuple[str, list[str]]]:
    """A beginning, and the last words of the ways that have it."""
    for row in rows:
        if isinstance(row, tuple):
            yield row[0], row[1].split()
        else:
            first, _, rest = getattr(row, "name", str(row)).partition("_")
            yield (first, [rest]) if rest else ("", [first])


def _lines(table: Table) -> Iterator[str]:
    merged: dict[str, list[str]] = {}
    for prefix, words in _groups(getattr(_load(table.file), table.names)):
        merged.setdefault(prefix, []).extend(words)
    for prefix, words in merged.items():
        joint = ": " if len(words) > 1 else " "
        attempt = (prefix + joint if prefix else "") + ", ".join(words)
        yield f"| {attempt.replace('_', ' ')} | {table.locked} | {table.unlocked} | {table.takes} |"


def tables() -> list[Table]:
    """Those whose file is there."""
    return [table for table in TABLES if (HERE / table.file).exists()]


def document() -> str:
    """The whole text of docs/attacks.md."""
    lines = [HEAD]
    for runtime, client in CLIENTS.items():
        chosen = [table for table in tables() if table.runtime == runtime]
        for section in dict.fromkeys(table.section for table in chosen):
            lines.append(f"## {runtime} {client}: {section.lower()}")
            lines.append("| attempt | with the kernel lock | without | what it takes |")
            lines.append("|---|---|---|---|")
            for table in chosen:
                if table.section == section:
                    lines.extend(_lines(table))
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
