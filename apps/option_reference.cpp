#include "apps/option_reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <regex>
#include <string_view>
#include <utility>

namespace concertina {
namespace {

constexpr std::string_view kIntroduction =
    "# Options of a pipeline file\n\n"
    "`concertina config SECTION` prints the same; this page is `concertina config --markdown`, and "
    "a "
    "test compares them.\nNumbers take the suffixes k, M and G. Relative paths start at the file's "
    "folder, `corpus.root` at the working directory.\n";

constexpr std::array<std::string_view, 3> kTraining = {"teacher.pretrain", "stage1", "stage2"};

// One line of the page: the same option of one or several sections.
struct PageLine {
  std::string group, key;
  OptionRow row;
  std::vector<std::pair<std::string, std::string>> defaults;  // section, default
};

PageLine line_of(const OptionRow& row) {
  for (const std::string_view section : kTraining) {
    if (!row.key.starts_with(fmt::format("{}.", section))) continue;
    return {"training",
            row.key.substr(section.size() + 1),
            row,
            {{std::string(section), default_text(row)}}};
  }
  return {row.key.substr(0, row.key.find('.')), row.key, row, {{"", default_text(row)}}};
}

bool same_option(const PageLine& a, const PageLine& b) {
  return a.group == b.group && a.key == b.key && a.row.help == b.row.help;
}

std::string title_of(const std::string& group) {
  if (group != "training") return fmt::format("`{}`", group);
  return fmt::format("Training: `{}`", fmt::join(kTraining, "`, `"));
}

// "450 (stage1), 650 (stage2)"; the section is said too where not all have the option.
std::string defaults_of(const PageLine& line) {
  std::vector<std::pair<std::string, std::vector<std::string>>> sections;  // by default
  for (const auto& [section, value] : line.defaults) {
    const auto found =
        std::ranges::find(sections, value, [](const auto& entry) { return entry.first; });
    if (found != sections.end()) {
      found->second.push_back(section);
    } else {
      sections.push_back({value, {section}});
    }
  }
  const bool everywhere = line.group != "training" || line.defaults.size() == kTraining.size();
  if (sections.size() == 1 && everywhere) return sections[0].first;
  std::vector<std::string> texts;
  for (const auto& [value, names] : sections)
    texts.push_back(
        fmt::format("{}{}({})", value, value.empty() ? "" : " ", fmt::join(names, ", ")));
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string escaped(std::string text) {  // a bar would end the cell
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, "\\");
  return text;
}

}  // namespace

std::string default_text(const OptionRow& row) {
  std::string text = std::regex_replace(row.default_value, std::regex("\\.0(?![0-9])"), "");
  std::erase(text, '"');
  for (size_t at = text.find(','); at != std::string::npos; at = text.find(',', at + 1))
    text.insert(at + 1, " ");
  return text;
}

std::string accepts_text(const OptionRow& row) {
  std::string text = row.type;
  if (row.choices.size() > 0) {
    text = fmt::format("{}", fmt::join(row.choices, " | "));
    if (row.type.starts_with("list")) text = "list of " + text;
  } else if (row.bounds) {
    const std::string bounds = describe(*row.bounds);
    text = row.is_number ? bounds : fmt::format("{}, {}", row.type, bounds);
    if (row.type == "whole number") text = "whole, " + bounds;
  }
  return row.unit.empty() ? text : fmt::format("{} {}", text, row.unit);
}

std::string option_page(const std::vector<OptionRow>& rows) {
  std::vector<PageLine> lines;
  for (const OptionRow& row : rows) {
    PageLine line = line_of(row);
    const auto same = std::ranges::find_if(
        lines, [&](const PageLine& other) { return same_option(line, other); });
    if (same == lines.end()) {
      lines.push_back(std::move(line));
    } else {
      same->defaults.push_back(line.defaults.front());
    }
  }
  std::ranges::stable_partition(lines, [](const PageLine& l) { return l.group != "training"; });
  std::string page(kIntroduction), group;
  for (const PageLine& line : lines) {
    if (line.group != group) {
      page += fmt::format("\n## {}\n\n| key | default | accepts | meaning |\n|---|---|---|---|\n",
                          title_of(line.group));
      group = line.group;
    }
    page += fmt::format("| `{}` | {} | {} | {} |\n", line.key, escaped(defaults_of(line)),
                        escaped(accepts_text(line.row)), escaped(line.row.help));
  }
  return page;
}

}  // namespace concertina
