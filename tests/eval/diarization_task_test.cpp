// Speaker diarization as a task, on mixtures of toy clips.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "core/rng.h"
#include "eval/task.h"
#include "speech/audio.h"

namespace concertina {
namespace {

TaskOptions diarization_options() {
  TaskOptions options;
  options.tasks = {"sd"};
  options.trained = true;
  options.sid_min_clips = 5;
  options.fidelity = 0.15;  // 60 mixtures train, 30 are scored
  return options;
}

// Eight speakers, each noise of its own spectral tilt with pauses.
class Voices : public ::testing::Test {
 protected:
  Voices() {
    std::filesystem::create_directories(folder_);
    manifest_.folder = folder_;
    for (int32_t speaker = 0; speaker < 8; ++speaker) {
      for (int32_t clip = 0; clip < 20; ++clip) add_clip(speaker, clip);
    }
  }
  ~Voices() override { std::filesystem::remove_all(folder_); }

  void add_clip(int32_t speaker, int32_t number) {
    const std::string id = fmt::format("s{}-{}", speaker, number);
    Rng rng = Rng(7).fork(id);
    std::vector<float> samples;
    const double pole = -0.9 + 1.8 * speaker / 7;
    double wave = 0;
    for (int64_t turn = 0; turn < 4 + rng.below(3); ++turn) {
      const int64_t spoken = 4000 + rng.below(4000), pause = 2000 + rng.below(2000);
      for (int64_t n = 0; n < spoken + pause; ++n) {
        wave = pole * wave + rng.normal();
        const double loudness = (n < spoken ? 0.1 : 0.001) * std::sqrt(1 - pole * pole);
        samples.push_back(static_cast<float>(loudness * wave));
      }
    }
    write_wav(folder_ / (id + ".wav"), samples);
    Clip clip;
    clip.id = id;
    clip.path = id + ".wav";
    clip.samples = std::ssize(samples);
    clip.speaker = fmt::format("speaker{}", speaker);
    clip.source = "noises";
    clip.group = fmt::format("dialogue{}", number % 5);
    clip.split = number % 5 < 3 ? Split::kTrain : number % 5 == 3 ? Split::kDev : Split::kTest;
    manifest_.clips.push_back(clip);
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("concertina-voices-{}", ::getpid());
  Manifest manifest_;
  TaskOptions options_ = diarization_options();
};

// Log-mel energies.
std::vector<ClipFeatures> mel_features(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all = fbank_baseline_features()(clips);
  for (ClipFeatures& each : all) {
    each.layers = each.layers.narrow(2, 0, 80).slice(1, 0, std::nullopt, 4);
    each.period_s *= 4;
  }
  return all;
}

// The same, in random order: labels are those of other frames.
std::vector<ClipFeatures> shuffled_features(const std::vector<std::vector<float>>& clips) {
  std::vector<ClipFeatures> all = mel_features(clips);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  for (ClipFeatures& each : all)
    each.layers = each.layers.index_select(1, at::randperm(each.layers.size(1), generator));
  return all;
}

TEST_F(Voices, TheTaskMixesSpeakersThatAreOnOneSideOnly) {
  const PreparedTask prepared = task_kind("sd").prepare(manifest_, options_, Split::kTest);
  ASSERT_TRUE(prepared.task) << prepared.missing;
  std::set<std::string> training, scored;
  int64_t count = 0;
  for (const TaskMixture& each : prepared.task->mixtures()) {
    for (const int64_t index : {each.mixture.first, each.mixture.second}) {
      const Clip& clip = manifest_.clips[static_cast<size_t>(index)];
      EXPECT_EQ(clip.split, each.training ? Split::kTrain : Split::kTest);
      EXPECT_TRUE(prepared.task->wants(index));
      (each.training ? training : scored).insert(clip.speaker);
    }
    count += each.training ? 1 : 0;
  }
  EXPECT_EQ(training.size(), 4u);
  EXPECT_EQ(scored.size(), 4u);
  for (const std::string& speaker : scored) EXPECT_FALSE(training.contains(speaker));
  EXPECT_EQ(count, 60);
}

TEST_F(Voices, AreToldApartUnlessLabelsAreShuffled) {
  const PreparedTasks prepared(manifest_, options_, Split::kTest);
  const TaskScore right = prepared.score(mel_features, Intervals::kBootstrap, {}).at(0);
  EXPECT_EQ(right.metric, "sd.der_wsum");
  EXPECT_LT(right.value, 25) << right.setting;
  EXPECT_LE(right.low, right.value);
  EXPECT_GE(right.high, right.value);
  EXPECT_EQ(right.totals.size(), 30u);
  const TaskScore wrong =
      prepared.score(shuffled_features, mel_features, Intervals::kNone, {}).at(0);
  EXPECT_GT(wrong.value, 40) << wrong.setting;
}

TEST_F(Voices, TheSameSeedGivesTheSameErrorsOnOneAndTwoThreads) {
  options_.fidelity = 0.04;
  const PreparedTasks prepared(manifest_, options_, Split::kDev);
  const int before = at::get_num_threads();
  std::vector<TaskScore> scores;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    scores.push_back(prepared.score(mel_features, Intervals::kNone, {}).at(0));
  }
  at::set_num_threads(before);
  EXPECT_EQ(scores[0].hits, scores[1].hits);
  EXPECT_EQ(scores[0].setting, scores[1].setting);
}

TEST_F(Voices, OfLessThanTwoSpeakersOnASideItIsLeftOut) {
  Manifest manifest = manifest_;
  std::erase_if(manifest.clips, [](const Clip& clip) { return clip.speaker > "speaker2"; });
  const PreparedTasks prepared(manifest, options_, Split::kTest);
  ASSERT_EQ(prepared.left_out().size(), 1u);
  EXPECT_NE(prepared.left_out()[0].second.find("less than two speakers of 'noises'"),
            std::string::npos)
      << prepared.left_out()[0].second;
}

}  // namespace
}  // namespace concertina
