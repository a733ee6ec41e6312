"""A page on one model: figures are drawn, hostile names break nothing, images come only from the user's own data."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stored_runs import CLASS_NAMES, DATASET, config, predictions, probabilities_for, store_run

import reports
from benchmark.data import ReadOptions, load
from benchmark.dataset import Dataset
from benchmark.records import Predictions, RunConfig
from benchmark.store.run_store import RunStore
from benchmark.training.folds import labelled
from reports.cli import main
from reports.pages import model_page
from reports.pages.evaluation import evaluate
from reports.pages.image_sheets import ImageSource
from reports.pages.model_figures import LARGEST_DRAWN, worst_classes
from reports.text.drawing import middle_cut
from zoo import get_model
from zoo.errors import UserError

HISTORY = "epoch,loss,accuracy,validation_loss,validation_accuracy\n1,2.0,0.3,1.9,0.35\n2,1.5,0.5,1.6,0.45\n"
FIGURES = {"classes.png", "confusion-counts.png", "confusion-rates.png", "reliability.png", "roc.png"}


def with_history(store: RunStore, seed: int) -> None:
    (store.root / DATASET / f"cnn4-{config('cnn4').hash}" / f"seed-{seed}" / "history.csv").write_text(HISTORY)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that take no time, for the tests of everything else."""
    monkeypatch.setattr(model_page, "FIGURES", dict.fromkeys(FIGURES, lambda _: b"a picture"))


def width(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_page_and_figures(store: RunStore) -> None:
    with_history(store, 0)
    with_history(store, 2)
    report = reports.model("cnn4", runs=store.root)
    assert report.page == store.root / DATASET / "reports" / f"cnn4-{config('cnn4').hash}" / "model.md"
    assert names(report.page.parent) == {*FIGURES, "learning.png", "model.md"}
    for path in report.page.parent.glob("*.png"):
        assert width(path) == 800
    page = report.page.read_text(encoding="utf-8")
    assert set(re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)) == {*FIGURES, "learning.png"}
    assert "Seeds 0, 1, 2: scores are the means over the seeds" in page
    assert "| accuracy % | 65.00 | 2.50 |" in page
    assert len([line for line in page.partition("## Scores")[0].splitlines() if line]) == 1 + 3, (
        "the title, three lines"
    )
    assert report.scores["value"][0] == 26 / 40
    assert max(map(len, report.text.splitlines())) <= 80
    assert str(report) == report.text
    # The store reads on as before.
    assert len(store.runs(DATASET)) == 6


@pytest.mark.usefixtures("undrawn")
def test_how_it_is_trained_again(tmp_path: Path) -> None:
    store, spec = RunStore(tmp_path / "runs"), get_model("mobilenet025")
    asked = config(
        spec.name,
        training=spec.training.with_changes({"epochs": 7}),
        hyperparameters=spec.with_hyperparameters({}),
        weights="mine-0a1b2c3d",
    )
    known, theirs = asked, replace(asked, dataset="theirs", split="80/10/10 seed 0")
    for one in (known, theirs):
        store_run(store, one, [predictions("validation", 20)], provenance={"precision": "float32"})
    command = (
        "    python -m benchmark run mobilenet025 \\\n    --data {} \\\n    --preset paper \\\n    --seeds 1 \\\n"
        "    --precision float32 \\\n    --set weights=WEIGHTS \\\n    --set epochs=7\n\n"
    )
    file = "WEIGHTS is the file mine-0a1b2c3d: its name and the first digits of its SHA-256."
    page = reports.model(spec.name, runs=store.root, data="faces").page.read_text()
    assert f"To train it again:\n\n{command.format('faces')}{file}\n" in page
    page = reports.model(spec.name, runs=store.root, data="theirs").page.read_text()
    data = "DATA is called theirs, read and split as it was then (80/10/10 seed 0); "
    assert f"To train it again:\n\n{command.format('DATA')}{data}{file}\n" in page
    store_run(store, config("mine", kind="external"), [predictions("validation", 20)])
    assert "To train it again" not in reports.model("mine", runs=store.root, data="faces").text


