#include "report/page.h"

#include <fmt/format.h>

#include "report/figures.h"
#include "report/html.h"
#include "report/tables.h"
#include "report/text.h"

namespace concertina {
namespace {

std::string sections_of(const std::vector<ReportTable>& tables) {
  std::string body;
  for (const ReportTable& table : tables)
    body += section(table.title, table.note, html_table(table));
  return body;
}

}  // namespace

std::string render_page(const Page& page) {
  std::vector<Picture> charts;
  for (const LineChart& chart : page.charts) charts.push_back({chart.title, line_figure(chart)});
  return html_page(page.title, fact_list(page.facts) + sections_of(page.tables) +
                                   section(page.chart_title, page.chart_note, pictures(charts)) +
                                   sections_of(page.last_tables));
}

}  // namespace concertina
