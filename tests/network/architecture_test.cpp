#include "network/architecture.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/common/error.h"
#include "network/layer_type.h"

namespace funcsim {
namespace {

using Integers = std::vector<std::int64_t>;

std::string refusal(const std::string& text) {
  try {
    parse_architecture(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Architecture, ReadsItemsInOrderWithTheirArguments) {
  const Architecture network = parse_architecture(
      "funcsim/1: Conv2d(1, 8, [3, 5], padding=same, bias=false); LeakyReLU(negative_slope=2e-1); Flatten(); "
      "Linear(512, 10)");
  ASSERT_EQ(network.items.size(), 4U);
  EXPECT_EQ(network.items[0].type->name, "Conv2d");
  EXPECT_EQ(network.items[0].integer("in_channels"), 1);
  EXPECT_EQ(network.items[0].integer("out_channels"), 8);
  EXPECT_EQ(network.items[0].integers("kernel_size"), (Integers{3, 5}));
  EXPECT_TRUE(network.items[0].is_word("padding", "same"));
  EXPECT_FALSE(network.items[0].boolean("bias"));
  EXPECT_DOUBLE_EQ(network.items[1].real("negative_slope"), 0.2);
  EXPECT_EQ(network.items[3].integer("out_features"), 10);
}

TEST(Architecture, FillsInDefaults) {
  const Architecture network = parse_architecture("funcsim/1: Conv1d(2, 4, [3]); MaxPool1d([2]); RMSNorm([4])");
  EXPECT_EQ(network.items[0].integers("stride"), Integers{1});
  EXPECT_EQ(network.items[0].integers("padding"), Integers{0});
  EXPECT_EQ(network.items[0].integer("groups"), 1);
  EXPECT_TRUE(network.items[0].boolean("bias"));
  EXPECT_EQ(network.items[0].word("padding_mode"), "zeros");
  EXPECT_FALSE(network.items[2].has("eps"));
  EXPECT_FALSE(network.items[0].is_word("padding", "same"));
}

TEST(Architecture, IsTolerantOfSpaceOrderAndSpelledOutDefaults) {
  const Architecture network =
      parse_architecture("funcsim/1 :\n\tLinear ( bias = true ,out_features=3 , in_features= 2 )\r\n ;ReLU( ) ");
  ASSERT_EQ(network.items.size(), 2U);
  EXPECT_EQ(network.items[0].integer("in_features"), 2);
  EXPECT_EQ(network.items[0].integer("out_features"), 3);
  EXPECT_EQ(item_place(network, 0), "item 0 (Linear ( bias = true ,out_features=3 , in_features= 2 ))");
  EXPECT_EQ(parse_architecture("funcsim/1: RMSNorm([4], eps=none)").items.size(), 1U);
}

TEST(Architecture, AnEmptyNetworkHasNoItems) {
  EXPECT_TRUE(parse_architecture("funcsim/1:").items.empty());
  EXPECT_TRUE(parse_architecture("funcsim/1: \n").items.empty());
}

TEST(Architecture, ReadsNumbersInEveryForm) {
  for (const auto& [text, value] : std::vector<std::pair<std::string, double>>{
           {"0.5", 0.5}, {"1e-05", 1e-5}, {"2E+3", 2000.0}, {"3", 3.0}, {"7.", 7.0}, {"1.5e2", 150.0}}) {
    EXPECT_DOUBLE_EQ(parse_architecture("funcsim/1: ELU(alpha=" + text + ")").items[0].real("alpha"), value) << text;
  }
  for (const std::string text : {".5", "+1", "1e", "1e+", "-", "--1", "0x1", "1_0"}) {
    EXPECT_NE(refusal("funcsim/1: ELU(alpha=" + text + ")"), "accepted") << text;
  }
}

TEST(Architecture, ErrorsPointAtTheItem) {
  EXPECT_EQ(refusal("funcsim/1: Linear(2, 3); ReLU(); Linear(3, 4, 5)"),
            "architecture: item 2 (Linear(3, 4, 5)): Linear takes 2 positional arguments (in_features, out_features), "
            "got one more: 5");
  EXPECT_EQ(refusal("funcsim/1: Linear(2)"),
            "architecture: item 0 (Linear(2)): Linear needs the argument out_features");
  EXPECT_EQ(refusal("funcsim/1: Linear(2, 3, bias=1)"),
            "architecture: item 0 (Linear(2, 3, bias=1)): bias must be true or false, got 1");
  EXPECT_EQ(refusal("funcsim/1: Conv2d(1, 2, [3])"),
            "architecture: item 0 (Conv2d(1, 2, [3])): kernel_size must be a list of 2 integers, got [3] with 1");
}

TEST(Architecture, ChecksTheRangeOfNumbers) {
  EXPECT_EQ(refusal("funcsim/1: Linear(0, 3)"),
            "architecture: item 0 (Linear(0, 3)): in_features must be at least 1, got 0");
  EXPECT_EQ(
      refusal("funcsim/1: Linear(9223372036854775808, 3)"),
      "architecture: item 0 (Linear(9223372036854775808, 3)): in_features must fit 64 bits, got 9223372036854775808");
  EXPECT_EQ(refusal("funcsim/1: ELU(alpha=1e999)"),
            "architecture: item 0 (ELU(alpha=1e999)): alpha must be in the range of float64, got 1e999");
}

TEST(Architecture, ErrorsOfTheWholeText) {
  EXPECT_EQ(refusal(""), "architecture: must start with funcsim/1: got an empty text");
  EXPECT_EQ(refusal("funcsim/2: ReLU()"),
            "architecture: this library reads version 1 of the language, got version \"2\"");
  EXPECT_EQ(refusal("funcsim/1: ReLU() ReLU()"), "architecture: expected ; or the end after item 0, got \"R\"");
  EXPECT_NE(refusal("funcsim/1: h = ReLU()").find("reserved for a later version"), std::string::npos);
  EXPECT_NE(refusal("funcsim/1: Relu()").find("there is no layer type Relu; supported are Linear, "),
            std::string::npos);
}

TEST(Architecture, MessagesStayShortAndPrintable) {
  const std::string message = refusal("funcsim/1: " + std::string(5000, 'A') + "(\x01)");
  EXPECT_LT(message.size(), 2000U);
  const std::string binary = refusal(std::string("funcsim/1: Linear(2, \x01)"));
  EXPECT_NE(binary.find("\\x01"), std::string::npos);
}

TEST(Architecture, HasLimits) {
  EXPECT_NE(refusal("funcsim/1: " + std::string(std::size_t{1} << 20, ' ')).find("1 MiB"), std::string::npos);
  std::string text = "funcsim/1: ReLU()";
  for (int i = 0; i < 100'000; ++i) {
    text += ";ReLU()";
  }
  EXPECT_NE(refusal(text).find("at most 100000 items"), std::string::npos);
}

}  // namespace
}  // namespace funcsim
