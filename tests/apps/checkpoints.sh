#!/usr/bin/env bash
# Pretrained checkpoints of other packages: what import reports and ignores, sharded files, export and import again,
# extraction, storage in half the bytes, and what `model sort` cannot reorder.
# Usage: checkpoints.sh PROGRAM SMOKE_FOLDER (made by smoke_pipeline.sh)
set -euo pipefail
program=$1 smoke=$2/one/subnet.safetensors
fixtures=tests/model/checkpoints
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "checkpoints: $*" >&2; exit 1; }

says() {  # says PHRASE FILE
  grep -qF -- "$1" "$2" || fail "expected '$1' in: $(cat "$2")"
}
refused() {  # refused PHRASE ARGUMENTS...: exit code 2 and one sentence
  local phrase=$1 status=0
  shift
  "$program" "$@" --quiet >"$work/out" 2>"$work/error" || status=$?
  [ "$status" = 2 ] && [ "$(wc -l <"$work/error")" = 1 ] || fail "$*: exit $status, $(cat "$work/error")"
  says "$phrase" "$work/error"
}
features() {  # features MODEL: of one second, in $work/MODEL.npy
  "$program" encode "$work/$1" "$work/a.wav" -o "$work/$1.npy" --quiet >"$work/out"
}

python3 - "$work/a.wav" <<'PY'
import math, struct, sys, wave
with wave.open(sys.argv[1], "wb") as f:
    f.setnchannels(1), f.setsampwidth(2), f.setframerate(16000)
    f.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i * i / 9e5))) for i in range(16000)))
PY

# What import reports, which tensors it ignores and why. The head of units in fairseq's pretraining is kept.
"$program" model import $fixtures/fairseq.pt -o "$work/hubert" >"$work/said"
for phrase in "HuBERT, " "torch.save (zip)" "extractor mode: default" "norm position: post" "waveform: as it is"; do
  says "$phrase" "$work/said"
done
! grep -q "ignored: " "$work/said" || fail "all of $fixtures/fairseq.pt is of the model: $(cat "$work/said")"
for name in weight bias codewords temperature; do grep -qaF "unit_head.$name" "$work/hubert" || fail "no unit_head.$name"; done
"$program" model import $fixtures/distiller.pt -o "$work/distil" >"$work/said"
says "DistilHuBERT, " "$work/said"
says "ignored: output_layer.2.weight (prediction heads of distillation)" "$work/said"
says "absent, set to zero: mask_emb" "$work/said"
features distil

# One file, three files, and exported again: the same features.
python3 tests/apps/random_wavlm.py "$work/whole"
python3 tests/apps/random_wavlm.py "$work/parts" 3
"$program" model import "$work/whole" -o "$work/wavlm" >"$work/said"
says "WavLM, " "$work/said"
says "ignored: lm_head.bias (head of a task)" "$work/said"
"$program" model import "$work/parts" -o "$work/from-parts" >"$work/said"
says "(safetensors, 3 files)" "$work/said"
"$program" model export "$work/wavlm" --format hf -o "$work/again" --quiet >"$work/out"
"$program" model import "$work/again" -o "$work/from-export" >"$work/out"
for model in wavlm from-parts from-export; do features $model; done
cmp "$work/wavlm.npy" "$work/from-parts.npy" || fail "three files give other features than one"
cmp "$work/wavlm.npy" "$work/from-export.npy" || fail "an exported WavLM is another one"
refused "a relative position bias" model export "$work/wavlm" --format pt -o "$work/f.pt"
mv "$work/parts/model-00002-of-00003.safetensors" "$work/elsewhere"
refused "names missing files: model-00002-of-00003.safetensors" model import "$work/parts" -o "$work/o"
sed -i 's|"model-00002-of-00003.safetensors"|"../elsewhere"|g' "$work/parts/model.safetensors.index.json"
refused "which is outside its folder" model import "$work/parts" -o "$work/o"

# A subnet of an imported model, extracted and run without it; matrices in half the bytes.
refused "its one member is 'c=4 e=8 p=625 L=0-1:2x16'" extract "$work/hubert" --arch "c=3 e=4 p=625 L=1:1x7" -o "$work/cut"
"$program" extract "$work/hubert" --arch "c=3 e=4 p=625 L=1:1x7" --force -o "$work/cut" --json >"$work/said" 2>"$work/error"
says "is no member of the space" "$work/error"
python3 - "$work/said" <<'PY'
import json, sys
said = json.load(open(sys.argv[1]))
assert 4 * said["params"] <= said["bytes"] <= 4 * said["params"] + 16384, said
PY
features cut
"$program" extract "$smoke" --arch largest -o "$work/fp32" >"$work/out"
"$program" extract "$smoke" --arch largest -o "$work/bf16" --dtype bf16 >"$work/out"
[ $((2 * $(stat -c %s "$work/bf16"))) -lt $((12 * $(stat -c %s "$work/fp32") / 10)) ] || fail "bf16 is no smaller"

# Groups that ties keep from being reordered are named.
"$program" model sort "$work/wavlm" -o "$work/sorted" --score magnitude >"$work/said"
says "left alone: heads: all layers share one position bias" "$work/said"
says "left alone: embed: the gate of the position bias" "$work/said"
echo "checkpoints: passed"
