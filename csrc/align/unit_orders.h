#pragma once

#include <cstdint>
#include <vector>

#include "network/unit_blocks.h"

namespace funcsim {

/// For each unit of a layer of a its counterpart in b, or -1.
using UnitMatch = std::vector<std::int64_t>;

/// New unit j of a layer is its old unit order[j].
using UnitOrder = std::vector<std::int64_t>;

/// Checks that blocks of a's hidden layers can correspond to blocks of b's: that the same layers are tied, and layers
/// whose blocks stay in place have equally many in both networks.
///
/// @throws Error that names the layer, and what divides it in both networks
void check_corresponding(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b);

/// The order that puts every unit of b's hidden layers where its counterpart is in a, as far as there is room: where b
/// has at least as many units, a's places come first, those without a counterpart filled with b's units without one in
/// their own order, and what is left of these at the end; otherwise the matched units of b in a's order come first,
/// then the others. The same for blocks, and then within each block.
///
/// @param matches of all hidden layers; each [units of a] of distinct units of b or -1
/// @throws Error that names the layer, for matches that the blocks don't allow
std::vector<UnitOrder> unit_orders(const std::vector<UnitBlocks>& a, const std::vector<UnitBlocks>& b,
                                   const std::vector<UnitMatch>& matches);

}  // namespace funcsim
