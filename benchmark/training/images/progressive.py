"""Progressive image sizes: training begins with small images, which cost a fraction, and ends with whole ones.

As in fast.ai's entry to DAWNBench (Howard 2018) and EfficientNetV2 (Tan and Le 2021). Networks whose weights fit images
of any size can do this: convolutions with global pooling behind them.
"""

from typing import Any, Final

from zoo.errors import UserError
from zoo.settings import TrainingSettings

STEP: Final = 8
"""Pixels: sizes in between are multiples of it, so that few graphs are traced, and pooling halves them without rest."""

LARGE, LARGE_STEP = 64, 16
"""Images from so many pixels on grow in larger steps: networks for them halve them four times and more. To
`efficientnet_lite0` images of 88 pixels cost as much as those of 96."""


def edges_shown(settings: TrainingSettings, epoch: int, whole: tuple[int, int]) -> tuple[int, int]:
    """Height and width, in pixels, of the images that an epoch trains on.

    The shorter edge rises from `progressive_size` in a straight line that reaches the whole image after two thirds of
    the epochs, rounded down to a multiple of `STEP` or `LARGE_STEP`; the longer edge keeps the image's shape.

    Args:
        settings: of the training.
        epoch: from 0.
        whole: height and width of the images.
    """
    full, start = min(whole), settings.progressive_size
    if not 0 < start < full:
        return whole
    # Whole numbers first: 40 of 60 epochs are exactly two thirds.
    step = STEP if full < LARGE else LARGE_STEP
    grown = start + (full - start) * min(1.0, 3 * epoch / (2 * settings.epochs))
    edge = full if grown >= full else max(start, int(grown) // step * step)
    height, width = (round(edge * one / full) for one in whole)
    return height, width


def network_edges(model: Any) -> tuple[int, int]:
    """Height and width, in pixels, of the images that a model's layers see; (0, 0) of one that takes no images.

    A transfer model resizes its images to those that its backbone was made for.
    """
    shape = model.input_shape[1:]
    if len(shape) != 3:
        return 0, 0
    resizing = _resizing(model)
    return (resizing.height, resizing.width) if resizing else (shape[0], shape[1])


def shown_smaller(model: Any, edges: tuple[int, int]) -> Any:
    """A Keras model that takes what `model` takes, and shows it to the same layers with these edges.

    A model that resizes its images, as transfer models do, resizes them to these edges at once.

    Args:
        model: from images (n, height, width, channels); not changed.
        edges: height and width, in pixels.

    Raises:
        UserError: its layers do not fit images of that size.
    """
    import keras

    shape, resizing = model.input_shape[1:], _resizing(model)
    inputs = keras.Input(shape)
    if resizing:
        options = {**resizing.get_config(), "height": edges[0], "width": edges[1]}
        small, replaced = inputs, {id(resizing): keras.layers.Resizing.from_config(options)}
    else:
        small, replaced = keras.Input((*edges, shape[2])), {}

    def smaller(layer: Any) -> Any:
        """The layer itself, with its variables; a network within the network in a graph of another size."""
        if not isinstance(layer, keras.Model):
            return replaced.get(id(layer), layer)
        channels = layer.input_shape[3:]
        return keras.models.clone_model(layer, keras.Input((*edges, *channels)), clone_function=smaller)

    try:
        same = keras.models.clone_model(
            model, [small] if isinstance(model.input, list) else small, clone_function=smaller
        )
        if resizing:
            return same
        return keras.Model(inputs, same(keras.layers.Resizing(*edges, antialias=True, dtype="float32")(inputs)))
    except ValueError as error:
        raise UserError(
            f"progressive_size needs a network that takes images of any size, its layers refuse {edges[0]} x "
            f"{edges[1]} pixels: leave progressive_size out, or train `fast`"
        ) from error


def _resizing(model: Any) -> Any:
    """The layer of a model that resizes its images, or None."""
    from keras.layers import Resizing

    return next((layer for layer in model.layers if isinstance(layer, Resizing)), None)
