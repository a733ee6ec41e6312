"""Several sources as one dataset: counted by hand, every image traced back to where it came from."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data import ReadOptions, inspect, load, report_text, source_of_sample
from benchmark.data.cache import cache_key
from benchmark.data.loading import load_with_layout
from benchmark.data.merging import LONGEST_NAME, Origin, facts, own_ids
from benchmark.data.readers.source import Layout
from benchmark.dataset import Dataset
from benchmark.matching.class_names import FER_CLASSES
from zoo.errors import UserError

EDGE = 4


def image(number: int, edge: int = EDGE, channels: int = 1) -> np.ndarray:
    """An image that no other number has, so that it can be told after a merge."""
    return np.random.default_rng(number).integers(0, 256, (edge, edge, channels)).astype(np.uint8)


def fer(directory: Path, usages: tuple[str, ...] = ("Training", "PublicTest", "PrivateTest"), each: int = 2) -> Path:
    """A CSV file of all seven classes, `each` images of each in each split; numbers from 0."""
    path, number = directory / "fer.csv", 0
    rows = ["emotion,pixels,Usage"]
    for usage in usages:
        for label in range(7):
            for _ in range(each):
                rows.append(f"{label},{' '.join(map(str, image(number).ravel()))},{usage}")
                number += 1
    path.write_text("\n".join(rows))
    return path


def folder(root: Path, counts: dict[str, int], first: int = 1000, edge: int = EDGE, channels: int = 1) -> Path:
    """Folders of classes with so many PNGs each; numbers from `first`."""
    number = first
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for _ in range(count):
            pixels = image(number, edge, channels)
            Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(root / name / f"s{number}.png")
            number += 1
    return root


def counts(dataset: Dataset, split: str) -> dict[tuple[str, str], int]:
    """Images by source and class."""
    (found,) = [one for one in dataset.splits if one.name == split]
    sources = [source_of_sample(dataset.name, name) for name in found.sample_ids.tolist()]
    return dict(Counter(zip(sources, [dataset.class_names[label] for label in found.labels], strict=True)))


def test_classes_meet_by_name_and_ids_tell_the_source(tmp_path: Path) -> None:
    csv = fer(tmp_path)
    ck = folder(tmp_path / "ckplus", {"Anger": 10, "happiness": 10, "SURPRISED": 10, "Afraid": 10})
    for _ in ("read", "cached"):
        dataset = load([csv, ck], cache=tmp_path / "cache")
        assert (dataset.name, dataset.split) == ("fer+ckplus", "fer given, ckplus 80/10/10 seed 0")
        assert dataset.class_names == FER_CLASSES
        merged = ("angry", "fear", "happy", "surprise")
        for split, expected in (("train", 8), ("validation", 1), ("test", 1)):
            own = {("fer", name): 2 for name in dataset.class_names}
            assert counts(dataset, split) == {**own, **{("ckplus", name): expected for name in merged}}
    assert len(list((tmp_path / "cache").iterdir())) == 1
    # The file's name tells the picture, and its folder the class: nothing was swapped on the way.
    alone = load(ck, cache=None)
    spelled = {"angry": "Anger", "happy": "happiness", "surprise": "SURPRISED", "fear": "Afraid"}
    seen = 0
    for split in dataset.splits:
        for pixels, label, name in zip(split.images, split.labels, split.sample_ids.tolist(), strict=True):
            source, _, own = name.partition("/")
            number = int(own.removeprefix("s")) if source == "ckplus" else int(own.partition("-")[2])
            np.testing.assert_array_equal(pixels, image(number))
            if source == "ckplus":
                assert (ck / spelled[dataset.class_names[label]] / f"{own}.png").exists()
                seen += 1
    assert seen == 40 == sum(map(len, alone.splits))


def test_a_single_source_is_what_it_was_before_there_were_several(tmp_path: Path) -> None:
    """Names and fingerprints of stored runs hold: values of the first release. Cache entries are those of format 4."""
    rows = ["emotion,pixels", *[f"{n % 2},{n} 1 2 3" for n in range(40)]]
    (tmp_path / "pin.csv").write_text("\n".join(rows))
    for source in (tmp_path / "pin.csv", [tmp_path / "pin.csv"]):
        dataset = load(source, cache=None)
        assert (dataset.name, dataset.fingerprint, dataset.split) == ("pin", "be7ebe04", "80/10/10 seed 0")
        assert dataset.train.sample_ids[:3].tolist() == ["train-0", "train-3", "train-4"]
    key = "627afc2ed63cfc2bceb308f648ad904204eb996a5d674ff1592b42c7a5c74cd7"
    assert cache_key(("a\t1\t2", "b\t3\t4"), ReadOptions()) == key


def test_a_class_of_some_sources_only_is_kept_and_noted(tmp_path: Path) -> None:
    sources = [fer(tmp_path), folder(tmp_path / "ck", {"contempt": 5, "Fear": 5}), folder(tmp_path / "me", {"FEAR": 3})]
    loaded = load_with_layout(sources, cache_directory=tmp_path / "cache")
    assert loaded.dataset.class_names == (*FER_CLASSES, "contempt")
    assert "only ck has images of contempt" in loaded.notes
    assert any("only fer has images of angry, disgust, happy" in note for note in loaded.notes)
    assert "me says FEAR for fear" not in loaded.notes, "a matter of case is no other name"
    assert load_with_layout(sources, cache_directory=tmp_path / "cache").notes == loaded.notes
    kept = load(sources, ReadOptions(classes=("afraid", "happy")), cache=None)
    assert kept.class_names == ("fear", "happy")
    alone = load(sources[1], ReadOptions(classes=("afraid", "Contempt")), cache=None)
    assert alone.class_names == ("Fear", "contempt"), "of a single source the names are its own"


def test_sources_with_no_common_class_are_another_task(tmp_path: Path) -> None:
    numbers = folder(tmp_path / "numbers", {"0": 4, "1": 4})
    with pytest.raises(UserError, match=r"numbers: has the classes 0, 1, the other sources have angry"):
        load([fer(tmp_path), numbers], cache=None)


def test_two_names_for_one_class_in_a_source_are_refused(tmp_path: Path) -> None:
    twice = folder(tmp_path / "twice", {"happy": 4, "joy": 4, "sad": 4})
    assert load(twice, cache=None).class_names == ("happy", "joy", "sad"), "alone it may tell them apart"
    with pytest.raises(UserError, match="twice: happy and joy are one class where sources are merged"):
        load([fer(tmp_path), twice], cache=None)


def test_other_classes_than_fers_meet_whatever_their_case(tmp_path: Path) -> None:
    sources = [folder(tmp_path / "a", {"Cat": 10, "dog": 10}), folder(tmp_path / "b", {"cat": 10, "DOG": 10}, 2000)]
    dataset = load(sources, cache=None)
    assert dataset.class_names == ("Cat", "dog")
    assert counts(dataset, "train") == {(source, name): 8 for source in "ab" for name in dataset.class_names}


def test_equal_names_become_two_and_the_data_of_one_is_refused(tmp_path: Path) -> None:
    one, two = (
        folder(tmp_path / part / "mine", {"happy": 10, "sad": 10}, first) for part, first in (("x", 0), ("y", 50))
    )
    dataset = load([one, two], cache=None)
    assert dataset.name == "mine+mine-2"
    assert {source_of_sample(dataset.name, name) for name in dataset.train.sample_ids.tolist()} == {"mine", "mine-2"}
    link = tmp_path / "link"
    link.symlink_to(one)
    for again in (one, link, f"{one}/../mine"):
        with pytest.raises(UserError, match="are the same data, or share files; give each source once"):
            load([one, again], cache=None)
    for picture in sorted(one.rglob("*.png")):
        pointing = tmp_path / "links" / picture.relative_to(one)
        pointing.parent.mkdir(parents=True, exist_ok=True)
        pointing.symlink_to(picture)
    with pytest.raises(UserError, match="share files"):
        load([one, tmp_path / "links"], cache=None)
    with pytest.raises(UserError, match="share files"):
        load([fer(tmp_path), tmp_path / "fer.csv"], cache=None)


def test_the_order_of_images_is_that_of_the_sources(tmp_path: Path) -> None:
    csv, ck = fer(tmp_path), folder(tmp_path / "ck", {"fear": 10, "sad": 10})
    one, other = load([csv, ck], cache=None), load([ck, csv], cache=None)
    assert sorted(one.train.sample_ids) == sorted(other.train.sample_ids)
    assert (one.name, other.name) == ("fer+ck", "ck+fer")
    assert other.train.sample_ids[0].startswith("ck/")


@pytest.mark.parametrize(
    ("split", "ck", "described"),
    [
        (None, (16, 2, 2), "80/10/10 seed 0"),
        ("70/30", (14, 6, 0), "70/30 seed 0"),
        ("50/25/25", (10, 5, 5), "50/25/25 seed 0"),
    ],
)
def test_split_is_for_sources_without_splits(
    split: str | None, ck: tuple[int, ...], described: str, tmp_path: Path
) -> None:
    sources = [fer(tmp_path), folder(tmp_path / "ck", {"fear": 10, "sad": 10})]
    loaded = load_with_layout(sources, ReadOptions(split=split), cache_directory=None)
    dataset = loaded.dataset
    assert dataset.split == f"fer given, ck {described}"
    for found, expected in zip(dataset.splits, ck, strict=True):
        owners = Counter(source_of_sample(dataset.name, name) for name in found.sample_ids.tolist())
        assert owners == Counter({"fer": 14, "ck": expected})
    assert ("test has images of fer only" in loaded.notes) == (split == "70/30")


def test_a_source_with_test_only_keeps_it_and_gets_a_validation_split(tmp_path: Path) -> None:
    sources = [fer(tmp_path, ("Training", "PrivateTest"), 8), folder(tmp_path / "ck", {"fear": 10, "sad": 10})]
    dataset = load(sources, ReadOptions(split="60/20/20"), cache=None)
    assert dataset.split == "fer 60/20 seed 0, ck 60/20/20 seed 0"
    assert [len(split) for split in dataset.splits] == [42 + 12, 14 + 4, 56 + 4], "60 : 20 of fer's 56"


def test_few_images_of_a_source_go_to_train(tmp_path: Path) -> None:
    dataset = load([fer(tmp_path), folder(tmp_path / "few", {"disgust": 1})], cache=None)
    assert counts(dataset, "train")["few", "disgust"] == 1
    assert ("few", "disgust") not in counts(dataset, "test")


def test_beside_a_sealed_test_others_give_nothing_to_test(tmp_path: Path) -> None:
    csv = fer(tmp_path)
    lines = csv.read_text().splitlines()
    csv.write_text("\n".join("," + line.split(",", 1)[1] if "PrivateTest" in line else line for line in lines))
    ck = folder(tmp_path / "ck", {"fear": 10, "sad": 10})
    dataset = load([csv, ck], cache=None)
    assert dataset.test.labels is None
    assert dataset.split == "fer given, ck 80/10 seed 0"
    assert own_ids(dataset.name, dataset.test.sample_ids).tolist() == [f"PrivateTest-{n}" for n in range(28, 42)]
    (tmp_path / "open").mkdir()
    with pytest.raises(UserError, match="the test split of fer has no labels, that of fer-2 has"):
        load([csv, fer(tmp_path / "open")], cache=None)


def test_sizes_and_colours_meet_and_it_is_said(tmp_path: Path) -> None:
    sources = [fer(tmp_path), folder(tmp_path / "large", {"fear": 10, "sad": 10}, edge=8, channels=3)]
    loaded = load_with_layout(sources, cache_directory=None)
    assert loaded.dataset.input_shape == (EDGE, EDGE, 3)
    assert "large: images of 8x8 resized to 4x4, the commonest size; --size sets another" in loaded.notes
    assert "grey images of fer made RGB, as others have colour; --channels 1 makes all grey" in loaded.notes
    asked = load_with_layout(sources, ReadOptions(size=6, channels=1), cache_directory=None)
    assert asked.dataset.input_shape == (6, 6, 1)
    assert not [note for note in asked.notes if "resized" in note or "RGB" in note]


def test_bad_pictures_and_useless_sources_are_named(tmp_path: Path) -> None:
    csv, ck = fer(tmp_path), folder(tmp_path / "ck", {"fear": 10, "sad": 10})
    with pytest.raises(UserError, match="ck: no image of angry, happy; leave this source out"):
        load([csv, ck], ReadOptions(classes=("angry", "happy")), cache=None)
    with pytest.raises(UserError, match="unknown class 'hapy': did you mean happy"):
        load([csv, ck], ReadOptions(classes=("hapy", "sad")), cache=None)
    (ck / "sad" / "notes.png").write_text("no picture")
    with pytest.raises(UserError, match=r"notes\.png: not an image"):
        load([csv, ck], cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UserError, match="no data given"):
        load([], cache=None)
    with pytest.raises(UserError, match="several sources have names of their own"):
        load([csv, tmp_path / "ck"], ReadOptions(name="mine"), cache=None)


def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    sources = [fer(tmp_path), folder(tmp_path / "ck", {"fear": 10, "sad": 10})]
    before = load(sources, cache=tmp_path / "cache")
    Image.fromarray(image(1)[..., 0]).save(sources[1] / "fear" / "new.png")
    after = load(sources, cache=tmp_path / "cache")
    assert sum(map(len, after.splits)) == sum(map(len, before.splits)) + 1
    assert before.fingerprint != after.fingerprint


def test_the_doctor_counts_by_source(tmp_path: Path) -> None:
    sources = [fer(tmp_path), folder(tmp_path / "ck", {"fear": 10, "contempt": 10})]
    Image.fromarray(image(3)[..., 0]).save(sources[1] / "fear" / "again.png")
    report = inspect(sources, cache=None)
    assert report.source == f"{sources[0]} + {sources[1]}"
    assert list(report.sources) == ["fer", "ck"]
    assert report.sources["fer"].images == {"train": 14, "validation": 14, "test": 14}
    ck = report.sources["ck"]
    assert ck.split == "80/10/10 seed 0"
    assert sum(ck.images.values()) == 21
    assert sum(ck.class_counts[split]["contempt"] for split in ck.images) == 10
    assert report.duplicates_across_sources["fer, ck"].count == 1
    ((first, second),) = report.duplicates_across_sources["fer, ck"].examples
    assert first == "train:fer/Training-3"
    assert second.endswith(":ck/again")
    data = json.loads(json.dumps(report.to_json()))
    assert data["sources"]["ck"]["class_counts"]["train"]["contempt"] == 8
    text = report_text(report)
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "ck: drawn 80/10/10 by class",
        "fer: the data's own",
        "1 images of ck are in fer too",
        "only ck has",
    ):
        assert words in text
    alone = inspect(sources[0], cache=None)
    assert (alone.sources, alone.duplicates_across_sources, alone.notes) == ({}, {}, ())


def test_the_built_in_faces_can_be_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.data import loading

    monkeypatch.setattr(loading, "FACES_COUNTS", (21, 14, 7))
    dataset = load(["faces", folder(tmp_path / "mine", {"joy": 10}, edge=48)], cache=None)
    assert dataset.name == "faces+mine"
    assert counts(dataset, "train")["mine", "happy"] == 8
    with pytest.raises(UserError, match="faces and faces are the same data"):
        load(["faces", "faces"], cache=None)


def test_a_single_source_has_no_source_in_its_ids() -> None:
    assert source_of_sample("fer2013-0a1b2c3d", "test/happy/1") is None
    assert source_of_sample("fer2013+ck-0a1b2c3d", "ck/test/happy/1") == "ck"
    ids = np.array(["a/1", "a/2"])
    assert own_ids("a", ids).tolist() == ["a/1", "a/2"]
    assert own_ids("a+b", ids).tolist() == ["1", "2"]
    assert own_ids("a+b", np.array(["a/1", "b/2"])).tolist() == ["a/1", "b/2"]


def test_long_names_stay_within_what_a_directory_can_have() -> None:
    origins = [Origin("x" * 39 + str(n), Layout("", "", (), lambda _: [])) for n in range(9)]
    assert facts(origins)[0] == "x" * 39 + "0+8-more"
    assert len(facts(origins[:2])[0]) > LONGEST_NAME - 40 - 1


def test_a_folder_that_only_wraps_the_data_is_passed_through(tmp_path: Path) -> None:
    plain = folder(tmp_path / "plain", {"fear": 10, "sad": 10})
    wrapped = folder(tmp_path / "archive" / "CK+48", {"fear": 10, "sad": 10})
    (wrapped.parent / ".DS_Store").write_text("")
    one, other = load(plain, cache=None), load(tmp_path / "archive", cache=None)
    assert (other.name, other.fingerprint) == ("archive", one.fingerprint)
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match="loop"):
        load(tmp_path / "loop", cache=None)
