"""Words on classes that no label is."""

from collections.abc import Sequence

from benchmark.matching.class_names import listed


def absent_sentence(split: str, classes: Sequence[str], lowered: Sequence[str]) -> str:
    """That no label of a split is one of these classes, and what follows.

    Args:
        lowered: the rows that predict such a class.
    """
    lacking = f"no {split} label is {listed(classes)}"
    if not lowered:
        return f"{lacking}: no score says anything of such classes"
    return (
        f"{lacking}; a row that predicts such a class has an F1 of 0 for it in its macro F1, as in scikit-learn: "
        f"{', '.join(lowered)}"
    )
