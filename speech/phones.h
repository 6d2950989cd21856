// Labels of phones, as read_phones() gives them.
#pragma once

#include <string>

namespace concertina {

bool is_pause(const std::string& label);  // in the notations of known corpora

}  // namespace concertina
