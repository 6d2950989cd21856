// Unreadable clips and other errors of a run: no trained step is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "distill/data/crops.h"
#include "distill/objective/layer_mean.h"
#include "speech/audio.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::StopAt;
using testing::tiny_pretraining;
using testing::tiny_training;

class IoErrors : public testing::Training {
 protected:
  IoErrors() {  // enough clips that one of them may be missing
    for (int32_t copy = 0; copy < 2; ++copy) {
      for (int32_t i = 0; i < 12; ++i) {
        Clip clip = manifest.clips[static_cast<size_t>(i)];
        clip.id += "-" + std::to_string(copy);
        clip.path = clip.id + ".wav";
        fs::copy_file(folder.path / manifest.clips[static_cast<size_t>(i)].path,
                      folder.path / clip.path);
        manifest.clips.push_back(clip);
      }
    }
    for (Clip& clip : manifest.clips) {  // as corpora have: a missing clip still has a hash
      std::vector<float> samples(static_cast<size_t>(clip.samples));
      read_wav_segment(folder.path / clip.path, 0, samples);
      clip.hash = pcm_hash(samples);
    }
  }
  void remove(size_t clip) { fs::remove(folder.path / manifest.clips[clip].path); }
  std::string checkpoint(const char* run, int64_t step) const {
    return (folder.path / run / "checkpoint" / fmt::format("step-{:09}.safetensors", step))
        .string();
  }
  void teach(const StageContext& where) { pretrain_teacher(options, space, manifest, where); }
  static size_t validations(const StageContext& where) {  // reported in metrics.jsonl
    const std::string metrics = read_text(where.folder / "metrics.jsonl");
    size_t count = 0;
    for (size_t at = metrics.find("\"validation\""); at != std::string::npos;
         at = metrics.find("\"validation\"", at + 1)) {
      ++count;
    }
    return count;
  }
  PretrainOptions options = tiny_pretraining();
};

// Throws after `step`, as an observer that cannot write does.
struct FailAt : TrainObserver {
  explicit FailAt(int64_t at) : step(at) {}
  void on_step(const StepReport& report) override {
    if (report.step == step) throw SystemError("cannot write metrics.jsonl: Input/output error");
  }
  int64_t step;
};

TEST_F(IoErrors, AnyExceptionSavesTheStateAndTheRunEndsInTheSameBytes) {
  teach(context("whole"));
  StageContext parts = context("parts");
  FailAt failing(7);
  parts.observers = {&failing};
  EXPECT_THROW(teach(parts), SystemError);
  EXPECT_TRUE(fs::exists(checkpoint("parts", 7)));
  parts.observers.clear();
  teach(parts);
  for (const char* file : {"model.safetensors", "best/model.safetensors",
                           "best/objective.safetensors", "checkpoint/step-000000012.safetensors"}) {
    EXPECT_EQ(sha256_file(folder.path / "whole" / file), sha256_file(folder.path / "parts" / file))
        << file;
  }
}

// All dev clips are removed just before the last validation: the trained state is saved.
struct LoseDev : TrainObserver {
  void on_step(const StepReport& report) override {
    if (report.step < 12) return;
    for (const Clip& clip : manifest->clips) {
      if (clip.split == Split::kDev) fs::rename(path / clip.path, path / (clip.path + ".gone"));
    }
  }
  const Manifest* manifest = nullptr;
  fs::path path;
};

TEST_F(IoErrors, AFailedLastValidationLosesNoStep) {
  teach(context("whole"));
  StageContext parts = context("parts");
  LoseDev losing;
  losing.manifest = &manifest;
  losing.path = folder.path;
  parts.observers = {&losing};
  EXPECT_THROW(teach(parts), SystemError);
  EXPECT_TRUE(fs::exists(checkpoint("parts", 12)));
  for (const Clip& clip : manifest.clips) {
    if (clip.split == Split::kDev) {
      fs::rename(folder.path / (clip.path + ".gone"), folder.path / clip.path);
    }
  }
  parts.observers.clear();
  teach(parts);
  for (const char* file :
       {"model.safetensors", "best/model.safetensors", "checkpoint/step-000000012.safetensors"}) {
    EXPECT_EQ(sha256_file(folder.path / "whole" / file), sha256_file(folder.path / "parts" / file))
        << file;
  }
  EXPECT_EQ(validations(parts), 3U);  // of steps 4, 8 and 12, each once
}

