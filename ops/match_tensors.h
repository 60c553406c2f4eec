#pragma once

#include <torch/csrc/stable/tensor.h>

#include <vector>

#include "compare/match_layers.h"

// The results of csrc/compare as tensors.

namespace funcsim {

/// matches of the operators: one int64 [units_a] a pair, on the device of `like`.
std::vector<torch::stable::Tensor> partner_tensors(const torch::stable::Tensor& like, const NetworkMatch& match);

/// similarities of the operators: one float32 [units_a] a pair, on the device of `like`.
std::vector<torch::stable::Tensor> similarity_tensors(const torch::stable::Tensor& like, const NetworkMatch& match);

/// One number of every pair.
template <typename Get>
std::vector<double> layer_values(const NetworkMatch& match, Get get) {
  std::vector<double> values;
  values.reserve(match.pairs.size());
  for (const LayerPair& pair : match.pairs) {
    values.push_back(get(pair));
  }
  return values;
}

}  // namespace funcsim
