"""Another program's predictions become a run that reports and ensembles take like any other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, IMAGES, config, ids, predictions, store_run, true_labels

import ensembles
import reports
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.cli import main
from ensembles.importing.importing import import_predictions
from zoo.errors import UserError


def csv_text(splits: Sequence[Predictions], columns: Sequence[str] = CLASS_NAMES, named: bool = False) -> str:
    """The rows of these predictions, with the classes' columns in the given order."""
    lines = [",".join(["sample_id", *(["split"] if named else []), *columns])]
    for predicted in splits:
        order = [predicted.class_names.index(name.strip().lower()) for name in columns]
        for sample_id, row in zip(predicted.sample_ids, predicted.probabilities, strict=True):
            cells = [f"{row[position]:.9g}" for position in order]
            lines.append(",".join([sample_id, *([predicted.split] if named else []), *cells]))
    return "\n".join(lines) + "\n"


BOTH = (predictions("validation", 33, seed=8), predictions("test", 29, seed=9))


def import_text(store: RunStore, text: str, name: str = "theirs") -> StoredRun:
    path = store.root.parent / "theirs.csv"
    path.write_text(text)
    return import_predictions(name, path, runs=store.root)


def assert_imported(run: StoredRun) -> None:
    for expected in BOTH:
        found = run.predictions(expected.split)
        assert found is not None
        np.testing.assert_array_equal(found.sample_ids, ids(expected.split))
        np.testing.assert_array_equal(found.labels, true_labels(expected.split))
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-8)


def test_columns_and_rows_in_any_order(store: RunStore) -> None:
    text = csv_text(BOTH, ("Cherry", " apple", "BANANA"))
    header, *rows = text.splitlines()
    mixed = np.random.default_rng(0).permutation(rows).tolist()
    run = import_text(store, "\ufeff" + "\r\n".join([header, *mixed]))
    assert_imported(run)
    assert (run.config.kind, run.config.model, run.record.seed) == ("external", "theirs", 0)
    assert (run.record.parameters, run.config.training, run.config.members) == (None, None, ())
    assert run.record.provenance["files"] == ["theirs.csv"]
    assert run.record.provenance["packages"].keys() == {"numpy"}


def test_the_index_that_pandas_writes_is_passed_over(store: RunStore) -> None:
    lines = csv_text(BOTH).replace("sample_id", "id").splitlines()
    assert_imported(import_text(store, "\n".join(f"{row or ''},{line}" for row, line in enumerate(lines))))


def test_files_of_each_split(store: RunStore, tmp_path: Path) -> None:
    paths: list[Path | str] = []
    for predicted in BOTH:
        paths.append(tmp_path / f"{predicted.split}.csv")
        (tmp_path / f"{predicted.split}.csv").write_text(csv_text([predicted]))
    assert_imported(import_predictions("theirs", paths, runs=store.root, data="faces"))


def test_npz(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "both.npz"
    np.savez(
        path,
        sample_ids=np.concatenate([found.sample_ids for found in BOTH]),
        class_names=np.array(CLASS_NAMES),
        probabilities=np.concatenate([found.probabilities for found in BOTH]),
    )
    assert_imported(import_predictions("theirs", path, runs=store.root))


def test_what_the_store_writes_can_be_imported(store: RunStore) -> None:
    run = store.resolve(DATASET, "cnn7")[0]
    files = [run.path / "validation.npz", run.path / "test.npz"]
    with pytest.warns(UserWarning, match="the validation and test predictions of copy are those of cnn7"):
        copy = import_predictions("copy", files, runs=store.root)
    for split in ("validation", "test"):
        ours, theirs = run.predictions(split), copy.predictions(split)
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)


def test_ids_that_both_splits_have_need_a_column(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    splits = [
        Predictions(split, ids("x"), CLASS_NAMES, predictions(split, hits).probabilities, true_labels(split))
        for split, hits in (("validation", 20), ("test", 22))
    ]
    store_run(store, config("mlp"), splits)
    with pytest.raises(UserError, match="the id x-00000 is in validation and in test: add a column `split`"):
        import_text(store, csv_text(splits))
    with pytest.warns(UserWarning, match="those of mlp"):
        run = import_text(store, csv_text(splits, named=True))
    for expected in splits:
        found = run.predictions(expected.split)
        assert found is not None
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-8)


def test_one_split_alone(store: RunStore) -> None:
    validation = import_text(store, csv_text(BOTH[:1]), "a")
    assert validation.predictions("test") is None
    test = import_text(store, csv_text(BOTH[1:]), "b")
    assert test.predictions("validation") is None
    assert ensembles.build("mlp,b", runs=store.root).predictions("validation") is None


def test_out_of_fold_samples_are_not_asked_for(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("folded"), [predictions("validation", 50, count=2 * IMAGES), BOTH[1]])
    store_run(store, config("mlp"), [predictions("validation", 20), predictions("test", 21)])
    few = "\n".join(csv_text(BOTH).splitlines()[:25])
    with pytest.raises(UserError, match="all are needed; if the file is of another part of the labels, give these"):
        import_text(store, few)
    with pytest.warns(UserWarning, match="the test predictions of theirs are those of folded"):
        assert_imported(import_text(store, csv_text(BOTH)))


