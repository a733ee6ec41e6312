"""Temperature scaling against scipy's optimiser, and kept only where it helps."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stored_runs import CLASS_NAMES, config, ids, predictions, store_run, true_labels

import ensembles
from benchmark.metrics import SMALLEST_PROBABILITY, accuracy, expected_calibration_error, log_loss
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.building import stored_combination
from ensembles.cli import main
from ensembles.methods.calibration import (
    COLDEST,
    Calibration,
    Tempered,
    calibrate,
    cross_scaled,
    fit_temperature,
    scaled,
)
from zoo.errors import UserError


def calibrated(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> Calibration:
    return calibrate(probabilities, labels, cross_scaled(probabilities, labels, 0))


def _calibrated(n: int = 2000, classes: int = 5, seed: int = 1):  # type: ignore[no-untyped-def]
    """Probabilities from which the labels were drawn: nothing is better calibrated."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.6), n)
    labels = (generator.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, np.minimum(labels, classes - 1).astype(np.int64)


def test_scaled_by_hand() -> None:
    # The square root of 0.64 and of 0.36: 0.8 and 0.6, of 1.4.
    np.testing.assert_allclose(scaled(np.array([[0.64, 0.36]]), 2), [[8 / 14, 6 / 14]])
    np.testing.assert_allclose(scaled(np.array([[0.6, 0.4]]), 0.5), [[0.36 / 0.52, 0.16 / 0.52]])


def test_a_temperature_of_one_changes_nothing() -> None:
    probabilities = np.array([[1.0, 0.0], [0.3, 0.7]])
    np.testing.assert_array_equal(scaled(probabilities, 1), probabilities)


@pytest.mark.parametrize("temperature", [0, -1, math.nan])
def test_a_temperature_must_be_above_nought(temperature: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        scaled(np.array([[0.5, 0.5]]), temperature)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_the_temperature_is_the_one_that_was_taken_away(true: float) -> None:
    probabilities, labels = _calibrated(20_000)
    assert fit_temperature(scaled(probabilities, 1 / true), labels) == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_the_optimum_of_scipy(seed: int) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    probabilities, labels = _calibrated(300, seed=seed)
    sharp = scaled(probabilities, 0.5)
    logarithms = np.log(np.clip(sharp, SMALLEST_PROBABILITY, 1))

    def loss(exponent: float) -> float:
        scores = logarithms / math.exp(exponent)
        return float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(300), labels]).mean())

    best = optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    found = fit_temperature(sharp, labels)
    assert found == pytest.approx(math.exp(best.x), rel=1e-5)
    assert loss(math.log(found)) <= best.fun + 1e-12


def test_temperatures_stay_in_bounds() -> None:
    right = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(right, np.array([0, 1])) == pytest.approx(COLDEST)
    assert fit_temperature(right, np.array([1, 0])) == pytest.approx(1 / COLDEST)


def test_overconfident_probabilities_get_better_and_say_so() -> None:
    probabilities, labels = _calibrated()
    sure = scaled(probabilities, 0.4)
    found = calibrated(sure, labels)
    assert found.kept
    assert found.applied == found.temperature == pytest.approx(2.5, rel=0.1)
    assert found.log_loss_before == log_loss(sure, labels)
    assert found.log_loss_after < found.log_loss_before - 0.05
    assert found.calibration_error_before == expected_calibration_error(sure, labels)
    assert found.calibration_error_after < found.calibration_error_before / 2
    assert accuracy(scaled(sure, found.applied), labels) == accuracy(sure, labels)


def test_held_out_samples_decide_and_not_those_it_was_fitted_on() -> None:
    """On the samples it was fitted on a temperature is never worse; held out it is, where there is nothing to mend."""
    found = [
        (probabilities, labels, calibrated(probabilities, labels))
        for probabilities, labels in (_calibrated(60, seed=seed) for seed in range(12))
    ]
    for probabilities, labels, calibration in found:
        assert (
            log_loss(scaled(probabilities, calibration.temperature), labels) <= log_loss(probabilities, labels) + 1e-9
        )
        assert calibration.kept == (calibration.log_loss_after < calibration.log_loss_before)
    dropped = [calibration for _, _, calibration in found if not calibration.kept]
    assert dropped
    assert all(calibration.applied == 1 for calibration in dropped)


def test_cross_fitting_by_hand() -> None:
    """Two samples: each is scaled by the temperature of the other, which is as cold or as hot as can be."""
    probabilities, labels = np.array([[0.6, 0.4], [0.6, 0.4]]), np.array([0, 1])
    found = calibrated(probabilities, labels)
    cold, hot = scaled(probabilities, COLDEST)[0, 1], scaled(probabilities, 1 / COLDEST)[0, 0]
    assert found.log_loss_after == pytest.approx(-(math.log(max(cold, SMALLEST_PROBABILITY)) + math.log(hot)) / 2)
    assert not found.kept


