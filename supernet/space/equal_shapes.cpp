#include "supernet/space/equal_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>

#include "core/errors.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

// A depth, a width and the heads of all layers; what is left is the FFN width of each layer. At step s all layers
// have FFN choice s / depth, and the first s % depth of them the next one.
struct Frame {
  std::vector<int32_t> layers;  // kept
  int32_t embed_dim = 0, heads = 0;
  std::vector<std::optional<int64_t>> params;  // by step; nothing where a layer would be empty
};

class Shapes {
 public:
  explicit Shapes(const SearchSpace& space)
      : space_(space), default_(space.default_architecture()) {
    const SpaceChoices& choices = space.choices();
    for (const int32_t depth : choices.depth) {
      for (const int32_t embed : choices.embed_dim) {
        std::vector<Frame>& frames = frames_.emplace_back();
        for (const int32_t heads : choices.heads) {
          Frame& frame = frames.emplace_back(Frame{kept_layers(choices, depth), embed, heads, {}});
          const size_t steps = frame.layers.size() * (choices.ffn_ratio.size() - 1) + 1;
          for (size_t step = 0; step < steps; ++step)
            frame.params.push_back(params_of(frame, step));
        }
      }
    }
  }

  // Frames of one depth and width each.
  const std::vector<std::vector<Frame>>& all() const { return frames_; }

  std::optional<EqualShape> closest(const std::vector<Frame>& frames, int64_t params) const {
    const Frame* best = nullptr;
    size_t best_step = 0;
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const Frame& frame : frames) {
      for (size_t step = 0; step < frame.params.size(); ++step) {
        if (!frame.params[step]) continue;
        const int64_t off = std::llabs(*frame.params[step] - params);
        if (off >= least) continue;
        least = off;
        best = &frame;
        best_step = step;
      }
    }
    if (best == nullptr) return std::nullopt;
    return EqualShape{*at(*best, best_step), *best->params[best_step]};
  }

 private:
  std::optional<Architecture> at(const Frame& frame, size_t step) const {
    const std::vector<double>& ratios = space_.choices().ffn_ratio;
    const size_t depth = frame.layers.size();
    const LayerShape attends = last_attention();
    std::vector<LayerShape> layers;
    for (size_t i = 0; i < depth; ++i) {
      const size_t choice = step / depth + (i < step % depth ? 1 : 0);
      const int32_t ffn = ffn_dim_of(ratios[choice], frame.embed_dim);
      if (frame.heads == 0 && ffn == 0) return std::nullopt;
      layers.push_back({frame.layers[i], frame.heads, ffn, attends.window, attends.attention});
    }
    return Architecture(default_.conv_channels(), frame.embed_dim, default_.frame_period_us(),
                        std::move(layers));
  }
  std::optional<int64_t> params_of(const Frame& frame, size_t step) const {
    const std::optional<Architecture> shape = at(frame, step);
    if (!shape) return std::nullopt;
    return cost_of(space_.blueprint(), *shape, 0).params;
  }
  LayerShape last_attention() const {  // the default's last layer with attention
    LayerShape last;
    for (const LayerShape& layer : default_.layers()) {
      if (layer.heads > 0) last = layer;
    }
    return last;
  }

  const SearchSpace& space_;
  Architecture default_;
  std::vector<std::vector<Frame>> frames_;
};

double slenderness(const EqualShape& shape) {
  return static_cast<double>(shape.architecture.depth()) / shape.architecture.embed_dim();
}

std::vector<EqualShape> within(const Shapes& shapes, int64_t params, double tolerance) {
  std::vector<EqualShape> found;
  for (const std::vector<Frame>& frames : shapes.all()) {
    const auto shape = shapes.closest(frames, params);
    if (!shape) continue;
    const double off = std::abs(static_cast<double>(shape->params - params));
    if (off <= tolerance * static_cast<double>(params)) found.push_back(*shape);
  }
  std::ranges::stable_sort(found, {}, slenderness);
  return found;
}

size_t count_within(const Shapes& shapes, int64_t params, double tolerance) {
  const auto fits = [&](const Frame& frame) {
    return std::ranges::any_of(frame.params, [&](const std::optional<int64_t>& own) {
      return own && static_cast<double>(std::llabs(*own - params)) <=
                        tolerance * static_cast<double>(params);
    });
  };
  return static_cast<size_t>(std::ranges::count_if(
      shapes.all(),
      [&](const std::vector<Frame>& frames) { return std::ranges::any_of(frames, fits); }));
}

// Among the parameters of all shapes; of equal counts, the closest to the default's.
int64_t most_shared_params(const SearchSpace& space, const Shapes& shapes, double tolerance) {
  std::set<int64_t> candidates;
  for (const std::vector<Frame>& frames : shapes.all()) {
    for (const Frame& frame : frames) {
      for (const std::optional<int64_t>& params : frame.params) {
        if (params) candidates.insert(*params);
      }
    }
  }
  const int64_t usual = cost_of(space.blueprint(), space.default_architecture(), 0).params;
  int64_t best = usual;
  size_t most = 0;
  for (const int64_t params : candidates) {
    const size_t count = count_within(shapes, params, tolerance);
    const bool closer = std::llabs(params - usual) < std::llabs(best - usual);
    if (count < most || (count == most && !closer)) continue;
    most = count;
    best = params;
  }
  return best;
}

}  // namespace

std::vector<EqualShape> equal_shapes(const SearchSpace& space, const EqualShapesOptions& options) {
  if (space.only_member())
    throw InputError("the space has one member: expected that of a supernet");
  const Shapes shapes(space);
  const int64_t params =
      options.params > 0 ? options.params : most_shared_params(space, shapes, options.tolerance);
  std::vector<EqualShape> found = within(shapes, params, options.tolerance);
  if (found.size() < 2) {
    const int64_t better = most_shared_params(space, shapes, options.tolerance);
    throw InputError(fmt::format(
        "{} shapes of the space have {} parameters within +-{:g} %: {} have {}", found.size(),
        params, 100 * options.tolerance, count_within(shapes, better, options.tolerance), better));
  }
  const auto count = static_cast<size_t>(std::max<int64_t>(options.count, 2));
  if (found.size() <= count) return found;
  std::vector<EqualShape> spread;
  for (size_t i = 0; i < count; ++i) spread.push_back(found[i * (found.size() - 1) / (count - 1)]);
  return spread;
}

}  // namespace concertina
