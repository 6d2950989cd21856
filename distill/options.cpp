#include "distill/options.h"

#include "core/errors.h"
#include "core/option_table.h"
#include "distill/objective/layer_mean.h"

namespace concertina {
namespace {

using O = DistillOptions;

// What is known of LightHuBERT's training: paper, checkpoints and issues; the optimiser is data2vec
// audio base's, whose settings it shares where they are known. Explicit keys override.
void apply_lighthubert(O& o, int32_t stage) {
  o.objective = layer_mean_options({.top = 8});
  o.mask = {.probability = 0.65, .length = 10};
  o.sampler = {};
  if (stage > 1) o.sampler.kind = SamplerKind::kRandom;
  o.train.optimizer = {.lr = 5e-4, .warmup = 0.03, .clip = 0};
}

OptionTable<O> make_table(int32_t stage) {
  return {
      option("preset", &O::preset,
             "other defaults; lighthubert: what is known of LightHuBERT's training")
          .not_in_fingerprint()
          .then([stage](O& o) {
            if (o.preset == DistillPreset::kLightHubert) apply_lighthubert(o, stage);
          }),
      flattened(&O::train, train_table()),
      objective_option("objective", &O::objective),
      subsection("units", &O::units, stage_unit_table())
          .require(
              [](const O& o) { return o.units || !traits_of(o.objective).reads_units; },
              "is missing: the objective predicts units, and this says what k-means makes them "
              "of, such as {features: teacher, layer: 6, clusters: 500}")
          .require([](const O& o) { return !o.units || traits_of(o.objective).reads_units; },
                   "expected an objective that predicts units, such as masked_units"),
      option("init", &O::init,
             "what the student starts from; previous: stage 1, for stage 2. Tensors that do not "
             "fit are listed in the log")
          .among({StudentInit::kTeacher, StudentInit::kRandom, StudentInit::kPreviousStage})
          .then([](O& o) {
            if (!o.train.init_from.empty()) o.init = StudentInit::kFolder;
          })
          .require(
              [](const O& o, const ConfigSection& section) {
                return o.train.init_from.empty() || !section.has("init");
              },
              "expected either init or init_from", "init_from")
          .require(
              [stage](const O& o) { return stage > 1 || o.init != StudentInit::kPreviousStage; },
              "expected teacher or random: stage 1 has no stage before it"),
      option("clips", &O::clips,
             "list of the training clips (`corpus select`), which stand in for all of the corpus's")
          .relative_to_file()
          .not_in_fingerprint(),  // the data's has them
      subsection("sampler", &O::sampler, sampler_table())
          .require(
              [](const O& o) { return !o.sampler.in_place || traits_of(o.objective).in_place; },
              "expected an objective with rows of the student that smaller subnets could learn "
              "from",
              "sampler.in_place"),
      subsection("mask", &O::mask, mask_table())
          .require(
              [](const O& o) {
                return o.mask.probability > 0 || !traits_of(o.objective).reads_mask;
              },
              "expected a number above 0: the objective needs masked frames", "mask.probability"),
      option("masked_only", &O::masked_only,
             "the loss is over the frames that are masked in the student's input, in validation "
             "too; else over all frames")
          .in_fingerprint_if([](const O& o) { return o.masked_only; })
          .require([](const O& o) { return !o.masked_only || o.mask.probability > 0; },
                   "expected mask.probability above 0 with it"),
      option("drop_masked", &O::drop_masked,
             "masked frames are not encoded: the layers of the student, or of student and "
             "teachers (DMAE), run over the other frames, and the loss is over these. Validation "
             "has no masks")
          .in_fingerprint_if([](const O& o) { return o.drop_masked != DropMasked::kNone; })
          .require(
              [](const O& o) {
                return o.drop_masked == DropMasked::kNone || o.mask.probability > 0;
              },
              "expected mask.probability above 0 with it")
          .require(
              [](const O& o) {
                return o.drop_masked == DropMasked::kNone ||
                       (!o.masked_only && !traits_of(o.objective).reads_mask);
              },
              "expected an objective over frames that are not masked")
          .require(
              [](const O& o) {
                return o.drop_masked != DropMasked::kBoth || o.cache == CacheDtype::kNone;
              },
              "expected no cache with `both`: the teacher's frames change with the mask"),
      option("fresh_heads", &O::fresh_heads,
             "prediction heads start anew with init: previous and init_from, too: methods can be "
             "compared from one stage 1, and a model without its heads can be trained further")
          .in_fingerprint_if([](const O& o) { return o.fresh_heads; }),
      option(
          "rows_of_other_clips", &O::rows_of_other_clips,
          "for controls of experiments: every row of a batch learns from the teacher's rows, and "
          "units, of the row before it, which belong to other audio")
          .in_fingerprint_if([](const O& o) { return o.rows_of_other_clips; }),
      subsection("cache", OptionTable<O>{option(
                              "dtype", &O::cache,
                              "keep the teacher's targets on disk in this format; the teacher "
                              "then runs once")})
          .in_fingerprint_if([](const O& o) { return o.cache != CacheDtype::kNone; }),
  };
}

}  // namespace

DistillOptions distill_defaults(int32_t stage) {
  O o;
  o.train.steps = stage == 1 ? 450 : 650;
  o.train.optimizer.lr = 1e-3;
  o.init = stage == 1 ? StudentInit::kTeacher : StudentInit::kPreviousStage;
  o.sampler.kind = stage == 1 ? SamplerKind::kLargest : SamplerKind::kSandwich;
  return o;
}

const OptionTable<DistillOptions>& distill_table(int32_t stage) {
  static const OptionTable<O> first = make_table(1), second = make_table(2);
  return stage == 1 ? first : second;
}

DistillOptions DistillOptions::from_config(ConfigSection section, int32_t stage) {
  O options = distill_defaults(stage);
  distill_table(stage).read(std::move(section), options);
  return options;
}

std::string to_json(const DistillOptions& options) {
  return distill_table(1).fingerprint_json(options);
}

}  // namespace concertina
