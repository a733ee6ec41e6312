#!/usr/bin/env bash
# betacal 1.1.0: BetaCalibration("ab") may turn the order of the scores round. Beta calibration (Kull, Silva Filho and
# Flach 2017) has a and b of at least 0, so that a higher score never gets a lower probability. "abm" drops a coefficient
# that comes out negative and fits again; "ab" keeps it.
#
# Expected: for a model that is too sure (right in s squared of the cases in which it says s) a rising map, which gives
# scores near 1 a probability near 1, as "abm" and "am" have it.
# Seen: with "ab" the probability is 0.72 for a score of 0.8, 0.61 for 0.95, 0.34 for 0.99 and 0 for 1: of the samples
# above 0.95, 93 % of which are positive, the surest come out as the least likely. No error and no warning.
# For whom it matters: who calibrates one class against the rest, or two classes, with few very high scores to learn from.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile betacal==1.1.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from betacal import BetaCalibration

rng = np.random.default_rng(0)
scores = rng.beta(2, 2, 3000)
labels = (rng.random(3000) < scores**2).astype(int)
grid = np.array([0.5, 0.8, 0.95, 0.99, 1.0])
maps = {name: BetaCalibration(name).fit(scores.reshape(-1, 1), labels) for name in ("abm", "am", "ab")}
found = {name: one.predict(grid) for name, one in maps.items()}
print(f"{'score':>6}  {'  '.join(f'{score:5.2f}' for score in grid)}")
for name, probabilities in found.items():
    print(f"{name:>6}  {'  '.join(f'{one:5.3f}' for one in probabilities)}")
print(f"right among the {int((scores > 0.95).sum())} samples of a score above 0.95: {labels[scores > 0.95].mean():.3f}")
rises = {name: bool((np.diff(probabilities) >= 0).all()) for name, probabilities in found.items()}
sys.exit(not (rises["abm"] and rises["am"] and not rises["ab"] and found["ab"][-1] < 0.01))
PYTHON
