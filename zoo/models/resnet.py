"""ResNet50 with the coursework's head."""

from typing import Any

from zoo.backbones import RESNET50
from zoo.layers import softmax
from zoo.models.cnn import RECIPE
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import features


def resnet(input_shape: tuple[int, int, int], classes: int, *, units: int, dropout: float, **base: Any) -> Any:
    """ResNet50, global average pooling, then one dense layer of `units`."""
    from keras import Model, layers

    inputs, x = features(input_shape, RESNET50, **base)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x)
    return Model(inputs, softmax(x, classes), name="resnet")


MODELS = (
    ModelSpec(
        name="resnet",
        build=resnet,
        reference="CS985 coursework: ResNet50, ImageNet",
        parameters=24_114_055,
        backbone=RESNET50,
        hyperparameters={
            "input_size": Integer(224, 32, 331),
            "train_base": Choice(False, (False, True)),
            "units": Integer(256, 1, 4096),  # the source's prose says 64, its parameter count 256
            "dropout": Real(0.5, 0.0, 0.9),
        },
        # As in the source, with augmented copies made beforehand, whose features are computed once.
        training=RECIPE.with_changes({"views": 4}),
        # The features of random weights are so similar that all units of the head would die in Adam's first steps.
        quick={"optimizer": "sgd", "learning_rate": 1e-3},
        quick_hyperparameters={"input_size": 75, "dropout": 0.0},
        published_accuracy=0.3250,
        published_parameters=24_114_055,
    ),
)
