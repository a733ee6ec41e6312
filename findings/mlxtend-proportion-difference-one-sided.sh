#!/usr/bin/env bash
# mlxtend 0.25.0: the p-value of `proportion_difference`, the z test of two accuracies, is the share of the normal
# distribution below z. That is the test of one side, that the first accuracy is smaller.
#
# Expected: the test of a difference, so the same p-value whichever of two classifiers is named first, and a small one
# for a large difference: twice the smaller tail, as statsmodels' test_proportions_2indep has it.
# Seen: 83 % of 1,000 samples against 80 %: p is 0.958 in this order and 0.042 in the other; both are 0.084 if two sides
# are tested. 90 % against 70 % has p = 1.000. Of 2,000 pairs of equal classifiers, 5.9 % have p < 0.05, none of them
# where the first is ahead.
# For whom it matters: who compares two classifiers on two test sets, and reads a p-value as that of a difference.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mlxtend==0.25.0 statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 \
    pandas==3.1.1 scikit-learn==1.9.1
MPLBACKEND=agg "$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from mlxtend.evaluate import proportion_difference
from statsmodels.stats.proportion import test_proportions_2indep

SAMPLES, PAIRS = 1000, 2000


def theirs(first, second):
    return float(proportion_difference(first, second, n_1=SAMPLES)[1])


def two_sided(first, second):
    counts = round(first * SAMPLES), SAMPLES, round(second * SAMPLES), SAMPLES
    return float(test_proportions_2indep(*counts, method="wald", compare="diff").pvalue)


for first, second in ((0.83, 0.80), (0.80, 0.83), (0.90, 0.70)):
    p_values = f"p = {theirs(first, second):.3f}, of two sides {two_sided(first, second):.3f}"
    print(f"{first:.0%} against {second:.0%}: {p_values}")
rng = np.random.default_rng(0)
equals = rng.binomial(SAMPLES, 0.8, (PAIRS, 2)) / SAMPLES
found = np.array([theirs(*pair) < 0.05 for pair in equals])
ahead = found & (equals[:, 0] > equals[:, 1])
print(f"{found.mean():.1%} of {PAIRS:,} pairs of equals have p < 0.05, {ahead.sum()} of them with the first ahead")
sides = np.isclose(theirs(0.83, 0.80) + theirs(0.80, 0.83), 1)
halves = np.isclose(2 * theirs(0.80, 0.83), two_sided(0.80, 0.83))
sys.exit(not (sides and halves and theirs(0.90, 0.70) > 0.99 and not ahead.any()))
PYTHON
