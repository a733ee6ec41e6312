"""Sheets of images of a class, classified right and wrong, read from the user's data."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data import ReadOptions, Sources, load, source_text
from benchmark.data.loading import FACES
from benchmark.data.merging import split_by_source
from benchmark.data.read_options import CARVED_SPLIT, source_list
from benchmark.data.sheet import enlarged, whole_scale
from benchmark.training.folds import labelled
from reports.pages.evaluation import Evaluation
from reports.text.drawing import WIDTH, png, short_names, title
from zoo.errors import UserError

COLUMNS: Final = 7
RIGHT_ROWS: Final = 1
WRONG_ROWS: Final = 2
"""More rows: mistakes tell more."""

# In pixels of the picture.
CELL: Final = WIDTH // COLUMNS
EDGE: Final = 96
CAPTION: Final = 40
HEADING: Final = 34
MARGIN: Final = 8


@dataclass(frozen=True)
class ImageSource:
    """Where the images that a report shows come from.

    Attributes:
        path: of the data, see `benchmark.data.load`.
        reading: size, channels, names of classes and the file of labels, where the runs had any of these.
    """

    path: Sources
    reading: ReadOptions = field(default_factory=ReadOptions)


def images_of(evaluation: Evaluation, source: ImageSource | Sources | None) -> NDArray[np.uint8] | None:
    """The images of the evaluated split, shape (n, height, width, channels), in the order of its sample ids.

    They are split, and classes are left out, as for the runs.

    Args:
        source: None for the built-in faces where the runs are on those, and for no images otherwise.

    Raises:
        UserError: nothing readable there, or another dataset.
    """
    name, _, fingerprint = evaluation.dataset.rpartition("-")
    if source is None and name != FACES:
        return None
    chosen = source if isinstance(source, ImageSource) else ImageSource(FACES if source is None else source)
    options = _as_run(evaluation, chosen)
    dataset = load(chosen.path, options)
    if dataset.fingerprint != fingerprint and set(evaluation.class_names) < set(dataset.class_names):
        dataset = load(chosen.path, replace(options, classes=evaluation.class_names))
    if dataset.fingerprint != fingerprint:
        if source is None:
            return None
        raise UserError(
            f"{source_text(chosen.path)} is not the data of these runs: its fingerprint is {dataset.fingerprint}, "
            f"expected {fingerprint}; where they had --size, --channels, --class-names or --labels-from, repeat that"
        )
    split = next(split for split in dataset.splits if split.name == evaluation.split)
    if evaluation.split == "validation" and evaluation.runs[0].config.out_of_fold:
        split = labelled(dataset)
    place = {sample: row for row, sample in enumerate(split.sample_ids.tolist())}
    return split.images[[place[sample] for sample in evaluation.sample_ids.tolist()]]


def _as_run(evaluation: Evaluation, source: ImageSource) -> ReadOptions:
    """How to read the data so that it is split as that of the runs ("70/30 seed 1")."""
    options, split = source.reading, evaluation.runs[0].config.split
    if len(source_list(source.path)) > 1:  # "fer2013 given, ckplus 80/10/10 seed 1"
        # Sources with a test split of their own leave out the share of test.
        drawn = [own for own in split_by_source(split).values() if own != "given"]
        split = max(drawn, key=lambda own: own.count("/"), default="given")
    shares, _, seed = split.partition(" seed ")
    if not seed.isdecimal():
        return options
    # What is drawn beside a test split of the data's own is no value of --split, as it does not sum to 100.
    left = 100 - sum(map(float, shares.split("/")))
    asked = None if shares == CARVED_SPLIT else shares if left < 1e-6 else f"{shares}/{left:g}"
    return replace(options, split=asked, split_seed=int(seed))


def image_sheet(evaluation: Evaluation, images: NDArray[np.uint8], position: int) -> bytes | None:
    """A PNG of images of one true class, those that are right above those that are wrong; None for an empty class.

    Each has what it was taken for and with what confidence, by the mean probabilities of the seeds. Of more images
    than there is room for, some are taken evenly from the surest to the least sure.

    Args:
        images: uint8, shape (n, height, width, 1 or 3).
    """
    rows = np.flatnonzero(evaluation.labels == position)
    if not len(rows):
        return None
    predicted = evaluation.mean_probabilities.argmax(axis=1)
    confidence = evaluation.mean_probabilities.max(axis=1)
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    right, wrong = rows[predicted[rows] == position], rows[predicted[rows] != position]
    blocks = [
        (f"right: {len(right):,} of {len(rows):,}, from the surest to the least sure", right, RIGHT_ROWS),
        (f"taken for another class: {len(wrong):,}, from the surest to the least sure", wrong, WRONG_ROWS),
    ]
    blocks = [(heading, _evenly(chosen, lines * COLUMNS), lines) for heading, chosen, lines in blocks if len(chosen)]
    lines_used = [-(-len(chosen) // COLUMNS) for _, chosen, _ in blocks]
    height = MARGIN + HEADING * (1 + len(blocks)) + (EDGE + CAPTION) * sum(lines_used)

    names = short_names(evaluation.class_names)

    def draw(figure: Any) -> None:
        figure.set_layout_engine("none")
        heading = f"True class {names[position]}, as {evaluation.name} sees it"
        _text(figure, MARGIN, MARGIN, title(f"{heading} ({evaluation.split})"), height, fontsize=13)
        top = MARGIN + HEADING
        for (words, chosen, _), lines in zip(blocks, lines_used, strict=True):
            _text(figure, MARGIN, top + MARGIN, words, height, fontsize=11, color="#444444")
            for place, row in enumerate(chosen):
                left = place % COLUMNS * CELL
                upper = top + HEADING + place // COLUMNS * (EDGE + CAPTION)
                caption = f"{names[predicted[row]]}\n{100 * confidence[row]:.0f} %"
                _place(figure, images[row], left, upper, height)
                _text(figure, left + CELL / 2, upper + EDGE + 4, caption, height, ha="center", fontsize=10)
            top += HEADING + lines * (EDGE + CAPTION)

    return png(draw, height=height)


def _evenly(rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    if len(rows) <= count:
        return rows
    return rows.take(np.linspace(0, len(rows) - 1, count).round().astype(np.intp))


def _text(figure: Any, left: float, top: float, text: str, height: int, **style: Any) -> None:
    figure.text(left / WIDTH, 1 - top / height, text, va="top", linespacing=1.1, **style)


def _place(figure: Any, image: NDArray[np.uint8], left: int, top: int, height: int) -> None:
    picture = _fitted(image)
    # Centred in its cell, on whole pixels; figimage counts from the lower left corner.
    xo = left + (CELL - picture.shape[1]) // 2
    yo = height - top - EDGE + (EDGE - picture.shape[0]) // 2
    figure.figimage(picture, xo=xo, yo=yo, origin="upper", resize=False)


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in colour with a longer edge of at most `EDGE` pixels: enlarged by a whole number, or reduced."""
    height, width, channels = image.shape
    colour = image.repeat(3, axis=2) if channels == 1 else image
    longest = max(height, width)
    if longest <= EDGE:
        return enlarged(colour, min(whole_scale(height, width, EDGE), EDGE // longest))
    from PIL import Image

    size = (max(1, round(width * EDGE / longest)), max(1, round(height * EDGE / longest)))
    return np.asarray(Image.fromarray(colour).resize(size, Image.Resampling.LANCZOS))
