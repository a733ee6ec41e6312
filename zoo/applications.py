"""Any backbone of `keras.applications` by its name: `keras:EfficientNetV2B0`."""

from functools import cache
from typing import Any, Final

from zoo.backbones import STORAGE, Backbone
from zoo.errors import unknown_name
from zoo.spec import Choice, Integer, ModelSpec, Real
from zoo.transfer import FROZEN_RECIPE, pooled

PREFIX: Final = "keras:"

PIXELS: Final = {
    "resnet": "caffe",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "densenet": "torch",
    "efficientnet": "own",
    "efficientnet_v2": "own",
    "convnext": "own",
    "mobilenet_v3": "own",
}
"""What a module's networks are trained on, see `zoo.backbones.Backbone`; "signed" for the others."""

SMALLEST: Final = {"inception_v3": 75, "inception_resnet_v2": 75, "xception": 71}
"""The smallest input of a module's networks, in pixels; 32 for the others."""

NORMALISED: Final = ("resnet", "vgg16", "vgg19", "convnext")
"""Modules in whose networks the signal does not fade with Keras' random weights."""

LARGEST: Final = 1024
"""The largest input, in pixels."""

HOMES: Final = {"efficientnet": "https://storage.googleapis.com/keras-applications", "resnet_v2": f"{STORAGE}/resnet"}
"""The address of a module's weights, if they are not in a folder of its name."""

ADDRESSES: Final = {
    "nasnet_large_no_top.h5": "NASNet-large-no-top.h5",
    "nasnet_mobile_no_top.h5": "NASNet-mobile-no-top.h5",
}
"""Files that have another name where they are downloaded from."""

KERNELS: Final = "_weights_tf_dim_ordering_tf_kernels_notop.h5"

NETWORKS: Final = """\
ConvNeXtBase convnext convnext_base_notop.h5 40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45
ConvNeXtLarge convnext convnext_large_notop.h5 96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd
ConvNeXtSmall convnext convnext_small_notop.h5 6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab
ConvNeXtTiny convnext convnext_tiny_notop.h5 d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1
ConvNeXtXLarge convnext convnext_xlarge_notop.h5 de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05
DenseNet121 densenet densenet121* 30ee3e1110167f948a6b9946edeeb738
DenseNet169 densenet densenet169* b8c4d4c20dd625c148057b9ff1c1176b
DenseNet201 densenet densenet201* c13680b51ded0fb44dff2d8f86ac8bb1
EfficientNetB0 efficientnet efficientnetb0_notop.h5 50bc09e76180e00e4465e1a485ddc09d
EfficientNetB1 efficientnet efficientnetb1_notop.h5 74c4e6b3e1f6a1eea24c589628592432
EfficientNetB2 efficientnet efficientnetb2_notop.h5 111f8e2ac8aa800a7a99e3239f7bfb39
EfficientNetB3 efficientnet efficientnetb3_notop.h5 af6d107764bb5b1abb91932881670226
EfficientNetB4 efficientnet efficientnetb4_notop.h5 ebc24e6d6c33eaebbd558eafbeedf1ba
EfficientNetB5 efficientnet efficientnetb5_notop.h5 38879255a25d3c92d5e44e04ae6cec6f
EfficientNetB6 efficientnet efficientnetb6_notop.h5 9ecce42647a20130c1f39a5d4cb75743
EfficientNetB7 efficientnet efficientnetb7_notop.h5 cbcfe4450ddf6f3ad90b1b398090fe4a
EfficientNetV2B0 efficientnet_v2 efficientnetv2-b0_notop.h5 893217f2bb855e2983157299931e43ff
EfficientNetV2B1 efficientnet_v2 efficientnetv2-b1_notop.h5 0e80663031ca32d657f9caa404b6ec37
EfficientNetV2B2 efficientnet_v2 efficientnetv2-b2_notop.h5 1dfe2e7a5d45b6632553a8961ea609eb
EfficientNetV2B3 efficientnet_v2 efficientnetv2-b3_notop.h5 f6abf7b5849ac99a89b50dd3fd532856
EfficientNetV2L efficientnet_v2 efficientnetv2-l_notop.h5 b0b66b5c863aef5b46e8608fe1711615
EfficientNetV2M efficientnet_v2 efficientnetv2-m_notop.h5 1b8dc055df72dde80d614482840fe342
EfficientNetV2S efficientnet_v2 efficientnetv2-s_notop.h5 af0682fb74e8c54910f2d4393339c070
InceptionResNetV2 inception_resnet_v2 inception_resnet_v2* d19885ff4a710c122648d3b5c3b684e4
InceptionV3 inception_v3 inception_v3* bcbd6486424b2319ff4ef7d526e38f63
MobileNet mobilenet mobilenet_1_0_224_tf_no_top.h5 -
MobileNetV2 mobilenet_v2 mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5 -
MobileNetV3Large mobilenet_v3 weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5 07fb09a5933dd0c8eaafa16978110389
MobileNetV3Small mobilenet_v3 weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5 d3e8ec802a04aa4fc771ee12a9a9b836
NASNetLarge nasnet nasnet_large_no_top.h5 d81d89dc07e6e56530c4e77faddd61b5
NASNetMobile nasnet nasnet_mobile_no_top.h5 1ed92395b5b598bdda52abe5c0dbfd63
ResNet101 resnet resnet101* 88cf7a10940856eca736dc7b7e228a21
ResNet101V2 resnet_v2 resnet101v2* c0ed64b8031c3730f411d2eb4eea35b5
ResNet152 resnet resnet152* ee4c566cf9a93f14d82f913c2dc6dd0c
ResNet152V2 resnet_v2 resnet152v2* ed17cf2e0169df9d443503ef94b23b33
ResNet50 resnet resnet50* 4d473c1dd8becc155b73f8504c6f6626
ResNet50V2 resnet_v2 resnet50v2* fac2f116257151a9d068a22e544a4917
VGG16 vgg16 vgg16* 6d6bbae143d832006294945121d1f1fc
VGG19 vgg19 vgg19* 253f8cb515780f3b799900260a226db6
Xception xception xception* b0042744bf5b25fce3cb969f33bebb97
"""
"""Each network's name, module, file of ImageNet's weights without the head ("*": `KERNELS`; of the MobileNets for 224 x
224), and that file's checksum (MD5, or SHA-256 of ConvNeXt; "-": Keras knows none). From Keras 3.15."""


