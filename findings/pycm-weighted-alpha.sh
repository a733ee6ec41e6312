#!/usr/bin/env bash
# pycm 4.6: `ConfusionMatrix.weighted_alpha` is not Krippendorff's alpha unless all confusions weigh the same. The
# agreement by chance of classes i and j is the product of the shares of i and of j in both ratings together; pycm takes
# the square of the mean of i's share in the truth and j's share in the predictions.
#
# Expected: with the squared distances of classes 0 to 4 as weights the alpha of interval data, as the package
# krippendorff computes it; with the weight 1 for each confusion pycm's own `Alpha`.
# Seen: the second is so. With squared distances alpha is 0.703 in place of 0.804, on 2,000 ratings of five ordered
# classes of which the first has half.
# For whom it matters: who reports agreement of ordered classes (ratings, grades, ages in groups).
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pycm==4.6 krippendorff==0.8.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import krippendorff
import numpy as np
from pycm import ConfusionMatrix

CLASSES, RATINGS = range(5), 2000
rng = np.random.default_rng(0)
truth = rng.choice(5, RATINGS, p=[0.5, 0.2, 0.1, 0.1, 0.1])
# A rater who is right on 60 %, and otherwise one or two classes too high.
rated = np.where(rng.random(RATINGS) < 0.6, truth, np.minimum(truth + rng.integers(1, 3, RATINGS), 4))
matrix = ConfusionMatrix(truth.tolist(), rated.tolist())


def weighted(distance):
    return matrix.weighted_alpha({i: {j: distance(i, j) for j in CLASSES} for i in CLASSES})


def alpha(level):
    return krippendorff.alpha(np.stack([truth, rated]).astype(float), level_of_measurement=level)


nominal, interval = weighted(lambda i, j: int(i != j)), weighted(lambda i, j: (i - j) ** 2)
print(f"each confusion weighs 1: pycm {nominal:.4f}, its Alpha {matrix.Alpha:.4f}, krippendorff {alpha('nominal'):.4f}")
print(f"squared distances: pycm {interval:.4f}, krippendorff {alpha('interval'):.4f}")
same = np.isclose(nominal, alpha("nominal"), atol=1e-3) and np.isclose(nominal, matrix.Alpha)
sys.exit(not (same and abs(interval - alpha("interval")) > 0.01))
PYTHON
