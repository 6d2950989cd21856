// Prunable units, of which slicing keeps the first: groups of channels, heads or FFN neurons that
// can be permuted without changing what the full network computes. The importance sort moves the
// most important units to the positions that slicing keeps most often.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "supernet/space/search_space.h"
#include "supernet/space/tensor_table.h"

namespace concertina {

enum class UnitKind {
  kConv,   // channels of one conv layer of the waveform front end
  kStem,   // channels between Whisper's convolutions, as many as embedding channels
  kRate,   // channels inside the rate unit, as many as the front end gives (waveform only)
  kEmbed,  // embedding channels, shared by all layers
  kHeads,  // heads of one layer
  kFfn     // FFN neurons of one layer
};

struct UnitGroup {
  UnitKind kind = UnitKind::kEmbed;
  int32_t index = 0;  // conv layer or encoder layer
  auto operator<=>(const UnitGroup&) const = default;
};
std::string name_of(const UnitGroup& group);  // "conv2", "rate", "embed", "layer3.heads"

// One dimension of one tensor that runs over the units of a group.
struct UnitAxis {
  int64_t dim = 0;
  UnitGroup group;
  bool reads = false;         // the units are inputs of the tensor
  bool within_group = false;  // the positional conv's inputs: positions in the row's conv group
};

// True for units that are not permuted, since other tensors depend on their positions: heads under
// a position bias shared by all layers (WavLM) or with reused attention maps (ARMHuBERT), and the
// embedding channels that WavLM's gate reads head by head.
bool is_tied(const Blueprint& blueprint, UnitKind kind);

// The axes of a tensor by its name (tensor_table.h); none for what no slice shortens. InputError
// for a tensor that is not in the table: sorting without it would break the model.
std::vector<UnitAxis> unit_axes(const Blueprint& blueprint, const std::string& tensor);

// Every group of a storage with its number of units, in the order of the forward pass.
struct UnitCount {
  UnitGroup group;
  int64_t units = 0;
};
std::vector<UnitCount> unit_groups(const Blueprint& blueprint, const Storage& storage);

// The positions of a group, those that most choices of the space keep first; ties by number. Under
// the prefix rule that is 0, 1, 2, ...; under LightHuBERT's rule FFN positions are sorted by how
// many pairs of width and ratio keep them.
std::vector<int64_t> positions_by_use(const SearchSpace& space, const UnitCount& group);

// Embedding channel -> its group in the positional conv and its position there; and back.
struct ConvPosition {
  int64_t group = 0, position = 0;
};
ConvPosition conv_position(const PositionalConv& conv, int64_t embed_dim, int64_t channel);
int64_t channel_at(const PositionalConv& conv, int64_t embed_dim, const ConvPosition& at);

}  // namespace concertina
