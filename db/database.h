// What a StudyFile owns, and the row helpers its sources share. Private to db/.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "db/sqlite.h"
#include "db/study_file.h"

namespace concertina {

struct StudyFile::Database {
  Database(const std::filesystem::path& path, OpenMode mode);
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
  void add_metrics(const std::vector<MetricInfo>& metrics, std::string_view role);
  std::vector<MetricInfo> metrics(std::string_view role);
  void insert_header(const StudyHeader& header);
  void insert_trial(const Trial& trial, int64_t generation);
  void insert_values(const char* sql, int64_t owner, const std::map<std::string, double>& values);

  Connection connection;
  const bool writable;
  std::mutex mutex;
  int32_t conv_layers_cache = 0;
};

std::string genome_text(const Genome& genome);  // "0,2,1"

}  // namespace concertina
