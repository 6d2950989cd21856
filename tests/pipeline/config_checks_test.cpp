#include "pipeline/config_checks.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "core/files.h"
#include "tests/pipeline/fixtures.h"

namespace concertina {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::smoke_pipeline;

std::string problems_with(const std::vector<std::string>& set) {
  try {
    smoke_pipeline(set);
    return "";
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(ConfigChecks, SmokeIsSound) { EXPECT_EQ(problems_with({}), ""); }

TEST(ConfigChecks, UnknownAndRepeatedMetrics) {
  EXPECT_THAT(
      problems_with({"search.objectives=[distil.l1,params,params]", "search.record=[pr.frame_ac]",
                     "search.front.score=[asv.er]"}),
      AllOf(HasSubstr("objectives.0: unknown metric 'distil.l1' (did you mean 'distill.l1'?)"),
            HasSubstr("objectives.2: 'params' is a duplicate"),
            HasSubstr("record.0: unknown metric 'pr.frame_ac'"),
            HasSubstr("score.0: unknown metric 'asv.er'")));
  EXPECT_THAT(problems_with({"search.record=[latency.p50_ms]"}), HasSubstr("unknown metric"))
      << "a measured time is none of the search's";
}

TEST(ConfigChecks, LayersOfTheTeacher) {
  const std::string problems =
      problems_with({"stage1.objective.top=3", "teacher.pretrain.layers=[1,9]"});
  EXPECT_THAT(problems, AllOf(HasSubstr("stage1.objective.top: the teacher has 2 layers, not 3"),
                              HasSubstr("layers.1: the teacher has 2 layers, not 9")));
}

TEST(ConfigChecks, ScoresAgainstTheTeacher) {
  EXPECT_EQ(problems_with({"search.record=[teacher.r2,rankme]", "tasks.teacher_layers=[0,2]"}), "");
  EXPECT_THAT(problems_with({"tasks.teacher_layers=[1,3]"}),
              HasSubstr("teacher_layers.1: the teacher has layers 0 to 2, not 3"));
  const std::vector<std::string> masked = {"stage2.objective={kind: masked_pairs}",
                                           "search.objectives=[params,teacher.r2]"};
  EXPECT_THAT(problems_with(masked), HasSubstr("search.objectives.1: teacher.r2 needs "
                                               "tasks.teacher_layers, or an objective without"));
  EXPECT_THAT(problems_with({masked[0], masked[1], "tasks.teacher_layers=[2]"}),
              Not(HasSubstr("teacher.r2")));
}

TEST(ConfigChecks, TeachersToDownload) {
  EXPECT_EQ(problems_with({"teacher.pretrained=whisper-base", "stage1.objective.top=6"}), "");
  EXPECT_THAT(problems_with({"teacher.pretrained=whisper-tiny.en", "stage1.objective.top=6"}),
              HasSubstr("stage1.objective.top: the teacher has 4 layers, not 6"));
  EXPECT_THAT(problems_with({"teacher.pretrained=whisper-bas"}),
              HasSubstr("teacher.pretrained: 'whisper-bas' is not a model that can be fetched"));
  EXPECT_THAT(problems_with({"teacher.pretrained=whisper-base", "teacher.model=a.safetensors"}),
              HasSubstr("give either an existing model or one to download"));
}

TEST(ConfigChecks, LogitsNeedATeacherWithAUnitHead) {
  EXPECT_EQ(problems_with({"stage1.objective={kind: logits}"}), "");  // pretraining makes one
  const std::string needs = "stage1.objective.kind: needs the teacher's logits";
  EXPECT_THAT(problems_with({"teacher.pretrained=whisper-base", "stage1.objective={kind: logits}"}),
              HasSubstr(needs));
  EXPECT_THAT(
      problems_with({"teacher.pretrained=whisper-base",
                     "stage1.objective={kind: sum, of: [{kind: layer_mean}, {kind: logits}]}"}),
      HasSubstr(needs));
}

TEST(ConfigChecks, MaskedObjectivesAreNotScored) {
  const std::string problems = problems_with(
      {"stage2.objective={kind: masked_pairs}", "search.objectives=[params,distill.l1]"});
  EXPECT_THAT(problems,
              HasSubstr("search.objectives.1: distill.l1 needs an objective without masks"));
  EXPECT_EQ(problems_with({"stage2.objective={kind: masked_pairs}", "stage2.mask.probability=0.4",
                           "search.record=[]", "search.objectives=[params,pr.frame_acc]"}),
            "");
  EXPECT_THAT(problems_with({"stage1.objective={kind: masked_pairs}"}),
              HasSubstr("stage1.mask.probability: expected a number above 0"));
}

TEST(ConfigChecks, SourcesOfATierThatIsNotThereYet) {
  EXPECT_THAT(problems_with({"stage2.batch.sources.asterisk=1"}), "");
  EXPECT_THAT(problems_with({"stage2.batch.sources.festvox=1"}),
              HasSubstr("stage2.batch.sources.festvox: no source of the corpus starts with it"));
}

TEST(ConfigChecks, SortNeedsAStage2ThatStartsFromTheSortedStudent) {
  EXPECT_THAT(problems_with({"sort.score=magnitude", "stage2.init=teacher"}),
              HasSubstr("needs stage2.init: previous"));
}

class ConfigChecksOfCorpus : public testing::InFolder {};

TEST_F(ConfigChecksOfCorpus, SearchedMetricsNeedTheirLabels) {
  write_atomically(folder_ / "m.tsv",
                   "id\tpath\tsamples\tsource\tsplit\na\ta.wav\t16000\tmine\ttrain\n");
  const std::string corpus = "corpus={manifest: " + (folder_ / "m.tsv").string() + "}";
  EXPECT_EQ(problems_with({corpus}), "");
  EXPECT_THAT(
      problems_with({corpus, "search.objectives=[sid.acc]", "search.record=[pr.frame_acc]"}),
      AllOf(HasSubstr("objectives.0: the corpus has no data for sid.acc"),
            HasSubstr("record.0: the corpus has no data for pr.frame_acc")));
  EXPECT_THAT(problems_with({corpus, "stage1.batch.sources.other=1"}),
              AllOf(HasSubstr("sources.other: no source"), HasSubstr("sources are mine"),
                    Not(HasSubstr("objectives"))));
}

}  // namespace
}  // namespace concertina
