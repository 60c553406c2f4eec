#pragma once

#include <torch/csrc/stable/library.h>

#include <optional>

namespace funcsim {

/// Registers an operator with PyTorch's dispatcher for as long as it lives. Each operator's file has one, static, so
/// that loading the library registers all operators and unloading it takes them back.
///
/// Of two copies of the library in one process only the first registers anything: PyTorch would end the process at a
/// second operator of the same name.
class OperatorRegistration {
 public:
  using BoxedFunction = void (*)(StableIValue*, std::uint64_t, std::uint64_t);

  /// @param schema   name, arguments and results, as in torch.library.define
  /// @param function what TORCH_BOX makes of the operator's function
  OperatorRegistration(const char* schema, BoxedFunction function);

 private:
  std::optional<torch::stable::detail::StableLibrary> definition_;
  std::optional<torch::stable::detail::StableLibrary> implementation_;
};

}  // namespace funcsim
