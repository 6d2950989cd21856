// Texts with marked slots, "play <artist>adele</artist>", and SUPERB's scores of slot filling.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/sequence_task.h"

namespace concertina {

// A mark is one symbol of a text: types are numbered, and type k begins with begin(k).
struct SlotMarks {
  std::vector<std::string> types;  // sorted

  static char32_t begin(int64_t type) { return kFirst + 2 * static_cast<char32_t>(type); }
  static char32_t end(int64_t type) { return begin(type) + 1; }
  static bool is_mark(char32_t c) { return kFirst <= c && c <= kLast; }

 private:
  static constexpr char32_t kFirst = 0xE000, kLast = 0xF8FF;  // Unicode's private use
};

// The types of slots in a text, in order. InputError where a mark is not closed or inside another.
std::vector<std::string> slot_types_in(std::string_view text);
// Its words (words_of) with a blank between them, and its marks.
std::u32string marked_text(std::string_view text, const SlotMarks& marks);

// Values by type, of recognised texts too: from a mark to the next end of its type, if something is
// between them; other marks between them are ignored.
std::map<int64_t, std::vector<std::u32string>> slots_of(std::u32string_view text);

// Of one clip, as s3prl counts them. F1 of the sets of types, over 1 (1 where neither has any).
SequenceErrors slot_type_f1(std::u32string_view reference, std::u32string_view hypothesis);
// Edits of each reference value and the hypothesis's value of its type with the lowest error rate
// (the empty one where it has none), over the characters of the reference values.
SequenceErrors slot_value_errors(std::u32string_view reference, std::u32string_view hypothesis);

}  // namespace concertina
