"""Batch normalisation in one operation is faster than Keras' own. A ratio, both measured in turn in one run."""

import statistics

import keras
import layer_steps
import pytest

from benchmark.hardware import backend

pytestmark = [
    pytest.mark.perf,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow" or not backend.on_cpu(), reason="of TensorFlow on a CPU"
    ),
]

TURNS = 7


def test_dinh_with_one_operation_and_with_keras_own() -> None:
    plain, faster = layer_steps.epochs("dinh", {})
    theirs, ours = map(statistics.median, zip(*((plain(), faster()) for _ in range(TURNS)), strict=True))
    print(f"\ndinh: {ours / theirs:.2f} of the processor time with Keras' own")
    assert ours < 0.95 * theirs
