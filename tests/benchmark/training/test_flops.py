"""Operations counted by hand, by TensorFlow's profiler, and in the papers of known networks."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from benchmark.training.flops import model_flops, perceptron_flops
from zoo.registry import all_models, get_model


def counted(build: Callable[[Any], Any], shape: tuple[int | None, ...] = (8, 8, 3)) -> int | None:
    inputs = keras.Input(shape)
    return model_flops(keras.Model(inputs, build(inputs)))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        # 6x6 positions, 5 filters of 3x3x3; a bias and a ReLU a value.
        (layers.Conv2D(5, 3), 2 * 180 * 27 + 180),
        (layers.Conv2D(5, 3, use_bias=False, activation="relu"), 2 * 180 * 27 + 180),
        (layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False), 2 * 96 * 27),
        (layers.Conv2D(6, 1, groups=3, use_bias=False), 2 * 384 * 1),
        # 8x8x6: each output channel sees one input channel.
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 2 * 384 * 9 + 384),
        # Depthwise on 3 channels, then 1x1 to 5.
        (layers.SeparableConv2D(5, 3, padding="same", use_bias=False), 2 * (64 * 3 * 9 + 64 * 3 * 5)),
        (layers.Dense(10), 2 * 64 * 3 * 10 + 640),
        (layers.Dense(10, use_bias=False, activation="softmax"), 2 * 64 * 3 * 10 + 640),
        (layers.BatchNormalization(), 2 * 192),
        (layers.Rescaling(1 / 255), 2 * 192),
        (layers.Activation("relu"), 192),
        (layers.Activation("linear"), 0),
        (layers.MaxPooling2D(2), 4 * 48),
        (layers.AveragePooling2D(3, strides=1), 9 * 108),
        (layers.GlobalAveragePooling2D(), 192),
        (layers.Resizing(4, 4), 7 * 48),
        (layers.Resizing(4, 4, interpolation="nearest"), 0),
        (layers.Flatten(), 0),
        (layers.Dropout(0.5), 0),
        (lambda x: layers.add([x, x, x]), 2 * 192),
        (lambda x: layers.average([x, layers.ReLU()(x)]), 192 + 2 * 192),
        (lambda x: layers.Concatenate()([x, x]), 0),
        (lambda x: ops.flip(x, axis=-1), 0),
        (lambda x: x * 2.0, 192),
    ],
)
def test_by_hand(build: Any, expected: int) -> None:
    assert counted(build) == expected


def test_a_layer_used_twice_counts_twice_and_a_nested_model_as_its_layers() -> None:
    shared = layers.Conv2D(3, 1, use_bias=False)
    assert counted(lambda x: shared(shared(x))) == 2 * (2 * 192 * 3)
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.ReLU(), layers.Flatten(), layers.Dense(2)])
    assert model_flops(inner) == 192 + 2 * 192 * 2 + 2
    assert counted(lambda x: inner(layers.ReLU()(x))) == 192 + 192 + 2 * 192 * 2 + 2


class Own(layers.Layer):
    def call(self, x: Any) -> Any:
        return x


class Subclassed(keras.Model):
    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    "build", [Own(), Subclassed(), layers.Conv2DTranspose(3, 3), layers.Resizing(4, 4, interpolation="bicubic")]
)
def test_what_is_unknown_makes_the_whole_unknown(build: Any) -> None:
    assert counted(lambda x: build(layers.ReLU()(x))) is None


def test_images_of_any_size_have_no_count() -> None:
    assert counted(layers.ReLU(), (None, None, 3)) is None
    assert model_flops(Subclassed()) is None


@pytest.mark.parametrize(
    ("application", "multiply_adds", "tolerance", "options"),
    [
        # He et al. 2015 (arXiv 1512.03385) round to 3.8e9; torchvision and keras.applications' graph have 3.86e9.
        ("ResNet50", 3.86e9, 0.01, {}),
        ("VGG16", 15.3e9, 0.005, {"include_top": False, "input_shape": (224, 224, 3)}),
        # Howard et al. 2017 (arXiv 1704.04861), table 8, which leaves out batch normalisation and activations.
        ("MobileNet", 569e6, 0.015, {}),
    ],
)
def test_published_figures(application: str, multiply_adds: float, tolerance: float, options: dict[str, Any]) -> None:
    model = getattr(keras.applications, application)(weights=None, **options)
    assert model_flops(model) == pytest.approx(2 * multiply_adds, rel=tolerance)


@pytest.mark.parametrize("name", ["cnn4", "sepres"])
def test_tensorflows_profiler_agrees(name: str) -> None:
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("profiles TensorFlow's graph")
    spec = get_model(name)
    model = spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}))
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((1, 48, 48, 1))).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    profiled = tf.compat.v1.profiler.profile(graph=graph, cmd="op", options=options).total_float_ops
    assert model_flops(model) == pytest.approx(profiled, rel=0.005)


@pytest.mark.parametrize("name", [spec.name for spec in all_models().values() if spec.build and not spec.backbone])
def test_every_network_of_the_zoo_is_known(name: str) -> None:
    spec = get_model(name)
    assert model_flops(spec.build((48, 48, 1), 7, **spec.with_hyperparameters({}))) > 1e6


def test_a_transfer_model_is_its_base_and_what_is_around_it() -> None:
    spec = get_model("mobilenet025")
    values = {**spec.with_hyperparameters({}), "input_size": 96}
    model = spec.build((48, 48, 1), 7, weights="random", **values)
    (base,) = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    # Resizing and scaling to -1..1 before it, pooling of 3x3x256 and a dense layer behind it.
    around = 7 * 96 * 96 + 2 * 3 * 96 * 96 + 3 * 3 * 256 + 2 * 256 * 7 + 2 * 7
    assert model_flops(model) == model_flops(base) + around


def test_the_perceptron() -> None:
    # 4 pixels scaled; 4 -> 3 and 3 -> 2, each with bias and activation.
    kernels = [np.zeros((4, 3)), np.zeros((3, 2))]
    assert perceptron_flops(kernels) == 4 + (24 + 3 + 3) + (12 + 2 + 2)
