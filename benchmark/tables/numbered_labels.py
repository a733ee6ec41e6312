"""Labels that are numbers, where the classes have names."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.matching.class_names import ClassMatcher, label_numbers, number
from benchmark.tables.prediction_rows import Rows


def numbered(rows: Rows, class_names: Sequence[str]) -> bool:
    """Whether its labels are numbers that stand for classes which have names, in their order."""
    if rows.labels is None or any(number(name) is not None for name in class_names):
        return False
    named = rows.headings and ClassMatcher(class_names).named_by(rows.headings[-1]) is not None
    return not named and all(number(text) is not None for text in set(rows.labels))


def with_names(rows: Rows, class_names: Sequence[str]) -> Rows:
    """The rows with names for labels that are numbers; unchanged where they could be read in two ways, or not at all.

    A number is FER-2013's own where the classes are in FER-2013's order and all labels fit, else the place.

    Args:
        class_names: in the order that the numbers mean.
    """
    if not numbered(rows, class_names):
        return rows
    labels, matcher, own = rows.labels or (), ClassMatcher(class_names), label_numbers(class_names)
    if set(matcher.written) & set(class_names):
        return rows
    positions = matcher.positions(labels)
    if list(own) != sorted(own) or (positions < 0).any():
        places = {str(place): place for place in range(len(class_names))}
        positions = np.array([places.get(str(number(text)), -1) for text in labels])
    if (positions < 0).any():
        return rows
    return replace(rows, labels=[class_names[place] for place in positions.tolist()])
