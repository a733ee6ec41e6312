"""The features of images from a frozen backbone: computed once, stored on disk, read as training needs them.

An entry is one `.npy` of features for one set of images. Its name is a hash over everything that the features depend
on: the images, their augmentation, the backbone and its weights. So no entry is ever out of date.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.files.file_writing import in_one_step
from benchmark.hardware import backend
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.images import augmentation
from benchmark.training.trainer import OnStep
from zoo.errors import WritingError

FORMAT_VERSION: Final = 2
"""Increased whenever an augmentation of the same name draws other views."""

DIRECTORY: Final = "features"
LARGEST_STORE: Final = 40 * 2**30
"""Bytes: the entries that were not used for longest are removed where new ones would not fit."""

BATCH: Final = {"CPU": 64, "accelerator": 128}
"""Images that the backbone takes at once."""

VIEWS_BATCH: Final = 64
"""Images that are augmented at once. The views depend on it, since each batch draws new numbers."""

VIEWS_SEED: Final = 0
"""Views are part of the data: all seeds of a run share them and their features."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Frozen:
    """A transfer model in two parts, which share its weights: `head(base(images))` is the model.

    Attributes:
        base: from raw pixels to features; nothing in it is trainable or random.
        head: from features to probabilities.
    """

    base: Any
    head: Any


def frozen_backbone(model: Any) -> Any | None:
    """The first of a Keras model's layers that is a model and frozen as a whole, or None."""
    import keras

    return next((layer for layer in model.layers if isinstance(layer, keras.Model) and not layer.trainable), None)


def split_model(model: Any) -> Frozen | None:
    """The model cut after its frozen backbone and the pooling that follows; None where nothing is frozen.

    Args:
        model: a Keras model whose backbone, if any, is a model among its layers.
    """
    import keras

    base = frozen_backbone(model)
    if base is None:
        return None
    position = model.layers.index(base)
    # Pooled features are a fraction of the maps.
    names = ("GlobalAveragePooling1D", "GlobalMaxPooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten")
    pooling = tuple(getattr(keras.layers, name) for name in names)
    while isinstance(model.layers[position + 1], pooling):
        position += 1
    # The `output` of a layer that is a model belongs to its own graph, not to this one.
    cut = model.layers[position + 1].input
    return Frozen(keras.Model(model.input, cut), keras.Model(cut, model.output))


