"""Train, record and score: one protocol for every model.

    run(models, data)     -> list[StoredRun], what `python -m benchmark run` does
    run_all(data)         -> the same for `run --all`
    tune(model, data)     -> Tuned, what `python -m benchmark tune` does
    check(runs)           -> what `python -m benchmark check` finds, by dataset
    export(run, format)   -> Exported, what `python -m benchmark export` does
    predict(run, images)  -> list of dicts, what `python -m benchmark predict` does
    predict_file(file, images) -> the same with an exported file, `predict --model FILE`
    publish(to, names)    -> Published, what `python -m benchmark publish` does
    models()              -> the zoo as a list of dicts, what `python -m benchmark list` does

Importing this package imports neither NumPy nor Keras.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from benchmark.data import ReadOptions

if TYPE_CHECKING:
    from benchmark.commands.catalogue import models
    from benchmark.commands.run_all import run_all
    from benchmark.exporting.exporting import export
    from benchmark.exporting.file_predictions import predict_file
    from benchmark.exporting.picture_predictions import predict
    from benchmark.publishing.publishing import publish
    from benchmark.running.run_options import RunOptions
    from benchmark.running.runner import run
    from benchmark.search.tuning import TuneOptions, tune
    from benchmark.store.checking import check

__all__ = [
    "ReadOptions",
    "RunOptions",
    "TuneOptions",
    "check",
    "export",
    "models",
    "predict",
    "predict_file",
    "publish",
    "run",
    "run_all",
    "tune",
]

_HOMES: Final = {
    "RunOptions": "running.run_options",
    "TuneOptions": "search.tuning",
    "check": "store.checking",
    "export": "exporting.exporting",
    "models": "commands.catalogue",
    "predict": "exporting.picture_predictions",
    "predict_file": "exporting.file_predictions",
    "publish": "publishing.publishing",
    "run": "running.runner",
    "run_all": "commands.run_all",
    "tune": "search.tuning",
}


def __getattr__(name: str) -> Any:
    """The public call `name`, from the module that defines it, imported when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    # What a notebook completes: the calls, and not what Python put here to look them up.
    return sorted(__all__)
