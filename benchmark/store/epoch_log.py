"""Losses and other numbers of each epoch as scalars for TensorBoard: `run --log tensorboard`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmark.files.file_writing import writing
from zoo.errors import UserError, unknown_name

TENSORBOARD: Final = "tensorboard"
LOGS: Final = (TENSORBOARD,)
PACKAGE: Final = "tensorboardX"

Log = Callable[[int, Mapping[str, float | None]], None]
"""Called with the number of epochs done, and the numbers of the last one by name."""


def check_log(kind: str) -> None:
    """Raise UserError unless the kind of log is empty, for none, or known and its package is installed."""
    if kind and kind not in LOGS:
        raise unknown_name("log", kind, LOGS)
    if kind and find_spec(PACKAGE) is None:
        raise UserError(f"--log {kind} needs {PACKAGE}: pip install {PACKAGE}")


@contextmanager
def epoch_log(kind: str, directory: Path) -> Iterator[Log]:
    """The function that logs each epoch of one run.

    The kind is one of `LOGS`, or empty for none. The directory is made after the first epoch; files in it stay.

    Raises:
        UserError: it cannot be written.
    """
    if not kind:
        yield lambda *_: None
        return
    from tensorboardX import SummaryWriter

    writers: list[SummaryWriter] = []

    def log(epoch: int, values: Mapping[str, float | None]) -> None:
        with writing(directory):
            if not writers:
                directory.mkdir(parents=True, exist_ok=True)
                writers.append(SummaryWriter(str(directory)))
            for name, value in values.items():
                if value is not None:
                    writers[0].add_scalar(name, value, epoch)
            writers[0].flush()

    try:
        yield log
    finally:
        for writer in writers:
            writer.close()
