"""Runs published into another store: what comes along, what is kept, what is refused."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_runs import (
    DATASET,
    TRIALS_TEXT,
    config,
    content_of,
    predictions,
    store_failure,
    store_model,
    store_run,
    store_search,
    store_trained,
)

import benchmark
from benchmark import cli
from benchmark.files.run_layout import partial_directory, replaced_directory
from benchmark.publishing import publishing
from benchmark.publishing.publishing import Published, publish, published_text
from benchmark.records import RunRecord
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from reports.leaderboards.results import run_scores
from zoo.errors import UserError
from zoo.settings import TrainingSettings


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Two seeds, another model that a search found, an ensemble of both with its explanation, a failure and pages."""
    store = RunStore(tmp_path / "runs")
    members = [*(store_trained(store, "cnn4", 30, seed) for seed in (0, 1)), store_trained(store, "mlp-tuned", 25)]
    names = tuple(run.name for run in members)
    ensemble = config("both", kind="ensemble", hyperparameters={"method": "average"}, members=names)
    found = {split: predictions(split, 33) for split in ("validation", "test")}
    run = store.put(RunRecord(ensemble, 0), found, {"ensemble.json": {"method": "average"}})
    store.write_beside(run, "explanation.json", '{"ensemble": "both"}\n')
    store_failure(store, "cnn7", "boom")
    store.write_page(DATASET, "leaderboard.md", "# page\n")
    store_search(store, "mlp-random-00000000")
    store_search(store, "bayes-random-11111111")
    return store


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root / DATASET)) for path in root.rglob("*") if path.is_file()}


def test_what_comes_along_and_what_stays(store: RunStore, tmp_path: Path) -> None:
    done = publish(tmp_path / "results", runs=store.root)
    of_model = ["record.json", "validation.npz", "test.npz", "history.csv"]
    expected = {f"{run.name}/{name}" for run in store.runs(DATASET) if run.model for name in of_model}
    both = f"both-{next(run.config.hash for run in store.runs(DATASET) if run.config.model == 'both')}"
    expected |= {f"{both}/explanation.json", *(f"{both}/seed-0/{name}" for name in (*of_model[:3], "ensemble.json"))}
    expected |= {f"{run.path.parent.name}/config.json" for run in store.runs(DATASET)}
    expected |= {
        f"searches/{name}/{file}"
        for name in ("mlp-random-00000000", "bayes-random-11111111")
        for file in ("search.json", "trials.csv")
    }
    assert files(tmp_path / "results") == expected
    assert len(done.written) == 6
    assert (done.kept, done.left_out) == ((), ())
    assert done.size == sum(map(len, content_of(tmp_path / "results").values()))
    (checked,) = check(tmp_path / "results")
    assert (checked.whole, checked.damaged) == (4, 0)
    assert all(run.record.published for run in RunStore(tmp_path / "results").runs(DATASET))


def test_scores_stay_what_they_were(store: RunStore, tmp_path: Path) -> None:
    publish(tmp_path / "results", runs=store.root)
    before, after = (
        run_scores(root).query("status == 'ok'").reset_index(drop=True) for root in (store.root, tmp_path / "results")
    )
    exact = ["run", "seed", "split", "images", "accuracy", "macro_f1"]
    assert before[exact].equals(after[exact])
    assert (before["log_loss"] - after["log_loss"]).abs().max() < 1e-3
    sealed = before.query("split == 'test' and model != 'both'")
    assert sealed["accuracy"].isna().all(), "some are sealed"


def test_the_same_again_changes_nothing(store: RunStore, tmp_path: Path) -> None:
    first = publish(tmp_path / "results", runs=store.root)
    before = content_of(tmp_path / "results")
    again = publish(tmp_path / "results", runs=store.root)
    assert (again.written, set(again.kept)) == ((), set(first.written))
    assert content_of(tmp_path / "results") == before
    assert again.size == first.size


def test_with_an_ensemble_come_its_members_and_with_a_winner_its_search(store: RunStore, tmp_path: Path) -> None:
    publish(tmp_path / "a", "both", runs=store.root)
    assert {run.config.model for run in RunStore(tmp_path / "a").runs(DATASET)} == {"both", "cnn4", "mlp-tuned"}
    assert [path.name for path in RunStore(tmp_path / "a").searches(DATASET)] == ["mlp-random-00000000"]
    publish(tmp_path / "b", ["cnn4"], runs=store.root)
    assert [run.config.model for run in RunStore(tmp_path / "b").runs(DATASET)] == ["cnn4", "cnn4"]
    assert not RunStore(tmp_path / "b").searches(DATASET)


