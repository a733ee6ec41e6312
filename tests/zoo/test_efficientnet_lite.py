"""EfficientNet-Lite0: built as published, its weights read from PyTorch's arrays."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from benchmark.training.initial_weights import read_weights
from zoo import UserError, get_model
from zoo.backbones import EFFICIENTNET_LITE0
from zoo.efficientnet_lite import efficientnet_lite0, load_arrays
from zoo.transfer import as_trained_on

# Kernel, stride, expansion and filters of each block, as the paper's table unrolls.
BLOCKS = [(3, 1, 1, 16)]
for count, kernel, stride, filters in [(2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192)]:
    BLOCKS += [(kernel, stride if number == 0 else 1, 6, filters) for number in range(count)]
BLOCKS += [(3, 1, 6, 320)]

Arrays = dict[str, np.ndarray]


def arrays() -> Arrays:
    """Random weights, named and shaped as PyTorch has them."""
    random, made = np.random.default_rng(0), {}

    def convolution(name: str, *shape: int) -> None:
        made[f"{name}.weight"] = random.normal(size=shape, scale=(2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)

    def normalisation(name: str, size: int) -> None:
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2)):
            made[f"{name}.{part}"] = random.uniform(low, high, size).astype(np.float32)
        made[f"{name}.running_var"] = random.uniform(0.5, 1.5, size).astype(np.float32)

    convolution("_conv_stem", 32, 3, 3, 3)
    normalisation("_bn0", 32)
    before = 32
    for place, (kernel, _, expansion, filters) in enumerate(BLOCKS):
        block, wide = f"_blocks.{place}", before * expansion
        if expansion > 1:
            convolution(f"{block}._expand_conv", wide, before, 1, 1)
            normalisation(f"{block}._bn0", wide)
        convolution(f"{block}._depthwise_conv", wide, 1, kernel, kernel)
        normalisation(f"{block}._bn1", wide)
        convolution(f"{block}._project_conv", filters, wide, 1, 1)
        normalisation(f"{block}._bn2", filters)
        before = filters
    convolution("_conv_head", 1280, 320, 1, 1)
    normalisation("_bn1", 1280)
    return made


def convolved(image: np.ndarray, weights: np.ndarray, stride: int = 1) -> np.ndarray:
    """An image (height, width, in) under a kernel (out, in or 1, k, k), padded as TensorFlow pads "same"."""
    kernel, size = weights.shape[-1], image.shape[0]
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    ends = (missing // 2, missing - missing // 2)
    windows = sliding_window_view(np.pad(image, (ends, ends, (0, 0))), (kernel, kernel), (0, 1))[::stride, ::stride]
    if weights.shape[1] == 1 and image.shape[-1] > 1:
        return np.einsum("hwckl,ckl->hwc", windows, weights[:, 0])
    return np.einsum("hwckl,ockl->hwo", windows, weights)


def forward(given: Arrays, x: np.ndarray) -> np.ndarray:
    """What the network makes of one image, computed from PyTorch's arrays without Keras."""

    def normalised(x: np.ndarray, name: str) -> np.ndarray:
        scale = given[f"{name}.weight"] / np.sqrt(given[f"{name}.running_var"] + 1e-3)
        return (x - given[f"{name}.running_mean"]) * scale + given[f"{name}.bias"]

    def relu6(x: np.ndarray) -> np.ndarray:
        return np.clip(x, 0, 6)

    x = relu6(normalised(convolved(x, given["_conv_stem.weight"], 2), "_bn0"))
    for place, (_, stride, expansion, filters) in enumerate(BLOCKS):
        block, start = f"_blocks.{place}", x
        if expansion > 1:
            x = relu6(normalised(convolved(x, given[f"{block}._expand_conv.weight"]), f"{block}._bn0"))
        x = relu6(normalised(convolved(x, given[f"{block}._depthwise_conv.weight"], stride), f"{block}._bn1"))
        x = normalised(convolved(x, given[f"{block}._project_conv.weight"]), f"{block}._bn2")
        if stride == 1 and start.shape[-1] == filters:
            x = x + start
    return relu6(normalised(convolved(x, given["_conv_head.weight"]), "_bn1"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    np.savez(tmp_path / "lite.npz", **arrays())
    return tmp_path / "lite.npz"


def test_it_computes_what_its_arrays_say(weights: Path) -> None:
    image = np.random.default_rng(1).uniform(-1, 1, (32, 32, 3)).astype(np.float32)
    network = efficientnet_lite0((32, 32, 3))
    load_arrays(network, weights)
    found = network.predict(image[None], verbose=0)[0]
    assert found.shape == (1, 1, 1280)
    assert 0 < (found > 0).mean() < 1
    np.testing.assert_allclose(found, forward(arrays(), image), atol=2e-4)


def test_it_has_the_published_weights_and_pixels(weights: Path) -> None:
    assert efficientnet_lite0((64, 64, 3)).count_params() == 3_413_024 == read_weights(weights).count
    inputs = keras.Input((1, 1, 3))
    seen = keras.Model(inputs, as_trained_on(EFFICIENTNET_LITE0, inputs))
    np.testing.assert_allclose(seen(np.full((1, 1, 1, 3), 191.0)), 0.5)


def test_half_precision_arrays_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "half.npz", **{name: array.astype(np.float16) for name, array in arrays().items()})
    network = efficientnet_lite0((32, 32, 3))
    load_arrays(network, tmp_path / "half.npz")
    assert {weight.dtype for weight in network.weights} == {"float32"}


def broken(kind: str) -> dict[str, Any]:
    made: dict[str, Any] = arrays()
    match kind:
        case "an array is missing":
            del made["_blocks.7._bn1.bias"]
        case "another shape":
            made["_conv_head.weight"] = made["_conv_head.weight"][:, ::-1][:, :-1]
        case "no numbers":
            made["_bn0.bias"] = np.full(32, np.nan, np.float32)
        case "Python objects":
            made["_bn0.bias"] = np.array([None] * 32, object)
    return made


@pytest.mark.parametrize("kind", ["an array is missing", "another shape", "no numbers", "Python objects"])
def test_other_arrays_are_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **broken(kind))
    with pytest.raises(UserError, match=r"mine\.npz does not have the weights of EfficientNetLite0") as caught:
        get_model("efficientnet_lite0").build(
            (32, 32, 1), 7, weights=tmp_path / "mine.npz", input_size=32, train_base=True, dropout=0.2
        )
    assert "\n" not in str(caught.value)


def test_rubbish_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"mine\.npz cannot be read as arrays of weights"):
        read_weights(tmp_path / "mine.npz")


def test_imagenet_weights_have_to_be_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"efficientnet_lite0_notop\.npz cannot be downloaded; put it into"):
        get_model("efficientnet_lite0").build(
            (32, 32, 1), 7, weights="imagenet", input_size=32, train_base=True, dropout=0.2
        )
