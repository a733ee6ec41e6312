"""What TensorFlow computes otherwise than Keras asks it to, on a CPU, gives what Keras' own layers give."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.hardware import backend
from benchmark.training import faster_layers as module
from benchmark.training.faster_layers import faster_layers
from benchmark.training.images.training_mode import in_training
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow" or not backend.on_cpu(), reason="of TensorFlow on a CPU"
)
CLASSES = 3


def network(**given: Any) -> Any:
    """A normalised convolution within a model of its own, and a normalised dense layer."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            keras.layers.Conv2D(16, 3, padding="same"),
            keras.layers.BatchNormalization(name="normalised", **given),
            keras.layers.ReLU(),
        ]
    )
    inputs = keras.Input((6, 5, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8)(keras.layers.Flatten()(inner(inputs))))
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax", dtype="float32")(x))


def batch(count: int = 9) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    images = generator.normal(3, 2, (count, 6, 5, 2)).astype(np.float32)
    return images, np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, count)]


def stepped(fused: bool, count: int = 9, **given: Any) -> tuple[Any, list[np.ndarray], list[np.ndarray], set[str]]:
    """Loss, gradients, all variables after a step in training, and the names of the graph's operations."""
    model = network(**given)
    images, labels = batch(count)

    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(labels, model(images, training=True)))
        return loss, tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    @tf.function(autograph=False)
    def graph() -> Any:
        if not fused:
            return step()
        with faster_layers():
            return step()

    loss, gradients = graph()
    operations = {operation.type for operation in graph.get_concrete_function().graph.get_operations()}
    return loss.numpy(), [tf.convert_to_tensor(one).numpy() for one in gradients], model.get_weights(), operations


def assert_same(given: dict[str, Any], count: int = 9) -> None:
    loss, gradients, variables, operations = stepped(True, count, **given)
    expected_loss, expected_gradients, expected_variables, of_keras = stepped(False, count, **given)
    assert "FusedBatchNormV3" in operations
    assert "FusedBatchNormV3" not in of_keras
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for found, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-6)
    for found, expected in zip(variables, expected_variables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [{}, {"momentum": 0.5, "epsilon": 1e-6}, {"scale": False}, {"center": False}, {"scale": False, "center": False}],
    ids=str,
)
def test_loss_gradients_and_running_statistics_are_those_of_keras(given: dict[str, Any]) -> None:
    assert_same(given)


def test_a_batch_of_one_image() -> None:
    assert_same({}, count=1)