@dataclass(frozen=True, eq=False)
class Versions:
    """Features of several versions of the same images, one set after the other, indexed as `Split.images` is.

    Attributes:
        sets: each float32, shape (n, ...), in memory or mapped from disk.
    """

    sets: Sequence[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.sets) * len(self.sets[0])

    @property
    def nbytes(self) -> int:
        return sum(features.nbytes for features in self.sets)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The features at `rows`, shape (rows, ...), in memory."""
        count = len(self.sets[0])
        gathered = np.empty((len(rows), *self.sets[0].shape[1:]), np.float32)
        for version in np.unique(rows // count):
            here = np.flatnonzero(rows // count == version)
            gathered[here] = self.sets[version][rows[here] % count]
        return gathered


@dataclass(frozen=True, eq=False)
class FeatureSplit:
    """A split as the head sees it, in place of a `Split`.

    Attributes:
        name: train or validation.
        images: features, for each version of the images in turn.
        labels: int64, shape (n,).
    """

    name: str
    images: Versions
    labels: NDArray[np.int64] | None


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Reads features from disk, or computes and stores them.

    Attributes:
        directory: of the entries; made when needed.
        base: from raw pixels to features.
        about: what features depend on besides pixels and weights (backbone, size, precision, backend), for JSON.
        on_step: see `benchmark.training.trainer.OnStep`.
        accumulation: the backbone takes so many times fewer images at once, where memory lacked before.
    """

    directory: Path
    base: Any
    about: Mapping[str, Any]
    on_step: OnStep
    accumulation: int = 1

    def of(self, images: NDArray[np.uint8], policy: str = "none", views: int = 0) -> Versions:
        """The features of the images (n, height, width, channels), and of `views` augmented copies of each.

        Raises:
            WritingError: they cannot be written.
        """
        first = self._features(images, "none", 0, views + 1)
        return Versions([first, *(self._features(images, policy, view, views + 1) for view in range(1, views + 1))])

    def _features(self, images: NDArray[np.uint8], policy: str, view: int, versions: int) -> NDArray[np.float32]:
        """The features of one version of the images, of so many `versions`."""
        path = self.directory / f"{self._key(images, policy, view)}.npy"
        shape = (len(images), *self.base.output_shape[1:])
        if (stored := _stored(path, shape)) is not None:
            return stored
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            _make_room(self.directory, int(np.prod(shape)) * 4)
            self._write(path, images, policy, view, versions)
        except OSError as error:
            raise WritingError(
                f"the backbone's features cannot be kept in {self.directory}: {error.strerror or error}; "
                "make room there or set BENCHMARK_CACHE to another directory"
            ) from error
        stored = _stored(path, shape)
        assert stored is not None  # noqa: S101 - it was written a moment ago
        return stored

    def _write(self, path: Path, images: NDArray[np.uint8], policy: str, view: int, versions: int) -> None:
        augment = augmentation.augmenter(images.shape[1:], policy, VIEWS_SEED + 1000 * view)
        with in_one_step(path) as temporary:
            shape = (len(images), *self.base.output_shape[1:])
            features = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            length, done = self._predictions.images_a_call(images), 0
            for part in self._predictions.stream(_augmented(images, augment, length), length):
                features[done : done + len(part)] = part
                done += len(part)
                self.on_step(view * len(images) + done, versions * len(images))
            features.flush()
            del features

    @cached_property
    def _predictions(self) -> CompiledPredictions:
        return CompiledPredictions(self.base, BATCH["CPU" if backend.on_cpu() else "accelerator"] // self.accumulation)

    @property
    def compile_seconds(self) -> float:
        return self._predictions.compile_seconds if "_predictions" in vars(self) else 0.0

    def _key(self, images: NDArray[np.uint8], policy: str, view: int) -> str:
        cut = [type(self.base.layers[-1]).__name__, *self.base.output_shape[1:]]
        about = [FORMAT_VERSION, images.shape, policy, view, cut, dict(self.about)]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        digest.update(np.ascontiguousarray(images).data)
        digest.update(self._base_digest)
        return digest.hexdigest()[:32]

    @cached_property
    def _base_digest(self) -> bytes:
        # Layers without weights, such as one that rescales pixels, change the features too.
        structure = json.dumps(_nameless(self.base.get_config()), sort_keys=True, default=_plain)
        digest = hashlib.sha256(structure.encode())
        for weight in self.base.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        return digest.digest()


def _nameless(config: Any) -> Any:
    """A model's configuration with its layers' names as numbers: Keras counts names through a process."""
    names: dict[str, int] = {}

    def gather(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("name"), str):
                names.setdefault(part["name"], len(names))
            for value in part.values():
                gather(value)
        elif isinstance(part, list | tuple):
            for value in part:
                gather(value)

    def numbered(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: numbered(value) for key, value in part.items()}
        if isinstance(part, list | tuple):
            return [numbered(value) for value in part]
        return names.get(part, part) if isinstance(part, str) else part

    gather(config)
    return numbered(config)


def _plain(value: Any) -> Any:
    """What JSON has for an array, or for an object of which nothing more is known."""
    return value.tolist() if hasattr(value, "tolist") else type(value).__name__


def _augmented(
    images: NDArray[np.uint8], augment: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], length: int
) -> Iterator[NDArray[np.uint8]]:
    """All images, augmented, in parts of `length`: one of the two, it or `VIEWS_BATCH`, divides the other."""
    at_once = max(length, VIEWS_BATCH)
    for start in range(0, len(images), at_once):
        part = images[start : start + at_once]
        batches = range(0, len(part), VIEWS_BATCH)
        augmented = np.concatenate([augment(part[batch : batch + VIEWS_BATCH]) for batch in batches])
        for first in range(0, len(augmented), length):
            yield augmented[first : first + length]


def _stored(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """The entry, mapped into memory; None where it is missing or damaged."""
    try:
        features: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        if features.dtype != np.float32 or features.shape != shape:
            raise ValueError(f"it holds {features.dtype} {features.shape}, expected float32 {shape}")
        os.utime(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logger.warning("features in %s cannot be used and are made again: %s", path, error)
        return None
    return features


def _make_room(directory: Path, needed: int) -> None:
    """Remove the entries that were not used for longest until `needed` bytes fit into `LARGEST_STORE`."""
    entries: list[tuple[float, int, Path]] = []
    for path in directory.glob("*.npy"):
        with suppress(FileNotFoundError):  # Another run makes room at the same time.
            entries.append((path.stat().st_mtime, path.stat().st_size, path))
    size = sum(of_entry for _, of_entry, _ in entries)
    for _, of_entry, path in sorted(entries):
        if size + needed <= LARGEST_STORE:
            break
        size -= of_entry
        path.unlink(missing_ok=True)
    if (free := shutil.disk_usage(directory).free) < needed:
        raise OSError(f"they take {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free")
