"""The words around a leaderboard: how it is ranked and read, warnings, and how the rows were made."""

from collections.abc import Collection, Hashable, Mapping, Sequence

from benchmark.matching.class_names import listed
from benchmark.records import JOINT, PREDICTED
from reports.leaderboards.ranking import sorting_metric, tested_split
from reports.leaderboards.references import METHOD, is_fer2013
from reports.leaderboards.repeats import hard_label_sentences, repeat_sentences, tie_sentences
from reports.leaderboards.results import Results
from reports.leaderboards.rows import ACCURACIES, KEYS, display_names, failed_rows, keys, named, ranking_split, tested
from reports.submissions.labels import place_of
from reports.text.columns import COLUMNS, PLAIN, View


def heading(results: Results, shown: View = PLAIN) -> list[str]:
    """What stands above the table, three short lines: what was scored, by what it is ranked, what a rank means.

    Of nothing but failures it is one line.
    """
    # Of the split that ranks as many as most rows have: those of folds count train among their validation images.
    counts, split = dict(results.images), tested_split(results, shown)
    judged = results.scores[(results.scores["split"] == split) & results.scores["accuracy"].notna()]
    if len(judged):
        counts[split] = int(judged["images"].mode()[0])
    sizes = [results.noun.counted(count, split) for split in PREDICTED if (count := counts.get(split, 0))]
    if not sizes:
        return ["No run has predictions."]
    scored = f"{len(results.class_names):,} classes, {' and '.join(sizes)}."
    metric = sorting_metric(results, shown)
    if metric in ACCURACIES:
        ranked = f"Ranked by {ACCURACIES[metric]} accuracy{_reason(results, shown)}."
        return [scored, ranked, "Rows of one rank do not differ significantly from the first of them: see below."]
    direction = {"high": ", highest first", "low": ", lowest first"}.get(COLUMNS[metric].better, "")
    places = "" if COLUMNS[metric].type == "str" else "; ranks are plain places"
    ranked = f"Sorted by {COLUMNS[metric].heading}{direction}{places}."
    return [scored, ranked, "Only accuracies are tested for differences."]


def _reason(results: Results, shown: View) -> str:
    split = ranking_split(results)
    if shown.metric is not None and ACCURACIES[shown.metric] != split:
        return "" if split == "test" else ": no row has one"
    if split == "test":
        return f" (labels: {place_of(results.labels)})" if results.labels else ""
    return ": the test labels are sealed" if "test" in results.images else ": no run has test predictions"


def reading(results: Results, shown: View = PLAIN) -> list[str]:
    """How to read the table: how rows were tested, and what the parts of a cell are; nothing where there are none."""
    if not any(results.images.values()):
        return []
    tests = [
        f"Every two rows are tested on the same {results.noun.many}: by an exact McNemar test, or by a sign-flip "
        "permutation test where seeds are averaged. P-values are Holm-corrected over all pairs. Below "
        "5 % two rows differ significantly.",
        "A row is compared with the first row of its rank. To compare any other two: python -m reports compare A B.",
        "The tests are about these models as they were trained. Another seed may differ by more; compare tests that "
        "too, where both rows have several seeds.",
    ]
    return [
        *(tests if sorting_metric(results, shown) in ACCURACIES else []),
        f"Macro F1, log loss, MSE and ECE are those of {ranking_split(results)}.",
        f"In brackets: the 95 % interval over {results.noun.many}. That of ECE lies too high, that of macro F1 "
        "too low where classes have few of them.",
        "After ±: the standard deviation over seeds. The score is their mean.",
    ]


def notes(results: Results, rows: Collection[str] | None = None, shown: View = PLAIN) -> list[str]:
    """Warnings, one sentence each: damaged runs, rows that are not ranked, scores that are too high, copies, failures.

    Args:
        rows: the names of the rows that are shown, whose sentences are given; None for all.
        shown: says which split ranks.
    """
    split = tested_split(results, shown)
    names = {key: name for key, name in display_names(results).items() if rows is None or name in rows}
    return [
        *[f"left out: {sentence}" for sentence in results.damaged],
        *([f"{place_of(results.labels)}: {results.label_ids}"] if results.label_ids else []),
        *_unscored(results, names, split),
        *_remarks(results, names),
        *_absent(results, names),
        *_foreign(results, names, split),
        *repeat_sentences(results, names),
        *hard_label_sentences(results, names),
        *tie_sentences(results, names),
        *_failures(results, rows),
    ]


def _unscored(results: Results, names: Mapping[Hashable, str], split: str) -> list[str]:
    """Which rows are not ranked because they lack predictions or labels, or are ranked by some of their seeds."""
    whole = results.whole
    predicted = whole[whole["split"] == split]
    with_predictions = set(predicted.groupby(KEYS).groups)
    scored = predicted.dropna(subset="accuracy").groupby(KEYS)["run"].nunique().to_dict()
    sentences = []
    for key, count in whole.groupby(KEYS)["run"].nunique().items():
        if key not in names:
            continue
        if key not in with_predictions:
            sentences.append(f"{names[key]} is not ranked: it has no {split} predictions")
        elif key not in scored:
            mend = ", `reports leaderboard --labels FILE` gives them to all" if split == "test" else ""
            sentences.append(f"{names[key]} is not ranked: there are no {split} labels for it{mend}")
        elif scored[key] < count:
            sentences.append(f"{names[key]}: the {split} scores are those of {scored[key]} of its {count} seeds")
    return sentences


