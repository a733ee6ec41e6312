"""Many steps, or many batches, as one call of JAX: Keras' stateless functions in a compiled loop.

On a CPU a call makes its steps one by one: inside a loop XLA computes convolutions there on one thread and without its
library, 43 times slower (`cnn4`, two cores, JAX 0.10). The host costs little beside a step of a CPU.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.windows import Span, Window


class _Compiled:
    """Functions compiled ahead of time, each once for every shape that it is called with; and what that took."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._found: dict[Any, Any] = {}

    def __call__(self, key: Any, function: Callable[..., Any], arguments: tuple[Any, ...], **how: Any) -> Any:
        """The compiled function that belongs to `key`."""
        import jax

        if key not in self._found:
            started = time.perf_counter()
            self._found[key] = jax.jit(function, **how).lower(*arguments).compile()
            self.seconds += time.perf_counter() - started
        return self._found[key]


class JaxTraining:
    """JAX's `TrainingCalls`; between `begin` and `end` the model's state is held here.

    Args:
        model: compiled.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled = _Compiled()
        self._loops = not backend.on_cpu()
        self._state: Any = None

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far."""
        return self._compiled.seconds

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device; int64 becomes int32."""
        return _put(array)

    def begin(self) -> None:
        """Take the model's state, with metrics of nothing."""
        self._model.reset_metrics()
        self._state = tuple([variable.value for variable in part] for part in self._variables())

    def train(self, window: Window, span: Span) -> None:
        """Start some steps; compile what is called for the first time."""
        steps = span.steps if self._loops else 1
        for start in range(span.start, span.start + span.steps * span.size, steps * span.size):
            arguments = (self._state, window, np.int32(start), np.int32(steps))
            key = span.size, window.images.shape, window.rows.shape, window.weights is None
            run = self._compiled(key, partial(self._steps, span.size), arguments, donate_argnums=0)
            self._state = run(*arguments)

    def wait(self) -> None:
        """Return once all steps asked for are done."""
        import jax

        jax.block_until_ready(self._state)

    def end(self) -> dict[str, float]:
        """Give the model its state back; the metrics, by name."""
        for part, values in zip(self._variables(), self._state, strict=True):
            for variable, value in zip(part, values, strict=True):
                variable.assign(value)
        self._state = None
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _variables(self) -> tuple[Any, ...]:
        """In the order that Keras' `train_step` takes them."""
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def _steps(self, size: int, state: Any, window: Window, start: Any, steps: Any) -> Any:
        from jax import lax, nn

        def step(place: Any, state: Any) -> Any:
            def part(array: Any) -> Any:
                return lax.dynamic_slice_in_dim(array, start + place * size, size)

            here = window.part(part)
            one_hot = nn.one_hot(here.labels, self._model.output_shape[-1])
            return self._model.train_step(state, here.step_data(here.images[here.rows], one_hot))[1]

        return lax.fori_loop(0, steps, step, state) if self._loops else step(0, state)


class JaxPrediction:
    """Satisfies `benchmark.training.compiled.compiled_predictions.PredictionCalls`.

    Args:
        model: whose outputs are asked for.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled = _Compiled()

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far."""
        return self._compiled.seconds

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device."""
        return _put(array)

    def predict(self, images: Any, batches: int, size: int) -> Any:
        """Outputs, float32 on the device, of so many batches; compiles what is called for the first time."""
        variables = tuple(
            [variable.value for variable in part]
            for part in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        arguments = (variables, images, np.int32(batches))
        return self._compiled((size, images.shape), partial(self._batches, size), arguments)(*arguments)

    def _batches(self, size: int, variables: Any, images: Any, batches: Any) -> Any:
        from jax import lax, numpy

        def outputs(shown: Any) -> Any:
            return self._model.stateless_call(*variables, shown, training=False)[0].astype(numpy.float32)

        def batch(place: Any, found: Any) -> Any:
            made = outputs(lax.dynamic_slice_in_dim(images, place * size, size))
            return lax.dynamic_update_slice_in_dim(found, made, place * size, 0)

        if len(images) == size:  # without a loop, which is slow on a CPU
            return outputs(images)
        return lax.fori_loop(0, batches, batch, numpy.zeros((len(images), *self._model.output_shape[1:])))


def _put(array: NDArray[Any]) -> Any:
    import jax

    # An array on the CPU must not share NumPy's memory, which may be mapped from a file.
    narrow = array.astype(np.int32) if array.dtype == np.int64 else array
    return jax.device_put(narrow, may_alias=False)