@pytest.mark.usefixtures("undrawn")
def test_how_long_an_image_takes_and_where(tmp_path: Path) -> None:
    store, found = RunStore(tmp_path), [predictions("test", 20)]
    made = {"device": "NVIDIA H100", "precision": "bfloat16"}
    for seed, alone in enumerate((1.0, 2.0)):
        store_run(store, config("new"), found, seed=seed, provenance=made, milliseconds_one_image=alone)
    store_run(store, config("old"), found)
    store_run(store, config("both", kind="ensemble"), found, milliseconds_one_image=3.0)
    store_run(store, config("theirs", kind="external"), found, milliseconds_per_image=None)
    expected = {
        "new": "takes 0.250 ms in batches and 1.500 ms alone on NVIDIA H100; trained in bfloat16.",
        "old": "takes 0.250 ms in batches.",
        "both": "alone, the sum over its networks, each as measured where it was trained.",
    }
    for name, sentence in expected.items():
        assert sentence in " ".join(reports.model(name, runs=tmp_path).text.split())
    assert "To predict" not in reports.model("theirs", runs=tmp_path).text


def test_one_seed_into_a_folder_of_ones_own(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "report"
    assert main(["model", "cnn4/seed-1", "--runs", str(store.root), "-o", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"With figures: {folder}/model.md\n")
    assert "accuracy %   65.00  49.51 to 77.87" in said
    assert "no learning curves" in said
    assert names(folder) == {*FIGURES, "model.md"}
    assert not (store.root / DATASET / "reports").exists()
    single = reports.model("cnn4/seed-1", runs=store.root).page.parent.name
    assert single == f"cnn4-{config('cnn4').hash}-seed-1"


HOSTILE = ("<script>alert(1)</script>", "a|b", "two\nlines", "../../up", "x" * 300, "$x^2$", "true class", "表情")


def test_hostile_class_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no line is narrower than a path in it
    store = RunStore(Path("runs"))
    store_run(store, config("cnn4"), [predictions("test", 60, count=80, class_names=HOSTILE)])
    report = reports.model("cnn4", runs=store.root)
    page = report.page.read_text(encoding="utf-8")
    assert "<script" not in page
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert [len(table) - 2 for table in tables] == [6, 8, 8]
    for table in tables:
        bars = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
        assert set(bars) == {bars[0]}
    assert max(map(len, report.text.splitlines())) <= 80
    store_run(store, config("cnn7"), [predictions("test", 50, count=80, class_names=HOSTILE)])
    compared = reports.compare("cnn4", "cnn7", runs=store.root)
    assert "<script" not in compared.markdown
    outside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert outside == {"runs"}


@pytest.mark.parametrize(("name", "cut"), [("short", "short"), ("a\nb", "a b"), ("class number 27", "clas...r 27")])
def test_long_names_lose_their_middle(name: str, cut: str) -> None:
    assert middle_cut(name, 11) == cut


def data_in(folder: Path, classes: int = 3, size: int = 8) -> Path:
    generator = np.random.default_rng(0)
    values = {}
    for split, count in {"train": 30, "validation": 12, "test": 60}.items():
        values |= {
            f"{split}_images": generator.integers(0, 256, (count, size, size, 3), dtype=np.uint8),
            f"{split}_labels": (np.arange(count) * 7) % classes,
        }
    names = np.array([*CLASS_NAMES, "../date"][:classes])
    np.savez(folder / "fruit.npz", class_names=names, **values)
    return folder / "fruit.npz"


def stored_on(folder: Path, dataset: Dataset) -> RunStore:
    store = RunStore(folder / "runs")
    assert dataset.test is not None
    assert dataset.test.labels is not None
    classes = len(dataset.class_names)
    predicted = Predictions(
        "test",
        dataset.test.sample_ids,
        dataset.class_names,
        probabilities_for(dataset.test.labels, classes, 40),
        dataset.test.labels,
    )
    asked = RunConfig(dataset="fruit", fingerprint=dataset.fingerprint, model="cnn4", split=dataset.split)
    store_run(store, asked, [predicted])
    return store


@pytest.mark.usefixtures("undrawn")
def test_images_are_shown_where_the_user_gives_them(tmp_path: Path) -> None:
    source = data_in(tmp_path, classes=4)
    store = stored_on(tmp_path, load(source, cache=None))
    plain = reports.model("cnn4", runs=store.root)
    assert "give the data with --images PATH" in plain.text
    assert not list(plain.page.parent.glob("images-*"))
    shown = reports.model("cnn4", runs=store.root, images=source, output=tmp_path / "shown")
    sheets = sorted(path.name for path in (tmp_path / "shown").glob("images-*"))
    assert [name[:8] for name in sheets] == [f"images-{position}" for position in range(4)]
    page = shown.page.read_text()
    assert all(f"({name})" in page for name in sheets)
    assert width(tmp_path / "shown" / sheets[0]) == 800
    # Every sheet has its own class' pictures: no two are alike.
    assert len({(tmp_path / "shown" / name).read_bytes() for name in sheets}) == 4


@pytest.mark.usefixtures("undrawn")
def test_images_are_split_and_chosen_as_for_the_runs(tmp_path: Path) -> None:
    source = data_in(tmp_path)
    with np.load(source) as arrays:
        np.savez(tmp_path / "one.npz", class_names=arrays["class_names"], images=arrays["test_images"],
                 labels=arrays["test_labels"])  # fmt: skip
    options = ReadOptions(split="60/20/20", split_seed=3, classes=("apple", "cherry"), size=4)
    store = stored_on(tmp_path, load(tmp_path / "one.npz", options, cache=None))
    asked = ImageSource(tmp_path / "one.npz", ReadOptions(size=4))
    report = reports.model("cnn4", runs=store.root, images=asked)
    assert len(list(report.page.parent.glob("images-*.png"))) == 2
    with pytest.raises(UserError, match="where they had --size, --channels, --class-names or"):
        reports.model("cnn4", runs=store.root, images=tmp_path / "one.npz", output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("undrawn")
def test_images_that_were_predicted_out_of_fold(tmp_path: Path) -> None:
    dataset = load(data_in(tmp_path), cache=None)
    whole = labelled(dataset)
    assert whole.labels is not None
    said = probabilities_for(whole.labels, len(dataset.class_names), 40)
    asked = RunConfig(dataset="fruit", fingerprint=dataset.fingerprint, model="cnn4", split=dataset.split, folds=3)
    store = RunStore(tmp_path / "runs")
    predicted = Predictions("validation", whole.sample_ids, dataset.class_names, said, whole.labels)
    store_run(store, asked, [predicted])
    report = reports.model("cnn4:3-folds", runs=store.root, images=tmp_path / "fruit.npz")
    assert len(list(report.page.parent.glob("images-*.png"))) == 3


@pytest.mark.usefixtures("undrawn")
def test_images_of_data_with_a_test_split_alone(tmp_path: Path) -> None:
    source = tmp_path / "half.npz"
    with np.load(data_in(tmp_path)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if not name.startswith("validation")}
    np.savez(source, **kept)
    store = stored_on(tmp_path, load(source, ReadOptions(split_seed=2), cache=None))
    report = reports.model("cnn4", runs=store.root, images=source)
    assert len(list(report.page.parent.glob("images-*.png"))) == 3


PIXELS = " ".join(map(str, range(0, 160, 10)))


def numbered_csv(folder: Path) -> Path:
    usages = ["Training"] * 12 + ["PublicTest"] * 6 + ["PrivateTest"] * 12
    lines = [f"{row % 3},{row} {PIXELS[2:]},{usage}" for row, usage in enumerate(usages)]
    (folder / "fruit.csv").write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))
    return folder / "fruit.csv"


@pytest.mark.usefixtures("undrawn")
def test_images_of_classes_that_the_user_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = numbered_csv(tmp_path)
    store = stored_on(tmp_path, load(source, ReadOptions(class_names=("apple", "banana", "cherry")), cache=None))
    call = ["model", "cnn4", "--runs", str(store.root), "-o", str(tmp_path / "page"), "--images", str(source)]
    assert main(call) == 2
    assert "--class-names" in capsys.readouterr().err
    assert main([*call, "--class-names", "apple,banana,cherry"]) == 0
    assert len(list((tmp_path / "page").glob("images-*.png"))) == 3
    assert main(["model", "cnn4", "--runs", str(store.root), "--class-names", "a,b"]) == 2
    assert "options of --images" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_images_with_labels_from_another_file(tmp_path: Path) -> None:
    source, votes = numbered_csv(tmp_path), tmp_path / "votes.csv"
    usages = ["Training"] * 12 + ["PublicTest"] * 6 + ["PrivateTest"] * 12
    counts = [f"{usage},{9 * (row % 2)},{9 - 9 * (row % 2)}" for row, usage in enumerate(usages)]
    votes.write_text("\n".join(["Usage,happiness,anger", *counts, ""]))
    store = stored_on(tmp_path, load(source, ReadOptions(labels_from=str(votes)), cache=None))
    report = reports.model("cnn4", runs=store.root, images=ImageSource(source, ReadOptions(labels_from=str(votes))))
    assert {path.name for path in report.page.parent.glob("images-*.png")} == {
        "images-0-angry.png",
        "images-1-happy.png",
    }


@pytest.mark.usefixtures("undrawn")
def test_images_of_several_sources(tmp_path: Path) -> None:
    first = data_in(tmp_path)
    with np.load(first) as arrays:
        np.savez(
            tmp_path / "more.npz",
            class_names=arrays["class_names"],
            images=arrays["test_images"][:40],
            labels=arrays["test_labels"][:40],
        )
    both = [first, tmp_path / "more.npz"]
    store = stored_on(tmp_path, load(both, ReadOptions(split_seed=4), cache=None))
    report = reports.model("cnn4", runs=store.root, images=both)
    assert len(list(report.page.parent.glob("images-*.png"))) == 3


@pytest.mark.usefixtures("undrawn")
def test_images_of_several_sources_of_which_one_has_test_images_of_its_own(tmp_path: Path) -> None:
    with np.load(data_in(tmp_path)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if not name.startswith("validation")}
        more = {"class_names": arrays["class_names"], "images": arrays["test_images"], "labels": arrays["test_labels"]}
    np.savez(tmp_path / "half.npz", **kept)
    np.savez(tmp_path / "more.npz", **more)
    both = [tmp_path / "half.npz", tmp_path / "more.npz"]
    dataset = load(both, ReadOptions(split="60/20/20", split_seed=4), cache=None)
    assert dataset.split == "half 60/20 seed 4, more 60/20/20 seed 4"
    store = stored_on(tmp_path, dataset)
    assert len(list(reports.model("cnn4", runs=store.root, images=both).page.parent.glob("images-*.png"))) == 3


def test_other_data_is_refused_and_nothing_is_written(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"fruit\.npz is not the data of these runs: its fingerprint is "):
        reports.model("cnn7", runs=store.root, images=data_in(tmp_path))
    assert not (store.root / DATASET / "reports").exists()


def test_a_class_without_images_and_a_single_image_each(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    few = predictions("test", 1, count=2, class_names=("a", "b", "c", "d"))
    store_run(store, config("cnn4"), [few])
    report = reports.model("cnn4", runs=store.root)
    assert names(report.page.parent) == {*FIGURES, "model.md"}
    assert report.classes["recall"].isna().sum() >= 2
    assert not re.search(r"\bnan\b", report.text)


def test_the_area_under_the_curve_of_a_single_class_is_missing(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [replace(predictions("test", 20), labels=np.zeros(40, int))])
    report = reports.model("cnn4", runs=store.root)
    assert re.search(r"macro AUC +- +-", report.text)
    assert not re.search(r"\bnan\b", report.text)


def test_many_classes_are_drawn_and_not_printed(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    wide = tuple(f"class {number}" for number in range(13))
    store_run(store, config("cnn4"), [predictions("test", 100, count=150, class_names=wide)])
    report = reports.model("cnn4", runs=store.root)
    assert "Confusion matrix" not in report.text
    assert width(report.page.parent / "confusion-rates.png") == 800


def test_of_very_many_classes_those_with_most_errors_are_drawn(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    wide = tuple(f"class {number}" for number in range(80))
    store_run(store, config("cnn4"), [predictions("test", 100, count=160, class_names=wide)])
    report = reports.model("cnn4", runs=store.root)
    assert width(report.page.parent / "confusion-rates.png") == 150 + 32 * LARGEST_DRAWN
    assert len(report.classes) == 80


def test_of_many_classes_those_without_samples_are_left_out_first(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    wide = tuple(f"class {number}" for number in range(120))
    found = predictions("test", 0, count=40, class_names=wide)
    store_run(store, config("cnn4"), [replace(found, labels=np.arange(40))])
    drawn = worst_classes(evaluate(store.snapshot(DATASET), "cnn4"))
    assert len(drawn) == LARGEST_DRAWN
    assert (drawn["images"][:40] == 1).all()
    assert (drawn["images"][40:] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cmn4"], "did you mean cnn4"),
        (["cnn4", "--size", "48"], "which is missing"),
        (["cnn4", "--images", "nowhere"], "no such file"),
        (["cnn4", "--labels", "nowhere.csv"], "cannot read"),
        (["cnn4", "-o", "file"], "cannot write into file: file is not a folder"),
        (["cnn4", "-o", "file/in/it"], "cannot write into file/in/it: file is not a folder"),
    ],
)
def test_errors_are_one_line(
    store: RunStore,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(store.root.parent)
    (store.root.parent / "file").write_text("mine")
    assert main(["model", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1
    assert names(store.root.parent) == {"runs", "file"}
    assert not (store.root / DATASET / "reports").exists()


@pytest.mark.usefixtures("undrawn")
def test_why_a_model_is_shown_on_validation(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for seed, test in enumerate([[predictions("test", 30)], []]):
        store_run(store, config("some"), [predictions("validation", 20, seed=seed), *test], seed=seed)
    store_run(store, config("none"), [predictions("validation", 21)])
    store_run(store, config("sealed"), [predictions("validation", 22), predictions("test", 30, sealed=True)])
    expected = {
        "some": "(1 of 2 seeds has no test predictions)",
        "none": "(there are no test predictions)",
        "sealed": "(the test labels are sealed)",
    }
    for name, why in expected.items():
        assert f"On validation {why}: 40 images" in reports.model(name, runs=store.root).text


@pytest.mark.usefixtures("undrawn")
def test_scores_of_hard_labels_are_said_to_mean_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    soft = predictions("test", 30)
    hard = np.eye(len(CLASS_NAMES), dtype=np.float32)[soft.probabilities.argmax(axis=1)]
    store_run(store, config("soft"), [soft])
    store_run(store, config("hard"), [replace(soft, probabilities=hard)])
    notes = {name: " ".join(reports.model(name, runs=store.root).text.split()) for name in ("soft", "hard")}
    assert {
        name for name, text in notes.items() if "hard labels, of which log loss, MSE and ECE say nothing" in text
    } == {"hard"}
