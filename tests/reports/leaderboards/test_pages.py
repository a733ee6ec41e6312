"""The pages: what their heading says, and that no name breaks them."""

import re
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET, IMAGES, config, predictions, store_failure, store_model, store_run

import ensembles
import reports
from benchmark.matching.class_names import FER_CLASSES
from benchmark.store.run_store import RunStore
from reports.leaderboards.html import html_page
from reports.leaderboards.notes import heading
from reports.leaderboards.pages import WHOLE, markdown_page, text_page
from reports.leaderboards.references import PRIVATE_TEST
from reports.leaderboards.results import read_results
from reports.text.columns import COLUMNS, PLAIN, View, view
from reports.text.tables import _CLASS_FORMATS, WIDTH
from zoo import get_model


def both(store: RunStore, shown: View = PLAIN) -> tuple[str, str]:
    results = read_results(store.root)
    return text_page(results, "runs", shown), markdown_page(results, "runs", shown)


def fer2013(root: Path) -> RunStore:
    """A store with a model on images as many and with classes as FER-2013 has."""
    store = RunStore(root)
    splits = ("validation", "test")
    found = [predictions(split, 2153, count=PRIVATE_TEST, class_names=FER_CLASSES) for split in splits]
    store_run(store, config("cnn4"), found)
    return store


def test_what_stands_above_the_table(store: RunStore) -> None:
    for page in both(store):
        assert f"Leaderboard of {DATASET}" in page
        assert "3 classes, 40 validation images and 40 test images." in page
        assert "Ranked by test accuracy." in page
        assert "resnet failed after 3.0 s: MemoryError: no more" in page
        assert f"    python -m reports leaderboard --data {DATASET}\n" in page


@pytest.mark.parametrize("metric", [None, "log-loss"])
def test_at_most_three_short_lines_stand_above_the_table(store: RunStore, metric: str | None) -> None:
    results = read_results(store.root)
    shown = view(metric)
    text = text_page(results, "runs", shown).splitlines()
    above = text[2 : next(place for place, line in enumerate(text) if line.startswith("rank"))]
    assert [line for line in above if line] == heading(results, shown)
    above_table, bar, _ = markdown_page(results, "runs", shown).partition("\n| rank |")
    assert bar
    assert [line for line in above_table.splitlines()[1:] if line] == heading(results, shown)
    page = html_page(results, "runs", shown)
    assert re.findall("<p>(.*?)</p>", page.partition("<table")[0]) == heading(results, shown)
    assert "<li>" not in page.partition("<table")[0]
    assert len(heading(results, shown)) <= 3
    assert max(map(len, heading(results, shown))) <= WIDTH
    for page in both(store):
        assert page.index("resnet failed after") > page.index("mlp")


