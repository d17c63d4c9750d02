import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, type Event } from "./api";
import { onEvent } from "./events";

export interface Resource<T> {
  value?: T;
  error?: ApiError;
  reload: () => void;
}

const kSettle = 250;
const kPoll = 15_000;

/**
 * What a path answers, read again after events that concern it: at once, and then not more often than four times a second.
 * Every 15 seconds it is read anyway: events are news, and not the truth.
 */
export function useResource<T>(path: string, concerns: (event: Event) => boolean, every = kPoll): Resource<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const reload = useRef<() => void>(() => {});
  const test = useRef(concerns);
  test.current = concerns;
  useEffect(() => {
    setValue(undefined);
    setError(undefined);
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next = 0;
    let busy = false;
    let again = false;
    const read = async (): Promise<void> => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      try {
        setValue(await get<T>(path, abort.signal));
        setError(undefined);
      } catch (thrown) {
        if (!abort.signal.aborted) setError(thrown instanceof ApiError ? thrown : new ApiError(0, String(thrown)));
      }
      busy = false;
      if (abort.signal.aborted) return;
      clearTimeout(timer);
      timer = setTimeout(read, again ? kSettle : every);
      next = Date.now() + (again ? kSettle : every);
      again = false;
    };
    const soon = (): void => {
      if (busy) {
        again = true;
      } else if (Date.now() + kSettle < next) {
        clearTimeout(timer);
        timer = setTimeout(read, kSettle);
        next = Date.now() + kSettle;
      }
    };
    reload.current = () => void read();
    void read();
    const off = onEvent((event) => {
      if (event === "reset" || test.current(event)) soon();
    });
    return () => {
      abort.abort();
      clearTimeout(timer);
      off();
    };
  }, [path, every]);
  return { value, error, reload: () => reload.current() };
}

/** What stands behind '#' in the address: "/jobs/abc". */
export function useRoute(): string {
  const read = (): string => location.hash.replace(/^#/, "") || "/";
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const changed = (): void => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · WorldShare` : "WorldShare";
  }, [title]);
}

/** Keys that work anywhere on a page, unless something is being typed. */
export function useKeys(keys: Record<string, () => void>): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) return;
      const action = current.current[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
