"""Which training images are left where none may stand twice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.data.duplicates import by_pixels
from benchmark.dataset import Split
from zoo.errors import UserError


def distinct(train: Split, others: Sequence[Split]) -> NDArray[np.int64]:
    """The positions of the training images that stay, in ascending order.

    An image that equals one of the other splits in every pixel goes. Of equal ones within train the first stays that
    has the label of most of them; where no label has most, nobody knows, and all of them go.

    Args:
        train: labelled.
        others: validation and test, as far as there are any; of them the pixels alone are looked at.

    Raises:
        UserError: a class would be left without images.
    """
    assert train.labels is not None  # noqa: S101 - for mypy: Dataset guarantees it
    elsewhere = {digest for split in others for digest in by_pixels(split.images)}
    kept = []
    for digest, places in by_pixels(train.images).items():
        if digest not in elsewhere:
            labels = train.labels[places]
            counts = np.bincount(labels)
            if np.count_nonzero(counts == counts.max()) == 1:
                kept.append(places[int(np.argmax(labels == counts.argmax()))])
    rows = np.sort(np.array(kept, np.int64))
    if lost := sorted(set(train.labels.tolist()) - set(train.labels[rows].tolist())):
        raise UserError(f"without duplicates no training image of class {lost[0]} is left: add --set duplicates=keep")
    return rows
