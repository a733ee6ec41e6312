"""Members are found by name and aligned by sample id; whatever does not fit is named."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, IMAGES, config, ids, predictions, store_model, store_run, true_labels

from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.members import Member, Members, find_members, lacking, load_members, member_names
from zoo.errors import UserError


def test_names_are_split_and_stripped() -> None:
    assert member_names("a, b,c") == ["a", "b", "c"]
    assert member_names(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "at least two members"),
        ("", "name is empty"),
        ("mlp,", "name is empty"),
        ("mlp,cnn4,mlp", "mlp is given twice"),
    ],
)
def test_names_that_are_no_ensemble(members: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        member_names(members)


def test_one_member_is_no_ensemble(store: RunStore) -> None:
    with pytest.raises(UserError, match="at least two members, got cnn4"):
        find_members(store.snapshot(DATASET), "cnn4")


def test_a_model_stands_for_all_its_seeds(store: RunStore) -> None:
    mlp, cnn4 = find_members(store.snapshot(DATASET), "mlp,cnn4")
    assert [len(mlp.runs), len(cnn4.runs)] == [1, 3]


def test_a_run_cannot_be_in_two_members(store: RunStore) -> None:
    with pytest.raises(UserError, match=r"cnn4 and cnn4/seed-1 share cnn4-.*/seed-1"):
        find_members(store.snapshot(DATASET), "cnn4,cnn4/seed-1")
    with pytest.raises(UserError, match="share"):
        find_members(store.snapshot(DATASET), f"cnn4,cnn4@{config('cnn4').hash}")


def test_unknown_member_suggests(store: RunStore) -> None:
    with pytest.raises(UserError, match="did you mean cnn4"):
        find_members(store.snapshot(DATASET), "mlp,cmn4")


def test_seeds_are_averaged_first(store: RunStore) -> None:
    members = load_members(find_members(store.snapshot(DATASET), "mlp,cnn4"), "validation")
    seeds = [run.predictions("validation") for run in store.resolve(DATASET, "cnn4")]
    mean = np.mean([seed.probabilities.astype(np.float64) for seed in seeds if seed is not None], axis=0)
    assert members.probabilities.shape == (2, IMAGES, len(CLASS_NAMES))
    assert members.probabilities.dtype == np.float64
    np.testing.assert_array_equal(members.probabilities[1], mean)


def test_another_order_is_brought_into_the_first_members(store: RunStore) -> None:
    straight = predictions("validation", 25, seed=5)
    order = np.random.default_rng(0).permutation(IMAGES)
    assert straight.labels is not None
    shuffled = replace(
        straight,
        sample_ids=straight.sample_ids[order],
        probabilities=straight.probabilities[order],
        labels=straight.labels[order],
    )
    store_run(store, config("shuffled"), [shuffled])
    members = load_members(find_members(store.snapshot(DATASET), "mlp,shuffled"), "validation")
    np.testing.assert_array_equal(members.sample_ids, ids("validation"))
    np.testing.assert_array_equal(members.probabilities[1], straight.probabilities)
    np.testing.assert_array_equal(members.labels, straight.labels)

    reverse = load_members(find_members(store.snapshot(DATASET), "shuffled,mlp"), "validation")
    np.testing.assert_array_equal(reverse.sample_ids, shuffled.sample_ids)
    np.testing.assert_array_equal(reverse.labels, shuffled.labels)


def changed(**changes: Any) -> Predictions:
    return replace(predictions("validation", 25), **changes)


def with_a_stranger() -> Predictions:
    return changed(sample_ids=np.array([*ids("validation")[:-1], "stranger"]))


def with_another_label() -> Predictions:
    labels = predictions("validation", 25).labels
    assert labels is not None
    return changed(labels=(labels + (np.arange(IMAGES) == 4)) % 3)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            changed(class_names=("cherry", "banana", "apple")),
            "has the classes cherry, banana, apple, .* has apple, banana, cherry",
        ),
        (predictions("validation", 25, class_names=("apple", "cherry")), "has the classes apple, cherry"),
        (with_a_stranger(), "lacks 1 validation samples .* such as validation-00039"),
        (with_another_label(), "other labels .* 1 validation samples, such as validation-00004"),
    ],
)
def test_a_mismatch_names_member_and_difference(store: RunStore, other: Predictions, message: str) -> None:
    run = store_run(store, config("odd"), [other])
    with pytest.raises(UserError, match=message) as caught:
        load_members(find_members(store.snapshot(DATASET), "mlp,odd"), "validation")
    assert run.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("count", "verb"), [(IMAGES - 1, "lacks 1"), (IMAGES + 2, "has 2")])
def test_all_of_test_is_needed(store: RunStore, count: int, verb: str) -> None:
    run = store_run(store, config("odd"), [predictions("test", 25, count=count)])
    with pytest.raises(UserError, match=f"{verb} test samples") as caught:
        load_members(find_members(store.snapshot(DATASET), "mlp,odd"), "test")
    assert run.name in str(caught.value)


@pytest.mark.parametrize("count", [IMAGES - 2, IMAGES + 2])
def test_validation_is_the_same_but_for_folds(store: RunStore, count: int) -> None:
    larger = predictions("validation", 25, count=IMAGES + 2)
    part = {name: getattr(larger, name)[:count] for name in ("sample_ids", "probabilities", "labels")}
    odd = store_run(store, config("odd"), [replace(larger, **part)])
    for names in ("mlp,odd", "odd,mlp"):
        with pytest.raises(UserError, match=r"(lacks|has) 2 validation samples that .* such as") as caught:
            load_members(find_members(store.snapshot(DATASET), names), "validation")
        assert odd.name in str(caught.value)


def test_every_other_is_named_by_its_title(store: RunStore) -> None:
    store_run(store, config("mlp", tta="flip"), [predictions("validation", 20)])
    store_run(store, config("mlp", tta="flip", split="other"), [predictions("validation", 20)])
    names = [member.name for member in find_members(store.snapshot(DATASET), "cnn4,all")]
    special = [config("mlp", tta="flip", **more).hash for more in ({}, {"split": "other"})]
    assert {"mlp", *(f"mlp:flip@{digest}" for digest in special)} < set(names)


@pytest.mark.parametrize("prefix", ["", "validation/"])
def test_more_in_validation_is_left_out(store: RunStore, prefix: str) -> None:
    larger = predictions("validation", 25, count=IMAGES + 2)
    sample_ids = np.array([*(f"{prefix}{name}" for name in ids("validation")), "train/1", "train/2"])
    labels = np.array([*true_labels("validation"), 0, 1])
    store_run(store, config("folded", folds=2), [replace(larger, sample_ids=sample_ids, labels=labels)])
    for names in ("mlp,folded:2-folds", "folded:2-folds,mlp"):
        members = load_members(find_members(store.snapshot(DATASET), names), "validation")
        np.testing.assert_array_equal(members.sample_ids, ids("validation"))
        np.testing.assert_array_equal(members.labels, true_labels("validation"))


def test_ids_that_begin_like_their_split_are_as_they_are(store: RunStore) -> None:
    """Those of a folder whose classes have pictures of the same names in train and validation."""
    larger = predictions("validation", 25, count=IMAGES + 2)
    sample_ids = np.array([*(f"validation/{name}" for name in ids("validation")), "train/1", "train/2"])
    labels = np.array([*true_labels("validation"), 0, 1])
    ordinary = replace(predictions("validation", 25), sample_ids=sample_ids[:IMAGES])
    store_run(store, config("ordinary"), [ordinary])
    store_run(store, config("folded", folds=2), [replace(larger, sample_ids=sample_ids, labels=labels)])
    members = load_members(find_members(store.snapshot(DATASET), "ordinary,folded:2-folds"), "validation")
    np.testing.assert_array_equal(members.sample_ids, sample_ids[:IMAGES])
    np.testing.assert_array_equal(members.probabilities[1], larger.probabilities[:IMAGES])


def test_best_is_the_best_on_validation(store: RunStore) -> None:
    store_model(store, "learnt", IMAGES, 0)
    store_model(store, "lucky", 0, IMAGES)
    first, _ = find_members(store.snapshot(DATASET), "best,mlp")
    assert first.name == "learnt"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(np.nan, "probabilities of 1 samples are not finite"), (-0.2, "must not be negative"), (0.9, "must sum to 1")],
)
def test_a_stored_file_that_is_no_distribution_is_named(store: RunStore, wrong: float, message: str) -> None:
    # Stored like that, checksum and all, as an old version or another program might have.
    found = predictions("validation", 25)
    found.probabilities[3, 0] = wrong
    run = store_run(store, config("odd"), [found])
    with pytest.raises(UserError, match=message) as caught:
        load_members(find_members(store.snapshot(DATASET), "mlp,odd"), "validation")
    assert run.name in str(caught.value)


def test_members_refuse_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match="member b: probabilities are not finite"):
        Members("test", ("a", "b"), np.array(["x"]), ("p", "q"), np.array([[[1, 0]], [[np.nan, 0]]]), None)


@pytest.mark.parametrize("change", [{"fingerprint": "ffffffff"}, {"split": "70/30 seed 0"}])
def test_a_member_of_another_dataset_is_refused(store: RunStore, change: dict[str, Any]) -> None:
    first = find_members(store.snapshot(DATASET), "mlp,cnn4")[0]
    stranger = store_run(store, config("stranger", **change), [predictions("validation", 25)])
    with pytest.raises(UserError, match=r"stranger-.* is from another dataset than mlp-"):
        load_members([first, Member("stranger", (stranger,))], "validation")


def test_labels_may_be_sealed_in_some(store: RunStore) -> None:
    store_run(store, config("sealed"), [predictions("validation", 25), predictions("test", 25, sealed=True)])
    for names in ("sealed,mlp", "mlp,sealed"):
        members = load_members(find_members(store.snapshot(DATASET), names), "test")
        np.testing.assert_array_equal(members.labels, predictions("test", 0).labels)


def test_labels_may_be_sealed_in_all(store: RunStore) -> None:
    for model in ("a", "b"):
        store_run(store, config(model), [predictions("validation", 25), predictions("test", 25, sealed=True)])
    assert load_members(find_members(store.snapshot(DATASET), "a,b"), "test").labels is None


def test_who_lacks_a_split(store: RunStore) -> None:
    members = find_members(store.snapshot(DATASET), "mlp,blind")
    assert lacking(members, "validation") == []
    assert lacking(members, "test") == [members[1].runs[0].name]
    with pytest.raises(UserError, match=r"blind-.* has no test predictions"):
        load_members(members, "test")


def test_members_refuse_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match=r"probabilities must be \(2, 1, 2\)"):
        Members("test", ("a", "b"), np.array(["x"]), ("p", "q"), np.ones((1, 1, 2)), None)
    with pytest.raises(ValueError, match=r"labels must be \(1,\)"):
        Members("test", ("a",), np.array(["x"]), ("p", "q"), np.ones((1, 1, 2)), np.array([0, 1]))


def test_a_store_of_one_model_only(store: RunStore) -> None:
    store_model(store, "other", 10, 10)
    assert {member.name for member in find_members(store.snapshot(DATASET), ["other", "mlp"])} == {"other", "mlp"}
