// The open database of a StudyFile and the row helpers that its sources share. Private to study/.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/sqlite.h"
#include "study/study_file.h"

namespace concertina {

template <class Read>
auto read_all(const Connection& connection, std::string_view sql, const Read& read) {
  std::vector<decltype(read(std::declval<Statement&>()))> rows;
  Statement statement(connection, sql);
  while (statement.step()) rows.push_back(read(statement));
  return rows;
}

// Members take no lock: the caller holds the mutex, and a WriteTransaction where rows are written.
struct StudyFile::Database {
  Database(Connection opened, OpenMode mode);
  ~Database();

  // The mutex and one transaction: rolled back unless commit() was called. SystemError when the
  // file was opened read-only.
  class WriteTransaction {
   public:
    explicit WriteTransaction(Database& database)
        : lock_(database.mutex), transaction_(database.writable_connection()) {}
    void commit() { transaction_.commit(); }

   private:
    std::lock_guard<std::mutex> lock_;
    Transaction transaction_;
  };

  [[noreturn]] void fail_damaged(const std::string& what) const;  // InputError that names the file

  const Connection& writable_connection() const;
  std::lock_guard<std::mutex> lock() { return std::lock_guard(mutex); }

  // How many conv layers one channel number of an architecture key stands for.
  int32_t conv_layers();
  Architecture architecture(const std::string& key);
  Genome genome(std::string_view text) const;
  TrialState state(const std::string& name) const;

  // Ids; the row is added when it is new.
  int64_t architecture_id(const Architecture& architecture, const Genome& genome = {});
  int64_t metric_id(const std::string& name);

  void insert_header(const StudyHeader& header);
  void insert_metric(std::string_view name, std::string_view direction, std::string_view unit,
                     std::string_view role, int64_t position);
  void add_metrics(const std::vector<MetricInfo>& metrics, std::string_view role);
  std::vector<MetricInfo> metrics(std::string_view role);
  void replace_bounds(const std::vector<ObjectiveBounds>& bounds);
  std::vector<ObjectiveBounds> bounds();
  void insert_facts(const Facts& settings, const Fingerprints& fingerprints);
  Facts settings();
  Fingerprints fingerprints();

  void insert_trial(const Trial& trial, int64_t generation);
  int64_t pending_number();  // of the generation that was begun and not ended; -1: none

  Connection connection;
  const bool writable;
  std::mutex mutex;
  int32_t conv_layers_cache = 0;
};

// Leaves one plain file, without a WAL.
inline constexpr const char* kFoldWal =
    "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE";

std::string genome_text(const Genome& genome);  // "0,2,1"

}  // namespace concertina
