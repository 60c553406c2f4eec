#include <gtest/gtest.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/common/error.h"
#include "network/architecture.h"
#include "network/aten.h"
#include "network/layer_type.h"

// Small cases, computed by hand or with the formula. Python's tests hold every layer type and option against torch.nn.

namespace funcsim {
namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;
using Values = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

Item read_item(const std::string& text) {
  return parse_architecture("funcsim/1: " + text).items.at(0);
}

Tensor new_tensor(const Shape& sizes, const Values& values, Dtype dtype) {
  const Tensor tensor = torch::stable::empty(sizes, Dtype::Double, std::nullopt,
                                             torch::stable::Device(torch::headeronly::DeviceType::CPU));
  EXPECT_EQ(tensor.numel(), static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<double>());
  return aten::to_dtype(tensor, dtype);
}

Values values_of(const Tensor& tensor) {
  const Tensor doubles = aten::contiguous(aten::to_dtype(tensor, Dtype::Double));
  const auto* data = doubles.const_data_ptr<double>();
  return {data, data + doubles.numel()};
}

Shape sizes_of(const Tensor& tensor) {
  const auto sizes = tensor.sizes();
  return {sizes.begin(), sizes.end()};
}

/// Runs an item whose tensors have these values, in the order of its parameters.
Tensor run(const Item& item, const std::vector<Values>& parameters, const Tensor& input) {
  const std::vector<ParameterSpec> specs = item_parameters(item);
  EXPECT_EQ(specs.size(), parameters.size()) << item.text;
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    tensors.push_back(new_tensor(specs[i].sizes, parameters[i], input.scalar_type()));
  }
  const Layer layer = {item, tensors};
  return item.type->forward == nullptr ? input : item.type->forward(layer, input);
}

/// Checks shape and output of an item for a batch of one input, in both dtypes.
void expect_output(const std::string& text, const std::vector<Values>& parameters, const Shape& input,
                   const Values& input_values, const Shape& output, const Values& expected) {
  const Item item = read_item(text);
  EXPECT_EQ(item_output_shape(item, input), output) << text;
  for (const auto& [dtype, tolerance] : {std::pair(Dtype::Float, 3e-7), std::pair(Dtype::Double, 1e-15)}) {
    Shape sizes = input;
    sizes.insert(sizes.begin(), 1);
    const Tensor batch = new_tensor(sizes, input_values, dtype);
    const Tensor result = run(item, parameters, batch);
    EXPECT_EQ(result.scalar_type(), dtype) << text;
    Shape result_sizes = output;
    result_sizes.insert(result_sizes.begin(), 1);
    ASSERT_EQ(sizes_of(result), result_sizes) << text;
    const Values got = values_of(result);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double error = got[i] == expected[i] ? 0.0 : std::abs(got[i] - expected[i]);
      EXPECT_LE(error, tolerance * std::max(1.0, std::abs(expected[i]))) << text << " at " << i;
    }
  }
}

TEST(AffineForward, IsTheHandComputedSum) {
  expect_output("Linear(2, 2)", {{1, 2, 3, 4}, {10, 20}}, {2}, {1, 1}, {2}, {13, 27});
  expect_output("Linear(2, 1, bias=false)", {{1, 2}}, {2, 2}, {1, 1, 5, 7}, {2, 1}, {3, 19});
  expect_output("Conv1d(1, 1, [2], bias=false, stride=[2])", {{1, 10}}, {1, 4}, {1, 2, 3, 4}, {1, 2}, {21, 43});
  expect_output("Conv2d(2, 2, [1, 2], dilation=[1, 2], groups=2)", {{1, 10, 100, 1000}, {0.5, -1}}, {2, 1, 3},
                {1, 2, 3, 4, 5, 6}, {2, 1, 1}, {31.5, 6399});
  expect_output("Conv3d(1, 1, [1, 1, 2], padding=[0, 0, 1], bias=false)", {{1, 10}}, {1, 1, 1, 2}, {3, 4}, {1, 1, 1, 3},
                {30, 43, 4});
}

