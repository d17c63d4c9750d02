import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { setToken, type ApiError } from "../api";
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
  const enter = (event: globalThis.Event): void => {
    event.preventDefault();
    setToken(text.trim());
    location.reload();
  };
  return (
    <form class="card sign-in" onSubmit={enter}>
      <h1>Sign in</h1>
      <p>
        This farm asks for its API token. <code>worldshare up</code> prints a link that has it; it is also in the file <code>keys/api-token</code> of
        its state folder.
      </p>
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
