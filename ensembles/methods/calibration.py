"""Temperature scaling of an ensemble's probabilities, kept only where it helps on samples it was not fitted on.

Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (ICML 2017), section 4.2; after pooling, as
Rahaman and Thiery, Uncertainty Quantification and Deep Ensembles (NeurIPS 2021), advise. The likeliest class stays the
same, so accuracy does too.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Calibration
from benchmark.metrics import SMALLEST_PROBABILITY, expected_calibration_error, log_loss, softmax
from ensembles.methods.combination import Combination, Predict, cross_fitted

COLDEST: Final = 0.05
"""The lowest temperature (0 would be best where every sample is right); 1 / COLDEST is the highest."""

HALVINGS: Final = 60

MANY: Final = 1 << 24
"""With more probabilities than this, the temperature is found to eight digits only."""

HALVINGS_OF_MANY: Final = 30

BLOCK: Final = 1 << 15
"""Probabilities in a block, which fits into a core's cache."""

TEMPERATURE: Final = "temperature"
"""The key of the temperature in the stored weights."""


def scaled(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    """Probabilities to the power of 1 / temperature, every row divided by its sum: softmax(log p / temperature).

    Args:
        probabilities: shape (n, classes); clipped at `benchmark.metrics.SMALLEST_PROBABILITY`. Not changed at all by a
            temperature of 1.
        temperature: above 0.

    Raises:
        ValueError: a temperature that is not above 0.
    """
    _check_temperature(temperature)
    return probabilities if temperature == 1 else softmax(_logarithms(probabilities) / temperature)


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature, COLDEST to 1 / COLDEST, that minimises log loss.

    Log loss is convex in 1 / temperature, so its slope has one sign on each side of the optimum and halving finds it.

    Args:
        probabilities: shape (n, classes), n at least 1.
        labels: shape (n,).
    """
    logarithms = _logarithms(probabilities)
    chosen = logarithms[np.arange(len(labels)), labels].mean()
    low, high = np.log(COLDEST), -np.log(COLDEST)
    for _ in range(HALVINGS if logarithms.size <= MANY else HALVINGS_OF_MANY):
        middle = (low + high) / 2
        sharpness = np.exp(middle)
        if _expected(logarithms, sharpness).mean() > chosen:
            high = middle
        else:
            low = middle
    return float(np.exp(-(low + high) / 2))


def calibrate(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], held_out: NDArray[np.floating]
) -> Calibration:
    """Fit a temperature on validation, and judge it by cross-fitting.

    Args:
        probabilities: the ensemble's on validation, shape (n, classes).
        labels: shape (n,), n at least 1.
        held_out: what `cross_scaled` gives of these.
    """
    before, after = log_loss(probabilities, labels), log_loss(held_out, labels)
    return Calibration(
        temperature=fit_temperature(probabilities, labels),
        kept=after < before,
        log_loss_before=before,
        log_loss_after=after,
        calibration_error_before=expected_calibration_error(probabilities, labels),
        calibration_error_after=expected_calibration_error(held_out, labels),
    )


def cross_scaled(probabilities: NDArray[np.floating], labels: NDArray[np.int64], seed: int) -> NDArray[np.floating]:
    """Each row scaled by the temperature of the other folds, which are stratified, shape (n, classes).

    Arguments are those of `calibrate`; `seed` is of the folds.
    """

    def fit(rows: NDArray[np.bool_]) -> Predict:
        temperature = fit_temperature(probabilities[rows], labels[rows])
        return lambda inside: scaled(inside[0], temperature)

    return cross_fitted(fit, probabilities[None], labels, seed)


@dataclass(frozen=True, eq=False)
class Tempered:
    """A fitted method whose probabilities are scaled by a temperature: itself a `Combination`.

    Attributes:
        combination: the method.
        temperature: 1 where none was kept.
        held_out: cross-fitted probabilities of the validation rows, scaled by temperatures of other rows, shape
            (n, classes); None where it was read back.

    Raises:
        ValueError: a temperature that is not above 0.
    """

    combination: Combination
    temperature: float
    held_out: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        _check_temperature(self.temperature)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Those of the method."""
        return self.combination.weights

    def __call__(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """From probabilities (members, n, classes) to (n, classes), rows summing to 1."""
        return np.asarray(scaled(self.combination(probabilities), self.temperature), np.float64)

    def to_json(self) -> dict[str, Any]:
        """The method's, with `TEMPERATURE` beside it."""
        return {**self.combination.to_json(), TEMPERATURE: self.temperature}


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"the temperature must be above 0, got {temperature}")


def _logarithms(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    logarithms: NDArray[np.float64] = probabilities.astype(np.float64)
    np.clip(logarithms, SMALLEST_PROBABILITY, 1, out=logarithms)
    return np.log(logarithms, out=logarithms)


def _expected(logarithms: NDArray[np.float64], sharpness: float) -> NDArray[np.float64]:
    """The mean logarithm that each row expects under its softmax at this sharpness, shape (n,)."""
    expected = np.empty(len(logarithms))
    height = max(1, BLOCK // logarithms.shape[1])
    for start in range(0, len(logarithms), height):
        rows = slice(start, start + height)
        shares = softmax(sharpness * logarithms[rows])
        shares *= logarithms[rows]
        expected[rows] = shares.sum(axis=1)
    return expected
