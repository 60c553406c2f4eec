#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../describe.h"
#include "../options.h"
#include "../primitives.h"
#include "operators.h"

namespace funcsim::detail {

/// action(), with the network's role before the message of an Error.
template <typename Action>
auto with_role(const std::string& role, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    throw Error(role + ": " + error.what());
  }
}

/// What of a network's hidden layers gets compared.
struct Evidence {
  std::vector<std::string> names;           ///< of the affine layers
  std::vector<torch::Tensor> layers;        ///< uint8 signatures or int32 sketches
  std::vector<torch::Tensor> shuffled;      ///< sketches with the inputs shuffled, for the chance level
  std::optional<torch::Tensor> partners;    ///< of signatures: who trades places, instead
  std::vector<torch::Tensor> counts;        ///< int64 [units]: samples on which a unit fires
  std::vector<torch::Tensor> fingerprints;  ///< int64 [units]: equal for equal signatures
  std::vector<std::int64_t> num_samples;
};

/// Units that can't be told apart.
struct UnitCounts {
  std::int64_t dead = 0;
  std::int64_t always_on = 0;
  std::int64_t duplicates = 0;
};

inline UnitCounts count_units(const Evidence& evidence, std::int64_t layer) {
  UnitCounts units;
  std::set<std::int64_t> seen;
  const torch::Tensor host_counts = evidence.counts[layer].cpu();
  const torch::Tensor host_fingerprints = evidence.fingerprints[layer].cpu();
  const auto counts = host_counts.accessor<std::int64_t, 1>();
  const auto fingerprints = host_fingerprints.accessor<std::int64_t, 1>();
  for (std::int64_t u = 0; u < counts.size(0); ++u) {
    if (counts[u] == 0) {
      ++units.dead;
    } else if (counts[u] == evidence.num_samples[layer]) {
      ++units.always_on;
    } else if (!seen.insert(fingerprints[u]).second) {
      ++units.duplicates;
    }
  }
  return units;
}

inline void check_options(const CompareOptions& options) {
  if (options.method > Method::minhash) {
    throw Error("compare: method must be Method::automatic, Method::exact or Method::minhash, got the value " +
                std::to_string(static_cast<int>(options.method)));
  }
  if (options.similarity > Similarity::phi) {
    throw Error("compare: similarity must be Similarity::jaccard or Similarity::phi, got the value " +
                std::to_string(static_cast<int>(options.similarity)));
  }
  constexpr std::int64_t most_hashes = std::int64_t{1} << 24;
  if (options.num_hashes < 1 || options.num_hashes > most_hashes) {
    throw Error("compare: num_hashes must be from 1 to " + std::to_string(most_hashes) + ", got " +
                std::to_string(options.num_hashes));
  }
  if (options.similarity == Similarity::phi && options.method == Method::minhash) {
    throw Error(
        "compare: similarity phi needs exact signatures, got method minhash: sketches estimate the Jaccard index only");
  }
}

inline void check_inputs(const torch::Tensor& inputs) {
  check_defined("compare", inputs);
  if (inputs.is_nested()) {
    throw Error("compare: inputs must be a dense tensor [inputs, features...], got a nested tensor");
  }
  if (inputs.layout() != torch::kStrided) {
    throw Error("compare: inputs must be a dense tensor, got layout " + c10::str(inputs.layout()));
  }
  if (inputs.dim() < 2 || inputs.size(0) == 0) {
    throw Error("compare: inputs must be [inputs, features...] with at least one input, got " +
                c10::str(inputs.sizes()));
  }
}

/// The documented rule of Method::automatic.
inline Method choose_method(const CompareOptions& options, std::int64_t most_samples) {
  if (options.method != Method::automatic) {
    return options.method;
  }
  const bool exact = options.similarity == Similarity::phi || most_samples <= 32 * options.num_hashes;
  return exact ? Method::exact : Method::minhash;
}

/// One of the two networks: reads it, and collects the evidence on its hidden layers.
class NetworkReader {
 public:
  /// @param role "network a" or "network b", for messages
  NetworkReader(std::string role, const torch::nn::Sequential& network, torch::Tensor inputs, CompareOptions options)
      : role_(std::move(role)), inputs_(std::move(inputs)), options_(std::move(options)) {
    with_role(role_, [&] {
      const std::vector<Item> items = read_items(network);
      architecture_ = architecture_text(items);
      parameters_ = all_parameters(items);
      for (const Item& item : items) {
        if (item.type == "Linear" || item.type.starts_with("Conv")) {
          names_.push_back(item.path);
        }
      }
      count_samples();
    });
    names_.pop_back();  // the outputs' layer is not hidden
  }

  /// Number of samples of the layer that has most.
  std::int64_t most_samples() const { return inputs_.size(0) * *std::ranges::max_element(samples_per_input_); }

