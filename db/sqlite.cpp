#include "db/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>
#include <system_error>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr int kBusyTimeoutMs = 3000;

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kCreate:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    case OpenMode::kReadWrite:
      return SQLITE_OPEN_READWRITE;
    case OpenMode::kReadOnly:
      return SQLITE_OPEN_READONLY;
  }
  return SQLITE_OPEN_READONLY;
}

const char* checked(const std::filesystem::path& path, OpenMode mode) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) {
    throw InputError(fmt::format("{} is a folder; a study is one SQLite file", path.string()));
  }
  if (mode != OpenMode::kCreate && !std::filesystem::exists(status)) {
    throw SystemError(fmt::format("{}: no such file", path.string()));
  }
  return path.c_str();
}

[[noreturn]] void fail(const std::filesystem::path& path, int code, const std::string& detail) {
  const std::string name = path.string();
  if (code == SQLITE_IOERR_SHORT_READ) code = SQLITE_CORRUPT;  // truncated
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      throw InputError(fmt::format("{} is not a SQLite database", name));
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // a table or column is missing
      throw InputError(fmt::format("{} is a damaged SQLite database ({})", name, detail));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw SystemError(fmt::format("{} is locked by another process", name));
    case SQLITE_FULL:
      throw SystemError(fmt::format("{}: the disk is full", name));
    case SQLITE_READONLY:
      throw SystemError(fmt::format("{} cannot be written: it is read-only", name));
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      throw SystemError(fmt::format("{} cannot be opened ({})", name, detail));
    default:
      throw SystemError(fmt::format("{}: SQLite failed ({})", name, detail));
  }
}

}  // namespace

void Connection::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Connection::Connection(std::filesystem::path path, OpenMode mode)
    : Connection(path, checked(path, mode), open_flags(mode)) {}

Connection::Connection(std::filesystem::path path, const char* file, int flags)
    : path_(std::move(path)) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file, &handle, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
  handle_.reset(handle);
  if (handle == nullptr) fail(path_, SQLITE_CANTOPEN, sqlite3_errstr(code));
  check(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  execute("PRAGMA foreign_keys = ON");
}

void Connection::execute(const std::string& sql) const {
  check(sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr));
}

void Connection::execute_patiently(const std::string& sql) const {
  constexpr int kPauseMs = 50;
  for (int waited = 0; waited < kBusyTimeoutMs; waited += kPauseMs) {
    const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
    if ((code & 0xff) != SQLITE_BUSY) return check(code);
    sqlite3_sleep(kPauseMs);
  }
  execute(sql);
}

Connection Connection::copy_in_memory() const {
  Connection copy(path_, ":memory:", open_flags(OpenMode::kCreate));
  sqlite3_backup* backup = sqlite3_backup_init(copy.handle(), "main", handle(), "main");
  if (backup == nullptr) copy.check(sqlite3_errcode(copy.handle()));
  sqlite3_backup_step(backup, -1);  // finish returns its error code
  copy.check(sqlite3_backup_finish(backup));
  return copy;
}

void Connection::check(int code) const {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  fail(path_, code, sqlite3_errmsg(handle()));
}

void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Statement::Statement(const Connection& connection, std::string_view sql)
    : connection_(&connection) {
  sqlite3_stmt* handle = nullptr;
  connection.check(sqlite3_prepare_v2(connection.handle(), sql.data(), static_cast<int>(sql.size()),
                                      &handle, nullptr));
  handle_.reset(handle);
}

void Statement::reset() {
  sqlite3_reset(handle_.get());  // its code repeats the last step's, which was checked there
  sqlite3_clear_bindings(handle_.get());
}

void Statement::bind_one(int index, int64_t value) {
  connection_->check(sqlite3_bind_int64(handle_.get(), index, value));
}

void Statement::bind_one(int index, double value) {
  connection_->check(sqlite3_bind_double(handle_.get(), index, value));
}

void Statement::bind_one(int index, std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();  // a null pointer would bind NULL
  connection_->check(
      sqlite3_bind_text64(handle_.get(), index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  connection_->check(code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

double Statement::real(int column) const {
  if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL)
    return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(handle_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return bytes == nullptr
             ? std::string()
             : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

Transaction::Transaction(const Connection& connection) : connection_(&connection) {
  connection.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (connection_ != nullptr)
    sqlite3_exec(connection_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  connection_->execute("COMMIT");
  connection_ = nullptr;
}

}  // namespace concertina
