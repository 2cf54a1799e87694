// What a command was given: one listing of files, folders, archives and lists, the same for all commands.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/open_file.h"
#include "base/result.h"
#include "data/bin_folder.h"
#include "data/image_folder.h"
#include "data/input_words.h"
#include "data/picture_files.h"
#include "data/tar_archive.h"

namespace smlp {

// A file, or a member of an archive.
struct Input {
  std::filesystem::path file = {};  // empty for a member
  std::shared_ptr<const TarArchive> archive = {};
  std::size_t member = 0;
  InputKind kind = InputKind::picture;
  // Of a prepared file once it was checked, of a picture where check_pictures() was asked.
  int rows = 1;  // pictures in the file
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;         // of a member: the archive's
  int label = -1;                    // index into Inputs::labels; -1: none
  std::vector<int> row_labels = {};  // of a bin with labels of its own: likewise, of each picture in it
  std::size_t own_from = 0;          // where in `file` its own name starts, behind the folder that was given

  // For people, records and errors: "photos/a.jpg", "shard-000.tar:dog/a.jpg".
  std::string name() const;
  // The same wherever the folder or the archive lies: "dog/a.jpg", "shard-000.tar:dog/a.jpg".
  std::string own_name() const;
  // That of the picture or those of the bin's pictures; empty where there is none.
  std::span<const int> labels() const { return label >= 0 ? std::span(&label, 1) : std::span(row_labels); }
  // "a", of both: the last part up to its first dot. Results are named by it.
  std::string stem() const;
  // What tells its content from another: the file's or the member's size, and the time of the file or of the archive.
  // Zero for a file that is gone: reading it says why.
  FileStamp stamp() const;
  // The file that has to stay as it is while the input is read: the picture's own, or its archive's.
  const std::filesystem::path& on_disk() const { return archive ? archive->path() : file; }
};

// Who said which class a picture is of.
enum class LabelSource { none, folders, list, shards, bins, several };

// What was found and is no input, such as notes beside pictures.
struct LeftOut {
  std::size_t count = 0;
  std::string first = {};

  void add(std::size_t more, const std::string& name) {
    if (count == 0) first = name;
    count += more;
  }
};

struct Inputs {
  std::vector<Input> files = {};         // in the order in which every command takes them
  std::vector<std::string> labels = {};  // the words that stand for classes, sorted by byte
  LabelSource label_source = LabelSource::none;
  std::string label_origin = {};               // the folder, list or archive that had the first label
  std::vector<std::string> empty_labels = {};  // class folders without a picture: they are labels as well
  LeftOut left_out = {};
  std::vector<std::string> warnings = {};  // archives that may be cut off
};

// What a command does with labels.
enum class LabelUse {
  none,     // a folder is all that is in it, and nobody asks for labels
  if_any,   // a folder is all that is in it; lists and shards may have labels, or have none that can be read
  required  // a folder is a data set: class folders (see read_image_folder), or bins (see find_bin_labels)
};

// Order: words as they are typed, the lines of a list as they stand, the members of an archive as they lie in it, and
// what a folder holds in natural order of the paths (ImageFolders in torchvision's where `torchvision_order` says so).
class InputLister {
 public:
  explicit InputLister(LabelUse use, bool torchvision_order = false)
      : use_(use), torchvision_order_(torchvision_order) {}

  // `word` is what input_paths() takes. Errors: a folder or an archive without an input, one that cannot be listed, a
  // damaged list or archive, a label that cannot be read. After an error what was added before stays.
  Result<void> add(std::string_view word);

  // Errors, where labels are required: a picture that has none.
  Result<Inputs> finish();

 private:
  Result<void> add_path(const NamedPath& path, const std::string& list);
  Result<void> add_folder(const std::filesystem::path& folder);
  Result<void> add_image_folder(const std::filesystem::path& folder);
  Result<void> add_bins(const std::filesystem::path& folder, std::span<const Bin> bins);
  Result<void> add_archive(const std::filesystem::path& path);
  int label_of(std::string_view word, LabelSource source, const std::string& origin);

  LabelUse use_;
  bool torchvision_order_;
  Inputs inputs_;
  std::unordered_map<std::string, int> label_index_;
};

// A number of this very listing: of the names, their order and their labels, wherever the files lie.
std::string inputs_sha256(const Inputs& inputs);

// Pictures in all of them.
std::size_t picture_count(std::span<const Input> inputs);

// The first `limit` pictures. Errors: a prepared file that would have to be cut.
Result<void> keep_first(std::vector<Input>& inputs, std::size_t limit);

// "12 files are no inputs and left out, the first is notes.txt"; for a count above 0.
std::string left_out_text(const LeftOut& left_out);

}  // namespace smlp
