#include "distill/data/options.h"

#include "core/option_table.h"

namespace concertina {
namespace {

using O = BatchOptions;

constexpr Bounds kLengths{0.1, 3600};  // of audio, s
constexpr double kShortestCrop = 0.3;  // seconds

bool whole_clips(const O& o) { return o.whole_clips; }
bool crops(const O& o) { return !o.whole_clips; }

void check_sources(const O& o, ConfigSection section) {
  ConfigSection sources = section.section("sources");
  for (const auto& [name, weight] : o.source_weight) {
    if (!o.whole_clips || weight == 0 || weight == 1) continue;
    sources.problem(name,
                    "expected 0 (leave it out) or 1: with whole_clips every clip is read once an "
                    "epoch");
  }
}

}  // namespace

const OptionTable<BatchOptions>& batch_table() {
  static const OptionTable<O> table = {
      option("crops", &O::crops, "crops per step").within({1, 100000}).in_fingerprint_if(crops),
      option("seconds", &O::seconds, "length of a crop")
          .within(kLengths)
          .unit("s")
          .in_fingerprint_if(crops),
      option(
          "sources", &O::source_weight,
          "sampling weight of each source per minute of audio, by the start of its name; default 1")
          .within({0, 1e6})
          .in_fingerprint_if(crops)
          .check(check_sources),
      option("within_clips", &O::within_clips,
             "crops of one clip each; shorter clips give shorter crops")
          .in_fingerprint_if([](const O& o) { return o.within_clips && !o.whole_clips; })
          .then([](O& o) {
            if (o.within_clips) o.shortest = kShortestCrop;
          })
          .require([](const O& o) { return !o.within_clips || !o.whole_clips; },
                   "expected one of it and whole_clips"),
      option("whole_clips", &O::whole_clips, "whole clips instead of crops")
          .in_fingerprint_if(whole_clips),
      option("budget", &O::budget, "audio of a batch of whole clips, padding included")
          .within({0, 1e6})
          .unit("s")
          .in_fingerprint_if(whole_clips)
          .require([](const O& o) { return o.budget >= o.longest; },
                   "expected at least `longest` seconds"),
      option("longest", &O::longest, "longer whole clips are cropped")
          .within(kLengths)
          .unit("s")
          .in_fingerprint_if(whole_clips)
          .require([](const O& o) { return o.longest >= o.shortest; },
                   "expected at least `shortest` seconds"),
      option("shortest", &O::shortest,
             "shorter clips are excluded; for whole_clips and within_clips (there 0.3 by default)")
          .within(kLengths)
          .unit("s")
          .in_fingerprint_if([](const O& o) { return o.within_clips || o.whole_clips; }),
      // Fingerprints of whole clips have them last.
      option("sources", &O::source_weight, "").only_in_fingerprint().in_fingerprint_if(whole_clips),
  };
  return table;
}

}  // namespace concertina
