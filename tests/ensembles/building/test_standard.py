"""What `run --all` ends with."""

from pathlib import Path

from stored_runs import DATASET, config, predictions, store_model, store_run

from benchmark.store.run_store import RunStore
from ensembles.building.standard import build_standard, standard


def test_what_there_is_to_combine(store: RunStore) -> None:
    found = {asked.name: asked for asked in standard(store.runs(DATASET))}
    assert set(found) == {"average-all", "greedy-all"}
    assert [name.partition("@")[0] for name in found["average-all"].members] == ["blind", "cnn4", "cnn7", "mlp"]
    assert found["greedy-all"].members == found["average-all"].members
    assert found["greedy-all"].method == "greedy"


def test_one_model_is_no_ensemble(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store_model(store, "mlp", 20, 18)
    assert standard([run]) == standard([]) == []


def test_the_courseworks_own(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    done = [store_model(store, name, 20 + place, 18) for place, name in enumerate(("resnet", "bayes", "vgg"))]
    done += [store_model(store, "cnn7", 22 + seed, 19, seed=seed) for seed in range(4)]
    built = {run.config.model: run for run in build_standard(done, store.root, DATASET)}
    assert set(built) == {"average-all", "greedy-all", "resnet+bayes+vgg", "cnn7x4"}
    trio = [name.partition("-")[0] for name in built["resnet+bayes+vgg"].config.members]
    assert trio == ["resnet", "bayes", "vgg"]
    assert built["resnet+bayes+vgg"].record.parameters == 3000
    assert len(built["cnn7x4"].config.members) == 4
    assert {run.path for run in build_standard(done, store.root, DATASET)} == {run.path for run in built.values()}
    assert {asked.name for asked in standard(done[1:5])} == {"average-all", "greedy-all", "cnn7x2"}


def test_a_plain_network_goes_before_its_views(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    done = [store_run(store, config("cnn4", tta="flip"), [predictions("validation", 30)])]
    done += [store_model(store, "cnn4", 20, 18), store_model(store, "mlp", 19, 18)]
    done += [store_run(store, config("jan", folds=3), [predictions("validation", 30)])]
    names = [name.partition("@")[0] for name in standard(done)[0].members]
    assert names == ["cnn4", "mlp", "jan:3-folds"]


def test_other_configurations_and_refits_are_left_out(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    done = [store_model(store, "cnn7", 20 + seed, 18, seed=seed) for seed in range(2)]
    view = config("cnn7", hyperparameters={"view": "flip"})
    done += [store_run(store, view, [predictions("validation", 30)], seed=seed) for seed in range(2)]
    assert [(asked.name, asked.members) for asked in standard(done)] == [
        ("cnn7x2", (done[0].name, done[1].name)),
    ]
    done += [store_run(store, config("mlp"), [predictions("test", 30)])]
    assert {asked.name for asked in standard(done)} == {"cnn7x2"}


def test_a_copy_is_no_second_member(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    bayes, mlp = store_model(store, "bayes", 20, 18), store_model(store, "mlp", 19, 18)
    copied = store.copy(bayes, config("bayes-tuned"))
    assert [name.partition("@")[0] for name in standard([bayes, mlp, copied])[0].members] == ["bayes", "mlp"]
    assert [name.partition("@")[0] for name in standard([mlp, copied])[0].members] == ["mlp", "bayes-tuned"]
