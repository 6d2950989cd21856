#include "core/event_file.h"

#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "core/crc.h"
#include "core/files.h"

namespace concertina {
namespace {

static_assert(std::endian::native == std::endian::little, "event files are little-endian");

constexpr size_t kLengthBytes = 8, kCrcBytes = 4;

// Protobuf wire types.
constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;
// Fields of Event, Summary and Summary.Value.
constexpr uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;
constexpr uint32_t kValue = 1, kTag = 1, kSimpleValue = 2;

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(uint32_t field, uint32_t wire) { return varint((field << 3) | wire); }

std::string message(uint32_t field, std::string_view content) {
  return key(field, kBytes) + varint(content.size()) + std::string(content);
}

std::string head_of_event(int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return key(kWallTime, kFixed64) + raw(std::chrono::duration<double>(now).count()) +
         key(kStep, kVarint) + varint(static_cast<uint64_t>(step));
}

std::string masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(std::as_bytes(std::span(bytes)));
  return raw(((crc >> 15) | (crc << 17)) + 0xA282EAD8U);
}

std::string record(std::string_view event) {
  const std::string length = raw(static_cast<uint64_t>(event.size()));
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

// The step of an event that head_of_event() began.
std::optional<int64_t> step_of(std::string_view event) {
  constexpr size_t kBefore = 1 + sizeof(double) + 1;  // wall time and the step's key
  uint64_t step = 0;
  for (size_t i = kBefore, shift = 0; i < event.size() && shift < 64; ++i, shift += 7) {
    const auto byte = static_cast<unsigned char>(event[i]);
    step |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return static_cast<int64_t>(step);
  }
  return std::nullopt;
}

// The complete records from the start of `bytes` whose step is at most `last`.
std::string records_up_to(std::string_view bytes, int64_t last) {
  std::string kept;
  while (bytes.size() >= kLengthBytes + 2 * kCrcBytes) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), kLengthBytes);
    if (length > bytes.size() - kLengthBytes - 2 * kCrcBytes) break;
    const size_t size = kLengthBytes + 2 * kCrcBytes + static_cast<size_t>(length);
    const auto event = bytes.substr(kLengthBytes + kCrcBytes, static_cast<size_t>(length));
    if (bytes.substr(0, size) != record(event)) break;
    if (const auto step = step_of(event); step && *step <= last) kept += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return kept;
}

}  // namespace

EventFile::EventFile(std::filesystem::path path) : path_(std::move(path)) {}

void EventFile::resume_after(int64_t step) {
  std::string kept;
  if (std::filesystem::exists(path_)) kept = records_up_to(read_text(path_), step);
  if (kept.empty()) kept = record(head_of_event(0) + message(kFileVersion, "brain.Event:2"));
  write_atomically(path_, kept);
}

void EventFile::add(int64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    summary += message(kValue, message(kTag, scalar.tag) + key(kSimpleValue, kFixed32) +
                                   raw(static_cast<float>(scalar.value)));
  }
  append_bytes(path_, record(head_of_event(step) + message(kSummary, summary)));
}

}  // namespace concertina
