"""Archives that anybody may have made: unpacked into a folder, never out of it, within limits of size.

Known are .zip, .tar, and .gz of a tar archive or of a single file. Told apart by their first bytes.
"""

import gzip
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from benchmark.files.npz_files import LARGEST_EXPANSION
from zoo.errors import in_one_line

MOST_FILES: Final = 2_000_000
DEEPEST: Final = 32
SMALL_BYTES: Final = 1 << 30
"""What any archive may unpack to; more only as `LARGEST_EXPANSION` times its own size."""

SPARE_BYTES: Final = 1 << 30
"""Of the disk, left free."""

SUFFIX: Final = re.compile(r"(?:\.(?:csv|tar))?\.(?:zip|gz)$|\.t(?:ar|gz)$", re.IGNORECASE)
ZIP: Final = b"PK\x03\x04"
GZIP: Final = b"\x1f\x8b"
TAR: Final = b"ustar"
TAR_PLACE: Final = 257
BLOCK: Final = 512
"""Bytes of a header in a tar archive; one of zeros ends it."""

CHUNK_BYTES: Final = 1 << 20
LARGEST_READ: Final = 1 << 20
MACINTOSH: Final = "__MACOSX"
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


class ArchiveError(ValueError):
    """An archive that is damaged, or that would leave its folder or its limits."""


def is_archive(path: Path) -> bool:
    """Whether the file's first bytes are those of an archive that `unpack` knows."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
    return start.startswith((ZIP, GZIP)) or is_tar(start)


def plain_name(name: str) -> str:
    """A file's name without the suffix of an archive: fer2013 for fer2013.tar.gz, train for train.csv.zip."""
    return SUFFIX.sub("", name) or name


def unpack(path: Path, folder: Path, room: "Room | None" = None) -> int:
    """Write the files in the archive under `folder`, which is there and empty.

    Args:
        path: of the archive.
        folder: to write into.
        room: for several archives with one limit, what they have left; its folder is `folder`.

    Raises:
        OSError: the archive cannot be read, or the folder not be written.
        ArchiveError: it is damaged or encrypted, has a name that leads out of the folder or a link or device, or would
            unpack to more than its size, the disk or the limits above allow.

    Returns:
        The number of files, of all archives where several share a room.
    """
    room = room or Room(folder, path.stat().st_size)
    try:
        with path.open("rb") as file:
            start = file.read(BLOCK)
            file.seek(0)
            if start.startswith(ZIP):
                _unpack_zip(file, room)
            elif start.startswith(GZIP):
                with gzip.open(file) as content:
                    _unpack_stream(content, path.name, room)
            else:
                _unpack_stream(file, path.name, room)
    except (OSError, ArchiveError) as error:
        # What gzip says of damaged data is an OSError, but one without a number.
        if isinstance(error, ArchiveError) or error.errno is not None:
            raise
        raise ArchiveError(_damaged(error)) from error
    except Exception as error:  # Damaged bytes raise nearly anything in these libraries.
        raise ArchiveError(_damaged(error)) from error
    return room.files


class Room:
    """A folder to unpack into, and what is still allowed there."""

    def __init__(self, folder: Path, packed_bytes: int) -> None:
        """`packed_bytes` is the size of what is unpacked."""
        self.folder = folder
        self.limit = max(SMALL_BYTES, LARGEST_EXPANSION * packed_bytes)
        self.free = shutil.disk_usage(folder).free - SPARE_BYTES
        self.files = 0
        self.bytes = 0

    def check(self, size: int) -> None:
        """Raise ArchiveError if so many bytes are more than is allowed in all."""
        if size > self.limit:
            raise ArchiveError(f"it unpacks to more than {self.limit:,} bytes, far more than such files do")
        if size > self.free:
            raise ArchiveError(
                f"it unpacks to more than the {max(0, self.free) / 1e9:.1f} GB that may be used where {self.folder} is"
            )

    def write(self, name: str, content: IO[bytes] | gzip.GzipFile) -> None:
        """Write one file, whatever size it was said to have.

        Raises:
            ArchiveError: the name leads out of the folder or is taken, or the file is more than is allowed.
        """
        target = self.folder / _safe(name)
        self.files += 1
        if self.files > MOST_FILES:
            raise ArchiveError(f"it holds more than {MOST_FILES:,} files")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := content.read(CHUNK_BYTES):
                    self.bytes += len(chunk)
                    self.check(self.bytes)
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise ArchiveError(f"{_shown(name)} is there twice, or as a file and a folder") from error