def test_with_a_taught_network_comes_its_teacher(store: RunStore, tmp_path: Path) -> None:
    (teacher,) = store.resolve(DATASET, "both")
    store_run(store, config("jan", teacher=teacher.name), [predictions("validation", 9)])
    publish(tmp_path / "a", "jan:taught", runs=store.root)
    assert {run.config.model for run in RunStore(tmp_path / "a").runs(DATASET)} == {"jan", "both", "cnn4", "mlp-tuned"}


def test_with_a_later_cycle_come_those_before(store: RunStore, tmp_path: Path) -> None:
    for cycle in (1, 2, 3):
        store_run(store, config("jan", cycle=cycle), [predictions("validation", 9)])
    store_run(store, config("jan", cycle=3, tta="flip"), [predictions("validation", 9)])
    for name in ("jan:cycle-3", "jan:cycle-3:flip"):
        publish(tmp_path / name, name, runs=store.root)
        found = {run.config.title for run in RunStore(tmp_path / name).runs(DATASET)}
        assert found == {"jan", "jan:cycle-2", name}


def test_stores_from_elsewhere_and_published_ones_are_merged(store: RunStore, tmp_path: Path) -> None:
    away = tmp_path / "fetched" / "from" / "a" / "machine"
    shutil.copytree(store.root, away)
    other = RunStore(tmp_path / "other")
    store_model(other, "sepres", 12, 13)
    publish(tmp_path / "one", runs=away)
    publish(tmp_path / "two", runs=other.root)
    for part in ("one", "two", "one"):
        publish(tmp_path / "results", runs=tmp_path / part)
    publish(tmp_path / "straight", runs=store.root)
    publish(tmp_path / "straight", runs=other.root)
    assert content_of(tmp_path / "results") == content_of(tmp_path / "straight")
    (checked,) = check(tmp_path / "results")
    assert (checked.whole, checked.damaged) == (5, 0)


