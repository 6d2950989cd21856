"""A folder of transformers' WavLMModel with random weights: two layers of width 8 over two conv layers.

Usage: random_wavlm.py FOLDER [PARTS]      PARTS > 1: that many .safetensors files and an index
"""
import json
import pathlib
import random
import struct
import sys

WIDTH, HEADS, FFN, CONV, KERNELS, STRIDES, KERNEL, GROUPS, BUCKETS = 8, 2, 16, 4, (10, 3), (5, 2), 4, 2, 32
CONFIG = {"model_type": "wavlm", "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": HEADS,
          "intermediate_size": FFN, "conv_dim": [CONV, CONV], "conv_kernel": KERNELS, "conv_stride": STRIDES,
          "num_conv_pos_embeddings": KERNEL, "num_conv_pos_embedding_groups": GROUPS, "num_buckets": BUCKETS,
          "max_bucket_distance": 64}
shapes = {"masked_spec_embed": [WIDTH], "lm_head.weight": [5, WIDTH], "lm_head.bias": [5]}


def pair(name, *shape):
    shapes[name + ".weight"], shapes[name + ".bias"] = list(shape), [shape[0]]


for i, kernel in enumerate(KERNELS):
    shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] = [CONV, CONV if i else 1, kernel]
pair("feature_extractor.conv_layers.0.layer_norm", CONV)
pair("feature_projection.layer_norm", CONV)
pair("feature_projection.projection", WIDTH, CONV)
shapes["encoder.pos_conv_embed.conv.bias"] = [WIDTH]
shapes["encoder.pos_conv_embed.conv.parametrizations.weight.original0"] = [1, 1, KERNEL]
shapes["encoder.pos_conv_embed.conv.parametrizations.weight.original1"] = [WIDTH, WIDTH // GROUPS, KERNEL]
pair("encoder.layer_norm", WIDTH)
shapes["encoder.layers.0.attention.rel_attn_embed.weight"] = [BUCKETS, HEADS]
for i in range(2):
    layer = f"encoder.layers.{i}."
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        pair(f"{layer}attention.{name}", WIDTH, WIDTH)
    pair(layer + "attention.gru_rel_pos_linear", 8, WIDTH // HEADS)
    shapes[layer + "attention.gru_rel_pos_const"] = [1, HEADS, 1, 1]
    pair(layer + "layer_norm", WIDTH)
    pair(layer + "feed_forward.intermediate_dense", FFN, WIDTH)
    pair(layer + "feed_forward.output_dense", WIDTH, FFN)
    pair(layer + "final_layer_norm", WIDTH)


def write(path, names, draw):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in names:
        count = 1
        for size in shapes[name]:
            count *= size
        values = struct.pack(f"<{count}f", *(draw.gauss(0, 0.5) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shapes[name], "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


folder, parts = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
folder.mkdir(parents=True)
(folder / "config.json").write_text(json.dumps(CONFIG))
draw, names, held = random.Random(7), sorted(shapes), {}  # one stream of values, however many files
for i in range(parts):
    file = "model.safetensors" if parts == 1 else f"model-{i + 1:05}-of-{parts:05}.safetensors"
    part = names[len(names) * i // parts:len(names) * (i + 1) // parts]
    write(folder / file, part, draw)
    held.update(dict.fromkeys(part, file))
if parts > 1:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": held}))
