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
  Facts settings;             // of the search; with the fingerprints, what makes it this study
  Fingerprints fingerprints;  // both are empty in files of older versions
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

// A generation, the searcher's state after being told of it, and the dominated hypervolume.
struct GenerationRecord {
  int64_t number = 0;
  std::string searcher_state;  // what the trials do not hold already (rng, members by number)
  std::string evaluator;       // hash of the fingerprints of all metrics
  double hypervolume = 0;
};

// One that was begun and not ended: its state is that after asking for it, and all its proposals
// are there, whether they have become trials or not.
struct PendingGeneration {
  GenerationRecord record;
  std::vector<Proposal> proposals;  // in ask order
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
                          const StudyHeader& header);  // fails if it exists; written aside
  static StudyFile open(
      const std::filesystem::path& path);  // read and write; migrates older schemas
  static StudyFile open_read_only(
      const std::filesystem::path& path);  // an older schema is read from a migrated copy in memory
  // Renames a study with all that was committed to it, also what a killed process left in the WAL.
  // SystemError when another process has it open.
  static void move(const std::filesystem::path& from, const std::filesystem::path& to);
  StudyFile(StudyFile&&) noexcept;
  StudyFile& operator=(StudyFile&&) noexcept;
  ~StudyFile();  // checkpoints WAL into one file

  StudyHeader header() const;
  void set_bounds(const std::vector<ObjectiveBounds>& bounds);  // one for each objective
  // Adds what was not on record: of a study without trials, or of metrics that are new to it.
  void record(const Facts& settings, const Fingerprints& fingerprints);

  // A generation is begun with its proposals before any is evaluated, filled with trials as they
  // end, in any order, and ended once all are there. Each call is one transaction, so a killed
  // process loses only trials that had not ended. SystemError when another process wrote meanwhile.
  void begin_generation(const GenerationRecord& generation, const std::vector<Proposal>& proposals);
  void add_trials(const std::vector<Trial>& trials);  // of the pending generation
  void end_generation(const GenerationRecord& generation);
  void drop_generation();  // the pending one and its trials
  // The three steps at once.
  void commit_generation(const std::vector<Trial>& trials, const GenerationRecord& generation);
  std::vector<Trial> trials() const;  // by number; those of a pending generation have gaps
  int64_t trial_count() const;        // without reading them
  std::optional<PendingGeneration> pending_generation() const;
  std::optional<GenerationRecord> last_generation() const;  // that was ended
  std::vector<GenerationRecord> generations() const;        // that were ended

  void add_latency_points(const std::vector<LatencyPoint>& points);
  std::vector<LatencyPoint> latency_points() const;
  void set_latency_model(const LatencyModelRecord& model);
  std::optional<LatencyModelRecord> latency_model() const;

  // Appended, never replaced; in the order they were added.
  void add_look(const TestLook& look);
  std::vector<TestLook> looks() const;
  void add_fresh_times(const std::vector<FreshTime>& times);
  std::vector<FreshTime> fresh_times() const;
  void add_latency_check(const LatencyCheck& check);
  std::vector<LatencyCheck> latency_checks() const;

  void add_artefact(const Artefact& artefact);  // replaces one of the same name
  std::vector<Artefact> artefacts() const;      // by name

  // Everything that must not depend on time or threads, in a fixed order, as text; `with_times`
  // adds the rest.
  std::string dump(bool with_times) const;
  std::string dump_json(bool with_times) const;  // the same as one JSON object

 private:
  struct Database;
  // Which members later looks are about follows from fresh times: without times, the first alone.
  std::vector<TestLook> dumped_looks(bool with_times) const;
  explicit StudyFile(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace concertina
