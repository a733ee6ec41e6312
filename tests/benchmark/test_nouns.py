"""One place decides what samples are called: images only where networks were trained on pictures."""

import re
from pathlib import Path

import pytest
from stored_runs import config, predictions, store_run

import ensembles
import reports
from benchmark.nouns import IMAGES, SAMPLES, noun_of
from benchmark.records import EXTERNAL, JOINT
from benchmark.store.run_store import RunStore
from ensembles.cli import main as ensembles_main
from reports.cli import main


def test_singular_and_plural() -> None:
    assert IMAGES.counted(1, "test") == "1 test image"
    assert IMAGES.counted(3589, "test") == "3,589 test images"
    assert SAMPLES.counted(0) == "0 samples"
    assert SAMPLES.counted(1) == "1 sample"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], SAMPLES),
        ([EXTERNAL, "ensemble"], SAMPLES),
        ([EXTERNAL, "model"], IMAGES),
        ([JOINT], IMAGES),
    ],
)
def test_trained_networks_saw_images(kinds: list[str], expected: object) -> None:
    assert noun_of(kinds) is expected


@pytest.mark.parametrize("kind", [EXTERNAL, "model"])
def test_every_page_and_message_uses_the_same_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Leaderboard, comparison, page on a model, explanation and page on an ensemble."""
    store = RunStore(tmp_path / "runs")
    for seed, (name, hits) in enumerate({"apples": 30, "pears": 32, "plums": 25}.items()):
        both = [predictions(split, hits, seed=seed) for split in ("validation", "test")]
        facts = {} if kind == "model" else {"parameters": None, "milliseconds_per_image": None, "durations": {}}
        store_run(store, config(name, kind=kind), both, **facts)
    where = ["--runs", str(store.root)]
    ensembles.build("apples,pears", runs=store.root, name="pair", method="weighted")
    assert ensembles_main(["explain", "pair", *where]) == 0
    explained = capsys.readouterr().out
    # Nothing is known of what imported predictions cost.
    assert ("ms/image" in explained, "\ncost " in explained) == (kind == "model", kind == "model")
    for words in (["leaderboard"], ["leaderboard", "--format", "md"], ["compare", "apples", "pears"],
                  ["compare", "apples", "pears", "plums", "pair"]):  # fmt: skip
        assert main([*words, *where]) == 0
    pages = [explained, capsys.readouterr().out]
    for call, name in ((reports.model, "pears"), (reports.ensemble, "pair")):
        made = call(name, runs=store.root, output=tmp_path / name)
        pages += [made.text, made.page.read_text()]
    word, other = ("image", "sample") if kind == "model" else ("sample", "image")
    for page in pages:
        said = re.sub(r"ms/image|per image|milliseconds_\w+image", "", page.replace(str(tmp_path), ""))
        assert word in said
        lines = [line for line in said.splitlines() if other in line.lower()]
        assert lines == []
