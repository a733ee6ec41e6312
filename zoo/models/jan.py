"""Jan's tutorial network."""

from typing import Any

from zoo.layers import pixels, softmax
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec, Real


def jan(input_shape: tuple[int, int, int], classes: int, *, dropout: float) -> Any:
    """Four unpadded convolutions, three times pooled, and a wide dense layer. Images of at least 24 x 24."""
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
    x = layers.Dropout(dropout / 2)(layers.MaxPooling2D()(x))
    for _ in range(2):
        x = layers.MaxPooling2D()(layers.Conv2D(128, 3, activation="relu")(x))
    x = layers.Flatten()(layers.Dropout(dropout / 2)(x))
    x = layers.Dropout(dropout)(layers.Dense(1024, activation="relu")(x))
    return Model(inputs, softmax(x, classes), name="jan")


MODELS = (
    ModelSpec(
        name="jan",
        build=jan,
        reference="Jan: tutorial CNN on a 70/30 split",
        parameters=2_345_607,
        smallest=24,
        hyperparameters={"dropout": Real(0.5, 0.0, 0.9)},
        training=TrainingSettings(learning_rate=1e-4, patience=0, epochs=50),
        quick={"learning_rate": 1e-3, "images": 700, "epochs": 3, "batch_size": 16},
        quick_hyperparameters={"dropout": 0.1},
        note="published: 90 % on training data, under 60 % on test; its split is --split 70/30",
    ),
)
