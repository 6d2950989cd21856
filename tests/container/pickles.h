// Pickles for tests, opcode by opcode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "supernet/container/pickle.h"

namespace concertina::testing {

inline ByteSpan bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string text_op(std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  return "X" + std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + std::string(text);
}
inline std::string class_op(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string pickle(const std::string& body) { return "\x80\x02" + body + "."; }

// torch._utils._rebuild_tensor_v2 on a storage, as torch.save writes it.
struct TensorOps {
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  std::string offset = std::string("K\0", 2);
  std::string sizes = std::string("K\2K\3\x86", 5);
  std::string strides = std::string("K\3K\1\x86", 5);
  std::string view = "";  // a further item of the storage's id

  std::string text() const {
    return class_op("torch._utils", "_rebuild_tensor_v2") + "((" + text_op("storage") +
           class_op("torch", storage_class) + text_op(key) + text_op("cpu") + "K\6" + view + "tQ" +
           offset + sizes + strides + "\x89" + class_op("collections", "OrderedDict") + ")RtR";
  }
};

}  // namespace concertina::testing
