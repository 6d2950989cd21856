#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/npy.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "speech/audio.h"
#include "supernet/model/forward.h"
#include "supernet/model/model_file.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct EncodeArgs {
  std::string model, arch = "largest", layers = "all", frames = "20ms", out;
  std::string state0 = "hf", padding = "exact";
  int32_t batch = 1;
  std::vector<std::string> audio;

  bool native() const { return frames == "native"; }
  bool unmasked() const { return padding == "unmasked"; }  // padding is taken for audio
  bool to_file() const { return out.ends_with(".npy"); }
};

std::vector<int32_t> parse_layers(const std::string& text, int32_t depth) {
  std::vector<int32_t> layers;
  if (text == "all") {
    for (int32_t i = 0; i <= depth; ++i) layers.push_back(i);
    return layers;
  }
  if (text == "last") return {depth};
  for (const std::string& part : CLI::detail::split(text, ',')) {
    int32_t layer = -1;
    if (!CLI::detail::lexical_cast(part, layer) || layer < 0 || layer > depth) {
      throw InputError(
          fmt::format("--layers '{}' is not a hidden state of this subnet: it has 0 (the encoder's "
                      "input) to {}, or say all or last",
                      part, depth));
    }
    layers.push_back(layer);
  }
  return layers;
}

// Where the features of each file go; two files of one name would overwrite each other.
std::vector<std::filesystem::path> output_paths(const EncodeArgs& args) {
  if (args.to_file()) {
    if (args.audio.size() == 1) return {args.out};
    throw InputError("several audio files need a folder as -o, not one .npy file");
  }
  std::vector<std::filesystem::path> paths;
  std::map<std::filesystem::path, std::string> taken;
  for (const std::string& audio : args.audio) {
    paths.push_back(std::filesystem::path(args.out) /
                    std::filesystem::path(audio).filename().replace_extension(".npy"));
    const auto [other, fresh] = taken.emplace(paths.back(), audio);
    if (!fresh) {
      throw InputError(fmt::format("{} and {} would both become {}", other->second, audio,
                                   paths.back().string()));
    }
  }
  return paths;
}

void check_outputs(const EncodeArgs& args, const std::vector<std::filesystem::path>& outputs) {
  std::vector<std::filesystem::path> inputs(args.audio.begin(), args.audio.end());
  inputs.emplace_back(args.model);
  const OutputCheck refuse(inputs);
  for (const std::filesystem::path& output : outputs) refuse(output, FileKind::kFeatures);
  remove_abandoned(args.out);
}

std::vector<float> read_clip(const std::string& path, const Blueprint& blueprint) {
  Audio audio = read_audio(path, blueprint.sample_rate);
  const bool mixed = audio.source.channels > 1;
  const bool resampled = audio.source.sample_rate != blueprint.sample_rate;
  if (mixed || resampled) {
    log_info("{}: {} channel{} at {} Hz, {}{}{}", path, audio.source.channels, mixed ? "s" : "",
             audio.source.sample_rate, mixed ? "mixed to one" : "",
             mixed && resampled ? " and " : "",
             resampled ? fmt::format("resampled to {} Hz", blueprint.sample_rate) : "");
  }
  const auto samples = static_cast<int64_t>(audio.samples.size());
  if (blueprint.frames(samples) < 1) {
    throw InputError(fmt::format("{}: {} samples at {} Hz are too short for one frame", path,
                                 samples, blueprint.sample_rate));
  }
  return std::move(audio.samples);
}

SpeechBatch batch_of(const std::vector<std::vector<float>>& clips, const EncodeArgs& args,
                     at::Device device) {
  SpeechBatch batch = make_batch(clips, device);
  if (args.padding == "original") batch.padding = Padding::kOriginal;
  if (args.padding == "original-hf") batch.padding = Padding::kOriginalHf;
  if (args.unmasked()) batch.lengths.fill_(batch.waveform.size(1));
  return batch;
}

class Encoder {
 public:
  Encoder(const EncodeArgs& args, Subnet subnet, at::Device device)
      : args_(args),
        subnet_(std::move(subnet)),
        device_(device),
        layers_(parse_layers(args.layers, subnet_.architecture.depth())) {
    wants_.hidden = layers_;
    wants_.projected = args.state0 == "lighthubert" &&
                       std::find(layers_.begin(), layers_.end(), 0) != layers_.end();
    if (wants_.projected && joined() > 1 && args.native()) {
      throw InputError(fmt::format(
          "--state0 lighthubert comes before this subnet joins {} frames into one: its frames are "
          "not those of --frames native",
          joined()));
    }
  }

  const Blueprint& blueprint() const { return subnet_.blueprint; }

  // [states, T, E] of each clip.
  std::vector<at::Tensor> operator()(const std::vector<std::vector<float>>& clips) const {
    const EncoderOutput output = encode(subnet_, batch_of(clips, args_, device_), wants_);
    std::vector<at::Tensor> states;
    for (int32_t layer : layers_) states.push_back(state(output, layer));
    const at::Tensor all = at::stack(states);
    std::vector<at::Tensor> features;
    for (size_t i = 0; i < clips.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const auto samples = static_cast<int64_t>(clips[i].size());
      features.push_back(all.select(1, row).narrow(1, 0, frames(output.frames, row, samples)));
    }
    return features;
  }

