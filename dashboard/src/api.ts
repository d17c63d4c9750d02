// The gateway's API. The types come from schemas/openapi.yaml alone.
import type { components } from "./api-types";

type Schemas = components["schemas"];
export type JobList = Schemas["JobList"];
export type JobLine = Schemas["JobLine"];
export type JobStatus = Schemas["JobStatus"];
export type FrameList = Schemas["FrameList"];
export type FrameLine = Schemas["FrameLine"];
export type FrameStatus = Schemas["FrameStatus"];
export type Replica = Schemas["ReplicaStatus"];
export type Comparison = Schemas["ComparisonStatus"];
export type NodeList = Schemas["NodeList"];
export type NodeLine = Schemas["NodeLine"];
export type OwnerList = Schemas["OwnerList"];
export type Leaderboard = Schemas["Leaderboard"];
export type LeaderLine = Schemas["LeaderLine"];
export type Figures = Schemas["Figures"];
export type Manifest = Schemas["Manifest"];
export type JobCreated = Schemas["JobCreated"];
export type Event = Schemas["Event"];
export type Problem = Schemas["Problem"];
export type Session = Schemas["SessionStatus"];

/** An answer that was not a success; `status` is 0 when there was none. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field = "",
  ) {
    super(message);
  }
}

/** Who uses this page; undefined until somebody signed in. The session itself is a cookie that no script can read. */
let session: Session | undefined;
export const signedIn = (): Session | undefined => session;

/** `worldshare up` and `worldshare login` print a link with a code behind '#', which a browser keeps to itself. It is good once. */
async function takeCodeFromLink(): Promise<void> {
  const found = /^#login=([^&]+)/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname + "#/");
  session = await post<Session>("/v1/session", { code: decodeURIComponent(found[1]!) });
}

export async function begin(): Promise<void> {
  try {
    await takeCodeFromLink();
  } catch {
    // A link that was used before: the browser may have a session from then.
  }
  try {
    session ??= await get<Session>("/v1/session");
  } catch {
    // The pages ask for a token.
  }
}

export async function signIn(token: string): Promise<void> {
  await call("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
}

export async function signOut(): Promise<void> {
  await call("/v1/session", { method: "DELETE" });
}

export async function problemOf(response: Response): Promise<ApiError> {
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  const text = isProblem ? await response.text() : ""; // an answer to HEAD has none
  const problem = text ? (JSON.parse(text) as Problem) : undefined;
  return new ApiError(response.status, problem?.detail ?? `HTTP ${response.status}`, problem?.field);
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The gateway does not answer.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await call(path, { signal })).json()) as T;
}

export async function post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  const init = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  return (await (await call(path, init)).json()) as T;
}

export async function exists(path: string): Promise<boolean> {
  try {
    await call(path, { method: "HEAD" });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** A signed URL of the gateway as this page reaches it: the same gateway may have several names. */
export function here(url: string): string {
  const parsed = new URL(url, location.href);
  return parsed.pathname + parsed.search;
}

/** Whether a browser can show such pictures. */
export const isShown = (format: string | undefined): boolean => format === "png" || format === "jpeg";
