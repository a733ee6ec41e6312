"""An ensemble that is to be built: its members, options, name and configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmark.records import PREDICTED, RunConfig
from benchmark.store.made_again import check_built_of, made_again
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from ensembles.members import (
    ALL,
    Member,
    Members,
    find_members,
    find_seeds,
    lacking,
    load_members,
    spelled_names,
    without_validation,
)
from ensembles.methods.combination import check_classes
from ensembles.methods.options import AVERAGE, METHODS, PLAIN, SHARED, Options, check_method
from ensembles.methods.stacking import check_size
from zoo.errors import UserError
from zoo.registry import all_models

SEED: Final = 0
"""An ensemble is stored under one seed; what is random in its method has `Options.seed`, which is hashed."""

LONGEST_NAME: Final = 100


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
        several: whether several methods are asked for, so that a given name is not enough to tell them apart.
    """

    store: RunStore
    dataset: str
    members: tuple[Member, ...]
    stem: str
    name: str | None
    options: Options
    left_out: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    several: bool = False

    @cached_property
    def loaded(self) -> Mapping[str, Members]:
        """The members' predictions by split, without splits that one of them lacks.

        Raises:
            UserError: members that do not belong together, or no split that all have.
        """
        loaded = {split: load_members(self.members, split) for split in PREDICTED if not lacking(self.members, split)}
        if not loaded:
            missing = [f"{lacking(self.members, split)[0]} has no {split} predictions" for split in PREDICTED]
            raise UserError(f"there is nothing to combine: {' and '.join(missing)}")
        return loaded

    def configuration(self, method: str) -> RunConfig:
        """The ensemble's configuration by one method.

        Raises:
            UserError: an unknown method, or a name that is too long or a stored model's.
        """
        check_method(method)
        name = self.called(method)
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

    def called(self, method: str) -> str:
        """The ensemble's name, which may be too long or in use."""
        stem = self.name or self.stem
        tells = method == AVERAGE or (self.name and not self.several)
        name = stem if tells else f"{method}-{ALL}" if stem == f"{AVERAGE}-{ALL}" else f"{stem}:{method}"
        return f"{name}:calibrated" if self.options.calibrate and not self.name else name

    def find(self, method: str) -> StoredRun | None:
        """The ensemble where it is stored already, of the members' predictions of now, or None.

        Errors are those of `configuration`.
        """
        found = self.store.find(self.configuration(method), SEED)
        return None if found and made_again(found, self.stored) else found

    def methods(self) -> tuple[str, ...]:
        """The methods that these members allow: without labelled validation predictions nothing can be fitted."""
        validation = None if lacking(self.members, "validation") else self.loaded["validation"]
        if validation is None or validation.labels is None:
            return tuple(PLAIN)
        return tuple(method for method in METHODS if method != "stacking" or not self.no_stack)

    @cached_property
    def no_stack(self) -> str:
        """Why stacking is not among `methods`; empty where it is."""
        validation = self.loaded.get("validation")
        if validation is None or validation.labels is None:
            return ""
        try:
            check_classes(validation.labels)
            if self.options.features != SHARED:
                check_size(validation.probabilities.shape)
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
        if name == ALL:
            raise UserError(f"{ALL} means every stored model: give the ensemble another name with --name")


def request(
    members: str | Sequence[str],
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    name: str | None = None,
    options: Options | None = None,
    several: bool = False,
) -> Request:
    """Find the members of an ensemble. Arguments and errors are those of `build`; `several` is that of `Request`."""
    store, asked = RunStore(Path(runs)), options or Options()
    dataset = store.find_dataset(data)
    snapshot = store.snapshot(dataset)
    members = spelled_names(snapshot, members)
    names = [in_a_name(member) for member in members]
    if asked.seeds is not None:
        seeds = find_seeds(store, snapshot, members, asked.seeds)
        return Request(store, dataset, seeds, f"{names[0]}x{asked.seeds}", name, asked, (), snapshot, several)
    resolved = find_members(snapshot, members)
    for run in (run for member in resolved for run in member.runs):
        check_built_of(run, snapshot.by_name)
    stem = f"{AVERAGE}-{ALL}" if names == [ALL] else "+".join(names)
    left_out = without_validation(snapshot, resolved) if ALL in names else ()
    return Request(store, dataset, resolved, stem, name, asked, left_out, snapshot, several)


def in_a_name(member: str) -> str:
    """A member's name as part of an ensemble's."""
    # `@` and `/` would break the run layout.
    return member.replace("@", "-").replace("/", ".")
