#include "speech/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace concertina {
namespace {

constexpr size_t kBlock = 512;
constexpr int64_t kMostName = 1 << 16, kMostPax = 1 << 20;  // bytes

struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A header block, by the places of its fields.
class Header {
 public:
  explicit Header(std::string_view block) : block_(block) {}
  char type() const { return block_[156]; }
  bool is_zero() const { return block_.find_first_not_of('\0') == std::string_view::npos; }

  std::string path() const {
    const std::string name(text(0, 100));
    const bool ustar = block_.substr(257, 6) == std::string_view("ustar\0", 6);
    const std::string_view prefix = ustar ? text(345, 155) : std::string_view();
    return prefix.empty() ? name : fmt::format("{}/{}", prefix, name);
  }

  int64_t size() const {
    const auto value = number(block_.substr(124, 12));
    if (!value) throw Problem{"a size that is no number"};
    return *value;
  }

  // The sum over the block with the sum's own field as spaces; some tars add signed bytes.
  bool sums_up() const {
    const auto stored = number(block_.substr(148, 8));
    int64_t plain = 0, with_sign = 0;
    for (size_t i = 0; i < kBlock; ++i) {
      const char c = i >= 148 && i < 156 ? ' ' : block_[i];
      plain += static_cast<unsigned char>(c);
      with_sign += static_cast<signed char>(c);
    }
    return stored && (*stored == plain || *stored == with_sign);
  }

 private:
  std::string_view text(size_t at, size_t length) const {
    const std::string_view field = block_.substr(at, length);
    return field.substr(0, field.find('\0'));
  }

  // Octal digits, or GNU's big-endian binary behind a set high bit.
  static std::optional<int64_t> number(std::string_view field) {
    if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) {
      uint64_t value = static_cast<unsigned char>(field[0]) & 0x7F;
      for (const char c : field.substr(1)) {
        if (value >> 54 != 0) return std::nullopt;
        value = value << 8 | static_cast<unsigned char>(c);
      }
      return static_cast<int64_t>(value);
    }
    const size_t first = std::min(field.find_first_not_of(' '), field.size());
    field.remove_prefix(first);
    field = field.substr(0, field.find_first_of(std::string_view(" \0", 2)));
    int64_t value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
    const bool whole = error == std::errc() && end == field.data() + field.size() && value >= 0;
    if (!field.empty() && !whole) return std::nullopt;
    return value;
  }

  std::string_view block_;
};

// What GNU's and pax's extra members say about the next one.
struct Extra {
  std::optional<std::string> path;
  std::optional<int64_t> size;
};

// Records of "LENGTH KEY=VALUE\n".
void read_pax(std::string_view records, Extra& extra) {
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<size_t>(end - records.data());
    const bool fits = error == std::errc() && length > digits + 2 && length <= records.size() &&
                      records[digits] == ' ' && records[length - 1] == '\n';
    if (!fits) throw Problem{"a damaged pax record"};
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    const std::string_view key = record.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : record.substr(equals + 1);
    if (key == "path") extra.path = value;
    if (key == "size") {
      int64_t size = -1;
      std::from_chars(value.data(), value.data() + value.size(), size);
      if (size < 0) throw Problem{"a pax size that is no number"};
      extra.size = size;
    }
    records.remove_prefix(length);
  }
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  TarIndex read() {
    try {
      while (read_member()) {
      }
    } catch (const Problem& problem) {
      index_.problem = fmt::format("byte {}: {}", at_, problem.what());
    }
    return std::move(index_);
  }

 private:
  bool read_member() {
    if (at_ == bytes_.size()) throw Problem{"ends without an end mark, members may be missing"};
    if (bytes_.size() - at_ < kBlock) throw Problem{"cut off inside a header"};
    const Header header(bytes_.substr(at_, kBlock));
    if (header.is_zero()) return false;
    if (!header.sums_up()) throw Problem{"no tar header, or a damaged one"};
    const bool has_data = std::string_view("123456").find(header.type()) == std::string_view::npos;
    const bool plain = header.type() != 'x' && header.type() != 'L' && header.type() != 'K';
    const int64_t size = !has_data ? 0 : plain && extra_.size ? *extra_.size : header.size();
    const size_t data = at_ + kBlock;
    if (static_cast<uint64_t>(size) > bytes_.size() - data)
      throw Problem{fmt::format("'{}' of {} bytes is cut off", name_of(header), size)};
    take(header, bytes_.substr(data, static_cast<size_t>(size)), static_cast<int64_t>(data));
    if (plain) extra_ = {};
    const size_t end = data + static_cast<size_t>(size);
    at_ = std::min(end + (kBlock - end % kBlock) % kBlock, bytes_.size());
    return true;
  }

  std::string name_of(const Header& header) const { return extra_.path.value_or(header.path()); }

  void take(const Header& header, std::string_view data, int64_t offset) {
    switch (header.type()) {
      case 'L':
        if (std::ssize(data) > kMostName) throw Problem{"a name that is too long"};
        extra_.path = data.substr(0, data.find('\0'));
        return;
      case 'x':
        if (std::ssize(data) > kMostPax) throw Problem{"a pax header that is too long"};
        return read_pax(data, extra_);
      case 'S':
        throw Problem{fmt::format("'{}' is a sparse file, which is not read", name_of(header))};
      case '0':
      case '\0':
      case '7':
        if (std::string name = name_of(header); !name.empty() && !name.ends_with('/'))
          index_.files.push_back({std::move(name), offset, std::ssize(data)});
        return;
      default:
        return;  // folders, links, global pax settings
    }
  }

  std::string_view bytes_;
  size_t at_ = 0;
  Extra extra_;
  TarIndex index_;
};

}  // namespace

TarIndex index_tar(std::span<const std::byte> bytes) {
  return Reader({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).read();
}

}  // namespace concertina
