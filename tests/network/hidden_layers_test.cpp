#include "network/hidden_layers.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/common/error.h"
#include "network/plan_capi.h"

namespace funcsim {
namespace {

std::vector<HiddenLayer> layers_of(const std::string& items) {
  return find_hidden_layers(parse_architecture("funcsim/1: " + items));
}

Plan plan_of(const std::string& items, const Shape& input, std::int64_t positions = 16) {
  const Architecture architecture = parse_architecture("funcsim/1: " + items);
  return plan_samples(architecture, find_hidden_layers(architecture), input, positions);
}

std::string refusal(const std::string& items, const Shape& input) {
  try {
    plan_of(items, input);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(HiddenLayers, AreAllAffineItemsButTheLast) {
  const std::vector<HiddenLayer> layers = layers_of("ReLU(); Linear(4, 8); ReLU(); Linear(8, 5); Linear(5, 2); Tanh()");
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].item, 1);
  EXPECT_EQ(layers[0].units, 8);
  EXPECT_EQ(layers[0].next_affine, 3);
  EXPECT_EQ(layers[0].preactivation_item, 1);
  EXPECT_EQ(layers[0].folded_batch_norm, -1);
  EXPECT_EQ(layers[1].item, 3);
  EXPECT_EQ(layers[1].units, 5);
}

TEST(HiddenLayers, PreactivationsComeAfterTheNormalisationsThatDirectlyFollow) {
  const auto check_layer = [](const std::string& between, std::int64_t folded, std::int64_t preactivation) {
    const HiddenLayer layer = layers_of("Linear(4, 4); " + between + "; Linear(4, 4)").front();
    EXPECT_EQ(layer.folded_batch_norm, folded) << between;
    EXPECT_EQ(layer.preactivation_item, preactivation) << between;
  };
  check_layer("BatchNorm1d(4); ReLU()", 1, 1);
  check_layer("Dropout(); Identity(); BatchNorm1d(4)", 3, 3);
  check_layer("BatchNorm1d(4); Dropout(); LayerNorm([4]); ReLU()", 1, 3);
  check_layer("LayerNorm([4]); BatchNorm1d(4); ReLU()", -1, 2);
  check_layer("BatchNorm1d(4); BatchNorm1d(4); ReLU()", 1, 2);
  check_layer("ReLU(); BatchNorm1d(4)", -1, 0);
  check_layer("Dropout(); ReLU()", -1, 0);
}

TEST(HiddenLayers, TakeTwoAffineLayers) {
  EXPECT_THROW(layers_of(""), Error);
  EXPECT_THROW(layers_of("ReLU()"), Error);
  try {
    layers_of("Linear(4, 2); ReLU()");
    FAIL() << "one affine layer was accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the network has no hidden layer: that takes at least two affine layers (Linear, Conv), got 1");
  }
}

TEST(Plan, GridsAndSamples) {
  const std::string cnn =
      "Conv2d(1, 4, [3, 3]); ReLU(); Conv2d(4, 2, [3, 3], padding=[1, 1]); Flatten(); "
      "Linear(40, 3); ReLU(); Linear(3, 2)";
  const Plan plan = plan_of(cnn, {1, 6, 7});
  ASSERT_EQ(plan.samples.size(), 3U);
  EXPECT_EQ(plan.samples[0].grid, (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(plan.samples[0].samples_per_input, 16);
  EXPECT_EQ(plan.samples[2].grid, std::vector<std::int64_t>{});
  EXPECT_EQ(plan.samples[2].samples_per_input, 1);
  EXPECT_EQ(plan.most_elements, 4 * 4 * 5);
  EXPECT_EQ(plan_of(cnn, {1, 6, 7}, all_positions).samples[1].samples_per_input, 20);
  EXPECT_EQ(plan_of(cnn, {1, 6, 7}, any_position).samples[1].samples_per_input, 1);
}

TEST(Plan, TokensAreAGrid) {
  const Plan plan = plan_of("Linear(4, 8); ReLU(); Linear(8, 2)", {5, 3, 4});
  EXPECT_EQ(plan.samples[0].grid, (std::vector<std::int64_t>{5, 3}));
}

TEST(Plan, NamesTheItemThatDoesNotFit) {
  EXPECT_NE(refusal("Linear(4, 8); ReLU(); Linear(7, 2)", {4}).find("item 2 (Linear(7, 2)): "), std::string::npos);
  EXPECT_NE(refusal("Linear(4, 8); ReLU(); Linear(8, 2)", {3}).find("item 0 (Linear(4, 8)): "), std::string::npos);
  EXPECT_NE(refusal("Linear(4, 8); Linear(8, 2)", Shape(10, 4)).find("at most 8 dimensions"), std::string::npos);
}

TEST(PlanCApi, FillsArraysOrReportsTheError) {
  std::int64_t units[2] = {-1, -1};
  std::int64_t samples[2] = {-1, -1};
  char error[30] = "untouched";
  const std::int64_t shape[] = {1, 6};
  const char* text = "funcsim/1: Conv1d(1, 4, [3]); ReLU(); Conv1d(4, 3, [1]); ReLU(); Conv1d(3, 2, [1])";
  EXPECT_EQ(funcsim_plan(text, shape, 2, 0, units, samples, 2, error, sizeof(error)), 2);
  EXPECT_EQ(units[0], 4);
  EXPECT_EQ(units[1], 3);
  EXPECT_EQ(samples[0], 4);
  EXPECT_STREQ(error, "untouched");
  EXPECT_EQ(funcsim_plan(text, shape, 2, 0, nullptr, nullptr, 0, error, sizeof(error)), 2);
  EXPECT_EQ(funcsim_plan("funcsim/1: Lnear(1, 2)", shape, 2, 0, units, samples, 2, error, sizeof(error)), -1);
  EXPECT_STREQ(error, "architecture: item 0 (Lnear(1");
}

}  // namespace
}  // namespace funcsim
