"""What a loss does as model and data grow: a law of both sizes, fitted to measured rows, with its intervals.

L(N, D) = E + A N^-alpha + B D^-beta, with all five at least 0 (Hoffmann et al. 2022, *Training
Compute-Optimal Large Language Models*, section 3.3): E is what no size takes away.

Shapes: P points (measured rows), S sizes that are asked for, R replicas of the bootstrap, 5 constants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit, logit

from lamp_core.errors import LampError

CONSTANTS = ("E", "A", "alpha", "B", "beta")
FEWEST_POINTS, FEWEST_SIZES = len(CONSTANTS) + 1, 3
REPLICAS = 400
QUANTILES = (0.025, 0.975)
LARGEST_EXPONENT = 2.0
MOST_STEPS, TOLERANCE = 100, 1e-6
STARTS = [*product((0.2, 0.8), (0.2, 0.8), (0.2, 0.8))]
"""Of the fit: share of E in the loss at the mean sizes, alpha, beta."""
SMALLEST_SHARE, SMALLEST_EXPONENT = 0.02, 0.02
"""Where a replica starts: a term that has vanished has no gradient that could bring it back."""
LEAST_FREEDOM = 0.05
"""Of a point that the law passes through almost by itself."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies within."""
        return self.low <= value <= self.high


