"""Combine stored predictions into runs of their own: NumPy only, no Keras.

`ensembles.build("resnet,bayes,vgg")` stores the average of three models; `python -m ensembles build` is the same call.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensembles.building import build
    from ensembles.explaining import explain

_HOMES = {"build": "ensembles.building", "explain": "ensembles.explaining"}

__all__ = ["build", "explain"]


def __getattr__(name: str) -> Any:
    # Looked up on first use, so that `python -m ensembles --help` answers without importing NumPy.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
