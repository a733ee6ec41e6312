"""Build an ensemble from stored predictions and store it as a run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import ENSEMBLE
from benchmark.records import PREDICTED, Predictions, RunConfig, RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from ensembles.costs import cost, milliseconds_one_image, model_bytes, networks, total, trained
from ensembles.members import (
    ALL,
    Member,
    Members,
    find_seeds,
    lacking,
    load_members,
    member_names,
    members_of,
    without_validation,
)
from ensembles.methods.combination import Combination, predict
from ensembles.methods.methods import fit, plain, restored
from ensembles.methods.options import METHODS, PLAIN, SHARED, Options, check_method
from ensembles.methods.stacking import check_size
from zoo.errors import UserError
from zoo.registry import all_models

SEED: Final = 0
"""An ensemble is stored under one seed; what is random in its method has `Options.seed`, which is hashed."""

LONGEST_NAME: Final = 100
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Request:
    """An ensemble that is asked for, by one method or by all, with its members found.

    Attributes:
        store: where the members are and the ensemble goes.
        dataset: `name-fingerprint`.
        members: at least two.
        stem: the name of the plain average of these members.
        name: the name that the user gave; None for a name made of stem and method.
        options: of the methods.
        left_out: the runs that "all" does not mean, because they have no validation predictions.
        snapshot: what was read of the store to find the members; None reads it when it is needed.
    """

    store: RunStore
    dataset: str
    members: tuple[Member, ...]
    stem: str
    name: str | None
    options: Options
    left_out: tuple[str, ...] = ()
    snapshot: Snapshot | None = None

    @cached_property
    def loaded(self) -> Mapping[str, Members]:
        """What the members say, by split; a split that one of them lacks is not in it.

        Raises:
            UserError: members that do not belong together, or no split that all have.
        """
        loaded = {split: load_members(self.members, split) for split in PREDICTED if not lacking(self.members, split)}
        if not loaded:
            missing = [f"{lacking(self.members, split)[0]} has no {split} predictions" for split in PREDICTED]
            raise UserError(f"there is nothing to combine: {' and '.join(missing)}")
        return loaded

    def configuration(self, method: str, *, several: bool = False) -> RunConfig:
        """What is asked of the ensemble.

        Args:
            several: other methods are asked for as well, so that a given name is not enough to tell them apart.

        Raises:
            UserError: an unknown method, or a name that is too long or a stored model's.
        """
        check_method(method)
        name = self.called(method, several=several)
        self._check_name(name)
        hyperparameters: dict[str, Any] = {"method": method, **self.options.of(method)}
        if any(len(member.runs) > 1 for member in self.members):
            # Which of the runs are seeds of one member changes the result, and the flat list of runs does not say it.
            hyperparameters["runs_per_member"] = [len(member.runs) for member in self.members]
        origin = self.members[0].runs[0].config
        return RunConfig(
            dataset=origin.dataset,
            fingerprint=origin.fingerprint,
            model=name,
            kind="ensemble",
            split=origin.split,
            hyperparameters=hyperparameters,
            members=tuple(run.name for member in self.members for run in member.runs),
        )

    def called(self, method: str, *, several: bool = False) -> str:
        """The ensemble's name, which may be too long or in use."""
        stem = self.name or self.stem
        tells = method == "average" or (self.name and not several)
        name = stem if tells else f"{method}-{ALL}" if stem == f"average-{ALL}" else f"{stem}:{method}"
        return f"{name}:calibrated" if self.options.calibrate and not self.name else name

    def find(self, method: str, *, several: bool = False) -> StoredRun | None:
        """The ensemble where it is stored already, or None. Arguments and errors are those of `configuration`."""
        return self.store.find(self.configuration(method, several=several), SEED)

    def methods(self) -> tuple[str, ...]:
        """The methods that these members allow: without validation predictions nothing can be fitted."""
        if lacking(self.members, "validation"):
            return tuple(PLAIN)
        return tuple(method for method in METHODS if method != "stacking" or not self.too_large)

    @cached_property
    def too_large(self) -> str:
        """Why stacking is not among `methods`; empty where it is."""
        if "validation" not in self.loaded or self.options.features == SHARED:
            return ""
        try:
            check_size(self.loaded["validation"].probabilities.shape)
        except UserError as error:
            return str(error)
        return ""

    @cached_property
    def stored(self) -> Mapping[str, StoredRun]:
        """Every run of the dataset, by name."""
        return (self.snapshot or self.store.snapshot(self.dataset)).by_name

    @cached_property
    def _models(self) -> frozenset[str]:
        stored = {run.config.model for run in self.stored.values() if run.config.kind != "ensemble"}
        return frozenset(stored | set(all_models()))

    def _check_name(self, name: str) -> None:
        if len(name) > LONGEST_NAME:
            raise UserError(f"the ensemble's name has {len(name)} letters, at most {LONGEST_NAME} fit: use --name")
        if name in self._models:
            raise UserError(f"{name} is the name of a model: give the ensemble another with --name")


