"""Golden states of transformers' WhisperEncoder on clips at their own length: four sizes, closed-form weights, positions too;
every 7th value of each clip's states (37th of the largest), the last one after the final norm. The log-mel energies are those of
WhisperFeatureExtractor.

Usage: whisper.py OUT.safetensors      (pip install torch==2.13.0 transformers==5.24.0 safetensors numpy)
"""
import sys

import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from closed_form import CLIPS, tensor, waveform

CASES = {  # the last one is tiny.en's size
    "1": dict(d_model=64, encoder_layers=2, encoder_attention_heads=1, encoder_ffn_dim=128, num_mel_bins=80, max_source_positions=50),
    "2": dict(d_model=128, encoder_layers=4, encoder_attention_heads=2, encoder_ffn_dim=256, num_mel_bins=80, max_source_positions=100),
    "3": dict(d_model=192, encoder_layers=3, encoder_attention_heads=3, encoder_ffn_dim=768, num_mel_bins=128, max_source_positions=100),
    "4": dict(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536, num_mel_bins=80, max_source_positions=1500),
}


def log_mel(bins, clip):
    extractor = WhisperFeatureExtractor(feature_size=bins)
    return extractor(clip, sampling_rate=16000, padding="do_not_pad", return_tensors="pt").input_features


def states(encoder, mel):
    """[states, T, E]. WhisperEncoder.forward takes 30 s only: its modules are called here as it calls them."""
    x = torch.nn.functional.gelu(encoder.conv1(mel))
    x = torch.nn.functional.gelu(encoder.conv2(x)).permute(0, 2, 1)
    x = x + encoder.embed_positions.weight[:x.shape[1]]
    hidden = [x]
    for layer in encoder.layers:
        x = layer(x, None)
        hidden.append(x[0] if isinstance(x, tuple) else x)
        x = hidden[-1]
    hidden[-1] = encoder.layer_norm(x)
    return torch.cat(hidden)


golden = {}
for case, sizes in CASES.items():
    encoder = WhisperEncoder(WhisperConfig(**sizes, activation_function="gelu", dropout=0.0, attn_implementation="eager")).eval()
    encoder.load_state_dict({name: torch.from_numpy(tensor("encoder." + name, tuple(value.shape)))
                             for name, value in encoder.state_dict().items()})
    encoder.requires_grad_(False)
    for samples in CLIPS:
        mel = log_mel(sizes["num_mel_bins"], waveform("golden waveform", samples))
        hidden = states(encoder, mel)
        if mel.shape[2] == 2 * sizes["max_source_positions"]:  # what the whole encoder takes
            whole = encoder(mel).last_hidden_state
            assert torch.equal(whole[0], hidden[-1]), (whole[0] - hidden[-1]).abs().max()
            print(case, samples, "is the whole encoder's")
        golden[f"{case}/{samples}"] = hidden.flatten()[::37 if case == "4" else 7].clone()
        golden[f"mel{sizes['num_mel_bins']}/{samples}"] = mel[0].T.flatten()[::7].clone()
        print(case, samples, tuple(hidden.shape), "max |h|", hidden.abs().max().item())
save_file(golden, sys.argv[1])
