"""A function as a text that stands alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras.layers import Dense as Last

from zoo import ModelSpec, TrainingSettings, UserError, get_model
from zoo.backbones import MOBILENET_QUARTER
from zoo.function_source import given_model
from zoo.model_files import models_in
from zoo.spec import Real

UNITS = {"wide": 5, "narrow": (2, 3)}
UNPORTABLE = np.zeros(3)


class Twice(layers.Layer):
    """A layer of one's own."""

    def call(self, inputs: Any) -> Any:
        return inputs * UNITS["narrow"][0]


def _flat(x: Any) -> Any:
    return Twice()(layers.Flatten()(x))


def mine(input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25) -> Any:
    inputs = keras.Input(input_shape)
    x = layers.Dropout(dropout)(layers.Dense(UNITS["wide"])(_flat(inputs)))
    return keras.Model(inputs, Last(classes, activation="softmax")(x))


def with_a_text(input_shape: tuple[int, int, int], classes: int, activation: str = "relu") -> Any:
    inputs = keras.Input(input_shape)
    x = layers.Dense(4, activation=activation)(layers.Flatten()(inputs))
    return keras.Model(inputs, Last(classes, activation="softmax")(x))


def with_an_array(input_shape: tuple[int, int, int], classes: int) -> Any:
    return UNPORTABLE


def inner() -> Callable[..., Any]:
    width = 3

    def model(input_shape: tuple[int, int, int], classes: int) -> Any:
        return width

    return model


def small(input_shape: tuple[int, int, int], classes: int, *, dropout: float, **base: Any) -> Any:
    return MOBILENET_QUARTER


def test_a_function_with_all_that_it_uses() -> None:
    spec = given_model(mine)
    assert spec.build is not mine
    built = spec.build((6, 5, 1), 3, **spec.with_hyperparameters({"dropout": 0.5}))
    assert built.output_shape == (None, 3)
    assert [layer.rate for layer in built.layers if isinstance(layer, layers.Dropout)] == [0.5]
    assert "class Twice" in spec.source
    assert "import keras as keras" in spec.source
    assert "UNPORTABLE" not in spec.source
    # The same text, wherever it is run.
    assert models_in(spec.source)["mine"].source == spec.source
    assert given_model(mine) == spec
    assert given_model(spec) is spec


def test_a_text_among_its_arguments_is_a_hyperparameter() -> None:
    spec = given_model(with_a_text)
    built = spec.build((6, 5, 1), 3, **spec.with_hyperparameters({"activation": "tanh"}))
    assert built.layers[2].activation.__name__ == "tanh"


def test_a_declared_model_keeps_its_declaration() -> None:
    declared = ModelSpec(
        "small",
        "here",
        218_544,
        build=small,
        hyperparameters={"dropout": Real(0.1, 0, 0.9)},
        search_space={"dropout": Real(0.1, 0, 0.9)},
        training=TrainingSettings(epochs=3),
        smallest=9,
        backbone=MOBILENET_QUARTER,
    )
    given = given_model(declared)
    assert replace(given, build=small, source="") == declared
    assert given.build((9, 9, 1), 2, dropout=0.1) == MOBILENET_QUARTER


def test_a_model_of_the_zoo_under_another_name() -> None:
    given = given_model(replace(get_model("cnn4"), name="mine", training=TrainingSettings(epochs=2)))
    assert given.build is get_model("cnn4").build
    assert given.training.epochs == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (with_an_array, "uses UNPORTABLE, a ndarray that its source does not have"),
        (inner(), "model uses width of a function around it"),
        (lambda input_shape, classes: None, "function made by def"),
        (print, "function made by def"),
        (3, "function made by def"),
        (test_a_model_of_the_zoo_under_another_name, "must take"),
    ],
)
def test_what_cannot_stand_alone_is_one_line(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        given_model(given)
    assert "\n" not in str(caught.value)


def test_a_function_without_source() -> None:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec("def gone(input_shape, classes):\n    return None\n", space)  # noqa: S102
    with pytest.raises(UserError, match=r"source of gone cannot be read.*--models"):
        given_model(space["gone"])
