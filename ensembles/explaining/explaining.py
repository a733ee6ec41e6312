"""Explain an ensemble: compute from stored predictions whether and why it helps, and store it as JSON."""

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.arguments import typed
from benchmark.explanation import CalibrationReport, EnsembleMember, Explanation, MethodReport, Scores, SplitReport
from benchmark.files.run_layout import EXPLANATION
from benchmark.metrics import accuracy, expected_calibration_error, log_loss
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.building import stored_combination
from ensembles.costs import Subset, cost
from ensembles.explaining.anatomy import Anatomy, method_name, take_apart, untempered
from ensembles.explaining.leaving_out import Watch, left_out
from ensembles.explaining.split_reports import split_report
from ensembles.explaining.tradeoffs import tradeoff
from ensembles.methods.calibration import calibrate, cross_scaled, scaled
from ensembles.methods.combination import Combination, combined, predict
from ensembles.methods.methods import plain
from ensembles.methods.options import AVERAGE, check_within
from zoo.errors import ReadOnlyError

WITHIN: Final = 0.3
"""Points of validation accuracy that a smaller ensemble may lose."""

Floats = NDArray[np.floating]


def explain(
    name: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    within: float = WITHIN,
) -> Explanation:
    """Compute whether and why a stored ensemble helps, and store it as `explanation.json` beside the ensemble.

    Everything is fitted and chosen on validation; test, if its labels are stored, is only reported. If the store is
    read-only, a warning is issued instead of storing.

    Args:
        name: an ensemble (`name`, `name@hash`, `name-hash/seed-0`).
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        within: points of validation accuracy that the smallest ensemble may be below the best.

    Raises:
        UserError: no such ensemble, members that were deleted, no labels, or a store that cannot be written.
    """
    store = RunStore(Path(runs))
    anatomy = take_apart(store, store.find_dataset(data), name)
    explanation = explained(anatomy, within)
    if unstored := store_explanation(explanation, anatomy, store):
        warnings.warn(unstored, stacklevel=2)
    return explanation


def store_explanation(explanation: Explanation, anatomy: Anatomy, store: RunStore) -> str:
    """Write `explanation.json` beside the ensemble; returns why it is not stored, empty if it is."""
    # On one line: fifty members have matrices of 2,500 pairs, and a line for each number would add half the size again.
    text = json.dumps(explanation.to_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        store.write_beside(anatomy.run, EXPLANATION, text + "\n")
    except ReadOnlyError as error:
        return f"{EXPLANATION} is not stored: {error}"
    return ""


def explained(anatomy: Anatomy, within: float = WITHIN, watch: Watch = iter) -> Explanation:
    """The explanation of an ensemble; nothing is written. Arguments and errors are those of `explain`."""
    check_within(within := typed("within", within, float))
    run = anatomy.run
    fitted = anatomy.fit(anatomy.validation)
    pooled = _stored_predictions(run, anatomy) or [predict(fitted, members) for members in anatomy.splits]
    reports = _split_reports(anatomy, pooled, watch)
    # The stored weights: fitted again on predictions that were published rounded, they may differ.
    stored = stored_combination(run).weights
    weights = [None] * len(anatomy.members) if stored is None else stored.tolist()
    used = tuple(position for position, weight in enumerate(weights) if weight != 0)
    own = Subset(used, reports["validation"].accuracy, reports["validation"].log_loss)
    return Explanation(
        ensemble=run.config.model,
        run=run.name,
        dataset=run.config.dataset,
        method=anatomy.method,
        fitted=anatomy.fitted,
        members=tuple(
            EnsembleMember(
                name=name,
                runs=tuple(seed.name for seed in anatomy.members[position].runs),
                weight=weights[position],
                cost=cost(anatomy.networks([position])),
            )
            for position, name in enumerate(anatomy.names)
        ),
        cost=cost(anatomy.networks(used)),
        validation=reports["validation"],
        test=reports.get("test"),
        methods=_methods(anatomy, pooled),
        calibration=_calibration(anatomy, untempered(fitted)),
        tradeoff=tradeoff(anatomy, own, within),
    )


def _split_reports(anatomy: Anatomy, pooled: Sequence[Floats], watch: Watch) -> dict[str, SplitReport]:
    without = left_out(anatomy, pooled, watch)
    return {
        members.split: split_report(anatomy, members, whole, without_each)
        for members, whole, without_each in zip(anatomy.splits, pooled, without, strict=True)
    }


def _methods(anatomy: Anatomy, pooled: Sequence[Floats]) -> tuple[MethodReport, ...]:
    """The ensemble, plain averaging, other stored ensembles of the same members, and the best member."""
    best = anatomy.best
    reports = [_method_report(anatomy, method_name(anatomy.run), "this", pooled)]
    if method_name(anatomy.run) != AVERAGE:
        average = plain(AVERAGE, len(anatomy.members))
        averages = [combined(average, members.probabilities) for members in anatomy.splits]
        reports.append(_method_report(anatomy, AVERAGE, "method", averages))
    siblings = anatomy.siblings()
    methods = Counter(method_name(run) for run in [anatomy.run, *siblings])
    for run in siblings:
        if stored := _stored_predictions(run, anatomy):
            method = method_name(run)
            name = f"{method} ({run.config.model})" if methods[method] > 1 else method
            reports.append(_method_report(anatomy, name, "method", stored))
    alone = [members.probabilities[best] for members in anatomy.splits]
    return (*reports, _method_report(anatomy, anatomy.names[best], "member", alone))


def _stored_predictions(run: StoredRun, anatomy: Anatomy) -> list[Floats] | None:
    """The stored probabilities of an ensemble of these members, by split; None if one is missing or of others."""
    probabilities: list[Floats] = []
    for members in anatomy.splits:
        predictions = run.predictions(members.split)
        if predictions is None or not np.array_equal(predictions.sample_ids, members.sample_ids):
            return None
        loaded = isinstance(members.probabilities, np.ndarray)
        probabilities.append(predictions.probabilities.astype(np.float64) if loaded else predictions.probabilities)
    return probabilities


def _method_report(anatomy: Anatomy, name: str, kind: str, probabilities: Sequence[Floats]) -> MethodReport:
    scores = [_scores(one, members.known_labels) for one, members in zip(probabilities, anatomy.splits, strict=True)]
    validation, test = scores[0], scores[1] if anatomy.test else None
    drop = validation.accuracy - test.accuracy if test else None
    return MethodReport(name=name, kind=kind, validation=validation, test=test, drop=drop)


def _calibration(anatomy: Anatomy, combination: Combination) -> CalibrationReport:
    pooled = predict(combination, anatomy.validation)
    labels = anatomy.validation.known_labels
    # In the folds that the ensemble itself was calibrated in.
    calibration = calibrate(pooled, labels, cross_scaled(pooled, labels, anatomy.options.seed))
    before = after = None
    if anatomy.test:
        on_test, truth = combined(combination, anatomy.test.probabilities), anatomy.test.known_labels
        before, after = _scores(on_test, truth), _scores(scaled(on_test, calibration.applied), truth)
    return CalibrationReport(anatomy.options.calibrate, calibration, before, after)


def _scores(probabilities: Floats, labels: NDArray[np.int64]) -> Scores:
    return Scores(
        accuracy(probabilities, labels),
        log_loss(probabilities, labels),
        expected_calibration_error(probabilities, labels),
    )
