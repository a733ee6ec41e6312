"""The coursework's deep CNN after Bayesian optimisation."""

from typing import Any

from zoo.errors import UserError
from zoo.layers import pixels, softmax
from zoo.settings import TrainingSettings
from zoo.spec import Integer, ModelSpec, Real


def bayes(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: int,
    depth: int,
    dense1: int,
    dense2: int,
    dropout: float,
) -> Any:
    """A convolution of `filters`, then `depth` pooled ones of filters x 1, 2, 4 ..., and two dense layers.

    It has no batch normalisation and therefore He's initialisation (He et al. 2015): with Keras' default the outputs of
    so many rectified layers are too small to learn from within a few epochs. Dropout is 0 by default: the source names
    none, and with 0.25 the published optimum still predicted one class for every face after eight epochs of the
    coursework's augmentation.

    The source augmented beforehand and kept the originals, as `cnn4` has it with `copies`. This recipe augments on the
    fly, so that no face is seen as it is: with `copies` an epoch takes three times as long.

    Raises:
        UserError: images of less than 2^depth pixels an edge.
    """
    from keras import Model, layers

    if min(input_shape[:2]) < 2**depth:
        raise UserError(
            f"bayes of depth={depth} needs images of at least {2**depth} pixels an edge: choose a smaller depth"
        )
    inputs, x = pixels(input_shape)
    relu = {"activation": "relu", "kernel_initializer": "he_uniform"}
    x = layers.Conv2D(filters, 3, padding="same", **relu)(x)
    for block in range(depth):
        x = layers.Conv2D(filters * 2**block, 3, padding="same", **relu)(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Flatten()(x)
    for units in (dense1, dense2):
        x = layers.Dropout(dropout)(layers.Dense(units, **relu)(x))
    return Model(inputs, softmax(x, classes), name="bayes")


MODELS = (
    ModelSpec(
        name="bayes",
        build=bayes,
        reference="CS985 coursework: deep CNN, the optimum of its search",
        parameters=2_901_831,
        hyperparameters={
            "filters": Integer(64, 8, 256, step=8),
            "depth": Integer(4, 1, 5),
            "dense1": Integer(256, 16, 2048, step=16),
            "dense2": Integer(512, 16, 2048, step=16),
            "dropout": Real(0.0, 0.0, 0.9),
        },
        search_space={
            "filters": Integer(64, 32, 96, step=16),
            "depth": Integer(4, 3, 5),
            "dense1": Integer(256, 128, 512, step=64),
            "dense2": Integer(512, 128, 768, step=64),
            "dropout": Real(0.0, 0.0, 0.5),
            "learning_rate": Real(3e-4, 1e-4, 3e-3, log=True),
        },
        smallest=16,
        training=TrainingSettings(
            learning_rate=3e-4,
            schedule="plateau",
            schedule_patience=4,
            augmentation="coursework",
            patience=12,
            epochs=100,
        ),
        # Without batch normalisation, only a narrower network learns within a few epochs.
        quick={"batch_size": 16},
        quick_hyperparameters={"filters": 32},
        published_accuracy=0.635,
        published_parameters=2_901_831,
    ),
)
