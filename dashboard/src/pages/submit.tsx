import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { ApiError, post, signedIn, type JobCreated, type Manifest } from "../api";
import { useResource, useTitle } from "../hooks";
import { Missing } from "../parts/status";
import { readFile, upload, type Read } from "../scene/upload";
import { bytes, duration, percent } from "../words";

type Step = { name: "choose" } | { name: "read"; share: number } | { name: "send"; sent: number; began: number } | { name: "ready" };

interface Form {
  title: string;
  first: number;
  last: number;
  step: number;
  width: number;
  height: number;
  format: "png" | "jpeg" | "exr";
  engine: "cycles" | "eevee" | "workbench";
  replicas: number;
  urgent: boolean;
}

const kDefaults: Form = {
  title: "",
  first: 1,
  last: 1,
  step: 1,
  width: 1920,
  height: 1080,
  format: "png",
  engine: "cycles",
  replicas: 2,
  urgent: false,
};

function formFor(file: File, read: Read): Form {
  const { scene } = read;
  return {
    ...kDefaults,
    title: file.name.replace(/\.blend$/i, ""),
    first: scene.first ?? kDefaults.first,
    last: scene.last ?? kDefaults.last,
    step: scene.step ?? kDefaults.step,
    width: scene.width ?? kDefaults.width,
    height: scene.height ?? kDefaults.height,
    engine: scene.engine ?? kDefaults.engine,
    format: scene.format ?? kDefaults.format,
  };
}

function manifestOf(file: File, sha256: string, form: Form): Manifest {
  return {
    version: 1,
    title: form.title,
    scene: { sha256, size_bytes: file.size, name: file.name },
    frames: { first: form.first, last: form.last, step: form.step },
    output: { width: form.width, height: form.height, format: form.format },
    requirements: { engine: form.engine },
    policy: { replicas: form.replicas, max_replicas: Math.max(5, form.replicas + 2) },
    schedule: { priority: form.urgent ? 95 : 50 },
  } as Manifest;
}

