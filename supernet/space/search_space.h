// All architectures one supernet offers: choices per gene, a depth policy, exact size, sampling, genomes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/rng.h"
#include "supernet/space/architecture.h"
#include "supernet/space/blueprint.h"
#include "supernet/space/slicing.h"

namespace concertina {

enum class DepthPolicy { kLightHubert, kTop, kBottom, kAlternate, kSymmetric, kExplicit };

// One integer per gene, an index into that gene's choices. Genes of dropped layers are 0, so equal nets have equal
// genomes. Layout: [channels][embed_dim][frame_period][depth] then per storage layer [heads][ffn][window].
using Genome = std::vector<int32_t>;

class SearchSpace {
 public:
  struct Choices {
    std::vector<std::vector<int32_t>> conv_channels;  // each a full list, one per conv layer; empty: mel
    std::vector<int32_t> embed_dim;
    std::vector<int32_t> frame_period_us;
    std::vector<int32_t> heads;            // per layer
    std::vector<double> ffn_ratio;         // per layer; ffn_dim = int(ratio * embed_dim)
    std::vector<int32_t> window = {0};     // per layer
    int32_t storage_depth = 12;
    std::vector<int32_t> depth;            // how many layers are kept
    DepthPolicy policy = DepthPolicy::kTop;
    std::vector<std::vector<int32_t>> explicit_sets;  // kept layers for each depth, for kExplicit
  };
  struct Default { int32_t conv_channels = 0, embed_dim = 0, heads = 0, depth = 0, frame_period_us = 0; double ffn_ratio = 0; };

  SearchSpace() = default;
  SearchSpace(Blueprint blueprint, Choices choices, Default default_ = {}, SlicingRule rule = SlicingRule::kPrefix);
  static SearchSpace single(const Blueprint& blueprint, const Storage& storage);  // one member: a teacher, an extract
  static SearchSpace load(const std::filesystem::path& path);                     // space YAML; names its blueprint
  static SearchSpace from_config(ConfigSection section, const ConfigFile& file);
  std::string to_json() const;
  static SearchSpace from_json(std::string_view json);

  const Blueprint& blueprint() const { return blueprint_; }
  const Choices& choices() const { return choices_; }
  Storage storage() const;               // largest() and the slicing rule

  std::string size() const;              // exact count of distinct architectures, decimal digits
  Architecture smallest() const;
  Architecture largest() const;
  Architecture default_architecture() const;
  Architecture sample(Rng& rng) const;   // uniform per choice, depth first (not uniform over architectures)
  bool contains(const Architecture& architecture) const;
  std::vector<int32_t> kept_layers(int32_t depth) const;  // ascending

  int64_t genome_length() const;
  std::vector<int32_t> gene_cardinalities() const;         // choices of each gene
  std::vector<std::string> gene_names() const;             // "embed_dim", "layer3.heads", ...
  Genome encode(const Architecture& architecture) const;   // InputError when not a member
  Architecture decode(const Genome& genome) const;
  Genome canonical(Genome genome) const;                   // zeroes the genes of dropped layers
  Genome mutate(const Genome& genome, double probability_per_gene, Rng& rng) const;
  Genome cross(const Genome& a, const Genome& b, Rng& rng) const;  // uniform crossover

  // "smallest" | "largest" | "default" | a key | "@file.json" | LightHuBERT's dict; InputError otherwise, naming the
  // nearest. An architecture that the storage covers is accepted even when it is not on the listed grid.
  Architecture resolve(const std::string& text) const;

 private:
  Blueprint blueprint_;
  Choices choices_;
  Default default_;
  SlicingRule rule_ = SlicingRule::kPrefix;
  std::optional<Architecture> single_;
};

// The layers kept when `depth` of `total` are, by policy. Sets: architecture notes in docs/formats.md; Sajjad et al.
// 2020 for top, bottom, alternate and symmetric; LightHuBERT's own for 12 layers.
std::vector<int32_t> kept_layers(DepthPolicy policy, int32_t total, int32_t depth);

}  // namespace concertina
