"""The second stage of transfer learning: after the head, the backbone's top blocks are trained at a lower rate."""

from dataclasses import replace
from typing import Any, Final

from benchmark.dataset import Split
from benchmark.training.checkpoints import TrainingCheckpoint
from benchmark.training.epoch_loop import EpochReport, History, fit
from benchmark.training.frozen.features import frozen_backbone
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import RefitSchedule
from zoo.backbones import Backbone
from zoo.settings import TrainingSettings
from zoo.transfer import unfreeze

SECOND_STAGE: Final = 1 << 30
"""Further on in a generator's random numbers than a first stage comes."""


def second_stage(settings: TrainingSettings) -> TrainingSettings:
    """The settings of the second stage: its own epochs, a lower rate, the schedule from its start."""
    return replace(
        settings,
        epochs=settings.fine_tune_epochs,
        learning_rate=settings.learning_rate * settings.fine_tune_factor,
        views=0,
        fine_tune_blocks=0,
    )


def fine_tune(
    first: KerasTrainer,
    backbone: Backbone,
    data: tuple[Split, Split | RefitSchedule],
    history: History,
    report: EpochReport = lambda _: None,
    checkpoint: TrainingCheckpoint | None = None,
) -> tuple[KerasTrainer, History]:
    """Train the top blocks of a network whose head has been trained, and keep the best epoch of both stages.

    Where the second stage has no finite loss, the first is all.

    Args:
        first: the whole network after the first stage, with its best weights.
        data: train and validation, or train and the schedule of an earlier second stage; see
            `benchmark.training.epoch_loop.fit`.

    Returns:
        The network, and the history of both stages with the column `stage` (1 and 2); its epochs are counted on.
    """
    settings, seed = first.settings, first.seed
    kept = first.snapshot()
    unfreeze(frozen_backbone(first.model), backbone, settings.fine_tune_blocks)
    second = KerasTrainer(first.model, second_stage(settings), seed, first.on_step, first.accumulation)
    done = len(history.rows)

    def counted_on(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "epoch": row["epoch"] + done}

    _draw_anew(first.model)
    try:
        later = fit(second, second.settings, data, seed, lambda row: report(counted_on(row)), checkpoint)
    except FloatingPointError:
        if isinstance(data[1], RefitSchedule):
            raise
        second.restore(kept)
        return second, History([{"stage": 1, **row} for row in history.rows])
    if not isinstance(data[1], RefitSchedule) and min(history.validation_losses) <= min(later.validation_losses):
        second.restore(kept)
    rows = [{"stage": 1, **row} for row in history.rows] + [{"stage": 2, **counted_on(row)} for row in later.rows]
    return second, History(rows)


def _draw_anew(model: Any) -> None:
    """Start the layers' random numbers at a place of its own: the same whether the first stage was interrupted or not.

    A checkpoint of a finished stage holds its best weights, and not how many numbers were drawn.
    """
    for variable in model.variables:
        if variable.name == "seed_generator_state":
            seed, _ = variable.numpy().tolist()
            variable.assign([seed, SECOND_STAGE])