@dataclass(frozen=True, eq=False)
class Band:
    """S values with their 95 % intervals."""

    value_S: np.ndarray
    low_S: np.ndarray
    high_S: np.ndarray

    def intervals(self) -> list[Interval]:
        """One by one."""
        return [
            Interval(*map(float, each)) for each in zip(self.value_S, self.low_S, self.high_S, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """A fitted law.

    Args:
        fitted_5: logarithms of the three terms at the mean sizes (E, A, B), then logits of alpha and beta as
            shares of the largest exponent.
        replicas_R5: the same of each replica.
        centre: logarithms of the geometric means of both sizes.
        spread: standard deviation of the logarithm of a measured loss around the law.
        noise_R: a residual for each replica, in the logarithm of the loss.
    """

    fitted_5: np.ndarray
    replicas_R5: np.ndarray
    centre: tuple[float, float]
    spread: float
    noise_R: np.ndarray

    def expected(self, model_S: np.ndarray, data_S: np.ndarray) -> Band:
        """The law at S pairs of sizes; the interval is of the law alone, over the replicas."""
        return self._band(model_S, data_S, np.zeros_like(self.noise_R))

    def predicted(self, model_S: np.ndarray, data_S: np.ndarray) -> Band:
        """What a further training measures at S pairs of sizes: the interval holds the residual as well."""
        return self._band(model_S, data_S, self.noise_R)

    def constants(self) -> dict[str, Interval]:
        """E, A, alpha, B and beta, for sizes as they were given."""
        value_5 = self._constants(self.fitted_5[None])[0]
        low_5, high_5 = np.quantile(self._constants(self.replicas_R5), QUANTILES, axis=0)
        return {
            name: Interval(float(value_5[place]), float(low_5[place]), float(high_5[place]))
            for place, name in enumerate(CONSTANTS)
        }

    def _band(self, model_S: np.ndarray, data_S: np.ndarray, noise_R: np.ndarray) -> Band:
        sizes_S2 = np.log(np.stack([model_S, data_S], axis=1)) - self.centre
        value_S = np.exp(_log_law(self.fitted_5, sizes_S2))
        laws_RS = np.logaddexp.reduce(_log_terms(self.replicas_R5, sizes_S2), axis=-1)
        drawn_RS = np.exp(laws_RS + noise_R[:, None])
        return Band(value_S, *np.quantile(drawn_RS, QUANTILES, axis=0))

    def _constants(self, theta_R5: np.ndarray) -> np.ndarray:
        exponents_R2 = LARGEST_EXPONENT * expit(theta_R5[:, 3:])
        e_R, a_R, b_R = np.exp(theta_R5[:, :3] + np.pad(exponents_R2 * self.centre, ((0, 0), (1, 0)))).T
        return np.stack([e_R, a_R, exponents_R2[:, 0], b_R, exponents_R2[:, 1]], axis=1)


def fit_scaling_law(
    model_sizes: Sequence[float],
    data_sizes: Sequence[float],
    losses: Sequence[float],
    *,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> ScalingLaw:
    """Fit the law to P points, and say how sure it is.

    Least squares of the logarithm of the loss from several starts, as Hoffmann et al. 2022 but without their
    Huber loss, which with a dozen points lets the law pass through five of them. The intervals are
    percentiles over a bootstrap of the points. Theirs draws 80 % of more than 400 trainings; of a dozen such
    draws miss sizes and are too sure, and the sizes are chosen and not drawn. So each replica keeps the sizes
    and draws a residual for each point, of those of the fit with their leverage taken out (Davison and
    Hinkley 1997, *Bootstrap Methods*, section 6.3), times sqrt(k / chi2(k)) with k = P - 5, once a replica,
    for the doubt about the spread itself, as Student's t has it; then the law is fitted anew. A prediction of
    a further training holds one more such residual. The same seed gives the same intervals.

    Args:
        model_sizes: P numbers of parameters, above 0.
        data_sizes: P numbers of what was trained on, above 0.
        losses: P measured losses, above 0.
        replicas: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        LampError: too few points, or too few different sizes, or a number that is not above 0.
    """
    points_P3 = np.array([model_sizes, data_sizes, losses], dtype=np.float64).T
    _check(points_P3)
    logs_P3 = np.log(points_P3)
    centre_2 = logs_P3[:, :2].mean(axis=0)
    sizes_P2, log_loss_P = logs_P3[:, :2] - centre_2, logs_P3[:, 2]
    fits = [_fit(_start(log_loss_P, *start), sizes_P2, log_loss_P) for start in STARTS]
    fitted_5 = min(fits, key=lambda fit: fit[1])[0]
    law_P = _log_law(fitted_5, sizes_P2)
    freedom = len(points_P3) - len(CONSTANTS)
    spread = float(np.sqrt(((log_loss_P - law_P) ** 2).sum() / freedom))
    random = np.random.default_rng(seed)
    residuals_P = _without_leverage(log_loss_P - law_P, _jacobian(fitted_5, sizes_P2))
    noise_R1 = random.choice(residuals_P, (replicas, len(points_P3) + 1))
    noise_R1 *= np.sqrt(freedom / random.chisquare(freedom, (replicas, 1)))
    start_5 = _revived(fitted_5, log_loss_P)
    replicas_R5 = np.stack([_fit(start_5, sizes_P2, law_P + noise_P)[0] for noise_P in noise_R1[:, 1:]])
    return ScalingLaw(fitted_5, replicas_R5, (float(centre_2[0]), float(centre_2[1])), spread, noise_R1[:, 0])


def _check(points_P3: np.ndarray) -> None:
    if not (np.isfinite(points_P3).all() and (points_P3 > 0).all()):
        raise LampError("a size or a loss is not above 0, which a law of powers cannot have")
    models, data = (len(np.unique(points_P3[:, column])) for column in (0, 1))
    if len(points_P3) < FEWEST_POINTS or min(models, data) < FEWEST_SIZES:
        raise LampError(
            f"{len(points_P3)} rows of {models} sizes of the model and {data} of the data; a law of "
            f"{len(CONSTANTS)} constants needs at least {FEWEST_POINTS}, of {FEWEST_SIZES} sizes each"
        )


def _fit(start_5: np.ndarray, sizes_P2: np.ndarray, log_loss_P: np.ndarray) -> tuple[np.ndarray, float]:
    """Constants of the least squares, and what is left of them."""

    def residuals(theta_5: np.ndarray) -> np.ndarray:
        left_P: np.ndarray = _log_law(theta_5, sizes_P2) - log_loss_P
        return left_P

    found = least_squares(
        residuals,
        start_5,
        lambda theta_5: _jacobian(theta_5, sizes_P2),
        method="lm",
        ftol=TOLERANCE,
        xtol=TOLERANCE,
        max_nfev=MOST_STEPS,
    )
    return np.asarray(found.x), float(found.cost)


def _log_terms(theta_R5: np.ndarray, sizes_P2: np.ndarray) -> np.ndarray:
    """Logarithms of the three terms (R, P, 3) of R laws."""
    terms_RP3 = np.repeat(theta_R5[:, None, :3], len(sizes_P2), axis=1)
    terms_RP3[..., 1:] -= LARGEST_EXPONENT * expit(theta_R5[:, None, 3:]) * sizes_P2
    return terms_RP3


def _log_law(theta_5: np.ndarray, sizes_P2: np.ndarray) -> np.ndarray:
    law_P: np.ndarray = np.logaddexp.reduce(_log_terms(theta_5[None], sizes_P2)[0], axis=-1)
    return law_P


def _jacobian(theta_5: np.ndarray, sizes_P2: np.ndarray) -> np.ndarray:
    """Derivatives (P, 5) of `_log_law` by the constants."""
    terms_P3 = _log_terms(theta_5[None], sizes_P2)[0]
    shares_P3 = np.exp(terms_P3 - np.logaddexp.reduce(terms_P3, axis=-1)[:, None])
    part_2 = expit(theta_5[3:])
    exponents_P2 = -shares_P3[:, 1:] * sizes_P2 * LARGEST_EXPONENT * part_2 * (1 - part_2)
    return np.concatenate([shares_P3, exponents_P2], axis=1)


def _without_leverage(residuals_P: np.ndarray, jacobian_P5: np.ndarray) -> np.ndarray:
    """Residuals as large as those of points that no law was fitted to, of mean 0."""
    leverage_P = (jacobian_P5 * np.linalg.pinv(jacobian_P5, rcond=1e-6).T).sum(axis=1)
    own_P: np.ndarray = residuals_P / np.sqrt(np.clip(1 - leverage_P, LEAST_FREEDOM, None))
    own_P -= own_P.mean()
    return own_P


def _start(log_loss_P: np.ndarray, share: float, alpha: float, beta: float) -> np.ndarray:
    rest = (1 - share) / 2
    exponents_2 = logit(np.array([alpha, beta]) / LARGEST_EXPONENT)
    return np.concatenate([log_loss_P.mean() + np.log([share, rest, rest]), exponents_2])


def _revived(fitted_5: np.ndarray, log_loss_P: np.ndarray) -> np.ndarray:
    """The fit as a start in which no term and no exponent has vanished."""
    terms_3 = np.maximum(fitted_5[:3], log_loss_P.mean() + np.log(SMALLEST_SHARE))
    least = logit(SMALLEST_EXPONENT / LARGEST_EXPONENT)
    return np.concatenate([terms_3, np.clip(fitted_5[3:], least, -least)])
