"""Golden hidden states of transformers' WavLMModel: base style (group norm, post-LN) and large style (layer norm, stable
pre-LN), small shapes, closed-form weights; one clip, and a padded batch of three (every 7th value of each). Also the
buckets of distances -2000 to 2000 for WavLM's two settings of its table.

Usage: wavlm.py OUT.safetensors      (pip install torch==2.13.0 transformers==4.57.1 safetensors numpy)
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import WavLMConfig, WavLMModel
from transformers.models.wavlm.modeling_wavlm import WavLMAttention

from closed_form import CLIPS, load, padded, states

SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=2, intermediate_size=256, conv_dim=(32,) * 7,
             num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=16, hidden_dropout=0.0, attention_dropout=0.0,
             feat_proj_dropout=0.0, activation_dropout=0.0, layerdrop=0.0, final_dropout=0.0, apply_spec_augment=False)
CASES = {  # the base style's table is small enough for a second of audio to reach its end
    "base": dict(feat_extract_norm="group", do_stable_layer_norm=False, num_buckets=32, max_bucket_distance=40),
    "large": dict(feat_extract_norm="layer", do_stable_layer_norm=True, num_buckets=320, max_bucket_distance=800),
}

golden = {}
for case, options in CASES.items():
    model = WavLMModel(WavLMConfig(**SHAPE, **options)).eval()
    load(model)
    eps = 1e-7 if options["feat_extract_norm"] == "layer" else None  # transformers' feature extractor
    wav, mask = padded(CLIPS, eps)
    for name, given in {case: dict(input_values=wav[:1]),
                        f"{case}/padded": dict(input_values=wav, attention_mask=mask)}.items():
        hidden = states(model(**given, output_hidden_states=True).hidden_states)
        golden[name] = hidden.flatten()[::7].clone()
        print(name, tuple(hidden.shape), "max |h|", hidden.abs().max().item())
for distance in (800, 1280):
    attention = WavLMAttention(64, 1, num_buckets=320, max_distance=distance)
    golden[f"buckets/{distance}"] = attention._relative_positions_bucket(torch.arange(-2000, 2001)).float()
save_file(golden, sys.argv[1])
