"""Runs the stress program's scenarios, and holds its audits against what it says that it did.

    python stress.py BUILT LIBRARY SECONDS HERTZ SCENARIO...

BUILT is the folder of the program and what it uses: `allowed`, which the policy lets start, and `later.so`, which is
loaded again and again. Every scenario has a network namespace of its own.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TYPES = ("processes", "network", "filesystem")


def policy(folder: Path) -> str:
    """Every section prevents something, and lets something pass."""
    rule = {
        "name": "stress",
        "processes": {"effect": "prevent", "allow": ["allowed"]},
        "network": {"effect": "prevent", "outbound": {"deny_ips": ["198.51.100.0/24"]}},
        "dns": {"effect": "prevent", "deny": ["*.example.test"]},
        "filesystem": {"effect": "prevent", "deny": [str(folder / "secret")]},
    }
    document = {"v": 1, "id": {"provider": "aws"}, "console": None, "runtime": rule}
    return base64.b64encode(json.dumps(document).encode()).decode()


def prepare(folder: Path, built: Path) -> None:
    """Lay out the files that the calls go to."""
    (folder / "secret").mkdir()
    for name in ("file", "secret/file"):
        (folder / name).write_text("x")
    (folder / "link").symlink_to("secret/file")
    for name in ("allowed", "later.so"):
        shutil.copy(built / name, folder / name)
    (folder / "denied").symlink_to("/usr/bin/true")


def run(scenario: str, folder: Path, arguments: list[str], seconds: float, hertz: str) -> list[str]:
    """Run one scenario; returns what was wrong."""
    program, library = arguments
    command = ["unshare", "--user", "--map-root-user", "--net"] if os.geteuid() else ["unshare", "--net"]
    command += [program, library, str(folder), scenario, str(int(seconds * 1000)), hertz]
    suppressions = Path(__file__).with_name("thread.supp")
    options = f"log_path={folder}/sanitizer die_after_fork=0 history_size=4 suppressions={suppressions}"
    environment = {**os.environ, "TW_POLICY": policy(folder), "TSAN_OPTIONS": options}
    counts = dict.fromkeys(TYPES, 0)
    problems = []
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.PIPE, env=environment, text=True, start_new_session=True
        )
        assert process.stderr is not None
        # Whatever waits for ever is a finding; what it started ends with it.
        patience = threading.Timer(60 + 10 * seconds, os.killpg, (process.pid, signal.SIGKILL))
        patience.start()
        for line in process.stderr:
            try:
                audit = json.loads(line)
                if audit["type"] in counts:
                    counts[audit["type"]] += audit["count"]
            except (ValueError, KeyError):
                problems.append(f"no whole line: {line[:200]!r}")
        status = process.wait()
        patience.cancel()
        output.seek(0)
        said = output.read()
    if status != 0:
        problems.append(f"ended with {status}")
    problems += re.findall(r"^wrong: .*", said, re.MULTILINE)
    problems += compare(said, counts)
    problems += [path.read_text()[:4000] for path in folder.glob("sanitizer.*")]
    print(f"{scenario}: {said.splitlines()[-1] if said else ''}; audited {json.dumps(counts)}")
    return problems


def compare(said: str, counts: dict[str, int]) -> list[str]:
    """Denials of every section are audited; no more than there were, as far as the program itself made them.

    What its children are denied only they know. And a repeat that falls between two invocations may go uncounted.
    """
    totals = re.findall(r"^done (\d+) .* processes (\d+) network (\d+) filesystem (\d+)$", said, re.MULTILINE)
    if not totals:
        return ["it said nothing"]
    problems = []
    for name, count in zip(TYPES, totals[-1][1:], strict=True):
        if count == "0" or counts[name] == 0 or (counts[name] > int(count) and "children" not in said):
            problems.append(f"{name}: {count} denied, {counts[name]} audited")
    return problems


def main() -> int:
    """Run all; the exit code says whether all is well."""
    built, library, seconds, hertz, *scenarios = sys.argv[1:]
    program = str(Path(built).resolve() / "stress")
    failed = 0
    for scenario in scenarios:
        with tempfile.TemporaryDirectory(prefix="defender-stress-") as name:
            folder = Path(name)
            prepare(folder, Path(built))
            problems = run(scenario, folder, [program, library], float(seconds), hertz)
        print(*problems, sep="\n", end="\n" if problems else "")
        failed += bool(problems)
    print(f"{Path(library).name}: {len(scenarios) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
