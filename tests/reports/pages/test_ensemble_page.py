"""What `ensembles explain` stored is drawn; where it is missing or damaged, one line says what to do."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from stored_runs import DATASET, config, predictions, store_run

import ensembles
import reports
from benchmark.files.run_layout import EXPLANATION
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.pages import ensemble_figures, ensemble_page, model_page
from zoo.errors import UserError


@pytest.fixture
def explained(store: RunStore) -> RunStore:
    """A store with the explained ensemble `three` of three models."""
    ensembles.build("cnn4,cnn7,mlp", runs=store.root, name="three")
    ensembles.explain("three", runs=store.root)
    return store


def explanation(store: RunStore) -> Path:
    (run,) = store.resolve(DATASET, "three")
    return run.path.parent / EXPLANATION


def test_page_and_figures(explained: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ensemble", "three", "--runs", str(explained.root)]) == 0
    report = reports.ensemble("three", runs=explained.root)
    assert capsys.readouterr().out == f"{report.text}\nWith figures: {report.page}\n"
    pictures = {path.name for path in report.page.parent.glob("*.png")}
    # What the stored runs do not know, such as operations, has no figure.
    assert pictures == {"gains.png", "disagreement.png", *[
        f"cost-{kind}.png" for kind in ("parameters", "milliseconds", "train_hours")
    ]}  # fmt: skip
    for name in pictures:
        with Image.open(report.page.parent / name) as picture:
            assert picture.width == 800
    page = report.page.read_text(encoding="utf-8")
    assert set(re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)) == pictures
    assert max(map(len, report.text.splitlines())) <= 80


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that take no time, for the tests of everything else."""
    for name in ("member_gains", "disagreement", "accuracy_against_cost"):
        monkeypatch.setattr(ensemble_figures, name, lambda *_: b"a picture")


@pytest.mark.usefixtures("undrawn")
def test_numbers_are_those_that_were_found(explained: RunStore) -> None:
    data = json.loads(explanation(explained).read_text())
    text = reports.ensemble("three", runs=explained.root).text
    for split in ("validation", "test"):
        assert data[split]["contest"]["sentence"] in " ".join(text.split())
    gain = data["validation"]["members"][0]["gain_accuracy"]
    row = f"{100 * gain['value']:+.2f} ({100 * gain['low']:+.2f} to {100 * gain['high']:+.2f})"
    weight = data["members"][0]["weight"]
    assert f"cnn4     {weight:.3f}       {100 * data['validation']['members'][0]['accuracy']:.2f}  {row}" in text
    front = [point for point in data["tradeoff"]["points"] if "parameters" in point["front"]]
    for point in front:
        assert f"{100 * point['accuracy']:.2f}" in text.partition("Pareto front by parameters")[2]


@pytest.mark.usefixtures("undrawn")
def test_members_without_weight_are_counted_and_not_listed(explained: RunStore) -> None:
    path = explanation(explained)
    data = json.loads(path.read_text())
    for member, weight in zip(data["members"], (0, 1, 0), strict=True):
        member["weight"] = weight
    path.write_text(json.dumps(data))
    text = " ".join(reports.ensemble("three", runs=explained.root).text.split())
    scores = sorted(100 * data["validation"]["members"][place]["accuracy"] for place in (0, 2))
    assert f"2 members of weight 0 are left out. Alone they have {scores[0]:.2f} to" in text
    members = text.partition("Members on validation")[2].partition("Disagreement")[0]
    assert "cnn7 1.000" in members
    assert "cnn4" not in members
    for member in data["members"]:
        member["weight"] = 0
    path.write_text(json.dumps(data))
    assert "left out" not in reports.ensemble("three", runs=explained.root).text, "nothing would be left"
    data["members"][0]["weight"], data["members"][1]["weight"] = 0.5, 0.5
    path.write_text(json.dumps(data))
    text = reports.ensemble("three", runs=explained.root).text
    assert "left out" not in text  # one line is no shorter than its row
    assert "mlp      0.000" in text


@pytest.mark.usefixtures("undrawn")
def test_all_pairs_of_many_members_are_only_drawn(explained: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Disagreement" in reports.ensemble("three", runs=explained.root).text
    monkeypatch.setattr(ensemble_page, "MOST_COMPARED", 2)
    report = reports.ensemble("three", runs=explained.root)
    assert "Disagreement" not in report.text
    assert "disagreement.png" in report.page.read_text()


@pytest.mark.usefixtures("undrawn")
def test_sealed_test_labels_leave_validation(explained: RunStore) -> None:
    path = explanation(explained)
    path.write_text(json.dumps({**json.loads(path.read_text()), "test": None}))
    report = reports.ensemble("three", runs=explained.root)
    assert "Members on validation" in report.text
    assert "Members on test" not in report.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has not been explained: run `python -m ensembles explain three --runs RUNS` first"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ('{"schema_version": 1}', "is damaged: no key calibration: run `"),
        (
            '{"schema_version": 99}',
            "has schema 99, this toolkit reads 1: run `python -m ensembles explain three --runs RUNS`",
        ),
    ],
)
def test_what_is_missing_or_damaged(explained: RunStore, content: str | None, message: str) -> None:
    path = explanation(explained)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(UserError, match=re.escape(message.replace("RUNS", str(explained.root)))):
        reports.ensemble("three", runs=explained.root)
    assert not (explained.root / DATASET / "reports").exists()


def test_the_page_on_an_ensemble_as_a_model_names_its_members(
    explained: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_page, "FIGURES", dict.fromkeys(model_page.FIGURES, lambda _: b"a picture"))
    text = " ".join(reports.model("three", runs=explained.root).text.split())
    assert "An ensemble of cnn4-" in text
    where = f"three --runs {explained.root}` shows what each contributes"
    assert f"`python -m reports ensemble {where}" in text
    explanation(explained).unlink()
    text = " ".join(reports.model("three", runs=explained.root).text.split())
    assert f"`python -m ensembles explain {where}" in text


def test_an_ensemble_without_validation_cannot_be_explained(explained: RunStore) -> None:
    store_run(explained, config("testonly"), [predictions("test", 30)])
    ensembles.build("testonly,mlp", runs=explained.root, name="blind")
    for call in (reports.ensemble, ensembles.explain):
        with pytest.raises(UserError, match=r"blind cannot be explained: .* has no validation predictions to judge it"):
            call("blind", runs=explained.root)


def test_a_model_is_no_ensemble(store: RunStore) -> None:
    with pytest.raises(UserError, match="cnn4 is not an ensemble: see `python -m reports model cnn4 --runs "):
        reports.ensemble("cnn4", runs=store.root)


def test_a_gain_on_a_single_sample_has_no_interval(explained: RunStore) -> None:
    path = explanation(explained)
    data = json.loads(path.read_text())
    for member in data["validation"]["members"]:
        member["gain_accuracy"] = {"value": 0.0125, "low": None, "high": None}
    path.write_text(json.dumps(data))
    text = str(reports.ensemble("three", runs=explained.root))
    assert "+1.25" in text
    assert "nan" not in text
