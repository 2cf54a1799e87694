// GELU(x) = max(x, 0) - t s(t), t = min(|x|, cut); s(t) = erfc(t / sqrt 2) / 2 as a polynomial in u = 2 t / cut - 1.
// Printed by tools/fit_gelu.py, which explains the fit. `error` bounds the absolute error of GELU in exact arithmetic.
#pragma once

namespace smlp::kernels {

template <int Degree>
struct GeluFit;

template <>
struct GeluFit<5> {
  static constexpr float cut = 3.5F, error = 1.7e-3F;
  static constexpr float c[] = {3.994205714e-02F,  -1.542659343e-01F, 2.372051647e-01F,
                                -1.377344780e-01F, -2.602614380e-02F, 4.136315542e-02F};
};

template <>
struct GeluFit<9> {
  static constexpr float cut = 4.5F, error = 1.5e-5F;
  static constexpr float c[] = {1.222113958e-02F, -7.134382144e-02F, 1.809234856e-01F,  -2.464576344e-01F,
                                1.564529836e-01F, 3.724558822e-02F,  -1.290805178e-01F, 5.000455502e-02F,
                                2.947086255e-02F, -1.943656614e-02F};
};

template <>
struct GeluFit<17> {
  static constexpr float cut = 5.7F, error = 7.2e-8F;
  static constexpr float c[] = {
      2.185954143e-03F,  -1.958758296e-02F, 7.955077504e-02F,  -1.888525149e-01F, 2.757710924e-01F, -2.181283657e-01F,
      -3.034291193e-03F, 2.160866105e-01F,  -2.188304037e-01F, 2.066782616e-02F,  1.481870034e-01F, -1.098204975e-01F,
      -3.026901894e-02F, 6.496221271e-02F,  -6.751174728e-03F, -1.687813970e-02F, 3.190107097e-03F, 1.550420425e-03F};
};

}  // namespace smlp::kernels
