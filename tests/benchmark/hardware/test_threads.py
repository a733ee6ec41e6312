"""How many threads the frameworks get: as many as there are cores, or a share, and never what the user did not ask."""

import os
from collections.abc import Iterator

import pytest
import threadpoolctl

from benchmark.hardware import backend

VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment that says nothing of threads, on a machine of six cores; afterwards all is as it was."""
    for name in (*VARIABLES, *backend.BLAS_VARIABLES):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(backend, "available_cores", lambda: 6)
    with threadpoolctl.threadpool_limits():
        yield


def of_blas() -> set[int]:
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize(("share", "threads"), [(None, 6), (1, 1)])
def test_cores_or_a_share_of_them(share: int | None, threads: int) -> None:
    import numpy  # noqa: F401 - whose BLAS it is about

    backend.use_threads(share)
    assert [os.environ[name] for name in VARIABLES] == [str(threads)] * 3
    assert of_blas() == {threads}


def test_what_the_user_says_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = of_blas()
    backend.use_threads(1)
    assert [os.environ[name] for name in VARIABLES] == ["3", "1", "1"]
    assert of_blas() == before
