#include "supernet/container/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/container/pickles.h"

namespace concertina {
namespace {

using Kind = PickleValue::Kind;
using testing::bytes_of;
using testing::class_op;
using testing::pickle;
using testing::text_op;

class Loaded {
 public:
  explicit Loaded(std::string program)
      : program_(std::move(program)), in_(bytes_of(program_), "p.pkl"), pickle_(in_) {}
  const PickleValue& root() const { return pickle_.root(); }
  uint64_t end() const { return in_.at(); }

 private:
  std::string program_;
  ByteReader in_;
  Pickle pickle_;
};

std::string error_of(const std::string& program) {
  try {
    Loaded loaded(program);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string raw(std::string_view text) { return std::string(text); }

TEST(Pickle, Scalars) {
  using namespace std::string_view_literals;
  const Loaded loaded(
      pickle(raw("(N\x88\x89J\xfe\xff\xff\xffK\x07M\x01\x02"
                 "\x8a\x02\xff\x7f\x8a\x01\xff\x8a\x00"
                 "\x8b\x01\x00\x00\x00\x05"
                 "\x8a\x09"
                 "123456789"
                 "G\x3f\xf8\x00\x00\x00\x00\x00\x00"
                 "C\x02"
                 "ab\x8c\x01zl"sv)));
  const auto& items = loaded.root().items;
  ASSERT_EQ(items.size(), 14u);
  EXPECT_TRUE(items[0]->is(Kind::kNone));
  EXPECT_TRUE(items[1]->is(Kind::kBool) && items[1]->integer == 1);
  EXPECT_EQ(items[2]->integer, 0);
  EXPECT_EQ(items[3]->integer, -2);
  EXPECT_EQ(items[4]->integer, 7);
  EXPECT_EQ(items[5]->integer, 0x201);
  EXPECT_EQ(items[6]->integer, 0x7fff);
  EXPECT_EQ(items[7]->integer, -1);
  EXPECT_EQ(items[8]->integer, 0);
  EXPECT_EQ(items[9]->integer, 5);
  EXPECT_TRUE(items[10]->is(Kind::kBytes));  // too long for an integer of ours
  EXPECT_EQ(items[10]->text, "123456789");
  EXPECT_EQ(items[11]->real, 1.5);
  EXPECT_EQ(items[12]->text, "ab");
  EXPECT_EQ(items[13]->text, "z");
}

TEST(Pickle, ContainersAndMemo) {
  const Loaded loaded(pickle("}q" + raw({"\0", 1}) + "(" + text_op("a") + "]q\1(K\1K\2eK\3a" +
                             text_op("b") + "h\1" + text_op("c") + "K\4K\5\x86" + text_op("d") +
                             "\x8f(K\6\x90" + "u"));
  EXPECT_EQ(loaded.root().find("a")->items.size(), 3u);
  EXPECT_EQ(loaded.root().find("a"), loaded.root().find("b"));  // shared, not copied
  EXPECT_EQ(loaded.root().find("c")->items[1]->integer, 5);
  EXPECT_TRUE(loaded.root().find("d")->is(Kind::kSet));
  EXPECT_EQ(loaded.root().find("e"), nullptr);
  EXPECT_EQ(loaded.root().items[0]->find("a"), nullptr);  // no dict
}

TEST(Pickle, LaterKeysWin) {
  const Loaded loaded(pickle("}" + text_op("a") + "K\1s" + text_op("a") + "K\2s"));
  EXPECT_EQ(loaded.root().find("a")->integer, 2);
}

TEST(Pickle, OrderedDictsAreDicts) {
  const Loaded new_style(
      pickle(class_op("collections", "OrderedDict") + ")R" + text_op("k") + "K\1s}b"));
  EXPECT_EQ(new_style.root().find("k")->integer, 1);
  const Loaded old_style(
      pickle(class_op("collections", "OrderedDict") + "(]](" + text_op("k") + "K\1eatR"));
  EXPECT_EQ(old_style.root().find("k")->integer, 1);
}

TEST(Pickle, CallsAreRecordedAndNeverMade) {
  const Loaded loaded(
      pickle(class_op("os", "system") + "(" + text_op("exit 1") + "tR}(" + text_op("x") + "K\1ub"));
  const PickleValue& record = loaded.root();
  ASSERT_TRUE(record.is(Kind::kRecord));
  EXPECT_TRUE(record.items[0]->is_class("os", "system"));
  EXPECT_EQ(record.items[1]->items[0]->text, "exit 1");
  EXPECT_EQ(record.items[2]->find("x")->integer, 1);
}

TEST(Pickle, ObjectsOfProtocolFour) {
  const Loaded loaded("\x80\x04\x95" + raw({"\0\0\0\0\0\0\0\0", 8}) +
                      "\x8c\x03mod\x94\x8c\x04Name\x94\x93)}\x92" + "(" + text_op("k") + "K\1u.");
  ASSERT_TRUE(loaded.root().is(Kind::kRecord));
  EXPECT_TRUE(loaded.root().items[0]->is_class("mod", "Name"));
}

TEST(Pickle, AListMayContainItself) {
  const Loaded loaded(pickle("]q\1h\1a"));
  EXPECT_EQ(loaded.root().items[0], &loaded.root());
}

TEST(Pickle, LeavesTheReaderAfterItsEnd) { EXPECT_EQ(Loaded(pickle("N") + "rest").end(), 4u); }

TEST(Pickle, ErrorsNameTheByte) {
  using ::testing::HasSubstr;
  EXPECT_THAT(error_of(pickle("Nt")), HasSubstr("at byte 3: the pickle pops to a mark"));
  EXPECT_THAT(error_of(pickle("0")), HasSubstr("at byte 2: the pickle pops a value"));
  EXPECT_THAT(error_of(pickle("NI1\n")), HasSubstr("at byte 3: pickle opcode 0x49"));
  EXPECT_THAT(error_of("\x80\x05N."), HasSubstr("protocol 5"));
  EXPECT_THAT(error_of(pickle("X\xff\xff\xff\xff")), HasSubstr("at byte 7: 4294967295 bytes"));
  EXPECT_THAT(error_of(pickle("h\7")), HasSubstr("recalls value 7"));
  EXPECT_THAT(error_of(pickle("NNR")), HasSubstr("calls what is no class"));
  EXPECT_THAT(error_of(pickle("ca\nb\nNR")), HasSubstr("no tuple of arguments"));
  EXPECT_THAT(error_of(pickle("NN\x93")), HasSubstr("a class has no name"));
  EXPECT_THAT(error_of(pickle("}(Nu")), HasSubstr("a key without a value"));
  EXPECT_THAT(error_of(pickle("NNa")), HasSubstr("holds none of their kind"));
  EXPECT_THAT(error_of(pickle("cno line")), HasSubstr("a line has no end"));
  EXPECT_THAT(error_of("\x80\x02N"), HasSubstr("at byte 3: 1 bytes are needed"));
  EXPECT_THAT(error_of(std::string(2 << 20, 'N')), HasSubstr("more than 1048576 operations"));
}

}  // namespace
}  // namespace concertina
