"""Combine stored predictions into runs of their own: no Keras.

`ensembles.build("resnet,bayes,vgg")` stores the average of three models; `python -m ensembles build` is the same call.
`ensembles.import_predictions("mine", validation, test, labels=labels)` stores predictions of other programs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensembles.building.building import build, build_all
    from ensembles.explaining.explaining import explain
    from ensembles.explaining.tradeoffs import smallest
    from ensembles.importing.importing import import_predictions
    from ensembles.methods.options import Options
    from ensembles.networks.distilling import DistillOptions, distill
    from ensembles.networks.exporting import export
    from ensembles.networks.joint import JointOptions, train

__all__ = [
    "DistillOptions",
    "JointOptions",
    "Options",
    "build",
    "build_all",
    "distill",
    "explain",
    "export",
    "import_predictions",
    "smallest",
    "train",
]

_HOMES = {
    "DistillOptions": "networks.distilling",
    "JointOptions": "networks.joint",
    "Options": "methods.options",
    "build": "building.building",
    "build_all": "building.building",
    "distill": "networks.distilling",
    "explain": "explaining.explaining",
    "export": "networks.exporting",
    "import_predictions": "importing.importing",
    "smallest": "explaining.tradeoffs",
    "train": "networks.joint",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use, so that `python -m ensembles --help` answers without importing NumPy.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"ensembles.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # What a notebook completes: the calls, and not what Python put here to look them up.
    return sorted(__all__)
