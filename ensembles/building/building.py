"""Build an ensemble from stored predictions and store it as a run."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import ENSEMBLE, EXPLANATION
from benchmark.records import Predictions, RunRecord
from benchmark.store.made_again import digest
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.ensemble_request import SEED, Request, request
from ensembles.costs import cost, milliseconds_one_image, model_bytes, networks, training_seconds
from ensembles.members import Member, Members, lacking
from ensembles.methods.combination import Combination, predict
from ensembles.methods.methods import fit, plain, restored
from ensembles.methods.options import AVERAGE, PLAIN, Options
from zoo.errors import UserError

SCHEMA_VERSION: Final = 1

Splits = dict[str, Predictions]
Documents = dict[str, dict[str, Any]]


def build(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    method: str = AVERAGE,
    options: Options | None = None,
) -> StoredRun:
    """Combine stored predictions and store the result as a run; one that is stored already is returned as it is.

    If a member was made again since, with other predictions, the ensemble is built anew in its place.

    A model's seeds are averaged first. What is fitted is fitted on validation. Predictions of a split are combined
    where all members have them; those of validation are cross-fitted where the method is fitted.
    Probabilities are combined in float64 and stored as float32.

    Args:
        members: "A,B,C" or a sequence: models (all their seeds), `model@hash`, `model-hash/seed-0`, other ensembles,
            "best" for the leaderboard's first row by validation accuracy;
            "all" for every stored model; one model together with `options.seeds`.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        name: of the ensemble; by default the members' names joined with "+", and the method unless it is the average.
        method: how they are combined, a name in `ensembles.methods.options.METHODS`.
        options: what else changes the ensemble; each says which methods it concerns.

    Raises:
        UserError: names that are unknown, ambiguous or repeated; members that do not belong together; a name that is
            a model's; predictions or labels that are missing.
    """
    return make(request(members, runs=runs, data=data, name=name, options=options), [method])[method]


def build_all(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    options: Options | None = None,
) -> dict[str, StoredRun]:
    """Build an ensemble by every method that its members allow, each a run of its own; by method.

    Arguments and errors are those of `build`; a given name gets the method behind it, but for the average.
    """
    asked = request(members, runs=runs, data=data, name=name, options=options, several=True)
    return make(asked, asked.methods())


def make(asked: Request, methods: Sequence[str]) -> dict[str, StoredRun]:
    """Store the ensembles that are asked for by these methods, those aside that are stored already; by method.

    All are fitted before the first is stored, so that what cannot be fitted leaves nothing behind. Errors are those of
    `build`.
    """
    known = {method: asked.find(method) for method in methods}
    fitted = {method: _fitted(asked, method) for method in methods if known[method] is None}
    made = {method: _put(asked.store, *made_of) for method, made_of in fitted.items()}
    return {method: known[method] or made[method] for method in methods}


def _put(store: RunStore, record: RunRecord, predictions: Splits, documents: Documents) -> StoredRun:
    """Store an ensemble, also in place of one of other predictions, whose explanation goes with it."""
    run = store.put(record, predictions, documents, replacing=True)
    store.remove_beside(run, EXPLANATION)
    return run


def _fitted(asked: Request, method: str) -> tuple[RunRecord, Splits, Documents]:
    """An ensemble as the store takes it: record, predictions by split, and its own file."""
    started = time.perf_counter()
    config = asked.configuration(method)
    unjudged = lacking(asked.members, "validation")
    if unjudged and method not in PLAIN:
        raise UserError(f"{method} is fitted on validation, which {unjudged[0]} has no predictions of: leave it out")
    validation = asked.loaded.get("validation")
    if asked.options.calibrate and not validation:
        raise UserError(
            "a temperature is fitted on validation, which a member has not predicted: leave --calibrate out"
        )
    combination = fit(method, validation, asked.options) if validation else plain(method, len(asked.members))
    predictions = {split: _predicted(loaded, combination) for split, loaded in asked.loaded.items()}
    # Imported here because it asks git, the processor and the installed packages, which nothing else here needs.
    from benchmark.hardware.provenance import provenance

    parts = networks((run for member in used(asked.members, combination) for run in member.runs), asked.stored)
    spent = cost(parts)
    train_seconds = training_seconds(parts)
    durations = {"train": train_seconds} if train_seconds is not None else {}
    record = RunRecord(
        config=config,
        seed=SEED,
        durations={**durations, "total": time.perf_counter() - started},
        provenance=provenance(["numpy", "scikit-learn"] if method == "stacking" else ["numpy"]),
        parameters=spent.parameters,
        flops=spent.operations,
        model_bytes=model_bytes(parts),
        milliseconds_per_image=spent.milliseconds,
        milliseconds_one_image=milliseconds_one_image(parts),
    )
    return record, predictions, {ENSEMBLE: _document(asked, method, combination)}


def _predicted(members: Members, combination: Combination) -> Predictions:
    """The predictions of the ensemble, in the order of the members' rows; of validation the held-out ones if any."""
    return Predictions(
        split=members.split,
        sample_ids=members.sample_ids,
        class_names=members.class_names,
        probabilities=predict(combination, members).astype(np.float32, copy=False),
        labels=members.labels,
    )


def used(members: Sequence[Member], combination: Combination) -> tuple[Member, ...]:
    """The members that the ensemble needs for a prediction: those that weigh more than 0."""
    weights = np.ones(len(members)) if combination.weights is None else combination.weights
    return tuple(member for member, weight in zip(members, weights, strict=True) if weight > 0)


def stored_combination(run: StoredRun) -> Combination:
    """How a stored ensemble combines its members, in the order of its configuration.

    Raises:
        DamagedError: the file that says so is damaged.
        UserError: the run is not an ensemble that this toolkit combined.
    """
    if run.config.kind != "ensemble":
        raise UserError(f"{run.name} is not an ensemble")
    method = run.config.hyperparameters["method"]
    document = run.document(ENSEMBLE)
    if document is None:
        # Averages were stored before this file was.
        return plain(method, len(run.config.runs_per_member))
    try:
        return restored(method, document["combination"])
    except (KeyError, ValueError) as error:
        raise DamagedError(f"{run.path / ENSEMBLE} is damaged: {error}") from error


def _document(asked: Request, method: str, combination: Combination) -> dict[str, Any]:
    weights = [None] * len(asked.members) if combination.weights is None else combination.weights.tolist()
    validation = asked.loaded.get("validation")
    return {
        "schema_version": SCHEMA_VERSION,
        "method": method,
        "options": asked.options.of(method),
        "validation_samples": len(validation.sample_ids) if validation else 0,
        "members": [
            {
                "name": member.name,
                "runs": [run.name for run in member.runs],
                **({"digests": digests} if any(digests := [digest(run) for run in member.runs]) else {}),
                "weight": weight,
            }
            for member, weight in zip(asked.members, weights, strict=True)
        ],
        "combination": combination.to_json(),
    }