TEST(AffineForward, PadsAsTheModeSays) {
  const std::vector<Values> weight = {{1, 0, 100}};
  const Values x = {1, 2, 3};
  expect_output("Conv1d(1, 1, [3], padding=[1], bias=false)", weight, {1, 3}, x, {1, 3}, {200, 301, 2});
  expect_output("Conv1d(1, 1, [3], padding=[1], bias=false, padding_mode=reflect)", weight, {1, 3}, x, {1, 3},
                {202, 301, 202});
  expect_output("Conv1d(1, 1, [3], padding=[1], bias=false, padding_mode=replicate)", weight, {1, 3}, x, {1, 3},
                {201, 301, 302});
  expect_output("Conv1d(1, 1, [3], padding=[1], bias=false, padding_mode=circular)", weight, {1, 3}, x, {1, 3},
                {203, 301, 102});
  // `same` puts the odd one at the end, of each dimension: here the zeros are below and to the right.
  expect_output("Conv1d(1, 1, [2], padding=same, bias=false)", {{1, 10}}, {1, 3}, x, {1, 3}, {21, 32, 3});
  expect_output("Conv2d(1, 1, [2, 1], padding=same, bias=false)", {{1, 10}}, {1, 2, 1}, {1, 2}, {1, 2, 1}, {21, 2});
  expect_output("Conv1d(1, 1, [4], padding=same, bias=false, padding_mode=circular)", {{1, 10, 100, 1000}}, {1, 3}, x,
                {1, 3}, {1 * 3 + 10 * 1 + 100 * 2 + 1000 * 3, 1 + 20 + 300 + 1000, 2 + 30 + 100 + 2000});
}

TEST(NormalizationForward, IsTheHandComputedValue) {
  expect_output("BatchNorm1d(2, eps=0.0)", {{2, 3}, {1, 0}, {1, 1}, {4, 16}}, {2}, {3, 5}, {2}, {3, 3});
  expect_output("BatchNorm2d(1, affine=false, eps=3.0)", {{1}, {1}}, {1, 1, 2}, {3, 5}, {1, 1, 2}, {1, 2});
  expect_output("LayerNorm([2], eps=0.0)", {{2, 3}, {1, 1}}, {2, 2}, {1, 3, 30, 10}, {2, 2}, {-1, 4, 3, -2});
  expect_output("LayerNorm([2], eps=0.0, bias=false)", {{2, 3}}, {2}, {1, 3}, {2}, {-2, 3});
  expect_output("RMSNorm([2], eps=0.0)", {{5, 10}}, {2}, {1, 7}, {2}, {1, 14});
  expect_output("RMSNorm([2], eps=11.0, elementwise_affine=false)", {}, {2}, {1, 7}, {2}, {1.0 / 6, 7.0 / 6});
  expect_output("GroupNorm(2, 4, eps=0.0)", {{1, 1, 1, 2}, {0, 0, 5, 5}}, {4}, {1, 3, 10, 30}, {4}, {-1, 1, 4, 7});
}

