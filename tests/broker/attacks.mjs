// Plays an agent that was let in and turned bad, with a client that shares no code with WorldShare.
// Environment: NATS_URL, AGENT_SEED, VICTIM_SEED, DISPATCHER_SEED, OPERATOR_SEED, and beside each seed AGENT_JWT and so on where the
// broker trusts JWTs. The streams exist already.
// One line for each check, "ok" or "FAIL"; the exit code is 1 when one failed.
import { connect, headers, jwtAuthenticator, nkeyAuthenticator, nkeys, StringCodec } from "nats";

const PATIENCE_MS = 5000;
const encoder = new TextEncoder();
const text = StringCodec();
const public_key = (seed) => nkeys.fromSeed(encoder.encode(seed)).getPublicKey();
const agent = public_key(process.env.AGENT_SEED);
const victim = public_key(process.env.VICTIM_SEED);

let failures = 0;
function check(name, passed, detail = "") {
  if (!passed) failures += 1;
  console.log(`${passed ? "ok  " : "FAIL"} ${name}${passed || detail === "" ? "" : `: ${detail}`}`);
}

async function login(who, name) {
  const seed = process.env[`${who}_SEED`];
  const jwt = process.env[`${who}_JWT`];
  const key = encoder.encode(seed);
  const connection = await connect({
    servers: process.env.NATS_URL,
    authenticator: jwt ? jwtAuthenticator(jwt, key) : nkeyAuthenticator(key),
    inboxPrefix: `_INBOX.${public_key(seed)}`,
    name,
  });
  const denials = [];
  (async () => {
    for await (const status of connection.status()) {
      if (status.permissionContext) denials.push(status.permissionContext);
    }
  })();
  return { connection, denials };
}

