// The only writer to stderr, shared by the log and the progress bar so that neither overwrites the
// other. Internal to core. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace concertina::detail {

bool stderr_is_terminal();   // and one that understands cursor movement
int32_t terminal_columns();  // of stderr; 80 when unknown

// Replaces the bar on the last line; one line, no control characters.
void show_bar(std::string text);
void hide_bar();
void print_line(std::string_view text);                    // above the bar
void write_above_bar(const std::function<void()>& write);  // `write` prints whole lines to stderr

}  // namespace concertina::detail
