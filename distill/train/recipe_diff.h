// In which keys two recipes (distill/train/recipe.h) differ, and which of these a run may change while it
// goes on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

struct RecipeChange {
  std::string key;          // dotted: stage1.optimizer.lr
  std::string before, now;  // JSON; "nothing" where a recipe has no such key
};

struct RecipeChanges {
  // Change no step that was made: validation, and more steps. The learning rate goes on as that of
  // a run that has had the new number of steps from its start.
  std::vector<RecipeChange> free;
  std::vector<RecipeChange> binding;  // all others: a run of these settings is another run
};

// `done`: steps made by the run of recipe `before`. Binding too: fewer steps than are done, and
// other steps while `progressive` is still opening the space by them.
RecipeChanges changes_between(const std::string& before, const std::string& now, int64_t done);

// "stage1.steps was 450 and is 900, seed was 0 and is 1".
std::string describe(const std::vector<RecipeChange>& changes);

}  // namespace concertina
