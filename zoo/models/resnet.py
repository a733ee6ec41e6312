"""ResNet50 with a head of its own, as the coursework had it."""

from typing import Any

from zoo.backbones import RESNET50, features
from zoo.layers import softmax
from zoo.models.cnn import RECIPE
from zoo.spec import Choice, Integer, ModelSpec, Real


def resnet(input_shape: tuple[int, int, int], classes: int, *, units: int, dropout: float, **base: Any) -> Any:
    """ResNet50, averaged over the picture, then one dense layer of `units`."""
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
        # Copies made beforehand, as the source had them, of which features are computed once.
        training=RECIPE.with_changes({"views": 4}),
        # The features of random weights have so much in common that Adam's first steps would kill the head.
        quick={"optimizer": "sgd", "learning_rate": 1e-3},
        quick_hyperparameters={"input_size": 75, "dropout": 0.0},
        published_accuracy=0.3250,
        published_parameters=24_114_055,
    ),
)
