#!/usr/bin/env bash
# Invalid inputs, one by one: the exit code, one sentence on stderr, and no existing file is lost.
# Usage: bad_inputs.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1
model=$2/one/subnet.safetensors study=$2/one/study.db
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

expect() {  # expect CODE PHRASE ARGUMENTS...: exit code, and what stderr must speak of
  local code=$1 phrase=$2 status=0
  shift 2
  "$program" "$@" --quiet >"$work/stdout" 2>"$work/stderr" || status=$?
  local lines
  lines=$(wc -l <"$work/stderr")
  if [ "$status" != "$code" ] || [ "$lines" != 1 ] || ! grep -q '^concertina: ' "$work/stderr" ||
    ! grep -qi -- "$phrase" "$work/stderr"; then
    printf 'FAILED: concertina %s\n  exit %s (expected %s), %s lines on stderr (expected 1, with "%s"):\n' \
      "$*" "$status" "$code" "$lines" "$phrase"
    sed 's/^/  | /' "$work/stderr"
    failures=$((failures + 1))
  fi
}

wav() {  # wav SAMPLES FILE: 16 kHz mono 16-bit silence
  python3 - "$1" "$2" <<'PY'
import sys, wave
with wave.open(sys.argv[2], "wb") as f:
    f.setnchannels(1), f.setsampwidth(2), f.setframerate(16000)
    f.writeframes(bytes(2 * int(sys.argv[1])))
PY
}

