"""Any scikit-learn classifier by its import path: `sklearn:sklearn.ensemble.HistGradientBoostingClassifier`."""

import inspect
from functools import cache
from importlib import import_module
from typing import Any, Final

from zoo.errors import UserError, unknown_name
from zoo.settings import TrainingSettings
from zoo.spec import Anything, ModelSpec

PREFIX: Final = "sklearn:"
EPOCHS: Final = 20
"""Epochs of a classifier with `partial_fit`; each is one call with all images."""

OF_RUNS: Final = ("random_state", "n_jobs", "verbose", "warm_start")
"""Arguments that are not hyperparameters: the run's seed, and those that change no result."""


@cache
def estimator_spec(name: str) -> ModelSpec:
    """The classifier that a name such as `sklearn:sklearn.svm.SVC` means; its class is imported.

    Its hyperparameters are the arguments whose default is a number, a text, a truth value or None.

    Raises:
        UserError: there is no such class, it is not a classifier with probabilities, or it needs an argument.
    """
    kind = _classifier(name)
    arguments = inspect.signature(kind).parameters
    values = {
        key: Anything(one.default)
        for key, one in arguments.items()
        if key not in OF_RUNS and (one.default is None or type(one.default) in (bool, int, float, str))
    }
    bare = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    if needed := [key for key, one in arguments.items() if one.default is one.empty and one.kind not in bare]:
        raise UserError(
            f"{name} needs {', '.join(needed)}, for which there is no default: give it in a file with a "
            "ModelSpec(estimator=...), and the file with --models"
        )
    once = not hasattr(kind, "partial_fit")
    seeded = "random_state" in arguments

    def build(*, seed: int, **given: Any) -> Any:
        # A trainer also gives learning rate and batch size, which most classifiers do not take.
        own = {key: value for key, value in given.items() if key in values}
        return kind(**own, **({"random_state": seed} if seeded else {}))

    return ModelSpec(
        name=name,
        reference=f"{kind.__module__.partition('.')[0]}: {kind.__name__}",
        parameters=0,
        estimator=build,
        hyperparameters=values,
        training=TrainingSettings(epochs=EPOCHS, patience=0),
        quick={"epochs": 5},
        fitted_once=once,
    )


def _classifier(name: str) -> Any:
    path = name.removeprefix(PREFIX)
    module, dot, kind = path.rpartition(".")
    wanted = f"expected {PREFIX} and the import path of a classifier, such as {PREFIX}sklearn.naive_bayes.GaussianNB"
    if not dot or not all(part.isidentifier() for part in path.split(".")):
        raise UserError(f"{name} names no class: {wanted}")
    try:
        home = import_module(module)
    except ImportError as error:
        raise UserError(f"{name} cannot be imported ({error}): {wanted}") from error
    classifier = getattr(home, kind, None)
    if not isinstance(classifier, type):
        classes = [key for key, one in vars(home).items() if isinstance(one, type)]
        raise unknown_name(f"class of {module}", kind, classes)
    # `predict_proba` of some depends on how they are set; such a class has it all the same.
    if not {"fit", "get_params", "predict_proba"} <= set(dir(classifier)):
        raise UserError(f"{name} is not a scikit-learn classifier with predict_proba: {wanted}")
    return classifier
