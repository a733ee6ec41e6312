"""Which classes there are, by labels and by the columns of predictions."""

from collections.abc import Sequence

from benchmark.matching.class_names import ClassMatcher, number, sorted_class_names, usual_prefix
from benchmark.tables.given_labels import Labels
from benchmark.tables.prediction_rows import Rows


def class_names_of(labels: Labels, given: Sequence[str], rows: Sequence[Rows]) -> tuple[str, ...]:
    """The class names of labels: those that were given, else their own, and classes that only predictions have."""
    names = tuple(given) or labels.class_names
    if names is None:
        names = sorted_class_names({text for text in labels.texts if text})
        for one in rows:
            names = _wider(names, one) or names
    return names


def _wider(names: tuple[str, ...], rows: Rows) -> tuple[str, ...] | None:
    """All classes of a file with more columns than labels name; None where the labels cannot be among them."""
    if rows.columns <= max(1, len(names)):
        return None
    whole = [value for name in names if (value := number(name)) is not None]
    numbered = len(whole) == len(names)
    if rows.headings is None:
        for first in (0, 1):
            if numbered and all(first <= value < first + rows.columns and value % 1 == 0 for value in whole):
                return tuple(str(first + place) for place in range(rows.columns))
        return None
    for wider in (sorted_class_names(rows.headings), plain_names(rows.headings)):
        same_kind = numbered == all(number(name) is not None for name in wider)
        if same_kind and (ClassMatcher(wider).positions(names) >= 0).all():
            return wider
    return None


def plain_names(headings: Sequence[str]) -> tuple[str, ...]:
    """Class names from the headings of columns, without a prefix such as `p_` that all share."""
    prefix = usual_prefix(headings[0])
    if not all(heading.startswith(prefix) and heading != prefix for heading in headings):
        prefix = ""
    return sorted_class_names([heading.removeprefix(prefix) for heading in headings])
