"""A network for users without a GPU: most of its work is on maps of 24 pixels and less."""

from typing import Any, Final

from zoo.layers import batch_norm, pixels, softmax
from zoo.settings import TrainingSettings
from zoo.spec import Integer, ModelSpec, Real

SCALE: Final = 1 / 8
"""Of the features before the last layer, as in airbench (Jordan 2024). Hundreds of features above zero make the steps
of its weights too large: on FER-2013 at 24 pixels, seed 0, the loss of steps 101 to 150 was 1.85 at the better of two
rates, and 1.74 with this."""


def fast(input_shape: tuple[int, int, int], classes: int, *, width: int, dropout: float) -> Any:
    """A convolution with a stride of two, four stages of two 3x3 convolutions, global pooling. At least 15 x 15 pixels.

    `width` filters in the first stage, twice as many in each later one: multiples of 16 fill a processor's vectors. The
    second convolution of a stage has a connection around it, which lets rates be high. Weights fit images of any size.
    """
    from keras import Model, layers

    def normalised(x: Any, filters: int, size: int, stride: int = 1) -> Any:
        options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
        x = layers.Conv2D(filters, size, strides=stride, **options)(x)
        return layers.Activation("relu")(batch_norm()(x))

    inputs, x = pixels(input_shape)
    x = normalised(x, 32, 5, stride=2)
    for stage in range(4):
        filters = width * 2**stage
        x = normalised(x, filters, 3)
        x = layers.add([x, normalised(x, filters, 3)])
        if stage < 3:
            x = layers.MaxPooling2D()(x)
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    x = layers.Rescaling(SCALE, dtype="float32")(x)
    return Model(inputs, softmax(x, classes), name="fast")


MODELS = (
    ModelSpec(
        name="fast",
        build=fast,
        reference="this project: a residual VGG for CPUs",
        parameters=2_656_679,
        smallest=15,
        hyperparameters={"width": Integer(48, 8, 512), "dropout": Real(0.2, 0.0, 0.9)},
        quick_hyperparameters={"width": 32},
        training=TrainingSettings(
            optimizer="sgd",
            learning_rate=0.08,
            weight_decay=5e-4,
            schedule="cosine",
            warmup=2,
            ema=0.998,
            batch_norm="plain",
            loss="label_smoothing",
            augmentation="light",
            progressive_size=24,
            patience=0,
            epochs=30,
        ),
        quick={"learning_rate": 0.05, "ema": 0.0, "batch_norm": "running", "progressive_size": 0, "warmup": 0},
    ),
)
