import { ApiError, exists, type Problem } from "../api";
import type { Scene } from "./blend";

export interface Read {
  sha256: string;
  scene: Scene;
}

/** Hashes and reads a file in a worker; `progress` hears shares from 0 to 1. */
export function readFile(file: File, progress: (share: number) => void, signal: AbortSignal): Promise<Read> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { type: "module" });
    const finish = (act: () => void): void => {
      worker.terminate();
      act();
    };
    signal.addEventListener("abort", () => finish(() => reject(signal.reason)));
    worker.onerror = (event) => finish(() => reject(new Error(event.message || "the file cannot be read")));
    worker.onmessage = (message: MessageEvent<{ done?: number; sha256?: string; scene?: Scene; error?: string }>) => {
      const { done, sha256, scene, error } = message.data;
      if (done !== undefined) progress(done);
      if (error) finish(() => reject(new Error(error)));
      if (sha256 && scene) finish(() => resolve({ sha256, scene }));
    };
    worker.postMessage(file);
  });
}

function put(path: string, file: Blob, progress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  // fetch() tells nothing about how far an upload is.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.open("PUT", path);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => reject(new ApiError(0, "The connection was cut. Try again."));
    request.onload = () => {
      if (request.status < 300) return resolve();
      const isProblem = request.getResponseHeader("Content-Type")?.startsWith("application/problem+json");
      const problem = isProblem ? (JSON.parse(request.responseText) as Problem) : undefined;
      reject(new ApiError(request.status, problem?.detail ?? `HTTP ${request.status}`));
    };
    signal.addEventListener("abort", () => {
      request.abort();
      reject(signal.reason);
    });
    request.send(file);
  });
}

/** Stores a file as a blob, unless it is there already. */
export async function upload(file: File, sha256: string, progress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  const path = `/v1/blobs/${sha256}`;
  if (!(await exists(path))) await put(path, file, progress, signal);
  progress(file.size);
}
