#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/torch.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "../error.h"

namespace funcsim::detail {

/// Operators get tensors that exist: an undefined one would be dereferenced on the other side of the stable ABI.
inline void check_defined(const char* name, const torch::Tensor& tensor) {
  if (!tensor.defined()) {
    throw Error(std::string(name) + ": expected a tensor, got an undefined one");
  }
}

inline void check_defined(const char* name, const std::vector<torch::Tensor>& tensors) {
  for (const torch::Tensor& tensor : tensors) {
    check_defined(name, tensor);
  }
}

template <typename Other>
void check_defined(const char* /*name*/, const Other& /*other*/) {}

/// Calls the operator funcsim::<name> through the dispatcher.
///
/// @tparam Signature the operator's, as the dispatcher sees it, e.g. at::Tensor(const at::Tensor&, c10::SymInt)
/// @throws Error with the operator's message, or one that says how to load the operators when they aren't
template <typename Signature, typename... Arguments>
auto call_operator(const char* name, const Arguments&... arguments) {
  const auto found = c10::Dispatcher::singleton().findSchema({std::string("funcsim::") + name, ""});
  if (!found.has_value()) {
    throw Error(std::string("funcsim::") + name +
                ": the operators are not loaded. This program must load libfuncsim.so before it uses funcsim: link it "
                "with -Wl,--push-state,--no-as-needed <path>/libfuncsim.so -Wl,--pop-state (without --no-as-needed "
                "the linker drops a library that no symbol is taken from; the CMake target passes it), or open it with "
                "dlopen");
  }
  (check_defined(name, arguments), ...);
  try {
    return found->template typed<Signature>().call(arguments...);
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(error.what_without_backtrace());
  } catch (const std::runtime_error& error) {
    throw Error(error.what());
  }
}

}  // namespace funcsim::detail
