import type { CitedText } from './reports.ts';

/** A language model that may say an answer in other words; it never adds a figure of its own. */
export interface PhrasingOptions {
  /** Of an OpenAI-compatible service, without `/chat/completions`. */
  url: string;
  model: string;
  apiKey?: string;
  /** 8,000 by default. */
  timeoutMs?: number;
  /**
   * Decides about what the model wrote: for example, that every number in it stands in the plain text. Its text is
   * served only when this says so.
   */
  accept(text: string, plain: CitedText): boolean;
}

const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_TEXT = 20_000;
/** Requests to the model at once; further answers stay plain. */
const MAX_RUNNING = 4;
const INSTRUCTION =
  'Rewrite the report for a reader who asked the question. Use only facts and numbers that stand in the report, keep every number as it is, add no advice and no forecast.';

/**
 * Says a plain text in other words. On any failure (no service, a late answer, a text that is not accepted) the plain
 * text stands.
 */
export function createPhrasing(options: PhrasingOptions, send: typeof fetch = fetch) {
  let running = 0;
  return async (question: string, plain: CitedText): Promise<{ text: string; phrasedBy: string | null }> => {
    const unphrased = { text: plain.text, phrasedBy: null };
    if (running >= MAX_RUNNING) return unphrased;
    running += 1;
    try {
      const text = await complete(options, send, question, plain.text);
      return text && options.accept(text, plain) ? { text, phrasedBy: options.model } : unphrased;
    } catch {
      return unphrased;
    } finally {
      running -= 1;
    }
  };
}

async function complete(
  { url, model, apiKey, timeoutMs = 8_000 }: PhrasingOptions,
  send: typeof fetch,
  question: string,
  report: string,
): Promise<string | null> {
  const response = await send(`${url.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    // A redirect would carry the key elsewhere.
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      'content-type': 'application/json',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({
      model,
      temperature: 0,
      messages: [
        { role: 'system', content: INSTRUCTION },
        { role: 'user', content: `Question: ${question}\n\nReport:\n${report}` },
      ],
    }),
  });
  if (!response.ok || !response.body) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return null;
    chunks.push(chunk);
  }
  const answer = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  const text: unknown = answer?.choices?.[0]?.message?.content;
  return typeof text === 'string' && text.trim() !== '' && text.length <= MAX_TEXT ? text.trim() : null;
}
