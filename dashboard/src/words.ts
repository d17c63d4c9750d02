// Numbers and states in words.

export const kStates: Record<string, string> = {
  waiting: "waiting",
  queued: "queued",
  in_work: "in work",
  accepted: "verified",
  failed: "failed",
  cancelled: "cancelled",
  active: "active",
  paused: "paused",
  completed: "completed",
  leased: "in work",
  reported: "reported",
  expired: "lost",
  agreed: "agreed",
  rejected: "rejected",
  void: "void",
};

export const stateWord = (state: string): string => kStates[state] ?? state;

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d`;
}

export function age(ms: number): string {
  if (!ms) return "never";
  const seconds = (Date.now() - ms) / 1000;
  return seconds < 5 ? "now" : `${duration(seconds).replace(/ \d+ s$/, "")} ago`;
}

export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    ++unit;
  }
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

export function psnr(value: number): string {
  return value >= 1e9 ? "∞" : `${value.toFixed(1)} dB`;
}

export const short = (id: string): string => (id.length > 12 ? `${id.slice(0, 8)}…` : id);
