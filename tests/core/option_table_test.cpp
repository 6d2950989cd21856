#include "core/option_table.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "core/precision.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Shape { kRound, kSquare, kOdd };

}  // namespace

template <>
inline constexpr auto kEnumNames<Shape> = name_table("round", "square", "odd");

namespace {

struct Inner {
  int32_t count = 3;
  NumberRange snr{-5, 5};
};

struct Outer {
  double rate = 1.5e-3;
  Shape shape = Shape::kSquare;
  std::filesystem::path clips;
  std::map<std::string, double> weights;
  std::vector<std::string> tasks = {"pr"};
  std::vector<int32_t> layers = {2, 4};
  bool keep = true;
  uint64_t seed = 0;
  double first = 1, second = 2;
  Inner inner;
  std::optional<Inner> extra;
};

const OptionTable<Inner>& inner_table() {
  using O = Inner;
  static const OptionTable<O> table = {
      option("count", &O::count, "of things").within({1, 100}),
      option("snr", &O::snr, "of noise").within({-100, 100}).unit("dB"),
  };
  return table;
}

const OptionTable<Outer>& outer_table() {
  using O = Outer;
  static const OptionTable<O> table = {
      option("rate", &O::rate, "peak rate").within({0, 1}),
      option("shape", &O::shape, "of it").among({Shape::kRound, Shape::kSquare}),
      option("clips", &O::clips, "a manifest").relative_to_file().not_in_fingerprint(),
      option("weights", &O::weights, "by source").within({0, 10}),
      option("tasks", &O::tasks, "scored").one_of({"pr", "sid"}),
      option("layers", &O::layers, "compared").within({1, 100}),
      option("keep", &O::keep, "or not").in_fingerprint_if([](const O& o) { return !o.keep; }),
      option("seed", &O::seed, "of all draws").within(kSeedBounds),
      subsection("pair", OptionTable<O>{option("first", &O::first, "of two").within({0, 9}),
                                        option("second", &O::second, "of two").within({0, 9})})
          .require([](const O& o) { return o.second >= o.first; }, "expected at least `first`",
                   "pair.second"),
      subsection("inner", &O::inner, inner_table()),
      subsection("extra", &O::extra, inner_table()),
      described<O>("space", "path or map", "the search space"),
  };
  return table;
}

Outer read(const std::string& text) {
  ConfigFile file = ConfigFile::parse(text, "c.yaml");
  Outer outer;
  outer_table().read(file.root(), outer);
  file.finish();
  return outer;
}

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

TEST(OptionTable, ReadsEveryType) {
  const Outer outer = read(
      "rate: 0.5\nshape: round\nclips: a.tsv\nweights: {x: 2}\ntasks: [sid, pr]\nlayers: 7\n"
      "keep: no\nseed: 9007199254740992\npair: {second: 3}\ninner: {count: 4, snr: [0, 1]}\n"
      "extra: {count: 5}\n");
  EXPECT_EQ(outer.rate, 0.5);
  EXPECT_EQ(outer.shape, Shape::kRound);
  EXPECT_EQ(outer.clips, "a.tsv");
  EXPECT_EQ(outer.weights.at("x"), 2);
  EXPECT_THAT(outer.tasks, ElementsAre("sid", "pr"));
  EXPECT_THAT(outer.layers, ElementsAre(7));
  EXPECT_FALSE(outer.keep);
  EXPECT_EQ(outer.seed, 9007199254740992u);
  EXPECT_EQ(outer.second, 3);
  EXPECT_EQ(outer.inner.count, 4);
  EXPECT_EQ(outer.inner.snr.high, 1);
  ASSERT_TRUE(outer.extra);
  EXPECT_EQ(outer.extra->count, 5);
  EXPECT_FALSE(read("").extra);
}

TEST(OptionTable, ReportsEveryProblemWithItsPlace) {
  EXPECT_EQ(error_of("rate: 2\nshape: odd\nweights: {x: 11}\ntasks: [pr, sit]\nlayers: [1, 0]\n"
                     "pair: {first: 5}\ninner:\n  snr: [2, 1]\n  cont: 1\n"),
            "c.yaml:1:7: rate: expected 0 to 1, found '2'\n"
            "c.yaml:2:8: shape: expected one of round, square, found 'odd'\n"
            "c.yaml:3:14: weights.x: expected 0 to 10, found '11'\n"
            "c.yaml:4:13: tasks.1: expected one of pr, sid, found 'sit' (did you mean 'sid'?)\n"
            "c.yaml:5:13: layers.1: expected 1 to 100, found '0'\n"
            "c.yaml:6:1: pair.second: expected at least `first`\n"
            "c.yaml:8:3: inner.snr: expected [lowest, highest] within -100 to 100\n"
            "c.yaml:9:3: inner.cont: unknown key (did you mean 'count'?)");
}

TEST(OptionTable, WritesTheFingerprintInItsOrder) {
  Outer outer;
  outer.clips = "a.tsv";
  EXPECT_EQ(
      outer_table().fingerprint_json(outer),
      R"({"rate":0.0015,"shape":"square","weights":{},"tasks":["pr"],"layers":[2,4],"seed":0,)"
      R"("pair":{"first":1.0,"second":2.0},"inner":{"count":3,"snr":[-5.0,5.0]}})");
  outer.keep = false;
  outer.extra.emplace();
  EXPECT_THAT(outer_table().fingerprint_json(outer), HasSubstr(R"("keep":false)"));
  EXPECT_THAT(outer_table().fingerprint_json(outer), HasSubstr(R"("extra":{"count":3)"));
}

TEST(OptionTable, ListsRows) {
  const std::vector<OptionRow> rows = outer_table().list("root", {});
  ASSERT_EQ(rows.size(), 15u);
  EXPECT_EQ(rows[0].key, "root.rate");
  EXPECT_EQ(rows[0].type, "number");
  EXPECT_EQ(rows[0].default_value, "0.0015");
  EXPECT_EQ(rows[0].bounds->high, 1);
  EXPECT_TRUE(rows[0].is_number);
  EXPECT_THAT(rows[1].choices, ElementsAre("round", "square"));
  EXPECT_EQ(rows[1].default_value, "\"square\"");
  EXPECT_EQ(rows[2].default_value, "");
  EXPECT_EQ(rows[9].key, "root.pair.second");
  EXPECT_EQ(rows[11].unit, "dB");
  EXPECT_EQ(rows[12].key, "root.extra.count");
  EXPECT_EQ(rows[14].type, "path or map");
}

TEST(EnumNames, AreReadAndWritten) {
  EXPECT_EQ(enum_name(Precision::kBf16), "bf16");
  EXPECT_EQ(enum_from_name<Precision>("dtype", "half"), Precision::kHalf);
  EXPECT_THAT(enum_names<Precision>(), ElementsAre("auto", "fp32", "bf16", "half"));
  try {
    enum_from_name<Precision>("dtype", "bf61");
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "dtype is 'bf61' (did you mean 'bf16'?): expected one of auto, fp32, bf16, half");
  }
}

}  // namespace
}  // namespace concertina
