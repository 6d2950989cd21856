"""Golden hidden states of transformers' HubertModel: base style (group norm, post-LN) and large style (layer norm,
stable pre-LN, conv biases), small shapes, closed-form weights; one clip, and a padded batch of three (every 7th value)
with and without its attention mask.

Usage: hubert.py OUT.safetensors      (pip install torch==2.13.0 transformers==4.57.1 safetensors numpy)
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

from closed_form import CLIPS, load, padded, states

SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=2, intermediate_size=256, conv_dim=(32,) * 7,
             num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16, hidden_dropout=0.0, attention_dropout=0.0,
             feat_proj_dropout=0.0, activation_dropout=0.0, layerdrop=0.0, final_dropout=0.0, apply_spec_augment=False,
             attn_implementation="eager")
CASES = {
    "base": dict(feat_extract_norm="group", conv_bias=False, do_stable_layer_norm=False),
    "large": dict(feat_extract_norm="layer", conv_bias=True, do_stable_layer_norm=True),
}

golden = {}
for case, options in CASES.items():
    model = HubertModel(HubertConfig(**SHAPE, **options)).eval()
    load(model)
    # Checkpoints of the large style want normalised audio; the epsilon is fairseq's.
    eps = 1e-5 if options["feat_extract_norm"] == "layer" else None
    wav, mask = padded(CLIPS, eps)
    golden[case] = states(model(wav[:1], output_hidden_states=True).hidden_states)[:, 0].clone()
    for name, given in {"padded": mask, "unmasked": None}.items():
        if name == "unmasked" and eps is not None:
            continue  # statistics over the padding: nobody runs these checkpoints so
        hidden = states(model(wav, attention_mask=given, output_hidden_states=True).hidden_states)
        golden[f"{case}/{name}"] = hidden.flatten()[::7].clone()
    print(case, tuple(golden[case].shape), "max |h|", golden[case].abs().max().item())
save_file(golden, sys.argv[1])
