// One table of names for an enum: configs, flags, files and messages all read and print these.
//
//   enum class Distance { kL1, kMse };
//   template <>
//   inline constexpr auto kEnumNames<Distance> = name_table("l1", "mse");
//
//   enum_name(Distance::kMse)                        // "mse"
//   enum_from_name<Distance>("distance", "l3")       // InputError
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace concertina {

template <class... Names>
constexpr std::array<std::string_view, sizeof...(Names)> name_table(Names... names) {
  return {names...};
}

// In the order of the enumerators, which count from 0.
template <class E>
inline constexpr std::array<std::string_view, 0> kEnumNames{};

template <class E>
concept NamedEnum = std::is_enum_v<E> && (kEnumNames<E>.size() > 0);

namespace detail {
// InputError that lists `names`, with the nearest one.
[[noreturn]] void fail_unknown_name(std::string_view what, std::string_view name,
                                    std::span<const std::string_view> names);
}  // namespace detail

template <NamedEnum E>
constexpr std::string_view enum_name(E value) {
  return kEnumNames<E>.at(static_cast<size_t>(value));
}

template <NamedEnum E>
std::vector<std::string> enum_names() {
  return {kEnumNames<E>.begin(), kEnumNames<E>.end()};
}

// `what` is what the message calls the value: "distance".
template <NamedEnum E>
E enum_from_name(std::string_view what, std::string_view name) {
  for (size_t i = 0; i < kEnumNames<E>.size(); ++i) {
    if (kEnumNames<E>[i] == name) return static_cast<E>(i);
  }
  detail::fail_unknown_name(what, name, kEnumNames<E>);
}

}  // namespace concertina
