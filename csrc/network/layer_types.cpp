#include <algorithm>

#include "kernels/common/error.h"
#include "network/layer_type.h"
#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

/// A size in an architecture can be anything; this is past any memory, and says so before it is asked for.
constexpr std::int64_t most_output_elements = 0x40'0000'0000;  // 2^38

}  // namespace

const std::vector<LayerType>& layer_types() {
  static const std::vector<LayerType> types = [] {
    std::vector<LayerType> all;
    for (const auto& family :
         {affine_types(), normalization_types(), activation_types(), pooling_types(), reshaping_types()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }();
  return types;
}

const LayerType* find_layer_type(std::string_view name) {
  const std::vector<LayerType>& types = layer_types();
  const auto found = std::ranges::find(types, name, &LayerType::name);
  return found == types.end() ? nullptr : &*found;
}

std::string supported_layer_types() {
  std::string text;
  for (const LayerType& type : layer_types()) {
    text += (text.empty() ? "" : ", ") + std::string(type.name);
  }
  return text;
}

std::vector<ParameterSpec> item_parameters(const Item& item) {
  return item.type->parameters == nullptr ? std::vector<ParameterSpec>{} : item.type->parameters(item);
}

Shape item_output_shape(const Item& item, const Shape& input) {
  for (const std::int64_t size : input) {
    check(size > 0, "expects inputs with something in them, got ", batch_shape_text(input));
  }
  const Shape output = item.type->output_shape == nullptr ? input : item.type->output_shape(item, input);
  check(element_count(output) <= most_output_elements, "makes an output ", batch_shape_text(output),
        " of more than 2^38 numbers for each of its inputs ", batch_shape_text(input));
  return output;
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::int64_t element_count(const Shape& shape) {
  constexpr std::int64_t most = 0x4000'0000'0000'0000;  // 2^62
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    check(size == 0 || count <= most / size, "shape ", shape_text(shape), " has more than 2^62 elements");
    count *= size;
  }
  return count;
}

}  // namespace funcsim
