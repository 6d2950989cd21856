#!/usr/bin/env bash
# A search that is killed with -9 at random moments, its config edited in between: every trial that was committed is
# still in some study file, and the line goes on each time.
# Usage: kill_search.sh PROGRAM SMOKE_FOLDER KILLS [SEED]
set -euo pipefail
program=$1 smoke=$2 kills=$3 seed=${4:-$$}
folder=$smoke/kill_search-$kills run=$smoke/kill_search-$kills/run
trials=$(dirname "$0")/study_trials.py
fail() { echo "kill_search (seed $seed): $*" >&2; exit 1; }
RANDOM=$seed

rm -rf "$folder"
mkdir -p "$run" "$folder/killed"
cp -r "$smoke"/one/{teacher,stage1,stage2,stamps} "$run"
rm -f "$run"/stamps/{latency,search}

population=6
search() {  # search TRIALS: replaces the shell
  exec "$program" run configs/smoke.yaml --out "$run" --stages latency,search --set search.trials="$1" \
    --set search.population=$population --set search.workers=2 --set latency.repetitions=2 >/dev/null 2>"$folder/log.txt"
}

inside=0
for ((i = 1; i <= kills; ++i)); do
  search 1000000 &
  pid=$!
  printf -v moment '%d.%03d' $((RANDOM % 3)) $((RANDOM % 1000))
  sleep "$moment"
  kill -KILL $pid 2>/dev/null || fail "it ended before: $(tail -1 "$folder/log.txt")"
  wait $pid 2>/dev/null || true
  if [ -s "$run/study.db-wal" ]; then inside=$((inside + 1)); fi
  for file in "$run"/study.db*; do [ ! -e "$file" ] || cp "$file" "$folder/killed"; done
  if [ -e "$run/study.db" ]; then python3 "$trials" "$folder/killed/study.db" >>"$folder/committed.txt"; fi
  rm -f "$folder"/killed/*
  if [ $((RANDOM % 2)) = 0 ] || [ "$i" = "$kills" ]; then population=$((6 + (population + 1) % 4)); fi  # another study
done

(search 20) || fail "it does not go on: $(tail -1 "$folder/log.txt")"
python3 "$trials" "$run"/study*.db | sort -u >"$folder/kept.txt"
sort -u "$folder/committed.txt" >"$folder/committed-once.txt"
lost=$(comm -23 "$folder/committed-once.txt" "$folder/kept.txt" | wc -l)
committed=$(wc -l <"$folder/committed-once.txt")
[ "$lost" = 0 ] || fail "$lost of $committed committed trials are in no study file"
[ "$committed" -ge $((kills * 2)) ] || fail "only $committed trials were committed before $kills kills"
[ $((inside * 4)) -ge "$kills" ] || fail "only $inside of $kills kills left a WAL behind"
[ "$(find "$run" -name 'study-*.db' | wc -l)" -ge 1 ] || fail "no study was set aside"
echo "kill search: well, $committed trials, $kills kills, $inside with a WAL"
