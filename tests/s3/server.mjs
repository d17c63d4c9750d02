// server.mjs [ADDRESS:]PORT FOLDER BUCKET ACCESS_KEY SECRET_KEY: s3rver, with what it lacks: signatures of version 4 are checked, by AWS' own
// signer. BUCKET "": none yet. Prints "ready" when it serves. With HASHES=1 it also hashes what is put, as Amazon S3 does and many others do not.
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { createHash } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const S3rver = require("s3rver");
const AWSAccount = require("s3rver/lib/models/account");

const [place, folder, bucket, accessKeyId, secretAccessKey] = process.argv.slice(2);
const [, address = "127.0.0.1", port] = /^(?:(.*):)?(\d+)$/.exec(place);
AWSAccount.registry.clear();
AWSAccount.DUMMY_ACCOUNT.createKeyPair(accessKeyId, secretAccessKey);

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

const parse_date = (text) =>
  new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));

/** What was signed, and the signature that came: by the header or by the query. */
function claim_of(request, query) {
  const header = request.headers.authorization;
  const fields = header
    ? Object.fromEntries(header.split(/ (.*)/)[1].split(",").map((pair) => pair.trim().split(/=(.*)/).slice(0, 2)))
    : { Credential: query["X-Amz-Credential"], SignedHeaders: query["X-Amz-SignedHeaders"], Signature: query["X-Amz-Signature"] };
  if (!fields.Credential || !fields.SignedHeaders) throw new Refusal(403, "AccessDenied", "Not signed");
  const [key, , region] = fields.Credential.split("/");
  const names = fields.SignedHeaders.split(";");
  if (!names.includes("host")) throw new Refusal(403, "AccessDenied", "host must be signed");
  const headers = Object.fromEntries(names.map((name) => [name, request.headers[name] ?? ""]));
  return { key, region, names: new Set(names), headers, signature: fields.Signature, by_header: Boolean(header) };
}

async function check_signature(ctx) {
  const url = new URL(ctx.req.url, `http://${ctx.req.headers.host}`);
  const query = Object.fromEntries(url.searchParams);
  const claim = claim_of(ctx.req, query);
  if (claim.key !== accessKeyId) throw new Refusal(403, "InvalidAccessKeyId", "The access key does not exist");
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey }, region: claim.region, service: "s3", sha256: Sha256,
    uriEscapePath: false, applyChecksum: claim.by_header,
  });
  const request = { method: ctx.req.method, hostname: url.hostname, path: url.pathname, query, headers: claim.headers };
  let expected;
  if (claim.by_header) {
    const signingDate = parse_date(ctx.req.headers["x-amz-date"]);
    const signed = await signer.sign(request, { signingDate, signableHeaders: claim.names });
    expected = /Signature=(.*)$/.exec(signed.headers.authorization)[1];
  } else {
    const expiresIn = Number(query["X-Amz-Expires"]);
    const signingDate = parse_date(query["X-Amz-Date"]);
    if (Date.now() > signingDate.getTime() + expiresIn * 1000) throw new Refusal(403, "AccessDenied", "Request has expired");
    // The signer writes what it adds itself; the rest of the query is part of what was signed.
    for (const name of ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"]) delete query[`X-Amz-${name}`];
    request.body = {}; // where its hash is not in a header, the signer takes it for UNSIGNED-PAYLOAD
    const signed = await signer.presign(request, { signingDate, expiresIn, signableHeaders: claim.names, unhoistableHeaders: claim.names });
    expected = signed.query["X-Amz-Signature"];
  }
  if (expected !== claim.signature) throw new Refusal(403, "SignatureDoesNotMatch", "The signature does not match");
}

/** Amazon S3 hashes what comes; the body goes on from a file. */
async function check_hash(ctx) {
  const announced = ctx.req.headers["x-amz-content-sha256"];
  if (ctx.req.method !== "PUT" || !announced || announced === "UNSIGNED-PAYLOAD") return;
  const pieces = [];
  for await (const piece of ctx.req) pieces.push(piece);
  const body = Buffer.concat(pieces);
  if (createHash("sha256").update(body).digest("hex") !== announced)
    throw new Refusal(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
  const file = `${tmpdir()}/s3-body-${process.pid}-${Math.random()}`;
  writeFileSync(file, body);
  const again = createReadStream(file);
  Object.assign(again, { headers: ctx.req.headers, method: ctx.req.method, url: ctx.req.url, socket: ctx.req.socket });
  ctx.req = ctx.request.req = again;
}

const server = new S3rver({
  port: Number(port), address, silent: true, directory: folder, vhostBuckets: false, allowMismatchedSignatures: false,
  configureBuckets: bucket ? [{ name: bucket }] : [],
});
server.middleware.unshift(async (ctx, next) => {
  try {
    await check_signature(ctx);
    if (process.env.HASHES === "1") await check_hash(ctx);
    await next();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ctx.status = error.status;
    ctx.type = "application/xml";
    ctx.body = `<?xml version="1.0"?>\n<Error><Code>${error.code}</Code><Message>${error.message}</Message></Error>`;
  }
});
await server.run();
console.log("ready");
