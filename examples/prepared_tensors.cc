// Runs tensors that were prepared before: what training code, a data loader or another program hands over.
//
//   prepared_tensors FILE...
//
// Prepares the pictures into one tensor of N x channels x size x size, runs it, and prints the logits' best class.
#include <smlp/smlp.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

int main(int argc, char** argv) {
  const auto model = smlp::Model::bundled();
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message().c_str()), 1;
  auto session = smlp::Session::create(*model, {.batch = 8});
  if (!session) return std::fprintf(stderr, "%s\n", session.error().message().c_str()), 1;

  const int count = argc - 1;
  const auto side = static_cast<std::size_t>(model->image_size());
  const std::size_t floats = static_cast<std::size_t>(model->in_channels()) * side * side;
  const auto classes = static_cast<std::size_t>(model->classes());
  std::vector<float> tensor(static_cast<std::size_t>(count) * floats),
      logits(static_cast<std::size_t>(count) * classes);

  for (int i = 0; i < count; ++i) {
    const auto place = std::span(tensor).subspan(static_cast<std::size_t>(i) * floats, floats);
    if (const auto outcome = model->preprocess(smlp::Image(argv[i + 1]), place); !outcome) {
      return std::fprintf(stderr, "%s\n", outcome.error().message().c_str()), 1;
    }
  }
  if (const auto outcome = session->run(tensor, count, logits); !outcome) {
    return std::fprintf(stderr, "%s\n", outcome.error().message().c_str()), 1;
  }
  for (int i = 0; i < count; ++i) {
    const auto row = std::span(logits).subspan(static_cast<std::size_t>(i) * classes, classes);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    std::printf("%s: class %zu, %s, logit %.4f\n", argv[i + 1], best, model->class_names()[best].c_str(), row[best]);
  }
}