def _unpack_zip(file: IO[bytes], room: Room) -> None:
    with zipfile.ZipFile(file) as archive:
        # Some programs of Windows write its separator.
        members = [(one.filename.replace("\\", "/"), one) for one in archive.infolist()]
        members = [(name, one) for name, one in members if not name.endswith("/") and not _is_ignored(name)]
        # The sizes said are a first look before anything is written; what is written is counted as well.
        room.check(room.bytes + sum(one.file_size for _, one in members))
        for name, one in members:
            if stat.S_IFMT(one.external_attr >> 16) not in (0, stat.S_IFREG):
                raise _no_file(name)
            if one.flag_bits & 1:
                raise ArchiveError(f"{_shown(name)} is encrypted; unpack it by hand and give the folder")
            with archive.open(one) as content:
                room.write(name, content)


def _unpack_stream(stream: IO[bytes] | gzip.GzipFile, name: str, room: Room) -> None:
    """A tar archive, or a single file called as the archive is without its suffix."""
    start = stream.read(BLOCK)
    stream.seek(0)
    if not is_tar(start):
        inside = name.rpartition(".")[0] or name
        room.write(inside if "." in inside else f"{inside}.csv", stream)
        return
    sips = _Sips(stream)
    with tarfile.open(fileobj=sips, mode="r:", errorlevel=2) as archive:  # type: ignore[call-overload]
        for one in _members(archive):
            if one.isdir() or _is_ignored(one.name):
                continue
            if not one.isreg() or one.issparse():
                raise _no_file(one.name)
            room.write(one.name, archive.extractfile(one))
    # Otherwise it ends where its first damaged header is, without a word.
    if sips.last != bytes(BLOCK):
        raise ArchiveError("damaged, or cut short (it has no end)")


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
        yield member


class _Sips:
    """A stream that is only read in sips: a long name or a header in a tar archive may claim any size."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self.seek, self.tell = stream.seek, stream.tell
        self.last = b""
        self._stream = stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= LARGEST_READ:
            raise ArchiveError(f"damaged (a header of {size:,} bytes)")
        self.last = self._stream.read(size)
        return self.last


def _no_file(name: str) -> ArchiveError:
    return ArchiveError(f"{_shown(name)} is a link or a device, expected files only; unpack it by hand")


def is_tar(start: bytes) -> bool:
    """Whether a file's first block is that of a tar archive."""
    return start[TAR_PLACE:].startswith(TAR)


def _is_ignored(name: str) -> bool:
    """Whether it is what a Mac adds to each archive, with a twin of each file."""
    return name.partition("/")[0] == MACINTOSH


def _safe(name: str) -> PurePosixPath:
    """The name as a path that stays in its folder.

    Raises:
        ArchiveError: there is no such path.
    """
    path = PurePosixPath(name)
    if len(path.parts) > DEEPEST:
        raise ArchiveError(f"the name {_shown(name)} lies {len(path.parts)} folders deep, expected at most {DEEPEST}")
    odd = "\\" in name or "\0" in name or _DRIVE.match(name) or _has_surrogate(name)
    if odd or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArchiveError(f"the name {_shown(name)} may lead out of the folder or is not text")
    return path


def _has_surrogate(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)


def _shown(name: str) -> str:
    return ascii(name[:80])


def _damaged(error: Exception) -> str:
    return f"damaged ({in_one_line(error)})"
