import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { signedIn, signOut } from "./api";
import { onConnection, type Connection } from "./events";
import { useRoute } from "./hooks";
import { FiguresPage } from "./pages/figures";
import { FramePage } from "./pages/frame";
import { JobPage } from "./pages/job";
import { JobsPage } from "./pages/jobs";
import { NodesPage } from "./pages/nodes";
import { OwnersPage } from "./pages/owners";
import { SubmitPage } from "./pages/submit";

const kPages = [
  { path: "/", name: "Jobs" },
  { path: "/submit", name: "Submit" },
  { path: "/nodes", name: "Nodes" },
  { path: "/owners", name: "Volunteers" },
  { path: "/figures", name: "Figures" },
];

function page(route: string): JSX.Element {
  const frame = /^\/jobs\/([^/]+)\/frames\/(-?\d+)$/.exec(route);
  if (frame) return <FramePage key={route} job={frame[1]!} frame={Number(frame[2])} />;
  const job = /^\/jobs\/([^/]+)$/.exec(route);
  if (job) return <JobPage key={route} id={job[1]!} />;
  switch (route) {
    case "/":
      return <JobsPage />;
    case "/submit":
      return <SubmitPage />;
    case "/nodes":
      return <NodesPage />;
    case "/owners":
      return <OwnersPage />;
    case "/figures":
      return <FiguresPage />;
    default:
      return (
        <p class="notice">
          There is no such page. <a href="#/">To the jobs</a>
        </p>
      );
  }
}

function Live(): JSX.Element {
  const [state, setState] = useState<Connection>("connecting");
  useEffect(() => onConnection(setState), []);
  const words = { connecting: "connecting", live: "live", lost: "reconnecting" };
  return (
    <span class={`live live-${state}`} role="status" title="News from the farm">
      {words[state]}
    </span>
  );
}

export function App(): JSX.Element {
  const route = useRoute();
  const section = route.startsWith("/jobs") ? "/" : route;
  const who = signedIn();
  const leave = async (): Promise<void> => {
    await signOut();
    location.reload();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>
        To the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <img src="/icon.svg" alt="" width={24} height={24} /> WorldShare
        </a>
        <nav aria-label="Pages">
          {kPages.map(({ path, name }) => (
            <a key={path} href={`#${path}`} aria-current={section === path ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <Live />
        {who?.browser && (
          <button class="quiet" title={`${who.name}, ${who.role}`} onClick={() => void leave()}>
            Sign out
          </button>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        {page(route)}
      </main>
    </>
  );
}
