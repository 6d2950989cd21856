// A teacher as objectives know it: its name and what their sizes follow from.
#pragma once

#include <cstdint>
#include <string>

#include "supernet/model/supernet.h"

namespace concertina {

// The name of a pipeline's first teacher, that of `teacher:`.
inline constexpr const char* kFirstTeacher = "teacher";

struct TeacherSize {
  int32_t depth = 0;     // layers
  int32_t dim = 0;       // width of hidden states; 0: not known yet
  int32_t head_dim = 0;  // of an attention head
  int32_t units = 0;     // of its unit head; 0: its file has none
  std::string name = kFirstTeacher;
};

TeacherSize size_of(const Supernet& teacher, std::string name = kFirstTeacher);

// Whether rows of both can be averaged; true where a width is not known.
bool have_equal_sizes(const TeacherSize& a, const TeacherSize& b);

}  // namespace concertina
