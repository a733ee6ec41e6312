"""What a reader must know of a run's validation score, its members' included."""

from collections.abc import Mapping
from typing import Final

from benchmark.records import IN_SAMPLE
from benchmark.stored_run import StoredRun

FITTED: Final = (*IN_SAMPLE, "stacking")
"""Methods of ensembles that fit something on validation."""


def remark_of(run: StoredRun, stored: Mapping[str, StoredRun]) -> str:
    """Its own remark (`RunConfig.remark`) or, of an ensemble, what its member ensembles pass on to it; or nothing.

    A fitted ensemble's held-out predictions of one fold were made by fits that saw the labels of the others. What is
    fitted on such predictions sees labels that it is judged by: of noise alone, 300 images and 15 members, stacking
    over stacking made 2.5 points. Weights and temperatures that were fitted on the predictions of single folds are
    those of another predictor than the mean of all folds' networks, which predicts test.

    Args:
        run: that the remark is about.
        stored: the runs of its dataset by name.
    """
    config = run.config
    if config.teacher:
        return config.remark or _of_the_taught(config.teacher, stored)
    if config.remark or config.kind != "ensemble":
        return config.remark
    members = [stored[name] for name in config.members if name in stored]
    inner = [member for member in members if member.config.kind == "ensemble"]
    for member in (*inner, *(member for member in members if member.config.teacher)):
        if said := remark_of(member, stored):
            return f"its member {member.config.title}: {said}"
    fitted = config.hyperparameters.get("method") in FITTED
    if fitted and any(member.config.hyperparameters.get("method") in FITTED for member in inner):
        return "fitted on ensembles that were fitted on the same images, which cross-fitting does not undo"
    if (fitted or config.hyperparameters.get("calibrate")) and any(member.config.folds for member in members):
        return (
            "fitted on what single networks of its members' folds say; on test those members are means of all "
            "their networks, which are more accurate and less confident"
        )
    return ""


def _of_the_taught(name: str, stored: Mapping[str, StoredRun]) -> str:
    """What a network's teacher passes on: the network learns what the teacher has seen of validation."""
    if name not in stored:
        return f"its teacher {name} is not stored here, and so it is not known what that has seen"
    teacher = stored[name]
    if said := remark_of(teacher, stored):
        return f"its teacher {teacher.config.title}: {said}"
    if teacher.config.kind == "ensemble" and teacher.config.hyperparameters.get("method") in FITTED:
        return f"its teacher {teacher.config.title} was fitted on these validation images"
    return ""
