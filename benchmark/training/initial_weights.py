"""The initial weights of transfer models: `--set weights=imagenet|random|PATH`. Checked without Keras."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from benchmark.dataset import HASH_LENGTH
from benchmark.files.checksums import checksum
from benchmark.files.npz_files import NpzError, opened
from zoo.backbones import IMAGENET, PRESET
from zoo.errors import UserError
from zoo.spec import ModelSpec

SETTING: Final = "weights"
RANDOM: Final = "random"
KINDS: Final = (IMAGENET, RANDOM, PRESET)
SUFFIXES: Final = (".h5", ".hdf5", ".npz")


@dataclass(frozen=True)
class InitialWeights:
    """The weights that a training starts from.

    Attributes:
        label: "imagenet", `PRESET`, "random", or a file's name with the first digits of its SHA-256.
        file: with the weights, absolute; None for the other kinds.
        count: of the numbers in the file.
    """

    label: str
    file: Path | None = None
    count: int | None = None

    def unfit(self, spec: ModelSpec) -> str | None:
        """Why the model cannot start from these weights; None where it can."""
        if spec.backbone is None:
            return "the model has no pretrained weights"
        if self.label in KINDS and self.label not in (RANDOM, spec.weights):
            return f"its weights are {spec.weights}, random or a file, not {self.label}"
        if self.count is not None and spec.backbone.parameters not in (0, self.count):
            return (
                f"{self.file} has {self.count:,} weights, {spec.backbone.application} without its head "
                f"{spec.backbone.parameters:,}"
            )
        return None


def read_weights(value: Any) -> InitialWeights:
    """Read a value of `weights`: one of `KINDS`, or the path of a file.

    Raises:
        UserError: it is neither.
    """
    if isinstance(value, str) and value in KINDS:
        return InitialWeights(value)
    if not isinstance(value, str | Path):
        raise UserError(f"weights must be imagenet, random or the path of a file, got {value!r}")
    path = Path(value).expanduser().resolve()
    if not path.is_file():
        close = get_close_matches(str(value), KINDS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"weights must be imagenet, random or the path of a file; there is no file {value}{hint}")
    if path.suffix not in SUFFIXES:
        raise UserError(f"weights must be an HDF5 file (.h5 or .hdf5) or arrays (.npz), got {value}")
    return InitialWeights(_label(path), path, _count(path))


def _label(path: Path) -> str:
    """The file's name, without its ending, and the first digits of its SHA-256: "mobilenet-0a1b2c3d"."""
    return f"{path.stem.removesuffix('.weights')}-{checksum(path)[:HASH_LENGTH]}"


def _count(path: Path) -> int:
    if path.suffix == ".npz":
        try:
            with opened(path) as archive:
                return sum(archive.read(name).size for name in archive.names)
        except NpzError as error:
            raise UserError(f"{path} cannot be read as arrays of weights: {error}") from error
    import h5py

    sizes: list[int] = []

    def add(name: str, value: Any) -> None:  # noqa: ARG001 - h5py names it
        if isinstance(value, h5py.Dataset):
            sizes.append(value.size)

    try:
        with h5py.File(path) as file:
            # A whole model saved as HDF5 keeps its optimiser's state beside its weights.
            file.get("model_weights", file).visititems(add)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read as an HDF5 file of weights: damaged, or of another kind") from error
    return sum(sizes)


def starting_weights(spec: ModelSpec, label: str | None, file: Path | None) -> dict[str, str | Path]:
    """The initial weights of a transfer model as an argument of its `build`; no argument for other models.

    Raises:
        UserError: the file is gone or has changed.
    """
    if spec.backbone is None or label is None:
        return {}
    if label in KINDS:
        return {SETTING: label}
    if file is None or not file.is_file() or _label(file) != label:
        raise UserError(f"{file} is gone or has changed: the run asks for the weights {label}")
    return {SETTING: file}
