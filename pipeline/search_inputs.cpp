#include "pipeline/search_inputs.h"

#include <algorithm>

#include "pipeline/study_setup.h"
#include "supernet/model/model_file.h"

namespace concertina {

bool SearchInputs::wants(const std::string& metric) const {
  return std::ranges::count(searched_metrics(config.search), metric) > 0;
}

std::shared_ptr<const DistillScore> distill_score(const SearchInputs& inputs, Split split) {
  if (!inputs.wants(kDistillMetric)) return nullptr;
  const Supernet teacher = load_model(inputs.space.teacher(), Reading::kCopied);
  return std::make_shared<DistillScore>(teacher.slice(teacher.space().largest()),
                                        load_objective(inputs.space.objective(2)), *inputs.manifest,
                                        split, distill_score_options(inputs.config));
}

}  // namespace concertina
