"""Golden losses and gradients of the training objectives, in double precision from their formulas (none of our code), on
a ragged batch with students at 20, 40 and 90 ms. Inputs are closed_form.uniform(NAME), so that the file holds outputs only;
of each gradient every 5th value is kept.

Usage: objectives.py tests/distill/objective/golden.json      (pip install torch==2.13.0 numpy)
"""
import json
import sys

import numpy as np
import torch
from torch.nn import functional

from closed_form import uniform

BATCH, FRAMES, LENGTHS = 3, 12, (12, 7, 5)  # base frames
STUDENT_DIM, TEACHER_DIM, DEPTH, TEACHER_DEPTH, CLUSTERS = 6, 8, 3, 6, 5
PERIODS = {20: 12, 40: 6, 90: 3}  # ms -> frames of the student
VALID = torch.arange(FRAMES)[None] < torch.tensor(LENGTHS)[:, None]
MASK = torch.from_numpy(uniform("mask", BATCH * FRAMES)).view(BATCH, FRAMES) > 0
UNITS = (torch.from_numpy(uniform("units", BATCH * FRAMES)).view(BATCH, FRAMES).add(1).mul(CLUSTERS / 2)).long()


def value(name, *shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape)))).view(shape)


def teacher(layer):  # hidden state
    return value(f"teacher {layer}", BATCH, FRAMES, TEACHER_DIM) * (layer + 1) + 0.1 * layer


def mean_where(x, where):
    return (x * where).sum() / where.sum()


def distance(kind, a, b):
    if kind == "cosine":
        return 1 - functional.cosine_similarity(a, b, dim=-1)
    return ((a - b).abs() if kind == "l1" else (a - b) ** 2).mean(-1)


class Student:
    """Hidden states with gradients, heads as they are asked for, the way back to base frames."""

    def __init__(self, period):
        frames = PERIODS[period]
        self.hidden = [value(f"student {layer} {period}", BATCH, frames, STUDENT_DIM).requires_grad_()
                       for layer in range(DEPTH + 1)]
        self.back = None if period == 20 else value(f"back {period}", BATCH, FRAMES, frames).abs()
        self.heads = {}

    def head(self, name, layer, out):
        if name not in self.heads:
            self.heads[name] = (value(name + ".weight", out, STUDENT_DIM).requires_grad_(),
                                value(name + ".bias", out).requires_grad_())
        weight, bias = self.heads[name]
        y = self.hidden[layer] @ weight.T + bias
        return y if self.back is None else self.back @ y


def layer_mean(student, o, prefix="objective."):
    prediction = student.head(prefix + "head", DEPTH, TEACHER_DIM)
    return mean_where(distance(o["distance"], prediction, value("layer mean", BATCH, FRAMES, TEACHER_DIM)), VALID)


def masked_units(student, o, prefix="objective."):
    total = 0
    for layer in o["layers"]:
        logits = student.head(f"{prefix}heads.{layer}", layer, CLUSTERS)
        entropy = functional.cross_entropy(logits.flatten(0, 1), UNITS.flatten(), reduction="none").view_as(UNITS)
        total = total + mean_where(entropy, MASK & VALID) + o["unmasked_weight"] * mean_where(entropy, ~MASK & VALID)
    return total / len(o["layers"])


