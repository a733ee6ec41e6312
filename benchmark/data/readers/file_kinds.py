"""Files that are not CSV: told by their first bytes, so that the message says what they are and what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmark.files.unpacking import is_tar
from zoo.errors import UserError

_UNPACK: Final = "unpack it and give what it holds"
_ARRAYS: Final = "save images and labels as one .npz: np.savez('data.npz', images=..., labels=...)"
_SHEET: Final = "save the sheet as CSV (UTF-8)"
_UTF_8: Final = "save it as UTF-8"
_PICTURE: Final = "give the folder that holds the folders of classes"
# By first bytes: what the file is, and what to do with it.
_KINDS: Final = {
    b"\x1f\x8b": ("compressed by gzip", _UNPACK),
    b"BZh": ("compressed by bzip2", _UNPACK),
    b"\xfd7zXZ\x00": ("compressed by xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"PK\x05\x06": ("an empty zip archive", "expected images"),
    b"\x93NUMPY": ("a single NumPy array", _ARRAYS),
    b"\x89HDF": ("an HDF5 file", _ARRAYS),
    b"MATLAB 5.0": ("a MATLAB file", _ARRAYS),
    **{b"\x80" + bytes([protocol]): ("a pickle, which would run code when read", _ARRAYS) for protocol in range(2, 6)},
    b"PAR1": ("a Parquet file", "give it a name that ends in .parquet"),
    b"SQLite format 3": ("an SQLite database", "save its table as CSV"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", _SHEET),
    b"\xff\xfe": ("UTF-16 text", _UTF_8),
    b"\xfe\xff": ("UTF-16 text", _UTF_8),
    b"%PDF": ("a PDF document", "expected a CSV or .npz file"),
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8"), ("a picture", _PICTURE)),
}
_SEPARATORS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars"}


def check_csv(path: Path, start: bytes) -> None:
    """Raise UserError if the file's first bytes are those of another kind of file."""
    other_kind = next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)
    if is_tar(start):
        other_kind = ("a tar archive", _UNPACK)
    # ASCII in two bytes a character has every second byte zero, the first ones or the others.
    if other_kind is None and len(start) > 1 and any(start[::2]) != any(start[1::2]):
        other_kind = ("UTF-16 text", _UTF_8)
    if other_kind is not None:
        raise UserError(f"{path}: {other_kind[0]}, expected a CSV file; {other_kind[1]}")


def check_header(path: Path, text: str) -> None:
    """Raise UserError if the first line of a text file shows that its lines or columns are set apart otherwise."""
    line = text.strip("\r\n")
    if not line.translate({ord("\r"): None, ord("\t"): None}).isprintable():
        return
    if "\r" in line:
        raise UserError(
            f"{path}: its lines end in carriage returns alone; save it with the line ends of Unix or Windows"
        )
    for separator, name in _SEPARATORS.items():
        if separator in line and "," not in line:
            raise UserError(f"{path}: its columns are separated by {name}, expected commas; save it so")


def check_zip(path: Path, members: Sequence[str]) -> None:
    """Raise UserError if an .npz file holds no arrays."""
    if not any(name.endswith(".npy") for name in members):
        shown = ", ".join(name[:40] for name in members[:3]) or "nothing"
        raise UserError(f"{path}: a zip archive that holds {shown!a}, expected arrays; as .zip its files are read")


def check_workbook(path: Path, members: Sequence[str]) -> None:
    """Raise UserError if a zip archive is an Excel workbook."""
    if any(name.startswith("xl/") for name in members):
        raise UserError(f"{path}: an Excel workbook, expected a CSV or .npz file; {_SHEET}")
