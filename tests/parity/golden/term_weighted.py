"""Golden maximum term-weighted values by exact fractions from the definition (none of our code): every threshold is tried.

  MTWV = max over thresholds of 1 - mean over queries with a target of (P_miss + beta P_fa),   beta = c_fa / c_miss (1 / p_target - 1)
  P_miss: the share of a query's targets below the threshold; P_fa: that of its other documents at or above it. Scores are integers, with ties.

Usage: term_weighted.py tests/eval/term_weighted.json
"""
import json
import random
import sys
from fractions import Fraction


def mtwv(trials, p_target, c_miss, c_false_alarm):
    beta = Fraction(c_false_alarm, c_miss) * (1 / p_target - 1)
    queries = sorted({query for query, target, _ in trials if target})
    values = [Fraction(0)]  # rejects all
    for threshold in {score for _, _, score in trials}:
        losses = []
        for query in queries:
            targets = [score for q, target, score in trials if q == query and target]
            others = [score for q, target, score in trials if q == query and not target]
            miss = Fraction(sum(score < threshold for score in targets), len(targets))
            alarm = Fraction(sum(score >= threshold for score in others), len(others)) if others else 0
            losses.append(miss + beta * alarm)
        values.append(1 - sum(losses, Fraction(0)) / len(queries))
    return max(values)


def case(seed, queries, documents, shift, spread):
    draw = random.Random(seed)
    trials = []
    for query in range(queries):
        for _ in range(documents):
            target = query > 0 and draw.random() < 0.2  # the first query has none
            trials.append([query, target, round((draw.gauss(0, 1) + shift * target) * spread)])
    costs = [(Fraction(8, 10000), 100, 1), (Fraction(1, 20), 1, 1), (Fraction(1, 2), 1, 2)]
    return {"trials": trials, "mtwv": [{"p_target": float(p), "c_miss": m, "c_false_alarm": f, "value": float(mtwv(trials, p, m, f))}
                                       for p, m, f in costs]}


cases = [case(1, 5, 30, 4, 10), case(2, 8, 40, 2, 3), case(3, 6, 20, 0, 5), case(4, 4, 25, 3, 2)]
with open(sys.argv[1], "w") as file:
    json.dump(cases, file, indent=None, separators=(",", ":"))
    file.write("\n")
print([[cost["value"] for cost in each["mtwv"]] for each in cases])
