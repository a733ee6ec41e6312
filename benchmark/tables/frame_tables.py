"""Tables that a user hands over, read column by column: what a table is, and pandas' frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.cell_text import LONGEST_TEXT, too_long
from benchmark.matching.column_finding import called_ids
from benchmark.nouns import counted
from zoo.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Cells:
    """Some columns of a table.

    Attributes:
        texts: of each text column, one a row, without the blanks around them.
        values: float32 or float64, shape (n, number columns); nan where a cell is not a number.
        line: tells where a row stands in its file, from 1; None where there are no lines.
        faults: one phrase for each kind of fault.
        unread: the rows with a cell that is not a number.
    """

    texts: list[list[str]]
    values: NDArray[np.floating]
    line: Callable[[int], int] | None = None
    faults: list[str] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)


class Table(Protocol):
    """A table whose columns have names."""

    @property
    def where(self) -> str:
        """The table in words, for messages."""

    @property
    def kind(self) -> str:
        """What it is: CSV, parquet, DataFrame."""

    @property
    def header(self) -> Sequence[str]:
        """The columns' headings; empty for a CSV that begins with numbers."""

    @property
    def width(self) -> int:
        """How many columns there are."""

    def peek(self, count: int) -> list[list[str]]:
        """The first rows below the header, at most so many, as text."""

    def read(self, texts: Sequence[int], numbers: Sequence[int], dtype: Any = np.float32) -> Cells:
        """Read these columns.

        Args:
            texts, numbers: places of columns.
            dtype: of the numbers, float32 or float64.
        """


@dataclass(frozen=True, eq=False)
class FrameTable:
    """A pandas DataFrame; see `frame_table`."""

    where: str
    frame: "pd.DataFrame"
    kind: str = "DataFrame"

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(str(name).strip() for name in self.frame.columns)

    @property
    def width(self) -> int:
        return len(self.frame.columns)

    def peek(self, count: int) -> list[list[str]]:
        """The first rows."""
        columns = [text_values(self.where, self.frame.iloc[:count, at].to_numpy()) for at in range(self.width)]
        return [list(cells) for cells in zip(*columns, strict=True)]

    def read(self, texts: Sequence[int], numbers: Sequence[int], dtype: Any = np.float32) -> Cells:
        """Read these columns.

        Raises:
            UserError: a column that should have numbers has none, or a text is too long for an array.
        """
        values = np.empty((len(self.frame), len(numbers)), dtype)
        for place, at in enumerate(numbers):
            column = self.frame.iloc[:, at]
            try:
                values[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError):
                raise UserError(f"{self.where}: the column {self.header[at]} has no numbers") from None
        return Cells([text_values(self.where, self.frame.iloc[:, at].to_numpy()) for at in texts], values)


def frame_table(where: str, frame: "pd.DataFrame", kind: str = "DataFrame") -> FrameTable:
    """The table of a frame. Its index is a column called id where no column has ids.

    An index that numbers the rows from 0, repeats itself or has several levels is none.
    """
    import pandas as pd

    numbers = pd.RangeIndex(len(frame))
    named = called_ids([str(name) for name in frame.columns]) is not None
    if not named and frame.index.nlevels == 1 and frame.index.is_unique and not frame.index.equals(numbers):
        frame = frame.reset_index(names="id")
    return FrameTable(where, frame, kind)


def text_values(where: str, values: NDArray[Any]) -> list[str]:
    """The values as text: whole numbers without `.0`, missing ones empty.

    Raises:
        UserError: bytes that are not ASCII text, or text that is too long.
    """
    if values.dtype.kind == "f":
        whole = np.isnan(values) | (np.abs(values) < 2**53) & (values == np.floor(values))
        texts = ["" if np.isnan(value) else str(int(value)) for value in values.tolist()] if whole.all() else None
        return texts or ["" if np.isnan(value) else repr(value) for value in values.tolist()]
    try:
        texts = [
            "" if _is_missing(value) else value.decode("ascii") if isinstance(value, bytes) else str(value).strip()
            for value in values.tolist()
        ]
    except UnicodeDecodeError as error:
        raise UserError(f"{where} holds bytes that are not ASCII text") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} holds values that are neither text nor numbers") from error
    if too_long(*texts):
        raise UserError(f"{where} has text that is too long, expected at most {LONGEST_TEXT} characters")
    return texts


def _is_missing(value: Any) -> bool:
    """Whether it is None, pandas' NA, or NaN or NaT, which differ from themselves."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)  # noqa: PLR0124


def and_others(phrase: str, others: int, what: str) -> str:
    """The phrase, and how many others it is true of."""
    noun = f"other {what.removesuffix('s')}"
    return f"{phrase} (and {counted(others, noun)})" if others else phrase


def is_number(text: str) -> bool:
    """Whether Python reads the text as a number, `nan` and `1e-3` included."""
    try:
        float(text)
    except ValueError:
        return False
    return True
