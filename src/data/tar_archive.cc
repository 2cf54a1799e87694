#include "data/tar_archive.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

namespace smlp {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::uint64_t kMaxExtra = 1 << 20;  // bytes of a pax header or a GNU long name
constexpr std::size_t kMaxName = 4096;        // as of any path
constexpr std::size_t kMaxMembers = 20'000'000;
constexpr std::uint64_t kMostRecord = 1 << 20;  // bytes of zeros that writers put behind the end

using Block = std::array<unsigned char, kBlock>;

// What a header of extensions says about the member after it.
struct Extras {
  std::optional<std::string> name, link;
  std::optional<std::uint64_t> bytes;
};

// A member that is a hard link, and the name of what it leads to.
struct Link {
  std::size_t member;
  std::string target;
};

std::string_view field(const Block& block, std::size_t offset, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(block.data()) + offset, size);
  return text.substr(0, text.find('\0'));
}

// Octal digits between spaces, or, where the first bit is set, a big-endian number in the remaining ones.
std::optional<std::uint64_t> number(const Block& block, std::size_t offset, std::size_t size) {
  const auto bytes = std::span(block).subspan(offset, size);
  if ((bytes[0] & 0x80) != 0) {
    if (bytes[0] != 0x80) return std::nullopt;  // negative, or beyond any file
    std::uint64_t value = 0;
    for (const unsigned char byte : bytes.subspan(1)) {
      if (value > UINT64_MAX >> 8) return std::nullopt;
      value = value << 8 | byte;
    }
    return value;
  }
  std::string_view text = field(block, offset, size);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  text = text.substr(0, text.find(' '));
  std::uint64_t value = 0;
  if (text.empty()) return value;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The sum of all bytes, those of the sum itself taken as spaces; some old programs added signed bytes.
bool checksum_holds(const Block& block) {
  const auto wanted = number(block, 148, 8);
  if (!wanted) return false;
  std::int64_t plain = 0, with_signs = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const unsigned char byte = i >= 148 && i < 156 ? ' ' : block[i];
    plain += byte;
    with_signs += static_cast<signed char>(byte);
  }
  return static_cast<std::int64_t>(*wanted) == plain || static_cast<std::int64_t>(*wanted) == with_signs;
}

