"""Training and prediction on JAX: Keras' stateless functions in a compiled loop.

On a CPU a call makes its steps one by one: inside a loop XLA computes convolutions there on one thread and without its
library, 43 times slower (`cnn4`, two cores, JAX 0.10). The host costs little beside a step of a CPU. Imported with
that backend alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.calls import Compilations, Window


def _put(array: NDArray[Any]) -> Any:
    """The array on the device; int64 becomes int32."""
    # An array on the CPU must not share NumPy's memory, which may be mapped from a file.
    narrow = array.astype(np.int32) if array.dtype == np.int64 else array
    return jax.device_put(narrow, may_alias=False)


def _compiled(function: Callable[..., Any], arguments: tuple[Any, ...], **options: Any) -> Any:
    return jax.jit(function, **options).lower(*arguments).compile()


class JaxTraining:
    """Satisfies `TrainingCalls`; between `begin` and `end` the model's state is held here."""

    put = staticmethod(_put)

    def __init__(self, model: Any) -> None:
        self.compilations = Compilations()
        self._model = model
        self._loops = not backend.on_cpu()
        self._state: Any = None

    def begin(self) -> None:
        self._model.reset_metrics()
        self._state = tuple([variable.value for variable in group] for group in self._variables())

    def train(self, window: Window, start: int, steps: int, size: int) -> None:
        at_once = steps if self._loops else 1
        key = size, window.images.shape, window.rows.shape, window.weights is None
        for first in range(start, start + steps * size, at_once * size):
            arguments = (self._state, window, np.int32(first), np.int32(at_once))
            function = partial(self._steps, size)
            run, _ = self.compilations.get(key, partial(_compiled, function, arguments, donate_argnums=0))
            self._state = run(*arguments)

    def wait(self) -> None:
        jax.block_until_ready(self._state)

    def end(self) -> dict[str, float]:
        for group, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        self._state = None
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _variables(self) -> tuple[Any, ...]:
        """In the order of the state of Keras' `train_step`."""
        model, optimizer = self._model, self._model.optimizer
        return model.trainable_variables, model.non_trainable_variables, optimizer.variables, model.metrics_variables

    def _steps(self, size: int, state: Any, window: Window, start: Any, steps: Any) -> Any:
        def step(number: Any, state: Any) -> Any:
            def part(array: Any) -> Any:
                return lax.dynamic_slice_in_dim(array, start + number * size, size)

            here = window.part(part)
            one_hot = jax.nn.one_hot(here.labels, self._model.output_shape[-1])
            return self._model.train_step(state, here.step_data(here.images[here.rows], one_hot))[1]

        return lax.fori_loop(0, steps, step, state) if self._loops else step(0, state)


class JaxPrediction:
    """Satisfies `PredictionCalls`."""

    put = staticmethod(_put)
    any_count = False

    def __init__(self, model: Any) -> None:
        self.compilations = Compilations()
        self._model = model

    def predict(self, images: Any, batches: int, size: int) -> Any:
        groups = self._model.trainable_variables, self._model.non_trainable_variables
        variables = tuple([variable.value for variable in group] for group in groups)
        arguments = (variables, images, np.int32(batches))
        function = partial(self._batches, size)
        run, _ = self.compilations.get((size, images.shape), partial(_compiled, function, arguments))
        return run(*arguments)

    def _batches(self, size: int, variables: Any, images: Any, batches: Any) -> Any:
        def outputs(batch: Any) -> Any:
            return self._model.stateless_call(*variables, batch, training=False)[0].astype(jax.numpy.float32)

        def with_batch(number: Any, all_outputs: Any) -> Any:
            added = outputs(lax.dynamic_slice_in_dim(images, number * size, size))
            return lax.dynamic_update_slice_in_dim(all_outputs, added, number * size, 0)

        if len(images) == size:  # without a loop, which is slow on a CPU
            return outputs(images)
        return lax.fori_loop(0, batches, with_batch, jax.numpy.zeros((len(images), *self._model.output_shape[1:])))
