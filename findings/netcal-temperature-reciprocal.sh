#!/usr/bin/env bash
# netcal 1.4.0: `TemperatureScaling.temperature` is the reciprocal of the temperature. The documentation divides by it,
# softmax(s / T) as in Guo et al. 2017; the fitted attribute is what the logits are multiplied by.
#
# Expected: for probabilities that are too sure, made with a temperature of 2, a fitted temperature of about 2, and the
# calibrated probabilities are softmax(log(p) / temperature).
# Seen: a temperature of about 0.5, which by the documented formula makes the model surer still. `transform` itself is
# right: it gives softmax(log(p) * temperature).
# For whom it matters: who reports the temperature, reads from it whether a network is too sure, or carries it into a
# service, an exported model or another toolkit.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile netcal==1.4.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON'
import sys

import numpy as np
from netcal.scaling import TemperatureScaling
from scipy.special import softmax

SAMPLES, CLASSES, TEMPERATURE = 20_000, 7, 2.0
rng = np.random.default_rng(0)
logits = 3 * rng.normal(size=(SAMPLES, CLASSES))
true = softmax(logits / TEMPERATURE, axis=1)
labels = (true.cumsum(axis=1) < rng.random((SAMPLES, 1))).sum(axis=1).clip(max=CLASSES - 1)
probabilities = softmax(logits, axis=1)

scaling = TemperatureScaling()
scaling.fit(probabilities, labels)
fitted = float(np.ravel(scaling.temperature)[0])
calibrated = scaling.transform(probabilities)
divided = np.abs(softmax(np.log(probabilities) / fitted, axis=1) - calibrated).max()
multiplied = np.abs(softmax(np.log(probabilities) * fitted, axis=1) - calibrated).max()
print(f"made with a temperature of {TEMPERATURE}; netcal's attribute says {fitted:.3f}")
print(f"transform differs from softmax(log p / T) by up to {divided:.3f}, from softmax(log p * T) by {multiplied:.1e}")
sys.exit(not (0.45 < fitted < 0.55 and divided > 0.1 and multiplied < 1e-3))
PYTHON
