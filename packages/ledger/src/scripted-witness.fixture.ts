import { createServer, type ServerResponse } from 'node:http';
import { cosigner, ed25519Signer, type NoteSigner, parseNote, signatureLine } from '@assay/core';

/** One request as a witness gets it. */
export interface WitnessRequest {
  oldSize: number;
  proof: string[];
  note: string;
}

/** What a scripted witness answers: a status and a body, or nothing for ever. */
export type ScriptedAnswer = { status: number; body?: string; headers?: Record<string, string> } | 'silence';

/**
 * An HTTP server that answers as a test says, for everything that an honest witness never does. Without a
 * script it cosigns whatever comes.
 */
export async function scriptedWitness(name: string, seed: number) {
  const signer = cosigner(name, await ed25519Signer(new Uint8Array(32).fill(seed)), () => 1_700_000_000);
  const requests: WitnessRequest[] = [];
  const cosign = async (request: WitnessRequest, by: NoteSigner = signer): Promise<ScriptedAnswer> => {
    const { text } = parseNote(request.note);
    return { status: 200, body: signatureLine(by, await by.sign(text)) };
  };
  const witness = {
    signer,
    requests,
    cosign,
    answer: cosign as (request: WitnessRequest) => Promise<ScriptedAnswer>,
    url: '',
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const request = parse(Buffer.concat(chunks).toString('utf8'));
    requests.push(request);
    send(response, await witness.answer(request));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  witness.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return witness;
}

function parse(body: string): WitnessRequest {
  const end = body.indexOf('\n\n');
  const [old, ...proof] = body.slice(0, end).split('\n');
  return { oldSize: Number(old!.slice('old '.length)), proof, note: body.slice(end + 2) };
}

function send(response: ServerResponse, answer: ScriptedAnswer): void {
  if (answer === 'silence') return;
  response.writeHead(answer.status, answer.headers).end(answer.body);
}