def test_the_same_again_and_others_under_the_name(store: RunStore) -> None:
    first = import_text(store, csv_text(BOTH))
    assert import_text(store, csv_text(BOTH)).path == first.path
    with pytest.raises(UserError, match="theirs is stored already with other predictions"):
        import_text(store, csv_text([predictions("validation", 12)]))


def test_in_leaderboard_and_ensembles(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    path = store.root.parent / "theirs.csv"
    path.write_text(csv_text(BOTH))
    assert main(["import", str(path), "--name", "theirs", "--data", "faces", "--runs", str(store.root)]) == 0
    said = capsys.readouterr().out
    assert "theirs: external predictions of 40 validation and 40 test samples" in said
    assert "validation accuracy 82.50%" in said
    assert "theirs" in (store.root / DATASET / "leaderboard.md").read_text()
    assert "theirs" in set(reports.leaderboard(store.root)["model"])
    run = ensembles.build("theirs,cnn7", runs=store.root, method="weighted")
    assert run.predictions("test") is not None


def edited(old: str, new: str, text: str = csv_text(BOTH)) -> str:
    assert old in text
    return text.replace(old, new, 1)


FIRST = csv_text(BOTH).splitlines()[1]
CELLS = FIRST.split(",")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: expected a header, and one row per sample"),
        ("apple,banana,cherry\n1,0,0\n", r"has 1 rows and no ids, expected 40 \(validation\) or 40"),
        ("sample_id,apple,banana,cherry\n", "has no rows"),
        (edited("cherry", "chery"), "has no column for the class cherry: expected apple, banana, cherry"),
        (edited("cherry", "apple"), "has the class apple twice"),
        (csv_text(BOTH).replace("\n", ",1\n").replace("cherry,1", "cherry,label"), "its column of labels differs from"),
        (edited(CELLS[1], "much"), "line 2: 'much' is not a number"),
        (edited(CELLS[1], "nan"), "sample 'validation-00000' has probabilities that are not finite"),
        (edited(CELLS[1], "-0.5"), "sample 'validation-00000' has a negative probability"),
        (edited(CELLS[1], "7"), "sample 'validation-00000' has probabilities that sum to 7.* expected 1"),
        (edited(FIRST, "validation-00000,1"), "line 2: 2 columns, expected 4"),
        (edited("validation-00000", "stranger"), "1 id is in neither validation nor test, such as 'stranger'"),
        (edited("validation-00000", "validation-00001"), "'validation-00001' occurs 2 times"),
        (edited(FIRST + "\n", ""), ": lacks 1 validation sample, such as validation-00000: all are needed"),
        (
            edited(",validation,", ",train,", csv_text(BOTH, named=True)),
            "the split 'train' is none of validation, test",
        ),
        (
            edited("test-00003,test", "test-00003,validation", csv_text(BOTH, named=True)),
            "has 1 validation sample, such as test-00003: no stored run has them",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(store: RunStore, text: str, message: str) -> None:
    before = sorted(store.root.rglob("*"))
    with pytest.raises(UserError, match=message) as caught:
        import_text(store, text)
    assert "theirs.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(store.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"sample_ids": None},
            "has 40 rows and no ids, which fits validation and test: give the file of test with --test",
        ),
        ({"probabilities": None}, "has no array probabilities"),
        ({"class_names": np.array(["apple"])}, r"probabilities are \(40, 3\), expected"),
        ({"probabilities": np.full((40, 3), "a")}, "expected numbers"),
        ({"split": np.array(["validation"] * 3)}, r"split is \(3,\)"),
        ({"sample_ids": np.array([object()] * 40)}, "cannot be read as .npz"),
    ],
)
def test_npz_that_does_not_fit(store: RunStore, tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    whole = {"sample_ids": ids("validation"), "class_names": np.array(CLASS_NAMES)}
    whole = {**whole, "probabilities": BOTH[0].probabilities, **arrays}
    path = tmp_path / "theirs.npz"
    np.savez(path, **{name: value for name, value in whole.items() if value is not None})
    with pytest.raises(UserError, match=message):
        import_predictions("theirs", path, runs=store.root)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mlp", "mlp is the name of a model"),
        ("resnet", "resnet is the name of a model"),
        ("pair", "pair is the name of an ensemble"),
        ("all", "all means every stored model"),
        ("a/b", "cannot name a run"),
    ],
)
def test_names_that_are_refused(store: RunStore, name: str, message: str) -> None:
    ensembles.build("mlp,cnn7", runs=store.root, name="pair")
    with pytest.raises(UserError, match=message):
        import_text(store, csv_text(BOTH), name)


def test_files_that_are_none(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("")
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 torn")
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    for name, message in (
        ("x.txt", "is empty: expected a header, and one row per sample"),
        ("x.npz", "cannot be read as .npz"),
        ("single.npz", "a single array"),
        ("nowhere.csv", "cannot read .*nowhere.csv: No such file"),
    ):
        with pytest.raises(UserError, match=message):
            import_predictions("theirs", tmp_path / name, runs=store.root)
