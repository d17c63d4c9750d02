#pragma once

#include <memory>

namespace worldshare {

/// Owns a C handle and releases it with `Release`, once.
template <auto Release>
struct HandleRelease {
  template <class T>
  void operator()(T* handle) const {
    Release(handle);
  }
};

template <class T, auto Release>
using UniqueHandle = std::unique_ptr<T, HandleRelease<Release>>;

}  // namespace worldshare
