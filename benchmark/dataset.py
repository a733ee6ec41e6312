"""Images with their classes, split; checked when they are built."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPLITS: Final = ("train", "validation", "test")
HASH_LENGTH: Final = 8


def image_shape(count: int) -> tuple[int, int]:
    """Edge and channels of a square image of so many values: grey, or RGB pixel by pixel; (0, 0) if it is neither."""
    for channels in (1, 3):
        edge = isqrt(count // channels)
        if edge and edge * edge * channels == count:
            return edge, channels
    return 0, 0


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split.

    Attributes:
        name: train, validation or test.
        images: uint8, shape (n, height, width, channels), 0-255; channels is 1 (grey) or 3 (RGB).
        labels: int64, shape (n,), positions in the dataset's class_names; None where the labels are sealed.
        sample_ids: str, shape (n,), unique within the split.

    Raises:
        ValueError: a shape, type or id that breaks the above.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    sample_ids: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.name not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {self.name!r}")
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] not in (1, 3):
            raise ValueError(
                f"{self.name}: images must be uint8 (n, height, width, 1 or 3), "
                f"got {self.images.dtype} {self.images.shape}"
            )
        check_ids(self.name, self.sample_ids, len(self.images))
        if self.labels is not None:
            check_labels(self.name, self.labels, len(self.images), classes=None)

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: NDArray[np.int64]) -> "Split":
        """The images at these positions, in their order."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, images=self.images[rows], labels=labels, sample_ids=self.sample_ids[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their classes, split once and for all.

    Attributes:
        name: short name, used in the run layout.
        class_names: in label order.
        train, validation: labelled.
        test: with or without labels, or None where validation is all there is.
        split: how the splits came about ("given", or "80/10/10 seed 0").

    Raises:
        ValueError: splits under the wrong name, of different image shapes, without labels, or labels out of range.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split | None = None
    split: str = "given"

    def __post_init__(self) -> None:
        if len(self.class_names) < 2 or len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"at least two distinct class names are needed, got {self.class_names}")
        for name, split in (("train", self.train), ("validation", self.validation), ("test", self.test)):
            if split is None:
                continue
            if split.name != name:
                raise ValueError(f"the {name} split is called {split.name!r}")
            if split.images.shape[1:] != self.train.images.shape[1:]:
                raise ValueError(
                    f"{name} images are {split.images.shape[1:]}, train images {self.train.images.shape[1:]}"
                )
            if split.labels is None and name != "test":
                raise ValueError(f"the {name} split has no labels")
            if split.labels is not None and split.labels.size and split.labels.max() >= len(self.class_names):
                raise ValueError(f"{name} has label {split.labels.max()}, there are {len(self.class_names)} classes")

    @property
    def full_name(self) -> str:
        """The dataset as the store calls it: its name and fingerprint."""
        return f"{self.name}-{self.fingerprint}"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits there are, in the order train, validation, test."""
        return tuple(split for split in (self.train, self.validation, self.test) if split is not None)

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits over pixels, sample ids, class names, and the labels of train and validation.

        Labels of test are left out, so that a sealed and an opened test set are the same dataset (unless some classes
        only are kept, which drops images of an opened test set and cannot of a sealed one).
        """
        digest = hashlib.sha256(json.dumps(self.class_names).encode())
        for split in self.splits:
            digest.update(json.dumps([split.name, split.images.shape, split.sample_ids.tolist()]).encode())
            digest.update(np.ascontiguousarray(split.images).data)
            if split.name != "test":
                digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
        return digest.hexdigest()[:HASH_LENGTH]


def joined_ids(parts: Sequence[tuple[str, NDArray[np.str_]]]) -> NDArray[np.str_]:
    """The sample ids of several splits by name. Where two have an id in common, all begin with their split's name.

    That is so where each split numbers its own images from 1: `train/7` and `validation/7`.
    """
    sample_ids = np.concatenate([ids for _, ids in parts])
    if len(np.unique(sample_ids)) < len(sample_ids):
        sample_ids = np.concatenate([np.char.add(f"{name}/", ids) for name, ids in parts])
    return sample_ids


def check_ids(split: str, sample_ids: NDArray[np.str_], count: int) -> None:
    if sample_ids.dtype.kind != "U" or sample_ids.shape != (count,):
        raise ValueError(f"{split}: sample_ids must be text ({count},), got {sample_ids.dtype} {sample_ids.shape}")
    names, occurrences = np.unique(sample_ids, return_counts=True)
    if len(names) != count:
        raise ValueError(f"{split}: sample id {str(names[occurrences.argmax()])!r} occurs {occurrences.max()} times")


def check_labels(split: str, labels: NDArray[np.int64], count: int, classes: int | None) -> None:
    if labels.dtype != np.int64 or labels.shape != (count,):
        raise ValueError(f"{split}: labels must be int64 ({count},), got {labels.dtype} {labels.shape}")
    if count and (labels.min() < 0 or (classes is not None and labels.max() >= classes)):
        raise ValueError(f"{split}: labels must be positions of classes, got {labels.min()} to {labels.max()}")
