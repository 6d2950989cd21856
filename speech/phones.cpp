#include "speech/phones.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "core/errors.h"
#include "core/files.h"
#include "core/text.h"
#include "speech/manifest.h"

namespace concertina {

std::vector<PhoneSegment> read_phones(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  std::string_view rest = bytes;
  // festvox writes settings above a line "#"; a file without one is labels only.
  const bool has_header = bytes.starts_with("#\n") || bytes.find("\n#\n") != std::string::npos;
  bool in_labels = !has_header;
  std::vector<PhoneSegment> segments;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const std::string text(take_line(rest));
    if (!in_labels) {
      in_labels = text == "#";
      continue;
    }
    if (text.find_first_not_of(" \t") == std::string::npos) continue;
    char* end = nullptr;
    PhoneSegment segment{std::strtod(text.c_str(), &end), ""};
    const size_t label = text.find_last_of(" \t") + 1;
    segment.label = text.substr(label);
    const bool sound = end != text.c_str() && end < text.c_str() + label &&
                       !segment.label.empty() && std::isfinite(segment.end_s) &&
                       segment.end_s >= (segments.empty() ? 0.0 : segments.back().end_s);
    if (!sound) {
      throw InputError(fmt::format(
          "{}:{}: expected 'END-TIME 125 PHONE' with end times that do not fall, found '{}'",
          path.string(), line, text.substr(0, 60)));
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

void write_phones(const std::filesystem::path& path, const std::vector<PhoneSegment>& segments) {
  std::ofstream out(path);
  out << "#\n";
  for (const PhoneSegment& segment : segments)
    out << fmt::format("{:.4f} 125 {}\n", segment.end_s, segment.label);
  if (!out.flush()) throw SystemError(fmt::format("{}: cannot be written", path.string()));
}

bool is_pause(const std::string& label) {
  static const std::set<std::string> kPauses = {"pau", "#", "sil", "SIL", "sp", "_"};
  return kPauses.contains(label);
}

}  // namespace concertina
