"""Writes `cases.json`: what scipy says of the statistics of `bench`.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1
    venv/bin/python bench/tests/scipy/cases.py > bench/tests/scipy/cases.json

The tests in `bench/src/statistics/scipy_tests.rs` compare each number within 1e-9. Where scipy has no
function of its own (Walsh averages, limits of a signed-rank test, Holm, the expanded percentile
interval), the number is made from scipy's distributions and numpy's quantiles in another way than in Rust.
"""

import itertools
import json

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20261121)


def walsh(x):
    return np.sort([(x[i] + x[j]) / 2 for i in range(len(x)) for j in range(i, len(x))])


def by_inversion(x, level):
    """The limits found by asking scipy's test: the outermost averages that it does not reject."""
    w = walsh(x)
    gap = np.min(np.diff(w)) / 4

    def p(centre, side):
        return stats.wilcoxon(x - centre, alternative=side, method="exact").pvalue

    if 0.5 ** len(x) > level:
        return None, None
    # The test against a centre just below an average is significant up to the lower limit.
    lower = max(a for a in w if p(a - gap, "greater") <= level)
    upper = min(a for a in w if p(a + gap, "less") <= level)
    return float(lower), float(upper)


def signed_rank():
    cases = []
    for n, shift, level in [
        (6, 0.5, 0.05), (7, 1.0, 0.01), (8, 0.0, 0.05), (9, 1.0, 0.002), (10, 0.3, 0.01),
        (12, 0.8, 0.001), (13, -0.7, 0.01), (15, 0.2, 0.05), (20, 0.4, 0.002), (25, -0.3, 0.01),
        (30, 0.1, 0.025), (6, 0.0, 0.01),
    ]:
        x = rng.normal(shift, 1.0, n)
        p = {side: stats.wilcoxon(x, alternative=side, method="exact").pvalue
             for side in ("greater", "less", "two-sided")}
        low, high = by_inversion(x, level)
        cases.append({
            "values": x.tolist(), "level": level, "low": low, "high": high,
            "walsh": walsh(x).tolist(), "estimate": float(np.median(walsh(x))),
            "greater": p["greater"], "less": p["less"], "two_sided": p["two-sided"],
        })
    return cases


