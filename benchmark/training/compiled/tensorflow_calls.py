"""Training and prediction on TensorFlow: Keras' own step in a loop of a graph.

Keras decides about XLA (`jit_compile`): never on a CPU, where it takes 3.5 times as long, nor where operations are to
be deterministic; on a GPU where the model's layers have it. Imported with that backend alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.calls import Compilations, Window
from benchmark.training.faster_layers import faster_layers


def _put(array: NDArray[Any]) -> Any:
    """The array on the device; positions stay int64, since TensorFlow keeps int32 on the host."""
    return tf.constant(array)


def _graph(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """A graph of the function, whose last argument is a number of rounds."""
    graph = tf.function(function, autograph=False)
    graph.get_concrete_function(*arguments)
    # Without a round nothing is computed, but the graph is optimised and placed.
    graph(*arguments[:-1], tf.constant(0))
    return graph


def _by_xla_if_asked(model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """A part of a graph, by XLA where Keras chose it for the model."""
    return tf.function(function, autograph=False, jit_compile=True) if model.jit_compile else function


class TensorFlowTraining:
    """Satisfies `TrainingCalls`."""

    put = staticmethod(_put)

    def __init__(self, model: Any) -> None:
        self.compilations = Compilations()
        self._model = model
        # Outside of XLA a GPU has no kernel that gathers uint8: all images would go to the host in each step.
        self._gather = tf.gather if backend.on_cpu() else tf.function(tf.gather, jit_compile=True)
        self._step = _by_xla_if_asked(model, self._one_step)

    def begin(self) -> None:
        self._model.reset_metrics()

    def train(self, window: Window, start: int, steps: int, size: int) -> None:
        by_xla = self._model.jit_compile
        # But for XLA one graph takes steps of any size: the last, smaller one would cost another tracing.
        given: Any = size if by_xla else tf.constant(size)
        key = size if by_xla else None, window.images.shape, window.rows.shape, window.weights is None
        arguments = (given, window, tf.constant(start), tf.constant(steps))
        graph, new = self.compilations.get(key, partial(_graph, self._steps, arguments))
        if new and by_xla:
            # XLA compiles within the first step, beside which the step itself is short.
            with self.compilations.timed():
                graph(given, window, tf.constant(start), tf.constant(1))
                self.wait()
            start, steps = start + size, steps - 1
        graph(given, window, tf.constant(start), tf.constant(steps))

    def wait(self) -> None:
        self._model.metrics_variables[0].numpy()

    def end(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _steps(self, size: Any, window: Window, start: Any, steps: Any) -> None:
        def step(number: Any) -> Any:
            def part(array: Any) -> Any:
                begin = [start + number * size, *[0] * (len(array.shape) - 1)]
                return tf.slice(array, begin, [size, *array.shape[1:]])

            self._step(window.part(part))
            return number + 1

        tf.while_loop(lambda number: number < steps, step, [tf.constant(0)], parallel_iterations=1)

    def _one_step(self, here: Window) -> None:
        one_hot = tf.one_hot(here.labels, self._model.output_shape[-1])
        images = self._gather(here.images, here.rows)
        with faster_layers():
            self._model.train_step(here.step_data(images, one_hot))


class TensorFlowPrediction:
    """Satisfies `PredictionCalls`."""

    put = staticmethod(_put)

    def __init__(self, model: Any) -> None:
        self.compilations = Compilations()
        self._model = model
        self._outputs = _by_xla_if_asked(model, self._one_batch)
        self.any_count = not model.jit_compile

    def predict(self, images: Any, batches: int, size: int) -> Any:
        if self.any_count and len(images) <= size:
            graph, _ = self.compilations.get(images.dtype, partial(self._graph_of_any_count, images))
            return graph(images)
        arguments = (images, tf.constant(batches))
        graph, new = self.compilations.get(
            (size, images.shape), partial(_graph, partial(self._batches, size), arguments)
        )
        if new and self._model.jit_compile:
            with self.compilations.timed():
                graph(images, tf.constant(1)).numpy()
        return tf.reshape(graph(*arguments), (-1, *self._model.output_shape[1:]))

    def _graph_of_any_count(self, images: Any) -> Any:
        """One graph for batches of any size, where XLA does not want one for each."""
        signature = [tf.TensorSpec((None, *images.shape[1:]), images.dtype)]
        graph = tf.function(self._outputs, autograph=False, input_signature=signature)
        graph(images[:1])
        return graph

    def _batches(self, size: int, images: Any, batches: Any) -> Any:
        def with_batch(number: Any, outputs: Any) -> Any:
            begin = [number * size, *[0] * (len(images.shape) - 1)]
            batch = tf.slice(images, begin, [size, *images.shape[1:]])
            return number + 1, outputs.write(number, self._outputs(batch))

        outputs = tf.TensorArray(tf.float32, batches, element_shape=(size, *self._model.output_shape[1:]))
        # One after the other: side by side they would take the memory of many.
        _, outputs = tf.while_loop(
            lambda number, _: number < batches, with_batch, [tf.constant(0), outputs], parallel_iterations=1
        )
        return outputs.stack()

    def _one_batch(self, images: Any) -> Any:
        return tf.cast(self._model(images, training=False), tf.float32)
