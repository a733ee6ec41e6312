"""A large CSV is read by pandas' parser, and says the same as one that is read row by row."""

import codecs
from pathlib import Path

import numpy as np
import pytest

from benchmark.tables import csv_tables
from benchmark.tables.csv_tables import CsvTable
from zoo.errors import UserError

HEADER = "id,a,b\n"


@pytest.mark.parametrize("name", ["x.tsv", "x.TSV"])
def test_a_tsv_may_have_commas_in_its_headings(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("id\tcat, wild\tdog; tame\n1\t0.5\t0.5\n")
    assert CsvTable(tmp_path / name).header == ("id", "cat, wild", "dog; tame")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("rows", [2, 60_000])
def test_files_as_programs_of_windows_write_them(encoding: str, rows: int, tmp_path: Path) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    text = HEADER.replace(",", "\t") + "".join(f"für {row}\t0.5\t0.25\r\n" for row in range(rows))
    (tmp_path / "x.csv").write_bytes(mark + text.encode(encoding))
    table = CsvTable(tmp_path / "x.csv")
    assert table.header == ("id", "a", "b")
    cells = table.read((0,), (1, 2))
    assert (cells.texts[0][-1], cells.faults) == (f"für {rows - 1}", [])
    np.testing.assert_array_equal(cells.values, np.tile([0.5, 0.25], (rows, 1)))


def read(path: Path, content: bytes, texts: tuple[int, ...] = (0,)) -> tuple[object, ...]:
    path.write_bytes(content)
    table = CsvTable(path)
    try:
        cells = table.read(texts, (1, 2), np.float64)
    except UserError as error:
        return (str(error),)
    lines = [cells.line(row) for row in range(len(cells.values))] if cells.line else []
    return cells.texts, cells.values.tobytes(), cells.faults, cells.unread, lines


@pytest.mark.parametrize(
    ("content", "fast"),
    [
        (b"id,a,b\nx,0.1,2e-3\ny, 3 ,inf\n", True),
        (b"\xef\xbb\xbfid;a;b\r\n\r\nx;1;2\r\n\r\nNA;3;4", True),
        (b'id,a,b\n"x\n1",1,2\ny,3,4\n', False),
        (b"id,a,b\nx,1,2\ny,3\nz,5,6\n", False),
        (b"id,a,b\nx,1,2,7,8\ny,3,4\n", False),
        (b"id,a,b\nx,1,2,\ny,3,4,\n", False),
        (b"id,a,b\nx,1,2\ny,1,much\n", False),
        (b"id,a,b\nx,nan,1_0\n", False),
        (b"id,a,b\n,1,2\n", False),
        (b"id,a,b\nx\0,1,2\n", False),
        (b"id,a,b\n" + b"x,1,2\n" * 2000 + b"x\xff,1,2\n", False),
        (b"id,a,b\n" + b"x" * 1001 + b",1,2\n", False),
        (b"1,0.25,0.75\n2,0.5,0.5\n", True),
    ],
)
def test_both_ways_of_reading(content: bytes, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    slow = read(path, content)
    monkeypatch.setattr(csv_tables, "PARSED_BYTES", 0)
    assert (CsvTable(path)._parsed((0,), (1, 2), np.float64) is not None) == fast
    assert read(path, content) == slow


def test_columns_in_any_order_and_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((50, 3))
    rows = [f"{a!r},i{row},{b!r},{c!r}" for row, (a, b, c) in enumerate(values.tolist())]
    (tmp_path / "x.csv").write_text("\n".join(["a,id,b,c", *rows]))
    monkeypatch.setattr(csv_tables, "PARSED_BYTES", 0)
    monkeypatch.setattr(csv_tables, "BLOCK_NUMBERS", 28)  # seven rows
    monkeypatch.setattr(CsvTable, "_read", None)
    cells = CsvTable(tmp_path / "x.csv").read((1,), (3, 0), np.float64)
    np.testing.assert_array_equal(cells.values, values[:, [2, 0]])
    assert cells.texts == [[f"i{row}" for row in range(50)]]
    assert cells.line is not None
    assert cells.line(49) == 51
