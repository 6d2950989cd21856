#!/usr/bin/env bash
# A search that is killed with -9 at random moments, its config edited in between: every trial that was committed is
# still in some study file, and the pipeline resumes each time.
# Usage: kill_search.sh PROGRAM SMOKE_FOLDER KILLS [SEED]
set -euo pipefail
program=$1 folder=$2/kill_search-$3 kills=$3 seed=${4:-$$}
run=$folder/run
trials_of=$(dirname "$0")/study_trials.py
fail() { echo "kill_search (seed $seed): $*" >&2; exit 1; }
RANDOM=$seed

rm -rf "$folder"
mkdir -p "$run" "$folder/killed"
line() {  # line ARGUMENTS...: replaces the shell. A space that is not used up, hardly trained
  exec "$program" run configs/smoke.yaml --out "$run" --set space=spaces/pocket.yaml --set teacher.pretrain.steps=2 \
    --set stage1.steps=1 --set stage2.steps=1 --set latency.repetitions=2 "$@" >/dev/null 2>"$folder/log.txt"
}
population=6
search() { line --stages latency,search --set search.workers=2 --set search.population=$population --set search.trials="$1"; }
count() { if [ -e "$run/study.db" ]; then python3 "$trials_of" "$run/study.db" 2>/dev/null | wc -l; else echo 0; fi; }
moved_on() { sleep 0.02; local now; now=$(count); [ "$now" != "$before" ] && [ "$now" != 0 ]; }

(line --stages corpus,teacher,stage1,stage2) || fail "$(tail -1 "$folder/log.txt")"
inside=0
for ((i = 1; i <= kills; ++i)); do
  before=$(count)
  search 1000000 &
  pid=$!
  if [ $((RANDOM % 4)) != 0 ]; then  # else while it starts
    until moved_on; do kill -0 $pid 2>/dev/null || fail "it ended before: $(tail -1 "$folder/log.txt")"; done
  fi
  printf -v moment '0.%03d' $((RANDOM % 600))
  sleep "$moment"
  kill -KILL $pid 2>/dev/null || fail "it ended before: $(tail -1 "$folder/log.txt")"
  wait $pid 2>/dev/null || true
  if [ -s "$run/study.db-wal" ]; then inside=$((inside + 1)); fi
  if [ -e "$run/study.db" ]; then
    cp "$run"/study.db* "$folder/killed"
    python3 "$trials_of" "$folder/killed/study.db" >>"$folder/committed.txt"
    rm -f "$folder"/killed/*
  fi
  if [ $((RANDOM % 2)) = 0 ] || [ "$i" = "$kills" ]; then population=$((6 + (population + 1) % 4)); fi  # another study
done

(search 20) || fail "it does not go on: $(tail -1 "$folder/log.txt")"
python3 "$trials_of" "$run"/study*.db | sort -u >"$folder/kept.txt"
sort -u "$folder/committed.txt" -o "$folder/committed.txt"
lost=$(comm -23 "$folder/committed.txt" "$folder/kept.txt" | wc -l)
committed=$(wc -l <"$folder/committed.txt")
[ "$lost" = 0 ] || fail "$lost of $committed committed trials are in no study file"
[ "$committed" -ge $((kills / 2)) ] || fail "only $committed trials were committed before $kills kills"
[ $((inside * 4)) -ge "$kills" ] || fail "only $inside of $kills kills left a WAL behind"
[ -e "$run/study-1.db" ] || fail "no study was set aside"
echo "kill search: well, $committed trials, $kills kills, $inside with a WAL"
