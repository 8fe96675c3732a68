"""Many L2-regularised logistic regressions at once, solved exactly by Newton steps.

The objective is scikit-learn's for LogisticRegression(C=c): ||w||^2 / 2 + c * sum of log losses, intercept
free. At the optimum w is a combination of the samples, so with fewer samples than features the unknowns are
the samples' coefficients and only the Gram matrix is needed: exact, and far smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

STEPS = 100
HALVINGS = 40
# Predicted gain of a step, relative to ||w||^2, at which a problem is solved: w is then right to about 1e-7.
TOLERANCE = 1e-14
_TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True, eq=False)
class Solution:
    """Of P problems: weights [P, d], intercepts [P], logits of all rows [P, n] (float64); converged [P]."""

    weights: Tensor
    bias: Tensor
    logits: Tensor
    converged: Tensor


class Samples:
    """Samples of P problems, made ready once to be fitted to several labellings.

    `features` [P, n, d]; `training` [P, n] bool marks the rows to fit to; the others are only predicted. Put
    training rows first: rows behind the last one of any problem cost nothing.
    """

    def __init__(self, features: Tensor, training: Tensor) -> None:
        rows = int(training.any(dim=0).nonzero().max()) + 1
        self._used = training[:, :rows].double()
        self._features = features.to(torch.float64, copy=True)
        # The free intercept absorbs the mean: centring leaves w as it is and helps precision.
        self._mean = self._used[:, None] @ self._features[:, :rows] / self._used.sum(dim=1)[:, None, None]
        self._features -= self._mean
        self._fitted = self._features[:, :rows]
        self._gram: Tensor | None = None
        if rows <= features.shape[2]:
            self._gram = self._fitted @ self._fitted.mT * (self._used[:, :, None] * self._used[:, None])

    def fit(self, targets: Tensor, c: float) -> Solution:
        """Fit to `targets` [P, n] bool; those of rows that are not training rows are ignored."""
        side = 2 * targets[:, : self._used.shape[1]].double() - 1
        system = _Primal(self._fitted, c) if self._gram is None else _Dual(self._gram * c)
        solution, converged = _newton(system, side, self._used)
        weights, bias = solution[:, :-1], solution[:, -1]
        if self._gram is not None:
            weights = c * (weights[:, None] @ self._fitted).squeeze(1)
        logits = (self._features @ weights[..., None]).squeeze(-1) + bias[:, None]
        return Solution(weights, bias - (weights[:, None] @ self._mean.mT).flatten(), logits, converged)


class _Primal:
    """The unknowns are w and the intercept, [P, d + 1]."""

    def __init__(self, features: Tensor, c: float) -> None:
        self._features = torch.cat([features, features.new_ones(*features.shape[:2], 1)], dim=2)
        self._ridge = torch.full_like(self._features[0, 0], 1 / c)
        self._ridge[-1] = 0
        self.unknowns = len(self._ridge)

    def outputs(self, state: Tensor) -> Tensor:
        """The logits [P, n] of a state; linear in it."""
        return (self._features @ state[..., None]).squeeze(-1)

    def inner(self, left: Tensor, right: Tensor, outputs: Tensor) -> Tensor:
        """w . w' / c of two states [P]; `outputs` are those of the right one."""
        return (left * self._ridge * right).sum(dim=1)

    def step(self, state: Tensor, residual: Tensor, curvature: Tensor) -> Tensor:
        """The Newton step from a state, by its samples' label minus chance, and chance * (1 - chance)."""
        downhill = (residual[:, None] @ self._features).squeeze(1) - self._ridge * state
        # The guard keeps the system regular where all samples are saturated; the optimum does not move.
        hessian = self._features.mT @ (curvature[..., None] * self._features) + torch.diag(
            self._ridge + 1e-12
        )
        return torch.cholesky_solve(downhill[..., None], torch.linalg.cholesky(hessian)).squeeze(-1)


class _Dual:
    """The unknowns are a, with w = c * sum of a_i x_i, and the intercept, [P, n + 1].

    With the scaled Gram matrix G the logits are G a + b, and a Newton step solves (I + W G) da + W db =
    residual - a with sum(a + da) = 0, by the Cholesky factor of I + sqrt(W) G sqrt(W), whose eigenvalues
    are at least 1 (Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 3.1).
    """

    def __init__(self, gram: Tensor) -> None:
        self._gram = gram
        self.unknowns = gram.shape[1] + 1

    def outputs(self, state: Tensor) -> Tensor:
        return (self._gram @ state[:, :-1, None]).squeeze(-1) + state[:, -1:]

    def inner(self, left: Tensor, right: Tensor, outputs: Tensor) -> Tensor:
        return (left[:, :-1] * (outputs - right[:, -1:])).sum(dim=1)

    def step(self, state: Tensor, residual: Tensor, curvature: Tensor) -> Tensor:
        root = curvature.sqrt()
        matrix = root[:, :, None] * self._gram * root[:, None]
        matrix.diagonal(dim1=1, dim2=2).add_(1)
        gap = residual - state[:, :-1]
        pulled = (self._gram @ gap[..., None]).squeeze(-1)
        sides = torch.stack([root * pulled, root], dim=2)
        solved = root[..., None] * torch.cholesky_solve(sides, torch.linalg.cholesky(matrix))
        free, by_bias = gap - solved[..., 0], solved[..., 1]
        bias = (state[:, :-1] + free).sum(dim=1) / by_bias.sum(dim=1).clamp(min=_TINY)
        return torch.cat([free - bias[:, None] * by_bias, bias[:, None]], dim=1)


def _newton(system: _Primal | _Dual, side: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Damped Newton from zero: states [P, unknowns] and whether they converged [P]; `side` [P, n] is +1 or
    -1."""
    state = side.new_zeros(len(side), system.unknowns)
    outputs = torch.zeros_like(side)
    converged = torch.zeros(len(side), dtype=torch.bool, device=side.device)

    def objective(at: Tensor, outputs: Tensor) -> Tensor:
        return system.inner(at, at, outputs) / 2 + (used * softplus(-side * outputs)).sum(dim=1)

    for _ in range(STEPS):
        wrong = torch.sigmoid(-side * outputs)  # written so that no two nearly equal numbers are subtracted
        residual, curvature = used * side * wrong, used * wrong * torch.sigmoid(side * outputs)
        step = system.step(state, residual, curvature)
        move = system.outputs(step)
        gain = (residual * move).sum(dim=1) - system.inner(state, step, move)
        converged = gain <= TOLERANCE * system.inner(state, state, outputs) + _TINY
        if bool(converged.all()):
            break
        before = objective(state, outputs)
        length = (~converged).double()
        for _ in range(HALVINGS):
            after = objective(state + length[:, None] * step, outputs + length[:, None] * move)
            worse = after > before * (1 + 1e-12) - 1e-4 * length * gain
            if not bool(worse.any()):
                break
            length = torch.where(worse, length / 2, length)
        state, outputs = state + length[:, None] * step, outputs + length[:, None] * move
    return state, converged