@cache
def application_spec(name: str) -> ModelSpec:
    """The transfer model that a name such as `keras:ConvNeXtTiny` means; Keras is imported when it is built.

    Raises:
        UserError: `keras.applications` has no such network.
    """
    rows = {row.split()[0]: row.split()[1:] for row in NETWORKS.splitlines()}
    application = name.removeprefix(PREFIX)
    if application not in rows:
        raise unknown_name("network of keras.applications", application, rows)
    module, file, checksum = rows[application]
    file = file.replace("*", KERNELS)
    home = HOMES.get(module, f"{STORAGE}/{module}")
    backbone = Backbone(
        application,
        module,
        parameters=0,
        pixels=PIXELS.get(module, "signed"),
        url=f"{home}/{ADDRESSES.get(file, file)}",
        blocks=(),
        md5=None if checksum == "-" else checksum,
        fades=module not in NORMALISED,
        cached_as=file,
    )
    return backbone_spec(name, backbone, f"keras.applications: {application}, ImageNet", SMALLEST.get(module, 32))


def backbone_spec(name: str, backbone: Backbone, reference: str, smallest: int) -> ModelSpec:
    """A transfer model with this backbone: average pooling, dropout and a softmax follow it.

    Args:
        smallest: edge of the smallest input of the backbone, in pixels.
    """

    def build(input_shape: tuple[int, int, int], classes: int, **given: Any) -> Any:
        from keras import Model

        return Model(*pooled(input_shape, classes, backbone, **given), name=backbone.application.lower())

    return ModelSpec(
        name=name,
        reference=reference,
        parameters=0,
        build=build,
        backbone=backbone,
        hyperparameters={
            "input_size": Integer(224, smallest, LARGEST),
            "train_base": Choice(False, (False, True)),
            "dropout": Real(0.2, 0.0, 0.9),
        },
        search_space={"dropout": Real(0.2, 0.0, 0.8), "learning_rate": Real(1e-3, 1e-5, 1e-1, log=True)},
        training=FROZEN_RECIPE,
        quick={"learning_rate": 1e-2},
        quick_hyperparameters={"input_size": max(96, smallest)},
        # The features of random weights are almost useless.
        quick_without_weights={
            "train_base": True,
            "input_size": max(64, smallest),
            "augmentation": "flip",
            "learning_rate": 5e-3,
            "epochs": 4,
        },
    )
