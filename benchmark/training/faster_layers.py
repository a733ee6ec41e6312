"""Layers of Keras that are computed by faster operations of TensorFlow on a CPU: the same values, but for rounding.

Keras 3 builds batch normalisation from more than ten operations, in float32 whatever the precision
(keras-team/keras-core, issue 225; Keras 3.15). Each of them reads and writes a whole feature map: together two fifths
of a training step of `efficientnet_lite0` (`docs/cpus.md` has more). TensorFlow has one operation for it. XLA fuses
by itself, so on GPUs and on JAX nothing is to be won.

In bfloat16 oneDNN has slow gradients of depthwise convolutions with a stride (15 times the time of float32 and more,
`findings/tensorflow-bfloat16-depthwise-gradient.sh`) or a kernel of more than 3 x 3 (3 to 5 times; TensorFlow 2.21.0
with AVX512_BF16). They are computed in float32 here, from the same bfloat16 numbers.

In float32, too, oneDNN's gradient of a depthwise kernel that is wider than three columns is slow: 10 to 28 times the
time of 3 x 3 for 5 x 5 (`findings/tensorflow-wide-depthwise-gradient.sh`). Three columns are fast, however many rows
they have. So a wide kernel's gradient is computed three columns at a time. `SeparableConv2D`, whose first half is a
depthwise convolution, has both.

Imported with TensorFlow alone.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import tensorflow as tf
from keras import ops
from keras.layers import BatchNormalization

from benchmark.hardware import backend

FAST_COLUMNS: Final = 3
"""As wide as a depthwise kernel may be whose gradient oneDNN computes fast."""


_lock: Final = threading.Lock()
_inside: Final[list[tuple[Any, Any, Any]]] = []
"""Keras' and TensorFlow's own, as the first who is inside found them: once for everybody inside."""


@contextmanager
def faster_layers() -> Iterator[None]:
    """What is traced in here has the faster operations, on a CPU; layers and stored models stay Keras' own.

    Tracing calls each layer by its class, wherever it is: within a model within the model, or in a user's own class.
    So the class' method is replaced as long as it lasts, and the functions that depthwise and separable layers call.
    Where several threads are inside, the last to leave puts them back.
    """
    if not backend.on_cpu():
        yield
        return
    with _lock:
        _inside.append(_inside[0] if _inside else _replaced())
    try:
        yield
    finally:
        with _lock:
            found = _inside.pop()
            if not _inside:
                BatchNormalization.call, tf.nn.depthwise_conv2d, tf.nn.separable_conv2d = found


def _replaced() -> tuple[Any, Any, Any]:
    """Put the faster operations in place of Keras' and TensorFlow's own, which are returned."""
    found = of_keras, of_tensorflow, _ = BatchNormalization.call, tf.nn.depthwise_conv2d, tf.nn.separable_conv2d

    def call(layer: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training and layer.trainable and mask is None and _can_be_fused(layer, inputs):
            return _normalised(layer, inputs)
        return of_keras(layer, inputs, training=training, mask=mask)

    # The names are TensorFlow's.
    def depthwise_conv2d(input: Any, filter: Any, strides: Any, padding: Any, *others: Any, **named: Any) -> Any:
        def convolved(images: Any, kernel: Any) -> Any:
            return of_tensorflow(images, kernel, strides, padding, *others, **named)

        if input.dtype == tf.bfloat16 and (max(strides) > 1 or max(filter.shape[:2]) > 3):
            in_float32 = tf.cast(input, tf.float32), tf.cast(filter, tf.float32)
            return tf.cast(depthwise_conv2d(*in_float32, strides, padding, *others, **named), tf.bfloat16)
        if _is_slow_and_wide(input, filter, padding, *others, **named):
            return _by_columns(convolved, input, filter, strides, padding)
        return convolved(input, filter)

    def separable_conv2d(
        input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any, **named: Any
    ) -> Any:
        each = depthwise_conv2d(input, depthwise_filter, strides, padding, **named)
        return tf.nn.conv2d(each, pointwise_filter, 1, "VALID", data_format=named.get("data_format"))

    BatchNormalization.call, tf.nn.depthwise_conv2d, tf.nn.separable_conv2d = call, depthwise_conv2d, separable_conv2d
    return found


def _can_be_fused(layer: Any, inputs: Any) -> bool:
    of_maps = len(inputs.shape) == 4 and layer.axis in (-1, 3) and inputs.dtype in (tf.float32, tf.bfloat16)
    # Not for a class that has statistics of its own.
    as_keras_has_it = type(layer)._moments is BatchNormalization._moments
    return of_maps and as_keras_has_it and not layer.renorm and not layer.synchronized


def _normalised(layer: Any, inputs: Any) -> Any:
    """Feature maps (n, height, width, channels) normalised by their own statistics, which the running ones follow."""
    scale = ops.cast(layer.gamma, "float32") if layer.scale else tf.ones(inputs.shape[-1:])
    offset = ops.cast(layer.beta, "float32") if layer.center else tf.zeros(inputs.shape[-1:])
    for_inference = tf.zeros([0])
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=scale,
        offset=offset,
        mean=for_inference,
        variance=for_inference,
        epsilon=layer.epsilon,
        is_training=True,
    )
    # TensorFlow's is that of a sample, n / (n - 1) of the one that normalises. Keras keeps the latter.
    count = tf.cast(tf.size(inputs, out_type=tf.int64) // inputs.shape[-1], tf.float32)
    for running, value in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
        running.assign(ops.cast(running, "float32") * layer.momentum + value * (1 - layer.momentum))
    return ops.cast(outputs, layer.compute_dtype)


def _is_slow_and_wide(
    images: Any, kernel: Any, padding: Any, data_format: Any = None, dilations: Any = None, **_: Any
) -> bool:
    by_onednn = bool(backend.device().get("onednn")) and images.dtype == tf.float32
    plain = data_format in (None, "NHWC") and padding in ("SAME", "VALID") and max(dilations or [1]) == 1
    wide = kernel.shape[1] > FAST_COLUMNS and kernel.shape[3] == 1
    return by_onednn and plain and wide and None not in images.shape[1:]


def _by_columns(convolved: Callable[..., Any], images: Any, kernel: Any, strides: Any, padding: str) -> Any:
    """`convolved(images, kernel)`, with a gradient of the kernel that is computed `FAST_COLUMNS` at a time."""

    def with_gradient(images: Any, kernel: Any) -> Any:
        def gradients(of_outputs: Any) -> tuple[Any, Any]:
            of_images = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(images), filter=kernel, out_backprop=of_outputs, strides=strides, padding=padding
            )
            return of_images, _kernel_gradient(images, kernel.shape, of_outputs, strides, padding)

        return convolved(images, kernel), gradients

    return tf.custom_gradient(with_gradient)(images, kernel)


def _kernel_gradient(images: Any, kernel: Any, of_outputs: Any, strides: Any, padding: str) -> Any:
    """The gradient of a depthwise kernel of shape `kernel` = (height, width, channels, 1), from that of the outputs.

    Column k of the kernel meets the images' columns k, k + stride, k + 2 stride and so on, wherever it stands.
    """
    height, width, *channels = kernel
    steps = [(outputs - 1) * strides[1] for outputs in of_outputs.shape[1:3]]
    if padding == "SAME":
        missing = [max(step + size - had, 0) for step, size, had in zip(steps, kernel, images.shape[1:3], strict=False)]
        images = tf.pad(images, [[0, 0], *([one // 2, one - one // 2] for one in missing), [0, 0]])
    parts = []
    for first in range(0, width, FAST_COLUMNS):
        columns = min(FAST_COLUMNS, width - first)
        parts.append(
            tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=images[:, :, first : first + steps[1] + columns],
                filter_sizes=[height, columns, *channels],
                out_backprop=of_outputs,
                strides=strides,
                padding="VALID",
            )
        )
    return tf.concat(parts, axis=1)
