#include "apps/score_table.h"
namespace concertina { ReportTable read_score_table(const std::filesystem::path&) { return {}; } }
