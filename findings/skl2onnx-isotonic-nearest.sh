#!/usr/bin/env bash
# skl2onnx 1.20.0: of a classifier that is calibrated with isotonic regression (CalibratedClassifierCV) it makes an ONNX
# model with another calibration map. scikit-learn draws straight lines between the points of the map; the ONNX model
# takes the value of the nearest point, so that the map has steps.
#
# Expected: the probabilities of predict_proba but for rounding, as with method="sigmoid".
# Seen: probabilities that differ by up to 0.09 with 60 samples and by up to 0.05 with 600, most where points are far
# apart. By hand, lines between the points give scikit-learn's numbers, and the nearest points exactly those of ONNX. 57
# probabilities remain of 763, or 164 of 417: samples that were told apart are equal. No error and no warning.
# For whom it matters: who calibrates to trust a probability, sets a threshold on it, averages it with other models' or
# ranks by it, and then serves the ONNX model.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.31.1 protobuf==7.36.2 \
    numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.naive_bayes import GaussianNB

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
features = rng.normal(size=(2600, 8)).astype(np.float32)
labels = (features[:, :4].sum(axis=1) + 2 * rng.normal(size=2600) > 0).astype(int)
new = features[600:]


def by_hand(model, between):
    """The mean over the calibrated models, each with its points read in the way that is given."""
    means = []
    for one in model.calibrated_classifiers_:
        scores, points = one.estimator.predict_proba(new)[:, 1], one.calibrators[0]
        means.append(between(scores, points.X_thresholds_, points.y_thresholds_))
    return np.mean(means, axis=0)


def nearest(scores, places, values):
    return values[np.abs(scores[:, None] - places).argmin(axis=1)]


same = True
for method, samples in (("sigmoid", 600), ("isotonic", 600), ("isotonic", 60)):
    model = CalibratedClassifierCV(GaussianNB(), method=method, cv=3).fit(features[:samples], labels[:samples])
    made = to_onnx(model, new[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    of_onnx = session.run(None, {session.get_inputs()[0].name: new})[1][:, 1]
    true = model.predict_proba(new)[:, 1]
    difference = np.abs(of_onnx - true).max()
    values = len(np.unique(true.round(6))), len(np.unique(of_onnx.round(6)))
    print(f"{method}, {samples} samples: differs by up to {difference:.1g}; {values[0]} and {values[1]} probabilities")
    if method == "isotonic":
        lines, steps = (np.abs(by_hand(model, way) - of).max() for way, of in ((np.interp, true), (nearest, of_onnx)))
        print(f"    by hand: scikit-learn's are lines to {lines:.0e}, ONNX's nearest points to {steps:.0e}")
        same = same and max(lines, steps) < 1e-5 and values[1] < values[0] / 2
    same = same and (difference < 1e-5 if method == "sigmoid" else difference > 0.03)
sys.exit(not same)
PYTHON
