#include "distill/train/options.h"

#include "core/option_table.h"
#include "distill/train/adamw.h"

namespace concertina {
namespace {

constexpr Bounds kPositive{1e-12, 1e30};

bool decays_at_the_end(const OptimizerOptions& o) {
  return o.schedule == LrSchedule::kTriStage || o.schedule == LrSchedule::kConstant;
}

const OptionTable<RateScales>& rate_scale_table() {
  using O = RateScales;
  constexpr Bounds kScales{0, 1000};
  static const OptionTable<O> table = {
      option("front_end", &O::front_end,
             "factor of the learning rate of the front end's convolutions; 0: frozen")
          .within(kScales),
      option("layers", &O::layers, "of everything but prediction heads; 0: frozen").within(kScales),
      option("layer_decay", &O::layer_decay,
             "of each layer relative to the layer after it; what comes before the layers counts "
             "as one")
          .within({0.01, 1}),
      option("matrices", &O::matrices,
             "of matrices and convolutions, in addition to the above; 0: of the model, norms and "
             "biases alone are trained")
          .within(kScales)
          .in_fingerprint_if([](const O& o) { return o.matrices != 1; }),
      option("heads", &O::heads, "of prediction heads; 0: frozen")
          .within(kScales)
          .require([](const O& o) { return o.heads > 0 || o.layers > 0; },
                   "expected more than 0 with layers: 0, else nothing is trained"),
  };
  return table;
}

const OptionTable<OptimizerOptions>& optimizer_table() {
  using O = OptimizerOptions;
  static const OptionTable<O> table = {
      option("lr", &O::lr, "peak learning rate").within(kPositive),
      option(
          "schedule", &O::schedule,
          "of the learning rate after warm-up: decay to final_lr over all remaining steps (linear, "
          "cosine), decay with the square root of the step (inverse_sqrt), hold and decay "
          "exponentially (tri_stage) or linearly (constant); range_test: rise exponentially from "
          "a 10,000th of lr to lr")
          .in_fingerprint_if([](const O& o) { return o.schedule != LrSchedule::kLinear; }),
      option("warmup", &O::warmup, "share of the steps with linear warm-up").within(kShareBounds),
      option("decay", &O::decay,
             "share of the steps, at the end, in which the rate decays; tri_stage and constant")
          .within(kShareBounds)
          .in_fingerprint_if(decays_at_the_end),
      option("final_lr", &O::final_lr, "final learning rate as a share of the peak")
          .within(kShareBounds)
          .require([](const O& o) { return o.schedule != LrSchedule::kTriStage || o.final_lr > 0; },
                   "expected more than 0 with schedule: tri_stage, whose decay is exponential"),
      option("beta1", &O::beta1, "of AdamW").within({0, AdamW::kMaxBeta}),
      option("beta2", &O::beta2, "of AdamW").within({0, AdamW::kMaxBeta}),
      option("eps", &O::eps, "of AdamW").within(kPositive),
      option("weight_decay", &O::weight_decay, "of matrices and convolutions").within({0, 1000}),
      option("clip", &O::clip, "largest global gradient norm; 0: not clipped").within({0, 1e9}),
      option("guard", &O::guard,
             "a step is skipped where a subnet's loss exceeds this many times its running mean; "
             "0: never")
          .within({0, 1e9})
          .require([](const O& o) { return o.guard == 0 || o.guard > 1; },
                   "expected 0 (off) or a factor above 1")
          .not_in_fingerprint(),
      subsection("rate_scales", &O::rate_scales, rate_scale_table())
          .in_fingerprint_if([](const O& o) { return o.rate_scales != RateScales{}; }),
      option("sharded", &O::sharded,
             "with several processes, each keeps AdamW's moments of its part of the weights only "
             "(ZeRO stage 1): less memory, the same weights")
          .not_in_fingerprint(),
  };
  return table;
}

const OptionTable<EmaOptions>& ema_table() {
  using O = EmaOptions;
  static const OptionTable<O> table = {
      option("decay", &O::decay,
             "of an exponential moving average of the weights, as 0.999; 0: none. Validation "
             "reports the average too")
          .within({0, 0.99999}),
      option("save", &O::save, "what model.safetensors and best/ hold: the weights or the average")
          .require([](const O& o) { return o.save == SavedWeights::kWeights || o.decay > 0; },
                   "expected a decay above 0 with save: ema"),
  };
  return table;
}

const OptionTable<CheckpointOptions>& checkpoint_table() {
  using O = CheckpointOptions;
  static const OptionTable<O> table = {
      option("minutes", &O::minutes, "interval of checkpoints").within(kMinuteBounds).unit("min"),
      option("keep", &O::keep, "how many of the newest are kept").within({1, 10000}),
      option("best", &O::best, "keep the model of the best validation too"),
  };
  return table;
}

}  // namespace

const OptionTable<TrainOptions>& train_table() {
  using O = TrainOptions;
  static const OptionTable<O> table = {
      // In the config fingerprint by its weights, among the run's inputs.
      option("init_from", &O::init_from,
             "warm start: folder of a finished stage whose weights and prediction heads are "
             "loaded; with fresh_heads its weights alone")
          .relative_to_file()
          .not_in_fingerprint(),
      option("steps", &O::steps, "optimiser steps").within({1, 1e9}),
      option("accumulate", &O::accumulate, "batches whose gradients make one optimiser step")
          .within({1, 10000})
          .in_fingerprint_if([](const O& o) { return o.accumulate > 1; }),
      subsection("optimizer", &O::optimizer, optimizer_table()),
      subsection("ema", &O::ema, ema_table()).in_fingerprint_if([](const O& o) {
        return o.ema.decay > 0;
      }),
      subsection("batch", &O::batch, batch_table()),
      subsection("augment", &O::augment, augment_table()).in_fingerprint_if([](const O& o) {
        return o.augment.any();
      }),
      subsection("regularization", &O::regularization, regularization_table())
          .in_fingerprint_if(
              [](const O& o) { return o.regularization != RegularizationOptions{}; }),
      option("recompute_layers", &O::recompute_layers,
             "activation checkpointing: encoder layers are computed again in the backward pass, "
             "which takes less memory and more time")
          .in_fingerprint_if([](const O& o) { return o.recompute_layers; }),
      // In the config fingerprint as the precision that auto stands for.
      option("dtype", &O::dtype,
             "of activations; auto: bf16 where the device multiplies it in hardware")
          .among({Precision::kAuto, Precision::kFp32, Precision::kBf16})
          .not_in_fingerprint(),
      option("validate_every", &O::validate_every, "interval of validation; 0: only at the end")
          .within({0, 1e9})
          .unit("steps"),
      option("validation_crops", &O::validation_crops, "crops (or clips) per validation")
          .within({1, 1e6}),
      option("patience", &O::patience,
             "training ends after this many scheduled validations in a row without a lower loss; "
             "0: never")
          .within({0, 1e6})
          .require([](const O& o) { return o.patience == 0 || o.validate_every > 0; },
                   "expected 0 (off) with validate_every: 0, which validates only at the end")
          .not_in_fingerprint(),
      option("snapshot_every", &O::snapshot_every,
             "interval at which the model is kept as snapshots/STEP.safetensors, and at the end: "
             "teachers[].snapshots learns from them; 0: never")
          .within({0, 1e9})
          .unit("steps")
          .in_fingerprint_if([](const O& o) { return o.snapshot_every > 0; }),
      option("save_dtype", &O::save_dtype,
             "of matrices and convolutions in model.safetensors; training goes on in fp32")
          .among({Precision::kFp32, Precision::kBf16, Precision::kHalf})
          .not_in_fingerprint(),
      subsection("checkpoint", &O::checkpoint, checkpoint_table()).not_in_fingerprint(),
      option("max_minutes", &O::max_minutes, "training ends after this time; 0: no limit")
          .within({0, 1e6})
          .unit("min")
          .not_in_fingerprint(),
  };
  return table;
}

const OptionTable<SamplerOptions>& sampler_table() {
  using O = SamplerOptions;
  static const OptionTable<O> table = {
      option("kind", &O::kind, "which subnets are trained in each step"),
      option("subnet", &O::subnet, "the one that kind: subnet trains alone: a name or a key")
          .in_fingerprint_if([](const O& o) { return o.kind == SamplerKind::kSubnet; })
          .require([](const O& o) { return (o.kind == SamplerKind::kSubnet) != o.subnet.empty(); },
                   "expected with kind: subnet, and with no other"),
      option("random", &O::random,
             "randomly drawn subnets per step in addition to the largest and the smallest; "
             "sandwich and pareto")
          .within({0, 64}),
      option("in_place", &O::in_place,
             "in-place distillation: smaller subnets regress the largest one's output instead of "
             "the teacher's")
          .require(
              [](const O& o) {
                return !o.in_place || o.kind == SamplerKind::kSandwich ||
                       o.kind == SamplerKind::kPareto;
              },
              "expected kind: sandwich or pareto with it: the target is the largest subnet's "
              "output"),
      option("in_place_weight", &O::in_place_weight,
             "of the largest subnet's output in the targets of the smaller ones; the rest is the "
             "teacher's")
          .within({0.001, 1})
          .in_fingerprint_if([](const O& o) { return o.in_place && o.in_place_weight != 1; }),
      option("largest_every", &O::largest_every,
             "the largest subnet is trained every this many steps: beside the others with sandwich "
             "and pareto, alone with alternating")
          .within({1, 10000})
          .in_fingerprint_if([](const O& o) { return o.largest_every > 1; })
          .require(
              [](const O& o) {
                return o.largest_every == 1 ||
                       (!o.in_place &&
                        (o.kind == SamplerKind::kSandwich || o.kind == SamplerKind::kPareto ||
                         o.kind == SamplerKind::kAlternating));
              },
              "expected 1 with in_place, and with kinds other than sandwich, pareto and "
              "alternating")
          .require(
              [](const O& o) { return o.kind != SamplerKind::kAlternating || o.largest_every > 1; },
              "expected at least 2 with kind: alternating"),
      option("candidates", &O::candidates,
             "subnets drawn per bin of MACs, of which pareto keeps the largest")
          .within({1, 10000})
          .in_fingerprint_if([](const O& o) { return o.kind == SamplerKind::kPareto; }),
      option("progressive", &O::progressive,
             "progressive shrinking: share of the steps until all of the space is sampled; 0: off")
          .within(kShareBounds)
          .in_fingerprint_if([](const O& o) { return o.progressive > 0; }),
  };
  return table;
}

}  // namespace concertina
