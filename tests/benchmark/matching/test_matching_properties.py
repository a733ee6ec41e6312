"""Whatever class names and ids are, what is spelled as they are means them, and no two texts are confused."""

from hypothesis import given, strategies as st

from benchmark.matching.class_names import ClassMatcher, sorted_class_names
from benchmark.matching.sample_ids import IdList, IdMatcher, pair

WORDS = st.text(alphabet="0123456789.-_ /aAbBß²\uff11é\u0301", max_size=6) | st.sampled_from(
    ["angry", "Anger", "joy", "happy", "1.0", "01", "1", "2", "0", "class_1", "class_2", "a/1.png", "b/1.png", "1.png"]
)
NAMES = st.lists(WORDS, min_size=1, max_size=8, unique=True)


@given(NAMES)
def test_names_and_what_is_written_mean_their_class(names: list[str]) -> None:
    for ordered in (True, False):
        matcher = ClassMatcher(names, ordered=ordered)
        assert matcher.positions(names).tolist() == list(range(len(names)))
        assert matcher.positions(matcher.written).tolist() == list(range(len(names)))
        assert len(set(matcher.written)) == len(names)


@given(NAMES)
def test_every_label_has_one_of_the_sorted_classes(texts: list[str]) -> None:
    names = sorted_class_names(texts)
    assert len(set(names)) == len(names)
    positions = ClassMatcher(names).positions(texts)
    assert set(positions.tolist()) == set(range(len(names)))
    assert sorted_class_names(reversed(texts)) == names
    assert sorted_class_names(names) == names


@given(NAMES)
def test_ids_mean_themselves_in_any_order(ids: list[str]) -> None:
    assert IdMatcher(ids).match(ids).places.tolist() == list(range(len(ids)))
    shuffled = ids[::-1]
    paired = pair(IdList(shuffled, "a"), IdList(ids, "b"))
    assert [shuffled[row] for row in paired.rows] == ids
    assert paired.id_note == ""


@given(NAMES, WORDS)
def test_an_id_that_is_found_agrees_from_the_end(ids: list[str], text: str) -> None:
    matcher = IdMatcher(ids)
    place = matcher.place(text)
    assert matcher.match([text]).places.tolist() == [-1 if place is None else place]
    if place is not None and text not in ids:
        assert ids[place] in matcher.candidates(text)
