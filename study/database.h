// What a StudyFile owns, and the row helpers its sources share. Private to db/.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/sqlite.h"
#include "study/study_file.h"

namespace concertina {

using Guard = std::lock_guard<std::mutex>;

template <class Read>
auto read_all(const Connection& connection, std::string_view sql, const Read& read) {
  std::vector<decltype(read(std::declval<Statement&>()))> rows;
  Statement statement(connection, sql);
  while (statement.step()) rows.push_back(read(statement));
  return rows;
}

struct StudyFile::Database {
  Database(Connection opened, OpenMode mode);
  ~Database();

  void require_writable() const;
  int32_t
  conv_layers();  // how many conv layers one channel number of an architecture key stands for
  [[noreturn]] void damaged(const std::string& what) const;  // InputError that names the file
  Architecture architecture(const std::string& key);
  Genome genome(std::string_view text) const;
  TrialState state(const std::string& name) const;
  int64_t architecture_id(const Architecture& architecture,
                          const Genome& genome = {});  // added when new
  int64_t metric_id(const std::string& name);          // added when new
  void insert_metric(std::string_view name, std::string_view direction, std::string_view unit,
                     std::string_view role, int64_t position);
  void add_metrics(const std::vector<MetricInfo>& metrics, std::string_view role);
  std::vector<MetricInfo> metrics(std::string_view role);
  void insert_header(const StudyHeader& header);
  void replace_bounds(const std::vector<ObjectiveBounds>& bounds);  // in the caller's transaction
  std::vector<ObjectiveBounds> bounds();
  void insert_facts(const Facts& settings, const Fingerprints& fingerprints);
  Facts settings();
  Fingerprints fingerprints();
  void insert_trial(const Trial& trial, int64_t generation);
  int64_t pending_number();  // of the generation that was begun and not ended; -1: none
  void insert_values(const char* sql, int64_t owner, const std::map<std::string, double>& values);

  Connection connection;
  const bool writable;
  std::mutex mutex;
  int32_t conv_layers_cache = 0;
};

std::string genome_text(const Genome& genome);  // "0,2,1"

}  // namespace concertina
