#include "network/canonical_form.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kernels/common/error.h"
#include "tensors.h"

namespace funcsim {
namespace {

using torch::stable::Tensor;

std::vector<std::vector<double>> canonical(const std::string& items, const std::vector<Tensor>& parameters) {
  std::vector<std::vector<double>> values;
  for (const Tensor& tensor : canonical_parameters(Network("funcsim/1: " + items, parameters, "net"))) {
    values.push_back(values_of(tensor));
  }
  return values;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], 1e-14) << "at " << i;
  }
}

TEST(CanonicalForm, DividesRowsAndMultipliesTheNextColumns) {
  const auto got =
      canonical("Linear(2, 2); ReLU(); Linear(2, 1)",
                {doubles({2, 2}, {3, 4, 0, 0}), doubles({2}, {10, 7}), doubles({1, 2}, {2, 5}), doubles({1}, {1})});
  expect_near(got[0], {0.6, 0.8, 0, 0});  // norms 5 and 0: a unit without weights keeps its scale
  expect_near(got[1], {2, 7});
  expect_near(got[2], {10, 5});
  expect_near(got[3], {1});
}

TEST(CanonicalForm, ScalesAreMeasuredAfterTheCompensationOfTheLayerBefore) {
  const std::string items =
      "funcsim/1: Linear(1, 1, bias=false); ReLU(); Linear(1, 1, bias=false); Linear(1, 1, bias=false)";
  const Network network(items, {doubles({1, 1}, {-2}), doubles({1, 1}, {3}), doubles({1, 1}, {5})}, "net");
  const auto scales = canonical_scales(network, 2);
  EXPECT_EQ(scales, (std::vector<std::vector<double>>{{2}, {6}}));
}

TEST(CanonicalForm, WhatIsNotHomogeneousKeepsItsScale) {
  for (const std::string between : {"Tanh()", "LayerNorm([1], elementwise_affine=false)", "Softmax(1)"}) {
    const Network network("funcsim/1: Linear(1, 1, bias=false); " + between + "; Linear(1, 1, bias=false)",
                          {doubles({1, 1}, {-2}), doubles({1, 1}, {3})}, "net");
    EXPECT_EQ(canonical_scales(network, 2), (std::vector<std::vector<double>>{{1}})) << between;
  }
}

TEST(CanonicalForm, AScaleThatABatchNormTakesUpCountsAsFarAsTheBatchNorm) {
  const std::string first = "funcsim/1: Linear(1, 1, bias=false); BatchNorm1d(1, eps=0, affine=false); ";
  const std::string second = "BatchNorm1d(1, eps=0)";
  const std::vector<Tensor> tensors = {doubles({1, 1}, {6}), doubles({1}, {0}),   doubles({1}, {4}),
                                       doubles({1}, {2}),    doubles({1}, {0}),   doubles({1}, {0}),
                                       doubles({1}, {1}),    doubles({1, 1}, {1})};
  const std::string last = "Linear(1, 1, bias=false)";
  const Network behind(first + "ReLU(); " + second + "; " + last, tensors, "net");
  EXPECT_EQ(canonical_scales(behind, 2), (std::vector<std::vector<double>>{{3}}));
  const Network before(first + second + "; ReLU(); " + last, tensors, "net");
  EXPECT_EQ(canonical_scales(before, 2), (std::vector<std::vector<double>>{{1}}));
}

TEST(CanonicalForm, FoldsABatchNormIntoTheLayerBefore) {
  // gain 8 / sqrt(3 + 1) = 4: weight 4 * 3 = 12, bias 4 * (5 - 1) + 2 = 18.
  const auto got = canonical("Linear(1, 1); BatchNorm1d(1, eps=1.0); ReLU(); Linear(1, 1, bias=false)",
                             {doubles({1, 1}, {3}), doubles({1}, {5}), doubles({1}, {8}), doubles({1}, {2}),
                              doubles({1}, {1}), doubles({1}, {3}), doubles({1, 1}, {1})});
  expect_near(got[0], {1});
  expect_near(got[1], {1.5});
  expect_near(got[2], {1});  // the BatchNorm: weight, bias, running mean, running variance with eps = 1
  expect_near(got[3], {0});
  expect_near(got[4], {0});
  expect_near(got[5], {0});
  expect_near(got[6], {12});
}

TEST(CanonicalForm, ABatchNormKeepsTheShiftOfALayerWithoutBias) {
  const auto got = canonical("Linear(1, 1, bias=false); BatchNorm1d(1, eps=1.0); ReLU(); Linear(1, 1, bias=false)",
                             {doubles({1, 1}, {3}), doubles({1}, {8}), doubles({1}, {2}), doubles({1}, {1}),
                              doubles({1}, {3}), doubles({1, 1}, {1})});
  expect_near(got[0], {1});
  expect_near(got[3], {2.0 / 12});  // shift 4 * (0 - 1) + 2 = -2, divided by 12, as a mean to subtract
  expect_near(got[5], {12});
}

TEST(CanonicalForm, ABatchNormElsewhereTakesUpTheCompensation) {
  const auto got = canonical("Linear(1, 1, bias=false); ReLU(); BatchNorm1d(1); Linear(1, 1, bias=false)",
                             {doubles({1, 1}, {4}), doubles({1}, {3}), doubles({1}, {5}), doubles({1}, {8}),
                              doubles({1}, {2}), doubles({1, 1}, {7})});
  expect_near(got[1], {12});
  expect_near(got[2], {5});
  expect_near(got[3], {2});
  expect_near(got[5], {7});
}

TEST(CanonicalForm, GroupedConvolutionsReadTheirOwnChannels) {
  const auto got = canonical(
      "Conv1d(1, 4, [1], bias=false); ReLU(); Conv1d(4, 4, [1], groups=2, bias=false); Tanh(); "
      "Conv1d(4, 1, [1], bias=false)",
      {doubles({4, 1, 1}, {2, -3, 5, 7}), doubles({4, 2, 1}, {1, 1, 2, 2, 3, 3, 4, 4}),
       doubles({1, 4, 1}, {1, 1, 1, 1})});
  expect_near(got[0], {1, -1, 1, 1});
  expect_near(got[1], {2, 3, 4, 6, 15, 21, 20, 28});
}

TEST(CanonicalForm, NormsOutsideTheRangeOfSquares) {
  const auto got = canonical("Linear(2, 2, bias=false); ReLU(); Linear(2, 1, bias=false)",
                             {doubles({2, 2}, {3e200, 4e200, 3e-200, 4e-200}), doubles({1, 2}, {1e-200, 1e200})});
  expect_near(got[0], {0.6, 0.8, 0.6, 0.8});
  expect_near(got[1], {5, 5});
}

TEST(CanonicalForm, RefusesWeightsWithoutAFiniteNorm) {
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    try {
      canonical("Linear(1, 2, bias=false); Linear(2, 1, bias=false)",
                {doubles({2, 1}, {1, bad}), doubles({1, 2}, {1, 1})});
      FAIL() << "accepted " << bad;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("net: item 0 (Linear(1, 2, bias=false)): the weights into unit 1"),
                std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace funcsim
