"""Read the stored runs of a dataset and score them: frames with fixed columns, nothing rounded or left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmark.files.checksums import DamagedError
from benchmark.files.npz_files import let_go
from benchmark.metrics import SCORES, class_scores
from benchmark.nouns import Noun, noun_of
from benchmark.records import PREDICTED, Predictions
from benchmark.running.recipes import recipe_of
from benchmark.store.copies import Copy, Sketch, copies_among, sketched
from benchmark.store.run_store import MAKE_SOME, RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from reports.leaderboards.remarks import remark_of
from reports.submissions.labels import TestLabels, read_test_labels
from reports.text.tables import typed
from zoo.errors import UserError

COLUMNS: Final = {
    "run": "str",
    "model": "str",
    "hash": "str",
    "kind": "str",
    "members": "str",
    "seed": "int64",
    "status": "str",
    "error": "str",
    "weights": "str",
    "tta": "str",
    "device": "str",
    "training_precision": "str",
    "remark": "str",
    "recipe": "str",
    "parameters": "Int64",
    "operations": "Int64",
    "model_bytes": "Int64",
    "train_seconds": "float64",
    "total_seconds": "float64",
    "milliseconds_per_image": "float64",
    "milliseconds_one_image": "float64",
    "split": "str",
    "images": "Int64",
    **dict.fromkeys(SCORES, "float64"),
}

KINDS: Final = ("model", "joint", "ensemble", "external")

CLASS_COLUMNS: Final = {
    "run": "str",
    "model": "str",
    "hash": "str",
    "split": "str",
    "position": "int64",
    "class": "str",
    "precision": "float64",
    "recall": "float64",
    "f1": "float64",
    "support": "int64",
    "predicted": "int64",
}


@dataclass(frozen=True, eq=False)
class Results:
    """Everything the reports on one dataset are made from.

    Attributes:
        dataset: `name-fingerprint`.
        class_names: in label order; empty where no run has predictions.
        images: how many each split has, by split, as far as any run predicted on it.
        scores: one row per run and split with the columns of `COLUMNS`. A run without predictions, such as a failed
            one, has one row without a split; where labels are missing the scores are.
        classes: one row per run, labelled split and class with the columns of `CLASS_COLUMNS`.
        labels: where the test labels come from, if not from the runs: a file, or words.
        label_ids: one line on ids that these labels spell differently from the runs; empty where there are none.
        damaged: one sentence for each stored run that cannot be read and is therefore missing from the rest.
        predictions: what the scores are computed from, by run and split, with the labels that they were scored with.
        sketches: of these, to find copies.
    """

    dataset: str
    class_names: tuple[str, ...]
    images: Mapping[str, int]
    scores: pd.DataFrame
    classes: pd.DataFrame
    labels: str = ""
    label_ids: str = ""
    damaged: tuple[str, ...] = ()
    predictions: Mapping[tuple[str, str], Predictions] = field(default_factory=dict)
    sketches: Mapping[tuple[str, str], Sketch] = field(default_factory=dict)

    @property
    def whole(self) -> pd.DataFrame:
        """The rows of `scores` of runs that did not fail."""
        return self.scores[self.scores["status"] == "ok"]

    @property
    def noun(self) -> Noun:
        """What the samples are called."""
        return noun_of(self.scores["kind"])

    @cached_property
    def copies(self) -> Mapping[str, list[Copy]]:
        """The runs that repeat another on a split, by split, see `benchmark.store.copies`.

        Of two that are alike the original is the trained one, then the ensemble, then the imported one.
        """
        kinds = self.scores.drop_duplicates("run").set_index("run")["kind"]
        ordered = sorted(self.sketches, key=lambda place: (KINDS.index(kinds[place[0]]), place[0]))
        return {
            split: copies_among({run: self.sketches[run, split] for run, where in ordered if where == split})
            for split in PREDICTED
        }


def run_scores(runs: Path | str = "runs", *, data: str | None = None, labels: Any = None) -> pd.DataFrame:
    """The scores of every run and split, and every failure: one row each, with the columns of `COLUMNS`.

    Args:
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: of test, a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; not stored.

    Raises:
        UserError: no such runs, damaged ones, or labels that do not fit.
    """
    return read_results(runs, data, labels).scores


def read_results(runs: Path | str, data: str | None = None, labels: Any = None) -> Results:
    """Read the predictions of every run of a dataset and score them. Arguments and errors are those of `run_scores`."""
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    snapshot = store.snapshot(dataset)
    if not snapshot.stored and not snapshot.damaged:
        raise UserError(f"no runs in {store.root / dataset}: {MAKE_SOME}")
    return results_of(snapshot, labels)


def results_of(snapshot: Snapshot, labels: Any = None) -> Results:
    """The results of a reading of the store, see `read_results`."""
    dataset = snapshot.dataset
    given = read_test_labels(labels) if labels is not None else None
    damaged, stored = list(snapshot.damaged), snapshot.by_name
    rows = [_facts(run, stored) for run in snapshot.failures]
    classes: list[dict[str, Any]] = []
    sketches: dict[tuple[str, str], Sketch] = {}
    known: dict[tuple[str, str], Predictions] = {}
    for run in stored.values():
        try:
            predictions = _predictions(run, given)
        except DamagedError as error:
            damaged.append(str(error))
            continue
        facts = _facts(run, stored)
        for predicted in predictions:
            place = run.name, predicted.split
            sketches[place] = sketched(predicted, partial(known.__getitem__, place))
        rows += [{**facts, **_scored(predicted)} for predicted in predictions] or [facts]
        classes += [row for predicted in predictions for row in _class_rows(run, predicted)]
        known |= {(run.name, predicted.split): predicted for predicted in predictions}
        for predicted in predictions:
            let_go(predicted.probabilities)
    images = _images(known.values())
    if given is not None and "test" not in images:
        raise UserError(f"{given.where} cannot be used: no run of {dataset} has test predictions")
    return Results(
        dataset=dataset,
        class_names=next((predicted.class_names for predicted in known.values()), ()),
        images=images,
        scores=typed(pd.DataFrame(rows), COLUMNS),
        classes=typed(pd.DataFrame(classes), CLASS_COLUMNS),
        labels=given.where if given is not None else "",
        label_ids=_label_ids(given, known, dataset) if given is not None else "",
        damaged=tuple(damaged),
        predictions=known,
        sketches=sketches,
    )


def _images(predictions: Iterable[Predictions]) -> dict[str, int]:
    """How many images each split has: the fewest of any run, as folds count train among their validation images."""
    images: dict[str, int] = {}
    for predicted in predictions:
        count = len(predicted.sample_ids)
        images[predicted.split] = min(count, images.get(predicted.split, count))
    return images


def _predictions(run: StoredRun, file: TestLabels | None) -> list[Predictions]:
    predictions = [predicted for split in PREDICTED if (predicted := run.predictions(split)) is not None]
    if file is None:
        return predictions
    return [
        file.attach(predicted, run.config.dataset) if predicted.split == "test" else predicted
        for predicted in predictions
    ]


def _label_ids(file: TestLabels, known: Mapping[tuple[str, str], Predictions], dataset: str) -> str:
    return next(file.id_note(predicted, dataset) for (_, split), predicted in known.items() if split == "test")


def _facts(run: StoredRun, stored: Mapping[str, StoredRun]) -> dict[str, Any]:
    return {
        "run": run.name,
        "model": run.config.title,
        "hash": run.config.hash,
        "kind": run.config.kind,
        "members": " ".join(run.config.members),
        "seed": run.record.seed,
        "status": run.record.status,
        "error": run.record.error,
        "weights": run.config.weights,
        "tta": run.config.tta,
        "device": run.record.provenance.get("device"),
        "training_precision": run.record.provenance.get("precision"),
        "remark": remark_of(run, stored),
        "recipe": None if (recipe := recipe_of(run.config)) is None else str(recipe),
        "parameters": run.record.parameters,
        "operations": run.record.flops,
        "model_bytes": run.record.model_bytes,
        "train_seconds": run.record.train_seconds,
        "total_seconds": run.record.durations.get("total"),
        "milliseconds_per_image": run.record.milliseconds_per_image,
        "milliseconds_one_image": run.record.milliseconds_one_image,
    }


def _scored(predicted: Predictions) -> dict[str, Any]:
    row: dict[str, Any] = {"split": predicted.split, "images": len(predicted.sample_ids)}
    if predicted.labels is not None and predicted.labels.size:
        row |= {name: score(predicted.probabilities, predicted.labels) for name, score in SCORES.items()}
    return row


def _class_rows(run: StoredRun, predicted: Predictions) -> list[dict[str, Any]]:
    if predicted.labels is None or not predicted.labels.size:
        return []
    facts = {"run": run.name, "model": run.config.title, "hash": run.config.hash, "split": predicted.split}
    scores = vars(class_scores(predicted.probabilities, predicted.labels))
    return [
        {**facts, "position": place, "class": name, **{score: values[place] for score, values in scores.items()}}
        for place, name in enumerate(predicted.class_names)
    ]
