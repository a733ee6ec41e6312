"""A stored ensemble with its members, their predictions and its method."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from benchmark.files.run_layout import ENSEMBLE
from benchmark.nouns import Noun, noun_of
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import shared_titles
from benchmark.store.stored_run import StoredRun
from ensembles.costs import networks
from ensembles.members import Member, Members, lacking, load_members
from ensembles.methods.calibration import Tempered
from ensembles.methods.combination import Combination
from ensembles.methods.methods import fit
from ensembles.methods.options import AVERAGE, PLAIN, Options
from ensembles.sample_scores import best_of
from zoo.errors import UserError


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A stored ensemble with its members.

    Attributes:
        run: the ensemble.
        stored: all runs of its dataset, by name.
        members: with names that are unique within the ensemble.
        validation: the members' predictions, with labels.
        test: the same; None unless all members have test predictions and a run has test labels.
        options: of its method.
    """

    run: StoredRun
    stored: Mapping[str, StoredRun]
    members: tuple[Member, ...]
    validation: Members
    test: Members | None
    options: Options

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        return self.validation.names

    @property
    def method(self) -> str:
        """The ensemble's."""
        return str(self.run.config.hyperparameters["method"])

    @property
    def fitted(self) -> bool:
        """Whether the method is fitted on validation."""
        return self.method not in PLAIN

    def fit(self, members: Members) -> Combination:
        """Fit the ensemble's method with its options on validation predictions of some of its members."""
        return fit(self.method, members, self.options)

    @property
    def splits(self) -> tuple[Members, ...]:
        """Validation, and test if it has labels."""
        return (self.validation, self.test) if self.test else (self.validation,)

    @property
    def noun(self) -> Noun:
        """What the dataset's samples are called."""
        return noun_of(run.config.kind for run in self.stored.values())

    @cached_property
    def best(self) -> int:
        """Position of the member that is most accurate on validation; of equals the one of lower log loss."""
        return best_of(self.validation.probabilities, self.validation.known_labels)[0]

    def siblings(self) -> list[StoredRun]:
        """Other stored ensembles of the same members, except the plain average."""
        return [run for run in self.relatives() if method_name(run) != AVERAGE]

    def relatives(self) -> list[StoredRun]:
        """Other stored ensembles of the same members."""
        ours = self.run.config
        return [
            run
            for run in self.stored.values()
            if run.config.kind == "ensemble"
            and run.name != self.run.name
            and run.config.members == ours.members
            and run.config.runs_per_member == ours.runs_per_member
        ]

    def networks(self, positions: Sequence[int]) -> list[StoredRun]:
        """The trained networks of some of the members, see `costs.networks`."""
        return networks((run for position in positions for run in self.members[position].runs), self.stored)


def take_apart(store: RunStore, dataset: str, name: str) -> Anatomy:
    """The stored ensemble called `name`.

    Raises:
        UserError: no such ensemble, or its members or labels are not stored.
    """
    snapshot = store.snapshot(dataset)
    run = snapshot.resolve(name)[0]
    if run.config.kind != "ensemble":
        raise UserError(f"{name} is not an ensemble: name one that `python -m ensembles build` stored")
    stored = snapshot.by_name
    members = stored_members(run, stored)
    check_built_of(run, stored)
    if without := lacking(members, "validation"):
        raise UserError(f"{name} cannot be explained: {without[0]} has no validation predictions to judge it by")
    validation = load_members(members, "validation")
    if validation.labels is None:
        raise UserError(f"validation of {dataset} has no labels, which are needed to explain {name}")
    test = None
    if all(one.predictions("test") is not None for member in members for one in member.runs):
        loaded = load_members(members, "test")
        test = None if loaded.labels is None else loaded
    return Anatomy(run, stored, members, validation, test, options_of(run))


def options_of(run: StoredRun) -> Options:
    """The options of an ensemble's method."""
    known = {field.name for field in fields(Options)}
    return Options(**{key: value for key, value in run.config.hyperparameters.items() if key in known})


def stored_members(run: StoredRun, stored: Mapping[str, StoredRun]) -> tuple[Member, ...]:
    """The members of a stored ensemble, in its order, with the names that the user gave.

    Raises:
        UserError: one of them was deleted.
        DamagedError: the file that names them is damaged.
    """
    gone = [name for name in run.config.members if name not in stored]
    if gone:
        raise UserError(
            f"{run.config.title} is made of {gone[0]}, which is damaged or not stored any more: make that again, or "
            "build an ensemble without it"
        )
    runs = [stored[name] for name in run.config.members]
    document = run.document(ENSEMBLE)
    if document:
        given = [(one["name"], tuple(stored[name] for name in one["runs"])) for one in document["members"]]
        # The hash is left out if only one configuration has this title.
        shared = shared_titles(stored.values())
        return tuple(
            Member(name if group[0].config.title in shared else _without_hash(name), group) for name, group in given
        )
    sizes = run.config.runs_per_member
    starts = np.cumsum([0, *sizes]).tolist()
    groups = [tuple(runs[start : start + size]) for start, size in zip(starts, sizes, strict=False)]
    return tuple(Member(name, group) for name, group in zip(_names(groups), groups, strict=True))


def _without_hash(name: str) -> str:
    configuration, slash, seed = name.partition("/")
    return configuration.partition("@")[0] + slash + seed


def untempered(combination: Combination) -> Combination:
    """The combination without its temperature, if it has one."""
    return combination.combination if isinstance(combination, Tempered) else combination


def without(members: Members, position: int) -> Members:
    """The predictions of all other members."""
    others = [other for other in range(len(members.names)) if other != position]
    outputs = members.probabilities
    rest = outputs[others] if isinstance(outputs, np.ndarray) else outputs.of(others)
    return replace(members, names=tuple(members.names[other] for other in others), probabilities=rest)


def method_name(run: StoredRun) -> str:
    """An ensemble's method, and whether it is calibrated."""
    asked = run.config.hyperparameters
    return f"{asked['method']}{', calibrated' if asked.get('calibrate') else ''}"


def _names(groups: Sequence[tuple[StoredRun, ...]]) -> list[str]:
    # As short as possible and still unique: the model, its configuration, or the run.
    names = [group[0].config.title for group in groups]
    by_run: tuple[Callable[[StoredRun], str], ...] = (lambda run: run.config.full_title, lambda run: run.name)
    for longer in by_run:
        count = Counter(names)
        names = [longer(group[0]) if count[name] > 1 else name for name, group in zip(names, groups, strict=True)]
    return names
