#include "distill/train/train_state.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.h"

namespace concertina {
namespace {

std::vector<double> means_of(const nlohmann::json& json) {
  const auto found = json.find("mean_loss");
  if (found == json.end()) return {};
  return found->is_array() ? found->get<std::vector<double>>()
                           : std::vector<double>{found->get<double>()};
}

}  // namespace

std::string to_json(const TrainState& state) {
  return nlohmann::json{{"step", state.step},
                        {"audio_s", state.audio_s},
                        {"mean_loss", state.mean_loss},
                        {"skipped", state.skipped},
                        {"bad_in_a_row", state.skipped_in_a_row},
                        {"validated", state.validated},
                        {"best_step", state.best_step},
                        {"best_loss", state.best_loss},
                        {"best_crops", state.best_crops}}
      .dump();
}

TrainState parse_train_state(const std::string& text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    TrainState state;
    state.step = json.at("step").get<int64_t>();
    state.audio_s = json.at("audio_s").get<double>();
    state.mean_loss = means_of(json);
    state.skipped = json.at("skipped").get<int64_t>();
    state.skipped_in_a_row = json.at("bad_in_a_row").get<int64_t>();
    state.validated = json.value("validated", state.step);
    state.best_step = json.value("best_step", int64_t{0});
    state.best_loss = json.value("best_loss", 0.0);
    state.best_crops = json.value("best_crops", 0);
    return state;
  } catch (const nlohmann::json::exception&) {
    throw InputError("not the state of a training run");
  }
}

bool record_validation(TrainState& state, double loss, int32_t validation_crops) {
  state.validated = state.step;
  // Losses on other crops cannot be compared.
  if (state.best_crops != 0 && state.best_crops != validation_crops) state.best_step = 0;
  if (!std::isfinite(loss) || (state.best_step != 0 && loss >= state.best_loss)) return false;
  state.best_step = state.step;
  state.best_loss = loss;
  state.best_crops = validation_crops;
  return true;
}

}  // namespace concertina
