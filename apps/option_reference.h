// Options as text: cells of a table, and the page docs/config.md.
#pragma once

#include <string>
#include <vector>

#include "core/option_table.h"

namespace concertina {

std::string default_text(const OptionRow& row);  // as YAML
std::string accepts_text(const OptionRow& row);  // "0.1 to 3600 s", "auto | fp32 | bf16"

// A table for each section. Options that teacher.pretrain, stage1 and stage2 share are in one
// table, with the defaults of each where these differ.
std::string option_page(const std::vector<OptionRow>& rows);

}  // namespace concertina
