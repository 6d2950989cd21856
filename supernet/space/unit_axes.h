// What slicing keeps the first of, as groups of units - channels, heads, FFN units - that may
// change places among themselves without changing what the full network computes. The importance
// sort reads this: it gives the best units the places that slicing keeps most often.
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
  kRate,   // channels inside the rate unit, as many as the front end gives (waveform only)
  kEmbed,  // embedding channels, shared by all layers
  kHeads,  // heads of one layer
  kFfn     // FFN units of one layer
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
  bool reads = false;  // the tensor takes these units as its input
  bool within_group =
      false;  // the positional conv's inputs: places within the row's own conv group
};

// True for units that other tensors count on by place, so that they are left alone: heads under a
// position bias shared by all layers (WavLM) or with reused attention maps (ARMHuBERT), and the
// embedding channels that WavLM's gate reads head by head.
bool is_tied(const Blueprint& blueprint, UnitKind kind);

// The axes of a tensor by its name (tensor_table.h); none for what no slice shortens. InputError
// for a tensor that is not in the table: sorting without it would break the model.
std::vector<UnitAxis> unit_axes(const Blueprint& blueprint, const std::string& tensor);

// Every group of a storage's tensors with its number of units, in the order of the forward pass.
struct UnitCount {
  UnitGroup group;
  int64_t units = 0;
};
std::vector<UnitCount> unit_groups(const Blueprint& blueprint, const Storage& storage);

// The places of a group, most often kept first over the space's choices; equals by number. Under
// the prefix rule that is 0, 1, 2, ...; under LightHuBERT's rule FFN places go by how many pairs of
// width and ratio keep them.
std::vector<int64_t> places_by_use(const SearchSpace& space, const UnitCount& group);

// Embedding channel -> its group in the positional conv, and its place in there; and back.
struct ConvPlace {
  int64_t group = 0, place = 0;
};
ConvPlace conv_place(const PositionalConv& conv, int64_t embed_dim, int64_t channel);
int64_t channel_at(const PositionalConv& conv, int64_t embed_dim, const ConvPlace& at);

}  // namespace concertina
