"""Every model of the zoo, whatever it is: a new one is covered as soon as its file is there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo.models
from benchmark.training.flops import model_flops
from zoo import Choice, Integer, ModelSpec, Real, UserError, all_models, get_model
from zoo.spec import Hyperparameter

MODELS = list(all_models().values())
KERAS_MODELS = [spec for spec in MODELS if spec.build]
FER = (48, 48, 1)


def by_name(spec: ModelSpec) -> str:
    return spec.name


def built(spec: ModelSpec, shape: tuple[int, int, int], classes: int, **changes: Any) -> Any:
    """The model with default hyperparameters but for the changes; a transfer model from random weights."""
    weights = {"weights": "random"} if spec.weights else {}
    return spec.build(shape, classes, **spec.with_hyperparameters(changes), **weights)


def assert_probabilities(found: Any, shape: tuple[int, int]) -> None:
    probabilities = np.asarray(found)
    assert probabilities.shape == shape
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("spec", KERAS_MODELS, ids=by_name)
def test_declared_parameters_are_those_of_the_built_model(spec: ModelSpec) -> None:
    model = built(spec, FER, 7)
    assert model.count_params() == spec.parameters
    pixels = np.random.default_rng(0).integers(0, 256, (1, *FER)).astype(np.float32)
    assert_probabilities(model(pixels, training=False), (1, 7))


@pytest.mark.parametrize("spec", [spec for spec in MODELS if spec.published_parameters], ids=by_name)
def test_parameters_equal_the_published_ones(spec: ModelSpec) -> None:
    if spec.published_classes == 7:
        assert spec.parameters == spec.published_parameters
    else:
        model = built(spec, FER, spec.published_classes)
        assert model.count_params() == spec.published_parameters


@pytest.mark.parametrize("spec", KERAS_MODELS, ids=by_name)
def test_input_shape_and_class_count_come_from_the_data(spec: ModelSpec) -> None:
    # At its smallest input a transfer model answers soonest.
    size = {"input_size": spec.hyperparameters["input_size"].low} if spec.weights else {}
    classes = 2 if spec.name == "cnn4" else 4
    model = built(spec, (64, 56, 3), classes, **size)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 56, 3)).astype(np.float32)
    # Called, not `predict`: to trace a network once more takes longer than to build it.
    assert_probabilities(model(pixels, training=False), (3, classes))


@pytest.mark.parametrize("spec", [spec for spec in KERAS_MODELS if spec.smallest > 1], ids=by_name)
def test_smallest_images_are_as_small_as_they_get(spec: ModelSpec) -> None:
    edge = spec.smallest
    built(spec, (edge, edge, 1), 7)
    # Of Keras 3.13 when it predicts, later when built; or ours.
    with pytest.raises((ValueError, UserError), match=r"dimension|size|shape|at least 16 pixels"):
        built(spec, (edge - 1, edge - 1, 1), 7).predict(np.zeros((1, edge - 1, edge - 1, 1)), verbose=0)


@pytest.mark.parametrize("spec", [spec for spec in MODELS if spec.estimator], ids=by_name)
def test_declared_parameters_are_those_of_the_fitted_estimator(spec: ModelSpec) -> None:
    estimator = spec.estimator(**spec.with_hyperparameters({}), batch_size=7, learning_rate=1e-3, seed=0)
    estimator.partial_fit(np.random.default_rng(0).random((7, 48 * 48)), np.arange(7), classes=np.arange(7))
    weights = [*estimator.coefs_, *estimator.intercepts_]
    assert sum(array.size for array in weights) == spec.parameters


def test_each_hyperparameter_reaches_the_model() -> None:
    model = get_model("cnn4").build(FER, 7, dropout=0.75)
    rates = {layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"}
    assert rates == {0.75}


def test_unknown_model_gets_close_matches() -> None:
    with pytest.raises(UserError, match=r"unknown model 'cnn'.*did you mean"):
        get_model("cnn")
    with pytest.raises(UserError, match=r"unknown model 'lpm': did you mean mlp\?"):
        get_model("lpm")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"width": [8, 16]}, r"width is \[8, 16\], expected Integer, Real or Choice"),
        ({"depth": Choice(1, (1, 2))}, "depth is in the search space, and neither among the hyperparameters nor"),
    ],
)
def test_what_no_search_space_has(space: dict[str, Any], message: str) -> None:
    def build(input_shape: tuple[int, ...], classes: int, *, width: int) -> None: ...

    fields: dict[str, Any] = {"name": "mine", "build": build, "reference": "mine", "parameters": 1}
    with pytest.raises(UserError, match=message):
        ModelSpec(**fields, hyperparameters={"width": Integer(8, 1, 64)}, search_space=space)


def test_hyperparameters_are_read_and_checked() -> None:
    spec = get_model("cnn4")
    assert spec.with_hyperparameters({"dropout": "0.4"}) == {"dropout": 0.4}
    with pytest.raises(UserError, match=r"dropout must be a number from 0 to 0\.9, got 1\.5"):
        spec.with_hyperparameters({"dropout": "1.5"})
    assert spec.with_hyperparameters({"dropout": 0}) == spec.with_hyperparameters({"dropout": "0"})
    assert type(spec.with_hyperparameters({"dropout": 0})["dropout"]) is float
    assert spec.with_hyperparameters({"dropout": np.float32(0.5)}) == {"dropout": 0.5}
    with pytest.raises(UserError, match="did you mean dropout"):
        spec.with_hyperparameters({"droput": "0.4"})


def test_a_model_needs_exactly_one_of_build_and_estimator() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        ModelSpec(name="x", reference="", parameters=1)


@pytest.mark.parametrize(
    ("name", "searched", "problem"),
    [
        ("dropout", Real(0.3, 0.0, 1.0), "dropout must be a number from 0 to 0.5, got 1.0"),
        ("dropout", Real(0.3, 0.0, 0.5, log=True), "dropout cannot be searched on a logarithmic scale from 0"),
        ("width", Real(8.0, 8.0, 16.0), "width must be a whole number"),
        ("learning_rate", Real(1e-3, 1e-3, 1e3), "learning_rate must be"),
        ("batch_size", Choice(16, (16, 0)), "batch_size must be"),
        ("optimizer", Choice("sgd", ("sgd", "lion")), "unknown optimizer 'lion'"),
    ],
    ids=str,
)
def test_a_search_proposes_legal_values_alone(name: str, searched: Hyperparameter, problem: str) -> None:
    own = {"dropout": Real(0.3, 0.0, 0.5), "width": Integer(8, 1, 64)}
    with pytest.raises(UserError) as error:
        ModelSpec("x", "", 1, build=len, hyperparameters=own, search_space={name: searched})
    assert problem in str(error.value)


def test_the_winner_of_a_search_is_its_model() -> None:
    for name in ("bayes", "keras:MobileNetV3Small", "sklearn:sklearn.naive_bayes.GaussianNB"):
        assert get_model(f"{name}-tuned").name == name


NEW_MODEL = """
from zoo.layers import pixels, softmax
from zoo.spec import ModelSpec


