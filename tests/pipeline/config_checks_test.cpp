#include "pipeline/config_checks.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/model/model_file.h"
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
  EXPECT_EQ(problems_with({"search.record=[teacher.r2,teacher.loyalty_label,rankme]",
                           "tasks.teacher_layers=[0,2]"}),
            "");
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

TEST(ConfigChecks, NamesOfTeachers) {
  const std::string teachers = "teachers=[{name: small, pretrained: whisper-tiny.en}]";
  const auto with = [&](const std::string& objective) {
    return problems_with({teachers, "stage2.objective=" + objective});
  };
  EXPECT_EQ(with("{kind: layer_mean, top: 1, teachers: [small]}"), "");
  EXPECT_THAT(with("{kind: layer_mean, top: 1, teachers: [smal]}"),
              AllOf(HasSubstr("stage2.objective.teachers: unknown teacher 'smal' (did you mean "
                              "'small'?); teachers are teacher, small"),
                    HasSubstr("teachers.0.name: no objective of stage1 or stage2")));
  EXPECT_THAT(
      with("{kind: sum, of: [{kind: layer_mean, top: 1}, {kind: layer_mean, top: 9, teachers: "
           "[small]}]}"),
      HasSubstr("stage2.objective.of.1.top: the teacher has 4 layers, not 9"));
  EXPECT_THAT(with("{kind: layer_mean, top: 1, teachers: [teacher, small]}"),
              HasSubstr("stage2.objective.teachers: teachers teacher and small have different "
                        "sizes (2 layers"));
  EXPECT_THAT(with("{kind: layer_mean, top: 1, teachers: [small], teacher_weights: [1, 2]}"),
              HasSubstr("teacher_weights: expected as many numbers as teachers"));
  EXPECT_THAT(with("{kind: sum, teachers: [small], of: [{kind: layer_mean, top: 1}]}"),
              HasSubstr("stage2.objective.teachers: expected in the objectives of the sum"));
  EXPECT_THAT(with("{kind: logits, teachers: [small]}"),
              HasSubstr("stage2.objective.kind: needs the teacher's logits"));
}

TEST(ConfigChecks, ListOfTeachers) {
  const auto problems = [](const std::string& list) {
    return problems_with({"teachers=" + list, "stage2.objective.teachers=[a]"});
  };
  EXPECT_EQ(problems("[{name: a, pretrained: whisper-base}]"), "");
  EXPECT_THAT(problems("[{name: a, pretrained: whisper-base}, {name: a, pretrained: "
                       "whisper-base}]"),
              HasSubstr("teachers.1.name: there is another teacher 'a'"));
  EXPECT_THAT(problems("[{name: a, pretrained: whisper-bas}]"),
              HasSubstr("teachers.0.pretrained: 'whisper-bas' is not a model"));
  EXPECT_THAT(problems("[{name: a}]"), HasSubstr("give either its model or one to download"));
  EXPECT_THAT(problems("[{model: a.safetensors}]"), HasSubstr("teachers.0.name: is missing"));
  EXPECT_THAT(problems("[{name: ../a, pretrained: whisper-base}]"),
              HasSubstr("teachers.0.name: expected letters"));
  EXPECT_THAT(problems("[{name: a, model: /nonexistent/a.safetensors}]"),
              AllOf(HasSubstr("teachers.0.model: "), HasSubstr("/nonexistent/a.safetensors")));
}

TEST(ConfigChecks, TeachersOfSnapshots) {
  const auto problems = [](const std::string& teacher, std::vector<std::string> more) {
    more.insert(more.end(), {"teachers=[{name: a, " + teacher + "}]",
                             "stage2.objective={kind: layer_mean, top: 1, teachers: [a]}"});
    return problems_with(more);
  };
  const std::string every = "teacher.pretrain.snapshot_every=10";
  EXPECT_EQ(problems("snapshots: waypoint", {every}), "");
  EXPECT_THAT(problems("snapshots: waypoint", {}),
              HasSubstr("teachers.0.snapshots: needs a teacher that is pretrained here with "
                        "teacher.pretrain.snapshot_every"));
  EXPECT_THAT(problems("snapshots: trajectory", {every, "teacher.pretrained=whisper-base"}),
              HasSubstr("teachers.0.snapshots: needs a teacher that is pretrained here"));
  EXPECT_THAT(problems("snapshots: waypoint, pretrained: whisper-base", {every}),
              HasSubstr("teachers.0.pretrained: an encoder to download has no snapshots"));
  EXPECT_THAT(problems("snapshots: waypoint, model: /nonexistent", {}),
              HasSubstr("/nonexistent has no snapshots (STEP.safetensors)"));
  EXPECT_THAT(problems("snapshots: waypoint", {every, "stage2.cache.dtype=fp16"}),
              HasSubstr("stage2.cache: rows of the teacher 'a' change over the steps"));
}

