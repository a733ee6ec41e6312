"""Layers of Keras that are computed by faster operations of TensorFlow on a CPU: the same values, but for rounding.

Keras 3 builds batch normalisation from more than ten operations, in float32 whatever the precision
(keras-team/keras-core, issue 225; Keras 3.15). Each of them reads and writes a whole feature map: together two fifths
of a training step of `efficientnet_lite0` (`docs/cpus.md` has more). TensorFlow has one operation for it. XLA fuses
by itself, so on GPUs and on JAX nothing is to be won.

In bfloat16 oneDNN has slow gradients of depthwise convolutions with a stride (15 times the time of float32 and more,
`findings/tensorflow-bfloat16-depthwise-gradient.sh`) or a kernel of more than 3 x 3 (3 to 5 times; TensorFlow 2.21.0
with AVX512_BF16). `DepthwiseConv2D` computes them in float32 here, from the same bfloat16 numbers.

Imported with TensorFlow alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from keras import ops
from keras.layers import BatchNormalization

from benchmark.hardware import backend


@contextmanager
def faster_layers() -> Iterator[None]:
    """What is traced in here has the faster operations, on a CPU; layers and stored models stay Keras' own.

    Tracing calls each layer by its class, wherever it is: within a model within the model, or in a user's own class.
    So the class' method is replaced as long as it lasts, and the function that depthwise layers call. One thread of a
    process at a time traces.
    """
    if not backend.on_cpu():
        yield
        return
    of_keras, of_tensorflow = BatchNormalization.call, tf.nn.depthwise_conv2d

    def call(layer: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training and layer.trainable and mask is None and _can_be_fused(layer, inputs):
            return _normalised(layer, inputs)
        return of_keras(layer, inputs, training=training, mask=mask)

    # The names are TensorFlow's.
    def depthwise_conv2d(input: Any, filter: Any, strides: Any, *others: Any, **named: Any) -> Any:
        if input.dtype != tf.bfloat16 or (max(strides) == 1 and max(filter.shape[:2]) <= 3):
            return of_tensorflow(input, filter, strides, *others, **named)
        in_float32 = tf.cast(input, tf.float32), tf.cast(filter, tf.float32)
        return tf.cast(of_tensorflow(*in_float32, strides, *others, **named), tf.bfloat16)

    BatchNormalization.call, tf.nn.depthwise_conv2d = call, depthwise_conv2d
    try:
        yield
    finally:
        BatchNormalization.call, tf.nn.depthwise_conv2d = of_keras, of_tensorflow


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
