#include "pipeline/study_setup.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

TEST(StudySetup, TheSearchReadsAShareOfTheClipsThatTheFrontIsScoredOn) {
  const Manifest manifest;
  PipelineConfig config;
  const auto fidelity = [&](Split split) {
    return tasks_for(config, manifest, {"pr.frame_acc"}, split).fidelity;
  };
  EXPECT_EQ(fidelity(Split::kDev), 1);
  config.search.fidelity = 0.01;
  EXPECT_EQ(fidelity(Split::kDev), 0.01);
  EXPECT_EQ(fidelity(Split::kTest), 1);
  config.tasks.fidelity = 0.001;  // at most the tasks' own
  EXPECT_EQ(fidelity(Split::kDev), 0.001);
  EXPECT_EQ(fidelity(Split::kTest), 0.001);
}

TEST(StudySetup, TrialsNameTheShareOfTheClips) {
  EXPECT_EQ(fidelity_name({.tasks = {"pr"}, .fidelity = 0.01}), "0.01");
  EXPECT_EQ(fidelity_name({.tasks = {"pr"}}), "full");
  EXPECT_EQ(fidelity_name({.tasks = {}, .fidelity = 0.01}), "full");  // no score depends on it
}

}  // namespace
}  // namespace concertina
