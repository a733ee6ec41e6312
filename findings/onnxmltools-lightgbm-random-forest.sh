#!/usr/bin/env bash
# onnxmltools 1.16.0: a LightGBM random forest (boosting_type="rf") comes out as an ONNX model that says the first class
# of every sample. LightGBM takes the mean of the trees' scores and then the sigmoid; the converter takes the sigmoid
# of their sum and divides it by 100, whatever the number of trees.
#
# Expected: the probabilities of predict_proba but for rounding, as for "gbdt" and "dart", or a refusal.
# Seen: with two classes and 20 trees a probability of the second class of 0.01 at most, so that it is never predicted:
# accuracy 0.69 in LightGBM, 0.52, the share of the first class, in ONNX. With four classes the model has two columns of
# probabilities and again the first class for every sample. No error and no warning.
# For whom it matters: who serves a LightGBM forest, or an ensemble with one in it, as ONNX.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile onnxmltools==1.16.0 lightgbm==4.7.0 skl2onnx==1.20.0 \
    onnxconverter-common==1.16.0 onnx==1.23.2 onnxruntime==1.31.1 protobuf==7.36.2 numpy==2.4.6 scipy==1.17.1 \
    scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
import onnxruntime
from lightgbm import LGBMClassifier
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from scipy.special import expit

warnings.simplefilter("ignore")
TREES, TRAINED = 20, 400
rng = np.random.default_rng(0)
features = rng.normal(size=(600, 8)).astype(np.float32)
of_four = (features[:, :4] + rng.normal(size=(600, 4))).argmax(axis=1)
new = features[TRAINED:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3


def both(labels, **settings):
    """The model, and the labels and probabilities of its ONNX form for samples that it has not seen."""
    model = LGBMClassifier(n_estimators=TREES, num_leaves=8, verbose=-1, **settings)
    model.fit(features[:TRAINED], labels[:TRAINED])
    types = [("x", FloatTensorType([None, 8]))]
    made = convert_lightgbm(model, initial_types=types, target_opset=15, zipmap=False)
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return model, *session.run(None, {"x": new})


labels = (of_four > 1).astype(int)
model, _, boosted = both(labels, boosting_type="gbdt")
kept = np.abs(boosted - model.predict_proba(new)).max()
print(f"gbdt: probabilities differ by up to {kept:.0e}")
forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
model, found, probabilities = both(labels, **forest)
trees = sum(model.predict(new, raw_score=True, start_iteration=i, num_iteration=1) for i in range(TREES))
by_hand, true = expit(trees / TREES), model.predict_proba(new)[:, 1]
right = (model.predict(new) == labels[TRAINED:]).mean(), (found == labels[TRAINED:]).mean()
print(f"rf, two classes: accuracy {right[0]:.2f} in LightGBM, {right[1]:.2f} in ONNX, which says {np.unique(found)}")
print(f"    LightGBM is sigmoid(mean of the trees) to {np.abs(by_hand - true).max():.0e}, ONNX sigmoid(sum) / 100 to "
      f"{np.abs(expit(trees) / 100 - probabilities[:, 1]).max():.0e}; its largest is {probabilities[:, 1].max():.2f}")
_, of_forest, columns = both(of_four, **forest)
print(f"rf, four classes: {columns.shape[1]} columns of probabilities, labels {np.unique(of_forest)}")
same = kept < 1e-5 and np.abs(by_hand - true).max() < 1e-9 and probabilities[:, 1].max() <= 0.0101
same = same and not found.any() and columns.shape[1] == 2 and not of_forest.any() and right[0] > right[1] + 0.1
sys.exit(not same)
PYTHON
