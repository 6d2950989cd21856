// A run's settings as text: what config.yaml shows, and what a checkpoint is checked against.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "speech/augmentation.h"
#include "supernet/model/supernet.h"

namespace concertina {

// {"NAME": options, "seed": ..., "data": ..., "space": ..., "inputs": {...}} in one JSON text.
struct RecipeParts {
  std::string name;     // teacher | stage1 | stage2
  std::string options;  // JSON
  uint64_t seed = 0;
  std::string data;   // the manifest's fingerprint
  std::string space;  // JSON
  std::string dtype;
  std::map<std::string, std::string> inputs;  // hashes of the models it starts from
};
std::string recipe_json(const RecipeParts& parts);

// What a model says about itself: the recipe, and the steps that were made of it.
std::string provenance_json(const std::string& recipe, int64_t steps_done);

// Noise clips as an input of a run: none without an augmentation that reads them.
std::map<std::string, std::string> noise_input(
    const std::shared_ptr<const Augmentation>& augmentation);

std::string weights_sha256(const Supernet& model);  // of names and values, not of a file

}  // namespace concertina
