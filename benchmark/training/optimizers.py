"""Optimisers from training settings, and gradients that are added up over several steps."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from benchmark.hardware import backend
from zoo.settings import TrainingSettings


def optimizer_of(settings: TrainingSettings, accumulation: int = 1) -> Any:
    """The Keras optimiser that `settings` describe.

    Weight decay is decoupled for adamw and muon (Loshchilov and Hutter 2019). For the others it is PyTorch's L2 term:
    the gradient of every trainable weight w gets `weight_decay * w` added, before momentum and the rate apply. Keras'
    own `weight_decay` argument decays the weights directly, which is far weaker at equal numbers.

    Clipping comes first, as in PyTorch, where it is done to the gradients before the optimiser adds its L2 term; with
    accumulation it is done to their mean.

    With `ema` the optimiser also has `averages`, one of each trainable weight in their order, and `exchange()`.

    With accumulation the weights change once a batch, by the mean gradient of its images: `begin_steps` has to be told
    how many images a step has, and `end_epoch` when an epoch is over.

    Args:
        accumulation: how many steps a batch is divided into at least, see `images_a_step`.
    """
    import keras
    from keras.optimizers import SGD, Adam, AdamW, RMSprop

    from benchmark.training.muon import ConvolutionMuon

    kinds = {"adam": Adam, "adamw": AdamW, "sgd": SGD, "rmsprop": RMSprop, "muon": ConvolutionMuon}
    base, decoupled = kinds[settings.optimizer], settings.optimizer in ("adamw", "muon")
    options: dict[str, Any] = {"global_clipnorm": settings.clip_norm} if settings.clip_norm else {}
    if decoupled:
        options["weight_decay"] = settings.weight_decay
    if settings.optimizer == "muon":
        options["adam_weight_decay"] = settings.weight_decay
    if settings.optimizer in ("sgd", "muon"):
        options |= {"momentum": settings.momentum, "nesterov": settings.momentum > 0}
    on_tensorflow = keras.backend.backend() == "tensorflow" and backend.on_cpu()
    # Each changes what those behind it do.
    parts = {
        _Accumulating: accumulation > 1,
        _Averaged: settings.ema > 0,
        _L2: settings.weight_decay > 0 and not decoupled,
        _OneOperation: on_tensorflow and settings.optimizer in ("adam", "adamw", "sgd"),
    }
    numbers = {"batch_size": settings.batch_size, "average_share": settings.ema, "l2": settings.weight_decay}
    kind = type(base.__name__, (*(part for part, wanted in parts.items() if wanted), base), numbers)
    return kind(settings.learning_rate, **options)


def images_a_step(batch_size: int, accumulation: int) -> int:
    """How many images a step has where a batch is divided into `accumulation` steps or more: the batch, in equal parts.

    With 3 steps a batch of 64 gives 4 steps of 16 images, with 2 one of 37 gives 37 steps.
    """
    most = max(1, batch_size // accumulation)
    return next(size for size in range(most, 0, -1) if batch_size % size == 0)


def begin_steps(optimizer: Any, images: int) -> None:
    """Say how many images each of the next steps has; called before a graph of theirs is traced."""
    if hasattr(optimizer, "step"):
        optimizer.step.images.assign(images)


def end_epoch(optimizer: Any) -> None:
    """Change the weights by the gradients that are left over, of a last batch that is not full."""
    if hasattr(optimizer, "step"):
        optimizer.finish_batch()


class _OneOperation:
    """Adam, AdamW or SGD that updates a weight by a single operation: on TensorFlow and a CPU.

    The formulas are the same. Keras' own update of a weight is a dozen operations or more, which take longer to trace,
    and each of which goes through the memory once.
    """

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        def number(value: Any) -> Any:
            return tf.cast(value, variable.dtype)

        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
        elif hasattr(self, "beta_1"):
            self._adam_step(number(gradient), variable, number(learning_rate), number)
        elif self.momentum:
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.handle,
                accum=self.momentums[self._get_variable_index(variable)].value.handle,
                lr=number(learning_rate),
                grad=number(gradient),
                momentum=number(self.momentum),
                use_nesterov=self.nesterov,
            )
        else:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.handle, alpha=number(learning_rate), delta=number(gradient)
            )

    def _adam_step(self: Any, gradient: Any, variable: Any, rate: Any, number: Callable[[Any], Any]) -> None:
        import tensorflow as tf

        place, done = self._get_variable_index(variable), number(self.iterations + 1)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(number(self.beta_1), done),
            beta2_power=tf.pow(number(self.beta_2), done),
            lr=rate,
            beta1=number(self.beta_1),
            beta2=number(self.beta_2),
            epsilon=number(self.epsilon),
            grad=gradient,
        )


class _L2:
    """With the L2 term in the gradients."""

    l2: float

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(gradient + self.l2 * variable, variable, learning_rate)  # type: ignore[misc]


class _Averaged:
    """With a moving average of each weight.

    Not Keras' own `use_ema`: its `fit` overwrites the weights with the averages after each call, which here is an
    epoch; and it has no warm-up.
    """

    average_share: float

    def build(self: Any, variables: Any) -> None:
        from keras import ops

        if self.built:
            return
        super().build(variables)  # type: ignore[misc]
        self.averages = self.add_optimizer_variables(variables, "average")
        for average, variable in zip(self.averages, variables, strict=True):
            average.assign(ops.copy(variable))  # JAX gives a step's arrays away, and would one of them twice

    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights, and after each update their averages.

        An average keeps the share min(ema, n / (9 + n)) of itself, with n earlier updates: TensorFlow's warm-up
        (1 + t) / (10 + t), but from the weights after the first update instead of the random ones before it.
        """
        from keras import ops

        super().apply(grads, trainable_variables)  # type: ignore[misc]
        done = ops.cast(self.iterations, "float32")
        kept = ops.minimum(self.average_share, (done - 1) / (done + 8))
        for average, variable in zip(self.averages, self._trainable_variables, strict=True):
            share = ops.cast(kept, average.dtype)
            average.assign(share * average + (1 - share) * variable)

    def exchange(self: Any) -> None:
        """Swap the weights and their averages."""
        from keras import ops

        for average, variable in zip(self.averages, self._trainable_variables, strict=True):
            weight = ops.copy(variable)
            variable.assign(average)
            average.assign(weight)