  Evidence collect(Method method, bool with_shuffled) const {
    Evidence evidence;
    evidence.names = names_;
    for (const std::int64_t samples : samples_per_input_) {
      evidence.num_samples.push_back(inputs_.size(0) * samples);
    }
    with_role(role_, [&] {
      // Sketches of blocks merge, so that memory does not grow with the inputs. Blocks start at multiples of 64 inputs,
      // as statistics need. One block is all there is for the exact method.
      const std::int64_t inputs_at_once = method == Method::minhash ? sketched_inputs : inputs_.size(0);
      torch::Tensor partners;
      if (with_shuffled) {
        const torch::Tensor one_for_each = torch::empty({inputs_.size(0)}, torch::dtype(torch::kByte).device(device()));
        partners = call_operator<at::Tensor(const at::Tensor&, std::int64_t, c10::SymInt)>(
            "shuffle_partners", one_for_each, options_.seed, 0);
      }
      if (with_shuffled && method == Method::exact) {
        evidence.partners = partners;
      }
      const bool sketch_shuffled = with_shuffled && method == Method::minhash;
      for (std::int64_t start = 0; start < inputs_.size(0); start += inputs_at_once) {
        const std::int64_t size = std::min(inputs_at_once, inputs_.size(0) - start);
        add_block(evidence, inputs_.narrow(0, start, size), start, method, sketch_shuffled, partners);
      }
    });
    return evidence;
  }

 private:
  /// Inputs that are sketched at a time.
  static constexpr std::int64_t sketched_inputs = 4096;

  /// Of a network without tensors, which has no hidden layer: wherever its inputs are.
  torch::Device device() const { return parameters_.empty() ? inputs_.device() : parameters_.front().device(); }

  /// Inputs of the CPU go to the network's device; from one device to another nothing goes unasked.
  std::vector<torch::Tensor> signatures(const torch::Tensor& given, std::int64_t first_input) const {
    const torch::Tensor inputs = given.is_cpu() ? given.to(device()) : given;
    return call_operator<std::vector<at::Tensor>(std::string_view, at::TensorList, const at::Tensor&, double,
                                                 std::int64_t, std::int64_t, c10::SymInt)>(
        "network_signatures", architecture_, parameters_, inputs, options_.margin, options_.positions, options_.seed,
        first_input);
  }

  /// Eight inputs fill whole bytes: a layer's signatures then have as many bytes as it has samples an input.
  void count_samples() {
    std::vector<std::int64_t> sizes = inputs_.sizes().vec();
    sizes[0] = 8;
    try {
      for (const torch::Tensor& layer : signatures(inputs_.narrow(0, 0, 1).expand(sizes), 0)) {
        samples_per_input_.push_back(layer.size(1));
      }
    } catch (const Error&) {
      signatures(inputs_, 0);  // fails as well, with a message that has the inputs' own shape
      throw;
    }
  }

  void add_block(Evidence& evidence, const torch::Tensor& inputs, std::int64_t first_input, Method method,
                 bool sketch_shuffled, const torch::Tensor& partners) const {
    const std::vector<torch::Tensor> layers = signatures(inputs, first_input);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::int64_t num_samples = inputs.size(0) * samples_per_input_[l];
      const std::int64_t first_sample = first_input * samples_per_input_[l];
      const auto sketched = [&](const torch::Tensor& rows) {
        return method == Method::exact ? rows
                                       : minhash(rows, num_samples, options_.num_hashes, options_.seed, first_sample);
      };
      merge(evidence.layers, l, sketched(layers[l]), torch::minimum);
      if (sketch_shuffled) {
        const torch::Tensor here = partners.narrow(0, first_input, inputs.size(0));
        merge(evidence.shuffled, l, shuffled_sketch(layers[l], l, here), torch::minimum);
      }
      const auto [counts, fingerprints] =
          call_operator<std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, c10::SymInt, c10::SymInt)>(
              "signature_statistics", layers[l], num_samples, first_sample);
      const auto add = [](const torch::Tensor& x, const torch::Tensor& y) { return x + y; };
      merge(evidence.counts, l, counts, add);
      merge(evidence.fingerprints, l, fingerprints, add);
    }
  }

  /// The sketch of layer l with its inputs shuffled: it is enough to know where they go.
  torch::Tensor shuffled_sketch(const torch::Tensor& rows, std::size_t l, const torch::Tensor& partners) const {
    return call_operator<at::Tensor(const at::Tensor&, const at::Tensor&, std::int64_t, std::int64_t, std::int64_t)>(
        "shuffled_minhash", rows, partners, samples_per_input_[l], options_.num_hashes, options_.seed);
  }

  /// Entry l becomes `operation` of what it was and `value`, or `value` where there was none.
  template <typename Operation>
  static void merge(std::vector<torch::Tensor>& entries, std::size_t l, const torch::Tensor& value,
                    const Operation& operation) {
    if (l == entries.size()) {
      entries.push_back(value);
    } else {
      entries[l] = operation(entries[l], value);
    }
  }

  std::string role_;
  torch::Tensor inputs_;
  CompareOptions options_;
  std::string architecture_;
  std::vector<torch::Tensor> parameters_;
  std::vector<std::string> names_;
  std::vector<std::int64_t> samples_per_input_;
};

}  // namespace funcsim::detail
