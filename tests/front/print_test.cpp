#include <funcsim/fmt.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace {

template <typename Printable>
std::string printed(const Printable& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

funcsim::LayerComparison example_layer() {
  funcsim::LayerComparison layer;
  layer.name_a = "0";
  layer.name_b = "encoder.0";
  layer.units_a = 64;
  layer.units_b = 128;
  layer.score = 0.25;
  layer.chance = 0.125;
  layer.adjusted = 1.0 / 7;
  layer.coverage_a = 0.5;
  layer.coverage_b = 0.25;
  layer.dead_a = 3;
  layer.always_on_b = 2;
  layer.duplicates_a = 12;
  return layer;
}

funcsim::Comparison example_comparison() {
  funcsim::Comparison comparison;
  comparison.score = 0.25;
  comparison.chance = 0.125;
  comparison.adjusted = 1.0 / 7;
  comparison.layers = {example_layer()};
  return comparison;
}

constexpr const char* table =
    "a  b          units     score   chance  adjusted  coverage         dead   always on  duplicates\n"
    "0  encoder.0  64 / 128  0.2500  0.1250  0.1429    0.5000 / 0.2500  3 / 0  0 / 2      12 / 0";

TEST(Print, WritesALayerAsATable) {
  EXPECT_EQ(printed(example_layer()), table);
}

TEST(Print, WritesAComparisonWithItsLayers) {
  EXPECT_EQ(printed(example_comparison()),
            std::string("score 0.2500, chance 0.1250, adjusted 0.1429 (exact, jaccard)\n") + table);
}

TEST(Print, WritesTheStandardErrorOfEstimates) {
  funcsim::Comparison comparison = example_comparison();
  comparison.method = funcsim::Method::minhash;
  comparison.standard_error = 0.00123;
  EXPECT_EQ(
      printed(comparison),
      std::string("score 0.2500, chance 0.1250, adjusted 0.1429 (minhash, jaccard, standard error 0.0012)\n") + table);
}

TEST(Print, WritesLayersWithoutPartner) {
  funcsim::Comparison comparison = example_comparison();
  comparison.unmatched_b = {{"encoder.2", 32}};
  const std::string text = printed(comparison);
  EXPECT_NE(text.find("\nlayer encoder.2 of b (32 units) has no partner"), std::string::npos) << text;
}

TEST(Print, FmtWritesWhatStreamsWrite) {
  EXPECT_EQ(fmt::format("{}", example_comparison()), printed(example_comparison()));
  EXPECT_EQ(fmt::format("{}", example_layer()), printed(example_layer()));
  EXPECT_EQ(fmt::format("{:>300}", example_layer()).size(), 300);
}

TEST(Print, NamesMethodsAndSimilaritiesAsPythonDoes) {
  EXPECT_EQ(to_string(funcsim::Method::automatic), "auto");
  EXPECT_EQ(to_string(funcsim::Method::exact), "exact");
  EXPECT_EQ(to_string(funcsim::Method::minhash), "minhash");
  EXPECT_EQ(to_string(funcsim::Similarity::jaccard), "jaccard");
  EXPECT_EQ(to_string(funcsim::Similarity::phi), "phi");
}

}  // namespace
