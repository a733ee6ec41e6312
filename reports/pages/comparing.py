"""Compare models on the same samples: which is better, by how much, and what does each alone get right?"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.recipe_statistics import RecipeDifference, recipe_difference
from benchmark.records import JOINT
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from reports.leaderboards.ranking import Standing, standing
from reports.leaderboards.results import results_of
from reports.pages.caveats import caveats, ranks_of
from reports.pages.comparison import Comparison
from reports.pages.comparisons import Comparisons
from reports.pages.differences import ACCURACY, PER_IMAGE, find_metric, paired_difference, values
from reports.pages.evaluation import Evaluation, evaluate, labelled_split
from reports.pages.given_evaluations import given_evaluation, is_source, name_of, truth_of, truth_of_labels
from zoo.errors import UserError

LARGEST: Final = 10**9
"""If the stored predictions have more bytes, they are not read for a remark on the leaderboard."""


class Options(TypedDict, total=False):
    """The options of `compare`."""

    runs: Path | str
    data: str | None
    labels: Any
    metric: str | None


@overload
def compare(a: Any, b: Any, **options: Unpack[Options]) -> Comparison: ...
@overload
def compare(a: Any, b: Any, c: Any, /, *others: Any, **options: Unpack[Options]) -> Comparisons: ...
def compare(
    a: Any,
    b: Any,
    *others: Any,
    runs: Path | str = "runs",
    data: str | None = None,
    labels: Any = None,
    metric: str | None = None,
) -> Comparison | Comparisons:
    """Compare two or more models on test where all have labels for it, else on validation.

    Accuracies of single-seed runs get the exact McNemar test; of several seeds each sample's correctness is averaged
    over the seeds and the differences get a sign-flip permutation test: those of the leaderboard, for a single pair.
    Log loss and MSE get a paired t test, macro F1 and ECE a paired bootstrap.

    Args:
        a, b: a model (all its seeds), `model@hash`, `model-hash/seed-0`, an ensemble, `best`, or predictions of the
            same samples, as `reports.score` takes them: a file, or an array or a frame, which is called by its place,
            "model 1".
        others: further ones; then every two are compared.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: of test, a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; not stored.
        metric: accuracy, macro_f1, log_loss, mse or ece; by default accuracy.

    Returns:
        A `Comparison` of two, or the `Comparisons` of several.

    Raises:
        UserError: an unknown name or metric, no labels, or different samples or classes.
    """
    chosen = find_metric(metric)
    given = [(name_of(one, place), one) for place, one in enumerate((a, b, *others), 1)]
    names, sources = [name for name, _ in given], {name: one for name, one in given if is_source(one)}
    snapshot, evaluations = _evaluations(names, sources, Path(runs), data, labels)
    _check_different(evaluations)
    first = evaluations[0]
    aligned = [first, *[_aligned(first, other) for other in evaluations[1:]]]
    known = _standing(snapshot, first, labels) if snapshot else None
    stored = snapshot.by_name if snapshot else {}
    compared = [_comparison(pair, chosen, known, stored, str(runs)) for pair in combinations(aligned, 2)]
    return compared[0] if len(names) == 2 else Comparisons(tuple(compared), tuple(caveats(aligned, known, stored)))


def _check_different(evaluations: Sequence[Evaluation]) -> None:
    """Raise UserError if two of the names are one row."""
    names = [evaluation.name for evaluation in evaluations]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{twice} is named twice (`best` is the first row): name another row to compare it with")


def _evaluations(
    names: Sequence[str], sources: Mapping[str, Any], runs: Path, data: str | None, labels: Any
) -> tuple[Snapshot | None, list[Evaluation]]:
    """What the names mean on one split, in their order, and the runs of the dataset, if any are needed.

    Args:
        names: of runs and of predictions.
        sources: the predictions that are no runs, by name.
    """
    store, all_given = RunStore(runs), set(names) == set(sources)
    if all_given and labels is not None:
        truth = truth_of_labels(labels, list(sources.values()))
        return None, [given_evaluation(name, sources[name], truth) for name in names]
    if all_given and not store.datasets():
        raise UserError(
            "predictions have no labels: give --labels FILE, or name a store of runs on the same samples with --runs"
        )
    snapshot = store.snapshot(store.find_dataset(data))
    # Without a run among the names, any that has labels says which samples there are.
    seeds = [snapshot.resolve(snapshot.spelled("best" if name in sources else name)) for name in names]
    on_test = labels is not None or all(labelled_split(seed_runs) == "test" for seed_runs in seeds)
    splits = ["test"] if labels is not None else ["test", "validation"] if on_test else ["validation"]
    # What is given may be about the other split.
    return snapshot, _on_first_split(snapshot, names, sources, splits if sources else splits[:1], labels)


def _on_first_split(
    snapshot: Snapshot,
    names: Sequence[str],
    sources: Mapping[str, Any],
    splits: Sequence[str],
    labels: Any,
) -> list[Evaluation]:
    """The evaluations on the first of these splits that all are about; the error of the first where none is."""
    errors = []
    for split in splits:
        try:
            known = {name: evaluate(snapshot, name, labels, split) for name in names if name not in sources}
            one = next(iter(known.values()), None) or evaluate(snapshot, "best", labels, split)
            truth = truth_of(one, snapshot)
            return [known.get(name) or given_evaluation(name, sources[name], truth) for name in names]
        except UserError as error:
            errors.append(error)
    raise errors[0]


def _standing(snapshot: Snapshot, evaluation: Evaluation, labels: Any) -> Standing | None:
    """The leaderboard by accuracy on the split; None where its predictions are too large to be read for a remark."""
    paths = [run.path / f"{evaluation.split}.npz" for run in snapshot.runs]
    if sum(path.stat().st_size for path in paths if path.exists()) > LARGEST:
        return None
    return standing(results_of(snapshot, labels), evaluation.split)


def _comparison(
    pair: tuple[Evaluation, Evaluation],
    metric: str,
    known: Standing | None,
    stored: Mapping[str, StoredRun],
    runs: str,
) -> Comparison:
    first, second = pair
    right_a, right_b = first.correct.mean(axis=0), second.correct.mean(axis=0)
    return Comparison(
        a=first.name,
        b=second.name,
        dataset=first.dataset,
        split=first.split,
        images=first.images,
        noun=first.noun,
        seeds=(first.seeds, second.seeds),
        metric=metric,
        accuracies=(float(right_a.mean()), float(right_b.mean())),
        **vars(paired_difference(first, second, metric)),
        recipes=_recipes(first, second, metric),
        held=_held(first, second),
        classes=_by_class(first, right_a, right_b),
        only_a=tuple(first.sample_ids[(right_a == 1) & (right_b == 0)].tolist()),
        only_b=tuple(first.sample_ids[(right_a == 0) & (right_b == 1)].tolist()),
        runs=runs,
        labels=first.labels_from or None,
        repeatable=all(one.runs or is_source(one.name) for one in pair),
        ranks=ranks_of(known, first, second) if metric == ACCURACY else None,
        caveats=tuple(caveats([first, second], known, stored)),
    )


def _aligned(first: Evaluation, second: Evaluation) -> Evaluation:
    """The second with its samples in the order of the first's. Raises UserError where they are not the same samples."""
    if second.class_names != first.class_names:
        raise UserError(
            f"{first.name} and {second.name} know different classes ({', '.join(first.class_names)}; "
            f"{', '.join(second.class_names)}): compare runs on the same data"
        )
    ids, others = set(first.sample_ids.tolist()), set(second.sample_ids.tolist())
    if ids != others:
        raise UserError(
            f"{first.name} and {second.name} have different {first.split} {first.noun.many} ({len(ids):,} and "
            f"{len(others):,}, {len(ids & others):,} in common): compare runs on the same data"
        )
    aligned = second.on(first.sample_ids)
    if not np.array_equal(aligned.labels, first.labels):
        raise UserError(f"{first.name} and {second.name} have different {first.split} labels: attach one with --labels")
    if first.images < 2:
        raise UserError(f"there is one {first.split} {first.noun.one}: a comparison needs at least two")
    return aligned


