"""The platform's limits on packages, known before an upload fails.

AWS Lambda quotas: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

from pathlib import Path

from defender.archive.model import Archive

DIRECT_UPLOAD = 50 * 1024 * 1024
UNZIPPED = 250 * 1024 * 1024


def platform_warnings(archive: Archive, output: Path, added: int = 0) -> tuple[str, ...]:
    """What AWS Lambda will say to the output; `added` bytes came on top of the archive, inflated."""
    warnings = []
    if not output.is_dir() and output.stat().st_size > DIRECT_UPLOAD:
        size = output.stat().st_size / 1024 / 1024
        warnings.append(f"{output}: {size:.0f} MB, over the 50 MB of a direct upload: upload it through S3")
    inflated = added + archive.inflated
    if inflated > UNZIPPED:
        warnings.append(
            f"{output}: {inflated / 1024 / 1024:.0f} MB unzipped, over Lambda's 250 MB with layers"
        )
    return tuple(warnings)
