#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace funcsim {

/// How similarities are computed.
enum class Method : std::uint8_t {
  automatic,  ///< exact while the largest layer has at most 32 * num_hashes samples (then a signature is no longer than
              ///< a sketch), minhash beyond that
  exact,      ///< from the signatures, by counting bits
  minhash,    ///< estimated from sketches; memory does not grow with the number of inputs
};

/// What is maximised between matched units.
enum class Similarity : std::uint8_t {
  jaccard,  ///< |A and B| / |A or B| of the sets of samples on which two units fire, in [0, 1]
  phi,      ///< Pearson correlation of the two bit vectors, in [-1, 1]; needs the signatures, so never minhash
};

/// CompareOptions::positions: every position of a layer's grid is a sample.
inline constexpr std::int64_t all_positions = 0;
/// CompareOptions::positions: one sample an input, set when the unit fires anywhere. Makes layers of different grids
/// comparable.
inline constexpr std::int64_t any_position = -1;

/// Options of compare(), for example {.method = funcsim::Method::exact, .seed = 7}.
struct CompareOptions {
  /// How similarities are computed. The result says which method ran.
  Method method = Method::automatic;
  /// What is maximised. Similarity::phi goes with Method::automatic, which is exact then, and with Method::exact.
  Similarity similarity = Similarity::jaccard;
  /// Slots of a sketch, from 1 to 2^24. The standard error falls with its square root.
  std::int64_t num_hashes = 1024;
  /// Of sketches, of the points that `positions` takes and of the shuffle behind chance levels: any value.
  std::int64_t seed = 0;
  /// A unit fires where its canonical pre-activation is above this; finite, at least 0.
  double margin = 0.0;
  /// Samples an input of a layer whose units have a grid of positions (space, time, tokens): that many points of the
  /// unit cube, from 1 to 2^24, the same for every layer, or all_positions, or any_position.
  std::int64_t positions = 16;
  /// Pairs of hidden layers (of a, of b), counted from 0, each layer at most once. Empty: in order where there are
  /// equally many; otherwise the pairing that keeps the order and has the largest sum of layer scores.
  std::vector<std::pair<std::int64_t, std::int64_t>> layers = {};
};

/// The name of a method, as in Python.
///
/// @param method any
/// @return "auto", "exact" or "minhash"
inline std::string to_string(Method method) {
  switch (method) {
    case Method::exact:
      return "exact";
    case Method::minhash:
      return "minhash";
    case Method::automatic:
      break;
  }
  return "auto";
}

/// The name of a similarity, as in Python.
///
/// @param similarity any
/// @return "jaccard" or "phi"
inline std::string to_string(Similarity similarity) {
  return similarity == Similarity::phi ? "phi" : "jaccard";
}

}  // namespace funcsim
