#!/usr/bin/env bash
# confidenceinterval 1.0.5: its intervals of macro precision and macro recall are too narrow. The delta method lacks a
# division by the share of the class in the derivative on the diagonal, and `p * p.transpose()` of a flat p, meant as
# the matrix of products, is the square of each p.
#
# Expected: a 95 % interval as wide as that of independent shares, 1.96 sqrt(sum of P (1 - P) / predicted) / classes
# (for recall: R and true samples), which holds the true value in about 95 % of test sets.
# Seen: with 10 classes, 1,000 samples and half of them right, intervals of two thirds of that width, and the true value
# outside of one in five of them; with 90 % right and one wrong class each, 0.87 of it, and outside of one in ten.
# The interval is the default.
# For whom it matters: who reports macro precision or macro recall (balanced accuracy) with an interval, or calls two
# models different because their intervals do not meet.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile confidenceinterval==1.0.5 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from confidenceinterval import precision_score, recall_score

CLASSES, SAMPLES, RIGHT, TEST_SETS = 10, 1000, 0.5, 200
rng = np.random.default_rng(0)
# Equal classes, each taken for the others in 1 - RIGHT of all cases: the true precision and recall are RIGHT.
widths, missed = {"precision": [], "recall": []}, {"precision": 0, "recall": 0}
for _ in range(TEST_SETS):
    labels = rng.integers(0, CLASSES, SAMPLES)
    wrong = (labels + rng.integers(1, CLASSES, SAMPLES)) % CLASSES
    predicted = np.where(rng.random(SAMPLES) < RIGHT, labels, wrong)
    for name, score, of in (("precision", precision_score, predicted), ("recall", recall_score, labels)):
        value, (low, high) = score(labels, predicted, average="macro")
        counts = np.bincount(of, minlength=CLASSES)
        shares = np.bincount(of[labels == predicted], minlength=CLASSES) / counts
        assert abs(value - shares.mean()) < 1e-9
        expected = 1.96 * np.sqrt((shares * (1 - shares) / counts).sum()) / CLASSES
        widths[name].append((high - low) / 2 / expected)
        missed[name] += not low <= RIGHT <= high
for name in widths:
    width = np.mean(widths[name])
    print(f"macro {name}: {width:.2f} of the expected width, misses the truth in {missed[name]} of {TEST_SETS}")
same = all(np.mean(widths[name]) < 0.75 and missed[name] > 0.12 * TEST_SETS for name in widths)
sys.exit(not same)
PYTHON
