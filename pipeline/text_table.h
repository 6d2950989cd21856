// Aligned columns of text for the terminal.
#pragma once

#include <string>
#include <vector>

namespace concertina {

// One line per row, the first with the column names; cells are padded to the widest of their
// column, numbers right-aligned.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace concertina
