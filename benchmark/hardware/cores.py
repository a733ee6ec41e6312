"""How many processor cores this process may really use; containers and schedulers grant fewer than there are."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path("/")


def available_cores(root: Path = ROOT) -> int:
    """Processor cores that this process may use: by its affinity, and by the quotas of its control groups, rounded up.

    A group's quota holds for all groups below it. Where the system has none of this, all its cores.

    Args:
        root: of the file system that has `proc` and `sys`.

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
