"""A training step with the operations of `benchmark.training.faster_layers`, against one with Keras' own.

python tests/perf/layer_steps.py PRECISION NAME[:KEY=VALUE,...] ...     float32 or mixed_bfloat16, models of the zoo

Prints images a second of the processor and the ratio of time, on one thread: medians of turns in one process, whose
networks have random weights and see random pixels, seed 0.
"""

import ast
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from benchmark.hardware import backend
from zoo import TrainingSettings, get_model

IMAGES, TURNS = 256, 5
SETTINGS = TrainingSettings(epochs=1, augmentation="light", batch_size=64)


def epochs(name: str, given: dict[str, str]) -> tuple[Callable[[], float], Callable[[], float]]:
    """What trains an epoch and gives its processor seconds: with Keras' own operations, and with the faster ones."""
    import keras

    from benchmark.training.compiled import tensorflow_calls
    from benchmark.training.faster_layers import faster_layers
    from benchmark.training.keras_trainer import KerasTrainer
    from benchmark.training.trainer import Epoch

    spec, pixels = get_model(name), np.random.default_rng(0).integers(0, 256, (IMAGES, 48, 48, 1)).astype(np.uint8)
    shown = Epoch(pixels, np.arange(IMAGES), np.arange(IMAGES) % 7, None, 1e-3)

    def traced_in(context: Any) -> Callable[[], float]:
        keras.utils.set_random_seed(0)
        values = spec.with_hyperparameters({key: ast.literal_eval(text) for key, text in given.items()})
        weights = {"weights": "random"} if spec.backbone else {}
        trainer = KerasTrainer(spec.build((48, 48, 1), 7, **weights, **values), SETTINGS, 0, lambda *_: None)

        def epoch() -> float:
            started = time.process_time()
            trainer.train_epoch(shown)
            return time.process_time() - started

        tensorflow_calls.faster_layers = context
        epoch()
        return epoch

    return traced_in(nullcontext), traced_in(faster_layers)


def main(precision: str, *networks: str) -> None:
    backend.prepare()
    backend.use_threads(1)
    import keras

    keras.config.set_dtype_policy(precision)
    for network in networks:
        name, _, rest = network.partition(":")
        pair = epochs(name, dict(part.split("=") for part in rest.split(",") if part))
        times = [[epoch() for epoch in pair] for _ in range(TURNS)]
        plain, faster = (statistics.median(seconds) / IMAGES for seconds in zip(*times, strict=True))
        print(
            f"{network}, {precision}: {1 / plain:.1f} and {1 / faster:.1f} images/s, {faster / plain:.2f} of the time"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
