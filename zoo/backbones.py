"""The backbones: networks trained on ImageNet, without their heads, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

IMAGENET: Final = "imagenet"
PRESET: Final = "preset"
"""For Keras Hub: weights and scaling of inputs are those of the backbone's preset."""

STORAGE: Final = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class Backbone:
    """A network without its head: of `keras.applications`, of Keras Hub, or of this package.

    Attributes:
        application: its name there.
        module: of `keras.applications`, with the `preprocess_input` that it was trained with; `keras_hub`; empty for
            one of this package.
        parameters: number of all weights, trainable or not; 0 if unknown.
        pixels: its inputs: "caffe" (BGR minus ImageNet's mean), "signed" (-1 to 1), "lite" ((pixel - 127) / 128),
            "torch" (0-1, minus ImageNet's mean, by its deviation), "own" (as they are: it scales them itself), or
            `PRESET` (as the preset's image converter says).
        url: of its ImageNet weights; the last part is the file's name in Keras' cache. Without a scheme they cannot be
            downloaded.
        md5: checksum of that file, if Keras knows one; for some files it is the SHA-256.
        blocks: the last layer of each of its blocks, from the input on; empty where `zoo.transfer.block_ends` finds
            them.
        fades: whether the signal fades on its way through Keras' random weights.
        options: further arguments of the application.
        cached_as: the file's name in Keras' cache, if it differs from that in `url`.
        origin: what its usual weights are called: `IMAGENET` or `PRESET`.
    """

    application: str
    module: str
    parameters: int
    pixels: str
    url: str
    blocks: tuple[str, ...]
    md5: str | None = None
    fades: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    cached_as: str = ""
    origin: str = IMAGENET

    @property
    def file(self) -> str:
        """The name of the file with its ImageNet weights."""
        return self.cached_as or self.url.rpartition("/")[2]


RESNET50: Final = Backbone(
    "ResNet50",
    "resnet",
    23_587_712,
    "caffe",
    f"{STORAGE}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(
        f"conv{stage}_block{k}_out" for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)) for k in range(1, count + 1)
    ),
    "4d473c1dd8becc155b73f8504c6f6626",
)
INCEPTION_V3: Final = Backbone(
    "InceptionV3",
    "inception_v3",
    21_802_784,
    "signed",
    f"{STORAGE}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(f"mixed{k}" for k in range(11)),
    "bcbd6486424b2319ff4ef7d526e38f63",
    fades=True,
)
VGG16: Final = Backbone(
    "VGG16",
    "vgg16",
    14_714_688,
    "caffe",
    f"{STORAGE}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    tuple(f"block{k}_pool" for k in range(1, 6)),
    "6d6bbae143d832006294945121d1f1fc",
)
# The MobileNets have files of weights for several input sizes. That for 224 is used for every size, so that "imagenet"
# means one file for each backbone.
MOBILENET_V2: Final = Backbone(
    "MobileNetV2",
    "mobilenet_v2",
    2_257_984,
    "signed",
    f"{STORAGE}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    # Blocks that change the size have no `add`. The last block ends at the last layer.
    (*(f"block_{k}_{'project_BN' if k in (1, 3, 6, 10, 13) else 'add'}" for k in range(1, 16)), "out_relu"),
    fades=True,
)
MOBILENET_QUARTER: Final = Backbone(
    "MobileNet",
    "mobilenet",
    218_544,
    "signed",
    f"{STORAGE}/mobilenet/mobilenet_2_5_224_tf_no_top.h5",
    tuple(f"conv_pw_{k}_relu" for k in range(1, 14)),
    fades=True,
    options={"alpha": 0.25},
)
EFFICIENTNET_LITE0: Final = Backbone(
    "EfficientNetLite0",
    "",
    3_413_024,
    "lite",
    "efficientnet_lite0_notop.npz",
    (*(f"block{k}_out" for k in range(15)), "head_relu"),  # the last block ends at the last layer
    fades=True,
)
