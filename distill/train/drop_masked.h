// Whether masked frames are encoded, with the mask's embedding, or dropped before the encoder's layers
// (supernet/model/visible_input.h), and by whom.
#pragma once

#include "core/enum_names.h"

namespace concertina {

enum class DropMasked { kNone, kStudent, kBoth };  // kBoth: teachers too, as in DMAE
template <>
inline constexpr auto kEnumNames<DropMasked> = name_table("none", "student", "both");

}  // namespace concertina
