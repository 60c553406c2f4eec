#include "network/unit_axes.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/common/error.h"
#include "network/layer_type.h"

namespace funcsim {
namespace {

using Owners = std::vector<std::int64_t>;

/// Owners at the last item for the units of the first.
Owners owners_of(const std::string& items, std::optional<std::int64_t> dimensions = std::nullopt) {
  const Architecture network = parse_architecture("funcsim/1: " + items);
  const auto inputs = input_dimensions(network, dimensions);
  const std::int64_t units = item_parameters(network.items.front()).front().sizes.front();
  UnitAxes axes(network.items.front(), units, inputs.front());
  for (std::size_t i = 1; i + 1 < network.items.size(); ++i) {
    axes.pass(network.items[i]);
  }
  return axes.owners(network.items.back());
}

std::string refusal(const std::string& items, std::optional<std::int64_t> dimensions = std::nullopt) {
  try {
    owners_of(items, dimensions);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(InputDimensions, AreWhatTheItemsAskFor) {
  const auto dimensions = [](const std::string& items, std::optional<std::int64_t> given = std::nullopt) {
    std::vector<std::int64_t> result;
    for (const auto& d : input_dimensions(parse_architecture("funcsim/1: " + items), given)) {
      result.push_back(d.value_or(0));
    }
    return result;
  };
  EXPECT_EQ(dimensions("Linear(2, 3); ReLU(); Linear(3, 1)"), (Owners{0, 0, 0}));
  EXPECT_EQ(dimensions("Linear(2, 3); ReLU(); Linear(3, 1)", 3), (Owners{3, 3, 3}));
  EXPECT_EQ(dimensions("ReLU(); Conv2d(1, 2, [1, 1]); Flatten(); Linear(8, 1)"), (Owners{4, 4, 4, 2}));
  EXPECT_EQ(dimensions("Linear(2, 6); Unflatten(1, [2, 3]); Conv1d(2, 1, [1])"), (Owners{2, 2, 3}));
  EXPECT_EQ(dimensions("Conv2d(1, 2, [1, 1]); Flatten(start_dim=1, end_dim=2); Flatten(start_dim=-2); Linear(8, 1)"),
            (Owners{4, 4, 3, 2}));
  EXPECT_EQ(dimensions("Linear(2, 3); Flatten(); BatchNorm1d(3)"), (Owners{0, 0, 2}));
}

TEST(UnitAxes, RowsAndTokens) {
  EXPECT_EQ(owners_of("Linear(2, 3); ReLU(); Linear(3, 1)"), (Owners{0, 1, 2}));
  EXPECT_EQ(owners_of("Linear(2, 3); PReLU(num_parameters=3); Flatten(); Linear(3, 1)"), (Owners{0, 1, 2}));
  // Token t, unit u is column 3 t + u.
  EXPECT_EQ(owners_of("Linear(2, 3); Flatten(); Linear(6, 1)"), (Owners{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(owners_of("Linear(2, 3); Flatten(start_dim=2); Linear(6, 1)", 4), (Owners{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(owners_of("Linear(2, 3); BatchNorm1d(3)"), (Owners{0, 1, 2}));
}

TEST(UnitAxes, ChannelsOwnBlocksBehindFlatten) {
  EXPECT_EQ(owners_of("Conv2d(1, 2, [1, 1]); MaxPool2d([2, 2]); Flatten(); Linear(6, 1)"), (Owners{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(owners_of("Conv2d(1, 3, [1, 1]); ReLU(); Conv2d(3, 1, [1, 1])"), (Owners{0, 1, 2}));
  EXPECT_EQ(owners_of("Conv1d(1, 2, [1]); Flatten(); BatchNorm1d(4)"), (Owners{0, 0, 1, 1}));
  EXPECT_EQ(owners_of("Conv2d(1, 2, [1, 1]); BatchNorm2d(2)"), (Owners{0, 1}));
}

TEST(UnitAxes, PartialFlattenAndUnflattenBack) {
  EXPECT_EQ(owners_of("Conv2d(1, 3, [1, 1]); Flatten(start_dim=1, end_dim=2); Unflatten(1, [3, 3]); "
                      "Flatten(start_dim=-3); Linear(18, 4)"),
            (Owners{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(owners_of("Conv2d(1, 2, [1, 1]); Flatten(); Unflatten(1, [2, -1]); Conv1d(2, 1, [1])"), (Owners{0, 1}));
  EXPECT_EQ(owners_of("Linear(2, 4); Unflatten(1, [4, 1]); Conv1d(4, 1, [1])"), (Owners{0, 1, 2, 3}));
}

TEST(UnitAxes, OrdersCommuteWithWhatIsAppliedToAllUnitsAlike) {
  const Owners all = {0, 1, 2};
  for (const std::string between : {"Tanh()", "Softmax(1)", "LogSoftmax(-1)", "LayerNorm([3])", "RMSNorm([3])",
                                    "GroupNorm(1, 3)", "GroupNorm(3, 3)", "BatchNorm1d(3)"}) {
    EXPECT_EQ(owners_of("Linear(2, 3); " + between + "; Linear(3, 1)", 2), all) << between;
  }
  EXPECT_EQ(owners_of("Linear(2, 3); GroupNorm(2, 4); LayerNorm([4, 3]); Linear(3, 1)", 3), all);
  EXPECT_NE(refusal("Linear(2, 3); LayerNorm([5, 4, 3])", 3).find("works on the last 3 axes"), std::string::npos);
  EXPECT_NE(refusal("Linear(2, 3); LayerNorm([4])", 2).find("don't fill"), std::string::npos);
}

TEST(UnitAxes, RefusesWhereUnitsMix) {
  const auto names = [](const std::string& message, const std::string& words) {
    return message.find(words) != std::string::npos;
  };
  EXPECT_TRUE(names(refusal("Linear(4, 6); MaxPool1d([2]); Linear(3, 2)"), "works across the units"));
  EXPECT_TRUE(names(refusal("Linear(4, 6); Upsample(scale_factor=[2.0]); Linear(12, 2)"), "works across the units"));
  EXPECT_TRUE(names(refusal("Conv2d(1, 4, [3, 3]); ZeroPad3d([1, 1, 1, 1, 1, 1]); Flatten(); Linear(384, 2)"),
                    "works across the units"));
  EXPECT_TRUE(
      names(refusal("Conv1d(1, 4, [3]); MaxPool2d([2, 2]); Flatten(); Linear(8, 2)"), "works across the units"));
  EXPECT_TRUE(names(refusal("Linear(4, 6); PReLU(num_parameters=5); Linear(6, 2)"), "entries of axis 1"));
  EXPECT_TRUE(names(refusal("Linear(4, 6); BatchNorm1d(5)"), "entries of axis 1"));
  EXPECT_TRUE(names(refusal("Linear(4, 6); BatchNorm1d(6)", 3), "entries of axis 1"));
  EXPECT_TRUE(names(refusal("Conv1d(2, 3, [1]); Linear(3, 2)"), "reads the last axis"));
  EXPECT_TRUE(names(refusal("Linear(4, 8); Unflatten(1, [2, 4]); Conv1d(2, 3, [1])"), "splits the 8 units"));
  EXPECT_TRUE(names(refusal("Conv1d(1, 4, [1]); Flatten(); Unflatten(1, [2, 6]); Flatten(); Linear(12, 1)"),
                    "splits the 4 units"));
  EXPECT_TRUE(names(refusal("Linear(4, 8); Unflatten(1, [1, 8]); Conv1d(1, 3, [1])"), "entries of axis 1"));
  EXPECT_TRUE(names(refusal("Conv1d(1, 4, [1]); Flatten(); Linear(10, 2)"), "don't fill evenly"));
  EXPECT_TRUE(names(refusal("Conv1d(1, 4, [1]); Flatten(); Unflatten(1, [-1, 8]); Conv1d(3, 1, [1])"),
                    "the architecture alone doesn't tell"));
  EXPECT_TRUE(names(refusal("Linear(4, 6); Flatten(start_dim=1, end_dim=2); Linear(6, 2)"),
                    "the architecture alone doesn't tell"));
}

}  // namespace
}  // namespace funcsim
