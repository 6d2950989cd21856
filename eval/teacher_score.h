// Scores of frozen features that need no labels and no trained head, so that students of all objectives
// compare: how much of the teacher's rows a linear map of them gives (teacher.r2), how alike the two
// spaces are (teacher.cka), how loyal the mapped features are to the teacher (teacher.loyalty_*), and how
// many dimensions the frames fill (rankme). docs/proxies.md defines them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/stop.h"
#include "distill/objective/objective.h"
#include "eval/loyalty.h"
#include "eval/tasks.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr const char* kTeacherR2 = "teacher.r2";
inline constexpr const char* kTeacherCka = "teacher.cka";
inline constexpr const char* kLoyaltyLabel = "teacher.loyalty_label";
inline constexpr const char* kLoyaltyProb = "teacher.loyalty_prob";
inline constexpr const char* kLoyaltyPearson = "teacher.loyalty_pearson";
inline constexpr const char* kRankMe = "rankme";
// In the order of TeacherScore::score().
inline constexpr std::array kTeacherMetrics = {kTeacherR2,   kTeacherCka,     kLoyaltyLabel,
                                               kLoyaltyProb, kLoyaltyPearson, kRankMe};
bool is_teacher_metric(std::string_view metric);

// Longest part of a clip that is read; the shortest table of positions of a known teacher has 30 s.
inline constexpr double kTeacherClipSeconds = 10;

struct TeacherScoreOptions {
  double seconds = 240;                         // of train; half of it of the scored split
  std::map<std::string, double> source_weight;  // as in training
  uint64_t seed = 0;                            // of the choice of clips and of k-means
  bool loyalty = true;  // teacher.loyalty_* too, at some cost for each student
};

// Chooses clips and runs the teacher once, when it is made; its rows are kept (fp32: with the default
// seconds, 18,000 times the sum of their widths). Immutable afterwards: thread-safe.
class TeacherScore {
 public:
  // `rows`: of one teacher, without masks. Row t of a student is the teacher's frame that is nearest in
  // time, as in training (frame_shift). InputError when train or `split` has no clip, no row is given
  // or the teacher lacks one. Interrupted when a stop was asked for.
  TeacherScore(const Subnet& teacher, std::vector<Row> rows, const Manifest& manifest, Split split,
               const TeacherScoreOptions& options, const StopToken& stop = {});

  // All of kTeacherMetrics, without teacher.loyalty_* unless options.loyalty. Layers and shrinkage are chosen on folds of train; the split is scored
  // only. A pass takes layers * (kFolds + 1) * D * (D + the sum of the rows' widths) doubles, and 5
  // times these widths for each scored clip. With intervals teacher.r2 and teacher.loyalty_* have one,
  // and hits and totals of each clip (loyalty.h), means over rows. teacher.cka and rankme have none: a
  // resample repeats clips, which lowers a rank.
  std::vector<TaskScore> score(const FeatureExtractor& features, const StopToken& stop,
                               Intervals intervals = Intervals::kNone) const;

 private:
  struct TeacherClip {
    std::vector<float> samples;
    int32_t fold = 0;  // kFolds: of the scored split
    at::Tensor rows;   // [T, M] float: all rows side by side, standardised by train
  };
  struct RowBlock {  // columns of TeacherClip::rows
    std::string name;
    int64_t first = 0, width = 0;
    double gram_norm = 0;  // of the scored split
    LoyaltyUnits units;    // of train
  };
  struct LayerSums;
  struct RowFit;
  using Clips = std::span<const TeacherClip>;
  using Agreements = std::vector<std::vector<ClipAgreement>>;  // of rows, of clips

  void read_clips(const Manifest& manifest, Split split, const TeacherScoreOptions& options);
  void run_teacher(const Subnet& teacher, const std::vector<Row>& rows, const StopToken& stop);
  void standardise();
  void fit_units(uint64_t seed);
  Clips training_clips() const { return Clips(clips_).first(training_); }
  Clips scored_clips() const { return Clips(clips_).subspan(training_); }
  static at::Tensor rows_of(Clips clips);  // [n, M], the clips' one after the other
  // [T, M]: the teacher's frame for each of the features' that has one.
  at::Tensor rows_for(const TeacherClip& clip, const ClipFeatures& features) const;
  static void encode(Clips clips, const FeatureExtractor& features, const StopToken& stop,
                     const std::function<void(const TeacherClip&, const ClipFeatures&)>& use);
  void add(std::vector<LayerSums>& layers, const TeacherClip& clip,
           const ClipFeatures& features) const;
  std::vector<RowFit> fit_rows(const std::vector<LayerSums>& layers) const;
  void add(Agreements& agreements, const std::vector<RowFit>& fits, const TeacherClip& clip,
           const ClipFeatures& features) const;
  static TaskScore r2(const std::vector<RowFit>& fits, const std::vector<LayerSums>& layers);
  static TaskScore loyalty(const char* metric, const std::vector<RowFit>& fits,
                           const std::vector<ClipHits>& hits);
  TaskScore cka(const std::vector<LayerSums>& layers) const;

  std::vector<TeacherClip> clips_;  // those of train first
  size_t training_ = 0;             // how many they are
  std::vector<RowBlock> blocks_;
  bool loyalty_ = true;
  double period_s_ = 0.02, centre_s_ = 0.01;  // of the teacher's frames
};

// What an objective regresses of the first teacher, without the rows of passes on masked input.
std::vector<Row> clean_rows(const Objective& objective);
// Hidden states after these layers (0: the input of the first); none: after the last.
std::vector<Row> hidden_rows(const std::vector<int32_t>& layers, const Subnet& teacher);

}  // namespace concertina
