"""One tiny HuBERT, written by torch and safetensors in every container and dtype that `concertina model import` reads.
All files hold the same values, multiples of 1/64, exact in every dtype.

Usage: checkpoints.py FOLDER      (pip install torch==2.13.0 safetensors numpy)
"""
import argparse
import json
import pathlib
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save_file

from closed_form import tensor

WIDTH, FFN, LAYERS, CONV, KERNELS, STRIDES, POSITIONAL, GROUPS = 8, 16, 2, 4, (10, 3), (5, 2), 4, 2


def pairs(name, theirs, *shape):
    yield f"{name}.weight", f"{theirs}.weight", shape
    yield f"{name}.bias", f"{theirs}.bias", shape[:1]


def names():
    """(fairseq's name, transformers' name, shape) of every tensor."""
    yield "mask_emb", "masked_spec_embed", (WIDTH,)
    for i, kernel in enumerate(KERNELS):
        start = f"feature_extractor.conv_layers.{i}."
        yield start + "0.weight", start + "conv.weight", (CONV, CONV if i else 1, kernel)
    yield from pairs("feature_extractor.conv_layers.0.2", "feature_extractor.conv_layers.0.layer_norm", CONV)
    yield from pairs("layer_norm", "feature_projection.layer_norm", CONV)
    yield from pairs("post_extract_proj", "feature_projection.projection", WIDTH, CONV)
    conv = "encoder.pos_conv_embed.conv."
    yield "encoder.pos_conv.0.bias", conv + "bias", (WIDTH,)
    yield "encoder.pos_conv.0.weight_g", conv + "parametrizations.weight.original0", (1, 1, POSITIONAL)
    yield "encoder.pos_conv.0.weight_v", conv + "parametrizations.weight.original1", (WIDTH, WIDTH // GROUPS, POSITIONAL)
    yield from pairs("encoder.layer_norm", "encoder.layer_norm", WIDTH)
    for i in range(LAYERS):
        layer = f"encoder.layers.{i}."
        for part in "qkv":
            yield from pairs(f"{layer}self_attn.{part}_proj", f"{layer}attention.{part}_proj", WIDTH, WIDTH)
        yield from pairs(layer + "self_attn.out_proj", layer + "attention.out_proj", WIDTH, WIDTH)
        yield from pairs(layer + "self_attn_layer_norm", layer + "layer_norm", WIDTH)
        yield from pairs(layer + "fc1", layer + "feed_forward.intermediate_dense", FFN, WIDTH)
        yield from pairs(layer + "fc2", layer + "feed_forward.output_dense", WIDTH, FFN)
        yield from pairs(layer + "final_layer_norm", layer + "final_layer_norm", WIDTH)


def value(name, shape):
    return torch.round(torch.from_numpy(tensor(name, shape)) * 64) / 64


FAIRSEQ = OrderedDict((ours, value(ours, shape)) for ours, _, shape in names())
HF = OrderedDict((theirs, value(ours, shape)) for ours, theirs, shape in names())
CONFIG = {"model_type": "hubert", "architectures": ["HubertModel"], "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
          "num_attention_heads": 2, "intermediate_size": FFN, "conv_dim": [CONV] * 2, "conv_kernel": KERNELS,
          "conv_stride": STRIDES, "num_conv_pos_embeddings": POSITIONAL, "num_conv_pos_embedding_groups": GROUPS,
          "feat_extract_norm": "group", "do_stable_layer_norm": False}
MODEL = {"_name": "hubert", "extractor_mode": "default", "encoder_layers": LAYERS, "encoder_embed_dim": WIDTH,
         "encoder_ffn_embed_dim": FFN, "encoder_attention_heads": 2, "layer_norm_first": False, "conv_pos": POSITIONAL,
         "conv_pos_groups": GROUPS, "conv_feature_layers": "[(4,10,5)] + [(4,3,2)] * 1"}
folder = pathlib.Path(sys.argv[1])


def hf_folder(name):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    return folder / name


# transformers, safetensors: bf16 matrices.
path = hf_folder("hf_safetensors")
save_file({k: v.bfloat16() if v.dim() > 1 else v for k, v in HF.items()}, path / "model.safetensors", {"format": "pt"})
(path / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False, "sampling_rate": 16000}) + "\n")

# transformers, a task model in a zip: prefixed names, the older spelling of the weight norm, parameters, matrices
# stored transposed, all biases as views of one storage, a head.
biases = torch.cat([v for v in HF.values() if v.dim() == 1])
state, at = OrderedDict(), 0
for name, v in HF.items():
    name = "hubert." + name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")
    if v.dim() == 1:
        state[name], at = biases[at:at + v.numel()], at + v.numel()
    else:
        state[name] = torch.nn.Parameter(v.transpose(0, 1).contiguous().transpose(0, 1))
state["lm_head.weight"] = torch.zeros(5, WIDTH)
torch.save(state, hf_folder("hf_bin") / "pytorch_model.bin")

# fairseq, zip, half precision, with the head of pretraining (a Linear layer and an embedding of each unit) and an
# optimiser's leftovers.
state = OrderedDict((k, v.half()) for k, v in FAIRSEQ.items())
for name, shape in (("final_proj.weight", (4, WIDTH)), ("final_proj.bias", (4,)), ("label_embs_concat", (6, 4))):
    state[name] = value(name, shape).half()
torch.save({"args": None, "cfg": {"_name": None, "model": MODEL, "task": {"_name": "hubert_pretraining", "normalize": False}},
            "model": state, "criterion": None, "extra_state": {"epoch": 3, "best": 1.5}}, folder / "fairseq.pt")

# fairseq of old: a Namespace, double precision, the container before the zip.
torch.save({"args": argparse.Namespace(arch="hubert", normalize=False, **MODEL),
            "model": OrderedDict((k, v.double()) for k, v in FAIRSEQ.items())},
           folder / "legacy.pt", _use_new_zipfile_serialization=False)

# DistilHuBERT as s3prl's pretraining saves it: no norm of the features, no mask embedding, the heads of three layers.
state = OrderedDict((k, v) for k, v in FAIRSEQ.items() if k != "mask_emb" and not k.startswith("layer_norm."))
state["output_layer.0.weight"], state["output_layer.0.bias"] = torch.zeros(3 * WIDTH, WIDTH), torch.zeros(3 * WIDTH)
state["output_layer.2.weight"], state["output_layer.2.bias"] = torch.zeros(3, WIDTH, WIDTH), torch.zeros(1, 1, 3, WIDTH)
SETTINGS = {"extractor_mode": "default", "extractor_conv_feature_layers": "[(4,10,5)] + [(4,3,2)]",
            "feature_grad_mult": 0.1, "conv_pos": POSITIONAL, "conv_pos_groups": GROUPS, "encoder_layers": LAYERS,
            "encoder_embed_dim": WIDTH, "encoder_ffn_embed_dim": FFN, "encoder_attention_heads": 2, "activation_fn": "gelu",
            "layer_norm_first": False, "attention_type": "original", "out_layer_type": "expand-last", "n_tasks": 3,
            "task_emb_type": "expand-last", "pred_layer_id": [4, 8, 12], "init_teacher_conv_layers": True}
torch.save({"Optimizer": {"state": {0: {"step": 7}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}, "Step": 7,
            "Args": argparse.Namespace(upstream="distiller", multi_gpu=False), "Runner": {"runner": {"total_steps": 7}},
            "Config": {"distiller": SETTINGS, "teacher": {"model": "hubert_base", "n_layers": 12}}, "Distiller": state},
           folder / "distiller.pt")
