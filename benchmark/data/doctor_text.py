"""The doctor's report as text, 80 columns wide."""

import textwrap
from collections.abc import Sequence
from typing import Final

from benchmark.data.doctor import Finding, Report, SourceCounts

WIDTH: Final = 80
INDENT: Final = 14
SHOWN_PAIRS: Final = 3
SHOWN_IDS: Final = 20
LONGEST_NAME: Final = 28


def report_text(report: Report) -> str:
    """The report in lines of at most 80 characters, ending with a newline."""
    height, width, channels = report.image_shape
    lines = [
        *_entry("dataset", f"{report.name} ({report.fingerprint})"),
        *_entry("source", report.source),
        *_entry("layout", report.layout),
        *_entry("images", f"{width}x{height} pixels, {'grey' if channels == 1 else 'RGB'}"),
        *_split_lines(report),
        *(line for note in report.notes for line in _entry("note", note)),
        "",
        *_class_table(report.class_names, report),
        "",
        *(
            line
            for name, counts in report.sources.items()
            for line in (*_class_table(report.class_names, counts, name), "")
        ),
        *_entry("imbalance", _imbalance_words(report)),
        "",
        *_duplicate_lines(report),
        *_finding_lines("conflicts", report.conflicts, "distinct images have more than one class"),
        *_finding_lines("blank", report.blank, "images have all pixels equal"),
    ]
    return "\n".join(lines) + "\n"


def _entry(title: str, text: str) -> list[str]:
    """`title` and `text` side by side, the text wrapped under itself; long paths are broken where they must be."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{title:<{INDENT}}", subsequent_indent=" " * INDENT, break_on_hyphens=False
    ) or [title]


def _split_lines(report: Report) -> list[str]:
    if not report.sources:
        return _entry("splits", _split_words(report, _origin_words(report)))
    lines = _entry("splits", _split_words(report, "each source's as follows"))
    for name, counts in report.sources.items():
        lines += _entry("", f"{name}: {_origin_words(counts)}")
    return lines


def _origin_words(counts: Report | SourceCounts) -> str:
    """How the splits came about."""
    if counts.split == "given":
        return "the data's own"
    shares, _, seed = counts.split.partition(" seed ")
    kept = "; test is the data's own" if shares.count("/") == 1 and counts.images.get("test") else ""
    return f"drawn {shares} by class with seed {seed}{kept}"


def _split_words(report: Report, origin: str) -> str:
    used = ", ".join(f"{count:,} {name}" for name, count in report.images.items())
    missing = "" if "test" in report.images else "; no test: validation is all there is"
    sealed = [name for name, counts in report.class_counts.items() if counts is None]
    unlabelled = f"; {' and '.join(sealed)} without labels" if sealed else ""
    return f"{used}; {origin}{missing}{unlabelled}"


def _imbalance_words(report: Report) -> str:
    counts = report.class_counts["train"] or {}
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[largest] == counts[smallest]:
        return "none: train has as many images of every class"
    times = f"{report.imbalance:.1f}" if round(report.imbalance, 1) > 1 else f"{report.imbalance:.2f}"
    return f"train has {times} x as many images of {largest} as of {smallest}"


def _class_table(class_names: Sequence[str], counted: Report | SourceCounts, title: str = "class") -> list[str]:
    splits = list(counted.images)
    longest = max(len(_shortened(name)) for name in (title, *class_names))
    label = max(INDENT, longest + 2)
    rows = [f"{_shortened(title):<{label}}" + "".join(f"{name:>12}" for name in splits) + f"{'of train':>10}"]
    train_total = counted.images["train"]
    for name in class_names:
        cells = []
        for split in splits:
            counts = counted.class_counts[split]
            cells.append(f"{counts[name]:>12,}" if counts is not None else f"{'?':>12}")
        share = (counted.class_counts["train"] or {})[name] / max(1, train_total)
        rows.append(f"{_shortened(name):<{label}}" + "".join(cells) + f"{share:>10.1%}")
    totals = "".join(f"{counted.images[split]:>12,}" for split in splits)
    return [*rows, f"{'all':<{label}}{totals}"]


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def _duplicate_lines(report: Report) -> list[str]:
    lines: list[str] = []
    for name, finding in report.duplicates_within.items():
        lines += _finding_lines("duplicates", finding, f"images of {name} repeat an earlier one")
    for title, findings in (("across", report.duplicates_across), ("sources", report.duplicates_across_sources)):
        for pair, finding in findings.items():
            first, second = pair.split(", ")
            lines += _finding_lines(title, finding, f"images of {second} are in {first} too")
    return lines


def _finding_lines(title: str, finding: Finding, words: str) -> list[str]:
    lines = _entry(title, f"{finding.count:,} {words}" if finding.count else f"no {words}")
    # The words of these lines name the splits.
    bare = title in ("duplicates", "across")
    pairs = [
        " = ".join(tag.partition(":")[2] if bare else _plain(tag) for tag in example)
        for example in finding.examples
        if len(example) > 1
    ]
    single = [_plain(example[0]) for example in finding.examples if len(example) == 1]
    for pair in pairs[:SHOWN_PAIRS]:
        lines += _entry("", pair)
    if single:
        lines += _entry("", ", ".join(single[:SHOWN_IDS]) + (", ..." if len(single) > SHOWN_IDS else ""))
    return lines


def _plain(tag: str) -> str:
    """`split:sample id`, without the split where the id, being a path, starts with it anyway."""
    split, _, sample_id = tag.partition(":")
    return sample_id if sample_id.startswith((f"{split}/", f"{split}-")) else tag
