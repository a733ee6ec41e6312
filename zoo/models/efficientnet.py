"""EfficientNet-Lite0: the most accurate of the small backbones on FER-2013."""

from typing import Any

from zoo.backbones import EFFICIENTNET_LITE0
from zoo.settings import TrainingSettings
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import pooled


def efficientnet_lite0(input_shape: tuple[int, int, int], classes: int, **given: Any) -> Any:
    """EfficientNet-Lite0 and global average pooling."""
    from keras import Model

    return Model(*pooled(input_shape, classes, EFFICIENTNET_LITE0, **given), name="efficientnet_lite0")


MODELS = (
    ModelSpec(
        name="efficientnet_lite0",
        build=efficientnet_lite0,
        reference="EfficientNet-Lite0, ImageNet",
        parameters=3_421_991,
        backbone=EFFICIENTNET_LITE0,
        hyperparameters={
            "input_size": Integer(96, 32, 331),
            "train_base": Choice(True, (False, True)),
            "dropout": Real(0.2, 0.0, 0.9),
        },
        training=TrainingSettings(
            optimizer="adamw",
            weight_decay=0.01,
            schedule="cosine",
            warmup=1,
            augmentation="light",
            ema=0.998,
            batch_norm="plain",
            patience=0,
            epochs=20,
        ),
        quick={"learning_rate": 3e-3, "batch_norm": "running", "ema": 0},
        quick_hyperparameters={"input_size": 64, "train_base": False},
        quick_without_weights={"train_base": True, "learning_rate": 5e-3, "augmentation": "flip", "epochs": 4},
        note="its ImageNet weights come as a file of arrays: --set weights=FILE.npz",
    ),
)
