"""One tiny Whisper encoder in every format that `concertina model import` reads: transformers (a task model, and the encoder
alone), OpenAI's and CTranslate2's. All files hold the same values, multiples of 1/64, exact in every dtype; and parts of a decoder.

Usage: whisper_checkpoints.py FOLDER      (pip install torch==2.13.0 safetensors numpy)
"""
import json
import pathlib
import struct
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save_file

from closed_form import tensor

WIDTH, HEADS, LAYERS, BINS, POSITIONS, WORDS = 8, 2, 2, 4, 6, 5
FFN = 4 * WIDTH
folder = pathlib.Path(sys.argv[1])


def shapes():
    """(name in transformers, in OpenAI's package, shape)"""
    for part, inputs in (("conv1", BINS), ("conv2", WIDTH)):
        yield f"encoder.{part}.weight", f"encoder.{part}.weight", (WIDTH, inputs, 3)
        yield f"encoder.{part}.bias", f"encoder.{part}.bias", (WIDTH,)
    yield "encoder.embed_positions.weight", "encoder.positional_embedding", (POSITIONS, WIDTH)
    for i in range(LAYERS):
        hf, openai = f"encoder.layers.{i}.", f"encoder.blocks.{i}."
        for theirs, ours, shape in (("self_attn.q_proj", "attn.query", (WIDTH, WIDTH)), ("self_attn.k_proj", "attn.key", (WIDTH, WIDTH)),
                                    ("self_attn.v_proj", "attn.value", (WIDTH, WIDTH)), ("self_attn.out_proj", "attn.out", (WIDTH, WIDTH)),
                                    ("self_attn_layer_norm", "attn_ln", (WIDTH,)), ("fc1", "mlp.0", (FFN, WIDTH)),
                                    ("fc2", "mlp.2", (WIDTH, FFN)), ("final_layer_norm", "mlp_ln", (WIDTH,))):
            yield f"{hf}{theirs}.weight", f"{openai}{ours}.weight", shape
            if theirs != "self_attn.k_proj":
                yield f"{hf}{theirs}.bias", f"{openai}{ours}.bias", shape[:1]
    for part in ("weight", "bias"):
        yield f"encoder.layer_norm.{part}", f"encoder.ln_post.{part}", (WIDTH,)


def value(name, shape):
    return torch.round(torch.from_numpy(tensor(name, shape)) * 64) / 64


HF = OrderedDict((hf, value(hf, shape)) for hf, _, shape in shapes())
OPENAI = OrderedDict((openai, value(hf, shape)) for hf, openai, shape in shapes())
CONFIG = {"model_type": "whisper", "d_model": WIDTH, "encoder_layers": LAYERS, "encoder_attention_heads": HEADS,
          "encoder_ffn_dim": FFN, "num_mel_bins": BINS, "max_source_positions": POSITIONS, "activation_function": "gelu"}


def hf_folder(name):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    return folder / name


# transformers: WhisperForConditionalGeneration in safetensors, WhisperEncoder in torch.save's file.
path = hf_folder("whisper_hf")
words = torch.zeros(WORDS, WIDTH)
save_file({**{"model." + k: v for k, v in HF.items()}, "model.decoder.embed_tokens.weight": words, "proj_out.weight": words.clone()},
          path / "model.safetensors", {"format": "pt"})
(path / "preprocessor_config.json").write_text(json.dumps({"feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": 16000,
                                                           "n_fft": 400, "hop_length": 160, "feature_size": BINS}) + "\n")
torch.save(OrderedDict((k.removeprefix("encoder."), v) for k, v in HF.items()), hf_folder("whisper_encoder") / "pytorch_model.bin")

# OpenAI: half precision.
torch.save({"dims": {"n_mels": BINS, "n_vocab": WORDS, "n_audio_ctx": POSITIONS, "n_audio_state": WIDTH, "n_audio_head": HEADS,
                     "n_audio_layer": LAYERS, "n_text_ctx": 3, "n_text_state": WIDTH, "n_text_head": HEADS, "n_text_layer": 1},
            "model_state_dict": {**{k: v.half() for k, v in OPENAI.items()}, "decoder.token_embedding.weight": words.half()}},
           folder / "whisper.pt")


# CTranslate2: queries, keys and values in one, a bias of zeros for the keys.
def string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def variable(name, type_id, dims, data):
    return string(name) + struct.pack(f"<B{len(dims)}IBI", len(dims), *dims, type_id, len(data)) + data


def ctranslate2(name, dtype, type_id):
    variables = {"encoder/position_encodings/encodings": HF["encoder.embed_positions.weight"],
                 "decoder/embeddings/weight": words}
    for part in ("weight", "bias"):
        norm = {"weight": "gamma", "bias": "beta"}[part]
        for conv in ("conv1", "conv2"):
            variables[f"encoder/{conv}/{part}"] = HF[f"encoder.{conv}.{part}"]
        variables[f"encoder/layer_norm/{norm}"] = HF[f"encoder.layer_norm.{part}"]
        for i in range(LAYERS):
            theirs, hf = f"encoder/layer_{i}/", f"encoder.layers.{i}."
            keys = HF[hf + "self_attn.k_proj.weight"] if part == "weight" else torch.zeros(WIDTH)
            variables[f"{theirs}self_attention/linear_0/{part}"] = torch.cat(
                [HF[f"{hf}self_attn.q_proj.{part}"], keys, HF[f"{hf}self_attn.v_proj.{part}"]])
            variables[f"{theirs}self_attention/linear_1/{part}"] = HF[f"{hf}self_attn.out_proj.{part}"]
            variables[f"{theirs}self_attention/layer_norm/{norm}"] = HF[f"{hf}self_attn_layer_norm.{part}"]
            variables[f"{theirs}ffn/layer_norm/{norm}"] = HF[f"{hf}final_layer_norm.{part}"]
            for linear, fc in (("linear_0", "fc1"), ("linear_1", "fc2")):
                variables[f"{theirs}ffn/{linear}/{part}"] = HF[f"{hf}{fc}.{part}"]
    entries = [variable(k, type_id, v.shape, v.to(dtype).contiguous().numpy().tobytes()) for k, v in sorted(variables.items())]
    entries.append(variable("encoder/num_heads", 2, (), struct.pack("<h", HEADS)))
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "model.bin").write_bytes(
        struct.pack("<I", 6) + string("WhisperSpec") + struct.pack("<II", 3, len(entries)) + b"".join(entries) +
        struct.pack("<I", 1) + string("decoder/projection/weight") + string("decoder/embeddings/weight"))


ctranslate2("whisper_ct2", torch.float16, 4)
ctranslate2("whisper_ct2_fp32", torch.float32, 0)
