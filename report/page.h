// Tables and line charts as one self-contained HTML page, in the style of a study's report.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace concertina {

struct NamedLine {
  std::string name;
  std::vector<std::pair<double, double>> points;
};
struct LineChart {
  std::string title, x, y;  // of the axes
  std::vector<NamedLine> lines;
};

struct Page {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<ReportTable> tables;
  std::string chart_title, chart_note;
  std::vector<LineChart> charts;
  std::vector<ReportTable> last_tables;  // below the charts
};

std::string render_page(const Page& page);  // every text escaped

}  // namespace concertina
