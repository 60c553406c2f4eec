#include <funcsim/primitives.h>
#include <gtest/gtest.h>

#include <tuple>

namespace {

using torch::indexing::Slice;

TEST(Primitives, PackActivations) {
  const torch::Tensor preactivations = torch::tensor({{1.0, -1.0}, {0.0, 2.0}, {0.6, 3.0}});
  EXPECT_TRUE(
      torch::equal(funcsim::activation_signatures(preactivations), torch::tensor({{0b101}, {0b110}}, torch::kUInt8)));
  EXPECT_TRUE(torch::equal(funcsim::activation_signatures(preactivations, 0.8),
                           torch::tensor({{0b001}, {0b110}}, torch::kUInt8)));
}

TEST(Primitives, JaccardIsTheRatioOfSetSizes) {
  const torch::Tensor a = torch::tensor({{0b0111}, {0b0000}}, torch::kUInt8);
  const torch::Tensor b = torch::tensor({{0b1110}, {0b0000}, {0b0111}}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(funcsim::jaccard(a, b), torch::tensor({{0.5, 0.0, 1.0}, {0.0, 1.0, 0.0}}, torch::kFloat32)));
}

TEST(Primitives, CkaComparesLayersAsAWhole) {
  // One unit each that fires on 2 of 4 samples, on one of them together, and a dead one.
  const torch::Tensor a = torch::tensor({{0b0011}, {0b0000}}, torch::kUInt8);
  const torch::Tensor b = torch::tensor({{0b0110}}, torch::kUInt8);
  const torch::Tensor independent = funcsim::signature_cka(a, b, 4);
  EXPECT_EQ(independent.scalar_type(), torch::kFloat64);
  EXPECT_EQ(independent.item<double>(), 0.0);  // a covariance of 0
  EXPECT_EQ(funcsim::signature_cka(a, a.flip(0), 4, /*debiased=*/true).item<double>(), 1.0);
  EXPECT_THROW(funcsim::signature_cka(a, b, 3, /*debiased=*/true), funcsim::Error);
}

TEST(Primitives, SketchesOfBatchesMergeIntoTheSketchOfAll) {
  torch::manual_seed(0);
  const torch::Tensor preactivations = torch::randn({1000, 5});
  const torch::Tensor all = funcsim::activation_signatures(preactivations);
  const torch::Tensor first = funcsim::activation_signatures(preactivations.index({Slice(0, 600)}));
  const torch::Tensor second = funcsim::activation_signatures(preactivations.index({Slice(600)}));
  const torch::Tensor merged =
      torch::minimum(funcsim::minhash(first, 600, 64, 7), funcsim::minhash(second, 400, 64, 7, 600));
  EXPECT_TRUE(torch::equal(merged, funcsim::minhash(all, 1000, 64, 7)));
  EXPECT_TRUE(torch::equal(funcsim::minhash_jaccard(merged, merged).diagonal(), torch::ones({5})));
}

TEST(Primitives, AssignmentIsOptimal) {
  const torch::Tensor cost = torch::tensor({{4, 1, 3}, {2, 0, 5}, {3, 2, 2}});
  const auto [rows, columns] = funcsim::linear_sum_assignment(cost);
  EXPECT_TRUE(torch::equal(rows, torch::tensor({0, 1, 2})));
  EXPECT_TRUE(torch::equal(columns, torch::tensor({1, 0, 2})));
  const auto [best_rows, best_columns] = funcsim::linear_sum_assignment(cost, /*maximize=*/true);
  EXPECT_TRUE(torch::equal(best_columns, torch::tensor({0, 2, 1})));
}

TEST(Primitives, DualsAddUpToTheCost) {
  const torch::Tensor cost = torch::tensor({{4, 1, 3}, {2, 0, 5}, {3, 2, 2}});
  const auto [rows, columns, row_duals, column_duals] = funcsim::linear_sum_assignment_with_duals(cost);
  EXPECT_TRUE(torch::equal(columns, torch::tensor({1, 0, 2})));
  EXPECT_EQ((row_duals.sum() + column_duals.sum()).item<double>(), 5.0);
  EXPECT_TRUE((row_duals.unsqueeze(1) + column_duals <= cost).all().item<bool>());
}

TEST(Primitives, NothingIsLeftToWaitForOnTheCpu) {
  funcsim::synchronize(torch::zeros({1}));
  EXPECT_THROW(funcsim::synchronize(torch::zeros({1}, torch::kMeta)), funcsim::Error);
}

TEST(Primitives, ErrorsAreShortAndSayWhatCame) {
  try {
    funcsim::jaccard(torch::zeros({2, 3}), torch::zeros({2, 3}, torch::kUInt8));
    FAIL() << "no error";
  } catch (const funcsim::Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("float32 [2, 3]"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_THROW(funcsim::jaccard(torch::Tensor(), torch::Tensor()), funcsim::Error);
  EXPECT_THROW(funcsim::minhash(torch::zeros({2, 1}, torch::kUInt8), 8, 0), funcsim::Error);
}

}  // namespace
