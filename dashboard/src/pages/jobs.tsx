import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, here, isShown, type JobLine, type JobList } from "../api";
import { useResource, useTitle } from "../hooks";
import { Missing, Progress, State } from "../parts/status";
import { age } from "../words";

function Job({ job }: { job: JobLine }): JSX.Element {
  const picture = job.preview && isShown(job.format) ? here(job.preview) : undefined;
  return (
    <li class="card job">
      <a class="preview" href={`#/jobs/${job.id}`} aria-hidden="true" tabIndex={-1}>
        {picture ? <img src={picture} alt="" loading="lazy" /> : <span>no picture yet</span>}
      </a>
      <div class="job-text">
        <h2>
          <a href={`#/jobs/${job.id}`}>{job.title || job.scene || job.id}</a>
        </h2>
        <p class="muted">
          <State state={job.state!} /> submitted {age(job.submitted_ms)}
          {job.in_work > 0 && ` · ${job.in_work} in work`}
        </p>
        <Progress total={job.frames} accepted={job.frames_accepted} failed={job.frames_failed} label={`Frames of ${job.title ?? job.id}`} />
        <p class="counts">
          <strong>{job.frames_accepted}</strong> of {job.frames} frames verified
          {job.frames_failed > 0 && <span class="bad"> · {job.frames_failed} failed</span>}
        </p>
      </div>
    </li>
  );
}

export function JobsPage(): JSX.Element {
  useTitle("Jobs");
  const [search, setSearch] = useState("");
  const [state, setState] = useState("");
  const [more, setMore] = useState<JobLine[]>([]);
  const [next, setNext] = useState<string>();
  const query = new URLSearchParams({ limit: "24", ...(search && { search }), ...(state && { state }) });
  const path = `/v1/jobs?${query}`;
  const { value, error } = useResource<JobList>(path, () => true);
  const cursor = more.length > 0 ? next : value?.next;
  const fetchMore = async (): Promise<void> => {
    const page = await get<JobList>(`${path}&cursor=${cursor}`);
    setMore([...more, ...(page.jobs ?? [])]);
    setNext(page.next);
  };
  const restart = (change: () => void): void => {
    setMore([]);
    change();
  };
  if (error?.status === 401) return <Missing error={error} what="the jobs" />;
  const known = new Set(value?.jobs?.map((job) => job.id));
  const jobs = [...(value?.jobs ?? []), ...more.filter((job) => !known.has(job.id))];
  return (
    <>
      <div class="heading">
        <h1>Jobs</h1>
        <div class="filters">
          <label>
            <span>Title</span>
            <input type="search" placeholder="part of a title" value={search} onInput={(event) => restart(() => setSearch(event.currentTarget.value))} />
          </label>
          <label>
            <span>State</span>
            <select value={state} onChange={(event) => restart(() => setState(event.currentTarget.value))}>
              <option value="">all</option>
              {["queued", "active", "paused", "completed", "failed", "cancelled"].map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <a class="button primary" href="#/submit">
            Submit a scene
          </a>
        </div>
      </div>
      {!value || error ? <Missing error={error} what="the jobs" /> : null}
      {value && jobs.length === 0 && (
        <p class="notice">
          {search || state ? "No job is like that." : "There are no jobs yet. "}
          {!search && !state && <a href="#/submit">Submit a scene</a>}
        </p>
      )}
      <ul class="jobs">
        {jobs.map((job) => (
          <Job key={job.id} job={job} />
        ))}
      </ul>
      {cursor && (
        <button class="more" onClick={() => void fetchMore()}>
          Show more
        </button>
      )}
    </>
  );
}
