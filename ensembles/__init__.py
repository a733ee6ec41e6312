"""Combine stored predictions into runs of their own: no Keras.

`ensembles.build("resnet,bayes,vgg")` stores the average of three models; `python -m ensembles build` is the same call.
`ensembles.import_predictions("mine", validation, test, labels=labels)` stores predictions of other programs.
"""

from typing import TYPE_CHECKING

from benchmark.on_demand import on_demand

if TYPE_CHECKING:
    from ensembles.building.building import build as build, build_all as build_all
    from ensembles.explaining.explaining import explain as explain
    from ensembles.explaining.tradeoffs import smallest as smallest
    from ensembles.importing.importing import import_predictions as import_predictions
    from ensembles.methods.options import Options as Options
    from ensembles.networks.distilling import DistillOptions as DistillOptions, distill as distill
    from ensembles.networks.ensemble_exports import export as export
    from ensembles.networks.joint import JointOptions as JointOptions, train as train
    from ensembles.networks.soft_targets import soft_targets as soft_targets

__all__, __getattr__, __dir__ = on_demand(
    __name__,
    {
        "networks.distilling": "DistillOptions distill",
        "networks.joint": "JointOptions train",
        "networks.soft_targets": "soft_targets",
        "methods.options": "Options",
        "building.building": "build build_all",
        "explaining.explaining": "explain",
        "networks.ensemble_exports": "export",
        "importing.importing": "import_predictions",
        "explaining.tradeoffs": "smallest",
    },
)
