#include "data/archive_pictures.h"

#include <algorithm>
#include <unordered_set>

#include "base/json.h"
#include "data/picture_files.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxClass = 4096;
constexpr std::uint64_t kMaxJson = 1 << 20;
constexpr const char* kLabelKeys[] = {"label", "cls", "wnid", "class_name"};

std::unexpected<Error> member_error(const TarArchive& archive, std::string_view name, std::string what,
                                    std::string remedy) {
  return fail(Error{
      .what = std::move(what), .file = archive.path().string() + ":" + std::string(name), .remedy = std::move(remedy)});
}

// True where a part of the name is junk, or the whole is webdataset's own: __name__ at the top.
bool is_junk_member(std::string_view name) {
  const std::string_view top = name.substr(0, name.find('/'));
  if (top.size() >= 4 && top.starts_with("__") && top.ends_with("__")) return true;
  while (!name.empty()) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    if (part != "." && part != ".." && is_junk(part)) return true;
    name.remove_prefix(std::min(slash + 1, name.size()));
  }
  return false;
}

bool is_picture_suffix(std::string_view suffix) {
  return !suffix.contains('.') && has_picture_extension("x." + std::string(suffix));
}

struct Part {
  std::size_t member;
  std::string suffix;
};

struct Sample {
  std::string_view key;
  std::vector<Part> parts;

  std::optional<std::size_t> find(std::string_view suffix) const {
    const auto at = std::ranges::find(parts, suffix, &Part::suffix);
    return at == parts.end() ? std::nullopt : std::optional(at->member);
  }
  std::optional<std::size_t> label() const {
    const auto cls = find("cls");
    return cls ? cls : find("json");
  }
};

// Calls visit(sample) for every run of members with one key; gives what it gives.
template <class Visit>
Result<void> for_each_sample(const TarArchive& archive, Visit visit) {
  Sample sample;
  const auto& members = archive.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (is_junk_member(members[i].name)) continue;
    auto key = sample_key(members[i].name);
    if (!key) continue;
    if (key->first != sample.key) {
      if (!sample.parts.empty()) SMLP_CHECK(visit(sample));
      sample = {.key = key->first, .parts = {}};
    }
    sample.parts.push_back({i, std::move(key->second)});
  }
  return sample.parts.empty() ? Result<void>() : visit(sample);
}

// The picture of a sample of a shard; nothing where it has none.
Result<std::optional<std::size_t>> picture_of(const TarArchive& archive, const Sample& sample) {
  std::vector<std::size_t> whole, longer;
  for (const Part& part : sample.parts) {
    if (is_picture_suffix(part.suffix)) {
      whole.push_back(part.member);
    } else if (has_picture_extension(archive.members()[part.member].name)) {
      longer.push_back(part.member);
    }
  }
  const auto& found = whole.empty() ? longer : whole;
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return found.front();
  const auto& members = archive.members();
  return member_error(
      archive, sample.key,
      fmt::format("the sample has two pictures, {} and {}", members[found[0]].name, members[found[1]].name),
      "keep one picture a sample");
}

// Names that differ in the case of their ending alone may hold two labels.
Result<void> check_one_label(const TarArchive& archive, const Sample& sample) {
  for (const char* suffix : {"cls", "json"}) {
    if (std::ranges::count(sample.parts, suffix, &Part::suffix) < 2) continue;
    return member_error(archive, sample.key, fmt::format("the sample has two files of the ending .{}", suffix),
                        "keep one label a sample");
  }
  return {};
}

