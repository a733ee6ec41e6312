"""Members of an ensemble: find them by name, load their predictions, align these by sample id."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.records import Predictions
from benchmark.running.recipes import training_command
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot, shared_titles
from benchmark.store.stored_run import StoredRun
from ensembles.member_rows import LOADED_BYTES, MemberRows, Probabilities, Source
from zoo.errors import UserError

ALL: Final = "all"
"""The name that means every stored model, see `find_members`."""


@dataclass(frozen=True)
class Member:
    """A member of an ensemble.

    Attributes:
        name: as the user wrote it.
        runs: at least one; several runs are seeds of one configuration, whose probabilities are averaged first.
    """

    name: str
    runs: tuple[StoredRun, ...]


@dataclass(frozen=True, eq=False)
class Members:
    """Predictions of all members on one split; row i is the same sample for all.

    Attributes:
        split: validation or test.
        names: of the members.
        sample_ids: str, shape (n,).
        class_names: in the order of the last axis.
        probabilities: float64, shape (members, n, classes), 0-1, means over the seeds of each member; read in blocks
            where they are too large for memory (`ensembles.member_rows`).
        labels: int64, shape (n,), or None if no member has them, or there are no samples.

    Raises:
        ValueError: shapes that do not belong together, or probabilities that are not finite.
    """

    split: str
    names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    probabilities: Probabilities
    labels: NDArray[np.int64] | None

    def __post_init__(self) -> None:
        shape = (len(self.names), len(self.sample_ids), len(self.class_names))
        if self.probabilities.shape != shape:
            raise ValueError(f"probabilities must be {shape}, got {self.probabilities.shape}")
        if self.labels is not None and self.labels.shape != shape[1:2]:
            raise ValueError(f"labels must be {shape[1:2]}, got {self.labels.shape}")
        if isinstance(self.probabilities, MemberRows):
            return  # each run's predictions were checked when they were read
        for name, probabilities in zip(self.names, self.probabilities, strict=True):
            if not np.isfinite(probabilities).all():
                raise ValueError(f"member {name}: probabilities are not finite")

    @property
    def known_labels(self) -> NDArray[np.int64]:
        """The labels.

        Raises:
            ValueError: there are none.
        """
        if self.labels is None:
            raise ValueError(f"{self.split} has no labels")
        return self.labels


def member_names(members: str | Sequence[str]) -> list[str]:
    """The names in `A,B,C` or in a sequence of names or runs, stripped.

    Raises:
        UserError: no name, an empty one, or a name given twice.
    """
    names = [str(name).strip() for name in (members.split(",") if isinstance(members, str) else members)]
    if "" in names:
        raise UserError(f"a member's name is empty in {','.join(names)!r}: expected names such as A,B,C")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"member {twice[0]} is given twice: name each member once")
    if not names:
        raise UserError("an ensemble needs at least two members, got none: name them as A,B,C")
    return names


def spelled_names(snapshot: Snapshot, members: str | Sequence[str]) -> list[str]:
    """The names of `member_names`; `best` as the name of the row that is the best on validation: test decides nothing.

    Raises:
        UserError: those of `member_names`, or no row has labels.
    """
    return [snapshot.spelled(name, "validation") for name in member_names(members)]


def find_members(snapshot: Snapshot, members: str | Sequence[str]) -> tuple[Member, ...]:
    """The members' runs among those that were read.

    Args:
        members: models (all their seeds), `model@hash`, single runs (`model-hash/seed-0`) or other ensembles; `ALL`
            means every other stored model that has validation predictions, but no ensembles.

    Raises:
        UserError: an unknown or ambiguous name, a run that two of the members share, or fewer than two members.
    """
    names = spelled_names(snapshot, members)
    resolved = [Member(name, tuple(snapshot.resolve(name))) for name in names if name != ALL]
    if ALL in names:
        resolved += every_other(snapshot.runs, {run.name for member in resolved for run in member.runs})
    if len(resolved) < 2:
        raise UserError(
            f"an ensemble needs at least two members, got {', '.join(member.name for member in resolved) or 'none'}: "
            "name them as A,B,C"
        )
    owner: dict[str, str] = {}
    for member in resolved:
        for run in member.runs:
            if run.name in owner:
                raise UserError(f"members {owner[run.name]} and {member.name} share {run.name}: leave one of them out")
            owner[run.name] = member.name
    return tuple(resolved)


def find_seeds(store: RunStore, snapshot: Snapshot, members: str | Sequence[str], seeds: int) -> tuple[Member, ...]:
    """The first seeds of one model, each as a member.

    Args:
        seeds: their number, at least 2.

    Raises:
        UserError: several members, an unknown or ambiguous name, or fewer seeds than that.
    """
    names = spelled_names(snapshot, members)
    if len(names) != 1 or names[0] == ALL:
        raise UserError(f"an ensemble of seeds has one model, got {','.join(names)}: name one, or leave --seeds out")
    runs = snapshot.resolve(names[0])
    if len(runs) < seeds:
        words = training_command(runs, "DATA", seeds)
        command = "" if words is None else f" with `{store.command(' '.join(words).removeprefix('python -m '))}`"
        raise UserError(
            f"{names[0]} has {len(runs)} of {seeds} seeds in {snapshot.dataset}: make the others{command}, "
            "or ask for fewer"
        )
    return tuple(Member(run.name, (run,)) for run in runs[:seeds])


def without_validation(snapshot: Snapshot, members: Sequence[Member]) -> tuple[str, ...]:
    """Names of the stored models' runs that `ALL` leaves out, because they have no validation predictions."""
    inside = {run.name for member in members for run in member.runs}
    return tuple(
        run.name
        for run in snapshot.runs
        if run.config.kind != "ensemble" and run.name not in inside and not run.predicted("validation")
    )


