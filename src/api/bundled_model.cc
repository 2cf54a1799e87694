#include <dlfcn.h>

#include <cstdlib>

#include "api/load.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "smlp_imagenette.safetensors";

// The library, or the program that holds this code.
fs::path this_module() {
  Dl_info info = {};
  std::error_code ignored;
  if (::dladdr(reinterpret_cast<const void*>(&this_module), &info) == 0 || info.dli_fname == nullptr) return {};
  // A program's name is what its caller typed; the system knows the path.
  const fs::path named = info.dli_fname;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path path = named.filename().native().find(".so") == std::string::npos ? program : named;
  return fs::canonical(path, ignored);
}

// PREFIX/bin, PREFIX/lib and PREFIX/lib/x86_64-linux-gnu all lie one or two below the prefix; the module of the Python
// package lies in the package, which is its prefix.
std::vector<fs::path> places() {
  std::vector<fs::path> folders;
  const fs::path module = this_module();
  if (!module.empty()) {
    const fs::path one_up = module.parent_path().parent_path();
    folders.push_back(module.parent_path() / "share/smlp/models");
    folders.push_back(one_up / "share/smlp/models");
    folders.push_back(one_up.parent_path() / "share/smlp/models");
  }
  folders.emplace_back(SMLP_SOURCE_MODELS);
  return folders;
}

}  // namespace

Result<fs::path> find_bundled_model() {
  std::error_code ignored;
  if (const char* folder = std::getenv("SMLP_MODEL_DIR"); folder != nullptr && *folder != '\0') {
    fs::path file = fs::path(folder) / kFile;
    if (fs::exists(file, ignored)) return file;
    return fail(Error{.what = "the bundled model is not there",
                      .file = file.string(),
                      .remedy = "correct SMLP_MODEL_DIR or unset it"});
  }
  std::string looked;
  for (const fs::path& folder : places()) {
    if (fs::exists(folder / kFile, ignored)) return folder / kFile;
    looked += (looked.empty() ? "" : ", ") + folder.string();
  }
  return fail(Error{.what = fmt::format("the bundled model {} is in none of {}", kFile, looked),
                    .remedy = "name a model, or set SMLP_MODEL_DIR to the folder that holds it"});
}

}  // namespace smlp
