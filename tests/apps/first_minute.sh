#!/usr/bin/env bash
# README's first minute, on the supernet that ships: its commands print what README shows, and the subnet encodes a file.
# Usage: first_minute.sh PROGRAM, in the root of the sources.
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "first_minute: $*" >&2; exit 1; }

shown() {  # shown COMMAND...: the first lines of its output stand in README
  "$@" >"$work/output" 2>"$work/log" || fail "$* failed: $(cat "$work/log")"
  [ -s "$work/output" ] || fail "$* printed nothing"
  head -6 "$work/output" >"$work/first"
  while IFS= read -r line; do
    grep -qxF -- "$line" README.md || fail "README does not show this line of $*: $line"
  done <"$work/first"
}

shown "$program" pareto models/pocket/study.db --max-params 1M
ln -s "$PWD/models" "$work/models"
cp README.md "$work"
cd "$work"  # README's paths
shown "$program" extract models/pocket/model.safetensors --max-params 1M -o subnet.safetensors
params=$("$program" --json model show "$work/subnet.safetensors" | python3 -c 'import json, sys; print(json.load(sys.stdin)["largest"]["params"])')
[ "$params" -le 1000000 ] || fail "the subnet has $params parameters"

python3 - "$work/speech.wav" <<'PY'
import math, struct, sys, wave
with wave.open(sys.argv[1], "wb") as f:
    f.setnchannels(1), f.setsampwidth(2), f.setframerate(16000)
    f.writeframes(b"".join(struct.pack("<h", int(8000 * math.sin(0.05 * i) * math.sin(0.0007 * i))) for i in range(32000)))
PY
"$program" encode "$work/subnet.safetensors" "$work/speech.wav" -o "$work/features.npy" 2>"$work/log" || fail "encode: $(cat "$work/log")"
python3 - "$work/features.npy" <<'PY' || fail "the features are not those of 2 s of audio"
import ast, math, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<H", data[8:10])[0]
shape = ast.literal_eval(data[10:10 + size].decode())["shape"]
values = struct.unpack("<%df" % ((len(data) - 10 - size) // 4), data[10 + size:])
sys.exit(0 if len(shape) == 3 and 20 <= shape[1] <= 100 and all(map(math.isfinite, values)) and max(values) > min(values) else 1)
PY

# Nothing that only resuming needs, and no path of the machine that trained it.
for file in models/pocket/*; do
  case $(basename "$file") in README.md | model.safetensors | study.db | report.html) ;; *) fail "$file does not belong there" ;; esac
  ! grep -qaE '/(home|root|work|tmp|Users)/' "$file" || fail "$file has a path of the machine that made it"
done
[ "$(stat -c %s models/pocket/model.safetensors)" -le $((32 << 20)) ] || fail "the model has more than 32 MB"