def test_bfloat16_is_as_near_to_float32_as_with_keras() -> None:
    _, exact, variables, _ = stepped(False)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        _, found, found_variables, operations = stepped(True)
        _, of_keras, keras_variables, _ = stepped(False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert "FusedBatchNormV3" in operations

    def distance(arrays: list[np.ndarray], from_: list[np.ndarray]) -> float:
        return max(float(np.abs(one - two).max()) for one, two in zip(arrays, from_, strict=True))

    assert distance(found, exact) < 2 * distance(of_keras, exact)
    assert distance(found_variables, variables) < 2 * distance(keras_variables, variables) + 1e-6


def test_running_statistics_in_bfloat16() -> None:
    layer, of_keras = (keras.layers.BatchNormalization(dtype="bfloat16") for _ in range(2))
    maps = tf.cast(batch()[0], tf.bfloat16)
    with faster_layers():
        found = layer(maps, training=True)
    np.testing.assert_allclose(
        tf.cast(found, tf.float32), tf.cast(of_keras(maps, training=True), tf.float32), atol=0.05
    )
    for one, two in zip(layer.variables, of_keras.variables, strict=True):
        np.testing.assert_allclose(tf.cast(one.value, tf.float32), tf.cast(two.value, tf.float32), rtol=0.02)


def test_a_class_with_statistics_of_its_own_is_left_alone() -> None:
    class OfTheFirstHalf(keras.layers.BatchNormalization):
        def _moments(self, inputs: Any, mask: Any) -> Any:
            return super()._moments(inputs[: inputs.shape[0] // 2], mask)

    maps = batch()[0]
    expected = OfTheFirstHalf()(maps, training=True)
    with faster_layers():
        np.testing.assert_array_equal(OfTheFirstHalf()(maps, training=True), expected)


@pytest.mark.parametrize("given", [{"axis": 1}, {"renorm": True}, {"trainable": False}], ids=str)
def test_what_the_operation_does_not_do_is_left_to_keras(given: dict[str, Any]) -> None:
    loss, _, variables, operations = stepped(True, **given)
    expected_loss, _, expected_variables, _ = stepped(False, **given)
    assert "FusedBatchNormV3" not in operations
    assert loss == expected_loss
    for found, expected in zip(variables, expected_variables, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_inference_and_layers_in_inference_mode_are_left_to_keras() -> None:
    model = network()
    with faster_layers():
        inferred = model(batch()[0], training=False)
    np.testing.assert_array_equal(inferred, model(batch()[0], training=False))


def test_a_mask_is_left_to_keras() -> None:
    keras.utils.set_random_seed(0)
    layer, maps = keras.layers.BatchNormalization(), batch()[0]
    mask = np.random.default_rng(2).random(maps.shape[:3]) < 0.5
    expected = layer(maps, training=True, mask=mask)
    with faster_layers():
        np.testing.assert_array_equal(layer(maps, training=True, mask=mask), expected)


LARGER = np.random.default_rng(1).normal(size=(4, 11, 10, 16)).astype(np.float32)
DEPTHWISE = partial(keras.layers.DepthwiseConv2D, activation="relu")
SEPARABLE = partial(keras.layers.SeparableConv2D, 6, activation="relu")


def depthwise(
    faster: bool, maps: np.ndarray = LARGER, layer_of: Callable[..., Any] = DEPTHWISE, **given: Any
) -> tuple[list[np.ndarray], list[Any]]:
    """Outputs and gradients of a depthwise or separable layer, and the operations of its graph."""
    keras.utils.set_random_seed(0)
    layer = layer_of(**given)
    images = tf.constant(maps)
    layer.build(images.shape)

    @tf.function(autograph=False)
    def graph() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            with faster_layers() if faster else nullcontext():
                outputs = tf.cast(layer(images), tf.float32)
            loss = tf.reduce_sum(outputs**2)
        return outputs, *tape.gradient(loss, [images, *(weight.value for weight in layer.trainable_weights)])

    found = [one.numpy() for one in graph()]
    return found, graph.get_concrete_function().graph.get_operations()


def types(operations: list[Any]) -> set[Any]:
    """The types that depthwise convolutions are computed in."""
    return {one.outputs[0].dtype for one in operations if one.type == "DepthwiseConv2dNative"}


def widths(operations: list[Any]) -> list[int]:
    """How wide the kernels are whose gradients are computed."""
    gradients = [one for one in operations if one.type == "DepthwiseConv2dNativeBackpropFilter"]
    return [tf.get_static_value(one.inputs[1])[1] for one in gradients]


@pytest.mark.parametrize("layer", [DEPTHWISE, SEPARABLE], ids=["depthwise", "separable"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 1), (5, 2)])
def test_slow_depthwise_gradients_of_bfloat16_are_computed_in_float32(kernel: int, stride: int, layer: Any) -> None:
    asked = {"maps": batch()[0], "layer_of": layer, "kernel_size": kernel, "strides": stride, "padding": "same"}
    exact, _ = depthwise(False, **asked, dtype="float32")
    found, operations = depthwise(True, **asked, dtype="mixed_bfloat16")
    of_keras, keras_operations = depthwise(False, **asked, dtype="mixed_bfloat16")
    assert (types(operations), types(keras_operations)) == ({tf.float32}, {tf.bfloat16})
    for ours, theirs, true in zip(found, of_keras, exact, strict=True):
        assert np.abs(ours - true).max() <= 1.5 * np.abs(theirs - true).max()
        np.testing.assert_allclose(ours, true, atol=0.03 * np.abs(true).max())


@pytest.mark.parametrize("layer", [DEPTHWISE, SEPARABLE], ids=["depthwise", "separable"])
@pytest.mark.parametrize(("kernel", "stride", "dtype"), [(3, 1, "mixed_bfloat16"), (3, 2, "float32")])
def test_other_depthwise_convolutions_are_left_alone(kernel: int, stride: int, dtype: str, layer: Any) -> None:
    asked = {"layer_of": layer, "kernel_size": kernel, "strides": stride, "padding": "same", "dtype": dtype}
    found, operations = depthwise(True, **asked)
    expected, of_keras = depthwise(False, **asked)
    assert types(operations) == types(of_keras)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize(
    ("kernel", "columns"), [((5, 5), [3, 2]), ((4, 4), [3, 1]), ((7, 7), [3, 3, 1]), ((1, 9), [3, 3, 3])]
)
def test_the_gradient_of_a_wide_depthwise_kernel_is_computed_three_columns_at_a_time(
    kernel: tuple[int, int], columns: list[int], strides: int, padding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.backend, "device", lambda: {"device": "CPU", "onednn": True})
    found, operations = depthwise(True, kernel_size=kernel, strides=strides, padding=padding)
    expected, of_keras = depthwise(False, kernel_size=kernel, strides=strides, padding=padding)
    assert (widths(operations), widths(of_keras)) == (columns, [kernel[1]])
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4 * np.abs(two).max())


@pytest.mark.parametrize(
    ("kernel", "given"), [((5, 3), {}), ((5, 5), {"depth_multiplier": 2}), ((5, 5), {"dilation_rate": 2})], ids=str
)
def test_other_gradients_of_depthwise_kernels_are_left_alone(
    kernel: tuple[int, int], given: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.backend, "device", lambda: {"device": "CPU", "onednn": True})
    found, operations = depthwise(True, kernel_size=kernel, **given)
    expected, _ = depthwise(False, kernel_size=kernel, **given)
    assert widths(operations) == [kernel[1]]
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        ({"padding": "same"}, [3, 2]),
        ({"strides": 2}, [3, 2]),
        ({"depth_multiplier": 2}, [5]),
        ({"dilation_rate": 2}, [5]),
    ],
    ids=str,
)
def test_separable_layers_have_the_gradients_of_depthwise_ones(
    given: dict[str, Any], columns: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.backend, "device", lambda: {"device": "CPU", "onednn": True})
    found, operations = depthwise(True, layer_of=SEPARABLE, kernel_size=5, **given)
    expected, of_keras = depthwise(False, layer_of=SEPARABLE, kernel_size=5, **given)
    assert (widths(operations), widths(of_keras)) == (columns, [5])
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4 * np.abs(two).max())


