#pragma once

#include <torch/torch.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace funcsim {

namespace detail {

/// Appends deep copies of the modules of `from`, under the same names.
inline void push_back_clones(const torch::nn::SequentialImpl& from, const std::optional<torch::Device>& device,
                             torch::nn::SequentialImpl& to) {
  const std::vector<std::string> names = from.named_children().keys();
  std::size_t i = 0;
  for (const torch::nn::AnyModule& module : from) {
    to.push_back(names[i++], module.clone(device));
  }
}

}  // namespace detail

/// A Sequential that can stand in a Sequential.
///
/// PyTorch's own can't: its forward() is a template, and LibTorch asks for a derived class with a plain one. What such
/// a class computes can't be seen from outside (it may add its input, say), so funcsim reads this one only, which runs
/// its modules in order and nothing else. Descriptions write it flat.
class NestedSequentialImpl : public torch::nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;

  /// Runs the modules in order.
  ///
  /// @param input what the first module takes
  /// @return what the last one gives
  torch::Tensor forward(const torch::Tensor& input) { return SequentialImpl::forward(input); }

  /// Deep copy with the names of the modules. SequentialImpl's would return a plain SequentialImpl.
  ///
  /// @param device where the copy's tensors are to be; where the original's are unless it is given
  /// @return a NestedSequentialImpl
  std::shared_ptr<Module> clone(const std::optional<torch::Device>& device = std::nullopt) const override {
    auto copy = std::make_shared<NestedSequentialImpl>();
    copy->train(is_training());
    detail::push_back_clones(*this, device, *copy);
    return copy;
  }

  /// Writes the type's name, as torch::nn modules do.
  ///
  /// @param stream is written to
  void pretty_print(std::ostream& stream) const override { stream << "funcsim::NestedSequential"; }
};

/// Holder of a NestedSequentialImpl, constructed as torch::nn::Sequential is.
class NestedSequential : public torch::nn::ModuleHolder<NestedSequentialImpl> {
 public:
  using torch::nn::ModuleHolder<NestedSequentialImpl>::ModuleHolder;

  /// Without modules; push_back() adds them.
  NestedSequential() = default;
  /// @param named_modules names and modules, for example {{"hidden", torch::nn::Linear(8, 4)}}
  NestedSequential(std::initializer_list<torch::nn::NamedAnyModule> named_modules)
      : ModuleHolder(std::make_shared<NestedSequentialImpl>(named_modules)) {}
};

}  // namespace funcsim
