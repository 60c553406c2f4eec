#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "align/unit_orders.h"
#include "network/canonical_form.h"
#include "network/network.h"
#include "network/unit_places.h"

namespace funcsim {

/// Numbers of the units of one hidden layer that can be compared between two networks, one by one.
struct UnitNumbers {
  torch::stable::Tensor a;  ///< float64 [units of a, numbers]
  torch::stable::Tensor b;  ///< float64 [units of b, numbers]
};

/// Canonical weights of two networks, brought into the same order by what is matched already.
class UnitWeights {
 public:
  /// Refers to its arguments.
  UnitWeights(const Network& a, const std::vector<UnitPlaces>& places_a, const Network& b,
              const std::vector<UnitPlaces>& places_b, std::optional<std::int64_t> input_dimensions);

  std::size_t hidden_layers() const { return a_.network.hidden_layers().size(); }

  /// The canonical weights into the units of hidden layer l, or for l = hidden_layers() into the outputs, and their
  /// canonical bias. Weights from units without a counterpart are left out.
  ///
  /// @param before the counterparts in the layer before; not used for l = 0
  /// @return nullopt where the weights of the networks don't correspond: other kernels, sizes of images, groups
  std::optional<UnitNumbers> incoming(std::size_t l, const UnitMatch& before) const;

  /// The canonical weights through which the next affine layer reads the units of hidden layer l.
  ///
  /// @param after the counterparts in the layer behind; of the outputs' layer, each output with itself
  /// @return nullopt where they don't correspond, and for grouped convolutions
  std::optional<UnitNumbers> outgoing(std::size_t l, const UnitMatch& after) const;

  /// Outputs of both networks, each with itself.
  UnitMatch matched_outputs() const;

  /// nearness() of incoming(l) of a grouped convolution, of the units of a pair of groups, for an order within a group
  /// of inputs.
  ///
  /// @param groups how many; both convolutions have so many
  /// @param within [inputs of a group in a]: which input of b's group each is
  /// @return row-major float64 [outputs of a group in a, outputs of a group in b]; empty where the weights don't
  ///         correspond
  std::vector<double> grouped_nearness(std::size_t l, std::int64_t group_a, std::int64_t group_b,
                                       const UnitMatch& within) const;

 private:
  struct Side {
    const Network& network;
    const std::vector<UnitPlaces>& places;
    CanonicalForm form;

    std::int64_t affine(std::size_t l) const;
    std::int64_t groups(std::size_t l) const;
    const torch::stable::Tensor& weight(std::size_t l) const { return form.tensors[affine(l)][0]; }
    /// The canonical bias of a layer's units: the affine layer's, or what the BatchNorm after it keeps. float64 [units]
    torch::stable::Tensor shift(std::size_t l) const;
  };

  bool have_equal_kernels(std::size_t l) const;
  std::optional<UnitNumbers> incoming_filters(std::size_t l, const UnitMatch& before) const;

  Side a_;
  Side b_;
  mutable std::size_t host_layer_ = 0;  ///< whose weights are in these, as grouped_nearness reads them; 0: none
  mutable std::vector<double> host_a_, host_b_, host_shift_a_, host_shift_b_;
};

/// Minus the squared distance of rows: [units of a, units of b], float64 on the host, row-major.
std::vector<double> nearness(const UnitNumbers& numbers);

/// The same of some rows.
std::vector<double> nearness(const UnitNumbers& numbers, const std::vector<std::int64_t>& rows_a,
                             const std::vector<std::int64_t>& rows_b);

/// Sum over matched rows.
double matched_nearness(const UnitNumbers& numbers, const UnitMatch& match);

}  // namespace funcsim
