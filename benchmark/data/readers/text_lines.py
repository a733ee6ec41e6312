"""The lines of a small CSV file as fields, read in bounded memory; every complaint names the line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from zoo.errors import UserError

LONGEST_LINE: Final = 1 << 16


def lines_of(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The number, from 1, and the fields of each line that is not blank.

    Raises:
        UserError: a line that is not UTF-8 text or has quotes that cannot be read.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                reader = csv.reader([text], delimiter=delimiter, skipinitialspace=delimiter == " ", strict=True)
                fields = next(reader, [])
            except (UnicodeDecodeError, csv.Error) as error:
                raise UserError(f"{path}, line {number}: not a line of a CSV file in UTF-8 ({error})") from error
            if any(map(str.strip, fields)):
                yield number, fields