def _recipes(first: Evaluation, second: Evaluation, metric: str) -> RecipeDifference | None:
    if not first.runs or not second.runs or metric not in (ACCURACY, *PER_IMAGE):
        return None
    a, b = values(first, metric), values(second, metric)
    # Rows of one training (other views or cycles, say) are compared within it; other rows would add noise only.
    if common := _common(first, second):
        every = _trainings(first), _trainings(second)
        rows, other_rows = ([names.index(training) for training in common] for names in every)
        scores, same = (a[rows], b[other_rows]), True
    else:
        scores, same = (a, b), False
    return recipe_difference(*scores, same_trainings=same) if min(map(len, scores)) > 1 else None


def _trainings(evaluation: Evaluation) -> list[tuple[str, int]]:
    """Which training each row comes from: its configuration without test-time augmentation and cycle, and its seed."""
    return [(run.config.first_cycle.hash, run.record.seed) for run in evaluation.runs]


def _common(first: Evaluation, second: Evaluation) -> list[tuple[str, int]]:
    """The trainings that both have rows of."""
    others = _trainings(second)
    return [training for training in _trainings(first) if training in others]


def _held(first: Evaluation, second: Evaluation) -> str:
    configs = [evaluation.runs[0].config for evaluation in (first, second) if evaluation.runs]
    held = {
        "teachers": any(config.teacher for config in configs),
        "members": any(config.kind == JOINT for config in configs),
    }
    named = " and ".join(name for name, is_there in held.items() if is_there)
    held_text = f" (with the same {named})" if named else ""
    common = len(_common(first, second))
    return f"{held_text} (by the {common} that both have)" if 0 < common < max(first.seeds, second.seeds) else held_text


def _by_class(first: Evaluation, right_a: NDArray[np.float64], right_b: NDArray[np.float64]) -> pd.DataFrame:
    shares = {
        "images": np.ones_like(right_a),
        "both": right_a * right_b,
        "only_a": right_a * (1 - right_b),
        "only_b": (1 - right_a) * right_b,
        "neither": (1 - right_a) * (1 - right_b),
    }
    classes = len(first.class_names)
    sums = {name: np.bincount(first.labels, weights=values, minlength=classes) for name, values in shares.items()}
    sums["images"] = sums["images"].astype(np.int64)
    return pd.DataFrame({"class": first.class_names, **sums})
