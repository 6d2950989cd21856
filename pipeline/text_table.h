// Aligned columns of text for the terminal.
#pragma once

#include <string>
#include <vector>

namespace concertina {

// One row a line, the first as the head; cells are padded to the widest of their column, numbers to
// the right.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace concertina
