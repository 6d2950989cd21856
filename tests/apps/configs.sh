#!/usr/bin/env bash
# Every pipeline of configs/ can be read, and quickstart-pr.yaml shares the quickstart's training to the letter.
# Usage: configs.sh PROGRAM
set -euo pipefail
program=$1
for config in configs/*.yaml; do "$program" run "$config" --dry-run --out /nonexistent; done
training() { "$program" run "$1" --dry-run --out /nonexistent --stages corpus,teacher,stage1,stage2; }
diff <(training configs/quickstart.yaml) <(training configs/quickstart-pr.yaml)
