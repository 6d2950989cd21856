// A thin RAII layer over the SQLite C API: connections, statements, transactions, errors as typed
// exceptions. A connection is used by one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace concertina {

enum class OpenMode { kCreate, kReadWrite, kReadOnly };

// Errors of SQLite name the file: NOTADB and CORRUPT are InputErrors, failures of the system (locked,
// full, read-only) SystemErrors.
class Connection {
 public:
  Connection(std::filesystem::path path, OpenMode mode);
  void execute(const std::string& sql) const;  // any number of statements, rows ignored
  // The same, retried while another process has the file open, for statements that change the journal
  // mode: SQLite does not wait there. SystemError after the timeout of other statements.
  void execute_patiently(const std::string& sql) const;
  // Has the same path() in messages; writes do not change the file.
  Connection copy_in_memory() const;
  sqlite3* handle() const { return handle_.get(); }
  const std::filesystem::path& path() const { return path_; }
  void check(int code) const;  // throws unless OK, ROW or DONE

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Connection(std::filesystem::path path, const char* file, int flags);
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement. Parameters are bound in order; columns are read after step() gave true.
//   Statement s(connection, "SELECT key FROM architecture WHERE id = ?");
//   s.bind(7);
//   while (s.step()) use(s.text(0));
class Statement {
 public:
  Statement(const Connection& connection, std::string_view sql);

  template <class... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  bool step();  // true: there is a row
  void run();   // to the end

  int64_t integer(int column) const;
  double real(int column) const;  // NULL reads as NaN
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  void reset();
  void bind_one(int index, int64_t value);
  void bind_one(int index, int32_t value) { bind_one(index, static_cast<int64_t>(value)); }
  void bind_one(int index, double value);
  void bind_one(int index, std::string_view value);

  const Connection* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(const Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  const Connection* connection_;
};

}  // namespace concertina
