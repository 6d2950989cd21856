// concertina encode: audio files to features, one .npy each.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "pipeline/encode_job.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/precision.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const EncodedFile& file) {
  if (!file.error.empty()) return {{"audio", file.audio}, {"error", file.error}};
  Json json = {{"audio", file.audio}, {"features", file.features.string()}, {"shape", file.shape}};
  if (file.windows > 0) json["windows"] = file.windows;
  return json;
}

void print(const std::vector<EncodedFile>& files, bool as_json) {
  Json rows = Json::array();
  for (const EncodedFile& file : files) {
    if (as_json)
      rows.push_back(to_json(file));
    else if (!file.features.empty())
      fmt::print("{} [{}]\n", file.features.string(), fmt::join(file.shape, ","));
  }
  if (as_json) fmt::print("{}\n", rows.dump(2));
}

void check_outputs(const EncodeArgs& args) {
  std::vector<std::filesystem::path> inputs(args.audio.begin(), args.audio.end());
  inputs.emplace_back(args.model);
  const OutputCheck refuse(inputs);
  if (!args.to_file()) refuse(args.out, FileKind::kFolder);
  for (const std::filesystem::path& output : output_paths(args))
    refuse(output, FileKind::kFeatures);
  remove_abandoned(args.out);
}

void run_encode(const EncodeArgs& args, const Globals& globals) {
  check_outputs(args);
  const at::Device device = device_of(globals);
  const at::ScalarType dtype = scalar_type(args.dtype, device);
  const Supernet supernet = load_model(args.model);
  const Encoder encoder(
      args, supernet.to(device).slice(resolve_architecture(supernet.space(), args.arch), dtype),
      device);
  // Rejects invalid windows.
  if (args.window != "auto" && args.window != "none")
    encoder.windows({}, args.window_options(encoder.blueprint()));
  if (!args.to_file()) make_directories(args.out);
  const at::InferenceMode inference;
  EncodeJob job(args, encoder, globals.stop);
  job.run();
  print(job.files(), globals.json);
  job.throw_failures();
}

}  // namespace

void add_encode_verbs(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<EncodeArgs>();
  CLI::App* encode = app.add_subcommand(
      "encode", "encode audio: hidden states as .npy, [layers + 1, T, E] float32");
  encode->footer(
      "Examples:\n  concertina encode runs/quickstart/subnet.safetensors speech.wav -o "
      "features.npy\n"
      "  concertina encode hubert.safetensors *.flac -o features --batch 8 --padding original\n"
      "  concertina encode runs/quickstart/subnet.safetensors lecture.mp3 -o lecture.npy --layers "
      "last --window "
      "60s");
  globals.paths.reads(
      encode->add_option("MODEL", args->model, "model file (.safetensors)")->required());
  globals.paths.reads(
      encode
          ->add_option("AUDIO", args->audio,
                       "WAV, FLAC, Ogg or MP3 files of any rate and number of channels")
          ->required());
  encode->add_option("-o,--out,--output", args->out, "FILE.npy, or a folder for several files")
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
                   "state 0. hf: the first layer's input (transformers, fairseq's hooks); "
                   "lighthubert: the features before the positional conv")
      ->check(CLI::IsMember({"hf", "lighthubert"}))
      ->capture_default_str();
  add_number(*encode, "--batch", args->batch, {1, 10000},
             "batch size: files are padded to the longest")
      ->capture_default_str();
  encode
      ->add_option("--padding", args->padding,
                   "treatment of a padded batch. exact: a file's features do not depend on the "
                   "others; original: as fairseq, WavLM and LightHuBERT; original-hf: as "
                   "transformers with an attention mask; unmasked: as transformers without one. "
                   "Whisper: all but exact pad to 30 s, as its packages")
      ->check(CLI::IsMember({"exact", "original", "original-hf", "unmasked"}))
      ->capture_default_str();
  encode
      ->add_option(
          "--window", args->window,
          "encode longer audio in windows of this length (60s, 2min); none: in one piece; auto: "
          "30 s for audio of more than two minutes, or than the model has positions for")
      ->capture_default_str();
  encode
      ->add_option("--overlap", args->overlap,
                   "overlap of neighbouring windows; each keeps half of it")
      ->capture_default_str();
  add_choice(*encode, "--dtype", args->dtype,
             "what is computed in; auto: bf16 where the device multiplies it in hardware; features "
             "are written as float32",
             {Precision::kFp32, Precision::kBf16, Precision::kAuto});
  encode->callback([args, &globals] { run_encode(*args, globals); });
}

}  // namespace concertina
