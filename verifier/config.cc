#include "verifier/config.h"

#include "shared/crypto.h"
#include "shared/nats/address.h"
#include "shared/sharding/audit_plan.h"
#include "verifier/policy/shipped_policies.h"

namespace worldshare::verifier {

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("nats.url", nats_url)
      .add("nats.ca_file", nats_ca_file)
      .add("nats.allow_plain", nats_allow_plain)
      .add("nats.seed_file", nats_seed_file)
      .add("nats.jwt_file", nats_jwt_file)
      .add("postgres.conninfo", postgres_conninfo)
      .add("blobs.artifact_limit_bytes", artifacts.file_bytes)
      .add("dispatcher.public_key", dispatcher_public_key)
      .add("http.address", http_address)
      .add("http.port", http_port)
      .add("tolerance.psnr_db", tolerances.same_class.psnr_db)
      .add("tolerance.ssim", tolerances.same_class.ssim)
      .add("tolerance.worst_block_psnr_db", tolerances.same_class.worst_block_psnr_db)
      .add("other_class.psnr_db", tolerances.other_class.psnr_db)
      .add("other_class.ssim", tolerances.other_class.ssim)
      .add("other_class.worst_block_psnr_db", tolerances.other_class.worst_block_psnr_db)
      .add("trust.policy", trust_policy)
      .add("trust.policies_file", policies_file)
      .add("trust.audit_tiles", audit_tiles)
      .add("trust.audit_cost", audit_cost)
      .add("trust.audit_owners", audit_owners)
      .add("images.limit_bytes", image_limit_bytes)
      .add("images.cache_bytes", artifacts.cache_bytes)
      .add("images.decoding_bytes", artifacts.decoding_bytes)
      .add("metrics.backend", backends.metrics)
      .add("gpu.device", backends.gpu_device)
      .add("gpu.memory_bytes", backends.gpu_bytes)
      .add("gpu.pinned_bytes", backends.pinned_bytes)
      .add("lpips.network", backends.lpips)
      .add("lpips.models_directory", backends.lpips_models_directory)
      .add("lpips.cpu_pixels", backends.lpips_cpu_pixels)
      .add("assembly.agent_program", agent_program)
      .add("assembly.agent_config", agent_config)
      .add("assembly.folder", assembly_folder)
      .add("assembly.memory_bytes", assembly_bytes)
      .add("workers", workers)
      .add("startup.wait_seconds", startup_wait)
      .add("log.level", log_level);
  blobs.add_to(fields);
  return fields;
}

Result<> Config::check() const {
  if (auto ok = nats::check_address(nats_url, nats_allow_plain); !ok) return ok;
  if (nats_seed_file.empty()) {
    return fail(Errc::kInvalid, "nats.seed_file: name the file with the verifier's nkey seed");
  }
  if (!is_user_nkey(dispatcher_public_key)) {
    return fail(Errc::kInvalid, "dispatcher.public_key: needs the dispatcher's nkey, \"U...\"");
  }
  if (tolerances.same_class.ssim > 1 || tolerances.other_class.ssim > 1)
    return fail(Errc::kInvalid, "tolerance.ssim, other_class.ssim: must be at most 1");
  if (audit_tiles < 1 || audit_tiles > sharding::kMaxAuditTiles)
    return fail(Errc::kInvalid, "trust.audit_tiles: must be 1 to 1024; 256 were measured");
  if (audit_owners > 1000)
    return fail(Errc::kInvalid, "trust.audit_owners: must be 0 (audits in any farm) to 1000");
  if (audit_cost < 0 || audit_cost > 100)
    return fail(Errc::kInvalid, "trust.audit_cost: must be 0 (as measured) to 100 renders");
  if (auto ok = blobs.check(); !ok) return ok;
  if (workers < 1 || workers > 64) return fail(Errc::kInvalid, "workers: must be 1 to 64");
  if (auto ok = rules(); !ok) return std::unexpected(ok.error());
  return {};
}

Result<Rules> Config::rules() const {
  const auto policies = policies_file.empty()
                            ? policy::read_policies(policy::shipped_policies(), "policy.yaml")
                            : policy::load_policies(policies_file);
  if (!policies) return fail(Errc::kInvalid, "trust.policies_file: " + policies.error().message);
  auto rules = rules_in_production(*policies, trust_policy);
  if (!rules) return rules;
  rules->tolerances = tolerances;
  rules->audit_tiles = audit_tiles;
  rules->audit_cost = audit_cost;
  rules->audit_owners = audit_owners;
  return rules;
}

}  // namespace worldshare::verifier
