"""Numbers about one model against scikit-learn and by hand; words against the numbers."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support, roc_auc_score
from stored_runs import DATASET, config, ids, predictions, store_run

from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from reports.pages.describing import class_sentences, class_table, headline, mean_confusion, score_table, shown_names
from reports.pages.evaluation import Evaluation, evaluate
from zoo.errors import UserError

SADDLED = ("fear", "happy", "sad")


def evaluation(tmp_path: Path, *found: Predictions) -> Evaluation:
    store = RunStore(tmp_path / "runs")
    for seed, predicted in enumerate(found):
        store_run(store, config("cnn4"), [predicted], seed=seed)
    return evaluate(store.snapshot(DATASET), "cnn4")


def from_confusion(counts: list[list[int]], class_names: tuple[str, ...] = SADDLED) -> Predictions:
    """Predictions with exactly this confusion matrix."""
    matrix = np.array(counts)
    true, said = np.nonzero(matrix)
    labels = np.repeat(true, matrix[true, said])
    predicted = np.repeat(said, matrix[true, said])
    probabilities = np.full((len(labels), len(counts)), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predicted] = 1 - 0.1 * (len(counts) - 1)
    return Predictions("test", ids("test", len(labels)), class_names, probabilities, labels.astype(np.int64))


def test_one_seed_against_scikit_learn(tmp_path: Path) -> None:
    found = evaluation(tmp_path, predictions("test", 27))
    true, probabilities = found.labels, found.probabilities[0]
    said = probabilities.argmax(axis=1)
    np.testing.assert_array_equal(mean_confusion(found), confusion_matrix(true, said))
    table = class_table(found)
    precision, recall, f1, support = precision_recall_fscore_support(true, said)
    np.testing.assert_allclose(
        table[["precision", "recall", "f1", "images"]], np.array([precision, recall, f1, support]).T
    )
    areas = roc_auc_score(true, probabilities, multi_class="ovr", average=None)
    np.testing.assert_allclose(table["auc"], areas)
    interval = binomtest(round(recall[1] * support[1]), int(support[1])).proportion_ci(method="wilson")
    assert table.loc[1, ["low", "high"]].tolist() == pytest.approx([interval.low, interval.high])
    scores = score_table(found).set_index("score")
    assert scores["value"]["macro AUC"] == pytest.approx(np.mean(areas))
    assert scores["value"]["accuracy"] == 27 / 40
    assert scores["value"]["macro F1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert scores["deviation"].isna().all()
    assert scores.loc["log loss", "low"] < scores.loc["log loss", "value"] < scores.loc["log loss", "high"]


def test_several_seeds_are_means_of_their_scores(tmp_path: Path) -> None:
    found = evaluation(tmp_path, from_confusion([[6, 2, 2], [0, 10, 0], [1, 1, 8]]),
                       from_confusion([[4, 2, 4], [0, 10, 0], [1, 3, 6]]))  # fmt: skip
    np.testing.assert_array_equal(mean_confusion(found), [[5, 2, 3], [0, 10, 0], [1, 2, 7]])
    table = class_table(found)
    assert table["recall"].tolist() == pytest.approx([0.5, 1, 0.7])
    assert table["low"].tolist() == [0.4, 1, 0.6]
    assert table["high"].tolist() == [0.6, 1, 0.8]
    scores = score_table(found).set_index("score")
    assert scores.loc["accuracy", "value"] == pytest.approx((24 / 30 + 20 / 30) / 2)
    assert scores.loc["accuracy", "deviation"] == pytest.approx(np.std([24 / 30, 20 / 30], ddof=1))
    assert scores["low"].isna().all()


def test_words(tmp_path: Path) -> None:
    found = evaluation(tmp_path, from_confusion([[70, 7, 23], [0, 1, 0], [4, 0, 96]]))
    assert headline(found) == "fear is taken for sad in 23 % of 100 images"
    assert class_sentences(found) == [
        "fear (100 images) is recognised in 70 %, taken for sad in 23 % and for happy in 7 %",
        "sad (100 images) is recognised in 96 %",
        "happy (1 image) is recognised in 100 %",
    ]


def test_a_class_without_images_and_nothing_confused(tmp_path: Path) -> None:
    found = evaluation(tmp_path, from_confusion([[3, 0, 0], [0, 0, 0], [0, 0, 2]]))
    assert headline(found) == ""
    assert [sentence.partition(" ")[0] for sentence in class_sentences(found)] == ["fear", "sad"]
    table = class_table(found)
    assert table["recall"].isna().tolist() == table["auc"].isna().tolist() == [False, True, False]


def test_only_one_class_has_images(tmp_path: Path) -> None:
    found = evaluation(tmp_path, from_confusion([[3, 1, 0], [0, 0, 0], [0, 0, 0]]))
    assert class_table(found)["auc"].isna().all()
    assert np.isnan(score_table(found).set_index("score").loc["macro AUC", "value"])


def test_names_that_become_alike_when_cut_are_numbered() -> None:
    alike = [f"{'x' * 100}{letter}{'x' * 100}" for letter in "ab"]
    names = shown_names([*alike, "two\nlines"])
    assert names == ["xxxxxxxxxx...xxxxxxxxx (0)", "xxxxxxxxxx...xxxxxxxxx (1)", "two lines"]


def test_validation_where_the_test_labels_are_sealed(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [predictions("validation", 10), predictions("test", 20, sealed=True)])
    assert evaluate(store.snapshot(DATASET), "cnn4").split == "validation"
    labels = tmp_path / "labels.csv"
    labels.write_text("".join(f"{label}\n" for label in predictions("test", 0).labels))  # type: ignore[union-attr]
    opened = evaluate(store.snapshot(DATASET), "cnn4", labels)
    assert (opened.split, int(opened.correct.sum())) == ("test", 20)


@pytest.mark.parametrize("count", [7, 41])
def test_seeds_of_other_images_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(UserError, match="has other test images"):
        evaluation(tmp_path, predictions("test", 5), predictions("test", 5, count=count))


def test_no_labels_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no validation predictions"):
        evaluation(tmp_path, predictions("test", 5, sealed=True))
