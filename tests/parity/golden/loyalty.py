"""Golden loyalties of a student to its teacher (eval/loyalty.h), from their definitions: the nearest centroid by distances, the softmax over
centroids, the Jensen-Shannon divergence in bits of each pair of distributions, and Pearson's r of each channel.

Usage: loyalty.py tests/eval/loyalty.json      (pip install numpy)
"""
import json
import sys

import numpy as np

TEMPERATURE = 1.7
CLIPS = (7, 1, 12)  # frames of each
WIDTH, UNITS = 4, 5


def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def entropy(p):
    return -sum(v * np.log2(v) for v in p if v > 0)


def divergence(p, q):
    """Jensen-Shannon as the entropy of the mean less the mean entropy."""
    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


def unit(row):
    return int(np.argmin([np.linalg.norm(row - c) for c in centroids]))


def probabilities(row):
    return softmax(np.array([-np.linalg.norm(row - c) ** 2 / TEMPERATURE for c in centroids]))


draws = np.random.default_rng(19)
centroids = np.round(1.5 * draws.normal(size=(UNITS, WIDTH)), 3)
teacher = np.round(draws.normal(size=(sum(CLIPS), WIDTH)) + [0, 0, 3, 0], 3)
student = np.round(0.7 * teacher + 0.6 * draws.normal(size=teacher.shape), 3)
student[:, 3] = 0.25  # no variance: r is 0
pairs = list(zip(teacher, student))
alike = [1 - np.sqrt(divergence(probabilities(t), probabilities(s))) for t, s in pairs]
r = [np.corrcoef(teacher[:, d], student[:, d])[0, 1] for d in range(WIDTH - 1)] + [0.0]
golden = {
    "temperature": TEMPERATURE,
    "clips": CLIPS,
    "centroids": centroids.tolist(),
    "teacher": teacher.tolist(),
    "student": student.tolist(),
    "label": float(np.mean([unit(t) == unit(s) for t, s in pairs])),
    "frames": [float(v) for v in alike],
    "probability": float(np.mean(alike)),
    "pearson": float(np.mean(r)),
    "explained": float(1 - ((teacher - student) ** 2).sum() / ((teacher - teacher.mean(0)) ** 2).sum()),
}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file)
    file.write("\n")
for name in ("label", "probability", "pearson", "explained"):
    print(name, round(golden[name], 4))
