#include "agents/sandbox/foreign_tree.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <limits>

#include "tests/support/temp_folder.h"

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;
constexpr std::uint64_t kTooMuch = std::numeric_limits<std::uint64_t>::max();

/// A work folder that belongs to who is not root, whom modes stop.
class ForeignTree : public ::testing::Test {
 protected:
  ForeignTree() {
    fs::create_directory(work_);
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown(work_.c_str(), kNobody, kNobody), 0);
    }
  }

  /// What `check` returns when its owner runs it: empty when all is well.
  std::string as_owner(const std::function<std::string()>& check) {
    const fs::path answer = work_ / "answer";
    const pid_t child = ::fork();
    if (child == 0) {
      if (::geteuid() == 0 &&
          (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0))
        ::_exit(1);
      const std::string found = check();
      std::ofstream(answer) << found;
      ::_exit(found.empty() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    std::string said;
    std::getline(std::ifstream(answer), said);
    return status == 0 ? "" : said + " status " + std::to_string(status);
  }

  std::string remove(const fs::path& tree) {
    const auto gone = remove_tree(tree);
    if (!gone) return gone.error().message;
    return fs::exists(fs::symlink_status(tree)) ? "it is still there" : "";
  }

  testing::TempFolder folder_;
  const fs::path work_ = folder_.path() / "work";
};

/// Files below folders of these modes.
void plant(const fs::path& home) {
  for (const auto& [name, mode] :
       {std::pair{"readable", 0555}, {"closed", 0000}, {"blind", 0300}}) {
    fs::create_directories(home / name / "deeper");
    std::ofstream(home / name / "deeper" / "config.ocio") << "poison";
    ::chmod((home / name / "deeper").c_str(), static_cast<mode_t>(mode));
    ::chmod((home / name).c_str(), static_cast<mode_t>(mode));
  }
  ::chmod(home.c_str(), 0000);
}

TEST_F(ForeignTree, NoModeOfAFolderKeepsItsFiles) {
  EXPECT_EQ(as_owner([&] {
              plant(work_ / "home");
              return remove(work_ / "home");
            }),
            "");
}

TEST_F(ForeignTree, AFolderThatHidesItsFilesIsTooLarge) {
  EXPECT_EQ(as_owner([&]() -> std::string {
              fs::create_directories(work_ / "home" / "hidden");
              std::ofstream(work_ / "home" / "file") << "12345";
              if (tree_bytes(work_) != 5) return "all are counted";
              ::chmod((work_ / "home" / "hidden").c_str(), 0000);
              if (tree_bytes(work_) != kTooMuch) return "one of mode 000 counts as nothing";
              return tree_bytes(work_ / "none") == 0 ? "" : "one that is gone has nothing";
            }),
            "");
}

TEST_F(ForeignTree, NeitherDepthNorPathLengthKeepsIt) {
  EXPECT_EQ(as_owner([&]() -> std::string {
              const fs::path top = work_ / "deep";
              fs::create_directory(top);
              fs::current_path(top);
              for (int depth = 0; depth < 3000; ++depth) {
                if (::mkdir("folder", 0700) != 0 || ::chdir("folder") != 0) return "cannot plant";
              }
              fs::current_path("/");
              if (tree_bytes(top) != kTooMuch) return "too deep to be counted";
              return remove(top);
            }),
            "");
}

TEST_F(ForeignTree, LinksAreRemovedAndNotFollowed) {
  std::ofstream(folder_.path() / "kept") << "kept";
  fs::create_directory(work_ / "unit");
  fs::create_symlink(folder_.path() / "kept", work_ / "unit" / "file");
  fs::create_directory_symlink(folder_.path(), work_ / "unit" / "folder");
  EXPECT_EQ(tree_bytes(work_), 0U);
  EXPECT_EQ(remove(work_ / "unit"), "");
  fs::create_directory_symlink(folder_.path(), work_ / "unit");
  EXPECT_EQ(remove(work_ / "unit"), "");
  EXPECT_TRUE(fs::exists(folder_.path() / "kept"));
}

TEST_F(ForeignTree, WhatCannotBeRemovedIsNotInherited) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a file of another owner";
  fs::create_directories(work_ / "unit" / "of-root");
  std::ofstream(work_ / "unit" / "of-root" / "file") << "stays";
  EXPECT_EQ(as_owner([&]() -> std::string {
              if (remove_tree(work_ / "unit")) return "removed";
              const auto other = make_empty_folder(work_, "unit");
              if (!other) return other.error().message;
              if (!other->filename().string().starts_with("unit-")) return *other;
              return fs::is_empty(*other) ? "" : "not empty";
            }),
            "");
}

TEST_F(ForeignTree, AnEmptyFolderHasItsNameWhereItCan) {
  fs::create_directories(work_ / "unit");
  std::ofstream(work_ / "unit" / "left") << "by a scene";
  const auto folder = make_empty_folder(work_, "unit");
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_EQ(*folder, work_ / "unit");
  EXPECT_TRUE(fs::is_empty(*folder));
}

}  // namespace
}  // namespace worldshare::agent
