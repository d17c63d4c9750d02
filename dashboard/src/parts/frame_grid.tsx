import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { here, isShown, type FrameLine, type JobStatus } from "../api";
import { stateWord } from "../words";

const kPageSize = 240;
const kOrder = ["accepted", "in_work", "queued", "waiting", "failed", "cancelled"];

/** Moves the focus between cells with the arrow keys. */
function moveFocus(event: KeyboardEvent): void {
  const cells = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".cell")];
  const at = cells.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  const top = cells[0]!.offsetTop;
  const columns = cells.findIndex((cell) => cell.offsetTop !== top);
  const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const step = steps[event.key];
  const target = step === undefined ? undefined : cells[at + step];
  if (!target) return;
  event.preventDefault();
  target.focus();
}

function Cell({ job, frame, line }: { job: JobStatus; frame: number; line?: FrameLine }): JSX.Element {
  const state = line?.state ?? "waiting";
  const picture = line?.url && isShown(job.format) ? here(line.url) : undefined;
  const disputed = (line?.rejected ?? 0) > 0;
  const label = `frame ${frame}, ${stateWord(state)}${disputed ? ", a replica was rejected" : ""}`;
  return (
    <li>
      <a class={`cell cell-${state}`} href={`#/jobs/${job.id}/frames/${frame}`} aria-label={label} title={label}>
        {picture && <img src={picture} alt="" loading="lazy" />}
        <span class="number">{frame}</span>
        {disputed && <span class="disputed" aria-hidden="true">!</span>}
      </a>
    </li>
  );
}

/** Every frame of a job, coloured by its state, with its picture once it is verified. */
export function FrameGrid({ job, lines }: { job: JobStatus; lines: FrameLine[] }): JSX.Element {
  const [page, setPage] = useState(0);
  const byFrame = new Map(lines.map((line) => [line.frame, line]));
  const first = page * kPageSize;
  const count = Math.min(kPageSize, job.frames - first);
  const frames = Array.from({ length: Math.max(0, count) }, (_, i) => job.first + (first + i) * job.step);
  const pages = Math.ceil(job.frames / kPageSize);
  return (
    <section aria-label="Frames">
      <ul class="legend" aria-hidden="true">
        {kOrder.map((state) => (
          <li key={state}>
            <span class={`swatch cell-${state}`} /> {stateWord(state)}
          </li>
        ))}
        <li>
          <span class="disputed">!</span> a replica was rejected
        </li>
      </ul>
      <ul class="grid" onKeyDown={moveFocus}>
        {frames.map((frame) => (
          <Cell key={frame} job={job} frame={frame} line={byFrame.get(frame)} />
        ))}
      </ul>
      {pages > 1 && (
        <div class="pages">
          <button disabled={page === 0} onClick={() => setPage(page - 1)}>
            Earlier frames
          </button>
          <span>
            {page + 1} of {pages}
          </span>
          <button disabled={page + 1 >= pages} onClick={() => setPage(page + 1)}>
            Later frames
          </button>
        </div>
      )}
    </section>
  );
}
