#include "network/record_signatures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "kernels/common/bits.h"
#include "kernels/common/error.h"
#include "tensors.h"

namespace funcsim {
namespace {

using torch::stable::Tensor;

/// The bits of every layer as text, "01..." for each unit, batches joined.
std::vector<std::vector<std::string>> bits_of(const Network& network, const Tensor& inputs,
                                              const SignatureOptions& options = {}) {
  std::vector<std::vector<std::string>> layers(network.hidden_layers().size());
  std::vector<std::uint8_t> rows;
  std::int64_t row_bytes = 0;
  const auto place = [&](const SignatureBatch& batch) {
    row_bytes = signature_bytes(batch.num_samples) + 1;
    rows.assign(network.hidden_layers()[batch.layer].units * row_bytes, 0xA5);
    return PackedRows{rows.data(), row_bytes};
  };
  const auto read = [&](const SignatureBatch& batch) {
    std::vector<std::string>& units = layers[batch.layer];
    units.resize(network.hidden_layers()[batch.layer].units);
    for (std::size_t u = 0; u < units.size(); ++u) {
      const std::uint8_t* row = rows.data() + (static_cast<std::int64_t>(u) * row_bytes);
      for (std::int64_t s = 0; s < batch.num_samples; ++s) {
        units[u] += ((row[s / 8] >> (s % 8)) & 1) != 0 ? '1' : '0';
      }
      EXPECT_EQ(row[row_bytes - 1], 0xA5);
    }
  };
  const NetworkRun run(network, inputs, options);
  Execution execution(serial_for, inputs);
  NetworkPass(run, execution, place, read).finish();
  return layers;
}

Network row_network() {
  return {"funcsim/1: Linear(1, 2); ReLU(); Linear(2, 1, bias=false); ReLU(); Linear(1, 1, bias=false)",
          {doubles({2, 1}, {2, -4}), doubles({2}, {0, 2}), doubles({1, 2}, {1, -1}), doubles({1, 1}, {1})},
          "net"};
}

/// One channel of [N, 1, 3] and its negative.
Network sign_network() {
  return {"funcsim/1: Conv1d(1, 2, [1], bias=false); ReLU(); Conv1d(2, 1, [1], bias=false)",
          {doubles({2, 1, 1}, {1, -1}), doubles({1, 2, 1}, {1, 1})},
          "net"};
}

TEST(RecordSignatures, OneBitForEachInputOfRows) {
  const auto layers = bits_of(row_network(), doubles({4, 1}, {1, -1, 0, 0.25}));
  EXPECT_EQ(layers[0], (std::vector<std::string>{"1001", "0111"}));
  EXPECT_EQ(layers[1], (std::vector<std::string>{"1000"}));
}

TEST(RecordSignatures, TheMarginIsADistance) {
  // Distances to the first unit's hyperplane are x, to the second's 0.5 - x.
  const auto layers = bits_of(row_network(), doubles({4, 1}, {1, -1, 0, 0.25}), {.margin = 0.25});
  EXPECT_EQ(layers[0], (std::vector<std::string>{"1000", "0110"}));
}

TEST(RecordSignatures, AllPositionsInOrder) {
  const Tensor inputs = doubles({2, 1, 3}, {1, 0, -1, -2, 3, 4});
  const auto layers = bits_of(sign_network(), inputs, {.positions = all_positions});
  EXPECT_EQ(layers[0], (std::vector<std::string>{"100011", "001100"}));
}

TEST(RecordSignatures, AnyPosition) {
  const Tensor inputs = doubles({3, 1, 3}, {1, 0, -1, -2, -3, -4, 0, 0, 0});
  const auto layers = bits_of(sign_network(), inputs, {.positions = any_position});
  EXPECT_EQ(layers[0], (std::vector<std::string>{"100", "110"}));
}

TEST(RecordSignatures, PointsAreThoseOfTheGlobalInput) {
  std::vector<double> values;
  for (int i = 0; i < 40 * 3; ++i) {
    values.push_back(std::sin(i * 1.7));
  }
  const SignatureOptions options{.positions = 2, .seed = 5, .first_input = 100};
  const auto layers = bits_of(sign_network(), doubles({40, 1, 3}, values), options);
  const std::vector<std::int64_t> points = grid_points(100, 40, 2, {3}, 5);
  std::string expected;
  for (std::size_t s = 0; s < points.size(); ++s) {
    expected += values[((s / 2) * 3) + points[s]] > 0 ? '1' : '0';
  }
  EXPECT_EQ(layers[0][0], expected);
}

TEST(RecordSignatures, BatchesFillBytesAndFollowEachOther) {
  // 2^19 float64 features an input: several batches.
  const std::int64_t features = std::int64_t{1} << 19;
  const Network network(
      "funcsim/1: AdaptiveAvgPool1d([1]); Flatten(); Linear(1, 1, bias=false); Linear(1, 1, bias=false)",
      {tensor_of<float>({1, 1}, {1}), tensor_of<float>({1, 1}, {1})}, "net");
  std::vector<float> values;
  for (int i = 0; i < 21; ++i) {
    values.insert(values.end(), features, i % 3 == 0 ? 1.0F : -1.0F);
  }
  std::vector<std::int64_t> starts;
  std::vector<std::uint8_t> bits(3);
  const NetworkRun run(network, tensor_of<float>({21, 1, features}, values), {});
  Execution execution(serial_for, run.inputs());
  const auto place = [&](const SignatureBatch& batch) {
    starts.push_back(batch.first_input);
    EXPECT_EQ(batch.num_samples, batch.num_inputs);
    return PackedRows{bits.data() + (batch.first_input / 8), 1};
  };
  NetworkPass(run, execution, place, [](const SignatureBatch&) {}).finish();
  EXPECT_EQ(starts, (std::vector<std::int64_t>{0, 8, 16}));
  EXPECT_EQ(bits, (std::vector<std::uint8_t>{0b01001001, 0b10010010, 0b00000100}));
}

TEST(RecordSignatures, InfinitiesCountBySignAndNanIsAnError) {
  const Network network("funcsim/1: Linear(1, 2, bias=false); ReLU(); Linear(2, 1, bias=false)",
                        {doubles({2, 1}, {1, -1}), doubles({1, 2}, {1, 1})}, "net");
  EXPECT_EQ(bits_of(network, doubles({2, 1}, {HUGE_VAL, -HUGE_VAL}))[0], (std::vector<std::string>{"10", "01"}));
  try {
    bits_of(network, doubles({3, 1}, {1, std::nan(""), 2}));
    FAIL() << "NaN was accepted";
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what())
            .find("net: hidden layer 0, item 0 (Linear(1, 2, bias=false)): the pre-activation of unit 0 is NaN for "
                  "input 1"),
        std::string::npos)
        << error.what();
  }
}

