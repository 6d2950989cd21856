#include <gmock/gmock.h>

#include <cmath>

#include "db/schema.h"
#include "study/study_file.h"
#include "supernet/space/search_space_config.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::IsNan;

TEST(Looks, AreAppendedWithIntervalsAndSettings) {
  const Folder folder;
  const Architecture small = pocket_space().smallest(), large = pocket_space().largest();
  {
    StudyFile study = StudyFile::create(folder / "s.db", small_header());
    study.add_look(small_look({{small, {{"sid.acc", {85, 83.5, 86.5, "layer 1"}}}}}));
    study.add_look(
        small_look({{large, {{"sid.acc", {90}}}}, {small, {{"asv.eer", {9}}}}}, "other"));
  }
  const std::vector<TestLook> looks = StudyFile::open_read_only(folder / "s.db").looks();
  ASSERT_EQ(looks.size(), 2u);
  EXPECT_EQ(looks[0].date, "2026-01-31T12:00:00Z");
  EXPECT_EQ(looks[0].fingerprint, "settings");
  EXPECT_EQ(looks[1].fingerprint, "other");
  ASSERT_EQ(looks[0].members.size(), 1u);
  const TestScore& first = looks[0].members[0].scores.at("sid.acc");
  EXPECT_EQ(first.value, 85);
  EXPECT_EQ(first.low, 83.5);
  EXPECT_EQ(first.high, 86.5);
  EXPECT_EQ(first.setting, "layer 1");
  ASSERT_EQ(looks[1].members.size(), 2u);
  EXPECT_EQ(looks[1].members[0].architecture, large);
  EXPECT_THAT(looks[1].members[0].scores.at("sid.acc").low, IsNan());
}

// Fresh times decide which members a budget selects, and so which members later looks score.
TEST(Looks, AfterTheFirstDependOnClocks) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.add_look(small_look({{pocket_space().smallest(), {{"sid.acc", {85}}}}}));
  const std::string text = study.dump(false), json = study.dump_json(false);
  EXPECT_THAT(text, ::testing::HasSubstr("sid.acc=85"));
  study.add_look(small_look({{pocket_space().largest(), {{"sid.acc", {90}}}}}));
  EXPECT_EQ(study.dump(false), text);
  EXPECT_EQ(study.dump_json(false), json);
  EXPECT_THAT(study.dump(true), ::testing::HasSubstr("sid.acc=90"));
}

TEST(FreshTimes, ComeBackWithTheirWorkload) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.add_fresh_times({small_time(pocket_space().smallest(), 5.5, 2)});
  study.add_fresh_times({small_time(pocket_space().smallest(), 6.5)});
  study.add_latency_check({"2026-01-31T12:00:00Z", 2, 1, 1.25});
  ASSERT_EQ(study.fresh_times().size(), 2u);
  EXPECT_EQ(study.fresh_times()[0].time.threads, 2);
  EXPECT_EQ(study.fresh_times()[1].time.p50_ms, 6.5);
  ASSERT_EQ(study.latency_checks().size(), 1u);
  EXPECT_EQ(study.latency_checks()[0].outside, 1);
  EXPECT_EQ(study.latency_checks()[0].scale, 1.25);
}

// The front of a study of schema 1 becomes one look without date and settings, and times without a
// workload.
TEST(Looks, OfSchema1AreRead) {
  const Folder folder;
  {
    const Connection old(folder / "s.db", OpenMode::kCreate);
    migrate_schema(old, 0, 1);
    const std::string space = json_of(pocket_space()), key = pocket_space().smallest().key();
    Statement(old, "INSERT INTO study VALUES(1, ?, 0, '', '{}', '', '{}', '')").bind(space).run();
    Statement(old, "INSERT INTO architecture VALUES(7, ?, '')").bind(key).run();
    old.execute(
        "INSERT INTO metric VALUES(1, 'sid.acc', 'minimise', '', 'other', 0);"
        "INSERT INTO metric VALUES(2, 'latency.p50_ms', 'minimise', '', 'other', 0);"
        "INSERT INTO front VALUES(0, 7);"
        "INSERT INTO front_value VALUES(0, 1, 85.5);"
        "INSERT INTO front_value VALUES(0, 2, 6.5);");
  }
  const StudyFile study = StudyFile::open(folder / "s.db");
  ASSERT_EQ(study.looks().size(), 1u);
  EXPECT_EQ(study.looks()[0].date, "");
  ASSERT_EQ(study.looks()[0].members.size(), 1u);
  EXPECT_EQ(study.looks()[0].members[0].architecture, pocket_space().smallest());
  EXPECT_EQ(study.looks()[0].members[0].scores.size(), 1u);
  EXPECT_EQ(study.looks()[0].members[0].scores.at("sid.acc").value, 85.5);
  ASSERT_EQ(study.fresh_times().size(), 1u);
  EXPECT_EQ(study.fresh_times()[0].time.p50_ms, 6.5);
  EXPECT_EQ(study.fresh_times()[0].time.device, "");
}

}  // namespace
}  // namespace concertina
