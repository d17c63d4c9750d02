// What a .blend file says of its scene: frames, size, engine. The file describes its own structures (the block "DNA1"), so
// their layout is looked up and not assumed. Whatever cannot be read is left out; the form then has its defaults.
import { decompress } from "fzstd";

export interface Scene {
  isBlend: boolean;
  first?: number;
  last?: number;
  step?: number;
  width?: number;
  height?: number;
  engine?: "cycles" | "eevee" | "workbench";
  format?: "png" | "jpeg" | "exr";
}

const kLargest = 512 * 1024 * 1024;
const kZstd = 0xfd2fb528;

class Reader {
  readonly view: DataView;
  constructor(
    readonly bytes: Uint8Array,
    readonly little: boolean,
    public at = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  text(length: number): string {
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return new TextDecoder("latin1").decode(part);
  }
  string(): string {
    const end = this.bytes.indexOf(0, this.at);
    const text = this.text(end - this.at);
    ++this.at;
    return text;
  }
  int(): number {
    this.at += 4;
    return this.view.getInt32(this.at - 4, this.little);
  }
  short(): number {
    this.at += 2;
    return this.view.getInt16(this.at - 2, this.little);
  }
  align(): void {
    this.at = (this.at + 3) & ~3;
  }
}

interface Field {
  type: string;
  name: string;
  offset: number;
}

/** The structures of a file by their names. */
function structures(dna: Reader, pointerSize: number): Map<string, Field[]> {
  const strings = (mark: string): string[] => {
    dna.align();
    if (dna.text(4) !== mark) throw new Error("unknown description");
    return Array.from({ length: dna.int() }, () => dna.string());
  };
  if (dna.text(4) !== "SDNA") throw new Error("unknown description");
  const names = strings("NAME");
  const types = strings("TYPE");
  dna.align();
  if (dna.text(4) !== "TLEN") throw new Error("unknown description");
  const lengths = types.map(() => dna.short());
  dna.align();
  if (dna.text(4) !== "STRC") throw new Error("unknown description");
  const found = new Map<string, Field[]>();
  for (let left = dna.int(); left > 0; --left) {
    const name = types[dna.short()]!;
    const fields: Field[] = [];
    let offset = 0;
    for (let count = dna.short(); count > 0; --count) {
      const type = dna.short();
      const fieldName = names[dna.short()]!;
      const single = /^\(?\*/.test(fieldName) ? pointerSize : lengths[type]!;
      const times = [...fieldName.matchAll(/\[(\d+)\]/g)].reduce((product, match) => product * Number(match[1]), 1);
      fields.push({ type: types[type]!, name: fieldName.replace(/\[.*$/, ""), offset });
      offset += single * times;
    }
    found.set(name, fields);
  }
  return found;
}

function offsetOf(all: Map<string, Field[]>, type: string, name: string): number {
  const field = all.get(type)?.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`no ${type}.${name}`);
  return field.offset;
}

const kEngines: Record<string, Scene["engine"]> = {
  CYCLES: "cycles",
  BLENDER_EEVEE: "eevee",
  BLENDER_EEVEE_NEXT: "eevee",
  BLENDER_WORKBENCH: "workbench",
};

const kFormats: Record<number, Scene["format"]> = { 4: "jpeg", 17: "png", 28: "exr" };

function readRenderData(reader: Reader, all: Map<string, Field[]>, scene: number): Scene {
  const render = scene + offsetOf(all, "Scene", "r");
  const at = (name: string): number => render + offsetOf(all, "RenderData", name);
  const int = (name: string): number => reader.view.getInt32(at(name), reader.little);
  const short = (name: string): number => reader.view.getInt16(at(name), reader.little);
  const share = short("size") / 100;
  reader.at = at("engine");
  const kind = all.get("RenderData")!.find((field) => field.name === "xsch")!.type;
  const size = kind === "short" ? short : int;
  return {
    isBlend: true,
    first: int("sfra"),
    last: int("efra"),
    step: Math.max(1, int("frame_step")),
    width: Math.floor(size("xsch") * share),
    height: Math.floor(size("ysch") * share),
    engine: kEngines[reader.string()],
    format: kFormats[reader.bytes[at("im_format") + offsetOf(all, "ImageFormatData", "imtype")]!],
  };
}

/** The blocks of a file: its first scene's place, and its description. */
function walk(reader: Reader, pointerSize: number): Scene {
  let scene = 0;
  while (reader.at + 16 + pointerSize <= reader.bytes.length) {
    const code = reader.text(4);
    const length = reader.int();
    reader.at += pointerSize + 8;
    const begin = reader.at;
    if (code === "SC\0\0" && scene === 0) scene = begin;
    if (code === "DNA1" && scene > 0) {
      const dna = new Reader(reader.bytes.subarray(begin, begin + length), reader.little);
      return readRenderData(reader, structures(dna, pointerSize), scene);
    }
    if (code === "ENDB") break;
    reader.at = begin + length;
  }
  return { isBlend: true };
}

export async function readScene(file: Blob): Promise<Scene> {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const packed = head.length >= 4 && new DataView(head.buffer).getUint32(0, true) === kZstd;
  if (!packed && new TextDecoder().decode(head.subarray(0, 7)) !== "BLENDER") return { isBlend: false };
  if (file.size > kLargest) return { isBlend: true };
  try {
    let bytes = new Uint8Array(await file.arrayBuffer());
    if (packed) bytes = decompress(bytes) as Uint8Array<ArrayBuffer>;
    const reader = new Reader(bytes, String.fromCharCode(bytes[8]!) === "v", 12);
    return walk(reader, String.fromCharCode(bytes[7]!) === "-" ? 8 : 4);
  } catch {
    return { isBlend: true };
  }
}
