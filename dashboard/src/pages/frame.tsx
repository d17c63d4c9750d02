import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { here, isShown, type Comparison, type Event, type FrameStatus, type JobStatus, type Replica } from "../api";
import { useKeys, useResource, useTitle } from "../hooks";
import { Compare } from "../parts/compare";
import { Missing, State } from "../parts/status";
import { duration, psnr, short } from "../words";

const kMethods: Record<string, string> = {
  same_blob: "same file",
  same_pixels: "same pixels",
  metrics: "measured",
  halves: "halves of the samples",
  incomparable: "cannot be compared",
};

/** Why the frame stands as it does, in a sentence for people. */
function verdictOf(frame: FrameStatus): string {
  const replicas = frame.replicas ?? [];
  const names = (state: string): string => replicas.filter((replica) => replica.state === state).map((replica) => replica.owner).join(" and ");
  const agreed = names("agreed");
  const rejected = names("rejected");
  if (frame.state === "accepted") {
    const one = agreed.includes(" and ") ? `${agreed} rendered the same picture` : `The picture of ${agreed || "a volunteer"} was accepted`;
    return rejected ? `${one}; ${rejected} rendered another one and was rejected.` : `${one}.`;
  }
  if (frame.state === "failed") return "No two volunteers rendered the same picture.";
  if (frame.state === "in_work") return "There is no verdict yet: replicas are being rendered or compared.";
  if (frame.state === "cancelled") return "The job was cancelled before this frame was verified.";
  return "This frame waits for its turn.";
}

interface ReplicaProps {
  replica: Replica;
  format?: string;
}

function ReplicaCard({ replica, format }: ReplicaProps): JSX.Element {
  const picture = replica.url && isShown(format) ? here(replica.url) : undefined;
  return (
    <li class={`card replica ${replica.chosen ? "chosen" : ""}`}>
      <div class="picture">
        {picture ? <img src={picture} alt={`rendered by ${replica.owner}`} /> : <span>{replica.url ? `${format} pictures cannot be shown` : "no picture"}</span>}
      </div>
      <h3>
        {replica.owner} <State state={replica.state!} />
      </h3>
      <p class="muted">
        {replica.reported_ms > 0 ? `rendered in ${duration(replica.render_seconds)}` : "not reported"}
        {replica.agent && (
          <>
            {" "}
            by <span title={replica.agent}>{short(replica.agent)}</span>
          </>
        )}
        {replica.chosen && " · this picture is the frame's"}
      </p>
      {replica.error && <p class="bad">{replica.error}</p>}
      {replica.url && (
        <a href={here(replica.url)} download={`${replica.owner}.${format}`}>
          Download
        </a>
      )}
      {replica.log_tail && (
        <details>
          <summary>End of its log</summary>
          <pre tabIndex={0}>{replica.log_tail}</pre>
        </details>
      )}
    </li>
  );
}

