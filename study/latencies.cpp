// Measured latencies, the latency model and how the two compare.
#include <fmt/format.h>

#include "core/hash.h"
#include "study/database.h"

namespace concertina {
namespace {

// As insert_point() binds them and read_point() reads them, after the architecture.
constexpr std::string_view kPointColumns =
    "device, threads, seconds, dtype, n, mean_ms, p50_ms, p95_ms, spread_ms";

template <class... More>
void insert_point(Statement& insert, int64_t architecture, const LatencyPoint& p,
                  const More&... more) {
  insert
      .bind(architecture, p.device, p.threads, p.seconds, p.dtype, p.n, p.mean_ms, p.p50_ms,
            p.p95_ms, p.spread_ms, more...)
      .run();
}

LatencyPoint read_point(Architecture architecture, const Statement& row) {
  return {std::move(architecture),
          row.text(1),
          static_cast<int32_t>(row.integer(2)),
          row.real(3),
          row.text(4),
          static_cast<int32_t>(row.integer(5)),
          row.real(6),
          row.real(7),
          row.real(8),
          row.real(9)};
}

}  // namespace

void StudyFile::add_latency_points(const std::vector<LatencyPoint>& points) {
  Database::WriteTransaction transaction(*database_);
  Statement insert(database_->connection, fmt::format("INSERT INTO latency_point(architecture, {}) "
                                                      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                                      kPointColumns));
  for (const LatencyPoint& point : points)
    insert_point(insert, database_->architecture_id(point.architecture), point);
  transaction.commit();
}

std::vector<LatencyPoint> StudyFile::latency_points() const {
  const auto lock = database_->lock();
  return read_all(
      database_->connection,
      fmt::format("SELECT a.key, {} FROM latency_point p "
                  "JOIN architecture a ON a.id = p.architecture ORDER BY p.id",
                  kPointColumns),
      [&](Statement& row) { return read_point(database_->architecture(row.text(0)), row); });
}

void StudyFile::add_fresh_times(const std::vector<FreshTime>& times) {
  Database::WriteTransaction transaction(*database_);
  Statement insert(database_->connection,
                   fmt::format("INSERT INTO fresh_time(architecture, {}, date) "
                               "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                               kPointColumns));
  for (const auto& [date, point] : times)
    insert_point(insert, database_->architecture_id(point.architecture), point, date);
  transaction.commit();
}

std::vector<FreshTime> StudyFile::fresh_times() const {
  const auto lock = database_->lock();
  return read_all(database_->connection,
                  fmt::format("SELECT a.key, {}, date FROM fresh_time f "
                              "JOIN architecture a ON a.id = f.architecture ORDER BY f.id",
                              kPointColumns),
                  [&](Statement& row) {
                    return FreshTime{row.text(10),
                                     read_point(database_->architecture(row.text(0)), row)};
                  });
}

void StudyFile::set_latency_model(const LatencyModelRecord& model) {
  Database::WriteTransaction transaction(*database_);
  Statement(database_->connection, "INSERT OR REPLACE INTO latency_model VALUES(1, ?, ?)")
      .bind(model.json, model.sha256)
      .run();
  transaction.commit();
}

std::optional<LatencyModelRecord> StudyFile::latency_model() const {
  const auto lock = database_->lock();
  Statement read(database_->connection, "SELECT json, sha256 FROM latency_model");
  if (!read.step()) return std::nullopt;
  LatencyModelRecord record{read.text(0), read.text(1)};
  if (sha256(record.json) != record.sha256)
    database_->fail_damaged("its latency model does not match the stored hash");
  return record;
}

void StudyFile::add_latency_check(const LatencyCheck& check) {
  Database::WriteTransaction transaction(*database_);
  Statement(database_->connection, "INSERT INTO latency_check VALUES(NULL, ?, ?, ?, ?)")
      .bind(check.date, check.times, check.outside, check.scale)
      .run();
  transaction.commit();
}

std::vector<LatencyCheck> StudyFile::latency_checks() const {
  const auto lock = database_->lock();
  return read_all(database_->connection,
                  "SELECT date, times, outside, scale FROM latency_check ORDER BY id",
                  [](Statement& row) {
                    return LatencyCheck{row.text(0), row.integer(1), row.integer(2), row.real(3)};
                  });
}

}  // namespace concertina
