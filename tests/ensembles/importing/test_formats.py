"""Each format of predictions is recognised, and says the same."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from predicted_files import IDS, NAMES, SAMPLES, TEST_IDS, TESTED, label_frame, of, predicted, truth, wide_frame, write

from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.cli import main
from ensembles.importing.importing import import_predictions
from zoo.errors import UserError

VALUES = predicted()
Make = Callable[[Path], Path]


def saved(name: str, values: NDArray[np.float64]) -> Make:
    def make(folder: Path) -> Path:
        np.save(folder / name, values)
        return folder / name

    return make


def archived(**arrays: object) -> Make:
    def make(folder: Path) -> Path:
        np.savez(folder / "x.npz", **arrays)
        return folder / "x.npz"

    return make


def table(frame: pd.DataFrame, name: str = "x.csv", **options: object) -> Make:
    return lambda folder: write(folder / name, frame, **options)


WIDE = wide_frame(VALUES)
PLAIN = pd.DataFrame(VALUES)
LONG = WIDE.melt("id", var_name="class", value_name="probability")
FORMATS: dict[str, Make] = {
    "class names": table(WIDE),
    "any order": table(WIDE[["owl", "id", "cat", "dog"]].sample(frac=1, random_state=0)),
    "any case": table(WIDE.rename(columns={"cat": "CAT", "dog": " Dog ", "id": "Sample_ID"})),
    "class numbers": table(PLAIN.assign(id=IDS)),
    "a prefix and numbers": table(PLAIN.add_prefix("p_").assign(id=IDS)),
    "a prefix without a mark": table(PLAIN.add_prefix("class").assign(image=IDS)),
    "a prefix and names": table(WIDE.rename(columns={name: f"prob_{name}" for name in NAMES})),
    "no ids": table(WIDE[list(NAMES)]),
    "no header": table(PLAIN, header=False),
    "tabs": table(WIDE, sep="\t"),
    "semicolons": table(WIDE, sep=";"),
    "gzip": table(WIDE, "x.csv.gz"),
    "an index without a name": table(WIDE.rename(columns={"id": ""})[["", *NAMES]]),
    "row numbers": table(WIDE.reset_index(names="Unnamed: 0")),
    "true labels besides": table(WIDE.assign(target=label_frame()["label"])),
    "ids as numbers": table(WIDE.assign(id=range(SAMPLES))),
    "ids in folders": table(WIDE.assign(id=[f"images/{name}" for name in IDS])),
    "long": table(LONG.sample(frac=1, random_state=0)),
    "long with other words": table(LONG.rename(columns={"class": "label", "probability": "score"})),
    "npy": saved("x.npy", VALUES),
    "npy in Fortran's order": saved("x.npy", np.asfortranarray(VALUES)),
    "npy in big endian": saved("x.npy", VALUES.astype(">f8")),  # type: ignore[arg-type]
    "npz": archived(sample_ids=np.array(IDS), class_names=np.array(NAMES), probabilities=VALUES),
    "npz without ids": archived(preds=VALUES),
    "npz of splits": archived(oof=VALUES),
}  # fmt: skip


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write(tmp_path / "labels.csv", label_frame())


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str, tmp_path: Path, labels: Path) -> None:
    path = FORMATS[name](tmp_path)
    run = import_ignoring_ids(path, labels, tmp_path)
    found = of(run)
    np.testing.assert_array_equal(found.sample_ids, IDS)
    np.testing.assert_array_equal(found.labels, truth())
    np.testing.assert_allclose(found.probabilities, VALUES, atol=1e-7)
    assert found.class_names == NAMES
    assert (run.config.dataset, run.config.remark) == ("labels", "")


def import_ignoring_ids(path: Path, labels: Path, folder: Path) -> StoredRun:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ids? matched (as numbers|by file name)")
        return import_predictions("mine", path, labels=labels, runs=folder / "runs")


def test_parquet(tmp_path: Path, labels: Path) -> None:
    pytest.importorskip("pyarrow")
    WIDE.to_parquet(tmp_path / "x.parquet")
    run = import_predictions("mine", tmp_path / "x.parquet", labels=labels, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)


def test_parquet_without_pyarrow(tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="parquet needs pyarrow, `pip install pyarrow`"):
        import_predictions("mine", tmp_path / "x.parquet", labels=labels, runs=tmp_path / "runs")


@pytest.mark.parametrize(
    "make",
    [
        table(pd.DataFrame({"id": IDS, "label": [NAMES[place] for place in VALUES.argmax(axis=1)]})),
        table(pd.DataFrame({"id": IDS, "prediction": VALUES.argmax(axis=1)})),
        table(pd.DataFrame({"pred": VALUES.argmax(axis=1)})),
        saved("x.npy", VALUES.argmax(axis=1)),
    ],
)
def test_hard_labels_are_marked(make: Make, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path)
    run = import_predictions("mine", path, labels=labels, runs=tmp_path / "runs")
    np.testing.assert_array_equal(of(run).probabilities, np.eye(3)[VALUES.argmax(axis=1)])
    assert "hard labels" in run.config.remark
    assert main(["import", str(path), "--name", "again", "--runs", str(tmp_path / "runs")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "hard labels, which count as probabilities of 0 and 1" in said
    assert "no log loss, because labels are not probabilities" in said
    assert "the validation predictions of again are those of mine" in said


@pytest.mark.parametrize("heading", ["probability", "target"])
def test_one_column_of_two_classes(heading: str, tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", pd.DataFrame({"id": IDS, "target": truth(classes=2)}))
    second = predicted(classes=2)[:, 1]
    path = write(tmp_path / "x.csv", pd.DataFrame({"id": IDS, heading: second}))
    run = import_predictions("mine", path, labels=labels, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run).probabilities[:, 1], second, atol=1e-7)
    array = import_predictions("array", second + 0, labels=labels, runs=tmp_path / "other")
    np.testing.assert_allclose(of(array).probabilities, of(run).probabilities, atol=1e-7)


def test_logits(tmp_path: Path, labels: Path) -> None:
    logits = np.log(VALUES) + np.arange(SAMPLES)[:, None]
    np.save(tmp_path / "x.npy", logits)
    with pytest.raises(UserError, match=r"row 1 has a negative probability .*; are these logits\? then add --logits"):
        import_predictions("mine", tmp_path / "x.npy", labels=labels, runs=tmp_path / "runs")
    run = import_predictions("mine", tmp_path / "x.npy", labels=labels, runs=tmp_path / "runs", logits=True)
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-6)
    np.save(tmp_path / "y.npy", VALUES)
    with pytest.raises(UserError, match="has probabilities already, rows sum to 1: leave --logits out"):
        import_predictions("mine", tmp_path / "y.npy", labels=labels, runs=tmp_path / "runs", logits=True)


def test_what_was_given_for_nothing_is_refused(tmp_path: Path, labels: Path) -> None:
    likeliest = pd.DataFrame({"id": IDS, "label": [NAMES[place] for place in VALUES.argmax(axis=1)]})
    with pytest.raises(UserError, match=r"hard.csv: has labels, which are no logits"):
        import_predictions("hard", write(tmp_path / "hard.csv", likeliest), labels=labels, runs=tmp_path, logits=True)
    file = write(tmp_path / "wide.csv", wide_frame(VALUES))
    with pytest.raises(UserError, match=r"wide.csv have ids already: give no others"):
        import_predictions("wide", file, labels=labels, ids=IDS[::-1], runs=tmp_path)
    # Ids are for all files of a call: some may have their own.
    np.save(tmp_path / "array.npy", VALUES[::-1])
    (tmp_path / "ids.csv").write_text("\n".join(IDS[::-1]))
    arguments = [str(tmp_path / name) for name in ("wide.csv", "array.npy")]
    told = ["--labels", str(labels), "--ids", str(tmp_path / "ids.csv"), "--runs", str(tmp_path / "runs")]
    assert main(["import", *arguments, *told]) == 0
    runs = RunStore(tmp_path / "runs")
    for run in runs.runs(runs.find_dataset()):
        np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-6)


def test_a_class_called_as_a_column_of_labels_is(tmp_path: Path) -> None:
    names = ["class", "image", "target"]
    labels = label_frame().assign(label=[names[label] for label in truth()])
    frame = wide_frame(VALUES).set_axis([*names, "id"], axis=1)
    for name, given in (("frame", frame), ("file", write(tmp_path / "wide.csv", frame)), ("later", frame)):
        told = None if name == "later" else labels
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it repeats the first
            run = import_predictions(name, given, labels=told, runs=tmp_path / "runs")
        np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-6)


def test_a_class_called_as_the_column_of_ids_is(tmp_path: Path) -> None:
    names = ["cat", "dog", "image"]
    labels = label_frame().assign(label=[names[label] for label in truth()])
    likeliest = pd.DataFrame({"image": IDS, "label": [names[place] for place in VALUES.argmax(axis=1)]})
    run = import_predictions("hard", write(tmp_path / "hard.csv", likeliest), labels=labels, runs=tmp_path / "runs")
    assert (of(run).probabilities.argmax(axis=1) == VALUES.argmax(axis=1)).all()
    # Also where both headings are classes.
    names = ["image", "label", "split"]
    labels = label_frame().assign(label=[names[label] for label in truth()])
    likeliest["label"] = [names[place] for place in VALUES.argmax(axis=1)]
    run = import_predictions("both", write(tmp_path / "both.csv", likeliest), labels=labels, runs=tmp_path / "others")
    assert (of(run).probabilities.argmax(axis=1) == VALUES.argmax(axis=1)).all()


def test_one_column_under_the_name_of_a_class(tmp_path: Path) -> None:
    labels = label_frame().assign(label=np.where(truth() == 1, "dog", "cat"))
    dog = VALUES[:, 1].round(6)
    file = write(tmp_path / "dog.csv", pd.DataFrame({"dog": dog}))
    run = import_predictions("one", file, labels=labels, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run).probabilities[:, 1], dog, atol=1e-6)


def test_ids_for_arrays(tmp_path: Path, labels: Path) -> None:
    order = np.random.default_rng(0).permutation(SAMPLES)
    np.save(tmp_path / "x.npy", VALUES[order])
    ids = write(tmp_path / "ids.csv", pd.DataFrame({"id": np.array(IDS)[order]}))
    run = import_predictions("mine", tmp_path / "x.npy", labels=labels, ids=ids, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)
    (tmp_path / "bare.csv").write_text("\n".join(np.array(IDS)[order]))
    arguments = ["import", str(tmp_path / "x.npy"), "--name", "again", "--runs", str(tmp_path / "runs")]
    assert main([*arguments, "--ids", str(tmp_path / "bare.csv")]) == 0


def test_arrays_of_one_size_need_to_be_told_apart(tmp_path: Path) -> None:
    splits = ["validation"] * 15 + ["test"] * 15
    labels = write(tmp_path / "labels.csv", label_frame(split=splits))
    np.save(tmp_path / "a.npy", VALUES[:15])
    np.save(tmp_path / "b.npy", VALUES[15:])
    np.save(tmp_path / "all.npy", VALUES)
    with pytest.raises(UserError, match="which fits validation and test: give the file of test with --test"):
        import_predictions("mine", [tmp_path / "a.npy", tmp_path / "b.npy"], labels=labels, runs=tmp_path / "runs")
    run = import_predictions("mine", tmp_path / "a.npy", tmp_path / "b.npy", labels=labels, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run, "test").probabilities, VALUES[15:], atol=1e-7)
    with pytest.warns(UserWarning, match="the validation and test predictions of whole are those of mine"):
        whole = import_predictions("whole", tmp_path / "all.npy", labels=labels, runs=tmp_path / "runs")
    np.testing.assert_array_equal(of(whole, "test").probabilities, of(run, "test").probabilities)
    (tmp_path / "a.npy").rename(tmp_path / "val_x.npy")
    (tmp_path / "b.npy").rename(tmp_path / "test_x.npy")
    files = [tmp_path / "test_x.npy", tmp_path / "val_x.npy"]
    again = import_predictions("mine", files, labels=labels, runs=tmp_path / "runs")
    assert again.path == run.path


def test_test_samples_that_nobody_knew(tmp_path: Path, labels: Path) -> None:
    test = wide_frame(predicted(TESTED, 5), TEST_IDS)
    files = [write(tmp_path / "a.csv", WIDE), write(tmp_path / "b.csv", test)]
    run = import_predictions("mine", files, labels=labels, runs=tmp_path / "runs")
    assert of(run, "test").sample_ids.tolist() == TEST_IDS
    assert of(run, "test").labels is None
    with pytest.raises(UserError, match="1 id is in neither validation nor test, such as 'strange'"):
        import_predictions(
            "x", write(tmp_path / "c.csv", test.replace({TEST_IDS[0]: "strange"})), runs=tmp_path / "runs"
        )


@pytest.mark.parametrize(("count", "said"), [(1, "1 test sample"), (2, "2 test samples")])
def test_one_sample_is_no_samples(count: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = ["validation"] * (SAMPLES - count) + ["test"] * count
    labels = write(tmp_path / "labels.csv", label_frame(split=splits))
    mine = write(tmp_path / "mine.csv", wide_frame(predicted()))
    assert main(["import", str(mine), "--name", "a", "--labels", str(labels), "--runs", str(tmp_path / "r")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count(f"{SAMPLES - count} validation and {said} ") == 2


def test_a_single_file_of_unknown_ids_is_not_taken_for_test(tmp_path: Path, labels: Path) -> None:
    path = write(tmp_path / "x.csv", wide_frame(VALUES, [f"other {row}" for row in range(SAMPLES)]))
    with pytest.raises(
        UserError, match=r"30 ids are in neither validation nor test.* if they are of test, give --test"
    ):
        import_predictions("x", path, labels=labels, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (WIDE.drop(columns="id").assign(customer=range(1, SAMPLES + 1)), "not a class.*; a column of ids is called id"),
        (WIDE.assign(more=0.1), "has the column more, which is not a class: expected cat, dog, owl or 0, 1, 2"),
        (WIDE.drop(columns="owl"), "has no column for the class owl"),
        (WIDE.drop(columns="owl").rename(columns={"cat": "p_cat", "dog": "p_dog"}), "for the class owl: .*, 1, 2$"),
        (WIDE.assign(Cat=0.1), "has two columns for the class cat"),
        (WIDE.assign(Cat=0.1).rename(columns=lambda name: name if name == "id" else f"p_{name}"),
         "has two columns for the class cat"),
        (WIDE.assign(**{"0": 0.1}), "has two columns for the class cat"),
        (LONG.iloc[1:], "has no row for the id '0000.jpg' and the class cat"),
        (pd.concat([LONG, LONG.iloc[4:6]]), "has several rows for the id '0004.jpg' and the class cat"),
        (LONG.drop(columns="id"), "expected a column id beside them"),
        (LONG.assign(probability="x"), "line 2: 'x' is not a number, expected a probability [(]"),
        (LONG.assign(probability="0,5"), "'0,5' is not a number, expected a probability, with a point in place of the"),
        (LONG.assign(probability=float("nan")), "line 2: '' is not a number"),
        (LONG.assign(probability="nan"), "sample '0000.jpg' has probabilities that are not finite numbers"),
        (WIDE[["id"]], "expected predictions beside them"),
        (pd.DataFrame({"id": IDS, "label": "bird"}), "the label 'bird' is not a class, expected .* .and 29 other rows"),
        (WIDE.assign(split="tset"), "the split 'tset' is none of validation"),
        (WIDE.assign(target=WIDE["id"]), "its column of labels differs from those in .*labels.csv for 30 samples"),
    ],
)  # fmt: skip
def test_what_does_not_fit(frame: pd.DataFrame, message: str, tmp_path: Path, labels: Path) -> None:
    import_predictions("first", predicted(seed=1), labels=labels, runs=tmp_path / "runs")
    before = sorted((tmp_path / "runs").rglob("*"))
    path = write(tmp_path / "x.csv", frame)
    with pytest.raises(UserError, match=message) as caught:
        import_predictions("mine", path, labels=labels, runs=tmp_path / "runs")
    assert "\n" not in str(caught.value)
    assert sorted((tmp_path / "runs").rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\n0000.jpg,cat\n,dog\n", "labels.csv, line 3: no id, expected one for each label"),
        ("id\n0000.jpg\n0001.jpg\n", "labels.csv has ids, id, and no labels"),
        (
            "quality\n" + "cat\ndog\nowl\n" * (SAMPLES // 3),
            "the first line of .*labels.csv a heading. call it label",
        ),
    ],
    ids=["a blank id", "ids alone", "a heading of one column"],
)
def test_labels_that_lack_something_are_the_ones_to_blame(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        import_predictions("mine", VALUES, labels=tmp_path / "labels.csv", runs=tmp_path / "runs")


def test_a_heading_above_numbers_is_no_label(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("quality\n" + "".join(f"{label}\n" for label in truth()))
    run = import_predictions("mine", VALUES, labels=tmp_path / "labels.csv", runs=tmp_path / "runs")
    np.testing.assert_array_equal(of(run).labels, truth())
    assert of(run).class_names == ("0", "1", "2")


@pytest.mark.parametrize("name", ["x.json", "x.XLSX", "x.pkl", "x.jpg"])
def test_what_is_no_table_is_told_what_is_read(name: str, tmp_path: Path, labels: Path) -> None:
    (tmp_path / name).write_bytes(b'{"a": 1}\n')
    with pytest.raises(UserError, match=r"is of a kind that is not read here: expected one of \.csv, .*\.parquet"):
        import_predictions("mine", tmp_path / name, labels=labels, runs=tmp_path / "runs")


def test_faults_are_told_together(tmp_path: Path, labels: Path) -> None:
    frame = WIDE.astype({"cat": object})
    frame.loc[1, "cat"] = "much"
    frame.loc[2, "cat"] = float("inf")
    frame.loc[3, "cat"] = -0.5
    frame.loc[4, "cat"] = 7
    frame.loc[5, "id"] = "stranger"
    frame.loc[6, "id"] = IDS[7]
    with pytest.raises(UserError) as caught:
        import_predictions("mine", write(tmp_path / "x.csv", frame), labels=labels, runs=tmp_path / "runs")
    said = str(caught.value)
    for fault in (
        "line 3: 'much' is not a number",
        "sample '0002.jpg' has probabilities that are not finite numbers",
        "sample '0003.jpg' has a negative probability",
        "sample '0004.jpg' has probabilities that sum to",
        "1 id is in neither",
        "the validation sample '0007.jpg' occurs 2 times",
        "lacks 2 validation samples, such as 0005.jpg",
    ):
        assert said.count(fault) == 1, fault
    assert said.count("x.csv") == 1
    assert "\n" not in said


@pytest.mark.parametrize("cell", [-0.25, float("inf"), float("nan")])
def test_rounded_rows_beside_a_faulty_one(cell: float, tmp_path: Path, labels: Path) -> None:
    values = np.full((SAMPLES, 3), [0.25, 0.5, 0.24])
    values[3] = [0.25, 0, cell]
    with pytest.raises(UserError, match="row 4 has"):
        import_predictions("x", values, labels=labels, runs=tmp_path / "runs")


def test_frameworks_are_not_needed(tmp_path: Path, labels: Path) -> None:
    write(tmp_path / "x.csv", WIDE)
    code = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'keras_tuner', 'h5py', 'PIL'):\n    sys.modules[name] = None\n"
        "from ensembles.cli import main\n"
        "sys.exit(main(['import', 'x.csv', '--name', 'mine', '--labels', 'labels.csv']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs").is_dir()


def test_damaged_arrays_are_one_line(tmp_path: Path, labels: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    whole = (tmp_path / "x.npy").read_bytes()
    np.savez(tmp_path / "x.npz", VALUES)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.save(tmp_path / "texts.npy", np.array(["apple", "\ud800"]))
    for content, message in (
        (whole[:-8], r"cannot be read as .npy: damaged data \(its header says float64"),
        (whole[:20], r"cannot be read as .npy: damaged data \(EOF: reading array header"),
        (b"", "cannot be read as .npy: no array in NumPy's format"),
        ((tmp_path / "x.npz").read_bytes(), "cannot be read as .npy: no array in NumPy's format"),
        ((tmp_path / "objects.npy").read_bytes(), "cannot be read as .npy: Python objects"),
        ((tmp_path / "texts.npy").read_bytes(), r"cannot be read as .npy: damaged data \(text that is not Unicode"),
    ):
        (tmp_path / "y.npy").write_bytes(content)
        with pytest.raises(UserError, match=message) as caught:
            import_predictions("x", tmp_path / "y.npy", labels=labels, runs=tmp_path / "runs")
        assert "\n" not in str(caught.value)


TWO: list[str] = ["dog" if row % 3 else "cat" for row in range(SAMPLES)]
OF_DOG = np.where(np.array(TWO) == "dog", 0.8, 0.3)


@pytest.fixture
def of_two(tmp_path: Path) -> Path:
    """Labels of two classes, cat and dog."""
    return write(tmp_path / "two.csv", pd.DataFrame({"id": IDS, "label": TWO}))


@pytest.mark.parametrize(
    ("column", "values", "classes"),
    [
        ("probability", OF_DOG, ()),
        ("target", OF_DOG, ()),
        ("dog", OF_DOG, ()),
        ("prob_dog", OF_DOG, ()),
        ("1", OF_DOG, ()),
        ("Cat", 1 - OF_DOG, ()),
        ("prob_cat", 1 - OF_DOG, ()),
        ("0", 1 - OF_DOG, ()),
        ("cat", 1 - OF_DOG, ("cat", "dog")),
        ("cat", (OF_DOG < 0.5).astype(int), ()),
        ("dog", (OF_DOG > 0.5).astype(int), ()),
        ("label", (OF_DOG > 0.5).astype(int), ()),
        ("target", 1 - OF_DOG, ("dog", "cat")),
        ("dog", OF_DOG, ("dog", "cat")),
    ],
)
@pytest.mark.filterwarnings("ignore:every predicted label is the true one")
def test_the_only_column_is_of_the_class_that_it_names(
    column: str, values: NDArray[np.float64], classes: tuple[str, ...], tmp_path: Path, of_two: Path
) -> None:
    path = write(tmp_path / "x.csv", pd.DataFrame({"id": IDS, column: values}))
    run = import_predictions("x", path, labels=of_two, class_names=classes, runs=tmp_path / "runs")
    found = run.predictions("validation")
    assert found is not None
    expected = OF_DOG if values.dtype.kind == "f" else OF_DOG > 0.5
    np.testing.assert_allclose(found.probabilities[:, found.class_names.index("dog")], expected, atol=1e-6)


def test_an_array_with_two_of_a_split_is_refused(tmp_path: Path, labels: Path) -> None:
    np.savez(tmp_path / "x.npz", oof=VALUES, val_preds=VALUES[:5])
    with pytest.raises(UserError, match=r"x\.npz has val_preds and oof, expected one array of validation"):
        import_predictions("x", tmp_path / "x.npz", labels=labels, runs=tmp_path / "runs")


def test_frames_with_missing_values_of_pandas_and_with_several_levels(tmp_path: Path) -> None:
    asked = {"runs": tmp_path / "runs", "data": "pets"}
    labels = label_frame(split=["validation"] * 20 + ["test"] * 10)
    labels["label"] = labels["label"].astype("string").where(labels["split"] == "validation", pd.NA)
    run = import_predictions("one", WIDE, labels=labels, **asked)
    assert of(run, "test").labels is None
    other = wide_frame(predicted(seed=1))
    levels = other.drop(columns="id").set_index(pd.MultiIndex.from_arrays([range(SAMPLES), range(SAMPLES)]))
    again = import_predictions("two", levels.assign(id=IDS), **asked)
    np.testing.assert_allclose(of(again).probabilities, other[list(NAMES)].to_numpy()[:20], atol=1e-6)


def test_the_only_class_of_a_long_table_is_a_class(tmp_path: Path, of_two: Path) -> None:
    long = pd.DataFrame({"id": IDS, "class": "cat", "probability": 1 - OF_DOG})
    run = import_predictions("x", write(tmp_path / "x.csv", long), labels=of_two, runs=tmp_path / "runs")
    found = run.predictions("validation")
    assert found is not None
    np.testing.assert_allclose(found.probabilities[:, 1], OF_DOG, atol=1e-6)
    path = write(tmp_path / "y.csv", long.assign(**{"class": "zebra"}))
    with pytest.raises(UserError, match="has the column zebra, which is not a class: expected cat, dog"):
        import_predictions("y", path, labels=of_two, runs=tmp_path / "runs")


def test_what_columns_and_rows_were_taken_for_is_said(
    tmp_path: Path, labels: Path, of_two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    write(tmp_path / "numbers.csv", PLAIN.assign(id=IDS))
    write(tmp_path / "names.csv", WIDE)
    write(tmp_path / "one.csv", pd.DataFrame({"id": IDS, "prob_cat": 1 - OF_DOG}))
    for file, truth_file, said in (
        ("x.npy", labels, f"; the columns are cat, dog, owl; the rows are in the order of {labels} "),
        ("numbers.csv", labels, "30 validation samples; the columns are cat, dog, owl "),
        ("names.csv", labels, "30 validation samples validation accuracy"),
        ("one.csv", of_two, "30 validation samples; the column is cat "),
    ):
        call = ["import", str(tmp_path / file), "--name", "x", "--labels", str(truth_file)]
        assert main([*call, "--runs", str(tmp_path / f"runs of {file}")]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert said in " ".join(" ".join(lines).split())
        assert not [line for line in lines if len(line) > 80 and str(tmp_path) not in line]


def test_classes_give_the_order_of_numbered_columns(tmp_path: Path, labels: Path) -> None:
    path = write(tmp_path / "x.csv", PLAIN[[2, 0, 1]].set_axis([0, 1, 2], axis=1).assign(id=IDS))
    runs = tmp_path / "runs"
    import_predictions("first", predicted(seed=1), labels=labels, runs=runs)
    run = import_predictions("x", path, class_names=("owl", "cat", "dog"), runs=runs)
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-6)
    with pytest.raises(UserError, match=r"bat is no class of .*: expected cat, dog, owl"):
        import_predictions("y", path, class_names=("bat", "cat", "dog"), runs=runs)


def test_classes_that_differ_in_case_alone(tmp_path: Path) -> None:
    names = ("A", "B", "a")
    labels = write(tmp_path / "l.csv", pd.DataFrame({"id": IDS, "label": [names[row % 3] for row in range(SAMPLES)]}))
    path = write(tmp_path / "x.csv", PLAIN.set_axis(list(names), axis=1).assign(id=IDS)[["a", "id", "B", "A"]])
    run = import_predictions("x", path, labels=labels, runs=tmp_path / "runs")
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-6)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS[1:], "x.npy has 30 rows, expected one for each of the 29 ids"),
        ({"validation": IDS[:5]}, "the list of validation ids has 5 rows, expected 30, one for each of the rows of"),
        ({"val": IDS}, "ids are of validation and test, got some of 'val'"),
    ],
    ids=str,
)
def test_ids_of_another_number_are_refused(ids: Any, message: str, tmp_path: Path, labels: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    with pytest.raises(UserError, match=message):
        import_predictions("x", tmp_path / "x.npy", labels=labels, ids=ids, runs=tmp_path / "runs")


def test_numbered_ids_under_a_heading_that_ends_in_id(tmp_path: Path) -> None:
    """Without their heading they would be a class, and in labels nothing."""
    numbers = np.arange(1, SAMPLES + 1)
    labels = label_frame().drop(columns="id").assign(PassengerId=numbers)
    said = WIDE.drop(columns="id").assign(PassengerId=numbers).sample(frac=1, random_state=0)
    run = import_predictions("x", write(tmp_path / "x.csv", said), labels=labels, runs=tmp_path / "runs")
    found = run.predictions("validation")
    assert found is not None
    assert found.sample_ids.tolist() == [str(number) for number in numbers]
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), VALUES.argmax(axis=1))