def layer_pairs(student, o, prefix="objective."):
    if o["map"] == "pairs":  # all layers are kept, so index and rank agree
        places = o["student_layers"]
        if o["position"] == "relative":
            places = [int(np.ceil(p * DEPTH)) for p in places]
        pairs = list(zip(o["teacher_layers"], (int(p) for p in places)))
    else:
        maps = {"first": lambda s: s, "last": lambda s: s + TEACHER_DEPTH - DEPTH,
                "uniform": lambda s: round(s * TEACHER_DEPTH / DEPTH), "gap": lambda s: s * (TEACHER_DEPTH // DEPTH)}
        pairs = [(maps[o["map"]](s), s) for s in range(1, DEPTH + 1)]
    weights = o["weights"] * (len(pairs) if len(o["weights"]) == 1 else 1)
    total = 0
    for i, (teacher_layer, student_layer) in enumerate(pairs):
        target = teacher(teacher_layer)
        if o["channels"] == "standard":
            frames = target[VALID]
            target = (target - frames.mean(0)) / (frames.var(0, unbiased=False) + 1e-5).sqrt()
        elif o["channels"] == "instance":
            target = target.clone()
            for b, length in enumerate(LENGTHS):
                frames = target[b, :length]
                target[b] = (target[b] - frames.mean(0)) / (frames.var(0, unbiased=False) + 1e-5).sqrt()
        prediction = student.head(f"{prefix}pairs.{i}", student_layer, TEACHER_DIM)
        total = total + weights[i] * mean_where(distance(o["distance"], prediction, target), VALID)
    return total / sum(weights)


def weighted_sum(student, o, progress):
    total = 0
    for i, child in enumerate(o["of"]):
        first, last = child["weight"][0], child["weight"][-1]
        low, high = child.get("over", [0, 1])
        share = min(max((progress - low) / (high - low), 0), 1)
        total = total + (first + (last - first) * share) * KINDS[child["kind"]](student, child, f"objective.{i}.")
    return total


KINDS = {"layer_mean": layer_mean, "masked_units": masked_units, "layer_pairs": layer_pairs}
MEAN = {"kind": "layer_mean", "top": 2, "instance_norm": True, "teacher_depth": TEACHER_DEPTH,
        "teacher_dim": TEACHER_DIM, "student_dim": STUDENT_DIM}
UNITS_AT = {"kind": "masked_units", "depth": DEPTH, "clusters": CLUSTERS, "model_dim": STUDENT_DIM}
PAIRS = {"kind": "layer_pairs", "position": "index", "teacher_layers": [], "student_layers": [], "weights": [1],
         "teacher_depth": TEACHER_DEPTH, "teacher_dim": TEACHER_DIM, "student_depth": DEPTH, "student_dim": STUDENT_DIM}
OBJECTIVES = [
    {**MEAN, "distance": "l1"},
    {**MEAN, "distance": "mse"},
    {**MEAN, "distance": "cosine"},
    {**UNITS_AT, "layers": [3], "unmasked_weight": 0.0},
    {**UNITS_AT, "layers": [1, 3], "unmasked_weight": 0.5},
    {**PAIRS, "map": "uniform", "distance": "l1", "channels": "standard"},
    {**PAIRS, "map": "first", "distance": "mse", "channels": "standard"},
    {**PAIRS, "map": "last", "distance": "l1", "channels": "instance", "weights": [0.1, 0.1, 1.0]},
    {**PAIRS, "map": "gap", "position": "rank", "distance": "cosine", "channels": "standard"},
    {**PAIRS, "map": "pairs", "position": "relative", "teacher_layers": [0, 4], "student_layers": [0.3, 1.0],
     "weights": [0.5, 2.0], "distance": "mse", "channels": "none"},
    {"kind": "sum", "of": [{**MEAN, "distance": "l1", "weight": [1.0, 0.2], "over": [0.1, 0.5]},
                           {**PAIRS, "map": "uniform", "distance": "l1", "channels": "standard", "weight": [0.3]}]},
]
PROGRESS = 0.25
cases = []
for objective in OBJECTIVES:
    for period in PERIODS:
        student = Student(period)
        loss = (weighted_sum(student, objective, PROGRESS) if objective["kind"] == "sum"
                else KINDS[objective["kind"]](student, objective))
        loss.backward()
        gradients = {f"hidden {layer}": h.grad for layer, h in enumerate(student.hidden) if h.grad is not None}
        for name, (weight, bias) in student.heads.items():
            gradients |= {name + ".weight": weight.grad, name + ".bias": bias.grad}
        cases.append({"objective": objective, "period": period, "loss": float(f"{loss.item():.9g}"),
                      "gradients": {name: [float(f"{x:.7g}") for x in g.flatten()[::5].tolist()]
                                    for name, g in gradients.items()}})
with open(sys.argv[1], "w") as file:
    json.dump({"progress": PROGRESS, "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
print(len(cases), "cases")
