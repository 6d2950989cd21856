#include "db/sqlite.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/errors.h"
#include "db/schema.h"

namespace concertina {
namespace {

// A database in a file of its own, removed afterwards.
class Sqlite : public ::testing::Test {
 protected:
  Sqlite() { std::filesystem::remove(path_); }
  ~Sqlite() override { std::filesystem::remove(path_); }

  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("sqlite_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() +
       ".db");
};

int64_t count_rows(const Connection& connection) {
  Statement count(connection, "SELECT count(*) FROM t");
  count.step();
  return count.integer(0);
}

TEST_F(Sqlite, ValuesComeBackAsTheyWereBound) {
  const Connection connection(path_, OpenMode::kCreate);
  connection.execute("CREATE TABLE t(i INTEGER, r REAL, s TEXT, n REAL)");
  Statement(connection, "INSERT INTO t VALUES(?, ?, ?, ?)")
      .bind(int64_t{1} << 60, 0.1 + 0.2, std::string_view("a\0b", 3), std::nan(""))
      .run();
  Statement read(connection, "SELECT i, r, s, n FROM t");
  ASSERT_TRUE(read.step());
  EXPECT_EQ(read.integer(0), int64_t{1} << 60);
  EXPECT_EQ(read.real(1), 0.1 + 0.2);
  EXPECT_EQ(read.text(2), std::string("a\0b", 3));
  EXPECT_TRUE(std::isnan(read.real(3)));
  EXPECT_FALSE(read.step());
}

TEST_F(Sqlite, ATransactionThatIsNotCommittedIsRolledBack) {
  const Connection connection(path_, OpenMode::kCreate);
  connection.execute("CREATE TABLE t(i)");
  {
    const Transaction transaction(connection);
    connection.execute("INSERT INTO t VALUES(1)");
  }
  EXPECT_EQ(count_rows(connection), 0);
  Transaction transaction(connection);
  connection.execute("INSERT INTO t VALUES(1)");
  transaction.commit();
  EXPECT_EQ(count_rows(connection), 1);
}

TEST_F(Sqlite, ACopyInMemoryLeavesTheFileAlone) {
  const Connection connection(path_, OpenMode::kCreate);
  connection.execute("CREATE TABLE t(i)");
  const Connection copy = connection.copy_in_memory();
  copy.execute("INSERT INTO t VALUES(1)");
  EXPECT_EQ(count_rows(copy), 1);
  EXPECT_EQ(count_rows(connection), 0);
}

std::string tables_of(const Connection& connection) {
  std::string tables;
  Statement read(connection, "SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name");
  while (read.step()) tables += read.text(0) + '\n';
  return tables;
}

TEST_F(Sqlite, EverySchemaMigratesToTheLatest) {
  const Connection latest(path_, OpenMode::kCreate);
  migrate_schema(latest, 0);
  EXPECT_EQ(check_schema(latest), latest_schema());
  for (int64_t schema = 1; schema < latest_schema(); ++schema) {
    std::filesystem::remove(path_);
    const Connection connection(path_, OpenMode::kCreate);
    migrate_schema(connection, 0, schema);
    EXPECT_EQ(check_schema(connection), schema);
    migrate_schema(connection, schema);
    EXPECT_EQ(check_schema(connection), latest_schema());
    EXPECT_EQ(tables_of(connection), tables_of(latest)) << schema;
  }
}

}  // namespace
}  // namespace concertina