TEST(NormalizationForward, RmsNormTakesTheEpsilonOfTheDtype) {
  // For x^2 = eps the output is x / sqrt(2 eps) = 1 / sqrt(2).
  const Item item = read_item("RMSNorm([1], elementwise_affine=false)");
  EXPECT_NEAR(values_of(run(item, {}, new_tensor({1, 1}, {std::exp2(-11.5)}, Dtype::Float)))[0], std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(values_of(run(item, {}, new_tensor({1, 1}, {std::exp2(-26)}, Dtype::Double)))[0], std::sqrt(0.5), 1e-12);
}

TEST(ActivationForward, IsTheFormula) {
  struct Case {
    const char* text;
    double (*formula)(double);
  };
  const std::vector<Case> cases = {
      {"ReLU()", [](double x) { return std::max(x, 0.0); }},
      {"LeakyReLU()", [](double x) { return x > 0 ? x : 0.01 * x; }},
      {"LeakyReLU(negative_slope=-0.5)", [](double x) { return x > 0 ? x : -0.5 * x; }},
      {"Dropout2d()", [](double x) { return x; }},
      {"ReLU6()", [](double x) { return std::min(std::max(x, 0.0), 6.0); }},
      {"Hardtanh(min_val=-0.25, max_val=2.0)", [](double x) { return std::min(std::max(x, -0.25), 2.0); }},
      {"ELU()", [](double x) { return x > 0 ? x : std::expm1(x); }},
      {"ELU(alpha=0.5)", [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); }},
      {"SELU()",
       [](double x) {
         return 1.0507009873554804934193349852946 * (x > 0 ? x : 1.6732632423543772848170429916717 * std::expm1(x));
       }},
      {"CELU(alpha=2.0)", [](double x) { return x > 0 ? x : 2.0 * std::expm1(x / 2.0); }},
      {"GELU()", [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
      {"GELU(approximate=tanh)",
       [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
      {"SiLU()", [](double x) { return x / (1 + std::exp(-x)); }},
      {"Mish()", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"Softplus()", [](double x) { return x > 20 ? x : std::log1p(std::exp(x)); }},
      {"Softplus(beta=2.0, threshold=1.0)", [](double x) { return 2 * x > 1 ? x : std::log1p(std::exp(2 * x)) / 2; }},
      {"Tanh()", [](double x) { return std::tanh(x); }},
      {"Sigmoid()", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"Hardswish()", [](double x) { return x * std::min(std::max(x + 3, 0.0), 6.0) / 6; }},
      {"Hardsigmoid()", [](double x) { return std::min(std::max(x + 3, 0.0), 6.0) / 6; }},
  };
  const Values x = {-300, -20, -3.5, -1, -0.125, 0, 0.125, 0.5, 1, 3.5, 6.5, 20, 300};
  const Shape shape = {static_cast<std::int64_t>(x.size())};
  for (const Case& c : cases) {
    Values expected(x.size());
    std::transform(x.begin(), x.end(), expected.begin(), c.formula);
    expect_output(c.text, {}, shape, x, shape, expected);
  }
  expect_output("PReLU()", {{0.25}}, shape, {x}, shape,
                {-75, -5, -0.875, -0.25, -0.03125, 0, 0.125, 0.5, 1, 3.5, 6.5, 20, 300});
  expect_output("PReLU(num_parameters=2)", {{0.25, 3}}, {2, 2}, {-1, 1, -1, 1}, {2, 2}, {-0.25, 1, -3, 1});
  expect_output("ELU(alpha=1e308)", {}, {2}, {infinity, 1}, {2}, {infinity, 1});
  expect_output("Softmax(1)", {}, {2}, {0, std::log(3)}, {2}, {0.25, 0.75});
  expect_output("LogSoftmax(-1)", {}, {2, 1}, {5, 7}, {2, 1}, {0, 0});
}

TEST(PoolingForward, IsTheHandComputedValue) {
  expect_output("MaxPool1d([2], stride=[1])", {}, {1, 3}, {1, 3, 2}, {1, 2}, {3, 3});
  expect_output("MaxPool1d([2])", {}, {4}, {1, 3, 2, 0}, {2}, {3, 2});
  expect_output("MaxPool2d([1, 2], dilation=[1, 2], stride=[1, 1])", {}, {1, 1, 3}, {1, 9, 2}, {1, 1, 1}, {2});
  expect_output("MaxPool1d([2], ceil_mode=true)", {}, {1, 3}, {1, 3, 2}, {1, 2}, {3, 2});
  expect_output("MaxPool3d([1, 1, 2], padding=[0, 0, 1])", {}, {1, 1, 1, 2}, {-1, -2}, {1, 1, 1, 2}, {-1, -2});
  expect_output("AvgPool1d([2], padding=[1])", {}, {1, 2}, {1, 3}, {1, 2}, {0.5, 1.5});
  expect_output("AvgPool1d([2], padding=[1], count_include_pad=false)", {}, {1, 2}, {1, 3}, {1, 2}, {1, 3});
  expect_output("AvgPool2d([2, 2])", {}, {1, 2, 2}, {1, 2, 3, 6}, {1, 1, 1}, {3});
  expect_output("AvgPool2d([2, 2], divisor_override=3)", {}, {1, 2, 2}, {1, 2, 3, 6}, {1, 1, 1}, {4});
  expect_output("AvgPool3d([1, 2, 1], ceil_mode=true)", {}, {1, 1, 3, 1}, {1, 2, 5}, {1, 1, 2, 1}, {1.5, 5});
  expect_output("AdaptiveAvgPool1d([2])", {}, {1, 4}, {1, 3, 5, 7}, {1, 2}, {2, 6});
  expect_output("AdaptiveAvgPool3d([1, 1, -1])", {}, {1, 2, 1, 2}, {1, 3, 5, 9}, {1, 1, 1, 2}, {3, 6});
  expect_output("AdaptiveMaxPool2d([-1, 1])", {}, {1, 2, 2}, {1, 3, 9, 7}, {1, 2, 1}, {3, 9});
}

TEST(ReshapingForward, IsTheHandComputedValue) {
  const Values x = {1, 2, 3, 4, 5, 6};
  expect_output("Flatten()", {}, {2, 3}, x, {6}, x);
  expect_output("Flatten(start_dim=2)", {}, {3, 1, 2}, x, {3, 2}, x);
  expect_output("Unflatten(-1, [-1, 2])", {}, {6}, x, {3, 2}, x);
  expect_output("ZeroPad1d([1, -1])", {}, {1, 3}, {1, 2, 3}, {1, 3}, {0, 1, 2});
  expect_output("ZeroPad2d([0, 1, 1, 0])", {}, {1, 1, 2}, {1, 2}, {1, 2, 3}, {0, 0, 0, 1, 2, 0});
  expect_output("Upsample(scale_factor=[2.0])", {}, {1, 2}, {1, 2}, {1, 4}, {1, 1, 2, 2});
  expect_output("Upsample(size=[2, 4])", {}, {1, 1, 2}, {1, 2}, {1, 2, 4}, {1, 1, 2, 2, 1, 1, 2, 2});
  expect_output("Upsample(size=[3], mode=nearest-exact)", {}, {1, 2}, {1, 2}, {1, 3}, {1, 2, 2});
  expect_output("Upsample(size=[3], mode=linear, align_corners=true)", {}, {1, 2}, {0, 2}, {1, 3}, {0, 1, 2});
  expect_output("Upsample(size=[4], mode=linear)", {}, {1, 2}, {0, 4}, {1, 4}, {0, 1, 3, 4});
  expect_output("Upsample(size=[1, 3], mode=bilinear, align_corners=true)", {}, {1, 1, 2}, {0, 2}, {1, 1, 3},
                {0, 1, 2});
  expect_output("Upsample(size=[2, 1, 1], mode=trilinear)", {}, {1, 2, 1, 1}, {0, 4}, {1, 2, 1, 1}, {0, 4});
  expect_output("Upsample(size=[1, 3], mode=bicubic, align_corners=true)", {}, {1, 1, 2}, {0, 2}, {1, 1, 3}, {0, 1, 2});
  // 3 to 4: with the factor output i lies at (i + 1/2) / 1.5 - 1/2, with the ratio of the sizes at (i + 1/2) 3/4 - 1/2.
  expect_output("Upsample(scale_factor=[1.5], mode=linear)", {}, {1, 3}, {0, 3, 6}, {1, 4}, {0, 1.5, 3.5, 5.5});
  expect_output("Upsample(scale_factor=[1.5], mode=linear, recompute_scale_factor=true)", {}, {1, 3}, {0, 8, 16},
                {1, 4}, {0, 5, 11, 16});
}

TEST(LayerForward, TakesAnyMemoryLayoutAndLeavesItsInputAlone) {
  const Values x = {1, 2, 3, 4, 5, 6, 7, 8};
  const Tensor contiguous = new_tensor({1, 2, 2, 2}, x, Dtype::Float);
  const Tensor channels_last = aten::permute(aten::contiguous(aten::permute(contiguous, {0, 2, 3, 1})), {0, 3, 1, 2});
  EXPECT_FALSE(channels_last.is_contiguous());
  for (const char* text :
       {"ReLU()", "Softplus()", "MaxPool2d([2, 2])", "MaxPool3d([2, 2, 2])", "Flatten()",
        "LayerNorm([2], elementwise_affine=false)", "AvgPool2d([2, 1])", "Upsample(scale_factor=[2.0])",
        "Unflatten(1, [2, 1])", "AdaptiveAvgPool3d([1, 2, 2])", "ZeroPad1d([1, 0])"}) {
    const Item item = read_item(text);
    EXPECT_EQ(values_of(run(item, {}, channels_last)), values_of(run(item, {}, contiguous))) << text;
    EXPECT_EQ(values_of(channels_last), x) << text;
  }
}

TEST(LayerForward, ConvolutionsOfOneChannelAreRightInChannelsLast) {
  // The strides of one channel fit both memory formats; PyTorch's own convolution gives garbage here.
  const Item item = read_item("Conv2d(1, 1, [4, 3], stride=[1, 2], padding=[2, 0], bias=false)");
  const auto channels_last = [](const Shape& sizes) {
    const Tensor ones = new_tensor({sizes[0], sizes[2], sizes[3], 1}, Values(12 * sizes[0], 1.0), Dtype::Float);
    return aten::permute(ones, {0, 3, 1, 2});
  };
  const std::vector<Tensor> weight = {channels_last({1, 1, 4, 3})};
  for (int round = 0; round < 20; ++round) {
    const Tensor result = item.type->forward({item, weight}, channels_last({33, 1, 4, 3}));
    for (int i = 0; i < 33 * 5; ++i) {
      ASSERT_EQ(values_of(result)[i], (Values{6, 9, 12, 9, 6}[i % 5]));
    }
  }
}

TEST(Aten, NamesTheFunctionThatFails) {
  const Tensor input = new_tensor({2, 3}, {1, 2, 3, 4, 5, 6}, Dtype::Float);
  try {
    aten::linear(input, aten::reshape(input, {3, 2}), std::nullopt);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 19), "aten::linear failed");
  }
}

}  // namespace
}  // namespace funcsim
