// The manifests as kustomize renders them, and validators that know every field of them.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KUSTOMIZE = process.env.KUSTOMIZE?.split(" ") ?? ["kubectl", "kustomize"];

export function render(overlay) {
  const text = execFileSync(KUSTOMIZE[0], [...KUSTOMIZE.slice(1), join(ROOT, "deploy/kubernetes/overlays", overlay)], { encoding: "utf8" });
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

const require = createRequire(import.meta.url);
const schemas = dirname(require.resolve("kubernetes-models/package.json"));
const kedaSchemas = dirname(require.resolve("@kubernetes-models/keda/package.json"));

async function validatorOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["core", apiVersion];
  if (group === "keda.sh") {
    return (await import(`${kedaSchemas}/_schemas/ComGithubKedacoreKedaV2ApisKedaV1alpha1${kind}.js`)).validate;
  }
  const camel = group.replace(/\.k8s\.io$/, "").split(".").map((part) => part[0].toUpperCase() + part.slice(1)).join("");
  const name = `IoK8sApi${camel}${version[0].toUpperCase()}${version.slice(1)}${kind}`;
  return (await import(`${schemas}/_schemas/${name}.js`)).validate;
}

// The validators read each field that the schema has, and no other: what they did not read, no schema knows.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const children = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value)) {
    children[key] = watched(child, `${path}/${key}`, unread);
    if (!Array.isArray(value)) unread.add(`${path}/${key}`);
  }
  return new Proxy(children, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

/** What is wrong with a manifest; [] for nothing. */
export async function problemsOf(manifest) {
  const validate = await validatorOf(manifest);
  const unread = new Set();
  const ok = validate(watched(manifest, "", unread));
  const problems = ok ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message ?? error.keyword} ${JSON.stringify(error.params)}`);
  // Below a field that is free in form (a quantity, the metadata of a scaler) nothing is read.
  for (const path of unread) problems.push(`unknown field ${path}`);
  return problems;
}