async function eventually(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** Everything that reaches `subject`, as "subject payload". */
function record(connection, subject) {
  const seen = [];
  connection.subscribe(subject, {
    callback: (error, message) => {
      if (!error) seen.push(`${message.subject} ${text.decode(message.data)}`);
    },
  });
  return seen;
}

const bad = await login("AGENT", "bad agent");
const good = await login("VICTIM", "victim");
const dispatcher = (await login("DISPATCHER", "dispatcher")).connection;
const operator = (await login("OPERATOR", "operator")).connection;
const jsm = await operator.jetstreamManager();

/** The server has handled what `connection` sent, and what it caused has reached the others. */
async function settle() {
  for (let round = 0; round < 3; ++round) {
    for (const each of [bad.connection, dispatcher, operator, good.connection]) await each.flush();
  }
}

async function check_own_subjects_work() {
  const answers = dispatcher.subscribe("rpc.*.*", { callback: (error, m) => error || m.respond(m.data) });
  await dispatcher.flush();
  const answer = await bad.connection.request(`rpc.${agent}.hello`, text.encode("hello"), { timeout: PATIENCE_MS });
  check("own rpc is answered", text.decode(answer.data) === "hello");
  answers.unsubscribe();

  const id = headers();
  id.set("Nats-Msg-Id", "lease-own");
  const options = { timeout: PATIENCE_MS, headers: id };
  const send = () => bad.connection.request(`results.${agent}.lease-own`, text.encode("result"), options);
  const first = (await send()).json();
  check("own result gets JetStream's ack", first.stream === "RESULTS" && !first.duplicate, JSON.stringify(first));
  check("own result sent twice is a duplicate", (await send()).json().duplicate === true);

  const heartbeats = record(dispatcher, "hb.*");
  await dispatcher.flush();
  bad.connection.publish(`hb.${agent}`, text.encode("alive"));
  check("own heartbeat arrives", await eventually(() => heartbeats.includes(`hb.${agent} alive`)));

  const mail = record(bad.connection, `work.${agent}.*`);
  await bad.connection.flush();
  await dispatcher.jetstream().publish(`work.${agent}.0`, text.encode("job"));
  check("own mailbox is pushed live", await eventually(() => mail.includes(`work.${agent}.0 job`)));
}

async function check_foreign_subscriptions() {
  const subjects = [
    `work.${victim}.0`, `work.${victim}.*`, "work.*.*", "work.>", `results.${victim}.*`, "results.>", "results.*.*",
    `rpc.${victim}.*`, "rpc.*.*", `rpc.${agent}.*`, "hb.*", `hb.${victim}`, ">", "*", "*.*.*", "_INBOX.>",
    `_INBOX.${victim}.>`, "_INBOX.*.>", "_R_.>", "$JS.>", "$JS.ACK.>", "$JS.EVENT.ADVISORY.>", "$KV.>", "$SYS.>",
    "jobs.>", "verdicts.>", "events.>", "dlq.>",
  ];
  for (const queue of [undefined, "dispatcher"]) {
    for (const subject of subjects) {
      let denied = false;
      let stolen = 0;
      bad.connection.subscribe(subject, {
        queue,
        callback: (error) => (error ? (denied = true) : (stolen += 1)),
      });
      const closed = await eventually(() => denied);
      check(`subscribe ${subject}${queue ? ` in queue ${queue}` : ""} is denied`, closed && stolen === 0);
    }
  }
}

async function check_denied_publish(subject, payload = "x", options = {}) {
  const before = bad.denials.length;
  bad.connection.publish(subject, text.encode(payload), options);
  await bad.connection.flush();
  const denied = await eventually(() =>
    bad.denials.slice(before).some((d) => d.operation === "publish" && d.subject === subject));
  check(`publish ${subject} is denied`, denied);
}

async function check_foreign_publishes() {
  const watched = ["work.>", "rpc.>", "results.>", "hb.>", "jobs.>", "verdicts.>", "events.>", "$KV.>"]
    .map((subject) => record(operator, subject));
  await operator.flush();
  const subjects = [
    `work.${victim}.0`, `work.${agent}.0`, `results.${victim}.lease`, `hb.${victim}`, `rpc.${victim}.hello`,
    "results.x", `results.${agent}.a.b`, "jobs.submit.x", "verdicts.x", "events.x.y", "dlq.x", "$KV.agents.x",
    `_INBOX.${victim}.x`, `_INBOX.${agent}.x`, "_R_.x", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO",
    "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.CLAIMS.DELETE", "$SYS.REQ.ACCOUNT.PING.CONNZ",
  ];
  for (const subject of subjects) await check_denied_publish(subject, "forged");
  await settle();
  check("no forged message reached the trusted account", watched.flat().length === 0, watched.flat().join("; "));
}

async function check_jetstream_is_closed() {
  const api = [
    "INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO.RESULTS", "STREAM.CREATE.EVIL", "STREAM.UPDATE.RESULTS",
    "STREAM.PURGE.RESULTS", "STREAM.DELETE.RESULTS", "STREAM.MSG.GET.RESULTS", "STREAM.MSG.DELETE.RESULTS",
    "STREAM.SNAPSHOT.RESULTS", "DIRECT.GET.WORK", `DIRECT.GET.WORK.work.${victim}.0`, "CONSUMER.NAMES.RESULTS",
    "CONSUMER.LIST.RESULTS", "CONSUMER.INFO.RESULTS.verifiers", "CONSUMER.CREATE.RESULTS",
    "CONSUMER.DURABLE.CREATE.RESULTS.evil", "CONSUMER.DELETE.RESULTS.verifiers",
    "CONSUMER.MSG.NEXT.RESULTS.verifiers", "CONSUMER.MSG.NEXT.JOBS.dispatcher",
  ];
  const answers = record(bad.connection, `_INBOX.${agent}.api`);
  await bad.connection.flush();
  for (const verb of api) await check_denied_publish(`$JS.API.${verb}`, "", { reply: `_INBOX.${agent}.api` });
  await settle();
  check("JetStream's API answered nothing", answers.length === 0, answers.join("; "));
}

async function check_acks_cannot_be_forged() {
  await good.connection.request(`results.${victim}.lease-1`, text.encode("mine"), { timeout: PATIENCE_MS });
  const before = await jsm.consumers.info("RESULTS", "verifiers");
  for (let sequence = 1; sequence <= 3; ++sequence) {
    await check_denied_publish(`$JS.ACK.RESULTS.verifiers.1.${sequence}.${sequence}.0.0`, "+ACK");
  }
  await check_denied_publish("$JS.ACK.RESULTS.verifiers.1.1.1.0.0", "+TERM");
  const after = await jsm.consumers.info("RESULTS", "verifiers");
  check("forged acks changed nothing",
    after.num_pending === before.num_pending && after.ack_floor.stream_seq === before.ack_floor.stream_seq);
}

/** A trusted service answers, JetStream acknowledges: neither may speak where the agent may not. */
async function check_confused_deputy() {
  let answered = 0;
  const respond = (error, message) => {
    if (!error && message.respond(message.data)) answered += 1;
  };
  const answers = dispatcher.subscribe("rpc.*.*", { callback: respond });
  const pulse = dispatcher.subscribe("hb.*", { callback: respond });
  const trusted = [
    "work.>", "jobs.>", "verdicts.>", "$KV.>", "$JS.ACK.>", "$JS.API.STREAM.DELETE.>", "$JS.API.STREAM.PURGE.>",
    "$JS.API.CONSUMER.DELETE.>", `results.${victim}.>`,
  ].map((subject) => record(operator, subject));
  const mail = record(good.connection, `work.${victim}.*`);
  const inbox = record(good.connection, `_INBOX.${victim}.>`);
  const own_mail = record(bad.connection, `work.${agent}.*`);
  const impersonated = record(operator, `rpc.${victim}.*`);
  await settle();
  const config = async () =>
    JSON.stringify((await jsm.streams.list().next()).map((s) => [s.config.name, s.config.subjects]).sort());
  const before = await config();
  const replies = [
    "$JS.API.STREAM.DELETE.RESULTS", "$JS.API.STREAM.PURGE.RESULTS", "$JS.API.STREAM.DELETE.WORK",
    "$JS.API.CONSUMER.DELETE.RESULTS.verifiers", "$JS.ACK.RESULTS.verifiers.1.1.1.0.0", `results.${victim}.forged`,
    `work.${victim}.0`, `rpc.${victim}.stop`, `hb.${victim}`, "jobs.submit.x", "verdicts.x", "$KV.agents.x",
    `_INBOX.${victim}.guessed`, `work.${agent}.0`,
  ];
  for (const reply of replies) {
    for (const subject of [`rpc.${agent}.x`, `hb.${agent}`, `results.${agent}.deputy`]) {
      bad.connection.publish(subject, encoder.encode(""), { reply });
    }
  }
  await settle();
  const stored = await jsm.streams.info("RESULTS", { subjects_filter: ">" });
  const subjects = Object.keys(stored.state.subjects ?? {}).sort();
  const own = [`results.${agent}.`, `results.${victim}.lease-1`];
  const followed = replies.filter((reply) => !reply.startsWith("$JS.ACK.")).length;  // those the server refuses itself
  check("deputy: the trusted service did answer", answered === 2 * followed, `${answered}`);
  // An answer goes where its request says, but only within the account that asked, and no agent shares one.
  const steered = [...mail, ...inbox];
  check("deputy: no answer reached another agent", steered.length === 0, steered.join("; "));
  const own_answers = await eventually(() => own_mail.length > 0);
  check("deputy: the answers stayed with the bad agent", own_answers);
  check("deputy: streams are as before", (await config()) === before);
  check("deputy: the consumer is still there", (await jsm.consumers.info("RESULTS", "verifiers")).name === "verifiers");
  check("deputy: RESULTS holds what each agent sent itself",
    subjects.includes(`results.${agent}.deputy`) && subjects.every((s) => own.some((o) => s.startsWith(o))),
    subjects.join(" "));
  check("deputy: nothing was published in the trusted account", trusted.flat().length === 0, trusted.flat().join("; "));
  check("deputy: nobody was impersonated", impersonated.length === 0, impersonated.join("; "));
  answers.unsubscribe();
  pulse.unsubscribe();
}

async function check_mailboxes_are_private() {
  const mail = record(good.connection, `work.${victim}.*`);
  const own = record(bad.connection, `work.${agent}.*`);
  await settle();
  await dispatcher.jetstream().publish(`work.${victim}.0`, text.encode("secret"));
  check("the victim gets its mail", await eventually(() => mail.includes(`work.${victim}.0 secret`)));
  await settle();
  check("the bad agent does not", own.length === 0, own.join("; "));
}

async function check_operator_sees_descriptions() {
  const streams = await jsm.streams.list().next();
  check("the operator lists streams", streams.length >= 8, `${streams.length}`);
  for (const stream of streams) {
    check(`stream ${stream.config.name} has a description`, (stream.config.description ?? "").length > 20);
    for (const consumer of await jsm.consumers.list(stream.config.name).next()) {
      check(`consumer ${stream.config.name}/${consumer.name} has a description`,
        (consumer.config.description ?? "").length > 20);
    }
  }
}

await check_own_subjects_work();
await check_foreign_subscriptions();
await check_foreign_publishes();
await check_jetstream_is_closed();
await check_acks_cannot_be_forged();
await check_confused_deputy();
await check_mailboxes_are_private();
await check_operator_sees_descriptions();
for (const each of [bad.connection, good.connection, dispatcher, operator]) await each.close();
console.log(failures === 0 ? "all checks passed" : `${failures} checks FAILED`);
process.exit(failures === 0 ? 0 : 1);
