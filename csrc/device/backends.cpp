#include "device/backends.h"

#include <dlfcn.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "device/torch_status.h"
#include "kernels/common/error.h"

namespace funcsim {

namespace {

using torch::headeronly::DeviceType;

struct Registry {
  std::mutex mutex;
  std::map<DeviceType, DeviceBackend> backends;
  std::string cuda_problem;  ///< why there is no backend for CUDA, once it is known
};

Registry& registry() {
  static Registry registry;
  return registry;
}

/// libfuncsim_cuda.so in the folder of the library that this is part of.
std::string cuda_library() {
  Dl_info own{};
  dladdr(reinterpret_cast<const void*>(&cuda_library), &own);
  return std::filesystem::path(own.dli_fname).replace_filename("libfuncsim_cuda.so");
}

/// PyTorch has no function for this in libraries that every build of it has.
void* current_cuda_stream(std::int32_t device) {
  using Getter = AOTITorchError (*)(std::int32_t, void**);
  static const auto getter = [] {
    void* torch_cuda = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
    void* found = torch_cuda == nullptr ? nullptr : dlsym(torch_cuda, "aoti_torch_get_current_cuda_stream");
    check(found != nullptr, "this process has a CUDA tensor, but no libtorch_cuda.so with PyTorch's current stream");
    return reinterpret_cast<Getter>(found);
  }();
  void* stream = nullptr;
  check_torch(getter(device, &stream), "asking PyTorch for its current CUDA stream");
  return stream;
}

/// @throws Error saying why it can't be loaded
DeviceBackend load_cuda() {
  const std::string file = cuda_library();
  check(std::filesystem::exists(file), "there is no ", file, ": funcsim was built without the CUDA toolkit");
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* cause = dlerror();
    fail(file, " can't be loaded: ", cause == nullptr ? "for no reason that is told" : cause);
  }
  const auto getter = reinterpret_cast<FuncsimDeviceKernels>(dlsym(library, "funcsim_device_kernels"));
  const DeviceKernels* kernels = getter == nullptr ? nullptr : getter(DeviceKernels::interface_version);
  check(kernels != nullptr, file, " is of another version than the libfuncsim.so beside it: install funcsim again");
  return {kernels, &current_cuda_stream};
}

}  // namespace

const DeviceBackend& device_backend(DeviceType type) {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  const auto found = known.backends.find(type);
  if (found != known.backends.end()) {
    return found->second;
  }
  check(type == DeviceType::CUDA, "it has kernels for the CPU and for CUDA only");
  if (known.cuda_problem.empty()) {
    try {
      return known.backends.emplace(type, load_cuda()).first->second;
    } catch (const Error& error) {
      known.cuda_problem = error.what();
    }
  }
  throw Error(known.cuda_problem);
}

std::string device_problem(const torch::stable::Tensor& tensor) {
  if (!tensor.is_cpu()) {
    try {
      device_backend(tensor.device().type());
    } catch (const Error& error) {
      return error.what();
    }
  }
  return "";
}

}  // namespace funcsim

void funcsim_register_device(std::int32_t device_type, const funcsim::DeviceKernels* kernels,
                             void* (*current_stream)(std::int32_t device)) {
  funcsim::Registry& known = funcsim::registry();
  const std::scoped_lock lock(known.mutex);
  known.backends.insert_or_assign(static_cast<torch::headeronly::DeviceType>(device_type),
                                  funcsim::DeviceBackend{kernels, current_stream});
}
