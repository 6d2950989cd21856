// Audio and cached targets larger than the memory that an epoch over them takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/memory.h"
#include "distill/data/batch_source.h"
#include "distill/data/target_cache.h"
#include "supernet/model/safetensors.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

constexpr int64_t kMegabyte = 1 << 20;

// Memory of this process that is not a file's, which the system cannot take back; 0 where that is
// not known.
int64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoll(line.substr(8)) * 1024;
  }
  return 0;
}

// Ten clips of two minutes.
Manifest long_clips(const std::filesystem::path& folder) {
  Manifest manifest;
  manifest.folder = folder;
  for (int32_t i = 0; i < 10; ++i) {
    Clip clip{.id = "clip" + std::to_string(i), .path = "clip" + std::to_string(i) + ".wav"};
    clip.samples = 120 * 16000;
    clip.source = "tones";
    const at::Tensor wave = testing::tones(1, clip.samples, static_cast<uint64_t>(i));
    const at::Tensor samples = wave.contiguous();
    write_wav(folder / clip.path, std::span<const float>(samples.const_data_ptr<float>(),
                                                         static_cast<size_t>(clip.samples)));
    manifest.clips.push_back(clip);
  }
  return manifest;
}

TEST(Streaming, AnEpochTakesLessMemoryThanItsAudioAndTargets) {
  if (anonymous_bytes() == 0) GTEST_SKIP() << "this system does not tell a process its memory";
  set_log_level(LogLevel::kOff);
  const testing::TempFolder folder("streaming");
  const Manifest manifest = long_clips(folder.path);
  const SearchSpace space = testing::tiny_space();
  const Blueprint& blueprint = space.blueprint();
  const JoinedClips clips(manifest, Split::kTrain, blueprint.base_frame_samples());
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  BatchOptions options;
  options.crops = 8;
  options.seconds = 3;
  std::vector<Row> rows;
  for (const RowKind kind :
       {RowKind::kHidden, RowKind::kFfn, RowKind::kQuery, RowKind::kKey, RowKind::kValue}) {
    for (const int32_t layer : {1, 2}) rows.push_back({.kind = kind, .layer = layer});
  }
  const auto targets = std::make_shared<const TargetCache>(
      folder.path / "targets",
      TargetCache::Source{
          clips, {teacher.slice(teacher.space().largest())}, blueprint, rows, options, "test"},
      CacheDtype::kFp16, StopToken());
  const auto of_files = static_cast<int64_t>(std::filesystem::file_size(targets->path())) +
                        2 * clips.total_frames() * blueprint.base_frame_samples();
  constexpr int64_t kBound = 20 * kMegabyte;
  ASSERT_GT(of_files, 3 * kBound);

  const auto batches = make_batch_source({clips, blueprint, options, {.targets = targets}, Rng(3)});
  return_freed_memory();
  const int64_t before = anonymous_bytes();
  int64_t most = 0, frames = 0;
  for (int64_t step = 0; frames < 2 * clips.total_frames(); ++step) {
    const TrainingBatch batch = batches->at(step);
    frames += batch.speech.waveform.numel() / blueprint.base_frame_samples();
    most = std::max(most, anonymous_bytes() - before);
  }
  EXPECT_LT(most, kBound);
}

// 60,000 hours have 22 GB of unit labels: they stay in their file, as distill/pretrain/unit_labels.cpp
// reads them.
TEST(Streaming, LabelsOfAFileTakeNoMemory) {
  if (anonymous_bytes() == 0) GTEST_SKIP() << "this system does not tell a process its memory";
  const testing::TempFolder folder("labels");
  constexpr int64_t kFrames = 32 * kMegabyte;
  write_safetensors(folder.path / "units.safetensors",
                    {{"labels.training", at::arange(kFrames).remainder(500).to(at::kShort)}}, {});
  return_freed_memory();
  const int64_t before = anonymous_bytes();
  const at::Tensor labels =
      read_safetensors(folder.path / "units.safetensors").tensors.at("labels.training");
  const auto* label = labels.const_data_ptr<int16_t>();
  bool all_equal = true;
  for (int64_t i = 0; i < kFrames; ++i) all_equal = all_equal && label[i] == i % 500;
  EXPECT_TRUE(all_equal);
  EXPECT_LT(anonymous_bytes() - before, 8 * kMegabyte);  // 64 MB of labels
}

}  // namespace
}  // namespace concertina