def signed_rank_null():
    """P(T <= t), counted over all signs by brute force and, for more, by scipy's own distribution."""
    cases = []
    for n in (1, 4, 10):
        sums = np.array([sum(s) for s in itertools.product(*[(0, r) for r in range(1, n + 1)])])
        cases.append({"n": n, "cdf": [float(np.mean(sums <= t)) for t in range(n * (n + 1) // 2 + 1)]})
    for n in (17, 30, 45):
        distribution = stats._wilcoxon.WilcoxonDistribution(n)
        cases.append({"n": n, "cdf": [float(distribution.cdf(t)) for t in range(n * (n + 1) // 2 + 1)]})
    return cases


def rank_sum():
    cases = []
    for n, m, shift in [(3, 4, 0.0), (5, 5, 2.0), (6, 6, 1.0), (8, 7, 0.5), (15, 15, 0.7), (12, 20, 0.1)]:
        x, y = rng.normal(0, 1, n), rng.normal(shift, 1, m)
        p = stats.mannwhitneyu(x, y, method="exact").pvalue
        cases.append({"one": x.tolist(), "other": y.tolist(), "two_sided": float(p)})
    return cases


def student():
    cases = []
    for freedom in (1, 2, 3, 4, 7, 9, 11, 29, 30, 120):
        for p in (0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.998, 0.9995):
            t = float(stats.t.ppf(p, freedom))
            cases.append({"freedom": freedom, "p": p, "t": t, "cdf": float(stats.t.cdf(t / 3 - 1, freedom))})
    return cases


def normal():
    return [{"x": float(x), "cdf": float(stats.norm.cdf(x))} for x in np.linspace(-8, 8, 33)]


def binomial():
    cases = []
    for n, q in [(1, 0.5), (10, 0.5), (36, 0.9), (72, 0.95), (100, 0.5), (368, 0.99), (1000, 0.95), (5000, 0.999)]:
        tail = 0.025
        counts = np.arange(n + 1)
        below = stats.binom.cdf(counts, n, q)  # P(B <= i)
        # The largest j with P(B <= j - 1) <= tail, the smallest k with P(B >= k) <= tail.
        low = max((j for j in range(1, n + 1) if below[j - 1] <= tail), default=None)
        high = min((k for k in range(1, n + 1) if stats.binom.sf(k - 1, n, q) <= tail), default=None)
        shown = sorted({0, n // 2, int(n * q), int(n * q) - 1, n - 1, n} - {-1})
        cases.append({"n": n, "q": q, "low": low, "high": high,
                      "cdf": [[i, float(below[i])] for i in shown]})
    return cases


def clopper_pearson():
    cases = []
    for hits, n in [(1, 1), (1, 10), (5, 10), (10, 10), (3, 40), (20, 400), (399, 400)]:
        interval = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
        cases.append({"hits": hits, "n": n, "low": float(interval.low), "high": float(interval.high)})
    return cases


def holm():
    cases = []
    for n in (1, 2, 5, 20):
        p = rng.uniform(0, 0.2, n) ** 2
        order = np.argsort(p)
        raised = np.empty(n)
        raised[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(n, 0, -1)))
        cases.append({"p": p.tolist(), "raised": raised.tolist()})
    return cases


def series():
    cases = []
    for n in (3, 10, 57):
        x = rng.normal(5, 2, n).cumsum()
        d = x - x.mean()
        cases.append({"values": x.tolist(), "sd": float(stats.tstd(x)), "median": float(np.median(x)),
                      "lag_1": float((d[:-1] * d[1:]).sum() / (d * d).sum())})
    return cases


def bootstrap():
    """The expanded percentile interval of a ratio of pooled quantiles, of given draws of pairs of runs."""
    cases = []
    for n, jobs, q, confidence in [(4, 7, 0.5, 0.95), (6, 11, 0.9, 0.95), (10, 20, 0.95, 0.99)]:
        runs = np.exp(rng.normal(0, 0.3, (n, 2, jobs))) * np.exp(rng.normal(0, 0.05, (n, 2, 1)))
        draws = rng.integers(0, n, (40, n))

        def log_ratio(indices):
            indices = np.asarray(indices, dtype=int)
            before, after = (
                np.quantile(runs[indices, arm].ravel(), q, method="inverted_cdf") for arm in (0, 1))
            return np.log(after / before)

        t = stats.t.ppf((1 + confidence) / 2, n - 1)
        tail = stats.norm.cdf(-t * np.sqrt(n / (n - 1)))
        drawn = [log_ratio(draw) for draw in draws]
        # scipy's own interval of the same draws, at the confidence that leaves out this tail.
        given = stats.bootstrap(
            (np.arange(n),), log_ratio, n_resamples=0, confidence_level=1 - 2 * tail,
            method="percentile", vectorized=False,
            bootstrap_result=type("Given", (), {"bootstrap_distribution": np.array(drawn)})(),
        ).confidence_interval
        cases.append({
            "runs": runs.tolist(), "q": q, "confidence": confidence, "draws": draws.tolist(),
            "value": float(np.exp(log_ratio(np.arange(n)))),
            "low": float(np.exp(given.low)), "high": float(np.exp(given.high)),
        })
    return cases


print(json.dumps({
    "made_with": f"scipy {scipy.__version__}, numpy {np.__version__}",
    "signed_rank": signed_rank(),
    "signed_rank_null": signed_rank_null(),
    "rank_sum": rank_sum(),
    "student": student(),
    "normal": normal(),
    "binomial": binomial(),
    "clopper_pearson": clopper_pearson(),
    "holm": holm(),
    "series": series(),
    "bootstrap": bootstrap(),
}, separators=(",", ":")))
