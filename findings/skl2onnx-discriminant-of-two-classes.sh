#!/usr/bin/env bash
# skl2onnx 1.20.0: a linear discriminant analysis of two classes comes out as an ONNX model whose probabilities are
# those of twice the log-odds. The converter takes the softmax of (-d, d), where d is the decision function, and that is
# the sigmoid of 2 d; scikit-learn's probability is the sigmoid of d.
#
# Expected: the probabilities of predict_proba but for rounding, as for three classes, and as for logistic regression.
# Seen: 0.73 becomes 0.88, and 0.9 becomes 0.99; labels stay the same. A model that is calibrated (an error of 0.01 over
# 15 bins) is far too sure in ONNX (0.10). It is so with every solver. No error and no warning.
# For whom it matters: who averages the ONNX model's probabilities with others', sets a threshold other than a half, or
# reports its log loss or calibration; an accuracy shows nothing.
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

import numpy as np
import onnxruntime
from scipy.special import expit
from skl2onnx import to_onnx
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

SAMPLES, TRAINED = 8000, 2000
rng = np.random.default_rng(0)


def data(classes):
    """Normal samples around one mean for each class, all with the same spread: what the analysis assumes."""
    labels = rng.integers(0, classes, SAMPLES)
    return (np.eye(5)[labels] + rng.normal(size=(SAMPLES, 5))).astype(np.float32), labels


def calibration_error(probabilities, labels, bins=15):
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.ceil(sure * bins).astype(int).clip(1, bins) - 1
    return np.abs(np.bincount(places, weights=sure - right, minlength=bins)).sum() / len(labels)


same = True
for name, model, classes in (
    ("discriminant", LinearDiscriminantAnalysis(), 2),
    ("discriminant", LinearDiscriminantAnalysis(solver="lsqr"), 2),
    ("discriminant", LinearDiscriminantAnalysis(), 3),
    ("logistic", LogisticRegression(), 2),
):
    features, labels = data(classes)
    new, of_new = features[TRAINED:], labels[TRAINED:]
    made = to_onnx(model.fit(features[:TRAINED], labels[:TRAINED]), new[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    found, of_onnx = session.run(None, {session.get_inputs()[0].name: new})
    true = model.predict_proba(new)
    difference, errors = np.abs(of_onnx - true).max(), [calibration_error(one, of_new) for one in (true, of_onnx)]
    other = (found != model.predict(new)).mean()
    print(f"{name} of {classes} classes: differs by up to {difference:.2g}, another label for {other:.1%}; calibration "
          f"error {errors[0]:.3f} in scikit-learn, {errors[1]:.3f} in ONNX")
    if name == "discriminant" and classes == 2:
        odds = model.decision_function(new)
        doubled, plain = np.abs(expit(2 * odds) - of_onnx[:, 1]).max(), np.abs(expit(odds) - true[:, 1]).max()
        print(f"    ONNX is sigmoid(2 d) to {doubled:.0e}, scikit-learn sigmoid(d) to {plain:.0e}")
        same = same and doubled < 1e-5 and plain < 1e-9 and errors[0] < 0.03 and errors[1] > 0.08
    else:
        same = same and difference < 1e-5
sys.exit(not same)
PYTHON
