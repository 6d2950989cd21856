// The config fingerprint of a stage: everything that determines its results, as one JSON text. It
// is written to config.yaml, stored in checkpoints and models, and compared before a run is
// resumed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "speech/augmentation.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct ConfigFingerprint {
  std::string name;     // teacher | stage1 | stage2
  std::string options;  // JSON
  uint64_t seed = 0;
  std::string data;   // the manifest's fingerprint
  std::string space;  // JSON
  std::string dtype;
  std::map<std::string, std::string> inputs;  // hashes of the models and files it reads
  // Of `inputs`, where the pipeline file names them (file:line:column); for messages, not compared.
  std::map<std::string, std::string> places = {};
  // `options` of an earlier version with the defaults of what they lack; none: they are complete.
  std::function<std::string(const std::string&)> completed_options = {};
};
// {"seed": ..., "dtype": ..., "data": ..., "inputs": {...}, "NAME": options, "space": ...}
std::string to_json(const ConfigFingerprint& fingerprint);

// A stored fingerprint of the same stage, of an earlier version: options and choices of the space
// that it lacks, because they came later, have their default values. What cannot be read stays as
// it is.
std::string completed_json(const std::string& stored, const ConfigFingerprint& fingerprint);

// The provenance of a model: the fingerprint and the steps done.
std::string provenance_json(const std::string& fingerprint, int64_t steps_done);

// The noise clips as an input of a run: none without an augmentation that reads them.
std::map<std::string, std::string> noise_input(
    const std::shared_ptr<const Augmentation>& augmentation);

// Of names and values, not of a file; without a unit head, which only objectives of logits read.
std::string weights_sha256(const Supernet& model);
std::string unit_head_sha256(const Supernet& model);

}  // namespace concertina
