// A whole farm of `worldshare up` in a folder of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Resolves once the farm is up: `url` is the gateway's, `link` the dashboard's, which signs a browser in; without built pages
 * there is no link. However this program ends, the farm does not outlive it.
 */
export async function startFarm(program, state, args) {
  const farm = spawn(program, ["up", ...args], { env: { ...process.env, WORLDSHARE_STATE: state }, stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => farm.kill("SIGTERM"));
  const ended = new Promise((resolve) => farm.on("exit", resolve));
  const { url, link } = await new Promise((resolve, reject) => {
    let url;
    createInterface({ input: farm.stdout }).on("line", (line) => {
      console.log(line.replace(/login=\S*/, "login=..."));
      url ??= /^up at (\S+)/.exec(line)?.[1];
      if (/^(no )?dashboard/.test(line)) resolve({ url, link: /^dashboard: (\S+)/.exec(line)?.[1] });
    });
    void ended.then((code) => reject(new Error(`the farm ended with ${code}`)));
  });
  return {
    url,
    link,
    stop: async () => {
      farm.kill("SIGTERM");
      await ended;
    },
  };
}
