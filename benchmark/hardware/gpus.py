"""Which GPUs a process may use, for workers that share them; asks the driver, imports no framework."""

import os
import re
import subprocess
from typing import Final

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"

_LISTED: Final = re.compile(r"\(UUID: ((?:GPU|MIG)-[^)]+)\)")
_SECONDS: Final = 30
"""That the driver's tool may take; waking up several sleeping GPUs takes some."""


def visible_gpus() -> tuple[str, ...]:
    """What `CUDA_VISIBLE_DEVICES` may name: its own entries where it is set, else every GPU that the driver lists.

    Of a GPU that is divided into instances, these.
    """
    if (chosen := os.environ.get(VISIBLE)) is not None:
        return _entries(chosen)
    try:
        asked = ["nvidia-smi", "-L"]
        listed = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()  # no driver, no GPU
    found = _LISTED.findall(listed)
    return tuple([name for name in found if name.startswith("MIG")] or found)


def _entries(chosen: str) -> tuple[str, ...]:
    """The GPUs in a value of the variable; the driver stops reading at the first that it does not know, such as -1."""
    found = []
    for name in (entry.strip() for entry in chosen.split(",")):
        if not name or name.startswith("-"):
            break
        found.append(name)
    return tuple(found)
