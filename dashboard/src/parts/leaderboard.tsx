import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { LeaderLine, Leaderboard as Board } from "../api";
import { useResource } from "../hooks";
import { duration } from "../words";
import { Missing } from "./status";

const kTimes = [
  { days: 7, name: "week" },
  { days: 30, name: "month" },
  { days: 0, name: "ever" },
];

function Leader({ line, own }: { line: LeaderLine; own: boolean }): JSX.Element {
  return (
    <tr>
      <td class="number">{line.rank || "–"}</td>
      <th scope="row">
        {line.owner}
        {own && <span class="muted"> (you)</span>}
      </th>
      <td class="number">{duration(line.seconds)}</td>
      <td class="number">{line.results}</td>
      <td class="number">{line.jobs}</td>
    </tr>
  );
}

function Leaders({ board }: { board: Board }): JSX.Element {
  const leaders = board.leaders ?? [];
  const you = board.you;
  if (leaders.length === 0 && !you) return <p class="muted">Nothing was credited in this time.</p>;
  const unseen = you && !leaders.some((line) => line.owner === you.owner);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Leaderboard">
      <table>
        <thead>
          <tr>
            <th class="number">Rank</th>
            <th>Volunteer</th>
            <th class="number">Credit</th>
            <th class="number">Results</th>
            <th class="number">Jobs</th>
          </tr>
        </thead>
        <tbody>
          {leaders.map((line) => (
            <Leader key={line.owner} line={line} own={line.owner === you?.owner} />
          ))}
          {unseen && <Leader line={you} own />}
        </tbody>
      </table>
    </div>
  );
}

/** Who contributed most; a volunteer sees its own line below the first ten. */
export function Leaderboard(): JSX.Element {
  const [days, setDays] = useState(30);
  const { value, error } = useResource<Board>(`/v1/leaderboard?days=${days}&limit=10`, (event) => event.kind === "frame_accepted");
  return (
    <section class="card leaderboard">
      <div class="heading">
        <h2>Leaderboard</h2>
        <div class="choice" role="group" aria-label="Time">
          {kTimes.map((time) => (
            <button key={time.days} aria-pressed={days === time.days} onClick={() => setDays(time.days)}>
              {time.name}
            </button>
          ))}
        </div>
      </div>
      {value ? <Leaders board={value} /> : <Missing error={error} what="the leaderboard" />}
    </section>
  );
}
