"""Two published networks that reach 72-73 % on FER-2013 from scratch."""

from typing import Any

from zoo.layers import batch_norm, pixels, softmax, torch_kernel
from zoo.settings import TrainingSettings
from zoo.spec import Integer, ModelSpec, Real

# The sources' plateau watches accuracy; here it watches the validation loss, as for every model. Theirs is PyTorch's,
# which waits for one epoch more with the same patience.
RECIPE = TrainingSettings(
    optimizer="sgd",
    learning_rate=0.01,
    weight_decay=1e-4,
    schedule="plateau",
    schedule_factor=0.75,
    schedule_patience=5,
    augmentation="field",
    patience=40,
    epochs=300,
)


def vggnet(input_shape: tuple[int, int, int], classes: int, *, width: int, dense: int, dropout: float) -> Any:
    """Four pairs of convolutions (`width` filters and twice as many each time), each pair pooled; two dense layers.

    Images of at least 16 x 16.
    """
    from keras import Model, layers

    inputs, x = pixels(input_shape)
    for stage in range(4):
        for _ in range(2):
            x = layers.Conv2D(width * 2**stage, 3, padding="same", kernel_initializer=torch_kernel())(x)
            x = layers.Activation("relu")(batch_norm()(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(dense, activation="relu", kernel_initializer=torch_kernel())(x)
        x = layers.Dropout(dropout)(x)
    return Model(inputs, softmax(x, classes, kernel=torch_kernel()), name="vggnet")


def resnet18(
    input_shape: tuple[int, int, int], classes: int, *, input_size: int, width: int, squeeze: int, dropout: float
) -> Any:
    """ResNet18 (He et al. 2016) with the first layers it has for small images: one 3x3 convolution, no pooling.

    `width` filters in the first stage, twice as many in each later one. Images are resized to `input_size` pixels an
    edge, or not where it is 0. Where `squeeze` is above 0, each block has squeeze-and-excitation with this ratio of
    reduction (Hu et al. 2018).
    """
    from keras import Model, layers

    def normalised(x: Any, filters: int, size: int, stride: int) -> Any:
        options = {"padding": "same", "use_bias": False, "kernel_initializer": torch_kernel()}
        return batch_norm()(layers.Conv2D(filters, size, strides=stride, **options)(x))

    def excited(x: Any, filters: int) -> Any:
        kernel = {"kernel_initializer": torch_kernel()}
        scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
        scale = layers.Dense(max(1, filters // squeeze), activation="relu", **kernel)(scale)
        return layers.multiply([x, layers.Dense(filters, activation="sigmoid", **kernel)(scale)])

    inputs, x = pixels(input_shape)
    if input_size:
        x = layers.Resizing(input_size, input_size, dtype="float32")(x)
    x = layers.Activation("relu")(normalised(x, width, 3, 1))
    for stage in range(4):
        filters = width * 2**stage
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            shortcut = normalised(x, filters, 1, stride) if stride > 1 else x
            x = layers.Activation("relu")(normalised(x, filters, 3, stride))
            x = normalised(x, filters, 3, 1)
            x = excited(x, filters) if squeeze else x
            x = layers.Activation("relu")(layers.add([x, shortcut]))
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    return Model(inputs, softmax(x, classes, kernel=torch_kernel()), name="resnet18")


MODELS = (
    ModelSpec(
        name="vggnet",
        build=vggnet,
        reference="usef-kh/fer, arXiv 2105.03588: VGGNet",
        parameters=40_380_359,
        smallest=16,
        hyperparameters={
            "width": Integer(64, 4, 256),
            "dense": Integer(4096, 64, 8192),
            "dropout": Real(0.2, 0.0, 0.9),
        },
        quick_hyperparameters={"width": 16, "dense": 256, "dropout": 0.0},
        training=RECIPE,
        quick={"learning_rate": 0.02, "images": 840, "epochs": 4, "batch_size": 16},
        published_accuracy=0.7328,
        note="published with 40x40 ten-crops, on PublicTest, the epoch chosen on PrivateTest",
    ),
    ModelSpec(
        name="resnet18",
        build=resnet18,
        reference="LetheSec: ResNet18",
        parameters=11_180_871,
        hyperparameters={
            "input_size": Integer(0, 0, 331),
            "width": Integer(64, 4, 256),
            "squeeze": Integer(0, 0, 64),
            "dropout": Real(0.0, 0.0, 0.9),
        },
        quick_hyperparameters={"width": 16},
        training=RECIPE.with_changes(
            {
                "learning_rate": 0.1,
                "loss": "label_smoothing",
                "augmentation": "field_jitter",
                "mixup": 1.0,
                "batch_size": 128,
            }
        ),
        quick={"learning_rate": 0.05},
        published_accuracy=0.7370,
        note="published with 40x40 ten-crops, swapped splits and a checkpoint chosen on test",
    ),
)
