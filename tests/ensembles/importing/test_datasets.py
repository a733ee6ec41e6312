"""Labels make a dataset; the next import joins it, and other labels make another."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, SAMPLES, TEST_IDS, TESTED, label_frame, of, predicted, truth, wide_frame, write
from stored_runs import (
    CLASS_NAMES,
    DATASET,
    config,
    ids,
    predictions,
    store_failure,
    store_model,
    store_run,
    true_labels,
)

import ensembles
from benchmark.store import stored_run
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import read_predictions
from ensembles.importing.importing import import_predictions
from ensembles.importing.known import known_from_runs
from zoo.errors import UserError

# Some predictions here are of other classes than their labels, which an import doubts.
pytestmark = pytest.mark.filterwarnings("ignore:.* of validation are right:UserWarning")

VALUES = predicted()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_a_dataset_of_failures_is_in_nobodys_way(tmp_path: Path, runs: Path) -> None:
    store_failure(RunStore(runs), "cnn4", "MemoryError: too large")
    run = import_predictions("mine", VALUES, labels=write(tmp_path / "train.csv", label_frame()), runs=runs)
    assert run.config.dataset == "train"


def test_the_next_import_joins_with_labels_and_without(tmp_path: Path, runs: Path) -> None:
    labels = write(tmp_path / "train.csv", label_frame())
    first = import_predictions("first", VALUES, labels=labels, runs=runs)
    second = import_predictions("second", predicted(seed=1), labels=labels, runs=runs)
    third = import_predictions("third", predicted(seed=2), runs=runs)
    shuffled = write(tmp_path / "other.csv", label_frame().sample(frac=1, random_state=0))
    fourth = import_predictions("fourth", wide_frame(predicted(seed=3)), labels=shuffled, runs=runs)
    assert first.config.dataset == "train"
    assert len({run.config.fingerprint for run in (first, second, third, fourth)}) == 1
    assert RunStore(runs).datasets() == [f"train-{first.config.fingerprint}"]
    np.testing.assert_allclose(of(fourth).probabilities, predicted(seed=3), atol=1e-7)


def test_rows_of_arrays_follow_the_labels_that_are_given_with_them(tmp_path: Path, runs: Path) -> None:
    import_predictions("first", VALUES, labels=write(tmp_path / "y.csv", label_frame()), runs=runs)
    order = np.random.default_rng(0).permutation(SAMPLES)
    shuffled = write(tmp_path / "other.csv", label_frame().iloc[order])
    with pytest.warns(UserWarning, match="those of first"):
        again = import_predictions("again", VALUES[order], labels=shuffled, runs=runs)
    np.testing.assert_allclose(of(again).probabilities, VALUES, atol=1e-7)


def test_labels_belong_to_the_dataset_that_models_were_trained_on(tmp_path: Path, runs: Path) -> None:
    # An import before the first training makes a dataset that is called like the file of labels.
    names = dict(
        zip(ids("validation").tolist(), (CLASS_NAMES[label] for label in true_labels("validation")), strict=True)
    )
    labels = pd.DataFrame({"id": names.keys(), "label": names.values()})
    file = write(tmp_path / "samples.csv", labels)
    theirs = predictions("validation", 60).probabilities
    assert import_predictions("early", theirs, labels=file, runs=runs).config.dataset == "samples"
    trained = store_model(RunStore(runs), "cnn4", 50, 50)
    late = import_predictions("late", theirs[:, [1, 0, *range(2, len(CLASS_NAMES))]], labels=file, runs=runs)
    assert late.config.full_dataset == trained.config.full_dataset
    # Labels of the same name, of another project in the same store.
    other = labels.assign(label=labels["label"].tolist()[::-1])
    (tmp_path / "other").mkdir()
    fresh = import_predictions("o", theirs, labels=write(tmp_path / "other" / "samples.csv", other), runs=runs)
    assert fresh.config.dataset == "samples"
    assert len(RunStore(runs).datasets()) == 3


def test_other_datasets_are_not_read_whole(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "labels.csv", label_frame())
    import_predictions("first", predicted(), labels=file, runs=runs)
    for model in ("cnn4", "cnn7", "mlp"):
        store_model(RunStore(runs), model, 50, 50)
    read = []
    monkeypatch.setattr(stored_run, "read_predictions", lambda path: read.append(path) or read_predictions(path))
    import_predictions("second", predicted(seed=1), labels=file, runs=runs)
    assert len([path for path in read if DATASET in str(path)]) == 1


def test_many_stored_runs_are_not_kept_in_memory(tmp_path: Path, runs: Path) -> None:
    for seed in range(2):
        import_predictions(f"run{seed}", predicted(seed=seed), labels=label_frame(), runs=runs)
    stored = RunStore(runs).runs(RunStore(runs).find_dataset())
    known = known_from_runs(stored)
    assert known.parts["validation"].sample_ids.tolist() == IDS
    assert not any(run._predictions for run in stored)


def test_other_labels_are_another_dataset(tmp_path: Path, runs: Path) -> None:
    first = import_predictions("mine", VALUES, labels=write(tmp_path / "y.csv", label_frame()), runs=runs)
    other = label_frame()
    other.loc[0, "label"] = "dog"
    second = import_predictions("mine", VALUES, labels=write(tmp_path / "y.csv", other), runs=runs)
    assert (first.config.dataset, second.config.dataset) == ("y", "y")
    assert first.config.fingerprint != second.config.fingerprint
    with pytest.raises(UserError, match="several datasets are stored, choose one with --data: y-"):
        import_predictions("third", VALUES, runs=runs)
    name = f"y-{first.config.fingerprint}"
    with pytest.raises(UserError, match=f"has other classes, samples or labels than {name}, which is stored"):
        import_predictions("third", VALUES, labels=tmp_path / "y.csv", runs=runs, data=name)


def test_the_fingerprint_covers_ids_classes_and_labels(tmp_path: Path, runs: Path) -> None:
    frames = [
        label_frame(),
        label_frame().assign(id=[f"new {name}" for name in IDS]),
        label_frame().replace({"label": {"owl": "bat"}}),
        label_frame().assign(label=label_frame()["label"].tolist()[::-1]),
    ]
    found = [import_predictions("x", VALUES, labels=frame, runs=runs / str(at)) for at, frame in enumerate(frames)]
    assert len({run.config.fingerprint for run in found}) == len(frames)
    test = pd.DataFrame({"id": TEST_IDS, "label": "cat"})
    both = pd.concat([label_frame(split="validation"), test.assign(split="test")])
    with pytest.warns(UserWarning, match="the labels of test are not kept, because nothing predicts test"):
        opened = import_predictions("x", VALUES, labels=both, runs=runs / "opened")
    assert opened.config.fingerprint == found[0].config.fingerprint


LABELS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text": ([NAMES[label] for label in truth()], NAMES),
    "from 0": (truth(), ("0", "1", "2")),
    "from 1": (truth() + 1, ("1", "2", "3")),
    "with gaps": (np.array([2, 10, 70])[truth()], ("2", "10", "70")),
    "floats": (truth() + 1.0, ("1", "2", "3")),
    "negative": (truth() - 1, ("-1", "0", "1")),
    "a Series": (pd.Series(truth() + 1, index=IDS), ("1", "2", "3")),
    "a frame": (pd.DataFrame({"image_id": IDS, "target": truth()}), ("0", "1", "2")),
    "one-hot": (np.eye(3)[truth()], ("0", "1", "2")),
    "booleans": (truth(classes=2) == 1, ("False", "True")),
    "a column": (truth()[:, None], ("0", "1", "2")),
}


@pytest.mark.parametrize("name", LABELS)
def test_any_labels(name: str, runs: Path) -> None:
    labels, names = LABELS[name]
    run = import_predictions("mine", predicted(classes=len(names)), labels=labels, runs=runs)
    assert run.config.dataset == "dataset"
    assert of(run).class_names == names
    np.testing.assert_array_equal(of(run).labels, truth(classes=len(names)))


def test_files_of_labels(tmp_path: Path, runs: Path) -> None:
    np.save(tmp_path / "a.npy", truth() + 1)
    np.savez(tmp_path / "b.npz", labels=truth(), class_names=np.array(NAMES), ids=np.array(IDS))
    (tmp_path / "c.csv").write_text("\n".join(NAMES[label] for label in truth()))
    (tmp_path / "d.csv").write_text("\n".join(str(label) for label in truth()))
    write(tmp_path / "e.csv.gz", pd.DataFrame({"label": truth() + 1.0, "pixels": "0 1 2"}))
    found = {}
    for name in ("a.npy", "b.npz", "c.csv", "d.csv", "e.csv.gz"):
        found[name[0]] = import_predictions("mine", VALUES, labels=tmp_path / name, runs=runs / name)
        np.testing.assert_array_equal(of(found[name[0]]).labels, truth())
    assert {name: of(run).class_names[0] for name, run in found.items()} == {
        "a": "1", "b": "cat", "c": "cat", "d": "0", "e": "1",
    }  # fmt: skip
    assert of(found["b"]).sample_ids.tolist() == IDS
    assert of(found["c"]).sample_ids.tolist() == [str(row) for row in range(SAMPLES)]
    assert {run.config.dataset for run in found.values()} == {"a", "b", "c", "d", "e"}


def test_the_stores_own_predictions_are_labels(tmp_path: Path, runs: Path) -> None:
    store = RunStore(tmp_path / "theirs")
    run = store_model(store, "mlp", 20, 18)
    ours = import_predictions(
        "mine", predictions("validation", 12).probabilities, labels=run.path / "validation.npz", runs=runs
    )
    assert of(ours).class_names == CLASS_NAMES
    np.testing.assert_array_equal(of(ours).labels, true_labels("validation"))


def test_classes_that_no_label_has(runs: Path) -> None:
    few = np.minimum(truth(), 1)
    assert of(import_predictions("a", VALUES, labels=few, runs=runs / "a")).class_names == ("0", "1", "2")
    assert of(import_predictions("a", VALUES, labels=few + 2, runs=runs / "b")).class_names == ("1", "2", "3")
    text = [NAMES[label] for label in few]
    frame = pd.DataFrame(VALUES, columns=["p_cat", "p_dog", "p_owl"])
    run = import_predictions("a", frame, labels=text, runs=runs / "c")
    assert of(run).class_names == NAMES
    again = import_predictions("b", frame.iloc[:, ::-1] * 0 + predicted(seed=1)[:, ::-1], labels=text, runs=runs / "c")
    assert again.config.fingerprint == run.config.fingerprint
    with pytest.raises(UserError, match="has 3 columns, expected 2, one for each class: cat, dog or 0, 1"):
        import_predictions("a", VALUES, labels=text, runs=runs / "d")
    named = import_predictions("a", VALUES, labels=text, class_names=NAMES, runs=runs / "d")
    assert of(named).class_names == NAMES


def test_numbers_for_classes_with_names(runs: Path) -> None:
    run = import_predictions("a", wide_frame(VALUES), labels=label_frame(label=truth()), class_names=NAMES, runs=runs)
    np.testing.assert_array_equal(of(run).labels, truth())
    with pytest.raises(UserError, match="has no column for the class 0: expected 0, 1, 2; it has cat, which is not a"):
        import_predictions("a", wide_frame(VALUES), labels=label_frame(label=truth()), runs=runs / "other")


def test_splits_and_sealed_tests(tmp_path: Path, runs: Path) -> None:
    test = pd.DataFrame({"id": TEST_IDS, "label": [NAMES[label] for label in truth(TESTED)], "split": "test"})
    labels = pd.concat([test, label_frame(split="valid")])
    said = pd.concat([wide_frame(VALUES), wide_frame(predicted(TESTED, 5), TEST_IDS)])
    run = import_predictions("a", write(tmp_path / "both.csv", said), labels=labels, runs=runs / "a")
    np.testing.assert_array_equal(of(run, "test").labels, truth(TESTED))
    np.testing.assert_allclose(of(run, "test").probabilities[:, 0], predicted(TESTED, 5)[:, 0], atol=1e-7)
    sealed = labels.assign(label=labels["label"].where(labels["split"] != "test", ""))
    run = import_predictions("a", VALUES, predicted(TESTED, 5), labels=sealed, runs=runs / "b")
    assert of(run, "test").labels is None
    assert of(run, "test").sample_ids.tolist() == TEST_IDS


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (label_frame(label="cat"), "has the class cat: expected at least two classes"),
        (label_frame(size=3).rename(columns={"label": "weight"}), "has no label column, expected one of emotion"),
        (label_frame().assign(id="same"), "the validation sample 'same' occurs 30 times"),
        (label_frame().replace({"label": {"owl": ""}}), "10 samples have no label, such as '0002.jpg'"),
        (label_frame(split="tset"), "the split 'tset' is none of train, validation, test"),
        (label_frame().iloc[:0], "has no rows"),
        (label_frame().iloc[:7], r"has 30 rows and no ids, expected 7 \(validation\) in the order of the labels"),
        (np.ones((4, 2)), "expected one label a row, or one-hot rows"),
        (np.linspace(0, 1, 30), "has fractions: expected labels"),
        ([["a"], ["b", "c"]], "the labels"),
        (Path("nowhere.csv"), "cannot read nowhere.csv: No such file"),
        (Path("nowhere.txt"), "cannot read nowhere.txt: No such file"),
    ],
)
def test_labels_that_are_none(labels: Any, message: str, runs: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        import_predictions("mine", VALUES, labels=labels, runs=runs)
    assert "\n" not in str(caught.value)
    assert not runs.exists()


def test_some_test_labels(runs: Path) -> None:
    test = pd.DataFrame({"id": TEST_IDS, "label": "cat", "split": "test"})
    test.loc[3, "label"] = None
    with pytest.raises(UserError, match="some test samples have a label and others, such as '0503"):
        import_predictions("x", VALUES, labels=pd.concat([label_frame(split="val"), test]), runs=runs)


def test_without_labels_and_runs(tmp_path: Path, runs: Path) -> None:
    with pytest.raises(UserError, match=r"no runs in .*runs to join: give --labels LABELS, which make a dataset"):
        import_predictions("x", VALUES, runs=runs)
    with pytest.raises(UserError, match="name the dataset with --data"):
        import_predictions("x", test=wide_frame(VALUES), runs=runs)
    run = import_predictions("x", test=wide_frame(VALUES), runs=runs, data="competition")
    assert (run.config.dataset, of(run, "test").class_names, of(run, "test").labels) == ("competition", NAMES, None)
    import_predictions("y", test=wide_frame(predicted(seed=1)), runs=runs)
    assert ensembles.build("x,y", runs=runs, method="vote").predictions("validation") is None


def test_labels_of_a_trained_dataset_join_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_model(store, "mlp", 20, 18)
    labels = pd.DataFrame({"id": ids("validation"), "label": [CLASS_NAMES[one] for one in true_labels("validation")]})
    said = predictions("validation", 30, seed=4).probabilities
    run = import_predictions("mine", said, labels=write(tmp_path / "my labels.csv", labels), runs=store.root)
    assert f"{run.config.dataset}-{run.config.fingerprint}" == DATASET
    wrong = labels.assign(label=labels["label"].tolist()[::-1])
    with pytest.raises(UserError, match="has other classes, samples or labels than faces-0a1b2c3d"):
        import_predictions("x", said, labels=wrong, runs=store.root, data=DATASET)


def test_names_of_the_zoo_are_free_where_nothing_was_trained(tmp_path: Path) -> None:
    assert import_predictions("resnet", VALUES, labels=truth(), runs=tmp_path).config.title == "resnet"
    with pytest.raises(UserError, match="resnet is stored already with other predictions"):
        import_predictions("resnet", predicted(seed=1), runs=tmp_path)


def test_a_run_of_one_configuration_is_told_its_folds(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("mlp"), [predictions("validation", 20)])
    run = import_predictions("x", predictions("validation", 21).probabilities, runs=store.root)
    assert (run.config.folds, run.config.remark) == (0, "")
