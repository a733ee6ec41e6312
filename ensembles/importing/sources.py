"""From whatever holds predictions, a file, an array or a frame, to its rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ensembles.importing.arrays import array_rows, npy_array, npz_rows
from ensembles.importing.formats import table_rows
from ensembles.importing.rows import Rows
from ensembles.importing.tables import CSV_SUFFIXES, PARQUET, frame_table, is_table, open_table
from zoo.errors import UserError

SUFFIXES: Final = (*CSV_SUFFIXES, ".npy", ".npz", PARQUET)


def read_rows(source: Any, words: str, classes: Sequence[str] = ()) -> list[Rows]:
    """The rows of predictions: several only for an .npz with an array for each split.

    Args:
        source: a path, an array or anything that NumPy makes one of, or a pandas Series or DataFrame.
        words: what to call it in messages, unless it is a file.
        classes: names of classes, as far as they are known.

    Raises:
        UserError: it cannot be read or has no known format.
    """
    if isinstance(source, (str, Path)):
        return _file_rows(Path(source), classes)
    if is_frame(source):
        return [table_rows(frame_table(words, as_frame(source, "prediction")), classes)]
    return [array_rows(words, as_array(source, words))]


def is_frame(source: Any) -> bool:
    """Whether it is a pandas DataFrame or Series; pandas is not imported for it."""
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "iloc")


def are_files(source: Any) -> bool:
    """Whether it is a sequence of paths, and not of labels."""
    return (
        isinstance(source, (list, tuple))
        and bool(source)
        and all(isinstance(one, Path) or (isinstance(one, str) and one.lower().endswith(SUFFIXES)) for one in source)
    )


def as_frame(source: Any, name: str) -> Any:
    """The DataFrame, or that of a Series, whose column is then called `name`."""
    return source if source.ndim == 2 else source.to_frame(name)


def as_array(source: Any, words: str) -> np.ndarray[Any, Any]:
    """The array that NumPy makes of a value.

    Raises:
        UserError: it makes none.
    """
    try:
        return np.asarray(source)
    except ValueError as error:
        raise UserError(f"{words} is no array: {error}") from error


def _file_rows(path: Path, classes: Sequence[str]) -> list[Rows]:
    name = path.name.lower()
    if is_table(path):
        return [table_rows(open_table(path), classes)]
    if name.endswith(".npy"):
        return [array_rows(str(path), npy_array(path), ".npy")]
    if name.endswith(".npz"):
        return npz_rows(path)
    raise UserError(f"{path}: expected a file that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
