#include "distill/train/tensorboard.h"

#include <fmt/format.h>

#include <vector>

#include "distill/train/metrics_file.h"

namespace concertina {

TensorBoard::TensorBoard(const std::filesystem::path& folder)
    : events_(folder / "events.out.tfevents.0.concertina") {}

void TensorBoard::on_start(const StartReport& start) {
  interval_ = recording_interval(start.steps);
  events_.resume_after(start.step);
}

void TensorBoard::on_step(const StepReport& report) {
  if (report.skipped || (report.step % interval_ != 0 && report.step != report.steps)) return;
  std::vector<Scalar> scalars = {{"train/loss", report.loss.total},
                                 {"train/lr", report.lr},
                                 {"train/grad_norm", report.grad_norm},
                                 {"train/audio_s_per_s", report.audio_s_per_s}};
  for (const auto& [name, value] : report.loss.terms) scalars.push_back({"terms/" + name, value});
  events_.add(report.step, scalars);
}

void TensorBoard::on_validation(const ValidationReport& report) {
  std::vector<Scalar> scalars;
  for (const auto& [name, loss] : report.sizes) {
    scalars.push_back({"validation/" + name, loss.total});
  }
  for (const auto& [name, loss] : report.other_sizes) {
    scalars.push_back({fmt::format("validation_{}/{}", report.other_weights, name), loss.total});
  }
  events_.add(report.step, scalars);
}

}  // namespace concertina