def test_separable_layers_of_series_have_the_values_of_keras() -> None:
    keras.utils.set_random_seed(0)
    layer, series = keras.layers.SeparableConv1D(4, 5, strides=2), LARGER[:, 0]
    expected = layer(series)
    with faster_layers():
        np.testing.assert_allclose(layer(series), expected, rtol=1e-5, atol=1e-5)


def test_without_onednn_a_wide_kernel_is_fast_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.backend, "device", lambda: {"device": "CPU", "onednn": False})
    assert widths(depthwise(True, kernel_size=5)[1]) == [5]


def test_tensorflow_function_takes_its_own_names() -> None:
    images, kernel = tf.constant(batch()[0]), tf.ones((3, 3, 2, 1))
    expected = tf.nn.depthwise_conv2d(images, kernel, [1, 1, 1, 1], "SAME")
    with faster_layers():
        found = tf.nn.depthwise_conv2d(input=images, filter=kernel, strides=[1, 1, 1, 1], padding="SAME")
    np.testing.assert_array_equal(found, expected)


def test_keras_is_as_before_afterwards_also_after_an_error() -> None:
    def now() -> tuple[Any, Any, Any]:
        return keras.layers.BatchNormalization.call, tf.nn.depthwise_conv2d, tf.nn.separable_conv2d

    def failing() -> None:
        with faster_layers():
            assert all(one is not two for one, two in zip(now(), before, strict=True))
            raise RuntimeError

    before = now()
    with pytest.raises(RuntimeError):
        failing()
    assert now() == before


def test_of_several_threads_inside_the_last_puts_keras_back() -> None:
    before = keras.layers.BatchNormalization.call, tf.nn.depthwise_conv2d
    first, second = faster_layers(), faster_layers()
    first.__enter__()
    second.__enter__()
    replaced = keras.layers.BatchNormalization.call
    first.__exit__(None, None, None)
    assert keras.layers.BatchNormalization.call is replaced is not before[0]
    second.__exit__(None, None, None)
    assert (keras.layers.BatchNormalization.call, tf.nn.depthwise_conv2d) == before


def test_elsewhere_keras_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.backend, "on_cpu", lambda: False)
    before = keras.layers.BatchNormalization.call
    with faster_layers():
        assert keras.layers.BatchNormalization.call is before


def test_training_and_the_statistics_after_it_use_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    original = module._normalised
    monkeypatch.setattr(module, "_normalised", lambda layer, maps: seen.append(layer.name) or original(layer, maps))
    images = batch()[0]
    trainer = KerasTrainer(network(), TrainingSettings(batch_size=4), 0, lambda *_: None)
    trainer.train_epoch(Epoch(images, np.arange(9), np.arange(9) % CLASSES, None, 0.1))
    assert set(seen) == {"normalised"}
    seen.clear()
    in_training(trainer.model)(images)
    assert seen == ["normalised"]
