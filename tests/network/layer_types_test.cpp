#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "kernels/common/error.h"
#include "network/architecture.h"
#include "network/layer_type.h"

namespace funcsim {
namespace {

Item read_item(const std::string& text) {
  return parse_architecture("funcsim/1: " + text).items.at(0);
}

std::string error_of(const std::string& text, const Shape& input) {
  try {
    return "no error, but shape " + shape_text(item_output_shape(read_item(text), input));
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(LayerTypes, AreThoseOfTheDocumentation) {
  std::vector<std::string> expected = {
      "Linear",      "Conv1d",   "Conv2d",    "Conv3d",   "BatchNorm1d", "BatchNorm2d",  "BatchNorm3d",
      "LayerNorm",   "RMSNorm",  "GroupNorm", "ReLU",     "Identity",    "Dropout",      "Dropout1d",
      "Dropout2d",   "ReLU6",    "SELU",      "SiLU",     "Mish",        "AlphaDropout", "FeatureAlphaDropout",
      "Dropout3d",   "Tanh",     "Sigmoid",   "Hardtanh", "LeakyReLU",   "Hardswish",    "PReLU",
      "Hardsigmoid", "ELU",      "CELU",      "GELU",     "Softplus",    "Softmax",      "LogSoftmax",
      "Flatten",     "Upsample", "Unflatten"};
  for (const std::string family : {"MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "ZeroPad"}) {
    for (const char* dimensions : {"1d", "2d", "3d"}) {
      expected.push_back(family + dimensions);
    }
  }
  std::vector<std::string> names;
  for (const LayerType& type : layer_types()) {
    names.emplace_back(type.name);
    EXPECT_EQ(find_layer_type(type.name), &type);
  }
  std::sort(expected.begin(), expected.end());
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, expected);
  EXPECT_EQ(find_layer_type("LSTM"), nullptr);
  EXPECT_EQ(supported_layer_types().substr(0, 14), "Linear, Conv1d");
}

TEST(LayerTypes, HaveWellFormedSpecifications) {
  for (const LayerType& type : layer_types()) {
    EXPECT_TRUE(type.forward != nullptr) << type.name;
    bool optional_seen = false;
    std::set<std::string_view> names;
    for (const ArgumentSpec& spec : type.arguments) {
      EXPECT_TRUE(names.insert(spec.name).second) << type.name << " " << spec.name;
      EXPECT_FALSE(optional_seen && !spec.usual.has_value()) << "required comes first: " << type.name << spec.name;
      optional_seen = optional_seen || spec.usual.has_value();
      const bool list = spec.type == ArgumentType::integers || spec.type == ArgumentType::reals;
      EXPECT_TRUE(list || spec.length == 0) << type.name << " " << spec.name;
      if (spec.type == ArgumentType::word) {
        EXPECT_EQ(std::get<std::string>(*spec.usual), spec.words.front()) << type.name << " " << spec.name;
      }
    }
    const char last = type.name[type.name.size() - 1];
    const bool numbered =
        last == 'd' && type.name[type.name.size() - 2] >= '1' && type.name[type.name.size() - 2] <= '3';
    const bool dropout = type.role == LayerRole::identity;
    EXPECT_EQ(type.spatial_dimensions, numbered && !dropout ? type.name[type.name.size() - 2] - '0' : 0) << type.name;
  }
}

TEST(LayerTypes, ListTheirTensorsInTheOrderOfTheStateDict) {
  const auto tensors = [](const std::string& text) {
    std::string listed;
    for (const ParameterSpec& spec : item_parameters(read_item(text))) {
      listed += std::string(spec.name) + shape_text(spec.sizes) + " ";
    }
    return listed;
  };
  EXPECT_EQ(tensors("Linear(2, 3)"), "weight[3, 2] bias[3] ");
  EXPECT_EQ(tensors("Linear(2, 3, bias=false)"), "weight[3, 2] ");
  EXPECT_EQ(tensors("Conv2d(4, 6, [3, 2], groups=2)"), "weight[6, 2, 3, 2] bias[6] ");
  EXPECT_EQ(tensors("BatchNorm1d(5)"), "weight[5] bias[5] running_mean[5] running_var[5] ");
  EXPECT_EQ(tensors("BatchNorm2d(5, affine=false)"), "running_mean[5] running_var[5] ");
  EXPECT_EQ(tensors("LayerNorm([2, 3])"), "weight[2, 3] bias[2, 3] ");
  EXPECT_EQ(tensors("LayerNorm([2], bias=false)"), "weight[2] ");
  EXPECT_EQ(tensors("LayerNorm([2], elementwise_affine=false)"), "");
  EXPECT_EQ(tensors("RMSNorm([2])"), "weight[2] ");
  EXPECT_EQ(tensors("GroupNorm(2, 4)"), "weight[4] bias[4] ");
  EXPECT_EQ(tensors("GroupNorm(2, 4, affine=false)"), "");
  EXPECT_EQ(tensors("PReLU(num_parameters=3)"), "weight[3] ");
  EXPECT_EQ(tensors("ReLU()"), "");
}

TEST(LayerShapes, FollowFromTheArguments) {
  struct Case {
    const char* text;
    Shape input;
    Shape output;
  };
  const std::vector<Case> cases = {
      {"Linear(2, 3)", {2}, {3}},
      {"Linear(2, 3)", {5, 4, 2}, {5, 4, 3}},
      {"Conv1d(2, 3, [3], stride=[2], padding=[1], dilation=[2])", {2, 9}, {3, 4}},
      {"Conv2d(1, 8, [3, 2], padding=same)", {1, 4, 1}, {8, 4, 1}},
      {"Conv2d(1, 8, [5, 1], padding=[3, 0], padding_mode=reflect)", {1, 4, 1}, {8, 6, 1}},
      {"Conv1d(1, 1, [2], padding=[4], padding_mode=circular)", {1, 4}, {1, 11}},
      {"Conv1d(1, 1, [2], padding=[9], padding_mode=replicate)", {1, 4}, {1, 21}},
      {"Conv3d(1, 2, [1, 2, 3])", {1, 3, 3, 3}, {2, 3, 2, 1}},
      {"Conv1d(1, 1, [2], stride=[2147483647])", {1, 9}, {1, 1}},
      {"BatchNorm1d(4)", {4}, {4}},
      {"BatchNorm1d(4)", {4, 7}, {4, 7}},
      {"BatchNorm3d(4)", {4, 1, 2, 3}, {4, 1, 2, 3}},
      {"LayerNorm([2, 3])", {5, 2, 3}, {5, 2, 3}},
      {"PReLU(num_parameters=4)", {4, 2}, {4, 2}},
      {"Softmax(-1)", {3}, {3}},
      {"MaxPool1d([3])", {2, 8}, {2, 2}},
      // A window that ceil_mode adds: there where it begins inside (or in the padding before), not in the one behind.
      {"MaxPool1d([3], ceil_mode=true)", {2, 8}, {2, 3}},
      {"MaxPool1d([2], stride=[3], padding=[1], ceil_mode=true)", {2, 5}, {2, 2}},
      {"MaxPool1d([2], stride=[5], padding=[1], ceil_mode=true)", {2, 5}, {2, 2}},
      {"MaxPool1d([4], padding=[0], dilation=[2], ceil_mode=true)", {2, 5}, {2, 1}},
      {"MaxPool2d([2, 3], stride=[1, 2], padding=[1, 1], dilation=[2, 1])", {2, 4, 7}, {2, 4, 4}},
      {"MaxPool1d([2])", {8}, {4}},
      {"AvgPool3d([1, 2, 3], stride=[1, 1, 1])", {2, 3, 3, 3}, {2, 3, 2, 1}},
      {"AvgPool2d([2147483647, 2147483647], ceil_mode=true, padding=[1073741823, 1073741823])", {1, 6, 6}, {1, 1, 1}},
      {"AdaptiveAvgPool2d([5, -1])", {2, 3, 4}, {2, 5, 4}},
      {"AdaptiveMaxPool1d([2])", {7}, {2}},
      {"Flatten()", {2, 3, 4}, {24}},
      {"Flatten(start_dim=-2, end_dim=3)", {2, 3, 4}, {2, 12}},
      {"Unflatten(1, [2, -1])", {6, 5}, {2, 3, 5}},
      {"Unflatten(-1, [5, 1])", {6, 5}, {6, 5, 1}},
      {"ZeroPad2d([1, 2, -1, 0])", {1, 3, 4}, {1, 2, 7}},
      {"ZeroPad1d([-4, 3])", {2, 4}, {2, 3}},
      {"Upsample(size=[3])", {2, 5, 6}, {2, 3, 3}},
      {"Upsample(size=[3, 4])", {2, 5, 6}, {2, 3, 4}},
      {"Upsample(scale_factor=[1.3])", {2, 7, 3}, {2, 9, 3}},
      {"Upsample(scale_factor=[0.5, 2.0, 1.0], mode=trilinear)", {2, 5, 5, 5}, {2, 2, 10, 5}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(item_output_shape(read_item(c.text), c.input), c.output) << c.text;
  }
}

TEST(LayerShapes, RefuseInputsThatDoNotFit) {
  struct Case {
    const char* text;
    Shape input;
    std::vector<const char*> words;
  };
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  const std::vector<Case> cases = {
      {"Linear(2, 3)", {7}, {"2 (in_features)", "[N, 7]"}},
      {"Linear(2, 3)", {}, {"2 (in_features)", "[N]"}},
      {"Conv2d(3, 1, [1, 1])", {2}, {"4 dimensions [N, 3, height, width]", "[N, 2]"}},
      {"Conv2d(3, 1, [1, 1])", {2, 5, 5}, {"in_channels 3", "[N, 2, 5, 5]"}},
      {"Conv1d(1, 1, [9])", {1, 4}, {"kernel_size 9", "an input of 4", "[N, 1, 4]"}},
      {"Conv1d(1, 1, [2], dilation=[4], padding=[0])", {1, 4}, {"window of 5", "[N, 1, 4]"}},
      {"Conv1d(1, 1, [2], padding=[4], padding_mode=reflect)", {1, 4}, {"padding of 4", "smaller", "[N, 1, 4]"}},
      {"Conv1d(1, 1, [2], padding=[5], padding_mode=circular)", {1, 4}, {"padding of 5", "at most", "[N, 1, 4]"}},
      {"Conv1d(1, 1, [9], padding=same, padding_mode=reflect)", {1, 4}, {"padding of 4", "[N, 1, 4]"}},
      {"Conv1d(1, 1, [4], padding=same, padding_mode=reflect)", {1, 2}, {"padding of 2", "[N, 1, 2]"}},
      {"BatchNorm1d(3)", {4}, {"num_features 3", "[N, 4]"}},
      {"BatchNorm1d(3)", {3, 4, 4}, {"3 dimensions", "2 dimensions", "[N, 3, 4, 4]"}},
      {"BatchNorm2d(3)", {3, 4}, {"4 dimensions [N, 3, height, width]", "[N, 3, 4]"}},
      {"LayerNorm([4])", {3}, {"[4] (normalized_shape)", "[N, 3]"}},
      {"RMSNorm([2, 3])", {3}, {"[2, 3] (normalized_shape)", "[N, 3]"}},
      {"GroupNorm(2, 4)", {3, 4}, {"num_channels 4", "[N, 3, 4]"}},
      {"PReLU(num_parameters=4)", {3, 4}, {"num_parameters 4", "[N, 3, 4]"}},
      {"Softmax(0)", {4}, {"dim 0 is the batch", "[N, 4]"}},
      {"LogSoftmax(-2)", {4}, {"dim -2 is the batch", "[N, 4]"}},
      {"Softmax(2)", {4}, {"dim", "from -2 to 1", "got 2"}},
      {"MaxPool2d([2, 2])", {4}, {"4 dimensions", "3 without channels", "[N, 4]"}},
      {"MaxPool1d([2])", {2, 3, 4}, {"3 dimensions", "[N, 2, 3, 4]"}},
      {"MaxPool2d([2, 2])", {1, 1, 9}, {"kernel_size 2", "an input of 1", "[N, 1, 1, 9]"}},
      {"AvgPool3d([2, 2, 2], padding=[1, 1, 1])", {1, 1, 4, 4}, {"kernel_size [2, 2, 2]", "[N, 1, 1, 4, 4]"}},
      {"AdaptiveAvgPool2d([1, 1])", {2}, {"4 dimensions", "[N, 2]"}},
      {"AdaptiveAvgPool1d([4611686018427387904])", {1, 3}, {"[N, 1, 4611686018427387904]", "[N, 1, 3]"}},
      {"Flatten(start_dim=0)", {2, 3}, {"start_dim 0 is the batch", "[N, 2, 3]"}},
      {"Flatten(start_dim=2, end_dim=1)", {2, 3}, {"start_dim 2", "end_dim 1", "[N, 2, 3]"}},
      {"Flatten(start_dim=3)", {2, 3}, {"start_dim", "from -3 to 2", "got 3"}},
      {"Flatten(end_dim=-9223372036854775808)", {2, 3}, {"end_dim", "-9223372036854775808"}},
      {"Unflatten(0, [1, -1])", {6}, {"dim 0 is the batch", "[N, 6]"}},
      {"Unflatten(1, [4, -1])", {6}, {"[4, -1]", "6", "[N, 6]"}},
      {"Unflatten(1, [4, 2])", {6}, {"[4, 2]", "6", "[N, 6]"}},
      {"Unflatten(1, [4611686018427387904, 4611686018427387904, -1])", {6}, {"2^62"}},
      {"ZeroPad2d([0, 0, 0, 0])", {4}, {"last 2 dimensions", "[N, 4]"}},
      {"ZeroPad1d([-2, -2])", {1, 4}, {"[-2, -2]", "[N, 1, 4]"}},
      {"ZeroPad1d([-5, 9])", {1, 4}, {"[-5, 9]", "[N, 1, 4]"}},
      {"Upsample(size=[3])", {4}, {"3 to 5 dimensions", "[N, 4]"}},
      {"Upsample(size=[3, 3])", {2, 4}, {"size", "1 element", "[N, 2, 4]", "got 2"}},
      {"Upsample(scale_factor=[2.0], mode=bilinear)", {2, 4}, {"4 dimensions", "bilinear", "[N, 2, 4]"}},
      {"Upsample(scale_factor=[0.2])", {2, 4}, {"scale_factor 0.2", "a size of 0", "[N, 2, 4]"}},
      {"Upsample(scale_factor=[1e300])", {2, 4}, {"scale_factor 1e+300", "[N, 2, 4]"}},
      {"ReLU()", {2, 0}, {"[N, 2, 0]"}},
      {"ReLU()", {huge, huge}, {"2^62"}},
  };
  for (const Case& c : cases) {
    const std::string message = error_of(c.text, c.input);
    for (const char* word : c.words) {
      EXPECT_NE(message.find(word), std::string::npos) << c.text << ": no \"" << word << "\" in: " << message;
    }
  }
}

TEST(LayerTypes, RefuseArgumentsThatDoNotGoTogether) {
  struct Case {
    const char* text;
    std::vector<const char*> words;
  };
  const std::vector<Case> cases = {
      {"Conv2d(3, 8, [3, 3], groups=2)", {"groups 2", "in_channels 3"}},
      {"Conv2d(4, 7, [3, 3], groups=2)", {"groups 2", "out_channels 7"}},
      {"Conv2d(1, 8, [3, 3], padding=same, stride=[1, 2])", {"same", "stride [1, 2]"}},
      {"Conv1d(1, 8, [3], stride=[2147483648])", {"stride", "2147483647", "2147483648"}},
      {"Conv1d(1, 8, [4611686018427387904], dilation=[4611686018427387904])", {"kernel_size", "4611686018427387904"}},
      {"Conv1d(1, 8, [3], padding=[4611686018427387904])", {"padding", "4611686018427387904"}},
      {"BatchNorm2d(4, eps=-1.0)", {"eps", "-1"}},
      {"RMSNorm([4], eps=-0.5)", {"eps", "-0.5"}},
      {"GroupNorm(3, 8)", {"num_groups 3", "num_channels 8"}},
      {"GroupNorm(2, 8, eps=-0.5)", {"eps", "-0.5"}},
      {"Hardtanh(min_val=2.0, max_val=2.0)", {"min_val 2", "max_val 2"}},
      {"CELU(alpha=0.0)", {"alpha", "0"}},
      {"MaxPool2d([2, 3], padding=[1, 2])", {"padding [1, 2]", "kernel_size [2, 3]"}},
      {"AvgPool1d([1], padding=[1])", {"padding [1]", "kernel_size [1]"}},
      {"MaxPool1d([2], dilation=[2147483648])", {"dilation", "2147483648"}},
      {"MaxPool1d([2], stride=[2147483648])", {"stride", "2147483648"}},
      {"AvgPool2d([2, 2], divisor_override=0)", {"divisor_override", "0"}},
      {"AdaptiveMaxPool2d([0, 1])", {"output_size", "[0, 1]"}},
      {"Unflatten(1, [-1, -1])", {"unflattened_size", "[-1, -1]"}},
      {"Unflatten(1, [0, 2])", {"unflattened_size", "at least 1", "[0, 2]"}},
      {"ZeroPad1d([0, -9223372036854775808])", {"padding", "2147483647", "-9223372036854775808"}},
      {"Upsample()", {"size", "scale_factor", "neither"}},
      {"Upsample(size=[4], scale_factor=[2.0])", {"size", "scale_factor", "both"}},
      {"Upsample(scale_factor=[1.0, 0.0])", {"scale_factor", "larger than 0"}},
      {"Upsample(size=[4], recompute_scale_factor=true)", {"recompute_scale_factor", "size"}},
      {"Upsample(size=[4], align_corners=true)", {"align_corners", "nearest"}},
      {"Upsample(size=[4], mode=nearest-exact, align_corners=true)", {"align_corners", "nearest-exact"}},
  };
  for (const Case& c : cases) {
    const std::string message = error_of(c.text, {4, 4, 4});
    for (const char* word : c.words) {
      EXPECT_NE(message.find(word), std::string::npos) << c.text << ": no \"" << word << "\" in: " << message;
    }
  }
}

}  // namespace
}  // namespace funcsim
