// One SQLite file holds a whole study. Opened for writing it runs in WAL mode and one thread writes
// at a time (calls are serialised by a mutex); closed cleanly it is a single file
// (journal_mode=DELETE). Schema: docs/formats.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/trial.h"

namespace concertina {

// The range of one objective's values in which hypervolume is measured, the same for the whole
// study.
struct ObjectiveBounds {
  std::string metric;
  double low = 0, high = 1;  // low < high
  bool operator==(const ObjectiveBounds&) const = default;
};

struct StudyHeader {
  std::string space_json;  // SearchSpace::to_json(), blueprint inside
  uint64_t seed = 0;
  std::string config;    // effective YAML
  std::string versions;  // JSON: concertina, LibTorch, compiler
  std::string data;      // manifest fingerprint
  std::string model;     // supernet: JSON {"path": ..., "sha256": ...}
  std::string device;    // CPU model
  std::vector<MetricInfo> objectives;
  std::vector<MetricInfo> recorded;
  std::vector<ObjectiveBounds> bounds;  // in the order of objectives; empty until a search set them
};

// What is known of a metric: by the registry or, for a name that is not in it, by the study's
// objectives and recorded metrics. "test.NAME" is NAME's.
std::optional<MetricInfo> metric_info(const StudyHeader& header, std::string_view name);

// The supernet that a study's trials are subnets of; empty where none is recorded.
struct ModelRecord {
  std::string path, sha256;
};
ModelRecord model_record(const StudyHeader& header);

struct Artefact {
  std::string name, path, sha256;
};

// A committed generation: the searcher's state after it, and the dominated hypervolume.
struct GenerationRecord {
  int64_t number = 0;
  std::string searcher_state;  // what the trials do not hold already (rng, members by number)
  std::string
      evaluator;  // Evaluator::fingerprint(): a study is never scored by two different evaluators
  double hypervolume = 0;
};

struct LatencyModelRecord {
  std::string json;  // LatencyModel::to_json()
  std::string sha256;
};

class StudyFile {
 public:
  // InputError: not a SQLite database, not a study, or a newer schema (names the version needed).
  // SystemError: missing, locked, disk full, permission.
  static StudyFile create(const std::filesystem::path& path,
                          const StudyHeader& header);  // fails if it exists
  static StudyFile open(
      const std::filesystem::path& path);  // read and write; migrates older schemas
  static StudyFile open_read_only(const std::filesystem::path& path);
  StudyFile(StudyFile&&) noexcept;
  StudyFile& operator=(StudyFile&&) noexcept;
  ~StudyFile();  // checkpoints WAL into one file

  StudyHeader header() const;
  void set_bounds(const std::vector<ObjectiveBounds>& bounds);  // one for each objective

  // One transaction: all trials of a generation and its record. A killed process loses at most an
  // uncommitted one.
  void commit_generation(const std::vector<Trial>& trials, const GenerationRecord& generation);
  std::vector<Trial> trials() const;  // by number
  int64_t trial_count() const;        // without reading them
  std::optional<GenerationRecord> last_generation() const;
  std::vector<GenerationRecord> generations() const;

  void add_latency_points(const std::vector<LatencyPoint>& points);
  std::vector<LatencyPoint> latency_points() const;
  void set_latency_model(const LatencyModelRecord& model);
  std::optional<LatencyModelRecord> latency_model() const;

  // The final front with its test scores; replaces what was there.
  void set_front(const std::vector<FrontScore>& front);
  std::vector<FrontScore> front() const;

  void add_artefact(const Artefact& artefact);  // replaces one of the same name
  std::vector<Artefact> artefacts() const;      // by name

  // Everything that must not depend on time or threads, in a fixed order, as text; `with_times`
  // adds the rest.
  std::string dump(bool with_times) const;
  std::string dump_json(bool with_times) const;  // the same as one JSON object

 private:
  struct Database;
  explicit StudyFile(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace concertina
