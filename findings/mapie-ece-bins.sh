#!/usr/bin/env bash
# MAPIE 1.6.0: the calibration error of "num_bins" bins is not that. "uniform" has one bin fewer, because num_bins edges
# enclose num_bins - 1 bins. "array split" cuts the scores into parts in the order in which the samples stand, without
# sorting them, and takes each part's largest score as an edge.
#
# Expected: with split_strategy="uniform" and num_bins=15 the error over 15 equal bins (Guo et al. 2017), as other
# libraries give it; with "array split" an error that does not depend on the order of the samples.
# Seen: the error over 14 bins, to nine digits. In "array split" the same samples have an error of 0.20 in the order of
# their scores and of 0.04 when they are shuffled: nearly all of them are in the first bin, where a model that is too
# sure here and not sure enough there comes out as calibrated.
# For whom it matters: who compares calibration errors with published ones of 15 bins, or chooses a calibration by it.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mapie==1.6.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from mapie.metrics.calibration import expected_calibration_error


def by_hand(right, confidences, bins):
    places = np.ceil(confidences * bins).astype(int) - 1
    gaps = np.bincount(places, weights=confidences - right, minlength=bins)
    return np.abs(gaps).sum() / len(right)


rng = np.random.default_rng(0)
confidences = np.sort(rng.uniform(0.3, 1, 2000))
# Right more often than they say below 0.65, less often above.
right = (rng.random(2000) < np.clip(0.65 - 0.1 * (confidences - 0.65), 0, 1)).astype(int)
uniform = expected_calibration_error(right, confidences, num_bins=15, split_strategy="uniform")
hands = {bins: by_hand(right, confidences, bins) for bins in (14, 15)}
print(f"uniform, num_bins=15: {uniform:.6f}; by hand {hands[15]:.6f} over 15 bins, {hands[14]:.6f} over 14")
order = rng.permutation(2000)
ordered = expected_calibration_error(right, confidences, num_bins=15, split_strategy="array split")
shuffled = expected_calibration_error(right[order], confidences[order], num_bins=15, split_strategy="array split")
print(f"array split: {ordered:.4f} in the order of the scores, {shuffled:.4f} of the same samples shuffled")
same = abs(uniform - hands[14]) < 1e-9 < abs(uniform - hands[15]) and ordered > 0.15 and shuffled < 0.05
sys.exit(not same)
PYTHON
