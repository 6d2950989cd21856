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
STUDENT_HEADS, TEACHER_HEADS, HEAD_DIM = 2, 3, 2
PERIODS = {20: 12, 40: 6, 90: 3}  # ms -> frames of the student
VALID = torch.arange(FRAMES)[None] < torch.tensor(LENGTHS)[:, None]
MASK = torch.from_numpy(uniform("mask", BATCH * FRAMES)).view(BATCH, FRAMES) > 0
UNITS = (torch.from_numpy(uniform("units", BATCH * FRAMES)).view(BATCH, FRAMES).add(1).mul(CLUSTERS / 2)).long()


def value(name, *shape):
    return torch.from_numpy(uniform(name, int(np.prod(shape)))).view(shape)


def teacher(layer):  # hidden state
    return value(f"teacher {layer}", BATCH, FRAMES, TEACHER_DIM) * (layer + 1) + 0.1 * layer


def attention(kind, layer):  # query, key or value of the teacher
    return value(f"teacher {kind} {layer}", BATCH, FRAMES, TEACHER_HEADS * HEAD_DIM)


def mean_where(x, where):
    return (x * where).sum() / where.sum()


def distance(kind, a, b):
    cosine = functional.cosine_similarity(a, b, dim=-1)
    if kind in ("cosine", "nmse"):
        return (1 - cosine) * (1 if kind == "cosine" else 2)
    if kind == "layer_norm_mse":
        a, b = (functional.layer_norm(x, x.shape[-1:], eps=1e-5) for x in (a, b))
        return (a - b).square().mean(-1)
    if kind == "unit_l1":
        a, b = (x / x.square().sum(-1, keepdim=True).sqrt() for x in (a, b))
        return (a - b).abs().mean(-1)
    return ((a - b).abs() if kind == "l1" else (a - b) ** 2).mean(-1)


class Student:
    """Hidden states with gradients, heads as they are asked for, the way back to base frames."""

    def __init__(self, period):
        frames = PERIODS[period]
        self.hidden = [value(f"student {layer} {period}", BATCH, frames, STUDENT_DIM).requires_grad_()
                       for layer in range(DEPTH + 1)]
        self.attention = {f"{kind} {layer}": value(f"student {kind} {layer} {period}", BATCH, frames,
                                                   STUDENT_HEADS * HEAD_DIM).requires_grad_()
                          for kind in ("query", "key", "value") for layer in range(1, DEPTH + 1)}
        self.back = None if period == 20 else value(f"back {period}", BATCH, FRAMES, frames).abs()
        self.heads = {}

    def parameter(self, name, *shape):
        if name not in self.heads:
            self.heads[name] = value(name, *shape).requires_grad_()
        return self.heads[name]

    def base(self, y):
        return y if self.back is None else self.back @ y

    def linear(self, name, x, out):
        return x @ self.parameter(name + ".weight", out, x.shape[-1]).T + self.parameter(name + ".bias", out)

    def apply(self, name, x, out, kind="linear"):
        if kind == "linear":
            return self.linear(name, x, out)
        if kind == "gelu":
            return self.linear(name + ".1", functional.gelu(self.linear(name + ".0", x, out)), out)
        widths = [2 * STUDENT_DIM, STUDENT_DIM, 2 * STUDENT_DIM, out]
        for i, width in enumerate(widths):  # SimReg: norm and ReLU after the first and the third
            x = self.linear(f"{name}.{i}", x, width)
            if i % 2 == 0:
                x = functional.layer_norm(x, [width], self.parameter(f"{name}.{i}.norm.weight", width),
                                          self.parameter(f"{name}.{i}.norm.bias", width), eps=1e-5).relu()
        return x

    def head(self, name, layer, out, kind="linear"):
        return self.base(self.apply(name, self.hidden[layer], out, kind))

    def phases(self):  # of each base frame in the frame that is largest in its row of the back map
        result = torch.zeros(BATCH, FRAMES, dtype=torch.long)
        if self.back is not None:
            best = self.back.argmax(-1)
            for b in range(BATCH):
                for t in range(1, FRAMES):
                    result[b, t] = result[b, t - 1] + 1 if best[b, t] == best[b, t - 1] else 0
        return result


