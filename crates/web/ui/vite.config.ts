import { defineConfig } from "vite";

export default defineConfig({
  build: {
    // The script may load from its own origin only (see the Content-Security-Policy in crates/web), so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run mock` listens here.
    proxy: { "/api": "http://127.0.0.1:4173" },
  },
});
