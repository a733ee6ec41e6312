"""Remarks on validation scores: what a run, its teacher or its members have already seen of validation."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmark.files.run_layout import CONFIGURATION_NAME, seed_name
from benchmark.records import IN_SAMPLE, JOINT
from benchmark.store.made_again import made_again
from benchmark.store.stored_run import StoredRun
from zoo.registry import TUNED_SUFFIX

FITTED: Final = (*IN_SAMPLE, "stacking")
"""Methods of ensembles that fit something on validation."""


def remark_of(run: StoredRun, stored: Mapping[str, StoredRun]) -> str:
    """The run's own remark (`RunConfig.remark`), else that of its teacher or of its members, else "".

    A fitted ensemble predicts each fold with fits that saw the labels of the other folds. Whatever is fitted on such
    predictions therefore sees labels that it is judged by: on pure noise (300 images, 15 members) stacking over
    stacking gained 2.5 points. Weights and temperatures that were fitted on single folds' predictions belong to another
    predictor than the mean of all folds' networks, which predicts test.
    """
    config = run.config
    if config.remark:
        return config.remark
    if config.teacher:
        return _teacher_remark(config.teacher_run, stored)
    members = _members(run, stored)
    for member in members:
        if _passes_on(member) and (remark := remark_of(member, stored)):
            return f"its member {member.config.title}: {remark}"
    if gone := _gone(run, stored):
        return f"its member {gone} is not stored any more"
    if config.kind != "ensemble":
        return ""
    again = made_again(run, stored)
    return f"its member {again} was made again since it was built" if again else _fit_remark(run, members)


def _passes_on(member: StoredRun) -> bool:
    """Whether what the member has seen of validation is news of what it is a member of."""
    config = member.config
    return config.kind in ("ensemble", JOINT) or bool(config.teacher) or config.model.endswith(TUNED_SUFFIX)


def _fit_remark(run: StoredRun, members: Sequence[StoredRun]) -> str:
    if run.config.hyperparameters.get("method") in FITTED and any(fitted(member) for member in members):
        return "fitted on ensembles that were fitted on the same samples, which cross-fitting does not undo"
    if fitted(run) and any(member.config.out_of_fold for member in members):
        return (
            "fitted on predictions of single folds; on test its members average the models of all folds, which "
            "is more accurate and less confident"
        )
    return ""


def _teacher_remark(name: str, stored: Mapping[str, StoredRun]) -> str:
    """The remark of a network's teacher: the network learns what the teacher has seen of validation."""
    if name not in stored:
        return f"its teacher {name} is not stored here, so it is not known what it has seen"
    teacher = stored[name]
    if remark := remark_of(teacher, stored):
        return f"its teacher {teacher.config.title}: {remark}"
    # Its validation score is cross-fitted, but it teaches with what was fitted on all of validation.
    if fitted_anywhere(teacher, stored):
        return f"its teacher {teacher.config.title} was fitted on these validation images"
    return ""


def _members(run: StoredRun, stored: Mapping[str, StoredRun]) -> list[StoredRun]:
    """The runs that are stored of those that an ensemble combines or a joint training starts from."""
    members = []
    for name in run.config.members:
        if (whole := _run_name(name, run)) in stored:
            members.append(stored[whole])
    return members


def _gone(run: StoredRun, stored: Mapping[str, StoredRun]) -> str:
    """A member that is not stored any more; empty for none. A joint training's new members never were."""
    is_stored = CONFIGURATION_NAME.fullmatch
    names = [name for name in run.config.members if run.config.kind != JOINT or is_stored(name.partition("/")[0])]
    return next((name for name in names if _run_name(name, run) not in stored), "")


def _run_name(member: str, run: StoredRun) -> str:
    """The run that is meant: a joint training names a configuration where it starts from the run of its own seed."""
    return member if "/" in member else f"{member}/{seed_name(run.record.seed)}"


def fitted(run: StoredRun) -> bool:
    """Whether it is an ensemble whose method or temperature was fitted on validation."""
    hyperparameters = run.config.hyperparameters
    return run.config.kind == "ensemble" and (
        hyperparameters.get("method") in FITTED or bool(hyperparameters.get("calibrate"))
    )


def fitted_anywhere(run: StoredRun, stored: Mapping[str, StoredRun]) -> bool:
    """Whether the ensemble, or one that is among its members, was fitted on validation."""
    return fitted(run) or any(fitted_anywhere(member, stored) for member in _members(run, stored))


def epoch_chosen(run: StoredRun, stored: Mapping[str, StoredRun]) -> bool:
    """Whether validation chose among the epochs of the network, or of one that is among its members."""
    several = run.record.best_epoch is not None and (run.record.epochs or 0) > 1
    return several or any(epoch_chosen(member, stored) for member in _members(run, stored))
