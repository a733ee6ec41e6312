"""The built-in dataset: drawn grey faces with the seven expressions of FER-2013, made on the fly from a seed.

Intensity, person, pose, light and what is in front of the face vary, and LABEL_NOISE of all labels are wrong, those of
validation and test included, so that no honest model reaches 100 %.

Measured on `generate()` of version 1, NumPy 2, one CPU: scikit-learn's MLPClassifier((128, 64), max_iter=30) on pixels
/ 255 reaches 0.45 and 0.46 on test (seeds 0 and 1); four convolutions with batch normalisation (64 to 512 filters,
Adam at 1e-3, batches of 32, flips) reach 0.79 on validation in the best of 10 epochs (seed 1, with moving averages of
momentum 0.99, which need some 600 steps to settle).
"""

from dataclasses import fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.faces.face_drawing import SIZE, draw_faces
from benchmark.data.faces.measures import ACTIONS, Expression, Grid, Person, Scene
from benchmark.dataset import SPLITS, Dataset, Split
from zoo.errors import UserError

FACES_VERSION: Final = 1
CLASS_NAMES: Final = tuple(ACTIONS)
LABEL_NOISE: Final = 0.035
CHUNK: Final = 70  # images that share a random stream; a multiple of seven, and small enough for the cache


def generate(train: int = 2100, validation: int = 700, test: int = 700, seed: int = 0) -> Dataset:
    """The dataset `faces`.

    Image k of a split depends on the seed, the split and k alone: asking for more images keeps the earlier ones.

    Args:
        train, validation: number of images, at least 7.
        test: number of images; 0 for a dataset without a test split.
        seed: not negative.

    Returns:
        Images (n, 48, 48, 1), classes interleaved, their counts within a split differing by one at most.

    Raises:
        UserError: a count or the seed out of range.
    """
    given = {"train": (train, 7), "validation": (validation, 7), "test": (test, 0), "seed": (seed, 0)}
    for name, (count, least) in given.items():
        if count < least:
            raise UserError(f"faces: {name} is {count}: expected {least} or more")
    return Dataset(
        name="faces",
        class_names=CLASS_NAMES,
        train=_split("train", train, seed),
        validation=_split("validation", validation, seed),
        test=_split("test", test, seed) if test else None,
        split="given",
    )


def _split(name: str, count: int, seed: int) -> Split:
    images = np.empty((count, SIZE, SIZE, 1), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int64)
    for start in range(0, count, CHUNK):
        generator = np.random.default_rng(np.random.SeedSequence([seed, SPLITS.index(name), start // CHUNK]))
        stop = min(start + CHUNK, count)
        given, drawn = _labels(generator)
        labels[start:stop] = given[: stop - start]
        images[start:stop, :, :, 0] = _pictures(drawn, generator)[: stop - start]
    sample_ids = np.array([f"{name}-{position:05d}" for position in range(count)])
    return Split(name=name, images=images, labels=labels, sample_ids=sample_ids)


def _labels(generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The labels of a chunk, every seven of them a permutation of the classes, and the expressions to draw.

    Returns:
        Two arrays of shape (CHUNK,); they differ in LABEL_NOISE of the places, evenly over the other classes.
    """
    classes = len(CLASS_NAMES)
    given = generator.permuted(np.tile(np.arange(classes), (CHUNK // classes, 1)), axis=1).ravel()
    other = (given + generator.integers(1, classes, size=CHUNK)) % classes
    return given, np.where(generator.random(CHUNK) < LABEL_NOISE, other, given)


def _pictures(drawn: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Pictures (CHUNK, 48, 48) of faces that show the expressions `drawn`, shape (CHUNK,)."""
    expression = Expression(**_expression(drawn, generator))
    person = Person(**_uniform(Person, generator))
    scene = _uniform(Scene, generator)
    for measure in fields(Scene):
        if "share" in measure.metadata:
            scene[measure.name] = (scene[measure.name] < measure.metadata["share"]).astype(np.float32)
    # Three bytes added up are close to normal, cheaper than normal numbers, and the same on every platform.
    octets = generator.integers(0, 256, size=(3, len(drawn), SIZE, SIZE), dtype=np.uint8)
    noise = (octets[0].astype(np.float32) + octets[1] + octets[2] - 382.5) / 128
    return draw_faces(expression, person, Scene(**scene), noise)


def _uniform(kind: type[Person | Scene], generator: np.random.Generator) -> dict[str, Grid]:
    """Numbers of shape (CHUNK, 1, 1) for every measure, spread evenly over its range."""
    ranges = {measure.name: measure.metadata["range"] for measure in fields(kind)}
    return {
        name: (low + (high - low) * generator.random((CHUNK, 1, 1))).astype(np.float32)
        for name, (low, high) in ranges.items()
    }


def _expression(drawn: NDArray[np.int64], generator: np.random.Generator) -> dict[str, Grid]:
    """Measures (CHUNK, 1, 1) of faces that show the expressions `drawn`: some subtle, none exactly alike."""
    measures = fields(Expression)
    names = [measure.name for measure in measures]
    ways = [[upper | mouth for mouth in mouths] for upper, *mouths in ACTIONS.values()]
    changes = np.array([[[way.get(name, 0.0) for name in names] for way in pair] for pair in ways])
    way = generator.integers(0, 2, size=CHUNK)
    intensity = 0.4 + 0.75 * generator.random((CHUNK, 1))
    uneven = 0.65 + 0.6 * generator.random((CHUNK, len(names)))
    rest, spread = np.array([[measure.metadata[key] for measure in measures] for key in ("rest", "habit")])
    habits = spread * (2 * generator.random((CHUNK, len(names))) - 1)
    changed = rest + habits + changes[drawn, way] * intensity * uneven
    values = dict(zip(names, changed.astype(np.float32).T[..., None, None], strict=True))
    values["sneer"] *= np.where(generator.random((CHUNK, 1, 1)) < 0.5, np.float32(-1), np.float32(1))
    return values
