#pragma once

#include "verifier/metrics/kernels/difference.h"
#include "verifier/metrics/kernels/window.h"

namespace worldshare::verifier::kernels {

/// The kernels of one instruction set.
template <class Isa>
struct Set {
  static void difference(const Replicas& all,
                         Strip strip,
                         DifferenceSums& sums,
                         DifferenceWorkspace& work) {
    Difference<Isa>(all, strip, sums, work).run();
  }

  static void window(const WindowJob& job,
                     Strip strip,
                     double (&deficits)[kMaxPairs],
                     WindowWorkspace& work) {
    const bool grey = job.replicas.colours == 1;
    if (job.in_double && grey) return Window<Isa, double, 1>(job, strip, deficits, work).run();
    if (job.in_double) return Window<Isa, double, 3>(job, strip, deficits, work).run();
    if (grey) return Window<Isa, float, 1>(job, strip, deficits, work).run();
    Window<Isa, float, 3>(job, strip, deficits, work).run();
  }
};

}  // namespace worldshare::verifier::kernels
