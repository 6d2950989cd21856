// Writes files for torch.load: a zip archive of stored entries with one pickle of plain values and
// tensors (protocol 2).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/container/byte_reader.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

// The program of one pickle, value by value. A dict is begin_dict(), then key and value in turn,
// then end_dict(). Tensors are contiguous; their bytes are not copied and must outlive write_to().
class TorchWriter {
 public:
  TorchWriter();
  void begin_dict();
  void end_dict();
  void text(std::string_view value);
  void integer(int64_t value);
  void boolean(bool value);
  void tensor(DType dtype, const std::vector<int64_t>& sizes, ByteSpan bytes);

  // Written atomically. InputError for more than 4 GiB (ZIP64 is not written).
  void write_to(const std::filesystem::path& path) &&;
  // The archive in memory, for tests.
  std::string bytes() &&;

 private:
  std::string program_;
  std::vector<ByteSpan> storages_;
};

}  // namespace concertina