function DropZone({ onFile }: { onFile: (file: File) => void }): JSX.Element {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  };
  return (
    <div
      class={`drop ${over ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <p class="drop-title">Drop a .blend file here</p>
      <p class="muted">Pack what the scene needs into it first: File → External Data → Pack Resources.</p>
      <button class="primary" onClick={() => input.current?.click()}>
        Choose a file
      </button>
      <input ref={input} type="file" accept=".blend" class="hidden" aria-label="Scene file" tabIndex={-1} onChange={(event) => event.currentTarget.files?.[0] && onFile(event.currentTarget.files[0])} />
    </div>
  );
}

function Upload({ file, step }: { file: File; step: Step }): JSX.Element {
  const share = step.name === "read" ? step.share : step.name === "send" ? step.sent / file.size : 1;
  const seconds = step.name === "send" ? (Date.now() - step.began) / 1000 : 0;
  const rate = step.name === "send" && seconds > 0.5 ? step.sent / seconds : 0;
  const words: Record<Step["name"], string> = {
    choose: "",
    read: `reading, ${percent(share)}`,
    send: `sending, ${percent(share)}${rate > 0 ? `, ${bytes(rate)}/s, ${duration(((1 - share) * file.size) / rate)} left` : ""}`,
    ready: "sent",
  };
  return (
    <div class="card">
      <p>
        <strong>{file.name}</strong> <span class="muted">{bytes(file.size)}</span>
      </p>
      <div class="progress" role="progressbar" aria-label="Upload" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <span class={step.name === "read" ? "bar-other" : "bar-accepted"} style={{ width: `${share * 100}%` }} />
      </div>
      <p class="muted" role="status">
        {words[step.name]}
      </p>
    </div>
  );
}

interface JobFormProps {
  form: Form;
  sizeKnown: boolean; // from the scene, whose size every picture has
  ready: boolean;
  error?: ApiError;
  onChange: (form: Form) => void;
  onSubmit: () => void;
}

function JobForm({ form, sizeKnown, ready, error, onChange, onSubmit }: JobFormProps): JSX.Element {
  const number = (name: "first" | "last" | "step" | "width" | "height", label: string, min?: number, fixed = false): JSX.Element => (
    <label>
      {label}
      <input type="number" required min={min} step={1} readOnly={fixed} value={form[name]} onInput={(event) => onChange({ ...form, [name]: Number(event.currentTarget.value) })} />
    </label>
  );
  const frames = Math.max(0, Math.floor((form.last - form.first) / form.step) + 1);
  return (
    <form
      class="card job-form"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <h2>The job</h2>
      <label>
        Title
        <input required maxLength={200} value={form.title} onInput={(event) => onChange({ ...form, title: event.currentTarget.value })} />
      </label>
      <fieldset>
        <legend>Frames</legend>
        {number("first", "First")}
        {number("last", "Last", form.first)}
        {number("step", "Step", 1)}
      </fieldset>
      <fieldset>
        <legend>Picture</legend>
        {number("width", "Width", 1, sizeKnown)}
        {number("height", "Height", 1, sizeKnown)}
        <label>
          Format
          <select value={form.format} onChange={(event) => onChange({ ...form, format: event.currentTarget.value as Form["format"] })}>
            <option value="png">PNG</option>
            <option value="jpeg">JPEG</option>
            <option value="exr">OpenEXR</option>
          </select>
        </label>
      </fieldset>
      <p class="muted">{sizeKnown ? "Width and height are the scene's own." : "Width and height must be those that the scene has: its pictures would be refused otherwise."}</p>
      <fieldset>
        <legend>Rendering</legend>
        <label>
          Engine
          <select value={form.engine} onChange={(event) => onChange({ ...form, engine: event.currentTarget.value as Form["engine"] })}>
            <option value="cycles">Cycles</option>
            <option value="eevee">Eevee</option>
            <option value="workbench">Workbench</option>
          </select>
        </label>
        <label>
          Volunteers that must agree
          <input type="number" min={1} max={9} value={form.replicas} onInput={(event) => onChange({ ...form, replicas: Number(event.currentTarget.value) })} />
        </label>
        <label class="check">
          <input type="checkbox" checked={form.urgent} onChange={(event) => onChange({ ...form, urgent: event.currentTarget.checked })} /> urgent
        </label>
      </fieldset>
      {error && (
        <p class="notice bad" role="alert">
          {error.message}
        </p>
      )}
      <button class="primary" disabled={!ready || frames === 0}>
        {ready ? `Render ${frames} ${frames === 1 ? "frame" : "frames"}` : "Waiting for the upload …"}
      </button>
    </form>
  );
}

export function SubmitPage(): JSX.Element {
  useTitle("Submit");
  const { error: access } = useResource("/v1/queue", () => false);
  const [file, setFile] = useState<File>();
  const [step, setStep] = useState<Step>({ name: "choose" });
  const [read, setRead] = useState<Read>();
  const [form, setForm] = useState<Form>(kDefaults);
  const [error, setError] = useState<ApiError>();
  const abort = useRef<AbortController>();
  const key = useRef("");

  const fail = (thrown: unknown): void => setError(thrown instanceof ApiError ? thrown : new ApiError(0, thrown instanceof Error ? thrown.message : String(thrown)));
  const choose = async (chosen: File): Promise<void> => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setError(undefined);
    setRead(undefined);
    setFile(chosen);
    setStep({ name: "read", share: 0 });
    try {
      const known = await readFile(chosen, (share) => setStep({ name: "read", share }), controller.signal);
      if (!known.scene.isBlend) throw new ApiError(0, `${chosen.name} is not a .blend file. Save the scene with Blender and choose that file.`);
      setRead(known);
      setForm(formFor(chosen, known));
      key.current = `${known.sha256.slice(0, 16)}-${Date.now()}`;
      const began = Date.now();
      setStep({ name: "send", sent: 0, began });
      await upload(chosen, known.sha256, (sent) => setStep({ name: "send", sent, began }), controller.signal);
      setStep({ name: "ready" });
    } catch (thrown) {
      if (controller.signal.aborted) return;
      fail(thrown);
      setStep({ name: "choose" });
    }
  };
  const submit = async (): Promise<void> => {
    try {
      const created = await post<JobCreated>("/v1/jobs", manifestOf(file!, read!.sha256, form), { "Idempotency-Key": key.current });
      location.hash = `#/jobs/${created.id}`;
    } catch (thrown) {
      fail(thrown);
    }
  };

  if (access?.status === 401 || (!signedIn() && access)) return <Missing error={access} what="the farm" />;
  return (
    <>
      <h1>Submit a scene</h1>
      {step.name === "choose" && (
        <>
          <DropZone onFile={(chosen) => void choose(chosen)} />
          {error && (
            <p class="notice bad" role="alert">
              {error.message}
            </p>
          )}
        </>
      )}
      {file && step.name !== "choose" && (
        <>
          <Upload file={file} step={step} />
          <button class="quiet" onClick={() => { abort.current?.abort(); setStep({ name: "choose" }); }}>
            Choose another file
          </button>
        </>
      )}
      {file && read && step.name !== "choose" && (
        <JobForm form={form} sizeKnown={read.scene.width !== undefined} ready={step.name === "ready"} error={error} onChange={(next) => { key.current = `${read.sha256.slice(0, 16)}-${Date.now()}`; setForm(next); }} onSubmit={() => void submit()} />
      )}
    </>
  );
}
