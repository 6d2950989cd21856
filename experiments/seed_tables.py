"""Shared by the experiments: runs of a pipeline with several seeds, and their test scores as rows of Markdown."""
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/apps/concertina"
METRICS = {  # metric: column title
    "pr.frame_acc": "PR ridge %",
    "pr.frame_acc_lda": "PR LDA %",
    "sid.acc": "SID %",
    "asv.eer": "EER %",
}
SIZES = ["smallest", "default", "largest"]


def folder_of_seed(seed, pipeline="pretrain"):
    """Where experiments/results keeps its run of configs/PIPELINE.yaml."""
    return ROOT / f"runs/results/{pipeline}-{seed}"


def mean_and_range(values, digits=1):
    if not values:
        return "-"
    mean = sum(values) / len(values)
    if len(values) == 1 or max(values) == min(values):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def values_of(seeds, model, metric):
    return [seed[model][metric]["value"] for seed in seeds if metric in seed.get(model, {})]


def score_cell(seeds, model, metric):
    """Mean and range over seeds, and the mean half-width of the 95 % bootstrap intervals over clips."""
    widths = [(seed[model][metric]["high"] - seed[model][metric]["low"]) / 2
              for seed in seeds if metric in seed.get(model, {})]
    interval = f" ±{sum(widths) / len(widths):.1f}" if widths else ""
    return mean_and_range(values_of(seeds, model, metric)) + interval


def footnote(seeds):
    if seeds == 1:
        return "One seed; ± is the half-width of the 95 % bootstrap interval over test clips."
    return (f"{seeds} seeds: mean (lowest to highest); ± is the half-width of the 95 % bootstrap interval over test clips, "
            "mean over seeds.")


def write_between(path, marker, text):
    """Replaces the text between the lines "<!-- MARKER: ..." and "<!-- end of MARKER -->"."""
    old = path.read_text()
    start = old.index("\n", old.index(f"<!-- {marker}:")) + 1
    path.write_text(old[:start] + text + "\n" + old[old.index(f"<!-- end of {marker} -->"):])


def run(*command):
    subprocess.run([PROGRAM, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def train(out, seed, stages, settings):
    """Trains the stages in `out`, from teacher and earlier stages of experiments/results; skips what is finished."""
    for part in ["teacher"] + [f"stage{stage}" for stage in range(1, stages[0])]:
        if not (out / part).exists():
            shutil.copytree(folder_of_seed(seed) / part, out / part)
    sets = [argument for setting in settings for argument in ("--set", setting)]
    for stage in stages:
        if not (out / f"stage{stage}/model.safetensors").exists():
            resume = ["--resume"] if (out / f"stage{stage}").exists() else []
            run("train", "configs/pretrain.yaml", "--stage", str(stage), "--seed", str(seed), "--out", out, *sets, *resume)


def scores_of(out):
    """{size: {metric: score}} of a run's supernet on test, with its last validation loss as metric "loss"."""
    lines = [json.loads(line) for line in open(out / "stage2/metrics.jsonl")]
    losses = [line for line in lines if "validation" in line][-1]["validation"]
    scores = {}
    for size in SIZES:
        file = out / f"{size}.json"
        if not file.exists():
            run("eval", out / "stage2/model.safetensors", "--arch", size, "-o", file)
        model = json.loads(file.read_text())["models"][0]
        scores[size] = {score["metric"]: score for score in model["scores"]} | {"loss": {"value": losses[size]}}
    return scores


def compare_variants(variants, title, stages, seeds):
    """The table of all sizes and variants. `variants`: {name: (folder, settings)}; folder None: the run of
    experiments/results itself. `title` heads the column of names; `stages` are trained for each variant."""
    scores = {}
    for name, (folder, settings) in variants.items():
        scores[name] = []
        for seed in range(seeds):
            out = ROOT / f"runs/rules/{folder}-{seed}" if folder else folder_of_seed(seed)
            train(out, seed, stages, settings)
            scores[name].append(scores_of(out))
    lines = [f"| size | {title} | {' | '.join(METRICS.values())} | distill L1 |", "|---|---|" + "---|" * (len(METRICS) + 1)]
    for size in SIZES:
        for name, of_seeds in scores.items():
            cells = [score_cell(of_seeds, size, metric) for metric in METRICS]
            loss = mean_and_range(values_of(of_seeds, size, "loss"), 3)
            lines.append(f"| {size} | {name} | {' | '.join(cells)} | {loss} |")
    return "\n".join([*lines, "", footnote(seeds)])


def print_table(make_table, options, path, marker):
    """Builds the program, prints the table and, with --write, puts it between the markers of the file."""
    subprocess.run([ROOT / "scripts/build", "release", "concertina"], check=True, stdout=sys.stderr)
    table = make_table(options.seeds)
    print(table)
    if options.write:
        write_between(ROOT / path, marker, table)
