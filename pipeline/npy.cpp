#include "pipeline/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/files.h"

namespace concertina {

void write_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  constexpr size_t kPrefix = 10;  // magic, version, header length
  constexpr size_t kAlignment = 64;
  const at::Tensor data = tensor.to(at::kCPU, at::kFloat).contiguous();
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}",
                                   fmt::join(data.sizes(), ", "), data.dim() == 1 ? "," : "");
  header.append(kAlignment - (kPrefix + header.size() + 1) % kAlignment, ' ');
  header.push_back('\n');
  write_atomically(path, [&](std::ostream& out) {
    const auto size = static_cast<uint16_t>(header.size());
    out << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(size & 0xff)
        << static_cast<char>(size >> 8) << header;
    out.write(static_cast<const char*>(data.const_data_ptr()),
              static_cast<std::streamsize>(data.nbytes()));
  });
}

}  // namespace concertina
