"""The leaderboard's figure has a point and an interval for every row with an accuracy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from stored_runs import DATASET, IMAGES, config, predictions, store_model, store_run

import reports
from benchmark.store.run_store import RunStore
from reports.leaderboards import board_figure
from reports.leaderboards.board_figure import picture
from reports.leaderboards.results import read_results


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn."""
    figures: list[Figure] = []

    def keep(draw: Callable[[Any], None], height: int) -> bytes:
        figures.append(Figure())
        draw(figures[-1])
        return b"PNG"

    monkeypatch.setattr(board_figure, "png", keep)
    return figures


def test_rows_stand_in_their_order_with_their_intervals(store: RunStore, drawn: list[Figure]) -> None:
    store_run(store, config("unlabelled"), [predictions("validation", 9), predictions("test", 9, sealed=True)])
    board = reports.leaderboard(store.root)
    rows = board[board["test_accuracy"].notna()]
    board_figure.accuracies(board, "test", DATASET)
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == rows["model"].tolist()
    points = np.concatenate([bar.lines[0].get_xydata() for bar in axes.containers])
    points = points[np.argsort(-points[:, 1])]
    np.testing.assert_allclose(points[:, 0], 100 * rows["test_accuracy"].astype(float))
    segments = np.concatenate([bar.lines[2][0].get_segments() for bar in axes.containers])
    segments = segments[np.argsort(-segments[:, 0, 1])]
    np.testing.assert_allclose(segments[:, :, 0], 100 * rows[["test_accuracy_low", "test_accuracy_high"]].astype(float))


def test_rank_groups_differ_in_colour(store: RunStore, drawn: list[Figure]) -> None:
    store_model(store, "never", 0, 0)
    board = reports.leaderboard(store.root)
    assert board.loc[board["model"] == "never", "rank"].item() > 1
    board_figure.accuracies(board, "test", DATASET)
    first, second = drawn[0].axes[0].containers
    assert first.lines[0].get_color() != second.lines[0].get_color()
    ranks = board["rank"].dropna()
    group = ranks.map({rank: place for place, rank in enumerate(sorted(set(ranks)))})
    for bars, parity in ((first, 0), (second, 1)):
        expected = 100 * board.loc[group.index[group % 2 == parity], "test_accuracy"].astype(float)
        np.testing.assert_allclose(bars.lines[0].get_xdata(), expected)


def test_without_accuracies_there_is_no_figure(store: RunStore, tmp_path: Any, drawn: list[Figure]) -> None:
    blind = RunStore(tmp_path / "blind")
    store_run(blind, config("cnn4"), [predictions("test", IMAGES, sealed=True)])
    assert picture(read_results(blind.root)) is None
    assert picture(read_results(store.root)) == b"PNG"
    with pytest.raises(ValueError, match="no row has an accuracy"):
        board_figure.accuracies(reports.leaderboard(blind.root), "test", DATASET)
