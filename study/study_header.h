// What a study is: its space, objectives and settings, and the model it searches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/metric.h"
#include "study/trial.h"

namespace concertina {

// The range of one objective in which hypervolume is measured, the same for the whole study.
struct ObjectiveBounds {
  std::string metric;
  double low = 0, high = 1;  // low < high
  bool operator==(const ObjectiveBounds&) const = default;
};

struct StudyHeader {
  std::string space_json;  // json_of() of the space, blueprint inside
  uint64_t seed = 0;
  std::string config;    // effective YAML
  std::string versions;  // JSON: concertina, LibTorch, compiler
  std::string data;      // manifest fingerprint
  std::string model;     // supernet: JSON {"path": ..., "sha256": ...}
  std::string device;    // CPU model
  std::vector<MetricInfo> objectives;
  std::vector<MetricInfo> recorded;
  std::vector<ObjectiveBounds> bounds;  // in the order of objectives; empty until a search set them
  // Settings of the search; with the fingerprints they identify the study (study/same_study.h).
  // Both are empty in files of older versions.
  Facts settings;
  Fingerprints fingerprints;
};

// From the registry or, for a name that is not in it, from the study's objectives and recorded
// metrics. "test.NAME" is NAME's.
std::optional<MetricInfo> metric_info(const StudyHeader& header, std::string_view name);

// The supernet that a study's trials are subnets of; empty where none is recorded.
struct ModelRecord {
  std::string path, sha256;
};
ModelRecord model_record(const StudyHeader& header);

}  // namespace concertina