def test_another_run_of_the_same_configuration(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    publish(results, "cnn4", runs=store.root)
    before = content_of(results)
    newer = RunStore(tmp_path / "newer")
    again, fresh = store_trained(newer, "cnn4", 35), store_trained(newer, "cnn7", 20)
    command = ["publish", "--runs", str(newer.root), "--to", str(results)]
    assert cli.main(command) == 1
    said = capsys.readouterr().out
    assert "1 published, 0 there already" in said
    assert f"left out: {again.name}: it is published already with another content;" in said
    assert max(map(len, said.splitlines()[1:])) <= 80
    assert before.items() <= content_of(results).items(), "what was published is as it was"
    assert RunStore(results).find(fresh.config, 0)
    assert cli.main([*command, "--replace"]) == 0
    assert "1 published, 1 there already" in capsys.readouterr().out
    runs = {run.name: run for run in RunStore(results).runs(DATASET)}
    assert runs[again.name].predictions("test").probabilities[:, 0] == pytest.approx(  # type: ignore[union-attr]
        again.predictions("test").probabilities[:, 0], rel=1e-3  # type: ignore[union-attr]
    )  # fmt: skip
    assert len(runs) == 3, "the other seed stays"
    assert not check(results)[0].damaged


def test_what_was_trained_there_is_never_replaced(store: RunStore, tmp_path: Path) -> None:
    newer = RunStore(tmp_path / "newer")
    ours, _ = store_trained(store, "cnn7", 20), store_trained(newer, "cnn7", 25)
    before = content_of(store.root)
    done = publish(store.root, "cnn7", runs=newer.root, replace=True)
    assert done.left_out == (
        f"{ours.name}: {store.root} has this run itself, with its log and perhaps its model: publish to another "
        f"directory, or remove {ours.path} first",
    )
    assert content_of(store.root) == before


def test_a_damaged_run_is_left_out_and_named(store: RunStore, tmp_path: Path) -> None:
    broken, unread = store.resolve(DATASET, "cnn4")
    (broken.path / "test.npz").write_bytes(b"torn")
    (unread.path / "record.json").write_text("{")
    done = publish(tmp_path / "results", runs=store.root)
    assert {run.config.model for run in RunStore(tmp_path / "results").runs(DATASET)} == {"both", "mlp-tuned"}
    assert len(done.left_out) == 2
    assert all(any(run.path.name in said and "damaged" in said for said in done.left_out) for run in (broken, unread))


def test_a_member_that_is_damaged_or_gone_is_named(store: RunStore, tmp_path: Path) -> None:
    (member,) = store.resolve(DATASET, "mlp-tuned")
    (member.path / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"mlp-tuned has no whole run in .*: the run in .* is damaged"):
        store.resolve(DATASET, "mlp-tuned")
    done = publish(tmp_path / "damaged", "both", runs=store.root)
    (both,) = (run.name for run in store.runs(DATASET) if run.config.model == "both")
    missing = f"{member.name}, which {both} needs, is damaged or not stored any more"
    assert done.left_out == (missing,)
    shutil.rmtree(member.path.parent)
    assert publish(tmp_path / "gone", "both", runs=store.root).left_out == (missing,)
    # What was published without it is not blamed for that.
    assert publish(tmp_path / "again", "both", runs=tmp_path / "gone").left_out == ()


def test_a_damaged_published_run_can_be_replaced(store: RunStore, tmp_path: Path) -> None:
    publish(tmp_path / "results", "mlp-tuned", runs=store.root)
    (there,) = RunStore(tmp_path / "results").resolve(DATASET, "mlp-tuned")
    with (there.path / "validation.npz").open("ab") as file:
        file.write(b"x")
    (reason,) = publish(tmp_path / "results", "mlp-tuned", runs=store.root).left_out
    assert reason.endswith("checksum is not that in the run's record; --replace puts this one in its place")
    assert not publish(tmp_path / "results", "mlp-tuned", runs=store.root, replace=True).left_out
    assert [one.damaged for one in check(tmp_path / "results")] == [0]
    (there.path / "record.json").write_text("{}")
    (reason,) = publish(tmp_path / "results", "mlp-tuned", runs=store.root).left_out
    assert reason.endswith(f": remove {there.path} and publish again")


def test_a_damaged_explanation_says_how_to_make_another(store: RunStore, tmp_path: Path) -> None:
    (run,) = (run for run in store.runs(DATASET) if run.config.model == "both")
    (run.path.parent / "explanation.json").write_bytes(b"\xff")
    (reason,) = publish(tmp_path / "results", "both", runs=store.root).left_out
    assert reason.endswith(f"or make it again with `python -m ensembles explain both --runs {store.root}`")


def test_a_later_cycle_needs_no_views_of_the_one_before(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    first = config("net", training=TrainingSettings())
    for one in (first, replace(first, cycle=2), replace(first, cycle=2, tta="flip")):
        store_run(store, one, [predictions("validation", 30)])
    done = publish(tmp_path / "results", "net:cycle-2:flip", runs=store.root)
    assert (len(done.written), done.left_out) == (2, ())


def test_a_damaged_published_explanation_can_be_replaced(store: RunStore, tmp_path: Path) -> None:
    publish(tmp_path / "results", "both", runs=store.root)
    (both,) = RunStore(tmp_path / "results").resolve(DATASET, "both")
    (both.path.parent / "explanation.json").write_bytes(b"\xff")
    (reason,) = publish(tmp_path / "results", "both", runs=store.root).left_out
    assert "explanation is published already with another content; --replace" in reason
    assert not publish(tmp_path / "results", "both", runs=store.root, replace=True).left_out
    assert (both.path.parent / "explanation.json").read_text() == '{"ensemble": "both"}\n'


def test_another_run_than_the_damaged_one_is_unknown(store: RunStore) -> None:
    (member,) = store.resolve(DATASET, "mlp-tuned")
    (member.path / "record.json").write_text("{}")
    for name in ("mlp-tuned@deadbeef", "mlp-tuned:cycle-2", f"{member.path.parent.name}/seed-7"):
        with pytest.raises(UserError, match="unknown run in"):
            store.resolve(DATASET, name)
    for name in (f"mlp-tuned@{member.config.hash[:4]}", member.name, member.path.parent.name):
        with pytest.raises(UserError, match="is damaged"):
            store.resolve(DATASET, name)


def test_too_large_is_refused_before_anything_is_written(store: RunStore, tmp_path: Path) -> None:
    results = tmp_path / "results"
    size = publish(tmp_path / "measured", runs=store.root).size
    with pytest.raises(UserError, match=r"results would take 0.0\d MB, more than 0.001: name fewer runs"):
        publish(results, runs=store.root, max_megabytes=0.001)
    assert not results.exists()
    publish(results, "cnn4", runs=store.root)
    # What is there counts; a configuration is counted with each of its seeds, a kilobyte too much for the second.
    with pytest.raises(UserError, match="would take"):
        publish(results, runs=store.root, max_megabytes=(size - 100) / 1e6)
    assert len(RunStore(results).runs(DATASET)) == 2
    assert publish(results, runs=store.root, max_megabytes=(size + 100) / 1e6).size == size
    assert publish(results, runs=store.root, max_megabytes=0).written == (), "nothing is added"


def test_a_search_that_went_on(store: RunStore, tmp_path: Path) -> None:
    results, name = tmp_path / "results", "mlp-random-00000000"
    publish(results, runs=store.root)
    published = RunStore(results).searches(DATASET)[-1] / "trials.csv"
    shorter = published.read_text()
    store_search(store, name, TRIALS_TEXT + "3,ok,0.125,\n4,ok,0.5")
    assert publish(results, runs=store.root).written == (name,)
    longer = published.read_text()
    assert longer == shorter + "3,ok,0.125,\n", "a torn last line is no trial"
    store_search(store, name)
    assert publish(results, runs=store.root).written == (), "fewer trials do not take the place of more"
    store_search(store, name, TRIALS_TEXT.replace("0.5", "0.75"))
    assert "published already with other trials" in publish(results, runs=store.root).left_out[0]
    assert published.read_text() == longer
    assert publish(results, runs=store.root, replace=True).left_out == ()
    assert published.read_text() == shorter.replace("0.5", "0.75")


def test_what_will_not_do_is_one_line(store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    for arguments, said in [
        (["cnn5"], "did you mean cnn4"),
        (["cnn4,,mlp-tuned"], "unknown run"),
        (["--data", "fer2013"], "unknown dataset"),
        (["--to", str(store.root)], "name another directory to publish them to"),
        (["--to", str(store.root / DATASET / "leaderboard.md")], "cannot write"),
    ]:
        target = [] if "--to" in arguments else ["--to", str(results)]
        assert cli.main(["publish", "--runs", str(store.root), *target, *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not results.exists()


def test_a_run_that_is_being_made_there(store: RunStore, tmp_path: Path) -> None:
    claim = RunStore(tmp_path / "results").claim(config("cnn4"), 0)
    assert claim is not None
    with claim, pytest.raises(UserError, match=r"another process is making cnn4 in .*results: try again later"):
        publish(tmp_path / "results", "cnn4", runs=store.root)


def test_a_run_that_is_stored_there_meanwhile_stays(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = RunStore(tmp_path / "results")

    def stored_first(*arguments: Any) -> None:
        store_trained(results, "cnn7", 25)
        usual(*arguments)

    usual = publishing._check_size
    monkeypatch.setattr(publishing, "_check_size", stored_first)
    store_trained(store, "cnn7", 20)
    with pytest.raises(UserError, match=r"cnn7 was stored in .*results meanwhile: give the same command again"):
        publish(results.root, "cnn7", runs=store.root)
    (kept,) = results.runs(DATASET)
    assert not kept.record.published


def test_what_a_kill_left_there_takes_no_room(store: RunStore, tmp_path: Path) -> None:
    size = publish(tmp_path / "measured", "mlp-tuned", runs=store.root).size
    results = RunStore(tmp_path / "results")
    (tuned,) = store.resolve(DATASET, "mlp-tuned")
    left = partial_directory(results.root, tuned.config, 0)
    left.mkdir(parents=True)
    (left / "test.npz").write_bytes(bytes(size))
    assert publish(results.root, "mlp-tuned", runs=store.root, max_megabytes=(size + 100) / 1e6).size == size
    # Nor what a replacement left that was killed between its two renames.
    (there,) = results.resolve(DATASET, "mlp-tuned")
    there.path.rename(replaced_directory(there.path))
    assert publish(results.root, "mlp-tuned", runs=store.root, max_megabytes=(size + 100) / 1e6).size == size


def test_an_explanation_follows_its_ensemble(store: RunStore, tmp_path: Path) -> None:
    (both,) = store.resolve(DATASET, "both")
    explanation = both.path.with_name("explanation.json")
    text = explanation.read_text()
    explanation.unlink()
    publish(tmp_path / "results", "both", runs=store.root)
    store.write_beside(both, "explanation.json", text)
    assert publish(tmp_path / "results", "both", runs=store.root).written == (both.name,)
    (there,) = RunStore(tmp_path / "results").resolve(DATASET, "both")
    assert there.path.with_name("explanation.json").read_text() == text


def test_another_explanation_takes_its_place_only_where_that_is_asked_for(store: RunStore, tmp_path: Path) -> None:
    (both,) = store.resolve(DATASET, "both")
    publish(tmp_path / "results", "both", runs=store.root)
    before = content_of(tmp_path / "results")
    store.write_beside(both, "explanation.json", '{"ensemble": "both", "within": 0.5}\n')
    refused = publish(tmp_path / "results", "both", runs=store.root)
    assert refused.written == ()
    assert refused.left_out == (
        f"{both.name}: its explanation is published already with another content; --replace puts this one in its place",
    )
    assert content_of(tmp_path / "results") == before
    replaced = publish(tmp_path / "results", "both", runs=store.root, replace=True)
    assert (replaced.written, replaced.left_out) == ((both.name,), ())
    (there,) = RunStore(tmp_path / "results").resolve(DATASET, "both")
    assert there.path.with_name("explanation.json").read_text() == '{"ensemble": "both", "within": 0.5}\n'
    assert replaced.size == sum(map(len, content_of(tmp_path / "results").values()))


def test_from_python(store: RunStore, tmp_path: Path) -> None:
    done = benchmark.publish(tmp_path / "results", "cnn4", runs=store.root, data="faces")
    assert isinstance(done, Published)
    assert published_text(replace(done, path=Path("results/x"))).startswith("results/x:\n  2 published, 0 there")
