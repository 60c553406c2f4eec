#include <funcsim/describe.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "test_networks.h"

namespace {

namespace nn = torch::nn;
using funcsim::test::contains;
using funcsim::test::error_of;

template <typename... Modules>
std::string described(const Modules&... modules) {
  const std::string text = funcsim::describe(nn::Sequential(modules...));
  const std::string prefix = "funcsim/1: ";
  EXPECT_EQ(text.substr(0, prefix.size()), prefix);
  return text.substr(prefix.size());
}

template <typename... Modules>
std::string refusal(const Modules&... modules) {
  return error_of([&] { funcsim::describe(nn::Sequential(modules...)); });
}

TEST(Describe, WritesTheExampleOfTheDocumentation) {
  const nn::Sequential network(nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)), nn::BatchNorm2d(8), nn::ReLU(),
                               nn::Flatten(), nn::Linear(512, 10));
  EXPECT_EQ(funcsim::describe(network),
            "funcsim/1: Conv2d(1, 8, [3, 3], padding=[1, 1]); BatchNorm2d(8); ReLU(); Flatten(); Linear(512, 10)");
}

TEST(Describe, WritesAffineLayers) {
  EXPECT_EQ(described(nn::Linear(nn::LinearOptions(3, 4).bias(false))), "Linear(3, 4, bias=false)");
  EXPECT_EQ(described(nn::Conv1d(nn::Conv1dOptions(2, 4, 3).stride(2).padding(1).dilation(2).groups(2).bias(false))),
            "Conv1d(2, 4, [3], stride=[2], padding=[1], dilation=[2], groups=2, bias=false)");
  EXPECT_EQ(described(nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(torch::kSame).padding_mode(torch::kCircular))),
            "Conv2d(2, 4, [3, 3], padding=same, padding_mode=circular)");
  EXPECT_EQ(described(nn::Conv3d(nn::Conv3dOptions(2, 4, {1, 2, 3}).padding(torch::kValid))),
            "Conv3d(2, 4, [1, 2, 3])");
}

TEST(Describe, WritesNormalisationLayers) {
  EXPECT_EQ(described(nn::BatchNorm1d(nn::BatchNormOptions(4).eps(1e-3).affine(false))),
            "BatchNorm1d(4, eps=0.001, affine=false)");
  EXPECT_EQ(described(nn::BatchNorm3d(nn::BatchNormOptions(4).momentum(0.5))), "BatchNorm3d(4)");
  EXPECT_EQ(described(nn::LayerNorm(nn::LayerNormOptions({2, 4}).eps(1e-6))), "LayerNorm([2, 4], eps=1e-06)");
  EXPECT_EQ(described(nn::LayerNorm(nn::LayerNormOptions({4}).elementwise_affine(false))),
            "LayerNorm([4], elementwise_affine=false)");
  EXPECT_EQ(described(nn::GroupNorm(nn::GroupNormOptions(2, 4).affine(false))), "GroupNorm(2, 4, affine=false)");
}

TEST(Describe, WritesALayerNormWithoutBias) {
  nn::LayerNorm norm(nn::LayerNormOptions({4}));
  norm->bias = torch::Tensor();
  EXPECT_EQ(described(norm), "LayerNorm([4], bias=false)");
}

TEST(Describe, WritesPoolingAndShapeLayers) {
  EXPECT_EQ(described(nn::MaxPool2d(nn::MaxPool2dOptions({2, 3}).stride(1).padding(1).dilation(2).ceil_mode(true))),
            "MaxPool2d([2, 3], stride=[1, 1], padding=[1, 1], dilation=[2, 2], ceil_mode=true)");
  EXPECT_EQ(described(nn::MaxPool1d(2)), "MaxPool1d([2])");
  EXPECT_EQ(described(nn::MaxPool3d(2)), "MaxPool3d([2, 2, 2])");
  EXPECT_EQ(described(nn::AvgPool2d(nn::AvgPool2dOptions(2).count_include_pad(false).divisor_override(3))),
            "AvgPool2d([2, 2], count_include_pad=false, divisor_override=3)");
  EXPECT_EQ(described(nn::AvgPool1d(nn::AvgPool1dOptions(2).stride(1).padding(1).ceil_mode(true))),
            "AvgPool1d([2], stride=[1], padding=[1], ceil_mode=true)");
  EXPECT_EQ(described(nn::AvgPool3d(2)), "AvgPool3d([2, 2, 2])");
  EXPECT_EQ(described(nn::AdaptiveAvgPool1d(3), nn::AdaptiveAvgPool2d(1), nn::AdaptiveAvgPool3d(2)),
            "AdaptiveAvgPool1d([3]); AdaptiveAvgPool2d([1, 1]); AdaptiveAvgPool3d([2, 2, 2])");
  EXPECT_EQ(described(nn::AdaptiveMaxPool1d(3), nn::AdaptiveMaxPool2d(nn::AdaptiveMaxPool2dOptions({std::nullopt, 2})),
                      nn::AdaptiveMaxPool3d(2)),
            "AdaptiveMaxPool1d([3]); AdaptiveMaxPool2d([-1, 2]); AdaptiveMaxPool3d([2, 2, 2])");
  EXPECT_EQ(described(nn::Flatten(), nn::Flatten(nn::FlattenOptions().start_dim(2).end_dim(3))),
            "Flatten(); Flatten(start_dim=2, end_dim=3)");
  EXPECT_EQ(described(nn::Unflatten(nn::UnflattenOptions(1, {2, 3}))), "Unflatten(1, [2, 3])");
  EXPECT_EQ(described(nn::ZeroPad1d(1), nn::ZeroPad2d(nn::ZeroPad2dOptions({1, 2, 3, 4})), nn::ZeroPad3d(2)),
            "ZeroPad1d([1, 1]); ZeroPad2d([1, 2, 3, 4]); ZeroPad3d([2, 2, 2, 2, 2, 2])");
  EXPECT_EQ(described(nn::Upsample(nn::UpsampleOptions().size(std::vector<int64_t>{4, 5}))), "Upsample(size=[4, 5])");
  EXPECT_EQ(
      described(nn::Upsample(
          nn::UpsampleOptions().scale_factor(std::vector<double>{2, 1.5}).mode(torch::kBilinear).align_corners(true))),
      "Upsample(scale_factor=[2.0, 1.5], mode=bilinear, align_corners=true)");
}

