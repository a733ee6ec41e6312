"""Learning rate schedules and early stopping.

Pure functions of the losses so far, so that an interrupted training goes on exactly where it was.
"""

import math
from collections.abc import Sequence
from typing import Final

from zoo.settings import TrainingSettings

PLATEAU_DELTA: Final = 1e-4
"""A loss must be lower by this much to count for `plateau`, as in Keras' ReduceLROnPlateau."""

DIVERGED: Final = "the validation loss was never finite: training diverged"


def learning_rate(settings: TrainingSettings, validation_losses: Sequence[float]) -> float:
    """The rate of the next epoch.

    With e the epoch from 0, E `epochs`, f `schedule_factor` and p `schedule_patience`:

    - none: the rate itself
    - plateau: times f whenever p epochs in a row brought no lower loss (Keras' ReduceLROnPlateau)
    - cosine: times (1 + cos(pi e / E)) / 2 (Loshchilov and Hutter 2017)
    - cosine_restarts: the same within periods of p, 2p, 4p ... epochs (SGDR, same source)
    - exponential: times f^e
    - step: times f^floor(e / p)

    With w epochs of `warmup` this is multiplied by (e + 1) / (w + 1) until that is 1, in epoch w (Goyal et al. 2017).
    """
    epoch = len(validation_losses)
    rate = settings.learning_rate * min(1.0, (epoch + 1) / (settings.warmup + 1))
    factor, patience = settings.schedule_factor, settings.schedule_patience
    match settings.schedule:
        case "plateau":
            return rate * factor ** _plateaus(validation_losses, patience)
        case "cosine":
            return rate * _cosine(epoch / settings.epochs)
        case "cosine_restarts":
            start, period = 0, patience
            while epoch >= start + period:
                start, period = start + period, 2 * period
            return rate * _cosine((epoch - start) / period)
        case "exponential":
            return rate * factor**epoch
        case "step":
            return rate * factor ** (epoch // patience)
        case _:
            return rate


def best_epoch(validation_losses: Sequence[float]) -> int:
    """The epoch, from 0, of lowest validation loss; the earliest of equals. A NaN is never best.

    Raises:
        FloatingPointError: every loss is NaN or infinite.
    """
    finite = [(loss, epoch) for epoch, loss in enumerate(validation_losses) if math.isfinite(loss)]
    if not finite:
        raise FloatingPointError(DIVERGED)
    return min(finite)[1]


def should_stop(
    settings: TrainingSettings, validation_losses: Sequence[float], training_losses: Sequence[float]
) -> bool:
    """Whether training is over: all epochs done, a validation loss that is not finite, or no more patience.

    Patience ends after `patience` epochs without a lower loss, at once where no loss was finite, and never where it
    is 0.
    """
    done = len(validation_losses)
    if done >= settings.epochs or not math.isfinite(validation_losses[-1]):
        return True
    losses = validation_losses if settings.stop_on == "validation_loss" else training_losses
    # Training losses alone may never have been finite: the epochs so far have usable validation losses and are kept.
    waited = done - 1 - best_epoch(losses) if any(map(math.isfinite, losses)) else math.inf
    return 0 < settings.patience <= waited


def _cosine(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


def _plateaus(validation_losses: Sequence[float], patience: int) -> int:
    best, waited, plateaus = math.inf, 0, 0
    for loss in validation_losses:
        if loss < best - PLATEAU_DELTA:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= patience:
            waited, plateaus = 0, plateaus + 1
    return plateaus
