"""The arrays in .npz files that anybody may have made: never code, never more memory than the file can account for."""

import mmap
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from zoo.errors import in_one_line

SMALL_BYTES: Final = 1 << 28
LARGEST_EXPANSION: Final = 100
MAPPED_BYTES: Final = 1 << 26
"""An array of so many bytes is stored as it is, and read from the disk as it is needed."""

ALIGNMENT: Final = 64
LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
"""Of a zip file's member; the last two numbers are the lengths of name and extra field behind it."""

ZIP64_EXTRA: Final = 20
PADDING_ID: Final = 0xD935
"""Of an extra field that only pads, as Android's zipalign writes it."""

LAST_CHARACTER: Final = 0x10FFFF
FIRST_SURROGATE: Final = 0xD800
LAST_SURROGATE: Final = 0xDFFF


class NpzError(ValueError):
    """What an archive holds is not what NumPy writes, or nothing that may be read."""


class PythonObjectsError(NpzError):
    """An array of Python objects, which only unpickling could read, and that runs code."""


@dataclass(frozen=True)
class Archive:
    """An open .npz file."""

    path: Path
    _zip: zipfile.ZipFile

    @property
    def members(self) -> list[str]:
        """The names of all that the archive holds, arrays or not."""
        return self._zip.namelist()

    @property
    def names(self) -> list[str]:
        """The arrays' names, in the file's order."""
        return [name.removesuffix(".npy") for name in self._zip.namelist()]

    def read(self, name: str) -> NDArray[Any]:
        """The array of that name.

        Raises:
            NpzError: it is not there, is damaged or no array, holds Python objects, or would take more memory than
                an honest file of this size: over 256 MiB, and over 100 times what it takes in the file.
        """
        try:
            return self._read(name)
        except NpzError:
            raise
        except Exception as error:  # Damaged bytes raise nearly anything in zipfile, zlib and NumPy's header parser.
            raise NpzError(f"damaged data ({in_one_line(error)})") from error

    def mapped(self, name: str) -> NDArray[Any]:
        """The same, but a large array that is stored uncompressed stays on the disk until its parts are used.

        Its checksum is not compared, which would take reading all of it. See `let_go`.
        """
        try:
            member = self._member(name)
            if member.compress_type != zipfile.ZIP_STORED or member.file_size < MAPPED_BYTES:
                return self._read(name)
            return self._mapped(member)
        except NpzError:
            raise
        except Exception as error:  # As above.
            raise NpzError(f"damaged data ({in_one_line(error)})") from error

    def _member(self, name: str) -> zipfile.ZipInfo:
        members = {member.filename.removesuffix(".npy"): member for member in self._zip.infolist()}
        if name not in members:
            raise NpzError(f"there is no array {name}")
        return members[name]

    def _mapped(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        with self._zip.open(member) as file:
            shape, columns_first, dtype = _check_header(file, member.file_size)
            header_bytes = file.tell()
        with self.path.open("rb") as content:
            content.seek(member.header_offset)
            *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(content.read(LOCAL_HEADER.size))
        start = member.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes + header_bytes
        order: Any = "F" if columns_first else "C"
        return np.memmap(self.path, dtype, "r", start, shape, order).view(np.ndarray)

    def _read(self, name: str) -> NDArray[Any]:
        member = self._member(name)
        if member.file_size > max(SMALL_BYTES, LARGEST_EXPANSION * member.compress_size):
            raise NpzError(f"damaged data ({member.compress_size:,} bytes claim to unpack to {member.file_size:,})")
        with self._zip.open(member) as file:
            _check_header(file, member.file_size)
        with self._zip.open(member) as file:
            array: NDArray[Any] = npy_format.read_array(file, allow_pickle=False)
            if file.read(1):  # to the end, where zipfile compares the checksum
                raise NpzError("damaged data (there is more than its header says)")
        if array.dtype.kind == "U" and array.nbytes:
            _check_text(array)
        return array


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an .npz file.

    Raises:
        OSError: the file cannot be opened.
        NpzError: it is not an archive.
    """
    with path.open("rb") as file:
        single = file.read(len(npy_format.MAGIC_PREFIX)) == npy_format.MAGIC_PREFIX
        if single:
            raise NpzError("a single array, no archive of several")
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # As above.
            raise NpzError(f"a damaged archive ({in_one_line(error)})") from error
        with archive:
            yield Archive(path, archive)


def mapped_npy(path: Path) -> NDArray[Any]:
    """The array in an .npy file, which stays on the disk until its parts are used; see `let_go`.

    Raises:
        OSError: the file cannot be opened.
        NpzError: it is damaged or no array, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            shape, columns_first, dtype = _check_header(file, path.stat().st_size)
            start = file.tell()
        if not prod(shape) * dtype.itemsize:  # nothing to map
            return np.empty(shape, dtype)
        order: Any = "F" if columns_first else "C"
        array = np.memmap(path, dtype, "r", start, shape, order).view(np.ndarray)
    except (OSError, NpzError):
        raise
    except Exception as error:  # Damaged bytes raise nearly anything in NumPy's header parser.
        raise NpzError(f"damaged data ({in_one_line(error)})") from error
    if array.dtype.kind == "U":
        _check_text(array)
    return array


def write_uncompressed(file: IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz whose arrays can be mapped: uncompressed, each at a multiple of 64 bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            behind = file.tell() + LOCAL_HEADER.size + len(member.filename) + ZIP64_EXTRA
            padding = -(behind + 4) % ALIGNMENT
            member.extra = struct.pack("<2H", PADDING_ID, padding) + bytes(padding)
            with archive.open(member, "w", force_zip64=True) as content:
                npy_format.write_array(content, array, allow_pickle=False)


def let_go(array: NDArray[Any]) -> None:
    """Give back the memory that the parts of a mapped array take; they are read again where they are used again."""
    base = _owner(array)
    # Windows, which has no such call, takes the memory back by itself where it is short.
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether the array, or what it is a view of, lies on the disk."""
    return isinstance(_owner(array), mmap.mmap)


def _owner(array: Any) -> Any:
    """What holds the array's values, if not an array does."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array


def _check_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns stand one behind the other, and type.

    Raises:
        NpzError: it is not the header of plain values that take exactly the rest of `size` bytes.
    """
    if file.read(len(npy_format.MAGIC_PREFIX)) != npy_format.MAGIC_PREFIX:
        raise NpzError("no array in NumPy's format")
    version = tuple(file.read(2))
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in readers:  # 3.0 is for field names beyond Latin-1, which no plain array has
        raise NpzError("damaged data (a version of NumPy's format that plain arrays do not need)")
    shape, columns_first, dtype = readers[version](file)
    if dtype.hasobject:
        raise PythonObjectsError("Python objects")
    if prod(shape) * dtype.itemsize != size - file.tell():
        raise NpzError(f"damaged data (its header says {dtype} {shape})")
    return shape, columns_first, dtype


def _check_text(texts: NDArray[Any]) -> None:
    """Raise NpzError for code points that are none, of which Python would make text that breaks whatever touches it."""
    codes = np.ascontiguousarray(texts).view(np.dtype(np.uint32).newbyteorder(texts.dtype.byteorder))
    if ((codes > LAST_CHARACTER) | ((codes >= FIRST_SURROGATE) & (codes <= LAST_SURROGATE))).any():
        raise NpzError("damaged data (text that is not Unicode)")
