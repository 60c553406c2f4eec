#pragma once

#include <torch/torch.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "describe.h"
#include "detail/operators.h"

namespace funcsim {

namespace detail {

/// Puts the state of the CPU's random generator back at the end of a scope: cloning a module initialises its copy at
/// random before the values are copied.
class RandomStateGuard {
 public:
  RandomStateGuard() : generator_(at::globalContext().defaultGenerator(torch::kCPU)) {
    const std::scoped_lock lock(generator_.mutex());
    state_ = generator_.get_state();
  }
  ~RandomStateGuard() {
    const std::scoped_lock lock(generator_.mutex());
    generator_.set_state(state_);
  }
  RandomStateGuard(const RandomStateGuard&) = delete;
  RandomStateGuard& operator=(const RandomStateGuard&) = delete;
  RandomStateGuard(RandomStateGuard&&) = delete;
  RandomStateGuard& operator=(RandomStateGuard&&) = delete;

 private:
  at::Generator generator_;
  torch::Tensor state_;
};

/// A deep copy with the same names, modes and requires_grad. (Sequential::clone() renames modules before PyTorch 2.15,
/// and clones always require gradients.)
inline torch::nn::Sequential clone(const torch::nn::Sequential& sequential) {
  const RandomStateGuard random_state;
  auto copy = std::make_shared<torch::nn::SequentialImpl>();
  copy->train(sequential->is_training());
  push_back_clones(*sequential, std::nullopt, *copy);
  const std::vector<torch::Tensor> from = sequential->parameters();
  if (!from.empty()) {
    copy->to(from.front().device());
  }
  const std::vector<torch::Tensor> to = copy->parameters();
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i].set_requires_grad(from[i].requires_grad());
  }
  return {std::move(copy)};
}

/// A deep copy with other parameters, in the order of parameters().
inline torch::nn::Sequential clone_with(const torch::nn::Sequential& sequential,
                                        const std::vector<torch::Tensor>& values) {
  torch::nn::Sequential copy = clone(sequential);
  const std::vector<torch::Tensor> targets = parameters(copy);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    targets[i].copy_(values[i]);
  }
  return copy;
}

}  // namespace detail

/// A new network that computes the same function (to rounding), with every hidden unit's incoming weights divided by
/// their L2 norm and its outgoing weights multiplied by it wherever the layers in between allow it: networks that
/// differ by such a scaling have equal canonical forms. BatchNorms directly after an affine layer are folded into it
/// and become the identity. `sequential` stays as it is.
///
/// Parameters alone don't tell rows [N, features] from tokens [N, T, features]: a BatchNorm1d right behind a Linear (or
/// a PReLU with several slopes) that has as many features as the Linear has units is taken to act on units. In a
/// network that is given tokens there, T of them with T equal to the number of units, it acts on tokens, and the result
/// does not compute the same function. (compare() with a margin knows the inputs, and refuses these.)
///
/// @param sequential a network that describe() can read, with a hidden layer, on the CPU
/// @return a deep copy with other parameters; names, modes, dtypes and requires_grad are those of the original
/// @throws Error as describe(), for networks without a hidden layer, weights that aren't finite, and where a unit loses
///         its identity on the way to the next affine layer
inline torch::nn::Sequential canonicalize(const torch::nn::Sequential& sequential) {
  const torch::NoGradGuard no_grad;
  const std::vector<detail::Item> items = detail::read_items(sequential);
  const std::string architecture = detail::architecture_text(items);
  const auto canonical = detail::call_operator<std::vector<at::Tensor>(std::string_view, at::TensorList)>(
      "canonicalize", architecture, detail::all_parameters(items));
  return detail::clone_with(sequential, canonical);
}

}  // namespace funcsim
