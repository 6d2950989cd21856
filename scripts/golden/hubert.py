"""Golden hidden states of transformers' HubertModel: base style (group norm, post-LN) and large style (layer norm,
stable pre-LN, conv biases), small shapes, closed-form weights.

Usage: hubert.py OUT.safetensors      (pip install torch==2.13.0 transformers==4.57.1 safetensors numpy)
"""
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

from closed_form import tensor, waveform

SAMPLES = 16000
SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=2, intermediate_size=256, conv_dim=(32,) * 7,
             num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16, hidden_dropout=0.0, attention_dropout=0.0,
             feat_proj_dropout=0.0, activation_dropout=0.0, layerdrop=0.0, final_dropout=0.0, apply_spec_augment=False,
             attn_implementation="eager")
CASES = {
    "base": dict(feat_extract_norm="group", conv_bias=False, do_stable_layer_norm=False),
    "large": dict(feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True),
}


def our_name(name):
    """The fairseq name of a transformers tensor."""
    parts = name.split(".")
    if name == "masked_spec_embed":
        return "mask_emb"
    if parts[0] == "feature_extractor":
        i, kind = parts[2], parts[3]
        if kind == "conv":
            return f"feature_extractor.conv_layers.{i}.0.{parts[4]}"
        return f"feature_extractor.conv_layers.{i}.2{NORM_SUFFIX}.{parts[4]}"
    if parts[0] == "feature_projection":
        return {"layer_norm": "layer_norm.", "projection": "post_extract_proj."}[parts[1]] + parts[2]
    if parts[1] == "pos_conv_embed":
        tail = {"bias": "bias", "original0": "weight_g", "original1": "weight_v"}[parts[-1]]
        return "encoder.pos_conv.0." + tail
    for theirs, ours in {"attention": "self_attn", "feed_forward.intermediate_dense": "fc1",
                         "feed_forward.output_dense": "fc2"}.items():
        name = name.replace("." + theirs + ".", "." + ours + ".")
    if parts[1] == "layers" and parts[3] == "layer_norm":
        name = f"encoder.layers.{parts[2]}.self_attn_layer_norm.{parts[4]}"
    return name


golden = {}
for case, options in CASES.items():
    NORM_SUFFIX = ".1" if options["feat_extract_norm"] == "layer" else ""
    model = HubertModel(HubertConfig(**SHAPE, **options)).eval()
    state = {name: torch.from_numpy(tensor(our_name(name), tuple(value.shape))) for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    wav = waveform("golden waveform", SAMPLES)
    if options["feat_extract_norm"] == "layer":  # these checkpoints want normalised audio (eps of fairseq)
        wav = (wav - wav.mean()) / np.sqrt(wav.var() + 1e-5)
    with torch.no_grad():
        hidden = model(torch.from_numpy(wav)[None], output_hidden_states=True).hidden_states
    golden[case] = torch.stack([h[0] for h in hidden])
    print(case, tuple(golden[case].shape), "max |h|", golden[case].abs().max().item())
save_file(golden, sys.argv[1])
