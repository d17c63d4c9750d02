import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { here, type Comparison, type Replica } from "../api";
import { psnr } from "../words";

type View = "slider" | "difference";

interface CompareProps {
  a: Replica;
  b: Replica;
  width: number;
  height: number;
  comparison?: Comparison;
}

/**
 * Two pictures over each other with a movable border, or what differs between them. The browser itself decodes and subtracts
 * them: no service opens a stranger's picture for this.
 */
export function Compare({ a, b, width, height, comparison }: CompareProps): JSX.Element {
  const [cut, setCut] = useState(50);
  const [view, setView] = useState<View>("slider");
  const [gain, setGain] = useState(8);
  const shape = { aspectRatio: `${width} / ${height}` };
  return (
    <div class="compare">
      <div class="choice" role="group" aria-label="How to compare">
        <button aria-pressed={view === "slider"} onClick={() => setView("slider")}>
          Slider
        </button>
        <button aria-pressed={view === "difference"} onClick={() => setView("difference")}>
          Difference
        </button>
      </div>
      {view === "slider" ? (
        <>
          <div class="stack" style={shape}>
            <img src={here(b.url!)} alt={`rendered by ${b.owner}`} />
            <img src={here(a.url!)} alt={`rendered by ${a.owner}`} style={{ clipPath: `inset(0 ${100 - cut}% 0 0)` }} />
            <span class="cut" style={{ left: `${cut}%` }} />
            <span class="tag tag-left">{a.owner}</span>
            <span class="tag tag-right">{b.owner}</span>
          </div>
          <label class="range">
            Border between the two
            <input type="range" min={0} max={100} value={cut} onInput={(event) => setCut(Number(event.currentTarget.value))} />
          </label>
        </>
      ) : (
        <>
          <div class="stack difference" style={{ ...shape, filter: `brightness(${gain})` }} role="img" aria-label={`what differs between ${a.owner} and ${b.owner}`}>
            <img src={here(b.url!)} alt="" />
            <img src={here(a.url!)} alt="" />
          </div>
          <label class="range">
            Brightness × {gain}
            <input type="range" min={1} max={32} value={gain} onInput={(event) => setGain(Number(event.currentTarget.value))} />
          </label>
        </>
      )}
      {comparison && (
        <p class="muted">
          {comparison.agree ? "They agree" : "They disagree"}
          {comparison.method === "metrics" && `: PSNR ${psnr(comparison.psnr_db)}, SSIM ${comparison.ssim.toFixed(4)}`}
          {comparison.worst_block_psnr_db != null && `, worst block ${psnr(comparison.worst_block_psnr_db)}`}
          {comparison.lpips != null && `, LPIPS ${comparison.lpips.toFixed(4)}`}
          {comparison.method === "same_blob" && ": the same file"}
          {comparison.method === "same_pixels" && ": the same pixels"}.
        </p>
      )}
    </div>
  );
}
