import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Figures } from "../api";
import { useResource, useTitle } from "../hooks";
import { Chart } from "../parts/chart";
import { Missing } from "../parts/status";
import { percent } from "../words";

const kTimes = [
  { hours: 1, name: "hour" },
  { hours: 24, name: "day" },
  { hours: 168, name: "week" },
  { hours: 744, name: "month" },
];

const rate = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

function Number({ name, value, note }: { name: string; value: string; note?: string }): JSX.Element {
  return (
    <div class="card big">
      <dt>{name}</dt>
      <dd>{value}</dd>
      {note && <dd class="muted">{note}</dd>}
    </div>
  );
}

function Charts({ figures }: { figures: Figures }): JSX.Element {
  const points = figures.points ?? [];
  const { times, work, consensus, use } = useMemo(() => {
    const slotSeconds = figures.slots_online * figures.step_seconds;
    return {
      times: points.map((point) => point.time_ms / 1000),
      work: [
        { name: "verified frames", colour: "--accepted", values: points.map((point) => point.frames) },
        { name: "completed jobs", colour: "--accent", values: points.map((point) => point.jobs) },
      ],
      consensus: [
        {
          name: "replicas that agreed",
          colour: "--accepted",
          values: points.map((point) => (point.agreed + point.disagreed > 0 ? point.agreed / (point.agreed + point.disagreed) : null)),
        },
      ],
      use: [
        {
          name: "slots in use",
          colour: "--accent",
          values: points.map((point) => (slotSeconds > 0 ? Math.min(1, point.busy_seconds / slotSeconds) : null)),
        },
      ],
    };
  }, [figures]);
  return (
    <div class="charts">
      <Chart title="Work done" times={times} series={work} format={(value) => String(Math.round(value * 10) / 10)} bars />
      <Chart title="Consensus" times={times} series={consensus} format={percent} most={1} />
      <Chart title="Use of the nodes" times={times} series={use} format={percent} most={1} />
    </div>
  );
}

export function FiguresPage(): JSX.Element {
  useTitle("Figures");
  const [hours, setHours] = useState(24);
  const { value, error } = useResource<Figures>(`/v1/figures?hours=${hours}`, (event) => event.kind === "frame_accepted" || event.kind === "job_completed");
  const money = (amount: number, currency = "EUR"): string => new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  return (
    <>
      <div class="heading">
        <h1>Figures</h1>
        <div class="choice" role="group" aria-label="Time">
          {kTimes.map((time) => (
            <button key={time.hours} aria-pressed={hours === time.hours} onClick={() => setHours(time.hours)}>
              {time.name}
            </button>
          ))}
        </div>
      </div>
      {!value && <Missing error={error} what="the figures" />}
      {value && (
        <>
          <dl class="numbers">
            <Number name="Jobs an hour" value={rate(value.jobs_per_hour)} />
            <Number name="Frames verified an hour" value={rate(value.frames_per_hour)} />
            <Number name="Consensus rate" value={value.points?.some((point) => point.agreed + point.disagreed > 0) ? percent(value.consensus_rate) : "–"} />
            <Number name="Use of the nodes" value={percent(value.node_use)} note={`${value.slots_busy} of ${value.slots_online} slots busy now`} />
            {value.gpu_hour_price > 0 ? (
              <Number
                name="Cost saved"
                value={money(value.cost_saved, value.currency)}
                note={`${value.render_hours.toFixed(2)} hours at ${money(value.gpu_hour_price, value.currency)}`}
              />
            ) : (
              <Number name="Hours rendered" value={value.render_hours.toFixed(2)} note="set dashboard.gpu_hour_price to see the cost saved" />
            )}
          </dl>
          <Charts figures={value} />
        </>
      )}
    </>
  );
}
