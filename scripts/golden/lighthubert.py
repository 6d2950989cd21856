"""Golden hidden states of the LightHuBERT package: random heterogeneous subnets of both spaces, both extractor modes,
at full size (768 / 12 / 3072) with closed-form weights, and the small space's default subnet on a padded batch, its
own state 0 included. Every 37th value is kept.

Usage: lighthubert.py FOLDER OUT.safetensors
FOLDER holds the package `lighthubert`, e.g. s3prl/upstream/lighthubert of the s3prl 0.4.18 source package on PyPI:
  pip download --no-deps --no-binary :all: --no-build-isolation s3prl==0.4.18
"""
import json
import random
import sys

import torch
from safetensors.torch import save_file

from closed_form import padded, tensor, waveform

sys.path.insert(0, sys.argv[1])
from lighthubert import LightHuBERT, LightHuBERTConfig  # noqa: E402

SAMPLES = 10000
CLIPS = (10000, 7000, 4321)
STEP = 37
golden, metadata = {}, {}
random.seed(1)
for space in ("base", "small"):
    for mode in ("default", "layer_norm"):
        config = LightHuBERTConfig({"extractor_mode": mode})
        config.supernet_type = space
        model = LightHuBERT(config).eval()
        state = {name: torch.from_numpy(tensor(name, tuple(value.shape))) for name, value in model.state_dict().items()}
        model.load_state_dict(state)
        wav = torch.from_numpy(waveform("golden waveform", SAMPLES))[None]
        for i in range(6):
            subnet = model.supernet.sample_subnet()
            model.set_sample_config(subnet)
            with torch.no_grad():
                hidden = model.extract_features(wav, ret_hs=True)[0]
            # State 0 of the package comes before the positional conv; ours after it, so it is left out.
            kept = [h[0].flatten()[::STEP] for h in hidden[1:]]
            case = f"{space}/{mode}/{i}"
            golden[case] = torch.cat(kept)
            metadata[case] = json.dumps({"subnet": subnet, "params": int(model.calc_sampled_param_num())})
            print(case, metadata[case], "max |h|", max(h.abs().max().item() for h in hidden))
        if space == "small":
            subnet = model.supernet.subnet
            model.set_sample_config(subnet)
            clips, mask = padded(CLIPS)
            with torch.no_grad():
                hidden = model.extract_features(clips, padding_mask=mask == 0, ret_hs=True)[0]
            case = f"padded/{mode}"
            golden[case] = torch.cat([h.flatten()[::STEP] for h in hidden])
            metadata[case] = json.dumps({"subnet": subnet, "params": int(model.calc_sampled_param_num())})
save_file(golden, sys.argv[2], {"cases": json.dumps(metadata)})