TEST(RecordSignatures, NanNamesTheInputWhateverThePositions) {
  const Tensor inputs = doubles({2, 1, 3}, {1, 2, 3, 4, 5, std::nan("")});
  for (const std::int64_t positions : {all_positions, any_position}) {
    try {
      bits_of(sign_network(), inputs, {.positions = positions});
      FAIL() << "NaN was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("is NaN for input 1:"), std::string::npos) << error.what();
    }
  }
}

TEST(RecordSignatures, NanInALaterBatchNamesItsGlobalInput) {
  std::vector<double> values(10'000, 1.0);
  values[9'001] = std::nan("");
  try {
    bits_of(row_network(), doubles({10'000, 1}, values), {.first_input = 500});
    FAIL() << "NaN was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is NaN for input 9501:"), std::string::npos) << error.what();
  }
}

TEST(RecordSignatures, ChecksOptions) {
  const Tensor inputs = doubles({1, 1}, {1});
  EXPECT_THROW(bits_of(row_network(), inputs, {.margin = -1}), Error);
  EXPECT_THROW(bits_of(row_network(), inputs, {.margin = std::nan("")}), Error);
  EXPECT_THROW(bits_of(row_network(), inputs, {.margin = HUGE_VAL}), Error);
  EXPECT_THROW(bits_of(row_network(), inputs, {.positions = -2}), Error);
  EXPECT_THROW(bits_of(row_network(), inputs, {.first_input = -1}), Error);
}

}  // namespace
}  // namespace funcsim
