"""Golden distances of dynamic time warping and ABX errors, by enumeration from the definitions (none of our code), in exact fractions.
Costs and distances are small integers, with ties.

  dtw          over all paths of steps (1,0), (0,1), (1,1) from corner to corner: the least sum, and of the paths with it the shortest; sum / length
  subsequence  over all matches of each row with one column, each 0, 1 or 2 further than the one before: the least sum / rows
  abx          mean over ordered pairs of phones of the mean over speakers of the mean over contexts of the mean over triples (a, b, x) of
               [d(a,x) > d(b,x)] + 1/2 [d(a,x) = d(b,x)]; a and x of one phone, b of the other, all in one context;
               within: all of one speaker, x other than a; across: a and b of one speaker, x of another

Usage: abx.py tests/speech/abx.json
"""
import itertools
import json
import random
import sys
from fractions import Fraction


def paths(rows, columns, i=0, j=0):
    if (i, j) == (rows - 1, columns - 1):
        yield [(i, j)]
        return
    for di, dj in ((1, 0), (0, 1), (1, 1)):
        if i + di < rows and j + dj < columns:
            for rest in paths(rows, columns, i + di, j + dj):
                yield [(i, j)] + rest


def dtw(costs):
    total, length = min((sum(costs[i][j] for i, j in path), len(path)) for path in paths(len(costs), len(costs[0])))
    return Fraction(total, length)


def subsequence(costs):
    rows, columns = len(costs), len(costs[0])
    sums = []
    for first in range(columns):
        for steps in itertools.product((0, 1, 2), repeat=rows - 1):
            places = [first + sum(steps[:k]) for k in range(rows)]
            if places[-1] < columns:
                sums.append(sum(costs[i][j] for i, j in enumerate(places)))
    return Fraction(min(sums), rows)


def mean(values):
    values = list(values)
    return sum(values, Fraction(0)) / len(values)


def nested_mean(errors):
    """errors: {(pair, speakers, context): [error, ...]}"""
    for _ in range(2):  # contexts, then speakers
        level = {}
        for key, values in errors.items():
            level.setdefault(key[:-1], []).append(mean(values))
        errors = level
    return mean(mean(values) for values in errors.values())


def abx(tokens, distance, within):
    errors, count = {}, 0
    for a, b, x in itertools.permutations(range(len(tokens)), 3):
        of_a, of_b, of_x = tokens[a], tokens[b], tokens[x]
        context = (of_a["before"], of_a["after"])
        if any((t["before"], t["after"]) != context for t in (of_b, of_x)):
            continue
        if of_a["phone"] != of_x["phone"] or of_a["phone"] == of_b["phone"] or of_a["speaker"] != of_b["speaker"]:
            continue
        if (of_a["speaker"] == of_x["speaker"]) != within:
            continue
        error = Fraction(1) if distance[a][x] > distance[b][x] else Fraction(1, 2) if distance[a][x] == distance[b][x] else Fraction(0)
        errors.setdefault(((of_a["phone"], of_b["phone"]), (of_a["speaker"], of_x["speaker"]), context), []).append(error)
        count += 1
    return {"triples": count, "error": float(nested_mean(errors))}


def matrix(draw, rows, columns, most):
    return [[draw.randint(0, most) for _ in range(columns)] for _ in range(rows)]


def warping_case(seed, rows, columns):
    costs = matrix(random.Random(seed), rows, columns, 3)
    return {"costs": costs, "dtw": float(dtw(costs)), "subsequence": float(subsequence(costs))}


def abx_case(seed, count, speakers, contexts):
    draw = random.Random(seed)
    tokens = [{"phone": draw.randrange(3), "before": draw.randrange(contexts), "after": 0, "speaker": draw.randrange(speakers)}
              for _ in range(count)]
    distance = matrix(draw, count, count, 4)
    distance = [[distance[min(i, j)][max(i, j)] for j in range(count)] for i in range(count)]
    return {"tokens": tokens, "distance": distance, "within": abx(tokens, distance, True), "across": abx(tokens, distance, False)}


golden = {
    "warping": [warping_case(seed, *shape) for seed, shape in enumerate([(1, 1), (1, 4), (4, 1), (3, 3), (4, 5), (5, 4), (5, 6), (3, 7)])],
    "abx": [abx_case(1, 14, 2, 1), abx_case(2, 20, 3, 2), abx_case(3, 18, 2, 2)],
}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file, indent=None, separators=(",", ":"))
    file.write("\n")
print([(case["dtw"], case["subsequence"]) for case in golden["warping"]], [(case["within"], case["across"]) for case in golden["abx"]])