Result<ArchivePictures> list_shard(const TarArchive& archive) {
  ArchivePictures listing{.pictures = {}, .shard = true, .others = {}};
  std::unordered_set<std::string_view> seen;
  const auto take = [&](const Sample& sample) -> Result<void> {
    if (!seen.insert(sample.key).second) {
      return member_error(archive, sample.key, "the members of this sample do not lie together in the archive",
                          "write the shard again, sorted by name (tar --sort=name)");
    }
    SMLP_TRY(picture, picture_of(archive, sample));
    SMLP_CHECK(check_one_label(archive, sample));
    const auto label = sample.label();
    for (const Part& part : sample.parts) {
      if (part.member != picture && part.member != label) listing.others.push_back(part.member);
    }
    if (picture) {
      listing.pictures.push_back({*picture, label});
    } else if (label) {
      listing.others.push_back(*label);
    }
    return {};
  };
  SMLP_CHECK(for_each_sample(archive, take));
  return listing;
}

Result<ArchivePictures> list_plain(const TarArchive& archive) {
  ArchivePictures listing;
  std::shared_ptr<const TarReader> reader;
  const auto& members = archive.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (is_junk_member(members[i].name)) continue;
    bool picture = has_picture_extension(members[i].name);
    if (!picture) {
      if (!reader) {
        SMLP_TRY(opened, archive.reader());
        reader = std::move(opened);
      }
      SMLP_TRY(start, reader->read_start(members[i], 8));
      picture = is_picture_start(start);
    }
    if (picture) {
      listing.pictures.push_back({i, std::nullopt});
    } else {
      listing.others.push_back(i);
    }
  }
  return listing;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

Result<std::string> label_of_json(std::string_view text) {
  SMLP_TRY(value, parse_json(text));
  if (!value.is_object()) return fail("is no JSON object");
  for (const char* key : kLabelKeys) {
    const auto at = value.find(key);
    if (at == value.end() || at->is_null()) continue;
    if (at->is_number_unsigned()) return std::to_string(at->get<std::uint64_t>());
    if (at->is_string()) return std::string(trimmed(at->get_ref<const std::string&>()));
    return fail("its \"{}\" is neither a number from 0 on nor a text", key);
  }
  return fail("has none of the keys \"label\", \"cls\", \"wnid\" and \"class_name\"");
}

}  // namespace

std::optional<std::pair<std::string_view, std::string>> sample_key(std::string_view name) {
  const std::size_t slash = name.find_last_of('/');
  const std::size_t base = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t dot = name.find('.', base);
  if (dot == std::string_view::npos || dot == base) return std::nullopt;
  std::string suffix(name.substr(dot + 1));
  std::ranges::transform(suffix, suffix.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::pair(name.substr(0, dot), std::move(suffix));
}

Result<ArchivePictures> list_archive(const TarArchive& archive) {
  bool shard = false;
  SMLP_CHECK(for_each_sample(archive, [&](const Sample& sample) -> Result<void> {
    shard = shard || (sample.label() && std::ranges::any_of(sample.parts, [&](const Part& part) {
                        return has_picture_extension(archive.members()[part.member].name);
                      }));
    return {};
  }));
  return shard ? list_shard(archive) : list_plain(archive);
}

std::string_view folder_of_member(std::string_view name) {
  const std::size_t slash = name.find_last_of('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view folder = name.substr(0, slash);
  const std::string_view leaf = folder.substr(folder.find_last_of('/') + 1);
  return leaf == "." || leaf == ".." ? std::string_view() : leaf;
}

Result<std::string> read_sample_label(const TarArchive& archive, const TarReader& reader, std::size_t member) {
  const TarMember& where = archive.members()[member];
  const auto key = sample_key(where.name);
  const bool json = key && key->second == "json";
  SMLP_TRY(text, reader.read(where, json ? kMaxJson : kMaxClass));
  Result<std::string> label = json ? label_of_json(text) : Result<std::string>(trimmed(text));
  if (label && label->empty()) label = fail("is empty");
  if (label && label->contains('\0')) label = fail("has a zero byte in it");
  if (label) return label;
  Error error = std::move(label).error();
  return member_error(archive, where.name, "no label: " + error.what,
                      "a .cls holds a class's number, name or WordNet id; a .json has it under \"label\"");
}

}  // namespace smlp
