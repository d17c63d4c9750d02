// A whole farm of `worldshare up` in a folder of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Resolves with the dashboard's link once the farm is up. */
export async function startFarm(program, state, args) {
  const process_ = spawn(program, ["up", ...args], { env: { ...process.env, WORLDSHARE_STATE: state }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => process_.on("exit", resolve));
  const link = new Promise((resolve, reject) => {
    createInterface({ input: process_.stdout }).on("line", (line) => {
      console.log(line.replace(/login=\S*/, "login=..."));
      const found = /^dashboard: (\S+)/.exec(line);
      if (found) resolve(found[1]);
      if (line.startsWith("no dashboard")) reject(new Error(line));
    });
    void ended.then((code) => reject(new Error(`the farm ended with ${code}`)));
  });
  return {
    link: await link,
    stop: async () => {
      process_.kill("SIGTERM");
      await ended;
    },
  };
}
