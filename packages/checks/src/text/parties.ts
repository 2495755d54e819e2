/** A company or person, with its place. */
export interface NameMention {
  start: number;
  end: number;
  name: string;
}

/** A word that the document gives a meaning: `Acme Ltd (the “Supplier”)` or `“Fee” means …`. */
export interface Definition {
  start: number;
  end: number;
  term: string;
  /** The party that a bracket names; null where the term has a meaning in words. */
  party: string | null;
  /** The meaning as compared: lower case, single spaces. */
  meaning: string;
  /** `“Fee” means …`, not a bracket. */
  inWords: boolean;
}

const SUFFIX =
  '(?:Ltd|Limited|Inc|Incorporated|LLC|L\\.L\\.C|LLP|L\\.P|LP|PLC|plc|Corp|Corporation|Company|GmbH|mbH|AG|KG|SE|S\\.A\\.S|SAS|S\\.A|SA|S\\.p\\.A|SpA|S\\.r\\.l|SRL|SARL|B\\.V|BV|N\\.V|NV|Oy|AB|ASA|ApS|Pty|Foundation|Stiftung|Trust)';
const WORD = "(?:\\p{N}{0,3}\\p{Lu}[\\p{L}\\p{N}'’.&-]{0,40}|&)";
const LINK = '(?:of|and|de|der|von|van)';
const COMPANY = new RegExp(
  `(?<![\\p{L}\\p{N}])${WORD}(?:[ \\n]${WORD}|[ \\n]${LINK}(?=[ \\n]${WORD})){0,6}?,?[ \\n](?:\\(?${SUFFIX}\\)?(?:\\.|(?![\\p{L}\\p{N}]))(?:[ \\n](?:&[ \\n])?(?:Co|${SUFFIX})(?:\\.|(?![\\p{L}\\p{N}])))?)`,
  'gu',
);
/** Words that stand before a name without being part of it. */
const LEADING =
  /^(?:(?:Between|And|By|This|The|An?|With|From|To|Of|For|In|On|At|Whereas|WHEREAS|BETWEEN|AND|Whether|When|If|As|Under|Seller|Buyer|Supplier|Vendor|Customer|Client|Bill|Invoice|Sold|Ship|Issued|Party|Agreement|Contract|Lender|Borrower|Licensor|Licensee|Provider|Signed|Name|Executed|Company|Our|Your|Dear|Payee|Payer)[:,]?\s+)+/;

/** Capitals that run on into a name: "IN WITNESS WHEREOF Acme Ltd". */
const SHOUTED =
  /^(?:(?:IN|WITNESS|WHEREOF|THIS|AGREEMENT|CONTRACT|BETWEEN|AND|BY|FOR|ON|BEHALF|OF|THE|WHEREAS|SIGNED|EXECUTED|DATED)\s+)+/;

/** Finds companies by their legal form. */
export function findCompanies(text: string): NameMention[] {
  const found: NameMention[] = [];
  for (const { 0: raw, index } of text.matchAll(COMPANY)) {
    let offset = 0;
    // A line of capitalised words alone is a heading, not the beginning of the name below it.
    const newline = raw.lastIndexOf('\n');
    if (
      newline > 0 &&
      (index === 0 || text[index - 1] === '\n') &&
      !new RegExp(`^\\n${SUFFIX}`).test(raw.slice(newline))
    )
      offset = newline + 1;
    offset += SHOUTED.exec(raw.slice(offset))?.[0].length ?? 0;
    offset += LEADING.exec(raw.slice(offset))?.[0].length ?? 0;
    // "and" between two capitalised words may join two companies: "Smith and Jones Ltd" is rarer than "A Ltd and B Ltd".
    const name = raw.slice(offset).replace(/\s+/g, ' ');
    if (name.split(' ').length < 2) continue;
    found.push({ start: index + offset, end: index + raw.length, name });
  }
  return found;
}

const OPENING = '["“„«‘\']';
const CLOSING = '["”“»’\']';
const BRACKET = new RegExp(
  `\\(\\s*(?:(?:together|collectively|each|individually|jointly|hereinafter|hereafter|hereby|referred to|referred|called|known|defined|as|to|the|an?|or|and|also|its?|being|such|date)[\\s,]+)*${OPENING}(?:the\\s+)?([\\p{Lu}][^"“”„«»‘’()]{1,58}?)${CLOSING}[^()]{0,60}\\)`,
  'gu',
);
const MEANS = new RegExp(
  `${OPENING}([\\p{Lu}][^"“”„«»\\n]{1,58}?)${CLOSING}\\s+(?:shall\\s+)?(?:means?|refers?\\s+to|is\\s+defined\\s+as|has\\s+the\\s+meaning|have\\s+the\\s+meaning|denotes?)\\b[\\s,:]*([^.;“"„«]{2,300})`,
  'gu',
);