// A run whose last step is saved but whose model is not: killed in between, or the disk was full.
TEST_F(IoErrors, ARunWithoutItsModelReportsNoValidationTwice) {
  teach(context("whole"));
  fs::remove(folder.path / "whole" / "model.safetensors");
  teach(context("whole"));
  EXPECT_TRUE(fs::exists(folder.path / "whole" / "model.safetensors"));
  EXPECT_EQ(validations(context("whole")), 3U);
}

TEST_F(IoErrors, AMissingClipIsSkippedTheSameWayEachTime) {
  for (const std::string name : {"crops", "within", "clips"}) {
    options.train.batch.within_clips = name == "within";
    options.train.batch.whole_clips = name == "clips";
    options.train.batch.budget = 4;
    options.train.batch.longest = 2;
    teach(context(name));  // labels are made while all clips are there
    fs::remove_all(folder.path / name / "checkpoint");
    fs::remove(folder.path / name / "model.safetensors");
    fs::copy(folder.path / name, folder.path / (name + "-parts"));
    const std::string gone = (folder.path / manifest.clips[0].path).string();
    fs::rename(gone, gone + ".gone");
    teach(context(name));
    StageContext parts = context(name + "-parts");
    StopAt stop(5, StopReason::kTerminate);
    parts.observers = {&stop};
    parts.stop = stop.source.token();
    EXPECT_THROW(teach(parts), Interrupted);
    parts.observers.clear();
    parts.stop = {};
    teach(parts);
    EXPECT_EQ(sha256_file(folder.path / name / "model.safetensors"),
              sha256_file(parts.folder / "model.safetensors"));
    fs::rename(gone + ".gone", gone);
  }
}

TEST_F(IoErrors, AMissingClipDoesNotChangeOtherRows) {
  const BatchOptions batch{.crops = 4, .seconds = 0.5, .source_weight = {}};
  const JoinedClips clips(manifest, Split::kTrain, 320);
  BatchContents contents;
  contents.mask = MaskOptions{.probability = 0.5, .length = 2};
  const CropSource source({clips, space.blueprint(), batch, contents, Rng(3)});
  std::vector<TrainingBatch> before;
  for (int64_t step = 0; step < 40; ++step) before.push_back(source.at(step));
  remove(0);
  int64_t changed = 0;
  for (int64_t step = 0; step < 40; ++step) {
    const TrainingBatch after = source.at(step);
    for (int64_t row = 0; row < 4; ++row) {
      const size_t at = static_cast<size_t>(step);
      if (!after.speech.waveform[row].equal(before[at].speech.waveform[row])) ++changed;
      EXPECT_TRUE(after.speech.mask[row].equal(before[at].speech.mask[row]));
    }
  }
  EXPECT_GT(changed, 0);
  EXPECT_LT(changed, 40);
}

TEST_F(IoErrors, TooManyMissingClipsAreAnError) {
  const BatchOptions batch{.crops = 8, .seconds = 0.5, .source_weight = {}};
  const JoinedClips clips(manifest, Split::kTrain, 320);  // 27
  const CropSource source({clips, space.blueprint(), batch, {}, Rng(3)});
  for (const size_t clip : {0, 1, 2}) remove(clip);
  try {
    for (int64_t step = 0; step < 100; ++step) source.at(step);
    FAIL() << "nothing was missed";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), HasSubstr("of 27 clips cannot be read"));
    EXPECT_THAT(error.what(), HasSubstr(".wav"));
  }
}

TEST_F(IoErrors, AnInterruptedCacheIsResumed) {
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  DistillOptions distil;
  distil.train = tiny_training(2);
  distil.objective = layer_mean_options({.top = 2});
  distil.cache = CacheDtype::kFp16;
  distil.train.batch.whole_clips = true;
  distil.train.batch.budget = 4;
  distil.train.batch.longest = 2;
  const std::string gone = (folder.path / manifest.clips[34].path).string();
  fs::rename(gone, gone + ".gone");
  const auto train = [&] {
    distill_stage(distil, {1, space, teacher, nullptr, manifest}, context("stage1"));
  };
  EXPECT_THROW(train(), SystemError);
  std::vector<std::string> progress;
  for (const auto& entry : fs::directory_iterator(folder.path / "stage1" / "targets")) {
    if (entry.path().extension() == ".json") progress.push_back(read_text(entry.path()));
  }
  ASSERT_EQ(progress.size(), 1U);
  EXPECT_THAT(progress[0], ::testing::Not(HasSubstr(":0}")));
  fs::rename(gone + ".gone", gone);
  train();
}

}  // namespace
}  // namespace concertina
