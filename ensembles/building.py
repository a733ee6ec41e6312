"""Build an ensemble from stored predictions and store it as a run."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from benchmark.metrics import accuracy, log_loss
from benchmark.records import Predictions, RunConfig, RunRecord
from benchmark.store import RunStore, StoredRun
from ensembles.members import Member, Members, find_members, lacking, load_members
from ensembles.methods import METHODS, combine
from zoo.errors import UserError, unknown_name
from zoo.registry import all_models

SEED: Final = 0
"""Nothing here is random: an ensemble is stored under one seed."""

LONGEST_NAME: Final = 100

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Score:
    """Accuracy (0-1) and log loss (nats) of one voice on validation."""

    name: str
    accuracy: float
    log_loss: float


def build(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    method: str = "average",
) -> StoredRun:
    """Combine stored predictions and store the result as a run; one that is stored already is returned as it is.

    A model's seeds are averaged first, then members weigh equally. Validation predictions are combined always, test
    predictions where all members have them. Probabilities are combined in float64 and stored as float32.

    Args:
        members: "A,B,C" or a sequence: models (all their seeds), `model@hash`, `model-hash/seed-0`, other ensembles.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        name: of the ensemble; by default the members' names joined with "+".
        method: how they are combined, a name in `ensembles.methods.METHODS`.

    Raises:
        UserError: names that are unknown, ambiguous or repeated; members that do not belong together; a name that is
            a model's; predictions that are missing.
    """
    started = time.perf_counter()
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    found = find_members(store, dataset, members)
    config = configuration(store, dataset, found, name=name, method=method)
    known = store.find(config, SEED)
    if known:
        return known
    splits = ["validation"] if lacking(found, "test") else ["validation", "test"]
    predictions = {split: combined(load_members(found, split), method) for split in splits}
    # Imported here because it asks git, the processor and the installed packages, which nothing else here needs.
    from benchmark.provenance import provenance

    networks = [run.record for member in found for run in member.runs]
    train_seconds = _sum(record.durations.get("train") for record in networks)
    durations = {"train": train_seconds} if train_seconds is not None else {}
    record = RunRecord(
        config=config,
        seed=SEED,
        durations={**durations, "total": time.perf_counter() - started},
        provenance=provenance(["numpy"]),
        parameters=_sum(record.parameters for record in networks),
        milliseconds_per_image=_sum(record.milliseconds_per_image for record in networks),
    )
    return store.put(record, predictions)


def stored(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    method: str = "average",
) -> StoredRun | None:
    """The ensemble that `build` would return because it is stored already, or None. Arguments and errors are its."""
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    found = find_members(store, dataset, members)
    return store.find(configuration(store, dataset, found, name=name, method=method), SEED)


def configuration(
    store: RunStore, dataset: str, members: Sequence[Member], *, name: str | None, method: str
) -> RunConfig:
    """What is asked of the ensemble of `members`.

    Raises:
        UserError: an unknown method, or a name that is too long or a stored model's.
    """
    if method not in METHODS:
        raise unknown_name("ensemble method", method, METHODS)
    chosen = name or "+".join(_in_a_name(member.name) for member in members)
    if len(chosen) > LONGEST_NAME:
        raise UserError(f"the ensemble's name has {len(chosen)} letters, at most {LONGEST_NAME} fit: use --name")
    stored_models = {run.config.model for run in store.runs(dataset) if run.config.kind != "ensemble"}
    if chosen in stored_models or chosen in all_models():
        raise UserError(f"{chosen} is the name of a model: give the ensemble another with --name")
    hyperparameters: dict[str, Any] = {"method": method}
    if any(len(member.runs) > 1 for member in members):
        # Which of the runs are seeds of one member changes the result, and the flat list of runs does not say it.
        hyperparameters["runs_per_member"] = [len(member.runs) for member in members]
    origin = members[0].runs[0].config
    return RunConfig(
        dataset=origin.dataset,
        fingerprint=origin.fingerprint,
        model=chosen,
        kind="ensemble",
        split=origin.split,
        hyperparameters=hyperparameters,
        members=tuple(run.name for member in members for run in member.runs),
    )


def combined(members: Members, method: str) -> Predictions:
    """The predictions of the ensemble, in the order of the members' rows.

    Raises:
        UserError: there is no such method.
    """
    return Predictions(
        split=members.split,
        sample_ids=members.sample_ids,
        class_names=members.class_names,
        probabilities=combine(method, members.probabilities).astype(np.float32),
        labels=members.labels,
    )


def validation_scores(members: Sequence[Member]) -> list[Score]:
    """What each member scores on validation (the mean of its seeds' probabilities), most accurate first.

    Raises:
        UserError: members that do not belong together.
    """
    loaded = load_members(members, "validation")
    if loaded.labels is None or not loaded.labels.size:
        return []
    scores = [
        Score(name, accuracy(probabilities, loaded.labels), log_loss(probabilities, loaded.labels))
        for name, probabilities in zip(loaded.names, loaded.probabilities, strict=True)
    ]
    return sorted(scores, key=lambda score: (-score.accuracy, score.log_loss))


def _sum(values: Iterable[Number | None]) -> Number | None:
    # One unknown makes the sum unknown.
    total: Number = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _in_a_name(member: str) -> str:
    # `@` and `/` would break the run layout.
    return member.replace("@", "-").replace("/", ".")
