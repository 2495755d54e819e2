import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // Every asset is a file: the gateway's content security policy allows no inline script.
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The wallet's part is 700 kB of ABIs and viem, and loaded when somebody connects one.
    chunkSizeWarningLimit: 800,
  },
});
