"""Golden diarization errors and losses (eval/diarization.h) from their definitions, none of our code.

  errors    of both assignments of hypothesised to reference speakers, that with the fewer: in each frame, the reference speakers that
            no hypothesised one is paired with (missed), the reverse (false alarms) and pairs of different speakers (confused), by
            enumerating all pairings; frames nearer than the collar to the start or end of a reference speaker's turn do not count
            (NIST's md-eval; a boundary is at the edge of a frame)
  median    of a window around each frame, zeros outside, as scipy.signal.medfilt
  loss      binary cross-entropy of sigmoids, mean over frames and speakers, the lesser of both assignments; gradient by central differences

Usage: diarization.py tests/eval/diarization.json      (pip install numpy)
"""
import itertools
import json
import random
import sys

import numpy as np


def speakers(frame):
    return [s for s in (0, 1) if frame >> s & 1]


def frame_errors(reference, hypothesis):
    """missed, false alarms, confused of one frame: the pairing of speakers with the most equal ones."""
    spoken, heard = speakers(reference), speakers(hypothesis)
    pairs = min(len(spoken), len(heard))
    best = max(sum(a == b for a, b in zip(one, other))
               for one in itertools.permutations(spoken, pairs) for other in itertools.permutations(heard, pairs))
    return len(spoken) - pairs, len(heard) - pairs, pairs - best


def counted(reference, collar):
    frames = len(reference)
    boundaries = set()
    for s in (0, 1):
        track = [0] + [frame >> s & 1 for frame in reference] + [0]
        boundaries |= {t for t in range(frames + 1) if track[t] != track[t + 1]}
    # The middle of frame t is t + 1/2.
    return [t for t in range(frames) if all(abs(t + .5 - edge) > collar for edge in boundaries)]


def errors(reference, hypothesis, collar):
    sums = []
    for order in ((0, 1), (1, 0)):
        assigned = [sum(1 << order[s] for s in speakers(frame)) for frame in hypothesis]
        each = [frame_errors(reference[t], assigned[t]) for t in counted(reference, collar)]
        sums.append([sum(column) for column in zip(*each)] if each else [0, 0, 0])
    return min(sums, key=sum), sum(len(speakers(reference[t])) for t in counted(reference, collar))


def median(activity, width):
    result = []
    for t in range(len(activity)):
        window = [activity[u] if 0 <= u < len(activity) else 0 for u in range(t - width // 2, t + width // 2 + 1)]
        result.append(sum(sorted(frame >> s & 1 for frame in window)[width // 2] << s for s in (0, 1)))
    return result


def loss(reference, logits):
    p = 1 / (1 + np.exp(-logits))
    values = []
    for order in ((0, 1), (1, 0)):
        y = np.array([[frame >> order[0] & 1, frame >> order[1] & 1] for frame in reference])
        values.append(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    return min(values)


def gradient(reference, logits, step=1e-6):
    result = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        sides = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[place] += sign * step
            sides.append(loss(reference, moved))
        result[place] = (sides[0] - sides[1]) / (2 * step)
    return result


draw = random.Random(17)
turns = lambda frames: [frame for _ in range(frames) for frame in [draw.randint(0, 3)] * draw.randint(1, 4)][:frames]
cases = []
for _ in range(12):
    reference, hypothesis = turns(30), turns(30)
    if len(cases) % 3 == 0:
        hypothesis = [(0, 2, 1, 3)[frame] if draw.random() < .9 else draw.randint(0, 3) for frame in reference]
    collar = draw.randint(0, 2)
    (missed, false_alarms, confused), speech = errors(reference, hypothesis, collar)
    cases.append({"reference": reference, "hypothesis": hypothesis, "collar": collar, "missed": missed, "false_alarms": false_alarms,
                  "confused": confused, "speech": speech})
losses = []
for seed in range(4):
    reference, logits = turns(6), np.random.default_rng(seed).normal(0, 2, (6, 2))
    losses.append({"activity": reference, "logits": logits.flatten().tolist(), "loss": float(loss(reference, logits)),
                   "gradient": gradient(reference, logits).flatten().tolist()})
medians = [{"activity": activity, "width": width, "median": median(activity, width)}
           for activity, width in ((turns(25), 11), (turns(25), 3), (turns(7), 11))]
json.dump({"errors": cases, "losses": losses, "medians": medians}, open(sys.argv[1], "w"), separators=(",", ":"))
print(*[(case["collar"], case["missed"], case["false_alarms"], case["confused"], case["speech"]) for case in cases])