def request(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    options: Options | None = None,
) -> Request:
    """Find the members of an ensemble. Arguments and errors are those of `build`."""
    store, asked = RunStore(Path(runs)), options or Options()
    dataset = store.find_dataset(data)
    snapshot = store.snapshot(dataset)
    members = [snapshot.spelled(member, "validation") for member in member_names(members)]
    names = [in_a_name(member) for member in members]
    if asked.seeds is not None:
        seeds = find_seeds(store, dataset, members, asked.seeds)
        return Request(store, dataset, seeds, f"{names[0]}x{asked.seeds}", name, asked, (), snapshot)
    resolved = members_of(snapshot, members)
    stem = f"average-{ALL}" if names == [ALL] else "+".join(names)
    left_out = without_validation(snapshot, resolved) if ALL in names else ()
    return Request(store, dataset, resolved, stem, name, asked, left_out, snapshot)


def build(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    method: str = "average",
    options: Options | None = None,
) -> StoredRun:
    """Combine stored predictions and store the result as a run; one that is stored already is returned as it is.

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
        method: how they are combined, a name in `ensembles.methods.methods.METHODS`.
        options: of greedy and stacking.

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
    asked = request(members, runs=runs, data=data, name=name, options=options)
    return make(asked, asked.methods(), several=True)


def make(asked: Request, methods: Sequence[str], *, several: bool = False) -> dict[str, StoredRun]:
    """Store the ensembles that are asked for by these methods, those aside that are stored already; by method.

    All are fitted before the first is stored, so that what cannot be fitted leaves nothing behind. Errors are those of
    `build`; `several` is that of `Request.configuration`.
    """
    known = {method: asked.find(method, several=several) for method in methods}
    fitted = {method: _fitted(asked, method, several=several) for method in methods if known[method] is None}
    made = {method: asked.store.put(*made_of) for method, made_of in fitted.items()}
    return {method: known[method] or made[method] for method in methods}


def _fitted(
    asked: Request, method: str, *, several: bool
) -> tuple[RunRecord, dict[str, Predictions], dict[str, dict[str, Any]]]:
    """An ensemble as the store takes it: record, predictions by split, and its own file."""
    started = time.perf_counter()
    config = asked.configuration(method, several=several)
    unjudged = lacking(asked.members, "validation")
    if unjudged and method not in PLAIN:
        raise UserError(f"{method} is fitted on validation, which {unjudged[0]} has no predictions of: leave it out")
    validation = asked.loaded.get("validation")
    if asked.options.calibrate and not validation:
        raise UserError("a temperature is fitted on validation, which a member has no predictions of: no --calibrate")
    combination = fit(method, validation, asked.options) if validation else plain(method, len(asked.members))
    predictions = {split: combined(loaded, combination) for split, loaded in asked.loaded.items()}
    # Imported here because it asks git, the processor and the installed packages, which nothing else here needs.
    from benchmark.hardware.provenance import provenance

    parts = networks((run for member in used(asked.members, combination) for run in member.runs), asked.stored)
    spent = cost(parts)
    train_seconds = total(run.record.durations.get("train") for run in trained(parts))
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


def combined(members: Members, combination: Combination) -> Predictions:
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
        UserError: the run is no ensemble that this toolkit combined.
    """
    if run.config.kind != "ensemble":
        raise UserError(f"{run.name} is no ensemble")
    method = run.config.hyperparameters["method"]
    document = run.document(ENSEMBLE)
    if document is None:
        # Averages were stored before this file was.
        sizes = run.config.hyperparameters.get("runs_per_member")
        return plain(method, len(sizes or run.config.members))
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
            {"name": member.name, "runs": [run.name for run in member.runs], "weight": weight}
            for member, weight in zip(asked.members, weights, strict=True)
        ],
        "combination": combination.to_json(),
    }


def in_a_name(member: str) -> str:
    """A member's name as part of an ensemble's."""
    # `@` and `/` would break the run layout.
    return member.replace("@", "-").replace("/", ".")
