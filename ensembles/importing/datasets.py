"""The dataset that imported predictions belong to: one that is stored, or a new one that labels make."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmark.files.checksums import DamagedError
from benchmark.files.names import safe
from benchmark.matching.class_names import listed
from benchmark.records import EXTERNAL, PREDICTED
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.tables.class_columns import class_names_of, plain_names
from benchmark.tables.given_labels import Labels, read_ids, read_labels
from ensembles.importing.known import (
    GIVEN,
    Known,
    NothingPredictedError,
    fingerprint,
    joined,
    known_from_labels,
    known_from_runs,
)
from ensembles.importing.placing import Given, with_new_test
from ensembles.importing.preparing import Ids, is_file
from ensembles.methods.options import Options
from zoo.errors import UserError

NAMELESS: Final = "dataset"
"""The name of a dataset whose labels are not in a file, unless the user gives one."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Where imported predictions go.

    Attributes:
        labels: which make the dataset; None to join the runs that are stored.
        ids: sample ids for rows of arrays.
        class_names: the classes in order; empty for those of the labels.
        runs: directory of the store.
        data: the dataset; None for the only one, or the name of the labels' file.
        logits: whether the numbers are logits.
        seed: of the trainings that predicted, where a run has several; None for a run of its own.
    """

    labels: Any = None
    ids: Any = None
    class_names: tuple[str, ...] = ()
    runs: Path | str = "runs"
    data: str | None = None
    logits: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        if twice := [name for name in self.class_names if self.class_names.count(name) > 1]:
            raise UserError(f"the class {twice[0]} is named twice in {listed(self.class_names)}")
        if self.seed is not None:
            Options(seed=self.seed)  # raises where it is no seed

    @property
    def store(self) -> RunStore:
        """The store that they go to."""
        return RunStore(Path(self.runs))

    @cached_property
    def given_labels(self) -> Labels | None:
        """The labels that the user gave, if any.

        Raises:
            UserError: they cannot be read.
        """
        return None if self.labels is None else read_labels(self.labels)

    def read_ids(self) -> Ids:
        """The sample ids that the user gave, by split; "" for any.

        Raises:
            UserError: they cannot be read.
        """
        if self.ids is None:
            return {}
        if isinstance(self.ids, Mapping):
            if strange := [split for split in self.ids if split not in PREDICTED]:
                raise UserError(f"ids are of {' and '.join(PREDICTED)}, got some of {strange[0]!r}")
            return {split: read_ids(source) for split, source in self.ids.items()}
        return {"": read_ids(self.ids)}


def told_classes(asked: Asked) -> tuple[str, ...]:
    """The names of classes as far as they are known before any predictions are read; empty where they are not.

    A class may be called as a column of labels or ids is (class, image): only its name tells such columns apart.

    Raises:
        UserError: labels that cannot be read.
    """
    if (labels := asked.given_labels) is not None:
        return class_names_of(labels, (), [])
    with suppress(UserError, DamagedError):  # which `known_dataset` says
        runs = asked.store.runs(asked.store.find_dataset(asked.data))
        return next((run.class_names for run in runs if any(map(run.predicted, PREDICTED))), ())
    return ()


def known_dataset(asked: Asked, first: Sequence[Given]) -> Known:
    """The dataset of predictions.

    With labels it is a stored one whose classes, validation ids and labels are theirs, else a new one: of the name that
    the user gave, or without it of any, those with trained models and then those called like the file of labels first.
    Without labels it is the one that is stored; or, for test predictions alone, a new one without labels.

    Args:
        first: the rows of the first member, which may tell classes that no label has, and the ids of test.

    Raises:
        UserError: there is no such dataset, or labels that are not those of the dataset that the user named.
    """
    store = asked.store
    if (labels := asked.given_labels) is None:
        if store.datasets() and (asked.data is None or _named(store, asked.data)):
            return with_new_test(first, known_from_runs(store.runs(store.find_dataset(asked.data))))
        return _test_only_dataset(asked, first)
    name = asked.data or (_stem(Path(asked.labels)) if is_file(asked.labels) else NAMELESS)
    # First without the classes that only these predictions have, which a stored dataset may lack.
    for rows in ([], [one.rows for one in first]):
        names = class_names_of(labels, asked.class_names, rows)
        if len(names) < 2:
            continue
        known = known_from_labels(labels, names, name)
        if stored_dataset := _stored(asked, known):
            return with_new_test(first, stored_dataset)
    if len(names) < 2:
        raise UserError(f"{labels.where} has the class {', '.join(names) or '(none)'}: expected at least two classes")
    if known.full_name in store.datasets() or asked.data in store.datasets():
        stored = asked.data or known.full_name
        raise UserError(
            f"{labels.where} has other classes, samples or labels than {stored}, which is stored: name another dataset "
            "with --data"
        )
    return with_new_test(first, known)


def _stored(asked: Asked, known: Known) -> Known | None:
    """The stored dataset that labels belong to; None where there is none."""
    store, first = asked.store, None
    named = _named(store, known.dataset)
    others = [] if asked.data else [dataset for dataset in store.datasets() if dataset not in named]
    for dataset in (*named, *others):
        # What is wrong with a dataset that the user does not mean is told by `benchmark check`.
        with suppress(*(() if asked.data else (DamagedError, NothingPredictedError))):
            runs = store.runs(dataset)
            wanted = first is None or _trained(runs)
            if not wanted or (dataset in others and not _may_be(runs, known)):
                continue
            if found := joined(known_from_runs(runs), known):
                if _trained(runs):
                    return found
                first = found
    return first


def _may_be(runs: Sequence[StoredRun], known: Known) -> bool:
    """Whether one of the runs has as many samples and classes: to read all of them takes long where there are many."""
    for run in sorted(runs, key=lambda run: run.config.out_of_fold):
        for split in filter(run.predicted, PREDICTED):
            predicted = run.read_predictions(split)
            if predicted is not None:
                sizes = {len(part) for part in known.parts.values()}
                return len(predicted.sample_ids) in sizes and len(predicted.class_names) == len(known.class_names)
    return False


def _trained(runs: Sequence[StoredRun]) -> bool:
    return any(run.config.kind not in (EXTERNAL, "ensemble") for run in runs)


def _named(store: RunStore, name: str) -> list[str]:
    """The stored datasets of that name, with or without fingerprint."""
    return [full for full in store.datasets() if name in (full, full.rpartition("-")[0])]


def _stem(path: Path) -> str:
    """A dataset's name from that of a file."""
    return safe(path.name.removesuffix(".gz").rpartition(".")[0]) or NAMELESS


def _test_only_dataset(asked: Asked, first: Sequence[Given]) -> Known:
    """A dataset of nothing but test samples, without labels."""
    only_test = all(one.split == "test" for one in first)
    if not only_test or asked.data is None:
        # The store's own message says where else to look.
        hint = "name the dataset with --data" if only_test else "give --labels LABELS, which make a dataset"
        if asked.store.datasets():
            asked.store.find_dataset(asked.data)
        raise UserError(f"no runs in {asked.store.root} to join: {hint}")
    rows = first[0].rows
    numbers = tuple(str(place) for place in range(rows.columns))
    names = asked.class_names or (plain_names(rows.headings) if rows.headings else numbers)
    if len(names) < 2:
        raise UserError(f"{rows.where} does not tell the classes: name them, in order, with --classes")
    known = with_new_test(first, Known(rows.where, asked.data, "", GIVEN, names, {}))
    return replace(known, fingerprint=fingerprint(names, known.parts["test"]))
