#include "device/torch_status.h"

#include <dlfcn.h>

namespace funcsim {

std::string torch_failure_reason() {
  using Getter = const char* (*)();
  const auto getter = reinterpret_cast<Getter>(dlsym(RTLD_DEFAULT, "torch_exception_get_what_without_backtrace"));
  const char* reason = getter == nullptr ? nullptr : getter();
  return reason == nullptr ? "" : std::string(": ") + reason;
}

}  // namespace funcsim
