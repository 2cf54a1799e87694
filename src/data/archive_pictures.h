// Which members of a tar archive are pictures, and what says their labels.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tar_archive.h"

namespace smlp {

// "a/b.c/photo.seg.PNG" -> "a/b.c/photo" and "seg.png": up to the first dot after the last slash, as the webdataset
// library groups members into samples. Nothing for a name without such a dot.
std::optional<std::pair<std::string_view, std::string>> sample_key(std::string_view name);

struct ArchivePicture {
  std::size_t member = 0;
  std::optional<std::size_t> label_member = {};  // of a shard: its .cls, or else its .json
};

struct ArchivePictures {
  std::vector<ArchivePicture> pictures;  // in the archive's order
  bool shard = false;
  std::vector<std::size_t> others;  // members that are neither pictures nor labels, junk left out
};

// An archive is a WebDataset shard where a picture has a .cls or .json beside it under the same key. In a shard a
// sample has one picture: the member whose whole suffix is a picture's (photo.jpg before photo.seg.png). In any other
// archive each picture stands for itself. What is junk in a folder is junk here, and so are members of webdataset's own
// (__name__ at the top). Errors: samples whose members do not lie together, or that have two pictures.
Result<ArchivePictures> list_archive(const TarArchive& archive);

// The folder that holds the member directly, as timm reads archives: "n01440764" of "val/n01440764/1.jpg"; empty where
// there is none.
std::string_view folder_of_member(std::string_view name);

// What a label member says: the text of a .cls, without blanks around it; of a .json the value of "label", "cls",
// "wnid" or "class_name", the first of them that it has. Errors: neither a whole number nor a text.
Result<std::string> read_sample_label(const TarArchive& archive, const TarReader& reader, std::size_t member);

}  // namespace smlp
