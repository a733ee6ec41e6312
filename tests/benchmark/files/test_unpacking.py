"""Archives that anybody may have made: what is unpacked, and what is refused before anything leaves its folder."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.files import unpacking
from benchmark.files.unpacking import ArchiveError, is_archive, plain_name, unpack

CONTENT = bytes(range(256)) * 5


def zipped(*files: tuple[str, bytes], mode: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return stream.getvalue()


def tarred(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if compressed else "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd" if kind != tarfile.REGTYPE else ""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def unpacked(tmp_path: Path, content: bytes, name: str = "data.bin") -> dict[str, bytes]:
    """The files in the archive, and a check that nothing lies elsewhere."""
    path, folder = tmp_path / name, tmp_path / "outer" / "inner"
    path.write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    before = {one for one in tmp_path.rglob("*") if folder not in one.parents}
    try:
        unpack(path, folder)
    finally:
        assert {one for one in tmp_path.rglob("*") if folder not in one.parents} == before
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


FILES = (("a.csv", CONTENT), ("train/happy/é.png", b"1"), ("__MACOSX/._a.csv", b"?"))


@pytest.mark.parametrize(
    "content",
    [zipped(*FILES), tarred(*FILES), tarred(*FILES, compressed=True),
     zipped(*((name.replace("/", "\\"), content) for name, content in FILES))],
    ids=["zip", "tar", "tar.gz", "zip of Windows"],
)  # fmt: skip
def test_files_are_unpacked(tmp_path: Path, content: bytes) -> None:
    assert unpacked(tmp_path, content) == {"a.csv": CONTENT, "train/happy/é.png": b"1"}
    assert is_archive(tmp_path / "data.bin")


@pytest.mark.parametrize(("name", "inside"), [("a.csv.gz", "a.csv"), ("a.gz", "a.csv"), ("a", "a.csv")])
def test_a_single_compressed_file(tmp_path: Path, name: str, inside: str) -> None:
    assert unpacked(tmp_path, gzip.compress(CONTENT), name) == {inside: CONTENT}


@pytest.mark.parametrize(
    ("name", "plain"),
    [("fer.tar.gz", "fer"), ("fer.tgz", "fer"), ("fer.TAR", "fer"), ("a.csv.zip", "a"), ("a.b.zip", "a.b"),
     ("a.csv", "a.csv"), (".zip", ".zip"), ("target", "target"), ("a.npz", "a.npz")],
)  # fmt: skip
def test_names_without_suffix(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :]


BAD: dict[str, tuple[bytes, str]] = {
    "up in zip": (zipped(("a/../../x", b"1")), r"the name 'a/../../x' may lead out"),
    "up in tar": (tarred(("../x", b"1")), "may lead out"),
    "absolute in zip": (zipped(("/etc/x", b"1")), "may lead out"),
    "absolute in tar": (tarred(("/etc/x", b"1")), "may lead out"),
    "up by Windows": (zipped(("..\\x", b"1")), "may lead out"),
    "backslash in tar": (tarred(("..\\x", b"1")), "may lead out"),
    "drive": (zipped(("C:/x", b"1")), "may lead out"),
    "deep": (tarred(("d/" * 40 + "x", b"1")), "lies 41 folders deep, expected at most 32"),
    "no text": (tarred(("\udcff.png", b"1")), "is not text"),
    "link": (tarred(("x", b""), kind=tarfile.SYMTYPE), "'x' is a link or a device"),
    "hard link": (tarred(("x", b""), kind=tarfile.LNKTYPE), "is a link or a device"),
    "device": (tarred(("x", b""), kind=tarfile.CHRTYPE), "is a link or a device"),
    "pipe": (tarred(("x", b""), kind=tarfile.FIFOTYPE), "is a link or a device"),
    "link in zip": (zipped(("x", b"/etc"), mode=0o120777), "is a link or a device"),
    "twice": (zipped(("x", b"1"), ("y", b"2")).replace(b"y", b"x"), "'x' is there twice"),
    "file and folder": (tarred(("x", b"1"), ("x/y", b"2")), "is there twice, or as a file and a folder"),
    "cut zip": (zipped(*FILES)[:-30], "damaged"),
    "cut gzip": (gzip.compress(CONTENT)[:-12], "damaged"),
    "cut tar": (tarred(*FILES)[:1700], "damaged"),
    "tar without end": (tarred(*FILES)[:2048], "damaged, or cut short"),
    "second header": (flipped(tarred(*FILES), 512 + 1536 + 150), "damaged, or cut short"),
    "checksum": (flipped(zipped(("x", bytes(99))), 34), "damaged"),
    "encrypted": (zipped(("x", b"1")).replace(b"\x14\x03\x14\0\0", b"\x14\x03\x14\0\1"), "is encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(tmp_path: Path, kind: str) -> None:
    content, says = BAD[kind]
    with pytest.raises(ArchiveError) as caught:
        unpacked(tmp_path, content)
    assert says in str(caught.value)


def without_declared_size(content: bytes) -> bytes:
    """A zip whose directory says 1 byte for every file."""
    place = content.index(b"PK\x01\x02")
    return content[: place + 24] + (1).to_bytes(4, "little") + content[place + 28 :]


@pytest.mark.parametrize(
    "content",
    [zipped(("x", bytes(9000))), tarred(("x", bytes(9000))), tarred(("x", bytes(9000)), compressed=True),
     gzip.compress(bytes(9000)), zipped(*((str(n), bytes(900)) for n in range(10)))],
    ids=["zip", "tar", "tar.gz", "gz", "many"],
)  # fmt: skip
def test_bombs_are_refused(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 5000)
    monkeypatch.setattr(unpacking, "LARGEST_EXPANSION", 0)
    monkeypatch.setattr(unpacking, "CHUNK_BYTES", 1024)
    with pytest.raises(ArchiveError, match="unpacks to more than 5,000 bytes"):
        unpacked(tmp_path, content)
    written = sum(one.stat().st_size for one in (tmp_path / "outer").rglob("*") if one.is_file())
    assert written <= 5000


def test_a_zip_that_lies_about_its_size_writes_no_more_than_it_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="damaged"):
        unpacked(tmp_path, without_declared_size(zipped(("x", bytes(9000)))))
    assert sum(one.stat().st_size for one in (tmp_path / "outer").rglob("*") if one.is_file()) <= 1


def test_honest_archives_may_be_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 0)
    assert unpacked(tmp_path, zipped(("x", CONTENT)))["x"] == CONTENT


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_files_are_counted(tmp_path: Path, pack: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_FILES", 2)
    with pytest.raises(ArchiveError, match="more than 2 files"):
        unpacked(tmp_path, pack(*((str(n), b"") for n in range(3))))


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SPARE_BYTES", 1 << 60)
    with pytest.raises(ArchiveError, match=r"more than the 0\.0 GB that may be used"):
        unpacked(tmp_path, zipped(("x", CONTENT)))
    assert not any(one.is_file() and one.stat().st_size for one in (tmp_path / "outer").rglob("*"))


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
def test_headers_of_any_size_are_not_read(tmp_path: Path, kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long name and a pax header are read into memory as a whole, however large they say they are."""
    monkeypatch.setattr(unpacking, "LARGEST_READ", 1024)
    with pytest.raises(ArchiveError, match="a header of 9,216 bytes"):
        unpacked(tmp_path, tarred(("x", bytes(9000)), kind=kind))
