"""Cue-Cetera's VGG16, of which all layers are trained: the release candidate and the beta."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo.backbones import VGG16
from zoo.layers import batch_norm, softmax
from zoo.settings import TrainingSettings
from zoo.spec import Choice, Hyperparameter, Integer, ModelSpec, Real
from zoo.transfer import features


def cue_vgg(
    input_shape: tuple[int, int, int], classes: int, *, units: int, dropout: float, l2: float = 0.0, **base: Any
) -> Any:
    """VGG16, flattened, then one dense layer of `units`, penalised by `l2`. `input_size` decides how many weights."""
    from keras import Model, layers, regularizers

    inputs, x = features(input_shape, VGG16, **base)
    penalty = regularizers.L2(l2) if l2 else None
    x = layers.Dense(units, activation="relu", kernel_regularizer=penalty)(layers.Flatten()(x))
    x = layers.Dropout(dropout)(batch_norm()(x))
    return Model(inputs, softmax(x, classes), name="cue_vgg")


HYPERPARAMETERS: Mapping[str, Hyperparameter] = {
    "input_size": Integer(224, 32, 331),
    "train_base": Choice(True, (False, True)),
    "units": Integer(128, 1, 4096),
    "dropout": Real(0.6, 0.0, 0.9),
}
# The source names no rate. Adam's usual 1e-3 is too much for the whole of VGG16, which has no normalisation.
RECIPE = TrainingSettings(learning_rate=1e-4, schedule="plateau", schedule_patience=3, epochs=300, batch_size=64)
QUICK = {"learning_rate": 1e-3}
# Small and frozen, for a first look on a CPU: VGG16 is the slowest backbone.
QUICK_HYPERPARAMETERS = {"input_size": 48, "train_base": False}

MODELS = (
    ModelSpec(
        name="cue_vgg",
        build=cue_vgg,
        reference="Cue-Cetera release candidate: VGG16",
        parameters=17_927_495,
        backbone=VGG16,
        hyperparameters={**HYPERPARAMETERS, "l2": Real(0.01, 0.0, 1.0)},
        training=RECIPE,
        quick=QUICK,
        quick_hyperparameters=QUICK_HYPERPARAMETERS,
        published_accuracy=0.9250,
        published_parameters=17_927_366,
        published_classes=6,
        note="published on validation of its own 6-class set of 6,000 images",
    ),
    ModelSpec(
        name="cue_vgg_beta",
        build=cue_vgg,
        reference="Cue-Cetera beta: VGG16",
        parameters=17_927_495,
        backbone=VGG16,
        hyperparameters=HYPERPARAMETERS,
        # The source also has class weights; with classes of one size they are all 1.
        training=replace(RECIPE, balance="copies", augmentation="affine"),
        quick=QUICK,
        quick_hyperparameters=QUICK_HYPERPARAMETERS,
        published_accuracy=0.7206,
        note="published with 6 classes of FER-2013 (no disgust), brought to one size by augmented copies",
    ),
)
