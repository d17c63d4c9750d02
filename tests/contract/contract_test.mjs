// The document and the gateway say the same: prism stands between this client and a real farm and turns every request or answer
// that is not as the document says into an error. Every operation of the document is used. A client that is typed by the document
// alone submits, follows and fetches a job; and tus-js-client, which knows nothing of WorldShare, uploads a scene.
//
//   node contract_test.mjs WORLDSHARE_PROGRAM SCENE.blend
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import Ajv from "ajv";
import * as tus from "tus-js-client";
import { parse } from "yaml";
import { startFarm } from "../dashboard/farm.mjs";
import { clientOf, fetchFrame, follow, submit } from "./built/artist.js";

const [program, scene] = process.argv.slice(2);
const here = new URL(".", import.meta.url).pathname;
const file = join(here, "../../schemas/openapi.yaml");
const contract = parse(readFileSync(file, "utf8"), { merge: true });
const operations = new Map();
for (const [path, methods] of Object.entries(contract.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    if (method !== "parameters") operations.set(operation.operationId, { method: method.toUpperCase(), path });
  }
}
const used = new Set();
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A proxy that answers 500 where an answer is not as the document says. */
async function startPrism(upstream) {
  const port = await freePort();
  const prism = spawn(process.execPath, [join(here, "node_modules/.bin/prism"), "proxy", file, upstream, "--errors", "--cors=false", "--port", String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  await new Promise((resolve, reject) => {
    prism.stdout.on("data", (text) => (log += text) && log.includes("Prism is listening") && resolve());
    prism.on("exit", () => reject(new Error(log)));
  });
  return { base: `http://127.0.0.1:${port}`, stop: () => prism.kill(), log: () => log };
}

class Asker {
  constructor(base, token) {
    Object.assign(this, { base, token });
  }
  /** The answer to an operation of the document; `status` is what it must be. */
  async ask(id, status, { names = {}, query = "", headers = {}, body, token = this.token } = {}) {
    const { method, path } = operations.get(id);
    const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(names[name]));
    const all = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers };
    const plain = body !== undefined && !(body instanceof Uint8Array);
    if (plain) all["Content-Type"] = "application/json";
    const response = await fetch(this.base + target + query, { method, headers: all, body: plain ? JSON.stringify(body) : body });
    const text = await response.text();
    assert.equal(response.status, status, `${id}: ${text.slice(0, 2000)}`);
    if (status < 400) used.add(id);
    const isJson = response.headers.get("content-type")?.includes("json");
    return { headers: response.headers, text, data: isJson && text ? JSON.parse(text) : undefined };
  }
}

