"""The coursework's convolutional networks of four and seven layers."""

from typing import Any

from zoo.layers import batch_norm, pixels, softmax
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec, Real

RECIPE = TrainingSettings(
    schedule="plateau", schedule_patience=4, augmentation="coursework", patience=12, epochs=100, batch_size=64
)
# As in the source, augmented copies are made once and join the originals. Augmented on the fly, half of all images are
# upside down and none is plain: on FER-2013 `cnn4` had nine points less.
WITH_COPIES = RECIPE.with_changes({"copies": 2, "batch_norm": "plain"})
# What a quick run leaves out.
QUICK = {"images": 700, "batch_norm": "running", "batch_size": 16}
DROPOUT = {"dropout": Real(0.25, 0.0, 0.9)}
# In so few steps nothing overfits, and dropout only slows down learning.
QUICK_HYPERPARAMETERS = {"dropout": 0.0}


def cnn4(input_shape: tuple[int, int, int], classes: int, *, dropout: float) -> Any:
    """Four blocks of convolution and pooling, then two dense layers. Images of at least 16 x 16."""
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for filters in (64, 128, 256, 512):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = batch_norm()(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.GlobalAveragePooling2D()(x)
    for units in (512, 256):
        x = layers.Dense(units, activation="relu")(x)
        x = layers.Dropout(dropout)(x)
    return Model(inputs, softmax(x, classes), name="cnn4")


def cnn7(input_shape: tuple[int, int, int], classes: int, *, dropout: float) -> Any:
    """Three pairs of unpadded convolutions, each pair pooled, then one dense layer. Images of at least 36 x 36.

    The source names no dropout for it; this has `cnn4`'s.
    """
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for pair in ((32, 64), (128, 128), (256, 256)):
        for filters in pair:
            x = layers.Conv2D(filters, 3, activation="relu")(x)
            x = batch_norm()(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    x = layers.Dropout(dropout)(batch_norm()(x))
    return Model(inputs, softmax(x, classes), name="cnn7")


MODELS = (
    ModelSpec(
        name="cnn4",
        build=cnn4,
        reference="CS985 coursework: 4-layer CNN",
        parameters=1_949_447,
        smallest=16,
        hyperparameters=DROPOUT,
        training=WITH_COPIES,
        quick={**QUICK, "epochs": 4},
        quick_hyperparameters=QUICK_HYPERPARAMETERS,
        published_accuracy=0.5985,
        published_parameters=1_949_447,
    ),
    ModelSpec(
        name="cnn7",
        build=cnn7,
        reference="CS985 coursework: 7-layer CNN",
        parameters=1_394_183,
        smallest=36,
        hyperparameters=DROPOUT,
        training=WITH_COPIES,
        quick={**QUICK, "epochs": 3},
        quick_hyperparameters=QUICK_HYPERPARAMETERS,
        published_accuracy=0.6050,
        published_parameters=1_394_183,
    ),
)
