"""Golden error rates and CTC losses (eval/edit_distance.h, eval/slots.h, eval/ctc_probe.h) from their definitions, none of our code.

  edits     the least number of insertions, deletions and substitutions: recursion over prefixes; words are split at blanks, and characters
            include them, as in jiwer
  slots     F1 of the sets of slot types of a clip; edits of each reference value and the best value of its type (the empty one if it has none)
            over the characters of reference values, as s3prl scores slot filling
  ctc       -log of the sum of probabilities of all class sequences of T frames that are the symbols once repeats and blanks (0) are
            removed, by enumeration; the mean over clips of loss / symbols. Gradients by central differences in double precision.

Usage: sequences.py tests/eval/sequences.json      (pip install numpy)
"""
import functools
import itertools
import json
import random
import re
import sys

import numpy as np

from closed_form import uniform

LAYERS, WIDTH, CLASSES = 2, 3, 3
CLIPS = [(5, [1, 2]), (4, [2, 2]), (6, [1])]  # frames, symbols


def edits(reference, hypothesis):
    @functools.lru_cache(None)
    def least(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, least(i - 1, j - 1) + (reference[i - 1] != hypothesis[j - 1]))
    return least(len(reference), len(hypothesis))


def text_case(reference, hypothesis):
    return {"reference": reference, "hypothesis": hypothesis,
            "words": [edits(tuple(reference.split()), tuple(hypothesis.split())), len(reference.split())],
            "characters": [edits(reference, hypothesis), len(reference)]}


def slots_of(text):
    slots = {}
    for kind, content in re.findall(r"<(\w+)>(.*?)</\1>", text):
        slots.setdefault(kind, []).append(content)
    return slots


def slot_case(reference, hypothesis):
    spoken, heard = slots_of(reference), slots_of(hypothesis)
    both = len(spoken.keys() & heard.keys())
    f1 = 1.0 if not spoken and not heard else 2 * both / (len(spoken) + len(heard))
    values = [(value, heard.get(kind, [""])) for kind, of_kind in spoken.items() for value in of_kind]
    return {"reference": reference, "hypothesis": hypothesis, "f1": f1,
            "values": [sum(min(edits(value, other) for other in others) for value, others in values), sum(len(value) for value, _ in values)]}


def random_text(draw, words):
    return " ".join("".join(draw.choice("abc") for _ in range(draw.randint(1, 4))) for _ in range(words))


def collapsed(path):
    return [c for c, _ in itertools.groupby(path) if c != 0]


def clip_loss(log_p, symbols):
    paths = itertools.product(range(CLASSES), repeat=len(log_p))
    return -np.log(sum(np.exp(sum(log_p[t, c] for t, c in enumerate(path))) for path in paths if collapsed(path) == symbols)) / len(symbols)


def value(name, *shape):
    return uniform(name, int(np.prod(shape))).reshape(shape)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def ctc_loss(parameters):
    layer_logits, weight, bias = parameters
    share = np.exp(log_softmax(layer_logits))
    mean, spread = value("ctc mean", WIDTH), 1.5 + value("ctc spread", WIDTH)
    losses = []
    for i, (frames, symbols) in enumerate(CLIPS):
        z = np.einsum("l,ltd->td", share, value(f"ctc clip {i}", LAYERS, frames, WIDTH))
        losses.append(clip_loss(log_softmax((z - mean) / spread @ weight + bias), symbols))
    return np.mean(losses)


def gradients(parameters, step=1e-5):
    found = []
    for p in parameters:
        gradient = np.zeros_like(p)
        for place in np.ndindex(*p.shape):
            kept, sides = p[place], []
            for sign in (1, -1):
                p[place] = kept + sign * step
                sides.append(ctc_loss(parameters))
            p[place] = kept
            gradient[place] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient.ravel().tolist())
    return found


draw = random.Random(5)
texts = [("the cat sat", "the cat sat"), ("the cat sat", "cat sat on"), ("a", "bbb ccc"), ("no way out", "")]
texts += [(random_text(draw, draw.randint(1, 6)), random_text(draw, draw.randint(0, 6))) for _ in range(8)]
parameters = [value("ctc layer_logits", LAYERS), value("ctc weight", WIDTH, CLASSES), value("ctc bias", CLASSES)]
slots = [("play <artist>adele</artist> in the <room>living room</room>", "play <artist>adel</artist> in <room>room</room>"),
         ("<room>kitchen</room> and <room>bath</room> <light>on</light>", "<room>bat</room> <artist>on</artist>"),
         ("turn it up", "turn it up"), ("turn it up", "<room>up</room>"), ("<room>hall</room>", "hall"),
         ("<room>hall</room>", "<room>hall</room> <room>ball</room>")]
golden = {"slots": [slot_case(*pair) for pair in slots], "texts": [text_case(*pair) for pair in texts],
          "ctc": dict(zip(("layer_logits", "weight", "bias"), gradients(parameters)), loss=float(ctc_loss(parameters)))}
with open(sys.argv[1], "w") as file:
    json.dump(golden, file, indent=None, separators=(",", ":"))
    file.write("\n")
print(golden["ctc"], [case["words"] + case["characters"] for case in golden["texts"]])
