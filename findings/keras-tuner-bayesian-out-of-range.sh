#!/usr/bin/env bash
# keras-tuner 1.4.8: a Bayesian search proposes 513 for Int("units", 32, 512, sampling="log"). An Int without a step
# maps the unit interval onto [min, max + 1), so that max can be drawn; random search draws below 1, but the acquisition
# function is optimised over the closed interval, and its optimum at the upper edge becomes max + 1.
#
# Expected: every proposal within 32 to 512, as the documentation says of both ends, and 512 where larger is better.
# Seen: 513 in several of 12 proposals, 512 in none.
# For whom it matters: a range whose end is a limit (of the memory, of the data, blocks that can be unfrozen) is left
# just where the search believes the best values to be; such a trial fails, or is a model that was not to be tried.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keras-tuner==1.4.8 keras==3.15.1 jax==0.10.2 numpy==2.4.6 scipy==1.17.1 \
    scikit-learn==1.9.1 six==1.17.0
cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import keras_tuner

warnings.simplefilter("ignore")
space = keras_tuner.HyperParameters()
space.Int("units", 32, 512, sampling="log")
space.Float("rate", 1e-4, 1e-1, sampling="log")
oracle = keras_tuner.oracles.BayesianOptimizationOracle(
    objective=keras_tuner.Objective("loss", "min"), max_trials=12, num_initial_points=4, hyperparameters=space, seed=1
)
oracle.verbose = 0
oracle._set_project_dir(".", "search")
proposed = []
for _ in range(12):
    trial = oracle.create_trial("tuner")
    units = trial.hyperparameters.values["units"]
    proposed.append(units)
    oracle.update_trial(trial.trial_id, {"loss": 1 / units})  # the more, the better
    trial.status = "COMPLETED"
    oracle.end_trial(trial)
print(f"units, declared from 32 to 512: {proposed}")
sys.exit(not (max(proposed) == 513 and 512 not in proposed))
PYTHON
