#include "distill/pretrain/unit_abx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

constexpr int32_t kFrameSamples = 320;

struct LabelledPhone {
  std::string label;
  int64_t frames = 0;
};
using LabelledClip = std::vector<LabelledPhone>;

// A phone between two others: the units of its frames.
struct Segment {
  std::string phone, context, speaker;
  std::vector<int64_t> units;
};

// Least cost, then fewest pairs, over all paths from (i, j) to the last pair.
std::pair<double, int64_t> cheapest_path(const Segment& a, const Segment& b, size_t i, size_t j) {
  const std::pair<double, int64_t> here{a.units[i] == b.units[j] ? 0 : 1, 1};
  if (i + 1 == a.units.size() && j + 1 == b.units.size()) return here;
  std::pair<double, int64_t> best{1e9, 0};
  for (const auto& [down, right] : {std::pair(1, 0), std::pair(0, 1), std::pair(1, 1)}) {
    if (i + down < a.units.size() && j + right < b.units.size())
      best = std::min(best, cheapest_path(a, b, i + down, j + right));
  }
  return {here.first + best.first, here.second + best.second};
}

double distance(const Segment& a, const Segment& b) {
  const auto [cost, pairs] = cheapest_path(a, b, 0, 0);
  return cost / static_cast<double>(pairs);
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Over all triples, from the definition.
double enumerated_error(const std::vector<Segment>& segments) {
  // pair of phones: speaker: context: errors
  std::map<std::string, std::map<std::string, std::map<std::string, std::vector<double>>>> errors;
  for (const Segment& a : segments) {
    for (const Segment& b : segments) {
      for (const Segment& x : segments) {
        const bool same_place = a.context == b.context && a.context == x.context &&
                                a.speaker == b.speaker && a.speaker == x.speaker;
        if (!same_place || &a == &x || a.phone != x.phone || a.phone == b.phone) continue;
        const double to_a = distance(a, x), to_b = distance(b, x);
        errors[a.phone + b.phone][a.speaker][a.context].push_back(to_a > to_b    ? 1
                                                                  : to_a == to_b ? 0.5
                                                                                 : 0);
      }
    }
  }
  std::vector<double> of_pairs;
  for (const auto& [pair, speakers] : errors) {
    std::vector<double> of_speakers;
    for (const auto& [speaker, contexts] : speakers) {
      std::vector<double> of_contexts;
      for (const auto& [context, each] : contexts) of_contexts.push_back(mean_of(each));
      of_speakers.push_back(mean_of(of_contexts));
    }
    of_pairs.push_back(mean_of(of_speakers));
  }
  return mean_of(of_pairs);
}

// The first training clips have labels; those of the third are of another speaker.
class UnitAbx : public testing::Training {
 protected:
  JoinedClips labelled(const std::vector<LabelledClip>& all) {
    for (size_t i = 0; i < all.size(); ++i) {
      std::string text;
      int64_t end = 0;
      for (const LabelledPhone& phone : all[i]) {
        end += phone.frames;
        text += std::to_string(0.02 * static_cast<double>(end)) + " 125 " + phone.label + "\n";
      }
      Clip& clip = manifest.clips[i];
      clip.phones = clip.id + ".lab";
      clip.speaker = i == 2 ? "second" : "first";
      write_atomically(folder.path / clip.phones, text);
    }
    return JoinedClips(manifest, Split::kTrain, kFrameSamples);
  }

  static std::vector<Segment> segments_of(const std::vector<LabelledClip>& all,
                                          const JoinedClips& clips, const at::Tensor& units) {
    std::vector<Segment> segments;
    for (size_t c = 0; c < all.size(); ++c) {
      int64_t frame = clips.clips()[c].first_frame;
      for (size_t i = 0; i < all[c].size(); ++i) {
        const auto [label, frames] = all[c][i];
        Segment segment{label, "", c == 2 ? "second" : "first", {}};
        for (int64_t f = 0; f < frames; ++f)
          segment.units.push_back(units[frame + f].item<int64_t>());
        frame += frames;
        if (i == 0 || i + 1 == all[c].size() || label == "pau") continue;
        segment.context = all[c][i - 1].label + " " + all[c][i + 1].label;
        segments.push_back(segment);
      }
    }
    return segments;
  }
};

const std::vector<LabelledClip> kClips = {{{"pau", 2},
                                           {"b", 2},
                                           {"a", 1},
                                           {"c", 3},
                                           {"a", 2},
                                           {"b", 3},
                                           {"a", 2},
                                           {"pau", 4},
                                           {"a", 3},
                                           {"c", 1},
                                           {"a", 2},
                                           {"b", 1},
                                           {"pau", 3}},
                                          {{"a", 2},
                                           {"b", 2},
                                           {"a", 3},
                                           {"c", 2},
                                           {"a", 1},
                                           {"d", 2},
                                           {"a", 2},
                                           {"d", 3},
                                           {"a", 1},
                                           {"pau", 2},
                                           {"b", 2}},
                                          {{"a", 1},
                                           {"b", 3},
                                           {"a", 2},
                                           {"b", 1},
                                           {"a", 2},
                                           {"c", 2},
                                           {"a", 3},
                                           {"c", 3},
                                           {"a", 1},
                                           {"b", 2}}};

TEST_F(UnitAbx, IsThatOfAllTriples) {
  const JoinedClips clips = labelled(kClips);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  for (const int64_t clusters : {2, 3, 5}) {
    const at::Tensor units =
        at::randint(clusters, {clips.total_frames()}, generator, at::kLong).to(at::kShort);
    const std::optional<double> error = unit_abx_error(units, clips);
    ASSERT_TRUE(error.has_value());
    EXPECT_GT(*error, 0);
    EXPECT_NEAR(*error, enumerated_error(segments_of(kClips, clips, units)), 1e-12) << clusters;
  }
}

TEST_F(UnitAbx, IsZeroForPhonesAndChanceForOneUnit) {
  const JoinedClips clips = labelled(kClips);
  const at::Tensor units = at::zeros({clips.total_frames()}, at::kShort);
  EXPECT_EQ(unit_abx_error(units, clips), 0.5);
  for (size_t c = 0; c < kClips.size(); ++c) {
    int64_t frame = clips.clips()[c].first_frame;
    for (const LabelledPhone& phone : kClips[c]) {
      units.narrow(0, frame, phone.frames).fill_(phone.label[0]);
      frame += phone.frames;
    }
  }
  EXPECT_EQ(unit_abx_error(units, clips), 0);
}

TEST_F(UnitAbx, NeedsAPhoneTwiceBetweenTheSameNeighbours) {
  const JoinedClips none(manifest, Split::kTrain, kFrameSamples);
  EXPECT_EQ(unit_abx_error(at::zeros({none.total_frames()}), none), std::nullopt);
  const JoinedClips once = labelled({{{"a", 2}, {"b", 2}, {"a", 2}, {"c", 2}, {"a", 2}}});
  EXPECT_EQ(unit_abx_error(at::zeros({once.total_frames()}), once), std::nullopt);
}

TEST_F(UnitAbx, IsInUnitsJson) {
  labelled(kClips);
  PretrainOptions options = testing::tiny_pretraining();
  options.train.steps = 1;
  pretrain_teacher(options, space, manifest, context("teacher"));
  EXPECT_THAT(read_text(folder.path / "teacher/units.json"),
              ::testing::HasSubstr("\"abx_error\":0."));
}

}  // namespace
}  // namespace concertina
