"""Build hook: compiles the core and packs the bundles that `defender` injects.

Runs for wheels and for editable installs alike; what it writes goes to `cli/defender/_data/`, which git
ignores. How the core is compiled and what a bundle holds is said in `agent/build.py`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AgentBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes `_data/bundles/` before hatchling collects the package's files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile and pack; `version` is hatchling's name of the build's kind, not ours."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        spec = importlib.util.spec_from_file_location("agent_build", root / "agent" / "build.py")
        if spec is None or spec.loader is None:
            raise RuntimeError("agent/build.py is missing: this is no complete source tree")
        build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(build)
        build.bundles(root / "cli" / "defender" / "_data" / "bundles", self.metadata.version)