std::string name_of(const Block& block) {
  const std::string name(field(block, 0, 100));
  const bool posix =
      std::string_view(reinterpret_cast<const char*>(block.data()) + 257, 6) == std::string_view("ustar\0", 6);
  const std::string_view prefix = posix ? field(block, 345, 155) : std::string_view();
  return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

const char* compression_of(std::string_view start) {
  if (start.starts_with("\x1F\x8B")) return "gzip";
  if (start.starts_with("BZh")) return "bzip2";
  if (start.starts_with("\xFD"
                        "7zXZ"))
    return "xz";
  if (start.starts_with("\x28\xB5\x2F\xFD")) return "zstd";
  return nullptr;
}

// "./x" and "/x" are "x".
std::string_view plain_name(std::string_view name) {
  while (name.starts_with("./") || name.starts_with('/')) name.remove_prefix(name.find('/') + 1);
  return name;
}

// Walks the headers of one archive.
class HeaderWalk {
 public:
  HeaderWalk(const OpenFile& file, const std::filesystem::path& path) : file_(file), path_(path) {}

  Result<std::vector<TarMember>> run() {
    SMLP_CHECK(check_start());
    while (at_ < file_.stamp.bytes) {
      if (file_.stamp.bytes - at_ < kBlock) return error("is cut off inside a header");
      Block block;
      SMLP_CHECK(read(at_, block.data(), kBlock));
      if (std::ranges::all_of(block, [](unsigned char byte) { return byte == 0; })) {
        has_end_ = true;
        SMLP_CHECK(look_behind_end());
        break;
      }
      if (!checksum_holds(block)) {
        return error(at_ == 0 ? "is no tar archive" : "a header whose checksum is wrong", "");
      }
      SMLP_CHECK(take(block));
    }
    if (extras_.name || extras_.link || extras_.bytes) return error("ends after a header of extensions");
    SMLP_TRY(places, check_names());
    SMLP_CHECK(resolve_links(places));
    return std::move(members_);
  }

  bool has_end() const { return has_end_; }
  bool has_more() const { return has_more_; }

 private:
  std::unexpected<Error> error(std::string what, std::string remedy = "download or write the archive again") const {
    return fail(Error{.what = std::move(what), .file = path_.string(), .offset = at_, .remedy = std::move(remedy)});
  }

  Result<void> read(std::uint64_t offset, void* to, std::uint64_t bytes) const {
    auto* out = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t got = ::pread(file_.handle.get(), out, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", errno, path_);
      if (got == 0) return error("became shorter while it was read");
      out += got;
      offset += static_cast<std::uint64_t>(got);
      bytes -= static_cast<std::uint64_t>(got);
    }
    return {};
  }

  Result<void> check_start() {
    char start[6] = {};
    SMLP_CHECK(read(0, start, std::min<std::uint64_t>(sizeof(start), file_.stamp.bytes)));
    if (const char* how = compression_of({start, sizeof(start)})) {
      return error(fmt::format("is compressed with {}, so that its members cannot be read in place", how),
                   "decompress it first");
    }
    return {};
  }

  // Writers fill up the last record with zeros, mostly to 10 KiB.
  Result<void> look_behind_end() {
    std::vector<char> rest(std::min<std::uint64_t>(file_.stamp.bytes - at_, kMostRecord));
    SMLP_CHECK(read(at_, rest.data(), rest.size()));
    has_more_ = std::ranges::any_of(rest, [](char byte) { return byte != 0; });
    return {};
  }

  // One header, with what follows it.
  Result<void> take(const Block& block) {
    const char type = static_cast<char>(block[156]);
    auto bytes = number(block, 124, 12);
    const bool member = type == '0' || type == '\0' || type == '7';
    if (member && extras_.bytes) bytes = extras_.bytes;
    if (!bytes) return error("a header with an impossible size");
    const std::uint64_t data = at_ + kBlock;
    if (*bytes > file_.stamp.bytes - data) {
      return error(fmt::format("is cut off: a member of {} bytes, and {} follow", *bytes, file_.stamp.bytes - data));
    }
    switch (type) {
      case '0':
      case '\0':
      case '7':
        SMLP_CHECK(add_member(block, data, *bytes));
        break;
      case '1':
        SMLP_CHECK(add_link(block, data, *bytes));
        break;
      case '5':
        extras_ = {};
        break;
      case 'x':
      case 'g':
        SMLP_CHECK(take_pax(data, *bytes, type == 'g'));
        break;
      case 'L':
      case 'K':
        SMLP_CHECK(take_long_name(data, *bytes, type == 'L'));
        break;
      default:
        return error(fmt::format("member '{}' is {}", extras_.name.value_or(name_of(block)), kind_text(type)),
                     remedy_for(type));
    }
    const std::uint64_t padding = (kBlock - *bytes % kBlock) % kBlock;
    at_ = data + *bytes + std::min(padding, file_.stamp.bytes - data - *bytes);
    return {};
  }

  static std::string kind_text(char type) {
    if (type == '2') return "a symbolic link";
    if (type == 'S') return "a sparse file";
    if (type == '3' || type == '4' || type == '6') return "a device or a pipe";
    return fmt::format("of the unknown type {}", static_cast<int>(static_cast<unsigned char>(type)));
  }

  static std::string remedy_for(char type) {
    if (type == 'S') return "write the archive without --sparse";
    return type == '2' ? "write the archive with the files themselves (tar --dereference)"
                       : "write the archive with plain files only";
  }

  Result<void> add_member(const Block& block, std::uint64_t data, std::uint64_t bytes) {
    TarMember member{.name = extras_.name.value_or(name_of(block)), .offset = data, .bytes = bytes};
    extras_ = {};
    if (member.name.empty()) return error("a member without a name");
    if (member.name.size() > kMaxName) {
      return error(fmt::format("a member's name of {} bytes; at most {} are read", member.name.size(), kMaxName));
    }
    if (members_.size() == kMaxMembers) {
      return error(fmt::format("more than {} members", kMaxMembers), "split it into several archives");
    }
    if (member.name.ends_with('/')) return {};  // a folder, as archives before ustar wrote it
    members_.push_back(std::move(member));
    return {};
  }

  // A further name of a member before it: GNU tar's way with a file that it meets twice.
  Result<void> add_link(const Block& block, std::uint64_t data, std::uint64_t bytes) {
    std::string target = extras_.link.value_or(std::string(field(block, 157, 100)));
    const std::size_t before = members_.size();
    if (bytes > 0) {
      return error(fmt::format("hard link '{}' has {} bytes of its own", extras_.name.value_or(name_of(block)), bytes),
                   "write the archive with --hard-dereference");
    }
    SMLP_CHECK(add_member(block, data, 0));
    if (members_.size() > before) links_.push_back({before, std::move(target)});
    return {};
  }

  using Places = std::unordered_map<std::string_view, std::size_t>;  // of members, by name

  // Of two members of one name tar itself would leave the later one; which is meant here, nobody can say.
  Result<Places> check_names() {
    Places places;
    places.reserve(members_.size());
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const TarMember& member = members_[i];
      if (places.emplace(plain_name(member.name), i).second) continue;
      at_ = member.offset - kBlock;
      return error(fmt::format("has two members named '{}'", member.name), "write the archive with each file once");
    }
    return places;
  }

  // What a link leads to lies before it, so a link to a link finds that one resolved, and there are no circles.
  Result<void> resolve_links(const Places& places) {
    for (const Link& link : links_) {
      TarMember& member = members_[link.member];
      const auto target = places.find(plain_name(link.target));
      if (target == places.end() || target->second >= link.member) {
        at_ = member.offset - kBlock;
        return error(
            fmt::format("member '{}' is a hard link to '{}', which is no file before it", member.name, link.target),
            "write the archive with --hard-dereference, or with that file in it");
      }
      member.offset = members_[target->second].offset;
      member.bytes = members_[target->second].bytes;
    }
    return {};
  }

  Result<std::string> read_extra(std::uint64_t data, std::uint64_t bytes) const {
    if (bytes > kMaxExtra) return error(fmt::format("a header of extensions of {} bytes", bytes));
    std::string text(bytes, '\0');
    SMLP_CHECK(read(data, text.data(), bytes));
    return text;
  }

  Result<void> take_long_name(std::uint64_t data, std::uint64_t bytes, bool of_member) {
    SMLP_TRY(text, read_extra(data, bytes));
    (of_member ? extras_.name : extras_.link) = text.substr(0, text.find('\0'));
    return {};
  }

  // "LENGTH key=value\n" with the length of the whole record.
  Result<void> take_pax(std::uint64_t data, std::uint64_t bytes, bool global) {
    SMLP_TRY(text, read_extra(data, bytes));
    std::string_view rest = text;
    while (!rest.empty() && rest.front() != '\0') {
      std::size_t length = 0;
      const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
      const auto digits = static_cast<std::size_t>(end - rest.data());
      if (code != std::errc() || length > rest.size() || length < digits + 3 || rest[digits] != ' ' ||
          rest[length - 1] != '\n') {
        return error("a damaged pax header");
      }
      const std::string_view record = rest.substr(digits + 1, length - digits - 2);
      rest.remove_prefix(length);
      const std::size_t equal = record.find('=');
      if (equal == std::string_view::npos || equal == 0) return error("a damaged pax header");
      SMLP_CHECK(apply(record.substr(0, equal), record.substr(equal + 1), global));
    }
    return {};
  }

  Result<void> apply(std::string_view key, std::string_view value, bool global) {
    if (key.starts_with("GNU.sparse.")) return error("a sparse file", "write the archive without --sparse");
    if (key != "path" && key != "linkpath" && key != "size") return {};
    if (global) return error(fmt::format("a pax header that gives all members one {}", key));
    if (key != "size") {
      if (value.contains('\0')) return error("a name with a zero byte in it");
      (key == "path" ? extras_.name : extras_.link) = value;
      return {};
    }
    std::uint64_t bytes = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    if (code != std::errc() || end != value.data() + value.size()) return error("a damaged pax header");
    extras_.bytes = bytes;
    return {};
  }

  const OpenFile& file_;
  const std::filesystem::path& path_;
  std::uint64_t at_ = 0;  // the header that is being read
  Extras extras_;
  std::vector<TarMember> members_;
  std::vector<Link> links_;  // hard links, in the archive's order
  bool has_end_ = false, has_more_ = false;
};

