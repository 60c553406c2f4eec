#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

#include "detail/write_items.h"
#include "error.h"
#include "nested_sequential.h"

namespace funcsim {

namespace detail {

/// "Conv2d" for torch::nn::Conv2dImpl, and "my::Block" for my::BlockImpl.
inline std::string type_name(const std::type_info& type) {
  constexpr const char* prefix = "torch::nn::";
  constexpr const char* suffix = "Impl";
  std::string name = c10::demangle(type.name());
  if (name.starts_with(prefix)) {
    name.erase(0, std::char_traits<char>::length(prefix));
  }
  const std::size_t length = std::char_traits<char>::length(suffix);
  if (name.size() > length && name.compare(name.size() - length, length, suffix) == 0) {
    name.erase(name.size() - length);
  }
  return name;
}

template <typename... Impls>
std::string type_names(const std::tuple<Impls...>* /*types*/) {
  std::string names;
  ((names += ", " + type_name(typeid(Impls))), ...);
  return names;
}

inline std::string supported_types() {
  return "Sequential" + type_names(static_cast<const std::tuple<NestedSequentialImpl>*>(nullptr)) +
         type_names(static_cast<const ModulesWithArguments*>(nullptr)) +
         type_names(static_cast<const PlainModules*>(nullptr));
}

/// Whether a module is of this very type. A derived class may compute something else.
template <typename Impl>
bool is_exactly(const torch::nn::Module& module) {
  return typeid(module) == typeid(Impl);
}

template <typename... Impls>
bool is_one_of(const torch::nn::Module& module, const std::tuple<Impls...>* /*types*/) {
  return (is_exactly<Impls>(module) || ...);
}

template <typename Impl>
bool write_if(const torch::nn::Module& module, ItemWriter& writer) {
  if (!is_exactly<Impl>(module)) {
    return false;
  }
  write_item(dynamic_cast<const Impl&>(module), writer);
  return true;
}

template <typename... Impls>
bool write_as_one_of(const torch::nn::Module& module, ItemWriter& writer, const std::tuple<Impls...>* /*types*/) {
  return (write_if<Impls>(module, writer) || ...);
}

[[noreturn]] inline void fail_unsupported(const std::string& path, const torch::nn::Module& module) {
  std::string message = "describe: module " + path + " (" + type_name(typeid(module)) + ") is not supported";
  if (dynamic_cast<const torch::nn::SequentialImpl*>(&module) != nullptr) {
    message +=
        ": it derives from Sequential, and its forward() may compute anything; where it runs its modules in order, "
        "make "
        "it a funcsim::NestedSequential";
  }
  throw Error(message + ". Supported are " + supported_types() + ", and no classes derived from these.");
}

/// Collects the items of a Sequential and of those nested in it.
class ItemCollector {
 public:
  void collect(const torch::nn::SequentialImpl& sequential, const std::string& prefix) {
    const std::vector<std::string> names = sequential.named_children().keys();
    std::size_t i = 0;
    for (const torch::nn::AnyModule& any : sequential) {
      const std::shared_ptr<torch::nn::Module> module = any.ptr();
      const std::string path = prefix + names[i++];
      if (is_exactly<NestedSequentialImpl>(*module)) {
        collect(dynamic_cast<const NestedSequentialImpl&>(*module), path + ".");
      } else {
        add(*module, path);
      }
    }
  }

  std::vector<Item> take() { return std::move(items_); }

 private:
  void add(const torch::nn::Module& module, const std::string& path) {
    ItemWriter writer(path, type_name(typeid(module)));
    if (!is_one_of(module, static_cast<const PlainModules*>(nullptr)) &&
        !write_as_one_of(module, writer, static_cast<const ModulesWithArguments*>(nullptr))) {
      fail_unsupported(path, module);
    }
    Item item = writer.finish();
    if (!item.parameters.empty()) {
      const auto [place, is_new] = places_.emplace(&module, path);
      if (!is_new) {
        throw Error("describe: modules " + place->second + " and " + path + " are the same " + item.type +
                    ": a module with parameters can be used once only, since its units would belong to two layers");
      }
    }
    for (const torch::Tensor& tensor : item.parameters) {
      check_memory_is_new(tensor, path);
    }
    items_.push_back(std::move(item));
  }

  void check_memory_is_new(const torch::Tensor& tensor, const std::string& path) {
    // Tensors without values (meta) or without plain memory (sparse) are the operators' to refuse.
    const void* memory = tensor.has_storage() && tensor.numel() > 0 ? tensor.const_data_ptr() : nullptr;
    if (memory == nullptr) {
      return;
    }
    // A view of another form, as the transpose that an autoencoder's decoder may have, is another tensor.
    const std::string& first =
        memory_.try_emplace({memory, tensor.sizes().vec(), tensor.strides().vec()}, path).first->second;
    if (first != path) {
      throw Error("describe: modules " + first + " and " + path + " share a tensor of shape " +
                  c10::str(tensor.sizes()) + ": it can be used once only, since its units would belong to two layers");
    }
  }

  std::vector<Item> items_;
  std::map<const torch::nn::Module*, std::string> places_;
  /// Places of tensors, by address, shape and strides.
  std::map<std::tuple<const void*, std::vector<std::int64_t>, std::vector<std::int64_t>>, std::string> memory_;
};

inline std::vector<Item> read_items(const torch::nn::Sequential& sequential) {
  if (sequential.is_empty()) {
    throw Error("describe: expected a Sequential, got an empty module holder (nullptr)");
  }
  if (!is_exactly<torch::nn::SequentialImpl>(*sequential) && !is_exactly<NestedSequentialImpl>(*sequential)) {
    fail_unsupported("(the network itself)", *sequential);
  }
  ItemCollector collector;
  collector.collect(*sequential, "");
  return collector.take();
}

inline std::string architecture_text(const std::vector<Item>& items) {
  std::string text = "funcsim/1: ";
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += (i == 0 ? "" : "; ") + items[i].text;
  }
  return text;
}

inline std::vector<torch::Tensor> all_parameters(const std::vector<Item>& items) {
  std::vector<torch::Tensor> parameters;
  for (const Item& item : items) {
    parameters.insert(parameters.end(), item.parameters.begin(), item.parameters.end());
  }
  return parameters;
}

}  // namespace detail

/// The architecture of a Sequential as one line of text (docs/architecture.md): what operators take as `architecture`,
/// equal to what the Python package writes for an equal network. Sequentials nested in it (NestedSequential) are
/// written flat.
///
/// @param sequential is not changed
/// @return for example "funcsim/1: Linear(8, 4); ReLU(); Linear(4, 2)"
/// @throws Error naming the module's place ("3", or "3.0" in a nested one) and type: for a type that isn't supported,
///         a module with parameters that occurs twice, modules that share a tensor or the very same memory, a BatchNorm
///         without running statistics, an undefined tensor
inline std::string describe(const torch::nn::Sequential& sequential) {
  return detail::architecture_text(detail::read_items(sequential));
}

/// The tensors that operators take as `parameters`: those of every module in the order of state_dict() without
/// num_batches_tracked. They are detached and share memory with the modules.
///
/// @param sequential a network that describe() can read
/// @return one tensor or more for each module that has any
/// @throws Error as describe()
inline std::vector<torch::Tensor> parameters(const torch::nn::Sequential& sequential) {
  return detail::all_parameters(detail::read_items(sequential));
}

}  // namespace funcsim
