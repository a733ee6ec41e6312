"""MobileNets: Cue-Cetera's alpha release, and a quarter-width one that is small enough for any CPU."""

from typing import Any

from zoo.backbones import MOBILENET_QUARTER, MOBILENET_V2
from zoo.settings import TrainingSettings
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import FROZEN_RECIPE, pooled


def mobilenet(input_shape: tuple[int, int, int], classes: int, **given: Any) -> Any:
    """MobileNetV2 and global average pooling; the last layer is penalised by `l2`."""
    from keras import Model

    return Model(*pooled(input_shape, classes, MOBILENET_V2, **given), name="mobilenet")


def mobilenet025(input_shape: tuple[int, int, int], classes: int, **given: Any) -> Any:
    """MobileNet of a quarter of the usual width, and global average pooling."""
    from keras import Model

    return Model(*pooled(input_shape, classes, MOBILENET_QUARTER, **given), name="mobilenet025")


# With random weights a backbone has to be trained: the features of so many thin layers tell almost nothing.
TRAINED_BASE = {"train_base": True, "input_size": 64, "augmentation": "flip"}

MODELS = (
    ModelSpec(
        name="mobilenet",
        build=mobilenet,
        reference="Cue-Cetera alpha: MobileNetV2, ImageNet",
        parameters=2_266_951,
        backbone=MOBILENET_V2,
        hyperparameters={
            "input_size": Integer(224, 32, 331),
            "train_base": Choice(True, (False, True)),
            "dropout": Real(0.2, 0.0, 0.9),
            "l2": Real(0.01, 0.0, 1.0),
        },
        # The source's rate of 1e-7 learns nothing in 50 epochs.
        training=TrainingSettings(learning_rate=1e-4, augmentation="light", patience=5, epochs=50, batch_size=32),
        quick={"learning_rate": 3e-3},
        quick_hyperparameters={"input_size": 75, "train_base": False},
        quick_without_weights={**TRAINED_BASE, "learning_rate": 5e-3, "images": 1400, "epochs": 3},
        published_accuracy=0.6689,
        published_parameters=2_266_951,
        note="published on validation; 65.53 % on test",
    ),
    ModelSpec(
        name="mobilenet025",
        build=mobilenet025,
        reference="MobileNet of quarter width, ImageNet",
        parameters=220_343,
        backbone=MOBILENET_QUARTER,
        hyperparameters={
            "input_size": Integer(224, 32, 331),
            "train_base": Choice(False, (False, True)),
            "dropout": Real(0.2, 0.0, 0.9),
        },
        training=FROZEN_RECIPE,
        quick={"learning_rate": 1e-2},
        quick_hyperparameters={"input_size": 96},
        quick_without_weights={**TRAINED_BASE, "learning_rate": 1e-2, "epochs": 10},
    ),
)
