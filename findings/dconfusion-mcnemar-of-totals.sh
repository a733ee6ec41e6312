#!/usr/bin/env bash
# dconfusion 1.1.1: mcnemar_test takes two confusion matrices, which do not say how often the two models disagree, and
# goes by how many more samples one of them has right: these become all of its disagreements, and the other gets none.
#
# Expected: McNemar's test of the samples that one alone has right, or a refusal, since two confusion matrices do not
# hold those numbers.
# Seen: of two models with 830 and 800 of 1,000 samples right, p = 0.0000001 and "significantly better". In truth the
# first alone is right on 166 samples and the second alone on 136, and the exact test has p = 0.095. Two models that are
# right equally often "make identical predictions", whatever they predict.
# For whom it matters: who compares two classifiers on one test set. Any difference of six samples is "significant", on
# test sets of any size.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile dconfusion==1.1.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
from dconfusion import DConfusion
from scipy.stats import binomtest

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
labels = np.arange(1000) % 2


def model(right):
    correct = rng.permutation(np.arange(1000) < right)
    return correct, DConfusion.from_predictions(labels.tolist(), np.where(correct, labels, 1 - labels).tolist())


(correct, first), (correct_of_second, second), (_, equal) = model(830), model(800), model(830)
only_first, only_second = int((correct & ~correct_of_second).sum()), int((correct_of_second & ~correct).sum())
exact = binomtest(only_first, only_first + only_second).pvalue
found = first.mcnemar_test(second)
print(f"by hand: {only_first} and {only_second} right by one alone, exact p {exact:.3f}")
print(f"dconfusion: {found['contingency_table']}, p {found['p_value']:.2g}: {found['interpretation']}")
print("as many right:", first.mcnemar_test(equal)["interpretation"])
print("six more right on 1,000 samples: p", first.mcnemar_test(model(824)[1])["p_value"])
table = found["contingency_table"]
same = exact > 0.05 and found["p_value"] < 1e-6 and (table["disagree_b"], table["disagree_c"]) == (30, 0)
sys.exit(not same)
PYTHON
