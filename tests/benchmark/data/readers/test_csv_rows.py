"""CSV files with a column for each pixel: Digit Recognizer, MNIST and sign language in CSV, skin in RGB."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark.data import load
from benchmark.data.loading import load_with_layout
from zoo.errors import UserError

IMAGES = np.random.default_rng(3).integers(0, 256, (40, 48))
"""4x4 pixels in RGB; the first 16 values are a grey image of 4x4."""


def write(path: Path, count: int, label: str | None = "label", names: Sequence[str] = (), behind: bool = False) -> Path:
    names = names or [f"pixel{number}" for number in range(count)]
    lines = [",".join([*names, label or ""] if behind else [*([label] if label else []), *names])]
    for row, image in enumerate(IMAGES):
        cells = list(map(str, image[:count]))
        digit = [str(row % 4)] if label else []
        lines.append(",".join(cells + digit if behind else digit + cells))
    path.write_text("\n".join([*lines, ""]))
    return path


def test_digit_recognizer(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", 16)
    write(tmp_path / "test.csv", 16, label=None)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    for source in (tmp_path, tmp_path / "train.csv"):
        loaded = load_with_layout(source, cache_directory=None)
        dataset = loaded.dataset
        assert dataset.class_names == ("0", "1", "2", "3")
        assert loaded.layout.startswith("CSV: train.csv (label, pixels in 16 columns, 4x4 grey) with test.csv")
        assert dataset.test is not None
        assert dataset.test.labels is None
        assert dataset.test.sample_ids.tolist() == [str(row + 1) for row in range(40)]  # as its ImageId
        np.testing.assert_array_equal(dataset.test.images, IMAGES[:, :16].reshape(40, 4, 4, 1))
        for split in (dataset.train, dataset.validation):
            rows = split.sample_ids.astype(int) - 1
            np.testing.assert_array_equal(split.images, IMAGES[rows, :16].reshape(-1, 4, 4, 1))
            np.testing.assert_array_equal(split.labels, rows % 4)


def test_mnist_in_csv_by_row_and_column(tmp_path: Path) -> None:
    names = [f"{row}x{column}" for row in range(1, 5) for column in range(1, 5)]
    for name in ("mnist_train.csv", "mnist_test.csv"):
        write(tmp_path / name, 16, names=names)
    dataset = load(tmp_path, cache=None)
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test.images, IMAGES[:, :16].reshape(40, 4, 4, 1))
    np.testing.assert_array_equal(dataset.test.labels, np.arange(40) % 4)


def test_colours_pixel_by_pixel_and_the_class_behind(tmp_path: Path) -> None:
    path = write(tmp_path / "hmnist_4_4_RGB.csv", 48, names=[f"pixel{n:04}" for n in range(48)], behind=True)
    loaded = load_with_layout(path, cache_directory=None)
    assert "pixels in 48 columns, 4x4 RGB" in loaded.layout
    train = loaded.dataset.train
    np.testing.assert_array_equal(train.images, IMAGES[train.sample_ids.astype(int) - 1].reshape(-1, 4, 4, 3))


def test_emotions_behind_the_pixels_are_numbered(tmp_path: Path) -> None:
    loaded = load_with_layout(write(tmp_path / "a.csv", 16, label="emotion", behind=True), cache_directory=None)
    assert loaded.dataset.class_names == ("angry", "disgust", "fear", "happy")
    assert "emotions numbered as FER-2013's" in loaded.layout


def test_quotes_and_line_ends_of_windows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 16)
    before = load(path, cache=None).fingerprint
    lines = path.read_text().splitlines()
    path.write_bytes(
        "\r\n".join([lines[0], *(f'"{line.replace(",", chr(34) + "," + chr(34))}"' for line in lines[1:])]).encode()
    )
    assert load(path, cache=None).fingerprint == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("pixel3", "pixel16"), "columns pixel0 to pixel15 are not in the order of the pixels"),
        (("pixel3", "weight"), "unknown column|not in the order"),
        ((",pixel15", ""), "15 columns of pixels, expected a square number"),
        (("\n1,", "\n1,7,"), "line 3: 18 columns, expected 17"),
        (("\n1,", "\n1,300"), "pixel 300"),
        (("\n1,", "\n1,,"), "columns, expected 17"),
        (("\n1,", "\n1,0.5"), "expected a whole number 0-255"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = write(tmp_path / "a.csv", 16)
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(UserError, match=message):
        load(path, cache=None)
