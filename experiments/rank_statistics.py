"""Kendall's tau of scores of subnets: over all pairs, over pairs of like size, with bootstrap intervals; and how well two halves of the
clips agree. Plain Python; tests/experiments/rank_statistics_test.py."""
import itertools
import random


def sign(x):
    return (x > 0) - (x < 0)


def all_pairs(count):
    return list(itertools.combinations(range(count), 2))


def near_pairs(sizes, share=0.1):
    """Pairs whose sizes both lie within +-share of their mean."""
    return [(i, j) for i, j in all_pairs(len(sizes)) if abs(sizes[i] - sizes[j]) <= share * (sizes[i] + sizes[j])]


def kendall(x, y, pairs=None):
    """tau-b (Kendall 1945) over `pairs` of indices, all by default; None where one of the two has ties only."""
    pairs = all_pairs(len(x)) if pairs is None else pairs
    concordant = untied_x = untied_y = 0
    for i, j in pairs:
        a, b = sign(x[i] - x[j]), sign(y[i] - y[j])
        concordant += a * b
        untied_x += a != 0
        untied_y += b != 0
    return concordant / (untied_x * untied_y) ** 0.5 if untied_x and untied_y else None


def bootstrap(x, y, pairs, resamples=1000, seed=0):
    """95 % percentile interval of kendall() over subnets: a subnet drawn k times gives each of its pairs k times the weight, and no pair
    with itself."""
    draws, count, taus = random.Random(seed), len(x), []
    signs = [(i, j, sign(x[i] - x[j]), sign(y[i] - y[j])) for i, j in pairs]
    for _ in range(resamples):
        weight = [0] * count
        for _ in range(count):
            weight[draws.randrange(count)] += 1
        concordant = untied_x = untied_y = 0
        for i, j, a, b in signs:
            w = weight[i] * weight[j]
            concordant += w * a * b
            untied_x += w * (a != 0)
            untied_y += w * (b != 0)
        if untied_x and untied_y:
            taus.append(concordant / (untied_x * untied_y) ** 0.5)
    taus.sort()
    if not taus:
        return None
    return taus[int(0.025 * len(taus))], taus[min(len(taus) - 1, int(0.975 * len(taus)))]


def split_half(hits, totals, pairs, splits=100, seed=0):
    """Mean tau of the accuracies on two random halves of the clips. hits, totals: of each subnet, of each clip."""
    draws, clips, taus = random.Random(seed), list(range(len(totals[0]))), []
    for _ in range(splits):
        draws.shuffle(clips)
        halves = clips[: len(clips) // 2], clips[len(clips) // 2:]
        first, second = ([sum(h[c] for c in half) / max(1, sum(t[c] for c in half)) for h, t in zip(hits, totals)] for half in halves)
        tau = kendall(first, second, pairs)
        if tau is not None:
            taus.append(tau)
    return sum(taus) / len(taus) if taus else None


def spread_over_sizes(items, count, group=5, share=0.1):
    """`count` of items [(size, name)]: groups of `group` whose sizes lie within +-share of a centre, the centres evenly spaced in log size;
    fewer where there are not so many."""
    items = sorted(set(items))
    smallest, largest = items[0][0], items[-1][0]
    groups = max(1, count // group)
    chosen = []
    for g in range(groups):
        centre = smallest * (largest / smallest) ** (g / max(1, groups - 1))
        near = sorted((abs(size - centre), size, name) for size, name in items
                      if abs(size - centre) <= share * centre and (size, name) not in chosen)
        chosen += [(size, name) for _, size, name in near[:group]]
    rest = [item for item in items if item not in chosen]
    while len(chosen) < count and rest:  # what the groups lack, evenly over the rest
        chosen.append(rest.pop(len(rest) // 2))
    return sorted(chosen[:count])