TEST(Describe, WritesActivations) {
  EXPECT_EQ(described(nn::ReLU(nn::ReLUOptions(true)), nn::Identity(), nn::Dropout(0.3), nn::Dropout2d(),
                      nn::Dropout3d(), nn::AlphaDropout(), nn::FeatureAlphaDropout()),
            "ReLU(); Identity(); Dropout(); Dropout2d(); Dropout3d(); AlphaDropout(); FeatureAlphaDropout()");
  EXPECT_EQ(described(nn::ReLU6(), nn::SELU(), nn::SiLU(), nn::Mish(), nn::Tanh(), nn::Sigmoid()),
            "ReLU6(); SELU(); SiLU(); Mish(); Tanh(); Sigmoid()");
  EXPECT_EQ(described(nn::LeakyReLU(), nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.2))),
            "LeakyReLU(); LeakyReLU(negative_slope=0.2)");
  EXPECT_EQ(described(nn::PReLU(), nn::PReLU(nn::PReLUOptions().num_parameters(7))),
            "PReLU(); PReLU(num_parameters=7)");
  EXPECT_EQ(described(nn::Hardtanh(), nn::Hardtanh(nn::HardtanhOptions().min_val(-2).max_val(2))),
            "Hardtanh(); Hardtanh(min_val=-2.0, max_val=2.0)");
  EXPECT_EQ(described(nn::ELU(), nn::CELU(nn::CELUOptions().alpha(0.5))), "ELU(); CELU(alpha=0.5)");
  EXPECT_EQ(described(nn::GELU(), nn::GELU(nn::GELUOptions().approximate("tanh"))), "GELU(); GELU(approximate=tanh)");
  EXPECT_EQ(described(nn::Softplus(), nn::Softplus(nn::SoftplusOptions().beta(2).threshold(5))),
            "Softplus(); Softplus(beta=2.0, threshold=5.0)");
  EXPECT_EQ(described(nn::Softmax(1), nn::LogSoftmax(-1)), "Softmax(1); LogSoftmax(-1)");
}