/** Finds what the document defines. */
export function findDefinitions(text: string, companies: readonly NameMention[]): Definition[] {
  const found: Definition[] = [];
  let at = 0;
  for (const match of text.matchAll(BRACKET)) {
    const [start, end] = [match.index, match.index + match[0].length];
    const before = text.slice(Math.max(0, start - 300), start);
    const previous = found.at(-1)?.end ?? 0;
    while (at + 1 < companies.length && companies[at + 1]!.start < start) at++;
    const company = companies[at];
    const from = Math.max(previous, start - 300);
    const party = NO_PARTY.test(match[1]!)
      ? null
      : company !== undefined && company.start >= from && company.end <= start
        ? company.name
        : personBefore(text.slice(from, start));
    found.push({
      start,
      end,
      term: termOf(match[1]!),
      party,
      meaning: normalised(party ?? before.slice(-60)),
      inWords: false,
    });
  }
  for (const match of text.matchAll(MEANS)) {
    found.push({
      start: match.index,
      end: match.index + match[0].trimEnd().length,
      term: termOf(match[1]!),
      party: null,
      meaning: normalised(match[2]!),
      inWords: true,
    });
  }
  return found.sort((a, b) => a.start - b.start);
}

/** Terms that name a thing, whatever name stands before them. */
const NO_PARTY =
  /\b(Dates?|Fees?|Price|Amount|Agreement|Contract|Services?|Term|Period|Territory|Deposit|Loan|Goods|Products?|Software|Shares?|Property|Premises|Project|Works?|Order|Data|Information|Party|Parties|Act|Laws?|Tokens?|Platform|System|Schedule|Invoice)$/;

/** The parties that the document itself names as such: in its opening, by a label, or by a bracket. */
export function findParties(
  text: string,
  companies: readonly NameMention[],
  definitions: readonly Definition[],
): NameMention[] {
  const parties: NameMention[] = [];
  const add = (party: NameMention) => {
    if (!parties.some(({ name }) => sameName(name, party.name))) parties.push(party);
  };
  for (const { party, start } of definitions) {
    if (party === null) continue;
    const at = text.lastIndexOf(party.split(' ')[0]!, start);
    add({ start: Math.max(0, at), end: start, name: party });
  }
  for (const match of text.matchAll(LABEL)) {
    const name = match[2]!.split(/\s{2,}|\t|,\s(?!(?:Inc|LLC|Ltd)\b)/)[0]!.trim();
    if (!/^\p{Lu}/u.test(name) || name.length > 80 || name.split(' ').length < 2) continue;
    const start = match.index + match[0].indexOf(name);
    add({ start, end: start + name.length, name });
  }
  const opening = /\b(?:by and between|between|by and among|entered into by)\b/i.exec(text.slice(0, 5000));
  if (opening !== null) {
    for (const company of companies) {
      if (company.start > opening.index && company.start < opening.index + 600) add(company);
    }
  }
  return parties;
}

const LABEL =
  /^[ \t]*(Seller|Supplier|Vendor|From|Bill(?:ed)? to|Invoice(?:d)? to|Sold to|Customer|Buyer|Purchaser|Client|Issued by|Issuer|Party [AB12]|Parties|Lessor|Lessee|Landlord|Tenant|Borrower|Lender|Licensor|Licensee|Service Provider|Provider|Contractor|Consultant)[ \t]*(?:[:\t]|\n)[ \t\n]*([^\n]{3,120})/gim;

/** Between the last "between", "and" or number and the bracket: the first words with capitals. */
function personBefore(text: string): string | null {
  const clause = text.split(/\b(?:between|and|among)\b|\(\d\)|\n\n|[;:]/i).at(-1) ?? '';
  const name = /(?<![\p{L}])(\p{Lu}[\p{L}'’.-]+(?:[ \n]\p{Lu}[\p{L}'’.-]*){1,3})/u.exec(clause)?.[1];
  return name === undefined ? null : name.replace(/\s+/g, ' ').replace(LEADING, '');
}

const FORMS: Record<string, string> = {
  limited: 'ltd',
  incorporated: 'inc',
  corporation: 'corp',
  company: 'co',
};

/** A name as compared: lower case, no punctuation, one spelling of each legal form. */
export function normaliseName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/(?<=\p{L})\.(?=\p{L}\b)/gu, '')
    .replace(/[^\p{L}\p{N}&]+/gu, ' ')
    .trim()
    .split(' ')
    .map((word) => FORMS[word] ?? word)
    .join(' ');
}

const LEGAL_FORM =
  / (?:ltd|inc|llc|llp|lp|plc|corp|co|gmbh|mbh|ag|kg|se|sa|sas|spa|srl|sarl|bv|nv|oy|ab|asa|aps|pty)$/;

/** A name without its legal form. */
export function stemOf(name: string): string {
  let stem = normaliseName(name);
  for (let i = 0; i < 3; i++) stem = stem.replace(LEGAL_FORM, '');
  return stem;
}

export function sameName(a: string, b: string): boolean {
  return normaliseName(a) === normaliseName(b);
}

/** Letters to change for one name to become the other; stops counting beyond `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return Math.min(row[b.length]!, limit + 1);
}

function termOf(term: string): string {
  return term.replace(/\s+/g, ' ').replace(/^the /i, '').replace(/[,.]$/, '').trim();
}

function normalised(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}%$€£]+/gu, ' ')
    .trim();
}
