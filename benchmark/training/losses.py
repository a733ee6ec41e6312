"""Training losses, of logits: probabilities of confident mistakes are 0 in float32 and would have no gradient."""

from typing import Any, Final

from zoo.settings import TrainingSettings

LOGARITHM_OF_NOTHING: Final = -9.210340371976182
"""The logarithm of a label of 0 in `symmetric`: that of 1e-4, as in its authors' code."""


def loss_of(settings: TrainingSettings) -> Any:
    """The Keras loss that `settings` describe, for labels and logits, both of shape (n, classes).

    With y a row of labels, one-hot or mixed, and p the softmax of a row of logits, the loss of an image is

    - cross_entropy: -sum y log p
    - label_smoothing: the same with y (1 - s) + s / classes for y, s `label_smoothing` (Szegedy et al. 2016)
    - focal: -sum y (1 - p)^g log p, g `focal_gamma` (Lin et al. 2017)
    - symmetric: -a sum y log p - b sum p log y, where the logarithm is at least that of 1e-4, a `symmetric_alpha`
      and b `symmetric_beta` (Wang et al. 2019)
    - generalized: sum y (1 - p^q) / q, q `generalized_q`; towards 0 it is cross-entropy, at 1 the absolute error
      (Zhang and Sabuncu 2018)
    """
    from keras import losses, ops

    formulas = {"focal": _focal, "symmetric": _symmetric, "generalized": _generalized}
    if settings.loss not in formulas:
        smoothing = settings.label_smoothing if settings.loss == "label_smoothing" else 0.0
        return losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)

    class OfLogarithms(losses.Loss):  # type: ignore[misc]
        def call(self, labels: Any, logits: Any) -> Any:
            return formulas[settings.loss](settings, ops.cast(labels, logits.dtype), ops.log_softmax(logits))

    return OfLogarithms(name=settings.loss)


def _focal(settings: TrainingSettings, labels: Any, logarithms: Any) -> Any:
    from keras import config, ops

    # 1 - p without its rounding. The slope of its power has no bound at 0 for gamma below 1.
    rest = ops.maximum(-ops.expm1(logarithms), config.epsilon())
    return -ops.sum(labels * ops.power(rest, settings.focal_gamma) * logarithms, axis=-1)


def _symmetric(settings: TrainingSettings, labels: Any, logarithms: Any) -> Any:
    from keras import ops

    least = ops.exp(ops.convert_to_tensor(LOGARITHM_OF_NOTHING, logarithms.dtype))
    reverse = ops.exp(logarithms) * ops.log(ops.maximum(labels, least))
    return -ops.sum(settings.symmetric_alpha * labels * logarithms + settings.symmetric_beta * reverse, axis=-1)


def _generalized(settings: TrainingSettings, labels: Any, logarithms: Any) -> Any:
    from keras import ops

    # 1 - p^q without its rounding.
    power = settings.generalized_q
    return -ops.sum(labels * ops.expm1(power * logarithms) / power, axis=-1)
