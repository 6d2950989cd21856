#include "eval/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TaskOptions options_of(const std::string& text) {
  ConfigFile file = ConfigFile::parse(text, "c.yaml");
  const TaskOptions options = TaskOptions::from_config(file.root());
  file.finish();
  return options;
}

std::string problem_of(const std::string& text) {
  try {
    options_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "none";
}

TEST(TaskOptions, ReadFidelityAndTheClipsOfTasks) {
  EXPECT_EQ(options_of("{}").fidelity, 1);
  EXPECT_TRUE(options_of("{}").data.empty());
  const TaskOptions options =
      options_of("fidelity: 0.01\ndata: {sid: lists/sid.tsv, ks: /speech/m.tsv}\n");
  EXPECT_EQ(options.fidelity, 0.01);
  EXPECT_THAT(options.data, ElementsAre(Pair("ks", "/speech/m.tsv"), Pair("sid", "lists/sid.tsv")));
  EXPECT_THAT(options.speaker_disjoint, ElementsAre("ks", "lid", "tone", "ic", "er"));
}

TEST(TaskOptions, NameWhatIsWrong) {
  EXPECT_THAT(problem_of("fidelity: 0\n"), HasSubstr("c.yaml:1:11: fidelity: expected 0.001 to 1"));
  EXPECT_THAT(problem_of("data: {sidd: a.tsv}\n"),
              HasSubstr("c.yaml:1:14: data.sidd: no task is called so (did you mean 'sid'?)"));
  EXPECT_THAT(problem_of("speaker_disjoint: [kss]\n"), HasSubstr("did you mean 'ks'?"));
}

}  // namespace
}  // namespace concertina
