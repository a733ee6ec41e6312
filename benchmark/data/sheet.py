"""A picture of the data: some images of each class."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import Dataset
from zoo.errors import UserError, writing_error

# All in pixels of the picture.
CELL_EDGE: Final = 112
GAP: Final = 6
LABEL_WIDTH: Final = 150
TITLE_HEIGHT: Final = 48
DOTS_PER_INCH: Final = 100
LONGEST_NAME: Final = 14


def sample_sheet(dataset: Dataset, path: str | Path, per_class: int = 8, seed: int = 0) -> None:
    """Write a PNG with one row for each class: its name, and `per_class` train images of it drawn with `seed`.

    A class with fewer images leaves the rest of its row empty.

    Raises:
        UserError: the path does not end in .png, or cannot be written.
    """
    check_path(path)
    # The figure object, not pyplot: no window system, no state shared with whoever else draws.
    from matplotlib.figure import Figure

    mosaic = _mosaic(dataset, per_class, seed)
    height, width = mosaic.shape[0] + TITLE_HEIGHT + GAP, mosaic.shape[1] + LABEL_WIDTH + GAP
    figure = Figure(figsize=(width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    # Pixel by pixel: an image scaled by anything but a whole number would show pixels of uneven width.
    figure.figimage(mosaic, xo=LABEL_WIDTH, yo=GAP, origin="upper")
    title_place = (GAP * 2 / width, 1 - TITLE_HEIGHT / 2 / height)
    rows, columns, _ = dataset.input_shape
    title = f"{dataset.name}: train images by class, {columns}x{rows} pixels"
    figure.text(*title_place, title, va="center", fontsize=11, color="#444444", parse_math=False)
    row_height = mosaic.shape[0] / len(dataset.class_names)
    for row, name in enumerate(dataset.class_names):
        middle = 1 - (TITLE_HEIGHT + (row + 0.5) * row_height) / height
        shown = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        figure.text(
            (LABEL_WIDTH - 2 * GAP) / width, middle, shown, ha="right", va="center", fontsize=12, parse_math=False
        )
    try:
        figure.savefig(path, format="png", dpi=DOTS_PER_INCH)
    except OSError as error:
        raise writing_error(path, error) from error


def check_path(path: str | Path) -> None:
    """Raise UserError unless a PNG can lie at `path`: told before the data is read."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path} is written as PNG: give it a name that ends in .png")
    if not path.resolve().parent.is_dir():
        raise UserError(f"cannot write {path}: there is no directory {path.parent}")


def whole_scale(height: int, width: int, edge: int) -> int:
    """The whole number, at least 1, that brings an image of this size closest to an edge of `edge` pixels."""
    return max(1, round(edge / max(height, width)))


def enlarged(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The image (height, width, 1 or 3) with every pixel as a square of `scale` pixels."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def _mosaic(dataset: Dataset, per_class: int, seed: int) -> NDArray[np.uint8]:
    """The images side by side on white, each enlarged by a whole number: uint8, shape (height, width, 3)."""
    height, width, _ = dataset.input_shape
    scale = whole_scale(height, width, CELL_EDGE)
    cell_height, cell_width = height * scale + GAP, width * scale + GAP
    shape = (len(dataset.class_names) * cell_height, per_class * cell_width, 3)
    mosaic = np.full(shape, 255, dtype=np.uint8)
    generator = np.random.default_rng(seed)
    labels: Any = dataset.train.labels
    for row in range(len(dataset.class_names)):
        drawn = generator.permutation(np.flatnonzero(labels == row))[:per_class]
        for column, index in enumerate(drawn):
            top, left = row * cell_height + GAP // 2, column * cell_width
            picture = enlarged(dataset.train.images[index], scale)
            mosaic[top : top + height * scale, left : left + width * scale] = picture
    return mosaic
