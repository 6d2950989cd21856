// Files of torch.save, in both of its containers: the zip archive and the older sequence of
// pickles. Only tensors, containers and plain values are read; nothing is executed.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "supernet/container/byte_reader.h"
#include "supernet/container/pickle.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

bool is_torch_file(ByteSpan bytes);  // by its first bytes

class TorchFile {
 public:
  // `bytes` is the whole file called `name` and must outlive the object. InputError names the byte:
  // damaged, compressed, big-endian, TorchScript.
  TorchFile(ByteSpan bytes, const std::string& name);

  const PickleValue& root() const { return pickle_.root(); }
  const char* container() const { return zip_ ? "torch.save (zip)" : "torch.save (legacy)"; }

  static bool is_tensor(const PickleValue& value);  // or a parameter
  // Tensors may share storages and may be strided. InputError names tensor and byte.
  TensorLayout tensor(const PickleValue& value, const std::string& tensor_name) const;
  // All tensors of a dict under their text keys; other values are left out.
  LayoutMap tensors(const PickleValue& dict) const;

 private:
  struct Bytes {
    uint64_t offset = 0, size = 0;
  };
  using Storages = std::map<std::string_view, Bytes>;

  static Pickle read_zip(ByteSpan bytes, const std::string& name, Storages& storages);
  static Pickle read_legacy(ByteSpan bytes, const std::string& name, Storages& storages);

  std::string name_;
  bool zip_;
  Storages storages_;
  Pickle pickle_;
};

}  // namespace concertina
