// The safetensors container: an 8-byte header length, a JSON header, raw little-endian data.
#pragma once

#include <map>
#include <string>

#include "supernet/container/byte_reader.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

struct SafetensorsLayout {
  std::map<std::string, std::string> metadata;
  LayoutMap tensors;
};

// `bytes` is the whole file called `name`. InputError names the byte; every size is checked, the
// header may have at most 16 MiB, and tensors fill the data without gaps or overlaps.
SafetensorsLayout parse_safetensors(ByteSpan bytes, const std::string& name);

}  // namespace concertina
