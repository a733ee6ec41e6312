"""Predictions of stored models and of exported files for pictures that are in no dataset."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from benchmark.data.readers.containers.archives import in_place
from benchmark.data.readers.decoding import check
from benchmark.data.readers.listing import picture_files
from benchmark.files.file_writing import csv_text
from benchmark.hardware.processes import ask
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError, unknown_name
from zoo.model_files import sources_of

WORKER: Final = "benchmark.exporting.predict_worker"
AVERAGE: Final = {"method", "runs_per_member", "within"}
"""The hyperparameters that an ensemble may have if its predictions are a plain mean."""

WIDTH: Final = 80

Prediction = Mapping[str, Any]


def predict(
    run: str,
    images: str | Path | Sequence[str | Path],
    *,
    runs: str | Path = "runs",
    data: str | None = None,
    model_files: Sequence[str | Path] = (),
) -> list[dict[str, Any]]:
    """Predict pictures with a stored model; `python -m benchmark predict`.

    Pictures of any size, colour or grey, are decoded, made grey or RGB and resized like those of a dataset. The seeds
    of a model are averaged, and so are the members of an ensemble, which must be a plain average.

    Args:
        run: a model (all its seeds), `model@hash`, a single run such as `model-hash/seed-0`, or an ensemble.
        images: files, or folders and archives whose pictures are taken, also from folders inside them. Notes on
            standard error say what is left out.
        runs: directory of the store.
        data: name of the dataset that the run was trained on, where several are stored.
        model_files: Python files that define layers of the models (`zoo.model_files`), which are run.

    Returns:
        For each picture, in the order given: `picture` (its path), `class` (the likeliest), and `probabilities` by
        class name (0-1).

    Raises:
        UserError: an unknown run, one that was stored without its model, an ensemble of another kind; or a file that
            is no picture, before anything is predicted.
    """
    store = RunStore(Path(runs))
    snapshot = store.snapshot(store.find_dataset(data))
    seeds = snapshot.resolve(run)
    shares = [pair for seed in seeds for pair in _shares(snapshot, seed, 1 / len(seeds))]
    models = [{"file": str(member.model_file().resolve()), "share": share} for member, share in shares]
    return _predictions({"models": models, "classes": seeds[0].class_names}, images, model_files)


def predict_file(
    file: str | Path, images: str | Path | Sequence[str | Path], *, model_files: Sequence[str | Path] = ()
) -> list[dict[str, Any]]:
    """Predict pictures with a file that `export` wrote; `python -m benchmark predict --model FILE`.

    An `.onnx` file is run by onnxruntime, a `.tflite` file by ai-edge-litert or TensorFlow, a `.keras` file by Keras.

    Args:
        file: exported by this toolkit, and so with the names of its classes.
        images: files, or folders whose pictures are taken, as by `benchmark.predict`.
        model_files: Python files that define layers of a `.keras` file's network, which are run.

    Raises:
        UserError: no such file, its runtime is not installed, or a file that is no picture.
    """
    path = Path(file)
    if not path.is_file():
        what = f"{path} is a folder" if path.is_dir() else f"there is no file {path}"
        raise UserError(f"{what}: --model takes an exported .onnx, .tflite or .keras file")
    return _predictions({"exported": str(path.resolve())}, images, model_files)


def _shares(snapshot: Snapshot, run: StoredRun, share: float) -> Iterator[tuple[StoredRun, float]]:
    """The models behind a run, each with its weight: members have equal weights, and so have the seeds of a member."""
    if run.config.kind != "ensemble":
        yield run, share
        return
    options = run.config.hyperparameters
    if options.get("method") != "average" or set(options) - AVERAGE:
        raise UserError(
            f"{run.config.model} is not a plain average of its members: `ensembles export` it, and give the file to "
            "`predict --model`"
        )
    check_built_of(run, snapshot.by_name)
    members = iter(run.config.members)
    sizes = run.config.runs_per_member
    for size in sizes:
        for _ in range(size):
            (member,) = snapshot.resolve(next(members))
            yield from _shares(snapshot, member, share / len(sizes) / size)


def _predictions(
    models: Mapping[str, Any], images: str | Path | Sequence[str | Path], model_files: Sequence[str | Path]
) -> list[dict[str, Any]]:
    """Predictions from a process with these models; the classes of an exported file come with its answer."""
    with in_place([images] if isinstance(images, str | Path) else images) as (paths, shown):
        pictures, notes = picture_files(paths)
        check(Path(), pictures)
        answer = {**models, **ask(WORKER, {**models, "pictures": pictures, "sources": sources_of(model_files)})}
    for note in notes:
        sys.stderr.write(f"{shown(note)}\n")
    return [
        {
            # A name that is not text in this system's encoding must not break what prints it.
            "picture": os.fsencode(shown(picture)).decode("utf-8", "replace"),
            "class": answer["classes"][max(range(len(row)), key=row.__getitem__)],
            "probabilities": dict(zip(answer["classes"], row, strict=True)),
        }
        for picture, row in zip(pictures, answer["probabilities"], strict=True)
    ]


def predictions_text(predictions: Sequence[Prediction], format: str = "text") -> str:
    """The predictions as text of 80 columns, CSV or JSON.

    Raises:
        UserError: there is no such format.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    return FORMATS[format](predictions)


def _text(predictions: Sequence[Prediction]) -> str:
    lines = []
    for prediction in predictions:
        ranked = sorted(prediction["probabilities"].items(), key=lambda pair: -pair[1])
        likeliest = f": {ranked[0][0]} {ranked[0][1]:.1%}"
        picture, room = prediction["picture"], max(20, WIDTH - len(likeliest))
        # The end of a path tells pictures apart.
        lines.append((picture if len(picture) <= room else f"...{picture[3 - room :]}") + likeliest)
        # A line breaks at plain spaces alone, and so never between a name and its number.
        others = ", ".join(f"{name} {probability:.1%}".replace(" ", "\u00a0") for name, probability in ranked[1:])
        filled = fill(others, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
        lines.append(filled.replace("\u00a0", " "))
    return "\n".join(lines)


def _csv(predictions: Sequence[Prediction]) -> str:
    rows = [["picture", "class", *predictions[0]["probabilities"]]]
    for prediction in predictions:
        numbers = (f"{probability:.6f}" for probability in prediction["probabilities"].values())
        rows.append([prediction["picture"], prediction["class"], *numbers])
    return csv_text(rows).rstrip("\n")


FORMATS: Final[Mapping[str, Callable[[Sequence[Prediction]], str]]] = {
    "text": _text,
    "csv": _csv,
    "json": partial(json.dumps, indent=2, ensure_ascii=False),
}
