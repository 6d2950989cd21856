"""Golden values of the scores of frozen features (eval/paired_sums.h, eval/trained_probe.h), in double precision from their
definitions: ridge regression and its R2 on other rows from the rows themselves, linear CKA from Gram matrices of frames, RankMe
from singular values, and gradients of the trained probe by autograd.

Usage: frozen_features.py tests/eval/golden.json      (pip install torch==2.13.0 numpy)
"""
import json
import sys

import numpy as np
import torch

from closed_form import uniform

ROWS, TRAINING, WIDTH, TARGETS, LAYERS, CLASSES = 60, 40, 5, 3, 4, 6
SHRINKAGES = (0.1, 1e-3)


def value(name, *shape):
    return uniform(name, int(np.prod(shape))).reshape(shape)


def standardised(x, like):
    return (x - like.mean(0)) / like.std(0)


def ridge(x, y, shrinkage):
    """On unit-variance features, with an intercept: weight and bias of raw features."""
    unit, offset = standardised(x, x), y.mean(0)
    n = len(x)
    weight = np.linalg.solve(unit.T @ unit / n + shrinkage * np.eye(x.shape[1]), unit.T @ (y - offset) / n) / x.std(0)[:, None]
    return weight, offset - x.mean(0) @ weight


def r2(x, y, fit):
    weight, bias = fit
    return 1 - ((y - x @ weight - bias) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()


def cka(x, y):
    centre = np.eye(len(x)) - 1 / len(x)
    k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))


def rankme(x):
    singular = np.linalg.svd(x, compute_uv=False)
    p = singular / singular.sum() + 1e-7
    return np.exp(-(p * np.log(p)).sum())


def probe():
    x = torch.from_numpy(value("probe layers", LAYERS, ROWS, WIDTH) + 2)
    labels = torch.from_numpy(((value("probe labels", ROWS) + 1) * CLASSES / 2).astype(np.int64))
    leaves = [torch.from_numpy(value(f"probe {name}", *shape)).requires_grad_()
              for name, shape in (("layer_logits", (LAYERS,)), ("weight", (WIDTH, CLASSES)), ("bias", (CLASSES,)))]
    mean, spread = torch.from_numpy(value("probe mean", WIDTH)), torch.from_numpy(1.5 + value("probe spread", WIDTH))
    logits, weight, bias = leaves
    z = torch.einsum("l,lnd->nd", logits.softmax(0), x)
    loss = torch.nn.functional.cross_entropy((z - mean) / spread @ weight + bias, labels)
    loss.backward()
    return {"loss": loss.item(), "layer_logits": logits.grad.tolist(), "weight": weight.grad.flatten().tolist(),
            "bias": bias.grad.tolist()}


x = value("features", ROWS, WIDTH) * np.arange(1, WIDTH + 1) + 3
y = x @ value("map", WIDTH, TARGETS) + value("noise", ROWS, TARGETS)
train, scored = slice(0, TRAINING), slice(TRAINING, ROWS)
fits = [ridge(x[train], y[train], shrinkage) for shrinkage in SHRINKAGES]
golden = {
    "ridge": [{"shrinkage": shrinkage, "weight": fit[0].flatten().tolist(), "bias": fit[1].tolist(),
               "r2": r2(x[scored], y[scored], fit)} for shrinkage, fit in zip(SHRINKAGES, fits)],
    "cka": cka(x[scored], y[scored]),
    "rankme": rankme(x[scored]),
    "probe": probe(),
}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file, indent=1)
    file.write("\n")
