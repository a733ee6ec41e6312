"""Networks that oneDNN has no right gradient of are refused, and no others. None of them is trained here."""

from typing import Any

import pytest

from benchmark.hardware import backend
from benchmark.training.compiled.onednn import BLOCK, check_convolutions
from zoo.errors import UserError


def network(channels: int, size: int = 1, stride: int = 2, trainable: bool = True) -> Any:
    import keras

    inputs = keras.Input((8, 8, channels))
    layer = keras.layers.Conv2D(BLOCK, size, strides=stride, name="shortcut", trainable=trainable)
    inner = keras.Model(inputs, layer(inputs))
    outer = keras.Input((8, 8, channels))
    return keras.Model(outer, keras.layers.Flatten()(inner(outer)))


@pytest.fixture
def with_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "device", lambda: {"device": "CPU", "onednn": True})


@pytest.mark.usefixtures("with_onednn")
@pytest.mark.parametrize("channels", [1, BLOCK - 1])
def test_a_narrow_convolution_with_a_stride_is_refused(channels: int) -> None:
    with pytest.raises(UserError, match=r"fewer than 16 channels \(shortcut\): .*TF_ENABLE_ONEDNN_OPTS=0 before the"):
        check_convolutions(network(channels))


@pytest.mark.usefixtures("with_onednn")
def test_others_are_trained() -> None:
    check_convolutions(network(BLOCK))
    check_convolutions(network(1, size=3))
    check_convolutions(network(1, stride=1))
    check_convolutions(network(1, trainable=False))


def test_without_onednn_all_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "device", lambda: {"device": "CPU", "onednn": False})
    check_convolutions(network(1))
