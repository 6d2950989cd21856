#include "distill/data/options.h"

namespace concertina {
namespace {

constexpr Bounds kCounts{1, 100000};
constexpr Bounds kLengths{0.1, 3600};  // of audio, s
constexpr double kShortestCrop = 0.3;  // seconds

}  // namespace

void check_option(ConfigSection& section, std::string_view key, bool fine,
                  const std::string& expected) {
  if (!fine) section.problem(key, "expected " + expected);
}

void read_batch(ConfigSection section, BatchOptions& o) {
  section.read("crops", o.crops, kCounts);
  section.read("seconds", o.seconds, kLengths);
  section.read("within_clips", o.within_clips);
  section.read("whole_clips", o.whole_clips);
  if (o.within_clips) o.shortest = kShortestCrop;
  section.read("budget", o.budget, {0, 1e6});
  section.read("longest", o.longest, kLengths);
  section.read("shortest", o.shortest, kLengths);
  check_option(section, "shortest", o.shortest > 0, "a positive length");
  check_option(section, "within_clips", !o.within_clips || !o.whole_clips,
               "one of it and whole_clips");
  check_option(section, "longest", o.longest >= o.shortest, "at least `shortest` seconds");
  check_option(section, "budget", o.budget >= o.longest, "at least `longest` seconds");
  ConfigSection sources = section.section("sources");
  for (const std::string& name : sources.keys()) {
    double weight = 1;
    sources.read(name, weight, {0, 1e6});
    check_option(sources, name, !o.whole_clips || weight == 0 || weight == 1,
                 "0 (leave it out) or 1: with whole_clips every clip is read once an epoch");
    o.source_weight[name] = weight;
  }
}

void read_cache(ConfigSection section, CacheDtype& dtype) {
  auto index = static_cast<int32_t>(dtype);
  section.read_choice("dtype", {"none", "fp16", "int8"}, index);
  dtype = static_cast<CacheDtype>(index);
}

}  // namespace concertina
