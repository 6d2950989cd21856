#include "supernet/space/genome.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/errors.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

constexpr size_t kChannels = 0, kEmbed = 1, kPeriod = 2, kDepth = 3, kGlobalGenes = 4;
constexpr size_t kHeads = 0, kFfn = 1, kWindow = 2, kAttention = 3;

template <class T>
int32_t index_of(const std::vector<T>& values, const T& value) {
  return static_cast<int32_t>(std::ranges::find(values, value) - values.begin());
}

}  // namespace

GenomeCodec::GenomeCodec(SearchSpace space)
    : space_(std::move(space)), layer_genes_(space_.choices().attention.size() > 1 ? 4 : 3) {
  if (space_.only_member()) return;
  const SpaceChoices& choices = space_.choices();
  const auto gene = [&](std::string name, const auto& values) {
    names_.push_back(std::move(name));
    cardinalities_.push_back(std::max(1, static_cast<int32_t>(values.size())));
  };
  gene("conv_channels", choices.conv_channels);
  gene("embed_dim", choices.embed_dim);
  gene("frame_period", choices.frame_period_us);
  gene("depth", choices.depth);
  for (int32_t layer = 0; layer < choices.storage_depth; ++layer) {
    gene(fmt::format("layer{}.heads", layer), choices.heads);
    gene(fmt::format("layer{}.ffn_ratio", layer), choices.ffn_ratio);
    gene(fmt::format("layer{}.window", layer), choices.window);
    if (layer_genes_ > kAttention) gene(fmt::format("layer{}.attention", layer), choices.attention);
  }
}

size_t GenomeCodec::layer_start(int32_t layer) const {
  return kGlobalGenes + layer_genes_ * static_cast<size_t>(layer);
}

Genome GenomeCodec::encode(const Architecture& architecture) const {
  check_fit(space_, architecture);
  if (space_.only_member()) return {};
  const SpaceChoices& choices = space_.choices();
  Genome genome(cardinalities_.size(), 0);
  if (!choices.conv_channels.empty()) {
    genome[kChannels] = index_of(choices.conv_channels, architecture.conv_channels());
  }
  genome[kEmbed] = index_of(choices.embed_dim, architecture.embed_dim());
  genome[kPeriod] = index_of(choices.frame_period_us, architecture.frame_period_us());
  genome[kDepth] = index_of(choices.depth, architecture.depth());
  for (const LayerShape& layer : architecture.layers()) {
    const std::span<int32_t> genes =
        std::span(genome).subspan(layer_start(layer.index), layer_genes_);
    genes[kHeads] = index_of(choices.heads, layer.heads);
    // Two ratios may round to one width: the first stands for both.
    const auto ratio = std::ranges::find(choices.ffn_ratio, layer.ffn_dim, [&](double each) {
      return ffn_dim_of(each, architecture.embed_dim());
    });
    genes[kFfn] = static_cast<int32_t>(ratio - choices.ffn_ratio.begin());
    if (layer.heads == 0) continue;
    if (!layer.is_linear()) genes[kWindow] = index_of(choices.window, layer.window);
    if (layer_genes_ > kAttention) genes[kAttention] = index_of(choices.attention, layer.attention);
  }
  return genome;
}

void GenomeCodec::check(const Genome& genome) const {
  if (genome.size() != cardinalities_.size()) {
    throw InputError(fmt::format("a genome of this space has {} genes, not {}",
                                 cardinalities_.size(), genome.size()));
  }
  for (size_t i = 0; i < genome.size(); ++i) {
    if (genome[i] < 0 || genome[i] >= cardinalities_[i]) {
      throw InputError(fmt::format("gene {} ({}) is {}: expected 0 to {}", i, names_[i], genome[i],
                                   cardinalities_[i] - 1));
    }
  }
}

Architecture GenomeCodec::decode(const Genome& genome) const {
  check(genome);
  if (space_.only_member()) return *space_.only_member();
  const SpaceChoices& choices = space_.choices();
  const auto value = [&](const auto& values, size_t gene) {
    return values[static_cast<size_t>(genome[gene])];
  };
  std::vector<int32_t> channels;
  if (!choices.conv_channels.empty()) channels = value(choices.conv_channels, kChannels);
  const int32_t embed = value(choices.embed_dim, kEmbed);
  std::vector<LayerShape> layers;
  for (int32_t index : kept_layers(choices, value(choices.depth, kDepth))) {
    const size_t start = layer_start(index);
    layers.push_back({index, value(choices.heads, start + kHeads),
                      ffn_dim_of(value(choices.ffn_ratio, start + kFfn), embed),
                      value(choices.window, start + kWindow),
                      layer_genes_ > kAttention ? value(choices.attention, start + kAttention)
                                                : choices.attention.front()});
  }
  return Architecture(channels, embed, value(choices.frame_period_us, kPeriod), layers);
}

Genome GenomeCodec::canonical(const Genome& genome) const { return encode(decode(genome)); }

std::vector<bool> GenomeCodec::kept_mask(const Genome& genome) const {
  const SpaceChoices& choices = space_.choices();
  std::vector<bool> kept(static_cast<size_t>(choices.storage_depth), false);
  for (int32_t layer : kept_layers(choices, choices.depth[static_cast<size_t>(genome[kDepth])])) {
    kept[static_cast<size_t>(layer)] = true;
  }
  return kept;
}

Genome GenomeCodec::mutate(const Genome& genome, double probability_per_gene, Rng& rng) const {
  if (space_.only_member()) return genome;
  Genome child = genome;
  const auto change = [&](size_t gene) {
    if (cardinalities_[gene] < 2 || !rng.chance(probability_per_gene)) return;
    const auto other = static_cast<int32_t>(rng.below(cardinalities_[gene] - 1));
    child[gene] = other + (other >= child[gene] ? 1 : 0);
  };
  for (size_t gene = 0; gene < kGlobalGenes; ++gene) change(gene);
  const std::vector<bool> before = kept_mask(genome), after = kept_mask(child);
  for (size_t gene = kGlobalGenes; gene < child.size(); ++gene) {
    const size_t layer = (gene - kGlobalGenes) / layer_genes_;
    if (!after[layer]) continue;
    if (before[layer]) {
      change(gene);
    } else {
      child[gene] = static_cast<int32_t>(rng.below(cardinalities_[gene]));
    }
  }
  return canonical(child);
}

Genome GenomeCodec::cross(const Genome& a, const Genome& b, Rng& rng) const {
  if (space_.only_member()) return a;
  CONCERTINA_ASSERT(a.size() == b.size());
  Genome child = a;
  for (size_t gene = 0; gene < kGlobalGenes; ++gene) {
    if (rng.chance(0.5)) child[gene] = b[gene];
  }
  const std::vector<bool> in_a = kept_mask(a), in_b = kept_mask(b);
  for (size_t gene = kGlobalGenes; gene < child.size(); ++gene) {
    const size_t layer = (gene - kGlobalGenes) / layer_genes_;
    // A layer that one parent lacks comes from the other.
    const bool from_b = in_a[layer] && in_b[layer] ? rng.chance(0.5) : in_b[layer];
    if (from_b) child[gene] = b[gene];
  }
  return canonical(child);
}

}  // namespace concertina
