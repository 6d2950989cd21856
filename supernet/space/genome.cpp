#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/errors.h"
#include "supernet/space/search_space.h"
#include "supernet/space/space_checks.h"

namespace concertina {
namespace {

constexpr size_t kChannels = 0, kEmbed = 1, kPeriod = 2, kDepth = 3, kGlobalGenes = 4;
constexpr size_t kHeads = 0, kFfn = 1, kWindow = 2, kLayerGenes = 3;

size_t layer_start(int32_t layer) {
  return kGlobalGenes + kLayerGenes * static_cast<size_t>(layer);
}

template <class T>
int32_t index_of(const std::vector<T>& values, const T& value) {
  return static_cast<int32_t>(std::ranges::find(values, value) - values.begin());
}

}  // namespace

int64_t SearchSpace::genome_length() const {
  return single_ ? 0 : static_cast<int64_t>(layer_start(choices_.storage_depth));
}

std::vector<int32_t> SearchSpace::gene_cardinalities() const {
  if (single_) return {};
  const auto count = [](const auto& values) {
    return std::max(1, static_cast<int32_t>(values.size()));
  };
  std::vector<int32_t> counts = {count(choices_.conv_channels), count(choices_.embed_dim),
                                 count(choices_.frame_period_us), count(choices_.depth)};
  for (int32_t layer = 0; layer < choices_.storage_depth; ++layer) {
    counts.insert(counts.end(),
                  {count(choices_.heads), count(choices_.ffn_ratio), count(choices_.window)});
  }
  return counts;
}

std::vector<std::string> SearchSpace::gene_names() const {
  if (single_) return {};
  std::vector<std::string> names = {"conv_channels", "embed_dim", "frame_period", "depth"};
  for (int32_t layer = 0; layer < choices_.storage_depth; ++layer) {
    for (const char* gene : {"heads", "ffn_ratio", "window"}) {
      names.push_back(fmt::format("layer{}.{}", layer, gene));
    }
  }
  return names;
}

Genome SearchSpace::encode(const Architecture& architecture) const {
  check_member(architecture);
  if (single_) return {};
  Genome genome(static_cast<size_t>(genome_length()), 0);
  if (!choices_.conv_channels.empty()) {
    genome[kChannels] = index_of(choices_.conv_channels, architecture.conv_channels());
  }
  genome[kEmbed] = index_of(choices_.embed_dim, architecture.embed_dim());
  genome[kPeriod] = index_of(choices_.frame_period_us, architecture.frame_period_us());
  genome[kDepth] = index_of(choices_.depth, architecture.depth());
  for (const LayerShape& layer : architecture.layers()) {
    const std::span<int32_t> genes =
        std::span(genome).subspan(layer_start(layer.index), kLayerGenes);
    genes[kHeads] = index_of(choices_.heads, layer.heads);
    // Two ratios may round to one width: the first stands for both.
    const auto ratio = std::ranges::find(choices_.ffn_ratio, layer.ffn_dim, [&](double each) {
      return ffn_dim_of(each, architecture.embed_dim());
    });
    genes[kFfn] = static_cast<int32_t>(ratio - choices_.ffn_ratio.begin());
    if (layer.heads > 0) genes[kWindow] = index_of(choices_.window, layer.window);
  }
  return genome;
}

Architecture SearchSpace::decode(const Genome& genome) const {
  const std::vector<int32_t> counts = gene_cardinalities();
  if (genome.size() != counts.size()) {
    throw InputError(
        fmt::format("a genome of this space has {} genes, not {}", counts.size(), genome.size()));
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (genome[i] < 0 || genome[i] >= counts[i]) {
      throw InputError(fmt::format("gene {} ({}) is {}: expected 0 to {}", i, gene_names()[i],
                                   genome[i], counts[i] - 1));
    }
  }
  if (single_) return *single_;
  const auto value = [&](const auto& values, size_t gene) {
    return values[static_cast<size_t>(genome[gene])];
  };
  std::vector<int32_t> channels;
  if (!choices_.conv_channels.empty()) channels = value(choices_.conv_channels, kChannels);
  const int32_t embed = value(choices_.embed_dim, kEmbed);
  std::vector<LayerShape> layers;
  for (int32_t index : kept_layers(value(choices_.depth, kDepth))) {
    const size_t start = layer_start(index);
    layers.push_back({index, value(choices_.heads, start + kHeads),
                      ffn_dim_of(value(choices_.ffn_ratio, start + kFfn), embed),
                      value(choices_.window, start + kWindow)});
  }
  return Architecture(channels, embed, value(choices_.frame_period_us, kPeriod), layers);
}

Genome SearchSpace::canonical(const Genome& genome) const { return encode(decode(genome)); }

Genome SearchSpace::random_genome(Rng& rng) const {
  const std::vector<int32_t> counts = gene_cardinalities();
  Genome genome(counts.size(), 0);
  if (single_) return genome;
  const auto draw = [&](size_t gene) {
    genome[gene] = static_cast<int32_t>(rng.below(counts[gene]));
  };
  for (size_t gene : {kDepth, kChannels, kEmbed, kPeriod}) draw(gene);
  const std::vector<bool> kept = kept_mask(genome);
  for (size_t gene = kGlobalGenes; gene < genome.size(); ++gene) {
    if (kept[(gene - kGlobalGenes) / kLayerGenes]) draw(gene);
  }
  return genome;
}

Architecture SearchSpace::sample(Rng& rng) const { return decode(random_genome(rng)); }

std::vector<bool> SearchSpace::kept_mask(const Genome& genome) const {
  std::vector<bool> kept(static_cast<size_t>(choices_.storage_depth), false);
  for (int32_t layer : kept_layers(choices_.depth[static_cast<size_t>(genome[kDepth])])) {
    kept[static_cast<size_t>(layer)] = true;
  }
  return kept;
}

Genome SearchSpace::mutate(const Genome& genome, double probability_per_gene, Rng& rng) const {
  if (single_) return genome;
  const std::vector<int32_t> counts = gene_cardinalities();
  Genome child = genome;
  const auto change = [&](size_t gene) {
    if (counts[gene] < 2 || !rng.chance(probability_per_gene)) return;
    const auto other = static_cast<int32_t>(rng.below(counts[gene] - 1));
    child[gene] = other + (other >= child[gene] ? 1 : 0);
  };
  for (size_t gene = 0; gene < kGlobalGenes; ++gene) change(gene);
  const std::vector<bool> before = kept_mask(genome), after = kept_mask(child);
  for (size_t gene = kGlobalGenes; gene < child.size(); ++gene) {
    const size_t layer = (gene - kGlobalGenes) / kLayerGenes;
    if (!after[layer]) continue;
    if (before[layer]) {
      change(gene);
    } else {
      child[gene] = static_cast<int32_t>(rng.below(counts[gene]));
    }
  }
  return canonical(child);
}

Genome SearchSpace::cross(const Genome& a, const Genome& b, Rng& rng) const {
  if (single_) return a;
  CONCERTINA_ASSERT(a.size() == b.size());
  Genome child = a;
  for (size_t gene = 0; gene < kGlobalGenes; ++gene) {
    if (rng.chance(0.5)) child[gene] = b[gene];
  }
  const std::vector<bool> in_a = kept_mask(a), in_b = kept_mask(b);
  for (size_t gene = kGlobalGenes; gene < child.size(); ++gene) {
    const size_t layer = (gene - kGlobalGenes) / kLayerGenes;
    // A layer that one parent lacks comes from the other.
    const bool from_b = in_a[layer] && in_b[layer] ? rng.chance(0.5) : in_b[layer];
    if (from_b) child[gene] = b[gene];
  }
  return canonical(child);
}

}  // namespace concertina
