import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface Series {
  name: string;
  colour: string; // a CSS variable
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  times: number[]; // seconds
  series: Series[];
  format: (value: number) => string;
  bars?: boolean;
  most?: number;
}

const kHeight = 180;

function build(props: ChartProps, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--muted"), grid, ticks: grid, font: "12px system-ui" };
  const paths = props.bars ? uPlot.paths.bars!({ size: [0.7, 40] }) : uPlot.paths.stepped!({ align: 1 });
  return {
    width,
    height: kHeight,
    cursor: { y: false, points: { show: false } },
    legend: { show: false },
    scales: { y: { range: (_, __, most) => [0, props.most ?? Math.max(most * 1.1, 1)] } },
    axes: [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(props.format) }],
    series: [
      {},
      ...props.series.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        fill: `${colour(line.colour)}55`,
        width: 2,
        paths,
        points: { show: false },
      })),
    ],
  };
}

/** A chart over time, and the same as a table for whoever cannot see it. */
export function Chart(props: ChartProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current!;
    const data = [props.times, ...props.series.map((line) => line.values)] as uPlot.AlignedData;
    let plot = new uPlot(build(props, element.clientWidth), data, element);
    const redraw = (): void => {
      plot.destroy();
      plot = new uPlot(build(props, element.clientWidth), data, element);
    };
    const watcher = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: kHeight }));
    watcher.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    return () => {
      dark.removeEventListener("change", redraw);
      watcher.disconnect();
      plot.destroy();
    };
  }, [props.times, props.series]);
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{props.title}</h2>
        <ul class="legend">
          {props.series.map((line) => (
            <li key={line.name}>
              <span class="swatch" style={{ background: `var(${line.colour})` }} /> {line.name}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
      <details>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={props.title}>
          <table>
            <thead>
              <tr>
                <th>Time</th>
                {props.series.map((line) => (
                  <th key={line.name} class="number">
                    {line.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {props.times.map((time, index) => (
                <tr key={time}>
                  <th scope="row">{new Date(time * 1000).toLocaleString()}</th>
                  {props.series.map((line) => (
                    <td key={line.name} class="number">
                      {line.values[index] == null ? "–" : props.format(line.values[index]!)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
