#include "network/unit_factors.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "network/aten.h"
#include "network/layer_type.h"

namespace funcsim {

using torch::stable::Tensor;

Tensor row_factors(const Tensor& vector, const Tensor& weight) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(weight.dim()), 1);
  sizes.front() = -1;
  return aten::reshape(vector, sizes);
}

Tensor column_factors(const Item& affine, const Tensor& vector, const Tensor& weight) {
  if (affine.type->spatial_dimensions == 0) {
    return vector;
  }
  const std::int64_t groups = affine.integer("groups");
  const Tensor of_groups = aten::reshape(vector, {groups, -1});
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(weight.dim()), 1);
  sizes[0] = weight.size(0);
  sizes[1] = weight.size(1);
  return aten::reshape(aten::repeat_interleave(of_groups, weight.size(0) / groups, 0), sizes);
}

}  // namespace funcsim
