#!/usr/bin/env bash
# MLstatkit 0.1.91: its DeLong test of two models that rank all samples alike gives p = 0, the surest difference there is.
# The variance of the difference is 0, so the test falls back to a bootstrap, and all of its differences are 0. The
# two-sided p is twice the smaller share of `differences <= 0` and `differences > 0`, and the latter is empty.
#
# Expected: p = 1 (or NaN) for a model against itself, and against a calibrated copy of itself (temperature scaling
# changes no rank, so the areas under the curve are equal).
# Seen: z = 0, difference 0, p = 0.0 in both cases; the method is named "bootstrap", without a warning.
# For whom it matters: a script that calls a difference significant where p < 0.05, for copies of one model or a model
# before and after calibration.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlstatkit==0.1.91 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from MLstatkit import Delong_test

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 200)
logits = rng.normal(size=200) + labels
model = 1 / (1 + np.exp(-logits))
calibrated = 1 / (1 + np.exp(-logits / 2))
other = 1 / (1 + np.exp(-(rng.normal(size=200) + labels)))
found = {}
for name, scores in {"itself": model, "calibrated": calibrated, "another model": other}.items():
    z, p, _, _, area, area_of_other, report = Delong_test(labels, model, scores, random_state=0)
    found[name] = p
    print(f"{name}: z {z:.3f}, p {p:.3f}, areas {area:.4f} and {area_of_other:.4f}, by {report['method']}")
same = found["itself"] == 0.0 and found["calibrated"] == 0.0 and found["another model"] > 0.05
sys.exit(not same)
PYTHON
