#include "data/preprocess_journal.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file_map.h"
#include "base/json.h"
#include "base/open_file.h"

namespace smlp {
namespace {

using nlohmann::json;

std::string line_of(const json& value) { return dump_json(value) + "\n"; }

std::string header_line(const JournalHeader& header, const std::string& provenance) {
  return line_of({{"smlp_preprocess", 2},
                  {"batch_size", header.batch_size},
                  {"pictures", header.pictures},
                  {"listing_sha256", header.listing_sha256},
                  {"resize", header.how.resize},
                  {"crop", header.how.crop},
                  {"interpolation", interpolation_name(header.how.interpolation)},
                  {"mean", header.how.mean},
                  {"std", header.how.std},
                  {"shard", header.shard},
                  {"first_bin", header.first_bin},
                  {"provenance", json::parse(provenance, nullptr, false)}});
}

std::string batch_line(const BatchRecord& batch) {
  json pictures = json::array();
  for (const PictureRecord& picture : batch.pictures) {
    json record = {picture.bytes, picture.mtime_ns, picture.sha256};
    if (picture.broken()) record.push_back(picture.error);
    pictures.push_back(std::move(record));
  }
  return line_of({{"bin", {batch.bin.bytes, batch.bin.mtime_ns}}, {"pictures", std::move(pictures)}});
}

// These two throw json::exception on anything unexpected.
JournalHeader parse_header(const json& line) {
  if (line.at("smlp_preprocess") != 2) throw json::other_error::create(501, "another version", nullptr);
  // Runs of version 0.1 did not name the interpolation: it was bicubic.
  const auto interpolation = find_interpolation(line.value("interpolation", "bicubic"));
  if (!interpolation) throw json::other_error::create(501, "an unknown interpolation", nullptr);
  return {.batch_size = exact<int>(line.at("batch_size")),
          .pictures = exact<std::uint64_t>(line.at("pictures")),
          .listing_sha256 = line.at("listing_sha256"),
          .how = {.resize = exact<int>(line.at("resize")),
                  .crop = exact<int>(line.at("crop")),
                  .mean = line.at("mean"),
                  .std = line.at("std"),
                  .interpolation = *interpolation},
          .shard = line.value("shard", ""),
          .first_bin = line.contains("first_bin") ? exact<std::uint64_t>(line.at("first_bin")) : 0};
}

BatchRecord parse_batch(const json& line) {
  BatchRecord batch{.pictures = {},
                    .bin = {.bytes = exact<std::uint64_t>(line.at("bin").at(0)),
                            .mtime_ns = exact<std::int64_t>(line.at("bin").at(1))}};
  for (const json& record : line.at("pictures")) {
    batch.pictures.push_back({.bytes = exact<std::uint64_t>(record.at(0)),
                              .mtime_ns = exact<std::int64_t>(record.at(1)),
                              .sha256 = record.at(2),
                              .error = record.size() > 3 ? record.at(3).get<std::string>() : ""});
  }
  return batch;
}

}  // namespace

std::uint64_t BatchRecord::good() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(pictures, [](const auto& p) { return !p.broken(); }));
}

std::uint64_t Journal::recorded() const {
  std::uint64_t count = 0;
  for (const BatchRecord& batch : batches) count += batch.pictures.size();
  return count;
}

void Journal::keep_first(std::size_t count) {
  batches.resize(count);
  ends.resize(count);
  endings.clear();
  whole_end = ends.empty() ? header_end : ends.back();
}

Result<std::optional<Journal>> read_journal(const std::filesystem::path& path) {
  // A link to nothing is there, and whoever opens it says so.
  if (!name_is_taken(path)) return std::nullopt;
  SMLP_TRY(map, FileMap::open(path));
  const std::string_view text(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  Journal journal;
  std::size_t start = 0;
  const auto damaged = [&](std::string_view why) {
    return fail(Error{.what = fmt::format("damaged journal of a preprocessing run: {}", why),
                      .file = path.string(),
                      .offset = start,
                      .remedy = "choose another --save_dir, or delete this one"});
  };
  try {
    for (std::size_t end; (end = text.find('\n', start)) != std::string_view::npos; start = end + 1) {
      const auto line = parse_json(text.substr(start, end - start));
      if (!line) return damaged(line.error().what);
      if (start == 0) {
        journal.header = parse_header(*line);
        journal.header_end = end + 1;
      } else if (line->contains("endings")) {
        for (const json& sha256 : line->at("endings")) journal.endings.push_back(sha256);
      } else {
        journal.batches.push_back(parse_batch(*line));
        journal.ends.push_back(end + 1);
      }
      journal.whole_end = end + 1;
    }
  } catch (const json::exception& error) {
    return damaged(json_fault(error));
  }
  if (journal.header_end == 0) return std::nullopt;  // killed while writing the first line: nothing was made yet
  return journal;
}

Result<JournalWriter> JournalWriter::create(const PathAt& path, const JournalHeader& header,
                                            const std::string& provenance) {
  SMLP_TRY(file, create_own(path));
  JournalWriter writer(path.shown, std::move(file));
  SMLP_CHECK(writer.write(header_line(header, provenance)));
  return writer;
}

Result<JournalWriter> JournalWriter::reopen(const PathAt& path, const Journal& journal) {
  SMLP_TRY(file, reopen_own(path));
  if (::ftruncate(file.get(), static_cast<off_t>(journal.whole_end)) != 0)
    return system_error("write", errno, path.shown);
  if (::lseek(file.get(), 0, SEEK_END) < 0) return system_error("write", errno, path.shown);
  return JournalWriter(path.shown, std::move(file));
}

Result<void> JournalWriter::append(const BatchRecord& batch) { return write(batch_line(batch)); }

Result<void> JournalWriter::append_endings(std::span<const std::string> sha256) {
  return write(line_of({{"endings", std::vector<std::string>(sha256.begin(), sha256.end())}}));
}

Result<void> JournalWriter::write(std::string_view line) {
  return write_all(file_, std::as_bytes(std::span(line)), path_);
}

}  // namespace smlp