TEST(Describe, WritesFloatsAsPythonsReprDoes) {
  using funcsim::detail::float_text;
  EXPECT_EQ(float_text(0.0), "0.0");
  EXPECT_EQ(float_text(-0.0), "-0.0");
  EXPECT_EQ(float_text(20.0), "20.0");
  EXPECT_EQ(float_text(0.1), "0.1");
  EXPECT_EQ(float_text(-1.0 / 3), "-0.3333333333333333");
  EXPECT_EQ(float_text(0.0001), "0.0001");
  EXPECT_EQ(float_text(0.00001), "1e-05");
  EXPECT_EQ(float_text(1.25e-7), "1.25e-07");
  EXPECT_EQ(float_text(1234.5), "1234.5");
  EXPECT_EQ(float_text(1e15), "1000000000000000.0");
  EXPECT_EQ(float_text(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(float_text(1e16), "1e+16");
  EXPECT_EQ(float_text(-2.5e16), "-2.5e+16");
  EXPECT_EQ(float_text(1e22), "1e+22");
  EXPECT_EQ(float_text(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(float_text(std::numeric_limits<double>::denorm_min()), "5e-324");
}

TEST(Describe, WritesNestedSequentialsFlat) {
  const nn::Sequential network(nn::Linear(4, 8), funcsim::NestedSequential(nn::ReLU(), nn::Linear(8, 8)), nn::Tanh());
  EXPECT_EQ(funcsim::describe(network), "funcsim/1: Linear(4, 8); ReLU(); Linear(8, 8); Tanh()");
  EXPECT_EQ(funcsim::parameters(network).size(), 4);
}

TEST(Describe, ListsParametersInTheOrderOfTheStateDict) {
  const nn::Linear linear(4, 3);
  const nn::BatchNorm1d norm(3);
  const auto parameters = funcsim::parameters(nn::Sequential(linear, norm));
  ASSERT_EQ(parameters.size(), 6);
  const torch::Tensor expected[] = {linear->weight, linear->bias,       norm->weight,
                                    norm->bias,     norm->running_mean, norm->running_var};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ(parameters[i].data_ptr(), expected[i].data_ptr()) << i;
    EXPECT_FALSE(parameters[i].requires_grad()) << i;
  }
}

TEST(Describe, KeepsAModuleWithoutParametersThatIsUsedTwice) {
  const nn::ReLU relu;
  EXPECT_EQ(described(nn::Linear(2, 2), relu, nn::Linear(2, 2), relu), "Linear(2, 2); ReLU(); Linear(2, 2); ReLU()");
}

TEST(Describe, RefusesAModuleWithParametersThatIsUsedTwice) {
  const nn::Linear shared(2, 2);
  const std::string message = refusal(shared, nn::ReLU(), funcsim::NestedSequential(shared));
  EXPECT_TRUE(contains(message, "modules 0 and 2.0 are the same Linear")) << message;
}

TEST(Describe, RefusesModulesThatShareATensor) {
  nn::Linear first(2, 2);
  nn::Linear second(2, 2);
  second->weight = first->weight;
  const std::string message = refusal(first, nn::ReLU(), funcsim::NestedSequential(second));
  EXPECT_TRUE(contains(message, "modules 0 and 2.0 share a tensor of shape [2, 2]")) << message;
  second->weight = first->weight.detach();
  EXPECT_TRUE(contains(refusal(first, second), "modules 0 and 1 share a tensor of shape [2, 2]"));
  second->weight = first->weight.detach().t();
  EXPECT_EQ(refusal(first, second), "");
}

TEST(Describe, RefusesWhatItDoesNotKnowAndSaysWhere) {
  const std::string message =
      refusal(nn::Linear(2, 2), nn::ReLU(), funcsim::NestedSequential(nn::ReLU(), nn::Embedding(2, 2)));
  EXPECT_TRUE(contains(message, "module 2.1 (Embedding) is not supported")) << message;
  EXPECT_TRUE(contains(message, "Linear, Conv1d, Conv2d")) << message;
  EXPECT_TRUE(contains(message, "Sigmoid")) << message;
  EXPECT_TRUE(contains(refusal(nn::Functional(torch::relu)), "module 0 (Functional)"));
  EXPECT_TRUE(contains(refusal(nn::ConvTranspose2d(1, 1, 2)), "ConvTranspose2d"));
}

TEST(Describe, NamesModulesByTheirNames) {
  const nn::Sequential network({{"encoder", nn::Linear(2, 2)}, {"lookup", nn::Embedding(2, 2)}});
  const std::string message = error_of([&] { funcsim::describe(network); });
  EXPECT_TRUE(contains(message, "module lookup (Embedding)")) << message;
}

struct ScaledLinearImpl : nn::LinearImpl {
  using LinearImpl::LinearImpl;
  torch::Tensor forward(const torch::Tensor& input) { return 2 * LinearImpl::forward(input); }
};
TORCH_MODULE(ScaledLinear);

struct ResidualImpl : nn::SequentialImpl {
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(const torch::Tensor& input) { return input + SequentialImpl::forward(input); }
};
TORCH_MODULE(Residual);

TEST(Describe, DoesNotTakeADerivedClassForItsBase) {
  EXPECT_TRUE(contains(refusal(ScaledLinear(2, 2)), "ScaledLinear"));
  const std::string message = refusal(nn::Linear(2, 2), Residual(nn::Linear(2, 2)));
  EXPECT_TRUE(contains(message, "module 1 (")) << message;
  EXPECT_TRUE(contains(message, "NestedSequential")) << message;
  const nn::Sequential disguised(std::static_pointer_cast<nn::SequentialImpl>(Residual(nn::Linear(2, 2)).ptr()));
  EXPECT_THROW(funcsim::describe(disguised), funcsim::Error);
}

TEST(Describe, RefusesABatchNormWithoutRunningStatistics) {
  const std::string message =
      refusal(nn::Linear(2, 2), nn::BatchNorm1d(nn::BatchNormOptions(2).track_running_stats(false)));
  EXPECT_TRUE(contains(message, "module 1 (BatchNorm1d) has no running statistics")) << message;
}

TEST(Describe, RefusesNumbersThatAreNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string message = refusal(nn::Hardtanh(nn::HardtanhOptions().max_val(infinity)));
  EXPECT_TRUE(contains(message, "module 0 (Hardtanh) has max_val=inf")) << message;
}

TEST(Describe, RefusesUndefinedTensors) {
  nn::Linear linear(2, 2);
  linear->weight = torch::Tensor();
  EXPECT_TRUE(contains(refusal(linear), "module 0 (Linear) has no weight"));
  EXPECT_THROW(funcsim::describe(nn::Sequential(nullptr)), funcsim::Error);
}

}  // namespace
