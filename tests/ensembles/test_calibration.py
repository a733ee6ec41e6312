"""Temperature scaling against scipy's optimiser, and kept only where it helps."""

import math

import numpy as np
import pytest

from benchmark.metrics import SMALLEST_PROBABILITY, accuracy, expected_calibration_error, log_loss
from ensembles.calibration import COLDEST, Calibration, calibrate, fit_temperature, scaled


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
    found = calibrate(sure, labels)
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
        (probabilities, labels, calibrate(probabilities, labels))
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
    found = calibrate(probabilities, labels)
    cold, hot = scaled(probabilities, COLDEST)[0, 1], scaled(probabilities, 1 / COLDEST)[0, 0]
    assert found.log_loss_after == pytest.approx(-(math.log(max(cold, SMALLEST_PROBABILITY)) + math.log(hot)) / 2)
    assert not found.kept


def test_one_sample_is_left_alone() -> None:
    found = calibrate(np.array([[0.6, 0.4]]), np.array([0]))
    assert isinstance(found, Calibration)
    assert not found.kept
