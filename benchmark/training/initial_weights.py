"""What a transfer model starts from: `--set weights=imagenet|random|PATH`. Keras is not needed to check it."""

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from benchmark.files.npz_files import NpzError, opened
from zoo.errors import UserError
from zoo.spec import ModelSpec

SETTING: Final = "weights"
KINDS: Final = ("imagenet", "random")
HASH_LENGTH: Final = 8
SUFFIXES: Final = (".h5", ".hdf5", ".npz")


@dataclass(frozen=True)
class Weights:
    """Weights that were asked for.

    Attributes:
        label: "imagenet", "random", or the file's name with the first digits of its SHA-256; it tells contents apart.
        file: with the weights, if it is one; absolute.
        count: of the numbers in the file.
    """

    label: str
    file: Path | None = None
    count: int | None = None

    def unfit(self, spec: ModelSpec) -> str | None:
        """Why the model cannot start from these, or None."""
        if spec.backbone is None:
            return "the model has no pretrained weights"
        if self.count is not None and self.count != spec.backbone.parameters:
            return (
                f"{self.file} has {self.count:,} weights, {spec.backbone.application} without its head "
                f"{spec.backbone.parameters:,}"
            )
        return None


def read_weights(asked: Any) -> Weights:
    """What is meant by the value of `weights`; a Path always is a file, text may be one of `KINDS`.

    Raises:
        UserError: neither one of them nor a file of weights.
    """
    if isinstance(asked, str) and asked in KINDS:
        return Weights(asked)
    if not isinstance(asked, str | Path):
        raise UserError(f"weights must be imagenet, random or the path of a file, got {asked!r}")
    path = Path(asked).expanduser().resolve()
    if not path.is_file():
        close = get_close_matches(str(asked), KINDS, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"weights must be imagenet, random or the path of a file; there is no file {asked}{meant}")
    if path.suffix not in SUFFIXES:
        raise UserError(f"weights must be an HDF5 file (.h5 or .hdf5) or arrays (.npz), got {asked}")
    return Weights(label(path), path, _count(path))


def label(path: Path) -> str:
    """The file's name, without its ending, and the first digits of its SHA-256: "mobilenet-0a1b2c3d"."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{path.stem.removesuffix('.weights')}-{digest[:HASH_LENGTH]}"


def _count(path: Path) -> int:
    if path.suffix == ".npz":
        try:
            with opened(path) as archive:
                return sum(archive.read(name).size for name in archive.names)
        except NpzError as error:
            raise UserError(f"{path} cannot be read as arrays of weights: {error}") from error
    import h5py

    found: list[int] = []

    def add(name: str, value: Any) -> None:  # noqa: ARG001 - h5py names it
        if isinstance(value, h5py.Dataset):
            found.append(value.size)

    try:
        with h5py.File(path) as file:
            # A whole model saved as HDF5 keeps its optimiser's state beside its weights.
            file.get("model_weights", file).visititems(add)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read as an HDF5 file of weights: damaged, or of another kind") from error
    return sum(found)


def starting_weights(spec: ModelSpec, asked: str | None, file: Path | None) -> dict[str, str | Path]:
    """What a transfer model starts from, as an argument of its `build`; nothing for the others.

    Args:
        spec: of the model.
        asked: "imagenet", "random", the label of a file, or None where the question makes no sense.
        file: with the weights, if one was asked for.

    Raises:
        UserError: the file is gone or has another content than its label says.
    """
    if spec.backbone is None or asked is None:
        return {}
    if asked in KINDS:
        return {SETTING: asked}
    if file is None or not file.is_file() or label(file) != asked:
        raise UserError(f"{file} is gone or has changed: the run asks for the weights {asked}")
    return {SETTING: file}
