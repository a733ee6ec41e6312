#!/usr/bin/env bash
# mlxtend 0.25.0: McNemar's test, as it is called without options, gives p = 0 for two classifiers that are right on the
# same samples. The continuity correction is (|b - c| - 1)^2 / (b + c), and with b = c = 0 that is 1 / 0.
#
# Expected: p = 1, as with exact=True, or NaN: without a disagreement nothing speaks for a difference.
# Seen: chi2 = inf and p = 0.0, with a RuntimeWarning of NumPy; exact=True gives p = 1, corrected=False gives NaN.
# For whom it matters: a table of pairwise tests that holds a model twice, or two models whose predictions agree on a
# small test set, shows its smallest p there.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlxtend==0.25.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
from mlxtend.evaluate import mcnemar, mcnemar_table

rng = np.random.default_rng(0)
labels = rng.integers(0, 7, 300)
model = np.where(rng.random(300) < 0.65, labels, (labels + 1) % 7)
# Another model: right on the same samples, and wrong in another way on the others.
other = np.where(model == labels, labels, (labels + 2) % 7)
table = mcnemar_table(labels, model, other)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)
    found = {
        "default": mcnemar(table),
        "corrected=False": mcnemar(table, corrected=False),
        "exact=True": mcnemar(table, exact=True),
    }
print(table.tolist())
for call, (statistic, p) in found.items():
    print(f"{call}: statistic {statistic}, p {p}")
same = found["default"][1] == 0.0 and np.isnan(found["corrected=False"][1]) and found["exact=True"][1] == 1.0
sys.exit(not same)
PYTHON
