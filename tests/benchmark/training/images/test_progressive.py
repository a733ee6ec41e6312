"""Images that grow: which size an epoch sees, and that training on them goes on with the same weights and optimiser."""

from typing import Any

import numpy as np
import pytest

from benchmark.training.images.progressive import edges_shown, shown_smaller, whole_edges
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.logits import logits_model
from benchmark.training.trainer import Epoch
from zoo import TrainingSettings, UserError
from zoo.layers import batch_norm, pixels, softmax
from zoo.registry import get_model

GROWING = TrainingSettings(epochs=3, batch_size=16, optimizer="sgd", augmentation="flip", progressive_size=8)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1)).astype(np.uint8)
LABELS = np.arange(40) % 3


def network(edge: int = 16, flat: bool = False) -> Any:
    from keras import Model, layers

    inputs, x = pixels((edge, edge, 1))
    x = layers.Activation("relu")(batch_norm()(layers.Conv2D(6, 3, padding="same")(x)))
    x = layers.Flatten()(x) if flat else layers.GlobalAveragePooling2D()(x)
    return Model(inputs, softmax(layers.Dropout(0.2)(x), 3))


def transfer(input_size: int) -> Any:
    spec = get_model("mobilenet025")
    given = spec.with_hyperparameters({"input_size": input_size, "train_base": True})
    return spec.build((16, 16, 1), 3, weights="random", **given)


def epoch(number: int) -> Epoch:
    return Epoch(IMAGES, np.random.default_rng(number).permutation(40), LABELS, None, 0.1, number)


@pytest.mark.parametrize(
    ("number", "edge"), [(0, 24), (6, 24), (7, 32), (13, 32), (14, 40), (19, 40), (20, 48), (29, 48)]
)
def test_the_edge_grows_to_the_whole_image_in_two_thirds_of_the_epochs(number: int, edge: int) -> None:
    settings = TrainingSettings(epochs=30, progressive_size=24)
    assert edges_shown(settings, number, (48, 48)) == (edge, edge)
    assert edges_shown(settings, number, (96, 48)) == (2 * edge, edge)


def test_only_the_first_and_the_last_size_need_be_no_multiple_of_eight() -> None:
    settings = TrainingSettings(epochs=6, progressive_size=20)
    seen = [edges_shown(settings, number, (45, 45))[0] for number in range(6)]
    assert seen == [20, 24, 32, 32, 45, 45]  # grown in a straight line: 20, 26.25, 32.5, 38.75, 45


@pytest.mark.parametrize(("epochs", "edges"), [(1, [48]), (2, [24, 48]), (3, [24, 32, 48])])
def test_few_epochs_end_with_whole_images_too(epochs: int, edges: list[int]) -> None:
    settings = TrainingSettings(epochs=epochs, progressive_size=24)
    assert [edges_shown(settings, number, (48, 48))[0] for number in range(epochs)] == edges


def test_a_larger_step_gives_fewer_sizes() -> None:
    settings = TrainingSettings(epochs=12, progressive_size=64)
    seen = [edges_shown(settings, number, (96, 96), step=16)[0] for number in range(12)]
    assert seen == [64] * 4 + [80] * 4 + [96] * 4


@pytest.mark.parametrize("size", [0, 48, 100])
def test_off_or_not_smaller_shows_whole_images(size: int) -> None:
    assert edges_shown(TrainingSettings(progressive_size=size), 0, (48, 50)) == (48, 50)


def test_the_same_layers_see_the_smaller_image() -> None:
    import keras

    whole, other = network(), network(8)
    smaller = shown_smaller(whole, (8, 8))
    assert [id(one) for one in smaller.variables] == [id(one) for one in whole.variables]
    other.set_weights(whole.get_weights())
    images = IMAGES.astype(np.float32)
    shrunk = keras.ops.image.resize(images, (8, 8), antialias=True)
    np.testing.assert_allclose(smaller(images, training=False), other(shrunk, training=False), atol=1e-5)


def test_a_transfer_model_resizes_its_images_to_the_smaller_size_at_once() -> None:
    whole, other = transfer(48), transfer(32)
    assert whole_edges(whole) == (48, 48)
    smaller = shown_smaller(logits_model(whole), (32, 32))
    assert [id(one) for one in smaller.variables] == [id(one) for one in whole.variables]
    other.set_weights(whole.get_weights())
    images = IMAGES.astype(np.float32)
    np.testing.assert_allclose(
        smaller([images], training=False), logits_model(other)([images], training=False), rtol=1e-4, atol=1e-5
    )
    assert whole_edges(whole) == (48, 48), "it is as before"


