"""Exports trained models to other formats, and checks each file with the format's own runtime."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any, Final

from benchmark.exporting.formats import FORMATS
from benchmark.files.file_writing import written
from benchmark.hardware.processes import ask
from benchmark.hardware.provenance import versions
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError, unknown_name
from zoo.model_files import sources_of

WORKER: Final = "benchmark.exporting.export_worker"
PACKAGE: Final = "ensemble-benchmark"


@dataclass(frozen=True)
class Exported:
    """An export that was written and checked.

    Attributes:
        path: the file or folder.
        format: a name in `FORMATS`.
        size: bytes on disk.
        difference: the largest difference between its probabilities and the stored model's.
        images: number of pictures that were compared.
        class_names: in the order of the probabilities; empty where they are unknown.
    """

    path: Path
    format: str
    size: int
    difference: float
    images: int
    class_names: tuple[str, ...] = ()


def export(
    run: str,
    format: str,
    output: str | Path | None = None,
    *,
    runs: str | Path = "runs",
    data: str | None = None,
    model_files: Sequence[str | Path] = (),
) -> Exported:
    """Write a stored model for other programs; `python -m benchmark export`.

    Args:
        run: a model with one seed, `model@hash`, or a single run such as `model-hash/seed-0`.
        format: "keras", "litert" (.tflite), "onnx", "tf_saved_model" (a folder) or "json+h5" (a folder with model.json
            and model.weights.h5).
        output: what to write; by default the run's name in the current directory, with the format's ending.
        runs: directory of the store.
        data: name of the dataset, where several are stored.
        model_files: Python files that define layers of the model (`zoo.model_files`), which are run.

    Raises:
        UserError: as `convert`; or the run is unknown, is several, is an ensemble, or was stored without its model.
    """
    check_format(format)
    store = RunStore(Path(runs))
    chosen = _single(store, store.find_dataset(data), run, format)
    name = f"{chosen.path.parent.name}-{chosen.path.name}{FORMATS[format].ending}"
    place, sources = Path(name if output is None else output), sources_of(model_files)
    exported = convert(chosen.model_file(), format, place, sources, description_of(chosen))
    return replace(exported, class_names=chosen.class_names)


def convert(
    model: Path, format: str, output: Path, sources: Sequence[str] = (), description: Mapping[str, Any] | None = None
) -> Exported:
    """Convert a model in its own process, check the result, and only then put it in place.

    The check loads the result with the format's own runtime and compares its probabilities on 100 pictures with the
    model's, to 1e-3.

    Args:
        model: a file that `benchmark.store.stored_models` reads: any Keras model of one input, images, will do.
        output: a file, which is replaced, or a folder that does not exist yet.

    Raises:
        UserError: an unknown format, a package that is missing, an output that cannot be written, or a result that
            predicts something other than the model does.
        RuntimeError: the conversion failed.
    """
    check_format(format)
    check_output(format, output)
    with beside(output) as directory:
        made = directory / f"model{FORMATS[format].ending}"
        question = {
            "model": str(model.resolve()),
            "format": format,
            "output": str(made),
            "sources": list(sources),
            "description": dict(description or {}),
        }
        answer = ask(WORKER, question)
        size = sum(path.stat().st_size for path in [made, *made.rglob("*")] if path.is_file())
        with written(output):
            made.replace(output.resolve())
    return Exported(output, format, size, answer["difference"], answer["images"])


def description_of(run: StoredRun) -> dict[str, Any]:
    """What an exported file says of a stored run's model: classes in their order, names, and the toolkit's version.

    The conversion adds the model's input.
    """
    config = run.config
    return {
        "classes": list(run.class_names),
        "output": "probabilities",
        "model": config.title,
        "run": run.name,
        "dataset": config.full_dataset,
        "version": versions([PACKAGE])[PACKAGE] or "not installed",
    }


def check_format(format: str) -> None:
    """Raise UserError unless there is such a format and the packages for it are installed."""
    if format not in FORMATS:
        raise unknown_name("export format", format, FORMATS)
    missing = [package for package in FORMATS[format].packages if find_spec(package) is None]
    if missing:
        raise UserError(f"exporting to {format} needs {', '.join(missing)}: install with pip install '.[train,export]'")


def check_output(format: str, output: Path) -> None:
    """Raise UserError where `output` cannot be what `format` writes."""
    wanted = FORMATS[format]
    if wanted.folder:
        if output.exists() or output.is_symlink():
            raise UserError(f"{output} is there already: remove it, or name another folder with -o")
    elif output.suffix != wanted.ending:
        raise UserError(f"cannot write {output}: {format} files end in {wanted.ending}")
    elif output.exists() and not output.is_file():
        raise UserError(f"cannot write {output}: it is not a file")


def exported_text(run: str, exported: Exported) -> str:
    """A summary of the export, in lines of 80 columns where names are short enough."""
    lines = [
        f"{run} as {exported.format}, {exported.size / 1e6:.2f} MB:",
        f"  {exported.path}",
        f"{exported.images} pictures predicted as by the stored model, largest difference {exported.difference:.1g}",
    ]
    if exported.class_names:
        order = f"probabilities in this order: {', '.join(exported.class_names)}"
        lines.append(fill(order, 80, subsequent_indent="  "))
    return "\n".join(lines)


@contextmanager
def beside(output: Path) -> Iterator[Path]:
    """A temporary directory from where a file can be renamed to `output` in one step; links are followed.

    Raises:
        UserError: it cannot be made.
    """
    with written(output):
        temporary = TemporaryDirectory(dir=output.resolve().parent, prefix=".export-")
    with temporary as directory:
        yield Path(directory)


def _single(store: RunStore, dataset: str, name: str, format: str) -> StoredRun:
    seeds = store.resolve(dataset, name)
    if len(seeds) > 1:
        raise UserError(f"{name} has {len(seeds)} seeds, choose one: {', '.join(run.name for run in seeds)}")
    if seeds[0].config.kind == "ensemble":
        command = store.command(f"ensembles export {name} --format {format}", dataset)
        raise UserError(f"{name} is an ensemble: `{command}` writes it as one network")
    return seeds[0]