def layer_mean(student, o, prefix="objective."):
    prediction = student.head(prefix + "head", DEPTH, TEACHER_DIM)
    return mean_where(distance(o["distance"], prediction, value("layer mean", BATCH, FRAMES, TEACHER_DIM)), VALID)


def masked_units(student, o, prefix="objective."):
    total = 0
    for layer in o["layers"]:
        width = o.get("codeword_dim", 0)
        logits = student.head(f"{prefix}heads.{layer}", layer, width or CLUSTERS)
        if width:  # HuBERT's cosines; frames are mapped back after the cosines
            x = student.apply(f"{prefix}heads.{layer}", student.hidden[layer], width)
            codewords = student.parameter(f"{prefix}codewords.{layer}", CLUSTERS, width)
            cosines = functional.cosine_similarity(x[:, :, None], codewords[None, None], dim=-1)
            logits = student.base(cosines / o["temperature"])
        entropy = functional.cross_entropy(logits.flatten(0, 1), UNITS.flatten(), reduction="none").view_as(UNITS)
        total = total + mean_where(entropy, MASK & VALID) + o["unmasked_weight"] * mean_where(entropy, ~MASK & VALID)
    return total / len(o["layers"])


def logits(student, o, prefix="objective."):
    theirs = 4 * value("teacher logits", BATCH, FRAMES, CLUSTERS)
    ours = student.head(prefix + "head", DEPTH, CLUSTERS, o["head"])
    soft = o["loss"] == "kl"
    t = o["temperature"] if soft else 1
    target = (theirs / t).softmax(-1) if soft else functional.one_hot(theirs.argmax(-1), CLUSTERS).double()
    target = (1 - o["smoothing"]) * target + o["smoothing"] / CLUSTERS
    each = -(target * (ours / t).log_softmax(-1)).sum(-1)
    if soft:
        each = t ** 2 * (each + (target * target.log()).sum(-1))
    return mean_where(each, VALID)


def oracle(student, o, prefix="objective."):
    name, dim = prefix + "oracle.", o["dim"]
    embeddings = student.parameter(name + "labels", CLUSTERS + 1, dim)  # the last: no label
    h = student.linear(name + "source", teacher(o["teacher_layer"] or TEACHER_DEPTH), dim)
    queries, keys = student.linear(name + "query", h, dim), student.linear(name + "key", embeddings, dim)
    values = student.linear(name + "value", embeddings, dim)
    logits = []
    for b, length in enumerate(LENGTHS):  # attention over the clip's labels alone
        present = sorted(set(UNITS[b, :length].tolist())) + [CLUSTERS]
        weights = (queries[b] @ keys[present].T / dim ** 0.5).softmax(-1)
        logits.append(student.linear(name + "output", functional.gelu(h[b] + weights @ values[present]), CLUSTERS))
    theirs, ours = torch.stack(logits), student.head(prefix + "head", DEPTH, CLUSTERS)

    def entropy(x):
        return mean_where(functional.cross_entropy(x.flatten(0, 1), UNITS.flatten(), reduction="none").view_as(UNITS), VALID)

    t = o["temperature"]
    p, q = (theirs.detach() / t).log_softmax(-1), (ours / t).log_softmax(-1)
    apart = t ** 2 * mean_where((p.exp() * (p - q)).sum(-1), VALID)
    return o["unit_weight"] * entropy(ours) + o["oracle_weight"] * apart + entropy(theirs)


def assistants(student, o, prefix="objective."):
    t, ours = o["temperature"], student.head(prefix + "head", DEPTH, CLUSTERS)
    entropy = functional.cross_entropy(ours.flatten(0, 1), UNITS.flatten(), reduction="none").view_as(UNITS)
    p = sum(weight * (3 * value(f"assistant {k}", BATCH, FRAMES, CLUSTERS)).softmax(-1) for k, weight in ((0, 0.7), (1, 0.3)))
    apart = t ** 2 * (p * (p.log() - (ours / t).log_softmax(-1))).sum(-1)
    return (1 - o["share"]) * mean_where(entropy, VALID) + o["share"] * mean_where(apart, VALID)


