#!/usr/bin/env bash
# concertina doctor: what it prints, as text and JSON, for its synthetic models and for one file.
# Usage: doctor.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
model=$2/one/subnet.safetensors
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" doctor --json --quiet >"$work/doctor.json"
python3 - "$work/doctor.json" <<'PY'
import json, math, sys
report = json.load(open(sys.argv[1]))
assert report["cpu"] and report["libtorch"] and report["threads"] >= 1 and report["instruction_sets"], report
assert 0 < report["free_memory_bytes"] <= report["memory_bytes"] and report["free_disk_bytes"] > 0, report
products = report["products"]
kinds = {p["product"] for p in products}
assert kinds == {"linear layer", "matrix product", "convolution", "positional convolution", "attention"}, kinds
for p in products:
    assert p["outcome"] in ("right", "replaced"), p
    assert p["outcome"] == "replaced" or 0 <= p["relative_error"] <= 0.02, p
widths = {p["sizes"][0] for p in products if p["product"] == "linear layer"}
assert {64, 384, 768} <= widths, widths
assert {True, False} == {p["gradients"] for p in products}
PY

"$program" doctor --model "$model" --quiet >"$work/model.txt"
grep -q '^CPU ' "$work/model.txt"
grep -q '^LibTorch ' "$work/model.txt"
grep -q '^positional convolution' "$work/model.txt"

ONEDNN_MAX_CPU_ISA=AVX2 "$program" doctor --model "$model" --quiet | grep -q 'ONEDNN_MAX_CPU_ISA=AVX2'

status=0
"$program" doctor --model "$work/none.safetensors" --quiet 2>"$work/stderr" || status=$?
[ "$status" = 3 ] && grep -q none.safetensors "$work/stderr"
"$program" doctor --help | grep -q 'concertina doctor --model'
