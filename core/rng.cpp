#include "core/rng.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <numbers>

#include "core/errors.h"
#include "core/hash.h"
#include "core/philox.h"

namespace concertina {
namespace {

constexpr std::string_view kStatePrefix = "philox4x32-10:";

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::array<uint32_t, 4> block_at(uint64_t key, uint64_t counter) {
  return detail::philox4x32(
      {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0},
      {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
}

bool take_hex(std::string_view& text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.empty() && text.front() != ':') return false;
  if (!text.empty()) text.remove_prefix(1);
  return true;
}

}  // namespace

Rng Rng::fork(std::string_view purpose, uint64_t index) const {
  return Rng(mix(mix(key_ ^ mix(hash64(purpose))) + index));
}

void Rng::refill() {
  block_ = block_at(key_, counter_++);
  used_ = 0;
}

uint32_t Rng::next_u32() {
  if (used_ == block_.size()) refill();
  return block_[used_++];
}

uint64_t Rng::next_u64() {
  const uint64_t low = next_u32();
  return low | (uint64_t{next_u32()} << 32);
}

double Rng::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

double Rng::uniform(double low, double high) {
  const double value = low + (high - low) * uniform();
  // Rounding may reach high.
  return value < high || high <= low ? value : std::nextafter(high, low);
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int64_t Rng::below(int64_t n) {
  CONCERTINA_ASSERT(n > 0);
  const auto range = static_cast<uint64_t>(n);
  const uint64_t unfair = (0 - range) % range;  // the first 2^64 mod n draws are rejected
  uint64_t draw = next_u64();
  while (draw < unfair) draw = next_u64();
  return static_cast<int64_t>(draw % range);
}

bool Rng::chance(double probability) { return uniform() < probability; }

std::string Rng::save_state() const {
  return fmt::format("{}{:016x}:{:016x}:{}", kStatePrefix, key_, counter_, used_);
}

Rng Rng::from_state(std::string_view state) {
  std::string_view rest = state;
  uint64_t key = 0;
  uint64_t counter = 0;
  uint64_t used = 0;
  const bool prefixed = rest.starts_with(kStatePrefix);
  if (prefixed) rest.remove_prefix(kStatePrefix.size());
  if (!prefixed || !take_hex(rest, key) || !take_hex(rest, counter) || !take_hex(rest, used) ||
      !rest.empty() || used > 4 || (counter == 0 && used != 4)) {
    throw InputError(fmt::format("'{}' is no generator state: expected {}KEY:COUNTER:USED", state,
                                 kStatePrefix));
  }
  Rng rng(key);
  rng.counter_ = counter;
  rng.used_ = static_cast<uint32_t>(used);
  if (counter > 0) rng.block_ = block_at(key, counter - 1);
  return rng;
}

}  // namespace concertina
