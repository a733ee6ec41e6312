"""Blocks as Markdown: what begins a sentence begins no list and no heading."""

import pytest

from reports.text.text_blocks import Bullets, Lines, Sentence, markdown_page


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("- (38 samples) is recognised", r"\- (38 samples) is recognised"),
        ("+ is taken for -", r"\+ is taken for -"),
        ("# one is", r"\# one is"),
        ("1. two is", r"1\. two is"),
        ("2) two", r"2\) two"),
        ("10 samples - of all", "10 samples - of all"),
        ("0.5 is", "0.5 is"),
        ("--- is", r"\--- is"),
        ("cnn4 is", "cnn4 is"),
    ],
)
def test_a_name_at_the_start_is_no_mark(text: str, safe: str) -> None:
    page = markdown_page("Page", [Sentence(text), Bullets("Notes", [text]), Lines([text])]).splitlines()
    assert page[2] == page[-1] == safe
    assert f"- {safe}" in page


def test_a_command_in_a_sentence_stays_code() -> None:
    page = markdown_page("Page", [Sentence("all_ of `python -m reports ensemble 'a*b'` and `one")])
    assert markdown_page("Page", [Sentence("a`*b*, c`")]).splitlines()[2] == r"a\`\*b\*, c\`"
    assert page.splitlines()[2] == r"all\_ of `python -m reports ensemble 'a*b'` and \`one"
