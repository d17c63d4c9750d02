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
export type Figures = Schemas["Figures"];
export type Manifest = Schemas["Manifest"];
export type JobCreated = Schemas["JobCreated"];
export type Event = Schemas["Event"];
export type Problem = Schemas["Problem"];

const kTokenKey = "worldshare-token";

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

/** `worldshare up` prints a link with the token behind '#', which a browser keeps to itself. */
export function takeTokenFromLink(): void {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (!found) return;
  localStorage.setItem(kTokenKey, decodeURIComponent(found[1]!));
  history.replaceState(null, "", location.pathname + "#/");
}

export const token = (): string => localStorage.getItem(kTokenKey) ?? "";
export function setToken(value: string): void {
  if (value) localStorage.setItem(kTokenKey, value);
  else localStorage.removeItem(kTokenKey);
}

export function authorisation(): Record<string, string> {
  return token() ? { Authorization: `Bearer ${token()}` } : {};
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
    response = await fetch(path, { ...init, headers: { ...init.headers, ...authorisation() } });
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
