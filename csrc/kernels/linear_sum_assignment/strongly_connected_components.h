#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace funcsim {

/// The number of the strongly connected component of every node: Tarjan, "Depth-first search and linear graph
/// algorithms", 1972.
///
/// @param next_child (node, place) returns a node that an edge leads to from this one, and changes `place`, 0 at first,
///                   so that the next call returns that of the next edge; -1 after the last one
template <typename NextChild>
std::vector<std::int64_t> strongly_connected_components(std::int64_t nodes, const NextChild& next_child) {
  constexpr std::int64_t none = -1;
  std::vector<std::int64_t> component(nodes, none);
  std::vector<std::int64_t> number(nodes, none);
  std::vector<std::int64_t> lowest(nodes);
  std::vector<std::int64_t> place(nodes);
  std::vector<std::int64_t> path;
  std::vector<std::int64_t> unfinished;
  std::int64_t visited = 0;
  std::int64_t components = 0;
  const auto visit = [&](std::int64_t node) {
    number[node] = lowest[node] = visited++;
    path.push_back(node);
    unfinished.push_back(node);
  };
  for (std::int64_t root = 0; root < nodes; ++root) {
    if (number[root] == none) {
      visit(root);
    }
    while (!path.empty()) {
      const std::int64_t node = path.back();
      if (const std::int64_t child = next_child(node, place[node]); child != none) {
        if (number[child] == none) {
          visit(child);
        } else if (component[child] == none) {
          lowest[node] = std::min(lowest[node], number[child]);
        }
        continue;
      }
      path.pop_back();
      if (!path.empty()) {
        lowest[path.back()] = std::min(lowest[path.back()], lowest[node]);
      }
      if (lowest[node] == number[node]) {
        std::int64_t member = none;
        while (member != node) {
          member = unfinished.back();
          unfinished.pop_back();
          component[member] = components;
        }
        ++components;
      }
    }
  }
  return component;
}

}  // namespace funcsim
