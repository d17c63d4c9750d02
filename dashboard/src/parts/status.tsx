import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, signIn } from "../api";
import { stateWord } from "../words";

export function State({ state }: { state: string }): JSX.Element {
  return <span class={`state state-${state}`}>{stateWord(state)}</span>;
}

/** Verified, failed and open parts of a whole. */
export function Progress(props: { total: number; accepted: number; failed: number; label: string }): JSX.Element {
  const share = (count: number): string => `${props.total > 0 ? (100 * count) / props.total : 0}%`;
  return (
    <div class="progress" role="progressbar" aria-label={props.label} aria-valuemin={0} aria-valuemax={props.total} aria-valuenow={props.accepted}>
      <span class="bar-accepted" style={{ width: share(props.accepted) }} />
      <span class="bar-failed" style={{ width: share(props.failed) }} />
    </div>
  );
}

function SignIn(): JSX.Element {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const enter = async (event: globalThis.Event): Promise<void> => {
    event.preventDefault();
    try {
      await signIn(text.trim());
      location.reload();
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown.message : String(thrown));
    }
  };
  return (
    <form class="card sign-in" onSubmit={(event) => void enter(event)}>
      <h1>Sign in</h1>
      <p>
        This farm asks who you are. Enter the API token that its operator gave you. On the farm's own machine <code>worldshare login</code> prints a
        link that signs you in.
      </p>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <label>
        API token
        <input type="password" autocomplete="current-password" required value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button class="primary">Sign in</button>
    </form>
  );
}

/** What is shown instead of a page's content while it is not there. */
export function Missing({ error, what }: { error?: ApiError; what: string }): JSX.Element {
  if (error?.status === 401) return <SignIn />;
  if (error)
    return (
      <p class="notice bad" role="alert">
        {error.message}
      </p>
    );
  return <p class="notice">Reading {what} …</p>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
