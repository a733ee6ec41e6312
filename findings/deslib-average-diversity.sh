#!/usr/bin/env bash
# DESlib 0.3.7: two of its measures of diversity are not what their documentation says. compute_pairwise_diversity is to
# return "the average pairwise diversity" of each classifier, and returns the sum over the others. ratio_errors is to be
# higher the less likely two classifiers make the same errors; it looks at right and wrong only, and takes every sample
# that both get wrong for the same error, whatever classes they name.
#
# Expected: of five copies of one classifier, an average agreement of 1, however many copies there are. Of two that err
# on the same 40 of 100 samples and never name the same class there, the highest ratio there is.
# Seen: an average agreement of 4 for five copies and of 9 for ten. The ratio is 0, the lowest there is, as for copies.
# For whom it matters: tables that compare the mean diversity of pools of different sizes, and choices of members by
# their errors where there are more than two classes.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile deslib==0.3.7 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from deslib.util.diversity import agreement_measure, compute_pairwise_diversity, ratio_errors

labels = np.arange(100) % 7
wrong = np.arange(100) < 40
one, other = np.where(wrong, (labels + 1) % 7, labels), np.where(wrong, (labels + 2) % 7, labels)
averages = {}
for copies in (2, 5, 10):
    pool = np.repeat(one[:, None], copies, axis=1)
    averages[copies] = compute_pairwise_diversity(labels, pool, agreement_measure)
    print(f"{copies} copies: average agreement of the first with the others {averages[copies][0]:.2f}")
ratios = ratio_errors(labels, one, other), ratio_errors(labels, one, one)
print(f"ratio of different to same errors: never the same class {ratios[0]}, copies {ratios[1]}")
same = all(np.allclose(average, copies - 1) for copies, average in averages.items()) and ratios == (0.0, 0.0)
sys.exit(not same)
PYTHON
