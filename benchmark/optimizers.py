"""Optimisers and losses from training settings."""

from typing import Any

from zoo.settings import TrainingSettings


def optimizer_of(settings: TrainingSettings, accumulation: int = 1) -> Any:
    """The Keras optimiser that `settings` describe.

    Weight decay is decoupled for adamw (Loshchilov and Hutter 2019). For the others it is PyTorch's L2 term: the
    gradient of every trainable weight w gets `weight_decay * w` added, before momentum and the rate apply. Keras' own
    `weight_decay` argument decays the weights directly, which is far weaker at equal numbers.

    Args:
        settings: of the training.
        accumulation: over so many steps gradients are averaged before the weights change.
    """
    from keras import optimizers

    rate, decay = settings.learning_rate, settings.weight_decay
    steps: dict[str, Any] = {"gradient_accumulation_steps": accumulation} if accumulation > 1 else {}
    if settings.optimizer == "adamw":
        return optimizers.AdamW(rate, weight_decay=decay, **steps)
    if settings.optimizer == "sgd":
        momentum = settings.momentum
        return _with_l2(optimizers.SGD, decay)(rate, momentum=momentum, nesterov=momentum > 0, **steps)
    base = {"adam": optimizers.Adam, "rmsprop": optimizers.RMSprop}[settings.optimizer]
    return _with_l2(base, decay)(rate, **steps)


def loss_of(settings: TrainingSettings) -> Any:
    """The Keras loss that `settings` describe, for one-hot labels and probabilities, both of shape (n, classes)."""
    from keras import losses

    match settings.loss:
        case "label_smoothing":
            return losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
        case "focal":
            # alpha would weigh positive against negative classes; with one-hot labels 1 leaves the loss unscaled.
            return losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=settings.focal_gamma)
        case _:
            return losses.CategoricalCrossentropy()


def _with_l2(base: Any, decay: float) -> Any:
    """`base` with the L2 term in its gradients; `base` itself where there is nothing to add."""
    if not decay:
        return base

    class WithL2(base):  # type: ignore[misc]
        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            variables = self._trainable_variables if trainable_variables is None else trainable_variables
            grads = [
                gradient if gradient is None else gradient + decay * variable.value
                for gradient, variable in zip(grads, variables, strict=True)
            ]
            return super().apply(grads, trainable_variables)

    WithL2.__name__ = base.__name__
    return WithL2
