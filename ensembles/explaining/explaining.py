"""Why an ensemble helps, or does not: computed from stored predictions, stored as JSON beside the ensemble."""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import CalibrationReport, EnsembleMember, Explanation, MethodReport, Scores
from benchmark.files.run_layout import EXPLANATION
from benchmark.metrics import accuracy, expected_calibration_error, log_loss
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.building import stored_combination
from ensembles.costs import Subset, cost
from ensembles.explaining.anatomy import AVERAGE, Anatomy, known_labels, method_name, take_apart, untempered, without
from ensembles.explaining.comparing import Pooled, split_report
from ensembles.explaining.tradeoffs import check_within, tradeoff
from ensembles.methods.calibration import calibrate, scaled
from ensembles.methods.combination import Combination, predict
from ensembles.methods.methods import plain
from zoo.errors import ReadOnlyError

WITHIN: Final = 0.3
"""Points of validation accuracy that a smaller ensemble may lose."""

Array = NDArray[np.float64]


Watch = Callable[[Sequence[int]], Iterable[int]]
"""Goes through the members one by one and may show how far it is."""


def explain(
    name: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    within: float = WITHIN,
    watch: Watch = iter,
) -> Explanation:
    """Find out whether and why a stored ensemble helps, and store it as `explanation.json` beside the ensemble.

    In a store that may only be read it is not stored, and a warning says so.

    All that is fitted, chosen or searched rests on validation; test, where its labels are stored, is only reported.

    Args:
        name: an ensemble (`name`, `name@hash`, `name-hash/seed-0`).
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        within: points of validation accuracy that the smallest ensemble may be below the best.
        watch: goes through the members while the method is fitted without each of them, which may take a while.

    Raises:
        UserError: no such ensemble, members that are not stored any more, no labels, or a store that cannot be written.
    """
    check_within(within)
    store = RunStore(Path(runs))
    anatomy = take_apart(store, store.find_dataset(data), name)
    explanation = explained(anatomy, within, watch)
    text = json.dumps(explanation.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        store.write_beside(anatomy.run, EXPLANATION, text + "\n")
    except ReadOnlyError as error:
        warnings.warn(f"{EXPLANATION} is not stored: {error}", stacklevel=2)
    return explanation


def explained(anatomy: Anatomy, within: float = WITHIN, watch: Watch = iter) -> Explanation:
    """All that there is to say about an ensemble; nothing is written."""
    everyone = range(len(anatomy.members))
    whole = anatomy.fit(anatomy.validation)
    rests = [anatomy.fit(without(anatomy.validation, position)) for position in watch(everyone)]
    wholes = _stored_predictions(anatomy.run, anatomy) or [predict(whole, members) for members in anatomy.splits]
    reports = {
        members.split: split_report(
            anatomy.run.config.model,
            (anatomy.best, len(anatomy.members[anatomy.best].runs)),
            members,
            Pooled(
                pooled,
                [predict(rest, without(members, position)) for position, rest in enumerate(rests)],
                in_sample=members.split == "validation" and anatomy.run.config.in_sample,
            ),
        )
        for members, pooled in zip(anatomy.splits, wholes, strict=True)
    }
    # Those that were stored: fitted again, on predictions that were published rounded, they may differ.
    stored = stored_combination(anatomy.run).weights
    weights = [None] * len(everyone) if stored is None else stored.tolist()
    used = tuple(position for position in everyone if weights[position] != 0)
    own = Subset(used, reports["validation"].accuracy, reports["validation"].log_loss)
    return Explanation(
        ensemble=anatomy.run.config.model,
        run=anatomy.run.name,
        dataset=anatomy.run.config.dataset,
        method=anatomy.method,
        fitted=anatomy.fitted,
        members=tuple(
            EnsembleMember(
                name=name,
                runs=tuple(run.name for run in anatomy.members[position].runs),
                weight=weights[position],
                cost=cost(anatomy.networks([position])),
            )
            for position, name in enumerate(anatomy.names)
        ),
        cost=cost(anatomy.networks(used)),
        validation=reports["validation"],
        test=reports.get("test"),
        methods=_methods(anatomy, wholes),
        calibration=_calibration(anatomy, untempered(whole)),
        tradeoff=tradeoff(anatomy, own, within),
    )


def _methods(anatomy: Anatomy, wholes: Sequence[Array]) -> tuple[MethodReport, ...]:
    """The ensemble, plain averaging, other stored ensembles of the same members, and the best member."""
    best = anatomy.best
    reports = [_method_report(anatomy, method_name(anatomy.run), "this", wholes)]
    if method_name(anatomy.run) != AVERAGE:
        average = plain(AVERAGE, len(anatomy.members))
        averages = [average(members.probabilities) for members in anatomy.splits]
        reports.append(_method_report(anatomy, AVERAGE, "method", averages))
    for run in anatomy.siblings():
        found = _stored_predictions(run, anatomy)
        if found:
            reports.append(_method_report(anatomy, method_name(run), "method", found))
    alone = [members.probabilities[best] for members in anatomy.splits]
    return (*reports, _method_report(anatomy, anatomy.names[best], "member", alone))


def _stored_predictions(run: StoredRun, anatomy: Anatomy) -> list[Array] | None:
    """What an ensemble of these members has stored for each split; None where it lacks one or has other samples."""
    found = [run.predictions(members.split) for members in anatomy.splits]
    probabilities = []
    for predicted, members in zip(found, anatomy.splits, strict=True):
        if predicted is None or not np.array_equal(predicted.sample_ids, members.sample_ids):
            return None
        probabilities.append(predicted.probabilities.astype(np.float64))
    return probabilities


def _method_report(anatomy: Anatomy, name: str, kind: str, probabilities: Sequence[Array]) -> MethodReport:
    found = [_scores(one, known_labels(members)) for one, members in zip(probabilities, anatomy.splits, strict=True)]
    validation, test = found[0], found[1] if len(found) > 1 else None
    drop = validation.accuracy - test.accuracy if test else None
    return MethodReport(name=name, kind=kind, validation=validation, test=test, drop=drop)


def _calibration(anatomy: Anatomy, whole: Combination) -> CalibrationReport:
    pooled = predict(whole, anatomy.validation)
    found = calibrate(pooled, known_labels(anatomy.validation))
    before = after = None
    if anatomy.test:
        labels = known_labels(anatomy.test)
        on_test = whole(anatomy.test.probabilities)
        before, after = _scores(on_test, labels), _scores(scaled(on_test, found.applied), labels)
    return CalibrationReport(stored=anatomy.calibrated, validation=found, test_before=before, test_after=after)


def _scores(probabilities: Array, labels: NDArray[np.int64]) -> Scores:
    return Scores(
        accuracy(probabilities, labels),
        log_loss(probabilities, labels),
        expected_calibration_error(probabilities, labels),
    )
