#include "match_tensors.h"

#include <cstdint>

#include "checks.h"

namespace funcsim {

std::vector<Tensor> partner_tensors(const Tensor& like, const NetworkMatch& match) {
  std::vector<Tensor> tensors;
  for (const LayerPair& pair : match.pairs) {
    const auto units = static_cast<std::int64_t>(pair.match.partners.size());
    tensors.push_back(tensor_of(like, {units}, Dtype::Long, pair.match.partners));
  }
  return tensors;
}

std::vector<Tensor> similarity_tensors(const Tensor& like, const NetworkMatch& match) {
  std::vector<Tensor> tensors;
  for (const LayerPair& pair : match.pairs) {
    const auto units = static_cast<std::int64_t>(pair.match.similarities.size());
    tensors.push_back(tensor_of(like, {units}, Dtype::Float, pair.match.similarities));
  }
  return tensors;
}

}  // namespace funcsim
