"""Shared by experiments/methods and benchmarks/method_steps: short runs of stage 2 of the configs in configs/methods/, all from one
teacher and one stage 1, with fresh heads."""
import json
import shutil
import statistics
import subprocess

from seed_tables import PROGRAM, ROOT

BASELINE = "layer-mean"


def config_of(method):
    return "configs/pretrain.yaml" if method == BASELINE else f"configs/methods/{method}.yaml"


def all_methods():
    """Without the baseline, whose teacher, space and steps they share."""
    return sorted(path.stem for path in (ROOT / "configs/methods").glob("*.yaml"))


def train(method, start, out, seed, steps, settings=(), data=None):
    """Stage 2 of a method in `out`, unless it is finished there. `start`: a run with teacher/ and stage1/."""
    if (out / "stage2/model.safetensors").exists():
        return
    for part in ("teacher", "stage1"):
        if not (out / part).exists():
            shutil.copytree(start / part, out / part)
    values = [f"stage2.{setting}" for setting in (
        f"steps={steps}", "fresh_heads=true", "cache.dtype=none", "validate_every=0", "validation_crops=1", *settings)]
    if data:
        values.append(f"corpus.root={data.resolve()}")
    command = [PROGRAM, "train", config_of(method), "--stage", "2", "--seed", str(seed), "--out", out, "--quiet"]
    for value in values:
        command += ["--set", value]
    if (out / "stage2").exists():
        command.append("--resume")
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def step_seconds(out):
    """Median time of a step over the second half of a run, in seconds."""
    lines = [json.loads(line) for line in open(out / "stage2/metrics.jsonl")]
    times = [line["wall_s"] for line in lines if "wall_s" in line and "lr" in line]
    differences = [after - before for before, after in zip(times, times[1:])]
    return statistics.median(differences[len(differences) // 2:])