def every_other(runs: Iterable[StoredRun], named: Collection[str]) -> list[Member]:
    """What `ALL` means besides the runs that are named: every model with validation predictions, by configuration."""
    runs = list(runs)
    configurations: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.config.kind != "ensemble" and run.name not in named and run.predicted("validation"):
            configurations.setdefault(run.config.full_title, []).append(run)
    # Told apart from every stored configuration, so that the name means the same to whoever reads it later.
    shared = shared_titles(runs)
    return [
        Member(name if configured[0].config.title in shared else configured[0].config.title, tuple(configured))
        for name, configured in configurations.items()
    ]


def lacking(members: Sequence[Member], split: str) -> list[str]:
    """The names of the runs that have no predictions on `split`."""
    return [run.name for member in members for run in member.runs if not run.predicted(split)]


def load_members(members: Sequence[Member], split: str) -> Members:
    """Read the members' predictions on `split` and bring all rows into one order.

    Out-of-fold predictions include train. If only some members have these, the rows are the samples of validation. Any
    other difference between the samples is an error.

    Raises:
        UserError: a run that is from another dataset, or whose classes, samples or labels are not those of the others;
            or one without predictions on `split`.
    """
    first = members[0].runs[0]
    for run in (run for member in members for run in member.runs):
        _check_origin(run, first)
    runs = [run for member in members for run in member.runs]
    model = _model_of_rows(runs, split)
    reference = _predictions(model, split)
    labels = reference.labels
    shape = (len(members), len(reference.sample_ids), len(reference.class_names))
    sources = []
    for member in members:
        seeds = []
        for run in member.runs:
            predicted = _predictions(run, split)
            rows = _matching_rows(run, predicted, model, reference)
            labels = _agreed_labels(run, predicted, rows, labels)
            seeds.append(Source(predicted.probabilities, rows))
        sources.append(tuple(seeds))
    on_disk = MemberRows(tuple(sources), shape)
    return Members(
        split=split,
        names=tuple(member.name for member in members),
        sample_ids=reference.sample_ids,
        class_names=reference.class_names,
        probabilities=on_disk.block(slice(None)) if prod(shape) * 8 <= LOADED_BYTES else on_disk,
        labels=labels if len(reference.sample_ids) else None,
    )


def _model_of_rows(runs: Sequence[StoredRun], split: str) -> StoredRun:
    """The run whose samples are those of the split."""
    if split != "validation":
        return runs[0]
    ordinary = [run for run in runs if not _may_be_out_of_fold(run)]
    # min gives the first of equals.
    return ordinary[0] if ordinary else min(runs, key=lambda run: len(_predictions(run, split).sample_ids))


def _may_be_out_of_fold(run: StoredRun) -> bool:
    # An ensemble of nothing but folds has predictions of all their samples.
    return run.config.out_of_fold or run.config.kind == "ensemble"


def _predictions(run: StoredRun, split: str) -> Predictions:
    predicted = run.predictions(split)
    if predicted is None:
        raise UserError(f"member {run.name} has no {split} predictions: leave it out")
    return predicted


def _check_origin(run: StoredRun, first: StoredRun) -> None:
    for what in ("fingerprint", "split"):
        actual, expected = getattr(run.config, what), getattr(first.config, what)
        if actual != expected:
            raise UserError(
                f"member {run.name} is from another dataset than {first.name}: "
                f"{what} {actual} of {run.config.dataset}, expected {expected} of {first.config.dataset}"
            )


def _matching_rows(
    run: StoredRun, predicted: Predictions, first: StoredRun, reference: Predictions
) -> NDArray[np.intp] | None:
    # Where each of the reference's samples is in `predicted`; None where all are in their places.
    if predicted.class_names != reference.class_names:
        raise UserError(
            f"member {run.name} has the classes {', '.join(predicted.class_names)}, "
            f"{first.name} has {', '.join(reference.class_names)}: they must be the same in the same order"
        )
    if np.array_equal(predicted.sample_ids, reference.sample_ids):
        return None
    sample_ids = predicted.sample_ids
    if len(sample_ids) > len(reference.sample_ids) and not np.isin(reference.sample_ids, sample_ids).all():
        # Out of fold, ids that train and validation share have their split in front; others may begin like that, too.
        prefix = f"{reference.split}/"
        sample_ids = np.array([name.removeprefix(prefix) for name in sample_ids.tolist()])
    for ids, others, verb in ((reference.sample_ids, sample_ids, "lacks"), (sample_ids, reference.sample_ids, "has")):
        different = np.setdiff1d(ids, others)
        if different.size and not (verb == "has" and reference.split == "validation" and _may_be_out_of_fold(run)):
            raise UserError(
                f"member {run.name} {verb} {different.size} {reference.split} samples that {first.name} "
                f"{'has' if verb == 'lacks' else 'lacks'}, such as {different[0]}: they must be the same"
            )
    order = np.argsort(sample_ids)
    return order[np.searchsorted(sample_ids, reference.sample_ids, sorter=order)]


def _agreed_labels(
    run: StoredRun, predicted: Predictions, rows: NDArray[np.intp] | None, labels: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    # Labels may be sealed in one member and open in another, but where both have them they must be the same.
    if predicted.labels is None:
        return labels
    places = slice(None) if rows is None else rows
    aligned: NDArray[np.int64] = predicted.labels[places]
    if labels is not None and not np.array_equal(aligned, labels):
        wrong = np.flatnonzero(aligned != labels)
        raise UserError(
            f"member {run.name} has other labels than the members before it for {len(wrong)} {predicted.split} "
            f"samples, such as {predicted.sample_ids[places][wrong[0]]}: they must be the same"
        )
    return aligned
