"""The cores and GPUs that this process may use; containers and schedulers often grant fewer than the machine has."""

import math
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path("/")
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"

_GPU_ID: Final = re.compile(r"\(UUID: ((?:GPU|MIG)-[^)]+)\)")
_DRIVER_SECONDS: Final = 30
"""How long the driver's tool may take; several sleeping GPUs need time to wake up."""


def available_cores(root: Path = ROOT) -> int:
    """Processor cores that this process may use: by its affinity, and by the quotas of its control groups, rounded up.

    A group's quota holds for all groups below it. Where the system has none of this, all its cores.

    Returns:
        At least 1.
    """
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affine, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """The cores that each control group of this process grants, where it grants fewer than all."""
    for group in _groups(root):
        try:
            if (group / "cpu.max").exists():
                quota, period = (group / "cpu.max").read_text().split()
            else:
                quota, period = [(group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")]
            # "max" and -1 stand for no limit.
            if quota != "max" and float(quota) > 0 and float(period) > 0:
                yield float(quota) / float(period)
        except (OSError, ValueError):
            continue  # a group without limits, as the topmost is, has no such file


def _groups(root: Path) -> Iterator[Path]:
    """The directories of this process' control groups for processor time, of both versions, and of those above."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path may be the host's, of which it sees the end alone: hence also the mount itself.
        inside = PurePosixPath(path.lstrip("/"))
        for above in (inside, *inside.parents):
            if ".." not in above.parts:
                yield mounts / controllers / above


def visible_gpus() -> tuple[str, ...]:
    """The entries of `CUDA_VISIBLE_DEVICES`; where it is not set, every GPU or GPU instance that the driver lists."""
    if (chosen := os.environ.get(VISIBLE)) is not None:
        entries = (entry.strip() for entry in chosen.split(","))
        # The driver stops reading at the first entry that it does not know, such as -1.
        return tuple(takewhile(lambda entry: entry and not entry.startswith("-"), entries))
    try:
        command = ["nvidia-smi", "-L"]
        listing = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()  # no driver, no GPU
    gpus = _GPU_ID.findall(listing)
    return tuple([gpu for gpu in gpus if gpu.startswith("MIG")] or gpus)
