"""Read-only views of stored runs: every score is recomputed from predictions. No Keras, and no ensemble code.

`reports.leaderboard()`, `reports.per_class()` and `reports.run_scores()` return DataFrames, `reports.compare()` and
`reports.score()` their results. `reports.model()`, `reports.ensemble()`, `reports.write_leaderboard()` and
`reports.submission()` write files. `python -m reports` makes the same calls.
"""

from typing import TYPE_CHECKING

from benchmark.on_demand import on_demand

if TYPE_CHECKING:
    from reports.leaderboards.pages import write_leaderboard as write_leaderboard
    from reports.leaderboards.ranking import leaderboard as leaderboard, per_class as per_class
    from reports.leaderboards.results import run_scores as run_scores
    from reports.pages.comparing import compare as compare
    from reports.pages.ensemble_page import ensemble as ensemble
    from reports.pages.model_page import model as model
    from reports.submissions.scoring import score as score
    from reports.submissions.submitting import submission as submission

# No module is named as a call is: importing it would put the module in the call's place.
__all__, __getattr__, __dir__ = on_demand(
    __name__,
    {
        "pages.comparing": "compare",
        "pages.ensemble_page": "ensemble",
        "leaderboards.ranking": "leaderboard per_class",
        "pages.model_page": "model",
        "leaderboards.results": "run_scores",
        "submissions.scoring": "score",
        "submissions.submitting": "submission",
        "leaderboards.pages": "write_leaderboard",
    },
)
