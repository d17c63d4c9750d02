#include "tests/support/s3_server.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "shared/files.h"

namespace worldshare::testing {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path kServerFolder = std::filesystem::path(WS_SOURCE_DIR) / "tests/s3";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "the S3 server of the tests: %s\n", why.c_str());
  std::abort();
}

void install(const std::filesystem::path& log) {
  ProcessOptions options;
  options.argv = {(kServerFolder / "install.sh").string()};
  options.output_file = log;
  auto process = Process::spawn(options);
  const auto status = process ? process->wait(200s) : std::nullopt;
  if (status != 0) give_up("npm ci failed: " + read_file(log, 1U << 20U).value_or(""));
}

}  // namespace

S3Server::S3Server(bool hashes) : hashes_(hashes), port_(free_port()) {
  install(folder_.path() / "install.log");
  const std::string text =
      std::string("access_key: ") + kAccessKey + "\nsecret_key: " + kSecretKey + "\n";
  if (!write_file_atomically(credentials_file(), text, 0600)) give_up("cannot write its key");
  restart();
}

blobs::StoreSettings S3Server::settings(const std::filesystem::path& folder) const {
  blobs::StoreSettings out;
  out.directory = folder;
  out.s3_endpoint = endpoint();
  out.s3_bucket = kBucket;
  out.s3_prefix = "farm/";
  out.s3_credentials_file = credentials_file();
  return out;
}

std::string S3Server::yaml() const {
  return "  s3:\n    endpoint: " + endpoint() + "\n    bucket: " + kBucket +
         "\n    prefix: farm/\n    credentials_file: " + credentials_file().string() + "\n";
}

blobs::S3Client S3Server::client() const {
  blobs::S3Options options;
  options.endpoint = endpoint();
  options.bucket = kBucket;
  options.identity = {kAccessKey, kSecretKey, "us-east-1"};
  return blobs::S3Client(std::move(options));
}

void S3Server::kill() {
  if (process_) process_->stop(SIGKILL, 1s);
  process_.reset();
}

void S3Server::restart() {
  const auto log = folder_.path() / "server.log";
  const auto starts = [&] {
    const auto text = read_file(log, 1U << 20U).value_or("");
    return std::ranges::count(text, '\n');
  };
  const auto before = starts();
  ProcessOptions options;
  // s3rver makes its continuation tokens by DES.
  options.argv = {"node",
                  "--openssl-legacy-provider",
                  "server.mjs",
                  std::to_string(port_),
                  (folder_.path() / "objects").string(),
                  kBucket,
                  kAccessKey,
                  kSecretKey};
  options.environment = {{"HASHES", hashes_ ? "1" : "0"}};
  options.working_directory = kServerFolder;
  options.output_file = log;
  auto process = Process::spawn(options);
  if (!process) give_up(process.error().message);
  process_ = std::move(*process);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (starts() == before) {
    if (process_->poll() || std::chrono::steady_clock::now() > deadline)
      give_up("did not start: " + read_file(log, 1U << 20U).value_or(""));
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace worldshare::testing
