// Uses the dashboard as somebody would who never saw it: drops a scene, fills in the form, watches verified frames arrive, looks
// at a frame on which a volunteer cheated. A real Chromium, a real farm with Blender.
//
//   node dashboard_test.mjs WORLDSHARE_PROGRAM SCENE.blend OUTPUT_FOLDER
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { startFarm } from "./farm.mjs";

const [program, scene, output] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const frames = 4;
const patience = 150_000;

/** What WCAG 2 A and AA find wrong with the page as it is. */
async function checkAccess(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  const told = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(told, [], `accessibility of ${name}`);
}

async function shoot(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(output, `${name}.png`), fullPage: true });
  await checkAccess(page, name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels wider than its window`);
}

async function submit(page) {
  await page.getByRole("link", { name: "Submit", exact: true }).click();
  await shoot(page, "submit-empty");
  // A real drop: the file arrives as a browser hands it over.
  const bytes = readFileSync(scene).toString("base64");
  const transfer = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "knot.blend"));
    return data;
  }, bytes);
  await page.dispatchEvent(".drop", "drop", { dataTransfer: transfer });
  await page.getByText("sent", { exact: true }).waitFor({ timeout: 30_000 });
  // What the scene says of itself is in the form.
  assert.equal(await page.getByLabel("Width").inputValue(), "320");
  assert.equal(await page.getByLabel("Height").inputValue(), "180");
  assert.equal(await page.getByLabel("Last").inputValue(), "12");
  assert.equal(await page.getByLabel("Engine").inputValue(), "cycles");
  await page.getByLabel("Title").fill("Knot");
  await page.getByLabel("Last").fill(String(frames));
  await shoot(page, "submit-form");
  await page.getByRole("button", { name: `Render ${frames} frames` }).click();
  await page.waitForURL(/#\/jobs\/[^/]+$/, { timeout: 15_000 });
}

async function watch(page) {
  // Verified frames appear one by one, without a reload.
  await page.evaluate(() => (globalThis.neverReloaded = true));
  await page.locator(".cell-accepted img").first().waitFor({ timeout: patience });
  await shoot(page, "job-live");
  await page.locator(".cell-accepted img").nth(frames - 1).waitFor({ timeout: patience });
  await page.locator(".state-completed").waitFor({ timeout: 20_000 });
  assert.equal(await page.locator("#verified").textContent(), String(frames));
  assert.ok(await page.evaluate(() => globalThis.neverReloaded));
  const shown = await page.evaluate(() => [...document.querySelectorAll(".cell img")].every((image) => image.complete && image.naturalWidth === 320));
  assert.ok(shown, "every thumbnail is a decoded picture");
  assert.ok((await page.locator(".news li").count()) >= frames, "the events came");
  await shoot(page, "job-done");
}

async function lookAtDispute(page) {
  const disputed = page.locator(".cell:has(.disputed)").first();
  await disputed.waitFor({ timeout: 10_000 });
  await disputed.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Replicas", exact: true }).waitFor();
  await page.locator(".replica .state-rejected").first().waitFor();
  assert.match(await page.locator(".verdict").textContent(), /volunteer-1 rendered another one and was rejected/);
  assert.ok((await page.locator(".replica img").count()) >= 3, "the replicas are shown side by side");
  const border = page.getByLabel("Border between the two");
  await border.focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await border.inputValue(), "51");
  await shoot(page, "frame");
  await page.getByRole("button", { name: "Difference" }).click();
  await shoot(page, "frame-difference");
}

async function otherPages(page) {
  for (const [name, heading, wanted] of [
    ["Nodes", "Nodes", "blender-3_4-cpu"],
    ["Volunteers", "Volunteers", "volunteer-1"],
    ["Figures", "Figures", "Consensus rate"],
    ["Jobs", "Jobs", "Knot"],
  ]) {
    await page.getByRole("link", { name, exact: true }).first().click();
    await page.getByRole("heading", { name: heading, exact: true }).waitFor();
    await page.getByText(wanted).first().waitFor();
    if (name === "Volunteers") await lookAtLeaderboard(page);
    await shoot(page, name.toLowerCase());
  }
}

async function lookAtLeaderboard(page) {
  for (const time of ["week", "ever"]) {
    await page.getByRole("button", { name: time, exact: true }).click();
    const first = page.getByRole("region", { name: "Leaderboard" }).locator("tbody tr").first();
    await first.waitFor();
    assert.match(await first.textContent(), /^1volunteer-[23]/, "a cheater does not lead");
  }
}

/** The same pages in the dark and on a phone. */
async function otherLooks(page, job, frame) {
  const [width, height] = [390, 844];
  for (const [look, scheme, size] of [
    ["dark", "dark", { width: 1280, height: 900 }],
    ["phone", "light", { width, height }],
    ["phone-dark", "dark", { width, height }],
  ]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize(size);
    for (const [name, address, wanted] of [
      ["jobs", "#/", ".job"],
      ["job", job, ".cell-accepted img"],
      ["frame", frame, ".replica img"],
      ["nodes", "#/nodes", "tbody tr"],
      ["owners", "#/owners", ".leaderboard tbody tr"],
      ["figures", "#/figures", ".plot canvas"],
    ]) {
      await page.evaluate((hash) => (location.hash = hash), address);
      await page.locator(wanted).first().waitFor();
      await shoot(page, `${name}-${look}`);
    }
  }
}

async function refusals(browser, link) {
  const page = await browser.newPage();
  await page.goto(link.replace(/#.*/, ""));
  await page.getByLabel("API token").fill("not-the-token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("not valid").waitFor();
  await shoot(page, "sign-in");
  // The link was used already; the token of the farm's own machine signs in, and out again.
  await page.goto(link);
  await page.reload();
  await page.getByLabel("API token").fill(readFileSync(join(state, "up/keys/api-token"), "utf8").trim());
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Knot").first().waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.close();
}

const state = mkdtempSync(join(tmpdir(), "ws-dashboard-"));
chmodSync(state, 0o755); // a farm of root runs its database as another user
process.on("exit", () => rmSync(state, { recursive: true, force: true }));
mkdirSync(output, { recursive: true });
const farm = await startFarm(program, state, ["--agents", "3", "--tamper", "1"]);
assert.ok(farm.link, "the farm found no pages");
let shown;
const complaints = [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  const page = await context.newPage();
  shown = page;
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(farm.link);
  await page.getByText("There are no jobs yet.").waitFor();
  assert.ok(!page.url().includes("login="), "the code does not stay in the address");
  assert.equal(await page.evaluate(() => document.cookie + localStorage.length), "0", "scripts see no secret");
  await submit(page);
  const job = new URL(page.url()).hash;
  await watch(page);
  await lookAtDispute(page);
  const frame = new URL(page.url()).hash;
  await otherPages(page);
  await otherLooks(page, job, frame);
  // A browser reports what the policy forbids, broken code and failed requests as errors of the console. The HEAD request that
  // asks whether a scene is there already is answered 404 the first time.
  const serious = complaints.filter((text) => !text.includes("404"));
  assert.deepEqual(serious, [], "the console is quiet");
  await refusals(browser, farm.link);
  console.log("all checks passed");
} catch (error) {
  console.log(complaints.join("\n"));
  await shown?.screenshot({ path: join(output, "failure.png"), fullPage: true });
  throw error;
} finally {
  await browser.close();
  await farm.stop();
}
