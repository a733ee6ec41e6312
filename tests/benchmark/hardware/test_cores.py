"""Cores really available, with the files of control groups as containers have them."""

import os
from pathlib import Path

import pytest

from benchmark.hardware.resources import available_cores

CORES = 16


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system without control groups, on a machine of 16 cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CORES)), raising=False)
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text + "\n")


def test_without_control_groups_the_affinity_decides(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_cores(root) == CORES
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert available_cores(root) == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores(root) == 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("max 100000", CORES),
        ("400000 100000", 4),
        ("250000 100000", 3),
        ("10000 100000", 1),
        ("9000000 100000", CORES),
        ("what is this", CORES),
        ("0 0", CORES),
    ],
)
def test_the_quota_of_version_2(root: Path, limit: str, cores: int) -> None:
    write(root, "proc/self/cgroup", "0::/")
    write(root, "sys/fs/cgroup/cpu.max", limit)
    assert available_cores(root) == cores


def test_a_quota_holds_for_the_groups_below(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/user.slice/job.scope")
    write(root, "sys/fs/cgroup/user.slice/cpu.max", "300000 100000")
    write(root, "sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000")
    assert available_cores(root) == 3
    write(root, "sys/fs/cgroup/user.slice/job.scope/cpu.max", "200000 100000")
    assert available_cores(root) == 2
    write(root, "sys/fs/cgroup/other.scope/cpu.max", "100000 100000")
    assert available_cores(root) == 2, "another group's quota is none of ours"


@pytest.mark.parametrize(("quota", "cores"), [("-1", CORES), ("550000", 6), ("0", CORES)])
def test_the_quota_of_version_1(root: Path, quota: str, cores: int) -> None:
    """In a container, whose own path is the host's and does not exist there."""
    write(root, "proc/self/cgroup", "12:memory:/docker/0a\n4:cpu,cpuacct:/docker/0a\n0::/")
    write(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", quota)
    write(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    write(root, "sys/fs/cgroup/memory/cpu.cfs_quota_us", "100000")
    assert available_cores(root) == cores


def test_a_path_that_leads_out_of_the_mount_is_left_alone(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/../elsewhere\nnonsense:cpu:/x")
    write(root, "sys/fs/elsewhere/cpu.max", "100000 100000")
    assert available_cores(root) == CORES


def test_here() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