def test_the_status_stands_where_one_is_not_ok(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_model(store, "a", 20, 20)
    assert "status" not in text_page(read_results(tmp_path), tmp_path).partition("More columns")[0]
    store_failure(store, "b", "MemoryError: no more")
    assert "status" in text_page(read_results(tmp_path), tmp_path).partition("More columns")[0]


def test_sealed_labels_are_said(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("a"), [predictions("validation", 20), predictions("test", 20, sealed=True)])
    for page in both(store, WHOLE):
        assert "Ranked by validation accuracy: the test labels are sealed." in page
        assert "Per class, on validation" in page


def test_classes_are_shown_where_they_are_asked_for(store: RunStore) -> None:
    for page, whole in zip(both(store), both(store, WHOLE), strict=True):
        assert "Per class" not in page
        assert "Per class, on test" in whole
    assert "Scores of each class with --per-class." in " ".join(both(store)[0].split())


def test_no_test_is_said(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_model(store, "a", 20, None)
    assert "Ranked by validation accuracy: no run has test predictions." in heading(read_results(tmp_path))


def test_the_command_carries_labels_and_runs(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "my labels.csv"
    path.write_text("0\n" * IMAGES)
    results = read_results(store.root, labels=path)
    page = text_page(results, store.root)
    assert "Ranked by test accuracy (labels: my labels.csv)." in page
    assert f"--runs {store.root}" in page
    assert f"--labels '{path}'" in page


def test_labels_in_memory_have_no_command(store: RunStore) -> None:
    results = read_results(store.root, labels=[0] * IMAGES)
    for page in text_page(results, store.root), markdown_page(results, store.root), html_page(results, store.root):
        assert "Ranked by test accuracy (labels: given labels)." in page
        assert "To see these numbers again" not in page


def test_text_fits_80_columns_whatever_the_names(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for seed in range(2):
        store_model(store, "x" * 100, 20, 20 + seed, seed=seed)
    store_model(store, "+".join(["resnet", "bayes", "vgg", "inception", "mobilenet"] * 2), 20, 20)
    store_run(store, config("tall"), [predictions("validation", 20)], parameters=10**12, milliseconds_per_image=1e6)
    store_failure(store, "resnet", "ValueError: " + "a long story " * 40)
    store_model(store, "blind", 20, None)
    text, _ = both(store)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert " ".join(text.split()).count("a long story") == 40
    assert "1,000,000,000,000" in text


def test_hostile_names_break_no_table(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    classes = ("<script>alert(1)</script>", "a|b\nc", "_d_*e*")
    store_run(store, config("a"), [predictions("validation", 20, class_names=classes)])
    store_failure(store, "b", "Odd: <b>|\n\x1b[31m")
    text, page = both(store, WHOLE)
    assert "\x1b" not in text + page
    assert "<script>" not in page
    tables = [line.replace(r"\|", "") for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {22, 7}
    assert len(tables) == 2 + 2 + 2 + 3


def test_write_leaderboard(store: RunStore) -> None:
    path = reports.write_leaderboard(store.root, "faces")
    assert path == store.root / DATASET / "leaderboard.md"
    page = path.read_text(encoding="utf-8")
    assert page == markdown_page(read_results(store.root), store.root, WHOLE)
    assert "Per class, on test" in page
    assert "--per-class" in page
    store_model(store, "new", 40, 40)
    assert "new" in reports.write_leaderboard(store.root).read_text(encoding="utf-8")


def test_every_row_of_the_frame_is_on_the_page(store: RunStore) -> None:
    board = reports.leaderboard(store.root)
    for page in both(store):
        for model in board["model"]:
            assert re.search(rf"^[| ]*[-\d]+ [| ]*{re.escape(model)} ", page, re.MULTILINE), model
    assert "65.00 ± 2.50" in both(store)[0]


def test_a_page_of_one_failure(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_failure(store, "a", "MemoryError: no more")
    for page in both(store):
        assert "No run has predictions." in page
        assert "How to read the table" not in page


def test_an_ensemble_says_what_it_combines(store: RunStore) -> None:
    run = ensembles.build(["mlp", "cnn7"], runs=store.root, name="pair")
    pages = [text_page(read_results(store.root), store.root), markdown_page(read_results(store.root), store.root)]
    assert len(run.config.members) == 2
    for page in pages:
        assert "pair is built from " in page
        assert all(member in page.replace("\n", " ") for member in run.config.members)


def test_rows_that_combine_the_same_share_a_sentence(store: RunStore) -> None:
    for name in ("pair", "other"):
        ensembles.build(["mlp", "cnn7"], runs=store.root, name=name)
    ensembles.build(["mlp", "vgg"], runs=store.root, name="third")
    page = " ".join(text_page(read_results(store.root), store.root).split())
    assert "other, pair are built from mlp-" in page
    assert "third is built from mlp-" in page


def trained(store: RunStore, name: str, tta: str = "none", **changes: Any) -> None:
    spec = get_model(name)
    training = spec.training.with_changes(changes)
    hyperparameters = spec.with_hyperparameters({})
    asked = config(name, training=training, hyperparameters=hyperparameters, weights=spec.weights, tta=tta)
    store_run(store, asked, [predictions("validation", 20)])


def test_what_was_trained_otherwise_says_how(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    trained(store, "cnn7")
    trained(store, "vggnet", epochs=7)
    for tta in ("none", "flip"):
        trained(store, "cnn4", tta=tta)
        trained(store, "cnn4", tta=tta, augmentation="light")
    results = read_results(store.root)
    lines = [line for line in markdown_page(results, store.root).splitlines() if ": its own recipe" in line]
    own, light = sorted(line for line in lines if line.startswith("- cnn4"))
    if "light" in own:
        own, light = light, own
    assert re.fullmatch(r"- cnn4\S*@\w+, cnn4\S*@\w+: its own recipe", own)
    assert re.fullmatch(r"- cnn4\S*@\w+, cnn4\S*@\w+: its own recipe with augmentation=light", light)
    assert [line for line in lines if "cnn4" not in line] == ["- vggnet: its own recipe with epochs=7"]
    shown = view(columns="recipe")
    assert markdown_page(results, store.root, shown).count("| its own recipe with augmentation=light |") == 2


def test_the_view_is_on_the_page_and_in_its_command(store: RunStore) -> None:
    shown = view("log-loss", "ece,test,f1")
    results = read_results(store.root)
    for page in (text_page(results, "runs", shown), markdown_page(results, "runs", shown)):
        assert "Sorted by log loss, lowest first; ranks are plain places" in page
        assert "    --metric log_loss \\\n    --columns ece,test_accuracy,macro_f1\n" in page
        assert "validation %" not in page
        # The reason of a failure stays, whatever the columns.
        assert "resnet failed after 3.0 s: MemoryError: no more" in page
    rows = [line for line in markdown_page(results, "runs", shown).splitlines() if line.startswith("|")]
    assert rows[0] == "| rank | model | ECE | test % | macro F1 | status |"
    assert rows[6].endswith("| failed after 3.0 s: MemoryError: no more |")


def test_text_of_every_column_fits(store: RunStore) -> None:
    for columns in ("all", "verdict", "test,weights,device,size,flops,p"):
        page = text_page(read_results(store.root), "runs", view(columns=columns, published=True))
        assert max(len(line) for line in page.splitlines()) <= WIDTH


def test_published_figures_stand_between_the_rows(tmp_path: Path) -> None:
    store = fer2013(tmp_path)
    for page in both(store, view(published=True)):
        table, _, below = page.partition("Published figures of other data, other classes or an unknown split")
        table = table.partition("How to read the table")[0]
        rows = [line for line in table.splitlines() if "cnn4" in line or "LetheSec" in line]
        assert [("LetheSec" in line) for line in rows][:2] == [True, False]
        # The split of the score is not known; it has 28 classes.
        for name in ("cnn7x10 (CS985", "cue_cnn (Cue-Cetera"):
            assert name not in table
            assert name in below
        assert "LetheSec" not in below
        assert "--published" in page
    assert "LetheSec" not in text_page(read_results(tmp_path), "runs")


def test_published_figures_of_other_data_stand_below(store: RunStore) -> None:
    for page in both(store, view(published=True)):
        words = " ".join(page.replace("-", "").split())
        assert "another dataset, or another split of it" in words
        table, _, below = page.partition("Published figures of other data")
        assert "LetheSec" in below
        assert "LetheSec" not in table
        assert "MSE 0.1439" in page
        assert "92.50 % validation" in words
    assert "LetheSec" not in both(store)[0]


def test_rows_that_are_not_shown_are_counted(store: RunStore) -> None:
    results = read_results(store.root)
    shown = view(models="cnn*", top=1)
    for page in (*both(store, shown), html_page(results, "runs", shown)):
        assert "1 of 5 rows shown. Ranks, tests and corrections are those of all 5." in page
        assert "cnn7" in page
        assert not [name for name in ("vgg ", "mlp", "resnet") if name in page]
        assert "--top 1" in page
        assert "leaderboard &#x27;cnn*&#x27;" in page or "leaderboard 'cnn*'" in page
    for page in both(store):
        assert "rows shown" not in page


def test_tables_are_as_wide_as_the_terminal(store: RunStore) -> None:
    results = read_results(store.root)
    text = text_page(results, "runs", width=240)
    assert 80 < max(map(len, text.splitlines())) <= 240
    (heading,) = [line for line in text.splitlines() if line.startswith("rank")]
    assert all(name in heading for name in ("log loss", "macro F1", "parameters", "status"))
    assert text_page(results, "runs", width=80) == text_page(results, "runs")


def test_what_no_row_has_takes_no_width(tmp_path: Path) -> None:
    store_model(RunStore(tmp_path), "a", 20, None)
    results = read_results(tmp_path)
    assert "test %" not in text_page(results, "runs")
    assert "test %" in text_page(results, "runs", view(columns="test"))


def test_markdown_keeps_its_columns_whatever_the_names(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_model(store, "x" * 100, 20, 20)
    store_failure(store, "y", "Error: " + "|\n<script>../" * 300)
    page = markdown_page(read_results(tmp_path), "runs", view(published=True, per_class=True))
    rows = [line.replace(r"\|", "") for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {22, 5, 7}
    assert "<script>" not in page


@pytest.mark.parametrize("case", ["failed", "sealed", "no test"])
def test_every_page_and_view_of_what_little_there_is(tmp_path: Path, case: str) -> None:
    store = RunStore(tmp_path)
    if case == "failed":
        store_failure(store, "a", "MemoryError: no more")
    elif case == "sealed":
        store_run(store, config("a"), [predictions("validation", 20), predictions("test", 20, sealed=True)])
    else:
        store_model(store, "a", 20, None)
    results = read_results(tmp_path)
    for shown in (view(), view("test", "all", published=True), view("validation"), view("kind", "kind")):
        for page in (text_page, markdown_page, html_page):
            found = page(results, "runs", shown)
            assert ">a<" in found or re.search(r"^[| ]*[-\d]+ [| ]*a ", found, re.MULTILINE)
    above = "No run has predictions." if case == "failed" else "Ranked by test accuracy: no row has one."
    assert above in text_page(results, "runs", view("test")).replace("\n", " ")


def test_no_column_of_the_leaderboard_is_written_like_one_of_the_classes() -> None:
    """Both go through the same formats."""
    assert not set(COLUMNS) & set(_CLASS_FORMATS)
    assert not {column.heading for column in COLUMNS.values()} & {heading for heading, _ in _CLASS_FORMATS.values()}


def test_facts_of_a_run_are_on_every_page(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    facts = {"provenance": {"device": "NVIDIA H100", "precision": "bfloat16"}, "milliseconds_one_image": 1.5}
    store_run(store, config("a"), [predictions("test", 20)], **facts)
    _, page = both(store)
    assert "| NVIDIA H100 | bfloat16 |" in page
    assert "| 0.250 | 1.500 |" in page
    chosen = text_page(read_results(tmp_path), tmp_path, view(columns="alone,precision,device"))
    assert {"1.500", "bfloat16"} <= set(chosen.split())
