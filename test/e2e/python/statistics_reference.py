"""Prints as JSON what scipy and statsmodels make of the samples in the file that is named."""

import json
import sys

import numpy as np
from scipy import stats
from scipy.spatial import distance
from statsmodels.stats import multitest, power, proportion

samples = json.load(open(sys.argv[1]))
a, b = np.array(samples["first"]), np.array(samples["second"])
ties_a, ties_b = np.round(a), np.round(b)
counts_a, counts_b = np.array(samples["firstCounts"]), np.array(samples["secondCounts"])
results = {}

for alternative, name in [("two-sided", "different"), ("greater", "greater"), ("less", "less")]:
    welch = stats.ttest_ind(a, b, equal_var=False, alternative=alternative)
    results[f"welch {name}"] = [welch.statistic, welch.df, welch.pvalue]
    ranks = stats.mannwhitneyu(a, b, alternative=alternative, method="asymptotic")
    results[f"ranks {name}"] = [ranks.statistic, ranks.pvalue]
    tied = stats.mannwhitneyu(ties_a, ties_b, alternative=alternative, method="asymptotic")
    results[f"tied ranks {name}"] = [tied.statistic, tied.pvalue]
    statsmodels_name = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}[alternative]
    results[f"proportions {name}"] = list(
        proportion.proportions_ztest([30, 45], [1000, 1100], alternative=statsmodels_name)
    )
welch = stats.ttest_ind(a, b, equal_var=False)
interval = welch.confidence_interval(0.9)
results["welch interval"] = [interval.low, interval.high]
results["wilson"] = list(proportion.proportion_confint(30, 1000, method="wilson"))
results["newcombe"] = list(
    proportion.confint_proportions_2indep(30, 1000, 45, 1100, compare="diff", method="newcomb")
)
results["goodness"] = list(stats.chisquare(counts_a, counts_a.sum() * np.full(len(counts_a), 1 / len(counts_a))))
independence = stats.chi2_contingency([counts_a, counts_b], correction=False)
results["independence"] = [independence.statistic, independence.dof, independence.pvalue]
smirnov = stats.ks_2samp(a, b, method="asymp")
results["smirnov"] = [smirnov.statistic, smirnov.pvalue]
results["jensen-shannon"] = [distance.jensenshannon(counts_a / counts_a.sum(), counts_b / counts_b.sum(), base=2)]
results["wasserstein"] = [stats.wasserstein_distance(a, b)]
positions = np.arange(len(counts_a))
results["weighed wasserstein"] = [stats.wasserstein_distance(positions, positions, counts_a, counts_b)]
results["holm"] = list(multitest.multipletests(samples["pValues"], method="holm")[1])
results["benjamini-hochberg"] = list(multitest.multipletests(samples["pValues"], method="fdr_bh")[1])
results["means size"] = [
    power.NormalIndPower().solve_power(effect_size=0.2, alpha=0.05, power=0.9, ratio=2, alternative="two-sided")
]
results["proportions size"] = [
    proportion.samplesize_proportions_2indep_onetail(
        0.02, 0.05, 0.8, ratio=1, alpha=0.05, value=0, alternative="two-sided"
    )
]
results["relative risk"] = list(
    proportion.confint_proportions_2indep(30, 1000, 45, 1100, compare="ratio", method="log")
)
results["cohen's h"] = [proportion.proportion_effectsize(0.3, 0.1)]
results["normal"] = list(stats.norm.cdf([-8, -1.96, 0, 1, 6])) + list(stats.norm.ppf([1e-9, 0.025, 0.5, 0.9]))
results["student"] = [2 * stats.t.sf(2.5, df) for df in (1, 3.7, 30, 1e6)] + [stats.t.ppf(0.995, 4.5)]
results["chi-square"] = [stats.chi2.sf(x, df) for x, df in ((3.84, 1), (0.1, 5), (120, 100), (5000, 3))]
results["kolmogorov"] = [stats.kstwobign.sf(x) for x in (0.1, 0.25, 0.8, 1.36, 3)]
json.dump({name: [float(value) for value in values] for name, values in results.items()}, sys.stdout)
