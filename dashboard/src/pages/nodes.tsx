import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, post, type NodeLine, type NodeList } from "../api";
import { useResource, useTitle } from "../hooks";
import { Missing } from "../parts/status";
import { age, bytes, duration, short } from "../words";

function Node({ node, onDone }: { node: NodeLine; onDone: () => void }): JSX.Element {
  const [error, setError] = useState("");
  const act = async (action: string): Promise<void> => {
    const reason = action === "enable" ? "" : prompt("Why? The agent is told.", "");
    if (reason === null) return;
    try {
      await post(`/v1/nodes/${node.agent}/control`, { action, ...(reason && { reason }) });
      setError("");
      onDone();
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown.message : String(thrown));
    }
  };
  return (
    <tr>
      <th scope="row">
        <span title={node.agent}>{short(node.agent!)}</span>
        <br />
        <span class="muted">{node.owner}</span>
      </th>
      <td>
        <span class={`dot ${node.online ? "on" : "off"}`} aria-hidden="true" /> {node.online ? "online" : `seen ${age(node.last_seen_ms)}`}
        {node.standing !== "enabled" && (
          <p class="bad">
            {node.standing}
            {node.reason && `: ${node.reason}`}
          </p>
        )}
        {node.labels && <p class="muted">{node.labels.join(", ")}</p>}
      </td>
      <td>
        {node.render_class || "–"}
        <br />
        <span class="muted">
          {node.threads} threads, {bytes(node.memory_bytes)}
        </span>
      </td>
      <td class="number">
        {node.leased} of {node.slots}
      </td>
      <td class="number">{node.agreed}</td>
      <td class={`number ${node.rejected ? "bad" : ""}`}>{node.rejected}</td>
      <td class="number">{node.failed + node.expired}</td>
      <td class="number">{duration(node.render_seconds)}</td>
      <td>
        {node.standing === "enabled" ? (
          <button onClick={() => void act("drain")} aria-label={`Drain ${short(node.agent!)}`}>
            Drain
          </button>
        ) : node.standing !== "revoked" ? (
          <button onClick={() => void act("enable")} aria-label={`Enable ${short(node.agent!)}`}>
            Enable
          </button>
        ) : null}
        {error && <p class="bad">{error}</p>}
      </td>
    </tr>
  );
}

export function NodesPage(): JSX.Element {
  useTitle("Nodes");
  const { value, error, reload } = useResource<NodeList>("/v1/nodes?limit=1000", () => true, 5_000);
  if (!value) return <Missing error={error} what="the nodes" />;
  const nodes = value.nodes ?? [];
  const online = nodes.filter((node) => node.online).length;
  return (
    <>
      <h1>Nodes</h1>
      <p class="muted">
        {online} of {nodes.length} online
      </p>
      {nodes.length === 0 && <p class="notice">No agent is enrolled yet.</p>}
      {nodes.length > 0 && (
        <div class="scroll card" tabIndex={0} role="region" aria-label="Nodes">
          <table>
            <thead>
              <tr>
                <th>Agent</th>
                <th>State</th>
                <th>Class</th>
                <th class="number">In work</th>
                <th class="number">Agreed</th>
                <th class="number">Rejected</th>
                <th class="number">Failed, lost</th>
                <th class="number">Rendered</th>
                <th>Control</th>
              </tr>
            </thead>
            <tbody>
              {nodes.map((node) => (
                <Node key={node.agent} node={node} onDone={reload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
