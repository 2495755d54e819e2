/**
 * News and code from the network: every format becomes the same rows, hostile documents and addresses are refused, words
 * that are also tickers tag nothing, and a forge's pages and limits are respected.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { assetLexicon, tagAssets } from './asset-lexicon.ts';
import { boundedGet } from './bounded-http.ts';
import { fetchDevelopment } from './development.ts';
import { exactJson } from './exact-json.ts';
import { feedTime, fetchFeed, parseFeed, plainText } from './feeds.ts';

const lexicon = assetLexicon([
  { asset: 'BTC', ticker: 'BTC', names: ['Bitcoin'] },
  { asset: 'BCH', ticker: 'BCH', names: ['Bitcoin Cash'] },
  { asset: 'ONE', ticker: 'ONE', names: ['Harmony'] },
  { asset: 'GAS', ticker: 'GAS', names: ['Gas'] },
  { asset: 'NEAR', ticker: 'NEAR', names: ['NEAR Protocol', 'Near'] },
  { asset: 'SOL', ticker: 'SOL', names: ['Solana'] },
]);
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(
  answer: (request: IncomingMessage, reply: ServerResponse, url: string) => void,
): Promise<string> {
  let url = '';
  const server = createServer((request, reply) => answer(request, reply, url));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return url;
}

const read = (text: string | Uint8Array, contentType?: string) =>
  parseFeed(typeof text === 'string' ? new TextEncoder().encode(text) : text, {
    feed: 'news',
    url: 'https://news.example/feeds/all.xml',
    contentType,
    lexicon,
  });

const rss = (item: string) =>
  `<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>${item}</channel></rss>`;

test('times of RFC 822 and RFC 3339 with their zones; a time without one could be anybody’s', () => {
  const at = Date.UTC(2023, 2, 11, 3, 1, 5);
  for (const text of [
    'Fri, 10 Mar 2023 22:01:05 -0500',
    '10 Mar 23 22:01:05 EST',
    'Sat, 11 Mar 2023 03:01:05 GMT',
    'Friday, 10 March 2023 20:01:05 MST',
    '2023-03-11T03:01:05Z',
    '2023-03-11T08:31:05.999+05:30',
  ])
    expect(feedTime(text), text).toBe(at);
  for (const text of [
    '',
    '2023-03-11',
    '2023-03-11T03:01:05',
    '31 Feb 2023 00:00:00 GMT',
    '2023-13-01T00:00:00Z',
    '1 Mar 2023 00:00 XYZ',
    '2023-03-11T25:00:00Z',
  ])
    expect(feedTime(text), text).toBeNull();
});

test('RSS, RSS 1.0, Atom and JSON Feed give the same row', () => {
  const expected = {
    time: '2023-03-11T03:01:05Z',
    article: 'tag:news,1',
    assets: 'BTC SOL',
    title: 'Bitcoin & Solana rise',
    summary: 'More than words.',
    link: 'https://news.example/a?b=1&c=2',
  };
  const documents = [
    rss(`<item><guid isPermaLink="false">tag:news,1</guid><title>Bitcoin &amp; Solana rise</title><link>/a?b=1&amp;c=2</link>
      <pubDate>Fri, 10 Mar 2023 22:01:05 -0500</pubDate><description><![CDATA[<p>More <b>than</b>&nbsp;words.<script>alert("<!DOCTYPE")</script></p>]]></description></item>`),
    `<rdf:RDF xmlns:rdf="r" xmlns:dc="d"><channel/><item rdf:about="tag:news,1"><title>Bitcoin &amp; Solana rise</title><link>https://news.example/a?b=1&amp;c=2</link>
      <dc:date>2023-03-11T04:01:05+01:00</dc:date><description>More than words.</description></item></rdf:RDF>`,
    `<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://news.example/"><entry><id>tag:news,1</id><title type="html">Bitcoin &amp;amp; Solana rise</title>
      <link rel="self" href="x"/><link href="a?b=1&amp;c=2"/><published>2023-03-11T03:01:05Z</published><summary>More than words.</summary></entry></feed>`,
    JSON.stringify({
      version: 'https://jsonfeed.org/version/1.1',
      items: [
        {
          id: 'tag:news,1',
          title: 'Bitcoin & Solana rise',
          url: '/a?b=1&c=2',
          date_published: '2023-03-11T03:01:05Z',
          content_html: '<p>More than words.</p>',
        },
      ],
    }),
  ];
  for (const document of documents)
    expect(read(document), document.slice(0, 30)).toEqual({ rows: [expected], malformed: [] });
});

test('hostile and broken documents are refused or named, and no link leads to a script', () => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><rss><channel><item><title>&lol2;</title></item></channel></rss>`;
  const external = `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>${rss('<item><title>&x;</title></item>')}`;
  for (const document of [bomb, external])
    expect(() => read(document)).toThrow(/expected a feed without a document type/);
  expect(() => read('<html><body/></html>')).toThrow(/expected RSS or Atom/);
  expect(() => read('{"version":"1"}')).toThrow(/expected a JSON Feed/);
  expect(() => read('<rss/>', 'text/xml; charset=klingon')).toThrow(
    /expected a known encoding, got "klingon"/,
  );
  const { rows, malformed } = read(
    rss(
      `<item><title>No time</title></item><item><title>Script</title><link>javascript:alert(1)</link><pubDate>1 Mar 2023 00:00 GMT</pubDate></item>`,
    ),
  );
  expect(malformed.map(({ message }) => message)).toEqual([expect.stringContaining('for time')]);
  expect(rows).toMatchObject([
    { title: 'Script', link: '', article: expect.stringMatching(/^sha256:[0-9a-f]{40}$/) },
  ]);
  expect(
    read(
      rss(
        '<item><title>Script</title><link>javascript:alert(1)</link><pubDate>1 Mar 2023 00:00 GMT</pubDate></item>',
      ),
    ).rows[0]!.article,
  ).toBe(rows[0]!.article);
});

test('encodings are read as declared', () => {
  const item = '<item><guid>1</guid><title>Zürich</title><pubDate>1 Mar 2023 00:00 GMT</pubDate></item>';
  const latin = Buffer.from(
    `<?xml version="1.0" encoding="ISO-8859-1"?>${rss(item).replace('<?xml version="1.0"?>', '')}`,
    'latin1',
  );
  const utf16 = Buffer.from(`\ufeff${rss(item)}`, 'utf16le');
  for (const bytes of [latin, utf16]) expect(read(bytes).rows[0]!.title).toBe('Zürich');
});

test('text without tags is short work for any input', () => {
  expect(plainText('a<br>b <i>c</i>d &lt;b&gt; 1 < 2 <!-- x --> &#8364;&#x1F600; \u202eevil')).toBe(
    'a b cd <b> 1 < 2 €😀 evil',
  );
  expect(plainText('<script>'.repeat(50_000))).toBe('');
  expect(plainText('<'.repeat(200_000))).toHaveLength(200_000);
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      (text) => !/<(p|a|script)\b[^>]*>/.test(plainText(`<p>${text.replaceAll('&', '')}</p>`)),
    ),
  );
});

test('tickers and names tag what they mean, and words that only look like them nothing', () => {
  const cases: [string, string[]][] = [
    ['Bitcoin falls, SOL follows', ['BTC', 'SOL']],
    ['One more reason to buy, no one knows', []],
    ['GAS PRICES ARE NEAR ONE YEAR LOW', []],
    ['The gas fee is near zero', []],
    ['Near the end of the year', []],
    ['NEAR Protocol grows', ['NEAR']],
    ['Harmony (ONE) bridge hacked', ['ONE']],
    ['$gas and $ONE pump', ['GAS', 'ONE']],
    ['Harmony ONE recovers', ['ONE']],
    ['sol is the sun; Solana is a chain', ['SOL']],
    ['Bitcoin Cash forks', ['BCH']],
  ];
  for (const [text, assets] of cases) expect(tagAssets(text, lexicon), text).toEqual(assets);
});

test('an unchanged feed is not sent again; gzip, redirects and sizes are bounded; nobody is led into the own network', async () => {
  const url = await serve((request, reply, self) => {
    const path = request.url ?? '';
    if (path === '/feed') {
      if (request.headers['if-none-match'] === '"v1"') return reply.writeHead(304).end();
      return reply
        .writeHead(200, { etag: '"v1"', 'content-encoding': 'gzip', 'content-type': 'application/rss+xml' })
        .end(
          gzipSync(
            rss('<item><guid>1</guid><title>SOL</title><pubDate>1 Mar 2023 00:00 GMT</pubDate></item>'),
          ),
        );
    }
    if (path === '/moved') return reply.writeHead(302, { location: '/feed' }).end();
    if (path === '/loop') return reply.writeHead(302, { location: '/loop' }).end();
    if (path === '/file') return reply.writeHead(302, { location: 'file:///etc/passwd' }).end();
    if (path === '/away')
      return reply.writeHead(302, { location: `${self.replace('127.0.0.1', 'localhost')}/echo` }).end();
    if (path === '/echo') return reply.end(JSON.stringify(request.headers));
    if (path === '/bomb')
      return reply.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(2_000_000)));
    return reply.writeHead(404).end();
  });
  const options = { allowPrivate: true, firstBackoffMs: 1 };
  const first = await fetchFeed({ feed: 'news', url: `${url}/moved`, lexicon, ...options });
  expect(first.rows?.rows).toMatchObject([{ title: 'SOL', assets: 'SOL' }]);
  const second = await fetchFeed({
    feed: 'news',
    url: `${url}/feed`,
    lexicon,
    state: first.state,
    ...options,
  });
  expect(second).toEqual({ rows: null, state: first.state });
  await expect(boundedGet(`${url}/loop`, options)).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
    message: expect.stringContaining('at most 5 redirects'),
  });
  await expect(boundedGet(`${url}/file`, options)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  await expect(boundedGet(`${url}/bomb`, { ...options, maxBytes: 100_000 })).rejects.toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
  });
  await expect(boundedGet(`${url}/none`, options)).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    detail: { status: 404 },
  });
  // A secret is for the host that it was given for.
  const { body } = await boundedGet(`${url}/away`, {
    ...options,
    headers: { authorization: 'Bearer s3cret', accept: 'x/y' },
  });
  expect(exactJson(body)).toMatchObject({ accept: 'x/y' });
  expect(Buffer.from(body).toString()).not.toContain('s3cret');
  const port = new URL(url).port;
  for (const address of [
    url,
    `http://localhost:${port}/feed`,
    `http://[::1]:${port}`,
    `http://[::ffff:7f00:1]:${port}`,
    `http://2130706433:${port}`,
    'http://169.254.169.254/latest/meta-data',
    'http://10.1.2.3/',
    'ftp://news.example/',
    'http://user:pass@news.example/',
    'nonsense',
  ])
    await expect(boundedGet(address, { firstBackoffMs: 1 }), address).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    });
});

test('commits of all pages, each once, by day; the last release; a used-up limit says until when', async () => {
  let limited = false;
  const commit = (sha: string, date: string, login: string | null) => ({
    sha,
    commit: { committer: { date }, author: { email: 'a@b.example' } },
    author: login && { login },
  });
  const seen: string[] = [];
  const url = await serve((request, reply, self) => {
    const asked = new URL(request.url ?? '', self);
    seen.push(request.headers.authorization ?? '');
    if (limited)
      return reply
        .writeHead(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000000' })
        .end('{}');
    const json = (value: unknown, headers = {}) => reply.writeHead(200, headers).end(JSON.stringify(value));
    if (asked.pathname === '/repos/a/one/commits') {
      return asked.searchParams.has('page')
        ? json([commit('3', '2023-05-02T10:00:00Z', 'eve')])
        : json([commit('1', '2023-05-01T23:59:59Z', 'ann'), commit('2', '2023-05-01T00:00:00Z', null)], {
            link: `<${self}/repos/a/one/commits?page=2>; rel="next", <${self}/x>; rel="last"`,
          });
    }
    if (asked.pathname === '/repos/a/two/commits') return json([commit('1', '2023-05-01T23:59:59Z', 'ann')]);
    if (asked.pathname === '/repos/a/one/releases')
      return json([
        { published_at: '2023-05-02T12:00:00Z', draft: false },
        { published_at: '2023-05-01T01:00:00Z', draft: true },
        { published_at: '2023-04-01T00:00:00Z', draft: false },
      ]);
    if (asked.pathname === '/repos/a/two/releases') return json([]);
    if (asked.pathname === '/repos/a/evil/commits')
      return json([], { link: '<https://elsewhere.example/steal>; rel="next"' });
    return reply.writeHead(404).end('{}');
  });
  const options = {
    forge: 'forge',
    baseUrl: url,
    fromMs: Date.UTC(2023, 4, 1),
    toMs: Date.UTC(2023, 4, 9),
    nowMs: Date.UTC(2023, 4, 4, 5),
    allowPrivate: true,
    firstBackoffMs: 1,
    token: 't0ken',
  };
  const code = [
    { asset: 'A', repositories: ['a/one', 'a/two'] },
    { asset: 'GONE', repositories: ['a/gone'] },
  ];
  const { rows, malformed } = await fetchDevelopment({ ...options, code });
  expect(rows).toEqual([
    {
      time: '2023-05-01T00:00:00Z',
      asset: 'A',
      commits: '2',
      contributors: '2',
      releasedAt: '2023-04-01T00:00:00Z',
    },
    {
      time: '2023-05-02T00:00:00Z',
      asset: 'A',
      commits: '1',
      contributors: '1',
      releasedAt: '2023-05-02T12:00:00Z',
    },
    {
      time: '2023-05-03T00:00:00Z',
      asset: 'A',
      commits: '0',
      contributors: '0',
      releasedAt: '2023-05-02T12:00:00Z',
    },
  ]);
  expect(malformed).toMatchObject([{ code: 'SOURCE_UNREACHABLE', detail: { status: 404 } }]);
  expect(new Set(seen)).toEqual(new Set(['Bearer t0ken']));
  await expect(
    fetchDevelopment({ ...options, code: [{ asset: 'E', repositories: ['a/evil'] }] }),
  ).rejects.toThrow(/expected the next page on/);
  await expect(
    fetchDevelopment({ ...options, code: [{ asset: 'E', repositories: ['../x/y'] }] }),
  ).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  limited = true;
  await expect(fetchDevelopment({ ...options, code })).rejects.toMatchObject({
    next: expect.stringContaining('2023-11-14T22:13:20Z'),
  });
});
