#pragma once

#include <cstddef>
#include <vector>

namespace worldshare::verifier {

/// Undirected graph of few nodes.
class Graph {
 public:
  explicit Graph(std::size_t nodes) : edges_(nodes, std::vector<bool>(nodes, false)) {}
  void connect(std::size_t a, std::size_t b) { edges_[a][b] = edges_[b][a] = true; }
  bool connected(std::size_t a, std::size_t b) const { return edges_[a][b]; }
  std::size_t size() const { return edges_.size(); }

 private:
  std::vector<std::vector<bool>> edges_;
};

using Clique = std::vector<std::size_t>;

/// All maximal sets of `nodes` that are connected pairwise, each ascending, largest first and then
/// in lexicographic order. Bron and Kerbosch, "Algorithm 457", 1973, with pivoting. At most `limit`
/// of them are found.
std::vector<Clique> maximal_cliques(const Graph& graph,
                                    const std::vector<std::size_t>& nodes,
                                    std::size_t limit);

}  // namespace worldshare::verifier
