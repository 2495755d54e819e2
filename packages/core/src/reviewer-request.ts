import { publicKeyFromDid } from './did.ts';
import { type Ed25519Signer, verifyEd25519 } from './ed25519.ts';
import { base64Decode, base64Encode, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';

/** A request is believed for so long before and after the time that it states. */
export const REVIEWER_REQUEST_SECONDS = 300;

/**
 * What a reviewer sends as `Authorization` to see what it is asked: who reviews what is for nobody else to know, or
 * somebody could lean on the right person. The signature covers method, path and time under a prefix of its own, so
 * that it can stand for no statement.
 *
 * @param request `path` as sent, with its query; `time` like `2023-03-11T07:00:00Z`.
 * @example
 * headers.authorization = await reviewerAuthorization(signer, { method: 'GET', path: '/v1/reviews', time });
 */
export async function reviewerAuthorization(
  signer: Ed25519Signer,
  request: { method: string; path: string; time: string },
): Promise<string> {
  const sig = base64Encode(await signer.sign(messageOf(request)));
  return `Assay-Reviewer did="${signer.did}", time="${request.time}", sig="${sig}"`;
}

/**
 * Who sent a request.
 *
 * @returns the DID that signed it; whether it is a reviewer is the caller's question.
 * @throws REVIEWER_UNPROVEN for a header that is malformed, too old, from the future or not signed by its DID.
 */
export async function reviewerOf(
  authorization: string,
  request: { method: string; path: string },
  nowMs: number,
): Promise<string> {
  const match =
    /^Assay-Reviewer did="(did:key:z[1-9A-HJ-NP-Za-km-z]{40,60})", time="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", sig="([A-Za-z0-9+/=]{88})"$/.exec(
      authorization,
    );
  if (!match) unproven('expected Assay-Reviewer did="…", time="…", sig="…"');
  const [, did = '', time = '', sig = ''] = match;
  const apartMs = Math.abs(nowMs - Date.parse(time));
  if (!(apartMs <= REVIEWER_REQUEST_SECONDS * 1000))
    unproven(`expected a time within ${REVIEWER_REQUEST_SECONDS} s of this node's clock, got ${time}`);
  let genuine = false;
  try {
    genuine = await verifyEd25519(publicKeyFromDid(did), messageOf({ ...request, time }), base64Decode(sig));
  } catch (cause) {
    unproven((cause as Error).message);
  }
  if (!genuine) unproven(`the signature is not ${did}'s over this method, path and time`);
  return did;
}

function messageOf({ method, path, time }: { method: string; path: string; time: string }): Uint8Array {
  return utf8(`assay reviewer request v1\n${method}\n${path}\n${time}\n`);
}

function unproven(message: string): never {
  throw new AssayError('REVIEWER_UNPROVEN', message, {
    next: "sign the request with the reviewer's key, as `assay review list` does",
  });
}
