"""Progressive image sizes: training begins with small images, which cost a fraction, and ends with whole ones.

As in fast.ai's entry to DAWNBench (Howard 2018) and EfficientNetV2 (Tan and Le 2021). Networks whose weights fit images
of any size can do this: convolutions with global pooling behind them.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from zoo.errors import UserError
from zoo.settings import TrainingSettings

STEP: Final = 8
"""Pixels: sizes in between are multiples of it, so that few graphs are traced, and pooling halves them without rest."""

RESIZED_STEP: Final = 16
"""The same, of networks that resize their images, which halve them four times and more: to `efficientnet_lite0` images
of 88 pixels cost as much as those of 96."""


def edges_shown(settings: TrainingSettings, epoch: int, whole: tuple[int, int], step: int = STEP) -> tuple[int, int]:
    """Height and width, in pixels, of the images that a network sees in an epoch.

    The shorter edge rises from `progressive_size` in a straight line that reaches the whole image after two thirds of
    the epochs, rounded down to a multiple of `step`; the longer edge keeps the image's shape. The last epoch, be it the
    only one, shows whole images.

    Args:
        settings: of the training.
        epoch: from 0.
        whole: height and width of whole images, as the network sees them.
    """
    full, start = min(whole), settings.progressive_size
    if not 0 < start < full or epoch >= settings.epochs - 1:
        return whole
    # Whole numbers first: 40 of 60 epochs are exactly two thirds.
    grown = start + (full - start) * min(1.0, 3 * epoch / (2 * settings.epochs))
    edge = full if grown >= full else max(start, int(grown) // step * step)
    height, width = (round(edge * one / full) for one in whole)
    return height, width


def whole_edges(model: Any) -> tuple[int, int]:
    """Height and width, in pixels, of the images that a model's layers see; (0, 0) of a model of other inputs.

    A transfer model resizes its images to its `input_size` first.
    """
    shape = model.input_shape[1:]
    if len(shape) != 3:
        return 0, 0
    resizing = _resizing(model)
    return (resizing.height, resizing.width) if resizing else (shape[0], shape[1])


def shown_smaller(model: Any, edges: tuple[int, int]) -> Any:
    """A Keras model that takes what `model` takes, and shows it to the same layers with these edges.

    A model that resizes its images first, as transfer models do, resizes them to these edges instead.

    Args:
        model: from images (n, height, width, channels); not changed.
        edges: height and width, in pixels.

    Raises:
        UserError: its layers do not fit images of that size.
    """
    import keras

    try:
        if resizing := _resizing(model):
            return _resized_otherwise(model, resizing, edges)
        height, width, channels = model.input_shape[1:]
        inputs, small = keras.Input((height, width, channels)), keras.Input((*edges, channels))
        resized = keras.layers.Resizing(*edges, antialias=True, dtype="float32")(inputs)
        return keras.Model(inputs, _same_layers(model, small, lambda layer: layer)(resized))
    except ValueError as error:
        raise UserError(
            f"progressive_size needs a network that takes images of any size, its layers refuse {edges[0]} x "
            f"{edges[1]} pixels: choose a larger one, leave progressive_size out, or train `fast`"
        ) from error


def _resizing(model: Any) -> Any:
    """The layer that resizes a model's images before any other sees them, or None."""
    from keras.layers import Resizing

    images = model.inputs[0]
    first = [layer for layer in model.layers if any(images is one for one in _inputs_of(layer))]
    return first[0] if len(model.inputs) == len(first) == 1 and isinstance(first[0], Resizing) else None


def _inputs_of(layer: Any) -> Iterator[Any]:
    for node in layer._inbound_nodes:
        yield from node.input_tensors


def _resized_otherwise(model: Any, resizing: Any, edges: tuple[int, int]) -> Any:
    """The layers of a model and of its backbone in graphs of these edges."""
    import keras

    whole = resizing.height, resizing.width
    options = {**resizing.get_config(), "height": edges[0], "width": edges[1], "antialias": True}

    def of_any_size(layer: Any) -> Any:
        """A block of a backbone that is a model by itself was built for maps of one size, too."""
        shape = _image_shape(layer)
        if not shape:
            return layer
        return _same_layers(layer, keras.Input((None, None, shape[2])), of_any_size)

    def smaller(layer: Any) -> Any:
        if layer is resizing:
            return keras.layers.Resizing.from_config(options)
        shape = _image_shape(layer)
        if shape[:2] != whole:
            return layer
        return _same_layers(layer, keras.Input((*edges, shape[2])), of_any_size)

    return _same_layers(model, keras.Input(model.input_shape[1:]), smaller)


def _same_layers(model: Any, images: Any, given: Callable[[Any], Any]) -> Any:
    """A graph of a model's layers, or of what is given for each, with their variables, from symbolic images."""
    import keras

    tensors = [images] if isinstance(model.input, list) else images
    return keras.models.clone_model(model, tensors, clone_function=given)


def _image_shape(layer: Any) -> tuple[int, ...]:
    """Height, width and channels of what a model within a model takes; empty of any other layer or input."""
    import keras

    shape = getattr(layer, "input_shape", ()) if isinstance(layer, keras.Model) else ()
    return shape[1:] if isinstance(shape, tuple) and len(shape) == 4 else ()
