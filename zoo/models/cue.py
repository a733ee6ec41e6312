"""Cue-Cetera's first release: a plain network trained from scratch."""

from typing import Any

from zoo.layers import batch_norm, pixels, softmax
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec, Real


def cue_cnn(input_shape: tuple[int, int, int], classes: int, *, dropout: float) -> Any:
    """Three blocks of convolution, normalisation and pooling, then one dense layer. Images of at least 8 x 8."""
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for filters in (32, 64, 128):
        x = batch_norm()(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
        x = layers.Dropout(dropout)(layers.MaxPooling2D()(x))
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return Model(inputs, softmax(layers.Dropout(dropout)(x), classes), name="cue_cnn")


MODELS = (
    ModelSpec(
        name="cue_cnn",
        build=cue_cnn,
        reference="Cue-Cetera: pre-alpha release",
        parameters=684_423,
        smallest=8,
        hyperparameters={"dropout": Real(0.25, 0.0, 0.9)},
        training=TrainingSettings(learning_rate=1e-4, augmentation="flip", epochs=100),
        quick={"learning_rate": 1e-3, "images": 700, "epochs": 3, "batch_size": 16},
        quick_hyperparameters={"dropout": 0.0},
        published_accuracy=0.4830,
        note="published with 28 classes of its own; its layer widths are not, ours are a guess",
    ),
)
