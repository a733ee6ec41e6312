#!/usr/bin/env bash
# autorank 1.3.0: for two models that are not normally distributed, `autorank` looks which has the larger median and then
# tests, on the same values, whether that one is greater. Nothing corrects for the look.
#
# Expected: of two models that are equally good, one is called significantly better in at most 5 % of all comparisons at
# alpha=0.05, as scipy's two-sided Wilcoxon test has it.
# Seen: in 10.5 % of 1,000 comparisons, where the two-sided test has 5.0 %. In 78 % of them p is half of the two-sided
# one; in the others the larger median is not the one that is ahead in ranks.
# For whom it matters: who compares two classifiers over folds, seeds or data sets and reports the p-value.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile autorank==1.3.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3
MPLBACKEND=agg "$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import sys
import warnings

import numpy as np
import pandas as pd
from autorank import autorank
from scipy.stats import wilcoxon

warnings.simplefilter("ignore")
COMPARISONS, FOLDS, ALPHA = 1000, 20, 0.05


def p_value(scores):
    with contextlib.redirect_stdout(io.StringIO()):
        return autorank(scores, alpha=ALPHA, force_mode="nonparametric").pvalue


rng = np.random.default_rng(0)
theirs, two_sided = [], []
for _ in range(COMPARISONS):
    # The scores of two models that are equally good, over 20 folds.
    scores = pd.DataFrame(0.7 + 0.02 * rng.laplace(size=(FOLDS, 2)), columns=["one", "other"])
    theirs.append(p_value(scores))
    two_sided.append(wilcoxon(scores["one"], scores["other"]).pvalue)
theirs, two_sided = np.array(theirs), np.array(two_sided)
half = np.isclose(theirs, two_sided / 2).mean()
rates = (theirs < ALPHA).mean(), (two_sided < ALPHA).mean()
print(f"p is half of the two-sided one in {half:.1%} of {COMPARISONS} comparisons of equals")
print(f"a difference that is not there is found in {rates[0]:.1%} of them; two-sided in {rates[1]:.1%}")
sys.exit(not (half > 0.75 and rates[0] > 0.075 and rates[1] < 0.06))
PYTHON
