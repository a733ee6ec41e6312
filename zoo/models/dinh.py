"""Dinh and Gray's tuned network of four convolutions."""

from typing import Any

from zoo.layers import batch_norm, softmax, torch_kernel
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec, Real


def dinh(input_shape: tuple[int, int, int], classes: int, *, dropout: float) -> Any:
    """Four blocks of convolution, normalisation and pooling, then one dense layer. Images of at least 16 x 16.

    `dropout` is that of the first and third block and of the dense layer; the other two keep the source's 0.3.
    """
    from keras import Input, Model, layers

    inputs = Input(input_shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, -1, dtype="float32")(inputs)  # mean 0.5, standard deviation 0.5
    for filters, rate in ((32, dropout), (64, 0.3), (128, dropout), (256, 0.3)):
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer=torch_kernel())(x)
        x = layers.Activation("relu")(batch_norm()(x))
        x = layers.Dropout(rate)(layers.MaxPooling2D()(x))
    x = layers.Dense(256, kernel_initializer=torch_kernel())(layers.Flatten()(x))
    x = layers.Activation("relu")(batch_norm()(x))
    outputs = softmax(layers.Dropout(dropout)(x), classes, kernel=torch_kernel())
    return Model(inputs, outputs, name="dinh")


MODELS = (
    ModelSpec(
        name="dinh",
        build=dinh,
        reference="Dinh and Gray: tuned 4-convolution network",
        parameters=982_663,
        smallest=16,
        hyperparameters={"dropout": Real(0.5, 0.0, 0.9)},
        # The source's plateau is PyTorch's, which waits for one epoch more than Keras' with the same patience, 3.
        training=TrainingSettings(
            weight_decay=1e-4, schedule="plateau", augmentation="resized_crop", patience=0, epochs=30, batch_size=128
        ),
        quick={"images": 700, "epochs": 3, "batch_size": 16},
        quick_hyperparameters={"dropout": 0.0},
        published_accuracy=0.61356,
        published_parameters=982_663,
    ),
)
