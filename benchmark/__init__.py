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

from typing import TYPE_CHECKING

from benchmark.data import ReadOptions as ReadOptions
from benchmark.on_demand import on_demand

if TYPE_CHECKING:
    from benchmark.commands.catalogue import models as models
    from benchmark.commands.run_all import run_all as run_all
    from benchmark.exporting.model_export import export as export
    from benchmark.exporting.picture_predictions import predict as predict, predict_file as predict_file
    from benchmark.publishing.publishing import publish as publish
    from benchmark.running.run_options import RunOptions as RunOptions
    from benchmark.running.runner import run as run
    from benchmark.search.tuning import TuneOptions as TuneOptions, tune as tune
    from benchmark.store.checking import check as check

__all__, __getattr__, __dir__ = on_demand(
    __name__,
    {
        "running.run_options": "RunOptions",
        "search.tuning": "TuneOptions tune",
        "store.checking": "check",
        "exporting.model_export": "export",
        "commands.catalogue": "models",
        "exporting.picture_predictions": "predict predict_file",
        "publishing.publishing": "publish",
        "running.runner": "run",
        "commands.run_all": "run_all",
    },
    ("ReadOptions",),
)
