import { AssayError } from '@assay/core';
import { instantOf } from '../streams.ts';
import { type BoundedHttpOptions, type BoundedResponse, boundedGet } from './bounded-http.ts';
import { exactJson } from './exact-json.ts';
import { collectRows, DAY_MS, dayStart, type MarketRows } from './market-rows.ts';

/** An asset's public code: `owner/name` of each repository that counts. */
export interface AssetCode {
  asset: string;
  repositories: readonly string[];
}

const PER_PAGE = 100;
const MAX_PAGES = 100;
const API_VERSION = '2022-11-28';

/**
 * Work on public code by day and asset, over an API like GitHub's: commits on the default branch (a commit in two
 * repositories counts once), people who made them, and the last release. Every day of the period has a row.
 *
 * @param options `token` is sent to `baseUrl` alone.
 * @throws SOURCE_UNREACHABLE; when the limit of requests is used up it says until when. A repository that is not there is
 *   reported, and its asset left out, because a part of the count would be wrong.
 */
export async function fetchDevelopment(
  options: BoundedHttpOptions & {
    forge: string;
    baseUrl: string;
    code: readonly AssetCode[];
    fromMs: number;
    toMs: number;
    nowMs: number;
    token?: string | undefined;
  },
): Promise<MarketRows> {
  const { forge, baseUrl, code, token, nowMs, ...http } = options;
  const fromMs = Math.ceil(options.fromMs / DAY_MS) * DAY_MS;
  const toMs = Math.min(Math.ceil(options.toMs / DAY_MS) * DAY_MS, dayStart(nowMs));
  const headers = {
    accept: 'application/vnd.github+json',
    'x-github-api-version': API_VERSION,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const raw: { timeMs: number; values: Record<string, unknown> }[] = [];
  const malformed: AssayError[] = [];
  const read = (path: string, isDone?: (item: Item) => boolean) =>
    pages(`${baseUrl}${path}`, { ...http, headers }, isDone);
  for (const { asset, repositories } of code) {
    try {
      raw.push(...(await developmentOf(asset, repositories, fromMs, toMs, read)));
    } catch (error) {
      const status = (error as AssayError).detail?.status;
      if (status !== 404 && status !== 451 && status !== 409) throw error;
      malformed.push(error as AssayError);
    }
  }
  const { rows, malformed: bad } = collectRows(`${forge}.development.1d`, 'development', raw);
  return { rows, malformed: [...malformed, ...bad] };
}

type Item = Record<string, unknown>;
type Read = (path: string, isDone?: (item: Item) => boolean) => Promise<Item[]>;

async function developmentOf(
  asset: string,
  repositories: readonly string[],
  fromMs: number,
  toMs: number,
  read: Read,
) {
  const days = new Map<number, { commits: Set<string>; people: Set<string> }>();
  const releases: number[] = [];
  for (const repository of repositories) {
    if (!/^[\w.-]{1,100}\/[\w.-]{1,100}$/.test(repository) || repository.includes('..'))
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected owner/name, got ${JSON.stringify(repository).slice(0, 120)}`,
      );
    const since = instantOf(fromMs);
    const until = instantOf(toMs - 1000);
    for (const item of await read(
      `/repos/${repository}/commits?since=${since}&until=${until}&per_page=${PER_PAGE}`,
    )) {
      const commit = item.commit as
        | { committer?: { date?: string }; author?: { email?: string } }
        | undefined;
      const time = Date.parse(commit?.committer?.date ?? '');
      if (!(time >= fromMs && time < toMs)) continue;
      const day = days.get(dayStart(time)) ?? { commits: new Set(), people: new Set() };
      days.set(dayStart(time), day);
      day.commits.add(String(item.sha));
      // Who has no account is known by the address in the commit, which goes no further than this count.
      day.people.add(
        String((item.author as { login?: string } | null)?.login ?? commit?.author?.email ?? item.sha),
      );
    }
    // Releases come newest first: the first one before the period is the last that matters.
    for (const release of await read(
      `/repos/${repository}/releases?per_page=${PER_PAGE}`,
      (one) => Date.parse(String(one.published_at)) < fromMs,
    )) {
      const time = Date.parse(String(release.published_at));
      if (release.draft !== true && Number.isFinite(time)) releases.push(time);
    }
  }
  releases.sort((a, b) => a - b);
  const rows = [];
  for (let timeMs = fromMs; timeMs < toMs; timeMs += DAY_MS) {
    const day = days.get(timeMs);
    const released = releases.findLast((time) => time < timeMs + DAY_MS);
    rows.push({
      timeMs,
      values: {
        asset,
        commits: day?.commits.size ?? 0,
        contributors: day?.people.size ?? 0,
        releasedAt: released === undefined ? null : instantOf(released),
      },
    });
  }
  return rows;
}

/** All pages of a list, along the `Link` header (RFC 8288), which may not lead to another server. */
async function pages(
  first: string,
  http: BoundedHttpOptions,
  isDone?: (item: Item) => boolean,
): Promise<Item[]> {
  const items: Item[] = [];
  const { origin } = new URL(first);
  let next: string | undefined = first;
  for (let page = 0; next !== undefined; page++) {
    if (page === MAX_PAGES)
      throw new AssayError(
        'PAYLOAD_TOO_LARGE',
        `${first.split('?')[0]}: expected at most ${MAX_PAGES} pages, got more`,
        {
          next: 'ask for a shorter period',
        },
      );
    const response = await get(next, http);
    const found = exactJson(response.body);
    if (!Array.isArray(found))
      throw new AssayError('ROW_MALFORMED', `${first.split('?')[0]}: expected a list, got ${typeof found}`);
    items.push(...(found as Item[]));
    if (isDone && (found as Item[]).some(isDone)) break;
    next = /<([^<>]+)>\s*;[^,]*\brel="?next"?/.exec(String(response.headers.link ?? ''))?.[1];
    if (next !== undefined && new URL(next).origin !== origin)
      throw new AssayError(
        'SOURCE_UNREACHABLE',
        `expected the next page on ${origin}, got ${new URL(next).origin}`,
      );
  }
  return items;
}

/** GitHub refuses with 403 or 429 when the limit is used up, and says when it is lifted. */
async function get(url: string, http: BoundedHttpOptions): Promise<BoundedResponse> {
  const response = await boundedGet(url, { ...http, acceptStatus: [403, 429] });
  if (response.status < 400) return response;
  const reset = Number(response.headers['x-ratelimit-reset']);
  const used = response.headers['x-ratelimit-remaining'] === '0' && Number.isFinite(reset);
  throw new AssayError(
    'SOURCE_UNREACHABLE',
    `${new URL(url).host} answered with status ${response.status}${used ? ': the limit of requests is used up' : ''}`,
    {
      next: used
        ? `try again after ${instantOf(reset * 1000)}, or give a token`
        : 'check the token, or try again later',
      detail: { status: response.status, ...(used ? { resetMs: reset * 1000 } : {}) },
    },
  );
}
