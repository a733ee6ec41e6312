"""Combine stored predictions into runs of their own: no Keras.

`ensembles.build("resnet,bayes,vgg")` stores the average of three models; `python -m ensembles build` is the same call.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensembles.building import build, build_all
    from ensembles.distilling import DistillOptions, distill
    from ensembles.explaining import explain
    from ensembles.exporting import export
    from ensembles.joint import JointOptions, train
    from ensembles.options import Options
    from ensembles.tradeoffs import smallest

__all__ = [
    "DistillOptions",
    "JointOptions",
    "Options",
    "build",
    "build_all",
    "distill",
    "explain",
    "export",
    "smallest",
    "train",
]

_HOMES = {
    "DistillOptions": "distilling",
    "JointOptions": "joint",
    "Options": "options",
    "build": "building",
    "build_all": "building",
    "distill": "distilling",
    "explain": "explaining",
    "export": "exporting",
    "smallest": "tradeoffs",
    "train": "joint",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use, so that `python -m ensembles --help` answers without importing NumPy.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"ensembles.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
