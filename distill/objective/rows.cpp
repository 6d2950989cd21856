#include "distill/objective/rows.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/objective/visible_rows.h"
#include "supernet/model/unit_head.h"
#include "supernet/model/visible_input.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

enum class TeacherFrames { kAll, kVisible };

void check_layer(const Row& row, int32_t depth) {
  const int32_t first = row.kind == RowKind::kHidden ? 0 : 1;
  if (row.layer >= first && row.layer <= depth) return;
  throw InputError(fmt::format("the objective needs {} of a teacher with layers {} to {}",
                               name_of(row), first, depth));
}

WantedOutputs wants_of(const std::vector<Row>& rows, int32_t depth) {
  WantedOutputs wants;
  wants.last_layer = 0;
  for (const Row& row : rows) {
    check_layer(row, depth);
    wants.last_layer =
        std::max(wants.last_layer, row.kind == RowKind::kLayerMean ? depth : row.layer);
    switch (row.kind) {
      case RowKind::kHidden:
      case RowKind::kLogits:
        wants.hidden.push_back(row.layer);
        break;
      case RowKind::kFfn:
        wants.ffn_results.push_back(row.layer);
        break;
      case RowKind::kQuery:
        wants.queries.push_back(row.layer);
        break;
      case RowKind::kKey:
        wants.keys.push_back(row.layer);
        break;
      case RowKind::kValue:
        wants.values.push_back(row.layer);
        break;
      case RowKind::kLayerMean:
        for (int32_t i = depth - row.layer + 1; i <= depth; ++i) wants.ffn_results.push_back(i);
        break;
    }
  }
  return wants;
}

const std::vector<at::Tensor>& outputs_of(RowKind kind, const EncoderOutput& output) {
  switch (kind) {
    case RowKind::kHidden:
    case RowKind::kLogits:
      return output.hidden;
    case RowKind::kQuery:
      return output.queries;
    case RowKind::kKey:
      return output.keys;
    case RowKind::kValue:
      return output.values;
    case RowKind::kFfn:
    case RowKind::kLayerMean:
      break;
  }
  return output.ffn_results;
}

at::Tensor layer_row(const Row& row, int32_t layer, const Subnet& teacher,
                     const EncoderOutput& output, const at::Tensor& valid) {
  const at::Tensor& result = outputs_of(row.kind, output)[static_cast<size_t>(layer)];
  if (!result.defined()) {
    throw InputError(fmt::format("the objective needs {}, which the teacher's layer {} lacks",
                                 name_of(row), layer));
  }
  const bool logits = row.kind == RowKind::kLogits;
  if (logits && unit_count(teacher.tensors) == 0) {
    throw InputError(fmt::format("the objective needs {}, but the teacher's file has no unit head",
                                 name_of(row)));
  }
  const at::Tensor own = logits ? unit_logits(teacher.tensors, result) : result.to(at::kFloat);
  const at::Tensor x = to_base_frames(output.frames, own);
  return row.instance_norm ? instance_norm_over_time(x, valid) : x;
}

// data2vec's target.
at::Tensor layer_mean(const Row& row, const Subnet& teacher, const EncoderOutput& output,
                      const at::Tensor& valid) {
  const auto depth = static_cast<int32_t>(output.ffn_results.size()) - 1;
  at::Tensor sum;
  for (int32_t i = depth - row.layer + 1; i <= depth; ++i) {
    const at::Tensor x = layer_row(row, i, teacher, output, valid);
    sum = sum.defined() ? sum + x : x;
  }
  return sum / static_cast<double>(row.layer);
}

// x [B, T, D] at frames t + shift, which begin with frame 0 repeated where those are before it.
at::Tensor shifted(const at::Tensor& x, int64_t shift) {
  if (shift == 0) return x;
  const int64_t from = std::max<int64_t>(0, shift), length = x.size(1);
  if (from > 0) return x.narrow(1, std::min(from, length), std::max<int64_t>(0, length - from));
  const at::Tensor first = x.narrow(1, 0, 1).expand({x.size(0), -shift, x.size(2)});
  return at::cat({first, x}, 1);
}

