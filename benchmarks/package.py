"""What embedding costs: whole processes, held against copying the file and against unzip, edit, zip.

Every figure is the median of alternating runs, so that a busy moment hits all peers alike; ratios are what
counts. Run it on an idle machine; the tests assert nothing of this. `--large` adds a ZIP of 1 GB for the
memory. Linux only, for the peak memory of a child.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HANDLER = "def lambda_handler(event, context):\n    return 1\n"
MEMBERS = 6_000
MB = 1_000_000
Figures = dict[str, list[tuple[float, int]]]


def package(path: Path, size: int, members: int) -> Path:
    """A ZIP of so many bytes whose members can't be compressed, with a handler among them."""
    chance = random.Random(1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("lambda_function.py", HANDLER)
        for number in range(members - 1):
            name = f"package{number % 40}/part{number % 7}/module_{number}.py"
            archive.writestr(name, chance.randbytes(size // members))
    return path


def measured(command: Sequence[str]) -> tuple[float, int]:
    """Milliseconds and peak memory in KiB of one process with all its children."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise SystemExit(f"{command[0]} ended with {child.returncode}: {said.decode()}")
    return (time.perf_counter() - started) * 1e3, usage.ru_maxrss


def alternating(peers: Mapping[str, Sequence[str]], runs: int, before: Callable[[], None]) -> Figures:
    """All peers in turn, `runs` times after one to warm up."""
    figures: Figures = {name: [] for name in peers}
    for run in range(runs + 1):
        for name, command in peers.items():
            before()
            taken = measured(command)
            if run:
                figures[name].append(taken)
    return figures


def peers(source: Path, small: Path, work: Path) -> dict[str, Sequence[str]]:
    """The commands that are compared, by what the table calls them."""
    defender = [sys.executable, "-m", "defender"]
    output = str(work / "output")
    by_hand = (
        f'mkdir "{output}.d" && cd "{output}.d" && unzip -q "{source}" && '
        f'echo "# edit" >>lambda_function.py && zip -q -r "{output}" .'
    )
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "defender --version": [*defender, "--version"],
        "embed, one file": [*defender, "embed", str(small), "--quiet", "-o", output],
        "cp": ["cp", str(source), output],
        "embed": [*defender, "embed", str(source), "--quiet", "-o", output],
        "unzip, edit, zip": ["sh", "-c", by_hand],
    }


def cleared(work: Path) -> Callable[[], None]:
    """Takes away what the run before wrote, which is not part of any figure."""

    def clear() -> None:
        for path in work.glob("output*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return clear


def report(figures: Figures) -> None:
    """The table, and the ratios that the design sets a bound for."""
    median = {name: statistics.median(time for time, _ in taken) for name, taken in figures.items()}
    print(f"{'':22}{'median':>10}{'fastest':>10}{'memory':>10}")
    for name, taken in figures.items():
        memory = max(memory for _, memory in taken) / 1024
        print(f"{name:22}{median[name]:>7.0f} ms{min(taken)[0]:>7.0f} ms{memory:>7.0f} MB")
    work = median["embed"] - median["embed, one file"]
    print(
        f"\nstart-up over bare Python            {median['defender --version'] - median['python -c pass']:.0f} ms"
    )
    print(f"embed beyond start-up : cp           {work / median['cp']:.2f}")
    print(f"embed : unzip, edit, zip             {median['embed'] / median['unzip, edit, zip']:.3f}")


def main() -> None:
    """Make the packages, run everything, print."""
    runs = int(os.environ.get("RUNS", "7"))
    with tempfile.TemporaryDirectory(prefix="defender-benchmark-") as folder:
        work = Path(folder)
        source = package(work / "source.zip", 80 * MB, MEMBERS)
        small = package(work / "small.zip", 1, 1)
        print(
            f"{source.stat().st_size / MB:.0f} MB in {MEMBERS:,} members, {runs} runs, {os.cpu_count()} processors\n"
        )
        report(alternating(peers(source, small, work), runs, cleared(work)))
        if "--large" in sys.argv[1:]:
            source.unlink()
            large = package(work / "large.zip", 1000 * MB, MEMBERS)
            command = peers(large, small, work)["embed"]
            cleared(work)()
            taken, memory = measured(command)
            print(f"1 GB                                 {taken:.0f} ms, {memory / 1024:.0f} MB of memory")


if __name__ == "__main__":
    main()
