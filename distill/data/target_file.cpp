#include "distill/data/target_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/errors.h"
#include "core/files.h"
#include "distill/data/stored_rows.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8, kAlignment = 64;

[[noreturn]] void fail(const fs::path& path, int error) {
  throw SystemError(fmt::format("cannot write the teacher's targets to {}: {}", path.string(),
                                std::generic_category().message(error)));
}

int64_t scale_bytes(int64_t frames, const std::vector<TargetColumn>& columns, CacheDtype dtype) {
  return dtype == CacheDtype::kInt8 ? frames * std::ssize(columns) * 4 : 0;
}

// Scales first: four-byte values stay aligned whatever the number of targets.
std::string header_of(int64_t frames, const std::vector<TargetColumn>& columns, CacheDtype dtype) {
  const bool bytes = dtype == CacheDtype::kInt8;
  const int64_t scales = scale_bytes(frames, columns, dtype);
  const int64_t all = target_bytes(frames, columns, dtype);
  Json rows = Json::array();
  for (const TargetColumn& column : columns)
    rows.push_back({{"name", column.row}, {"dim", column.dim}});
  Json json = {{"__metadata__", {{"format", "pt"}, {"kind", "targets"}, {"rows", rows.dump()}}},
               {"targets",
                {{"dtype", bytes ? "I8" : "F16"},
                 {"shape", {frames, width_of(columns)}},
                 {"data_offsets", {scales, all}}}}};
  if (bytes) {
    json["scales"] = {
        {"dtype", "F32"}, {"shape", {frames, std::ssize(columns)}}, {"data_offsets", {0, scales}}};
  }
  std::string text = json.dump();
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), kLengthBytes) + text;
}

}  // namespace

int64_t target_bytes(int64_t frames, const std::vector<TargetColumn>& columns, CacheDtype dtype) {
  const int64_t values = frames * width_of(columns);
  return scale_bytes(frames, columns, dtype) + (dtype == CacheDtype::kInt8 ? values : values * 2);
}

TargetFile::TargetFile(fs::path path, int64_t frames, std::vector<TargetColumn> columns,
                       CacheDtype dtype)
    : path_(std::move(path)), columns_(std::move(columns)), dtype_(dtype) {
  const std::string header = header_of(frames, columns_, dtype);
  scales_at_ = header.size();
  targets_at_ = header.size() + static_cast<uint64_t>(scale_bytes(frames, columns_, dtype));
  if (fs::exists(progress()) && fs::exists(part())) {
    const Json json = Json::parse(read_text(progress()), nullptr, false);
    if (json.is_object()) windows_done_ = json.value("windows_done", int64_t{0});
  }
  fd_ = ::open(part().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail(part(), errno);
  const auto size = header.size() + static_cast<uint64_t>(target_bytes(frames, columns_, dtype));
  if (const int error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size)); error != 0) {
    ::close(fd_);
    if (windows_done_ == 0) ::unlink(part().c_str());
    fail(part(), error);
  }
  write_at(header.data(), header.size(), 0);
}

TargetFile::~TargetFile() {
  if (fd_ >= 0) ::close(fd_);
}

fs::path TargetFile::part() const { return path_.string() + ".part"; }
fs::path TargetFile::progress() const { return path_.string() + ".part.json"; }

void TargetFile::write_at(const void* data, size_t bytes, uint64_t offset) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::pwrite(fd_, from, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno != EINTR) fail(part(), errno);
    if (count <= 0) continue;
    from += count;
    bytes -= static_cast<size_t>(count);
    offset += static_cast<uint64_t>(count);
  }
}

void TargetFile::write_rows(int64_t first_frame, const at::Tensor& targets) {
  CONCERTINA_ASSERT(targets.dim() == 2 && targets.size(1) == width_of(columns_));
  const auto row = static_cast<uint64_t>(first_frame), count = columns_.size();
  const auto width = static_cast<uint64_t>(targets.size(1));
  const StoredRows stored = stored_rows(targets, columns_, dtype_);
  write_at(stored.values.const_data_ptr(), stored.values.nbytes(),
           targets_at_ + row * width * stored.values.element_size());
  if (!stored.scales.defined()) return;
  write_at(stored.scales.const_data_ptr(), stored.scales.nbytes(), scales_at_ + row * count * 4);
}

void TargetFile::save_progress(int64_t windows_done) {
  if (::fdatasync(fd_) != 0) fail(part(), errno);
  windows_done_ = windows_done;
  write_atomically(progress(), Json{{"windows_done", windows_done}}.dump() + "\n");
}

void TargetFile::publish() {
  if (::fsync(fd_) != 0) fail(part(), errno);
  std::error_code error;
  fs::rename(part(), path_, error);
  if (error) fail(path_, error.value());
  fs::remove(progress(), error);
}

}  // namespace concertina
