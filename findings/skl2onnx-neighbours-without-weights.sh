#!/usr/bin/env bash
# skl2onnx 1.20.0: KNeighborsClassifier(weights="distance") comes out as an ONNX model that gives all neighbours the
# same weight: it is the model that weights="uniform" makes. KNeighborsRegressor loses its weights, too.
#
# Expected: the probabilities of predict_proba but for rounding, in which a neighbour counts by one over its distance,
# or a refusal, as for weights that are a function.
# Seen: exactly the votes of "uniform". With 2 neighbours and four classes every third sample gets another class, with 5
# every eighth; probabilities differ by up to 0.22. No error and no warning.
# For whom it matters: who serves a nearest-neighbour head on a network's features as ONNX, or stacks on its
# probabilities; with an even number of neighbours the ties that the distances break go to the first class.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.31.1 protobuf==7.36.2 \
    numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

CLASSES, TRAINED = 4, 400
rng = np.random.default_rng(0)
features = rng.normal(size=(700, 8)).astype(np.float32)
labels = (features[:, :CLASSES] + rng.normal(size=(700, CLASSES))).argmax(axis=1)
seen, of_seen, new = features[:TRAINED], labels[:TRAINED], features[TRAINED:]
distances = np.sqrt(((new[:, None].astype(float) - seen[None]) ** 2).sum(axis=2))


def by_hand(neighbours, weight):
    nearest = distances.argsort(axis=1)[:, :neighbours]
    weights = weight(np.take_along_axis(distances, nearest, axis=1))
    votes = np.stack([(weights * (of_seen[nearest] == one)).sum(axis=1) for one in range(CLASSES)], axis=1)
    return votes / votes.sum(axis=1, keepdims=True)


def in_onnx(model):
    options = {"zipmap": False} if isinstance(model, KNeighborsClassifier) else None
    made = to_onnx(model, new[:1], options=options)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: new})


same = True
for neighbours in (2, 5):
    model = KNeighborsClassifier(neighbours, weights="distance").fit(seen, of_seen)
    found, of_onnx = in_onnx(model)
    true = model.predict_proba(new)
    weighted, equal = by_hand(neighbours, lambda far: 1 / far), by_hand(neighbours, np.ones_like)
    difference, other = np.abs(of_onnx - true).max(), (found != model.predict(new)).mean()
    by_distance, by_count = np.abs(weighted - true).max(), np.abs(equal - of_onnx).max()
    print(f"{neighbours} neighbours: differs by up to {difference:.2f}, another class for {other:.0%}; by hand: "
          f"scikit-learn's is 1 / distance to {by_distance:.0e}, ONNX's equal votes to {by_count:.0e}")
    same = same and by_distance < 1e-9 and by_count < 1e-6 and difference > 0.08 and other > 0.05
numbers = KNeighborsRegressor(5, weights="distance").fit(seen, of_seen.astype(np.float32))
found = in_onnx(numbers)[0].ravel()
plain = np.abs(by_hand(5, np.ones_like) @ np.arange(CLASSES) - found).max()
difference = np.abs(found - numbers.predict(new)).max()
print(f"KNeighborsRegressor: differs by up to {difference:.2f}; ONNX's is the plain mean to {plain:.0e}")
sys.exit(not (same and plain < 1e-5 and difference > 0.1))
PYTHON
