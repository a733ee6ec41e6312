"""Any backbone of Keras Hub by its preset's name, where keras-hub is installed: `hub:resnet_50_imagenet`."""

import re
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from zoo.applications import backbone_spec
from zoo.backbones import PRESET, Backbone
from zoo.errors import UserError, kind_and_message, unknown_name
from zoo.spec import ModelSpec

PREFIX: Final = "hub:"
PACKAGE: Final = "keras_hub"


@cache
def preset_spec(name: str) -> ModelSpec:
    """The transfer model that a name such as `hub:resnet_50_imagenet` means; keras-hub is imported when it is built.

    Raises:
        UserError: keras-hub is not installed, or has no such preset.
    """
    preset = name.removeprefix(PREFIX)
    installed = find_spec(PACKAGE)
    if installed is None:
        raise UserError(f"{name} needs keras-hub: pip install keras-hub")
    known = presets_in(Path(installed.origin or "").parent)
    if known and preset not in known:
        if close := get_close_matches(preset, known):
            raise unknown_name("preset of Keras Hub", preset, close)
        raise UserError(f"unknown preset of Keras Hub {preset!r}: its {len(known)} presets are on keras.io")
    backbone = Backbone(preset, PACKAGE, parameters=0, pixels=PRESET, url="", blocks=(), origin=PRESET)
    return backbone_spec(name, backbone, f"Keras Hub: {preset}", 32)


def presets_in(package: Path) -> list[str]:
    """The names of presets that the package lists, read from its files: importing it would start TensorFlow.

    Returns:
        No names if the files lie elsewhere than in keras-hub 0.32; then only building the network shows an unknown one.
    """
    files = sorted((package / "src" / "models").glob("*/*_presets.py"))
    return [name for file in files for name in re.findall(r'^ {4}"([^"]+)": \{$', file.read_text("utf-8"), re.M)]


def preset_base(preset: str, input_size: int, weights: str | Path) -> Any:
    """The preset's network from images to features, as a Keras model; with random weights unless `weights` is `PRESET`.

    Raises:
        UserError: the preset cannot be read, is not a network of RGB images, or takes only another size.
    """
    import keras
    from keras_hub import models

    try:
        network = models.Backbone.from_preset(preset, load_weights=weights == PRESET)
    except Exception as error:  # the download and the file can fail in many ways
        raise UserError(
            f"{PREFIX}{preset} cannot be read ({kind_and_message(error)}): keras-hub downloads presets from Kaggle "
            "into the cache of kagglehub, once"
        ) from error
    inputs, outputs = getattr(network, "inputs", []), getattr(network, "outputs", [])
    shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    if len(shapes) != 2 or len(shapes[0]) != 4 or shapes[0][-1] != 3 or len(shapes[1]) not in (3, 4):
        raise UserError(f"{PREFIX}{preset} is not a network from RGB images to features: {type(network).__name__}")
    size = shapes[0][1:3]
    if size not in ((None, None), (input_size, input_size)):
        raise UserError(f"{PREFIX}{preset} takes images of {size[0]}x{size[1]} alone: --set input_size={size[0]}")
    # A plain Keras model, so that a stored network needs keras-hub only for layers that keras-hub defines.
    return keras.Model(inputs[0], outputs[0], name=re.sub(r"\W+", "_", preset))


def preset_scaling(preset: str) -> tuple[Any, Any]:
    """Scale and offset of RGB pixels (0-255), each one number, or one for each channel.

    Raises:
        UserError: the preset has no image converter, or one that does more.
    """
    import numpy as np
    from keras import ops
    from keras_hub.layers import ImageConverter

    try:
        converter = ImageConverter.from_preset(preset)
    except Exception as error:  # as in `preset_base`
        why = kind_and_message(error)
        raise UserError(f"{PREFIX}{preset} has no image converter, which scales its images: {why}") from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    height, width = (edge or 8 for edge in converter.image_size or (None, None))
    pixels = np.linspace(0, 255, height * width * 3, dtype=np.float32).reshape(1, height, width, 3)
    expected = pixels * np.asarray(scale, np.float32) + np.asarray(offset, np.float32)
    converted = ops.convert_to_numpy(converter(pixels))
    if converted.shape != expected.shape or not np.allclose(converted, expected, rtol=1e-3, atol=1e-3):
        raise UserError(
            f"the image converter of {PREFIX}{preset} does more than scale: write a function that builds the network "
            "into a file, and give that with --models FILE.py"
        )
    return scale, offset
