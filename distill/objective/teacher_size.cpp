#include "distill/objective/teacher_size.h"

#include <utility>

#include "supernet/model/unit_head.h"

namespace concertina {

TeacherSize size_of(const Supernet& teacher, std::string name) {
  const Architecture shape = teacher.space().largest();
  return {.depth = shape.depth(),
          .dim = shape.embed_dim(),
          .head_dim = teacher.blueprint().head_dim,
          .units = static_cast<int32_t>(unit_count(teacher.weights())),
          .name = std::move(name)};
}

bool have_equal_sizes(const TeacherSize& a, const TeacherSize& b) {
  if (a.depth != b.depth) return false;
  if (a.dim == 0 || b.dim == 0) return true;
  return a.dim == b.dim && a.head_dim == b.head_dim;
}

}  // namespace concertina
