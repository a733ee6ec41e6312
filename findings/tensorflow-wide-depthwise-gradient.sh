#!/usr/bin/env bash
# TensorFlow 2.21.0 with oneDNN on a CPU: the gradient of a depthwise convolution with respect to its kernel is slow
# where the kernel is wider than three columns, and fast however many rows it has.
#
# Expected: 3 x 5 and 5 x 3 take as long as each other, and 5 x 5 three times as long as 3 x 3 at most, for it has 25
# weights a channel in place of 9.
# Seen (float32, one thread, 64 maps of 12 x 12 to 3 x 3, AVX512): 5 rows of 3 columns take 1.4 to 1.9 times as long as
# 3 x 3, 3 rows of 5 columns 6 to 16 times, 5 x 5 10 to 28 times, 7 x 7 18 to 117 times: more, the smaller the map. With
# ONEDNN_MAX_CPU_ISA=AVX2 5 x 5 is slow, too; with TF_ENABLE_ONEDNN_OPTS=0 it takes a half to a third of that.
# For whom it matters: who trains EfficientNets (5 x 5) or ConvNeXts (7 x 7) on a CPU. A gradient of three columns at a
# time, over images that are padded and cut first, is the same sum.
#
# Exits with 0 while this is so, with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile tensorflow-cpu==2.21.0 numpy==2.4.6
TF_ENABLE_ONEDNN_OPTS=1 TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import statistics
import sys
import time

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
COUNT = 64


def seconds(size, channels, kernel):
    """Of the kernel's gradient, where the maps have just the border that the kernel needs."""
    rows, columns = kernel
    maps = tf.random.stateless_normal((COUNT, size + rows - 1, size + columns - 1, channels), (0, 1))
    of_outputs = tf.random.stateless_normal((COUNT, size, size, channels), (0, 2))

    @tf.function(autograph=False)
    def gradient():
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=maps, filter_sizes=[*kernel, channels, 1], out_backprop=of_outputs, strides=[1] * 4, padding="VALID"
        )

    gradient()
    times = []
    for _ in range(9):
        start = time.process_time()
        for _ in range(5):
            gradient()
        times.append(time.process_time() - start)
    return statistics.median(times)


same = True
for size, channels in ((12, 240), (6, 672), (3, 1152)):
    of_three = seconds(size, channels, (3, 3))
    ratios = {kernel: seconds(size, channels, kernel) / of_three for kernel in ((5, 3), (3, 5), (5, 5), (7, 3), (7, 7))}
    text = "; ".join(f"{rows} rows of {columns}: {ratio:.1f}" for (rows, columns), ratio in ratios.items())
    print(f"{size} x {size} x {channels}, in times of 3 x 3: {text}")
    same = same and ratios[3, 5] > 2 * ratios[5, 3] and ratios[5, 5] > 4
sys.exit(not same)
PYTHON
