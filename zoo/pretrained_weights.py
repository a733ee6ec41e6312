"""Finds files of a backbone's weights in Keras' cache, downloads and loads them."""

import hashlib
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from zoo.backbones import Backbone
from zoo.errors import UserError

SHA256_DIGITS: Final = 64
DOWNLOAD_SECONDS: Final = 15
"""A download ends after so long without an answer: a network that drops packets must not stop a run."""


def cached(backbone: Backbone) -> Path | None:
    """The file of the backbone's ImageNet weights in Keras' cache, or None."""
    path = keras_models() / backbone.file
    return path if path.is_file() else None


def keras_models() -> Path:
    """The directory of Keras' downloaded weights: in $KERAS_HOME, else in ~/.keras."""
    return (Path(os.environ["KERAS_HOME"]) if os.environ.get("KERAS_HOME") else Path.home() / ".keras") / "models"


def imagenet_file(backbone: Backbone) -> Path:
    """The file of the backbone's ImageNet weights, from Keras' cache, else downloaded into it.

    Raises:
        UserError: neither works, or the file is damaged.
    """
    ways = f"put it into {keras_models()}, or go on with --set weights=PATH or --set weights=random"
    if file := cached(backbone):
        if backbone.md5:
            _check(file, backbone.md5, ways)
        return file
    if "://" not in backbone.url:
        raise UserError(f"ImageNet weights are missing: {backbone.file} cannot be downloaded; {ways}")
    import keras

    try:
        with _timeout():
            # Without this, get_file would use a directory in /tmp.
            keras_models().mkdir(parents=True, exist_ok=True)
            path = keras.utils.get_file(
                backbone.file,
                backbone.url,
                cache_subdir="models",
                cache_dir=str(keras_models().parent),
                file_hash=backbone.md5,
            )
    except Exception as error:  # get_file raises no narrower one
        raise UserError(
            f"ImageNet weights are missing: {backbone.file} is not there and cannot be downloaded from "
            f"{backbone.url}; {ways}"
        ) from error
    return Path(path)


def _check(file: Path, expected: str, ways: str) -> None:
    """Raise UserError where the file's checksum is not the expected one."""
    kind = "SHA-256" if len(expected) == SHA256_DIGITS else "MD5"
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, lambda: hashlib.new(kind.replace("-", ""), usedforsecurity=False))
    if digest.hexdigest() != expected:
        raise UserError(f"{file} is damaged or another file (its {kind} is not {expected}): remove it; then {ways}")


@contextmanager
def _timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def load_weights(base: Any, backbone: Backbone, weights: str | Path) -> None:
    """Load "imagenet" or a file into a backbone.

    Raises:
        UserError: the file is missing, damaged, or of another architecture.
    """
    path = imagenet_file(backbone) if weights == "imagenet" else Path(weights)
    try:
        if not backbone.module:
            from zoo.efficientnet_lite import load_arrays

            load_arrays(base, path)
            return
        with warnings.catch_warnings():
            # For layers that it finds no weights for, Keras only warns.
            warnings.simplefilter("error", UserWarning)
            base.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, UserWarning, BadZipFile) as error:
        raise UserError(
            f"{path} does not have the weights of {backbone.application} without its head: it is damaged, or of "
            "another architecture"
        ) from error
