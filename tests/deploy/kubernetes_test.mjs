// deploy/kubernetes as it is rendered: kubernetes_test.mjs. Needs kubectl (1.21 or later) or kustomize: KUSTOMIZE="kustomize build".
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run as evaluate } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { parse, parseAllDocuments } from "yaml";
import { ROOT, problemsOf, render } from "./manifests.mjs";

const NAMESPACE = "worldshare-economy-offline";
const CLUSTER_WIDE = new Set(["Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);
// What deploy/kubernetes/make-secrets.sh makes: no secret stands in the repository.
const GIVEN = { Secret: new Set(["dispatcher-keys", "verifier-keys", "postgres", "worldshare-tls"]), ConfigMap: new Set(["public-keys"]) };
const overlays = Object.fromEntries(["dev", "production", "production-s3"].map((name) => [name, render(name)]));

const of = (manifests, kind) => manifests.filter((one) => one.kind === kind);
const named = (manifests, kind, name) => {
  const found = of(manifests, kind).find((one) => one.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
};

/** Everything that makes pods: its name, how many, and the pod. */
function workloads(manifests) {
  const out = [];
  for (const kind of ["Deployment", "StatefulSet"]) {
    for (const one of of(manifests, kind)) out.push({ name: one.metadata.name, kind, replicas: one.spec.replicas, surge: surgeOf(one), owner: one, pod: one.spec.template });
  }
  for (const one of of(manifests, "CronJob")) out.push({ name: one.metadata.name, kind: "CronJob", replicas: 1, surge: 0, owner: one, pod: one.spec.jobTemplate.spec.template });
  return out;
}
const surgeOf = (one) => (one.kind === "Deployment" ? (one.spec.strategy?.rollingUpdate?.maxSurge ?? 1) : 0);
/** How many of its pods there may be at once. */
const mostOf = ({ name, replicas, surge }, manifests) =>
  (of(manifests, "ScaledObject").find((one) => one.spec.scaleTargetRef.name === name)?.spec.maxReplicaCount ?? replicas) + surge;
const containersOf = (pod) => [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
const labelsOf = (pod) => pod.metadata.labels;
const matches = (selector, labels) =>
  Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector.matchExpressions ?? []).every(({ key, operator, values }) => {
    assert.equal(operator, "In");
    return values.includes(labels[key]);
  });

function amount(quantity) {
  const [, number, unit] = /^([\d.]+)([a-zA-Z]*)$/.exec(String(quantity));
  const factors = { "": 1, m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
  assert.ok(unit in factors, quantity);
  return Number(number) * factors[unit];
}

for (const [overlay, manifests] of Object.entries(overlays)) {
  const check = (what, body) => test(`${overlay}: ${what}`, body);

  check("every manifest satisfies its schema and has no field that the schema does not know", async () => {
    assert.ok(manifests.length > 25);
    for (const one of manifests) assert.deepEqual(await problemsOf(one), [], `${one.kind} ${one.metadata.name}`);
  });

  check("everything lies in the namespace, which enforces the restricted profile", () => {
    for (const one of manifests) {
      if (!CLUSTER_WIDE.has(one.kind)) assert.equal(one.metadata.namespace, NAMESPACE, `${one.kind} ${one.metadata.name}`);
    }
    const namespace = named(manifests, "Namespace", NAMESPACE);
    assert.equal(namespace.metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
  });

  check("every pod satisfies the restricted profile, and more", () => {
    for (const { name, pod } of workloads(manifests)) {
      const { spec } = pod;
      assert.equal(spec.securityContext.runAsNonRoot, true, name);
      assert.ok(spec.securityContext.runAsUser > 0, name);
      assert.equal(spec.securityContext.seccompProfile.type, "RuntimeDefault", name);
      assert.equal(spec.automountServiceAccountToken, false, name);
      for (const key of ["hostNetwork", "hostPID", "hostIPC"]) assert.ok(!spec[key], `${name} ${key}`);
      for (const volume of spec.volumes ?? []) assert.ok(volume.configMap || volume.secret || volume.emptyDir || volume.persistentVolumeClaim || volume.ephemeral, `${name} ${volume.name}`);
      for (const container of containersOf(pod)) {
        const context = container.securityContext;
        assert.equal(context.allowPrivilegeEscalation, false, `${name}/${container.name}`);
        assert.equal(context.readOnlyRootFilesystem, true, `${name}/${container.name}`);
        assert.deepEqual(context.capabilities, { drop: ["ALL"] }, `${name}/${container.name}`);
        for (const port of container.ports ?? []) assert.ok(!port.hostPort);
      }
    }
  });

  check("every container says what it needs, within the limits of the namespace", () => {
    const { max } = named(manifests, "LimitRange", "worldshare").spec.limits.find((one) => one.type === "Container");
    for (const { name, pod } of workloads(manifests)) {
      for (const { name: container, resources } of containersOf(pod)) {
        for (const key of ["cpu", "memory"]) {
          assert.ok(amount(resources.requests[key]) <= amount(resources.limits[key]), `${name}/${container} ${key}`);
          assert.ok(amount(resources.limits[key]) <= amount(max[key]), `${name}/${container} ${key}`);
        }
      }
    }
  });

  check("all of it fits into the quota, with every rolling update and every verifier that may be added", () => {
    const { hard } = named(manifests, "ResourceQuota", "worldshare").spec;
    const sums = { pods: 0, "requests.cpu": 0, "requests.memory": 0, "limits.cpu": 0, "limits.memory": 0, "requests.nvidia.com/gpu": 0 };
    for (const one of workloads(manifests)) {
      const { pod } = one;
      const most = mostOf(one, manifests);
      sums.pods += most;
      for (const side of ["requests", "limits"]) {
        for (const key of ["cpu", "memory", "nvidia.com/gpu"]) {
          if (!(`${side}.${key}` in sums)) continue;
          const total = pod.spec.containers.reduce((sum, { resources }) => sum + amount(resources[side][key] ?? 0), 0);
          const initial = Math.max(0, ...(pod.spec.initContainers ?? []).map(({ resources }) => amount(resources[side][key] ?? 0)));
          sums[`${side}.${key}`] += most * Math.max(total, initial);
        }
      }
    }
    for (const [key, sum] of Object.entries(sums)) assert.ok(sum <= amount(hard[key]), `${key}: ${sum} of ${hard[key]}`);
    const claims = workloads(manifests).flatMap(({ owner, replicas }) => (owner.spec.volumeClaimTemplates ?? []).flatMap((claim) => Array(replicas).fill(claim)));
    claims.push(...of(manifests, "PersistentVolumeClaim"));
    // A claim that lives as long as its pod.
    for (const one of workloads(manifests)) {
      const own = (one.pod.spec.volumes ?? []).flatMap(({ ephemeral }) => ephemeral?.volumeClaimTemplate ?? []);
      claims.push(...Array(mostOf(one, manifests)).fill(own).flat());
    }
    assert.ok(claims.length <= amount(hard.persistentvolumeclaims));
    assert.ok(claims.reduce((sum, claim) => sum + amount(claim.spec.resources.requests.storage), 0) <= amount(hard["requests.storage"]));
    assert.ok(of(manifests, "Service").length <= amount(hard.services));
  });

  check("what a pod may put into its folders is no more than it may have of its node's disk", () => {
    const limits = named(manifests, "LimitRange", "worldshare").spec.limits.find((one) => one.type === "Container");
    const key = "ephemeral-storage";
    for (const { name, pod } of workloads(manifests)) {
      const folders = (pod.spec.volumes ?? []).filter(({ emptyDir }) => emptyDir?.sizeLimit && emptyDir.medium !== "Memory");
      const most = folders.reduce((sum, { emptyDir }) => sum + amount(emptyDir.sizeLimit), 0);
      const allowed = pod.spec.containers.map(({ resources }) => amount(resources.limits[key] ?? limits.default[key]));
      assert.ok(most <= allowed.reduce((sum, one) => sum + one, 0), `${name} may be evicted`);
      for (const one of allowed) assert.ok(one <= amount(limits.max[key]), name);
    }
  });

  check("the scheduler has two copies without a GPU, and one of them may be drained", () => {
    const dispatcher = named(manifests, "Deployment", "dispatcher");
    assert.equal(dispatcher.spec.replicas, 2);
    assert.equal(named(manifests, "PodDisruptionBudget", "dispatcher").spec.minAvailable, 1);
    assert.ok(!JSON.stringify(dispatcher).includes("nvidia"));
  });

  check("what runs on is probed, and is not restarted because another service is away", () => {
    for (const { name, kind, pod } of workloads(manifests)) {
      if (kind === "CronJob") continue;
      const [main] = pod.spec.containers;
      for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) assert.ok(main[probe], `${name} ${probe}`);
      const { httpGet } = main.livenessProbe;
      assert.ok(!httpGet || httpGet.path !== "/health", `${name}: /health tells of broker and database too`);
    }
  });

  check("disruption budgets select the pods that they are named for", () => {
    for (const budget of of(manifests, "PodDisruptionBudget")) {
      assert.ok(workloads(manifests).some(({ name, pod }) => name === budget.metadata.name && matches(budget.spec.selector, labelsOf(pod))), budget.metadata.name);
    }
    for (const { name, kind } of workloads(manifests)) {
      if (kind !== "CronJob") named(manifests, "PodDisruptionBudget", name);
    }
  });

  check("services reach the ports of pods", () => {
    for (const service of of(manifests, "Service")) {
      const targets = workloads(manifests).filter(({ pod }) => matches({ matchLabels: service.spec.selector }, labelsOf(pod)));
      assert.equal(targets.length, 1, service.metadata.name);
      const ports = targets[0].pod.spec.containers.flatMap((container) => container.ports ?? []);
      for (const { targetPort } of service.spec.ports) assert.ok(ports.some((port) => port.name === targetPort), `${service.metadata.name} ${targetPort}`);
    }
    for (const set of of(manifests, "StatefulSet")) named(manifests, "Service", set.spec.serviceName);
  });

  check("every reference leads somewhere, and no secret stands in the manifests", () => {
    assert.deepEqual(of(manifests, "Secret"), []);
    const has = (kind, name) => GIVEN[kind]?.has(name) || of(manifests, kind).some((one) => one.metadata.name === name);
    for (const { name, owner, pod } of workloads(manifests)) {
      assert.ok(has("ServiceAccount", pod.spec.serviceAccountName), name);
      for (const { configMap, secret, persistentVolumeClaim } of pod.spec.volumes ?? []) {
        if (configMap) assert.ok(has("ConfigMap", configMap.name), `${name}: ${configMap.name}`);
        if (secret) assert.ok(has("Secret", secret.secretName), `${name}: ${secret.secretName}`);
        if (persistentVolumeClaim) assert.ok(has("PersistentVolumeClaim", persistentVolumeClaim.claimName), `${name}: ${persistentVolumeClaim.claimName}`);
      }
      const volumes = new Set([...(pod.spec.volumes ?? []).map((volume) => volume.name), ...(owner.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name)]);
      for (const container of containersOf(pod)) {
        for (const mount of container.volumeMounts ?? []) {
          assert.ok(volumes.has(mount.name), `${name}: ${mount.name}`);
          const map = (pod.spec.volumes ?? []).find((volume) => volume.name === mount.name)?.configMap;
          if (mount.subPath && map) assert.ok(mount.subPath in named(manifests, "ConfigMap", map.name).data, `${name}: ${mount.subPath}`);
        }
        for (const { valueFrom } of container.env ?? []) {
          if (valueFrom?.secretKeyRef) assert.ok(has("Secret", valueFrom.secretKeyRef.name), name);
        }
      }
    }
  });

  check("every image is pinned", () => {
    for (const { name, pod } of workloads(manifests)) {
      for (const { image } of containersOf(pod)) assert.match(image, /^[a-z.]+\/.*:\d[\w.-]*$/, `${name}: ${image}`);
    }
  });

  check("nothing talks to anything but who must", () => {
    const policies = of(manifests, "NetworkPolicy");
    const pods = Object.fromEntries(workloads(manifests).map(({ name, pod }) => [name, labelsOf(pod)]));
    const rules = (labels, direction) => {
      const selecting = policies.filter((policy) => policy.spec.policyTypes.includes(direction) && matches(policy.spec.podSelector, labels));
      assert.ok(selecting.length > 0, `${JSON.stringify(labels)} is open`);
      return selecting.flatMap((policy) => policy.spec[direction.toLowerCase()] ?? []);
    };
    const opens = (rule, side, peer, port) =>
      (!rule.ports || rule.ports.some((one) => one.port === port)) &&
      (!rule[side] || rule[side].some((one) => peer && one.podSelector && !one.namespaceSelector && matches(one.podSelector, peer)));
    const may = (from, to, port) =>
      rules(pods[from], "Egress").some((rule) => opens(rule, "to", pods[to], port)) && rules(pods[to], "Ingress").some((rule) => opens(rule, "from", pods[from], port));
    const needed = new Set(["dispatcher broker 4222", "verifier broker 4222", "broker broker 6222", "dispatcher postgres 5432", "verifier postgres 5432", "broker postgres 5432", "backup postgres 5432"]);
    for (const from of Object.keys(pods)) {
      for (const to of Object.keys(pods)) {
        for (const port of [4222, 5432, 6222, 8080, 8081, 8222]) {
          const pair = `${from} ${to} ${port}`;
          assert.equal(may(from, to, port), needed.has(pair), pair);
        }
      }
    }
    const fromOutside = (to, port) => rules(pods[to], "Ingress").some((rule) => opens(rule, "from", null, port));
    const open = Object.keys(pods).flatMap((to) => [4222, 5432, 6222, 8080, 8081, 8222].filter((port) => fromOutside(to, port)).map((port) => `${to} ${port}`));
    assert.deepEqual(open.sort(), ["broker 4222", "dispatcher 8080"]);
    // To the object store, one address and its port, for those who read and write blobs.
    const ways = Object.entries(pods).flatMap(([name, labels]) => {
      const egress = rules(labels, "Egress");
      for (const rule of egress) assert.ok(rule.to?.length > 0, `${name} may go anywhere`);
      const leaving = egress.filter(({ to }) => to.some(({ ipBlock }) => ipBlock));
      return leaving.flatMap(({ to, ports }) => to.map(({ ipBlock }) => `${name} ${ipBlock?.cidr} ${ports?.map(({ port }) => port)}`));
    });
    const store = (name) => `${name} 203.0.113.10/32 443`;
    assert.deepEqual(ways.sort(), overlay === "production-s3" ? [store("dispatcher"), store("verifier")] : []);
  });

  check("only the verifier is let have a GPU", () => {
    const policy = named(manifests, "ValidatingAdmissionPolicy", "worldshare-gpu-for-the-verifier-only");
    const binding = named(manifests, "ValidatingAdmissionPolicyBinding", policy.metadata.name);
    assert.equal(binding.spec.policyName, policy.metadata.name);
    assert.ok(binding.spec.validationActions.includes("Deny"));
    assert.equal(binding.spec.matchResources.namespaceSelector.matchLabels["kubernetes.io/metadata.name"], NAMESPACE);
    assert.equal(policy.spec.failurePolicy, "Fail");

    const refusals = (pod) => {
      const object = { metadata: { labels: {}, ...pod.metadata }, spec: pod.spec };
      const variables = {};
      for (const { name, expression } of policy.spec.variables) variables[name] = evaluate(expression, { object, variables }, { funcs: strings });
      return policy.spec.validations.filter(({ expression }) => evaluate(expression, { object, variables }, { funcs: strings }) !== true).map(({ message }) => message);
    };
    for (const { name, pod } of workloads(manifests)) {
      assert.deepEqual(refusals(pod), [], name);
      const wants = containersOf(pod).some(({ resources }) => "nvidia.com/gpu" in { ...resources.requests, ...resources.limits });
      assert.equal(wants, name === "verifier" && overlay !== "dev", name);
    }

    const gpu = { limits: { "nvidia.com/gpu": "1" } };
    const production = workloads(overlays.production);
    const verifier = production.find(({ name }) => name === "verifier").pod;
    const changed = (change) => {
      const copy = structuredClone(verifier);
      change(copy);
      return copy;
    };
    assert.deepEqual(refusals(verifier), []);
    const dispatcher = structuredClone(production.find(({ name }) => name === "dispatcher").pod);
    dispatcher.spec.containers[0].resources = gpu;
    const refused = {
      "another service": dispatcher,
      "an init container": { spec: { containers: [{ name: "a", image: "x/a:1" }], initContainers: [{ name: "b", image: "x/b:1", resources: gpu }] } },
      "a request alone": { spec: { containers: [{ name: "a", image: "x/a:1", resources: { requests: { "nvidia.com/gpu": "1" } } }] } },
      "a slice": { spec: { containers: [{ name: "a", image: "x/a:1", resources: { limits: { "nvidia.com/mig-1g.10gb": "1" } } }] } },
      "another image under the verifier's name": changed((pod) => (pod.spec.containers[0].image = "x/miner:1")),
      "a container beside the verifier": changed((pod) => pod.spec.containers.push({ name: "miner", image: "y/worldshare-verifier-cuda:1", resources: gpu })),
      "the verifier's label with another account": changed((pod) => (pod.spec.serviceAccountName = "default")),
      "the verifier's account without its label": changed((pod) => (pod.metadata.labels = {})),
      "a claim of devices": { spec: { containers: [{ name: "a", image: "x/a:1" }], resourceClaims: [{ name: "gpu" }] } },
    };
    for (const [what, pod] of Object.entries(refused)) assert.notDeepEqual(refusals(pod), [], what);
  });
}

test("a manifest that is wrong is found", async () => {
  const [deployment] = of(overlays.dev, "Deployment");
  const wrong = (change) => {
    const copy = structuredClone(deployment);
    change(copy);
    return problemsOf(copy);
  };
  assert.notDeepEqual(await wrong((one) => (one.spec.template.spec.containers[0].livenessprobe = {})), []);
  assert.notDeepEqual(await wrong((one) => (one.spec.replicas = "two")), []);
  assert.notDeepEqual(await wrong((one) => delete one.spec.selector), []);
});

test("production: three brokers keep three copies of every stream, and the verifiers follow the stream's lag", () => {
  const manifests = overlays.production;
  const broker = named(manifests, "StatefulSet", "broker");
  assert.equal(broker.spec.replicas, 3);
  const routes = broker.spec.template.spec.containers[0].env.find(({ name }) => name === "WS_NATS_ROUTES").value;
  for (let number = 0; number < 3; ++number) assert.ok(routes.includes(`nats://broker-${number}.${broker.spec.serviceName}:6222`));
  const services = of(manifests, "ConfigMap").find((one) => one.metadata.name.startsWith("services"));
  assert.equal(parse(services.data["dispatcher.yaml"]).nats.stream_replicas, 3);
  const [trigger] = named(manifests, "ScaledObject", "verifier").spec.triggers;
  const streams = parse(readFileSync(join(ROOT, "broker-config/streams.yaml"), "utf8")).streams;
  const results = streams.find(({ name }) => name === trigger.metadata.stream);
  assert.ok(results.consumers.some((consumer) => consumer.durable_name === trigger.metadata.consumer));
  assert.equal(trigger.metadata.account, "WS");
});

test("dev: one broker keeps one copy of every stream", () => {
  const broker = named(overlays.dev, "StatefulSet", "broker");
  assert.equal(broker.spec.replicas, 1);
  assert.equal(broker.spec.template.spec.containers[0].env.find(({ name }) => name === "WS_NATS_ROUTES").value, "");
  const services = of(overlays.dev, "ConfigMap").find((one) => one.metadata.name.startsWith("services"));
  assert.equal(parse(services.data["dispatcher.yaml"]).nats.stream_replicas, 1);
});

test("production-s3: blobs lie in the store alone, whose key only those have who need it", () => {
  const [plain, manifests] = [overlays.production, overlays["production-s3"]];
  const configOf = (set, file) => parse(of(set, "ConfigMap").find((one) => one.metadata.name.startsWith("services")).data[file]);
  for (const name of ["dispatcher", "verifier"]) {
    const { blobs, ...rest } = configOf(manifests, `${name}.yaml`);
    const { blobs: folder, ...same } = configOf(plain, `${name}.yaml`);
    assert.deepEqual(rest, same, `${name}.yaml differs from production's in blobs alone`);
    assert.equal(blobs.directory, folder.directory);
    assert.ok(blobs.s3.endpoint.startsWith("https://"));
    const { pod } = workloads(manifests).find((one) => one.name === name);
    const keys = pod.spec.volumes.find((volume) => volume.name === "keys");
    assert.equal(keys.secret.secretName, `${name}-keys`);
    for (const container of containersOf(pod)) {
      const mount = container.volumeMounts.find((one) => one.name === "keys");
      assert.equal(blobs.s3.credentials_file, `${mount.mountPath}/s3.yaml`);
    }
    const { storage } = pod.spec.volumes.find((volume) => volume.name === "blobs").ephemeral.volumeClaimTemplate.spec.resources.requests;
    assert.ok(amount(storage) > 2 * amount("20Gi"), "copies_bytes is 20 GiB by default, and a cut-off scene may have 10");
  }
  assert.ok(!JSON.stringify(manifests).includes("ReadWriteMany"));
  assert.ok(!JSON.stringify(of(manifests, "CronJob")).includes("blobs"));
  assert.equal(named(manifests, "Service", "dispatcher").spec.sessionAffinity, "ClientIP");
});

test("make-secrets.sh gives the object store's key to dispatcher and verifier when it is there, and makes each key once", () => {
  const folder = mkdtempSync(join(tmpdir(), "ws-secrets-"));
  try {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    // The real one needs a build; what it prints is a key of 56 letters.
    writeFileSync(join(bin, "worldshare-agent"), '#!/bin/sh\necho SEED-$$ >"$2"; echo PUBLIC-$$\n', { mode: 0o755 });
    const run = (agent = "worldshare-agent") => {
      const text = execFileSync(join(ROOT, "deploy/kubernetes/make-secrets.sh"), [join(folder, "keys")],
        { encoding: "utf8", stdio: "pipe", env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, WORLDSHARE_AGENT: agent } });
      return parseAllDocuments(text).map((one) => one.toJS()).filter(Boolean);
    };
    assert.throws(() => run("no-such-agent"), ({ status, stderr }) => status === 2 && stderr.includes("no-such-agent is missing"));
    assert.deepEqual(readdirSync(join(folder, "keys")), []);
    const without = run();
    assert.deepEqual(without.map(({ kind, metadata }) => `${kind} ${metadata.name}`), ["Secret dispatcher-keys", "Secret verifier-keys", "Secret postgres", "ConfigMap public-keys"]);
    assert.deepEqual(run("env worldshare-agent"), without);
    writeFileSync(join(folder, "keys/s3.yaml"), "access_key: a\nsecret_key: b\n");
    for (const secret of of(run(), "Secret")) {
      const { "s3.yaml": key, ...rest } = secret.data;
      assert.deepEqual(rest, named(without, "Secret", secret.metadata.name).data);
      assert.equal(key !== undefined, secret.metadata.name !== "postgres", secret.metadata.name);
      assert.equal(secret.metadata.namespace, NAMESPACE);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
