#!/usr/bin/env python3
"""Makes rank.txt, the answers that test_gate_rank expects of tools/gate/rank.c, with SciPy.

One case a line: n m shift p_above p_below superiority estimate low high, the n values of x, the m values of y,
ascending. Without ties the probabilities are scipy.stats.mannwhitneyu's (exact); with ties they are counted over
all splits; beyond 60 values they are mannwhitneyu's asymptotic ones. The interval is found by asking the test, not
by an index: the widest shifts that the two-sided test at 0.05 does not reject.

Needs numpy and scipy.  make_rank_vectors.py > rank.txt
"""
from itertools import combinations

import numpy as np
from scipy.stats import mannwhitneyu, rankdata

rng = np.random.default_rng(20261121)


def p_values(x, y):
    n, m = len(x), len(y)
    pooled = np.concatenate([x, y])
    ties = len(np.unique(pooled)) < n + m
    if n + m > 60:
        return tuple(mannwhitneyu(y, x, alternative=a, method="asymptotic").pvalue for a in ("greater", "less"))
    if not ties:
        return tuple(mannwhitneyu(y, x, alternative=a, method="exact").pvalue for a in ("greater", "less"))
    ranks = rankdata(pooled)
    observed = ranks[n:].sum()
    sums = np.array([sum(c) for c in combinations(ranks, m)])
    return (sums >= observed - 1e-9).mean(), (sums <= observed + 1e-9).mean()


def interval(x, y, alpha=0.05):
    d = np.sort(np.subtract.outer(y, x).ravel())
    # Between neighbouring differences the test's answer does not change.
    inside = [s for s in (d[:-1] + d[1:]) / 2
              if all(mannwhitneyu(y - s, x, alternative=a, method="exact").pvalue > alpha / 2
                     for a in ("greater", "less"))]
    outside = mannwhitneyu(y - (d[0] - 1), x, alternative="greater", method="exact").pvalue > alpha / 2
    if outside:
        return -np.inf, np.inf
    return d[d <= min(inside)].max(), d[d >= max(inside)].min()


def case(x, y, shift=0.0, ci=True):
    x, y = np.sort(x), np.sort(y)
    above, below = p_values(x, y - shift)
    wins = np.subtract.outer(y, x)
    superiority = ((wins > 0).sum() + (wins == 0).sum() / 2) / wins.size
    low, high = interval(x, y) if ci else (np.nan, np.nan)
    numbers = [shift, above, below, superiority, np.median(wins), low, high, *x, *y]
    print(len(x), len(y), *(repr(float(v)) for v in numbers))


for n, m in [(1, 1), (2, 5), (5, 2), (3, 3), (4, 20), (10, 3), (7, 7), (10, 10), (20, 10), (25, 30)]:
    for move in (0.0, 0.02, -0.05, 0.2):
        case(rng.normal(0, 0.03, n), rng.normal(move, 0.03, m), shift=float(rng.choice([0, 0.0625, -0.0625])))
for n, m in [(2, 2), (4, 5), (8, 6), (5, 10)]:
    for levels in (1, 2, 4):
        case(rng.integers(0, levels, n) / 4, rng.integers(0, levels, m) / 4,
             shift=float(rng.choice([0, 0.25])), ci=False)
for n, m in [(40, 30), (100, 10)]:
    case(rng.normal(0, 1, n), rng.normal(0.4, 1, m), ci=False)
    case(rng.integers(0, 9, n) / 4, rng.integers(1, 10, m) / 4, ci=False)
