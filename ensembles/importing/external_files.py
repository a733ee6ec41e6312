"""Read files with predictions of other programs: CSV and npz."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import NpzError, opened
from benchmark.records import ROW_SUM_TOLERANCE
from zoo.errors import UserError

ID_COLUMNS: Final = ("sample_id", "id")
SPLIT_COLUMN: Final = "split"
# Row numbers, as pandas writes them by default.
IGNORED_COLUMNS: Final = ("", "unnamed: 0")
LONGEST_TEXT: Final = 1000
ARRAYS: Final = ("sample_ids", "class_names", "probabilities")


@dataclass(frozen=True, eq=False)
class ExternalFile:
    """The rows of one file.

    Attributes:
        path: of the file.
        sample_ids: str, shape (n,).
        class_names: of the columns, in the file's order; distinct.
        probabilities: float64, shape (n, classes), not checked yet; see `distributions`.
        splits: str, shape (n,): the split of each row; None if the file has no `split`.

    Raises:
        UserError: there are no rows, or a class occurs twice.
    """

    path: Path
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float64]
    splits: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        if not self.sample_ids.size:
            raise UserError(f"{self.path} has no rows: expected one per sample")
        folded = [name.casefold() for name in self.class_names]
        twice = [name for name in self.class_names if folded.count(name.casefold()) > 1]
        if twice:
            raise UserError(f"{self.path} has the class {twice[0]} twice: expected one column per class")

    def distributions(self, columns: Sequence[int]) -> NDArray[np.float64]:
        """The columns in this order, shape (n, columns): finite, not negative, rows sum to 1 (within 1e-3).

        Raises:
            UserError: they are not; the message names the file and a sample.
        """
        chosen = self.probabilities[:, columns]
        infinite: NDArray[np.bool_] = np.any(~np.isfinite(chosen), axis=1)
        self._refuse(infinite, "has probabilities that are not finite numbers")
        negative: NDArray[np.bool_] = np.any(chosen < 0, axis=1)
        self._refuse(negative, "has a negative probability")
        sums = chosen.sum(axis=1)
        wrong: NDArray[np.bool_] = np.abs(sums - 1) > ROW_SUM_TOLERANCE
        self._refuse(wrong, f"has probabilities that sum to {sums[wrong.argmax()]:.6g}, expected 1")
        return chosen

    def _refuse(self, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            others = f" (and {wrong.sum() - 1} other samples)" if wrong.sum() > 1 else ""
            raise UserError(f"{self.path}: sample {str(self.sample_ids[wrong.argmax()])!r} {what}{others}")


def read_external(path: Path) -> ExternalFile:
    """Read a `.csv` or an `.npz`.

    A CSV has a header with `sample_id` (or `id`), one column per class, and optionally `split`. An npz has the arrays
    `sample_ids` (n,), `class_names` (classes,), `probabilities` (n, classes), and optionally `split`, one for all rows
    or one per row. Files of the store can be read, too.

    Raises:
        UserError: the file cannot be read or has another format.
    """
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    if path.suffix.lower() == ".npz":
        return _read_npz(path)
    raise UserError(f"{path}: expected a file that ends in .csv or .npz")


def _read_csv(path: Path) -> ExternalFile:
    try:
        # csv needs the line ends unchanged; Excel writes a byte-order mark.
        reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV in UTF-8: {error}") from error
    header = lines[0][1] if lines else []
    named = {name.lower(): column for column, name in reversed(list(enumerate(header)))}
    identity = next((named[name] for name in ID_COLUMNS if name in named), None)
    if identity is None:
        raise UserError(f"{path}, line 1: no column {' or '.join(ID_COLUMNS)}, found {', '.join(header) or 'nothing'}")
    split = named.get(SPLIT_COLUMN)
    others = (identity, split)
    classes = [at for at, name in enumerate(header) if at not in others and name.lower() not in IGNORED_COLUMNS]
    for line, cells in lines:
        if len(cells) != len(header):
            raise UserError(f"{path}, line {line}: {len(cells)} columns, expected {len(header)}")
        for at in (identity, split):
            if at is not None and (len(cells[at]) > LONGEST_TEXT or "\0" in cells[at]):
                # NumPy pads text to the longest, and drops null characters at the end.
                raise UserError(
                    f"{path}, line {line}: {header[at]} is too long, expected text of at most {LONGEST_TEXT} characters"
                )
    return ExternalFile(
        path=path,
        sample_ids=np.array([cells[identity] for _, cells in lines[1:]], np.str_),
        class_names=tuple(header[at] for at in classes),
        probabilities=np.array(
            [[_number(path, line, cells[at]) for at in classes] for line, cells in lines[1:]], np.float64
        ).reshape(len(lines) - 1, len(classes)),
        splits=None if split is None else np.array([cells[split].lower() for _, cells in lines[1:]], np.str_),
    )


def _number(path: Path, line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{path}, line {line}: {text!r} is no number: expected a probability") from None


def _read_npz(path: Path) -> ExternalFile:
    try:
        with opened(path) as archive:
            missing = [name for name in ARRAYS if name not in archive.names]
            if missing:
                raise UserError(f"{path} has no array {missing[0]}: expected {', '.join(ARRAYS)}")
            arrays = {name: archive.read(name) for name in (*ARRAYS, SPLIT_COLUMN) if name in archive.names}
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except NpzError as error:
        raise UserError(f"{path} is no .npz that can be read: {error}") from error
    ids, names, probabilities = (arrays[name] for name in ARRAYS)
    if ids.ndim != 1 or names.ndim != 1 or probabilities.shape != (len(ids), len(names)):
        raise UserError(
            f"{path}: probabilities are {probabilities.shape}, expected (samples, classes), with sample_ids "
            f"{ids.shape} and class_names {names.shape}"
        )
    if probabilities.dtype.kind not in "fiub":
        raise UserError(f"{path}: probabilities are {probabilities.dtype}, expected numbers")
    split = arrays.get(SPLIT_COLUMN)
    if split is not None and split.shape not in ((), ids.shape):
        raise UserError(f"{path}: split is {split.shape}, expected one for all rows or {ids.shape}")
    return ExternalFile(
        path=path,
        sample_ids=_texts(path, "sample_ids", ids),
        class_names=tuple(_texts(path, "class_names", names).tolist()),
        probabilities=probabilities.astype(np.float64),
        splits=None if split is None else np.broadcast_to(_texts(path, SPLIT_COLUMN, split), ids.shape),
    )


def _texts(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.str_]:
    """The values as text; ids may be whole numbers."""
    if values.dtype.kind not in "USiu":
        raise UserError(f"{path}: {name} is {values.dtype}, expected text or whole numbers")
    try:
        return values.astype(np.str_)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {name} holds bytes that are no ASCII text") from error