class ConfigChecksOfTeachers : public testing::InFolder {};

TEST_F(ConfigChecksOfTeachers, FramesMustMapToTheStudents) {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  blueprint.mel.hop *= 2;
  blueprint.head_dim = 8;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  const Architecture shape({}, 16, 2 * 20000, {{.index = 0, .heads = 1, .ffn_dim = 16}});
  save_model(Supernet::random(SearchSpace::single(blueprint, {shape}), Rng(1)),
             folder_ / "slow.safetensors");
  EXPECT_THAT(
      problems_with({"teachers=[{name: a, model: " + (folder_ / "slow.safetensors").string() + "}]",
                     "stage2.objective.teachers=[a]"}),
      HasSubstr("teachers.0.model: the teacher gives a frame every 40000 us"));
}

TEST(ConfigChecks, HeadLayersNeedABlueprintThatHasThem) {
  EXPECT_EQ(problems_with({"stage2.objective.head_layer=true"}), "");
  EXPECT_THAT(problems_with({"stage1.objective.head_layer=true", "sort.score=activation"}),
              HasSubstr("sort: needs a stage1.objective without head_layer"));
  EXPECT_THAT(problems_with({"stage2.objective.head_layer=true", "space=spaces/whisper-tiny.yaml"}),
              HasSubstr("stage2.objective.head_layer: expected a space with norms after"));
}

TEST(ConfigChecks, TheSubnetOfASamplerIsAMember) {
  EXPECT_EQ(problems_with({"stage2.sampler={kind: subnet, subnet: default}"}), "");
  EXPECT_THAT(
      problems_with({"stage2.sampler={kind: subnet, subnet: \"e=97 p=20000 L=0-1:2x192\"}"}),
      HasSubstr("stage2.sampler.subnet: "));
  EXPECT_THAT(problems_with({"stage2.sampler={kind: subnet}"}),
              HasSubstr("stage2.sampler.subnet: expected with kind: subnet"));
  EXPECT_THAT(problems_with({"stage2.sampler={kind: random, subnet: default}"}),
              HasSubstr("stage2.sampler.subnet: expected with kind: subnet"));
}

TEST(ConfigChecks, LogitsNeedATeacherWithAUnitHead) {
  EXPECT_EQ(problems_with({"stage1.objective={kind: logits}"}), "");  // pretraining makes one
  const std::string needs = "stage1.objective.kind: needs the teacher's logits";
  EXPECT_THAT(problems_with({"teacher.pretrained=whisper-base", "stage1.objective={kind: logits}"}),
              HasSubstr(needs));
  EXPECT_THAT(
      problems_with({"teacher.pretrained=whisper-base",
                     "stage1.objective={kind: sum, of: [{kind: layer_mean}, {kind: logits}]}"}),
      HasSubstr("stage1.objective.of.1.kind: needs the teacher's logits"));
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

TEST(ConfigChecks, ObjectivesThatReadUnitsAreNotScored) {
  const std::vector<std::string> oracle = {
      "search.record=[]", "stage2.objective={kind: oracle}",
      "stage2.units={features: teacher, layer: 1, clusters: 6}"};
  const auto with = [&](const std::string& setting) {
    std::vector<std::string> settings = oracle;
    settings.push_back(setting);
    return problems_with(settings);
  };
  EXPECT_THAT(with("search.objectives=[params,distill.l1]"),
              HasSubstr("search.objectives.1: distill.l1 needs an objective without units: "
                        "stage2.objective learns from units"));
  EXPECT_EQ(with("search.objectives=[params,pr.frame_acc]"), "");
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
