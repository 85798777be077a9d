"""`make demo`: embeds a sample function, and shows an ordinary event and an attack, before and after.

The function runs under AWS's own runtime interface client for Python, against a Runtime API on this machine.
Ends with status 1 when anything is not as it should be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from runtime_api import Environment, Outcome

FUNCTION = Path(__file__).parent / "function"
RUNTIME = (sys.executable, "-m", "awslambdaric")
ORDER = {"formula": "quantity * 4.5", "quantity": 3}
ATTACK = {"formula": "__import__('subprocess').check_output('id', text=True)"}


class UnexpectedResult(Exception):
    """The demonstration did not show what it was to show."""


def main() -> int:
    """Run the demonstration; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="defender-demo-") as folder:
        try:
            demonstrate(Path(folder))
        except UnexpectedResult as error:
            say(f"\nThis is not as it should be: {error}", "31")
            return 1
    say("\nThe attack was stopped, and the function answers as before.", "32")
    return 0


def demonstrate(folder: Path) -> None:
    """Show the function without and with protection; raises UnexpectedResult."""
    package = folder / "function.zip"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(FUNCTION / "app.py", "app.py")

    title("1. A function that works out prices, and evaluates what its caller sends")
    say((FUNCTION / "app.py").read_text())
    with environment(package, folder / "original", {}) as original:
        price = show(original, "An order", ORDER)
        loot = show(original, "An attack, which starts a program", ATTACK)
    expect(price.kind == "response", "the order has no answer")
    expect(b"uid=" in loot.body, "the attack does not work on the unprotected function")

    title("2. defender embed function.zip")
    protected = folder / "function.protected.zip"
    variables = embed(package, protected)

    title("3. The protected function, under the same runtime")
    with environment(protected, folder / "protected", variables) as running:
        same = show(running, "The same order", ORDER)
        refused = show(running, "The same attack", ATTACK)
        audits = [json.loads(line) for line in running.errors().splitlines() if line.startswith("{")]
    expect(same == price, "the order's answer has changed")
    expect(refused.kind == "error" and b"PermissionError" in refused.body, "the attack was not stopped")

    title("4. What the agent wrote to the function's log")
    say(json.dumps(audits, indent=2))
    attacks = [audit for audit in audits if audit.get("type") == "processes"]
    expect(len(attacks) == 1, f"there are {len(attacks)} audits of the attack, not one")
    expect(attacks[0]["effect"] == "prevent", "the audit has another effect")


def embed(package: Path, output: Path) -> dict[str, str]:
    """Run the command as its users do; returns the environment that it prints."""
    command = [sys.executable, "-m", "defender", "embed", package.name, "-o", output.name]
    run = subprocess.run(command, cwd=package.parent, stdout=subprocess.PIPE, text=True, check=False)
    expect(run.returncode == 0, f"embed ended with status {run.returncode}")
    say(f"\nOn stdout, for the function's environment:\n{run.stdout.rstrip()}")
    return dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)


def environment(package: Path, folder: Path, variables: Mapping[str, str]) -> Environment:
    """Unpack a deployment package as Lambda does, and start its runtime."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return Environment(folder, "app.handler", command=RUNTIME, variables=variables, name="demo")


def show(running: Environment, what: str, event: Mapping[str, object]) -> Outcome:
    """Send one event, and show it with what became of it."""
    say(f"{what}: {json.dumps(event)}", "36")
    outcome = running.invoke(event)
    if outcome.kind == "exit":
        say(running.errors())
        raise UnexpectedResult(f"the runtime ended with status {outcome.status}")
    answer = json.loads(outcome.body)
    if outcome.kind == "error":  # the stack says more about this machine than about the function
        answer = f"{answer['errorType']}: {answer['errorMessage']}"
    say(f"  {outcome.kind}: {answer if outcome.kind == 'error' else json.dumps(answer)}\n")
    return outcome


def expect(holds: bool, otherwise: str) -> None:
    """Raise UnexpectedResult unless something holds."""
    if not holds:
        raise UnexpectedResult(otherwise)


def title(text: str) -> None:
    """Print a heading."""
    say(f"\n{text}\n", "1")


def say(text: str, style: str = "") -> None:
    """Print, in a style where a terminal shows it and NO_COLOR does not forbid it."""
    shown = sys.stdout.isatty() or os.environ.get("FORCE_COLOR")
    styled = style and shown and not os.environ.get("NO_COLOR")
    print(f"\033[{style}m{text}\033[0m" if styled else text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
