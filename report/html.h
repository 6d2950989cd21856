// The frame of a page: its style, title and sections. Private to report/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concertina {

struct Picture {
  std::string title, svg;
};

std::string html_page(std::string_view title, std::string_view body);
// "" where the body is empty.
std::string section(std::string_view title, std::string_view note, std::string_view body);
std::string pictures(const std::vector<Picture>& all);  // side by side; "" where all are empty

}  // namespace concertina
