#include "data/run_record.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/sha256.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// File names may hold any bytes, JSON may not: bytes beyond printable ASCII, and '%', become %XX.
std::string encoded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte > 0x7e || c == '%' ? fmt::format("%{:02x}", byte) : std::string(1, c);
  }
  return out;
}

std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] != '%' || i + 2 >= text.size() || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

// One line after the first, put into `record`. Throws on anything unexpected.
void take_line(const Json& line, RunRecord& record) {
  if (line.contains("file")) {
    RecordedFile file{.bytes = exact<std::uint64_t>(line.at("bytes")), .sha256 = line.at("sha256")};
    record.files[decoded(line.at("file"))].push_back(std::move(file));
    record.finished = false;
  } else if (line.contains("stem")) {
    record.rows.push_back(
        {.stem = decoded(line.at("stem")), .rows = exact<int>(line.at("rows")), .sha256 = line.at("sha256")});
    if (record.rows.back().rows < 0) throw Json::other_error::create(501, "negative rows", nullptr);
    record.finished = false;
  } else if (line.contains("keep")) {
    record.rows.resize(std::min<std::size_t>(record.rows.size(), exact<std::size_t>(line.at("keep"))));
    record.finished = false;
  } else {
    record.finished = line.at("finished");
  }
}

}  // namespace

Result<std::optional<RunRecord>> read_run_record(const fs::path& folder) {
  RunRecord record;
  const auto understood = [&](std::string_view line) {
    const auto json = parse_ordered_json(line);
    if (!json) return false;
    try {
      take_line(*json, record);
      return true;
    } catch (const Json::exception&) {
      return false;
    }
  };
  SMLP_TRY(lines, read_lines(folder / kRunRecord, understood));
  if (!lines) return std::nullopt;
  record.lines = std::move(*lines);
  const auto damaged = [&](std::string_view why) {
    return fail(Error{.what = fmt::format("damaged record of a run: {}", why),
                      .file = (folder / kRunRecord).string(),
                      .remedy = "choose another folder for the results"});
  };
  const auto parsed = parse_ordered_json(record.lines.header);
  if (!parsed) return damaged(parsed.error().what);
  const Json& header = *parsed;
  try {
    if (header.at("smlp_run") != 1) throw Json::other_error::create(501, "another format", nullptr);
    record.identity = identity_of_json(header.at("identity"));
    record.provenance = dump_json(header.at("provenance"));
  } catch (const Json::exception& error) {
    return damaged(json_fault(error));
  }
  return record;
}

Result<FileState> RunRecord::state_of(const fs::path& folder, const std::string& name) const {
  const fs::path path = (folder / name).lexically_normal();  // a summary lies beside the folder, whatever it links to
  std::error_code code;
  const auto status = fs::symlink_status(path, code);
  if (status.type() == fs::file_type::not_found) return FileState::absent;
  const auto listed = files.find(name);
  if (listed == files.end()) return FileState::foreign;
  if (status.type() != fs::file_type::regular) return FileState::changed;
  const std::uint64_t bytes = fs::file_size(path, code);
  if (std::ranges::none_of(listed->second, [&](const auto& version) { return version.bytes == bytes; })) {
    return FileState::changed;
  }
  SMLP_TRY(sha256, sha256_file(path));
  const RecordedFile now = {.bytes = bytes, .sha256 = sha256};
  if (listed->second.back() == now) return FileState::whole;
  return std::ranges::find(listed->second, now) != listed->second.end() ? FileState::earlier : FileState::changed;
}

Result<RunRecordWriter> RunRecordWriter::create(const PathAt& folder, const RunIdentity& identity,
                                                const std::string& provenance) {
  const Json header = {{"smlp_run", 1},
                       {"identity", identity_json(identity)},
                       {"provenance", Json::parse(provenance.empty() ? "{}" : provenance, nullptr, false)}};
  SMLP_TRY(journal, LineJournal::create(folder / kRunRecord, dump_json(header)));
  return RunRecordWriter(std::move(journal));
}

Result<RunRecordWriter> RunRecordWriter::reopen(const PathAt& folder, const RunRecord& record) {
  SMLP_TRY(journal, LineJournal::reopen(folder / kRunRecord, record.lines));
  return RunRecordWriter(std::move(journal));
}

Result<void> RunRecordWriter::add(const std::string& name, const RecordedFile& file) {
  return journal_.append(dump_json(Json{{"file", encoded(name)}, {"bytes", file.bytes}, {"sha256", file.sha256}}));
}

Result<void> RunRecordWriter::add(const RecordedRows& rows) {
  return journal_.append(dump_json(Json{{"stem", encoded(rows.stem)}, {"rows", rows.rows}, {"sha256", rows.sha256}}));
}

Result<void> RunRecordWriter::keep_rows(std::size_t count) { return journal_.append(dump_json(Json{{"keep", count}})); }

Result<void> RunRecordWriter::finish() { return journal_.append(dump_json(Json{{"finished", true}})); }

}  // namespace smlp
