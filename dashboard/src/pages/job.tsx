import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, post, type Event, type FrameList, type JobStatus } from "../api";
import { onEvent } from "../events";
import { useResource, useTitle } from "../hooks";
import { FrameGrid } from "../parts/frame_grid";
import { Fact, Missing, Progress, State } from "../parts/status";
import { age, duration, percent } from "../words";

const kNews: Record<string, string> = {
  job_accepted: "the job was accepted",
  job_started: "rendering began",
  job_completed: "the job is complete",
  job_failed: "the job failed",
  job_changed: "the job was changed",
  frame_leased: "given to a volunteer",
  lease_expired: "a volunteer lost it",
  frame_reported: "a volunteer reported it",
  frame_accepted: "verified",
  frame_failed: "failed",
  replica_rejected: "a replica was rejected",
  frame_wanted: "wanted first",
  checks_chosen: "how results are checked",
};

function News({ job }: { job: string }): JSX.Element | null {
  const [events, setEvents] = useState<Event[]>([]);
  useEffect(
    () =>
      onEvent((event) => {
        if (event !== "reset" && event.job === job) setEvents((known) => [event, ...known].slice(0, 30));
      }),
    [job],
  );
  if (events.length === 0) return null;
  return (
    <section class="card">
      <h2>News</h2>
      <ol class="news" tabIndex={0} aria-label="News of this job, newest first">
        {events.map((event, index) => (
          <li key={events.length - index}>
            <time>{new Date(event.time_ms).toLocaleTimeString()}</time>
            {event.kind.startsWith("job") ? "" : `frame ${event.frame}: `}
            {kNews[event.kind] ?? event.kind}
            {event.owner && ` (${event.owner})`}
          </li>
        ))}
      </ol>
    </section>
  );
}

interface ControlsProps {
  job: JobStatus;
  onDone: () => void;
}

function Controls({ job, onDone }: ControlsProps): JSX.Element {
  const [error, setError] = useState("");
  const act = async (body: Record<string, unknown>): Promise<void> => {
    try {
      await post(`/v1/jobs/${job.id}/control`, body);
      setError("");
      onDone();
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown.message : String(thrown));
    }
  };
  const live = ["queued", "active", "paused"].includes(job.state!);
  const cancel = (): void => {
    if (confirm("Cancel this job? What is verified stays; the rest is not rendered.")) void act({ action: "cancel" });
  };
  return (
    <div class="controls">
      {live && job.state !== "paused" && <button onClick={() => void act({ action: "pause" })}>Pause</button>}
      {job.state === "paused" && <button onClick={() => void act({ action: "resume" })}>Resume</button>}
      {live && job.priority < 90 && <button onClick={() => void act({ action: "priority", priority: 95 })}>Make urgent</button>}
      {live && job.priority >= 90 && <button onClick={() => void act({ action: "priority", priority: 50 })}>Not urgent</button>}
      {job.frames_failed > 0 && job.state !== "cancelled" && (
        <button onClick={() => void act({ action: "requeue" })}>Render failed frames again</button>
      )}
      {live && (
        <button class="danger" onClick={cancel}>
          Cancel
        </button>
      )}
      {error && (
        <span class="bad" role="alert">
          {error}
        </span>
      )}
    </div>
  );
}

function Shares({ job }: { job: JobStatus }): JSX.Element | null {
  if (!job.owners?.length) return null;
  return (
    <section class="card">
      <h2>Volunteers</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Volunteers of this job">
        <table>
          <thead>
            <tr>
              <th>Volunteer</th>
              <th class="number">In work</th>
              <th class="number">Agreed</th>
              <th class="number">Rejected</th>
              <th class="number">Failed</th>
              <th class="number">Credit</th>
            </tr>
          </thead>
          <tbody>
            {job.owners.map((owner) => (
              <tr key={owner.owner}>
                <th scope="row">{owner.owner}</th>
                <td class="number">{owner.leased}</td>
                <td class="number">{owner.agreed}</td>
                <td class={`number ${owner.rejected ? "bad" : ""}`}>{owner.rejected}</td>
                <td class="number">{owner.failed}</td>
                <td class="number">{duration(owner.credit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function JobPage({ id }: { id: string }): JSX.Element {
  const concerns = (event: Event): boolean => event.job === id;
  const { value: job, error, reload } = useResource<JobStatus>(`/v1/jobs/${id}`, concerns, 5_000);
  const frames = useResource<FrameList>(`/v1/jobs/${id}/frames?limit=1000`, concerns);
  useTitle(job?.title ?? "Job");
  if (!job) return <Missing error={error} what="the job" />;
  return (
    <>
      <p class="crumbs">
        <a href="#/">Jobs</a> /
      </p>
      <div class="heading">
        <h1>
          {job.title || job.scene} <State state={job.state!} />
        </h1>
        <Controls job={job} onDone={() => { reload(); frames.reload(); }} />
      </div>
      <Progress total={job.frames} accepted={job.frames_accepted} failed={job.frames_failed} label="Verified frames" />
      <dl class="facts">
        <Fact name="Verified">
          <span id="verified">{job.frames_accepted}</span> of {job.frames}
        </Fact>
        {job.frames_failed > 0 && <Fact name="Failed">{job.frames_failed}</Fact>}
        <Fact name="In work">{job.replicas_in_work}</Fact>
        <Fact name="Consensus">{job.owners?.some((owner) => owner.agreed + owner.rejected + owner.failed > 0) ? percent(job.consensus_rate) : "–"}</Fact>
        <Fact name="Time">{duration(job.elapsed_seconds)}</Fact>
        <Fact name="Output">
          {job.width} × {job.height} {job.format}
        </Fact>
        <Fact name="Engine">{job.engine}</Fact>
        <Fact name="Priority">{job.priority}</Fact>
        <Fact name="Submitted">{age(job.submitted_ms)}</Fact>
        <Fact name="Scene">{job.scene}</Fact>
      </dl>
      {job.waiting && (
        <p class="notice" role="status">
          It waits: {job.waiting}.
        </p>
      )}
      {job.error && <p class="notice bad">{job.error}</p>}
      <FrameGrid job={job} lines={frames.value?.frames ?? []} />
      <div class="columns">
        <Shares job={job} />
        <News job={id} />
      </div>
    </>
  );
}
