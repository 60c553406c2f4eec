#include "match_tensors.h"

#include <algorithm>
#include <cstdint>

#include "checks.h"

namespace funcsim {

std::vector<Tensor> partner_tensors(const NetworkMatch& match) {
  std::vector<Tensor> tensors;
  for (const LayerPair& pair : match.pairs) {
    tensors.push_back(new_tensor({static_cast<std::int64_t>(pair.match.partners.size())}, Dtype::Long));
    std::ranges::copy(pair.match.partners, tensors.back().mutable_data_ptr<std::int64_t>());
  }
  return tensors;
}

std::vector<Tensor> similarity_tensors(const NetworkMatch& match) {
  std::vector<Tensor> tensors;
  for (const LayerPair& pair : match.pairs) {
    tensors.push_back(new_tensor({static_cast<std::int64_t>(pair.match.similarities.size())}, Dtype::Float));
    std::ranges::copy(pair.match.similarities, tensors.back().mutable_data_ptr<float>());
  }
  return tensors;
}

}  // namespace funcsim
