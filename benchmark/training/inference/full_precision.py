"""What becomes of a network after a training in bfloat16: the same network in float32, which predicts and is stored."""

from typing import Any, Final

from benchmark.dataset import Split
from benchmark.training.frozen.feature_trainer import FeatureTrainer
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Trainer

LOW: Final = ("mixed_bfloat16", "bfloat16")


def ready(trainer: Trainer, split: Split) -> Trainer:
    """A trained trainer as it predicts: itself, or where it computes in bfloat16 the same network in float32.

    Weights are float32 in either case. So every run's stored predictions are those of its stored model, which each
    format exports and any processor computes; bfloat16 is a way of training.

    Args:
        trainer: after its training.
        split: of which some images go through a network whose head was trained on features, see `FeatureTrainer.check`.

    Raises:
        RuntimeError: that check fails.
    """
    if not isinstance(trainer, KerasTrainer | FeatureTrainer) or _network(trainer).model.compute_dtype not in LOW:
        return trainer
    if isinstance(trainer, FeatureTrainer):
        trainer.check(split.images)
    network = _network(trainer)
    return KerasTrainer(
        in_float32(network.model), network.settings, network.seed, network.on_step, network.accumulation
    )


def in_float32(model: Any) -> Any:
    """A copy of a Keras model that computes in float32, with the same weights."""
    copy = type(model).from_config(_renamed(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _network(trainer: KerasTrainer | FeatureTrainer) -> KerasTrainer:
    return trainer.network if isinstance(trainer, FeatureTrainer) else trainer


def _renamed(config: Any) -> Any:
    """A layer's configuration with float32 wherever it names another precision."""
    if isinstance(config, dict):
        return {name: _renamed(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_renamed(value) for value in config)
    return "float32" if isinstance(config, str) and config in LOW else config
