// model.bin of CTranslate2: a sequence of variables after a short header, little-endian.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "supernet/container/byte_reader.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

// Header: u32 format version, string specification, u32 its revision, u32 variables; each variable:
// string name, u8 dimensions, u32 each, u8 type (0 fp32, 1 int8, 2 int16, 3 int32, 4 fp16, 5 bf16),
// u32 bytes, data; then u32 aliases, each two strings, which are left out. A string: u16 length,
// then bytes of which the last is zero.
struct CTranslate2File {
  std::string specification;  // "WhisperSpec"
  uint32_t revision = 0;
  LayoutMap variables;  // numbers are those without dimensions

  bool has(const std::string& name) const { return variables.contains(name); }
};

bool is_ctranslate2_file(ByteSpan bytes);  // by its header

// `bytes` is the whole file called `name`. InputError: damaged (naming the byte), another format
// version.
CTranslate2File parse_ctranslate2(ByteSpan bytes, const std::string& name);

}  // namespace concertina
