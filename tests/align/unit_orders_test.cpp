#include "align/unit_orders.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/common/error.h"

namespace funcsim {
namespace {

UnitBlocks blocks(std::int64_t units, std::vector<std::int64_t> starts, bool can_move = true,
                  std::int64_t component = 0) {
  return {std::move(starts), units, component, can_move, "item 1"};
}

std::string refusal(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b,
                    const std::vector<UnitMatch>& matches) {
  try {
    unit_orders(a, b, matches);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(UnitOrders, FillHolesAndPutTheRestLast) {
  EXPECT_EQ(unit_orders({blocks(3, {0})}, {blocks(5, {0})}, {{4, -1, 1}}), (std::vector<UnitOrder>{{4, 0, 1, 2, 3}}));
  EXPECT_EQ(unit_orders({blocks(5, {0})}, {blocks(3, {0})}, {{-1, 2, -1, 0, -1}}), (std::vector<UnitOrder>{{2, 0, 1}}));
}

TEST(UnitOrders, BlocksMoveTogetherInAllLayersOfAComponent) {
  const std::vector<UnitBlocks> both = {blocks(4, {0, 2}), blocks(2, {0, 1})};
  // What the second layer doesn't say, the first does.
  EXPECT_EQ(unit_orders(both, both, {{3, -1, 1, 0}, {-1, -1}}), (std::vector<UnitOrder>{{3, 2, 1, 0}, {1, 0}}));
  EXPECT_NE(refusal(both, both, {{3, -1, 1, 0}, {0, -1}}).find("matches[1] pair unit 0 of the reference with unit 0"),
            std::string::npos);
  EXPECT_NE(refusal(both, both, {{0, 3, 1, 2}, {-1, -1}}).find("matches[0] pair unit 1"), std::string::npos);
}

TEST(UnitOrders, BlocksOfUnequalNumbersAndSizes) {
  EXPECT_EQ(unit_orders({blocks(2, {0, 1})}, {blocks(4, {0, 1, 2, 3})}, {{3, 1}}),
            (std::vector<UnitOrder>{{3, 1, 0, 2}}));
  EXPECT_EQ(unit_orders({blocks(2, {0, 1})}, {blocks(6, {0, 3})}, {{4, 0}}),
            (std::vector<UnitOrder>{{4, 3, 5, 0, 1, 2}}));
}

TEST(UnitOrders, FixedBlocksOfEachLayerStay) {
  const std::vector<UnitBlocks> both = {blocks(4, {0, 2}, false), blocks(3, {0, 1, 2}, false)};
  EXPECT_EQ(unit_orders(both, both, {{1, 0, 3, 2}, {0, 1, 2}}), (std::vector<UnitOrder>{{1, 0, 3, 2}, {0, 1, 2}}));
  EXPECT_NE(refusal(both, both, {{1, 0, 3, 2}, {1, 0, 2}}).find("can't move"), std::string::npos);
}

TEST(UnitOrders, NetworksMustBeDividedAlike) {
  EXPECT_NE(refusal({blocks(4, {0})}, {blocks(4, {0, 2})}, {{0, 1, 2, 3}}).find("hidden layer 0"), std::string::npos);
  EXPECT_NE(refusal({blocks(4, {0, 2}, false)}, {blocks(4, {0, 1, 2}, false)}, {{0, 1, 2, 3}}).find("don't correspond"),
            std::string::npos);
  EXPECT_NE(refusal({blocks(4, {0, 2}), blocks(4, {0, 2}, true, 0)}, {blocks(4, {0, 2}), blocks(4, {0, 2}, true, 1)},
                    {{0, 1, 2, 3}, {0, 1, 2, 3}})
                .find("hidden layer 1"),
            std::string::npos);
}

}  // namespace
}  // namespace funcsim