std::unexpected<Error> changed(const std::filesystem::path& path) {
  return fail(Error{.what = "the archive changed while it was read",
                    .file = path.string(),
                    .remedy = "run it again when nobody writes the archive",
                    .transient = true});
}

}  // namespace

Result<TarArchive> TarArchive::open(const std::filesystem::path& path) {
  SMLP_TRY(file, open_regular(path));
  TarArchive archive;
  archive.path_ = path;
  archive.stamp_ = file.stamp;
  HeaderWalk walk(file, path);
  SMLP_TRY(members, walk.run());
  archive.members_ = std::move(members);
  archive.has_end_ = walk.has_end();
  archive.has_more_ = walk.has_more();
  SMLP_TRY(now, stamp_of(file.handle, path));
  if (now != file.stamp) return changed(path);
  return archive;
}

Result<std::shared_ptr<const TarReader>> TarArchive::reader() const {
  SMLP_TRY(file, open_regular(path_));
  if (file.stamp != stamp_) return changed(path_);
  return std::shared_ptr<const TarReader>(new TarReader(path_, std::move(file)));
}

Result<std::string> TarReader::read(const TarMember& member, std::uint64_t limit) const {
  if (member.bytes > limit) {
    return fail(Error{.what = fmt::format("{} bytes; at most {} are read", member.bytes, limit),
                      .file = path_.string() + ":" + member.name});
  }
  return read_start(member, member.bytes);
}

Result<std::string> TarReader::read_start(const TarMember& member, std::size_t count) const {
  std::string bytes(std::min<std::uint64_t>(member.bytes, count), '\0');
  for (std::uint64_t done = 0; done < bytes.size();) {
    const ssize_t got =
        ::pread(file_.handle.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(member.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", errno, path_);
    if (got == 0) return changed(path_);
    done += static_cast<std::uint64_t>(got);
  }
  SMLP_TRY(now, stamp_of(file_.handle, path_));
  if (now != file_.stamp) return changed(path_);
  return bytes;
}

}  // namespace smlp
