#include "report/html.h"

#include <fmt/format.h>

#include "report/text.h"

namespace concertina {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1d2329; --muted: #66707a; --rule: #dfe3e6; --soft: #f3f5f6;
  --dot: #b4bcc4; --front: #1f6f8b; --chosen: #d1603d; --c1: #b07d2b; --c2: #6a5acd; --c3: #3c8d5a; --c4: #a3466b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e4e8eb; --muted: #94a0aa; --rule: #2d353c;
  --soft: #1b2126; --dot: #55616b; --front: #5fb6d3; --chosen: #f08a64; --c1: #d9ab5e; --c2: #a79bf0; --c3: #74c492; --c4: #de88aa; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 61rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.75rem; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 1.25rem; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 2.75rem 0 0.35rem; }
h3 { font-size: 0.95rem; font-weight: 600; margin: 0 0 0.35rem; }
p.note { color: var(--muted); margin: 0 0 0.9rem; max-width: 46rem; font-size: 0.92rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.9rem 2.25rem; margin: 0; padding: 1rem 0; border: solid var(--rule); border-width: 1px 0; }
.facts dt { color: var(--muted); font-size: 0.78rem; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
article { border: 1px solid var(--rule); border-left: 3px solid var(--chosen); border-radius: 4px; padding: 0.8rem 1rem; min-width: 0; }
article p { margin: 0 0 0.6rem; font-size: 0.9rem; } article span { display: inline-block; margin-right: 0.9rem; color: var(--muted); }
article b { color: var(--ink); }
pre { margin: 0; padding: 0.55rem 0.7rem; background: var(--soft); border-radius: 4px; font-size: 0.8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; } code { font-size: 0.85em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.86rem; }
th { text-align: left; font-weight: 600; color: var(--muted); vertical-align: bottom; } td, th { padding: 0.32rem 0.9rem 0.32rem 0; border-bottom: 1px solid var(--rule); }
.n { text-align: right; white-space: nowrap; } td code { white-space: nowrap; } tr.picked td { background: color-mix(in srgb, var(--chosen) 9%, transparent); }
.badge { display: inline-block; padding: 0 0.45rem; border-radius: 9px; background: var(--chosen); color: var(--paper); font-size: 0.75rem; font-weight: 600; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--muted); } svg .title { fill: var(--ink); }
.grid { stroke: var(--rule); } .axis { stroke: var(--muted); } .guide { stroke: var(--muted); stroke-dasharray: 4 4; }
svg path { fill: none; stroke-width: 1.75; stroke-linejoin: round; } .front-line { stroke: var(--front); } .line { stroke: var(--front); }
.trial { fill: var(--dot); fill-opacity: 0.75; } .front { fill: var(--front); } .dot { fill: var(--front); }
.chosen { fill: none; stroke: var(--chosen); stroke-width: 2.5; pointer-events: all; }
.line.s1 { stroke: var(--c1); } .dot.s1 { fill: var(--c1); } .line.s2 { stroke: var(--c2); } .dot.s2 { fill: var(--c2); }
.line.s3 { stroke: var(--c3); } .dot.s3 { fill: var(--c3); } .line.s4 { stroke: var(--c4); } .dot.s4 { fill: var(--c4); }
.line.faint { stroke: var(--dot); stroke-width: 1.25; }
details { margin-top: 0.75rem; } summary { cursor: pointer; color: var(--muted); }
)css";

}  // namespace

std::string html_page(std::string_view title, std::string_view body) {
  const std::string text = escape_html(title);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n{}"
      "</body>\n</html>\n",
      text, kStyle, text, body);
}

std::string section(std::string_view title, std::string_view note, std::string_view body) {
  if (body.empty()) return "";
  const std::string hint =
      note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>\n", escape_html(note));
  return fmt::format("<section>\n<h2>{}</h2>\n{}{}</section>\n", escape_html(title), hint, body);
}

std::string pictures(const std::vector<Picture>& all) {
  std::string body;
  for (const Picture& p : all) {
    if (!p.svg.empty())
      body += fmt::format("<figure style=\"margin:0\"><h3>{}</h3>\n{}</figure>\n",
                          escape_html(p.title), p.svg);
  }
  return body.empty() ? "" : fmt::format("<div class=\"pair\">\n{}</div>\n", body);
}

}  // namespace concertina
