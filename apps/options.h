// Options with checks: numbers with bounds, files that a verb reads and files that it writes.
// Before a verb runs, an output is rejected if it would overwrite an input of the verb or a file of
// another kind.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/bounds.h"
#include "core/enum_names.h"

namespace concertina {

// A CLI11 check whose description is describe(bounds).
CLI::Validator within(const Bounds& bounds, bool whole_number);

// A number in `bounds`; outside them it is a usage error (exit code 2).
template <class Number>
CLI::Option* add_number(CLI::App& verb, const std::string& names, Number& value,
                        const Bounds& bounds, const std::string& help) {
  return verb.add_option(names, value, help)->check(within(bounds, std::is_integral_v<Number>));
}

// One of the names of an enum; `accepted`: all of them where empty.
template <NamedEnum E>
CLI::Option* add_choice(CLI::App& verb, const std::string& names, E& value, const std::string& help,
                        std::vector<E> accepted = {}) {
  std::vector<std::string> words;
  for (const E each : accepted) words.emplace_back(enum_name(each));
  if (words.empty()) words = enum_names<E>();
  return verb
      .add_option_function<std::string>(
          names,
          [&value](const std::string& word) { value = enum_from_name<E>("the value", word); }, help)
      ->check(CLI::IsMember(words))
      ->default_str(std::string(enum_name(value)));
}

enum class FileKind {
  kModel,     // a Concertina model
  kHeads,     // objective.safetensors
  kWeights,   // safetensors of another package
  kTorch,     // torch.save
  kStudy,     // SQLite
  kManifest,  // manifest.tsv
  kTrials,    // CSV or JSON of a study's trials
  kPage,      // HTML
  kJson,
  kSpace,     // YAML of a search space
  kFeatures,  // .npy
  kFolder,
};

// Which options of the verbs name files.
class PathOptions {
 public:
  struct Output {
    const CLI::App* verb;
    const CLI::Option* option;
    FileKind kind;
  };

  CLI::Option* reads(CLI::Option* option) {
    inputs_.push_back(option);
    return option;
  }
  CLI::Option* writes(const CLI::App& verb, CLI::Option* option, FileKind kind) {
    outputs_.push_back({&verb, option, kind});
    return option;
  }
  const std::vector<const CLI::Option*>& inputs() const { return inputs_; }
  const std::vector<Output>& outputs() const { return outputs_; }

  // After parsing: InputError for an output that would overwrite an input or a file of another
  // kind. Removes temporary files that killed runs have left for the same outputs.
  void check() const;

 private:
  std::vector<const CLI::Option*> inputs_;
  std::vector<Output> outputs_;
};

// Rejects outputs one by one: those of options through PathOptions, others by the verbs that name
// them.
class OutputCheck {
 public:
  explicit OutputCheck(const std::vector<std::filesystem::path>& inputs);
  // InputError when `output` is an input, also through links; when it lies in an input folder and
  // is no manifest; when it is a file of another kind. A path that does not exist, an empty file, a
  // device or a pipe is accepted.
  void operator()(const std::filesystem::path& output, FileKind kind) const;

 private:
  std::set<std::pair<uint64_t, uint64_t>> files_;  // device, inode
  std::vector<std::filesystem::path> folders_;     // canonical
};

}  // namespace concertina
