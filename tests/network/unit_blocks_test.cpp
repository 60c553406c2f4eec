#include "network/unit_blocks.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/common/error.h"
#include "tensors.h"

namespace funcsim {
namespace {

using Starts = std::vector<std::int64_t>;

/// A network of these items with parameters of zeros.
Network network_of(const std::string& items) {
  const std::string text = "funcsim/1: " + items;
  std::vector<torch::stable::Tensor> parameters;
  for (const Item& item : parse_architecture(text).items) {
    for (const ParameterSpec& spec : item_parameters(item)) {
      parameters.push_back(doubles(spec.sizes, std::vector<double>(element_count(spec.sizes))));
    }
  }
  return {text, parameters, "network"};
}

std::vector<UnitBlocks> blocks_of(const std::string& items) {
  const Network network = network_of(items);
  return find_unit_blocks(network, find_unit_places(network, std::nullopt));
}

TEST(UnitBlocks, AreOneWithoutGroups) {
  const auto blocks = blocks_of("Conv2d(1, 4, [3, 3]); ReLU(); Flatten(); Linear(16, 5); Tanh(); Linear(5, 2)");
  for (const UnitBlocks& layer : blocks) {
    EXPECT_EQ(layer.starts, (Starts{0}));
    EXPECT_TRUE(layer.can_move);
    EXPECT_EQ(layer.reason, "");
  }
  EXPECT_NE(blocks[0].component, blocks[1].component);
}

TEST(UnitBlocks, OfGroupedConvolutionsMoveTogether) {
  const auto blocks = blocks_of(
      "Conv1d(2, 6, [1]); ReLU(); Conv1d(6, 9, [1], groups=3); ReLU(); Conv1d(9, 3, [1], groups=3); ReLU(); "
      "Conv1d(3, 4, [1]); ReLU(); Conv1d(4, 1, [1])");
  EXPECT_EQ(blocks[0].starts, (Starts{0, 2, 4}));
  EXPECT_EQ(blocks[1].starts, (Starts{0, 3, 6}));
  EXPECT_EQ(blocks[2].starts, (Starts{0, 1, 2}));
  EXPECT_EQ(blocks[3].starts, (Starts{0}));
  for (const std::size_t l : {0, 1, 2}) {
    EXPECT_TRUE(blocks[l].can_move) << l;
    EXPECT_EQ(blocks[l].component, blocks[0].component) << l;
  }
  EXPECT_NE(blocks[3].component, blocks[0].component);
  EXPECT_EQ(blocks[0].reason, "item 2 (Conv1d(6, 9, [1], groups=3))");
  EXPECT_EQ(blocks[1].block_of(2), 0);
  EXPECT_EQ(blocks[1].block_of(3), 1);
  EXPECT_EQ(blocks[1].block_of(8), 2);
  EXPECT_EQ(blocks[1].end(2), 9);
}

TEST(UnitBlocks, StayWhereInputsOrOutputsHoldThem) {
  const auto inputs = blocks_of("Conv1d(4, 6, [1], groups=2); ReLU(); Conv1d(6, 4, [1]); ReLU(); Conv1d(4, 1, [1])");
  EXPECT_EQ(inputs[0].starts, (Starts{0, 3}));
  EXPECT_FALSE(inputs[0].can_move);
  EXPECT_TRUE(inputs[1].can_move);
  const auto outputs = blocks_of("Conv1d(2, 6, [1]); ReLU(); Conv1d(6, 4, [1], groups=2)");
  EXPECT_EQ(outputs[0].starts, (Starts{0, 3}));
  EXPECT_FALSE(outputs[0].can_move);
}

TEST(UnitBlocks, OfDifferentGroupsAreTheirRefinementInPlace) {
  const auto blocks =
      blocks_of("Conv1d(2, 12, [1]); GroupNorm(4, 12); Conv1d(12, 6, [1], groups=2); Conv1d(6, 1, [1])");
  EXPECT_EQ(blocks[0].starts, (Starts{0, 3, 6, 9}));
  EXPECT_EQ(blocks[1].starts, (Starts{0, 3}));
  EXPECT_FALSE(blocks[0].can_move);
  EXPECT_FALSE(blocks[1].can_move);
  const auto uneven = blocks_of("Conv1d(2, 12, [1]); GroupNorm(4, 12); GroupNorm(3, 12); Conv1d(12, 6, [1])");
  EXPECT_EQ(uneven[0].starts, (Starts{0, 3, 4, 6, 8, 9}));
}

TEST(UnitBlocks, OfGroupNormMoveAlone) {
  const auto blocks = blocks_of(
      "Conv1d(2, 6, [1]); GroupNorm(3, 6); Flatten(); Linear(12, 4); GroupNorm(2, 4); "
      "Linear(4, 1)");
  EXPECT_EQ(blocks[0].starts, (Starts{0, 2, 4}));
  EXPECT_EQ(blocks[1].starts, (Starts{0, 2}));
  EXPECT_TRUE(blocks[0].can_move && blocks[1].can_move);
  EXPECT_NE(blocks[0].component, blocks[1].component);
}

TEST(UnitBlocks, OfSeveralChannelsAUnit) {
  // Units of 4 channels each behind the Flatten: groups of 8 hold two units, groups of 2 lie within one.
  const std::string front = "Conv1d(1, 6, [1]); Flatten(); Unflatten(1, [24, 1]); ";
  EXPECT_EQ(blocks_of(front + "Conv1d(24, 3, [1], groups=3); Conv1d(3, 1, [1])")[0].starts, (Starts{0, 2, 4}));
  const auto within = blocks_of(front + "Conv1d(24, 12, [1], groups=12); Conv1d(12, 1, [1])");
  EXPECT_EQ(within[0].starts, (Starts{0, 1, 2, 3, 4, 5}));
  EXPECT_FALSE(within[0].can_move);
  EXPECT_EQ(within[1].count(), 12);
  EXPECT_EQ(blocks_of(front + "GroupNorm(12, 24); Conv1d(24, 1, [1])")[0].count(), 1);
}

TEST(UnitPlaces, AreWhatBelongsToUnits) {
  const Network network = network_of(
      "Conv1d(1, 2, [1]); BatchNorm1d(2); PReLU(num_parameters=2); PReLU(); LayerNorm([2, 3]); LayerNorm([3]); "
      "Flatten(); LayerNorm([6]); Softmax(1); Linear(6, 4)");
  const std::vector<UnitPlaces> places = find_unit_places(network, 3);
  ASSERT_EQ(places.size(), 1);
  std::vector<std::int64_t> items;
  for (const UnitVectors& vectors : places[0].vectors) {
    items.push_back(vectors.item);
    EXPECT_EQ(vectors.owners, vectors.item < 4 ? (Starts{0, 1}) : (Starts{0, 0, 0, 1, 1, 1})) << vectors.item;
  }
  EXPECT_EQ(items, (Starts{1, 2, 4, 7}));  // neither the one slope nor the norm of positions
  EXPECT_EQ(places[0].columns, (Starts{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(sources_of(places[0].columns, {1, 0}), (Starts{3, 4, 5, 0, 1, 2}));
}

TEST(UnitPlaces, OfTokensAreOnTheLastAxis) {
  const Network network = network_of("Linear(5, 3); LayerNorm([4, 3]); GroupNorm(2, 4); Flatten(); Linear(12, 2)");
  const std::vector<UnitPlaces> places = find_unit_places(network, 3);
  ASSERT_EQ(places[0].vectors.size(), 1);  // the GroupNorm's are the tokens'
  EXPECT_EQ(places[0].vectors[0].owners, (Starts{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}));
  EXPECT_TRUE(places[0].groups.empty());
  EXPECT_EQ(sources_of(places[0].columns, {2, 0, 1}), (Starts{2, 0, 1, 5, 3, 4, 8, 6, 7, 11, 9, 10}));
}

TEST(UnitPlaces, RefuseGroupsThatEndWithinAUnit) {
  const Network network = network_of(
      "Conv1d(1, 4, [1]); Flatten(); Unflatten(1, [12, 1]); GroupNorm(6, 12); "
      "Conv1d(12, 1, [1])");
  try {
    find_unit_places(network, std::nullopt);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("network: item 3 (GroupNorm(6, 12)): has groups of 2 channels, which end "
                        "within a unit"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace funcsim