/** A user's public nkey, "U...": base32 of a prefix, the key, and a CRC-16 (XMODEM), the low byte first. */
function nkeyOf(publicKey) {
  const raw = [20 << 3, ...Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url")];
  let crc = 0;
  for (const byte of raw) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; ++bit) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  const bits = [...raw, crc & 255, crc >> 8].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.match(/.{1,5}/g).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

/** An agent that has nothing but a token comes in, and is shut out again. */
async function checkEnrolment(operator) {
  const made = (await operator.ask("makeEnrolmentToken", 201, { body: { owner: "newcomer", note: "for a test" } })).data;
  assert.equal((await operator.ask("listEnrolmentTokens", 200)).data.tokens[0].state, "open");
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const agent = nkeyOf(publicKey);
  const { nonce } = (await operator.ask("challengeAgent", 200, { body: { agent }, token: "" })).data;
  const proof = ["worldshare enrolment 1", nonce, agent, sha256(made.token), ""].join("\n");
  const signature = sign(null, Buffer.from(proof), privateKey).toString("hex");
  const request = { agent, token: made.token, nonce, signature, render_class: "blender-3_4-cpu-avx2" };
  await operator.ask("enrolAgent", 403, { body: { ...request, signature: "0".repeat(128) }, token: "" });
  assert.equal((await operator.ask("enrolAgent", 200, { body: request, token: "" })).data.owner, "newcomer");
  const again = (await operator.ask("challengeAgent", 200, { body: { agent }, token: "" })).data.nonce;
  const renewal = sign(null, Buffer.from(["worldshare credential 1", again, agent, ""].join("\n")), privateKey).toString("hex");
  await operator.ask("renewCredential", 403, { body: { agent, nonce: again, signature: "0".repeat(128) }, token: "" });
  await operator.ask("renewCredential", 200, { body: { agent, nonce: again, signature: renewal }, token: "" });
  const spare = (await operator.ask("makeEnrolmentToken", 201, { body: { owner: "newcomer" } })).data;
  await operator.ask("withdrawEnrolmentToken", 200, { names: { id: spare.id } });
  const gone = await operator.ask("revokeOwner", 200, { names: { owner: "newcomer" }, body: { reason: "for a test" } });
  assert.equal(gone.data.agents, 1);
}

/** The first events of a stream, each as the document says. Not through prism: it waits for the end, and there is none. */
async function checkEvents(base, token, path, id, act) {
  const ajv = new Ajv({ strict: false, formats: { int32: true, int64: true } });
  const valid = ajv.compile({ ...contract.components.schemas.Event, components: contract.components });
  const stop = new AbortController();
  const response = await fetch(base + path, { headers: { Authorization: `Bearer ${token}` }, signal: stop.signal });
  assert.equal(response.status, 200);
  let seen = "";
  let acted = false;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    seen += piece;
    if (!acted && seen.includes("event: ready")) acted = (await act(), true);
    const event = /event: job_changed\ndata: (.*)\n\n/.exec(seen);
    if (!event) continue;
    assert.ok(valid(JSON.parse(event[1])), ajv.errorsText(valid.errors));
    break;
  }
  stop.abort();
  used.add(id);
}

/** A client of others sends a file in pieces, is aborted, and goes on. */
async function uploadByTus(base, token, bytes) {
  const options = (more) => ({
    endpoint: `${base}/v1/uploads`,
    headers: { Authorization: `Bearer ${token}` },
    metadata: { sha256: sha256(bytes), filename: "by-tus.blend" },
    chunkSize: 64 * 1024,
    retryDelays: [0, 200, 500],
    ...more,
  });
  const url = await new Promise((resolve, reject) => {
    const upload = new tus.Upload(bytes, options({ onError: reject, onChunkComplete: (_, done) => done >= bytes.length / 2 && void upload.abort().then(() => resolve(upload.url)) }));
    upload.start();
  });
  const offsets = [];
  await new Promise((resolve, reject) => {
    new tus.Upload(bytes, options({ uploadUrl: url, onError: reject, onSuccess: resolve, onProgress: (done) => offsets.push(done) })).start();
  });
  assert.ok(offsets[0] >= bytes.length / 2, "it goes on in the middle");
}

