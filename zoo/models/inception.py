"""InceptionV3 with the coursework's head."""

from typing import Any

from zoo.backbones import INCEPTION_V3
from zoo.layers import softmax
from zoo.models.cnn import RECIPE
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import features


def inception(input_shape: tuple[int, int, int], classes: int, *, units: int, dropout: float, **base: Any) -> Any:
    """InceptionV3, global average pooling, then one dense layer of `units`."""
    from keras import Model, layers

    inputs, x = features(input_shape, INCEPTION_V3, **base)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(units, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(dropout)(x)
    return Model(inputs, softmax(x, classes), name="inception")


MODELS = (
    ModelSpec(
        name="inception",
        build=inception,
        reference="CS985 coursework: InceptionV3, ImageNet",
        parameters=22_329_127,
        backbone=INCEPTION_V3,
        hyperparameters={
            "input_size": Integer(75, 75, 331),
            "train_base": Choice(False, (False, True)),
            "units": Integer(256, 1, 4096),
            "dropout": Real(0.5, 0.0, 0.9),
        },
        # As in the source, with augmented copies made beforehand, whose features are computed once.
        training=RECIPE.with_changes({"views": 4}),
        quick={"learning_rate": 1e-3},
        published_accuracy=0.3033,
        published_parameters=22_329_127,
    ),
)
