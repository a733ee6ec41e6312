"""What oneDNN computes wrongly, and what is therefore not trained with it."""

from typing import Any, Final

from benchmark.hardware import backend
from zoo.errors import UserError
from zoo.layers import layers_within

BLOCK: Final = 16
"""Channels that oneDNN computes at once, with AVX512; 8 with AVX2."""


def check_convolutions(model: Any) -> None:
    """Refuse to train a Keras model that oneDNN has no right gradient of.

    Of a convolution of 1 x 1 with a stride and fewer input channels than a block, oneDNN writes the gradient past its
    memory: it is wrong, or the process crashes or never ends (uxlfoundation/oneDNN, issue 6035; TensorFlow 2.21.0 with
    AVX2 crashed with 1 to 7 channels, and not with 8, 12 and 16).

    Raises:
        UserError: it has such a layer, and TensorFlow computes on a CPU with oneDNN.
    """
    from keras.layers import Conv2D

    narrow = [layer.name for layer in layers_within(model, Conv2D) if _is_affected(layer)]
    if narrow and backend.device().get("onednn"):
        raise UserError(
            f"oneDNN has no right gradient of a 1 x 1 convolution with a stride over fewer than {BLOCK} channels "
            f"({narrow[0]}): make the network wider, or switch oneDNN off, {backend.ONEDNN}=0 before the command"
        )


def _is_affected(layer: Any) -> bool:
    strided = layer.kernel_size == (1, 1) and max(layer.strides) > 1
    return bool(layer.trainable and strided and layer.kernel.shape[-2] < BLOCK)
