#include "supernet/container/byte_reader.h"

#include <fmt/format.h>

#include "core/errors.h"

namespace concertina {

void throw_damaged(const std::string& name, uint64_t at, const std::string& what) {
  throw InputError(fmt::format("{} cannot be read: at byte {}: {}", name, at, what));
}

std::string_view ByteReader::take(uint64_t count) {
  if (count > left()) {
    fail(fmt::format("{} bytes are needed, {} are left; the file may be truncated", count, left()));
  }
  const char* start = reinterpret_cast<const char*>(bytes_.data()) + position_;
  position_ += count;
  return {start, count};
}

std::string_view ByteReader::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, left());
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) fail("a line has no end");
  position_ += end + 1;
  return rest.substr(0, end);
}

}  // namespace concertina
