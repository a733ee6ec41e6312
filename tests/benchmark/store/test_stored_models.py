"""Stored models as Keras models."""

from pathlib import Path

import numpy as np
import pytest
from trained_models import tiny, trained_perceptron

from benchmark.store.stored_models import load_model, predict
from zoo import UserError


@pytest.mark.parametrize(
    ("classes", "shape"), [(7, (12, 12, 1)), (2, (12, 12, 1)), (3, (9, 5, 1)), (3, (6, 6, 3))], ids=str
)
def test_a_perceptron_is_scikit_learns(tmp_path: Path, classes: int, shape: tuple[int, int, int]) -> None:
    trainer, path = trained_perceptron(tmp_path, classes, shape)
    images = np.random.default_rng(1).integers(0, 256, (50, *shape), dtype=np.uint8)
    model = load_model(path)
    assert model.input_shape == (None, *shape)
    assert model.count_params() == trainer.size().parameters + (65 if classes == 2 else 0)
    expected = trainer.predict(images)
    assert np.ptp(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(predict(model, images), expected, atol=1e-5)


@pytest.mark.parametrize(("noted", "shape"), [((12, 12, 1), (12, 12, 1)), ((6, 6, 3), (6, 6, 3)), ((9, 5, 1), None)])
def test_a_perceptron_that_does_not_note_its_shape(
    tmp_path: Path, noted: tuple[int, int, int], shape: tuple[int, int, int] | None
) -> None:
    _, path = trained_perceptron(tmp_path, 3, noted)
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays if name != "input_shape"}
    np.savez(path, **kept)
    if shape is None:
        with pytest.raises(UserError, match="does not say the shape of its images of 45 values"):
            load_model(path)
    else:
        assert load_model(path).input_shape == (None, *shape)


def test_a_model_with_code_in_it_is_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1, output_shape=(2,))])
    model.save(tmp_path / "model.keras")
    with pytest.raises(UserError, match="Lambda layer of a function without a name") as error:
        load_model(tmp_path / "model.keras")
    assert "\n" not in str(error.value)


def test_a_keras_file_is_loaded_as_it_was(tmp_path: Path) -> None:
    model = tiny()
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(1).integers(0, 256, (40, 12, 10, 1), dtype=np.uint8)
    found = predict(load_model(tmp_path / "model.keras"), images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model(images, training=False), atol=1e-6)