def layers_paired(o):  # teacher layer, student layer, weight
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
    return [(t, s, w) for (t, s), w in zip(pairs, weights)]


def normalised(target, channels):
    if channels == "standard":
        frames = target[VALID]
        return (target - frames.mean(0)) / (frames.var(0, unbiased=False) + 1e-5).sqrt()
    target = target.clone()
    if channels == "instance":
        for b, length in enumerate(LENGTHS):
            frames = target[b, :length]
            target[b] = (target[b] - frames.mean(0)) / (frames.var(0, unbiased=False) + 1e-5).sqrt()
    return target


def layer_pairs(student, o, prefix="objective."):
    pairs = [(i, *pair) for i, pair in enumerate(layers_paired(o))]
    if o.get("embeddings"):
        pairs = [(len(pairs), 0, 0, 1.0)] + pairs
    total = 0
    for i, teacher_layer, student_layer, weight in pairs:
        target = normalised(teacher(teacher_layer), o["channels"])
        name = f"{prefix}pairs.{0 if o.get('shared_head') else i}"
        prediction = student.head(name, student_layer, TEACHER_DIM, o.get("head", "linear"))
        total = total + weight * mean_where(distance(o["distance"], prediction, target), VALID)
    return total / sum(weight for *_, weight in pairs)


def prediction_heads(student, o, prefix="objective."):
    layers = o["teacher_layers"]
    weights = o["weights"] * (len(layers) if len(o["weights"]) == 1 else 1)
    total = 0
    for i, layer in enumerate(layers):
        target = normalised(teacher(layer), o["channels"])
        prediction = student.head(f"{prefix}heads.{i}", DEPTH, TEACHER_DIM, o["head"])
        cosine = -functional.logsigmoid(functional.cosine_similarity(prediction, target, dim=-1))
        frames = distance(o["distance"], prediction, target) + o["cosine_weight"] * cosine
        total = total + weights[i] * mean_where(frames, VALID)
    return total / sum(weights)


def hints(student, o, prefix="objective."):
    listed = layers_paired(o)
    pairs = [(i, *pair) for i, pair in enumerate(listed) if pair[1] != DEPTH]
    pairs.append((len(listed), TEACHER_DEPTH, DEPTH, o["last_weight"]))
    total = 0
    for i, teacher_layer, student_layer, weight in pairs:
        name = f"{prefix}hints.{i}"
        up = student.parameter(name + ".up.bias", STUDENT_DIM)
        for phase in range(1 if student.back is None else o["phases"]):
            matrix = student.parameter(f"{name}.up.{phase}.weight", STUDENT_DIM, STUDENT_DIM)
            here = student.phases().clamp(max=o["phases"] - 1) == phase
            up = up + here[..., None] * student.base(student.hidden[student_layer] @ matrix.T)
        prediction = student.linear(name, up, TEACHER_DIM)
        total = total + weight * mean_where(distance(o["distance"], prediction, teacher(teacher_layer)), VALID)
    return total / sum(weight for *_, weight in pairs)


def masked_pairs(student, o, prefix="objective."):
    listed = layers_paired(o)
    pairs = [(i, *pair) for i, pair in enumerate(listed) if pair[1] != DEPTH]
    pairs.append((len(listed), TEACHER_DEPTH, DEPTH, o["last_weight"]))
    total = 0
    for i, layer, student_layer, weight in pairs:
        masked = value(f"teacher {layer} masked", BATCH, FRAMES, TEACHER_DIM) * (layer + 1) + 0.1 * layer
        target = torch.where(MASK[..., None], teacher(layer), masked)
        prediction = student.head(f"{prefix}pairs.{i}", student_layer, TEACHER_DIM, o["head"])
        total = total + weight * mean_where(distance(o["distance"], prediction, target), VALID)
    return total / sum(weight for *_, weight in pairs)


