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

// `bytes` is the whole file called `name`. InputError names the byte; no size of the file is
// believed unchecked, the header may have at most 16 MiB, and tensors neither overlap nor leave
// bytes between them or at the end.
SafetensorsLayout parse_safetensors(ByteSpan bytes, const std::string& name);

}  // namespace concertina
