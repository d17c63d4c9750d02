// What an artist does, by a client that knows nothing but the document: its types are made by openapi-typescript.
import createClient from "openapi-fetch";
import type { components, paths } from "./api-types.js";

export type JobStatus = components["schemas"]["JobStatus"];
export type Client = ReturnType<typeof createClient<paths>>;

export const clientOf = (baseUrl: string, token: string): Client =>
  createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

function told(answer: { error?: unknown; response: Response }): Error {
  return new Error(`${answer.response.url} answered ${answer.response.status}: ${JSON.stringify(answer.error)}`);
}

/** Submits a scene that is stored already. The same key makes the same job, however often it is sent. */
export async function submit(client: Client, sha256: string, size: number, key: string): Promise<string> {
  const body = {
    title: "By the document",
    scene: { sha256, size_bytes: size, name: "scene.blend" },
    frames: { first: 1, last: 2 },
    output: { width: 64, height: 36, format: "png" as const },
    policy: { replicas: 2, max_replicas: 5 },
  };
  const answer = await client.POST("/v1/jobs", { params: { header: { "Idempotency-Key": key } }, body });
  if (!answer.data?.id) throw told(answer);
  return answer.data.id;
}

/** Resolves with the job's status once it is over. */
export async function follow(client: Client, id: string, seconds: number): Promise<JobStatus> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const answer = await client.GET("/v1/jobs/{id}", { params: { path: { id } } });
    if (!answer.data) throw told(answer);
    if (answer.data.state !== "queued" && answer.data.state !== "active") return answer.data;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`job ${id} is not over after ${seconds} s: ${JSON.stringify((await client.GET("/v1/jobs/{id}", { params: { path: { id } } })).data)}`);
}

/** The verified picture of a frame. */
export async function fetchFrame(client: Client, id: string, frame: number): Promise<Uint8Array> {
  const status = await client.GET("/v1/jobs/{id}/frames/{frame}", { params: { path: { id, frame } } });
  if (!status.data?.artifact) throw told(status);
  const answer = await client.GET("/v1/blobs/{sha256}", { params: { path: { sha256: status.data.artifact } }, parseAs: "arrayBuffer" });
  if (!answer.data) throw told(answer);
  return new Uint8Array(answer.data as unknown as ArrayBuffer);
}
