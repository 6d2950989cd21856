// All architectures one supernet offers: choices per gene, a depth policy, exact size, sampling,
// genomes.
//
//   SearchSpace space = SearchSpace::load("configs/spaces/pocket.yaml");
//   Architecture a = space.resolve("smallest");
//   space.decode(space.encode(a)) == a
//
// Immutable once made, so safe to read from many threads. A space file is described in
// docs/formats.md.
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

// One integer per gene, an index into that gene's choices. Genes of dropped layers are 0, so equal
// nets have equal genomes. Layout: [channels][embed_dim][frame_period][depth] then per layer of the
// supernet [heads][ffn][window]. The genome of a space with one member is empty.
using Genome = std::vector<int32_t>;

// SearchSpace sorts every list (widest last; windows with 0 = global last) and drops repeated
// values.
struct SpaceChoices {
  std::vector<std::vector<int32_t>>
      conv_channels;  // each a full list, one per conv layer; empty: mel
  std::vector<int32_t> embed_dim;
  std::vector<int32_t> frame_period_us;
  std::vector<int32_t> heads;         // per layer
  std::vector<double> ffn_ratio;      // per layer; ffn_dim = int(ratio * embed_dim)
  std::vector<int32_t> window = {0};  // per layer
  int32_t storage_depth = 12;
  std::vector<int32_t> depth;  // how many layers are kept
  DepthPolicy policy = DepthPolicy::kTop;
  std::vector<std::vector<int32_t>> explicit_sets;  // kept layers for each depth, for kExplicit
};

// One value for every gene; an unset one (empty, 0 or -1 as below) stands for the largest choice.
struct SpaceDefault {
  std::vector<int32_t> conv_channels;  // a full list
  int32_t embed_dim = 0, depth = 0, frame_period_us = 0, heads = -1, window = -1;
  double ffn_ratio = -1;
};

class SearchSpace {
 public:
  using Choices = SpaceChoices;
  using Default = SpaceDefault;

  SearchSpace() = default;
  // `storage`: the shape of the supernet's tensors when larger than the choices. InputError lists
  // all problems.
  SearchSpace(Blueprint blueprint, Choices choices, Default default_ = {},
              SlicingRule rule = SlicingRule::kPrefix,
              std::optional<Architecture> storage = std::nullopt);
  static SearchSpace single(const Blueprint& blueprint,
                            const Storage& storage);           // one member: a teacher, an extract
  static SearchSpace load(const std::filesystem::path& path);  // space YAML; names its blueprint
  // Problems go to the file: call file.finish() before the space is used.
  static SearchSpace from_config(ConfigSection section, const ConfigFile& file);
  std::string to_json() const;
  static SearchSpace from_json(std::string_view json);  // its blueprint is inside, never a path

  const Blueprint& blueprint() const { return blueprint_; }
  const Choices& choices() const { return choices_; }
  Storage storage()
      const;  // shape of the supernet's tensors (longest frame period) and slicing rule
  bool is_single() const { return single_.has_value(); }

  std::string size() const;  // exact count of distinct architectures, decimal digits
  Architecture smallest() const;
  Architecture largest() const;  // the largest member, at the shortest frame period
  Architecture whole() const;    // all that is stored, at the shortest frame period: largest() or
                                 // wider, where the storage is larger than every choice
  Architecture default_architecture() const;
  Architecture sample(
      Rng& rng) const;  // uniform per choice, depth first (not uniform over architectures)
  bool contains(const Architecture& architecture) const;
  std::vector<int32_t> kept_layers(int32_t depth) const;  // ascending

  int64_t genome_length() const;
  std::vector<int32_t> gene_cardinalities() const;        // choices of each gene
  std::vector<std::string> gene_names() const;            // "embed_dim", "layer3.heads", ...
  Genome encode(const Architecture& architecture) const;  // InputError when not a member
  Architecture decode(
      const Genome& genome) const;               // InputError when length or a gene is out of range
  Genome canonical(const Genome& genome) const;  // the one genome of its architecture
  // Changed genes take another value, uniformly; layers that come back with a greater depth are
  // drawn afresh.
  Genome mutate(const Genome& genome, double probability_per_gene, Rng& rng) const;
  Genome cross(const Genome& a, const Genome& b, Rng& rng) const;  // uniform crossover

  // "smallest" | "largest" | "default" | "whole" | a member's key | "@file.json" | LightHuBERT's
  // dict. InputError otherwise: names the first gene that is not in the space and the nearest
  // choice for it.
  Architecture resolve(const std::string& text) const;
  // The same, and also architectures that are no members as long as they can be cut from the
  // storage.
  Architecture resolve_covered(const std::string& text) const;
  void check_member(const Architecture& architecture) const;    // InputError as resolve()
  std::string describe_choices(const std::string& gene) const;  // "embed_dim has 96, 128, 192, 256"

 private:
  Architecture uniform(Default values) const;
  std::optional<Misfit> off_grid(const Architecture& architecture) const;
  std::optional<Misfit> layer_off_grid(const LayerShape& layer, int32_t embed) const;
  Misfit not_among(std::string value, const std::string& gene, const std::string& nearest) const;
  Genome random_genome(Rng& rng) const;
  std::vector<bool> kept_mask(const Genome& genome) const;  // per layer of the supernet
  Architecture from_lighthubert_dict(const std::string& json) const;
  Architecture resolve_file(const std::filesystem::path& path) const;
  std::optional<Architecture> named(const std::string& name) const;
  Architecture read_architecture(const std::string& text) const;

  Blueprint blueprint_;
  Choices choices_;
  Default default_;
  SlicingRule rule_ = SlicingRule::kPrefix;
  std::optional<Architecture> storage_;
  std::optional<Architecture> single_;
};

// The layers kept when `depth` of `total` are. top, bottom, symmetric, alternate: Sajjad et al.
// 2020 (what is dropped: the last, the first, the middle, every other from the top); lighthubert:
// its own sets for 12 layers. InputError.
std::vector<int32_t> kept_layers(DepthPolicy policy, int32_t total, int32_t depth);

}  // namespace concertina
