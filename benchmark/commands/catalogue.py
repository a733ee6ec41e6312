"""The zoo as a list, from what each model declares; no model is built."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from zoo.registry import all_models, outside_models

ANY: Final = """\
Other models by name: keras:NETWORK of keras.applications, hub:PRESET of Keras
Hub, sklearn:IMPORT.PATH of a classifier. Your own: --models FILE.py."""


def models(files: Sequence[str | Path] = ()) -> list[dict[str, Any]]:
    """The models of the zoo, of installed packages and of these files, one dict each.

    Keys: name, family, parameters (for 48x48 grey images and 7 classes; 0 if unknown), published_accuracy (0-1 or
    None), published_parameters (or None), weights ("imagenet" or None), hyperparameters (defaults by name), reference,
    note.
    """
    return [
        {
            "name": spec.name,
            "family": spec.family,
            "parameters": spec.parameters,
            "published_accuracy": spec.published_accuracy,
            "published_parameters": spec.published_parameters,
            "weights": spec.weights,
            "hyperparameters": spec.with_hyperparameters({}),
            "reference": spec.reference,
            "note": spec.note,
        }
        for spec in [*all_models().values(), *outside_models(map(Path, files)).values()]
    ]


def models_text(listed: Sequence[Mapping[str, Any]]) -> str:
    """The list from `models` as a table of at most 80 columns."""
    from tabulate import tabulate

    rows = [
        (
            model["name"],
            f"{model['parameters']:,}" if model["parameters"] else "-",
            "-" if model["published_accuracy"] is None else f"{100 * model['published_accuracy']:.2f} %",
            model["reference"],
        )
        for model in listed
    ]
    headers = ("name", "parameters", "published\naccuracy", "source")
    alignment = ("left", "right", "right", "left")
    # The other columns leave 33 of 80 characters for the sources; the family of a model is in the JSON alone.
    table = tabulate(rows, headers, disable_numparse=True, colalign=alignment, maxcolwidths=[None] * 3 + [33])
    notes = [fill(f"{model['name']}: {model['note']}", 80, subsequent_indent="  ") for model in listed if model["note"]]
    return "\n".join([table, *([""] if notes else []), *notes, "", ANY])
