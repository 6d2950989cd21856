// Everything that reads a foreign checkpoint short of making tensors of it, for fuzzing.
#pragma once

#include "supernet/container/byte_reader.h"

namespace concertina::testing {

// Reads `bytes` as every kind of file that they could be. True when one of them was accepted.
// Nothing but an InputError is caught.
bool read_any(ByteSpan bytes);

}  // namespace concertina::testing
