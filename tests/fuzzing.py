"""Files for the fuzz tests: whole ones, and what can happen to their bytes."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from zoo.errors import UserError

PIECES = [
    b"", b"\x00", b"\xff", b"\n", b"\r", b",", b'"', b"'", b" ", b"-1", b"256", b"1e999", b"nan", b"inf", b"9" * 30,
    b"9" * 5000, b"a\x00", b"\xef\xbb\xbf", b"\xed\xa0\x80", "é".encode(), "٣".encode(), b"PK\x03\x04",
    b"\x93NUMPY\x01\x00",
    b"null", b"{}", b"[]", b"true", b"1", b"3", b"angry", b"Training", b"0.5", b"<f2", b"<i8", b"<U0", b">f8", b"<c16",
    b"|b1", b"|S9", b"<M8[s]", b"(40,)", b"(40, 3)", b"()", b"True", b"PK\x05\x06" + bytes(18), b"('descr'", b"|O",
    b"<U999999999", b"(99999999999,)", b"\xff\xff\xff\xff", b"[" * 2000,
]  # fmt: skip
"""What is put into files: what separates, ends, overflows or announces something."""

NUMBERS = st.integers(0, 2**32)


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """One to four changes to a file's bytes, or to those of one member of a zip file, whose checksum is then right."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["cut", "flip", "insert", "overwrite", "remove", "repeat", "swap", "cell", "cell"]),
                NUMBERS,
                NUMBERS,
                st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)),
            ),
            min_size=1,
            max_size=4,
        )
    )
    member = draw(st.one_of(st.none(), NUMBERS))
    return lambda content: (
        _mutated(content, steps) if member is None or content[:2] != b"PK" else _inside(content, steps, member)
    )


def _inside(content: bytes, steps: list[tuple[str, int, int, bytes]], which: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(file, "w") as made:
        names = whole.namelist()
        for name in names:
            inside = whole.read(name)
            made.writestr(name, _mutated(inside, steps) if name == names[which % len(names)] else inside)
    return file.getvalue()


def _mutated(content: bytes, steps: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, first, second, piece in steps:
        size = max(1, len(content))
        start, length = first % size, second % 64
        end = start + length
        match kind:
            case "cut":
                content = content[:start]
            case "cell":
                cells = re.split(rb"([,\n: ]+)", content)
                cells[2 * (first % (len(cells) // 2 + 1))] = piece
                content = b"".join(cells)
            case "flip":
                content = (
                    content[:start]
                    + bytes(byte ^ 1 << second % 8 for byte in content[start : start + 1])
                    + content[start + 1 :]
                )
            case "insert":
                content = content[:start] + piece + content[start:]
            case "overwrite":
                content = content[:start] + piece + content[start + len(piece) :]
            case "remove":
                content = content[:start] + content[end:]
            case "repeat":
                content = content[:end] + content[start:end] * 3 + content[end:]
            case "swap":
                content = content[end:] + content[:end]
    return content


def ends_well(read: Callable[[], Any]) -> Any:
    """What `read` gives, or the one line of its `UserError`; any other exception is the test's failure."""
    try:
        return read()
    except UserError as error:
        return str(error)


def npz_bytes(**arrays: Any) -> bytes:
    """An .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def image_bytes(kind: str, mode: str = "L", size: tuple[int, int] = (6, 6)) -> bytes:
    """A small image file of that format."""
    file = io.BytesIO()
    Image.new(mode, size, 7 if len(mode) == 1 else (7, 80, 200)).save(file, kind)
    return file.getvalue()


def fresh(path: Path, content: bytes) -> Path:
    """The file with that content; its folder is there."""
    path.write_bytes(content)
    return path
