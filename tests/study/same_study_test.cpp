#include "study/same_study.h"

#include <gmock/gmock.h>

#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;

TEST(SameStudy, ListsWhatDiffers) {
  StudyHeader there = formula_header();
  there.settings = {{"seed", "1"}, {"search.population", "12"}};
  there.fingerprints = {{"loss", {{"supernet", "a"}}}, {"macs", {{"version", "1"}}}};
  EXPECT_TRUE(study_differences(there, there).empty());
  StudyHeader moved = there;
  moved.config = "search: {trials: 400}\n";
  moved.versions = "other", moved.device = "other", moved.data = "other";
  moved.model = R"({"path":"elsewhere/m.safetensors","sha256":"00"})";
  moved.fingerprints.erase("macs");
  EXPECT_TRUE(study_differences(there, moved).empty());
  StudyHeader other = there;
  other.model = R"({"path":"m.safetensors","sha256":"11"})";
  other.objectives.pop_back();
  other.settings["search.population"] = "8";
  other.fingerprints["loss"]["supernet"] = "b";
  EXPECT_THAT(study_differences(there, other),
              ElementsAre("the supernet is 00 there and 11 here",
                          "search.objectives is loss, macs there and loss here",
                          "search.population is 12 there and 8 here",
                          "of loss: supernet is a there and b here"));
  there.settings.clear();  // of an older version
  EXPECT_THAT(study_differences(there, moved),
              ElementsAre("its settings are not on record: it was begun by an older version"));
}

// A stored study has such a metric as an objective only, and was refused by its own next run.
TEST(SameStudy, ARecordedMetricThatIsAnObjectiveIsNoDifference) {
  const StudyHeader there = formula_header();
  StudyHeader wanted = there;
  wanted.recorded.insert(wanted.recorded.begin(), wanted.objectives.begin(),
                         wanted.objectives.end());
  EXPECT_TRUE(study_differences(there, wanted).empty());
  wanted.recorded.push_back({"other", Direction::kMinimise, ""});
  EXPECT_FALSE(study_differences(there, wanted).empty());
}

}  // namespace
}  // namespace concertina
