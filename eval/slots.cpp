#include "eval/slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "core/errors.h"
#include "eval/edit_distance.h"
#include "eval/words.h"

namespace concertina {
namespace {

struct TextPart {
  std::string_view text;  // of a mark: its type
  enum class Kind { kText, kBegin, kEnd } kind = Kind::kText;
};

std::vector<TextPart> parts_of_text(std::string_view text) {
  std::vector<TextPart> parts;
  const std::string_view whole = text;
  std::string_view open;
  while (!text.empty()) {
    const size_t mark = std::min(text.find('<'), text.size());
    if (mark > 0) parts.push_back({text.substr(0, mark)});
    text.remove_prefix(mark);
    if (text.empty()) break;
    const size_t end = text.find('>');
    const bool closes = text.starts_with("</");
    const size_t name = closes ? 2 : 1;
    if (end == std::string_view::npos || end <= name)
      throw InputError(fmt::format("'{}': a mark of a slot is <type> or </type>", whole));
    const std::string_view type = text.substr(name, end - name);
    if (closes ? type != open : !open.empty())
      throw InputError(fmt::format("'{}': slot '{}' is {}", whole, closes ? type : open,
                                   closes ? "closed but not open" : "not closed"));
    open = closes ? std::string_view() : type;
    parts.push_back({type, closes ? TextPart::Kind::kEnd : TextPart::Kind::kBegin});
    text.remove_prefix(end + 1);
  }
  if (!open.empty()) throw InputError(fmt::format("'{}': slot '{}' is not closed", whole, open));
  return parts;
}

std::u32string without_marks(std::u32string_view text) {
  std::u32string value;
  for (const char32_t c : text) {
    if (!SlotMarks::is_mark(c) && !(c == U' ' && (value.empty() || value.back() == U' ')))
      value.push_back(c);
  }
  while (!value.empty() && value.back() == U' ') value.pop_back();
  return value;
}

double edits(const std::u32string& reference, const std::u32string& hypothesis) {
  return static_cast<double>(
      edit_distance(std::span<const char32_t>(reference), std::span<const char32_t>(hypothesis)));
}

}  // namespace

std::vector<std::string> slot_types_in(std::string_view text) {
  std::vector<std::string> types;
  for (const TextPart& part : parts_of_text(text)) {
    if (part.kind == TextPart::Kind::kBegin) types.emplace_back(part.text);
  }
  return types;
}

std::u32string marked_text(std::string_view text, const SlotMarks& marks) {
  std::u32string result;
  const auto space = [&](bool after_begin) {
    const bool begin = !result.empty() && SlotMarks::is_mark(result.back()) &&
                       (result.back() - SlotMarks::begin(0)) % 2 == 0;
    if (!result.empty() && (after_begin || !begin)) result.push_back(U' ');
  };
  for (const TextPart& part : parts_of_text(text)) {
    if (part.kind == TextPart::Kind::kText) {
      for (const std::string& word : words_of(part.text)) {
        space(false);
        result += code_points(word);
      }
      continue;
    }
    const int64_t type =
        std::ranges::lower_bound(marks.types, part.text, std::less<>()) - marks.types.begin();
    const bool begins = part.kind == TextPart::Kind::kBegin;
    if (begins) space(true);
    result.push_back(begins ? SlotMarks::begin(type) : SlotMarks::end(type));
  }
  return result;
}

std::map<int64_t, std::vector<std::u32string>> slots_of(std::u32string_view text) {
  std::map<int64_t, std::vector<std::u32string>> slots;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!SlotMarks::is_mark(text[i]) || (text[i] - SlotMarks::begin(0)) % 2 != 0) continue;
    const auto type = static_cast<int64_t>((text[i] - SlotMarks::begin(0)) / 2);
    const size_t end = text.find(SlotMarks::end(type), i);
    if (end == std::u32string_view::npos) continue;
    const std::u32string value = without_marks(text.substr(i, end - i));
    if (value.empty()) continue;
    slots[type].push_back(value);
    i = end;
  }
  return slots;
}

SequenceErrors slot_type_f1(std::u32string_view reference, std::u32string_view hypothesis) {
  const auto spoken = slots_of(reference), heard = slots_of(hypothesis);
  if (spoken.empty() && heard.empty()) return {1, 1};
  const auto both = static_cast<double>(
      std::ranges::count_if(spoken, [&](const auto& slot) { return heard.contains(slot.first); }));
  // 2 P R / (P + R) with P = both / heard and R = both / spoken.
  return {2 * both / static_cast<double>(spoken.size() + heard.size()), 1};
}

SequenceErrors slot_value_errors(std::u32string_view reference, std::u32string_view hypothesis) {
  const auto heard = slots_of(hypothesis);
  SequenceErrors all;
  for (const auto& [type, values] : slots_of(reference)) {
    const auto found = heard.find(type);
    for (const std::u32string& value : values) {
      double least = static_cast<double>(value.size());
      if (found != heard.end()) {
        least = edits(value, found->second.front());
        for (const std::u32string& other : found->second)
          least = std::min(least, edits(value, other));
      }
      all.errors += least;
      all.total += static_cast<double>(value.size());
    }
  }
  return all;
}

}  // namespace concertina