def test_one_sample_is_left_alone() -> None:
    found = calibrated(np.array([[0.6, 0.4]]), np.array([0]))
    assert isinstance(found, Calibration)
    assert not found.kept


@pytest.fixture
def sure(tmp_path: Path) -> RunStore:
    """Two members that are far too sure of themselves."""
    store = RunStore(tmp_path / "runs")
    for seed, model in enumerate(("one", "two")):
        found = []
        for split in ("validation", "test"):
            labels = true_labels(split, 600)
            scores = 4 * (np.eye(3)[labels] + np.random.default_rng([seed, len(split)]).normal(size=(600, 3)))
            found.append(Predictions(split, ids(split, 600), CLASS_NAMES, _softmax(scores).astype(np.float32), labels))
        store_run(store, config(model), found)
    return store


@pytest.mark.parametrize("method", ["average", "weighted", "stacking"])
def test_a_calibrated_ensemble_is_the_other_scaled(sure: RunStore, method: str) -> None:
    plain = ensembles.build("one,two", runs=sure.root, method=method)
    run = ensembles.build("one,two", runs=sure.root, method=method, options=ensembles.Options(calibrate=True))
    assert run.config.model == f"{plain.config.model}:calibrated"
    assert run.config.hyperparameters == {**plain.config.hyperparameters, "folds": 5, "calibrate": True}
    combination = stored_combination(run)
    assert isinstance(combination, Tempered)
    known, labels = _probabilities(plain, "validation"), true_labels("validation", 600)
    expected = calibrated(known, labels)
    assert expected.kept == (method != "stacking")
    assert combination.temperature == pytest.approx(expected.applied, rel=1e-4)
    test = scaled(_probabilities(plain, "test"), combination.temperature)
    np.testing.assert_allclose(_probabilities(run, "test"), test, atol=1e-5)
    # Of validation each row is scaled by what the other folds say.
    stored = _probabilities(run, "validation")
    np.testing.assert_allclose(stored, cross_scaled(known, labels, 0) if expected.kept else known, atol=1e-5)
    if expected.kept:
        assert log_loss(stored, labels) == pytest.approx(expected.log_loss_after, abs=1e-6)
        assert log_loss(stored, labels) > log_loss(scaled(known, combination.temperature), labels)


def test_a_temperature_that_is_not_kept_is_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for seed, model in enumerate(("one", "two")):
        probabilities, labels = _calibrated(60, classes=3, seed=1)
        found = Predictions("validation", ids("validation", 60), CLASS_NAMES, probabilities.astype(np.float32), labels)
        store_run(store, config(model), [found], seed=seed)
    assert not calibrated(_calibrated(60, classes=3, seed=1)[0], _calibrated(60, classes=3, seed=1)[1]).kept
    run = ensembles.build("one,two", runs=store.root, options=ensembles.Options(calibrate=True))
    assert run.document("ensemble.json")["combination"]["temperature"] == 1  # type: ignore[index]


def test_hashes_without_calibration_stay() -> None:
    assert "calibrate" not in ensembles.Options().of("average")
    assert ensembles.Options(calibrate=True).of("average") == {"folds": 5, "calibrate": True}


def test_explain_scales_back_what_is_stored_scaled(sure: RunStore) -> None:
    options = ensembles.Options(calibrate=True)
    ensembles.build("one,two", runs=sure.root)
    ensembles.build("one,two", runs=sure.root, options=options)
    plain, tempered = (ensembles.explain(f"one+two{end}", runs=sure.root) for end in ("", ":calibrated"))
    assert plain.calibration.validation == tempered.calibration.validation
    assert (plain.calibration.stored, tempered.calibration.stored) == (False, True)
    assert tempered.validation.log_loss < plain.validation.log_loss
    assert [method.name for method in tempered.methods] == ["average, calibrated", "average", tempered.methods[-1].name]


def test_build_says_what_the_temperature_is(sure: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "one,two", "--calibrate", "--runs", str(sure.root)]) == 0
    assert "which lowers log loss on held-out samples" in capsys.readouterr().out


def test_without_validation_there_is_nothing_to_calibrate_on(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for model in ("one", "two"):
        store_run(store, config(model), [predictions("test", 20)])
    with pytest.raises(UserError, match="temperature is fitted on validation"):
        ensembles.build("one,two", runs=store.root, options=ensembles.Options(calibrate=True))
    sealed = RunStore(tmp_path / "sealed")
    for model in ("one", "two"):
        store_run(sealed, config(model), [predictions("validation", 20, sealed=True)])
    with pytest.raises(UserError, match="leave --calibrate out"):
        ensembles.build("one,two", runs=sealed.root, options=ensembles.Options(calibrate=True))


def _probabilities(run: StoredRun, split: str) -> NDArray[np.float64]:
    found = run.predictions(split)
    assert found is not None
    return found.probabilities.astype(np.float64)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
