"""Optimisers from training settings."""

from typing import Any

from zoo.settings import TrainingSettings


def optimizer_of(settings: TrainingSettings, accumulation: int = 1) -> Any:
    """The Keras optimiser that `settings` describe.

    Weight decay is decoupled for adamw (Loshchilov and Hutter 2019). For the others it is PyTorch's L2 term: the
    gradient of every trainable weight w gets `weight_decay * w` added, before momentum and the rate apply. Keras' own
    `weight_decay` argument decays the weights directly, which is far weaker at equal numbers.

    Clipping comes first, as in PyTorch, where it is done to the gradients before the optimiser adds its L2 term; with
    accumulation it is done to their mean.

    With `ema` the optimiser also has `averages`, one of each trainable weight in their order, and `exchange()`.

    Args:
        settings: of the training.
        accumulation: over so many steps gradients are averaged before the weights change.
    """
    from keras import optimizers

    rate = settings.learning_rate
    options: dict[str, Any] = {"gradient_accumulation_steps": accumulation} if accumulation > 1 else {}
    if settings.clip_norm:
        options["global_clipnorm"] = settings.clip_norm
    match settings.optimizer:
        case "adamw":
            base, options["weight_decay"] = optimizers.AdamW, settings.weight_decay
        case "sgd":
            base = _with_l2(optimizers.SGD, settings.weight_decay)
            options |= {"momentum": settings.momentum, "nesterov": settings.momentum > 0}
        case "rmsprop":
            base = _with_l2(optimizers.RMSprop, settings.weight_decay)
        case _:
            base = _with_l2(optimizers.Adam, settings.weight_decay)
    return _with_averages(base, settings.ema)(rate, **options)


def _with_l2(base: Any, decay: float) -> Any:
    """`base` with the L2 term in its gradients; `base` itself where there is nothing to add."""
    if not decay:
        return base

    class WithL2(base):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient + decay * variable, variable, learning_rate)

    WithL2.__name__ = base.__name__
    return WithL2


def _with_averages(base: Any, ema: float) -> Any:
    """`base` with a moving average of each weight; `base` itself where `ema` is 0.

    Not Keras' own `use_ema`: its `fit` overwrites the weights with the averages after each call, which here is an
    epoch; it averages at each step of an accumulation; and it has no warm-up.
    """
    if not ema:
        return base
    from keras import ops

    class WithAverages(base):  # type: ignore[misc]
        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.averages = self.add_optimizer_variables(variables, "average")
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(ops.copy(variable))  # JAX gives a step's arrays away, and would one of them twice

        def apply(self, grads: Any, trainable_variables: Any = None) -> None:
            """Update the weights, and after each update (not each step of an accumulation) their averages.

            An average keeps the share min(ema, n / (9 + n)) of itself, with n earlier updates: TensorFlow's warm-up
            (1 + t) / (10 + t), but from the weights after the first update instead of the random ones before it.
            """
            super().apply(grads, trainable_variables)
            done = ops.cast(self.iterations, "float32")
            kept = ops.minimum(ema, (done - 1) / (done + 8))
            changed = ops.equal(self._iterations % (self.gradient_accumulation_steps or 1), 0)
            kept = ops.where(changed, kept, 1.0)
            for average, variable in zip(self.averages, self._trainable_variables, strict=True):
                share = ops.cast(kept, average.dtype)
                average.assign(share * average + (1 - share) * variable)

        def exchange(self) -> None:
            """Swap the weights and their averages."""
            for average, variable in zip(self.averages, self._trainable_variables, strict=True):
                weight = ops.copy(variable)
                variable.assign(average)
                average.assign(weight)

    WithAverages.__name__ = base.__name__
    return WithAverages