const state = mkdtempSync(join(tmpdir(), "ws-contract-"));
chmodSync(state, 0o755); // a farm of root runs its database as another user
process.on("exit", () => rmSync(state, { recursive: true, force: true }));
const farm = await startFarm(program, state, ["--agents", "2"]);
const gateway = farm.url;
const prism = await startPrism(gateway);
try {
  const local = readFileSync(join(state, "up/keys/api-token"), "utf8").trim();
  const operator = new Asker(prism.base, local);
  await operator.ask("getHealth", 200, { token: "" });
  await operator.ask("getReady", 200, { token: "" });

  // Tokens: everything else is an artist's.
  const order = { name: "Anna", role: "artist", tenant: "studio", days: 1 };
  const made = (await operator.ask("makeToken", 201, { body: order })).data;
  const other = (await operator.ask("makeToken", 201, { body: { name: "Bert", role: "volunteer", owner: "volunteer-1" } })).data;
  assert.equal((await operator.ask("listTokens", 200, { query: "?limit=1" })).data.tokens.length, 1);
  const artist = new Asker(prism.base, made.secret);
  await artist.ask("makeToken", 403, { body: order });
  await artist.ask("listJobs", 401, { token: "wst_guess" });

  // A scene, by PUT and in pieces. Prism takes bodies for text, so what goes through it is some.
  const bytes = readFileSync(scene);
  const name = sha256(bytes);
  const binary = { "Content-Type": "application/octet-stream" };
  await new Asker(gateway, made.secret).ask("putBlob", 201, { names: { sha256: name }, headers: binary, body: bytes });
  const text = Buffer.from(randomBytes(500).toString("hex"));
  await artist.ask("putBlob", 201, { names: { sha256: sha256(text) }, headers: binary, body: text });
  assert.equal((await artist.ask("getBlob", 200, { names: { sha256: sha256(text) } })).text, text.toString());
  await artist.ask("getBlob", 206, { names: { sha256: sha256(text) }, headers: { Range: "bytes=0-9" } });
  await artist.ask("getBlob", 404, { names: { sha256: "0".repeat(64) } });
  const version = { "Tus-Resumable": "1.0.0" };
  const piece = new Uint8Array(Buffer.from(randomBytes(500).toString("hex")));
  const pieceName = sha256(piece);
  const metadata = { ...version, "Upload-Length": "1000", "Upload-Metadata": `sha256 ${Buffer.from(pieceName).toString("base64")}` };
  await artist.ask("describeUploads", 204, { token: "" });
  await artist.ask("makeUpload", 201, { headers: metadata });
  const append = { ...version, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream" };
  await artist.ask("appendUpload", 204, { names: { sha256: pieceName }, headers: append, body: piece.slice(0, 600) });
  assert.equal((await artist.ask("getUpload", 200, { names: { sha256: pieceName } })).data.offset_bytes, 600);
  await artist.ask("appendUpload", 409, { names: { sha256: pieceName }, headers: append, body: piece.slice(600) });
  await artist.ask("dropUpload", 204, { names: { sha256: pieceName }, headers: version });
  await uploadByTus(gateway, made.secret, Buffer.from(randomBytes(300_000)));

  // The typed client, through prism.
  const client = clientOf(prism.base, made.secret);
  const id = await submit(client, name, bytes.length, "by-the-document");
  assert.equal(await submit(client, name, bytes.length, "by-the-document"), id, "the same key, the same job");
  const status = await follow(client, id, 150);
  assert.equal(status.state, "completed", JSON.stringify(status));
  const picture = await fetchFrame(clientOf(gateway, made.secret), id, 1);
  assert.deepEqual([...picture.slice(1, 4)], [...Buffer.from("PNG")]);
  for (const operation of ["submitJob", "getJob", "getFrame", "getBlob"]) used.add(operation);

  // Everything that can be seen of it.
  await artist.ask("listJobs", 200, { query: "?state=completed&search=document" });
  const tag = (await artist.ask("getJob", 200, { names: { id } })).headers.get("etag");
  await artist.ask("getJob", 304, { names: { id }, headers: { "If-None-Match": tag } });
  await artist.ask("listFrames", 200, { names: { id } });
  const units = (await artist.ask("listUnits", 200, { names: { id } })).data.units;
  await artist.ask("getUnitVerdicts", 200, { names: { unit: units[0].id } });
  await artist.ask("getQueue", 200);

  // Two pictures that somebody rendered: here the frame, twice.
  const pictureName = sha256(picture);
  await new Asker(gateway, made.secret).ask("putBlob", 201, { names: { sha256: pictureName }, headers: binary, body: picture });
  await artist.ask("submitVerification", 404, { body: { artifacts: [pictureName, "0".repeat(64)] } });
  let verdict = (await artist.ask("submitVerification", 202, { body: { artifacts: [pictureName, pictureName], title: "twice" } })).data;
  for (; verdict.state === "waiting"; await setTimeout(200)) verdict = (await artist.ask("getVerification", 200, { names: { id: verdict.id } })).data;
  assert.deepEqual([verdict.state, verdict.agreed], ["done", true], JSON.stringify(verdict));
  await artist.ask("listVerifications", 200, { query: "?limit=1" });
  await artist.ask("getFigures", 200, { query: "?hours=1" });
  await artist.ask("listOwners", 200);
  const nodes = (await artist.ask("listNodes", 200)).data.nodes;
  assert.equal(nodes.length, 2);
  await artist.ask("getJob", 404, { names: { id: "nobody" } });
  const second = await submit(client, name, bytes.length, "another");
  const priority = () => artist.ask("controlJob", 200, { names: { id: second }, body: { action: "priority", priority: 60 } });
  await checkEvents(gateway, made.secret, "/v1/events", "streamEvents", priority);
  await checkEvents(gateway, made.secret, `/v1/jobs/${second}/events`, "streamJobEvents", priority);
  await artist.ask("controlJob", 400, { names: { id: second }, body: { action: "extend" } });
  await artist.ask("controlJob", 200, { names: { id: second }, body: { action: "cancel" } });

  // What operators and volunteers do.
  await operator.ask("getMetrics", 200);
  assert.equal((await operator.ask("setTenant", 200, { body: { tenant: "studio", weight: 2 } })).data.weight, 2);
  await operator.ask("setTenant", 400, { body: { tenant: "studio", weight: 0 } });
  await artist.ask("setTenant", 403, { body: { tenant: "studio", weight: 9 } });
  assert.deepEqual((await artist.ask("listTenants", 200)).data.tenants.map((one) => one.tenant), ["studio"]);
  await operator.ask("controlNode", 200, { names: { agent: nodes[0].agent }, body: { action: "drain", reason: "for a test" } });
  const volunteer = new Asker(prism.base, other.secret);
  assert.equal((await volunteer.ask("listNodes", 200)).data.nodes.length, 1);
  await volunteer.ask("getOwnerTrust", 200, { names: { owner: "volunteer-1" } });
  const board = (await volunteer.ask("getLeaderboard", 200, { query: "?days=1&limit=1" })).data;
  assert.deepEqual([board.leaders.length, board.you.owner], [1, "volunteer-1"]);
  assert.equal((await artist.ask("getLeaderboard", 200)).data.you, undefined);
  await volunteer.ask("listJobs", 403);
  for (const action of ["appoint", "relieve", "ban"]) {
    await operator.ask("overruleOwner", 200, { names: { owner: "volunteer-1" }, body: { action, operator: "olga", reason: "for a test" } });
  }

  await checkEnrolment(operator);

  // A browser's session.
  const login = (await artist.ask("makeLogin", 201)).data;
  const signedIn = await artist.ask("signIn", 201, { body: { code: login.code }, token: "" });
  // The cookie's name is made from the gateway's address; the document's is an example, which prism takes for the name.
  const cookies = [signedIn.headers.get("set-cookie").split(";")[0], `${contract.components.securitySchemes.session.name}=x`];
  const browser = { Cookie: cookies.join("; "), Origin: gateway };
  assert.equal((await artist.ask("getSession", 200, { headers: browser, token: "" })).data.tenant, "studio");
  await artist.ask("signOut", 200, { headers: browser, token: "" });
  await artist.ask("getSession", 401, { headers: browser, token: "" });

  await operator.ask("revokeToken", 200, { names: { token: made.token.id } });
  await artist.ask("listJobs", 401);
  assert.ok((await operator.ask("listAudit", 200)).data.records.length > 10);
  assert.deepEqual([...operations.keys()].filter((operation) => !used.has(operation)), [], "every operation was used");
  console.log(`all ${used.size} operations are as the document says`);
} catch (error) {
  console.log(prism.log().split("\n").slice(-40).join("\n"));
  throw error;
} finally {
  prism.stop();
  await farm.stop();
}