def _remarks(results: Results, names: Mapping[Hashable, str]) -> list[str]:
    """Scores that are too high, a sentence for all rows of one reason."""
    sentences, whole = [], results.whole
    for remark, runs in whole[whole["remark"] != ""].groupby("remark"):
        if shown := [names[key] for key in dict.fromkeys(keys(runs)) if key in names]:
            sentences.append(f"{', '.join(shown)}: {remark}")
    return sentences


def _absent(results: Results, names: Mapping[Hashable, str]) -> list[str]:
    """A sentence on classes that the labels of the ranking split lack, and on the rows that predict such."""
    split = ranking_split(results)
    unlabelled = results.classes[(results.classes["split"] == split) & (results.classes["support"] == 0)]
    lowered: dict[str, None] = {}
    for (run, *key), classes in unlabelled.groupby(["run", *KEYS]):
        predicted = results.predictions[str(run), split].probabilities.argmax(axis=1)
        if tuple(key) in names and classes["position"].isin(predicted).any():
            lowered[names[tuple(key)]] = None
    if unlabelled.empty:
        return []
    return [absent_sentence(split, list(dict.fromkeys(unlabelled["class"])), list(lowered))]


def absent_sentence(split: str, classes: Sequence[str], lowered: Sequence[str]) -> str:
    """That no label of a split is one of these classes, and what follows.

    Args:
        lowered: the rows that predict such a class.
    """
    lacking = f"no {split} label is {listed(classes)}"
    if not lowered:
        return f"{lacking}: no score says anything of such classes"
    return (
        f"{lacking}; a row that predicts such a class has an F1 of 0 for it in its macro F1, as in scikit-learn: "
        f"{', '.join(lowered)}"
    )


def _foreign(results: Results, names: Mapping[Hashable, str], split: str) -> list[str]:
    """Rows of other samples, and those that were imported."""
    whole = results.whole
    sentences = [
        f"{names[key]} is not ranked: its {split} {results.noun.many} or labels are not those of the others"
        for key, hits in tested(results, split).items()
        if hits is None and key in names
    ]
    imported = [names[key] for key in dict.fromkeys(keys(whole[whole["kind"] == "external"])) if key in names]
    if imported:
        verb, were = ("is", "it was") if len(imported) == 1 else ("are", "they were")
        unknown = "what was chosen on validation is not known"
        sentences.append(f"{', '.join(imported)} {verb} external: {were} imported, and {unknown}")
    return sentences


def _failures(results: Results, rows: Collection[str] | None) -> list[str]:
    sentences = []
    for row in failed_rows(results).to_dict("records"):
        if rows is not None and row["model"] not in rows:
            continue
        several = f" ({row['seeds']} seeds)" if row["seeds"] > 1 else ""
        time = f" after {row['lost_seconds']:,.1f} s" if row["lost_seconds"] >= 0 else ""
        sentences.append(f"{row['model']} failed{several}{time}: {row['error']}")
    return sentences


def published_note(results: Results) -> str:
    """How ours are compared with published figures, or why they are not."""
    if is_fer2013(results.class_names, results.images):
        return METHOD
    return (
        "The published figures are of FER-2013. This is another dataset, or another split of it: FER-2013 is "
        "recognised by its seven classes and the 3,589 test images of PrivateTest."
    )


def origins(results: Results, rows: Collection[str] | None = None) -> list[str]:
    """How rows were made: recipes of models, and members of ensembles. Arguments are those of `notes`."""
    return [*_recipes(results, rows), *_members(results, rows)]


def _recipes(results: Results, shown: Collection[str] | None) -> list[str]:
    """A sentence for each recipe that changes a model's own, or that is one of several of a model."""
    trained = results.scores.dropna(subset="recipe").drop_duplicates(KEYS)
    rows: dict[tuple[str, str], list[str]] = {}
    for name, model, recipe in zip(named(trained, results), trained["model"], trained["recipe"], strict=True):
        if shown is not None and name not in shown:
            continue
        if " with " in recipe or " taught by " in recipe or name != model:
            # The views of a network were trained with it.
            rows.setdefault((model.partition(":")[0], recipe), []).append(name)
    return [f"{', '.join(names)}: {recipe}" for (_, recipe), names in rows.items()]


def _members(results: Results, shown: Collection[str] | None) -> list[str]:
    """A sentence for all rows that combine the same runs."""
    combined = results.scores[results.scores["members"] != ""].drop_duplicates(KEYS)
    rows: dict[tuple[str, str], list[str]] = {}
    for name, kind, members in zip(named(combined, results), combined["kind"], combined["members"], strict=True):
        if shown is None or name in shown:
            rows.setdefault((kind, members), []).append(name)
    return [
        f"{', '.join(names)} {_verb(kind, len(names))} {members.replace(' ', ', ')}"
        for (kind, members), names in rows.items()
    ]


def _verb(kind: str, rows: int) -> str:
    if kind == JOINT:
        return "is one network, trained on from" if rows == 1 else "are one network each, trained on from"
    return "is built from" if rows == 1 else "are built from"
