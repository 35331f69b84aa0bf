"""Log-odds of the judge and support come in; out comes how likely a candidate is right.

One logistic for each kind of server and model, kept as data. `fit` makes it from candidates that
are known to be right or wrong.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

_MOST_LOG_ODDS = 12.0
"""Beyond this a judge is only surer of itself: one sure error must not outweigh all the rest."""
ENOUGH_FOR_A_CATEGORY = 100
"""Labelled candidates of a category above which it is weighed on its own."""
_ROUNDS = 50
_RIDGE = 1e-3  # holds a weight in place where the candidates say nothing of it
_ENOUGH = 1e-9
_TELLING = 2.71
"""Twice the gain of log-likelihood that a judge without any knowledge reaches once in ten times
(chi-squared, one degree of freedom)."""


Row = tuple[tuple[float, float, float, float], bool]
"""The features of a candidate, and whether it is right."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of the logistic; `made_with` names the model, the server and the candidates.

    `log_odds` weighs the judge's, `support` the natural logarithm of how many looks said so,
    and `abstained` is added where the judge gave no verdict. `categories` has what is added for
    a category of findings, of which enough were labelled.
    """

    intercept: float
    log_odds: float
    support: float
    abstained: float = 0.0
    made_with: str = ""
    categories: dict[str, float] = field(default_factory=dict)

    @property
    def trusts_judge(self) -> bool:
        """Whether a judge's verdict changes anything: where not, it need not be asked."""
        return self.log_odds != 0

    def probability(self, log_odds: float | None, support: int, category: str = "") -> float:
        """Give the probability that a candidate is right, between 0 and 1."""
        features = _features(log_odds, support)
        shift = self.categories.get(category, 0.0)
        return _logistic(_dot(self._weights(), features) + shift)

    def _weights(self) -> tuple[float, ...]:
        return self.intercept, self.log_odds, self.support, self.abstained


@dataclass(frozen=True, slots=True)
class Labelled:
    """A candidate that is known to be right or wrong, with what the ranking knows of it."""

    log_odds: float | None
    support: int
    right: bool
    category: str = ""


def fit(candidates: Iterable[Labelled], made_with: str) -> Calibration:
    """Fit the logistic by Newton's method, a little held back towards 0.

    A judge whose verdicts tell no more than chance would is given no weight. Raises `ValueError`
    where the candidates are all right or all wrong: nothing can be fitted.
    """
    known = list(candidates)
    rows = [(_features(one.log_odds, one.support), one.right) for one in known]
    rights = sum(right for _, right in rows)
    if not 0 < rights < len(rows):
        raise ValueError(f"{rights} of {len(rows)} candidates are right: there must be both")
    # the verdicts alone are tried: that a judge abstained may tell, and is no reason to ask it
    mute = [((one, 0.0, support, silent), right) for (one, _, support, silent), right in rows]
    weights = _climb(rows)
    gain = 2 * (_log_likelihood(weights, rows) - _log_likelihood(_climb(mute), mute))
    if weights[1] <= 0 or gain < _TELLING:
        weights = _climb(
            [((one, 0.0, support, 0.0), right) for (one, _, support, _), right in rows]
        )
    intercept, log_odds, support, abstained = weights
    made = Calibration(intercept, log_odds, support, abstained, made_with)
    return replace(made, categories=_shifts(made, known))


def _climb(rows: Sequence[Row]) -> list[float]:
    """Give the weights that make the candidates likeliest; that of a column of zeros is 0."""
    weights = [0.0] * len(rows[0][0])
    for _ in range(_ROUNDS):
        step = _newton_step(weights, rows)
        weights = [weight + change for weight, change in zip(weights, step, strict=True)]
        if max(map(abs, step)) < _ENOUGH:
            break
    return weights


def _log_likelihood(weights: Sequence[float], rows: Iterable[Row]) -> float:
    chances = ((_logistic(_dot(weights, features)), right) for features, right in rows)
    return sum(math.log(max(chance if right else 1 - chance, 1e-300)) for chance, right in chances)


def _shifts(made: Calibration, known: Sequence[Labelled]) -> dict[str, float]:
    """Give what brings the mean of each well known category to the share that is right in it."""
    shifts: dict[str, float] = {}
    for category in sorted({one.category for one in known if one.category}):
        of_it = [one for one in known if one.category == category]
        rights = sum(one.right for one in of_it)
        if len(of_it) > ENOUGH_FOR_A_CATEGORY and 0 < rights < len(of_it):
            mean = sum(made.probability(one.log_odds, one.support) for one in of_it) / len(of_it)
            share = rights / len(of_it)
            shifts[category] = _logit(share) - _logit(mean)
    return shifts


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _features(log_odds: float | None, support: int) -> tuple[float, float, float, float]:
    bounded = max(-_MOST_LOG_ODDS, min(_MOST_LOG_ODDS, log_odds or 0.0))
    return 1.0, bounded, math.log(max(1, support)), float(log_odds is None)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0  # beyond it exp overflows


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _newton_step(weights: Sequence[float], rows: Sequence[Row]) -> list[float]:
    """Give the change of the weights that makes the candidates likelier."""
    size = range(len(weights))
    slope = [-_RIDGE * weight for weight in weights]
    bend = [[_RIDGE * (i == j) for j in size] for i in size]
    for features, right in rows:
        chance = _logistic(_dot(weights, features))
        for i in size:
            slope[i] += (right - chance) * features[i]
            for j in size:
                bend[i][j] += chance * (1 - chance) * features[i] * features[j]
    return _solve(bend, slope)


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a small system whose matrix is positive definite, by elimination."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, pivot in enumerate(rows):
        for j, row in enumerate(rows):
            if j != i:
                factor = row[i] / pivot[i]
                rows[j] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


SHIPPED = Calibration(
    -1.45, 1.03, 1.87, made_with="a simulation: a judge that is right 80 % of the time"
)
"""What stands in for a model that nobody has calibrated: the fit of the scripted model, see
`tests/test_stages.py`."""
