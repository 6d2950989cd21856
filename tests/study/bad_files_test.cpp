#include <gmock/gmock.h>
#include <sqlite3.h>

#include "core/errors.h"
#include "core/hash.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

template <class Expected, class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class Raw {
 public:
  explicit Raw(const std::filesystem::path& path) { sqlite3_open(path.c_str(), &db_); }
  ~Raw() { sqlite3_close(db_); }
  void run(const char* sql) const {
    ASSERT_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST(BadFiles, TextIsNoDatabase) {
  const Folder folder;
  write(folder / "s.db", std::string(5000, 'x'));
  for (const auto open : {&StudyFile::open, &StudyFile::open_read_only}) {
    EXPECT_THAT(message_of<InputError>([&] { open(folder / "s.db"); }),
                HasSubstr("s.db is not a SQLite database"));
  }
  EXPECT_EQ(std::filesystem::file_size(folder / "s.db"), 5000u);
}

TEST(BadFiles, EmptyFileAndForeignDatabaseAreNoStudies) {
  const Folder folder;
  write(folder / "empty.db", "");
  EXPECT_THAT(message_of<InputError>([&] { StudyFile::open(folder / "empty.db"); }),
              HasSubstr("holds no Concertina study"));
  Raw(folder / "other.db").run("CREATE TABLE trials(id)");
  EXPECT_THAT(message_of<InputError>([&] { StudyFile::open(folder / "other.db"); }),
              HasSubstr("holds no Concertina study"));
}

TEST(BadFiles, MissingFileAndFolder) {
  const Folder folder;
  EXPECT_THAT(message_of<SystemError>([&] { StudyFile::open(folder / "none.db"); }),
              HasSubstr("no such file"));
  EXPECT_THAT(message_of<InputError>([&] { StudyFile::open(folder.path()); }),
              HasSubstr("is a folder"));
  EXPECT_THAT(
      message_of<SystemError>([&] { StudyFile::create(folder / "no/such/s.db", small_header()); }),
      HasSubstr("cannot be opened"));
}

TEST(BadFiles, CreateKeepsWhatIsThere) {
  const Folder folder;
  write(folder / "s.db", "precious");
  EXPECT_THAT(message_of<InputError>([&] { StudyFile::create(folder / "s.db", small_header()); }),
              HasSubstr("exists already"));
  EXPECT_EQ(std::filesystem::file_size(folder / "s.db"), 8u);
}

TEST(BadFiles, TruncatedDatabaseIsAnInputError) {
  const Folder folder;
  StudyFile::create(folder / "s.db", small_header());
  std::filesystem::resize_file(folder / "s.db", 5000);
  EXPECT_FALSE(message_of<InputError>([&] { StudyFile::open(folder / "s.db").trials(); }).empty());
}

// Invalid contents are an InputError that names the file.
TEST(BadFiles, DamagedRowsNameTheFile) {
  const std::pair<const char*, const char*> damages[] = {
      {"UPDATE metric SET direction = 'sideways'", "the direction of distill.l1 is 'sideways'"},
      {"UPDATE study SET space = '{\"embed_dim\": 1'", "search space"},
      {"UPDATE architecture SET key = 'e=x'", "e=x"},
      {"UPDATE architecture SET genome = '1,x'", "'1,x' is no genome"},
      {"UPDATE latency_model SET json = '{\"format\": 2}'", "latency model"},
      {"UPDATE schema_version SET version = -1", "its schema is -1"},
      {"ALTER TABLE trial RENAME COLUMN wall_s TO wall", "wall_s"},
      {"DELETE FROM study", "empty study"},
  };
  for (const auto& [sql, words] : damages) {
    const Folder folder;
    {
      StudyFile study = StudyFile::create(folder / "s.db", small_header());
      study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
      study.set_latency_model({"{}", sha256("{}")});
    }
    Raw(folder / "s.db").run(sql);
    const std::string message = message_of<InputError>([&] {
      const StudyFile study = StudyFile::open_read_only(folder / "s.db");
      (void)study.header();
      (void)study.trials();
      (void)study.latency_model();
    });
    EXPECT_THAT(message, ::testing::AllOf(HasSubstr("s.db"), HasSubstr(words))) << sql;
  }
}

TEST(BadFiles, NewerSchemaNamesTheVersionItNeeds) {
  const Folder folder;
  StudyFile::create(folder / "s.db", small_header());
  Raw(folder / "s.db").run("UPDATE schema_version SET version = 99, needs = '7.1.0'");
  for (const auto open : {&StudyFile::open, &StudyFile::open_read_only}) {
    EXPECT_THAT(message_of<InputError>([&] { open(folder / "s.db"); }),
                HasSubstr("needs Concertina 7.1.0 or newer"));
  }
}

TEST(BadFiles, LockedDatabaseIsASystemError) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  const Raw other(folder / "s.db");
  other.run("BEGIN IMMEDIATE");
  EXPECT_THAT(message_of<SystemError>([&] { study.set_latency_model({"{}", ""}); }),
              HasSubstr("locked by another process"));
  other.run("COMMIT");
  study.set_latency_model({"{}", ""});
}

TEST(BadFiles, ReadersDoNotWrite) {
  const Folder folder;
  StudyFile::create(folder / "s.db", small_header());
  StudyFile reader = StudyFile::open_read_only(folder / "s.db");
  EXPECT_THAT(message_of<SystemError>([&] { reader.set_latency_model({"{}", ""}); }),
              HasSubstr("reading only"));
}

}  // namespace
}  // namespace concertina
