"""Training losses: Keras' own, and two for noisy labels."""

from typing import Any, Final

from zoo.settings import TrainingSettings

LOGARITHM_OF_NOTHING: Final = -9.210340371976182
"""The logarithm of a label of 0 in `symmetric`: that of 1e-4, as in its authors' code."""


def loss_of(settings: TrainingSettings) -> Any:
    """The Keras loss that `settings` describe, for labels and probabilities, both of shape (n, classes).

    With y a row of labels, one-hot or mixed, and p one of probabilities, the loss of an image is

    - cross_entropy: -sum y log p
    - label_smoothing: the same with y (1 - s) + s / classes for y, s `label_smoothing` (Szegedy et al. 2016)
    - focal: -sum y (1 - p)^g log p, g `focal_gamma` (Lin et al. 2017)
    - symmetric: -a sum y log p - b sum p log y, where the logarithm is at least that of 1e-4, a `symmetric_alpha`
      and b `symmetric_beta` (Wang et al. 2019)
    - generalized: sum y (1 - p^q) / q, q `generalized_q`; towards 0 it is cross-entropy, at 1 the absolute error
      (Zhang and Sabuncu 2018)
    """
    from keras import losses

    match settings.loss:
        case "label_smoothing":
            return losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
        case "focal":
            # alpha would weigh positive against negative classes; with one-hot labels 1 leaves the loss unscaled.
            return losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=settings.focal_gamma)
        case "symmetric":
            return _symmetric(settings.symmetric_alpha, settings.symmetric_beta)
        case "generalized":
            return _generalized(settings.generalized_q)
        case _:
            return losses.CategoricalCrossentropy()


def _symmetric(alpha: float, beta: float) -> Any:
    from keras import losses, ops

    class SymmetricCrossentropy(losses.Loss):  # type: ignore[misc]
        def call(self, labels: Any, probabilities: Any) -> Any:
            least = ops.exp(ops.convert_to_tensor(LOGARITHM_OF_NOTHING, probabilities.dtype))
            logarithms = ops.log(ops.maximum(ops.cast(labels, probabilities.dtype), least))
            reverse = -ops.sum(probabilities * logarithms, axis=-1)
            return alpha * losses.categorical_crossentropy(labels, probabilities) + beta * reverse

    return SymmetricCrossentropy(name="symmetric")


def _generalized(power: float) -> Any:
    from keras import config, losses, ops

    class GeneralizedCrossentropy(losses.Loss):  # type: ignore[misc]
        def call(self, labels: Any, probabilities: Any) -> Any:
            # The slope of p^q has no bound at 0.
            held = ops.clip(probabilities, config.epsilon(), 1.0)
            return ops.sum(ops.cast(labels, held.dtype) * (1 - ops.power(held, power)) / power, axis=-1)

    return GeneralizedCrossentropy(name="generalized")
