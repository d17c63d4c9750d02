// One stream of server-sent events for the whole page. fetch() and not EventSource, which tells no reason when it is refused.
import { problemOf, type Event } from "./api";

export type Connection = "connecting" | "live" | "lost";
type Listener = (event: Event | "reset") => void;

const listeners = new Set<Listener>();
const watchers = new Set<(state: Connection) => void>();
let state: Connection = "connecting";
let lastId = "";
let running = false;

function become(next: Connection): void {
  state = next;
  watchers.forEach((watcher) => watcher(next));
}

function dispatch(block: string): void {
  let kind = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) lastId = line.slice(4);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (!data || kind === "ready" || kind === "end") return;
  const event = kind === "reset" ? "reset" : (JSON.parse(data) as Event);
  listeners.forEach((listener) => listener(event));
}

async function readOnce(): Promise<void> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const response = await fetch("/v1/events", { headers, cache: "no-store" });
  if (!response.ok || !response.body) throw await problemOf(response);
  become("live");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop()!;
    blocks.forEach(dispatch);
  }
}

/** Reads for as long as the page is there, and comes back behind the last event that it saw. */
export async function start(): Promise<void> {
  if (running) return;
  running = true;
  for (let pause = 500; ; pause = Math.min(pause * 2, 10_000)) {
    const began = Date.now();
    try {
      await readOnce();
    } catch {
      // Whether it is the network or the session: the pages' own requests say it.
    }
    become("lost");
    if (Date.now() - began > 5_000) pause = 500;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onConnection(watcher: (state: Connection) => void): () => void {
  watchers.add(watcher);
  watcher(state);
  return () => watchers.delete(watcher);
}
