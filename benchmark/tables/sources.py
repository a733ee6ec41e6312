"""From whatever holds predictions, a file, an array or a frame, to its rows."""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.matching.column_finding import called_ids
from benchmark.tables.arrays import array_rows, npy_array, npz_rows
from benchmark.tables.csv_tables import CsvTable
from benchmark.tables.formats import (
    FOLD_COLUMNS,
    NOTHING,
    PREDICTED_COLUMNS,
    SPLIT_COLUMNS,
    KnownNames,
    table_rows,
)
from benchmark.tables.frame_tables import Table, frame_table
from benchmark.tables.prediction_rows import Rows
from zoo.errors import UserError, in_one_line

PARQUET: Final = ".parquet"
SUFFIXES: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".npy", ".npz", PARQUET)
"""How files of predictions and labels end. Those that end otherwise are read as CSV, if the user names them."""


OTHERS: Final = re.compile(
    r".*\.(json|jsonl|xlsx?|ods|pkl|pickle|joblib|h5|hdf5|feather|arrow|mat|pth?|keras|onnx|png|jpe?g|zip|tar|pdf|html)",
    re.IGNORECASE,
)
"""Names of files that are certainly no tables of text."""


def stem(path: Path) -> str:
    """The file's name without the ending of a table: `oof` of `oof.csv.gz`."""
    lower = path.name.lower()
    suffix = next((end for end in sorted(SUFFIXES, key=len, reverse=True) if lower.endswith(end)), "")
    return path.name[: len(path.name) - len(suffix)]


def read_rows(source: Any, words: str, known: KnownNames = NOTHING, dtype: Any = np.float32) -> list[Rows]:
    """The rows of predictions: several only for an .npz with an array for each split.

    Args:
        source: a path, an array or anything that NumPy makes one of, or a pandas Series or DataFrame.
        words: what to call it in messages, unless it is a file.
        known: names of classes and ids of samples, as far as they are known.
        dtype: of numbers that are read from text, float32 or float64.

    Raises:
        UserError: it cannot be read or has no known format.
    """
    if is_frame(source):
        return [table_rows(frame_table(words, as_frame(source, _predicted_name(source))), known, dtype)]
    if not isinstance(source, (str, Path)):
        return [array_rows(words, as_array(source, words))]
    path = Path(source)
    if path.suffix.lower() == ".npy":
        return [array_rows(str(path), npy_array(path), ".npy")]
    return npz_rows(path) if path.suffix.lower() == ".npz" else [table_rows(open_table(path), known, dtype)]


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


def _predicted_name(source: Any) -> str:
    """What the column of a Series of predictions is called: one of probabilities may be named after its class."""
    name = source.name if source.ndim == 1 else None
    other = isinstance(name, str) and (
        called_ids([name]) is not None or name.lower() in (*SPLIT_COLUMNS, *FOLD_COLUMNS)
    )
    return name if isinstance(name, str) and name and not other else PREDICTED_COLUMNS[0]


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
        raise UserError(f"{words} is not an array: {error}") from error


def open_table(path: Path) -> Table:
    """The table in a file.

    Raises:
        UserError: it cannot be read, is of another kind, or is parquet and pyarrow is not installed.
    """
    if OTHERS.fullmatch(path.name):
        raise UserError(f"{path} is of a kind that is not read here: expected one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() != PARQUET:
        return CsvTable(path)
    import pandas as pd

    try:
        return frame_table(str(path), pd.read_parquet(path), "parquet")
    except ImportError as error:
        raise UserError(f"{path}: parquet needs pyarrow, `pip install pyarrow`; or write it as CSV or .npy") from error
    except Exception as error:  # pyarrow raises nearly anything for damaged files.
        raise UserError(f"{path} cannot be read as parquet: {in_one_line(error)}") from error
