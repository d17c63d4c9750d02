#include "verifier/consensus/cliques.h"

#include <algorithm>

namespace worldshare::verifier {
namespace {

class Search {
 public:
  Search(const Graph& graph, std::size_t limit) : graph_(graph), limit_(limit) {}

  void expand(Clique candidates, Clique excluded) {
    if (found_.size() >= limit_) return;
    if (candidates.empty()) {
      if (excluded.empty() && !current_.empty()) found_.push_back(current_);
      return;
    }
    const std::size_t pivot = best_pivot(candidates, excluded);
    const Clique branches = without_neighbours(candidates, pivot);
    for (const std::size_t node : branches) {
      current_.push_back(node);
      expand(neighbours(candidates, node), neighbours(excluded, node));
      current_.pop_back();
      std::erase(candidates, node);
      excluded.push_back(node);
    }
  }

  std::vector<Clique> take() { return std::move(found_); }

 private:
  Clique neighbours(const Clique& among, std::size_t node) const {
    Clique out;
    std::ranges::copy_if(among, std::back_inserter(out),
                         [&](std::size_t other) { return graph_.connected(node, other); });
    return out;
  }

  Clique without_neighbours(const Clique& among, std::size_t node) const {
    Clique out;
    std::ranges::copy_if(among, std::back_inserter(out),
                         [&](std::size_t other) { return !graph_.connected(node, other); });
    return out;
  }

  std::size_t best_pivot(const Clique& candidates, const Clique& excluded) const {
    std::size_t best = candidates.front();
    std::size_t most = 0;
    for (const Clique* from : {&candidates, &excluded}) {
      for (const std::size_t node : *from) {
        const std::size_t count = neighbours(candidates, node).size();
        if (count > most) {
          most = count;
          best = node;
        }
      }
    }
    return best;
  }

  const Graph& graph_;
  std::size_t limit_;
  Clique current_;
  std::vector<Clique> found_;
};

}  // namespace

std::vector<Clique> maximal_cliques(const Graph& graph,
                                    const std::vector<std::size_t>& nodes,
                                    std::size_t limit) {
  Search search(graph, limit);
  search.expand(nodes, {});
  auto out = search.take();
  for (auto& clique : out) std::ranges::sort(clique);
  std::ranges::sort(out, [](const Clique& a, const Clique& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  return out;
}

}  // namespace worldshare::verifier
