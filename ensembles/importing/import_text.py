"""What an import says about itself."""

from collections.abc import Sequence

from benchmark.records import EXTERNAL
from ensembles.importing.importing import Imported
from ensembles.importing.preparing import sizes_text


def imported_text(imported: Sequence[Imported]) -> str:
    """What was imported, a few lines for each run; with scores on validation."""
    return "\n".join(line for one in imported for line in _lines(one))


def _lines(one: Imported) -> list[str]:
    sizes = sizes_text(one.samples, {split: split for split in one.samples})
    lines = [f"{one.run.config.model}: {EXTERNAL} predictions of {sizes}"]
    lines += [f"  {line}" for line in one.lines]
    if one.scores:
        hard = one.run.config.hyperparameters.get("hard_labels")
        loss = "no log loss, because labels are no probabilities" if hard else f"log loss {one.scores[1]:.4f}"
        lines.append(f"  validation accuracy {one.scores[0]:.2%}, {loss}")
    elif "validation" not in one.samples:
        lines.append("  no validation predictions: only average, geometric and vote can combine it")
    if "test" not in one.samples:
        lines.append("  no test predictions")
    lines += [f"  note: {note}" for note in one.notes]
    return [*lines, f"  stored in {one.run.path}"]
