// Prints "<name>: <description>" for networks that tests/python/test_describe_cpp.py builds in Python too.

#include <funcsim/funcsim.h>

#include <iostream>
#include <string>

namespace {

namespace nn = torch::nn;

void print(const std::string& name, const nn::Sequential& network) {
  std::cout << name << ": " << funcsim::describe(network) << '\n';
}

void print_affine() {
  print("mlp", nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Linear(nn::LinearOptions(8, 2).bias(false))));
  print("conv1d",
        nn::Sequential(nn::Conv1d(nn::Conv1dOptions(2, 4, 3).stride(2).padding(1).dilation(2).groups(2).bias(false)),
                       nn::Conv1d(nn::Conv1dOptions(4, 4, 1).padding_mode(torch::kCircular).padding(2))));
  print("conv2d",
        nn::Sequential(nn::Conv2d(nn::Conv2dOptions(1, 8, {3, 5}).padding(torch::kSame).padding_mode(torch::kReflect)),
                       nn::Conv2d(nn::Conv2dOptions(8, 4, 2).padding(torch::kValid).stride({1, 2})),
                       nn::Conv2d(nn::Conv2dOptions(4, 4, 3).padding({1, 0}).padding_mode(torch::kReplicate))));
  print("conv3d", nn::Sequential(nn::Conv3d(nn::Conv3dOptions(1, 2, {1, 2, 3}).dilation({1, 1, 2}))));
  print("nested",
        nn::Sequential(nn::Linear(4, 8), funcsim::NestedSequential(nn::ReLU(), nn::Linear(8, 8)), nn::Linear(8, 2)));
}

void print_normalisation() {
  print("batch_norm", nn::Sequential(nn::BatchNorm1d(4), nn::BatchNorm2d(nn::BatchNormOptions(3).eps(1e-3)),
                                     nn::BatchNorm3d(nn::BatchNormOptions(2).affine(false).momentum(0.3))));
  print("layer_norm", nn::Sequential(nn::LayerNorm(nn::LayerNormOptions({4})),
                                     nn::LayerNorm(nn::LayerNormOptions({2, 4}).eps(1e-6).elementwise_affine(false))));
  print("group_norm", nn::Sequential(nn::GroupNorm(2, 4), nn::GroupNorm(nn::GroupNormOptions(1, 3).affine(false))));
}

void print_shapes() {
  print("max_pool",
        nn::Sequential(nn::MaxPool1d(2), nn::MaxPool2d(nn::MaxPool2dOptions({2, 3}).stride(1).padding({1, 0})),
                       nn::MaxPool3d(nn::MaxPool3dOptions(2).dilation(2).ceil_mode(true))));
  print("avg_pool", nn::Sequential(nn::AvgPool1d(nn::AvgPool1dOptions(3).stride(2).padding(1)),
                                   nn::AvgPool2d(nn::AvgPool2dOptions(2).ceil_mode(true).count_include_pad(false)),
                                   nn::AvgPool3d(nn::AvgPool3dOptions({1, 2, 2}).divisor_override(3))));
  print("adaptive",
        nn::Sequential(nn::AdaptiveAvgPool1d(3), nn::AdaptiveAvgPool2d(1), nn::AdaptiveAvgPool3d(2),
                       nn::AdaptiveMaxPool1d(3), nn::AdaptiveMaxPool2d(nn::AdaptiveMaxPool2dOptions({std::nullopt, 2})),
                       nn::AdaptiveMaxPool3d(nn::AdaptiveMaxPool3dOptions({1, 2, 3}))));
  print("reshape", nn::Sequential(nn::Flatten(), nn::Flatten(nn::FlattenOptions().start_dim(2).end_dim(3)),
                                  nn::Unflatten(nn::UnflattenOptions(1, {2, 3})), nn::ZeroPad1d(1),
                                  nn::ZeroPad2d(nn::ZeroPad2dOptions({1, 2, 0, 0})),
                                  nn::ZeroPad3d(nn::ZeroPad3dOptions({1, 2, 3, 4, 5, 6}))));
  print("upsample",
        nn::Sequential(nn::Upsample(nn::UpsampleOptions().size(std::vector<int64_t>{4, 5})),
                       nn::Upsample(nn::UpsampleOptions()
                                        .scale_factor(std::vector<double>{2, 1.5})
                                        .mode(torch::kBilinear)
                                        .align_corners(true)),
                       nn::Upsample(nn::UpsampleOptions().scale_factor(std::vector<double>{3}).mode(torch::kNearest))));
}

void print_activations() {
  print("plain", nn::Sequential(nn::ReLU(nn::ReLUOptions(true)), nn::Identity(), nn::Dropout(0.3), nn::Dropout2d(),
                                nn::Dropout3d(), nn::AlphaDropout(), nn::FeatureAlphaDropout(), nn::ReLU6(), nn::SELU(),
                                nn::SiLU(), nn::Mish(), nn::Tanh(), nn::Sigmoid()));
  print("slopes", nn::Sequential(nn::LeakyReLU(), nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(1e-5)),
                                 nn::PReLU(), nn::PReLU(nn::PReLUOptions().num_parameters(7))));
  print(
      "options",
      nn::Sequential(nn::Hardtanh(), nn::Hardtanh(nn::HardtanhOptions().min_val(-2).max_val(2.5e16)), nn::ELU(),
                     nn::ELU(nn::ELUOptions().alpha(0.1)), nn::CELU(nn::CELUOptions().alpha(1.0 / 3)), nn::GELU(),
                     nn::GELU(nn::GELUOptions().approximate("tanh")), nn::Softplus(),
                     nn::Softplus(nn::SoftplusOptions().beta(2).threshold(1e22)), nn::Softmax(1), nn::LogSoftmax(-1)));
}

}  // namespace

int main() {
  print_affine();
  print_normalisation();
  print_shapes();
  print_activations();
}
