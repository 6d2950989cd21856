#!/usr/bin/env bash
# Every pipeline of configs/ can be read, and quickstart-pr.yaml shares the quickstart's training to the letter.
# Usage: configs.sh PROGRAM
set -euo pipefail
program=$1
dry_run() { "$program" run "$1" --dry-run --out /nonexistent "${@:2}"; }
for config in configs/*.yaml; do dry_run "$config"; done
for config in configs/lighthubert/*.yaml; do  # their data and teacher are the user's: any file will do here
  dry_run "$config" --set corpus.manifest="$PWD/$config" --set teacher.model="$PWD/$config"
done
training() { dry_run "$1" --stages corpus,teacher,stage1,stage2; }
diff <(training configs/quickstart.yaml) <(training configs/quickstart-pr.yaml)
