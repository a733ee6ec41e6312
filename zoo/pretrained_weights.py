"""Files of a backbone's weights: found in Keras' cache, downloaded, loaded."""

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
"""A download without an answer for so long is given up: a network that drops packets must not stop a run."""


def cached(backbone: Backbone) -> Path | None:
    """The file of the backbone's ImageNet weights in Keras' cache, if it is there."""
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
        kind = "SHA-256" if backbone.md5 and len(backbone.md5) == SHA256_DIGITS else "MD5"
        if backbone.md5 and _checksum(file, kind) != backbone.md5:
            raise UserError(
                f"{file} is damaged or another file (its {kind} is not {backbone.md5}): remove it; then {ways}"
            )
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


def _checksum(file: Path, kind: str) -> str:
    with file.open("rb") as opened:
        if kind == "SHA-256":
            return hashlib.file_digest(opened, "sha256").hexdigest()
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


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
            # Keras warns of layers that it finds no weights for, and goes on.
            warnings.simplefilter("error", UserWarning)
            base.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, UserWarning, BadZipFile) as error:
        raise UserError(
            f"{path} does not have the weights of {backbone.application} without its head: it is damaged, or of "
            "another architecture"
        ) from error