def relations(student, o, prefix="objective."):
    def relation(x, length):  # x [frames, channels] of one clip: [heads, frames, frames]
        dim = -(-x.shape[1] // o["heads"])
        x = functional.pad(x, (0, dim * o["heads"] - x.shape[1])).view(FRAMES, o["heads"], dim)[:length]
        return (torch.einsum("thd,shd->hts", x, x) / dim ** 0.5).log_softmax(-1)

    pairs = layers_paired(o)
    total = 0
    for kind in (kind for kind in ("query", "key", "value") if o[kind] > 0):
        for teacher_layer, student_layer, weight in pairs:
            ours, frames = student.base(student.attention[f"{kind} {student_layer}"]), 0
            for b, length in enumerate(LENGTHS):
                p, q = relation(attention(kind, teacher_layer)[b], length), relation(ours[b], length)
                frames = frames + (p.exp() * (p - q)).sum() / o["heads"]
            total = total + o[kind] * weight * frames / sum(LENGTHS)
    return total / sum(weight for *_, weight in pairs)


def attention_scores(student, o, prefix="objective."):
    def scores(q, k):  # of one clip: [heads, frames, frames]
        q, k = (x.view(len(x), -1, HEAD_DIM) for x in (q, k))
        return torch.einsum("thd,shd->hts", q, k) / HEAD_DIM ** 0.5

    pairs = layers_paired(o)
    total = 0
    for teacher_layer, student_layer, weight in pairs:
        q, k = (student.base(student.attention[f"{kind} {student_layer}"]) for kind in ("query", "key"))
        squares = 0
        for b, length in enumerate(LENGTHS):
            ours = scores(q[b, :length], k[b, :length])
            theirs = scores(attention("query", teacher_layer)[b, :length], attention("key", teacher_layer)[b, :length])
            if o["heads"] == "mean":
                squares = squares + ((ours.mean(0) - theirs.mean(0)) ** 2).sum()
            else:
                heads = min(len(ours), len(theirs))
                squares = squares + ((ours[:heads] - theirs[:heads]) ** 2).mean(0).sum()
        total = total + weight * squares / sum(length ** 2 for length in LENGTHS)
    return total / sum(weight for *_, weight in pairs)


def temporal_gram(student, o, prefix="objective."):
    pairs = [(0, 0, 1.0)] + layers_paired(o)

    def difference(a, b):  # of products of layers a[1], b[1] of the student and a[0], b[0] of the teacher
        squares = 0
        for i, length in enumerate(LENGTHS):
            x, y = (student.base(student.hidden[p[1]])[i, :length] for p in (a, b))
            u, v = (teacher(p[0])[i, :length] for p in (a, b))
            squares = squares + ((x @ y.T / STUDENT_DIM - u @ v.T / TEACHER_DIM) ** 2).sum()
        return squares / sum(length ** 2 for length in LENGTHS)

    within = sum(p[2] * difference(p, p) for p in pairs) / sum(p[2] for p in pairs)
    between = sum(p[2] * difference(before, p) for before, p in zip(pairs, pairs[1:])) / sum(p[2] for p in pairs[1:])
    return o["within_layers"] * within + o["between_layers"] * between


def distances_and_angles(student, o, prefix="objective."):
    def distances(x):  # of each pair of frames of one clip, over their mean
        pairs = [(s, t) for s in range(len(x)) for t in range(s)]
        each = torch.stack([(x[s] - x[t]).square().sum().sqrt() for s, t in pairs])
        return each / each.mean()

    def angles(x):  # their cosines at the middle of triplets of frames
        triplets = [(t - a, t, t + b) for t in range(len(x)) for a in o["offsets"] for b in o["offsets"] if a <= t < len(x) - b]
        return torch.stack([unit(x[s] - x[t]) @ unit(x[u] - x[t]) for s, t, u in triplets] or [x.sum() * 0])

    def huber(a, b):
        apart = (a - b).abs()
        return torch.where(apart < 1, apart ** 2 / 2, apart - 0.5).mean()

    pairs = layers_paired(o)
    total = 0
    for teacher_layer, student_layer, weight in pairs:
        ours, theirs = student.base(student.hidden[student_layer]), teacher(teacher_layer)
        for b, length in enumerate(LENGTHS):
            x, y = ours[b, :length], theirs[b, :length]
            part = o["distances"] * huber(distances(x), distances(y)) + o["angles"] * huber(angles(x), angles(y))
            total = total + weight * part * length / sum(LENGTHS)
    return total / sum(weight for *_, weight in pairs)


def cka(student, o, prefix="objective."):
    def similarity(x, y):  # rows are items: HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y))
        n = len(x)
        h = torch.eye(n, dtype=x.dtype) - torch.ones(n, n, dtype=x.dtype) / n
        k, l = h @ x @ x.T @ h, h @ y @ y.T @ h
        return (k * l).sum() / ((k * k).sum() * (l * l).sum()).sqrt()

    def loss(similarities):
        return -(torch.stack(similarities).abs().mean() + 1e-8).log()

    def pooled(x):
        return torch.stack([x[b, :length].mean(0) for b, length in enumerate(LENGTHS)])

    def distances(x, memory):
        return (((x[:, None] - memory[None]) ** 2).mean(-1) + 1e-8).sqrt()

    def cosines(x, memory):
        return functional.cosine_similarity(x[:, None], memory[None], dim=-1)

    pairs = layers_paired(o)
    steps = [max(1, -(-length // o["frames"])) for length in LENGTHS]
    total = 0
    for i, (teacher_layer, student_layer, weight) in enumerate(pairs):
        x, y = student.base(student.hidden[student_layer]), teacher(teacher_layer)
        intra = loss([similarity(x[b, :length:step], y[b, :length:step])
                      for b, (length, step) in enumerate(zip(LENGTHS, steps))])
        part = o["intra"] * intra
        if o["local"]:
            part = part + o["local"] * loss([similarity(pooled(x), pooled(y))])
        if o["global"]:
            ours = student.parameter(f"{prefix}memory.{i}", o["memory"], STUDENT_DIM)
            theirs = value(f"memory:{teacher_layer}", o["memory"], TEACHER_DIM)
            far = ((distances(pooled(x), ours) - distances(pooled(y), theirs)) ** 2).mean()
            turned = ((cosines(pooled(x), ours) - cosines(pooled(y), theirs)) ** 2).mean()
            share = o["distances"]
            part = part + o["global"] * (share * far + (1 - share) * turned + loss([similarity(ours, theirs)]))
        total = total + weight * part
    return total / sum(weight for *_, weight in pairs)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def prototypes(student, o, prefix="objective."):
    layers = o["teacher_layers"]
    centres = unit(value("prototypes", o["count"], len(layers) * TEACHER_DIM))

    def assignments(x):
        return (unit(x) @ centres.T / o["temperature"]).log_softmax(-1)

    theirs = assignments(torch.cat([unit(teacher(layer)) for layer in layers], -1))
    ours = assignments(student.head(prefix + "head", DEPTH, len(layers) * TEACHER_DIM, o["head"]))
    return mean_where((theirs.exp() * (theirs - ours)).sum(-1), VALID)


def contrastive(student, o, prefix="objective."):
    # The queue's first two places are empty; of the others one overlaps the first clip, which begins at 0.
    keys = value("keys", o["queue"], TEACHER_DIM)
    scale = student.parameter(prefix + "scale", 1).exp()
    total = 0
    for b, length in enumerate(LENGTHS):
        query = unit(student.head(prefix + "head", DEPTH, TEACHER_DIM)[b, :length].mean(0))
        key = unit(teacher(o["teacher_layer"] or TEACHER_DEPTH)[b, :length].mean(0))
        negatives = [j for j in range(2, o["queue"]) if not (b == 0 and j == 2)]
        logits = torch.cat([(query @ key)[None], keys[negatives] @ query]) * scale
        total = total - logits.log_softmax(-1)[0]
    return total / BATCH


def weighted_sum(student, o, progress):
    total = 0
    for i, child in enumerate(o["of"]):
        first, last = child["weight"][0], child["weight"][-1]
        low, high = child.get("over", [0, 1])
        share = min(max((progress - low) / (high - low), 0), 1)
        total = total + (first + (last - first) * share) * KINDS[child["kind"]](student, child, f"objective.{i}.")
    return total


KINDS = {"layer_mean": layer_mean, "masked_units": masked_units, "logits": logits, "layer_pairs": layer_pairs,
         "prediction_heads": prediction_heads, "hints": hints, "masked_pairs": masked_pairs, "relations": relations,
         "attention_scores": attention_scores, "temporal_gram": temporal_gram, "distances_and_angles": distances_and_angles,
         "cka": cka, "prototypes": prototypes, "contrastive": contrastive, "oracle": oracle, "assistants": assistants}
MEAN = {"kind": "layer_mean", "top": 2, "instance_norm": True, "teacher_depth": TEACHER_DEPTH,
        "teacher_dim": TEACHER_DIM, "student_dim": STUDENT_DIM}
UNITS_AT = {"kind": "masked_units", "depth": DEPTH, "clusters": CLUSTERS, "model_dim": STUDENT_DIM}
LAYERS = {"map": "uniform", "position": "index", "teacher_layers": [], "student_layers": [], "weights": [1.0],
          "teacher_depth": TEACHER_DEPTH, "student_depth": DEPTH}
DIMS = {"teacher_dim": TEACHER_DIM, "student_dim": STUDENT_DIM}
PAIRS = {"kind": "layer_pairs", **LAYERS, **DIMS}
HEADS = {"kind": "prediction_heads", "weights": [1.0], "distance": "l1", "cosine_weight": 1.0, "channels": "none",
         "teacher_depth": TEACHER_DEPTH, **DIMS}
HINTS = {"kind": "hints", **LAYERS, "weights": [0.1], "last_weight": 1.0, "distance": "mse", "phases": 2, **DIMS}
MASKED = {"kind": "masked_pairs", **LAYERS, "weights": [0.1], "last_weight": 1.0, "distance": "mse", "head": "linear",
          **DIMS}
RELATIONS = {"kind": "relations", **LAYERS, "query": 1.0, "key": 1.0, "value": 1.0, "heads": 2}
SCORES = {"kind": "attention_scores", **LAYERS, "teacher_head_dim": HEAD_DIM, "student_head_dim": HEAD_DIM}
GRAM = {"kind": "temporal_gram", **LAYERS, "within_layers": 1.0, "between_layers": 1.0}
RKD = {"kind": "distances_and_angles", **LAYERS}
CKA = {"kind": "cka", **LAYERS, **DIMS, "frames": 256, "memory": 5, "distances": 0.3}
PROTOTYPES = {"kind": "prototypes", "count": 5, "temperature": 0.2, "teacher_depth": TEACHER_DEPTH, **DIMS}
LOGITS = {"kind": "logits", "units": CLUSTERS, "teacher_depth": TEACHER_DEPTH, "student_dim": STUDENT_DIM}
ORACLE = {"kind": "oracle", "units": CLUSTERS, "teacher_depth": TEACHER_DEPTH, "dim": 4, "label_dropout": 0.3, **DIMS}
ASSISTANTS = {"kind": "assistants", "count": 2, "units": CLUSTERS, "student_dim": STUDENT_DIM}
CONTRASTIVE = {"kind": "contrastive", "queue": 7, "teacher_depth": TEACHER_DEPTH, **DIMS}
OBJECTIVES = [
    {**MEAN, "distance": "l1"},
    {**MEAN, "distance": "mse"},
    {**MEAN, "distance": "cosine"},
    {**UNITS_AT, "layers": [3], "unmasked_weight": 0.0},
    {**UNITS_AT, "layers": [1, 3], "unmasked_weight": 0.5},
    {**UNITS_AT, "layers": [1, 3], "position": "relative", "unmasked_weight": 0.0, "codeword_dim": 4,
     "temperature": 0.1},
    {"kind": "sum", "of": [{**UNITS_AT, "layers": [2, 3], "unmasked_weight": 0.0, "weight": [0.5]},
                           {**MEAN, "distance": "mse", "weight": [1.0]}]},
    {**LOGITS, "loss": "kl", "temperature": 2.0, "smoothing": 0.0, "head": "linear"},
    {**LOGITS, "loss": "kl", "temperature": 1.0, "smoothing": 0.2, "head": "gelu"},
    {**LOGITS, "loss": "cross_entropy", "temperature": 1.0, "smoothing": 0.1, "head": "linear"},
    {**ASSISTANTS, "share": 0.5, "temperature": 1.0},
    {**ASSISTANTS, "share": 0.9, "temperature": 2.0},
    {**ORACLE, "teacher_layer": 0, "unit_weight": 1.0, "oracle_weight": 1.0, "temperature": 1.0},
    {**ORACLE, "teacher_layer": 2, "unit_weight": 0.5, "oracle_weight": 2.0, "temperature": 3.0},
    {**PAIRS, "map": "uniform", "distance": "l1", "channels": "standard"},
    {**PAIRS, "map": "first", "distance": "mse", "channels": "standard"},
    {**PAIRS, "map": "last", "distance": "l1", "channels": "instance", "weights": [0.1, 0.1, 1.0]},
    {**PAIRS, "map": "gap", "position": "rank", "distance": "cosine", "channels": "standard"},
    {**PAIRS, "map": "pairs", "position": "relative", "teacher_layers": [0, 4], "student_layers": [0.3, 1.0],
     "weights": [0.5, 2.0], "distance": "mse", "channels": "none"},
    {**PAIRS, "map": "uniform", "distance": "nmse", "channels": "none", "head": "mlp"},
    {**PAIRS, "map": "gap", "distance": "mse", "channels": "none", "shared_head": True, "embeddings": True},
    {**PAIRS, "map": "pairs", "position": "relative", "teacher_layers": [4], "student_layers": [0.6], "distance": "unit_l1",
     "channels": "none"},
    {**PAIRS, "map": "uniform", "distance": "layer_norm_mse", "channels": "none"},
    {**HEADS, "teacher_layers": [2, 4, 6], "head": "gelu"},
    {**HEADS, "teacher_layers": [0, 5], "weights": [1.0, 0.3], "head": "linear", "cosine_weight": 0.0,
     "distance": "nmse", "channels": "standard"},
    {**HINTS},
    {**HINTS, "map": "pairs", "position": "relative", "teacher_layers": [1, 3], "student_layers": [0.3, 1.0],
     "weights": [0.2, 0.1], "last_weight": 2.0, "phases": 3},
    {**MASKED},
    {**MASKED, "map": "last", "weights": [0.5, 0.2, 1.0], "last_weight": 0.7, "distance": "l1", "head": "gelu"},
    {**RELATIONS},
    {**RELATIONS, "map": "pairs", "position": "relative", "teacher_layers": [5], "student_layers": [1.0],
     "query": 0.0, "key": 0.5, "value": 2.0, "heads": 4},
    {**SCORES, "heads": "mean"},
    {**SCORES, "map": "last", "weights": [1.0, 0.5, 2.0], "heads": "first"},
    {**GRAM},
    {**GRAM, "map": "gap", "weights": [1.0, 2.0, 0.5], "within_layers": 0.5, "between_layers": 2.0},
    {**RKD, "distances": 1.0, "angles": 2.0, "offsets": [1, 2]},
    {**RKD, "map": "pairs", "position": "relative", "teacher_layers": [1, 5], "student_layers": [0.3, 1.0], "weights": [2.0, 0.5],
     "distances": 0.7, "angles": 0.0, "offsets": [5]},
    {**RKD, "map": "last", "weights": [1.0, 0.5, 2.0], "distances": 0.0, "angles": 1.5, "offsets": [3, 1]},
    {**CKA, "intra": 1.0, "local": 0.0, "global": 0.0},
    {**CKA, "map": "last", "weights": [1.0, 0.5, 2.0], "intra": 0.5, "local": 0.3, "global": 0.7, "frames": 6},
    {**PROTOTYPES, "teacher_layers": [2, 4, 6], "head": "linear"},
    {**PROTOTYPES, "teacher_layers": [3], "head": "mlp"},
    {**CONTRASTIVE, "teacher_layer": 0},
    {**CONTRASTIVE, "teacher_layer": 4},
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
        gradients |= {name: x.grad for name, x in student.attention.items() if x.grad is not None}
        gradients |= {name: head.grad for name, head in student.heads.items()}
        cases.append({"objective": objective, "period": period, "loss": float(f"{loss.item():.9g}"),
                      "gradients": {name: [float(f"{x:.7g}") for x in g.flatten()[::5].tolist()]
                                    for name, g in gradients.items()}})
with open(sys.argv[1], "w") as file:
    json.dump({"progress": PROGRESS, "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
print(len(cases), "cases")
