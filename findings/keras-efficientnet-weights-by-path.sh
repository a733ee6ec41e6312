#!/usr/bin/env bash
# Keras 3.15.1: EfficientNetB0(weights=FILE) is another network than EfficientNetB0(weights="imagenet") with the same
# file. One layer, which divides pixels by the root of ImageNet's deviations, is only built for the name "imagenet".
#
# Expected: `weights` is "imagenet" or, by its documentation, the path of a file to load; the file that "imagenet" would
# download, given by its path, gives the same features.
# Seen: the layer has no weights, so that the file loads without a word; the features differ by more than a tenth of
# their largest value, and the weights are fed pixels at about half their scale (0.47 to 0.48). EfficientNetV2, ResNet50
# and MobileNetV2 give the same features by name and by path.
# For whom it matters: who has no internet where a network is trained, and gives the file; who calls load_weights on a
# network that was built with weights=None.
#
# Exits with 0 while this is so, with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile keras==3.15.1 tensorflow-cpu==2.21.0 numpy==2.4.6
FOLDER=$folder TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON'
import os
import sys

import keras
import numpy as np
from keras.src.applications import efficientnet, efficientnet_v2, mobilenet_v2, resnet

SHAPE = (64, 64, 3)
pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype(np.float32)


def difference(module, name):
    """Largest difference of features by name and by path, as a share of the largest feature."""
    build = getattr(module, name)
    keras.utils.set_random_seed(0)
    made = build(weights=None, include_top=False, input_shape=SHAPE)
    file = os.path.join(os.environ["FOLDER"], f"{name}.weights.h5")
    made.save_weights(file)
    # In place of the download, which gives the path of a file as well.
    module.file_utils.get_file = lambda *_, **__: file
    by_name, by_path = (
        build(weights=weights, include_top=False, input_shape=SHAPE).predict(pixels, verbose=0)
        for weights in ("imagenet", file)
    )
    return float(np.abs(by_name - by_path).max() / np.abs(by_name).max())


found = {
    name: difference(module, name)
    for module, name in (
        (efficientnet, "EfficientNetB0"),
        (efficientnet_v2, "EfficientNetV2B0"),
        (resnet, "ResNet50"),
        (mobilenet_v2, "MobileNetV2"),
    )
}
for name, share in found.items():
    print(f"{name}: features differ by {share:.4f} of the largest")
first, *others = found.values()
sys.exit(not (first > 0.1 and max(others) < 1e-4))
PYTHON
