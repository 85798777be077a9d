"""Makes docs/demo.svg from a real run of the demonstration: python docs/picture.py"""

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the demonstration with colours, and draw what it printed."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "118"}
    run = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        text=True,
    )
    console = Console(record=True, width=118, file=io.StringIO())
    console.print(Text.from_ansi("$ make demo\n" + run.stdout, no_wrap=False))
    console.save_svg(str(ROOT / "docs" / "demo.svg"), title="defender")


if __name__ == "__main__":
    main()
