// The SHA-256 of a file, piece by piece, off the page's thread. crypto.subtle cannot: it wants all bytes at once.
import { sha256 } from "@noble/hashes/sha2";
import { bytesToHex } from "@noble/hashes/utils";
import { readScene } from "./blend";

const kPiece = 4 * 1024 * 1024;

onmessage = async (message: MessageEvent<File>): Promise<void> => {
  const file = message.data;
  try {
    const hash = sha256.create();
    for (let begin = 0; begin < file.size; begin += kPiece) {
      hash.update(new Uint8Array(await file.slice(begin, begin + kPiece).arrayBuffer()));
      postMessage({ done: Math.min(begin + kPiece, file.size) / file.size });
    }
    postMessage({ sha256: bytesToHex(hash.digest()), scene: await readScene(file) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
