// A folder of its own for each test, and pipelines read from configs/smoke.yaml.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/pipeline.h"

namespace concertina::testing {

class InFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("concertina-") + info->name() + "-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

// `set`: as --set takes them. The corpus is not there.
inline Pipeline smoke_pipeline(const std::vector<std::string>& set = {}) {
  const std::filesystem::path path =
      std::filesystem::path(CONCERTINA_SOURCE_DIR) / "configs/smoke.yaml";
  ConfigFile file = ConfigFile::load(path);
  file.set("corpus.root=/nonexistent");
  for (const std::string& assignment : set) file.set(assignment);
  return parse_pipeline(file, path, {"out"});
}

}  // namespace concertina::testing
