"""Golden hidden states of the LightHuBERT package: random heterogeneous subnets of both spaces, both extractor modes,
at full size (768 / 12 / 3072) with closed-form weights, and the small space's default subnet on a padded batch, its
own state 0 included. Every 37th value is kept. A second file holds subnets of the small space with local attention
windows, in both of the package's modes.

Usage: lighthubert.py FOLDER OUT.safetensors WINDOWS.safetensors
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
from lighthubert.modules import scaling_multihead  # noqa: E402

SAMPLES = 10000
CLIPS = (10000, 7000, 4321)
STEP = 37
WINDOWS = (2, 4, 8, 16, "global")  # divide the 32 padded frames: the package would pad others with zeros it attends to


# Mode "stride" takes memory to be in order, which it is not unless a padding has just copied it.
def contiguous_window(q, k, v, *args, _original=scaling_multihead.slide_window_attention_forward, **kwargs):
    return _original(q.contiguous(), k.contiguous(), v.contiguous(), *args, **kwargs)


scaling_multihead.slide_window_attention_forward = contiguous_window


def closed_form_model(space, extractor_mode):
    config = LightHuBERTConfig({"extractor_mode": extractor_mode})
    config.supernet_type = space
    model = LightHuBERT(config).eval()
    state = {name: torch.from_numpy(tensor(name, tuple(value.shape))) for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return model


class Golden:
    def __init__(self):
        self.tensors, self.cases = {}, {}

    def add(self, case, model, subnet):
        model.set_sample_config(subnet)
        wav = torch.from_numpy(waveform("golden waveform", SAMPLES))[None]
        with torch.no_grad():
            hidden = model.extract_features(wav, ret_hs=True)[0]
        # State 0 of the package comes before the positional conv; ours after it, so it is left out.
        self.tensors[case] = torch.cat([h[0].flatten()[::STEP] for h in hidden[1:]])
        self.cases[case] = json.dumps({"subnet": subnet, "params": int(model.calc_sampled_param_num())})
        print(case, self.cases[case], "max |h|", max(h.abs().max().item() for h in hidden))

    def add_padded(self, case, model, subnet):
        model.set_sample_config(subnet)
        clips, mask = padded(CLIPS)
        with torch.no_grad():
            hidden = model.extract_features(clips, padding_mask=mask == 0, ret_hs=True)[0]
        self.tensors[case] = torch.cat([h.flatten()[::STEP] for h in hidden])
        self.cases[case] = json.dumps({"subnet": subnet, "params": int(model.calc_sampled_param_num())})

    def save(self, path):
        save_file(self.tensors, path, {"cases": json.dumps(self.cases)})


random.seed(1)
golden = Golden()
for space in ("base", "small"):
    for mode in ("default", "layer_norm"):
        model = closed_form_model(space, mode)
        for i in range(6):
            golden.add(f"{space}/{mode}/{i}", model, model.supernet.sample_subnet())
        if space == "small":
            golden.add_padded(f"padded/{mode}", model, model.supernet.subnet)
golden.save(sys.argv[2])

golden = Golden()
model = closed_form_model("small", "layer_norm")
for i in range(2):
    subnet = model.supernet.sample_subnet()
    subnet["slide_wsz"] = [random.choice(WINDOWS) for _ in range(subnet["layer_num"])]
    for mode in ("stride", "mask"):
        model._switch_slide_attention(mode)
        golden.add(f"small/layer_norm/{mode}/{i}", model, subnet)
golden.save(sys.argv[3])
