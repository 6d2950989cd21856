// One SQLite file holds a whole study. Opened for writing it runs in WAL mode and one thread writes
// at a time (calls are serialised by a mutex); closed cleanly it is a single file
// (journal_mode=DELETE). Schema: docs/formats.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "study/latency/check.h"
#include "study/latency/point.h"
#include "study/study_header.h"
#include "study/test_look.h"
#include "study/trial.h"

namespace concertina {

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

// A generation that was begun and not ended. Its state is that after asking for it; all its
// proposals are listed, whether they have become trials or not.
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

  // InputError when the file exists. Written to a temporary file and renamed.
  static StudyFile create(const std::filesystem::path& path, const StudyHeader& header);
  // For reading and writing; migrates older schemas.
  static StudyFile open(const std::filesystem::path& path);
  // An older schema is read from a migrated copy in memory.
  static StudyFile open_read_only(const std::filesystem::path& path);
  // Renames a study with all that was committed to it, including what a killed process left in the
  // WAL. SystemError when another process has it open.
  static void move(const std::filesystem::path& from, const std::filesystem::path& to);
  StudyFile(StudyFile&&) noexcept;
  StudyFile& operator=(StudyFile&&) noexcept;
  ~StudyFile();  // folds the WAL into the file

  StudyHeader header() const;
  void set_bounds(const std::vector<ObjectiveBounds>& bounds);  // one for each objective
  // Adds what is not on record yet: of a study without trials, or of metrics that are new to it.
  void record(const Facts& settings, const Fingerprints& fingerprints);

  // A generation is begun with its proposals before any is evaluated, filled with trials as they
  // end, in any order, and ended once it is complete. Each call is one transaction, so a killed
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
  std::optional<GenerationRecord> last_generation() const;  // of the ended ones
  std::vector<GenerationRecord> generations() const;        // the ended ones

  void add_latency_points(const std::vector<LatencyPoint>& points);
  std::vector<LatencyPoint> latency_points() const;
  void set_latency_model(const LatencyModelRecord& model);
  std::optional<LatencyModelRecord> latency_model() const;

  // Appended, never replaced; read in the order they were added.
  void add_look(const TestLook& look);
  std::vector<TestLook> looks() const;
  void add_fresh_times(const std::vector<FreshTime>& times);
  std::vector<FreshTime> fresh_times() const;
  void add_latency_check(const LatencyCheck& check);
  std::vector<LatencyCheck> latency_checks() const;

  void add_artefact(const Artefact& artefact);  // replaces one of the same name
  std::vector<Artefact> artefacts() const;      // by name

  // The contents as text in a fixed order. Without times, only what must not depend on clocks or on
  // the number of threads.
  std::string dump(bool with_times) const;
  std::string dump_json(bool with_times) const;  // the same as one JSON object

 private:
  struct Database;
  // Latencies measured after the search decide which members are scored on test later: without
  // times, only the first evaluation on test.
  std::vector<TestLook> dumped_looks(bool with_times) const;
  explicit StudyFile(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace concertina
