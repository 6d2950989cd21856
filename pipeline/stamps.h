// Stamps record which stages of a workspace are up to date. A stamp is a file with the hash of
// everything that a stage depends on and its state: "HASH started" or "HASH done".
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "pipeline/stage.h"

namespace concertina {

// Not thread-safe.
class Stamps {
 public:
  explicit Stamps(std::filesystem::path folder);  // made by the first stamp

  // Hash of the stage's name, settings and inputs, which have been added before.
  const std::string& add(const Stage& stage);
  bool is_started(const Stage& stage) const { return is(stage, "started"); }  // and not done
  bool is_up_to_date(const Stage& stage) const;  // done, with all its outputs
  void set_started(const Stage& stage) const { set(stage, "started"); }
  void set_done(const Stage& stage) const { set(stage, "done"); }

 private:
  struct Added {
    std::string hash;
    std::function<std::optional<std::string>()> content;
  };
  bool is(const Stage& stage, std::string_view state) const;
  void set(const Stage& stage, std::string_view state) const;
  std::string text(const Stage& stage, std::string_view state) const;
  std::string hash_for_dependents(const std::string& stage) const;

  std::filesystem::path folder_;
  std::map<std::string, Added> added_;
};

}  // namespace concertina