def tiny(input_shape, classes):
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    return Model(inputs, softmax(layers.Flatten()(x), classes))


MODELS = (ModelSpec(name="tiny", build=tiny, reference="here", parameters=16_135),)
"""


def test_a_new_model_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brand_new_family.py").write_text(NEW_MODEL)
    monkeypatch.setattr(zoo.models, "__path__", [*zoo.models.__path__, str(tmp_path)])
    spec = get_model("tiny")
    assert spec.family == "brand_new_family"
    assert spec.build(FER, 7).count_params() == spec.parameters
    assert len(NEW_MODEL.splitlines()) < 30


@pytest.mark.parametrize(
    ("name", "small"), [("dinh", {}), ("vggnet", {"width": 8, "dense": 64}), ("resnet18", {"width": 8})]
)
def test_what_comes_from_pytorch_starts_as_there(name: str, small: dict[str, Any]) -> None:
    """Kernels are uniform within 1 / sqrt(fan in), as `kaiming_uniform_` with a = sqrt(5) draws them."""
    kernels = [weights.numpy() for weights in built(get_model(name), FER, 7, **small).weights if weights.ndim > 1]
    assert len(kernels) > 5
    for kernel in kernels:
        bound = np.prod(kernel.shape[:-1]) ** -0.5
        # The largest draws are the bound itself as float32, which may round it up.
        assert np.abs(kernel).max() <= bound * (1 + np.finfo(np.float32).eps)
        assert np.abs(kernel).max() > 0.9 * bound
        assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.2)


def test_squeeze_and_excitation_adds_two_dense_layers_to_each_block() -> None:
    spec = get_model("resnet18")
    plain, excited = (built(spec, FER, 7, squeeze=squeeze).count_params() for squeeze in (0, 16))
    assert plain == spec.parameters
    per_block = [(filters, filters // 16) for filters in (64, 128, 256, 512)]
    assert excited - plain == 2 * sum(2 * filters * few + few + filters for filters, few in per_block)


def test_resnet18_sees_images_as_large_as_asked() -> None:
    spec = get_model("resnet18")
    own, larger = (built(spec, FER, 7, input_size=edge, width=4) for edge in (0, 96))
    assert larger.input_shape == own.input_shape == (None, *FER)
    assert larger.count_params() == own.count_params()
    assert 3.9 < model_flops(larger) / model_flops(own) < 4.1