// A batch whose mask is that of the teacher's frames: a frame is masked where the student's that is
// nearest in time is. A teacher's first or last frame may have none, and is seen.
SpeechBatch masked_for(const Subnet& teacher, const Blueprint& student, SpeechBatch batch) {
  const int64_t shift = frame_shift(student, teacher.blueprint);
  const int64_t frames = teacher.blueprint.frames(batch.waveform.size(1));
  if (!batch.mask.defined() || (shift == 0 && frames <= batch.mask.size(1))) return batch;
  const int64_t to = std::max<int64_t>(0, shift), from = std::max<int64_t>(0, -shift);
  const int64_t count = std::min(frames - to, batch.mask.size(1) - from);
  at::Tensor mask = at::zeros({batch.mask.size(0), frames}, batch.mask.options());
  if (count > 0) mask.narrow(1, to, count).copy_(batch.mask.narrow(1, from, count));
  batch.mask = mask;
  batch.visible.reset();  // a plan for the student's frames
  return batch;
}

void add_pass(const std::vector<Row>& rows, const Subnet& teacher, const Blueprint& student,
              const SpeechBatch& batch, TeacherFrames frames, Rows& result) {
  const WantedOutputs wants = wants_of(rows, teacher.architecture.depth());
  Frames input = encoder_input(teacher, batch, wants);
  if (frames == TeacherFrames::kVisible) input = drop_masked(std::move(input), batch.mask);
  const EncoderOutput output = encode_from(teacher, std::move(input), wants);
  const at::Tensor valid = base_valid(output.frames);
  for (const Row& row : rows) {
    const at::Tensor x = row.kind == RowKind::kLayerMean
                             ? layer_mean(row, teacher, output, valid)
                             : layer_row(row, row.layer, teacher, output, valid);
    result[name_of(row)] = shifted(x, frame_shift(student, teacher.blueprint));
  }
}

Rows rows_of(const std::vector<Row>& rows, std::span<const Subnet> teachers,
             const Blueprint& student, const SpeechBatch& batch, TeacherFrames frames) {
  at::NoGradGuard no_grad;
  Rows result;
  for (size_t i = 0; i < teachers.size(); ++i) {
    for (const bool masked : {false, true}) {
      std::vector<Row> pass;
      for (const Row& row : rows) {
        if (row.teacher == static_cast<int32_t>(i) && row.masked == masked) pass.push_back(row);
      }
      if (pass.empty()) continue;
      SpeechBatch input = masked_for(teachers[i], student, batch);
      if (!masked && frames == TeacherFrames::kAll && batch.mask.defined()) {
        input.mask.reset();
        input.visible.reset();  // a plan for the mask
      }
      add_pass(pass, teachers[i], student, input, frames, result);
    }
  }
  for (const Row& row : rows) {
    if (result.contains(name_of(row))) continue;
    throw InputError(
        fmt::format("the objective needs {} of {} teachers", name_of(row), teachers.size()));
  }
  return result;
}

}  // namespace

std::string name_of(const Row& row) {
  return fmt::format("{}/{}:{}{}{}", row.teacher, enum_name(row.kind), row.layer,
                     row.instance_norm ? ":inorm" : "", row.masked ? ":masked" : "");
}

std::string hidden_name(int32_t layer) {
  return name_of({.kind = RowKind::kHidden, .layer = layer});
}

Rows teacher_rows(const std::vector<Row>& rows, std::span<const Subnet> teachers,
                  const Blueprint& student, const SpeechBatch& batch) {
  return rows_of(rows, teachers, student, batch, TeacherFrames::kAll);
}

Rows visible_teacher_rows(const std::vector<Row>& rows, std::span<const Subnet> teachers,
                          const Blueprint& student, const SpeechBatch& batch) {
  return rows_of(rows, teachers, student, batch, TeacherFrames::kVisible);
}

at::Tensor instance_norm_over_time(const at::Tensor& x, const at::Tensor& valid) {
  const at::Tensor weight = valid.unsqueeze(2).to(x.scalar_type());
  const at::Tensor count = weight.sum(1, true).clamp_min(1);
  const at::Tensor centred = x - (x * weight).sum(1, true) / count;
  const at::Tensor variance = (centred.square() * weight).sum(1, true) / count;
  return centred * (variance + 1e-5).rsqrt();
}

}  // namespace concertina
