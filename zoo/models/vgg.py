"""VGG16 with the coursework's head."""

from typing import Any

from zoo.backbones import VGG16
from zoo.layers import batch_norm, softmax
from zoo.models.cnn import RECIPE
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import features


def vgg(input_shape: tuple[int, int, int], classes: int, *, units: int, dropout: float, **base: Any) -> Any:
    """VGG16, flattened and normalised, then three narrow dense layers. `input_size` decides how many weights."""
    from keras import Model, layers

    inputs, x = features(input_shape, VGG16, **base)
    x = batch_norm()(layers.Flatten()(x))
    for _ in range(3):
        x = batch_norm()(layers.Dense(units)(x))
        x = layers.Dropout(dropout)(layers.Activation("relu")(x))
    return Model(inputs, softmax(x, classes), name="vgg")


MODELS = (
    ModelSpec(
        name="vgg",
        build=vgg,
        reference="CS985 coursework: VGG16, ImageNet",
        parameters=15_620_615,
        backbone=VGG16,
        hyperparameters={
            "input_size": Integer(224, 32, 331),
            "train_base": Choice(False, (False, True)),
            "units": Integer(32, 1, 4096),
            "dropout": Real(0.5, 0.0, 0.9),
        },
        # As in the source, with augmented copies made beforehand, whose features are computed once.
        training=RECIPE.with_changes({"views": 2}),
        quick={"learning_rate": 1e-3},
        quick_hyperparameters={"input_size": 48},
        published_accuracy=0.529,
        published_parameters=15_620_615,
    ),
)
