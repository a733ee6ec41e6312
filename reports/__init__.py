"""Read-only views of stored runs: every score is recomputed from predictions. No Keras, and no ensemble code.

`reports.leaderboard()`, `reports.per_class()` and `reports.run_scores()` return DataFrames, `reports.compare()` and
`reports.score()` their results. `reports.model()`, `reports.ensemble()`, `reports.write_leaderboard()` and
`reports.submission()` write files. `python -m reports` makes the same calls.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from reports.leaderboards.pages import write_leaderboard
    from reports.leaderboards.ranking import leaderboard, per_class
    from reports.leaderboards.results import run_scores
    from reports.pages.comparing import compare
    from reports.pages.ensemble_page import ensemble
    from reports.pages.model_page import model
    from reports.submissions.scoring import score
    from reports.submissions.submitting import submission

__all__ = [
    "compare",
    "ensemble",
    "leaderboard",
    "model",
    "per_class",
    "run_scores",
    "score",
    "submission",
    "write_leaderboard",
]

# No module is named as a call is: importing it would put the module in the call's place.
_HOMES: Final = {
    "compare": "reports.pages.comparing",
    "ensemble": "reports.pages.ensemble_page",
    "leaderboard": "reports.leaderboards.ranking",
    "model": "reports.pages.model_page",
    "per_class": "reports.leaderboards.ranking",
    "run_scores": "reports.leaderboards.results",
    "score": "reports.submissions.scoring",
    "submission": "reports.submissions.submitting",
    "write_leaderboard": "reports.leaderboards.pages",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use, so that `python -m reports --help` answers without importing NumPy and pandas.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # What a notebook completes: the calls, and not what Python put here to look them up.
    return sorted(__all__)
