"""Shared by the experiments: runs of a pipeline with several seeds, and their test scores as rows of Markdown."""
import concurrent.futures
import csv
import json
import pathlib
import random
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
PARTS = ["teacher", "stage1", "stage2"]  # folders of a run; stage 0 is the teacher


def folder_of_seed(seed, pipeline="pretrain"):
    """Where experiments/results keeps its run of configs/PIPELINE.yaml."""
    return ROOT / f"runs/results/{pipeline}-{seed}"


def manifest_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def mean_and_range(values, digits=1):
    if not values:
        return "-"
    mean, low, high = (f"{value:.{digits}f}" for value in (sum(values) / len(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def values_of(seeds, model, metric):
    return [seed[model][metric]["value"] for seed in seeds if metric in seed.get(model, {})]


def score_cell(seeds, model, metric):
    """Mean and range over seeds, and the mean half-width of the 95 % bootstrap intervals over clips."""
    widths = [(seed[model][metric]["high"] - seed[model][metric]["low"]) / 2
              for seed in seeds if metric in seed.get(model, {})]
    interval = f" ±{sum(widths) / len(widths):.1f}" if widths else ""
    return mean_and_range(values_of(seeds, model, metric)) + interval


def paired_difference(pairs, resamples=1000):
    """(mean, low, high) in points of a - b over pairs (a, b) of accuracies of `eval --clips`; the 95 % interval is a paired percentile
    bootstrap over clips, the same clips for all (Efron 1979)."""
    def mean(clips):
        total = 0
        for pair in pairs:
            for score, sign in zip(pair, (1, -1)):
                total += sign * sum(score["hits"][i] for i in clips) / sum(score["totals"][i] for i in clips)
        return 100 * total / len(pairs)

    count, draws = len(pairs[0][0]["hits"]), random.Random(0)
    means = sorted(mean([draws.randrange(count) for _ in range(count)]) for _ in range(resamples))
    return mean(range(count)), means[int(0.025 * resamples)], means[int(0.975 * resamples)]


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


def in_parallel(function, jobs, at_once):
    """Calls function(*job), `at_once` at a time, with a line on stderr after each. Returns the jobs of which the program failed."""
    failed = []
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        waiting = {pool.submit(function, *job): job for job in jobs}
        try:
            for done, future in enumerate(concurrent.futures.as_completed(waiting), 1):
                job = waiting[future]
                if isinstance(future.exception(), subprocess.CalledProcessError):  # its message is on stderr
                    failed.append(job)
                else:
                    future.result()
                print(f"{done} of {len(jobs)}: {' '.join(map(str, job))}{' failed' if job in failed else ''}", file=sys.stderr)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def train(out, seed, stages, settings):
    """Trains the stages in `out`, from those before them of experiments/results; skips what is finished."""
    for part in PARTS[:stages[0]]:
        if not (out / part).exists():
            shutil.copytree(folder_of_seed(seed) / part, out / part)
    sets = [argument for setting in settings for argument in ("--set", setting)]
    for stage in stages:
        if not (out / PARTS[stage] / "model.safetensors").exists():
            resume = ["--resume"] if (out / PARTS[stage]).exists() else []
            verb = ["train", "configs/pretrain.yaml", "--stage", str(stage)] if stage else ["pretrain", "configs/pretrain.yaml"]
            run(*verb, "--seed", str(seed), "--out", out, *sets, *resume)


def losses_in(metrics):
    """{size: loss} of the last validation."""
    lines = [json.loads(line) for line in open(metrics)]
    return [line for line in lines if "validation" in line][-1]["validation"]


def scores_of(out, tasks="pr,sid,asv", data="data/manifest.tsv"):
    """{size: {metric: score}} of a run's supernet on test, with its last validation loss as metric "loss"."""
    losses = losses_in(out / "stage2/metrics.jsonl")
    scores = {}
    for size in SIZES:
        file = out / f"{size}.json"
        if not file.exists():
            run("eval", out / "stage2/model.safetensors", "--arch", size, "--tasks", tasks, "--beside", "none", "--data", data, "-o", file)
        model = json.loads(file.read_text())["models"][0]
        scores[size] = {score["metric"]: score for score in model["scores"]} | {"loss": {"value": losses[size]}}
    return scores


def table_of(scores, title, metrics, sizes=SIZES):
    """Markdown of {name: scores_of() of each seed}, for the sizes; `title` heads the column of names."""
    lines = [f"| size | {title} | {' | '.join(metrics.values())} | distill L1 |", "|---|---|" + "---|" * (len(metrics) + 1)]
    for size in sizes:
        for name, of_seeds in scores.items():
            cells = [score_cell(of_seeds, size, metric) for metric in metrics]
            loss = mean_and_range(values_of(of_seeds, size, "loss"), 3)
            lines.append(f"| {size} | {name} | {' | '.join(cells)} | {loss} |")
    return "\n".join([*lines, "", footnote(max(map(len, scores.values())))])


def compare_variants(variants, title, stages, seeds):
    """The table of all sizes and variants. `variants`: {name: (folder, settings)}; folder None: the run of
    experiments/results itself. `stages` are trained for each variant."""
    scores = {}
    for name, (folder, settings) in variants.items():
        scores[name] = []
        for seed in range(seeds):
            out = ROOT / f"runs/rules/{folder}-{seed}" if folder else folder_of_seed(seed)
            train(out, seed, stages, settings)
            scores[name].append(scores_of(out))
    return table_of(scores, title, METRICS)


def print_table(make_table, options, path, marker):
    """Builds the program, prints the table and, with --write, puts it between the markers of the file."""
    subprocess.run([ROOT / "scripts/build", "release", "concertina"], check=True, stdout=sys.stderr)
    table = make_table(options.seeds)
    print(table)
    if options.write:
        write_between(ROOT / path, marker, table)
