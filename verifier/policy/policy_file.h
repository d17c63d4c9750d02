#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "shared/result.h"
#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// The policies of a file, by name; always `founding`, `standard`, `strict` and `replicated`.
using Policies = std::map<std::string, Parameters>;

/// Reads policies:
///
///   common: {risk: {limit: 0.003}}   # for all of them
///   policies:
///     strict: {mode: split, risk: {limit: 0.001}}
///
/// Keys may be nested or written with dots. A number that neither `common` nor a policy gives has
/// no default: it is missing. kInvalid names the line, the key and what is allowed, when a key is
/// unknown, missing, given twice, of the wrong type or out of its range.
Result<Policies> read_policies(const std::string& text, const std::string& name);
Result<Policies> load_policies(const std::filesystem::path& path);

/// The range of each number, and that they fit together; `where` begins the error's text.
Result<> check(const Parameters& parameters, const std::string& where);

/// "key: value" lines in key order: what read_policies() made of a policy.
std::string describe(const Parameters& parameters);

}  // namespace worldshare::verifier::policy