function Comparisons({ comparisons }: { comparisons: Comparison[] }): JSX.Element {
  return (
    <section class="card">
      <h2>Comparisons</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Comparisons">
        <table>
          <thead>
            <tr>
              <th>Replicas of</th>
              <th>How</th>
              <th class="number">PSNR</th>
              <th class="number">SSIM</th>
              <th class="number">LPIPS</th>
              <th>Result</th>
            </tr>
          </thead>
          <tbody>
            {comparisons.map((pair) => (
              <tr key={`${pair.a} ${pair.b}`}>
                <th scope="row">
                  {pair.a} and {pair.b}
                </th>
                <td>{kMethods[pair.method ?? ""] ?? pair.method}</td>
                <td class="number">{psnr(pair.psnr_db)}</td>
                <td class="number">{pair.ssim.toFixed(4)}</td>
                <td class="number">{pair.lpips != null ? pair.lpips.toFixed(4) : "–"}</td>
                <td class={pair.agree ? "good" : "bad"}>{pair.agree ? "agree" : "disagree"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface PairProps {
  frame: FrameStatus;
  job: JobStatus;
}

function PairChooser({ frame, job }: PairProps): JSX.Element | null {
  const shown = (frame.replicas ?? []).filter((replica) => replica.url && isShown(frame.format));
  const [a, setA] = useState("");
  const [b, setB] = useState("");
  useEffect(() => {
    // A rejected one against the accepted one tells most.
    const best = shown.find((replica) => replica.chosen) ?? shown[0];
    const other = shown.find((replica) => replica.state === "rejected") ?? shown.find((replica) => replica !== best);
    setA(best?.lease ?? "");
    setB(other?.lease ?? "");
  }, [shown.map((replica) => replica.lease).join()]);
  const first = shown.find((replica) => replica.lease === a);
  const second = shown.find((replica) => replica.lease === b);
  if (!first || !second) return null;
  const comparison = frame.comparisons?.find(
    (pair) => (pair.a === first.owner && pair.b === second.owner) || (pair.a === second.owner && pair.b === first.owner),
  );
  const choose = (name: string, value: string, set: (lease: string) => void): JSX.Element => (
    <label>
      <span>{name}</span>
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {shown.map((replica) => (
          <option key={replica.lease} value={replica.lease}>
            {replica.owner}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section class="card">
      <h2>Side by side</h2>
      <div class="filters">
        {choose("Left", a, setA)}
        {choose("Right", b, setB)}
      </div>
      <Compare a={first} b={second} width={job.width} height={job.height} comparison={comparison} />
    </section>
  );
}

export function FramePage({ job: id, frame: number }: { job: string; frame: number }): JSX.Element {
  const concerns = (event: Event): boolean => event.job === id && (event.frame === number || event.kind.startsWith("job"));
  const job = useResource<JobStatus>(`/v1/jobs/${id}`, (event) => event.job === id && event.kind.startsWith("job"));
  const { value: frame, error } = useResource<FrameStatus>(`/v1/jobs/${id}/frames/${number}`, concerns);
  useTitle(`Frame ${number}`);
  const range = job.value;
  const to = (target: number): string | undefined => (range && target >= range.first && target <= range.last ? `#/jobs/${id}/frames/${target}` : undefined);
  const earlier = to(number - (range?.step ?? 1));
  const later = to(number + (range?.step ?? 1));
  const go = (target?: string): void => {
    if (target) location.hash = target;
  };
  useKeys({ ArrowLeft: () => go(earlier), ArrowRight: () => go(later) });
  if (!frame || !range) return <Missing error={error ?? job.error} what="the frame" />;
  const picture = frame.url && isShown(frame.format) ? here(frame.url) : undefined;
  return (
    <>
      <p class="crumbs">
        <a href="#/">Jobs</a> / <a href={`#/jobs/${id}`}>{range.title || range.scene}</a> /
      </p>
      <div class="heading">
        <h1>
          Frame {number} <State state={frame.state!} />
        </h1>
        <div class="controls">
          {earlier && <a class="button" href={earlier}>← Earlier</a>}
          {later && <a class="button" href={later}>Later →</a>}
          {frame.url && (
            <a class="button primary" href={here(frame.url)} download={`frame-${String(number).padStart(4, "0")}.${frame.format}`}>
              Download
            </a>
          )}
        </div>
      </div>
      <div class="verdict card">
        <div class="picture" style={{ aspectRatio: `${range.width} / ${range.height}` }}>
          {picture ? <img src={picture} alt={`frame ${number}, verified`} /> : <span>{frame.url ? `${frame.format} pictures cannot be shown here` : "no verified picture yet"}</span>}
        </div>
        <div>
          <h2>Verdict</h2>
          <p>{verdictOf(frame)}</p>
          {frame.reason && <p class="muted">The trust engine: {frame.reason}</p>}
        </div>
      </div>
      {frame.replicas && (
        <section aria-label="Replicas">
          <h2>Replicas</h2>
          <ul class="replicas">
            {frame.replicas.map((replica) => (
              <ReplicaCard key={replica.lease} replica={replica} format={frame.format} />
            ))}
          </ul>
        </section>
      )}
      <PairChooser frame={frame} job={range} />
      {frame.comparisons && <Comparisons comparisons={frame.comparisons} />}
    </>
  );
}