 private:
  int64_t joined() const { return joined_frames(subnet_.blueprint, subnet_.architecture); }

  at::Tensor state(const EncoderOutput& output, int32_t layer) const {
    const bool before = layer == 0 && wants_.projected;
    const at::Tensor& hidden =
        before ? output.frames.projected : output.hidden[static_cast<size_t>(layer)];
    const bool as_it_is = args_.native() || (before && joined() > 1);
    return as_it_is ? hidden : to_base_frames(output.frames, hidden);
  }

  int64_t frames(const Frames& all, int64_t row, int64_t samples) const {
    if (!args_.unmasked()) {
      return (args_.native() ? all.lengths : all.base_lengths)[row].item<int64_t>();
    }
    const int64_t base = blueprint().frames(samples);
    return args_.native()
               ? compressed_frames(blueprint(), base, subnet_.architecture.frame_period_us())
               : base;
  }

  const EncodeArgs& args_;
  Subnet subnet_;
  at::Device device_;
  std::vector<int32_t> layers_;
  Wants wants_;
};

// Weights that are damaged, or too large for fp32 sums, say so here.
void check_finite(const at::Tensor& features, const std::string& audio, const std::string& model) {
  if (at::isfinite(features).all().item<bool>()) return;
  throw NumericError(fmt::format(
      "{}: its features are not finite numbers: the weights of {} are damaged", audio, model));
}

void run_encode(const EncodeArgs& args, const Globals& globals) {
  const std::vector<std::filesystem::path> outputs = output_paths(args);
  check_outputs(args, outputs);
  const at::Device device = device_of(globals);
  const Supernet supernet = load_model(args.model);
  const Encoder encoder(args, supernet.to(device).slice(supernet.space().resolve(args.arch)),
                        device);
  if (!args.to_file()) make_directories(args.out);
  Progress progress("encode", static_cast<int64_t>(args.audio.size()));
  Json written = Json::array();
  at::InferenceMode inference;
  for (size_t first = 0; first < args.audio.size(); first += static_cast<size_t>(args.batch)) {
    globals.stop.throw_if_interrupted("files written so far are complete");
    const size_t end = std::min(first + static_cast<size_t>(args.batch), args.audio.size());
    std::vector<std::vector<float>> clips;
    for (size_t i = first; i < end; ++i) {
      clips.push_back(read_clip(args.audio[i], encoder.blueprint()));
    }
    const std::vector<at::Tensor> features = encoder(clips);
    for (size_t i = first; i < end; ++i) {
      const at::Tensor& each = features[i - first];
      check_finite(each, args.audio[i], args.model);
      write_npy(outputs[i], each);
      written.push_back({{"audio", args.audio[i]},
                         {"features", outputs[i].string()},
                         {"shape", each.sizes().vec()}});
      progress.advance();
    }
  }
  progress.finish();
  if (globals.json)
    fmt::print("{}\n", written.dump(2));
  else
    for (const auto& row : written)
      fmt::print("{} {}\n", row["features"].get<std::string>(), row["shape"].dump());
}

}  // namespace

void add_encode_verbs(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<EncodeArgs>();
  CLI::App* encode =
      app.add_subcommand("encode", "Turn audio into features: .npy of [layers + 1, T, E] float32");
  encode->footer(
      "Examples:\n  concertina encode subnet.safetensors speech.wav -o features.npy\n"
      "  concertina encode hubert.safetensors *.flac -o features --batch 8 --padding original");
  globals.paths.reads(
      encode->add_option("MODEL", args->model, "Model file (.safetensors)")->required());
  globals.paths.reads(
      encode
          ->add_option("AUDIO", args->audio,
                       "WAV, FLAC, Ogg or MP3 files of any rate and number of channels")
          ->required());
  encode->add_option("-o,--output", args->out, "FILE.npy, or a folder for several files")
      ->required();
  encode->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  encode->add_option("--layers", args->layers, "all, last, or hidden states such as 0,4")
      ->capture_default_str();
  encode
      ->add_option("--frames", args->frames,
                   "20ms: mapped back to the base rate; native: the subnet's own rate")
      ->check(CLI::IsMember({"20ms", "native"}))
      ->capture_default_str();
  encode
      ->add_option("--state0", args->state0,
                   "What state 0 is. hf: the first layer's input (transformers, fairseq's hooks); "
                   "lighthubert: the features before the positional conv")
      ->check(CLI::IsMember({"hf", "lighthubert"}))
      ->capture_default_str();
  add_number(*encode, "--batch", args->batch, {1, 10000},
             "Files encoded together, padded to the longest")
      ->capture_default_str();
  encode
      ->add_option("--padding", args->padding,
                   "How a padded batch is treated. exact: a file's features do not depend on the "
                   "others; original: as fairseq, WavLM and LightHuBERT; original-hf: as "
                   "transformers with an attention mask; unmasked: as transformers without one")
      ->check(CLI::IsMember({"exact", "original", "original-hf", "unmasked"}))
      ->capture_default_str();
  encode->callback([args, &globals] { run_encode(*args, globals); });
}

}  // namespace concertina
