"""Which statistics of batch normalisation the stored networks predict best with: those of training, or recomputed ones.

python results/fer2013/batch_statistics.py DATA RUNS    FER-2013, and a store that has the networks
"""

import sys
from pathlib import Path

import keras
import numpy as np

from benchmark import data, metrics
from benchmark.store.run_store import RunStore
from benchmark.training.batch_statistics import BatchStatistics
from benchmark.training.images import augmentation
from benchmark.training.trainer import Epoch

dataset, store = data.load(sys.argv[1]), RunStore(Path(sys.argv[2]))
train, validation = dataset.train, dataset.validation
rows = np.random.default_rng(0).permutation(len(train.labels))
for run in store.runs(store.find_dataset("fer2013")):
    settings = run.config.training
    if run.model is None or settings is None or run.config.model == "mlp":
        continue
    for statistics in ("running", "plain", "augmented"):
        model = keras.models.load_model(run.model)
        layers = augmentation.layers_of(settings.augmentation if statistics == "augmented" else "none", 0)
        if statistics != "running":
            shown_to = keras.Sequential([keras.Input(model.input_shape[1:]), *layers, model])
            epoch = Epoch(train.images, rows, train.labels[rows], None, 0.0)
            BatchStatistics(model, shown_to).compute(epoch, settings.batch_size)
        predicted = model.predict(validation.images, batch_size=256, verbose=0)
        scores = metrics.accuracy(predicted, validation.labels), metrics.log_loss(predicted, validation.labels)
        sys.stdout.write(f"{run.name} {statistics} accuracy {scores[0]:.4f} log loss {scores[1]:.4f}\n")
