"""Golden log likelihood ratios of the two-covariance model (eval/plda.h), from its definition: covariances from the rows, the estimate of
the covariance between speakers without its negative part by an eigendecomposition of the full matrices, and ratios of the densities of
pairs as 2 D-dimensional Gaussians.

Usage: plda.py tests/eval/plda.json      (pip install numpy)
"""
import json
import sys

import numpy as np

SHRINKAGES = (0.3, 0.01)
COUNTS = (3, 7, 4, 6, 5, 2)  # embeddings of each speaker
WIDTH = 4


def root(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**power) @ vectors.T


def log_density(x, covariance):
    sign, log_determinant = np.linalg.slogdet(covariance)
    return -0.5 * (log_determinant + x @ np.linalg.solve(covariance, x) + len(x) * np.log(2 * np.pi))


def covariances(x, speakers, shrinkage):
    n, names = len(x), sorted(set(speakers))
    of = [x[speakers == name] for name in names]
    within = sum((rows - rows.mean(0)).T @ (rows - rows.mean(0)) for rows in of) / (n - len(names))
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / x.shape[1] * np.eye(x.shape[1])
    square = sum(len(rows) * np.outer(rows.mean(0) - x.mean(0), rows.mean(0) - x.mean(0)) for rows in of) / (len(names) - 1)
    balance = (n - sum(len(rows) ** 2 for rows in of) / n) / (len(names) - 1)
    values, vectors = np.linalg.eigh(root(within, -0.5) @ ((square - within) / balance) @ root(within, -0.5))
    between = root(within, 0.5) @ vectors @ np.diag(np.maximum(values, 0)) @ vectors.T @ root(within, 0.5)
    return within, between, int((values > 0).sum())


def ratio(a, b, within, between):
    total, zero = within + between, np.zeros_like(within)
    pair = np.concatenate([a, b])
    return log_density(pair, np.block([[total, between], [between, total]])) - log_density(pair, np.block([[total, zero], [zero, total]]))


draws = np.random.default_rng(7)
speakers = np.repeat(np.arange(len(COUNTS)), COUNTS)
means = draws.normal(size=(len(COUNTS), WIDTH)) * [2.0, 1.0, 0.1, 0.0]  # the last coordinates say little of the speaker
mix = draws.normal(size=(WIDTH, WIDTH))
x = np.round((means[speakers] + draws.normal(size=(len(speakers), WIDTH))) @ mix * [1, 10, 0.1, 1] + 5, 3)
pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x)) if (i + j) % 7 == 0]
unit = (x - x.mean(0)) / x.std(0)
golden = {"embeddings": x.tolist(), "speakers": speakers.tolist(), "pairs": pairs, "fits": []}
for shrinkage in SHRINKAGES:
    within, between, kept = covariances(unit, speakers, shrinkage)
    golden["fits"].append({"shrinkage": shrinkage, "directions": kept, "ratios": [ratio(unit[i], unit[j], within, between) for i, j in pairs]})
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
    file.write("\n")
for fit in golden["fits"]:
    print(fit["shrinkage"], fit["directions"], np.round(fit["ratios"][:6], 3))
