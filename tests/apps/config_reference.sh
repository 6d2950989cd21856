#!/usr/bin/env bash
# The options that `concertina config` prints are those of docs/config.md. Usage: config_reference.sh PROGRAM
set -euo pipefail
program=$1
"$program" config --markdown | diff docs/config.md - ||
  { echo "FAILED: docs/config.md is out of date: make it by 'concertina config --markdown'"; exit 1; }
"$program" config stage2.sampler | grep -q '^stage2.sampler.kind *sandwich' || { echo "FAILED: config stage2.sampler"; exit 1; }
"$program" config stage1.optimizer.lr --json |
  python3 -c 'import json, sys; row, = json.load(sys.stdin); assert row["default"] == 0.001 and row["low"] > 0, row'
message=$("$program" config stage3 2>&1) && { echo "FAILED: stage3 is no section"; exit 1; }
grep -q "did you mean 'stage" <<<"$message" || { echo "FAILED: $message"; exit 1; }
