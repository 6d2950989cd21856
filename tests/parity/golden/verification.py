"""Golden equal error rates and minimum detection costs of speaker verification, by exact fractions from the definitions
(none of our code): every threshold is tried, misses are the share of targets at or below it, false alarms that of
non-targets above it. Inputs are integer scores, with ties.

  EER       where the line between the two neighbouring points of the ROC meets miss = false alarm
  min DCF   min over thresholds of (c_miss p P_miss + c_fa (1 - p) P_fa) / min(c_miss p, c_fa (1 - p))

Usage: verification.py tests/eval/verification.json
"""
import json
import random
import sys
from fractions import Fraction


def points(targets, others):
    """(miss, false alarm) of every threshold, from accepting all to rejecting all."""
    found = [(Fraction(0), Fraction(1))]
    for threshold in sorted(set(targets + others)):
        found.append((Fraction(sum(t <= threshold for t in targets), len(targets)),
                      Fraction(sum(o > threshold for o in others), len(others))))
    return found


def equal_error_rate(targets, others):
    roc = points(targets, others)
    for (miss, alarm), (next_miss, next_alarm) in zip(roc, roc[1:]):
        if next_miss >= next_alarm:
            share = (alarm - miss) / ((alarm - miss) + (next_miss - next_alarm))
            return miss + share * (next_miss - miss)


def min_dcf(targets, others, p_target, c_miss, c_false_alarm):
    miss_cost, alarm_cost = c_miss * p_target, c_false_alarm * (1 - p_target)
    return min(miss_cost * m + alarm_cost * a for m, a in points(targets, others)) / min(miss_cost, alarm_cost)


def case(seed, count, shift, spread):
    draw = random.Random(seed)
    targets = [round(draw.gauss(shift, 1) * spread) for _ in range(count)]
    others = [round(draw.gauss(0, 1) * spread) for _ in range(3 * count)]
    costs = [(Fraction(1, 100), 1, 1), (Fraction(1, 20), 1, 1), (Fraction(1, 100), 10, 1), (Fraction(1, 2), 1, 1)]
    return {"targets": targets, "others": others, "eer": float(equal_error_rate(targets, others)),
            "min_dcf": [{"p_target": float(p), "c_miss": m, "c_false_alarm": f,
                         "value": float(min_dcf(targets, others, p, m, f))} for p, m, f in costs]}


cases = [case(1, 40, 3.0, 100), case(2, 60, 1.5, 4), case(3, 25, 0.0, 50), case(4, 30, 2.0, 2)]
with open(sys.argv[1], "w") as file:
    json.dump(cases, file, indent=None, separators=(",", ":"))
    file.write("\n")
for each in cases:
    print(each["eer"], [cost["value"] for cost in each["min_dcf"]])