echo "this is no sound" >"$work/text.wav"
: >"$work/empty.wav"
wav 100 "$work/short.wav"
wav 16000 "$work/good.wav"
head -c 5000 "$model" >"$work/truncated.safetensors"
mkdir -p "$work/lonely/deep" && cp "$model" "$work/lonely/deep/model.safetensors"
head -c 4 "$model" >"$work/header.safetensors"
echo "no database" >"$work/study.db"
sed 's/^teacher:/techer:/' configs/smoke.yaml >"$work/misspelt.yaml"
sed 's/steps: 30/steps: many/' configs/smoke.yaml >"$work/type.yaml"
sed 's/tier: smoke/tier: smokey/' configs/smoke.yaml >"$work/tier.yaml"
sed -i "s|spaces/tiny.yaml|$PWD/configs/spaces/tiny.yaml|" "$work"/*.yaml
echo "precious" >"$work/file"
printf 'id\tpath\tsamples\n' >"$work/own.tsv"
printf 'id\tpath\tsamples\tsplit\na\tgood.wav\t16000\ttrain\n' >"$work/train.tsv"
tar -cf "$work/cut.tar" -C "$work" good.wav
truncate -s 5000 "$work/cut.tar"
mkdir "$work/bert" "$work/empty"
echo '{"model_type": "bert"}' >"$work/bert/config.json"
cp tests/model/checkpoints/hf_bin/pytorch_model.bin "$work/bert"
head -c 5000 tests/model/checkpoints/fairseq.pt >"$work/truncated.pt"

python3 - "$model" "$work" <<'PY'
import struct, sys
data = open(sys.argv[1], "rb").read()
start = 8 + struct.unpack("<Q", data[:8])[0]
for name, value in (("nan", float("nan")), ("large", 3e38)):
    with open(f"{sys.argv[2]}/{name}.safetensors", "wb") as file:
        file.write(data[:start] + struct.pack("<f", value) * ((len(data) - start) // 4))
PY
expect 4 "not finite" encode "$work/nan.safetensors" "$work/good.wav" -o "$work/o.npy"
expect 4 "not finite" encode "$work/large.safetensors" "$work/good.wav" -o "$work/o.npy"

# An output that is an input, or a file of another kind.
inputs=$work/inputs
mkdir "$inputs"
cp "$study" "$inputs/s.db"
cp "$model" "$inputs/model.safetensors"
cp "$work/good.wav" "$inputs"
ln -s model.safetensors "$inputs/link"
before=$(sha256sum "$inputs"/*)
expect 2 "is an input" report "$inputs/s.db" -o "$inputs/s.db"
expect 2 "is an input" study export "$inputs/s.db" -o "$inputs/s.db"
expect 2 "is an input" extract "$inputs/model.safetensors" --arch smallest -o "$inputs/link"
expect 2 "is an input" model export "$inputs/model.safetensors" --format concertina -o "$inputs/model.safetensors"
expect 2 "is an input" model export "$inputs/model.safetensors" --format hf -o "$inputs"
expect 2 "is a file of" model import "$inputs" -o "$inputs/model.safetensors"
expect 2 "is no manifest" corpus scan "$inputs" -o "$inputs/good.wav"
expect 2 "is no study" latency profile "$inputs/model.safetensors" -o "$inputs/good.wav"
expect 2 "is no HTML page" report "$inputs/s.db" -o "$inputs/good.wav"
[ "$(sha256sum "$inputs"/*)" = "$before" ] || { echo "FAILED: an input was changed"; failures=$((failures + 1)); }

expect 2 text.wav encode "$model" "$work/text.wav" -o "$work/o.npy"
expect 2 empty.wav encode "$model" "$work/empty.wav" -o "$work/o.npy"
expect 2 short.wav encode "$model" "$work/short.wav" -o "$work/o.npy"
expect 3 missing.wav encode "$model" "$work/missing.wav" -o "$work/o.npy"
expect 2 "did you mean 'teacher'" run "$work/misspelt.yaml" --out "$work/run"
expect 2 "steps: expected an integer" run "$work/type.yaml" --out "$work/run"
expect 2 "did you mean 'smoke'" run "$work/tier.yaml" --out "$work/run"
expect 2 "needs augment.noise_clips" run configs/smoke.yaml --set stage1.augment.noise.probability=0.5 --out "$work/run"
expect 2 "expected a folder of audio" corpus scan "$work/file" -o "$work/m.tsv"
expect 2 "not a fairseq manifest" corpus scan "$work/own.tsv" -o "$work/m.tsv"
expect 2 "no clip could be read" corpus scan "$work/cut.tar" -o "$work/m.tsv"
expect 3 "no such file or folder" corpus scan "$work/missing" -o "$work/m.tsv"
expect 3 missing.yaml run "$work/missing.yaml" --out "$work/run"
expect 2 "unknown verb 'paret'" paret "$study"
expect 2 "unknown verb 'shw'" model shw "$model"
expect 2 "one architecture" space contribution "$model" --data data/smoke/manifest.tsv -o "$work/o.yaml"
expect 2 "is no search space" space contribution "$model" --data data/smoke/manifest.tsv -o "$work/misspelt.yaml"
expect 2 "no clip is of split dev" space contribution "$model" --data "$work/train.tsv"
expect 2 "needs audio" model sort "$model" -o "$work/o.safetensors"
expect 2 "needs the teacher" model sort "$model" -o "$work/o.safetensors" --score taylor --data data/smoke/manifest.tsv
expect 2 "a verb is missing" model
expect 2 "unknown option --maxparams" pareto "$study" --maxparams 3M
expect 2 "did you mean 'whisper-base'" model fetch whisper-bas -o "$work/o.safetensors"
expect 2 "model_type 'bert'" model import "$work/bert" -o "$work/o.safetensors"
expect 2 "neither model.safetensors nor pytorch_model.bin" model import "$work/empty" -o "$work/o.safetensors"
expect 2 "text.wav is neither a file of torch.save nor a safetensors file" model import "$work/text.wav" -o "$work/o.safetensors"
expect 2 "truncated" model import "$work/truncated.pt" -o "$work/o.safetensors"
expect 2 "a log-mel front end" model export "$model" --format hf -o "$work/o"
expect 2 "concertina model import" encode tests/model/checkpoints/fairseq.pt "$work/good.wav" -o "$work/o.npy"
expect 2 "concertina model import" model show tests/model/checkpoints/hf_safetensors/model.safetensors
expect 3 "$work/file" encode "$model" "$work/good.wav" -o "$work/file/o.npy"
expect 2 "$work/file" run configs/smoke.yaml --out "$work/file"
expect 2 truncated.safetensors encode "$work/truncated.safetensors" "$work/good.wav" -o "$work/o.npy"
expect 2 header.safetensors model show "$work/header.safetensors"
expect 2 study.db pareto "$work/study.db"
expect 2 study.db study dump "$work/study.db"
expect 3 none.db pareto "$work/none.db"
expect 2 "is not the model of $study" extract "$model" --study "$study" --max-params 60k -o "$work/o.safetensors"
expect 2 "max-params" pareto "$study" --max-params "" --best
expect 2 "has no study.db beside it" extract "$work/lonely/deep/model.safetensors" --max-params 60k -o "$work/o.safetensors"
expect 2 "either --arch or a budget" extract "$model" --arch smallest --max-params 60k -o "$work/o.safetensors"
expect 2 "max-latency" extract "$model" --study "$study" --max-latency "" -o "$work/o.safetensors"
expect 2 "the study has no metric 'test.sid.acc'" pareto "$study" --where 'test.sid.acc >= 85'
expect 2 "'>=5' is not a budget" pareto "$study" --where '>=5'
expect 1 "no subnet fits" pareto "$study" --where 'params <= 1'
expect 2 "is not in the space" extract "$2/one/stage2/model.safetensors" --arch "e=33 p=20000 L=0-1:2x64" -o "$work/o.safetensors"
expect 2 "search.population is 6 there and 7 here" search configs/smoke.yaml --out "$2/one" --resume --set search.population=7
expect 2 "the objective has no head layer: it was trained without" extract "$2/one/stage2/model.safetensors" --arch smallest --head teacher -o "$work/o.safetensors"
expect 2 "does not hold scores as .concertina eval" report "$study" --depth-width "$work/bert/config.json" -o "$work/page.html"
expect 2 "by k_centre needs a student: give --model" corpus select data/smoke/manifest.tsv --by k_centre -o "$work/clips.tsv"
expect 2 "minutes 0.01: the first clip chosen is longer" corpus select data/smoke/manifest.tsv --minutes 0.01 -o "$work/clips.tsv"
expect 2 architecture extract "$model" --arch "e=7 nonsense" -o "$work/o.safetensors"

[ "$(cat "$work/file")" = precious ] || { echo "FAILED: an existing file was changed"; failures=$((failures + 1)); }
[ ! -e "$work/run" ] || { echo "FAILED: a workspace was created for an invalid config"; failures=$((failures + 1)); }
[ ! -e "$work/o.npy" ] || { echo "FAILED: a failed run left an output"; failures=$((failures + 1)); }
[ "$failures" = 0 ] && echo "bad inputs: passed"
exit "$((failures > 0))"
