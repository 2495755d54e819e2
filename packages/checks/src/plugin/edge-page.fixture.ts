import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { EdgeAnswer, EdgeTask } from './edge-browser.fixture.ts';
import { nodeOnnxRuntime } from './node/onnx-runtime-files.ts';

/** Debian's browser or a named one; null where there is none. */
export const BROWSER: string | null =
  [
    process.env.CHROMIUM_PATH,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ].find((path) => path !== undefined && existsSync(path)) ?? null;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface EdgePage {
  examine(task: EdgeTask): Promise<EdgeAnswer>;
  time(task: EdgeTask): Promise<{ model: number; custody: number }>;
  /** Every address that the page asked for. */
  asked: string[];
  origin: string;
  close(): Promise<void>;
}

/** A device's page in a real browser: the checks bundled, the model and the runtime served from its own origin. */
export async function openEdgePage(browserPath: string, model: Uint8Array): Promise<EdgePage> {
  const files: Record<string, [type: string, body: Uint8Array | string]> = {
    '/': ['text/html', '<!doctype html><title>edge</title><script type="module" src="/edge.js"></script>'],
    '/edge.js': ['text/javascript', await bundle()],
    '/model.onnx': ['application/octet-stream', model],
    '/runtime.wasm': ['application/wasm', await nodeOnnxRuntime()],
  };
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    response.writeHead(file ? 200 : 404, { 'content-type': file?.[0] ?? 'text/plain' }).end(file?.[1]);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked: string[] = [];
  let browser: Browser | undefined;
  const close = async () => {
    await browser?.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  try {
    browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
    const page = await browser.newPage();
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(origin);
    await page.waitForFunction(() => 'assayEdge' in globalThis);
    const call = <T>(name: string, task: EdgeTask): Promise<T> =>
      page.evaluate(
        ([method, given]) =>
          (globalThis as unknown as { assayEdge: Record<string, (task: unknown) => Promise<T>> }).assayEdge[
            method as string
          ]!(given),
        [name, task] as const,
      ) as Promise<T>;
    return {
      examine: (task) => call('examineInBrowser', task),
      time: (task) => call('timeInBrowser', task),
      asked,
      origin,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function bundle(): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL('edge-browser.fixture.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  await build.close();
  return output[0].code;
}
