"""Many steps, or many batches, as one call of TensorFlow: Keras' own step in a loop of a graph.

Keras decides about XLA (`jit_compile`): never on a CPU, where it takes 3.5 times as long, nor where operations are to
be deterministic; on a GPU where the model's layers have it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from numpy.typing import NDArray

from benchmark.hardware import backend
from benchmark.training.compiled.windows import Span, Window


class _Graphs:
    """Graphs, each made once for every shape that it is called with; and what that took."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._found: dict[Any, Any] = {}

    def __call__(self, key: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, bool]:
        """The graph that belongs to `key`, and whether it is new.

        Args:
            key: all that it depends on.
            function: that it is made of.
            arguments: of the call; the last is a number of rounds.
        """
        import tensorflow as tf

        if key in self._found:
            return self._found[key], False
        with self.timed():
            graph = self._found[key] = tf.function(function, autograph=False)
            graph.get_concrete_function(*arguments)
            # Without a round nothing is computed, but the graph is optimised and placed.
            graph(*arguments[:-1], tf.constant(0))
        return graph, True

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done within is compiling."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started


class TensorFlowTraining:
    """Satisfies `benchmark.training.compiled.compiled_epochs.TrainingCalls`.

    Args:
        model: compiled.
    """

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        self._model = model
        self._graphs = _Graphs()
        # Outside of XLA a GPU has no kernel that gathers uint8: all images would go to the host in each step.
        self._gather = tf.gather if backend.on_cpu() else tf.function(tf.gather, jit_compile=True)
        self._step = _by_keras_choice(model, self._one_step)

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far, as far as TensorFlow tells."""
        return self._graphs.seconds

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device; positions stay int64, since TensorFlow keeps int32 on the host."""
        return _put(array)

    def begin(self) -> None:
        """Let the metrics start at nothing."""
        self._model.reset_metrics()

    def train(self, window: Window, span: Span) -> None:
        """Make some steps; compile what is called for the first time."""
        import tensorflow as tf

        start, steps, by_xla = span.start, span.steps, self._model.jit_compile
        # But for XLA one graph takes steps of any size: the last, smaller one would cost another tracing.
        size: Any = span.size if by_xla else tf.constant(span.size)
        key = span.size if by_xla else None, window.images.shape, window.rows.shape, window.weights is None
        graph, new = self._graphs(key, self._steps, (size, window, tf.constant(start), tf.constant(steps)))
        if new and by_xla:
            # XLA compiles within the first step, beside which the step itself is short.
            with self._graphs.timed():
                graph(size, window, tf.constant(start), tf.constant(1))
                self.wait()
            start, steps = start + span.size, steps - 1
        graph(size, window, tf.constant(start), tf.constant(steps))

    def wait(self) -> None:
        """Return once all steps asked for are done."""
        self._model.metrics_variables[0].numpy()

    def end(self) -> dict[str, float]:
        """The metrics, by name."""
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _steps(self, size: Any, window: Window, start: Any, steps: Any) -> None:
        import tensorflow as tf

        def step(place: Any) -> Any:
            def part(array: Any) -> Any:
                begin = [start + place * size, *[0] * (len(array.shape) - 1)]
                return tf.slice(array, begin, [size, *array.shape[1:]])

            self._step(window.part(part))
            return place + 1

        tf.while_loop(lambda place: place < steps, step, [tf.constant(0)], parallel_iterations=1)

    def _one_step(self, here: Window) -> None:
        import tensorflow as tf

        one_hot = tf.one_hot(here.labels, self._model.output_shape[-1])
        self._model.train_step(here.step_data(self._gather(here.images, here.rows), one_hot))


class TensorFlowPrediction:
    """Satisfies `benchmark.training.compiled.compiled_predictions.PredictionCalls`.

    Args:
        model: whose outputs are asked for.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._graphs = _Graphs()
        self._outputs = _by_keras_choice(model, self._one_batch)
        self._any_count: dict[Any, Any] = {}

    @property
    def compile_seconds(self) -> float:
        """What compiling has taken so far, as far as TensorFlow tells."""
        return self._graphs.seconds

    def put(self, array: NDArray[Any]) -> Any:
        """The array on the device."""
        return _put(array)

    def predict(self, images: Any, batches: int, size: int) -> Any:
        """Outputs, float32, of so many batches; compiles what is called for the first time."""
        import tensorflow as tf

        if len(images) == size and not self._model.jit_compile:
            return self._batch_of_any_count(images)(images)
        arguments = (images, tf.constant(batches))
        graph, new = self._graphs((size, images.shape), partial(self._batches, size), arguments)
        if new and self._model.jit_compile:
            with self._graphs.timed():
                graph(images, tf.constant(1)).numpy()
        found = graph(*arguments)
        return tf.reshape(found, (-1, *self._model.output_shape[1:]))

    def _batch_of_any_count(self, images: Any) -> Any:
        """One graph for batches of any size, where XLA does not want one for each."""
        import tensorflow as tf

        if images.dtype not in self._any_count:
            with self._graphs.timed():
                taken = tf.TensorSpec((None, *images.shape[1:]), images.dtype)
                graph = tf.function(self._outputs, autograph=False, input_signature=[taken])
                graph(images[:1])
                self._any_count[images.dtype] = graph
        return self._any_count[images.dtype]

    def _batches(self, size: int, images: Any, batches: Any) -> Any:
        import tensorflow as tf

        def batch(place: Any, found: Any) -> Any:
            begin = [place * size, *[0] * (len(images.shape) - 1)]
            return place + 1, found.write(place, self._outputs(tf.slice(images, begin, [size, *images.shape[1:]])))

        outputs = tf.TensorArray(tf.float32, batches, element_shape=(size, *self._model.output_shape[1:]))
        # One after the other: side by side they would take the memory of many.
        return tf.while_loop(lambda place, _: place < batches, batch, [tf.constant(0), outputs], parallel_iterations=1)[
            1
        ].stack()

    def _one_batch(self, images: Any) -> Any:
        import tensorflow as tf

        return tf.cast(self._model(images, training=False), tf.float32)


def _by_keras_choice(model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """A part of a graph, by XLA where Keras says so."""
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=True) if model.jit_compile else function


def _put(array: NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.constant(array)