class _Accumulating:
    """Changes the weights once it has seen the gradients of a whole batch.

    Not Keras' own `gradient_accumulation_steps`: there every step counts the same, however few images it has, and what
    is left over at the end of an epoch joins the next one's first update.
    """

    batch_size: int

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        from keras import Variable

        super().__init__(*arguments, **options)
        # Out of sight of Keras, which would make it a variable of the optimiser: during an epoch JAX holds the
        # values of those, and it is set between steps.
        self.step = SimpleNamespace(images=Variable(float(self.batch_size), trainable=False))

    def build(self: Any, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)  # type: ignore[misc]
        self.sums = self.add_optimizer_variables(variables, "sum")
        self.seen = self.add_variable((), initializer="zeros", dtype="float32", name="seen")

    def apply(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        """Add a step's mean gradients up, each image with the same weight; update after the batch's last step."""
        from keras import ops

        self.build(trainable_variables)
        images = ops.convert_to_tensor(self.step.images)
        for total, gradient in zip(self.sums, grads, strict=True):
            if gradient is not None:  # of a weight that the loss does not depend on
                total.assign(total + ops.cast(images, total.dtype) * gradient)
        self.seen.assign(self.seen + images)
        _where(self.seen >= self.batch_size, self._update, [*self.variables, *self._trainable_variables])

    def finish_batch(self: Any) -> None:
        """Update by what has been added up, if anything has; between steps."""
        if self.built and float(self.seen.numpy()) > 0:
            self._update()

    def _update(self: Any) -> None:
        from keras import ops

        means = [total / ops.cast(self.seen, total.dtype) for total in self.sums]
        super().apply(means, self._trainable_variables)  # type: ignore[misc]
        for variable in (*self.sums, self.seen):
            variable.assign(ops.zeros(variable.shape, variable.dtype))


def _where(condition: Any, update: Callable[[], None], variables: Sequence[Any]) -> None:
    """Update the variables where the condition holds. It is computed in any case: JAX has no branches that assign."""
    from keras import ops

    before = [ops.copy(variable.value) for variable in variables]
    update()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(ops.where(condition, variable.value, value))
