import { defineConfig } from "vite";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../build/dashboard",
    emptyOutDir: true,
    target: "es2022",
    // The gateway's policy allows no inline scripts, and the browsers of `target` need no help with preloading.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
});
