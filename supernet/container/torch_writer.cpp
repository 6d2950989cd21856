#include "supernet/container/torch_writer.h"

#include <fmt/format.h>

#include <limits>
#include <ostream>
#include <sstream>

#include "core/crc.h"
#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

constexpr uint64_t kAlignment = 64;    // of an entry's data, as torch.save aligns it
constexpr uint16_t kPadding = 0x4246;  // the extra field that torch.save pads with ("FB")

template <class T>
void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

const char* storage_class(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    default:
      break;
  }
  throw std::logic_error("only floats are written");
}

// Writes entries to a stream, the directory last.
class ZipWriter {
 public:
  explicit ZipWriter(std::ostream& out) : out_(out) {}

  void add(const std::string& name, ByteSpan data) {
    const uint64_t begin = offset_;
    const uint64_t unpadded = begin + kLocalBytes + name.size() + 4;
    const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
    std::string header, shared;
    append(shared, kVersion);
    append(shared, uint16_t{0});  // flags
    append(shared, uint16_t{0});  // stored
    append(shared, uint32_t{0});  // time, date
    append(shared, crc32(data));
    append(shared, narrow(data.size()));
    append(shared, narrow(data.size()));
    append(shared, static_cast<uint16_t>(name.size()));
    append(header, uint32_t{0x04034b50});
    header += shared;
    append(header, static_cast<uint16_t>(4 + padding));
    header += name;
    append(header, kPadding);
    append(header, static_cast<uint16_t>(padding));
    header.append(padding, 'Z');
    put(header);
    put({reinterpret_cast<const char*>(data.data()), data.size()});

    append(directory_, uint32_t{0x02014b50});
    append(directory_, kVersion);
    directory_ += shared;
    append(directory_, uint16_t{0});  // extra field
    append(directory_, uint16_t{0});  // comment
    append(directory_, uint64_t{0});  // disk, attributes
    append(directory_, narrow(begin));
    directory_ += name;
    ++count_;
  }

  void finish() {
    std::string end;
    append(end, uint32_t{0x06054b50});
    append(end, uint32_t{0});  // disks
    append(end, count_);
    append(end, count_);
    append(end, narrow(directory_.size()));
    append(end, narrow(offset_));
    append(end, uint16_t{0});  // comment
    put(directory_);
    put(end);
  }

 private:
  static constexpr uint64_t kLocalBytes = 30;
  static constexpr uint16_t kVersion = 20;

  static uint32_t narrow(uint64_t value) {
    if (value >= std::numeric_limits<uint32_t>::max()) {
      throw InputError("this model is too large for a .pt file: the limit is 4 GiB");
    }
    return static_cast<uint32_t>(value);
  }
  void put(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    offset_ += bytes.size();
  }

  std::ostream& out_;
  std::string directory_;
  uint64_t offset_ = 0;
  uint16_t count_ = 0;
};

void write_archive(std::ostream& out, const std::string& program,
                   const std::vector<ByteSpan>& storages) {
  ZipWriter zip(out);
  const auto add_text = [&](const std::string& name, std::string_view text) {
    zip.add("archive/" + name, std::as_bytes(std::span(text)));
  };
  add_text("data.pkl", program);
  add_text("byteorder", "little");
  for (size_t i = 0; i < storages.size(); ++i) {
    zip.add(fmt::format("archive/data/{}", i), storages[i]);
  }
  add_text("version", "3\n");
  zip.finish();
}

}  // namespace

TorchWriter::TorchWriter() : program_("\x80\x02") {}

void TorchWriter::begin_dict() { program_ += "}("; }
void TorchWriter::end_dict() { program_ += 'u'; }
void TorchWriter::boolean(bool value) { program_ += value ? '\x88' : '\x89'; }

void TorchWriter::text(std::string_view value) {
  program_ += 'X';
  append(program_, static_cast<uint32_t>(value.size()));
  program_ += value;
}

void TorchWriter::integer(int64_t value) {
  program_ += "\x8a\x08";
  append(program_, value);
}

void TorchWriter::tensor(DType dtype, const std::vector<int64_t>& sizes, ByteSpan bytes) {
  const auto tuple = [&](const std::vector<int64_t>& values) {
    program_ += '(';
    for (const int64_t value : values) integer(value);
    program_ += 't';
  };
  program_ += "ctorch._utils\n_rebuild_tensor_v2\n((";
  text("storage");
  program_ += fmt::format("ctorch\n{}\n", storage_class(dtype));
  text(std::to_string(storages_.size()));
  text("cpu");
  integer(static_cast<int64_t>(bytes.size() / item_size(dtype)));
  program_ += "tQ";
  integer(0);  // offset into the storage
  tuple(sizes);
  tuple(contiguous_strides(sizes));
  boolean(false);  // requires_grad
  program_ += "ccollections\nOrderedDict\n)RtR";
  storages_.push_back(bytes);
}

void TorchWriter::write_to(const std::filesystem::path& path) && {
  program_ += '.';
  write_atomically(path, [&](std::ostream& out) { write_archive(out, program_, storages_); });
}

std::string TorchWriter::bytes() && {
  program_ += '.';
  std::ostringstream out;
  write_archive(out, program_, storages_);
  return std::move(out).str();
}

}  // namespace concertina