def test_the_backbone_of_a_transfer_model_is_trained_on_growing_images() -> None:
    import keras

    keras.utils.set_random_seed(0)
    settings = GROWING.with_changes({"progressive_size": 32, "batch_norm": "plain"})
    trainer = KerasTrainer(transfer(48), settings, 0, lambda *_: None)
    before = trainer.snapshot()
    for number in range(3):
        trainer.train_epoch(epoch(number))
    assert list(trainer._epochs) == [(32, 32), (48, 48)], "in steps of 16"
    assert int(trainer._optimizer.iterations) == 9
    changed = [np.abs(one - two).max() > 0 for one, two in zip(before, trainer.snapshot(), strict=True)]
    assert all(changed)
    assert trainer.predict(IMAGES).shape == (40, 3)


def images_within(kind: str) -> Any:
    """A network on images of 16 pixels with another model, or another way of resizing, within it."""
    import keras
    from keras import layers

    inputs, x = pixels((16, 16, 1))
    convolution = layers.Conv2D(8, 3, padding="same")
    if kind == "branch":
        x = layers.Concatenate()(
            [layers.GlobalMaxPooling2D()(convolution(one)) for one in (x, layers.Resizing(8, 8)(x))]
        )
    elif kind == "nested":
        x = keras.Sequential([keras.Input((16, 16, 1)), layers.Resizing(16, 16)])(x)
        x = layers.GlobalAveragePooling2D()(convolution(x))
    elif kind == "head":
        x = layers.GlobalAveragePooling2D()(convolution(x))
        x = keras.Sequential([keras.Input((8,)), layers.Dense(4)])(x)
    else:
        inner = keras.Input((None, None, 8))
        x = keras.Model(inner, layers.GlobalAveragePooling2D()(inner))(layers.MaxPooling2D()(convolution(x)))
    return keras.Model(inputs, softmax(x, 3))


@pytest.mark.parametrize("kind", ["branch", "head", "maps of any size"])
def test_only_a_layer_that_resizes_all_images_first_is_replaced(kind: str) -> None:
    import keras

    whole = images_within(kind)
    assert whole_edges(whole) == (16, 16)
    smaller = shown_smaller(logits_model(whole), (8, 8))
    assert [id(one) for one in smaller.variables] == [id(one) for one in whole.variables]
    shrunk = keras.ops.image.resize(IMAGES.astype(np.float32), (8, 8), antialias=True)
    by_hand = keras.models.clone_model(whole, keras.Input((8, 8, 1)), clone_function=lambda layer: layer)
    found = keras.ops.softmax(smaller(IMAGES.astype(np.float32), training=False))
    np.testing.assert_allclose(found, by_hand(shrunk, training=False), atol=1e-5)


def test_a_model_within_that_takes_one_size_is_refused() -> None:
    with pytest.raises(UserError, match="progressive_size needs a network that takes images of any size"):
        shown_smaller(images_within("nested"), (8, 8))


def test_blocks_of_a_backbone_that_are_models_by_themselves_see_smaller_maps() -> None:
    import keras
    from keras import layers

    maps = keras.Input((12, 12, 1))
    block = keras.Sequential([keras.Input((6, 6, 4)), layers.Conv2D(4, 3, padding="same")])
    backbone = keras.Model(maps, block(layers.Conv2D(4, 3, strides=2, padding="same")(maps)))
    inputs, x = pixels((16, 16, 1))
    x = layers.GlobalAveragePooling2D()(backbone(layers.Resizing(12, 12)(inputs)))
    whole = keras.Model(inputs, softmax(x, 3))
    smaller = shown_smaller(whole, (8, 8))
    assert [id(one) for one in smaller.variables] == [id(one) for one in whole.variables]
    assert smaller(IMAGES.astype(np.float32), training=False).shape == (40, 3)


def test_weights_of_one_size_are_refused() -> None:
    with pytest.raises(UserError, match="progressive_size needs a network that takes images of any size"):
        KerasTrainer(network(flat=True), GROWING, 0, lambda *_: None).train_epoch(epoch(0))


def test_training_goes_on_from_size_to_size_and_after_an_interruption() -> None:
    settings = GROWING.with_changes({"ema": 0.9, "mixup": 0.2, "batch_norm": "augmented"})

    def trainer() -> KerasTrainer:
        import keras

        keras.utils.set_random_seed(0)
        return KerasTrainer(network(), settings, 0, lambda *_: None)

    whole, states = trainer(), []
    for number in range(3):
        whole.train_epoch(epoch(number))
        states.append(whole.state())
    assert int(whole._optimizer.iterations) == 9, "one optimiser for all sizes"
    assert list(whole._epochs) == [(8, 8), (16, 16)]
    again = trainer()
    again.restore_state(states[0])
    for number in (1, 2):
        again.train_epoch(epoch(number))
    for name, value in states[2].items():
        np.testing.assert_allclose(again.state()[name], value, atol=1e-6, err_msg=name)
    # What is learnt differs from training on whole images.
    plain = KerasTrainer(network(), settings.with_changes({"progressive_size": 0}), 0, lambda *_: None)
    plain.restore_state(states[0])
    plain.train_epoch(epoch(1))
    assert any(np.abs(one - states[1][name]).max() > 1e-5 for name, one in plain.state().items())
