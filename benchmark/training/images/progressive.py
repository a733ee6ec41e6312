"""Progressive image sizes: training begins with small images, which cost a fraction, and ends with whole ones.

As in fast.ai's entry to DAWNBench (Howard 2018) and EfficientNetV2 (Tan and Le 2021). Networks whose weights fit images
of any size can do this: convolutions with global pooling behind them.
"""

from typing import Any, Final

from zoo.errors import UserError
from zoo.settings import TrainingSettings

STEP: Final = 8
"""Pixels: sizes in between are multiples of it, so that few graphs are traced, and pooling halves them without rest."""


def edges_shown(settings: TrainingSettings, epoch: int, whole: tuple[int, int]) -> tuple[int, int]:
    """Height and width, in pixels, of the images that an epoch trains on.

    The shorter edge rises from `progressive_size` in a straight line that reaches the whole image after two thirds of
    the epochs, rounded down to a multiple of `STEP`; the longer edge keeps the image's shape.

    Args:
        settings: of the training.
        epoch: from 0.
        whole: height and width of the images.
    """
    full, start = min(whole), settings.progressive_size
    if not 0 < start < full:
        return whole
    # Whole numbers first: 40 of 60 epochs are exactly two thirds.
    grown = start + (full - start) * min(1.0, 3 * epoch / (2 * settings.epochs))
    edge = full if grown >= full else max(start, int(grown) // STEP * STEP)
    height, width = (round(edge * one / full) for one in whole)
    return height, width


def shown_smaller(model: Any, edges: tuple[int, int]) -> Any:
    """A Keras model that takes what `model` takes, and shows it to the same layers with these edges.

    Args:
        model: from images (n, height, width, channels); not changed.
        edges: height and width, in pixels.

    Raises:
        UserError: its layers do not fit images of that size.
    """
    import keras

    height, width, channels = model.input_shape[1:]
    inputs, small = keras.Input((height, width, channels)), keras.Input((*edges, channels))
    resized = keras.layers.Resizing(*edges, antialias=True, dtype="float32")(inputs)
    try:
        # The layers themselves, with their variables, in a graph of another size.
        tensors = [small] if isinstance(model.input, list) else small
        same = keras.models.clone_model(model, tensors, clone_function=lambda layer: layer)
        return keras.Model(inputs, same(resized))
    except ValueError as error:
        raise UserError(
            f"progressive_size needs a network that takes images of any size, its layers refuse {edges[0]} x "
            f"{edges[1]} pixels: leave progressive_size out, or train `fast`"
        ) from error
