"""Shared by experiments/methods and benchmarks/method_steps: short runs of stage 2 of the configs in configs/methods/, all from one
teacher and one stage 1, with fresh heads."""
import json
import math
import os
import shutil

import seed_tables as tables

BASELINE = "layer-mean"
# Of the teacher; a teacher that is pretrained in the run has both, a downloaded one neither.
NEED_UNIT_HEAD = {"logits", "tinybert-logits"}
NEED_SNAPSHOTS = {"cald-waypoints"}
# Settings of stage 2 in these runs, where the config's stage 1 is what tells the method from others.
SETTINGS = {"cald-waypoints": ["objective={kind: sum, of: [{kind: masked_units, codeword_dim: 64, unmasked_weight: 1}, {kind: layer_pairs, "
                               "map: uniform, distance: layer_norm_mse, channels: none, weight: 15, teachers: [waypoints]}]}"]}
SHARED = ["stage2/units.safetensors", "teachers/whisper.safetensors"]  # made by one run, linked by others; the program checks units


def without_teacher(start):
    """{method: reason} of those that the teacher of the run `start` cannot teach."""
    with open(start / "teacher/model.safetensors", "rb") as file:
        tensors = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    reasons = {}
    pretrained_here = (start / "teacher/objective.safetensors").exists()  # which holds its head
    if "unit_head.weight" not in tensors and not pretrained_here:
        reasons |= {method: "the teacher has no head that predicts units" for method in NEED_UNIT_HEAD}
    if not (start / "teacher/snapshots").exists():
        reasons |= {method: "the teacher has no snapshots of its training" for method in NEED_SNAPSHOTS}
    return dict(sorted(reasons.items()))


def all_methods(start):
    """Those that can be trained from the teacher of the run `start`, without the baseline."""
    names = {path.stem for path in (tables.ROOT / "configs/methods").glob("*.yaml")}
    return sorted(names - {BASELINE} - set(without_teacher(start)))


def sorted_stage1(start):
    """What stage 2 of the run `start` began with: its stage 1, sorted where it has a sort stage."""
    return start / ("sort" if (start / "sort").exists() else "stage1")


def link(source, target):
    if source.exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)


def train(method, start, out, seed, steps, settings=(), data=None, threads=None, shared=None, device=None):
    """Stage 2 of a method in `out`, unless it is finished there. `start`: a run with teacher/ and stage1/; `shared`: folder of units
    of this seed and of further teachers, which the first run that makes them leaves there."""
    if (out / "stage2/model.safetensors").exists():
        return
    for part, source in (("teacher", start / "teacher"), ("stage1", sorted_stage1(start))):
        if not (out / part).exists():
            shutil.copytree(source, out / part, ignore=shutil.ignore_patterns("checkpoint", "best"), copy_function=os.link)
    for file in SHARED if shared else []:
        link(shared / file, out / file)
    values = [f"stage2.{setting}" for setting in (
        f"steps={steps}", "fresh_heads=true", "validate_every=0", "validation_crops=1", *SETTINGS.get(method, []), *settings)]
    if data:
        values.append(f"corpus.root={data.resolve()}")
    command = ["train", f"configs/methods/{method}.yaml", "--stage", "2", "--seed", str(seed), "--out", out, "--quiet"]
    for value in values:
        command += ["--set", value]
    if threads:
        command += ["--threads", str(threads)]
    if device:
        command += ["--device", device]
    if (out / "stage2").exists():
        command.append("--resume")
    tables.run(*command)
    for file in SHARED if shared else []:
        link(out / file, shared / file)


def head_parameters(out):
    """Of what training adds to the student: prediction heads and head layers."""
    with open(out / "stage2/objective.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name.startswith("objective."))


def step_seconds(out):
    """Mean time of a step over the second half of a run, in seconds: steps with the largest subnet take longer."""
    lines = [json.loads(line) for line in open(out / "stage2/metrics.jsonl")]
    times = [line["wall_s"] for line in lines if "wall_s" in line and "lr" in line]
    half = len(times) // 2
    return (times[-1] - times[half - 1]) / (len(times) - half)
